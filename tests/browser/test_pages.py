"""The pages as a reader meets them: filled, legible, reachable by keyboard, restorable from a link."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ready
from tests.dashboard.generation import ICB, PCNS, PRACTICES

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
OpenPage = Callable[..., Page]
PAGES = ["/", "/demand", "/data", "/definitions"]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def serious(page: Page) -> list[str]:
    """axe-core's serious and critical findings."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", WCAG)
    return [
        f"{finding['id']}: {node['html'][:160]}"
        for finding in found["violations"]
        if finding["impact"] in ("serious", "critical")
        for node in finding["nodes"]
    ]


@pytest.mark.skipif(not AXE.is_file(), reason="NOT TESTED FOR ACCESSIBILITY: no axe-core; run `npm ci`")
@pytest.mark.parametrize(
    ("path", "dark"), [("/", False), ("/", True), ("/demand", True), ("/data", False), ("/definitions", False)]
)
def test_axe_finds_nothing_serious(open_page: OpenPage, path: str, dark: bool) -> None:
    page = open_page(path, dark=dark)
    for panel in page.locator(".panel:has(button[data-toggle=table])").all()[:2]:
        for button in panel.locator("button[data-toggle]").all():
            button.click()
        expect(panel.locator("[data-part=table] :is(table, .grid)")).to_be_visible()
    assert serious(page) == []


@pytest.mark.skipif(not AXE.is_file(), reason="NOT TESTED FOR ACCESSIBILITY: no axe-core; run `npm ci`")
def test_axe_would_find_what_is_wrong(open_page: OpenPage) -> None:
    page = open_page("/definitions")
    page.evaluate("document.querySelector('main').appendChild(document.createElement('img')).src = 'data:,'")
    assert [finding for finding in serious(page) if finding.startswith("image-alt")]


@pytest.mark.parametrize("path", PAGES)
def test_page_fits_a_telephone(open_page: OpenPage, path: str) -> None:
    page = open_page(path, width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_filters_write_the_url_and_a_link_restores_the_view(open_page: OpenPage) -> None:
    page = open_page("/demand")
    page.get_by_test_id("filter-period").click()
    page.get_by_role("option", name="Last 12 months").click()
    expect(page).to_have_url(re.compile("period=12"))
    page.get_by_test_id("filter-organisation").click()
    page.get_by_role("option", name=re.compile(PCNS[1])).click()
    expect(page).to_have_url(re.compile(f"organisation={PCNS[1]}"))
    ready(page)
    expect(page.locator("main .subtitle").first).to_contain_text("Nov 2025 to Oct 2026")
    title = page.get_by_test_id("panel-demand-trend").locator("h2").inner_text()
    page.reload()
    ready(page)
    expect(page.get_by_test_id("filter-period")).to_have_value("Last 12 months")
    expect(page.get_by_test_id("panel-demand-trend").locator("h2")).to_have_text(title)
    page.go_back()
    expect(page.get_by_test_id("filter-organisation")).to_have_value(re.compile(ICB))


def test_a_period_ending_in_a_past_month_is_chosen_by_keyboard_and_stays(open_page: OpenPage) -> None:
    page = open_page("/?period=12")
    ending = page.get_by_test_id("filter-ending")
    expect(ending).to_have_value("Newest (Oct 2026)")
    ending.focus()
    ending.fill("March 2026")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("ending=2026-03"))
    ready(page)
    expect(page.locator("main .subtitle").first).to_contain_text("figures up to March 2026")
    page.get_by_role("link", name="Demand and capacity").click()
    expect(page.locator("main .subtitle").first).to_contain_text("Apr 2025 to Mar 2026")
    ready(page)
    page.get_by_test_id("filter-ending").click()
    page.get_by_role("option", name="Newest (Oct 2026)").click()
    expect(page).not_to_have_url(re.compile("ending="))
    expect(page.locator("main .subtitle").first).to_contain_text("Nov 2025 to Oct 2026")


def test_navigation_keeps_organisation_and_period_and_moves_focus(open_page: OpenPage) -> None:
    page = open_page(f"/?organisation={PCNS[0]}&period=12")
    page.get_by_role("link", name="Demand and capacity").click()
    expect(page).to_have_url(re.compile(f"/demand.*organisation={PCNS[0]}.*period=12"))
    expect(page.locator("main h1")).to_be_focused()
    expect(page).to_have_title("Demand and capacity · Switchboard")


def test_a_practice_is_found_by_name_code_and_postcode(open_page: OpenPage) -> None:
    page = open_page("/")
    for typed in ("Dunholme Surgery", PRACTICES[3], "ZZ4 1ZZ"):
        page.get_by_test_id("find-practice").fill(typed)
        expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(PRACTICES[3]))


def test_table_opens_by_keyboard_and_says_so(open_page: OpenPage) -> None:
    page = open_page("/demand?period=12")
    panel = page.get_by_test_id("panel-demand-trend")
    button = panel.get_by_role("button", name=re.compile("^Table"))
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(panel.locator("tbody tr")).to_have_count(12)
    page.keyboard.press("Enter")
    expect(panel.locator("table")).to_be_hidden()


def test_a_table_told_in_words_is_made_by_the_browser_and_runs_nothing(open_page: OpenPage) -> None:
    page = open_page("/definitions")
    told = {
        "caption": "<img src=x onerror=alert(1)>", "hidden": False, "align": ["", "number"], "headings": ["Name", "N"],
        "rows": [["<b>A</b>", "1"], [["in", "/demand?period=12"], "2"], [["out", "//evil.example/"], "3"],
                 [{"words": "<i>5</i>", "icon": "/assets/icons/variation_none.svg", "meaning": 'a "none"', "size": 26},
                  {"words": "", "icon": "https://evil.example/x.svg", "meaning": "no"}]],
    }  # fmt: skip
    page.evaluate(
        "told => { const at = document.createElement('div'); at.dataset.table = JSON.stringify(told); "
        "document.querySelector('main').prepend(at); }",
        told,
    )
    table = page.locator("[data-table] table")
    expect(table.locator("caption")).to_have_text(told["caption"])
    expect(table.locator("th[scope=row]").first).to_have_text("<b>A</b>")
    expect(table.locator("td.number")).to_have_text(["1", "2", "3", ""])
    icon = table.get_by_alt_text('a "none"')
    expect(icon).to_have_attribute("src", "/assets/icons/variation_none.svg")
    expect(icon.locator("..")).to_have_text("<i>5</i>")
    assert icon.bounding_box()["width"] == 26  # type: ignore[index]
    assert table.get_by_alt_text("no", exact=True).get_attribute("src") is None
    assert table.locator("a", has_text="out").get_attribute("href") is None
    table.locator("a", has_text="in").click()
    expect(page).to_have_url(re.compile("/demand.period=12"))
    expect(page).to_have_title("Demand and capacity · Switchboard")


def test_a_long_table_is_a_grid_that_sorts_and_only_its_page_loads_the_script(open_page: OpenPage) -> None:
    page = open_page("/demand?period=12")
    assert page.locator("script[src*=dash_ag_grid]").count() == 0
    page.get_by_role("link", name="Data", exact=True).click()
    ready(page)
    grid = page.get_by_test_id("panel-data-coverage").locator(".grid")
    first = grid.locator("[role=row][row-index='0'] [role=gridcell]").first
    before = first.inner_text()
    heading = grid.get_by_role("columnheader", name="Practice")
    for order in ("ascending", "descending"):
        heading.click()
        expect(heading).to_have_attribute("aria-sort", order)
    expect(first).not_to_have_text(before)
    assert grid.locator(".strip i.has").count() > 0


def test_skip_link_is_first_and_leads_to_the_contents(open_page: OpenPage) -> None:
    page = open_page("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name=re.compile("^Skip"))).to_be_focused()


def test_csv_of_a_chart_downloads(open_page: OpenPage) -> None:
    page = open_page("/demand?period=12")
    with page.expect_download() as download:
        page.get_by_test_id("panel-demand-trend").get_by_role("link", name=re.compile("^CSV")).click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("period_start,value,numerator")
    assert len(lines) == 13


def test_charts_take_dark_colours_in_the_dark(open_page: OpenPage) -> None:
    page = open_page("/demand?period=12", dark=True)
    bars = page.get_by_test_id("panel-demand-time-bands").locator(".bars path").first
    assert bars.evaluate("bar => getComputedStyle(bar).fill") == "rgb(125, 180, 232)"


def test_signing_out_ends_the_session(open_page: OpenPage, address: str) -> None:
    page = open_page("/")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{address}/demand")
    expect(page).to_have_url(re.compile("/login"))
