"""Care navigation in Chromium: legible in both themes, on a telephone, and every picture with its table."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from etl.settings import Settings
from tests.browser.conftest import served
from tests.browser.test_pages import AXE, serious
from tests.dashboard.conftest import build
from tests.etl.navigation_files import publish_july

OpenPage = Callable[..., Page]
PATH = "/navigation?period=all"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard over three practices' records of July 2025."""
    home = Settings(home=tmp_path_factory.mktemp("navigation-home"), code=("QZZ",))
    publish_july(home, tmp_path_factory.mktemp("navigation-files"))
    with served(build(home.home)) as at:
        yield at


@pytest.mark.skipif(not AXE.is_file(), reason="NOT TESTED FOR ACCESSIBILITY: no axe-core; run `npm ci`")
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(open_page: OpenPage, dark: bool) -> None:
    page = open_page(PATH, dark=dark)
    panel = page.get_by_test_id("panel-navigation-flow")
    for button in panel.locator("button[data-toggle]").all():
        button.click()
    expect(panel.locator("[data-part=table] table")).to_be_visible()
    assert serious(page) == []


def test_the_rate_stands_beside_what_is_not_recorded_and_fits_a_telephone(open_page: OpenPage) -> None:
    page = open_page(PATH, width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("main h1")).to_contain_text("requests redirected in July 2025")
    expect(page.locator("main h1")).to_contain_text("no destination recorded")
