"""Nobody sees what is not theirs: everything the app has is found in the app itself and asked for as everyone.

What is searched for are unmistakable figures (marked.py). A page, chart or route that is added is asked for without a
change here; one of a new shape fails until this file knows how to ask for it.
"""

import importlib
import inspect
import json
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dash
import duckdb
import pytest
from dash import Dash
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.access import Scope, accounts, without_rule
from dashboard.app import create_app
from dashboard.page import charts, pages
from dashboard.queries import measures, navigation, organisations
from dashboard.view import View
from etl.settings import Settings
from tests.dashboard.access.house import PASSWORD, UPDATE, settings_for, sign_in
from tests.dashboard.generation import ENGLAND, ICB, MONTHS, PCNS, PRACTICES, SUB_ICBS
from tests.dashboard.marked import (
    OTHER,
    OWN,
    OWN_PCN,
    UNKNOWN,
    body_of,
    leaks,
    publish_marked,
    publish_totals_of_five,
    secrets_of,
)
from tests.dashboard.one_app import keep_pages

ORIGIN = {"Origin": "http://localhost"}
SCOPES = {"icb": "icb", "pcn": f"pcn:{OWN_PCN}", "practice": f"practice:{OWN}"}
ROLES = ("viewer", "exporter", "administrator")
EVERYONE = {f"{scope}-{role}": (role, scope) for scope in SCOPES for role in ROLES}
SEEN = {"practice": {OWN}, "pcn": set(PRACTICES[::4]), "icb": set(PRACTICES)}
PCN_OTHERS = ("pcn-exporter", "pcn-administrator")  # as the viewer, but slow to ask for everything
ROUTER = ".._pages_content.children..._pages_store.data.."
# routes that carry no figure, or that are asked for in a test of their own
PLAIN = {"/login", "/logout", "/healthz", "/readyz", "/set-password/<secret>", "/oidc/login", "/oidc/callback"}
FILES = {"/assets/<path:filename>", "/static/<path:filename>", "/_favicon.ico", "/_reload-hash",
         "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>"}  # fmt: skip


@pytest.fixture(scope="module")
def generation_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_marked(tmp_path_factory.mktemp("marked") / "published")


@pytest.fixture(scope="module")
def app(generation_file: Path) -> Iterator[Dash]:
    home = generation_file.parent.parent
    made = keep_pages(create_app(Settings(home=home), settings_for(home)))
    database = made.server.extensions["access"]
    for name, (role, scope) in EVERYONE.items():
        accounts.add(database, name, role, Scope.parse(SCOPES[scope]), PASSWORD)
    yield made
    database.engine.dispose()


@pytest.fixture(scope="module")
def clients(app: Dash) -> dict[str, FlaskClient]:
    """A browser for each person, signed in; and one for nobody."""
    found = {"nobody": app.server.test_client()}
    for name in EVERYONE:
        found[name] = app.server.test_client()
        assert sign_in(found[name], name).status_code == 303
    return found


@pytest.fixture(scope="module")
def secrets(generation_file: Path) -> dict[str, set[str]]:
    """What each scope must never be shown."""
    return {scope: secrets_of(generation_file, seen) for scope, seen in SEEN.items()}


def addresses() -> list[str]:
    """Every page, with every kind of value in the variables of its path."""
    found = []
    for page in pages().values():
        if "<" not in page.path:
            found.append(page.path)
        else:
            found += [re.sub("<[^>]+>", code, page.path) for code in (OWN, OTHER, UNKNOWN)]
    return found


def views() -> list[str]:
    """Query strings: one's own place, aggregates, others, what nobody has, and another period."""
    places = ["", OTHER, UNKNOWN, OWN_PCN, PCNS[1], SUB_ICBS[0], ICB]
    return [f"?organisation={place}&period=12" if place else "" for place in places]


def callback_bodies(app: Dash) -> Iterator[dict[str, Any]]:
    """A body for every server callback of the app, for every page, chart and view."""
    for output, declared in app.callback_map.items():
        if declared.get("callback") is None:
            continue  # runs in the browser
        if output == ROUTER:
            outputs = [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}]
            for path in addresses():
                for search in views():
                    given = (("pathname", path), ("search", search))
                    inputs = [{"id": "_pages_location", "property": name, "value": value} for name, value in given]
                    yield body_of(output, outputs, inputs)
        elif '"panel":["MATCH"]' in output:
            for name in charts():
                for search in views():
                    identity = {"panel": name, "view": search}
                    asked = [{"id": identity, "property": "id", "value": identity}]
                    yield body_of(output, {"id": identity, "property": "children"}, asked)
        elif '"chart":["MATCH"]' in output and '"table":true' in output:
            for name in charts():
                for search in ("", f"?organisation={ICB}", f"?organisation={OTHER}"):
                    identity = {"chart": name, "view": search}
                    table = {"table": True, **identity}
                    asked = [{"id": {"table-button": True, **identity}, "property": "n_clicks", "value": 1}]
                    state = [{"id": table, "property": "id", "value": table}]
                    yield body_of(output, {"id": table, "property": "children"}, asked, state)
        else:
            pytest.fail(f"callback {output} is new: say here how it is asked for")


def urls(app: Dash) -> Iterator[tuple[str, str]]:
    """Method and address of every route of the app."""
    short = ["", f"?organisation={OTHER}", f"?organisation={ICB}&period=12"]
    for rule in app.server.url_map.iter_rules():
        if rule.rule in FILES | PLAIN or rule.rule.startswith("/_dash"):
            continue
        for method in rule.methods - {"OPTIONS", "HEAD"}:
            if rule.rule in ("/", "/<path:path>"):
                yield from ((method, path + search) for path in addresses() for search in views()[:3])
            elif rule.rule == "/csv/<name>":
                yield from ((method, f"/csv/{name}{search}") for name in charts() for search in short)
            elif rule.rule.startswith("/api/v1/"):
                queries = [
                    "",
                    *(f"?organisation={code}&measure=calls_missed" for code in (OWN, OTHER, UNKNOWN, PCNS[1])),
                ]
                yield from ((method, rule.rule + query) for query in [*queries, "?level=practice"])
            else:
                yield method, re.sub(r"<[^>]+>", OTHER, rule.rule)


def echoes(text: str, asked: str) -> str:
    """The answer without what is only the question repeated: ids and addresses that the request itself named."""
    for part in {asked, quote(asked), escape(asked)} - {""}:
        text = text.replace(part, "")
    return text


def test_everything_states_a_rule(app: Dash) -> None:
    assert without_rule(app) == []
    assert {page["access"].role for page in dash.page_registry.values()} <= {"viewer", "exporter", "administrator"}


def test_the_search_finds_what_the_icb_may_see(clients: dict[str, FlaskClient], secrets: dict[str, set[str]]) -> None:
    """The instrument works: asked as the ICB's own team, others' codes, names and figures are all over the answers."""
    table = clients["icb-viewer"].get(f"/csv/demand-practices?organisation={ICB}").text
    api = clients["icb-viewer"].get("/api/v1/measures.csv?level=practice").text
    assert len(leaks(table, secrets["practice"])) > 60
    assert len(leaks(api, secrets["practice"])) > 10_000


@pytest.mark.parametrize("who", ["practice-viewer", "pcn-viewer"])
def test_no_callback_tells_of_others(
    app: Dash, clients: dict[str, FlaskClient], secrets: dict[str, set[str]], who: str
) -> None:
    asked = 0
    for body in callback_bodies(app):
        answer = clients[who].post(UPDATE, json=body, headers=ORIGIN)
        assert answer.status_code == 200, (body, answer.text)
        view = body["inputs"][0]["value"]
        search = view["view"] if isinstance(view, dict) else body["inputs"][-1]["value"]
        if isinstance(search, int):
            search = body["state"][0]["value"]["view"]
        found = leaks(echoes(answer.text, search), secrets[who.split("-")[0]])
        assert not found, (body["inputs"], sorted(found)[:5])
        asked += 1
    assert asked > 200


@pytest.mark.parametrize("who", ["nobody", *(name for name in EVERYONE if name not in PCN_OTHERS)])
def test_no_address_tells_of_others(
    app: Dash, clients: dict[str, FlaskClient], secrets: dict[str, set[str]], who: str
) -> None:
    asked = 0
    scope = who.split("-")[0]
    for method, url in urls(app):
        if scope == "icb" and url.startswith(("/csv/", "/api/")) and OTHER not in url:
            continue  # theirs to see, and slow
        answer = clients[who].open(url, method=method)
        assert answer.status_code < 500, url
        asked += 1
        if who == "nobody":
            assert answer.status_code in (302, 401, 403, 404, 405), url
        elif scope != "icb":
            found = leaks(echoes(answer.text, url), secrets[scope])
            assert not found, (url, sorted(found)[:5])
    assert asked > 100


@pytest.mark.parametrize("who", ["practice-viewer", "practice-exporter", "practice-administrator", "pcn-viewer"])
def test_out_of_scope_is_answered_as_what_nobody_has(app: Dash, clients: dict[str, FlaskClient], who: str) -> None:
    client, other = clients[who], OTHER if who.startswith("practice") else PRACTICES[2]
    assert client.get(f"/practice/{OWN}").status_code == 200
    pairs = [("/practice/{}", ""), *((f"/csv/{name}", "?organisation={}") for name in charts())]
    pairs += [("/api/v1/measures.csv", "?organisation={}"), ("/api/v1/measures.json", "?organisation={}")]
    for path, search in pairs:
        answers = [client.get((path + search).format(code)) for code in (other, UNKNOWN)]
        assert [each.status_code for each in answers] == [404, 404], path
        assert answers[0].data == answers[1].data
        assert dict(answers[0].headers) == dict(answers[1].headers)
    (output,) = [key for key in app.callback_map if '"panel":["MATCH"]' in key]
    for name in charts():
        texts = []
        for code in (other, UNKNOWN):
            identity = {"panel": name, "view": f"?organisation={code}"}
            asked = [{"id": identity, "property": "id", "value": identity}]
            body = body_of(output, {"id": identity, "property": "children"}, asked)
            texts.append(echoes(client.post(UPDATE, json=body, headers=ORIGIN).text, identity["view"]))
        assert texts[0] == texts[1], name


# what a query function is given, by the name of its parameter; its scope and its place are set apart
GIVEN: dict[str, Any] = {
    "measure": "calls_missed", "names": ("calls_missed", "calls_answered", "navigation_redirected"),
    "subject": "calls_wait_answered", "subjects": ("calls_wait_answered",), "units": {"calls_missed": "percent"},
    "kind": "practice", "first": MONTHS[0], "last": MONTHS[-1], "until": None, "rows": [], "search": "",
}  # fmt: skip
PLACE = ("view", "organisation", "practice", "code")
# these say the same whatever place they are asked about, or ask only whether it is there
OF_NO_PLACE = {
    "measures.told_of", "measures.thin_months", "navigation.impact", "navigation.impact_path",
    "telephony_delivery.impact", "telephony.moment", "practice.exists", "organisations.may_see",
    "organisations.is_above",
}  # fmt: skip


def query_functions() -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """Name, function and parameters of every public function of dashboard.queries that takes a scope."""
    package = importlib.import_module("dashboard.queries")
    for each in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"dashboard.queries.{each.name}")
        for name, function in vars(module).items():
            own = inspect.isfunction(function) and function.__module__ == module.__name__
            if own and not name.startswith("_") and "scope" in inspect.signature(function).parameters:
                yield f"{each.name}.{name}", function, tuple(inspect.signature(function).parameters)


def asked_of(function: Any, parameters: tuple[str, ...], scope: Scope, view: View) -> Any:
    """What the function answers of a view made by hand, or of its organisation, as if no page had looked at it."""
    place = view.organisation
    places = {"view": view, "organisation": place, "practice": place, "code": place.code}
    given = {"scope": scope, "codes": [place.code], **places, **GIVEN}
    answer = []
    for name in parameters:
        assert name in given, f"parameter {name} is new: say here what it is given"
        answer += given[name] if name == "subjects" else [given[name]]
    return function(*answer)


@pytest.mark.parametrize(
    ("name", "function", "parameters"), [*query_functions()], ids=lambda each: each if isinstance(each, str) else ""
)
def test_every_query_refuses_or_hides_what_is_not_its_scopes(
    app: Dash, secrets: dict[str, set[str]], name: str, function: Any, parameters: tuple[str, ...]
) -> None:
    """Asked directly, as a page would that forgot to ask whether its user may see the place."""
    with app.server.app_context():
        known = organisations.directory().organisations
        areas_elsewhere = {*PCNS[1:], SUB_ICBS[1]}
        own_place = set(PLACE) & set(parameters)
        for kind in ("practice", "pcn"):
            scope = Scope.parse(SCOPES[kind])
            for code in (OWN, OTHER, PRACTICES[4], OWN_PCN, PCNS[1], SUB_ICBS[0], SUB_ICBS[1], ICB, ENGLAND):
                seen = code in {*SEEN[kind], ICB, ENGLAND} or (kind == "pcn" and code == OWN_PCN)
                try:
                    answer = asked_of(function, parameters, scope, View(known[code], "all", MONTHS[0], MONTHS[-1]))
                except organisations.NoSuchOrganisation:
                    continue
                except IndexError:
                    if seen:
                        continue  # a place of a kind that the function is not about
                    raise
                assert seen or not own_place or name in OF_NO_PLACE, f"{kind} was answered about {code}"
                # `told` is what other queries count; nothing else may ask it
                found = set() if name == "telephony.told" else leaks(repr(answer), secrets[kind] | areas_elsewhere)
                assert not found, (kind, code, sorted(found)[:5])


@pytest.fixture(scope="module")
def thin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dash, set[str]]]:
    """The dashboard where five practices sent anything in the newest month, and the totals of that month above them."""
    home = tmp_path_factory.mktemp("thin")
    path = publish_marked(home / "published")
    with duckdb.connect(str(path)) as connection:
        hidden = publish_totals_of_five(connection)
    made = keep_pages(create_app(Settings(home=home), settings_for(home)))
    for scope in SCOPES:
        accounts.add(made.server.extensions["access"], scope, "viewer", Scope.parse(SCOPES[scope]), PASSWORD)
    yield made, hidden
    made.server.extensions["access"].engine.dispose()


THIN_TO_TELL = {
    "breakdowns.by_month", "breakdowns.shares", "call_logs.monday", "call_logs.open_hours", "call_logs.week",
    "measures.latest", "measures.series", "navigation.calls", "navigation.every_measure", "navigation.flow",
    "navigation.newest", "navigation.times", "navigation.withheld", "practice.compared", "practice.monday",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "function", "parameters"),
    [each for each in query_functions() if "view" in each[2]],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_no_query_tells_a_narrower_scope_a_total_of_a_few(
    thin: tuple[Dash, set[str]], name: str, function: Any, parameters: tuple[str, ...]
) -> None:
    """Five practices' total, less one's own, is four others'."""
    app, hidden = thin
    with app.server.app_context():
        found = {}
        for kind, text in SCOPES.items():
            found[kind] = set()
            for code in (ICB, ENGLAND):
                place = organisations.directory().organisations[code]
                newest = View(place, "12", MONTHS[-1], MONTHS[-1])
                with suppress(organisations.NoSuchOrganisation, IndexError):
                    answer = asked_of(function, parameters, Scope.parse(text), newest)
                    found[kind] |= leaks(repr(answer), hidden)
    assert bool(found["icb"]) == (name in THIN_TO_TELL), "the instrument works"
    assert not found["practice"] | found["pcn"], sorted(found["practice"] | found["pcn"])[:5]


@pytest.mark.parametrize(("open_", "sees"), [(7, False), (8, False), (9, True), (24, True)])
def test_a_total_needs_eight_others_and_is_never_a_pcns(tmp_path: Path, open_: int, sees: bool) -> None:
    """The practice among so many in one PCN and one ICB. With fewer, the total less one's own is a few others'."""
    path = publish_marked(tmp_path / "published")
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE membership SET parent = ? WHERE parent_kind = 'pcn'", [OWN_PCN])
        connection.execute("UPDATE organisation SET closed = NULL WHERE kind = 'practice'")
        closed = [PRACTICES[open_:]]
        connection.execute(
            "UPDATE organisation SET closed = DATE '2026-01-01' WHERE code IN (SELECT unnest(?))", closed
        )
    made = keep_pages(create_app(Settings(home=tmp_path), settings_for(tmp_path)))
    with made.server.app_context():
        scope, known = Scope("practice", OWN), organisations.directory().organisations
        assert [organisations.may_see(scope, known[code]) for code in (ICB, OWN_PCN, SUB_ICBS[0])] == [
            sees,
            False,
            False,
        ]
        funnel = measures.compared(scope, View(known[OWN], "all", MONTHS[0], MONTHS[-1]), "calls_missed", "practice")
        assert len(funnel) == (open_ if sees else 1), "nor is a funnel of fewer drawn"
        assert organisations.fewest_in_total(scope) == 9
        assert organisations.fewest_in_total(Scope("pcn", OWN_PCN)) == 8 + open_
        assert organisations.fewest_in_total(Scope("icb")) == 0
    made.server.extensions["access"].engine.dispose()


def test_a_total_of_many_is_told_where_another_measure_has_few(thin: tuple[Dash, set[str]]) -> None:
    """Four practices name calls in their navigation records: that hides no figure of the twenty that send records."""
    app, _ = thin
    scope = Scope.parse(SCOPES["practice"])
    names = (navigation.RATE, navigation.NAVIGATED)
    with app.server.app_context():
        view = View(organisations.directory().organisations[ICB], "12", MONTHS[-2], MONTHS[-2], ending=MONTHS[-2])
        assert set(navigation.newest(scope, view, names)) == {navigation.RATE}
        assert [row["contacts"] for row in navigation.flow(scope, view)] == [640]
        assert [row["requests"] for row in navigation.times(scope, view)] == [9]
        assert navigation.calls(scope, view) == []
        assert measures.series(scope, view, navigation.NAVIGATED) == []
        assert len(measures.series(scope, view, navigation.RATE)) == 1


@pytest.mark.parametrize("who", ["practice", "pcn"])
def test_no_address_tells_a_narrower_scope_a_total_of_a_few(thin: tuple[Dash, set[str]], who: str) -> None:
    app, hidden = thin
    client = app.server.test_client()
    assert sign_in(client, who).status_code == 303
    newest = f"{MONTHS[-1]:%Y-%m}"
    addresses = [f"/api/v1/measures.csv?from={newest}", *(f"/csv/{name}?organisation={ICB}" for name in charts())]
    for address in [*addresses, *(f"/csv/{name}?organisation={OWN}" for name in charts())]:
        found = leaks(client.get(address).text, hidden)
        assert not found, (address, sorted(found)[:5])


def test_what_only_the_icb_may_open_is_refused_to_others(clients: dict[str, FlaskClient]) -> None:
    for who, client in clients.items():
        expected = 302 if who == "nobody" else 200 if who == "icb-administrator" else 404
        assert client.get("/admin").status_code == expected, who


def test_a_chart_of_a_page_one_may_not_open_does_not_exist(
    app: Dash, clients: dict[str, FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = next(each for each in pages().values() if each.path == "/demand")
    monkeypatch.setattr("dashboard.page.may_open", lambda user, each: each is not page)
    for name in ("demand-trend", "no-such-chart"):
        answer = clients["icb-viewer"].get(f"/csv/{name}")
        assert (answer.status_code, "demand" in answer.text) == (404, False)
    assert clients["icb-viewer"].get("/csv/overview-trend").status_code == 200


@pytest.mark.parametrize("who", ["practice-viewer", "pcn-viewer"])
def test_peers_are_eight_or_more_and_rounded(clients: dict[str, FlaskClient], who: str) -> None:
    lines = clients[who].get(f"/csv/demand-practices?organisation={ICB}").text.splitlines()
    nameless = [line.split(",") for line in lines[1:] if line.startswith(",,")]
    assert len(nameless) >= 8
    for cells in nameless:
        assert all(float(cell) == float(f"{float(cell):.2g}") for cell in (cells[2], cells[4]))
        assert cells[3] == ""
    sizes = Counter(cells[4] for cells in nameless)
    assert min(sizes.values()) >= 4, "the only one of its size is known by it"


STRANGE = st.one_of(
    st.sampled_from(
        [OTHER, UNKNOWN, ICB, PCNS[1], "icb", "practice:" + OTHER, "' OR 1=1 --", "'; DROP TABLE measure_value; --",
         "<script>alert(1)</script>", "=HYPERLINK(\"x\")", "../../etc/passwd", "%00", "\x00", "{{7*7}}", "NaN",
         "-1", ""]
    ),
    st.text(max_size=30),
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | STRANGE,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just("view"), inner, max_size=3)
    ),
    max_leaves=5,
)
MODEST = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@MODEST
@given(data=st.data())
def test_tampered_callbacks_never_break_and_never_tell(
    app: Dash, clients: dict[str, FlaskClient], secrets: dict[str, set[str]], data: st.DataObject
) -> None:
    output = data.draw(st.sampled_from([key for key, each in app.callback_map.items() if each.get("callback")]))
    name = data.draw(st.sampled_from(sorted(charts())) | STRANGE)
    search = "?" + "&".join(
        f"{key}={quote(value)}"
        for key, value in data.draw(
            st.dictionaries(st.sampled_from(["organisation", "period", "measure", "scope", "x"]), STRANGE, max_size=3)
        ).items()
    )
    identity: dict[str, Any] = {"panel": name, "view": search}
    value = data.draw(st.just(identity) | JSON)
    if output == ROUTER:
        outputs: Any = [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}]
        where = data.draw(st.sampled_from(addresses()) | JSON)
        inputs = [{"id": "_pages_location", "property": "pathname", "value": where},
                  {"id": "_pages_location", "property": "search", "value": search}]  # fmt: skip
        body = body_of(output, outputs, inputs)
    elif '"panel"' in output:
        asked = [{"id": identity, "property": "id", "value": value}]
        body = body_of(output, {"id": identity, "property": "children"}, asked)
    else:
        named = {"chart": name, "view": search}
        table = {"table": True, **named}
        asked = [{"id": {"table-button": True, **named}, "property": "n_clicks", "value": data.draw(JSON)}]
        state = [{"id": table, "property": "id", "value": data.draw(st.just(table) | JSON)}]
        body = body_of(output, {"id": table, "property": "children"}, asked, state)
    body |= data.draw(st.sampled_from([{}, {"scope": "icb"}, {"user": "icb-viewer"}]))
    answer = clients["practice-viewer"].post(UPDATE, json=body, headers=ORIGIN)
    assert answer.status_code in (200, 204, 400, 403, 404), (body, answer.text[:300])
    given_text = json.dumps(body)
    found = {secret for secret in leaks(answer.text, secrets["practice"]) if secret not in given_text}
    assert not found, body


@MODEST
@given(
    path=st.sampled_from(
        ["/", "/demand", "/practice/", "/csv/demand-practices", "/api/v1/measures.csv", "/api/v1/measures.json"]
    ),
    tail=STRANGE,
    query=st.dictionaries(
        st.sampled_from(["measure", "level", "organisation", "from", "to", "period_kind", "period", "scope", "next"]),
        STRANGE,
        max_size=4,
    ),
)
def test_tampered_addresses_never_break_and_never_tell(
    clients: dict[str, FlaskClient], secrets: dict[str, set[str]], path: str, tail: str, query: dict[str, str]
) -> None:
    whole = path + quote(tail, safe="") if path == "/practice/" else path
    answer = clients["practice-viewer"].get(whole, query_string=query)
    assert answer.status_code in (200, 302, 400, 404), (whole, query)
    assert "Traceback" not in answer.text
    asked = whole + str(query) + answer.request.path + answer.request.query_string.decode()
    found = {secret for secret in leaks(answer.text, secrets["practice"]) if secret not in asked}
    assert not found, (whole, query)


@MODEST
@given(cookie=STRANGE, token=STRANGE, scheme=st.sampled_from(["Bearer", "bearer", "Basic", "", "Bearer Bearer"]))
def test_tampered_cookies_and_tokens_are_nobody(app: Dash, cookie: str, token: str, scheme: str) -> None:
    client = app.server.test_client()
    client.set_cookie("icb_session", quote(cookie))
    printable = re.sub(r"[^\x20-\x7e]", "?", token)
    for path in (
        "/api/v1/measures.csv",
        f"/csv/demand-practices?organisation={OWN}",
        f"/practice/{OWN}",
        "/_dash-layout",
    ):
        answer = client.get(path, headers={"Authorization": f"{scheme} {printable}"})
        assert answer.status_code in (302, 401), path
