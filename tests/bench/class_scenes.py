"""Scenes for judging kinds: rounds of every class by every arc, a sky denser than any day; tracked, judged."""

import tomllib
from collections import Counter
from importlib import resources
from typing import NamedTuple

import msgspec
import numpy as np

from casemate.assess.classify import ClassStage, Settings
from casemate.model.catalog import RoundClass, RoundFile, SiteFile
from casemate.model.messages import Aside, Scan
from casemate.model.records import TRACK_CLASS, Kind, Motion, TrackStatus
from casemate.physics.radar import sensor_models
from casemate.pipeline import Plan
from casemate.runner import with_ticks
from casemate.sim.scenario import Scenario
from casemate.sim.world import World
from casemate.tracking.tracker import Tracker

DATA = resources.files("casemate").joinpath("data")

ARCS = {
    "r107": (-20.0, 3, ((2000.0, 4000.0), (4000.0, 6000.0), (6000.0, 8000.0)), ("flat", "high")),
    "r122": (-20.0, 1, ((5000.0, 8000.0), (8000.0, 12_000.0), (12_000.0, 18_000.0)), ("flat",)),
    "m60": (-30.0, 1, ((700.0, 1500.0), (1500.0, 2900.0)), ("flat", "high")),
    "m82": (-28.0, 1, ((1200.0, 2500.0), (2500.0, 3900.0)), ("flat", "high")),
    "m120": (-23.0, 1, ((2200.0, 4500.0), (4500.0, 6800.0)), ("flat", "high")),
    "s155": (-20.0, 3, ((5000.0, 9000.0), (9000.0, 15_000.0)), ("flat", "high")),
}
"""By class: mean cross section [dBsm], Swerling case, bands of ground range [m], arcs; parameter list, 1.2, 1.4."""

CLUTTER = ("traffic", "flock", "turbines", "rain", "ground")
TIMES = {"aircraft": 4.0, "light": 4.0, "helicopter": 20.0, "bird": 1.0, "drone": 40.0}
"""A busy hour's traffic times this, so that the rare kinds are met too."""


class Judged(NamedTuple):
    """Every row of a confirmed track, with what it truly was."""

    truth: np.ndarray  # (n,) `Kind` of the thing that most of the track's plots came from
    label: np.ndarray  # (n,) its name
    rows: np.ndarray  # TRACK (n,)
    classes: np.ndarray  # TRACK_CLASS (n,)
    n_true: Counter  # things of each kind in the sky, seen or not


def packaged(name: str) -> Scenario:
    """Read a packaged scenario."""
    return msgspec.convert(tomllib.loads(DATA.joinpath("scenarios", f"{name}.toml").read_text("utf-8")), Scenario)


def catalog() -> tuple[RoundClass, ...]:
    """Read the packaged round classes."""
    return msgspec.toml.decode(DATA.joinpath("rounds.toml").read_bytes(), type=RoundFile).round


def all_rounds(seed: int, count: int = 6) -> Scenario:
    """Draw a scene of `count` rounds of each class, band and arc, from anywhere; no traffic."""
    rng, start_s, raids = np.random.default_rng(seed), 20.0, []
    for name, (rcs_dbsm, swerling, bands, arcs) in ARCS.items():
        for band in bands:
            for arc in arcs:
                impact, bearing = rng.uniform(-1500.0, 1500.0, 2).tolist(), rng.uniform(0.0, 360.0)
                raids.append(
                    {
                        "round_class": name, "count": count, "impact_e_m": impact[0], "impact_n_m": impact[1],
                        "impact_sigma_m": 100.0, "bearing_deg": bearing, "bearing_spread_deg": 60.0, "groups": 3,
                        "ground_range_m": band, "arc": arc, "start_s": start_s, "spread_s": (40.0, 40.0),
                        "rcs_dbsm": rcs_dbsm, "swerling": swerling,
                    }
                )  # fmt: skip
                start_s += 15.0
    base = msgspec.to_builtins(packaged("busy-quiet-hour"))
    return msgspec.convert(base | dict.fromkeys(CLUTTER, ()) | {"raid": raids, "duration_s": start_s + 120.0}, Scenario)


def dense_traffic(minutes: float) -> Scenario:
    """Cut the busy quiet hour to some minutes, with more of what is rare; no rounds."""
    hour = packaged("busy-quiet-hour")
    traffic = tuple(msgspec.structs.replace(t, per_hour=t.per_hour * TIMES[t.kind]) for t in hour.traffic)
    only = {**dict.fromkeys(CLUTTER, ()), "traffic": traffic}
    return msgspec.structs.replace(hour, **only, duration_s=60.0 * minutes)


def priors_of(*scenes: Scenario) -> Settings:
    """Give the stage the true mix of some scenes as its prior: a posterior is calibrated for its prior only."""
    n = {t.kind: 0.0 for scene in scenes for t in scene.traffic} | {"round": 0.0}
    for scene in scenes:
        n["round"] += sum(raid.count for raid in scene.raid)
        for t in scene.traffic:
            n[t.kind] += max(t.per_hour * scene.duration_s / 3600.0, 1e-3)
    return Settings(
        rounds_per_day=n["round"], aircraft_per_day=n["aircraft"] + n.get("light", 0.0),
        helicopters_per_day=n["helicopter"], drones_per_day=n["drone"], birds_per_day=n["bird"],
        jets_per_day=0.1, others_per_day=0.1,
    )  # fmt: skip


def judge(
    scene: Scenario,
    seed: int,
    settings: Settings | None = None,
    *,
    p_detection: float | None = None,
    scan_period_s: float | None = None,
) -> Judged:
    """Fly a scene through the simulated radars, the tracker and the class stage.

    `p_detection` and `scan_period_s` replace those of the site's radars, in truth and in what the tracker believes.
    """
    site = msgspec.toml.decode(DATA.joinpath("sites", f"{scene.site}.toml").read_bytes(), type=SiteFile)
    changes = {"p_detection": p_detection, "scan_period_s": scan_period_s}
    changes = {key: value for key, value in changes.items() if value is not None}
    site = msgspec.structs.replace(site, sensor=tuple(msgspec.structs.replace(s, **changes) for s in site.sensor))
    plan = Plan(site=site, rounds=catalog())
    frame, environment = plan.frame(), plan.environment()
    world = World(scene, site, plan.rounds, frame, seed, with_intercept=False, environment=environment)
    sensors = sensor_models(site.sensor, frame)
    tracker, stage = Tracker(sensors, environment), ClassStage(sensors, plan.rounds, settings or Settings())
    kind_of = {c.name: Kind[c.kind.upper()] for c in plan.rounds}
    kinds = {r.label: kind_of[r.round_class] for r in world.rounds}
    owners: dict[int, Counter[str]] = {}
    labels: dict[int, str] = {}
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    for message in with_ticks(world):
        if isinstance(message, Aside):
            if message.kind == "label":
                labels = dict(zip(message.rows["plot_id"].tolist(), message.rows["label"].tolist(), strict=True))
            continue
        scan = message if isinstance(message, Scan) else None
        t_ns = scan.t_end_ns if scan else message.t_ns
        step = tracker.update(scan) if scan else tracker.tick(t_ns)
        classes = stage.step(t_ns, scan, step.tracks, step.fates)
        for plot_id, track_id in zip(step.fates["plot_id"].tolist(), step.fates["track_id"].tolist(), strict=True):
            owners.setdefault(track_id, Counter())[labels.get(plot_id, "")] += 1
        is_up = np.isin(step.tracks["status"], (TrackStatus.CONFIRMED, TrackStatus.COASTING))
        if is_up.any():
            kept.append((step.tracks[is_up], classes[is_up]))
    rows, classes = (np.concatenate(part) for part in zip(*kept, strict=True))
    # a label that no plot's fate ever named belongs to nothing: a history that was split off and lost its plots again
    of_nothing = Counter({"": 1})
    label = np.array([owners.get(i, of_nothing).most_common(1)[0][0] for i in rows["track_id"].tolist()])
    n_true = Counter(name.split("-")[0] for name in {*kinds, *(name for o in owners.values() for name in o if name)})
    truth = np.array([_kind(name, kinds) for name in label.tolist()], np.int64)
    assert classes.dtype == TRACK_CLASS
    return Judged(truth, label, rows, classes, n_true)


def _kind(label: str, kinds: dict[str, Kind]) -> int:
    # -1: a track of false plots
    if label in kinds:
        return int(kinds[label])
    name = label.split("-", maxsplit=1)[0].replace("light", "aircraft")
    return int(Kind[name.upper()]) if name else -1


def has_impact(rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Tell which rows get an impact point."""
    return (classes["i_class"] >= 0) & (rows["motion"] == Motion.BALLISTIC) & rows["is_height_known"]


def had_impact(rows: np.ndarray) -> np.ndarray:
    """Tell which rows got one by the rule before: the tracker's odds alone, 0.9."""
    return (rows["motion"] == Motion.BALLISTIC) & (rows["p_ballistic"] >= 0.9) & rows["is_height_known"]
