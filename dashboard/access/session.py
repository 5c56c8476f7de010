"""Sessions kept on the server: a cookie holds a random id, the database its hash, its owner and its age."""

from datetime import timedelta

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import bindparam, delete, select, update

from dashboard.access.proxy import is_plain_loopback
from dashboard.access.scope import CurrentUser, Scope
from dashboard.access.tables import Database, Token, User, WebSession, digest, new_secret

COOKIE = "icb_session"
TOUCH_SECONDS = 30  # how stale `seen_at` may be: not every request needs a write

# made once, and run without the ORM: every request asks it
LIVE_SESSION = (
    select(User.id, User.name, User.role, User.scope, WebSession.seen_at)
    .join(WebSession, WebSession.user_id == User.id)
    .where(
        WebSession.id_hash == bindparam("id_hash"),
        User.disabled_at.is_(None),
        WebSession.created_at > bindparam("oldest"),
        WebSession.seen_at > bindparam("idlest"),
    )
)


def start(database: Database, user_id: int) -> str:
    """Open a session and return its id, always a new one: an id from before sign-in is worth nothing."""
    secret, now = new_secret(), database.now()
    with database.writing() as session:
        session.add(WebSession(id_hash=digest(secret), user_id=user_id, created_at=now, seen_at=now))
    return secret


def user_of(database: Database, secret: str) -> CurrentUser | None:
    """Whose session this is; None if it is unknown, over, or its account is disabled.

    Reads the database each time, so a disabled account is out at its next request.
    """
    now, settings = database.now(), database.settings
    values = {
        "id_hash": digest(secret),
        "oldest": now - timedelta(minutes=settings.access_absolute_minutes),
        "idlest": now - timedelta(minutes=settings.access_idle_minutes),
    }
    with database.connection() as connection:
        row = connection.execute(LIVE_SESSION, values).one_or_none()
    if row is None:
        return None
    if (now - row.seen_at).total_seconds() > TOUCH_SECONDS:
        with database.writing() as session:
            session.execute(update(WebSession).where(WebSession.id_hash == digest(secret)).values(seen_at=now))
    return CurrentUser(row.id, row.name, row.role, Scope.parse(row.scope))


def token_user(database: Database, secret: str) -> CurrentUser | None:
    """Whose personal access token this is; None if it is unknown, expired, revoked, or its account disabled."""
    now = database.now()
    query = (
        select(User.id, User.name, User.role, User.scope, Token.id.label("token"), Token.used_at)
        .join(Token, Token.user_id == User.id)
        .where(
            Token.token_hash == digest(secret),
            Token.revoked_at.is_(None),
            Token.expires_at > now,
            User.disabled_at.is_(None),
        )
    )
    with database.reading() as session:
        row = session.execute(query).one_or_none()
    if row is None:
        return None
    if row.used_at is None or (now - row.used_at).total_seconds() > TOUCH_SECONDS:
        with database.writing() as session:
            session.execute(update(Token).where(Token.id == row.token).values(used_at=now))
    return CurrentUser(row.id, row.name, row.role, Scope.parse(row.scope))


def end(database: Database, secret: str) -> None:
    """End a session."""
    with database.writing() as session:
        session.execute(delete(WebSession).where(WebSession.id_hash == digest(secret)))


def set_cookie(response: Response, name: str, value: str) -> None:
    """A cookie for this browser session: HttpOnly, SameSite=Lax, Secure unless plain HTTP to loopback."""
    response.set_cookie(name, value, httponly=True, samesite="Lax", secure=not is_plain_loopback(), path="/")


def drop_cookie(response: Response, name: str) -> None:
    """Ask the browser to forget a cookie."""
    response.delete_cookie(name, httponly=True, samesite="Lax", secure=not is_plain_loopback(), path="/")


def cookie() -> str:
    """The session id this request came with, or ""."""
    return request.cookies.get(COOKIE, "")


class SignOnCookies(SecureCookieSessionInterface):
    """Flask's signed cookie, which holds nothing but the single sign-on under way, with our rule for Secure."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Secure unless the request really is plain HTTP to a loopback address."""
        return not is_plain_loopback()
