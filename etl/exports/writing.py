"""An export as files: the CSV, its CSVW metadata, and the folder's `manifest.json` and `SHA256SUMS`.

The same generation gives the same bytes: rows are sorted and nothing in a data file tells when it was made. A file
once named in the manifest is never touched again; replacing the manifest is the step that makes a version exist.
What a crash left half done is not in the manifest, and is made anew.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from etl.exports.definitions import Column, Definition

MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
# what a spreadsheet takes for a formula, also after spaces and in full-width form
FORMULA = re.compile(r"^[\s\ufeff\u200b]*[=+\-@＝＋－＠\x00]|^[\t\r\n]")
DATATYPES: dict[str, Any] = {"text": "string", "date": "date", "integer": "integer", "number": "number"}


class Damaged(Exception):
    """A folder's manifest is not one. The message names it."""


@dataclass(frozen=True)
class Version:
    """A written version. `file` is its name, `entry` what the manifest says of it."""

    folder: Path
    file: str
    entry: dict[str, Any]

    @property
    def path(self) -> Path:
        """Where the CSV is."""
        return self.folder / self.file


def csv_bytes(rows: pd.DataFrame, columns: Iterable[Column]) -> bytes:
    """Rows as CSV: UTF-8 without a byte order mark, CRLF, ISO dates, a final newline, fixed decimals.

    Missing cells are empty. Text that a spreadsheet would run as a formula gets a leading apostrophe; numbers do not.
    """
    columns = list(columns)
    texts = [[_cell(value, column) for value in rows[column.name]] for column in columns]
    lines = [",".join(column.name for column in columns)]
    lines += [",".join(cells) for cells in zip(*texts, strict=True)]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8")


def _cell(value: Any, column: Column) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if column.type == "date":
        return pd.Timestamp(value).strftime("%Y-%m-%d")
    if column.type in ("integer", "number"):
        return _number(float(value), column.name == "value" or column.is_share)
    return _quoted(guarded(str(value)))


def _number(value: float, is_rate: bool) -> str:
    if not is_rate and value == int(value):
        return str(int(value))
    return np.format_float_positional(value, unique=True, trim="k", min_digits=6 if is_rate else 1)


def guarded(text: str) -> str:
    """`text`, with a leading apostrophe if a spreadsheet would take it for a formula."""
    return "'" + text if FORMULA.search(text) else text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\r\n]', text) else text


def metadata(definition: Definition, file: str) -> bytes:
    """CSVW metadata of a file: every column's meaning and type, and the key."""
    described = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "url": file,
        "dc:title": definition.title,
        "dc:description": definition.purpose,
        "dialect": {"encoding": "utf-8", "delimiter": ",", "quoteChar": '"', "header": True},
        "tableSchema": {
            "columns": [
                {
                    "name": column.name,
                    "titles": column.name,
                    "dc:description": column.meaning,
                    "datatype": DATATYPES[column.type],
                    "required": column.name in definition.keys,
                }
                for column in definition.columns
            ],
            "primaryKey": definition.keys,
        },
    }
    return _json(described)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The folder's manifest: `export` and `files`, a list with name, sha256, and for each CSV what it was made of.

    Raises Damaged when it is something else.
    """
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if all(isinstance(entry["name"], str) for entry in found["files"]):
            return found
    except FileNotFoundError:
        return {"files": []}
    except (ValueError, KeyError, TypeError):
        pass
    raise Damaged(f"{folder / MANIFEST} is damaged: put back a copy. Until then nothing is written beside it.")


def versions(folder: Path, period: str | None = None) -> list[dict[str, Any]]:
    """What the manifest says of each CSV, oldest version first."""
    entries = [entry for entry in read_manifest(folder)["files"] if "version" in entry]
    return [entry for entry in entries if period is None or entry["period"] == period]


def write_version(
    folder: Path,
    definition: Definition,
    rows: pd.DataFrame,
    icb: str,
    month: date,
    made_at: datetime,
    facts: dict[str, Any],
) -> Version:
    """Write the next version of an export's period: CSV, metadata, manifest, sums, each whole or not at all.

    facts: what else the manifest says of it (generation, loads, reason…). Raises OSError when the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    period = f"{month:%Y-%m}"
    earlier = versions(folder, period)
    number = max((entry["version"] for entry in earlier), default=0) + 1
    file = f"{definition.name}_{icb}_{period}_{definition.grain}_v{number}.csv".lower()
    contents = {file: csv_bytes(rows, definition.columns)}
    contents[f"{file}-metadata.json"] = metadata(definition, file)
    entry = {
        "name": file,
        "sha256": hashlib.sha256(contents[file]).hexdigest(),
        "bytes": len(contents[file]),
        "rows": len(rows),
        "columns": [column.name for column in definition.columns],
        "period": period,
        "grain": definition.grain,
        "version": number,
        "supersedes": earlier[-1]["name"] if earlier else None,
        "policy": definition.disclosure,
        "made_at": made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **facts,
    }
    described = {
        "name": f"{file}-metadata.json",
        "sha256": hashlib.sha256(contents[f"{file}-metadata.json"]).hexdigest(),
        "bytes": len(contents[f"{file}-metadata.json"]),
        "describes": file,
    }
    for name, content in contents.items():
        (folder / name).unlink(missing_ok=True)  # not in the manifest: a crash left it
        _place(folder / name, content)
    manifest = read_manifest(folder)
    manifest = {
        "export": definition.name,
        "title": definition.title,
        "policy": definition.disclosure,
        "files": [*manifest["files"], entry, described],
    }
    _replace(folder / MANIFEST, _json(manifest))
    write_sums(folder)
    return Version(folder, file, entry)


def write_sums(folder: Path) -> None:
    """`SHA256SUMS` from the manifest, as `sha256sum --check` reads it. Without the manifest, which names a time."""
    lines = [f"{entry['sha256']}  {entry['name']}\n" for entry in read_manifest(folder)["files"]]
    content = "".join(lines).encode("utf-8")
    path = folder / SUMS
    if lines and (not path.is_file() or path.read_bytes() != content):
        _replace(path, content)


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _part(path: Path, content: bytes) -> Path:
    """The content on disk under a name that nobody takes for a finished file."""
    part = _part_of(path)
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None  # a full disk does not say where
    return part


def _place(path: Path, content: bytes) -> None:
    """A new file, whole; FileExistsError when there is one of this name."""
    part = _part(path, content)
    try:
        os.link(part, path)
    finally:
        part.unlink()


def _replace(path: Path, content: bytes) -> None:
    _part(path, content).replace(path)


def put(path: Path, content: bytes) -> None:
    """A new file, whole; nothing happens when it is there with this content.

    Raises FileExistsError when a different file has the name.
    """
    if path.is_file() and path.read_bytes() == content:
        _part_of(path).unlink(missing_ok=True)  # cut off between the link and this
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    _place(path, content)
