"""Bars: what happened by month, by time of day, and how a whole splits, with England as the mark to read against."""

from typing import Any

import pandas as pd

from dashboard import words
from dashboard.charts.style import (
    GREY,
    LINE,
    NAVY,
    NAVY_LIGHT,
    NAVY_MIDDLE,
    NAVY_PALE,
    ORANGE,
    Figure,
    figure,
    month_axis,
    plain,
)

OUTCOMES = {
    "answered": (NAVY, ""),
    "callback_requested": (NAVY_LIGHT, ""),
    "ended_in_ivr": (NAVY_PALE, ""),
    "missed": (ORANGE, "/"),
}
RAMP = (NAVY, NAVY_MIDDLE, NAVY_LIGHT, NAVY_PALE)


def _fill(colour: str, hatch: str) -> dict[str, Any]:
    if not hatch:
        return {"color": colour}
    return {"pattern": {"shape": hatch, "fgcolor": colour, "bgcolor": "rgba(0,0,0,0)", "size": 6, "solidity": 0.45},
            "color": colour, "line": {"color": colour, "width": 1}}  # fmt: skip


def stacked_months(frame: pd.DataFrame, height: int = 280) -> Figure:
    """Counts by month, stacked by outcome. frame: period_start, category, amount; a month without rows is a gap."""
    wide = frame.pivot_table(index="period_start", columns="category", values="amount", aggfunc="sum")
    order = [name for name in OUTCOMES if name in wide] + [name for name in wide if name not in OUTCOMES]
    x = plain(wide.index)
    traces = [
        {
            "type": "bar",
            "x": x,
            "y": plain(wide[name]),
            "name": words.category(name),
            "marker": _fill(*OUTCOMES.get(name, (GREY, "."))),
            "hovertemplate": "%{y:,} %{fullData.name}<extra></extra>",
        }
        for name in order
    ]
    return figure(
        traces, height, barmode="stack", bargap=0.25, hovermode="x unified",
        xaxis={**month_axis(), "hoverformat": "%B %Y"}, yaxis={"tickformat": "~s", "nticks": 6, "rangemode": "tozero"},
    )  # fmt: skip


def against_england(frame: pd.DataFrame, height: int = 280, upright: bool = False, name: str = "here") -> Figure:
    """Shares of one whole as bars, England's share as a mark across each.

    frame: label, share, england_share (may be empty), in the order to draw. upright: bars stand (time of day);
    otherwise they lie, first row on top.
    """
    labels = plain(frame["label"])
    values, england = plain(frame["share"]), plain(frame["england_share"])
    along, across = ("y", "x") if upright else ("x", "y")
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "v" if upright else "h",
            across: labels,
            along: values,
            "name": name,
            "marker": {"color": NAVY},
            "text": [words.value(each, "percent") for each in values],
            "textposition": "outside" if not upright else "none",
            "cliponaxis": False,
            "hovertemplate": f"%{{{across}}}: <b>%{{{along}:.1%}}</b><extra>{name}</extra>",
        }
    ]
    if any(each is not None for each in england):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers" if upright else "markers",
                across: labels,
                along: england,
                "name": "England",
                "line": {"color": LINE, "width": 1.5, "dash": "dot"},
                "marker": {
                    "color": LINE,
                    "symbol": "line-ew-open" if upright else "line-ns-open",
                    "size": 16,
                    "line": {"width": 2.5, "color": LINE},
                },
                "hovertemplate": f"%{{{across}}}: %{{{along}:.1%}}<extra>England</extra>",
            }
        )
    share = {"tickformat": ",.0%", "rangemode": "tozero", "nticks": 6}
    names = {"type": "category", "showgrid": False}
    if not upright:
        share |= {"showticklabels": False, "showgrid": False}
        names["autorange"] = "reversed"  # type: ignore[assignment]
    axes = {f"{across}axis": names, f"{along}axis": share}
    return figure(traces, height, bargap=0.3, **axes)


def split_bars(frame: pd.DataFrame, height: int = 240) -> Figure:
    """Whole bars cut into ordered bands, one bar a row.

    frame: row, label (of the band), share; both in the order to draw, shortest band first.
    """
    traces = []
    rows = list(dict.fromkeys(frame["row"]))
    for position, label in enumerate(dict.fromkeys(frame["label"])):
        part = frame[frame["label"] == label].set_index("row")["share"].reindex(rows)
        colour = RAMP[min(position, len(RAMP) - 1)]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "y": rows,
                "x": plain(part),
                "name": label,
                "marker": {"color": colour, "line": {"color": "rgba(128,128,128,0.5)", "width": 0.5}},
                "text": ["" if pd.isna(each) or each < 0.07 else f"{each:.0%}" for each in part],
                "textposition": "inside",
                "insidetextanchor": "middle",
                "constraintext": "none",
                "textangle": 0,
                "insidetextfont": {"color": "#ffffff" if position < 2 else "#212b32"},
                "hovertemplate": "%{y}: <b>%{x:.1%}</b> " + label + "<extra></extra>",
            }
        )
    return figure(
        traces, height, barmode="stack", bargap=0.35,
        xaxis={"tickformat": ",.0%", "range": [0, 1], "showgrid": False, "showticklabels": False},
        yaxis={"autorange": "reversed", "type": "category", "showgrid": False},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left", "traceorder": "normal"},
    )  # fmt: skip
