"""Where requests go: a flow from category to destination, bars cut by destination, the day, before and after. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard import words
from dashboard.charts.style import (
    GREY,
    INK,
    NAVY,
    NAVY_LIGHT,
    NAVY_MIDDLE,
    NAVY_PALE,
    ORANGE,
    PLUM,
    Figure,
    figure,
    value_axis,
)
from dashboard.page import Rows

CATEGORIES = {
    "clinical_new": "New problem",
    "clinical_ongoing": "Ongoing problem",
    "medication": "Medication",
    "test_result": "Test result",
    "admin_fit_note": "Fit note",
    "admin_other": "Other admin",
    "unknown": "Category not told",
}
DESTINATIONS = {
    "gp_same_day": "GP, same day",
    "gp_routine": "GP, routine",
    "named_gp": "Named GP",
    "duty_doctor": "Duty doctor",
    "nurse": "Nurse",
    "hca": "Health care assistant",
    "practice_pharmacist": "Practice pharmacist",
    "paramedic": "Paramedic",
    "physician_associate": "Physician associate",
    "first_contact_physio": "Physiotherapist",
    "mental_health_practitioner": "Mental health",
    "social_prescriber": "Social prescriber",
    "care_coordinator": "Care coordinator",
    "health_coach": "Health coach",
    "admin_resolved": "Done by admin",
    "online_form": "Online form",
    "community_pharmacy": "Community pharmacy",
    "nhs_111": "NHS 111",
    "ae_999": "A&E or 999",
    "urgent_treatment_centre": "Urgent treatment centre",
    "dentist": "Dentist",
    "optician": "Optician",
    "self_referral": "Self-referral",
    "self_care": "Self-care",
    "voluntary_sector": "Voluntary sector",
    "other_external": "Elsewhere outside",
    "not_recorded": "Not recorded",
}
GP, PRACTICE, PHARMACY, OUTSIDE, EMERGENCY, NOT_RECORDED = (
    "A GP", "Others in the practice", "Community pharmacy", "Elsewhere outside", "A&E or 999", "Not recorded",
)  # fmt: skip
# group → its colour, hatch, and the ink of a figure on it
GROUPS = {
    GP: (NAVY, "", "#ffffff"),
    PRACTICE: (NAVY_MIDDLE, "", "#ffffff"),
    PHARMACY: (NAVY_LIGHT, "", "#212b32"),
    OUTSIDE: (INK, "", "#ffffff"),
    EMERGENCY: (ORANGE, "", "#212b32"),
    NOT_RECORDED: (GREY, "/", "#212b32"),
}
FREE, NODE = 0.33, 0.02  # of the height kept between nodes, the same on both sides; a node's width
LEAST = 0.02  # a smaller destination joins its group's rest
STEPS = 16
LEAST_LETTERS = 11  # pixels: where a figure of that size has no room in its part of a bar, it is not written


def group_of(destination: str) -> str:
    """Which of GROUPS a destination is in."""
    names = list(DESTINATIONS)
    if destination in ("not_recorded", "ae_999", "community_pharmacy"):
        return {"not_recorded": NOT_RECORDED, "ae_999": EMERGENCY, "community_pharmacy": PHARMACY}[destination]
    if destination not in DESTINATIONS:
        return OUTSIDE
    place = names.index(destination)
    return GP if place < names.index("nurse") else PRACTICE if place < names.index("community_pharmacy") else OUTSIDE


def flow(rows: Rows, height: int = 520) -> Figure:
    """Bands from request category (left) to destination (right), as wide as their requests are many.

    rows: request_category, destination, contacts. Destinations of under 2% stand together within their group.
    """
    whole = sum(row["contacts"] for row in rows)
    merged = _merged(rows, whole)
    lefts = [name for name in CATEGORIES if any(left == name for left, _ in merged)]
    rights = sorted({right for _, right in merged}, key=lambda right: _place(right, merged))
    left_at = _stack(lefts, {name: sum(n for (left, _), n in merged.items() if left == name) for name in lefts}, whole)
    right_at = _stack(
        rights, {name: sum(n for (_, right), n in merged.items() if right == name) for name in rights}, whole
    )
    traces: list[dict[str, Any]] = []
    left_used, right_used = dict.fromkeys(lefts, 0.0), dict.fromkeys(rights, 0.0)
    for left in lefts:
        for right in rights:
            count = merged.get((left, right), 0)
            if count:
                size = count / whole * (1 - FREE)
                start, end = left_at[left][0] + left_used[left], right_at[right][0] + right_used[right]
                left_used[left] += size
                right_used[right] += size
                text = f"<b>{CATEGORIES[left]}</b> to <b>{right[1]}</b><br>{count:,} requests, {count / whole:.1%}"
                traces.append(_band(start, end, size, GROUPS[right[0]][0], text))
    for at, names, x in ((left_at, lefts, 0.0), (right_at, rights, 1 - NODE)):
        for name in names:
            top, bottom = at[name]
            colour = GREY if x == 0 else GROUPS[name[0]][0]
            traces.append(_block(x, top, bottom, colour))
    notes = [_label(CATEGORIES[name], left_at[name], NODE + 0.008, "left") for name in lefts]
    notes += [_label(name[1], right_at[name], 1 - NODE - 0.008, "right") for name in rights]
    hidden = {"visible": False, "showgrid": False}
    drawn = figure(
        traces, height, showlegend=False, hovermode="closest", annotations=notes,
        xaxis={**hidden, "range": [0, 1]}, yaxis={**hidden, "range": [1.015, -0.015]},
    )  # fmt: skip
    drawn["layout"]["margin"] = {"l": 0, "r": 0, "t": 4, "b": 4}
    return drawn


Node = tuple[str, str]  # group and name of a destination


def _merged(rows: Rows, whole: int) -> dict[tuple[str, Node], int]:
    totals: dict[str, int] = {}
    for row in rows:
        totals[row["destination"]] = totals.get(row["destination"], 0) + row["contacts"]
    found: dict[tuple[str, Node], int] = {}
    for row in rows:
        destination, group = row["destination"], group_of(row["destination"])
        small = totals[destination] < LEAST * whole and group in (GP, PRACTICE, OUTSIDE)
        name = group if small else DESTINATIONS.get(destination, words.category(destination))
        key = (row["request_category"], (group, name))
        found[key] = found.get(key, 0) + row["contacts"]
    return found


def _place(right: Node, merged: Mapping[tuple[str, Node], int]) -> tuple[int, bool, int]:
    """By group, then the largest first, and the rest of a group last."""
    count = sum(n for (_, each), n in merged.items() if each == right)
    return list(GROUPS).index(right[0]), right[1] == right[0], -count


def _stack(names: Sequence[Any], sizes: Mapping[Any, int], whole: int) -> dict[Any, tuple[float, float]]:
    """Top and bottom of each node, on a scale that both sides share, so that bands keep their width."""
    gap = FREE / (len(names) - 1) if len(names) > 1 else 0
    found, top = {}, 0.0
    for name in names:
        bottom = top + sizes[name] / whole * (1 - FREE)
        found[name] = (top, bottom)
        top = bottom + gap
    return found


def _band(start: float, end: float, size: float, colour: str, text: str) -> dict[str, Any]:
    """A filled ribbon between two nodes, its edges a smooth step."""
    xs = [NODE + (1 - 2 * NODE) * step / STEPS for step in range(STEPS + 1)]
    rise = [t * t * (3 - 2 * t) for t in (step / STEPS for step in range(STEPS + 1))]
    upper = [start + (end - start) * each for each in rise]
    lower = [each + size for each in upper]
    return {
        "type": "scatter", "mode": "lines", "x": xs + xs[::-1], "y": upper + lower[::-1], "fill": "toself",
        "fillcolor": colour, "opacity": 0.38, "line": {"color": colour, "width": 0.5}, "hoveron": "fills", "text": text,
        "hoverinfo": "text",
    }  # fmt: skip


def _block(x: float, top: float, bottom: float, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "x": [x, x + NODE, x + NODE, x], "y": [top, top, bottom, bottom],
        "fill": "toself", "fillcolor": colour, "line": {"color": colour, "width": 0.5}, "hoverinfo": "skip",
    }  # fmt: skip


def _label(name: str, at: tuple[float, float], x: float, side: str) -> dict[str, Any]:
    share = (at[1] - at[0]) / (1 - FREE)
    shown = f"{share:.0%}" if share >= 0.01 else "&lt;1%"
    return {
        "x": x, "y": (at[0] + at[1]) / 2, "text": f"{name} <b>{shown}</b>",
        "showarrow": False, "xanchor": side, "yanchor": "middle", "font": {"size": 12, "color": "#212b32"},
    }  # fmt: skip


def split(rows: Rows, height: int | None = None) -> Figure:
    """A bar an organisation, cut by group of destination. rows: name, destination, share (of the organisation's)."""
    names = list(dict.fromkeys(row["name"] for row in rows))
    parts: dict[str, dict[str, float]] = {group: {} for group in GROUPS}
    for row in rows:
        part = parts[group_of(row["destination"])]
        part[row["name"]] = part.get(row["name"], 0.0) + row["share"]
    traces = [_part(group, [parts[group].get(name) for name in names], names) for group in GROUPS if parts[group]]
    drawn = figure(
        # on a telephone the legend stands in six rows above: what is left has to hold a figure in each bar
        traces, height or max(220, 76 + 36 * len(names)), barmode="stack", bargap=0.14,
        xaxis={"range": [0, 1], "showgrid": False, "showticklabels": False},
        yaxis={"autorange": "reversed", "type": "category", "showgrid": False},
    )  # fmt: skip
    drawn["layout"]["legend"]["traceorder"] = "normal"
    drawn["layout"]["margin"]["t"] = 56
    drawn["layout"]["uniformtext"] = {"minsize": LEAST_LETTERS, "mode": "hide"}
    return drawn


def _part(group: str, shares: Sequence[float | None], names: Sequence[str]) -> dict[str, Any]:
    colour, hatch, ink = GROUPS[group]
    marker: dict[str, Any] = {"color": colour, "line": {"color": colour, "width": 0.5}}
    if hatch:
        marker["pattern"] = {"shape": hatch, "fgcolor": colour, "bgcolor": "rgba(0,0,0,0)", "size": 6, "solidity": 0.3}
    return {
        "type": "bar", "orientation": "h", "y": list(names), "x": list(shares), "name": group, "marker": marker,
        "text": ["" if each is None or hatch else f"{each:.0%}" for each in shares],
        "textposition": "inside", "insidetextanchor": "middle", "textangle": 0,
        "insidetextfont": {"color": ink}, "hovertemplate": "%{y}: <b>%{x:.1%}</b> " + group + "<extra></extra>",
    }  # fmt: skip


def trained(rows: Rows, height: int | None = None) -> Figure:
    """Practices with and without a trained navigator, a bar a PCN. rows: pcn_name, is_trained."""
    names = sorted({row["pcn_name"] or "No PCN" for row in rows})
    counts = {
        done: [
            sum((row["pcn_name"] or "No PCN") == name and row["is_trained"] == done for row in rows) for name in names
        ]
        for done in (True, False)
    }
    traces = []
    for done, name, colour, hatch in ((True, "trained", NAVY, ""), (False, "not yet", ORANGE, "/")):
        marker: dict[str, Any] = {"color": colour, "line": {"color": colour, "width": 1}}
        if hatch:
            marker["pattern"] = {
                "shape": hatch,
                "fgcolor": colour,
                "bgcolor": "rgba(0,0,0,0)",
                "size": 6,
                "solidity": 0.45,
            }
        traces.append(
            {
                "type": "bar", "orientation": "h", "y": names, "x": [n or None for n in counts[done]], "name": name,
                "marker": marker,
                "hovertemplate": "%{y}: <b>%{x}</b> " + name + "<extra></extra>",
            }
        )  # fmt: skip
    return figure(
        traces, height or max(180, 66 + 28 * len(names)), barmode="stack", bargap=0.3,
        xaxis={"rangemode": "tozero", "dtick": 1 + max(map(sum, zip(*counts.values(), strict=True))) // 7},
        yaxis={"autorange": "reversed", "type": "category", "showgrid": False},
    )  # fmt: skip


# parts of a half-hour's requests, with colour and hatch
PARTS = {
    "redirected": ("redirected", NAVY, ""),
    "to_gp": ("to a GP", NAVY_LIGHT, ""),
    "not_recorded": ("not recorded", GREY, "/"),
    "other": ("administrative, or category not told", NAVY_PALE, ""),
}
LABELLED_MINUTES = ":00"


def day(rows: Rows, height: int = 280) -> Figure:
    """Requests by half-hour, each bar cut by what became of them. rows: of `queries.navigation.times`."""
    labels = [row["category"] for row in rows]
    traces = []
    for key, (name, colour, hatch) in PARTS.items():
        marker: dict[str, Any] = {"color": colour}
        if hatch:
            marker["pattern"] = {"shape": hatch, "fgcolor": colour, "bgcolor": "rgba(0,0,0,0)", "size": 6}
            marker["line"] = {"color": colour, "width": 0.5}
        traces.append(
            {
                "type": "bar", "x": labels, "y": [row[key] for row in rows], "name": name, "marker": marker,
                "hovertemplate": "from %{x}: <b>%{y:,}</b> " + name + "<extra></extra>",
            }
        )  # fmt: skip
    # a label for every second hour: there is no room for more
    hours = [label for label in labels if label.endswith(LABELLED_MINUTES) and int(label[:2]) % 2 == 0]
    drawn = figure(
        traces, height, barmode="stack", bargap=0.2,
        xaxis={"type": "category", "showgrid": False, "tickvals": hours},
        yaxis={"tickformat": ",d", "nticks": 6, "rangemode": "tozero"},
    )  # fmt: skip
    drawn["layout"]["legend"]["traceorder"] = "normal"
    return drawn


def before_and_after(rows: Rows, height: int = 300) -> Figure:
    """Two lines around training: practices trained and, in the same months, practices not yet.

    rows: of `queries.navigation.impact_path`: months_since (0, the month itself, is left out and the lines break
    there), switched, waiting.
    """
    steps = list(range(rows[0]["months_since"], rows[-1]["months_since"] + 1))
    by_step = {row["months_since"]: row for row in rows}
    traces = [
        {
            "type": "scatter", "mode": "lines+markers", "x": steps, "name": name,
            "y": [by_step[step][key] if step in by_step else None for step in steps],
            "line": {"color": colour, "width": 2, "dash": dash},
            "marker": {"color": colour, "symbol": symbol, "size": 8},
            "hovertemplate": "<b>%{y:.1%}</b> " + name + "<extra></extra>",
        }
        for key, name, colour, dash, symbol in (
            ("switched", "trained", NAVY, "solid", "circle"),
            ("waiting", "not yet trained, same months", GREY, "dot", "diamond"),
        )
    ]  # fmt: skip
    values = [row[key] for row in rows for key in ("switched", "waiting")]
    return figure(
        traces, height, hovermode="x",
        xaxis={"tickvals": steps, "ticktext": [_since(step) for step in steps], "showgrid": False,
               "title": {"text": "months from each practice's first training", "font": {"size": 12}}},
        yaxis=value_axis("percent", max(values) - min(values)),
        shapes=[{"type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper",
                 "line": {"color": PLUM, "width": 1.5}}],
        annotations=[{"x": 0, "y": 1, "yref": "paper", "yanchor": "top", "xanchor": "left",
                      "text": " month of training", "showarrow": False, "font": {"color": PLUM}}],
    )  # fmt: skip


def _since(step: int) -> str:
    return f"−{-step}" if step < 0 else f"+{step}" if step else ""
