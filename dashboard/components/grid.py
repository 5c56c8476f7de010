"""A long table as a grid: the browser draws only the rows in sight, and the reader may sort and filter them.

Elsewhere a table is a plain HTML table. A thousand cells of that are nothing to a browser and seconds to Dash, which
keeps each as a component of its own; only the page of what came in has so many.
"""

from collections.abc import Sequence
from typing import Any

import dash_ag_grid as dag
from dash.development.base_component import Component

WORDS = "__words"  # a row holds a cell's value, to sort by, and beside it the words that are shown
NUMBERS = ("count", "number", "percent", "measure")
HEADING, ROW, TALLEST, WIDEST, WRAPPED = 56, 42, 460, 430, 430  # pixels


def grid(columns: Sequence[dict[str, Any]], rows: list[dict[str, Any]]) -> Component:
    """columns: AG Grid's own definitions. rows: a dict a row, by the columns' `field`."""
    return dag.AgGrid(
        columnDefs=list(columns),
        rowData=rows,
        columnSize="responsiveSizeToFit",
        defaultColDef={"sortable": True, "resizable": True, "filter": True, "wrapHeaderText": True},
        dashGridOptions={"ensureDomOrder": True, "enableCellTextSelection": True, "animateRows": False,
                         "suppressColumnMoveAnimation": True},
        className="grid",
        style={"height": min(TALLEST, HEADING + ROW * (len(rows) + 1))},
    )  # fmt: skip


def column_of(key: str, heading: str, kind: str, written: Sequence[str]) -> dict[str, Any]:
    """The definition of a column whose cells read as `written`, as wide as they need."""
    longest = max(map(len, written), default=0)
    made: dict[str, Any] = {
        "field": key,
        "headerName": heading,
        "valueFormatter": {"function": f"params.data.{key}{WORDS}"},
        "minWidth": min(WIDEST, 50 + 8 * max(longest, max(map(len, heading.split())))),
    }
    if kind in NUMBERS:
        made |= {"type": "rightAligned", "filter": "agNumberColumnFilter"}
    if 8 * longest > WIDEST:
        made |= {"wrapText": True, "autoHeight": True, "cellClass": "wrapped", "minWidth": WRAPPED}
    return made
