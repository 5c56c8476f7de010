"""Who you are and what you may see. `install` puts all of it before a Dash app."""

from dash import Dash
from dash.exceptions import DependencyException
from flask import Response
from werkzeug.exceptions import HTTPException, NotFound

from dashboard.access import csrf, login, oidc
from dashboard.access.audit import record
from dashboard.access.guard import (
    MAXIMUM_BODY_BYTES,
    error_answer,
    guard,
    guard_pages,
    needs_role,
    public,
    unreachable_answer,
    without_rule,
)
from dashboard.access.headers import add_headers
from dashboard.access.proxy import TrustedProxies
from dashboard.access.scope import CurrentUser, NotSignedIn, Scope, current_scope, current_user
from dashboard.access.session import SignOnCookies
from dashboard.access.settings import AccessSettings, load_access_settings
from dashboard.access.tables import AccountsUnreachable, open_database

__all__ = [
    "AccessSettings",
    "CurrentUser",
    "NotSignedIn",
    "Scope",
    "current_scope",
    "current_user",
    "install",
    "load_access_settings",
    "needs_role",
    "public",
    "record",
    "without_rule",
]


def install(app: Dash, settings: AccessSettings) -> None:
    """Put sign-in, scope and default deny before everything `app` serves.

    Call it last in the making of the app, when its pages are registered: whatever has no rule is refused (see
    guard.py). `settings` come from `load_access_settings()`.
    """
    server = app.server
    database = open_database(settings)
    server.extensions["access"] = database
    server.secret_key = settings.secret_key
    server.config.update(
        MAX_CONTENT_LENGTH=MAXIMUM_BODY_BYTES,
        SESSION_COOKIE_NAME="icb_sign_on",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    server.session_interface = SignOnCookies()
    # else Dash calls every layout at its first request, and sends the result to everyone
    app.config.suppress_callback_exceptions = True
    guard_pages()
    login.add_routes(server)
    oidc.add_routes(server, database)
    server.register_error_handler(HTTPException, error_answer)

    server.register_error_handler(AccountsUnreachable, unreachable_answer)
    server.register_error_handler(DependencyException, lambda error: error_answer(NotFound()))

    @server.before_request
    def _guard() -> Response | None:
        return guard(app)

    @server.after_request
    def _finish(response: Response) -> Response:
        return add_headers(app, csrf.keep_visitor(response))

    server.wsgi_app = TrustedProxies(server.wsgi_app, settings.trusted_proxies)
    # Dash finishes setting itself up in its first request; two threads at it at once would leave it half done
    server.test_client().get("/healthz")
