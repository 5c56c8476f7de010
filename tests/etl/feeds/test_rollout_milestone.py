"""The rollout tracker: long and wide, by CSV and workbook, with everything people do to a table kept by hand."""

import csv
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.feeds.rollout_tracker import SERIAL_START, Bad, day
from etl.nightly import Night, load_files
from etl.settings import Settings
from tests.etl.feeds.conftest import query

Ask = Callable[[str], list[tuple[Any, ...]]]
Take = Callable[..., Night]

HEADING = ["practice_code", "stage", "planned_date", "actual_date", "supplier", "line_type"]
TODAY = datetime.now(ZoneInfo("Europe/London")).date()
ROWS = (
    "SELECT practice_code, stage, planned_date, actual_date, supplier, line_type FROM fact.rollout_milestone "
    "ORDER BY 1, 4"
)


def reasons(ask: Ask) -> list[tuple[Any, ...]]:
    return ask("SELECT line_number, column_name, reason FROM ledger.rejected_row ORDER BY line_number, reason")


@pytest.fixture
def practices(home: Settings, tmp_path: Path) -> Settings:
    """A home that knows three practices, the third closed at the end of May 2023."""
    rows = []
    for code, name, closed in (
        ("Z91001", "BROOKSIDE SURGERY", ""),
        ("Z91002", "HILL TOP SURGERY", ""),
        ("Z91003", "OLD MILL PRACTICE", "20230531"),
    ):
        row = [""] * 27
        row[0], row[1], row[2], row[3], row[10], row[11], row[12], row[25] = (
            *(code, name, "Y99", "QZZ"), *("20000401", closed, "C" if closed else "A"), "4",
        )  # fmt: skip
        rows.append(row)
    path = tmp_path / "epraccur.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows(rows)
    assert load_files(home, [path]).refused == []
    return home


# --- what a good file looks like ---


def test_the_template_is_read_as_it_is(take_csv: Take, ask: Ask) -> None:
    template = Path(__file__).parents[3] / "data" / "templates" / "rollout.csv"
    assert template.read_text(encoding="utf-8") == ",".join(HEADING) + "\n"
    night = take_csv(
        "tracker.csv",
        [
            HEADING,
            ["Z91001", "analogue", "", "2021-04-01", "", "PSTN"],
            ["z91001 ", "Signed up", "01/06/2023", "03/04/2023", "Larkline", "pstn"],
            ["Z91001", "live", "31/03/2024", "", "Larkline", "Cloud"],
        ],
    )
    assert [(load.feed, load.rows_kept, load.rows_refused) for load in night.loads] == [("rollout_milestone", 3, 0)]
    assert ask(ROWS) == [
        ("Z91001", "analogue", None, date(2021, 4, 1), None, "PSTN"),
        ("Z91001", "signed_up", date(2023, 6, 1), date(2023, 4, 3), "Larkline", "PSTN"),
        ("Z91001", "live", date(2024, 3, 31), None, "Larkline", "cloud"),
    ]
    assert ask("SELECT DISTINCT believed_on FROM fact.rollout_milestone") == [(TODAY,)]


def test_a_wide_tracker_under_merged_headings(home: Settings, tmp_path: Path, ask: Ask) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Digital telephony tracker, Nowhere ICB"])
    sheet.merge_cells("A1:H1")
    sheet.append([])
    sheet.append(["ODS code", "Practice", "Lines before", "Supplier", "Signed up", None, "Live", None])
    sheet.append([None, None, None, None, "Planned", "Actual", "Planned", "Actual"])
    for cells in ("A3:A4", "B3:B4", "C3:C4", "D3:D4", "E3:F3", "G3:H3"):
        sheet.merge_cells(cells)
    sheet.append(["Z91001", "BROOKSIDE SURGERY", "ISDN", "Larkline", date(2023, 6, 1), 45017, "TBC", None])
    sheet.append(["Z91002", "HILL TOP SURGERY", "PSTN", "Beckvoice", None, "03/04/2023", None, "05/02/2024"])
    sheet.row_dimensions[6].hidden = True
    path = tmp_path / "wide.xlsx"
    book.save(path)
    night = load_files(home, [path])
    assert [(load.feed, load.rows_kept, load.rows_refused) for load in night.loads] == [("rollout_milestone", 4, 0)]
    assert ask(ROWS) == [
        ("Z91001", "signed_up", date(2023, 6, 1), date(2023, 4, 1), "Larkline", "ISDN"),
        ("Z91001", "live", None, None, "Larkline", None),
        ("Z91002", "signed_up", None, date(2023, 4, 3), "Beckvoice", "PSTN"),
        ("Z91002", "live", None, date(2024, 2, 5), "Beckvoice", None),
    ]


def test_an_own_profile_reads_a_workbook_of_other_words(home: Settings, take_workbook: Take, ask: Ask) -> None:
    (home.home / "profiles").mkdir()
    (home.home / "profiles" / "ours.toml").write_text(
        'title = "Ours"\nfeed = "rollout_milestone"\n[columns]\npractice_code = "surgery"\nstage = "step"\n'
        'actual_date = "done_on"\nline_type = "kit"\n[words.stage]\n"switched over" = "live"\n'
        '[words.line_type]\n"copper" = "PSTN"\n',
        encoding="utf-8",
    )
    take_workbook(
        "t.xlsx", {"T": [["Surgery", "Step", "Done on", "Kit"], ["Z91001", "Switched over", 45385, "Copper"]]}
    )
    assert ask(ROWS) == [("Z91001", "live", None, date(2024, 4, 3), None, "PSTN")]


def test_a_profile_that_is_wrong_says_so(home: Settings, take_csv: Take) -> None:
    (home.home / "profiles").mkdir()
    (home.home / "profiles" / "ours.toml").write_text('feed = "rollout_milestone"\n[columns]\n', encoding="utf-8")
    night = take_csv("tracker.csv", [HEADING, ["Z91001", "live", "", "2023-04-01", "", ""]])
    assert night.refused == [
        ("tracker.csv", "The profile ours.toml is wrong: `title`: Field required. Correct it and try again.")
    ]


def test_a_workbook_may_hold_all_three_tables(take_workbook: Take, ask: Ask) -> None:
    night = take_workbook(
        "all.xlsx",
        {
            "Milestones": [["Practice code", "Stage", "Actual"], ["Z91001", "live", date(2023, 4, 1)]],
            "Can do": [["Practice code", "Queue position", "Call back"], ["Z91001", date(2023, 5, 1), None]],
            "Money": [["Practice code", "Item", "Awarded", "Paid"], ["Z91001", "kit", "£1,200.50", "lots"]],
        },
    )
    assert [(load.feed, load.rows_kept, load.rows_refused) for load in night.loads] == [("rollout_milestone", 2, 1)]
    assert ask("SELECT capability, from_date FROM fact.rollout_capability") == [("queue_position", date(2023, 5, 1))]
    assert reasons(ask) == [
        (2, "paid", "Sheet “Money”: “lots” is not an amount of money. Write it like 12000 or £12,000.50")
    ]


# --- cells ---


@pytest.mark.parametrize("cell", ["", "TBC", "tbc ", "N/A", "n/a", "-", "–"])
def test_a_cell_without_a_date_keeps_its_row(take_csv: Take, ask: Ask, cell: str) -> None:
    night = take_csv("tracker.csv", [HEADING, ["Z91001", "live", cell, cell, "Larkline", "cloud"]])
    assert night.loads[0].rows_refused == 0
    assert ask(ROWS) == [("Z91001", "live", None, None, "Larkline", "cloud")]


@pytest.mark.parametrize("cell", ["done", "yes", "March 2024", "31/31/2024", "2024", "TBA", "45385 ish"])
def test_any_other_text_in_a_date_cell_refuses_the_row(take_csv: Take, ask: Ask, cell: str) -> None:
    take_csv(
        "tracker.csv", [HEADING, ["Z91001", "live", "", cell, "", ""], ["Z91002", "live", "", "2024-01-02", "", ""]]
    )
    assert [row[0] for row in ask(ROWS)] == ["Z91002"]
    assert reasons(ask) == [
        (
            2,
            "actual_date",
            f"“{cell}” is not a date. Write it like 31/03/2024, day first, or leave it empty or TBC until it is known",
        )
    ]


def test_serials_text_and_dates_in_one_column(take_workbook: Take, ask: Ask) -> None:
    cells = [45385, "45386", datetime(2024, 4, 5), "06/04/2024", "2024-04-07", 45390.75, "09/04/2024 00:00"]
    rows = [[f"Z9100{n}", "live", None, cell] for n, cell in enumerate(cells, start=1)]
    take_workbook("t.xlsx", {"T": [HEADING[:4], *rows]})
    assert [row[3] for row in ask(ROWS)] == [date(2024, 4, 3) + timedelta(days=n) for n in range(7)]


@settings(max_examples=60, deadline=None)
@given(st.dates(date(1990, 1, 1), date(2060, 12, 31)))
def test_a_day_is_the_same_however_it_is_written(when: date) -> None:
    serial = (when - SERIAL_START).days
    forms = [
        when,
        datetime(when.year, when.month, when.day, 9),
        when.isoformat(),
        f"{when:%d/%m/%Y}",
        serial,
        float(serial),
        str(serial),
    ]
    assert {day(form, {}) for form in forms} == {when}


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=12))
def test_a_date_cell_is_a_date_or_none_or_refused(text: str) -> None:
    try:
        found = day(text, {})
    except Bad as bad:
        found, said = None, bad.reason
        assert "is not a date" in said
    assert found is None or isinstance(found, date)


def test_unknown_words_are_refused_with_the_known_ones(take_csv: Take, ask: Ask) -> None:
    take_csv("tracker.csv", [HEADING, ["Z91001", "nearly", "", "", "", ""], ["Z91001", "live", "", "", "", "fibre"]])
    assert reasons(ask) == [
        (2, "stage", "“nearly” is none of analogue, signed_up, contracted, installed, live"),
        (3, "line_type", "“fibre” is none of PSTN, ISDN, on-premise VoIP, cloud"),
    ]


# --- rows that are no practice's ---


def test_totals_are_refused_and_counted(take_csv: Take, ask: Ask) -> None:
    night = take_csv(
        "t.csv", [HEADING, ["Z91001", "live", "", "2023-04-01", "", ""], ["Total", "1", "", "", "", ""], []]
    )
    assert (night.loads[0].rows_read, night.loads[0].rows_kept, night.loads[0].rows_refused) == (2, 1, 1)
    assert reasons(ask)[0][2].startswith("a total row, not a practice")


def test_a_name_without_its_code_is_refused_and_the_code_suggested(
    practices: Settings, take_csv: Take, ask: Ask
) -> None:
    take_csv(
        "t.csv",
        [
            HEADING,
            ["Brookside Surgery", "live", "", "2023-04-01", "", ""],
            ["Hilltop Surgery", "live", "", "2023-04-01", "", ""],
            ["Brookside Practice", "live", "", "2023-04-01", "", ""],
            ["Z91001 - Brookside", "live", "", "2023-04-01", "", ""],
            ["Nowhere at all", "live", "", "2023-04-01", "", ""],
            ["Z91009", "live", "", "2023-04-01", "", ""],
        ],
    )
    assert [row[2] for row in reasons(ask)] == [
        "“Brookside Surgery” is not a practice's code: its code may be Z91001 (BROOKSIDE SURGERY). Put the code in",
        "“Hilltop Surgery” is not a practice's code: its code may be Z91002 (HILL TOP SURGERY). Put the code in",
        "“Brookside Practice” is not a practice's code: its code may be Z91001 (BROOKSIDE SURGERY). Put the code in",
        "“Z91001 - Brookside” has more in it than a code. Put Z91001 in this cell, and nothing else",
        "“Nowhere at all” is not a practice's code. Put its ODS code in",
        "no practice with the code “Z91009” is known. Check it",
    ]
    assert ask(ROWS) == []


def test_a_tracker_without_codes_is_still_a_tracker(practices: Settings, take_csv: Take, ask: Ask) -> None:
    take_csv("t.csv", [["Practice name", "Stage", "Actual date"], ["BROOKSIDE SURGERY", "live", "2023-04-01"]])
    assert reasons(ask)[0][1:] == (
        "practice_name",
        "“BROOKSIDE SURGERY” is not a practice's code: its code may be Z91001 (BROOKSIDE SURGERY). Put the code in",
    )


# --- contradictions ---


def test_an_actual_date_in_the_future_is_refused(take_csv: Take, ask: Ask) -> None:
    tomorrow = TODAY + timedelta(days=1)
    take_csv(
        "t.csv",
        [HEADING, ["Z91001", "live", "", tomorrow, "", ""], ["Z91002", "live", tomorrow, TODAY.isoformat(), "", ""]],
    )
    assert [row[0] for row in ask(ROWS)] == ["Z91002"]
    assert "is in the future, so live cannot have been reached on it" in reasons(ask)[0][2]


def test_a_row_after_the_practice_closed_is_refused_and_earlier_rows_stay(
    practices: Settings, take_csv: Take, ask: Ask
) -> None:
    take_csv(
        "t.csv",
        [
            HEADING,
            ["Z91003", "signed_up", "", "2023-05-31", "", ""],
            ["Z91003", "contracted", "", "2023-06-01", "", ""],
            ["Z91003", "live", "2024-03-31", "", "", ""],
        ],
    )
    assert [(row[0], row[1]) for row in ask(ROWS)] == [("Z91003", "signed_up")]
    assert [row[:2] for row in reasons(ask)] == [(3, "actual_date"), (4, "planned_date")]
    assert [row[2].removesuffix(". Take the row out, or correct the date") for row in reasons(ask)] == [
        "the practice closed on 31 May 2023, before 1 June 2023",
        "the practice closed on 31 May 2023, before 31 March 2024",
    ]


def test_live_before_contracted_refuses_the_live_row(take_csv: Take, ask: Ask) -> None:
    take_csv(
        "t.csv",
        [
            HEADING,
            ["Z91001", "live", "", "2023-04-01", "", ""],
            ["Z91001", "contracted", "", "2023-06-01", "", ""],
            ["Z91002", "contracted", "", "2023-06-01", "", ""],
            ["Z91002", "live", "", "2023-06-01", "", ""],
        ],
    )
    assert [(row[0], row[1]) for row in ask(ROWS)] == [
        ("Z91001", "contracted"),
        ("Z91002", "contracted"),
        ("Z91002", "live"),
    ]
    assert reasons(ask) == [
        (2, "actual_date", "live on 1 April 2023, before it was contracted on 1 June 2023. Correct one of the two")
    ]


def test_two_suppliers_at_one_stage_refuse_both_rows(take_csv: Take, ask: Ask) -> None:
    take_csv(
        "t.csv",
        [
            HEADING,
            ["Z91001", "live", "", "2023-04-01", "Larkline", ""],
            ["Z91001", "live", "", "2023-04-01", "Beckvoice", ""],
            ["Z91001", "contracted", "", "2023-02-01", "Larkline", ""],
            ["Z91002", "live", "", "2023-04-01", "LARKLINE", ""],
        ],
    )
    assert [(row[0], row[1]) for row in ask(ROWS)] == [("Z91001", "contracted"), ("Z91002", "live")]
    said = "two suppliers at once for live: Beckvoice and Larkline. Keep the right row, take out the other"
    assert reasons(ask) == [(2, "supplier", said), (3, "supplier", said)]


def test_a_stage_given_twice(take_csv: Take, ask: Ask) -> None:
    night = take_csv(
        "t.csv",
        [
            HEADING,
            ["Z91001", "live", "", "2023-04-01", "", ""],
            ["Z91001", "live", "", "2023-04-01", "", ""],
            ["Z91002", "live", "", "2023-04-01", "", ""],
            ["Z91002", "live", "", "2023-05-01", "", ""],
        ],
    )
    load = night.loads[0]
    assert (load.rows_read, load.rows_kept, load.rows_refused, load.rows_filtered) == (4, 1, 2, 1)
    assert [row[0] for row in ask(ROWS)] == ["Z91001"]


# --- history ---


def test_each_load_is_a_snapshot_that_a_later_one_never_deletes(take_csv: Take, ask: Ask) -> None:
    dated = [*HEADING, "believed_on"]
    take_csv("a.csv", [dated, ["Z91001", "live", "2024-03-31", "", "", "", "2023-08-31"]])
    take_csv("b.csv", [dated, ["Z91001", "live", "2024-09-30", "", "", "", "2024-03-31"]])
    night = take_csv("c.csv", [HEADING, ["Z91001", "live", "2024-09-30", "2024-08-01", "", ""]])
    assert night.loads[0].supersedes == ""
    assert ask("SELECT believed_on, planned_date, actual_date FROM fact.rollout_milestone ORDER BY 1") == [
        (date(2023, 8, 31), date(2024, 3, 31), None),
        (date(2024, 3, 31), date(2024, 9, 30), None),
        (TODAY, date(2024, 9, 30), date(2024, 8, 1)),
    ]


def test_a_corrected_tracker_of_the_same_day_replaces_it(take_csv: Take, ask: Ask) -> None:
    take_csv("a.csv", [HEADING, ["Z91001", "live", "", "2023-04-01", "", ""]])
    night = take_csv("b.csv", [HEADING, ["Z91001", "live", "", "2023-04-02", "", ""]])
    assert night.loads[0].supersedes == "1"
    assert [row[3] for row in ask(ROWS)] == [date(2023, 4, 2)]
    assert take_csv("b.csv", [HEADING, ["Z91001", "live", "", "2023-04-02", "", ""]]).unchanged == ["b.csv"]


def test_what_was_believed_later_than_today_or_happened_later_than_believed_is_refused(
    take_csv: Take, ask: Ask
) -> None:
    take_csv(
        "a.csv",
        [
            [*HEADING, "believed_on"],
            ["Z91001", "live", "", "2023-04-01", "", "", TODAY + timedelta(days=1)],
            ["Z91002", "live", "", "2023-09-01", "", "", "2023-08-31"],
        ],
    )
    assert [row[1] for row in reasons(ask)] == ["believed_on", "actual_date"]
    assert ask(ROWS) == []


def test_a_long_line_has_too_few_or_too_many_cells(home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_text("practice_code,stage,actual_date\nZ91001,live\nZ91002,live,2023-04-01,and,more\n", encoding="utf-8")
    load_files(home, [path])
    assert query(home, "SELECT practice_code, actual_date FROM fact.rollout_milestone ORDER BY 1") == [("Z91001", None)]
    assert query(home, "SELECT line_number, reason FROM ledger.rejected_row") == [
        (3, "the row has more cells than the heading")
    ]
