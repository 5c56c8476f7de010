"""`/telephony`: who is live, who is late against March 2024, what can their system do, did it help?"""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard import page, words
from dashboard.access.scope import Scope
from dashboard.charts import rollout
from dashboard.charts.rollout import STAGE_WORDS
from dashboard.components.board import board
from dashboard.components.panel import slot
from dashboard.components.sentences import headline, sentences
from dashboard.components.shell import filter_select
from dashboard.findings_rollout import as_told, long, said, title
from dashboard.page import Chart, Column, Definitions, Drawing, Page, Rows
from dashboard.queries import telephony
from dashboard.view import View

CAPABILITY_WORDS = {
    "queue_position": "Place in the queue",
    "call_back": "Call-back",
    "call_routing": "Routing",
    "clinical_system_link": "Clinical system link",
    "call_logs": "Call logs",
}
NO_TRACKER = (
    "No rollout tracker has been loaded. Put it in the inbox: a CSV like the template rollout.csv, or the ICB's own "
    "workbook."
)
OWN_WORDS = "As the ICB's own tracker has it; what it does not say is not guessed. "


def _burn_up_query(scope: Scope, view: View) -> Rows:
    """The rows of the burn-up; with them, in columns that the table leaves out, what is drawn around them."""
    rows = telephony.burn_up(scope, view)
    around = {
        "marks": [(row["day"], row["kind"]) for row in telephony.dates(scope) if row["kind"] != "national"],
        "forecast": telephony.forecast(scope, view),
        "moment": telephony.moment(scope, view),
    }
    return [{**row, **around} for row in rows]


def _burn_up(rows: Rows, view: View, known: Definitions) -> Drawing:
    now = [row for row in rows if row["open"] is not None][-1]
    found = now["forecast"]
    marks = [
        (day, ("target " if kind == "target" else "switch-off ") + words.month(day, True)) for day, kind in now["marks"]
    ]
    finish = None if found is None or found.refusal else (found.earliest, found.likely, found.latest)
    due = next((day for day, kind in now["marks"] if kind == "target"), None)
    past = [row for row in rows if row["open"] is not None and due is not None and row["day"] <= due]
    finding = f"{now['live']} of {now['open']} practices live on {words.day(now['day'])}"
    if past and due is not None and now["day"] > due:
        finding += f"; {past[-1]['live']} of {past[-1]['open']} on {words.day(due)}"
    return Drawing(
        finding,
        "Practices at or beyond each stage. Upright: the target, and the withdrawal of analogue lines. Dashed: plan.",
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
    + "The forecast draws the weeks behind us again at random, two thousand times: the middle run is the "
    "diamond, 9 in 10 runs end inside the bar. It knows nothing of plans.",
    empty=NO_TRACKER,
    height=360,
)


def _board_title(rows: Rows) -> str:
    waiting = [row for row in rows if row["is_tracked"] and row["stage"] != "live"]
    if not waiting:
        return "Every practice in the tracker is live"
    stages = {stage: sum(row["stage"] == stage for row in waiting) for stage in telephony.STAGES}
    named = [f"{count} at {STAGE_WORDS[stage].lower()}" for stage, count in stages.items() if count]
    return f"{words.plural(len(waiting), 'practice').capitalize()} not yet live" + (
        f": {', '.join(named)}" if named else ""
    )


def _tiles(rows: Rows, view: View, known: Definitions) -> Drawing:
    missing = sum(not row["is_tracked"] for row in rows)
    title = _board_title(rows)
    return Drawing(
        title,
        "A tile a practice, a row a PCN, coloured and lettered by the furthest stage reached.",
        rollout.tiles(rows),
        f"{title}. Tiles of {len(rows)} practices by PCN.",
        f"{len(rows) - missing} of {words.plural(len(rows), 'practice')} in the tracker",
    )


BOARD = Chart(
    "telephony-board",
    telephony.practices,
    _tiles,
    (
        Column("name", "Practice"),
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
)


def _capabilities(rows: Rows, view: View, known: Definitions) -> Drawing:
    counts = {each: sum(row[each] is not None for row in rows) for each in telephony.CAPABILITIES}
    least = min(counts, key=lambda each: counts[each])
    live = sum(row["stage"] == "live" for row in rows)
    return Drawing(
        f"{CAPABILITY_WORDS[least]} is the rarest: {counts[least]} of {words.plural(len(rows), 'practice')} have it",
        f"Since when each practice's system has what; empty: it has not. {live} are live. "
        + "; ".join(f"{CAPABILITY_WORDS[each].lower()} {count}" for each, count in counts.items())
        + ".",
        coverage="as believed now",
    )


CAPABILITIES = Chart(
    "telephony-capabilities",
    telephony.capabilities,
    _capabilities,
    (
        Column("name", "Practice"),
        Column("practice", "Code"),
        Column("pcn_name", "PCN"),
        *(Column(each, name, "day") for each, name in CAPABILITY_WORDS.items()),
        Column("has", "How many", "count"),
    ),
    measures=lambda view: tuple(f"telephony_{each}" for each in telephony.CAPABILITIES),
    meaning=OWN_WORDS + "Live says that calls run over digital lines; a capability says what callers and staff gain.",
    empty="No capabilities have been loaded: see the template rollout_capability.csv.",
)


def _slippage(rows: Rows, view: View, known: Definitions) -> Drawing:
    moved = [row for row in rows if row["slipped"] > 0]
    middle = sorted(row["slipped"] for row in moved)[len(moved) // 2] if moved else 0
    title = (
        f"Go-live slipped at {len(moved)} of {words.plural(len(rows), 'practice')}, by {long(middle)} in the middle"
        if moved
        else "No practice's go-live slipped"
    )
    return Drawing(
        title,
        "Days from the first planned go-live, as the earliest snapshot had it, to the actual or newest planned one.",
        rollout.slipped(rows),
        f"{title}. A bar a practice, most first.",
        f"{words.plural(len(rows), 'practice')} with a planned date",
    )


SLIPPAGE = Chart(
    "telephony-slippage",
    telephony.slippage,
    _slippage,
    (
        Column("name", "Practice"),
        Column("practice", "Code"),
        Column("pcn_name", "PCN"),
        Column("first_planned", "First planned", "day"),
        Column("first_believed", "Believed on", "day"),
        Column("moves", "Times moved", "count"),
        Column("planned_live", "Planned now", "day"),
        Column("live_on", "Live on", "day"),
        Column("slippage", "Actual less planned, days", "count"),
        Column("slipped", "Since first planned, days", "count"),
    ),
    meaning=OWN_WORDS + "Each load of the tracker is kept, so what was planned at the time can still be seen.",
    empty="No snapshot of the tracker has a planned go-live.",
)


def _suppliers(rows: Rows, view: View, known: Definitions) -> Drawing:
    waiting = [row for row in rows if row["waiting"]]
    title = (
        "Practices still waiting: " + ", ".join(f"{row['supplier']} {row['waiting']}" for row in waiting)
        if waiting
        else "No supplier has a practice still waiting"
    )
    return Drawing(
        title, "Open practices by supplier of the stage they are at; days from contract to live, the middle one."
    )


SUPPLIERS = Chart(
    "telephony-suppliers",
    telephony.suppliers,
    _suppliers,
    (
        Column("supplier", "Supplier"),
        Column("practices", "Practices", "count"),
        Column("patients", "Patients", "count"),
        Column("live", "Live", "count"),
        Column("waiting", "Waiting", "count"),
        Column("late", "Late", "count"),
        Column("days", "Days, contract to live", "count"),
    ),
    meaning=OWN_WORDS + "Suppliers took on different practices at different times: this is not a ranking.",
    empty="Suppliers are shown to the ICB's own team, from its rollout tracker.",
)


def _money(rows: Rows, view: View, known: Definitions) -> Drawing:
    awarded, paid = (sum(row[name] or 0 for row in rows) for name in ("awarded", "paid"))
    practices = len({row["practice"] for row in rows})
    undated = sum(row["date"] is None for row in rows)
    return Drawing(
        f"£{paid:,.0f} paid of £{awarded:,.0f} awarded",
        f"By practice and item, dated on or before the day told: £{awarded / practices:,.0f} awarded and "
        f"£{paid / practices:,.0f} paid per practice, over {words.plural(practices, 'practice')}. Pounds.",
        coverage=f"{words.plural(undated, 'item')} without a date" if undated else "",
    )


MONEY = Chart(
    "telephony-money",
    telephony.money,
    _money,
    (
        Column("name", "Practice"),
        Column("practice", "Code"),
        Column("item", "Item"),
        Column("awarded", "Awarded", "count"),
        Column("paid", "Paid", "count"),
        Column("unpaid", "Not yet paid", "count"),
        Column("date", "Date", "day"),
    ),
    measures=lambda view: ("telephony_funding_awarded", "telephony_funding_paid"),
    meaning="Out of the ICB's share of the £240 million for the move to digital telephony. Closed practices count.",
    empty="No funding has been loaded: see the template rollout_funding.csv.",
)


def _impact(rows: Rows, view: View, known: Definitions) -> Drawing:
    told = [row for row in rows if row["refusal"] is None]
    sure = [row for row in told if not row["lower"] <= 0 <= row["upper"] and not row["placebo_differs"]]
    if not told:
        title = "Did it help? The data cannot say yet"
    elif sure:
        changed = ", ".join(f"{_lower(row['title'])} {_change(row)}" for row in sure)
        title = f"It helped to change: {changed}"
    else:
        title = "Did it help? No change can be told from chance"
    return Drawing(
        title, "What changed at practices that went live, against practices not yet live in the same months."
    )


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _change(row: dict[str, Any]) -> str:
    size = row["estimate"] * (100 if row["unit"] == "percent" else 1)
    return f"{size:+.1f}{' points' if row['unit'] == 'percent' else ''}".replace("-", "−")


IMPACT = Chart(
    "telephony-impact",
    telephony.impact,
    _impact,
    (
        Column("title", "Measure"),
        Column("sentence", "Answer"),
        Column("estimate", "Change", "measure"),
        Column("lower", "Lower", "measure"),
        Column("upper", "Upper", "measure"),
        Column("practices", "Went live", "count"),
        Column("controls", "Compared with", "count"),
        Column("placebo", "Placebo check"),
    ),
    measures=lambda view: ("calls_answered",),
    meaning="Staggered difference in differences: each practice's mean of the months after going live less the months "
    "before, less the same at practices not yet live in those months. The month of going live is left out. "
    "Placebo: the same sum with a made-up date before the real one, which should find nothing.",
    empty="No practice in the tracker has figures of its calls, so nothing can be compared.",
)

ALL = (BURN_UP, BOARD, CAPABILITIES, SLIPPAGE, SUPPLIERS, MONEY, IMPACT)


def layout(scope: Scope, view: View) -> list[Component]:
    """Sentences; burn-up and tiles; the board by PCN; capabilities; slippage, suppliers, money; did it help."""
    found = telephony.counts(scope, view)
    at = found["moment"]
    if at is None or not found["open"]:
        about = (
            NO_TRACKER
            if at is None
            else "The rollout tracker is not about this organisation. Choose the ICB or a part of it."
        )
        return [*headline("Digital telephony", about), *([_choices(scope, at)] if at else [])]
    rows, due = telephony.practices(scope, view), telephony.target(scope)
    forecast = telephony.forecast(scope, view) if found["live"] < found["open"] else None
    on_suppliers = [slot(SUPPLIERS, view)] if scope.kind == "icb" else []
    return [
        *headline(title(found, rows, due), f"Digital telephony · {view.organisation.name} · {as_told(at)}"),
        sentences(said(found, rows, telephony.dates(scope), telephony.burn_up(scope, view), forecast)),
        _choices(scope, at),
        *([html.P(html.A("On a map", href="/telephony/map" + view.search()))] if telephony.has_map(scope) else []),
        html.Div([slot(BURN_UP, view), slot(BOARD, view)], className="panels"),
        board(rows, lambda code: practice_address(code, view), f"/csv/{BOARD.name}{view.search()}"),
        html.H2("What their systems can do", className="section"),
        html.Div([slot(CAPABILITIES, view, wide=True)], className="panels"),
        html.H2("Dates, suppliers, money", className="section"),
        html.Div([slot(SLIPPAGE, view), *on_suppliers, slot(MONEY, view, wide=True)], className="panels"),
        html.H2("Did it help?", className="section"),
        html.Div([slot(IMPACT, view, wide=True)], className="panels"),
    ]  # fmt: skip


def _choices(scope: Scope, at: telephony.Moment) -> Component:
    believed = [
        {"value": day.isoformat(), "label": f"{words.day(day)}{' (newest)' if day == at.newest else ''}"}
        for day in telephony.beliefs(scope)
    ]
    told = [
        {"value": month.isoformat(), "label": words.day(min(day, at.believed) if at.believed < at.newest else day)}
        for month, day in telephony.months(scope)
        if at.believed == at.newest or month <= at.believed
    ]
    return html.Div(
        [
            filter_select("on", "Position on", told, at.month.isoformat()),
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
