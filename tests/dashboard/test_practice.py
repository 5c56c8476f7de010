"""A practice's page: its sentences from the data, similar practices, and no data said where there is none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from dash import Dash
from flask.testing import FlaskClient

from dashboard import practice_findings as say
from dashboard.access import Scope
from dashboard.pages.practice import unrecorded
from dashboard.queries import call_logs, organisations, peers, practice, views
from tests.dashboard.conftest import build, page, panel, signed_in
from tests.dashboard.generation import CLOSED, GAP, ICB, MONTHS, NAME, PCNS, PRACTICES, publish
from tests.dashboard.marked import publish_marked

Clients = Callable[[str], FlaskClient]
OWN = PRACTICES[0]
CHARTS = (
    "practice-monday", "practice-calls", "practice-compared", "practice-destinations", "practice-telephony",
    "practice-training", "practice-data",
)  # fmt: skip


def text_of(parts: Any) -> str:
    """All the words in a component's dictionary."""
    if isinstance(parts, dict):
        return " ".join(text_of(parts.get(key)) for key in ("props", "children", "data-table") if key in parts)
    if isinstance(parts, list):
        return " ".join(map(text_of, parts))
    return parts if isinstance(parts, str) else ""


def asked(app: Dash, scope: str, search: str, query: Callable[..., Any]) -> Any:
    """What a query answers for this scope and view."""
    with app.server.app_context():
        who = Scope.parse(scope)
        return query(who, views.resolve(who, search))


@pytest.mark.parametrize(
    ("path", "status"), [(OWN, 200), (OWN.lower(), 200), (PRACTICES[1], 404), ("A99999", 404), (PCNS[0], 404)]
)
def test_the_page_is_there_for_its_own_manager_only(client_for: Clients, path: str, status: int) -> None:
    assert client_for("practice").get(f"/practice/{path}").status_code == status


def test_a_closed_practice_still_has_its_page(client_for: Clients) -> None:
    said = page(client_for("icb"), f"/practice/{CLOSED}")
    assert "closed 31 Mar 2025" in said
    assert "this practice closed on 31 Mar 2025" in said
    assert "look again when next month" not in said
    assert "fewer than 8 practices" not in said


def test_the_page_opens_with_what_changed_and_what_to_do(client_for: Clients) -> None:
    text = page(client_for("practice"), f"/practice/{OWN}")
    assert "Aldermere Surgery" in text
    # planted: missed calls fall by a third, and this practice answers far fewer calls than the others
    assert "Calls missed fell to" in text
    assert "a real change, not chance" in text
    assert "Worse than most similar practices" in text
    assert "Find out where callers are lost" in text
    assert "nearest in list size; deprivation, age profile and rurality not known" in text


def test_every_figure_has_its_definition(client_for: Clients) -> None:
    text = page(client_for("practice"), f"/practice/{OWN}")
    for title in ("Calls answered within 2 minutes", "Appointments not attended", "Online requests per 1,000 patients"):
        assert text.count(title) >= 1
    assert "as NHS England counts them" in text


def test_no_change_is_claimed_on_fewer_than_twelve_points(tmp_path: Path) -> None:
    """The planted change is claimed with all months, and not when only eleven of them have been published."""
    path = publish(tmp_path / "published")
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM measure_value WHERE period_start < ?", [MONTHS[-11]])
        connection.execute("UPDATE measure_value SET variation = 'concern_high', special_cause = 'Above UCL'")
    app = build(tmp_path)
    client = signed_in(app, "practice")
    text = page(client, f"/practice/{OWN}")
    assert "Too early to speak of change" in text
    assert "real change, not chance" not in text
    for path_ in ("/", "/demand"):
        assert "real change, not chance" not in page(client, path_), path_
    app.server.extensions["access"].engine.dispose()


@pytest.mark.parametrize("name", CHARTS)
def test_every_panel_answers_where_there_is_nothing(dashboard: Dash, client_for: Clients, name: str) -> None:
    """The invented generation has no tracker, navigation, training or call logs."""
    said = text_of(panel(dashboard, client_for("practice"), name))
    assert said
    if name in ("practice-destinations", "practice-telephony", "practice-training"):
        assert "No data" in said
    if name == "practice-monday":
        assert "no call logs are loaded" in said


def test_a_generation_of_an_older_version_is_said_to_be_one(tmp_path: Path) -> None:
    path = publish(tmp_path / "published")
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE rollout DROP COLUMN line_type")
    app = build(tmp_path)
    client = signed_in(app, "practice")
    for address in ("/", "/demand", "/data"):
        assert "icb-etl publish" in page(client, address)
    assert client.get("/csv/demand-trend").status_code == 404
    assert app.server.test_client().get("/readyz").status_code == 503
    app.server.extensions["access"].engine.dispose()


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The app over the generation that has every table."""
    home = tmp_path_factory.mktemp("marked")
    publish_marked(home / "published")
    app = build(home)
    yield app
    app.server.extensions["access"].engine.dispose()


def test_panels_say_what_the_tables_have(marked: Dash) -> None:
    client = signed_in(marked, "practice")
    said = {name: text_of(panel(marked, client, name)) for name in CHARTS}
    assert "80 calls from 08:00 to 09:00 on a Monday; 22.5% of them missed" in said["practice-monday"]
    assert "8 Mondays · one bank holiday left out" in said["practice-monday"]
    assert "Live on digital telephony since 1 May 2024; four capabilities not yet" in said["practice-telephony"]
    assert f"Supplier of {OWN}" in said["practice-telephony"]
    # 40, 50, 60 and 70 a month: 110 of 150 with a destination went elsewhere, 70 of 220 have none
    assert "73.3% of requests went elsewhere than to a GP; 31.8% not recorded" in said["practice-destinations"]
    assert "Three people trained in care navigation" in said["practice-training"]
    assert "Every month that was due is here" in said["practice-data"]
    assert "to October 2026 · as published" in said["practice-calls"]
    assert "practices" not in said["practice-calls"].split("to October 2026")[0], "one of one is no coverage"


def test_shares_are_told_of_as_many_requests_as_the_setting_asks(marked: Dash, monkeypatch: pytest.MonkeyPatch) -> None:
    for least, told in ((900, "73.3% of requests"), (901, "Only 900 requests with a recorded destination")):
        monkeypatch.setitem(marked.server.config, "NAVIGATION_MINIMUM_BASE", least)
        rows = asked(marked, f"practice:{OWN}", f"?org={OWN}", practice.destinations)
        assert told in say.destinations_title(rows)


def test_bank_holidays_are_no_ordinary_mondays(marked: Dash) -> None:
    path = marked.server.extensions["switchboard_reader"].engine().url.database
    rows = asked(marked, f"practice:{OWN}", "", practice.monday)
    assert Path(path).name == NAME
    assert {(row["mondays"], row["left_out"]) for row in rows} == {(8, 1)}  # and 31 August is a bank holiday
    assert [row["label"] for row in rows][:3] == ["08:00", "08:30", "09:00"]
    assert rows[0]["calls"] == 40
    earlier = asked(marked, f"practice:{OWN}", "?period=12&ending=2026-09", practice.monday)
    assert {(row["mondays"], row["left_out"]) for row in earlier} == {(4, 1)}


def test_both_pages_have_the_same_monday(marked: Dash) -> None:
    """`/demand` and the practice's page once worked out a Monday each, over different months."""
    for search in ("", "?period=12&ending=2026-09"):
        here = asked(marked, f"practice:{OWN}", search, practice.monday)
        there = asked(marked, f"practice:{OWN}", search, call_logs.open_hours)
        for name in ("label", "calls", "answered", "missed", "other"):
            assert [row[name] for row in here] == [row[name] for row in there]
        assert {row["mondays"] for row in here} == {row["days"] for row in there}


def test_similar_practices_agree_with_a_slow_search(marked: Dash) -> None:
    found = asked(
        marked,
        "icb",
        f"?organisation={OWN}",
        lambda scope, view: peers.against_similar(scope, view, {"calls_missed": "percent"}),
    )
    reader = marked.server.extensions["switchboard_reader"]
    known = {row["code"]: row for row in reader.records("SELECT * FROM organisation WHERE kind = 'practice'")}
    candidates = [row for code, row in known.items() if code not in (OWN, CLOSED)]
    everyone = [known[OWN], *candidates]
    sizes = np.log([row["patients"] for row in everyone])
    scores = np.array([row["imd_score"] for row in everyone])
    apart = [
        ((np.log(row["patients"]) - sizes[0]) / sizes.std()) ** 2 + ((row["imd_score"] - scores[0]) / scores.std()) ** 2
        for row in candidates
    ]
    near = [candidates[place]["code"] for place in sorted(range(len(apart)), key=lambda place: apart[place])][:10]
    values = []
    for code in near:
        rows = reader.records(
            "SELECT * FROM measure_value WHERE measure = 'calls_missed' AND organisation = :code "
            "AND period_start >= :first",
            code=code,
            first=MONTHS[-24],
        )
        values.append(sum(row["numerator"] for row in rows) / sum(row["denominator"] for row in rows))
    middle = sorted(values)[4:6]
    assert found["calls_missed"]["practices"] == 10
    assert found["calls_missed"]["median"] == pytest.approx(sum(middle) / 2, rel=0.06)
    assert found["calls_missed"]["median"] == float(f"{found['calls_missed']['median']:.2g}")


def test_the_age_profile_counts_where_it_is_known(tmp_path: Path) -> None:
    path = publish_marked(tmp_path / "published")
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE organisation SET aged_65_share = 0.1 + hash(code) % 20 / 100.0, patients = 9000")
        connection.execute("UPDATE organisation SET imd_score = 20")
        near = connection.execute(
            "SELECT code FROM organisation WHERE kind = 'practice' AND code <> ? AND closed IS NULL "
            "ORDER BY abs(aged_65_share - (SELECT aged_65_share FROM organisation WHERE code = ?)), code LIMIT 20",
            [OWN, OWN],
        ).fetchall()
    app = build(tmp_path)
    said = page(signed_in(app, "practice"), f"/practice/{OWN}")
    assert "nearest in list size, deprivation and age profile; rurality not known" in said
    with app.server.app_context():
        assert peers._nearest(OWN)[1] == tuple(code for (code,) in near)
    app.server.extensions["access"].engine.dispose()


def test_fewer_than_eight_similar_practices_are_no_distribution(tmp_path: Path) -> None:
    path = publish(tmp_path / "published")
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "DELETE FROM measure_value WHERE measure = 'calls_missed' AND level = 'practice' AND organisation NOT IN "
            "(SELECT unnest(?))", [list(PRACTICES[:9])],
        )  # fmt: skip
    app = build(tmp_path)
    found = asked(
        app, f"practice:{OWN}", "", lambda scope, view: peers.against_similar(scope, view, {"calls_missed": "percent"})
    )
    # eight others remain, one of them closed: seven
    assert found["calls_missed"]["median"] is None
    assert found["calls_missed"]["practices"] == 0
    app.server.extensions["access"].engine.dispose()


def test_a_total_of_few_practices_is_not_shown_to_one_of_them(tmp_path: Path) -> None:
    path = publish(tmp_path / "published")
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "UPDATE measure_value SET practices_counted = 8 WHERE measure = 'calls_missed' AND level = 'icb' "
            "AND period_start = ?", [GAP],
        )  # fmt: skip
    app = build(tmp_path)
    client, icb = signed_in(app, "practice"), signed_in(app, "icb")
    url = f"/csv/demand-trend?organisation={ICB}&measure=calls_missed"
    (gap,) = [line for line in client.get(url).text.splitlines() if line.startswith(GAP.isoformat())]
    assert gap.strip(",") == GAP.isoformat()
    assert not icb.get(url).text.count(gap)
    text = client.get(f"/api/v1/measures.csv?organisation={ICB}&measure=calls_missed").text
    assert GAP.isoformat() not in text
    assert GAP.isoformat() not in client.get(f"/csv/demand-outcomes?organisation={ICB}").text
    app.server.extensions["access"].engine.dispose()


def test_a_future_member_is_not_seen_yet(tmp_path: Path) -> None:
    path = publish(tmp_path / "published")
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "INSERT INTO membership (child, parent, from_date, child_kind, parent_kind) "
            "VALUES (?, ?, DATE '2099-01-01', 'practice', 'pcn')", [PRACTICES[1], PCNS[0]],
        )  # fmt: skip
    app = build(tmp_path)
    assert signed_in(app, "pcn").get(f"/practice/{PRACTICES[1]}").status_code == 404
    with app.server.app_context(), pytest.raises(organisations.NoSuchOrganisation):
        organisations.find(Scope("pcn", PCNS[0]), PRACTICES[1])
    app.server.extensions["access"].engine.dispose()


def row(**changes: Any) -> dict[str, Any]:
    """A row of `queries.practice.compared` that says nothing out of the ordinary."""
    usual = {
        "measure": "calls_missed", "title": "Calls missed", "unit": "percent", "better": "lower", "month": MONTHS[-1],
        "latest": 0.1, "variation": "common_cause", "special_cause": "Common Cause", "points": 30, "england": 0.1,
        "value": 0.1, "lower_quartile": 0.08, "median": 0.1, "upper_quartile": 0.12, "practices": 10,
        "judgement": "within",
    }  # fmt: skip
    return {**usual, **changes}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "Much like similar practices"),
        ({"value": 0.2, "judgement": "above"}, "Worse than most similar practices"),
        ({"value": 0.05, "judgement": "below"}, "Better than most similar practices"),
        ({"judgement": "above", "better": "neither"}, "Much like similar practices"),
        ({"judgement": None}, "Not compared with similar practices"),
    ],
)
def test_sentences_beside_similar_practices(changes: dict[str, Any], says: str) -> None:
    assert say.against_similar([row(**changes)], "few", "Nov 2025 to Oct 2026")[0].claim == says


def test_next_steps_rest_on_figures_and_are_few() -> None:
    telephony = [
        {"kind": "stage", "item": "live", "state": "reached", "planned": None, "supplier": "Holtcall"},
        {"kind": "capability", "item": "queue_position", "state": "held"},
        {"kind": "capability", "item": "call_back", "state": "not_held"},
    ]
    training = [{"item": "funded_completed", "day": None, "people": None}]
    missing = [{"feed": "online_requests", "missing": [MONTHS[-1]]}]
    worse = row(value=0.2, judgement="above")
    steps = say.next_steps([worse], [], telephony, 0.45, missing, training)
    assert [step.claim for step in steps] == [
        "Put people where calls are missed",
        "Find out why online requests data is missing",
        "Ask Holtcall to turn on call-back",
    ]
    steps = say.next_steps([row()], [], [], 0.45, [], training)
    assert [step.claim for step in steps] == [
        "Record where each request goes",
        "Take up the funded care navigation place",
    ]
    assert [step.claim for step in say.next_steps([row()], [], [], None, [], [])] == [say.NOTHING]


@pytest.mark.parametrize(
    ("missed", "says"),
    [
        (14, "154 of 550 calls missed (28.0%) on 11 ordinary Mondays"),
        (5, "55 of 550 calls missed (10.0%) on 11 ordinary Mondays"),
        (4, None),
    ],
)
def test_a_bad_first_hour_of_a_monday_asks_for_action(missed: float, says: str | None) -> None:
    """More than a quarter lost at the worst hour is never `nothing to do`, however usual it is there."""
    hours = [("08:00", 30, missed), ("08:30", 20, 0), ("09:00", 25, 4)]
    monday = [{"label": at, "calls": calls, "missed": lost, "mondays": 11} for at, calls, lost in hours]
    steps = say.next_steps([row()], monday, [], None, [], [])
    if says is None:
        assert [step.claim for step in steps] == [say.NOTHING]
    else:
        assert steps[0].claim == "Put more people on the phones on Mondays from 08:00 to 09:00"
        assert says in steps[0].rest
        published = [{**each, "mondays": None} for each in monday]
        assert say.next_steps([row()], published, [], None, [], [])[0].claim == say.NOTHING


def test_what_has_too_few_months_is_not_said_to_be_within_its_usual_range() -> None:
    said = say.changed([row(), row(measure="calls_answered", points=5)], {}, {})
    assert (
        said.rest == ": all that can be judged (1 of 2) are within the usual range; of the others there are fewer "
        "than 12 months."
    )
    assert say.changed([row(), row()], {}, {}).rest == ": every measure is within the usual range."


def test_a_change_for_the_worse_comes_before_what_only_differs() -> None:
    differs = row(measure="calls_answered", value=0.2, judgement="below", better="higher")
    worsened = row(variation="concern_high", special_cause="Above UCL", judgement=None)
    steps = say.next_steps([differs, worsened], [], [], None, [], [])
    assert steps[0].claim == "Put people where calls are missed"
    assert "in October 2026" in steps[0].rest


@pytest.mark.parametrize(
    ("value", "size", "low", "high", "unit", "found"),
    [
        (0.385, 50_000, 0.58, 0.66, "percent", "below"),
        (0.70, 50_000, 0.58, 0.66, "percent", "above"),
        (0.60, 50_000, 0.58, 0.66, "percent", "within"),
        (0.385, 20, 0.58, 0.66, "percent", "within"),  # 8 of 20: chance explains it
        (0.665, 5_000_000, 0.58, 0.66, "percent", "within"),  # beyond chance, and nobody's concern
        (0.985, 50_000, 0.99, 1.0, "percent", "within"),
        (0.97, 50_000, 0.99, 1.0, "percent", "below"),
        (600.0, 9_000, 450.0, 550.0, "per_1000_patients", "above"),
        (553.0, 9_000_000, 450.0, 550.0, "per_1000_patients", "within"),
        (0.05, 50_000, 0.0, 0.0, "percent", "above"),
    ],
)
def test_beside_similar_practices(value: float, size: float, low: float, high: float, unit: str, found: str) -> None:
    assert peers.beside(value, size, low, high, unit) == found


def test_recording_is_asked_for_where_too_little_of_it_withholds_the_rate(tmp_path: Path) -> None:
    """By the limits that held when the rate was withheld, not by one of the page's own."""
    path = publish_marked(tmp_path / "published")
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "INSERT INTO navigation_withheld (organisation, level, period_start, reason, redirected, base, "
            "not_recorded, clinical, minimum_base, maximum_not_recorded) "
            "VALUES (?, 'practice', ?, 'not_recorded', 9, 90, 10, 100, 30, 0.05)",
            [OWN, MONTHS[-1]],
        )
    app = build(tmp_path)

    def share(code: str, month: Any) -> Any:
        newest = {"period_start": month, "value": 0.1}
        return asked(app, "icb", f"?organisation={code}", lambda scope, view: unrecorded(scope, view, newest))

    assert share(OWN, MONTHS[-1]) == 0.1
    assert share(OWN, MONTHS[-2]) is None, "an earlier month that is not withheld"
    assert share(PRACTICES[1], MONTHS[-1]) is None
    app.server.extensions["access"].engine.dispose()


def test_call_logs_are_expected_from_the_first_on(tmp_path: Path) -> None:
    path = publish_marked(tmp_path / "published")
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "DELETE FROM calls_half_hour WHERE practice_code = ? AND month(local_date) IN (8, 10)", [OWN]
        )
    app = build(tmp_path)
    found = {}
    for code in (OWN, PRACTICES[1]):
        rows = asked(app, "icb", f"?organisation={code}", practice.received)
        found[code] = [(row["months"], row["expected"], row["missing"]) for row in rows if row["feed"] == "call_logs"]
    # from 31 August to 16 November; the view ends with October
    assert found == {OWN: [(1, 2, [MONTHS[-1]])], PRACTICES[1]: [(3, 3, [])]}
    app.server.extensions["access"].engine.dispose()


def test_the_audit_page_lists_what_was_done(dashboard: Dash) -> None:
    from dashboard.access import accounts
    from tests.dashboard.access.house import PASSWORD, sign_in

    database = dashboard.server.extensions["access"]
    accounts.add(database, "<b>ada</b>", "administrator", Scope("icb"), PASSWORD)
    client = dashboard.server.test_client()
    assert sign_in(client, "<b>ada</b>").status_code == 303
    client.get("/csv/demand-trend")
    client.get("/practice/A99999")
    text = text_of(json.loads(page(client, "/admin"))["response"]["_pages_content"]["children"])
    for said in ("Exported", "csv/demand-trend", "Refused", "/practice/A99999", "<b>ada</b>", "command line"):
        assert said in text
    assert "Account added" not in page(client, "/admin", "?before=1")
    assert page(client, "/admin", "?before=x' OR 1=1")
