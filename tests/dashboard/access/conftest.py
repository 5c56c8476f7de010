"""The tiny app on SQLite, and the accounts database on SQLite and PostgreSQL."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from dash import Dash
from sqlalchemy import create_engine

from dashboard.access.tables import Database, open_database, utc_now
from tests.dashboard.access.house import add_people, build, settings_for
from tests.postgres import postgres_url  # noqa: F401


class Clock:
    """The time now, moved forward by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """The moment now."""
        return utc_now() + self.ahead

    def forward(self, **much: float) -> None:
        """Move on, as in `forward(minutes=5)`."""
        self.ahead += timedelta(**much)


@pytest.fixture
def clock() -> Clock:
    """A clock that can be moved forward."""
    return Clock()


@pytest.fixture
def app(tmp_path: Path, clock: Clock) -> Iterator[Dash]:
    """The tiny app with its people."""
    app = build(settings_for(tmp_path), clock)
    add_people(app.server.extensions["access"])
    yield app
    app.server.extensions["access"].engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Database]:
    """An empty accounts database of either kind."""
    settings = settings_for(tmp_path)
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA IF EXISTS accounts CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA accounts")
        engine.dispose()
        settings = settings_for(tmp_path, accounts_url=f"{url}?options=-csearch_path%3Daccounts")
    opened = open_database(settings, clock)
    yield opened
    opened.engine.dispose()
