"""`/`: where are we, what changed, who needs us?"""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import findings, words
from dashboard.access.scope import Scope
from dashboard.components import icons
from dashboard.components.attributes import attributes
from dashboard.components.card import card
from dashboard.components.panel import scrolling, slot, table
from dashboard.components.sentences import headline, sentences
from dashboard.page import Page
from dashboard.pages.demand import trend
from dashboard.queries import measures, organisations
from dashboard.view import View

# what a board asks first, in the order in which it asks
HEADLINE = (
    "calls_answered",
    "calls_missed",
    "calls_answered_within_120s",
    "appointments_within_14_days",
    "appointments_dna",
    "online_requests_per_1000",
)
SENTENCES = ("calls_missed", "calls_answered_within_120s", "appointments_within_14_days")
LISTED_SIGNALS = 8


def layout(scope: Scope, view: View) -> list[Component]:
    """Sentences, cards, the trend, what changed, and the PCNs (or practices) below."""
    known = measures.definitions(scope)
    latest = measures.latest(scope, view.organisation, HEADLINE, view.ending)
    rows = [(known[name], latest[name]) for name in HEADLINE if name in latest and name in known]
    shown = [(known[name], latest[name]) for name in SENTENCES if name in latest and name in known]
    return [
        *headline(findings.page_title(rows), _about(view)),
        sentences(findings.series_sentence(definition, row) for definition, row in shown),
        html.Div(
            [
                card(known[name], latest.get(name), "/demand" + view.search(measure=name))
                for name in HEADLINE
                if name in known
            ],
            className="cards",
        ),
        html.Div(
            [
                html.Div([slot(OVERVIEW_TREND, view), _below(scope, view, known)], className="stack"),
                html.Div([_what_changed(scope, view, known)], className="stack"),
            ],
            className="panels aside",
        ),
    ]


def _about(view: View) -> str:
    known, organisation = organisations.directory(), view.organisation
    practices = len(known.below(organisation.code, "practice"))
    pcns = len(known.below(organisation.code, "pcn"))
    parts = [organisation.name]
    if practices and organisation.kind != "england":
        parts.append(f"{practices:,} practices" + (f", {pcns:,} PCNs" if pcns else ""))
    if organisation.patients is not None:
        parts.append(f"{words.large(organisation.patients)} registered patients")
    if view.ending is not None:
        parts.append(f"figures up to {words.month(view.ending)}")
    return " · ".join(parts)


def _what_changed(scope: Scope, view: View, known: dict[str, dict[str, Any]]) -> Component:
    looked_at, found = measures.signals(scope, view.organisation, HEADLINE, view.ending)
    items = [_signal(row, view, known[row["measure"]]) for row in found[:LISTED_SIGNALS]]
    month = words.month(view.ending) if view.ending else "the newest month"
    return html.Section(
        [
            html.H2("What changed"),
            html.P(
                f"Signals in {month}: {len(found):,} of {looked_at:,} series looked at, worse first",
                className="subtitle",
            ),
            html.Ul(items, className="signals") if items else html.P("Nothing beyond chance.", className="empty"),
            html.P(
                "A signal is a point that one of the four SPC rules marks; the rule is named beside it.",
                className="coverage",
            ),
        ],
        className="panel",
        **attributes(data_testid="panel-what-changed"),
    )


def _signal(row: dict[str, Any], view: View, definition: dict[str, Any]) -> Component:
    href = "/demand" + view.search(organisation=row["organisation"], measure=row["measure"])
    what = f"{definition['title']}: {words.value(row['value'], definition['unit'])}, {words.rule(row['special_cause'])}"
    return html.Li([icons.variation(row["variation"]), html.Div([dcc.Link(row["name"], href=href), html.Span(what)])])


def _below(scope: Scope, view: View, known: dict[str, dict[str, Any]]) -> Component:
    kind = "pcn" if organisations.directory().below(view.organisation.code, "pcn") else "practice"
    names = tuple(name for name in HEADLINE[:4] if name in known)
    rows = measures.table_of(scope, view.organisation, kind, names, view.ending)
    if not rows:
        return html.Div()
    title = "PCNs" if kind == "pcn" else "Practices"
    body = [
        [
            dcc.Link(row["organisation"].name, href=view.search(organisation=row["organisation"].code)),
            *([str(row["practices"])] if kind == "pcn" else []),
            words.count(row["organisation"].patients),
            *[_figure(row[name], known[name]["unit"]) for name in names],
        ]
        for row in rows
    ]
    headings = [
        title[:-1],
        *(["Practices"] if kind == "pcn" else []),
        "Patients",
        *[known[name]["title"] for name in names],
    ]
    return html.Section(
        [
            html.H2(title),
            html.P("Newest month of each measure; the icon says whether it is a real change", className="subtitle"),
            scrolling(
                table(f"{title}: newest month of each measure", headings, body, set(range(1, len(headings)))), title
            ),
        ],
        className="panel",
        **attributes(data_testid="panel-below"),
    )  # fmt: skip


def _figure(row: dict[str, Any] | None, unit: str) -> Any:
    if row is None:
        return words.MISSING
    return html.Span([words.value(row["value"], unit), icons.variation(row["variation"])], className="nowrap")


OVERVIEW_TREND = trend("overview-trend", "calls_answered")

PAGE = Page(
    path="/", title="Overview", label="Overview", order=0, layout=layout, charts=(OVERVIEW_TREND,),
)  # fmt: skip
