"""Ballistics: where and when rounds come down, and their states at other times, as the filter believes it.

Knows environments and states, not tracks or classes. The model is the fast one of `kernels.motion`, in the site's ENU;
the richer ones that simulated truth flies are in `physics.exact` and `physics.spin`.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError
from casemate.kernels import flight, propagation, single
from casemate.kernels.motion import Environment
from casemate.model.records import Status
from casemate.physics.arrival import solve_arrival
from casemate.physics.drag import TOP_MACH
from casemate.physics.environment import AIR_TOP_M
from casemate.physics.exact import Trajectory, body_of, fly_exact
from casemate.physics.terrain import Terrain

__all__ = [
    "STEP_S",
    "Impacts",
    "Predictions",
    "Trajectory",
    "body_of",
    "fly",
    "fly_exact",
    "fly_many",
    "predict_impacts",
    "propagate",
    "solve_arrival",
    "transition",
]

Array = NDArray[np.float64]

STEP_S: Final = 0.25
"""Time step of `propagate` and `transition` [s]."""

MAX_TIME_S: Final = 400.0
_MIN_PART: Final = 512
_MAX_ROWS: Final = 2048  # of a path; 400 s took 200
_BACK_S: Final = 0.5
_N_BACK: Final = 20  # 10 s: a track that coasts longer has been dropped
_FROM_ABOVE: Final = False
_FROM_ANYWHERE: Final = True
_NONE: Final = np.zeros((0, 3, 9))
_HAS_VALUE: Final = (Status.OK, Status.OUT_OF_TABLE)


class Impacts(NamedTuple):
    """Impacts of n flights; NaN where the status is not OK, or OUT_OF_TABLE for a start under the ground."""

    t_s: Array  # (n,) since the start
    pos_m: Array  # (n, 3) ENU of the site
    vel_mps: Array  # (n, 3)
    status: NDArray[np.uint8]  # (n,) model.records.Status


class Predictions(NamedTuple):
    """Impacts of n uncertain states; NaN where the status is not OK or OUT_OF_TABLE."""

    t_go_s: Array  # (n,)
    point_m: Array  # (n, 2) ENU of the site
    cov_m2: Array  # (n, 2, 2)
    sigma_t_s: Array  # (n,)
    speed_mps: Array  # (n,)
    fall_angle_rad: Array  # (n,) below the horizontal
    by: Array  # (n, 3, 9) derivatives of east, north [m] and time [s] by e n u, ve vn vu, ln K, wind e, wind n
    status: NDArray[np.uint8]  # (n,) model.records.Status


def fly_many(
    states: Array,
    env: Environment,
    terrain: Terrain | None = None,
    *,
    max_time_s: float = MAX_TIME_S,
    step_scale: float = 1.0,
    threads: int = 1,
) -> Impacts:
    """Fly rounds to the ground.

    Parameters
    ----------
    states : (n, 7) float64
        e n u [m], ve vn vu [m/s] in the site's ENU, ln of the drag parameter [ln m2/kg].
    env : Environment
        Earth, air, wind, drag shape and the height of the ground.
    terrain : Terrain, optional
        The ground, instead of the level one.
    max_time_s : float
        A round that is still up by then gets status MAX_TIME.
    step_scale : float
        Multiplies every step; 1 leaves at most 1 cm of integration error at the impact.
    threads : int
        How many share the work. The result is the same to the bit for any number.

    Returns
    -------
    Impacts
        OUT_OF_TABLE: the flight rose above 40 km or was faster than Mach 5, and was flown with the last cells of the
        tables; or it began under the ground, and has no values.
    """
    rows = _states(states)
    out, status = np.full((rows.shape[0], 7), np.nan), np.zeros(rows.shape[0], np.uint8)

    def work(part: slice) -> None:
        flight.fly_many(rows[part], env, terrain, step_scale, max_time_s, _FROM_ABOVE, out[part], _NONE, status[part])

    # Four parts a thread: one that is held up does not hold up the rest. A part below 512 rows would wait for its last.
    size = rows.shape[0] if threads <= 1 else max(-(-rows.shape[0] // (4 * threads)), _MIN_PART)
    parts = [slice(i, i + size) for i in range(0, rows.shape[0], size)] if rows.shape[0] else []
    if len(parts) > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, parts))
    else:
        for part in parts:
            work(part)
    out[(status != Status.OK) & (status != Status.OUT_OF_TABLE)] = np.nan
    return Impacts(out[:, 0], out[:, 1:4], out[:, 4:7], status)


def fly(
    state: Array, env: Environment, terrain: Terrain | None = None, *, max_time_s: float = MAX_TIME_S
) -> Trajectory:
    """Fly one round to the ground and keep its path.

    Parameters
    ----------
    state, env, terrain, max_time_s
        One row of what `fly_many` takes; the same numbers come out, within 1e-6 m.

    Returns
    -------
    Trajectory
        A row each step.

    Raises
    ------
    DomainError
        A start under the ground or not a number, a round that does not come down in time, rises above the air table,
        or is faster than the drag table.
    """
    if state.shape != (7,):
        message = f"state must have shape (7,), not {state.shape}"
        raise ValueError(message)
    row = np.ascontiguousarray(state, np.float64)
    path = np.empty((_MAX_ROWS, 7))
    _check_finite(row)
    n, status, over, highest, fastest = single.fly_path(row, env, terrain, 1.0, max_time_s, path)
    if over < -flight.UNDER_M:
        raise DomainError("height_over_ground_m", over, 0.0, AIR_TOP_M)
    if status != Status.OK:
        raise DomainError("flight_s", float(path[n - 1, 0]), 0.0, max_time_s)
    if highest + env.site_height_m > AIR_TOP_M:
        raise DomainError("height_m", highest + env.site_height_m, 0.0, AIR_TOP_M)
    if fastest >= TOP_MACH:
        raise DomainError("mach", fastest, 0.0, TOP_MACH)
    kept = path[:n].copy()
    return Trajectory(kept[:, 0], kept[:, 1:4], kept[:, 4:7])


def _check_finite(row: Array) -> None:
    if not np.isfinite(row).all():
        names = ("e_m", "n_m", "u_m", "ve_mps", "vn_mps", "vu_mps", "ln_drag")
        i = int(np.argmin(np.isfinite(row)))
        raise DomainError(names[i], float(row[i]), -np.inf, np.inf)


def predict_impacts(
    states: Array, covs: Array, env: Environment, max_time_s: float = 180.0, terrain: Terrain | None = None
) -> Predictions:
    """Predict where, when and how surely each state comes down on the ground.

    Parameters
    ----------
    states : (n, 7) float64
        e n u [m], ve vn vu [m/s] in the site's ENU, ln of the drag parameter [ln m2/kg].
    covs : (n, 7, 7) float64
        Covariance of the states.
    env : Environment
        Earth, air, drag shape and ground height.
    max_time_s : float
        A round that is still up by then gets status MAX_TIME.
    terrain : Terrain, optional
        The ground, instead of the level one.

    Returns
    -------
    Predictions
        Times count from the states' own time. A state already under the ground and descending is carried back up to
        it: its time is negative.

    Notes
    -----
    Linear in the covariance: derivatives of point and time by variational equations along the flight. On terrain the
    ground is the plane that touches it at the impact.
    """
    n = states.shape[0]
    if states.shape != (n, 7) or covs.shape != (n, 7, 7):
        message = f"states and covs must have shapes (n, 7) and (n, 7, 7), not {states.shape} and {covs.shape}"
        raise ValueError(message)
    out, by, status = np.full((n, 7), np.nan), np.full((n, 3, 9), np.nan), np.zeros(n, np.uint8)
    starts = _states(states)
    phi, back_s = None, None
    if terrain is not None:
        starts, phi, back_s = _raise(starts, env, terrain)
    flight.fly_many(starts, env, terrain, 1.0, max_time_s, _FROM_ANYWHERE, out, by, status)
    if phi is not None:
        out[:, 0] += back_s
        by[:, :, :7] = by[:, :, :7] @ phi
    lost = ~np.isin(status, _HAS_VALUE)
    out[lost], by[lost] = np.nan, np.nan
    slopes = by[:, :, :7]
    cov = slopes @ covs @ slopes.transpose(0, 2, 1)
    across = np.hypot(out[:, 4], out[:, 5])
    climb = out[:, 6] + (out[:, 1] * out[:, 4] + out[:, 2] * out[:, 5]) / env.earth_radius_m
    return Predictions(
        t_go_s=out[:, 0],
        point_m=out[:, 1:3],
        cov_m2=cov[:, :2, :2],
        sigma_t_s=np.sqrt(np.maximum(cov[:, 2, 2], 0.0)),
        speed_mps=np.hypot(across, out[:, 6]),
        fall_angle_rad=np.arctan2(-climb, across),
        by=by,
        status=status,
    )


def _raise(states: Array, env: Environment, terrain: Terrain) -> tuple[Array, Array, Array]:
    # Carry what descends under the terrain back up over it: a track that coasts beyond its impact still knows where it
    # was. Returns the states to fly from, their derivatives by the given ones, and how far back they are [s]. Over
    # level ground the kernel itself steps back.
    starts, phi, back_s = states.copy(), np.tile(np.eye(7), (states.shape[0], 1, 1)), np.zeros(states.shape[0])
    under = np.flatnonzero(states[:, 5] < 0.0)
    for _ in range(_N_BACK):
        over_m = [flight.height_over_ground(starts[i], 0.0, terrain, env) for i in under]
        under = under[(np.array(over_m) < 0.0) & (starts[under, 5] < 0.0)]
        if not under.size:
            break
        back_s[under] -= _BACK_S
        starts[under], phi[under] = transition(states[under], back_s[under], env)
    return starts, phi, back_s


def propagate(states: Array, dt_s: Array, env: Environment) -> Array:
    """Carry states (n, 7) on by times dt_s (n,) [s], which may be negative; no ground stops them.

    A state or time that is not finite gives NaN.
    """
    out = np.empty((states.shape[0], 7))
    propagation.propagate_many(*_timed(states, dt_s), env, STEP_S, out)
    return out


def transition(states: Array, dt_s: Array, env: Environment) -> tuple[Array, Array]:
    """Carry states (n, 7) on as `propagate` does; return them and their derivatives (n, 7, 7) by the given states."""
    out, phi = np.empty((states.shape[0], 7)), np.empty((states.shape[0], 7, 7))
    propagation.transition_many(*_timed(states, dt_s), env, STEP_S, out, phi)
    return out, phi


def _states(states: Array) -> Array:
    if states.ndim != 2 or states.shape[1] != 7:
        message = f"states must have shape (n, 7), not {states.shape}"
        raise ValueError(message)
    return np.ascontiguousarray(states, np.float64)


def _timed(states: Array, dt_s: Array) -> tuple[Array, Array]:
    if states.ndim != 2 or states.shape[1] != 7 or dt_s.shape != states.shape[:1]:
        message = f"states and dt_s must have shapes (n, 7) and (n,), not {states.shape} and {dt_s.shape}"
        raise ValueError(message)
    return np.ascontiguousarray(states, np.float64), np.ascontiguousarray(dt_s, np.float64)
