"""What a fire control can know of a burst before it is fired: where it meets the round, how far off, and how surely.

Everything comes from the tracker's estimate and covariance and from the kind's declared errors; never from truth. What
it aims at is a matter of `fire`, and stays there.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import STANDARD_GRAVITY_MPS2
from casemate.model.catalog import RoundClass
from casemate.sim.intercept.burst import p_burst_kill_oval, p_burst_quick
from casemate.sim.intercept.gun import BODY_AREA_M2
from casemate.sim.intercept.shots import Shots

Floats = NDArray[np.float64]

CALIBRES: Final = 6.0
"""Length of a round whose class does not say it, in calibres [A]."""


class Meeting(NamedTuple):
    """Bursts that could be fired, each where its middle meets the round (k,)."""

    radius_m: Floats  # of the disc that must be met
    p_kill: Floats  # given that
    scatter_m2: Floats  # (k, 2, 2) of each round, in the plane across the way of the round past the shots
    shared_m2: Floats  # (k, 2, 2) of the burst as a whole
    n_rounds: int

    def p_quick(self) -> Floats:
        """Return the probability of a kill, within some hundredths, for all at once: for plans."""
        scatter2 = np.sqrt(np.linalg.det(self.scatter_m2))
        both2 = np.sqrt(np.linalg.det(self.scatter_m2 + self.shared_m2))
        return p_burst_quick(
            self.radius_m, np.sqrt(scatter2), np.sqrt(np.maximum(both2 - scatter2, 0.0)), self.n_rounds, self.p_kill
        )

    def p_exact(self, i: int) -> float:
        """Return the probability of a kill of one of them, its shared error integrated."""
        return p_burst_kill_oval(
            float(self.radius_m[i]), self.scatter_m2[i], self.shared_m2[i], self.n_rounds, float(self.p_kill[i])
        )


def presented_area_m2(body: RoundClass | None, vel_mps: Floats, way_mps: Floats) -> Floats:
    """Return what a round shows to what comes past it (k,): of a cylinder that flies nose first.

    Parameters
    ----------
    body : RoundClass or None
        None: of no known class, `BODY_AREA_M2`.
    vel_mps, way_mps : (k, 3) float64
        Velocity of the round, and of the shots relative to it.
    """
    if body is None:
        return np.full(len(vel_mps), BODY_AREA_M2)
    length_m = CALIBRES * body.calibre_m if body.length_m is None else body.length_m
    cos = np.abs(_dot(unit(vel_mps), unit(way_mps)))
    side = length_m * body.calibre_m * np.sqrt(np.maximum(1.0 - cos * cos, 0.0))
    area: Floats = side + 0.25 * math.pi * body.calibre_m**2 * cos
    return area


def carry(cov: Floats, dt_s: Floats, vel_mps: Floats, end_mps: Floats) -> Floats:
    """Return the covariance (k, 6, 6) of position and velocity of one state (7, 7), times (k,) [s] ahead.

    Parameters
    ----------
    vel_mps, end_mps : (3,), (k, 3) float64
        Velocity at the estimate and at each time.

    Notes
    -----
    To second order in time: drag is what bent the path beside gravity, taken as square in speed. Sigmas are within 6 %
    (position) and 15 % (velocity) of the flight's own derivatives up to 3 s ahead, 30 % at 8 s, at worst through Mach 1
    (tests/unit/test_aim.py); for a hundredth of their time.
    """
    k, t = dt_s.size, np.maximum(dt_s, 1e-6)[:, None]
    slowing = (end_mps - vel_mps) / t + np.array([0.0, 0.0, STANDARD_GRAVITY_MPS2])
    speed = np.maximum(np.linalg.norm(0.5 * (end_mps + vel_mps), axis=1), 1.0)[:, None, None]
    rate = np.linalg.norm(slowing, axis=1)[:, None, None] / speed
    t = t[:, :, None]
    along = unit(0.5 * (end_mps + vel_mps))
    damp = np.eye(3) + along[:, :, None] * along[:, None, :]
    step = np.zeros((k, 6, 7))
    step[:, :3, :3] = np.eye(3)
    step[:, :3, 3:6] = t * (np.eye(3) - 0.5 * rate * t * damp)
    step[:, 3:, 3:6] = np.eye(3) - rate * t * damp
    step[:, :3, 6] = 0.5 * t[:, :, 0] ** 2 * slowing
    step[:, 3:, 6] = t[:, :, 0] * slowing
    ahead: Floats = step @ cov @ step.transpose(0, 2, 1)
    return ahead


def meet(
    shots: Shots, place_m: Floats, pos_m: Floats, vel_mps: Floats, cov: Floats, n_rounds: int, body: RoundClass | None
) -> Meeting:
    """Return what bursts that meet a round in their middle would face.

    Parameters
    ----------
    shots : Shots
        Rounds of the gun, in the air that the fire control believes in.
    place_m : (3,) float64
        The gun's.
    pos_m, vel_mps : (k, 3) float64
        The estimate of the round at each meeting.
    cov : (k, 6, 6) float64
        Its covariance there, see `carry`.
    n_rounds : int
        Rounds of a burst.
    body : RoundClass or None
        What the round is believed to be.

    Notes
    -----
    Shared: the estimate, the direction (boresight and the rest), the lot's muzzle speed, the wind that is not known. Of
    each round: its direction, its muzzle speed, and how the estimate drifts off while the burst lasts.
    """
    kind, line = shots.kind, pos_m - place_m
    range_m = np.linalg.norm(line, axis=1)
    lever, ray = shots.lever(range_m), unit(line)
    way = lever.speed_mps[:, None] * ray - vel_mps
    along = ray[:, :, None] * ray[:, None, :]
    across = np.eye(3) - along
    far2 = ((1e-3 * range_m) ** 2)[:, None, None]
    muzzle2 = (lever.per_muzzle_s**2)[:, None, None]
    wind = lever.per_wind_across_s[:, None, None] * across + lever.per_wind_along_s[:, None, None] * along
    wind2 = wind @ np.diag([1.0, 1.0, 0.0]) @ wind
    left_s = kind.rounds_s(n_rounds)
    shared = (
        cov[:, :3, :3]
        + far2 * kind.shared_mrad() ** 2 * across
        + muzzle2 * kind.sigma_lot_mps**2 * along
        + shots.air.sigma_wind_mps**2 * wind2
    )
    scatter = (
        far2 * kind.scatter_mrad**2 * across
        + muzzle2 * kind.sigma_muzzle_mps**2 * along
        + float(np.var(left_s)) * cov[:, 3:, 3:]
    )
    plane = plane_across(way)
    radius_m, p_kill = np.array([kind.reach(each) for each in presented_area_m2(body, vel_mps, way).tolist()]).T
    return Meeting(radius_m, p_kill, _seen(scatter, plane), _seen(shared, plane), n_rounds)


def plane_across(way: Floats) -> Floats:
    """Return two unit vectors (k, 2, 3) across each of (k, 3)."""
    unit_way = unit(way)
    helper = np.where(np.abs(unit_way[:, 2:]) < 0.9, np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
    side = unit(np.cross(unit_way, helper))
    return np.stack([side, np.cross(unit_way, side)], axis=1)


def unit(rows: Floats) -> Floats:
    """Return rows (k, 3) at length 1."""
    each: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1), 1e-12)[:, None]
    return each


def _dot(one: Floats, other: Floats) -> Floats:
    each: Floats = np.einsum("ij,ij->i", one, other)
    return each


def _seen(cov: Floats, plane: Floats) -> Floats:
    seen: Floats = plane @ cov @ plane.transpose(0, 2, 1)
    return seen
