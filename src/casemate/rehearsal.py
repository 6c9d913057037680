"""The simulated world, wired: scenario -> World -> runner -> run folder."""

import contextlib
import pathlib
from collections.abc import Callable
from typing import Any

from casemate.errors import SettingsError
from casemate.io import settings
from casemate.io.channels.areas import Place
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.desks import Desk, only_logged
from casemate.io.channels.stamps import REHEARSAL
from casemate.io.feeds.clock import StationClock
from casemate.io.recorder import check_writable
from casemate.runner import Origin, PacedClock, Progress, inputs_of, named, plan_of, record, terrain_of, with_ticks
from casemate.runner.onlooking import Opener, page_of, premises_of
from casemate.runner.warm import warm
from casemate.sim.outcome import Scorer
from casemate.sim.scenario import Scenario
from casemate.sim.world import World


def run(
    scenario_name: str,
    seed: int | None,
    folder: pathlib.Path,
    *,
    with_intercept: bool,
    is_every_round_flown: bool = False,
    progress: Progress | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    opener: Opener | None = None,
) -> dict[str, Any]:
    """Simulate a scenario, closed loop; return the summary.

    Parameters
    ----------
    scenario_name : str
        Name of a packaged scenario, or the path of a scenario file.
    seed : int or None
        Instead of the scenario's own.
    with_intercept : bool
        False: the same raid flies and no gun fires.
    is_every_round_flown : bool
        Fly each round of each burst; else its scatter is integrated. The same distribution of outcomes.
    opener : callable, optional
        Serves a page of the run: then it takes as long as what it simulates, and begins once kernels are warm.
    """
    path = _find("scenarios", scenario_name, pathlib.Path())
    scenario = settings.read_toml(path, Scenario)
    site_path = _find("sites", scenario.site, path.parent)
    plan = plan_of(site_path)
    terrain = terrain_of(plan, site_path)
    check_writable(folder)
    seed = scenario.seed if seed is None else seed
    frame = plan.frame()
    try:
        world = World(
            scenario,
            plan.site,
            plan.rounds,
            frame,
            seed,
            with_intercept=with_intercept,
            is_every_round_flown=is_every_round_flown,
            environment=plan.environment(),
            terrain=terrain,
        )
    except SettingsError as error:  # the world knows the key and why, and not which file it was built from
        with contextlib.suppress(OSError):
            folder.rmdir()  # nothing ran: leave no empty folder behind
        raise SettingsError(str(path), error.key, error.why) from None
    scorer = Scorer(world, plan.site, frame)
    if progress:
        progress.start(world.t_start_ns, world.t_end_ns)
    origin = named(Origin(data="SIMULATION", name=path.stem, inputs=inputs_of(plan, path, site_path), seed=seed))
    desk = Desk(folder, AuditLog(folder), StationClock().now_ns, is_patient=True)
    place = Place(plan.site, plan.rounds, frame, terrain)
    page = None if opener is None else page_of(premises_of("SIMULATION", plan, terrain, origin), desk)
    if opener is not None and page is not None:
        opener(page)
        warm(plan, terrain)
    listeners = () if page is None else (page.hear,)
    try:
        return record(
            with_ticks(world),
            plan,
            folder,
            origin,
            terrain=terrain,
            teller=only_logged(REHEARSAL, place, origin.run, plan.hold_s(), desk, listeners),
            sinks=[world, scorer] if page is None else [world, scorer, page],
            outcome=scorer.outcome,
            clock=None if page is None else PacedClock(1.0),
            progress=progress,
            is_stopped=is_stopped,
        )
    finally:
        if page is not None:
            page.is_over = True


def _find(kind: str, name: str, beside: pathlib.Path) -> pathlib.Path:
    # A path when it looks like one, else a packaged name.
    given = pathlib.Path(name)
    if given.suffix == ".toml" or len(given.parts) > 1:
        return beside / given
    return settings.packaged(kind, name)
