"""Fly each part of the clutter alone and count what is declared a round: which part, and by what mechanism.

    python tests/bench/bench_clutter.py [--minutes M] [--seeds N ...] [--told X ...] [--without-map] [PART ...]

Parts: traffic flock turbines rain building road all. `--told` multiplies the false plots that the tracker is told of,
never those of the sky: if a declared round came from plots that are denser than the site file says, telling it helps.
`--without-map` takes the clutter map away (decision 22): the same skies, the same tree.
"""

import argparse
import json
import time
from collections import Counter

import msgspec
import numpy as np
from bench_quiet_day import Tally
from class_scenes import DATA, catalog, packaged

from casemate.assess.classify.clutter_map import ClutterMap
from casemate.model.catalog import SiteFile
from casemate.model.messages import Aside, Scan
from casemate.pipeline import Pipeline, Plan
from casemate.runner import with_ticks
from casemate.sim.scenario import Scenario
from casemate.sim.world import World

TOWN = packaged("busy-town-hour")
SITE = msgspec.toml.decode(DATA.joinpath("sites", f"{TOWN.site}.toml").read_bytes(), type=SiteFile)
PARTS = {
    "traffic": {"traffic": TOWN.traffic},
    "flock": {"flock": TOWN.flock},
    "turbines": {"turbines": TOWN.turbines},
    "rain": {"rain": TOWN.rain},
    "building": {"ground": TOWN.ground[:1]},
    "road": {"ground": TOWN.ground[1:]},
    "all": {key: getattr(TOWN, key) for key in ("traffic", "flock", "turbines", "rain", "ground")},
}


def fly(scenario: Scenario, seed: int, told: float) -> Tally:
    """Fly a scenario through a pipeline that believes in `told` times the false plots."""
    sensors = tuple(
        msgspec.structs.replace(each, false_plots_per_scan=told * each.false_plots_per_scan) for each in SITE.sensor
    )
    plan = Plan(site=msgspec.structs.replace(SITE, sensor=sensors), rounds=catalog())
    world = World(scenario, SITE, plan.rounds, plan.frame(), seed, environment=plan.environment())
    pipeline, tally, labels = Pipeline(plan), Tally(), {}
    for message in with_ticks(world):
        if isinstance(message, Aside):
            if message.kind == "label":
                labels = dict(zip(message.rows["plot_id"].tolist(), message.rows["label"].tolist(), strict=True))
            continue
        tally.counts["plots"] += len(message.plots) if isinstance(message, Scan) else 0
        tally.take(pipeline.step(message), labels)
        labels = {} if isinstance(message, Scan) else labels
    tally.close()
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--told", type=float, nargs="+", default=[1.0])
    parser.add_argument("--without-map", action="store_true")
    args = parser.parse_args()
    if args.without_map:
        ClutterMap._ln_denser = lambda _, __, plots, ___: np.zeros(len(plots))
    nothing = dict.fromkeys(("traffic", "flock", "turbines", "rain", "ground"), ())
    for name in args.parts:
        for told in args.told:
            counts, rounds, begin, by_seed = Counter(), Counter(), time.process_time(), []
            for seed in args.seeds:
                keep = {**nothing, **PARTS[name], "duration_s": 60.0 * args.minutes}
                tally = fly(msgspec.structs.replace(TOWN, **keep), seed, told)
                counts.update(tally.counts)
                rounds.update(tally.rounds)
                by_seed.append(sum(tally.rounds.values()))
            seconds = 60.0 * args.minutes * len(args.seeds)
            row = {
                "part": name, "told": told, "hours": round(seconds / 3600.0, 3),
                "plots_per_s": round(counts["plots"] / seconds, 1), "tracks": counts["tracks"],
                "declared_a_round": dict(rounds), "by_seed": by_seed, "warnings": counts["warnings"],
                "times_real_time": round(seconds / (time.process_time() - begin), 1),
            }  # fmt: skip
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
