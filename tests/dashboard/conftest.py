"""The dashboard over an invented generation, behind the real sign-in."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dash import Dash
from flask.testing import FlaskClient

from dashboard.access import Scope, accounts
from dashboard.app import create_app
from etl.settings import Settings
from tests.dashboard.access.house import PASSWORD, settings_for, sign_in
from tests.dashboard.generation import PCNS, PRACTICES, publish
from tests.dashboard.one_app import keep_pages

PEOPLE = {"icb": "icb", "pcn": f"pcn:{PCNS[0]}", "practice": f"practice:{PRACTICES[0]}"}


def build(home: Path) -> Dash:
    """The app over `home`, with an account for each kind of scope."""
    app = keep_pages(create_app(Settings(home=home), settings_for(home)))
    for name, scope in PEOPLE.items():
        accounts.add(app.server.extensions["access"], name, "viewer", Scope.parse(scope), PASSWORD)
    return app


def signed_in(app: Dash, name: str) -> FlaskClient:
    """A client signed in as one of PEOPLE."""
    client = app.server.test_client()
    assert sign_in(client, name).status_code in (302, 303)
    return client


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dash]:
    """The dashboard over the invented generation."""
    home = tmp_path_factory.mktemp("home")
    publish(home / "published")
    app = build(home)
    yield app
    app.server.extensions["access"].engine.dispose()


@pytest.fixture(scope="session")
def client_for(dashboard: Dash) -> Callable[[str], FlaskClient]:
    """`client_for("pcn")`: a client signed in with that kind of scope."""
    clients: dict[str, FlaskClient] = {}

    def client(name: str) -> FlaskClient:
        if name not in clients:
            clients[name] = signed_in(dashboard, name)
        return clients[name]

    return client


def ask(client: FlaskClient, output: str, **given: Any) -> Any:
    """Post a callback as the browser does; `given`: id → (property, value) of its inputs and, in `state`, state."""
    app_output = json.loads(json.dumps(given["outputs"]))
    body = {
        "output": output,
        "outputs": app_output,
        "inputs": given["inputs"],
        "state": given.get("state", []),
        "changedPropIds": [],
    }
    return client.post("/_dash-update-component", json=body, headers={"Origin": "http://localhost"})


def panel(app: Dash, client: FlaskClient, name: str, search: str = "") -> Any:
    """What fills a chart's slot: the list of its components."""
    identity = {"panel": name, "view": search}
    output = next(key for key in app.callback_map if '"panel"' in key)
    answer = ask(
        client, output, outputs={"id": identity, "property": "children"},
        inputs=[{"id": identity, "property": "id", "value": identity}],
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    (found,) = answer.json["response"].values()
    return found["children"]


def page(client: FlaskClient, path: str, search: str = "") -> str:
    """A page's contents as the text of its answer."""
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": ".._pages_content.children..._pages_store.data..",
            "outputs": [
                {"id": "_pages_content", "property": "children"},
                {"id": "_pages_store", "property": "data"},
            ],
            "inputs": [
                {"id": "_pages_location", "property": "pathname", "value": path},
                {"id": "_pages_location", "property": "search", "value": search},
            ],
            "changedPropIds": ["_pages_location.pathname"],
        },
        headers={"Origin": "http://localhost"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return str(answer.get_data(as_text=True))
