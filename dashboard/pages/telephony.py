"""`/telephony`: who is live, who is late against March 2024, what can their system do, did it help?"""

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import page, words
from dashboard.access.scope import Scope
from dashboard.charts import rollout
from dashboard.charts.rollout import NO_STAGE, STAGE_WORDS
from dashboard.components.board import board
from dashboard.components.panel import Marked, slot, table
from dashboard.components.sentences import headline, sentences
from dashboard.components.shell import filter_day, filter_select
from dashboard.findings_rollout import NO_TRACKER, OWN_WORDS, as_told, of, opening, said, title, untold
from dashboard.page import Chart, Column, Definitions, Drawing, Page, Rows
from dashboard.pages._telephony_before_after import CHARTS as BEFORE_AFTER
from dashboard.pages._telephony_before_after import before_and_after
from dashboard.pages._telephony_delivery import MONEY, SLIPPAGE, SUPPLIERS
from dashboard.pages._telephony_impact import IMPACT
from dashboard.queries import organisations, telephony
from dashboard.view import View

BELOW = {"marginTop": "16px"}
CAPABILITY_WORDS = {
    "queue_position": "Place in the queue",
    "call_back": "Call-back",
    "call_routing": "Routing",
    "clinical_system_link": "Clinical system link",
    "call_logs": "Call logs",
}


def _burn_up_query(scope: Scope, view: View) -> Rows:
    """The rows of the burn-up; with them, in columns that the table leaves out, what is drawn around them."""
    rows = telephony.burn_up(scope, view)
    around = {
        "marks": [
            (row["day"], row["kind"]) for row in telephony.dates(scope) if row["kind"] in ("target", "switch_off")
        ],
        "forecast": telephony.forecast(scope, view),
        "moment": telephony.moment(scope, view),
    }
    return [{**row, **around} for row in rows]


def _burn_up(rows: Rows, view: View, known: Definitions) -> Drawing:
    now = [row for row in rows if row["open"] is not None][-1]
    found = now["forecast"]
    marks = [(day, ("target " if kind == "target" else "off ") + words.month(day, True)) for day, kind in now["marks"]]
    finish = None if found is None or found.refusal else (found.earliest, found.likely, found.latest)
    due = next((day for day, kind in now["marks"] if kind == "target"), None)
    past = [row for row in rows if row["open"] is not None and due is not None and row["day"] <= due]
    finding = f"{opening(of(now['live'], now['open']))} live on {words.day(now['day'])}"
    if past and due is not None and now["day"] > due:
        finding += f"; {past[-1]['live'] or 'none'} of {past[-1]['open']} on {words.day(past[-1]['day'])}"
    return Drawing(
        finding,
        "Practices at or beyond each stage. Upright: the target, and the days on which analogue lines go off. The plan "
        f"is that of the tracker of {words.day(now['moment'].planned)}.",
        rollout.burn_up(rows, marks, finish),
        f"{finding}. Lines of practices signed up, contracted, installed and live, month by month. "
        + (found.sentence if found else ""),
        as_told(now["moment"]),
    )


BURN_UP = Chart(
    "telephony-burn-up",
    _burn_up_query,
    _burn_up,
    (
        Column("day", "Day", "day"),
        Column("open", "Practices open", "count"),
        *(Column(stage, STAGE_WORDS[stage], "count") for stage in telephony.STAGES[1:]),
        Column("plan", "Planned live by then", "count"),
    ),
    measures=lambda view: ("telephony_live", "telephony_live_by_target"),
    meaning=OWN_WORDS
    + "The forecast draws the weeks behind us again at random, a thousand times, in some runs at a pace that holds and "
    "in others at one that slows as fewer are left: the middle run is the diamond, 9 in 10 runs end inside the bar. It "
    "knows nothing of plans. Tried on invented rollouts of four shapes, 8 to 9 in 10 ended inside.",
    empty=NO_TRACKER,
    height=360,
)


def _analogue_query(scope: Scope, view: View) -> Rows:
    """Month by month how many are on analogue lines; with it the days on which lines are withdrawn."""
    marks = [row["day"] for row in telephony.dates(scope) if row["kind"] == "switch_off"]
    rows = [row for row in telephony.burn_up(scope, view) if row["open"] is not None]
    return [{**row, "marks": marks} for row in rows]


def _analogue(rows: Rows, view: View, known: Definitions) -> Drawing:
    now, marks = rows[-1], rows[-1]["marks"]
    then = [
        f"{row['on_analogue'] or 'none'} of {row['open']} on {words.day(row['day'])}"
        for day in marks
        for row in [each for each in rows if each["day"] <= day][-1:]
        if day <= now["day"]
    ]
    finding = "; ".join([f"{opening(of(now['on_analogue'], now['open']))} on analogue lines", *then])
    return Drawing(
        finding,
        "Practices not live whose lines are PSTN or ISDN, month by month. Dashed: when they are withdrawn.",
        rollout.analogue(rows, [(day, words.month(day, True)) for day in marks]),
        f"{finding}. A falling line; analogue lines are withdrawn on {' and '.join(words.day(day) for day in marks)}.",
        words.day(now["day"]),
    )


ANALOGUE = Chart(
    "telephony-analogue",
    _analogue_query,
    _analogue,
    (
        Column("day", "Day", "day"),
        Column("open", "Practices open", "count"),
        Column("on_analogue", "On analogue lines", "count"),
    ),
    measures=lambda view: ("telephony_analogue",),
    meaning=OWN_WORDS + "A practice whose tracker names no line type is not counted; on-premise VoIP is not analogue. "
    "The first date for withdrawing analogue lines was moved: both are settings of the ICB.",
    empty=NO_TRACKER,
    height=260,
)


def _areas(rows: Rows, view: View, known: Definitions) -> Drawing:
    pcns = [row for row in rows if row["level"] == "pcn"]
    done = sum(row["live"] == row["open"] for row in pcns)
    found = f"Every practice is live in {of(done, len(pcns), 'PCN')}" if done else "No PCN has all its practices live"
    return Drawing(
        found if len(pcns) > 1 else "Where its practices stand",
        "Practices by the furthest stage reached, and against the target. Patients only where every list is known.",
        coverage=opening(f"{of(rows[0]['open'] - rows[0]['not_in_tracker'], rows[0]['open'])} in the tracker"),
        body=html.Div(_area_table(rows, view), className="stages areas"),
    )


def _area_table(rows: Rows, view: View) -> Component:
    """A row an area, which leads to the same page for it."""
    headings = ["Area", "Open", *(STAGE_WORDS[stage] for stage in telephony.STAGES)]
    headings += ["Live by target", "Late", "Days late, middle", "On analogue lines", "Patients live"]
    body = [
        [
            dcc.Link(row["name"], href="/telephony" + view.search(organisation=row["organisation"])),
            words.count(row["open"]),
            *(words.count(row[f"at_{stage}"]) for stage in telephony.STAGES),
            words.count(row["live_by_target"]),
            words.count(row["late"]),
            words.count(row["days_late"]) if row["late"] else "–",
            words.count(row["on_analogue"]),
            words.value(row["patients_live"] / row["patients"], "percent")
            if row["patients"]
            else ("not shown" if row["is_above"] else words.MISSING),
        ]
        for row in rows
    ]
    return table("Where practices stand, area by area", headings, body, set(range(1, len(headings))))


AREAS = Chart(
    "telephony-areas",
    telephony.areas,
    _areas,
    (
        Column("name", "Area"),
        Column("organisation", "Code"),
        Column("open", "Open", "count"),
        *(Column(f"at_{stage}", STAGE_WORDS[stage], "count") for stage in telephony.STAGES),
        Column("not_in_tracker", "Not in tracker", "count"),
        Column("live_by_target", "Live by target", "count"),
        Column("late", "Late", "count"),
        Column("days_late", "Days late, middle", "count"),
        Column("on_analogue", "On analogue lines", "count"),
        Column("patients", "Patients", "count"),
        *(
            Column(f"patients_{stage}", f"Patients, {STAGE_WORDS[stage].lower()} or beyond", "count")
            for stage in telephony.STAGES[1:-1]
        ),
        Column("patients_live", "Patients, live", "count"),
    ),
    measures=lambda view: ("telephony_live", "telephony_live_by_target", "telephony_late", "telephony_patients_live"),
    meaning=OWN_WORDS + "Practices count where they belonged on the day told. A practice or PCN is not told of its "
    "ICB's patients: from one day to the next they would grow by a list size, which names who went live.",
    empty=NO_TRACKER,
    height=0,
)


def _board_title(rows: Rows) -> str:
    waiting = [row for row in rows if row["is_tracked"] and row["stage"] != "live"]
    if not waiting:
        return "Every practice in the tracker is live"
    stages = {stage: sum(row["stage"] == stage for row in waiting) for stage in (*telephony.STAGES, None)}
    named = {STAGE_WORDS.get(stage or "", NO_STAGE).lower(): count for stage, count in stages.items() if count}
    told = ", ".join(f"{count} {stage}" if len(named) > 1 else stage for stage, count in named.items())
    return f"{words.plural(len(waiting), 'practice').capitalize()} not yet live: {told}"


def _tiles(rows: Rows, view: View, known: Definitions) -> Drawing:
    missing = sum(not row["is_tracked"] for row in rows)
    title = _board_title(rows)
    return Drawing(
        title,
        "A tile a practice, a row a PCN, coloured and lettered by the furthest stage reached.",
        rollout.tiles(rows),
        f"{title}. Tiles of {len(rows)} practices by PCN.",
        opening(f"{of(len(rows) - missing, len(rows))} in the tracker"),
    )


BOARD = Chart(
    "telephony-board",
    telephony.practices,
    _tiles,
    (
        Column("name", "Practice", practice="practice"),
        Column("practice", "Code"),
        Column("pcn_name", "PCN"),
        Column("stage", "Stage"),
        Column("since", "Since", "day"),
        Column("days_here", "Days at this stage", "count"),
        Column("line_type", "Lines"),
        Column("supplier", "Supplier"),
        *(Column(stage, f"{STAGE_WORDS[stage]} on", "day") for stage in telephony.STAGES),
        Column("planned_live", "Planned live", "day"),
        Column("days_late", "Days late", "count"),
        Column("slippage", "Actual less planned, days", "count"),
    ),
    measures=lambda view: ("telephony_live", "telephony_analogue"),
    meaning=OWN_WORDS
    + "The stage is the furthest that an actual date has reached; a planned date reaches none. Late: live "
    "after the target date, or not live and past it; days late are counted to go-live, or to the day told.",
    empty=NO_TRACKER,
    height=140,
)


def _capabilities(rows: Rows, view: View, known: Definitions) -> Drawing:
    counts = {each: sum(row[each] is not None for row in rows) for each in telephony.CAPABILITIES}
    least = min(counts, key=lambda each: counts[each])
    if len(rows) == 1:
        title, told = f"Its system has {of(rows[0]['has'], len(counts), 'capability', 'capabilities')}", ""
    else:
        title = f"The rarest is {CAPABILITY_WORDS[least].lower()}: at {of(counts[least], len(rows))}"
        told = "; ".join(f"{CAPABILITY_WORDS[each].lower()} {count or 'none'}" for each, count in counts.items())
        told = f" Live: {sum(row['stage'] == 'live' for row in rows) or 'none'}; {told}."
    subtitle = f"Since when each practice's system has what; a dash: it has not.{told}"
    return Drawing(title, subtitle, coverage="As the newest file has it", body=_grid(rows, view))


def _grid(rows: Rows, view: View) -> Component:
    """A row a practice, a column a capability: since which month it has it."""
    search = view.search(organisation=None)
    body = [
        [
            dcc.Link(row["name"] or row["practice"], href=f"/practice/{row['practice']}{search}"),
            row["pcn_name"] or "No PCN",
            *(
                Marked(words.month(row[each], True), "has") if row[each] else Marked("–", "has-not")
                for each in telephony.CAPABILITIES
            ),
        ]
        for row in rows
    ]
    headings = ["Practice", "PCN", *CAPABILITY_WORDS.values()]
    return html.Div(table("Since when each practice's system has each capability", headings, body), className="stages")


CAPABILITIES = Chart(
    "telephony-capabilities",
    telephony.capabilities,
    _capabilities,
    (
        Column("name", "Practice", practice="practice"),
        Column("practice", "Code"),
        Column("pcn_name", "PCN"),
        *(Column(each, name, "day") for each, name in CAPABILITY_WORDS.items()),
        Column("has", "How many", "count"),
    ),
    measures=lambda view: tuple(f"telephony_{each}" for each in telephony.CAPABILITIES),
    meaning=OWN_WORDS + "Live says that calls run over digital lines; a capability says what callers and staff gain.",
    empty="No capability is known by this day. The template rollout_capability.csv is on the Data page.",
    height=0,
)


ALL = (BURN_UP, BOARD, ANALOGUE, AREAS, CAPABILITIES, SLIPPAGE, SUPPLIERS, MONEY, IMPACT, *BEFORE_AFTER)


def layout(scope: Scope, view: View) -> list[Component]:
    """Sentences; burn-up and tiles; the board by PCN; capabilities; slippage, suppliers, money; did it help."""
    found = telephony.counts(scope, view)
    at = found["moment"]
    if at is None or not found["open"]:
        return _nothing(scope, view, at)
    rows, due = telephony.practices(scope, view), telephony.target(scope)
    forecast = telephony.forecast(scope, view) if found["live"] < found["open"] else None
    is_only = found["open"] == 1 and view.organisation.kind != "practice"
    where = view.organisation.name + "".join(f", one practice: {row['name']}" for row in rows if is_only)
    burn_up, turnover = telephony.burn_up(scope, view), telephony.turnover(scope, view)
    are_named = len(rows) == found["open"]
    return [
        *headline(title(found, rows, due), f"Digital telephony · {where} · {as_told(at)}"),
        sentences(said(found, rows, telephony.dates(scope), burn_up, forecast, turnover)),
        _choices(scope, at),
        *(_overview(scope, view, are_named) if found["open"] > 1 else []),
        *(_by_practice(scope, view, rows) if are_named else _elsewhere(scope, view)),
        html.H2("Did it help?", className="section"),
        html.Div([slot(IMPACT, view, wide=True)], className="panels"),
    ]


def _nothing(scope: Scope, view: View, at: telephony.Moment | None) -> list[Component]:
    """Why there is nothing to be told, and what to choose instead."""
    if at is None:
        return headline("Digital telephony", NO_TRACKER)
    closed = view.organisation.closed
    if not at.is_told:
        about = untold(at)
    elif organisations.is_above(scope, view.organisation):
        about = "The rollout tracker names too few practices here to tell of all without telling of one."
    elif closed is not None and closed < at.day:
        about = f"{view.organisation.name} closed on {words.day(closed)}. Choose an earlier day."
    else:
        about = (
            f"No practice of {view.organisation.name} was open on {words.day(at.day)}, or the ICB's rollout does not "
        )
        about += "include it."
    newest = dcc.Link("Show the newest figures", href="/telephony" + view.search(on=None, believed=None, ending=None))
    return [
        *headline("Digital telephony", about),
        _choices(scope, at),
        *[html.P(newest, style=BELOW)] * (not at.is_told),
    ]


def _overview(scope: Scope, view: View, are_named: bool) -> list[Component]:
    """What only several practices have: a burn-up, tiles or a map of them, how far dates slipped, area by area."""
    to_map = [html.P(html.A("On a map", href="/telephony/map" + view.search()))] if telephony.has_map(scope) else []
    if are_named:
        stacks = [[slot(BURN_UP, view), slot(ANALOGUE, view)], [slot(BOARD, view), *to_map, slot(SLIPPAGE, view)]]
    else:
        stacks = [[slot(BURN_UP, view)], [slot(ANALOGUE, view), *to_map]]
    return [
        html.Div([html.Div(stack, className="stack") for stack in stacks], className="panels"),
        html.Div([slot(AREAS, view, wide=True)], className="panels"),
    ]


def _by_practice(scope: Scope, view: View, rows: Rows) -> list[Component]:
    """What names practices: the board, capabilities, suppliers, money, a practice's before and after."""
    are_several = len(rows) > 1
    on_suppliers = [slot(SUPPLIERS, view, wide=True)] if scope.kind == "icb" and are_several else []
    return [
        board(rows, lambda code: practice_address(code, view), f"/csv/{BOARD.name}{view.search()}"),
        html.H2("What their systems can do" if are_several else "What its system can do", className="section"),
        html.Div([slot(CAPABILITIES, view, wide=True)], className="panels"),
        html.H2("Suppliers and money" if on_suppliers else "Money", className="section"),
        html.Div([*on_suppliers, slot(MONEY, view, wide=True)], className="panels"),
        *before_and_after(scope, view),
    ]


def _elsewhere(scope: Scope, view: View) -> list[Component]:
    """Where those practices are that may be named; a part of them would be taken for all."""
    own = organisations.home(scope)
    link = dcc.Link(own.name, href="/telephony" + view.search(organisation=own.code))
    return [html.P(["You see this area as a whole; practice by practice you see ", link, "."], style=BELOW)]


def _choices(scope: Scope, at: telephony.Moment) -> Component:
    believed = [
        {"value": day.isoformat(), "label": f"{words.day(day)}{' (newest)' if day == at.newest else ''}"}
        for day in telephony.beliefs(scope)
    ]
    day = at.day if at.is_told else None
    latest = at.last if at.believed == at.newest else min(at.believed, at.last)
    return html.Div(
        [
            filter_day("on", "Position on", day, at.first, latest),
            filter_select("believed", "As believed on", believed, at.believed.isoformat()),
        ],
        className="page-filter",
        style={"display": "flex", "flexWrap": "wrap", "gap": "12px"},
    )


def practice_address(code: str, view: View) -> str:
    """Where a practice is shown: its own page where there is one, else this page for it alone."""
    if any(each.path == "/practice/<ods>" for each in page.pages().values()):
        return f"/practice/{code}{view.search(organisation=None)}"
    return "/telephony" + view.search(organisation=code)


PAGE = Page(
    path="/telephony", title="Digital telephony", label="Digital telephony", order=20, layout=layout, charts=ALL
)
