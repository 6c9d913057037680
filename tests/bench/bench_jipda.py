"""Measure joint integrated probabilistic association (`jipda`) beside our tracker: the tables of decision 15.

    python tests/bench/bench_jipda.py                        everything, about an hour on one core
    python tests/bench/bench_jipda.py --part scenes --seeds 6 --cases salvo-0.5s-10-1hz

scenes: the peers' scenes, scored by their scorer beside their oracle. pairs: two rounds side by side, how far apart
their tracks are said to be, or crossing. marginals: belief propagation against exact enumeration. false: hours of
nothing but false plots. All but the marginals need the folder `shared` beside the project.
"""

import argparse
import math
import pathlib
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import radar_scenes
import tracking_accuracy as accuracy
import tracking_peers as peers
from jipda import Jipda, Tuning
from marginals import marginals_of
from radar_scenes import Radar, Rounds, Scene
from scipy.spatial import cKDTree
from tracking_report import grid, mean_pm, values

from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "twins"))
from naive_marginals import has_loop, try_all

CASES = ("spread-20-10-1hz", "spread-20-100-1hz", "spread-50-10-1hz")
CASES += ("salvo-0.5s-10-1hz", "salvo-0.5s-10-4hz", "salvo-0.3s-10-1hz")
TEXTBOOK = Tuning(part=1e-4, same_d2=0.0)
"""Every term of the mixture counts, and no tracks are joined."""
SPLITTING = Tuning(n_parts=8, part=1e-3)
PAIRS = ((25.0, 0.0), (50.0, 0.0), (100.0, 0.0), (200.0, 0.0), (300.0, 20.0), (150.0, 10.0))
"""Rounds side by side: how far apart [m], and how fast they close [m/s]."""
PARTS = ("scenes", "pairs", "marginals", "false")
Run = Callable[[Scene], accuracy.Tracked]


def ours(scene: Scene) -> accuracy.Tracked:
    """Track a scene with the product's tracker."""
    return accuracy.track(accuracy.tracker_of(peers.site_of(scene)), peers.scans_of(scene))


class ToldStarts(Jipda):
    """JIPDA that begins only where both plots are truly of one round: what is left is upkeep."""

    truth = np.zeros(0, np.int64)

    def _spots(self, scan):
        spots = super()._spots(scan)
        spots["label"] = self.truth[scan.plots["plot_id"].astype(np.int64) - 1] + 1
        return spots

    def _pair(self, spots, t_ns, rule):
        pairs, first, second = super()._pair(spots, t_ns, rule)
        label = self.spots["label"][first]
        is_true = (label > 0) & (label == spots["label"][second])
        pairs["label"] = label
        return pairs[is_true], first[is_true], second[is_true]


class ToldAll(ToldStarts):
    """A filter that is told which plot is whose, with the same starts: what no association can do better."""

    def _grow(self, spots, p_detection, rule):
        parent, plot, children = super()._grow(spots, p_detection, rule)
        is_true = self.parts["label"][parent] == spots["label"][plot]
        return parent[is_true], plot[is_true], children[is_true]


def jipda(tuning: Tuning, kind: type[Jipda] = Jipda, noise_q: float = 0.0) -> Run:
    """Return what tracks a scene by JIPDA; `noise_q` takes the place of ours where it is given [m2/s3]."""

    def run(scene: Scene) -> accuracy.Tracked:
        site, out, cpu_s = peers.site_of(scene), [], []
        frame = SiteFrame(site.site.lat_deg, site.site.lon_deg, site.site.height_m)
        environment = build_environment(site.environment, frame, drag_shape_of(site.tracking.drag_curve), None, None)
        tracker = kind(sensor_models(site.sensor, frame, is_flat=True), environment, tuning)
        if noise_q:
            tracker.noise = tracker.noise._replace(ballistic_q=noise_q)
        if isinstance(tracker, ToldStarts):
            tracker.truth = scene["plot_truth"]
        for k, scan in enumerate(peers.scans_of(scene)):
            start = time.process_time()
            picture = tracker.step(scan)
            cpu_s.append(time.process_time() - start)
            out.append((np.full(len(picture.ids), k), picture.ids, picture.state))
        scan, ids, state = (np.concatenate([o[i] for o in out]) for i in range(3))
        tracks = {"scan": scan, "id": ids, "pos": state[:, :3], "vel": state[:, 3:6], "s": 1e4 * np.exp(state[:, 6])}
        return accuracy.Tracked(tracks, np.array(cpu_s))

    return run


TRACKERS: dict[str, Run] = {
    "ours": ours,
    "JIPDA": jipda(Tuning()),
    "JIPDA, textbook": jipda(TEXTBOOK),
    "splitting, 8 parts": jipda(SPLITTING),
    "JIPDA, told starts": jipda(Tuning(), ToldStarts),
    "told all": jipda(TEXTBOOK, ToldAll),
    "textbook, q=25": jipda(TEXTBOOK, noise_q=25.0),
    "told all, q=25": jipda(TEXTBOOK, ToldAll, noise_q=25.0),
}


def scenes(names: Sequence[str], seeds: Iterable[int], trackers: Sequence[str]) -> None:
    """Print the table of scenes."""
    bench, seeds, table = peers.module_of("stonesoup_bench"), list(seeds), []
    for name in names:
        case = accuracy.ALL[name]
        table.append(line(case.title, "oracle", [told(case, seed) for seed in seeds], None))
        for tracker in trackers:
            rows, cpu_s = [], []
            for seed in seeds:
                scene = peers.scene_of(case, seed)
                tracked = TRACKERS[tracker](scene)
                close = n_close(tracked.tracks["scan"], tracked.tracks["pos"])
                rows.append({"it": bench.score(scene, tracked.tracks) | {"close": close}})
                cpu_s.append(tracked.cpu_s.mean())
            table.append(line(case.title, tracker, rows, 1e3 * np.array(cpu_s)))
            print("  ".join(table[-1]), file=sys.stderr, flush=True)
    head = ["scene", "tracker", "seeds", "GOSPA, m / worst", "missed, %", "switches", "false tracks"]
    print(grid([*head, "false a scan", "close pairs in 100 scans", "velocity, m/s", "CPU a scan, ms"], table))


def told(case: peers.Scenes, seed: int) -> dict:
    """Return what the oracle reaches, and how many pairs of rounds truly are close."""
    scene = peers.scene_of(case, seed)
    seen = scene["truth_vis"]
    return {"it": peers.oracle_of(case, seed) | {"close": n_close(scene["truth_scan"][seen], scene["truth_pos"][seen])}}


def n_close(scan: np.ndarray, place: np.ndarray, within_m: float = 40.0) -> float:
    """Return how many pairs are within a distance of each other, in a hundred scans."""
    found = [len(cKDTree(place[scan == k]).query_pairs(within_m)) for k in np.unique(scan)]
    return 100.0 * sum(found) / max(len(found), 1)


def line(title: str, who: str, rows: Sequence[dict], cpu_ms: np.ndarray | None) -> list[str]:
    """Format one row of the table of scenes."""
    gospa = values(rows, "it", "gospa")
    cells = [title, who, str(len(rows)), f"{mean_pm(gospa)} / {gospa.max():.0f}"]
    cells += [mean_pm(100.0 * values(rows, "it", "miss_frac"), 1), mean_pm(values(rows, "it", "id_switch"), 1)]
    cells += [mean_pm(values(rows, "it", key), d) for key, d in (("false_tracks", 1), ("false_per_scan", 2))]
    cells += [mean_pm(values(rows, "it", "close")), mean_pm(values(rows, "it", "vel_rmse"), 1)]
    return [*cells, "" if cpu_ms is None else mean_pm(cpu_ms, 1)]


def side_by_side(apart_m: float, closing_mps: float, seed: int) -> Scene:
    """Two rounds fired at once, alike, so far apart across the line of fire; 13 km before a radar at 1 Hz."""
    speed, elevation = 330.0, math.radians(50.0)
    forward, up = -speed * math.cos(elevation), speed * math.sin(elevation)
    sides = np.array([-0.5, 0.5])
    mouth = np.array([(1500.0 + w * apart_m, 13e3, 0.0, -w * closing_mps, forward, up) for w in sides])
    rounds = Rounds(np.full(2, 2.0), mouth, np.full(2, 1e4 / 6000.0))
    rng = np.random.default_rng([seed, round(apart_m), round(closing_mps)])
    return radar_scenes.scene(rounds, Radar(), rng, dur_s=40.0, seed=seed)


class Gap(NamedTuple):
    """What became of one pair of rounds, 10 to 36 s after they were fired."""

    n_scans: int
    ratios: np.ndarray  # of scans with two tracks near them: distance across the line of fire over the true one
    end: str  # kept, exchanged or lost


def gap(scene: Scene, tracked: accuracy.Tracked) -> Gap:
    """Measure how far apart two tracks are said to be, and whether each ends on the round that it began on."""
    tracks, ratios, ids, end = tracked.tracks, [], None, "lost"
    for k in range(12, 39):
        truth = scene["truth_pos"][scene["truth_scan"] == k]
        here = tracks["scan"] == k
        place, who = tracks["pos"][here], tracks["id"][here]
        near = np.linalg.norm(place[:, None] - truth[None], axis=2).min(1) < 300.0
        end = "lost"
        if near.sum() == 2:
            (west, east), (one, other) = truth[:, 0], place[near, 0]
            ratios.append(abs(one - other) / max(abs(west - east), 1e-9))
            order = who[near] if (one < other) == (west < east) else who[near][::-1]
            ids = order if ids is None else ids
            end = {(True, True): "kept", (False, False): "exchanged"}.get(tuple((order == ids).tolist()), "lost")
            if set(order) == set(ids) and (order != ids).any():
                end = "exchanged"
    return Gap(27, np.array(ratios), end)


def pairs(seeds: Iterable[int], trackers: Sequence[str]) -> None:
    """Print the tables of rounds side by side, and of rounds that cross."""
    seeds, beside, crossing = list(seeds), [], []
    for apart_m, closing_mps in PAIRS:
        made = [side_by_side(apart_m, closing_mps, seed) for seed in seeds]
        for tracker in trackers:
            gaps = [gap(scene, TRACKERS[tracker](scene)) for scene in made]
            two = np.array([100.0 * len(one.ratios) / one.n_scans for one in gaps])
            cells = [f"{apart_m:.0f} m", tracker, str(len(gaps)), mean_pm(two)]
            if closing_mps:
                cells[0] += f", {closing_mps:g} m/s"
                counts = [sum(one.end == end for one in gaps) for end in ("kept", "exchanged", "lost")]
                crossing.append([*cells, *(str(n) for n in counts)])
            else:
                means = np.array([one.ratios.mean() for one in gaps if len(one.ratios)])
                close = np.array([100.0 * (one.ratios < 0.5).mean() for one in gaps if len(one.ratios)])
                beside.append([*cells, mean_pm(means, 2), mean_pm(close)])
            print("  ".join((crossing if closing_mps else beside)[-1]), file=sys.stderr, flush=True)
    head = ["apart", "tracker", "runs", "two tracks, %"]
    print(grid([*head, "distance over the true one", "below half of it, %"], beside))
    print("\n" + grid([*head, "kept", "exchanged", "lost"], crossing))


def marginals(n_cases: int) -> None:
    """Print the error of belief propagation: random tables up to 4 by 4, odds from 0.01 to 1000."""
    table = []
    for share in (0.35, 0.7, 1.0):
        rng, found = np.random.default_rng(15), {False: [], True: []}
        for _ in range(n_cases):
            shape = rng.integers(1, 5, 2)
            psi = np.exp(rng.uniform(np.log(0.01), np.log(1000.0), shape)) * (rng.random(shape) < share)
            row, column = np.nonzero(psi)
            error = np.abs(marginals_of(row, column, psi[row, column], *psi.shape)[0] - try_all(psi)[row, column])
            found[has_loop(psi)].append(error.max(initial=0.0))
        for loop, errors in found.items():
            if errors:
                of = "a loop" if loop else "no loop"
                cells = [f"{share:g}", of, str(len(errors)), f"{np.mean(errors):.1e}", f"{np.median(errors):.1e}"]
                table.append([*cells, f"{np.max(errors):.1e}"])
    print(grid(["cells filled", "graph", "cases", "mean of the largest error", "median", "worst"], table))


def false_tracks(hours: float, seed: int, trackers: Sequence[str]) -> None:
    """Print how many tracks nothing but false plots make."""
    nothing, table = Rounds(np.zeros(0), np.zeros((0, 6)), np.zeros(0)), []
    for n_false in (10, 100):
        radar = Radar(false_plots=n_false, false_plots_told=n_false)
        rng = np.random.default_rng([seed, n_false])
        scene = radar_scenes.scene(nothing, radar, rng, dur_s=3600.0 * hours, seed=seed)
        for tracker in trackers:
            tracked = TRACKERS[tracker](scene)
            cells = [f"L={n_false}", tracker, f"{hours:g}", str(len(np.unique(tracked.tracks["id"])))]
            table.append([*cells, f"{1e3 * tracked.cpu_s.mean():.1f}"])
    print(grid(["false plots a scan", "tracker", "hours", "false tracks", "CPU a scan, ms"], table))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=101, help="first seed; 1 to 4 served tuning")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--part", choices=PARTS, nargs="*", default=PARTS)
    parser.add_argument("--cases", nargs="*", default=CASES)
    parser.add_argument("--trackers", choices=TRACKERS, nargs="*", default=list(TRACKERS))
    parser.add_argument("--hours", type=float, default=2.0, help="of nothing but false plots")
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    if "marginals" in given.part:
        marginals(200)
    if "pairs" in given.part:
        pairs(range(given.first, given.first + 2 * given.seeds), given.trackers)
    if "scenes" in given.part:
        for name in given.trackers:
            TRACKERS[name](side_by_side(150.0, 0.0, 1))  # compiles what is not compiled yet
        scenes(given.cases, seeds, given.trackers)
    if "false" in given.part:
        false_tracks(given.hours, given.first, given.trackers)


if __name__ == "__main__":
    main()
