"""Writing files whose bytes depend on nothing but their content."""

import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from openpyxl import Workbook

Rows = Iterable[Sequence[object]]
_EPOCH = (2024, 3, 31, 0, 0, 0)  # a fixed time in every archive, so that the same content is the same bytes


def marked(name: str) -> str:
    """A file name that says it is synthetic: `-synthetic` before the extension.

    >>> marked("Mapping.csv")
    'Mapping-synthetic.csv'
    """
    stem, dot, extension = name.partition(".")
    return f"{stem}-synthetic{dot}{extension}"


def pick(values: ArrayLike, positions: np.ndarray) -> pd.Categorical:
    """`values[positions]`, as a column that is written quickly however long it is."""
    codes, categories = pd.factorize(np.asarray(values, dtype=object))
    names: Any = list(categories)
    return pd.Categorical.from_codes(codes[positions], names)


def write_csv(path: Path, frame: pd.DataFrame, header: bool = True, quote_all: bool = False) -> None:
    """Writes a frame as CSV, rows and columns in their order."""
    options = f"HEADER {str(header).lower()}" + (", FORCE_QUOTE *" if quote_all else "")
    con = _connection()
    con.register("frame", frame)
    con.execute(f"COPY (SELECT * FROM frame) TO '{_literal(path)}' (FORMAT csv, {options})")
    con.unregister("frame")


def csv_bytes(frame: pd.DataFrame, folder: Path) -> bytes:
    """A frame as CSV, for a member of an archive. `folder` holds it for a moment."""
    path = folder / ".member"
    write_csv(path, frame)
    content = path.read_bytes()
    path.unlink()
    return content


def write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    """Writes an archive with fixed times."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)


def write_workbook(path: Path, sheets: Mapping[str, Rows]) -> None:
    """Writes a workbook from rows of cells, one sequence a row."""
    workbook = Workbook(write_only=True)
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    written = io.BytesIO()
    workbook.save(written)
    members = {}
    with zipfile.ZipFile(written) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT[\d:]+Z", b"2024-03-31T00:00:00Z", content)
            members[name] = content
    write_zip(path, members)


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")
