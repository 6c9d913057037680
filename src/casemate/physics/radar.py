"""What a radar measures: the measurement model of the filter (`tracking`) and of the simulated sensor (`sim`).

A sensor has its own place and its own horizon: azimuth and elevation are taken in the ENU frame at the sensor,
which at 100 km from the site's origin leans by 0.9 degrees. Straight rays: refraction is not modelled here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.model.catalog import RadarSite
from casemate.physics.geodesy import SiteFrame

Floats = NDArray[np.float64]

SIGMA_HEIGHT_M = 30.0
"""1 sigma of a reported height [m]: Mode C counts in 100 ft (ICAO Annex 10 vol. IV, 3.1.1.7.12), so 8.8 m of
rounding; the rest is the encoder's error (Annex 10 allows 38 m at 95 %) and the plot's age. Pressure altitude's offset
from geometric height is the same for neighbours and slow, hence no part of it."""

_TURN = 2.0 * math.pi


class Measured(NamedTuple):
    """What an ideal sensor would measure of each of n points."""

    range_m: Floats
    az_rad: Floats  # clockwise from the sensor's true north, [0, 2 pi)
    el_rad: Floats  # above the sensor's horizon
    height_m: Floats  # above mean sea level
    range_rate_mps: Floats  # positive receding


@dataclass(frozen=True, slots=True, eq=False)
class SensorModel:
    """A radar in the site's frame: geometry, noise, coverage and false plots.

    Build it with `SensorModel.of`. Sigmas are NaN for what the sensor does not measure.
    """

    name: str
    position_m: Floats  # (3,) ENU of the site
    rotation: Floats  # (3, 3) site ENU -> sensor ENU
    earth_radius_m: float  # math.inf: flat
    site_height_m: float  # of the frame's origin above mean sea level
    scan_period_s: float
    sigma_range_m: float
    sigma_az_rad: float
    sigma_el_rad: float  # NaN: a 2D radar
    sigma_range_rate_mps: float  # NaN: no Doppler
    sigma_height_m: float
    p_detection: float
    false_plots_per_scan: float
    range_m: tuple[float, float]
    az_rad: tuple[float, float]  # clockwise from, to; equal: all round
    el_rad: tuple[float, float]
    extra_var: Floats  # (5,) of range, azimuth, elevation, range rate, height: of every plot, beside its sigma
    bias_var: Floats  # (3,) of range, azimuth, elevation: of an offset that stays

    @classmethod
    def of(cls, radar: RadarSite, frame: SiteFrame, *, is_flat: bool = False, is_alone: bool = True) -> "SensorModel":
        """Put a declared radar into the site's frame.

        Parameters
        ----------
        radar : RadarSite
            The declaration; degrees there, radians here.
        frame : SiteFrame
            The site's ENU frame.
        is_flat : bool
            True with a flat Earth (`[environment] earth = "flat"`): all horizons are parallel.
        is_alone : bool
            False where other radars look at the same things: they disagree by their offsets.
        """
        own = SiteFrame(radar.lat_deg, radar.lon_deg, radar.height_m + frame.geoid_m, frame.geoid_m)
        place = frame.msl_to_enu(radar.lat_deg, radar.lon_deg, radar.height_m)
        az = radar.azimuth_deg or (0.0, 0.0)
        el_sigma, rate_sigma = radar.sigma_elevation_deg, radar.sigma_range_rate_mps
        return cls(
            name=radar.name,
            position_m=_frozen(np.reshape(place, 3)),
            rotation=_frozen(np.eye(3) if is_flat else own.rotation @ frame.rotation.T),
            earth_radius_m=math.inf if is_flat else float(frame.radius_m),
            site_height_m=float(frame.height_msl_m),
            scan_period_s=radar.scan_period_s,
            sigma_range_m=radar.sigma_range_m,
            sigma_az_rad=math.radians(radar.sigma_azimuth_deg),
            sigma_el_rad=math.nan if el_sigma is None else math.radians(el_sigma),
            sigma_range_rate_mps=math.nan if rate_sigma is None else rate_sigma,
            sigma_height_m=SIGMA_HEIGHT_M,
            p_detection=radar.p_detection,
            false_plots_per_scan=radar.false_plots_per_scan,
            range_m=(float(radar.range_m[0]), float(radar.range_m[1])),
            az_rad=(math.radians(az[0]) % _TURN, math.radians(az[1]) % _TURN),
            el_rad=(math.radians(radar.elevation_deg[0]), math.radians(radar.elevation_deg[1])),
            extra_var=_frozen(_rounding_var(radar) + (0.0 if is_alone else np.append(_bias_var(radar), (0.0, 0.0)))),
            bias_var=_frozen(_bias_var(radar)),
        )

    @property
    def has_elevation(self) -> bool:
        """Whether the radar measures elevation (3D)."""
        return not math.isnan(self.sigma_el_rad)

    @property
    def arc_rad(self) -> float:
        """Width of the covered azimuth [rad], 2 pi when all round."""
        return arc_width(*self.az_rad)

    @property
    def extent(self) -> float:
        """What false plots spread over: covered volume [m3] of a 3D radar, range times azimuth [m rad] of a 2D one."""
        low, high = self.range_m
        if not self.has_elevation:
            return self.arc_rad * (high - low)
        bottom, top = self.el_rad
        return self.arc_rad * (high**3 - low**3) / 3.0 * (math.sin(top) - math.sin(bottom))

    @property
    def false_density(self) -> float:
        """False plots a scan per m3 (3D) or per m rad (2D)."""
        return self.false_plots_per_scan / self.extent

    @property
    def false_plots_per_hour(self) -> float:
        """False plots an hour [1/h]."""
        return self.false_plots_per_scan * 3600.0 / self.scan_period_s

    def to_sensor(self, pos_m: Floats) -> Floats:
        """Turn (n, 3) site ENU positions into (n, 3) sensor ENU [m]."""
        return (np.asarray(pos_m, np.float64).reshape(-1, 3) - self.position_m) @ self.rotation.T

    def measure(self, pos_m: Floats, vel_mps: Floats) -> Measured:
        """Measure points without error.

        Parameters
        ----------
        pos_m, vel_mps : (n, 3) float64 [m], [m/s], site ENU

        Returns
        -------
        Measured
            Of (n,) arrays. A point at the sensor itself has azimuth and elevation 0.
        """
        pos = np.asarray(pos_m, np.float64).reshape(-1, 3)
        s = self.to_sensor(pos)
        w = np.asarray(vel_mps, np.float64).reshape(-1, 3) @ self.rotation.T
        reach = np.sqrt((s * s).sum(1))
        height = pos[:, 2] + (pos[:, 0] ** 2 + pos[:, 1] ** 2) / (2.0 * self.earth_radius_m) + self.site_height_m
        rate = (s * w).sum(1) / np.maximum(reach, 1e-9)
        el = np.arctan2(s[:, 2], np.hypot(s[:, 0], s[:, 1]))
        return Measured(reach, np.arctan2(s[:, 0], s[:, 1]) % _TURN, el, height, rate)

    def locate(self, range_m: Floats, az_rad: Floats, el_rad: Floats) -> Floats:
        """Turn (n,) ranges, azimuths and elevations into (n, 3) site ENU positions [m]."""
        across = range_m * np.cos(el_rad)
        s = np.stack([across * np.sin(az_rad), across * np.cos(az_rad), range_m * np.sin(el_rad)], axis=-1)
        return s @ self.rotation + self.position_m

    def covers(self, pos_m: Floats, margin: float = 0.0) -> NDArray[np.bool_]:
        """Tell which (n, 3) site ENU positions lie in the coverage.

        `margin` widens every edge by so many sigmas of the measurement. Elevation counts for a 3D radar only:
        the elevation edges of a 2D one cannot be tested by its own plots.
        """
        z = self.measure(pos_m, np.zeros_like(np.asarray(pos_m, np.float64)))
        d_range = margin * self.sigma_range_m
        inside = (z.range_m >= self.range_m[0] - d_range) & (z.range_m <= self.range_m[1] + d_range)
        inside &= in_arc(z.az_rad, *self.az_rad, margin * self.sigma_az_rad)
        if self.has_elevation:
            d_el = margin * self.sigma_el_rad
            inside &= (z.el_rad >= self.el_rad[0] - d_el) & (z.el_rad <= self.el_rad[1] + d_el)
        return inside


def sensor_models(radars: Sequence[RadarSite], frame: SiteFrame, *, is_flat: bool = False) -> tuple[SensorModel, ...]:
    """Make the model of each declared radar, in the order that `sensor_id` counts."""
    is_alone = len(radars) == 1
    return tuple(SensorModel.of(radar, frame, is_flat=is_flat, is_alone=is_alone) for radar in radars)


def _rounding_var(radar: RadarSite) -> Floats:
    # even over a step: step^2 / 12 (Bennett, Bell System Technical Journal 27, 1948, p. 446)
    az, el = math.radians(radar.step_azimuth_deg), math.radians(radar.step_elevation_deg)
    return np.array((radar.step_range_m, az, el, radar.step_range_rate_mps, 0.0)) ** 2 / 12.0


def _bias_var(radar: RadarSite) -> Floats:
    az, el = math.radians(radar.sigma_bias_azimuth_deg), math.radians(radar.sigma_bias_elevation_deg)
    return np.array((radar.sigma_bias_range_m, az, el)) ** 2


def arc_width(az_from_rad: float, az_to_rad: float) -> float:
    """Return the width of an arc clockwise from, to [rad]; equal ends are all round."""
    width = (az_to_rad - az_from_rad) % _TURN
    return width if width > 0.0 else _TURN


def in_arc(az_rad: Floats, az_from_rad: float, az_to_rad: float, margin_rad: float = 0.0) -> NDArray[np.bool_]:
    """Tell which azimuths [rad] lie in an arc that is widened by a margin at both ends."""
    width = arc_width(az_from_rad, az_to_rad) + 2.0 * margin_rad
    if width >= _TURN:
        return np.ones(np.shape(az_rad), np.bool_)
    return (np.asarray(az_rad) - az_from_rad + margin_rad) % _TURN <= width


def _frozen(values: Floats) -> Floats:
    out = np.array(values, np.float64)
    out.flags.writeable = False
    return out
