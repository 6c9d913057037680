"""What a range rate gives a tracker: error against the Cramer-Rao bound, delay; missing, and of the wrong sign.

    python tests/bench/bench_range_rate.py [--seeds N] [--first SEED] [--hz HZ] [--cases K/L ...] [--no-bound]

The scenarios, the scorer and the bound are those of the peers' bench (2 m/s of range rate); needs the folder `shared`
beside the project. RMSE counts tracks from 5 s after the first look on, as the bound does.
"""

import argparse
import json
import math

import bench_tracking
import msgspec
import numpy as np

from casemate.model.messages import Scan
from casemate.model.records import freeze

SIGMA_MPS = 2.0


def with_rates(scans, z, share, sign, rng):
    """Write range rates into a share of the plots."""
    out = []
    for scan in scans:
        plots = scan.plots.copy()
        rate = sign * z["plot_rr"][plots["plot_id"].astype(int) - 1]
        has_rate = rng.random(len(plots)) < share
        plots["range_rate_mps"] = np.where(has_rate, rate, math.nan)
        plots["sigma_range_rate_mps"] = np.where(has_rate, SIGMA_MPS, math.nan)
        out.append(msgspec.structs.replace(scan, plots=freeze(plots)))
    return out


def track(bench, convert, z, share, sign=1.0) -> dict[str, float]:
    """Score the tracker over one scenario in which a share of the plots has a range rate."""
    meta = json.loads(str(z["meta"]))
    scans: list[Scan] = with_rates(bench_tracking.scans_of(convert, z), z, share, sign, np.random.default_rng(1))
    tracks, cpu = bench_tracking.run(bench_tracking.tracker_of(bench_tracking.site_of(convert, meta)), scans)
    return bench.score(z, tracks) | {"cpu_ms": 1e3 * float(cpu.mean())}


WAYS = (("none", 0.0, 1.0), ("half", 0.5, 1.0), ("all", 1.0, 1.0), ("wrong sign", 1.0, -1.0))
KEYS = ("pos_rmse", "vel_rmse", "gospa", "confirm_delay_s", "miss_frac", "false_tracks", "ipp_med_20s", "cpu_ms")


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--hz", type=float, default=1.0)
    parser.add_argument("--cases", nargs="*", default=["20/10", "20/100"])
    parser.add_argument("--no-bound", action="store_true")
    given = parser.parse_args()
    bench, convert = bench_tracking.load("stonesoup_bench"), bench_tracking.load("convert")
    for name in given.cases:
        rounds, false = (int(v) for v in name.split("/"))
        worlds = [bench.gen(rounds, false, given.hz, given.first + i) for i in range(given.seeds)]
        for way, share, sign in WAYS:
            rows = [track(bench, convert, z, share, sign) for z in worlds]
            cells = [
                f"{key} {np.mean([math.nan if row.get(key) is None else row[key] for row in rows]):.3f}" for key in KEYS
            ]
            print(f"{name} {given.hz:g} Hz, range rate {way}: {'  '.join(cells)}", flush=True)
        if not given.no_bound:
            for has_rate in (False, True):
                bounds = [bench.bound(z, has_rate) for z in worlds]
                cells = [f"{key} {np.mean([b[key] for b in bounds]):.3f}" for key in ("pcrlb_pos_rms", "pcrlb_vel_rms")]
                print(f"{name} {given.hz:g} Hz, bound, range rate {has_rate}: {'  '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
