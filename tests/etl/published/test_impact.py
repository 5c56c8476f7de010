"""Did going live help? Through the tables of a night: a planted effect is found, and none where none was planted."""

from collections.abc import Iterator
from datetime import date

import duckdb
import numpy as np
import pytest

from etl.published.impact import fill_impact
from etl.published.tables import TABLES

MONTHS = [date(2024 + n // 12, n % 12 + 1, 1) for n in range(24)]
BELIEVED = date(2026, 6, 30)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A generation being built: the tracker, and measures' values before they are charted."""
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS built")
    con.execute("CREATE SCHEMA mart")
    for name, place in (("impact", "built.main.impact"), ("rollout", "mart.rollout")):
        con.execute(f"CREATE TABLE {place} ({', '.join(f'{c} {kind}' for c, kind in TABLES[name].items())})")
    con.execute("CREATE TABLE mart.training_practice (practice_code VARCHAR, trained_on DATE)")
    con.execute(
        "CREATE TABLE raw_value (measure VARCHAR, organisation VARCHAR, level VARCHAR, period_kind VARCHAR, "
        "period_start DATE, value DOUBLE)"
    )
    yield con
    con.close()


def plant(con: duckdb.DuckDBPyConnection, effect: float, switching: int = 12, waiting: int = 6, seed: int = 5) -> None:
    """Practices that go live one after the other from the ninth month, others that never do, all drifting alike."""
    random = np.random.default_rng(seed)
    tracker, values = [], []
    for place in range(switching + waiting):
        code, own = f"Z9{place:04d}", random.normal(0.6, 0.1)
        begins = 8 + place % 5 if place < switching else None
        tracker.append((code, "signed_up", None, date(2023, 1, 1), "Larkline", "PSTN", BELIEVED))
        # an earlier snapshot that knew nothing yet, and a plan: neither makes anyone live
        tracker.append((code, "live", MONTHS[2], None, "Larkline", "cloud", BELIEVED))
        if begins is not None:
            tracker[-1] = (code, "live", None, MONTHS[begins].replace(day=17), "Larkline", "cloud", BELIEVED)
        for n, month in enumerate(MONTHS):
            after = begins is not None and n >= begins
            value = own + 0.004 * n + (effect if after else 0) + random.normal(0, 0.01)
            values.append(("calls_answered", code, "practice", "month", month, value))
    # a practice that the tracker does not name is in neither group
    values += [
        ("calls_answered", "Z99999", "practice", "month", month, 0.1 if month < MONTHS[10] else 0.9) for month in MONTHS
    ]
    con.executemany("INSERT INTO mart.rollout VALUES (?, ?, ?, ?, ?, ?, ?)", tracker)
    con.executemany("INSERT INTO raw_value VALUES (?, ?, ?, ?, ?, ?)", values)


def answered(con: duckdb.DuckDBPyConnection) -> dict[str, object]:
    fill_impact(con)
    found = con.execute("SELECT * FROM built.main.impact WHERE measure = 'calls_answered'").to_arrow_table().to_pylist()
    assert len(found) == 1
    return dict(found[0])


@pytest.mark.parametrize("effect", [0.08, -0.05])
def test_a_planted_effect_is_inside_the_interval(con: duckdb.DuckDBPyConnection, effect: float) -> None:
    plant(con, effect)
    found = answered(con)
    assert found["refusal"] is None
    assert found["lower"] <= effect <= found["upper"]  # type: ignore[operator]
    assert not found["lower"] <= 0 <= found["upper"]  # type: ignore[operator]
    assert found["practices"] == 12
    assert found["placebo_differs"] is False
    assert "higher" in str(found["sentence"]) if effect > 0 else "lower" in str(found["sentence"])


def test_no_effect_is_found_where_none_was_planted(con: duckdb.DuckDBPyConnection) -> None:
    plant(con, 0.0)
    found = answered(con)
    assert found["lower"] <= 0 <= found["upper"]  # type: ignore[operator]
    assert "no change in calls answered can be told from chance" in str(found["sentence"])


def test_seven_practices_are_too_few(con: duckdb.DuckDBPyConnection) -> None:
    plant(con, 0.08, switching=7)
    found = answered(con)
    assert (found["estimate"], found["lower"], found["upper"]) == (None, None, None)
    assert found["refusal"] == "only 7 practices switched while they were being measured; at least 8 are needed."


def test_no_figures_before_going_live(con: duckdb.DuckDBPyConnection) -> None:
    plant(con, 0.08)
    con.execute("DELETE FROM raw_value WHERE period_start < ?", [MONTHS[13]])
    found = answered(con)
    assert found["refusal"] is not None


def test_without_a_tracker_nothing_is_said(con: duckdb.DuckDBPyConnection) -> None:
    fill_impact(con)
    assert con.execute("SELECT count(*) FROM built.main.impact").fetchone() == (0,)
