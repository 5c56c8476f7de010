"""What stands around every page: navigation, where you are, how fresh it is, filters, and the synthetic banner."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import words
from dashboard.components.attributes import attributes
from dashboard.page import Page
from dashboard.view import NEWEST, PERIODS, Organisation, View

PRODUCT = "Switchboard"
GROUPS = {"icb": "ICB", "sub_icb": "Sub-ICB locations", "pcn": "PCNs", "practice": "Practices", "england": "England"}


def shell(
    page: Page,
    view: View | None,
    contents: Sequence[Component],
    *,
    pages: Sequence[Page],
    path: Sequence[Organisation] = (),
    choices: Sequence[Organisation] = (),
    months: Sequence[date] = (),
    freshness: Mapping[str, Any] | None = None,
    user: str = "",
    sign_out_token: str = "",
    practice_pages: bool = False,
) -> Component:
    """A whole page: everything inside the theme. `pages`: those the user may open, in order. `months`: those that a
    period may end with, newest first."""
    return html.Div(
        [
            _navigation(page, pages, view, user, sign_out_token),
            html.Div(
                [
                    _header(page, view, path, choices, months, freshness or {}, practice_pages),
                    html.Div(
                        "Synthetic data: every organisation and figure here is invented.",
                        className="synthetic", role="note", **attributes(data_testid="synthetic-banner"),
                    ) if (freshness or {}).get("is_synthetic") else html.Div(),
                    html.Main(list(contents), id="main"),
                ],
                className="body",
            ),
        ],
        className="shell",
    )  # fmt: skip


def _navigation(page: Page, pages: Sequence[Page], view: View | None, user: str, token: str) -> Component:
    search = view.search() if view else ""
    items: list[Component] = []
    group = ""
    for each in pages:
        path = each.path
        if "<ods>" in path and view and view.organisation.kind == "practice":
            path = path.replace("<ods>", view.organisation.code)
        if each.label is None or "<" in path:
            continue
        if each.group != group:
            group = each.group
            items.append(html.Li(group, className="group"))
        items.append(html.Li(_page_link(each, path + search, each is page)))
    parts = [
        html.Div(html.Span(PRODUCT), className="product"),
        html.Nav(html.Ul(items), **attributes(aria_label="Pages")),
    ]
    if user:
        parts.append(
            html.Form(
                [
                    html.Span(f"Signed in as {user}"),
                    dcc.Input(type="hidden", name="csrf_token", value=token, id="sign-out-token"),
                    html.Button("Sign out", type="submit", className="link"),
                ],
                action="/logout", method="POST", className="account",
            )
        )  # fmt: skip
    return html.Header(parts, className="side")


def _page_link(page: Page, href: str, here: bool) -> Component:
    if here:
        return html.A(page.label, href=href, className="here", **attributes(aria_current="page"))
    # a page with maps, Sankeys or grids needs scripts of its own, so the browser has to load it afresh
    afresh = page.full_plotly or page.grids
    return html.A(page.label, href=href) if afresh else dcc.Link(page.label, href=href)


def _header(
    page: Page,
    view: View | None,
    path: Sequence[Organisation],
    choices: Sequence[Organisation],
    months: Sequence[date],
    freshness: Mapping[str, Any],
    practice_pages: bool,
) -> Component:
    if view is None:
        return html.Div(className="where")
    elsewhere = "/" if "<" in page.path else ""  # a page about one place leads to the overview of another
    return html.Div(
        [
            html.Nav(
                html.Ol([html.Li(_step(each, view, elsewhere)) for each in path]),
                **attributes(aria_label="Where you are"),
            ),
            html.Div(
                [
                    html.P(freshness_text(freshness), className="freshness"),
                    filter_select("organisation", "Organisation", _grouped(choices, view), view.organisation.code),
                    filter_select(
                        "period", "Period", [{"value": k, "label": v} for k, v in PERIODS.items()], view.period
                    ),
                    filter_select("ending", "Ending with", _endings(months), _ending(view.ending)),
                    *_practice_search(choices, view, practice_pages),
                ],
                className="filters",
            ),
        ],
        className="where",
    )


def _endings(months: Sequence[date]) -> list[dict[str, str]]:
    """The months a period may end with. The newest has a value of its own, so that a link to it stays up to date."""
    newest = [{"value": NEWEST, "label": f"Newest ({words.month(month, short=True)})"} for month in months[:1]]
    return [*newest, *({"value": _ending(month), "label": words.month(month)} for month in months[1:])]


def _ending(month: date | None) -> str:
    return NEWEST if month is None else f"{month:%Y-%m}"


def _step(organisation: Organisation, view: View, elsewhere: str) -> Component:
    if organisation.code == view.organisation.code:
        return html.Span(organisation.name, **attributes(aria_current="location"))
    return dcc.Link(organisation.name, href=elsewhere + view.search(organisation=organisation.code))


def freshness_text(freshness: Mapping[str, Any]) -> str:
    """`Data to October 2026 · loaded 20 Nov 2026, 03:04`."""
    month, loaded = freshness.get("last_month"), freshness.get("last_loaded_at")
    if words.is_missing(month):
        return "No figures yet"
    text = f"Data to {words.month(month)}"
    return text if not isinstance(loaded, datetime) else f"{text} · loaded {words.when(loaded)}"


CALENDAR_WORDS = {
    f"{step}{span.capitalize()}": f"{step.capitalize()} {span}"
    for step in ("next", "previous")
    for span in ("month", "year", "decade")
}


def filter_select(name: str, label: str, options: Sequence[Any], value: str, **more: Any) -> Component:
    """A filter that writes `name` into the URL (`assets/switchboard.js`), and so asks for the page anew."""
    return dmc.Select(
        id={"filter": name}, label=label, data=list(options), value=value, allowDeselect=False, searchable=True,
        nothingFoundMessage="Nothing found", comboboxProps={"withinPortal": True}, size="sm", className="filter",
        **attributes(data_testid=f"filter-{name}"), **more,
    )  # fmt: skip


def filter_day(name: str, label: str, day: date | None, first: date, last: date) -> Component:
    """The same for a day, from a calendar that goes from `first` to `last`. (One that is also typed in, `DateInput`,
    either tells of every digit or not of a day that was picked.)"""
    return dmc.DatePickerInput(
        id={"filter": name}, label=label, value=day and day.isoformat(), placeholder="Choose a day",
        minDate=first.isoformat(), maxDate=last.isoformat(), valueFormat="D MMM YYYY", hideOutsideDates=True,
        popoverProps={"withinPortal": True}, size="sm", className="filter", ariaLabels=CALENDAR_WORDS,
        **attributes(data_testid=f"filter-{name}"),
    )  # fmt: skip


def _grouped(choices: Sequence[Organisation], view: View) -> list[dict[str, Any]]:
    offered = list(choices)
    if all(each.code != view.organisation.code for each in offered):
        offered.append(view.organisation)
    groups: dict[str, list[dict[str, str]]] = {}
    for each in offered:
        label = each.name if each.kind == "england" else f"{each.name} ({each.code})"
        groups.setdefault(each.kind, []).append({"value": each.code, "label": label})
    order = ["icb", "sub_icb", "pcn", "practice", "england", "region"]
    return [{"group": GROUPS.get(kind, kind), "items": groups[kind]} for kind in order if kind in groups]


def _practice_search(choices: Sequence[Organisation], view: View, practice_pages: bool) -> list[Component]:
    practices = [each for each in choices if each.kind == "practice"]
    if len(practices) < 2:
        return []
    options = [
        {
            "value": f"/practice/{each.code}{view.search(organisation=None)}" if practice_pages
            else view.search(organisation=each.code),
            "label": " · ".join(part for part in (each.name, each.code, each.postcode) if part),
        }
        for each in practices
    ]  # fmt: skip
    return [
        dmc.Select(
            id={"goto": "practice"}, label="Find a practice", placeholder="Name, code or postcode", data=options,
            searchable=True, clearable=False, nothingFoundMessage="No such practice", limit=50, size="sm",
            className="filter", **attributes(data_testid="find-practice"),
        )
    ]  # fmt: skip
