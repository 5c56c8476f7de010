"""The calendar: the night, each export on its day, deliveries; every one of them once.

`due` is a pure function of the time, the definitions and the record; `look` does what is due under a lock;
`serve` looks every minute. A missed run is caught up once, for nothing is due by the clock's tick but by the record.
"""

import fcntl
import os
import time as clock
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from etl import london
from etl.exports.content import Content, content
from etl.exports.definitions import Definition, DefinitionError, month_of, months_between, readable
from etl.exports.delivery import DeliveryError, send
from etl.exports.history import History, State
from etl.exports.notice import tell
from etl.exports.settings import ExportSettings, export_settings
from etl.exports.tables import ExportError
from etl.exports.writing import Damaged, Version, write_sums, write_version
from etl.published.reading import NothingPublished, Reader
from etl.settings import Settings

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=1)


class Locked(Exception):
    """Another process works on this home's exports. The message says what to do."""


@dataclass(frozen=True)
class Job:
    """Something that is due. kind: night, export, resubmit, deliver. name: an export or a file. `at`: since when.

    provisional: goes even when incomplete, marked p.
    """

    kind: str
    name: str
    period: str
    at: datetime
    provisional: bool = False
    reason: str | None = None
    request: int | None = None

    @property
    def key(self) -> str:
        """What attempts are counted by."""
        parts = [self.kind, self.name, self.period, str(self.request or "")]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Outcome:
    """What came of a job: done, held, failed or refused; a sentence."""

    job: Job
    outcome: str
    message: str


# -- what is due


def due(
    now: datetime,
    exports: Mapping[str, Definition],
    state: State,
    generation: str | None = None,
    night_at: time = time(3, 0),
) -> list[Job]:
    """What is to be done now, in order: the night first, then exports by their day, then deliveries.

    now: aware. generation: the one published, since a held period is looked at again when there is a new one.
    A job that failed or was cut off waits 5 minutes, then 10, 20, 40, 60, 60 …
    """
    jobs = [*_night(now, state, night_at), *_exports(now, exports, state, generation)]
    jobs += [
        Job("deliver", version["file"], version["period"], version["made_at"].replace(tzinfo=UTC))
        for version in state.undelivered
    ]
    return [job for job in jobs if job.key not in state.done and _waited(job, state, now)]


def _night(now: datetime, state: State, night_at: time) -> list[Job]:
    today = london.day_of(now)
    for day in (today, today - timedelta(days=1)):
        at = datetime.combine(day, night_at, london.LONDON)
        if at.astimezone(UTC) <= now.astimezone(UTC):
            return [Job("night", day.isoformat(), "", at)] if at >= state.since else []
    return []


def _exports(now: datetime, exports: Mapping[str, Definition], state: State, generation: str | None) -> Iterator[Job]:
    released = {(asked["export"], asked["period"]) for asked in state.requests if asked["kind"] == "release"}
    months = months_between((state.since - timedelta(days=31 * 14)).date(), london.day_of(now))
    jobs = []
    for definition in exports.values():
        for month in months:
            period = f"{month:%Y-%m}"
            plan = definition.schedule
            if plan is None or (definition.name, period) in state.exported:
                continue
            at = datetime.combine(plan.due(month), plan.at, london.LONDON)
            if not state.since <= at <= now:
                continue
            last = plan.deadline(month)
            late = last is not None and datetime.combine(last, plan.at, london.LONDON) <= now
            provisional = late or (definition.name, period) in released
            seen = state.held.get((definition.name, period), "")
            if seen != "" and seen == generation and not provisional:
                continue
            jobs.append(Job("export", definition.name, period, at, provisional))
    yield from sorted(jobs, key=lambda job: (job.at, job.name, job.period))
    for asked in state.requests:
        if asked["kind"] == "resubmit" and asked["export"] in exports:
            at = asked["asked_at"].replace(tzinfo=UTC)
            yield Job("resubmit", asked["export"], asked["period"], at, True, asked["reason"], asked["id"])


def _waited(job: Job, state: State, now: datetime) -> bool:
    failures, last = state.attempts.get(job.key, (0, now))
    if not failures:
        return True
    return now >= last + min(FIRST_WAIT * 2 ** min(failures - 1, 10), LONGEST_WAIT)


# -- doing it


@contextmanager
def lock(home: Path, name: str = ".lock", wait: float = 0) -> Iterator[None]:
    """Hold a home's lock; the system lets go of it when the process ends, however it ends.

    Raises Locked when another process has it for longer than `wait` seconds.
    """
    (home / "exports").mkdir(parents=True, exist_ok=True)
    handle = os.open(home / "exports" / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = clock.monotonic() + wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if clock.monotonic() >= until:
                    raise Locked(f"Another process works on the exports of {home}. Wait for it, or stop it.") from None
                clock.sleep(0.2)
        yield
    finally:
        os.close(handle)


def look(
    settings: Settings,
    now: Callable[[], datetime],
    night: Callable[[], object] | None = None,
    report: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Do everything that is due, one job after another. `night` is not run when it is None.

    Raises Locked when another process is at it. What fails is recorded and tried again later.
    """
    outcomes: list[Outcome] = []
    with lock(settings.home):
        options = export_settings(settings)
        history = History(settings.home)
        reader = Reader(settings.published)
        tried: set[str] = set()
        while True:
            exports, wrong = readable(settings.home)
            history.catch_up(routes(exports, options))
            state = history.state(now())
            jobs = due(now(), exports, state, _generation(reader), options.night_at)
            for name, error in wrong.items():
                job = Job("definition", name, "", now())
                if job.key not in tried and _waited(job, state, now()):
                    _attempt(history, job, now, options, partial(_refused, error), outcomes, report)
                    tried.add(job.key)
            jobs = [job for job in jobs if job.key not in tried and (job.kind != "night" or night is not None)]
            if not jobs:
                return outcomes
            job = jobs[0]
            tried.add(job.key)
            if job.kind == "night":
                tried = {job.key}  # new data: what was held may go now
            work = _work(settings, options, history, reader, exports, job, now, night)
            _attempt(history, job, now, options, work, outcomes, report)


def _refused(error: DefinitionError) -> Outcome:
    raise error


def routes(exports: Mapping[str, Definition], options: ExportSettings) -> dict[str, str]:
    """How each export goes: as the settings say, else as its definition says."""
    return {name: options.delivery.get(name, definition.delivery) for name, definition in exports.items()}


def _generation(reader: Reader) -> str | None:
    try:
        return reader.generation
    except NothingPublished:
        return None


def _attempt(
    history: History,
    job: Job,
    now: Callable[[], datetime],
    options: ExportSettings,
    work: Callable[[], Outcome],
    outcomes: list[Outcome],
    report: Callable[[Outcome], None],
) -> None:
    """Begin, do, end; say what came of it. Only what nobody foresaw gets past."""
    number = history.start(job.key, now())
    try:
        outcome = work()
    except (ExportError, DefinitionError, DeliveryError, Damaged, NothingPublished, OSError, SQLAlchemyError) as error:
        outcome = Outcome(job, "failed", _reason(error))
    history.finish(number, outcome.outcome, outcome.message, now())
    outcomes.append(outcome)
    report(outcome)
    event = {"failed": "failed", "held": "held"}.get(outcome.outcome)
    if outcome.outcome == "done":
        event = {"night": "landed", "deliver": "sent"}.get(job.kind)
    if event:
        for problem in tell(options, event, outcome.message):
            report(Outcome(job, "failed", problem))


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")
    return str(getattr(error, "orig", None) or error)


def _work(
    settings: Settings,
    options: ExportSettings,
    history: History,
    reader: Reader,
    exports: Mapping[str, Definition],
    job: Job,
    now: Callable[[], datetime],
    night: Callable[[], object] | None,
) -> Callable[[], Outcome]:
    def run_night() -> Outcome:
        assert night is not None
        try:
            night()
        except Exception as error:  # the night is another's work: whatever it raises, the calendar goes on
            return Outcome(job, "failed", f"The night of {job.name} failed: {error}")
        return Outcome(
            job, "done", f"The night of {job.name} is done: {_generation(reader) or 'nothing'} is published."
        )

    def run_export() -> Outcome:
        return export(settings, history, reader, exports[job.name], job, now)

    def run_delivery() -> Outcome:
        return deliver(settings, options, history, job, now)

    return {"night": run_night, "export": run_export, "resubmit": run_export, "deliver": run_delivery}[job.kind]


def export(
    settings: Settings,
    history: History,
    reader: Reader,
    definition: Definition,
    job: Job,
    now: Callable[[], datetime],
) -> Outcome:
    """Write the job's version, or hold the period when it is incomplete and may not go as provisional."""
    month = month_of(job.period)
    found = content(reader, definition, month)
    if not found.is_complete and not job.provisional:
        why = found.missing + found.notes
        history.hold(definition.name, job.period, found.generation, why, now())
        return Outcome(job, "held", f"{definition.name} {job.period} is held: {_shortened(why)}.")
    folder = settings.home / "exports" / definition.name
    written = write(folder, definition, found, month, now(), job.reason)
    history.catch_up(
        {definition.name: routes({definition.name: definition}, export_settings(settings))[definition.name]}
    )
    return Outcome(job, "done", f"{written.file} was made: {written.entry['rows']} rows, {written.entry['status']}.")


def write(
    folder: Path, definition: Definition, found: Content, month: date, at: datetime, reason: str | None
) -> Version:
    """The found rows as the next version in a folder; an incomplete period is marked p."""
    status = "final" if found.is_complete else "provisional"
    rows = found.rows
    if status == "provisional" and "obs_status" in rows:
        rows = rows.assign(obs_status=rows["obs_status"].where(rows["obs_status"] != "", "p"))
    facts = {
        "status": status,
        "generation": found.generation,
        "code_version": found.code_version,
        "loads": found.loads,
        "hidden": found.hidden,
        "missing": found.missing,
        "notes": found.notes,
        "reason": reason,
    }
    return write_version(folder, definition, rows, found.icb, month, at.astimezone(UTC), facts)


def deliver(
    settings: Settings, options: ExportSettings, history: History, job: Job, now: Callable[[], datetime]
) -> Outcome:
    """Send one file and record the receipt. Raises DeliveryError after recording the failure."""
    version = next(row for row in history.versions() if row["file"] == job.name)
    path = settings.home / "exports" / version["export"] / version["file"]
    write_sums(path.parent)
    number = history.sending(job.name, version["route"], now())
    try:
        receipt = send(version["route"], path, version["sha256"], options)
    except DeliveryError as error:
        history.sent(number, "failed", None, str(error), now())
        raise
    history.sent(number, "sent", receipt, "", now())
    return Outcome(job, "done", f"{job.name} was sent ({version['route']}: {receipt}).")


def _shortened(lines: list[str], most: int = 5) -> str:
    more = [f"and {len(lines) - most} more"] if len(lines) > most else []
    return "; ".join([line.rstrip(".") for line in lines[:most]] + more)


def serve(settings: Settings, night: Callable[[], object], report: Callable[[Outcome], None]) -> None:
    """Look every minute until stopped. Raises Locked when another scheduler serves this home."""
    from apscheduler.schedulers.blocking import BlockingScheduler
    from apscheduler.triggers.cron import CronTrigger

    def now() -> datetime:
        return datetime.now(UTC)

    def look_once() -> None:
        try:
            look(settings, now, night, report)
        except Locked:
            pass  # an export by hand: the next minute will do
        except (OSError, SQLAlchemyError) as error:
            report(Outcome(Job("look", "", "", now()), "failed", f"The calendar cannot be read: {_reason(error)}"))

    with lock(settings.home, ".scheduler"):
        History(settings.home).begin(now())
        look_once()
        scheduler = BlockingScheduler(timezone=london.LONDON)
        scheduler.add_job(
            look_once,
            CronTrigger(minute="*", timezone=london.LONDON),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
        scheduler.start()
