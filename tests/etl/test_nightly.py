"""The night: killed at any moment it loses nothing and loads nothing twice; the next one ends as if it had not been."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb

from etl import nightly
from etl.feeds.reading import Reading
from etl.published.reading import current
from etl.published.tables import TABLES
from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from tests.etl.test_intake import good, row, zip_of

WHEN = {"loaded_at", "built_at", "name"}
# `icb-etl` on a given day
ON_A_DAY = (
    "import sys; from datetime import date; from etl import london; day = date.fromisoformat(sys.argv.pop()); "
    "london.today = lambda: day; from etl.cli import main; sys.exit(main())"
)
# a line of progress → killed soon after it; what is left is for the next night
MOMENTS = (
    "loading coverage.csv",
    "loading lists-2025-08.csv",
    "mart calls_month",
    "writing the generation",
    "measure telephony_live",
)


def everything(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Each table's rows, but for when they were written."""
    found = {}
    with duckdb.connect(str(path), read_only=True) as con:
        for schema, table in con.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database()"
        ).fetchall():
            columns = [name for name, *_ in con.execute(f"DESCRIBE {schema}.{table}").fetchall() if name not in WHEN]
            if columns:
                rows = con.execute(f"SELECT {', '.join(columns)} FROM {schema}.{table} ORDER BY ALL").fetchall()
                found[f"{schema}.{table}"] = rows
    return found


def archived(home: Settings) -> list[tuple[str, str]]:
    return sorted((path.parent.name, path.name) for path in home.archive.rglob("*") if path.is_file())


def night_killed_at(home: Settings, day: date, moment: str, delay: float) -> None:
    """Start `icb-etl nightly` as on `day`; at this line of progress, and a little later, kill it outright."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ICB_")}
    environment |= {"ICB_HOME": str(home.home), "ICB_CODE": "QZZ", "ICB_INBOX_SETTLE_SECONDS": "0"}
    with subprocess.Popen(
        [sys.executable, "-u", "-c", ON_A_DAY, "nightly", str(day)],
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as night:
        assert night.stderr is not None
        said = next((line for line in night.stderr if line.startswith(moment)), None)
        assert said, f"never got as far as: {moment}"
        try:
            night.wait(delay)
        except subprocess.TimeoutExpired:
            night.send_signal(signal.SIGKILL)


def test_nights_killed_at_random_and_then_one_that_is_not(
    home: Settings, small: Settings, small_files: Path, day: date
) -> None:
    chance = random.Random(7)
    shutil.copytree(small_files, home.inbox)
    whole = {path.name: path.read_bytes() for path in home.inbox.iterdir()}
    for moment in MOMENTS:
        night_killed_at(home, day, moment, chance.uniform(0, 0.4))
        # at every moment each file is in the inbox or the archive, whole
        kept = {path.name: path.read_bytes() for path in [*home.inbox.iterdir(), *home.archive.rglob("*.*")]}
        assert kept == whole
    nightly.nightly(home)
    assert list(home.inbox.iterdir()) == []
    assert archived(home) == archived(small)
    mine, theirs = everything(home.home / "warehouse.duckdb"), everything(small.home / "warehouse.duckdb")
    for table in theirs:
        assert mine[table] == theirs[table], table
    # a copy: other tests of this process may have the generation open in another way
    copy = Path(shutil.copyfile(current(small.published), home.home / "copy.duckdb"))
    mine, theirs = everything(current(home.published)), everything(copy)
    assert set(theirs) == {f"main.{table}" for table in TABLES}
    for table in theirs:
        assert mine[table] == theirs[table], table


def test_killed_between_loading_and_archiving_the_file_is_archived_the_next_night(home: Settings) -> None:
    home.inbox.mkdir()
    (home.inbox / "lists.csv").write_text(good())
    nightly.load_files(home, [home.inbox / "lists.csv"])
    shutil.rmtree(home.archive)
    night = nightly.nightly(home)
    assert (night.loads, night.unchanged) == ([], ["lists.csv"])
    assert archived(home) == [("load-000001", "lists.csv")]
    assert not list(home.inbox.iterdir())


def test_a_zip_of_which_one_member_was_loaded_before_the_kill(home: Settings) -> None:
    home.inbox.mkdir()
    members = {"a__csv": good(), "b__csv": good().replace("Z91", "Z92"), "c__csv": "colour,shape\nred,round\n"}
    (home.home / "a.csv").write_text(members["a__csv"])
    nightly.load_files(home, [home.home / "a.csv"])
    (home.inbox / "both.zip").write_bytes(zip_of(**members))
    night = nightly.nightly(home)
    assert (night.unchanged, [load.file_name for load in night.loads]) == (["both.zip/a.csv"], ["both.zip/b.csv"])
    assert archived(home) == [("load-000001", "a.csv"), ("load-000002", "both.zip")]
    assert sorted(path.name for path in home.rejected.iterdir()) == ["both.zip", "both.zip.reason.txt"]
    assert "both.zip/c.csv" in (home.rejected / "both.zip.reason.txt").read_text()
    assert not list(home.inbox.iterdir())


def test_the_same_file_under_another_name_is_not_kept_twice(home: Settings) -> None:
    home.inbox.mkdir()
    for name in ("a.csv", "b.csv"):
        (home.inbox / name).write_text(good())
    night = nightly.nightly(home)
    assert (len(night.loads), night.unchanged) == (1, ["b.csv"])
    assert archived(home) == [("load-000001", "a.csv")]
    assert not list(home.inbox.iterdir())


def test_a_file_that_is_gone_before_its_turn_does_not_end_the_night(home: Settings) -> None:
    path = home.home / "here.csv"
    path.write_text(good())
    with Warehouse(home) as warehouse:
        night = nightly.take_in(warehouse, [home.home / "gone.csv", path], move=False)
    assert [load.file_name for load in night.loads] == ["here.csv"]
    assert [name for name, _ in night.refused] == ["gone.csv"]
    assert "could not be opened" in night.refused[0][1]


def test_a_feed_with_a_fault_refuses_the_file_and_tells_no_number(home: Settings) -> None:
    """A fault that no one thought of is refused like a bad file, and what it says of the data is kept nowhere."""
    feed = ModuleType("broken")

    def read(reading: Reading) -> None:
        raise ValueError("cannot read 07700 900123")

    feed.NAME, feed.FACTS, feed.read = "broken", ("call",), read  # type: ignore[attr-defined]
    feed.recognise = lambda received: "any" if "caller" in received.header else None  # type: ignore[attr-defined]
    path = home.home / "calls.csv"
    path.write_text("caller,when\n07700 900123,now\n")
    night = nightly.Night()
    with Warehouse(home) as warehouse:
        nightly._take_file(warehouse, path, True, night, [feed])
    ((name, reason),) = night.refused
    assert (name, path.exists()) == ("calls.csv", False)
    assert "cannot say why (ValueError)" in reason
    logged = "".join(path.read_text() for path in home.logs.iterdir())
    faults = [json.loads(line) for line in logged.splitlines() if '"fault"' in line]
    assert "test_nightly.py" in faults[0]["at"][-1]
    assert "900123" not in logged + reason + (home.rejected / "calls.csv.reason.txt").read_text()


def test_the_same_refusal_again_is_one(home: Settings) -> None:
    home.inbox.mkdir()
    for _ in range(2):
        (home.inbox / "other.csv").write_text("colour,shape\nred,round\n")
        nightly.nightly(home)
    with Warehouse(home) as warehouse:
        assert warehouse.fetch("SELECT file_name FROM ledger.refused_file") == [("other.csv",)]
    assert sorted(path.name for path in home.rejected.iterdir()) == ["other.csv", "other.csv.reason.txt"]


def test_a_practice_reissued_in_another_area_is_counted_once(home: Settings, tmp_path: Path) -> None:
    """The same practice and month under another PCN, or another sub-ICB location, replaces; it is not added."""
    header = "Date,REGION_CODE,ICB_CODE,SUB_ICB_LOCATION_CODE,PCN_CODE,PRACTICE_CODE,Indicator,Duration,Value\n"
    first, reissue = tmp_path / "first.csv", tmp_path / "reissue.csv"
    first.write_text(
        header
        + "2025-11-01,Y91,QZZ,91Z,U91001,Z91001,CBT001,TOTAL,10\n"
        + "2025-11-01,Y91,QZZ,91Z,U91001,Unassigned,CBT001,TOTAL,3\n"
        + "2025-11-01,Y91,QZZ,91Z,U91002,Unassigned,CBT001,TOTAL,4\n"
    )
    reissue.write_text(
        header
        + "2025-11-01,Y92,QYY,92Z,U92001,Z91001,CBT001,TOTAL,12\n"
        + "2025-11-01,Y91,QZZ,91Z,U91001,Unassigned,CBT001,TOTAL,5\n"
    )
    nightly.load_files(home, [first, reissue])
    with Warehouse(home) as warehouse:
        found = warehouse.fetch("SELECT practice_code, pcn_code, calls FROM fact.published_calls ORDER BY ALL")
    assert found == [("Unassigned", "U91001", 5), ("Unassigned", "U91002", 4), ("Z91001", "U92001", 12)]


def test_old_logs_and_empty_folders_are_tidied(home: Settings) -> None:
    (home.inbox / "2025" / "01").mkdir(parents=True)
    home.logs.mkdir()
    old = home.logs / "2020-01-01.jsonl"
    old.write_text("{}\n")
    os.utime(old, (0, 0))
    nightly.nightly(home)
    assert not old.exists()
    assert list(home.inbox.iterdir()) == []


def test_what_row_is_refused_does_not_depend_on_the_order_of_files(home: Settings) -> None:
    """Intake takes files in order of name, so that two nights of the same inbox are the same."""
    home.inbox.mkdir()
    for name in ("b.csv", "a.csv", "c.csv"):
        (home.inbox / name).write_text("\n".join([good().rstrip(), row(f"Z95{ord(name[0])}")]) + "\n")
    night = nightly.nightly(home)
    assert [load.file_name for load in night.loads] == ["a.csv", "b.csv", "c.csv"]
