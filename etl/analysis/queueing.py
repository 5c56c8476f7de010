"""Is there enough behind the phone? What one more call handler would change in a half-hour.

Only a call log is known. It says how many rang, got through, gave up and waited; not how many were answering, nor how
long callers would have waited. Both are inferred, so the answer is a range, not a figure.

The queue is Erlang A (Palm, 1946; Garnett, Mandelbaum and Reiman, M&SOM 4 (2002)): callers arrive at random, each
waits for a patience that is exponential with a given mean, then hangs up; so a queue settles however few answer. It
describes a settled half-hour; a Monday at eight is not settled.
"""

import math
from dataclasses import dataclass

HALF_HOUR = 1800
NOTES_SECONDS = (0.0, 30.0, 60.0)  # of work after each call, which no log has; the middle one is the best guess
PATIENCE = (0.5, 1.0, 2.0)  # times the patience that the log implies
FEWEST_MISSED = 0.5  # a mean of fewer lost callers a half-hour leaves nothing to work with
MOST_HANDLERS = 200
# shares below this are nothing, and relative ones above its inverse are scaled down by it
TINY = 1e-100


@dataclass(frozen=True)
class Staffing:
    """What one more call handler would change: handlers (inferred now: least, best guess, most) and saved (callers
    more who would get through per half-hour: least, best guess, most)."""

    handlers: tuple[int, int, int]
    saved: tuple[float, float, float]


def one_more_handler(calls: float, missed: float, wait_seconds: float, talk_seconds: float) -> Staffing | None:
    """The range over every combination of NOTES_SECONDS and PATIENCE; None where too little is known to infer it.

    calls: that joined the queue in a half-hour on average, answered or missed; missed: of those; wait_seconds,
    talk_seconds: means. In Erlang A the share missed is the mean wait over the mean patience (Garnett, Mandelbaum and
    Reiman, 2002), which gives the patience; then the number answering is that whose share missed comes closest.
    """
    if missed < FEWEST_MISSED or calls <= missed or wait_seconds <= 0 or talk_seconds <= 0:
        return None
    share = missed / calls
    guesses = []
    for notes in NOTES_SECONDS:
        for factor in PATIENCE:
            patience, handle = factor * wait_seconds / share, talk_seconds + notes
            handlers = _handlers(calls, handle, patience, share)
            now, then = (share_missed(calls, handle, each, patience) for each in (handlers, handlers + 1))
            guesses.append((handlers, calls * (now - then)))
    middle = len(guesses) // 2
    handlers_found, saved = zip(*guesses, strict=True)
    # nobody saves callers who were not lost
    least, best, most = (min(each, missed) for each in (min(saved), saved[middle], max(saved)))
    return Staffing((min(handlers_found), handlers_found[middle], max(handlers_found)), (least, best, most))


def _handlers(calls: float, handle: float, patience: float, share: float) -> int:
    """The number answering, at least one, whose share missed is closest to what was seen."""

    def missed(handlers: int) -> float:
        return share_missed(calls, handle, handlers, patience)

    handlers = 1
    while handlers < MOST_HANDLERS and missed(handlers + 1) > share:
        handlers += 1
    return min((handlers, handlers + 1), key=lambda number: abs(missed(number) - share))


def share_missed(calls: float, handle_seconds: float, handlers: int, patience_seconds: float) -> float:
    """Erlang A: the share of callers who hang up unanswered.

    calls: in a half-hour, each taking `handle_seconds` on average, talk and notes; handlers: how many answer;
    patience_seconds: mean time a caller will wait. Raises ValueError for a negative or infinite number, or no time.
    """
    numbers = {"calls": calls, "handlers": handlers}
    times = {"handle_seconds": handle_seconds, "patience_seconds": patience_seconds}
    for name, number in (numbers | times).items():
        if not 0 <= number < math.inf or (name in times and number == 0):
            raise ValueError(f"{name} is {number}; it must be {'more than 0' if name in times else '0 or more'}")
    load = calls * handle_seconds / HALF_HOUR
    if load < TINY:
        return 0.0
    if handlers == 0:
        return 1.0
    # states are relative to all handlers but one being busy; those with a queue are walked until they fade
    blocked = _blocked(load, handlers - 1)
    if blocked < TINY:
        return 0.0
    arrivals, answers = load / handle_seconds, handlers / handle_seconds
    at_once, queued, length = 1 / blocked, 0.0, 0
    waiting = state = arrivals / answers
    while state > 1e-16 * waiting or arrivals > answers + length / patience_seconds:
        length += 1
        state *= arrivals / (answers + length / patience_seconds)
        waiting += state
        queued += length * state
        if waiting > 1 / TINY:
            at_once, waiting, state, queued = (TINY * part for part in (at_once, waiting, state, queued))
    return queued / (at_once + waiting) / patience_seconds / arrivals


def _blocked(load: float, handlers: int) -> float:
    """Erlang B by recursion, which hundreds of handlers do not overflow: the share of callers who find all of them
    busy, were there no queue."""
    blocked = 1.0
    for number in range(1, handlers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked
