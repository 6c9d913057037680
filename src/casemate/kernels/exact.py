"""The exact flight: a point mass over the rotating ellipsoid, in Earth-fixed coordinates.

Gravity with J2, standard air without tables, wind by height, drag by Mach, thrust along the motion while a motor
burns. States are x y z [m], vx vy vz [m/s] in ECEF; Runge-Kutta of order 4, forward or backward in time.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.earth import Earth, density_and_sound_of, gravity_at, vertical_of

OK, MAX_TIME, NOT_FINITE = 0, 2, 4  # model.records.Status
NO_STOP, STOP_AT_GROUND, STOP_AT_SPEED = 0, 1, 2
_N_LOCATE = 60

State = tuple[float, float, float, float, float, float]


class Body(NamedTuple):
    """What flies, and the wind that it flies through."""

    cd: NDArray[np.float64]  # (m, 2) drag coefficient and its slope per row, a row every cd_dm from Mach 0
    cd_dm: float
    area_per_mass: float  # reference area over mass after burn [m2/kg]
    thrust_mps2: float  # thrust over mass after burn
    burn_s: float
    mass_ratio: float  # mass before burn over mass after it
    wind_z: NDArray[np.float64]  # (k,) height [m], ascending
    wind: NDArray[np.float64]  # (k, 2) toward east, toward north [m/s]


@njit(cache=True, error_model="numpy")
def _cd_at(mach: float, body: Body) -> float:
    # Cubic Hermite in a uniform table, constant beyond the last row.
    cd = body.cd
    x = mach / body.cd_dm
    if not x < cd.shape[0] - 1.0:
        return cd[cd.shape[0] - 1, 0]
    j = int(x)
    w = x - j
    a, b = cd[j, 0], cd[j + 1, 0]
    p, q = cd[j, 1], cd[j + 1, 1]
    return a + w * (p + w * (3.0 * (b - a) - 2.0 * p - q + w * (2.0 * (a - b) + p + q)))


@njit(cache=True, error_model="numpy")
def _wind_at(h: float, body: Body) -> tuple[float, float]:
    # Linear between the levels, constant beyond them.
    z, wind = body.wind_z, body.wind
    last = z.shape[0] - 1
    if last == 0 or h <= z[0]:
        return wind[0, 0], wind[0, 1]
    if h >= z[last]:
        return wind[last, 0], wind[last, 1]
    j = 0
    while z[j + 1] < h:
        j += 1
    w = (h - z[j]) / (z[j + 1] - z[j])
    return wind[j, 0] + w * (wind[j + 1, 0] - wind[j, 0]), wind[j, 1] + w * (wind[j + 1, 1] - wind[j, 1])


@njit(cache=True, error_model="numpy")
def acceleration_of(s: State, burn_left: float, earth: Earth, body: Body) -> tuple[float, float, float]:
    """Return the acceleration [m/s2] in the turning ECEF frame; `burn_left` is the share of the burn to come.

    gravity + centrifugal + Coriolis - rho |w| w Cd S / (2 m) + thrust / m along the motion, w through the air;
    0 where the motor is out (McCoy, Modern Exterior Ballistics, 1999, chapter 8; Vallado, 2013, section 8.6).
    """
    x, y, z, vx, vy, vz = s
    sin_lat, cos_lat, h, p = vertical_of(x, y, z, earth.a_m, earth.e2)
    ax, ay, az = gravity_at(x, y, z, earth)
    turn = earth.omega_radps
    ax += turn * turn * x + 2.0 * turn * vy
    ay += turn * turn * y - 2.0 * turn * vx
    rho, inv_a = density_and_sound_of(h)
    wind_e, wind_n = _wind_at(h, body)
    cos_lon, sin_lon = (x / p, y / p) if p > 0.0 else (1.0, 0.0)
    wx = vx + wind_e * sin_lon + wind_n * sin_lat * cos_lon
    wy = vy - wind_e * cos_lon + wind_n * sin_lat * sin_lon
    wz = vz - wind_n * cos_lat
    speed = math.sqrt(wx * wx + wy * wy + wz * wz)
    mass = 1.0 + (body.mass_ratio - 1.0) * burn_left
    k = 0.5 * rho * speed * _cd_at(speed * inv_a, body) * body.area_per_mass / mass
    ax, ay, az = ax - k * wx, ay - k * wy, az - k * wz
    if burn_left > 0.0:
        v = math.sqrt(vx * vx + vy * vy + vz * vz)
        push = body.thrust_mps2 / (mass * v)
        ax, ay, az = ax + push * vx, ay + push * vy, az + push * vz
    return ax, ay, az


@njit(cache=True, error_model="numpy")
def _move(s: State, a: tuple[float, float, float], v: State, dt_s: float) -> State:
    # s + dt (velocity of v, acceleration a): one stage of the Runge-Kutta method.
    return (
        s[0] + dt_s * v[3], s[1] + dt_s * v[4], s[2] + dt_s * v[5],
        s[3] + dt_s * a[0], s[4] + dt_s * a[1], s[5] + dt_s * a[2],
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _advance(s: State, left: tuple[float, float, float], dt_s: float, earth: Earth, body: Body) -> State:
    # One step; `left` is the share of the burn to come at its start, middle and end.
    a = b = c = d = (0.0, 0.0, 0.0)
    p = q = r = s
    for stage in range(4):  # a loop keeps one copy of the acceleration in the machine code
        d = acceleration_of(r, left[(stage + 1) // 2], earth, body)
        if stage == 0:
            a = d
            p = r = _move(s, a, s, 0.5 * dt_s)
        elif stage == 1:
            b = d
            q = r = _move(s, b, p, 0.5 * dt_s)
        elif stage == 2:
            c = d
            r = _move(s, c, q, dt_s)
    w = dt_s / 6.0
    return (
        s[0] + w * (s[3] + 2.0 * (p[3] + q[3]) + r[3]),
        s[1] + w * (s[4] + 2.0 * (p[4] + q[4]) + r[4]),
        s[2] + w * (s[5] + 2.0 * (p[5] + q[5]) + r[5]),
        s[3] + w * (a[0] + 2.0 * (b[0] + c[0]) + d[0]),
        s[4] + w * (a[1] + 2.0 * (b[1] + c[1]) + d[1]),
        s[5] + w * (a[2] + 2.0 * (b[2] + c[2]) + d[2]),
    )


@njit(cache=True, error_model="numpy")
def _step(t: float, s: State, dt_s: float, is_burning: bool, earth: Earth, body: Body) -> State:
    # One step from time t since ignition; the motor burns through all of it or not at all.
    if not is_burning:
        return _advance(s, (0.0, 0.0, 0.0), dt_s, earth, body)
    tiny = 1e-12  # keeps the thrust on at the very end of the burn
    start, end = 1.0 - t / body.burn_s, 1.0 - (t + dt_s) / body.burn_s
    return _advance(s, (max(start, tiny), max(0.5 * (start + end), tiny), max(end, tiny)), dt_s, earth, body)


@njit(cache=True, error_model="numpy")
def _gap(s: State, stop: int, target: float, earth: Earth) -> tuple[float, float]:
    # Height over the ground, or speed still missing; and the rate of height.
    sin_lat, cos_lat, h, p = vertical_of(s[0], s[1], s[2], earth.a_m, earth.e2)
    climb = sin_lat * s[5] + (cos_lat * (s[0] * s[3] + s[1] * s[4]) / p if p > 0.0 else 0.0)
    if stop == STOP_AT_GROUND:
        return h - target, climb
    return target - math.sqrt(s[3] * s[3] + s[4] * s[4] + s[5] * s[5]), climb


@njit(cache=True, error_model="numpy")
def _locate(
    t: float, s: State, dt_s: float, is_burning: bool, stop: int, target: float, earth: Earth, body: Body
) -> tuple[float, State]:
    # Share of the step at which the gap closes (false position, Illinois rule), to 1e-7 m or m/s.
    low, high = 0.0, dt_s
    gap_low, _ = _gap(s, stop, target, earth)
    end = _step(t, s, dt_s, is_burning, earth, body)
    gap_high, _ = _gap(end, stop, target, earth)
    at, side = high, 0
    for _ in range(_N_LOCATE):
        at = (low * gap_high - high * gap_low) / (gap_high - gap_low)
        end = _step(t, s, at, is_burning, earth, body)
        gap, _ = _gap(end, stop, target, earth)
        if abs(gap) < 1e-7:
            break
        if gap * gap_high > 0.0:
            high, gap_high = at, gap
            gap_low = 0.5 * gap_low if side == 1 else gap_low
            side = 1
        else:
            low, gap_low = at, gap
            gap_high = 0.5 * gap_high if side == -1 else gap_high
            side = -1
    return at, end


@njit(cache=True, error_model="numpy")
def fly(
    start: NDArray[np.float64], t_s: float, t_end_s: float, dt_s: float, is_burning: bool, stop: int, target: float,
    earth: Earth, body: Body, out: NDArray[np.float64],
) -> tuple[int, int]:  # fmt: skip
    """Fly from `start` (6,) at `t_s`, forward or (dt_s < 0) backward, into rows of `out`: time, state; count, status.

    Ends at `t_end_s` (MAX_TIME), or where `stop` says: STOP_AT_GROUND when it comes down (going backward: goes under)
    to the height `target` [m]; STOP_AT_SPEED when, on its way up, it has the speed `target` [m/s].
    """
    t = t_s
    s = (start[0], start[1], start[2], start[3], start[4], start[5])
    out[0, 0] = t
    out[0, 1:] = start
    sense = 1.0 if dt_s > 0.0 else -1.0
    n = 1
    while n < out.shape[0]:
        left = t_end_s - t
        if left * sense <= 1e-12:
            return n, MAX_TIME
        dt = left if left * sense < dt_s * sense else dt_s
        end = _step(t, s, dt, is_burning, earth, body)
        if not math.isfinite(end[0] + end[3]):
            return n, NOT_FINITE
        gap, climb = _gap(end, stop, target, earth)
        is_over = stop != NO_STOP and gap <= 0.0 and climb * (sense if stop == STOP_AT_GROUND else -1.0) < 0.0
        if is_over:
            was, _ = _gap(s, stop, target, earth)
            if was > 0.0:
                dt, end = _locate(t, s, dt, is_burning, stop, target, earth, body)
        t += dt
        s = end
        out[n, 0] = t
        out[n, 1], out[n, 2], out[n, 3], out[n, 4], out[n, 5], out[n, 6] = s
        n += 1
        if is_over:
            return n, OK
    return n, MAX_TIME


@njit(cache=True, error_model="numpy")
def sample(
    start: NDArray[np.float64], times: NDArray[np.float64], dt_s: float, earth: Earth, body: Body,
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Fill `out` (n, 6) with the unpowered flight at ascending `times` (n,) [s], starting at the first of them."""
    s = (start[0], start[1], start[2], start[3], start[4], start[5])
    for i in range(times.shape[0]):
        if i > 0:
            span: float = times[i] - times[i - 1]
            n = int(math.ceil(span / dt_s - 1e-9))
            for _ in range(n):
                s = _advance(s, (0.0, 0.0, 0.0), span / n, earth, body)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3], out[i, 4], out[i, 5] = s
