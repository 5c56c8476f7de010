"""Who belongs to whom in a month, among this ICB's own organisations."""

from collections import defaultdict
from datetime import date
from itertools import combinations

from etl.exports.definitions import last_day
from etl.published.reading import Reader

LEVELS = ("practice", "pcn", "sub_icb", "icb")


class Organisations:
    """This ICB's own organisations in a month: names, ONS codes, and the practices of each.

    A practice counts where it belonged last in the month.
    """

    def __init__(self, reader: Reader, month: date) -> None:
        own = reader.records("SELECT code, kind, name, ons_code FROM organisation WHERE is_own")
        self.names = {row["code"]: row["name"] for row in own if row["kind"] in LEVELS}
        self.ons_codes = {row["code"]: row["ons_code"] for row in own if row["kind"] in LEVELS}
        self.level = {row["code"]: row["kind"] for row in own if row["kind"] in LEVELS}
        held = reader.records(
            "SELECT child, parent, parent_kind FROM membership "
            "WHERE from_date <= :last AND (to_date IS NULL OR to_date >= :first) "
            "ORDER BY coalesce(to_date, DATE '9999-12-31') >= :last, from_date, parent DESC",
            first=month,
            last=last_day(month),
        )
        self._parents: dict[str, dict[str, str]] = defaultdict(dict)
        for row in held:
            self._parents[row["child"]][row["parent_kind"]] = row["parent"]
        self.practices: dict[str, set[str]] = defaultdict(set)
        for code, level in self.level.items():
            if level == "practice":
                for above in {code, *self.above(code).values()}:
                    self.practices[above].add(code)

    def above(self, practice: str) -> dict[str, str]:
        """Its PCN, sub-ICB location and ICB, each its own or its parents'."""
        found: dict[str, str] = {}
        waiting = [practice]
        while waiting:
            for kind, parent in self._parents.get(waiting.pop(0), {}).items():
                if kind not in found and kind in LEVELS and self.level.get(parent) == kind:
                    found[kind] = parent
                    waiting.append(parent)
        return found

    def sums(self) -> list[tuple[str, list[str]]]:
        """(organisation, the organisations of one level below that share out its practices)."""
        found = []
        for lower, upper in combinations(LEVELS, 2):
            for code in (c for c, level in self.level.items() if level == upper):
                whole = self.practices[code]
                below = [
                    c
                    for c, level in self.level.items()
                    if level == lower and self.practices[c] and self.practices[c] <= whole
                ]
                covered = [practice for c in below for practice in self.practices[c]]
                if whole and sorted(covered) == sorted(whole):
                    found.append((code, sorted(below)))
        return found
