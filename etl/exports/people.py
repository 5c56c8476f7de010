"""The counts of people that one generation publishes of a month, as one system: its measures and care navigation.

Who reads several exports adds up across them. So what is hidden is decided once, for all of them together.
"""

from collections.abc import Sequence
from datetime import date
from itertools import product
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from etl.exports.definitions import ALL, AtMost, Cells, Definition, Sum, definitions
from etl.exports.disclosure import Counts, hide
from etl.exports.organisations import Organisations
from etl.exports.tables import Counted, ExportError, NoTable, counted, selected
from etl.measures.registry import measures
from etl.published.reading import Reader

TABLE, RULES = "care_navigation", "measures_long"  # the shipped definitions that are decided together
MEASURES, TABLE_FILE, NO_FILE = 0, 1, -1
PARTS = ("numerator", "denominator")


class People:
    """A system of counts under construction, then decided.

    parts: (measure, numerator or denominator, organisation) → position. cells: (count's column, *row's key) → position.
    """

    def __init__(self, organisations: Organisations) -> None:
        self.organisations = organisations
        self.parts: dict[tuple[str, str, str], int] = {}
        self.cells: dict[tuple[str, ...], int] = {}
        self.sums: list[tuple[int, list[int], float]] = []
        self.at_most: list[tuple[int, int]] = []
        self.hidden_with: list[tuple[int, int]] = []
        self.hidden = self.exact = np.zeros(0, dtype=bool)
        self._said: set[tuple[int, ...]] = set()
        self._values: list[float] = []
        self._exact: list[bool] = []
        self._file: list[int] = []

    def _count(self, value: float, exact: bool = False, file: int | None = MEASURES) -> int:
        """A further count; without a file it is published in none."""
        self._values.append(float(value))
        self._exact.append(exact)
        self._file.append(NO_FILE if file is None else file)
        return len(self._values) - 1

    def counts(self) -> Counts:
        """The system as disclosure control takes it."""
        exact, file = np.array(self._exact, dtype=bool), np.array(self._file, dtype=int)
        return Counts(np.array(self._values), self.sums, self.at_most, self.hidden_with, exact, file == NO_FILE, file)

    def decide(self) -> "People":
        """Settle what is hidden."""
        counts = self.counts()
        self.hidden, self.exact = hide(counts), counts.exact
        return self

    # -- what there is

    def add_measures(self, rows: pd.DataFrame, people: set[str]) -> None:
        """Both parts of measures (measure, organisation, numerator, denominator, unit), and what adds up over
        organisations. Measures not in `people` are exact, and so are parts that their own definition calls so.

        Two measures with one denominator hold one count, hidden in both or in neither. Seconds of a hidden number of
        conversations are hidden with it.
        """
        alike: dict[tuple[str, str, float], int] = {}  # what is counted, organisation, value → position
        registry = measures()
        for row in rows.itertuples():
            known = registry.get(str(row.measure))
            for part in PARTS:
                value = getattr(row, part)
                if pd.isna(value):
                    continue
                own = getattr(known, part) if known else None
                what = f"{own.mart}.{own.column}" if own else f"{row.measure}.{part}"
                key = what, str(row.organisation), float(value)
                if key not in alike:
                    exact = row.measure not in people or (own is not None and own.disclosure == "exact")
                    alike[key] = self._count(value, exact=exact)
                self.parts[str(row.measure), part, str(row.organisation)] = alike[key]
            lesser, greater = (self.parts.get((str(row.measure), part, str(row.organisation))) for part in PARTS)
            if row.measure in people and lesser is not None and greater is not None:
                if row.unit == "percent":
                    self._at_most(lesser, greater)
                elif row.unit == "seconds":
                    self.hidden_with.append((lesser, greater))
        for measure, part in sorted({(measure, part) for measure, part, _ in self.parts if measure in people}):
            for code, below in self.organisations.sums():
                total, *members = (self.parts.get((measure, part, one)) for one in (code, *below))
                self._sum(total, [member for member in members if member is not None])

    def add_table(self, definition: Definition, table: Counted) -> None:
        """Every count of a table with totals."""
        for name in table.counts:
            first = len(self._values)
            for label, value in zip(table.labels, table.rows[name], strict=True):
                self.cells[name, *label] = self._count(value, file=TABLE_FILE)
            for total, members in table.sums:
                self._sum(first + total, [first + member for member in members], must_hold=True)
        for column in definition.columns:
            if column.at_most is not None:
                for label in table.labels:
                    self._at_most(self.cells[column.name, *label], self.cells[column.at_most, *label])

    # -- what a reader can add up besides

    def add_sums(self, sums: tuple[Sum, ...]) -> None:
        """Parts of measures that add up, in one organisation."""
        for rule in sums:
            for code in self._organisations():
                total, *parts = (self._part(name, code) for name in (rule.total, *rule.parts))
                self._sum(total, [part for part in parts if part is not None], must_hold=True)

    def add_limits(self, limits: tuple[AtMost, ...]) -> None:
        """A part of a measure that never exceeds others together."""
        for rule in limits:
            for code in self._organisations():
                lessers, greaters = ([self._part(name, code) for name in names] for names in (rule.lesser, rule.parts))
                if None not in (*lessers, *greaters):
                    self._at_most(self._together(lessers), self._together(greaters))

    def add_cells(self, links: tuple[Cells, ...], definition: Definition, table: Counted) -> None:
        """Parts of measures that are sums of the table's cells."""
        over = [column.name for column in definition.columns if column.totals]
        found = {name: sorted(set(table.rows[name]) - {ALL}) for name in over}
        for link in links:
            chosen = {
                name: [v for v in found[name] if v in link.only.get(name, (v,)) and v not in link.but.get(name, ())]
                for name in {**link.only, **link.but}
            }
            months = sorted(set(table.rows["period_start"]))
            for month, code in product(months, self._organisations()):
                fixed = {"period_start": month, "organisation_code": code}
                axes = [[fixed[key]] if key in fixed else chosen.get(key, [ALL]) for key in table.keys]
                cells = [self.cells[key] for key in product([link.column], *axes) if key in self.cells]
                count = self._part(link.count, code)
                if count is None or not cells:
                    continue
                if link.at_most:
                    self._at_most(count, self._together(cells))
                else:
                    self._sum(count, cells, must_hold=True)

    def _organisations(self) -> list[str]:
        return sorted({code for _, _, code in self.parts})

    def _part(self, name: str, code: str) -> int | None:
        measure, part = name.split(".")
        return self.parts.get((measure, part, code))

    def _together(self, positions: Sequence[int | None]) -> int:
        """The position of the sum of these counts, which itself is in no file."""
        parts = [position for position in positions if position is not None]
        if len(parts) == 1:
            return parts[0]
        total = self._count(sum(self._values[part] for part in parts), file=None)
        self.sums.append((total, parts, 0.0))
        return total

    def _sum(self, total: int | None, parts: list[int], must_hold: bool = False) -> None:
        """Add total = parts + rest, once, unless all of it is known. `must_hold`: leave it out unless the rest is 0."""
        if total is None or not parts or total in parts or all(self._exact[place] for place in (total, *parts)):
            return
        rest = self._values[total] - sum(self._values[part] for part in parts)
        if abs(rest) < 1e-9:
            rest = 0.0
        elif must_hold:
            return
        if (total, *parts) not in self._said:
            self._said.add((total, *parts))
            self.sums.append((total, parts, rest))

    def _at_most(self, lesser: int, greater: int) -> None:
        if lesser != greater and self._values[lesser] <= self._values[greater]:
            self.at_most.append((lesser, greater))


_kept: WeakKeyDictionary[Reader, tuple[tuple[str, date], People]] = WeakKeyDictionary()


def together(reader: Reader, month: date, organisations: Organisations, definition: Definition) -> People:
    """Measures of people and care navigation of a month, decided. The last answer is kept: it takes seconds.

    An export that knows of further sums has an answer of its own.
    """
    further = definition.sums if definition.sums != definitions()[RULES].sums else ()
    if further:
        return _system(reader, month, organisations, further).decide()
    key = reader.generation, month
    if reader not in _kept or _kept[reader][0] != key:
        _kept[reader] = key, _system(reader, month, organisations).decide()
    return _kept[reader][1]


def _system(reader: Reader, month: date, organisations: Organisations, further: tuple[Sum, ...] = ()) -> People:
    rules, definition = definitions()[RULES], definitions()[TABLE]
    rows = measure_rows(reader, month)
    of_people = set(rows["measure"][rows["disclosure"] == "people"])
    known_exactly = {name.split(".")[0] for rule in rules.limits for name in (*rule.lesser, *rule.parts)}
    system = People(organisations)
    system.add_measures(rows[rows["measure"].isin(of_people | known_exactly)], of_people)
    system.add_sums((*rules.sums, *further))
    system.add_limits(rules.limits)
    try:
        base = selected(reader, definition, month)
    except (NoTable, ExportError):  # a generation of before care navigation
        return system
    table = counted(definition, base, organisations)
    system.add_table(definition, table)
    system.add_cells(rules.cells, definition, table)
    return system


def measure_rows(reader: Reader, month: date) -> pd.DataFrame:
    """Every measure's values of this ICB's own organisations in a month, with `unit` and `disclosure`."""
    return reader.frame(
        "SELECT v.*, m.unit, m.disclosure FROM measure_value AS v "
        "INNER JOIN measure AS m ON m.measure = v.measure "
        "INNER JOIN organisation AS o ON o.code = v.organisation AND o.is_own "
        "WHERE v.period_kind = 'month' AND v.period_start = :month "
        "AND v.level IN ('practice', 'pcn', 'sub_icb', 'icb') ORDER BY v.measure, v.level, v.organisation",
        month=month,
    )


def hidden_cells(
    reader: Reader, month: date, organisations: Organisations, definition: Definition, table: Counted
) -> np.ndarray:
    """Which counts of a table are hidden: rows × counts.

    A table all of whose counts stand in care navigation too, `all` for the columns that it leaves out, hides what that
    hides. Any other is decided by itself.
    """
    shipped = definitions()[TABLE]
    keys = [name for name in shipped.keys if name not in ("level", "period_kind")]
    if set(table.keys) <= set(keys) and set(table.counts) <= {
        column.name for column in shipped.columns if column.count
    }:
        people = together(reader, month, organisations, definition)
        known = [dict(zip(table.keys, label, strict=True)) for label in table.labels]
        labels = [tuple(values.get(key, ALL) for key in keys) for values in known]
        places = np.array([[people.cells.get((name, *label), -1) for name in table.counts] for label in labels])
        if (places >= 0).all() and (people.counts().values[places] == table.rows[table.counts].to_numpy()).all():
            return np.asarray(people.hidden[places])
    alone = People(organisations)
    alone.add_table(definition, table)
    alone.decide()
    places = np.array([[alone.cells[name, *label] for name in table.counts] for label in table.labels])
    return np.asarray(alone.hidden[places])
