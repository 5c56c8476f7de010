"""Queues against printed figures, sums over states in exact arithmetic, and a simulated telephone."""

import heapq
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.analysis.queueing import queue

LOADS = st.floats(0.1, 60)
HANDLERS = st.integers(1, 80)


def test_the_text_book_half_hour() -> None:
    found = queue(100, 180, 14, within_seconds=20)
    assert found.answered_in_time == pytest.approx(0.8884, abs=5e-5)
    assert found.load == pytest.approx(10)
    assert found.occupancy == pytest.approx(10 / 14)


@settings(max_examples=100, deadline=None)
@given(LOADS, HANDLERS)
def test_erlang_c_agrees_with_the_sum_over_states(load: float, handlers: int) -> None:
    found = queue(load, 180, handlers, interval_seconds=180)
    if handlers <= load:
        assert (found.waits, found.answered_in_time, found.mean_wait_seconds) == (1, 0, math.inf)
        return
    busy = [load**n / math.factorial(n) for n in range(handlers)]
    all_busy = load**handlers / math.factorial(handlers) * handlers / (handlers - load)
    waits = all_busy / (sum(busy) + all_busy)
    assert found.waits == pytest.approx(waits, rel=1e-9)
    assert found.mean_wait_seconds == pytest.approx(waits * 180 / (handlers - load), rel=1e-9)
    expected = 1 - waits * math.exp(-(handlers - load) * 120 / 180)
    assert found.answered_in_time == pytest.approx(expected, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(LOADS, HANDLERS, st.floats(20, 1000))
def test_erlang_a_agrees_with_the_sum_over_states(load: float, handlers: int, patience: float) -> None:
    found = queue(load, 180, handlers, patience_seconds=patience, interval_seconds=180)
    logs = [0.0]
    for n in range(1, handlers + 1000):
        leaving = min(n, handlers) / 180 + max(0, n - handlers) / patience
        logs.append(logs[-1] + math.log(load / 180 / leaving))
    share = np.exp(np.array(logs) - max(logs))
    share /= share.sum()
    queued = sum((n - handlers) * share[n] for n in range(handlers, len(share)))
    assert found.waits == pytest.approx(share[handlers:].sum(), abs=1e-9)
    assert found.missed == pytest.approx(queued / patience / (load / 180), abs=1e-9)
    answered = sum(min(n, handlers) * share[n] for n in range(len(share))) / load
    assert found.missed == pytest.approx(1 - answered, abs=1e-9)
    assert found.occupancy == pytest.approx(load * answered / handlers, abs=1e-9)
    endless = queue(load, 180, handlers, patience_seconds=patience, interval_seconds=180, within_seconds=40 * patience)
    assert endless.answered_in_time == pytest.approx(answered, abs=1e-6)


def test_endless_patience_is_erlang_c() -> None:
    patient = queue(100, 180, 12, within_seconds=60)
    nearly = queue(100, 180, 12, within_seconds=60, patience_seconds=1e9)
    assert nearly.answered_in_time == pytest.approx(patient.answered_in_time, abs=1e-6)
    assert nearly.mean_wait_seconds == pytest.approx(patient.mean_wait_seconds, rel=1e-5)


@pytest.mark.parametrize(("handlers", "patience"), [(9, 120.0), (12, 300.0), (12, None)])
def test_a_simulated_telephone_agrees(handlers: int, patience: float | None) -> None:
    found = queue(100, 180, handlers, within_seconds=60, patience_seconds=patience)
    random = np.random.default_rng(1)
    size = 150_000
    arrivals = np.cumsum(random.exponential(18, size))
    handling = random.exponential(180, size)
    patiences = np.full(size, np.inf) if patience is None else random.exponential(patience, size)
    free = [0.0] * handlers
    waits = []
    for moment, needed, bears in zip(arrivals, handling, patiences, strict=True):
        answered = max(free[0], moment)
        waits.append(min(answered - moment, bears))
        if answered - moment <= bears:
            heapq.heapreplace(free, answered + needed)
        else:
            waits[-1] = -bears
    wait = np.array(waits)
    assert found.answered_in_time == pytest.approx(np.mean((wait >= 0) & (wait <= 60)), abs=0.02)
    assert found.missed == pytest.approx(np.mean(wait < 0), abs=0.01)
    assert found.mean_wait_seconds == pytest.approx(np.abs(wait).mean(), rel=0.08)


def test_more_handlers_than_a_factorial_bears() -> None:
    assert 0 < queue(5000, 180, 510).waits < 1
    assert queue(5000, 180, 400, patience_seconds=120).missed == pytest.approx(0.2, abs=0.01)
    hopeless = queue(100_000, 180, 10, patience_seconds=120)
    assert hopeless.missed == pytest.approx(0.999, abs=1e-4)
    assert hopeless.answered_in_time == pytest.approx(0, abs=1e-9)
    at_last = queue(100_000, 180, 10, patience_seconds=120, within_seconds=1200)
    assert at_last.answered_in_time == pytest.approx(0.001, rel=0.01)
    idle = queue(1, 180, 500, patience_seconds=120)
    assert (idle.waits, idle.answered_in_time, idle.missed) == (0, 1, 0)


def test_nobody_rings_and_nobody_answers() -> None:
    assert queue(0, 180, 0).answered_in_time == 1
    assert queue(10, 180, 0).mean_wait_seconds == math.inf
    alone = queue(10, 180, 0, patience_seconds=90)
    assert (alone.missed, alone.answered_in_time, alone.mean_wait_seconds) == (1, 0, 90)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: queue(-1, 180, 3), "calls is -1"),
        (lambda: queue(math.nan, 180, 3), "calls is nan"),
        (lambda: queue(1, 0, 3), "handle_seconds is 0"),
        (lambda: queue(1, 180, -3), "handlers is -3"),
        (lambda: queue(1, 180, 3, patience_seconds=0), "patience_seconds is 0"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
