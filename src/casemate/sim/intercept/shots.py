"""The flight of a kind's rounds: the same kernels as for any other round, with its drag and its muzzle speed.

Shots leave a place and fly through an air; what they are fired at is the caller's matter. What a shot does where it
meets something depends on how far it is moved there by its errors: `Lever` holds that, by slant range.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.physics.ballistics import propagate
from casemate.physics.drag import compile_drag
from casemate.physics.environment import Environment
from casemate.sim.intercept.gun import GunKind

Floats = NDArray[np.float64]

_STEP_S: Final = 0.1  # linear between: 0.5 m of range at 400 m/s2
_TABLE_RAD: Final = math.radians(30.0)
"""Elevation at which the tables are flown; between 0 and 85 degrees the times differ by 1 % at 2 km."""
_NUDGE: Final = 0.005  # of the muzzle speed, to tell what it does to the range
_SOLVE: Final = 4
_PATH_STEP_S: Final = 0.25  # cubic between: 0.1 mm at a jerk of 20 m/s3


class Lever(NamedTuple):
    """How far errors move a shot where it meets its target, by slant range (k,)."""

    flight_s: Floats
    speed_mps: Floats  # of the shot there
    per_muzzle_s: Floats  # along the shot, per m/s of muzzle speed
    per_wind_across_s: Floats  # downwind, per m/s of wind across the shot
    per_wind_along_s: Floats


class Path(NamedTuple):
    """Where something is by time: cubic Hermite between samples, straight on beyond them."""

    t_s: Floats  # (m,) rising
    pos_m: Floats  # (m, 3) ENU
    vel_mps: Floats
    end_s: float = math.inf  # from when on it is not there to be met

    def at(self, t_s: Floats) -> tuple[Floats, Floats]:
        """Return position and velocity (k, 3) at times (k,)."""
        t = np.clip(t_s, self.t_s[0], self.t_s[-1])
        j = np.clip(np.searchsorted(self.t_s, t, side="right") - 1, 0, self.t_s.size - 2)
        h = (self.t_s[j + 1] - self.t_s[j])[:, None]
        x = (t - self.t_s[j])[:, None] / h
        p0, p1, v0, v1 = self.pos_m[j], self.pos_m[j + 1], self.vel_mps[j] * h, self.vel_mps[j + 1] * h
        rest = 1.0 - x
        pos = rest * rest * ((1.0 + 2.0 * x) * p0 + x * v0) + x * x * ((3.0 - 2.0 * x) * p1 - rest * v1)
        vel = (6.0 * x * rest * (p1 - p0) + rest * (1.0 - 3.0 * x) * v0 + x * (3.0 * x - 2.0) * v1) / h
        return pos + (t_s - t)[:, None] * vel, vel


def path_ahead(state: Floats, age_s: float, until_s: float, air: Environment) -> Path:
    """Return how a tracked state (7,) that is `age_s` old is predicted to move, from now until so long after [s]."""
    t = np.linspace(0.0, until_s, max(math.ceil(until_s / _PATH_STEP_S), 1) + 1)
    ahead = propagate(np.tile(state, (t.size, 1)), age_s + t, air)
    return Path(t, ahead[:, :3], ahead[:, 3:6])


class Shots:
    """Rounds of one kind in one air.

    Parameters
    ----------
    kind : GunKind
        Muzzle speed, mass, calibre, drag.
    air : Environment
        Earth, air and wind; its drag shape is not used.
    """

    def __init__(self, kind: GunKind, air: Environment) -> None:
        curve = compile_drag(kind.mach, kind.cd)
        self.kind = kind
        self.air = air._replace(drag=(curve.table / kind.cd[0]).ravel(), drag_doubt=0.0)
        self.ln_drag = math.log(kind.cd[0] * 0.25 * math.pi * kind.calibre_m**2 / kind.mass_kg)
        end_s = kind.self_destruct_s + 4.0 * kind.sigma_self_destruct_s
        self._t = np.arange(0.0, end_s + _STEP_S, _STEP_S)
        self._range, self._speed = self._fly_table(kind.muzzle_mps)
        faster, _ = self._fly_table((1.0 + _NUDGE) * kind.muzzle_mps)
        self._per_muzzle = (faster - self._range) / (_NUDGE * kind.muzzle_mps)
        # before half of the rounds are gone, with a margin: beyond, few of a burst would still be there
        end_s = max(kind.self_destruct_s - 2.0 * kind.sigma_self_destruct_s, _STEP_S)
        self.reach_m = min(kind.range_m[1], float(np.interp(end_s, self._t, self._range)))

    def lever(self, range_m: Floats) -> Lever:
        """Return flight and errors at slant ranges (k,) [m]; beyond the table its last row.

        Notes
        -----
        Wind: a shot lags behind the vacuum's by t - R / v0, and is carried by that times the wind across it (McCoy,
        Modern Exterior Ballistics, 1999, section 7.3); along it, by t less what the muzzle speed is worth.
        """
        t = np.interp(range_m, self._range, self._t)
        per_muzzle = np.interp(range_m, self._range, self._per_muzzle)
        return Lever(
            flight_s=t,
            speed_mps=np.interp(range_m, self._range, self._speed),
            per_muzzle_s=per_muzzle,
            per_wind_across_s=t - np.minimum(range_m, self._range[-1]) / self.kind.muzzle_mps,
            per_wind_along_s=t - per_muzzle,
        )

    def at(self, place_m: Floats, muzzle_mps: Floats, flight_s: Floats) -> Floats:
        """Return position and velocity (k, 6) of shots of muzzle velocities (k, 3), ENU, after times (k,) [s]."""
        states = np.empty((flight_s.size, 7))
        states[:, :3], states[:, 3:6], states[:, 6] = place_m, muzzle_mps, self.ln_drag
        return propagate(states, flight_s, self.air)[:, :6]

    def solve(self, place_m: Floats, path: Path, left_s: Floats) -> tuple[Floats, Floats]:
        """Return muzzle velocities (k, 3) and flight times (k,) of shots that meet what moves along a path.

        Parameters
        ----------
        place_m : (3,) float64
        path : Path
            What is to be met, by time.
        left_s : (k,) float64
            When each shot leaves, on the path's clock.

        Notes
        -----
        Newton's method on the flight itself: within 1 mm inside the range of the kind.
        Far outside it does not converge.
        """
        flight_s: Floats = np.zeros(left_s.size)
        for _ in range(_SOLVE):  # first by the table
            line = path.at(left_s + flight_s)[0] - place_m
            flight_s = self.lever(np.linalg.norm(line, axis=1)).flight_s
        way = _unit(path.at(left_s + flight_s)[0] - place_m)
        for _ in range(_SOLVE):
            shot = self.at(place_m, self.kind.muzzle_mps * way, flight_s)
            pos, vel = path.at(left_s + flight_s)
            along, miss = _unit(shot[:, 3:]), pos - shot[:, :3]
            dt: Floats = _dot(miss, along) / _dot(shot[:, 3:] - vel, along)
            miss += dt[:, None] * vel
            across = miss - _dot(miss, along)[:, None] * along
            flight_s = flight_s + dt
            way = _unit(way + across / np.linalg.norm(pos - place_m, axis=1)[:, None])
        return self.kind.muzzle_mps * way, flight_s

    def _fly_table(self, muzzle_mps: float) -> tuple[Floats, Floats]:
        velocity = muzzle_mps * np.array([0.0, math.cos(_TABLE_RAD), math.sin(_TABLE_RAD)])
        states = self.at(np.zeros(3), np.tile(velocity, (self._t.size, 1)), self._t)
        return np.linalg.norm(states[:, :3], axis=1), np.linalg.norm(states[:, 3:], axis=1)


def _unit(rows: Floats) -> Floats:
    unit: Floats = rows / np.linalg.norm(rows, axis=1)[:, None]
    return unit


def _dot(one: Floats, other: Floats) -> Floats:
    each: Floats = np.einsum("ij,ij->i", one, other)
    return each
