"""The part of Care navigation that has every measure in a table, and says which rates are withheld, and why."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard import findings, words
from dashboard.access.scope import Scope
from dashboard.components.panel import slot
from dashboard.page import Chart, Column, Definitions, Drawing, Rows
from dashboard.queries import navigation
from dashboard.queries.navigation import RATE
from dashboard.view import View

NO_RECORDS = (
    "No navigation outcomes have been loaded for this organisation and period. The template is navigation.csv; the "
    "README says what else can be read."
)
WHY = {
    "few": "too few requests with a destination: {base:,.0f}, and {minimum_base:,.0f} are needed",
    "not_recorded": "too many without a destination: {not_recorded:.1%}, and {maximum_not_recorded:.0%} is the most",
    "both": "too few requests with a destination ({base:,.0f} of {minimum_base:,.0f}), and too many without "
    "({not_recorded:.1%})",
    "no_category": "only coded entries, which do not say what was asked for",
}


def _withheld(rows: Rows, view: View, known: Definitions) -> Drawing:
    several = len({row["organisation"] for row in rows})
    months = sum(len(row["months"]) for row in rows)
    return Drawing(
        f"The redirection rate is withheld for {words.plural(several, 'organisation')}, "
        f"in {words.plural(months, 'month')} in all",
        "Too few clinical requests with a destination, or too many without one; the figures are those of the newest "
        "of the months. Counts are kept, in the table and in the totals above.",
        coverage=view.months_in_words,
    )


def _withheld_query(scope: Scope, view: View) -> Rows:
    return [{**row, "why": WHY[row["reason"]].format(**row)} for row in navigation.withheld(scope, view)]


def _every(rows: Rows, view: View, known: Definitions) -> Drawing:
    month = max(row["period_start"] for row in rows)
    return Drawing(
        "Every measure of navigation and training",
        "The newest month of each. Withheld: too few requests, or too many without a destination.",
        coverage=f"to {words.month(month)}",
    )


def _every_query(scope: Scope, view: View) -> Rows:
    return [
        {
            **row,
            "shown": "withheld or none" if row["value"] is None else words.value(row["value"], row["unit"]),
            "range": findings.usual_range(row, row["unit"]) if row["value"] is not None and not _is_total(row) else "",
            "change": "a running total" if _is_total(row) else _changed(row),
        }
        for row in navigation.every_measure(scope, view)
    ]


def _is_total(row: dict[str, Any]) -> bool:
    """Whether a figure can only grow, so that limits around its average would say nothing."""
    return str(row["measure"]).startswith("navigator")


def _changed(row: dict[str, Any]) -> str:
    if not findings.has_enough(row):
        return "too few months"
    return words.variation(row["variation"]) if findings.is_change(row) else "no real change"


WITHHELD = Chart(
    "navigation-withheld",
    _withheld_query,
    _withheld,
    (
        Column("name", "Name"),
        Column("organisation", "Code"),
        Column("months", "Months", "months"),
        Column("why", "Why"),
        Column("redirected", "Redirected", "count"),
        Column("base", "With a destination", "count"),
        Column("not_recorded", "Not recorded", "percent"),
    ),
    measures=lambda view: (RATE,),
    empty="No redirection rate is withheld here in this period.",
    height=120,
)
EVERY = Chart(
    "navigation-measures",
    _every_query,
    _every,
    (
        Column("title", "Measure"),
        Column("shown", "Value"),
        Column("period_start", "Month", "month"),
        Column("numerator", "Counted", "count"),
        Column("denominator", "Out of", "count"),
        Column("range", "Usual range"),
        Column("change", "Change"),
    ),
    meaning="Each is defined on the Definitions page. Calls and records are joined by the platform's own id only.",
    empty=NO_RECORDS,
    height=300,
)
CHARTS = (EVERY, WITHHELD)


def section(view: View) -> list[Component]:
    """Heading and panels."""
    return [
        html.H2("Every measure, and what is withheld", className="section"),
        html.Div([slot(each, view, wide=True) for each in CHARTS], className="panels"),
    ]
