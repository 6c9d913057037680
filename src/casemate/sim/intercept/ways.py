"""The danger volume of simulated shots: their way from the muzzle to their own end, and how wide they can stray.

A table holds the way in the vertical plane by muzzle elevation; shots at any number of directions read it at once. Four
sigma of everything that moves a shot across its way are around it; along its way only their speed matters, which is
less than the time step of the table.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.sim.intercept.shots import Shots

Floats = NDArray[np.float64]

SIGMAS: Final = 4.0
"""How wide the volume is: 1 of 3,000 rounds strays farther (two axes, Gaussian)."""

_N_LEGS: Final = 12
"""Straight legs of a way: of 0.4 s for the 20 mm class, 0.2 m beside the arc."""

_ELEVATIONS_RAD: Final = np.radians(np.arange(-10.0, 91.0, 5.0))
"""Linear between: 2 m beside the flight at the end of a way of 2 km."""

UP_RAD: Final = 0.02
"""Elevation of the muzzle over that of the meeting: 44 m of fall in 3 s at 2.2 km."""


class Tubes(NamedTuple):
    """Legs of k ways, j legs each, ENU of the site; a round of its option is on leg j from `from_s` to `to_s`."""

    begin_m: Floats  # (k, j, 3)
    end_m: Floats
    radius_m: Floats  # (k, j)
    from_s: Floats  # (j,) after it left
    to_s: Floats


class Ways:
    """The ways of one gun's rounds.

    Parameters
    ----------
    shots : Shots
        In the air that the fire control believes in.
    place_m : (3,) float64
        The gun's, ENU.
    """

    def __init__(self, shots: Shots, place_m: Floats) -> None:
        kind, self._place = shots.kind, place_m
        last_s = kind.self_destruct_s + SIGMAS * kind.sigma_self_destruct_s
        self._t_s = np.linspace(0.0, last_s, _N_LEGS + 1)
        up, t = np.repeat(_ELEVATIONS_RAD, self._t_s.size), np.tile(self._t_s, _ELEVATIONS_RAD.size)
        muzzle = kind.muzzle_mps * np.column_stack([np.zeros(up.size), np.cos(up), np.sin(up)])
        flown = shots.at(np.array([0.0, 0.0, place_m[2]]), muzzle, t)[:, :3] - np.array([0.0, 0.0, place_m[2]])
        self._table = flown[:, 1:].reshape(_ELEVATIONS_RAD.size, self._t_s.size, 2)  # along the ground, and up
        lever = shots.lever(np.linalg.norm(self._table[_ELEVATIONS_RAD.size // 2], axis=1))
        wind_m = shots.air.sigma_wind_mps * lever.per_wind_across_s
        far_m = np.linalg.norm(self._table, axis=2).max(axis=0)
        self.stray_rad = 1e-3 * SIGMAS * math.hypot(kind.scatter_mrad, kind.shared_mrad())
        self._stray_m = np.hypot(self.stray_rad * far_m, SIGMAS * wind_m) + kind.cloud_radius_m
        self._far_m = far_m

    def tubes(self, az_rad: Floats, el_rad: Floats, wide_rad: Floats) -> Tubes:
        """Return the danger volume of shots that leave in directions (k,), known to so much (k,) [rad]."""
        x = (np.clip(el_rad, _ELEVATIONS_RAD[0], _ELEVATIONS_RAD[-1]) - _ELEVATIONS_RAD[0]) / math.radians(5.0)
        i = np.minimum(x.astype(np.int64), _ELEVATIONS_RAD.size - 2)
        rest = (x - i)[:, None, None]
        flown = (1.0 - rest) * self._table[i] + rest * self._table[i + 1]
        points = np.empty((az_rad.size, self._t_s.size, 3))
        points[:, :, 0] = self._place[0] + np.sin(az_rad)[:, None] * flown[:, :, 0]
        points[:, :, 1] = self._place[1] + np.cos(az_rad)[:, None] * flown[:, :, 0]
        points[:, :, 2] = self._place[2] + flown[:, :, 1]
        radius = (self._stray_m + wide_rad[:, None] * self._far_m)[:, 1:]
        return Tubes(points[:, :-1], points[:, 1:], radius, self._t_s[:-1], self._t_s[1:])

    def least_elevation_rad(self, ground_m: float) -> float:
        """Return the least elevation of the muzzle at which no round meets level ground before its end; rounds stray.

        Parameters
        ----------
        ground_m : float
            Height of the ground, ENU of the site.
        """
        low_m = self._place[2] + self._table[:, :, 1] - self._stray_m - ground_m
        clear_m = low_m[:, _N_LEGS // 2 :].min(axis=1)  # near the gun it is by its mount that it is over the ground
        rising = np.maximum.accumulate(clear_m)
        if rising[-1] <= 0.0:
            return 0.5 * math.pi
        return float(np.interp(0.0, rising, _ELEVATIONS_RAD))
