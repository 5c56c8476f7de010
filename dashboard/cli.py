"""icb-dashboard: serve the dashboard, manage who may sign in, print reports."""

import argparse
import gc
import sys
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from dashboard.access.settings import AccessSettingsError, load_access_settings
from dashboard.access.tables import AccountsUnreachable, open_database
from dashboard.access.users_cli import add_users_parser
from etl.settings import Settings, SettingsError, load_settings

THREADS = 4
WORKERS = 2


class Server(BaseApplication):
    """Gunicorn, told what to do by us and not by a file."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        self.settings, self.options = settings, options
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn."""
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Called by gunicorn in each worker: DuckDB and the accounts are opened there, not before the fork."""
        from dashboard.app import create_app

        app = create_app(self.settings).server
        settle()
        return app


def settle() -> None:
    """Tell the garbage collector that what is there now stays: looking all of it through costs 160 ms, now and then,
    in the midst of an answer."""
    gc.collect()
    gc.freeze()


def serve(arguments: argparse.Namespace) -> int:
    """Serve until stopped. Prints the address and how to sign in."""
    settings = load_settings()
    open_database(load_access_settings(home=settings.home))  # what is wrong is said here, not by each worker
    print(f"Switchboard: http://{arguments.host}:{arguments.port}")
    print("Sign in with an account made by `icb-dashboard users add NAME --role viewer --scope icb`.", flush=True)
    Server(
        settings,
        {
            "bind": f"{arguments.host}:{arguments.port}",
            "workers": arguments.workers,
            "threads": THREADS,
            "worker_class": "gthread",
            "loglevel": "warning",
            "graceful_timeout": 5,
            # gunicorn would believe any X-Forwarded-Proto and SCRIPT_NAME from loopback: ICB_TRUSTED_PROXIES says who
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
        },
    ).run()
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Print reports; see `dashboard/report.py`."""
    from dashboard.report import run

    return run(arguments)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="icb-dashboard", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    start = commands.add_parser("serve", help="serve the dashboard")
    start.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    start.add_argument("--port", type=int, default=8050, help="port to listen on (default %(default)s)")
    start.add_argument("--workers", type=int, default=WORKERS, help="processes (default %(default)s)")
    start.set_defaults(run=serve)
    add_users_parser(commands)
    command = commands.add_parser("report", help="print a practice's page, or every practice's, as a PDF")
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--practice", metavar="CODE", help="the practice's ODS code")
    which.add_argument("--all", action="store_true", help="every open practice of this ICB")
    command.add_argument("--out", type=Path, required=True, metavar="PATH", help="a file; with --all, a folder")
    command.set_defaults(run=report)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    chosen = parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except (SettingsError, AccessSettingsError, AccountsUnreachable) as error:
        print(f"icb-dashboard: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
