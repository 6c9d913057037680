"""One flight, wired: a flight file -> the exact model -> its figures and its path, sample by sample."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.io.flight_file import FlightInputs, read_flight
from casemate.io.profile import StrPath
from casemate.model.flight import ArrivalPoint, FlightPath, FlightResult, Mark, StartPoint
from casemate.physics.ballistics import Trajectory, body_of, fly_exact, solve_arrival
from casemate.physics.drag import compile_drag
from casemate.physics.geodesy import SiteFrame
from casemate.physics.path import apex_s_of, heading_of, path_of
from casemate.physics.spin import SpinningTrajectory, fly_spinning_exact, gyro_of, solve_spinning_arrival, spin_of

Array = NDArray[np.float64]


class _Flown(NamedTuple):
    trajectory: Trajectory
    frame: SiteFrame  # in whose ENU the trajectory is
    azimuth_rad: float  # of the start, clockwise from true north
    burn_s: float


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
    flown = _fly(path, inputs, is_spinning=inputs.file.flight.model == "modified-point-mass")
    moments = {"start": 0.0, "apex": apex_s_of(flown.trajectory, flown.frame), "impact": flown.trajectory.flight_s}
    if 0.0 < flown.burn_s < flown.trajectory.flight_s:
        moments["burnout"] = flown.burn_s
    times = np.union1d(flown.trajectory.t_s, list(moments.values()))
    samples = path_of(flown.trajectory, flown.frame, times, flown.azimuth_rad, inputs.wind)
    result = _result_of(inputs, flown, samples, {name: _mark(samples, t_s) for name, t_s in moments.items()})
    return result, samples


def _fly(path: StrPath, inputs: FlightInputs, *, is_spinning: bool) -> _Flown:
    start, arrival = inputs.file.start, inputs.file.arrival
    if start is not None:
        return _fly_from(start, inputs, is_spinning=is_spinning)
    if arrival is not None:
        return _fly_to(arrival, inputs, is_spinning=is_spinning)
    raise SettingsError(str(path), "start", "is needed and missing")  # the reader has refused it


def _frame_of(point: StartPoint | ArrivalPoint) -> SiteFrame:
    return SiteFrame(point.lat_deg, point.lon_deg, point.height_m + point.geoid_m, point.geoid_m)


def _fly_from(start: StartPoint, inputs: FlightInputs, *, is_spinning: bool) -> _Flown:
    frame = _frame_of(start)
    az, el = math.radians(start.azimuth_deg), math.radians(start.elevation_deg)
    heading = np.array([math.sin(az) * math.cos(el), math.cos(az) * math.cos(el), math.sin(el)])
    ground = inputs.file.flight.ground_height_m
    ground = frame.height_m if ground is None else ground + start.geoid_m
    body = body_of(inputs.body, inputs.file.body.drag_factor, inputs.wind)
    pos_m, speed_mps = np.zeros(3), start.speed_mps or 0.0
    if is_spinning:
        gyro, spin_radps = gyro_of(inputs.body), spin_of(inputs.body, speed_mps)
        trajectory = fly_spinning_exact(body, gyro, frame, pos_m, speed_mps * heading, spin_radps, ground_m=ground)
    else:
        trajectory = fly_exact(body, frame, pos_m, speed_mps * heading, ground_m=ground)
    return _Flown(trajectory, frame, az, inputs.body.burn_s or 0.0)


def _fly_to(arrival: ArrivalPoint, inputs: FlightInputs, *, is_spinning: bool) -> _Flown:
    frame = _frame_of(arrival)
    solve = solve_spinning_arrival if is_spinning else solve_arrival
    trajectory = solve(
        inputs.body,
        frame,
        np.zeros(2),
        math.radians(arrival.bearing_deg),
        arrival.ground_range_m,
        arrival.arc,
        arrival.flight_s,
        inputs.file.body.drag_factor,
        inputs.wind,
    )
    return _Flown(trajectory, frame, heading_of(trajectory, frame), inputs.body.burn_s or 0.0)


def _result_of(inputs: FlightInputs, flown: _Flown, path: FlightPath, marks: dict[str, Mark]) -> FlightResult:
    curve = compile_drag(inputs.body.mach, inputs.body.cd)
    yaw_deg = None
    if isinstance(flown.trajectory, SpinningTrajectory):
        yaw_deg = math.degrees(float(np.linalg.norm(flown.trajectory.yaw_rad, axis=1).max()))
    return FlightResult(
        name=inputs.file.flight.name,
        model=inputs.file.flight.model,
        body=inputs.body.title,
        drag_digest=curve.digest,
        cd_node_error=curve.node_error,
        drag_factor=inputs.file.body.drag_factor,
        start=marks["start"],
        burnout=marks.get("burnout"),
        apex=marks["apex"],
        impact=marks["impact"],
        ground_range_m=math.hypot(path.ground_range_m[-1], path.cross_range_m[-1]),
        flight_s=flown.trajectory.flight_s,
        fall_angle_deg=math.degrees(math.atan2(-path.vu_mps[-1], math.hypot(path.ve_mps[-1], path.vn_mps[-1]))),
        deflection_m=float(path.cross_range_m[-1]),
        mach=(float(path.mach.min()), float(path.mach.max())),
        drift_m=_drift_m(inputs, float(path.cross_range_m[-1])) if yaw_deg is not None else None,
        yaw_of_repose_deg=yaw_deg,
    )


def _mark(path: FlightPath, t_s: float) -> Mark:
    i = int(np.searchsorted(path.t_s, t_s))
    return Mark(**{name: float(getattr(path, name)[i]) for name in Mark.__struct_fields__})


def _drift_m(inputs: FlightInputs, deflection_m: float) -> float | None:
    # What the spin adds: the deflection beside that of the same start without spin.
    if inputs.file.start is None:
        return None
    plain = _fly_from(inputs.file.start, inputs, is_spinning=False)
    ends = plain.trajectory.t_s[[0, -1]]
    return deflection_m - float(path_of(plain.trajectory, plain.frame, ends, plain.azimuth_rad).cross_range_m[-1])
