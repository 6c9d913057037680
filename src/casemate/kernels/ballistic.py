"""The flight of an uncertain ballistic state: mean and covariance carried on, and what the motion does not know.

State x = e n u, ve vn vu [m, m/s, ENU of the site], ln of the drag parameter K [ln m2/kg]; moved by `kernels.motion`.
Where the drag bends within the spread of the state, the step goes by central differences over it, else by the Jacobian.
Unknown are the wind and the drag curve, as the environment declares them.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.looks import AZ, EL, RANGE, Sensor, locate
from casemate.kernels.motion import Environment, acceleration, air_at, drag_doubt, drag_shape, height_over_site

Floats = NDArray[np.float64]

MAX_STEP_S: Final = 1.0  # of the Runge-Kutta integration: 1 cm at 700 m/s

POINT_SIGMAS: Final = math.sqrt(3.0)
"""How far off the mean the central differences are taken: right to fourth order for a Gaussian."""

SECOND_SHARE: Final = math.sqrt(POINT_SIGMAS**2 - 1.0) / (2.0 * POINT_SIGMAS**2)

BEND_MPS2: Final = 0.5
"""Error of the linearised drag from which differences are taken. With 0.05, or always, the covariance is no more honest
(2,000 rounds); linear throughout, squared velocity errors are 1.9 times what it says where rounds pass Mach 1."""

BEND_MACH: Final = 0.02  # over which the curve's bend is seen
BREAKAWAY_MPS: Final = 5e3


class Noise(NamedTuple):
    """Process noise and priors of both models."""

    ballistic_q: float  # white acceleration [m2/s3]
    wind_s: float  # for how long an unknown wind pushes the same way, as the filter sees it [s]
    level_q: float  # horizontal [m2/s3]
    level_turn: float  # 1 sigma of a horizontal acceleration that lasts as long as the prediction [m/s2]
    climb_q: float  # vertical [m2/s3]
    sigma_speed: float  # prior velocity, each axis [m/s]
    sigma_climb: float  # prior climb rate of the level model [m/s]
    ln_drag: float  # prior mean [ln m2/kg]
    sigma_ln_drag: float
    height: float  # assumed over the sensor where nothing tells it [m]
    sigma_height: float
    p_ballistic: float  # prior
    odds_limit: float  # |ln odds| between the models never exceeds this: a slow switch stays possible


@njit(cache=True, error_model="numpy")
def _jacobian(y: Floats, h: float, env: Environment, f: Floats, a: Floats) -> None:
    # F = I + A h + (A h)^2 / 2 at y. Rows of a: by height, by ln K, then the 3x3 by velocity.
    h_msl = height_over_site(y[0], y[1], y[2], env) + env.site_height_m
    density, inverse_sound, wind_e, wind_n = air_at(h_msl, env)
    thin = (air_at(h_msl + 50.0, env)[0] / density - 1.0) / 50.0
    w0, w1, w2 = y[3] - wind_e, y[4] - wind_n, y[5]
    speed = math.sqrt(w0 * w0 + w1 * w1 + w2 * w2) + 1e-9
    mach = speed * inverse_sound
    shape = drag_shape(mach, env)
    slope = (drag_shape(mach + 0.01, env) - shape) / 0.01
    c = 0.5 * density * math.exp(y[6])
    lean = c * (shape + mach * slope) / speed
    for i in range(3):
        wi = w0 if i == 0 else (w1 if i == 1 else w2)
        a[1, i] = -c * speed * shape * wi
        a[0, i] = a[1, i] * thin
        a[2 + i, 0], a[2 + i, 1], a[2 + i, 2] = -lean * wi * w0, -lean * wi * w1, -lean * wi * w2
        a[2 + i, i] -= c * speed * shape
    half = 0.5 * h * h
    f[:, :] = 0.0
    for i in range(7):
        f[i, i] = 1.0
    for i in range(3):
        f[i, 2] += half * a[0, i]
        f[i, 6] = half * a[1, i]
        f[i, 3 + i] = h
        f[3 + i, 2] = h * a[0, i]
        f[3 + i, 6] = h * a[1, i]
        f[3 + i, 5] += half * a[0, i]
        for k in range(3):
            f[i, 3 + k] += half * a[2 + i, k]
            f[3 + i, 3 + k] += h * a[2 + i, k]
            f[3 + i, 2] += half * a[2 + i, k] * a[0, k]
            f[3 + i, 6] += half * a[2 + i, k] * a[1, k]
            for j in range(3):
                f[3 + i, 3 + j] += half * a[2 + i, k] * a[2 + k, j]


@njit(cache=True, error_model="numpy")
def sandwich(f: Floats, p: Floats, w: Floats) -> None:
    """Set P <- F P F', (7, 7), symmetric by construction; w is (7, 7) scratch."""
    for i in range(7):
        for j in range(7):
            t = 0.0
            for k in range(7):
                t += f[i, k] * p[k, j]
            w[i, j] = t
    for i in range(7):
        for j in range(i, 7):
            t = 0.0
            for k in range(7):
                t += w[i, k] * f[j, k]
            p[i, j] = t
            p[j, i] = t


@njit(cache=True, error_model="numpy")
def _rk4(x: Floats, h: float, env: Environment, mid: Floats) -> None:
    # one classical step; `mid` gets the state half way, where the Jacobian is taken
    drag = math.exp(x[6])
    e, n, u, ve, vn, vu = x[0], x[1], x[2], x[3], x[4], x[5]
    a0, a1, a2 = acceleration(e, n, u, ve, vn, vu, drag, env)
    r = 0.5 * h
    b0, b1, b2 = ve + r * a0, vn + r * a1, vu + r * a2
    c0, c1, c2 = acceleration(e + r * ve, n + r * vn, u + r * vu, b0, b1, b2, drag, env)
    d0, d1, d2 = ve + r * c0, vn + r * c1, vu + r * c2
    mid[0], mid[1], mid[2], mid[3], mid[4], mid[5], mid[6] = e + r * b0, n + r * b1, u + r * b2, d0, d1, d2, x[6]
    f0, f1, f2 = acceleration(e + r * b0, n + r * b1, u + r * b2, d0, d1, d2, drag, env)
    g0, g1, g2 = ve + h * f0, vn + h * f1, vu + h * f2
    k0, k1, k2 = acceleration(e + h * d0, n + h * d1, u + h * d2, g0, g1, g2, drag, env)
    s = h / 6.0
    x[0], x[1], x[2] = (
        e + s * (ve + 2.0 * (b0 + d0) + g0),
        n + s * (vn + 2.0 * (b1 + d1) + g1),
        u + s * (vu + 2.0 * (b2 + d2) + g2),
    )
    x[3], x[4], x[5] = (
        ve + s * (a0 + 2.0 * (c0 + f0) + k0),
        vn + s * (a1 + 2.0 * (c1 + f1) + k1),
        vu + s * (a2 + 2.0 * (c2 + f2) + k2),
    )


@njit(cache=True, error_model="numpy")
def coast(y: Floats, drag: float, dt: float, most_s: float, env: Environment) -> None:
    """Move position and velocity, the first six of y, by dt [s] in place, in midpoint steps of at most `most_s`.

    Flown back, drag drives a wrong state to infinity: beyond `BREAKAWAY_MPS` it stays where it is.
    """
    steps = max(1, int(math.ceil(abs(dt) / most_s)))
    h = dt / steps
    r = 0.5 * h
    for _ in range(steps):
        if y[3] * y[3] + y[4] * y[4] + y[5] * y[5] > BREAKAWAY_MPS * BREAKAWAY_MPS:
            break
        a0, a1, a2 = acceleration(y[0], y[1], y[2], y[3], y[4], y[5], drag, env)
        e, n, u = y[0] + r * y[3], y[1] + r * y[4], y[2] + r * y[5]
        v0, v1, v2 = y[3] + r * a0, y[4] + r * a1, y[5] + r * a2
        a0, a1, a2 = acceleration(e, n, u, v0, v1, v2, drag, env)
        y[0], y[1], y[2] = y[0] + h * v0, y[1] + h * v1, y[2] + h * v2
        y[3], y[4], y[5] = y[3] + h * a0, y[4] + h * a1, y[5] + h * a2


@njit(cache=True, error_model="numpy")
def diffuse(p: Floats, i: int, q: float, t: float) -> None:
    """Add to P what white acceleration of density q [m2/s3] does over t [s] to position i and velocity i + 3."""
    p[i, i] += q * t * t * t / 3.0
    p[i, i + 3] += 0.5 * q * t * t
    p[i + 3, i] = p[i, i + 3]
    p[i + 3, i + 3] += q * t


@njit(cache=True, error_model="numpy")
def _bend(x: Floats, p: Floats, env: Environment) -> float:
    # Acceleration [m/s2] by which the drag of a state one sigma off differs from its linearisation.
    density, inverse_sound, wind_e, wind_n = air_at(height_over_site(x[0], x[1], x[2], env) + env.site_height_m, env)
    w0, w1, w2 = x[3] - wind_e, x[4] - wind_n, x[5]
    s2 = w0 * w0 + w1 * w1 + w2 * w2 + 1e-9
    speed = math.sqrt(s2)
    mach = speed * inverse_sound
    var = (
        w0 * (w0 * p[3, 3] + 2.0 * w1 * p[3, 4] + 2.0 * w2 * p[3, 5])
        + w1 * (w1 * p[4, 4] + 2.0 * w2 * p[4, 5])
        + w2 * w2 * p[5, 5]
    ) / s2
    shape = drag_shape(mach, env)
    curl = abs(drag_shape(mach + BEND_MACH, env) + drag_shape(mach - BEND_MACH, env) - 2.0 * shape)
    drag = 0.5 * density * s2 * math.exp(x[6])
    by_speed = curl * var * inverse_sound * inverse_sound / (BEND_MACH * BEND_MACH)
    return 0.5 * drag * (shape * (math.sqrt(p[6, 6]) + 2.0 * math.sqrt(var) / speed) ** 2 + by_speed)


@njit(cache=True, error_model="numpy")
def _points(x: Floats, p: Floats, h: float, env: Environment, work: Floats) -> None:
    # Central differences over 1.73 sigma (Norgaard, Poulsen, Ravn, Automatica 36, 2000, section 4), which keep second
    # order in mean and covariance. East and north are last in the root of P: they enter the motion linearly.
    low, y = work[0], work[1]
    for a in range(7):
        j = 6 - a
        t = p[j, j]
        for k in range(a):
            t -= low[j, k] * low[j, k]
        low[j, a] = math.sqrt(max(t, 1e-12))
        for b in range(a + 1, 7):
            i = 6 - b
            t = p[i, j]
            for k in range(a):
                t -= low[i, k] * low[j, k]
            low[i, a] = t / low[j, a]
    for i in range(7):
        y[0, i] = x[i]
    _rk4(y[0], h, env, work[3, 0])
    first, second, mean = work[2], work[3], y[3]
    for i in range(7):
        mean[i] = y[0, i]
    for a in range(5):
        for i in range(7):
            d = POINT_SIGMAS * low[i, a] if i <= 6 - a else 0.0
            y[1, i], y[2, i] = x[i] + d, x[i] - d
        _rk4(y[1], h, env, y[4])
        _rk4(y[2], h, env, y[4])
        for i in range(7):
            first[a, i] = (y[1, i] - y[2, i]) / (2.0 * POINT_SIGMAS)
            d = (y[1, i] - y[0, i]) + (y[2, i] - y[0, i])
            second[a, i] = d * SECOND_SHARE
            mean[i] += d / (2.0 * POINT_SIGMAS * POINT_SIGMAS)
    for a in range(5, 7):
        for i in range(7):
            first[a, i] = low[i, a] if i <= 6 - a else 0.0
            second[a, i] = 0.0
    for i in range(7):
        x[i] = mean[i]
        for j in range(i, 7):
            t = 0.0
            for a in range(7):
                t += first[a, i] * first[a, j] + second[a, i] * second[a, j]
            p[i, j], p[j, i] = t, t


@njit(cache=True, error_model="numpy")
def _disturb(x: Floats, p: Floats, h: float, mach: float, env: Environment, noise: Noise, f: Floats) -> float:
    # Adds what the motion does not know, over h seconds that end at x; returns the Mach number there. Unknown wind: the
    # acceleration -dv/dw s of a wind s, kept for `wind_s`; unlike drag curve: ln K walks with the Mach number.
    density, inverse_sound, wind_e, wind_n = air_at(height_over_site(x[0], x[1], x[2], env) + env.site_height_m, env)
    w0, w1, w2 = x[3] - wind_e, x[4] - wind_n, x[5]
    speed = math.sqrt(w0 * w0 + w1 * w1 + w2 * w2) + 1e-9
    after = speed * inverse_sound
    t = abs(h)
    for i in range(3):
        diffuse(p, i, noise.ballistic_q, t)
        if h < 0.0:  # seen from the past, the noise turns position the other way
            p[i, i + 3] -= noise.ballistic_q * h * h
            p[i + 3, i] = p[i, i + 3]
    p[6, 6] += drag_doubt(0.5 * (mach + after), env) * abs(after - mach)
    if env.sigma_wind_mps > 0.0:
        shape = drag_shape(after, env)
        k = 0.5 * density * speed * math.exp(x[6])
        steep = (shape + after * (drag_shape(after + 0.01, env) - shape) / 0.01) / (speed * speed)
        q = env.sigma_wind_mps * env.sigma_wind_mps * noise.wind_s
        for i in range(3):
            wi = w0 if i == 0 else (w1 if i == 1 else w2)
            f[i, 0], f[i, 1] = k * steep * wi * w0, k * steep * wi * w1
            if i < 2:
                f[i, i] += k * shape
        for i in range(3):
            for j in range(3):
                d = q * (f[i, 0] * f[j, 0] + f[i, 1] * f[j, 1])
                p[i, j] += d * t * t * t / 3.0
                p[i, 3 + j] += 0.5 * d * h * t
                p[3 + j, i] = p[i, 3 + j]
                p[3 + i, 3 + j] += d * t
    return after


@njit(cache=True, error_model="numpy")
def _mach_of(x: Floats, env: Environment) -> float:
    _, inverse_sound, wind_e, wind_n = air_at(height_over_site(x[0], x[1], x[2], env) + env.site_height_m, env)
    w0, w1 = x[3] - wind_e, x[4] - wind_n
    return math.sqrt(w0 * w0 + w1 * w1 + x[5] * x[5]) * inverse_sound


@njit(cache=True, error_model="numpy")
def predict_ballistic(x: Floats, p: Floats, dt: float, env: Environment, noise: Noise, work: Floats) -> None:
    """Move a ballistic state (7,) and covariance (7, 7) by dt [s] in place; work is (4, 7, 7) scratch.

    Backwards too (dt < 0): the flow is inverted and the process noise still added. Where the drag bends within the
    spread of the state, by central differences over it, else by the Jacobian.
    """
    steps = max(1, int(math.ceil(abs(dt) / MAX_STEP_S)))
    h = dt / steps
    mach = _mach_of(x, env)
    for _ in range(steps):
        if _bend(x, p, env) > BEND_MPS2:
            _points(x, p, h, env, work)
        else:
            _rk4(x, h, env, work[2, 0])
            _jacobian(work[2, 0], h, env, work[0], work[3])
            sandwich(work[0], p, work[1])
        mach = _disturb(x, p, h, mach, env, noise, work[0])


@njit(cache=True, error_model="numpy")
def predict_second(
    x: Floats, p: Floats, dt: float, z: Floats, sensor: Sensor, env: Environment, noise: Noise, work: Floats
) -> None:
    """Predict a one-plot track through the velocity that its second plot implies: a Jacobian at rest has no drag."""
    line, mid, offset, f = np.empty(7), np.empty(7), np.empty(7), np.empty((7, 7))
    for k in range(7):
        line[k] = x[k]
    e, n, u = locate(z[RANGE], z[AZ], z[EL], sensor)
    line[3], line[4], line[5] = (e - x[0]) / dt, (n - x[1]) / dt, (u - x[2]) / dt
    line[5] += 0.5 * env.gravity_mps2 * dt
    speed = math.sqrt(line[3] * line[3] + line[4] * line[4] + line[5] * line[5])
    shrink = min(1.0, 4.0 * noise.sigma_speed / max(speed, 1.0))  # beyond 4 sigma the plot is hardly this track's
    for k in range(3, 6):
        line[k] *= shrink
    for k in range(7):
        offset[k] = x[k] - line[k]
        x[k] = line[k]
    steps = max(1, int(math.ceil(abs(dt) / MAX_STEP_S)))
    h = dt / steps
    for _ in range(steps):
        _rk4(x, h, env, mid)
        _jacobian(mid, h, env, f, work[3])
        sandwich(f, p, work[1])
        for i in range(3):
            diffuse(p, i, noise.ballistic_q, abs(h))
        for i in range(7):
            line[i] = 0.0
            for k in range(7):
                line[i] += f[i, k] * offset[k]
        for i in range(7):
            offset[i] = line[i]
    for k in range(7):
        x[k] += offset[k]
