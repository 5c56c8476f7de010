"""Deliveries to a folder, a real SFTP server and a real MESH sandbox: whole, acknowledged, once."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import paramiko
import pytest
import requests
from mesh_client import MeshClient

from etl.exports.definitions import definitions
from etl.exports.delivery import DeliveryError, send
from etl.exports.history import History
from etl.exports.schedule import look
from etl.exports.settings import ExportSettings
from etl.settings import Settings
from tests.etl.exports.test_schedule import BEFORE, DUE, Clock, made, with_own

CONTENT = b"period_start,value\r\n2026-10-01,1.000000\r\n"
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file to send, with its metadata beside it."""
    path = tmp_path / "made" / "mine_qzz_2026-10_month_v1.csv"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    path.with_name(path.name + "-metadata.json").write_text("{}")
    return path


# -- folder


def test_a_folder_gets_the_file_and_its_metadata(file: Path, tmp_path: Path) -> None:
    settings = ExportSettings(folder={"path": tmp_path / "box"})  # type: ignore[arg-type]
    assert send("folder", file, SHA, settings) == send("folder", file, SHA, settings)
    assert sorted(path.name for path in (tmp_path / "box").iterdir()) == [file.name, file.name + "-metadata.json"]
    assert (tmp_path / "box" / file.name).read_bytes() == CONTENT


def test_a_different_file_of_the_name_is_left_alone(file: Path, tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / file.name).write_bytes(b"another")
    with pytest.raises(DeliveryError, match="left alone"):
        send("folder", file, SHA, ExportSettings(folder={"path": tmp_path / "box"}))  # type: ignore[arg-type]
    assert (tmp_path / "box" / file.name).read_bytes() == b"another"


def test_a_file_that_was_changed_is_not_sent(file: Path) -> None:
    file.write_bytes(CONTENT + b"x")
    with pytest.raises(DeliveryError, match="not the file that the manifest names"):
        send("folder", file, SHA, ExportSettings())


def test_a_route_without_settings_says_so(file: Path) -> None:
    for route in ("sftp", "mesh"):
        with pytest.raises(DeliveryError, match=rf"\[exports\.{route}\]"):
            send(route, file, SHA, ExportSettings())


# -- SFTP: paramiko's own server, on the loopback


class Server(paramiko.ServerInterface):
    """Lets in icb / secret, to SFTP only."""

    def check_auth_password(self, username: str, password: str) -> int:
        """Paramiko asks this."""
        good = (username, password) == ("icb", "secret")
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        """Paramiko asks this."""
        return paramiko.OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        """Paramiko asks this."""
        return "password"


class Files(paramiko.SFTPServerInterface):
    """A folder over SFTP. `writes_left`: how many more writes succeed, as on a disk that fills up."""

    root: Path
    writes_left = 10**9
    opened_for_writing: list[str] = []  # noqa: RUF012

    def _path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> Any:
        """Paramiko asks this."""
        target = self._path(path)
        if flags & os.O_WRONLY or flags & os.O_RDWR:
            Files.opened_for_writing.append(path)
        try:
            descriptor = os.open(target, flags, 0o600)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        handle = Handle(flags)
        mode = "wb" if flags & os.O_WRONLY else "rb"
        stream = os.fdopen(descriptor, mode)
        handle.readfile = handle.writefile = stream  # type: ignore[attr-defined]
        return handle

    def stat(self, path: str) -> Any:
        """Paramiko asks this."""
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def rename(self, oldpath: str, newpath: str) -> int:
        """As OpenSSH: refuses to replace a file."""
        if self._path(newpath).exists():
            return paramiko.SFTP_FAILURE
        self._path(oldpath).rename(self._path(newpath))
        return paramiko.SFTP_OK


class Handle(paramiko.SFTPHandle):
    """An open file that can run out of disk."""

    def write(self, offset: int, data: bytes) -> int:
        """Paramiko asks this."""
        Files.writes_left -= 1
        return paramiko.SFTP_FAILURE if Files.writes_left < 0 else super().write(offset, data)

    def stat(self) -> Any:
        """Paramiko asks this."""
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))  # type: ignore[attr-defined]


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Settings for a server that is running; its files are in `tmp_path / "remote"`."""
    Files.root, Files.writes_left, Files.opened_for_writing = tmp_path / "remote", 10**9, []
    (Files.root / "incoming").mkdir(parents=True)
    key = paramiko.ECDSAKey.generate()
    listener = socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
            transports.append(transport)
            try:
                transport.start_server(server=Server())
            except (paramiko.SSHException, EOFError, OSError):
                # a caller that does not trust our key may hang up in the middle of a sentence
                transport.close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    monkeypatch.setenv("ICB_SFTP_PASSWORD", "secret")
    yield {
        "host": "127.0.0.1",
        "port": listener.getsockname()[1],
        "user": "icb",
        "host_key": f"{key.get_name()} {key.get_base64()}",
        "folder": "incoming",
    }
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for transport in transports:
        transport.close()
    thread.join(10)


def over(sftp: dict[str, Any], **changes: Any) -> ExportSettings:
    return ExportSettings(sftp={**sftp, **changes})  # type: ignore[arg-type]


def remote(tmp_path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (tmp_path / "remote" / "incoming").iterdir()}


def test_sftp_sends_the_bytes_once(sftp: dict[str, Any], file: Path, tmp_path: Path) -> None:
    receipt = send("sftp", file, SHA, over(sftp))
    assert receipt.endswith(f"/incoming/{file.name}")
    assert remote(tmp_path) == {file.name: CONTENT, f"{file.name}-metadata.json": b"{}"}
    written = len(Files.opened_for_writing)
    assert send("sftp", file, SHA, over(sftp)) == receipt
    assert len(Files.opened_for_writing) == written


def test_sftp_to_another_server_sends_nothing(sftp: dict[str, Any], file: Path, tmp_path: Path) -> None:
    other = paramiko.ECDSAKey.generate()
    with pytest.raises(DeliveryError, match="pinned"):
        send("sftp", file, SHA, over(sftp, host_key=f"{other.get_name()} {other.get_base64()}"))
    assert remote(tmp_path) == {}


def test_sftp_with_a_wrong_password_or_key(
    sftp: dict[str, Any], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeliveryError, match="failed"):
        send("sftp", file, SHA, over(sftp, host_key="ssh-rsa nonsense"))
    monkeypatch.setenv("ICB_SFTP_PASSWORD", "wrong")
    with pytest.raises(DeliveryError, match="Authentication"):
        send("sftp", file, SHA, over(sftp))
    assert remote(tmp_path) == {}


def test_sftp_to_a_full_disk_is_not_sent_and_goes_later(sftp: dict[str, Any], file: Path, tmp_path: Path) -> None:
    Files.writes_left = 1
    with pytest.raises(DeliveryError):
        send("sftp", file, SHA, over(sftp))
    assert file.name not in remote(tmp_path)
    Files.writes_left = 10**9
    send("sftp", file, SHA, over(sftp))
    assert remote(tmp_path) == {file.name: CONTENT, f"{file.name}-metadata.json": b"{}"}


def test_sftp_leaves_another_file_of_the_name(sftp: dict[str, Any], file: Path, tmp_path: Path) -> None:
    (tmp_path / "remote" / "incoming" / file.name).write_bytes(b"another")
    with pytest.raises(DeliveryError, match="left alone"):
        send("sftp", file, SHA, over(sftp))
    assert remote(tmp_path)[file.name] == b"another"


def test_nobody_answers(file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = {"host": "127.0.0.1", "port": port, "user": "icb", "host_key": "ssh-ed25519 AAAA"}
    with pytest.raises(DeliveryError, match="failed"):
        send("sftp", file, SHA, ExportSettings(sftp=settings))  # type: ignore[arg-type]


# -- MESH


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    """The address of a MESH sandbox on the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "STORE_MODE": "memory", "AUTH_MODE": "full", "SHARED_KEY": "TestKey"}
    command = [sys.executable, "-W", "ignore", "-m", "uvicorn", "mesh_sandbox.api:app", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                requests.get(f"{address}/health", timeout=5)
                break
            except requests.ConnectionError:
                assert server.poll() is None, "the sandbox did not start"
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def mesh(sandbox: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Settings for the sandbox, with empty inboxes."""
    monkeypatch.setenv("ICB_MESH_PASSWORD", "password")
    monkeypatch.setenv("ICB_MESH_SHARED_KEY", "TestKey")
    yield {"url": sandbox, "mailbox": "X26ABC1", "recipient": "X26ABC2", "workflow_id": "ICB_ACCESS"}
    received(sandbox)


def received(address: str) -> list[dict[str, Any]]:
    """What waits in the recipient's inbox, taken out."""
    found = []
    with MeshClient(address, "X26ABC2", "password", shared_key=b"TestKey") as client:
        for message in client.iterate_all_messages():
            with message:
                found.append(
                    {
                        "content": message.read(),
                        "filename": message.filename,
                        "workflow_id": message.workflow_id,
                        "sender": message.sender,
                    }
                )
                message.acknowledge()
    return found


def test_mesh_receives_exactly_the_bytes_once(mesh: dict[str, Any], file: Path) -> None:
    settings = ExportSettings(mesh=mesh)  # type: ignore[arg-type]
    receipt = send("mesh", file, SHA, settings)
    assert send("mesh", file, SHA, settings) == receipt
    assert received(mesh["url"]) == [
        {"content": CONTENT, "filename": file.name, "workflow_id": "ICB_ACCESS", "sender": "X26ABC1"}
    ]


def test_mesh_refusals_are_not_sent(mesh: dict[str, Any], file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = file.with_name("other_qzz_2026-10_month_v1.csv")
    other.write_bytes(CONTENT)
    with pytest.raises(DeliveryError):
        send("mesh", other, SHA, ExportSettings(mesh={**mesh, "recipient": "NOBODY"}))  # type: ignore[arg-type]
    monkeypatch.setenv("ICB_MESH_PASSWORD", "wrong")
    with pytest.raises(DeliveryError, match="HTTP 403"):
        send("mesh", other, SHA, ExportSettings(mesh=mesh))  # type: ignore[arg-type]
    assert received(mesh["url"]) == []


def test_the_calendar_sends_by_mesh_what_the_manifest_names(
    mesh: dict[str, Any], home_of: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempts find nobody; later ones deliver, once."""
    nowhere = {**mesh, "url": "http://127.0.0.1:9"}
    settings = with_own(home_of({"mesh": nowhere, "delivery": {"mine": "mesh"}}))
    History(settings.home).begin(BEFORE)
    first = look(settings, Clock(DUE))
    assert [outcome.outcome for outcome in first] == ["done", "failed"]
    assert look(settings, Clock(DUE)) == []
    settings.exports["mesh"] = mesh
    for hour in (1, 2, 3):
        look(settings, Clock(DUE + timedelta(hours=hour)))
    (message,) = received(mesh["url"])
    assert [message["filename"]] == made(settings)
    path = settings.home / "exports" / "mine" / message["filename"]
    assert message["content"] == path.read_bytes()
    assert [row["outcome"] for row in History(settings.home).deliveries()] == ["failed", "sent"]
    assert definitions(settings.home)["mine"].delivery == "folder"
