"""Finding a published table in a workbook's sheets: above it stray figures, below it notes, round it blank cells."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from etl.feeds.feed import Received, RefusedFile, day, normalise, say
from etl.feeds.reading import Reading

HEADING_WITHIN = 30  # rows in which a sheet's title and heading are looked for, below stray figures and merged cells
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
MONTH = re.compile(rf"(?i)\b({'|'.join(MONTHS)})[a-z]*[\s-]+((?:20)?\d\d)\b")


@dataclass(frozen=True)
class Sheet:
    """A table in a sheet. `columns`: our name → position; `rows`: (row number in the sheet, its cells)."""

    name: str
    title: str
    columns: dict[str, int]
    rows: list[tuple[int, list[Any]]]

    def month(self) -> date | None:
        """The month that the title names, its first day."""
        return month_of(self.title)


FEWEST_HEADINGS = 2


def title_of(cells: Sequence[Sequence[Any]]) -> tuple[int, str] | None:
    """Position and text of the first row that reads `Table N: …`; None when there is none."""
    for position, row in enumerate(cells[:HEADING_WITHIN]):
        for cell in row:
            if isinstance(cell, str) and re.match(r"\s*Table\s+\d+\s*:", cell):
                return position, " ".join(cell.split())
    return None


def find_table(
    received: Received, number: int, columns: Mapping[str, str], publication: str, optional: Sequence[str] = ()
) -> Sheet | None:
    """The sheet titled `Table <number>: …`, with `columns` (our name → pattern of a normalised heading) found.

    A pattern `group / heading` asks for a heading under a group: the nearest cell in the rows between the title and
    the heading, in the same column or to the left. None when there is no such sheet. Raises RefusedFile, naming the
    column and what is there, when the heading cannot be found or lacks a column that is not `optional`.
    """
    tables = []
    for name, cells in received.sheets.items():
        titled = title_of(cells)
        if titled and re.match(rf"Table\s+{number}\s*:", titled[1]):
            top = titled[0]
            below = range(top + 1, min(top + HEADING_WITHIN, len(cells)))
            headings = [(at, _positions(cells, top, at, columns)) for at in below]
            tables.append((name, titled[1], *max(headings, key=lambda found: len(found[1]), default=(top, {}))))
    if not tables:
        return None
    # a title sheet may list the titles of the tables: it has none of the columns
    name, title, heading, found = max(tables, key=lambda table: len(table[3]))
    cells = received.sheets[name]
    missing = [pattern for column, pattern in columns.items() if column not in found and column not in optional]
    if missing:
        raise RefusedFile(_missing(publication, name, missing, cells, heading))
    rows = [(n, list(row)) for n, row in enumerate(cells[heading + 1 :], start=heading + 2)]
    return Sheet(name, title, found, rows)


def cell(row: Sequence[Any], position: int) -> Any:
    """The cell at a position, None when blank or beyond the row's end."""
    value = row[position] if position < len(row) else None
    return None if value is None or (isinstance(value, str) and not value.strip()) else value


def month_of(value: object) -> date | None:
    """The first day of the month that a heading speaks of: a date anywhere in it, or text with its name in it.

    >>> month_of(date(2025, 9, 30)), month_of("Nov-25 [5]"), month_of("Table 3: …, England, October 2025")
    (datetime.date(2025, 9, 1), datetime.date(2025, 11, 1), datetime.date(2025, 10, 1))
    """
    if isinstance(value, datetime | date):
        return date(value.year, value.month, 1)
    # the last month named: a title may speak of a span
    found = MONTH.findall(value) if isinstance(value, str) else []
    return date(2000 + int(found[-1][1]) % 100, MONTHS.index(found[-1][0].lower()) + 1, 1) if found else None


def is_number(value: object) -> bool:
    """Whether a cell holds a number, not text that looks like one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def months_across(reading: Reading, items: Mapping[str, str]) -> list[list[object]]:
    """The figures of `Table 1`, months across and items down: rows of line, month, item, value.

    items: item → pattern that its normalised label begins with; rows with other labels are not read. A month is headed
    by a date anywhere in it or by text. Blank cells are no figure; anything else that is no number is noted.
    """
    figures: list[list[object]] = []
    for name, cells in reading.received.sheets.items():
        titled = title_of(cells)
        if not titled or not re.match(r"Table\s+1\s*:", titled[1]):
            continue
        months: dict[int, date] = {}
        for line, row in enumerate(cells[titled[0] + 1 :], start=titled[0] + 2):
            months = months or _months(row)
            label = normalise(row[1]) if len(row) > 1 else ""
            item = next((item for item, start in items.items() if re.match(start, label)), None)
            if not item:
                continue
            for place, month in months.items():
                value = cell(row, place)
                if is_number(value):
                    figures.append([line, month, item, value])
                elif value is not None:
                    reading.notes.append(f"{name}, row {line}, {month:%B %Y}: the figure is not a number, so not read.")
    return figures


def stage_printed(reading: Reading, source: str, dataset: str, figures: Sequence[Sequence[object]]) -> None:
    """Stage England's printed figures, rows of line, month, item, value. Counts no rows."""
    reading.stage(
        "printed_figure",
        reading.rows(f"printed_{dataset}", ("line", "month", "item", "value"), figures),
        {
            "source": say(source),
            "dataset": say(dataset),
            "period_start": day("month"),
            "organisation": "'ENG'",
            "item": "item",
            "value": "try_cast(value AS DOUBLE)",
        },
        count=False,
    )


def _months(row: Sequence[Any]) -> dict[int, date]:
    """Position → month of a row that heads columns with months; empty for any other row."""
    if any(cell(row, place) is not None for place in (0, 1)):
        return {}
    return {place: month for place, value in enumerate(row) if (month := month_of(value))}


def _positions(cells: Sequence[Sequence[Any]], top: int, position: int, columns: Mapping[str, str]) -> dict[str, int]:
    headings = [(place, normalise(value)) for place, value in enumerate(cells[position]) if isinstance(value, str)]
    found: dict[str, int] = {}
    if len([heading for _, heading in headings if heading]) < FEWEST_HEADINGS:
        return found
    for column, pattern in columns.items():
        group, _, own = pattern.rpartition(" / ")
        own_form = re.compile(own)
        for place, heading in headings:
            if own_form.fullmatch(heading) and (not group or re.fullmatch(group, _group(cells, top, position, place))):
                found[column] = place
                break
    return found


def _group(cells: Sequence[Sequence[Any]], top: int, position: int, place: int) -> str:
    """The heading above: of the rows between title and heading, the nearest cell not to the right of `place`."""
    for row in reversed(cells[top + 1 : position]):
        for value in reversed(row[: place + 1]):
            if isinstance(value, str) and value.strip():
                return normalise(value)
    return ""


def _missing(publication: str, sheet: str, missing: Sequence[str], cells: Sequence[Sequence[Any]], at: int) -> str:
    plain = ", ".join(f"“{_plain(pattern)}”" for pattern in missing)
    headings = ", ".join(" ".join(str(value).split()) for value in cells[at] if str(value).strip())
    return (
        f"This looks like {publication}, but in the sheet “{sheet}” the column {plain} is missing or has another "
        f"name. The heading found (row {at + 1}) reads: {headings}. Put the published workbook in the inbox "
        "unchanged, or give the column its published name."
    )


def _plain(pattern: str) -> str:
    """A heading's pattern as a person reads it."""
    return re.sub(r"\(([^|()]*)(\|[^()]*)*\)\??|\[|\]|\.\*", r"\1", pattern).replace("_", " ").strip()
