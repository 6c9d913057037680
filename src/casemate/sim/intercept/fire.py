"""One burst, fired: what the fire control commands, and what each round then does to what is truly there.

The command comes from the estimate alone. Then chance: errors that the burst shares, drawn once, and each round's own.
In the one fidelity every round is flown past the round that is shot at; in the other a few of a burst stand for it,
each for its part, and their scatter is integrated. Directions stay in here: no file, message or format carries them.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.model.catalog import RoundClass
from casemate.sim.intercept.aim import meet, plane_across, presented_area_m2, unit
from casemate.sim.intercept.burst import p_kill_at
from casemate.sim.intercept.gun import Fate, GunKind
from casemate.sim.intercept.shots import Path, Shots

Floats = NDArray[np.float64]

_PARTS: Final = 8
"""Rounds that stand for a burst: its middle moves by less than the scatter from one to the next."""


class Command(NamedTuple):
    """What a burst is told to do, by the estimate; n rounds. Private to the simulated fire control."""

    place_m: Floats  # (3,)
    left_s: Floats  # (n,) since the trigger
    muzzle_mps: Floats  # (n, 3)
    flight_s: Floats  # (n,) until it meets the estimate


class Shared(NamedTuple):
    """The errors that a burst shares."""

    turn_rad: Floats  # (2,) to the right and up
    muzzle_mps: float
    wind_mps: Floats  # (3,) beside the air that the shots fly in


class Burst(NamedTuple):
    """What became of a burst."""

    muzzle_mps: Floats  # (m, 3) as the rounds truly left; m: those flown
    left_s: Floats  # (m,)
    is_hit: NDArray[np.bool_]  # (m,) met the round; none where the burst is integrated
    p_kill: float  # given its shared errors and the truth; NaN where every round was flown
    fate: Fate | None  # None: a miss
    kill_s: float  # since the trigger; NaN: a miss


class Spent(NamedTuple):
    """A burst that is over, for what comes down of it."""

    shots: Shots  # in the true air
    told: Command
    shared: Shared
    end: Burst


def command(shots: Shots, place_m: Floats, path: Path, n_rounds: int) -> Command:
    """Return the shots that would meet a predicted path: each round of a burst at the time that it takes to get there.

    Parameters
    ----------
    shots : Shots
        In the air that the fire control believes in.
    place_m : (3,) float64
        The gun's.
    path : Path
        The estimate, predicted; its clock starts at the trigger.
    n_rounds : int
    """
    left_s = shots.kind.rounds_s(n_rounds)
    muzzle, flight_s = shots.solve(place_m, path, left_s)
    return Command(place_m, left_s, muzzle, flight_s)


def draw_boresight(kind: GunKind, rng: np.random.Generator) -> Floats:
    """Draw how far a gun's line of fire is off for the whole run (2,) [rad]."""
    return 1e-3 * kind.boresight_mrad * rng.standard_normal(2)


def draw_shared(kind: GunKind, boresight_rad: Floats, sigma_wind_mps: float, rng: np.random.Generator) -> Shared:
    """Draw the errors that a burst shares.

    Parameters
    ----------
    kind : GunKind
    boresight_rad : (2,) float64
        Of the gun, see `draw_boresight`.
    sigma_wind_mps : float
        Of a wind beside that of the air in which the shots will fly, per component; 0 where that air is the true one.
    rng : Generator
    """
    turn, lot, wind = rng.standard_normal(2), rng.standard_normal(), rng.standard_normal(2)
    return Shared(
        boresight_rad + 1e-3 * kind.aim_error_mrad * turn,
        kind.sigma_lot_mps * float(lot),
        np.append(sigma_wind_mps * wind, 0.0),
    )


def fire(
    shots: Shots, told: Command, truth: Path, body: RoundClass | None, shared: Shared, rng: np.random.Generator, *,
    is_every_round_flown: bool,
) -> Burst:  # fmt: skip
    """Fire a burst at what is truly there.

    Parameters
    ----------
    shots : Shots
        In the true air.
    told : Command
        What the fire control made of its estimate.
    truth : Path
        Where the round truly is; its clock starts at the trigger. What passes after its end meets nothing.
    body : RoundClass or None
        What it truly is.
    shared : Shared
        Errors of this burst.
    rng : Generator
        Of each round's own errors and of what a hit does.
    is_every_round_flown : bool
        Fly every round; otherwise eight stand for the burst, and the scatter about them is integrated.
    """
    if is_every_round_flown:
        return _fly_each(shots, told, truth, body, shared, rng)
    return _integrate(shots, told, truth, body, shared, rng)


def at_nothing(told: Command) -> Burst:
    """Return what becomes of a burst where there is nothing to meet: all of it goes on, and comes down."""
    none = np.zeros(0, np.bool_)
    return Burst(np.zeros((0, 3)), told.left_s, none, 0.0, None, math.nan)


def passing(
    shots: Shots, told: Command, muzzle_mps: Floats, truth: Path, wind_mps: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return where shots pass what is truly there (k, 3) [m], their way past it and its velocity (k, 3) [m/s].

    Notes
    -----
    The closest approach of two straight lines about the time that was commanded: within 2 cm for misses of 20 m.
    """
    shot = shots.at(told.place_m, muzzle_mps - wind_mps, told.flight_s)
    pos, vel = truth.at(told.left_s + told.flight_s)
    gap = shot[:, :3] + told.flight_s[:, None] * wind_mps - pos
    way = shot[:, 3:] + wind_mps - vel
    ray = unit(way)
    return gap - np.einsum("ij,ij->i", gap, ray)[:, None] * ray, way, vel


def turned(muzzle_mps: Floats, turn_rad: Floats, gain_mps: Floats | float) -> Floats:
    """Return muzzle velocities (k, 3) turned to the right and up by (k, 2) or (2,) [rad], and faster by so much."""
    ray = unit(muzzle_mps)
    right = unit(np.cross(ray, np.array([0.0, 0.0, 1.0])))
    turn = np.broadcast_to(turn_rad, (len(ray), 2))
    off = unit(ray + turn[:, :1] * right + turn[:, 1:] * np.cross(right, ray))
    speed = np.linalg.norm(muzzle_mps, axis=1) + gain_mps
    out: Floats = speed[:, None] * off
    return out


def _fly_each(
    shots: Shots, told: Command, truth: Path, body: RoundClass | None, shared: Shared, rng: np.random.Generator
) -> Burst:
    kind, n = shots.kind, told.left_s.size
    turn = shared.turn_rad + 1e-3 * kind.scatter_mrad * rng.standard_normal((n, 2))
    muzzle = turned(told.muzzle_mps, turn, shared.muzzle_mps + kind.sigma_muzzle_mps * rng.standard_normal(n))
    miss, way, vel = passing(shots, told, muzzle, truth, shared.wind_mps)
    radius_m, p_kill = np.array([kind.reach(each) for each in presented_area_m2(body, vel, way).tolist()]).T
    meet_s = told.left_s + told.flight_s
    is_hit = (np.linalg.norm(miss, axis=1) <= radius_m) & (meet_s < truth.end_s)
    kills = np.flatnonzero(is_hit & (rng.random(n) < p_kill))
    fate = _draw_fate(kind, rng)
    if kills.size == 0:
        return Burst(muzzle, told.left_s, is_hit, math.nan, None, math.nan)
    return Burst(muzzle, told.left_s, is_hit, math.nan, fate, float(np.min(meet_s[kills])))


def _integrate(
    shots: Shots, told: Command, truth: Path, body: RoundClass | None, shared: Shared, rng: np.random.Generator
) -> Burst:
    kind, n = shots.kind, told.left_s.size
    parts = np.array_split(np.arange(n), min(_PARTS, n))
    middle = np.array([part[len(part) // 2] for part in parts])
    few = Command(told.place_m, told.left_s[middle], told.muzzle_mps[middle], told.flight_s[middle])
    muzzle = turned(few.muzzle_mps, shared.turn_rad, shared.muzzle_mps)
    miss, way, vel = passing(shots, few, muzzle, truth, shared.wind_mps)
    pos = truth.at(few.left_s + few.flight_s)[0]
    sure = meet(shots, told.place_m, pos, vel, np.zeros((len(parts), 6, 6)), 1, body)
    seen = np.einsum("kij,kj->ki", plane_across(way), miss)
    values, axes = np.linalg.eigh(sure.scatter_m2)
    off = np.linalg.norm(np.einsum("kji,kj->ki", axes, seen) / np.sqrt(values), axis=1)
    u = sure.radius_m / np.sqrt(np.sqrt(values[:, 0] * values[:, 1]))
    p_part = np.array(
        [p_kill_at(float(u[k]), 1.0, float(off[k]), len(part), float(sure.p_kill[k])) for k, part in enumerate(parts)]
    )
    p_part[few.left_s + few.flight_s >= truth.end_s] = 0.0
    p = float(-np.expm1(np.sum(np.log1p(-np.minimum(p_part, 1.0 - 1e-15)))))
    chance, fate = float(rng.random()), _draw_fate(kind, rng)
    none = np.zeros(len(parts), np.bool_)
    if chance >= p:
        return Burst(muzzle, few.left_s, none, p, None, math.nan)
    # the part in which it came: by what all before it had failed to do
    k = int(np.searchsorted(1.0 - np.cumprod(1.0 - p_part), chance, side="right"))
    k = min(k, len(parts) - 1)
    return Burst(muzzle, few.left_s, none, p, fate, float(few.left_s[k] + few.flight_s[k]))


def _draw_fate(kind: GunKind, rng: np.random.Generator) -> Fate:
    x = float(rng.random())
    if x < kind.share_detonated:
        return Fate.DETONATED
    return Fate.BROKEN if x < kind.share_detonated + kind.share_broken else Fate.FUZE_DEAD
