"""Routes before sign-in: the form, leaving, setting a password, and whether the server is up and ready."""

import logging
import re
from urllib.parse import quote, urlsplit

from flask import (
    Flask,
    Response,
    current_app,
    g,
    jsonify,
    make_response,
    redirect,
    request,
)
from werkzeug.wrappers import Response as AnyResponse

from dashboard.access import accounts, audit, csrf, session, throttle
from dashboard.access.accounts import AccountError
from dashboard.access.guard import needs_role, public
from dashboard.access.scope import current_user
from dashboard.access.tables import Database, User
from dashboard.access.words import LOGIN, SET_PASSWORD, page

log = logging.getLogger("switchboard.access")

WRONG = "The user name or password is not right, or the account is not in use."
LINK_OVER = "This link has been used, or is too old, or was never made. Ask {contact} for a new one."


def add_routes(server: Flask) -> None:
    """Add the routes of this file to the server."""
    server.add_url_rule("/login", view_func=login, methods=["GET", "POST"])
    server.add_url_rule("/logout", view_func=logout, methods=["POST"])
    server.add_url_rule("/set-password/<secret>", view_func=set_password, methods=["GET", "POST"])
    server.add_url_rule("/healthz", view_func=healthz)
    server.add_url_rule("/readyz", view_func=readyz)


def safe_next(where: str | None) -> str:
    """A path on this server to go to after sign-in; `/` for anything that could lead elsewhere."""
    if not where or len(where) > 2000 or re.search(r"[\x00-\x20\x7f-\x9f\\]", where):
        return "/"
    if not where.startswith("/") or where.startswith("//"):
        return "/"
    try:
        parts = urlsplit(where)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or parts.path in ("/login", "/logout"):
        return "/"
    return quote(where, safe="/?&=%#:;,@!$'()*+~")


@public
def login() -> AnyResponse:
    """GET or HEAD: the form. POST: 303 to `next` with a new session; 401 wrong; 429 too many attempts."""
    where = safe_next(request.args.get("next"))
    if request.method != "POST":
        return redirect(where, 302) if current_user() else _form(where)
    name, password = request.form.get("username", ""), request.form.get("password", "")
    if not name.strip() or not password:
        return _form(where, 400, "Enter your user name and your password.", name)
    database: Database = current_app.extensions["access"]
    address = request.remote_addr or ""
    decision = throttle.begin_attempt(database, name, address)
    if decision.locks:
        audit.record("sign_in.locked", account=accounts.known_name(database, name))
    if decision.wait:
        log.warning("sign-in throttled for %s seconds, from %s", decision.wait, address)
        return _too_many(where, name, decision.wait)
    user = accounts.verify(database, name, password, request.form.get("code", ""))
    if user is None:
        # not the name: people type their password there
        audit.record("sign_in.refused", account=accounts.known_name(database, name))
        return _form(where, 401, WRONG, name)
    throttle.succeeded(database, name, address)
    return signed_in(database, user, where, "password")


def signed_in(database: Database, user: User, where: str, how: str) -> AnyResponse:
    """Open a session for `user` and go to `where`. Any session of before is ended."""
    if session.cookie():
        session.end(database, session.cookie())
    accounts.tidy(database)
    audit.record("sign_in", user=user.name, how=how)
    g.access_visitor = None
    answer = make_response(redirect(where, 303))
    session.set_cookie(answer, session.COOKIE, session.start(database, user.id))
    session.drop_cookie(answer, csrf.COOKIE)
    return answer


@needs_role("viewer")
def logout() -> AnyResponse:
    """End the session and go to the form."""
    audit.record("sign_out")
    session.end(current_app.extensions["access"], session.cookie())
    answer = make_response(redirect("/login", 303))
    session.drop_cookie(answer, session.COOKIE)
    return answer


@public
def set_password(secret: str) -> AnyResponse:
    """GET or HEAD: the form of a one-time link. POST: set the password and go to the sign-in form."""
    database: Database = current_app.extensions["access"]
    name = accounts.link_owner(database, secret)
    if name is None:
        return _link_over(database)
    if request.method != "POST":
        return _password_form(name)
    password = request.form.get("password", "")
    if password != request.form.get("again"):
        return _password_form(name, "The two passwords are not the same.")
    try:
        done = accounts.use_link(database, secret, password)
    except AccountError as error:
        return _password_form(name, str(error))
    return redirect("/login", 303) if done else _link_over(database)


@public
def healthz() -> Response:
    """The process is up."""
    return jsonify(status="up")


@public
def readyz() -> Response:
    """Whether a generation is being served, and its age; 503 if not.

    Asks `SWITCHBOARD_GENERATION` of the server's config: a function giving (name, age in seconds) or None.
    """
    ask = current_app.config.get("SWITCHBOARD_GENERATION")
    try:
        generation = ask() if ask else None
    except Exception:
        log.exception("the generation being served cannot be told")
        generation = None
    if generation is None:
        answer = jsonify(status="no generation is being served")
        answer.status_code = 503
        return answer
    return jsonify(status="ready", generation=str(generation[0]), age_seconds=int(generation[1]))


def _form(where: str, status: int = 200, error: str = "", name: str = "") -> AnyResponse:
    database: Database = current_app.extensions["access"]
    settings = database.settings
    suffix = "" if where == "/" else f"?next={quote(where, safe='/')}"
    html = LOGIN.render(
        title="Sign in",
        error=error,
        field="username" if error else "",
        action=f"/login{suffix}",
        token=csrf.token(),
        username=name[:100],
        totp=accounts.anyone_uses_codes(database),
        sign_on=f"/oidc/login{suffix}" if settings.oidc_issuer else "",
        sign_on_label=settings.oidc_label,
        contact=settings.access_contact,
    )
    return Response(html, status)


def _too_many(where: str, name: str, wait: int) -> AnyResponse:
    minutes = -(-wait // 60)
    pause = f"{wait} seconds" if wait < 60 else "1 minute" if minutes == 1 else f"{minutes} minutes"
    answer = _form(where, 429, f"Too many attempts. Wait {pause} and try again.", name)
    answer.headers["Retry-After"] = str(wait)
    return answer


def _password_form(name: str, error: str = "") -> AnyResponse:
    html = SET_PASSWORD.render(
        title="Set your password",
        error=error,
        field="password" if error else "",
        token=csrf.token(),
        username=name,
        minimum=accounts.PASSWORD_MINIMUM,
    )
    return Response(html, 400 if error else 200)


def _link_over(database: Database) -> AnyResponse:
    text = LINK_OVER.format(contact=database.settings.access_contact)
    return Response(page("This link no longer works", text), 404)
