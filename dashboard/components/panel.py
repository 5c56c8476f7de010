"""The panel: what every chart and table stands in. Its title is the finding; its foot says what it rests on."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import words
from dashboard.components.attributes import attributes
from dashboard.components.grid import WORDS, column_of, grid
from dashboard.components.icons import SIZE, WITH_ICON
from dashboard.page import Chart, Definitions, Drawing, Rows
from dashboard.view import View

GRAPH_CONFIG: Any = {"displayModeBar": False, "responsive": True, "doubleClick": False}


def slot(chart: Chart, view: View, wide: bool = False) -> Component:
    """The place on a page that the browser fills with `chart` (one request a chart, remembered by the server)."""
    return html.Section(
        html.P("Loading…", className="loading"),
        id={"panel": chart.name, "view": view.search()},
        className="panel wide" if wide else "panel",
        style={"minHeight": chart.height + 130} if chart.height else {},
        **attributes(data_testid=f"panel-{chart.name}"),
    )


def panel(
    chart: Chart, drawing: Drawing, view: View, definitions: Definitions, shown_table: Component | None = None
) -> list[Component]:
    """The contents of a chart's slot. shown_table: the table itself, for a panel without a figure."""
    identity = {"chart": chart.name, "view": view.search()}
    meaning = what_this_means(chart, view, definitions, drawing.note)
    actions: list[Component] = []
    behind = drawing.figure is not None or drawing.body is not None
    if behind:
        actions.append(_toggle("Table", "table", drawing.title, id={"table-button": True, **identity}))
    actions.append(
        html.A(
            "CSV",
            href=f"/csv/{chart.name}{view.search()}",
            download="",
            **attributes(aria_label=f"CSV of: {drawing.title}"),
        )
    )
    if meaning:
        actions.append(_toggle("What this means", "meaning", drawing.title))
    parts: list[Component] = [
        html.H2(drawing.title),
        html.P(drawing.subtitle, className="subtitle"),
    ]
    if drawing.figure is not None:
        parts.append(
            html.Figure(
                html.Div(
                    dcc.Graph(id={"graph": chart.name, "view": view.search()}, figure=drawing.figure,
                              config=GRAPH_CONFIG, responsive=True,
                              style={"height": drawing.figure["layout"]["height"]}),
                    role="img",
                    **attributes(aria_label=drawing.description or f"{drawing.title}. {drawing.subtitle}"),
                )
            )
        )  # fmt: skip
    if drawing.body is not None:
        parts.append(scrolling(drawing.body, drawing.title))
    if behind:
        parts.append(
            html.Div(
                "Loading…", id={"table": True, **identity}, hidden=True, className="scroll",
                tabIndex="0", role="region", **attributes(data_part="table", aria_label=f"Table of: {drawing.title}"),
            )
        )  # fmt: skip
    if shown_table is not None:
        parts.append(scrolling(shown_table, drawing.title))
    parts.append(html.Footer([html.Div(actions, className="actions"), html.P(drawing.coverage, className="coverage")]))
    if meaning:
        parts.append(html.Div(meaning, hidden=True, className="meaning", **attributes(data_part="meaning")))
    return parts


def empty_panel(title: str, message: str) -> list[Component]:
    """A panel that has nothing to show, and says so."""
    return [html.H2(title), html.P(message, className="empty")]


def scrolling(table: Component, label: str) -> Component:
    """A table in a box that scrolls by keyboard where it is wider or longer than the page."""
    return html.Div(table, className="scroll", tabIndex="0", role="region", **attributes(aria_label=f"Table: {label}"))


def table_of(chart: Chart, rows: Rows, drawing: Drawing, unit: str, view: View) -> Component:
    """The rows as a table with a caption: exactly the rows and columns of the CSV, written for reading."""
    search = view.search(organisation=None)
    return table(
        f"{drawing.title}. {drawing.subtitle}",
        [column.heading for column in chart.columns],
        [
            [
                _linked(_cell(row[column.key], column.kind, row.get("unit") or unit), row.get(column.practice), search)
                for column in chart.columns
            ]
            for row in rows
        ],
        numeric={place for place, column in enumerate(chart.columns) if column.kind in NUMERIC},
    )


NUMERIC = ("count", "number", "percent", "points", "seconds", "measure")


def grid_of(chart: Chart, rows: Rows, drawing: Drawing, unit: str) -> Component:
    """The same as `table_of`, where there are more rows than a plain table is good for."""
    written = [
        {c.key + WORDS: _cell(row[c.key], c.kind, row.get("unit") or unit) for c in chart.columns}
        | {c.key: _sortable(row[c.key]) for c in chart.columns}
        for row in rows
    ]
    columns = [column_of(c.key, c.heading, c.kind, [each[c.key + WORDS] for each in written]) for c in chart.columns]
    return grid(columns, written)


def _sortable(value: Any) -> Any:
    """What a grid sorts by: numbers as they are, dates as ISO text, a list by its first."""
    if words.is_missing(value):
        return None
    if isinstance(value, list | tuple):
        return _sortable(value[0]) if value else None
    return value.isoformat() if hasattr(value, "isoformat") else value


class Marked(NamedTuple):
    """A cell of words in a look of their own, a class of the style sheet."""

    words: str
    look: str


def table(
    caption: str, headings: Sequence[Any], rows: Iterable[Sequence[Any]], numeric: set[int] = frozenset(),  # type: ignore[assignment]
    caption_hidden: bool = True,
) -> Component:  # fmt: skip
    """A plain table. The first cell of a row heads it; numeric: positions of columns set flush right.

    A table of words, marked or not, links and icons travels as one component, and the browser makes its rows
    (`assets/switchboard.js`): Dash keeps every cell as a component of its own and looks at all of them whenever
    anything on the page changes, which a few hundred cells turn into seconds.
    """
    body = [list(row) for row in rows]
    align = ["number" if place in numeric else "" for place in range(len(headings))]
    cells = [[_told(cell) for cell in row] for row in (headings, *body)]
    if all(cell is not None for row in cells for cell in row):
        told = {"caption": caption, "hidden": caption_hidden, "align": align, "headings": cells[0], "rows": cells[1:]}
        return html.Div(className="table", **attributes(data_table=json.dumps(told, ensure_ascii=False)))
    return html.Table(
        [
            html.Caption(caption, className="visually-hidden" if caption_hidden else ""),
            html.Thead(
                html.Tr(
                    [
                        html.Th(heading, scope="col", className=side)
                        for heading, side in zip(headings, align, strict=True)
                    ]
                )
            ),
            html.Tbody(
                [
                    html.Tr(
                        [html.Th(row[0], scope="row", className=align[0])]
                        + [html.Td(_made(cell), className=side) for cell, side in zip(row[1:], align[1:], strict=True)]
                    )
                    for row in body
                ]
            ),
        ]
    )


def _made(cell: Any) -> Any:
    return html.Span(cell.words, className=cell.look) if isinstance(cell, Marked) else cell


def _told(cell: Any) -> str | list[str] | dict[str, Any] | None:
    """A cell as words, words and where they lead, in a look or with an icon; None for anything richer."""
    if isinstance(cell, Marked):
        return cell._asdict()
    said, icon = cell.children if getattr(cell, "className", None) == WITH_ICON else ("", cell)
    if isinstance(icon, html.Img):
        return {"words": said, "icon": getattr(icon, "src", ""), "meaning": getattr(icon, "alt", ""), "size": SIZE}
    if cell is None or isinstance(cell, str | int | float):
        return "" if cell is None else str(cell)
    if isinstance(cell, dcc.Link) and isinstance(cell.children, str):
        return [cell.children, str(getattr(cell, "href", ""))]
    return None


def _linked(text: str, practice: str | None, search: str) -> Any:
    return dcc.Link(text, href=f"/practice/{practice}{search}") if practice and text else text


def _cell(value: Any, kind: str, unit: str) -> str:
    if kind == "months":
        return words.ranges(value or ())
    if words.is_missing(value):
        return "" if kind in ("text", "day", "when") else words.MISSING
    if kind == "count":
        return words.count(value)
    if kind == "number":
        return f"{value:,.1f}"
    if kind == "points":
        return f"{100 * value:+.1f}".replace("-", "−")
    if kind in ("percent", "seconds"):
        return words.value(value, kind)
    if kind == "measure":
        return words.value(value, unit)
    if kind == "month":
        return words.month(value)
    if kind == "day":
        return words.day(value)
    return words.when(value) if kind == "when" else str(value)


def what_this_means(chart: Chart, view: View, definitions: Definitions, note: str = "") -> list[Component]:
    """Definition, caveats and source of each measure in the chart, from the measure table."""
    parts: list[Component] = [html.P(text) for text in (note, chart.meaning) if text]
    for name in chart.measures(view):
        if name in definitions:
            parts += definition(definitions[name])
    return parts


def definition(measure: Any) -> list[Component]:
    """One measure's definition in full: what it asks, how it is counted, what to mind, where it comes from."""
    caveats = [line for line in (measure["caveats"] or "").splitlines() if line.strip()]
    return [
        html.P([html.B(measure["title"]), ". ", measure["definition"] or measure["question"] or ""]),
        html.P(f"Counted as {measure['numerator_label']} ÷ {measure['denominator_label']}.")
        if measure["denominator_label"]
        else html.P(f"Counted as {measure['numerator_label']}."),
        html.Ul([html.Li(caveat) for caveat in caveats]) if caveats else html.Span(),
        html.P(f"Source: {measure['source']}."),
    ]


def _toggle(text: str, part: str, title: str, **more: Any) -> Component:
    """A button that shows or hides a part of its panel; `assets/switchboard.js` does it."""
    return html.Button(
        text, type="button", className="link",
        **more, **attributes(data_toggle=part, aria_expanded="false", aria_label=f"{text}: {title}"),
    )  # fmt: skip
