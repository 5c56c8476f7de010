"""One practice: its Monday mornings, telephone system, destinations of requests, training, and how it compares.

A table without a row for the practice answers with no rows: no data.
"""

from typing import Any

from dashboard.access.scope import Scope
from dashboard.page import Rows
from dashboard.queries import breakdowns, call_logs, data, measures, organisations, peers
from dashboard.queries.navigation import CLINICAL
from dashboard.queries.source import generation, minimum_base, reader, remembered
from dashboard.queries.telephony import CAPABILITIES, STAGES
from dashboard.view import View
from etl import london

LOGS = "call logs"
PUBLISHED = "published telephony"


def exists(scope: Scope, code: str) -> bool:
    """Whether this is a practice that the scope may see by name."""
    if generation() is None:
        return False
    try:
        return organisations.find(scope, code).kind == "practice"
    except organisations.NoSuchOrganisation:
        return False


def facts(scope: Scope, code: str) -> dict[str, Any]:
    """The practice's row of `organisation`, and the name of its PCN as `pcn` (None where it has none)."""
    practice = organisations.find(scope, code)
    known = organisations.directory().organisations
    pcn = next((known[parent].name for parent in practice.parents if known[parent].kind == "pcn"), None)
    rows = reader().records("SELECT * FROM organisation WHERE code = :code AND kind = 'practice'", code=practice.code)
    return {**rows[0], "pcn": pcn}


def monday(scope: Scope, view: View) -> Rows:
    """An ordinary Monday by the half-hour, from call logs; else a month by time band, as published.

    From logs: source, label (`08:00`), calls, answered, missed, other (averages over the ordinary Mondays of the view
    with logs), mondays (how many), left_out (how many bank holidays). As published: source, label (the band), calls
    (sum), share, england_share.
    """
    return _logged_monday(scope, view) or [
        {
            **dict.fromkeys(("answered", "missed", "other", "mondays", "left_out")),
            "source": PUBLISHED,
            "label": row["category"],
            "calls": row["amount"],
            "share": row["share"],
            "england_share": row["england_share"],
        }
        for row in breakdowns.shares(scope, view, "calls_time_band")
    ]


def _logged_monday(scope: Scope, view: View) -> Rows:
    """The Mondays of `call_logs.week` in the core hours: one definition of an ordinary Monday for every page."""
    rows = [row for row in call_logs.week(scope, view) if row["weekday"] == 1 and row["half_hour"] in call_logs.OPEN]
    found = call_logs.logged(scope, view.organisation, view.first_month, view.last_month)
    return [
        {
            **{name: row[name] for name in ("label", "calls", "answered", "missed", "other")},
            "source": LOGS,
            "share": None,
            "england_share": None,
            "mondays": row["days"],
            "left_out": found["holidays"],
        }
        for row in rows
    ]


def received(scope: Scope, view: View) -> Rows:
    """What has been received for the practice: feed, months (with data), expected, missing (list of months).

    Rows of `queries.data.coverage`; and of call logs, from the practice's first in the view to the newest of anyone.
    """
    (code,) = organisations.permit(scope, [view.organisation.code])
    rows = data.coverage(scope, view)
    if view.last_month is None:
        return rows
    months = reader().records(
        "SELECT CAST(date_trunc('month', local_date) AS DATE) AS month, "
        "coalesce(bool_or(practice_code = :code), false) AS has_data FROM calls_half_hour "
        "WHERE local_date BETWEEN :first AND last_day(CAST(:last AS DATE)) GROUP BY 1 ORDER BY 1",
        code=code,
        first=view.first_month,
        last=view.last_month,
    )
    first = next((place for place, row in enumerate(months) if row["has_data"]), None)
    if first is None:
        return rows
    since = months[first:]
    missing = [row["month"] for row in since if not row["has_data"]]
    logs = {"feed": "call_logs", "months": len(since) - len(missing), "expected": len(since), "missing": missing}
    return [*rows, logs]


def telephony(scope: Scope, view: View) -> Rows:
    """Stage and capabilities as the newest tracker has them.

    Rows: kind (stage, capability), item, state (reached, planned, unknown; held, ended, not_held), since, planned,
    until, supplier, line_type, believed_on. No rows where no tracker names the practice.
    """
    (code,) = organisations.permit(scope, [view.organisation.code])
    reached = reader().records(
        "SELECT stage, planned_date, actual_date, supplier, line_type, believed_on FROM rollout "
        "WHERE practice_code = :code AND believed_on = (SELECT max(believed_on) FROM rollout) "
        "ORDER BY stage, actual_date DESC NULLS LAST, planned_date DESC NULLS LAST",
        code=code,
    )
    if not reached:
        return []
    rows = [_stage(stage, [row for row in reached if row["stage"] == stage], reached) for stage in STAGES]
    held = reader().records(
        "SELECT capability, from_date, to_date FROM rollout_capability WHERE practice_code = :code "
        "ORDER BY capability, from_date DESC NULLS LAST",
        code=code,
    )
    rows += [_capability(name, [row for row in held if row["capability"] == name], reached) for name in CAPABILITIES]
    # a practice on cloud lines never was or no longer is on the others: only a stage that is known says something
    return [row for row in rows if row["item"] != "analogue" or row["state"] == "reached"]


def _stage(stage: str, rows: Rows, reached: Rows) -> dict[str, Any]:
    row = rows[0] if rows else dict.fromkeys(("planned_date", "actual_date"))
    state = "reached" if row["actual_date"] else "planned" if row["planned_date"] else "unknown"
    return {**_about_system(reached), "kind": "stage", "item": stage, "state": state, "since": row["actual_date"],
            "planned": row["planned_date"], "until": None}  # fmt: skip


def _capability(name: str, rows: Rows, reached: Rows) -> dict[str, Any]:
    row = rows[0] if rows else dict.fromkeys(("from_date", "to_date"))
    today = london.today()
    ended = row["to_date"] is not None and row["to_date"] < today
    ahead = row["from_date"] is not None and row["from_date"] > today
    state = "not_held" if not rows else "ended" if ended else "planned" if ahead else "held"
    return {**_about_system(reached), "kind": "capability", "item": name, "state": state, "since": row["from_date"],
            "planned": None, "until": row["to_date"]}  # fmt: skip


def _about_system(reached: Rows) -> dict[str, Any]:
    furthest = sorted(reached, key=lambda row: (row["actual_date"] is not None, STAGES.index(row["stage"])))
    supplier = next((row["supplier"] for row in reversed(furthest) if row["supplier"]), None)
    line = next((row["line_type"] for row in reversed(furthest) if row["line_type"]), None)
    return {"supplier": supplier, "line_type": line, "believed_on": reached[0]["believed_on"]}


def destinations(scope: Scope, view: View) -> Rows:
    """Where clinical and medication requests went in the view's months: destination, contacts, declined, share, and
    `minimum_base`: how many with a destination it takes for shares to be told.

    The share is of requests with a destination (None for `not_recorded`); most first, `not_recorded` last.
    """
    (code,) = organisations.permit(scope, [view.organisation.code])
    rows = reader().records(
        "SELECT CASE WHEN destination IS NULL OR destination = '' THEN 'not_recorded' ELSE destination END "
        "AS destination, sum(contacts) AS contacts, sum(declined) AS declined FROM navigation_month "
        "WHERE practice_code = :code AND month BETWEEN :first AND :last "
        "AND request_category IN (SELECT unnest(:categories)) GROUP BY 1 ORDER BY contacts DESC, 1",
        code=code,
        first=view.first_month,
        last=view.last_month,
        categories=list(CLINICAL),
    )
    base = sum(int(row["contacts"] or 0) for row in rows if row["destination"] != "not_recorded")
    shared = [
        {
            "destination": row["destination"],
            "contacts": int(row["contacts"] or 0),
            "declined": int(row["declined"] or 0),
            "share": int(row["contacts"] or 0) / base if base and row["destination"] != "not_recorded" else None,
            "minimum_base": minimum_base(),
        }
        for row in rows
    ]
    return sorted(shared, key=lambda row: (row["destination"] == "not_recorded", -row["contacts"]))


def training(scope: Scope, view: View) -> Rows:
    """Care navigation training as the newest return has it: item, day, people. No rows where no return names it."""
    (code,) = organisations.permit(scope, [view.organisation.code])
    rows = reader().records("SELECT * FROM training_practice WHERE practice_code = :code", code=code)
    items = (
        ("funded_offered", "funded_offered_on", None),
        ("funded_booked", "funded_booked_on", None),
        ("funded_completed", "funded_completed_on", "funded_completed"),
        ("cascaded_completed", None, "cascaded_completed"),
    )
    return [
        {"item": item, "day": row.get(day) if day else None, "people": row.get(people) if people else None}
        for row in rows[:1]
        for item, day, people in items
    ]


@remembered
def compared(scope: Scope, view: View, names: tuple[str, ...]) -> Rows:
    """Each measure that this practice has: its newest month, its whole period, similar practices, England.

    Rows: measure, title, unit, better; month, latest, variation, special_cause, points (that its limits rest on),
    england (same month); and of `peers.against_similar`: value, lower_quartile, median, upper_quartile, practices,
    judgement.
    """
    known = measures.definitions(scope)
    wanted = tuple(name for name in names if name in known)
    latest = measures.latest(scope, view, wanted)
    similar = peers.against_similar(scope, view, {name: known[name]["unit"] for name in wanted})
    nothing = dict.fromkeys(("value", "lower_quartile", "median", "upper_quartile", "judgement"))
    return [
        {
            "measure": name,
            **{part: known[name][part] for part in ("title", "unit", "better")},
            "month": latest[name]["period_start"],
            "latest": latest[name]["value"],
            "variation": latest[name]["variation"],
            "special_cause": latest[name]["special_cause"],
            "points": latest[name]["points"],
            "england": latest[name]["england"],
            "practices": 0,
            **similar.get(name, nothing),
        }
        for name in wanted
        if name in latest
    ]
