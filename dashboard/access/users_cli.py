"""`icb-dashboard users …`: accounts from the command line."""

import argparse
import secrets
import sys

from dashboard.access import accounts
from dashboard.access.accounts import AccountError
from dashboard.access.scope import ROLES, Scope
from dashboard.access.settings import AccessSettings, AccessSettingsError, load_access_settings
from dashboard.access.tables import AccountsUnreachable, Database, open_database
from etl.published.reading import NothingPublished, Reader

_KINDS = {"pcn": "PCN", "practice": "practice"}
DEMO_ACCOUNTS = {
    "demo-administrator": ("administrator", "icb"),
    "demo-exporter": ("exporter", "icb"),
    "demo-pcn": ("viewer", "pcn"),
    "demo-practice": ("viewer", "practice"),
}


def add_users_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the `users` command to a parser; the chosen command is run by `arguments.run(arguments) -> exit code`."""
    users = subparsers.add_parser("users", help="accounts: who may sign in and what they may see")
    commands = users.add_subparsers(dest="users_command", required=True)

    add = commands.add_parser("add", help="add an account")
    add.add_argument("name")
    add.add_argument("--role", required=True, choices=ROLES)
    add.add_argument("--scope", required=True, help="icb, pcn:U12345 or practice:A81001")
    add.add_argument("--password-stdin", action="store_true", help="read the password from one line of input")
    add.set_defaults(run=_run(_add))

    commands.add_parser("list", help="list accounts").set_defaults(run=_run(_list))

    disable = commands.add_parser("disable", help="refuse an account from now on")
    disable.add_argument("name")
    disable.set_defaults(run=_run(_disable))

    scope = commands.add_parser("scope", help="change what an account may see or do")
    scope.add_argument("name")
    scope.add_argument("scope", nargs="?", help="icb, pcn:U12345 or practice:A81001")
    scope.add_argument("--role", choices=ROLES)
    scope.set_defaults(run=_run(_scope))

    reset = commands.add_parser("reset", help="unlock or enable an account and print a set-password link")
    reset.add_argument("name")
    reset.set_defaults(run=_run(_reset))

    totp = commands.add_parser("totp", help="ask an account for a six-digit code as well")
    totp.add_argument("name")
    totp.set_defaults(run=_run(_totp))

    token = commands.add_parser("token", help="make, list or revoke access tokens for /api")
    token.add_argument("name")
    token.add_argument("--label", default="", help="what it is for")
    token.add_argument("--days", type=int, default=90, help="how long it lasts, at most 366")
    token.add_argument("--list", action="store_true", help="list the account's tokens")
    token.add_argument("--revoke", type=int, metavar="NUMBER", help="end a token")
    token.set_defaults(run=_run(_token))


def create_demo_accounts(
    settings: AccessSettings, practice_code: str, pcn_code: str
) -> list[tuple[str, str, str, str]]:
    """One account a role, with random passwords, where there is no account yet; else [].

    Returns (name, password, role, scope) of each, to be shown once.
    """
    database = open_database(settings)
    if not accounts.nobody_yet(database):
        return []
    codes = {"icb": None, "pcn": pcn_code, "practice": practice_code}
    made = []
    for name, (role, kind) in DEMO_ACCOUNTS.items():
        scope = Scope.parse(kind if codes[kind] is None else f"{kind}:{codes[kind]}")
        password = secrets.token_urlsafe(12)
        accounts.add(database, name, role, scope, password)
        made.append((name, password, role, str(scope)))
    return made


def _run(command):  # type: ignore[no-untyped-def]
    """Wrap a command: open the accounts, turn what is wrong into one clear line and exit code 2."""

    def run(arguments: argparse.Namespace) -> int:
        try:
            home = getattr(arguments, "home", None)
            settings = load_access_settings(**({"home": home} if home else {}))
            command(open_database(settings), arguments)
        except (AccountError, AccessSettingsError, AccountsUnreachable, ValueError) as error:
            print(f"icb-dashboard users: {error}", file=sys.stderr)
            return 2
        return 0

    return run


def _add(database: Database, arguments: argparse.Namespace) -> None:
    scope = Scope.parse(arguments.scope)
    password = None
    if arguments.password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise AccountError("No password came in: write it on one line of the input.")
    link = accounts.add(database, arguments.name, arguments.role, scope, password)
    print(f"Added {arguments.name}: {arguments.role}, {scope}.")
    _doubt(database, scope)
    if link:
        _print_link(database, link)


def _doubt(database: Database, scope: Scope) -> None:
    """Say so where nothing that is published knows the scope: a mistyped code sees nothing, and nobody knows why."""
    if scope.code is None:
        return
    try:
        known = Reader(database.settings.home / "published").records(
            "SELECT 1 FROM organisation WHERE code = :code AND kind = :kind", code=scope.code, kind=scope.kind
        )
    except NothingPublished:
        return
    if not known:
        print(
            f"Note: nothing published names the {_KINDS[scope.kind]} {scope.code}. Is the code right?", file=sys.stderr
        )


def _list(database: Database, arguments: argparse.Namespace) -> None:
    rows = [("NAME", "ROLE", "SCOPE", "SIGNS IN BY", "STATE")]
    for user in accounts.everyone(database):
        way = "single sign-on" if user.subject else "password and code" if user.totp_secret else "password"
        state = "disabled" if user.disabled_at else "ready"
        if state == "ready" and not user.subject and not user.password_hash:
            state = "waiting for a password"
        rows.append((user.name, user.role, user.scope, way, state))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _disable(database: Database, arguments: argparse.Namespace) -> None:
    accounts.disable(database, arguments.name)
    print(f"{arguments.name} is disabled; its sessions and tokens have ended. `users reset` brings it back.")


def _scope(database: Database, arguments: argparse.Namespace) -> None:
    if not (arguments.scope or arguments.role):
        raise AccountError("Give a scope, a --role, or both.")
    scope = Scope.parse(arguments.scope) if arguments.scope else None
    accounts.change_scope(database, arguments.name, scope, arguments.role)
    print(f"{arguments.name} is changed, from its next request.")
    if scope:
        _doubt(database, scope)


def _reset(database: Database, arguments: argparse.Namespace) -> None:
    _print_link(database, accounts.reset(database, arguments.name))


def _totp(database: Database, arguments: argparse.Namespace) -> None:
    print("Add this to an authenticator app; it is shown once:")
    print(accounts.enable_totp(database, arguments.name))
    print("The sign-in form now has a field for the code. `users reset` turns it off again.")


def _token(database: Database, arguments: argparse.Namespace) -> None:
    if arguments.revoke is not None:
        accounts.revoke_token(database, arguments.name, arguments.revoke)
        print(f"Token {arguments.revoke} has ended.")
    elif arguments.list:
        for token in accounts.tokens(database, arguments.name):
            print(f"{token.id}  until {token.expires_at:%Y-%m-%d}  {token.label}")
    else:
        made = accounts.create_token(database, arguments.name, arguments.label, arguments.days)
        print(f"Token {made.id}, shown once; send it as `Authorization: Bearer …`:")
        print(made.secret)


def _print_link(database: Database, link: str) -> None:
    hours = database.settings.access_link_hours
    print(f"Set a password within {hours} hours; the link works once:")
    print(database.settings.access_public_url + link)
