"""The exact flight: rotating WGS 84 Earth with J2, standard or measured air, wind, drag by Mach, a motor, a rail.

The richer model, which simulated truth flies and which the reference cases check. Positions come out in the site's ENU.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import STANDARD_GRAVITY_MPS2, WGS84_A_M, WGS84_E2, WGS84_GM_M3PS2, WGS84_J2, WGS84_OMEGA_RADPS
from casemate.errors import DomainError
from casemate.kernels import exact
from casemate.kernels.earth import Earth
from casemate.physics.body import Body, body_of
from casemate.physics.geodesy import SiteFrame, ecef_to_geodetic
from casemate.physics.trajectory import Trajectory

__all__ = [
    "MAX_TIME_S",
    "STEP_S",
    "WGS84",
    "Body",
    "Earth",
    "Rail",
    "Trajectory",
    "body_of",
    "check_rows",
    "check_start",
    "fly_exact",
    "fly_rows",
    "mach_of",
    "on_site",
    "sample_exact",
    "to_trajectory",
]

Array = NDArray[np.float64]

WGS84: Final = Earth(WGS84_A_M, WGS84_E2, WGS84_GM_M3PS2, WGS84_J2, WGS84_OMEGA_RADPS)
STEP_S: Final = 0.05
"""Time step of a flight [s]: below 1 mm at the impact."""

MAX_TIME_S: Final = 400.0
"""Longest flight [s]: from 86 km, the top of the air, a round is down in less."""

BURN_STEPS: Final = 256
"""Steps of a burn at least: they leave 0.2 mm at the impact of the 122 mm class (128: 3.5 mm)."""

_AIR_M: Final = (-5_000.0, 86_000.0)  # valid heights of the standard air, above mean sea level
_UNDER_M: Final = 0.1  # a flight solved backwards starts this close to its ground


class Rail(NamedTuple):
    """A launch rail that a rocket is guided by, from rest."""

    length_m: float  # travelled until the rocket is free
    azimuth_rad: float  # clockwise from true north
    elevation_rad: float  # above the local horizon


def fly_exact(
    body: Body,
    frame: SiteFrame,
    pos_m: Array,
    vel_mps: Array | None = None,
    *,
    ground_m: float | None = None,
    earth: Earth = WGS84,
    step_s: float = STEP_S,
    rail: Rail | None = None,
) -> Trajectory:
    """Fly a body from a state, or from rest on a rail, to the ground.

    Parameters
    ----------
    body : Body
        As `body_of` or `build_body` makes it; a motor is lit at the start.
    frame : SiteFrame
        The site's frame; its `geoid_m` tells the air where mean sea level is.
    pos_m, vel_mps : (3,) float64
        Start, ENU of the site, relative to the ground; no velocity with a rail.
    ground_m : float, optional [m]
        Height of the ground over the ellipsoid; that of the site where not given.
    earth : Earth
        The Earth to fly over.
    step_s : float
        Time step; shorter while a motor burns.
    rail : Rail, optional
        Where it stands at first, for a body with a motor.

    Returns
    -------
    Trajectory
        From the start to the impact, which lies on the ground within 1e-6 m. Steps end at the knots of the thrust and
        at the levels of air and wind.

    Raises
    ------
    DomainError
        A start that is not finite, under the ground or not upward on it; a thrust that does not carry the rocket off
        its rail; a flight that is not down after 400 s, leaves the air of -5 to 86 km or the Mach numbers of its drag
        curve.
    """
    body = on_site(body, frame)
    ground = frame.height_m if ground_m is None else ground_m
    vel = np.zeros(3) if vel_mps is None or rail is not None else vel_mps
    check_start(pos_m, vel, frame, ground, is_on_rail=rail is not None)
    start = np.concatenate((frame.enu_to_ecef(pos_m[None])[0], vel @ frame.rotation))
    check_rows(np.concatenate(([0.0], start))[None], frame, body, earth)
    rows, exit_s = np.concatenate(([0.0], start))[None], math.nan
    if rail is not None:
        rows = _ride(start, rail, step_s, earth, body)
        exit_s = float(rows[-1, 0])
    path, status = fly_rows(
        rows[-1, 1:],
        float(rows[-1, 0]),
        MAX_TIME_S,
        step_s,
        body,
        stop=exact.STOP_AT_GROUND,
        target=ground,
        earth=earth,
    )
    rows = np.vstack((rows, path[1:]))
    check_rows(rows, frame, body, earth)
    if status == exact.NOT_FINITE:
        raise DomainError("pos_m", math.nan, -math.inf, math.inf)
    if status != exact.OK:
        raise DomainError("flight_s", float(rows[-1, 0]), 0.0, MAX_TIME_S)
    return to_trajectory(rows, frame, exit_s)


def on_site(body: Body, frame: SiteFrame) -> Body:
    """Return the body with its air at the height that the frame's geoid gives it."""
    return body._replace(air=body.air._replace(geoid_m=frame.geoid_m))


def fly_rows(
    start: Array, t_s: float, t_end_s: float, dt_s: float, body: Body, *, stop: int = exact.NO_STOP,
    target: float = 0.0, rail: tuple[float, float, float] = (0.0, 0.0, 0.0), earth: Earth = WGS84,
) -> tuple[Array, int]:  # fmt: skip
    """Run the kernel once, at times since ignition; return rows of time and ECEF state (n, 7), and a status."""
    burn_dt = math.copysign(_burn_step_s(abs(dt_s), body), dt_s)
    out = np.empty((_n_rows(abs(t_end_s - t_s), abs(dt_s), body), 7))
    state = np.ascontiguousarray(start, np.float64)
    n, status = exact.fly(
        state, float(t_s), float(t_end_s), float(dt_s), burn_dt, stop, float(target), rail, earth, body, out
    )
    return out[:n], status


def _burn_step_s(step_s: float, body: Body) -> float:
    return min(step_s, float(body.burn[-1, 0]) / BURN_STEPS) if body.burn.size else step_s


def _n_rows(span_s: float, step_s: float, body: Body) -> int:
    # Room for every step: each knot and each crossing of a level shortens one. Few levels are crossed more than twice.
    return int(span_s / step_s) + BURN_STEPS + body.burn.shape[0] + 4 * body.air.breaks_m.size + 16


def _ride(start: Array, rail: Rail, step_s: float, earth: Earth, body: Body) -> Array:
    # Rows from rest to the rail's end.
    if not 0.0 < rail.length_m < math.inf:
        raise DomainError("length_m", rail.length_m, 0.0, math.inf)
    if not 0.0 < rail.elevation_rad <= 0.5 * math.pi:
        raise DomainError("elevation_rad", rail.elevation_rad, 0.0, 0.5 * math.pi)
    if not math.isfinite(rail.azimuth_rad):
        raise DomainError("azimuth_rad", rail.azimuth_rad, -math.inf, math.inf)
    lat, lon, height = ecef_to_geodetic(start[None, :3])[0]
    out = math.cos(rail.elevation_rad)
    enu = np.array([out * math.sin(rail.azimuth_rad), out * math.cos(rail.azimuth_rad), math.sin(rail.elevation_rad)])
    x, y, z = (enu @ SiteFrame(float(lat), float(lon), float(height)).rotation).tolist()
    t = exact.lift_off(start, (x, y, z), earth, body)
    if t < 0.0:
        raise DomainError("thrust_n", float(body.burn[:, 1].max(initial=0.0)), _hold_n(body, rail), math.inf)
    end_s = float(body.burn[-1, 0])
    rows, status = fly_rows(
        start, t, end_s, step_s, body, stop=exact.STOP_AT_TRAVEL, target=rail.length_m, rail=(x, y, z), earth=earth
    )
    if status != exact.OK:
        gone = float(np.linalg.norm(rows[-1, 1:4] - start[:3]))
        raise DomainError("rail_travel_m", gone, rail.length_m, math.inf)
    return rows if t == 0.0 else np.vstack((np.concatenate(([0.0], start)), rows))


def _hold_n(body: Body, rail: Rail) -> float:
    # The part of the weight along the rail: the thrust that lifts the rocket in still air.
    return (body.mass_kg + body.propellant_kg) * STANDARD_GRAVITY_MPS2 * math.sin(rail.elevation_rad)


def check_start(pos_m: Array, vel_mps: Array, frame: SiteFrame, ground_m: float, *, is_on_rail: bool = False) -> None:
    """Refuse a start that is not finite, under the ground or over the air, or not upward on the ground.

    Raises
    ------
    DomainError
        Named `pos_m`, `vel_mps`, `ground_m`, `height_m` or `climb_mps`.
    """
    for name, values in (("pos_m", pos_m), ("vel_mps", vel_mps), ("ground_m", np.array([ground_m]))):
        if not np.isfinite(values).all():
            raise DomainError(name, math.nan, -math.inf, math.inf)
    lat, lon, height = frame.enu_to_geodetic(pos_m[None])[0]
    if not ground_m - _UNDER_M <= height <= _AIR_M[1] + frame.geoid_m:
        raise DomainError("height_m", float(height), ground_m, _AIR_M[1] + frame.geoid_m)
    up = SiteFrame(float(lat), float(lon), float(height)).rotation[2]
    climb = float(up @ (vel_mps @ frame.rotation))
    if height < ground_m + 1e-6 and climb <= 0.0 and not is_on_rail:
        raise DomainError("climb_mps", climb, 0.0, math.inf)


def check_rows(rows: Array, frame: SiteFrame, body: Body, earth: Earth) -> None:
    """Refuse rows of time and ECEF state (n, 7) outside the models: heights of the air, Mach numbers of the drag curve.

    Raises
    ------
    DomainError
        Named `height_m` or `mach`.
    """
    heights = ecef_to_geodetic(rows[:, 1:4])[:, 2] - frame.geoid_m
    for height in (heights.min(), heights.max()):
        if not _AIR_M[0] <= height <= _AIR_M[1]:
            raise DomainError("height_m", float(height), *_AIR_M)
    mach = np.empty(rows.shape[0])
    exact.mach_many(np.ascontiguousarray(rows[:, 1:]), earth, body, mach)
    if not mach.max() <= body.mach_top:
        raise DomainError("mach", float(mach.max()), 0.0, body.mach_top)


def mach_of(path: Trajectory, frame: SiteFrame, body: Body, earth: Earth = WGS84) -> Array:
    """Return the Mach numbers (m,) along a trajectory that a body flew: speed through its air over that of sound."""
    states = np.hstack((frame.enu_to_ecef(path.pos_m), path.vel_mps @ frame.rotation))
    mach = np.empty(states.shape[0])
    exact.mach_many(np.ascontiguousarray(states), earth, on_site(body, frame), mach)
    return mach


def to_trajectory(rows: Array, frame: SiteFrame, rail_exit_s: float = math.nan) -> Trajectory:
    """Turn rows of time and ECEF state (n, 7), ascending in time, into a trajectory that starts at 0 s."""
    times = rows[:, 0] - rows[0, 0]
    return Trajectory(times, frame.ecef_to_enu(rows[:, 1:4]), rows[:, 4:7] @ frame.rotation.T, rail_exit_s)


def sample_exact(start: Array, times_s: Array, body: Body, earth: Earth = WGS84, step_s: float = STEP_S) -> Array:
    """Fly an ECEF state (6,) through ascending times (n,) [s] since ignition; return the states there (n, 6)."""
    out = np.empty((times_s.size, 6))
    state, before = start, float(times_s[0])
    for i, t in enumerate(times_s.tolist()):
        state = fly_rows(state, before, t, step_s, body, earth=earth)[0][-1, 1:]
        out[i], before = state, t
    return out
