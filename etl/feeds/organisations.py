"""Who is who and who belongs to whom: epraccur, the ePCN workbook, and Mapping.csv of the GPAD release.

A source that dates its statements (epraccur: commissioner; ePCN: PCN) gives `from_date`. One that only says what
holds when it was made (Mapping, a PCN's sub-ICB) gives `as_of` alone. CCG-era codes are sub-ICB location codes.
"""

import calendar
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from etl.feeds.feed import Problem, Reading, Received, RefusedFile, code, day, normalise, say

NAME = "organisations"
FACTS = ("organisation", "membership")

PRACTICE = "[A-TV-Z][A-Z0-9]{2}[0-9]{3}"  # U is for PCNs; letters inside: Channel Islands, Isle of Man
PCN = "U[0-9]{5}"
AREA = "[A-Z0-9]{3}|[A-Z0-9]{5}"

EPRACCUR = (
    *("code", "name", "national_grouping", "geography"),
    *("address_1", "address_2", "address_3", "address_4", "address_5", "postcode"),
    *("opened", "closed", "status", "sub_type", "commissioner", "joined_on", "left_on", "telephone"),
    *("empty_1", "empty_2", "empty_3", "amended", "empty_4", "provider", "empty_5", "prescribing_setting"),
    "empty_6",
)
MAPPING = (
    *("gp_code", "gp_name", "supplier", "pcn_code", "pcn_name", "sub_icb_location_code"),
    *("sub_icb_location_name", "icb_code", "icb_name", "region_code", "region_name"),
)
# headings of the ePCN workbook as patterns, since the CCG of 2022 became the sub-ICB location
EPCN_DETAILS = {
    "pcn": "pcn_code",
    "pcn_name": "pcn_name",
    "sub_icb": "current_(sub_icb_loc|clinical_commissioning_group|ccg)_code",
    "sub_icb_name": "(sub_icb_location|sub_icb_loc|clinical_commissioning_group|ccg)(_name)?",
    "opened": "open_date",
    "closed": "close_date",
    "postcode": "postcode",
}
EPCN_PARTNERS = {
    "practice": "partner_organisation_code",
    "practice_name": "partner_name",
    "pcn": "pcn_code",
    "started": "practice_to_pcn_relationship_start_date",
    "ended": "practice_to_pcn_relationship_end_date",
}
EPCN_SHEETS = {"PCNDetails": EPCN_DETAILS, "PCN Core Partner Details": EPCN_PARTNERS}
HEADING_WITHIN = 20  # rows in which a sheet's heading is looked for
ALIKE = 2 / 3  # a file with this share of a publication's columns is that publication, damaged
ANNOUNCED = timedelta(days=366)  # openings and moves are announced ahead, but not further than this


def recognise(received: Received) -> str | None:
    """`epraccur`, `epcn_sub_icb`, `epcn_ccg` or `mapping`; None when it is another file.

    Raises RefusedFile when it is one of these with a column missing or renamed.
    """
    if received.kind == "workbook":
        return _recognise_epcn(received)
    if any(re.search("month|date|count|value|metric", heading) for heading in received.header):
        return None  # Mapping's columns also lead the appointments and online requests files
    return layout_of(received.header, {"mapping": MAPPING}, "Mapping.csv of a GPAD release") or (
        "epraccur" if _is_epraccur(received.records) else None
    )


def read(reading: Reading) -> None:
    """Stage `organisation` and `membership` from any of the layouts."""
    if reading.layout == "epraccur":
        _read_epraccur(reading)
    elif reading.layout == "mapping":
        _read_mapping(reading)
    else:
        _read_epcn(reading)


def layout_of(
    headings: Sequence[str], layouts: Mapping[str, Sequence[str] | Mapping[str, str]], publication: str
) -> str | None:
    """The layout whose columns (normalised names, or patterns of them) are all among the headings; None: another file.

    Raises RefusedFile, naming what is missing, when most but not all columns of the nearest layout are there.
    """
    missing = {
        layout: [name for name in _patterns(columns) if _position(headings, name) is None]
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
    as_of: date,
    problems: Sequence[Problem] = (),
    skip: str = "FALSE",
) -> None:
    """Stage every organisation, and who belongs to whom, from rows that name a practice and its areas.

    columns: `practice`, `pcn`, `sub_icb`, `icb`, `region` → SQL of the code; the same with `_name`, `_ons_code`
    and `practice_postcode` where the file has them. Counts the rows of the relation.
    """
    said = {"source": say(source), "as_of": literal(as_of)}
    reading.stage(
        "organisation",
        relation,
        {
            "code": columns["practice"],
            "kind": "'practice'",
            "name": columns["practice_name"],
            "postcode": columns.get("practice_postcode", "NULL"),
            **said,
        },
        problems,
        skip,
    )
    bad = " OR ".join(f"coalesce({p.condition}, FALSE)" for p in problems) or "FALSE"
    chosen = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    reading.con.execute(
        f"CREATE OR REPLACE TEMP TABLE hierarchy AS SELECT * EXCLUDE (bad) FROM "
        f"(SELECT {chosen}, ({bad}) AS bad FROM {relation}) WHERE NOT bad"
    )
    for kind in ("pcn", "sub_icb", "icb", "region"):
        ons_code = f"max({kind}_ons_code)" if f"{kind}_ons_code" in columns else "NULL"
        once = (
            f"(SELECT {kind} AS code, max({kind}_name) AS name, {ons_code} AS ons_code FROM hierarchy "
            f"WHERE {kind} IS NOT NULL GROUP BY {kind})"
        )
        statement = {"code": "code", "kind": say(kind), "name": "name", "ons_code": "ons_code", **said}
        reading.stage("organisation", once, statement, count=False)
    for child, parent in (
        *(("practice", "pcn"), ("practice", "sub_icb"), ("pcn", "sub_icb")),
        *(("sub_icb", "icb"), ("icb", "region")),
    ):
        _stage_belonging(reading, child, parent, said)


def _stage_belonging(reading: Reading, child: str, parent: str, said: Mapping[str, str]) -> None:
    """One statement for each child that has one parent. A PCN across two sub-ICBs has its own only in ePCN."""
    pairs = (
        f"SELECT {child} AS child, min({parent}) AS parent, count(DISTINCT {parent}) AS parents FROM hierarchy "
        f"WHERE {child} IS NOT NULL AND {parent} IS NOT NULL GROUP BY {child}"
    )
    several = reading.con.execute(f"SELECT child FROM ({pairs}) WHERE parents > 1 ORDER BY child").fetchall()
    if several:
        names = ", ".join(row[0] for row in several)
        reading.notes.append(f"In more than one {parent}, so in none by this file: {child} {names}")
    reading.stage(
        "membership",
        f"(SELECT * FROM ({pairs}) WHERE parents = 1)",
        {"child": "child", "child_kind": say(child), "parent": "parent", "parent_kind": say(parent), **said},
        count=False,
    )


def _patterns(columns: Sequence[str] | Mapping[str, str]) -> list[str]:
    return list(columns.values()) if isinstance(columns, Mapping) else list(columns)


def _position(headings: Sequence[str], pattern: str) -> int | None:
    return next((n for n, heading in enumerate(headings) if re.fullmatch(pattern, heading)), None)


def _newest(reading: Reading, relation: str, columns: Sequence[str]) -> date:
    """The newest date in these columns that is not in the future; today when there is none."""
    dates = ", ".join(day(column) for column in columns)
    found = reading.con.execute(
        f"SELECT max(day) FROM (SELECT unnest([{dates}]) AS day FROM {relation}) WHERE day <= {literal(reading.today)}"
    ).fetchone()
    return found[0] if found and found[0] else reading.today


# --- epraccur --------------------------------------------------------------------------------------------


def _is_epraccur(records: Sequence[Sequence[str]]) -> bool:
    """Whether most of the records look like epraccur's: it has no header to go by.

    Raises RefusedFile when they do but a column is missing or has been added.
    """
    like = [record for record in records if _like_epraccur(record)]
    if not records or len(like) * 2 <= len(records):
        return False
    widths = {len(record) for record in like} - {len(EPRACCUR)}
    if len(widths) == 1 and all(len(record) != len(EPRACCUR) for record in like):
        raise RefusedFile(
            f"This looks like epraccur, which has {len(EPRACCUR)} columns and no heading, but it has "
            f"{widths.pop()} columns. Put the published file in the inbox unchanged."
        )
    return True


def _like_epraccur(record: Sequence[str]) -> bool:
    if not 24 <= len(record) <= 30 or not re.fullmatch(PRACTICE, record[0].strip().upper()):
        return False
    dated = re.fullmatch(r"\d{8}", record[10].strip()) is not None
    return dated or record[12].strip().upper() in ("A", "C", "D", "P")


def _read_epraccur(reading: Reading) -> None:
    rows = reading.csv(columns=EPRACCUR)
    as_of = _newest(reading, rows, ("opened", "closed", "joined_on", "left_on"))
    latest = reading.today + ANNOUNCED
    problems = [
        bad_code("code", PRACTICE, "a practice code"),
        Problem(
            f"count(*) OVER (PARTITION BY {code('code')}) > 1",
            "code",
            say("listed more than once in this file: ") + " || " + code("code"),
        ),
        Problem(
            "coalesce(upper(trim(status)), '') NOT IN ('A', 'C', 'D', 'P')",
            "status",
            say("STATUS is none of A, C, D, P: ") + " || " + quoted("status"),
        ),
        bad_date("opened", latest),
        *(bad_date(column, None, optional=True) for column in ("closed", "left_on")),
        bad_date("joined_on", latest, optional=True),
        _order("opened", "closed"),
        _order("joined_on", "left_on"),
        bad_code("commissioner", AREA, "a commissioner's code", optional=True),
    ]
    said = {"source": "'epraccur'", "as_of": literal(as_of)}
    reading.stage(
        "organisation",
        rows,
        {
            "code": code("code"),
            "kind": "'practice'",
            "name": "trim(name)",
            "opened": day("opened"),
            "closed": day("closed"),
            "status": "upper(trim(status))",
            "prescribing_setting": "trim(prescribing_setting)",
            "postcode": code("postcode"),
            **said,
        },
        problems,
    )
    reading.stage(
        "membership",
        rows,
        {
            "child": code("code"),
            "child_kind": "'practice'",
            "parent": code("commissioner"),
            "parent_kind": "'sub_icb'",
            "from_date": day("joined_on"),
            "to_date": day("left_on"),
            **said,
        },
        problems,
        skip=f"{code('commissioner')} IS NULL",
        count=False,
    )
    reading.period_from = reading.period_to = as_of


def _order(first: str, last: str) -> Problem:
    return Problem(
        f"coalesce({day(last)} < {day(first)}, FALSE)",
        last,
        say(f"{last.upper()} is before {first.upper()}: ") + f" || {quoted(last)} || ', ' || {quoted(first)}",
    )


# --- Mapping.csv -----------------------------------------------------------------------------------------


def _read_mapping(reading: Reading) -> None:
    rows = reading.csv()
    as_of = _month_in(reading.received.name, reading.today)
    place = "concat_ws('|', pcn_code, sub_icb_location_code, icb_code, region_code)"
    gp = code("gp_code")
    problems = [
        bad_code("gp_code", PRACTICE, "a practice code"),
        *area_problems("pcn_code", "sub_icb_location_code", "icb_code", "region_code"),
        Problem(
            f"min({place}) OVER (PARTITION BY {gp}) <> max({place}) OVER (PARTITION BY {gp})",
            "gp_code",
            say("listed in two places in this file: ") + f" || {gp}",
        ),
    ]
    # a practice with two suppliers has two rows: one statement is enough, the other is filtered
    again = f"row_number() OVER (PARTITION BY {gp}, {place} ORDER BY supplier) > 1 AND {gp} IS NOT NULL"
    columns = {
        "practice": gp,
        "practice_name": "trim(gp_name)",
        "pcn": pcn("pcn_code"),
        "pcn_name": "trim(pcn_name)",
        "sub_icb": code("sub_icb_location_code"),
        "sub_icb_name": "trim(sub_icb_location_name)",
        "icb": code("icb_code"),
        "icb_name": "trim(icb_name)",
        "region": code("region_code"),
        "region_name": "trim(region_name)",
    }
    stage_hierarchy(reading, rows, columns, "mapping", as_of, problems, again)
    reading.period_from = reading.period_to = as_of


def area_problems(pcn_code: str, *areas: str) -> list[Problem]:
    """Refuse rows with a PCN code that is none (U and blank are well), or an area without a proper code."""
    return [
        bad_code(pcn_code, f"U|UNALLOCATED|UNALIGNED|{PCN}", "a PCN code", optional=True),
        *(bad_code(area, AREA, "the code of an area") for area in areas),
    ]


def _month_in(name: str, today: date) -> date:
    """The first of the month that a file name speaks of (2025-08, Aug_25, August 2025); today when it names none.

    >>> _month_in("Practice_Level_Crosstab_Aug_25.zip/Mapping.csv", date(2026, 1, 5))
    datetime.date(2025, 8, 1)
    """
    months = {month.lower(): n for n, month in enumerate(calendar.month_abbr) if month}
    found = re.search(r"(?<!\d)(?P<year>20\d\d)[-_ ]?(?P<number>0[1-9]|1[0-2])(?!\d)", name) or re.search(
        rf"(?i)(?<![a-z])(?P<word>{'|'.join(months)})[a-z]*[-_ ]*(?P<year>(20)?\d\d)(?!\d)", name
    )
    if not found:
        return today
    parts = found.groupdict()
    month = int(parts["number"]) if parts.get("number") else months[parts["word"].lower()]
    spoken_of = date(2000 + int(parts["year"]) % 100, month, 1)
    return spoken_of if spoken_of <= today else today


# --- the ePCN workbook -----------------------------------------------------------------------------------


def _recognise_epcn(received: Received) -> str | None:
    found = {title: _sheet(received, title) for title in EPCN_SHEETS}
    if not any(found.values()):
        return None
    for title, where in found.items():
        if where is None:
            raise RefusedFile(
                f"This looks like the ePCN workbook, but the sheet “{title}” is not in it. "
                f"Its sheets are: {', '.join(received.sheets)}. Put the published workbook in the inbox unchanged."
            )
    details = found["PCNDetails"]
    assert details is not None
    headings = [normalise(cell) for cell in received.sheets[details[0]][details[1]]]
    return "epcn_sub_icb" if any("sub_icb" in heading for heading in headings) else "epcn_ccg"


def _sheet(received: Received, title: str) -> tuple[str, int] | None:
    """Name of the sheet and position of the heading of the ePCN sheet `title`, by its contents; None: not here."""
    key = "partner_organisation_code" if title != "PCNDetails" else "close_date"
    for name, cells in received.sheets.items():
        for position, row in enumerate(cells[:HEADING_WITHIN]):
            headings = [normalise(cell) for cell in row]
            named = normalise(name) == normalise(title) and "pcn_code" in headings
            if (named or {"pcn_code", key} <= set(headings)) and layout_of(
                headings, {title: EPCN_SHEETS[title]}, f"the sheet “{title}” of the ePCN workbook"
            ):
                return name, position
    return None


def _rows(reading: Reading, title: str, name: str) -> str:
    """The ePCN sheet `title` as a relation, with the column names of EPCN_SHEETS."""
    where = _sheet(reading.received, title)
    assert where is not None
    cells = reading.received.sheets[where[0]]
    headings = [normalise(cell) for cell in cells[where[1]]]
    positions = [_position(headings, pattern) for pattern in EPCN_SHEETS[title].values()]
    rows: list[list[Any]] = []
    for number, row in enumerate(cells[where[1] + 1 :], start=where[1] + 2):
        values = [row[p] if p is not None and p < len(row) else "" for p in positions]
        if any(value not in ("", None) for value in values):
            rows.append([number, *values])
    return reading.rows(name, ("line", *EPCN_SHEETS[title]), rows)


def _read_epcn(reading: Reading) -> None:
    details = _rows(reading, "PCNDetails", "pcn_details")
    partners = _rows(reading, "PCN Core Partner Details", "pcn_partners")
    as_of = max(
        (
            newest
            for newest in (
                _newest(reading, details, ("opened", "closed")),
                _newest(reading, partners, ("started", "ended")),
            )
            if newest < reading.today
        ),
        default=reading.today,
    )
    said = {"source": "'epcn'", "as_of": literal(as_of)}
    _stage_pcns(reading, details, said)
    _stage_partners(reading, partners, said)
    reading.period_from = reading.period_to = as_of


def _stage_pcns(reading: Reading, details: str, said: Mapping[str, str]) -> None:
    problems = [
        bad_code("pcn", PCN, "a PCN code"),
        Problem(
            f"count(*) OVER (PARTITION BY {code('pcn')}) > 1",
            "pcn",
            say("listed more than once in this sheet: ") + f" || {code('pcn')}",
        ),
        bad_date("opened", reading.today + ANNOUNCED),
        bad_date("closed", None, optional=True),
        _order("opened", "closed"),
        bad_code("sub_icb", AREA, "the code of a sub-ICB location"),
    ]
    statement = {
        "code": code("pcn"),
        "kind": "'pcn'",
        "name": "trim(pcn_name)",
        "opened": day("opened"),
        "closed": day("closed"),
        "postcode": code("postcode"),
        **said,
    }
    reading.stage("organisation", details, statement, problems)
    once = (
        f"(SELECT {code('sub_icb')} AS code, max(trim(sub_icb_name)) AS name FROM {details} "
        f"WHERE regexp_full_match({code('sub_icb')}, '{AREA}') GROUP BY 1)"
    )
    reading.stage("organisation", once, {"code": "code", "kind": "'sub_icb'", "name": "name", **said}, count=False)
    reading.stage(
        "membership",
        details,
        {
            "child": code("pcn"),
            "child_kind": "'pcn'",
            "parent": code("sub_icb"),
            "parent_kind": "'sub_icb'",
            # the sheet names the current sub-ICB and not since when; a closed PCN left it on closing
            "to_date": day("closed"),
            **said,
        },
        problems,
        count=False,
    )


def _stage_partners(reading: Reading, partners: str, said: Mapping[str, str]) -> None:
    """A practice has a row for each time it was in a PCN, so its past stays."""
    problems = [
        bad_code("practice", PRACTICE, "a practice code"),
        bad_code("pcn", PCN, "a PCN code"),
        bad_date("started", reading.today + ANNOUNCED),
        bad_date("ended", None, optional=True),
        _order("started", "ended"),
    ]
    again = (
        f"({pcn('pcn')} IS NULL) OR row_number() OVER "
        f"(PARTITION BY {code('practice')}, {code('pcn')}, {day('started')}, {day('ended')}) > 1"
    )
    statement = {
        "child": code("practice"),
        "child_kind": "'practice'",
        "parent": code("pcn"),
        "parent_kind": "'pcn'",
        "from_date": day("started"),
        "to_date": day("ended"),
        **said,
    }
    reading.stage("membership", partners, statement, problems, again)
    once = (
        f"(SELECT {code('practice')} AS code, arg_max(trim(practice_name), {day('started')}) AS name "
        f"FROM {partners} WHERE regexp_full_match({code('practice')}, '{PRACTICE}') GROUP BY 1)"
    )
    reading.stage("organisation", once, {"code": "code", "kind": "'practice'", "name": "name", **said}, count=False)
