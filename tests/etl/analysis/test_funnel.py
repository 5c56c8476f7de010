"""Funnel limits against the exact distributions, over-dispersion against planted spread."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from etl.analysis.funnel import funnel, judge, limits, overdispersion, wilson

TAILS = {"998": 0.001, "95": 0.025}


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3000), st.floats(0.01, 0.99))
def test_share_limits_agree_with_the_binomial(size: int, centre: float) -> None:
    row = limits([size], centre).iloc[0]
    chance = stats.binom.pmf(np.arange(size + 1), size, centre)
    for name, tail in TAILS.items():
        lower, upper = slow_count(tail, chance), size - slow_count(tail, chance[::-1])
        assert row[f"lower_{name}"] * size == pytest.approx(max(lower, 0), abs=1e-5)
        assert row[f"upper_{name}"] * size == pytest.approx(min(upper, size), abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 20_000), st.floats(0.1, 60))
def test_rate_limits_agree_with_the_poisson(patients: int, centre: float) -> None:
    row = limits([patients], centre, "per_1000_patients").iloc[0]
    expected = centre * patients / 1000
    most = int(expected + 12 * math.sqrt(expected) + 30)
    chance = stats.poisson.pmf(np.arange(most + 1), expected)
    for name, tail in TAILS.items():
        lower, upper = slow_count(tail, chance), most - slow_count(tail, chance[::-1])
        assert row[f"lower_{name}"] * patients / 1000 == pytest.approx(max(lower, 0), abs=1e-5)
        assert row[f"upper_{name}"] * patients / 1000 == pytest.approx(upper, abs=1e-5)


def slow_count(tail: float, chance: np.ndarray) -> float:
    """The first count to reach the tail, walked to from 0, less the overshooting part of its own probability."""
    reached = 0.0
    for count, probability in enumerate(chance):
        reached += probability
        if reached >= tail:
            return count - (reached - tail) / probability
    raise AssertionError("the distribution never reaches the tail")


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 400), st.floats(0.02, 0.98), st.floats(0, 1))
def test_judged_outside_exactly_when_chance_would_do_it_once_in_a_thousand(
    size: int, centre: float, share: float
) -> None:
    count = round(size * share)
    above, below = stats.binom.sf(count - 1, size, centre), stats.binom.cdf(count, size, centre)
    if min(abs(above - 0.001), abs(below - 0.001)) > 1e-9:
        verdict = judge(limits([size], centre).assign(value=count / size))[0]
        assert verdict == ("above" if above < 0.001 else "below" if below < 0.001 else "within")


def test_limits_narrow_smoothly_and_stay_possible() -> None:
    grid = limits(np.arange(1, 2000), 0.4)
    assert grid["lower_998"].min() >= 0
    assert grid["upper_998"].max() <= 1
    assert (grid["lower_998"] <= grid["lower_95"]).all()
    assert (grid["upper_95"] <= grid["upper_998"]).all()
    assert grid["upper_998"].diff().iloc[50:].abs().max() < 0.005


def test_without_a_denominator_there_is_no_limit_and_no_judgement() -> None:
    found = funnel([4, 0, math.nan], [10, 0, 20])
    assert found.points["value"].isna().tolist() == [False, True, True]
    assert np.isnan(found.points["upper_998"][1])
    assert found.points["judgement"].tolist() == ["within", None, None]
    assert found.centre == 0.4


def test_nothing_at_all() -> None:
    assert funnel([], []).points.empty
    assert funnel([0], [0]).points["judgement"].tolist() == [None]


@pytest.mark.parametrize(("numerator", "centre"), [(0, 0.0), (50, 1.0)])
def test_nobody_and_everybody(numerator: int, centre: float) -> None:
    found = funnel([numerator] * 10, [50] * 10)
    assert found.centre == centre
    assert set(found.points["judgement"]) == {"within"}
    outer = found.points[["lower_998", "upper_998"]]
    assert ((outer - centre).abs() < 1 / 50).all(axis=None)


def test_chance_alone_is_left_alone() -> None:
    random = np.random.default_rng(3)
    judgements, widened = [], 0
    for _ in range(40):
        sizes = random.integers(100, 2000, 48)
        found = funnel(random.binomial(sizes, 0.4), sizes)
        judgements += found.points["judgement"].tolist()
        widened += found.overdispersion.tau > 0.01
    assert judgements.count("within") / len(judgements) > 0.995
    assert widened <= 3


def test_planted_spread_is_found_and_an_outlier_still_stands_out() -> None:
    random = np.random.default_rng(4)
    taus = []
    for _ in range(40):
        sizes = random.integers(500, 3000, 60)
        own = np.append(random.normal(0.4, 0.05, 59), 0.75)
        found = funnel(random.binomial(sizes, own), sizes)
        taus.append(found.overdispersion.tau)
        assert found.overdispersion.phi > 3
        assert found.points["judgement"].iloc[-1] == "above"
        assert (found.points["judgement"].iloc[:-1] == "within").mean() > 0.9
        assert f"typically by {100 * found.overdispersion.tau:.1f} percentage points" in found.overdispersion.statement
    assert 0.035 < np.mean(taus) < 0.055


def test_phi_and_tau_by_hand() -> None:
    # Ten equal organisations, five a step above and five a step below: every z-score is ±2.
    size, centre = 400, 0.5
    variance = 0.25 / size
    step = 2 * math.sqrt(variance) * size
    found = overdispersion([200 + step] * 5 + [200 - step] * 5, [size] * 10, centre)
    assert found.phi == pytest.approx(4)
    weight = 1 / variance
    assert found.tau == pytest.approx(math.sqrt((10 * 4 - 9) / (10 * weight - weight)))
    wide, narrow = limits([size], centre, tau=found.tau).iloc[0], limits([size], centre).iloc[0]
    ratio = math.sqrt((variance + found.tau**2) / variance)
    assert (wide["upper_998"] - centre) / (narrow["upper_998"] - centre) == pytest.approx(ratio)


def test_one_freak_organisation_does_not_widen_the_limits_for_all() -> None:
    step = 2 * math.sqrt(0.25 / 400) * 400
    found = overdispersion([200 + step] * 9 + [400] + [200 - step] * 10, [400] * 20, 0.5)
    assert found.phi == pytest.approx(4)


def test_few_organisations_are_not_adjusted() -> None:
    found = overdispersion([10, 90], [100, 100], 0.5)
    assert found.tau == 0
    assert "2 organisations" in found.statement


def test_rates_are_judged_too() -> None:
    found = funnel([20, 20, 20, 80], [1000] * 4, "per_1000_patients")
    assert found.centre == 35
    assert found.points["judgement"].tolist() == ["within", "within", "within", "above"]


def test_judge_reads_the_outer_limits() -> None:
    points = limits([100] * 3, 0.5).assign(value=[0.5, 0.7, 0.3])
    assert judge(points).tolist() == ["within", "above", "below"]
    assert judge(points.assign(value=points["upper_95"] + 0.01)).tolist() == ["within"] * 3


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10_000), st.floats(0, 1))
def test_wilson_agrees_with_scipy(size: int, share: float) -> None:
    numerator = round(size * share)
    lower, upper = wilson([numerator], [size])
    expected = stats.binomtest(numerator, size).proportion_ci(method="wilson")
    assert (lower[0], upper[0]) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_of_nothing() -> None:
    lower, upper = wilson([0, 1], [0, 2])
    assert np.isnan(lower[0])
    assert np.isnan(upper[0])
    assert lower[1] < 0.5 < upper[1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: funnel([1], [2], "seconds"), "no funnel for unit 'seconds'"),
        (lambda: wilson([3], [2]), "row 0: numerator 3 is more than denominator 2"),
        (lambda: funnel([-1], [2]), "cannot be negative"),
        (lambda: funnel([1, 2], [2]), "2 numerators for 1 denominators"),
        (lambda: limits([5], 40.0), "between 0 and 1"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_a_part_larger_than_its_whole_is_above_and_never_an_error() -> None:
    found = funnel([40, 41, 39, 60], [50, 50, 50, 50])
    assert list(found.points["judgement"]) == ["within", "within", "within", "above"]
    assert list(funnel([3, 4], [2, 2]).points["judgement"]) == [None, None]
