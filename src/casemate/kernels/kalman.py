"""Filter kernels: predict and update one state, in either of two motion models.

Model 0, ballistic: x = e n u, ve vn vu [m, m/s, ENU of the site], ln of the drag parameter K [ln m2/kg]; its
dynamics are those of `kernels.motion`. Model 1, level: x = e n, height over the site's origin along the curved Earth,
ve vn, climb rate; nearly constant velocity, so that an aircraft 300 km away keeps its height. Its seventh
element rests at the prior. A measurement z is that of `kernels.looks`. Its elements are processed one after another,
each a scalar update in Joseph form (Bar-Shalom, Li, Kirubarajan, Estimation with Applications, 2001, section 7.5 and
equation 5.2.3-18), all linearised at one point, which is the same as the joint update.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.looks import AZ, EL, HEIGHT, HEIGHT_SPAN, RANGE, Sensor, absorb, project
from casemate.kernels.motion import Environment, acceleration, air_at, drag_shape, height_over_site

Floats = NDArray[np.float64]

BALLISTIC, LEVEL = 0, 1


class Noise(NamedTuple):
    """Process noise and priors of both models."""

    ballistic_q: float  # white acceleration [m2/s3]
    ln_drag_q: float  # random walk of ln K [1/s]
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


P_GARBLED = 0.02  # share of transponder heights that are wrong by far
GARBLED_D2 = 25.0  # a height beyond 5 sigma is one of them
MAX_STEP_S = 1.0  # of the Runge-Kutta integration: 1 cm at 700 m/s
LN_DRAG_LOW, LN_DRAG_HIGH = math.log(1e-5), math.log(1e-2)


@njit(cache=True, error_model="numpy")
def copy_state(x: Floats, p: Floats, y: Floats, q: Floats) -> None:
    """Copy a state (7,) and covariance (7, 7) into another."""
    # written out: numba's own array assignment drags in its string formatting, 17 s of compilation
    for i in range(7):
        y[i] = x[i]
        for j in range(7):
            q[i, j] = p[i, j]


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
def _sandwich(f: Floats, p: Floats, w: Floats) -> None:
    # P <- F P F', symmetric by construction
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
def _diffuse(p: Floats, i: int, q: float, t: float) -> None:
    # white acceleration of density q over t seconds, on position i and velocity i + 3
    p[i, i] += q * t * t * t / 3.0
    p[i, i + 3] += 0.5 * q * t * t
    p[i + 3, i] = p[i, i + 3]
    p[i + 3, i + 3] += q * t


@njit(cache=True, error_model="numpy")
def predict_ballistic(x: Floats, p: Floats, dt: float, env: Environment, noise: Noise, work: Floats) -> None:
    """Move a ballistic state (7,) and covariance (7, 7) by dt [s] in place; work is (4, 7, 7) scratch.

    Backwards too (dt < 0): the flow is inverted and the process noise still added.
    """
    steps = max(1, int(math.ceil(abs(dt) / MAX_STEP_S)))
    h = dt / steps
    for _ in range(steps):
        _rk4(x, h, env, work[2, 0])
        _jacobian(work[2, 0], h, env, work[0], work[3])
        _sandwich(work[0], p, work[1])
        for i in range(3):
            _diffuse(p, i, noise.ballistic_q, abs(h))
            if h < 0.0:  # seen from the past, the noise turns position the other way
                p[i, i + 3] -= noise.ballistic_q * h * h
                p[i + 3, i] = p[i, i + 3]
        p[6, 6] += noise.ln_drag_q * abs(h)


@njit(cache=True, error_model="numpy")
def predict_second(
    x: Floats, p: Floats, dt: float, z: Floats, sensor: Sensor, env: Environment, noise: Noise, work: Floats
) -> None:
    """Predict a one-plot track through the velocity that its second plot implies: a Jacobian at rest has no drag."""
    el = z[EL]
    across, up = z[RANGE] * math.cos(el), z[RANGE] * math.sin(el)
    s0, s1 = across * math.sin(z[AZ]), across * math.cos(z[AZ])
    line, mid, offset, f = np.empty(7), np.empty(7), np.empty(7), np.empty((7, 7))
    for k in range(7):
        line[k] = x[k]
    for k in range(3):
        at = sensor.rotation[0, k] * s0 + sensor.rotation[1, k] * s1 + sensor.rotation[2, k] * up
        line[3 + k] = (sensor.position[k] + at - x[k]) / dt
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
        _sandwich(f, p, work[1])
        for i in range(3):
            _diffuse(p, i, noise.ballistic_q, abs(h))
        p[6, 6] += noise.ln_drag_q * abs(h)
        for i in range(7):
            line[i] = 0.0
            for k in range(7):
                line[i] += f[i, k] * offset[k]
        for i in range(7):
            offset[i] = line[i]
    for k in range(7):
        x[k] += offset[k]


@njit(cache=True, error_model="numpy")
def predict_level(x: Floats, p: Floats, dt: float, has_height: bool, noise: Noise) -> None:
    """Move a level state (7,) and covariance (7, 7) by dt [s] in place; an unknown height stays as it was assumed."""
    for i in range(3):
        x[i] += dt * x[i + 3]
        for j in range(7):
            p[i, j] += dt * p[i + 3, j]
    for i in range(3):
        for j in range(7):
            p[j, i] += dt * p[j, i + 3]
    t = abs(dt)
    for i in range(3):
        q = noise.level_q if i < 2 else (noise.climb_q if has_height else 0.0)
        _diffuse(p, i, q, t)
        if dt < 0.0:
            p[i, i + 3] -= q * t * t
            p[i + 3, i] = p[i, i + 3]
        if i < 2:
            a = noise.level_turn * t
            p[i, i] += 0.25 * a * a * t * t
            p[i, i + 3] += 0.5 * a * a * dt
            p[i + 3, i] = p[i, i + 3]
            p[i + 3, i + 3] += a * a


@njit(cache=True, error_model="numpy")
def wrap(angle: float) -> float:
    """Wrap an angle [rad] to -pi ... pi."""
    return angle - 2.0 * math.pi * math.floor(angle / (2.0 * math.pi) + 0.5)


@njit(cache=True, error_model="numpy")
def update_state(
    x: Floats,
    p: Floats,
    is_level: bool,
    is_height_held: bool,
    z: Floats,
    var: Floats,
    sensor: Sensor,
    env: Environment,
    work: Floats,
) -> tuple[float, float]:
    """Update one state (7,) and covariance (7, 7) in place by a measurement z (5,); work is (4, 7, 7) scratch.

    Iterated (Gauss-Newton, Bell and Cathey, IEEE TAC 38(2), 1993) where the prior spreads over more than 1 % of the
    range. Returns ln N of the innovation and its squared distance, both at the first linearisation. A height beyond
    5 sigma is taken as garbled and left out.
    """
    prior, spread = work[1, 0], work[2]
    line, zhat, rows = work[1, 1], work[1, 2], work[3]
    copy_state(x, p, prior, spread)
    for i in range(7):
        line[i] = x[i]
    wide = math.sqrt(p[0, 0] + p[1, 1]) > 0.01 * z[RANGE]
    ln, d2 = 0.0, 0.0
    for turn in range(4 if wide else 1):
        project(line, is_level, sensor, env, zhat, rows)
        copy_state(prior, spread, x, p)
        for k in range(5):
            if math.isnan(z[k]):
                continue
            nu = z[k] - zhat[k]
            nu = wrap(nu) if k == AZ else nu
            room = var[k]
            for b in range(7):
                nu -= rows[k, b] * (x[b] - line[b])
                for c in range(7):
                    room += rows[k, b] * p[b, c] * rows[k, c] if k == HEIGHT else 0.0
            if k == HEIGHT and nu * nu > GARBLED_D2 * room:
                ln += math.log(P_GARBLED / HEIGHT_SPAN) if turn == 0 else 0.0
                continue
            q, ln_s = absorb(x, p, rows[k], nu, var[k], is_height_held, work)
            if turn == 0:
                d2 += q
                ln -= 0.5 * (q + ln_s)
        shift = abs(x[0] - line[0]) + abs(x[1] - line[1]) + abs(x[2] - line[2])
        for i in range(7):
            line[i] = x[i]
        if shift < 1e-6 * z[RANGE]:
            break
    return ln, d2


@njit(cache=True, error_model="numpy")
def level_to_enu(x: Floats, p: Floats, env: Environment, y: Floats, q: Floats, work: Floats) -> None:
    """Write the ENU state and covariance of a level one: u = h - (e^2 + n^2) / 2R; work is (4, 7, 7) scratch."""
    r, jac = env.earth_radius_m, work[0]
    copy_state(x, p, y, q)
    y[2] = x[2] - (x[0] * x[0] + x[1] * x[1]) / (2.0 * r)
    y[5] = x[5] - (x[0] * x[3] + x[1] * x[4]) / r
    jac[:, :] = 0.0
    for i in range(7):
        jac[i, i] = 1.0
    jac[2, 0], jac[2, 1] = -x[0] / r, -x[1] / r
    jac[5, 0], jac[5, 1], jac[5, 3], jac[5, 4] = -x[3] / r, -x[4] / r, -x[0] / r, -x[1] / r
    _sandwich(jac, q, work[1])


@njit(cache=True, error_model="numpy")
def enu_to_level(x: Floats, p: Floats, env: Environment, y: Floats, q: Floats, work: Floats) -> None:
    """Write the level state and covariance of an ENU one, the inverse of `level_to_enu`."""
    r, jac = env.earth_radius_m, work[0]
    copy_state(x, p, y, q)
    y[2] = x[2] + (x[0] * x[0] + x[1] * x[1]) / (2.0 * r)
    y[5] = x[5] + (x[0] * x[3] + x[1] * x[4]) / r
    jac[:, :] = 0.0
    for i in range(7):
        jac[i, i] = 1.0
    jac[2, 0], jac[2, 1] = x[0] / r, x[1] / r
    jac[5, 0], jac[5, 1], jac[5, 3], jac[5, 4] = x[3] / r, x[4] / r, x[0] / r, x[1] / r
    _sandwich(jac, q, work[1])


@njit(cache=True, error_model="numpy")
def forget_drag(x: Floats, p: Floats, noise: Noise) -> None:
    """Set ln K back to its prior, without correlations, in place."""
    for k in range(7):
        p[6, k], p[k, 6] = 0.0, 0.0
    x[6], p[6, 6] = noise.ln_drag, noise.sigma_ln_drag * noise.sigma_ln_drag
