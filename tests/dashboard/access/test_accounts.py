"""Accounts, throttling, tokens and the audit, on SQLite and on PostgreSQL."""

import threading

import pyotp
import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DatabaseError

from dashboard.access import Scope, accounts, audit, session, throttle
from dashboard.access.accounts import AccountError
from dashboard.access.tables import AuditEvent, Database, User, WebSession, open_database
from tests.dashboard.access.conftest import Clock
from tests.dashboard.access.house import PASSWORD

ICB = Scope("icb")


def test_only_the_right_password_signs_in(database: Database) -> None:
    accounts.add(database, "Ada Lovelace", "viewer", ICB, PASSWORD)
    assert accounts.verify(database, "ada lovelace ", PASSWORD).name == "Ada Lovelace"
    for name, password in [("ada lovelace", PASSWORD + "x"), ("nobody", PASSWORD), ("ada lovelace", ""), ("", "")]:
        assert accounts.verify(database, name, password) is None


def test_passwords_and_secrets_are_not_in_the_database(database: Database) -> None:
    accounts.add(database, "ada", "viewer", ICB, PASSWORD)
    link = accounts.add(database, "bob", "viewer", ICB)
    token = accounts.create_token(database, "ada", "Excel", 90)
    with database.reading() as reader:
        id_ = reader.scalars(select(User.id).where(User.name == "ada")).one()
    cookie = session.start(database, id_)
    with database.engine.connect() as connection:
        tables = ["account", "web_session", "access_token", "audit_event", "login_attempt"]
        stored = "".join(str(connection.execute(text(f"SELECT * FROM {table}")).all()) for table in tables)
    assert "$argon2id$" in stored
    for secret in (PASSWORD, link.rpartition("/")[2], token.secret, cookie):
        assert secret not in stored


@pytest.mark.parametrize("password", ["short", "password123", "Welcome2024!", "aaaaaaaaaa", "ada-lovelace", "x" * 2000])
def test_passwords_easy_to_guess_are_refused(database: Database, password: str) -> None:
    with pytest.raises(AccountError, match="password"):
        accounts.add(database, "ada-lovelace", "viewer", ICB, password)
    assert accounts.nobody_yet(database)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00b", "x" * 101])
def test_names_that_cannot_be_used_are_refused(database: Database, name: str) -> None:
    with pytest.raises(AccountError, match="name"):
        accounts.add(database, name, "viewer", ICB, PASSWORD)


def test_a_name_is_taken_whatever_its_case(database: Database) -> None:
    accounts.add(database, "Ada", "viewer", ICB, PASSWORD)
    with pytest.raises(AccountError, match="already"):
        accounts.add(database, "aDA", "viewer", ICB, PASSWORD)


def test_a_link_sets_the_password_once(database: Database, clock: Clock) -> None:
    link = accounts.add(database, "ada", "viewer", ICB)
    secret = link.removeprefix("/set-password/")
    assert accounts.verify(database, "ada", "") is None
    with pytest.raises(AccountError, match="short"):
        accounts.use_link(database, secret, "short")
    assert accounts.use_link(database, secret, PASSWORD) == "ada"
    assert accounts.use_link(database, secret, "another long password") is None
    assert accounts.verify(database, "ada", PASSWORD)
    old = accounts.reset(database, "ada").removeprefix("/set-password/")
    assert accounts.verify(database, "ada", PASSWORD) is None
    clock.forward(hours=database.settings.access_link_hours, seconds=1)
    assert accounts.use_link(database, old, PASSWORD) is None


def test_a_link_used_by_two_at_once_works_for_one(database: Database) -> None:
    secret = accounts.add(database, "ada", "viewer", ICB).removeprefix("/set-password/")
    results = _together(lambda number: accounts.use_link(database, secret, f"{PASSWORD} {number}"), 6)
    assert sorted(results, key=str) == [None] * 5 + ["ada"]


def test_fifty_wrong_passwords(database: Database, clock: Clock) -> None:
    for name in ("ada", "nobody"):
        if name == "ada":
            accounts.add(database, name, "viewer", ICB, PASSWORD)
        decisions = [throttle.begin_attempt(database, name, "192.0.2.1") for _ in range(50)]
        assert all(decision.wait == 0 for decision in decisions[:5])
        assert all(decision.wait > 0 for decision in decisions[9:])
        assert [number for number, decision in enumerate(decisions, 1) if decision.locks] == [30]
        clock.forward(minutes=5)
        assert throttle.begin_attempt(database, name, "192.0.2.2").wait > 60, "waiting a little does not unlock"
        clock.forward(minutes=database.settings.access_lockout_minutes)
        assert throttle.begin_attempt(database, name, "192.0.2.2").wait == 0
    assert throttle.begin_attempt(database, "someone else", "192.0.2.1").wait == 0


def test_attempts_in_parallel_gain_nothing(database: Database) -> None:
    decisions = _together(lambda number: throttle.begin_attempt(database, "ada", f"192.0.2.{number}"), 12)
    assert sum(decision.wait == 0 for decision in decisions) == throttle.NAME_FREE


def test_one_password_tried_on_many_names_slows_the_address(database: Database, clock: Clock) -> None:
    waits = [throttle.begin_attempt(database, f"name {number}", "192.0.2.1").wait for number in range(60)]
    assert waits[: throttle.ADDRESS_FREE] == [0] * throttle.ADDRESS_FREE
    assert all(waits[throttle.ADDRESS_FREE :])
    assert throttle.begin_attempt(database, "name", "192.0.2.2").wait == 0
    clock.forward(minutes=2)
    assert throttle.begin_attempt(database, "name 61", "192.0.2.1").wait == 0, "an address is never locked"


def test_the_right_password_forgets_the_wrong_ones(database: Database) -> None:
    for _ in range(20):
        for _ in range(4):
            assert throttle.begin_attempt(database, "ada", "192.0.2.1").wait == 0
            throttle.succeeded(database, "ada", "192.0.2.1")


def test_reset_unlocks(database: Database) -> None:
    accounts.add(database, "ada", "viewer", ICB, PASSWORD)
    for _ in range(30):
        throttle.begin_attempt(database, "ada", "192.0.2.1")
    accounts.reset(database, "ADA")
    assert throttle.begin_attempt(database, "ada", "192.0.2.2").wait == 0


def test_sessions_end_when_idle_and_when_old(database: Database, clock: Clock) -> None:
    secret = _session_of(database, "ada")
    for _ in range(13):
        clock.forward(minutes=database.settings.access_idle_minutes - 5)
        assert session.user_of(database, secret)
    clock.forward(minutes=10)
    assert clock.ahead.total_seconds() / 60 > database.settings.access_absolute_minutes
    assert session.user_of(database, secret) is None
    secret = _session_of(database, "bob")
    clock.forward(minutes=database.settings.access_idle_minutes, seconds=1)
    assert session.user_of(database, secret) is None
    accounts.tidy(database)
    with database.reading() as reader:
        assert reader.scalars(select(WebSession)).all() == []


@pytest.mark.parametrize("change", ["disable", "reset"])
def test_sessions_and_tokens_end_with_the_account(database: Database, change: str) -> None:
    secret = _session_of(database, "ada")
    token = accounts.create_token(database, "ada", "Excel", 10).secret
    assert session.user_of(database, secret)
    assert session.token_user(database, token)
    getattr(accounts, change)(database, "ada")
    assert session.user_of(database, secret) is None
    assert session.token_user(database, token) is None


def test_a_disabled_account_is_out_even_where_its_session_is_left(database: Database) -> None:
    secret = _session_of(database, "ada")
    token = accounts.create_token(database, "ada", "Excel", 10).secret
    with database.writing() as writer:
        writer.execute(update(User).values(disabled_at=database.now()))
    assert session.user_of(database, secret) is None
    assert session.token_user(database, token) is None


def test_a_change_of_scope_holds_at_once(database: Database) -> None:
    secret = _session_of(database, "ada")
    accounts.change_scope(database, "ada", Scope.parse("practice:Y00001"), "exporter")
    user = session.user_of(database, secret)
    assert (user.role, str(user.scope)) == ("exporter", "practice:Y00001")


def test_tokens_expire_and_can_be_revoked(database: Database, clock: Clock) -> None:
    _session_of(database, "ada")
    _session_of(database, "bob")
    first, second = (accounts.create_token(database, "ada", label, 30) for label in ("Excel", "Power BI"))
    with pytest.raises(AccountError, match="no token"):
        accounts.revoke_token(database, "bob", first.id)
    accounts.revoke_token(database, "ada", first.id)
    assert session.token_user(database, first.secret) is None
    assert session.token_user(database, second.secret).name == "ada"
    assert session.token_user(database, second.secret[:-1]) is None
    assert [token.label for token in accounts.tokens(database, "ada")] == ["Power BI"]
    clock.forward(days=30, seconds=1)
    assert session.token_user(database, second.secret) is None
    for days in (0, 367):
        with pytest.raises(AccountError, match="366"):
            accounts.create_token(database, "ada", "", days)


def test_a_six_digit_code_is_asked_and_works_once(database: Database, clock: Clock) -> None:
    accounts.add(database, "ada", "viewer", ICB, PASSWORD)
    totp = pyotp.parse_uri(accounts.enable_totp(database, "ada"))
    assert accounts.verify(database, "ada", PASSWORD) is None
    assert accounts.verify(database, "ada", PASSWORD, "000000x") is None
    code = totp.at(clock())
    assert accounts.verify(database, "ada", "wrong password", code) is None
    assert accounts.verify(database, "ada", PASSWORD, code)
    assert accounts.verify(database, "ada", PASSWORD, code) is None, "a code seen over the shoulder"
    clock.forward(minutes=5)
    assert accounts.verify(database, "ada", PASSWORD, totp.at(clock()))


def test_single_sign_on_never_takes_over_a_local_account(database: Database) -> None:
    accounts.add(database, "ada", "viewer", Scope.parse("practice:Y00001"), PASSWORD)
    user = accounts.sign_on(database, "https://issuer.example 1", "ada", "administrator", ICB)
    assert user.name != "ada"
    assert accounts.verify(database, "ada", PASSWORD).role == "viewer"
    again = accounts.sign_on(database, "https://issuer.example 1", "ada", "viewer", Scope.parse("pcn:U00001"))
    assert (again.id, again.scope) == (user.id, "pcn:U00001")
    accounts.disable(database, user.name)
    assert accounts.sign_on(database, "https://issuer.example 1", "ada", "viewer", ICB) is None
    with pytest.raises(AccountError, match="organisation"):
        accounts.reset(database, user.name)


def test_the_audit_is_append_only(database: Database) -> None:
    audit.record("export", database=database, user="ada", measure="x'; DROP TABLE audit_event; --\r\nforged")
    for statement in (update(AuditEvent).values(event="nothing"), delete(AuditEvent)):
        with pytest.raises(DatabaseError, match="append-only"), database.writing() as writer:
            writer.execute(statement)
    if database.engine.dialect.name == "postgresql":
        with pytest.raises(DatabaseError, match="append-only"), database.writing() as writer:
            writer.execute(text("TRUNCATE audit_event"))
    [event] = audit.recent(database)
    assert (event.event, event.user_name) == ("export", "ada")
    assert "forged" in event.detail
    assert "\n" not in event.detail


def test_changes_of_accounts_are_in_the_audit(database: Database) -> None:
    accounts.add(database, "ada", "viewer", ICB, PASSWORD)
    accounts.change_scope(database, "ada", role="exporter")
    accounts.disable(database, "ada")
    accounts.reset(database, "ada")
    events = [event.event for event in audit.recent(database)]
    assert events == ["user.reset", "user.disabled", "user.changed", "user.added"]


def test_several_processes_may_open_it_at_once(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE access_token")
    opened = _together(lambda number: open_database(database.settings), 4)
    for each in opened:
        each.engine.dispose()
    accounts.add(database, "ada", "viewer", ICB, PASSWORD)
    assert accounts.create_token(database, "ada", "", 1).secret


def _session_of(database: Database, name: str) -> str:
    accounts.add(database, name, "viewer", ICB, PASSWORD)
    return session.start(database, accounts.verify(database, name, PASSWORD).id)


def _together(work, number):  # type: ignore[no-untyped-def]
    """Run `work(0)`, `work(1)`… in threads that start together; their results or the first exception."""
    barrier, results, errors = threading.Barrier(number), [], []

    def run(index: int) -> None:
        barrier.wait()
        try:
            results.append(work(index))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
