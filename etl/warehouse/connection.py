"""The warehouse opened by its one writer: a DuckDB file, or PostgreSQL with DuckDB beside it for reading files."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import holidays
import psycopg
import pyarrow as pa
from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema, CreateTable

from etl import london
from etl.settings import Settings
from etl.warehouse.tables import metadata

SCHEMAS = ("ledger", "fact", "mart")
FIRST_DAY = date(2016, 4, 1)
# of DuckDB's file: what is written in it is a third smaller, and written faster, than in its default of 2024
STORAGE = "v1.5.0"
LOCK = 5_382_016  # of PostgreSQL: whoever holds it is the one writer
# errors of the machine under us, not of a file
WAREHOUSE_FAILED = (
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.FatalException,
    psycopg.OperationalError,
    SQLAlchemyError,
)


class WarehouseError(Exception):
    """The warehouse cannot be opened or reached. The message says where and what to do."""


class Warehouse:
    """`con` reads and checks files (DuckDB, in process). Facts live where `url` says.

    On DuckDB `con` is the warehouse itself. On PostgreSQL `con` is in memory and `engine` holds the facts.
    """

    def __init__(self, settings: Settings) -> None:
        url = _url(settings.warehouse_url)
        self.settings = settings
        self.is_duckdb = url.get_backend_name() == "duckdb"
        settings.home.mkdir(parents=True, exist_ok=True)
        try:
            self.con = duckdb.connect(
                str(url.database) if self.is_duckdb and url.database else ":memory:",
                config={"storage_compatibility_version": STORAGE},
            )
        except duckdb.Error as error:
            raise WarehouseError(
                f"The warehouse {url.database} could not be opened for writing: {error}. "
                "Another icb-etl may be running: wait until it is done, then try again."
            ) from None
        self.con.execute(f"SET memory_limit = '{settings.memory_limit}'")
        self.con.execute("SET TimeZone = 'UTC'")
        self.con.execute("SET enable_progress_bar = false")
        self.con.execute("SET preserve_insertion_order = false")
        # a night of many small files writes the tables anew now and then, not after every few files
        self.con.execute("SET checkpoint_threshold = '256MB'")
        self.temporary = tempfile.TemporaryDirectory(prefix="switchboard-")
        self.con.execute(f"SET temp_directory = '{self.temporary.name}'")
        # PostgreSQL is reached through SQLAlchemy and psycopg; DuckDB's tables are made from the same metadata
        self.engine: Engine | None = None if self.is_duckdb else _postgres(str(settings.warehouse_url))
        self.held: Connection | None = None
        try:
            self._hold()
            self._create()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close; a DuckDB warehouse is checkpointed, so that no write-ahead log is left behind."""
        self.con.close()
        if self.held is not None:
            self.held.close()
        if self.engine is not None:
            self.engine.dispose()
        self.temporary.cleanup()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: commits at the end, rolls back on any exception."""
        if self.is_duckdb:
            self.con.execute("BEGIN")
            try:
                yield
            except BaseException:
                self.con.execute("ROLLBACK")
                raise
            self.con.execute("COMMIT")
            return
        assert self.engine is not None
        with self.engine.begin() as self.connection:
            try:
                yield
            finally:
                del self.connection

    def execute(self, statement: str, parameters: dict[str, Any] | None = None) -> int:
        """Run one statement where the facts live, inside `transaction`. Returns the rows it touched."""
        if self.is_duckdb:
            result = self.con.execute(_dollar(statement) if parameters else statement, parameters or {}).fetchone()
            return int(result[0]) if result and isinstance(result[0], int) else 0
        if not parameters:  # a colon or a percent sign in it is its own
            return self.connection.connection.cursor().execute(statement).rowcount
        return self.connection.execute(text(statement), parameters).rowcount

    def fetch(self, statement: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a SELECT where the facts live; `:name` marks a parameter."""
        if self.is_duckdb:
            return self.con.execute(_dollar(statement) if parameters else statement, parameters or {}).fetchall()
        with self._current() as connection:
            return [tuple(row) for row in connection.execute(text(statement), parameters or {})]

    def append(self, table: str, staged: str, columns: list[str]) -> None:
        """Copy rows of a relation of `con` into a table where the facts live (inside `transaction`)."""
        names = ", ".join(columns)
        if self.is_duckdb:
            self.con.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {staged}")
            return
        path = Path(self.temporary.name) / "rows.csv"
        self.con.execute(f"COPY (SELECT {names} FROM {staged}) TO '{path}' (FORMAT csv, HEADER false, NULLSTR '\\N')")
        raw = self.connection.connection.cursor()
        with raw.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT csv, NULL '\\N')") as copy, path.open("rb") as rows:
            while chunk := rows.read(2**20):
                copy.write(chunk)
        path.unlink()

    def share(self, name: str, columns: list[str], like: str) -> None:
        """Make columns of a temporary table of `con` one where the facts live too, until the transaction ends.

        like: the table that has these columns. On DuckDB it is there already.
        """
        if self.is_duckdb:
            return
        self.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
        self.execute(f"CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT {', '.join(columns)} FROM {like} LIMIT 0")
        self.append(name, name, columns)

    def bring(self, select: str, name: str) -> None:
        """Make the result of a SELECT where the facts live a table `name` of `con`; an open transaction's is seen."""
        if self.is_duckdb:
            self.con.execute(f"CREATE OR REPLACE TABLE {name} AS {select}")
            return
        assert self.engine is not None
        path = Path(self.temporary.name) / "brought.csv"
        with self._current() as connection:
            cursor: Any = connection.connection.cursor()
            cursor.execute(f"SELECT * FROM ({select}) AS shape LIMIT 0")
            columns = {c.name: _duckdb_type(c.type_code) for c in cursor.description}
            with cursor.copy(f"COPY ({select}) TO STDOUT (FORMAT csv, NULL '\\N')") as copy, path.open("wb") as rows:
                for chunk in copy:
                    rows.write(chunk)
        self.con.execute(
            f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM read_csv('{path}', header=false, auto_detect=false, "
            f"quote='\"', escape='\"', delim=',', nullstr='\\N', columns={columns!r})"
        )
        path.unlink()

    @contextmanager
    def _current(self) -> Iterator[Connection]:
        """The connection of the transaction that is open, which sees what it wrote; else one of its own."""
        assert self.engine is not None
        if hasattr(self, "connection"):
            yield self.connection
        else:
            with self.engine.connect() as connection:
                yield connection

    def _hold(self) -> None:
        """Be the one writer. DuckDB's own lock on the file does it; on PostgreSQL a lock held until `close`."""
        if self.engine is None:
            return
        where = make_url(self.settings.warehouse_url).render_as_string(hide_password=True)
        try:
            self.held = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            is_ours = self.held.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}).scalar()
        except SQLAlchemyError as error:
            raise WarehouseError(
                f"The warehouse {where} could not be reached: {str(error).splitlines()[0]}. "
                "Check ICB_WAREHOUSE_URL and that the server is running."
            ) from None
        if not is_ours:
            raise WarehouseError(
                f"The warehouse {where} is being written to by another icb-etl. Wait until it is done, then try again."
            )

    def _create(self) -> None:
        if self.is_duckdb:
            engine = create_engine("duckdb:///:memory:", poolclass=NullPool)
            for schema in SCHEMAS:
                self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            for table in metadata.sorted_tables:
                self.con.execute(_create_table(table, engine))
        else:
            assert self.engine is not None
            with self.engine.begin() as connection:
                for schema in SCHEMAS:
                    connection.execute(CreateSchema(schema, if_not_exists=True))
                metadata.create_all(connection)
        self._calendar()

    def _calendar(self) -> None:
        """One row a day, from before the first published file to the end of next year."""
        last = date(london.today().year + 1, 12, 31)
        if self.fetch("SELECT count(*) FROM fact.calendar WHERE day = :last", {"last": last})[0][0]:
            return
        named = holidays.country_holidays("GB", subdiv="ENG", years=range(FIRST_DAY.year, last.year + 1))
        days = [FIRST_DAY + timedelta(n) for n in range((last - FIRST_DAY).days + 1)]
        with self.transaction():
            self.execute("DELETE FROM fact.calendar")
            months = [day.replace(day=1) for day in days]
            weeks = [day - timedelta(day.weekday()) for day in days]
            working = [day.weekday() < 5 and day not in named for day in days]
            table = {"day": days, "month": months, "week": weeks, "weekday": [day.isoweekday() for day in days]}
            table |= {"bank_holiday": [named.get(day) for day in days], "is_working_day": working}
            self.con.register("days", pa.table(table))
            self.append("fact.calendar", "days", list(table))
            self.con.unregister("days")


def _url(text: str) -> URL:
    with suppress(ArgumentError):
        url = make_url(text)
        if url.get_backend_name() in ("duckdb", "postgresql"):
            return url
    raise WarehouseError(
        "ICB_WAREHOUSE_URL is not the address of a duckdb or postgresql warehouse. See docs/settings.md."
    )


def _postgres(url: str) -> Engine:
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"))


def _create_table(table: Any, engine: Engine) -> str:
    return str(CreateTable(table, if_not_exists=True).compile(engine))


def _dollar(statement: str) -> str:
    """SQLAlchemy's `:name` as DuckDB's `$name` (never inside `::type`), where there are parameters."""
    return re.sub(r"(?<![:\w]):([a-z_]+)\b", r"$\1", statement)


def _duckdb_type(oid: int) -> str:
    """DuckDB's name for a PostgreSQL type; whatever is not known travels as text."""
    return {
        16: "BOOLEAN",
        20: "BIGINT",
        21: "SMALLINT",
        23: "INTEGER",
        700: "FLOAT",
        701: "DOUBLE",
        1082: "DATE",
        1114: "TIMESTAMP",
        1700: "DOUBLE",
    }.get(oid, "VARCHAR")
