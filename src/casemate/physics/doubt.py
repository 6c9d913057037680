"""What the rest of a flight may do that the model does not know: a wind, another drag curve, the drift of a spin.

Knows predictions and environments, not tracks or classes. What an impact's covariance holds beside that of its state.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.kernels.motion import Environment, walk_drag
from casemate.model.catalog import RoundClass
from casemate.physics.ballistics import Predictions
from casemate.physics.drag import interpolate_drag

__all__ = ["DRIFT_SHARE", "doubt_cov", "drift_m"]

Array = NDArray[np.float64]

WIND_BEHIND_S: Final = 20.0
"""For how long before now a wind has pushed a state the way it will push the rest of the flight [s]; set so that the
ellipses of shots in an unknown steady wind hold what they say, `docs/decisions/0012`."""

DRIFT_BEHIND_S: Final = 12.0
"""The same for the drift, which the filter takes up more slowly: it has no noise for it [s]."""

SPIN_GAIN: Final = 1.16
"""Spin at a speed v and height h over that of a start at sqrt(v^2 + 2 g h): drag has cost more speed than the spin has
decayed. Mean over the 155 mm shell's ranges and arcs, +-0.16 [A:calc]."""

DRIFT_SHARE: Final = 0.35
"""1 sigma of the drift, as a share: spin, slopes of the air forces, and how much of it the filter has taken up."""

_N: Final = 16
_SOUND_MPS: Final = 335.0  # near enough for slopes that hardly change with Mach


def doubt_cov(states: Array, found: Predictions, env: Environment) -> Array:
    """Return the covariance of impacts (n, 3, 3), east, north [m] and time [s], by unknown wind and drag curve.

    Parameters
    ----------
    states : (n, 7) float64
        What the impacts were predicted from.
    found : Predictions
        The impacts.
    env : Environment
        `sigma_wind_mps` and `drag_doubt` say how much is unknown; nothing is where both are 0.

    Notes
    -----
    A wind of one sigma from the west and from the south, over the whole of the rest, moves the impact by b. It has
    pushed before now as well, and so left the state off the same way, by about b T / t at the impact, T being
    `WIND_BEHIND_S` and t the time to go. The square of that is in the state's covariance, the product is not; hence
    b b' (1 + 2 T / t). The drag curve: `kernels.motion.walk_drag`.
    """
    by_wind, by_drag = env.sigma_wind_mps * found.by[:, :, 7:9], found.by[:, :, 6]
    behind = 1.0 + 2.0 * WIND_BEHIND_S / np.maximum(found.t_go_s, 1.0)
    cov = behind[:, None, None] * (by_wind @ by_wind.transpose(0, 2, 1))
    if env.drag_doubt > 0.0:
        walk = np.empty(states.shape[0])
        ends = np.column_stack((_arrivals(states, found), found.t_go_s))
        walk_drag(np.ascontiguousarray(states), np.ascontiguousarray(ends), env, walk)
        cov += walk[:, None, None] * by_drag[:, :, None] * by_drag[:, None, :]
    return cov


def drift_m(states: Array, found: Predictions, shell: RoundClass, gravity_mps2: float) -> Array:
    """Return how far impacts move (n, 3), east, north [m] and time [s], if the rounds are spinning shells of a class.

    Parameters
    ----------
    states : (n, 7) float64
        What the impacts were predicted from, without spin.
    found : Predictions
        The impacts.
    shell : RoundClass
        Declares its spin.
    gravity_mps2 : float
        At the site.

    Notes
    -----
    The yaw of repose of McCoy, Modern Exterior Ballistics, 1999, section 9.7 for a flat path, times the lift: an
    acceleration to the right of (Ix p / m d) (Cla / Cma) g cos(climb) / v. The spin p is not seen: `SPIN_GAIN` times
    that of a start at sqrt(v^2 + 2 g h). The filter has not seen the push of the last T = `DRIFT_BEHIND_S` either, so
    the shift is (1 + T / t)^2 times that of the rest of the flight.
    """
    data = shell.spin
    if data is None:
        return np.zeros((states.shape[0], 3))
    share = (np.arange(_N) + 0.5) / _N
    start, end = states[:, 3:6], _arrivals(states, found)
    v = start[:, None] + share[:, None] * (end - start)[:, None]
    speed, across = np.linalg.norm(v, axis=2), np.hypot(v[..., 0], v[..., 1])
    mach, at = np.array(data.mach), speed / _SOUND_MPS
    slopes = interpolate_drag(mach, np.array(data.cl_alpha), at) / interpolate_drag(mach, np.array(data.cm_alpha), at)
    highest = np.sqrt(np.sum(start * start, axis=1) + 2.0 * gravity_mps2 * np.maximum(states[:, 2], 0.0))
    spin = SPIN_GAIN * 2.0 * math.pi / (data.twist_calibres * shell.calibre_m) * highest
    stiff = data.inertia_kgm2 / (shell.mass_kg * shell.calibre_m) * gravity_mps2
    push = stiff * slopes * spin[:, None] * (1.0 - share) / (speed * speed)  # times the speed across: to the right
    right = np.stack((v[..., 1], -v[..., 0], np.zeros_like(across)), axis=2)
    gained = np.mean(push[..., None] * right, axis=1) * found.t_go_s[:, None]
    behind = 1.0 + DRIFT_BEHIND_S / np.maximum(found.t_go_s, 1.0)
    return (behind * behind)[:, None] * np.einsum("nij,nj->ni", found.by[:, :, 3:6], gained)


def _arrivals(states: Array, found: Predictions) -> Array:
    # Velocities at the impact (n, 3): speed and angle of fall, the bearing that of the way from here to there.
    way = found.point_m - states[:, :2]
    way = way / np.maximum(np.linalg.norm(way, axis=1), 1e-9)[:, None]
    across = found.speed_mps * np.cos(found.fall_angle_rad)
    return np.column_stack((across[:, None] * way, -found.speed_mps * np.sin(found.fall_angle_rad)))
