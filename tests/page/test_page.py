"""The page of a real station in a real browser: what it paints, what keys do, who can read it, whom it asks."""

import json
import os
import pathlib
import signal
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
ALARM_MS = 60_000  # the first round is warned of within the first half minute of the scenario


def violations(page):
    if not AXE.is_file():
        pytest.skip("axe-core is not here: scripts/page installs it")
    page.evaluate(AXE.read_text("utf-8"))  # not as a script: the page's policy lets none in
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found["violations"]]


def wait_for(page, holds, timeout_s=30.0):
    """Wait until an expression holds; from here, since the page's policy lets it evaluate no text."""
    until = time.monotonic() + timeout_s
    while not page.evaluate(holds):
        assert time.monotonic() < until, holds
        time.sleep(0.05)


def test_the_first_picture_comes_soon_and_moves(page):
    begun = time.monotonic()
    page.wait_for_selector("aside tbody tr", timeout=30_000)
    wait_for(page, "window.casemateFrames && window.casemateFrames() > 5")
    assert time.monotonic() - begun < 30.0  # the bar is 2 s; this machine may be doing other things
    assert page.locator(".maplibregl-canvas").bounding_box()["height"] > 300
    told = page.locator("header").bounding_box()["height"] + sum(
        each.bounding_box()["height"] for each in page.locator(".shout").all()
    )
    assert page.locator(".body").bounding_box()["y"] == pytest.approx(
        told, abs=1.0
    )  # nothing empty between bar, shouts and map
    page.wait_for_selector(".zone-name")
    assert "SIMULATION" in page.title()
    assert page.locator(".watermark").inner_text() == "SIMULATION"


@pytest.mark.parametrize("view", ["", "#theme=light", "#lang=ar"])  # more, with made-up alarms: test_pictures.py
def test_everybody_can_read_it(page, view):
    page.goto(page.url.split("#")[0] + view)
    page.reload()
    page.wait_for_selector("aside tbody tr")
    tongue = view.split("lang=")[1][:2] if "lang=" in view else "en"
    assert page.evaluate("document.documentElement.lang") == tongue
    assert page.evaluate("document.documentElement.dir") == ("ltr" if tongue == "en" else "rtl")
    assert violations(page) == []


def test_an_alarm_is_painted_said_and_seen_by_key(page):
    page.wait_for_selector("header.alarm", timeout=ALARM_MS)
    wait_for(page, "document.querySelector('[aria-live=assertive]').textContent.match(/EXERCISE|SIMULATION/) !== null")
    assert violations(page) == []
    zone = page.locator("header h1 bdi").inner_text()
    assert page.locator("aside").get_by_text(zone).count() > 0
    button = page.locator("header .tools button").first
    assert button.inner_text().startswith("Acknowledge")
    page.keyboard.press("a")
    wait_for(page, "[...document.querySelectorAll('aside p')].some(p => p.textContent.includes('✓ local'))")
    told = json.loads(page.evaluate("fetch('api/alarms').then(a => a.text())"))
    assert any(each["acknowledged"] for each in told)


def test_keys_do_all(page):
    page.wait_for_selector("aside tbody tr")
    page.keyboard.press("t")
    page.wait_for_selector(".body.text")
    assert page.locator(".map").count() == 0
    page.keyboard.press("t")
    page.wait_for_selector(".map")
    page.keyboard.press("l")
    page.wait_for_selector("html.light")
    page.keyboard.press("s")
    page.wait_for_selector("header button[aria-pressed=true] >> text=Sound armed")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") in {"BUTTON", "SELECT"}


def test_without_webgl_all_is_told_as_text(chromium, station):
    context = chromium.new_context()
    page = context.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(station.url)
    page.wait_for_selector(".body.text aside tbody tr")
    page.get_by_text("The map needs WebGL2").wait_for()
    assert violations(page) == []
    context.close()


def test_a_link_that_falls_silent_shouts_and_heals(page, station):
    """The bar: 2 s to the banner, and the state is the server's again 1 s after it speaks; here beside other tests."""
    page.wait_for_selector("aside tbody tr")
    os.kill(station.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        page.locator(".shout", has_text="Link lost").wait_for(timeout=30_000)
        silent_s = time.monotonic() - begun
    finally:
        os.kill(station.pid, signal.SIGCONT)
    begun = time.monotonic()
    page.locator(".shout", has_text="Link lost").wait_for(state="detached", timeout=30_000)
    assert silent_s < 2.0 + 3.0  # it looks each 0.1 s; two cores are shared with another lane of tests
    assert time.monotonic() - begun < 10.0  # a station that stood still has steps to catch up with
