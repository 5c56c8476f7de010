"""The XmR chart: values with their mean and limits, special causes told apart by shape and colour."""

from typing import Any

import pandas as pd

from dashboard import words
from dashboard.charts.style import (
    CONCERN,
    GREY,
    IMPROVEMENT,
    LINE,
    NEUTRAL,
    PLUM,
    Figure,
    figure,
    month_axis,
    plain,
    value_axis,
)

MARKS = {
    "common": (GREY, "circle", 7, "usual range"),
    "improvement": (IMPROVEMENT, "diamond", 10, "better: a real change"),
    "concern": (CONCERN, "square", 9, "worse: a real change"),
    "neutral": (NEUTRAL, "triangle-up", 10, "a real change"),
}


def spc(frame: pd.DataFrame, unit: str, aim: float | None = None, height: int = 280) -> Figure:
    """Figure of a monthly series.

    frame: period_start, value, mean, lower_limit, upper_limit, special_cause, variation; a month without data is a
    row of gaps, and the lines break there. Limits may step (a rebased series): they are drawn as steps with a
    break. aim: drawn as a line of its own, named.
    """
    x = plain(frame["period_start"])
    text = [
        f"<b>{words.value(row.value, unit)}</b> {words.month(row.period_start)}<br>"
        + (words.rule(row.special_cause) or "in its usual range")
        for row in frame.itertuples()
    ]
    traces: list[dict[str, Any]] = [
        _limit(x, frame["upper_limit"], "limits", True),
        _limit(x, frame["lower_limit"], "limits", False),
        {
            "type": "scatter",
            "mode": "lines",
            "x": x,
            "y": plain(_broken(frame["mean"])),
            "name": "average",
            "line": {"color": LINE, "width": 1.5},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "x": x,
            "y": plain(frame["value"]),
            "line": {"color": GREY, "width": 1.5},
            "hoverinfo": "skip",
            "showlegend": False,
        },
    ]
    kinds = frame["variation"].fillna("common_cause").str.split("_").str[0]
    for kind, (colour, symbol, size, name) in MARKS.items():
        chosen = (kinds == kind) & frame["value"].notna()
        if chosen.any():
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": plain(frame["period_start"][chosen]),
                    "y": plain(frame["value"][chosen]),
                    "name": name,
                    "marker": {"color": colour, "symbol": symbol, "size": size},
                    "text": [each for each, keep in zip(text, chosen, strict=True) if keep],
                    "hovertemplate": "%{text}<extra></extra>",
                }
            )
    if aim is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [x[0], x[-1]],
                "y": [aim, aim],
                "name": f"aim {words.value(aim, unit)}",
                "line": {"color": PLUM, "width": 2},
                "hoverinfo": "skip",
            }
        )
    return figure(traces, height, xaxis=month_axis(), yaxis=value_axis(unit), hovermode="closest")


def _limit(x: list[Any], values: pd.Series, name: str, shown: bool) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": plain(_broken(values)),
        "name": name,
        "legendgroup": name,
        "showlegend": shown,
        "line": {"color": GREY, "width": 1.2, "dash": "dash"},
        "hoverinfo": "skip",
    }


def _broken(values: pd.Series) -> pd.Series:
    """A line that changes level starts anew: its first point of each level is left without a joining stroke."""
    stepped = values.diff().abs() > 1e-12
    return values.mask(stepped & ~stepped.shift(-1, fill_value=False)) if stepped.sum() < len(values) / 4 else values
