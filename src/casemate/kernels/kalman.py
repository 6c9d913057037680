"""Filter kernels: predict and update one state, in either of two motion models.

Model 0, ballistic: x = e n u, ve vn vu [m, m/s, ENU of the site], ln of the drag parameter K [ln m2/kg]; predicted
by `kernels.ballistic`. Model 1, level: x = e n, height over the site's origin along the curved Earth,
ve vn, climb rate; nearly constant velocity, so that an aircraft 300 km away keeps its height. Its seventh
element rests at the prior. A measurement z is that of `kernels.looks`. Its elements are processed one after another,
each a scalar update in Joseph form (Bar-Shalom, Li, Kirubarajan, Estimation with Applications, 2001, section 7.5 and
equation 5.2.3-18), all linearised at one point, which is the same as the joint update.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.ballistic import Noise, diffuse, predict_ballistic, predict_second, sandwich
from casemate.kernels.looks import AZ, EL, HEIGHT, HEIGHT_SPAN, RANGE, Sensor, absorb, locate, project
from casemate.kernels.motion import Environment, height_over_site

__all__ = [
    "BALLISTIC",
    "GARBLED_D2",
    "LEVEL",
    "LN_DRAG_HIGH",
    "LN_DRAG_LOW",
    "P_GARBLED",
    "Noise",
    "copy_state",
    "enu_to_level",
    "forget_drag",
    "least_distance",
    "level_to_enu",
    "predict_ballistic",
    "predict_level",
    "predict_second",
    "update_state",
    "wrap",
]

Floats = NDArray[np.float64]

BALLISTIC, LEVEL = 0, 1


P_GARBLED = 0.02  # share of transponder heights that are wrong by far
GARBLED_D2 = 25.0  # a height beyond 5 sigma is one of them
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
        diffuse(p, i, q, t)
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
def _begin_line(
    x: Floats, var_m2: float, is_level: bool, z: Floats, sensor: Sensor, env: Environment, line: Floats
) -> bool:
    # where a measurement is linearised: at the prior, or at the plot's own place where the prior is wide and the plot
    # has one; True: it is wide and has none
    for i in range(7):
        line[i] = x[i]
    is_wide = math.sqrt(var_m2) > 0.01 * z[RANGE]
    if is_wide and not math.isnan(z[EL]):
        line[0], line[1], line[2] = locate(z[RANGE], z[AZ], z[EL], sensor)
        line[2] = height_over_site(line[0], line[1], line[2], env) if is_level else line[2]
        return False
    return is_wide


@njit(cache=True, error_model="numpy")
def least_distance(
    x: Floats,
    p: Floats,
    extra_m2: float,
    is_level: bool,
    z: Floats,
    var: Floats,
    sensor: Sensor,
    env: Environment,
    work: Floats,
) -> float:
    """Return the squared distance of range, azimuth and elevation together: `update_state` gives no less.

    State (7,) and covariance (7, 7) stay as they are: these elements ask and change the place only, so its block is
    enough, with `extra_m2` of variance more in each axis. A share of 1e-6 less, for rounding.
    """
    line, zhat, rows, far = work[1, 1], work[1, 2], work[3], 0.0
    place, ph, spread = work[1, 0], work[0, 0], work[2]
    _begin_line(x, p[0, 0] + p[1, 1] + 2.0 * extra_m2, is_level, z, sensor, env, line)
    project(line, is_level, sensor, env, zhat, rows)
    for a in range(3):
        place[a] = x[a] - line[a]
        for b in range(3):
            spread[a, b] = p[a, b] + (extra_m2 if a == b else 0.0)
    for k in range(3):
        if math.isnan(z[k]):
            continue
        nu, s, row = z[k] - zhat[k], var[k], rows[k]
        nu = wrap(nu) if k == AZ else nu
        for a in range(3):
            nu -= row[a] * place[a]
            ph[a] = spread[a, 0] * row[0] + spread[a, 1] * row[1] + spread[a, 2] * row[2]
            s += row[a] * ph[a]
        far += nu * nu / s
        for a in range(3):
            place[a] += ph[a] * nu / s
            for b in range(3):
                spread[a, b] -= ph[a] * ph[b] / s
    return far * (1.0 - 1e-6)


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

    Where the prior spreads over more than 1 % of the range, linearised at the plot's own place if it has one, else
    iterated (Gauss-Newton, Bell and Cathey, IEEE TAC 38(2), 1993). Returns ln N of the innovation and its squared
    distance, both at the first linearisation. A height beyond 5 sigma is taken as garbled and left out.
    """
    prior, spread = work[1, 0], work[2]
    line, zhat, rows = work[1, 1], work[1, 2], work[3]
    turns = 4 if _begin_line(x, p[0, 0] + p[1, 1], is_level, z, sensor, env, line) else 1
    if turns > 1:
        copy_state(x, p, prior, spread)
    ln, d2 = 0.0, 0.0
    for turn in range(turns):
        project(line, is_level, sensor, env, zhat, rows)
        if turn:
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
    sandwich(jac, q, work[1])


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
    sandwich(jac, q, work[1])


@njit(cache=True, error_model="numpy")
def forget_drag(x: Floats, p: Floats, noise: Noise) -> None:
    """Set ln K back to its prior, without correlations, in place."""
    for k in range(7):
        p[6, k], p[k, 6] = 0.0, 0.0
    x[6], p[6, 6] = noise.ln_drag, noise.sigma_ln_drag * noise.sigma_ln_drag
