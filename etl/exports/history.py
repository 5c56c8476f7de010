"""What was exported, held, asked for and delivered: `<home>/exports/exports.sqlite`.

The manifests beside the files are the truth about versions; this database is brought up to them before it is asked.
It adds what a manifest cannot hold: attempts, what is held and why, what people asked for, and where files were sent.
Times are UTC.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.pool import NullPool

from etl.exports.writing import Damaged, versions

LATELY = timedelta(days=3)  # earlier attempts say nothing about what is due now
schema = MetaData()

begun = Table("begun", schema, Column("id", Integer, primary_key=True), Column("since", DateTime, nullable=False))
version = Table(
    "version",
    schema,
    Column("file", String, primary_key=True),
    Column("export", String, nullable=False),
    Column("period", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("sha256", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("status", String, nullable=False),  # final or provisional
    Column("generation", String),
    Column("supersedes", String),
    Column("reason", String),
    Column("route", String, nullable=False),
    Column("made_at", DateTime, nullable=False),
)
attempt = Table(
    "attempt",
    schema,
    Column("id", Integer, primary_key=True),
    Column("job", String, nullable=False, index=True),
    Column("started_at", DateTime, nullable=False),
    Column("finished_at", DateTime),
    Column("outcome", String),  # done, failed, held; empty while under way or when it was cut off
    Column("message", String),
)
held = Table(
    "held",
    schema,
    Column("export", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column("since", DateTime, nullable=False),
    Column("generation", String),
    Column("why", String, nullable=False),  # one line each
    Column("ended_at", DateTime),
)
request = Table(
    "request",
    schema,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),  # release or resubmit
    Column("export", String, nullable=False),
    Column("period", String, nullable=False),
    Column("reason", String),
    Column("who", String, nullable=False),
    Column("asked_at", DateTime, nullable=False),
    Column("supersedes", String),  # the newest version when it was asked
    Column("done_at", DateTime),
)
delivery = Table(
    "delivery",
    schema,
    Column("id", Integer, primary_key=True),
    Column("file", String, nullable=False),
    Column("route", String, nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("outcome", String),  # sent, failed; empty: under way, or cut off and to be looked into
    Column("receipt", String),
    Column("message", String),
    Column("finished_at", DateTime),
    UniqueConstraint("file", "route", "started_at"),
)


class HistoryError(Exception):
    """What was asked cannot be recorded; the message says why and what to do."""


@dataclass
class State:
    """What the calendar needs to know: see `etl.exports.schedule.due`.

    attempts: job → (how many failed or were cut off, when the last began). Times are aware, UTC.
    """

    since: datetime
    done: set[str] = field(default_factory=set)
    attempts: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    exported: set[tuple[str, str]] = field(default_factory=set)
    held: dict[tuple[str, str], str | None] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    undelivered: list[dict[str, Any]] = field(default_factory=list)


class History:
    """The record of one home's exports. Every method is one short transaction."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "exports"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._engine = _engine(self.folder / "exports.sqlite")
        schema.create_all(self._engine)

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._engine.begin() as connection:
            yield connection

    def begin(self, now: datetime) -> datetime:
        """When this home first looked at its calendar: nothing due earlier is ever caught up."""
        with self._transaction() as connection:
            since = connection.scalar(select(begun.c.since))
            if since is None:
                since = _naive(now)
                connection.execute(insert(begun).values(id=1, since=since))
        return since.replace(tzinfo=UTC)

    def catch_up(self, routes: dict[str, str]) -> None:
        """Bring the record up to the manifests: what a crash kept from being recorded. routes: export → route.

        A damaged manifest tells nothing here; writing beside it says what is wrong.
        """
        entries = []
        for folder in sorted(self.folder.iterdir()):
            with suppress(Damaged):
                entries += [(folder.name, entry) for entry in versions(folder)] if folder.is_dir() else []
        with self._transaction() as connection:
            known = set(connection.scalars(select(version.c.file)))
            for export, entry in entries:
                if entry["name"] not in known:
                    self._record(connection, export, entry, routes.get(export, "folder"))

    def _record(self, connection: Any, export: str, entry: dict[str, Any], route: str) -> None:
        made_at = datetime.strptime(entry["made_at"], "%Y-%m-%dT%H:%M:%SZ")
        connection.execute(
            insert(version).values(
                file=entry["name"],
                export=export,
                period=entry["period"],
                number=entry["version"],
                sha256=entry["sha256"],
                rows=entry["rows"],
                status=entry.get("status", "final"),
                generation=entry.get("generation"),
                supersedes=entry["supersedes"],
                reason=entry.get("reason"),
                route=route,
                made_at=made_at,
            )
        )
        same = (held.c.export == export) & (held.c.period == entry["period"]) & held.c.ended_at.is_(None)
        connection.execute(update(held).where(same).values(ended_at=made_at))
        asked = (request.c.export == export) & (request.c.period == entry["period"]) & request.c.done_at.is_(None)
        connection.execute(
            update(request)
            .where(asked, (request.c.kind == "release") | (request.c.supersedes == entry["supersedes"]))
            .values(done_at=made_at)
        )

    def state(self, now: datetime) -> State:
        """Everything the calendar needs, in one reading."""
        state = State(self.begin(now))
        with self._transaction() as connection:
            lately = attempt.c.started_at >= _naive(now - LATELY)
            for row in connection.execute(select(attempt).where(lately).order_by(attempt.c.id)):
                if row.outcome == "done":
                    state.done.add(row.job)
                    state.attempts.pop(row.job, None)
                elif row.outcome == "held":
                    state.attempts.pop(row.job, None)
                else:
                    count = state.attempts.get(row.job, (0, None))[0]
                    state.attempts[row.job] = (count + 1, row.started_at.replace(tzinfo=UTC))
            state.exported = {(row.export, row.period) for row in connection.execute(select(version))}
            for row in connection.execute(select(held).where(held.c.ended_at.is_(None))):
                state.held[row.export, row.period] = row.generation
            asked = connection.execute(select(request).where(request.c.done_at.is_(None)).order_by(request.c.id))
            state.requests = [dict(row) for row in asked.mappings()]
            sent = select(delivery.c.file).where(delivery.c.outcome == "sent")
            left = select(version).where(version.c.file.not_in(sent)).order_by(version.c.made_at, version.c.file)
            state.undelivered = [dict(row) for row in connection.execute(left).mappings()]
        return state

    def start(self, job: str, now: datetime) -> int:
        """An attempt begins. Returns its id."""
        with self._transaction() as connection:
            return int(
                connection.execute(insert(attempt).values(job=job, started_at=_naive(now))).inserted_primary_key[0]
            )

    def finish(self, number: int, outcome: str, message: str, now: datetime) -> None:
        """An attempt ended: done, failed or held."""
        with self._transaction() as connection:
            connection.execute(
                update(attempt)
                .where(attempt.c.id == number)
                .values(outcome=outcome, message=message, finished_at=_naive(now))
            )

    def hold(self, export: str, period: str, generation: str | None, why: list[str], now: datetime) -> bool:
        """A period is incomplete: held. Says whether that is news."""
        with self._transaction() as connection:
            same = (held.c.export == export) & (held.c.period == period)
            values = {"generation": generation, "why": "\n".join(why), "ended_at": None}
            if connection.execute(update(held).where(same).values(**values)).rowcount:
                return False
            connection.execute(insert(held).values(export=export, period=period, since=_naive(now), **values))
            return True

    def ask(self, kind: str, export: str, period: str, who: str, now: datetime, reason: str | None = None) -> None:
        """A person releases what is held, or wants a period sent again (then with a reason).

        The scheduler does it at its next look. Raises HistoryError when there is nothing to release or resubmit.
        """
        with self._transaction() as connection:
            newest = connection.scalars(
                select(version.c.file)
                .where(version.c.export == export, version.c.period == period)
                .order_by(version.c.number.desc())
            ).first()
            waits = connection.execute(
                select(held).where(held.c.export == export, held.c.period == period, held.c.ended_at.is_(None))
            ).first()
            if kind == "release" and waits is None:
                raise HistoryError(f"{export} {period} is not held: there is nothing to release.")
            if kind == "resubmit" and newest is None:
                raise HistoryError(f"{export} {period} has not been exported yet: there is nothing to resubmit.")
            if kind == "resubmit" and not (reason or "").strip():
                raise HistoryError("A resubmission needs a reason: it stands in the manifest.")
            connection.execute(
                insert(request).values(
                    kind=kind,
                    export=export,
                    period=period,
                    who=who,
                    reason=reason,
                    asked_at=_naive(now),
                    supersedes=newest,
                )
            )

    def sending(self, file: str, route: str, now: datetime) -> int:
        """A delivery is about to begin: written before anything leaves. Returns its id."""
        with self._transaction() as connection:
            values = {"file": file, "route": route, "started_at": _naive(now)}
            return int(connection.execute(insert(delivery).values(**values)).inserted_primary_key[0])

    def sent(self, number: int, outcome: str, receipt: str | None, message: str, now: datetime) -> None:
        """A delivery ended: sent (with the receiver's receipt) or failed."""
        values = {"outcome": outcome, "receipt": receipt, "message": message, "finished_at": _naive(now)}
        with self._transaction() as connection:
            connection.execute(update(delivery).where(delivery.c.id == number).values(**values))

    def deliveries(self, file: str | None = None) -> list[dict[str, Any]]:
        """Every attempt to deliver (a file), oldest first."""
        wanted = select(delivery).order_by(delivery.c.id)
        with self._transaction() as connection:
            return [dict(row) for row in connection.execute(wanted).mappings() if file is None or row["file"] == file]

    def versions(self) -> list[dict[str, Any]]:
        """Every version made, newest first, with `sent_at` and `receipt` (None until it is delivered)."""
        with self._transaction() as connection:
            made = connection.execute(select(version).order_by(version.c.made_at.desc(), version.c.file)).mappings()
            arrived = {
                row["file"]: row
                for row in connection.execute(select(delivery).where(delivery.c.outcome == "sent")).mappings()
            }
            return [
                {
                    **row,
                    "sent_at": arrived[row["file"]]["finished_at"] if row["file"] in arrived else None,
                    "receipt": arrived[row["file"]]["receipt"] if row["file"] in arrived else None,
                }
                for row in made
            ]

    def holds(self) -> list[dict[str, Any]]:
        """What is held now, and why."""
        waiting = select(held).where(held.c.ended_at.is_(None)).order_by(held.c.export, held.c.period)
        with self._transaction() as connection:
            return [dict(row) for row in connection.execute(waiting).mappings()]

    def requests(self) -> list[dict[str, Any]]:
        """What people asked for and nobody has done yet, oldest first."""
        open_ = select(request).where(request.c.done_at.is_(None)).order_by(request.c.id)
        with self._transaction() as connection:
            return [dict(row) for row in connection.execute(open_).mappings()]


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0)


@cache
def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _careful(connection: Any, _: object) -> None:
        connection.execute("PRAGMA busy_timeout = 10000")

    return engine
