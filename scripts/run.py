"""`make run`: a synthetic ICB when the home is empty, then the night, then the dashboard."""

import os
import subprocess
import sys

from etl.cli import main as etl
from etl.published.reading import NothingPublished, current
from etl.settings import SettingsError, load_settings


def main() -> int:
    """Serve, after whatever has to come first."""
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    empty = not settings.home.exists() or not any(
        p.name not in {"reference", "templates", "inbox"} for p in settings.home.iterdir()
    )
    if empty and not (settings.inbox.is_dir() and any(settings.inbox.iterdir())):
        print("The home folder is empty: writing a synthetic ICB.")
        if etl(["demo"]) != 0:
            return 1
        os.environ["ICB_INBOX_SETTLE_SECONDS"] = "0"
    try:
        current(settings.published)
        first = False
    except NothingPublished:
        first = True
    if (first or any(settings.inbox.glob("*"))) and etl(["nightly"]) == 1:
        return 1
    return subprocess.call([sys.executable, "-m", "dashboard.cli", "serve"])


if __name__ == "__main__":
    sys.exit(main())
