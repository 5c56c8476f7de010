"""The practice's page as its manager meets it: on a screen, a telephone and paper."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboard import report
from dashboard.cli import main
from etl.settings import Settings
from tests.browser.conftest import PATIENCE, chromium, ready
from tests.browser.test_pages import AXE, serious
from tests.dashboard.generation import PRACTICES
from tests.dashboard.marked import OTHER, OWN, leaks, publish_marked, secrets_of

OpenPage = Callable[..., Page]
PATH = f"/practice/{OWN}"


def pages_of(pdf: Path) -> int:
    """How many pages a PDF of Chromium has."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))


@pytest.mark.skipif(not AXE.is_file(), reason="NOT TESTED FOR ACCESSIBILITY: no axe-core; run `npm ci`")
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(open_page: OpenPage, dark: bool) -> None:
    page = open_page(PATH, who="practice", dark=dark)
    assert serious(page) == []


def test_the_page_says_what_changed_and_what_to_do_before_any_chart(open_page: OpenPage) -> None:
    page = open_page(PATH, who="practice")
    expect(page.locator("main h1")).to_have_text("Aldermere Surgery")
    expect(page.locator(".sentences")).to_contain_text("a real change, not chance")
    expect(page.get_by_test_id("next-steps").locator("li").first).to_be_visible()
    box = page.get_by_test_id("next-steps").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900
    assert page.locator(".js-plotly-plot").count() >= 4


def test_the_page_fits_a_telephone(open_page: OpenPage) -> None:
    page = open_page(PATH, who="practice", width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_manager_is_led_to_the_page_and_the_search_leads_the_icb_there(open_page: OpenPage) -> None:
    page = open_page("/", who="practice")
    page.get_by_role("link", name="This practice").click()
    expect(page).to_have_url(re.compile(PATH))
    ready(page)
    page = open_page("/", who="icb")
    expect(page.get_by_role("link", name="This practice")).to_have_count(0)
    page.get_by_test_id("find-practice").fill(PRACTICES[4])
    page.get_by_role("option").first.click()
    expect(page.locator("main h1")).to_have_text("Eastmarsh Surgery")
    ready(page)
    expect(page).to_have_url(re.compile(f"/practice/{PRACTICES[4]}"))
    page.get_by_role("link", name="Northmoor ICB").click()
    expect(page).to_have_url(re.compile(r"/\?organisation=QZZ"))


def test_another_practice_is_not_there(open_page: OpenPage, address: str) -> None:
    page = open_page(PATH, who="practice")
    answer = page.request.get(f"{address}/practice/{OTHER}")
    assert answer.status == 404
    assert OTHER not in answer.text()


def test_printing_draws_the_charts_for_paper_and_back(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(PATH, who="practice")
    widths = "[...document.querySelectorAll('.js-plotly-plot')].map(chart => chart._fullLayout.width)"
    before = page.evaluate(widths)
    assert len(before) >= 4
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    assert pages_of(tmp_path / "page.pdf") == 2
    as_before = f"before => {widths}.every((width, place) => Math.abs(width - before[place]) <= 2)"
    page.wait_for_function(as_before, arg=before, timeout=PATIENCE)


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A home whose figures are unmistakable, and what the first practice must not be shown of them."""
    folder = tmp_path_factory.mktemp("report")
    return folder, secrets_of(publish_marked(folder / "published"), {OWN})


def test_report_is_two_sides_and_tells_nothing_of_others(marked: tuple[Path, set[str]], tmp_path: Path) -> None:
    chromium()
    home, secrets = marked
    (path,) = report.write(Settings(home=home), OWN.lower(), tmp_path / "new" / "own.pdf")
    assert pages_of(path) == 2
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("NOT SEARCHED: the text of the report; no `pdftotext`, run `apt-get install poppler-utils`")
    text = subprocess.run([reader, "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    for said in (
        "Aldermere Surgery",
        "What to do next",
        "on a Monday;",
        "What each figure means",
        "Synthetic data",
    ):
        assert said in text
    assert "Loading" not in text
    assert not leaks(text, secrets)


@pytest.mark.parametrize("code", [OTHER, "A99999", "' OR 1=1"])
def test_report_says_what_is_missing(
    marked: tuple[Path, set[str]],
    tmp_path: Path,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ICB_HOME", str(marked[0]))
    if code == OTHER:
        monkeypatch.setenv("PATH", str(tmp_path))
        says = "Chromium is needed to print reports"
    else:
        chromium()
        says = f"There is no practice {code!r}"
    assert main(["report", "--practice", code, "--out", str(tmp_path / "x.pdf")]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "x.pdf").exists()


def test_report_before_the_first_night_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chromium()
    monkeypatch.setenv("ICB_HOME", str(tmp_path))
    assert main(["report", "--all", "--out", str(tmp_path / "all")]) == 1
    assert "Nothing has been published yet" in capsys.readouterr().err
