"""Accounts: adding, changing, and checking who someone is. Every change is written to the audit."""

import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.access import audit, throttle
from dashboard.access.scope import ROLES, Scope
from dashboard.access.tables import (
    Database,
    OidcState,
    Token,
    User,
    WebSession,
    digest,
    new_secret,
)
from dashboard.access.throttle import name_key

PASSWORD_MINIMUM = 8  # with a list of guessable ones, throttling and lock-out: NCSC Cyber Essentials, passwords
PASSWORD_MAXIMUM = 1024
GUESSABLE = {
    "abc", "access", "admin", "administrator", "autumn", "changeme", "dashboard", "doctor", "football", "gp",
    "hello", "iloveyou", "letmein", "liverpool", "login", "master", "monday", "nhs", "password", "practice",
    "qwerty", "qwertyuiop", "secret", "spring", "summer", "sunshine", "surgery", "switchboard", "test", "welcome",
    "winter",
}  # fmt: skip
TOTP_STEP_SECONDS = 30


class AccountError(Exception):
    """A name, role, scope or password that cannot be used. The message says why and what to do."""


@dataclass(frozen=True)
class NewToken:
    """A personal access token; `secret` is shown once and kept nowhere."""

    id: int
    secret: str


def add(database: Database, name: str, role: str, scope: Scope, password: str | None = None) -> str | None:
    """Add a local account. With `password` it is ready to use; without, returns a set-password path.

    Raises AccountError for a name that is taken or unusable, an unknown role or a weak password.
    """
    name = name.strip()
    if not re.fullmatch(r"[^\s\x00-\x1f](?:[^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f])?", name):
        raise AccountError("A name has 1 to 100 characters, none of them control characters.")
    user = User(
        name=name,
        name_key=name_key(name),
        role=_role(role),
        scope=str(scope),
        created_at=database.now(),
        password_hash=hash_password(database, name, password) if password is not None else None,
    )
    link = _new_link(database, user) if password is None else None
    try:
        with database.writing() as session:
            session.add(user)
    except IntegrityError:
        raise AccountError(f"There is already an account named {name}.") from None
    audit.record("user.added", database=database, account=name, role=role, scope=str(scope))
    return link


def everyone(database: Database) -> list[User]:
    """All accounts, by name."""
    with database.reading() as session:
        return list(session.scalars(select(User).order_by(User.name_key)))


def find(session: Session, name: str) -> User:
    """The account of that name. Raises AccountError if there is none."""
    user = session.scalars(select(User).where(User.name_key == name_key(name))).one_or_none()
    if user is None:
        raise AccountError(f"There is no account named {name}. `users list` shows all.")
    return user


def known_name(database: Database, name: str) -> str | None:
    """The account's own name, None if there is no such account."""
    with database.reading() as session:
        return session.scalars(select(User.name).where(User.name_key == name_key(name)[:200])).one_or_none()


def disable(database: Database, name: str) -> None:
    """Refuse the account from now on; its sessions and tokens end at once."""
    with database.writing() as session:
        user = find(session, name)
        user.disabled_at, user.link_hash = database.now(), None
        session.execute(delete(WebSession).where(WebSession.user_id == user.id))
        _revoke_all(session, database, user)
    audit.record("user.disabled", database=database, account=user.name)


def change_scope(database: Database, name: str, scope: Scope | None = None, role: str | None = None) -> None:
    """Give the account another scope, another role, or both. Holds from its next request."""
    with database.writing() as session:
        user = find(session, name)
        user.scope = str(scope) if scope else user.scope
        user.role = _role(role) if role else user.role
    audit.record("user.changed", database=database, account=user.name, role=user.role, scope=user.scope)


def reset(database: Database, name: str) -> str:
    """Enable and unlock the account, end its sessions and return a one-time set-password path.

    Also how a disabled account comes back. The old password and TOTP secret stop working.
    """
    with database.writing() as session:
        user = find(session, name)
        if user.subject:
            raise AccountError(f"{user.name} signs in through the organisation; there is no password to reset.")
        user.disabled_at = user.password_hash = user.totp_secret = None
        link = _new_link(database, user)
        throttle.unlock(session, user.name)
        session.execute(delete(WebSession).where(WebSession.user_id == user.id))
        _revoke_all(session, database, user)
    audit.record("user.reset", database=database, account=user.name)
    return link


def link_owner(database: Database, secret: str) -> str | None:
    """The name of the account a set-password link belongs to; None if it is used, old or unknown."""
    with database.reading() as session:
        return session.scalars(select(User.name).where(_link_is_good(database, secret))).one_or_none()


def use_link(database: Database, secret: str, password: str) -> str | None:
    """Set the password by a one-time link. Returns the account's name, None if the link is no longer good.

    Raises AccountError for a weak password; the link then stays good.
    """
    name = link_owner(database, secret)
    if name is None:
        return None
    password_hash = hash_password(database, name, password)
    with database.writing() as session:
        used = session.execute(
            update(User)
            .where(_link_is_good(database, secret))
            .values(link_hash=None, link_expires_at=None, password_hash=password_hash)
            .returning(User.id)
        ).scalar_one_or_none()
        if used is None:
            return None
        session.execute(delete(WebSession).where(WebSession.user_id == used))
        throttle.unlock(session, name)
    audit.record("user.password_set", database=database, user=name)
    return name


def verify(database: Database, name: str, password: str, code: str = "") -> User | None:
    """The account whose name, password and (where it has one) six-digit code these are, else None.

    Does the same work for a name nobody has. Call throttle.begin_attempt first.
    """
    hasher = _hasher(database)
    with database.reading() as session:
        user = session.scalars(select(User).where(User.name_key == name_key(name)[:200])).one_or_none()
    stored = user.password_hash if user else None
    against = stored or _dummy_hash(hasher.time_cost, hasher.memory_cost)
    try:
        hasher.verify(against, password[:PASSWORD_MAXIMUM].encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return None
    if user is None or stored is None or user.disabled_at or not _code_is_right(database, user, code):
        return None
    if hasher.check_needs_rehash(stored):
        with database.writing() as session:
            session.execute(update(User).where(User.id == user.id).values(password_hash=hasher.hash(password)))
    return user


def enable_totp(database: Database, name: str) -> str:
    """Ask the account for a six-digit code from now on. Returns the otpauth:// address for the phone."""
    secret = pyotp.random_base32()
    with database.writing() as session:
        user = find(session, name)
        user.totp_secret, user.totp_last_step = secret, None
    audit.record("user.totp_on", database=database, account=user.name)
    return pyotp.TOTP(secret).provisioning_uri(name=user.name, issuer_name="Switchboard")


def anyone_uses_codes(database: Database) -> bool:
    """Whether any account needs a six-digit code."""
    with database.reading() as session:
        return session.scalar(select(User.id).where(User.totp_secret.is_not(None)).limit(1)) is not None


def sign_on(database: Database, subject: str, name: str, role: str, scope: Scope) -> User | None:
    """The account of someone the issuer vouches for, added or brought up to date; None if it is disabled.

    `subject` is issuer and subject. Never takes over a local account of the same name.
    """
    name = name[:100]
    with database.writing() as session:
        user = session.scalars(select(User).where(User.subject == subject)).one_or_none()
        if user is None:
            taken = session.scalars(select(User).where(User.name_key == name_key(name))).one_or_none()
            if taken:
                name = f"{name} ({digest(subject)[:8]})"
            user = User(name=name, name_key=name_key(name), subject=subject, created_at=database.now())
            session.add(user)
        user.role, user.scope = role, str(scope)
    return None if user.disabled_at else user


def create_token(database: Database, name: str, label: str, days: int) -> NewToken:
    """A personal access token for the account, good for `days` (1 to 366). Raises AccountError."""
    if not 1 <= days <= 366:
        raise AccountError("A token lasts 1 to 366 days.")
    secret = "icb_" + new_secret()
    now = database.now()
    with database.writing() as session:
        user = find(session, name)
        token = Token(
            token_hash=digest(secret),
            user_id=user.id,
            label=label.strip()[:100],
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        session.add(token)
    audit.record("token.created", database=database, account=user.name, label=token.label, token=token.id)
    return NewToken(token.id, secret)


def tokens(database: Database, name: str) -> list[Token]:
    """The account's tokens that still work, oldest first."""
    with database.reading() as session:
        user = find(session, name)
        live = (Token.user_id == user.id, Token.revoked_at.is_(None), Token.expires_at > database.now())
        return list(session.scalars(select(Token).where(*live).order_by(Token.id)))


def revoke_token(database: Database, name: str, token_id: int) -> None:
    """End a token of the account at once. Raises AccountError if it has no such token."""
    with database.writing() as session:
        user = find(session, name)
        token = session.scalars(select(Token).where(Token.id == token_id, Token.user_id == user.id)).one_or_none()
        if token is None:
            raise AccountError(f"{user.name} has no token {token_id}.")
        token.revoked_at = token.revoked_at or database.now()
    audit.record("token.revoked", database=database, account=user.name, token=token_id)


def tidy(database: Database) -> None:
    """Remove sessions and single sign-ons that are over."""
    now, settings = database.now(), database.settings
    with database.writing() as session:
        over = or_(
            WebSession.created_at < now - timedelta(minutes=settings.access_absolute_minutes),
            WebSession.seen_at < now - timedelta(minutes=settings.access_idle_minutes),
        )
        session.execute(delete(WebSession).where(over))
        session.execute(delete(OidcState).where(OidcState.expires_at < now))


def nobody_yet(database: Database) -> bool:
    """Whether there is no account at all."""
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(User)) == 0


def hash_password(database: Database, name: str, password: str) -> str:
    """The argon2id hash to store. Raises AccountError, saying why, for a password too easy to guess."""
    if len(password) < PASSWORD_MINIMUM:
        raise AccountError(f"The password is too short: use at least {PASSWORD_MINIMUM} characters.")
    if len(password) > PASSWORD_MAXIMUM:
        raise AccountError(f"The password is too long: use at most {PASSWORD_MAXIMUM} characters.")
    stem = re.sub(r"[\W\d_]+", "", password.casefold())
    if stem in GUESSABLE or len(set(password)) < 4 or name_key(name) in (name_key(password), stem):
        raise AccountError("The password is too easy to guess: three random words make a good one.")
    return _hasher(database).hash(password.encode("utf-8", "surrogatepass"))


def _role(role: str) -> str:
    if role not in ROLES:
        raise AccountError(f"Unknown role {role!r}: use {', '.join(ROLES)}.")
    return role


def _hasher(database: Database) -> PasswordHasher:
    settings = database.settings
    return PasswordHasher(time_cost=settings.access_argon2_time_cost, memory_cost=settings.access_argon2_memory_kib)


@lru_cache
def _dummy_hash(time_cost: int, memory_cost: int) -> str:
    return PasswordHasher(time_cost=time_cost, memory_cost=memory_cost).hash(secrets.token_hex())


def _new_link(database: Database, user: User) -> str:
    secret = new_secret()
    user.link_hash = digest(secret)
    user.link_expires_at = database.now() + timedelta(hours=database.settings.access_link_hours)
    return f"/set-password/{secret}"


def _link_is_good(database: Database, secret: str) -> ColumnElement[bool]:
    now = database.now()
    return (User.link_hash == digest(secret)) & (User.link_expires_at > now) & User.disabled_at.is_(None)


def _revoke_all(session: Session, database: Database, user: User) -> None:
    live = (Token.user_id == user.id, Token.revoked_at.is_(None))
    session.execute(update(Token).where(*live).values(revoked_at=database.now()))


def _code_is_right(database: Database, user: User, code: str) -> bool:
    """Whether `code` is the account's six-digit code now or one step ago or ahead, and not used before."""
    if user.totp_secret is None:
        return True
    step = int(database.now().timestamp()) // TOTP_STEP_SECONDS
    totp = pyotp.TOTP(user.totp_secret)
    right = [
        at for at in (step - 1, step, step + 1)
        if secrets.compare_digest(totp.at(at * TOTP_STEP_SECONDS).encode(), code.strip().encode("utf-8", "replace"))
    ]  # fmt: skip
    if not right:
        return False
    with database.writing() as session:
        fresh = or_(User.totp_last_step.is_(None), User.totp_last_step < right[0])
        used = update(User).where(User.id == user.id, fresh).values(totp_last_step=right[0]).returning(User.id)
        return session.execute(used).scalar_one_or_none() is not None
