"""One flight, wired: a flight file -> the exact model -> its figures and its path, sample by sample."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import USSA76_GAS_JPKGK
from casemate.errors import DomainError
from casemate.io.flight_file import FlightInputs, read_flight
from casemate.io.profile import StrPath
from casemate.io.terrain import read_terrain
from casemate.model.catalog import EnvironmentSettings
from casemate.model.flight import FlightPath, FlightResult, Mark
from casemate.physics import ballistics
from casemate.physics.atmosphere import ussa76
from casemate.physics.body import Body, body_of, build_body
from casemate.physics.drag import compile_drag
from casemate.physics.environment import build_environment
from casemate.physics.exact import Rail, Trajectory, fly_exact
from casemate.physics.geodesy import SiteFrame
from casemate.physics.path import ATTACK_LIMIT_DEG, attack_deg_of, path_of
from casemate.physics.profile import Profile
from casemate.physics.spin import SpinningTrajectory, fly_spinning_exact, gyro_of, spin_of
from casemate.physics.terrain import Terrain, impact_of

Array = NDArray[np.float64]


class _Frame(NamedTuple):
    """What a flight is told against: the ENU that it is in, the plane that its ranges count from, the ground."""

    enu: SiteFrame
    azimuth_rad: float  # of the start, clockwise from true north
    ground_m: float  # over the ellipsoid, where it is level
    terrain: Terrain | None


class _Flown(NamedTuple):
    trajectory: Trajectory
    body: Body
    rail_exit_s: float  # NaN without a rail
    yaw_rad: float | None  # greatest yaw of repose, where the model knows one


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
    frame = _frame_of(path, inputs)
    is_spinning = inputs.file.flight.model == "modified-point-mass"
    flown, drift_m = _flown_of(frame, inputs, is_spinning=is_spinning), None
    if is_spinning:
        plain = _flown_of(frame, inputs, is_spinning=False)
        drift_m = _deflection_m(flown, frame) - _deflection_m(plain, frame)
    moments = _moments_of(flown, frame)
    samples = _samples_of(flown, frame, np.union1d(flown.trajectory.t_s, list(moments.values())))
    marks = {name: _mark(samples, t_s) for name, t_s in moments.items()}
    return _result_of(inputs, flown, frame, samples, marks, drift_m), samples


def _frame_of(path: StrPath, inputs: FlightInputs) -> _Frame:
    start, level, raster = inputs.file.start, inputs.file.flight.ground_height_m, inputs.file.terrain
    geoid_m = start.geoid_m or 0.0
    enu = SiteFrame(start.lat_deg, start.lon_deg, start.height_m + geoid_m, geoid_m)
    terrain = None
    if raster is not None:
        terrain = read_terrain(path, raster, enu, is_geoid_known=start.geoid_m is not None)
    ground_m = enu.height_m if level is None else level + enu.geoid_m
    return _Frame(enu, math.radians(start.azimuth_deg), ground_m, terrain)


def _body_of(inputs: FlightInputs) -> Body:
    factor, data = inputs.file.body.drag_factor, inputs.body
    is_exponential = inputs.file.environment.atmosphere == "exponential"
    air = _exponential(inputs.file.environment) if is_exponential else inputs.air
    if inputs.motor is None:
        return body_of(data, factor, inputs.wind, air)
    return build_body(
        data.mass_kg,
        0.25 * math.pi * data.calibre_m**2,
        factor * compile_drag(data.mach, data.cd).table,
        motor=inputs.motor,
        wind=inputs.wind,
        air=air,
        mach_top=data.mach[-1],
    )


def _exponential(environment: EnvironmentSettings) -> Profile:
    # Density falls by e each scale height, with the standard's temperature. Between levels of 100 m the exact flight
    # takes temperature and ln of pressure as linear, which leaves 1e-6 of the density.
    heights = np.arange(-5_000.0, 86_001.0, 100.0)
    temperature_k = ussa76(heights).temperature_k
    density = environment.density_kgpm3 * np.exp(-heights / environment.scale_height_m)
    calm = np.zeros_like(heights)
    return Profile(heights, density * USSA76_GAS_JPKGK * temperature_k, temperature_k, calm, calm)


def _flown_of(frame: _Frame, inputs: FlightInputs, *, is_spinning: bool) -> _Flown:
    start = inputs.file.start
    az, el = frame.azimuth_rad, math.radians(start.elevation_deg)
    vel_mps = (start.speed_mps or 0.0) * np.array(
        [math.sin(az) * math.cos(el), math.cos(az) * math.cos(el), math.sin(el)]
    )
    # with terrain it is flown down to the lowest of it, then cut where it first goes under the surface
    ground_m = frame.ground_m if frame.terrain is None else frame.terrain.min_m
    body = _body_of(inputs)
    if is_spinning:
        gyro, spin_radps = gyro_of(inputs.body), spin_of(inputs.body, start.speed_mps or 0.0)
        whole = fly_spinning_exact(body, gyro, frame.enu, np.zeros(3), vel_mps, spin_radps, ground_m=ground_m)
    else:
        rail = None if inputs.file.rail is None else Rail(inputs.file.rail.length_m, az, el)
        whole = fly_exact(body, frame.enu, np.zeros(3), vel_mps, ground_m=ground_m, rail=rail)
        attack_deg = attack_deg_of(whole, frame.enu, inputs.wind) if rail else 0.0
        if attack_deg > ATTACK_LIMIT_DEG:
            raise DomainError("attack_deg off the rail", attack_deg, 0.0, ATTACK_LIMIT_DEG)
    cut = whole if frame.terrain is None else impact_of(whole, frame.terrain)
    return _Flown(cut, body, whole.rail_exit_s, _greatest_yaw_rad(whole, cut.flight_s))


def _greatest_yaw_rad(trajectory: Trajectory, until_s: float) -> float | None:
    if not isinstance(trajectory, SpinningTrajectory):
        return None
    return float(np.linalg.norm(trajectory.yaw_rad[trajectory.t_s <= until_s], axis=1).max())


def _moments_of(flown: _Flown, frame: _Frame) -> dict[str, float]:
    # Times [s] of what is worth a mark.
    end_s = flown.trajectory.flight_s
    burnt_s = float(flown.body.burn[-1, 0]) if flown.body.burn.size else math.nan
    maybe = {"rail_exit": flown.rail_exit_s, "burnout": burnt_s}
    moments = {"start": 0.0, "apex": flown.trajectory.apex(frame.enu).t_s, "impact": end_s}
    return moments | {name: t_s for name, t_s in maybe.items() if 0.0 < t_s < end_s}


def _samples_of(flown: _Flown, frame: _Frame, t_s: Array) -> FlightPath:
    return path_of(flown.trajectory, frame.enu, t_s, frame.azimuth_rad, flown.body, frame.terrain)


def _deflection_m(flown: _Flown, frame: _Frame) -> float:
    return float(_samples_of(flown, frame, flown.trajectory.t_s[[0, -1]]).cross_range_m[-1])


def _result_of(
    inputs: FlightInputs,
    flown: _Flown,
    frame: _Frame,
    path: FlightPath,
    marks: dict[str, Mark],
    drift_m: float | None,
) -> FlightResult:
    curve = compile_drag(inputs.body.mach, inputs.body.cd)
    impact = flown.trajectory.impact(frame.enu)
    return FlightResult(
        name=inputs.file.flight.name,
        model=inputs.file.flight.model,
        body=inputs.body.title,
        drag_digest=curve.digest,
        cd_node_error=curve.node_error,
        drag_factor=inputs.file.body.drag_factor,
        start=marks["start"],
        rail_exit=marks.get("rail_exit"),
        burnout=marks.get("burnout"),
        apex=marks["apex"],
        impact=marks["impact"],
        ground_range_m=impact.ground_range_m,
        flight_s=impact.t_s,
        fall_angle_deg=math.degrees(impact.fall_angle_rad),
        deflection_m=float(path.cross_range_m[-1]),
        mach=(float(path.mach.min()), float(path.mach.max())),
        drift_m=drift_m,
        yaw_of_repose_deg=None if flown.yaw_rad is None else math.degrees(flown.yaw_rad),
        fast_kernel_miss_m=_fast_miss_m(inputs, flown, frame),
    )


def _fast_miss_m(inputs: FlightInputs, flown: _Flown, frame: _Frame) -> float | None:
    # How far from this impact the kernel of the live pipeline ends; None where it knows no such flight.
    k_m2pkg = inputs.file.body.drag_factor * flown.body.area_m2 / flown.body.mass_kg
    if flown.body.burn.size or flown.yaw_rad is not None or k_m2pkg == 0.0:
        return None
    drag = (np.array(inputs.body.mach), np.array(inputs.body.cd))
    env = build_environment(inputs.file.environment, frame.enu, drag, inputs.air, inputs.wind)
    env = env._replace(ground_m=frame.ground_m - frame.enu.height_m)
    path = flown.trajectory
    state = np.concatenate((path.pos_m[0], path.vel_mps[0], [math.log(k_m2pkg)]))
    try:
        fast = ballistics.fly(state, env, frame.terrain)
    except DomainError:  # its air ends at 40 km
        return None
    return float(np.linalg.norm(fast.pos_m[-1] - path.pos_m[-1]))


def _mark(path: FlightPath, t_s: float) -> Mark:
    i = int(np.searchsorted(path.t_s, t_s))
    return Mark(**{name: float(getattr(path, name)[i]) for name in Mark.__struct_fields__})
