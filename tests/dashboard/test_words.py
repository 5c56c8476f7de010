"""Figures, dates and findings as people read them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import findings, words
from dashboard.queries.measures import every_month
from dashboard.queries.views import months_before

DEFINITION = {"title": "Calls missed", "unit": "percent"}
ROW = {
    "value": 0.102, "mean": 0.12, "lower_limit": 0.11, "upper_limit": 0.13, "period_start": date(2026, 10, 1),
    "points": 24, "variation": "improvement_low", "special_cause": "7 Points Below CL", "england": 0.104,
}  # fmt: skip


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0.577, "percent", "57.7%"),
        (-0.0, "percent", "0.0%"),
        (-0.0001, "percent", "0.0%"),
        (546.2, "per_1000_patients", "546"),
        (46.21, "per_1000_patients", "46.2"),
        (125, "seconds", "2 min 5 s"),
        (45, "seconds", "45 s"),
        (1234.0, "count", "1,234"),
        (None, "percent", "no data"),
        (float("nan"), "count", "no data"),
    ],
)
def test_values(number: float | None, unit: str, text: str) -> None:
    assert words.value(number, unit) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("08:00-09:59", "08–10"),
        ("18:00 - 18:29", "18–18:30"),
        ("18:30-23:59", "18:30–24"),
        ("dna", "Did not attend"),
        ("new_thing", "new thing"),
    ],
)
def test_categories(name: str, text: str) -> None:
    assert words.category(name) == text


def test_a_category_may_mean_something_else_in_another_subject() -> None:
    assert words.category("other", "appointments_staff_group") == "Other practice staff"
    assert words.category("other", "online_type") == "Other"


def test_month_ranges() -> None:
    months = [date(2025, 6, 1), date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1)]
    assert words.ranges(months) == "Jun 2025, Nov 2025 to Jan 2026"
    assert words.ranges([]) == ""


@given(st.dates(date(1990, 1, 1), date(2090, 12, 1)), st.integers(0, 400))
def test_months_before_is_undone_by_counting_forward(day: date, count: int) -> None:
    month = day.replace(day=1)
    earlier = months_before(month, count)
    assert earlier.day == 1
    assert (month.year - earlier.year) * 12 + month.month - earlier.month == count


@given(st.sets(st.integers(0, 40), min_size=1))
def test_every_month_fills_gaps_and_keeps_what_was_there(places: set[int]) -> None:
    rows = [{"period_start": date(2024 + place // 12, place % 12 + 1, 1), "value": place} for place in sorted(places)]
    filled = every_month(rows)
    assert [row["value"] for row in filled] == [
        place if place in places else None for place in range(min(places), max(places) + 1)
    ]


def test_a_real_change_is_called_one_with_its_rule() -> None:
    said = findings.series_sentence(DEFINITION, ROW)
    assert said.claim == "Calls missed fell to 10.2%"
    assert "seven points in a row below the average: a real change, not chance" in said.rest
    assert said.rest.endswith("England: 10.4%.")
    assert findings.page_title([(DEFINITION, ROW)]) == "Calls missed down to 10.2%, a real change for the better"


@pytest.mark.parametrize("variation", ["common_cause", None])
def test_chance_is_never_called_a_real_change(variation: str | None) -> None:
    row = {**ROW, "variation": variation, "special_cause": "Common Cause"}
    said = findings.series_sentence(DEFINITION, row)
    assert "a real change, not chance" not in said.rest
    assert "no real change" in said.rest
    assert "a real change" not in findings.series_title(DEFINITION, row)


def test_a_headline_does_not_say_no_change_of_what_cannot_be_judged() -> None:
    calm, young = {**ROW, "variation": "common_cause"}, {**ROW, "variation": "common_cause", "points": 3}
    titles = [findings.page_title([(DEFINITION, row) for row in rows]) for rows in ([calm], [calm, young], [young])]
    assert titles == [
        "No real change in getting through or getting seen",
        "No real change where there are months enough to tell",
        "Too few months yet to tell change from chance",
    ]


def test_too_few_points_are_said_to_be_too_few() -> None:
    row = {**ROW, "variation": "common_cause", "lower_limit": None, "upper_limit": None, "mean": None}
    assert "too few months" in findings.series_sentence(DEFINITION, row).rest
    two = {**ROW, "variation": "common_cause", "points": 2}
    assert "usual range" not in findings.series_title(DEFINITION, two)
    assert "usual range" in findings.series_title(DEFINITION, {**two, "points": 12})


def test_funnel_titles() -> None:
    rows = [{"judgement": each} for each in ("above", "within", "below", "above")]
    assert findings.funnel_title(rows, "PCN") == ("Three of 4 PCNs stand outside the 99.8% limits: 2 above, 1 below")
    assert findings.funnel_title([{"judgement": None}], "PCN") == "One PCN compared: too few to judge"
