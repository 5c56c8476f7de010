"""Single sign-on against a real provider (npm oidc-provider), with good tokens and every kind of bad one."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from dash import Dash
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.access import accounts, audit
from tests.dashboard.access.house import build, settings_for

ROOT = Path(__file__).resolve().parents[3]
RULES = [
    {"claim": "groups", "value": "practice-managers", "scope": "practice:{ods_code}"},
    {"claim": "groups", "value": "analysts", "role": "exporter", "scope": "icb"},
]
BAD_TOKENS = [
    "wrong-issuer", "wrong-audience", "wrong-audience-our-party",
    "wrong-nonce", "no-nonce", "expired", "not-yet", "no-subject", "wrong-key",
    "no-signature", "replayed", "no-token",
]  # fmt: skip


def _node_modules() -> Path:
    """Where oidc-provider is: beside package.json, else fetched once into the cache folder."""
    if (ROOT / "node_modules" / "oidc-provider").is_dir():
        return ROOT / "node_modules"
    cache = ROOT / ".cache" / "npm-for-tests"
    cache.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, cache / name)
    if not (cache / "node_modules" / "oidc-provider").is_dir():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit"], cwd=cache, check=True, timeout=300)
    return cache / "node_modules"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The address of a running provider."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        if os.geteuid() == 0:
            pytest.fail("node and npm are needed to test single sign-on: install Node 20")
        pytest.skip("SINGLE SIGN-ON IS NOT TESTED: there is no node on this machine")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    script = Path(__file__).with_name("provider.mjs")
    command = ["node", str(script), str(_node_modules()), str(port), "http://localhost/oidc/callback"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            for line in process.stdout:
                if "ready" in line:
                    break
            assert process.poll() is None, "the provider did not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@pytest.fixture
def app(issuer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dash]:
    """The tiny app, which trusts the provider."""
    app = _app(issuer, tmp_path, monkeypatch)
    yield app
    app.server.extensions["access"].engine.dispose()


def _app(issuer: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Dash:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the provider of the tests has no certificate
    oidc = {"oidc_issuer": issuer, "oidc_client_id": "switchboard", "oidc_client_secret": "a secret for tests"}
    return build(settings_for(home, **oidc, oidc_rule=RULES, access_contact="the data team"))


def at_the_provider(address: str, name: str) -> str:
    """Sign in at the provider as a browser would; the address it sends the browser back to."""
    with requests.Session() as browser:
        answer = browser.get(address, timeout=10)
        assert answer.ok, answer.text
        answer = browser.post(
            answer.url, data={"prompt": "login", "login": name, "password": "x"}, timeout=10, allow_redirects=False
        )
        while not answer.headers["Location"].startswith("http://localhost/"):
            answer = browser.get(answer.headers["Location"], timeout=10, allow_redirects=False)
        return str(answer.headers["Location"])


def sign_on(client: FlaskClient, name: str, where: str = "/oidc/login") -> tuple[TestResponse, str]:
    """Our answer at the end of a sign-on, and the address that led to it."""
    back = at_the_provider(client.get(where).headers["Location"], name)
    return client.get(back), back


def test_the_request_to_the_provider_has_state_nonce_and_pkce(app: Dash, issuer: str) -> None:
    client = app.server.test_client()
    assert "/oidc/login" in client.get("/login").text
    first, second = (parse_qs(urlsplit(client.get("/oidc/login").headers["Location"]).query) for _ in range(2))
    assert first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == ["http://localhost/oidc/callback"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 20
        assert first[name] != second[name]


def test_claims_give_role_and_scope(app: Dash) -> None:
    manager, analyst = app.server.test_client(), app.server.test_client()
    answer, _ = sign_on(manager, "manager", "/oidc/login?next=/practice/Y00001")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/practice/Y00001")
    assert manager.get("/api/v1/measures.csv").text == "for practice:Y00001"
    assert manager.get("/practice/Y00002").status_code == 404
    sign_on(analyst, "analyst")
    assert analyst.get("/api/v1/measures.csv").text == "for icb"
    users = {user.name: (user.role, user.scope) for user in accounts.everyone(app.server.extensions["access"])}
    assert users == {
        "manager@nhs.example": ("viewer", "practice:Y00001"),
        "analyst@nhs.example": ("exporter", "icb"),
    }


def test_next_never_leads_elsewhere(app: Dash) -> None:
    answer, _ = sign_on(app.server.test_client(), "analyst", "/oidc/login?next=//evil.example")
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("name", ["stranger", "manager-without-practice"])
def test_who_maps_to_nothing_is_refused_and_told_whom_to_ask(app: Dash, name: str) -> None:
    client = app.server.test_client()
    answer, _ = sign_on(client, name)
    assert answer.status_code == 403
    assert "Ask the data team" in answer.text
    assert client.get("/").status_code == 302
    database = app.server.extensions["access"]
    assert accounts.everyone(database) == []
    [event] = audit.recent(database)
    assert (event.event, event.user_name) == ("sign_in.refused", f"{name}@nhs.example")


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_bad_tokens_are_refused(app: Dash, name: str) -> None:
    assert sign_on(app.server.test_client(), "analyst")[0].status_code == 303
    client = app.server.test_client()
    answer, _ = sign_on(client, name)
    assert answer.status_code == 403
    assert client.get("/").status_code == 302
    assert len(accounts.everyone(app.server.extensions["access"])) == 1


def test_an_answer_works_once_and_in_one_browser(app: Dash) -> None:
    client, thief = app.server.test_client(), app.server.test_client()
    stolen = at_the_provider(client.get("/oidc/login").headers["Location"], "analyst")
    assert thief.get(stolen).status_code == 403, "another browser"
    back = at_the_provider(client.get("/oidc/login").headers["Location"], "analyst")
    assert client.get(re.sub("state=[^&]*", "state=x", back)).status_code == 403
    cookies = client.get_cookie("icb_sign_on").value
    content = app.server.session_interface.get_signing_serializer(app.server).loads(cookies)
    assert "nonce" not in str(content), "state, nonce and verifier stay on the server, where they are used once"
    assert client.get(back).status_code == 303
    for browser in (client, thief):
        browser.set_cookie("icb_sign_on", cookies)
        assert browser.get(back).status_code == 403, "replayed, even with the cookie of before"
    for path in ("/oidc/callback", "/oidc/callback?code=x&state=y", "/oidc/callback?error=access_denied&state=y"):
        assert thief.get(path).status_code == 403


def test_another_issuer_in_the_answer_is_refused(app: Dash) -> None:
    client = app.server.test_client()
    back = at_the_provider(client.get("/oidc/login").headers["Location"], "analyst")
    assert client.get(re.sub("iss=[^&]*", "iss=https://evil.example", back)).status_code == 403


def test_a_provider_that_names_itself_otherwise_is_refused(
    issuer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = _app(issuer.replace("127.0.0.1", "localhost"), tmp_path, monkeypatch)
    answer, back = sign_on(app.server.test_client(), "analyst")
    assert answer.status_code == 403
    client = app.server.test_client()
    back = at_the_provider(client.get("/oidc/login").headers["Location"], "analyst")
    assert client.get(re.sub("&?iss=[^&]*", "", back)).status_code == 403


def test_a_provider_that_is_down_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = _app("http://127.0.0.1:9", tmp_path, monkeypatch)
    answer = app.server.test_client().get("/oidc/login")
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text


def test_a_disabled_account_is_refused(app: Dash) -> None:
    client = app.server.test_client()
    sign_on(client, "analyst")
    accounts.disable(app.server.extensions["access"], "analyst@nhs.example")
    assert client.get("/").status_code == 302
    answer, _ = sign_on(client, "analyst")
    assert answer.status_code == 403
    assert "Ask the data team" in answer.text


def test_without_an_issuer_there_is_no_single_sign_on(tmp_path: Path) -> None:
    client = build(settings_for(tmp_path)).server.test_client()
    assert "/oidc/login" not in client.get("/login").text
    assert client.get("/oidc/login").status_code == 302
