"""Queues against sums over states and a simulated telephone."""

import heapq
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.analysis.queueing import one_more_handler, share_missed

HANDLE = 180
CALLS = 1800 / HANDLE  # that make a load of one


@settings(max_examples=100, deadline=None)
@given(st.floats(0.1, 60), st.integers(1, 80), st.floats(20, 1000))
def test_the_share_missed_agrees_with_the_sum_over_states(load: float, handlers: int, patience: float) -> None:
    logs = [0.0]
    for n in range(1, handlers + 1000):
        leaving = min(n, handlers) / HANDLE + max(0, n - handlers) / patience
        logs.append(logs[-1] + math.log(load / HANDLE / leaving))
    share = np.exp(np.array(logs) - max(logs))
    share /= share.sum()
    answered = sum(min(n, handlers) * share[n] for n in range(len(share))) / load
    assert share_missed(load * CALLS, HANDLE, handlers, patience) == pytest.approx(1 - answered, abs=1e-9)


@pytest.mark.parametrize(("handlers", "patience"), [(9, 120.0), (12, 300.0)])
def test_a_simulated_telephone_agrees(handlers: int, patience: float) -> None:
    """Also in that the share missed is the mean wait over the mean patience, from which patience is inferred."""
    random = np.random.default_rng(1)
    size = 150_000
    arrivals = np.cumsum(random.exponential(18, size))
    handling = random.exponential(HANDLE, size)
    patiences = random.exponential(patience, size)
    free = [0.0] * handlers
    waits, missed = [], 0
    for moment, needed, bears in zip(arrivals, handling, patiences, strict=True):
        answered = max(free[0], moment)
        waits.append(min(answered - moment, bears))
        if answered - moment <= bears:
            heapq.heapreplace(free, answered + needed)
        else:
            missed += 1
    found = share_missed(100, HANDLE, handlers, patience)
    assert found == pytest.approx(missed / size, abs=0.01)
    assert found == pytest.approx(np.mean(waits) / patience, rel=0.08)


def test_more_handlers_than_a_factorial_bears() -> None:
    assert share_missed(5000, HANDLE, 400, 120) == pytest.approx(0.2, abs=0.01)
    assert share_missed(100_000, HANDLE, 10, 120) == pytest.approx(0.999, abs=1e-4)
    assert share_missed(1, HANDLE, 500, 120) == 0


def test_nobody_rings_and_nobody_answers() -> None:
    assert share_missed(0, HANDLE, 0, 90) == 0
    assert share_missed(10, HANDLE, 0, 90) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((-1, HANDLE, 3, 90), "calls is -1; it must be 0 or more"),
        ((math.nan, HANDLE, 3, 90), "calls is nan"),
        ((1, 0, 3, 90), "handle_seconds is 0; it must be more than 0"),
        ((1, HANDLE, -3, 90), "handlers is -3"),
        ((1, HANDLE, 3, math.inf), "patience_seconds is inf"),
    ],
)
def test_bad_input_is_named(given: tuple[float, float, int, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        share_missed(*given)


def test_one_more_call_handler_is_a_range_around_its_guess() -> None:
    found = one_more_handler(50, 12, 200, 180)
    assert found is not None
    assert 0 < found.saved[0] <= found.saved[1] <= found.saved[2] <= 12
    assert found.handlers[0] <= found.handlers[1] <= found.handlers[2]
    # a half-hour of 50 calls of 3 minutes cannot be worked by fewer than 3 while three quarters get through
    assert found.handlers[0] >= 3


@pytest.mark.parametrize("given", [(50, 0.2, 200, 180), (50, 50, 200, 180), (50, 12, 0, 180), (50, 12, 200, 0)])
def test_nothing_is_said_of_one_more_where_too_little_is_known(given: tuple[float, float, float, float]) -> None:
    assert one_more_handler(*given) is None
