"""A tiny Dash app with two kinds of page, behind the real sign-in, for the tests of this folder."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import dash
from dash import ALL, Dash, Input, Output, State, dcc, html
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.access import Scope, accounts, current_scope, current_user, install, load_access_settings, needs_role
from dashboard.access.settings import AccessSettings
from dashboard.access.tables import Database, utc_now
from tests.dashboard.one_app import keep_pages

PASSWORD = "correct horse battery"
PEOPLE = {
    "icb-viewer": ("viewer", "icb"),
    "icb-exporter": ("exporter", "icb"),
    "icb-administrator": ("administrator", "icb"),
    "pcn-viewer": ("viewer", "pcn:U00001"),
    "manager": ("viewer", "practice:Y00001"),
    "manager-administrator": ("administrator", "practice:Y00001"),
}
PRACTICES = ("Y00001", "Y00002", "Y00003")
ASSETS = Path(__file__).resolve().parents[3] / "dashboard" / "assets"
UPDATE = "/_dash-update-component"
LOCAL = {"REMOTE_ADDR": "127.0.0.1"}


def settings_for(home: Path, **overrides: Any) -> AccessSettings:
    """Settings with password hashes that cost little: the tests hash hundreds."""
    cheap = {"access_argon2_time_cost": 1, "access_argon2_memory_kib": 64}
    return load_access_settings(home=home, **{**cheap, **overrides})


def build(settings: AccessSettings, now: Callable[[], datetime] = utc_now) -> Dash:
    """The app, with `now` as its clock."""
    dash.page_registry.clear()
    app = Dash("tests.dashboard.access.house", use_pages=True, pages_folder="", assets_folder=str(ASSETS))
    needs_viewer = needs_role("viewer")
    dash.register_page(__name__, path="/", layout=lambda **_: html.Div(f"for {current_scope()}"), access=needs_viewer)
    dash.register_page(
        "practice",
        path_template="/practice/<ods>",
        title=lambda ods=None: f"Practice {ods}",
        layout=lambda ods=None, **_: html.Div(f"figures of {ods}"),
        access=needs_viewer,
        exists=lambda scope, ods: ods in PRACTICES and (scope.kind == "icb" or scope.code == ods),
    )
    dash.register_page(
        "admin", path="/admin", layout=html.Div("the audit"), access=needs_role("administrator", whole_icb=True)
    )
    app.layout = lambda: html.Div(
        [dash.page_container, dcc.Input(id="who"), html.Div(id="answer"), dcc.Store(id="kept")]
    )
    app.callback(Output("answer", "children"), Input("who", "value"), State("kept", "data"))(_answer)
    app.callback(Output("export", "data"), Input("export-button", "n_clicks"))(needs_role("exporter")(_export))
    app.callback(Output("sum", "children"), Input({"kind": "part", "index": ALL}, "value"))(_sum)
    app.clientside_callback("function (x) { return x; }", Output("kept", "data"), Input("who", "value"))
    app.server.add_url_rule("/api/v1/measures.csv", view_func=needs_role("viewer")(_measures))
    app.server.config["SWITCHBOARD_GENERATION"] = lambda: ("switchboard-000001.duckdb", 60.5)
    install(app, settings)
    database: Database = app.server.extensions["access"]
    if now is not utc_now:
        app.server.extensions["access"] = Database(database.engine, database.settings, now)
    return keep_pages(app)


def add_people(database: Database) -> None:
    """An account for each of PEOPLE, all with PASSWORD."""
    for name, (role, scope) in PEOPLE.items():
        accounts.add(database, name, role, Scope.parse(scope), PASSWORD)


def form_token(page: Any) -> str:
    """The CSRF token in a form."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page.text)
    assert found, page.text
    return found.group(1)


def sign_in(
    client: FlaskClient, name: str, password: str = PASSWORD, where: str = "/login", **data: str
) -> TestResponse:
    """Fill in the form as a browser would."""
    token = form_token(client.get(where))
    return client.post(where, data={"username": name, "password": password, "csrf_token": token, **data})


def callback_body(value: Any = "x", output: str = "answer.children") -> dict[str, Any]:
    """What Dash in the browser posts for the callback of this app."""
    return {
        "output": output,
        "outputs": {"id": "answer", "property": "children"},
        "inputs": [{"id": "who", "property": "value", "value": value}],
        "state": [{"id": "kept", "property": "data", "value": None}],
        "changedPropIds": ["who.value"],
    }


def _answer(value: Any, kept: Any) -> str:
    user = current_user()
    assert user is not None
    return f"{user.scope} asked {value!r}"


def _export(clicks: int | None) -> str:
    return "the export"


def _sum(values: list[Any]) -> int:
    return len(values)


def _measures() -> str:
    return f"for {current_scope()}"
