"""One file being read: as SQL relations over its rows, each row with its line, and the records nobody can read refused.

Nothing here touches the warehouse: rows are staged in the reading connection, and written when the file is done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import Table

from etl.feeds.feed import Problem, Received, RefusedFile
from etl.warehouse.tables import fact_table

SKIPPED = "\x1e"
SEPARATOR = "\x1f"


@dataclass
class Reading:
    """One file being read. `con` is a DuckDB connection; `known(code, kind)` is a table in it with every
    organisation known so far, `known_practice(code, name, closed)` the practices among them, `belongs(child,
    parent)` whom some source puts under whom. Line numbers are the file's: 1 is the header, in a
    workbook the sheet's row. `today` is London's."""

    con: duckdb.DuckDBPyConnection
    received: Received
    layout: str
    settings: Any
    today: date
    rows_read: int = 0
    rows_filtered: int = 0
    staged: dict[str, list[str]] = field(default_factory=dict)  # each fact → relations of `con` with its rows
    scratch: list[str] = field(default_factory=list)  # temporary tables, dropped when the file is done with
    notes: list[str] = field(default_factory=list)
    scans: dict[str, int] = field(default_factory=dict)  # each CSV scan → the line its first row is on
    broken: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # records no one can read
    period_from: date | None = None
    period_to: date | None = None

    def csv(self, columns: Sequence[str] | None = None, **options: Any) -> str:
        """An SQL relation over the CSV: each column as the text that is there, untrimmed, under normalised names.

        columns: names for a file without a header (then line 1 is data). options: delimiter, quote, skip (records above
        the header), null_padding (a shorter record is not broken). Nothing is read yet. When the relation is staged or
        `run`, broken records (wrong number of fields, bad quoting, bytes that are not text) are refused, each with its
        line, not fatal.
        """
        received = self.received
        names = list(columns or received.header)
        for number, name in enumerate(names):
            names[number] = name if name and name not in names[:number] else f"{name or 'column'}_{number + 1}"
        header = columns is None
        delimiter = options.get("delimiter", received.delimiter).replace("'", "''")
        quote = options.get("quote", '"')
        skip = options.get("skip", 0)
        padding = ", null_padding=true" if options.get("null_padding") else ""
        types = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        where = str(received.path).replace("'", "''")
        scan = (
            f"read_csv('{where}', auto_detect=false, header={'true' if header else 'false'}, delim='{delimiter}', "
            f"quote='{quote}', escape='{quote}', skip={skip}, max_line_size={2 * self.settings.maximum_line_bytes}, "
            f"columns={{{types}}}{padding})"
        )
        self.scans[scan] = skip + (2 if header else 1)
        return scan

    def rows(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
        """An SQL relation over rows read in Python (workbooks): `columns` (the first must be `line`), all
        others text or NULL: numbers without a trailing `.0`, dates as YYYY-MM-DD, blank cells NULL."""
        arrays = {}
        for number, column in enumerate(columns):
            values = [row[number] if number < len(row) else None for row in rows]
            if column == "line":
                arrays[column] = pa.array(values, pa.int64())
            else:
                arrays[column] = pa.array([as_text(value) for value in values], pa.string())
        self.con.register(f"rows_{name}", pa.table(arrays))
        return f"rows_{name}"

    def stage(
        self,
        fact: str,
        relation: str,
        columns: Mapping[str, str],
        problems: Sequence[Problem] = (),
        skip: str = "FALSE",
        count: bool = True,
        copy: bool = True,
    ) -> None:
        """Stage rows for a fact, in one pass over the relation; lines are looked up only when a row is refused.

        columns: the fact's column → an SQL expression over the relation (columns left out are NULL).
        problems: the first that holds refuses the row. skip: rows that are filtered, not refused.
        count: False when the same file rows were counted by an earlier `stage` (a second fact from the
        same rows): then rows failing `problems` are just left out and nothing is counted twice.
        copy: False when the relation is over tables of `con` that stay until the file is done with (`scratch`):
        then it is read again when it is written, where a copy would cost more.
        """
        table = fact_table(fact)
        unknown = set(columns) - set(table.columns.keys())
        if unknown:
            raise KeyError(f"{fact} has no column {', '.join(sorted(unknown))}")
        con = self.con
        cases = [f"WHEN {skip} THEN '{SKIPPED}'"] if skip != "FALSE" else []
        cases += [f"WHEN {p.condition} THEN '{p.column}{SEPARATOR}' || {p.reason}" for p in problems]
        problem = f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"
        facts = ", ".join(
            f"CAST({columns.get(c.name, 'NULL')} AS {_type(c)}) AS {c.name}"
            for c in table.columns
            if c.name != "load_id"
        )
        select = f"SELECT {problem} AS problem, {facts} FROM "
        staged = f"({select}{relation})"
        if copy:
            staged = f"staged_{fact}_{len(self.staged.get(fact, []))}"
            self.scratch.append(staged)
            run(self, f"CREATE OR REPLACE TEMP TABLE {staged} AS {select}{relation}")
        found = con.execute(
            f"SELECT count(*), count(*) FILTER (problem = '{SKIPPED}'), count(problem), {_span(table)} FROM {staged}"
        ).fetchone()
        assert found is not None
        read, skipped, not_kept, first, last = found
        if count:
            self.rows_read += read
            self.rows_filtered += skipped
            if not_kept > skipped:
                self._number(relation, problem)
        if not_kept and copy:
            con.execute(f"DELETE FROM {staged} WHERE problem IS NOT NULL")
        elif not_kept:
            staged = f"(SELECT * FROM {staged} WHERE problem IS NULL)"
        self.staged.setdefault(fact, []).append(staged)
        if first:
            self.period_from = min(filter(None, (self.period_from, first)))
            self.period_to = max(filter(None, (self.period_to, last)))

    def refuse(self, line: int, column: str, reason: str) -> None:
        """Refuse one row found bad in Python; counts as read and refused."""
        self.rows_read += 1
        self.add_refused([(line, column, reason)])

    def add_refused(self, rows: Sequence[tuple[int, str, str]]) -> None:
        """Note rows (line, column, reason) in the table `refused`, which is there afterwards."""
        self.con.execute(
            "CREATE TEMP TABLE IF NOT EXISTS refused (line_number BIGINT, column_name VARCHAR, reason VARCHAR)"
        )
        if rows:
            self.con.executemany("INSERT INTO refused VALUES (?, ?, ?)", list(rows))

    def _number(self, relation: str, problem: str) -> None:
        """Say which lines were refused: a second pass, only when there is something to say."""
        self.add_refused([])
        self.con.execute(
            f"""
            INSERT INTO refused
            SELECT line, split_part(problem, '{SEPARATOR}', 1), split_part(problem, '{SEPARATOR}', 2)
            FROM (SELECT line, {problem} AS problem FROM {numbered(relation, self)})
            WHERE problem <> '{SKIPPED}'
            ORDER BY line
            """
        )


def run(reading: Reading, statement: str) -> duckdb.DuckDBPyConnection:
    """Execute over the file; records that cannot be read are refused, once, and left out."""
    try:
        return reading.con.execute(tolerant(statement, reading) if reading.broken else statement)
    except duckdb.InvalidInputException:
        return reading.con.execute(tolerant(statement, reading))


def tolerant(relation: str, reading: Reading) -> str:
    """The relation with records that cannot be read left out; each is refused, once."""
    for scan in reading.scans:
        if scan in relation:
            if scan not in reading.broken:
                reading.broken[scan] = _broken(reading, scan)
                for line, reason in reading.broken[scan]:
                    reading.refuse(line, "", reason)
            relation = relation.replace(scan, _without_broken(scan))
    return relation


def _without_broken(scan: str) -> str:
    return f"{scan[:-1]}, ignore_errors=true)"


def numbered(relation: str, reading: Reading) -> str:
    """The relation with `line`, the line in the file, which costs a pass of its own.

    A record is counted as one line. Records that could not be read are stepped over: with the nth of them on
    line b, every readable record from position b - n on lies one line further down.
    """
    for scan, first in reading.scans.items():
        if scan not in relation:
            continue
        bad = reading.broken.get(scan, [])
        readable = _without_broken(scan) if scan in reading.broken else scan
        line = f"position + {first - 1}"
        if bad:
            after = ", ".join(f"({b - n})" for n, (b, _) in enumerate(bad))
            line += f" + (SELECT count(*) FROM (VALUES {after}) AS b(after) WHERE b.after <= position + {first - 1})"
        rows = f"(SELECT row_number() OVER () AS position, * FROM {readable})"
        relation = relation.replace(scan, f"(SELECT {line} AS line, * EXCLUDE (position) FROM {rows})")
    return relation


def _broken(reading: Reading, scan: str) -> list[tuple[int, str]]:
    """Which records cannot be read, and why, in plain words. Raises RefusedFile when nothing can be saved."""
    con = reading.con
    try:
        con.execute(f"SELECT * FROM {scan[:-1]}, store_rejects=true, rejects_limit=0)").to_arrow_reader().read_all()
        found = con.execute(
            "SELECT line, min(CAST(error_type AS VARCHAR)), min(error_message) FROM reject_errors "
            "GROUP BY line ORDER BY line"
        ).fetchall()
    except duckdb.Error as error:
        raise RefusedFile(
            f"The file could not be read as a table: {str(error).splitlines()[0]}. Ask the sender to export it again."
        ) from None
    for table in ("reject_errors", "reject_scans"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    for line, _, message in found:
        if "unterminated quote" in message:
            raise RefusedFile(
                f'A quotation mark (") opened on line {line} is never closed, so the rows after it cannot be told '
                "apart. Ask the sender to export the file again."
            )
    reasons = {
        "MISSING COLUMNS": "the row has fewer columns than the heading",
        "TOO MANY COLUMNS": "the row has more columns than the heading",
        "UNQUOTED VALUE": "a quotation mark is out of place",
        "LINE SIZE OVER MAXIMUM": "the line is far too long",
        "INVALID ENCODING": "the row holds bytes that are not text",
    }
    return [(int(line), reasons.get(kind, "the row could not be read")) for line, kind, _ in found]


def as_text(value: object) -> str | None:
    """A workbook cell as text: whole numbers without `.0`, dates as YYYY-MM-DD, blank as None.

    >>> as_text(6327.0), as_text(date(2026, 1, 1)), as_text("  ")
    ('6327', '2026-01-01', None)
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time().isoformat() == "00:00:00" else value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)


def _type(column: Any) -> str:
    return {"String": "VARCHAR", "BigInteger": "BIGINT", "Integer": "INTEGER", "SmallInteger": "SMALLINT"}.get(
        type(column.type).__name__, str(type(column.type).__name__).upper().replace("DATETIME", "TIMESTAMP")
    )


def _span(table: Table) -> str:
    """SQL for the first and last day that kept rows cover."""
    if "period_start" not in table.columns:
        return "NULL, NULL"
    last = "last_day(period_start)"
    if "period_kind" in table.columns:
        last = f"CASE WHEN period_kind = 'month' THEN {last} ELSE period_start END"
    return f"min(period_start) FILTER (problem IS NULL), max({last}) FILTER (problem IS NULL)"
