"""Submissions through online consultation systems, as NHS England publishes them: the workbook and the long CSV.

A practice that no supplier sends data for is printed with 0. It took part without a count: missing is not zero.
"""

import re
from dataclasses import replace

from etl.feeds.areas import KINDS, area_codes, area_problems, stage_areas, with_areas
from etl.feeds.feed import Received, count, say
from etl.feeds.publications import bad_count, bad_date, layout_of, month_of_day, unknown_word
from etl.feeds.reading import Reading
from etl.feeds.workbook import cell, find_table, month_of, months_across, stage_printed, title_of

NAME = "online_requests"
FACTS = ("online_requests", "printed_figure", "organisation", "membership")

PUBLICATION = "NHS England's Online Consultation Systems publication"
AREA_SHEET = {kind: f"{kind}_code" for kind in KINDS}
TYPES = ("total", "clinical", "administrative", "other")
SHEET = {
    "month": "month",
    "practice_code": "gp_code",
    "practice_name": "gp_name",
    **{f"{kind}_{what}": f"{kind}_{what}" for kind in KINDS[1:] for what in ("code", "name")},
    "supplier": "supplier",
    "total": "submissions",
    "clinical": "clinical_submissions",
    "administrative": "administrative_submissions",
    "other": "other_unknown(_type)?_submissions",
    "participation": "participation",
}
CSV = {
    "month": "month(_dd_mm_yyyy)?",
    "practice_code": "gp_code",
    "practice_name": "gp_name",
    "pcn_code": "pcn_code",
    "pcn_name": "pcn_name",
    "sub_icb_code": "sub_icb_location_code",
    "sub_icb_name": "sub_icb_location_name",
    "icb_code": "icb_code",
    "icb_name": "icb_name",
    "region_code": "region_code",
    "region_name": "region_name",
    "supplier": "supplier",
    "metric": "metric",
    "value": "value",
}
# METRIC, in the words of the releases and of the workbook's headings
METRICS = {
    "participation": ".*PARTICIPATION",
    "clinical": "(OC_SUBMISSION_TYPE_)?CLINICAL( |_SUBMISSIONS)?.*",
    "administrative": "(OC_SUBMISSION_TYPE_)?ADMIN.*",
    "other": "(OC_SUBMISSION_TYPE_)?OTHER.*",
    "total": "(OC_)?(TOTAL[ _])?SUBMISSIONS",
    "not_requests": "(OC_CAPABILITY|OC_SYSTEM_USAGE|PATIENTS_REGISTERED|REGISTERED.PATIENT.*|RATE.*)",
}
NO_SUPPLIER = ["", "NO DATA", "NONE", "UNKNOWN", "NONE/UNKNOWN"]
# Table 1: item → how its row's label begins, in the words of each edition
NATIONAL = {
    "practices_open": "open_active_practices",
    "practices_included": "count_of_practices_(included|participating)",
    "practices_receiving": "count_of_practices_receiving",
    "patients_open": "registered_patients_at_open_active_practices",
    "patients_receiving": "registered_patients_at_practices_that_received",
    "requests": "total_submissions",
    "clinical": "clinical_submissions",
    "administrative": "administrative_submissions",
    "other": "other_unknown(_type)?_submissions",
}


def recognise(received: Received) -> str | None:
    """`workbook` or `csv`; None when it is another file.

    Raises RefusedFile when it is one of these with a column missing or renamed.
    """
    if received.kind == "workbook":
        titles = [title_of(cells) for cells in received.sheets.values()]
        ours = any(t and re.search(r"(?i)\b(online consultation|oc) systems", t[1]) for t in titles)
        return "workbook" if ours and find_table(received, 2, SHEET, PUBLICATION, ("participation",)) else None
    if not {"metric", "value"} & set(received.header):
        return None
    return layout_of(received.header, {"csv": CSV}, f"the CSV of {PUBLICATION}")


def read(reading: Reading) -> None:
    """Stage requests by type, the printed totals, and the organisations named, from either layout."""
    if reading.layout == "workbook":
        _read_workbook(reading)
    else:
        _read_csv(reading)


def _read_workbook(reading: Reading) -> None:
    sheet = find_table(reading.received, 2, SHEET, PUBLICATION, ("participation",))
    assert sheet is not None
    names = [place for name, place in sheet.columns.items() if name.endswith(("_name", "_code"))]
    named = [place for place in names if place != sheet.columns["practice_code"]]
    columns = [*SHEET]
    rows = [
        [line, *(cell(row, sheet.columns[name]) if name in sheet.columns else None for name in columns)]
        for line, row in sheet.rows
        if any(cell(row, place) is not None for place in named)
    ]
    for row in rows:
        row[1] = month_of(row[1]) or row[1]
    relation = with_areas(
        reading.rows("table_2", ("line", *columns), rows),
        AREA_SHEET,
        {"period": month_of_day("month"), **{f"n_{kind}": count(kind) for kind in TYPES}},
    )
    problems = [
        bad_date("month", reading.today, when="period"),
        *area_problems(AREA_SHEET),
        *(bad_count(kind, f"n_{kind}", SHEET[kind].split("(")[0], optional=True) for kind in TYPES),
    ]
    for kind in TYPES:
        reading.stage(
            "online_requests",
            relation,
            {
                "period_start": "period",
                **area_codes(AREA_SHEET),
                "supplier": "trim(supplier)",
                "type": say(kind),
                "requests": _requests(f"n_{kind}", "n_total"),
                "participates": _flag("participation"),
            },
            problems,
            count=kind == "total",
        )
    stage_areas(reading, relation, KINDS, "period", problems)
    printed = months_across(reading, NATIONAL)
    stage_printed(reading, NAME, "table_1", printed)
    # later editions revise the national table and not these practices: the edition's own month is kept apart
    own = {month_of(row[1]) for row in rows}
    stage_printed(reading, NAME, "own_month", [figure for figure in printed if figure[1] in own])


def _read_csv(reading: Reading) -> None:
    found = {
        name: next(h for h in reading.received.header if re.fullmatch(pattern, h)) for name, pattern in CSV.items()
    }
    areas = {kind: found[f"{kind}_code"] for kind in KINDS}
    scan = reading.csv()
    said = " ".join(
        f"WHEN regexp_full_match(upper(trim(metric)), {say(pattern)}) THEN {say(kind)}"
        for kind, pattern in METRICS.items()
    )
    number = count("value")
    # a practice's participation is a row of its own: beside its total, or in place of a total that is not there
    told = (
        f"(SELECT upper(trim(gp_code)) AS told_practice, trim({found['month']}) AS told_month, "
        f"max(value) FILTER (kind = 'participation') AS participation, "
        f"max({number}) FILTER (kind = 'total') AS n_total, bool_or(kind = 'total') AS has_total "
        f"FROM (SELECT *, CASE {said} END AS kind FROM {scan}) GROUP BY 1, 2)"
    )
    joined = (
        f"(SELECT rows.*, CASE {said} END AS kind, told.* FROM {scan} AS rows LEFT JOIN {told} AS told "
        f"ON told_practice = upper(trim(gp_code)) AND told_month = trim({found['month']}))"
    )
    names = {name: found[name] for name in ("sub_icb_name",)}
    relation = with_areas(
        joined, areas, {"period": month_of_day(found["month"]), "number": number, "practice_name": "gp_name", **names}
    )
    no_count = bad_count("value", "number", optional=True)
    problems = [
        bad_date(found["month"], reading.today, when="period"),
        *area_problems(areas),
        unknown_word("metric", "kind IS NULL"),
        replace(no_count, condition=f"kind <> 'participation' AND {no_count.condition}"),
    ]
    reading.stage(
        "online_requests",
        relation,
        {
            "period_start": "period",
            **area_codes(areas),
            "supplier": "trim(supplier)",
            "type": "CASE WHEN kind = 'participation' THEN 'total' ELSE kind END",
            "requests": f"CASE WHEN kind <> 'participation' THEN {_requests('number', 'n_total')} END",
            "participates": _flag("participation"),
        },
        problems,
        skip="coalesce(kind = 'not_requests' OR kind = 'participation' AND has_total, FALSE)",
    )
    stage_areas(reading, relation, KINDS, "period", problems)


def _requests(number: str, total: str) -> str:
    """The count; NULL where the total of a practice without a known supplier is 0."""
    unknown = f"coalesce(upper(trim(supplier)), '') IN {NO_SUPPLIER}"
    return f"CASE WHEN coalesce({total}, 0) = 0 AND {unknown} THEN NULL ELSE {number} END"


def _flag(column: str) -> str:
    """Participation: 1 or 0; other marks (`*`) say nothing."""
    number = count(column)
    return f"CASE WHEN {number} IN (0, 1) THEN {number} = 1 END"
