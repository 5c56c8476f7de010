"""Reading an ICB's rollout tracker: a table kept by hand, long or wide, in a CSV or anywhere in a workbook.

How a table looks is a profile: a TOML file in `rollout_profiles/` beside this file or in `<home>/profiles/`;
`rollout_profiles/template.toml` explains every entry. Every cell is read here, in Python: trackers are short, and what
is wrong with a row has to be said in words that its owner can act on.
"""

import csv
import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from etl.feeds.feed import Received, normalise
from etl.feeds.profiles import read_profiles
from etl.feeds.publications import PRACTICE
from etl.feeds.reading import Reading
from etl.feeds.workbook import HEADING_WITHIN

SHIPPED = Path(__file__).parent / "rollout_profiles"
STAGES = ("analogue", "signed_up", "contracted", "installed", "live")
LINE_TYPES = ("PSTN", "ISDN", "on-premise VoIP", "cloud")
CAPABILITIES = ("queue_position", "call_back", "call_routing", "clinical_system_link", "call_logs")
RARE_WORD, RARE_IN = 4, 3  # letters of a word, and names that have it, for it to tell practices apart
KINDS = {"surgery", "practice", "medical", "health", "centre", "family", "group", "clinic", "house"}
FEWEST_PARTS = 2  # a table with one stage's columns is not taken for a wide tracker

NO_DATE = {"", "TBC", "N/A", "-", "–", "—"}
DATE_FORMS = ("%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%d.%m.%Y", "%d %B %Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y")
SERIAL_START = date(1899, 12, 30)
EARLIEST, LATEST = date(1970, 1, 1), date(2100, 1, 1)
TOTAL = re.compile(r"(?i)\s*(grand |sub[- ]?)?totals?\b")


class Profile(BaseModel):
    """How one tracker's table looks. See `rollout_profiles/template.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    feed: Literal["rollout_milestone", "rollout_capability", "rollout_funding"]
    columns: dict[str, str]
    part: str = ""
    parts: dict[str, dict[str, str]] = {}
    words: dict[str, dict[str, str]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table found in a file. `places`: (part, our column) → position; `rows`: (line, cells); `headings` as read."""

    profile: Profile
    sheet: str
    places: dict[tuple[str, str], int]
    headings: list[str]
    rows: list[tuple[int, list[Any]]]

    def heading(self, part: str, column: str) -> str:
        """The heading of one of our columns as the file has it."""
        place = self.places.get((part, column))
        return column if place is None else self.headings[place]


class Bad(Exception):
    """A row cannot be taken: the column at fault and the reason, in plain words."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column, self.reason = column, reason


Row = dict[str, Any]  # our column → value, with `line`, `sheet` and the file's headings under `headings`


def profiles(feed: str, home: Path | None) -> dict[str, Profile]:
    """Profiles of a feed by name, the home's own before shipped ones. Raises RefusedFile for one that is wrong."""
    found = read_profiles(home, SHIPPED, "rollout", _checked)
    return {name: profile for name, profile in found.items() if profile.feed == feed}


def _checked(entries: dict[str, Any]) -> Profile:
    profile = Profile(**entries)
    for pattern in [*profile.columns.values(), *(p for part in profile.parts.values() for p in part.values())]:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(str(error)) from None
    if bool(profile.part) != bool(profile.parts):
        raise ValueError("a wide table needs both `part` and `parts`")
    return profile


def recognise(received: Received, feed: str, needed: Sequence[tuple[str, ...]]) -> str | None:
    """Names of the profiles by which tables of `feed` are found in the file, comma separated; None: not such a file.

    needed: of each tuple, at least one column has to be there.
    """
    home = received.settings.home if received.settings else None
    names: dict[str, None] = {}
    for _, cells in _sheets(received, received.records):
        for name, profile in profiles(feed, home).items():
            if _heading(profile, needed, cells):
                names[name] = None
                break
    return ",".join(names) or None


def tables(reading: Reading, feed: str, needed: Sequence[tuple[str, ...]]) -> Iterator[Table]:
    """Every table of `feed` in the file, with all its rows that are not blank."""
    known = profiles(feed, reading.settings.home)
    for sheet, cells in _sheets(reading.received, None):
        for profile in known.values():
            found = _heading(profile, needed, cells)
            if found:
                at, headings, places = found
                rows = [
                    (line, row) for line, row in enumerate(cells, start=1) if line > at + 1 and any(map(_text, row))
                ]
                yield Table(profile, sheet, places, headings, rows)
                break


def _sheets(received: Received, records: list[list[str]] | None) -> Iterator[tuple[str, list[list[Any]]]]:
    if received.kind == "workbook":
        yield from received.sheets.items()
    elif records is not None:
        yield "", list(records)
    else:
        with received.path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            reader = csv.reader(stream, delimiter=received.delimiter)
            cells: list[list[Any]] = []
            for record in reader:
                # a record that spans lines is known by its last
                cells += [[] for _ in range(reader.line_num - len(cells) - 1)] + [record]
        yield "", cells


def _heading(
    profile: Profile, needed: Sequence[tuple[str, ...]], cells: Sequence[Sequence[Any]]
) -> tuple[int, list[str], dict[tuple[str, str], int]] | None:
    """Position of the heading row, its headings, and where each of our columns is; None when there is none."""
    best = None
    for at in range(min(HEADING_WITHIN, len(cells))):
        own = [normalise(cell) if _text(cell) else "" for cell in cells[at]]
        above = [normalise(cell) if _text(cell) else "" for cell in cells[at - 1]] if at else []
        # a heading of two rows: a merged cell stands at the left of the columns it heads
        for headings in (own, _grouped(above, own)):
            places = _places(profile, headings)
            if _enough(profile, needed, places) and (best is None or len(places) > len(best[2])):
                best = (at, headings, places)
    return best


def _grouped(above: Sequence[str], own: Sequence[str]) -> list[str]:
    """Each heading with the group above it: `Signed up` over `Planned`, `Actual` → `signed_up_planned` …"""
    groups, group = [], ""
    for place in range(len(own)):
        group = (above[place] if place < len(above) else "") or group
        groups.append(group)
    headings = []
    for place, name in enumerate(own):
        exact = above[place] if place < len(above) else ""
        headings.append("_".join(filter(None, (groups[place], name))) if name else exact)
    return headings


def _places(profile: Profile, headings: Sequence[str]) -> dict[tuple[str, str], int]:
    wanted = {("", column): pattern for column, pattern in profile.columns.items()}
    wanted |= {(part, column): p for part, columns in profile.parts.items() for column, p in columns.items()}
    places: dict[tuple[str, str], int] = {}
    for key, pattern in wanted.items():
        for place, heading in enumerate(headings):
            if heading and re.fullmatch(pattern, heading) and (profile.parts or place not in places.values()):
                places[key] = place
                break
    return places


def _enough(profile: Profile, needed: Sequence[tuple[str, ...]], places: Mapping[tuple[str, str], int]) -> bool:
    columns = {column for part, column in places if not part}
    if not columns & {"practice_code", "practice_name"}:
        return False
    if profile.parts:
        return len({part for part, _ in places if part}) >= FEWEST_PARTS
    return all(columns & set(either) for either in needed)


@dataclass
class Reader:
    """Rows of a feed's tables, one by one checked: `Reader(reading).rows(table, values)`."""

    reading: Reading

    @cached_property
    def practices(self) -> dict[str, tuple[str, date | None]]:
        """Name and last day open of every practice that some source has named, by code."""
        rows = self.reading.con.execute("SELECT code, name, closed FROM known_practice").fetchall()
        return {code: (name or "", closed) for code, name, closed in rows}

    def rows(self, table: Table, values: Mapping[str, Callable[[Any, Mapping[str, str]], Any]]) -> list[Row]:
        """The rows that can be taken; the others are refused, each with its line, column and reason.

        values: our column → (cell, words) → value; raises Bad, whose column is filled in here.
        """
        taken: list[Row] = []
        for line, cells in table.rows:
            try:
                if not table.sheet and any(map(_text, cells[len(table.headings) :])):
                    raise Bad("", "the row has more cells than the heading")
                start = {"practice_code": self._code(table, cells), "believed_on": self._believed(table, cells)}
            except Bad as bad:
                self.refuse(line, table, bad)
                continue
            for part in table.profile.parts or ("",):
                said = [place for (p, column), place in table.places.items() if p == part and column != "line_type"]
                if part and not any(_text(_at(cells, place)) for place in said):
                    continue
                row: Row = {**start, "line": line, "table": table}
                try:
                    for column, value in values.items():
                        place = table.places.get((part, column), table.places.get(("", column)))
                        cell = part if part and column == table.profile.part else _at(cells, place)
                        row[column] = self._value(table, part, column, cell, value)
                except Bad as bad:
                    self.refuse(line, table, bad)
                    continue
                taken.append(row)
        return taken

    def refuse(self, line: int, table: Table, bad: Bad) -> None:
        """Refuse one row; where the file has several tables the reason names the sheet."""
        where = f"Sheet “{table.sheet}”: " if len(self.reading.received.sheets) > 1 else ""
        self.reading.refuse(line, bad.column, where + bad.reason)

    def _value(self, table: Table, part: str, column: str, cell: Any, value: Callable[..., Any]) -> Any:
        words = {normalise(word): ours for word, ours in table.profile.words.get(column, {}).items()}
        try:
            return value(cell, words)
        except Bad as bad:
            raise Bad(table.heading(part, column), bad.reason) from None

    def _believed(self, table: Table, cells: Sequence[Any]) -> date:
        """The London date of the load, or of the row itself in a file that carries its own history."""
        place = table.places.get(("", "believed_on"))
        if place is None or not _text(_at(cells, place)):
            return self.reading.today
        heading = table.headings[place]
        try:
            believed = day(_at(cells, place), {})
        except Bad as bad:
            raise Bad(heading, bad.reason) from None
        if believed is None or believed > self.reading.today:
            raise Bad(heading, "the date on which this was believed is missing or in the future")
        return believed

    def _code(self, table: Table, cells: Sequence[Any]) -> str:
        coded, named = (table.places.get(("", column)) for column in ("practice_code", "practice_name"))
        text, name = _text(_at(cells, coded)), _text(_at(cells, named))
        heading = table.heading("", "practice_code" if coded is not None else "practice_name")
        if any(TOTAL.match(_text(cell)) for cell in cells[:3]):
            raise Bad(heading, "a total row, not a practice; it is left out. Nothing needs to be done")
        code = (text or name).upper()  # without a column of codes they may stand in the one headed “Practice”
        if re.fullmatch(PRACTICE, code):
            if self.practices and code not in self.practices:
                raise Bad(heading, f"no practice with the code “{code}” is known{self._suggest(name) or '. Check it'}")
            return code
        said = text or name
        if not said:
            raise Bad(heading, "the practice's code is missing")
        within = [found for found in re.findall(rf"\b{PRACTICE}\b", said.upper()) if found in self.practices]
        if within:
            raise Bad(
                heading, f"“{said[:60]}” has more in it than a code. Put {within[0]} in this cell, and nothing else"
            )
        suggestion = self._suggest(said) or ". Put its ODS code in"
        raise Bad(heading, f"“{said[:60]}” is not a practice's code{suggestion}")

    def _rare_words(self, name: str) -> set[str]:
        return {w for w in name.split("_") if len(w) >= RARE_WORD and self._words[w] <= RARE_IN} - KINDS

    @cached_property
    def _words(self) -> Counter[str]:
        """In how many practices' names each word is."""
        return Counter(word for name, _ in self.practices.values() for word in set(normalise(name).split("_")))

    def _suggest(self, name: str) -> str:
        """`: its code may be Z90001 (ALDERSTOW SURGERY). Put …`, from the names known; empty when none is like it."""
        by_name: dict[str, list[str]] = {}
        for code, (known, _) in self.practices.items():
            by_name.setdefault(normalise(known), []).append(code)
        wanted = normalise(name)
        alike = [wanted] if wanted in by_name else difflib.get_close_matches(wanted, by_name, n=3, cutoff=0.8)
        if not alike:  # “Alderstow Surgery” for ALDERSTOW MEDICAL CENTRE: the word that few names have
            alike = [each for each in by_name if self._rare_words(each) & set(wanted.split("_"))]
        codes = [f"{code} ({self.practices[code][0]})" for each in alike for code in by_name[each]][:3]
        return f": its code may be {' or '.join(codes)}. Put the code in" if codes else ""


def day(cell: Any, words: Mapping[str, str]) -> date | None:
    """A date cell. British dates, Excel's serials, none (`TBC`, `N/A`, `-`, blank). Raises Bad for other text.

    >>> day("03/04/2024", {}), day(45385.0, {}), day("TBC", {})
    (datetime.date(2024, 4, 3), datetime.date(2024, 4, 3), None)
    """
    if isinstance(cell, datetime):
        found: date | None = cell.date()
    elif isinstance(cell, date):
        found = cell
    else:
        text = " ".join(_text(cell).split())
        if text.upper() in NO_DATE:
            return None
        found = _parsed(text)
    if found is None or not EARLIEST <= found <= LATEST:
        said = f"“{_text(cell)[:40]}” is not a date"
        raise Bad("", f"{said}. Write it like 31/03/2024, day first, or leave it empty or TBC until it is known")
    return found


def _parsed(text: str) -> date | None:
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        return SERIAL_START + timedelta(days=int(float(text)))
    # a date cell saved as text brings its midnight with it
    text = re.sub(r"[ T]\d{1,2}:\d\d(:\d\d(\.\d+)?)?$", "", text)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            return None
    for form in DATE_FORMS:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def one_of(*allowed: str, optional: bool = False) -> Callable[[Any, Mapping[str, str]], str | None]:
    """A reader of cells that hold one of these words, in any case and punctuation."""
    by_name = {normalise(word): word for word in allowed}

    def read(cell: Any, words: Mapping[str, str]) -> str | None:
        text = _text(cell)
        if not text and optional:
            return None
        name = normalise(text)
        found = by_name.get(name) or by_name.get(normalise(words.get(name, "")))
        if found is None:
            raise Bad(
                "", f"“{text[:40]}” is none of {', '.join(allowed)}" if text else f"empty; write {' or '.join(allowed)}"
            )
        return found

    return read


def words_of(cell: Any, words: Mapping[str, str]) -> str | None:
    """Free text such as a supplier's name, spaces tidied; None when blank, `TBC`, `N/A` or `-`."""
    text = " ".join(_text(cell).split())
    return None if text.upper() in NO_DATE else words.get(normalise(text), text)


def required(cell: Any, words: Mapping[str, str]) -> str:
    """Text that must be there."""
    text = words_of(cell, words)
    if text is None:
        raise Bad("", "empty; every row needs it")
    return text


def pounds(cell: Any, words: Mapping[str, str]) -> float | None:
    """An amount of money: 12000, £12,000.50; None when blank, `TBC`, `N/A` or `-`. Raises Bad for anything else."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        amount = float(cell)
    else:
        text = _text(cell)
        if text.upper() in NO_DATE:
            return None
        plain = re.sub(r"[£,\s]", "", text)
        if not re.fullmatch(r"-?\d+(\.\d+)?", plain):
            raise Bad("", f"“{text[:40]}” is not an amount of money. Write it like 12000 or £12,000.50")
        amount = float(plain)
    if not 0 <= amount < 1e9:
        raise Bad("", "the amount is negative or far too large")
    return amount


def _at(cells: Sequence[Any], place: int | None) -> Any:
    return None if place is None or place >= len(cells) else cells[place]


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def stage(reading: Reading, fact: str, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Stage rows that were taken, with the practice and the date they were believed on."""
    names = ("practice_code", *columns, "believed_on")
    if rows:
        relation = reading.rows(fact, ("line", *names), [[row["line"], *(row[name] for name in names)] for row in rows])
        reading.stage(fact, relation, {name: name for name in names})
    believed = [row["believed_on"] for row in rows]
    if believed:
        reading.period_from = min(filter(None, (reading.period_from, *believed)))
        reading.period_to = max(filter(None, (reading.period_to, *believed)))
