"""Benchmark the tracker on the scenarios of the peers' bench, scored by its own scorer beside its oracle.

    python tests/bench/bench_tracking.py [--seeds N] [--first SEED] [--cases K/L ...]

Prints a row for each case: GOSPA mean and worst, ratio to the oracle, missed, false tracks, and CPU of a tracker
step. Needs the folder `shared` beside the project. What the tracker is told is what the converted site file says.
"""

import argparse
import importlib.util
import json
import math
import time
from pathlib import Path

import msgspec
import numpy as np

from casemate.model.catalog import SiteFile
from casemate.model.messages import Scan
from casemate.model.records import PLOT, TrackStatus, freeze, missing
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models
from casemate.tracking.tracker import Settings, Tracker

SHARED = Path(__file__).resolve().parents[3] / "shared"


def load(name):
    """Load a module of the peers' folder."""
    spec = importlib.util.spec_from_file_location(name, SHARED / "peers" / "tracking" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def site_of(convert, meta):
    """Read the site file that the converter would write."""
    text = convert.SITE.format(period=1.0 / meta["hz"], pd=meta["pd"], L=meta["L"])
    return msgspec.toml.decode(text, type=SiteFile)


def tracker_of(site, settings=None):
    """Make a tracker as the pipeline would from a site file."""
    frame = SiteFrame(site.site.lat_deg, site.site.lon_deg, site.site.height_m)
    environment = build_environment(site.environment, frame, drag_shape_of(site.tracking.drag_curve), None, None)
    sensors = sensor_models(site.sensor, frame, is_flat=site.environment.earth == "flat")
    return Tracker(sensors, environment, settings or Settings())


def scans_of(convert, z):
    """Turn a scenario into scans, angles in degrees and back as the plot table has them."""
    meta = json.loads(str(z["meta"]))
    scans = []
    az = np.radians(np.degrees(np.pi / 2 - z["plot_az"]) % 360.0)
    for k in range(meta["nscan"]):
        index = np.flatnonzero(z["plot_scan"] == k)
        t_ns = convert.T0_NS + round(k / meta["hz"] * 1e9)
        plots = missing(PLOT, len(index))
        plots["plot_id"], plots["t_ns"], plots["sensor_id"] = index + 1, t_ns, 0
        plots["range_m"], plots["az_rad"], plots["el_rad"] = z["plot_rng"][index], az[index], z["plot_el"][index]
        scans.append(
            Scan(
                sensor_id=0,
                t_start_ns=t_ns,
                t_end_ns=t_ns,
                t_recv_ns=t_ns,
                az_from_rad=math.radians(300.0),
                az_to_rad=math.radians(60.0),
                plots=freeze(plots),
            )
        )
    return scans


def run(tracker, scans):
    """Track; returns what the scorer reads and the CPU seconds of each step."""
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
    return tracks, np.array(cpu)


def case(bench, convert, rounds, false, seeds, hz=1.0, settings=None):
    """Run one case over seeds."""
    rows, cpu = [], []
    for seed in seeds:
        z = bench.gen(rounds, false, hz, seed)
        site = site_of(convert, json.loads(str(z["meta"])))
        scans = scans_of(convert, z)
        tracks, seconds = run(tracker_of(site, settings), scans)
        rows.append((bench.score(z, tracks), bench.oracle(z)))
        cpu.append(seconds)
    return rows, np.concatenate(cpu)


def line(name, rows, cpu):
    """Format one row of the table."""

    def mean(key):
        return float(np.mean([row[key] for row, _ in rows]))

    gospa = np.array([row["gospa"] for row, _ in rows])
    oracle = np.array([row["gospa"] for _, row in rows])
    cells = [gospa.mean(), gospa.max(), oracle.mean(), (gospa / oracle).mean(), (gospa / oracle).max()]
    cells += [100.0 * mean("miss_frac"), mean("false_per_scan"), mean("false_tracks"), mean("id_switch")]
    cells += [mean("confirm_delay_s"), mean("pos_rmse"), mean("vel_rmse"), mean("ipp_med_20s"), mean("ipp_med_10s")]
    cells += [1e3 * cpu.mean(), 1e3 * float(np.percentile(cpu, 99))]
    return f"{name:>8}" + "".join(f"{cell:9.3f}" for cell in cells)


HEAD = "K/L gospa worst oracle ratio worst miss% false/s falseT switch delay pos vel ipp20 ipp10 cpu_ms p99_ms"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--hz", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=Settings().false_tracks_per_hour)
    parser.add_argument("--cases", nargs="*", default=["20/10", "50/10", "100/100"])
    given = parser.parse_args()
    bench, convert = load("stonesoup_bench"), load("convert")
    warm = bench.gen(5, 10, 1.0, 99)
    run(tracker_of(site_of(convert, json.loads(str(warm["meta"])))), scans_of(convert, warm))
    head = HEAD.split()
    print(f"{head[0]:>8}" + "".join(f"{word:>9}" for word in head[1:]))
    for name in given.cases:
        rounds, false = (int(v) for v in name.split("/"))
        seeds = range(given.first, given.first + given.seeds)
        settings = Settings(false_tracks_per_hour=given.rate)
        rows, cpu = case(bench, convert, rounds, false, seeds, given.hz, settings)
        print(line(name, rows, cpu), flush=True)


if __name__ == "__main__":
    main()
