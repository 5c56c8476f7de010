"""The PostgreSQL server of the tests."""

from tests.postgres import database, postgres_url

__all__ = ["database", "postgres_url"]
