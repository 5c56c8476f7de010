"""Disclosure control: what may leave the building when the things counted are people.

Two policies. `exact`: calls, appointments, online requests, telephony, counts of practices are shown as they
are. `people`: a count of 0 is shown, 1 to 7 is hidden, any other goes to the nearest 5.

Hiding small counts is not enough: 8 + 8 + 1 shown as 10, 10, hidden and 15 gives the 1 away, rounding or not.
So further counts are hidden until both of these hold for every hidden count:

* No sum, after each has narrowed what the others leave open, leaves fewer than POSSIBLE_VALUES values: nobody
  learns a hidden count more closely than rounding would have told (`_Sums`). This goes over all files together.
  Nor does a shown total leave one value to who guesses that all its hidden parts are 1 to 7: 7 + 7 + 7 + 7 is 30.
* All sums of its file together do not give it away: there is another table of whole numbers, in which this count
  differs, that would have been published exactly alike (`_Alternatives` finds one, or something more is hidden).

That a hidden count may be known to be 1 to 7 is the policy's own doing: that is what hiding it says.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random

import numpy as np

SMALLEST_SHOWN = 8
BASE = 5
POSSIBLE_VALUES = 5  # as many as stand behind a rounded count
UNBOUNDED = 1e9
TRIES = 8  # how often another table is looked for, for each count
STEPS = 25  # how many changes of one
CANDIDATES = 120  # how many counts are tried against one sum
DETOUR = 0.3  # how often the next sum to mend is any, not the one with the fewest parts
REST = 4  # for how many steps a count is left alone after a change


@dataclass
class Counts:
    """Counts of people that are published together.

    values: zero or more. sums: (total, parts, rest) as positions, where total = parts + rest and `rest` is known
    to the reader. at_most: (lesser, greater): the first never exceeds the second. hidden_with: (one, other): the first
    tells of the second and is hidden with it. exact: published as they are (no people). unpublished: in no file; they
    only say how the others hang together. file: which file each is in.
    """

    values: np.ndarray
    sums: list[tuple[int, list[int], float]] = field(default_factory=list)
    at_most: list[tuple[int, int]] = field(default_factory=list)
    hidden_with: list[tuple[int, int]] = field(default_factory=list)
    exact: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    unpublished: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    file: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))

    def __post_init__(self) -> None:
        self.values = np.asarray(self.values, dtype=float)
        for name in ("exact", "unpublished", "file"):
            if not len(given := getattr(self, name)):
                setattr(self, name, np.zeros(len(self.values), dtype=given.dtype))

    @property
    def may_be_hidden(self) -> np.ndarray:
        """Which counts are people's, published, and not 0."""
        return (self.values > 0) & ~self.exact & ~self.unpublished

    def of_file(self, number: int) -> tuple["Counts", np.ndarray]:
        """One file's counts, with what adds up among them alone; their positions here."""
        chosen = np.flatnonzero(self.file == number)
        place = {position: new for new, position in enumerate(chosen.tolist())}
        sums = [
            (place[total], [place[part] for part in parts], rest)
            for total, parts, rest in self.sums
            if total in place and all(part in place for part in parts)
        ]
        at_most = [(place[one], place[other]) for one, other in self.at_most if one in place and other in place]
        return Counts(self.values[chosen], sums, at_most, [], self.exact[chosen], self.unpublished[chosen]), chosen


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
    for total, parts, rest in counts.sums:
        if abs(counts.values[total] - counts.values[parts].sum() - rest) > 1e-6:
            raise ValueError(f"Count {total} is not the sum of its parts.")
    hidden = is_small(counts.values) & counts.may_be_hidden
    if not hidden.any():
        return hidden
    sums, files = _Sums(counts), np.unique(counts.file).tolist()
    steps = [sums.hide_more, sums.hide_sevens, *(_File(*counts.of_file(file)).hide_what_holds_fast for file in files)]
    while True:
        for one, other in counts.hidden_with:
            hidden[one] |= hidden[other] & counts.may_be_hidden[one]
        before = hidden.sum()
        for step in steps:
            step(hidden)
            if hidden.sum() > before:
                break
        else:
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
        self.counts = counts
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

    def hide_more(self, hidden: np.ndarray) -> None:
        """Hide one more count for each too closely known, in place: in the sum that narrows it most, the smallest part
        shown, else the total. One all of whose sums are hidden leaks through its neighbours: then theirs."""
        low, high = self.narrow(*_ranges(self.counts, hidden))
        leaks = hidden & (np.floor(high + 1e-6) - np.ceil(low - 1e-6) < POSSIBLE_VALUES - 1)
        part_low, part_high = self._of_parts(low, high)
        members = np.concatenate([self.part, self.total])
        sums = np.concatenate([self.sum_of_part, np.arange(len(self.total))])
        width = np.concatenate([part_high - part_low, np.zeros(len(self.total))])
        can_hide = self.counts.may_be_hidden & ~hidden
        useful = np.bincount(sums, can_hide[members], len(self.total)) > 0
        known = -1
        while not (leaks[members] & useful[sums]).any():
            if leaks.sum() == known:
                return
            known = leaks.sum()
            for one, other in ((self.lesser, self.greater), (self.greater, self.lesser)):
                partners = other[leaks[one]]
                if can_hide[partners].any():
                    hidden[partners[can_hide[partners]]] = True
                    return
                leaks[partners] = True
            near = np.bincount(sums, leaks[members], len(self.total)) > 0
            leaks[members[near[sums]]] = True
        chosen = np.flatnonzero(leaks[members] & useful[sums])
        chosen = chosen[np.lexsort((sums[chosen], width[chosen], members[chosen]))]
        self._hide_in(sums[chosen[np.unique(members[chosen], return_index=True)[1]]], hidden)

    def hide_sevens(self, hidden: np.ndarray) -> None:
        """Hide one more count, in place, where a shown total leaves only 7 to a part if all hidden ones are small."""
        low, high = _ranges(self.counts, hidden)
        small = hidden & is_small(self.counts.values)
        part_low, _ = self._of_parts(low, np.where(small, SMALLEST_SHOWN - 1, high))
        self._hide_in(self.sum_of_part[small[self.part] & (part_low > SMALLEST_SHOWN - 2)], hidden)

    def _hide_in(self, sums: np.ndarray, hidden: np.ndarray) -> None:
        """Hide the smallest part shown of each of these sums, else its total."""
        can_hide = self.counts.may_be_hidden & ~hidden
        for number in np.unique(sums):
            parts = self.part[self.sum_of_part == number]
            parts, total = parts[can_hide[parts]], self.total[number]
            chosen = parts[np.argmin(self.counts.values[parts])] if len(parts) else total
            hidden[chosen] |= can_hide[chosen]


class _File:
    """One file's counts, and for which of them an alternative is known."""

    def __init__(self, counts: Counts, places: np.ndarray) -> None:
        self.counts, self.places, self.leaves = counts, places, _leaves(counts)
        self.ties = _ties(counts, self.leaves)
        self.varied = np.zeros(len(places), dtype=bool)

    def hide_what_holds_fast(self, hidden: np.ndarray) -> None:
        """Hide one more, in place, for each hidden count of this file of which no alternative is found."""
        own = hidden[self.places]
        if (own & ~self.varied).any():
            _Alternatives(self, own).hide_what_holds_fast(self.varied)
            hidden[self.places] = own


def _leaves(counts: Counts) -> list[Counter[int]]:
    """Every count as a sum of counts that are nobody's total: {leaf: how often}."""
    parts = {total: members for total, members, _ in reversed(counts.sums)}  # the first sum of a total stands
    found: dict[int, Counter[int]] = {}

    def expand(position: int) -> Counter[int]:
        if position not in found:
            found[position] = Counter([position])  # two counts that are each other's sum: the first stands
            if position in parts:
                found[position] = sum((expand(part) for part in parts[position]), Counter())
        return found[position]

    return [expand(position) for position in range(len(counts.values))]


def _ties(counts: Counts, leaves: list[Counter[int]]) -> list[tuple[Counter[int], float, float]]:
    """Rules that hold between leaves whatever is shown: (leaves, how far down, how far up they may go).

    A second sum with the same total over other leaves must go on holding; a lesser stays at most its greater.
    """

    def difference(greater: int, lessers: list[int]) -> Counter[int]:
        held = Counter(leaves[greater])
        for lesser in lessers:
            held.subtract(leaves[lesser])
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

    def __init__(self, file: _File, hidden: np.ndarray) -> None:
        counts, leaves = file.counts, file.leaves
        self.hidden, self.leaves = hidden, leaves
        low, high = _ranges(counts, hidden)
        self.values, self.low, self.high = counts.values.tolist(), low.tolist(), high.tolist()
        may_be_hidden = counts.may_be_hidden
        self.rules: list[tuple[float, float]] = []  # how far down and up a sum of leaves may go
        self.shown: list[int] = []  # the count that it is, if it may be hidden; else -1
        self.members: list[list[tuple[int, int]]] = []
        self.rules_of: dict[int, dict[int, int]] = defaultdict(dict)  # leaf → rule → how often
        self.hidden_over: dict[int, list[int]] = defaultdict(list)
        # step → leaf → how many rules that step alone would break
        self.breaks_first: dict[int, dict[int, int]] = {1: defaultdict(int), -1: defaultdict(int)}
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
        for held, down, up in file.ties:
            self._rule(held, down, up, -1)
        self.effect: dict[int, int] = {}  # rule → how far its sum is from the truth after the steps taken
        self.broken: set[int] = set()

    def _rule(self, held: dict[int, int], down: float, up: float, shown: int) -> None:
        moving = [(leaf, times) for leaf, times in held.items() if times and self.values[leaf] > 0]
        if not moving or min(down, up) > (STEPS + 1) * max(abs(times) for _, times in moving):
            return  # out of reach
        self.rules.append((down, up))
        self.shown.append(shown)
        self.members.append(moving)
        for leaf, times in moving:
            self.rules_of[leaf][len(self.rules) - 1] = times
            for step, breaks in self.breaks_first.items():
                breaks[leaf] += not -down <= step * times <= up

    def hide_what_holds_fast(self, varied: np.ndarray) -> None:
        """For each hidden count without an alternative, hide the smallest shown count that holds it fast.

        Changes `hidden` and `varied` (for which counts an alternative is known) in place. An alternative stays
        one when more is hidden.
        """
        for position in np.flatnonzero(self.hidden & ~varied).tolist():
            if varied[position]:
                continue
            held = [leaf for leaf in self.leaves[position] if self.values[leaf] > 0]
            chance = Random(position)  # the same counts hide the same
            for attempt in range(TRIES):
                leaf = held[attempt // 2] if attempt // 2 < len(held) else chance.choice(held)
                net: dict[int, int] = defaultdict(int)  # hidden count → how far the table found is from the truth
                for changed, by in self._walk(leaf, (1, -1)[attempt % 2], chance).items():
                    for other in self.hidden_over[changed]:
                        net[other] += by * self.leaves[other][changed]
                for other, by in net.items():
                    varied[other] |= by != 0
                if varied[position]:
                    break
            else:
                self._release(held)

    def _has_room(self, leaf: int, by: int) -> bool:
        return self.low[leaf] <= self.values[leaf] + by <= self.high[leaf]

    def _walk(self, leaf: int, step: int, chance: Random) -> dict[int, int]:
        """Change a leaf by one, then mend a broken rule by the step that breaks least, again and again.

        Returns the changes after which every rule holds; nothing when none are found in so many steps.
        """
        if not self._has_room(leaf, step):
            return {}
        self.effect.clear()
        self.broken.clear()
        change = {leaf: step}
        self._take(leaf, step)
        lately = {leaf: UNBOUNDED}  # the first change stays; another is not taken back at once
        for number in range(STEPS):
            if not self.broken:
                return change
            rule = min(self.broken, key=lambda rule: (len(self.members[rule]), rule))
            if chance.random() < DETOUR:
                rule = chance.choice(sorted(self.broken))
            sign = -1 if self.effect[rule] > 0 else 1
            members = self.members[rule]
            best = None
            for other, times in members if len(members) <= CANDIDATES else chance.sample(members, CANDIDATES):
                step = sign if times > 0 else -sign
                if lately.get(other, 0) > number or not self._has_room(other, change.get(other, 0) + step):
                    continue
                breaks = self._breaks(other, step)
                if best is None or breaks < best[0]:
                    best = breaks, other, step
                    if breaks == -len(self.broken):
                        break
            if best is None:
                return {}
            _, other, step = best
            self._take(other, step)
            change[other] = change.get(other, 0) + step
            lately[other] = number + REST
        return {} if self.broken else change

    def _take(self, leaf: int, step: int) -> None:
        """One more change of one."""
        effect, rules = self.effect, self.rules
        for rule, times in self.rules_of.get(leaf, {}).items():
            by = effect.get(rule, 0) + step * times
            if by:
                effect[rule] = by
            else:
                del effect[rule]
            down, up = rules[rule]
            if -down <= by <= up:
                self.broken.discard(rule)
            else:
                self.broken.add(rule)

    def _breaks(self, leaf: int, step: int) -> int:
        """How many more rules one more change would break than it mends."""
        more, own, effect, rules = self.breaks_first[step][leaf], self.rules_of[leaf], self.effect, self.rules
        for rule in own.keys() & effect.keys():
            (down, up), by, change = rules[rule], effect[rule], step * own[rule]
            more += (-down <= by <= up) + (-down <= change <= up) - (-down <= by + change <= up) - 1
        return more

    def _release(self, held: list[int]) -> None:
        """Hide the smallest shown count that one change of these leaves would break, else that touches them,
        else any."""
        touching = {rule: times for leaf in held for rule, times in self.rules_of.get(leaf, {}).items()}
        broken = [rule for rule, times in touching.items() if abs(times) > min(self.rules[rule])]
        for rules in (broken, touching, range(len(self.rules))):
            shown = {p for p in (self.shown[rule] for rule in rules) if p >= 0 and not self.hidden[p]}
            if shown:
                self.hidden[min(shown, key=lambda position: (self.values[position], position))] = True
                return
