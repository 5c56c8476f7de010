"""An ordinary Monday by the half-hour: who got through, and who was lost."""

from dashboard.charts.style import NAVY, NAVY_PALE, ORANGE, Figure, figure
from dashboard.page import Rows

LOST = {"shape": "/", "fgcolor": ORANGE, "bgcolor": "rgba(0,0,0,0)", "size": 6, "solidity": 0.45}


def monday(rows: Rows, height: int = 250) -> Figure:
    """Stacked bars. rows: of `queries.practice.monday` from call logs: label, answered, other, missed, in order."""
    labels = [row["label"] for row in rows]
    parts = (
        ("answered", "Answered", {"color": NAVY}),
        ("other", "Other", {"color": NAVY_PALE}),
        ("missed", "Missed", {"color": ORANGE, "pattern": LOST, "line": {"color": ORANGE, "width": 1}}),
    )
    traces = [
        {
            "type": "bar",
            "x": labels,
            "y": [row[key] for row in rows],
            "name": name,
            "marker": marker,
            "hovertemplate": "%{x}: <b>%{y:.1f}</b> " + name.lower() + "<extra></extra>",
        }
        for key, name, marker in parts
        if any(row[key] for row in rows)
    ]
    every_second_hour = labels[::4]
    return figure(
        traces, height, barmode="stack", bargap=0.2,
        xaxis={"type": "category", "showgrid": False, "tickvals": every_second_hour, "ticktext": every_second_hour},
        yaxis={"rangemode": "tozero", "nticks": 5},
    )  # fmt: skip


def destinations(rows: Rows, height: int = 260) -> Figure:
    """Lying bars, the longest on top. rows: label, share, is_elsewhere (navy; otherwise grey-blue), in order."""
    labels = [row["label"] for row in rows]
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": labels,
        "x": [row["share"] for row in rows],
        "marker": {"color": [NAVY if row["is_elsewhere"] else NAVY_PALE for row in rows]},
        "text": [f"{100 * row['share']:.0f}%" for row in rows],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{y}: <b>%{x:.1%}</b><extra></extra>",
        "showlegend": False,
    }
    longest = max(row["share"] for row in rows)
    return figure(
        [trace], height, showlegend=False, bargap=0.3,
        xaxis={"showticklabels": False, "showgrid": False, "range": [0, longest * 1.2]},
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
    )  # fmt: skip
