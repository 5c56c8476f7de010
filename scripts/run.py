"""`make run`: a synthetic ICB when the home is empty, then the night, then the dashboard."""

import os
import subprocess
import sys

from dashboard.access import load_access_settings
from dashboard.access.users_cli import create_demo_accounts
from etl.cli import main as etl
from etl.published.reading import NothingPublished, Reader, current
from etl.settings import Settings, SettingsError, load_settings

NOT_DATA = {"reference", "templates", "inbox"}


def main() -> int:
    """Serve, after whatever has to come first."""
    try:
        settings = load_settings()
        empty = _is_empty(settings)
        if empty:
            print("The home folder is empty: writing a synthetic ICB.", flush=True)
            if etl(["demo", "--calls", "recent"]) != 0:
                return 1
            os.environ["ICB_INBOX_SETTLE_SECONDS"] = "0"
        if (empty or not _is_published(settings) or any(settings.inbox.glob("*"))) and etl(["nightly"]) == 1:
            return 1
        _accounts(settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    return subprocess.call([sys.executable, "-m", "dashboard.cli", "serve"])


def _is_empty(settings: Settings) -> bool:
    """Whether nothing has been put here or made here yet."""
    held = [path.name for path in settings.home.iterdir()] if settings.home.is_dir() else []
    waiting = settings.inbox.is_dir() and any(settings.inbox.iterdir())
    return not waiting and not any(name not in NOT_DATA and not name.startswith(".") for name in held)


def _is_published(settings: Settings) -> bool:
    try:
        return current(settings.published).is_file()
    except NothingPublished:
        return False


def _accounts(settings: Settings) -> None:
    """One account a role while the data is synthetic; their passwords are shown this once."""
    reader = Reader(settings.published)
    if not reader.records("SELECT is_synthetic FROM generation")[0]["is_synthetic"]:
        return
    practice, pcn = reader.records(
        "SELECT m.child, m.parent FROM membership AS m INNER JOIN organisation AS o ON o.code = m.child "
        "WHERE m.parent_kind = 'pcn' AND m.to_date IS NULL AND o.is_own AND o.closed IS NULL ORDER BY m.child LIMIT 1"
    )[0].values()
    made = create_demo_accounts(load_access_settings(home=settings.home), practice, pcn)
    if made:
        print("\nDemonstration accounts, shown this once (icb-dashboard users reset NAME makes a new password):")
        for name, password, role, scope in made:
            print(f"  {name:<16} {password:<20} {role}, {scope}")
        print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
