"""Fixtures of the ETL's tests."""

import shutil
from pathlib import Path

import pytest

from etl.settings import Settings
from etl.warehouse.connection import Warehouse


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
