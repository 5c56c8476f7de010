"""Default deny: every route, page and callback states who may use it, or nobody may.

    @public                              a route anyone may call
    @needs_role("viewer")                a route or callback for the signed-in
    dash.register_page(..., access=needs_role("exporter"), exists=lambda scope, ods: ...)

A callback without a rule of its own has the rule of the page whose module it is in. `exists` tells whether a page with
variables in its path is there for a scope; False is answered exactly as a page nobody has.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import dash
from dash import Dash, html
from flask import Response, abort, current_app, g, redirect, request
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from dashboard.access import audit, csrf, session
from dashboard.access.callbacks import callback_of, read_body
from dashboard.access.scope import ROLES, CurrentUser, current_user
from dashboard.access.tables import AccountsUnreachable, Database
from dashboard.access.words import page as error_page

log = logging.getLogger("switchboard.access")

View = TypeVar("View", bound=Callable[..., Any])
MAXIMUM_BODY_BYTES = 4 * 1024 * 1024
LONGEST_ADDRESS = 4094  # characters of its path or query string: as gunicorn takes of a request line
DISCARDED_BYTES = 64 * 1024 * 1024
ROUTER = "_pages_content.children"
TITLES = {
    400: "Something is wrong with the request",
    401: "Sign in first",
    403: "Not allowed",
    404: "Page not found",
    503: "Not available just now",
}
NOT_FOUND = "This page does not exist, or is not yours to see."


@dataclass(frozen=True)
class Rule:
    """Who may use a route, page or callback: anyone (`role` None), or a role, perhaps of the whole ICB only."""

    role: str | None
    whole_icb: bool = False

    def __call__(self, view: View) -> View:
        """As a decorator: give the rule to a route's or callback's function."""
        view.access = self  # type: ignore[attr-defined]
        return view

    def allows(self, user: CurrentUser | None) -> bool:
        """Whether `user` may."""
        if self.role is None:
            return True
        return user is not None and user.may(self.role) and (not self.whole_icb or user.scope.kind == "icb")


def needs_role(role: str, *, whole_icb: bool = False) -> Rule:
    """The rule for users with `role` or a greater one; with `whole_icb`, only those whose scope is the ICB."""
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}: use {', '.join(ROLES)}")
    return Rule(role, whole_icb)


PUBLIC = Rule(None)
VIEWER = Rule("viewer")


def public(view: View) -> View:
    """The decorator of a route that anyone may call. It must carry no figure."""
    return PUBLIC(view)


# Dash's own routes, by the path Dash gives them
DASH_ROUTES = {
    "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>": PUBLIC,
    "/assets/<path:filename>": PUBLIC,
    "/static/<path:filename>": PUBLIC,
    "/_favicon.ico": PUBLIC,
    "/_dash-layout": VIEWER,
    "/_dash-dependencies": VIEWER,
    "/_dash-update-component": VIEWER,
    "/_reload-hash": VIEWER,
    "/": VIEWER,  # then the rule of the page
    "/<path:path>": VIEWER,
}
FOR_NOBODY = {path for path, rule in DASH_ROUTES.items() if rule is PUBLIC} | {"/healthz", "/readyz"}


def guard(app: Dash) -> Response | None:
    """Let a request pass, or answer it. Runs before every request.

    Aborts with 400 (body cannot be read), 401 (nobody signed in), 403 (not allowed, forged), 404 (no such page,
    route or callback for this user) or 413 (body too large).
    """
    if (request.content_length or 0) > MAXIMUM_BODY_BYTES:
        abort(413)
    # read whatever the answer: a server that answers first closes the connection, under the client's next request
    if len(request.get_data()) >= MAXIMUM_BODY_BYTES:  # a body that gave no length is read up to the limit
        abort(413)
    rule = route_rule(app)
    # files, and whether the process is up, are there also when the accounts cannot be reached
    needs_nobody = request.url_rule is not None and request.url_rule.rule in FOR_NOBODY
    g.access_user = None if needs_nobody else _who(app.server.extensions["access"])
    if rule is None or not rule.allows(None):
        if current_user() is None:
            return _sign_in_first()
        if rule is None:
            _refuse(404)
    if request.method not in csrf.SAFE_METHODS:
        _check_forgery()
    if rule is not None and not rule.allows(current_user()):
        _refuse(403)
    if request.url_rule is not None and request.url_rule.rule in ("/", "/<path:path>") and app.use_pages:
        _check_page(request.path)
    if request.endpoint == "/_dash-update-component":
        _check_callback(app)
    return None


def route_rule(app: Dash, endpoint: str | None = None) -> Rule | None:
    """The rule of a route, by default the one this request is for; None if it has none."""
    if endpoint is None:
        endpoint = request.endpoint
    if endpoint is None:
        return None
    view = app.server.view_functions.get(endpoint)
    own = getattr(view, "access", None)
    if isinstance(own, Rule):
        return own
    paths = {rule.rule for rule in app.server.url_map.iter_rules(endpoint)}
    if paths and paths <= DASH_ROUTES.keys():
        return min((DASH_ROUTES[path] for path in paths), key=lambda rule: rule.role is None)
    redirected = {path for page in dash.page_registry.values() for path in page["redirect_from"] or []}
    return VIEWER if paths and paths <= redirected else None


def page_rule(page: dict[str, Any]) -> Rule | None:
    """The rule a page was registered with; None if it has none."""
    own = page.get("access")
    return own if isinstance(own, Rule) else None


def callback_rule(app: Dash, output: str) -> Rule | None:
    """The rule of the callback that fills `output`: its own, else its page's; None if it has none."""
    function = app.callback_map[output].get("callback")
    own = getattr(function, "access", None)
    if isinstance(own, Rule):
        return own
    if function is None or ROUTER in output:
        return VIEWER  # runs in the browser only; or Dash's page switch, which asks guarded_layout
    page = dash.page_registry.get(function.__module__)
    return page_rule(page) if page else None


def without_rule(app: Dash) -> list[str]:
    """Every route, page and callback of `app` that states no rule. All of them are refused; a test wants []."""
    app.server.test_client().get("/healthz")  # Dash adds callbacks during its first request
    routes = [
        f"route {rule.rule}" for rule in app.server.url_map.iter_rules() if route_rule(app, rule.endpoint) is None
    ]
    pages = [f"page {name}" for name, page in dash.page_registry.items() if page_rule(page) is None]
    callbacks = [f"callback {output}" for output in app.callback_map if callback_rule(app, output) is None]
    return routes + pages + callbacks


def guard_pages() -> None:
    """Put `guarded` before the layout and title of every page: Dash switches pages without a new request."""
    for page in dash.page_registry.values():
        if not page.get("access_guarded"):
            page["layout"] = guarded(page, page["layout"], html.H1("404 - Page not found"))
            if callable(page["title"]):
                page["title"] = guarded(page, page["title"], "Page not found")
            page["access_guarded"] = True


def guarded(page: dict[str, Any], value: Any, otherwise: Any) -> Callable[..., Any]:
    """The page's layout or title (or the function that makes it), or `otherwise` for who may not see it."""

    def layout_or_title(*args: Any, **variables: Any) -> Any:
        if not may_see(page, variables):
            return otherwise
        return value(*args, **variables) if callable(value) else value

    return layout_or_title


def may_see(page: dict[str, Any], variables: dict[str, Any] | None) -> bool:
    """Whether the current user may see this page with these variables of its path."""
    user, rule = current_user(), page_rule(page)
    if user is None or rule is None or not rule.allows(user):
        return False
    exists = page.get("exists")
    if not page.get("path_template"):
        return True
    names = [part[1:-1] for part in page["path_template"].split("/") if part.startswith("<")]
    given = {name: (variables or {}).get(name) for name in names}
    return exists is not None and None not in given.values() and bool(exists(user.scope, **given))


def error_answer(error: HTTPException) -> Response:
    """A refusal in plain words; the same bytes for what does not exist and what is out of scope."""
    code = error.code or 500
    if code == 413:
        _discard_body()
    if error.response is not None:
        return error.get_response()  # type: ignore[return-value]
    text = NOT_FOUND if code == 404 else (error.description or error.name)
    if request.path.startswith(("/api/", "/_")):
        answer = Response(text + "\n", code, content_type="text/plain; charset=utf-8")
    else:
        answer = Response(error_page(TITLES.get(code, error.name), text), code)
    if code == 401 and request.path.startswith("/api/"):
        answer.headers["WWW-Authenticate"] = 'Bearer realm="Switchboard"'
    return answer


def unreachable_answer(error: AccountsUnreachable) -> Response:
    """The accounts do not answer: why goes to the log, the reader is asked to wait."""
    log.error("%s", error)
    return error_answer(ServiceUnavailable("Nobody can be signed in or recognised just now. Try again in a minute."))


def _discard_body() -> None:
    """Read what is left of a body that is too large, within reason: or the client, still sending, never gets to see
    the answer."""
    left = min(request.content_length or DISCARDED_BYTES, DISCARDED_BYTES)
    stream = request.environ["wsgi.input"]
    while left > 0 and (chunk := stream.read(min(left, 65536))):
        left -= len(chunk)


def _who(database: Database) -> CurrentUser | None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    # a token reads; whoever has found one cannot make himself another
    if request.path.startswith("/api/") and request.method in csrf.SAFE_METHODS and scheme.lower() == "bearer":
        return session.token_user(database, secret.strip())
    return session.user_of(database, session.cookie()) if session.cookie() else None


def _sign_in_first() -> Response:
    accepts = request.accept_mimetypes
    wants_page = request.method in ("GET", "HEAD") and (not accepts or accepts.accept_html)
    if wants_page and not request.path.startswith(("/api/", "/_")):
        where = request.full_path.rstrip("?") if request.query_string else request.path
        return redirect("/login" if where == "/" else f"/login?next={quote(where, safe='/')}", 302)  # type: ignore[return-value]
    abort(401, "Sign in first.")


def _check_forgery() -> None:
    reason = csrf.refusal(own_origin_is_enough=request.endpoint == "/_dash-update-component")
    if reason:
        _refuse(403, reason)


def _check_page(path: str) -> None:
    page, variables = dash._pages._path_to_page(path.strip("/"))
    if not page or not may_see(page, variables):
        _refuse(404)


def _check_callback(app: Dash) -> None:
    body = read_body()
    output = callback_of(app, body)
    if output is None:
        _refuse(404)
    if ROUTER in str(output):
        _check_address(body["inputs"])
    rule = callback_rule(app, str(output))
    if rule is None or not rule.allows(current_user()):
        _refuse(403)


def _check_address(inputs: list[dict[str, Any]]) -> None:
    """Abort with 400 unless the path and query string that Dash's page switch is given are such: it does not look."""
    for given in inputs:
        value = given.get("value")
        if not isinstance(value, str) or (given.get("property") == "pathname" and not value.startswith("/")):
            abort(400, "The address of the page is not an address.")
        if len(value) > LONGEST_ADDRESS:  # splitting megabytes of it into parts holds everybody else up
            abort(400, "The address of the page is too long.")


def _refuse(code: int, reason: str | None = None) -> None:
    if current_user() is not None:
        audit.record("refused", path=request.path[:500], method=request.method, status=code)
    if code == 403 and reason is None:
        contact = current_app.extensions["access"].settings.access_contact
        reason = f"Your account may not do this. If you need to, ask {contact}."
    abort(code, reason)
