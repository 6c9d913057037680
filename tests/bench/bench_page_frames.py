"""How many frames a second the page paints, and how late an alarm is, with many tracks: headless Chromium, no GPU.

`python tests/bench/bench_page_frames.py 1000 5000`: a server in this process tells five pictures a second of so many
tracks that all move, the 500 first of them with ways ahead and ellipses, and an alarm each half second. What is told is
frames a second over ten seconds, and the time from `Page.hear` to the frame that shows the change.
"""

import shutil
import sys
import threading
import time

import numpy as np
import page_cases
from playwright.sync_api import sync_playwright

from casemate.constants import NS_PER_S
from casemate.io.web import roles
from casemate.io.web.app import make_app
from casemate.io.web.server import Door, Server, listen

FLAGS = ("--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PICTURE_S, ALARM_S, SETTLE_S, LASTS_S = 0.2, 0.5, 4.0, 20.0
WATCH = """() => {
  window.painted = [];
  const note = () => requestAnimationFrame(() => window.painted.push(performance.timeOrigin + performance.now()));
  const live = document.querySelector('[aria-live=assertive]');
  new MutationObserver(note).observe(live, {childList: true, characterData: true, subtree: true});
}"""


def spread(n_tracks, t_ns, k):
    """Return a step of tracks all over 12 km, each on its own way."""
    message, events = page_cases.step(n_tracks, t_ns)
    tracks, impacts, i = events.tracks, events.impacts, np.arange(n_tracks)
    tracks["state"][:, 0] = 6000.0 * np.sin(2.4 * i) + 20.0 * k
    tracks["state"][:, 1] = 6000.0 * np.cos(2.4 * i) * (i % 97) / 97.0
    impacts["point_m"] = tracks["state"][:, :2] + (3000.0, 200.0)
    return message, events


def feed(page, premises, n_tracks, is_over, sent):
    """Tell pictures and alarms until it is over."""
    begun, k = time.monotonic(), 0
    while not is_over.is_set():
        k += 1
        t_ns = page_cases.T0_NS + round(k * PICTURE_S * NS_PER_S)
        page.take(*spread(n_tracks, t_ns, k))
        if k % round(ALARM_S / PICTURE_S) == 0:
            sent.append(time.time() * 1e3)
            page.hear(page_cases.notice(premises, k, incident=f"run1-{k}", zone=len(sent) % 4, t_ns=t_ns))
        time.sleep(max(begun + k * PICTURE_S - time.monotonic(), 0.0))


def measure(n_tracks):
    """Return frames a second and how late alarms were painted [ms]."""
    premises = page_cases.make_premises()
    page, is_over, sent = page_cases.make_page(premises), threading.Event(), []
    door = Door(port=0)
    app = make_app(page, roles.Keeper(None), is_local=True, is_tls=False)
    with Server(app, door, listen(door)) as server, sync_playwright() as playwright:
        feeding = threading.Thread(target=feed, args=(page, premises, n_tracks, is_over, sent))
        feeding.start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        shown = browser.new_page(viewport={"width": 1280, "height": 720})
        shown.goto(server.url)
        shown.wait_for_selector(".maplibregl-canvas")
        time.sleep(SETTLE_S)
        shown.evaluate(WATCH)
        first, begun, n_sent = shown.evaluate("window.casemateFrames()"), time.monotonic(), len(sent)
        time.sleep(LASTS_S)
        frames = (shown.evaluate("window.casemateFrames()") - first) / (time.monotonic() - begun)
        told, painted = sent[n_sent:-2], np.array(shown.evaluate("window.painted"))
        is_over.set()
        feeding.join()
        browser.close()
    late_ms = [painted[painted >= each].min(initial=np.inf) - each for each in told]
    return frames, np.array(late_ms)


if __name__ == "__main__":
    print("| tracks | frames/s | alarm painted after, p50 / p99 / most [ms] | n |\n| --- | --- | --- | --- |")
    for n in map(int, sys.argv[1:] or ("1000", "5000")):
        frames, late_ms = measure(n)
        p50, p99 = np.percentile(late_ms, (50, 99))
        print(f"| {n:,} | {frames:.1f} | {p50:.0f} / {p99:.0f} / {late_ms.max():.0f} | {len(late_ms)} |", flush=True)
