"""Wrong passwords slow a name down, then lock it, whether or not the name exists. Slower for addresses:
a whole practice, or a whole NHS network, may share one.

Every attempt is counted before the password is looked at, so attempts in parallel gain nothing; also those that
come too early are counted against the name, though their password is never looked at.
"""

import hashlib
import math
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from dashboard.access.tables import Database, LoginAttempt

NAME_FREE = 5  # wrong passwords of one name before the first wait
NAME_LOCK = 30
ADDRESS_FREE = 50
LONGEST_WAIT_SECONDS = 60


def name_key(name: str) -> str:
    """The name as it is compared: without case, outer blanks or lookalike code points."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


@dataclass(frozen=True)
class Decision:
    """Seconds to `wait`, 0 to go ahead and look at the password; whether this attempt locked the name."""

    wait: int
    locks: bool


def begin_attempt(database: Database, name: str, address: str) -> Decision:
    """Count an attempt to sign in and decide whether its password is looked at."""
    now = database.now()
    forget = timedelta(minutes=database.settings.access_lockout_minutes)
    with database.writing() as session:
        by_name = _row(session, _name(name), now, forget)
        by_address = _row(session, _address(address), now, forget)
        wait = max(_wait(by_name, NAME_FREE, now), _wait(by_address, ADDRESS_FREE, now))
        locks = by_name.failures + 1 == NAME_LOCK
        if by_name.locked_until is None:
            by_name.failures += 1
            by_name.last_at = now
            by_name.locked_until = now + forget if locks else None
        if wait == 0:
            by_address.failures += 1
            by_address.last_at = now
    return Decision(wait, locks)


def succeeded(database: Database, name: str, address: str) -> None:
    """The password was right: forget the name's failures and the one counted against the address."""
    with database.writing() as session:
        session.execute(delete(LoginAttempt).where(LoginAttempt.key == _name(name)))
        row = session.get(LoginAttempt, _address(address), with_for_update=True)
        if row and row.failures:
            row.failures -= 1


def unlock(session: Session, name: str) -> None:
    """Forget the wrong passwords of `name`."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.key == _name(name)))


def _row(session: Session, key: str, now: datetime, forget: timedelta) -> LoginAttempt:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(
        insert(LoginAttempt).values(key=key, failures=0, last_at=now).on_conflict_do_nothing(index_elements=["key"])
    )
    row = session.scalars(select(LoginAttempt).where(LoginAttempt.key == key).with_for_update()).one()
    if (row.locked_until or row.last_at + forget) <= now:
        row.failures, row.locked_until, row.last_at = 0, None, now
    return row


def _wait(row: LoginAttempt, free: int, now: datetime) -> int:
    if row.locked_until:
        return max(1, math.ceil((row.locked_until - now).total_seconds()))
    if row.failures < free:
        return 0
    pause = min(LONGEST_WAIT_SECONDS, 2 ** min(10, row.failures - free + 1))
    return max(0, math.ceil((row.last_at - now).total_seconds() + pause))


def _name(name: str) -> str:
    return "name:" + hashlib.sha256(name_key(name).encode("utf-8", "surrogatepass")).hexdigest()


def _address(address: str) -> str:
    return f"address:{address[:60]}"
