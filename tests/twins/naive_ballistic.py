"""Plain twins of `casemate.kernels.ballistic`: matrices, whole formulas, nothing in place."""

import math

import numpy as np
from naive_motion import drag_doubt

from casemate.kernels.motion import acceleration, air_at, drag_shape, height_over_site


def white(q, t):
    """Return the 2x2 covariance of white acceleration over t."""
    return q * np.array([[abs(t) ** 3 / 3.0, t * abs(t) / 2.0], [t * abs(t) / 2.0, abs(t)]])


def spread(p, i, block):
    """Add a position-velocity block on axis i."""
    p[np.ix_([i, i + 3], [i, i + 3])] += block


def derivative(x, env):
    """Return dx/dt of the ballistic state."""
    return np.concatenate([x[3:6], acceleration(*x[:6], math.exp(x[6]), env), [0.0]])


def system_matrix(x, env):
    """Return A = d(dx/dt)/dx of drag and motion (gravity's gradient and Coriolis left out, as in the kernel)."""
    msl = height_over_site(*x[:3], env) + env.site_height_m
    rho, inverse_sound, we, wn = air_at(msl, env)
    thin = (air_at(msl + 50.0, env)[0] / rho - 1.0) / 50.0
    w = x[3:6] - [we, wn, 0.0]
    s = np.linalg.norm(w) + 1e-9
    shape = drag_shape(s * inverse_sound, env)
    slope = (drag_shape(s * inverse_sound + 0.01, env) - shape) / 0.01
    c = 0.5 * rho * math.exp(x[6])
    a = np.zeros((7, 7))
    a[:3, 3:6] = np.eye(3)
    a[3:6, 3:6] = -c * s * shape * np.eye(3) - c * (shape + s * inverse_sound * slope) * np.outer(w, w) / s
    a[3:6, 6] = -c * s * shape * w
    a[3:6, 2] = a[3:6, 6] * thin
    return a


def ballistic_step(x, h, env):
    """One RK4 step and F = I + A h + (A h)^2 / 2 at the third stage's state."""
    k1 = derivative(x, env)
    k2 = derivative(x + 0.5 * h * k1, env)
    mid = x + 0.5 * h * k2
    k3 = derivative(mid, env)
    k4 = derivative(x + h * k3, env)
    a = system_matrix(mid, env) * h
    return x + h / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4), np.eye(7) + a + 0.5 * a @ a


def through_air(x, env):
    """Return the velocity through the air, density and Mach number."""
    rho, inverse_sound, we, wn = air_at(height_over_site(*x[:3], env) + env.site_height_m, env)
    w = x[3:6] - [we, wn, 0.0]
    return w, rho, np.linalg.norm(w) * inverse_sound, inverse_sound


def bend(x, p, env):
    """Return what the linearised drag of a state one sigma off is wrong by."""
    w, rho, mach, inverse_sound = through_air(x, env)
    speed = np.linalg.norm(w)
    sigma = math.sqrt(w @ p[3:6, 3:6] @ w) / speed
    shape = drag_shape(mach, env)
    curl = abs(drag_shape(mach + 0.02, env) - 2.0 * shape + drag_shape(mach - 0.02, env)) / 0.02**2
    share = (math.sqrt(p[6, 6]) + 2.0 * sigma / speed) ** 2
    return 0.25 * rho * speed**2 * math.exp(x[6]) * (shape * share + curl * (sigma * inverse_sound) ** 2)


def coast(x, dt, most_s, env):
    """Return a state dt on, by midpoint steps of at most `most_s`; beyond 5 km/s it stays."""
    steps = max(1, math.ceil(abs(dt) / most_s))
    for _ in range(steps):
        if np.linalg.norm(x[3:6]) > 5e3:
            break
        h = dt / steps
        x = x + h * derivative(x + 0.5 * h * derivative(x, env), env)
    return x


def by_differences(x, p, h, env):
    """One step by second-order central differences over the columns of a root of P; those of e and n just move."""
    flip = np.arange(7)[::-1]
    root = np.linalg.cholesky(p[np.ix_(flip, flip)])[flip]
    middle = ballistic_step(x, h, env)[0]
    c2 = 3.0
    mean, p = middle.copy(), np.zeros((7, 7))
    for column in math.sqrt(c2) * root.T:
        if not column[2:].any():
            p += np.outer(column, column) / c2
            continue
        ahead, behind = ballistic_step(x + column, h, env)[0], ballistic_step(x - column, h, env)[0]
        first, second = (ahead - behind) / (2.0 * math.sqrt(c2)), ahead + behind - 2.0 * middle
        mean += second / (2.0 * c2)
        p += np.outer(first, first) + (c2 - 1.0) / (4.0 * c2**2) * np.outer(second, second)
    return mean, p


def disturb(x, p, h, before, env, noise):
    """Add what the motion does not know, over h that ends at x; `before` is the Mach number where it began."""
    w, rho, mach, _ = through_air(x, env)
    speed = np.linalg.norm(w)
    slope = (drag_shape(mach + 0.01, env) - drag_shape(mach, env)) / 0.01
    unit = w / speed
    by_wind = drag_shape(mach, env) * np.eye(3) + (drag_shape(mach, env) + mach * slope) * np.outer(unit, unit)
    by_wind = 0.5 * rho * math.exp(x[6]) * speed * by_wind[:, :2]
    q = noise.ballistic_q * np.eye(3) + env.sigma_wind_mps**2 * noise.wind_s * by_wind @ by_wind.T
    p[:6, :6] += np.kron(white(1.0, h), q)
    p[6, 6] += drag_doubt(0.5 * (before + mach), env) * abs(mach - before)
    return p


def predict_ballistic(x, p, dt, env, noise):
    """Return state and covariance after dt."""
    steps = max(1, math.ceil(abs(dt)))
    for _ in range(steps):
        before = through_air(x, env)[2]
        if bend(x, p, env) > 0.5:
            x, p = by_differences(x, p, dt / steps, env)
        else:
            x, f = ballistic_step(x, dt / steps, env)
            p = f @ p @ f.T
        p = disturb(x, p, dt / steps, before, env, noise)
    return x, p


def predict_second(x, p, dt, z, sensor, env, noise):
    """Expand about the velocity between the first plot and the second."""
    ce, se = math.cos(z[2]), math.sin(z[2])
    s = z[0] * np.array([ce * math.sin(z[1]), ce * math.cos(z[1]), se])
    v = (sensor.position + sensor.rotation.T @ s - x[:3]) / dt + [0.0, 0.0, 0.5 * env.gravity_mps2 * dt]
    v *= min(1.0, 4.0 * noise.sigma_speed / max(np.linalg.norm(v), 1.0))
    line = np.concatenate([x[:3], v, x[6:]])
    offset, steps = x - line, max(1, math.ceil(dt))
    for _ in range(steps):
        line, f = ballistic_step(line, dt / steps, env)
        p, offset = f @ p @ f.T, f @ offset
        p[:6, :6] += np.kron(white(noise.ballistic_q, dt / steps), np.eye(3))
    return line + offset, p
