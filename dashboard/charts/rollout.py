"""The rollout of digital telephony: a burn-up, a tile a practice, and how far go-live dates slipped. Pure."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from dashboard import words
from dashboard.charts.style import (
    BLUE,
    GREY,
    LINE,
    NAVY,
    NAVY_LIGHT,
    NAVY_MIDDLE,
    NAVY_PALE,
    ON_PALE,
    ON_STRONG,
    ORANGE,
    PLUM,
    Figure,
    figure,
    plain,
)
from dashboard.page import Rows

STAGE_WORDS = {
    "analogue": "Analogue",
    "signed_up": "Signed up",
    "contracted": "Contracted",
    "installed": "Installed",
    "live": "Live",
}
NOT_NAMED = "Not in the tracker"
NO_STAGE = "No stage reached"
# colour and letter both carry the stage
TILES: dict[str, tuple[str, str, str]] = {
    NOT_NAMED: ("?", GREY, ON_STRONG),
    NO_STAGE: ("–", GREY, ON_STRONG),
    "analogue": ("A", ORANGE, ON_PALE),
    "signed_up": ("S", NAVY_PALE, ON_PALE),
    "contracted": ("C", NAVY_LIGHT, ON_PALE),
    "installed": ("I", NAVY_MIDDLE, ON_STRONG),
    "live": ("L", NAVY, ON_STRONG),
}
TILE, FEWEST_ACROSS = 26, 7  # pixels of a tile; a row has room for so many
NAME, TELEPHONE = 20, 165  # letters of a PCN's name beside a row; pixels that this leaves of 390 for the row
Finish = tuple[date | None, date | None, date | None]


def burn_up(rows: Rows, marks: Sequence[tuple[date, str]], finish: Finish | None, height: int = 360) -> Figure:
    """Practices by stage over time. rows: day, open, signed_up … live (None in the future), plan.

    marks: days to draw a line at, each with its few words. finish: earliest, likely and latest day on which all would
    be live; None where there is no forecast, a part None where it is too far off to draw.
    """
    known = [row for row in rows if row["open"] is not None]
    days = plain(row["day"] for row in known)
    traces = [_line(days, [row["open"] for row in known], "open practices", GREY, dash="dot")]
    for stage, colour, width in (
        ("signed_up", NAVY_PALE, 2),
        ("contracted", NAVY_LIGHT, 2),
        ("installed", NAVY_MIDDLE, 2),
        ("live", NAVY, 3.5),
    ):
        traces.append(_line(days, [row[stage] for row in known], STAGE_WORDS[stage].lower(), colour, width))
    traces.append(
        _line(plain(row["day"] for row in rows), [row["plan"] for row in rows], "planned live", LINE, dash="dash")
    )
    total = known[-1]["open"]
    ends = [rows[0]["day"], rows[-1]["day"], *(day for day, _ in marks)]
    if finish is not None:
        likely = finish[1]
        # an interval of many years would squeeze what has happened: it runs off the edge, its end is in the words
        edge = max([*ends, *([likely] if likely else [])]) + timedelta(days=180)
        drawn = [min(day or edge, edge) for day in finish]
        ends.append(min(max(drawn), edge))
        traces.append(_line(plain(drawn), [total] * len(drawn), "forecast: 9 runs in 10", BLUE, 6, opacity=0.45))
        if likely is not None:
            traces.append(
                {
                    "type": "scatter", "mode": "markers", "x": plain([likely]), "y": [total], "name": "forecast finish",
                    "marker": {"color": BLUE, "symbol": "diamond", "size": 12},
                    "hovertemplate": f"about {words.day(likely)}<extra>forecast finish</extra>",
                }
            )  # fmt: skip
    drawn_figure = figure(
        traces, height, hovermode="x unified", **_upright(marks, 0.02, "bottom"),
        xaxis={"type": "date", "tickformat": "%Y", "dtick": "M12", "showgrid": False, "hoverformat": "%-d %b %Y",
               "range": plain([min(ends), max(ends)])},
        yaxis={"rangemode": "tozero", "nticks": 6},
    )  # fmt: skip
    drawn_figure["layout"]["margin"]["t"] = 56
    return drawn_figure


def _upright(marks: Sequence[tuple[date, str]], y: float, anchor: str) -> dict[str, Any]:
    """A line at each mark, whole where it is a target's; its words run along it, so that a telephone has room."""
    shapes, notes = [], []
    for day, text in sorted(marks):
        at, is_target = day.isoformat(), text.startswith("target")
        shapes.append(
            {"type": "line", "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1,
             "line": {"color": PLUM, "width": 1.8, "dash": "solid" if is_target else "dash"}}
        )  # fmt: skip
        # the curves are to the left of the target
        notes.append(
            {"x": at, "y": y, "xref": "x", "yref": "paper", "text": text, "showarrow": False, "textangle": -90,
             "xanchor": "left" if is_target else "right", "xshift": 2 if is_target else -2, "yanchor": anchor,
             "font": {"color": PLUM, "size": 12}}
        )  # fmt: skip
    return {"shapes": shapes, "annotations": notes}


def analogue(rows: Rows, marks: Sequence[tuple[date, str]], height: int = 260) -> Figure:
    """Practices still on analogue lines, by month. rows: day, on_analogue; marks: when lines are withdrawn."""
    days = [row["day"] for row in rows]
    line = _line(plain(days), [row["on_analogue"] for row in rows], "on analogue lines", ORANGE, 3)
    line |= {"line": {**line["line"], "shape": "hv"}, "fill": "tozeroy", "fillcolor": "rgba(244,106,37,0.12)"}
    ends = [days[0], max([days[-1], *(day for day, _ in marks)]) + timedelta(days=60)]
    return figure(
        [line], height, showlegend=False, hovermode="x unified", **_upright(marks, 0.98, "top"),
        xaxis={"type": "date", "tickformat": "%Y", "dtick": "M12", "showgrid": False, "hoverformat": "%-d %b %Y",
               "range": plain(ends)},
        yaxis={"rangemode": "tozero", "nticks": 5},
    )  # fmt: skip


def effects(rows: Rows) -> Figure:
    """What going live changed: a point and its interval a measure, in percentage points; hollow: the placebo's.

    rows: title, estimate, lower, upper, placebo_estimate, placebo_lower, placebo_upper, as shares of 1.
    """
    names = [row["title"] for row in rows]
    traces = [
        {
            "type": "scatter", "mode": "markers", "name": name, "x": [100 * row[f"{part}estimate"] for row in rows],
            # beside each other on their measure's line
            "y": [place + shift for place in range(len(rows))],
            "error_x": {
                "type": "data", "symmetric": False, "color": colour, "thickness": 2, "width": 5,
                "array": [100 * (row[f"{part}upper"] - row[f"{part}estimate"]) for row in rows],
                "arrayminus": [100 * (row[f"{part}estimate"] - row[f"{part}lower"]) for row in rows],
            },
            "marker": {"color": colour, "size": 11, "symbol": symbol},
            "customdata": [
                f"<b>{row['title']}</b><br>{name}: {100 * row[f'{part}estimate']:+.1f} points "
                f"({100 * row[f'{part}lower']:+.1f} to {100 * row[f'{part}upper']:+.1f})".replace("-", "−")
                for row in rows
            ],
            "hovertemplate": "%{customdata}<extra></extra>",
        }
        for part, name, colour, symbol, shift in (
            ("", "after going live", NAVY, "circle", -0.14),
            ("placebo_", "made-up earlier date", GREY, "circle-open", 0.18),
        )
    ]  # fmt: skip
    nought = {"type": "line", "xref": "x", "yref": "paper", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "line": {"color": LINE}}
    return figure(
        traces, 70 + 52 * len(rows), hovermode="closest", shapes=[nought],
        xaxis={"nticks": 7, "title": {"text": "percentage points", "font": {"size": 12}, "standoff": 6}},
        yaxis={"tickmode": "array", "tickvals": list(range(len(rows))), "ticktext": names, "showgrid": False,
               "range": [len(rows) - 0.5, -0.5]},
    )  # fmt: skip


def went_live(drawn: Figure, day: date) -> Figure:
    """A chart by month with an upright line on the day of going live; returns a copy."""
    at = day.isoformat()
    mark = {"type": "line", "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1,
            "line": {"color": PLUM, "width": 1.8}}  # fmt: skip
    return {**drawn, "layout": {**drawn["layout"], "shapes": [mark]}}


def tile_of(row: dict[str, Any]) -> str:
    """Which of TILES a practice has."""
    if not row["is_tracked"]:
        return NOT_NAMED
    return row["stage"] or NO_STAGE


def tiles(rows: Rows) -> Figure:
    """A tile a practice, a row a PCN. rows: practice, name, pcn_name, stage, is_tracked, since, line_type."""
    groups: dict[str, Rows] = {}
    for row in rows:
        groups.setdefault(row["pcn_name"] or "No PCN", []).append(row)
    names = list(groups)
    across = max(FEWEST_ACROSS, *(len(group) for group in groups.values()))
    size, rim = min(TILE, TELEPHONE // across), {"color": GREY, "width": 1}
    traces = []
    for kind, (letter, colour, ink) in TILES.items():
        marked = [
            (n, place, row)
            for n, name in enumerate(names)
            for place, row in enumerate(groups[name])
            if tile_of(row) == kind
        ]
        if not marked:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [place for _, place, _ in marked],
                "y": [names[n] for n, _, _ in marked],
                "name": f"{letter} {STAGE_WORDS.get(kind, kind).lower()}",
                "ids": [row["practice"] for _, _, row in marked],  # a click leads to the practice
                "text": [letter] * len(marked),
                "textfont": {"color": ink, "size": min(13, size - 3)},
                "marker": {"symbol": "square", "size": size, "color": colour, "line": rim},
                "customdata": [
                    f"<b>{row['name'] or row['practice']}</b><br>{row['pcn_name'] or 'No PCN'}"
                    f"<br>{STAGE_WORDS.get(kind, kind)}" + (f" since {words.day(row['since'])}" if row["since"] else "")
                    + (f"<br>{row['line_type']}" if row["line_type"] else "")
                    for _, _, row in marked
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )  # fmt: skip
    drawn = figure(
        traces, 70 + 34 * len(names), hovermode="closest",
        xaxis={"visible": False, "range": [-0.6, across - 0.4]},
        yaxis={"type": "category", "showgrid": False, "range": [len(names) - 0.4, -0.6],
               "categoryorder": "array", "categoryarray": names, "tickmode": "array", "tickvals": names,
               "ticktext": [name if len(name) <= NAME else name[: NAME - 1].rstrip() + "…" for name in names]},
    )  # fmt: skip
    drawn["layout"]["margin"]["t"] = 44
    drawn["layout"]["legend"]["y"] = 1  # a share of the height would be far from the first of many rows
    return drawn


def slipped(rows: Rows, height: int = 280) -> Figure:
    """A bar a practice: days between the first planned go-live and the actual or newest planned one, most first."""
    traces = []
    hatched = {"shape": "/", "fgcolor": ORANGE, "bgcolor": "rgba(0,0,0,0)", "size": 6, "solidity": 0.45}
    for is_live, marker, name in (
        (True, {"color": NAVY}, "live"),
        (False, {"color": ORANGE, "pattern": hatched}, "still planned"),
    ):
        own = [(place, row) for place, row in enumerate(rows) if (row["live_on"] is not None) == is_live]
        if own:
            traces.append(
                {
                    "type": "bar",
                    "x": [place for place, _ in own],
                    "y": [row["slipped"] for _, row in own],
                    "ids": [row["practice"] for _, row in own],
                    "name": name,
                    "marker": marker,
                    "customdata": [_slip(row) for _, row in own],
                    "hovertemplate": "%{customdata}<extra></extra>",
                }
            )
    days = {"ticksuffix": " days", "tickformat": ",", "nticks": 6}
    return figure(traces, height, bargap=0.25, hovermode="closest", xaxis={"visible": False}, yaxis=days)


def _slip(row: dict[str, Any]) -> str:
    return f"<b>{row['name']}</b><br>{row['slipped']:+,} days<br>first planned {words.day(row['first_planned'])}"


def _line(
    x: list[Any], y: list[Any], name: str, colour: str, width: float = 1.6, dash: str = "solid", **more: Any
) -> dict[str, Any]:
    line = {"color": colour, "width": width, "dash": dash}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": line, **more}
