"""Everything that came down in a run, where, and whether it may go off: rounds, what was left of them, guns' rounds.

Worked out after the run and from it alone, by chance of its own: asking changes nothing.
"""

from typing import Final

import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.records import Records, freeze
from casemate.sim.intercept.debris import DEAD_ROUND, FALLEN, loose_round
from casemate.sim.intercept.fire import Spent
from casemate.sim.intercept.gun import Fate
from casemate.sim.intercept.residue import fall_of_burst, fall_of_round
from casemate.sim.intercept.shots import Path
from casemate.sim.raid import Round
from casemate.sim.world import World

COME_DOWN: Final = np.dtype([*FALLEN.descr, ("t_ns", "i8"), ("round_id", "u4")])
"""FALLEN, and when [ns], and of which round of the raid; 0: of a gun's own rounds. The time is exact for rounds, and
early by as long as a burst and its flight last for pieces of guns' rounds (6 s at most)."""

WHOLE: Final = "whole round"
"""A round of the raid that nothing has stopped; it goes off but for its own share of duds."""

_CHILD: Final = 5
"""The world has split its seed into this many streams; what falls has the next one, and of it one for each burst."""


def come_down(world: World, until_s: float = np.inf) -> Records:
    """Return what came down: COME_DOWN (k,), first what is of the raid's rounds, then of the guns'.

    Parameters
    ----------
    world : World
        Run to its end, or to where it was stopped.
    until_s : float
        Time of that since its start [s]: rounds still in the air are left out.
    """
    rows, ends = [_whole_rounds(world, until_s)], _ends(world)
    for k, (t_fire_ns, truth_id, spent) in enumerate(world.spent):
        of_shots, of_round = (np.random.default_rng(s) for s in _stream(world.seed, k).spawn(2))
        if k in ends:
            rows.append(_of_round(world, t_fire_ns, truth_id, spent, of_round, is_dud=ends[k]))
        rows.append(_of_shots(world, t_fire_ns, spent, of_shots))
    down = np.concatenate(rows)
    order = np.argsort(down["round_id"] == 0, kind="stable")
    return freeze(down[order])


def hit_rounds(world: World) -> set[int]:
    """Return the ids of rounds of the raid that were destroyed or whose fuze is dead."""
    return {i for i in world.dead_s.keys() | world.duds if i <= len(world.rounds)}


def _ends(world: World) -> dict[int, bool]:
    # Which bursts destroyed a round, and whether its fuze was dead by then. A round may be hit by several: what comes
    # first counts, by the time of the hit and not by that of the burst.
    kills = [
        (t_fire_ns + spent.end.kill_s * NS_PER_S, k, truth_id, spent.end.fate)
        for k, (t_fire_ns, truth_id, spent) in enumerate(world.spent)
        if 0 < truth_id <= len(world.rounds) and spent.end.fate is not None
    ]
    ends: dict[int, bool] = {}
    gone: set[int] = set()
    duds: set[int] = set()
    for _, k, truth_id, fate in sorted(kills):
        if fate is Fate.FUZE_DEAD:
            duds.add(truth_id)
        elif truth_id not in gone:
            gone.add(truth_id)
            ends[k] = truth_id in duds
    return ends


def _stream(seed: int, k: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(_CHILD, k))


def _whole_rounds(world: World, until_s: float) -> Records:
    down = [r for r in world.rounds if r.truth_id not in world.dead_s and r.impact_s <= until_s]
    rows = np.zeros(len(down), COME_DOWN)
    for row, r in zip(rows, down, strict=True):
        is_dead = r.truth_id in world.duds
        body = world.classes[r.round_class]
        speed_mps = float(np.linalg.norm(r.trajectory.vel_mps[-1]))
        row["what"], row["n"], row["is_live"] = DEAD_ROUND if is_dead else WHOLE, 1.0, not is_dead
        row["mass_kg"], row["energy_j"] = body.mass_kg, 0.5 * body.mass_kg * speed_mps**2
        row["t_s"], row["pos_m"] = r.impact_s - r.start_s, r.impact_m
        row["t_ns"], row["round_id"] = world.t_start_ns + round(r.impact_s * NS_PER_S), r.truth_id
    return freeze(rows)


def _of_round(
    world: World, t_fire_ns: int, truth_id: int, spent: Spent, rng: np.random.Generator, *, is_dud: bool
) -> Records:
    r = world.rounds[truth_id - 1]
    assert spent.end.fate is not None
    fire_s = (t_fire_ns - world.t_start_ns) / NS_PER_S
    path = _path(r, fire_s)
    at_s = spent.end.kill_s
    loose = loose_round(path, at_s, world.classes[r.round_class], spent.end.fate, rng, is_dud=is_dud)
    fallen = fall_of_round(loose, spent.shots.air, world.terrain)
    return _stamped(fallen, t_fire_ns + round(at_s * NS_PER_S), truth_id)


def _of_shots(world: World, t_fire_ns: int, spent: Spent, rng: np.random.Generator) -> Records:
    return _stamped(fall_of_burst(spent, rng, world.terrain), t_fire_ns, 0)


def _path(r: Round, fire_s: float) -> Path:
    flight = r.trajectory
    return Path(flight.t_s - flight.t_s[0] + r.start_s - fire_s, flight.pos_m, flight.vel_mps)


def _stamped(fallen: Records, t_ns: int, round_id: int) -> Records:
    rows = np.zeros(len(fallen), COME_DOWN)
    for name in FALLEN.names or ():
        rows[name] = fallen[name]
    rows["t_ns"] = t_ns + np.rint(NS_PER_S * np.nan_to_num(fallen["t_s"])).astype(np.int64)
    rows["round_id"] = round_id
    return freeze(rows)
