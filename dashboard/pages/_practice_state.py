"""The right side of a practice's page: where its requests go, its telephony, its training, and what has come in."""

from collections.abc import Mapping
from typing import Any

from dashboard import practice_findings as say
from dashboard import words
from dashboard.charts import practice as drawings
from dashboard.charts.navigation import DESTINATIONS
from dashboard.components.panel import table
from dashboard.page import Chart, Column, Definitions, Drawing, Rows
from dashboard.queries import practice
from dashboard.view import View

NAVIGATION = ("navigation_redirected", "navigation_not_recorded", "navigation_declined")
MOST_DESTINATIONS = 9
ITEMS = {
    "analogue": "On analogue lines",
    "signed_up": "Signed up",
    "contracted": "Contracted",
    "installed": "Installed",
    "live": "Live on digital telephony",
    "queue_position": "Callers hear their place in the queue",
    "call_back": "Call-back",
    "call_routing": "Routed by menu",
    "clinical_system_link": "Linked to the clinical system",
    "call_logs": "Call logs",
    "funded_offered": "Funded place offered",
    "funded_booked": "Funded place booked",
    "funded_completed": "Funded place completed",
    "cascaded_completed": "Colleagues trained by them",
}


def _destinations(rows: Rows, view: View, known: Definitions) -> Drawing:
    title = say.destinations_title(rows)
    shown = [row for row in rows if row["share"] is not None]
    drawn = [
        {"label": DESTINATIONS.get(row["destination"], words.category(row["destination"]).capitalize()),
         "share": row["share"], "is_elsewhere": say.is_elsewhere(row["destination"])}
        for row in shown[:MOST_DESTINATIONS]
    ]  # fmt: skip
    for label, elsewhere in (("All others, not a GP", True), ("All others, a GP", False)):
        rest = [row["share"] for row in shown[MOST_DESTINATIONS:] if say.is_elsewhere(row["destination"]) is elsewhere]
        drawn += [{"label": label, "share": sum(rest), "is_elsewhere": elsewhere}] if rest else []
    enough = sum(row["contacts"] for row in shown) >= rows[0]["minimum_base"]
    return Drawing(
        title,
        "Clinical and medication requests with a recorded destination. Stronger colour: elsewhere than to a GP.",
        drawings.destinations(drawn, height=60 + 24 * len(drawn)) if enough else None,
        f"Bars of shares. {title}.",
        f"{words.count(sum(row['contacts'] for row in rows))} requests",
    )


def _telephony(rows: Rows, view: View, known: Definitions) -> Drawing:
    states = [row["state"] for row in rows if row["kind"] == "capability"]
    lacking, ended = states.count("not_held"), states.count("ended")
    live = next(row for row in rows if row["item"] == "live")
    if live["state"] == "reached":
        title = f"Live on digital telephony since {words.day(live['since'])}"
        title += f"; {words.plural(lacking, 'capability', 'capabilities')} not yet" if lacking else ""
        title += f"; {words.plural(ended, 'capability', 'capabilities')} ended" if ended else ""
    else:
        title = "Not yet live on digital telephony"
    system = " · ".join(part for part in (live["supplier"], live["line_type"]) if part)
    # once live, the way there is history: it stays in the CSV
    shown = [row for row in rows if row["kind"] == "capability" or row is live or live["state"] != "reached"]
    body = [[ITEMS[row["item"]], _state(row)] for row in shown]
    return Drawing(
        title,
        f"Stage, and what the system can do{': ' + system if system else ''}",
        body=table(title, ["What", "Since"], body),
        coverage=f"tracker of {words.day(live['believed_on'])}",
    )


def _state(row: Mapping[str, Any]) -> str:
    if row["state"] in ("reached", "held"):
        return words.day(row["since"]) if row["since"] else "yes, date not given"
    if row["state"] == "planned":
        return f"planned for {words.day(row['planned'] or row['since'])}"
    return f"until {words.day(row['until'])}" if row["state"] == "ended" else "not yet"


def _training(rows: Rows, view: View, known: Definitions) -> Drawing:
    people = sum(row["people"] or 0 for row in rows if row["item"].endswith("completed"))
    title = f"{words.plural(int(people), 'person', 'people').capitalize()} trained in care navigation"
    last = max((place for place, row in enumerate(rows) if row["day"]), default=-1)
    body = [[ITEMS[row["item"]], _trained(row, place < last)] for place, row in enumerate(rows)]
    return Drawing(title, "The funded place, and those it was passed on to", body=table(title, ["What", ""], body))


def _trained(row: Mapping[str, Any], is_past: bool) -> str:
    if row["item"] == "cascaded_completed":
        return words.count(row["people"])
    return words.day(row["day"]) if row["day"] else "date not given" if is_past else "not yet"


def _complete(rows: Rows, view: View, known: Definitions) -> Drawing:
    short = [row for row in rows if row["missing"]]
    title = "Every month that was due is here" if not short else "Months are missing"
    if len(short) == 1:
        title = f"{words.FEEDS.get(short[0]['feed'], short[0]['feed'])}: {words.ranges(short[0]['missing'])} missing"
    body = [
        [words.FEEDS.get(row["feed"], row["feed"]), f"{row['months']} of {row['expected']}",
         words.ranges(row["missing"] or ()) or "none"]
        for row in rows
    ]  # fmt: skip
    headings = ["Source", "Months received", "Missing"]
    return Drawing(title, "What has been received", body=table(title, headings, body, {1}))


WHERE = Chart(
    "practice-destinations",
    practice.destinations,
    _destinations,
    (
        Column("destination", "Destination"),
        Column("contacts", "Requests", "count"),
        Column("share", "Share", "percent"),
        Column("declined", "Declined to go elsewhere first", "count"),
    ),
    measures=lambda view: NAVIGATION,
    empty="No data: no care navigation outcomes name this practice in the period.",
    height=260,
)
TELEPHONY = Chart(
    "practice-telephony",
    practice.telephony,
    _telephony,
    (
        Column("kind", "Kind"),
        Column("item", "What"),
        Column("state", "State"),
        Column("since", "Since", "day"),
        Column("planned", "Planned", "day"),
        Column("until", "Until", "day"),
        Column("supplier", "Supplier"),
        Column("line_type", "Lines"),
        Column("believed_on", "Tracker of", "day"),
    ),
    meaning="As the ICB's newest rollout tracker has it. A planned date reaches no stage.",
    empty="No data: no rollout tracker names this practice.",
    height=0,
)
TRAINING = Chart(
    "practice-training",
    practice.training,
    _training,
    (Column("item", "What"), Column("day", "Date", "day"), Column("people", "People", "count")),
    measures=lambda view: ("navigators_trained_practices",),
    empty="No data: no training return names this practice.",
    height=0,
)
COMPLETE = Chart(
    "practice-data",
    practice.received,
    _complete,
    (
        Column("feed", "Source"),
        Column("months", "Months with data", "count"),
        Column("expected", "Months published", "count"),
        Column("missing", "Months missing", "months"),
    ),
    meaning="A month counts as published when any practice has data from that source for it. Call logs are expected "
    "from the practice's first.",
    empty="No data has been loaded for this practice.",
    height=0,
)

CHARTS = (WHERE, TELEPHONY, TRAINING, COMPLETE)
