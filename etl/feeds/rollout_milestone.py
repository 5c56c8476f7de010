"""The rollout of digital telephony: which stage each practice has reached and when, planned and actual.

A workbook may hold capabilities and funding in sheets of their own: they are taken with it, in the same load.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from etl.feeds import rollout_capability, rollout_funding
from etl.feeds.feed import Received
from etl.feeds.reading import Reading
from etl.feeds.rollout_tracker import (
    LINE_TYPES,
    STAGES,
    Bad,
    Reader,
    Row,
    day,
    one_of,
    stage,
    tables,
    words_of,
)
from etl.feeds.rollout_tracker import (
    recognise as recognise_table,
)

NAME = "rollout_milestone"
FACTS = ("rollout_milestone", "rollout_capability", "rollout_funding")
NEEDS_ORGANISATIONS = True
# trackers are short and kept by hand: what is wrong is told row by row, and the rest is taken
MAXIMUM_REJECTED_SHARE = 1.0

NEEDED = (("stage",), ("planned_date", "actual_date"))
VALUES = {
    "stage": one_of(*STAGES),
    "planned_date": day,
    "actual_date": day,
    "supplier": words_of,
    "line_type": one_of(*LINE_TYPES, optional=True),
}


def recognise(received: Received) -> str | None:
    """The profiles by which its tables are known; None when it is another file."""
    return recognise_table(received, NAME, NEEDED)


def read(reading: Reading) -> None:
    """Stage the milestones, after refusing what contradicts itself; then the workbook's other tables."""
    reader = Reader(reading)
    rows = [row for table in tables(reading, NAME, NEEDED) for row in reader.rows(table, VALUES)]
    stage(reading, NAME, without_contradictions(reader, rows), tuple(VALUES))
    if reading.received.kind == "workbook":
        rollout_capability.read(reading)
        rollout_funding.read(reading)


def without_contradictions(reader: Reader, rows: Sequence[Row]) -> list[Row]:
    """The rows that can be true together, snapshot by snapshot; the others are refused."""
    kept = []
    for row in rows:
        bad = _impossible(reader, row)
        if bad:
            reader.refuse(row["line"], row["table"], bad)
        else:
            kept.append(row)
    practices: dict[Any, list[Row]] = {}
    for row in kept:
        practices.setdefault((row["believed_on"], row["practice_code"]), []).append(row)
    return [row for own in practices.values() for row in _consistent(reader, own)]


def _impossible(reader: Reader, row: Row) -> Bad | None:
    """What is wrong with a row by itself."""
    actual, planned, name = row["actual_date"], row["planned_date"], row["stage"]
    if actual and actual > row["believed_on"]:
        return _bad(
            row,
            "actual_date",
            f"{_say(actual)} is in the future, so {name} cannot have been reached on it. A plan belongs under the "
            "planned date",
        )
    closed = reader.practices.get(row["practice_code"], ("", None))[1]
    when = actual or planned
    if closed and when and when > closed:
        column = "actual_date" if actual else "planned_date"
        reason = f"the practice closed on {_say(closed)}, before {_say(when)}. Take the row out, or correct the date"
        return _bad(row, column, reason)
    return None


def _consistent(reader: Reader, rows: list[Row]) -> list[Row]:
    """One practice's rows of one snapshot, without those that contradict each other."""
    kept: list[Row] = []
    for name in STAGES:
        own = [row for row in rows if row["stage"] == name]
        alike = {_stated(row): row for row in reversed(own)}
        suppliers = {row["supplier"].casefold(): row["supplier"] for row in own if row["supplier"]}
        if len(suppliers) > 1:
            named = " and ".join(sorted(suppliers.values()))
            _refuse(
                reader,
                own,
                "supplier",
                f"two suppliers at once for {name}: {named}. Keep the right row, take out the other",
            )
        elif len(alike) > 1:
            said = f"{name} is given twice, with different dates or lines. Keep the right row, take out the other"
            _refuse(reader, own, "actual_date", said)
        else:
            repeated = len(own) - len(alike)
            reader.reading.rows_read += repeated
            reader.reading.rows_filtered += repeated
            kept += alike.values()
    contracted = next((row["actual_date"] for row in kept if row["stage"] == "contracted"), None)
    live = next((row for row in kept if row["stage"] == "live"), None)
    if live and contracted and live["actual_date"] and live["actual_date"] < contracted:
        said = f"live on {_say(live['actual_date'])}, before it was contracted on {_say(contracted)}"
        _refuse(reader, [live], "actual_date", f"{said}. Correct one of the two")
        kept.remove(live)
    return kept


def _stated(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in VALUES)


def _refuse(reader: Reader, rows: Sequence[Row], column: str, reason: str) -> None:
    for row in rows:
        reader.refuse(row["line"], row["table"], _bad(row, column, reason))


def _bad(row: Row, column: str, reason: str) -> Bad:
    part = row["stage"] if row["table"].profile.parts else ""
    return Bad(row["table"].heading(part, column), reason)


def _say(when: date) -> str:
    return f"{when.day} {when:%B %Y}"
