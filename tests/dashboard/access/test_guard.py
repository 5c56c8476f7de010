"""Default deny: everything the app has is found in the app itself and asked for as everyone and as nobody."""

import copy
import io
import json
from pathlib import Path
from typing import Any

import dash
import pytest
from dash import Dash, Input, Output, html
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.access import accounts, audit, current_scope, current_user, needs_role, without_rule
from dashboard.access.guard import MAXIMUM_BODY_BYTES
from dashboard.access.scope import NotSignedIn
from tests.dashboard.access.house import PEOPLE, UPDATE, callback_body, sign_in

ORIGIN = {"Origin": "http://localhost"}
ROUTER = ".._pages_content.children..._pages_store.data.."


@pytest.fixture
def clients(app: Dash) -> dict[str, FlaskClient]:
    """A browser for each person, signed in; and one for nobody."""
    found = {"nobody": app.server.test_client()}
    for name in PEOPLE:
        found[name] = app.server.test_client()
        assert sign_in(found[name], name).status_code == 303
    return found


def test_dash_is_set_up_before_it_is_asked(app: Dash) -> None:
    """Else the first two requests in threads set it up at once, and the title's callback is sent to the server."""
    (title,) = [each for each in app._callback_list if each["output"] == "_pages_dummy.children"]
    assert title["clientside_function"]
    assert app._got_first_request == {"pages": True, "setup_server": True}


def test_all_that_the_app_has_states_a_rule(app: Dash) -> None:
    assert without_rule(app) == []


def test_what_states_no_rule_is_found_and_refused(app: Dash, clients: dict[str, FlaskClient]) -> None:
    app.server._got_first_request = False  # Flask allows no new route after the first request
    app.server.add_url_rule("/new", view_func=lambda: "figures")
    app.callback(Output("new", "children"), Input("who", "value"))(_in_another_module)
    dash.register_page("new", path="/new-page", layout=html.Div("figures"))
    found = without_rule(app)
    assert found == ["route /new", "page new", "callback new.children"]
    body = {**callback_body(output="new.children"), "outputs": {"id": "new", "property": "children"}, "state": []}
    for name, client in clients.items():
        assert client.get("/new").status_code in (302, 404)
        assert client.get("/new-page").status_code in (302, 404)
        assert client.post(UPDATE, json=body, headers=ORIGIN).status_code == (401 if name == "nobody" else 403)


def test_each_route_as_everyone_and_as_nobody(app: Dash, clients: dict[str, FlaskClient]) -> None:
    public = {"/login", "/healthz", "/readyz", "/_favicon.ico"}
    asked = 0
    for rule in list(app.server.url_map.iter_rules()):
        path = rule.rule.replace("<path:path>", "practice/Y00002").replace("<secret>", "x")
        if "<" in path:
            continue  # files
        for method in rule.methods - {"OPTIONS", "HEAD"}:
            for name, client in clients.items():
                answer = client.open(path, method=method)
                asked += 1
                if name == "nobody" and path not in public:
                    assert answer.status_code in (302, 401, 403, 404), (path, method)
                    assert answer.status_code != 302 or answer.headers["Location"].startswith("/login")
                if "manager" in name:
                    assert b"figures of" not in answer.data
                    assert b"Y00002" not in answer.data
    assert asked > 50


@pytest.mark.parametrize(
    ("path", "may"),
    [
        ("/", set(PEOPLE)),
        ("/practice/Y00001", {"icb-viewer", "icb-exporter", "icb-administrator", "manager", "manager-administrator"}),
        ("/practice/Y00002", {"icb-viewer", "icb-exporter", "icb-administrator"}),
        ("/practice/Y99999", set()),
        ("/practice/none", set()),
        ("/practice/", set()),
        ("/practice/Y00001/more", set()),
        ("/admin", {"icb-administrator"}),
        ("/no-such-page", set()),
        ("/.env", set()),
    ],
)
def test_pages(clients: dict[str, FlaskClient], path: str, may: set[str]) -> None:
    for name, client in clients.items():
        expected = 302 if name == "nobody" else 200 if name in may else 404
        assert client.get(path).status_code == expected, name
        assert client.head(path).status_code == expected, name


def test_out_of_scope_answers_as_what_does_not_exist(clients: dict[str, FlaskClient]) -> None:
    manager = clients["manager"]
    assert manager.get("/practice/Y00002").data == manager.get("/practice/Y99999").data
    assert dict(manager.get("/practice/Y00002").headers) == dict(manager.get("/practice/Y99999").headers)
    assert _switch(manager, "/practice/Y00002") == _switch(manager, "/practice/Y99999")


def test_switching_pages_in_the_browser_has_the_same_rules(clients: dict[str, FlaskClient]) -> None:
    assert "figures of Y00001" in _switch(clients["manager"], "/practice/Y00001")
    assert "Practice Y00001" in _switch(clients["manager"], "/practice/Y00001")
    for path, search in [
        ("/practice/Y00002", ""),
        ("/practice/Y00001", "?ods=Y00002"),
        ("/practice/%59%30%30%30%30%32", ""),
        ("/practice/y00002", ""),
        ("/admin", ""),
    ]:
        answer = _switch(clients["manager"], path, search)
        assert "404" in answer
        assert "Y00002" not in answer
        assert "audit" not in answer
    assert "the audit" in _switch(clients["icb-administrator"], "/admin")


def test_callbacks_get_the_scope_of_the_account(clients: dict[str, FlaskClient]) -> None:
    answer = clients["manager"].post(
        UPDATE + "?scope=icb", json=callback_body("icb"), headers={**ORIGIN, "X-Scope": "icb"}
    )
    assert "practice:Y00001 asked 'icb'" in answer.text


def test_a_callback_may_need_a_greater_role(clients: dict[str, FlaskClient]) -> None:
    body = {
        "output": "export.data",
        "outputs": {"id": "export", "property": "data"},
        "inputs": [{"id": "export-button", "property": "n_clicks", "value": 1}],
        "changedPropIds": [],
    }
    for name, client in clients.items():
        expected = {"nobody": 401, "icb-viewer": 403, "pcn-viewer": 403, "manager": 403}.get(name, 200)
        assert client.post(UPDATE, json=body, headers=ORIGIN).status_code == expected, name


def test_pattern_matching_callbacks_pass(clients: dict[str, FlaskClient]) -> None:
    parts = [{"id": {"kind": "part", "index": i}, "property": "value", "value": i} for i in range(3)]
    body = {
        "output": "sum.children",
        "outputs": {"id": "sum", "property": "children"},
        "inputs": [parts],
        "changedPropIds": ['{"index":1,"kind":"part"}.value'],
    }
    assert clients["manager"].post(UPDATE, json=body, headers=ORIGIN).json["response"]["sum"]["children"] == 3
    parts[1]["id"] = "who"
    assert clients["manager"].post(UPDATE, json=body, headers=ORIGIN).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"7", b"{", b"\xff\xfe", b'{"output": 7}', b"[" * 100_000, b'{"a":' * 50_000,
        b'{"output":"answer.children","inputs":' + b"[" * 400 + b"]" * 400 + b"}",
    ],
)  # fmt: skip
def test_bodies_that_are_no_callback_get_4xx(clients: dict[str, FlaskClient], body: bytes) -> None:
    answer = clients["manager"].post(UPDATE, data=body, content_type="application/json", headers=ORIGIN)
    assert answer.status_code in (400, 404)
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("path", [UPDATE, "/login", "/set-password/x", "/no-such-page"])
def test_ten_megabytes_are_refused(clients: dict[str, FlaskClient], path: str) -> None:
    for client in clients.values():
        answer = client.post(path, data=b"x" * 10 * 1024 * 1024, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 413
    assert MAXIMUM_BODY_BYTES < 10 * 1024 * 1024


def test_a_body_without_a_length_is_limited_too(clients: dict[str, FlaskClient]) -> None:
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    answer = clients["manager"].post(
        UPDATE,
        input_stream=io.BytesIO(b'"' + b"x" * 10 * 1024 * 1024 + b'"'),
        content_type="application/json",
        headers=ORIGIN,
        environ_overrides=environ,
    )
    assert answer.status_code in (400, 413)  # read no further than the limit, so no longer JSON


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_tampered_callbacks_never_break_and_never_widen(app: Dash, data: st.DataObject) -> None:
    if not hasattr(app, "manager"):
        app.manager = app.server.test_client()  # type: ignore[attr-defined]
        sign_in(app.manager, "manager")  # type: ignore[attr-defined]
    body: Any = callback_body()
    for _ in range(data.draw(st.integers(1, 3))):
        _spoil(body, data)
    answer = app.manager.post(UPDATE, json=body, headers=ORIGIN)  # type: ignore[attr-defined]
    assert answer.status_code in (200, 400, 403, 404), body
    if answer.status_code == 200:
        assert "practice:Y00001 asked" in answer.text


def test_tokens_are_for_the_api_only(app: Dash, clients: dict[str, FlaskClient]) -> None:
    database = app.server.extensions["access"]
    made = accounts.create_token(database, "manager", "Excel", 10)
    bearer = {"Authorization": f"Bearer {made.secret}"}
    nobody = clients["nobody"]
    assert nobody.get("/api/v1/measures.csv", headers=bearer).text == "for practice:Y00001"
    assert nobody.get("/", headers=bearer).status_code == 302
    assert nobody.post(UPDATE, json=callback_body(), headers={**bearer, **ORIGIN}).status_code == 401
    for wrong in (
        "",
        "Bearer",
        "Bearer x",
        f"Bearer {made.secret}x",
        f"Basic {made.secret}",
        f"Bearer {made.secret[:-1]}é",
    ):
        answer = nobody.get("/api/v1/measures.csv", headers={"Authorization": wrong})
        assert answer.status_code == 401, wrong
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    # a wrong token is not made good by a session
    assert clients["manager"].get("/api/v1/measures.csv", headers={"Authorization": "Bearer x"}).status_code == 401
    assert clients["manager"].get("/api/v1/measures.csv").text == "for practice:Y00001"
    accounts.revoke_token(database, "manager", made.id)
    assert nobody.get("/api/v1/measures.csv", headers=bearer).status_code == 401


def test_refusals_are_in_the_audit(app: Dash, clients: dict[str, FlaskClient]) -> None:
    clients["manager"].get("/practice/Y00002")
    clients["manager"].post("/logout")
    events = audit.recent(app.server.extensions["access"])[:2]
    details = [json.loads(event.detail) for event in events]
    assert [event.user_name for event in events] == ["manager", "manager"]
    assert details == [
        {"path": "/logout", "method": "POST", "status": 403},
        {"path": "/practice/Y00002", "method": "GET", "status": 404},
    ]


def test_nobody_learns_the_layout(clients: dict[str, FlaskClient]) -> None:
    for path in ("/_dash-layout", "/_dash-dependencies", "/_reload-hash", "/api/v1/measures.csv", "/api/none"):
        assert clients["nobody"].get(path).status_code == 401


def test_a_page_never_carries_another_page(clients: dict[str, FlaskClient]) -> None:
    for name in ("icb-administrator", "manager"):
        assert "figures of" not in clients[name].get("/").text
        assert "the audit" not in clients[name].get("/").text


def test_static_files_are_public_and_nothing_else_is_in_their_folders(clients: dict[str, FlaskClient]) -> None:
    nobody = clients["nobody"]
    with nobody.get("/assets/login.css") as answer:
        assert answer.status_code == 200
    for path in ("/assets/../app.py", "/assets/%2e%2e/access/settings.py", "/assets//etc/passwd", "/assets/"):
        assert nobody.get(path).status_code in (302, 404)
        assert clients["manager"].get(path).status_code == 404
    for path in ("/_dash-component-suites/os/path.py", "/_dash-component-suites/dash/../../x.js"):
        assert nobody.get(path).status_code in (401, 404), path


def test_while_the_accounts_cannot_be_reached_nobody_gets_in_and_the_process_is_up(
    app: Dash, clients: dict[str, FlaskClient]
) -> None:
    engine = app.server.extensions["access"].engine
    manager, nobody = clients["manager"], clients["nobody"]
    engine.dispose()
    path = Path(engine.url.database)
    aside = path.rename(path.with_suffix(".aside"))
    for leftover in path.parent.glob(f"{path.name}-*"):
        leftover.unlink()
    path.mkdir()
    for client in (manager, nobody):
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
    for answer in (
        manager.get("/practice/Y00001"),
        manager.post(UPDATE, json=callback_body(), headers=ORIGIN),
        manager.get("/api/v1/measures.csv"),
        nobody.get("/login"),
    ):
        assert answer.status_code == 503
        assert "Try again in a minute" in answer.text
        assert path.name not in answer.text
        assert "Content-Security-Policy" in answer.headers
    path.rmdir()
    aside.rename(path)
    assert manager.get("/practice/Y00001").status_code == 200


def test_outside_a_request_there_is_no_user() -> None:
    assert current_user() is None
    with pytest.raises(NotSignedIn):
        current_scope()


def test_an_unknown_role_is_a_mistake_at_start() -> None:
    with pytest.raises(ValueError, match="admin"):
        needs_role("admin")


def _in_another_module(value: Any) -> str:
    return "figures"


def _switch(client: FlaskClient, path: str, search: str = "") -> str:
    body = {
        "output": ROUTER,
        "outputs": [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
        "inputs": [
            {"id": "_pages_location", "property": "pathname", "value": path},
            {"id": "_pages_location", "property": "search", "value": search},
        ],
        "changedPropIds": ["_pages_location.pathname"],
    }
    answer = client.post(UPDATE, json=body, headers=ORIGIN)
    assert answer.status_code == 200
    return answer.text


def _spoil(body: Any, data: st.DataObject) -> None:
    """Replace, remove or add something somewhere in a JSON value."""
    places, waiting = [], [body]
    while waiting:
        item = waiting.pop()
        keys = list(item) if isinstance(item, dict) else list(range(len(item)))
        places += [(item, key) for key in keys]
        waiting += [item[key] for key in keys if isinstance(item[key], dict | list)]
    if not places:
        return
    item, key = data.draw(st.sampled_from(places))
    what = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if what == "replace":
        item[key] = data.draw(JSON)
    elif what == "remove":
        del item[key]
    elif isinstance(item, dict):
        item[data.draw(st.sampled_from(["scope", "user", "access_user", "id", "x"]))] = data.draw(JSON)
    else:
        item.append(copy.deepcopy(item[key]))
