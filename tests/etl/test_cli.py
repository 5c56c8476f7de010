"""icb-etl as a person or a timer runs it: a process of its own, its exit code, what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from tests.etl.test_intake import good, lists, row


def icb_etl(home: Settings, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a home, off a terminal."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ICB_")}
    clean |= {"ICB_HOME": str(home.home), "ICB_INBOX_SETTLE_SECONDS": "0", "ICB_CODE": "QZZ"} | environment
    return subprocess.run(
        [sys.executable, "-m", "etl.cli", *arguments],
        env={name: value for name, value in clean.items() if value},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_night_then_a_night_with_nothing_to_do(home: Settings) -> None:
    home.inbox.mkdir()
    (home.inbox / "lists.csv").write_text(good())
    done = icb_etl(home, "nightly")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "loaded lists.csv as registered_patients: 40 rows kept, 0 refused, 0 filtered",
        "published switchboard-000001.duckdb",
    ]
    # off a terminal: a line an event, no control characters
    assert "loading lists.csv (0/1)" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    again = icb_etl(home, "nightly")
    assert (again.returncode, again.stdout) == (0, "published switchboard-000002.duckdb\n")
    logged = [json.loads(line) for path in home.logs.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert [(entry["event"], entry["file_name"]) for entry in logged] == [("loaded", "lists.csv")]


def test_load_leaves_the_files_and_publishes_nothing_and_publish_publishes(home: Settings) -> None:
    path = home.home / "lists.csv"
    path.write_text(good())
    done = icb_etl(home, "load", str(path))
    assert (done.returncode, path.exists(), home.published.exists()) == (0, True, False)
    again = icb_etl(home, "load", str(path))
    assert (again.returncode, again.stdout) == (0, "unchanged lists.csv: the same file was loaded before\n")
    status = icb_etl(home, "status")
    assert status.returncode == 0
    assert "Nothing has been published" in status.stdout
    published = icb_etl(home, "publish")
    assert (published.returncode, published.stdout) == (0, "published switchboard-000001.duckdb\n")


def test_a_refused_file_or_row_is_exit_2_and_the_rest_is_done(home: Settings) -> None:
    home.inbox.mkdir()
    (home.inbox / "a-good.csv").write_text(lists(*[row(f"Z92{n:03d}") for n in range(60)], row(patients="-5")))
    done = icb_etl(home, "nightly")
    assert done.returncode == 2
    assert "60 rows kept, 1 refused" in done.stdout
    (home.inbox / "other.csv").write_text("colour,shape\nred,round\n")
    done = icb_etl(home, "nightly")
    assert done.returncode == 2
    assert "refused other.csv: No feed knows this file" in done.stdout
    assert "published switchboard-000002.duckdb" in done.stdout
    status = json.loads(icb_etl(home, "status", "--json").stdout)
    assert status["generation"]["name"] == "switchboard-000002.duckdb"
    assert [load["file_name"] for load in status["loads"]] == ["a-good.csv"]
    assert [refused["file_name"] for refused in status["refused"]] == ["other.csv"]
    assert (status["inbox"], status["home"]) == ([], str(home.home))
    assert "1 files in the inbox" not in icb_etl(home, "status").stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["nightly"], {"ICB_CODES": "QZZ"}, "Unknown setting ICB_CODES"),
        (["load", "nowhere.csv"], {}, "no such file: nowhere.csv"),
        (["load"], {}, "required: FILE"),
        (["nightli"], {}, "invalid choice"),
        (["nightly", "--fast"], {}, "unrecognized arguments"),
        ([], {}, ""),
        (["publish"], {"ICB_WAREHOUSE_URL": "postgresql://nobody@127.0.0.1:9/none"}, "could not be reached"),
        (["publish"], {"ICB_WAREHOUSE_URL": "mysql://nobody@127.0.0.1/none"}, "duckdb or postgresql"),
        (["publish"], {"ICB_WAREHOUSE_URL": "nonsense"}, "duckdb or postgresql"),
    ],
)
def test_a_command_that_cannot_do_its_work_is_exit_1_with_a_message(
    home: Settings, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    done = icb_etl(home, *arguments, **environment)
    assert done.returncode == 1
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_second_writer_is_told_to_wait(home: Settings) -> None:
    with Warehouse(home):
        done = icb_etl(home, "nightly")
    assert done.returncode == 1
    said = " ".join(done.stderr.split())
    assert "Another icb-etl may be running: wait until it is done, then try again." in said
    assert "Traceback" not in said


def test_a_home_that_is_a_file_is_said_plainly(home: Settings) -> None:
    path = home.home / "afile"
    path.write_text("")
    done = icb_etl(home, "nightly", ICB_HOME=str(path))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "afile" in done.stderr


def test_help_names_every_command(home: Settings) -> None:
    done = icb_etl(home, "--help")
    assert done.returncode == 0
    for command in ("nightly", "load", "publish", "demo", "status"):
        assert command in done.stdout
