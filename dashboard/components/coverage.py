"""Coverage as a grid: a row a practice, a column a source, a small strip of months in each cell."""

from dash.development.base_component import Component

from dashboard import words
from dashboard.components.grid import grid
from dashboard.page import Rows


def coverage_grid(rows: Rows) -> Component:
    """rows: of `queries.data.coverage`: practice, name, feed, months, expected, missing, pattern."""
    feeds = sorted({row["feed"] for row in rows})
    by_practice: dict[str, dict[str, object]] = {}
    for row in rows:
        cells = by_practice.setdefault(row["practice"], {"name": row["name"], "code": row["practice"]})
        field = f"feed{feeds.index(row['feed'])}"
        cells[field] = row["months"]
        cells[f"{field}__strip"] = row["pattern"]  # the browser draws it (`assets/switchboard.js`)
        cells[f"{field}__words"] = f"{row['months']} of {row['expected']}"
        cells[f"{field}__said"] = f"missing {words.ranges(row['missing'])}" if row["missing"] else "complete"
    columns = [
        {"field": "name", "headerName": "Practice", "minWidth": 230},
        {"field": "code", "headerName": "Code", "minWidth": 100},
    ]
    for number, feed in enumerate(feeds):
        columns.append(
            {"field": f"feed{number}", "headerName": feed, "cellRenderer": "Coverage", "minWidth": 240,
             "filter": "agNumberColumnFilter"}
        )  # fmt: skip
    return grid(columns, list(by_practice.values()))
