"""What the feeds of national publications share: headings, ODS codes, dates, and who is named under whom."""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from etl.feeds.feed import Problem, Reading, RefusedFile, code, day, say

PRACTICE = "[A-TV-Z][A-Z0-9]{2}[0-9]{3}"  # U is for PCNs; letters inside: Channel Islands, Isle of Man
PCN = "U[0-9]{5}"
AREA = "[A-Z0-9]{3}|[A-Z0-9]{5}"

BELONGING = (
    *(("practice", "pcn"), ("practice", "sub_icb"), ("pcn", "sub_icb")),
    *(("sub_icb", "icb"), ("icb", "region")),
)
HEADING_WITHIN = 20  # rows in which a sheet's heading is looked for
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


def bad_date(column: str, latest: date | None, optional: bool = False) -> Problem:
    """Refuse rows whose `column` is not a date, or is after `latest`."""
    when = day(column)
    condition = f"({when} IS NULL AND {code(column)} IS NOT NULL)"
    if not optional:
        condition = f"{when} IS NULL"
    if latest is not None:
        condition += f" OR coalesce({when} > DATE '{latest}', FALSE)"
    reason = (
        f"CASE WHEN {when} IS NULL THEN {say(column.upper() + ' is not a date: ')} "
        f"ELSE {say(column.upper() + ' is in the future: ')} END || {quoted(column)}"
    )
    return Problem(condition, column, reason)


def quoted(column: str) -> str:
    """SQL for the value of a column as a reason shows it: short, in quotation marks, `(empty)` when empty."""
    return f"coalesce('“' || left(nullif(trim({column}), ''), 40) || '”', '(empty)')"


def pcn(column: str) -> str:
    """SQL for a PCN code; NULL for the ways of writing that a practice has none (`U`, blank)."""
    return f"CASE WHEN {code(column)} NOT IN ('U', 'UNALLOCATED', 'UNALIGNED') THEN {code(column)} END"


def literal(day: date) -> str:
    """A date as SQL."""
    return f"DATE '{day}'"


def stage_hierarchy(
    reading: Reading,
    relation: str,
    columns: Mapping[str, str],
    source: str,
    as_of: str,
    problems: Sequence[Problem] = (),
    skip: str = "FALSE",
) -> None:
    """Stage every organisation, and who belongs to whom, from rows that name a practice and its areas.

    columns: `practice`, `pcn`, `sub_icb`, `icb`, `region` → SQL of the code; the same with `_name`, `_ons_code`
    and `practice_postcode` where the file has them. as_of: SQL, one date for the file. Counts the relation's rows.
    A child named under two parents (a PCN across two sub-ICBs) gets none here: which is its own, ePCN says.
    """
    reading.stage(
        "organisation",
        relation,
        {
            "code": columns["practice"],
            "kind": "'practice'",
            "name": columns["practice_name"],
            "postcode": columns.get("practice_postcode", "NULL"),
            "source": say(source),
            "as_of": as_of,
        },
        problems,
        skip,
    )
    bad = " OR ".join(f"coalesce({p.condition}, FALSE)" for p in problems) or "FALSE"
    chosen = ", ".join(f"{sql} AS {name}" for name, sql in {**columns, "as_of": as_of}.items())
    good = f"(SELECT * FROM (SELECT {chosen}, ({bad}) AS bad FROM {relation}) WHERE NOT bad)"
    for kind in ("pcn", "sub_icb", "icb", "region"):
        ons_code = f"max({kind}_ons_code)" if f"{kind}_ons_code" in columns else "NULL"
        each = (
            f"(SELECT {kind} AS code, max({kind}_name) AS name, {ons_code} AS ons_code, max(as_of) AS as_of "
            f"FROM {good} WHERE {kind} IS NOT NULL GROUP BY {kind})"
        )
        said = {"source": say(source), "as_of": "as_of"}
        statement = {"code": "code", "kind": say(kind), "name": "name", "ons_code": "ons_code", **said}
        reading.stage("organisation", each, statement, count=False)
    for child, parent in BELONGING:
        each = (
            f"(SELECT {child} AS child, max({parent}) AS parent, max(as_of) AS as_of FROM {good} WHERE {child} "
            f"IS NOT NULL AND {parent} IS NOT NULL GROUP BY {child} HAVING count(DISTINCT {parent}) = 1)"
        )
        statement = {"child": "child", "child_kind": say(child), "parent": "parent", "parent_kind": say(parent)}
        reading.stage("membership", each, {**statement, **said}, count=False)
    cover_as_of(reading)


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


def area_problems(pcn_code: str, *areas: str) -> list[Problem]:
    """Refuse rows with a PCN code that is none (U and blank are well), or an area without a proper code."""
    return [
        bad_code(pcn_code, f"U|UNALLOCATED|UNALIGNED|{PCN}", "a PCN code", optional=True),
        *(bad_code(area, AREA, "the code of an area") for area in areas),
    ]


def _patterns(columns: Sequence[str] | Mapping[str, str]) -> list[str]:
    return list(columns.values()) if isinstance(columns, Mapping) else list(columns)


def position(headings: Sequence[str], pattern: str) -> int | None:
    """Where the heading of this pattern is; None when it is not there."""
    return next((n for n, heading in enumerate(headings) if re.fullmatch(pattern, heading)), None)
