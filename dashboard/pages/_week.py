"""Panels of `/demand` that rest on call logs: the week at a glance, a Monday morning, and arrivals against answered."""

from collections.abc import Callable
from dataclasses import replace

from dash import html
from dash.development.base_component import Component

from dashboard import week_findings, words
from dashboard.access.scope import Scope
from dashboard.charts import week as charts
from dashboard.charts.practice import monday as by_outcome
from dashboard.components.panel import slot
from dashboard.components.shell import filter_select
from dashboard.page import Chart, Column, Definitions, Drawing, Rows
from dashboard.queries import call_logs
from dashboard.view import View

SHOWN = {"calls": "Calls", "missed": "Missed calls", "wait": "Mean wait"}
SUBTITLE = {
    "calls": "Mean calls a day in each half-hour, 07:00 to 19:00.",
    "missed": "Mean missed calls a day in each half-hour, 07:00 to 19:00: no answer, left while waiting, or voicemail.",
    "wait": "Mean wait of answered calls in each half-hour, 07:00 to 19:00. Empty: none was answered.",
}
EMPTY = "No call logs are loaded for this organisation and period. That is missing data, not nought."
COMMON = (
    "From call logs, in London time; averages over ordinary days with logs, bank holidays apart. A practice whose log "
    "misses a day lowers its area's average of that day."
)


def shown(view: View) -> str:
    """What the grid shows: `week` of the URL."""
    return view.option("week") if view.option("week") in SHOWN else "calls"


def _foot(rows: Rows, view: View, days: str) -> str:
    practices = max(row["practices"] for row in rows)
    whose = "" if view.organisation.kind == "practice" else f" · {words.plural(practices, 'practice')} with logs"
    apart = rows[0].get("left_out") or ""
    return f"From call logs · {days}{whose}" + (f" · {apart}" if apart else "")


def _week(rows: Rows, view: View, known: Definitions) -> Drawing:
    key = shown(view)
    title = week_findings.week_title(rows, key)
    outside = sum(row["inbound"] for row in rows if row["half_hour"] not in charts.SHOWN)
    share = words.value(outside / max(sum(row["inbound"] for row in rows), 1), "percent")
    return Drawing(
        title,
        f"{SUBTITLE[key]} {share} of calls come at other times; the table has them.",
        charts.grid(rows, key),
        f"Grid of weekdays by half-hour. {title}. {_days_said(rows, key)}",
        _foot(rows, view, week_findings.days_counted(rows)),
    )


def _days_said(rows: Rows, key: str) -> str:
    """The highest half-hour of each weekday: the grid for those who cannot see it."""
    parts = []
    for day in dict.fromkeys(row["day"] for row in rows):
        highest = week_findings.peak([row for row in rows if row["day"] == day], key)
        parts.append(f"{day}: {charts.said(key, highest[key])} at {highest['label']}" if highest else f"{day}: none")
    return "Highest of each day: " + "; ".join(parts) + "."


def _monday(rows: Rows, view: View, known: Definitions) -> Drawing:
    title = week_findings.monday_title(rows)
    calls, missed = week_findings.first_hour(rows)
    return Drawing(
        title,
        "Mean calls in each minute of an ordinary Monday, 07:00 to 10:59. Shaded: the hour from 08:00.",
        charts.minutes(rows),
        f"Line by minute. {title}. In the first hour {charts.mean(calls)} calls, {charts.mean(missed)} of them missed.",
        _foot(rows, view, f"{rows[0]['mondays']} Monday{'' if rows[0]['mondays'] == 1 else 's'}"),
    )


def _staffing(rows: Rows, view: View, known: Definitions) -> Drawing:
    title = week_findings.staffing_title(rows)
    answered = sum(row["answered"] for row in rows)
    talked = [row for row in rows if row["talk"] is not None]
    talk = sum(row["talk"] * row["answered"] for row in talked) / answered if answered else None
    handle = f" Mean talk {words.value(talk, 'seconds')}; notes afterwards are in no log." if talk is not None else ""
    return Drawing(
        title,
        f"Mean calls of an ordinary {rows[0]['day']} by how they ended. Hatched: missed.{handle}",
        by_outcome(rows, height=280),
        f"Stacked bars by half-hour, 08:00 to 18:30. {title}.",
        _foot(rows, view, week_findings.days_counted(rows)),
        note=week_findings.why_one_more(view.organisation.kind),
    )


def _with_left_out(query: Callable[[Scope, View], Rows]) -> Callable[[Scope, View], Rows]:
    """The same rows, each knowing which bank holidays are not in them."""

    def asked(scope: Scope, view: View) -> Rows:
        found = call_logs.logged(scope, view.organisation, view.first_month, view.last_month)
        return [{**row, "left_out": week_findings.left_out(found)} for row in query(scope, view)]

    return asked


WEEK = Chart(
    "demand-week",
    _with_left_out(call_logs.week),
    _week,
    (
        Column("day", "Day"),
        Column("label", "Half-hour from"),
        Column("calls", "Calls a day", "number"),
        Column("answered", "Answered a day", "number"),
        Column("missed", "Missed a day", "number"),
        Column("wait", "Mean wait, seconds", "count"),
        Column("inbound", "Calls counted", "count"),
        Column("days", "Days counted", "count"),
        Column("practices", "Practices with logs", "count"),
    ),
    measures=lambda view: ("logged_calls_missed", "logged_calls_mean_wait"),
    meaning=COMMON,
    empty=EMPTY,
    height=260,
)
MONDAY = Chart(
    "demand-monday",
    _with_left_out(call_logs.monday),
    _monday,
    (
        Column("label", "Minute from"),
        Column("calls", "Calls", "number"),
        Column("missed", "Missed", "number"),
        Column("inbound", "Calls counted", "count"),
        Column("mondays", "Mondays counted", "count"),
        Column("practices", "Practices with logs", "count"),
    ),
    measures=lambda view: ("logged_calls_monday_first_hour",),
    meaning=COMMON,
    empty=EMPTY,
)
STAFFING = Chart(
    "demand-staffing",
    _with_left_out(call_logs.open_hours),
    _staffing,
    (
        Column("day", "Day"),
        Column("label", "Half-hour from"),
        Column("calls", "Calls", "number"),
        Column("answered", "Answered", "number"),
        Column("missed", "Missed", "number"),
        Column("other", "Call-back, menu or other", "number"),
        Column("wait", "Mean wait, seconds", "count"),
        Column("talk", "Mean talk, seconds", "count"),
        Column("days", "Days counted", "count"),
    ),
    meaning=COMMON,
    empty=EMPTY,
)
CHARTS = (WEEK, MONDAY, STAFFING)


def section(scope: Scope, view: View) -> list[Component]:
    """The part of the page that rests on call logs; nothing where there are none (the page's sentence says so)."""
    if not call_logs.logged(scope, view.organisation, view.first_month, view.last_month):
        return []
    options = [{"value": key, "label": label} for key, label in SHOWN.items()]
    days = [{"value": day, "label": day} for day in call_logs.WEEKDAYS[:5]]
    return [
        html.H2("The week, from call logs", className="section"),
        html.Div(
            [
                filter_select("week", "Week at a glance shows", options, shown(view)),
                filter_select("day", "Day of arrivals and answers", days, view.option("day", call_logs.WEEKDAYS[0])),
            ],
            className="page-filter",
        ),
        html.Div([slot(WEEK, view, wide=True), slot(MONDAY, view), slot(STAFFING, view)], className="panels"),
    ]


def measured_by_logs(view: View, measure: str) -> View:
    """The view with `measure` as if the URL had asked for it."""
    return replace(view, options=tuple(sorted({**dict(view.options), "measure": measure}.items())))
