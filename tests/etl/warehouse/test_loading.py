"""From a file to facts and a ledger row: all of it or none, what it supersedes, how many rows may be refused."""

from pathlib import Path

import pytest

from etl import nightly
from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from etl.warehouse.tables import fact_table
from tests.etl.test_intake import lists, row


def test_a_load_is_all_or_nothing_with_its_ledger_row(home: Settings, tmp_path: Path) -> None:
    """More rows refused than may be: nothing of it stays, and the next load has the number it would have had."""
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_text(lists(*[row(f"Z91{n:03d}") for n in range(9)], row(patients="many")))
    good.write_text(lists(row()))
    night = nightly.load_files(home, [bad, good])
    assert [name for name, _ in night.refused] == ["bad.csv"]
    assert "1 of 10 rows could not be taken, more than the 5%" in night.refused[0][1]
    assert "(1 rows, first at line 11)" in night.refused[0][1]
    assert [(load.load_id, load.file_name) for load in night.loads] == [(1, "good.csv")]
    with Warehouse(home) as warehouse:
        assert warehouse.fetch("SELECT DISTINCT load_id FROM fact.registered_patients") == [(1,)]
        assert warehouse.fetch("SELECT count(*) FROM ledger.rejected_row") == [(0,)]


@pytest.mark.parametrize(("refused", "loads"), [(5, 1), (6, 0)])
def test_the_share_that_may_be_refused_is_of_the_rows_that_are_its_business(
    home: Settings, tmp_path: Path, refused: int, loads: int
) -> None:
    """5 of 100 is well, 6 of 100 is not; a row repeated word for word is filtered and counts in neither."""
    path = tmp_path / "lists.csv"
    rows = [row(f"Z91{n:03d}") for n in range(100 - refused)]
    path.write_text(lists(*rows, *rows[:40], *[row(f"Z92{n:03d}", "none") for n in range(refused)]))
    night = nightly.load_files(home, [path])
    assert len(night.loads) == loads
    if loads:
        load = night.loads[0]
        assert (load.rows_read, load.rows_kept, load.rows_refused, load.rows_filtered) == (140, 95, 5, 40)


def test_a_load_supersedes_loads_of_the_same_fact_and_no_others(home: Settings, tmp_path: Path) -> None:
    """Naming the same practices is not superseding."""
    january, february, again = (tmp_path / name for name in ("1.csv", "2.csv", "3.csv"))
    january.write_text(lists(row(month="2026-01-01")))
    february.write_text(lists(row(month="2026-02-01")))
    again.write_text(lists(row(month="2026-01-01", patients="5001"), row(month="2026-02-01", patients="5001")))
    night = nightly.load_files(home, [january, february, again])
    assert [load.supersedes for load in night.loads] == ["", "", "1,2"]
    with Warehouse(home) as warehouse:
        found = warehouse.fetch("SELECT supersedes FROM ledger.load ORDER BY load_id")
    assert found == [(None,), (None,), ("1,2",)]


def test_a_transaction_undoes_everything(home: Settings) -> None:
    with Warehouse(home) as warehouse:
        days = warehouse.fetch("SELECT count(*) FROM fact.calendar")

        class Stopped(BaseException):
            pass

        def stopped() -> None:
            with warehouse.transaction():
                warehouse.execute("DELETE FROM fact.calendar")
                raise Stopped

        with pytest.raises(Stopped):
            stopped()
        assert warehouse.fetch("SELECT count(*) FROM fact.calendar") == days


def test_a_fact_that_does_not_exist_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="weather"):
        fact_table("weather")


def test_the_calendar_knows_bank_holidays_and_the_end_of_next_year(home: Settings) -> None:
    with Warehouse(home) as warehouse:
        found = warehouse.fetch(
            "SELECT CAST(day AS VARCHAR), is_working_day FROM fact.calendar WHERE day IN "
            "('2022-09-19', '2025-12-25', '2025-12-24', '2025-08-25', '2025-08-23') ORDER BY day"
        )
    assert found == [
        ("2022-09-19", False),
        ("2025-08-23", False),
        ("2025-08-25", False),
        ("2025-12-24", True),
        ("2025-12-25", False),
    ]


def test_parameters_are_marked_by_a_colon_and_nothing_else_is(home: Settings) -> None:
    with Warehouse(home) as warehouse:
        assert warehouse.fetch("SELECT :word, CAST('08:00' AS VARCHAR), 1::BIGINT", {"word": "a"}) == [
            ("a", "08:00", 1)
        ]
        assert warehouse.fetch("SELECT ' :word'") == [(" :word",)]
