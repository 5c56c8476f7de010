"""The demonstration's navigation records and training returns, taken in as a night does, are what their manifest says;
and the effect of training that was planted in them is found."""

import csv
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from etl.demo.navigation import write_navigation
from etl.demo.organisations import write_organisations, write_registered_patients
from etl.demo.world import make_world
from etl.nightly import nightly
from etl.published.reading import Reader
from etl.settings import Settings

LAYOUTS = {"systmconnect": ("Z90015", "Z90016"), "rapid_health": ("Z90034",), "snomed": ("Z90038",)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home after a night with organisations, navigation and training, and nothing else."""
    home = Settings(home=tmp_path_factory.mktemp("demo"), code=("QZZ",), inbox_settle_seconds=0)
    home.inbox.mkdir()
    (home.home / "demo").mkdir()
    world = make_world(date(2026, 11, 21), months=15)
    write_organisations(home.inbox, world)
    write_registered_patients(home.inbox, world)
    manifest = write_navigation(home.home, world)
    (home.home / "demo" / "manifest.json").write_text(json.dumps(manifest))
    assert nightly(home).refused == []
    return home


@pytest.fixture(scope="module")
def manifest(home: Settings) -> dict[str, Any]:
    return dict(json.loads((home.home / "demo" / "manifest.json").read_text()))


@pytest.fixture(scope="module")
def reader(home: Settings) -> Reader:
    return Reader(home.published)


def test_canonical_records_are_counted_as_written(home: Settings, reader: Reader) -> None:
    with (home.home / "demo" / "navigation_month.csv").open(encoding="utf-8") as stream:
        wanted = {tuple(row.values())[:5]: tuple(row.values())[5:] for row in csv.DictReader(stream)}
    others = [code for codes in LAYOUTS.values() for code in codes]
    rows = reader.records(
        "SELECT practice_code, CAST(month AS VARCHAR), channel, request_category, destination, contacts, declined "
        "FROM navigation_month WHERE practice_code NOT IN (SELECT unnest(:others))",
        others=others,
    )
    assert {tuple(row.values())[:5]: tuple(map(str, list(row.values())[5:])) for row in rows} == wanted


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_export_is_counted_as_its_manifest_says(reader: Reader, manifest: dict[str, Any], layout: str) -> None:
    rows = reader.records(
        "SELECT destination, sum(contacts) AS contacts FROM navigation_month "
        "WHERE practice_code IN (SELECT unnest(:codes)) GROUP BY destination",
        codes=list(LAYOUTS[layout]),
    )
    assert {row["destination"]: int(row["contacts"]) for row in rows} == manifest[layout]


def test_what_no_table_knows_and_what_came_back_is_told(reader: Reader, manifest: dict[str, Any]) -> None:
    rows = reader.records("SELECT value, rows FROM unmapped_destination")
    assert {row["value"]: row["rows"] for row in rows} == manifest["unmapped"]
    (load,) = reader.records("SELECT rows_filtered FROM load WHERE file_name LIKE '%snomed%'")
    assert load["rows_filtered"] == manifest["snomed_came_back"]


def test_the_planted_effect_of_training_is_found(reader: Reader, manifest: dict[str, Any]) -> None:
    planted = manifest["training_adds_to_redirected"]
    (found,) = reader.records("SELECT * FROM impact WHERE measure = 'navigation_redirected'")
    assert found["refusal"] is None
    assert found["lower"] <= planted <= found["upper"]
    assert found["lower"] > 0
    assert not found["placebo_differs"]
    assert found["practices"] == len(manifest["trained_meanwhile"])
    assert found["controls"] >= len(manifest["not_yet_trained"])
    assert "practices not yet trained in the same months" in found["sentence"]
    # before and after alone would take the drift that all share for training
    rows = reader.records("SELECT * FROM impact_path WHERE measure = 'navigation_redirected' ORDER BY months_since")
    assert [row["months_since"] for row in rows] == [-4, -3, -2, -1, 1, 2, 3, 4]
    change = {
        side: sum(row[side] for row in rows[4:]) / 4 - sum(row[side] for row in rows[:4]) / 4
        for side in ("switched", "waiting")
    }
    assert change["switched"] - change["waiting"] == pytest.approx(found["estimate"])
    # five months of drift lie between the middles of the two sides
    assert change["waiting"] == pytest.approx(5 * manifest["redirected_rises_a_month_everywhere"], abs=0.02)


def test_trained_practices_are_the_manifests(reader: Reader, manifest: dict[str, Any]) -> None:
    rows = reader.records("SELECT practice_code, trained_on, funded_paid_by FROM training_practice")
    trained = {row["practice_code"]: str(row["trained_on"]) for row in rows if row["trained_on"]}
    assert sorted(trained) == manifest["trained_practices"]
    assert {code: trained[code] for code in manifest["trained_meanwhile"]} == manifest["trained_meanwhile"]
    payers = Counter(row["funded_paid_by"] for row in rows)
    assert payers["nhs_england"] > payers["icb"] > 0


def test_no_patients_name_is_anywhere_but_in_the_originals(home: Settings) -> None:
    private = home.archive / "private"
    everything = [path for path in home.home.rglob("*") if path.is_file()]
    holding = [path for path in everything if b"thwackeray" in path.read_bytes().lower()]
    assert [path.name for path in holding] == ["navigation-systmconnect-synthetic.csv"]
    assert all(Path(path).is_relative_to(private) for path in holding)
