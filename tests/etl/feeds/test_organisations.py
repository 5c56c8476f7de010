"""epraccur, the ePCN workbook in both layouts, and Mapping.csv."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from etl.feeds.organisations import MAPPING, _month_in
from etl.nightly import Night, load_files
from etl.settings import Settings
from tests.etl.feeds.conftest import query
from tests.reference import REFERENCE, needs_reference

Ask = Callable[[str], list[tuple[Any, ...]]]
Take = Callable[..., Night]


def epraccur_row(code: str = "Z91001", **changes: str) -> list[str]:
    """A row of epraccur: 27 columns, all text."""
    cells = {
        **{"code": code, "name": "THE INVENTED SURGERY", "national_grouping": "Y99", "geography": "QZZ"},
        **{"address_1": "1 NOWHERE STREET", "town": "", "city": "", "county": "", "country": "", "postcode": "ZZ1 1ZZ"},
        **{"opened": "19740401", "closed": "", "status": "A", "sub_type": "B", "commissioner": "99Z"},
        **{"joined": "20200401", "left": "", "telephone": "01632 960001", "e1": "", "e2": "", "e3": "", "amended": "0"},
        **{"e4": "", "provider": "99Z", "e5": "", "setting": "4", "e6": ""},
    }
    assert set(changes) <= set(cells)
    assert len(cells) == 27
    return list({**cells, **changes}.values())


def practices(*rows: list[str], good: int = 40) -> list[list[str]]:
    """These rows after so many good ones that a few refusals do not refuse the file."""
    return [*(epraccur_row(f"Z92{n:03}") for n in range(good)), *rows]


def reasons(ask: Ask) -> list[tuple[Any, ...]]:
    return ask("SELECT line_number, column_name, reason FROM ledger.rejected_row ORDER BY line_number")


# --- epraccur ---


def test_epraccur_has_no_header_and_is_known_by_its_contents(take_csv: Take, ask: Ask) -> None:
    night = take_csv("anything.txt", [epraccur_row(), epraccur_row("Z91002")], quoting=csv.QUOTE_ALL)
    assert [(load.feed, load.rows_read, load.rows_kept) for load in night.loads] == [("organisations", 2, 2)]
    assert ask("SELECT code, kind, name, opened, closed, status, prescribing_setting, postcode, source FROM "
               "fact.organisation ORDER BY code")[0] == (
        "Z91001", "practice", "THE INVENTED SURGERY", date(1974, 4, 1), None, "A", "4", "ZZ1 1ZZ", "epraccur"
    )  # fmt: skip
    assert ask("SELECT child, child_kind, parent, parent_kind, from_date, to_date FROM fact.membership ORDER BY child")[
        0
    ] == ("Z91001", "practice", "99Z", "sub_icb", date(2020, 4, 1), None)


def test_epraccur_of_one_practice_in_a_street_called_county_is_still_epraccur(take_csv: Take) -> None:
    # the first record stands where a heading would: its words must not be read as one
    night = take_csv("a.csv", [epraccur_row(address_1="COUNTY DATE HOUSE")])
    assert night.loads[0].rows_kept == 1


def test_epraccur_keeps_closed_dormant_and_other_settings_for_the_mart_to_judge(take_csv: Take, ask: Ask) -> None:
    take_csv(
        "epraccur.csv",
        [
            epraccur_row("Z91001", status="C", closed="20210331", left="20210331"),
            epraccur_row("Z91002", status="D"),
            epraccur_row("Z91003", setting="10"),
            epraccur_row("ALD910", sub_type="Z", commissioner="", joined="", setting="0"),
        ],
    )
    assert ask("SELECT code, status, closed, prescribing_setting FROM fact.organisation ORDER BY code") == [
        ("ALD910", "A", None, "0"),
        ("Z91001", "C", date(2021, 3, 31), "4"),
        ("Z91002", "D", None, "4"),
        ("Z91003", "A", None, "10"),
    ]
    # no commissioner (Channel Islands): no membership, and not a refusal
    assert ask("SELECT child, to_date FROM fact.membership ORDER BY child") == [
        ("Z91001", date(2021, 3, 31)),
        ("Z91002", None),
        ("Z91003", None),
    ]


def test_epraccur_speaks_of_its_newest_date(take_csv: Take, ask: Ask) -> None:
    take_csv("e.csv", [epraccur_row(), epraccur_row("Z91002", opened="20231204"), epraccur_row("Z91003")])
    assert ask("SELECT DISTINCT as_of FROM fact.organisation") == [(date(2023, 12, 4),)]
    assert ask("SELECT DISTINCT as_of FROM fact.membership") == [(date(2023, 12, 4),)]
    assert ask("SELECT period_from, period_to FROM ledger.load") == [(date(2023, 12, 4), date(2023, 12, 4))]


def test_a_newer_epraccur_stands_beside_the_older_and_a_reissue_replaces_it(take_csv: Take, ask: Ask) -> None:
    take_csv("one.csv", [epraccur_row(joined="20200401")])
    take_csv("two.csv", [epraccur_row(joined="20220701", commissioner="98Z")])
    again = take_csv("two-again.csv", [epraccur_row(joined="20220701", commissioner="97Z")])
    assert ask("SELECT parent, as_of FROM fact.membership ORDER BY as_of") == [
        ("99Z", date(2020, 4, 1)),
        ("97Z", date(2022, 7, 1)),
    ]
    assert again.loads[0].supersedes == "2"


@pytest.mark.parametrize(
    ("changes", "column", "words"),
    [
        ({"code": "9ZZ"}, "code", "CODE is not a practice code: “9ZZ”"),
        ({"code": "U91001"}, "code", "CODE is not a practice code: “U91001”"),
        ({"status": "X"}, "status", "STATUS is none of A, C, D, P: “X”"),
        ({"opened": "31/31/1974"}, "opened", "OPENED is not a date: “31/31/1974”"),
        ({"opened": ""}, "opened", "OPENED is not a date: (empty)"),
        ({"opened": "20990101"}, "opened", "OPENED is in the future: “20990101”"),
        ({"joined": "soon"}, "joined_on", "JOINED_ON is not a date: “soon”"),
        ({"closed": "19700101"}, "closed", "CLOSED is before OPENED: “19700101”, “19740401”"),
        ({"left": "20190101"}, "left_on", "LEFT_ON is before JOINED_ON: “20190101”, “20200401”"),
        ({"commissioner": "?"}, "commissioner", "COMMISSIONER is not a commissioner's code: “?”"),
    ],
)
def test_a_bad_row_of_epraccur_is_refused_with_its_line(
    changes: dict[str, str], column: str, words: str, take_csv: Take, ask: Ask
) -> None:
    bad = epraccur_row(**{"code": "Z91009", **changes})
    night = take_csv("epraccur.csv", practices(bad))
    assert (night.loads[0].rows_kept, night.loads[0].rows_refused) == (40, 1)
    assert reasons(ask) == [(41, column, words)]
    assert ask("SELECT count(*) FROM fact.organisation") == ask("SELECT count(*) FROM fact.membership") == [(40,)]


def test_a_practice_listed_twice_in_epraccur_is_refused(take_csv: Take, ask: Ask) -> None:
    take_csv("epraccur.csv", practices(epraccur_row("Z91001"), epraccur_row("Z91001", name="ANOTHER NAME")))
    assert reasons(ask) == [(n, "code", "listed more than once in this file: Z91001") for n in (41, 42)]


def test_a_broken_record_is_refused_and_the_rest_kept(take_csv: Take, ask: Ask) -> None:
    night = take_csv("epraccur.csv", practices(["Z91001", "CUT SHO"], epraccur_row("Z91002")))
    assert (night.loads[0].rows_kept, night.loads[0].rows_refused) == (41, 1)
    assert reasons(ask)[0][0] == 41
    assert ask("SELECT count(*) FROM fact.organisation") == [(41,)]


def test_epraccur_with_a_column_too_few_is_refused_whole(take_csv: Take) -> None:
    night = take_csv("epraccur.csv", [epraccur_row()[:-1], epraccur_row("Z91002")[:-1]])
    assert night.loads == []
    assert "27 columns" in night.refused[0][1]
    assert "26 columns" in night.refused[0][1]


# --- Mapping.csv ---


def mapping_row(code: str = "Z91001", **changes: str) -> list[str]:
    """A row of Mapping.csv."""
    cells = {
        **{"gp_code": code, "gp_name": "THE INVENTED SURGERY", "supplier": "TPP"},
        **{"pcn_code": "U99001", "pcn_name": "INVENTED PCN"},
        **{"sub_icb_location_code": "99Z", "sub_icb_location_name": "NHS Nowhere, and Beyond ICB - 99Z"},
        **{"icb_code": "QZZ", "icb_name": "NHS Nowhere Integrated Care Board"},
        **{"region_code": "Y99", "region_name": "Nowhere"},
    }
    assert list(cells) == list(MAPPING.values())
    return list({**cells, **changes}.values())


HEADER = [column.upper() for column in MAPPING.values()]


def test_a_practice_with_two_suppliers_is_stated_once(take_csv: Take, ask: Ask) -> None:
    rows = [mapping_row(), mapping_row(supplier="TPP/EMIS"), mapping_row("Z91002")]
    night = take_csv("Mapping.csv", [HEADER, *rows])
    assert (night.loads[0].rows_read, night.loads[0].rows_kept, night.loads[0].rows_filtered) == (3, 2, 1)
    assert ask("SELECT kind, code FROM fact.organisation ORDER BY ALL") == [
        ("icb", "QZZ"),
        ("pcn", "U99001"),
        ("practice", "Z91001"),
        ("practice", "Z91002"),
        ("region", "Y99"),
        ("sub_icb", "99Z"),
    ]
    assert ask("SELECT child, parent, from_date FROM fact.membership ORDER BY ALL") == [
        ("99Z", "QZZ", None),
        ("QZZ", "Y99", None),
        ("U99001", "99Z", None),
        ("Z91001", "99Z", None),
        ("Z91001", "U99001", None),
        ("Z91002", "99Z", None),
        ("Z91002", "U99001", None),
    ]


@pytest.mark.parametrize("none", ["U", "", "Unallocated"])
def test_a_practice_without_a_pcn_is_in_none(none: str, take_csv: Take, ask: Ask) -> None:
    take_csv("Mapping.csv", [HEADER, mapping_row(pcn_code=none, pcn_name="")])
    assert ask("SELECT count(*) FROM fact.organisation WHERE kind = 'pcn'") == [(0,)]
    assert ask("SELECT parent_kind FROM fact.membership WHERE child = 'Z91001'") == [("sub_icb",)]


def test_a_pcn_across_two_sub_icbs_is_in_neither_by_this_file(take_csv: Take, ask: Ask) -> None:
    elsewhere = mapping_row("Z91002", sub_icb_location_code="98Z")
    take_csv("Mapping.csv", [HEADER, mapping_row(), elsewhere])
    assert ask("SELECT * FROM fact.membership WHERE child = 'U99001'") == []
    assert ask("SELECT parent FROM fact.membership WHERE child_kind = 'practice' AND parent_kind = 'sub_icb' "
               "ORDER BY 1") == [("98Z",), ("99Z",)]  # fmt: skip


def test_a_practice_in_two_places_is_refused(take_csv: Take, ask: Ask) -> None:
    good = [mapping_row(f"Z92{n:03}") for n in range(60)]
    take_csv("Mapping.csv", [HEADER, *good, mapping_row(), mapping_row(pcn_code="U99002")])
    assert reasons(ask) == [(n, "gp_code", "listed in two places in this file: Z91001") for n in (62, 63)]


def test_mapping_with_a_renamed_column_names_the_column_and_what_is_there(take_csv: Take) -> None:
    header = [column.replace("ICB_CODE", "ICS_CODE") if column == "ICB_CODE" else column for column in HEADER]
    night = take_csv("Mapping.csv", [header, mapping_row()])
    assert night.loads == []
    assert "the column ICB_CODE is not in its heading" in night.refused[0][1]
    assert "ICS_CODE instead" in night.refused[0][1]


def test_the_same_columns_before_counts_are_another_feeds_file(take_csv: Take) -> None:
    header = ["MONTH", *HEADER, "METRIC", "VALUE"]
    night = take_csv("oc.csv", [header, ["01/10/2025", *mapping_row(), "SUBMISSIONS", "12"]])
    assert [load.feed for load in night.loads if load.feed == "organisations"] == []
    assert not any("Mapping" in reason for _, reason in night.refused)


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("gpad_mapping_2025-08.csv", date(2025, 8, 1)),
        ("Practice_Level_Crosstab_Aug_25.zip/Mapping.csv", date(2025, 8, 1)),
        ("August 2025 Mapping.csv", date(2025, 8, 1)),
        ("mapping202508.csv", date(2025, 8, 1)),
        ("Mapping.csv", date(2026, 1, 5)),
        ("mapping_2099-01.csv", date(2026, 1, 5)),
        ("order_20250812345.csv", date(2026, 1, 5)),
    ],
)
def test_mapping_speaks_of_the_month_in_its_name_else_of_today(name: str, month: date) -> None:
    assert _month_in(name, date(2026, 1, 5)) == month


@given(day=st.dates(date(2015, 1, 1), date(2026, 12, 31)), form=st.sampled_from(["%Y-%m", "%b_%y", "%B %Y", "%Y%m"]))
def test_every_form_of_month_is_read_back(day: date, form: str) -> None:
    assert _month_in(f"Mapping {day:{form}}.csv", date(2027, 1, 1)) == day.replace(day=1)


# --- the ePCN workbook ---

ADDRESS = [f"Address Line {n}" for n in range(1, 6)]
SUB_ICB_DETAILS = ["PCN Code", "PCN Name", "Current Sub ICB Loc Code", "Sub ICB Location", "Open Date", "Close Date"]
CCG_DETAILS = [
    *("PCN Code", "PCN Name", "Current Clinical \nCommissioning \nGroup Code"),
    *("Clinical\nCommissioning\nGroup Name", "Open Date", "Close Date"),
]


def partner_heading(area: str) -> list[str]:
    return [
        *("Partner\nOrganisation\nCode", "Partner\nName", f"Practice\nParent\n{area} Code"),
        *(f"Practice\nParent\n{area} Name", "PCN Code", "PCN Name", f"PCN Parent\n{area} Code"),
        *(f"PCN Parent\n{area} Name", "Practice to PCN\nRelationship\nStart Date"),
        *("Practice to PCN\nRelationship\nEnd Date", f"Practice {area} and PCN {area} Match "),
    ]


def pcn_row(code: str = "U99001", opened: object = "20191001", closed: object = "") -> list[object]:
    return [code, "INVENTED PCN", "99Z", "NHS NOWHERE ICB - 99Z", opened, closed, *[""] * 5, "ZZ1 1ZZ"]


def partner_row(code: str, pcn: str, start: object, end: object = "") -> list[object]:
    return [code, "THE INVENTED SURGERY", "99Z", "X", pcn, "INVENTED PCN", "99Z", "X", start, end, True]


def epcn(details: list[list[object]], partners: list[list[object]], ccg: bool = False) -> dict[str, list[list[Any]]]:
    heading = [*(CCG_DETAILS if ccg else SUB_ICB_DETAILS), *ADDRESS, "Postcode"]
    area = "CCG" if ccg else "Sub ICB Loc"
    return {"PCNDetails": [heading, *details], "PCN Core Partner Details": [partner_heading(area), *partners]}


@pytest.mark.parametrize("ccg", [True, False])
def test_epcn_in_both_layouts_keeps_a_practices_past(ccg: bool, take_workbook: Take, ask: Ask) -> None:
    sheets = epcn(
        [pcn_row(), pcn_row("U99002", "20200401", "20220630")],
        [partner_row("Z91001", "U99002", "20200401", "20220630"), partner_row("Z91001", "U99001", "20220701")],
        ccg,
    )
    night = take_workbook("whatever.xlsx", sheets)
    assert (night.loads[0].rows_read, night.loads[0].rows_kept) == (4, 4)
    assert ask("SELECT layout FROM ledger.load") == [("epcn_ccg" if ccg else "epcn_sub_icb",)]
    assert ask("SELECT child, parent, from_date, to_date, as_of FROM fact.membership ORDER BY child, parent") == [
        ("U99001", "99Z", None, None, date(2022, 7, 1)),
        ("U99002", "99Z", None, date(2022, 6, 30), date(2022, 7, 1)),
        ("Z91001", "U99001", date(2022, 7, 1), None, date(2022, 7, 1)),
        ("Z91001", "U99002", date(2020, 4, 1), date(2022, 6, 30), date(2022, 7, 1)),
    ]
    assert ask("SELECT kind, code, opened, closed, postcode FROM fact.organisation ORDER BY kind, code") == [
        ("pcn", "U99001", date(2019, 10, 1), None, "ZZ1 1ZZ"),
        ("pcn", "U99002", date(2020, 4, 1), date(2022, 6, 30), "ZZ1 1ZZ"),
        ("practice", "Z91001", None, None, None),
        ("sub_icb", "99Z", None, None, None),
    ]


def test_epcn_takes_dates_that_excel_made_dates_or_numbers(take_workbook: Take, ask: Ask) -> None:
    take_workbook("e.xlsx", epcn([pcn_row(opened=20191001)], [partner_row("Z91001", "U99001", date(2020, 4, 1))]))
    assert ask("SELECT from_date FROM fact.membership WHERE child = 'Z91001'") == [(date(2020, 4, 1),)]
    assert ask("SELECT opened FROM fact.organisation WHERE kind = 'pcn'") == [(date(2019, 10, 1),)]


def test_a_repeated_partner_row_is_filtered_and_bad_ones_are_refused(take_workbook: Take, ask: Ask) -> None:
    good = [partner_row(f"Z92{n:03}", "U99001", "20191001") for n in range(100)]
    bad = [
        partner_row("Z92000", "U99001", "20191001"),
        partner_row("nobody", "U99001", "20191001"),
        partner_row("Z91001", "99001", "20191001"),
        partner_row("Z91002", "U99001", "1 April"),
        partner_row("Z91003", "U99001", "20200401", "20200331"),
    ]
    night = take_workbook("e.xlsx", epcn([pcn_row()], [*good, *bad]))
    assert (night.loads[0].rows_filtered, night.loads[0].rows_refused) == (1, 4)
    assert reasons(ask) == [
        (103, "practice", "PRACTICE is not a practice code: “nobody”"),
        (104, "pcn", "PCN is not a PCN code: “99001”"),
        (105, "started", "STARTED is not a date: “1 April”"),
        (106, "ended", "ENDED is before STARTED: “20200331”, “20200401”"),
    ]
    assert ask("SELECT count(*) FROM fact.membership WHERE parent = 'U99001'") == [(100,)]


def test_epcn_with_a_renamed_column_or_without_a_sheet_is_refused(take_workbook: Take) -> None:
    renamed = epcn([pcn_row()], [partner_row("Z91001", "U99001", "20191001")])
    renamed["PCN Core Partner Details"][0][8] = "Joined"
    night = take_workbook("renamed.xlsx", renamed)
    assert "PRACTICE_TO_PCN_RELATIONSHIP_START_DATE is not in its heading" in night.refused[0][1]
    assert "JOINED" in night.refused[0][1]
    alone = epcn([pcn_row()], [])
    del alone["PCN Core Partner Details"]
    night = take_workbook("alone.xlsx", alone)
    assert "the sheet “PCN Core Partner Details” is not in it" in night.refused[0][1]


# --- real files ---


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A warehouse with every published file of this feed."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), code=("QOX",))
    files = ("epraccur_2024-01.csv", "epcn_2026.xlsx", "epcn_2022_ccg_layout.xlsx", "gpad_mapping_2025-08.csv")
    night = load_files(settings, [REFERENCE / name for name in files])
    assert (night.refused, [load.rows_refused for load in night.loads]) == ([], [0, 0, 0, 0])
    return settings


def iso(text: str) -> date | None:
    return date(int(text[:4]), int(text[4:6]), int(text[6:])) if text else None


@needs_reference
def test_epraccur_agrees_with_the_file(real: Settings) -> None:
    with (REFERENCE / "epraccur_2024-01.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    found = query(real, "SELECT code, opened, closed, status, prescribing_setting FROM fact.organisation "
                        "WHERE source = 'epraccur'")  # fmt: skip
    assert sorted(found, key=str) == sorted(((r[0], iso(r[10]), iso(r[11]), r[12], r[25]) for r in rows), key=str)
    assert sum(1 for row in found if row[3:] == ("A", "4")) == 6750
    found = query(real, "SELECT child, parent, from_date, to_date FROM fact.membership WHERE source = 'epraccur'")
    assert sorted(found, key=str) == sorted(((r[0], r[14], iso(r[15]), iso(r[16])) for r in rows if r[14]), key=str)
    newest = max(iso(r[c]) or date.min for r in rows for c in (10, 11, 15, 16))
    assert query(real, "SELECT DISTINCT as_of FROM fact.organisation WHERE source = 'epraccur'") == [(newest,)]


@needs_reference
@pytest.mark.parametrize(("name", "layout"), [("epcn_2026", "epcn_sub_icb"), ("epcn_2022_ccg_layout", "epcn_ccg")])
def test_epcn_memberships_equal_the_workbooks(name: str, layout: str, real: Settings) -> None:
    book = CalamineWorkbook.from_path(str(REFERENCE / f"{name}.xlsx"))
    details = book.get_sheet_by_name("PCNDetails").to_python()[1:]
    partners = book.get_sheet_by_name("PCN Core Partner Details").to_python()[1:]
    found = query(
        real,
        "SELECT child, parent, from_date, to_date FROM fact.membership JOIN ledger.load USING (load_id) "
        f"WHERE layout = '{layout}'",
    )
    expected = [(str(r[0]), str(r[4]), iso(str(r[8])), iso(str(r[9]))) for r in partners]
    expected += [(str(r[0]), str(r[2]), None, iso(str(r[5]))) for r in details]
    assert sorted(found, key=str) == sorted(expected, key=str)


@needs_reference
def test_mapping_agrees_with_the_file(real: Settings) -> None:
    with (REFERENCE / "gpad_mapping_2025-08.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) - len({r["GP_CODE"] for r in rows}) == 30  # the quirk is in the file
    expected = {(r["GP_CODE"], r["SUB_ICB_LOCATION_CODE"]) for r in rows}
    expected |= {(r["GP_CODE"], r["PCN_CODE"]) for r in rows if r["PCN_CODE"] != "U"}
    expected |= {(r["SUB_ICB_LOCATION_CODE"], r["ICB_CODE"]) for r in rows}
    expected |= {(r["ICB_CODE"], r["REGION_CODE"]) for r in rows}
    found = query(real, "SELECT child, parent FROM fact.membership WHERE source = 'mapping' AND child_kind <> 'pcn'")
    assert sorted(found) == sorted(expected)
    parents: dict[str, set[str]] = {}
    for r in rows:
        parents.setdefault(r["PCN_CODE"], set()).add(r["SUB_ICB_LOCATION_CODE"])
    found = query(real, "SELECT child, parent FROM fact.membership WHERE source = 'mapping' AND child_kind = 'pcn'")
    assert sorted(found) == sorted((p, *s) for p, s in parents.items() if len(s) == 1 and p != "U")
    assert query(real, "SELECT DISTINCT as_of FROM fact.organisation WHERE source = 'mapping'") == [(date(2025, 8, 1),)]


@needs_reference
def test_the_same_bytes_again_are_nothing_new(real: Settings) -> None:
    before = query(real, "SELECT count(*) FROM fact.membership")
    night = load_files(real, [Path(REFERENCE / "gpad_mapping_2025-08.csv")])
    assert (night.loads, night.unchanged) == ([], ["gpad_mapping_2025-08.csv"])
    assert query(real, "SELECT count(*) FROM fact.membership") == before
