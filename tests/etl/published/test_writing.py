"""Generations: named, switched, kept; a failure at any step leaves yesterday's in place."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from etl.published.reading import CURRENT, Reader, current
from etl.published.tables import TABLES
from etl.published.writing import NotPublished, publish
from etl.settings import Settings
from etl.warehouse.connection import Warehouse


class Stopped(BaseException):
    """As abrupt as a kill: nothing but `finally` runs."""


def published(home: Settings, progress: Callable[[str, int, int], None] = lambda *_: None) -> str:
    with Warehouse(home) as warehouse:
        return publish(warehouse, progress)


def files(home: Settings) -> list[str]:
    return sorted(path.name for path in home.published.iterdir())


def test_generations_are_numbered_and_the_last_three_are_kept(home: Settings) -> None:
    names = [published(home) for _ in range(5)]
    assert names == [f"switchboard-{number:06d}.duckdb" for number in range(1, 6)]
    assert files(home) == [CURRENT, *names[2:]]
    assert (home.published / CURRENT).read_text() == "switchboard-000005.duckdb\n"
    with duckdb.connect(str(current(home.published)), read_only=True) as con:
        assert con.execute("SELECT name, icb_codes FROM generation").fetchall() == [(names[4], "QZZ")]


def test_a_generation_has_the_tables_of_the_contract_and_no_more(home: Settings) -> None:
    published(home)
    with duckdb.connect(str(current(home.published)), read_only=True) as con:
        found = con.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY ordinal_position"
        ).fetchall()
    shape: dict[str, dict[str, str]] = {}
    for table, column, kind in found:
        shape.setdefault(table, {})[column] = kind
    assert shape == TABLES


def steps(home: Settings) -> list[str]:
    """What a publication says while it works, in order."""
    said: list[str] = []
    published(home, lambda event, *_: said.append(event))
    return said


def test_stopped_at_any_step_yesterdays_stays_and_the_next_night_goes_on(home: Settings) -> None:
    yesterday = published(home)
    said = steps(home)
    yesterday = current(home.published).name
    assert len(said) > 40
    *building, last = said
    assert last == f"published {yesterday}"
    # the first, the middle and the last of marts, of measures, and each of the rest
    for stop in sorted({0, 9, *range(len(building) - 3, len(building)), len(building) // 2}):
        seen = iter(range(len(said)))

        def progress(*_: object, stop: int = stop, seen=seen) -> None:  # type: ignore[no-untyped-def]
            if next(seen) == stop:
                raise Stopped

        with pytest.raises(Stopped):
            published(home, progress)
        assert current(home.published).name == yesterday
        with duckdb.connect(str(current(home.published)), read_only=True) as con:
            assert con.execute("SELECT name FROM generation").fetchall() == [(yesterday,)]
    tomorrow = published(home)
    assert tomorrow > yesterday
    assert not [name for name in files(home) if name.startswith(".build")]


def test_what_a_killed_night_left_is_cleared_and_a_number_is_never_used_twice(home: Settings) -> None:
    first = published(home)
    # killed while building: a half file and its log; killed after naming: a generation that CURRENT never named
    (home.published / ".build-000002.duckdb").write_bytes(b"half")
    (home.published / ".build-000002.duckdb.wal").write_bytes(b"half")
    (home.published / ".build-CURRENT").write_text("switchboard-00")
    (home.published / "switchboard-000002.duckdb").write_bytes((home.published / first).read_bytes())
    assert current(home.published).name == first
    assert published(home) == "switchboard-000003.duckdb"
    assert files(home) == [CURRENT, first, "switchboard-000002.duckdb", "switchboard-000003.duckdb"]


def test_what_cannot_be_right_is_not_published(home: Settings) -> None:
    first = published(home)
    with Warehouse(home) as warehouse, warehouse.transaction():
        for load_id, calls in ((1, -5), (2, 7)):
            warehouse.execute(
                "INSERT INTO fact.published_calls (dataset, period_kind, period_start, practice_code, indicator, "
                "dimension, band, calls, load_id) VALUES ('table_3', 'month', '2025-10-01', :practice, 'inbound', "
                "'total', 'total', :calls, :load_id)",
                {"practice": f"Z9100{load_id}", "calls": calls, "load_id": load_id},
            )
    with pytest.raises(NotPublished, match="a numerator or denominator is negative"):
        published(home)
    assert current(home.published).name == first
    assert (home.published / "switchboard-000002.duckdb").exists() is False


def test_tables_are_sorted_as_pages_read_them(home: Settings, tmp_path: Path) -> None:
    published(home)
    with duckdb.connect(str(current(home.published)), read_only=True) as con:
        rows = con.execute("SELECT kind, code FROM organisation").fetchall()
        assert rows == sorted(rows)
        # no view or macro of ours: what a page reads is a table
        assert con.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchone() == (0,)


def test_the_months_of_our_own_and_of_england_stand_again_by_organisation(small: Settings) -> None:
    reader = Reader(small.published)
    found = reader.records("SELECT kind, code FROM organisation WHERE is_own OR code = 'ENG'")
    own = {(row["kind"], row["code"]) for row in found}
    every = [tuple(row.values()) for row in reader.records("SELECT * FROM measure_value WHERE period_kind = 'month'")]
    copied = [tuple(row.values()) for row in reader.records("SELECT * FROM own_value")]
    expected = [row for row in every if (row[2], row[1]) in own]
    assert len(expected) < len(every)  # there is another ICB in it
    assert sorted(copied, key=str) == sorted(expected, key=str)
    keys = [(organisation, level, measure, start) for measure, organisation, level, _, start, *_ in copied]
    assert keys == sorted(keys)


def test_an_age_profile_is_of_the_newest_list_that_tells_ages(home: Settings) -> None:
    bands = {"60_64": 30, "65_69": 10, "90_94": 4, "95+": 1, "all": 999}
    rows = [
        (month, code, sex, band, patients * times)
        for month, code, times in (
            ("2026-04-01", "Z91001", 7),
            ("2026-07-01", "Z91001", 1),
            ("2026-10-01", "Z91002", 1),
        )
        for sex in ("female", "male")
        for band, patients in bands.items()
    ]
    rows += [("2026-07-01", "Z91001", "male", "0_4", 10), ("2026-10-01", "Z91001", "all", "all", 500)]
    rows += [("2026-10-01", "Z91003", "all", "all", 500)]
    with Warehouse(home) as warehouse:
        warehouse.con.executemany(
            "INSERT INTO fact.registered_patients (period_start, organisation, organisation_kind, sex, age_band, "
            "patients, load_id) VALUES (?, ?, 'practice', ?, ?, ?, 1)", rows,
        )  # fmt: skip
        publish(warehouse, lambda *_: None)
        found = dict(warehouse.con.execute("SELECT * FROM mart.age_profile").fetchall())
    # July's 30 of 100 for the first, whose October list tells no ages; the third's never has
    assert found == {"Z91001": 0.3, "Z91002": pytest.approx(30 / 90)}


def test_the_aim_of_redirection_is_the_setting(home: Settings) -> None:
    home.redirection_aim = 0.55
    published(home)
    with duckdb.connect(str(current(home.published)), read_only=True) as con:
        aims = con.execute("SELECT measure, aim FROM measure WHERE aim IS NOT NULL").fetchall()
    assert aims == [("navigation_redirected", 0.55)]
