"""States at another time in the site's ENU frame, with or without their derivatives by the state at the start.

The motion is `kernels.motion.acceleration`; the classical Runge-Kutta method of order 4 carries it on in equal steps.
Beside the state go its derivatives by the seven starting values (variational equations). They take one step where the
state takes two: its three states give the three Jacobians that the step needs.
`x` (48,) holds, for each of e n u ve vn vu, a row of eight: the derivatives by e n u ve vn vu ln K at the start, and a
zero that fills the vector register.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.motion import TURN_N, TURN_U, Environment, acceleration, air_at, drag_shape, fall_of

State = tuple[float, float, float, float, float, float]


@njit(cache=True, error_model="numpy")
def _advance(s: State, k: float, dt_s: float, env: Environment) -> State:
    # One Runge-Kutta step of order 4; positions use the sums of the accelerations.
    e, n, u, ve, vn, vu = s
    half = 0.5 * dt_s
    a0, a1, a2 = acceleration(e, n, u, ve, vn, vu, k, env)
    b0, b1, b2 = acceleration(
        e + half * ve, n + half * vn, u + half * vu, ve + half * a0, vn + half * a1, vu + half * a2, k, env
    )
    quarter = half * half
    c0, c1, c2 = acceleration(
        e + half * ve + quarter * a0, n + half * vn + quarter * a1, u + half * vu + quarter * a2,
        ve + half * b0, vn + half * b1, vu + half * b2, k, env,
    )  # fmt: skip
    square = dt_s * half
    d0, d1, d2 = acceleration(
        e + dt_s * ve + square * b0, n + dt_s * vn + square * b1, u + dt_s * vu + square * b2,
        ve + dt_s * c0, vn + dt_s * c1, vu + dt_s * c2, k, env,
    )  # fmt: skip
    sixth = dt_s / 6.0
    return (
        e + dt_s * (ve + sixth * (a0 + b0 + c0)),
        n + dt_s * (vn + sixth * (a1 + b1 + c1)),
        u + dt_s * (vu + sixth * (a2 + b2 + c2)),
        ve + sixth * (a0 + 2.0 * (b0 + c0) + d0),
        vn + sixth * (a1 + 2.0 * (b1 + c1) + d1),
        vu + sixth * (a2 + 2.0 * (b2 + c2) + d2),
    )


@njit(cache=True, error_model="numpy")
def _partials(s: State, drag_parameter: float, env: Environment, out: NDArray[np.float64]) -> None:
    # Fill out (3, 7): derivatives of the acceleration by e n u [1/s2], ve vn vu [1/s] and ln K [m/s2].
    e, n, u, ve, vn, vu = s
    h, _, _, _ = fall_of(e, n, u, env)
    z = h + env.site_height_m
    rho, inv_a, wind_e, wind_n = air_at(z, env)
    low, high = air_at(z - 0.5, env), air_at(z + 0.5, env)
    w0, w1, w2 = ve - wind_e, vn - wind_n, vu
    speed = math.sqrt(w0 * w0 + w1 * w1 + w2 * w2) + 1e-9
    mach = speed * inv_a
    shape = drag_shape(mach, env)
    slope = (drag_shape(mach + 1e-3, env) - drag_shape(mach - 1e-3, env)) / 2e-3
    k = 0.5 * rho * speed * drag_parameter * shape
    k_speed = k * (1.0 / speed + slope * inv_a / shape)
    k_h = k * ((high[0] - low[0]) / rho + slope * speed * (high[1] - low[1]) / shape)
    wind_e_h, wind_n_h = high[2] - low[2], high[3] - low[3]
    k_h -= k_speed * (w0 * wind_e_h + w1 * wind_n_h) / speed
    flat = 1.0 / env.earth_radius_m
    fall = 1.0 / (1.0 + h * flat)
    g = env.gravity_mps2 * fall * fall
    g_h = -2.0 * g * fall * flat
    by_h = (-k_h * w0 + k * wind_e_h - g_h * flat * e, -k_h * w1 + k * wind_n_h - g_h * flat * n, -k_h * w2 - g_h)
    w = (w0, w1, w2)
    for i in range(3):
        out[i, 0] = by_h[i] * e * flat
        out[i, 1] = by_h[i] * n * flat
        out[i, 2] = by_h[i]
        for j in range(3):
            out[i, 3 + j] = -k_speed * w[i] * w[j] / speed
        out[i, 3 + i] -= k
        out[i, 6] = -k * w[i]
    out[0, 0] -= g * flat
    out[1, 1] -= g * flat
    turn_n, turn_u = 2.0 * env.earth[TURN_N], 2.0 * env.earth[TURN_U]
    out[0, 4] += turn_u
    out[0, 5] -= turn_n
    out[1, 3] -= turn_u
    out[2, 3] += turn_n


@njit(cache=True, error_model="numpy")
def _slope(jac: NDArray[np.float64], x: NDArray[np.float64], dx: NDArray[np.float64]) -> None:
    # Time derivative of the sensitivities: dx = A x, and the direct effect of ln K on the velocity.
    for i in range(24):
        dx[i] = x[24 + i]
    for i in range(3):
        j0, j1, j2, j3, j4, j5 = jac[i, 0], jac[i, 1], jac[i, 2], jac[i, 3], jac[i, 4], jac[i, 5]
        o = 24 + 8 * i
        for j in range(8):
            dx[o + j] = j0 * x[j] + j1 * x[8 + j] + j2 * x[16 + j] + j3 * x[24 + j] + j4 * x[32 + j] + j5 * x[40 + j]
        dx[o + 6] += jac[i, 6]


@njit(cache=True, error_model="numpy")
def _spread(x: NDArray[np.float64], jac: NDArray[np.float64], dt_s: float, work: NDArray[np.float64]) -> None:
    # One Runge-Kutta step of the sensitivities in place; jac (3, 3, 7) at its start, middle and end.
    rate, total, stage = work[0], work[1], work[2]
    _slope(jac[0], x, rate)
    for i in range(48):
        total[i] = rate[i]
        stage[i] = x[i] + 0.5 * dt_s * rate[i]
    _slope(jac[1], stage, rate)
    for i in range(48):
        total[i] += 2.0 * rate[i]
        stage[i] = x[i] + 0.5 * dt_s * rate[i]
    _slope(jac[1], stage, rate)
    for i in range(48):
        total[i] += 2.0 * rate[i]
        stage[i] = x[i] + dt_s * rate[i]
    _slope(jac[2], stage, rate)
    for i in range(48):
        x[i] += dt_s / 6.0 * (total[i] + rate[i])


@njit(cache=True, error_model="numpy")
def propagate_many(
    states: NDArray[np.float64], dt_s: NDArray[np.float64], env: Environment, step_s: float, out: NDArray[np.float64]
) -> None:
    """Fill `out` (n, 7) with each state (n, 7) carried on by its own time (n,), in equal steps of at most `step_s`.

    Times may be negative. The drag parameter stays as it is. A time that is not finite gives NaN.
    """
    for row in range(states.shape[0]):
        y = states[row]
        s = (y[0], y[1], y[2], y[3], y[4], y[5])
        is_finite = math.isfinite(dt_s[row])
        span: float = dt_s[row]
        n = int(math.ceil(abs(span) / step_s)) if is_finite else 0
        k = math.exp(y[6])
        for _ in range(n):
            s = _advance(s, k, dt_s[row] / n, env)
        for i in range(6):
            out[row, i] = s[i] if is_finite else math.nan
        out[row, 6] = y[6]


@njit(cache=True, error_model="numpy")
def transition_many(
    states: NDArray[np.float64], dt_s: NDArray[np.float64], env: Environment, step_s: float, out: NDArray[np.float64],
    phi: NDArray[np.float64],
) -> None:  # fmt: skip
    """Fill `out` (n, 7) as `propagate_many` does, and `phi` (n, 7, 7) with its derivatives by the first state."""
    x, work, jac = np.empty(48), np.empty((3, 48)), np.empty((3, 3, 7))
    for row in range(states.shape[0]):
        y = states[row]
        s = (y[0], y[1], y[2], y[3], y[4], y[5])
        is_finite = math.isfinite(dt_s[row])
        span: float = dt_s[row]
        n = int(math.ceil(abs(span) / (2.0 * step_s))) if is_finite else 0
        k = math.exp(y[6])
        for i in range(48):
            x[i] = 1.0 if i % 9 == 0 else 0.0
        _partials(s, k, env, jac[0])
        for _ in range(n):
            half = 0.5 * dt_s[row] / n
            middle = _advance(s, k, half, env)
            s = _advance(middle, k, half, env)
            _partials(middle, k, env, jac[1])
            _partials(s, k, env, jac[2])
            _spread(x, jac, 2.0 * half, work)
            for i in range(3):
                for j in range(7):
                    jac[0, i, j] = jac[2, i, j]
        for i in range(6):
            out[row, i] = s[i] if is_finite else math.nan
            for j in range(7):
                phi[row, i, j] = x[8 * i + j] if is_finite else math.nan
        out[row, 6] = y[6]
        for j in range(7):
            phi[row, 6, j] = 1.0 if j == 6 else 0.0
