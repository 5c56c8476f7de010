"""`/definitions`: what does each measure mean?"""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard import words
from dashboard.access.scope import Scope
from dashboard.components.sentences import headline
from dashboard.page import Page
from dashboard.queries import measures
from dashboard.view import View

STATUS = {
    "national": "Defined and published by NHS England",
    "national_components": "Our ratio of figures that NHS England publishes",
    "product": "Defined by this product",
}
# the first word of a measure's name says what it is about
SUBJECTS = {
    "calls": "Published telephony",
    "logged": "Call logs",
    "appointments": "Appointments",
    "online": "Online requests",
    "telephony": "Digital telephony rollout",
    "navigation": "Care navigation",
    "navigators": "Navigator training",
    "navigator": "Navigator training",
    "coverage": "How complete the data is",
}
BETTER = {"higher": "Higher is better", "lower": "Lower is better", "neither": "Neither direction is better"}


def layout(scope: Scope, view: View) -> list[Component]:
    """Every measure of the generation by subject, each with an address of its own (`#calls_answered`)."""
    known = measures.definitions(scope)
    by_subject: dict[str, list[Any]] = {subject: [] for subject in SUBJECTS.values()}
    for name, measure in known.items():
        by_subject.setdefault(SUBJECTS.get(name.partition("_")[0], "Other"), []).append(measure)
    return [
        *headline(
            "What each measure means", f"{len(known)} measures. Every page, table and file uses these definitions."
        ),
        html.Div([part for each in by_subject.items() for part in _subject(*each)], className="definitions"),
    ]


def _subject(title: str, of_it: list[Any]) -> list[Component]:
    if not of_it:
        return []
    return [html.H2(title, className="section"), html.Div([_definition(each) for each in of_it], className="panel")]


def _definition(measure: Any) -> Component:
    caveats = [line for line in (measure["caveats"] or "").splitlines() if line.strip()]
    counted = measure["numerator_label"] or ""
    if measure["denominator_label"]:
        counted += f" ÷ {measure['denominator_label']}"
    terms = [
        ("Means", measure["definition"]),
        ("Counted as", counted),
        ("In", words.unit(measure["unit"])),
        ("Direction", BETTER.get(measure["better"], "")),
        ("Aim", "" if words.is_missing(measure["aim"]) else words.value(measure["aim"], measure["unit"])),
        ("Mind that", html.Ul([html.Li(caveat) for caveat in caveats]) if caveats else ""),
        ("Status", STATUS.get(measure["status"], measure["status"])),
        ("Source", measure["source"]),
        ("Name in files", html.Code(measure["measure"])),
    ]
    rows = [part for term, text in terms if text for part in (html.Dt(term), html.Dd(text))]
    asks = html.Span(measure["question"], className="quiet")
    return html.Details([html.Summary([html.B(measure["title"]), " ", asks]), html.Dl(rows)], id=measure["measure"])


PAGE = Page(path="/definitions", title="Definitions", label="Definitions", group="Look up", order=90, layout=layout)
