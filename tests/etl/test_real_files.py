"""Every published file of the reference folder in one home: all recognised, totals rebuilt, nothing counted twice."""

import csv
import gzip
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from etl import nightly
from etl.published.reading import Reader
from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from tests.reference import REFERENCE, needs_reference

pytestmark = needs_reference

Ask = Callable[[str], list[tuple[Any, ...]]]
FILES = {
    "published_calls": (
        *("cbt_summary_2025-10_v2.xlsx", "cbt_summary_2025-12.xlsx", "cbt_summary_2026-01.xlsx"),
        *("cbt_durations_2026-06-01_11J_sample.csv", "cbt_answered_2026-06-01_11J_sample.csv"),
        "cbt_answered_2026-06_unmapped_sample.csv",
    ),
    "online_requests": ("oc_2024-04.xlsx", "oc_2025-10.xlsx", "oc_2025-12.xlsx", "oc_2026-01.xlsx"),
    "appointments": (
        "gpad_regional_2019-03_2021-08_SuffolkNEEssex.csv",
        "gpad_regional_2019-03_2021-08_Somerset.csv",
        "gpad_regional_2019-03_2021-08_BristolNSomSGloucs.csv",
        *("gpad_daily_03R_2017-11_2022-12.csv.gz", "gpad_daily_03R_2022-10_relaid.csv"),
        *("gpad_daily_03R_2022-11_relaid.csv", "gpad_actual_duration_00L_2021-12_sample.csv"),
        "gpad_coverage_2020-08_2023-01.csv",
    ),
    "registered_patients": (
        *("gp_reg_pat_prac_all_2021-01_ccg_layout.csv", "gp_reg_pat_prac_all_2025-10.csv"),
        *("gp_reg_pat_prac_all_2025-12.csv", "gp_reg_pat_prac_all_2026-01.csv"),
        *("gp_reg_pat_prac_map_2026-07.csv.gz", "gp_reg_pat_prac_quin_age_2026-07_5subicb.csv.gz"),
    ),
    "organisations": (
        *("epraccur_2024-01.csv", "epcn_2026.xlsx", "epcn_2022_ccg_layout.xlsx", "gpad_mapping_2025-08.csv"),
    ),
    "deprivation": (
        *("fingertips_imd2019_practice.csv", "fingertips_imd2025_practice.csv"),
        *("imd2019_practice_derived.csv", "imd2019_file1_lsoa.xlsx"),
    ),
}
EDITIONS = {
    date(2025, 10, 1): "cbt_summary_2025-10_v2.xlsx",
    date(2025, 12, 1): "cbt_summary_2025-12.xlsx",
    date(2026, 1, 1): "cbt_summary_2026-01.xlsx",
}
# Table 3 of the workbook: outcome → column
OUTCOMES = {
    "inbound": 11,
    "answered": 13,
    "ended_in_ivr": 15,
    "callback_requested": 17,
    "missed": 20,
    "callback_made": 23,
}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> tuple[Settings, nightly.Night]:
    """A home of a real ICB in which every file was put, and its night."""
    settings = Settings(home=tmp_path_factory.mktemp("real"), code=("QSL",), inbox_settle_seconds=0)
    shutil.copyfile(empty_warehouse, settings.home / "warehouse.duckdb")
    settings.inbox.mkdir()
    for names in FILES.values():
        for name in names:
            shutil.copyfile(REFERENCE / name, settings.inbox / name)
    return settings, nightly.nightly(settings)


@pytest.fixture(scope="module")
def ask(real: tuple[Settings, nightly.Night]) -> Ask:
    """Rows of a SELECT on the warehouse."""

    def answer(sql: str) -> list[tuple[Any, ...]]:
        with Warehouse(real[0]) as warehouse:
            return warehouse.fetch(sql)

    return answer


@pytest.fixture(scope="module")
def published(real: tuple[Settings, nightly.Night]) -> Ask:
    """Rows of a SELECT on the generation."""
    reader = Reader(real[0].published)
    return lambda sql: [tuple(row.values()) for row in reader.records(sql)]


def table_3(name: str) -> list[list[Any]]:
    return (
        CalamineWorkbook.from_path(str(REFERENCE / name)).get_sheet_by_name("Table 3").to_python(skip_empty_area=False)
    )


def rows_of(name: str) -> list[dict[str, str]]:
    path = REFERENCE / name
    with gzip.open(path, "rt", encoding="utf-8-sig") if name.endswith(".gz") else path.open(encoding="utf-8-sig") as f:
        return list(csv.DictReader(f))


def test_every_file_is_recognised_as_its_feed(real: tuple[Settings, nightly.Night]) -> None:
    settings, night = real
    assert night.refused == []
    assert night.unchanged == []
    assert {load.file_name: load.feed for load in night.loads} == {
        name: feed for feed, names in FILES.items() for name in names
    }
    assert list(settings.inbox.iterdir()) == []
    assert night.generation == "switchboard-000001.duckdb"


def test_what_is_kept_refused_and_filtered_adds_up_to_what_was_read(real: tuple[Settings, nightly.Night]) -> None:
    for load in real[1].loads:
        assert load.rows_kept + load.rows_refused + load.rows_filtered == load.rows_read, load
        assert load.rows_refused <= load.rows_read * 0.02, load


@pytest.mark.parametrize("month", EDITIONS)
def test_national_totals_rebuild_to_the_printed_total_to_the_call(published: Ask, month: date) -> None:
    """With the row whose month is a copyright line, and with every `Unassigned` row."""
    total = next(row for row in table_3(EDITIONS[month]) if str(row[0]).strip() == "Total")
    printed = {outcome: int(total[column]) for outcome, column in OUTCOMES.items()}
    rebuilt = published(
        "SELECT item, ours, printed FROM reconciliation WHERE source = 'published_calls' AND dataset = 'total_row' "
        f"AND organisation = 'ENG' AND period_start = '{month}'"
    )
    assert {item: (ours, theirs) for item, ours, theirs in rebuilt if item in OUTCOMES} == {
        outcome: (value, value) for outcome, value in printed.items()
    }
    (england,) = published(
        "SELECT numerator FROM measure_value WHERE measure = 'calls_inbound_per_1000' AND level = 'england' "
        f"AND period_start = '{month}'"
    )
    assert england == (printed["inbound"],)


def test_every_area_of_january_is_the_sum_of_the_rows_that_name_it(published: Ask) -> None:
    month = date(2026, 1, 1)
    expected: Counter[tuple[str, str]] = Counter()
    for row in table_3(EDITIONS[month])[14:]:
        if isinstance(row[OUTCOMES["inbound"]], float) and str(row[9]).strip():
            for level, column in (("practice", 1), ("pcn", 3), ("sub_icb", 5), ("icb", 7), ("region", 9)):
                if str(row[column]).strip().upper() not in (
                    "",
                    "U",
                    "UNALLOCATED",
                    "UNALIGNED",
                    "UNMAPPED",
                    "UNASSIGNED",
                ):
                    expected[level, row[column]] += int(row[OUTCOMES["inbound"]])
    found = published(
        "SELECT level, organisation, numerator FROM measure_value WHERE measure = 'calls_inbound_per_1000' "
        f"AND period_start = '{month}' AND level <> 'england'"
    )
    assert {(level, code): value for level, code, value in found} == expected
    assert len(expected) > 5000


def test_list_sizes_agree_with_the_file(ask: Ask) -> None:
    expected = {row["CODE"]: int(row["NUMBER_OF_PATIENTS"]) for row in rows_of("gp_reg_pat_prac_all_2026-01.csv")}
    found = ask(
        "SELECT organisation, patients FROM fact.registered_patients WHERE period_start = '2026-01-01' "
        "AND organisation_kind = 'practice' AND sex = 'all' AND age_band = 'all'"
    )
    assert len(found) == len(expected)
    assert dict(found) == expected


def test_current_pcn_memberships_agree_with_the_workbook(published: Ask) -> None:
    sheet = CalamineWorkbook.from_path(str(REFERENCE / "epcn_2026.xlsx")).get_sheet_by_name("PCN Core Partner Details")
    heading, *rows = sheet.to_python(skip_empty_area=False)
    names = [" ".join(str(cell).split()).lower() for cell in heading]
    practice, pcn = (next(i for i, name in enumerate(names) if name == wanted) for wanted in
                     ("partner organisation code", "pcn code"))  # fmt: skip
    end = next(i for i, name in enumerate(names) if name.endswith("end date"))
    current = {(row[practice].strip(), row[pcn].strip()) for row in rows if not str(row[end]).strip() and row[practice]}
    found = published(
        "SELECT child, parent FROM membership WHERE child_kind = 'practice' AND parent_kind = 'pcn' AND to_date IS NULL"
    )
    of_listed = {(child, parent) for child, parent in found if child in {code for code, _ in current}}
    assert of_listed == current


def test_wakefield_is_counted_once_though_three_files_hold_its_autumn_of_2022(published: Ask, ask: Ask) -> None:
    for month, name in (
        ("2022-10", "gpad_daily_03R_2022-10_relaid.csv"),
        ("2022-11", "gpad_daily_03R_2022-11_relaid.csv"),
    ):
        whole = sum(int(row["COUNT_OF_APPOINTMENTS"]) for row in rows_of(name))
        assert ask(
            "SELECT sum(appointments) FROM fact.appointments WHERE sub_icb_code = '03R' AND dataset = 'daily' "
            f"AND strftime(period_start, '%Y-%m') = '{month}'"
        ) == [(whole,)]
        assert published(
            "SELECT numerator FROM measure_value WHERE measure = 'appointments_per_working_day' "
            f"AND organisation = '03R' AND period_start = '{month}-01'"
        ) == [(whole,)]


def test_nothing_is_there_twice(ask: Ask, published: Ask) -> None:
    assert ask("SELECT count(*) FROM fact.deprivation WHERE area_kind = 'england' GROUP BY index_year, source "
               "HAVING count(*) > 1") == []  # fmt: skip
    for table, key in {
        "published_calls": "dataset, period_start, practice_code, pcn_code, sub_icb_code, icb_code, region_code, "
        "indicator, dimension, band",
        "registered_patients": "period_start, organisation, sex, age_band",
        "online_requests": "period_start, practice_code, type, supplier",
        "deprivation": "index_year, area, source",
        "printed_figure": "source, dataset, organisation, period_start, item",
    }.items():
        # an area may have several shared accounts, each with a row
        named = "WHERE practice_code <> 'Unassigned'" if table == "published_calls" else ""
        again = f"SELECT {key}, count(*) FROM fact.{table} {named} GROUP BY ALL HAVING count(*) > 1 LIMIT 3"
        assert ask(again) == [], table
    repeated = "SELECT code FROM organisation GROUP BY code HAVING count(*) > 1"
    assert published(repeated) == []


def test_england_in_january_2026(published: Ask) -> None:
    """Each worked out from the printed Total row and the workbook's own list of practices."""
    month = date(2026, 1, 1)
    cells = table_3(EDITIONS[month])
    total = next(row for row in cells if str(row[0]).strip() == "Total")
    printed = {outcome: float(total[column]) for outcome, column in OUTCOMES.items()}
    sizes = {row["CODE"]: int(row["NUMBER_OF_PATIENTS"]) for row in rows_of("gp_reg_pat_prac_all_2026-01.csv")}
    named = {row[1] for row in cells[14:] if isinstance(row[11], float)}
    patients = sum(sizes.get(code, 0) for code in named)
    found = {
        measure: (numerator, denominator, value)
        for measure, numerator, denominator, value in published(
            "SELECT measure, numerator, denominator, value FROM measure_value "
            f"WHERE level = 'england' AND period_start = '{month}'"
        )
    }
    inbound = printed["inbound"]
    assert found["calls_inbound_per_1000"] == (inbound, patients, pytest.approx(1000 * inbound / patients))
    for measure, outcome in (
        ("calls_answered", "answered"),
        ("calls_ended_in_ivr", "ended_in_ivr"),
        ("calls_callback_requested", "callback_requested"),
        ("calls_missed", "missed"),
    ):
        assert found[measure] == (printed[outcome], inbound, pytest.approx(printed[outcome] / inbound))
    dealt_with = printed["answered"] + printed["ended_in_ivr"] + printed["callback_requested"]
    assert found["calls_dealt_with"][0] == dealt_with
    # January has 31 days and four Mondays: about a twelfth of its calls came in eight of its hours
    assert 0.05 < found["calls_monday_8_to_10"][2] < 0.15
    table_1 = (
        CalamineWorkbook.from_path(str(REFERENCE / EDITIONS[month]))
        .get_sheet_by_name("Table 1")
        .to_python(skip_empty_area=False)
    )
    newest = {str(row[1]).strip(): row[2] for row in table_1}
    within = newest["Calls answered within 1 minute"] + newest["Calls answered within 1 to 2 minutes"]
    assert found["calls_answered_within_120s"][0] == within
    assert found["calls_answered_within_120s"][2] == pytest.approx(within / printed["answered"], rel=0.001)
    assert 0.7 < found["coverage_published_calls"][2] < 0.85


def test_its_own_icb_and_no_other_is_marked(published: Ask) -> None:
    assert published("SELECT code FROM organisation WHERE is_own AND kind = 'icb'") == [("QSL",)]
    assert published("SELECT code FROM organisation WHERE is_own AND kind = 'sub_icb'") == [("11X",)]
    (practices,) = published("SELECT count(*) FROM organisation WHERE is_own AND kind = 'practice' AND closed IS NULL")
    assert 50 < practices[0] < 150
