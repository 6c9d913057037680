"""One flight in the site's ENU frame, step by step: what `kernels.flight` does in a lane, with its path kept.

The same acceleration, method and rule for the step, so that one shot and a batch of shots come down on the same spot.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.flight import FLIES, N_SETTLE, NEAR_S, UNDER_M, height_over_ground, surround, time_to
from casemate.kernels.lanes import CALM_SHARE, FIRST_STEP_S, MAX_STEP_S, MIN_STEP_S, SPEED_STEP_MPS, STEP_RULE_S
from casemate.kernels.motion import Environment, acceleration, fall_of, flow_of
from casemate.kernels.terrain import Terrain, first_hit

_OK, _NOT_CONVERGED, _MAX_TIME, _OUT_OF_TABLE, _NOT_FINITE = 0, 1, 2, 3, 4  # model.records.Status

Floats = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def _arrange(stage: int, s: Floats, h: float, a: Floats, p: Floats, v: Floats) -> None:
    # Position p (3,) and velocity v (3,) of a stage, see lanes.arrange.
    for q in range(3):
        x, w = s[q], s[3 + q]
        if stage == 0:
            p[q], v[q] = x, w
        elif stage == 1:
            p[q], v[q] = x + 0.25 * h * w, w + 0.25 * h * a[0, q]
        elif stage == 2:
            p[q] = x + 0.25 * h * (w + 0.125 * h * a[0, q])
            v[q] = w + 0.125 * h * (a[0, q] + a[1, q])
        elif stage == 3:
            p[q] = x + 0.5 * h * (w + 0.25 * h * a[1, q])
            v[q] = w + 0.5 * h * (2.0 * a[2, q] - a[1, q])
        elif stage == 4:
            p[q] = x + 0.75 * h * (w + 0.75 * h * (a[2, q] - 0.5 * a[1, q]))
            v[q] = w + 0.1875 * h * (a[0, q] + 3.0 * a[3, q])
        else:
            p[q] = x + h * (w + h / 14.0 * (7.0 * a[0, q] + 15.0 * a[1, q] - 24.0 * a[2, q] + 9.0 * a[3, q]))
            v[q] = w + h / 7.0 * (12.0 * (a[2, q] - a[3, q]) + 8.0 * a[4, q] + 2.0 * a[1, q] - 3.0 * a[0, q])


@njit(cache=True, error_model="numpy")
def advance(s: Floats, k: float, h: float, env: Environment, a: Floats, p: Floats, v: Floats) -> None:
    """Take the state s (6,) one step of Butcher's order 5 on; `a` (6, 3) gets the stages' accelerations.

    Position p (3,) and velocity v (3,) end as those of the last stage.
    """
    for stage in range(6):  # a loop keeps one copy of the acceleration in the machine code
        _arrange(stage, s, h, a, p, v)
        a[stage, 0], a[stage, 1], a[stage, 2] = acceleration(p[0], p[1], p[2], v[0], v[1], v[2], k, env)
    for q in range(3):
        s[q] += h * (s[3 + q] + h / 90.0 * (7.0 * a[0, q] + 24.0 * a[2, q] + 6.0 * a[3, q] + 8.0 * a[4, q]))
        s[3 + q] += h / 90.0 * (7.0 * (a[0, q] + a[5, q]) + 32.0 * (a[2, q] + a[4, q]) + 12.0 * a[3, q])


@njit(cache=True, error_model="numpy")
def _meet_air(p: Floats, v: Floats, env: Environment) -> tuple[float, float]:
    # Speed through the air [m/s] and Mach number.
    h = fall_of(p[0], p[1], p[2], env)[0]
    x, y, z, _, inverse_sound = flow_of(p[0], p[1], p[2], h, v[0], v[1], v[2], env)
    speed = math.sqrt(x * x + y * y + z * z)
    return speed, speed * inverse_sound


@njit(cache=True, error_model="numpy")
def next_step(s: Floats, a: Floats, h: float, airspeed: float, scale: float) -> float:
    """Return the length of the next step [s], see `lanes.finish`."""
    along, jerk2 = 0.0, 0.0
    for q in range(3):
        along += a[5, q] * s[3 + q]
        jerk2 += (a[5, q] - a[0, q]) ** 2
    root_jerk = math.sqrt(math.sqrt(jerk2) / abs(h))
    by_jerk = (CALM_SHARE + (1.0 - CALM_SHARE) * root_jerk) / STEP_RULE_S * airspeed
    by_speed = abs(along) / SPEED_STEP_MPS
    step = scale * airspeed / ((by_jerk if by_jerk > by_speed else by_speed) + 1e-9)
    step = step if step < MAX_STEP_S else MAX_STEP_S
    return step if step > MIN_STEP_S else MIN_STEP_S


@njit(cache=True, error_model="numpy")
def _keep(path: Floats, n: int, t: float, s: Floats) -> None:
    path[n, 0] = t
    for q in range(6):
        path[n, 1 + q] = s[q]


@njit(cache=True, error_model="numpy")
def _step_to(
    s: Floats, a: Floats, t: float, h: float, max_time_s: float, n_settle: int, bounds: Floats, env: Environment
) -> tuple[float, int]:
    # The next step [s] of at most h and a status where there is none, as lanes.look_ahead and flight._steer; the
    # parabola ends in s. Bounds (3,): heights that the step must not pass, above and below, and the ground's.
    per_radius = 1.0 / env.earth_radius_m
    height = fall_of(s[0], s[1], s[2], env)[0]
    climb = s[5] + (s[0] * s[3] + s[1] * s[4]) * per_radius
    pull = a[5, 2] + (s[3] * s[3] + s[4] * s[4]) * per_radius
    end = height + h * (climb + 0.5 * h * pull)
    if bounds[1] < end < bounds[0] and t < max_time_s:
        return h, FLIES
    if not math.isfinite(height + climb):
        return 0.0, _NOT_FINITE
    if t >= max_time_s:
        return 0.0, _MAX_TIME
    over = height - bounds[2]
    if climb < 0.0 and over < -climb * NEAR_S:
        left = -over / climb
        if left > -NEAR_S:
            left = -over / (climb + 0.5 * pull * left)
            for q in range(3):
                s[q] += left * (s[3 + q] + 0.5 * left * a[5, q])
                s[3 + q] += left * a[5, q]
            return left, _OK
        return left if left > -MAX_STEP_S else -MAX_STEP_S, FLIES if n_settle < N_SETTLE else _NOT_CONVERGED
    bounds[0], bounds[1] = surround(height, climb, bounds[2], env)
    if end >= bounds[0] or end <= bounds[1]:
        to = time_to((bounds[0] if end >= bounds[0] else bounds[1]) - height, climb, pull)
        h = to if MIN_STEP_S < to < h else h
    return h, FLIES


@njit(cache=True, error_model="numpy")
def fly_path(
    state: Floats, env: Environment, terrain: Terrain | None, scale: float, max_time_s: float, path: Floats
) -> tuple[int, int, float, float, float]:
    """Fill rows of `path` (m, 7) with time [s], position and velocity of one flight to the ground, a row each step.

    Returns the number of rows, a status, the height over the ground at the start [m], the greatest height over the site
    [m] and the greatest Mach number. Where the rows do not do, the flight does not end: NOT_CONVERGED.
    """
    s, was, a, p, v = state[:6].copy(), np.empty(6), np.zeros((6, 3)), np.zeros(3), np.zeros(3)
    ground = env.ground_m
    if terrain is not None:  # without it numba leaves all such code out
        ground = terrain.min_m - terrain.site_m
    k, t, h, n_settle, highest, fastest = math.exp(state[6]), 0.0, scale * FIRST_STEP_S, 0, -math.inf, 0.0
    over = height_over_ground(s, ground, terrain, env)
    bounds = np.array([math.inf, ground, ground])
    bounds[0], bounds[1] = surround(fall_of(s[0], s[1], s[2], env)[0], s[5], ground, env)
    _keep(path, 0, t, s)
    if not over >= -UNDER_M:
        return 1, _NOT_FINITE, over, highest, fastest
    for n in range(1, path.shape[0]):
        for q in range(6):
            was[q] = s[q]
        advance(s, k, h, env, a, p, v)
        airspeed, mach = _meet_air(p, v, env)
        fastest, highest = max(fastest, mach), max(highest, fall_of(p[0], p[1], p[2], env)[0])
        if terrain is not None:
            p0, v0, p1, v1 = (was[0], was[1], was[2]), (was[3], was[4], was[5]), (s[0], s[1], s[2]), (s[3], s[4], s[5])
            share = first_hit(p0, v0, p1, v1, h, terrain)
            if share >= 0.0:
                advance(was, k, share * h, env, a, p, v)
                _keep(path, n, t + share * h, was)
                return n + 1, _OK, over, highest, fastest
        t += h
        longest = next_step(s, a, h, airspeed, scale)
        _keep(path, n, t, s)
        h, status = _step_to(s, a, t, longest, max_time_s, n_settle, bounds, env)
        n_settle += 1 if h < 0.0 else 0
        if status == _OK:
            _keep(path, n, t + h, s)
        if status != FLIES:
            return n + 1, status, over, highest, fastest
    return path.shape[0], _NOT_CONVERGED, over, highest, fastest
