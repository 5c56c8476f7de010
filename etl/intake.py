"""From the inbox to a feed: unpack, look inside, recognise by contents, archive or refuse.

A file is what its bytes say, never only what its name says.
"""

import codecs
import csv
import errno
import gzip
import hashlib
import io
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from etl.feeds.feed import Received, RefusedFile, normalise
from etl.settings import Settings

CHUNK = 2**20
HEAD = 2**16
SNIFFED_RECORDS = 50
PRIVATE = "private"
OURS_ALONE = 0o600  # the mode that marks a refused file as private
UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload", ".partial")
# a real publication never packs tighter than this; a bomb does
MAXIMUM_RATIO = 400
SMALL = 32 * 2**20


def waiting(settings: Settings, now: float) -> Iterator[Path]:
    """Files in the inbox that are finished: not named as partial, unchanged for `inbox_settle_seconds`."""
    if not settings.inbox.is_dir():
        return
    for path in sorted(settings.inbox.rglob("*")):
        if not path.is_file() or path.name.startswith(".") or path.name.lower().endswith(UNFINISHED):
            continue
        if now - path.stat().st_mtime >= settings.inbox_settle_seconds:
            yield path


@contextmanager
def unpack(path: Path, settings: Settings) -> Iterator[list[Received | RefusedFile]]:
    """The file, or each member of a zip, ready for a feed. A member that cannot be used is the reason why."""
    with TemporaryDirectory(prefix="switchboard-") as folder:
        yield [_received(name, part, Path(folder), settings) for name, part in _parts(path, Path(folder), settings)]


def fingerprint(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def recognise(received: Received, feeds: Sequence[ModuleType]) -> tuple[ModuleType, str]:
    """The feed whose file this is, and the layout. Raises RefusedFile when none knows it."""
    if received.recognised is None:
        for feed in feeds:
            layout = feed.recognise(received)
            if layout:
                received.recognised = (feed, layout)
                break
    if received.recognised is not None:
        return received.recognised
    raise RefusedFile(_not_recognised(received))


def _not_recognised(received: Received) -> str:
    known = "See the README for the files that can be loaded."
    if received.kind == "workbook":
        return f"No feed knows this workbook. Its sheets are: {', '.join(received.sheets) or 'none'}. {known}"
    first = ", ".join(received.records[0][:8]) if received.records else ""
    if len(first) > 200 or any(
        re.search(r"\d{6,}", cell) for cell in (received.records[0] if received.records else [])
    ):
        first = f"{len(received.records[0])} columns, without a heading that is known"
    return f"No feed knows this file. Its first line reads: {first}. {known}"


def _parts(path: Path, folder: Path, settings: Settings) -> Iterator[tuple[str, Path | RefusedFile]]:
    """The file itself, what a gz holds, or each member of a zip (one level deep)."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if start[:2] == b"\x1f\x8b":
        yield path.name, _gunzip(path, folder / "unpacked", settings)
    elif start[:4] == b"PK\x03\x04" and not _is_workbook(path):
        yield from _unzip(path, folder, settings)
    elif start[:4] == b"PK\x05\x06":
        yield path.name, RefusedFile("The zip file is empty. Ask the sender for the complete file.")
    else:
        yield path.name, path


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return path.suffix.lower() in {".xlsx", ".xlsm"}


def _gunzip(path: Path, target: Path, settings: Settings) -> Path | RefusedFile:
    try:
        with gzip.open(path) as source:
            return _copy(source, target, path.stat().st_size, settings)
    except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
        return RefusedFile(f"The gz file is damaged or cut short ({error}). Ask the sender to send it again.")


def _unzip(path: Path, folder: Path, settings: Settings) -> Iterator[tuple[str, Path | RefusedFile]]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        yield (
            path.name,
            RefusedFile(f"The zip file is damaged or cut short ({error}). Ask the sender to send it again."),
        )
        return
    with archive:
        members = [m for m in archive.infolist() if not m.is_dir() and not Path(m.filename).name.startswith(".")]
        members = [m for m in members if not m.filename.startswith("__MACOSX/")]
        total = sum(m.file_size for m in members)
        if total > settings.maximum_unpacked_bytes:
            yield path.name, _bomb(total)
            return
        for number, member in enumerate(members):
            name = f"{path.name}/{member.filename}"
            if member.flag_bits & 1:
                yield name, RefusedFile("The zip is locked with a password. Ask for a file without one.")
                continue
            try:
                with archive.open(member) as source:
                    part = _copy(source, folder / f"member{number}", max(member.compress_size, 1), settings)
            except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error, OSError) as error:
                part = RefusedFile(f"The zip is damaged ({error}). Ask the sender to send it again.")
            yield name, part


def _copy(source: Any, target: Path, packed: int, settings: Settings) -> Path | RefusedFile:
    """Unpack to a file, stopping at once when what comes out is absurdly more than what went in."""
    size = 0
    with target.open("wb") as out:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > settings.maximum_unpacked_bytes or (size > SMALL and size / packed > MAXIMUM_RATIO):
                return _bomb(size)
            out.write(chunk)
    return target


def _bomb(size: int) -> RefusedFile:
    return RefusedFile(
        f"Unpacked, the file would be more than {size / 2**30:,.1f} GB, far more than any such publication. "
        "It was not opened further. Check where it came from."
    )


def _received(name: str, part: Path | RefusedFile, folder: Path, settings: Settings) -> Received | RefusedFile:
    if isinstance(part, RefusedFile):
        part.args = (part.args[0], name)
        return part
    try:
        return _look(name, part, folder, settings)
    except RefusedFile as refused:
        refused.args = (refused.args[0], name)
        return refused


def _look(name: str, path: Path, folder: Path, settings: Settings) -> Received:
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if not head.strip():
        raise RefusedFile("The file is empty. Ask the sender to send it again.")
    if head[:4] == b"PK\x03\x04":
        return _workbook(name, path, settings)
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise RefusedFile("This is an old or password-protected Excel file. Save it as .xlsx without a password.")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head")):
        raise RefusedFile(
            "This is a web page saved under another name, perhaps an error or a sign-in page, not data. "
            "Download it again."
        )
    if head[:5] == b"%PDF-":
        raise RefusedFile("This is a PDF document. Ask for the data as a CSV or Excel file.")
    return _text(name, path, head, folder, settings)


def _workbook(name: str, path: Path, settings: Settings) -> Received:
    try:
        with zipfile.ZipFile(path) as archive:
            if not any(m.startswith("xl/") for m in archive.namelist()):
                raise RefusedFile("A zip inside a zip is not opened. Take the files out and put them in the inbox.")
            unpacked = sum(m.file_size for m in archive.infolist())
            if unpacked > settings.maximum_unpacked_bytes or unpacked > max(SMALL, path.stat().st_size * MAXIMUM_RATIO):
                raise _bomb(unpacked)
        book = CalamineWorkbook.from_path(str(path))
        sheets = {}
        for sheet in book.sheet_names:
            # calamine begins at the first used cell unless told otherwise; rows here are the sheet's rows
            sheets[sheet] = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except (CalamineError, zipfile.BadZipFile, OSError, KeyError, zlib.error) as error:
        raise RefusedFile(
            f"The workbook is damaged or cut short and cannot be opened ({error}). Ask the sender to send it again."
        ) from None
    return Received(name=name, kind="workbook", path=path, sha256=fingerprint(path), sheets=sheets, settings=settings)


def _text(name: str, path: Path, head: bytes, folder: Path, settings: Settings) -> Received:
    digest, newline, longest, has_nul, is_utf8 = _scan(path)
    encoding = _encoding(head, is_utf8)
    if has_nul and not encoding.startswith("utf-16"):
        raise RefusedFile("This is not a text file, a zip or a workbook. Save the data as CSV or XLSX.")
    if longest > settings.maximum_line_bytes:
        raise RefusedFile(
            f"The file has a line of more than {settings.maximum_line_bytes / 2**20:,.0f} MB, so it is not a table of "
            "data. Ask the sender to export it again."
        )
    ready = path
    if encoding != "utf-8" or newline == "\r":
        ready = _transcode(path, folder / f"{path.name}.text", encoding, newline)
    with ready.open("rb") as stream:
        start = stream.read(HEAD)
    text = start.decode("utf-8-sig", errors="ignore")
    if len(start) == HEAD:
        text = text[: text.rfind("\n")]
    delimiter = _delimiter(text)
    try:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter)
        records = list(islice(filter(None, reader), SNIFFED_RECORDS))
    except csv.Error as error:
        raise RefusedFile(
            f"The file could not be read as a table ({error}). Ask the sender to export it again."
        ) from None
    if not records:
        raise RefusedFile("The file is empty. Ask the sender to send it again.")
    return Received(
        name=name,
        kind="csv",
        path=ready,
        sha256=digest,
        header=tuple(normalise(cell) for cell in records[0]),
        records=records,
        delimiter=delimiter,
        settings=settings,
    )


def _scan(path: Path) -> tuple[str, str, int, bool, bool]:
    """One pass over the bytes: sha256, line ending, longest line (roughly), whether there are NULs, whether all
    of it is UTF-8."""
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    newline, longest, pending, has_nul, is_utf8 = "", 0, 0, False, True
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            has_nul = has_nul or b"\x00" in chunk
            if is_utf8 and not (chunk.isascii() and not decoder.getstate()[0]):
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    is_utf8 = False
            if not newline and (b"\n" in chunk or b"\r" in chunk):
                newline = "\n" if b"\n" in chunk else "\r"
            mark = newline.encode() or b"\n"
            first = chunk.find(mark)
            if first < 0:
                pending += len(chunk)
            else:
                longest = max(longest, pending + first)
                pending = len(chunk) - chunk.rfind(mark) - 1
    return digest.hexdigest(), newline, max(longest, pending), has_nul, is_utf8


def _encoding(head: bytes, is_utf8: bool) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
    if max(even, odd) > len(head[:2000]) / 4:
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8" if is_utf8 else "cp1252"


def _transcode(path: Path, target: Path, encoding: str, newline: str) -> Path:
    """A copy as UTF-8 with LF line ends, for what DuckDB does not read as it is."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    with path.open("rb") as source, target.open("wb") as out:
        while chunk := source.read(CHUNK):
            text = decoder.decode(chunk)
            out.write((text.replace("\r", "\n") if newline == "\r" else text).encode())
    return target


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(",;\t|", key=lambda mark: (first.count(mark), mark == ","))


def archive(path: Path, settings: Settings, load_id: int, move: bool, now: datetime, private: bool = False) -> Path:
    """Keep the file as received, under its date and load, once. `move` takes it from where it lies.

    private: the file holds people's numbers: kept under `archive/private`, which nobody else may open, until
    `expire_private` deletes it.
    """
    name = f"load-{load_id:06d}"
    root = settings.archive / PRIVATE if private else settings.archive
    kept = next(root.glob(f"*/{name}/*"), None)
    if kept is None:
        target = root / now.strftime("%Y-%m-%d") / name / path.name
        if private:
            for folder in (root, target.parent.parent, target.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
        return _put(path, target, move)
    if move:
        path.unlink()
    return kept


def expire_private(settings: Settings, now: datetime) -> None:
    """Delete archived originals that speak of people, and refused ones, that are older than
    `call_log_retention_days`. The reason for a refusal stays.

    Refused are the files that `reject` was told are private, and, as what could not be recognised is told by nobody,
    those named as a telephony source's.
    """
    limit = now - timedelta(days=settings.call_log_retention_days)
    for folder in (settings.archive / PRIVATE).glob("????-??-??"):
        if folder.name <= limit.strftime("%Y-%m-%d"):
            shutil.rmtree(folder)
    for path in settings.rejected.glob("*"):
        patterns = [str(source.get("files", "")) for source in settings.telephony_source]
        if path.name.endswith(".reason.txt") or not path.is_file():
            continue
        is_private = stat.S_IMODE(path.stat().st_mode) == OURS_ALONE
        if path.stat().st_ctime < limit.timestamp() and (
            is_private or any(fnmatch(path.name, pattern) for pattern in patterns)
        ):
            path.unlink()


def reject(path: Path, settings: Settings, reason: str, move: bool, private: bool = False) -> Path:
    """Put the file in `rejected/` beside a `.reason.txt` that says what to do; the reason is there first.

    private: the file speaks of people: nobody else may read it, until `expire_private` deletes it.
    """
    settings.rejected.mkdir(parents=True, exist_ok=True)
    target, number = settings.rejected / path.name, 1
    while target.exists() and fingerprint(target) != fingerprint(path):
        number += 1
        target = settings.rejected / f"{path.stem}-{number}{path.suffix}"
    note = target.with_name(target.name + ".reason.txt")
    note.write_text(f"{path.name} was not loaded.\n\n{reason}\n", encoding="utf-8")
    put = _put(path, target, move)
    put.chmod(OURS_ALONE if private else 0o644)
    return put


def _put(path: Path, target: Path, move: bool) -> Path:
    """Move or copy; at no moment is there half a file under the target's name, or none under either."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if move:
        try:
            return path.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
    partial = target.with_name(f".{target.name}.part")
    shutil.copyfile(path, partial)
    partial.replace(target)
    if move:
        path.unlink()
    return target
