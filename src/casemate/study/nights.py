"""Runs of a scenario for studies, in memory: the closed loop over many seeds, for one worker or several, in order.

What a study wants of a run is worked out where it was flown: whole worlds are too large to be handed about.
"""

import pathlib
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import NamedTuple, TypeVar

import msgspec

from casemate.io import settings
from casemate.model.messages import Aside
from casemate.physics.terrain import Terrain
from casemate.pipeline import Pipeline, Plan
from casemate.runner import plan_of, terrain_of, with_ticks
from casemate.sim.intercept.gun import Gun
from casemate.sim.outcome import Outcome, Scorer
from casemate.sim.scenario import Scenario
from casemate.sim.world import World

T = TypeVar("T")


class Ground(NamedTuple):
    """What all runs of a scenario share."""

    scenario: Scenario
    plan: Plan
    terrain: Terrain | None


class Way(NamedTuple):
    """One run that a study asks for."""

    seed: int
    with_intercept: bool = True
    is_every_round_flown: bool = False
    n_guns: int | None = None  # the first so many of the scenario's; None: all
    p_dud: float | None = None  # share of their rounds that do not destroy themselves; None: their own


class Night(NamedTuple):
    """A run that is over."""

    way: Way
    world: World
    outcome: Outcome


@cache
def ground_of(name: str) -> Ground:
    """Read a packaged scenario by its name, or a scenario file by its path, and the site that it names."""
    given = pathlib.Path(name)
    path = given if given.suffix == ".toml" or len(given.parts) > 1 else settings.packaged("scenarios", name)
    scenario = settings.read_toml(path, Scenario)
    site = pathlib.Path(scenario.site)
    is_file = site.suffix == ".toml" or len(site.parts) > 1
    site_path = path.parent / site if is_file else settings.packaged("sites", scenario.site)
    plan = plan_of(site_path)
    return Ground(scenario, plan, terrain_of(plan, site_path))


def fly_night(ground: Ground, way: Way) -> Night:
    """Fly one run, closed loop, with nothing written.

    Raises
    ------
    SettingsError
        The scenario does not fit the site.
    """
    scenario, plan, frame = ground.scenario, ground.plan, ground.plan.frame()
    scenario = msgspec.structs.replace(scenario, gun=_guns_of(scenario, way))
    world = World(
        scenario, plan.site, plan.rounds, frame, way.seed, with_intercept=way.with_intercept,
        is_every_round_flown=way.is_every_round_flown, environment=plan.environment(), terrain=ground.terrain,
    )  # fmt: skip
    scorer, pipeline = Scorer(world, plan.site, frame), Pipeline(plan, ground.terrain)
    for message in with_ticks(world):
        events = None if isinstance(message, Aside) else pipeline.step(message)
        world.take(message, events)
        scorer.take(message, events)
    return Night(way, world, scorer.outcome())


def _guns_of(scenario: Scenario, way: Way) -> tuple[Gun, ...]:
    guns = scenario.gun[: way.n_guns]
    if way.p_dud is None:
        return guns
    return tuple(
        msgspec.structs.replace(gun, figures=msgspec.structs.replace(gun.resolved(), p_self_destruct_fails=way.p_dud))
        for gun in guns
    )


def fly_nights(name: str, ways: Sequence[Way], work: Callable[[Ground, Night], T], workers: int = 1) -> Iterator[T]:
    """Fly runs and yield what `work` makes of each, in the order asked for: the same for any number of workers.

    Parameters
    ----------
    name : str
        Of a packaged scenario, or the path of a scenario file.
    ways : sequence of Way
    work : callable
        A function of a module, since workers must find it; what it returns must pickle.
    workers : int
        Processes; 1: this one. Whoever stops asking stops the flying: what was yielded is whole.
    """
    if workers <= 1:
        yield from (_flown(name, way, work) for way in ways)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        flying: deque[Future[T]] = deque()
        try:
            for way in ways:
                flying.append(pool.submit(_flown, name, way, work))
                if len(flying) > 2 * workers:  # a slow one holds up the answers, not the flying
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _flown(name: str, way: Way, work: Callable[[Ground, Night], T]) -> T:
    ground = ground_of(name)
    return work(ground, fly_night(ground, way))
