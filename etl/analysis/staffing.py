"""What one more call handler would change in a half-hour of which only a call log is known.

A log says how many rang, got through, gave up and waited; not how many were answering, nor how long callers would have
waited. Both are inferred, so the answer is a range, not a figure.
"""

from dataclasses import dataclass

from etl.analysis.queueing import queue

NOTES_SECONDS = (0.0, 30.0, 60.0)  # of work after each call, which no log has; the middle one is the best guess
PATIENCE = (0.5, 1.0, 2.0)  # times the patience that the log implies
FEWEST_MISSED = 0.5  # a mean of fewer lost callers a half-hour leaves nothing to work with
MOST_HANDLERS = 200


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
            now, then = (queue(calls, handle, each, patience_seconds=patience) for each in (handlers, handlers + 1))
            guesses.append((handlers, calls * (now.missed - then.missed)))
    middle = len(guesses) // 2
    handlers_found, saved = zip(*guesses, strict=True)
    # nobody saves callers who were not lost
    least, best, most = (min(each, missed) for each in (min(saved), saved[middle], max(saved)))
    return Staffing((min(handlers_found), handlers_found[middle], max(handlers_found)), (least, best, most))


def _handlers(calls: float, handle: float, patience: float, share: float) -> int:
    """The number answering, at least one, whose share missed is closest to what was seen."""

    def missed(handlers: int) -> float:
        return queue(calls, handle, handlers, patience_seconds=patience).missed

    handlers = 1
    while handlers < MOST_HANDLERS and missed(handlers + 1) > share:
        handlers += 1
    return min((handlers, handlers + 1), key=lambda number: abs(missed(number) - share))
