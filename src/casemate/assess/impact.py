"""Where, when and how surely each round comes down.

Knows tracks, their classes and the flight model; not zones, not people. Only what flies like a round gets an
impact point.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.catalog import Declaration, RoundClass
from casemate.model.records import IMPACT, Motion, Records, Status, TrackStatus, freeze, missing
from casemate.physics.ballistics import Predictions, predict_impacts
from casemate.physics.doubt import DRIFT_SHARE, doubt_cov, drift_m
from casemate.physics.environment import Environment
from casemate.physics.terrain import Terrain

_NONE = freeze(np.zeros(0, IMPACT))


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rounds are predicted; what the prediction does not know, the site declares: it is in the environment."""

    max_time_s: Annotated[float, Meta(ge=1.0, le=600.0)] = 180.0  # a round that is up longer is not predicted


def predict(
    tracks: Records,
    classes: Records,
    environment: Environment,
    settings: Settings,
    terrain: Terrain | None = None,
    rounds: Sequence[RoundClass] = (),
) -> Records:
    """Predict the impact of every confirmed or coasting track that is a round.

    Parameters
    ----------
    tracks : TRACK (n,)
        ENU of the site.
    classes : TRACK_CLASS (n,)
        Row by row beside `tracks`; a track that is not a round gets no row.
    environment : Environment
        Earth, air and drag shape as the filter believes them, and how far they may be off.
    settings : Settings
        Which rounds.
    terrain : Terrain, optional
        The ground, instead of a level one at the site's height.
    rounds : sequence of RoundClass
        The catalog that `i_class` counts: which of them drift. Without it none does.

    Returns
    -------
    IMPACT (k,)
        k <= n. Where `status` is neither OK nor OUT_OF_TABLE the row's floats are NaN and its time of impact is 0.

    Notes
    -----
    The covariance is that of the track carried to the ground, plus what wind and drag curve may do on the way,
    `physics.doubt`. While it is open whether a round drifts, point and covariance are those of the mixture: with
    p the probability of a spinning shell, d its drift and c `DRIFT_SHARE`, the point moves by p d and the
    covariance grows by (p (1 - p) + p c^2) d d'.
    """
    is_declared = classes["i_class"] >= 0
    if not np.count_nonzero(is_declared):
        return _NONE
    is_up = (tracks["status"] == TrackStatus.CONFIRMED) | (tracks["status"] == TrackStatus.COASTING)
    is_row = is_up & is_declared & (tracks["motion"] == Motion.BALLISTIC) & tracks["is_height_known"]
    rows = tracks[is_row]
    if not rows.size:
        return _NONE
    out = missing(IMPACT, rows.shape[0])
    out["track_id"], out["t_ns"] = rows["track_id"], rows["t_ns"]
    states = np.ascontiguousarray(rows["state"])
    found = predict_impacts(states, rows["cov"], environment, settings.max_time_s, terrain)
    doubt = doubt_cov(states, found, environment)
    shift, spread = _drift(states, found, environment, classes[is_row], rounds)
    cov, var_t = found.cov_m2 + (doubt + spread)[:, :2, :2], found.sigma_t_s**2 + (doubt + spread)[:, 2, 2]
    is_found = np.isin(found.status, (Status.OK, Status.OUT_OF_TABLE))
    has_value = is_found & np.isfinite(cov).all(axis=(1, 2)) & np.isfinite(found.t_go_s)
    is_lost = is_found & ~has_value
    out["status"] = np.where(is_lost, Status.NOT_FINITE, found.status)
    t_go_ns = np.rint(np.where(has_value, found.t_go_s, 0.0) * NS_PER_S).astype(np.int64)
    out["t_impact_ns"] = np.where(has_value, rows["t_ns"] + t_go_ns, 0)
    out["point_m"], out["cov_m2"], out["sigma_t_s"] = found.point_m + shift, cov, np.sqrt(var_t)
    out["speed_mps"], out["fall_angle_rad"] = found.speed_mps, found.fall_angle_rad
    for name in ("point_m", "cov_m2", "sigma_t_s", "speed_mps", "fall_angle_rad"):
        out[name][~has_value] = np.nan
    return freeze(out)


def _drift(
    states: NDArray[np.float64],
    found: Predictions,
    environment: Environment,
    classes: Records,
    rounds: Sequence[RoundClass],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Mean (n, 2) and covariance (n, 3, 3) that spinning shells add to impacts. A class has the probability of its row,
    # if it is the row's, else an even share of what is left.
    mean, square = np.zeros((len(states), 3)), np.zeros((len(states), 3, 3))
    for i, shell in enumerate(rounds):
        if shell.spin is None:
            continue
        left = (1.0 - classes["p_class"]) / max(len(rounds) - 1, 1)
        p = np.where(classes["i_class"] == i, classes["p_class"], left)
        drift = drift_m(states, found, shell, environment.gravity_mps2)
        mean += p[:, None] * drift
        square += (p * (1.0 + DRIFT_SHARE**2))[:, None, None] * drift[:, :, None] * drift[:, None, :]
    return mean[:, :2], square - mean[:, :, None] * mean[:, None, :]
