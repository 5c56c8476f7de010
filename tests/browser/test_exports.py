"""Exports as a person of the ICB meets them: what is held is let go by pressing a button."""

import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from dashboard.access.tables import utc_now
from tests.browser.test_pages import AXE, serious
from tests.dashboard.test_exports import FIRST, HELD, House, exported


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A home whose October has gone, but for what is held. The clock is the browser's own: cookies have an age."""
    made = exported(tmp_path_factory.mktemp("exports-home"), utc_now)
    yield made
    made.app.server.extensions["access"].engine.dispose()


@pytest.fixture(scope="module")
def address(house: House) -> Iterator[str]:
    """The dashboard over that home, in place of the invented generation."""
    server = make_server("127.0.0.1", 0, house.app.server, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def test_look_download_release(open_page: Callable[..., Page], house: House) -> None:
    page = open_page("/exports", who="exporter", width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if AXE.is_file():
        assert serious(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download {FIRST}").click()
    assert download.value.path().read_bytes() == (house.exports / "telephony_adoption" / FIRST).read_bytes()
    page.get_by_role("button", name=f"Release {HELD} 2026-10").click()
    expect(page.get_by_test_id("panel-exports-held")).to_contain_text("Release asked for by exporter")
    assert [asked["kind"] for asked in house.history.requests()] == ["release"]
    page.get_by_role("link", name=FIRST, exact=True).click()
    expect(page.get_by_test_id("panel-export-preview")).to_contain_text("period_start")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if AXE.is_file():
        assert serious(page) == []
    page.get_by_label("Reason, for the manifest").fill("The supplier sent a correction")
    page.get_by_role("button", name="Resubmit").click()
    expect(page.get_by_test_id("panel-exports-history")).to_contain_text("Resubmission asked for")


@pytest.mark.parametrize("who", ["viewer", "administrator"])
def test_who_may_take_files(open_page: Callable[..., Page], house: House, who: str) -> None:
    page = open_page("/exports", who=who)
    offered = page.get_by_role("link", name="Download")
    expect(page.get_by_test_id("panel-exports-history")).to_contain_text(FIRST)
    assert offered.count() == (0 if who == "viewer" else len(house.history.versions()))
    assert page.locator("form[action^='/exports']").count() == 0 or who == "administrator"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    if AXE.is_file():
        assert serious(page) == []
    page.get_by_role("link", name=FIRST, exact=True).click()
    expect(page.get_by_test_id("panel-export-preview")).to_contain_text("period_start")
    assert page.locator("a[download]").count() == (0 if who == "viewer" else 4)  # with metadata, manifest and sums
