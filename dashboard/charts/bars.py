"""Bars: what happened by month, by time of day, and how a whole splits, with England as the mark to read against."""

from typing import Any

from dashboard import words
from dashboard.charts.style import (
    GREY,
    LINE,
    NAVY,
    NAVY_LIGHT,
    NAVY_MIDDLE,
    NAVY_PALE,
    ON_PALE,
    ON_STRONG,
    ORANGE,
    Figure,
    figure,
    month_axis,
    plain,
)
from dashboard.page import Rows

OUTCOMES = {
    "answered": (NAVY, ""),
    "callback_requested": (NAVY_LIGHT, ""),
    "ended_in_ivr": (NAVY_PALE, ""),
    "missed": (ORANGE, "/"),
}
RAMP = (NAVY, NAVY_MIDDLE, NAVY_LIGHT, NAVY_PALE)
LEAST_LABELLED = 0.07  # a narrower part of a bar has no room for its figure


def _fill(colour: str, hatch: str) -> dict[str, Any]:
    if not hatch:
        return {"color": colour}
    pattern = {"shape": hatch, "fgcolor": colour, "bgcolor": "rgba(0,0,0,0)", "size": 6, "solidity": 0.45}
    return {"color": colour, "pattern": pattern, "line": {"color": colour, "width": 1}}


def stacked_months(rows: Rows, height: int = 280) -> Figure:
    """Counts by month, stacked by outcome. rows: period_start, category, amount; a month without rows is a gap."""
    by_category: dict[str, dict[Any, Any]] = {}
    for row in rows:
        by_category.setdefault(row["category"], {})[row["period_start"]] = row["amount"]
    months = sorted({row["period_start"] for row in rows})
    order = [name for name in OUTCOMES if name in by_category] + sorted(set(by_category) - set(OUTCOMES))
    traces = [
        {
            "type": "bar",
            "x": plain(months),
            "y": [by_category[name].get(month) for month in months],
            "name": words.category(name),
            "marker": _fill(*OUTCOMES.get(name, (GREY, "."))),
            "hovertemplate": "%{y:,} %{fullData.name}<extra></extra>",
        }
        for name in order
    ]
    return figure(
        traces, height, barmode="stack", bargap=0.25, hovermode="x unified",
        xaxis={**month_axis(len(months)), "hoverformat": "%B %Y"},
        yaxis={"tickformat": "~s", "nticks": 6, "rangemode": "tozero"},
    )  # fmt: skip


def against_england(rows: Rows, height: int = 280, upright: bool = False, name: str = "here") -> Figure:
    """Shares of one whole as bars, England's share as a mark across each.

    rows: label, share, england_share (None where England has none), in the order to draw. upright: bars stand
    (time of day); otherwise they lie, first row on top.
    """
    labels = [row["label"] for row in rows]
    values, england = [row["share"] for row in rows], [row["england_share"] for row in rows]
    along, across = ("y", "x") if upright else ("x", "y")
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "v" if upright else "h",
            across: labels,
            along: values,
            "name": name,
            "marker": {"color": NAVY},
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
                    "symbol": "circle-open" if upright else "line-ns-open",
                    "size": 8 if upright else 20,
                    "line": {"width": 2.5, "color": LINE},
                },
                "hovertemplate": f"%{{{across}}}: %{{{along}:.1%}}<extra>England</extra>",
            }
        )
    share: dict[str, Any] = {"tickformat": ",.0%", "rangemode": "tozero", "nticks": 6}
    names: dict[str, Any] = {"type": "category", "showgrid": False}
    if not upright:
        # figures stand in a column of their own, clear of bars and marks
        longest = max(each for each in [0.0, *values, *england] if each is not None)
        share |= {
            "showticklabels": False,
            "showgrid": False,
            "range": [0, longest * 1.4],
        }  # also where a panel is narrow
        names |= {"autorange": "reversed", "ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0,0,0,0)"}
    axes = {f"{across}axis": names, f"{along}axis": share}
    return figure(traces, height, bargap=0.3, annotations=[] if upright else _column(labels, values), **axes)


def _column(labels: list[str], values: list[float | None]) -> list[dict[str, Any]]:
    return [
        {
            "x": 1,
            "xref": "paper",
            "xanchor": "right",
            "y": label,
            "text": words.value(value, "percent"),
            "showarrow": False,
        }
        for label, value in zip(labels, values, strict=True)
    ]


def split_bars(rows: Rows, height: int = 240) -> Figure:
    """Whole bars cut into ordered bands, one bar a `row`.

    rows: row (the bar's name), label (of the band), share; both in the order to draw, shortest band first.
    """
    bars = list(dict.fromkeys(row["row"] for row in rows))
    traces = []
    for position, label in enumerate(dict.fromkeys(row["label"] for row in rows)):
        part = {row["row"]: row["share"] for row in rows if row["label"] == label}
        shares = [part.get(bar) for bar in bars]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "y": bars,
                "x": shares,
                "name": label,
                "marker": {
                    "color": RAMP[min(position, len(RAMP) - 1)],
                    "line": {"color": "rgba(128,128,128,0.5)", "width": 0.5},
                },
                "text": ["" if each is None or each < LEAST_LABELLED else f"{each:.0%}" for each in shares],
                "textposition": "inside",
                "insidetextanchor": "middle",
                "constraintext": "none",
                "textangle": 0,
                "insidetextfont": {"color": ON_STRONG if position < 2 else ON_PALE},
                "hovertemplate": "%{y}: <b>%{x:.1%}</b> " + label + "<extra></extra>",
            }
        )
    return figure(
        traces, height, barmode="stack", bargap=0.35,
        xaxis={"range": [0, 1], "showgrid": False, "showticklabels": False},
        yaxis={"autorange": "reversed", "type": "category", "showgrid": False},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left", "traceorder": "normal"},
    )  # fmt: skip
