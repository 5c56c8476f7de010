"""The page Care navigation over real files: each panel for each scope, what it says, and that it adds up."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dash import Dash

from dashboard import answers
from dashboard.access import Scope
from dashboard.app import create_app
from dashboard.charts import navigation as draw
from dashboard.page import charts
from dashboard.pages import _training
from dashboard.pages import navigation as page
from dashboard.pages.data import UNMAPPED
from dashboard.queries import navigation, organisations
from dashboard.queries.views import resolve
from dashboard.view import Organisation, View
from etl.feeds.navigation import CATEGORIES, DESTINATIONS
from etl.settings import Settings
from tests.dashboard.access.house import settings_for
from tests.dashboard.generation import PCNS, PRACTICES, publish
from tests.dashboard.one_app import keep_pages
from tests.etl.navigation_files import publish_july

ICB, PCN, PRACTICE = Scope.parse("icb"), Scope.parse("pcn:U91001"), Scope.parse("practice:Z91001")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dash]:
    """The dashboard over three practices' records of July 2025."""
    home = Settings(home=tmp_path_factory.mktemp("home"), code=("QZZ",))
    folder = tmp_path_factory.mktemp("files")
    publish_july(home, folder)
    app = keep_pages(create_app(home, settings_for(home.home)))
    yield app
    app.server.extensions["access"].engine.dispose()
    shutil.rmtree(home.home)


def text_of(component: Any) -> str:
    return json.dumps(component, ensure_ascii=False)


def panel(app: Dash, scope: Scope, name: str, search: str = "") -> str:
    with app.server.app_context():
        return text_of(answers.panel_answer(scope, name, search))


def rows_of(app: Dash, scope: Scope, name: str, search: str = "") -> list[dict[str, str]]:
    with app.server.app_context():
        _, text = answers.csv_answer(scope, name, search)
    return list(csv.DictReader(io.StringIO(text)))


def headline(app: Dash, scope: Scope, search: str = "") -> str:
    with app.server.app_context():
        parts = page.layout(scope, resolve(scope, search))
        return " ".join(text_of(part.to_plotly_json() | {"props": str(part)}) for part in parts)


def test_every_destination_and_category_has_words() -> None:
    assert tuple(draw.DESTINATIONS) == DESTINATIONS
    assert tuple(draw.CATEGORIES) == CATEGORIES
    groups = {name: draw.group_of(name) for name in DESTINATIONS}
    assert [name for name in DESTINATIONS if groups[name] == draw.GP] == [
        "gp_same_day", "gp_routine", "named_gp", "duty_doctor",
    ]  # fmt: skip
    assert groups["online_form"] == draw.PRACTICE
    assert groups["nhs_111"] == draw.OUTSIDE
    assert groups["ae_999"] == draw.EMERGENCY


@pytest.mark.parametrize("chart", page.ALL, ids=lambda chart: chart.name)
@pytest.mark.parametrize("scope", [ICB, PCN, PRACTICE], ids=["icb", "pcn", "practice"])
def test_every_panel_answers(app: Dash, chart: Any, scope: Scope) -> None:
    assert charts()[chart.name] is chart
    assert '"type": "H2"' in panel(app, scope, chart.name, "?period=all")


def test_the_page_opens_with_the_rate_and_what_is_not_recorded(app: Dash) -> None:
    said = headline(app, Scope.parse("icb"), "?period=all")
    # of each practice's clinical requests 7 in 9 have a destination, and 4 of those 7 are not a GP's
    assert "of requests redirected in July 2025; " in said
    assert "had no destination recorded" in said
    assert "The national aim is 40.0%" in said
    assert "One of four practices" in said


def test_a_withheld_rate_is_named_with_its_counts(app: Dash) -> None:
    found = rows_of(app, ICB, "navigation-withheld", "?period=all")
    assert {row["organisation"] for row in found} == {"Z91004", "U91002"}
    (row,) = [row for row in found if row["organisation"] == "Z91004"]
    # of eight clinical requests one has no destination, and four went to a GP
    assert (row["redirected"], row["base"], row["months"]) == ("3", "7", "2025-07-01")
    assert row["why"] == "too few requests with a destination: 7, and 30 are needed"
    said = headline(app, ICB, "?period=all&organisation=Z91004")
    assert "The redirection rate of July 2025 is withheld" in said


def test_the_funnel_has_the_aim_and_leaves_out_what_is_withheld(app: Dash) -> None:
    drawn = panel(app, ICB, "navigation-practices", "?period=all")
    assert "aim 40.0%" in drawn
    assert "not a pass mark" in drawn
    assert {row["organisation"] for row in rows_of(app, ICB, "navigation-practices", "?period=all")} == {
        "Z91001", "Z91002",
    }  # fmt: skip


def test_the_day_adds_up_and_is_cut_by_what_became_of_requests(app: Dash) -> None:
    found = rows_of(app, ICB, "navigation-times", "?period=all")
    parts = ("redirected", "to_gp", "not_recorded", "other")
    assert all(int(row["requests"]) == sum(int(row[part]) for part in parts) for row in found)
    assert sum(int(row["requests"]) for row in found) == 222
    # every half-hour between the first and the last has a row
    assert [row["category"] for row in found][:3] == ["08:00", "08:30", "09:00"]
    redirected, to_gp = (sum(int(row[part]) for row in found) for part in ("redirected", "to_gp"))
    whole = next(row for row in rows_of(app, ICB, "navigation-measures") if row["title"] == "Requests redirected")
    assert (redirected, redirected + to_gp) == (int(whole["numerator"]), int(whole["denominator"]))


def test_emergencies_are_shown_apart(app: Dash) -> None:
    drawn = panel(app, ICB, "navigation-emergency", "?period=all")
    whole = next(
        row for row in rows_of(app, ICB, "navigation-measures") if row["title"] == "Requests sent to A&E or 999"
    )
    assert f"{whole['numerator']} of {whole['denominator']} clinical requests with a destination" in drawn
    assert "not an aim" in drawn


def test_a_running_total_is_not_judged_by_limits(app: Dash) -> None:
    found = {row["title"]: row for row in rows_of(app, ICB, "navigation-measures")}
    trained = found["Practices with a trained navigator"]
    assert (trained["change"], trained["range"]) == ("a running total", "")
    assert found["Requests redirected"]["change"] != "a running total"


def test_the_flow_adds_up_and_bands_are_as_wide_as_their_requests(app: Dash) -> None:
    found = rows_of(app, ICB, "navigation-flow", "?period=all")
    assert sum(int(row["contacts"]) for row in found) == 222
    assert sum(float(row["share"]) for row in found) == pytest.approx(1)
    rows = [
        {"request_category": "clinical_new", "destination": "nurse", "contacts": 30},
        {"request_category": "clinical_new", "destination": "gp_routine", "contacts": 60},
        {"request_category": "medication", "destination": "nurse", "contacts": 9},
        {"request_category": "medication", "destination": "hca", "contacts": 1},
    ]
    bands = [trace for trace in draw.flow(rows)["data"] if trace.get("text")]
    widths = {trace["text"].split("<br>")[0]: trace["y"][-1] - trace["y"][0] for trace in bands}
    scale = widths["<b>New problem</b> to <b>GP, routine</b>"] / 60
    assert widths["<b>New problem</b> to <b>Nurse</b>"] == pytest.approx(30 * scale)
    # under 2%: with the others of its kind
    assert widths["<b>Medication</b> to <b>Others in the practice</b>"] == pytest.approx(scale)
    assert max(max(trace["y"]) for trace in bands) <= 1 + 1e-9


def test_who_is_left_is_told_and_a_practice_in_no_return_is_not_hidden(app: Dash) -> None:
    found = {row["practice"]: row["state"] for row in rows_of(app, ICB, "navigation-training", "?period=all")}
    assert found == {"Z91001": "trained", "Z91002": "not yet", "Z91004": "in no return", "Z91005": "in no return"}


def test_training_says_what_it_cannot_say(app: Dash) -> None:
    assert "The data cannot say yet" in panel(app, ICB, "navigation-impact", "?period=all")


@pytest.mark.parametrize(
    "name", ["navigation-destinations", "navigation-withheld", "navigation-training", "navigation-calls"]
)
def test_a_practice_sees_no_other_by_name(app: Dash, name: str) -> None:
    found = rows_of(app, PRACTICE, name, "?period=all")
    assert {row.get("organisation") or row.get("practice") for row in found} <= {"Z91001"}
    with app.server.app_context(), pytest.raises(organisations.NoSuchOrganisation):
        answers.csv_answer(PRACTICE, name, "?organisation=Z91002")


def test_unmapped_outcomes_stand_on_the_data_page_for_the_icb_alone(app: Dash) -> None:
    (row,) = rows_of(app, ICB, UNMAPPED.name)
    assert (row["outcome"], row["destination"], row["feed"]) == ("??", "", "Care navigation")
    with app.server.app_context(), pytest.raises(organisations.NoSuchOrganisation):
        answers.csv_answer(PCN, UNMAPPED.name, "")


def test_before_and_after_training_is_drawn_as_it_is_told() -> None:
    answer = {"practices": 14, "controls": 9, "refusal": None}
    rows = [
        {**answer, "months_since": step, "switched": 0.35 + 0.08 * (step > 0), "waiting": 0.36, "gap": gap}
        for step, gap in [(-2, -0.01), (-1, -0.01), (1, 0.07), (2, 0.07)]
    ]
    drawing = _training._path(rows, View(Organisation("QZZ", "icb", "Here")), {})
    assert (
        drawing.title
        == "Practices trained were 1.0 points below the others before training and 7.0 points above them after"
    )
    assert drawing.figure is not None
    trained, waiting = drawing.figure["data"]
    assert trained["x"] == waiting["x"] == [-2, -1, 0, 1, 2]
    # the month of training is left out, and the line breaks there
    assert trained["y"] == [0.35, 0.35, None, pytest.approx(0.43), pytest.approx(0.43)]
    assert "14 practices around their own training, and of nine practices not yet trained" in drawing.subtitle


@pytest.mark.parametrize(
    ("controls", "pcn_sees", "practice_sees"), [(8, False, False), (9, False, True), (14, True, True)]
)
def test_a_mean_of_a_few_practices_is_the_icbs_alone(
    tmp_path: Path, controls: int, pcn_sees: bool, practice_sees: bool
) -> None:
    """One of two that wait knows the other's months from their mean. The PCN has six open practices, and needs eight
    others beside them."""
    path = publish(tmp_path / "published")
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "INSERT INTO measure (measure, title, unit) VALUES ('navigation_redirected', 'x', 'percent')"
        )
        connection.execute(
            "INSERT INTO impact (measure, practices, controls) VALUES ('navigation_redirected', 20, ?)", [controls]
        )
        connection.execute("INSERT INTO impact_path VALUES ('navigation_redirected', 1, 0.5, 0.4)")
    app = keep_pages(create_app(Settings(home=tmp_path), settings_for(tmp_path)))
    with app.server.app_context():
        for scope, sees in (
            (ICB, True),
            (Scope("pcn", PCNS[1]), pcn_sees),
            (Scope("practice", PRACTICES[1]), practice_sees),
        ):
            view = resolve(scope, "")
            assert bool(navigation.impact_path(scope, view)) == sees, scope
            assert navigation.impact(scope, view), "the change and its interval are everybody's"
    app.server.extensions["access"].engine.dispose()


def test_an_answer_that_the_placebo_contradicts_is_no_headline() -> None:
    row = {
        "title": "Requests redirected",
        "sentence": "…",
        "refusal": None,
        "estimate": 0.08,
        "lower": 0.05,
        "upper": 0.11,
    }
    view = View(Organisation("QZZ", "icb", "Here"))
    sure = _training._impact([{**row, "placebo_differs": False}], view, {})
    assert sure.title == "After training, 8.0 points more requests redirected"
    unsure = _training._impact([{**row, "placebo_differs": True}], view, {})
    assert unsure.title == "Did training change it? The practices were moving apart before, so nobody can say"
