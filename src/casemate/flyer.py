"""One flight, wired: a flight file -> the exact model -> its figures and its path, sample by sample."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.io.flight_file import FlightInputs, read_flight
from casemate.io.profile import StrPath
from casemate.model.flight import ArrivalPoint, FlightPath, FlightResult, Mark, StartPoint
from casemate.physics.atmosphere import ussa76
from casemate.physics.ballistics import Trajectory, body_of, fly_exact, solve_arrival
from casemate.physics.exact import Body
from casemate.physics.geodesy import SiteFrame

Array = NDArray[np.float64]


def fly(path: StrPath) -> tuple[FlightResult, FlightPath]:
    """Fly the flight that a file declares.

    Raises
    ------
    SettingsError
        The file, or one that it names, is wrong.
    DomainError
        The flight leaves the range in which its model holds.
    """
    inputs = read_flight(path)
    start, arrival = inputs.file.start, inputs.file.arrival
    if start is not None:
        flown = _fly_from(start, inputs)
    elif arrival is not None:
        flown = _fly_to(arrival, inputs)
    else:  # the reader has refused it
        raise SettingsError(str(path), "start", "is needed and missing")
    moments = _moments(flown)
    times = np.union1d(flown.trajectory.t_s, list(moments.values()))
    samples = _path_of(flown, times)
    return _result_of(inputs, flown, samples, moments), samples


class _Flown(NamedTuple):
    trajectory: Trajectory
    frame: SiteFrame  # in whose ENU the trajectory is
    body: Body
    azimuth_rad: float  # of the start, clockwise from true north


def _fly_from(start: StartPoint, inputs: FlightInputs) -> _Flown:
    frame = SiteFrame(start.lat_deg, start.lon_deg, start.height_m)
    az, el = math.radians(start.azimuth_deg), math.radians(start.elevation_deg)
    heading = np.array([math.sin(az) * math.cos(el), math.cos(az) * math.cos(el), math.sin(el)])
    body = body_of(inputs.body, inputs.file.body.drag_factor, inputs.wind)
    ground = inputs.file.terrain.height_m
    trajectory = fly_exact(body, frame, np.zeros(3), (start.speed_mps or 0.0) * heading, ground_m=ground)
    return _Flown(trajectory, frame, body, az)


def _fly_to(arrival: ArrivalPoint, inputs: FlightInputs) -> _Flown:
    frame = SiteFrame(arrival.lat_deg, arrival.lon_deg, arrival.height_m)
    factor = inputs.file.body.drag_factor
    trajectory = solve_arrival(
        inputs.body,
        frame,
        np.zeros(2),
        math.radians(arrival.bearing_deg),
        arrival.ground_range_m,
        arrival.arc,
        arrival.flight_s,
        factor,
        inputs.wind,
    )
    lat, lon, _ = frame.enu_to_geodetic(trajectory.pos_m[:1])[0]
    east, north, _ = SiteFrame(lat, lon, 0.0).rotation @ (trajectory.vel_mps[0] @ frame.rotation)
    return _Flown(trajectory, frame, body_of(inputs.body, factor, inputs.wind), math.atan2(east, north))


def _moments(flown: _Flown) -> dict[str, float]:
    # Times [s] of what is worth a mark; the apex is where the climb in the local vertical ends.
    trajectory, frame, body, _ = flown
    geodetic = frame.enu_to_geodetic(trajectory.pos_m)
    climb = np.einsum("ij,ij->i", trajectory.vel_mps @ frame.rotation, _axes(geodetic[:, 0], geodetic[:, 1])[:, 2])
    falling = np.flatnonzero((climb[:-1] > 0.0) & (climb[1:] <= 0.0))
    moments = {"start": 0.0, "impact": trajectory.flight_s, "apex": 0.0}
    if falling.size:
        i = int(falling[np.argmax(geodetic[falling, 2])])
        share = climb[i] / (climb[i] - climb[i + 1])  # vertical acceleration changes by 1e-4 within a step
        moments["apex"] = float(trajectory.t_s[i] + share * (trajectory.t_s[i + 1] - trajectory.t_s[i]))
    if 0.0 < body.burn_s < trajectory.flight_s:
        moments["burnout"] = body.burn_s
    return moments


def _axes(lat_deg: Array, lon_deg: Array) -> Array:
    # Local east, north, up at n points, in ECEF: (n, 3, 3), a unit vector a row.
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    sp, cp, sl, cl = np.sin(lat), np.cos(lat), np.sin(lon), np.cos(lon)
    rows = ((-sl, cl, np.zeros_like(sl)), (-sp * cl, -sp * sl, cp), (cp * cl, cp * sl, sp))
    return np.stack([np.column_stack(row) for row in rows], axis=1)


def _path_of(flown: _Flown, t_s: Array) -> FlightPath:
    trajectory, frame, body, azimuth_rad = flown
    pos_m, vel_mps = trajectory.at(t_s)
    lat, lon, height = (np.ascontiguousarray(column) for column in frame.enu_to_geodetic(pos_m).T)
    start = SiteFrame(float(lat[0]), float(lon[0]), float(height[0]))
    enu = start.geodetic_to_enu(lat, lon, height)
    # Distance along the ground and direction, on the sphere that fits the ellipsoid at the start.
    far = np.arctan2(np.hypot(enu[:, 0], enu[:, 1]), start.radius_m + start.height_m + enu[:, 2])
    distance = (start.radius_m + height[-1]) * far
    turn = np.arctan2(enu[:, 0], enu[:, 1]) - azimuth_rad
    ve, vn, vu = np.einsum("nij,nj->in", _axes(lat, lon), vel_mps @ frame.rotation)
    wind_e, wind_n = (np.interp(height, body.wind_z, body.wind[:, i]) for i in (0, 1))
    airspeed = np.sqrt((ve - wind_e) ** 2 + (vn - wind_n) ** 2 + vu**2)
    return FlightPath(
        t_s=t_s,
        lat_deg=lat,
        lon_deg=lon,
        height_m=height,
        ground_range_m=distance * np.cos(turn),
        cross_range_m=distance * np.sin(turn),
        ground_m=np.full_like(height, height[-1]),
        speed_mps=np.sqrt(ve**2 + vn**2 + vu**2),
        mach=airspeed / ussa76(height).sound_speed_mps,
        ve_mps=ve,
        vn_mps=vn,
        vu_mps=vu,
    )


def _result_of(inputs: FlightInputs, flown: _Flown, path: FlightPath, moments: dict[str, float]) -> FlightResult:
    flat = math.hypot(path.ve_mps[-1], path.vn_mps[-1])
    marks = {name: _mark(path, t_s) for name, t_s in moments.items()}
    return FlightResult(
        name=inputs.file.flight.name,
        model=inputs.file.flight.model,
        body=inputs.body.title,
        drag_digest="",
        ground_range_m=math.hypot(path.ground_range_m[-1], path.cross_range_m[-1]),
        flight_s=flown.trajectory.flight_s,
        fall_angle_deg=math.degrees(math.atan2(-path.vu_mps[-1], flat)),
        deflection_m=float(path.cross_range_m[-1]),
        mach=(float(path.mach.min()), float(path.mach.max())),
        start=marks["start"],
        apex=marks["apex"],
        impact=marks["impact"],
        rail_exit=marks.get("rail_exit"),
        burnout=marks.get("burnout"),
    )


def _mark(path: FlightPath, t_s: float) -> Mark:
    i = int(np.searchsorted(path.t_s, t_s))
    return Mark(**{name: float(getattr(path, name)[i]) for name in Mark.__struct_fields__})
