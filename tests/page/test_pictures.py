"""Six states of the page beside kept pictures of them, each without a violation of WCAG 2.2 AA.

The map is left out: what it draws moves. `CASEMATE_KEEP=1 pytest tests/page/test_pictures.py` keeps what is seen, to be
looked at before it is committed. Letters are DejaVu Sans, in all three scripts (Debian: fonts-dejavu-core).
"""

import contextlib
import io
import os
import pathlib
import shutil
import subprocess
import threading

import numpy as np
import page_cases
import pytest
from PIL import Image

from casemate.constants import NS_PER_S
from casemate.io import web
from casemate.model.messages import WarningPhase

KEPT = pathlib.Path(__file__).parent / "kept"
AXE = pathlib.Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FONT = "DejaVu Sans"
UNLIKE = 48
"""[A] Of 255: smoothed edges of letters differ by less between two builds of Chromium."""
SHARE = 0.005
"""[A] Pixels that may be unlike: a word that is gone is more."""
STATES = {
    "quiet": ("quiet", "", 1280, 720, 1),
    "alarm": ("alarm", "", 1280, 720, 1),
    "alarm-hebrew-light": ("alarm", "#lang=he&theme=light", 1280, 720, 1),
    "text-light": ("alarm", "#view=text&theme=light", 1280, 720, 1),
    "text-arabic-phone": ("alarm", "#view=text&lang=ar", 390, 844, 1),
    "text-zoomed": ("alarm", "#view=text", 640, 360, 2),
}
pytestmark = pytest.mark.skipif(
    not (pathlib.Path(web.__file__).parent / "static" / "index.html").is_file(),
    reason="the page is not built: scripts/page builds it",
)


def filled(kind):
    """Return a page whose counts have run out, so that nothing on it moves."""
    premises = page_cases.make_premises()
    page = page_cases.make_page(premises)
    page.take(*page_cases.step(6))
    if kind == "alarm":
        for zone, phase in enumerate((WarningPhase.WARN, WarningPhase.STAY, WarningPhase.CLEAR)):
            sent_ns = page_cases.T0_NS - 60 * NS_PER_S
            page.hear(page_cases.notice(premises, phase=phase, incident=f"run1-{zone}", zone=zone, t_ns=sent_ns))
        page.take(*page_cases.lost())
    return page


@contextlib.contextmanager
def going_on(page):
    """Keep the picture fresh, as steps do."""
    over = threading.Event()

    def feed():
        while not over.wait(0.5):
            page.take(*page_cases.step(6))

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def urls():
    with contextlib.ExitStack() as open_:
        pages = {kind: filled(kind) for kind in ("quiet", "alarm")}
        for page in pages.values():
            open_.enter_context(going_on(page))
        yield {kind: open_.enter_context(page_cases.serving(page)).url for kind, page in pages.items()}


def seen_of(chromium, url, view, size, scale):
    """Return what is seen, without the map, and what axe finds."""
    context = chromium.new_context(viewport=size, device_scale_factor=scale, reduced_motion="reduce")
    page = context.new_page()
    page.goto(url + view)
    page.wait_for_selector("section:nth-of-type(3) tbody tr")
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    raw = page.screenshot(mask=[page.locator(".map")], mask_color="#000000", animations="disabled")
    found = []
    if AXE.is_file():
        page.evaluate(AXE.read_text("utf-8"))
        told = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        found = [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in told["violations"]]
    context.close()
    return Image.open(io.BytesIO(raw)).convert("RGB"), found, wide


@pytest.mark.parametrize("name", STATES)
def test_a_state_looks_as_it_was_kept(chromium, urls, name, tmp_path):
    kind, view, width, height, scale = STATES[name]
    seen, found, wide = seen_of(chromium, urls[kind], view, {"width": width, "height": height}, scale)
    assert found == []
    assert wide <= 0  # nothing reaches beyond the window
    if os.environ.get("CASEMATE_KEEP"):
        seen.quantize(64).save(KEPT / f"{name}.png", optimize=True)
        pytest.skip("kept")
    fc_match = shutil.which("fc-match")
    if (
        fc_match is None
        or FONT not in subprocess.run([fc_match, "system-ui"], capture_output=True, text=True, check=True).stdout
    ):
        pytest.skip(f"letters are not {FONT} here: pictures cannot be compared")
    kept = Image.open(KEPT / f"{name}.png").convert("RGB")
    assert seen.size == kept.size
    unlike = np.abs(np.asarray(seen, np.int16) - np.asarray(kept, np.int16)).max(axis=2) > UNLIKE
    seen.save(tmp_path / f"{name}.png")
    assert unlike.mean() <= SHARE, f"{100 * unlike.mean():.2f} % differ: see {tmp_path}"
