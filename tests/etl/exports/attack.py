"""An attacker: everything that was published, as one linear system, asked for each hidden count."""

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from etl.exports.disclosure import Counts


def ranges(counts: Counts, shown: list[float | None], every: int = 1) -> list[tuple[int, float, float]]:
    """(position, lowest, highest) that each hidden count (None) may have, given all that is shown.

    The attacker knows the sums, that a shown 0 is 0, that a shown count is within 2 of the truth, and that a
    hidden one is at least 1. `every`: ask only for each so-manieth hidden count.
    """
    size = len(counts.values)
    rows, columns, data, right = [], [], [], []
    for number, (total, parts, rest) in enumerate(counts.sums):
        rows += [number] * (len(parts) + 1)
        columns += [total, *parts]
        data += [1.0, *([-1.0] * len(parts))]
        right.append(rest)
    sums = sparse.csr_matrix((data, (rows, columns)), shape=(len(counts.sums), size)) if rows else None
    limits = None
    if counts.at_most:
        limits = sparse.csr_matrix(
            (
                [1.0, -1.0] * len(counts.at_most),
                (np.repeat(range(len(counts.at_most)), 2), [c for pair in counts.at_most for c in pair]),
            ),
            shape=(len(counts.at_most), size),
        )
    bounds = [(1, None) if v is None else ((0, 0) if v == 0 else (v - 2, v + 2)) for v in shown]
    found = []
    for position in [p for p, value in enumerate(shown) if value is None][::every]:
        ends = []
        for sign in (1.0, -1.0):
            objective = np.zeros(size)
            objective[position] = sign
            answer = linprog(
                objective,
                A_eq=sums,
                b_eq=right if rows else None,
                A_ub=limits,
                b_ub=np.zeros(len(counts.at_most)) if counts.at_most else None,
                bounds=bounds,
                method="highs",
            )
            assert answer.status in (0, 3), f"the attacker's system has no answer: {answer.message}"
            ends.append(sign * answer.fun if answer.status == 0 else np.inf)
        found.append((position, ends[0], ends[1]))
    return found


def recovered(counts: Counts, shown: list[float | None], every: int = 1) -> list[int]:
    """Hidden counts given away: fewer than two whole numbers remain possible."""
    return [
        position
        for position, low, high in ranges(counts, shown, every)
        if high != np.inf and np.floor(high + 1e-6) - np.ceil(low - 1e-6) < 1
    ]


def closely_known(counts: Counts, shown: list[float | None]) -> list[int]:
    """Hidden counts that some single sum narrows to fewer than five whole numbers."""
    low = np.array([1.0 if v is None else max(v - 2, 0) if v else 0.0 for v in shown])
    high = np.array([1e9 if v is None else v + 2 if v else 0.0 for v in shown])
    close = []
    for total, parts, rest in counts.sums:
        for part in parts:
            others = [other for other in parts if other != part]
            top = high[total] - rest - low[others].sum()
            bottom = low[total] - rest - high[others].sum()
            if shown[part] is None and min(top, high[part]) - max(bottom, low[part]) < 4:
                close.append(part)
    return close
