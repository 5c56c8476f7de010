"""The training return."""

import csv
from pathlib import Path
from typing import Any

import pytest

from etl.settings import Settings
from tests.etl.feeds.conftest import query
from tests.etl.navigation_files import TEMPLATES, TRAINING, published, take, write


def person(practice: str, staff: str, route: str, booked: str = "", completed: str = "") -> dict[str, str]:
    return dict(zip(TRAINING, (practice, staff, route, booked, completed), strict=True))


def test_the_template_is_the_heading() -> None:
    with (TEMPLATES / "training.csv").open(encoding="utf-8") as stream:
        assert tuple(next(csv.reader(stream))) == TRAINING


GOOD = [person("Z91001", f"S{n}", "cascaded", "2025-07-01", "2025-07-01") for n in range(40)]


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (person("Z91001", "S1", "funded", "2025-07-01", "2099-01-01"), "completed_on", "completed in the future"),
        (
            person("Z91001", "S1", "funded", "2025-07-02", "2025-07-01"),
            "completed_on",
            "completed before it was booked",
        ),
        (person("Z91001", "S1", "funded", "soon"), "booked_on", "booked_on is not a date"),
        (person("Z91001", "S1", "paid"), "route", "the route is neither funded nor cascaded"),
        (person("Z92001", "S1", "funded"), "practice_code", "not a practice of this ICB: Z92001"),
        (person("Z91001", "", "funded", "", "2025-07-01"), "staff_id", "completed, but the id is empty"),
    ],
)
def test_a_wrong_row_is_refused(icb: Settings, tmp_path: Path, row: dict[str, str], column: str, reason: str) -> None:
    night = take(icb, write(tmp_path / "training.csv", TRAINING, [*GOOD, row]))
    assert [(each.feed, each.rows_kept, each.rows_refused) for each in night.loads] == [("training", 40, 1)]
    found = query(icb, "SELECT line_number, column_name, reason FROM ledger.rejected_row")
    assert found == [(42, column, reason)]


def test_a_name_refuses_the_return(icb: Settings, tmp_path: Path) -> None:
    rows = [*GOOD, person("Z91001", "Zebedee Quill", "funded")]
    night = take(icb, write(tmp_path / "training.csv", TRAINING, rows))
    assert "The column staff_id holds what reads like a person's name (1 rows, first at line 42)" in night.refused[0][1]
    assert b"Zebedee" not in (icb.home / "warehouse.duckdb").read_bytes()


def test_a_later_return_replaces_its_practices(icb: Settings, tmp_path: Path) -> None:
    take(icb, write(tmp_path / "one.csv", TRAINING, [*GOOD, person("Z91002", "S1", "funded", "01/07/2025")]))
    take(icb, write(tmp_path / "two.csv", TRAINING, [person("Z91001", "S1", "funded", "", "2025-08-01")]))
    rows = query(icb, "SELECT practice_code, route, CAST(completed_on AS VARCHAR) FROM fact.training ORDER BY 1")
    assert rows == [("Z91001", "funded", "2025-08-01"), ("Z91002", "funded", None)]


def test_coverage_counted_by_hand(icb: Settings, tmp_path: Path) -> None:
    rows = [
        person("Z91001", "S1", "funded", "2025-06-02", "2025-07-15"),
        person("Z91001", "S1", "funded", "2025-06-02", "2025-07-15"),  # one person twice
        person("Z91001", "S2", "cascaded", "2025-08-01", "2025-08-31"),
        person("Z91001", "S3", "cascaded", "2025-08-01", "2025-08-31"),
        person("Z91002", "S1", "cascaded", "2025-08-01", "2025-09-01"),
        person("Z91003", "S1", "funded", "2025-06-02", "2025-07-01"),  # closed on 20 August
        person("Z91004", "S1", "funded", "2025-06-02", ""),
    ]
    take(icb, write(tmp_path / "training.csv", TRAINING, rows))
    reader = published(icb)

    def counts(measure: str, organisation: str) -> dict[str, tuple[Any, Any]]:
        found = reader.records(
            "SELECT strftime(period_start, '%Y-%m') AS month, numerator, denominator FROM measure_value "
            "WHERE measure = :measure AND organisation = :organisation AND period_start BETWEEN DATE '2025-06-01' "
            "AND DATE '2025-09-01'",
            measure=measure,
            organisation=organisation,
        )
        return {row["month"]: (row["numerator"], row["denominator"]) for row in found}

    # listed in July: Z91001 to Z91006; in August without the closed one and Z91006
    trained = counts("navigators_trained_practices", "QZZ")
    assert (trained["2025-07"], trained["2025-08"], trained["2025-09"]) == ((2, 6), (1, 4), (2, 4))
    assert trained["2025-06"][0] == 0
    assert counts("navigator_places_used", "QZZ")["2025-09"] == (1, 4)
    assert counts("navigator_cascade_ratio", "QZZ")["2025-09"] == (3, 1)
    # Z91002 moved PCN on 1 September
    assert counts("navigators_trained_practices", "U91001")["2025-09"] == (1, 1)
    assert counts("navigators_trained_practices", "U91002")["2025-09"] == (1, 2)
    assert counts("navigators_trained_practices", "U92001") == {}
    told = reader.records("SELECT * EXCLUDE (funded_offered_on) FROM training_practice WHERE practice_code = 'Z91001'")
    facts = ["Z91001", "2025-06-02", "2025-07-15", "None", "2025-07-15", "1", "2"]
    assert [str(value) for value in told[0].values()] == facts


def test_when_a_place_was_offered_and_who_paid(icb: Settings, tmp_path: Path) -> None:
    header = (*TRAINING, "offered_on", "paid_by")
    rows = [
        person("Z91001", "S1", "funded", "", "2025-07-15") | {"offered_on": "05/05/2025", "paid_by": "NHS England"},
        person("Z91001", "S2", "cascaded", "2025-08-01", "2025-08-31") | {"offered_on": "", "paid_by": "practice"},
        person("Z91002", "S1", "funded") | {"offered_on": "2025-05-05", "paid_by": "a kind uncle"},
    ]  # fmt: skip
    assert not take(icb, write(tmp_path / "training.csv", header, rows)).refused
    told = published(icb).records(
        "SELECT practice_code, CAST(funded_offered_on AS VARCHAR) AS offered, funded_paid_by FROM training_practice "
        "ORDER BY practice_code"
    )
    assert [tuple(row.values()) for row in told] == [
        ("Z91001", "2025-05-05", "nhs_england"),
        ("Z91002", "2025-05-05", None),
    ]
