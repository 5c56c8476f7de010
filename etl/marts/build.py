"""Marts in the order in which they are built: one SELECT a file, portable between DuckDB and PostgreSQL."""

from collections.abc import Callable
from pathlib import Path

from etl.warehouse.connection import Warehouse

ORDER = (
    "organisation",
    "membership",
    "month",
    "parent_month",
    "practice_month",
    "organisation_month",
    "deprivation",
    "calls_cell",
    "calls_practice_month",
    "calls_month",
    "appointments_practice_month",
    "appointments_month",
    "online_month",
    "coverage_month",
    "coverage",
    "breakdown",
    "reconciliation",
    "area_disagreement",
)

FOLDER = Path(__file__).parent


def build(warehouse: Warehouse, progress: Callable[[str, int, int], None]) -> None:
    """Recompute every mart from the facts, in one transaction: readers of the warehouse never see half."""
    with warehouse.transaction():
        for number, name in enumerate(ORDER):
            progress(f"mart {name}", number, len(ORDER))
            select = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
            warehouse.execute(f"DROP TABLE IF EXISTS mart.{name}")
            warehouse.execute(f"CREATE TABLE mart.{name} AS\n{select}")
    progress("marts built", len(ORDER), len(ORDER))
