"""A live station in this process, with senders on loopback: what tests and the bench of the delay share."""

import threading
import time

from asterix_sender import Radar

from casemate import station
from casemate.io import settings
from casemate.io.feeds.address import parse
from casemate.model.messages import Aside
from casemate.model.records import FeedState

SITE = """
[site]
name = "Live"
lat_deg = 33.30
lon_deg = 44.39
height_m = 34.0
"""
SENSOR = """
[[sensor]]
name = "radar-{i}"
lat_deg = 33.30
lon_deg = 44.39
height_m = 34.0
scan_period_s = {period_s}
sigma_range_m = 15.0
sigma_azimuth_deg = 0.17
p_detection = 0.95
false_plots_per_scan = 2.0
range_m = [500.0, 25000.0]
sac = 25
sic = {sic}
antenna = "{antenna}"
"""


def write_site(folder, n_radars=1, period_s=1.0, antenna="rotating"):
    path = folder / "live.toml"
    radars = (SENSOR.format(i=i + 1, sic=10 + i, period_s=period_s, antenna=antenna) for i in range(n_radars))
    path.write_text(SITE + "".join(radars), "utf-8")
    settings.read_site(path)
    return path


class Watch:
    """A sink that keeps what tests ask for, and says when the station listens."""

    def __init__(self):
        self.listens, self.states, self.tracks, self.scans, self.t_wall = threading.Event(), [], [], [], []

    def take(self, message, events):
        if isinstance(message, Aside):
            if message.kind == "feed":
                row = message.rows[0]
                self.states.append((time.monotonic(), str(row["feed"]), FeedState(int(row["state"]))))
                self.listens.set()
        elif events is not None:
            self.tracks.append(events.tracks)
            if hasattr(message, "plots"):
                self.scans.append(message)
                self.t_wall.append(time.monotonic_ns())


class Station:
    """`station.serve` in a thread of its own."""

    def __init__(self, site, urls, folder):
        self.watch, self.summary, self._stop = Watch(), None, threading.Event()
        assert all(parse(url) for url in urls)
        self._thread = threading.Thread(target=self._run, args=(site, urls, folder))

    def _run(self, site, urls, folder):
        self.summary = station.serve(site, urls, folder, sinks=[self.watch], is_stopped=self._stop.is_set)

    def __enter__(self):
        self._thread.start()
        assert self.watch.listens.wait(300.0)
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def ended(watch):
    """Ids of confirmed tracks that were dropped."""
    firm, gone = set(), set()
    for rows in watch.tracks:
        for row in rows:
            if row["status"] == 1:
                firm.add(int(row["track_id"]))
            elif row["status"] == 3 and int(row["track_id"]) in firm:
                gone.add(int(row["track_id"]))
    return gone


def radar(port, **options):
    return Radar(("127.0.0.1", port), **options)
