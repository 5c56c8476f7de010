"""Is there enough behind the phone? Queueing by Erlang's formulas.

Erlang C (Erlang, 1917): callers arrive at random and wait as long as it takes. Erlang A (Palm, 1946; Garnett,
Mandelbaum and Reiman, M&SOM 4 (2002)): each waits for a patience that is exponential with the given mean, then
hangs up. With patience, a queue settles however few answer; without, it grows for ever once calls need more hours
than there are.

Loads are worked out by recursion on Erlang B, so hundreds of call handlers do not overflow. Both describe a settled
half-hour; a Monday at eight is not settled.
"""

import math
from dataclasses import dataclass

import numpy as np

HALF_HOUR = 1800
# shares below this are nothing, and relative ones above its inverse are scaled down by it.
TINY = 1e-100
NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)


@dataclass(frozen=True)
class Queue:
    """What callers meet, with `handlers` answering.

    load: calls being handled on average if all were answered (erlangs). occupancy: share of handlers' time spent on
    calls. waits: share of callers who wait at all. answered_in_time: share of all callers answered within the time
    asked for. missed: share who hang up unanswered (0 without patience). mean_wait_seconds: over all callers,
    infinite when the queue never settles.
    """

    handlers: int
    load: float
    occupancy: float
    waits: float
    answered_in_time: float
    missed: float
    mean_wait_seconds: float


def queue(
    calls: float,
    handle_seconds: float,
    handlers: int,
    *,
    within_seconds: float = 120,
    patience_seconds: float | None = None,
    interval_seconds: float = HALF_HOUR,
) -> Queue:
    """The queue that `calls` per interval make, each taking `handle_seconds` on average, talk and notes.

    patience_seconds: mean time a caller will wait; None for callers who never hang up (Erlang C).
    Raises ValueError for negative calls, handlers or time, or a duration of 0.
    """
    for name, number, least in (
        ("calls", calls, 0),
        ("handlers", handlers, 0),
        ("within_seconds", within_seconds, 0),
    ):
        if not number >= least or math.isinf(number):
            raise ValueError(f"{name} is {number}; it must be {least} or more")
    for name, number in (
        ("handle_seconds", handle_seconds),
        ("interval_seconds", interval_seconds),
        ("patience_seconds", 1 if patience_seconds is None else patience_seconds),
    ):
        if not number > 0 or math.isinf(number):
            raise ValueError(f"{name} is {number}; it must be more than 0")
    load = calls * handle_seconds / interval_seconds
    if load < TINY:
        return Queue(handlers, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    if patience_seconds is None:
        return _patient(load, handle_seconds, handlers, within_seconds)
    return _impatient(load, handle_seconds, handlers, within_seconds, patience_seconds)


def _blocked(load: float, handlers: int) -> float:
    """Erlang B by recursion: the share of callers who find all handlers busy, were there no queue."""
    blocked = 1.0
    for number in range(1, handlers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def _patient(load: float, handle_seconds: float, handlers: int, within_seconds: float) -> Queue:
    if handlers <= load:
        return Queue(handlers, load, 1.0, 1.0, 0.0, 0.0, math.inf)
    blocked = _blocked(load, handlers)
    waits = handlers * blocked / (handlers - load * (1 - blocked))
    spare = (handlers - load) / handle_seconds
    answered_in_time = 1 - waits * math.exp(-spare * within_seconds)
    return Queue(handlers, load, load / handlers, waits, answered_in_time, 0.0, waits / spare)


def _impatient(
    load: float, handle_seconds: float, handlers: int, within_seconds: float, patience_seconds: float
) -> Queue:
    """Erlang A. States are relative to all handlers but one being busy; the queue's are walked until they fade."""
    if handlers == 0:
        return Queue(0, load, 0.0, 1.0, 0.0, 1.0, patience_seconds)
    arrivals, answers = load / handle_seconds, handlers / handle_seconds
    blocked = _blocked(load, handlers - 1)
    if blocked < TINY:
        return Queue(handlers, load, load / handlers, 0.0, 1.0, 0.0, 0.0)
    at_once, log_scale = 1 / blocked, 0.0
    waiting = state = arrivals / answers
    queued, length = 0.0, 0
    while state > 1e-16 * waiting or arrivals > answers + length / patience_seconds:
        length += 1
        state *= arrivals / (answers + length / patience_seconds)
        waiting += state
        queued += length * state
        if waiting > 1 / TINY:
            at_once, waiting, state, queued = (TINY * part for part in (at_once, waiting, state, queued))
            log_scale += math.log(TINY)
    total = at_once + waiting
    mean_queue = queued / total
    missed = mean_queue / patience_seconds / arrivals
    soon = _answered_after_waiting(arrivals, answers, within_seconds, patience_seconds, log_scale)
    return Queue(
        handlers=handlers,
        load=load,
        occupancy=load * (1 - missed) / handlers,
        waits=waiting / total,
        answered_in_time=(at_once + soon) / total,
        missed=missed,
        mean_wait_seconds=mean_queue / arrivals,
    )


def _answered_after_waiting(arrivals: float, answers: float, within: float, patience: float, log_scale: float) -> float:
    """Relative share of callers answered after a wait of at most `within` seconds.

    The wait a caller of endless patience would meet has density arrivals × exp(∫(arrivals × still there −
    answers)) (Baccelli and Hebuterne, 1981); of those, the ones still there are answered. Integrated numerically.
    """
    moment = within * (NODES + 1) / 2
    still_there = np.exp(-moment / patience)
    density = arrivals * np.exp(arrivals * patience * (1 - still_there) - answers * moment + log_scale)
    return float(within / 2 * np.sum(WEIGHTS * density * still_there))
