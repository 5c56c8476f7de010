"""Navigation and training are the same, row by row, with facts in DuckDB and in PostgreSQL."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from etl.demo.navigation import write_navigation
from etl.demo.organisations import write_organisations, write_registered_patients
from etl.demo.world import make_world
from etl.nightly import nightly
from etl.settings import Settings

QUERIES = {
    "navigation_month": "SELECT * FROM navigation_month ORDER BY ALL",
    "navigation_flow": "SELECT * FROM navigation_flow ORDER BY ALL",
    "navigation_withheld": "SELECT * FROM navigation_withheld ORDER BY ALL",
    "training_practice": "SELECT * FROM training_practice ORDER BY ALL",
    "unmapped_destination": "SELECT * FROM unmapped_destination ORDER BY ALL",
    "breakdown": "SELECT * FROM breakdown WHERE starts_with(subject, 'navigation') ORDER BY ALL",
    "measure_value": "SELECT measure, organisation, level, period_start, numerator, denominator, value, "
    "practices_counted FROM measure_value WHERE starts_with(measure, 'navigat') ORDER BY ALL",
}


def test_postgresql_gives_the_same_navigation(database: str, tmp_path: Path) -> None:
    found: dict[str, dict[str, list[Any]]] = {}
    for where, address in (("duckdb", ""), ("postgresql", database)):
        home = Settings(home=tmp_path / where, code=("QZZ",), inbox_settle_seconds=0, warehouse_url=address)
        home.inbox.mkdir(parents=True)
        (home.home / "demo").mkdir()
        world = make_world(months=2)
        write_organisations(home.inbox, world)
        write_registered_patients(home.inbox, world)
        write_navigation(home.home, world)
        night = nightly(home)
        assert night.refused == []
        with duckdb.connect(str(home.published / str(night.generation)), read_only=True) as generation:
            found[where] = {table: generation.execute(select).fetchall() for table, select in QUERIES.items()}
    for table, rows in found["duckdb"].items():
        assert rows
        assert len(found["postgresql"][table]) == len(rows)
        for one, other in zip(rows, found["postgresql"][table], strict=True):
            assert one == other or one == pytest.approx(other), table
