"""Where the synthetic ICB would lie, as GeoJSON for the map: two areas that share a border, a point a practice."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from etl.demo.world import OWN_PRACTICES, SUB_ICBS, World

CENTRE = (-2.2, 54.6)  # longitude, latitude; nobody's practices are there
WIDTH, HEIGHT = 0.62, 0.30  # half of each, in degrees
COAST = 48  # corners of the coast


def write_places(home: Path, world: World) -> None:
    """Writes `<home>/reference/places-synthetic.geojson`: areas by ONS code, practices by ODS code."""
    random = world.random(13)
    coast = _coast(random)
    border = _border(random, coast)
    features = []
    for place, side in (("9ZA", -1), ("9ZB", 1)):
        ring = [spot for spot in coast if np.sign(spot[0] - CENTRE[0]) == side]
        # round from the coast's one end, then back along the border: both areas walk the same border
        ring.sort(
            key=lambda spot: float(np.arctan2((spot[1] - CENTRE[1]) / HEIGHT, side * (spot[0] - CENTRE[0]) / WIDTH))
        )
        shape = [*ring, *reversed(border)]
        features.append(
            _feature(
                {"code": SUB_ICBS[place][2], "name": SUB_ICBS[place][0]},
                {"type": "Polygon", "coordinates": [[*shape, shape[0]]]},
            )
        )
    middle = _centres(world)
    for practice in world.practices[:OWN_PRACTICES].itertuples():
        at = middle[practice.pcn_before] + random.normal(0, 0.35, 2) * (0.09, 0.05)
        features.append(_feature({"code": practice.code}, {"type": "Point", "coordinates": _rounded(at)}))
    folder = home / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"type": "FeatureCollection", "note": "SYNTHETIC", "features": features})
    (folder / "places-synthetic.geojson").write_text(text, encoding="utf-8")


def _coast(random: np.random.Generator) -> list[list[float]]:
    angles = (np.arange(COAST) + 0.5) * 2 * np.pi / COAST
    far = 1 + 0.10 * np.sin(3 * angles + 1) + 0.06 * np.sin(7 * angles) + random.normal(0, 0.02, COAST)
    return [_rounded(CENTRE + far[n] * np.array([WIDTH * np.cos(a), HEIGHT * np.sin(a)])) for n, a in enumerate(angles)]


def _border(random: np.random.Generator, coast: list[list[float]]) -> list[list[float]]:
    """From the coast in the south to the coast in the north, through the middle."""
    quarter = COAST // 4
    north, south = (np.mean(coast[at - 1 : at + 1], axis=0) for at in (quarter, 3 * quarter))
    up = np.linspace(-0.7, 0.7, 7)
    inland = [(CENTRE[0] + random.normal(0, 0.02), CENTRE[1] + HEIGHT * each) for each in up]
    return [_rounded(at) for at in (south, *inland, north)]


def _centres(world: World) -> dict[str, np.ndarray]:
    """The middle of each PCN, in its own half."""
    answer = {}
    for place, side in (("9ZA", -1), ("9ZB", 1)):
        own = [row.code for row in world.pcns.itertuples() if row.sub_icb == place]
        for n, code in enumerate(own):
            across, up = divmod(n, 3)
            answer[code] = CENTRE + np.array([side * WIDTH * (0.2 + 0.25 * across), HEIGHT * (0.5 * up - 0.5)])
    return answer


def _feature(properties: dict[str, str], geometry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _rounded(at: Any) -> list[float]:
    return [round(float(each), 4) for each in at]
