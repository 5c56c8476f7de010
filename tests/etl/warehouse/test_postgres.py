"""PostgreSQL as the warehouse: the same files give the same published tables as DuckDB, row for row."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from etl import nightly
from etl.cli import main
from etl.published.reading import Reader
from etl.published.tables import TABLES
from etl.settings import Settings
from etl.warehouse.connection import Warehouse, WarehouseError
from tests.etl.test_intake import lists, row
from tests.postgres import own_database

# when it was made, not what it says
WHEN = {"generation": ("built_at",), "load": ("loaded_at",), "refused_file": ("refused_at",)}


class Stopped(BaseException):
    """As abrupt as can be."""


@pytest.fixture(scope="module")
def database(postgres_url: str) -> Iterator[str]:
    """URL of a database of this module's own."""
    with own_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="module")
def elsewhere(database: str, tmp_path_factory: pytest.TempPathFactory, small_files: Path) -> Settings:
    """The small home with its facts in PostgreSQL, after its night."""
    home = tmp_path_factory.mktemp("postgres")
    settings = Settings(home=home, code=("QZZ",), inbox_settle_seconds=0, warehouse_url=database)
    shutil.copytree(small_files, settings.inbox)
    night = nightly.nightly(settings)
    assert night.refused == []
    return settings


def rows(home: Settings, table: str) -> list[tuple[Any, ...]]:
    columns = ", ".join(name for name in TABLES[table] if name not in WHEN.get(table, ()))
    return [
        tuple(row.values()) for row in Reader(home.published).records(f"SELECT {columns} FROM {table} ORDER BY ALL")
    ]


@pytest.mark.parametrize("table", TABLES)
def test_every_published_table_is_the_same(small: Settings, elsewhere: Settings, table: str) -> None:
    mine, theirs = rows(small, table), rows(elsewhere, table)
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert one == pytest.approx(other)


def test_the_comparison_is_of_something(small: Settings) -> None:
    filled = {table for table in TABLES if rows(small, table)}
    assert filled >= {"organisation", "membership", "measure", "measure_value", "load", "breakdown", "coverage"}


def test_the_same_bytes_a_reissue_and_a_refusal(elsewhere: Settings, tmp_path: Path) -> None:
    first, reissue, bad = tmp_path / "first.csv", tmp_path / "reissue.csv", tmp_path / "bad.csv"
    many = [row(f"Z93{n:03d}", month="2024-01-01") for n in range(30)]
    first.write_text(lists(row("Z94001", "100", "2024-01-01"), *many))
    reissue.write_text(lists(row("Z94001", "222", "2024-01-01"), row("Z94002", "-3", "2024-01-01"), *many))
    bad.write_text(lists(row("Z94001", "none", "2024-01-01")))
    nightly.load_files(elsewhere, [first])
    again = nightly.load_files(elsewhere, [first])
    assert (again.loads, again.unchanged) == ([], ["first.csv"])
    night = nightly.load_files(elsewhere, [reissue, bad])
    assert [load.supersedes for load in night.loads] == [str(night.loads[0].load_id - 1)]
    assert [(load.rows_kept, load.rows_refused) for load in night.loads] == [(31, 1)]
    assert [name for name, _ in night.refused] == ["bad.csv"]
    with Warehouse(elsewhere) as warehouse:
        found = warehouse.fetch(
            "SELECT organisation, patients FROM fact.registered_patients WHERE organisation LIKE 'Z94%'"
        )
        said = warehouse.fetch("SELECT line_number, reason FROM ledger.rejected_row")
        refused = warehouse.fetch("SELECT file_name FROM ledger.refused_file")
    assert found == [("Z94001", 222)]
    assert [line for line, _ in said] == [3]
    assert "-3" in said[0][1]
    assert refused == [("bad.csv",)]


def test_one_writer_at_a_time(elsewhere: Settings) -> None:
    with Warehouse(elsewhere), pytest.raises(WarehouseError, match="another icb-etl"):
        Warehouse(elsewhere)
    with Warehouse(elsewhere):
        pass


def test_a_failed_load_leaves_nothing(elsewhere: Settings) -> None:
    with Warehouse(elsewhere) as warehouse:
        before = warehouse.fetch("SELECT count(*), max(load_id) FROM ledger.load")
        with suppress(Stopped), warehouse.transaction():
            warehouse.execute("DELETE FROM ledger.load")
            raise Stopped
        assert warehouse.fetch("SELECT count(*), max(load_id) FROM ledger.load") == before


def test_a_server_that_is_not_there_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ICB_HOME", str(tmp_path))
    monkeypatch.setenv("ICB_WAREHOUSE_URL", "postgresql://someone:secret@127.0.0.1:9/nowhere")
    assert main(["publish"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "could not be reached" in said
    assert "secret" not in said
