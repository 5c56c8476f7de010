"""What call logs say of an organisation's week, and how they agree with what is published.

Read from `calls_week`, `calls_monday` and `call_log_reconciliation`. How many
days were counted stands beside every figure. To a narrower scope, a total of too few practices is as if not there.
"""

from datetime import date
from typing import Any

import holidays

from dashboard.access.scope import Scope
from dashboard.page import Rows
from dashboard.queries import organisations
from dashboard.queries.source import reader, remembered
from dashboard.view import Organisation, View

HALF_HOURS = range(48)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
OPEN = range(16, 37)  # 08:00 to 18:30, the core hours
MORNING = range(7 * 60, 11 * 60)
MOST_ROWS = 500
NEAR = 0.02  # of the published calls: a smaller difference needs no chasing
OF_THE_VIEW = """
    level = :level AND organisation = :code AND month BETWEEN :first AND :last
    AND (level IN ('practice', 'pcn') OR practices >= :fewest)
"""


def week(scope: Scope, view: View) -> Rows:
    """An ordinary week: a row for each weekday with logs and each of its 48 half-hours.

    weekday (1 Monday), day, half_hour, label (`08:00`); calls, answered, missed: mean per day; wait, talk: mean seconds
    of answered calls, None where none was answered; inbound: calls counted; days: dates counted; practices: with logs.
    Bank holidays are left out. A half-hour of a logged day without calls is 0; a weekday without logs has no rows.
    """
    totals = {(row["weekday"], row["half_hour"]): row for row in _week(scope, view.organisation, *_months(view))}
    days = {row["weekday"]: row for row in totals.values()}
    nothing = dict.fromkeys(("inbound", "answered", "missed", "wait_seconds", "talk_seconds"), 0)
    return [
        _cell(weekday, half_hour, totals.get((weekday, half_hour), nothing), days[weekday])
        for weekday in sorted(days)
        if weekday
        for half_hour in HALF_HOURS
    ]


def _cell(weekday: int, half_hour: int, row: dict[str, Any], day: dict[str, Any]) -> dict[str, Any]:
    answered = row["answered"]
    return {
        "weekday": weekday,
        "day": WEEKDAYS[weekday - 1],
        "half_hour": half_hour,
        "label": f"{half_hour // 2:02}:{30 * (half_hour % 2):02}",
        "calls": row["inbound"] / day["days"],
        "answered": answered / day["days"],
        "missed": row["missed"] / day["days"],
        "other": max(row["inbound"] - answered - row["missed"], 0) / day["days"],
        "wait": row["wait_seconds"] / answered if answered else None,
        "talk": row["talk_seconds"] / answered if answered else None,
        "inbound": row["inbound"],
        "days": day["days"],
        "practices": day["practices"],
    }


def open_hours(scope: Scope, view: View) -> Rows:
    """The half-hours of `week` from 08:00 to 18:30 on the weekday that the URL's `day` names (Monday if none)."""
    chosen = view.option("day", WEEKDAYS[0])
    return [row for row in week(scope, view) if row["day"] == chosen and row["half_hour"] in OPEN]


def monday(scope: Scope, view: View) -> Rows:
    """An ordinary Monday, 07:00 to 10:59, a row a minute: label, calls and missed (means), inbound (calls counted),
    mondays (counted), practices (with logs)."""
    found = _monday(scope, view.organisation, *_months(view))
    if not found:
        return []
    mondays = sum({row["month"]: row["mondays"] for row in found}.values())
    practices = max(row["practices"] for row in found)
    counted = {minute: [0, 0] for minute in MORNING}
    for row in found:
        counted[row["minute"]][0] += row["inbound"]
        counted[row["minute"]][1] += row["missed"]
    return [
        {
            "minute": minute,
            "label": f"{minute // 60:02}:{minute % 60:02}",
            "calls": calls / mondays,
            "missed": missed / mondays,
            "inbound": calls,
            "mondays": mondays,
            "practices": practices,
        }
        for minute, (calls, missed) in counted.items()
    ]


@remembered
def logged(scope: Scope, organisation: Organisation, first: date | None, last: date | None) -> dict[str, Any]:
    """What logs there are of an organisation in these months, or {}: first and last month, practices with logs,
    expected (practices open with a list, or all open ones before any list is loaded), and the bank holidays left out:
    holidays (dates with logs), holiday_names (of those months)."""
    rows = _week(scope, organisation, first, last)
    ordinary = [row for row in rows if row["weekday"]]
    if not ordinary:
        return {}
    apart = [row for row in rows if row["weekday"] == 0]
    months = sorted({month for row in apart for month in row["months"]})
    below = organisations.directory().below(organisation.code, "practice")
    return {
        "first": min(min(row["months"]) for row in ordinary),
        "last": max(max(row["months"]) for row in ordinary),
        "practices": max(row["practices"] for row in ordinary),
        "expected": sum(each.patients is not None for each in below) or len(below) or 1,
        "holidays": apart[0]["days"] if apart else 0,
        "holiday_names": _bank_holidays(months),
    }


def _bank_holidays(months: list[date]) -> tuple[str, ...]:
    named: dict[date, str] = {}
    for month in months:
        for day, name in holidays.country_holidays("GB", subdiv="ENG", years=month.year).items():
            if (day.year, day.month) == (month.year, month.month):
                named[day] = f"{name}, {day.day} {day:%b %Y}"
    return tuple(named[day] for day in sorted(named))


def _months(view: View) -> tuple[date | None, date | None]:
    return view.first_month, view.last_month


@remembered
def _week(scope: Scope, organisation: Organisation, first: date | None, last: date | None) -> Rows:
    """Sums by weekday and half-hour, with the days and practices of the weekday and the months that have it."""
    (code,) = organisations.permit(scope, [organisation.code])
    return reader().records(
        f"""
        WITH found AS (SELECT * FROM calls_week WHERE {OF_THE_VIEW}),
        days AS (
            SELECT weekday, sum(days) AS days, max(practices) AS practices, list(month ORDER BY month) AS months
            FROM (SELECT DISTINCT month, weekday, days, practices FROM found) GROUP BY weekday
        )
        SELECT weekday, half_hour, CAST(sum(f.inbound) AS BIGINT) AS inbound, CAST(sum(answered) AS BIGINT) AS answered,
            CAST(sum(missed) AS BIGINT) AS missed, CAST(sum(wait_seconds) AS BIGINT) AS wait_seconds,
            CAST(sum(talk_seconds) AS BIGINT) AS talk_seconds, CAST(any_value(d.days) AS BIGINT) AS days,
            any_value(d.practices) AS practices, any_value(d.months) AS months
        FROM found AS f INNER JOIN days AS d USING (weekday) GROUP BY weekday, half_hour ORDER BY weekday, half_hour
        """,
        **_asked(scope, organisation, code, first, last),
    )


@remembered
def _monday(scope: Scope, organisation: Organisation, first: date | None, last: date | None) -> Rows:
    (code,) = organisations.permit(scope, [organisation.code])
    return reader().records(
        f"SELECT month, minute, inbound, missed, mondays, practices FROM calls_monday WHERE {OF_THE_VIEW}",
        **_asked(scope, organisation, code, first, last),
    )


def _asked(
    scope: Scope, organisation: Organisation, code: str, first: date | None, last: date | None
) -> dict[str, Any]:
    return {
        "level": organisation.kind,
        "code": code,
        "first": first,
        "last": last,
        "fewest": organisations.fewest_in_total(scope),
    }


def reconciliation(scope: Scope, view: View) -> Rows:
    """Each practice's logs against what was published for it, by month and item; inbound calls first, then by size of
    the difference, at most 500. Practices of the view's organisation that the scope may see. Adds name, share (of
    published) and, the same in each row, how many pairs of inbound calls are compared, and how many of them are near.
    """
    (code,) = organisations.permit(scope, [view.organisation.code])
    below = organisations.directory().below(code, "practice") or [view.organisation]
    names = {each.code: each.name for each in below if organisations.may_see(scope, each)}
    found = reader().records(
        "SELECT *, difference / nullif(published, 0) AS share, "
        "count(*) FILTER (WHERE item = 'inbound' AND published > 0) OVER () AS compared, "
        "count(*) FILTER (WHERE item = 'inbound' AND abs(difference) <= :near * published) OVER () AS near "
        "FROM call_log_reconciliation "
        "WHERE practice_code IN (SELECT unnest(:codes)) AND period_start BETWEEN :first AND :last "
        "ORDER BY item <> 'inbound', abs(difference / nullif(published, 0)) DESC NULLS LAST, period_start DESC, "
        "practice_code, item LIMIT :most",
        codes=list(names),
        near=NEAR,
        first=view.first_month,
        last=view.last_month,
        most=MOST_ROWS,
    )
    return [{"name": names[row["practice_code"]], **row} for row in found]
