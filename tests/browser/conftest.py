"""Chromium before the dashboard, signed in, listening for everything a reader would never hear of."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dash import Dash
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import make_server

from tests.dashboard.access.house import PASSWORD
from tests.dashboard.conftest import build
from tests.dashboard.generation import publish

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30_000  # milliseconds: the browser has a core to share with the rest of the suite


def chromium() -> str:
    """Where Debian's Chromium is. Skips, saying how to get it, where there is none."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("NOT TESTED IN A BROWSER: no `chromium`; run `apt-get install chromium`")
    return found


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard over the invented generation, on a port of its own."""
    home = tmp_path_factory.mktemp("browser-home")
    publish(home / "published")
    with served(build(home)) as address:
        yield address


@contextmanager
def served(app: Dash) -> Iterator[str]:
    """The address at which an app answers for as long as this lasts."""
    server = make_server("127.0.0.1", 0, app.server, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    app.server.extensions["access"].engine.dispose()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole run."""
    path = chromium()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of; a test's page adds to it, and the test fails if anything is there."""
    return []


@pytest.fixture
def open_page(browser: Browser, address: str, complaints: list[str]) -> Iterator[Callable[..., Page]]:
    """`open_page("/demand")`: a signed-in page with all its panels filled. Fails on any error or outside request."""
    contexts = []

    def open_(path: str, who: str = "icb", width: int = 1440, height: int = 900, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith((address, "data:", "blob:"))
                else complaints.append(f"outside: {asked.url}")
            ),
        )
        page.goto(f"{address}/login?next={path.replace('?', '%3F').replace('&', '%26').replace('=', '%3D')}")
        page.fill("[name=username]", who)
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        ready(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def ready(page: Page) -> None:
    """Wait until the page has its heading and every panel its contents."""
    page.wait_for_selector("main h1", timeout=PATIENCE)
    page.wait_for_selector(".panel .loading", state="detached", timeout=PATIENCE)
    for graph in page.locator(".js-plotly-plot").all():
        graph.locator(".main-svg").first.wait_for(state="attached")
