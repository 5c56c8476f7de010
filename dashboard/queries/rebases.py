"""New baselines of an organisation's charts: when, why, and a series charted before and after them."""

from collections.abc import Mapping
from typing import Any

from dashboard.access.scope import Scope
from dashboard.page import Rows
from dashboard.queries import organisations
from dashboard.queries.measures import definitions, every_month, series
from dashboard.queries.source import reader, remembered
from dashboard.view import View
from etl.analysis.spc import xmr

FULL_LIMITS = 12  # values on which limits rest in full


@remembered
def rebases(scope: Scope, code: str) -> Rows:
    """date, reason and measure_group of each new baseline of an organisation, oldest first."""
    (code,) = organisations.permit(scope, [code])
    return reader().records(
        "SELECT date, reason, measure_group FROM rebase WHERE organisation = :code ORDER BY date", code=code
    )


@remembered
def round_go_live(scope: Scope, view: View, measure: str) -> Rows:
    """A practice's monthly series of a measure of calls, charted anew from the month in which it went live; no rows for
    any other organisation, nor where it did not go live between two months that have values."""
    found = [row for row in rebases(scope, view.organisation.code) if row["measure_group"] == "calls"]
    if view.organisation.kind != "practice":
        return []
    known = definitions(scope)
    rows = series(scope, view, measure)
    if measure not in known or not rows:
        return []
    charted = before_and_after(rows, found, known[measure]["better"])
    begins = next((n for n, row in enumerate(charted) if row.get("rebased")), None)
    if begins is None or charted[begins - 1]["mean"] is None or charted[-1]["mean"] is None:
        return []
    return charted


def before_and_after(rows: Rows, found: Rows, better: str, aim: float | None = None) -> Rows:
    """A measure's monthly series (of `queries.measures.series`) charted anew, with a baseline from each rebase on.

    found: of `rebases`. The month of the rebase is the first of the new baseline. Returns the rows with mean,
    lower_limit, upper_limit, special_cause and variation of their own baseline, and `rebased` (the reason) and
    `rebased_on` (the day) where one begins; unchanged where no rebase falls inside the series.
    """
    rows = every_month(rows)
    starts = {}
    for rebase in found:
        begins = next((n for n, row in enumerate(rows) if row["period_start"] >= rebase["date"].replace(day=1)), None)
        if begins:
            starts[begins] = rebase
    if not starts:
        return rows
    values = [row["value"] for row in rows]
    charted = xmr(values, better, aim, sorted(starts)).points
    points = charted.astype(object).where(charted.notna(), None).to_dict("records")
    names = ("mean", "lower_limit", "upper_limit", "special_cause")
    return [
        {
            **row,
            **{name: point[name] for name in names},
            "variation": _variation(point),
            "rebased": starts[place]["reason"] if place in starts else None,
            "rebased_on": starts[place]["date"] if place in starts else None,
        }
        for place, (row, point) in enumerate(zip(rows, points, strict=True))
    ]


def _variation(point: Mapping[Any, Any]) -> str | None:
    """`concern_high` and so on, as `measure_value` has it, from a charted point."""
    kind = point["point_type"]
    if kind is None or kind == "common_cause":
        return None if kind is None else str(kind)
    name = str(kind).removeprefix("special_cause_")
    return name if name.startswith("neutral") else f"{name}_{'high' if point['value'] > point['mean'] else 'low'}"
