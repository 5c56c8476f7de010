"""The small home, loaded and published once."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl import nightly
from etl.published.reading import Reader
from etl.settings import Settings
from tests.etl import small_home

Ask = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> Settings:
    """Settings of the small home after its night."""
    settings = Settings(home=tmp_path_factory.mktemp("small"), code=("QZZ",), inbox_settle_seconds=0)
    shutil.copyfile(empty_warehouse, settings.home / "warehouse.duckdb")
    small_home.write(settings.inbox)
    night = nightly.nightly(settings)
    assert not night.refused
    assert {load.rows_refused + load.rows_filtered for load in night.loads} == {0}
    return settings


@pytest.fixture(scope="session")
def published(small: Settings) -> Ask:
    """Rows of a SELECT on the small home's generation."""
    return Reader(small.published).records
