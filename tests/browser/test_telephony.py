"""The rollout's page as the ICB's lead meets it: any day is asked, and every picture leads to the practice."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import FLAGS, PATIENCE, chromium, ready, served
from tests.browser.test_pages import AXE, serious
from tests.dashboard.access.house import PASSWORD
from tests.dashboard.conftest import build
from tests.dashboard.generation import PRACTICES, publish

OpenPage = Callable[..., Page]
BEFORE = "None of 24 practices was live on 11 Feb 2024"
AFTER = "12 of 24 practices were live on 12 Feb 2024"
WEST, SOUTH = -2.8, 53.3
SIGNED_UP, LIVE, BELIEVED = date(2023, 5, 2), date(2024, 2, 12), date(2026, 10, 20)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard over the invented generation with a tracker: all signed up, every other practice live."""
    home = tmp_path_factory.mktemp("telephony-home")
    write_rollout(publish(home / "published"))
    with served(build(home)) as address:
        yield address


def write_rollout(generation: Path) -> None:
    """Fill the tables of the rollout."""
    with duckdb.connect(str(generation)) as con:
        for number, code in enumerate(PRACTICES):
            goes_live = number % 2 == 1
            until = LIVE - timedelta(days=1) if goes_live else None
            states = [("signed_up", 2, SIGNED_UP, until), ("live", 5, LIVE, None)][: 1 + goes_live]
            if goes_live:
                con.execute("INSERT INTO rollout_capability VALUES (?, 'call_back', ?, NULL)", [code, LIVE])
            for stage, order, day, to_date in states:
                row = [code, stage, day, day, "Larkline", "cloud", BELIEVED]
                con.execute("INSERT INTO rollout VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                row = [BELIEVED, code, stage, order, day, to_date, "Larkline", "cloud"]
                con.execute("INSERT INTO rollout_state VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        con.execute(
            """
            INSERT INTO telephony_practice
            SELECT p.child, m.month, greatest(m.month, ?::DATE), least(last_day(m.month), ?::DATE), p.parent, NULL,
                'QZZ', 1000
            FROM (SELECT unnest(generate_series(DATE '2023-05-01', ?::DATE, INTERVAL '1 month'))::DATE AS month) AS m
            CROSS JOIN membership AS p
            WHERE p.parent_kind = 'pcn'
            """,
            [SIGNED_UP, BELIEVED, BELIEVED],
        )
        con.execute("INSERT INTO telephony_date (kind, day) VALUES ('target', DATE '2024-03-31')")
        for number, code in enumerate(PRACTICES):
            place = {"type": "Point", "coordinates": [WEST + number / 20, SOUTH + (number % 5) / 10]}
            con.execute("INSERT INTO boundary VALUES (?, ?)", [code, json.dumps(place)])


def test_a_day_is_chosen_by_keyboard_and_a_link_restores_it(open_page: OpenPage) -> None:
    page = open_page("/telephony?on=2024-02-12")
    expect(page.locator("main h1")).to_have_text(AFTER)
    page.get_by_test_id("filter-on").focus()
    page.keyboard.press("Enter")
    day = page.get_by_role("button", name="12 February 2024")
    day.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("on=2024-02-11"))
    expect(page.locator("main h1")).to_have_text(BEFORE)
    ready(page)
    page.reload()
    expect(page.locator("main h1")).to_have_text(BEFORE)
    expect(page.get_by_test_id("filter-on")).to_have_text("11 Feb 2024")


@pytest.mark.skipif(not AXE.is_file(), reason="NOT TESTED FOR ACCESSIBILITY: no axe-core; run `npm ci`")
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious_with_the_calendar_open(open_page: OpenPage, dark: bool) -> None:
    page = open_page("/telephony?on=2024-02-12", width=390, height=844, dark=dark)
    page.get_by_test_id("filter-on").click()
    day = page.get_by_role("button", name="14 February 2024")
    day.wait_for()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    day.click()
    expect(page).to_have_url(re.compile("on=2024-02-14"))


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_all_of_the_map_is_seen_and_it_fills_its_frame(browser: Browser, address: str, width: int, height: int) -> None:
    flags = [flag for flag in FLAGS if flag != "--disable-gpu"] + [
        "--use-gl=swiftshader",
        "--enable-unsafe-swiftshader",
    ]
    drawing = browser.browser_type.launch(executable_path=chromium(), args=flags)  # a map needs WebGL
    page = drawing.new_page(viewport={"width": width, "height": height})
    page.goto(f"{address}/login?next=/telephony/map")
    page.fill("[name=username]", "icb")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    ready(page)
    corners = [[WEST, SOUTH], [WEST + (len(PRACTICES) - 1) / 20, SOUTH + 0.4]]
    seen = f"""() => {{
        const graph = document.querySelector(".js-plotly-plot");
        const drawn = graph && graph._fullLayout && graph._fullLayout.map._subplot.map;
        if (!drawn) return false;
        const box = drawn.getContainer().getBoundingClientRect();
        const [low, high] = {corners}.map(at => drawn.project(at));
        const [left, right, top, bottom] = [low.x, box.width - high.x, high.y, box.height - low.y];
        return Math.min(left, right, top, bottom) >= 0 && Math.min(left + right, top + bottom) < 60;
    }}"""
    page.wait_for_function(seen, timeout=PATIENCE)
    page.set_viewport_size({"width": width + 300, "height": height})  # as when a telephone is turned
    page.wait_for_function(seen, timeout=PATIENCE)
    drawing.close()


def test_a_tile_and_a_row_of_the_board_lead_to_the_practice(open_page: OpenPage) -> None:
    page = open_page("/telephony?on=2024-02-12")
    tile = page.get_by_test_id("panel-telephony-board").locator(".textpoint").first
    tile.scroll_into_view_if_needed()
    box = tile.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page).to_have_url(re.compile(r"/practice/A99\d{3}\?.*on=2024-02-12"))
    page.go_back()
    page.get_by_test_id("panel-telephony-stages").locator(f"a[href^='/practice/{PRACTICES[0]}']").first.click()
    expect(page).to_have_url(re.compile(f"/practice/{PRACTICES[0]}"))


def test_what_a_practices_system_has_stands_out(open_page: OpenPage) -> None:
    grid = open_page("/telephony?on=2024-02-12").get_by_test_id("panel-telephony-capabilities")
    expect(grid.locator("tbody .has")).to_have_text(["Feb 2024"] * 12)
    expect(grid.locator("tbody .has-not")).to_have_count(5 * 24 - 12)
