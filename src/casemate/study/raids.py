"""Many raids: the same scenario over many seeds, a small file for each, so that nothing flown is flown again.

A night is the world, the pipeline and what came down, with nothing written of the run itself. Its seed decides it, so
any number of workers gives the same; Ctrl-C lets the nights in the air end.
"""

import hashlib
import itertools
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

import casemate
from casemate.errors import SettingsError
from casemate.io import settings
from casemate.model.catalog import Ring
from casemate.model.messages import Aside, WarningLevel, ZoneWarning
from casemate.model.records import Records
from casemate.pipeline import Pipeline, Plan
from casemate.runner import plan_of, terrain_of, with_ticks
from casemate.sim.fallen import WHOLE, come_down, hit_rounds
from casemate.sim.intercept.debris import DEAD_ROUND, DUD_BODY, LIVE_BODY
from casemate.sim.intercept.gun import Outcome
from casemate.sim.people import ring_of
from casemate.sim.scenario import Scenario
from casemate.sim.world import World
from casemate.study.harm import Alarm, Borne, borne_by, crowd_of, inside_of
from casemate.study.perfect import PerfectTracks

Steps = Callable[[int, int], None]

_OPEN: Final = 2**62
_LAW: Final = ("assess", "data", "kernels", "model", "physics", "sim", "tracking", "pipeline.py", "study/harm.py")
_LAW_TOO: Final = ("study/raids.py", "study/perfect.py")


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario as it is to be flown."""

    name: str
    scenario: Scenario
    site: str  # path of the site file
    with_intercept: bool = True
    sees_truth: bool = False  # fire control is told where things truly are; see `study.perfect`

    def digest(self) -> str:
        """Return what tells its nights from those of others: of all that is declared, and of the code."""
        said = msgspec.json.encode((self.scenario, self.with_intercept, self.sees_truth))
        return hashlib.sha256(said + Path(self.site).read_bytes() + code_digest()).hexdigest()[:16]


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """What one seed came to; counts of rounds of the raid but for `n_shots`."""

    seed: int
    n_rounds: int
    n_bound_for_asset: int
    n_met: int  # a burst was fired at where they were
    n_intercepted: int  # destroyed, or their fuze is dead
    n_destroyed: int  # no longer in the air
    n_down_inside: int  # came down in the zones inside the site: whole, dead, or as a body
    n_live_inside: int  # of them, those that were not made harmless
    n_live_at_asset: int
    n_bursts: int
    n_shots: int
    n_held: int  # bursts that were called off
    borne: tuple[Borne, ...]

    def harm(self, *, is_warned: bool, is_inside: bool | None = None) -> float:
        """Return expected casualties, of one side of the wall or of both."""
        return sum(b.total(is_warned=is_warned) for b in self.borne if is_inside in {None, b.is_inside})


def find(scenario: str) -> tuple[Scenario, str]:
    """Return a scenario and the path of its site, by a packaged name or a file.

    Raises
    ------
    SettingsError
        No such scenario or site.
    """
    path = _find("scenarios", scenario, Path())
    declared = settings.read_toml(path, Scenario)
    return declared, str(_find("sites", declared.site, path.parent))


def fly(variant: Variant, seed: int) -> Night:
    """Fly one night."""
    site_path = Path(variant.site)
    plan = plan_of(site_path)
    terrain = terrain_of(plan, site_path)
    # it ends when all has come down, and not when the scenario does: nothing is counted later
    scenario = msgspec.structs.replace(variant.scenario, duration_s=1.0) if variant.scenario.raid else variant.scenario
    try:
        world = World(
            scenario, plan.site, plan.rounds, plan.frame(), seed, with_intercept=variant.with_intercept,
            environment=plan.environment(), terrain=terrain,
        )  # fmt: skip
    except SettingsError as error:
        raise SettingsError(variant.name, error.key, error.why) from None
    pipeline = Pipeline(plan, terrain)
    perfect = PerfectTracks(world, plan) if variant.sees_truth else None
    told: list[ZoneWarning] = []
    shots: list[Records] = []
    for message in with_ticks(world):
        if isinstance(message, Aside):
            if message.kind == "engagements":
                shots.append(message.rows)
            if perfect is not None:
                perfect.take(message)
            continue
        events = pipeline.step(message)
        told += events.warnings
        world.take(message, events if perfect is None else perfect.instead_of(events))
    down = come_down(world)
    class_of = [r.round_class for r in world.rounds]
    crowd, inside = crowd_of(scenario, plan.site, plan.frame()), inside_of(plan.site, plan.frame())
    borne = borne_by(down, alarms_of(told), plan.site, crowd, inside, world.classes, class_of)
    return _counted(world, plan, down, shots, borne)


def alarms_of(told: Sequence[ZoneWarning]) -> list[Alarm]:
    """Return each alarm from its first warning to its all-clear."""
    begun: dict[int, int] = {}
    out: list[Alarm] = []
    for warning in told:
        if warning.level is not WarningLevel.CLEAR:
            begun.setdefault(warning.zone_id, warning.t_issued_ns)
        elif warning.zone_id in begun:
            out.append(Alarm(warning.zone_id, begun.pop(warning.zone_id), warning.t_issued_ns))
    return out + [Alarm(zone_id, t_ns, _OPEN) for zone_id, t_ns in begun.items()]


def _counted(world: World, plan: Plan, down: Records, shots: Sequence[Records], borne: tuple[Borne, ...]) -> Night:
    frame, site, n = plan.frame(), plan.site, len(world.rounds)

    def shape(rings: Sequence[Ring]) -> shapely.Geometry:
        return shapely.union_all([shapely.Polygon(ring_of(ring, frame)) for ring in rings])

    wall = shape([zone.polygon_deg for zone, each in zip(site.zone, borne, strict=False) if each.is_inside])
    assets = shape([asset.polygon_deg for asset in site.asset])
    e_m, n_m = down["pos_m"].T
    is_body = np.isin(down["what"], (WHOLE, DEAD_ROUND, DUD_BODY, LIVE_BODY))
    in_wall: NDArray[np.bool_] = is_body & np.asarray(shapely.contains_xy(wall, e_m, n_m), np.bool_)
    at_asset: NDArray[np.bool_] = is_body & np.asarray(shapely.contains_xy(assets, e_m, n_m), np.bool_)
    rows = np.concatenate(shots) if shots else None
    is_burst = None if rows is None else np.isin(rows["outcome"], (Outcome.KILL.value, Outcome.MISS.value))
    impacts = np.array([r.impact_m for r in world.rounds]).reshape(-1, 2)
    return Night(
        seed=world.seed,
        n_rounds=n,
        n_bound_for_asset=int(shapely.contains_xy(assets, impacts[:, 0], impacts[:, 1]).sum()),
        n_met=len({truth_id for _, truth_id, _ in world.spent if 0 < truth_id <= n}),
        n_intercepted=len(hit_rounds(world)),
        n_destroyed=sum(i <= n for i in world.dead_s),
        n_down_inside=int(in_wall.sum()),
        n_live_inside=int((in_wall & down["is_live"]).sum()),
        n_live_at_asset=int((at_asset & down["is_live"]).sum()),
        n_bursts=0 if is_burst is None else int(is_burst.sum()),
        n_shots=0 if rows is None or is_burst is None else int(rows["n_rounds"][is_burst].sum()),
        n_held=0 if rows is None else int((rows["outcome"] == "held").sum()),
        borne=borne,
    )


def fly_all(
    variants: Sequence[Variant],
    seeds: Sequence[int],
    folder: Path,
    workers: int = 1,
    progress: Steps = lambda _done, _total: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, list[Night]]:
    """Fly all variants over all seeds that are not kept yet; return their nights by variant, in order of seeds.

    Parameters
    ----------
    variants : sequence of Variant
    seeds : sequence of int
        The same for each: what differs is not the raid.
    folder : Path
        Where nights are kept.
    workers : int
        Processes.
    progress, is_stopped : callable
        Told how many nights of how many are there; asked before each new one.

    Returns
    -------
    dict of str to list of Night
        Of those seeds only that all variants have, so that rows pair; fewer where it was stopped.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {(v.name, seed): folder / f"{v.digest()}-{seed}.json" for v in variants for seed in seeds}
    missing = [(v, seed) for seed in seeds for v in variants if not paths[v.name, seed].exists()]
    missing = list({paths[v.name, seed]: (v, seed) for v, seed in missing}.values())  # two may be the same night
    n_all = len(missing)
    progress(0, n_all)
    for n_there, (variant, seed, night) in enumerate(_flown(missing, workers, is_stopped), 1):
        path = paths[variant.name, seed]
        part = path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(night))
        part.replace(path)
        progress(n_there, n_all)
    whole = [seed for seed in seeds if all(paths[v.name, seed].exists() for v in variants)]
    return {v.name: [_kept(paths[v.name, seed]) for seed in whole] for v in variants}


def _kept(path: Path) -> Night:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Night)
    except (msgspec.DecodeError, OSError) as error:
        raise SettingsError(
            str(path), "", f"is no night that was kept; remove it, and it is flown again: {error}"
        ) from None


def _flown(
    jobs: Sequence[tuple[Variant, int]], workers: int, is_stopped: Callable[[], bool]
) -> Iterator[tuple[Variant, int, Night]]:
    if workers == 1:
        for variant, seed in itertools.takewhile(lambda _: not is_stopped(), jobs):
            yield variant, seed, fly(variant, seed)
        return
    todo = iter(jobs)
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )
    with pool:
        flying: dict[Future[Night], tuple[Variant, int]] = {
            pool.submit(fly, *job): job for job in itertools.islice(todo, workers)
        }
        while flying:
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for each in done:
                variant, seed = flying.pop(each)
                yield variant, seed, each.result()
                if not is_stopped():
                    flying |= {pool.submit(fly, *job): job for job in itertools.islice(todo, 1)}


@cache
def code_digest() -> bytes:
    """Return the hash of all that a night depends on in this package."""
    home = Path(casemate.__file__).parent
    files: list[Path] = []
    for name in (*_LAW, *_LAW_TOO):
        path = home / name
        files += [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in {".py", ".toml"})
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).digest()


def _find(kind: str, name: str, beside: Path) -> Path:
    given = Path(name)
    if given.suffix == ".toml" or len(given.parts) > 1:
        return beside / given
    return settings.packaged(kind, name)
