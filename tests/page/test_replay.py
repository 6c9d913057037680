"""A run that is over, in a real browser: sought by slider, by link and by keyboard, and never taken for a live one."""

import re

import pytest


def test_a_kept_run_is_sought_bookmarked_and_shared(chromium, replayed):
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(replayed)
    page.wait_for_selector(".replay option:nth-child(3)", state="attached")
    assert page.locator(".watermark").inner_text() == "REPLAY"
    assert "REPLAY" in page.title()
    alarms = page.locator(".replay select").nth(1)
    alarms.select_option(index=1)  # the first warning: it stands there
    page.wait_for_selector("header.warn")
    assert page.locator("header button", has_text="Acknowledge").count() == 0
    at = float(re.search(r"[#&]t=([\d.]+)", page.url)[1])
    page.get_by_role("button", name="Bookmark this").click()
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_selector("header:not(.alarm)")
    page.keyboard.press("End")
    page.wait_for_function("document.querySelector('.replay input[type=range]').value > 100")
    page.locator(".replay select").nth(2).select_option(index=1)
    page.wait_for_selector("header.warn")
    assert float(re.search(r"[#&]t=([\d.]+)", page.url)[1]) == pytest.approx(at, abs=0.6)  # a step lies between

    other = context.new_page()  # whom the link is sent
    other.goto(page.url)
    other.wait_for_selector("header.warn")
    assert other.locator("header h1").inner_text() == page.locator("header h1").inner_text()
    other.evaluate("location.hash = 't=0&lang=he'")  # an address that is changed by hand is obeyed
    other.wait_for_selector("header:not(.alarm)")
    assert other.evaluate("document.documentElement.dir") == "rtl"
    assert page.locator("header.warn").count() == 1  # each has a playhead of its own
    context.close()
    assert not errors
