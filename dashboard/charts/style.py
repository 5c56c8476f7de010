"""Colours and the bare figure that every chart starts from.

Colours are those of a light page; `assets/switchboard.css` gives each its dark counterpart, so that one remembered
figure serves both themes and print. A colour used here must be named there (a test compares the two).
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

NAVY = "#12436d"  # what happened
ORANGE = "#f46a25"  # what was lost
GREY = "#768692"  # context
PLUM = "#801650"  # an aim or target
BLUE = "#005eb8"  # the selected place
INK = "#425563"
LINE = "#3d3d3d"
GRID = "#e3e8eb"
IMPROVEMENT = "#0089c4"
CONCERN = "#d45500"
NEUTRAL = "#490092"
NAVY_MIDDLE = "#4c7ea8"
NAVY_LIGHT = "#9dbbd4"
NAVY_PALE = "#d0dce7"
ON_STRONG = "#fefefe"  # figures on the darker two of the ramp
ON_PALE = "#212b32"
COLOURS = (
    NAVY, ORANGE, GREY, PLUM, BLUE, INK, LINE, GRID, IMPROVEMENT, CONCERN, NEUTRAL, NAVY_MIDDLE, NAVY_LIGHT, NAVY_PALE,
    ON_STRONG, ON_PALE,
)  # fmt: skip

AXIS = {
    "gridcolor": GRID,
    "zeroline": False,
    "automargin": True,
    "tickangle": 0,
    "fixedrange": True,
    "ticks": "",
    "color": INK,
}

Figure = dict[str, Any]


def figure(traces: list[dict[str, Any]], height: int = 280, **layout: Any) -> Figure:
    """A plain figure: no background, no slanted labels, legend above, figures that do not jump on hover."""
    axes = {name: {**AXIS, **layout.pop(name, {})} for name in ("xaxis", "yaxis")}
    return {
        "data": traces,
        "layout": {
            "height": height,
            "autosize": True,
            "margin": {"l": 8, "r": 12, "t": 30 if layout.get("showlegend", True) else 10, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "Arial, Helvetica, sans-serif", "size": 12, "color": INK},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"},
            "hoverlabel": {"font": {"family": "Arial, Helvetica, sans-serif", "size": 13}},
            "dragmode": False,
            **layout,
            **axes,
        },
    }


def month_axis(months: int = 24) -> dict[str, Any]:
    """A time axis: month names, the year once below the first of it. months: how many it spans."""
    ticks: dict[str, Any] = {"dtick": "M1"} if months < 9 else {"nticks": 9}
    return {"type": "date", "tickformat": "%b\n%Y", "showgrid": False, **ticks}


def value_axis(unit: str, spread: float = 1.0) -> dict[str, Any]:
    """A value axis in a measure's unit; spread: highest less lowest value drawn, which decides the decimals.

    It need not start at nought: a line is read by its height above others.
    """
    if unit == "percent":
        return {"tickformat": ",.1%" if spread < 0.05 else ",.0%", "nticks": 6}
    return {"tickformat": ",", "nticks": 6}


def plain(values: Iterable[Any]) -> list[Any]:
    """JSON-ready values: dates as ISO text, None for missing."""
    return [value.isoformat() if isinstance(value, date) else value for value in values]
