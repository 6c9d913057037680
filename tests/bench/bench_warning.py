"""Is the right zone warned, in time, and no other: many seeds of a scenario, kept as risks so that rules compare.

`python bench_warning.py fly` flies seeds and keeps one small file each in the working folder; those that are there are
not flown again, and Ctrl-C lets those in the air come down. `python bench_warning.py score` weighs what is kept,
`curve` with other numbers too.
A round counts that comes down inside a zone with at least 12 s left after the plot that was its fourth: that is what
physics and the radar leave, since no track has fewer. It is warned in time when its zone was under warning 10 s before.
"""

import argparse
import itertools
import pickle
import signal
import subprocess
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from bench_ledger import progress
from msgspec import structs

from casemate.assess.warning import WarningStage
from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.model.catalog import WarningSettings
from casemate.model.messages import Aside, Scan, WarningLevel, WarningPhase, ZoneWarning
from casemate.pipeline import Pipeline
from casemate.runner import plan_of, stop_on_signal, with_ticks
from casemate.sim.result import Rate
from casemate.sim.scenario import Scenario
from casemate.sim.world import World

RAIDS = ("green-zone-2020", "camp-barrage", "mortar-team")
LEFT_S, LEAD_S, N_PLOTS = 12.0, 10.0, 4


class Kept(NamedTuple):
    """What one flown seed leaves."""

    scenario: str
    seed: int
    wall_s: float
    steps: list[tuple[int, np.ndarray, frozenset[int]]]  # time, ZONE_RISK and tracks that stand, where anything stands
    rounds: list[tuple[str, str, float, float, int, int]]  # label, class, e, n [m], impact, fourth plot (0: none) [ns]
    t_span_ns: tuple[int, int]
    commit: str = ""  # that flew it; the first files do not say


class _Keeper:
    # in the place of the warning stage: keeps what it is given and warns nobody
    def __init__(self) -> None:
        self.steps: list[tuple[int, np.ndarray, frozenset[int]]] = []

    def step(self, t_ns: int, risks: np.ndarray, standing: frozenset[int] = frozenset()) -> tuple[()]:
        if risks.size or (self.steps and self.steps[-1][1].size) or len(self.steps) == 0:
            self.steps.append((t_ns, risks.copy(), standing))
        return ()


def path_of(folder: Path, scenario: str, seed: int) -> Path:
    """Say where a seed is kept."""
    return folder / f"{scenario}-{seed}.pkl"


def fly(scenario: str, seed: int, folder: Path, commit: str) -> None:
    """Fly one seed without intercept and keep its risks."""
    begin = time.perf_counter()
    declared = settings.read_toml(settings.packaged("scenarios", scenario), Scenario)
    plan = plan_of(settings.packaged("sites", declared.site))
    world = World(
        declared, plan.site, plan.rounds, plan.frame(), seed, with_intercept=False, environment=plan.environment()
    )
    pipeline, keeper = Pipeline(plan), _Keeper()
    pipeline._warnings = keeper
    seen: dict[str, list[int]] = {}
    labels: dict[int, str] = {}
    for message in with_ticks(world):
        if isinstance(message, Aside):
            if message.kind == "label":
                labels = dict(zip(message.rows["plot_id"].tolist(), message.rows["label"].tolist(), strict=True))
            world.take(message, None)
            continue
        if isinstance(message, Scan):
            for plot in message.plots:
                seen.setdefault(labels.get(int(plot["plot_id"]), ""), []).append(int(plot["t_ns"]))
        world.take(message, pipeline.step(message))
    fourth = {label: sorted(t)[N_PLOTS - 1] for label, t in seen.items() if len(t) >= N_PLOTS}
    rounds = [
        (
            *(r.label, r.round_class, float(r.impact_m[0]), float(r.impact_m[1])),
            *(world.t_start_ns + round(r.impact_s * NS_PER_S), fourth.get(r.label, 0)),
        )
        for r in world.rounds
    ]
    span = world.t_start_ns, world.t_end_ns
    kept = Kept(scenario, seed, time.perf_counter() - begin, keeper.steps, rounds, span, commit)
    path = path_of(folder, scenario, seed)
    part = path.with_suffix(".part")
    part.write_bytes(pickle.dumps(tuple(kept)))
    part.replace(path)


def fly_all(jobs: list[tuple[str, int]], folder: Path, workers: int) -> None:
    """Fly what is not kept yet, under a bar."""
    describe = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(describe, check=True, capture_output=True, text=True).stdout.strip()
    missing = [job for job in jobs if not path_of(folder, *job).exists()]
    pool = ProcessPoolExecutor(workers, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    with stop_on_signal() as is_stopped, pool, progress() as bar:
        task, todo = bar.add_task("seeds", total=len(missing)), iter(missing)
        flying = {pool.submit(fly, *job, folder, commit) for job in itertools.islice(todo, workers)}
        while flying:
            done, flying = wait(flying, return_when=FIRST_COMPLETED)
            for each in done:
                each.result()
                bar.advance(task)
                if not is_stopped():
                    flying |= {pool.submit(fly, *job, folder, commit) for job in itertools.islice(todo, 1)}


@cache
def _place(scenario: str) -> tuple[Any, list[Any], list[float]]:
    declared = settings.read_toml(settings.packaged("scenarios", scenario), Scenario)
    plan = plan_of(settings.packaged("sites", declared.site))
    frame = plan.frame()
    shapes = []
    for zone in plan.site.zone:
        lat, lon = np.array(zone.polygon_deg).T
        shapes.append(shapely.Polygon(frame.geodetic_to_enu(lat, lon, np.full(lat.size, frame.height_m))[:, :2]))
    return plan, shapes, [shape.area for shape in shapes]


class Tally(NamedTuple):
    """Counts of one seed, or of many when added."""

    n: int = 0  # rounds into a zone for which physics and radar leave 12 s
    in_time: int = 0
    n_first: int = 0  # of them, the first into its zone: nobody had warned that zone before
    first_in_time: int = 0
    missed: int = 0  # of n, not warned at all before they came down
    not_left: int = 0  # rounds into a zone with less than 12 s: no warning of 10 s was possible
    alarms: int = 0
    false: int = 0  # of alarms, those with no round in the zone or near enough to hurt
    messages: int = 0
    pairs: int = 0  # of a zone, and a round that it was told of
    flicker: int = 0  # of pairs, see `flicker_of`
    back: int = 0  # from stay to cover: another round came
    most_turns: int = 0  # quiet to warned, of one zone in one run
    area_m2: float = 0.0
    true_area_m2: float = 0.0

    def plus(self, other: "Tally") -> "Tally":
        """Add another, but for the largest."""
        both = Tally(*(a + b for a, b in zip(self, other, strict=True)))
        return both._replace(most_turns=max(self.most_turns, other.most_turns))


def told(kept: Kept, rule: WarningSettings) -> list[ZoneWarning]:
    """Replay the rule over what was kept."""
    plan, _, _ = _place(kept.scenario)
    period_s = min(sensor.scan_period_s for sensor in plan.site.sensor)
    stage = WarningStage(plan.site.zone, [r.name for r in plan.rounds], period_s, rule)
    return [w for t_ns, risks, standing in kept.steps for w in stage.step(t_ns, risks, standing)]


def alarms_of(messages: list[ZoneWarning]) -> list[tuple[int, int, int]]:
    """Return (zone, from, to) of each alarm."""
    begun: dict[int, int] = {}
    out: list[tuple[int, int, int]] = []
    for w in messages:
        if w.level is WarningLevel.CLEAR:
            out.append((w.zone_id, begun.pop(w.zone_id), w.t_issued_ns))
        else:
            begun.setdefault(w.zone_id, w.t_issued_ns)
    return out + [(zone_id, t_ns, 2**62) for zone_id, t_ns in begun.items()]


def flicker_of(messages: list[ZoneWarning]) -> tuple[int, int, int]:
    """Count rounds and zones; of them, those that flicker; and how often "stay" was taken back.

    A zone's phase is quiet, cover (warn; update from stay), impact expected, or stay; an update in any other
    phase changes none. A change is charged to each round, as tracked, that its message names as a cause. A round and a
    zone flicker if one is charged with a second change into the same phase.
    """
    phase: dict[int, WarningPhase] = {}
    charged: Counter[tuple[int, int, WarningPhase]] = Counter()
    pairs: set[tuple[int, int]] = set()
    n_back = 0
    for w in messages:
        before = phase.get(w.zone_id, WarningPhase.CLEAR)
        after = w.phase
        if after is WarningPhase.UPDATE:
            after = WarningPhase.WARN if before is WarningPhase.STAY else before
        phase[w.zone_id] = after
        rounds = {cause.track_id for cause in w.causes}
        pairs |= {(w.zone_id, i) for i in rounds}
        if after is not before:
            n_back += before is WarningPhase.STAY and w.level is WarningLevel.WARN
            charged.update((w.zone_id, i, after) for i in rounds)
    return len(pairs), len({(zone_id, i) for (zone_id, i, _), n in charged.items() if n > 1}), n_back


def score(kept: Kept, rule: WarningSettings) -> Tally:
    """Weigh the rule against what truly came down."""
    plan, shapes, areas = _place(kept.scenario)
    reach_m = {r.name: r.hazard_radius_m for r in plan.rounds}
    messages = told(kept, rule)
    alarms, (n_pairs, n_flicker, n_back) = alarms_of(messages), flicker_of(messages)
    borne: set[int] = set()
    hit: set[int] = set()
    first: set[int] = set()
    tally = dict.fromkeys(("n", "in_time", "n_first", "first_in_time", "missed", "not_left"), 0)
    for _, name, e_m, n_m, t_ns, t_fourth_ns in sorted(kept.rounds, key=lambda r: r[4]):
        for zone_id, shape in enumerate(shapes):
            off_m = shape.distance(shapely.Point(e_m, n_m))
            if off_m > reach_m[name]:
                continue
            hit.add(zone_id)
            under = [i for i, (z, a, b) in enumerate(alarms) if z == zone_id and a <= t_ns <= b]
            borne.update(under)
            if off_m > 0.0:
                continue
            is_first = zone_id not in first
            first.add(zone_id)
            if not t_fourth_ns or (t_ns - t_fourth_ns) / NS_PER_S < LEFT_S:
                tally["not_left"] += 1
                continue
            lead_s = max(((t_ns - alarms[i][1]) / NS_PER_S for i in under), default=-1.0)
            tally["n"] += 1
            tally["in_time"] += lead_s >= LEAD_S
            tally["n_first"] += is_first
            tally["first_in_time"] += is_first and lead_s >= LEAD_S
            tally["missed"] += lead_s < 0.0
    starts = np.bincount([z for z, _, _ in alarms], minlength=1)
    return Tally(
        **tally,
        alarms=len(alarms),
        false=len(alarms) - len(borne),
        messages=len(messages),
        pairs=n_pairs,
        flicker=n_flicker,
        back=n_back,
        most_turns=int(starts.max()),
        area_m2=sum(areas[z] for z, _, _ in alarms),
        true_area_m2=sum(areas[z] for z in hit),
    )


def gather(folder: Path, scenario: str, rules: list[WarningSettings], seeds: range) -> tuple[int, list[Tally], float]:
    """Add up all kept seeds of a scenario under each rule."""
    sums, n, wall_s = [Tally() for _ in rules], 0, 0.0
    for seed in seeds:
        path = path_of(folder, scenario, seed)
        if path.exists():
            kept = Kept(*pickle.loads(path.read_bytes()))  # noqa: S301 our own files
            sums = [total.plus(score(kept, rule)) for total, rule in zip(sums, rules, strict=True)]
            n, wall_s = n + 1, wall_s + kept.wall_s
    return n, sums, wall_s


def report(folder: Path, seeds: range) -> None:
    """Print the table of the declared rule."""
    for scenario in RAIDS:
        n, (t,), wall_s = gather(folder, scenario, [WarningSettings()], seeds)
        print(f"{scenario}: {n} seeds, {wall_s / max(n, 1):.0f} s each")
        for name, rate in (
            ("warned 10 s ahead, of rounds with 12 s left", Rate.of(t.in_time, t.n)),
            ("the same, first round into its zone", Rate.of(t.first_in_time, t.n_first)),
            ("not warned at all", Rate.of(t.missed, t.n)),
            ("alarms without a round", Rate.of(t.false, t.alarms)),
            ("rounds and zones whose phases flicker", Rate.of(t.flicker, t.pairs)),
        ):
            print(f"  {name:46} {rate.k:6} of {rate.n:6}  {100 * rate.low:6.2f} to {100 * rate.high:6.2f} %")
        print(f"  rounds into a zone with less left: {t.not_left}; area over that of the truth:", end=" ")
        print(
            f"{t.area_m2 / max(t.true_area_m2, 1.0):.3f}; messages per alarm {t.messages / max(t.alarms, 1):.1f};",
            end=" ",
        )
        print(f"stay taken back {t.back} times; most alarms of one zone in a run {t.most_turns}")


def main() -> None:
    """Parse, and do one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("fly", "score", "curve"))
    parser.add_argument("--folder", type=Path, default=Path("/tmp/casemate-warning"))  # noqa: S108 a study's scratch
    parser.add_argument("--scenario", action="append", choices=RAIDS)
    parser.add_argument("--seeds", type=int, nargs=2, default=(1000, 2000))
    parser.add_argument("--picture", type=Path, default=Path("docs/images/warning-threshold.png"))
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    seeds = range(*args.seeds)
    if args.what == "fly":
        jobs = [(scenario, seed) for seed in seeds for scenario in args.scenario or RAIDS]
        fly_all(jobs, args.folder, args.workers)
    elif args.what == "score":
        report(args.folder, seeds)
    else:
        curve(args.folder, seeds, args.picture)


def curve(folder: Path, seeds: range, picture: Path) -> None:
    """Print and draw what is late, what is false, and how much is alarmed, by the cost of an alarm."""
    costs = np.geomspace(1e-6, 1e-2, 17).tolist()
    rules = [structs.replace(WarningSettings(), cost_per_person=cost) for cost in costs]
    found = {scenario: gather(folder, scenario, rules, seeds) for scenario in RAIDS}
    print("scenario,seeds,cost_per_person,late_or_missed,rounds,false,alarms,area_over_truth")
    for scenario, (n, tallies, _) in found.items():
        for cost, t in zip(costs, tallies, strict=True):
            area = t.area_m2 / max(t.true_area_m2, 1.0)
            print(f"{scenario},{n},{cost:.2e},{t.n - t.in_time},{t.n},{t.false},{t.alarms},{area:.3f}")
    draw(costs, {scenario: (n, tallies) for scenario, (n, tallies, _) in found.items()}, picture)


def draw(costs: list[float], found: dict[str, tuple[int, list[Tally]]], picture: Path) -> None:
    """Draw the curves as a PNG."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(13.0, 4.4), dpi=110)
    for scenario, (n, tallies) in found.items():
        label = f"{scenario} ({n} seeds, {tallies[0].n} rounds)"
        late = [100.0 * (t.n - t.in_time) / max(t.n, 1) for t in tallies]
        false = [100.0 * t.false / max(t.alarms, 1) for t in tallies]
        area = [t.area_m2 / max(t.true_area_m2, 1.0) for t in tallies]
        for chart, values in zip(axes, (late, false, area), strict=True):
            chart.plot(costs, values, "o-", ms=3, label=label)
    titles = (
        "not warned 10 s ahead, of rounds with 12 s left [%]",
        "alarms without a round [%]",
        "area over the truth's",
    )
    for chart, title in zip(axes, titles, strict=True):
        chart.set_xscale("log")
        chart.set_title(title, fontsize=9.5)
        chart.set_xlabel("cost_per_person [casualties]")
        chart.axvline(WarningSettings().cost_per_person, color="#9aa5b1", ls="--", lw=1)
        chart.grid(color="#e4e7eb", lw=0.6)
    axes[0].axhline(1.0, color="#d64545", ls=":", lw=1)
    axes[2].axhline(1.5, color="#d64545", ls=":", lw=1)
    axes[0].legend(fontsize=7.5)
    figure.tight_layout()
    figure.savefig(picture, metadata={"Software": None})


if __name__ == "__main__":
    main()
