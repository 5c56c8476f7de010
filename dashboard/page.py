"""What a page and a chart are, and the register of them all.

A page is a module in `dashboard/pages/` with one `PAGE`. Adding a page is adding a file: the register finds it,
navigation lists it, and its charts get their panel, table, CSV and place in the rules without further work.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dash.development.base_component import Component

from dashboard.access.guard import VIEWER, Rule
from dashboard.access.scope import CurrentUser, Scope
from dashboard.view import View

Rows = list[dict[str, Any]]  # what a query answers: a figure's worth of rows; a missing value is None
Definitions = Mapping[str, Mapping[str, Any]]  # rows of table `measure`, by name


@dataclass(frozen=True)
class Column:
    """One column of a chart's table and CSV: `key` names it in the rows and the CSV, `heading` in the table.

    kind: how the table writes it: text, count, number, percent, points (of a percentage), seconds, measure
    (in the unit of the chart's first measure), month, months (a list), day, when. The CSV always has the value itself.
    practice: the key of a practice's code; the cell then leads to that practice's page.
    """

    key: str
    heading: str
    kind: str = "text"
    practice: str = ""


@dataclass(frozen=True)
class Drawing:
    """A chart as drawn. figure: None where the table itself is the panel. description: the figure in words for
    those who cannot see it. coverage: how complete and how fresh, for the foot. note: first words of `What this means`.
    body: something of its own to show instead of a figure (a grid, a board); the table stays behind the button."""

    title: str
    subtitle: str = ""
    figure: dict[str, Any] | None = None
    description: str = ""
    coverage: str = ""
    note: str = ""
    body: Component | None = None


@dataclass(frozen=True)
class Chart:
    """One definition for chart, table and CSV.

    query: (scope, view) → rows; the only thing that reads.
    draw: (rows, view, definitions) → Drawing; pure; never called without rows.
    columns: what table and CSV show, in order.
    measures: (view) → names of the measures whose definitions `What this means` gives, first the main one.
    meaning: a paragraph of its own for `What this means`.
    empty: what to say where there are no rows. height: room kept while loading; 0 for a panel that is a table.
    """

    name: str
    query: Callable[[Scope, View], Rows]
    draw: Callable[[Rows, View, Definitions], Drawing]
    columns: tuple[Column, ...]
    measures: Callable[[View], tuple[str, ...]] = lambda view: ()
    meaning: str = ""
    empty: str = "No data has been loaded for this organisation and period."
    height: int = 280


@dataclass(frozen=True)
class Page:
    """One page.

    path: `/demand`, or with parts: `/practice/<ods>`.
    label: its name in navigation; None keeps it out. group: "" or "Look up". order: its place.
    layout: (scope, view, **parts) → the contents of <main>, its <h1> first (`components.headline`).
    exists: (scope, **parts) → False makes the address a 404, as if nobody had it.
    access: who may open it; `needs_role("exporter")`, `needs_role("viewer", whole_icb=True)`.
    full_plotly: it draws maps or Sankeys, which the small bundle cannot.
    grids: its long tables are grids, whose script other pages do without.
    """

    path: str
    title: str
    layout: Callable[..., list[Component]]
    label: str | None = None
    group: str = ""
    order: int = 100
    charts: tuple[Chart, ...] = ()
    exists: Callable[..., bool] = lambda scope, **parts: True
    access: Rule = VIEWER
    full_plotly: bool = False
    grids: bool = False


@lru_cache
def pages() -> dict[str, Page]:
    """Every page by the name of its module, in order of navigation."""
    package = importlib.import_module("dashboard.pages")
    names = [f"dashboard.pages.{each.name}" for each in pkgutil.iter_modules(package.__path__)]
    found = {name: importlib.import_module(name).PAGE for name in names if not name.split(".")[-1].startswith("_")}
    return dict(sorted(found.items(), key=lambda item: (item[1].group, item[1].order, item[1].path)))


@lru_cache
def charts() -> dict[str, Chart]:
    """Every chart by name. Raises ValueError where two have one name."""
    found: dict[str, Chart] = {}
    for page in pages().values():
        for chart in page.charts:
            if chart.name in found:
                raise ValueError(f"two charts are called {chart.name!r}; a chart's name is its address")
            found[chart.name] = chart
    return found


def page_of(chart: str) -> Page | None:
    """The page a chart belongs to: who may open the page may have its charts."""
    return next((page for page in pages().values() if any(each.name == chart for each in page.charts)), None)


def may_open(user: CurrentUser | None, page: Page) -> bool:
    """Whether this user has this page at all."""
    return page.access.allows(user)
