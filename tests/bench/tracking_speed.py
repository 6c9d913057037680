"""What a scan costs: CPU of one process on warm kernels, nothing else running; beside Stone Soup where it is there.

The times are of `Tracker.update` alone, in processor time of the one process: reading and writing are not in them.
"""

import math
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import radar_scenes
import salvo_cases
import tracking_peers as peers
from radar_scenes import Radar, Scene
from scipy.stats import t as student
from tracking_accuracy import track, tracker_of
from tracking_peers import Scenes, peers_salvo, spread

from casemate.model.messages import Scan

SECTOR = Radar(hz=4.0)
"""The peers' coverage: 120 degrees, 25 km. Ten thousand rounds in it are ten to a cubic kilometre."""
ALL_ROUND = Radar(hz=4.0, range_m=(500.0, 50e3), half_width_rad=math.pi)
"""All round to 50 km: 24 times the volume, for as many false plots."""
CROWD_SIZES = (100, 300, 1000, 3000, 10_000)
CROWD_S = 28.0
"""A crowd is flown for so long; its rounds rise within 20 s, and the scans from then on are timed [s]."""


def crowd(radar: Radar, rounds: int, false: int) -> Scenes:
    """Rounds of a spread raid, as many as wanted, in a sector or all round."""
    radar = radar._replace(false_plots=false, false_plots_told=false)
    where = "all-round" if radar.half_width_rad >= math.pi else "sector"

    def make(seed: int) -> Scene:
        raid = salvo_cases.spread_raid(rounds, np.random.default_rng([seed, rounds]), radar=radar)
        told = {"half_width_rad": radar.half_width_rad, "range_m": radar.range_m}
        rng = np.random.default_rng([seed, rounds, false])
        return radar_scenes.scene(raid, radar, rng, dur_s=CROWD_S, seed=seed, **told)

    return Scenes(f"crowd-{where}-{rounds}-{false}", f"{rounds} rounds, {false} false plots, {where}", make)


def ready(scene: Scene) -> tuple[Callable[[], Any], list[Scan]]:
    """Return how to make a tracker for a scene, and its scans."""
    site, meta = peers.site_of(scene), peers.meta_of(scene)
    if "half_width_rad" in meta:
        arc = None if meta["half_width_rad"] >= math.pi else site.sensor[0].azimuth_deg
        radar = msgspec.structs.replace(site.sensor[0], range_m=tuple(meta["range_m"]), azimuth_deg=arc)
        site = msgspec.structs.replace(site, sensor=(radar,))
    return lambda: tracker_of(site), peers.scans_of(scene)


def cpu_ms(case: Scenes, seed: int, passes: int = 1) -> np.ndarray:
    """Return the CPU of each scan [ms], (passes, scans); a tracker of its own for each pass."""
    make, scans = ready(peers.scene_of(case, seed))
    return np.array([1e3 * track(make(), scans).cpu_s for _ in range(passes)])


def warm_up() -> None:
    """Compile everything, outside what is timed."""
    for case in (spread(5, 10, 1.0), peers_salvo(0.5, 1.0)):
        cpu_ms(case, 99)


def typical(case: Scenes, seeds: Sequence[int], passes: int) -> dict[str, Any]:
    """Mean and largest scan, each scan the best of its passes: what the work costs, without what disturbed it."""
    best = np.concatenate([cpu_ms(case, seed, passes).min(0) for seed in seeds])
    return {"mean_ms": float(best.mean()), "peak_ms": float(best.max()), "scans": len(best), "passes": passes}


def tail(case: Scenes, seeds: Sequence[int]) -> dict[str, Any]:
    """Percentiles over single passes: what a user meets, disturbances and all."""
    all_ms = np.concatenate([cpu_ms(case, seed)[0] for seed in seeds])
    at = {f"p{10 * p:.0f}_ms": float(np.percentile(all_ms, p)) for p in (50.0, 99.0, 99.9)}
    return at | {"mean_ms": float(all_ms.mean()), "scans": len(all_ms)}


def crowded(case: Scenes, seed: int, cap_s: float) -> dict[str, Any]:
    """CPU of a scan of a crowd once all its rounds have risen; stops, and says so, when it would take too long."""
    scene = peers.scene_of(case, seed)
    make, scans = ready(scene)
    tracker, ms, start = make(), [], time.process_time()
    late = round(20.0 * peers.meta_of(scene)["hz"])
    for scan in scans:
        before = time.process_time()
        step = tracker.update(scan)
        ms.append(1e3 * (time.process_time() - before))
        if time.process_time() - start > cap_s:
            break
    up = np.bincount(scene["truth_scan"][scene["truth_vis"]], minlength=len(scans))
    if len(ms) <= late:
        return {"stopped_at_scan": len(ms), "mean_ms": float(ms[-1]), "rounds_up": int(up[len(ms) - 1]), "scans": 1}
    kept = np.array(ms[late:])
    found = {"mean_ms": float(kept.mean()), "p99_ms": float(np.percentile(kept, 99.0)), "scans": len(kept)}
    return found | {"rounds_up": int(up[late : len(ms)].mean()), "firm": step.diagnostics["tracks_firm"]}


def exponent(sizes: Sequence[float], ms: Sequence[float]) -> dict[str, float]:
    """Fit ms = a size^b by least squares of the logarithms; returns b and its 95 % interval."""
    x, y = np.log(sizes), np.log(ms)
    slope, at_zero = np.polyfit(x, y, 1)
    rest = y - slope * x - at_zero
    sigma = math.sqrt(float(rest @ rest) / (len(x) - 2) / float(((x - x.mean()) ** 2).sum()))
    half = float(student.ppf(0.975, len(x) - 2)) * sigma
    return {"exponent": float(slope), "low": float(slope) - half, "high": float(slope) + half, "n": len(x)}


PEER_CASES = [spread(20, 10, 1.0), spread(50, 10, 1.0), spread(100, 10, 1.0), spread(20, 100, 1.0)]
PEER_CASES += [spread(100, 100, 1.0), peers_salvo(0.5, 1.0), peers_salvo(0.5, 4.0)]


def beside_stone_soup(python: pathlib.Path, case: Scenes, seed: int) -> dict[str, Any]:
    """Time one scene with both, one after the other, on the same machine in the same minutes."""
    ours = float(cpu_ms(case, seed, 3).min(0).mean())
    theirs = peers.stone_soup(python, case, seed)
    keys = ("gospa", "miss_frac", "id_switch", "false_per_scan", "ipp_med_20s", "ipp_med_10s", "pos_rmse", "vel_rmse")
    row = {"seed": seed, "ours_ms": ours, "theirs_ms": 1e3 * theirs["cpu_per_scan"], "tracker": theirs["tracker"]}
    return row | {key: theirs.get(key) for key in keys}
