"""Cross-site request forgery: a token bound to the browser's cookie, and the Origin browsers send.

Forms carry the token. Dash's endpoint takes a token in `X-CSRFToken`, or our own Origin in its place: scripts of
other sites cannot forge that header. A foreign Origin is refused whatever else comes with it.
"""

import hashlib
import hmac

from flask import Response, current_app, g, request

from dashboard.access import session
from dashboard.access.tables import new_secret

FIELD = "csrf_token"
HEADER = "X-CSRFToken"
COOKIE = "icb_visitor"  # before sign-in there is no session to bind the token to
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def token() -> str:
    """The token for a form on the page being made. Hidden field name: `csrf_token`."""
    if g.get("access_user") is not None:
        return _sign("session", session.cookie())
    if not g.get("access_visitor"):
        g.access_visitor = request.cookies.get(COOKIE) or new_secret()
    return _sign("visitor", g.access_visitor)


def keep_visitor(response: Response) -> Response:
    """Send the cookie the token of a form before sign-in is bound to (an after_request function)."""
    visitor = g.get("access_visitor")
    if visitor and request.cookies.get(COOKIE) != visitor:
        session.set_cookie(response, COOKIE, visitor)
    return response


def refusal(*, own_origin_is_enough: bool) -> str | None:
    """Why this request is refused, in plain words; None if it may pass."""
    origin = request.headers.get("Origin")
    own = f"{request.scheme}://{request.host}"
    foreign = origin is not None and origin not in ("null", own)
    if foreign:
        return (
            "The form came from another address than this one. If the dashboard is behind a proxy, "
            "its administrator should name the proxy in ICB_TRUSTED_PROXIES."
        )
    given = request.headers.get(HEADER)
    if given is None and request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        given = request.form.get(FIELD)
    if given is None and origin == own and own_origin_is_enough:
        return None
    if given is None or not _is_right(given):
        return "The form is too old, or your browser did not send its cookie. Go back, reload and try again."
    return None


def _is_right(given: str) -> bool:
    user = g.get("access_user")
    binding = session.cookie() if user is not None else request.cookies.get(COOKIE, "")
    right = _sign("session" if user is not None else "visitor", binding)
    return bool(binding) and hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())


def _sign(kind: str, binding: str) -> str:
    key = str(current_app.secret_key).encode()
    message = f"csrf:{kind}:{binding}".encode("utf-8", "surrogatepass")
    return hmac.new(key, message, hashlib.sha256).hexdigest()
