"""The accounts database: SQLite in the home folder, or PostgreSQL. Secrets are kept as hashes only."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import (
    URL,
    BigInteger,
    DateTime,
    Engine,
    ForeignKey,
    Integer,
    String,
    Text,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeDecorator

from dashboard.access.settings import AccessSettings


class AccountsUnreachable(Exception):
    """The accounts database does not answer, or is none. The message says which and why."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite would lose the time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


class Base(DeclarativeBase):
    """Tables of the accounts database."""

    type_annotation_map = {datetime: UtcDateTime, str: Text}  # noqa: RUF012


class User(Base):
    """A person with an account, local (password_hash) or from single sign-on (subject)."""

    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(comment="as typed when it was added")
    name_key: Mapped[str] = mapped_column(String(200), unique=True, comment="the name, folded for comparison")
    role: Mapped[str]
    scope: Mapped[str] = mapped_column(comment="icb, pcn:CODE or practice:CODE")
    created_at: Mapped[datetime]
    password_hash: Mapped[str | None] = mapped_column(comment="argon2id")
    link_hash: Mapped[str | None] = mapped_column(String(64), unique=True, comment="one-time set-password link")
    link_expires_at: Mapped[datetime | None]
    totp_secret: Mapped[str | None]
    totp_last_step: Mapped[int | None] = mapped_column(comment="a six-digit code is used once")
    subject: Mapped[str | None] = mapped_column(unique=True, comment="issuer and subject of single sign-on")
    disabled_at: Mapped[datetime | None]


class WebSession(Base):
    """A signed-in browser."""

    __tablename__ = "web_session"
    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class Token(Base):
    """A personal access token, for Excel and Power BI."""

    __tablename__ = "access_token"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    label: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class LoginAttempt(Base):
    """Wrong passwords of late, by account name (hashed: people type passwords there) and by address."""

    __tablename__ = "login_attempt"
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class OidcState(Base):
    """A single sign-on under way: state, nonce and PKCE verifier, used once."""

    __tablename__ = "oidc_state"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[str]
    expires_at: Mapped[datetime]


class AuditEvent(Base):
    """What happened. Rows are added, never changed or removed: triggers refuse."""

    __tablename__ = "audit_event"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column("occurred_at", index=True)
    event: Mapped[str]
    user_name: Mapped[str | None]
    address: Mapped[str | None]
    detail: Mapped[str] = mapped_column(comment="JSON object")


APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS audit_event_no_{verb} BEFORE {verb} ON audit_event "
        "BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit_event is append-only'; END $$",
        "CREATE OR REPLACE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()",
    ],
}


def utc_now() -> datetime:
    """The moment now, in UTC."""
    return datetime.now(UTC)


def digest(secret: str) -> str:
    """What is stored of a random secret (session, token, link): SHA-256, hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret() -> str:
    """256 random bits, for a URL or a cookie."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Database:
    """The accounts database and the settings that go with it. `now` is the clock."""

    engine: Engine
    settings: AccessSettings
    now: Callable[[], datetime] = utc_now

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction; committed at the end, rolled back when an exception leaves it."""
        with self._reached(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Reads only; on SQLite without taking the write lock."""
        engine = self.engine.execution_options(reading=True)
        with self._reached(), Session(engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Reads only, without the ORM."""
        with self._reached(), self.engine.connect().execution_options(reading=True) as connection:
            yield connection

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError:
                raise _unreachable(self.engine.url, error) from error
            raise


def open_database(settings: AccessSettings, now: Callable[[], datetime] = utc_now) -> Database:
    """Open the accounts database of `settings` and make what is missing in it. Raises AccountsUnreachable."""
    url = make_url(settings.accounts_url)
    try:
        engine = _open(url)
    except (DBAPIError, OSError) as error:
        raise _unreachable(url, error) from error
    return Database(engine, settings, now)


def _open(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        engine = create_engine(url, connect_args={"timeout": 30})
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    else:
        engine = create_engine(url, pool_pre_ping=True)
    with engine.begin() as connection:
        _make_tables(connection)
    engine.dispose()  # servers fork after this; a connection must not be shared by two processes
    return engine


def _unreachable(url: URL, error: Exception) -> AccountsUnreachable:
    why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return AccountsUnreachable(
        f"The accounts database {url.render_as_string(hide_password=True)} cannot be used: {why}"
    )


def _make_tables(connection: Connection) -> None:
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(884120)"))  # several workers start together
    for table in Base.metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    for statement in APPEND_ONLY[dialect]:
        connection.exec_driver_sql(statement)


def _sqlite_connect(connection: object, record: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # BEGIN is sent by _sqlite_begin
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]


def _sqlite_begin(connection: Connection) -> None:
    # taking the write lock at once: a transaction that reads first and writes later can fail half-way
    if not connection.get_execution_options().get("reading"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
