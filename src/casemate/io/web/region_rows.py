"""Another station's picture in the region's frame: tracks and landings as a scene has them. Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.io.web.picture import ROUND_LIKE
from casemate.io.web.scene import LANDING, SHOWN
from casemate.model.notices import AnyPicture
from casemate.model.records import Kind, Motion, Records, TrackStatus, freeze
from casemate.physics.geodesy import SiteFrame

IDS: Final = 1_000_000
"""A station's share of numbers: track 7 of the second one is 2,000,007."""
_STATUSES: Final = {status.name.lower(): int(status) for status in TrackStatus}
_KINDS: Final = {kind.name.lower(): int(kind) for kind in Kind}


def region_id(number: int, track_id: int) -> int:
    """Return the number of a station's track that no other station's has.

    Parameters
    ----------
    number : int
        Of the station, from 1.
    track_id : int
        As the station counts.
    """
    return number * IDS + track_id % IDS


def turn_of(frame: SiteFrame, own: SiteFrame) -> NDArray[np.float64]:
    """Return what turns directions (3,) east, north, up of a station into those of the region."""
    return frame.rotation @ own.rotation.T


def tracks_of(picture: AnyPicture, number: int, frame: SiteFrame, turn: NDArray[np.float64]) -> Records:
    """Return the tracks of a picture as `SHOWN`; what a picture does not say is NaN.

    Parameters
    ----------
    picture : picture
    number : int
        Of the station, from 1.
    frame : SiteFrame
        The region's.
    turn : (3, 3) float64
        As `turn_of` returns it.
    """
    tracks = picture.tracks
    rows = np.zeros(len(tracks), SHOWN)
    if not tracks:
        return freeze(rows)
    heights_m = np.array([each.height_m for each in tracks])
    rows["is_height_known"] = np.isfinite(heights_m)
    heights_m = np.where(rows["is_height_known"], heights_m, frame.height_msl_m)
    rows["track_id"] = [region_id(number, each.track_id) for each in tracks]
    rows["t_ns"] = [each.t_ns for each in tracks]
    rows["status"] = [_STATUSES.get(each.status, int(TrackStatus.CONFIRMED)) for each in tracks]
    rows["kind"] = [_KINDS.get(each.kind, int(Kind.OTHER)) for each in tracks]
    rows["p_round"] = [each.p_round for each in tracks]
    rows["motion"] = np.where(rows["p_round"] >= ROUND_LIKE, int(Motion.BALLISTIC), int(Motion.LEVEL))
    rows["state"][:, :3] = frame.msl_to_enu([t.lat_deg for t in tracks], [t.lon_deg for t in tracks], heights_m)
    rows["state"][:, 3:6] = np.array([each.vel_mps for each in tracks]) @ turn.T
    rows["state"][:, 6] = rows["p_exists"] = rows["sigma_m"] = np.nan
    return freeze(rows[np.isfinite(rows["state"][:, :6]).all(axis=1)])


def landings_of(picture: AnyPicture, number: int, frame: SiteFrame, turn: NDArray[np.float64]) -> Records:
    """Return the areas of a picture as `LANDING`; the error of their times is not said."""
    areas = picture.areas
    rows = np.zeros(len(areas), LANDING)
    if not areas:
        return freeze(rows)
    rows["track_id"] = [region_id(number, each.track_id) for each in areas]
    rows["t_impact_ns"] = [each.t_impact_ns for each in areas]
    rows["sigma_t_s"] = np.nan
    rows["point_m"] = frame.msl_to_enu(
        [each.lat_deg for each in areas], [each.lon_deg for each in areas], [each.height_m for each in areas]
    )[:, :2]
    flat = turn[:2, :2]
    rows["cov_m2"] = flat @ np.array([each.cov_m2 for each in areas])[:, [0, 1, 1, 2]].reshape(-1, 2, 2) @ flat.T
    return freeze(rows[np.isfinite(rows["point_m"]).all(axis=1)])
