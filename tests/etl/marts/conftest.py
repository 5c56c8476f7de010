"""The small home's generation."""

from collections.abc import Callable
from typing import Any

import pytest

from etl.published.reading import Reader
from etl.settings import Settings

Ask = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def published(small: Settings) -> Ask:
    """Rows of a SELECT on the small home's generation."""
    return Reader(small.published).records
