"""The telephony summary workbook and the three daily CSVs."""

import csv
import gzip
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from etl.feeds.workbook import month_of
from etl.nightly import Night, load_files
from etl.settings import Settings
from tests.etl.feeds.conftest import query
from tests.reference import REFERENCE, needs_reference

Ask = Callable[[str], list[tuple[Any, ...]]]
Take = Callable[..., Night]
Row = list[Any]

OCTOBER = datetime(2025, 10, 1)
COPYRIGHT = "Copyright © 2025 NHS England "
AREAS = [
    *("Month [1]", "GP Practice \n(ODS_CODE)", "GP Name", "PCN Code", "PCN Name [2,3]", "Sub ICB Code [2]"),
    *("Sub ICB Name", "ICB Code  [2]", "ICB Name", "Region Code  [2]", "Region Name"),
]
BANDS = ["Less than 1 minute", "", "1 - 2 minutes", "", "2 - 5 minutes", "", "Longer than 5 minutes", ""]
DAY_BANDS = [
    *("00:00 - 05:59", "06:00 - 07:59", "08:00 - 09:59", "10:00 - 11:59", "12:00 - 13:59"),
    *("14:00 - 15:59", "16:00 - 17:59", "18:00 - 18:29", "18:30 - 23:59"),
]


def place(code: str = "Z91001", month: Any = OCTOBER, **changes: str) -> Row:
    """The first eleven cells of a practice's row."""
    cells = {
        **{"pcn": "U99001", "pcn_name": "NOWHERE PCN", "sub_icb": "99Z", "sub_icb_name": "NHS NOWHERE ICB - 99Z"},
        **{"icb": "QZZ", "icb_name": "NHS NOWHERE INTEGRATED CARE BOARD", "region": "Y99", "region_name": "NOWHERE"},
    }
    assert set(changes) <= set(cells)
    return [month, code, f"SURGERY {code}", *(cells | changes).values()]


def outcomes(code: str = "Z91001", *counts: Any, month: Any = OCTOBER, **changes: str) -> Row:
    """A row of Table 3: inbound, answered, ended in IVR, call-back requested, missed, call-back made."""
    inbound, answered, ivr, requested, missed, made = counts or (100, 50, 30, 5, 15, 5)
    share = "-"
    return [
        *place(code, month, **changes),
        *(inbound, "", answered, share, ivr, share, requested, share, "", missed, share, "", made, share),
    ]


def table_3(*rows: Row, ivr: str = "[4]", missed: str = "", title: str = "October 2025") -> list[Row]:
    """A sheet as published: stray figures above, two rows of headings, a totals row, notes and copyright below."""
    inbound = sum(row[11] for row in rows if isinstance(row[11], int))
    total: Row = ["Total", *[""] * 10, inbound, "", 1, 0.5, 2, 0.5, 3, 0.5, "", 4, 0.5, "", 5, 0.5]
    return [
        [*[""] * 11, 25765191, "", 14323679, 0.556],
        *([""], [""], [*[""] * 11, 12, "", 13], ["Return to Contents", *[""] * 10, 3, "", 5, 6], [""]),
        [f"Table 3: Summary of Cloud based telephony call outcomes, by practice, England, {title}"],
        *([""], [*[""] * 13, "Count of Inbound Call Outcome"]),
        [
            *(*AREAS, "Count of Inbound calls", "", "Answered", "", f"Ended during the IVR Stage {ivr}", ""),
            *("Call back requested", "", "", f"Missed {missed}", "", "", "Call back made", ""),
        ],
        [*[""] * 11, "Total", "", "Total", "%", "Total", "%", "Total", "%", "", "Total", "%", "", "Total", "%"],
        *([""], total, [""], *rows, [""]),
        ["Notes:", "  1   Data for earlier months is available elsewhere"],
        ["", "  2   Geographical information is correct at the time of publication"],
        [COPYRIGHT],
    ]


def table_4(*rows: Row) -> list[Row]:
    return [
        ["Table 4: Summary of Answered Calls, England, October 2025"],
        [*[""] * 15, "Answered Calls - Wait time [4]", *[""] * 8, "Answered Calls - Duration"],
        [*AREAS, "Total Inbound calls", "Answered", "", "", *BANDS, "", *BANDS],
        [*[""] * 11, "Count", "Count", "%", "", *["Count", "%"] * 4, "", *["Count", "%"] * 4],
        ["Total", "National", *[""] * 9, 100, 50, 0.5, "", 1, "", 2, "", 3, "", 4, "", "", 5, "", 6, "", 7, "", 8, ""],
        *rows,
    ]


def table_5(*rows: Row) -> list[Row]:
    return [
        ["Table 5: Summary of Missed Calls, England, October 2025"],
        [*[""] * 15, "Missed Calls - Wait time"],
        [*AREAS, "Total Inbound calls", "Missed", "", "", *BANDS],
        *rows,
    ]


def cells(ask: Ask, where: str = "TRUE") -> list[tuple[Any, ...]]:
    return ask(
        "SELECT practice_code, indicator, dimension, band, calls FROM fact.published_calls "
        f"WHERE {where} ORDER BY practice_code, indicator, dimension, band"
    )


def reasons(ask: Ask) -> list[tuple[Any, ...]]:
    return ask("SELECT line_number, column_name, reason FROM ledger.rejected_row ORDER BY line_number")


def many(*rows: Row, good: int = 40) -> list[Row]:
    """These rows after so many good ones that a few refusals do not refuse the file."""
    return [*(outcomes(f"Z92{n:03}") for n in range(good)), *rows]


# --- the workbook ---


@pytest.mark.parametrize(("ivr", "missed"), [("[4]", ""), ("[5]", "[5]"), ("\n [4, 5] ", "\n[5]")])
def test_outcomes_are_found_wherever_footnote_marks_and_line_breaks_are(
    take_workbook: Take, ask: Ask, ivr: str, missed: str
) -> None:
    night = take_workbook("summary.xlsx", {"Table 3": table_3(outcomes(), ivr=ivr, missed=missed)})
    assert [(load.feed, load.rows_read, load.rows_kept) for load in night.loads] == [("published_calls", 1, 1)]
    assert [row[1:] for row in cells(ask)] == [
        ("answered", "total", "total", 50),
        ("callback_made", "total", "total", 5),
        ("callback_requested", "total", "total", 5),
        ("ended_in_ivr", "total", "total", 30),
        ("inbound", "total", "total", 100),
        ("missed", "total", "total", 15),
    ]
    assert ask("SELECT DISTINCT dataset, period_kind, period_start FROM fact.published_calls") == [
        ("table_3", "month", date(2025, 10, 1))
    ]


def test_a_practice_whose_month_cell_is_a_copyright_line_is_kept_in_the_month_of_its_table(
    take_workbook: Take, ask: Ask
) -> None:
    night = take_workbook("a.xlsx", {"Table 3": table_3(outcomes(), outcomes("Z91002", month=COPYRIGHT))})
    assert night.loads[0].rows_kept == 2
    assert ask("SELECT period_start, sum(calls) FROM fact.published_calls WHERE indicator = 'inbound' GROUP BY 1") == [
        (date(2025, 10, 1), 200)
    ]


def test_shared_accounts_are_kept_in_each_area_they_name_and_only_there(take_workbook: Take, ask: Ask) -> None:
    nowhere = dict.fromkeys(("pcn", "pcn_name", "sub_icb", "sub_icb_name", "icb", "icb_name"), "Unmapped")
    rows = [
        outcomes("Unassigned"),
        outcomes("Unassigned", pcn="Unmapped", pcn_name="Unmapped"),
        outcomes("Unassigned", **nowhere),
        outcomes("Unassigned", **nowhere, region="Unmapped", region_name="Unmapped"),
        outcomes("Z91001", pcn="U", pcn_name="Unallocated"),
    ]
    assert take_workbook("a.xlsx", {"Table 3": table_3(*rows)}).loads[0].rows_kept == 5
    assert ask(
        "SELECT practice_code, pcn_code, sub_icb_code, icb_code, region_code, calls FROM fact.published_calls "
        "WHERE indicator = 'inbound' ORDER BY ALL"
    ) == [
        ("Unassigned", "U99001", "99Z", "QZZ", "Y99", 100),
        ("Unassigned", None, "99Z", "QZZ", "Y99", 100),
        ("Unassigned", None, None, None, "Y99", 100),
        ("Unassigned", None, None, None, None, 100),
        ("Z91001", None, "99Z", "QZZ", "Y99", 100),
    ]
    assert ask("SELECT code FROM fact.organisation WHERE code IN ('UNASSIGNED', 'Unassigned', 'UNMAPPED', 'U')") == []


def test_a_blank_outcome_is_absent_and_a_printed_zero_is_zero(take_workbook: Take, ask: Ask) -> None:
    take_workbook("a.xlsx", {"Table 3": table_3(outcomes("Z91001", 100, 85, 0, "", 15, ""))})
    assert [row[1::3] for row in cells(ask)] == [
        ("answered", 85),
        ("ended_in_ivr", 0),
        ("inbound", 100),
        ("missed", 15),
    ]


def test_waits_and_durations_are_told_apart_by_the_heading_above_them(take_workbook: Take, ask: Ask) -> None:
    row = [*place(), 100, 50, 0.5, "", 11, "", 12, "", 13, "", 14, "", "", 21, "", 22, "", 23, "", "", ""]
    missed = [*place(), 100, 15, 0.5, "", 1, "", 2, "", 3, "", 9, ""]
    night = take_workbook("a.xlsx", {"T3": table_3(outcomes()), "T4": table_4(row), "T5": table_5(missed)})
    assert night.loads[0].rows_kept == 3
    assert [row[1:] for row in cells(ask, "dataset IN ('table_4', 'table_5')")] == [
        *(("answered", "duration", band, n) for band, n in (("0_60", 21), ("121_300", 23), ("61_120", 22))),
        *(("answered", "wait", band, n) for band, n in (("0_60", 11), ("121_300", 13), ("61_120", 12), (">300", 14))),
        *(("missed", "wait", band, n) for band, n in (("0_60", 1), ("121_300", 3), ("61_120", 2), (">300", 9))),
    ]


def test_the_national_days_are_of_no_area_and_a_note_under_them_is_no_day(take_workbook: Take, ask: Ask) -> None:
    sheet = [
        ["Table 2: Inbound Calls by day and time of day, October 2025"],
        ["", "Date", "Total Count of Inbound Calls", "", *DAY_BANDS],
        [""],
        ["Wednesday", OCTOBER, 45, "", *range(1, 10)],
        ["Thursday", datetime(2025, 10, 2), 90, "", *range(2, 20, 2)],
        [COPYRIGHT],
        ["Notes:", "  1   Data for previous months is available in the accompanying csv file"],
    ]
    night = take_workbook("a.xlsx", {"Table 2": sheet, "Table 3": table_3(outcomes())})
    assert night.loads[0].rows_read == 3
    assert ask(
        "SELECT period_kind, period_start, practice_code, region_code, band, calls FROM fact.published_calls "
        "WHERE dataset = 'table_2' AND band IN ('00:00-05:59', '18:30-23:59') ORDER BY period_start, band"
    ) == [
        ("day", date(2025, 10, 1), None, None, "00:00-05:59", 1),
        ("day", date(2025, 10, 1), None, None, "18:30-23:59", 9),
        ("day", date(2025, 10, 2), None, None, "00:00-05:59", 2),
        ("day", date(2025, 10, 2), None, None, "18:30-23:59", 18),
    ]


def test_the_national_table_is_printed_figures_under_any_form_of_month_and_its_percentages_are_not_read(
    take_workbook: Take, ask: Ask
) -> None:
    sheet = [
        ["Table 1: Summary of Cloud based telephony calls by month, England"],
        ["", "", datetime(2025, 12, 31), "Nov-25 [5]", datetime(2025, 10, 1)],
        ["Coverage", "Open active practices", 6, 7, 8],
        ["", "Registered patients at included practices [2]", 60, 70, 80],
        ["", "Practice coverage [1]", 0.1, 0.2, 0.3],
        ["Calls dealt with", "Calls answered [3]", 50, 51, 52],
        ["", "Missed calls [3, 5]", 15, "\xa0", 17],
        ["Call wait times [4]", "Calls answered within 1 minute", 21, 22, 23],
        ["", "Percentage of calls answered within 1 minute", 0.9, 0.9, 0.9],
        ["Call durations", "Duration of 1 to 2 minutes", 31, 32, 33],
        ["", "Percentage of calls with a duration of 1 to 2 minutes", 0.231, 0.2, 0.2],
    ]
    take_workbook("a.xlsx", {"Table 1": sheet, "Table 3": table_3(outcomes())})
    figures = ask(
        "SELECT item, period_start, value FROM fact.printed_figure WHERE dataset = 'table_1' AND organisation = 'ENG' "
        "AND source = 'published_calls' ORDER BY item, period_start DESC"
    )
    months = [date(2025, 12, 1), date(2025, 11, 1), date(2025, 10, 1)]
    expected = {
        "answered": (50, 51, 52),
        "answered_duration_61_120": (31, 32, 33),
        "answered_wait_0_60": (21, 22, 23),
        "missed": (15, None, 17),
        "patients_included": (60, 70, 80),
        "practices_open": (6, 7, 8),
    }
    assert figures == [
        (item, month, value)
        for item, values in expected.items()
        for month, value in zip(months, values, strict=True)
        if value is not None
    ]


def test_printed_totals_are_kept_to_compare_with_and_never_added(take_workbook: Take, ask: Ask) -> None:
    row = [*place(), 100, 50, 0.5, "", 1, "", 2, "", 3, "", 4, "", "", 5, "", 6, "", 7, "", 8, ""]
    take_workbook("a.xlsx", {"Table 3": table_3(outcomes()), "Table 4": table_4(row)})
    printed = dict(ask("SELECT item, value FROM fact.printed_figure WHERE dataset = 'total_row'"))
    assert printed["inbound"] == 100
    assert printed["callback_made"] == 5
    assert printed["answered_wait_>300"] == 4
    assert printed["answered_duration_0_60"] == 5
    assert ask("SELECT sum(calls) FROM fact.published_calls WHERE indicator = 'inbound'") == [(100,)]


def test_a_total_row_that_names_england_is_no_practice(take_workbook: Take, ask: Ask) -> None:
    total = outcomes("National", 100, 50, 30, 5, 15, 5, month="Total ")
    night = take_workbook("a.xlsx", {"Table 3": table_3(total, outcomes())})
    assert (night.loads[0].rows_read, night.loads[0].rows_kept) == (1, 1)


def test_a_renamed_column_refuses_the_workbook_and_names_it(take_workbook: Take, ask: Ask) -> None:
    sheet = table_3(outcomes())
    heading = next(row for row in sheet if row[0] == "Month [1]")
    heading[heading.index("Answered")] = "Picked up"
    [(_, reason)] = take_workbook("a.xlsx", {"Table 3": sheet}).refused
    assert "“answered” is missing" in reason
    assert "Picked up" in reason
    assert "“Table 3”" in reason
    assert ask("SELECT count(*) FROM fact.published_calls") == [(0,)]


def test_rows_that_are_wrong_are_refused_with_their_row_and_reason(take_workbook: Take, ask: Ask) -> None:
    bad = [
        outcomes("Z91001", -1, 50, 30, 5, 15, 5),
        outcomes("Z91002", 100, "many", 30, 5, 15, 5),
        outcomes("NOT A CODE"),
        outcomes("Z91003", month=datetime(2090, 1, 1)),
        outcomes("Z91004", month="32/13/2025"),
        outcomes("Z91005", "", 50, 30, 5, 15, 5),
        outcomes("", 100, 50, 30, 5, 15, 5),
        outcomes("Z91006", 100, 50.5, 30, 5, 15, 5),
        outcomes("Z91007", sub_icb="TOO LONG"),
    ]
    night = take_workbook("a.xlsx", {"Table 3": table_3(*many(*bad, good=200))})
    assert (night.loads[0].rows_read, night.loads[0].rows_kept) == (209, 200)
    first = 15 + 200
    assert reasons(ask) == [
        (first, "inbound", "inbound is not a count of calls: “-1”"),
        (first + 1, "answered", "answered is not a count of calls: “many”"),
        (first + 2, "practice_code", "PRACTICE_CODE is not a practice code: “NOT A CODE”"),
        (first + 3, "month", "MONTH is in the future: “2090-01-01”"),
        (first + 4, "month", "MONTH is not a date: “32/13/2025”"),
        (first + 5, "inbound", "inbound is not a count of calls: (empty)"),
        (first + 6, "practice_code", "PRACTICE_CODE is not a practice code: (empty)"),
        (first + 7, "answered", "answered is not a count of calls: “50.5”"),
        (first + 8, "sub_icb_code", "SUB_ICB_CODE is not the code of a sub-ICB location: “TOO LONG”"),
    ]
    # a row is good or refused as a whole: nothing of a refused row is kept
    assert ask("SELECT count(*) FROM fact.published_calls WHERE practice_code LIKE 'Z91%'") == [(0,)]


def test_who_is_named_under_whom_becomes_organisations_and_memberships(take_workbook: Take, ask: Ask) -> None:
    astray = outcomes("Z91003", icb="QYY", icb_name="NHS ELSEWHERE INTEGRATED CARE BOARD")
    take_workbook("a.xlsx", {"Table 3": table_3(outcomes(), outcomes("Z91002"), astray, outcomes("Unassigned"))})
    assert ask(
        "SELECT code, kind, name, source, as_of FROM fact.organisation WHERE kind <> 'practice' ORDER BY code"
    ) == [
        (code, kind, name, "publication", date(2025, 10, 1))
        for code, kind, name in [
            ("99Z", "sub_icb", "NHS NOWHERE ICB - 99Z"),
            ("QYY", "icb", "NHS ELSEWHERE INTEGRATED CARE BOARD"),
            ("QZZ", "icb", "NHS NOWHERE INTEGRATED CARE BOARD"),
            ("U99001", "pcn", "NOWHERE PCN"),
            ("Y99", "region", "NOWHERE"),
        ]
    ]
    assert ask("SELECT child, parent, parent_kind FROM fact.membership WHERE child = 'Z91001' ORDER BY parent") == [
        ("Z91001", "99Z", "sub_icb"),
        ("Z91001", "U99001", "pcn"),
    ]
    # one practice typed under another ICB does not move its sub-ICB location
    assert ask("SELECT parent FROM fact.membership WHERE child = '99Z'") == [("QZZ",)]


def test_a_reissue_replaces_the_practices_it_covers_and_no_others(take_workbook: Take, ask: Ask) -> None:
    take_workbook("a.xlsx", {"Table 3": table_3(outcomes(), outcomes("Z91002"))})
    again = take_workbook("a_v2.xlsx", {"Table 3": table_3(outcomes("Z91002", 70, 60, 5, 5, 5, 5))})
    assert again.loads[0].supersedes == "1"
    assert ask("SELECT practice_code, calls FROM fact.published_calls WHERE indicator = 'inbound' ORDER BY 1") == [
        ("Z91001", 100),
        ("Z91002", 70),
    ]


@given(st.dates(date(2020, 1, 1), date(2035, 12, 31)), st.sampled_from(["", " [5]", " [10, 11]"]))
def test_a_month_is_read_from_a_date_or_its_name(day: date, mark: str) -> None:
    first = day.replace(day=1)
    assert month_of(day) == month_of(f"{day:%b-%y}{mark}") == month_of(f"Table 2: calls, {day:%B %Y}") == first


@pytest.mark.parametrize("text", ["", COPYRIGHT, "12 months", "Total", 45000.0, None])
def test_what_is_no_month_is_none(text: object) -> None:
    assert month_of(text) is None


# --- the daily CSVs ---

SHARED = ["Date", "REGION_CODE", "ICB_CODE", "SUB_ICB_LOCATION_CODE", "PCN_CODE", "PRACTICE_CODE", "Indicator"]


def daily(indicator: str, *rest: object, code: str = "Z91001", day: str = "2026-06-01") -> Row:
    return [day, "Y99", "QZZ", "99Z", "U99001", code, indicator, *rest]


def test_durations_keep_the_published_bands_and_no_total_beside_them(take_csv: Take, ask: Ask) -> None:
    rows = [
        [*SHARED, "Duration", "Value"],
        daily("CBT001", "TOTAL", "344.0"),
        daily("CBT003", "0", "1.0"),
        daily("CBT003", "1_30", "23.0"),
        daily("CBT003", ">300", "7.0"),
        daily("CBT003", "TOTAL", "31.0"),
        daily("CBT004", "31_60", "2.0"),
        daily("CBT006", "TOTAL", "9"),
        daily("CBT007", "0_10", "5.0"),
    ]
    night = take_csv("durations.csv", rows)
    assert (night.loads[0].rows_kept, night.loads[0].rows_filtered) == (7, 1)
    assert [row[1:] for row in cells(ask)] == [
        ("answered", "duration", "0_10", 5),
        ("answered", "wait", "0", 1),
        ("answered", "wait", "1_30", 23),
        ("answered", "wait", ">300", 7),
        ("callback_made", "total", "total", 9),
        ("inbound", "total", "total", 344),
        ("missed", "wait", "31_60", 2),
    ]
    assert ask("SELECT DISTINCT dataset, period_kind, period_start, pcn_code, icb_code FROM fact.published_calls") == [
        ("durations", "day", date(2026, 6, 1), "U99001", "QZZ")
    ]


def test_time_bands_lose_the_spaces_round_their_hyphen(take_csv: Take, ask: Ask) -> None:
    rows = [
        [*SHARED, "Time_Category", "Value"],
        daily("CBT001", "08:00 - 09:59", "40.0"),
        daily("CBT001", "10:00-11:59", "20.0"),
        daily("CBT001", "TOTAL", "60.0"),
    ]
    assert take_csv("times.csv", rows).loads[0].rows_filtered == 1
    assert [row[2:] for row in cells(ask)] == [("time_band", "08:00-09:59", 40), ("time_band", "10:00-11:59", 20)]


def test_the_answered_metric_keeps_wait_and_core_hours_and_unmapped_rows(take_csv: Take, ask: Ask) -> None:
    unmapped = ["2026-06-01", *["Unmapped"] * 4, "Unassigned", "CBT003", ">300", "Non-Core", "3.0"]
    rows = [[*SHARED, "Wait_Time", "Core_Category", "Value"], daily("CBT003", "1_30", "Core_8_10", "9.0"), unmapped]
    assert take_csv("answered.csv", rows).loads[0].rows_kept == 2
    assert cells(ask) == [
        ("Unassigned", "answered", "core", ">300|Non-Core", 3),
        ("Z91001", "answered", "core", "1_30|Core_8_10", 9),
    ]
    assert ask("SELECT pcn_code, region_code FROM fact.published_calls WHERE practice_code = 'Unassigned'") == [
        (None, None)
    ]


def test_a_daily_row_that_is_wrong_is_refused_with_its_line(take_csv: Take, ask: Ask) -> None:
    rows = [
        [*SHARED, "Duration", "Value"],
        *(daily("CBT001", "TOTAL", "1", code=f"Z92{n:03}") for n in range(200)),
        daily("CBT001", "TOTAL", "-4.0"),
        daily("CBT001", "TOTAL", ""),
        daily("CBT009", "TOTAL", "1"),
        daily("CBT003", "quickly", "1"),
        daily("CBT001", "TOTAL", "1", day="2026-13-01"),
        daily("CBT001", "TOTAL", "1", day="2090-01-01"),
        daily("CBT001", "TOTAL", "1", code="ZZ"),
        daily("", "TOTAL", "1"),
    ]
    take_csv("durations.csv", rows)
    assert reasons(ask) == [
        (202, "value", "VALUE is not a count of calls: “-4.0”"),
        (203, "value", "VALUE is not a count of calls: (empty)"),
        (204, "indicator", "INDICATOR is not one that is known: “CBT009”"),
        (205, "duration", "DURATION is not one that is known: “quickly”"),
        (206, "date", "DATE is not a date: “2026-13-01”"),
        (207, "date", "DATE is in the future: “2090-01-01”"),
        (208, "practice_code", "PRACTICE_CODE is not a practice code: “ZZ”"),
        (209, "indicator", "INDICATOR is not one that is known: (empty)"),
    ]


def test_a_daily_file_with_a_renamed_column_is_refused_by_name(take_csv: Take) -> None:
    rows = [[*SHARED, "How_Long", "Value"], daily("CBT001", "TOTAL", "1")]
    [(_, reason)] = take_csv("durations.csv", rows).refused
    assert "the column DURATION is not in its heading" in reason
    assert "HOW_LONG" in reason


def test_a_broken_record_is_refused_and_the_rest_is_kept(take_csv: Take, ask: Ask) -> None:
    good = [daily("CBT001", "TOTAL", "1", code=f"Z92{n:03}") for n in range(40)]
    night = take_csv("durations.csv", [[*SHARED, "Duration", "Value"], *good[:20], ["2026-06-01", "Y99"], *good[20:]])
    assert night.loads[0].rows_kept == 40
    assert [row[0] for row in reasons(ask)] == [22]
    assert ask("SELECT count(*) FROM fact.membership WHERE parent_kind = 'pcn'") == [(40,)]


# --- as published ---

EDITIONS = {
    "cbt_summary_2025-10_v2.xlsx": date(2025, 10, 1),
    "cbt_summary_2025-12.xlsx": date(2025, 12, 1),
    "cbt_summary_2026-01.xlsx": date(2026, 1, 1),
}
SAMPLES = (
    "cbt_durations_2026-06-01_11J_sample.csv",
    "cbt_answered_2026-06-01_11J_sample.csv",
    "cbt_answered_2026-06_unmapped_sample.csv",
)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> Ask:
    """Every published telephony file, loaded once."""
    settings = Settings(home=tmp_path_factory.mktemp("published"), code=("QVV",))
    shutil.copyfile(empty_warehouse, settings.home / "warehouse.duckdb")
    night = load_files(settings, [REFERENCE / name for name in (*EDITIONS, *SAMPLES)])
    assert not night.refused
    assert {load.feed for load in night.loads} == {"published_calls"}
    assert sum(load.rows_refused for load in night.loads) == 0
    return lambda sql: query(settings, sql)


def sheet_of(name: str, title: str) -> list[Row]:
    sheet = CalamineWorkbook.from_path(str(REFERENCE / name)).get_sheet_by_name(title)
    return sheet.to_python(skip_empty_area=False)


@needs_reference
def test_january_is_the_flat_table_to_the_call(published: Ask) -> None:
    names = {
        "inbound": "inbound",
        "answered": "answered",
        "ended_ivr": "ended_in_ivr",
        "callback_requested": "callback_requested",
        "missed": "missed",
        "callback_made": "callback_made",
    }
    with gzip.open(REFERENCE / "cbt_table3_flat_2026-01.csv.gz", "rt", encoding="utf-8-sig", newline="") as stream:
        expected = Counter(
            (
                row["ods_code"],
                *(_area(row[f"{kind}_code"]) for kind in ("pcn", "sub_icb", "icb", "region")),
                name,
                calls,
            )
            for row in csv.DictReader(stream)
            for column, name in names.items()
            if (calls := row[column]) != ""
        )
    found = published(
        "SELECT practice_code, pcn_code, sub_icb_code, icb_code, region_code, indicator, CAST(calls AS VARCHAR) "
        "FROM fact.published_calls WHERE dataset = 'table_3' AND period_start = '2026-01-01'"
    )
    assert Counter(found) == expected


def _area(code: str) -> str | None:
    return None if code in ("U", "Unmapped") else code


@needs_reference
@pytest.mark.parametrize(("name", "month"), EDITIONS.items())
def test_the_national_totals_rebuild_to_the_printed_total(published: Ask, name: str, month: date) -> None:
    total = sheet_of(name, "Table 3")[12]
    assert total[0] == "Total"
    printed = dict(
        zip(
            ("inbound", "answered", "ended_in_ivr", "callback_requested", "missed", "callback_made"),
            (int(total[place]) for place in (11, 13, 15, 17, 20, 23)),
            strict=True,
        )
    )
    ours = published(
        "SELECT indicator, sum(calls) FROM fact.published_calls "
        f"WHERE dataset = 'table_3' AND period_start = '{month}' GROUP BY 1"
    )
    assert dict(ours) == printed
    kept = published(
        f"SELECT item, value FROM fact.printed_figure WHERE dataset = 'total_row' AND period_start = '{month}'"
    )
    assert printed.items() <= dict(kept).items()
    if month == date(2025, 10, 1):
        assert printed["inbound"] == 31_444_618
        assert published(
            "SELECT calls FROM fact.published_calls WHERE dataset = 'table_3' AND indicator = 'inbound' "
            "AND practice_code = 'M83616' AND period_start = '2025-10-01'"
        ) == [(31_444_618 - 31_440_387,)]


@needs_reference
@pytest.mark.parametrize(("name", "month"), EDITIONS.items())
def test_every_band_of_every_practice_is_as_in_the_sheet(published: Ask, name: str, month: date) -> None:
    bands = ("0_60", "61_120", "121_300", ">300")
    for title, dataset, groups in (
        ("Table 4", "table_4", {("answered", "wait"): (15, 17, 19, 21), ("answered", "duration"): (24, 26, 28, 30)}),
        ("Table 5", "table_5", {("missed", "wait"): (15, 17, 19, 21)}),
    ):
        expected: Counter[Any] = Counter()
        for row in sheet_of(name, title)[13:]:
            if row[10] == "":
                continue
            areas = (row[1], *(_area(row[place]) for place in (3, 5, 7, 9)))
            for (indicator, dimension), places in groups.items():
                for band, place in zip(bands, places, strict=True):
                    if row[place] != "":
                        expected[(*areas, indicator, dimension, band, int(row[place]))] += 1
        found = published(
            "SELECT practice_code, pcn_code, sub_icb_code, icb_code, region_code, indicator, dimension, band, calls "
            f"FROM fact.published_calls WHERE dataset = '{dataset}' AND period_start = '{month}'"
        )
        # in the first band a blank cell stands as 0, which is what an absent band means
        assert Counter(row for row in found if row[7] != "0_60" or row[8] > 0) == Counter(
            {row: n for row, n in expected.items() if row[7] != "0_60" or row[8] > 0}
        )


@needs_reference
@pytest.mark.parametrize("name", EDITIONS)
def test_every_day_is_as_in_the_sheet(published: Ask, name: str) -> None:
    days = [row for row in sheet_of(name, "Table 2")[9:60] if isinstance(row[1], date)]
    assert len(days) == 31
    found = dict(
        published(
            "SELECT period_start, list(calls ORDER BY band) FROM fact.published_calls "
            f"WHERE dataset = 'table_2' AND date_trunc('month', period_start) = '{EDITIONS[name]}' GROUP BY 1"
        )
    )
    assert found == {row[1]: [int(value) for value in row[4:13]] for row in days}


@needs_reference
def test_the_newest_national_table_wins(published: Ask) -> None:
    cells = sheet_of("cbt_summary_2026-01.xlsx", "Table 1")
    months = [value.replace(day=1) for value in cells[7][2:]]
    for item, label in (
        ("inbound", "Total Inbound Calls "),
        ("patients_included", "Registered patients at included practices [2]"),
        ("answered_duration_61_120", "Duration of 1 to 2 minutes"),
    ):
        row = next(row for row in cells if row[1] == label)
        found = published(
            f"SELECT period_start, value FROM fact.printed_figure WHERE item = '{item}' AND dataset = 'table_1'"
        )
        assert dict(found) == dict(zip(months, row[2:], strict=True))


@needs_reference
def test_the_answered_sample_adds_up_to_the_waits_of_the_durations_sample(published: Ask) -> None:
    each = (
        "SELECT practice_code, {band}, sum(calls) FROM fact.published_calls "
        "WHERE dataset = '{dataset}' AND {where} GROUP BY ALL"
    )
    waits = published(
        each.format(band="band", dataset="durations", where="indicator = 'answered' AND dimension = 'wait'")
    )
    core = published(
        each.format(band="split_part(band, '|', 1)", dataset="answered", where="practice_code <> 'Unassigned'")
    )
    assert len(waits) == 78
    assert sorted(core) == sorted(waits)


@needs_reference
def test_the_durations_sample_is_read_whole(published: Ask) -> None:
    with (REFERENCE / SAMPLES[0]).open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    expected = Counter((row["PRACTICE_CODE"], row["Duration"].lower(), int(float(row["Value"]))) for row in rows)
    found = published("SELECT practice_code, band, calls FROM fact.published_calls WHERE dataset = 'durations'")
    assert Counter(found) == expected
