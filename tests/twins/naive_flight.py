"""Prediction and propagation, plainly: matrices, numpy's interpolation, the textbook form of the Runge-Kutta method."""

import math

import naive_motion
import numpy as np


def rate(y, k, env):
    return np.concatenate((y[3:], naive_motion.acceleration(*y, k, env)))


def advance(y, k, dt, env):
    k1 = rate(y, k, env)
    k2 = rate(y + dt / 2 * k1, k, env)
    k3 = rate(y + dt / 2 * k2, k, env)
    k4 = rate(y + dt * k3, k, env)
    return y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def matrices(y, k, env):
    """Return A (6, 6) and b (6,): d(dy/dt)/dy and d(dy/dt)/d(ln K)."""
    pos, vel, radius = y[:3], y[3:], env.earth_radius_m
    h = naive_motion.height_over_site(*pos, env)
    z = h + env.site_height_m
    rho, inv_a, *wind = naive_motion.air_at(z, env)
    slopes = np.subtract(naive_motion.air_at(z + 0.5, env), naive_motion.air_at(z - 0.5, env))
    w = vel - np.array([*wind, 0.0])
    s = np.linalg.norm(w)
    f = naive_motion.drag_shape(s * inv_a, env)
    df = (naive_motion.drag_shape(s * inv_a + 1e-3, env) - naive_motion.drag_shape(s * inv_a - 1e-3, env)) / 2e-3
    # drag = -rho k / 2 * s f(s / a) w
    by_w = -0.5 * rho * k * (s * f * np.eye(3) + np.outer(w, w) * (f / s + df * inv_a))
    by_h = -0.5 * k * w * s * (slopes[0] * f + rho * df * s * slopes[1]) - by_w @ [slopes[2], slopes[3], 0.0]
    g = env.gravity_mps2 / (1 + h / radius) ** 2
    dg = -2 * g / (1 + h / radius) / radius
    by_h = by_h - dg * np.array([pos[0] / radius, pos[1] / radius, 1.0])
    up = np.array([pos[0] / radius, pos[1] / radius, 1.0])
    lean = -g / radius * np.diag([1.0, 1.0, 0.0])
    turn = np.array([env.omega_e_radps, env.omega_n_radps, env.omega_u_radps])
    coriolis = -2 * np.cross(turn, np.eye(3)).T
    a = np.block([[np.zeros((3, 3)), np.eye(3)], [np.outer(by_h, up) + lean, by_w + coriolis]])
    return a, np.concatenate((np.zeros(3), -0.5 * rho * k * s * f * w))


def spread(x, three, dt):
    (a0, b0), (a1, b1), (a2, b2) = three
    last = np.zeros(7)
    last[6] = 1.0
    k1 = a0 @ x + np.outer(b0, last)
    k2 = a1 @ (x + dt / 2 * k1) + np.outer(b1, last)
    k3 = a1 @ (x + dt / 2 * k2) + np.outer(b1, last)
    k4 = a2 @ (x + dt * k3) + np.outer(b2, last)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def over_ground(y, env):
    climb = y[5] + (y[0] * y[3] + y[1] * y[4]) / env.earth_radius_m
    return naive_motion.height_over_site(*y[:3], env) - env.ground_m, climb


def predict_many(states, covs, env, dt_s, max_time_s, out, status):
    for row in range(len(states)):
        out[row] = math.nan
        if not (np.isfinite(states[row]).all() and np.isfinite(covs[row]).all()):
            status[row] = 4
            continue
        y, k = states[row, :6].copy(), math.exp(states[row, 6])
        x, t = np.eye(6, 7), 0.0
        over, climb = over_ground(y, env)
        rest = 0.0 if over <= 0.0 and climb < 0.0 else 2 * dt_s
        status[row] = 2
        while t <= max_time_s:
            end = advance(advance(y, k, dt_s, env), k, dt_s, env)
            over, climb = over_ground(end, env)
            if rest == 0.0 or (over <= 0.0 and climb < 0.0):
                status[row] = 0
                break
            x = spread(x, [matrices(s, k, env) for s in (y, advance(y, k, dt_s, env), end)], 2 * dt_s)
            y, t = end, t + 2 * dt_s
        if status[row] == 2:
            continue
        for _ in range(12):
            middle = advance(y, k, rest / 2, env)
            end = advance(middle, k, rest / 2, env)
            over, climb = over_ground(end, env)
            if abs(over) < 1e-4:
                break
            rest -= over / climb
        x = spread(x, [matrices(s, k, env) for s in (y, middle, end)], rest)
        up = np.array([end[0] / env.earth_radius_m, end[1] / env.earth_radius_m, 1.0])
        by_time = -up @ x[:3] / climb
        by_point = x[:2] + np.outer(end[3:5], by_time)
        cov = by_point @ covs[row] @ by_point.T
        across = np.hypot(end[3], end[4])
        out[row] = (
            t + rest, *end[:2], np.linalg.norm(end[3:]), math.atan2(-climb, across),
            cov[0, 0], cov[0, 1], cov[1, 1], by_time @ covs[row] @ by_time,
        )  # fmt: skip


def propagate_many(states, dt_s, env, step_s, out):
    for row in range(len(states)):
        y, k = states[row, :6].copy(), math.exp(states[row, 6])
        n = math.ceil(abs(dt_s[row]) / step_s)
        for _ in range(n):
            y = advance(y, k, dt_s[row] / n, env)
        out[row] = *y, states[row, 6]
