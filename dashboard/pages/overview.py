"""`/`: where are we, what changed, who needs us?"""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import findings, findings_rollout, words
from dashboard.access.scope import Scope
from dashboard.components import icons
from dashboard.components.attributes import attributes
from dashboard.components.card import card
from dashboard.components.panel import scrolling, slot, table
from dashboard.components.sentences import headline, sentences
from dashboard.findings import Sentence
from dashboard.page import Page
from dashboard.pages.demand import trend
from dashboard.queries import measures, organisations, telephony
from dashboard.view import View

# measures of activity whose changes are looked for, in the order in which a board asks
HEADLINE = (
    "calls_answered",
    "calls_missed",
    "calls_answered_within_120s",
    "appointments_within_14_days",
    "appointments_dna",
    "online_requests_per_1000",
)
SENTENCES = ("calls_missed", "calls_answered_within_120s")
LIVE, REDIRECTED, UNKNOWN = "telephony_live", "navigation_redirected", "navigation_not_recorded"
CARDS = {
    "calls_answered": "/demand",
    "calls_missed": "/demand",
    "calls_answered_within_120s": "/demand",
    "appointments_within_14_days": "/demand",
    LIVE: "/telephony",
    REDIRECTED: "/navigation",
}
LISTED, SIGNALS = 6, 3  # organisations with signals, and how many of each


def layout(scope: Scope, view: View) -> list[Component]:
    """Sentences, cards, the trend, what changed, and the PCNs (or practices) below."""
    known = measures.definitions(scope)
    latest = measures.latest(scope, view, (*HEADLINE, LIVE, REDIRECTED, UNKNOWN))
    rows = [(known[name], latest[name]) for name in HEADLINE if name in latest and name in known]
    shown = [(known[name], latest[name]) for name in (*SENTENCES, REDIRECTED) if name in latest and name in known]
    said = [findings.series_sentence(definition, row) for definition, row in shown]
    cards = [name for name in CARDS if name in known and (name != LIVE or view.organisation.kind != "practice")]
    return [
        *headline(findings.page_title(rows), _about(view, latest)),
        sentences([*said, *_rollout(scope, view)]),
        html.Div([_card(name, known, latest, view) for name in cards], className="cards"),
        html.Div(
            [
                html.Div([slot(OVERVIEW_TREND, view), _below(scope, view, known)], className="stack"),
                html.Div([_what_changed(scope, view, known)], className="stack"),
            ],
            className="panels aside",
        ),
    ]


def _rollout(scope: Scope, view: View) -> list[Sentence]:
    """How far digital telephony has come, where there is a tracker."""
    found, due = telephony.counts(scope, view), telephony.target(scope)
    if found["moment"] is None or not found["open"]:
        return []
    if found["open"] > 1:
        return [findings_rollout.live(found, due)]
    rows = telephony.practices(scope, view)
    return [Sentence("Digital telephony", f": {_lower(findings_rollout.title(found, rows, due))}.")] if rows else []


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _card(name: str, known: dict[str, Any], latest: dict[str, Any], view: View) -> Component:
    row, definition, comparison = latest.get(name), known[name], ""
    if row and name == LIVE:
        comparison = f"{words.count(row['numerator'])} of {words.count(row['denominator'])} practices"
    if row and name == REDIRECTED:
        unknown = latest.get(UNKNOWN)
        comparison = f"Aim {words.value(definition['aim'], 'percent')}"
        if unknown and unknown["period_start"] == row["period_start"]:
            comparison += f" · {words.value(unknown['value'], 'percent')} not recorded"
    link = CARDS[name] + (view.search(measure=name) if CARDS[name] == "/demand" else view.search())
    return card(definition, row, link, comparison, charted=name != LIVE)


def _about(view: View, latest: dict[str, dict[str, Any]]) -> str:
    known, organisation = organisations.directory(), view.organisation
    # those with a list, as the charts count them; where no measure says, all that are not closed
    listed = [(row["period_start"], row["practices_expected"]) for row in latest.values() if row["practices_expected"]]
    practices = max(listed)[1] if listed else len(known.below(organisation.code, "practice"))
    pcns = len(known.below(organisation.code, "pcn"))
    parts = [organisation.name]
    if organisation.kind not in ("england", "practice"):
        parts.append(f"{practices:,} practices" + (f", {pcns:,} PCNs" if pcns else ""))
    if organisation.patients is not None:
        parts.append(f"{words.large(organisation.patients)} registered patients")
    if view.ending is not None:
        parts.append(f"figures up to {words.month(view.ending)}")
    return " · ".join(parts)


def _what_changed(scope: Scope, view: View, known: dict[str, dict[str, Any]]) -> Component:
    looked_at, found = measures.signals(scope, view.organisation, HEADLINE, view.ending)
    by_place: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        by_place.setdefault(row["organisation"], []).append(row)
    items = [_place(rows, view, known) for rows in list(by_place.values())[:LISTED]]
    month = words.month(view.ending) if view.ending else "the newest month"
    more = f" {len(by_place) - LISTED:,} more have signals." if len(by_place) > LISTED else ""
    return html.Section(
        [
            html.H2("What changed"),
            html.P(
                f"Signals in {month}: {len(found):,} of {looked_at:,} series looked at, worse first",
                className="subtitle",
            ),
            html.Ul(items, className="signals") if items else html.P("Nothing beyond chance.", className="empty"),
            html.P(
                f"A signal is a point that one of the four SPC rules marks; the rule is named beside it.{more}",
                className="coverage",
            ),
        ],
        className="panel",
        **attributes(data_testid="panel-what-changed"),
    )


def _place(rows: list[dict[str, Any]], view: View, known: dict[str, dict[str, Any]]) -> Component:
    """A practice or PCN with its signals; each leads to its chart."""
    first = rows[0]
    overview = view.search(organisation=first["organisation"])
    more = [html.Div(f"and {len(rows) - SIGNALS} more", className="coverage")] if len(rows) > SIGNALS else []
    signals = [_signal(row, view, known) for row in rows[:SIGNALS]]
    return html.Li([html.Div(dcc.Link(first["name"], href="/" + overview)), *signals, *more])


def _signal(row: dict[str, Any], view: View, known: dict[str, dict[str, Any]]) -> Component:
    definition = known[row["measure"]]
    href = "/demand" + view.search(organisation=row["organisation"], measure=row["measure"])
    what = f"{words.value(row['value'], definition['unit'])}, {words.rule(row['special_cause'])}"
    return html.Div(
        [icons.variation(row["variation"]), html.Span([dcc.Link(definition["title"], href=href), f": {what}"])],
        className="signal",
    )


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
    return icons.beside(words.value(row["value"], unit), icons.judged(row))


OVERVIEW_TREND = trend("overview-trend", "calls_answered")

PAGE = Page(
    path="/", title="Overview", label="Overview", order=0, layout=layout, charts=(OVERVIEW_TREND,),
)  # fmt: skip
