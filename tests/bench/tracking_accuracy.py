"""How well the tracker tracks: each case over seeds, scored by the peers' scorer beside its oracle and its bound."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import salvo_cases
import tracking_peers as peers
from tracking_peers import own_salvo, peers_salvo, spread

from casemate.model.catalog import SiteFile
from casemate.model.messages import Scan
from casemate.model.records import TrackStatus
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models
from casemate.tracking.tracker import Settings, Tracker

SPREAD = [spread(k, false, hz) for hz in (1.0, 4.0) for k in (20, 50) for false in (10, 100)]
SALVOS = [
    peers_salvo(0.5, 1.0),
    peers_salvo(0.5, 1.0, 100),
    peers_salvo(0.5, 4.0),
    *(peers_salvo(interval_s, 1.0) for interval_s in (0.3, 0.7, 1.0)),
]
UNTUNED = [own_salvo(name) for name in salvo_cases.CASES if not name.startswith("as-peers")]
KEYS = ("gospa", "miss_frac", "id_switch", "false_tracks", "false_per_scan", "confirm_delay_s", "never_tracked")
KEYS += ("pos_rmse", "vel_rmse", "ipp_med_20s", "ipp_med_10s")
ALL = {case.name: case for case in (*SPREAD, *SALVOS, *UNTUNED)}


class Tracked(NamedTuple):
    """What a run over a scene gave."""

    tracks: dict[str, np.ndarray]  # as the scorer reads them
    cpu_s: np.ndarray  # of each step


def tracker_of(site: SiteFile, settings: Settings | None = None) -> Tracker:
    """Make a tracker as the pipeline would from a site file."""
    frame = SiteFrame(site.site.lat_deg, site.site.lon_deg, site.site.height_m)
    environment = build_environment(site.environment, frame, drag_shape_of(site.tracking.drag_curve), None, None)
    sensors = sensor_models(site.sensor, frame, is_flat=site.environment.earth == "flat")
    return Tracker(sensors, environment, settings or Settings())


def track(tracker: Tracker, scans: Iterable[Scan]) -> Tracked:
    """Step through the scans; what is confirmed at each is what the scorer gets."""
    out, cpu = [], []
    for k, scan in enumerate(scans):
        start = time.process_time()
        step = tracker.update(scan)
        cpu.append(time.process_time() - start)
        firm = step.tracks[np.isin(step.tracks["status"], [TrackStatus.CONFIRMED, TrackStatus.COASTING])]
        assert (firm["t_ns"] == scan.t_end_ns).all()
        out.append((np.full(len(firm), k), firm["track_id"].astype(int), firm["state"]))
    scan, ids, state = (np.concatenate([o[i] for o in out]) for i in range(3))
    tracks = {"scan": scan, "id": ids, "pos": state[:, :3], "vel": state[:, 3:6], "s": 1e4 * np.exp(state[:, 6])}
    return Tracked(tracks, np.array(cpu))


def score(name: str, seed: int) -> dict[str, Any]:
    """Track one scene of a case and score it; every figure of the tables of accuracy comes from these."""
    case = ALL[name]
    scene = peers.scene_of(case, seed)
    tracked = track(tracker_of(peers.site_of(scene)), peers.scans_of(scene))
    ours, oracle = peers.module_of("stonesoup_bench").score(scene, tracked.tracks), peers.oracle_of(case, seed)
    row: dict[str, Any] = {"bound": peers.bound_of(case, seed)}
    row["ours"] = {key: ours.get(key) for key in KEYS}
    row["oracle"] = {key: oracle.get(key) for key in KEYS}
    # beside another process: a hint only, the table's times are taken alone
    row["cpu_ms"] = [1e3 * float(tracked.cpu_s.mean()), 1e3 * float(tracked.cpu_s.max())]
    return row


def impacts_by_command(name: str, seed: int) -> dict[str, float]:
    """Run `casemate track` over the converted scene and score the impacts of its run folder."""
    case = ALL[name]
    command = pathlib.Path(sys.executable).with_name("casemate")
    convert = peers.SHARED / "peers" / "tracking" / "convert.py"
    scene = peers.scene_file(case, seed)
    with tempfile.TemporaryDirectory() as folder:
        here = pathlib.Path(folder)
        peers.module_of("convert").plots(scene, here)
        tracked = [command, "track", here / "plots.parquet", "--site", here / "site.toml", "-o", here / "run"]
        subprocess.run(tracked, check=True, capture_output=True)
        scored = [sys.executable, convert, "impacts", here / "run", scene]
        return json.loads(subprocess.run(scored, check=True, capture_output=True, text=True).stdout)
