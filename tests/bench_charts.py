"""CPU of the dashboard's answers: chart callbacks as a browser asks for them, through the WSGI application, and the
time of each query. Run by `tests.bench`."""

import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dash import Dash
from werkzeug.test import EnvironBuilder

from dashboard.access import Scope, accounts, load_access_settings, session
from dashboard.app import create_app
from dashboard.cli import settle
from dashboard.page import charts, page_of
from dashboard.queries import source
from etl.published.reading import Reader
from etl.settings import Settings

REPEATS = 20
SHOWN = 3


class TimedReader(Reader):
    """A reader that keeps how long each query took: (milliseconds, its beginning)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.spent: list[tuple[float, str]] = []

    def records(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """As ever."""
        start = time.perf_counter()
        rows = super().records(sql, **parameters)
        self.spent.append((1000 * (time.perf_counter() - start), " ".join(sql.split())[:100]))
        return rows


def signed_in(published: Path, folder: Path) -> tuple[Dash, str]:
    """The dashboard over these generations, in a home of its own, and a session that sees the ICB."""
    home = folder / "dashboard"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "published").symlink_to(published.resolve())
    app = create_app(Settings(home=home), load_access_settings(home=home))
    settle()  # as the server does
    database = app.server.extensions["access"]
    accounts.add(database, "bench", "administrator", Scope("icb"), "correct horse battery")
    with database.reading() as reading:
        secret = session.start(database, accounts.find(reading, "bench").id)
    return app, secret


def asker(app: Dash, secret: str) -> Callable[[str, str], float]:
    """(chart, search) → CPU milliseconds of its callback."""
    output = next(key for key in app.callback_map if '"panel"' in key)

    def ask(name: str, search: str) -> float:
        identity = {"panel": name, "view": search}
        body = {
            "output": output,
            "outputs": {"id": identity, "property": "children"},
            "inputs": [{"id": identity, "property": "id", "value": identity}],
            "state": [],
            "changedPropIds": [],
        }
        environ = EnvironBuilder(
            path="/_dash-update-component",
            method="POST",
            json=body,
            headers={"Origin": "http://localhost", "Cookie": f"{session.COOKIE}={secret}"},
        ).get_environ()
        environ["REMOTE_ADDR"] = "127.0.0.1"
        status: list[str] = []
        start = time.process_time()
        answer = app.server.wsgi_app(environ, lambda code, *_: status.append(code))
        b"".join(answer)
        spent = 1000 * (time.process_time() - start)
        assert status[0].startswith("200"), (name, search, status)
        return spent

    return ask


def bench_charts(published: Path, folder: Path, what: str) -> None:
    """CPU of every chart's callback, new and cached, and the slowest of the queries behind them."""
    app, secret = signed_in(published, folder)
    ask = asker(app, secret)
    reader = TimedReader(published)
    app.server.extensions[source.NAME] = reader
    asked = [(name, code) for name in charts() for code in _organisations(published, name)]
    warm = dict(reversed(asked))  # the first of all also opens, imports and lists
    for name, code in warm.items():
        ask(name, f"?organisation={code}")
    reader.spent.clear()
    new, cached = [], []
    for name, code in asked:
        if code != warm[name]:
            new.append((ask(name, f"?organisation={code}"), name, code))
    slowest = max(reader.spent)
    for _, name, code in new:
        again = statistics.median(ask(name, f"?organisation={code}") for _ in range(REPEATS))
        cached.append((again, name, code))
    print(f"charts, {what}: {len(charts())}, {len(new)} views, milliseconds of CPU (limits: 15 new, 3 cached)")
    for called, found in (("new", new), ("cached", cached)):
        worst = sorted(found, reverse=True)[:SHOWN]
        median = statistics.median(spent for spent, *_ in found)
        print(f"  {called}: median {median:.1f}; worst " + ", ".join(f"{n} ({c}) {ms:.1f}" for ms, n, c in worst))
    print(f"  slowest of {len(reader.spent)} queries: {slowest[0]:.0f} ms (limit: 50): {slowest[1]}", flush=True)


def _organisations(published: Path, name: str) -> list[str]:
    """Whom the page of this chart is asked for: its own ICB's organisations and England, or two practices."""
    kinds = ("practice",) if "<ods>" in getattr(page_of(name), "path", "") else ("sub_icb", "icb", "pcn", "england")
    found = Reader(published).records(
        "SELECT kind, list(code ORDER BY code) AS codes FROM organisation "
        "WHERE (is_own OR kind = 'england') AND closed IS NULL GROUP BY kind"
    )
    codes = {row["kind"]: row["codes"] for row in found}
    return [code for kind in kinds for code in codes.get(kind, ())[: 3 if kind == "practice" else 1]]
