"""IMD of practices from three sources, and of LSOAs. Decile 1 is the most deprived."""

import csv
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from etl.nightly import Night, load_files
from etl.settings import Settings
from tests.etl.feeds.conftest import query
from tests.reference import REFERENCE, needs_reference

Ask = Callable[[str], list[tuple[Any, ...]]]
Take = Callable[..., Night]

FINGERTIPS = [
    *("Indicator ID", "Indicator Name", "Parent Code", "Parent Name", "Area Code", "Area Name", "Area Type", "Sex"),
    *("Age", "Category Type", "Category", "Time period", "Value", "Lower CI 95.0 limit", "Value note"),
]
FOUND = "SELECT index_year, area, area_kind, score, rank, decile, source FROM fact.deprivation ORDER BY area"


def fingertips_row(area: str, kind: str, value: object, indicator: str = "93553", parent: str = "") -> list[str]:
    lead = [indicator, "Deprivation score (IMD 2019)", parent, "", area, "Somewhere, invented", kind]
    return [*lead, "Persons", "All ages", "", "", "2019", str(value), "", ""]


def reasons(ask: Ask) -> list[tuple[Any, ...]]:
    return ask("SELECT line_number, column_name, reason FROM ledger.rejected_row ORDER BY line_number")


def test_fingertips_keeps_practices_and_england_once(take_csv: Take, ask: Ask) -> None:
    rows = [
        fingertips_row("E92000001", "England", 21.7),
        fingertips_row("E92000001", "England", 21.7, parent="E92000001"),
        fingertips_row("Z91001", "GP", 32.36),
        fingertips_row("U99001", "PCN (v. 2024)", 30.0),
        fingertips_row("Z91001", "GP", 80.0, indicator="90366"),
    ]
    night = take_csv("indicators.csv", [FINGERTIPS, *rows])
    assert (night.loads[0].feed, night.loads[0].rows_filtered) == ("deprivation", 3)
    assert ask(FOUND) == [
        (2019, "ENG", "england", 21.7, None, None, "fingertips"),
        (2019, "Z91001", "practice", 32.36, None, None, "fingertips"),
    ]
    assert ask("SELECT period_from, period_to FROM ledger.load") == [(date(2019, 1, 1), date(2019, 12, 31))]


def test_another_indicator_is_not_ours(take_csv: Take) -> None:
    night = take_csv("indicators.csv", [FINGERTIPS, fingertips_row("Z91001", "GP", 80, indicator="90366")])
    assert night.loads == []
    assert "No feed knows this file" in night.refused[0][1]


SCORES = ["PRACTICE_CODE", "PRACTICE_NAME", "IMD_YEAR", "IMD_SCORE"]


def test_scores_and_deciles_of_practices_stand_side_by_side_by_source(take_csv: Take, ask: Ask) -> None:
    take_csv("2025.csv", [SCORES, ["Z91001", "Invented Surgery", "2025", "33.519"]])
    take_csv(
        "derived.csv",
        [
            ["practice_code", "practice_name", "postcode", "subicb_code", "imd_score", "imd_decile"],
            ["Z91001", "NA", "Unknown", "99Z", "34.5687225678029", "2"],
        ],
    )
    take_csv("indicators.csv", [FINGERTIPS, fingertips_row("Z91001", "GP", 32.36)])
    found = ask("SELECT index_year, area, score, decile, source FROM fact.deprivation ORDER BY source")
    assert found == [
        (2019, "Z91001", 34.5687225678029, 2, "derived"),
        (2019, "Z91001", 32.36, None, "fingertips"),
        (2025, "Z91001", 33.519, None, "praqtis"),
    ]


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        (["nowhere", "", "2025", "1"], "practice_code", "PRACTICE_CODE is not a practice code: “nowhere”"),
        (["Z91001", "", "2007", "1"], "imd_year",
         "IMD_YEAR is not the year of an index that is used (2019, 2025): “2007”"),
        (["Z91001", "", "2025", "-1"], "imd_score", "IMD_SCORE is not a score from 0 to 100: “-1”"),
        (["Z91001", "", "2025", "high"], "imd_score", "IMD_SCORE is not a score from 0 to 100: “high”"),
        (["Z91001", "", "2025", ""], "imd_score", "IMD_SCORE is not a score from 0 to 100: (empty)"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_its_line(row: list[str], column: str, words: str, take_csv: Take, ask: Ask) -> None:
    good = [[f"Z92{n:03}", "", "2025", "10"] for n in range(30)]
    night = take_csv("2025.csv", [SCORES, *good, row])
    assert (night.loads[0].rows_kept, night.loads[0].rows_refused) == (30, 1)
    assert reasons(ask) == [(32, column, words)]


def test_a_practice_with_two_scores_is_refused_and_a_repeated_row_filtered(take_csv: Take, ask: Ask) -> None:
    good = [[f"Z92{n:03}", "", "2025", "10"] for n in range(60)]
    rows = [*good, good[0], ["Z91001", "", "2025", "1"], ["Z91001", "", "2025", "2"]]
    night = take_csv("2025.csv", [SCORES, *rows])
    assert (night.loads[0].rows_filtered, night.loads[0].rows_refused) == (1, 2)
    assert reasons(ask) == [(n, "imd_score", "listed more than once with different values: Z91001") for n in (63, 64)]


def test_a_renamed_column_is_named(take_csv: Take) -> None:
    night = take_csv("2025.csv", [[*SCORES[:3], "SCORE"], ["Z91001", "", "2025", "1"]])
    assert "the column IMD_SCORE is not in its heading. It has SCORE instead" in night.refused[0][1]
    renamed = ["Score" if name == "Value" else name for name in FINGERTIPS]
    night = take_csv("indicators.csv", [renamed, fingertips_row("Z91001", "GP", 1)])
    assert "the column VALUE is not in its heading" in night.refused[0][1]


def lsoa_heading(lsoa: int, lad: int) -> list[str]:
    index = "Index of Multiple Deprivation (IMD)"
    return [
        *(f"LSOA code ({lsoa})", f"LSOA name ({lsoa})", f"Local Authority District code ({lad})"),
        *(f"Local Authority District name ({lad})", f"{index} Rank", f"{index} Decile"),
    ]


@pytest.mark.parametrize(
    ("sheet", "lsoa", "year"), [("IMD2019", 2011, 2019), ("IMD25", 2021, 2025), ("File 1", 2021, 2025)]
)
def test_lsoas_of_both_indices(sheet: str, lsoa: int, year: int, take_workbook: Take, ask: Ask) -> None:
    rows = [["E01999999", "Nowhere 001A", "E09999999", "Nowhere", 29199, 9]]
    take_workbook("File_1.xlsx", {"Notes": [], sheet: [lsoa_heading(lsoa, year), *rows]})
    assert ask(FOUND) == [(year, "E01999999", "lsoa", None, 29199, 9, "lsoa")]


def test_an_index_that_is_not_used_and_bad_ranks_are_refused(take_workbook: Take, ask: Ask) -> None:
    row = ["E01999999", "Nowhere 001A", "E09999999", "Nowhere", 29199, 9]
    night = take_workbook("2015.xlsx", {"IMD 2015": [lsoa_heading(2011, 2013), row]})
    assert "other than those of 2019 and 2025" in night.refused[0][1]
    good = [[f"E0199{n:04}", "", "", "", n + 1, 1] for n in range(60)]
    bad = [["E01999991", "", "", "", 0, 1], ["E01999992", "", "", "", 7, 11], ["99Z", "", "", "", 7, 1]]
    take_workbook("2019.xlsx", {"IMD2019": [lsoa_heading(2011, 2019), *good, *bad]})
    assert reasons(ask) == [
        (62, "rank", "RANK is not a whole number from 1 to 100000: “0”"),
        (63, "decile", "DECILE is not a whole number from 1 to 10: “11”"),
        (64, "area", "AREA is not the code of an LSOA: “99Z”"),
    ]


# --- real files ---


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A warehouse with every published file of this feed."""
    home = Settings(home=tmp_path_factory.mktemp("home"), code=("QOX",))
    files = ("fingertips_imd2019_practice.csv", "fingertips_imd2025_practice.csv", "imd2019_practice_derived.csv")
    night = load_files(home, [REFERENCE / name for name in (*files, "imd2019_file1_lsoa.xlsx")])
    assert (night.refused, {load.rows_refused for load in night.loads}) == ([], {0})
    return home


def published(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@needs_reference
def test_practice_scores_equal_the_files(real: Settings) -> None:
    rows = published("fingertips_imd2019_practice.csv")
    assert sum(row["Area Type"] == "England" for row in rows) == 2  # the quirk is in the file
    expected = {("ENG" if r["Area Code"] == "E92000001" else r["Area Code"], float(r["Value"])) for r in rows}
    found = query(real, "SELECT area, score FROM fact.deprivation WHERE source = 'fingertips' AND index_year = 2019")
    assert sorted(found) == sorted(expected)
    rows = published("fingertips_imd2025_practice.csv")
    found = query(real, "SELECT area, score FROM fact.deprivation WHERE index_year = 2025")
    assert sorted(found) == sorted((r["PRACTICE_CODE"], float(r["IMD_SCORE"])) for r in rows)


@needs_reference
def test_decile_1_is_the_most_deprived(real: Settings) -> None:
    rows = published("imd2019_practice_derived.csv")
    found = query(real, "SELECT area, score, decile FROM fact.deprivation WHERE source = 'derived'")
    assert sorted(found) == sorted((r["practice_code"], float(r["imd_score"]), int(r["imd_decile"])) for r in rows)
    assert min(score for _, score, decile in found if decile == 1) > max(s for _, s, decile in found if decile == 2)


@needs_reference
def test_lsoas_equal_the_workbook(real: Settings) -> None:
    book = CalamineWorkbook.from_path(str(REFERENCE / "imd2019_file1_lsoa.xlsx"))
    rows = book.get_sheet_by_name("IMD2019").to_python()[1:]
    found = query(real, "SELECT area, rank, decile, index_year FROM fact.deprivation WHERE area_kind = 'lsoa'")
    assert sorted(found) == sorted((r[0], int(str(r[4])[:-2]), int(str(r[5])[:-2]), 2019) for r in rows)
    assert {decile for _, rank, decile, _ in found if rank <= 3284} == {1}
