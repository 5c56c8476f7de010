"""An attacker: everything that was published, as one linear system, asked for each hidden count.

Recovered is what has fewer than two whole numbers left that would have been published exactly alike; closely known,
what one sum narrows to fewer than five, which is what rounding tells of any count. That a hidden count is 1 to 7 is
no secret: hiding it says so.
"""

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from etl.exports.disclosure import Counts

Shown = list[float | None]


def ranges(
    counts: Counts, shown: Shown, every: int = 1, guessed: frozenset[int] = frozenset()
) -> list[tuple[int, float, float]]:
    """(position, lowest, highest) that each hidden count (None) may have, given all that is shown.

    The attacker knows the sums, what never exceeds what, that exact counts and a shown 0 are the truth, that another
    shown count is within 2 of it, and that a hidden one is at least 1. `every`: ask only for each so-manieth hidden
    count. `guessed`: which he takes to be hidden for being 1 to 7.
    """
    size = len(counts.values)
    sums, right, limits = system(counts)
    bounds = known(counts, shown)
    bounds = [(low, 7) if place in guessed else (low, high) for place, (low, high) in enumerate(bounds)]
    found = []
    for position in hidden(counts, shown)[::every]:
        ends = []
        for sign in (1.0, -1.0):
            objective = np.zeros(size)
            objective[position] = sign
            answer = linprog(
                objective,
                A_eq=sums,
                b_eq=right,
                A_ub=limits,
                b_ub=np.zeros(len(counts.at_most)) if counts.at_most else None,
                bounds=bounds,
                method="highs",
            )
            assert answer.status in (0, 3), f"the attacker's system has no answer: {answer.message}"
            ends.append(sign * answer.fun if answer.status == 0 else np.inf)
        found.append((position, ends[0], ends[1]))
    return found


def system(counts: Counts) -> tuple[sparse.csr_matrix, np.ndarray, sparse.csr_matrix | None]:
    """The sums as a matrix and its right side; what never exceeds what, as another (at most 0), if anything."""
    rows, columns, data, right = [0], [0], [0.0], [0.0]
    for number, (total, parts, rest) in enumerate(counts.sums, start=1):
        rows += [number] * (len(parts) + 1)
        columns += [total, *parts]
        data += [1.0, *([-1.0] * len(parts))]
        right.append(rest)
    size = len(counts.values)
    sums = sparse.csr_matrix((data, (rows, columns)), shape=(len(counts.sums) + 1, size))
    if not counts.at_most:
        return sums, np.array(right), None
    pairs = np.array(counts.at_most)
    entries = (np.tile([1.0, -1.0], len(pairs)), (np.repeat(range(len(pairs)), 2), pairs.ravel()))
    return sums, np.array(right), sparse.csr_matrix(entries, shape=(len(pairs), size))


def known(counts: Counts, shown: Shown) -> list[tuple[float, float | None]]:
    """What a reader knows of each count by itself: hidden ones are at least 1, shown ones within 2 of the truth. What
    is in no file is 0 or more."""

    def of(value: float | None, is_exact: bool, is_unpublished: bool) -> tuple[float, float | None]:
        if value is None:
            return 0 if is_unpublished else 1, None
        return (value, value) if value == 0 or is_exact else (value - 2, value + 2)

    return [of(*one) for one in zip(shown, counts.exact, counts.unpublished, strict=True)]


def hidden(counts: Counts, shown: Shown) -> list[int]:
    """The positions of the published counts that are hidden."""
    return [p for p, value in enumerate(shown) if value is None and not counts.unpublished[p]]


def whole_numbers(counts: Counts, shown: Shown) -> list[tuple[int, float, float]]:
    """`ranges` for whole counts only, without doubt and slowly: an integer programme for each end."""
    sums, right, limits = system(counts)
    constraints = [LinearConstraint(sums, right, right)]
    if limits is not None:
        constraints.append(LinearConstraint(limits, -np.inf, 0))
    ends = known(counts, shown)
    most = sum(high or 0 for _, high in ends) + 100  # an integer programme without an end may find none
    bounds = Bounds([low for low, _ in ends], [most if high is None else high for _, high in ends])
    found = []
    for position in hidden(counts, shown):
        objective = np.zeros(len(shown))
        objective[position] = 1.0
        lowest = milp(objective, constraints=constraints, bounds=bounds, integrality=np.ones(len(shown)))
        highest = milp(-objective, constraints=constraints, bounds=bounds, integrality=np.ones(len(shown)))
        assert lowest.status == highest.status == 0, (lowest.message, highest.message)
        found.append((position, round(lowest.fun), round(-highest.fun)))
    return found


def recovered(counts: Counts, shown: Shown, every: int = 1, guessed: frozenset[int] = frozenset()) -> list[int]:
    """Hidden counts given away: fewer than two whole numbers remain possible."""
    return [
        position
        for position, low, high in ranges(counts, shown, every, guessed)
        if high != np.inf and np.floor(high + 1e-6) - np.ceil(low - 1e-6) < 1
    ]


def closely_known(counts: Counts, shown: Shown) -> list[int]:
    """Hidden counts of which fewer than five whole numbers remain when each sum has narrowed its members by what
    the others leave open, until none narrows any further."""
    ends = known(counts, shown)
    low = np.array([low for low, _ in ends], dtype=float)
    high = np.array([1e9 if high is None else high for _, high in ends], dtype=float)
    while True:
        before = low.copy(), high.copy()
        for total, parts, rest in counts.sums:
            low[total] = max(low[total], low[parts].sum() + rest)
            high[total] = min(high[total], high[parts].sum() + rest)
            lows, highs = low[parts].copy(), high[parts].copy()
            high[parts] = np.minimum(highs, high[total] - rest - (lows.sum() - lows))
            low[parts] = np.maximum(lows, low[total] - rest - (highs.sum() - highs))
        for lesser, greater in counts.at_most:
            high[lesser], low[greater] = min(high[lesser], high[greater]), max(low[greater], low[lesser])
        if np.array_equal(before[0], low) and np.array_equal(before[1], high):
            break
    return [p for p in hidden(counts, shown) if np.floor(high[p]) - np.ceil(low[p]) < 4]
