"""Offsets of two radars against their Cramer-Rao bound, and fused tracks against those of radars without offsets.

    python tests/bench/bench_registration.py [--seeds 100] [--whole 6]

Prints the tables of docs/benchmarks.md. Association is given in the first, the whole tracker's own in the others.
"""

import argparse
import math
import time

import numpy as np
from registration_cases import (
    CASES,
    ENVIRONMENT,
    NONE,
    T0_NS,
    TWO,
    bound,
    drawn,
    estimated,
    radars_of,
    scans_of,
    sensors_of,
)

from casemate.constants import NS_PER_S
from casemate.model.records import TrackStatus
from casemate.tracking.lag import LaggedTracker
from casemate.tracking.registration import Registration
from casemate.tracking.tracker import Tracker

DIFFERENCE = np.hstack([-np.eye(4), np.eye(4)])
UNITS = np.array([1.0, 1e3, 1e3, 1e3])


def against_bound(case, n_seeds):
    """Return root mean squares (4,) of differences between the radars, of their bound, their ratio and its interval."""
    errors, least = [], []
    for seed in range(n_seeds):
        flights = drawn(case, seed)
        bias, _ = estimated(flights, TWO, seed)
        errors.append(DIFFERENCE @ (bias - TWO.reshape(-1)))
        least.append(np.diag(DIFFERENCE @ bound(flights) @ DIFFERENCE.T))
    squares = np.array(errors) ** 2 / np.array(least)
    again = np.random.default_rng(0).integers(0, n_seeds, (2000, n_seeds))
    band = np.percentile(np.sqrt(squares[again].mean(1)), (2.5, 97.5), axis=0)
    return np.sqrt(np.mean(np.square(errors), 0)), np.sqrt(np.mean(least, 0)), np.sqrt(squares.mean(0)), band


def fused(case, seed, biases, registered):
    """Return squared position errors after 60 s [m2], processor time [s], and what was applied."""
    flights = drawn(case, seed, span_s=90.0)
    scans = scans_of(np.random.default_rng([seed, 3]), case, flights.at, flights.looks, 90.0, biases)
    sensors = sensors_of(case)
    registration = Registration(radars_of(case), sensors) if registered else None
    lagged = LaggedTracker(Tracker(sensors, ENVIRONMENT), 0.0, registration)
    errors, cpu_s = [], 0.0
    for scan in scans:
        begin = time.process_time()
        tracks = lagged.step(scan).tracks
        cpu_s += time.process_time() - begin
        for row in tracks[(tracks["status"] == TrackStatus.CONFIRMED) & (scan.t_end_ns > T0_NS + 60 * NS_PER_S)]:
            t_s = (int(row["t_ns"]) - T0_NS) / NS_PER_S
            off = [np.sum((flights.at(i, t_s)[0] - row["state"][:3]) ** 2) for i in range(len(flights.pos))]
            errors.append(min(off))
    kept = [square for square in errors if square < 1500.0**2]
    return kept, cpu_s, () if registration is None else tuple(each.applied for each in registration.report)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--whole", type=int, default=6)
    chosen = parser.parse_args()
    print(f"| {chosen.seeds} seeds | RMSE range [m], az, el [mrad], time [ms] | bound | over bound (95 %) |")
    for case in CASES if chosen.seeds else ():
        rmse, least, ratio, band = against_bound(case, chosen.seeds)
        over = ", ".join(f"{r:.2f} ({a:.2f} to {b:.2f})" for r, a, b in zip(ratio, *band, strict=True))
        shown = (", ".join(f"{x:.2f}" for x in each * UNITS) for each in (rmse, least))
        print(f"| {case.name} | {' | '.join(shown)} | {over} |", flush=True)
    titles = "RMSE [m]: no offsets | registered | ratio | offsets, not | CPU [s] off, on | falsely applied"
    print(f"| {chosen.whole} seeds | {titles} |")
    for case in CASES if chosen.whole else ():
        runs = {"clean": (NONE, False), "registered": (TWO, True), "off": (TWO, False), "idle": (NONE, True)}
        out = {name: [fused(case, seed, *how) for seed in range(chosen.whole)] for name, how in runs.items()}
        rmse = {name: math.sqrt(np.mean(np.concatenate([run[0] for run in each]))) for name, each in out.items()}
        cpu = [sum(run[1] for run in out[name]) / chosen.whole for name in ("clean", "idle")]
        false = sum(any(run[2]) for run in out["idle"])
        ratio = rmse["registered"] / rmse["clean"]
        figures = f"{rmse['clean']:.1f} | {rmse['registered']:.1f} | {ratio:.2f} | {rmse['off']:.1f}"
        print(f"| {case.name} | {figures} | {cpu[0]:.2f}, {cpu[1]:.2f} | {false} of {chosen.whole} |", flush=True)


if __name__ == "__main__":
    main()
