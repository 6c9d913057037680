"""Plain twins of `casemate.kernels.kalman`: matrices, inverses and whole formulas, nothing in place."""

import math

import numpy as np
from naive_ballistic import spread, white
from naive_looks import locate, project

B, L = 0, 1


def predict_level(x, p, dt, has_height, noise):
    """Return state and covariance after dt."""
    f = np.eye(7)
    f[:3, 3:6] = dt * np.eye(3)
    x, p = f @ x, f @ p @ f.T
    for i, q in enumerate((noise.level_q, noise.level_q, noise.climb_q if has_height else 0.0)):
        spread(p, i, white(q, dt))
        if i < 2:
            g = np.array([0.5 * dt * dt, dt]) * noise.level_turn
            spread(p, i, np.outer(g, g) * [[1, 1], [1, 1]])
    return x, p


def innovation(z, zhat):
    """Return z - zhat with the azimuth wrapped."""
    nu = z - zhat
    nu[1] = (nu[1] + math.pi) % (2 * math.pi) - math.pi
    return nu


def likelihood(z, var, zhat, s):
    """Return ln N, squared distance and elements used; a height beyond 5 sigma is garbled."""
    use = np.flatnonzero(~np.isnan(z))

    def normal(k):
        nu, c = innovation(z, zhat)[k], s[np.ix_(k, k)] + np.diag(var[k])
        d2 = nu @ np.linalg.solve(c, nu)
        return -0.5 * (d2 + np.linalg.slogdet(2 * math.pi * c)[1]), d2

    ln, d2 = normal(use)
    if 4 in use:
        rest = use[use != 4]
        ln_rest, d2_rest = normal(rest)
        if d2 - d2_rest > 25.0:
            return ln_rest + math.log(0.02 / 15_000.0), d2_rest, len(rest)
    return ln, d2, len(use)


def line_of(x, p, is_level, z, sensor, env):
    """Return where a measurement is linearised first, and whether the prior is wide."""
    wide, line = math.hypot(math.sqrt(p[0, 0]), math.sqrt(p[1, 1])) > 0.01 * z[0], x.copy()
    if wide and not math.isnan(z[2]):
        line[:3] = locate(z[:3], sensor)
        line[2] += (line[0] ** 2 + line[1] ** 2) / (2 * env.earth_radius_m) if is_level else 0.0
    return line, wide


def least_distance(x, p, extra_m2, is_level, z, var, sensor, env):
    """Return the squared distance of range, azimuth and elevation together."""
    p = p + np.diag([extra_m2] * 3 + [0.0] * 4)
    line, _ = line_of(x, p, is_level, z, sensor, env)
    zhat, h = project(line, is_level, sensor, env)
    use = np.flatnonzero(~np.isnan(z[:3]))
    nu = innovation(z, zhat + h @ (x - line))[use]
    return nu @ np.linalg.solve((h @ p @ h.T)[np.ix_(use, use)] + np.diag(var[use]), nu)


def update_state(x, p, is_level, is_height_held, z, var, sensor, env):
    """Update by batch inverses (element by element where a height is held); returns x, P, ln N, d2.

    A wide prior: linearised at the plot's place, or iterated where it has none.
    """
    line, wide = line_of(x, p, is_level, z, sensor, env)
    turns = 4 if wide and math.isnan(z[2]) else 1
    zhat, h = project(line, is_level, sensor, env)
    ln, d2, _ = likelihood(z, var, zhat + h @ (x - line), h @ p @ h.T)
    if is_height_held:  # with an element at a time the likelihood is that of each, given those before
        ln, d2 = 0.0, 0.0
    for turn in range(turns):
        zhat, h = project(line, is_level, sensor, env)
        use = np.flatnonzero(~np.isnan(z))
        nu = innovation(z, zhat) - h @ (x - line)
        y, q = x.copy(), p.copy()
        if 4 in use and likelihood(z, var, z - nu, h @ p @ h.T)[2] < len(use):
            use = use[use != 4]
        groups = [use] if not is_height_held else [np.array([k]) for k in use]
        for k in groups:
            hk, r = h[k], np.diag(var[k])
            gain = q @ hk.T @ np.linalg.inv(hk @ q @ hk.T + r)
            if is_height_held:
                gain[[2, 5]] = 0.0
            left = innovation(z, zhat)[k] - hk @ (y - line)
            if is_height_held and turn == 0:
                room = (hk @ q @ hk.T + r).item()
                d2 += left.item() ** 2 / room
                ln -= 0.5 * (left.item() ** 2 / room + math.log(2.0 * math.pi * room))
            y = y + gain @ left
            joseph = np.eye(7) - gain @ hk
            q = joseph @ q @ joseph.T + gain @ r @ gain.T
        shift = np.abs(y[:3] - line[:3]).sum()
        line = y
        if shift < 1e-6 * z[0]:
            break
    return y, q, ln, d2


def to_level(x, env):
    """Turn an ENU state into a level one; returns it with the Jacobian."""
    r = env.earth_radius_m
    y = x.copy()
    y[2] = x[2] + (x[0] ** 2 + x[1] ** 2) / (2 * r)
    y[5] = x[5] + (x[0] * x[3] + x[1] * x[4]) / r
    j = np.eye(7)
    j[2, :2] = x[:2] / r
    j[5, :2], j[5, 3:5] = x[3:5] / r, x[:2] / r
    return y, j
