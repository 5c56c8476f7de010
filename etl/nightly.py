"""The night, readable top to bottom: take in the inbox, build a generation, publish it, run what is due."""

import json
import os
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from etl import intake, london
from etl.feeds.feed import Received, RefusedFile, feeds
from etl.feeds.reading import Reading
from etl.marts.build import FOLDER as MARTS
from etl.published.writing import publish
from etl.settings import Settings
from etl.warehouse import loading
from etl.warehouse.connection import WAREHOUSE_FAILED, Warehouse

Progress = Callable[[str, int, int], None]
SMALL_FILE = 32 * 2**20


def _quiet(event: str, done: int, total: int) -> None:
    pass


@dataclass
class Night:
    """What was done: loads, files that were loaded before, and files refused with the reason."""

    loads: list[loading.Load] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    generation: str | None = None

    @property
    def something_was_refused(self) -> bool:
        """Whether a file or a row was refused."""
        return bool(self.refused) or any(load.rows_refused for load in self.loads)


def nightly(settings: Settings, progress: Progress = _quiet) -> Night:
    """Take in the inbox, build, publish. A file that is refused does not stop the night."""
    settings.inbox.mkdir(parents=True, exist_ok=True)
    files = list(intake.waiting(settings, time.time()))
    with Warehouse(settings) as warehouse:
        night = take_in(warehouse, files, move=True, progress=progress)
        night.generation = publish(warehouse, progress)
    _tidy(settings)
    return night


def load_files(settings: Settings, files: Iterable[Path], progress: Progress = _quiet) -> Night:
    """Take in just these files, leaving them where they are; publishes nothing."""
    with Warehouse(settings) as warehouse:
        return take_in(warehouse, list(files), move=False, progress=progress)


def take_in(warehouse: Warehouse, files: list[Path], move: bool, progress: Progress = _quiet) -> Night:
    """Load each file: recognised, checked, in the ledger and archived; or refused with its reason."""
    night = Night()
    registry = feeds()
    waiting = []
    for number, path in enumerate(files):
        progress(f"loading {path.name}", number, len(files))
        if not _take_file(warehouse, path, move, night, registry, wait=True):
            waiting.append(path)
    for path in waiting:
        _take_file(warehouse, path, move, night, registry)
    for feed in registry:
        if hasattr(feed, "settle"):
            feed.settle(warehouse)
    if files:
        progress("files loaded", len(files), len(files))
    return night


def _take_file(
    warehouse: Warehouse, path: Path, move: bool, night: Night, registry: list[ModuleType], wait: bool = False
) -> bool:
    """Load one file, or refuse it. With `wait`, a file of a feed that needs to know the practices
    (NEEDS_ORGANISATIONS) is left for later: then False."""
    settings = warehouse.settings
    kept: list[int] = []
    reasons: list[str] = []
    if not os.access(path, os.R_OK):
        reason = "The file could not be opened: it is gone, or Switchboard may not read it. It was left as it is."
        night.refused.append((path.name, reason))
        log(settings, "refused", file=path.name, reason=reason)
        return True
    with intake.unpack(path, settings) as parts:
        if wait and any(_says(part, registry, "NEEDS_ORGANISATIONS") for part in parts):
            return False
        private = any(_says(part, registry, "HOLDS_PEOPLE") for part in parts)
        for part in parts:
            name = part.args[-1] if isinstance(part, RefusedFile) else part.name
            try:
                if isinstance(part, RefusedFile):
                    raise part
                before = _loaded_before(warehouse, part)
                loaded = None if before else _load(warehouse, part, registry)
            except RefusedFile as refused:
                reason = str(refused.args[0])
                reasons.append(reason if name == path.name else f"{name}: {reason}")
                night.refused.append((name, reason))
                log(settings, "refused", file=name, reason=reason)
                continue
            if loaded is None:
                night.unchanged.append(name)
                kept.append(before)
                log(settings, "unchanged", file=name)
            else:
                night.loads.append(loaded)
                kept.append(loaded.load_id)
                log(settings, "loaded", **asdict(loaded))
    now = datetime.now(UTC)
    if reasons:
        _remember_refusal(warehouse, path.name, "\n".join(reasons), now)
        intake.reject(path, settings, "\n\n".join(reasons), move and not kept, private)
    if kept:
        # also when loaded before: a night that was killed between loading and archiving left the file here
        intake.archive(path, settings, max(kept), move, now, private)
    return True


def _says(part: Received | RefusedFile, registry: list[ModuleType], word: str) -> bool:
    """Whether the feed whose file this is says so of itself."""
    try:
        return isinstance(part, Received) and getattr(intake.recognise(part, registry)[0], word, False)
    except RefusedFile:
        return False


def _loaded_before(warehouse: Warehouse, received: Received) -> int:
    """The load of the same bytes; 0 when there is none."""
    found = warehouse.fetch("SELECT max(load_id) FROM ledger.load WHERE sha256 = :sha", {"sha": received.sha256})
    return int(found[0][0] or 0)


def _load(warehouse: Warehouse, received: Received, registry: list[ModuleType]) -> loading.Load:
    """Load one file. Raises RefusedFile; other errors only when the warehouse or the disk fails."""
    feed, layout = intake.recognise(received, registry)
    reading = Reading(warehouse.con, received, layout, warehouse.settings, london.today())
    # a small file is read faster by one thread than by several that wait for each other
    threads = 1 if received.path.stat().st_size < SMALL_FILE else os.cpu_count() or 1
    warehouse.con.execute(f"SET threads = {threads}")
    try:
        known_organisations(warehouse)
        feed.read(reading)
        return loading.commit(warehouse, feed, reading)
    except (RefusedFile, MemoryError, OSError, *WAREHOUSE_FAILED):
        raise
    except Exception as error:
        # one file that no one thought of must not end every night. Its text may hold a caller's number: not told.
        at = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
        log(warehouse.settings, "fault", file=received.name, error=type(error).__name__, at=at)
        raise RefusedFile(
            f"The file was recognised ({feed.NAME}) but could not be read, and Switchboard cannot say why "
            f"({type(error).__name__}). Nothing of it was loaded. Give the day's log to whoever maintains Switchboard."
        ) from None
    finally:
        _clear(reading)
        warehouse.con.execute("RESET threads")


def known_organisations(warehouse: Warehouse) -> None:
    """What a feed may ask of what is already loaded, in the reading connection.

    `known(code, kind)`: every organisation some source has named. `known_practice(code, name, closed)`: the best
    statement of each practice, as the mart `organisation` chooses it. `belongs(child, parent)`: to whom some source
    says that a child belongs, or once belonged.
    """
    best = (MARTS / "organisation.sql").read_text(encoding="utf-8")
    for name, select in {
        "known": "SELECT DISTINCT code, kind FROM fact.organisation",
        "known_practice": f"SELECT code, name, closed FROM (\n{best}\n) AS best WHERE kind = 'practice'",
        "belongs": "SELECT DISTINCT child, parent FROM fact.membership",
    }.items():
        if warehouse.is_duckdb:
            warehouse.con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {select}")
        else:
            warehouse.bring(select, name)


def _clear(reading: Reading) -> None:
    """Forget what was staged, whatever happened."""
    con = reading.con
    for name in reading.scratch:
        con.execute(f"DROP TABLE IF EXISTS {name}")
    con.execute("DROP VIEW IF EXISTS refused_rows")
    con.execute("DROP TABLE IF EXISTS refused")


def _remember_refusal(warehouse: Warehouse, name: str, reason: str, when: datetime) -> None:
    """The same refusal of the same name again replaces the one before."""
    said = {"name": name, "reason": reason}
    with warehouse.transaction():
        warehouse.execute("DELETE FROM ledger.refused_file WHERE file_name = :name AND reason = :reason", said)
        warehouse.execute(
            "INSERT INTO ledger.refused_file (file_name, refused_at, reason) VALUES (:name, :at, :reason)",
            said | {"at": when.replace(tzinfo=None, microsecond=0)},
        )


def log(settings: Settings, event: str, **facts: object) -> None:
    """One JSON object a line in `<home>/logs/<date>.jsonl`."""
    settings.logs.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    line = json.dumps({"at": now.isoformat(timespec="seconds"), "event": event, **facts}, default=str)
    with (settings.logs / f"{now:%Y-%m-%d}.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def _tidy(settings: Settings) -> None:
    """Delete logs older than `log_retention_days`, call logs older than theirs, and empty folders in the inbox."""
    intake.expire_private(settings, datetime.now(UTC))
    limit = time.time() - settings.log_retention_days * 86400
    for path in settings.logs.glob("*.jsonl"):
        if path.stat().st_mtime < limit:
            path.unlink()
    for folder in sorted(settings.inbox.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
