"""Signing in by hand, in Chromium, under the content security policy; also without JavaScript and on a phone."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from werkzeug.serving import make_server

from tests.dashboard.access.house import PASSWORD, add_people, build, settings_for


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The tiny app, served."""
    app = build(settings_for(tmp_path_factory.mktemp("home")))
    add_people(app.server.extensions["access"])
    server = make_server("127.0.0.1", 0, app.server, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
    app.server.extensions["access"].engine.dispose()


def test_sign_in_and_use_a_page(browser: Browser, address: str) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/practice/Y00001")
    page.get_by_label("User name").fill("manager")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("figures of Y00001").wait_for()
    assert page.url == f"{address}/practice/Y00001"
    page.locator("#who").fill("hello")
    page.get_by_text("practice:Y00001 asked 'hello'").wait_for()
    assert complaints == [], "errors, or something the policy blocked"
    assert page.goto(f"{address}/practice/Y00002").status == 404
    page.close()


def test_the_form_without_javascript_on_a_phone(browser: Browser, address: str, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"{address}/login?next=/practice/Y00001")
    page.get_by_role("button", name="Sign in").click()
    assert "Enter your user name" in page.get_by_role("alert").inner_text()
    page.get_by_label("User name").fill("manager")
    page.get_by_label("Password").fill("wrong password")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "not right" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("User name").input_value() == "manager"
    assert page.get_by_label("Password").input_value() == ""
    assert page.locator("main").bounding_box()["width"] <= 390
    page.screenshot(path=tmp_path / "wrong.png")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/practice/Y00001")
    context.close()


def test_the_field_that_has_the_focus_can_be_seen(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/login")
    for _ in range(3):
        page.keyboard.press("Tab")
        outline, shadow = (
            page.locator(":focus").evaluate(f"element => getComputedStyle(element).{name}")
            for name in ("outlineStyle", "boxShadow")
        )
        assert outline != "none"
        assert shadow != "none"
    page.close()
