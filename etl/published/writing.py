"""Build a generation beside the others, check it, name it, and let CURRENT point to it.

A crash at any step leaves yesterday's generation in place: only the last step, replacing the small file
CURRENT, makes a new one visible.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from etl.analysis import spc
from etl.marts.build import build as build_marts
from etl.measures.registry import Measure, measures
from etl.published import carried
from etl.published.boundaries import fill_boundaries
from etl.published.impact import fill_impact
from etl.published.reading import CURRENT
from etl.published.tables import ORDER, TABLES
from etl.warehouse.connection import Warehouse

Progress = Callable[[str, int, int], None]
NAME = "switchboard-{number:06d}.duckdb"
# marts that become a published table of the same name as they are
AS_THEY_ARE = (
    "membership",
    "breakdown",
    "coverage",
    "reconciliation",
    "area_disagreement",
    "call_log_reconciliation",
    "rollout",
    "rollout_capability",
    "rollout_funding",
    "rollout_state",
    "telephony_practice",
    "telephony_date",
    "rebase",
    "navigation_month",
    "navigation_flow",
    "navigation_withheld",
    "training_practice",
    "unmapped_destination",
)


class NotPublished(Exception):
    """The new generation failed its checks. What is published has not changed."""


def publish(warehouse: Warehouse, progress: Progress) -> str:
    """Build marts and measures from the facts and publish a generation. Returns its name."""
    folder = warehouse.settings.published
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".build-*"):
        leftover.unlink()
    build_marts(warehouse, progress)
    number = _next_number(folder)
    name = NAME.format(number=number)
    path = folder / f".build-{number:06d}.duckdb"
    progress("writing the generation", 0, 1)
    _write(warehouse, path, name, progress)
    _switch(folder, path, name, warehouse.settings.generations_kept)
    progress(f"published {name}", 1, 1)
    return name


def _next_number(folder: Path) -> int:
    numbers = [int(path.stem.split("-")[1]) for path in folder.glob("switchboard-*.duckdb")]
    return max(numbers, default=0) + 1


def _write(warehouse: Warehouse, path: Path, name: str, progress: Progress) -> None:
    con = warehouse.con
    _bring_marts(warehouse)
    stale = carried.begin(warehouse, path)
    try:
        # one transaction, so that rows go to the file once and not by way of a log
        con.execute("BEGIN")
        for table, columns in TABLES.items():
            definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            con.execute(f"CREATE TABLE IF NOT EXISTS built.main.{table} ({definition})")
        _fill_organisations(warehouse)
        for mart in AS_THEY_ARE:
            _copy(warehouse, mart, f"SELECT * FROM mart.{mart}")
        carried.replace(con, stale)
        _fill_ledger(warehouse)
        _fill_measures(warehouse, progress)
        fill_boundaries(warehouse, progress)
        fill_impact(warehouse.con)
        _fill_generation(warehouse, name)
        _verify(warehouse)
        con.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):  # a commit that failed has ended the transaction; its own reason is told
            con.execute("ROLLBACK")
        raise
    finally:
        con.execute("DETACH built")


def _bring_marts(warehouse: Warehouse) -> None:
    """With facts in PostgreSQL: copy what publishing reads into DuckDB, so that the rest is one way."""
    if warehouse.is_duckdb:
        return
    for schema in ("mart", "ledger"):
        warehouse.con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    wanted = {part.mart for m in measures().values() for part in (m.numerator, m.denominator)}
    for mart in sorted(
        wanted
        | set(AS_THEY_ARE)
        | {"organisation", "organisation_month", "practice_month", "deprivation", "age_profile", "call_period"}
    ):
        warehouse.bring(f"SELECT * FROM mart.{mart}", f"mart.{mart}")
    for table in ("load", "rejected_row", "refused_file"):
        warehouse.bring(f"SELECT * FROM ledger.{table}", f"ledger.{table}")


def _copy(warehouse: Warehouse, table: str, select: str) -> None:
    order = f" ORDER BY {ORDER[table]}" if table in ORDER else ""
    columns = ", ".join(TABLES[table])
    warehouse.con.execute(f"INSERT INTO built.main.{table} SELECT {columns} FROM ({select}){order}")


def _fill_organisations(warehouse: Warehouse) -> None:
    codes = warehouse.settings.code
    warehouse.con.execute("CREATE OR REPLACE TEMP TABLE own_icb (code VARCHAR)")
    if codes:
        warehouse.con.executemany("INSERT INTO own_icb VALUES (?)", [(code,) for code in codes])
    own = """
        WITH RECURSIVE family AS (
            SELECT code FROM own_icb
            UNION
            SELECT m.child FROM mart.membership AS m INNER JOIN family AS f ON m.parent = f.code
        )
        SELECT code FROM family
    """
    _copy(
        warehouse,
        "organisation",
        f"""
        SELECT o.*,
            {"o.code IN (" + own + ")" if codes else "o.kind <> 'england'"} AS is_own,
            l.patients, l.patients_on, d.score AS imd_score, a.aged_65_share
        FROM mart.organisation AS o
        LEFT JOIN (
            SELECT practice AS code, max_by(patients, patients_on) AS patients, max(patients_on) AS patients_on
            FROM mart.practice_month WHERE patients IS NOT NULL GROUP BY practice
            UNION ALL
            SELECT organisation, max_by(patients_open, month), max(month)
            FROM mart.organisation_month WHERE level <> 'practice' AND patients_open IS NOT NULL GROUP BY organisation
        ) AS l ON l.code = o.code
        LEFT JOIN mart.deprivation AS d ON d.practice = o.code
        LEFT JOIN mart.age_profile AS a ON a.practice = o.code
        """,
    )


def _fill_ledger(warehouse: Warehouse) -> None:
    _copy(warehouse, "load", "SELECT * FROM ledger.load")
    _copy(warehouse, "rejected_row", "SELECT * FROM ledger.rejected_row")
    _copy(warehouse, "refused_file", "SELECT * FROM ledger.refused_file ORDER BY refused_at DESC")


def _fill_measures(warehouse: Warehouse, progress: Progress) -> None:
    """`measure`, `measure_value` and `own_value`: every definition for every organisation and period, then charted.

    One measure after the other, in the order of the table: what is sorted and charted at once stays small.
    """
    con = warehouse.con
    registry = measures()
    for number, (name, measure) in enumerate(sorted(registry.items())):
        progress(f"measure {name}", number, len(registry))
        aim = measure.aim_in(warehouse.settings)
        con.execute(
            "INSERT INTO built.main.measure VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                measure.measure,
                measure.title,
                measure.question,
                measure.unit,
                measure.better,
                aim,
                measure.status,
                measure.source,
                measure.numerator.label,
                measure.denominator.label,
                measure.definition,
                "\n".join(measure.caveats),
                measure.disclosure,
            ],
        )
        values = con.execute(
            f"""
            SELECT v.*, CAST(e.practices_open AS INTEGER) AS practices_expected,
                CASE period_kind
                    WHEN 'month' THEN date_diff('month', DATE '2000-01-01', period_start)
                    WHEN 'week' THEN date_diff('week', DATE '2000-01-03', period_start)
                    ELSE date_diff('day', DATE '2000-01-01', period_start)
                END AS period_number
            FROM ({value_select(measure)}) AS v
            LEFT JOIN mart.organisation_month AS e
                ON e.organisation = v.organisation AND e.level = v.level
                AND e.month = CAST(date_trunc('month', v.period_start) AS DATE)
            ORDER BY {ORDER["measure_value"]}
            """
        ).to_arrow_table()
        if len(values):
            con.register("charted", _charted(values, measure, aim))
            # one thread keeps the rows sorted and whole: several would store them in small pieces
            con.execute("SET threads = 1")
            con.execute(
                f"INSERT INTO built.main.measure_value SELECT {', '.join(TABLES['measure_value'])} FROM charted"
            )
            con.execute("RESET threads")
            con.unregister("charted")
    _copy(warehouse, "own_value", OWN_VALUE)


OWN_VALUE = """
    SELECT v.* FROM built.main.measure_value AS v
    INNER JOIN built.main.organisation AS o ON o.code = v.organisation AND o.kind = v.level
    WHERE v.period_kind = 'month' AND (o.is_own OR o.kind = 'england')
"""


def value_select(measure: Measure) -> str:
    """SQL for a measure's values from its mart. A missing numerator is no row; a missing or zero denominator,
    or a withheld value, leaves the counts and an empty value."""
    if measure.numerator.mart != measure.denominator.mart:
        raise NotImplementedError(f"{measure.measure}: numerator and denominator must come from one mart")
    numerator, denominator = measure.numerator.column, measure.denominator.column
    empty = f"{denominator} IS NULL OR {denominator} = 0" + (f" OR ({measure.withhold})" if measure.withhold else "")
    periods = ", ".join(f"'{p}'" for p in measure.periods)
    levels = ", ".join(f"'{level}'" for level in measure.levels)
    return f"""
        SELECT '{measure.measure}' AS measure, organisation, level, period_kind, period_start,
            {numerator} AS numerator, {denominator} AS denominator,
            CASE WHEN {empty} THEN NULL ELSE {measure.factor} * CAST({numerator} AS DOUBLE) / {denominator} END
                AS value,
            practices_counted
        FROM mart.{measure.numerator.mart}
        WHERE {numerator} IS NOT NULL AND period_kind IN ({periods}) AND level IN ({levels})
    """


def _charted(values: pa.Table, measure: Measure, aim: float | None) -> pa.Table:
    """A measure's rows, sorted by series and period, with SPC: mean, lower_limit, upper_limit, special_cause,
    variation, assurance. A period without a row between two with one is a gap in the chart."""
    same = np.ones(len(values) - 1, dtype=bool)
    for column in ("level", "period_kind", "organisation"):
        same &= pa.compute.equal(values[column].slice(1), values[column].slice(0, len(values) - 1)).to_numpy()
    series = np.concatenate([[0], np.cumsum(~same)])
    gaps = np.flatnonzero(same & (np.diff(values["period_number"].to_numpy()) > 1)) + 1
    charted = spc.xmr_many(
        np.insert(series, gaps, series[gaps]),
        np.insert(values["value"].to_numpy().astype(np.float64), gaps, np.nan),
        spc.DIRECTION[measure.better],
        aim,
    )
    is_row = np.insert(np.ones(len(values), dtype=bool), gaps, False)
    for column in ("mean", "lower_limit", "upper_limit", "special_cause", "variation", "assurance"):
        values = values.append_column(column, pa.Array.from_pandas(charted[column][is_row]))
    return values


def _fill_generation(warehouse: Warehouse, name: str) -> None:
    synthetic = warehouse.con.execute("SELECT coalesce(bool_or(is_synthetic), false) FROM ledger.load").fetchone()
    warehouse.con.execute(
        "INSERT INTO built.main.generation VALUES (?, ?, ?, ?, ?)",
        [
            name,
            datetime.now(UTC).replace(tzinfo=None, microsecond=0),
            ",".join(warehouse.settings.code),
            bool(synthetic and synthetic[0]),
            version("switchboard"),
        ],
    )


def _verify(warehouse: Warehouse) -> None:
    """Refuse to publish what cannot be right. Raises NotPublished."""
    checks = {
        "a numerator or denominator is negative": """
            SELECT measure, organisation, period_start FROM built.main.measure_value
            WHERE numerator < 0 OR denominator < 0
        """,
        "a measure has two values for one organisation and period": """
            SELECT measure, organisation, period_start FROM built.main.measure_value
            GROUP BY measure, organisation, level, period_kind, period_start HAVING count(*) > 1
        """,
        "an organisation is listed twice": """
            SELECT code, kind, '' FROM built.main.organisation GROUP BY code, kind HAVING count(*) > 1
        """,
    }
    for what, select in checks.items():
        found = warehouse.con.execute(f"{select} LIMIT 1").fetchone()
        if found:
            raise NotPublished(f"The new generation was not published: {what} ({', '.join(map(str, found))}).")


def _switch(folder: Path, path: Path, name: str, keep: int) -> None:
    """Name the finished file, then point CURRENT to it; each step durable before the next."""
    leftover = path.with_name(path.name + ".wal")
    if leftover.exists():
        raise NotPublished(f"{leftover} was left behind: the generation was not closed. Nothing has changed.")
    _sync(path)
    path.replace(folder / name)
    _sync(folder)
    pointer = folder / ".build-CURRENT"
    pointer.write_text(name + "\n", encoding="utf-8")
    _sync(pointer)
    pointer.replace(folder / CURRENT)
    _sync(folder)
    for old in sorted(folder.glob("switchboard-*.duckdb"))[:-keep]:
        old.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
