"""`/navigation`: how many requests go to the right place first time, where, and who has been trained?"""

from collections.abc import Callable
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard import findings, words
from dashboard.access.scope import Scope
from dashboard.charts import bars, shares
from dashboard.charts import navigation as draw
from dashboard.charts.funnel import funnel
from dashboard.components.panel import slot
from dashboard.components.sentences import headline, sentences
from dashboard.findings import Sentence
from dashboard.page import Chart, Column, Definitions, Drawing, Page, Rows
from dashboard.pages.demand import trend
from dashboard.queries import breakdowns, measures, navigation
from dashboard.queries.navigation import RATE, TRAINED, UNKNOWN
from dashboard.view import View

EXTERNAL, EMERGENCY = "navigation_redirected_external", "navigation_ae_999"
CALLS, TALK = "navigation_calls_navigated", "navigation_calls_talk_seconds"
HEAD = (RATE, UNKNOWN, EXTERNAL, EMERGENCY, TRAINED, CALLS, TALK)
EVEN_HOURS = ("0:00", "2:00", "4:00", "6:00", "8:00")
OWN_RULE = (
    "There is no national formula for “directed more effectively”. Ours: a clinical request (new, ongoing, medication) "
    "counts as redirected when its recorded destination is not a GP appointment, a named GP or the duty doctor. "
)
NO_RECORDS = (
    "No navigation outcomes have been loaded for this organisation and period. The template is navigation.csv; the "
    "README says what else can be read."
)
NO_RETURN = "No training return has been loaded. The template is training.csv."


def _period(view: View) -> str:
    return words.months(view.first_month, view.last_month)


def _compare(noun: str) -> Callable[[Rows, View, Definitions], Drawing]:
    def drawing(rows: Rows, view: View, known: Definitions) -> Drawing:
        definition = known[RATE]
        title = findings.funnel_title(rows, noun)
        size = "clinical requests with a recorded destination, summed over the months"
        many = words.plural(len(rows), noun)
        return Drawing(
            title,
            f"Requests redirected by {noun}, with 95% and 99.8% limits (exact binomial) around all together. "
            f"{rows[0]['statement']} The 40% aim is a line to read by, not a pass mark.",
            funnel(rows, "percent", size, definition["aim"]),
            f"Funnel plot of {many} with the 40% aim as a line. {title}.",
            f"{many} · months that are not withheld, {_period(view)}",
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
        meaning=OWN_RULE + "Each mark is one organisation; the further right, the more there is to go by. About one in "
        "500 would lie outside the 99.8% limits by chance. Practices differ in patients and staff: it is a reason to "
        "ask, not a ranking.",
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
        f"{words.count(whole)} requests · {_period(view)}",
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
    most, least = max(names, key=lambda name: pharmacy[name]), min(names, key=lambda name: pharmacy[name])
    title = f"Community pharmacy takes {words.value(pharmacy[most], 'percent')} of clinical requests"
    if len(names) > 1:
        title += f" from {most}, {words.value(pharmacy[least], 'percent')} from {least}"
    return Drawing(
        title,
        "Clinical requests by where they went. Hatched: no destination recorded.",
        draw.split(rows),
        f"{title}. A bar each, cut by destination.",
        f"{words.count(sum(row['contacts'] for row in rows))} clinical requests · {_period(view)}",
    )


def _times(rows: Rows, view: View, known: Definitions) -> Drawing:
    part = shares.labelled(rows, "navigation_half_hour", by_time=True)
    busiest = max(part, key=lambda row: row["amount"] or 0)
    share = words.value(busiest["share"], "percent")
    title = f"The busiest half-hour begins at {busiest['category']}: {share} of requests"
    drawn = bars.against_england(part, upright=True, name=view.organisation.name)
    # a label for every second hour: there is no room for more
    drawn["layout"]["xaxis"]["tickvals"] = [row["category"] for row in part if row["category"][1:] in EVEN_HOURS]
    return Drawing(
        title,
        "Share of requests by the half-hour in which they were handled, London time.",
        drawn,
        f"{title}. Bars by half-hour.",
        f"{words.count(sum(row['amount'] or 0 for row in part))} requests with a time · {_period(view)}",
    )


def _withheld(rows: Rows, view: View, known: Definitions) -> Drawing:
    several = len({row["organisation"] for row in rows})
    return Drawing(
        f"The redirection rate is withheld in {words.plural(len(rows), 'month')} of "
        f"{words.plural(several, 'organisation')}",
        "Too few clinical requests with a destination, or too many without one. The counts are kept and shown.",
        coverage=_period(view),
    )


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
            "range": findings.usual_range(row, row["unit"]) if row["value"] is not None else "",
            "change": words.variation(row["variation"]) if findings.is_change(row) else "no real change",
        }
        for row in navigation.every_measure(scope, view)
    ]


def _training(rows: Rows, view: View, known: Definitions) -> Drawing:
    left = [row for row in rows if not row["is_trained"]]
    title = (
        f"{words.plural(len(left), 'practice').capitalize()} of {len(rows)} without a trained navigator"
        if left
        else f"All {words.plural(len(rows), 'practice')} have a trained navigator"
    )
    named = sum(row["is_named"] for row in rows)
    return Drawing(
        title,
        "Open practices by PCN: at least one training completed, funded or passed on. The table says who is left.",
        draw.trained(rows),
        f"{title}. Bars of practices by PCN, trained and not yet.",
        f"{named} of {words.plural(len(rows), 'practice')} in a training return",
    )


def _training_query(scope: Scope, view: View) -> Rows:
    return [
        {**row, "state": "trained" if row["is_trained"] else "not yet" if row["is_named"] else "in no return"}
        for row in navigation.training(scope, view)
    ]


def _impact(rows: Rows, view: View, known: Definitions) -> Drawing:
    told = [row for row in rows if row["refusal"] is None]
    sure = [row for row in told if not row["lower"] <= 0 <= row["upper"] and not row["placebo_differs"]]
    if sure:
        title = "After training, " + ", ".join(_change(row) for row in sure)
    elif told:
        title = "Did training change it? No change can be told from chance"
    else:
        title = "Did training change it? The data cannot say yet"
    return Drawing(title, "Practices after their first training against practices not yet trained in the same months.")


def _change(row: dict[str, Any]) -> str:
    way = "more" if row["estimate"] > 0 else "fewer"
    return f"{100 * abs(row['estimate']):.1f} points {way} {row['title'][0].lower()}{row['title'][1:]}"


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
    height=400,
)
TIMES = Chart(
    "navigation-times",
    lambda scope, view: breakdowns.shares(scope, view, "navigation_half_hour"),
    _times,
    (Column("category", "From"), Column("amount", "Requests", "count"), Column("share", "Share", "percent")),
    meaning="The time a request was handled, as recorded. An online request may have come hours before. Records with a "
    "date and no time are left out.",
    empty=NO_RECORDS,
)
WITHHELD = Chart(
    "navigation-withheld",
    navigation.withheld,
    _withheld,
    (
        Column("name", "Name"),
        Column("organisation", "Code"),
        Column("period_start", "Month", "month"),
        Column("numerator", "Redirected", "count"),
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
TRAINING = Chart(
    "navigation-training",
    _training_query,
    _training,
    (
        Column("name", "Practice"),
        Column("practice", "Code"),
        Column("pcn_name", "PCN"),
        Column("state", "Navigator"),
        Column("funded_booked_on", "Funded place booked", "day"),
        Column("trained_on", "First trained", "day"),
        Column("funded_completed", "Funded places completed", "count"),
        Column("cascaded_completed", "Colleagues passed on to", "count"),
    ),
    measures=lambda view: (TRAINED, "navigator_places_used", "navigator_cascade_ratio"),
    empty=NO_RETURN,
    height=360,
)
IMPACT = Chart(
    "navigation-impact",
    navigation.impact,
    _impact,
    (
        Column("title", "Measure"),
        Column("sentence", "Answer"),
        Column("estimate", "Change", "percent"),
        Column("lower", "Lower", "percent"),
        Column("upper", "Upper", "percent"),
        Column("practices", "Trained", "count"),
        Column("controls", "Compared with", "count"),
    ),
    measures=lambda view: (RATE,),
    meaning="The same method as for going live with digital telephony: each practice's mean of the months after its "
    "first training less the months before, less the same at practices not yet trained in those months. The month of "
    "training is left out, as are months in which the rate is withheld. It speaks of all practices that a training "
    "return names.",
    empty="There is nothing to compare yet: it needs a training return and navigation outcomes.",
    height=160,
)
ALL = (RATE_TREND, UNKNOWN_TREND, PRACTICES, PCNS, FLOW, DESTINATIONS, TIMES, EVERY, WITHHELD, TRAINING, IMPACT)


def layout(scope: Scope, view: View) -> list[Component]:
    """What share was redirected and how much is not known; where requests went; when; who has been trained."""
    known = measures.definitions(scope)
    found = navigation.newest(scope, view, HEAD)
    return [
        *headline(_title(found), f"Care navigation · {view.organisation.name} · {_period(view)}"),
        sentences(_said(found, known, scope, view)),
        _panels(slot(RATE_TREND, view), slot(UNKNOWN_TREND, view), slot(PRACTICES, view), slot(PCNS, view)),
        html.H2("Where requests go", className="section"),
        _panels(slot(FLOW, view, wide=True), slot(DESTINATIONS, view), slot(TIMES, view)),
        html.H2("Who has been trained", className="section"),
        _panels(slot(TRAINING, view, wide=True), slot(IMPACT, view, wide=True)),
        html.H2("Every measure, and what is withheld", className="section"),
        _panels(slot(EVERY, view, wide=True), slot(WITHHELD, view, wide=True)),
    ]


def _panels(*slots: Component) -> Component:
    return html.Div(list(slots), className="panels")


def _title(found: dict[str, dict[str, Any]]) -> str:
    """The page's headline: the newest month's rate with what is not recorded beside it, or why there is none."""
    rate, unknown = found.get(RATE), found.get(UNKNOWN)
    if rate is None:
        return "No navigation outcomes have been loaded for this organisation"
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
        said.append(findings.series_sentence(known[RATE], rate))
        rest = f", without a formula: ours is under each chart. {_outside(found)}"
        said.append(Sentence(f"The national aim is {aim}", rest))
    away = navigation.withheld(scope, view)
    if away:
        names = words.plural(len({row["organisation"] for row in away}), "organisation")
        said.append(Sentence(f"Withheld: {words.plural(len(away), 'month')}", f" of {names}, listed below."))
    if trained is not None:
        done, of = int(trained["numerator"]), int(trained["denominator"])
        claim = f"{words.spelt(done)} of {words.plural(of, 'practice')}".capitalize()
        end = words.month(trained["period_start"])
        said.append(Sentence(claim, f" had a trained navigator at the end of {end}."))
    if calls is not None and calls["value"] is not None:
        long = f", with {words.value(talk['value'], 'seconds')} of talk each" if talk and talk["value"] else ""
        rest = f" carry a navigation record{long}, where records name calls ({words.month(calls['period_start'])})."
        said.append(Sentence(f"{words.value(calls['value'], 'percent')} of answered calls", rest))
    return said


def _outside(found: dict[str, dict[str, Any]]) -> str:
    parts = [
        f"{words.value(found[name]['value'], 'percent')} {what}"
        for name, what in ((EXTERNAL, "went outside the practice"), (EMERGENCY, "to A&E or 999"))
        if name in found and found[name]["value"] is not None
    ]
    return f"{', '.join(parts)}." if parts else ""


PAGE = Page(path="/navigation", title="Care navigation", label="Care navigation", order=30, layout=layout, charts=ALL)
