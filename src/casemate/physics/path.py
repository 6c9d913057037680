"""A flight as people read it: its moments, and its samples over the ground instead of in the site's frame."""

import math

import numpy as np
from numpy.typing import NDArray

from casemate.model.flight import FlightPath
from casemate.physics.atmosphere import Profile, ussa76
from casemate.physics.exact import Trajectory
from casemate.physics.geodesy import SiteFrame
from casemate.physics.terrain import Terrain, ground_height_m

__all__ = ["apex_s_of", "heading_of", "path_of"]

Array = NDArray[np.float64]


def apex_s_of(trajectory: Trajectory, frame: SiteFrame) -> float:
    """Return when a flight is highest over the ellipsoid [s]; 0 where it never climbs.

    Between two samples the climb is taken as linear in time: its rate changes by 1e-4 within a step of 0.05 s, which
    leaves the height exact to 1e-6 m.
    """
    lat, lon, height = frame.enu_to_geodetic(trajectory.pos_m).T
    climb = np.einsum("nj,nj->n", trajectory.vel_mps @ frame.rotation, _axes(lat, lon)[:, 2])
    turns = np.flatnonzero((climb[:-1] > 0.0) & (climb[1:] <= 0.0))
    if not turns.size:
        return 0.0
    i = int(turns[np.argmax(height[turns])])
    share = climb[i] / (climb[i] - climb[i + 1])
    return float(trajectory.t_s[i] + share * (trajectory.t_s[i + 1] - trajectory.t_s[i]))


def heading_of(trajectory: Trajectory, frame: SiteFrame) -> float:
    """Return the azimuth of the start's motion [rad], clockwise from true north there."""
    lat, lon, _ = frame.enu_to_geodetic(trajectory.pos_m[:1]).T
    east, north, _ = _axes(lat, lon)[0] @ (trajectory.vel_mps[0] @ frame.rotation)
    return math.atan2(east, north)


def path_of(
    trajectory: Trajectory,
    frame: SiteFrame,
    t_s: Array,
    azimuth_rad: float,
    wind: Profile | None = None,
    terrain: Terrain | None = None,
) -> FlightPath:
    """Sample a flight over the ground.

    Parameters
    ----------
    trajectory : Trajectory
        ENU of `frame`.
    frame : SiteFrame
        Says also how high mean sea level is.
    t_s : (m,) float64 [s]
        Times within the flight, ascending; the first is the start's.
    azimuth_rad : float
        Of the vertical plane that ranges and cross-ranges count from, clockwise from true north at the start.
    wind : Profile, optional
        Wind by height; none is calm.
    terrain : Terrain, optional
        Of `frame`; without it the ground is level, at the height of the last sample.

    Returns
    -------
    FlightPath

    Notes
    -----
    Distances are along the ground at the height of the impact, on the sphere that fits the ellipsoid at the start:
    ranges and cross-ranges are within 5 cm of the geodesic's at 40 km (n = 648, latitudes 0 to 75, GeographicLib).
    """
    pos_m, vel_mps = trajectory.at(t_s)
    lat, lon, up = (np.ascontiguousarray(column) for column in frame.enu_to_geodetic(pos_m).T)
    start = SiteFrame(float(lat[0]), float(lon[0]), float(up[0]))
    enu = start.geodetic_to_enu(lat, lon, up)
    far = np.arctan2(np.hypot(enu[:, 0], enu[:, 1]), start.radius_m + start.height_m + enu[:, 2])
    distance = (start.radius_m + up[-1]) * far
    turn = np.arctan2(enu[:, 0], enu[:, 1]) - azimuth_rad
    height = up - frame.geoid_m
    ground = np.full_like(up, up[-1])
    if terrain is not None:
        ground = np.array([ground_height_m(terrain, float(e), float(n)) for e, n, _ in pos_m])
    ve, vn, vu = np.einsum("nij,nj->in", _axes(lat, lon), vel_mps @ frame.rotation)
    airspeed = np.hypot(np.hypot(ve - _at(wind, "wind_e_mps", height), vn - _at(wind, "wind_n_mps", height)), vu)
    return FlightPath(
        t_s=t_s,
        lat_deg=lat,
        lon_deg=lon,
        height_m=height,
        ground_range_m=distance * np.cos(turn),
        cross_range_m=distance * np.sin(turn),
        ground_m=ground - frame.geoid_m,
        speed_mps=np.hypot(np.hypot(ve, vn), vu),
        mach=airspeed / ussa76(height).sound_speed_mps,
        ve_mps=ve,
        vn_mps=vn,
        vu_mps=vu,
    )


def _at(wind: Profile | None, name: str, height: Array) -> Array:
    if wind is None:
        return np.zeros_like(height)
    values: Array = getattr(wind, name)
    return np.interp(height, wind.height_m, values)


def _axes(lat_deg: Array, lon_deg: Array) -> Array:
    # Local east, north, up at n points, in ECEF: (n, 3, 3), a unit vector a row.
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    sp, cp, sl, cl = np.sin(lat), np.cos(lat), np.sin(lon), np.cos(lon)
    rows = ((-sl, cl, np.zeros_like(sl)), (-sp * cl, -sp * sl, cp), (cp * cl, cp * sl, sp))
    return np.stack([np.column_stack(row) for row in rows], axis=1)
