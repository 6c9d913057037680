"""A small raid on a live feed: bombs without drag that fall into a zone, as a staring radar sends them in CAT015."""

import math
import socket
import threading
import time

import numpy as np
from hill import PLACE, ZONE

from casemate.io.feeds.asterix.encoder import block, cat015
from casemate.io.feeds.asterix.records import PlotItem

PERIOD_S = 0.25
SITE = f"""{PLACE}[[sensor]]
name = "radar-1"
lat_deg = 43.0
lon_deg = 18.0
height_m = 300.0
scan_period_s = 0.25
sigma_range_m = 5.0
sigma_azimuth_deg = 0.1
sigma_elevation_deg = 0.1
sigma_range_rate_mps = 1.0
false_plots_per_scan = 0.5
range_m = [100.0, 20000.0]
elevation_deg = [0.2, 80.0]
antenna = "staring"
sac = 25
sic = 10

{ZONE}
[[zone]]
name = "Valley"
polygon_deg = [[42.985, 18.12], [43.015, 18.12], [43.015, 18.16], [42.985, 18.16]]
"""
POS_M, VEL_MPS = np.array([3300.0, 100.0, 50.0]), np.array([-130.0, 0.0, 125.0])


class Raid:
    """One bomb that takes 26 s to the middle of the zone, sent in a thread of its own from `begin` to `end`."""

    def __init__(self, port, *, is_drill=False, seed=1):
        self._address, self._is_drill, self._rng = ("127.0.0.1", port), is_drill, np.random.default_rng(seed)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        sock, begin_s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), time.time()
        for k in range(1, 120):
            t_s = k * PERIOD_S
            if self._is_over.wait(max(0.0, begin_s + t_s - time.time())):
                break
            sock.sendto(self.datagram(begin_s + t_s, t_s), self._address)
        sock.close()

    def datagram(self, t_utc_s, t_s):
        """What the radar sends of the bomb `t_s` after its start."""
        pos = POS_M + VEL_MPS * t_s - np.array([0.0, 0.0, 4.903 * t_s**2])
        vel = VEL_MPS - np.array([0.0, 0.0, 9.806 * t_s])
        reach_m = float(np.linalg.norm(pos))
        noise = self._rng.normal(size=4)
        plot = PlotItem(
            range_m=reach_m + 5.0 * noise[0],
            az_rad=math.atan2(pos[0], pos[1]) + math.radians(0.1) * noise[1],
            el_rad=math.asin(pos[2] / reach_m) + math.radians(0.1) * noise[2],
            range_rate_mps=float(pos @ vel) / reach_m + noise[3],
            sigma_range_m=5.0,
            sigma_az_rad=math.radians(0.1),
            sigma_el_rad=math.radians(0.1),
            sigma_range_rate_mps=1.0,
            snr_db=20.0,
            label="",
        )
        return block(15, [cat015(plot, 25 * 256 + 10, round(t_utc_s * 1e9), self._is_drill)])
