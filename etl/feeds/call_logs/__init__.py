"""Call logs of telephone systems: legs, and the calls they make up.

sources.py       which files are whose ([[telephony_source]] in icb.toml)
asterisk.py      call detail records of Asterisk and FreePBX
queue_log.py     Asterisk's queue events
three_cx.py      3CX
mapped_csv.py    any other export, by a profile
checks.py        what each file is checked for as a whole
clock.py         local times and UTC
people.py        numbers to pseudonyms
calls.py         legs to calls
opening_hours.py when a practice is open
call_backs.py    requests for a call-back and the calls that completed them
half_hours.py    calls to half-hours and days
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from etl.feeds.call_logs import (
    asterisk,
    calls,
    checks,
    half_hours,
    mapped_csv,
    opening_hours,
    people,
    queue_log,
    rows,
    sources,
    three_cx,
)
from etl.feeds.feed import Received, RefusedFile
from etl.feeds.reading import Reading
from etl.warehouse.connection import Warehouse

NAME = "call_logs"
FACTS = ("call_leg", "call")
HOLDS_PEOPLE = True

READERS = {
    "asterisk_cdr": ("asterisk", asterisk.read),
    "asterisk_queue_log": ("asterisk", queue_log.read),
    "three_cx": ("three_cx", three_cx.read),
    "mapped_csv": ("mapped_csv", mapped_csv.read),
}


def recognise(received: Received) -> str | None:
    """The layout of a call log, from its contents; of a file that a source claims by name and no feed knows,
    `unknown`, so that the reason it is refused for speaks of that source."""
    if received.kind != "csv":
        return None
    if queue_log.recognise(received):
        return "asterisk_queue_log"
    if asterisk.recognise(received):
        return "asterisk_cdr"
    if three_cx.recognise(received):
        return "three_cx"
    tables = received.settings.telephony_source if received.settings else []
    if any(table.get("platform") == "mapped_csv" for table in sources.claims(tables, received.name)):
        return "mapped_csv"
    return "unknown" if sources.claims(tables, received.name) else None


def read(reading: Reading) -> None:
    """Stage the file's legs. Raises RefusedFile saying what is wrong with the file, the source or the clock."""
    # a wrong entry is found before the file is read, not when calls are built
    opening_hours.listed(reading.settings.practice_hours)
    source = sources.source_of(reading.settings.telephony_source, reading.received.name)
    platform, reader = READERS.get(reading.layout, ("", None))
    if source.platform == "mapped_csv":
        platform, reader = READERS["mapped_csv"]
    if reader is None or platform != source.platform:
        raise RefusedFile(
            f"The telephony source `{source.id}` in icb.toml claims this file by its name and says that it comes from "
            f"{source.platform}, but it does not look like it. Correct `platform` or `files`, or move the file."
        )
    received = reading.received
    reading.scratch += rows.TABLES
    try:
        with TemporaryDirectory(prefix="switchboard-") as folder:
            reading.received = _finished(reading, source, Path(folder))
            reader(reading, source)
            checks.staged_legs(reading, source)
    except people.KeyFileError as error:
        raise RefusedFile(str(error)) from None
    finally:
        reading.received = received


def settle(warehouse: Warehouse) -> None:
    """Rebuild the calls of legs loaded since the last time, and their half-hours and days, in one transaction.

    Called when all files of a run are loaded, so that a call whose rows came in several is built once.
    """
    with warehouse.transaction():
        half_hours.ensure(warehouse)
        newest = warehouse.fetch("SELECT coalesce(max(load_id), 0) FROM ledger.load WHERE feed = :feed", {"feed": NAME})
        settled = warehouse.fetch("SELECT coalesce(max(load_id), 0) FROM mart.calls_settled")
        if newest == settled:
            return
        if calls.rebuild(warehouse, settled[0][0]):
            half_hours.refresh(warehouse)
        warehouse.execute("DELETE FROM mart.calls_settled")
        warehouse.execute("INSERT INTO mart.calls_settled VALUES (:load_id)", {"load_id": newest[0][0]})


def _finished(reading: Reading, source: sources.Source, folder: Path) -> Received:
    """The file without what ends it but is no row: a line still being written, which comes again the next
    night, or a trailer. Raises RefusedFile when a trailer counts other rows than there are."""
    received = reading.received
    if source.platform == "mapped_csv":
        kept, left = mapped_csv.before_trailer(received, source, reading.settings.home)
        note = "The last lines are a trailer, not calls."
    else:
        # telephone systems write their logs while they are being fetched
        kept, left = _last_line_end(received.path)
        note = "The last line has no line end, so it was left for the next file."
    if not left:
        return received
    finished = folder / "finished"
    with received.path.open("rb") as stream, finished.open("wb") as out:
        while kept > 0 and (chunk := stream.read(min(kept, 2**20))):
            out.write(chunk)
            kept -= len(chunk)
    reading.rows_read += left
    reading.rows_filtered += left
    reading.notes.append(note)
    return replace(received, path=finished)


def _last_line_end(path: Path) -> tuple[int, int]:
    """The offset after the last line end, and the number of lines (0 or 1) after it."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        end, tail = size, b""
        while end and b"\n" not in tail:
            start = max(0, end - 65536)
            stream.seek(start)
            tail, end = stream.read(end - start) + tail, start
    kept = end + tail.rfind(b"\n") + 1
    return (size, 0) if kept == size or not kept else (kept, 1)
