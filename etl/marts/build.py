"""Marts in the order in which they are built: one SELECT a file, portable between DuckDB and PostgreSQL."""

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from etl import london
from etl.feeds.call_logs import half_hours
from etl.feeds.navigation import write_destinations
from etl.marts import periods
from etl.warehouse.connection import Warehouse

ORDER = (
    "organisation",
    "membership",
    "month",
    "parent_month",
    "practice_month",
    "organisation_month",
    "deprivation",
    "age_profile",
    "calls_cell",
    "calls_practice_month",
    "calls_month",
    "calls_area",
    "wait_p95",
    "logged_calls",
    "calls_week",
    "calls_monday",
    "call_log_reconciliation",
    "appointments_practice_month",
    "appointments_month",
    "online_month",
    "navigation_contact",
    "navigation_month",
    "navigation_practice_month",
    "navigation_measure_month",
    "navigation_withheld",
    "navigation_flow",
    "navigation_breakdown",
    "navigation_call_practice",
    "navigation_call_month",
    "unmapped_destination",
    "training_practice",
    "training_month",
    "coverage",
    "coverage_month",
    "breakdown",
    "reconciliation",
    "area_disagreement",
    "rollout",
    "rollout_capability",
    "rollout_funding",
    "rollout_state",
    "telephony_practice",
    "telephony_state",
    "telephony_month",
    "telephony_date",
    "rebase",
)

FOLDER = Path(__file__).parent
# settings that marts ask for, as rows of fact.setting
SETTINGS = (
    "code",
    "telephony_target_date",
    "analogue_switch_off_dates",
    "telephony_funding_share",
    "navigation_minimum_base",
    "navigation_maximum_not_recorded",
)


def build(warehouse: Warehouse, progress: Callable[[str, int, int], None]) -> None:
    """Recompute every mart from the facts, in one transaction: readers of the warehouse never see half."""
    with warehouse.transaction():
        _write_settings(warehouse)
        write_destinations(warehouse)
        half_hours.ensure(warehouse)
        stale: list[periods.Period] = []
        for number, name in enumerate(ORDER):
            progress(f"mart {name}", number, len(ORDER))
            select = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
            if name in periods.MARTS:
                periods.replace(warehouse, name, select, stale)
            else:
                warehouse.execute(f"DROP TABLE IF EXISTS mart.{name}")
                warehouse.execute(f"CREATE TABLE mart.{name} AS\n{_with_counts(warehouse, select)}")
            if name == "calls_area":
                stale = periods.stamp(warehouse)
    progress("marts built", len(ORDER), len(ORDER))


def _with_counts(warehouse: Warehouse, select: str) -> str:
    """The SELECT with its sums as 64-bit numbers. DuckDB adds up in 128 bits, which take it many times as long to
    store and read again; no count of calls needs them."""
    if not warehouse.is_duckdb:
        return select
    described = warehouse.con.execute(f"DESCRIBE {select}").fetchall()
    sums = [f"CAST({column} AS BIGINT) AS {column}" for column, kind, *_ in described if kind == "HUGEINT"]
    return f"SELECT * REPLACE ({', '.join(sums)}) FROM (\n{select}\n)" if sums else select


def _write_settings(warehouse: Warehouse) -> None:
    """`fact.setting`: a row a setting, several for a list, and London's `today`."""
    known = {name: getattr(warehouse.settings, name) for name in SETTINGS}
    known["today"] = london.today()
    warehouse.execute("DELETE FROM fact.setting")
    for name, setting in known.items():
        for value in setting if isinstance(setting, Iterable) else (setting,):
            column = "day" if isinstance(value, date) else "word" if isinstance(value, str) else "number"
            warehouse.execute(
                f"INSERT INTO fact.setting (name, {column}) VALUES (:name, :value)", {"name": name, "value": value}
            )
