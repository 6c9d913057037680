"""Filter kernels: predict, project and update one state, in either of two motion models; plots and sweeps measured.

Model 0, ballistic: x = e n u, ve vn vu [m, m/s, ENU of the site], ln of the drag parameter K [ln m2/kg]; its
dynamics are those of `kernels.motion`. Model 1, level: x = e n, height over the site's origin along the curved Earth,
ve vn, climb rate; nearly constant velocity, so that an aircraft 300 km away keeps its height. Its seventh
element rests at the prior. A measurement is z = range [m], azimuth, elevation [rad], range rate [m/s], height above
mean sea level [m]; what is missing is NaN. Elements of z are processed one after another, each a scalar update in
Joseph form (Bar-Shalom, Li, Kirubarajan, Estimation with Applications, 2001, section 7.5 and equation 5.2.3-18), all
linearised at one point, which is the same as the joint update.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.motion import Environment, acceleration, air_at, drag_shape, height_over_site

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

BALLISTIC, LEVEL = 0, 1
RANGE, AZ, EL, RATE, HEIGHT = 0, 1, 2, 3, 4


class Sensor(NamedTuple):
    """The sensor of one scan, as the kernels see it."""

    position: Floats  # (3,) ENU of the site
    rotation: Floats  # (3, 3) site ENU -> sensor ENU
    p_detection: float
    density_3d: float  # false plots per m3
    density_2d: float  # false plots per m rad
    sigmas: Floats  # (5,) declared, by element of z; NaN: not measured
    edges: Floats  # (6,) coverage: range from, to [m], azimuth from, width, elevation from, to [rad]
    has_elevation: bool


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


LN_2PI = math.log(2.0 * math.pi)
HEIGHT_SPAN = 15_000.0  # m, false and garbled heights spread evenly over it
HEIGHT_DATUM_M = 300.0  # m, 1 sigma, pressure height against true: 8.2 m/hPa (U.S. Standard 1976) for 30 hPa of weather
CONE_RAD = 0.087  # 5 deg, 1 sigma of azimuth where range and height contradict each other [A]
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
def project(x: Floats, is_level: bool, sensor: Sensor, env: Environment, z: Floats, rows: Floats) -> None:
    """Write the measurement z (5,) that a state predicts and its Jacobian rows (5, 7).

    Range, azimuth (clockwise from the sensor's north), elevation, range rate, height above mean sea level.
    """
    e, n = x[0], x[1]
    bend_e, bend_n = e / env.earth_radius_m, n / env.earth_radius_m
    bow = (e * e + n * n) / (2.0 * env.earth_radius_m)
    u, vu = x[2], x[5]
    if is_level:
        u, vu = x[2] - bow, x[5] - bend_e * x[3] - bend_n * x[4]
    d0, d1, d2 = e - sensor.position[0], n - sensor.position[1], u - sensor.position[2]
    m = sensor.rotation
    s0 = m[0, 0] * d0 + m[0, 1] * d1 + m[0, 2] * d2
    s1 = m[1, 0] * d0 + m[1, 1] * d1 + m[1, 2] * d2
    s2 = m[2, 0] * d0 + m[2, 1] * d1 + m[2, 2] * d2
    flat = max(math.sqrt(s0 * s0 + s1 * s1), 1.0)
    reach = max(math.sqrt(s0 * s0 + s1 * s1 + s2 * s2), 1.0)
    z[RANGE] = reach
    z[AZ] = math.atan2(s0, s1)
    z[EL] = math.atan2(s2, flat)
    z[RATE] = (d0 * x[3] + d1 * x[4] + d2 * vu) / reach
    z[HEIGHT] = u + bow + env.site_height_m
    rows[:, :] = 0.0
    for k in range(3):
        d_k = d0 if k == 0 else (d1 if k == 1 else d2)
        v_k = x[3] if k == 0 else (x[4] if k == 1 else vu)
        rows[RANGE, k] = d_k / reach
        rows[AZ, k] = (s1 * m[0, k] - s0 * m[1, k]) / (flat * flat)
        rows[EL, k] = (flat * m[2, k] - s2 * (s0 * m[0, k] + s1 * m[1, k]) / flat) / (reach * reach)
        rows[RATE, k] = (v_k - z[RATE] * d_k / reach) / reach
        rows[RATE, 3 + k] = d_k / reach
    rows[HEIGHT, 0], rows[HEIGHT, 1], rows[HEIGHT, 2] = bend_e, bend_n, 1.0
    if is_level:  # chain through u = h - bow, vu = climb - (e ve + n vn) / R
        for i in range(5):
            by_u, by_vu = rows[i, 2], rows[i, 5]
            rows[i, 0] -= by_u * bend_e + by_vu * x[3] / env.earth_radius_m
            rows[i, 1] -= by_u * bend_n + by_vu * x[4] / env.earth_radius_m
            rows[i, 3] -= by_vu * bend_e
            rows[i, 4] -= by_vu * bend_n


@njit(cache=True, error_model="numpy")
def _absorb(
    x: Floats, p: Floats, row: Floats, nu: float, var: float, is_height_held: bool, work: Floats
) -> tuple[float, float]:
    # one scalar measurement: P <- (I - K h) P (I - K h)' + K var K'; a held height keeps its mean and variance
    ph, gain = work[0, 0], work[0, 1]
    s = var
    for a in range(7):
        t = 0.0
        for b in range(7):
            t += p[a, b] * row[b]
        ph[a] = t
    for a in range(7):
        s += row[a] * ph[a]
    for a in range(7):
        gain[a] = ph[a] / s
    if is_height_held:
        gain[2], gain[5] = 0.0, 0.0
    for a in range(7):
        x[a] += gain[a] * nu
        for b in range(7):
            p[a, b] -= gain[a] * ph[b]
    for a in range(7):
        t = 0.0
        for b in range(7):
            t += p[a, b] * row[b]
        ph[a] = t
    for a in range(7):
        for b in range(7):
            p[a, b] += (gain[a] * var - ph[a]) * gain[b]
    for a in range(7):
        for b in range(a):
            t = 0.5 * (p[a, b] + p[b, a])
            p[a, b], p[b, a] = t, t
    return nu * nu / s, math.log(s) + LN_2PI


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
            q, ln_s = _absorb(x, p, rows[k], nu, var[k], is_height_held, work)
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


@njit(cache=True, error_model="numpy")
def gather_plots(
    values: Floats, sensor: Sensor, env: Environment, z: Floats, var: Floats, pos: Floats, slack: Floats
) -> None:
    """Write measurements, variances and rough positions of plots from the float fields of PLOT rows (m, 10).

    A missing sigma is the sensor's own. A 2D radar's azimuth error grows as 1 / cos(elevation), known from the reported
    height: its beam turns about the vertical (Skolnik, Radar Handbook, 3rd ed. 2008, section 7.9). A pressure height
    is off the antenna's datum, which near the cone of silence bends the range; one that would lie above the coverage
    contradicts the range and is not used.
    """
    own = height_over_site(sensor.position[0], sensor.position[1], sensor.position[2], env) + env.site_height_m
    for i in range(values.shape[0]):
        row = values[i]
        z[i, RANGE], z[i, AZ], z[i, EL], z[i, HEIGHT], z[i, RATE] = row[0], row[1], row[2], row[3], row[4]
        for k in range(5):
            sigma = sensor.sigmas[k] if k == HEIGHT or math.isnan(row[5 + k]) else row[5 + k]
            var[i, k] = sigma * sigma
            if math.isnan(sigma):
                z[i, k] = math.nan  # an element without any sigma says nothing
        is_flat = math.isnan(z[i, EL])
        if not sensor.has_elevation and not math.isnan(z[i, HEIGHT]):
            sine = min((z[i, HEIGHT] - own) / row[0], 1.0)
            var[i, AZ] /= max(1.0 - sine * sine, 0.03)
            var[i, RANGE] += (HEIGHT_DATUM_M * sine) ** 2
            if sine > math.sin(
                sensor.edges[5]
            ):  # a height over the coverage: it, or the antenna's, is not to be believed
                z[i, HEIGHT] = math.nan
                var[i, RANGE] += (0.5 * row[0]) ** 2
                var[i, AZ] += CONE_RAD**2
        el = 0.0 if is_flat else row[2]
        across, up = row[0] * math.cos(el), row[0] * math.sin(el)
        s0, s1 = across * math.sin(row[1]), across * math.cos(row[1])
        for k in range(3):
            at = sensor.rotation[0, k] * s0 + sensor.rotation[1, k] * s1 + sensor.rotation[2, k] * up
            pos[i, k] = sensor.position[k] + at
        spread = var[i, AZ] + (0.0 if is_flat else var[i, EL])
        slack[i] = 4.5 * math.sqrt(var[i, RANGE] + row[0] * row[0] * spread) + (2.0 * HEIGHT_SPAN if is_flat else 0.0)


@njit(cache=True, error_model="numpy")
def watch_tracks(
    state: Floats,
    has_height: Flags,
    sensor: Sensor,
    env: Environment,
    az_from: float,
    az_width: float,
    margin: float,
    codes: NDArray[np.uint8],
) -> None:
    """Write for each ENU state (n, 7) what a sweep over an arc could see of it: the sum of 1, 2 and 4.

    1: the beam has passed it for good (asked `margin` sigmas behind it, so that a plot of this sector or of the one
    before would have come). 2: out of the coverage, beyond `margin` sigmas. 4: above the coverage or too near, for now;
    a 2D radar tells that only where the height is known.
    """
    z, rows = np.empty(5), np.empty((5, 7))
    turn = 2.0 * math.pi
    for i in range(state.shape[0]):
        project(state[i], False, sensor, env, z, rows)
        d_az = margin * sensor.sigmas[AZ]
        code = 1 if az_width >= turn or (z[AZ] + d_az - az_from) % turn <= az_width else 0
        is_out = z[RANGE] > sensor.edges[1] + margin * sensor.sigmas[RANGE]
        width = sensor.edges[3] + 2.0 * d_az
        is_out = is_out or (width < turn and (z[AZ] - sensor.edges[2] + d_az) % turn > width)
        if sensor.has_elevation:
            is_out = is_out or z[EL] < sensor.edges[4] - margin * sensor.sigmas[EL]
        is_blind = z[RANGE] < sensor.edges[0] or (z[EL] > sensor.edges[5] and (sensor.has_elevation or has_height[i]))
        codes[i] = code + (2 if is_out else 0) + (4 if is_blind else 0)
