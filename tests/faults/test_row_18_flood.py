"""Row 18: ten times the plots. Queues are bounded, the other radar is unaffected, what is shed is counted."""

import threading
import time

import numpy as np
import pytest
from live_station import Station, ended, radar, write_site

from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import StationClock
from casemate.io.feeds.health import Meter
from casemate.io.settings import read_site
from casemate.model.messages import Scan
from casemate.model.records import PLOT, freeze, missing
from casemate.runner.live import MAX_PLOTS, MAX_SCANS, LiveSource


def test_one_radar_floods_and_the_other_is_followed(tmp_path):
    urls = ["udp://127.0.0.1:8718", "udp://127.0.0.1:8719"]
    with Station(write_site(tmp_path, n_radars=2), urls, tmp_path / "run") as station:
        quiet, loud = radar(8718, n_things=6), radar(8719, n_things=60, sic=11, seed=5)
        sent = [0, 0]
        threads = [
            threading.Thread(target=lambda i=i, each=each: sent.__setitem__(i, each.run(4.0)))
            for i, each in enumerate((quiet, loud))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(0.2)
    one, two = station.summary["feeds"]
    assert one["n_shed"] == one["n_lost"] == 0
    assert one["n_plots"] == sent[0]
    assert two["n_lost"] or two["n_plots"] + two["n_refused"] == sent[1]
    mine = {int(row["plot_id"]) for scan in station.watch.scans if scan.sensor_id == 0 for row in scan.plots}
    assert len(mine) == sent[0]  # every plot of the quiet radar was stepped
    assert 60 <= station.summary["counts"]["tracks_confirmed"] <= 66  # a flooded machine may lose a few
    assert ended(station.watch) == set()


class Flood:
    """A feed of made-up scans, as fast as it can."""

    def __init__(self, name, site, n_scans, n_plots, pause_s):
        self.name, self.n_scans, self.n_plots, self.pause_s = name, n_scans, n_plots, pause_s
        self.meter = Meter(name, site, Tally())

    def run(self, deliver, is_stopped):
        for k in range(self.n_scans):
            plots = missing(PLOT, self.n_plots)
            plots["plot_id"] = k * self.n_plots + 1 + np.arange(self.n_plots)
            now = time.time_ns()
            times = {"t_start_ns": now, "t_end_ns": now, "t_recv_ns": now}
            deliver(Scan(sensor_id=0, **times, az_from_rad=0.0, az_to_rad=0.0, plots=freeze(plots)))
            time.sleep(self.pause_s)

    def health(self):
        return self.meter.health(time.time_ns())


@pytest.mark.parametrize("n_plots", [1, 400])
def test_a_full_queue_sheds_the_oldest_of_who_fills_it(tmp_path, n_plots):
    site = read_site(write_site(tmp_path))
    calm, flood = Flood("calm", site, 20, 5, 0.01), Flood("flood", site, 9000 // (1 + n_plots // 20), n_plots, 0.0)
    source = LiveSource([calm, flood], StationClock())
    most, got, last = 0, {}, {}
    for message in source:
        if isinstance(message, Scan):
            most = max(most, len(source._inbox._items), sum(source._inbox._n_plots) // 20)
            name = len(message.plots)
            got[name] = got.get(name, 0) + 1
            time.sleep(0.002 if sum(got.values()) < 300 else 0.0)
        elif getattr(message, "kind", "") == "feed":
            last[str(message.rows["feed"][0])] = int(message.rows["n_shed"][0])
    assert most <= max(MAX_SCANS, MAX_PLOTS // 20) + 1
    assert got[5] == 20
    assert last["calm"] == 0
    assert last["flood"] > 0
    assert got[n_plots] * n_plots + last["flood"] == flood.n_scans * n_plots  # not one that is not counted
