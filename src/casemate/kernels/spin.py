"""The exact flight of a spinning shell: the modified point mass, which knows the yaw of repose but no attitude.

States are those of `kernels.exact` and the spin p [rad/s], positive for right-hand twist. To the point mass come the
lift and the Magnus force of the yaw of repose, the drag that the yaw adds, and the decay of the spin. Lieske and
Reiter, Equations of Motion for a Modified Point Mass Trajectory, BRL Report 1314, 1966; STANAG 4355; McCoy, Modern
Exterior Ballistics, 1999, section 9.7.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.air import first_break
from casemate.kernels.earth import Earth, vertical_of
from casemate.kernels.exact import Body, acceleration_of, flow_of

OK, NOT_CONVERGED, MAX_TIME, OUT_OF_TABLE, NOT_FINITE = 0, 1, 2, 3, 4  # model.records.Status
_CELLS = 160.0  # rows per Mach
_N_LOCATE = 60
_CLOSE = 1e-7  # m or m/s
_HEIGHT, _CLIMB = 0, 1

Spinning = tuple[float, float, float, float, float, float, float]
Rate = tuple[float, float, float, float, float, float, float, float]


class Gyro(NamedTuple):
    """What turns a point mass into a spinning shell."""

    slopes: NDArray[np.float64]
    """(m, 5), 160 rows per Mach from 0, linear between: overturning moment, lift, spin damping, Magnus force [1/rad],
    and drag by yaw squared [1/rad2]; spin counts as p d / v. The last row ends the valid range."""

    inertia_m2: float  # axial moment of inertia over mass
    calibre_m: float
    yaw_limit_rad: float  # the slopes hold up to this yaw


@njit(cache=True, error_model="numpy")
def _slopes_at(mach: float, gyro: Gyro) -> tuple[float, float, float, float, float]:
    # Linear between the rows, constant beyond the last one; a NaN reads the last.
    rows = gyro.slopes
    last = rows.shape[0] - 1
    x = mach * _CELLS
    if not x < last:
        return rows[last, 0], rows[last, 1], rows[last, 2], rows[last, 3], rows[last, 4]
    j = int(x)
    w = x - j
    u = 1.0 - w
    return (
        u * rows[j, 0] + w * rows[j + 1, 0],
        u * rows[j, 1] + w * rows[j + 1, 1],
        u * rows[j, 2] + w * rows[j + 1, 2],
        u * rows[j, 3] + w * rows[j + 1, 3],
        u * rows[j, 4] + w * rows[j + 1, 4],
    )


@njit(cache=True, error_model="numpy")
def spinning_rate_of(s: Spinning, earth: Earth, body: Body, gyro: Gyro) -> Rate:
    """Return acceleration [m/s2] and spin rate [rad/s2], then the yaw of repose vector [rad] and the Mach number.

    With v through the air, u its direction, q = rho S / 2 m, k = (Ix / m) p / (q d Cma v^3), a the whole acceleration:

        yaw = -k u x a, a = point mass + lift + Magnus force + yaw drag (Lieske and Reiter, 1966; McCoy, section 9.7)
        lift = q v^2 Cla yaw, Magnus force = -q v d p Cmag yaw x u, yaw drag = -q v^2 Cda2 yaw^2 u
        dp/dt = q d^2 p v Cspin m / Ix

    The yaw hangs on an acceleration that hangs on the yaw. As lift and Magnus force are linear in it and square to the
    motion, and the yaw drag is along it, the pair is solved in closed form: nothing is taken from an earlier step.
    """
    point = (s[0], s[1], s[2], s[3], s[4], s[5])
    ax, ay, az = acceleration_of(point, 0.0, body.mass_kg, earth, body)
    wx, wy, wz, rho, inv_a = flow_of(point, earth, body)
    v = math.sqrt(wx * wx + wy * wy + wz * wz)
    ux, uy, uz = wx / v, wy / v, wz / v
    moment, lift, damp, magnus, yaw_drag = _slopes_at(v * inv_a, gyro)
    q = 0.5 * rho * body.area_m2 / body.mass_kg
    k = gyro.inertia_m2 * s[6] / (q * gyro.calibre_m * moment * v * v * v)
    # yaw = yaw0 - k u x (lift yaw + magnus yaw x u), so (1 + k magnus) yaw + (k lift) u x yaw = yaw0
    lift_mps2, magnus_mps2 = q * v * v * lift, -q * v * gyro.calibre_m * s[6] * magnus
    c, d = 1.0 + k * magnus_mps2, k * lift_mps2
    bx, by, bz = -k * (uy * az - uz * ay), -k * (uz * ax - ux * az), -k * (ux * ay - uy * ax)
    n = 1.0 / (c * c + d * d)
    yx = n * (c * bx - d * (uy * bz - uz * by))
    yy = n * (c * by - d * (uz * bx - ux * bz))
    yz = n * (c * bz - d * (ux * by - uy * bx))
    slow = q * v * v * yaw_drag * (yx * yx + yy * yy + yz * yz)
    return (
        ax + lift_mps2 * yx + magnus_mps2 * (yy * uz - yz * uy) - slow * ux,
        ay + lift_mps2 * yy + magnus_mps2 * (yz * ux - yx * uz) - slow * uy,
        az + lift_mps2 * yz + magnus_mps2 * (yx * uy - yy * ux) - slow * uz,
        q * gyro.calibre_m * gyro.calibre_m * s[6] * v * damp / gyro.inertia_m2,
        yx, yy, yz, v * inv_a,
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _move(s: Spinning, a: Rate, v: Spinning, dt_s: float) -> Spinning:
    # s + dt (velocity of v, acceleration and spin rate a): one stage of the Runge-Kutta method.
    return (
        s[0] + dt_s * v[3], s[1] + dt_s * v[4], s[2] + dt_s * v[5],
        s[3] + dt_s * a[0], s[4] + dt_s * a[1], s[5] + dt_s * a[2], s[6] + dt_s * a[3],
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _step(s: Spinning, a: Rate, dt_s: float, earth: Earth, body: Body, gyro: Gyro) -> Spinning:
    # One step of order 4; `a` is the rate at its start.
    b = c = d = a
    p = q = r = s
    for stage in range(3):  # a loop keeps one copy of the rate in the machine code
        if stage == 0:
            p = r = _move(s, a, s, 0.5 * dt_s)
            b = spinning_rate_of(r, earth, body, gyro)
        elif stage == 1:
            q = r = _move(s, b, p, 0.5 * dt_s)
            c = spinning_rate_of(r, earth, body, gyro)
        else:
            r = _move(s, c, q, dt_s)
            d = spinning_rate_of(r, earth, body, gyro)
    w = dt_s / 6.0
    return (
        s[0] + w * (s[3] + 2.0 * (p[3] + q[3]) + r[3]),
        s[1] + w * (s[4] + 2.0 * (p[4] + q[4]) + r[4]),
        s[2] + w * (s[5] + 2.0 * (p[5] + q[5]) + r[5]),
        s[3] + w * (a[0] + 2.0 * (b[0] + c[0]) + d[0]),
        s[4] + w * (a[1] + 2.0 * (b[1] + c[1]) + d[1]),
        s[5] + w * (a[2] + 2.0 * (b[2] + c[2]) + d[2]),
        s[6] + w * (a[3] + 2.0 * (b[3] + c[3]) + d[3]),
    )


@njit(cache=True, error_model="numpy")
def _height_of(s: Spinning, earth: Earth) -> tuple[float, float]:
    # Height [m] and its rate [m/s].
    sin_lat, cos_lat, h, p = vertical_of(s[0], s[1], s[2], earth.a_m, earth.e2)
    return h, sin_lat * s[5] + (cos_lat * (s[0] * s[3] + s[1] * s[4]) / p if p > 0.0 else 0.0)


@njit(cache=True, error_model="numpy")
def _meet(
    s: Spinning, a: Rate, dt_s: float, what: int, target: float, earth: Earth, body: Body, gyro: Gyro
) -> tuple[float, Spinning, int]:
    # The step that ends at a height, or a climb, that the step of dt_s crosses (false position, Illinois rule).
    low, high, side = 0.0, dt_s, 0
    gap_low = _height_of(s, earth)[what] - target
    gap_high = _height_of(_step(s, a, dt_s, earth, body, gyro), earth)[what] - target
    at, end = dt_s, s
    for _ in range(_N_LOCATE):
        at = (low * gap_high - high * gap_low) / (gap_high - gap_low)
        end = _step(s, a, at, earth, body, gyro)
        gap = _height_of(end, earth)[what] - target
        if abs(gap) < _CLOSE:
            return at, end, OK
        if gap * gap_high > 0.0:
            high, gap_high = at, gap
            gap_low = 0.5 * gap_low if side == 1 else gap_low
            side = 1
        else:
            low, gap_low = at, gap
            gap_high = 0.5 * gap_high if side == -1 else gap_high
            side = -1
    return at, end, NOT_CONVERGED


@njit(cache=True, error_model="numpy")
def _note(row: NDArray[np.float64], t: float, s: Spinning, a: Rate) -> None:
    row[0] = t
    row[1], row[2], row[3], row[4], row[5], row[6], row[7] = s
    row[8], row[9], row[10], row[11] = a[4], a[5], a[6], a[7]


@njit(cache=True, error_model="numpy")
def fly_spinning(
    start: NDArray[np.float64], t_end_s: float, dt_s: float, ground_m: float, earth: Earth, body: Body, gyro: Gyro,
    out: NDArray[np.float64],
) -> tuple[int, int]:  # fmt: skip
    """Fly a spinning shell from `start` (7,): position, velocity, spin; return the count of rows of `out` and a status.

    Forward or (dt_s < 0) backward in time from 0 s, to where it comes down to the height `ground_m` (backward: goes
    under it), or its top where that is no higher; steps end where the air breaks. A row is time, state and spin (7,),
    yaw of repose (3,), Mach number. Status: OK; MAX_TIME at `t_end_s` or with `out` full; where the last row is at
    fault, OUT_OF_TABLE (Mach number or yaw), NOT_FINITE, NOT_CONVERGED (not on the ground).
    """
    t = 0.0
    s = (start[0], start[1], start[2], start[3], start[4], start[5], start[6])
    out[0, 1:8] = start
    if not math.isfinite(s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6]):
        return 1, NOT_FINITE
    a = spinning_rate_of(s, earth, body, gyro)
    _note(out[0], t, s, a)
    sense = 1.0 if dt_s > 0.0 else -1.0
    top_mach = (gyro.slopes.shape[0] - 1) / _CELLS
    h, rise = _height_of(s, earth)
    n = 1
    while n < out.shape[0]:
        yaw2 = a[4] * a[4] + a[5] * a[5] + a[6] * a[6]
        if not math.isfinite(s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + yaw2):
            return n, NOT_FINITE
        if a[7] > top_mach or yaw2 > gyro.yaw_limit_rad * gyro.yaw_limit_rad:
            return n, OUT_OF_TABLE
        left = t_end_s - t
        if left * sense <= 1e-12:
            return n, MAX_TIME
        dt = left if left * sense < dt_s * sense else dt_s
        end = _step(s, a, dt, earth, body, gyro)
        h_end, climb = _height_of(end, earth)
        corner = first_break(h, h_end, body.air)
        if not math.isnan(corner):
            dt, end, _ = _meet(s, a, dt, _HEIGHT, corner, earth, body, gyro)
            h_end, climb = _height_of(end, earth)
        is_over = h_end <= ground_m and climb * sense < 0.0 and (h > ground_m or rise * sense > 0.0)
        status = OK
        if is_over and rise * sense > 0.0:
            # up and down to the ground within one step: this one goes to the top, and the next comes down from there
            dt, end, status = _meet(s, a, dt, _CLIMB, 0.0, earth, body, gyro)
            h_end, climb = _height_of(end, earth)[0], 0.0
            is_over = h_end <= ground_m
        elif is_over:
            dt, end, status = _meet(s, a, dt, _HEIGHT, ground_m, earth, body, gyro)
        t += dt
        s, h, rise = end, h_end, climb
        a = spinning_rate_of(s, earth, body, gyro)
        _note(out[n], t, s, a)
        n += 1
        if is_over:
            return n, status
    return n, MAX_TIME
