"""The funnel: every organisation on one chart, with the limits that chance explains for its size."""

from typing import Any

import numpy as np
import pandas as pd

from dashboard import words
from dashboard.charts.style import BLUE, GREY, LINE, NAVY, ORANGE, PLUM, Figure, figure, plain, value_axis
from etl.analysis.funnel import Funnel, limits
from etl.analysis.funnel import funnel as compare

CURVE_POINTS = 60
TICKS = [scale * power for power in (10**exponent for exponent in range(9)) for scale in (1, 3)]


def compared(frame: pd.DataFrame, unit: str) -> Funnel:
    """Limits and judgements of `numerator` and `denominator`; organisations with none are kept without."""
    return compare(frame["numerator"], frame["denominator"], unit)


def funnel(
    frame: pd.DataFrame, judged: Funnel, unit: str, size_label: str, aim: float | None = None, height: int = 340
) -> Figure:
    """Figure of a comparison.

    frame: name (None for an anonymous peer), is_chosen, beside `judged`'s points in the same order. size_label:
    what the denominator counts, for the axis. aim: a line to read by, never what anyone is judged against.
    """
    points = judged.points
    low, high = points["denominator"].min(), points["denominator"].max()
    sizes = np.geomspace(max(1.0, low * 0.9), max(2.0, high * 1.1), CURVE_POINTS)
    curve = limits(np.rint(sizes), judged.centre, unit, judged.overdispersion.tau)
    traces: list[dict[str, Any]] = []
    for side, dash, label in (("998", "dash", "99.8% limits"), ("95", "dot", "95% limits")):
        for edge in ("lower", "upper"):
            traces.append(
                {
                    "type": "scatter", "mode": "lines", "x": plain(curve["denominator"]),
                    "y": plain(curve[f"{edge}_{side}"]), "name": label, "legendgroup": side,
                    "showlegend": edge == "lower", "line": {"color": GREY, "width": 1.2, "dash": dash}, "hoverinfo": "skip",
                }
            )  # fmt: skip
    ends = [float(sizes[0]), float(sizes[-1])]
    traces.append(_line(ends, judged.centre, LINE, f"together {words.value(judged.centre, unit)}"))
    if aim is not None:
        traces.append(_line(ends, aim, PLUM, f"aim {words.value(aim, unit)}"))
    outside = points["judgement"].isin(["above", "below"])
    chosen = frame["is_chosen"].astype(bool)
    for rows, colour, symbol, size, label in (
        (~outside & ~chosen, NAVY, "circle", 7, "within the limits"),
        (outside & ~chosen, ORANGE, "diamond", 10, "outside the 99.8% limits"),
        (chosen, BLUE, "star", 14, "this organisation"),
    ):
        if rows.any():
            traces.append(_marks(frame[rows], points[rows], unit, colour, symbol, size, label))
    return figure(
        traces, height, hovermode="closest",
        xaxis={"type": "log", "tickvals": [tick for tick in TICKS if ends[0] <= tick <= ends[1]], "tickformat": ",",
               "title": {"text": size_label, "font": {"size": 12}, "standoff": 6}},
        yaxis=value_axis(unit),
    )  # fmt: skip


def _line(ends: list[float], height: float, colour: str, name: str) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "x": ends, "y": [height, height], "name": name,
            "line": {"color": colour, "width": 1.5}, "hoverinfo": "skip"}  # fmt: skip


def _marks(
    frame: pd.DataFrame, points: pd.DataFrame, unit: str, colour: str, symbol: str, size: int, label: str
) -> dict[str, Any]:
    names = [name if isinstance(name, str) else "another practice" for name in frame["name"]]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": plain(points["denominator"]),
        "y": plain(points["value"]),
        "name": label,
        "text": [
            f"<b>{name}</b><br>{words.value(row.value, unit)} of {words.count(row.denominator)}<br>"
            f"limits {words.value(row.lower_998, unit)} to {words.value(row.upper_998, unit)}"
            for name, row in zip(names, points.itertuples(), strict=True)
        ],
        "marker": {"color": colour, "symbol": symbol, "size": size},
        "hovertemplate": "%{text}<extra></extra>",
    }
