"""A gun on its mount: where it stands, where it points, and what it can still fire. No chance and no decisions."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.physics.environment import Environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.gun import Gun
from casemate.sim.intercept.shots import Shots

Floats = NDArray[np.float64]

_LONG_AGO: Final = -(1 << 62)


class Mount:
    """One gun's place, figures and present condition.

    Parameters
    ----------
    gun : Gun
        As declared.
    frame : SiteFrame
        ENU of the site.
    air : Environment
        Air and Earth as its fire control believes them.
    """

    def __init__(self, gun: Gun, frame: SiteFrame, air: Environment) -> None:
        self.kind = gun.resolved()
        self.shots = Shots(self.kind, air)
        self.place_m: Floats = frame.msl_to_enu(gun.lat_deg, gun.lon_deg, gun.height_m).reshape(3)
        self.az_rad, self.el_rad = 0.0, 0.0
        self.free_ns = _LONG_AGO  # when it may turn to the next threat
        self._n_left = self.kind.n_magazine
        self._loaded_ns = _LONG_AGO  # when a new magazine is in
        self._heat, self._heat_ns = 0.0, _LONG_AGO  # in rounds

    def look(self, pos_m: Floats) -> tuple[Floats, Floats, Floats]:
        """Return azimuth, elevation [rad] and slant range [m] of points (k, 3) from the gun."""
        line = pos_m - self.place_m
        ground_m = np.hypot(line[:, 0], line[:, 1])
        return np.arctan2(line[:, 0], line[:, 1]), np.arctan2(line[:, 2], ground_m), np.hypot(ground_m, line[:, 2])

    def covers(self, el_rad: Floats, range_m: Floats) -> NDArray[np.bool_]:
        """Tell which directions and slant ranges (k,) the gun can serve, its rounds not yet gone."""
        low, high = (math.radians(each) for each in self.kind.elevation_deg)
        return (range_m >= self.kind.range_m[0]) & (range_m <= self.shots.reach_m) & (el_rad >= low) & (el_rad <= high)

    def turn_s(self, az_rad: Floats, el_rad: Floats) -> Floats:
        """Return how long it takes to turn there from where it points, and to settle (k,) [s]."""
        turn = np.abs((az_rad - self.az_rad + math.pi) % (2.0 * math.pi) - math.pi)
        rise = np.abs(el_rad - self.el_rad)
        slew_s = np.degrees(np.maximum(turn / self.kind.slew_train_degps, rise / self.kind.slew_elevate_degps))
        return slew_s + self.kind.settle_s

    def n_ready(self, t_ns: int) -> int:
        """Return how many rounds it may fire at once at a time: what is in the magazine, and what the barrel stands."""
        n_cool = math.floor(self.kind.n_hot - self._heat_at(t_ns) + 1e-9)
        return max(min(self._magazine_at(t_ns), n_cool), 0)

    def book(self, t_fire_ns: int, free_ns: int, n_rounds: int, az_rad: float, el_rad: float) -> None:
        """Take a burst into the books: rounds, heat, where the gun then points, and until when it is bound."""
        end_ns = t_fire_ns + round(self.kind.burst_s(n_rounds) * NS_PER_S)
        self._heat, self._heat_ns = self._heat_at(t_fire_ns) + n_rounds, end_ns
        self._n_left = self._magazine_at(t_fire_ns) - n_rounds
        if self._n_left <= 0:
            self._loaded_ns = end_ns + round(self.kind.reload_s * NS_PER_S)
        self.free_ns, self.az_rad, self.el_rad = free_ns, az_rad, el_rad

    def give_back(self, t_ns: int, n_rounds: int) -> None:
        """Undo the last `book`, none of it fired: the gun has turned there, and is free."""
        self._heat = max(self._heat - n_rounds, 0.0)
        self._n_left = max(self._n_left, 0) + n_rounds
        self.free_ns = t_ns

    def _magazine_at(self, t_ns: int) -> int:
        if self._n_left > 0:
            return self._n_left
        return self.kind.n_magazine if self._loaded_ns != _LONG_AGO and t_ns >= self._loaded_ns else 0

    def _heat_at(self, t_ns: int) -> float:
        since_s = max(t_ns - self._heat_ns, 0) / NS_PER_S
        return max(self._heat - self.kind.cool_per_min / 60.0 * since_s, 0.0)
