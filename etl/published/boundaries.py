"""Boundaries and places for a map: every GeoJSON file in `<home>/reference/`, matched to organisations."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from etl.warehouse.connection import Warehouse

SHAPES = ("Polygon", "MultiPolygon", "Point")


def fill_boundaries(warehouse: Warehouse, progress: Callable[[str, int, int], None]) -> None:
    """Fill `built.main.boundary` from the features one of whose properties is an organisation's ODS or ONS code.

    A file that cannot be read is left out and said, through `progress`: a map is never worth a night.
    """
    named = warehouse.con.execute("SELECT code, ons_code FROM mart.organisation").fetchall()
    codes = {ons: code for code, ons in named if ons} | {code: code for code, _ in named}
    found: dict[str, str] = {}
    for path in sorted((warehouse.settings.home / "reference").glob("*.geojson")):
        try:
            for code, geometry in _features(path, codes):
                found.setdefault(code, json.dumps(geometry, separators=(",", ":")))
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            progress(f"{path.name} is not GeoJSON, so it is not on the map", 0, 1)
    if found:
        warehouse.con.executemany("INSERT INTO built.main.boundary VALUES (?, ?)", sorted(found.items()))


def _features(path: Path, codes: dict[str, str]) -> Iterator[tuple[str, Any]]:
    for feature in json.loads(path.read_text(encoding="utf-8-sig"))["features"]:
        geometry = feature.get("geometry") or {}
        said = [value for value in (feature.get("properties") or {}).values() if isinstance(value, str)]
        # the name of a sub-ICB location ends in its ODS code: “NHS Nowhere ICB - 91Z”
        said += [value.rsplit(" - ", 1)[1] for value in said if " - " in value]
        code = next((codes[value] for value in said if value in codes), None)
        if code is not None and geometry.get("type") in SHAPES:
            yield code, geometry
