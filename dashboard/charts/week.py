"""An ordinary week as a grid of weekdays and half-hours, and an ordinary Monday morning minute by minute."""

from typing import Any

from dashboard import words
from dashboard.charts.style import (
    GRID,
    NAVY,
    NAVY_LIGHT,
    NAVY_MIDDLE,
    NAVY_PALE,
    ORANGE,
    Figure,
    figure,
)
from dashboard.page import Rows

RAMP = (NAVY_PALE, NAVY_LIGHT, NAVY_MIDDLE, NAVY)
SOLIDITY = (0.1, 0.25, 0.45, 0.7)  # of the hatching, from few lost to many
SHOWN = range(14, 38)  # 07:00 to 19:00; the table has the whole day
CELL = 0.92
ROUND_WAITS = (30.0, 60.0, 120.0, 300.0, 600.0, 1200.0)  # seconds
ROUND_COUNTS = tuple(step * 10.0**power for power in range(-3, 6) for step in (1, 2, 5))


def limits(key: str, highest: float) -> tuple[float, ...]:
    """Where one class of a grid ends and the next begins: up to three round numbers below `highest`."""
    below = [end for end in (ROUND_WAITS if key == "wait" else ROUND_COUNTS) if end <= 0.75 * highest]
    return tuple(below[-3:])


def grid(rows: Rows, key: str, height: int = 260) -> Figure:
    """Half-hours of an ordinary week, each filled by its class of `key`; what has no value is left empty.

    rows: of `queries.call_logs.week`. key: calls, missed (hatched orange) or wait (seconds). The legend is the scale.
    """
    shown = [row for row in rows if row["half_hour"] in SHOWN and row[key] is not None]
    ends = limits(key, max((row[key] for row in shown), default=0.0))
    traces = []
    for place in range(len(ends) + 1):
        part = [row for row in shown if sum(row[key] >= end for end in ends) == place]
        traces.append(
            {
                "type": "bar",
                "x": [row["label"] for row in part],
                "y": [CELL] * len(part),
                "base": [row["weekday"] - 1 for row in part],
                "width": [CELL] * len(part),
                "name": _class(key, ends, place),
                "marker": _fill(key, len(RAMP) - len(ends) - 1 + place),
                "customdata": [f"{row['day']} {row['label']}: <b>{said(key, row[key])}</b>" for row in part],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )
    labels = [f"{place // 2:02}:{30 * (place % 2):02}" for place in SHOWN]
    days = sorted({row["weekday"]: row["day"][:3] for row in rows}.items())
    return figure(
        traces, height, barmode="overlay", bargap=0,
        xaxis={
            "type": "category", "categoryorder": "array", "categoryarray": labels, "range": [-0.5, len(labels) - 0.5],
            "tickvals": labels[2::4], "ticktext": labels[2::4], "showgrid": False,
        },
        yaxis={
            "tickvals": [day - 1 + CELL / 2 for day, _ in days], "ticktext": [name for _, name in days],
            "range": [7, -0.06], "showgrid": False,
        },
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left", "itemclick": False,
                "itemdoubleclick": False, "traceorder": "normal"},
    )  # fmt: skip


def said(key: str, value: float | None) -> str:
    """A cell's value in words: `12.4 calls`, `1.3 missed`, `2 min 5 s`."""
    if value is None:
        return words.MISSING
    if key == "wait":
        return words.value(value, "seconds")
    return f"{mean(value)} {'missed' if key == 'missed' else 'calls'}"


def mean(value: float) -> str:
    """A mean count, with a decimal where it is small: `1,289`, `70.4`."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _class(key: str, ends: tuple[float, ...], place: int) -> str:
    def number(end: float) -> str:
        if key != "wait":
            return f"{end:,g}"
        return f"{end / 60:g} min" if end >= 60 else f"{end:g} s"

    if not ends:
        return "all"
    if place == 0:
        return f"under {number(ends[0])}"
    if place == len(ends):
        return f"{number(ends[-1])} or more"
    return f"{number(ends[place - 1])} to {number(ends[place])}"


def _fill(key: str, strength: int) -> dict[str, Any]:
    if key != "missed":
        return {"color": RAMP[strength]}
    pattern = {
        "shape": "/", "fgcolor": ORANGE, "bgcolor": "rgba(0,0,0,0)", "size": 5, "solidity": SOLIDITY[strength]
    }  # fmt: skip
    return {"color": ORANGE, "pattern": pattern, "line": {"color": ORANGE, "width": 0.5}}


def minutes(rows: Rows, height: int = 280) -> Figure:
    """Calls a minute, and of them those missed (dotted), as steps; the first hour from 08:00 shaded and named.

    rows: of `queries.call_logs.monday`: label, calls, missed, in order.
    """
    labels = [row["label"] for row in rows]
    lines = (("calls", "Calls", NAVY, "solid"), ("missed", "Of them missed", ORANGE, "dot"))
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": labels,
            "y": [row[key] for row in rows],
            "name": name,
            "line": {"color": colour, "width": 1.5, "dash": dash, "shape": "hv"},
            "hovertemplate": "%{y:.1f} " + name.lower() + "<extra></extra>",
        }
        for key, name, colour, dash in lines
    ]
    first_hour = {
        "type": "rect", "xref": "x", "yref": "paper", "x0": "08:00", "x1": "09:00", "y0": 0, "y1": 1,
        "fillcolor": GRID, "line": {"width": 0}, "layer": "below",
    }  # fmt: skip
    name = {
        "x": "08:30", "y": 1, "yref": "paper", "yanchor": "top", "xanchor": "center", "text": "first hour",
        "showarrow": False,
    }  # fmt: skip
    hours = [label for label in labels if label.endswith(":00")]
    return figure(
        traces, height, hovermode="x unified", shapes=[first_hour], annotations=[name],
        xaxis={"type": "category", "tickvals": hours, "ticktext": hours, "showgrid": False},
        yaxis={"rangemode": "tozero", "nticks": 5},
    )  # fmt: skip
