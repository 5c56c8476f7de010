"""Tables of millions of rows that a generation takes over from the one before: only stale months are written anew.

A generation is begun as a copy of the published one, less every other table. Which months are right in it is told by
their stamps (etl/marts/periods.py), so a generation of another warehouse, or of older code, gives nothing.
"""

import shutil
from hashlib import sha256
from pathlib import Path

import duckdb

from etl.published.reading import NothingPublished, current
from etl.published.tables import ORDER, TABLES
from etl.warehouse.connection import Warehouse

# each table, SQL for the first of a row's month, and the column of the mart that it is in
CARRIED = {
    "calls_half_hour": ("date_trunc('month', local_date)", "local_date"),
    "calls_week": ("month", "month"),
    "calls_monday": ("month", "month"),
}
STAMPS = "call_log_month"
# a page asks for a few organisations of a sorted table: small groups of rows let it step over the rest
STORED = "(ROW_GROUP_SIZE 20480)"


def begin(warehouse: Warehouse, path: Path) -> list[str]:
    """Attach a new generation at `path` as `built`, with what may be taken over from the published one.

    Returns the months whose rows have to be replaced, as SQL dates. With facts in PostgreSQL, brings their rows.
    """
    con = warehouse.con
    try:
        shutil.copyfile(current(path.parent), path)
        con.execute(f"ATTACH '{path}' AS built {STORED}")
    except (NothingPublished, duckdb.Error):
        path.unlink(missing_ok=True)
        con.execute(f"ATTACH '{path}' AS built {STORED}")
    known: dict[str, dict[str, str]] = {}
    for table, column, kind in con.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'built' "
        "ORDER BY table_name, column_index"
    ).fetchall():
        known.setdefault(table, {})[column] = kind
    wanted = {*CARRIED, STAMPS}
    if any(known.get(table) != TABLES[table] for table in wanted):
        wanted = set()
    for table in known.keys() - wanted:
        con.execute(f"DROP TABLE built.main.{table}")
    con.execute("CHECKPOINT built")  # the room of what was dropped is used again
    months = _stale(warehouse, bool(wanted))
    if months and not warehouse.is_duckdb:
        for table, (month, column) in CARRIED.items():
            within = f"{column} BETWEEN {months[0]} AND {months[-1]} + INTERVAL '1 month' AND {month}"
            warehouse.bring(f"SELECT * FROM mart.{table} WHERE {within} IN ({', '.join(months)})", f"mart.{table}")
    return months


def _stale(warehouse: Warehouse, is_taken_over: bool) -> list[str]:
    """The months in which tonight's stamps, which become the table `tonight`, are not those of the generation."""
    con = warehouse.con
    code = sha256(Path(__file__).read_bytes() + repr((TABLES, ORDER)).encode()).hexdigest()[:16]
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE tonight AS SELECT period_start AS month, stamp || '-{code}' AS stamp "
        "FROM mart.call_period WHERE period_kind = 'month'"
    )
    kept = f"built.main.{STAMPS}" if is_taken_over else "(FROM tonight LIMIT 0)"
    found = con.execute(
        f"SELECT DISTINCT month FROM ((FROM tonight EXCEPT FROM {kept}) UNION ALL (FROM {kept} EXCEPT FROM tonight)) "
        "ORDER BY month"
    ).fetchall()
    return [f"DATE '{month}'" for (month,) in found]


def replace(con: duckdb.DuckDBPyConnection, months: list[str]) -> None:
    """Replace the rows of these months, of every carried table, by those of the marts of the same names."""
    con.execute(f"DELETE FROM built.main.{STAMPS}")
    con.execute(f"INSERT INTO built.main.{STAMPS} SELECT month, stamp FROM tonight ORDER BY month")
    if not months:
        return
    for table, (month, column) in CARRIED.items():
        # the range lets whole blocks be passed over
        within = f"{column} BETWEEN {months[0]} AND last_day({months[-1]}) AND {month} IN ({', '.join(months)})"
        columns = ", ".join(TABLES[table])
        con.execute(f"DELETE FROM built.main.{table} WHERE {within}")
        con.execute(
            f"INSERT INTO built.main.{table} SELECT {columns} FROM ({_rows(table)}) WHERE {within} "
            f"ORDER BY {ORDER[table]}"
        )


def _rows(table: str) -> str:
    """SELECT a carried table's rows from its mart."""
    if table != "calls_half_hour":
        return f"SELECT * FROM mart.{table}"
    # shared accounts, which the mart keeps apart, are one `unassigned`
    key = ("practice_code", "local_date", "half_hour")
    sums = ", ".join(f"sum({column}) AS {column}" for column in TABLES[table] if column not in key)
    return f"SELECT {', '.join(key)}, {sums} FROM mart.{table} GROUP BY ALL"
