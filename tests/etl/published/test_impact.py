"""Did going live help? Through the tables of a night: a planted effect is found, and none where none was planted."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest

from etl.demo.published_calls import count_month
from etl.demo.traffic import ENDED_IN_IVR, MISSED, calls_of_month
from etl.demo.world import OWN_PRACTICES, World, make_world
from etl.published.impact import effect, fill_impact
from etl.published.tables import TABLES

MONTHS = [date(2024 + n // 12, n % 12 + 1, 1) for n in range(24)]
BELIEVED = date(2026, 6, 30)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A generation being built: the tracker, and measures' values."""
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS built")
    con.execute("CREATE SCHEMA mart")
    places = ("built.main.impact", "built.main.impact_path", "mart.rollout")
    for name, place in ((place.split(".")[-1], place) for place in places):
        con.execute(f"CREATE TABLE {place} ({', '.join(f'{c} {kind}' for c, kind in TABLES[name].items())})")
    con.execute("CREATE TABLE mart.training_practice (practice_code VARCHAR, trained_on DATE)")
    con.execute(
        "CREATE TABLE built.main.measure_value (measure VARCHAR, organisation VARCHAR, level VARCHAR, "
        "period_kind VARCHAR, period_start DATE, value DOUBLE)"
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
    con.executemany("INSERT INTO built.main.measure_value VALUES (?, ?, ?, ?, ?, ?)", values)


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
    path = con.execute("SELECT * FROM built.main.impact_path ORDER BY months_since").fetchall()
    assert [step for _, step, _, _ in path] == [-4, -3, -2, -1, 1, 2, 3, 4]
    gaps = [switched - waiting for _, _, switched, waiting in path]
    assert sum(gaps[4:]) / 4 - sum(gaps[:4]) / 4 == pytest.approx(found["estimate"])
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
    assert found["refusal"] == "only 7 practices went live while they were being measured; at least 8 are needed."


def test_no_figures_before_going_live(con: duckdb.DuckDBPyConnection) -> None:
    plant(con, 0.08)
    con.execute("DELETE FROM built.main.measure_value WHERE period_start < ?", [MONTHS[13]])
    found = answered(con)
    assert found["refusal"] is not None


def test_without_a_tracker_nothing_is_said(con: duckdb.DuckDBPyConnection) -> None:
    fill_impact(con)
    assert con.execute("SELECT count(*) FROM built.main.impact").fetchone() == (0,)


# --- the demo's own story ---


def shares(world: World, months: range, outcome: int) -> pd.DataFrame:
    """practice (its position), period, value: share of a practice's published calls with an outcome."""
    rows = []
    for month in months:
        counts = count_month(world, month, calls_of_month(world, month)).outcomes
        rows += [
            (place, pd.Timestamp(world.months[month]), counts[place, outcome] / counts[place].sum())
            for place in range(OWN_PRACTICES)
            if counts[place].sum()
        ]
    return pd.DataFrame(rows, columns=["practice", "period", "value"])


def test_the_demos_planted_effect_is_found_and_no_other() -> None:
    """What going live did is known: the same calls, drawn again by a world in which nobody goes live."""
    world = make_world(date(2026, 11, 21))
    live = {place: when.date() for place, when in enumerate(world.practices.live_on[:OWN_PRACTICES]) if when == when}
    never = replace(world, practices=world.practices.assign(live_on=pd.NaT))
    months = range(10, 24)
    missed, ended = (shares(world, months, outcome) for outcome in (MISSED, ENDED_IN_IVR))
    found = effect(missed, {**dict.fromkeys(range(OWN_PRACTICES)), **live}, "calls missed", "percent")
    assert (found.refusal, found.practices, found.controls) == (None, 12, 12)
    without = shares(never, range(15, 24), MISSED).set_index(["practice", "period"]).value
    changes = []
    for place, when in live.items():
        first = world.months.index(when.replace(day=1)) if when.replace(day=1) in world.months else -1
        if 14 <= first <= 19:
            periods = [pd.Timestamp(month) for month in world.months[first + 1 : first + 5]]
            own = missed.set_index(["practice", "period"]).value
            changes.append(np.mean([own[place, period] - without[place, period] for period in periods]))
    assert len(changes) == found.practices
    planted = np.mean(changes)
    assert -0.08 < planted < -0.03
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower <= planted <= found.upper < 0
    assert not found.placebo_differs
    other = effect(ended, {**dict.fromkeys(range(OWN_PRACTICES)), **live}, "calls ended in the menu", "percent")
    assert other.lower is not None
    assert other.upper is not None
    assert other.lower <= 0 <= other.upper
    assert other.upper - other.lower < 0.01  # not for want of looking: a change of this size would be seen
