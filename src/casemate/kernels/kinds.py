"""Kind kernels: fit the motion of tracks to their plots without a model of flight, weigh each fit by what may fly so.

A fit is position, velocity and acceleration in the site's ENU frame at the latest plot (9,) with its covariance (9, 9):
a Kalman filter whose jerk is white (Bar-Shalom, Li, Kirubarajan, Estimation with Applications, 2001, section 6.2.3).
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Fits(NamedTuple):
    """The fits of all tracks, one row each."""

    mean: Floats  # (n, 9) e n u [m], ve vn vu [m/s], ae an au [m/s2]
    cov: Floats  # (n, 9, 9)
    t_ns: Ints  # (n,) of the latest plot
    n_plots: Ints  # (n,)


class Looks(NamedTuple):
    """Plots of one sensor; NaN: not measured."""

    t_ns: Ints  # (m,)
    z: Floats  # (m, 4) range [m], azimuth, elevation [rad], range rate [m/s]
    sigma: Floats  # (m, 4)


class Wander(NamedTuple):
    """How fast accelerations wander, and what is believed before any plot."""

    jerk_level: float  # density of the horizontal white jerk [m2/s5]
    jerk_climb: float  # of the vertical one
    jerk_drag: float  # its root along the way at `jerk_drag_mps`, growing with the third power of the speed
    jerk_drag_mps: float
    sigma_m: float  # of what a first plot does not measure
    sigma_mps: float
    sigma_mps2: float


class Ball(NamedTuple):
    """What is known of rounds in general."""

    end_low: float  # speed at the ground that speed and height are worth [m/s]
    end_high: float
    height: float  # mean over the flight [m]
    drag: float  # K = Cd S / m [m2/kg]
    sigma_ln_drag: float
    sigma_fall: float  # acceleration, each axis [m/s2]


LOW, HIGH, HOVER, CLIMB, TURN, LIFT, HEIGHT = 0, 1, 2, 3, 4, 5, 6
"""Columns of the flyers: speed from, to [m/s], share of hover, sigma of climb [m/s], turn, lift [m/s2], height [m]."""

GRAVITY, DENSITY, SCALE_HEIGHT, SOUND = (
    9.80665,
    1.225,
    9144.0,
    340.0,
)  # m/s2, kg/m3, m, m/s: rough air, ISA at sea level
MACH_RISE, MACH_WIDTH, RISE = 0.98, 0.06, 0.9  # drag rises to 1.9 of its subsonic value about Mach 1
SPEED_EDGE = 0.05  # edges of a band of speeds are soft by this share of its upper end
SIGMA_STAND = 1.5  # m/s, of what hovers
ROUGH_FALL = 10.0  # m/s2, 1 sigma of the fall while the drag is not yet known
LEAST = 1e-12  # nothing is quite impossible
MOST_RATIO = 1.5  # of the speed to `jerk_drag_mps`: the drag curve falls again beyond


@njit(cache=True, error_model="numpy")
def _phi(x: float) -> float:
    # the normal distribution function
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@njit(cache=True, error_model="numpy")
def _move(x: Floats, p: Floats, t: float, wander: Wander) -> None:
    # x <- F x, P <- F P F' + Q, for t seconds of constant acceleration and white jerk
    speed = math.sqrt(x[3] * x[3] + x[4] * x[4] + x[5] * x[5])
    drag = wander.jerk_drag * min(speed / wander.jerk_drag_mps, MOST_RATIO) ** 3
    q = np.zeros((3, 3))
    for i in range(3):
        q[i, i] = wander.jerk_climb if i == 2 else wander.jerk_level
        for j in range(3):
            q[i, j] += drag * drag * x[3 + i] * x[3 + j] / max(speed * speed, 1e-12)
    half = 0.5 * t * t
    for i in range(3):
        x[i] += t * x[3 + i] + half * x[6 + i]
        x[3 + i] += t * x[6 + i]
        for j in range(9):
            p[i, j] += t * p[3 + i, j] + half * p[6 + i, j]
            p[3 + i, j] += t * p[6 + i, j]
    for i in range(3):
        for j in range(9):
            p[j, i] += t * p[j, 3 + i] + half * p[j, 6 + i]
            p[j, 3 + i] += t * p[j, 6 + i]
    w = abs(t)
    for i in range(3):
        for j in range(3):
            p[i, j] += q[i, j] * w**5 / 20.0
            p[i, 3 + j] += q[i, j] * w**4 / 8.0
            p[3 + i, j] += q[i, j] * w**4 / 8.0
            p[i, 6 + j] += q[i, j] * w**3 / 6.0
            p[6 + i, j] += q[i, j] * w**3 / 6.0
            p[3 + i, 3 + j] += q[i, j] * w**3 / 3.0
            p[3 + i, 6 + j] += q[i, j] * w**2 / 2.0
            p[6 + i, 3 + j] += q[i, j] * w**2 / 2.0
            p[6 + i, 6 + j] += q[i, j] * w


@njit(cache=True, error_model="numpy")
def _absorb(x: Floats, p: Floats, at: int, row: Floats, z: float, var: float) -> None:
    # one scalar update: z = row . x[at : at + 3] + noise
    ph = np.zeros(9)
    room, miss = var, z
    for a in range(9):
        for b in range(3):
            ph[a] += p[a, at + b] * row[b]
    for b in range(3):
        room += row[b] * ph[at + b]
        miss -= row[b] * x[at + b]
    for a in range(9):
        x[a] += ph[a] * miss / room
        for b in range(a, 9):
            p[a, b] -= ph[a] * ph[b] / room
            p[b, a] = p[a, b]


@njit(cache=True, error_model="numpy")
def _begin(x: Floats, p: Floats, place: Floats, axes: Floats, sigma: Floats, wander: Wander) -> None:
    # a first plot: where it is, as well as it says; nothing known of the motion
    x[:], p[:, :] = 0.0, 0.0
    for i in range(3):
        x[i] = place[i]
        p[3 + i, 3 + i], p[6 + i, 6 + i] = wander.sigma_mps**2, wander.sigma_mps2**2
        for k in range(3):
            spread = wander.sigma_m if math.isnan(sigma[k]) else sigma[k]
            for j in range(3):
                p[i, j] += spread * spread * axes[k, i] * axes[k, j]


@njit(cache=True, error_model="numpy")
def follow_plots(
    fits: Fits, rows: Ints, looks: Looks, position: Floats, rotation: Floats, wander: Wander, dt_s: Floats
) -> None:
    """Take plot k into the fit of row rows[k], in place; dt_s[k] gets the time since the row's last plot [s].

    `position` (3,) and `rotation` (3, 3), site to sensor, are the sensor's. The plot is taken along its own three axes:
    along the range, to the right of it and upwards; then along its range rate.
    """
    own, place, axes, sigma = np.empty((3, 3)), np.empty(3), np.empty((3, 3)), np.empty(3)
    for k in range(rows.shape[0]):
        i = rows[k]
        x, p = fits.mean[i], fits.cov[i]
        reach, az, el = looks.z[k, 0], looks.z[k, 1], looks.z[k, 2]
        is_flat = math.isnan(el)
        el = 0.0 if is_flat else el
        own[0, 0], own[0, 1], own[0, 2] = math.cos(el) * math.sin(az), math.cos(el) * math.cos(az), math.sin(el)
        own[1, 0], own[1, 1], own[1, 2] = math.cos(az), -math.sin(az), 0.0
        own[2, 0], own[2, 1], own[2, 2] = -math.sin(el) * math.sin(az), -math.sin(el) * math.cos(az), math.cos(el)
        for a in range(3):
            for b in range(3):
                axes[a, b] = own[a, 0] * rotation[0, b] + own[a, 1] * rotation[1, b] + own[a, 2] * rotation[2, b]
        for b in range(3):
            place[b] = position[b] + reach * axes[0, b]
        sigma[0], sigma[1] = looks.sigma[k, 0], reach * math.cos(el) * looks.sigma[k, 1]
        sigma[2] = math.nan if is_flat else reach * looks.sigma[k, 2]
        if fits.n_plots[i] == 0:
            dt_s[k] = 0.0
            _begin(x, p, place, axes, sigma, wander)
        else:
            dt_s[k] = (looks.t_ns[k] - fits.t_ns[i]) / 1e9
            _move(x, p, dt_s[k], wander)
            for a in range(3):
                if not math.isnan(sigma[a]):
                    z = axes[a, 0] * place[0] + axes[a, 1] * place[1] + axes[a, 2] * place[2]
                    _absorb(x, p, 0, axes[a], z, sigma[a] * sigma[a])
        if not math.isnan(looks.z[k, 3]) and not math.isnan(looks.sigma[k, 3]):
            _absorb(x, p, 3, axes[0], looks.z[k, 3], looks.sigma[k, 3] ** 2)
        fits.t_ns[i] = looks.t_ns[k]
        fits.n_plots[i] += 1


@njit(cache=True, error_model="numpy")
def _believe(x: Floats, p: Floats, accel: Floats, spread: Floats, y: Floats, q: Floats) -> float:
    # The fit once its acceleration is believed to be `accel` with covariance `spread` (3, 3): y (6,), q (6, 6).
    # Returns ln of the density of the fitted acceleration, by a Cholesky factor of its room.
    low, white, gain = np.zeros((3, 3)), np.empty(3), np.empty((6, 3))
    ln = 0.0
    for i in range(3):
        for j in range(i + 1):
            t = p[6 + i, 6 + j] + spread[i, j]
            for k in range(j):
                t -= low[i, k] * low[j, k]
            low[i, j] = math.sqrt(t) if i == j else t / low[j, j]
        t = x[6 + i] - accel[i]
        for k in range(i):
            t -= low[i, k] * white[k]
        white[i] = t / low[i, i]
        ln -= 0.5 * white[i] * white[i] + math.log(low[i, i])
    for a in range(6):
        y[a] = x[a]
        for j in range(3):
            t = p[a, 6 + j]
            for k in range(j):
                t -= gain[a, k] * low[j, k]
            gain[a, j] = t / low[j, j]
            y[a] -= gain[a, j] * white[j]
    for a in range(6):
        for b in range(6):
            q[a, b] = p[a, b] - gain[a, 0] * gain[b, 0] - gain[a, 1] * gain[b, 1] - gain[a, 2] * gain[b, 2]
    return ln


@njit(cache=True, error_model="numpy")
def _ln_height(height: float, var: float, mean: float) -> float:
    # exponential over the ground; a height that nobody measured says nothing
    return -max(height, 0.0) * mean / (mean * mean + var) - 0.5 * math.log(mean * mean + var)


@njit(cache=True, error_model="numpy")
def _ln_round(x: Floats, p: Floats, ball: Ball, y: Floats, q: Floats) -> float:
    accel, spread = np.zeros(3), np.zeros((3, 3))
    accel[2] = -GRAVITY
    for i in range(3):
        spread[i, i] = ROUGH_FALL * ROUGH_FALL
    _believe(x, p, accel, spread, y, q)
    speed = math.sqrt(y[3] * y[3] + y[4] * y[4] + y[5] * y[5])
    rise = 1.0 + RISE * _phi((speed / SOUND - MACH_RISE) / MACH_WIDTH)
    drag = 0.5 * DENSITY * math.exp(-max(y[2], 0.0) / SCALE_HEIGHT) * ball.drag * rise * speed
    for i in range(3):
        accel[i] -= drag * y[3 + i]
        for j in range(3):
            spread[i, j] = (ball.sigma_ln_drag * drag) ** 2 * y[3 + i] * y[3 + j]
        spread[i, i] += ball.sigma_fall * ball.sigma_fall
    ln = _believe(x, p, accel, spread, y, q)
    var = q[3, 3] + q[4, 4] + q[5, 5]
    v2 = y[3] * y[3] + y[4] * y[4] + y[5] * y[5] + var
    end = math.sqrt(v2 + 2.0 * GRAVITY * max(y[2], 0.0))
    sigma = math.sqrt(var / 3.0) + SPEED_EDGE * end
    share = _phi((ball.end_high - end) / sigma) - _phi((ball.end_low - end) / sigma)
    ln += math.log(share + LEAST) - math.log(end * math.log(ball.end_high / ball.end_low))
    return ln - math.log(4.0 * math.pi * math.sqrt(v2) * end) + _ln_height(y[2], q[2, 2], ball.height)


@njit(cache=True, error_model="numpy")
def _ln_level(x: Floats, p: Floats, flyer: Floats, y: Floats, q: Floats) -> float:
    accel, spread = np.zeros(3), np.zeros((3, 3))
    spread[0, 0], spread[1, 1], spread[2, 2] = flyer[TURN] ** 2, flyer[TURN] ** 2, flyer[LIFT] ** 2
    ln = _believe(x, p, accel, spread, y, q)
    speed = math.sqrt(y[3] * y[3] + y[4] * y[4])
    e, n = y[3] / max(speed, 1e-6), y[4] / max(speed, 1e-6)
    along = e * e * q[3, 3] + 2.0 * e * n * q[3, 4] + n * n * q[4, 4]
    across = max(q[3, 3] + q[4, 4] - along, 0.0)
    sigma = math.sqrt(along + 1.0 + (SPEED_EDGE * flyer[HIGH]) ** 2)
    share = _phi((flyer[HIGH] - speed) / sigma) - _phi((flyer[LOW] - speed) / sigma)
    ring = share / (flyer[HIGH] - flyer[LOW]) / (2.0 * math.pi * math.sqrt(speed * speed + across + 1.0))
    room = SIGMA_STAND * SIGMA_STAND + 0.5 * (along + across)
    stand = math.exp(-0.5 * speed * speed / room) / (2.0 * math.pi * room)
    ln += math.log((1.0 - flyer[HOVER]) * ring + flyer[HOVER] * stand + LEAST)
    climb = q[5, 5] + flyer[CLIMB] * flyer[CLIMB]
    ln -= 0.5 * (y[5] * y[5] / climb + math.log(2.0 * math.pi * climb))
    return ln + _ln_height(y[2], q[2, 2], flyer[HEIGHT])


@njit(cache=True, error_model="numpy")
def weigh_kinds(fits: Fits, rows: Ints, flyers: Floats, ball: Ball, ln: Floats) -> None:
    """Write for each row rows[k] ln of its fit's density if it were a round, then each of the flyers (f, 7).

    The plots' density is the integral of what they say (the fit) times what a kind does: over the acceleration first,
    which is normal and exact and sharpens the velocity; then over the velocity: a ring of horizontal speeds for a
    flyer, for a round a ball of those that are worth its speed at the ground, every way alike. ln is (m, 1 + f); a
    constant that all share is left out.
    """
    y, q = np.empty(6), np.empty((6, 6))
    for k in range(rows.shape[0]):
        x, p = fits.mean[rows[k]], fits.cov[rows[k]]
        ln[k, 0] = _ln_round(x, p, ball, y, q)
        for j in range(flyers.shape[0]):
            ln[k, 1 + j] = _ln_level(x, p, flyers[j], y, q)
