"""Panels that rest on call logs: what is drawn, what is said, whose figures they are, and a page without logs."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dash import Dash
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard import week_findings
from dashboard.charts import week
from tests.dashboard.conftest import build, page, panel, signed_in
from tests.dashboard.generation import ICB, PCNS, PRACTICES, publish

OCT = date(2026, 10, 1)
LOGGED = PRACTICES[0]
NEIGHBOUR = PRACTICES[4]
CHARTS = ("demand-week", "demand-monday", "demand-staffing")


def cell(weekday: int, half_hour: int, **values: Any) -> dict[str, Any]:
    """A row of `queries.call_logs.week`."""
    day = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[weekday - 1]
    label = f"{half_hour // 2:02}:{30 * (half_hour % 2):02}"
    known = {"calls": 0.0, "answered": 0.0, "missed": 0.0, "other": 0.0, "wait": None, "talk": None, "inbound": 0}
    return {"weekday": weekday, "day": day, "half_hour": half_hour, "label": label, "days": 12, "practices": 1,
            **known, **values}  # fmt: skip


def test_a_grid_fills_each_known_half_hour_once_and_no_other() -> None:
    rows = [cell(d, h, calls=float(d * h % 50), wait=60.0 * d if h % 2 else None) for d in (1, 2) for h in range(48)]
    shown = [row for row in rows if row["half_hour"] in week.SHOWN]
    for key in ("calls", "wait"):
        traces = week.grid(rows, key)["data"]
        drawn = [(x, base + 1) for t in traces for x, base in zip(t["x"], t["base"], strict=True)]
        assert sorted(drawn) == sorted((row["label"], row["weekday"]) for row in shown if row[key] is not None)


def test_the_scale_goes_from_few_to_many_and_lost_calls_are_hatched() -> None:
    rows = [cell(1, 16, calls=60.0, missed=9.0), cell(1, 17, calls=19.0, missed=4.9), cell(1, 18, calls=1.0)]
    traces = week.grid(rows, "calls")["data"]
    assert [t["name"] for t in traces] == ["under 5", "5 to 10", "10 to 20", "20 or more"]
    assert [len(t["x"]) for t in traces] == [1, 0, 1, 1]
    assert traces[-1]["marker"]["color"] == week.RAMP[-1]
    missed = week.grid(rows, "missed")["data"]
    solid = [t["marker"]["pattern"]["solidity"] for t in missed]
    assert solid == sorted(solid)
    assert all(t["marker"]["pattern"]["shape"] for t in missed)


@given(st.floats(0, 1e5), st.sampled_from(["calls", "missed", "wait"]))
@settings(max_examples=50, deadline=None)
def test_classes_are_in_order_and_the_highest_is_in_the_last(highest: float, key: str) -> None:
    ends = week.limits(key, highest)
    assert list(ends) == sorted(ends)
    assert len(ends) <= 3
    assert all(end <= highest for end in ends)


def test_a_monday_marks_the_first_hour() -> None:
    rows = [
        {"minute": m, "label": f"{m // 60:02}:{m % 60:02}", "calls": 2.0 if m == 480 else 0.5, "missed": 0.25,
         "inbound": 1, "mondays": 4, "practices": 1}
        for m in range(420, 660)
    ]  # fmt: skip
    figure = week.minutes(rows)
    (shape,) = figure["layout"]["shapes"]
    assert (shape["x0"], shape["x1"]) == ("08:00", "09:00")
    assert [len(trace["x"]) for trace in figure["data"]] == [240, 240]
    assert week_findings.first_hour(rows) == (2.0 + 59 * 0.5, 60 * 0.25)
    assert week_findings.monday_title(rows).endswith("the busiest minute is 08:00")


def test_one_call_handler_answers_and_two_answer() -> None:
    rows = [cell(1, 16, calls=38.0, answered=11.0, missed=12.0, wait=300.0, talk=139.0)]
    said = week_findings.one_more(rows, "practice")
    assert said is not None
    assert "about one person answers" in said.rest


def test_one_more_is_said_of_practices_and_enough_days_alone() -> None:
    rows = [cell(1, 16, calls=50.0, answered=38.0, missed=12.0, wait=200.0, talk=180.0)]
    said = week_findings.one_more(rows, "practice")
    assert said is not None
    assert "Monday at 08:00" in said.claim
    assert week_findings.one_more(rows, "icb") is None
    assert week_findings.one_more([{**rows[0], "days": 3}], "practice") is None


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dash]:
    """The invented generation with call logs of two practices, their ICB, and a PCN, in October 2026."""
    home = tmp_path_factory.mktemp("week")
    _add_logs(publish(home / "published"))
    app = build(home)
    yield app
    app.server.extensions["access"].engine.dispose()


def _add_logs(path: Path) -> None:
    with duckdb.connect(str(path)) as con:
        for level, code, practices in (
            ("practice", LOGGED, 1), ("practice", NEIGHBOUR, 1), ("pcn", PCNS[0], 2), ("icb", ICB, 2)
        ):  # fmt: skip
            for weekday, days in ((0, 1), (1, 4), (2, 4)):
                for half_hour, inbound in ((16, 4 * 37), (17, 4 * 10)):
                    row = [inbound, inbound - 40, 40, 9000, 18000, days, practices]
                    con.execute(
                        "INSERT INTO calls_week VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        [code, level, OCT, weekday, half_hour, *row],
                    )
            con.execute("INSERT INTO calls_monday VALUES (?, ?, ?, 481, 20, 8, 4, ?)", [code, level, OCT, practices])
        for code, ours in ((LOGGED, 900.0), (NEIGHBOUR, 777.0)):
            con.execute(
                "INSERT INTO call_log_reconciliation VALUES (?, ?, 'inbound', ?, 1000, ?, 21, 22, 'days missing')",
                [code, OCT, ours, ours - 1000],
            )


def test_the_panels_say_what_the_logs_hold(app: Dash) -> None:
    client = signed_in(app, "icb")
    search = f"?organisation={LOGGED}"
    grid, monday, staffing = (str(panel(app, client, name, search)) for name in CHARTS)
    assert "The busiest half-hour is Monday 08:00: 37.0 calls" in grid
    assert "4 days of each weekday" in grid
    assert "1 bank holiday left out" in grid
    assert "the busiest minute is 08:01" in monday
    assert "4 Mondays" in monday
    assert "Monday 08:00: 37.0 calls, 10.0 of them missed" in staffing
    assert "From call logs" in staffing
    chosen = str(panel(app, client, "demand-week", search + "&week=missed"))
    assert "Most calls are missed on Monday 08:00" in chosen
    rows = client.get(f"/csv/demand-week{search}").text.splitlines()
    assert len(rows) == 1 + 2 * 48
    assert "Monday,08:00,37,27,10," in rows[17]
    assert "Monday,00:00,0,0,0,,0,4,1" in rows[1]


def test_a_page_says_which_figures_are_from_logs(app: Dash) -> None:
    client = signed_in(app, "icb")
    with_logs = page(client, "/demand", f"?organisation={LOGGED}")
    assert "the week by the half-hour is from the call logs" in with_logs
    assert "One more call handler on Monday at 08:00" in with_logs
    assert "; 8 of 20 in all." in with_logs
    without = page(client, "/demand", f"?organisation={PRACTICES[7]}")
    assert "has no call log of its own" in without
    assert "demand-week" not in without
    above = page(client, "/demand", f"?organisation={ICB}")
    assert "from the call logs of 2 of" in above
    assert "One more call handler" not in above


def test_measures_of_a_practice_come_from_its_logs_where_it_has_them(tmp_path: Path) -> None:
    path = publish(tmp_path / "published")
    with duckdb.connect(str(path)) as con:
        for table, of in (("measure", ""), ("measure_value", f"AND organisation = '{LOGGED}'")):
            con.execute(
                f"INSERT INTO {table} SELECT * REPLACE ('logged_calls_answered' AS measure) FROM {table} "
                f"WHERE measure = 'calls_answered' {of}"
            )
    app = build(tmp_path)
    client = signed_in(app, "icb")
    assert "from the practice's own call logs" in page(client, "/demand", f"?organisation={LOGGED}")
    assert "measure=logged_calls_answered" in page(client, "/demand", f"?organisation={LOGGED}")
    assert "measure=calls_answered" in page(client, "/demand", f"?organisation={NEIGHBOUR}")
    trend = str(panel(app, client, "demand-trend", f"?organisation={LOGGED}&measure=logged_calls_answered"))
    assert "from call logs" in trend
    assert "as published" in str(panel(app, client, "demand-trend", f"?organisation={NEIGHBOUR}"))
    app.server.extensions["access"].engine.dispose()


def test_logs_of_few_months_do_not_hide_what_the_published_figures_say(tmp_path: Path) -> None:
    """A practice with three months of logs once read "No real change" above, and a change for the worse on `/`."""
    path = publish(tmp_path / "published")
    newest = "(SELECT max(period_start) FROM measure_value WHERE measure = 'calls_answered')"
    of = f"measure = 'calls_answered' AND organisation = '{LOGGED}' AND level = 'practice' AND period_kind = 'month'"
    with duckdb.connect(str(path)) as con:
        con.execute(
            f"UPDATE measure_value SET variation = 'concern_low', special_cause = 'Below LCL' WHERE {of} "
            f"AND period_start = {newest}"
        )
        for table, where in (("measure", "measure = 'calls_answered'"),
                             ("measure_value", f"{of} AND period_start > {newest} - INTERVAL 3 MONTH")):  # fmt: skip
            con.execute(
                f"INSERT INTO {table} SELECT * REPLACE ('logged_calls_answered' AS measure) FROM {table} WHERE {where}"
            )
    app = build(tmp_path)
    said = page(signed_in(app, "icb"), "/demand", f"?organisation={LOGGED}")
    assert "measure=logged_calls_answered" in said
    assert "too few months yet" in said
    assert "No real change" not in said
    assert "Worse: calls answered down to" in said
    app.server.extensions["access"].engine.dispose()


def test_a_practice_sees_its_own_logs_and_no_others(app: Dash) -> None:
    client = signed_in(app, "practice")
    assert "37.0 calls" in str(panel(app, client, "demand-week"))
    for name in (*CHARTS, "data-call-logs"):
        for code in (NEIGHBOUR, PCNS[0]):
            assert client.get(f"/csv/{name}?organisation={code}").status_code == 404
    # a total of two practices, its own among them, would give the other's away
    for name in CHARTS:
        assert len(client.get(f"/csv/{name}?organisation={ICB}").text.splitlines()) == 1
    for search in ("", f"?organisation={ICB}"):
        shown = client.get(f"/csv/data-call-logs{search}").text
        assert LOGGED in shown
        assert NEIGHBOUR not in shown


def test_reconciliation_names_the_difference(app: Dash) -> None:
    shown = str(panel(app, signed_in(app, "icb"), "data-call-logs", f"?organisation={ICB}"))
    assert "0 of 2 practice-months of logs are within 2% of the calls published" in shown
    assert shown.index("-22.3%") < shown.index("-10.0%")
