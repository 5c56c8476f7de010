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
    to the reader. at_most: (lesser, greater): the first never exceeds the second. exact: published as they are (no
    people). unpublished: in no file; they only say how the others hang together.
    """

    values: np.ndarray
    sums: list[tuple[int, list[int], float]] = field(default_factory=list)
    at_most: list[tuple[int, int]] = field(default_factory=list)
    exact: np.ndarray | None = None
    unpublished: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.values = np.asarray(self.values, dtype=float)
        none = np.zeros(len(self.values), dtype=bool)
        self.exact = none if self.exact is None else self.exact
        self.unpublished = none if self.unpublished is None else self.unpublished

    @property
    def may_be_hidden(self) -> np.ndarray:
        """Which counts are people's, published, and not 0."""
        return (self.values > 0) & ~self.exact & ~self.unpublished


def is_small(values: np.ndarray) -> np.ndarray:
    """Which counts are 1 to 7 (for a count in parts of a person: above 0 and rounding to less than 10)."""
    values = np.asarray(values, dtype=float)
    return (values > 0) & (values < SMALLEST_SHOWN - 0.5)


def rounded(values: np.ndarray) -> np.ndarray:
    """Counts to the nearest 5. Whole counts have no ties; others round half up."""
    return np.floor(np.asarray(values, dtype=float) / BASE + 0.5) * BASE


def hide(counts: Counts, also: np.ndarray | None = None) -> np.ndarray:
    """Which counts to hide (a mask): the small ones, those of `also`, and as many more as it takes.

    Raises ValueError when a sum does not hold on the true values: then nothing can be promised.
    """
    values = counts.values
    for total, parts, rest in counts.sums:
        if abs(values[total] - values[parts].sum() - rest) > 1e-6:
            raise ValueError(f"Count {total} is not the sum of its parts.")
    hidden = (is_small(values) if also is None else is_small(values) | also) & counts.may_be_hidden
    if not hidden.any():
        return hidden
    sums = _Sums(counts)
    leaves = _leaves(counts)
    ties = _ties(counts, leaves)
    varied = np.zeros(len(values), dtype=bool)
    while True:
        low, high = sums.narrow(*_ranges(counts, hidden))
        leaks = hidden & (np.floor(high + 1e-6) - np.ceil(low - 1e-6) < POSSIBLE_VALUES - 1)
        if leaks.any() and sums.hide_more(counts, hidden, leaks, low, high):
            continue
        if not _Alternatives(counts, hidden, leaves, ties).hide_what_holds_fast(varied):
            return hidden


def _ranges(counts: Counts, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a reader knows of each count at first sight: lowest and highest."""
    known = np.where(counts.exact, counts.values, rounded(counts.values))
    slack = np.where(counts.exact | (counts.values == 0), 0, (BASE - 1) / 2)
    low, high = np.where(hidden, 1, known - slack), np.where(hidden, UNBOUNDED, known + slack)
    return np.where(counts.unpublished, 0, low), np.where(counts.unpublished, UNBOUNDED, high)


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
        self, counts: Counts, hidden: np.ndarray, leaks: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> bool:
        """Hide one more count for each leak, in place: in the sum that narrows the leak most, the smallest part
        shown, else the total. A leak all of whose sums are hidden leaks through its neighbours: then theirs.
        Says whether anything was hidden."""
        part_low, part_high = self._of_parts(low, high)
        members = np.concatenate([self.part, self.total])
        sums = np.concatenate([self.sum_of_part, np.arange(len(self.total))])
        width = np.concatenate([part_high - part_low, np.zeros(len(self.total))])
        values, can_hide = counts.values, counts.may_be_hidden & ~hidden
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


def _ties(counts: Counts, leaves: list[dict[int, int]]) -> list[tuple[dict[int, int], float, float]]:
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
        (difference(greater, [lesser]), float(counts.values[greater] - counts.values[lesser]), UNBOUNDED)
        for lesser, greater in counts.at_most
        if counts.values[lesser] > 0
    ]
    return [tie for tie in equal + less if any(tie[0].values())]


class _Alternatives:
    """Looks for other tables that would have been published exactly alike: change one count by one, and mend
    every shown sum that this would have changed by changing others."""

    def __init__(
        self,
        counts: Counts,
        hidden: np.ndarray,
        leaves: list[dict[int, int]],
        ties: list[tuple[dict[int, int], float, float]],
    ) -> None:
        self.hidden, self.leaves = hidden, leaves
        low, high = _ranges(counts, hidden)
        # as lists: numbers one at a time are slow in arrays
        self.values, self.low, self.high = counts.values.tolist(), low.tolist(), high.tolist()
        may_be_hidden = counts.may_be_hidden
        self.rules: list[tuple[float, float]] = []  # how far down and up a sum of leaves may go
        self.shown: list[int] = []  # the count that it is, if it may be hidden; else -1
        self.members: list[list[tuple[int, int]]] = []
        self.rules_of: dict[int, dict[int, int]] = defaultdict(dict)  # leaf → rule → how often
        self.hidden_over: dict[int, list[int]] = defaultdict(list)
        alike: set[tuple[object, ...]] = set()
        for position, value in enumerate(self.values):
            held = leaves[position]
            if hidden[position]:
                for leaf in held:
                    self.hidden_over[leaf].append(position)
            elif value > 0 and not counts.unpublished[position] and not (len(held) == 1 and position in held):
                down, up = value - self.low[position], self.high[position] - value
                key = (*sorted(held.items()), down, up)
                if key not in alike:
                    alike.add(key)
                    self._rule(held, down, up, position if may_be_hidden[position] else -1)
        for held, down, up in ties:
            self._rule(held, down, up, -1)
        # how many rules one step alone would break
        self.breaks_first = {
            step: {leaf: sum(not self._holds(rule, step * times) for rule, times in rules.items())
                   for leaf, rules in self.rules_of.items()}
            for step in (1, -1)
        }  # fmt: skip
        self.effect: dict[int, int] = {}  # rule → how far its sum is from the truth after the steps taken
        self.broken: set[int] = set()

    def _rule(self, held: dict[int, int], down: float, up: float, shown: int) -> None:
        moving = [(leaf, times) for leaf, times in held.items() if times and self.values[leaf] > 0]
        if not moving or min(down, up) > (MOVES + 1) * max(abs(times) for _, times in moving):
            return  # out of reach
        for leaf, times in moving:
            self.rules_of[leaf][len(self.rules)] = times
        self.rules.append((down, up))
        self.shown.append(shown)
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
        self._take(leaf, step)
        change = self._mended({leaf: step}, MOVES) or {}
        self.effect.clear()
        self.broken.clear()
        net: dict[int, int] = defaultdict(int)
        for changed, by in change.items():
            for position in self.hidden_over[changed]:
                net[position] += by * self.leaves[position][changed]
        for position, by in net.items():
            varied[position] |= by != 0

    def _has_room(self, leaf: int, step: int) -> bool:
        return self.low[leaf] <= self.values[leaf] + step <= self.high[leaf]

    def _holds(self, rule: int, by: int) -> bool:
        down, up = self.rules[rule]
        return -down <= by <= up

    def _take(self, leaf: int, step: int) -> None:
        """One more change; taken back by its opposite."""
        effect, rules = self.effect, self.rules
        for rule, times in self.rules_of.get(leaf, {}).items():
            effect[rule] = by = effect.get(rule, 0) + step * times
            down, up = rules[rule]
            if -down <= by <= up:
                self.broken.discard(rule)
            else:
                self.broken.add(rule)

    def _mended(self, change: dict[int, int], moves: int) -> dict[int, int] | None:
        """Further changes after which every rule holds, or None when none is found in so many moves."""
        if not self.broken:
            return change
        if not moves:
            return None
        rule = min(self.broken, key=lambda number: (len(self.members[number]), number))
        sign = -1 if self.effect[rule] > 0 else 1
        members = self.members[rule]
        start = (31 * sum(change)) % len(members)
        found = []
        for leaf, times in (members[start:] + members[:start])[: 10 * CANDIDATES]:
            step = sign if times > 0 else -sign
            if leaf not in change and self._has_room(leaf, step):
                found.append((self._breaks(leaf, step), leaf, step))
                if len(found) == CANDIDATES or found[-1][0] == -len(self.broken):
                    break
        for _, leaf, step in sorted(found)[:BRANCHES]:
            self._take(leaf, step)
            mended = self._mended({**change, leaf: step}, moves - 1)
            if mended:
                return mended
            self._take(leaf, -step)
        return None

    def _breaks(self, leaf: int, step: int) -> int:
        """How many more rules one more change would break than it mends."""
        more, own, effect, rules = self.breaks_first[step][leaf], self.rules_of[leaf], self.effect, self.rules
        for rule in own.keys() & effect.keys():
            if by := effect[rule]:  # written out: this is where the time goes
                (down, up), change = rules[rule], step * own[rule]
                more += (-down <= by <= up) + (-down <= change <= up) - (-down <= by + change <= up) - 1
        return more

    def _release(self, held: list[int]) -> None:
        """Hide the smallest shown count that one change of these leaves would break, else that touches them,
        else any."""
        touching = {rule: times for leaf in held for rule, times in self.rules_of.get(leaf, {}).items()}
        broken = [r for r, times in touching.items() if not (self._holds(r, times) and self._holds(r, -times))]
        for rules in (broken, touching, range(len(self.rules))):
            shown = {self.shown[rule] for rule in rules} - {-1}
            shown = {position for position in shown if not self.hidden[position]}
            if shown:
                self.hidden[min(shown, key=lambda position: (self.values[position], position))] = True
                return
