"""XmR charts: the reference cases, hand-checked vectors, and a slow oracle."""

import csv
import math
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.analysis.spc import DIRECTION, latest, xmr, xmr_many
from tests.etl.analysis import spc_oracle
from tests.reference import REFERENCE, needs_reference

NORMAL = [
    -0.56047565, -0.23017749, 1.55870831, 0.07050839, 0.12928774, 1.71506499, 0.46091621, -1.26506123,
    -0.68685285, -0.44566197, 1.22408180, 0.35981383, 0.40077145, 0.11068272, -0.55584113, 1.78691314,
    0.49785048, -1.96661716, 0.70135590, -0.47279141,
]  # fmt: skip
WITH_OUTLIER = [*NORMAL[:14], 10, *NORMAL[15:]]
SPIKE = [1, 2, 1, 2, 10, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]
NAN = math.nan


def causes(values: list, **options: object) -> list[str | None]:
    return xmr(values, **options).points["special_cause"].tolist()


@needs_reference
def test_every_reference_case() -> None:
    rows = defaultdict(list)
    with (REFERENCE / "spc" / "spc_cases.csv").open() as file:
        for row in csv.DictReader(file):
            rows[row["series"]].append(row)
    assert len(rows) == 60
    better = {str(sign): word for word, sign in DIRECTION.items()}
    for case in rows.values():
        found = xmr(
            [float(row["value"]) for row in case],
            better=better[case[0]["improvement_direction"]],
            aim=float(case[0]["target"]) if case[0]["target"] else None,
            rebase_at=[place for place, row in enumerate(case) if row["rebase"] == "1"],
        )
        for column, printed in (("mean", "mean"), ("lower_limit", "lpl"), ("upper_limit", "upl")):
            expected = [float(row[printed]) for row in case]
            np.testing.assert_allclose(found.points[column], expected, rtol=0, atol=1e-6)
        assert found.points["special_cause"].tolist() == [row["special_cause"] for row in case]
        assert found.points["point_type"].tolist() == [row["point_type"] for row in case]
        assert found.assurance == (case[-1]["assurance"] or None)
        label = case[-1]["special_cause"]
        assert found.variation == spc_oracle.classes(label, better[case[0]["improvement_direction"]])[1]


@pytest.mark.parametrize(
    ("values", "screen", "expected"),
    [
        (SPIKE, True, (1.9444, -0.7156, 4.6044)),
        (SPIKE, False, (1.9444, -3.0626, 6.9515)),
        (NORMAL, True, (0.1416238, -3.01138, 3.294627)),
        (WITH_OUTLIER, True, (0.6694159, -2.383666, 3.722497)),
        (WITH_OUTLIER, False, (0.6694159, -4.596625, 5.935457)),
        (range(1, 11), True, (5.5, 2.84, 8.16)),
    ],
)
def test_limits_agree_with_printed_ones(values: list, screen: bool, expected: tuple) -> None:
    points = xmr(list(values), screen_outliers=screen).points
    digits = 1e-4 if values is SPIKE else 1e-6
    found = points[["mean", "lower_limit", "upper_limit"]].to_numpy()
    np.testing.assert_allclose(found, np.tile(expected, (len(points), 1)), rtol=0, atol=digits)


@pytest.mark.parametrize(
    ("values", "in_trend"),
    [
        ([1, 2, 3, 4, 5, 6], []),
        ([1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6]),
        ([1, 2, 3, 3, 4, 5, 6], []),
        ([2, 1, 2, 3, 4, 5, 6, 7, 3], [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_trend_needs_seven_points_without_a_tie(values: list, in_trend: list) -> None:
    # A wild start, in a baseline whose limits reach far, keeps rule 1 out of the way.
    wide = [60, -60, 60, -60, 60, -60, 60]
    found = causes([*wide, *values])
    flagged = [p for p in range(len(values)) if found[len(wide) + p] == "7 Point Trend (Increasing)"]
    assert flagged == in_trend


def test_a_turning_point_belongs_to_the_trend_it_starts() -> None:
    wide = [90, -90] * 20
    found = causes([*wide, 1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1, 50, -50])
    turning = len(wide) + 6
    assert found[turning - 1] == "7 Point Trend (Increasing)"
    assert found[turning] == "7 Point Trend (Decreasing)"


def test_run_is_broken_by_a_point_on_the_mean() -> None:
    wide, seven, broken = [20, -20] * 10, [1, 2, 1, 2, 1, 2, 1], [1, 2, 1, 2, 0, 1, 2, 1]
    below = [-value for value in seven]
    points = xmr([*wide, *seven, *below, *broken, -10]).points
    assert points["mean"][0] == 0
    found = points["special_cause"].tolist()
    assert set(found[20:27]) == {"7 Points Above CL"}
    assert set(found[27:34]) == {"7 Points Below CL"}
    assert set(found[34:]) == {"Common Cause"}


def test_two_in_three_flags_only_the_close_points() -> None:
    found = causes([2, -2] * 8 + [9, 1, 9, -7, -6, -6])
    assert found[16:19] == ["2 in 3 Above CL", "Common Cause", "2 in 3 Above CL"]
    assert set(found[:16] + found[19:]) == {"Common Cause"}
    assert set(causes([2, -2] * 8 + [9, -1, 9, -5, -6, -6])) == {"Common Cause"}
    assert causes([1, -1] * 7 + [5.5, -5.5], screen_outliers=False)[-2:] == ["Common Cause", "Common Cause"]


def test_the_first_rule_that_fits_names_the_point() -> None:
    assert causes([-1, 1] * 6 + [1, 2, 3, 4, 5, 6, 30])[-1] == "Above UCL"


@pytest.mark.parametrize(
    ("low", "high", "higher", "lower"),
    [
        (1, 3, "consistent_fail", "consistent_pass"),
        (5, 7, "consistent_pass", "consistent_fail"),
        (1, 5, "inconsistent", "inconsistent"),
    ],
)
def test_assurance(low: float, high: float, higher: str, lower: str) -> None:
    centre, step = (low + high) / 2, (high - low) / 2 / 2.66
    values = [centre + step / 2, centre - step / 2] * 6
    for better, expected in (("higher", higher), ("lower", lower), ("neither", None)):
        assert xmr(values, better, aim=4).assurance == expected
    assert xmr(values, "higher").assurance is None


def test_an_aim_exactly_on_a_limit_is_inconsistent() -> None:
    assert xmr([0.1] * 12, "higher", aim=0.1).assurance == "inconsistent"


def test_rebase_starts_limits_rules_and_assurance_anew() -> None:
    values = [1, 2] * 4 + [11, 12] * 4
    found = xmr(values, "higher", aim=5, rebase_at=[8])
    assert found.points["mean"].tolist() == [1.5] * 8 + [11.5] * 8
    assert set(found.points["special_cause"]) == {"Common Cause"}
    assert (found.variation, found.assurance) == ("common_cause", "consistent_pass")
    assert found.trial_limits


def test_short_series_have_trial_limits() -> None:
    assert xmr([1, 2] * 5 + [1]).trial_limits
    assert not xmr([1, 2] * 6).trial_limits
    assert xmr([1, 2] * 5 + [1, NAN, NAN]).trial_limits


def test_limits_can_be_fixed_after_the_first_points() -> None:
    points = xmr([1, 2] * 6 + [9, 9, 9], fix_after_n_points=12).points
    assert points["mean"].tolist() == [1.5] * 15
    assert points["special_cause"].tolist()[12:] == ["Above UCL"] * 3


def test_a_gap_is_no_point_and_nothing_reaches_over_it() -> None:
    wide = [60, -60, 60, -60]
    assert "7 Point Trend (Increasing)" in causes([*wide, 1, 2, 3, 4, 5, 6, 7])
    gapped = xmr([*wide, 1, 2, 3, NAN, 4, 5, 6, 7], "higher")
    assert set(gapped.points["special_cause"].drop(7)) == {"Common Cause"}
    gap = gapped.points.iloc[7]
    assert gap["special_cause"] is None
    assert gap["point_type"] is None
    assert gap[["value", "mean", "lower_limit", "upper_limit"]].isna().all()
    assert xmr([10, 11, NAN, 21, 20], "higher").points["upper_limit"][0] == pytest.approx(15.5 + 2.66)


def test_a_trailing_gap_leaves_the_latest_point_speaking() -> None:
    values = [1, 2] * 8 + [30]
    assert xmr([*values, None], "higher").variation == xmr(values, "higher").variation == "improvement_high"


@pytest.mark.parametrize("values", [[], [NAN], [NAN] * 20])
def test_nothing_to_chart(values: list) -> None:
    found = xmr(values, "higher", aim=1)
    assert len(found.points) == len(values)
    assert (found.variation, found.assurance, found.trial_limits) == (None, None, True)


def test_a_single_point_has_a_mean_and_no_limits() -> None:
    found = xmr([3], "higher", aim=1)
    assert found.points.iloc[0]["mean"] == 3
    assert np.isnan(found.points.iloc[0]["upper_limit"])
    assert (found.variation, found.assurance) == ("common_cause", None)


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1e-9, 98765.4321])
def test_a_constant_is_in_control(value: float) -> None:
    found = xmr([value] * 36, "higher")
    assert set(found.points["special_cause"]) == {"Common Cause"}
    assert found.points["upper_limit"].tolist() == pytest.approx([value] * 36)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: xmr([1, 2], "up"), "higher, lower, neither"),
        (lambda: xmr([1, 2], rebase_at=[2]), "position 2 of a series of 2"),
        (lambda: xmr([1, 2], rebase_at=[-1]), "position -1"),
        (lambda: xmr([1, math.inf]), "row 1 is infinite"),
        (lambda: xmr([[1, 2]]), "one series"),
        (lambda: xmr([1, 2], fix_after_n_points=11), "12 points or more"),
        (lambda: xmr_many([1, 2, 1], [1, 2, 3], 0), "must be together"),
        (lambda: xmr_many([1, 1], [1, 2, 3], 0), "differ in shape"),
        (lambda: xmr_many([1, 1], [1, 2], 0, rebase=[True]), "differ in shape"),
        (lambda: xmr_many([1, 1], [1, 2], 2), "better must be"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


@st.composite
def charts(draw: st.DrawFn) -> tuple[list[int | None], list[int], str, int | None]:
    """Small whole numbers, so that ties, runs and trends are common, in stretches that drift."""
    size = draw(st.integers(0, 45))
    steps = draw(st.lists(st.sampled_from([-9, -2, -1, -1, 0, 1, 1, 2, 9, 40]), min_size=size, max_size=size))
    level = draw(st.booleans())
    values: list[int | None] = list(steps) if level else [int(v) for v in np.cumsum(steps)]
    for place in draw(st.sets(st.integers(0, max(size - 1, 0)), max_size=3)):
        if size:
            values[place] = None
    rebase_at = draw(st.sets(st.integers(0, max(size - 1, 0)), max_size=2)) if size else set()
    return (
        values,
        sorted(rebase_at),
        draw(st.sampled_from(list(DIRECTION))),
        draw(st.none() | st.integers(-20, 20)),
    )


@settings(max_examples=300, deadline=None)
@given(charts(), st.booleans(), st.sampled_from([None, 12, 15]))
def test_one_series_agrees_with_the_oracle(case: tuple, screen: bool, fix: int | None) -> None:
    values, rebase_at, better, aim = case
    found = xmr(values, better, aim, rebase_at, screen_outliers=screen, fix_after_n_points=fix)
    expected = spc_oracle.chart(values, set(rebase_at), screen, fix)
    for row, point in zip(found.points.itertuples(), expected, strict=True):
        agrees(row, point, better)
    present = [point for point in expected if point is not None]
    if present:
        assert found.variation == spc_oracle.classes(present[-1].label, better)[1]
        assert found.assurance == spc_oracle.assurance(present[-1], better, aim)


def agrees(row: object, point: spc_oracle.Point | None, better: str) -> None:
    if point is None:
        assert row.special_cause is None
        assert np.isnan(row.mean)
        return
    assert row.mean == pytest.approx(float(point.mean), abs=1e-9)
    if point.half_width is None:
        assert np.isnan(row.upper_limit)
    else:
        assert row.upper_limit == pytest.approx(float(point.mean + point.half_width), abs=1e-9)
        assert row.lower_limit == pytest.approx(float(point.mean - point.half_width), abs=1e-9)
    assert row.special_cause == point.label
    assert row.point_type == spc_oracle.classes(point.label, better)[0]


@settings(max_examples=100, deadline=None)
@given(st.lists(charts(), max_size=6))
def test_many_series_are_charted_as_one_at_a_time(cases: list[tuple]) -> None:
    series, values, better, aim, rebase = [], [], [], [], []
    for number, (its_values, its_rebase_at, its_better, its_aim) in enumerate(cases):
        series += [f"series {number}"] * len(its_values)
        values += [NAN if value is None else value for value in its_values]
        better += [DIRECTION[its_better]] * len(its_values)
        aim += [NAN if its_aim is None else its_aim] * len(its_values)
        rebase += [place in its_rebase_at for place in range(len(its_values))]
    charted = xmr_many(series, values, better, aim, rebase)
    newest = latest(series, values, charted)
    start = 0
    for number, (its_values, its_rebase_at, its_better, its_aim) in enumerate(cases):
        alone = xmr(its_values, its_better, its_aim, its_rebase_at)
        rows = charted.iloc[start : start + len(its_values)].reset_index(drop=True)
        start += len(its_values)
        for column in ("mean", "lower_limit", "upper_limit"):
            np.testing.assert_allclose(rows[column], alone.points[column], rtol=0, atol=1e-9)
        for column in ("special_cause", "point_type"):
            together = rows[column].astype(object)
            assert together.where(together.notna(), None).tolist() == alone.points[column].tolist()
        if alone.variation is None:
            assert f"series {number}" not in newest.index
        else:
            row = newest.loc[f"series {number}"]
            assert row["variation"] == alone.variation
            assert (None if pd.isna(row["assurance"]) else row["assurance"]) == alone.assurance


def test_a_hundred_thousand_series_at_once() -> None:
    """Size, not time: no part of the work may hold a Python object a row."""
    series = np.repeat(np.arange(100_000), 36)
    values = np.random.default_rng(1).normal(size=len(series))
    charted = xmr_many(series, values, 1, 0.0)
    assert len(charted) == 3_600_000
    alone = xmr(values[-36:], "higher", 0.0)
    assert charted["special_cause"].tolist()[-36:] == alone.points["special_cause"].tolist()
