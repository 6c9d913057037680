"""Plain twins of `casemate.kernels.kalman`: matrices, inverses and whole formulas, nothing in place."""

import math

import numpy as np
from naive_looks import project

from casemate.kernels.motion import acceleration, air_at, drag_shape, height_over_site

B, L = 0, 1


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


def white(q, t):
    """Return the 2x2 covariance of white acceleration over t."""
    return q * np.array([[abs(t) ** 3 / 3.0, t * abs(t) / 2.0], [t * abs(t) / 2.0, abs(t)]])


def spread(p, i, block):
    """Add a position-velocity block on axis i."""
    p[np.ix_([i, i + 3], [i, i + 3])] += block


def ballistic_step(x, h, env):
    """One RK4 step and F = I + A h + (A h)^2 / 2 at the third stage's state."""
    k1 = derivative(x, env)
    k2 = derivative(x + 0.5 * h * k1, env)
    mid = x + 0.5 * h * k2
    k3 = derivative(mid, env)
    k4 = derivative(x + h * k3, env)
    a = system_matrix(mid, env) * h
    return x + h / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4), np.eye(7) + a + 0.5 * a @ a


def predict_ballistic(x, p, dt, env, noise, offset=None):
    """Return state and covariance after dt; `offset` is carried along the linearisation."""
    steps = max(1, math.ceil(abs(dt)))
    h = dt / steps
    offset = np.zeros(7) if offset is None else offset
    for _ in range(steps):
        x, f = ballistic_step(x, h, env)
        p, offset = f @ p @ f.T, f @ offset
        for i in range(3):
            spread(p, i, white(noise.ballistic_q, h))
        p[6, 6] += noise.ln_drag_q * abs(h)
    return x + offset, p


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


def update_state(x, p, is_level, is_height_held, z, var, sensor, env):
    """Iterated update, by batch inverses (element by element where a height is held); returns x, P, ln N, d2."""
    zhat, h = project(x, is_level, sensor, env)
    ln, d2, _ = likelihood(z, var, zhat, h @ p @ h.T)
    wide = math.hypot(math.sqrt(p[0, 0]), math.sqrt(p[1, 1])) > 0.01 * z[0]
    line = x.copy()
    if is_height_held:  # with an element at a time the likelihood is that of each, given those before
        ln, d2 = 0.0, 0.0
    for turn in range(4 if wide else 1):
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


def predict_second(x, p, dt, z, sensor, env, noise):
    """Expand about the velocity between the first plot and the second."""
    ce, se = math.cos(z[2]), math.sin(z[2])
    s = z[0] * np.array([ce * math.sin(z[1]), ce * math.cos(z[1]), se])
    v = (sensor.position + sensor.rotation.T @ s - x[:3]) / dt + [0.0, 0.0, 0.5 * env.gravity_mps2 * dt]
    v *= min(1.0, 4.0 * noise.sigma_speed / max(np.linalg.norm(v), 1.0))
    line = np.concatenate([x[:3], v, x[6:]])
    return predict_ballistic(line, p, dt, env, noise, x - line)
