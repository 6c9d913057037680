"""Flight in the site's ENU frame, as the filter believes it: prediction with sensitivities, and propagation.

The motion is `kernels.motion.acceleration`; the classical Runge-Kutta method of order 4 carries it on. Together with
the state go its derivatives by the seven starting values (variational equations), so that a covariance comes
down with the round. A vector `y` (48,) holds e n u ve vn vu, then six derivatives for each of e n u ve vn vu ln K.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.motion import Environment, acceleration, air_at, drag_shape, height_over_site

_OK, _NOT_CONVERGED, _MAX_TIME, _OUT_OF_TABLE, _NOT_FINITE = 0, 1, 2, 3, 4  # model.records.Status
_N_SETTLE = 12
_SETTLED_M = 1e-4


@njit(cache=True, error_model="numpy")
def partials(y: NDArray[np.float64], drag_parameter: float, env: Environment, out: NDArray[np.float64]) -> None:
    """Fill `out` (3, 7): derivatives of the acceleration by e n u [1/s2], ve vn vu [1/s] and ln K [m/s2].

    Air and drag are linear between table rows, so their slopes are constant in each cell.
    """
    e, n, u, ve, vn, vu = y[0], y[1], y[2], y[3], y[4], y[5]
    h = height_over_site(e, n, u, env)
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
    out[0, 4] += 2.0 * env.omega_u_radps
    out[0, 5] -= 2.0 * env.omega_n_radps
    out[1, 3] -= 2.0 * env.omega_u_radps
    out[1, 5] += 2.0 * env.omega_e_radps
    out[2, 3] += 2.0 * env.omega_n_radps
    out[2, 4] -= 2.0 * env.omega_e_radps


@njit(cache=True, error_model="numpy")
def _rates(
    y: NDArray[np.float64], drag_parameter: float, env: Environment, jac: NDArray[np.float64], dy: NDArray[np.float64]
) -> None:
    # Time derivative of y, the state alone where y has length 6.
    dy[0], dy[1], dy[2] = y[3], y[4], y[5]
    dy[3], dy[4], dy[5] = acceleration(y[0], y[1], y[2], y[3], y[4], y[5], drag_parameter, env)
    if y.shape[0] == 6:
        return
    partials(y, drag_parameter, env, jac)
    for j in range(7):
        o = 6 + 6 * j
        for i in range(3):
            dy[o + i] = y[o + 3 + i]
            total = jac[i, 6] if j == 6 else 0.0
            for m in range(6):
                total += jac[i, m] * y[o + m]
            dy[o + 3 + i] = total


@njit(cache=True, error_model="numpy")
def _step(
    y: NDArray[np.float64], dt_s: float, drag_parameter: float, env: Environment,
    jac: NDArray[np.float64], work: NDArray[np.float64],
) -> None:
    # One Runge-Kutta step of order 4 in place; rows of work: derivative, weighted sum, stage.
    rate, total, stage = work[0], work[1], work[2]
    size = y.shape[0]
    _rates(y, drag_parameter, env, jac, rate)
    for part in range(3):
        ahead = dt_s if part == 2 else 0.5 * dt_s
        weight = 1.0 if part == 0 else 2.0
        for i in range(size):
            total[i] = weight * rate[i] + (total[i] if part > 0 else 0.0)
            stage[i] = y[i] + ahead * rate[i]
        _rates(stage, drag_parameter, env, jac, rate)
    for i in range(size):
        y[i] += dt_s / 6.0 * (total[i] + rate[i])


@njit(cache=True, error_model="numpy")
def _fall_to_ground(
    y: NDArray[np.float64], drag_parameter: float, env: Environment, dt_s: float, max_time_s: float,
    jac: NDArray[np.float64], work: NDArray[np.float64],
) -> tuple[float, float, int]:
    # Carry y down to the ground; return time, rate of height there, and a status.
    t, status = 0.0, _OK
    top = env.air_z0_m + env.air_dz_m * (env.air.shape[0] - 1)
    for _ in range(int(max_time_s / dt_s) + 1):
        h = height_over_site(y[0], y[1], y[2], env)
        h_rate = y[5] + (y[0] * y[3] + y[1] * y[4]) / env.earth_radius_m
        if h <= env.ground_m and h_rate < 0.0:
            break
        if h + env.site_height_m > top:
            status = _OUT_OF_TABLE
        _step(y, dt_s, drag_parameter, env, jac, work)
        t += dt_s
    else:
        return t, 0.0, _MAX_TIME
    for _ in range(_N_SETTLE):
        miss = height_over_site(y[0], y[1], y[2], env) - env.ground_m
        h_rate = y[5] + (y[0] * y[3] + y[1] * y[4]) / env.earth_radius_m
        if not h_rate < 0.0:
            break
        if abs(miss) < _SETTLED_M:
            return t, h_rate, status
        back = miss / h_rate
        back = -dt_s if back < -dt_s else back
        _step(y, -back if back <= dt_s else -dt_s, drag_parameter, env, jac, work)
        t -= back if back <= dt_s else dt_s
    return t, 0.0, _NOT_CONVERGED


@njit(cache=True, error_model="numpy")
def predict_many(
    states: NDArray[np.float64], covs: NDArray[np.float64], env: Environment, dt_s: float, max_time_s: float,
    out: NDArray[np.float64], status: NDArray[np.uint8],
) -> None:
    """Fill `out` (n, 9) with the impact of each state (n, 7) on the ground, and how sure it is.

    Columns: time to go [s], east, north [m], covariance ee, en, nn [m2], sigma of the time [s], speed [m/s], angle of
    fall [rad]. The covariance (n, 7, 7) goes through dx - v dh / (dh/dt), with dh / (dh/dt) for the time.
    """
    y, work, jac = np.empty(48), np.empty((3, 48)), np.empty((3, 7))
    by = np.empty((3, 7))
    for row in range(states.shape[0]):
        y[:6] = states[row, :6]
        for j in range(42):
            y[6 + j] = 1.0 if j < 36 and j % 7 == 0 else 0.0
        out[row, :] = math.nan
        if not (math.isfinite(states[row].sum()) and math.isfinite(covs[row].sum())):
            status[row] = _NOT_FINITE
            continue
        t, h_rate, status[row] = _fall_to_ground(y, math.exp(states[row, 6]), env, dt_s, max_time_s, jac, work)
        if h_rate == 0.0:
            continue
        if not math.isfinite(h_rate):
            status[row] = _NOT_FINITE
            continue
        for j in range(7):
            o = 6 + 6 * j
            dh = y[o + 2] + (y[0] * y[o] + y[1] * y[o + 1]) / env.earth_radius_m
            by[0, j] = y[o] - y[3] * dh / h_rate
            by[1, j] = y[o + 1] - y[4] * dh / h_rate
            by[2, j] = -dh / h_rate
        spread = (0.0, 0.0, 0.0, 0.0)
        for i in range(7):
            for j in range(7):
                c = covs[row, i, j]
                spread = (
                    spread[0] + by[0, i] * c * by[0, j],
                    spread[1] + by[0, i] * c * by[1, j],
                    spread[2] + by[1, i] * c * by[1, j],
                    spread[3] + by[2, i] * c * by[2, j],
                )
        across = math.sqrt(y[3] * y[3] + y[4] * y[4])
        out[row, 0], out[row, 1], out[row, 2] = t, y[0], y[1]
        out[row, 3], out[row, 4], out[row, 5] = spread[0], spread[1], spread[2]
        out[row, 6] = math.sqrt(spread[3]) if spread[3] > 0.0 else 0.0
        out[row, 7] = math.sqrt(across * across + y[5] * y[5])
        out[row, 8] = math.atan2(-h_rate, across)


@njit(cache=True, error_model="numpy")
def propagate_many(
    states: NDArray[np.float64], dt_s: NDArray[np.float64], env: Environment, step_s: float, out: NDArray[np.float64]
) -> None:
    """Fill `out` (n, 7) with each state (n, 7) carried on by its own time (n,), in equal steps of at most `step_s`.

    Times may be negative. The drag parameter stays as it is.
    """
    y, work, jac = np.empty(6), np.empty((3, 6)), np.empty((3, 7))
    for row in range(states.shape[0]):
        y[:] = states[row, :6]
        n = int(math.ceil(abs(dt_s[row]) / step_s)) if math.isfinite(dt_s[row]) else 0
        k = math.exp(states[row, 6])
        for _ in range(n):
            _step(y, dt_s[row] / n, k, env, jac, work)
        out[row, :6] = y
        out[row, 6] = states[row, 6]
        if not math.isfinite(dt_s[row]):
            out[row, :6] = math.nan
