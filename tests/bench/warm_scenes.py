"""Which kernels are compiled or loaded after warming up, in scenes busier than the one that warms: nothing should be.

python tests/bench/warm_scenes.py [2d]: the radar's traffic of the live bench, then a salvo with more traffic; prints
what warming took, and one line for each step that had to load a kernel. Exit code 1 if one had to.
"""

import math
import pathlib
import sys
import tempfile
import time
from collections import Counter

import numpy as np
from asterix_sender import Radar
from live_station import write_site
from numba.core.dispatcher import Dispatcher

from casemate.constants import NS_PER_S
from casemate.model.messages import Scan, Tick
from casemate.model.records import PLOT, freeze, missing
from casemate.pipeline import Pipeline
from casemate.runner import plan_of
from casemate.runner.warm import warm

T0_NS = 1_790_000_000 * NS_PER_S
N_SECTORS = 32


def signatures():
    """Return how many signatures of each kernel are ready to run."""
    rooms = [room for name, room in sys.modules.items() if name.startswith("casemate.kernels.")]
    kernels = {each for room in rooms for each in vars(room).values() if isinstance(each, Dispatcher)}
    return Counter({f"{each.py_func.__module__}.{each.py_func.__name__}": len(each.overloads) for each in kernels})


def traffic(n_things, for_s, seed):
    """Yield (time [s], level range [m], azimuth [rad], height [m]) of the live bench's things, once a turn."""
    sender = Radar(("", 0), n_things=n_things, seed=seed)
    for turn in range(int(for_s)):
        for k in range(n_things):
            reach, az, up = sender.place(k, float(turn))
            yield turn + az / (2 * math.pi), math.sqrt(reach**2 - (up - 34.0) ** 2), az, up - 34.0


def salvo(n_rounds, for_s, interval_s=0.7):
    """Yield the same of rounds that leave one mouth 7 km away in turn."""
    for turn in range(int(for_s)):
        for i in range(n_rounds):
            t_s = turn - interval_s * i
            up = 200.0 * t_s - 4.9 * t_s**2
            if t_s > 0.0 and up > 0.0:
                az = 1.0 + 0.003 * math.sin(5.0 * i)
                yield turn + az / (2 * math.pi), abs(7000.0 - 150.0 * t_s), az, up


def scans(things, for_s, seed, *, has_elevation):
    """Yield sectors with noise of the site's own size, and a tick a second."""
    rng, rows, n = np.random.default_rng(seed), sorted(things), 0
    for k in range(int(for_s) * N_SECTORS):
        found = []
        while rows and rows[0][0] < (k + 1) / N_SECTORS:
            found.append(rows.pop(0))
        plots = missing(PLOT, len(found))
        for plot, (t_s, away, az, up) in zip(plots, found, strict=True):
            n += 1
            plot["plot_id"], plot["sensor_id"], plot["t_ns"] = n, 0, T0_NS + round(t_s * NS_PER_S)
            plot["range_m"] = math.hypot(away, up) + rng.normal(0.0, 15.0)
            plot["az_rad"] = (az + rng.normal(0.0, 0.003)) % (2 * math.pi)
            if has_elevation:
                plot["el_rad"] = math.atan2(up, away) + rng.normal(0.0, 0.003)
            else:
                plot["height_m"] = up + 34.0
        t_ns = [T0_NS + (k + i) * NS_PER_S // N_SECTORS for i in (0, 1)]
        arc = [2 * math.pi * ((k + i) % N_SECTORS) / N_SECTORS for i in (0, 1)]
        yield Scan(
            sensor_id=0,
            t_start_ns=t_ns[0],
            t_end_ns=t_ns[1],
            t_recv_ns=t_ns[1],
            az_from_rad=arc[0],
            az_to_rad=arc[1],
            plots=freeze(plots),
        )
        if (k + 1) % N_SECTORS == 0:
            yield Tick(t_ns=t_ns[1])


def main(*, has_elevation):
    with tempfile.TemporaryDirectory() as folder:
        path = write_site(pathlib.Path(folder))
        if has_elevation:
            path.write_text(path.read_text("utf-8") + "sigma_elevation_deg = 0.17\n", "utf-8")
        plan = plan_of(path)
    for what in ("warm", "warm again"):
        begin = time.monotonic()
        warm(plan, None)
        print(f"{what}: {time.monotonic() - begin:.2f} s")
    before, n_late = signatures(), 0
    for name, things, for_s in (
        ("traffic", traffic(40, 8.0, 1), 8.0),
        ("salvo", [*traffic(10, 12.0, 2), *salvo(8, 12.0)], 12.0),
    ):
        pipeline, most_s = Pipeline(plan), 0.0
        for i, message in enumerate(scans(things, for_s, 7, has_elevation=has_elevation)):
            begin = time.monotonic()
            pipeline.step(message)
            most_s = max(most_s, time.monotonic() - begin)
            late = signatures() - before
            if late:
                n_late += late.total()
                print(f"{name}, step {i}: {sorted(late)}")
                before += late
        print(f"{name}: longest step {1e3 * most_s:.0f} ms")
    print(f"late: {n_late}")
    return n_late


if __name__ == "__main__":
    sys.exit(1 if main(has_elevation="2d" not in sys.argv[1:]) else 0)
