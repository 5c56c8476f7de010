"""How the rollout of digital telephony is delivered: dates that slipped, suppliers, money, and whether it helped."""

from datetime import date
from itertools import pairwise
from statistics import median
from typing import Any

from dashboard.access.scope import Scope
from dashboard.page import Rows
from dashboard.queries import organisations
from dashboard.queries.source import reader, remembered
from dashboard.queries.telephony import dates, moment, told, visible
from dashboard.view import View

ASKED = ("missed", "answered", "answered_within_120s", "mean_wait", "dealt_with", "ended_in_ivr", "inbound_per_1000")
FEWEST_TO_TELL = 3  # a supplier with fewer go-lives has no usual time


def slippage(scope: Scope, view: View) -> Rows:
    """How each practice's planned live date moved from snapshot to snapshot, and what came of it, largest first.

    practice, name, first_planned, first_believed (when that was believed), planned_live (in the snapshot told),
    moves (how often it changed), moved (days from the first to the newest plan), live_on, slippage (actual less the
    plan of the snapshot told, in days, signed), slipped (actual, or else the newest plan, less the first plan).
    """
    at, rows = told(scope, view)
    if at is None:
        return []
    plans: dict[str, list[tuple[date, date]]] = {}
    for row in reader().records(
        "SELECT practice_code, believed_on, planned_date FROM rollout WHERE stage = 'live' "
        "AND planned_date IS NOT NULL AND believed_on <= :planned ORDER BY practice_code, believed_on",
        planned=at.planned,
    ):
        plans.setdefault(row["practice_code"], []).append((row["believed_on"], row["planned_date"]))
    answer = []
    for row in visible(scope, rows):
        known = plans.get(row["practice"], [])
        if not known:
            continue
        planned = [day for _, day in known]
        ended = row["live_on"] or planned[-1]
        answer.append(
            {
                **{name: row[name] for name in ("practice", "name", "pcn_name", "live_on", "planned_live", "slippage")},
                "first_planned": planned[0],
                "first_believed": known[0][0],
                "moves": sum(a != b for a, b in pairwise(planned)),
                "moved": (planned[-1] - planned[0]).days,
                "slipped": (ended - planned[0]).days,
            }
        )
    return sorted(answer, key=lambda row: (-row["slipped"], row["name"] or ""))


def suppliers(scope: Scope, view: View) -> Rows:
    """supplier, practices, patients, live, waiting, late, days (median from contract to live) of open practices."""
    _, rows = told(scope, view)
    groups: dict[str, Rows] = {}
    for row in rows:
        if row["is_tracked"]:
            groups.setdefault(row["supplier"] or "Not named", []).append(row)
    if scope.kind != "icb":
        return []
    answer = []
    for name, own in groups.items():
        days = [(row["live_on"] - row["contracted"]).days for row in own if row["live_on"] and row["contracted"]]
        lists = [row["patients"] for row in own]
        answer.append(
            {
                "supplier": name,
                "practices": len(own),
                "patients": None if None in lists else sum(lists),
                "live": sum(row["stage"] == "live" for row in own),
                "waiting": sum(row["stage"] != "live" for row in own),
                "late": sum(row["days_late"] is not None for row in own),
                "days": median(days) if len(days) >= FEWEST_TO_TELL else None,
            }
        )
    return sorted(answer, key=lambda row: (-row["practices"], row["supplier"]))


def funding_share(scope: Scope, view: View) -> dict[str, Any] | None:
    """What the view's organisation might have of the national money: pounds; is_own: the settings say the ICB's share,
    else England's money is spread evenly over its practices (`practices`, `counted_on`); whole: what is shared out.
    None without practices, and where some may not be seen: their money is not known."""
    at, rows = told(scope, view)
    if len(visible(scope, rows)) < len(rows):
        return None
    facts = {row["kind"]: row for row in dates(scope)}
    if at is None or not rows or not {"fund", "england"} <= facts.keys():
        return None
    if "share" in facts:
        every = reader().records(
            "SELECT count(*) AS practices FROM telephony_practice WHERE from_date <= :day AND to_date >= :day",
            day=at.day,
        )[0]["practices"]
        whole = facts["share"]["pounds"]
        return {"pounds": whole * len(rows) / every, "is_own": True, "whole": whole}
    whole, england = facts["fund"]["pounds"], facts["england"]
    return {
        "pounds": whole * len(rows) / england["practices"],
        "is_own": False,
        "whole": whole,
        "practices": england["practices"],
        "counted_on": england["day"],
    }


def money(scope: Scope, view: View) -> Rows:
    """practice, name, item, awarded, paid, unpaid (pounds), date, dated on or before the day told or undated; of every
    practice the scope may see that belongs to the view's organisation, closed ones too; most unpaid first. As believed
    now."""
    organisations.permit(scope, [view.organisation.code])
    at = moment(scope, view)
    if at is None or not at.is_told:
        return []
    known = organisations.directory()
    inside = {each.code for each in known.children.get(view.organisation.code, ())} | {view.organisation.code}
    rows = reader().records(
        "SELECT practice_code AS practice, item, awarded, paid, date FROM rollout_funding "
        "WHERE date IS NULL OR date <= :day ORDER BY practice_code, item, date",
        day=at.day,
    )
    answer = [
        {**row, "name": known.organisations[row["practice"]].name, "unpaid": _unpaid(row)}
        for row in rows
        if row["practice"] in inside
        and row["practice"] in known.organisations
        and organisations.may_see(scope, known.organisations[row["practice"]])
    ]
    return sorted(answer, key=lambda row: (-(row["unpaid"] or 0), row["name"], row["item"]))


def _unpaid(row: dict[str, Any]) -> float | None:
    return None if row["awarded"] is None else row["awarded"] - (row["paid"] or 0)


@remembered
def impact(scope: Scope, view: View) -> Rows:
    """Did going live help? A row a measure of calls: measure, title, unit, estimate, lower, upper, practices, controls,
    months_before, months_after, placebo_differs, placebo (in words), sentence, refusal. Of the whole tracker, whatever
    the organisation."""
    rows = reader().records(
        "SELECT i.*, m.title, m.unit FROM impact AS i INNER JOIN measure AS m ON m.measure = i.measure "
        "WHERE NOT starts_with(i.measure, 'navigation_') ORDER BY i.measure"
    )
    rows.sort(key=lambda row: (row["measure"].startswith("logged"), _asked_place(row["measure"])))
    return [
        {**row, "placebo": None if row["refusal"] else "differs" if row["placebo_differs"] else "no difference"}
        for row in rows
    ]


def _asked_place(measure: str) -> int:
    """Where a measure stands among the answers: whether people get through, how fast, then what should not change."""
    name = measure.removeprefix("logged_").removeprefix("calls_")
    return ASKED.index(name) if name in ASKED else len(ASKED)
