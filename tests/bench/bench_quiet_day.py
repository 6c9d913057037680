"""Fly a busy day without a threat through the whole pipeline and count what was declared a round: nothing should be.

    python tests/bench/bench_quiet_day.py [--scenario NAME] [--hours H] [--seed N] [--json FILE] [--p-detection P]

Nothing is written to a run folder (a day would be 20 GB); memory does not grow. On a terminal a bar shows how far
it is. A rate of zero is given with its one-sided 95 % limit: 3.0 over what was seen (exact for a Poisson count).
"""

import argparse
import json
import pathlib
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from class_scenes import DATA, catalog, has_impact, packaged
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from casemate.model.catalog import SiteFile
from casemate.model.messages import Aside, Events, Scan, WarningPhase
from casemate.model.records import Kind, TrackStatus
from casemate.pipeline import Pipeline, Plan
from casemate.runner import with_ticks
from casemate.sim.world import World

HOUR_S = 3600.0


class Tally:
    """Counts confirmed tracks, what they are declared and what they truly are; forgets a track when it ends."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.declared: Counter[str] = Counter()
        self.rounds: Counter[str] = Counter()  # true kinds of what was declared a round
        self.most_p_round = 0.0
        self.seen: set[str] = set()
        self._owners: dict[int, Counter[str]] = {}
        self._up: dict[int, Counter[int]] = {}
        self._rounds: set[int] = set()

    def take(self, events: Events, labels: dict[int, str]) -> None:
        """Take what one step made of its plots."""
        for fate in events.fates[events.fates["track_id"] > 0]:
            self._owners.setdefault(int(fate["track_id"]), Counter())[labels.get(int(fate["plot_id"]), "")] += 1
        self.seen.update(labels.values())
        self.counts["impact_rows"] += len(events.impacts)
        self.counts["warnings"] += len(events.warnings)
        self.counts["alarms"] += sum(each.phase is WarningPhase.WARN for each in events.warnings)
        is_up = np.isin(events.tracks["status"], (TrackStatus.CONFIRMED, TrackStatus.COASTING))
        rows, classes = events.tracks[is_up], events.classes[is_up]
        self.counts["track_rows"] += len(rows)
        self.counts["rows_declared_a_round"] += int(has_impact(rows, classes).sum())
        if len(rows):
            self.most_p_round = max(self.most_p_round, float(classes["p_round"].max()))
        for track_id, kind in zip(rows["track_id"].tolist(), classes["i_kind"].tolist(), strict=True):
            self._up.setdefault(track_id, Counter())[kind] += 1
        self._rounds.update(rows["track_id"][classes["i_kind"] < Kind.AIRCRAFT].tolist())
        for track_id in events.tracks["track_id"][events.tracks["status"] == TrackStatus.DROPPED].tolist():
            self._end(track_id)

    def close(self) -> None:
        """End what is still up."""
        for track_id in list(self._up):
            self._end(track_id)

    def _end(self, track_id: int) -> None:
        owners, kinds = self._owners.pop(track_id, Counter()), self._up.pop(track_id, None)
        if kinds is None:
            return
        label = owners.most_common(1)[0][0] if owners else ""
        true = label.split("-")[0] or "false plots"
        self.counts["tracks"] += 1
        self.counts["tracks_declared_a_round"] += track_id in self._rounds
        if track_id in self._rounds:
            self.rounds[true] += 1
        self.declared[f"{true} mostly declared {Kind(kinds.most_common(1)[0][0]).name.lower()}"] += 1


def fly(
    name: str,
    hours: float,
    seed: int | None,
    tell: Callable[[float], None] = lambda _: None,
    p_detection: float | None = None,
) -> dict[str, Any]:
    """Fly so many hours, telling how many are over; return the counts. `p_detection` stands in for the site's own."""
    scenario = msgspec.structs.replace(packaged(name), duration_s=HOUR_S * hours)
    site = msgspec.toml.decode(DATA.joinpath("sites", f"{scenario.site}.toml").read_bytes(), type=SiteFile)
    if p_detection is not None:
        sensors = tuple(msgspec.structs.replace(each, p_detection=p_detection) for each in site.sensor)
        site = msgspec.structs.replace(site, sensor=sensors)
    plan = Plan(site=site, rounds=catalog())
    seed = scenario.seed if seed is None else seed
    world = World(scenario, site, plan.rounds, plan.frame(), seed, environment=plan.environment())
    pipeline, tally, labels, step_s = Pipeline(plan), Tally(), {}, 0.0
    for message in with_ticks(world):
        if isinstance(message, Aside):
            if message.kind == "label":
                labels = dict(zip(message.rows["plot_id"].tolist(), message.rows["label"].tolist(), strict=True))
            continue
        begin = time.process_time()
        events = pipeline.step(message)
        step_s += time.process_time() - begin
        tally.take(events, labels)
        labels = {} if isinstance(message, Scan) else labels
        tell((events.t_ns - world.t_start_ns) / 1e9 / HOUR_S)
    tally.close()
    seen = Counter(name.split("-")[0] for name in tally.seen if name)
    return {
        "scenario": name, "seed": seed, "hours": hours, "p_detection": [each.p_detection for each in site.sensor],
        "things_seen": dict(seen),
        **tally.counts, "most_p_round": tally.most_p_round,
        "limit_per_day": 3.0 / hours * 24.0 if not tally.counts["tracks_declared_a_round"] else None,
        "declared_a_round_by_kind": dict(tally.rounds),
        "tracks_by_kind": dict(sorted(tally.declared.items())), "pipeline_cpu_s": step_s,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="busy-quiet-day")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--p-detection", type=float, default=None)
    parser.add_argument("--json", type=pathlib.Path, default=None)
    args = parser.parse_args()
    columns = (
        TextColumn("{task.completed:.2f} of {task.total:g} h"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("hours", total=args.hours)
        found = fly(args.scenario, args.hours, args.seed, lambda h: progress.update(bar, completed=h), args.p_detection)
    text = json.dumps(found, indent=1)
    if args.json:
        args.json.write_text(text + "\n", "utf-8")
    print(text)
    sys.exit(1 if found["tracks_declared_a_round"] else 0)


if __name__ == "__main__":
    main()
