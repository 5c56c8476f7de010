"""Exports as they stand: the calendar, what was made and sent, what is held, the files. Looking changes nothing."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from dashboard.page import Rows
from etl.exports.definitions import Definition, months_between, readable
from etl.exports.history import History

HOME = "switchboard_home"
PREVIEW_ROWS = 20
LISTED_CHANGES = 200
FURTHEST = timedelta(days=31 * 14)  # an export goes at most twelve months after its period
MANIFEST = "manifest.json"
BESIDE = (MANIFEST, "SHA256SUMS")

Row = dict[str, str]


class Unreadable(Exception):
    """The record or a file of exports cannot be used or is not what it was. The message says which."""


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise Unreadable(f"The record of exports cannot be used: {getattr(error, 'orig', error)}.") from None
    except OSError as error:
        raise Unreadable(f"{Path(error.filename or '').name} cannot be read: {error.strerror or error}.") from None
    except (ValueError, KeyError) as error:
        raise Unreadable(f"A file of exports cannot be understood: {error}.") from None


def folder() -> Path:
    """Where this home's exports are."""
    return cast(Path, current_app.extensions[HOME]) / "exports"


def history() -> History | None:
    """The record; None while there is none, since looking must not begin one. Raises Unreadable."""
    with _readable():
        return History(folder().parent) if (folder() / "exports.sqlite").is_file() else None


def known() -> dict[str, Definition]:
    """The definitions by name, but for those that are wrong."""
    return readable(folder().parent)[0]


def wrong() -> list[str]:
    """What is wrong with each definition that cannot be used: file and entry."""
    return [str(error).replace(f"{folder()}/", "") for error in readable(folder().parent)[1].values()]


def versions() -> Rows:
    """Every version, newest first: as in the record, with `sent_at`, `receipt`, and `trouble`: why the last attempt
    to send it failed, where it has not been sent."""
    past = history()
    if past is None:
        return []
    with _readable():
        failed = {row["file"]: row["message"] for row in past.deliveries() if row["outcome"] == "failed"}
        return [{**row, "trouble": None if row["sent_at"] else failed.get(row["file"])} for row in past.versions()]


def held() -> Rows:
    """What is held: export, period, since, why (a list of lines)."""
    past = history()
    if past is None:
        return []
    with _readable():
        return [{**row, "why": row["why"].splitlines()} for row in past.holds()]


def asked() -> dict[tuple[str, str, str], dict[str, Any]]:
    """What people asked for and the scheduler has not done yet, by kind, export and period."""
    past = history()
    if past is None:
        return {}
    with _readable():
        return {(row["kind"], row["export"], row["period"]): row for row in past.requests()}


def ask(kind: str, export: str, period: str, who: str, now: datetime, reason: str | None) -> bool:
    """Record a request for the scheduler; False where the same is asked for already and nothing was recorded.

    Raises LookupError where there is no such export, HistoryError where there is nothing to release or resubmit,
    Unreadable where the record cannot be written.
    """
    past = history()
    if past is None or export not in known():
        raise LookupError(export)
    if (kind, export, period) in asked():
        return False
    with _readable():
        past.ask(kind, export, period, who, now, reason)
    return True


def calendar(today: date) -> Rows:
    """One row an export: export, title, and for the last period that fell due (`last_period`, `last_due`, `became`)
    and the next that has not gone already (`next_period`, `next_due`, `provisional_from`) first days of months and
    days; None without a calendar.

    became: the newest version's file, `held`, or None when nothing was made.
    """
    files: dict[tuple[str, str], str] = {}
    for made in sorted(versions(), key=lambda made: made["number"]):
        files[made["export"], made["period"]] = made["file"]
    waiting = {(each["export"], each["period"]) for each in held()}
    rows = []
    for name, definition in known().items():
        row: dict[str, Any] = {"export": name, "title": definition.title, "became": None} | dict.fromkeys(
            ("last_period", "last_due", "next_period", "next_due", "provisional_from")
        )
        if plan := definition.schedule:
            months = months_between(today - FURTHEST, today + FURTHEST)
            last = max(month for month in months if plan.due(month) <= today)
            ahead = [month for month in months if plan.due(month) > today]
            following = next((month for month in ahead if (name, f"{month:%Y-%m}") not in files), ahead[-1])
            key = name, f"{last:%Y-%m}"
            row |= {
                "last_period": last,
                "last_due": plan.due(last),
                "became": files.get(key) or ("held" if key in waiting else None),
                "next_period": following,
                "next_due": plan.due(following),
                "provisional_from": plan.deadline(following),
            }
        rows.append(row)
    return rows


def version(file: str) -> dict[str, Any] | None:
    """One version, as in `versions`, with what its manifest says of it in `entry`; None where there is none."""
    found = next((row for row in versions() if row["file"] == file), None)
    if found is None:
        return None
    return {**found, "entry": _manifest(found["export"]).get(file, {})}


def stored(export: str, file: str) -> tuple[bytes, str] | None:
    """The bytes and SHA-256 of a file of an export: a version, its metadata, the manifest or the sums.

    None where the manifest names no such file. Raises Unreadable when its bytes are not those that the manifest names.
    """
    if export not in {row["export"] for row in versions()}:
        return None
    entry = _manifest(export).get(file)
    if entry is None and file not in BESIDE:
        return None
    with _readable():
        content = (folder() / export / file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if entry is not None and entry["sha256"] != digest:
        raise Unreadable(f"{file} is not the file that was exported: its SHA-256 is not the one in {MANIFEST}.")
    return content, digest


def _manifest(export: str) -> dict[str, dict[str, Any]]:
    with _readable():
        entries = json.loads((folder() / export / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {entry["name"]: entry for entry in entries}


def read(export: str, file: str) -> tuple[list[str], list[Row]]:
    """Header and rows of a version, every cell as the text in the file. Raises Unreadable."""
    found = stored(export, file)
    if found is None:
        raise Unreadable(f"{file} is not in {MANIFEST}.")
    with _readable():
        lines = csv.DictReader(io.StringIO(found[0].decode("utf-8"), newline=""), strict=True)
        rows = list(lines)
        return list(lines.fieldnames or ()), rows


@dataclass(frozen=True)
class Changes:
    """What a version changed. lines: one a changed cell, added row or removed row: change, key, column, before, after;
    of added and removed rows `column` is empty and the row's other cells stand in `after` or `before`."""

    added: int
    removed: int
    changed: int
    columns_added: list[str]
    columns_removed: list[str]
    lines: list[Row]

    @property
    def none(self) -> bool:
        """Whether both files say the same."""
        return not (self.lines or self.columns_added or self.columns_removed)


def changes(export: str, older: str, newer: str) -> Changes:
    """Two versions compared row by row, by the key that the newer one's metadata names. Raises Unreadable."""
    old_header, old_rows = read(export, older)
    new_header, new_rows = read(export, newer)
    described = stored(export, f"{newer}-metadata.json")
    with _readable():
        keys = list(json.loads(described[0])["tableSchema"]["primaryKey"]) if described else new_header
    return compare(old_header, old_rows, new_header, new_rows, keys)


def compare(
    old_header: list[str], old_rows: list[Row], new_header: list[str], new_rows: list[Row], keys: list[str]
) -> Changes:
    """Rows compared by `keys`, cells by the columns that both have. Where a key is missing from either file or not
    unique in it, a row is told by all its cells (and by which of several equal rows it is)."""
    common = [column for column in new_header if column in old_header]
    if not _is_key(keys, old_header, old_rows) or not _is_key(keys, new_header, new_rows):
        keys = common
    old, new = _by_key(old_rows, keys), _by_key(new_rows, keys)
    rest = [column for column in common if column not in keys]
    lines: list[Row] = []
    altered = 0
    for key in [key for key in new if key in old]:
        cells = [column for column in rest if old[key][column] != new[key][column]]
        altered += bool(cells)
        lines += [_line("changed", key, column, old[key][column], new[key][column]) for column in cells]
    added, removed = [key for key in new if key not in old], [key for key in old if key not in new]
    lines += [_line("added", key, "", "", _cells(new[key], rest)) for key in added]
    lines += [_line("removed", key, "", _cells(old[key], rest), "") for key in removed]
    return Changes(
        len(added),
        len(removed),
        altered,
        [column for column in new_header if column not in old_header],
        [column for column in old_header if column not in new_header],
        lines,
    )


def _is_key(keys: list[str], header: list[str], rows: list[Row]) -> bool:
    return set(keys) <= set(header) and len({tuple(row[key] for key in keys) for row in rows}) == len(rows)


def _by_key(rows: list[Row], keys: list[str]) -> dict[tuple[Any, ...], Row]:
    found: dict[tuple[Any, ...], Row] = {}
    seen: dict[tuple[str, ...], int] = {}
    for row in rows:
        key = tuple(row[name] for name in keys)
        seen[key] = seen.get(key, 0) + 1
        found[*key, seen[key]] = row
    return found


def _line(change: str, key: tuple[Any, ...], column: str, before: str, after: str) -> Row:
    return {
        "change": change,
        "key": " · ".join(part for part in key[:-1] if part),
        "column": column,
        "before": before,
        "after": after,
    }


def _cells(row: Row, columns: list[str]) -> str:
    return "; ".join(f"{column} {row[column]}" for column in columns if row[column])
