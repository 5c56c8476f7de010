"""Fixtures of the ETL's tests."""

import shutil
from pathlib import Path

import pytest

from etl import nightly
from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from tests.etl import small_home


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty warehouse, made once: its calendar takes longer than most tests."""
    settings = Settings(home=tmp_path_factory.mktemp("empty"))
    with Warehouse(settings):
        pass
    return settings.home / "warehouse.duckdb"


@pytest.fixture
def home(tmp_path: Path, empty_warehouse: Path) -> Settings:
    """Settings of a home folder in which nothing has been loaded."""
    settings = Settings(home=tmp_path / "home", code=("QZZ",), inbox_settle_seconds=0)
    settings.home.mkdir()
    shutil.copyfile(empty_warehouse, settings.home / "warehouse.duckdb")
    return settings


@pytest.fixture(scope="session")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the small home, written once: a workbook's bytes hold the time of writing."""
    folder = tmp_path_factory.mktemp("files")
    small_home.write(folder)
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path, small_files: Path) -> Settings:
    """Settings of the small home after its night."""
    settings = Settings(home=tmp_path_factory.mktemp("small"), code=("QZZ",), inbox_settle_seconds=0)
    shutil.copyfile(empty_warehouse, settings.home / "warehouse.duckdb")
    shutil.copytree(small_files, settings.inbox)
    night = nightly.nightly(settings)
    assert not night.refused
    assert {load.rows_refused + load.rows_filtered for load in night.loads} == {0}
    return settings
