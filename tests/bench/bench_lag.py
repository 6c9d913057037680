"""Benchmark what a declared lag costs: a scan in order, and a scan that comes late, at K rounds and L false plots.

    python tests/bench/bench_lag.py [--case K/L] [--lag S] [--seeds N]

Late: every fourth scan comes two scans later. Needs the folder `shared` beside the project.
"""

import argparse
import json
import time

import numpy as np
from bench_tracking import load, scans_of, site_of, tracker_of

from casemate.tracking.lag import LaggedTracker


def shuffled(scans, is_late):
    """Let every fourth scan come after the next two."""
    order = sorted(range(len(scans)), key=lambda k: k + (2.5 if is_late and k % 4 == 0 else 0.0))
    return [scans[k] for k in order]


def case(bench, convert, name, seed, lag_s, is_late):
    """Return CPU seconds of each scan, and whether it came late."""
    z = bench.gen(*(int(v) for v in name.split("/")), 1.0, seed)
    lagged = LaggedTracker(tracker_of(site_of(convert, json.loads(str(z["meta"])))), lag_s)
    cpu, late = [], []
    for scan in shuffled(scans_of(convert, z), is_late):
        late.append(scan.t_end_ns < lagged.t_ns)
        start = time.process_time()
        lagged.step(scan)
        cpu.append(time.process_time() - start)
    return np.array(cpu), np.array(late)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", default="100/100")
    parser.add_argument("--lag", type=float, default=2.0)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    bench, convert = load("stonesoup_bench"), load("convert")
    case(bench, convert, "5/10", 99, given.lag, is_late=True)  # compiles
    print(f"{'what':>28}{'n':>7}{'mean ms':>9}{'p50':>8}{'p99':>8}")
    for what, lag_s, is_late in (("lag 0", 0.0, False), ("in order", given.lag, False), ("late ones", given.lag, True)):
        found = [case(bench, convert, given.case, seed, lag_s, is_late) for seed in range(1, given.seeds + 1)]
        cpu, late = (np.concatenate(part) for part in zip(*found, strict=True))
        cpu = 1e3 * (cpu[late] if is_late else cpu)
        print(f"{what:>28}{len(cpu):7}{cpu.mean():9.2f}{np.median(cpu):8.2f}{np.percentile(cpu, 99):8.2f}", flush=True)


if __name__ == "__main__":
    main()
