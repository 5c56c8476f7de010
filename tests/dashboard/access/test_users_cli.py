"""`icb-dashboard users …` as it is run."""

import argparse
import io
import re
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from dashboard.access import accounts
from dashboard.access.tables import open_database
from dashboard.access.users_cli import add_users_parser, create_demo_accounts
from dashboard.cli import main
from tests.dashboard.access.house import PASSWORD, build, settings_for, sign_in
from tests.dashboard.generation import PCNS, PRACTICES, publish


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICB_HOME", str(tmp_path))
    monkeypatch.setenv("ICB_ACCESS_ARGON2_MEMORY_KIB", "64")
    monkeypatch.delenv("ICB_ACCOUNTS_URL", raising=False)


def users(*words: str) -> int:
    """Run `icb-dashboard users` with these words."""
    parser = argparse.ArgumentParser(prog="icb-dashboard")
    add_users_parser(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["users", *words])
    return int(arguments.run(arguments))


def test_an_account_with_a_password_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\nmore"))
    assert users("add", "ada", "--role", "viewer", "--scope", "practice:Y00001", "--password-stdin") == 0
    app = build(settings_for(tmp_path))
    client = app.server.test_client()
    assert sign_in(client, "ada").status_code == 303
    assert "for practice:Y00001" not in client.get("/").text
    assert client.get("/practice/Y00001").status_code == 200


def test_the_printed_link_sets_the_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert users("add", "ada", "--role", "administrator", "--scope", "icb") == 0
    link = re.search(r"http://localhost:8050/set-password/(\S+)", capsys.readouterr().out).group(1)
    database = open_database(settings_for(tmp_path))
    assert accounts.use_link(database, link, PASSWORD) == "ada"


def test_list_scope_disable_reset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    users("add", "ada", "--role", "viewer", "--scope", "icb")
    assert users("scope", "ada", "pcn:U00001", "--role", "exporter") == 0
    assert users("disable", "ada") == 0
    capsys.readouterr()
    assert users("list") == 0
    assert re.search(r"^ada +exporter +pcn:U00001 +password +disabled$", capsys.readouterr().out, re.M)
    assert users("reset", "ada") == 0
    assert "/set-password/" in capsys.readouterr().out
    users("list")
    assert "waiting for a password" in capsys.readouterr().out


def test_tokens_and_codes(capsys: pytest.CaptureFixture[str]) -> None:
    users("add", "ada", "--role", "viewer", "--scope", "icb")
    assert users("token", "ada", "--label", "Excel") == 0
    assert "icb_" in capsys.readouterr().out
    users("token", "ada", "--list")
    assert "Excel" in capsys.readouterr().out
    assert users("token", "ada", "--revoke", "1") == 0
    assert users("totp", "ada") == 0
    assert "otpauth://totp/Switchboard:ada" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "ada", "--role", "viewer", "--scope", "everything"], "unknown kind of scope"),
        (["add", "ada", "--role", "viewer", "--scope", "practice"], "ODS code"),
        (["add", " ", "--role", "viewer", "--scope", "icb"], "name"),
        (["disable", "nobody"], "no account named nobody"),
        (["scope", "nobody"], "Give a scope"),
        (["reset", "nobody"], "no account named nobody"),
        (["token", "nobody", "--days", "0"], "366"),
    ],
)
def test_what_is_wrong_is_said(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert users(*words) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_an_empty_password_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert users("add", "ada", "--role", "viewer", "--scope", "icb", "--password-stdin") == 2
    assert "No password came in" in capsys.readouterr().err


def test_demo_accounts_are_made_once(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    made = create_demo_accounts(settings, "Y00001", "U00001")
    assert {role for _, _, role, _ in made} == {"viewer", "exporter", "administrator"}
    assert {scope for *_, scope in made} == {"icb", "pcn:U00001", "practice:Y00001"}
    assert len({password for _, password, _, _ in made}) == len(made)
    database = open_database(settings)
    assert all(accounts.verify(database, name, password) for name, password, _, _ in made)
    assert create_demo_accounts(settings, "Y00001", "U00001") == []


def test_the_accounts_file_is_ours_alone(tmp_path: Path) -> None:
    users("list")
    assert (tmp_path / "accounts.sqlite").stat().st_mode & 0o777 == 0o600
    engine = create_engine(f"sqlite:///{tmp_path}/accounts.sqlite")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM account")).scalar() == 0
    engine.dispose()


@pytest.mark.parametrize("url", ["postgresql://ada:hunter2@127.0.0.1:9/accounts", "sqlite:///{home}/broken.sqlite"])
def test_accounts_that_cannot_be_used_are_said_in_a_line(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.sqlite").write_text("This is no database. " * 20)
    monkeypatch.setenv("ICB_ACCOUNTS_URL", url.format(home=tmp_path))
    for run in (lambda: users("list"), lambda: main(["serve", "--port", "1"])):
        assert run() != 0
        said = capsys.readouterr().err.strip()
        assert "cannot be used" in said
        assert len(said.splitlines()) == 1
        assert "hunter2" not in said


def test_a_scope_that_nothing_published_names_is_doubted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The account is made all the same: the first night may come after it."""
    assert users("add", "early", "--role", "viewer", "--scope", "practice:Z99999") == 0
    assert "Note" not in capsys.readouterr().err
    publish(tmp_path / "published")
    assert users("add", "typo", "--role", "viewer", "--scope", "practice:Z99999") == 0
    assert "nothing published names the practice Z99999" in capsys.readouterr().err
    for scope in (f"practice:{PRACTICES[0]}", f"pcn:{PCNS[0]}", "icb"):
        assert users("scope", "typo", scope) == 0
        assert capsys.readouterr().err == ""
    assert users("scope", "typo", f"pcn:{PRACTICES[0]}") == 0
    assert "the PCN" in capsys.readouterr().err
