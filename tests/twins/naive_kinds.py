"""The kind kernels once more, plainly: matrices and no loops over their elements."""

import numpy as np
from scipy.stats import norm

G, RHO, SCALE, SOUND = 9.80665, 1.225, 9144.0, 340.0


def begin(place, axes, sigma, wander):
    """Return mean and covariance after a first plot."""
    spread = np.where(np.isnan(sigma), wander.sigma_m, sigma) ** 2
    cov = np.zeros((9, 9))
    cov[:3, :3] = axes.T @ np.diag(spread) @ axes
    cov[3:6, 3:6], cov[6:, 6:] = wander.sigma_mps**2 * np.eye(3), wander.sigma_mps2**2 * np.eye(3)
    return np.concatenate([place, np.zeros(6)]), cov


def move(x, p, t, wander):
    """Predict by t seconds."""
    one = np.eye(3)
    f = np.block([[one, t * one, t * t / 2 * one], [0 * one, one, t * one], [0 * one, 0 * one, one]])
    speed = np.linalg.norm(x[3:6])
    drag = wander.jerk_drag * min(speed / wander.jerk_drag_mps, 1.5) ** 3
    way = x[3:6] / max(speed, 1e-6)
    q = np.diag([wander.jerk_level, wander.jerk_level, wander.jerk_climb]) + drag**2 * np.outer(way, way)
    w = abs(t)
    steps = np.array([[w**5 / 20, w**4 / 8, w**3 / 6], [w**4 / 8, w**3 / 3, w**2 / 2], [w**3 / 6, w**2 / 2, w]])
    return f @ x, f @ p @ f.T + np.kron(steps, q)


def absorb(x, p, row, z, var):
    """Update by one number."""
    room = row @ p @ row + var
    return x + p @ row * (z - row @ x) / room, p - np.outer(p @ row, p @ row) / room


def follow(fit, t_s, z, sigma, position, rotation, wander):
    """Take a plot into a fit, None or (mean, covariance, time since it)."""
    reach, az, el = z[0], z[1], np.nan_to_num(z[2])
    own = np.array(
        [
            [np.cos(el) * np.sin(az), np.cos(el) * np.cos(az), np.sin(el)],
            [np.cos(az), -np.sin(az), 0.0],
            [-np.sin(el) * np.sin(az), -np.sin(el) * np.cos(az), np.cos(el)],
        ]
    )
    axes = own @ rotation
    place = position + reach * axes[0]
    spread = np.array([sigma[0], reach * np.cos(el) * sigma[1], reach * sigma[2] if np.isfinite(z[2]) else np.nan])
    if fit is None:
        x, p = begin(place, axes, spread, wander)
    else:
        x, p = move(*fit, t_s, wander)
        for axis, s in zip(axes, spread, strict=True):
            if np.isfinite(s):
                x, p = absorb(x, p, np.concatenate([axis, np.zeros(6)]), axis @ place, s**2)
    if np.isfinite(z[3]) and np.isfinite(sigma[3]):
        x, p = absorb(x, p, np.concatenate([np.zeros(3), axes[0], np.zeros(3)]), z[3], sigma[3] ** 2)
    return x, p


def believe(x, p, accel, spread):
    """Condition on the acceleration; return its ln density (without the constant), mean and covariance of the rest."""
    room = p[6:, 6:] + spread
    off = x[6:] - accel
    gain = p[:6, 6:] @ np.linalg.inv(room)
    ln = -0.5 * (off @ np.linalg.solve(room, off) + np.linalg.slogdet(room)[1])
    return ln, x[:6] - gain @ off, p[:6, :6] - gain @ p[6:, :6]


def ln_height(height, var, mean):
    """Exponential in height."""
    return -max(height, 0.0) * mean / (mean**2 + var) - 0.5 * np.log(mean**2 + var)


def ln_round(x, p, ball):
    """Return ln density as a round."""
    fall = np.array([0.0, 0.0, -G])
    _, y, _ = believe(x, p, fall, 100.0 * np.eye(3))
    speed = np.linalg.norm(y[3:])
    rise = 1.0 + 0.9 * norm.cdf((speed / SOUND - 0.98) / 0.06)
    slow = 0.5 * RHO * np.exp(-max(y[2], 0.0) / SCALE) * ball.drag * rise * speed * y[3:]
    spread = ball.sigma_fall**2 * np.eye(3) + ball.sigma_ln_drag**2 * np.outer(slow, slow)
    ln, y, q = believe(x, p, fall - slow, spread)
    var = np.trace(q[3:, 3:])
    v2 = y[3:] @ y[3:] + var
    end = np.sqrt(v2 + 2 * G * max(y[2], 0.0))
    sigma = np.sqrt(var / 3) + 0.05 * end
    share = norm.cdf((ball.end_high - end) / sigma) - norm.cdf((ball.end_low - end) / sigma)
    ln_end = np.log(share + 1e-12) - np.log(end * np.log(ball.end_high / ball.end_low))
    return ln + ln_end - np.log(4 * np.pi * np.sqrt(v2) * end) + ln_height(y[2], q[2, 2], ball.height)


def ln_level(x, p, flyer):
    """Return ln density as a flyer: speeds from, to, share of hover, sigmas of climb, turn, lift, height."""
    low, high, hover, sigma_climb, turn, lift, height = flyer
    ln, y, q = believe(x, p, np.zeros(3), np.diag([turn**2, turn**2, lift**2]))
    speed = np.hypot(y[3], y[4])
    way = y[3:5] / max(speed, 1e-6)
    along = way @ q[3:5, 3:5] @ way
    across = max(np.trace(q[3:5, 3:5]) - along, 0.0)
    sigma = np.sqrt(along + 1.0 + (0.05 * high) ** 2)
    share = norm.cdf((high - speed) / sigma) - norm.cdf((low - speed) / sigma)
    ring = share / (high - low) / (2 * np.pi * np.sqrt(speed**2 + across + 1.0))
    room = 1.5**2 + 0.5 * (along + across)
    stand = np.exp(-0.5 * speed**2 / room) / (2 * np.pi * room)
    ln += np.log((1 - hover) * ring + hover * stand + 1e-12)
    return ln + norm.logpdf(y[5], 0.0, np.sqrt(q[5, 5] + sigma_climb**2)) + ln_height(y[2], q[2, 2], height)
