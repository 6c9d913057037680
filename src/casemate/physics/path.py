"""A flight as people read it: samples over the ground, instead of in the site's frame."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.constants import WGS84_A_M, WGS84_E2
from casemate.model.flight import FlightPath
from casemate.physics.exact import Body, Trajectory, mach_of
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile
from casemate.physics.terrain import Terrain, ground_height_m

__all__ = ["ATTACK_LIMIT_DEG", "attack_deg_of", "path_of"]

Array = NDArray[np.float64]

ATTACK_LIMIT_DEG: Final = 10.0
"""Greatest angle of attack off the rail that a point mass stands for [A]. A point mass flies with its nose in the flow
at once. A rocket swings there, and settles where forces and moments grow in proportion to the angle, the small angles
of linear theory (J. S. Barrowman, The Practical Calculation of the Aerodynamic Characteristics of Slender Finned
Vehicles, 1967); beyond about 10 degrees fins begin to stall, and thrust and flow part for long. See
docs/explanation/flight.md."""


def attack_deg_of(trajectory: Trajectory, frame: SiteFrame, wind: Profile | None) -> float:
    """Return the angle [deg] between the rail and the motion through the air where a rocket leaves its rail."""
    pos_m, vel_mps = (rows[0] for rows in trajectory.at(trajectory.rail_exit_s))
    if wind is None:
        return 0.0
    lat, lon, up = frame.enu_to_geodetic(pos_m[None]).T
    height_m = float(up[0]) - frame.geoid_m
    east, north = (float(np.interp(height_m, wind.height_m, one)) for one in (wind.wind_e_mps, wind.wind_n_mps))
    blowing = _axes(lat, lon)[0].T @ np.array([east, north, 0.0]) @ frame.rotation.T
    flow = vel_mps - blowing
    cosine = float(vel_mps @ flow) / float(np.linalg.norm(vel_mps) * np.linalg.norm(flow))
    return math.degrees(math.acos(min(cosine, 1.0)))


def path_of(
    trajectory: Trajectory, frame: SiteFrame, t_s: Array, azimuth_rad: float, body: Body,
    terrain: Terrain | None = None,
) -> FlightPath:  # fmt: skip
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
    body : Body
        What flew, with its air.
    terrain : Terrain, optional
        Of `frame`; without it the ground is level, at the height of the last sample.

    Returns
    -------
    FlightPath

    Notes
    -----
    Distances are along the ellipsoid, on the circle that fits it at the start in the direction of each sample (Euler's
    theorem): within 2 mm of the geodesic up to 40 km (n = 3,024, heights to 10 km, against GeographicLib).
    """
    pos_m, vel_mps = trajectory.at(t_s)
    lat, lon, up = (np.ascontiguousarray(column) for column in frame.enu_to_geodetic(pos_m).T)
    start = SiteFrame(float(lat[0]), float(lon[0]), float(up[0]))
    east, north, over = start.geodetic_to_enu(lat, lon, up).T
    bearing = np.arctan2(east, north)
    w = 1.0 - WGS84_E2 * math.sin(math.radians(start.lat_deg)) ** 2
    across, along = WGS84_A_M / math.sqrt(w), WGS84_A_M * (1.0 - WGS84_E2) / w**1.5
    radius = 1.0 / (np.cos(bearing) ** 2 / along + np.sin(bearing) ** 2 / across)
    distance = radius * np.arctan2(np.hypot(east, north), radius + start.height_m + over)
    turn = bearing - azimuth_rad
    ground = np.full_like(up, up[-1])
    if terrain is not None:
        ground = np.array([ground_height_m(terrain, float(e), float(n)) for e, n, _ in pos_m])
    ve, vn, vu = np.einsum("nij,nj->in", _axes(lat, lon), vel_mps @ frame.rotation)
    return FlightPath(
        t_s=t_s,
        lat_deg=lat,
        lon_deg=lon,
        height_m=up - frame.geoid_m,
        ground_range_m=distance * np.cos(turn),
        cross_range_m=distance * np.sin(turn),
        ground_m=ground - frame.geoid_m,
        speed_mps=np.hypot(np.hypot(ve, vn), vu),
        mach=mach_of(Trajectory(t_s, pos_m, vel_mps), frame, body),
        ve_mps=ve,
        vn_mps=vn,
        vu_mps=vu,
    )


def _axes(lat_deg: Array, lon_deg: Array) -> Array:
    # Local east, north, up at n points, in ECEF: (n, 3, 3), a unit vector a row.
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    sp, cp, sl, cl = np.sin(lat), np.cos(lat), np.sin(lon), np.cos(lon)
    rows = ((-sl, cl, np.zeros_like(sl)), (-sp * cl, -sp * sl, cp), (cp * cl, cp * sl, sp))
    return np.stack([np.column_stack(row) for row in rows], axis=1)
