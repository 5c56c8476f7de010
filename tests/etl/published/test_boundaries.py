"""Boundaries for the map: matched by ODS or ONS code; a file that is none is left out and said."""

import json
from pathlib import Path

import duckdb
import pytest

from etl.published.boundaries import fill_boundaries
from etl.settings import Settings
from etl.warehouse.connection import Warehouse

SQUARE = {"type": "Polygon", "coordinates": [[[0, 50], [1, 50], [1, 51], [0, 50]]]}
POINT = {"type": "Point", "coordinates": [0.5, 50.5]}


@pytest.fixture
def warehouse(home: Settings) -> Warehouse:
    warehouse = Warehouse(home)
    warehouse.con.execute("ATTACH ':memory:' AS built")
    warehouse.con.execute("CREATE TABLE built.main.boundary (code VARCHAR, geometry VARCHAR)")
    warehouse.con.execute(
        "CREATE TABLE mart.organisation AS SELECT * FROM "
        "(VALUES ('91Z', 'E38999001'), ('92Z', NULL), ('Z91001', NULL)) AS o(code, ons_code)"
    )
    (home.home / "reference").mkdir()
    return warehouse


def put(home: Settings, name: str, *features: tuple[dict[str, object], object]) -> Path:
    path = home.home / "reference" / name
    listed = [{"type": "Feature", "properties": said, "geometry": shape} for said, shape in features]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": listed}), encoding="utf-8")
    return path


def test_areas_and_places_are_matched_by_their_codes(home: Settings, warehouse: Warehouse) -> None:
    put(
        home,
        "areas.geojson",
        ({"SICBL23CD": "E38999001", "OBJECTID": 4}, SQUARE),
        ({"SICBL23CD": "E38999777", "SICBL23NM": "NHS Nowhere ICB - 92Z"}, SQUARE),
        ({"SICBL23NM": "Elsewhere"}, SQUARE),
        ({"SICBL23CD": "E38999001"}, None),
    )
    put(home, "places.geojson", ({"ods": "Z91001"}, POINT), ({"ods": "91Z"}, POINT))
    said: list[str] = []
    with warehouse:
        fill_boundaries(warehouse, lambda event, done, total: said.append(event))
        found = warehouse.con.execute("SELECT code, geometry FROM built.main.boundary ORDER BY code").fetchall()
    assert [(code, json.loads(shape)) for code, shape in found] == [("91Z", SQUARE), ("92Z", SQUARE), ("Z91001", POINT)]
    assert said == []


@pytest.mark.parametrize("text", ["{nope", "[]", '{"features": [3]}', "{}"])
def test_a_file_that_is_no_geojson_is_left_out_and_said(home: Settings, warehouse: Warehouse, text: str) -> None:
    (home.home / "reference" / "bad.geojson").write_text(text, encoding="utf-8")
    put(home, "good.geojson", ({"code": "91Z"}, SQUARE))
    said: list[str] = []
    with warehouse:
        fill_boundaries(warehouse, lambda event, done, total: said.append(event))
        assert warehouse.con.execute("SELECT code FROM built.main.boundary").fetchall() == [("91Z",)]
    assert said == ["bad.geojson is not GeoJSON, so it is not on the map"]


def test_without_files_there_is_no_map(warehouse: Warehouse) -> None:
    with warehouse:
        fill_boundaries(warehouse, lambda event, done, total: None)
        assert isinstance(warehouse.con, duckdb.DuckDBPyConnection)
        assert warehouse.con.execute("SELECT count(*) FROM built.main.boundary").fetchone() == (0,)
