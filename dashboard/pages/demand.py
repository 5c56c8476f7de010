"""`/demand`: when do people ring, do they get through, and is there enough behind the phone?"""

from collections.abc import Callable, Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard import findings, week_findings, words
from dashboard.access.scope import Scope
from dashboard.charts import bars, shares
from dashboard.charts.funnel import READING, funnel
from dashboard.charts.spc import spc
from dashboard.components.panel import slot
from dashboard.components.sentences import headline, sentences
from dashboard.components.shell import filter_select
from dashboard.page import Chart, Column, Definitions, Drawing, Page, Rows
from dashboard.pages import _week
from dashboard.queries import breakdowns, call_logs, measures
from dashboard.view import View

MEASURE = "calls_answered"
TRENDS = (
    "calls_answered",
    "calls_missed",
    "calls_answered_within_120s",
    "calls_ended_in_ivr",
    "calls_callback_requested",
    "calls_callback_made",
    "calls_dealt_with",
    "calls_inbound_per_1000",
    "calls_monday_8_to_10",
    "appointments_per_1000",
    "appointments_same_day",
    "appointments_within_14_days",
    "appointments_dna",
    "appointments_gp",
    "appointments_face_to_face",
    "online_requests_per_1000",
    "online_requests_clinical",
)
LOGGED = "logged_"  # what a measure of published calls is called when it is counted from call logs
TITLE = (
    "calls_missed",
    "calls_answered",
    "calls_answered_within_120s",
    "appointments_within_14_days",
    "appointments_dna",
)
SENTENCES = ("calls_answered", "appointments_per_1000", "online_requests_per_1000")
PEAK = "08:00-09:59"
PUBLISHED = " · as published"

SERIES_COLUMNS = (
    Column("period_start", "Month", "month"),
    Column("value", "Value", "measure"),
    Column("numerator", "Counted", "count"),
    Column("denominator", "Out of", "count"),
    Column("mean", "Average", "measure"),
    Column("lower_limit", "Lower limit", "measure"),
    Column("upper_limit", "Upper limit", "measure"),
    Column("special_cause", "SPC rule"),
    Column("practices_counted", "Practices with data", "count"),
    Column("practices_expected", "Practices open", "count"),
)
SHARE_COLUMNS = (
    Column("category", "Category"),
    Column("amount", "Number", "count"),
    Column("share", "Share", "percent"),
    Column("england_amount", "England", "count"),
    Column("england_share", "England's share", "percent"),
)


def chosen_measure(view: View) -> str:
    """The measure the URL asks for, or the first."""
    return view.option("measure", MEASURE)


def coverage_of(row: Mapping[str, Any], measure: str = "") -> str:
    """`46 of 48 practices · to October 2026`, from a row of a series; of calls also where they are from."""
    month = f"to {words.month(row['period_start'])}{source_of(measure)}"
    if row["practices_expected"] is None or row["practices_counted"] == row["practices_expected"] == 1:
        return month
    return f"{row['practices_counted'] or 0:,} of {row['practices_expected']:,} practices · {month}"


def source_of(measure: str) -> str:
    """` · from call logs` or ` · as published`, for a measure of calls; "" for others."""
    if measure.startswith(LOGGED):
        return " · from call logs"
    return PUBLISHED if measure.startswith("calls_") else ""


def trend(name: str, fixed: str | None = None) -> Chart:
    """A trend chart of the measure in the URL, or of one fixed measure, under a name of its own."""

    def measure(view: View) -> str:
        return fixed or chosen_measure(view)

    def draw(rows: Rows, view: View, known: Definitions) -> Drawing:
        definition = known[measure(view)]
        newest = [row for row in rows if row["value"] is not None][-1]
        title = findings.series_title(definition, newest)
        spread = findings.usual_range(newest, definition["unit"])
        gaps = sum(row["value"] is None for row in rows)
        missing = f" {words.plural(gaps, 'month').capitalize()} without data left as a gap." if gaps else ""
        return Drawing(
            title,
            f"{definition['title']}, monthly, {words.unit(definition['unit'])}, with process limits (XmR).{missing}",
            spc(rows, definition["unit"], definition["aim"]),
            f"{title}. Monthly line with average and limits; usual range {spread}.",
            coverage_of(newest, measure(view)),
        )

    return Chart(
        name,
        lambda scope, view: measures.series(scope, view, measure(view)),
        draw,
        SERIES_COLUMNS,
        measures=lambda view: (measure(view),),
        meaning="Limits are the average ± 2.66 times the average moving range. A point is called a real change only "
        "where one of four rules marks it: outside a limit, seven rising or falling, two of three near a limit, "
        "seven on one side of the average.",
        empty="There is no figure for this measure, organisation and period. That is missing data, not nought.",
    )


def _outcomes(rows: Rows, view: View, known: Definitions) -> Drawing:
    title = findings.outcomes_title(rows)
    return Drawing(
        title,
        "Inbound calls by how they ended, monthly. Hatched: missed.",
        bars.stacked_months(rows),
        f"Stacked bars by month. {title}.",
        f"{words.count(sum(row['amount'] for row in rows))} calls · "
        f"{words.months(rows[0]['period_start'], rows[-1]['period_start'])}{PUBLISHED}",
    )


def _time_bands(rows: Rows, view: View, known: Definitions) -> Drawing:
    part = shares.labelled(rows, "calls_time_band", by_time=True)
    title = findings.share_title(part, PEAK, "of calls come between 08:00 and 09:59")
    return Drawing(
        title,
        "Share of calls in each band, all days. Bands differ in length. Dotted: England.",
        bars.against_england(part, upright=True, name=view.organisation.name),
        f"Bars by time of day with England's line. {title}.",
        view.months_in_words + PUBLISHED,
    )


def _waits(rows: Rows, view: View, known: Definitions) -> Drawing:
    drawn = []
    for subject, what in (("calls_wait_answered", "Answered"), ("calls_wait_missed", "Missed")):
        for row in shares.labelled(rows, subject):
            drawn.append({**row, "row": f"{what}, here"})
        for row in shares.labelled(rows, subject):
            if row["england_share"] is not None:
                drawn.append({**row, "row": f"{what}, England", "share": row["england_share"]})
    within = {
        name: sum(row["share"] or 0 for row in drawn if row["row"] == name and row["category"] in ("0_60", "61_120"))
        for name in ("Answered, here", "Answered, England")
    }
    title = f"{words.value(within['Answered, here'], 'percent')} of answered callers waited 2 minutes or less"
    if within["Answered, England"]:
        title += f"; England {words.value(within['Answered, England'], 'percent')}"
    return Drawing(
        title,
        "How long callers waited before they were answered, or before they gave up.",
        bars.split_bars(drawn),
        f"{title}. Bars cut into bands of waiting time, here and in England.",
        view.months_in_words + PUBLISHED,
    )


def _split(subject: str, category: str, what: str, subtitle: str) -> Callable[[Rows, View, Definitions], Drawing]:
    """Draw one subject's shares against England; `category` is the one the title speaks of."""

    def draw(rows: Rows, view: View, known: Definitions) -> Drawing:
        part = shares.labelled(rows, subject)
        title = findings.share_title(part, category, what)
        total = words.count(sum(row["amount"] or 0 for row in part))
        return Drawing(
            title,
            f"{subtitle} Upright mark: England.",
            bars.against_england(part, height=max(160, 44 + 34 * len(part)), name=view.organisation.name),
            f"{title}. Bars of shares, with England's marked.",
            f"{total} in all · {view.months_in_words}",
        )

    return draw


def _compare(noun: str) -> Callable[[Rows, View, Definitions], Drawing]:
    def draw(rows: Rows, view: View, known: Definitions) -> Drawing:
        definition = known[chosen_measure(view)]
        title, judged = findings.funnel_title(rows, noun), any(row["judgement"] for row in rows)
        size = (definition["denominator_label"] or "denominator") + ", summed over the months"
        return Drawing(
            title,
            f"{definition['title']} by {noun} over the period{', with 95% and 99.8% limits' if judged else ''}.",
            funnel(rows, definition["unit"], size, definition["aim"]),
            f"Funnel plot of {len(rows)} organisations. {title}.",
            f"{len(rows)} {noun if len(rows) == 1 else noun + 's'} · "
            f"{view.months_in_words}{source_of(chosen_measure(view))}",
            note=rows[0]["statement"],
        )

    return draw


def _comparison(name: str, kind: str) -> Chart:
    return Chart(
        name,
        lambda scope, view: measures.compared(scope, view, chosen_measure(view), kind),
        _compare("PCN" if kind == "pcn" else kind),
        (
            Column("name", "Name"),
            Column("organisation", "Code"),
            Column("value", "Value", "measure"),
            Column("numerator", "Counted", "count"),
            Column("denominator", "Out of", "count"),
            Column("lower_998", "Lower 99.8% limit", "measure"),
            Column("upper_998", "Upper 99.8% limit", "measure"),
            Column("judgement", "Against the limits"),
            Column("months", "Months", "count"),
        ),
        measures=lambda view: (chosen_measure(view),),
        meaning=f"{READING} It is a reason to ask, not a ranking.",
        empty="There is nothing to compare: no organisation of this kind has this measure in the period.",
        height=340,
    )


def _shares_chart(
    name: str, subject: str, category: str, what: str, subtitle: str, about: tuple[str, ...], height: int
) -> Chart:
    return Chart(
        name,
        lambda scope, view: breakdowns.shares(scope, view, subject),
        _split(subject, category, what, subtitle),
        SHARE_COLUMNS,
        measures=lambda view: about,
        height=height,
    )


DEMAND_TREND = trend("demand-trend")
OUTCOMES = Chart(
    "demand-outcomes",
    lambda scope, view: breakdowns.by_month(scope, view, "calls_outcome"),
    _outcomes,
    (Column("period_start", "Month", "month"), Column("category", "Outcome"), Column("amount", "Calls", "count")),
    measures=lambda view: ("calls_answered", "calls_missed", "calls_ended_in_ivr", "calls_callback_requested"),
    meaning="Outcomes as NHS England publishes them; on some telephone platforms a call can have two, so they need not "
    "add up to inbound calls exactly.",
)
BANDS = Chart(
    "demand-time-bands",
    lambda scope, view: breakdowns.shares(scope, view, "calls_time_band"),
    _time_bands,
    SHARE_COLUMNS,
    measures=lambda view: ("calls_monday_8_to_10",),
    meaning="Published bands: two hours each in the day, half an hour from 18:00, and longer at night.",
)
WAITS = Chart(
    "demand-waits",
    lambda scope, view: breakdowns.shares(scope, view, "calls_wait_answered", "calls_wait_missed"),
    _waits,
    (Column("subject", "Calls"), *SHARE_COLUMNS),
    measures=lambda view: ("calls_answered_within_120s",),
    meaning="Waiting starts when the caller joins the queue or the telephone first rings, not during the menu.",
    height=240,
)
PRACTICES = _comparison("demand-practices", "practice")
PCNS = _comparison("demand-pcns", "pcn")
STAFF = _shares_chart(
    "demand-appointments-staff", "appointments_staff_group", "gp", "of appointments were with a GP",
    "Appointments by staff group.", ("appointments_gp",), 180,
)  # fmt: skip
MODE = _shares_chart(
    "demand-appointments-mode", "appointments_mode", "face_to_face", "of appointments were face to face",
    "Appointments by how they were held.", ("appointments_face_to_face",), 220,
)  # fmt: skip
BOOKING = _shares_chart(
    "demand-appointments-booking-wait", "appointments_booking_wait", "same_day",
    "of appointments were on the day they were booked", "Appointments by days from booking to appointment.",
    ("appointments_same_day", "appointments_within_14_days"), 320,
)  # fmt: skip
STATUS = _shares_chart(
    "demand-appointments-status", "appointments_status", "dna", "of appointments were not attended",
    "Appointments by what became of them.", ("appointments_dna",), 180,
)  # fmt: skip
ONLINE_TREND = trend("demand-online-trend", "online_requests_per_1000")
ONLINE = _shares_chart(
    "demand-online-types", "online_type", "clinical", "of online requests were clinical", "Online requests by type.",
    ("online_requests_clinical",), 180,
)  # fmt: skip


def sources(scope: Scope, view: View) -> dict[str, str]:
    """Each measure of the page by the name under which it is shown: a practice's own logs where they have a value in
    the period, the published measure otherwise. Above a practice always the published one, which covers them all."""
    known = measures.definitions(scope)
    logged = tuple(LOGGED + name for name in TRENDS if LOGGED + name in known)
    if view.organisation.kind != "practice" or not logged:
        return {name: name for name in TRENDS if name in known}
    in_period = measures.latest(scope, view, logged)
    return {name: LOGGED + name if LOGGED + name in in_period else name for name in TRENDS if name in known}


def layout(scope: Scope, view: View) -> list[Component]:
    """Telephone, then the week from call logs, then appointments, then online."""
    known = measures.definitions(scope)
    shown = sources(scope, view)
    others = tuple(name for name in known if name.startswith(LOGGED) and name not in shown.values())
    published = tuple(name for name in TRENDS if name in known and name not in shown.values())
    latest = measures.latest(scope, view, (*shown.values(), *published, *others))
    judged = _judged(shown, latest)
    first = view.option("measure", shown.get(MEASURE, MEASURE))
    view = _week.measured_by_logs(view, first)
    title = findings.page_title([_found(known, latest, judged[n]) for n in TITLE if judged.get(n) in latest])
    names = dict.fromkeys(name for each in SENTENCES if each in shown for name in (shown[each], judged[each]))
    said = [_found(known, latest, name) for name in names if name in latest]
    offered = [
        *shown.values(),
        *(name for name in TRENDS if name in known),
        *(name for name in others if name in latest),
    ]
    options = [{"value": name, "label": known[name]["title"]} for name in dict.fromkeys(offered)]
    # to a PCN or practice other PCNs are not shown, and fewer than 8 cannot be anonymous
    first_panels = (DEMAND_TREND, PRACTICES, *((PCNS,) if scope.kind == "icb" else ()), OUTCOMES)
    return [
        *headline(title, f"Demand and capacity · {view.organisation.name} · {view.months_in_words}"),
        sentences([*(findings.series_sentence(*each) for each in said), *_said(scope, view, shown)]),
        html.Div(
            filter_select("measure", "Measure in trend and comparisons", options, first), className="page-filter"
        ),
        html.Div([slot(chart, view) for chart in first_panels], className="panels"),
        *_week.section(scope, view),
        html.H2("When people ring, and how long they wait", className="section"),
        html.Div([slot(BANDS, view), slot(WAITS, view)], className="panels"),
        html.H2("Appointments", className="section"),
        html.P("What is on the appointment book. It is not all the work, and is never added to calls."),
        html.Div(
            [
                html.Div([slot(BOOKING, view), slot(STATUS, view)], className="stack"),
                html.Div([slot(STAFF, view), slot(MODE, view)], className="stack"),
            ],
            className="panels",
        ),
        html.H2("Online requests", className="section"),
        html.Div([slot(ONLINE_TREND, view), slot(ONLINE, view)], className="panels"),
    ]  # fmt: skip


def _judged(shown: Mapping[str, str], latest: Mapping[str, Any]) -> dict[str, str]:
    """Each measure by the name under which it is judged: as shown, but as published where logs have too few months."""
    return {
        name: name if name in latest and used in latest and not findings.has_enough(latest[used]) else used
        for name, used in shown.items()
    }


def _found(known: Definitions, latest: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return known[name], latest[name]


def _said(scope: Scope, view: View, shown: Mapping[str, str]) -> list[findings.Sentence]:
    """The Monday's first hour and one more call handler, where they are logged, and where each figure is from."""
    logged = call_logs.logged(scope, view.organisation, view.first_month, view.last_month)
    mondays = call_logs.monday(scope, view)
    measured = any(name.startswith(LOGGED) for name in shown.values())
    about = week_findings.logs_sentence(logged, view.organisation.name, view.organisation.kind, measured)
    first_hour = week_findings.monday_sentence(mondays) if mondays else None
    one_more = week_findings.one_more(call_logs.open_hours(scope, view), view.organisation.kind)
    return [each for each in (first_hour, one_more, about) if each]


PAGE = Page(
    path="/demand", title="Demand and capacity", label="Demand and capacity", order=10, layout=layout,
    charts=(
        DEMAND_TREND, PRACTICES, PCNS, OUTCOMES, BANDS, WAITS, BOOKING, STAFF, STATUS, MODE, ONLINE_TREND, ONLINE,
        *_week.CHARTS,
    ),
)  # fmt: skip
