"""The online consultation workbook and long CSV."""

import csv
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from etl.nightly import Night, load_files
from etl.settings import Settings
from tests.etl.feeds.conftest import query
from tests.reference import REFERENCE, needs_reference

Ask = Callable[[str], list[tuple[Any, ...]]]
Take = Callable[..., Night]
Row = list[Any]

JANUARY = datetime(2026, 1, 1)
HEADING = [
    *("Month [1]", "GP Code", "GP Name", "PCN Code [2, 3]", "PCN Name [3]", "Sub ICB Code", "Sub ICB Name"),
    *("ICB Code", "ICB Name", "Region Code", "Region Name", "Supplier [4, 5, 6]", "Submissions [7]"),
    *("Clinical Submissions [7]", "Administrative Submissions [7]", "Other/Unknown Type Submissions [7]"),
    *("Registered Patient Count [8]", "Rate per 1,000 Registered Patients [9, 10]"),
]


def practice(code: str = "Z91001", *counts: Any, supplier: str = "INVENTED LIMITED", month: Any = JANUARY) -> Row:
    """A row of Table 2: submissions in all, clinical, administrative, other."""
    return [
        *(month, code, f"SURGERY {code}", "U99001", "NOWHERE PCN", "99Z", "NHS NOWHERE ICB - 99Z", "QZZ"),
        *("NHS NOWHERE INTEGRATED CARE BOARD", "Y99", "NOWHERE", supplier, *(counts or (10, 6, 3, 1)), 5000, 2.0),
    ]


def table_2(*rows: Row, participation: str | None = "Participation [11]") -> list[Row]:
    return [
        ["Return to Contents"],
        ["_"],
        ["Table 2: Submissions received by practices via Online Consultation Systems, January 2026"],
        [],
        [*HEADING, participation] if participation else HEADING,
        *([*row, 1] if participation and len(row) == len(HEADING) else row for row in rows),
        [],
        ["Source: NHS England"],
        ["Notes:", "  1   Data for previous months is available in the accompanying csv file"],
        ["", "Copyright © 2026 NHS England"],
    ]


def requests(ask: Ask) -> list[tuple[Any, ...]]:
    return ask(
        "SELECT practice_code, type, requests, participates FROM fact.online_requests ORDER BY practice_code, type"
    )


def reasons(ask: Ask) -> list[tuple[Any, ...]]:
    return ask("SELECT line_number, column_name, reason FROM ledger.rejected_row ORDER BY line_number")


# --- the workbook ---


@pytest.mark.parametrize(
    ("heading", "took_part"), [(None, None), ("Participation", True), ("Participation [11]", True)]
)
def test_editions_with_and_without_participation(
    take_workbook: Take, ask: Ask, heading: str | None, took_part: bool | None
) -> None:
    night = take_workbook("oc.xlsx", {"Table 2": table_2(practice(), participation=heading)})
    assert [(load.feed, load.rows_read, load.rows_kept) for load in night.loads] == [("online_requests", 1, 1)]
    assert requests(ask) == [
        ("Z91001", "administrative", 3, took_part),
        ("Z91001", "clinical", 6, took_part),
        ("Z91001", "other", 1, took_part),
        ("Z91001", "total", 10, took_part),
    ]
    assert ask(
        "SELECT DISTINCT period_start, pcn_code, sub_icb_code, icb_code, region_code FROM fact.online_requests"
    ) == [(date(2026, 1, 1), "U99001", "99Z", "QZZ", "Y99")]


def test_participation_may_be_refused_or_marked_with_a_star(take_workbook: Take, ask: Ask) -> None:
    rows = [[*practice("Z91001"), 0], [*practice("Z91002"), "*"], [*practice("Z91003"), 1]]
    take_workbook("oc.xlsx", {"Table 2": table_2(*rows)})
    assert [row[3] for row in requests(ask) if row[1] == "total"] == [False, None, True]


def test_suppliers_are_kept_as_named(take_workbook: Take, ask: Ask) -> None:
    take_workbook("oc.xlsx", {"Table 2": table_2(practice(supplier="INVENTED LIMITED, MADE UP LTD"))})
    assert ask("SELECT DISTINCT supplier FROM fact.online_requests") == [("INVENTED LIMITED, MADE UP LTD",)]


@pytest.mark.parametrize("supplier", ["No Data", "No data", "None/Unknown"])
def test_no_data_is_not_a_count_of_zero(take_workbook: Take, ask: Ask, supplier: str) -> None:
    rows = [
        practice("Z91001", 0, 0, 0, 0, supplier=supplier),
        practice("Z91002", 0, 0, 0, 0),
        practice("Z91003", 5, 5, 0, 0, supplier=supplier),
    ]
    take_workbook("oc.xlsx", {"Table 2": table_2(*rows)})
    assert [row[2] for row in requests(ask) if row[1] == "total"] == [None, 0, 5]
    assert [row[2] for row in requests(ask) if row[1] == "other"] == [None, 0, 0]


def test_the_national_table_mixes_dates_and_text(take_workbook: Take, ask: Ask) -> None:
    table_1 = [
        ["Table 1: Summary of availability and usage of OC Systems, England"],
        ["", "", "Feb-26 [10,11]", JANUARY],
        ["Coverage", "Open active practices", 62, 61],
        ["", "Count of practices participating in the collection [1] ", 60, 59],
        ["", "Registered patients at open active practices", 600, 590],
        ["Submissions", "Total submissions received by practices [3], of which:", 920, 780],
        ["Submission type", "Clinical submissions", 600, 510],
        ["", "Rate per 1,000 patients registered at practices", 147.8, 125.2],
    ]
    take_workbook("oc.xlsx", {"Table 1": table_1, "Table 2": table_2(practice())})
    assert ask(
        "SELECT item, period_start, value FROM fact.printed_figure WHERE source = 'online_requests' "
        "AND dataset = 'table_1' AND organisation = 'ENG' ORDER BY item, period_start"
    ) == [
        (item, month, value)
        for item, values in {
            "clinical": (510, 600),
            "patients_open": (590, 600),
            "practices_included": (59, 60),
            "practices_open": (61, 62),
            "requests": (780, 920),
        }.items()
        for month, value in zip((date(2026, 1, 1), date(2026, 2, 1)), values, strict=True)
    ]


def test_the_telephony_workbook_with_notes_on_online_consultation_is_not_ours(take_workbook: Take) -> None:
    sheet = [["Table 2: Inbound Calls by day"], ["", "Date"], ["Notes:", "None/Unknown: Online Consultation Systems"]]
    assert "No feed knows" in take_workbook("x.xlsx", {"Table 2": sheet}).refused[0][1]


def test_a_renamed_column_refuses_the_workbook_and_names_it(take_workbook: Take) -> None:
    sheet = table_2(practice())
    sheet[4] = ["Requests" if cell == "Submissions [7]" else cell for cell in sheet[4]]
    [(_, reason)] = take_workbook("oc.xlsx", {"Table 2": sheet}).refused
    assert "“submissions” is missing" in reason
    assert "Requests" in reason


def test_rows_that_are_wrong_are_refused_with_their_row(take_workbook: Take, ask: Ask) -> None:
    bad = [
        practice("Z91001", -3, 6, 3, 1),
        practice("Z91002", 10, "six", 3, 1),
        practice("Z9", 10, 6, 3, 1),
        practice("Z91003", month=datetime(2090, 1, 1)),
        practice("Z91004", month="soon"),
    ]
    take_workbook("oc.xlsx", {"Table 2": table_2(*(practice(f"Z92{n:03}") for n in range(200)), *bad)})
    assert reasons(ask) == [
        (206, "total", "submissions is not a count: “-3”"),
        (207, "clinical", "clinical_submissions is not a count: “six”"),
        (208, "practice_code", "PRACTICE_CODE is not a practice code: “Z9”"),
        (209, "month", "MONTH is in the future: “2090-01-01”"),
        (210, "month", "MONTH is not a date: “soon”"),
    ]
    assert ask("SELECT count(*) FROM fact.online_requests WHERE practice_code LIKE 'Z91%'") == [(0,)]


# --- the long CSV ---

LONG = [
    *("MONTH", "GP_CODE", "GP_NAME", "PCN_CODE", "PCN_NAME", "SUB_ICB_LOCATION_CODE", "SUB_ICB_LOCATION_NAME"),
    *("ICB_CODE", "ICB_NAME", "REGION_CODE", "REGION_NAME", "SUPPLIER", "METRIC", "VALUE"),
]


def long(
    metric: str, value: str, code: str = "Z91001", month: str = "01/12/2025", supplier: str = "A LTD, B LTD"
) -> Row:
    return [*practice(code, 1, 2, 3, 4, supplier=supplier, month=month)[:12], metric, value]


def test_the_long_csv_is_the_same_facts(take_csv: Take, ask: Ask) -> None:
    rows = [
        long("OC_PARTICIPATION", "1"),
        long("OC_CAPABILITY", "1"),
        long("OC_TOTAL_SUBMISSIONS", "10"),
        long("OC_SUBMISSION_TYPE_CLINICAL", "6"),
        long("OC_SUBMISSION_TYPE_ADMIN", "3"),
        long("OC_SUBMISSION_TYPE_OTHER", "1"),
        long("PATIENTS_REGISTERED", "5000"),
    ]
    night = take_csv("oc_south_regions.csv", [LONG, *rows])
    assert [(load.feed, load.rows_kept, load.rows_filtered) for load in night.loads] == [("online_requests", 4, 3)]
    assert requests(ask) == [
        ("Z91001", "administrative", 3, True),
        ("Z91001", "clinical", 6, True),
        ("Z91001", "other", 1, True),
        ("Z91001", "total", 10, True),
    ]
    # 01/12/2025 is the first of December
    assert ask("SELECT DISTINCT period_start, supplier FROM fact.online_requests") == [
        (date(2025, 12, 1), "A LTD, B LTD")
    ]
    assert ask("SELECT child, parent FROM fact.membership ORDER BY ALL") == [
        *(("99Z", "QZZ"), ("QZZ", "Y99"), ("Z91001", "99Z"), ("Z91001", "U99001"))
    ]
    assert ask("SELECT name FROM fact.organisation WHERE code = '99Z'") == [("NHS NOWHERE ICB - 99Z",)]


def test_north_and_south_add_up_and_neither_replaces_the_other(take_csv: Take, ask: Ask) -> None:
    take_csv("oc_north_regions.csv", [LONG, long("OC_TOTAL_SUBMISSIONS", "10", "Z91001")])
    take_csv("oc_south_regions.csv", [LONG, long("OC_TOTAL_SUBMISSIONS", "20", "Z91002")])
    take_csv("oc_south_regions_2.csv", [LONG, long("OC_TOTAL_SUBMISSIONS", "25", "Z91002")])
    assert [row[:3] for row in requests(ask)] == [("Z91001", "total", 10), ("Z91002", "total", 25)]


def test_a_practice_that_took_part_without_a_count_is_there_without_a_number(take_csv: Take, ask: Ask) -> None:
    rows = [
        long("OC_PARTICIPATION", "1", "Z91001"),
        long("OC_PARTICIPATION", "*", "Z91002"),
        long("OC_TOTAL_SUBMISSIONS", "0", "Z91003", supplier="None/Unknown"),
        long("OC_TOTAL_SUBMISSIONS", "4", "Z91004"),
    ]
    take_csv("oc.csv", [LONG, *rows])
    assert [(code, n, flag) for code, _, n, flag in requests(ask)] == [
        ("Z91001", None, True),
        ("Z91002", None, None),
        ("Z91003", None, None),
        ("Z91004", 4, None),
    ]


def test_an_unknown_metric_is_named_and_bad_values_are_refused(take_csv: Take, ask: Ask) -> None:
    rows = [
        *(long("OC_TOTAL_SUBMISSIONS", "1", f"Z92{n:03}") for n in range(100)),
        long("OC_MOOD", "1"),
        long("OC_TOTAL_SUBMISSIONS", "-1"),
        long("OC_TOTAL_SUBMISSIONS", "x"),
        long("OC_TOTAL_SUBMISSIONS", "1", month="31/31/2025"),
    ]
    take_csv("oc.csv", [LONG, *rows])
    assert reasons(ask) == [
        (102, "metric", "METRIC is not one that is known: “OC_MOOD”"),
        (103, "value", "VALUE is not a count: “-1”"),
        (104, "value", "VALUE is not a count: “x”"),
        (105, "month", "MONTH is not a date: “31/31/2025”"),
    ]


def test_a_renamed_column_refuses_the_csv_and_names_it(take_csv: Take) -> None:
    rows = [["SURGERY" if name == "GP_CODE" else name for name in LONG], long("OC_TOTAL_SUBMISSIONS", "1")]
    [(_, reason)] = take_csv("oc.csv", rows).refused
    assert "the column GP_CODE is not in its heading" in reason


# --- as published ---

EDITIONS = {
    "oc_2024-04.xlsx": date(2024, 4, 1),
    "oc_2025-10.xlsx": date(2025, 10, 1),
    "oc_2025-12.xlsx": date(2025, 12, 1),
    "oc_2026-01.xlsx": date(2026, 1, 1),
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> Ask:
    """Every published online consultation workbook, loaded once."""
    settings = Settings(home=tmp_path_factory.mktemp("published"), code=("QVV",))
    shutil.copyfile(empty_warehouse, settings.home / "warehouse.duckdb")
    night = load_files(settings, [REFERENCE / name for name in EDITIONS])
    assert not night.refused
    assert [(load.feed, load.rows_refused) for load in night.loads] == [("online_requests", 0)] * len(EDITIONS)
    return lambda sql: query(settings, sql)


@needs_reference
@pytest.mark.parametrize(("name", "month"), EDITIONS.items())
def test_every_practice_is_as_in_the_sheet(published: Ask, name: str, month: date) -> None:
    book = CalamineWorkbook.from_path(str(REFERENCE / name))
    rows = [row for row in book.get_sheet_by_name("Table 2").to_python(skip_empty_area=False)[12:] if row[10] != ""]
    expected: Counter[Any] = Counter()
    for row in rows:
        counts = [int(value) for value in row[12:16]]
        if counts[0] == 0 and row[11].lower() in ("no data", "none/unknown"):
            counts = [None] * 4  # type: ignore[list-item]
        for kind, value in zip(("total", "clinical", "administrative", "other"), counts, strict=True):
            pcn = None if row[3] == "U" else row[3]
            took_part = bool(row[18]) if len(row) > 18 else None
            expected[(row[1], pcn, row[5], row[7], row[9], row[11], kind, value, took_part)] += 1
    found = published(
        "SELECT practice_code, pcn_code, sub_icb_code, icb_code, region_code, supplier, type, requests, participates "
        f"FROM fact.online_requests WHERE period_start = '{month}'"
    )
    assert Counter(found) == expected


@needs_reference
@pytest.mark.parametrize("name", EDITIONS)
def test_the_national_figures_of_its_own_month_rebuild(published: Ask, name: str, tmp_path: Path) -> None:
    book = CalamineWorkbook.from_path(str(REFERENCE / name))
    cells = book.get_sheet_by_name("Table 1").to_python(skip_empty_area=False)
    labels = {str(row[1]).split("[")[0].strip(): row[2] for row in cells}
    ours = dict(
        published(
            "SELECT type, sum(requests) FROM fact.online_requests "
            f"WHERE period_start = '{EDITIONS[name]}' GROUP BY type"
        )
    )
    assert ours["total"] == next(value for label, value in labels.items() if label.startswith("Total submissions"))
    assert ours["clinical"] == labels["Clinical submissions"]
    assert ours["administrative"] == labels["Administrative submissions"]
    receiving = next(v for label, v in labels.items() if label.startswith("Count of practices receiving"))
    assert published(
        "SELECT count(*) FROM fact.online_requests "
        f"WHERE type = 'total' AND requests IS NOT NULL AND period_start = '{EDITIONS[name]}'"
    ) == [(receiving,)]


@needs_reference
def test_the_newest_edition_prints_every_month(published: Ask) -> None:
    found = published(
        "SELECT count(DISTINCT period_start), count(*) FROM fact.printed_figure "
        "WHERE dataset = 'table_1' AND item = 'requests' AND period_start BETWEEN '2024-07-01' AND '2026-01-01'"
    )
    assert found == [(19, 19)]
    # what December's own edition printed is kept beside what a later one made of it
    assert published(
        "SELECT dataset, value FROM fact.printed_figure WHERE item = 'requests' AND period_start = '2025-12-01' "
        "ORDER BY dataset"
    ) == [("own_month", 7_373_760.0), ("table_1", 7_809_023.0)]


@needs_reference
def test_a_published_month_written_long_is_the_same(published: Ask, home: Settings, tmp_path: Path) -> None:
    """The workbook's January put in the CSV's layout gives the same facts by another road."""
    book = CalamineWorkbook.from_path(str(REFERENCE / "oc_2026-01.xlsx"))
    rows = [row for row in book.get_sheet_by_name("Table 2").to_python(skip_empty_area=False)[12:] if row[10] != ""]
    path = tmp_path / "oc_2026-01.csv"
    metrics = ("TOTAL_SUBMISSIONS", "SUBMISSION_TYPE_CLINICAL", "SUBMISSION_TYPE_ADMIN", "SUBMISSION_TYPE_OTHER")
    with path.open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream)
        out.writerow(LONG)
        for row in rows:
            lead = ["01/01/2026", *row[1:12]]
            out.writerow([*lead, "OC_PARTICIPATION", int(row[18])])
            out.writerows([*lead, f"OC_{metric}", int(n)] for metric, n in zip(metrics, row[12:16], strict=True))
    load_files(home, [path])
    select = (
        "SELECT practice_code, pcn_code, sub_icb_code, icb_code, supplier, type, requests, participates "
        "FROM fact.online_requests WHERE period_start = '2026-01-01'"
    )
    assert Counter(query(home, select)) == Counter(published(select))
