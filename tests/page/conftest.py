"""A real station in a process of its own, and Debian's Chromium to look at it."""

import contextlib
import pathlib
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from typing import NamedTuple

import pytest

from casemate.io import web

STATIC = pathlib.Path(web.__file__).parent / "static" / "index.html"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip


class Station(NamedTuple):
    """A process that serves a page."""

    url: str
    pid: int


def wait_until_ready(url):
    """Wait until the kernels are compiled and the scenario runs: minutes where nothing was compiled before."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{url}health/ready"):  # noqa: S310 our own, on the loopback
                return
        except urllib.error.HTTPError:
            time.sleep(0.5)
    pytest.fail("the station was not ready within five minutes")


@pytest.fixture(scope="session")
def station(tmp_path_factory):
    """Serve `green-zone-2020` in real time until the tests are over; return where."""
    if not STATIC.is_file():
        pytest.skip("the page is not built: scripts/page builds it")
    folder = tmp_path_factory.mktemp("station")
    with served(folder, "serve", "--demo", "green-zone-2020", "-o", "run") as found:
        yield found


@pytest.fixture(scope="session")
def replayed(tmp_path_factory):
    """Run a scenario without a page, and serve what it left."""
    if not STATIC.is_file():
        pytest.skip("the page is not built: scripts/page builds it")
    folder = tmp_path_factory.mktemp("replayed")
    subprocess.run(["casemate", "run", "two-rocket-probe", "-o", "run"], cwd=folder, check=True, capture_output=True)
    with served(folder, "replay", "run", "--serve") as found:
        yield found.url
    assert [each.name for each in folder.iterdir()] == ["run"]  # looking leaves nothing


@contextlib.contextmanager
def served(folder, *words):
    """Run a command that serves a page until the block ends; yield where, when it is ready."""
    command = ["casemate", *words, "--page", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder) as running:
        try:
            assert running.stdout is not None
            for line in running.stdout:
                if found := re.search(r"http://[\d.:]+/", line):
                    wait_until_ready(found[0])
                    yield Station(found[0], running.pid)
                    break
        finally:
            running.terminate()


@pytest.fixture(scope="session")
def chromium():
    """Start Debian's browser; nothing is downloaded."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not here (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, station):
    """Open the page; what it says in its console as an error, or asks of others, fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    opened = context.new_page()
    errors, asked = [], []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(station.url)
    yield opened
    context.close()
    assert not errors
    assert [url for url in asked if not url.startswith((station.url, "blob:", "data:"))] == []
