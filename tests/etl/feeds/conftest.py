"""What the tests of feeds share: a file in, rows out, through the real warehouse."""

import csv
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from etl.nightly import Night, load_files
from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from tests.etl.navigation_files import with_organisations


def query(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a SELECT on the warehouse of this home."""
    with Warehouse(settings) as warehouse:
        return warehouse.fetch(sql)


@pytest.fixture
def ask(home: Settings) -> Callable[[str], list[tuple[Any, ...]]]:
    """Rows of a SELECT on the warehouse."""
    return lambda sql: query(home, sql)


@pytest.fixture(scope="session")
def with_practices(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> Path:
    """A warehouse that knows the practices, made once."""
    made = Settings(home=tmp_path_factory.mktemp("practices"), code=("QZZ",))
    shutil.copyfile(empty_warehouse, made.home / "warehouse.duckdb")
    with_organisations(made, tmp_path_factory.mktemp("files"))
    return made.home / "warehouse.duckdb"


@pytest.fixture
def icb(home: Settings, with_practices: Path) -> Settings:
    """A home of QZZ with practices and nothing else."""
    shutil.copyfile(with_practices, home.home / "warehouse.duckdb")
    return home


@pytest.fixture
def take_csv(home: Settings, tmp_path: Path) -> Callable[..., Night]:
    """Write rows as a CSV file of this name and load it."""

    def take(name: str, rows: Sequence[Sequence[object]], quoting: int = csv.QUOTE_MINIMAL) -> Night:
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
        return load_files(home, [path])

    return take


@pytest.fixture
def take_workbook(home: Settings, tmp_path: Path) -> Callable[..., Night]:
    """Write sheets as a workbook of this name and load it."""

    def take(name: str, sheets: dict[str, Sequence[Sequence[object]]]) -> Night:
        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(list(row))
        path = tmp_path / name
        book.save(path)
        return load_files(home, [path])

    return take
