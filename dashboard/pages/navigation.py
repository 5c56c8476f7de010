"""`/navigation`: how many requests go to the right place first time, where, and who has been trained?"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard import findings, words
from dashboard.access.scope import Scope
from dashboard.charts import navigation as draw
from dashboard.charts.funnel import READING, funnel
from dashboard.components.panel import slot
from dashboard.components.sentences import headline, sentences
from dashboard.findings import Sentence
from dashboard.page import Chart, Column, Definitions, Drawing, Page, Rows
from dashboard.pages import _navigation_measures, _training
from dashboard.pages._navigation_measures import NO_RECORDS
from dashboard.pages.demand import trend
from dashboard.queries import measures, navigation
from dashboard.queries.navigation import RATE, TALK, TRAINED, UNKNOWN
from dashboard.view import View

EXTERNAL, EMERGENCY, CALLS = "navigation_redirected_external", "navigation_ae_999", navigation.NAVIGATED
HEAD = (RATE, UNKNOWN, EXTERNAL, EMERGENCY, TRAINED, CALLS, TALK)
RUSH_ENDS, FEWEST_AT_A_TIME, MOST_NAMED = "09:30", 30, 4
OWN_RULE = (
    "There is no national formula for “directed more effectively”. Ours: a clinical request (new, ongoing, medication) "
    "counts as redirected when its recorded destination is not a GP appointment, a named GP or the duty doctor. "
)


def _compare(noun: str) -> Callable[[Rows, View, Definitions], Drawing]:
    def drawing(rows: Rows, view: View, known: Definitions) -> Drawing:
        definition = known[RATE]
        title = findings.funnel_title(rows, noun)
        size = "clinical requests with a destination"
        many, aim = words.plural(len(rows), noun), words.value(definition["aim"], "percent")
        return Drawing(
            title,
            f"Requests redirected by {noun}, with 95% and 99.8% limits around all together. "
            f"{rows[0]['statement']} The aim of {aim} is a line to read by, not a pass mark.",
            funnel(rows, "percent", size, definition["aim"]),
            f"Funnel plot of {many} with the aim of {aim} as a line. {title}.",
            f"{many} · months that are not withheld, {view.months_in_words}",
        )

    return drawing


def _comparison(name: str, kind: str, noun: str) -> Chart:
    return Chart(
        name,
        lambda scope, view: measures.compared(scope, view, RATE, kind),
        _compare(noun),
        (
            Column("name", "Name"),
            Column("organisation", "Code"),
            Column("value", "Redirected", "measure"),
            Column("numerator", "Redirected requests", "count"),
            Column("denominator", "With a destination", "count"),
            Column("lower_998", "Lower 99.8% limit", "measure"),
            Column("upper_998", "Upper 99.8% limit", "measure"),
            Column("judgement", "Against the limits"),
            Column("months", "Months", "count"),
        ),
        measures=lambda view: (RATE,),
        meaning=f"{OWN_RULE}{READING} Practices differ in patients and staff: it is a reason to ask, not a ranking.",
        empty="There is nothing to compare: no organisation of this kind has a rate that is not withheld.",
        height=340,
    )


def _flow(rows: Rows, view: View, known: Definitions) -> Drawing:
    whole = sum(row["contacts"] for row in rows)
    groups: dict[str, int] = {}
    for row in rows:
        group = draw.group_of(row["destination"])
        groups[group] = groups.get(group, 0) + row["contacts"]
    gp, unknown = (words.value(groups.get(name, 0) / whole, "percent") for name in (draw.GP, draw.NOT_RECORDED))
    title = f"{gp} of all requests went to a GP; of {unknown} nobody recorded where"
    return Drawing(
        title,
        "Every request, administrative ones too: from what was asked (left) to where it went (right). Destinations "
        "under 2% are drawn together; the table has each.",
        draw.flow(rows),
        f"Flow of {words.count(whole)} requests from category to destination. {title}.",
        f"{words.count(whole)} requests · {view.months_in_words}",
    )


def _named(query: Callable[[Scope, View], Rows]) -> Callable[[Scope, View], Rows]:
    """The same rows with `destination_name` and, where there is one, `category_name`."""

    def rows(scope: Scope, view: View) -> Rows:
        return [
            {
                **row,
                "destination_name": draw.DESTINATIONS.get(row["destination"], words.category(row["destination"])),
                "category_name": draw.CATEGORIES.get(row.get("request_category", ""), ""),
            }
            for row in query(scope, view)
        ]

    return rows


def _destinations(rows: Rows, view: View, known: Definitions) -> Drawing:
    names = list(dict.fromkeys(row["name"] for row in rows))
    pharmacy = dict.fromkeys(names, 0.0)
    for row in rows:
        pharmacy[row["name"]] += row["share"] if row["destination"] == "community_pharmacy" else 0
    most = max(names, key=lambda name: pharmacy[name])
    whole = sum(row["contacts"] for row in rows)
    sent = sum(row["contacts"] for row in rows if row["destination"] == "community_pharmacy")
    title = f"Community pharmacy takes {words.value(sent / whole if whole else None, 'percent')} of clinical requests"
    if len(names) > 1:  # the least is not named: who records little sends nobody anywhere
        title += f"; most from {most}, {words.value(pharmacy[most], 'percent')}"
    return Drawing(
        title,
        "Clinical requests by where they went. Hatched: no destination recorded.",
        draw.split(rows),
        f"{title}. A bar each, cut by destination.",
        f"{words.count(sum(row['contacts'] for row in rows))} clinical requests · {view.months_in_words}",
    )


def _times(rows: Rows, view: View, known: Definitions) -> Drawing:
    whole = sum(row["requests"] for row in rows)
    busiest = max(rows, key=lambda row: row["requests"])
    share = words.value(busiest["requests"] / whole, "percent")
    title = f"The busiest half-hour begins at {busiest['category']}: {share} of requests"
    early, late = ([row for row in rows if (row["category"] < RUSH_ENDS) == first] for first in (True, False))
    rates = [
        sum(row["redirected"] for row in part) / base
        for part in (early, late)
        if (base := sum(row["base"] for row in part)) >= FEWEST_AT_A_TIME
    ]
    if len(rates) > 1:
        before, after = (words.value(rate, "percent") for rate in rates)
        title += f"; redirected before {RUSH_ENDS} {before}, later {after}"
    return Drawing(
        title,
        "Requests by the half-hour in which they were handled, London time, and what became of them. "
        "Hatched: clinical, no destination recorded.",
        draw.day(rows),
        f"{title}. Stacked bars by half-hour.",
        f"{words.count(whole)} requests with a time · {view.months_in_words}",
    )


def _emergency(rows: Rows, view: View, known: Definitions) -> Drawing:
    drawn = _EMERGENCY_TREND.draw(rows, view, known)
    whole = sum(row["numerator"] or 0 for row in rows)
    base = sum(row["denominator"] or 0 for row in rows)
    return replace(
        drawn,
        subtitle=f"{words.count(whole)} of {words.count(base)} clinical requests with a destination. A low figure is "
        "not an aim; a high one is a reason to look.",
    )


def _calls(rows: Rows, view: View, known: Definitions) -> Drawing:
    first = rows[0]
    title = f"{words.value(first['share'], 'percent')} of answered calls carry a navigation record"
    if first["talk_seconds"] is not None:
        title += f", with {words.value(first['talk_seconds'], 'seconds')} of talk each"
    return Drawing(
        f"{first['name']}: {title}" if first["organisation"] != view.organisation.code else title,
        "At practices whose records name calls by the telephone system's own id. Never joined by time or number.",
        coverage=view.months_in_words,
    )


PRACTICES = _comparison("navigation-practices", "practice", "practice")
PCNS = _comparison("navigation-pcns", "pcn", "PCN")
FLOW = Chart(
    "navigation-flow",
    _named(navigation.flow),
    _flow,
    (
        Column("category_name", "Request"),
        Column("destination_name", "Destination"),
        Column("contacts", "Requests", "count"),
        Column("share", "Share of all", "percent"),
        Column("declined", "Declined at first", "count"),
    ),
    measures=lambda view: (RATE, UNKNOWN),
    meaning="What practices recorded, under the destination their words mean. Administrative requests are drawn, and "
    "are in no rate. Coded extracts give no category.",
    empty=NO_RECORDS,
    height=540,
)
RATE_TREND, UNKNOWN_TREND = trend("navigation-trend", RATE), trend("navigation-unknown-trend", UNKNOWN)
_EMERGENCY_TREND = trend("navigation-emergency", EMERGENCY)
EMERGENCY_TREND = replace(
    _EMERGENCY_TREND,
    draw=_emergency,
    meaning="Requests sent to A&E or 999 count as redirected, and are shown apart because they are about safety, not "
    "efficiency. " + _EMERGENCY_TREND.meaning,
    empty=NO_RECORDS,
)
PHARMACY_TREND = trend("navigation-pharmacy", "navigation_pharmacy_per_1000_per_week")
CALLS_NAVIGATED = Chart(
    "navigation-calls",
    navigation.calls,
    _calls,
    (
        Column("name", "Name"),
        Column("organisation", "Code"),
        Column("navigated", "Navigated", "count"),
        Column("answered", "Answered", "count"),
        Column("share", "Share", "percent"),
        Column("talk_seconds", "Talk, navigated", "seconds"),
        Column("all_talk_seconds", "Talk, all answered", "seconds"),
        Column("months", "Months", "count"),
    ),
    measures=lambda view: (CALLS, TALK),
    meaning="A practice that records few ids has a low share for that reason alone. “All answered” is the mean of "
    "every answered call in the call logs of the same place and period.",
    empty="No navigation record here names a call by its id in this period. The column call_id of navigation.csv joins "
    "records to call logs; nothing else does.",
    height=120,
)
DESTINATIONS = Chart(
    "navigation-destinations",
    _named(navigation.destinations),
    _destinations,
    (
        Column("name", "Name"),
        Column("organisation", "Code"),
        Column("destination_name", "Destination"),
        Column("contacts", "Clinical requests", "count"),
        Column("share", "Share", "percent"),
    ),
    measures=lambda view: (RATE, EXTERNAL, EMERGENCY),
    empty=NO_RECORDS,
    height=200,
)
TIMES = Chart(
    "navigation-times",
    navigation.times,
    _times,
    (
        Column("category", "From"),
        Column("requests", "Requests", "count"),
        Column("redirected", "Redirected", "count"),
        Column("to_gp", "To a GP", "count"),
        Column("not_recorded", "Not recorded", "count"),
        Column("other", "Not clinical", "count"),
        Column("rate", "Redirected, of those with a destination", "percent"),
    ),
    measures=lambda view: (RATE,),
    meaning="The time a request was handled, as recorded. An online request may have come hours before. Records with a "
    "date and no time are left out.",
    empty=NO_RECORDS,
)
ALL = (
    RATE_TREND, UNKNOWN_TREND, PRACTICES, PCNS, FLOW, DESTINATIONS, TIMES, EMERGENCY_TREND, PHARMACY_TREND,
    CALLS_NAVIGATED, *_training.CHARTS, *_navigation_measures.CHARTS,
)  # fmt: skip


def layout(scope: Scope, view: View) -> list[Component]:
    """What share was redirected and how much is not known; where requests went; when; who has been trained."""
    known = measures.definitions(scope)
    found = navigation.newest(scope, view, HEAD)
    top = [
        *headline(_title(found), f"Care navigation · {view.organisation.name} · {view.months_in_words}"),
        sentences(_said(found, known, scope, view)),
    ]
    if RATE not in found:  # a page of empty panels would say no more
        return [*top, html.P(NO_RECORDS, className="empty"), *_training.section(view)]
    return [
        *top,
        _panels(slot(RATE_TREND, view), slot(UNKNOWN_TREND, view), slot(PRACTICES, view), slot(PCNS, view)),
        html.H2("Where requests go", className="section"),
        _panels(slot(FLOW, view, wide=True), slot(DESTINATIONS, view, wide=True)),
        html.H2("Two destinations to watch", className="section"),
        _panels(slot(EMERGENCY_TREND, view), slot(PHARMACY_TREND, view)),
        html.H2("When requests come, and the calls behind them", className="section"),
        _panels(slot(TIMES, view, wide=True), slot(CALLS_NAVIGATED, view, wide=True)),
        *_training.section(view),
        *_navigation_measures.section(view),
    ]


def _panels(*slots: Component) -> Component:
    return html.Div(list(slots), className="panels")


def _title(found: dict[str, dict[str, Any]]) -> str:
    """The page's headline: the newest month's rate with what is not recorded beside it, or why there is none."""
    rate, unknown = found.get(RATE), found.get(UNKNOWN)
    if rate is None:
        return "No navigation outcomes have been loaded for this place and time"
    month, missing = words.month(rate["period_start"]), ""
    if unknown is not None and unknown["value"] is not None:
        missing = f"{words.value(unknown['value'], 'percent')} had no destination recorded"
    if rate["value"] is None:
        base = f"{words.plural(int(rate['denominator']), 'request')} with a destination"
        return f"The redirection rate of {month} is withheld: {base}" + (f", and {missing}" if missing else "")
    share = words.value(rate["value"], "percent")
    return f"{share} of requests redirected in {month}" + (f"; {missing}" if missing else "")


def _said(found: dict[str, dict[str, Any]], known: Definitions, scope: Scope, view: View) -> list[Sentence]:
    said = []
    rate, trained, calls, talk = (found.get(name) for name in (RATE, TRAINED, CALLS, TALK))
    if rate is not None and rate["value"] is not None:
        aim = words.value(known[RATE]["aim"], "percent")
        sentence = findings.series_sentence(known[RATE], rate)
        said.append(replace(sentence, rest=f"{sentence.rest} {_counted(rate)}"))
        rest = f", without a formula: ours is under each chart. {_outside(found)}"
        said.append(Sentence(f"The national aim is {aim}", rest))
    away = {row["organisation"]: row["name"] for row in navigation.withheld(scope, view)}
    if away:
        names = ", ".join(list(away.values())[:MOST_NAMED]) + (" and others" if len(away) > MOST_NAMED else "")
        claim = f"Withheld for {words.plural(len(away), 'organisation')}"
        said.append(Sentence(claim, f" in some months, because too little is recorded: {names}. The list is below."))
    if trained is not None:
        said.append(_training.sentence(scope, trained))
    if calls is not None and calls["value"] is not None:
        long = f", with {words.value(talk['value'], 'seconds')} of talk each" if talk and talk["value"] else ""
        rest = f" carry a navigation record{long}, where records name calls ({words.month(calls['period_start'])})."
        said.append(Sentence(f"{words.value(calls['value'], 'percent')} of answered calls", rest))
    return said


def _counted(rate: dict[str, Any]) -> str:
    counts = f"{words.count(rate['numerator'])} of {words.count(rate['denominator'])} clinical requests"
    at = f", from {rate['practices_counted']} of {rate['practices_expected']} practices"
    return f"{counts} with a destination{at if rate['level'] != 'practice' else ''}."


def _outside(found: dict[str, dict[str, Any]]) -> str:
    parts = [
        f"{words.value(found[name]['value'], 'percent')} {what}"
        for name, what in ((EXTERNAL, "went outside the practice"), (EMERGENCY, "to A&E or 999"))
        if name in found and found[name]["value"] is not None
    ]
    return f"{', '.join(parts)}." if parts else ""


PAGE = Page(path="/navigation", title="Care navigation", label="Care navigation", order=30, layout=layout, charts=ALL)
