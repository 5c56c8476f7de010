"""Funnel plots: which organisations differ from the rest by more than chance, given how much each one does.

After Spiegelhalter, "Funnel plots for comparing institutional performance", Statistics in Medicine 24 (2005):
exact limits for proportions and rates (his appendix A.1), and his additive random effects for when
organisations differ from one another by more than chance alone (sections 5 and A.3), with the size of that
difference stated beside the chart.

`unit` is a measure's unit: `percent` (numerator / denominator, a fraction 0–1, binomial) or `per_1000_patients`
(1000 × numerator / denominator, Poisson).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special
from statsmodels.stats.proportion import proportion_confint

TAILS = {"95": 0.025, "998": 0.001}
WINSORISED_SHARE = 0.1
FEWEST_TO_JUDGE_SPREAD = 8
SCALE = {"percent": 1.0, "per_1000_patients": 1000.0}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Overdispersion:
    """How much more organisations vary than chance alone would have it.

    phi: mean squared winsorised z-score; about 1 when there is chance alone.
    tau: standard deviation between organisations, in the value's own unit; 0 when phi shows nothing beyond chance.
    statement: the same in a plain sentence, to stand beside the chart.
    """

    phi: float
    tau: float
    statement: str


@dataclass(frozen=True)
class Funnel:
    """points: a row per organisation, in the order given: numerator, denominator, value, lower_95, upper_95,
    lower_998, upper_998, judgement. centre: the value of all of them taken together."""

    points: pd.DataFrame
    centre: float
    overdispersion: Overdispersion


def funnel(numerators: ArrayLike, denominators: ArrayLike, unit: str = "percent") -> Funnel:
    """Compare organisations with one another: total over total as the centre, limits widened if need be.

    An aim is a line to draw, never a centre to judge by. An organisation without a denominator (0 or NaN) keeps
    its row and gets no value, limits or judgement. A part may exceed its whole (call-backs made of last month's
    requests): it is then above. Raises ValueError for a negative count or a unit that has no funnel.
    """
    numerator, denominator = _counts(numerators, denominators, unit)
    known = (denominator > 0) & ~np.isnan(numerator)
    whole = denominator[known].sum()
    centre = float(SCALE[unit] * numerator[known].sum() / whole) if whole else np.nan
    spread = overdispersion(numerator[known], denominator[known], centre, unit)
    value = np.divide(SCALE[unit] * numerator, denominator, out=np.full(len(known), np.nan), where=known)
    # parts that exceed their wholes together are no share of anything: nothing can be judged
    possible = centre if unit != "percent" or centre <= 1 else np.nan
    around = bounds(denominator, possible, unit, spread.tau)
    points = pd.DataFrame({"numerator": numerator, "denominator": denominator, "value": value, **around})
    points["judgement"] = judge(points)
    return Funnel(points, centre, spread)


def limits(denominators: ArrayLike, centre: float, unit: str = "percent", tau: float = 0.0) -> pd.DataFrame:
    """Control limits around `centre` for each denominator: denominator, lower_95, upper_95, lower_998, upper_998.

    Exact binomial or Poisson limits, interpolated between counts so that the curve is smooth (pass a grid of
    denominators to draw it). With `tau` (see `overdispersion`) the distance of each limit from the centre grows by
    the ratio of the standard deviations with and without it. Limits stay within what a value can be. NaN where
    the denominator is 0 or NaN.
    """
    denominator = np.asarray(denominators, dtype=np.float64)
    return pd.DataFrame({"denominator": denominator, **bounds(denominator, centre, unit, tau)})


def bounds(denominator: Floats, centre: float, unit: str = "percent", tau: float = 0.0) -> dict[str, Floats]:
    """The columns of `limits` by themselves: a data frame costs a page more than the sums in it."""
    _check_unit(unit)
    if unit == "percent" and not (np.isnan(centre) or 0 <= centre <= 1):
        raise ValueError(f"the centre of a share must lie between 0 and 1, not {centre}")
    columns = {}
    known = (denominator > 0) & ~np.isnan(centre)
    size = denominator[known]
    chance = np.sqrt(_variance(size, centre, unit))
    with np.errstate(invalid="ignore", divide="ignore"):
        widening = np.where(chance > 0, np.sqrt(chance**2 + tau**2) / chance, 1.0)
    highest = 1.0 if unit == "percent" else np.inf
    for name, tail in TAILS.items():
        counts = _interpolated_counts(tail, size, centre, unit)
        for side, count in zip(("lower", "upper"), counts, strict=True):
            exact = SCALE[unit] * count / size
            column = np.full(len(denominator), np.nan)
            column[known] = np.clip(centre + (exact - centre) * widening, 0.0, highest)
            columns[f"{side}_{name}"] = column
    return columns


def overdispersion(
    numerators: ArrayLike, denominators: ArrayLike, centre: float, unit: str = "percent"
) -> Overdispersion:
    """Phi and tau of Spiegelhalter (2005): z-scores winsorised at 10% each end, then additive random effects.

    With fewer than 8 organisations, or no chance variation at all, nothing is adjusted and the statement says so.
    """
    numerator, denominator = _counts(numerators, denominators, unit)
    count = len(numerator)
    variance = _variance(denominator, centre, unit)
    if count < FEWEST_TO_JUDGE_SPREAD or not (variance > 0).all():
        return Overdispersion(np.nan, 0.0, f"With {count} organisations the limits show chance alone.")
    z = (SCALE[unit] * numerator / denominator - centre) / np.sqrt(variance)
    z = np.clip(z, *np.quantile(z, [WINSORISED_SHARE, 1 - WINSORISED_SHARE]))
    phi = float(np.mean(z**2))
    weight = 1 / variance
    excess = count * phi - (count - 1)
    tau = float(np.sqrt(max(0.0, excess) / (weight.sum() - (weight**2).sum() / weight.sum())))
    if tau == 0:
        statement = "Organisations differ no more than chance would have it, so the limits are not widened."
    else:
        shown = f"{100 * tau:.1f} percentage points" if unit == "percent" else f"{tau:.1f} per 1,000 patients"
        statement = (
            f"Organisations differ by more than chance alone, typically by {shown}; the limits are widened to allow "
            "for that."
        )
    return Overdispersion(phi, tau, statement)


def judge(points: pd.DataFrame) -> pd.Series:
    """`above`, `below` or `within` the 99.8% limits for each row's value; None without a value or limits."""
    value, lower, upper = (points[column].to_numpy() for column in ("value", "lower_998", "upper_998"))
    judgement = np.where(value > upper, "above", np.where(value < lower, "below", "within")).astype(object)
    judgement[np.isnan(value) | np.isnan(upper)] = None
    return pd.Series(judgement, index=points.index, dtype=object, name="judgement")


def wilson(numerators: ArrayLike, denominators: ArrayLike) -> tuple[Floats, Floats]:
    """95% Wilson interval (lower, upper) of each share; NaN where the denominator is 0 or either count missing."""
    numerator, denominator = _counts(numerators, denominators, "percent")
    if (numerator > denominator).any():
        row = int(np.flatnonzero(numerator > denominator)[0])
        raise ValueError(f"row {row}: numerator {numerator[row]:g} is more than denominator {denominator[row]:g}")
    known = (denominator > 0) & ~np.isnan(numerator)
    bounds = np.full((2, len(numerator)), np.nan)
    if known.any():
        bounds[:, known] = proportion_confint(numerator[known], denominator[known], method="wilson")
    return bounds[0], bounds[1]


def _interpolated_counts(tail: float, size: Floats, centre: float, unit: str) -> tuple[Floats, Floats]:
    """The counts (lower, upper) beyond which `tail` of the distribution lies on each side, as smooth numbers.

    The lower is the smallest count that reaches the tail, less the part of its own probability that overshoots.
    The upper is its mirror image, so that a share and its complement are judged alike.
    """
    below, beyond, quantile = _binomial(np.rint(size), centre) if unit == "percent" else _poisson(size, centre, unit)
    low, high = quantile(tail), quantile(1 - tail)
    lower = low - _part(below(low) - tail, below(low) - below(low - 1))
    upper = high + _part(beyond(high - 1) - tail, beyond(high - 1) - beyond(high))
    return lower, upper


Curve = Callable[[Floats], Floats]
Chance = tuple[Curve, Curve, Callable[[float], Floats]]


def _binomial(size: Floats, share: float) -> Chance:
    """Probability of at most so many, of more than so many, and the smallest count that reaches a probability.

    scipy.special rather than scipy.stats, whose checks of arguments cost ten times the sums: a page has 15 ms.
    """
    share, whole = min(max(share, 1e-300), 1 - 1e-16), size.astype(np.int64)

    def below(count: Floats) -> Floats:
        return np.where(count < 0, 0.0, special.bdtr(np.clip(count, 0, size), whole, share))

    def beyond(count: Floats) -> Floats:
        return np.where(
            count < 0, 1.0, np.where(count >= size, 0.0, special.bdtrc(np.clip(count, 0, size), whole, share))
        )

    spread = np.sqrt(size * share * (1 - share))
    return below, beyond, lambda tail: _smallest(below, tail, size * share, spread, 1 - 2 * share, size)


def _poisson(size: Floats, rate: float, unit: str) -> Chance:
    """The same for counts without an upper end."""
    mean = np.maximum(rate * size / SCALE[unit], 1e-300)

    def below(count: Floats) -> Floats:
        return np.where(count < 0, 0.0, special.pdtr(np.maximum(count, 0), mean))

    def beyond(count: Floats) -> Floats:
        return np.where(count < 0, 1.0, special.pdtrc(np.maximum(count, 0), mean))

    return below, beyond, lambda tail: _smallest(below, tail, mean, np.sqrt(mean), 1.0, np.inf)


def _smallest(below: Curve, tail: float, mean: Floats, spread: Floats, skew: float, most: Floats | float) -> Floats:
    """The smallest count that reaches a probability: the Cornish-Fisher guess, which is a count or two off at most,
    and then step by step. scipy's own inverses look for it by bisection, which took a third of a funnel's time."""
    z = special.ndtri(tail)
    count = np.clip(np.ceil(mean + z * spread + skew * (z**2 - 1) / 6), 0, most)
    while (short := below(count) < tail).any():
        count = count + short
    while (past := (count > 0) & (below(count - 1) >= tail)).any():
        count = count - past
    return count


def _part(overshoot: Floats, probability: Floats) -> Floats:
    return np.divide(overshoot, probability, out=np.zeros_like(overshoot), where=probability > 0)


def _variance(size: Floats, centre: float, unit: str) -> Floats:
    """Chance variance of a value around the centre, in the value's own unit."""
    if unit == "percent":
        return centre * (1 - centre) / size
    return SCALE[unit] * centre / size


def _counts(numerators: ArrayLike, denominators: ArrayLike, unit: str) -> tuple[Floats, Floats]:
    _check_unit(unit)
    numerator = np.atleast_1d(np.asarray(numerators, dtype=np.float64))
    denominator = np.atleast_1d(np.asarray(denominators, dtype=np.float64))
    if numerator.shape != denominator.shape:
        raise ValueError(f"{len(numerator)} numerators for {len(denominator)} denominators")
    if (numerator < 0).any() or (denominator < 0).any():
        raise ValueError("counts cannot be negative")
    return numerator, denominator


def _check_unit(unit: str) -> None:
    if unit not in SCALE:
        raise ValueError(f"no funnel for unit {unit!r}; it must be one of {', '.join(SCALE)}")
