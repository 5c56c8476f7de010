"""Deprivation (IMD) of practices and of LSOAs. In all of these files decile 1 is the most deprived tenth.

Practice scores differ between sources, so each fact keeps its `source`: `fingertips` (OHID indicator 93553),
`praqtis` (four columns, IMD 2025), `derived` (practice_pcn_imd, with deciles) and `lsoa` (MHCLG File 1: rank
and decile, no score).
"""

import re
from datetime import date

from etl.feeds.feed import Problem, Received, RefusedFile, code, count, normalise, say
from etl.feeds.publications import PRACTICE, bad_code, layout_of, position, quoted
from etl.feeds.reading import Reading
from etl.feeds.workbook import HEADING_WITHIN

NAME = "deprivation"
FACTS = ("deprivation",)

INDICATOR = "93553"
ENGLAND = "E92000001"
LSOA = "E01[0-9]{6}"
FINGERTIPS = ("indicator_id", "indicator_name", "area_code", "area_type", "time_period", "value")
PRACTICES = {
    "practice_scores": ("practice_code", "practice_name", "imd_year", "imd_score"),
    "practice_deciles": ("practice_code", "practice_name", "postcode", "subicb_code", "imd_score", "imd_decile"),
}
FILE_1 = {
    "area": r"lsoa_code_\d{4}",
    "rank": "index_of_multiple_deprivation_imd_rank",
    "decile": "index_of_multiple_deprivation_imd_decile",
}
# the LSOAs on which each index is built; the sheet's name says the year itself (IMD2019, IMD25)
INDEX_OF_LSOA = {"2011": 2019, "2021": 2025}
YEARS = (2019, 2025)
DERIVED_YEAR = 2019
HIGHEST_SCORE = 100


def recognise(received: Received) -> str | None:
    """`fingertips`, `practice_scores`, `practice_deciles` or `lsoa`; None when it is another file.

    Raises RefusedFile when it is one of these with a column missing or renamed.
    """
    if received.kind == "workbook":
        return "lsoa" if _sheet(received) else None
    if any(INDICATOR in record for record in received.records[1:]):
        return layout_of(received.header, {"fingertips": FINGERTIPS}, "the Fingertips deprivation file")
    if any(heading.startswith("imd") for heading in received.header):
        return layout_of(received.header, PRACTICES, "a file of deprivation by practice")
    return None


def read(reading: Reading) -> None:
    """Stage `deprivation` from any of the layouts."""
    {
        "fingertips": _read_fingertips,
        "practice_scores": _read_practice_scores,
        "practice_deciles": _read_practice_deciles,
        "lsoa": _read_lsoa,
    }[reading.layout](reading)
    _cover_years(reading)


def _read_fingertips(reading: Reading) -> None:
    """Practices, and England once: the file gives it a second time under itself. Other areas are filtered."""
    is_england = f"{code('area_code')} = '{ENGLAND}'"
    year = count("time_period")
    stated = f"indicator_id, {code('area_code')}, {year}, trim(value)"
    skip = (
        f"coalesce(trim(indicator_id), '') <> '{INDICATOR}' OR coalesce(trim(area_type), '') NOT IN ('GP', 'GPs', "
        f"'England') OR row_number() OVER (PARTITION BY {stated}) > 1"
    )
    problems = [
        bad_code("area_code", f"{PRACTICE}|{ENGLAND}", "a practice code, nor that of England"),
        *_year("time_period"),
        _score("value"),
        _twice("value", "area_code", "time_period", "indicator_id"),
    ]
    columns = {
        "index_year": year,
        "area": f"CASE WHEN {is_england} THEN 'ENG' ELSE {code('area_code')} END",
        "area_kind": f"CASE WHEN {is_england} THEN 'england' ELSE 'practice' END",
        "score": "try_cast(value AS DOUBLE)",
        "source": "'fingertips'",
    }
    reading.stage("deprivation", reading.csv(), columns, problems, skip)


def _read_practice_scores(reading: Reading) -> None:
    columns = {
        "index_year": count("imd_year"),
        "area": code("practice_code"),
        "area_kind": "'practice'",
        "score": "try_cast(imd_score AS DOUBLE)",
        "source": "'praqtis'",
    }
    problems = [
        bad_code("practice_code", PRACTICE, "a practice code"),
        *_year("imd_year"),
        _score("imd_score"),
        _twice("imd_score", "practice_code", "imd_year"),
    ]
    reading.stage("deprivation", reading.csv(), columns, problems, _again("practice_code", "imd_year", "imd_score"))


def _read_practice_deciles(reading: Reading) -> None:
    columns = {
        "index_year": str(DERIVED_YEAR),
        "area": code("practice_code"),
        "area_kind": "'practice'",
        "score": "try_cast(imd_score AS DOUBLE)",
        "decile": _whole("imd_decile"),
        "source": "'derived'",
    }
    problems = [
        bad_code("practice_code", PRACTICE, "a practice code"),
        _score("imd_score"),
        _between("imd_decile", 1, 10),
        _twice("imd_score", "practice_code"),
    ]
    reading.stage("deprivation", reading.csv(), columns, problems, _again("practice_code", "imd_score", "imd_decile"))


def _read_lsoa(reading: Reading) -> None:
    found = _sheet(reading.received)
    assert found is not None
    name, heading = found
    cells = reading.received.sheets[name]
    headings = [normalise(cell) for cell in cells[heading]]
    places = [position(headings, pattern) or 0 for pattern in FILE_1.values()]
    rows = [
        [line, *(row[place] for place in places)]
        for line, row in enumerate(cells[heading + 1 :], start=heading + 2)
        if any(cell not in ("", None) for cell in row)
    ]
    relation = reading.rows("lsoa", ("line", *FILE_1), rows)
    columns = {
        "index_year": str(_index_year(name, headings[places[0]])),
        "area": code("area"),
        "area_kind": "'lsoa'",
        "rank": _whole("rank"),
        "decile": _whole("decile"),
        "source": "'lsoa'",
    }
    problems = [
        bad_code("area", LSOA, "the code of an LSOA"),
        _between("rank", 1, 100_000),
        _between("decile", 1, 10),
        _twice("rank", "area"),
    ]
    reading.stage("deprivation", relation, columns, problems, _again("area", "rank", "decile"))


def _sheet(received: Received) -> tuple[str, int] | None:
    """Name of the sheet of File 1 and the position of its heading."""
    for name, cells in received.sheets.items():
        for number, row in enumerate(cells[:HEADING_WITHIN]):
            headings = [normalise(cell) for cell in row]
            if (
                position(headings, FILE_1["area"]) is not None
                and any("imd" in heading for heading in headings)
                and layout_of(headings, {"lsoa": FILE_1}, "File 1 of the Indices of Deprivation")
            ):
                return name, number
    return None


def _index_year(sheet: str, heading: str) -> int:
    """The year of the index: from the sheet's name, else from the LSOAs it is built on. Raises RefusedFile."""
    named = re.search(r"(?:20)?(\d\d)$", sheet.strip())
    year = 2000 + int(named[1]) if named else INDEX_OF_LSOA.get(heading[-4:])
    if year not in YEARS:
        raise RefusedFile(
            f"The sheet “{sheet}” is of an Index of Multiple Deprivation other than those of 2019 and 2025."
        )
    return year


def _cover_years(reading: Reading) -> None:
    staged = " UNION ALL ".join(f"SELECT index_year FROM {name}" for name in reading.staged["deprivation"])
    found = reading.con.execute(f"SELECT min(index_year), max(index_year) FROM ({staged})").fetchone()
    if found and found[0]:
        reading.period_from, reading.period_to = date(found[0], 1, 1), date(found[1], 12, 31)


def _whole(column: str) -> str:
    return f"try_cast({count(column)} AS INTEGER)"


def _year(column: str) -> list[Problem]:
    years = ", ".join(str(year) for year in YEARS)
    reason = f"{column.upper()} is not the year of an index that is used ({years}): "
    return [Problem(f"coalesce({count(column)}, 0) NOT IN ({years})", column, f"{say(reason)} || {quoted(column)}")]


def _score(column: str) -> Problem:
    score = f"try_cast({column} AS DOUBLE)"
    return Problem(
        f"NOT coalesce({score} BETWEEN 0 AND {HIGHEST_SCORE}, FALSE)",
        column,
        f"{say(f'{column.upper()} is not a score from 0 to {HIGHEST_SCORE}: ')} || {quoted(column)}",
    )


def _between(column: str, lowest: int, highest: int) -> Problem:
    return Problem(
        f"NOT coalesce({_whole(column)} BETWEEN {lowest} AND {highest}, FALSE)",
        column,
        f"{say(f'{column.upper()} is not a whole number from {lowest} to {highest}: ')} || {quoted(column)}",
    )


def _again(*columns: str) -> str:
    """SQL: the row says again, word for word, what another has said."""
    return f"row_number() OVER (PARTITION BY {', '.join(f'upper(trim({column}))' for column in columns)}) > 1"


def _twice(value: str, area: str, *within: str) -> Problem:
    """Refuse the rows of an area that is listed (within the same year, say) with different values."""
    about = ", ".join([code(area), *(f"trim({column})" for column in within)])
    return Problem(
        f"min(trim({value})) OVER (PARTITION BY {about}) <> max(trim({value})) OVER (PARTITION BY {about})",
        value,
        f"{say('listed more than once with different values: ')} || {code(area)}",
    )
