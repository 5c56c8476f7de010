"""Signing in and out, cookies, forgery, throttling and headers, over HTTP."""

import base64
import hashlib
import json
import re
from datetime import timedelta

import pyotp
import pytest
from dash import Dash
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.access import accounts, audit, csrf, session
from dashboard.access.login import safe_next
from tests.dashboard.access.conftest import Clock
from tests.dashboard.access.house import PASSWORD, UPDATE, callback_body, form_token, sign_in

EVIL = [
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
    "https:evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", "\t//evil.example",
    " //evil.example", "/\r\nSet-Cookie: a=b", "evil.example", "http:///evil.example", "/\x00/evil.example",
    "//evil.example/%2f..", "/login", "/login?next=/login", "@evil.example", "",
]  # fmt: skip


@pytest.fixture
def client(app: Dash) -> FlaskClient:
    """A browser."""
    return app.server.test_client()


def test_signing_in_and_out(client: FlaskClient) -> None:
    assert client.get("/").headers["Location"] == "/login"
    assert client.head("/login").status_code == 200
    assert client.get("/practice/Y00001?period=2026-10").headers["Location"] == (
        "/login?next=/practice/Y00001%3Fperiod%3D2026-10"
    )
    answer = sign_in(client, "icb-viewer", where="/login?next=/practice/Y00001%3Fperiod%3D2026-10")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/practice/Y00001?period=2026-10")
    assert client.get("/").status_code == 200
    assert client.get("/login").status_code == client.head("/login").status_code == 302
    assert client.get("/logout").status_code == 404
    assert client.post("/logout").status_code == 403, "without a token"
    assert client.get("/").status_code == 200
    assert client.post("/logout", data={"csrf_token": _token_of(client)}).status_code == 303
    assert client.get("/").status_code == 302


def test_signing_out_ends_the_session_on_the_server(client: FlaskClient) -> None:
    sign_in(client, "icb-viewer")
    stolen = client.get_cookie(session.COOKIE).value
    client.post("/logout", data={"csrf_token": _token_of(client)})
    client.set_cookie(session.COOKIE, stolen)
    assert client.get("/").status_code == 302


def test_the_session_id_changes_at_sign_in(client: FlaskClient) -> None:
    client.set_cookie(session.COOKIE, "chosen-by-another")
    assert sign_in(client, "icb-viewer").status_code == 303
    first = client.get_cookie(session.COOKIE).value
    assert first != "chosen-by-another"
    client.delete_cookie(session.COOKIE)
    sign_in(client, "icb-viewer")
    assert client.get_cookie(session.COOKIE).value != first


@pytest.mark.parametrize("data", [{"password": "wrong"}, {"username": "nobody"}, {"password": ""}, {"username": " "}])
def test_a_wrong_name_or_password_is_told_alike(client: FlaskClient, data: dict[str, str]) -> None:
    answer = sign_in(client, **{"name": "icb-viewer", **data}) if "username" not in data else _post_login(client, data)
    assert answer.status_code in (400, 401)
    assert 'role="alert"' in answer.text
    assert session.COOKIE not in _cookies(answer)


def test_an_unknown_name_gets_the_same_bytes(client: FlaskClient) -> None:
    known, unknown = (sign_in(client, name, "wrong password") for name in ("icb-viewer", "icb-vieweq"))
    assert known.status_code == unknown.status_code == 401
    same = re.sub(r'value="[^"]*"', "", known.text)
    assert same == re.sub(r'value="[^"]*"', "", unknown.text)


def test_fifty_wrong_passwords(app: Dash, client: FlaskClient, clock: Clock) -> None:
    for name in ("icb-viewer", "nobody"):
        answers = [sign_in(client, name, f"wrong password {number}") for number in range(50)]
        statuses = [answer.status_code for answer in answers]
        assert statuses[0] == 401
        assert set(statuses[9:]) == {429}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers[9:])
    answer = sign_in(client, "icb-viewer")
    assert answer.status_code == 429, "the right password, but locked"
    assert sign_in(client, "icb-exporter").status_code == 303, "someone else at the same address"
    clock.forward(minutes=31)
    assert sign_in(app.server.test_client(), "icb-viewer").status_code == 303
    events = [(event.event, json.loads(event.detail)) for event in audit.recent(app.server.extensions["access"])]
    assert ("sign_in.locked", {"account": "icb-viewer"}) in events
    assert ("sign_in.refused", {"account": None}) in events


def test_a_six_digit_code(app: Dash, client: FlaskClient) -> None:
    database = app.server.extensions["access"]
    assert 'name="code"' not in client.get("/login").text
    totp = pyotp.parse_uri(accounts.enable_totp(database, "icb-viewer"))
    assert 'name="code"' in client.get("/login").text
    assert sign_in(client, "icb-viewer").status_code == 401
    assert sign_in(client, "icb-viewer", code=totp.now()).status_code == 303


@pytest.mark.parametrize("where", EVIL)
def test_next_never_leads_elsewhere(client: FlaskClient, where: str) -> None:
    form = client.get("/login", query_string={"next": where})
    token = form_token(form)
    data = {"username": "icb-viewer", "password": PASSWORD, "csrf_token": token}
    answer = client.post("/login", query_string={"next": where}, data=data)
    assert answer.headers["Location"] == "/"


@given(st.text(alphabet="/\\.:@?#%\t\n\x00 aeh1é\u2215", max_size=12))
@settings(max_examples=200, deadline=None)
def test_next_is_a_path_of_this_server(where: str) -> None:
    safe = safe_next(where)
    assert re.fullmatch(r"/(?!/)[!-~]*", safe)
    assert "\\" not in safe


def test_forged_sign_in_is_refused(client: FlaskClient) -> None:
    data = {"username": "icb-viewer", "password": PASSWORD}
    assert client.post("/login", data=data).status_code == 403
    token = form_token(client.get("/login"))
    for wrong in ("", "x", token[:-1] + ("0" if token[-1] != "0" else "1"), token.upper() + "é"):
        assert client.post("/login", data={**data, "csrf_token": wrong}).status_code == 403
    for origin in ("https://evil.example", "http://localhost.evil.example", "http://localhost:1", "http://LOCALHOST@e"):
        answer = client.post("/login", data={**data, "csrf_token": token}, headers={"Origin": origin})
        assert answer.status_code == 403, origin
    for origin in ("null", "http://localhost"):
        assert client.post("/login", data=data, headers={"Origin": origin}).status_code == 403, "no token"
    other = client.application.test_client()
    assert other.post("/login", data={**data, "csrf_token": token}).status_code == 403, "another browser's token"
    other.get("/login")
    assert other.post("/login", data={**data, "csrf_token": token}).status_code == 403
    right = client.post("/login", data={**data, "csrf_token": token}, headers={"Origin": "http://localhost"})
    assert right.status_code == 303


def test_forged_callbacks_are_refused(client: FlaskClient) -> None:
    assert client.post(UPDATE, json=callback_body(), headers={"Origin": "http://localhost"}).status_code == 401
    sign_in(client, "icb-viewer")
    token = _token_of(client)
    for headers, status in [
        ({}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://localhost"}, 403),
        ({"Origin": "https://evil.example", "X-CSRFToken": token}, 403),
        ({"Origin": "http://localhost", "X-CSRFToken": "wrong"}, 403),
        ({"X-CSRFToken": "wrong"}, 403),
        ({"Origin": "http://localhost"}, 200),
        ({"X-CSRFToken": token}, 200),
        ({"Origin": "null", "X-CSRFToken": token}, 200),
    ]:
        assert client.post(UPDATE, json=callback_body(), headers=headers).status_code == status, headers


def test_cookies(app: Dash) -> None:
    # (scheme and host in the address bar, the client's address, whether Secure may be left out)
    for base, address, plain in [
        ("http://localhost:8050", "127.0.0.1", True),
        ("http://127.0.0.1:8050", "127.0.0.1", True),
        ("http://[::1]:8050", "::1", True),
        ("https://localhost", "127.0.0.1", False),
        ("http://localhost:8050", "192.0.2.1", False),
        ("http://dashboard.example", "127.0.0.1", False),
        ("http://localhost.evil.example", "127.0.0.1", False),
        ("https://dashboard.example", "192.0.2.1", False),
    ]:
        client = app.server.test_client()
        environ = {"base_url": base, "environ_base": {"REMOTE_ADDR": address}}
        form = client.get("/login", **environ)
        visitor = re.match(r"icb_visitor=([^;]+)", form.headers["Set-Cookie"]).group(1)
        data = {"username": "icb-viewer", "password": PASSWORD, "csrf_token": form_token(form)}
        answer = client.post("/login", data=data, headers={"Cookie": f"icb_visitor={visitor}"}, **environ)
        assert answer.status_code == 303
        for cookie in [*_cookies(form).values(), *_cookies(answer).values()]:
            flags = {flag.strip() for flag in cookie.split(";")}
            assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= flags
            assert ("Secure" in flags) != plain, (base, address)
        assert not any("Domain" in cookie for cookie in _cookies(answer).values())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_tampered_cookie_is_worth_nothing(app: Dash, data: st.DataObject) -> None:
    client = app.server.test_client()
    if not hasattr(app, "good_cookie"):
        sign_in(client, "icb-viewer")
        app.good_cookie = client.get_cookie(session.COOKIE).value  # type: ignore[attr-defined]
    good = app.good_cookie  # type: ignore[attr-defined]
    at = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCXYZ0189-_=.'"))
    wrong = data.draw(st.sampled_from([good[:at] + other + good[at + 1 :], good[:at], good + other, other]))
    client.set_cookie(session.COOKIE, wrong)
    assert client.get("/").status_code == (200 if wrong == good else 302)


def test_a_disabled_account_is_out_at_its_next_request(app: Dash, client: FlaskClient) -> None:
    sign_in(client, "icb-viewer")
    assert client.get("/").status_code == 200
    accounts.disable(app.server.extensions["access"], "icb-viewer")
    assert client.get("/").status_code == 302
    assert client.post(UPDATE, json=callback_body(), headers={"Origin": "http://localhost"}).status_code == 401
    assert sign_in(client, "icb-viewer").status_code == 401


def test_set_password(app: Dash, client: FlaskClient) -> None:
    link = accounts.reset(app.server.extensions["access"], "icb-viewer")
    form = client.get(link)
    assert form.status_code == 200
    assert form.headers["Referrer-Policy"] == "same-origin"
    assert form.headers["Cache-Control"] == "no-store"
    token = form_token(form)
    new = "another good password"
    assert client.post(link, data={"password": new, "again": new}).status_code == 403
    for password, again in [(new, "different"), ("short", "short"), ("", "")]:
        answer = client.post(link, data={"password": password, "again": again, "csrf_token": token})
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
    assert client.post(link, data={"password": new, "again": new, "csrf_token": token}).status_code == 303
    used = client.get(link)
    assert used.status_code == 404
    assert used.text == client.get("/set-password/never-made").text
    assert sign_in(client, "icb-viewer").status_code == 401
    assert sign_in(client, "icb-viewer", new).status_code == 303


def test_headers(client: FlaskClient) -> None:
    for path in ("/login", "/healthz", "/nothing", "/assets/login.css"):
        with client.get(path) as answer:
            headers = answer.headers
        policy = headers["Content-Security-Policy"]
        scripts = re.search(r"script-src ([^;]*)", policy).group(1)
        assert "unsafe" not in scripts
        assert "*" not in policy
        for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "object-src 'none'"):
            assert part in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Strict-Transport-Security" not in headers
    assert "Strict-Transport-Security" in client.get("/login", base_url="https://dashboard.example").headers
    assert client.get("/login").headers["Cache-Control"] == "no-store"


def test_each_inline_script_of_the_page_is_allowed_by_hash(client: FlaskClient) -> None:
    sign_in(client, "icb-viewer")
    answer = client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    html = re.sub(r"<!--.*?-->", "", answer.text, flags=re.DOTALL)
    scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>(.*?)</script>", html, re.DOTALL)
    assert scripts
    for script in scripts:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy, script


def test_healthz_and_readyz_are_public_and_say_little(app: Dash, client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "up"}
    expected = {"status": "ready", "generation": "switchboard-000001.duckdb", "age_seconds": 60}
    assert client.get("/readyz").json == expected

    def broken() -> None:
        raise OSError("/home/secret is gone")

    for ask in (lambda: None, broken, None):
        app.server.config["SWITCHBOARD_GENERATION"] = ask
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "secret" not in answer.text


def test_html_in_names_is_shown_as_text(client: FlaskClient) -> None:
    answer = sign_in(client, '"><script>alert(1)</script>', "wrong password")
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_the_clock_of_a_session_runs(client: FlaskClient, clock: Clock, app: Dash) -> None:
    sign_in(client, "icb-viewer")
    clock.forward(minutes=app.server.extensions["access"].settings.access_idle_minutes + 1)
    assert clock.ahead > timedelta()
    assert client.get("/").status_code == 302


def _token_of(client: FlaskClient) -> str:
    """The token a form of a signed-in page would hold."""
    with client:
        client.get("/")
        return csrf.token()


def _post_login(client: FlaskClient, data: dict[str, str]):  # type: ignore[no-untyped-def]
    token = form_token(client.get("/login"))
    return client.post("/login", data={"password": "wrong password", "csrf_token": token, **data})


def _cookies(answer) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """Set-Cookie headers by cookie name."""
    return {header.partition("=")[0]: header for header in answer.headers.getlist("Set-Cookie")}
