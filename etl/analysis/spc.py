"""Statistical process control: the XmR chart, read as Making Data Count reads it.

`xmr` charts one series; `xmr_many` charts hundreds of thousands at once. Both call one core, which walks one
long array with the usual array tools (no loop over series), so that a page and the night cannot disagree.

A missing value is a gap and has to be there as NaN: it is no point. No moving range is taken across it, no
run, trend or 2-in-3 reaches over it, and its own row has no limits and no label.

The rules, in the order in which the first that fits names the point:

1. outside a limit;
2. seven points each higher (or each lower) than the one before, the first of the seven included;
3. two of three neighbours beyond two thirds of the way to the same limit, all three on that side of the mean;
4. seven neighbours on one side of the mean.

Limits are the mean ± 2.66 times the average moving range (Wheeler's XmR constants); moving ranges of 3.267
times their average or more are first set aside, once, so that one freak month does not widen the limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

LIMIT_FACTOR = 2.66
OUTLIER_FACTOR = 3.267
RUN_LENGTH = 7
TREND_STEPS = 6
TRIAL_POINTS = 12
# Sums of decimal fractions are off in the sixteenth digit; a constant series must not look out of control.
ROUNDING = 1e-12

DIRECTION = {"higher": 1, "lower": -1, "neither": 0}

COMMON_CAUSE = "Common Cause"
SPECIAL_CAUSES = [
    COMMON_CAUSE,
    "Above UCL",
    "Below LCL",
    "7 Point Trend (Increasing)",
    "7 Point Trend (Decreasing)",
    "2 in 3 Above CL",
    "2 in 3 Below CL",
    "7 Points Above CL",
    "7 Points Below CL",
]
_SIGN_OF_CAUSE = np.array([0, 1, -1, 1, -1, 1, -1, 1, -1], dtype=np.int8)

_POINT_TYPES = [
    "common_cause",
    "special_cause_improvement",
    "special_cause_concern",
    "special_cause_neutral_high",
    "special_cause_neutral_low",
]
_VARIATIONS = [
    "common_cause",
    "improvement_high",
    "improvement_low",
    "concern_high",
    "concern_low",
    "neutral_high",
    "neutral_low",
]
# Row: sign of the cause (0, 1, -1); column: direction that is good (0, 1, -1).
_POINT_TYPE_CODE = np.array([[0, 0, 0], [3, 1, 2], [4, 2, 1]], dtype=np.int8)
_VARIATION_CODE = np.array([[0, 0, 0], [5, 1, 3], [6, 4, 2]], dtype=np.int8)
_ASSURANCES = ["inconsistent", "consistent_pass", "consistent_fail"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Xmr:
    """One series' chart.

    points: a row per value: value, mean, lower_limit, upper_limit, special_cause, point_type; at a gap the
        words are None and the limits NaN.
    variation: the class of the latest point, as `improvement_high`; None when there is no point.
    assurance: `consistent_pass`, `consistent_fail` or `inconsistent` against the limits of the latest point;
        None without an aim, without limits, or when neither direction is better.
    trial_limits: the latest point's limits rest on fewer than 12 points.
    """

    points: pd.DataFrame
    variation: str | None
    assurance: str | None
    trial_limits: bool


def xmr(
    values: ArrayLike,
    better: str = "neither",
    aim: float | None = None,
    rebase_at: Sequence[int] = (),
    *,
    screen_outliers: bool = True,
    fix_after_n_points: int | None = None,
) -> Xmr:
    """Chart one series, oldest value first; NaN or None is a gap.

    rebase_at: positions (from 0) at which a new baseline starts, with its own mean, limits and rules.
    screen_outliers: False matches the NHS England workbook, which keeps every moving range.
    fix_after_n_points: limits from the first so many points of each baseline only (12 or more).
    Raises ValueError for an unknown direction, an infinite value, a position outside the series.
    """
    if better not in DIRECTION:
        raise ValueError(f"better is {better!r}; it must be one of {', '.join(DIRECTION)}")
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"values must be one series, not an array of {array.ndim} dimensions")
    rebase = np.zeros(len(array), dtype=bool)
    for position in rebase_at:
        if not 0 <= position < len(array):
            raise ValueError(f"cannot rebase at position {position} of a series of {len(array)} values")
        rebase[position] = True
    charted = xmr_many(
        np.zeros(len(array), dtype=np.int64),
        array,
        DIRECTION[better],
        aim,
        rebase,
        screen_outliers=screen_outliers,
        fix_after_n_points=fix_after_n_points,
    )
    words = ["special_cause", "point_type", "variation", "assurance"]
    rows = charted.assign(value=array, **{word: _with_none(charted[word]) for word in words})
    points = rows[["value", "mean", "lower_limit", "upper_limit", "special_cause", "point_type"]]
    present = np.flatnonzero(~np.isnan(array))
    if len(present) == 0:
        return Xmr(points, None, None, True)
    newest = rows.iloc[present[-1]]
    trial = bool(newest["limit_points"] < TRIAL_POINTS)
    return Xmr(points, newest["variation"], newest["assurance"], trial)


def xmr_many(
    series: ArrayLike,
    values: ArrayLike,
    better: ArrayLike,
    aim: ArrayLike | None = None,
    rebase: ArrayLike | None = None,
    *,
    screen_outliers: bool = True,
    fix_after_n_points: int | None = None,
) -> pd.DataFrame:
    """Chart many series laid end to end, each series' rows together and oldest first.

    series: an id per row. values: float per row, NaN for a gap. better: +1 (higher), -1 (lower) or 0
    (neither), one for all or one per row; see `DIRECTION`. aim: one for all or one per row, NaN for none.
    rebase: per row, True where a new baseline starts.

    Returns a frame of as many rows, in their order: mean, lower_limit, upper_limit (float64); special_cause,
    point_type, variation, assurance (categorical, missing at a gap); limit_points (how many points the limits
    rest on; 0 at a gap). Variation is the class of the row's own point, so a series' variation is that of its
    last row that has a value; see `latest`.
    Raises ValueError when the arrays do not fit together, a series' rows are apart, or a value is infinite.
    """
    identity, value = np.asarray(series), np.asarray(values, dtype=np.float64)
    if identity.shape != value.shape or value.ndim != 1:
        raise ValueError(f"series and values differ in shape: {identity.shape} and {value.shape}")
    if np.isinf(value).any():
        raise ValueError(f"the value at row {int(np.flatnonzero(np.isinf(value))[0])} is infinite")
    if fix_after_n_points is not None and fix_after_n_points < TRIAL_POINTS:
        raise ValueError(f"limits need {TRIAL_POINTS} points or more to be fixed, not {fix_after_n_points}")
    direction = np.broadcast_to(np.asarray(better, dtype=np.int8), value.shape)
    if not np.isin(direction, (-1, 0, 1)).all():
        raise ValueError("better must be 1 (higher), -1 (lower) or 0 (neither)")
    target = np.broadcast_to(np.asarray(np.nan if aim is None else aim, dtype=np.float64), value.shape)

    starts = _starts(identity, rebase)
    gap = np.isnan(value)
    after_gap = np.zeros(len(value), dtype=bool)
    after_gap[1:] = gap[:-1]
    rows = np.flatnonzero(~gap)
    chart = _chart(
        value[rows],
        baseline=np.cumsum(starts, dtype=np.int64)[rows],
        stretch=np.cumsum(starts | after_gap, dtype=np.int64)[rows],
        screen_outliers=screen_outliers,
        fix_after_n_points=fix_after_n_points,
    )
    return _frame(chart, rows, len(value), direction[rows], target[rows])


def latest(series: ArrayLike, values: ArrayLike, charted: pd.DataFrame) -> pd.DataFrame:
    """The variation and assurance of each series: those of its latest row that has a value.

    Takes what `xmr_many` took and gave; returns a frame indexed by series id. A series of gaps is absent.
    """
    identity = np.asarray(series)
    rows = np.flatnonzero(~np.isnan(np.asarray(values, dtype=np.float64)))
    last = rows[np.append(identity[rows][1:] != identity[rows][:-1], True)] if len(rows) else rows
    found = charted.iloc[last][["variation", "assurance"]]
    return found.set_index(pd.Index(identity[last], name="series"))


@dataclass(frozen=True)
class _Chart:
    mean: Floats
    lower: Floats
    upper: Floats
    cause: NDArray[np.int8]
    limit_points: Integers
    rounding: Floats


def _chart(
    value: Floats,
    baseline: Integers,
    stretch: Integers,
    screen_outliers: bool,
    fix_after_n_points: int | None,
) -> _Chart:
    """Limits and causes of points without gaps. Baseline and stretch only ever rise along the array: points
    of one baseline share limits, points of one stretch are neighbours without a gap."""
    first = np.flatnonzero(np.diff(baseline, prepend=-1))
    group = np.cumsum(np.diff(baseline, prepend=-1) != 0) - 1
    place = np.arange(len(value)) - first[group]
    in_base = np.ones(len(value), bool) if fix_after_n_points is None else place < fix_after_n_points

    step = np.diff(value, prepend=np.nan)
    step[np.diff(stretch, prepend=-1) != 0] = np.nan
    moving_range = np.where(in_base, np.abs(step), np.nan)
    average_range = _mean_by(group, moving_range, len(first))
    if screen_outliers:
        usual = moving_range < (OUTLIER_FACTOR * average_range)[group]
        # A baseline that never moves has no range below 3.267 × 0: its limits are its mean.
        still = (average_range == 0)[group]
        average_range = _mean_by(group, np.where(usual | still, moving_range, np.nan), len(first))

    mean = _mean_by(group, np.where(in_base, value, np.nan), len(first))[group]
    half_width = (LIMIT_FACTOR * average_range)[group]
    size = np.maximum.reduceat(np.abs(value), first) if len(first) else np.empty(0)
    rounding = ROUNDING * size[group]
    return _Chart(
        mean=mean,
        lower=mean - half_width,
        upper=mean + half_width,
        cause=_causes(value - mean, half_width, step, stretch, rounding),
        limit_points=np.bincount(group, in_base, len(first)).astype(np.int64)[group],
        rounding=rounding,
    )


def _causes(
    distance: Floats, half_width: Floats, step: Floats, stretch: Integers, rounding: Floats
) -> NDArray[np.int8]:
    """Position in SPECIAL_CAUSES of each point; `distance` is from the mean, `step` from the point before."""
    side = np.where(np.abs(distance) <= rounding, 0, np.sign(distance)).astype(np.int8)
    outside = np.abs(distance) > half_width + rounding
    close = ~outside & (np.abs(distance) > half_width * 2 / 3 + rounding)

    rising = np.nan_to_num(np.sign(step)).astype(np.int8)
    long_trend = np.where(_run_lengths(rising, stretch) >= TREND_STEPS, rising, 0)
    leaving = np.zeros_like(long_trend)
    leaving[:-1] = np.where(stretch[1:] == stretch[:-1], long_trend[1:], 0)
    # A turning point ends one trend and starts the next: it belongs to the next.
    trend = np.where(leaving != 0, leaving, long_trend)

    two_in_three = close & _in_two_of_three(close, side, stretch)
    long_run = _run_lengths(side, stretch) >= RUN_LENGTH

    sign = np.where(trend != 0, trend, side)
    rules = [outside, trend != 0, two_in_three, long_run & (side != 0)]
    cause: NDArray[np.int8] = np.zeros(len(distance), dtype=np.int8)
    for position, rule in reversed(list(enumerate(rules))):
        above = (sign if position == 1 else side) > 0
        cause = np.where(rule, np.where(above, 2 * position + 1, 2 * position + 2), cause).astype(np.int8)
    return cause


def _in_two_of_three(close: Flags, side: NDArray[np.int8], stretch: Integers) -> Flags:
    """Whether each point lies in three neighbours on one side of the mean of which two or more are close."""
    member = np.zeros(len(close), dtype=bool)
    window = (
        (stretch[2:] == stretch[:-2])
        & (side[2:] == side[1:-1])
        & (side[1:-1] == side[:-2])
        & (close[2:].astype(int) + close[1:-1] + close[:-2] >= 2)
    )
    for offset in range(3):
        member[offset : offset + len(window)] |= window
    return member


def _run_lengths(kind: NDArray[np.int8], stretch: Integers) -> Integers:
    """For each point, how many neighbours in its unbroken run are of its kind, itself included."""
    begins = (np.diff(kind, prepend=0) != 0) | (np.diff(stretch, prepend=-1) != 0)
    begins[:1] = True
    run = np.cumsum(begins) - 1
    return np.bincount(run)[run] if len(run) else run


def _mean_by(group: Integers, value: Floats, groups: int) -> Floats:
    """Mean of the values that are not NaN in each group; NaN where a group has none."""
    known = ~np.isnan(value)
    count = np.bincount(group[known], minlength=groups)
    total = np.bincount(group[known], value[known], groups)
    return np.divide(total, count, out=np.full(groups, np.nan), where=count > 0)


def _starts(identity: NDArray[Any], rebase: ArrayLike | None) -> Flags:
    """Where a baseline begins: a new series, or a rebase."""
    new = np.ones(len(identity), dtype=bool)
    new[1:] = identity[1:] != identity[:-1]
    if len(pd.unique(identity)) != np.count_nonzero(new):
        raise ValueError("the rows of a series must be together, oldest first: sort by series, then by time")
    if rebase is None:
        return new
    flags = np.asarray(rebase, dtype=bool)
    if flags.shape != new.shape:
        raise ValueError(f"rebase and values differ in shape: {flags.shape} and {new.shape}")
    return new | flags


def _frame(chart: _Chart, rows: Integers, length: int, direction: NDArray[np.int8], target: Floats) -> pd.DataFrame:
    """The chart's points spread back over all rows, gaps empty, causes in words."""
    sign = _SIGN_OF_CAUSE[chart.cause]
    return pd.DataFrame(
        {
            "mean": _spread(chart.mean, rows, length, np.nan),
            "lower_limit": _spread(chart.lower, rows, length, np.nan),
            "upper_limit": _spread(chart.upper, rows, length, np.nan),
            "special_cause": _words(chart.cause, rows, length, SPECIAL_CAUSES),
            "point_type": _words(_POINT_TYPE_CODE[sign, direction], rows, length, _POINT_TYPES),
            "variation": _words(_VARIATION_CODE[sign, direction], rows, length, _VARIATIONS),
            "assurance": _words(_assurance(chart, direction, target), rows, length, _ASSURANCES),
            "limit_points": _spread(chart.limit_points, rows, length, 0),
        }
    )


def _assurance(chart: _Chart, direction: NDArray[np.int8], target: Floats) -> NDArray[np.int8]:
    """Position in _ASSURANCES: a limit that never reaches the aim always fails it, or always passes it."""
    beyond = (target > chart.upper + chart.rounding).astype(int) - (target < chart.lower - chart.rounding)
    verdict = np.choose(-beyond * direction + 1, [2, 0, 1])
    unknown = np.isnan(target) | np.isnan(chart.upper) | (direction == 0)
    return np.where(unknown, -1, verdict).astype(np.int8)


def _spread(values: NDArray[Any], rows: Integers, length: int, gap: float) -> NDArray[Any]:
    spread = np.full(length, gap, dtype=values.dtype)
    spread[rows] = values
    return spread


def _words(codes: NDArray[np.int8], rows: Integers, length: int, words: list[str]) -> "pd.Categorical[str]":
    return pd.Categorical.from_codes(_spread(codes, rows, length, -1), pd.Index(words))


def _with_none(words: pd.Series) -> pd.Series:
    """Plain strings, None where missing: a chart's worth of rows is easier to read than categories."""
    plain = words.astype(object)
    return plain.where(plain.notna(), None)
