"""Ballistics: where and when a round comes down, and its state at another time, as the filter believes it.

Knows environments and states, not tracks or classes. The richer model that simulated truth flies is in
`physics.exact`, and solved backwards in `physics.arrival`; both can be had from here.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.kernels import flight
from casemate.kernels.motion import Environment
from casemate.physics.arrival import solve_arrival
from casemate.physics.exact import Trajectory, body_of, fly_exact

__all__ = [
    "STEP_S",
    "Predictions",
    "Trajectory",
    "body_of",
    "fly_exact",
    "predict_impacts",
    "propagate",
    "solve_arrival",
]

Array = NDArray[np.float64]

STEP_S: Final = 0.25
"""Time step of predictions [s]; see `predict_impacts` for the error that it leaves."""


class Predictions(NamedTuple):
    """Impacts of n states; NaN where the status is not OK or OUT_OF_TABLE."""

    t_go_s: Array  # (n,)
    point_m: Array  # (n, 2) ENU of the site
    cov_m2: Array  # (n, 2, 2)
    sigma_t_s: Array  # (n,)
    speed_mps: Array  # (n,)
    fall_angle_rad: Array  # (n,) below the horizontal
    status: NDArray[np.uint8]  # (n,) model.records.Status


def predict_impacts(states: Array, covs: Array, env: Environment, max_time_s: float = 180.0) -> Predictions:
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

    Returns
    -------
    Predictions
        Times count from the states' own time. A state already under the ground and descending is carried back up to
        it: its time is negative.

    Notes
    -----
    Linear in the covariance: sensitivities of point and time by variational equations along the flight.
    """
    n = states.shape[0]
    if states.shape != (n, 7) or covs.shape != (n, 7, 7):
        message = f"states and covs must have shapes (n, 7) and (n, 7, 7), not {states.shape} and {covs.shape}"
        raise ValueError(message)
    out = np.empty((n, 9))
    status = np.empty(n, np.uint8)
    flight.predict_many(
        np.ascontiguousarray(states, np.float64),
        np.ascontiguousarray(covs, np.float64),
        env,
        STEP_S,
        max_time_s,
        out,
        status,
    )
    cov = out[:, [5, 6, 6, 7]].reshape(n, 2, 2)
    sigma_t = np.sqrt(np.maximum(out[:, 8], 0.0))
    return Predictions(out[:, 0], out[:, 1:3], cov, sigma_t, out[:, 3], out[:, 4], status)


def propagate(states: Array, dt_s: Array, env: Environment) -> Array:
    """Carry states (n, 7) on by times dt_s (n,) [s], which may be negative; no ground stops them.

    A state or time that is not finite gives NaN.
    """
    if states.ndim != 2 or states.shape[1] != 7 or dt_s.shape != states.shape[:1]:
        message = f"states and dt_s must have shapes (n, 7) and (n,), not {states.shape} and {dt_s.shape}"
        raise ValueError(message)
    out = np.empty((states.shape[0], 7))
    flight.propagate_many(
        np.ascontiguousarray(states, np.float64), np.ascontiguousarray(dt_s, np.float64), env, STEP_S, out
    )
    return out
