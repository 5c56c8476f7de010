"""Coverage as a grid: a row a practice, a column a source, a small strip of months in each cell."""

from collections.abc import Sequence
from urllib.parse import quote

from dash import html
from dash.development.base_component import Component

from dashboard import words
from dashboard.components.panel import table
from dashboard.page import Rows

CELL, GAP, HEIGHT = 5, 1, 14
DARK = "@media (prefers-color-scheme:dark){.y{fill:#7db4e8}.n{stroke:#ff8a4d}}"


def grid(rows: Rows) -> Component:
    """rows: of `queries.data.coverage`: practice, name, feed, months, expected, missing, pattern."""
    feeds = sorted({row["feed"] for row in rows})
    cells: dict[str, dict[str, Component]] = {}
    names = {}
    for row in rows:
        names[row["practice"]] = f"{row['name']} ({row['practice']})"
        cells.setdefault(row["practice"], {})[row["feed"]] = html.Span(
            [
                html.Img(src=strip(row["pattern"]), alt=_alternative(row), height=HEIGHT, className="strip"),
                f" {row['months']} of {row['expected']}",
            ],
            className="nowrap",
        )
    body = [[names[code], *[by_feed.get(feed, "not published") for feed in feeds]] for code, by_feed in cells.items()]
    return table("Months with data by practice and source", ["Practice", *feeds], body)


def strip(pattern: Sequence[bool]) -> str:
    """A `data:` URL of an SVG with a mark a month: filled where there is data, hollow where there is none."""
    width = len(pattern) * (CELL + GAP)
    marks = "".join(
        f'<rect class="y" x="{place * (CELL + GAP)}" y="1" width="{CELL}" height="{HEIGHT - 2}" fill="#12436d"/>'
        if has_data
        else f'<rect class="n" x="{place * (CELL + GAP) + 0.5}" y="1.5" width="{CELL - 1}" height="{HEIGHT - 3}" '
        'fill="none" stroke="#c44a00"/>'
        for place, has_data in enumerate(pattern)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}">'
        f"<style>{DARK}</style>{marks}</svg>"
    )
    return "data:image/svg+xml," + quote(svg, safe="/:=' ")


def _alternative(row: dict[str, object]) -> str:
    missing = row["missing"]
    return f"missing {words.ranges(missing)}" if missing else "complete"  # type: ignore[arg-type]
