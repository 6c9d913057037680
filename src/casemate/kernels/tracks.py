"""Track kernels: gate, score, start, update, watch and report a table of tracks against the plots of a scan.

Every track carries both motion models of `kernels.kalman`, weighted by their odds.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.kalman import (
    BALLISTIC,
    GARBLED_D2,
    LEVEL,
    LN_DRAG_HIGH,
    LN_DRAG_LOW,
    P_GARBLED,
    Noise,
    copy_state,
    enu_to_level,
    forget_drag,
    level_to_enu,
    predict_ballistic,
    predict_level,
    predict_second,
    update_state,
    wrap,
)
from casemate.kernels.looks import AZ, EL, HEIGHT, HEIGHT_SPAN, LN_2PI, RANGE, RATE, Flags, Floats, Sensor, project
from casemate.kernels.motion import Environment, acceleration, height_over_site

Ints = NDArray[np.int64]


class Plots(NamedTuple):
    """Plots of one scan: seconds from its reference time, measurements, variances, rough ENU positions."""

    t_s: Floats  # (m,)
    z: Floats  # (m, 5)
    var: Floats  # (m, 5)
    pos: Floats  # (m, 3), used by the coarse gate only
    slack: Floats  # (m,) how wrong `pos` may be [m]
    t_ns: Ints  # (m,) the exact times, for the caller


class Tracks(NamedTuple):
    """The columns of the track table that the kernels read and write; seconds from the scan's reference time."""

    t_s: Floats  # (n,)
    x: Floats  # (n, 2, 7)
    cov: Floats  # (n, 2, 7, 7)
    ln_odds: Floats  # (n,) of ballistic against level
    has_round: Flags  # (n,) the ballistic model runs: elevation was measured at least once
    has_height: Flags  # (n,) elevation or height was measured at least once
    n_hit: Ints  # (n,)


RATE_SPAN = 1_400.0  # m/s, false range rates spread evenly over +-700


@njit(cache=True, error_model="numpy")
def _likelihood(z: Floats, var: Floats, zhat: Floats, s: Floats, low: Floats) -> tuple[float, float, int]:
    # ln N(z; zhat, S + R), squared distance and elements used, by Cholesky over the elements that are there (row L).
    # `low` is (6, 5) scratch: the factor, then the whitened innovation in its last row.
    ln, d2, used = 0.0, 0.0, 0
    for i in range(5):
        if math.isnan(z[i]):
            for j in range(5):
                low[i, j] = 0.0
            low[5, i] = 0.0
            continue
        nu = z[i] - zhat[i]
        nu = wrap(nu) if i == AZ else nu
        rest = s[i, i] + var[i]
        for j in range(i):
            t = 0.0
            if not math.isnan(z[j]):
                t = s[i, j]
                for k in range(j):
                    t -= low[i, k] * low[j, k]
                t /= low[j, j]
            low[i, j] = t
            rest -= t * t
            nu -= t * low[5, j]
        rest = max(rest, 1e-3 * var[i])
        q = nu * nu / rest
        if i == HEIGHT and q > GARBLED_D2:
            ln += math.log(P_GARBLED / HEIGHT_SPAN)
            continue
        low[i, i] = math.sqrt(rest)
        low[5, i] = nu / low[i, i]
        ln -= 0.5 * (q + math.log(rest) + LN_2PI)
        d2 += q
        used += 1
    return ln, d2, used


@njit(cache=True, error_model="numpy")
def _ln_clutter(z: Floats, sensor: Sensor) -> float:
    # ln of the density of false plots where this plot is, in the units of its own elements
    if math.isnan(z[EL]):
        ln = math.log(sensor.density_2d)
    else:
        ln = math.log(sensor.density_3d * z[RANGE] * z[RANGE] * max(math.cos(z[EL]), 0.01))
    if not math.isnan(z[RATE]):
        ln -= math.log(RATE_SPAN)
    if not math.isnan(z[HEIGHT]):
        ln -= math.log(HEIGHT_SPAN)
    return ln


@njit(cache=True, error_model="numpy")
def _shadow(p: Floats, rows: Floats, s: Floats, ph: Floats) -> None:
    # S = H P H' (5, 5); the seventh column of H is zero; ph is scratch
    for i in range(5):
        for a in range(6):
            t = 0.0
            for b in range(6):
                t += p[a, b] * rows[i, b]
            ph[i, a] = t
    for i in range(5):
        for j in range(i, 5):
            t = 0.0
            for a in range(6):
                t += rows[i, a] * ph[j, a]
            s[i, j] = t
            s[j, i] = t


@njit(cache=True, error_model="numpy")
def _ln_mix(ln_b: float, ln_l: float, ln_odds: float) -> float:
    # ln(w_b exp(ln_b) + w_l exp(ln_l)) with w_b / w_l = exp(ln_odds)
    a, b = ln_b + ln_odds, ln_l
    top = max(a, b)
    return (
        top + math.log(math.exp(a - top) + math.exp(b - top)) - math.log1p(math.exp(-abs(ln_odds))) - max(ln_odds, 0.0)
    )


@njit(cache=True, error_model="numpy")
def score_pairs(
    tracks: Tracks,
    plots: Plots,
    sensor: Sensor,
    env: Environment,
    noise: Noise,
    free_s: Floats,
    gate: float,
    i_track: Ints,
    i_plot: Ints,
    llr: Floats,
) -> int:
    """Gate every track against every plot and write the pairs that pass with their log-likelihood ratio.

    llr = ln(Pd N(z; zhat, S) / rho): Bar-Shalom, Blackman, Fitzgerald, IEEE TAES 43(1), 2007, with both motion models
    mixed by their odds. A plot older than `free_s` of a track [s] is not for it. `gate` is the squared distance for
    three elements, 2 more for each further one. Pairs come by track, then by plot. Returns their number; if that
    exceeds the room in the outputs, only those that fit were written.
    """
    n_pairs = 0
    x, p = np.empty((2, 7)), np.empty((2, 7, 7))
    work, zhat, rows = np.empty((4, 7, 7)), np.empty((2, 5)), np.empty((5, 7))
    s, low = np.empty((2, 5, 5)), np.empty((6, 5))
    for i in range(tracks.t_s.shape[0]):
        first = BALLISTIC if tracks.has_round[i] else LEVEL
        lead = BALLISTIC if tracks.has_round[i] and tracks.ln_odds[i] > 0.0 else LEVEL
        y, c = tracks.x[i, lead], tracks.cov[i, lead]
        a0, a1, a2, u, vu = 0.0, 0.0, 0.0, y[2], y[5]
        if lead == BALLISTIC:
            a0, a1, a2 = acceleration(y[0], y[1], y[2], y[3], y[4], y[5], math.exp(y[6]), env)
        else:
            u -= (y[0] * y[0] + y[1] * y[1]) / (2.0 * env.earth_radius_m)
            vu -= (y[0] * y[3] + y[1] * y[4]) / env.earth_radius_m
        sigma_p, sigma_v = math.sqrt(c[0, 0] + c[1, 1] + c[2, 2]), math.sqrt(c[3, 3] + c[4, 4] + c[5, 5])
        ready = math.nan
        for j in range(plots.t_s.shape[0]):
            if plots.t_s[j] < free_s[i]:
                continue
            dt = float(plots.t_s[j] - tracks.t_s[i])
            d0 = y[0] + dt * (y[3] + 0.5 * dt * a0) - plots.pos[j, 0]
            d1 = y[1] + dt * (y[4] + 0.5 * dt * a1) - plots.pos[j, 1]
            d2 = u + dt * (vu + 0.5 * dt * a2) - plots.pos[j, 2]
            reach = 4.5 * (sigma_p + sigma_v * abs(dt)) + plots.slack[j] + 20.0 * dt * dt
            if d0 * d0 + d1 * d1 + d2 * d2 > reach * reach:
                continue
            if dt != ready:
                ready = dt
                for m in range(first, 2):
                    copy_state(tracks.x[i, m], tracks.cov[i, m], x[m], p[m])
                    if m == BALLISTIC:
                        predict_ballistic(x[m], p[m], dt, env, noise, work)
                    else:
                        predict_level(x[m], p[m], dt, bool(tracks.has_height[i]), noise)
                    project(x[m], m == LEVEL, sensor, env, zhat[m], rows)
                    _shadow(p[m], rows, s[m], work[0])
            ln, far, used = _likelihood(plots.z[j], plots.var[j], zhat[LEVEL], s[LEVEL], low)
            is_near = far <= gate + 2.0 * (used - 3)
            if first == BALLISTIC:
                ln_b, far, used = _likelihood(plots.z[j], plots.var[j], zhat[BALLISTIC], s[BALLISTIC], low)
                is_near = is_near or far <= gate + 2.0 * (used - 3)
                ln = _ln_mix(ln_b, ln, tracks.ln_odds[i])
            if not is_near:
                continue
            if n_pairs < llr.shape[0]:
                i_track[n_pairs], i_plot[n_pairs] = i, j
                llr[n_pairs] = math.log(sensor.p_detection) + ln - _ln_clutter(plots.z[j], sensor)
            n_pairs += 1
    return n_pairs


@njit(cache=True, error_model="numpy")
def _elevation_of(z: Floats, sensor: Sensor, env: Environment, noise: Noise) -> tuple[float, float]:
    # elevation of a plot and the sigma of its height where that had to be assumed (0: it was measured)
    own = height_over_site(sensor.position[0], sensor.position[1], sensor.position[2], env) + env.site_height_m
    rise, sigma = z[HEIGHT] - own, 0.0
    if not math.isnan(z[EL]):
        return z[EL], 0.0
    if math.isnan(rise):
        rise, sigma = min(noise.height, 0.5 * z[RANGE]), min(noise.sigma_height, 0.4 * z[RANGE])
    bend = 1.0 / (env.earth_radius_m + own)
    sine = (rise * (2.0 + rise * bend) / z[RANGE] - z[RANGE] * bend) / 2.0
    return math.asin(min(max(sine, -0.999), 0.999)), sigma


@njit(cache=True, error_model="numpy")
def start_tracks(tracks: Tracks, i_plot: Ints, plots: Plots, sensor: Sensor, env: Environment, noise: Noise) -> None:
    """Write a new track into each row of `tracks` from one plot each: its position, and a velocity of 0 +- prior.

    Where a 2D plot has no height one is assumed (held until something measures it), with a wide covariance.
    """
    work, big = np.empty((4, 7, 7)), 1e10
    for i in range(i_plot.shape[0]):
        z, var = plots.z[i_plot[i]], plots.var[i_plot[i]]
        el, sigma_height = _elevation_of(z, sensor, env, noise)
        across, up = z[RANGE] * math.cos(el), z[RANGE] * math.sin(el)
        s0, s1 = across * math.sin(z[AZ]), across * math.cos(z[AZ])
        x, p = tracks.x[i], tracks.cov[i]
        x[:, :], p[:, :, :] = 0.0, 0.0
        for k in range(3):
            at = sensor.rotation[0, k] * s0 + sensor.rotation[1, k] * s1 + sensor.rotation[2, k] * up
            x[BALLISTIC, k] = sensor.position[k] + at
            x[LEVEL, k] = x[BALLISTIC, k]
        x[LEVEL, 2] = height_over_site(x[LEVEL, 0], x[LEVEL, 1], x[LEVEL, 2], env)
        for m in range(2):
            for k in range(3):
                p[m, k, k], p[m, 3 + k, 3 + k] = big, noise.sigma_speed * noise.sigma_speed
            forget_drag(x[m], p[m], noise)
        is_known = sigma_height == 0.0
        p[LEVEL, 5, 5] = noise.sigma_climb * noise.sigma_climb if is_known else 0.0
        if not is_known:
            p[LEVEL, 2, 2] = sigma_height * sigma_height
        tracks.t_s[i], tracks.n_hit[i] = plots.t_s[i_plot[i]], 1
        tracks.has_height[i], tracks.has_round[i] = is_known, not math.isnan(z[EL])
        tracks.ln_odds[i] = math.log(noise.p_ballistic / (1.0 - noise.p_ballistic))
        update_state(x[LEVEL], p[LEVEL], True, not is_known, z, var, sensor, env, work)
        if tracks.has_round[i]:
            update_state(x[BALLISTIC], p[BALLISTIC], False, False, z, var, sensor, env, work)


@njit(cache=True, error_model="numpy")
def update_tracks(
    tracks: Tracks,
    i_track: Ints,
    i_plot: Ints,
    plots: Plots,
    sensor: Sensor,
    env: Environment,
    noise: Noise,
    nis: Floats,
) -> None:
    """Update row i_track[k] by plot i_plot[k], both models, their odds and the bookkeeping of the row, in place.

    nis[k] gets the squared innovation distance of the likelier model. A model that lost by the limit of the odds and
    no longer follows the plots (beyond 5 sigma) starts again from the other one.
    """
    work, spare_x, spare_p = np.empty((4, 7, 7)), np.empty(7), np.empty((7, 7))
    for k in range(i_track.shape[0]):
        i, j = i_track[k], i_plot[k]
        z, var = plots.z[j], plots.var[j]
        dt = float(plots.t_s[j] - tracks.t_s[i])
        x, p = tracks.x[i], tracks.cov[i]
        had_height = tracks.has_height[i]
        tracks.has_height[i] = had_height or not math.isnan(z[EL]) or not math.isnan(z[HEIGHT])
        if tracks.has_height[i] and not had_height:
            p[LEVEL, 5, 5] = noise.sigma_climb * noise.sigma_climb
        predict_level(x[LEVEL], p[LEVEL], dt, bool(tracks.has_height[i]), noise)
        ln_l, far_l = update_state(x[LEVEL], p[LEVEL], True, not tracks.has_height[i], z, var, sensor, env, work)
        nis[k] = far_l
        if tracks.has_round[i]:
            if tracks.n_hit[i] == 1 and dt > 0.0 and not math.isnan(z[EL]):
                predict_second(x[BALLISTIC], p[BALLISTIC], dt, z, sensor, env, noise, work)
            else:
                predict_ballistic(x[BALLISTIC], p[BALLISTIC], dt, env, noise, work)
            ln_b, far_b = update_state(x[BALLISTIC], p[BALLISTIC], False, False, z, var, sensor, env, work)
            odds = tracks.ln_odds[i] + ln_b - ln_l
            tracks.ln_odds[i] = min(max(odds, -noise.odds_limit), noise.odds_limit)
            x[BALLISTIC, 6] = min(max(x[BALLISTIC, 6], LN_DRAG_LOW), LN_DRAG_HIGH)
            if odds > 0.0:
                nis[k] = far_b
            if odds >= noise.odds_limit and far_l > GARBLED_D2:
                enu_to_level(x[BALLISTIC], p[BALLISTIC], env, spare_x, spare_p, work)
                forget_drag(spare_x, spare_p, noise)
                copy_state(spare_x, spare_p, x[LEVEL], p[LEVEL])
            elif odds <= -noise.odds_limit and far_b > GARBLED_D2:
                level_to_enu(x[LEVEL], p[LEVEL], env, spare_x, spare_p, work)
                copy_state(spare_x, spare_p, x[BALLISTIC], p[BALLISTIC])
        elif not math.isnan(z[EL]):
            level_to_enu(x[LEVEL], p[LEVEL], env, spare_x, spare_p, work)
            copy_state(spare_x, spare_p, x[BALLISTIC], p[BALLISTIC])
            tracks.has_round[i] = True
        tracks.t_s[i] = plots.t_s[j]
        tracks.n_hit[i] += 1


@njit(cache=True, error_model="numpy")
def report_tracks(
    tracks: Tracks, i_track: Ints, t_s: Floats, env: Environment, noise: Noise, state: Floats, cov: Floats
) -> None:
    """Write ENU state (k, 7) and covariance (k, 7, 7) of rows i_track at times t_s, from the likelier model.

    The table is not changed. An unknown height is written as assumed: the caller marks it.
    """
    work, x, p = np.empty((4, 7, 7)), np.empty(7), np.empty((7, 7))
    for k in range(i_track.shape[0]):
        i = i_track[k]
        dt = float(t_s[k] - tracks.t_s[i])
        if tracks.has_round[i] and tracks.ln_odds[i] > 0.0:
            copy_state(tracks.x[i, BALLISTIC], tracks.cov[i, BALLISTIC], state[k], cov[k])
            if dt != 0.0:
                predict_ballistic(state[k], cov[k], dt, env, noise, work)
        else:
            copy_state(tracks.x[i, LEVEL], tracks.cov[i, LEVEL], x, p)
            if dt != 0.0:
                predict_level(x, p, dt, bool(tracks.has_height[i]), noise)
            level_to_enu(x, p, env, state[k], cov[k], work)
