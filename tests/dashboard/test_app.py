"""Pages, panels, tables and CSV of the whole app, as each kind of user."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dash import Dash
from flask.testing import FlaskClient

from dashboard import answers, templates, words
from dashboard.access import Scope, without_rule
from dashboard.charts.style import COLOURS
from dashboard.page import charts, pages
from dashboard.queries import data, source, views
from dashboard.view import parse_search
from etl.exports.writing import guarded
from tests.dashboard.access.house import UPDATE
from tests.dashboard.conftest import build, page, panel, signed_in
from tests.dashboard.generation import CLOSED, ENGLAND, GAP, ICB, PCNS, PRACTICES, publish
from tests.dashboard.marked import body_of

Clients = Callable[[str], FlaskClient]
ICB_ONLY = {
    "data-loads",
    "data-refused-files",
    "data-refused-rows",
    "data-reconciliation",
    "data-area-disagreements",
    "data-unmapped-destinations",
}
ELSEWHERE = {"data-call-logs", "data-unmapped-destinations", "demand-week", "demand-monday", "demand-staffing"}


def rows_of(client: FlaskClient, name: str, search: str = "") -> list[dict[str, str]]:
    """A chart's CSV."""
    answer = client.get(f"/csv/{name}{search}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_every_route_page_and_callback_has_a_rule(dashboard: Dash) -> None:
    assert without_rule(dashboard) == []


@pytest.mark.parametrize("path", sorted(each.path for each in pages().values() if "<" not in each.path))
@pytest.mark.parametrize("who", ["icb", "pcn", "practice"])
def test_every_page_opens_with_one_heading_and_says_synthetic(client_for: Clients, path: str, who: str) -> None:
    client, rule = client_for(who), next(each.access for each in pages().values() if each.path == path)
    may = rule.role == "viewer" and (who == "icb" or not rule.whole_icb)
    assert client.get(path).status_code == (200 if may else 404)
    if not may:
        return
    text = page(client, path)
    if '"Not found"' not in text:
        assert text.count('"type": "H1"') + text.count('"type":"H1"') == 1
        assert "Synthetic data" in text


def test_html_is_british_and_titled_by_its_page(client_for: Clients) -> None:
    html = client_for("icb").get("/demand").text
    assert '<html lang="en-GB">' in html
    assert "<title>Demand and capacity · Switchboard</title>" in html
    assert "https://" not in re.sub(r"<meta[^>]*>", "", html)


def test_unknown_page_is_not_found(client_for: Clients) -> None:
    assert client_for("icb").get("/nowhere").status_code == 404


@pytest.mark.parametrize("name", sorted(charts()))
def test_every_chart_answers_with_a_title_and_its_own_csv(dashboard: Dash, client_for: Clients, name: str) -> None:
    client = client_for("icb")
    parts = panel(dashboard, client, name, f"?organisation={ICB}&period=12")
    assert parts[0]["type"] == "H2"
    assert parts[0]["props"]["children"]
    text = client.get(f"/csv/{name}?organisation={ICB}&period=12").text
    header, *rows = csv.reader(io.StringIO(text))
    assert header == [column.key for column in charts()[name].columns]
    # the invented generation fills what these pages read; call logs, telephony and navigation have generations of
    # their own, in their own tests
    filled = name.startswith(("overview-", "demand-", "data-")) and name not in ELSEWHERE
    assert rows or not filled


def test_chart_table_and_csv_have_the_same_rows(dashboard: Dash, client_for: Clients) -> None:
    client, search = client_for("icb"), f"?organisation={ICB}&period=12&measure=calls_missed"
    parts = panel(dashboard, client, "demand-trend", search)
    graph = next(part for part in parts if part["type"] == "Figure")["props"]["children"]["props"]["children"]
    drawn = {
        (x, y)
        for trace in graph["props"]["figure"]["data"]
        if trace["mode"] == "markers"
        for x, y in zip(trace["x"], trace["y"], strict=True)
    }
    rows = rows_of(client, "demand-trend", search)
    assert drawn == {(row["period_start"], float(row["value"])) for row in rows}
    identity = {"chart": "demand-trend", "view": search}
    table_id, button_id = {"table": True, **identity}, {"table-button": True, **identity}
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": next(key for key in dashboard.callback_map if '"table"' in key),
            "outputs": {"id": table_id, "property": "children"},
            "inputs": [{"id": button_id, "property": "n_clicks", "value": 1}],
            "state": [{"id": table_id, "property": "id", "value": table_id}],
            "changedPropIds": [],
        },
        headers={"Origin": "http://localhost"},
    )
    table = next(iter(answer.json["response"].values()))["children"]
    told = json.loads(table["props"]["data-table"])
    assert told["caption"].startswith(parts[0]["props"]["children"])
    assert [row[0] for row in told["rows"]] == [words.month(date.fromisoformat(row["period_start"])) for row in rows]
    assert len(rows) == 12


def test_planted_change_is_called_real_and_the_quiet_measure_is_not(dashboard: Dash, client_for: Clients) -> None:
    client = client_for("icb")
    missed = panel(dashboard, client, "demand-trend", "?measure=calls_missed")[0]["props"]["children"]
    assert missed.endswith("a real change")
    assert "down to" in missed
    answered = panel(dashboard, client, "demand-trend", "?measure=calls_answered")[0]["props"]["children"]
    assert "real change" not in answered


def test_a_missing_month_is_a_gap_not_nought(dashboard: Dash, client_for: Clients) -> None:
    client, search = client_for("icb"), f"?organisation={PRACTICES[1]}&period=12"
    (gap,) = [row for row in rows_of(client, "demand-trend", search) if row["period_start"] == GAP.isoformat()]
    assert gap["value"] == gap["numerator"] == gap["mean"] == ""
    figure = next(
        part for part in panel(dashboard, client, "demand-trend", search) if part["type"] == "Figure"
    )["props"]["children"]["props"]["children"]["props"]["figure"]  # fmt: skip
    for trace in figure["data"]:
        if trace["mode"] == "lines":
            assert trace["y"][trace["x"].index(GAP.isoformat())] is None
        else:
            assert GAP.isoformat() not in trace["x"]


def test_an_organisation_without_data_is_told_so(dashboard: Dash, client_for: Clients) -> None:
    parts = panel(dashboard, client_for("icb"), "demand-online-trend", f"?organisation={PRACTICES[1]}")
    assert "missing data, not nought" in parts[1]["props"]["children"]


def test_the_planted_outlier_is_the_only_practice_outside_the_funnel(client_for: Clients) -> None:
    rows = rows_of(client_for("icb"), "demand-practices", f"?organisation={ICB}")
    assert [row["organisation"] for row in rows if row["judgement"] != "within"] == [PRACTICES[0]]
    assert len(rows) == 23


def test_shares_agree_with_a_slow_sum(dashboard: Dash, client_for: Clients) -> None:
    search = f"?organisation={PRACTICES[1]}&period=12"
    rows = rows_of(client_for("icb"), "demand-time-bands", search)
    reader = dashboard.server.extensions["switchboard_reader"]
    cells = [
        tuple(row.values())
        for row in reader.records(
            "SELECT organisation, category, period_start, amount FROM breakdown WHERE subject = 'calls_time_band'"
        )
    ]
    months = {cell[2] for cell in cells if cell[0] == PRACTICES[1] and cell[2].isoformat() >= "2025-11-01"}
    assert len(months) == 11
    for row in rows:
        own = sum(
            cell[3] for cell in cells if cell[0] == PRACTICES[1] and cell[2] in months and cell[1] == row["category"]
        )
        england = sum(
            cell[3] for cell in cells if cell[0] == ENGLAND and cell[2] in months and cell[1] == row["category"]
        )
        assert (int(row["amount"]), int(row["england_amount"])) == (own, england)
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)


@pytest.mark.parametrize(
    "search",
    [f"?organisation={code}&period={period}" for code in (ICB, PRACTICES[1], CLOSED) for period in (12, "all")],
)
def test_coverage_agrees_with_a_slow_count(dashboard: Dash, search: str) -> None:
    scope = Scope.parse("icb")
    with dashboard.server.app_context():
        view = views.resolve(scope, search)
        found = data.coverage(scope, view)
        stored = source.reader().records("SELECT * FROM coverage")
    assert view.first_month is not None
    assert view.last_month is not None
    held: dict[tuple[str, str], dict[date, bool]] = {}
    for row in stored:
        if view.first_month <= row["period_start"] <= view.last_month:
            held.setdefault((row["practice"], row["feed"]), {})[row["period_start"]] = row["has_data"]
    wanted = [view.organisation.code] if view.organisation.kind == "practice" else [c for c in PRACTICES if c != CLOSED]
    expected = []
    for (practice, feed), months in sorted(held.items()):
        if practice in wanted:
            had = [months[month] for month in sorted(months)]
            missing = [month for month in sorted(months) if not months[month]]
            pattern = "".join("1" if each else "0" for each in had)
            expected.append((practice, feed, sum(had), len(had), missing, pattern))
    keys = ("practice", "feed", "months", "expected", "missing", "pattern")
    assert [tuple(row[key] for key in keys) for row in found] == expected


def test_templates_are_those_of_the_folder_and_their_dictionary_tells_every_column(client_for: Clients) -> None:
    client = client_for("practice")
    listed = {path.name: path.read_text(encoding="utf-8") for path in templates.FOLDER.glob("*.csv")}
    assert set(listed) == set(templates.TITLES)
    for name, text in listed.items():
        with client.get(f"/templates/{name}") as answer:
            assert (answer.status_code, answer.text) == (200, text)
            assert name in answer.headers["Content-Disposition"]
    told: dict[str, list[str]] = {}
    for dictionary in ("rollout_dictionary.csv", "navigation_dictionary.csv"):
        for row in csv.DictReader(io.StringIO(listed[dictionary])):
            told.setdefault(row["file"], []).append(row["column"])
    for name in ("rollout.csv", "rollout_capability.csv", "rollout_funding.csv", "navigation.csv", "training.csv"):
        assert set(listed[name].splitlines()[0].split(",")) <= set(told[name]), name


def test_csv_guards_text_that_a_spreadsheet_would_run(client_for: Clients) -> None:
    (row,) = rows_of(client_for("icb"), "data-refused-files")
    assert row["file_name"] == "'=report.csv"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r1", "\n1", " =1+1", "\ufeff=1", "＝1+1", "\x001"]
)
def test_every_text_that_a_spreadsheet_would_run_is_guarded_as_in_exports(text: str) -> None:
    assert answers.csv_cell(text) == guarded(text) == "'" + text
    assert answers.csv_cell("St John's = 1") == guarded("St John's = 1") == "St John's = 1"
    assert answers.csv_cell(-0.25) == -0.25


@pytest.mark.parametrize("name", sorted(charts()))
@pytest.mark.parametrize("who", ["practice", "pcn"])
def test_nobody_sees_a_practice_that_is_not_theirs(dashboard: Dash, client_for: Clients, name: str, who: str) -> None:
    """Neither by asking for it, nor inside an answer that is theirs to ask for."""
    client = client_for(who)
    others = set(PRACTICES) - ({PRACTICES[0]} if who == "practice" else set(PRACTICES[::4]))
    for code in (PRACTICES[1], "A99999"):
        assert client.get(f"/csv/{name}?organisation={code}").status_code == 404
    assert json.dumps(panel(dashboard, client, name, f"?organisation={PRACTICES[1]}")) == json.dumps(
        panel(dashboard, client, name, "?organisation=A99999")
    ).replace("A99999", PRACTICES[1])
    answer = client.get(f"/csv/{name}")
    assert answer.status_code == (404 if name in ICB_ONLY else 200)
    text = answer.text + json.dumps(panel(dashboard, client, name))
    assert not [code for code in others if code in text]


@pytest.mark.parametrize("path", ["/", "/demand", "/data"])
def test_pages_offer_a_practice_manager_no_other_practice(client_for: Clients, path: str) -> None:
    text = page(client_for("practice"), path)
    assert PRACTICES[0] in text
    assert not [code for code in (*PRACTICES[1:], *PCNS) if code in text]


def test_anonymous_peers_have_neither_code_nor_name(client_for: Clients) -> None:
    rows = rows_of(client_for("practice"), "demand-practices")
    assert len(rows) == 23
    assert [row["organisation"] for row in rows if row["name"]] == [PRACTICES[0]]


@pytest.mark.parametrize(
    "search",
    [
        "?organisation=%27%3B+DROP+TABLE+load",
        "?period=9999",
        "?measure=nothing",
        "?" + "a=1&" * 500,
        "?organisation=" + "A" * 4000,
    ],
)
def test_strange_addresses_are_answered_in_words(dashboard: Dash, client_for: Clients, search: str) -> None:
    client = client_for("icb")
    assert page(client, "/demand", search)
    assert panel(dashboard, client, "demand-trend", search)


def test_an_address_longer_than_a_browser_sends_is_not_split_into_parts(dashboard: Dash, client_for: Clients) -> None:
    """Dash's endpoint takes megabytes; half a million parts held a worker for seconds."""
    too_long = "?" + "a=1&" * 2000 + "organisation=A99001"
    body = body_of(
        ".._pages_content.children..._pages_store.data..",
        [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
        [
            {"id": "_pages_location", "property": "pathname", "value": "/demand"},
            {"id": "_pages_location", "property": "search", "value": too_long},
        ],
    )
    answer = client_for("icb").post(UPDATE, json=body, headers={"Origin": "http://localhost"})
    assert (answer.status_code, answer.text) == (400, "The address of the page is too long.\n")
    assert parse_search(too_long) == {"a": "1"}
    assert panel(dashboard, client_for("icb"), "demand-trend", too_long)


def test_one_user_cannot_fill_the_memory_with_answers(dashboard: Dash, client_for: Clients) -> None:
    """Every word in the address makes another view; the largest panels are of hundreds of kilobytes."""
    for number in range(300):
        assert panel(dashboard, client_for("icb"), "data-loads", f"?word={number}")
    assert answers._panel.cache_info().currsize == 256  # type: ignore[attr-defined]


def test_a_new_generation_is_served_without_a_restart(tmp_path: Path) -> None:
    publish(tmp_path / "published")
    app = build(tmp_path)
    client = signed_in(app, "icb")
    assert "Synthetic data" in page(client, "/")
    publish(tmp_path / "published", "switchboard-000002.duckdb", synthetic=False)
    assert "Synthetic data" not in page(client, "/")
    app.server.extensions["access"].engine.dispose()


@pytest.mark.parametrize("path", ["/", "/demand", "/data", "/definitions"])
def test_before_the_first_night_every_page_says_what_to_do(tmp_path: Path, path: str) -> None:
    app = build(tmp_path)
    client = signed_in(app, "icb")
    assert "icb-etl nightly" in page(client, path)
    assert client.get("/csv/demand-trend").status_code == 404
    app.server.extensions["access"].engine.dispose()


@pytest.mark.parametrize("path", ["/", "/demand", "/data", "/definitions"])
def test_an_empty_generation_still_has_pages(tmp_path: Path, path: str) -> None:
    publish(tmp_path / "published", empty=True)
    app = build(tmp_path)
    client = signed_in(app, "icb")
    assert '"H1"' in page(client, path)
    for name in charts():
        assert panel(app, client, name)
    app.server.extensions["access"].engine.dispose()


def test_every_chart_colour_has_a_dark_counterpart() -> None:
    css = (Path(__file__).parents[2] / "dashboard" / "assets" / "switchboard.css").read_text()
    for colour in COLOURS:
        red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
        assert f"rgb({red}, {green}, {blue})" in css, colour


def test_no_chart_uses_a_colour_without_a_name(dashboard: Dash, client_for: Clients) -> None:
    def colours(value: Any) -> set[str]:
        return set(re.findall(r"#[0-9a-f]{6}\b", json.dumps(value)))

    found = {colour for name in charts() for colour in colours(panel(dashboard, client_for("icb"), name))}
    assert found <= set(COLOURS)
