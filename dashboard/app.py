"""The dashboard as a web application: pages, the two callbacks that fill panels and tables, and CSV by URL."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import dash
import dash_mantine_components as dmc
from dash import ALL, MATCH, ClientsideFunction, Dash, Input, Output, State, html
from flask import Flask, Response, abort, has_request_context, request

from dashboard import answers, api, exports_routes, page
from dashboard.access import csrf, current_scope, current_user, install, load_access_settings, needs_role, record
from dashboard.access.settings import AccessSettings
from dashboard.components.sentences import headline
from dashboard.components.shell import PRODUCT, shell
from dashboard.page import Page
from dashboard.queries import organisations, source
from dashboard.queries.data import freshness
from dashboard.queries.organisations import NoSuchOrganisation
from dashboard.queries.views import months, resolve
from dashboard.templates import template_route
from dashboard.view import View
from etl.published.reading import Reader
from etl.settings import Settings, load_settings

ASSETS = Path(__file__).parent / "assets"
SMALL_PLOTLY = "vendor/plotly-cartesian.min.js"
GRID_SCRIPT = r'<script src="[^"]*/dash_ag_grid/[^"]*"></script>\s*'
STATIC_SECONDS = 365 * 24 * 3600
INDEX = """<!DOCTYPE html>
<html lang="en-GB">
<head>{%metas%}<meta name="color-scheme" content="light dark"><title>{%title%}</title>{%favicon%}{%css%}</head>
<body>{%app_entry%}<footer hidden>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""


class Switchboard(Dash):
    """Dash with the title of the page asked for, and no larger scripts than that page needs."""

    def interpolate_index(self, **parts: Any) -> str:  # type: ignore[override]
        """The page every address starts from."""
        found, _ = dash._pages._path_to_page(request.path.strip("/")) if has_request_context() else ({}, None)
        known = page.pages().get(found.get("module", ""))
        parts["favicon"] = f'<link rel="icon" href="{self.get_asset_url("favicon.svg")}">'
        parts["title"] = full_title(known) if known else PRODUCT
        if (ASSETS / SMALL_PLOTLY).is_file() and not (known and known.full_plotly):
            # dcc.Graph asks for the whole of plotly only where there is none yet
            parts["scripts"] = f'<script src="{self.get_asset_url(SMALL_PLOTLY)}"></script>' + parts["scripts"]
        if not (known and known.grids):
            parts["scripts"] = re.sub(GRID_SCRIPT, "", parts["scripts"])
        return super().interpolate_index(**parts)


def create_app(
    settings: Settings,
    access: AccessSettings | None = None,
    add_routes: Callable[[Dash], None] = lambda app: None,
) -> Switchboard:
    """The app over one home folder. `access`: settings of sign-in; read from the same home where not given.

    add_routes: adds routes of the caller's own, which state their rule; none can be added once this has returned.
    """
    dash.page_registry.clear()
    app = Switchboard(
        "dashboard", use_pages=True, pages_folder="", assets_folder=str(ASSETS),
        assets_ignore=r"plotly.*\.js|login\.css",
        suppress_callback_exceptions=True, title=PRODUCT, update_title="", index_string=INDEX,
    )  # fmt: skip
    app.server.extensions[source.NAME] = Reader(settings.published)
    app.server.config[source.MINIMUM_BASE] = settings.navigation_minimum_base
    app.server.config["SWITCHBOARD_GENERATION"] = _generation_and_age
    for module, each in page.pages().items():
        address = {"path_template": each.path} if "<" in each.path else {"path": each.path}
        dash.register_page(
            module, **address, title=full_title(each), name=each.title, layout=_layout(each),
            access=each.access, exists=each.exists,
        )  # fmt: skip
    app.layout = _frame
    _add_callbacks(app)
    app.server.add_url_rule("/csv/<name>", view_func=needs_role("viewer")(csv_route))
    app.server.add_url_rule("/templates/<name>", view_func=needs_role("viewer")(template_route))
    api.add_routes(app)
    exports_routes.add_routes(app, settings.home)
    add_routes(app)
    app.server.after_request(_keep_static)
    install(app, access or load_access_settings(home=settings.home))
    return app


def server() -> Flask:
    """The WSGI application, for any server: `gunicorn 'dashboard.app:server()'`."""
    return create_app(load_settings()).server


def full_title(each: Page) -> str:
    """A page's title in the browser's tab."""
    return f"{each.title} · {PRODUCT}"


def _frame() -> dmc.MantineProvider:
    skip = html.A("Skip to the page's contents", href="#main", className="skip")
    theme = {
        "fontFamily": "Arial, Helvetica, sans-serif",
        "primaryColor": "nhs",
        "colors": {"nhs": NHS_BLUES, "dark": DARK_BLUES},
    }
    return dmc.MantineProvider(
        [skip, dash.page_container, html.Div(id="moved")], defaultColorScheme="auto", theme=theme
    )


NHS_BLUES = [
    "#e8f1fa", "#cfe1f3", "#a3c5e6", "#74a8d9", "#4c8fce", "#3380c8", "#2478c5", "#005eb8", "#00549f", "#003f7a",
]  # fmt: skip


DARK_BLUES = [
    "#eef2f4", "#c3ced6", "#a3b3bd", "#7c8f9b", "#4a5b67", "#35444f", "#22303a", "#1a242b", "#151d23", "#11181d",
]  # fmt: skip


def _layout(each: Page) -> Any:
    """What Dash calls to show a page, with the parts of its address and of its query string."""

    def layout(**parts: str) -> Any:
        if not has_request_context():
            return html.Div()
        return page_answer(each, {name: value for name, value in parts.items() if isinstance(value, str)})

    return layout


def page_answer(each: Page, parts: dict[str, str]) -> Any:
    """A whole page for the signed-in user: its contents in the shell, or a plain word on why there are none."""
    user = current_user()
    scope = current_scope()
    own = {name: parts.pop(name) for name in list(parts) if f"<{name}>" in each.path}
    if "ods" in own:
        parts["organisation"] = own["ods"]
    around: dict[str, Any] = {
        "pages": [other for other in page.pages().values() if page.may_open(user, other)],
        "user": user.name if user else "",
        "sign_out_token": csrf.token(),
        "practice_pages": any(other.path == "/practice/<ods>" for other in page.pages().values()),
    }
    if source.generation() is None:
        return shell(each, None, nothing_published(), **around)
    around["freshness"] = freshness(scope)
    view: View | None = None
    try:
        view = resolve(scope, urlencode(parts))
        contents = each.layout(scope, view, **own)
        around["path"] = organisations.path(scope, view.organisation)
        around["choices"] = organisations.choices(scope)
        around["months"] = months()
    except NoSuchOrganisation as missing:
        contents = headline("Not found", str(missing))
    return shell(each, view, contents, **around)


def nothing_published() -> list[Any]:
    """What a page says before the first night, and after an upgrade until the next."""
    if source.is_outdated():
        return headline(
            "The figures have to be published again",
            "What is published was made by an older version of Switchboard. Nothing is lost: run `icb-etl publish`, or "
            "wait for the night, then load this page again.",
        )
    return headline(
        "No data has been published yet",
        "Put the suppliers' files in the inbox and run `icb-etl nightly`; or run `icb-etl demo` to see a synthetic "
        "ICB. This page shows the figures as soon as that is done: load it again.",
    )


def _add_callbacks(app: Dash) -> None:
    viewer = needs_role("viewer")
    place = {"panel": MATCH, "view": MATCH}
    app.callback(Output(place, "children"), Input(place, "id"))(viewer(fill_panel))
    behind = {"chart": MATCH, "view": MATCH}
    app.callback(
        Output({"table": True, **behind}, "children"),
        Input({"table-button": True, **behind}, "n_clicks"),
        State({"table": True, **behind}, "id"),
        prevent_initial_call=True,
    )(viewer(fill_table))
    app.clientside_callback(
        ClientsideFunction("switchboard", "filter"),
        Output("moved", "className"),
        Input({"filter": ALL}, "value"),
        State({"filter": ALL}, "id"),
    )
    app.clientside_callback(
        ClientsideFunction("switchboard", "goto"),
        Output("moved", "title"),
        Input({"goto": ALL}, "value"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("switchboard", "drill"),
        Output("moved", "title", allow_duplicate=True),
        Input({"graph": ALL, "view": ALL}, "clickData"),
        prevent_initial_call=True,
    )


def fill_panel(identity: Any) -> Any:
    """The contents of a chart's slot."""
    try:
        return answers.panel_answer(current_scope(), *_asked(identity, "panel"))
    except NoSuchOrganisation as missing:
        return [html.P(str(missing), className="empty")]


def fill_table(clicks: int | None, identity: Any) -> Any:
    """The table behind a chart."""
    try:
        return answers.table_answer(current_scope(), *_asked(identity, "chart"))
    except NoSuchOrganisation as missing:
        return str(missing)


def _asked(identity: Any, part: str) -> tuple[str, str]:
    """Chart and view that an id in a request names; whatever it is, it came from outside."""
    given = identity if isinstance(identity, dict) else {}
    name, search = given.get(part), given.get("view")
    if not isinstance(name, str) or not isinstance(search, str):
        raise NoSuchOrganisation("There is no such chart here.")
    permit_chart(name)
    return name, search


def permit_chart(name: str) -> None:
    """Let a chart pass to who may open its page. Raises NoSuchOrganisation, as for a chart that does not exist."""
    its_page = page.page_of(name)
    if its_page is None or not page.may_open(current_user(), its_page):
        raise NoSuchOrganisation("There is no such chart here.")


def csv_route(name: str) -> Response:
    """The CSV of a chart, for the view in the query string. 404 for what the user may not see."""
    if source.generation() is None:
        abort(404)
    search = request.query_string.decode("utf-8", "replace")
    try:
        permit_chart(name)
        file_name, text = answers.csv_answer(current_scope(), name, search)
    except NoSuchOrganisation:
        abort(404)
    record("export", what=f"csv/{name}", view=search[:500])
    return Response(
        text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name}"'},
    )


def _generation_and_age() -> tuple[str, float] | None:
    """Name and age in seconds of the generation being served, for /readyz; None before there is one."""
    name = source.generation()
    if name is None:
        return None
    built = source.reader().records("SELECT built_at FROM generation")[0]["built_at"]
    return name, (datetime.now(UTC).replace(tzinfo=None) - built).total_seconds()


def _keep_static(response: Response) -> Response:
    """Files whose address changes with their contents are kept by the browser for good."""
    if request.path.startswith("/assets/") and "m" in request.args:
        response.headers["Cache-Control"] = f"public, max-age={STATIC_SECONDS}, immutable"
    return response
