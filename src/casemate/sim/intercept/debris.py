"""What comes down: rounds that met nothing, and what is left of rounds that were met. For protection studies.

A few pieces stand for all of a body: each carries a share of its mass and says how many like it there are. Masses are
drawn so that every piece carries the same share; they fly through wind and drag to the ground by the usual kernels.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import STANDARD_GRAVITY_MPS2
from casemate.model.catalog import RoundClass
from casemate.model.records import Records, freeze
from casemate.physics.ballistics import fly_many
from casemate.physics.drag import compile_drag, drag_shape_of
from casemate.physics.environment import Environment
from casemate.physics.terrain import Terrain
from casemate.sim.intercept.aim import CALIBRES, unit
from casemate.sim.intercept.fire import Spent, turned
from casemate.sim.intercept.gun import Fate
from casemate.sim.intercept.shots import Path

Floats = NDArray[np.float64]

FALLEN: Final = np.dtype(
    [
        ("what", "U14"),
        ("n", "f8"),
        ("mass_kg", "f8"),
        ("energy_j", "f8"),
        ("t_s", "f8"),
        ("pos_m", "f8", (2,)),
        ("is_live", "?"),
    ]
)
"""What came down: how many such pieces a row stands for, the mass of all of them, the energy of one when it lands, how
long after it was let go, where (ENU of the site); `is_live`: an explosive charge that may go off on the ground."""

UNBURST: Final = "unburst round"
GROUND_STRIKE: Final = "ground strike"
"""A round that reached the ground before it would have destroyed itself."""
PIECES: Final = "pieces"
CARRIER: Final = "carrier"
LIVE_BODY: Final = "live body"
DUD_BODY: Final = "dud body"
DEAD_ROUND: Final = "dead round"

FALL_1G_MPS: Final = 17.0
"""Terminal fall of an irregular steel piece of 1 g [m/s], +-20 %; it goes with mass^(1/6) (section 3 of the project's
public parameter list [A:calc])."""
_DENSITY_KGPM3: Final = 1.225
_SCALE_M: Final = 9144.0
_K_1G: Final = 2.0 * STANDARD_GRAVITY_MPS2 / (_DENSITY_KGPM3 * FALL_1G_MPS**2)
_DENSE: Final = (
    0.08  # drag of a cloud's round tungsten piece over a steel one's of its mass: 60 m/s at 3.3 g, as listed
)
_DUST_KG: Final = 1e-4  # what is lighter counts as pieces of this: they fall at 11 m/s and hurt nobody
_CD_TUMBLING: Final = 1.0  # by the mean area that a body shows [A]

SHOT_PIECE_SHARE: Final = 0.01
"""Mean piece of a burst round, as a share of its mass: 1 g of 100 g [A]."""
ROUND_PIECE_KG: Final = 0.008
"""Mean piece of a round that detonated: 350 of 3 kg are published for one bomb (section 2.1), 8.6 g."""
CHARGE_SHARE: Final = 0.15
"""Of a round's mass that is explosive: 0.08 to 0.19 (section 1.1)."""
SHOT_BURST_MPS: Final = 800.0
ROUND_BURST_MPS: Final = 1000.0
BREAK_UP_MPS: Final = 30.0
"""Speed of pieces outward, of a shot that destroys itself, a round that detonates, and one that breaks [A]."""
BODY_SHARE: Final = 0.6
"""Of the mass of a round that breaks: what falls as one body with the charge in it [A]."""

_PER_SHOT: Final = 3
_PER_ROUND: Final = 60
_MAX_TIME_S: Final = 400.0


class Loose(NamedTuple):
    """Things let go in the air (k,): states to fly from, and what they are."""

    states: Floats  # (k, 7)
    what: NDArray[np.str_]
    n: Floats
    mass_kg: Floats  # of all n
    is_live: NDArray[np.bool_]

    def keep(self, which: NDArray[np.bool_]) -> "Loose":
        """Return those of a mask (k,)."""
        return Loose(self.states[which], self.what[which], self.n[which], self.mass_kg[which], self.is_live[which])


def loose_shots(spent: Spent, rng: np.random.Generator) -> tuple[Loose, Loose]:
    """Return what a burst's own rounds leave: whole ones that fly on as shots do, and pieces.

    Notes
    -----
    A contact round that hit goes off where it hit; another by itself, some never do. A round with a cloud releases it
    where it was told to meet; what carried it falls as a body. Rounds that would be under the ground by then strike it
    whole.
    """
    shots, told, shared = spent.shots, spent.told, spent.shared
    kind, n = shots.kind, told.left_s.size
    if len(spent.end.muzzle_mps) == n:
        muzzle, is_hit = spent.end.muzzle_mps, spent.end.is_hit
    else:  # the burst was integrated: its rounds are drawn here
        turn = shared.turn_rad + 1e-3 * kind.scatter_mrad * rng.standard_normal((n, 2))
        speed = shared.muzzle_mps + kind.sigma_muzzle_mps * rng.standard_normal(n)
        muzzle, is_hit = turned(told.muzzle_mps, turn, speed), np.zeros(n, np.bool_)
    end_s = kind.self_destruct_s + kind.sigma_self_destruct_s * rng.standard_normal(n)
    end_s = told.flight_s.copy() if kind.n_pieces else np.where(is_hit, told.flight_s, np.maximum(end_s, 0.1))
    ends = shots.at(told.place_m, muzzle, end_s)
    is_dud = (rng.random(n) < kind.p_self_destruct_fails) & ~is_hit
    is_whole = is_dud | (ends[:, 2] < _ground_m(ends, shots.air))
    starts = np.column_stack((np.tile(told.place_m, (n, 1)), muzzle, np.full(n, shots.ln_drag)))[is_whole]
    k = len(starts)
    what = np.where(is_dud[is_whole], UNBURST, GROUND_STRIKE)
    whole = Loose(starts, what, np.ones(k), np.full(k, kind.mass_kg), np.ones(k, np.bool_))
    from_m, vel = ends[~is_whole, :3], ends[~is_whole, 3:]
    steel_kg = kind.mass_kg - kind.charge_kg - kind.n_pieces * kind.piece_kg
    if not kind.n_pieces:
        return whole, _burst(from_m, vel, steel_kg, SHOT_PIECE_SHARE * kind.mass_kg, SHOT_BURST_MPS, _PER_SHOT, rng)
    carrier = _body(from_m, vel, steel_kg, kind.calibre_m, 2.0 * kind.calibre_m, CARRIER)
    return whole, _joined(carrier, _cloud(from_m, vel, kind.n_pieces, kind.piece_kg, rng))


def loose_round(
    truth: Path, at_s: float, body: RoundClass, fate: Fate, rng: np.random.Generator, *, is_dud: bool = False
) -> Loose:
    """Return what a round that was hit leaves, let go at a time on its path; a dud: its fuze was dead before.

    Notes
    -----
    Detonated: pieces, its charge burnt. Broken: a tumbling body with the charge, live but in a dud, and pieces of the
    rest. Fuze dead: nothing but the round itself, which flies on.
    """
    pos, vel = truth.at(np.array([at_s]))
    length_m = body.length_m or CALIBRES * body.calibre_m
    if fate is Fate.DETONATED:
        steel_kg = (1.0 - CHARGE_SHARE) * body.mass_kg
        return _burst(pos, vel, steel_kg, ROUND_PIECE_KG, ROUND_BURST_MPS, _PER_ROUND, rng)
    if fate is Fate.BROKEN:
        what = DUD_BODY if is_dud else LIVE_BODY
        main = _body(pos, vel, BODY_SHARE * body.mass_kg, body.calibre_m, length_m, what, is_live=not is_dud)
        rest_kg = (1.0 - BODY_SHARE) * body.mass_kg
        return _joined(main, _burst(pos, vel, rest_kg, 10.0 * ROUND_PIECE_KG, BREAK_UP_MPS, _PER_ROUND // 4, rng))
    drag = math.log(body.cd[0] * 0.25 * math.pi * body.calibre_m**2 / body.mass_kg)
    state = np.concatenate((pos, vel, np.array([[drag]])), axis=1)
    return Loose(state, np.full(1, DEAD_ROUND, "U14"), np.ones(1), np.full(1, body.mass_kg), np.zeros(1, np.bool_))


def land(loose: Loose, air: Environment, terrain: Terrain | None = None) -> Records:
    """Fly loose things to the ground.

    Parameters
    ----------
    loose : Loose
    air : Environment
        The true air; its drag shape is used: that of a gun's rounds for whole ones, see `piece_air` for others.
    terrain : Terrain, optional

    Returns
    -------
    FALLEN (k,)
        In the order given. NaN place and energy where a flight found no ground; its mass still counts.

    Notes
    -----
    Light pieces are faster than the flight's first step can follow. Until they have slowed to where it can, they go
    straight on against drag alone, in closed form: some tens of metres, within 0.4 s that the times leave out.
    """
    rows = np.zeros(len(loose.n), FALLEN)
    if not len(rows):
        return freeze(rows)
    down = fly_many(_braked(loose.states, air), air, terrain, max_time_s=_MAX_TIME_S)
    rows["what"], rows["n"], rows["mass_kg"], rows["is_live"] = loose.what, loose.n, loose.mass_kg, loose.is_live
    speed2 = np.sum(down.vel_mps**2, axis=1)
    rows["t_s"], rows["pos_m"] = down.t_s, down.pos_m[:, :2]
    rows["energy_j"] = 0.5 * loose.mass_kg / loose.n * speed2
    return freeze(rows)


def piece_air(air: Environment) -> Environment:
    """Return an air in which drag does not depend on speed, as of pieces and tumbling bodies."""
    return air._replace(drag=compile_drag(*drag_shape_of("constant")).table.ravel())


def round_air(air: Environment) -> Environment:
    """Return an air in which whole rounds of the catalog fly, by the rise that they share."""
    return air._replace(drag=compile_drag(*drag_shape_of("generic")).table.ravel())


def _braked(states: Floats, air: Environment) -> Floats:
    # v = v0 exp(-k x), k = rho K / 2: down to the speed at which rho K v times the first step (0.1 s) is 1.
    speed = np.maximum(np.linalg.norm(states[:, 3:6], axis=1), 1e-9)
    density = _DENSITY_KGPM3 * np.exp(-np.maximum(states[:, 2] + air.site_height_m, 0.0) / _SCALE_M)
    per_m = 0.5 * density * np.exp(states[:, 6])
    slow = np.minimum(speed, 5.0 / per_m)
    way_m = np.log(speed / slow) / per_m
    out = states.copy()
    out[:, 3:6] *= (slow / speed)[:, None]
    over_m = states[:, 2] - _ground_m(states, air)
    drop_m = -way_m * states[:, 5] / speed
    way_m = way_m * np.where(drop_m > over_m, np.maximum(over_m, 0.0) / np.maximum(drop_m, 1e-9), 1.0)
    out[:, :3] += (way_m / speed)[:, None] * states[:, 3:6]
    return out


def _ground_m(states: Floats, air: Environment) -> Floats:
    curved: Floats = air.ground_m - (states[:, 0] ** 2 + states[:, 1] ** 2) / (2.0 * air.earth_radius_m) + 1.0
    return curved


def _burst(
    pos_m: Floats, vel_mps: Floats, mass_kg: float, mean_kg: float, out_mps: float, n_each: int,
    rng: np.random.Generator,
) -> Loose:  # fmt: skip
    # Mott's law: the count of pieces above a mass m falls as exp(-sqrt(m / mu)), mu half the mean (Mott, Proc. R. Soc.
    # A 189, 1947). Drawn by mass, so that each stands for an equal share: sqrt(m / mu) is then Gamma of order 3.
    k = len(pos_m) * n_each
    piece_kg = np.clip(0.5 * mean_kg * rng.gamma(3.0, 1.0, k) ** 2, _DUST_KG, 0.3 * mass_kg)
    share_kg = np.full(k, mass_kg / n_each)
    velocity = np.repeat(vel_mps, n_each, axis=0) + out_mps * unit(rng.standard_normal((k, 3)))
    ln_drag = np.log(_K_1G * (piece_kg / 1e-3) ** (-1.0 / 3.0))
    states = np.column_stack((np.repeat(pos_m, n_each, axis=0), velocity, ln_drag))
    return Loose(states, np.full(k, PIECES, "U14"), share_kg / piece_kg, share_kg, np.zeros(k, np.bool_))


def _cloud(pos_m: Floats, vel_mps: Floats, n_pieces: int, piece_kg: float, rng: np.random.Generator) -> Loose:
    # Thrown forward in a cone of 5 degrees half angle.
    k = len(pos_m) * _PER_SHOT
    forward = np.repeat(vel_mps, _PER_SHOT, axis=0)
    off = math.radians(5.0) * np.sqrt(rng.random((k, 1))) * unit(rng.standard_normal((k, 3)))
    velocity = forward + np.linalg.norm(forward, axis=1)[:, None] * off
    ln_drag = np.full(k, math.log(_DENSE * _K_1G * (piece_kg / 1e-3) ** (-1.0 / 3.0)))
    states = np.column_stack((np.repeat(pos_m, _PER_SHOT, axis=0), velocity, ln_drag))
    n = np.full(k, n_pieces / _PER_SHOT)
    return Loose(states, np.full(k, PIECES, "U14"), n, n * piece_kg, np.zeros(k, np.bool_))


def _body(
    pos_m: Floats, vel_mps: Floats, mass_kg: float, calibre_m: float, length_m: float, what: str, *,
    is_live: bool = False,
) -> Loose:  # fmt: skip
    # A convex body that tumbles shows a quarter of its surface in the mean (Cauchy).
    k, surface_m2 = len(pos_m), math.pi * calibre_m * (length_m + 0.5 * calibre_m)
    drag = math.log(_CD_TUMBLING * 0.25 * surface_m2 / mass_kg)
    states = np.column_stack((pos_m, vel_mps, np.full(k, drag)))
    return Loose(states, np.full(k, what, "U14"), np.ones(k), np.full(k, mass_kg), np.full(k, is_live))


def _joined(one: Loose, other: Loose) -> Loose:
    return Loose(
        np.concatenate((one.states, other.states)),
        np.concatenate((one.what, other.what)),
        np.concatenate((one.n, other.n)),
        np.concatenate((one.mass_kg, other.mass_kg)),
        np.concatenate((one.is_live, other.is_live)),
    )
