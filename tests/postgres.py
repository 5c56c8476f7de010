"""A real PostgreSQL for tests: its own cluster in a temporary folder, on a free loopback port."""

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

SERVER_USER = "postgres"  # the server refuses to run as root


def binaries() -> Path | None:
    """The newest installed PostgreSQL's folder of programs; None if there is none."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3].split(".")[0])
    )
    if folders:
        return folders[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """SQLAlchemy URL of an empty database. Make a schema or database of your own in it."""
    folder = binaries()
    if folder is None:
        pytest.skip("NOT TESTED ON POSTGRESQL: no initdb on this machine (install the package postgresql)")
    prefix = ["runuser", "-u", SERVER_USER, "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="postgres-test-") as name:
        data = Path(name) / "data"
        if prefix:
            shutil.chown(name, SERVER_USER)
        _run(
            [*prefix, str(folder / "initdb"), "-D", str(data), "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync"],
            name,
        )
        port = _free_port()
        options = f"-h 127.0.0.1 -p {port} -k {name} -c fsync=off -c max_connections=60"
        control = [*prefix, str(folder / "pg_ctl"), "-D", str(data), "-w", "-l", f"{name}/log"]
        _run([*control, "-o", options, "start"], name)
        try:
            yield f"postgresql+psycopg://test@127.0.0.1:{port}/postgres"
        finally:
            _run([*control, "-m", "immediate", "stop"], name)


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """URL of a database of this test's own."""
    with own_database(postgres_url) as url:
        yield url


@contextmanager
def own_database(postgres_url: str) -> Iterator[str]:
    """URL of a new database, as a customer would write it; it is dropped in the end."""
    url = make_url(postgres_url)
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(host=url.host, port=url.port, user=url.username, dbname=url.database, autocommit=True) as con:
        con.execute(f"CREATE DATABASE {name}")
        yield f"postgresql://{url.username}@{url.host}:{url.port}/{name}"
        con.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _run(command: list[str], folder: str) -> None:
    # output to a file: the server would keep a pipe open, and the wait on it would never end
    log = Path(folder) / "commands.log"
    with log.open("ab") as output:
        done = subprocess.run(command, cwd=folder, stdout=output, stderr=output, timeout=120, check=False)
    assert done.returncode == 0, f"{command} failed:\n{log.read_text(errors='replace')}"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
