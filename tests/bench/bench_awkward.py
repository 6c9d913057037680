"""Fly a packaged scenario of awkward radars: who was warned, who for nothing, what was told of sensors.

    python tests/bench/bench_awkward.py SCENARIO [--seeds N ...] [--unregistered]

A line of JSON a run, and the sums with 95 % intervals (Wilson).
"""

import argparse
import json
import time
from collections import Counter, defaultdict

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.model.catalog import SiteFile
from casemate.model.messages import Aside, Scan, SensorState
from casemate.pipeline import Pipeline, Plan
from casemate.runner import with_ticks
from casemate.sim.outcome import Rate, Scorer
from casemate.sim.scenario import Scenario
from casemate.sim.world import World


class Run:
    """A packaged scenario flown with a seed: its outcome, what fed each round's tracks, what was told of sensors."""

    def __init__(self, name, seed, registration=True):
        scenario = settings.read_toml(settings.packaged("scenarios", name), Scenario)
        site = settings.read_toml(settings.packaged("sites", scenario.site), SiteFile)
        site = msgspec.structs.replace(site, tracking=msgspec.structs.replace(site.tracking, registration=registration))
        plan = Plan(site=site, rounds=settings.read_rounds())
        frame = plan.frame()
        world = World(scenario, site, plan.rounds, frame, seed, environment=plan.environment())
        scorer, pipeline, labels = Scorer(world, site, frame), Pipeline(plan), {}
        self.fed, self.sensors, self.world, self.step_ms = defaultdict(list), [], world, []
        for message in with_ticks(world):
            begin = time.perf_counter()
            events = None if isinstance(message, Aside) else pipeline.step(message)
            self.step_ms.append(1e3 * (time.perf_counter() - begin))
            if isinstance(message, Aside) and message.kind == "label":
                labels = dict(zip(message.rows["plot_id"].tolist(), message.rows["label"].tolist(), strict=True))
            if isinstance(message, Scan):
                for fate in events.fates[events.fates["track_id"] > 0]:
                    label = labels.get(int(fate["plot_id"]), "")
                    self.fed[label].append((int(fate["track_id"]), message.sensor_id, self.since_s(message.t_end_ns)))
            if events is not None:
                self.sensors += events.sensors
            world.take(message, events)
            scorer.take(message, events)
        self.outcome = scorer.outcome()

    def since_s(self, t_ns):
        """Return seconds since the scenario began."""
        return (t_ns - self.world.t_start_ns) / NS_PER_S

    def told_lost_s(self, sensor_id=0):
        """Return when a sensor was said to be lost [s]."""
        lost = [n for n in self.sensors if n.sensor_id == sensor_id and n.state is SensorState.LOST]
        return [self.since_s(news.t_ns) for news in lost]

    def tracks_of(self, label, from_s=0.0, to_s=np.inf):
        """Return the tracks that took three plots or more of a body in a span, with the sensors that fed each."""
        tracks = defaultdict(Counter)
        for track_id, sensor_id, t_s in self.fed[label]:
            if from_s <= t_s < to_s:
                tracks[track_id][sensor_id] += 1
        return {i: dict(by) for i, by in tracks.items() if sum(by.values()) >= 3}


def row_of(run):
    """Return a run's line."""
    out = run.outcome
    row = {
        "seed": out.seed, "rounds": out.n_rounds, "in_time": out.warned_in_time.k, "zoned": out.warned_in_time.n,
        "late": out.warned_late.k, "missed": out.missed.k, "not_possible": out.no_useful_warning_possible.k,
        "zone_warnings": out.zone_warnings, "false": out.false_warnings.k, "false_tracks": out.false_tracks,
        "step_ms_p99": round(float(np.percentile(run.step_ms, 99)), 1),
    }  # fmt: skip
    faults = run.world.scenario.radar[0].fault
    if faults and faults[0].kind == "silent":
        row["told_lost_s"] = [round(t_s - faults[0].from_s, 2) for t_s in run.told_lost_s()]
        row["tracks_before_loss"] = len(run.tracks_of("round-1", to_s=faults[0].from_s))
        row["tracks_after_loss"] = len(run.tracks_of("round-1", from_s=faults[0].from_s))
        row["tracks_of_others"] = [len(run.tracks_of(f"round-{i}")) for i in (2, 3, 4)]
        last = {news.sensor_id: news for news in run.sensors}
        row["sensors"] = {i: [news.state.value, *news.applied] for i, news in sorted(last.items())}
    return row


def main():
    """Print a line a run, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--unregistered", action="store_true")
    args = parser.parse_args()
    rows, cpu_s = [], time.process_time()
    for seed in args.seeds:
        rows.append(row_of(Run(args.scenario, seed, not args.unregistered)))
        print(json.dumps(rows[-1]), flush=True)
    total = Counter()
    for row in rows:
        total.update({key: value for key, value in row.items() if isinstance(value, int)})
    for key, of in (("in_time", "zoned"), ("missed", "zoned"), ("late", "zoned"), ("false", "zone_warnings")):
        print(f"{key}: {Rate.of(total[key], total[of])}")
    print(f"{(time.process_time() - cpu_s) / len(rows):.0f} s of processor time a run")


if __name__ == "__main__":
    main()
