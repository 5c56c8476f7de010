"""Marts and measures against a slow oracle in plain Python: every value of every measure at every level."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from etl.analysis import spc
from etl.measures.registry import measures
from tests.etl import small_home as home
from tests.etl.marts import oracle
from tests.etl.marts.conftest import Ask
from tests.etl.small_home import AUG, DEC, JUL, NOV, OCT, SEP

Key = tuple[str, str, str, date]


@pytest.fixture(scope="session")
def found(published: Ask) -> dict[Key, tuple[Any, ...]]:
    rows = published(
        "SELECT measure, level, organisation, period_start, numerator, denominator, value, practices_counted, "
        "practices_expected FROM measure_value WHERE period_kind = 'month'"
    )
    return {tuple(row.values())[:4]: tuple(row.values())[4:] for row in rows}  # type: ignore[misc]


@pytest.mark.parametrize("measure", oracle.MEASURES)
def test_every_value_at_every_level_is_the_oracles(found: dict[Key, tuple[Any, ...]], measure: str) -> None:
    expected = {key: value for key, value in oracle.values().items() if key[0] == measure}
    mine = {key: value for key, value in found.items() if key[0] == measure}
    assert sorted(mine) == sorted(expected)
    assert {key[1] for key in mine} >= {"sub_icb", "icb", "region", "england"}
    for key, value in expected.items():
        assert mine[key] == pytest.approx(value), key


def test_no_other_measure_has_a_value_here(found: dict[Key, tuple[Any, ...]]) -> None:
    assert {key[0] for key in found} == set(oracle.MEASURES)
    assert set(oracle.MEASURES) <= set(measures())


def test_the_home_has_the_cases_that_it_is_for(found: dict[Key, tuple[Any, ...]]) -> None:
    """The oracle agreeing proves nothing of a case that does not occur."""
    rate = "calls_inbound_per_1000"
    # two and three months old lists are used, an older one is not; the count stays
    assert oracle.patients("Z91006", OCT) == home.patients(JUL, "Z91006")
    assert oracle.patients("Z91006", NOV) is None
    assert found[rate, "practice", "Z91007", JUL][1:3] == (None, None)
    assert found[rate, "practice", "Z91007", JUL][0] > 0
    # a closed practice stays in the past; the one that moved is in each PCN in its time
    assert found["coverage_published_calls", "pcn", "U91002", JUL][1] == 2
    assert ("coverage_published_calls", "practice", "Z91003", AUG) not in found
    assert oracle.pcn_of("Z91002", AUG) != oracle.pcn_of("Z91002", SEP)
    # no calls in September; December's ten days are no month; November only where it is whole
    assert {key[3] for key in found if key[0] == rate} == {JUL, AUG, OCT, NOV}
    assert {key[2] for key in found if key[0] == rate and key[3] == NOV and key[1] == "icb"} == {"QZZ"}
    # a shared account counts above the practices, and a publication's practice without ODS counts
    of_practices = sum(v[0] for k, v in found.items() if k[0] == rate and k[1] == "practice" and k[3] == JUL)
    assert found[rate, "england", "ENG", JUL][0] > of_practices
    assert ("calls_answered", "practice", home.BY_PUBLICATION_ALONE, JUL) in found
    assert not any(key[2] == "Unassigned" for key in found)


def test_a_series_is_charted_with_its_gap(published: Ask) -> None:
    rows = published(
        "SELECT * FROM measure_value WHERE measure = 'calls_missed' AND organisation = 'Z91001' ORDER BY period_start"
    )
    by_month = {row["period_start"]: row for row in rows}
    assert list(by_month) == [JUL, AUG, OCT, NOV]
    months = [JUL, AUG, SEP, OCT, NOV]
    series = [by_month[month]["value"] if month in by_month else np.nan for month in months]
    points = spc.xmr(series, better="lower").points
    for month, point in zip(months, points.itertuples(), strict=True):
        if month in by_month:
            expected = (point.mean, point.lower_limit, point.upper_limit)
            assert tuple(by_month[month][n] for n in ("mean", "lower_limit", "upper_limit")) == pytest.approx(expected)


def test_outcomes_are_split_and_nothing_is_lost(published: Ask) -> None:
    """The split by category adds up to the measure's own numerator."""
    for subject, measure in (
        ("appointments_mode", "appointments_per_1000"),
        ("appointments_staff_group", "appointments_per_1000"),
        ("appointments_status", "appointments_per_1000"),
        ("appointments_booking_wait", "appointments_per_1000"),
        ("online_type", "online_requests_per_1000"),
    ):
        different = published(
            f"""
            SELECT * FROM (SELECT organisation, level, period_start, sum(amount) AS parts FROM breakdown
                WHERE subject = '{subject}' GROUP BY ALL) AS b
            FULL JOIN (SELECT organisation, level, period_start, numerator FROM measure_value
                WHERE measure = '{measure}') AS v USING (organisation, level, period_start)
            WHERE parts IS DISTINCT FROM numerator
            """
        )
        assert different == [], subject


def test_time_bands_of_england_are_the_national_table(published: Ask) -> None:
    rows = published(
        "SELECT category, amount FROM breakdown WHERE subject = 'calls_time_band' AND level = 'england' "
        f"AND period_start = '{JUL}'"
    )
    expected = {
        band: sum(counts[place] for _, counts in home.england_days()) for place, band in enumerate(home.TIME_BANDS)
    }
    assert {row["category"]: row["amount"] for row in rows} == expected


def test_coverage_names_each_open_practice_and_source(published: Ask) -> None:
    rows = published("SELECT practice, period_start, feed, has_data FROM coverage")
    found = {(row["practice"], row["period_start"], row["feed"]): row["has_data"] for row in rows}
    assert len(rows) == len(found)
    expected = {}
    for month in (JUL, AUG, OCT, NOV):
        has = {code for (code, _), row in oracle.calls_of(month).items() if row.get("inbound") is not None}
        expected |= {
            (code, month, "published_calls"): code in has for code in home.PRACTICES if oracle.is_open(code, month)
        }
    assert {key: value for key, value in found.items() if key[2] == "published_calls"} == expected


def test_where_a_publication_and_membership_disagree(published: Ask) -> None:
    """October's workbook has Z91001 in another PCN than ePCN."""
    rows = published("SELECT * FROM area_disagreement WHERE feed = 'published_calls' AND practice = 'Z91001'")
    assert [tuple(row.values()) for row in rows] == [("published_calls", "Z91001", OCT, "pcn", "U91002", "U91001")]


def test_the_newest_list_of_each_practice(published: Ask) -> None:
    rows = published("SELECT code, patients, patients_on FROM organisation WHERE kind = 'practice' AND patients > 0")
    newest = {code: max(month for month in home.LISTED if code in home.LISTED[month]) for code in home.LISTED[JUL]}
    assert {row["code"]: (row["patients"], row["patients_on"]) for row in rows} == {
        code: (home.patients(month, code), month) for code, month in newest.items()
    }


def test_its_own_organisations_are_marked(published: Ask) -> None:
    own = {row["code"] for row in published("SELECT code FROM organisation WHERE is_own")}
    assert own == {"QZZ", "91Z", "U91001", "U91002"} | {code for code in home.PRACTICES if code.startswith("Z91")}


def test_months_run_without_gaps(published: Ask) -> None:
    months = {row["period_start"] for row in published("SELECT DISTINCT period_start FROM coverage")}
    assert months <= {JUL, AUG, SEP, OCT, NOV, DEC}
