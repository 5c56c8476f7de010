"""Disclosure control: what may leave the building when the things counted are people.

Two policies. `exact`: calls, appointments, online requests, telephony, counts of practices are shown as they
are. `people`: a count of 0 is shown, 1 to 7 is hidden, any other goes to the nearest 5.

Hiding small counts is not enough: 8 + 8 + 1 shown as 10, 10, hidden and 15 gives the 1 away, rounding or not.
So further counts are hidden until both of these hold for every hidden count:

* No sum, after each has narrowed what the others leave open, leaves fewer than POSSIBLE_VALUES values: nobody
  learns a hidden count more closely than rounding would have told (`_Sums`).
* All sums together do not give it away: there is another table of whole numbers, in which this count differs,
  that would have been published exactly alike (`_Alternatives` finds one, or something more is hidden).
"""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

SMALLEST_SHOWN = 8
BASE = 5
POSSIBLE_VALUES = 5  # as many as stand behind a rounded count
UNBOUNDED = 1e9
MOVES = 5  # how many counts an alternative table may change in looking for one
CANDIDATES = 16  # how many counts are tried against one sum
BRANCHES = 2  # how many of them are followed further


@dataclass
class Counts:
    """Counts of people that are published together.

    values: zero or more. sums: (total, parts, rest) as positions, where total = parts + rest and `rest` is known
    to the reader. at_most: (lesser, greater): the first never exceeds the second.
    """

    values: np.ndarray
    sums: list[tuple[int, list[int], float]] = field(default_factory=list)
    at_most: list[tuple[int, int]] = field(default_factory=list)


def is_small(values: np.ndarray) -> np.ndarray:
    """Which counts are 1 to 7 (for a count in parts of a person: above 0 and rounding to less than 10)."""
    values = np.asarray(values, dtype=float)
    return (values > 0) & (values < SMALLEST_SHOWN - 0.5)


def rounded(values: np.ndarray) -> np.ndarray:
    """Counts to the nearest 5. Whole counts have no ties; others round half up."""
    return np.floor(np.asarray(values, dtype=float) / BASE + 0.5) * BASE


def hide(counts: Counts) -> np.ndarray:
    """Which counts to hide (a mask): the small ones and as many more as it takes.

    Raises ValueError when a sum does not hold on the true values: then nothing can be promised.
    """
    values = np.asarray(counts.values, dtype=float)
    for total, parts, rest in counts.sums:
        if abs(values[total] - values[parts].sum() - rest) > 1e-6:
            raise ValueError(f"Count {total} is not the sum of its parts.")
    hidden = is_small(values)
    if not hidden.any():
        return hidden
    sums = _Sums(counts)
    leaves = _leaves(counts)
    ties = _ties(counts, values, leaves)
    varied = np.zeros(len(values), dtype=bool)
    while True:
        low, high = sums.narrow(*_ranges(values, hidden))
        leaks = hidden & (np.floor(high + 1e-6) - np.ceil(low - 1e-6) < POSSIBLE_VALUES - 1)
        if leaks.any() and sums.hide_more(values, hidden, leaks, low, high):
            continue
        if not _Alternatives(values, hidden, leaves, ties).hide_what_holds_fast(varied):
            return hidden


def _ranges(values: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a reader knows of each count at first sight: lowest and highest."""
    shown = rounded(values)
    slack = np.where(values == 0, 0, (BASE - 1) / 2)
    return np.where(hidden, 1, shown - slack), np.where(hidden, UNBOUNDED, shown + slack)


class _Sums:
    """The sums as arrays: for each part its position and its sum; for each sum its total."""

    def __init__(self, counts: Counts) -> None:
        self.total = np.array([total for total, _, _ in counts.sums], dtype=int)
        self.rest = np.array([rest for _, _, rest in counts.sums], dtype=float)
        lengths = [len(parts) for _, parts, _ in counts.sums]
        self.part = np.array([part for _, parts, _ in counts.sums for part in parts], dtype=int)
        self.sum_of_part = np.repeat(np.arange(len(lengths)), lengths)
        self.lesser = np.array([pair[0] for pair in counts.at_most], dtype=int)
        self.greater = np.array([pair[1] for pair in counts.at_most], dtype=int)

    def _parts_sum(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.sum_of_part, values[self.part], len(self.total)) + self.rest

    def narrow(self, low: np.ndarray, high: np.ndarray, rounds: int = 30) -> tuple[np.ndarray, np.ndarray]:
        """Ranges after each sum has narrowed its members' by the others', again and again."""
        low, high = low.copy(), high.copy()
        for _ in range(rounds):
            before = low.copy(), high.copy()
            np.minimum.at(high, self.lesser, high[self.greater])
            np.maximum.at(low, self.greater, low[self.lesser])
            lows, highs = self._parts_sum(low), self._parts_sum(high)
            np.minimum.at(high, self.total, highs)
            np.maximum.at(low, self.total, lows)
            part_low, part_high = self._of_parts(low, high)
            np.minimum.at(high, self.part, part_high)
            np.maximum.at(low, self.part, part_low)
            if np.array_equal(before[0], low) and np.array_equal(before[1], high):
                break
        return low, high

    def _of_parts(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The range that each sum leaves to each of its parts."""
        lows, highs = self._parts_sum(low)[self.sum_of_part], self._parts_sum(high)[self.sum_of_part]
        total = self.total[self.sum_of_part]
        return low[total] - (highs - high[self.part]), high[total] - (lows - low[self.part])

    def hide_more(
        self, values: np.ndarray, hidden: np.ndarray, leaks: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> bool:
        """Hide one more count for each leak, in place: in the sum that narrows the leak most, the smallest part
        shown, else the total. A leak all of whose sums are hidden leaks through its neighbours: then theirs.
        Says whether anything was hidden."""
        part_low, part_high = self._of_parts(low, high)
        members = np.concatenate([self.part, self.total])
        sums = np.concatenate([self.sum_of_part, np.arange(len(self.total))])
        width = np.concatenate([part_high - part_low, np.zeros(len(self.total))])
        can_hide = (values > 0) & ~hidden
        useful = np.bincount(sums, can_hide[members], len(self.total)) > 0
        leaks = leaks.copy()
        while not (leaks[members] & useful[sums]).any():
            known = leaks.sum()
            for one, other in ((self.lesser, self.greater), (self.greater, self.lesser)):
                partners = other[leaks[one]]
                if can_hide[partners].any():
                    hidden[partners[can_hide[partners]]] = True
                    return True
                leaks[partners] = True
            near = np.bincount(sums, leaks[members], len(self.total)) > 0
            leaks[members[near[sums]]] = True
            if leaks.sum() == known:
                return False
        chosen = np.flatnonzero(leaks[members] & useful[sums])
        chosen = chosen[np.lexsort((sums[chosen], width[chosen], members[chosen]))]
        chosen = chosen[np.unique(members[chosen], return_index=True)[1]]
        for number in np.unique(sums[chosen]):
            parts = self.part[self.sum_of_part == number]
            parts = parts[can_hide[parts]]
            hidden[parts[np.argmin(values[parts])] if len(parts) else self.total[number]] = True
        return True


def _leaves(counts: Counts) -> list[dict[int, int]]:
    """Every count as a sum of counts that are nobody's total: {leaf: how often}."""
    parts = {total: members for total, members, _ in reversed(counts.sums)}  # the first sum of a total stands
    found: list[dict[int, int] | None] = [None] * len(counts.values)

    def expand(position: int) -> dict[int, int]:
        known = found[position]
        if known is None:
            known = {} if position in parts else {position: 1}
            for part in parts.get(position, ()):
                for leaf, times in expand(part).items():
                    known[leaf] = known.get(leaf, 0) + times
            found[position] = known
        return known

    return [expand(position) for position in range(len(counts.values))]


def _ties(
    counts: Counts, values: np.ndarray, leaves: list[dict[int, int]]
) -> list[tuple[dict[int, int], float, float]]:
    """Rules that hold between leaves whatever is shown: (leaves, how far down, how far up they may go).

    A second sum with the same total over other leaves must go on holding; a lesser stays at most its greater.
    """

    def difference(greater: int, lessers: list[int]) -> dict[int, int]:
        held = dict(leaves[greater])
        for lesser in lessers:
            for leaf, times in leaves[lesser].items():
                held[leaf] = held.get(leaf, 0) - times
        return held

    equal = [(difference(total, parts), 0.0, 0.0) for total, parts, _ in counts.sums]
    less = [
        (difference(greater, [lesser]), float(values[greater] - values[lesser]), UNBOUNDED)
        for lesser, greater in counts.at_most
        if values[lesser] > 0
    ]
    return [tie for tie in equal + less if any(tie[0].values())]


class _Alternatives:
    """Looks for other tables that would have been published exactly alike: change one count by one, and mend
    every shown sum that this would have changed by changing others."""

    def __init__(
        self,
        values: np.ndarray,
        hidden: np.ndarray,
        leaves: list[dict[int, int]],
        ties: list[tuple[dict[int, int], float, float]],
    ) -> None:
        self.values, self.hidden = values, hidden
        low, high = _ranges(values, hidden)
        self.leaves, self.low, self.high = leaves, low, high
        self.rules: list[tuple[float, float, int]] = []  # how far down, how far up, the count shown (or -1)
        self.members: list[list[tuple[int, int]]] = []
        self.rules_of: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.hidden_over: dict[int, list[int]] = defaultdict(list)
        alike: set[tuple[object, ...]] = set()
        for position in range(len(values)):
            held = leaves[position]
            if hidden[position]:
                for leaf in held:
                    self.hidden_over[leaf].append(position)
            elif values[position] > 0 and not (len(held) == 1 and position in held):
                key = (*sorted(held.items()), high[position] - values[position])
                if key not in alike:
                    alike.add(key)
                    self._rule(held, values[position] - low[position], high[position] - values[position], position)
        for held, down, up in ties:
            self._rule(held, down, up, -1)

    def _rule(self, held: dict[int, int], down: float, up: float, shown: int) -> None:
        moving = [(leaf, times) for leaf, times in held.items() if times and self.values[leaf] > 0]
        for leaf, times in moving:
            self.rules_of[leaf].append((len(self.rules), times))
        self.rules.append((down, up, shown))
        self.members.append(moving)

    def hide_what_holds_fast(self, varied: np.ndarray) -> bool:
        """For each hidden count without an alternative, hide the smallest shown count that holds it fast.

        Changes `hidden` and `varied` (for which counts an alternative is known) in place. An alternative stays
        one when more is hidden. Says whether anything was hidden.
        """
        before = int(self.hidden.sum())
        for position in np.flatnonzero(self.hidden & ~varied):
            held = list(self.leaves[position])
            tries = ((leaf, step) for leaf in held[:CANDIDATES] for step in (1, -1))
            while not varied[position] and (attempt := next(tries, None)):
                self._vary(*attempt, varied)
            if not varied[position]:
                self._release(held)
        return int(self.hidden.sum()) > before

    def _vary(self, leaf: int, step: int, varied: np.ndarray) -> None:
        """Mark every hidden count that differs in the alternative table found for this change, if one is."""
        if not self._has_room(leaf, step):
            return
        change = self._mend({leaf: step}, self._effect({}, leaf, step), MOVES)
        net: dict[int, int] = defaultdict(int)
        for changed, by in (change or {}).items():
            for position in self.hidden_over[changed]:
                net[position] += by * self.leaves[position][changed]
        for position, by in net.items():
            varied[position] |= by != 0

    def _has_room(self, leaf: int, step: int) -> bool:
        return bool(self.low[leaf] <= self.values[leaf] + step <= self.high[leaf])

    def _effect(self, effect: dict[int, int], leaf: int, step: int) -> dict[int, int]:
        """How far each rule's count is from the truth, after one more change."""
        effect = dict(effect)
        for rule, times in self.rules_of[leaf]:
            effect[rule] = effect.get(rule, 0) + step * times
        return effect

    def _broken(self, effect: dict[int, int]) -> list[int]:
        return [rule for rule, by in effect.items() if not -self.rules[rule][0] <= by <= self.rules[rule][1]]

    def _mend(self, change: dict[int, int], effect: dict[int, int], moves: int) -> dict[int, int] | None:
        """Further changes after which every rule holds, or None when none is found in so many moves."""
        broken = self._broken(effect)
        if not broken:
            return change
        if not moves:
            return None
        rule = min(broken, key=lambda number: (len(self.members[number]), number))
        sign = -1 if effect[rule] > 0 else 1
        members = self.members[rule]
        start = (31 * sum(change)) % len(members)
        found = []
        for leaf, times in (members[start:] + members[:start])[: 10 * CANDIDATES]:
            step = sign if times > 0 else -sign
            if leaf not in change and self._has_room(leaf, step):
                found.append((self._breaks(effect, leaf, step), leaf, step))
                if len(found) == CANDIDATES or found[-1][0] == -len(broken):
                    break
        for _, leaf, step in sorted(found)[:BRANCHES]:
            mended = self._mend({**change, leaf: step}, self._effect(effect, leaf, step), moves - 1)
            if mended:
                return mended
        return None

    def _breaks(self, effect: dict[int, int], leaf: int, step: int) -> int:
        """How many more rules one more change would break than it mends."""
        more = 0
        for rule, times in self.rules_of[leaf]:
            down, up, _ = self.rules[rule]
            before = effect.get(rule, 0)
            more += (not -down <= before + step * times <= up) - (not -down <= before <= up)
        return more

    def _release(self, held: list[int]) -> None:
        """Hide the smallest shown count that one change of these leaves would break, else that touches them,
        else any."""
        broken = {rule for leaf in held for step in (1, -1) for rule in self._broken(self._effect({}, leaf, step))}
        touching = {rule for leaf in held for rule, _ in self.rules_of[leaf]}
        for rules in (broken, touching, range(len(self.rules))):
            shown = {self.rules[rule][2] for rule in rules} - {-1}
            shown = {position for position in shown if not self.hidden[position]}
            if shown:
                self.hidden[min(shown, key=lambda position: (self.values[position], position))] = True
                return
