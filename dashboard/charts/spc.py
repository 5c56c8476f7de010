"""The XmR chart: values with their mean and limits, special causes told apart by shape and colour."""

from typing import Any

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
from dashboard.page import Rows

SAME_LEVEL = 1e-9
MARKS = {
    "common": (GREY, "circle", 7, "usual range"),
    "improvement": (IMPROVEMENT, "diamond", 10, "better: a real change"),
    "concern": (CONCERN, "square", 9, "worse: a real change"),
    "neutral": (NEUTRAL, "triangle-up", 10, "a real change"),
}


def spc(rows: Rows, unit: str, aim: float | None = None, height: int = 280) -> Figure:
    """Figure of a monthly series.

    rows: period_start, value, mean, lower_limit, upper_limit, special_cause, variation; a month without data is a
    row of None, and the lines break there. Limits may step (a rebased series): they break at the step.
    aim: drawn as a line of its own, named.
    """
    x = plain(row["period_start"] for row in rows)
    traces = [
        _line(x, _within(_levels(rows, "upper_limit"), unit), "limits", GREY, dash="dash", legendgroup="limits"),
        _line(
            x,
            _within(_levels(rows, "lower_limit"), unit),
            "limits",
            GREY,
            dash="dash",
            legendgroup="limits",
            showlegend=False,
        ),
        _line(x, _levels(rows, "mean"), "average", LINE),
        _line(x, [row["value"] for row in rows], "", GREY, showlegend=False),
    ]
    for kind, (colour, symbol, size, name) in MARKS.items():
        chosen = [row for row in rows if row["value"] is not None and mark_of(row["variation"]) == kind]
        if chosen:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": plain(row["period_start"] for row in chosen),
                    "y": [row["value"] for row in chosen],
                    "name": name,
                    "marker": {"color": colour, "symbol": symbol, "size": size},
                    "text": [_hover(row, unit) for row in chosen],
                    "hovertemplate": "%{text}<extra></extra>",
                }
            )
    if aim is not None:
        traces.append(_line([x[0], x[-1]], [aim, aim], f"aim {words.value(aim, unit)}", PLUM, width=2))
    return figure(
        traces, height, xaxis=month_axis(len(rows)), yaxis=value_axis(unit, _spread(rows)), hovermode="closest"
    )


def mark_of(variation: str | None) -> str:
    """Which of MARKS a variation class has: `concern_high` → `concern`."""
    return (variation or "common").split("_")[0]


def _hover(row: dict[str, Any], unit: str) -> str:
    verdict = words.rule(row["special_cause"]) or "in its usual range"
    return f"<b>{words.value(row['value'], unit)}</b> {words.month(row['period_start'])}<br>{verdict}"


def _line(
    x: list[Any], y: list[Any], name: str, colour: str, dash: str = "solid", width: float = 1.5, **more: Any
) -> dict[str, Any]:
    line = {"color": colour, "width": width, "dash": dash}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": line, "hoverinfo": "skip", **more}


def _levels(rows: Rows, name: str) -> list[float | None]:
    """A limit by month, without the stroke that would join one level to the next."""
    values = [row[name] for row in rows]
    before = [None, *values[:-1]]
    return [
        None if last is not None and value is not None and abs(value - last) > SAME_LEVEL else value
        for last, value in zip(before, values, strict=True)
    ]


def _within(levels: list[float | None], unit: str) -> list[float | None]:
    """Limits within what a value can be, as the sentences say them: no share is below 0 or above 1."""
    highest = 1.0 if unit == "percent" else float("inf")
    return [None if level is None else min(max(level, 0.0), highest) for level in levels]


def _spread(rows: Rows) -> float:
    drawn = [row[name] for row in rows for name in ("value", "lower_limit", "upper_limit") if row[name] is not None]
    return max(drawn) - min(drawn)
