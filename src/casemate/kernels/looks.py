"""Measurement kernels: what a sensor sees of one state, what one element of it tells; plots and sweeps measured.

A measurement is z = range [m], azimuth, elevation [rad], range rate [m/s], height above mean sea level [m]; what is
missing is NaN. States are those of `kernels.kalman`, in either of its two motion models.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.motion import Environment, height_over_site

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

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
    extra_var: Floats = np.zeros(5)  # (5,) variance of every plot beside its sigma, by element of z
    bias_var: Floats = np.zeros(3)  # (3,) variance of a constant offset: range [m2], azimuth, elevation [rad2]
    near_m: float = 0.0  # false plots are even over the volume beyond this range, over range and angles within


LN_2PI = math.log(2.0 * math.pi)
HEIGHT_SPAN = 15_000.0  # m, false and garbled heights spread evenly over it
HEIGHT_DATUM_M = 300.0  # m, 1 sigma, pressure height against true: 8.2 m/hPa (U.S. Standard 1976) for 30 hPa of weather
CONE_RAD = 0.087  # 5 deg, 1 sigma of azimuth where range and height contradict each other [A]


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
def locate(reach_m: float, az: float, el: float, sensor: Sensor) -> tuple[float, float, float]:
    """Return the ENU place (east, north, up) of a range, azimuth and elevation."""
    flat, s2, m = reach_m * math.cos(el), reach_m * math.sin(el), sensor.rotation
    s0, s1 = flat * math.sin(az), flat * math.cos(az)
    return (
        sensor.position[0] + m[0, 0] * s0 + m[1, 0] * s1 + m[2, 0] * s2,
        sensor.position[1] + m[0, 1] * s0 + m[1, 1] * s1 + m[2, 1] * s2,
        sensor.position[2] + m[0, 2] * s0 + m[1, 2] * s1 + m[2, 2] * s2,
    )


@njit(cache=True, error_model="numpy")
def absorb(
    x: Floats, p: Floats, row: Floats, nu: float, var: float, is_height_held: bool, work: Floats
) -> tuple[float, float]:
    """Update a state (7,) and covariance (7, 7) in place by one element of z: its row, innovation and variance.

    P <- (I - K h) P (I - K h)' + K var K', multiplied out: P - K (P h)' - (P h) K' + S K K'; a held height keeps its
    mean and variance. Returns the squared distance and ln(2 pi S). Work is scratch, its first two rows of 7.
    """
    ph, gain = work[0, 0], work[0, 1]
    s, n = var, 6 if row[3] != 0.0 or row[4] != 0.0 or row[5] != 0.0 else 3  # only a range rate asks velocities
    for a in range(7):
        t = 0.0
        for b in range(n):
            t += p[a, b] * row[b]
        ph[a] = t
    for a in range(n):
        s += row[a] * ph[a]
    inverse = 1.0 / s
    for a in range(7):
        gain[a] = ph[a] * inverse
    if is_height_held:
        gain[2], gain[5] = 0.0, 0.0
    for a in range(7):
        x[a] += gain[a] * nu
        held = s * gain[a] - ph[a]
        for b in range(a, 7):
            t = p[a, b] - gain[a] * ph[b] + held * gain[b]
            p[a, b], p[b, a] = t, t
    return nu * nu / s, math.log(s) + LN_2PI


@njit(cache=True, error_model="numpy")
def gather_plots(
    values: Floats, sensor: Sensor, env: Environment, z: Floats, var: Floats, pos: Floats, slack: Floats
) -> None:
    """Write measurements, variances and rough positions of plots from the float fields of PLOT rows (m, 10).

    A missing sigma is the sensor's own; what it adds to every plot (rounding) comes on top. A 2D radar's azimuth error
    grows as 1 / cos(elevation), known from the reported height: its beam turns about the vertical (Skolnik, Radar
    Handbook, 3rd ed. 2008, section 7.9). A pressure height is off the antenna's datum, which near the cone of silence
    bends the range; one that would lie above the coverage contradicts the range and is not used.
    """
    own = height_over_site(sensor.position[0], sensor.position[1], sensor.position[2], env) + env.site_height_m
    for i in range(values.shape[0]):
        row = values[i]
        z[i, RANGE], z[i, AZ], z[i, EL], z[i, HEIGHT], z[i, RATE] = row[0], row[1], row[2], row[3], row[4]
        for k in range(5):
            sigma = sensor.sigmas[k] if k == HEIGHT or math.isnan(row[5 + k]) else row[5 + k]
            var[i, k] = sigma * sigma + sensor.extra_var[k]
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
        pos[i, 0], pos[i, 1], pos[i, 2] = locate(row[0], row[1], 0.0 if is_flat else row[2], sensor)
        spread = var[i, AZ] + (0.0 if is_flat else var[i, EL])
        slack[i] = 4.5 * math.sqrt(var[i, RANGE] + row[0] * row[0] * spread) + (2.0 * HEIGHT_SPAN if is_flat else 0.0)


@njit(cache=True, error_model="numpy")
def _widen(x: Floats, p: Floats, sensor: Sensor, side: Floats) -> None:
    # P <- P + D B D' for one state; a column of D at a time, in `side` (6,)
    m = sensor.rotation
    d0, d1 = x[0] - sensor.position[0], x[1] - sensor.position[1]
    d2 = 0.0 if math.isnan(x[2]) else x[2] - sensor.position[2]
    s0 = m[0, 0] * d0 + m[0, 1] * d1 + m[0, 2] * d2
    s1 = m[1, 0] * d0 + m[1, 1] * d1 + m[1, 2] * d2
    s2 = m[2, 0] * d0 + m[2, 1] * d1 + m[2, 2] * d2
    w0 = m[0, 0] * x[3] + m[0, 1] * x[4] + m[0, 2] * x[5]
    w1 = m[1, 0] * x[3] + m[1, 1] * x[4] + m[1, 2] * x[5]
    w2 = m[2, 0] * x[3] + m[2, 1] * x[4] + m[2, 2] * x[5]
    flat = max(math.sqrt(s0 * s0 + s1 * s1), 1.0)
    reach = max(math.sqrt(s0 * s0 + s1 * s1 + s2 * s2), 1.0)
    flat_rate, rate = (s0 * w0 + s1 * w1) / flat, (s0 * w0 + s1 * w1 + s2 * w2) / reach
    h0, h1 = s0 / flat, s1 / flat  # toward the point, level, and how that turns
    g0, g1 = (w0 - h0 * flat_rate) / flat, (w1 - h1 * flat_rate) / flat
    for k in range(3):
        if sensor.bias_var[k] == 0.0:
            continue
        if k == RANGE:
            a0, a1, a2 = s0 / reach, s1 / reach, s2 / reach
            b0, b1, b2 = (w0 - a0 * rate) / reach, (w1 - a1 * rate) / reach, (w2 - a2 * rate) / reach
        elif k == AZ:
            a0, a1, a2 = s1, -s0, 0.0
            b0, b1, b2 = w1, -w0, 0.0
        else:
            a0, a1, a2 = -s2 * h0, -s2 * h1, flat
            b0, b1, b2 = -w2 * h0 - s2 * g0, -w2 * h1 - s2 * g1, flat_rate
        for i in range(3):
            side[i] = m[0, i] * a0 + m[1, i] * a1 + m[2, i] * a2
            side[3 + i] = m[0, i] * b0 + m[1, i] * b1 + m[2, i] * b2
        for i in range(6):
            for j in range(6):
                p[i, j] += sensor.bias_var[k] * side[i] * side[j]


@njit(cache=True, error_model="numpy")
def widen_by_bias(state: Floats, cov: Floats, i_sensor: Ints, s: int, sensor: Sensor) -> None:
    """Add to covariances (n, 7, 7) of ENU states (n, 7) what a constant offset of sensor `s` does to its rows.

    P <- P + D B D', B the variances of the offsets b of range, azimuth and elevation, D = d(position, velocity) / db:
    position is q(z + b) with q the way from a measurement to ENU, velocity its derivative by time. A filter that is fed
    with offset plots follows q(z(t) + b), so once is enough, however many plots there were: for what is reported, not
    for what is filtered on. A missing height (NaN) is taken as the sensor's own.
    """
    side = np.empty(6)
    for i in range(state.shape[0]):
        if i_sensor[i] == s:
            _widen(state[i], cov[i], sensor, side)


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
