"""The rollout's tables are the same, row by row, with facts in DuckDB and in PostgreSQL."""

from pathlib import Path
from typing import Any

import duckdb

from etl.demo.organisations import write_organisations, write_registered_patients
from etl.demo.rollout import write_rollout
from etl.demo.world import make_world
from etl.nightly import nightly
from etl.settings import Settings

TABLES = (
    "rollout",
    "rollout_state",
    "rollout_capability",
    "rollout_funding",
    "telephony_practice",
    "telephony_date",
    "rebase",
)
VALUES = (
    "SELECT measure, organisation, period_start, numerator, denominator, practices_counted FROM measure_value "
    "WHERE starts_with(measure, 'telephony_') ORDER BY ALL"
)


def test_postgresql_gives_the_same_rollout(postgres_url: str, tmp_path: Path) -> None:
    found: dict[str, dict[str, list[Any]]] = {}
    for name, url in (("duckdb", ""), ("postgresql", postgres_url)):
        home = Settings(home=tmp_path / name, code=("QZZ",), inbox_settle_seconds=0, warehouse_url=url)
        home.inbox.mkdir(parents=True)
        world = make_world(months=1)
        write_organisations(home.inbox, world)
        write_registered_patients(home.inbox, world)
        write_rollout(home.inbox, world)
        night = nightly(home)
        assert night.refused == []
        with duckdb.connect(str(home.published / str(night.generation)), read_only=True) as con:
            found[name] = {table: con.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in TABLES}
            found[name]["measure_value"] = con.execute(VALUES).fetchall()
    for table, rows in found["duckdb"].items():
        assert rows
        assert found["postgresql"][table] == rows, table
