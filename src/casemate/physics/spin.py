"""The flight of a spinning shell: the exact flight with spin, yaw of repose, and the drift that comes of them.

The richer model that simulated truth flies for the classes that declare their spin; the tracker does not know of it.
Flights run forward from a given start, or are solved backwards from an impact.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError
from casemate.kernels import spin
from casemate.kernels.spin import Gyro
from casemate.model.catalog import RoundClass, Spin
from casemate.physics.arrival import Arc, solve_arrival
from casemate.physics.backward import Impact
from casemate.physics.drag import interpolate_drag
from casemate.physics.exact import (
    MAX_TIME_S,
    STEP_S,
    WGS84,
    Body,
    Earth,
    Trajectory,
    body_of,
    check_rows,
    check_start,
    on_site,
)
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile
from casemate.physics.rocket import POLISH_M
from casemate.physics.roots import newton_pair

__all__ = [
    "TOP_MACH",
    "YAW_LIMIT_RAD",
    "Gyro",
    "SpinningTrajectory",
    "fly_spinning_exact",
    "gyro_of",
    "solve_spinning_arrival",
    "spin_of",
]

Array = NDArray[np.float64]

TOP_MACH: Final = 3.0
"""End of the slopes. Those of the packaged shell are sourced to Mach 2 and constant from there: an assumption."""

YAW_LIMIT_RAD: Final = 0.6
"""Yaw of repose beyond which a flight is refused: the model takes the yaw for its sine, 6 % too much at 0.6 rad.
Aerodynamics are measured to about 0.17 rad, which only starts above 65 degrees pass, near the summit."""

_CELLS: Final = 160  # rows per Mach, as the kernel reads them

_MISS_M: Final = 0.1
_N_SPIN: Final = 8
_SPIN_SHARE: Final = 1e-6
"""How near the spin at the start is to the law of the twist, as a share: worth 1 mm of drift."""


class SpinningTrajectory(Trajectory):
    """A trajectory with the histories of spin and yaw of repose.

    Parameters
    ----------
    t_s, pos_m, vel_mps : see Trajectory
    spin_radps : (m,) float64 [rad/s]
        About the direction of flight; positive for right-hand twist.
    yaw_rad : (m, 3) float64 [rad]
        Yaw of repose, ENU of the site: square to the motion through the air, toward where the nose points off it.
    """

    def __init__(self, t_s: Array, pos_m: Array, vel_mps: Array, spin_radps: Array, yaw_rad: Array) -> None:
        super().__init__(t_s, pos_m, vel_mps)
        self.spin_radps, self.yaw_rad = spin_radps, yaw_rad
        for array in (spin_radps, yaw_rad):
            array.flags.writeable = False


def gyro_of(round_class: RoundClass) -> Gyro:
    """Make what the kernel needs beside the body: slopes in rows, inertia over mass, calibre.

    Parameters
    ----------
    round_class : RoundClass
        With `spin`. The slopes are a monotone cubic through the declared points, constant beyond them to Mach 3.

    Raises
    ------
    ValueError
        The class declares no spin.
    """
    data = _spin_data(round_class)
    at, mach = np.arange(int(_CELLS * TOP_MACH) + 1) / _CELLS, np.array(data.mach)
    columns = (data.cm_alpha, data.cl_alpha, data.c_spin, data.c_magnus, data.cd_alpha2)
    slopes = np.column_stack([interpolate_drag(mach, np.array(column), at) for column in columns])
    inertia_m2 = data.inertia_kgm2 / round_class.mass_kg
    return Gyro(np.ascontiguousarray(slopes), inertia_m2, round_class.calibre_m, YAW_LIMIT_RAD)


def spin_of(round_class: RoundClass, speed_mps: float) -> float:
    """Return the spin [rad/s] at the start of a flight: 2 pi v / (twist calibre), positive for right-hand twist."""
    return 2.0 * math.pi * speed_mps / (_spin_data(round_class).twist_calibres * round_class.calibre_m)


def _spin_data(round_class: RoundClass) -> Spin:
    if round_class.spin is None:
        message = f"round class {round_class.name!r} declares no spin"
        raise ValueError(message)
    return round_class.spin


def fly_spinning_exact(
    body: Body, gyro: Gyro, frame: SiteFrame, pos_m: Array, vel_mps: Array, spin_radps: float, *,
    ground_m: float | None = None, earth: Earth = WGS84, step_s: float = STEP_S,
) -> SpinningTrajectory:  # fmt: skip
    """Fly a spinning shell from a state to the ground.

    Parameters
    ----------
    body : Body
        As `body_of` makes it; no motor burns.
    gyro : Gyro
        As `gyro_of` makes it.
    frame : SiteFrame
        The site's frame.
    pos_m, vel_mps : (3,) float64
        Start, ENU of the site, relative to the ground.
    spin_radps : float
        At the start, positive for right-hand twist; 0 flies the point mass.
    ground_m : float, optional [m]
        Height of the ground over the ellipsoid; that of the site where not given.
    earth : Earth
        The Earth to fly over.
    step_s : float
        Time step.

    Returns
    -------
    SpinningTrajectory
        From the start to the impact, which lies on the ground within 1e-6 m.

    Raises
    ------
    DomainError
        A start that is not finite, under the ground or not upward on it; a flight above Mach 3 or the drag curve's, out
        of the air, with a yaw of repose beyond its limit, or not down within 400 s.
    """
    body = on_site(body, frame)
    ground = frame.height_m if ground_m is None else ground_m
    check_start(pos_m, vel_mps, frame, ground)
    if not math.isfinite(spin_radps):
        raise DomainError("spin_radps", spin_radps, -math.inf, math.inf)
    start = np.concatenate((frame.enu_to_ecef(pos_m[None])[0], vel_mps @ frame.rotation, [spin_radps]))
    rows, status = _spin_rows(start, MAX_TIME_S, step_s, ground, body, gyro, earth)
    if status != spin.OK:
        raise _refusal(rows, status)
    check_rows(rows[:, :7], frame, body, earth)
    pos, vel = frame.ecef_to_enu(rows[:, 1:4]), rows[:, 4:7] @ frame.rotation.T
    return SpinningTrajectory(rows[:, 0].copy(), pos, vel, rows[:, 7].copy(), rows[:, 8:11] @ frame.rotation.T)


def _spin_rows(
    start: Array, t_end_s: float, step_s: float, ground_m: float, body: Body, gyro: Gyro, earth: Earth = WGS84
) -> tuple[Array, int]:
    # Room for every step; each crossing of a level shortens one, and few levels are crossed more than twice.
    out = np.empty((int(abs(t_end_s / step_s)) + 4 * body.air.breaks_m.size + 16, 12))
    n, status = spin.fly_spinning(np.ascontiguousarray(start), t_end_s, step_s, ground_m, earth, body, gyro, out)
    return out[:n], status


def _refusal(rows: Array, status: int) -> DomainError:
    # What the last row of a flight without an end says: time, state and spin (7,), yaw (3,), Mach number.
    last = rows[-1]
    if status == spin.OUT_OF_TABLE and last[11] > TOP_MACH:
        return DomainError("mach", float(last[11]), 0.0, TOP_MACH)
    if status in (spin.OUT_OF_TABLE, spin.NOT_FINITE):  # without speed the yaw is not a number
        return DomainError("yaw_of_repose_rad", float(np.linalg.norm(last[8:11])), 0.0, YAW_LIMIT_RAD)
    return DomainError("flight_s", abs(float(last[0])), 0.0, MAX_TIME_S)


class _Start(NamedTuple):
    # Where a backward flight began: ground range, duration, ECEF state and spin (7,).
    range_m: float
    flight_s: float
    state: Array


class _SpinningImpact(Impact):
    """The fixed end of a spinning flight, whose past began with the spin that the twist gives."""

    def __init__(
        self, frame: SiteFrame, point_m: Array, bearing_rad: float, body: Body, shell: RoundClass, start_mps: float
    ) -> None:
        super().__init__(frame, point_m, bearing_rad, body, None)
        self.shell, self.gyro = shell, gyro_of(shell)
        self.spin_radps = 0.75 * spin_of(shell, start_mps)  # at the impact: a guess, then the last one found

    def start_of(self, speed_mps: float, descent_rad: float) -> _Start:
        """Fly backward from an arrival, whose spin is scaled until the twist could have made the one at the start."""
        arrival = np.concatenate((self.ecef_m, self.velocity(speed_mps, descent_rad), [0.0]))
        start = arrival
        for _ in range(_N_SPIN):
            arrival[6] = self.spin_radps
            rows, status = _spin_rows(arrival, -MAX_TIME_S, -STEP_S, self.ground_m, self.body, self.gyro)
            if status != spin.OK:
                raise _refusal(rows, status)
            start = rows[-1]
            wanted = spin_of(self.shell, float(np.linalg.norm(start[4:7])))
            self.spin_radps *= wanted / float(start[7])
            if abs(start[7] - wanted) < _SPIN_SHARE * abs(wanted):
                break
        east, north, up = self.local.ecef_to_enu(start[None, 1:4])[0]
        radius = self.local.radius_m + self.ground_m
        range_m = radius * math.atan2(math.hypot(east, north), radius + up)
        return _Start(range_m, -float(start[0]), start[1:8].copy())


def solve_spinning_arrival(
    round_class: RoundClass, frame: SiteFrame, point_m: Array, bearing_rad: float, ground_range_m: float,
    arc: Arc = "high", flight_s: float | None = None, drag_factor: float = 1.0, wind: Profile | None = None,
) -> SpinningTrajectory:  # fmt: skip
    """Solve a spinning shell's flight backwards from its impact; arguments and limits are those of `solve_arrival`.

    Returns
    -------
    SpinningTrajectory
        To the impact, less than 0.1 m from the point, from the bearing, over the ground range, as the declared twist
        starts it. It descends as the point mass does, or takes the time asked for.

    Raises
    ------
    DomainError
        No such flight, or one that leaves the model (see `fly_spinning_exact`).
    ValueError
        The class declares no spin.

    Notes
    -----
    The point mass gives the first guess of the arrival; Newton's method on backward flights corrects it.
    """
    plain = solve_arrival(round_class, frame, point_m, bearing_rad, ground_range_m, arc, flight_s, drag_factor, wind)
    body = body_of(round_class, drag_factor, wind)
    start_mps = float(np.linalg.norm(plain.vel_mps[0]))
    impact = _SpinningImpact(frame, np.asarray(point_m, np.float64), bearing_rad, body, round_class, start_mps)
    up_mps = float(impact.local.rotation[2] @ (plain.vel_mps[-1] @ frame.rotation))
    speed = float(np.linalg.norm(plain.vel_mps[-1]))
    descent = math.asin(-up_mps / speed)

    def miss(v: float, a: float) -> Array:
        start = impact.start_of(v, a)
        late = a - descent if flight_s is None else start.flight_s - flight_s
        return np.array([start.range_m - ground_range_m, 100.0 * late])  # 100: as close in time as in range

    solved = newton_pair(miss, (speed, descent), (1e-3, 1e-5), (20.0, 0.1), POLISH_M)
    if solved is None:
        raise DomainError("ground_range_m", ground_range_m, *(round_class.ground_range_m or (0.0, math.inf)))
    return _forward(impact, frame, impact.start_of(*solved).state)


def _forward(impact: _SpinningImpact, frame: SiteFrame, start: Array) -> SpinningTrajectory:
    # The solved flight, flown forward.
    pos_m, vel_mps = frame.ecef_to_enu(start[None, :3])[0], frame.rotation @ start[3:6]
    path = fly_spinning_exact(
        impact.body, impact.gyro, frame, pos_m, vel_mps, float(start[6]), ground_m=impact.ground_m
    )
    miss_m = float(np.linalg.norm(path.pos_m[-1] - impact.pos_m))
    if not miss_m < _MISS_M:
        raise DomainError("miss_m", miss_m, 0.0, _MISS_M)
    return path
