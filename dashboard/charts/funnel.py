"""The funnel: every organisation on one chart, with the limits that chance explains for its size."""

from typing import Any

from dashboard import words
from dashboard.charts.style import BLUE, GREY, LINE, NAVY, ORANGE, PLUM, Figure, figure, value_axis
from dashboard.page import Rows

# on a logarithmic axis, coarsest first; the first with enough of them is taken, so that a telephone has room
TICKS = [
    [scale * 10**exponent for exponent in range(9) for scale in scales]
    for scales in ((1, 3), (1, 2, 5), (1, 2, 3, 5, 7), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9))
]
FEWEST_TICKS = 3
# how to read one, for those who want to know more than the panel's sentence
READING = (
    "Each mark is one organisation; the further right, the more there is to go by. About one in 500 would lie outside "
    "the 99.8% limits by chance. The limits are exact, binomial for a share and Poisson for a rate, and widened where "
    "organisations differ by more than chance (Spiegelhalter, 2005)."
)
OUTSIDE = ("above", "below")


def funnel(rows: Rows, unit: str, size_label: str, aim: float | None = None, height: int = 340) -> Figure:
    """Figure of a comparison.

    rows: of `queries.measures.compared`: name (None for an anonymous peer), is_chosen, value, denominator,
    lower_95 … upper_998, judgement, centre. The limits are drawn through those of the organisations themselves.
    size_label: what the denominator counts. aim: a line to read by, never what anyone is judged against.
    Where nobody is judged (too few of them) there are no limits.
    """
    by_size = sorted(rows, key=lambda row: row["denominator"])
    sizes = [row["denominator"] for row in by_size]
    judged = any(row["judgement"] for row in rows)
    inside, outside = "within the limits" if judged else "not judged", "outside the 99.8% limits"
    traces: list[dict[str, Any]] = [] if not judged else [
        _line(sizes, [row[f"{edge}_{side}"] for row in by_size], label, GREY, dash=dash, legendgroup=side,
              showlegend=edge == "lower", line_shape="spline")
        for side, dash, label in (("998", "dash", "99.8% limits"), ("95", "dot", "95% limits"))
        for edge in ("lower", "upper")
    ]  # fmt: skip
    ends = [sizes[0], sizes[-1]]
    centre = rows[0]["centre"]
    traces.append(_line(ends, [centre, centre], f"together {words.value(centre, unit)}", LINE))
    if aim is not None:
        traces.append(_line(ends, [aim, aim], f"aim {words.value(aim, unit)}", PLUM))
    chosen = [row for row in rows if row["is_chosen"]]
    others = [row for row in rows if not row["is_chosen"]]
    for marked, colour, symbol, size, label in (
        ([row for row in others if row["judgement"] not in OUTSIDE], NAVY, "circle", 8, inside),
        ([row for row in others if row["judgement"] in OUTSIDE], ORANGE, "diamond", 11, outside),
        (chosen, BLUE, "star", 15, "this organisation"),
    ):  # fmt: skip
        if marked:
            traces.append(_marks(marked, unit, colour, symbol, size, label))
    spread = max(row["value"] for row in rows) - min(row["value"] for row in rows)
    within = [[tick for tick in ticks if ends[0] * 0.9 <= tick <= ends[1] * 1.1] for ticks in TICKS]
    ticks = next((each for each in within if len(each) >= FEWEST_TICKS), within[-1])
    title = {"text": size_label, "font": {"size": 12}, "standoff": 6}
    sideways = {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,.0f}" for tick in ticks], "title": title}
    return figure(traces, height, hovermode="closest", xaxis=sideways, yaxis=value_axis(unit, spread))


def _line(
    x: list[float], y: list[float | None], name: str, colour: str,
    dash: str = "solid", line_shape: str = "linear", **more: Any,
) -> dict[str, Any]:  # fmt: skip
    line = {"color": colour, "width": 1.4, "dash": dash, "shape": line_shape}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": line, "hoverinfo": "skip", **more}


def _marks(rows: Rows, unit: str, colour: str, symbol: str, size: int, label: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row["denominator"] for row in rows],
        "y": [row["value"] for row in rows],
        "name": label,
        "text": [
            f"<b>{row['name'] or 'another organisation'}</b><br>{words.value(row['value'], unit)} of "
            f"{words.count(row['denominator'])}<br>"
            f"99.8% limits {words.value(row['lower_998'], unit)} to {words.value(row['upper_998'], unit)}"
            for row in rows
        ],
        "marker": {"color": colour, "symbol": symbol, "size": size},
        "hovertemplate": "%{text}<extra></extra>",
    }
