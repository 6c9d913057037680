"""A minute of 720p30 video out of a replay, twice: `python tests/bench/bench_page_video.py [SECONDS] [SCENARIO]`."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import sync_playwright

FLAGS = ["--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def main(seconds=60, scenario="green-zone-2020"):
    """Print how long each takes, and whether their frames are the same."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["casemate", "run", scenario, "-o", "run"], cwd=folder, check=True, capture_output=True)
        command = ["casemate", "replay", "run", "--serve", "--page", "127.0.0.1:0"]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            try:
                url = next(found[0] for line in running.stdout if (found := re.search(r"http://[\d.:]+/", line)))
                hashes = [filmed(url, seconds, pathlib.Path(folder)) for _ in range(2)]
                print("the same frames" if hashes[0] == hashes[1] else f"NOT the same frames: {hashes}")
            finally:
                running.terminate()


def filmed(url, seconds, folder):
    """Have a browser of its own make the video; return the hash of its frames."""
    with sync_playwright() as playing:
        browser = playing.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{url}#t=40")
        page.wait_for_selector("header.alarm")
        page.locator(".export summary").click()
        page.locator(".export input").fill(str(seconds))
        begin_s = time.monotonic()
        page.get_by_role("button", name="Video").click()
        page.wait_for_selector(".export a[download]", timeout=1_800_000)
        taken_s = time.monotonic() - begin_s
        with page.expect_download() as download:
            page.locator(".export a").click()
        download.value.save_as(folder / "video.webm")
        found = page.locator(".export code").inner_text()
        browser.close()
    size_mb = (folder / "video.webm").stat().st_size / 1e6
    print(f"{seconds} s of 1280 x 720 at 30: {taken_s:.0f} s, {size_mb:.1f} MB, frames {found} (5 minutes are asked)")
    return found


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:2]), *sys.argv[2:])
