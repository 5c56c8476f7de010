"""Notices: off unless set; a real SMTP conversation; a real webhook; failures that stop nothing."""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from etl.exports.notice import tell
from etl.exports.settings import ExportSettings, export_settings
from etl.settings import Settings, SettingsError


class Smtp(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs; keeps what it is sent."""

    def handle(self) -> None:
        """One conversation."""
        self.wfile.write(b"220 test\r\n")
        envelope: list[str] = []
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                self.wfile.write(b"354 go on\r\n")
                body = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    body += part
                self.server.mails.append((envelope, body.decode()))  # type: ignore[attr-defined]
            elif word in ("MAIL", "RCPT"):
                envelope.append(line)
            elif word == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    def do_POST(self) -> None:
        """One notice."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def smtp() -> Iterator[Any]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp) as server:
        server.mails = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def hook() -> Iterator[Any]:
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        server.posts = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def mail(port: int) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": port,
        "starttls": False,
        "sender": "switchboard@example.org",
        "to": ["one@example.org", "two@example.org"],
    }


def test_off_by_default() -> None:
    assert tell(ExportSettings(), "failed", "text") == []


def test_mail(smtp: Any) -> None:
    settings = ExportSettings(email=mail(smtp.server_address[1]))  # type: ignore[arg-type]
    assert tell(settings, "held", "care_navigation 2026-10 is held: A99001 Aldermere – no data.") == []
    ((envelope, body),) = smtp.mails
    assert any("two@example.org" in line for line in envelope)
    assert "Subject: Switchboard: An export is held" in body
    assert "care_navigation 2026-10" in body


def test_webhook(hook: Any) -> None:
    settings = ExportSettings(webhook={"url": f"http://127.0.0.1:{hook.server_address[1]}/x"})  # type: ignore[arg-type]
    assert tell(settings, "sent", "a file was sent") == []
    assert hook.posts == [{"event": "sent", "title": "An export was sent", "text": "a file was sent"}]


def test_what_cannot_be_told_is_said_and_stops_nothing(hook: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = ExportSettings(
        email=mail(port),  # type: ignore[arg-type]
        webhook={"url": f"http://127.0.0.1:{hook.server_address[1]}/x"},  # type: ignore[arg-type]
    )
    problems = tell(settings, "landed", "data has landed")
    assert len(problems) == 1
    assert "not mailed" in problems[0]
    assert len(hook.posts) == 1


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(SettingsError, match=r"exports\.sftp\.host_key"):
        export_settings(Settings(exports={"sftp": {"host": "h", "user": "u"}}))
    with pytest.raises(SettingsError, match=r"exports\.colour"):
        export_settings(Settings(exports={"colour": "red"}))
