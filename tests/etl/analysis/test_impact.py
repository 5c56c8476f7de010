"""Staggered difference in differences: planted effects found, none found where none was planted."""

import datetime
import math
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from etl.analysis.impact import switching_effect

PERIODS = 24
PRACTICES = [f"practice {n}" for n in range(48)]


def world(
    seed: int, effect: float = 0.0, switching: int = 30, pre_trend: float = 0.0, noise: float = 1.0
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Practices at very different levels, a shared trend and season, months of one practice alike."""
    random = np.random.default_rng(seed)
    switched = {name: int(random.integers(5, 19)) for name in PRACTICES[:switching]}
    season = 3 * np.sin(np.arange(PERIODS) / 2) + 0.5 * np.arange(PERIODS)
    start = np.array([switched.get(name, PERIODS) for name in PRACTICES])[:, None]
    own = random.normal(0, noise, (len(PRACTICES), PERIODS))
    for period in range(1, PERIODS):
        own[:, period] += 0.5 * own[:, period - 1]
    drift = pre_trend * np.arange(PERIODS) * (start < PERIODS)
    level = random.normal(60, 15, (len(PRACTICES), 1))
    values = level + season + own + drift + effect * (np.arange(PERIODS) >= start)
    names, periods = np.repeat(PRACTICES, PERIODS), np.tile(np.arange(PERIODS), len(PRACTICES))
    return pd.DataFrame({"practice": names, "period": periods, "value": values.ravel()}), switched


def test_a_planted_effect_lies_in_its_interval_and_no_effect_does_too() -> None:
    for effect in (0.0, 4.0):
        covered, estimates, placebos = 0, [], 0
        for seed in range(20):
            found = switching_effect(*world(seed, effect))
            covered += found.lower <= effect <= found.upper
            placebos += found.placebo_differs
            estimates.append(found.estimate)
            assert found.lower < found.estimate < found.upper
            assert effect == 0 or found.lower > 0
        assert covered >= 17
        assert placebos <= 3
        assert np.mean(estimates) == pytest.approx(effect, abs=0.2)


def test_the_interval_is_honest_with_few_practices() -> None:
    covered = sum(covers(switching_effect(*world(seed, 2.0, switching=10), before=3, after=3)) for seed in range(30))
    assert covered >= 26


def covers(found: object) -> bool:
    # With ten switching at random, now and then fewer than eight have a whole window.
    return found.refusal is not None or found.lower <= 2.0 <= found.upper


def test_an_effect_that_differs_between_practices_is_averaged_over_them() -> None:
    values, switched = world(5, noise=1e-9)
    own = {name: float(number) for number, name in enumerate(switched)}
    gain = [
        own[name] * (period >= switched[name]) if name in switched else 0.0
        for name, period in zip(values["practice"], values["period"], strict=True)
    ]
    found = switching_effect(values.assign(value=values["value"] + gain), switched)
    assert found.practices == 30
    assert found.estimate == pytest.approx(np.mean(list(own.values())))
    half = values.assign(value=values["value"] + gain, weight=[own.get(p, 1.0) for p in values["practice"]])
    weighted = switching_effect(half, switched)
    assert weighted.practices == 29
    assert weighted.estimate == pytest.approx(np.average(list(own.values()), weights=list(own.values())))


def test_agrees_with_the_regression_with_practice_and_period_effects() -> None:
    values, _ = world(7, effect=3.0)
    switched = dict.fromkeys(PRACTICES[:12], 10)
    found = switching_effect(values, switched, before=4, after=5)
    window = values[values["period"].between(6, 14)]
    treated = (window["practice"].isin(switched) & (window["period"] >= 10)).astype(float)
    slow = smf.ols("value ~ treated + C(practice) + C(period)", window.assign(treated=treated)).fit()
    assert found.estimate == pytest.approx(slow.params["treated"])
    assert (found.practices, found.controls) == (12, 36)


def test_interval_agrees_with_each_practice_taken_at_a_time() -> None:
    """How far each practice pulls the estimate from its mean, squared and summed, is the estimate's variance."""
    values, switched = world(3, effect=2.0, switching=12)
    found = switching_effect(values, switched, before=3, after=2)
    table = {(practice, period): value for practice, period, value in values.itertuples(index=False)}

    def change(practice: str, first: int) -> float:
        later = [table[practice, period] for period in range(first, first + 2)]
        return np.mean(later) - np.mean([table[practice, period] for period in range(first - 3, first)])

    gain, pull, lines = {}, defaultdict(float), len(switched)
    for name, first in switched.items():
        waiting = [practice for practice in PRACTICES if switched.get(practice, PERIODS) >= first + 2]
        expected = np.mean([change(practice, first) for practice in waiting])
        gain[name] = change(name, first) - expected
        for practice in waiting:
            pull[practice] -= (change(practice, first) - expected) / len(waiting) / len(switched)
        lines += len(waiting) / list(switched.values()).count(first)
    estimate = np.mean(list(gain.values()))
    for name in switched:
        pull[name] += (gain[name] - estimate) / len(switched)
    few = len(pull) / (len(pull) - 1) * (lines - 1) / (lines - 2) * len(switched) / (len(switched) - 1)
    error = math.sqrt(few * sum(one**2 for one in pull.values()))
    assert found.estimate == pytest.approx(estimate)
    assert found.upper - found.estimate == pytest.approx(error * stats.t.ppf(0.975, len(switched) - 1))


def test_groups_already_moving_apart_are_flagged() -> None:
    found = [switching_effect(*world(seed, pre_trend=1.0)) for seed in range(5)]
    assert all(one.placebo_differs for one in found)
    assert all("already moving apart" in one.sentence for one in found)
    assert np.mean([one.placebo_estimate for one in found]) == pytest.approx(2.0, abs=0.5)


def test_settling_periods_are_left_out() -> None:
    values, switched = world(8, effect=5.0, noise=1e-9)
    first = [switched.get(p) == t for p, t in zip(values["practice"], values["period"], strict=True)]
    halved = values.assign(value=values["value"] - 5.0 * np.array(first))
    assert switching_effect(halved, switched).estimate == pytest.approx(3.75)
    assert switching_effect(halved, switched, settling=1).estimate == pytest.approx(5.0)


def test_a_missing_value_leaves_the_practice_out_of_that_window_only() -> None:
    values, switched = world(9, effect=5.0, noise=1e-9)
    name = PRACTICES[0]
    lost = (values["practice"] == name) & (values["period"] == switched[name])
    without = switching_effect(values.assign(value=values["value"].mask(lost)), switched)
    absent = switching_effect(values[~lost], switched)
    assert without == absent
    assert without.practices == 29
    assert without.estimate == pytest.approx(5.0)


def test_dates_are_periods_too() -> None:
    values, switched = world(10, effect=5.0)
    months = pd.date_range("2024-01-01", periods=PERIODS, freq="MS")
    dated = values.assign(period=months[values["period"]])
    inside = {name: months[start].date() + datetime.timedelta(days=12) for name, start in switched.items()}
    assert switching_effect(dated, inside) == switching_effect(values, switched)
    plain = dated.assign(period=[moment.date() for moment in dated["period"]])
    assert switching_effect(plain, {**inside, PRACTICES[-1]: None}) == switching_effect(values, switched)


def test_the_sentence_says_no_more_than_the_interval() -> None:
    values, switched = world(11, effect=6.0)
    shares = values.assign(value=values["value"] / 100)
    found = switching_effect(shares, switched, measure="calls answered", unit="percent", event="going live")
    assert found.sentence.startswith(
        f"In the 4 months after going live at 30 practices, calls answered were {100 * found.estimate:.1f} "
        "percentage points higher (95% interval "
    )
    assert "practices not yet switched in the same months lead one to expect." in found.sentence
    nothing = switching_effect(*world(12), measure="waits", unit="seconds")
    assert "no change in waits can be told from chance" in nothing.sentence
    fewer = switching_effect(*world(12, effect=-6.0), measure="waits", unit="seconds")
    assert "seconds lower (95% interval −" in fewer.sentence


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v, s: (v, dict(list(s.items())[:7])), "only 7 practices switched while they were being measured"),
        (lambda v, s: (v, {}), "only 0 practices"),
        (lambda v, s: (v, dict.fromkeys(s, -1)), "only 0 practices"),
        (lambda v, s: (v, dict.fromkeys(s, 2)), "no practice has figures for the 4 months before"),
        (lambda v, s: (v[v["practice"].isin(s)], dict.fromkeys(s, 10)), "no practice was still waiting"),
        (lambda v, s: (v[v["period"] < 7], s), "cover 7 months and 8 are needed"),
        (lambda v, s: (v.assign(value=np.nan), s), "there are no figures"),
        (lambda v, s: (v.iloc[:0], s), "there are no figures"),
        (lambda v, s: (v, dict.fromkeys(s, 21)), "no practice has figures for 4 months after"),
        (lambda v, s: (v, {p: 10 if n < 7 else 21 for n, p in enumerate(s)}), "only 7 practices have figures"),
    ],
)
def test_refusals(change: object, words: str) -> None:
    found = switching_effect(*change(*world(13)))
    assert words in found.refusal
    assert found.sentence == f"No answer: {found.refusal}"
    assert found.estimate is None
    assert not found.placebo_differs


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v, s: switching_effect(v, s, before=1), "2 or more periods before"),
        (lambda v, s: switching_effect(v, s, unit="stones"), "unknown unit 'stones'"),
        (lambda v, s: switching_effect(v.drop(columns="period"), s), "lack the column period"),
        (lambda v, s: switching_effect(pd.concat([v, v]), s), "practice 0 is given twice for period 0"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(*world(14))
