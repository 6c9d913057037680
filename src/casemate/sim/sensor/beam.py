"""The beam: when it meets each body, and whether the body is where a radar can see it at all."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.model.catalog import RadarSite
from casemate.physics.detection import RAY_CURVATURE, horizon_m
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import Measured, SensorModel, in_arc
from casemate.physics.terrain import Terrain, sees
from casemate.sim.sensor.bodies import Bodies
from casemate.sim.sensor.declared import RadarTruth

Floats = NDArray[np.float64]

_TURN = 2.0 * math.pi


class Meeting(NamedTuple):
    """The beam and each of n bodies at its time: where it truly is, and what an ideal sensor would measure."""

    t_s: Floats
    pos_m: Floats  # (n, 3) site ENU
    seen: Measured


class Beam:
    """A beam that goes round once a turn, or over its arc once a dwell, at an even rate.

    Parameters
    ----------
    radar, truth : RadarSite, RadarTruth
        What its owner says, and what it truly is.
    frame : SiteFrame
        ENU of the site.
    terrain : Terrain, optional
        What hides bodies; the level ground at the site's height when not given.
    """

    def __init__(self, radar: RadarSite, truth: RadarTruth, frame: SiteFrame, terrain: Terrain | None) -> None:
        declared = SensorModel.of(radar, frame)
        offset = np.array((truth.offset_e_m, truth.offset_n_m, truth.offset_u_m))
        lean = _leaning(math.radians(truth.tilt_deg), math.radians(truth.tilt_toward_deg))
        self.model = replace(declared, position_m=declared.position_m + offset, rotation=lean @ declared.rotation)
        self.period_s = radar.scan_period_s
        self.is_staring = radar.antenna == "staring"
        self.start_rad = self.model.az_rad[0] if self.is_staring else 0.0
        self.sweep_rad = self.model.arc_rad if self.is_staring else _TURN
        mask_deg = radar.mask_deg if truth.mask_deg is None else truth.mask_deg
        self._bottom_rad = max(self.model.el_rad[0], math.radians(mask_deg))
        self._notch_mps, self._blind_mps = radar.notch_mps, radar.blind_speed_mps
        self._terrain, self._eye_m = terrain, np.ascontiguousarray(self.model.position_m)
        ground_m = self.model.site_height_m
        self._over_ground_m = max(radar.height_m + truth.offset_u_m - ground_m, 0.0)

    def time_of(self, t0_s: float, az_rad: Floats) -> Floats:
        """Return when in the turn that begins at `t0_s` the beam points at azimuths [rad] after its start, in s."""
        return t0_s + self.period_s * az_rad / self.sweep_rad

    def meet(self, t0_s: float, bodies: Bodies) -> Meeting:
        """Meet each body once; the time is outside the turn where the beam does not come over it."""
        # The beam moves a thousand times faster in azimuth than a body: three rounds of substitution settle it. The
        # azimuth is unwrapped, so a body that passes the start is met in one turn or the other, not in the wrong place.
        t_s = np.full(len(bodies.truth_id), t0_s + 0.5 * self.period_s)
        pos, vel = bodies.at(t_s)
        seen = self.model.measure(pos, vel)
        az = (seen.az_rad - self.start_rad) % _TURN
        for _ in range(2):
            t_s = self.time_of(t0_s, az)
            pos, vel = bodies.at(t_s)
            seen = self.model.measure(pos, vel)
            az = az + (seen.az_rad - self.start_rad - az + math.pi) % _TURN - math.pi
        return Meeting(t_s, pos, seen)

    def covers(self, met: Meeting) -> NDArray[np.bool_]:
        """Tell which bodies are in coverage, above the mask and the horizon, and not behind terrain."""
        model, seen = self.model, met.seen
        is_near = (seen.range_m >= model.range_m[0]) & (seen.range_m <= model.range_m[1])
        is_high = (seen.el_rad >= self._bottom_rad) & (seen.el_rad <= model.el_rad[1])
        inside = is_near & in_arc(seen.az_rad, *model.az_rad) & is_high
        if self._terrain is None:
            over_ground = np.maximum(seen.height_m - model.site_height_m, 0.0)
            return inside & (seen.range_m <= horizon_m(self._over_ground_m) + horizon_m(over_ground))
        rows = np.flatnonzero(inside)
        inside[rows] = sees(self._terrain, self._eye_m, met.pos_m[rows], RAY_CURVATURE)
        return inside

    def is_moving(self, range_rate_mps: Floats) -> NDArray[np.bool_]:
        """Tell which range rates [m/s] pass the filter that takes what stands still for ground."""
        speed = np.abs(range_rate_mps)
        if self._blind_mps is not None:
            speed = np.abs(speed - self._blind_mps * np.rint(speed / self._blind_mps))
        return speed >= self._notch_mps


def _leaning(tilt_rad: float, toward_rad: float) -> Floats:
    # Sensor ENU to a sensor whose up axis leans by an angle toward an azimuth: Rodrigues, about the level axis across.
    if tilt_rad == 0.0:
        return np.eye(3)
    east, north = math.sin(toward_rad), math.cos(toward_rad)
    k = np.array([[0.0, 0.0, -east], [0.0, 0.0, -north], [east, north, 0.0]])
    return np.eye(3) - math.sin(tilt_rad) * k + (1.0 - math.cos(tilt_rad)) * (k @ k)
