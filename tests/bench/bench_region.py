"""How long an alarm takes from a station's decision to the page of its region, through a real nats-server.

Two stations, each a process of its own with a picture of N tracks a second, tell alarms in turn; from the time that a
warning was issued to the frame that is handed to a connected page, by the one clock of this machine. A line each load.
"""

import argparse
import json
import multiprocessing
import pathlib
import tempfile
import time

import numpy as np
from nats_servers import NatsServer
from region_cases import PHASES, Station, Watcher

from casemate.io.web.hub import Client

SITES = {"hill": "site-alpha", "valley": "site-bravo"}


class Ear:
    """A connection that always has room, and notes how old alarms are when they come."""

    def __init__(self):
        self.took_ms = []

    def has_room(self):
        return True

    def write(self, raw):
        t_ns = time.time_ns()
        if b'"kind":"alarm"' in raw:
            self.took_ms.append((t_ns - json.loads(raw[raw.index(b"{") :])["t_sent_ns"]) / 1e6)

    def abort(self):
        pass


def play(folder, url, name, n_tracks, n_alarms, every_s):
    """Be a station."""
    station = Station(folder / name, url, name, SITES[name], picture_s=1.0)
    station.see(n_tracks)
    time.sleep(2.0)
    for i in range(n_alarms):
        round_, step = divmod(i, len(PHASES))
        station.see(0 if i % 20 else n_tracks, [station.warn(0, PHASES[step], round_ + 1)])
        time.sleep(every_s)
    station.finish()


def measure(n_tracks, n_alarms, every_s):
    """Print how long alarms took."""
    with tempfile.TemporaryDirectory() as name, NatsServer(name) as server, Watcher(server.url) as watcher:
        watcher.reader.is_caught_up.wait(5.0)
        ear, context = Ear(), multiprocessing.get_context("spawn")
        watcher.page.hub.clients.add(Client(ear))
        told = [(pathlib.Path(name), server.url, each, n_tracks, n_alarms // 2, 2 * every_s) for each in SITES]
        stations = [context.Process(target=play, args=each) for each in told]
        for each in stations:
            each.start()
        for each in stations:
            each.join()
        time.sleep(0.5)
    p50, p99, most = np.percentile(ear.took_ms, (50, 99, 100))
    n = f"{len(ear.took_ms)} of {n_alarms} alarms"
    print(f"{n_tracks} tracks each: {n}, p50 {p50:.1f}, p99 {p99:.1f}, most {most:.1f} ms", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alarms", type=int, default=1000)
    parser.add_argument("--every", type=float, default=0.05, help="seconds between two alarms")
    asked = parser.parse_args()
    for n in (10, 500):
        measure(n, asked.alarms, asked.every)
