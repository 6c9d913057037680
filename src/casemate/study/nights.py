"""Nights of a scenario for studies: closed loop, many seeds, one small file for each, so that none is flown twice.

A night is the world and the pipeline, with nothing written of the run itself. Its seed decides it, so any number of
workers gives the same; Ctrl-C lets the nights in the air end. What a study wants of a night is worked out where it was
flown: whole worlds are too large to be handed about.
"""

import hashlib
import inspect
import itertools
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple, Protocol, Self, TypeVar

import msgspec

import casemate
from casemate.errors import SettingsError
from casemate.io import settings
from casemate.model.messages import Aside, ZoneWarning
from casemate.model.records import Records
from casemate.physics.terrain import Terrain
from casemate.pipeline import Pipeline, Plan
from casemate.runner import plan_of, terrain_of, with_ticks
from casemate.sim.scenario import Scenario
from casemate.sim.world import World
from casemate.study.perfect import PerfectTracks

Steps = Callable[[int, int], None]

_LAW: Final = ("assess", "data", "kernels", "model", "physics", "runner", "sim", "tracking", "pipeline.py")
_LAW_TOO: Final = ("study/harm.py", "study/nights.py", "study/perfect.py")


class Ground(NamedTuple):
    """What all nights of a scenario share."""

    scenario: Scenario
    plan: Plan
    terrain: Terrain | None


class Way(NamedTuple):
    """How one night is flown."""

    seed: int
    with_intercept: bool = True
    is_every_round_flown: bool = False
    sees_truth: bool = False  # fire control is told where things truly are; see `study.perfect`


class Flown(NamedTuple):
    """A night that is over: its world, what was warned of, and what became of each burst."""

    ground: Ground
    world: World
    told: tuple[ZoneWarning, ...]
    engagements: tuple[Records, ...]  # ENGAGEMENT


class Kept(Protocol):
    """What a study keeps of a night: a struct, written as JSON."""

    @classmethod
    def of(cls, flown: Flown) -> Self:
        """Return what is kept of a night."""
        ...


T = TypeVar("T", bound=Kept)


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario as it is to be flown."""

    name: str
    scenario: Scenario
    site: str  # path of the site file
    with_intercept: bool = True
    sees_truth: bool = False

    def digest(self, kind: type[Kept]) -> str:
        """Return what tells its nights from those of others: of all that is declared, and of the code."""
        said = msgspec.json.encode((self.scenario, self.with_intercept, self.sees_truth, kind.__name__))
        code = code_digest(inspect.getfile(kind))
        return hashlib.sha256(said + Path(self.site).read_bytes() + code).hexdigest()[:16]


def find(name: str) -> tuple[Scenario, str]:
    """Return a scenario and the path of its site, by a packaged name or a file.

    Raises
    ------
    SettingsError
        No such scenario or site.
    """
    path = _find("scenarios", name, Path())
    declared = settings.read_toml(path, Scenario)
    return declared, str(_find("sites", declared.site, path.parent))


def ground_of(name: str) -> Ground:
    """Read a packaged scenario by its name, or a scenario file by its path, and the site that it names."""
    scenario, site = find(name)
    return Ground(scenario, *_site_of(site))


def fly_night(ground: Ground, way: Way) -> Flown:
    """Fly one night.

    Raises
    ------
    SettingsError
        The scenario does not fit the site.
    """
    plan = ground.plan
    world = World(
        ground.scenario, plan.site, plan.rounds, plan.frame(), way.seed, with_intercept=way.with_intercept,
        is_every_round_flown=way.is_every_round_flown, environment=plan.environment(), terrain=ground.terrain,
    )  # fmt: skip
    pipeline = Pipeline(plan, ground.terrain)
    perfect = PerfectTracks(world, plan) if way.sees_truth else None
    told: list[ZoneWarning] = []
    engagements: list[Records] = []
    for message in with_ticks(world):
        if isinstance(message, Aside):
            if message.kind == "engagements":
                engagements.append(message.rows)
            if perfect is not None:
                perfect.take(message)
            continue
        events = pipeline.step(message)
        told += events.warnings
        world.take(message, events if perfect is None else perfect.instead_of(events))
    return Flown(ground, world, tuple(told), tuple(engagements))


def fly_all(
    kind: type[T],
    variants: Sequence[Variant],
    seeds: Sequence[int],
    folder: Path,
    workers: int = 1,
    progress: Steps = lambda _done, _total: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, list[T]]:
    """Fly all variants over all seeds that are not kept yet; return what is kept, by variant, in order of seeds.

    Parameters
    ----------
    kind : type
        What is kept of a night.
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
    dict of str to list
        Of those seeds only that all variants have, so that rows pair; fewer where it was stopped.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digests = {v.name: v.digest(kind) for v in variants}
    paths = {(v.name, seed): folder / f"{digests[v.name]}-{seed}.json" for v in variants for seed in seeds}
    missing = [(v, seed) for seed in seeds for v in variants if not paths[v.name, seed].exists()]
    missing = list({paths[v.name, seed]: (v, seed) for v, seed in missing}.values())  # two may be the same night
    n_all = len(missing)
    progress(0, n_all)
    for n_there, (variant, seed, night) in enumerate(_flown(kind, missing, workers, is_stopped), 1):
        path = paths[variant.name, seed]
        part = path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(night))
        part.replace(path)
        progress(n_there, n_all)
    whole = [seed for seed in seeds if all(paths[v.name, seed].exists() for v in variants)]
    return {v.name: [_kept(kind, paths[v.name, seed]) for seed in whole] for v in variants}


def fly(kind: type[T], variant: Variant, seed: int) -> T:
    """Fly one night of a variant, and return what is kept of it."""
    scenario = variant.scenario
    if scenario.raid:  # it ends when all has come down, and not when the scenario does: nothing is counted later
        scenario = msgspec.structs.replace(scenario, duration_s=1.0)
    way = Way(seed, variant.with_intercept, sees_truth=variant.sees_truth)
    try:
        return kind.of(fly_night(Ground(scenario, *_site_of(variant.site)), way))
    except SettingsError as error:
        raise SettingsError(variant.name, error.key, error.why) from None


def _flown(
    kind: type[T], jobs: Sequence[tuple[Variant, int]], workers: int, is_stopped: Callable[[], bool]
) -> Iterator[tuple[Variant, int, T]]:
    if workers == 1:
        for variant, seed in itertools.takewhile(lambda _: not is_stopped(), jobs):
            yield variant, seed, fly(kind, variant, seed)
        return
    todo = iter(jobs)
    with ProcessPoolExecutor(workers, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        flying: dict[Future[T], tuple[Variant, int]] = {
            pool.submit(fly, kind, *job): job for job in itertools.islice(todo, workers)
        }
        while flying:
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for each in done:
                variant, seed = flying.pop(each)
                yield variant, seed, each.result()
                if not is_stopped():
                    flying |= {pool.submit(fly, kind, *job): job for job in itertools.islice(todo, 1)}


def _kept(kind: type[T], path: Path) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, OSError) as error:
        raise SettingsError(
            str(path), "", f"is no night that was kept; remove it, and it is flown again: {error}"
        ) from None


@cache
def code_digest(*too: str) -> bytes:
    """Return the hash of all that a night depends on in this package, and of these files."""
    home = Path(casemate.__file__).parent
    files = [Path(name) for name in too]
    for name in (*_LAW, *_LAW_TOO):
        path = home / name
        files += [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in {".py", ".toml"})
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).digest()


@cache
def _site_of(site: str) -> tuple[Plan, Terrain | None]:
    path = Path(site)
    plan = plan_of(path)
    return plan, terrain_of(plan, path)


def _find(kind: str, name: str, beside: Path) -> Path:
    given = Path(name)
    if given.suffix == ".toml" or len(given.parts) > 1:
        return beside / given
    return settings.packaged(kind, name)
