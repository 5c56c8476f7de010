"""Facts in PostgreSQL: the same nights give the same calls, half-hours and days as in DuckDB."""

import shutil
from pathlib import Path

from etl.feeds.call_logs.half_hours import MARTS
from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from tests.etl.feeds.call_logs.files import Home
from tests.etl.feeds.call_logs.test_against_oracle import SOURCE, _night
from tests.postgres import database, postgres_url

__all__ = ["database", "postgres_url"]


def test_the_same_calls_and_half_hours(home: Settings, tmp_path: Path, database: str) -> None:
    """A late leg, a call that was unfinished, a call-back on another night: corrected in both."""
    records, log = _night(3)
    middle, half = len(records) // 2, len(log) // 2
    nights = [("riverside-d", log[half - 20 :]), ("riverside-a", records[middle:]), ("riverside-c", log[:half]),
              ("riverside-b", records[: middle + 10])]  # fmt: skip
    here = Home(home, SOURCE)
    there = Home(Settings(home=tmp_path / "there", warehouse_url=database), SOURCE)
    for number, (name, lines) in enumerate(nights):
        assert not here.load(name, lines).refused
        if number == 0:
            shutil.copytree(home.home / "secrets", tmp_path / "there" / "secrets")
        assert not there.load(name, lines).refused
    tables = {
        **{f"mart.{mart}": columns for mart, columns in MARTS.items()},
        "fact.call": ("*",),
        "fact.call_leg": ("*",),
    }
    for table, columns in tables.items():
        with Warehouse(here.settings) as mine, Warehouse(there.settings) as theirs:
            one, other = (
                sorted(map(repr, w.fetch(f"SELECT {', '.join(columns)} FROM {table}"))) for w in (mine, theirs)
            )
        assert len(one) > 3
        assert one == [row.replace("Decimal('", "").replace("')", "") for row in other], table
