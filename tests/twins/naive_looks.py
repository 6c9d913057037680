"""Plain twins of `casemate.kernels.looks`: matrices, inverses and whole formulas, nothing in place."""

import math

import numpy as np

from casemate.kernels.motion import height_over_site


def to_enu(x, env):
    """Turn a level state into ENU; returns it with the Jacobian."""
    r = env.earth_radius_m
    y = x.copy()
    y[2] = x[2] - (x[0] ** 2 + x[1] ** 2) / (2 * r)
    y[5] = x[5] - (x[0] * x[3] + x[1] * x[4]) / r
    j = np.eye(7)
    j[2, :2] = -x[:2] / r
    j[5, :2], j[5, 3:5] = -x[3:5] / r, -x[:2] / r
    return y, j


def project(x, is_level, sensor, env):
    """Return z (5,) and H (5, 7)."""
    y, chain = to_enu(x, env) if is_level else (x, np.eye(7))
    d = y[:3] - sensor.position
    s = sensor.rotation @ d
    flat, reach = max(math.hypot(s[0], s[1]), 1.0), max(np.linalg.norm(s), 1.0)
    rate = d @ y[3:6] / reach
    bend = (y[0] ** 2 + y[1] ** 2) / (2 * env.earth_radius_m)
    z = np.array([reach, math.atan2(s[0], s[1]), math.atan2(s[2], flat), rate, y[2] + bend + env.site_height_m])
    h = np.zeros((5, 7))
    h[0, :3] = d / reach
    h[1, :3] = np.array([s[1], -s[0], 0.0]) / flat**2 @ sensor.rotation
    h[2, :3] = np.array([-s[2] * s[0] / flat, -s[2] * s[1] / flat, flat]) / reach**2 @ sensor.rotation
    h[3, :3], h[3, 3:6] = (y[3:6] - rate * d / reach) / reach, d / reach
    h[4, :3] = [y[0] / env.earth_radius_m, y[1] / env.earth_radius_m, 1.0]
    return z, h @ chain


def absorb(x, p, row, nu, var, is_height_held):
    """Update by one scalar; returns x, P, squared distance and ln(2 pi S)."""
    s = row @ p @ row + var
    gain = p @ row / s
    if is_height_held:
        gain[[2, 5]] = 0.0
    joseph = np.eye(7) - np.outer(gain, row)
    q = joseph @ p @ joseph.T + var * np.outer(gain, gain)
    return x + gain * nu, q, nu**2 / s, math.log(2 * math.pi * s)


def gather_plots(values, sensor, env):
    """Return z, var, pos, slack of float fields of PLOT rows."""
    z = values[:, [0, 1, 2, 4, 3]].copy()
    sigma = np.column_stack([values[:, 5:9], np.full(len(values), np.nan)])
    sigma = np.where(np.isnan(sigma), sensor.sigmas, sigma)
    z[np.isnan(sigma)] = np.nan
    var = sigma**2 + sensor.extra_var
    if not sensor.has_elevation:
        own = height_over_site(*sensor.position, env) + env.site_height_m
        sine = np.minimum(np.nan_to_num((z[:, 4] - own) / z[:, 0]), 1.0)
        var[:, 1] /= np.maximum(1.0 - sine**2, 0.03)
        var[:, 0] += (300.0 * sine) ** 2
        above = sine > math.sin(sensor.edges[5])
        z[above, 4] = np.nan
        var[above, 0] += (0.5 * z[above, 0]) ** 2
        var[above, 1] += 0.087**2
    flat = np.isnan(z[:, 2])
    el = np.where(flat, 0.0, z[:, 2])
    s = np.stack([np.cos(el) * np.sin(z[:, 1]), np.cos(el) * np.cos(z[:, 1]), np.sin(el)], axis=1) * z[:, :1]
    spread = var[:, 1] + np.where(flat, 0.0, var[:, 2])
    slack = 4.5 * np.sqrt(var[:, 0] + z[:, 0] ** 2 * spread) + np.where(flat, 30_000.0, 0.0)
    return z, var, s @ sensor.rotation + sensor.position, slack


def locate(z, sensor):
    """ENU of the site of range, azimuth, elevation."""
    r, az, el = z
    s = np.array([r * math.cos(el) * math.sin(az), r * math.cos(el) * math.cos(az), r * math.sin(el)])
    return sensor.rotation.T @ s + sensor.position


def widen_by_bias(x, p, sensor):
    """P + D B D', with d(position) / db as rotations about the sensor and D of the velocity by complex step in time."""
    step = 1e-30
    s, w = sensor.rotation @ (x[:3] - sensor.position), sensor.rotation @ x[3:6]
    at = s + 1j * step * w  # the point a moment later
    flat = np.sqrt(at[0] ** 2 + at[1] ** 2)
    reach = np.sqrt(at[0] ** 2 + at[1] ** 2 + at[2] ** 2)
    level = np.array([at[0], at[1], 0.0]) / flat
    sides = [at / reach, np.array([at[1], -at[0], 0.0]), np.array([0.0, 0.0, 1.0]) * flat - at[2] * level]
    d = np.zeros((7, 3))
    for k, side in enumerate(sides):
        d[:3, k], d[3:6, k] = sensor.rotation.T @ side.real, sensor.rotation.T @ (side.imag / step)
    return p + d @ np.diag(sensor.bias_var) @ d.T


def watch_tracks(states, has_height, sensor, env, az_from, az_width, margin):
    """Return the codes, state by state."""
    codes, turn = [], 2 * math.pi
    near, far, az0, width, low, high = sensor.edges
    for x, known in zip(states, has_height, strict=True):
        z, _ = project(x, False, sensor, env)
        d = margin * sensor.sigmas
        passed = (z[1] + d[1] - az_from) % turn <= az_width
        out = z[0] > far + d[0] or (z[1] - az0 + d[1]) % turn > width + 2 * d[1]
        out = out or (sensor.has_elevation and z[2] < low - d[2])
        blind = z[0] < near or (z[2] > high and (sensor.has_elevation or known))
        codes.append(int(passed) + 2 * int(out) + 4 * int(blind))
    return codes
