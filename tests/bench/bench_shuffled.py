"""A salvo among traffic under two radars as a bad network delivers it: late by up to 2 s, 5 % twice, against in order.

    python tests/bench/bench_shuffled.py [--seeds N ...]

A line of JSON a seed: what is the same to the bit, and how much later the station's own answers came.
"""

import argparse
import json

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.model.catalog import SiteFile
from casemate.model.messages import Aside, Scan, Tick, WarningLevel
from casemate.model.records import TrackStatus, freeze
from casemate.pipeline import Pipeline, Plan
from casemate.runner import with_ticks
from casemate.sim.scenario import Raid, Scenario
from casemate.sim.world import World
from casemate.tracking import order

LATEST_S, LAG_S, TWICE = 2.0, 2.5, 0.05
ROUNDS = 4


def plan_of(lag_s=LAG_S):
    """Return the first two radars of a packaged site, a rotating and a staring one, with a lag."""
    site = settings.read_toml(settings.packaged("sites", "site-charlie"), SiteFile)
    tracking = msgspec.structs.replace(site.tracking, lag_s=lag_s)
    site = msgspec.structs.replace(site, sensor=site.sensor[:2], tracking=tracking)
    return Plan(site=site, rounds=settings.read_rounds())


def clean(plan, seed, span_s=75.0):
    """Return scans (plots by time) and ticks of a salvo of bombs and a busy sky, in the order of time."""
    raid = Raid(
        round_class="m120", count=ROUNDS, impact_e_m=0.0, impact_n_m=100.0, impact_sigma_m=60.0, bearing_deg=260.0,
        ground_range_m=(4700.0, 5200.0), arc="high", start_s=8.0, interval_s=(0.8, 1.2), rcs_dbsm=-20.0,
    )  # fmt: skip
    town = settings.read_toml(settings.packaged("scenarios", "busy-town-hour"), Scenario)
    kinds = {"aircraft", "light", "helicopter"}
    traffic = tuple(msgspec.structs.replace(t, per_hour=3.0 * t.per_hour) for t in town.traffic if t.kind in kinds)
    scenario = Scenario(
        title="salvo", source="a test", seed=seed, t_start=town.t_start, duration_s=span_s, site="site-charlie",
        raid=(raid,), traffic=traffic,
    )  # fmt: skip
    world = World(scenario, plan.site, plan.rounds, plan.frame(), seed, environment=plan.environment())
    out = [m for m in with_ticks(world) if not isinstance(m, Aside)]
    out = [m for m in out if order.time_of(m) <= world.t_start_ns + span_s * NS_PER_S]
    out = [msgspec.structs.replace(m, plots=order.ordered(m.plots)) if isinstance(m, Scan) else m for m in out]
    return sorted(out, key=lambda m: (order.time_of(m), isinstance(m, Tick), getattr(m, "sensor_id", 0)))


def messy(messages, seed):
    """Make every scan, every plot and every tick late by 0 to 2 s of its own, and 5 % of scans and plots come twice.

    A plot that misses its scan comes with the next one of its sensor to arrive, if that is inside the 2 s.
    """
    rng = np.random.default_rng([seed, 77])
    most_ns = LATEST_S * NS_PER_S
    n_once = len(messages)
    messages = [*messages, *(m for m in messages if isinstance(m, Scan) and rng.random() < TWICE)]
    arrival = np.array([order.time_of(m) + rng.uniform(0.0, most_ns) for m in messages])
    sensors = {m.sensor_id for m in messages if isinstance(m, Scan)}
    way = np.argsort(arrival, kind="stable")
    mine = {s: np.array([i for i in way if getattr(messages[i], "sensor_id", None) == s]) for s in sensors}
    brought = [[] for _ in messages]
    for i, message in enumerate(messages[:n_once]):
        for plot in message.plots if isinstance(message, Scan) else ():
            for _ in range(1 + (rng.random() < TWICE)):
                brought[_host(messages, arrival, mine[message.sensor_id], i, rng.uniform(0.0, most_ns))].append(plot)
    out = []
    for i in way.tolist():
        message = messages[i]
        if isinstance(message, Scan):
            plots = np.array(brought[i], message.plots.dtype)
            message = msgspec.structs.replace(message, plots=freeze(plots[rng.permutation(len(plots))]))
        out.append(message)
    return out


def _host(messages, arrival, mine, i, late_ns):
    # the scan that a plot travels with: its own, if that has not gone yet
    end_ns = messages[i].t_end_ns
    if arrival[i] >= end_ns + late_ns:
        return i
    for j in mine[np.searchsorted(arrival[mine], end_ns + late_ns) :].tolist():
        if arrival[j] > end_ns + LATEST_S * NS_PER_S:
            break
        if messages[j].t_end_ns >= end_ns:
            return j
    return i


def as_bytes(messages):
    """Return each message, plots included, as bytes."""
    return [msgspec.msgpack.encode(message, enc_hook=lambda rows: rows.tobytes()) for message in messages]


def said(plan, messages):
    """Step through what comes; return all events, and the tracks in the end."""
    t_end_ns = max(map(order.time_of, messages)) + round(2 * LAG_S * NS_PER_S)
    pipeline = Pipeline(plan)
    events = [pipeline.step(message) for message in [*messages, Tick(t_ns=t_end_ns)]]
    return events, pipeline._lagged.tracker.picture(t_end_ns)


def first_warnings(events):
    """Return when each zone was first told to take cover, and the time of the impact that it was told last."""
    first, last = {}, {}
    for warning in (w for each in events for w in each.warnings if w.level is WarningLevel.WARN):
        first.setdefault(warning.zone_id, warning.t_issued_ns)
        last[warning.zone_id] = warning.t_impact_ns
    return first, last


def declared(events):
    """Return when each track was first declared a round."""
    out = {}
    for each in events:
        for track_id in each.classes["track_id"][each.classes["i_class"] >= 0].tolist():
            out.setdefault(track_id, each.t_ns)
    return out


def confirmed(events):
    """Return the tracks that were confirmed and not told as dropped."""
    shown = {int(row["track_id"]): int(row["status"]) for each in events for row in each.tracks}
    return {i for i, status in shown.items() if status == TrackStatus.CONFIRMED}


def row_of(seed, span_s=75.0):
    """Compare both for one seed."""
    plan = plan_of()
    wanted = clean(plan, seed, span_s)
    came = messy(wanted, seed)
    again = list(order.in_order(came, plan.sensors(), LAG_S))
    (ours, picture), (theirs, picture_messy) = said(plan, wanted), said(plan, came)
    first, last = first_warnings(ours)
    first_messy, last_messy = first_warnings(theirs)
    later = [(first_messy[z] - t) / NS_PER_S for z, t in first.items() if z in first_messy]
    return {
        "seed": seed, "plots": sum(len(m.plots) for m in wanted if isinstance(m, Scan)),
        "put_in_order_is_the_same": as_bytes(again) == as_bytes(wanted),
        "last_tracks_are_the_same": picture.tobytes() == picture_messy.tobytes(), "tracks": len(picture),
        "declared": [len(declared(ours)), len(declared(theirs))],
        "zones": [sorted(first), sorted(first_messy)],
        "first_warning_later_s": [round(x, 2) for x in later],
        "last_time_told_moved_s": [round((last_messy[z] - last[z]) / NS_PER_S, 2) for z in last if z in last_messy],
    }  # fmt: skip


def main():
    """Print a line a seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    for seed in parser.parse_args().seeds:
        print(json.dumps(row_of(seed)), flush=True)


if __name__ == "__main__":
    main()
