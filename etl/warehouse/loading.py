"""From a file being read to facts and a ledger row, in one transaction.

`Reading.stage` has checked the rows; `commit` supersedes and inserts. A load is all or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType

from sqlalchemy import Table

from etl.feeds.feed import RefusedFile
from etl.feeds.reading import Reading
from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from etl.warehouse.tables import AREAS, fact_table

REASONS_SHOWN = 3
SAID_IN_PASSING = ("organisation", "membership")


@dataclass(frozen=True)
class Load:
    """What a load did, as the ledger has it."""

    load_id: int
    feed: str
    file_name: str
    rows_read: int
    rows_kept: int
    rows_refused: int
    rows_filtered: int
    supersedes: str


def commit(warehouse: Warehouse, feed: ModuleType, reading: Reading) -> Load:
    """Check the file as a whole, then write facts and ledger in one transaction.

    Raises RefusedFile when there are no rows or too many were refused; then nothing has changed.
    """
    con, received = reading.con, reading.received
    reading.add_refused([])
    refused = con.execute("SELECT count(*) FROM refused").fetchone()[0]  # type: ignore[index]
    _check_share(feed, reading, refused, warehouse.settings)
    kept = reading.rows_read - refused - reading.rows_filtered
    with warehouse.transaction():
        load_id = int(warehouse.fetch("SELECT coalesce(max(load_id), 0) + 1 FROM ledger.load")[0][0])
        replaced: set[int] = set()
        for fact, staged in reading.staged.items():
            lost = _write(warehouse, fact_table(fact), staged, load_id)
            # who lies where is said again by nearly every file, and is not what a load is about
            replaced |= lost if fact not in SAID_IN_PASSING or fact == feed.FACTS[0] else set()
        supersedes = ",".join(str(n) for n in sorted(replaced))
        con.execute(
            "CREATE OR REPLACE TEMP VIEW refused_rows AS "
            f"SELECT {load_id} AS load_id, '{feed.NAME}' AS feed, line_number, column_name, reason FROM refused"
        )
        warehouse.append(
            "ledger.rejected_row", "refused_rows", ["load_id", "feed", "line_number", "column_name", "reason"]
        )
        warehouse.execute(
            "INSERT INTO ledger.load (load_id, feed, layout, file_name, sha256, rows_read, rows_kept, rows_refused, "
            "rows_filtered, period_from, period_to, loaded_at, supersedes, is_synthetic) VALUES (:load_id, :feed, "
            ":layout, :file_name, :sha, :read, :kept, :refused, :filtered, :first, :last, :now, :supersedes, "
            ":synthetic)",
            {
                "load_id": load_id,
                "feed": feed.NAME,
                "layout": reading.layout,
                "file_name": received.name,
                "sha": received.sha256,
                "read": reading.rows_read,
                "kept": kept,
                "refused": refused,
                "filtered": reading.rows_filtered,
                "first": reading.period_from,
                "last": reading.period_to,
                "now": datetime.now(UTC).replace(tzinfo=None, microsecond=0),
                "supersedes": supersedes or None,
                "synthetic": "synthetic" in received.name.lower(),
            },
        )
    return Load(load_id, feed.NAME, received.name, reading.rows_read, kept, refused, reading.rows_filtered, supersedes)


def _check_share(feed: ModuleType, reading: Reading, refused: int, settings: Settings) -> None:
    candidates = reading.rows_read - reading.rows_filtered
    if reading.rows_read == 0:
        raise RefusedFile("The file has a heading but no rows. Ask the sender for the complete file.")
    limit = getattr(feed, "MAXIMUM_REJECTED_SHARE", settings.maximum_rejected_share)
    if candidates and refused / candidates > limit:
        reasons = reading.con.execute(
            "SELECT reason, count(*) AS n, min(line_number) FROM refused GROUP BY reason "
            f"ORDER BY n DESC, reason LIMIT {REASONS_SHOWN}"
        ).fetchall()
        examples = "; ".join(f"{reason} ({n:,} rows, first at line {line})" for reason, n, line in reasons)
        raise RefusedFile(
            f"{refused:,} of {candidates:,} rows could not be taken, more than the {limit:.0%} this feed allows, "
            f"so the whole file was refused and nothing was changed. Most often: {examples}. "
            "Correct the file, or ask its sender to, and put it in the inbox again."
        )


def _write(warehouse: Warehouse, table: Table, staged: list[str], load_id: int) -> set[int]:
    """Supersede what the staged rows are about, then insert them. Returns the load ids that lost rows."""
    name = f"{table.schema}.{table.name}"
    columns = [c.name for c in table.columns]
    parts = " UNION ALL ".join(f"SELECT * FROM {s}" for s in staged)
    incoming = f"(SELECT *, CAST({load_id} AS BIGINT) AS load_id FROM ({parts}))"
    replaced = supersede(warehouse, table, incoming)
    warehouse.append(name, incoming, columns)
    return replaced


def supersede(warehouse: Warehouse, table: Table, incoming: str) -> set[int]:
    """Delete the rows of `table` that are about the same things as the relation `incoming` (in DuckDB).

    `info["scope"]` (or `info["key"]`) names the columns; a date among them limits the search to its range, so
    that the cost is of what comes in, not of all there is.
    """
    scope = list(table.info.get("scope") or table.info.get("key") or ())
    if not scope:
        return set()
    name = f"{table.schema}.{table.name}"
    keys = ", ".join(scope)
    within = _within(warehouse, table, scope, incoming)
    # nearly always what comes in is of days that are not there yet
    if not warehouse.fetch(f"SELECT 1 FROM {name} AS t WHERE {within} LIMIT 1"):
        return set()
    warehouse.con.execute(f"CREATE OR REPLACE TEMP TABLE about AS SELECT DISTINCT {keys} FROM {incoming}")
    warehouse.share("about", scope, name)
    matches = [f"{_same(table, column, 't', scope)} = {_same(table, column, 'a', scope)}" for column in scope]
    where = f"EXISTS (SELECT 1 FROM about AS a WHERE {' AND '.join(matches)}) AND {within}"
    replaced = {int(row[0]) for row in warehouse.fetch(f"SELECT DISTINCT load_id FROM {name} AS t WHERE {where}")}
    if replaced:
        warehouse.execute(f"DELETE FROM {name} AS t WHERE {where}")
    return replaced


def _within(warehouse: Warehouse, table: Table, scope: Sequence[str], incoming: str) -> str:
    """SQL: rows of `table` (as t) that lie in the span of the incoming ones, by columns that are never missing."""
    columns = table.info.get("range") or [column for column in scope if column == "period_start"]
    if not columns:
        return "TRUE"
    ends = ", ".join(f"min({column}), max({column})" for column in columns)
    found = warehouse.con.execute(f"SELECT {ends} FROM {incoming}").fetchone()
    if found is None or found[0] is None:
        return "FALSE"
    pairs = zip(columns, found[::2], found[1::2], strict=True)
    return " AND ".join(f"t.{column} BETWEEN '{first}' AND '{last}'" for column, first, last in pairs)


def _same(table: Table, column: str, alias: str, scope: Sequence[str]) -> str:
    """A column in a form in which two missing values are equal and a hash join is possible.

    A row that names a practice is about the practice: a reissue that puts it in another area still replaces it.
    """
    kind = type(table.columns[column].type).__name__
    missing = {"String": "''", "Date": "DATE '0001-01-01'"}.get(kind)
    value = f"coalesce({alias}.{column}, {missing})" if missing else f"{alias}.{column}"
    if column in AREAS[1:] and AREAS[0] in scope:
        return f"CASE WHEN coalesce({alias}.{AREAS[0]}, 'Unassigned') = 'Unassigned' THEN {value} ELSE '' END"
    return value
