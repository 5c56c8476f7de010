"""Marts of call logs that are kept from night to night, against the same warehouse counted from nothing.

Nights of calls, late events, changed memberships and changed lists in random order. After each, what the night left
must be what a full rebuild gives, in the marts and in the generation, and so must be what PostgreSQL gives.
"""

import csv
import random
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from etl.marts import periods
from etl.nightly import nightly
from etl.published.carried import CARRIED
from etl.published.reading import Reader, current
from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from tests.etl.feeds.call_logs.files import CANONICAL, CANONICAL_HEADING, RIVERSIDE
from tests.etl.feeds.call_logs.test_against_oracle import _call
from tests.etl.navigation_files import CONTACT, contact, write
from tests.etl.small_home import AUG, OCT, days, patients
from tests.postgres import database, postgres_url

__all__ = ["database", "postgres_url"]

ONE, TWO = "Z91001", "Z91002"
SOURCES = [CANONICAL, {**RIVERSIDE, "numbers": {"01632960001": [ONE, TWO], "01632960002": TWO}}]
# weeks that span two months are among these
SOME_DAYS = [*days(AUG)[:4], *days(AUG)[-4:], *days(OCT)[:6], *days(OCT)[-2:]]
Rows = list[tuple[Any, ...]]


def night_of_calls(folder: Path, draw: random.Random, place: int) -> None:
    """A canonical log of a few days; now and then a call again, with another outcome."""
    rows = [CANONICAL_HEADING]
    for n in range(60):
        at = datetime.combine(draw.choice(SOME_DAYS), datetime.min.time(), UTC)
        at += timedelta(seconds=draw.randint(6 * 3600, 17 * 3600))
        over = at + timedelta(seconds=draw.randint(0, 300))
        end = over + timedelta(seconds=60)
        outcome = draw.choice(("answered", "answered", "no_answer", "abandoned_ivr", "engaged"))
        answered = f"{over:%Y-%m-%dT%H:%M:%SZ}" if outcome == "answered" else ""
        joined = f"{at:%Y-%m-%dT%H:%M:%SZ}" if outcome in ("answered", "no_answer") else ""
        name = f"c{draw.randint(0, 40)}" if n < 5 else f"{place}-{n}"
        rows.append(
            f"{name},{draw.choice((ONE, TWO))},{at:%Y-%m-%dT%H:%M:%SZ},{joined},{answered},{end:%Y-%m-%dT%H:%M:%SZ},"
            f"{outcome},,,,07700900{draw.randint(0, 20):03d}"
        )
    (folder / f"holt-{place}.csv").write_text("".join(f"{row}\n" for row in rows), "utf-8")


def late_legs(folder: Path, draw: random.Random, place: int) -> None:
    """Rows of Asterisk tonight, without the queue's events, which come with those of the next such night."""
    day = draw.choice(SOME_DAYS)
    begin = int(datetime(day.year, day.month, day.day, 7, 30, tzinfo=UTC).timestamp())
    records, log = [], list[str]()
    for n, at in enumerate(sorted(draw.sample(range(begin, begin + 9000), 25))):
        some, more = _call(draw, place * 100 + n, at)
        records += some
        log += more
    kept = folder.parent / "riverside-late.log"
    if kept.exists():
        shutil.copyfile(kept, folder / f"riverside-{place}-queue.log")
    (folder / f"riverside-{place}.csv").write_text("".join(f"{line}\n" for line in records), "utf-8")
    kept.write_text("".join(f"{line}\n" for line in log), "utf-8")


def records(folder: Path, draw: random.Random, place: int) -> None:
    """Records that name calls of earlier nights, most of about the call's day; many were sent before, otherwise."""
    write_records(folder, draw, place, SOME_DAYS, (0, 0, 0, 1, -1, 7, -7, 8, 40))


def records_of_next_month(folder: Path, draw: random.Random, place: int) -> None:
    """Records of September alone, of calls at the end of August."""
    write_records(folder, draw, place, days(AUG)[-4:], (7,))


def write_records(
    folder: Path, draw: random.Random, place: int, called_on: Sequence[date], apart: Sequence[int]
) -> None:
    """A navigation file naming calls that came on some days, recorded so many days from the call."""
    logs = sorted(folder.parent.glob("night-*/holt-*.csv"))
    called = [row for path in logs for row in csv.DictReader(path.read_text("utf-8").splitlines())]
    rows = []
    for row in draw.sample(called, len(called)):
        at = datetime.fromisoformat(row["started_at"])
        if at.date() in called_on and row["outcome"] == "answered" and len(rows) < 40:
            rows.append(
                contact(f"n{draw.randint(0, 30)}", call_id=row["call_id"], practice_code=row["practice_ods"],
                        recorded_at=(at + timedelta(draw.choice(apart))).isoformat(),
                        destination=draw.choice(("nurse", "", "self_care")), patient_pseudonym=draw.choice(("", "p1")),
                        snomed_code=draw.choice(("", "1362511000000107")))
            )  # fmt: skip
    if rows:
        write(folder / f"navigation-{place}.csv", CONTACT, rows)


def another_membership(folder: Path, draw: random.Random, place: int) -> None:
    """TWO moved between its PCNs on some other day, perhaps before all these calls."""
    moved = draw.choice((date(2025, 7, 1), date(2025, 9, 1), date(2025, 10, 1), date(2025, 11, 1)))
    book = openpyxl.load_workbook(folder.parent / "organisations" / "epcn.xlsx")
    for row in book["PCN Core Partner Details"].iter_rows(min_row=2):
        if row[0].value == TWO and row[2].value == "U91001":
            row[4].value = f"{moved - timedelta(1):%Y%m%d}"
        elif row[0].value == TWO:
            row[3].value = f"{moved:%Y%m%d}"
    book.save(folder / f"epcn-{place}.xlsx")


def another_list(folder: Path, draw: random.Random, place: int) -> None:
    """A list of August or October again, with other sizes."""
    month = draw.choice((AUG, OCT))
    text = (folder.parent / "organisations" / f"lists-{month:%Y-%m}.csv").read_text("utf-8")
    for practice in (ONE, TWO):
        text = text.replace(f",{patients(month, practice)}\n", f",{draw.randint(900, 20_000)}\n")
    (folder / f"lists-{place}.csv").write_text(text, "utf-8")


STEPS: tuple[Callable[[Path, random.Random, int], None], ...] = (
    night_of_calls, late_legs, night_of_calls, another_membership, late_legs, another_list, another_membership,
    night_of_calls, records, records, records_of_next_month,
)  # fmt: skip


@pytest.fixture
def organisations(tmp_path: Path, small_files: Path) -> Path:
    """Who is who in the small home, and nothing else."""
    folder = tmp_path / "organisations"
    folder.mkdir()
    for path in [*small_files.glob("ep*"), *small_files.glob("lists-*")]:
        shutil.copyfile(path, folder / path.name)
    return folder


def plain(value: Any) -> Any:
    """A value to compare: sums of decimals differ in their last digit with the order of adding."""
    return round(value, 9) if isinstance(value, float) else value


def found(home: Settings) -> dict[str, Rows]:
    """Every kept table and all that is made of them, from the generation and from the warehouse."""
    published = Reader(home.published)
    of = {table: f"SELECT * FROM {table} ORDER BY ALL" for table in CARRIED}
    of["values"] = (
        "SELECT * FROM measure_value WHERE regexp_matches(measure, '^(logged|navigation)_calls') ORDER BY ALL"
    )
    tables = {name: [tuple(map(plain, row.values())) for row in published.records(sql)] for name, sql in of.items()}
    with Warehouse(home) as warehouse:
        for mart in periods.MARTS:
            rows = warehouse.fetch(f"SELECT * FROM mart.{mart}")
            tables[f"mart.{mart}"] = sorted(tuple(map(str, row)) for row in rows)
    return tables


def rebuilt(home: Settings, folder: Path) -> Settings:
    """A copy of a home whose marts and generation are made from nothing."""
    shutil.copytree(home.home, folder, ignore=shutil.ignore_patterns("published", "archive"))
    copy = home.model_copy(update={"home": folder, "warehouse_url": f"duckdb:///{folder / 'warehouse.duckdb'}"})
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        for mart in ("call_period", "calls_changed", *periods.MARTS):
            con.execute(f"DROP TABLE mart.{mart}")
    nightly(copy)
    return copy


def take(home: Settings, folder: Path) -> None:
    """A night on the files of a folder."""
    home.inbox.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        shutil.copyfile(path, home.inbox / path.name)
    assert not nightly(home).refused


def test_every_night_leaves_what_a_full_rebuild_gives(home: Settings, organisations: Path, tmp_path: Path) -> None:
    home = home.model_copy(update={"telephony_source": SOURCES})
    take(home, organisations)
    draw = random.Random(1)
    before: dict[str, Rows] = {}
    changed = 0
    for place, step in enumerate(draw.sample(STEPS, len(STEPS))):
        folder = tmp_path / f"night-{place}"
        folder.mkdir()
        step(folder, draw, place)
        take(home, folder)
        after, whole = found(home), found(rebuilt(home, tmp_path / f"rebuilt-{place}"))
        for table in whole:
            assert after[table] == whole[table], (table, place, step.__name__)
        changed += after != before
        before = after
    assert changed > 4
    assert all(before.values())
    assert len({row[0] for row in before["mart.wait_p95"]}) > 3


def test_postgresql_leaves_the_same(home: Settings, organisations: Path, tmp_path: Path, database: str) -> None:
    here = home.model_copy(update={"telephony_source": SOURCES})
    there = Settings(home=tmp_path / "there", code=("QZZ",), inbox_settle_seconds=0, warehouse_url=database,
                     telephony_source=SOURCES)  # fmt: skip
    for one in (here, there):
        take(one, organisations)
    draw = random.Random(3)
    steps = (night_of_calls, late_legs, records, late_legs, another_membership, night_of_calls)
    for place, step in enumerate(steps):
        folder = tmp_path / f"night-{place}"
        folder.mkdir()
        step(folder, draw, place)
        take(here, folder)
        shutil.copytree(here.home / "secrets", there.home / "secrets", dirs_exist_ok=True)
        take(there, folder)
    mine, theirs = found(here), found(there)
    for table in mine:
        if not table.startswith("mart."):
            assert theirs[table] == mine[table], table
            assert len(mine[table]) > 3


def test_only_stale_months_are_written_again(home: Settings, organisations: Path, tmp_path: Path) -> None:
    """A row that the night had no reason to look at is left as it lies, wrong as it was made here."""
    home = home.model_copy(update={"telephony_source": SOURCES})
    take(home, organisations)
    for place, day in enumerate((days(AUG)[1], days(OCT)[1])):
        folder = tmp_path / f"night-{place}"
        folder.mkdir()
        at = f"{day}T08:00:00Z"
        rows = f"{CANONICAL_HEADING}\n{place},{ONE},{at},{at},{at},{at},answered,,,,\n"
        (folder / f"holt-{place}.csv").write_text(rows, "utf-8")
        take(home, folder)
        with duckdb.connect(str(current(home.published))) as con:
            con.execute("UPDATE calls_half_hour SET inbound = 99")
    inbound = "SELECT month(local_date) AS month, inbound FROM calls_half_hour ORDER BY month"
    assert [tuple(row.values()) for row in Reader(home.published).records(inbound)] == [(8, 99), (10, 99)]
    folder = tmp_path / "last"
    folder.mkdir()
    (folder / "holt-last.csv").write_text(rows.replace("\n1,", "\n2,"), "utf-8")
    take(home, folder)
    assert [tuple(row.values()) for row in Reader(home.published).records(inbound)] == [(8, 99), (10, 2)]
