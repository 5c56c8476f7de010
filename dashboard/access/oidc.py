"""Single sign-on by OpenID Connect (NHSmail, Entra ID): authorisation code with PKCE, state and nonce, by Authlib.

Claims become role and scope by the rules in icb.toml, at each sign-in:

    [[oidc.rule]]
    claim = "groups"
    value = "practice-managers"
    role = "viewer"
    scope = "practice:{ods_code}"
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.oauth2.rfc6749.errors import OAuth2Error
from flask import Flask, Response, current_app, request, url_for
from flask import session as sign_on_cookie
from joserfc.errors import JoseError
from requests import RequestException
from sqlalchemy import delete, select
from werkzeug.wrappers import Response as AnyResponse

from dashboard.access import accounts, audit
from dashboard.access.guard import public
from dashboard.access.login import safe_next, signed_in
from dashboard.access.scope import Scope
from dashboard.access.settings import AccessSettings, OidcRule
from dashboard.access.tables import Database, OidcState
from dashboard.access.words import page

log = logging.getLogger("switchboard.access")

CLOCK_LEEWAY_SECONDS = 30
NEXT = "next"


class StateStore:
    """Where Authlib keeps state, nonce and verifier: on the server, once, so that no answer can be replayed."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def get(self, key: str) -> str | None:
        """The value kept under `key`, if it is not too old."""
        live = (OidcState.key == key, OidcState.expires_at > self.database.now())
        with self.database.reading() as session:
            return session.scalars(select(OidcState.value).where(*live)).one_or_none()

    def set(self, key: str, value: str, expires_in: int) -> None:
        """Keep `value` under `key` for `expires_in` seconds."""
        expires_at = self.database.now() + timedelta(seconds=expires_in)
        with self.database.writing() as session:
            session.add(OidcState(key=key, value=value, expires_at=expires_at))

    def delete(self, key: str) -> None:
        """Forget `key`."""
        with self.database.writing() as session:
            session.execute(delete(OidcState).where(OidcState.key == key))


def add_routes(server: Flask, database: Database) -> None:
    """Add `/oidc/login` and `/oidc/callback` where an issuer is set."""
    settings = database.settings
    if not settings.oidc_issuer:
        return
    OAuth(server, cache=StateStore(database)).register(
        "switchboard",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        server_metadata_url=settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={
            "scope": settings.oidc_scopes,
            "code_challenge_method": "S256",
            "default_timeout": 10,
        },
    )
    server.add_url_rule("/oidc/login", view_func=oidc_login)
    server.add_url_rule("/oidc/callback", view_func=oidc_callback)


@public
def oidc_login() -> AnyResponse:
    """Send the browser to the issuer."""
    sign_on_cookie[NEXT] = safe_next(request.args.get("next"))
    try:
        return _client().authorize_redirect(url_for("oidc_callback", _external=True))
    except (OAuthError, RequestException, ValueError) as error:
        return _refused("The sign-in service cannot be reached.", error, 503)


@public
def oidc_callback() -> AnyResponse:
    """Take the issuer's answer; open a session, or refuse in plain words, telling whom to ask."""
    database: Database = current_app.extensions["access"]
    settings = database.settings
    try:
        if request.args.get("iss", settings.oidc_issuer) != settings.oidc_issuer:
            raise OAuthError("wrong_issuer", "the answer names another issuer")
        claims_options = {
            "iss": {"essential": True, "value": settings.oidc_issuer},
            "aud": {"essential": True, "value": settings.oidc_client_id},
        }
        token = _client().authorize_access_token(claims_options=claims_options, leeway=CLOCK_LEEWAY_SECONDS)
        claims = token.get("userinfo")
        if not claims:
            raise OAuthError("no_id_token", "the answer holds no ID token")
    except (OAuthError, OAuth2Error, JoseError, RequestException, ValueError, KeyError) as error:
        return _refused("Signing in did not work. Try again from the start.", error, 403)
    where = safe_next(sign_on_cookie.pop(NEXT, None))
    name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
    granted = role_and_scope(settings.oidc_rule, claims)
    if granted is None:
        audit.record("sign_in.refused", user=name[:100], how="oidc", reason="no rule matches")
        return Response(_ask(settings, "Your account is known, but not yet allowed to see the dashboard."), 403)
    user = accounts.sign_on(database, f"{settings.oidc_issuer} {claims['sub']}", name, *granted)
    if user is None:
        audit.record("sign_in.refused", user=name[:100], how="oidc", reason="disabled")
        return Response(_ask(settings, "Your account is not in use."), 403)
    return signed_in(database, user, where, "oidc")


def role_and_scope(rules: list[OidcRule], claims: Mapping[str, Any]) -> tuple[str, Scope] | None:
    """The role and scope of the first rule the claims match; None if none does, which means no access."""
    for rule in rules:
        held = claims.get(rule.claim)
        if rule.value not in [str(item) for item in (held if isinstance(held, list) else [held])]:
            continue
        kind, colon, code = rule.scope.partition(":")
        if code.startswith("{"):
            code = str(claims.get(code[1:-1], ""))
        try:
            return rule.role, Scope.parse(f"{kind}{colon}{code}")
        except ValueError:
            continue
    return None


def _client() -> Any:
    return current_app.extensions["authlib.integrations.flask_client"].create_client("switchboard")


def _ask(settings: AccessSettings, text: str) -> str:
    return page("You cannot sign in", f"{text} Ask {settings.access_contact}.")


def _refused(text: str, error: Exception, status: int) -> AnyResponse:
    log.warning("single sign-on refused: %r", error)
    if status == 403:
        audit.record("sign_in.refused", how="oidc", reason=type(error).__name__)
    return Response(page("You cannot sign in", text), status)
