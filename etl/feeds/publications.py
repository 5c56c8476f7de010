"""What the feeds of national publications share: headings, ODS codes, dates, and who is named under whom."""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from etl.feeds.feed import Problem, RefusedFile, code, day, say
from etl.feeds.reading import Reading

PRACTICE = "[A-TV-Z][A-Z0-9]{2}[0-9]{3}"  # U is for PCNs; letters inside: Channel Islands, Isle of Man
PCN = "U[0-9]{5}"
AREA = "[A-Z0-9]{3}|[A-Z0-9]{5}"

# how the practice crosstab of Appointments in General Practice, and the mapping beside it, name practice and place
CROSSTAB_PLACES = {
    "practice": "gp_code",
    "practice_name": "gp_name",
    "supplier": "supplier",
    "pcn": "pcn_code",
    "pcn_name": "pcn_name",
    "sub_icb": "sub_icb_location_code",
    "sub_icb_name": "sub_icb_location_name",
}
ALIKE = 2 / 3  # a file with this share of a publication's columns is that publication, damaged


def layout_of(
    headings: Sequence[str], layouts: Mapping[str, Sequence[str] | Mapping[str, str]], publication: str
) -> str | None:
    """The layout whose columns (normalised names, or patterns of them) are all among the headings; None: another file.

    Raises RefusedFile, naming what is missing, when most but not all columns of the nearest layout are there.
    """
    missing = {
        layout: [name for name in _patterns(columns) if position(headings, name) is None]
        for layout, columns in layouts.items()
    }
    # of two that fit equally well, the one that asks for more
    nearest = min(missing, key=lambda name: (len(missing[name]) / len(layouts[name]), -len(layouts[name])))
    if not missing[nearest]:
        return nearest
    if 1 - len(missing[nearest]) / len(layouts[nearest]) < ALIKE:
        return None
    absent = ", ".join(name.upper() for name in missing[nearest])
    expected = _patterns(layouts[nearest])
    others = [h.upper() for h in headings if h and not any(re.fullmatch(name, h) for name in expected)]
    found = f"It has {', '.join(others)} instead. " if others else ""
    raise RefusedFile(
        f"This looks like {publication}, but the column {absent} is not in its heading. {found}"
        "Put the published file in the inbox unchanged, or give the column its published name."
    )


def bad_code(column: str, pattern: str, what: str, optional: bool = False) -> Problem:
    """Refuse rows whose `column` is not a code of this pattern; `optional`: an empty one is well."""
    right = f"regexp_full_match(coalesce({code(column)}, ''), '{pattern}')"
    condition = f"NOT {right}" + (f" AND {code(column)} IS NOT NULL" if optional else "")
    return Problem(condition, column, f"{say(column.upper() + ' is not ' + what + ': ')} || {quoted(column)}")


def bad_date(column: str, latest: date | None, optional: bool = False, when: str = "") -> Problem:
    """Refuse rows whose `column` is not a date, or is after `latest`.

    when: SQL of the date where it has been worked out from the column already. optional: an empty one is well.
    """
    when = when or day(column)
    condition = f"({when} IS NULL AND {code(column)} IS NOT NULL)" if optional else f"{when} IS NULL"
    if latest is not None:
        condition += f" OR coalesce({when} > DATE '{latest}', FALSE)"
    reason = (
        f"CASE WHEN {when} IS NULL THEN {say(column.upper() + ' is not a date: ')} "
        f"ELSE {say(column.upper() + ' is in the future: ')} END || {quoted(column)}"
    )
    return Problem(condition, column, reason)


def bad_count(column: str, number: str, called: str = "", what: str = "a count", optional: bool = False) -> Problem:
    """Refuse rows whose `number`, SQL read from `column`, counts nothing.

    called, what: the words of the reason. optional: an empty cell is well.
    """
    wrong = f"{number} < 0 OR {number} IS NULL"
    if optional:
        wrong += f" AND nullif(trim({column}), '') IS NOT NULL"
    reason = f"{say(f'{called or column.upper()} is not {what}: ')} || {quoted(column)}"
    return Problem(f"coalesce({wrong}, FALSE)", column, reason)


def unknown_word(column: str, condition: str) -> Problem:
    """Refuse rows whose `column` says what no edition has said before, as the SQL `condition` finds."""
    return Problem(condition, column, f"{say(column.upper() + ' is not one that is known: ')} || {quoted(column)}")


def is_refused(problems: Sequence[Problem]) -> str:
    """SQL: whether any of the problems holds of a row."""
    return " OR ".join(f"coalesce({problem.condition}, FALSE)" for problem in problems) or "FALSE"


def month_of_day(column: str) -> str:
    """SQL for the first day of the month of a column's date; NULL when it is no date."""
    return f"CAST(date_trunc('month', {day(column)}) AS DATE)"


def quoted(column: str) -> str:
    """SQL for the value of a column as a reason shows it: short, in quotation marks, `(empty)` when empty."""
    return f"coalesce('“' || left(nullif(trim({column}), ''), 40) || '”', '(empty)')"


def pcn(column: str) -> str:
    """SQL for a PCN code; NULL for the ways of writing that a practice has none (`U`, blank)."""
    return f"CASE WHEN {code(column)} NOT IN ('U', 'UNALLOCATED', 'UNALIGNED') THEN {code(column)} END"


def literal(day: date) -> str:
    """A date as SQL."""
    return f"DATE '{day}'"


def cover_as_of(reading: Reading) -> None:
    """Take the period that a file of statements covers from what was staged: the dates they speak of."""
    staged = " UNION ALL ".join(f"SELECT as_of FROM {name}" for name in reading.staged["organisation"])
    found = reading.con.execute(f"SELECT min(as_of), max(as_of) FROM ({staged})").fetchone()
    if found and found[0]:
        reading.period_from, reading.period_to = found


def bad_order(first: str, last: str) -> Problem:
    """Refuse rows in which the date `last` is before the date `first`."""
    return Problem(
        f"coalesce({day(last)} < {day(first)}, FALSE)",
        last,
        say(f"{last.upper()} is before {first.upper()}: ") + f" || {quoted(last)} || ', ' || {quoted(first)}",
    )


def _patterns(columns: Sequence[str] | Mapping[str, str]) -> list[str]:
    return list(columns.values()) if isinstance(columns, Mapping) else list(columns)


def position(headings: Sequence[str], pattern: str) -> int | None:
    """Where the heading of this pattern is; None when it is not there."""
    return next((n for n, heading in enumerate(headings) if re.fullmatch(pattern, heading)), None)
