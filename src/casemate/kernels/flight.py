"""Flight in the site's ENU frame, as the filter believes it: many rounds at once, down to the ground.

Rounds board the lanes of `kernels.lanes`; each has a step of its own, so that a flight comes out the same to the bit
whoever flies beside it. Where the next step would pass a corner of the air (a layer's, a level of the wind) or the
ground, it ends there: a step with a corner inside would lose its order. A flight that is asked for derivatives carries
those of `kernels.spread` along.
"""

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.lanes import (
    ABOVE,
    BELOW,
    CELL,
    FIRST_STEP_S,
    FLAG,
    HEIGHT,
    MAX_STEP_S,
    MIN_STEP_S,
    N_ROWS,
    STEP,
    TIME,
    VE,
    VN,
    VU,
    A,
    E,
    K,
    N,
    U,
    W,
    arrange,
    brake,
    breathe,
    feel_wind,
    finish,
    lean,
    look_ahead,
    pace,
    shape,
    weigh_flat,
    weigh_round,
)
from casemate.kernels.motion import AIR_COLUMNS, DRAG_COLUMNS, TURN_N, TURN_U, Environment, fall_of
from casemate.kernels.spread import (
    N_DERIVATIVES,
    N_JACOBIAN,
    board,
    carry,
    fill_jacobian,
    leave,
    slope_of_air,
    slope_of_drag,
)
from casemate.kernels.terrain import Terrain, first_hit, surface_at

_OK, _NOT_CONVERGED, _MAX_TIME, _OUT_OF_TABLE, _NOT_FINITE = 0, 1, 2, 3, 4  # model.records.Status
FLIES: Final = -1

_PAST_M: Final = 2.0
"""A corner so near lies behind: steps end within 0.3 m of the height that they aim at."""

NEAR_S: Final = 0.05
"""Time to the ground from which a parabola ends the flight: 0.1 mm at a jerk of 5 m/s3."""

N_SETTLE: Final = 12
UNDER_M: Final = 1e-3  # a start so little under the ground is on it, but for rounding
_SAG_M: Final = 50.0  # a step's path lies no lower than this under its ends: g h^2 / 8 is 5 m at 2 s

Floats = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def surround(height_m: float, climb: float, ground_m: float, env: Environment) -> tuple[float, float]:
    """Return the heights over the site [m] where a step from `height_m` must end, above and below it.

    A corner that lies within 2 m ahead has been reached, and bounds the way back.
    """
    above, below = math.inf, ground_m
    if height_m < ground_m - _PAST_M and climb > 0.0:  # under the ground: let it come up, but not sink
        above, below = ground_m, height_m - _PAST_M
    edge = height_m + (_PAST_M if climb > 0.0 else -_PAST_M)
    for i in range(env.corners_m.shape[0]):
        c = env.corners_m[i] - env.site_height_m
        if c > edge:
            above = c if c < above else above
        else:
            below = c if c > below else below
    return above, below


@njit(cache=True, error_model="numpy")
def time_to(gap_m: float, climb: float, pull: float) -> float:
    """Return when a parabola of this climb rate [m/s] and acceleration [m/s2] has gone `gap_m` upward; NaN: never."""
    root = climb * climb + 2.0 * pull * gap_m
    if not root >= 0.0:
        return math.nan
    return 2.0 * gap_m / (climb + math.copysign(math.sqrt(root), climb))


@njit(cache=True, error_model="numpy")
def _admit(S: Floats, X: Floats, l: int, y: Floats, scale: float, ground_m: float, env: Environment) -> None:
    # A round takes lane l.
    for q in range(6):
        S[(E + q) * W + l] = y[q]
    S[K * W + l] = math.exp(y[6])
    S[TIME * W + l] = 0.0
    for q in range(3):
        S[(STEP + q) * W + l] = scale * FIRST_STEP_S
    S[HEIGHT * W + l] = fall_of(y[0], y[1], y[2], env)[0]
    S[ABOVE * W + l], S[BELOW * W + l] = surround(S[HEIGHT * W + l], y[5], ground_m, env)
    if X.shape[0] > 0:
        board(X, l)


@njit(cache=True, error_model="numpy")
def _park(S: Floats, l: int) -> None:
    # An empty lane stands still in thin air.
    for q in range(7):
        S[q * W + l] = 0.0
    for q in range(3):
        S[(STEP + q) * W + l] = 1.0


@njit(cache=True, error_model="numpy")
def _end_parabola(S: Floats, J: Floats, X: Floats, l: int, dt_s: float) -> None:
    for q in range(3):
        S[(E + q) * W + l] += dt_s * (S[(VE + q) * W + l] + 0.5 * dt_s * S[(A + q) * W + l])
        S[(VE + q) * W + l] += dt_s * S[(A + q) * W + l]
    S[TIME * W + l] += dt_s
    if X.shape[0] > 0:
        leave(J, X, l, dt_s)


@njit(cache=True, error_model="numpy")
def _steer(
    S: Floats, J: Floats, X: Floats, l: int, n_settle: NDArray[np.int64], env: Environment, max_time_s: float,
    ground_m: float,
) -> int:  # fmt: skip
    # Lane l was flagged: shorten its next step to the next corner, bring it to the ground, or end it with a status.
    e, n, ve, vn = S[E * W + l], S[N * W + l], S[VE * W + l], S[VN * W + l]
    per_radius = 1.0 / env.earth_radius_m
    height = fall_of(e, n, S[U * W + l], env)[0]
    climb = S[VU * W + l] + (e * ve + n * vn) * per_radius
    pull = S[(A + 2) * W + l] + (ve * ve + vn * vn) * per_radius
    S[HEIGHT * W + l] = height
    if not math.isfinite(height + climb):
        return _NOT_FINITE
    if S[TIME * W + l] >= max_time_s:
        return _MAX_TIME
    step = S[STEP * W + l]
    if climb < 0.0 and height - ground_m < -climb * NEAR_S:
        left = (ground_m - height) / climb
        if left > -NEAR_S:
            _end_parabola(S, J, X, l, (ground_m - height) / (climb + 0.5 * pull * left))
            return _OK
        n_settle[l] += 1
        if n_settle[l] > N_SETTLE:
            return _NOT_CONVERGED
        step = left if left > -MAX_STEP_S else -MAX_STEP_S
    else:
        above, below = surround(height, climb, ground_m, env)
        S[ABOVE * W + l], S[BELOW * W + l] = above, below
        end = height + step * (climb + 0.5 * step * pull)
        if end >= above or end <= below:
            t = time_to((above if end >= above else below) - height, climb, pull)
            step = t if MIN_STEP_S < t < step else step
    for q in range(3):
        S[(STEP + q) * W + l] = step
    return FLIES


@njit(cache=True, error_model="numpy")
def _strike(S: Floats, l: int, was: Floats, terrain: Terrain) -> float:
    # The share of the last step of lane l at which it went under the terrain; -1: it did not.
    step = S[TIME * W + l] - was[6 * W + l]
    drop = abs(S[VU * W + l]) * abs(step) + _SAG_M
    if S[HEIGHT * W + l] - drop > terrain.max_m - terrain.site_m:
        return -1.0
    p0, v0 = (was[l], was[W + l], was[2 * W + l]), (was[3 * W + l], was[4 * W + l], was[5 * W + l])
    p1, v1 = (S[E * W + l], S[N * W + l], S[U * W + l]), (S[VE * W + l], S[VN * W + l], S[VU * W + l])
    return first_hit(p0, v0, p1, v1, step, terrain)


@njit(cache=True, error_model="numpy")
def _rewind(S: Floats, X: Floats, l: int, was: Floats, was_x: Floats, share: float) -> None:
    # Lane l goes back to the start of its step, to take a share of it.
    step = share * (S[TIME * W + l] - was[6 * W + l])
    for q in range(6):
        S[(E + q) * W + l] = was[q * W + l]
    S[TIME * W + l] = was[6 * W + l]
    for q in range(3):
        S[(STEP + q) * W + l] = step
    for q in range(X.shape[0] // W):
        X[q * W + l] = was_x[q * W + l]


@njit(cache=True, error_model="numpy")
def _remember(S: Floats, X: Floats, was: Floats, was_x: Floats) -> None:
    for i in range(6 * W):
        was[i] = S[E * W + i]
    for l in range(W):
        was[6 * W + l] = S[TIME * W + l]
    for i in range(X.shape[0]):
        was_x[i] = X[i]


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # contract: as in kernels.lanes
def _advance(S: Floats, J: Floats, X: Floats, scale: float, env: Environment) -> None:
    # One step of every lane.
    up0, per_m = env.site_height_m - env.air_z0_m, 1.0 / env.air_dz_m
    air_top, drag_top = env.air.shape[0] / AIR_COLUMNS - 1.0, env.drag.shape[0] / DRAG_COLUMNS - 1.0
    has_spread = X.shape[0] > 0
    for stage in range(6):
        arrange(S, stage)
        is_node = has_spread and stage in (0, 3, 5)
        if env.is_flat:
            weigh_flat(S, env.gravity_mps2, up0, per_m, air_top)
        else:
            weigh_round(S, env.earth, up0, per_m, air_top)
        breathe(S, env.air)
        if env.has_wind:
            feel_wind(S, env.wind)
            lean(S, env.earth)
        if is_node:
            slope_of_air(S, J, env.air, env.wind, per_m, 1.0 - (stage + 1) // 3)
        pace(S, drag_top)
        shape(S, env.drag)
        if is_node:
            slope_of_drag(S, J, env.drag)
            fill_jacobian(S, J, (stage + 1) // 3, 1.0 / env.earth_radius_m)
        brake(S)
    if has_spread:
        stiff = env.gravity_mps2 / env.earth_radius_m
        carry(S, J, X, stiff, env.earth[TURN_N], env.earth[TURN_U])
    finish(S, scale)


@njit(cache=True, error_model="numpy")
def _to_ground(S: Floats, X: Floats, l: int, terrain: Terrain | None, env: Environment, by: Floats) -> None:
    # Fill by (3, 9): derivatives of east, north [m] and time [s] of the impact, where the path meets the ground.
    per_radius = 1.0 / env.earth_radius_m
    e, n, u = S[E * W + l], S[N * W + l], S[U * W + l]
    lean_e, lean_n = e * per_radius, n * per_radius
    if terrain is not None:
        reach = 5.0
        lean_e -= (surface_at(e + reach, n, u, terrain)[0] - surface_at(e - reach, n, u, terrain)[0]) / (2.0 * reach)
        lean_n -= (surface_at(e, n + reach, u, terrain)[0] - surface_at(e, n - reach, u, terrain)[0]) / (2.0 * reach)
    ve, vn = S[VE * W + l], S[VN * W + l]
    rate = S[VU * W + l] + lean_e * ve + lean_n * vn
    for j in range(by.shape[1]):
        x0 = 6 * j * W + l
        late = -(X[x0 + 2 * W] + lean_e * X[x0] + lean_n * X[x0 + W]) / rate
        by[0, j], by[1, j], by[2, j] = X[x0] + ve * late, X[x0 + W] + vn * late, late


@njit(cache=True, error_model="numpy")
def height_over_ground(y: Floats, ground_m: float, terrain: Terrain | None, env: Environment) -> float:
    """Return the height [m] of a state over the level ground, or over the terrain where there is one."""
    if terrain is not None:
        ground, height, _ = surface_at(y[0], y[1], y[2], terrain)
        return height - ground
    return fall_of(y[0], y[1], y[2], env)[0] - ground_m


@njit(cache=True, error_model="numpy")
def _attend(
    S: Floats, J: Floats, X: Floats, l: int, n_settle: NDArray[np.int64], was: Floats, was_x: Floats, env: Environment,
    terrain: Terrain | None, max_time_s: float, ground_m: float,
) -> int:  # fmt: skip
    # After a step of lane l: look at terrain and flag; a status where the flight ends. n_settle -1 marks the last step.
    if n_settle[l] < 0:
        return _OK
    if terrain is not None:
        share = _strike(S, l, was, terrain)
        if share >= 0.0:
            n_settle[l] = -1
            _rewind(S, X, l, was, was_x, share)
            return FLIES
    if S[FLAG * W + l] == 0.0:
        return FLIES
    return _steer(S, J, X, l, n_settle, env, max_time_s, ground_m)


@njit(cache=True, error_model="numpy", nogil=True)  # nogil: threads share a batch
def fly_many(
    states: Floats, env: Environment, terrain: Terrain | None, scale: float, max_time_s: float, may_start_under: bool,
    out: Floats, by: Floats, status: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Fill `out` (n, 7) with time [s], position and velocity of the impact of each state (n, 7), and its status.

    `by` (n, 3, 9) gets the derivatives of east, north and time of the impact, see `kernels.spread`; with no rows it is
    not asked for. The ground is `env.ground_m`, or the terrain where there is one. A start under it that is falling is
    carried back up to it, if it `may_start_under`, and is refused (OUT_OF_TABLE, no values) if not. OUT_OF_TABLE with
    values: the flight was above the air table, or faster than the drag table, and was flown with their last cells.
    """
    S, J = np.zeros(N_ROWS * W), np.zeros(N_JACOBIAN * W)
    X = np.zeros(N_DERIVATIVES * W if by.shape[0] > 0 else 0)
    ground = env.ground_m
    if terrain is not None:  # without it numba leaves all such code out
        ground = terrain.min_m - terrain.site_m
    was, was_x, row_of, n_settle = np.zeros(7 * W), np.zeros(X.shape[0]), np.full(W, -1), np.zeros(W, np.int64)
    top = env.air_z0_m + env.air_dz_m * (env.air.shape[0] / AIR_COLUMNS - 1.0) - env.site_height_m
    drag_top = env.drag.shape[0] / DRAG_COLUMNS - 1.0
    following, n_up = 0, 0
    for l in range(W):
        _park(S, l)
    while n_up > 0 or following < states.shape[0]:
        for l in range(W):
            while row_of[l] < 0 and following < states.shape[0]:
                over = height_over_ground(states[following], ground, terrain, env)
                is_number = math.isfinite(over) and math.isfinite(states[following, 6])  # ln 0 would fly in a vacuum
                if not is_number or (not may_start_under and over < -UNDER_M):
                    out[following, :] = math.nan
                    status[following] = _OUT_OF_TABLE if is_number else _NOT_FINITE
                else:
                    row_of[l], n_settle[l], status[following] = following, 0, _OK
                    _admit(S, X, l, states[following], scale, ground, env)
                    n_up += 1
                following += 1
        is_full = n_up > 0
        while is_full:
            if terrain is not None:
                _remember(S, X, was, was_x)
            _advance(S, J, X, scale, env)
            if look_ahead(S, 1.0 / env.earth_radius_m, max_time_s, top, drag_top) == 0 and terrain is None:
                continue
            for l in range(W):
                i = row_of[l]
                if i < 0 or (terrain is None and S[FLAG * W + l] == 0.0):  # 0.2 us each, where a step takes 3
                    continue
                if S[HEIGHT * W + l] > top or S[CELL * W + l] >= drag_top:
                    status[i] = _OUT_OF_TABLE
                end = _attend(S, J, X, l, n_settle, was, was_x, env, terrain, max_time_s, ground)
                if end == FLIES:
                    continue
                status[i] = end if end != _OK else status[i]
                out[i, 0] = S[TIME * W + l]
                for q in range(6):
                    out[i, 1 + q] = S[(E + q) * W + l]
                if by.shape[0] > 0:
                    _to_ground(S, X, l, terrain, env, by[i])
                row_of[l], n_up, is_full = -1, n_up - 1, False
                _park(S, l)
