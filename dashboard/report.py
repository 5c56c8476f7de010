"""`icb-dashboard report`: a practice's page as a PDF of two sides of A4, printed by Chromium from the page itself.

The page is served for the moment on this computer's own address, to an account that exists for the moment and sees that
one practice, so a report holds what the practice's manager may see and nothing else.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import abort, current_app, redirect
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response as AnyResponse

from dashboard.access import Scope, accounts, audit, load_access_settings, public, session
from dashboard.access.tables import Database, User, new_secret, open_database
from dashboard.app import Switchboard, create_app
from dashboard.queries import organisations, practice, source
from etl.settings import Settings, load_settings

CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-pdf-header-footer", "--window-size=1440,900", "--hide-scrollbars",
)  # fmt: skip
PATIENCE_MS = 30_000  # virtual: the browser's clock runs ahead while nothing is under way
LONGEST_SECONDS = 180
PASSES = "switchboard_report_passes"


class ReportError(Exception):
    """No report can be made. The message says why and what to do."""


def run(arguments: argparse.Namespace) -> int:
    """Write the reports asked for; returns the exit code."""
    try:
        written = write(load_settings(), None if arguments.all else arguments.practice, arguments.out)
    except ReportError as error:
        print(f"icb-dashboard: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(path)
    return 0


def write(settings: Settings, code: str | None, out: Path) -> list[Path]:
    """Write the report of one practice to the file `out`, or of all (code None) into the folder `out`.

    Returns the files. Raises ReportError: no Chromium, nothing published, no such practice, a place that cannot be
    written to, a browser that fails.
    """
    browser = find_chromium()
    with tempfile.TemporaryDirectory() as folder, _serving(settings, Path(folder)) as (app, address):
        with app.server.app_context():
            if source.generation() is None:
                raise ReportError("Nothing has been published yet. Run `icb-etl nightly` first.")
            codes = _all_practices() if code is None else [_practice(code)]
        files = [out / f"{each.lower()}.pdf" for each in codes] if code is None else [out]
        for each, path in zip(codes, files, strict=True):
            _print(browser, f"{address}/{_pass(app, each)}", path, Path(folder) / "browser")
    _record(settings, codes)
    return files


def find_chromium() -> str:
    """Where Chromium or Chrome is. Raises ReportError, saying how to get it, where there is none."""
    found = next((path for path in map(shutil.which, CHROMIUM) if path), None)
    if found is None:
        raise ReportError(
            "Chromium is needed to print reports, and was not found. Install it (on Debian or Ubuntu: "
            "`apt-get install chromium`); or open the practice's page in any browser and print it."
        )
    return found


def _practice(code: str) -> str:
    scope = Scope("icb")
    if not practice.exists(scope, code):
        raise ReportError(f"There is no practice {code!r} in what is published. Check its ODS code.")
    return organisations.find(scope, code).code


def _all_practices() -> list[str]:
    known = organisations.directory().organisations.values()
    codes = sorted(each.code for each in known if each.kind == "practice" and each.is_own and each.closed is None)
    if not codes:
        raise ReportError("No open practice of this ICB has been published. Run `icb-etl nightly` first.")
    return codes


@contextmanager
def _serving(settings: Settings, folder: Path) -> Iterator[tuple[Switchboard, str]]:
    """The dashboard on a port of its own, with accounts of its own in `folder`; gone when left."""
    access = load_access_settings(home=folder)
    # whatever the environment says: the accounts people sign in with are not touched
    access = access.model_copy(
        update={"accounts_url": f"sqlite:///{folder / 'accounts.sqlite'}", "oidc_issuer": "", "trusted_proxies": ()}
    )
    app = create_app(settings, access, lambda app: app.server.add_url_rule("/report/<secret>", view_func=_enter))
    server = make_server("127.0.0.1", 0, app.server, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield app, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        app.server.extensions["access"].engine.dispose()


class _Quiet(WSGIRequestHandler):
    """Says nothing of each request."""

    def log(self, type: str, message: str, *args: object) -> None:
        """Called by werkzeug."""


def _pass(app: Switchboard, code: str) -> str:
    """A path that signs the browser in, once, as one who sees this practice only, and leads to its page."""
    database: Database = app.server.extensions["access"]
    with app.server.app_context():
        accounts.add(database, f"report {code}", "viewer", Scope("practice", code))
    with database.reading() as reading:
        user: User = accounts.find(reading, f"report {code}")
    secret = new_secret()
    app.server.extensions.setdefault(PASSES, {})[secret] = (user.id, code)
    return f"report/{secret}"


@public
def _enter(secret: str) -> AnyResponse:
    user, code = current_app.extensions[PASSES].pop(secret, (None, ""))
    if user is None:
        abort(404)
    answer = redirect(f"/practice/{code}", 303)
    session.set_cookie(answer, session.COOKIE, session.start(current_app.extensions["access"], user))  # type: ignore[arg-type]
    return answer


def _print(browser: str, address: str, path: Path, profile: Path) -> None:
    """Let the browser print `address` to `path`. Raises ReportError."""
    printed = profile.with_name("printed.pdf")
    printed.unlink(missing_ok=True)
    command = [browser, *FLAGS, f"--user-data-dir={profile}", f"--virtual-time-budget={PATIENCE_MS}",
               f"--print-to-pdf={printed}", *(["--no-sandbox"] if os.geteuid() == 0 else []), address]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, timeout=LONGEST_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReportError(f"{browser} could not print {path.name}: {error}. Try again, or print the page.") from None
    if not printed.is_file() or not printed.read_bytes().startswith(b"%PDF"):
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said else f"exit code {done.returncode}"
        raise ReportError(f"{browser} wrote no PDF for {path.name}: {why}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(printed, path)
    except OSError as error:
        raise ReportError(f"{path} could not be written: {error.strerror}. Choose another place.") from None


def _record(settings: Settings, codes: list[str]) -> None:
    database = open_database(load_access_settings(home=settings.home))
    audit.record("export", database=database, user="icb-dashboard report", what="practice report", practices=codes)
    database.engine.dispose()
