"""When will the rollout finish? A forecast from the pace so far, with an interval that admits what it rests on.

Method: the weeks behind us are drawn again at random. One run draws as many weeks as there were (so the pace itself
is uncertain, not only the luck of the weeks to come), then goes on week by week, drawing from those, until nothing
is left. A thousand runs; the middle one is the forecast, the inner 90% the interval. Weeks in which nothing was
done are weeks like any other, so a rollout that has stalled is seen to have.

A pace seldom holds to the end: those left are the hard ones. So each run also draws how the pace depends on how many
are left, as that number to the power p: 0, it holds; 1, each one has the same chance every week; more, the quick were
first. The weeks behind us say how likely each p is (Poisson likelihood, the pace's own level profiled out); before
they speak, a pace that holds counts double. `tests/etl/analysis/test_forecast.py` tries this on invented rollouts of
four shapes: 8 to 9 in 10 end inside the interval. With the pace taken to hold, nearly all of those whose last ones
drag on had ended later than the interval said.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

RECENT_WEEKS = 26
FEWEST_WEEKS = 8
FEWEST_DONE = 5
HORIZON_WEEKS = 520
RUNS = 1000
INSIDE_90 = (0.05, 0.5, 0.95)
SEED = 20240331
SLOWING = np.linspace(0, 1.25, 6)  # how the pace may depend on how many are left: the power p
HOLDS_COUNTS = 2.0


@dataclass(frozen=True)
class Finish:
    """When all will be done: earliest and latest hold 90% of the runs between them; a date beyond ten years is None.

    refusal: a plain reason why there is no forecast, and then every date is None.
    """

    remaining: int
    sentence: str
    likely: date | None = None
    earliest: date | None = None
    latest: date | None = None
    refusal: str | None = None


def finish(dates_done: Iterable[date], total: int, today: date) -> Finish:
    """Forecast when `total` will be done, from the date each one done so far was done.

    Dates after `today` are not done yet and ignored, so that an earlier day's forecast can be looked up. Rests on the
    last 26 weeks, or as many as there have been since the first; refuses under 8 weeks or 5 done in them.
    Raises ValueError when more are done than there are.
    """
    done = sorted(day for day in dates_done if day <= today)
    remaining = total - len(done)
    if remaining < 0:
        raise ValueError(f"{len(done)} are done out of {total}")
    if remaining == 0:
        return _refused(remaining, "all are live.")
    if not done:
        return _refused(remaining, "none is live yet.")
    weeks = min(RECENT_WEEKS, (today - done[0]).days // 7 + 1)
    ages = [(today - day).days // 7 for day in done]
    recent = np.bincount([age for age in ages if age < weeks], minlength=weeks)
    if weeks < FEWEST_WEEKS:
        return _refused(remaining, f"the first went live less than {FEWEST_WEEKS} weeks ago.")
    if recent.sum() < FEWEST_DONE:
        few = f"only {recent.sum()} went live in the last {weeks} weeks; {FEWEST_DONE} are needed."
        return _refused(remaining, few if recent.sum() else f"none went live in the last {weeks} weeks.")
    earliest, likely, latest = (_date_after(today, run) for run in _weeks_to_go(recent, remaining))
    sentence = (
        f"Going by the last {weeks} weeks ({recent.sum()} went live), the remaining {remaining} would be live "
        f"{_when('about', likely)}; 9 runs in 10 end between {_when('', earliest)} and {_when('', latest)}."
    )
    return Finish(remaining, sentence, likely, earliest, latest)


def _weeks_to_go(recent: np.ndarray, remaining: int) -> np.ndarray:
    """Weeks until nothing is left, at the quantiles of INSIDE_90; infinite beyond the horizon.

    recent: how many were done in each week, the newest first.
    """
    random = np.random.default_rng(SEED)
    left_then = remaining + np.cumsum(recent)  # at the start of each of those weeks
    power = random.choice(SLOWING, RUNS, p=_likely(recent, left_then))
    history = random.integers(0, len(recent), (RUNS, len(recent)))
    # of each run's weeks only those in which something was done are gone through; how many lie between is drawn
    busy = recent[history] > 0
    history = np.take_along_axis(history, np.argsort(~busy, axis=1), axis=1)
    busy_weeks = busy.sum(axis=1)
    left, week, weeks = np.full(RUNS, remaining), np.zeros(RUNS), np.full(RUNS, np.inf)
    going = np.flatnonzero(busy_weeks)
    while len(going):
        week[going] += random.geometric(busy_weeks[going] / len(recent))
        drawn = history[going, random.integers(0, busy_weeks[going])]
        left[going] -= random.binomial(recent[drawn], (left[going] / left_then[drawn]) ** power[going])
        going = going[week[going] <= HORIZON_WEEKS]
        ended = going[left[going] <= 0]
        weeks[ended] = week[ended]
        going = going[left[going] > 0]
    return np.quantile(weeks, INSIDE_90, method="higher")


def _likely(recent: np.ndarray, left_then: np.ndarray) -> np.ndarray:
    """How likely each power of SLOWING is after the weeks behind us; adds up to 1."""
    expected = (left_then / left_then.mean()) ** SLOWING[:, None]
    fit = (recent * np.log(expected)).sum(axis=1) - recent.sum() * np.log(expected.sum(axis=1))
    weight = np.exp(fit - fit.max()) * np.where(SLOWING == 0, HOLDS_COUNTS, 1.0)
    return np.asarray(weight / weight.sum())


def _date_after(today: date, weeks: float) -> date | None:
    return None if np.isinf(weeks) else today + timedelta(weeks=int(weeks))


def _when(word: str, day: date | None) -> str:
    return "more than ten years on" if day is None else f"{word} {day:%B %Y}".strip()


def _refused(remaining: int, reason: str) -> Finish:
    return Finish(remaining, f"No forecast: {reason}", refusal=reason)
