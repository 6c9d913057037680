"""Trajectories: what a flight leaves behind, and the figures that one asks of it."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from casemate.constants import WGS84_A_M, WGS84_E2
from casemate.physics.geodesy import SiteFrame, ecef_to_geodetic, geodetic_to_ecef

__all__ = ["Apex", "ImpactFigures", "Trajectory", "ground_range_between_m"]

Array = NDArray[np.float64]


class Apex(NamedTuple):
    """The highest point of a flight."""

    t_s: float  # since the start
    pos_m: Array  # (3,) ENU of the site
    height_m: float  # over the ellipsoid


class ImpactFigures(NamedTuple):
    """The end of a flight."""

    t_s: float  # since the start
    pos_m: Array  # (3,) ENU of the site
    lat_deg: float
    lon_deg: float
    height_m: float  # over the ellipsoid
    speed_mps: float
    fall_angle_rad: float  # below the local horizontal
    ground_range_m: float  # from the start, along the ellipsoid


class Trajectory:
    """A flight from its start (muzzle, rail, ignition) to the impact, in the site's ENU.

    Parameters
    ----------
    t_s : (m,) float64 [s]
        Since the start, ascending.
    pos_m, vel_mps : (m, 3) float64
        ENU of the site.
    rail_exit_s : float [s]
        When it left its rail; NaN where there was none.
    """

    def __init__(self, t_s: Array, pos_m: Array, vel_mps: Array, rail_exit_s: float = math.nan) -> None:
        self.t_s, self.pos_m, self.vel_mps, self.rail_exit_s = t_s, pos_m, vel_mps, rail_exit_s
        for array in (t_s, pos_m, vel_mps):
            array.flags.writeable = False

    @property
    def flight_s(self) -> float:
        """Time from start to impact [s]."""
        return float(self.t_s[-1] - self.t_s[0])

    def at(self, t_s: ArrayLike) -> tuple[Array, Array]:
        """Return position (k, 3) [m] and velocity (k, 3) [m/s] at times (k,) [s]; cubic Hermite, NaN outside."""
        t = np.atleast_1d(np.asarray(t_s, np.float64))
        j = np.clip(np.searchsorted(self.t_s, t, side="right") - 1, 0, self.t_s.size - 2)
        h = (self.t_s[j + 1] - self.t_s[j])[:, None]
        w = ((t - self.t_s[j])[:, None]) / h
        a, b, p, q = self.pos_m[j], self.pos_m[j + 1], h * self.vel_mps[j], h * self.vel_mps[j + 1]
        pos = a + w * (p + w * (3.0 * (b - a) - 2.0 * p - q + w * (2.0 * (a - b) + p + q)))
        vel = (p + w * (2.0 * (3.0 * (b - a) - 2.0 * p - q) + 3.0 * w * (2.0 * (a - b) + p + q))) / h
        outside = ~((t >= self.t_s[0]) & (t <= self.t_s[-1]))
        pos[outside], vel[outside] = np.nan, np.nan
        return pos, vel

    def apex(self, frame: SiteFrame) -> Apex:
        """Return the highest point over the ellipsoid, sought on the cubic between two rows, to 1e-5 s."""
        heights = frame.enu_to_geodetic(self.pos_m)[:, 2]
        k = int(np.argmax(heights))
        low, high = float(self.t_s[max(k - 1, 0)]), float(self.t_s[min(k + 1, heights.size - 1)])

        def height(t: float) -> float:
            return float(frame.enu_to_geodetic(self.at(t)[0])[0, 2])

        golden = 0.5 * (math.sqrt(5.0) - 1.0)
        while high - low > 1e-5:  # the height is flat there: 1e-5 s leave 1e-9 m
            left, right = high - golden * (high - low), low + golden * (high - low)
            low, high = (low, right) if height(left) > height(right) else (left, high)
        t = 0.5 * (low + high)
        if heights[k] >= height(t):  # it only climbs, or only falls
            t = float(self.t_s[k])
        return Apex(t - float(self.t_s[0]), self.at(t)[0][0], height(t))

    def impact(self, frame: SiteFrame) -> ImpactFigures:
        """Return the figures of the last row."""
        first, last = frame.enu_to_geodetic(self.pos_m[[0, -1]])
        local = SiteFrame(float(last[0]), float(last[1]), float(last[2]))
        velocity = local.rotation @ (self.vel_mps[-1] @ frame.rotation)
        return ImpactFigures(
            t_s=self.flight_s,
            pos_m=self.pos_m[-1],
            lat_deg=float(last[0]),
            lon_deg=float(last[1]),
            height_m=float(last[2]),
            speed_mps=float(np.linalg.norm(velocity)),
            fall_angle_rad=math.atan2(-velocity[2], math.hypot(velocity[0], velocity[1])),
            ground_range_m=ground_range_between_m(first[:2], last[:2]),
        )


def ground_range_between_m(from_deg: Array, to_deg: Array) -> float:
    """Return the length of the geodesic on WGS 84 between two points of latitude and longitude (2,) [deg].

    From the chord c and the radius R of the normal section halfway: 2 R asin(c / 2 R). Within 1 cm up to 200 km.
    """
    lats, lons = np.array((from_deg, to_deg)).T
    a, b = geodetic_to_ecef(lats, lons, 0.0)
    chord = float(np.linalg.norm(b - a))
    lat_deg, lon_deg, _ = ecef_to_geodetic(0.5 * (a + b)[None])[0]
    east, north, _ = SiteFrame(float(lat_deg), float(lon_deg), 0.0).rotation @ (b - a)
    azimuth = math.atan2(east, north)
    w = 1.0 - WGS84_E2 * math.sin(math.radians(lat_deg)) ** 2
    across, along = WGS84_A_M / math.sqrt(w), WGS84_A_M * (1.0 - WGS84_E2) / w**1.5
    radius = 1.0 / (math.cos(azimuth) ** 2 / along + math.sin(azimuth) ** 2 / across)  # Euler's theorem
    return 2.0 * radius * math.asin(0.5 * chord / radius)
