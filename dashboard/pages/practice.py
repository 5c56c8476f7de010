"""`/practice/<ods>`: how is my practice doing? One page, which prints on two sides of A4."""

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard import practice_findings as say
from dashboard import words
from dashboard.access.scope import Scope
from dashboard.charts import bars
from dashboard.charts import practice as drawings
from dashboard.components import icons
from dashboard.components.attributes import attributes
from dashboard.components.card import card
from dashboard.components.panel import slot, table
from dashboard.components.sentences import headline, sentences
from dashboard.page import Chart, Column, Definitions, Drawing, Page, Rows
from dashboard.pages import _practice_state, demand
from dashboard.pages._telephony_before_after import before_and_after
from dashboard.queries import measures, navigation, peers, practice
from dashboard.view import View

CARDS = (
    "calls_answered",
    "calls_answered_within_120s",
    "calls_missed",
    "appointments_within_14_days",
    "navigation_redirected",
)
# calls, waits and call-backs; appointments; online requests; navigation
COMPARED = (
    "calls_inbound_per_1000",
    "calls_answered",
    "calls_answered_within_120s",
    "calls_missed",
    "calls_callback_requested",
    "calls_callback_made",
    "calls_monday_8_to_10",
    "appointments_per_1000",
    "appointments_same_day",
    "appointments_within_14_days",
    "appointments_dna",
    "appointments_gp",
    "online_requests_per_1000",
    "online_requests_clinical",
    "navigation_redirected",
    "navigation_not_recorded",
)
BESIDE = (
    "Better, worse, higher or lower: beyond the middle half of similar practices by more than chance explains (99.8% "
    "limits for the practice's own numbers), and by a percentage point or, of rates, 2% at least."
)


def _monday(rows: Rows, view: View, known: Definitions) -> Drawing:
    title = say.monday_title(rows)
    if rows[0]["source"] == practice.PUBLISHED:
        labelled = [{**row, "label": words.category(row["label"])} for row in rows]
        return Drawing(
            title,
            "Share of calls by time of day, all days, as published: no call logs are loaded for this period.",
            bars.against_england(labelled, 250, upright=True, name=view.organisation.name),
            f"Bars by time of day with England's line. {title}.",
            f"published · {view.months_in_words}",
        )
    left_out = rows[0]["left_out"]
    holidays = f" · {words.plural(left_out, 'bank holiday')} left out" if left_out else ""
    return Drawing(
        title,
        "Calls of an ordinary Monday by the half-hour, from the practice's own call logs.",
        drawings.monday(rows),
        f"Stacked bars by half-hour. {title}.",
        f"{rows[0]['mondays']} Monday{'' if rows[0]['mondays'] == 1 else 's'}{holidays}",
    )


def _compared(rows: Rows, view: View, known: Definitions) -> Drawing:
    apart = [row for row in rows if say.is_better(row) is not None]
    judged = any(row["judgement"] is not None for row in rows)
    title = (
        f"{words.spelt(len(apart)).capitalize() if apart else 'None'} of {words.plural(len(rows), 'measure')} "
        f"{'are' if len(apart) > 1 else 'is'} better or worse than in most similar practices"
        if judged
        else "The practice's measures, beside England's"
    )
    headings = [
        "Measure",
        "Newest month",
        "",
        "England, same month",
        "Whole period",
        "Middle half of similar",
        "Beside them",
    ]
    body = [
        [
            row["title"],
            f"{words.value(row['latest'], row['unit'])}",
            icons.judged(row),
            words.value(row["england"], row["unit"]),
            words.value(row["value"], row["unit"]),
            say.middle_half(row) or "too few",
            _verdict(row),
        ]
        for row in rows
    ]
    return Drawing(
        title,
        f"Newest month of each measure, then {view.months_in_words} taken together.",
        body=table(title, headings, body, {1, 3, 4, 5}),
        coverage=f"newest month: {words.month(max(row['month'] for row in rows))}",
        note=BESIDE,
    )


def _verdict(row: Mapping[str, Any]) -> str:
    better = say.is_better(row)
    if better is not None:
        return "better" if better else "worse"
    return {"above": "higher", "below": "lower", "within": "alike"}.get(str(row["judgement"]), "not judged")


MONDAY = Chart(
    "practice-monday",
    practice.monday,
    _monday,
    (
        Column("label", "From"),
        Column("calls", "Calls", "number"),
        Column("answered", "Answered", "number"),
        Column("missed", "Missed", "number"),
        Column("other", "Call-back, menu or other", "number"),
        Column("share", "Share", "percent"),
        Column("england_share", "England's share", "percent"),
        Column("source", "From"),
    ),
    measures=lambda view: ("calls_monday_8_to_10",),
    meaning="From call logs where the practice has them: inbound calls by the half-hour of their arrival, averaged "
    "over the Mondays of the period that have logs and are no bank holiday. Missed: joined the queue or rang, and not "
    "answered; voicemail included.",
    height=250,
)
CALLS = demand.trend("practice-calls", "calls_answered")
ONLINE = demand.trend("practice-online", "online_requests_per_1000")
TABLE = Chart(
    "practice-compared",
    lambda scope, view: practice.compared(scope, view, COMPARED),
    _compared,
    (
        Column("title", "Measure"),
        Column("month", "Month", "month"),
        Column("latest", "Newest month", "measure"),
        Column("special_cause", "SPC rule"),
        Column("value", "Whole period", "measure"),
        Column("lower_quartile", "Similar: lower quarter", "measure"),
        Column("median", "Similar: middle", "measure"),
        Column("upper_quartile", "Similar: upper quarter", "measure"),
        Column("practices", "Similar practices with data", "count"),
        Column("england", "England, same month", "measure"),
        Column("judgement", "Beside the middle half"),
    ),
    measures=lambda view: COMPARED,
    meaning="Figures of similar practices are rounded to two significant figures, and are those of 8 or more.",
    height=0,
)


def layout(scope: Scope, view: View, ods: str) -> list[Component]:
    """Sentences, cards, evidence on the left, state on the right, and every definition at the end."""
    known = measures.definitions(scope)
    rows = practice.compared(scope, view, COMPARED)
    latest = measures.latest(scope, view, tuple(name for name in COMPARED if name in known))
    by_name = {row["measure"]: row for row in rows}
    shown = [name for name in CARDS if name in known]
    similar = _likeness(scope, view)
    return [
        *headline(view.organisation.name, _about(practice.facts(scope, ods), practice.telephony(scope, view))),
        sentences(
            [
                say.changed(rows, latest, known),
                *say.against_similar(rows, similar, view.months_in_words),
            ]
        ),
        *(
            [
                html.P(
                    f"Similar practices: {similar}. In brackets, the middle half of them.",
                    className="subtitle likeness",
                )
            ]
            if any(row["judgement"] is not None for row in rows)
            else []
        ),
        _next(scope, view, rows, latest),
        html.Div(
            [
                card(known[name], latest.get(name), "/demand" + view.search(measure=name), _beside(by_name.get(name)))
                for name in shown
            ],
            className="cards",
        ),
        html.Div(
            [
                html.Div([slot(MONDAY, view), slot(CALLS, view), slot(TABLE, view)], className="stack"),
                html.Div([slot(each, view) for each in _practice_state.CHARTS], className="stack state"),
            ],
            className="panels aside",
        ),
        html.Div([slot(each, view) for each in (demand.WAITS, demand.BOOKING, ONLINE)], className="panels more"),
        *before_and_after(scope, view),
        _definitions(known, [name for name in COMPARED if name in by_name], scope, view),
    ]


def _about(facts: Mapping[str, Any], telephony: Rows) -> str:
    live = next((row for row in telephony if row["item"] == "live" and row["state"] == "reached"), None)
    parts = [facts["code"]]
    if facts["patients"] is not None:
        parts.append(f"{facts['patients']:,} patients")
    if facts["pcn"]:
        parts.append(facts["pcn"])
    if facts["closed"]:
        parts.append(f"closed {words.day(facts['closed'])}")
    if live:
        parts.append(f"digital telephony since {words.day(live['since'])}")
    return " · ".join(parts)


def _likeness(scope: Scope, view: View) -> str:
    if view.organisation.closed:
        return "a practice that has closed is compared with none"
    found = peers.likeness(scope, view.organisation)
    if not found.practices:
        return "fewer than 8 practices can be compared with this one"
    unknown = f"; {say.list_of(found.unknown)} not known" if found.unknown else ""
    return f"the {found.practices} practices of this ICB nearest in {say.list_of(found.by)}{unknown}"


def _beside(row: Mapping[str, Any] | None) -> str:
    if row is None or row["median"] is None:
        return ""
    return f"similar {say.about(row['median'], row['unit'])} (period)"


def _next(scope: Scope, view: View, rows: Rows, latest: Mapping[str, Any]) -> Component:
    recent = [row for row in practice.received(scope, view) if row["missing"] and view.last_month in row["missing"]]
    without = unrecorded(scope, view, latest.get("navigation_not_recorded"))
    steps = say.next_steps(
        rows,
        practice.monday(scope, view),
        practice.telephony(scope, view),
        without,
        recent,
        practice.training(scope, view),
    )
    if view.organisation.closed:
        steps = [say.Sentence("Nothing", f": this practice closed on {words.day(view.organisation.closed)}.")]
    return html.Section(
        [
            html.H2("What to do next"),
            html.Ol([html.Li([html.B(step.claim), step.rest]) for step in steps]),
        ],
        className="panel next",
        **attributes(data_testid="next-steps"),
    )


def unrecorded(scope: Scope, view: View, newest: Mapping[str, Any] | None) -> float | None:
    """The share without a destination, where the newest month's rate of redirection is withheld because of it."""
    for row in navigation.withheld(scope, view) if newest else []:
        is_why = row["organisation"] == view.organisation.code and row["reason"] in ("not_recorded", "both")
        if newest and is_why and newest["period_start"] in row["months"]:
            return float(newest["value"])
    return None


def _definitions(known: Definitions, names: list[str], scope: Scope, view: View) -> Component:
    by_source: dict[str, list[str]] = {}
    for name in names:
        by_source.setdefault(known[name]["source"], []).append(name)
    groups = [
        html.Div(
            [
                html.H3(source[:1].upper() + source[1:]),
                html.Dl([part for name in own for part in _meaning(known[name])]),
            ]
        )
        for source, own in by_source.items()
    ]
    similar = _likeness(scope, view)
    return html.Section(
        [
            html.H2("What each figure means"),
            html.P(f"Similar practices: {similar}. Their figures are rounded. {BESIDE}", className="subtitle"),
            html.P(
                [
                    "“A real change” is said only where a rule of statistical process control marks the newest "
                    "month, on limits that rest on 12 months or more. The same figures by URL: ",
                    html.A("/api", href="/api"),
                    ".",
                ],
                className="subtitle",
            ),
            html.Div(groups, className="columns"),
        ],
        className="panel meanings",
    )


def _meaning(definition: Mapping[str, Any]) -> list[Component]:
    return [html.Dt(definition["title"]), html.Dd(definition["definition"])]


PAGE = Page(
    path="/practice/<ods>", title="Practice", label="This practice", order=5, layout=layout,
    exists=lambda scope, ods: practice.exists(scope, ods),
    charts=(MONDAY, CALLS, ONLINE, TABLE, *_practice_state.CHARTS),
)  # fmt: skip
