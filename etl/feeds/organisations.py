"""Who is who and who belongs to whom: epraccur, the ePCN workbook, and Mapping.csv of the GPAD release.

A source that dates its statements (epraccur: commissioner; ePCN: PCN) gives `from_date`. One that only says what
holds when it was made (Mapping, a PCN's sub-ICB) gives `as_of` alone. CCG-era codes are sub-ICB location codes.
"""

import calendar
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from etl.feeds.areas import stage_map
from etl.feeds.feed import Problem, Received, RefusedFile, code, day, normalise, say
from etl.feeds.publications import (
    AREA,
    CROSSTAB_PLACES,
    PCN,
    PRACTICE,
    bad_code,
    bad_date,
    bad_order,
    cover_as_of,
    layout_of,
    literal,
    pcn,
    position,
    quoted,
)
from etl.feeds.reading import Reading
from etl.feeds.workbook import HEADING_WITHIN

NAME = "organisations"
FACTS = ("organisation", "membership")

EPRACCUR = (
    *("code", "name", "national_grouping", "geography"),
    *("address_1", "address_2", "address_3", "address_4", "address_5", "postcode"),
    *("opened", "closed", "status", "sub_type", "commissioner", "joined_on", "left_on", "telephone"),
    *("empty_1", "empty_2", "empty_3", "amended", "empty_4", "provider", "empty_5", "prescribing_setting"),
    "empty_6",
)
MAPPING = {
    **CROSSTAB_PLACES,
    "icb": "icb_code",
    "icb_name": "icb_name",
    "region": "region_code",
    "region_name": "region_name",
}
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
ANNOUNCED = timedelta(days=366)  # openings and moves are announced ahead, but not further than this


def recognise(received: Received) -> str | None:
    """`epraccur`, `epcn_sub_icb`, `epcn_ccg` or `mapping`; None when it is another file.

    Raises RefusedFile when it is one of these with a column missing or renamed.
    """
    if received.kind == "workbook":
        return _recognise_epcn(received)
    if _is_epraccur(received.records):
        return "epraccur"
    if any(re.search("month|date|count|value|metric", heading) for heading in received.header):
        return None  # Mapping's columns also lead the appointments and online requests files
    return layout_of(received.header, {"mapping": MAPPING}, "Mapping.csv of a GPAD release")


def read(reading: Reading) -> None:
    """Stage `organisation` and `membership` from any of the layouts."""
    if reading.layout == "epraccur":
        _read_epraccur(reading)
    elif reading.layout == "mapping":
        stage_map(reading, MAPPING, "mapping", literal(_month_in(reading.received.name, reading.today)))
    else:
        _read_epcn(reading)


def _newest(reading: Reading, columns: Sequence[str]) -> str:
    """SQL (a window over the whole relation) for the newest date in these columns that is not in the future."""
    past = ", ".join(
        f"CASE WHEN {day(column)} <= {literal(reading.today)} THEN {day(column)} END" for column in columns
    )
    return f"coalesce(max(greatest({past})) OVER (), {literal(reading.today)})"


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
        bad_order("opened", "closed"),
        bad_order("joined_on", "left_on"),
        bad_code("commissioner", AREA, "a commissioner's code", optional=True),
    ]
    as_of = _newest(reading, ("opened", "closed", "joined_on", "left_on"))
    said = {"source": "'epraccur'", "as_of": as_of}
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
    cover_as_of(reading)


# --- Mapping.csv -----------------------------------------------------------------------------------------


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
    return min(spoken_of, today)


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
        for number, row in enumerate(cells[:HEADING_WITHIN]):
            headings = [normalise(cell) for cell in row]
            named = normalise(name) == normalise(title) and "pcn_code" in headings
            if (named or {"pcn_code", key} <= set(headings)) and layout_of(
                headings, {title: EPCN_SHEETS[title]}, f"the sheet “{title}” of the ePCN workbook"
            ):
                return name, number
    return None


def _rows(reading: Reading, title: str, name: str) -> str:
    """The ePCN sheet `title` as a relation, with the column names of EPCN_SHEETS."""
    where = _sheet(reading.received, title)
    assert where is not None
    cells = reading.received.sheets[where[0]]
    headings = [normalise(cell) for cell in cells[where[1]]]
    positions = [position(headings, pattern) for pattern in EPCN_SHEETS[title].values()]
    rows: list[list[Any]] = []
    for number, row in enumerate(cells[where[1] + 1 :], start=where[1] + 2):
        values = [row[p] if p is not None and p < len(row) else "" for p in positions]
        if any(value not in ("", None) for value in values):
            rows.append([number, *values])
    return reading.rows(name, ("line", *EPCN_SHEETS[title]), rows)


def _read_epcn(reading: Reading) -> None:
    details = _rows(reading, "PCNDetails", "pcn_details")
    partners = _rows(reading, "PCN Core Partner Details", "pcn_partners")
    newest = reading.con.execute(
        f"SELECT max(as_of) FROM (SELECT {_newest(reading, ('opened', 'closed'))} AS as_of FROM {details} "
        f"UNION ALL SELECT {_newest(reading, ('started', 'ended'))} FROM {partners})"
    ).fetchone()
    as_of = newest[0] if newest and newest[0] else reading.today
    said = {"source": "'epcn'", "as_of": literal(as_of)}
    _stage_pcns(reading, details, said)
    _stage_partners(reading, partners, said)
    cover_as_of(reading)


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
        bad_order("opened", "closed"),
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
        bad_order("started", "ended"),
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
