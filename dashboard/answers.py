"""From a chart's name and a view to what is sent: panel, table or CSV, all three from the one query."""

import csv
import io
import re
from datetime import date, datetime
from typing import Any

import orjson
from dash.development.base_component import Component

from dashboard import words
from dashboard.access.scope import Scope
from dashboard.components.panel import empty_panel, grid_of, panel, table_of
from dashboard.page import Chart, Drawing, Rows, charts, page_of
from dashboard.queries.measures import definitions
from dashboard.queries.organisations import NoSuchOrganisation
from dashboard.queries.source import remembered
from dashboard.queries.views import resolve
from dashboard.view import View

JSON = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY  # as Dash writes it
PLAIN_ROWS = 40  # of a table in HTML on a page that has grids
# what a spreadsheet would run, also after blanks and in full-width form: as in exports
FORMULA = re.compile(r"^[\s\ufeff\u200b]*[=+\-@＝＋－＠\x00]|^[\t\r\n]")


def chart_named(name: str) -> Chart:
    """The chart of this name. Raises NoSuchOrganisation for an unknown one: there is nothing here to see."""
    try:
        return charts()[name]
    except (KeyError, TypeError):
        raise NoSuchOrganisation(f"There is no chart {name!r}.") from None


def panel_answer(scope: Scope, name: str, search: str) -> Any:
    """What fills a chart's slot, as plain data ready for JSON."""
    return _panel(scope, chart_named(name), resolve(scope, search))


def table_answer(scope: Scope, name: str, search: str) -> Any:
    """The table behind a chart's toggle, as plain data ready for JSON."""
    return _table(scope, chart_named(name), resolve(scope, search))


def csv_answer(scope: Scope, name: str, search: str) -> tuple[str, str]:
    """File name and text of a chart's CSV: a header, and the rows of its table with their values unrounded."""
    chart, view = chart_named(name), resolve(scope, search)
    rows = chart.query(scope, view)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column.key for column in chart.columns])
    writer.writerows([csv_cell(row[column.key]) for column in chart.columns] for row in rows)
    return f"{chart.name}-{view.organisation.code.lower()}.csv", out.getvalue()


@remembered
def _panel(scope: Scope, chart: Chart, view: View) -> Any:
    rows = chart.query(scope, view)
    if not rows:
        known = definitions(scope)
        measures = chart.measures(view)
        names = [known[name]["title"] for name in measures if name in known and len(measures) == 1]
        return _plain(
            empty_panel(names[0] if names else chart.name.partition("-")[2].replace("-", " ").capitalize(), chart.empty)
        )
    known = definitions(scope)
    drawing = chart.draw(rows, view, known)
    is_table = drawing.figure is None and drawing.body is None
    shown = _written(scope, chart, view, rows, drawing) if is_table else None
    return _plain(panel(chart, drawing, view, known, shown))


@remembered
def _table(scope: Scope, chart: Chart, view: View) -> Any:
    rows = chart.query(scope, view)
    if not rows:
        return chart.empty
    return _plain(_written(scope, chart, view, rows, chart.draw(rows, view, definitions(scope))))


def _written(scope: Scope, chart: Chart, view: View, rows: Rows, drawing: Drawing) -> Component:
    """The rows as a table, or as a grid where they are many and the page has grids."""
    its_page = page_of(chart.name)
    unit = _unit(scope, chart, view)
    if len(rows) > PLAIN_ROWS and its_page is not None and its_page.grids:
        return grid_of(chart, rows, drawing, unit)
    return table_of(chart, rows, drawing, unit, view)


def _unit(scope: Scope, chart: Chart, view: View) -> str:
    """The unit of columns of kind `measure`: that of the chart's first measure."""
    known = definitions(scope)
    return next((known[name]["unit"] for name in chart.measures(view) if name in known), "percent")


def _plain(components: Component | list[Component]) -> Any:
    """Components as the dictionaries they become on the wire, so that a remembered answer costs no walk."""
    return orjson.loads(orjson.dumps(components, default=_parts, option=JSON))


def _parts(component: Any) -> Any:
    if isinstance(component, Component):
        return component.to_plotly_json()
    raise TypeError(f"{type(component).__name__} cannot be sent to a browser")


def csv_cell(value: Any) -> Any:
    """A value as a CSV cell: unrounded, dates in ISO form, text that a spreadsheet would run made harmless."""
    if isinstance(value, list | tuple):
        return " ".join(str(csv_cell(each)) for each in value)
    if words.is_missing(value):
        return ""
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
        return value.strftime("%Y-%m-%d") if midnight else value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and FORMULA.search(value):
        return "'" + value
    return value
