"""Did it help? What changed for practices that switched, against practices not yet switched in the same periods.

Staggered difference in differences, stacked by switch period (Callaway and Sant'Anna, Journal of Econometrics 225
(2021), for why the controls are the not yet switched; Wing, Freedman and Hollingsworth, NBER working paper 32054
(2024), for the weights of the stack). For each period in which practices switched, take the periods around it,
those practices, and the practices that stayed unswitched throughout. Each practice's change is its mean after
less its mean before, which takes out its own level; subtracting the controls' mean change of the same stack takes
out what happened to everybody. The estimate is the mean of that over the practices that switched.

In a complete stack this is the regression with practice and period fixed effects, with one row a practice, so
that four months of one practice do not count as four independent observations. Errors are clustered by practice
(one control serves in several stacks), with Student's t on one degree of freedom fewer than the smaller side has
practices. Over 600 simulated worlds without an effect, 95 to 98 in 100 intervals held 0.

The same sum with a made-up switch half-way through the periods before the real one is the placebo check.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import WLS
from statsmodels.tools import add_constant

FEWEST_SWITCHING = 8
FEWEST_CONTROLS = 2
SCALE_AND_WORDS = {
    "percent": (100.0, 1, " percentage points"),
    "per_1000_patients": (1.0, 1, " per 1,000 patients"),
    "seconds": (1.0, 0, " seconds"),
    "count": (1.0, 1, ""),
    "ratio": (1.0, 2, ""),
}


@dataclass(frozen=True)
class Impact:
    """The answer, or why there is none.

    estimate, lower, upper: mean change that switching brought and its 95% interval, in the value's own unit.
    placebo_*: the same for a made-up earlier switch; placebo_differs when that interval leaves out 0.
    practices, controls: how many switched and how many they were compared with.
    before, after: periods in the window. path: (periods since the switch, mean of those that switched, mean of those
    they were compared with, as much of each stack) for each period of the window; its gap after less its gap before
    is the estimate. refusal: a plain reason, and then every figure is None.
    sentence: the answer, or the refusal, in plain English.
    """

    sentence: str
    before: int
    after: int
    practices: int = 0
    controls: int = 0
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    placebo_estimate: float | None = None
    placebo_lower: float | None = None
    placebo_upper: float | None = None
    placebo_differs: bool = False
    path: tuple[tuple[int, float, float], ...] = ()
    refusal: str | None = None


def switching_effect(
    values: pd.DataFrame,
    switched: Mapping[Any, Any],
    *,
    before: int = 4,
    after: int = 4,
    settling: int = 0,
    measure: str = "the figure",
    unit: str = "count",
    period: str = "month",
    event: str = "switching",
    done: str = "switched",
    yet: str = "switched",
) -> Impact:
    """The effect of switching on a measure, or a refusal to say.

    values: practice, period, value and, if practices are to count unequally, weight; a row per practice and
        period; periods of any kind that sorts (dates, month starts); a missing value is NaN or no row.
    switched: practice → the period in which it switched, on the scale of `period` (a date inside a period counts
        for that period, one after the last for the last); None, NaT or absent for never. A practice that had
        switched before the first period is in neither group.
    before, after: how many periods on each side. settling: periods left out from the switch on, as for a month
        of which only part was switched.
    measure, unit, period, event, done, yet: words of the sentence, as "calls answered", "percent", "month", "going
        live", "went live", "live" (practices that "went live" and others "not yet live").
    Raises ValueError for a window without room for the placebo, a missing column, a row given twice.
    """
    if before < 2 or after < 1 or settling < 0:
        raise ValueError("the window needs 2 or more periods before and 1 or more after the switch")
    if unit not in SCALE_AND_WORDS:
        raise ValueError(f"unknown unit {unit!r}; it must be one of {', '.join(SCALE_AND_WORDS)}")
    wide, weights = _by_practice(values)
    start = _switch_positions(wide, switched)
    stacks = _stacks(wide, weights, start, before, after, settling)
    refusal = _refusal(wide, start, stacks, before, after, settling, period, done)
    if refusal is not None:
        return Impact(f"No answer: {refusal}", before, after, refusal=refusal)
    estimate, lower, upper = _mean_effect(stacks, "change")
    placebo_estimate, placebo_lower, placebo_upper = _mean_effect(stacks, "placebo_change")
    found = Impact(
        sentence="",
        before=before,
        after=after,
        practices=int(stacks.loc[stacks["switching"] == 1, "practice"].nunique()),
        controls=int(stacks.loc[stacks["switching"] == 0, "practice"].nunique()),
        estimate=estimate,
        lower=lower,
        upper=upper,
        placebo_estimate=placebo_estimate,
        placebo_lower=placebo_lower,
        placebo_upper=placebo_upper,
        placebo_differs=placebo_lower > 0 or placebo_upper < 0,
        path=_path(wide, stacks, [*range(-before, 0), *range(settling, settling + after)]),
    )
    return replace(found, sentence=_sentence(found, measure, unit, period, event, yet))


def _by_practice(values: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Values as a table of practice × period, and each practice's weight."""
    lacking = {"practice", "period", "value"} - set(values.columns)
    if lacking:
        raise ValueError(f"values lack the column {', '.join(sorted(lacking))}")
    twice = values.duplicated(["practice", "period"])
    if twice.any():
        row = values[twice].iloc[0]
        raise ValueError(f"practice {row['practice']} is given twice for period {row['period']}")
    wide = values.pivot(index="practice", columns="period", values="value").astype(float).sort_index(axis=1)
    if "weight" not in values.columns:
        return wide, pd.Series(1.0, index=wide.index)
    return wide, values.groupby("practice")["weight"].mean().astype(float)


def _switch_positions(wide: pd.DataFrame, switched: Mapping[Any, Any]) -> pd.Series:
    """Column in which each practice was first switched: -1 when before them all, their number when never."""
    dated = isinstance(wide.columns, pd.DatetimeIndex)
    positions = []
    for practice in wide.index:
        when = switched.get(practice)
        if when is None or pd.isna(when):
            positions.append(len(wide.columns))
        else:
            moment = pd.Timestamp(when) if dated else when
            positions.append(int(wide.columns.searchsorted(moment, side="right")) - 1)
    return pd.Series(positions, index=wide.index, dtype=int)


def _stacks(
    wide: pd.DataFrame, weights: pd.Series, start: pd.Series, before: int, after: int, settling: int
) -> pd.DataFrame:
    """A row per switch period and practice: stack, practice, switching (1 or 0), change, placebo_change, weight.

    Only practices with every value of the window; only stacks with enough controls. Controls are weighted to
    weigh as much in each stack as its switching practices do, so that the estimate is a mean over the latter.
    """
    stacks = []
    for first in sorted(set(start)):
        opens, closes = first - before, first + settling + after
        if opens < 0 or closes > len(wide.columns):
            continue
        earlier, later = wide.iloc[:, opens:first], wide.iloc[:, first + settling : closes]
        complete = earlier.notna().all(axis=1) & later.notna().all(axis=1) & (weights > 0)
        switching, waiting = complete & (start == first), complete & (start >= closes)
        if not switching.any() or waiting.sum() < FEWEST_CONTROLS:
            continue
        half = before // 2
        stack = pd.DataFrame(
            {
                "change": later.mean(axis=1) - earlier.mean(axis=1),
                "placebo_change": earlier.iloc[:, half:].mean(axis=1) - earlier.iloc[:, :half].mean(axis=1),
                "switching": switching.astype(float),
                "weight": weights.where(switching, weights * weights[switching].sum() / weights[waiting].sum()),
            }
        )
        stacks.append(stack[switching | waiting].rename_axis("practice").reset_index().assign(stack=first))
    return pd.concat(stacks, ignore_index=True) if stacks else pd.DataFrame(columns=["practice", "switching"])


def _refusal(
    wide: pd.DataFrame,
    start: pd.Series,
    stacks: pd.DataFrame,
    before: int,
    after: int,
    settling: int,
    period: str,
    done: str,
) -> str | None:
    """Why the data cannot answer, the plainest reason first; None when they can."""
    periods = len(wide.columns)
    measured = wide.notna().any(axis=1)
    switching = measured & (start >= 0) & (start < periods)
    if not measured.any():
        return "there are no figures to compare."
    if periods < before + settling + after:
        return f"the figures cover {periods} {period}s and {before + settling + after} are needed."
    if switching.sum() < FEWEST_SWITCHING:
        return _too_few(int(switching.sum()), f"{done} while they were being measured")
    if not (switching & _complete(wide, start - before, before)).any():
        return f"no practice has figures for the {before} {period}s before it {done}."
    if not (switching & _complete(wide, start + settling, after)).any():
        return f"no practice has figures for {after} {period}s after it {done}."
    closes = start + settling + after
    if not any((measured & (start >= closing)).any() for closing in closes[switching & (closes <= periods)]):
        return "no practice was still waiting for it, so there is nothing to compare with."
    usable = int(stacks.loc[stacks["switching"] == 1, "practice"].nunique())
    if usable < FEWEST_SWITCHING:
        window = f"{before} {period}s before and {after} after"
        return _too_few(usable, f"have figures for all {window}, and others still waiting to compare with")
    return None


def _too_few(count: int, what: str) -> str:
    return f"only {count} practices {what}; at least {FEWEST_SWITCHING} are needed."


def _complete(wide: pd.DataFrame, first: pd.Series, count: int) -> pd.Series:
    """Whether each practice has all of the `count` values that begin at its own column `first`."""
    windows = [
        opens >= 0 and opens + count <= len(known) and known[opens : opens + count].all()
        for opens, known in zip(first, wide.notna().to_numpy(), strict=True)
    ]
    return pd.Series(windows, index=wide.index, dtype=bool)


def _mean_effect(stacks: pd.DataFrame, outcome: str) -> tuple[float, float, float]:
    """Mean of a change at switching practices less their stack's controls' mean, and its 95% interval."""
    waiting = stacks[stacks["switching"] == 0]
    expected = (waiting[outcome] * waiting["weight"]).groupby(waiting["stack"]).sum()
    expected /= waiting.groupby("stack")["weight"].sum()
    # Not a constant for each stack: where one practice switched alone, that would swallow half its own surprise.
    surprise = stacks[outcome] - stacks["stack"].map(expected)
    fitted = WLS(
        surprise.to_numpy(dtype=float),
        add_constant(stacks["switching"].to_numpy(dtype=float)),
        weights=stacks["weight"].to_numpy(dtype=float),
    ).fit(cov_type="cluster", cov_kwds={"groups": stacks["practice"].factorize()[0]})
    smaller_side = stacks.groupby("switching")["practice"].nunique().min()
    variance = max(0.0, fitted.cov_params()[1, 1]) * smaller_side / (smaller_side - 1)
    estimate = float(fitted.params[1])
    half_width = float(np.sqrt(variance) * stats.t.ppf(0.975, smaller_side - 1))
    return estimate, estimate - half_width, estimate + half_width


def _path(wide: pd.DataFrame, stacks: pd.DataFrame, steps: list[int]) -> tuple[tuple[int, float, float], ...]:
    """Each step of the window, counted from the switch, with both sides' means; weighted as the estimate is."""
    rows, first = wide.index.get_indexer(pd.Index(stacks["practice"])), stacks["stack"].to_numpy(dtype=int)
    weight, switching = stacks["weight"].to_numpy(dtype=float), stacks["switching"].to_numpy() == 1
    path = []
    for step in steps:
        value = wide.to_numpy()[rows, first + step]
        switched, waiting = (float(np.average(value[i], weights=weight[i])) for i in (switching, ~switching))
        path.append((step, switched, waiting))
    return tuple(path)


def _sentence(found: Impact, measure: str, unit: str, period: str, event: str, yet: str) -> str:
    """The answer in plain English, no surer than the interval and the placebo check allow."""
    assert found.estimate is not None
    assert found.lower is not None
    assert found.upper is not None
    scale, digits, words = SCALE_AND_WORDS[unit]
    lower, upper = f"{scale * found.lower:z.{digits}f}", f"{scale * found.upper:z.{digits}f}"
    interval = f"(95% interval {lower} to {upper})".replace("-", "−")
    size = f"{abs(scale * found.estimate):z.{digits}f}{words}"
    direction = "higher" if found.estimate > 0 else "lower"
    where = f"In the {found.after} {period}s after {event} at {found.practices} practices"
    than = f"than the {found.controls} practices not yet {yet} in the same {period}s lead one to expect"
    if found.lower <= 0 <= found.upper:
        text = f"{where}, no change in {measure} can be told from chance: {size} {direction} {interval} {than}."
    else:
        verb = "were" if measure.split()[0].endswith("s") else "was"
        text = f"{where}, {measure} {verb} {size} {direction} {interval} {than}."
    if found.placebo_differs:
        text += " But the two groups were already moving apart before, so this cannot be put down to it."
    return text
