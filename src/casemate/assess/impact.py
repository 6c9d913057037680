"""Where, when and how surely each round comes down.

Knows tracks, their classes and the flight model; not zones, not people. Only what flies like a round gets an
impact point.
"""

from typing import Annotated

import numpy as np
from msgspec import Meta

from casemate.constants import NS_PER_S
from casemate.model.catalog import Declaration, Share
from casemate.model.records import IMPACT, Motion, Records, Status, TrackStatus, freeze, missing
from casemate.physics.ballistics import predict_impacts
from casemate.physics.environment import Environment
from casemate.physics.terrain import Terrain


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the prediction does not know, and says so: 1 sigma each."""

    p_ballistic_min: Share = 0.9  # below: no impact point; rounds are above from their third plot on
    # each component, over the rest of the flight; domain parameters, section 6, "no wind data at all": 6 / 8 / 12
    sigma_wind_unknown_mps: Annotated[float, Meta(ge=0.0, le=50.0)] = 8.0  # where the environment has no wind
    # the same section, "wind forecast, vector RMS": 3.5 m/s, a component is that / 1.41
    sigma_wind_known_mps: Annotated[float, Meta(ge=0.0, le=50.0)] = 2.5  # where it has
    # ln of K; section 1.1: transonic peaks of 1.75 to 2.5 for the one curve that is believed, +-10 % over a flight
    sigma_curve_share: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.1
    max_time_s: Annotated[float, Meta(ge=1.0, le=600.0)] = 180.0  # a round that is up longer is not predicted


def predict(
    tracks: Records, classes: Records, environment: Environment, settings: Settings, terrain: Terrain | None = None
) -> Records:
    """Predict the impact of every confirmed or coasting track that is a round.

    Parameters
    ----------
    tracks : TRACK (n,)
        ENU of the site.
    classes : TRACK_CLASS (n,)
        Row by row beside `tracks`; a track that is not a round gets no row.
    environment : Environment
        Earth, air and drag shape as the filter believes them.
    settings : Settings
        What is unknown.
    terrain : Terrain, optional
        The ground, instead of a level one at the site's height.

    Returns
    -------
    IMPACT (k,)
        k <= n. Where `status` is neither OK nor OUT_OF_TABLE the row's floats are NaN and its time of impact is 0.

    Notes
    -----
    The covariance is that of the track carried to the ground, ln K widened by `sigma_curve_share`, plus the shift of
    the impact in a wind of one sigma from the west and from the south over the whole of the rest of the flight
    (fully correlated in height and time: the cautious end).
    """
    is_up = (tracks["status"] == TrackStatus.CONFIRMED) | (tracks["status"] == TrackStatus.COASTING)
    is_round = (tracks["motion"] == Motion.BALLISTIC) & (tracks["p_ballistic"] >= settings.p_ballistic_min)
    rows = tracks[is_up & is_round & tracks["is_height_known"] & (classes["i_class"] >= 0)]
    out = missing(IMPACT, rows.shape[0])
    out["track_id"], out["t_ns"] = rows["track_id"], rows["t_ns"]
    if not rows.size:
        return freeze(out)
    cov = rows["cov"].copy()
    cov[:, 6, 6] += settings.sigma_curve_share**2
    states = np.ascontiguousarray(rows["state"])
    found = predict_impacts(states, cov, environment, settings.max_time_s, terrain)
    has_value = np.isin(found.status, (Status.OK, Status.OUT_OF_TABLE))
    has_value &= np.isfinite(found.cov_m2).all(axis=(1, 2)) & np.isfinite(found.t_go_s)
    sigma_mps = settings.sigma_wind_known_mps if environment.has_wind else settings.sigma_wind_unknown_mps
    by_wind = sigma_mps * found.by[:, :, 7:9]
    is_lost = ~has_value & np.isin(found.status, (Status.OK, Status.OUT_OF_TABLE))
    out["status"] = np.where(is_lost, Status.NOT_FINITE, found.status)
    t_go_ns = np.rint(np.where(has_value, found.t_go_s, 0.0) * NS_PER_S).astype(np.int64)
    out["t_impact_ns"] = np.where(has_value, rows["t_ns"] + t_go_ns, 0)
    out["point_m"], out["speed_mps"], out["fall_angle_rad"] = found.point_m, found.speed_mps, found.fall_angle_rad
    out["cov_m2"] = found.cov_m2 + by_wind[:, :2] @ by_wind[:, :2].transpose(0, 2, 1)
    out["sigma_t_s"] = np.sqrt(found.sigma_t_s**2 + np.sum(by_wind[:, 2] ** 2, axis=1))
    for name in ("point_m", "cov_m2", "sigma_t_s", "speed_mps", "fall_angle_rad"):
        out[name][~has_value] = np.nan
    return freeze(out)
