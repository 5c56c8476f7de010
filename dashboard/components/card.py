"""A card is one measure: its name, icons, figure, sparkline and one comparison."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import words
from dashboard.charts.sparkline import sparkline
from dashboard.components import icons
from dashboard.components.attributes import attributes
from dashboard.findings import has_enough


def card(
    definition: Any, latest: dict[str, Any] | None, href: str, comparison: str = "", charted: bool = True
) -> Component:
    """definition: a row of `measure`. latest: a row of `queries.measures.latest`, or None where there is no value.

    comparison: what to say beside the figure, where it is not England's. charted: whether SPC says anything of it;
    a count that only ever grows has no usual range.
    """
    if latest is None:
        return html.Article(
            [html.H2(definition["title"]), html.P(words.MISSING, className="figure none")], className="card"
        )
    unit = definition["unit"]
    line = sparkline(latest["earlier"], latest["variation"] if charted and has_enough(latest) else None)
    judged = [*icons.assurance(latest["assurance"]), icons.judged(latest)] if charted else []
    return html.Article(
        [
            html.Div(
                [
                    html.H2(dcc.Link(definition["title"], href=href)),
                    html.Span(judged),
                ],
                className="top",
            ),
            html.P(words.value(latest["value"], unit), className="figure"),
            html.Img(src=line, alt="", width=150, height=36, className="sparkline"),
            html.P(comparison or _comparison(latest, unit), className="comparison"),
            html.P(words.month(latest["period_start"]), className="comparison"),
        ],
        className="card",
        **attributes(data_testid=f"card-{definition['measure']}"),
    )


def _comparison(latest: dict[str, Any], unit: str) -> str:
    if latest["england"] is None:
        return "No comparison"
    return f"England {words.value(latest['england'], unit)}"
