"""The page without a mouse: all tasks by keyboard, with roles; and what a station no longer knows."""

import pathlib

import page_cases
import pytest

from casemate.io import web
from casemate.io.web import roles

pytestmark = pytest.mark.skipif(
    not (pathlib.Path(web.__file__).parent / "static" / "index.html").is_file(),
    reason="the page is not built: scripts/page builds it",
)
MOST_STOPS = 60


@pytest.fixture(scope="module")
def premises():
    return page_cases.make_premises()


def warned(premises, n=3):
    """Return a page with rounds on their way and an alarm, as a station has it."""
    page = page_cases.make_page(premises)
    page.take(*page_cases.step(n))
    page.hear(page_cases.notice(premises))
    return page


def tab_to(page, name):
    """Walk by Tab to what has this name; each stop on the way must be seen to have the focus."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        at = page.evaluate(
            """() => { const it = document.activeElement;
            const name = it.ariaLabel || it.innerText || it.labels?.[0]?.innerText || '';
            return [name, getComputedStyle(it).outlineStyle, it.tagName]; }"""
        )
        assert at[1] != "none" or at[2] == "BODY", f"{at} does not show that it has the focus"
        if name in at[0] and at[2] != "BODY":
            return
    pytest.fail(f"{name} is not reached by Tab")


def has_focus(page):
    return page.evaluate("document.activeElement !== document.body")


STEPS = (
    ("Arm sound", "Space", "header button[aria-pressed=true] >> text=Sound armed"),
    ("Acknowledge: ", "Enter", "header >> text=seen by"),  # what was pressed is gone when it has done its work
    ("Why this alarm", "Enter", "details[open] >> text=one round"),
    ("2", "Enter", ".card"),  # a track
    ("Close", "Enter", "body:not(:has(.card))"),
    ("As text", "Enter", ".body.text"),
    ("Light or dark", "Enter", "html.light"),
    ("Language", "ArrowDown", "html[dir=rtl]"),
    ("اللغة", "ArrowUp", "html[dir=ltr]"),
    ("Keys (?)", "?", "dialog[open]"),
)
"""What is walked to by Tab, the key that is pressed there, what is on the page then."""


def signed_in(page):
    page.wait_for_selector("form")
    tab_to(page, "Name")
    page.keyboard.type("otto")
    tab_to(page, "Password")
    page.keyboard.type("otto's own")
    page.keyboard.press("Enter")
    page.wait_for_selector("header.warn")


def test_all_tasks_are_done_by_keyboard(chromium, premises):
    """From signing in to signing out, and the keys themselves; Tab, Enter, Space, arrows and Escape alone."""
    otto = roles.User(name="otto", role=roles.Role.OPERATOR, password=roles.hashed("otto's own"))
    with page_cases.serving(warned(premises), {"otto": otto}) as server:
        context = chromium.new_context(viewport={"width": 1280, "height": 720})
        page = context.new_page()
        page.goto(server.url)
        signed_in(page)
        for name, key, then in STEPS:
            tab_to(page, name)
            page.keyboard.press(key)
            page.wait_for_selector(then)
            assert has_focus(page), name
        change_keys(page)
        page.reload()
        page.wait_for_selector("header.warn")
        page.keyboard.press("x")
        tab_to(page, "Sign out")
        assert page.locator("html.light").count() == 0  # keys are off, and stay so
        page.keyboard.press("Enter")
        page.wait_for_selector("form")
        context.close()


def change_keys(page):
    """In the open panel: light and dark by another key; then none at all."""
    tab_to(page, "Light or dark")
    page.keyboard.type("x")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert "Keys" in page.evaluate("document.activeElement.innerText")  # where it was before
    page.keyboard.press("l")
    page.keyboard.press("x")
    page.wait_for_selector("html:not(.light)")
    page.keyboard.press("Enter")
    tab_to(page, "Keys of one character")
    page.keyboard.press("Space")
    page.keyboard.press("Escape")


def test_a_station_begun_anew_that_lost_an_alarm_is_caught(chromium, premises):
    context = chromium.new_context()
    page = context.new_page()
    with page_cases.serving(warned(premises)) as server:
        page.goto(f"{server.url}#view=text")
        page.wait_for_selector("header.warn")
        port = page_cases.port_of(server.url)
    blank = page_cases.make_page(premises)
    blank.take(*page_cases.step(1))
    with page_cases.serving(blank, port=port):
        told = page.get_by_role("alert").filter(has_text="no longer knows the alarm")
        told.wait_for(timeout=30_000)
        assert page.locator("header.alarm").count() == 0
        told.get_by_role("button").click()
        told.wait_for(state="detached")
        context.close()
