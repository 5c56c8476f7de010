"""Figures from rows: nothing missing is drawn, and shape says what colour says."""

from datetime import date
from typing import Any

import pytest

from dashboard.charts import bars
from dashboard.charts.rollout import tiles
from dashboard.charts.sparkline import sparkline
from dashboard.charts.spc import MARKS, spc


def row(month: int, value: float | None, variation: str | None = "common_cause", mean: float = 0.5) -> dict[str, Any]:
    """One month of a series."""
    known = value is not None
    return {
        "period_start": date(2026, month, 1), "value": value, "variation": variation if known else None,
        "mean": mean if known else None, "lower_limit": mean - 0.1 if known else None,
        "upper_limit": mean + 0.1 if known else None, "special_cause": "Common Cause" if known else None,
    }  # fmt: skip


def test_each_kind_of_point_has_a_shape_of_its_own() -> None:
    assert len({symbol for _, symbol, _, _ in MARKS.values()}) == len(MARKS)
    rows = [row(1, 0.5), row(2, 0.7, "improvement_high"), row(3, 0.3, "concern_low"), row(4, 0.7, "neutral_high")]
    marks = [trace for trace in spc(rows, "percent")["data"] if trace["mode"] == "markers"]
    assert [trace["marker"]["symbol"] for trace in marks] == ["circle", "diamond", "square", "triangle-up"]
    assert [trace["y"] for trace in marks] == [[0.5], [0.7], [0.3], [0.7]]


def test_a_gap_breaks_every_line() -> None:
    figure = spc([row(1, 0.5), row(2, None), row(3, 0.6)], "percent")
    lines = [trace for trace in figure["data"] if trace["mode"] == "lines"]
    assert [trace["y"][1] for trace in lines] == [None] * 4
    assert not any(trace.get("connectgaps") for trace in lines)


def test_a_rebased_mean_is_not_joined_to_the_one_before() -> None:
    figure = spc([row(1, 0.5), row(2, 0.5), row(3, 0.8, mean=0.8), row(4, 0.8, mean=0.8)], "percent")
    assert next(trace for trace in figure["data"] if trace["name"] == "average")["y"] == [0.5, 0.5, None, 0.8]


def test_outcomes_leave_a_month_without_rows_out() -> None:
    rows = [
        {"period_start": date(2026, month, 1), "category": category, "amount": 10 * month}
        for month in (1, 3)
        for category in ("missed", "answered")
    ]
    figure = bars.stacked_months([*rows, {"period_start": date(2026, 4, 1), "category": "answered", "amount": 5}])
    by_name = {trace["name"]: trace for trace in figure["data"]}
    assert by_name["Answered"]["x"] == ["2026-01-01", "2026-03-01", "2026-04-01"]
    assert by_name["Missed"]["y"] == [10, 30, None]
    assert by_name["Missed"]["marker"]["pattern"]["shape"]


def test_england_is_left_out_where_it_has_nothing() -> None:
    rows = [{"label": "GP", "share": 0.5, "england_share": None}]
    assert [trace["name"] for trace in bars.against_england(rows, name="Here")["data"]] == ["Here"]


@pytest.mark.parametrize("values", [(), (None, None)])
def test_no_sparkline_without_a_value(values: tuple[None, ...]) -> None:
    assert sparkline(values, None) == ""


def test_a_sparkline_breaks_at_a_gap_and_ends_in_its_mark() -> None:
    svg = sparkline((1.0, 2.0, None, 3.0), "concern_high")
    assert svg.count("M7") >= 1
    assert "L" in svg
    assert "m-4-4h8v8h-8z" in svg


def test_tiles_fit_a_telephone_and_pcns_that_begin_alike_stay_apart() -> None:
    names = ["BRAMHALL AND CHEADLE HULME NORTH PCN", "BRAMHALL AND CHEADLE HULME SOUTH PCN"]
    rows = [
        {"practice": f"{n}{name[-9]}", "name": "A", "pcn_name": name, "stage": "live", "is_tracked": True,
         "since": None, "line_type": None}
        for name in names for n in range(12)
    ]  # fmt: skip
    drawn = tiles(rows)
    (trace,), axis = drawn["data"], drawn["layout"]["yaxis"]
    assert set(trace["y"]) == set(names) == set(axis["tickvals"])
    assert max(len(text) for text in axis["ticktext"]) <= 20
    assert 12 * trace["marker"]["size"] <= 170  # what 390 pixels leave beside twenty letters
    assert tiles(rows[:3])["data"][0]["marker"]["size"] > 20
