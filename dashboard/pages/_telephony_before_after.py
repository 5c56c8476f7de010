"""A practice's calls before and after it went live: SPC with a new baseline from that month. For a practice's pages."""

from collections.abc import Callable

from dash import html
from dash.development.base_component import Component

from dashboard import words
from dashboard.access.scope import Scope
from dashboard.charts.rollout import went_live
from dashboard.charts.spc import spc
from dashboard.components.panel import slot
from dashboard.page import Chart, Column, Definitions, Drawing, Rows
from dashboard.queries import rebases
from dashboard.view import View

MEASURES = ("calls_missed", "calls_answered", "calls_answered_within_120s")


def _draw(measure: str) -> Callable[[Rows, View, Definitions], Drawing]:
    def draw(rows: Rows, view: View, known: Definitions) -> Drawing:
        place, start = next((n, row) for n, row in enumerate(rows) if row["rebased"])
        unit, name = known[measure]["unit"], known[measure]["title"]
        before, since = (words.value(row["mean"], unit) for row in (rows[place - 1], rows[-1]))
        title = f"{name}: {before} before going live, {since} since"
        after = len(rows) - place
        return Drawing(
            title,
            f"{start['rebased']} on {words.day(start['rebased_on'])} (upright): averages and limits begin anew.",
            went_live(spc(rows, unit), start["rebased_on"]),
            f"{title}. {name} by month, with process limits before and after {words.day(start['rebased_on'])}.",
            f"{words.plural(place, 'month')} before, {words.spelt(after)} since"
            + ("; limits on fewer than 12 are trial limits" if min(place, after) < rebases.FULL_LIMITS else ""),
        )

    return draw


def _chart(measure: str) -> Chart:
    def query(scope: Scope, view: View) -> Rows:
        return rebases.round_go_live(scope, view, measure)

    return Chart(
        f"telephony-before-after-{measure.removeprefix('calls_').replace('_', '-')}",
        query,
        _draw(measure),
        (
            Column("period_start", "Month", "month"),
            Column("value", "Value", "measure"),
            Column("mean", "Average", "measure"),
            Column("lower_limit", "Lower limit", "measure"),
            Column("upper_limit", "Upper limit", "measure"),
            Column("special_cause", "SPC rule"),
            Column("rebased", "New baseline"),
            Column("rebased_on", "From", "day"),
        ),
        measures=lambda view: (measure,),
        meaning="The day and the supplier are the tracker's. What changed at one practice may have other "
        "causes; practices that went live are compared with those that had not on the page of digital telephony.",
        empty="This practice did not go live within the months that have its calls.",
    )


CHARTS = tuple(_chart(measure) for measure in MEASURES)


def before_and_after(scope: Scope, view: View) -> list[Component]:
    """The three charts, for a practice that went live within the months shown; nothing for any other."""
    shown = [slot(chart, view) for chart in CHARTS if chart.query(scope, view)]
    if not shown:
        return []
    return [
        html.Section(
            [html.H2("Before and after going live", className="section"), html.Div(shown, className="panels more")],
            className="before-after",
        )
    ]
