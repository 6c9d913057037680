"""What judging and warning cost in a step: threat and warning stages over many tracks and zones.

python tests/bench/bench_stages.py [journal FILE]: medians of 3 to 7 raids; with `journal` what was said goes to FILE,
to compare two versions by.
"""

import os
import pathlib
import sys
import time

import msgspec
import numpy as np

from casemate.assess.threat import Settings, ThreatStage
from casemate.assess.warning import WarningStage
from casemate.constants import NS_PER_S
from casemate.io.settings import read_rounds
from casemate.model.catalog import DefendedAsset, WarningSettings, WarningZone
from casemate.model.records import IMPACT, TRACK, TRACK_CLASS, Motion, TrackStatus
from casemate.physics.geodesy import SiteFrame

FRAME = SiteFrame(33.3, 44.39, 34.0)
ROUNDS = read_rounds()
STEP_S = 0.25


def zones_of(n, side_m, gap_m):
    """Return squares in rows."""
    across = round(n**0.5)
    zones = []
    for i in range(n):
        e_m, n_m = (i % across - across / 2) * gap_m, (i // across - across / 2) * gap_m
        ring = [(e_m, n_m), (e_m + side_m, n_m), (e_m + side_m, n_m + side_m), (e_m, n_m + side_m)]
        places = FRAME.enu_to_geodetic(np.array([(*each, 0.0) for each in ring]))
        zones.append(WarningZone(name=f"Z{i}", polygon_deg=tuple((lat, lon) for lat, lon, _ in places.tolist())))
    return zones


def raid(rng, n_tracks, spread_m, sigma_m):
    """Return tracks, classes and impacts of one raid, 20 to 40 s before they come down."""
    tracks, classes, impacts = np.zeros(n_tracks, TRACK), np.zeros(n_tracks, TRACK_CLASS), np.zeros(n_tracks, IMPACT)
    for table in (tracks, classes, impacts):
        table["track_id"] = np.arange(1, n_tracks + 1)
    tracks["status"], tracks["motion"], tracks["n_hit"] = TrackStatus.CONFIRMED, Motion.BALLISTIC, 6
    tracks["p_exists"] = classes["p_round"] = 1.0
    classes["i_class"] = rng.integers(0, len(ROUNDS), n_tracks)
    impacts["t_impact_ns"] = (rng.uniform(20.0, 40.0, n_tracks) * NS_PER_S).astype(np.int64)
    impacts["sigma_t_s"] = 0.3
    impacts["point_m"] = rng.uniform(-spread_m, spread_m, (n_tracks, 2))
    turns = rng.uniform(0.0, np.pi, n_tracks)
    axes = np.stack([np.cos(turns), np.sin(turns), -np.sin(turns), np.cos(turns)], axis=1).reshape(-1, 2, 2)
    squares = np.diag([sigma_m**2, (sigma_m / 3.0) ** 2])
    impacts["cov_m2"] = axes.transpose(0, 2, 1) @ squares @ axes
    return tracks, classes, impacts


def play(zones, assets, tables, rng):
    """Return the times of threat and warning stage [ms] of the first step and of eight more, and what was said."""
    threats = ThreatStage(zones, assets, ROUNDS, FRAME, Settings())
    warnings = WarningStage(zones, tuple(each.name for each in ROUNDS), STEP_S, WarningSettings())
    tracks, classes, impacts = (each.copy() for each in tables)
    spent, said = [], []
    for k in range(9):
        t_ns = round(k * STEP_S * NS_PER_S)
        tracks["t_ns"] = impacts["t_ns"] = t_ns
        impacts["point_m"] += rng.normal(0.0, 20.0, impacts["point_m"].shape)
        start_s = time.perf_counter()
        judged = threats.step(t_ns, tracks, classes, impacts)
        between_s = time.perf_counter()
        told = warnings.step(t_ns, judged.risks, judged.standing)
        spent.append(((between_s - start_s) * 1e3, (time.perf_counter() - between_s) * 1e3))
        said.append((judged.threats, judged.risks.tobytes(), told))
    return spent, said


SCENES = {  # zones, side and distance [m]; tracks, spread and sigma [m]; raids
    "500 tracks, 7 zones": (7, 800.0, 1000.0, 500, 1500.0, 300.0, 7),
    "60 tracks, 7 zones": (7, 800.0, 1000.0, 60, 1500.0, 300.0, 7),
    "1,400 tracks, 1,400 zones": (1400, 250.0, 300.0, 1400, 5600.0, 80.0, 3),
}


def main(journal):
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| scene | warned at once | threat, all fresh ms | warning, all told ms | threat, later | warning, later |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    kept = []
    for name, (n_zones, side_m, gap_m, n_tracks, spread_m, sigma_m, n) in SCENES.items():
        zones = zones_of(n_zones, side_m, gap_m)
        assets = [DefendedAsset(name=f"A{i}", polygon_deg=each.polygon_deg) for i, each in enumerate(zones[:3])]
        spent = []
        for seed in range(n):
            rng = np.random.default_rng(seed)
            times, said = play(zones, assets, raid(rng, n_tracks, spread_m, sigma_m), rng)
            spent.append(times)
            kept.append(said)
        at_once = np.median(np.array(spent)[:, 0], axis=0)
        later = np.median(np.array(spent)[:, 1:].reshape(-1, 2), axis=0)
        row = f"{len(said[0][2])} | {at_once[0]:.1f} | {at_once[1]:.1f} | {later[0]:.1f} | {later[1]:.1f}"
        print(f"| {name} | {row} |", flush=True)
    if journal:
        pathlib.Path(journal).write_bytes(msgspec.msgpack.encode(kept))


if __name__ == "__main__":
    main(sys.argv[2] if sys.argv[1:2] == ["journal"] else "")
