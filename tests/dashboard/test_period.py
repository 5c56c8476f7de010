"""A period is the last N months up to a chosen month; then nothing later is looked at, on any page."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from dash import Dash
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.access import Scope
from dashboard.queries import measures
from dashboard.queries.views import months, resolve
from tests.dashboard.conftest import page
from tests.dashboard.generation import ICB, MONTHS, PRACTICES

Clients = Callable[[str], FlaskClient]
EARLIER = f"?organisation={ICB}&period=12&ending=2026-03"
WHOLE_ICB = Scope.parse("icb")


@pytest.mark.parametrize(
    ("search", "first", "last"),
    [
        ("?period=12&ending=2026-03", "2025-04", "2026-03"),
        ("?period=all&ending=2026-03", "2024-05", "2026-03"),
        ("?period=36&ending=2024-06", "2024-05", "2024-06"),
        ("?period=12&ending=2026-10", "2025-11", "2026-10"),
        ("?period=12&ending=newest", "2025-11", "2026-10"),
        ("?period=12&ending=2031-01", "2025-11", "2026-10"),
        ("?period=12", "2025-11", "2026-10"),
    ],
)
def test_the_months_of_a_period(dashboard: Dash, search: str, first: str, last: str) -> None:
    with dashboard.server.app_context():
        view = resolve(WHOLE_ICB, search)
        assert months() == MONTHS[::-1]
    assert (f"{view.first_month:%Y-%m}", f"{view.last_month:%Y-%m}") == (first, last)
    # the newest month is not written down: a link to it is of the newest month next year too
    chosen = last != "2026-10"
    assert ("ending=" in view.search()) == chosen
    with dashboard.server.app_context():
        assert resolve(WHOLE_ICB, view.search()) == view


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=12))
def test_any_text_for_the_month_gives_a_period(dashboard: Dash, text: str) -> None:
    with dashboard.server.app_context():
        view = resolve(WHOLE_ICB, "?period=12&ending=" + text)
        assert view.last_month in MONTHS


def test_a_chart_ends_with_the_chosen_month(client_for: Clients) -> None:
    answer = client_for("icb").get(f"/csv/demand-trend{EARLIER}&measure=calls_missed")
    found = [row["period_start"] for row in csv.DictReader(io.StringIO(answer.text))]
    assert found == [month.isoformat() for month in MONTHS if "2025-04" <= f"{month:%Y-%m}" <= "2026-03"]


@pytest.mark.parametrize("path", ["/", "/demand", f"/practice/{PRACTICES[0]}"])
def test_a_page_speaks_of_the_chosen_month_and_of_none_after_it(client_for: Clients, path: str) -> None:
    whole = page(client_for("icb"), path, EARLIER)
    assert "Newest (Oct 2026)" in whole  # the filter offers it
    main = whole[whole.index('"className":"where"') :]
    assert "March 2026" in main
    later = [month for month in MONTHS if month > MONTHS[-8]]
    assert [f"{month:%B %Y}" for month in later if f"{month:%B %Y}" in main] == []


def test_newest_figures_up_to_a_month(dashboard: Dash) -> None:
    with dashboard.server.app_context():
        organisation = resolve(WHOLE_ICB, EARLIER).organisation
        march = measures.latest(WHOLE_ICB, resolve(WHOLE_ICB, EARLIER), ("calls_missed",))["calls_missed"]
        newest = measures.latest(WHOLE_ICB, resolve(WHOLE_ICB, ""), ("calls_missed",))["calls_missed"]
        assert (march["period_start"], newest["period_start"]) == (MONTHS[-8], MONTHS[-1])
        assert march["earlier"][-1] == march["value"] != newest["value"]
        # what has no value since the period began is no news
        old = replace(resolve(WHOLE_ICB, ""), first_month=date(2026, 11, 1))
        assert measures.latest(WHOLE_ICB, old, ("calls_missed",)) == {}
        # before the planted fall of the last eight months, all was still high
        before = measures.signals(WHOLE_ICB, organisation, ("calls_missed",), MONTHS[-9])
        after = measures.signals(WHOLE_ICB, organisation, ("calls_missed",))
        assert {row["period_start"] for row in before[1]} == {MONTHS[-9]}
        assert before[1][0]["variation"].startswith("concern")
        assert all(row["variation"].startswith("improvement") for row in after[1])
        (row, *_) = measures.table_of(WHOLE_ICB, organisation, "pcn", ("calls_missed",), MONTHS[-8])
        assert row["calls_missed"]["period_start"] == MONTHS[-8]
