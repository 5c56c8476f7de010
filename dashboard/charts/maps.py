"""Areas shaded by how many of their practices are live, and practices as points: a map that asks nobody for tiles."""

import json
from collections.abc import Iterable, Iterator
from math import log, pi, radians, tan
from typing import Any

from dashboard import words
from dashboard.charts.rollout import STAGE_WORDS, TILES, tile_of
from dashboard.charts.style import GREY, NAVY_LIGHT, ON_STRONG, Figure, figure
from dashboard.page import Rows

LARGE, SMALL, MANY = 12, 7, 120  # pixels across a point, and of how many points on they are small

BAR = {
    "title": {"text": "share live", "side": "top"}, "tickformat": ".0%", "thickness": 10, "outlinewidth": 0,
    "orientation": "h", "y": 0, "yanchor": "top", "len": 0.5,
}  # fmt: skip


def live_map(rows: Rows, height: int = 560) -> Figure:
    """rows: of `queries.telephony.places`: kind (sub_icb or practice), code, name, live, practices, share, stage,
    geometry (GeoJSON as text)."""
    shapes = [(row, json.loads(row["geometry"])) for row in rows]
    areas = [(row, shape) for row, shape in shapes if shape["type"] != "Point"]
    points = [(row, shape["coordinates"]) for row, shape in shapes if shape["type"] == "Point"]
    size = LARGE if len(points) <= MANY else SMALL
    traces: list[dict[str, Any]] = []
    if areas:
        features = [{"type": "Feature", "id": row["code"], "properties": {}, "geometry": shape} for row, shape in areas]
        traces.append(
            {
                "type": "choroplethmap",
                "geojson": {"type": "FeatureCollection", "features": features},
                "locations": [row["code"] for row, _ in areas],
                "z": [row["share"] for row, _ in areas],
                "zmin": 0,
                "zmax": 1,
                "colorscale": [[0, ON_STRONG], [1, NAVY_LIGHT]],  # paler than any point
                "colorbar": BAR,
                "marker": {"opacity": 0.75, "line": {"color": GREY, "width": 1}},
                "text": [
                    f"<b>{row['name']}</b><br>{row['live']} of {words.plural(row['practices'], 'practice')} live"
                    for row, _ in areas
                ],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    if points:  # a rim round each point, which markers on a map have not
        rim = {"lon": [at[0] for _, at in points], "lat": [at[1] for _, at in points]}
        traces.append(
            {"type": "scattermap", "mode": "markers", **rim, "marker": {"color": GREY, "size": size + 3},
             "hoverinfo": "skip", "showlegend": False}
        )  # fmt: skip
    for kind, (letter, colour, _) in reversed(TILES.items()):  # whoever is not live yet is never under one who is
        own = [(row, at) for row, at in points if tile_of(row) == kind]
        if own:
            traces.append(
                {
                    "type": "scattermap",
                    "mode": "markers",
                    "lon": [at[0] for _, at in own],
                    "lat": [at[1] for _, at in own],
                    "ids": [row["code"] for row, _ in own],
                    "name": f"{letter} {STAGE_WORDS.get(kind, kind).lower()}",
                    "marker": {"color": colour, "size": size},
                    "text": [f"<b>{row['name']}</b><br>{STAGE_WORDS.get(kind, kind)}" for row, _ in own],
                    "hovertemplate": "%{text}<extra></extra>",
                }
            )
    centre, extent = _frame([spot for _, shape in shapes for spot in _spots(shape["coordinates"])])
    # the zoom at which `extent` is seen whole depends on the width: assets/switchboard.js finds it. No tiles, so no
    # request leaves the ICB
    drawn = figure(traces, height, map={"style": "white-bg", "center": centre}, meta={"extent": extent})
    drawn["layout"]["margin"] = {"l": 0, "r": 0, "t": 30, "b": 50 if areas else 0}
    drawn["layout"]["legend"]["traceorder"] = "reversed"
    return drawn


def _spots(coordinates: Any) -> Iterator[tuple[float, float]]:
    """Every longitude and latitude in a geometry's coordinates, however deep."""
    if coordinates and isinstance(coordinates[0], int | float):
        yield coordinates[0], coordinates[1]
    else:
        for each in coordinates:
            yield from _spots(each)


def _frame(spots: Iterable[tuple[float, float]]) -> tuple[dict[str, float], list[float]]:
    """The middle of the spots, and how wide and how high they are, as shares of the world in Mercator's projection."""
    across, up = zip(*spots, strict=True)
    middle = {"lon": (max(across) + min(across)) / 2, "lat": (max(up) + min(up)) / 2}
    north, south = (log(tan(pi / 4 + radians(lat) / 2)) for lat in (max(up), min(up)))
    return middle, [(max(across) - min(across)) / 360, (north - south) / (2 * pi)]
