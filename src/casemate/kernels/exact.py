"""The exact flight: a point mass over the rotating ellipsoid, in Earth-fixed coordinates.

Gravity with J2, standard or measured air, wind by height, drag by Mach, thrust by time and the mass that it burns, a
rail. States are x y z [m], vx vy vz [m/s] in ECEF; Runge-Kutta of order 4, forward or backward in time. Steps end
exactly at the knots of the thrust and at the heights where the air breaks, so that no step sees a corner.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.air import Air, air_at, first_break, wind_at
from casemate.kernels.earth import Earth, gravity_at, vertical_of

OK, NOT_CONVERGED, MAX_TIME, NOT_FINITE = 0, 1, 2, 4  # model.records.Status
NO_STOP, STOP_AT_GROUND, STOP_AT_SPEED, STOP_AT_TRAVEL = 0, 1, 2, 3
_STOP_AT_TOP = 4
_N_LOCATE = 60
_CELLS_PER_MACH = 160.0  # of a compiled drag curve

State = tuple[float, float, float, float, float, float]
Vector = tuple[float, float, float]


class Body(NamedTuple):
    """What flies, and the air that it flies through."""

    cd: NDArray[np.float64]  # (m, 4) drag coefficient c0 + c1 w + c2 w^2 + c3 w^3 in each cell; last row constant
    mach_top: float  # up to where the curve is valid; a face's business
    area_m2: float
    mass_kg: float  # after burn
    propellant_kg: float
    burn: NDArray[np.float64]  # (k, 3) knots of the thrust: time since ignition [s], thrust [N], impulse so far [N s]
    air: Air


@njit(cache=True, error_model="numpy")
def _cd_at(mach: float, body: Body) -> float:
    # Cubic in the cell's own coordinate, constant beyond the last row.
    cd = body.cd
    last = cd.shape[0] - 1
    x = mach * _CELLS_PER_MACH
    if not x < last:
        return cd[last, 0]
    j = int(x)
    w = x - j
    return cd[j, 0] + w * (cd[j, 1] + w * (cd[j, 2] + w * cd[j, 3]))


@njit(cache=True, error_model="numpy")
def flow_of(s: State, earth: Earth, body: Body) -> tuple[float, float, float, float, float]:
    """Return velocity through the air (3) in ECEF [m/s], density [kg/m3] and 1 / speed of sound [s/m] at a state."""
    sin_lat, cos_lat, h, p = vertical_of(s[0], s[1], s[2], earth.a_m, earth.e2)
    rho, inv_a = air_at(h, body.air)
    wind_e, wind_n = wind_at(h, body.air)
    cos_lon, sin_lon = (s[0] / p, s[1] / p) if p > 0.0 else (1.0, 0.0)
    wx = s[3] + wind_e * sin_lon + wind_n * sin_lat * cos_lon
    wy = s[4] - wind_e * cos_lon + wind_n * sin_lat * sin_lon
    return wx, wy, s[5] - wind_n * cos_lat, rho, inv_a


@njit(cache=True, error_model="numpy")
def mach_many(states: NDArray[np.float64], earth: Earth, body: Body, out: NDArray[np.float64]) -> None:
    """Fill `out` (n,) with the Mach numbers of ECEF `states` (n, 6): speed through the air over the speed of sound."""
    for i in range(states.shape[0]):
        s = (states[i, 0], states[i, 1], states[i, 2], states[i, 3], states[i, 4], states[i, 5])
        wx, wy, wz, _, inv_a = flow_of(s, earth, body)
        out[i] = math.sqrt(wx * wx + wy * wy + wz * wz) * inv_a


@njit(cache=True, error_model="numpy")
def acceleration_of(s: State, thrust_n: float, mass_kg: float, earth: Earth, body: Body) -> Vector:
    """Return the acceleration [m/s2] in the turning ECEF frame.

    gravity + centrifugal + Coriolis - rho |w| w Cd S / (2 m) + thrust / m along w, the motion through the air: the
    point has no attitude and flies with its nose into the flow (McCoy, Modern Exterior Ballistics, 1999, chapter 8;
    Vallado, 2013, section 8.6).
    """
    x, y, z, vx, vy, _ = s
    ax, ay, az = gravity_at(x, y, z, earth)
    turn = earth.omega_radps
    ax += turn * turn * x + 2.0 * turn * vy
    ay += turn * turn * y - 2.0 * turn * vx
    wx, wy, wz, rho, inv_a = flow_of(s, earth, body)
    speed = math.sqrt(wx * wx + wy * wy + wz * wz)
    k = 0.5 * rho * speed * _cd_at(speed * inv_a, body) * body.area_m2 / mass_kg
    if thrust_n != 0.0 and speed > 0.0:
        k -= thrust_n / (mass_kg * speed)
    return ax - k * wx, ay - k * wy, az - k * wz


@njit(cache=True, error_model="numpy")
def motor_at(t_s: float, i_burn: int, body: Body) -> tuple[float, float]:
    """Return thrust [N] and mass [kg] at a time since ignition, in the stretch of the burn from knot `i_burn` on.

    Thrust is linear between knots, and propellant burns in proportion to the impulse: dm/dt = -thrust m_p / total
    impulse, which is a constant effective exhaust speed (Sutton and Biblarz, Rocket Propulsion Elements, 2017, section
    2.1). Negative: the motor is out.
    """
    if i_burn < 0:
        return 0.0, body.mass_kg
    burn = body.burn
    start, f, impulse = burn[i_burn, 0], burn[i_burn, 1], burn[i_burn, 2]
    t = t_s - start
    slope = (burn[i_burn + 1, 1] - f) / (burn[i_burn + 1, 0] - start)
    used = (impulse + t * (f + 0.5 * slope * t)) / burn[burn.shape[0] - 1, 2]
    return f + slope * t, body.mass_kg + body.propellant_kg * (1.0 - used)


@njit(cache=True, error_model="numpy")
def _next_knot(t: float, sense: float, body: Body) -> tuple[int, float]:
    # The stretch of the burn that a step from t goes through (-1: none), and where that stretch ends.
    burn = body.burn
    n, i = burn.shape[0], 0
    if sense > 0.0:
        while i < n and burn[i, 0] <= t:
            i += 1
        return (i - 1 if i < n else -1), (burn[i, 0] if i < n else math.inf)
    while i < n and burn[i, 0] < t:
        i += 1
    return (i - 1 if i < n else -1), (burn[i - 1, 0] if i > 0 else -math.inf)


@njit(cache=True, error_model="numpy")
def guided_acceleration_of(
    s: State, thrust_n: float, mass_kg: float, rail: Vector, earth: Earth, body: Body
) -> Vector:  # fmt: skip
    """Return the acceleration [m/s2] along a rail (unit vector, ECEF), or in free flight where `rail` is a zero vector.

    The rail carries every force across it; thrust is along it, and so is what counts of the drag of the motion through
    the air. Friction is left out.
    """
    if rail[0] == 0.0 and rail[1] == 0.0 and rail[2] == 0.0:
        return acceleration_of(s, thrust_n, mass_kg, earth, body)
    a = acceleration_of(s, 0.0, mass_kg, earth, body)
    along = a[0] * rail[0] + a[1] * rail[1] + a[2] * rail[2] + thrust_n / mass_kg
    return along * rail[0], along * rail[1], along * rail[2]


@njit(cache=True, error_model="numpy")
def _move(s: State, a: Vector, v: State, dt_s: float) -> State:
    # s + dt (velocity of v, acceleration a): one stage of the Runge-Kutta method.
    return (
        s[0] + dt_s * v[3], s[1] + dt_s * v[4], s[2] + dt_s * v[5],
        s[3] + dt_s * a[0], s[4] + dt_s * a[1], s[5] + dt_s * a[2],
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _advance(t: float, s: State, dt_s: float, i_burn: int, rail: Vector, earth: Earth, body: Body) -> State:
    # One step from time t since ignition, within one stretch of the burn.
    a = b = c = d = (0.0, 0.0, 0.0)
    p = q = r = s
    for stage in range(4):  # a loop keeps one copy of the acceleration in the machine code
        thrust, mass = motor_at(t + 0.5 * dt_s * ((stage + 1) // 2), i_burn, body)
        d = guided_acceleration_of(r, thrust, mass, rail, earth, body)
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
def _gap(s: State, stop: int, target: float, start: State, rail: Vector, earth: Earth) -> tuple[float, float, float]:
    # How far from the stop (height over it, speed or travel still missing, climb to the top), the height, and its rate.
    sin_lat, cos_lat, h, p = vertical_of(s[0], s[1], s[2], earth.a_m, earth.e2)
    climb = sin_lat * s[5] + (cos_lat * (s[0] * s[3] + s[1] * s[4]) / p if p > 0.0 else 0.0)
    if stop == STOP_AT_SPEED:
        return target - math.sqrt(s[3] * s[3] + s[4] * s[4] + s[5] * s[5]), h, climb
    if stop == STOP_AT_TRAVEL:
        gone = (s[0] - start[0]) * rail[0] + (s[1] - start[1]) * rail[1] + (s[2] - start[2]) * rail[2]
        return target - gone, h, climb
    return (climb if stop == _STOP_AT_TOP else h - target), h, climb


@njit(cache=True, error_model="numpy")
def _locate(
    t: float, s: State, dt_s: float, gap_end: float, i_burn: int, stop: int, target: float, start: State, rail: Vector,
    earth: Earth, body: Body,
) -> tuple[float, State]:  # fmt: skip
    # The step [s] that ends where the gap closes (false position, Illinois rule), to 1e-7 m or m/s.
    low, high = 0.0, dt_s
    gap_low, gap_high = _gap(s, stop, target, start, rail, earth)[0], gap_end
    at, side, end = high, 0, s
    for _ in range(_N_LOCATE):
        at = (low * gap_high - high * gap_low) / (gap_high - gap_low)
        end = _advance(t, s, at, i_burn, rail, earth, body)
        gap = _gap(end, stop, target, start, rail, earth)[0]
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
def _is_over(gap: float, climb: float, sense: float, stop: int) -> bool:
    # Whether a flight whose gap has closed stops: it must come down (backward: go under), or be on its way up.
    if stop == NO_STOP or not gap <= 0.0:
        return False
    if stop == STOP_AT_GROUND:
        return climb * sense < 0.0
    return stop == STOP_AT_TRAVEL or climb > 0.0


@njit(cache=True, error_model="numpy")
def _push_at(t: float, i_burn: int, s: State, rail: Vector, earth: Earth, body: Body) -> float:
    # Acceleration along the rail [m/s2].
    thrust, mass = motor_at(t, i_burn, body)
    a = guided_acceleration_of(s, thrust, mass, rail, earth, body)
    return a[0] * rail[0] + a[1] * rail[1] + a[2] * rail[2]


@njit(cache=True, error_model="numpy")
def lift_off(start: NDArray[np.float64], rail: Vector, earth: Earth, body: Body) -> float:
    """Return the time since ignition [s] at which the thrust moves a body at rest on its rail, -1 where it never does.

    Within a stretch of the burn the thrust is linear: bisection to 1e-9 s.
    """
    s = (start[0], start[1], start[2], 0.0, 0.0, 0.0)
    for i in range(body.burn.shape[0] - 1):
        low, high = body.burn[i, 0], body.burn[i + 1, 0]
        if _push_at(low, i, s, rail, earth, body) > 0.0:
            return low
        if _push_at(high, i, s, rail, earth, body) > 0.0:
            while high - low > 1e-9:
                middle = 0.5 * (low + high)
                if _push_at(middle, i, s, rail, earth, body) > 0.0:
                    high = middle
                else:
                    low = middle
            return high
    return -1.0


@njit(cache=True, error_model="numpy")
def fly(
    start: NDArray[np.float64], t_s: float, t_end_s: float, dt_s: float, burn_dt_s: float, stop: int, target: float,
    rail: Vector, earth: Earth, body: Body, out: NDArray[np.float64],
) -> tuple[int, int]:  # fmt: skip
    """Fly from `start` (6,) at `t_s` since ignition, forward or (dt_s < 0) backward, into rows of `out`: time, state.

    Returns the count of rows and a status. Ends at `t_end_s` or with `out` full (MAX_TIME), or where `stop` says:
    STOP_AT_GROUND when it comes down (going backward: goes under) to the height `target` [m], or at its top where that
    is no higher; STOP_AT_SPEED when, on its way up, it has the speed `target` [m/s]; STOP_AT_TRAVEL when it has gone
    `target` [m] along `rail` (unit vector, ECEF; zero in free flight), NOT_CONVERGED where it slides back. Steps are
    `burn_dt_s` while the motor burns, else `dt_s`.
    """
    t, s, n = t_s, (start[0], start[1], start[2], start[3], start[4], start[5]), 1
    out[0, 0] = t
    out[0, 1:] = start
    first = s
    sense = 1.0 if dt_s > 0.0 else -1.0
    was, h, rise = _gap(s, stop, target, first, rail, earth)
    while n < out.shape[0]:
        if (t_end_s - t) * sense <= 1e-12:
            return n, MAX_TIME
        i_burn, until = _next_knot(t, sense, body)
        until = t_end_s if (until - t_end_s) * sense > 0.0 else until
        dt = dt_s if i_burn < 0 else burn_dt_s
        if (t + dt - until) * sense > -1e-12:
            dt = until - t
        else:
            until = t + dt
        end = _advance(t, s, dt, i_burn, rail, earth, body)
        gap, h_end, climb = _gap(end, stop, target, first, rail, earth)
        if not math.isfinite(h_end + end[3] + end[4] + end[5]):
            return n, NOT_FINITE
        corner = first_break(h, h_end, body.air)
        if not math.isnan(corner):
            dt, end = _locate(t, s, dt, h_end - corner, i_burn, STOP_AT_GROUND, corner, first, rail, earth, body)
            until = t + dt
            gap, h_end, climb = _gap(end, stop, target, first, rail, earth)
        is_over = _is_over(gap, climb, sense, stop)
        if is_over and stop == STOP_AT_GROUND and rise * sense > 0.0:
            # up and down to the ground within one step: this one goes to the top, and the next comes down from there
            dt, end = _locate(t, s, dt, climb, i_burn, _STOP_AT_TOP, target, first, rail, earth, body)
            until = t + dt
            gap, h_end, _ = _gap(end, stop, target, first, rail, earth)
            climb, is_over = 0.0, gap <= 0.0
        elif is_over and was > 0.0:
            dt, end = _locate(t, s, dt, gap, i_burn, stop, target, first, rail, earth, body)
            until = t + dt
        t, s, h, was, rise = until, end, h_end, gap, climb
        out[n, 0] = t
        out[n, 1], out[n, 2], out[n, 3], out[n, 4], out[n, 5], out[n, 6] = s
        n += 1
        if is_over:
            return n, OK
        if stop == STOP_AT_TRAVEL and s[3] * rail[0] + s[4] * rail[1] + s[5] * rail[2] <= 0.0:
            return n, NOT_CONVERGED
    return n, MAX_TIME
