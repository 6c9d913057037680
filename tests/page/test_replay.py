"""A run that is over, in a real browser: sought by slider, by link and by keyboard, and never taken for a live one."""

import re
import shutil
import subprocess

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


def test_a_video_is_the_same_twice_and_says_what_it_is(chromium, replayed, tmp_path):
    page = chromium.new_page()
    page.goto(replayed)
    page.wait_for_selector(".replay option:nth-child(3)", state="attached")
    page.locator(".replay select").nth(1).select_option(index=1)
    page.wait_for_selector("header.warn")
    page.locator(".export summary").click()
    page.locator(".export input").fill("1")
    hashes = []
    for ending in ("webm", "mp4"):  # encoded twice, drawn twice: the frames are the same
        page.locator(".export select").select_option(ending)
        page.get_by_role("button", name="Video").click()
        page.wait_for_selector(f".export a[download*='-REPLAY-'][download$='.{ending}']", timeout=120_000)
        hashes.append(page.locator(".export code").inner_text())
    with page.expect_download() as download:
        page.locator(".export a").click()
    download.value.save_as(tmp_path / "video.mp4")
    page.close()
    assert hashes[0] == hashes[1]
    assert (tmp_path / "video.mp4").read_bytes()[4:8] == b"ftyp"
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not here (Debian: apt-get install ffmpeg): the video was not read back")
    ask = ["ffprobe", "-v", "error", "-count_frames", "-of", "csv=p=0"]
    entries = ["-show_entries", "stream=width,height,nb_read_frames", str(tmp_path / "video.mp4")]
    assert subprocess.check_output([*ask, *entries], text=True).strip().rstrip(",") == "1280,720,30"
