"""`icb-dashboard serve` as a process of its own: what gunicorn makes of requests, and accounts changed meanwhile."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
import requests

from dashboard.access import Scope, accounts
from dashboard.access.settings import load_access_settings
from dashboard.access.tables import open_database
from tests.dashboard.access.house import PASSWORD, form_token

START_SECONDS = 60


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def port(home: Path) -> Iterator[int]:
    """Where the server of `home` listens, until the tests are over."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        free: int = listener.getsockname()[1]
    command = [sys.executable, "-m", "dashboard.cli", "serve", "--port", str(free), "--workers", "1"]
    with subprocess.Popen(command, env={**os.environ, "ICB_HOME": str(home)}, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_until_up(free)
            yield free
        finally:
            process.terminate()


def _wait_until_up(port: int) -> None:
    for _ in range(10 * START_SECONDS):
        try:
            assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=START_SECONDS).json() == {"status": "up"}
            return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
    pytest.fail("the server did not start")


@pytest.mark.parametrize("path", ["/login", "/logout", "/_dash-update-component", "/no-such-page"])
def test_a_refused_body_does_not_cost_the_connection(port: int, path: str) -> None:
    """A proxy keeps its connections: one that is closed after an answer fails somebody else's request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    body = b"x" * 200_000
    for _ in range(3):
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Content-Type", "application/json")
        connection.endheaders()
        connection.send(body)
        answer = connection.getresponse()
        assert 400 <= answer.status < 500
        answer.read()
        kept = connection.sock
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert (answer.status, connection.sock is kept) == (200, True)
        answer.read()
    connection.close()


@pytest.mark.parametrize("length_is_given", [True, False])
def test_who_sends_ten_megabytes_gets_to_read_the_refusal(port: int, length_is_given: bool) -> None:
    body = b"x" * (10 * 1024 * 1024)
    parts = (body[place : place + 65536] for place in range(0, len(body), 65536))
    answer = requests.post(
        f"http://127.0.0.1:{port}/login", data=body if length_is_given else parts, timeout=30,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert answer.status_code == 413


def test_loopback_is_no_trusted_proxy_unless_it_is_named(port: int) -> None:
    """Gunicorn of itself believes X-Forwarded-Proto from this machine."""
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
    answer = requests.get(f"http://127.0.0.1:{port}/login", headers=forwarded, timeout=10)
    assert "Secure" not in answer.headers["Set-Cookie"]
    assert "Strict-Transport-Security" not in answer.headers
    assert "evil" not in answer.text + str(answer.headers)


def test_an_account_is_ready_at_once_and_gone_at_once(port: int, home: Path) -> None:
    database = open_database(load_access_settings(home=home))
    accounts.add(database, "ada", "viewer", Scope("icb"), PASSWORD)
    with requests.Session() as browser:
        address = f"http://127.0.0.1:{port}"
        form = browser.get(f"{address}/login", timeout=10)
        data = {"username": "ada", "password": PASSWORD, "csrf_token": form_token(form)}
        assert browser.post(f"{address}/login", data=data, allow_redirects=False, timeout=10).status_code == 303
        inside = [browser.get(f"{address}/api", allow_redirects=False, timeout=10).status_code for _ in range(4)]
        accounts.disable(database, "ada")
        outside = [browser.get(f"{address}/api", allow_redirects=False, timeout=10).status_code for _ in range(4)]
    database.engine.dispose()
    assert (set(inside), set(outside)) == ({200}, {302})
