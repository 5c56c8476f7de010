"""What holds for every test."""

import os
from collections.abc import Iterator
from datetime import date

import pytest

from etl import london

# A test's settings are its own: nothing of the shell that started it, least of all a home with real files.
for name in [name for name in os.environ if name.startswith("ICB_")]:
    del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def day() -> Iterator[date]:
    """The day of every night that a run makes: what is open, and what a tracker believes, is of a day, and two homes of
    before and after midnight are not alike."""
    today = london.today()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(london, "today", lambda: today)
        yield today
