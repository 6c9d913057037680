"""Propagation plainly: matrices, numpy's interpolation, the textbook form of the Runge-Kutta method."""

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
    h = naive_motion.fall_of(*pos, env)[0]
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
    turn = np.array([0.0, *env.earth[11:13]])
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


def propagate_many(states, dt_s, env, step_s, out):
    for row in range(len(states)):
        y, k = states[row, :6].copy(), math.exp(states[row, 6])
        n = math.ceil(abs(dt_s[row]) / step_s)
        for _ in range(n):
            y = advance(y, k, dt_s[row] / n, env)
        out[row] = *y, states[row, 6]


def transition_many(states, dt_s, env, step_s, out, phi):
    """Two steps of the state to one of its derivatives, whose Jacobians are those at the three states."""
    for row in range(len(states)):
        y, k, x = states[row, :6].copy(), math.exp(states[row, 6]), np.eye(6, 7)
        n = math.ceil(abs(dt_s[row]) / (2 * step_s))
        for _ in range(n):
            dt = dt_s[row] / n
            middle = advance(y, k, dt / 2, env)
            end = advance(middle, k, dt / 2, env)
            x = spread(x, [matrices(s, k, env) for s in (y, middle, end)], dt)
            y = end
        out[row] = *y, states[row, 6]
        phi[row] = np.vstack((x, np.eye(7)[6]))
