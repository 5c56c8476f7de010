"""List sizes in three layouts and three forms of date, five-year ages, and the registration map."""

import csv
import gzip
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.feeds.registered_patients import BANDS
from etl.nightly import Night, load_files
from etl.settings import Settings
from tests.etl.feeds.conftest import query
from tests.reference import REFERENCE, needs_reference

Ask = Callable[[str], list[tuple[Any, ...]]]
Take = Callable[..., Night]

AREAS = {
    "totals_ccg": ["CCG_CODE", "ONS_CCG_CODE"],
    "totals_sub_icb": ["SUB_ICB_LOCATION_CODE", "ONS_SUB_ICB_LOCATION_CODE"],
    "totals": [],
}


def heading(layout: str = "totals_sub_icb") -> list[str]:
    return [
        *("PUBLICATION", "EXTRACT_DATE", "TYPE", *AREAS[layout]),
        *("CODE", "POSTCODE", "SEX", "AGE", "NUMBER_OF_PATIENTS"),
    ]


def total(code: str = "Z91001", patients: object = 5000, layout: str = "totals_sub_icb", **changes: str) -> list[str]:
    """A row of the totals."""
    area = dict(zip(AREAS[layout], ("99Z", "E38999999"), strict=False))
    cells = {
        **{"PUBLICATION": "GP_PRAC_PAT_LIST", "EXTRACT_DATE": "2026-01-01", "TYPE": "GP", **area},
        **{"CODE": code, "POSTCODE": "ZZ1 1ZZ", "SEX": "ALL", "AGE": "ALL", "NUMBER_OF_PATIENTS": str(patients)},
    }
    return list({**cells, **changes}.values())


def reasons(ask: Ask) -> list[tuple[Any, ...]]:
    return ask("SELECT line_number, column_name, reason FROM ledger.rejected_row ORDER BY line_number")


@pytest.mark.parametrize("layout", list(AREAS))
def test_totals_in_three_layouts(layout: str, take_csv: Take, ask: Ask) -> None:
    night = take_csv("any name.csv", [heading(layout), total(layout=layout), total("Z91002", 0, layout)])
    assert [(load.feed, load.rows_kept) for load in night.loads] == [("registered_patients", 2)]
    assert ask("SELECT layout, period_from, period_to FROM ledger.load") == [
        (layout, date(2026, 1, 1), date(2026, 1, 31))
    ]
    assert ask("SELECT * EXCLUDE (load_id) FROM fact.registered_patients ORDER BY organisation") == [
        (date(2026, 1, 1), "Z91001", "practice", "all", "all", 5000),
        (date(2026, 1, 1), "Z91002", "practice", "all", "all", 0),
    ]
    named = [("practice", "Z91001", None), ("practice", "Z91002", None)]
    area = [("sub_icb", "99Z", "E38999999")] if AREAS[layout] else []
    assert ask("SELECT kind, code, ons_code FROM fact.organisation ORDER BY ALL") == [*named, *area]
    expected = [(code, "99Z", "sub_icb", None, date(2026, 1, 1), "publication") for code in ("Z91001", "Z91002")]
    found = ask("SELECT child, parent, parent_kind, from_date, as_of, source FROM fact.membership ORDER BY child")
    assert found == (expected if AREAS[layout] else [])


@pytest.mark.parametrize("form", ["2026-03-01", "01MAR2026", "01Mar2026"])
def test_extract_dates_in_three_forms(form: str, take_csv: Take, ask: Ask) -> None:
    take_csv("totals.csv", [heading(), total(EXTRACT_DATE=form)])
    assert ask("SELECT period_start FROM fact.registered_patients") == [(date(2026, 3, 1),)]


def test_an_extract_in_the_middle_of_a_month_is_that_months(take_csv: Take, ask: Ask) -> None:
    take_csv("totals.csv", [heading(), total(EXTRACT_DATE="2026-02-17")])
    assert ask("SELECT period_start FROM fact.registered_patients") == [(date(2026, 2, 1),)]


def test_an_unknown_practice_is_created_but_a_known_one_keeps_its_name(take_csv: Take, ask: Ask) -> None:
    take_csv("map.csv", [MAP_HEADING, map_row()])
    night = take_csv("totals.csv", [heading(), total(), total("Z91777")])
    assert night.loads[0].rows_refused == 0
    assert ask("SELECT code, name, source FROM fact.organisation WHERE kind = 'practice' ORDER BY code") == [
        ("Z91001", "THE INVENTED SURGERY", "registration_map"),
        ("Z91777", None, "publication"),
    ]


def test_a_reissue_of_fewer_practices_replaces_only_those(take_csv: Take, ask: Ask) -> None:
    take_csv("first.csv", [heading(), total(patients=10), total("Z91002", 20)])
    take_csv("february.csv", [heading(), total(patients=11, EXTRACT_DATE="2026-02-01")])
    take_csv("reissue.csv", [heading(), total(patients=12)])
    found = ask("SELECT organisation, period_start, patients FROM fact.registered_patients ORDER BY ALL")
    assert found == [
        ("Z91001", date(2026, 1, 1), 12),
        ("Z91001", date(2026, 2, 1), 11),
        ("Z91002", date(2026, 1, 1), 20),
    ]


TOMORROW = str(date.today() + timedelta(days=1))


@pytest.mark.parametrize(
    ("changes", "column", "words"),
    [
        ({"NUMBER_OF_PATIENTS": "-5"}, "number_of_patients", "NUMBER_OF_PATIENTS is below zero: “-5”"),
        ({"NUMBER_OF_PATIENTS": "many"}, "number_of_patients", "NUMBER_OF_PATIENTS is not a whole number: “many”"),
        ({"NUMBER_OF_PATIENTS": "1.5"}, "number_of_patients", "NUMBER_OF_PATIENTS is not a whole number: “1.5”"),
        ({"NUMBER_OF_PATIENTS": ""}, "number_of_patients", "NUMBER_OF_PATIENTS is not a whole number: (empty)"),
        # more than an INTEGER column holds: a refused row, not the end of the load
        ({"NUMBER_OF_PATIENTS": "9999999999"}, "number_of_patients",
         "NUMBER_OF_PATIENTS is not a whole number: “9999999999”"),
        ({"EXTRACT_DATE": "2026-13-01"}, "extract_date", "EXTRACT_DATE is not a date: “2026-13-01”"),
        ({"EXTRACT_DATE": TOMORROW}, "extract_date", f"EXTRACT_DATE is in the future: “{TOMORROW}”"),
        ({"CODE": "Surgery"}, "code", "CODE is not a practice code: “Surgery”"),
        ({"CODE": ""}, "code", "CODE is not a practice code: (empty)"),
        ({"SUB_ICB_LOCATION_CODE": "9"}, "sub_icb_location_code",
         "SUB_ICB_LOCATION_CODE is not the code of a sub-ICB location: “9”"),
        ({"AGE": "42"}, "age", "AGE is not one of ALL: “42”"),
        ({"SEX": "X"}, "sex", "SEX is not one of ALL, FEMALE, MALE: “X”"),
        ({"TYPE": "PCN"}, "type", "TYPE is not one of GP: “PCN”"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_its_line(
    changes: dict[str, str], column: str, words: str, take_csv: Take, ask: Ask
) -> None:
    good = [total(f"Z92{n:03}") for n in range(30)]
    night = take_csv("totals.csv", [heading(), *good, total(**changes)])
    assert (night.loads[0].rows_kept, night.loads[0].rows_refused) == (30, 1)
    assert reasons(ask) == [(32, column, words)]
    assert ask("SELECT count(*) FROM fact.membership") == [(30,)]


def test_a_repeated_row_counts_once_and_a_contradiction_not_at_all(take_csv: Take, ask: Ask) -> None:
    good = [total(f"Z92{n:03}") for n in range(60)]
    night = take_csv("totals.csv", [heading(), *good, good[0], total(patients=1), total(patients=2)])
    assert (night.loads[0].rows_filtered, night.loads[0].rows_refused) == (1, 2)
    words = "listed more than once with different numbers: Z91001"
    assert reasons(ask) == [(n, "number_of_patients", words) for n in (63, 64)]
    assert ask("SELECT count(*), sum(patients) FROM fact.registered_patients") == [(60, 300_000)]


def test_too_many_bad_rows_refuse_the_file_and_change_nothing(take_csv: Take, ask: Ask) -> None:
    take_csv("good.csv", [heading(), total(patients=7)])
    night = take_csv("bad.csv", [heading(), total(patients=8), total("Z91002", -1)])
    assert night.loads == []
    assert "NUMBER_OF_PATIENTS is below zero" in night.refused[0][1]
    assert ask("SELECT patients FROM fact.registered_patients") == [(7,)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("NUMBER_OF_PATIENTS", "PATIENTS", "the column NUMBER_OF_PATIENTS is not in its heading. It has"),
        ("EXTRACT_DATE", "DATE_OF_EXTRACT", "the column EXTRACT_DATE is not in its heading"),
        ("SUB_ICB_LOCATION_CODE", "LOCATION_CODE", "LOCATION_CODE, ONS_SUB_ICB_LOCATION_CODE instead"),
    ],
)
def test_a_renamed_column_is_named_with_what_is_there(old: str, new: str, expected: str, take_csv: Take) -> None:
    night = take_csv("totals.csv", [[new if name == old else name for name in heading()], total()])
    assert night.loads == []
    assert expected in night.refused[0][1]
    assert new in night.refused[0][1]


def test_single_years_of_age_are_refused_with_what_to_send_instead(take_csv: Take) -> None:
    columns = ["PUBLICATION", "EXTRACT_DATE", "ORG_TYPE", "ORG_CODE", "ONS_CODE", "POSTCODE", "SEX", "AGE"]
    row = ["GP_PRAC_PAT_LIST", "2026-01-01", "GP", "Z91001", "", "ZZ1 1ZZ", "MALE", "42", "12"]
    night = take_csv("sing-age.csv", [[*columns, "NUMBER_OF_PATIENTS"], row])
    assert "single year of age" in night.refused[0][1]


def test_carriage_returns_and_a_byte_order_mark_are_no_matter(home: Settings, ask: Ask) -> None:
    home.inbox.mkdir(parents=True)
    path = home.inbox / "totals.csv"
    path.write_bytes("\r\n".join(",".join(row) for row in (heading(), total())).encode("utf-8-sig") + b"\r\n")
    load_files(home, [path])
    assert ask("SELECT patients FROM fact.registered_patients") == [(5000,)]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=st.lists(st.integers(0, 200_000), min_size=1, max_size=30), comma=st.booleans())
def test_patients_add_up_to_what_was_written(counts: list[int], comma: bool, take_csv: Take, home: Settings) -> None:
    rows = [total(f"Z93{n:03}", f"{count:,}" if comma else count) for n, count in enumerate(counts)]
    take_csv("totals.csv", [heading(), *rows])
    codes = ", ".join(f"'Z93{n:03}'" for n in range(len(counts)))
    found = query(home, f"SELECT sum(patients) FROM fact.registered_patients WHERE organisation IN ({codes})")
    assert found == [(sum(counts),)]


# --- five-year ages ---

QUIN_HEADING = [
    *("PUBLICATION", "EXTRACT_DATE", "ORG_TYPE", "ORG_CODE", "ONS_CODE", "POSTCODE"),
    *("SEX", "AGE_GROUP_5", "NUMBER_OF_PATIENTS"),
]


def ages(kind: str, code: str, ons_code: str = "", each: int = 3) -> list[list[str]]:
    """Every row of one organisation: parts, totals by sex, and the total."""
    parts = [(sex, band, each) for sex in ("FEMALE", "MALE") for band in BANDS[1:]]
    sums = [("FEMALE", "ALL", 20 * each), ("MALE", "ALL", 20 * each), ("ALL", "ALL", 40 * each)]
    lead = ["GP_PRAC_PAT_LIST", "2026-07-01", kind, code, ons_code, ""]
    return [[*lead, sex, band, str(n)] for sex, band, n in (*parts, *sums)]


def test_ages_keep_the_totals_apart_from_the_parts(take_csv: Take, ask: Ask) -> None:
    rows = [
        *ages("GP", "Z91001"),
        *ages("PCN", "U99001"),
        *ages("PCN", "U"),
        *ages("SUB_ICB_LOCATION_CODE", "99Z", "E38999999"),
        *ages("ICB", "QZZ", "E54999999"),
        *ages("Comm Region", "Y99", "E40999999"),
    ]
    night = take_csv("quin.csv", [QUIN_HEADING, *rows])
    # patients in no PCN stand under `U`, which is nobody
    assert (night.loads[0].rows_read, night.loads[0].rows_filtered) == (6 * 43, 43)
    everything = (
        "SELECT organisation_kind, organisation, sum(patients) FROM fact.registered_patients WHERE {} GROUP BY ALL "
        "ORDER BY ALL"
    )
    once = [
        ("icb", "QZZ", 120),
        ("pcn", "U99001", 120),
        ("practice", "Z91001", 120),
        ("region", "Y99", 120),
        ("sub_icb", "99Z", 120),
    ]
    assert ask(everything.format("sex = 'all' AND age_band = 'all'")) == once
    assert ask(everything.format("sex <> 'all' AND age_band = 'all'")) == once
    assert ask(everything.format("sex <> 'all' AND age_band <> 'all'")) == once
    assert ask("SELECT DISTINCT age_band FROM fact.registered_patients WHERE age_band LIKE '9%' ORDER BY 1") == [
        ("90_94",),
        ("95+",),
    ]
    assert ask("SELECT code, ons_code FROM fact.organisation WHERE ons_code IS NOT NULL ORDER BY code") == [
        ("99Z", "E38999999"),
        ("QZZ", "E54999999"),
        ("Y99", "E40999999"),
    ]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (2, "Federation", "ORG_TYPE is not one of GP, PCN, SUB_ICB_LOCATION_CODE, CCG, ICB, COMM REGION: “Federation”"),
        (3, "Q", "ORG_CODE is not the code of a GP: “Q”"),
        (7, "0_17", "AGE_GROUP_5 is not one of ALL, 0_4"),
        (8, "-3", "NUMBER_OF_PATIENTS is below zero: “-3”"),
    ],
)
def test_a_bad_row_of_ages_is_refused(place: int, value: str, words: str, take_csv: Take, ask: Ask) -> None:
    bad = ages("GP", "Z91002")[0]
    bad[place] = value
    take_csv("quin.csv", [QUIN_HEADING, *ages("GP", "Z91001"), bad])
    found = reasons(ask)
    assert [(line, reason.startswith(words)) for line, _, reason in found] == [(45, True)]


# --- the map ---

MAP_HEADING = [
    *("PUBLICATION", "EXTRACT_DATE", "PRACTICE_CODE", "PRACTICE_NAME", "PRACTICE_POSTCODE", "PCN_CODE", "PCN_NAME"),
    *("ONS_SUB_ICB_LOCATION_CODE", "SUB_ICB_LOCATION_CODE", "SUB_ICB_LOCATION_NAME", "ONS_ICB_CODE", "ICB_CODE"),
    *("ICB_NAME", "ONS_COMM_REGION_CODE", "COMM_REGION_CODE", "COMM_REGION_NAME", "SUPPLIER_NAME"),
]


def map_row(code: str = "Z91001", pcn: str = "U99001") -> list[str]:
    return [
        *("GP_PRAC_PAT_LIST", "01Jul2026", code, "THE INVENTED SURGERY", "ZZ1 1ZZ", pcn, "INVENTED PCN"),
        *("E38999999", "99Z", "NHS Nowhere ICB - 99Z", "E54999999", "QZZ"),
        *("NHS Nowhere Integrated Care Board", "E40999999", "Y99", "Nowhere", "TPP"),
    ]


def test_the_map_says_who_is_where_with_ons_codes_and_counts_nobody(take_csv: Take, ask: Ask) -> None:
    night = take_csv("map.csv", [MAP_HEADING, map_row(), map_row("Z91002", "U")])
    assert night.loads[0].rows_kept == 2
    assert ask("SELECT count(*) FROM fact.registered_patients") == [(0,)]
    assert ask("SELECT kind, code, ons_code, as_of, source FROM fact.organisation ORDER BY kind, code") == [
        ("icb", "QZZ", "E54999999", date(2026, 7, 1), "registration_map"),
        ("pcn", "U99001", None, date(2026, 7, 1), "registration_map"),
        ("practice", "Z91001", None, date(2026, 7, 1), "registration_map"),
        ("practice", "Z91002", None, date(2026, 7, 1), "registration_map"),
        ("region", "Y99", "E40999999", date(2026, 7, 1), "registration_map"),
        ("sub_icb", "99Z", "E38999999", date(2026, 7, 1), "registration_map"),
    ]
    assert ask("SELECT child, parent FROM fact.membership ORDER BY ALL") == [
        ("99Z", "QZZ"),
        ("QZZ", "Y99"),
        ("U99001", "99Z"),
        ("Z91001", "99Z"),
        ("Z91001", "U99001"),
        ("Z91002", "99Z"),
    ]


# --- real files ---

TOTALS = {
    "gp_reg_pat_prac_all_2021-01_ccg_layout.csv": date(2021, 1, 1),
    "gp_reg_pat_prac_all_2025-10.csv": date(2025, 10, 1),
    "gp_reg_pat_prac_all_2025-12.csv": date(2025, 12, 1),
    "gp_reg_pat_prac_all_2026-01.csv": date(2026, 1, 1),
}
MAP_FILE = "gp_reg_pat_prac_map_2026-07.csv.gz"
QUIN_FILE = "gp_reg_pat_prac_quin_age_2026-07_5subicb.csv.gz"


def published(name: str) -> list[dict[str, str]]:
    path = REFERENCE / name
    with gzip.open(path, "rt") if name.endswith(".gz") else path.open(newline="") as stream:
        return list(csv.DictReader(stream))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A warehouse with every published file of this feed."""
    home = Settings(home=tmp_path_factory.mktemp("home"), code=("QOX",))
    night = load_files(home, [REFERENCE / name for name in (*TOTALS, MAP_FILE, QUIN_FILE)])
    assert (night.refused, {load.rows_refused for load in night.loads}) == ([], {0})
    return home


@needs_reference
@pytest.mark.parametrize("name", list(TOTALS))
def test_list_sizes_equal_the_files(name: str, real: Settings) -> None:
    rows = published(name)
    area = "CCG_CODE" if "ccg" in name else "SUB_ICB_LOCATION_CODE"
    month = TOTALS[name]
    found = query(real, f"SELECT organisation, patients FROM fact.registered_patients WHERE period_start = '{month}'")
    assert sorted(found) == sorted((row["CODE"], int(row["NUMBER_OF_PATIENTS"])) for row in rows)
    found = query(real, f"SELECT child, parent FROM fact.membership WHERE as_of = '{month}'")
    assert sorted(found) == sorted((row["CODE"], row[area]) for row in rows)


@needs_reference
def test_areas_of_the_ccg_era_are_sub_icbs_with_their_ons_codes(real: Settings) -> None:
    rows = published("gp_reg_pat_prac_all_2021-01_ccg_layout.csv")
    found = query(real, "SELECT DISTINCT code, ons_code FROM fact.organisation WHERE kind = 'sub_icb'")
    assert {(row["CCG_CODE"], row["ONS_CCG_CODE"]) for row in rows} <= set(found)


@needs_reference
def test_ages_equal_the_file_and_add_up(real: Settings) -> None:
    rows = [row for row in published(QUIN_FILE) if row["ORG_CODE"] != "U"]
    found = query(real, "SELECT organisation, sex, age_band, patients FROM fact.registered_patients "
                        "WHERE period_start = '2026-07-01'")  # fmt: skip
    assert sorted(found) == sorted(
        (r["ORG_CODE"], r["SEX"].lower(), r["AGE_GROUP_5"].lower(), int(r["NUMBER_OF_PATIENTS"])) for r in rows
    )
    totals = {code: n for code, sex, band, n in found if (sex, band) == ("all", "all")}
    parts: dict[str, int] = {}
    for code, sex, band, n in found:
        if "all" not in (sex, band):
            parts[code] = parts.get(code, 0) + n
    assert parts == totals


@needs_reference
def test_the_map_equals_the_file(real: Settings) -> None:
    rows = published(MAP_FILE)
    expected = {(r["PRACTICE_CODE"], r["SUB_ICB_LOCATION_CODE"]) for r in rows}
    expected |= {(r["PRACTICE_CODE"], r["PCN_CODE"]) for r in rows if r["PCN_CODE"] != "U"}
    expected |= {(r["SUB_ICB_LOCATION_CODE"], r["ICB_CODE"]) for r in rows}
    expected |= {(r["ICB_CODE"], r["COMM_REGION_CODE"]) for r in rows}
    said = "WHERE source = 'registration_map'"
    found = query(real, f"SELECT child, parent FROM fact.membership {said} AND child_kind <> 'pcn'")
    assert sorted(found) == sorted(expected)
    found = query(real, f"SELECT code, ons_code FROM fact.organisation {said} AND ons_code IS NOT NULL")
    expected = {(r["SUB_ICB_LOCATION_CODE"], r["ONS_SUB_ICB_LOCATION_CODE"]) for r in rows}
    expected |= {(r["ICB_CODE"], r["ONS_ICB_CODE"]) for r in rows}
    expected |= {(r["COMM_REGION_CODE"], r["ONS_COMM_REGION_CODE"]) for r in rows}
    assert sorted(found) == sorted(expected)
    assert len({icb for _, icb in expected if icb.startswith("E54")}) == 36
