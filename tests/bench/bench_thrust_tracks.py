"""What the tracker makes of rockets that burn in view, among false plots.

    python tests/bench/bench_thrust_tracks.py KIND RANGE_KM RATE_HZ [--seeds SEED ...] [--rounds N] [--false L]

KIND and truth as in bench_thrust; a scene has N rounds, 4 s apart, each from a place of its own at that range, and L
false plots a scan, even in volume; the tracker is told all but the rounds. Prints how many rounds have a firm track,
with how many ids, and rows of firm tracks that are no round's; of firm tracks at the first row and so long after the
first plot: miss of the predicted impact (median, 90 %), share inside the ellipse of 90 %, NEES (6 where honest). No
warm-up is taken off the processor time: run twice. Decision 14 has the table.
"""

import argparse
import math
import time

import numpy as np
from bench_thrust import ENV, FRAME, SENSOR, fly, project_many

from casemate.model.catalog import RadarSite
from casemate.model.messages import Scan
from casemate.model.records import PLOT, TrackStatus, freeze, missing
from casemate.physics.ballistics import predict_impacts
from casemate.physics.radar import sensor_models
from casemate.tracking.tracker import Tracker

T0_NS = 1_767_225_600_000_000_000
MARKS_S = (2.0, 4.0, 6.0, 10.0)
NEAR_M = 500.0  # a track this near a round is its
SIGMAS = np.array([15.0, 3e-3, 3e-3])


def radar(rate_hz, false):
    site = RadarSite(
        name="radar", lat_deg=33.3, lon_deg=44.39, height_m=44.0, scan_period_s=1.0 / rate_hz, sigma_range_m=15.0,
        sigma_azimuth_deg=math.degrees(3e-3), sigma_elevation_deg=math.degrees(3e-3), p_detection=0.9,
        false_plots_per_scan=float(false), range_m=(500.0, 25e3), elevation_deg=(0.5, 60.0),
    )  # fmt: skip
    return sensor_models((site,), FRAME)


def scene(kind, range_m, rate_hz, n_rounds, n_false, rng):
    """Flights, when each begins, and of each scan the plots (m, 3) and whose they are (-1: false)."""
    paths = [fly(kind, range_m, rng) for _ in range(n_rounds)]
    starts = 2.0 + 4.0 * np.arange(n_rounds) + rng.uniform(0.0, 1.0, n_rounds)
    end_s = max(s + p.t_s[-1] for s, (p, _) in zip(starts, paths, strict=True))
    scans = []
    for t in np.arange(0.0, end_s, 1.0 / rate_hz):
        reach = np.cbrt(rng.uniform(500.0**3, 25e3**3, n_false))
        el = np.arcsin(rng.uniform(math.sin(math.radians(0.5)), math.sin(math.radians(60.0)), n_false))
        z, whose = [np.column_stack((reach, rng.uniform(0.0, 2.0 * math.pi, n_false), el))], [-1] * n_false
        for i, (path, _) in enumerate(paths):
            if path.t_s[0] < t - starts[i] < path.t_s[-1]:
                x, found = np.zeros((1, 7)), np.empty((1, 5))
                x[0, :3] = [np.interp(t - starts[i], path.t_s, path.pos_m[:, k]) for k in range(3)]
                project_many(x, SENSOR, ENV, found)
                if 0.5 < math.degrees(found[0, 2]) < 60.0 and 500.0 < found[0, 0] < 25e3 and rng.random() < 0.9:
                    z.append(found[:, :3] + SIGMAS * rng.normal(size=3))
                    whose.append(i)
        scans.append((t, np.concatenate(z), np.array(whose)))
    return paths, starts, scans


def scan_of(t, z, rng):
    order = rng.permutation(len(z))
    t_ns = T0_NS + round(t * 1e9)
    plots = missing(PLOT, len(z))
    plots["plot_id"], plots["t_ns"], plots["sensor_id"] = order + 1, t_ns, 0
    plots["range_m"], plots["az_rad"], plots["el_rad"] = z[order, 0], z[order, 1] % (2.0 * math.pi), z[order, 2]
    times = {"t_start_ns": t_ns, "t_end_ns": t_ns, "t_recv_ns": t_ns}
    return Scan(sensor_id=0, **times, az_from_rad=0.0, az_to_rad=0.0, plots=freeze(plots))


def figures(row, truth, fell_m):
    """NEES of position and velocity, miss of the predicted impact [m] and its squared distance."""
    e, p = row["state"][:6] - truth, row["cov"].copy()
    nees = e @ np.linalg.solve(p[:6, :6], e)
    p[6, 6] += 0.01  # drag curve, 10 %
    found = predict_impacts(row["state"][None].copy(), p[None], ENV)
    miss = found.point_m[0] - fell_m
    if not np.isfinite(miss).all():
        return nees, math.inf, math.inf
    return nees, np.linalg.norm(miss), miss @ np.linalg.solve(found.cov_m2[0], miss)


class Score:
    """What is counted over scenes; `rows` by mark, 0 the first row of a track."""

    def __init__(self):
        self.rows, self.n_rounds, self.ids, self.n_stray, self.delays_s, self.cpu_s = {}, 0, {}, 0, [], []

    def add(self, i, row, truth, fell_m, since_s, turn_s):
        """A firm track of round i, so long after its first plot; each mark counts once."""
        is_new = i not in self.ids
        self.ids.setdefault(i, set()).add(int(row["track_id"]))
        marks = [m for m in MARKS_S if -1e-6 < since_s - m < turn_s - 1e-6]
        for mark in [0.0, *marks] if is_new else marks:
            self.rows.setdefault(mark, []).append(figures(row, truth, fell_m))
        if is_new:
            self.delays_s.append(since_s)


def watch(score, seed, sizes, kind, range_m, rate_hz):
    """Track one scene."""
    rng = np.random.default_rng([seed, int(range_m), 7])
    paths, starts, scans = scene(kind, range_m, rate_hz, *sizes, rng)
    tracker, first = Tracker(radar(rate_hz, sizes[1]), ENV), {}
    for t, z, whose in scans:
        scan = scan_of(t, z, rng)
        begin = time.process_time()
        step = tracker.update(scan)
        score.cpu_s.append(time.process_time() - begin)
        for i in whose[whose >= 0].tolist():
            first.setdefault(i, t)
        tracks = step.tracks[np.isin(step.tracks["status"], [TrackStatus.CONFIRMED, TrackStatus.COASTING])]
        is_stray = np.ones(len(tracks), bool)
        for i, seen_s in first.items():
            path, since_s = paths[i][0], t - starts[i]
            if since_s > path.t_s[-1]:
                continue
            truth = np.array([np.interp(since_s, path.t_s, each) for each in (*path.pos_m.T, *path.vel_mps.T)])
            far_m = np.linalg.norm(tracks["state"][:, :3] - truth[:3], axis=1)
            is_stray &= far_m > NEAR_M
            if len(far_m) and far_m.min() < NEAR_M:
                row = tracks[np.argmin(far_m)]
                score.add((seed, i), row, truth, path.pos_m[-1, :2], t - seen_s, 1.0 / rate_hz)
        score.n_stray += int(is_stray.sum())
    score.n_rounds += len(paths)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind")
    parser.add_argument("range_km", type=float)
    parser.add_argument("rate_hz", type=float)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--false", type=int, default=10)
    a = parser.parse_args()
    score = Score()
    for seed in a.seeds:
        watch(score, seed, (a.rounds, a.false), a.kind, 1e3 * a.range_km, a.rate_hz)
    n_ids = sum(len(one) for one in score.ids.values())
    print(f"{a.kind} at {a.range_km:g} km, {a.rate_hz:g} Hz, {a.false} false: {score.n_rounds} rounds, ", end="")
    print(f"{len(score.ids)} tracked with {n_ids} ids, {score.n_stray} stray rows, ", end="")
    print(f"delay {np.mean(score.delays_s):.2f} s, {1e3 * np.mean(score.cpu_s):.2f} ms a step")
    for mark, values in sorted(score.rows.items()):
        nees, miss, d2 = np.array(values).T
        print(
            f"  {mark or 'first':>5} n {len(miss)} miss {np.median(miss):6.0f} {np.percentile(miss, 90):6.0f} m"
            f"  inside 90 %: {100 * (d2 < 4.605).mean():3.0f}  NEES {np.minimum(nees, 1e4).mean():7.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
