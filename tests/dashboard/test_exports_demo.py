"""Exports of the synthetic ICB against what its pages and its CSV interface say: the same figures, cell by cell."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from flask.testing import FlaskClient

from etl.demo.files import write_demo
from etl.demo.organisations import ons_codes
from etl.exports.definitions import definitions
from etl.exports.writing import versions
from etl.measures.registry import measures
from etl.nightly import nightly
from etl.published.reading import Reader
from etl.settings import Settings
from tests.dashboard.test_exports import house
from tests.etl.exports.test_commands import run

TODAY, MONTH = date(2026, 11, 21), "2026-10"
FIGURES = ("numerator", "denominator", "value")
Row = dict[str, str]
Key = tuple[str, str]  # organisation, measure


@dataclass
class Demo:
    """A home after a night, its exports of October, and somebody of the ICB at its dashboard."""

    settings: Settings
    out: Path
    client: FlaskClient

    def export(self, name: str) -> list[Row]:
        """An export's rows as someone reads them."""
        (path,) = (self.out / name).glob("*.csv")
        return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))

    def page(self, path: str) -> list[Row]:
        """The rows of a CSV that the dashboard gives."""
        answer = self.client.get(path)
        assert answer.status_code == 200, path
        return list(csv.DictReader(io.StringIO(answer.text, newline="")))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Two months without call logs."""
    home = tmp_path_factory.mktemp("demo-home")
    settings = Settings(home=home, code=("QZZ",), inbox_settle_seconds=0)
    write_demo(home, TODAY, calls="none", include={"rollout", "navigation"}, months=2)
    nightly(settings)
    assert run(settings, "export", "all", "--period", MONTH, "--out", str(home / "out")) == 0
    made = house(home)
    yield Demo(settings, home / "out", made.client("viewer"))
    made.app.server.extensions["access"].engine.dispose()


def by_key(rows: list[Row]) -> dict[Key, Row]:
    found = {(row["organisation_code"], row["measure"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def exact(rows: dict[Key, Row]) -> dict[Key, Row]:
    return {key: row for key, row in rows.items() if measures()[key[1]].disclosure == "exact"}


def test_exact_figures_are_those_of_the_csv_interface(demo: Demo) -> None:
    exported = exact(by_key(demo.export("measures_long")))
    own = {code for code, _ in exported}
    asked = demo.page(f"/api/v1/measures.csv?period_kind=month&from={MONTH}&to={MONTH}")
    shown = exact(by_key([row for row in asked if row["organisation_code"] in own]))
    assert len(exported) > 1500
    assert set(shown) == set(exported)
    for key, row in exported.items():
        for name in ("period_start", "level", "organisation_name", "unit"):
            assert row[name] == shown[key][name], (key, name)
        for name in FIGURES:
            ours, theirs = row[name], shown[key][name]
            assert (float(ours) == float(theirs)) if ours and theirs else ours == theirs, (key, name)
        assert row["obs_status"] == ("p" if row["value"] else "x")  # some practices are missing: provisional


@pytest.mark.parametrize("measure", ["calls_answered", "calls_missed", "calls_inbound_per_1000"])
def test_a_pages_csv_says_the_same(demo: Demo, measure: str) -> None:
    exported = by_key(demo.export("demand_and_capacity"))
    codes = sorted({code for code, name in exported if name == measure and exported[code, name]["value"]})[::6]
    assert len(codes) > 8
    for code in codes:
        newest = demo.page(f"/csv/demand-trend?organisation={code}&measure={measure}")[-1]
        row = exported[code, measure]
        assert newest["period_start"] == row["period_start"]
        assert [float(newest[name]) for name in FIGURES] == [float(row[name]) for name in FIGURES]


def test_smaller_exports_are_parts_of_the_whole(demo: Demo) -> None:
    whole = by_key(demo.export("measures_long"))
    for name in ("demand_and_capacity", "navigator_training", "telephony_adoption"):
        part = by_key(demo.export(name))
        assert part
        for key, row in part.items():
            assert {column: row[column] for column in (*FIGURES, "unit", "level")} == {
                column: whole[key][column] for column in (*FIGURES, "unit", "level")
            }


def test_counts_of_people_are_hidden_or_rounded_from_the_pages(demo: Demo) -> None:
    true = by_key(demo.page(f"/api/v1/measures.csv?period_kind=month&from={MONTH}&to={MONTH}"))
    seen = 0
    for key, row in by_key(demo.export("measures_long")).items():
        if measures()[key[1]].disclosure == "people":
            for name in ("numerator", "denominator"):
                if getattr(measures()[key[1]], name).disclosure == "exact":
                    assert float(row[name]) == float(true[key][name])
                elif row[name]:
                    seen += 1
                    assert float(row[name]) % 5 == 0
                    assert abs(float(row[name]) - float(true[key][name])) <= 2.5
                elif true[key][name]:
                    assert row["obs_status"] == "c"
                    assert row["value"] == ""
                    assert float(true[key][name]) > 0
    assert seen > 300


def test_what_a_measure_adds_up_is_what_the_definition_of_disclosure_says(demo: Demo) -> None:
    """Each part of a measure from the cells that `measures_long.toml` names, at practices and the ICB."""
    reader = Reader(demo.settings.published)
    cells = reader.frame("SELECT * FROM navigation_month WHERE month = DATE '2026-10-01'")
    cells = cells[cells["practice_code"].isin({row["organisation_code"] for row in demo.export("care_navigation")})]
    whole = by_key(demo.page(f"/api/v1/measures.csv?period_kind=month&from={MONTH}&to={MONTH}"))
    links = definitions()["measures_long"].cells
    assert len(links) > 10
    for link in links:
        chosen = pd.Series(True, index=cells.index)
        for name, values in link.only.items():
            chosen &= cells[name].isin(values)
        for name, values in link.but.items():
            chosen &= ~cells[name].isin(values)
        measure, part = link.count.split(".")
        sums = cells[chosen].groupby("practice_code")[link.column].sum()
        for code, added in [*sums.items(), ("QZZ", sums.sum())]:
            said = whole.get((str(code), measure), {}).get(part)
            if said:
                assert float(said) <= added if link.at_most else float(said) == added, (link.count, code)


def test_areas_have_their_ons_codes(demo: Demo) -> None:
    rows = demo.export("demand_and_capacity")
    known = {row["organisation_code"]: row["ons_code"] for row in rows if row["level"] == "sub_icb"}
    assert known == {code: ons_codes()[code] for code in known}
    assert len(known) == 2
    assert {row["ons_code"] for row in rows if row["level"] in ("practice", "pcn")} == {""}


def test_a_manifest_names_the_loads_that_its_figures_came_from(demo: Demo) -> None:
    feeds = {}
    for name in definitions():
        (entry,) = versions(demo.out / name)
        feeds[name] = {load["feed"] for load in entry["loads"]} - {"organisations", "registered_patients"}
    assert feeds == {
        "care_navigation": {"navigation"},
        "demand_and_capacity": {"published_calls", "appointments", "online_requests"},
        "measures_long": {
            *("published_calls", "appointments", "online_requests", "navigation", "training"),
            *("rollout_milestone", "rollout_capability", "rollout_funding"),
        },
        "navigator_training": {"training"},
        "telephony_adoption": {"rollout_milestone", "rollout_capability", "rollout_funding"},
    }
