"""What our node says of incidents on a SAPIENT network: registration, detections, alerts. Pure.

Ids follow from what they name, so that a retry or a restarted station speaks of the same alert and the same object.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Final

import msgspec
from sapient_msg.bsi_flex_335_v2_0 import location_pb2 as places
from sapient_msg.bsi_flex_335_v2_0.alert_pb2 import Alert
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage

from casemate.constants import WGS84_A_M
from casemate.io.channels.features import OVER
from casemate.io.channels.rings import is_place, parts_of
from casemate.io.channels.texts import clean, iso, status_of
from casemate.io.feeds.sapient.node import Node
from casemate.io.feeds.sapient.wire import stamped, ulid_of
from casemate.model.notices import AnyNotice, ImpactArea, MapTrack

_MAX_NAME: Final = 80
_MAX_REASON: Final = 500
_M_PER_DEG: Final = math.radians(1.0) * WGS84_A_M
"""Errors of a place are in its own unit; 0.3 % off at worst in latitude."""


def registration(node: Node, t_ns: int) -> SapientMessage:
    """Say who we are, and that we report places in degrees with heights above mean sea level."""
    message = node.registration(t_ns)
    found = message.registration.mode_definition[0].detection_definition.add()
    found.location_type.location_units = places.LOCATION_COORDINATE_SYSTEM_LAT_LNG_DEG_M
    found.location_type.location_datum = places.LOCATION_DATUM_WGS84_G
    return message


def alert_id(notice: AnyNotice) -> str:
    """Return the id of an incident's alert: of its first notice's time, and the same for all of its notices."""
    first_ns = notice.references[0].t_sent_ns if notice.references else notice.t_sent_ns
    return ulid_of(first_ns, _digest(status_of(notice), notice.station, "alert", notice.incident))


def object_id(notice: AnyNotice, track_id: int) -> str:
    """Return the id of a track as an object."""
    return ulid_of(0, _digest(status_of(notice), notice.station, "track", track_id))


def alert(node_id: str, notice: AnyNotice, tracks: Sequence[MapTrack], t_ns: int) -> SapientMessage:
    """Return the alert of a notice: CRITICAL, ACTIVE or CLEAR.

    Parameters
    ----------
    node_id : str
    notice : AnyNotice
    tracks : sequence of MapTrack
        Those it is about whose detections were sent.
    t_ns : int
        Now.
    """
    is_over = notice.phase in OVER
    message = stamped(t_ns, node_id)
    said = message.alert
    said.alert_id, said.alert_type = alert_id(notice), Alert.ALERT_TYPE_CRITICAL
    said.status = Alert.ALERT_STATUS_CLEAR if is_over else Alert.ALERT_STATUS_ACTIVE
    said.description, said.priority = _description(notice), Alert.DISCRETE_PRIORITY_HIGH
    if 0.0 <= notice.p_impact <= 1.0:
        said.confidence = notice.p_impact
    where = next((each for each in notice.areas if is_place(each.lat_deg, each.lon_deg)), None)
    if where is not None:
        _put(said.location, where.lat_deg, where.lon_deg, where.height_m)
        said.location.x_error, said.location.y_error = _errors_deg(where)
    for track in tracks:
        linked = said.associated_detection.add(node_id=node_id, object_id=object_id(notice, track.track_id))
        linked.timestamp.FromNanoseconds(track.t_ns)
    said.additional_information = _more(notice)
    return message


def detection(node_id: str, notice: AnyNotice, area: ImpactArea, track: MapTrack) -> SapientMessage:
    """Return where a round was last, and where and when it is expected to come down."""
    message = stamped(track.t_ns, node_id)
    said = message.detection_report
    said.object_id = object_id(notice, track.track_id)
    said.report_id = ulid_of(track.t_ns, _digest(said.object_id, track.t_ns))
    _put(said.location, track.lat_deg, track.lon_deg, track.height_m)
    if 0.0 <= track.p_round <= 1.0:
        said.detection_confidence = track.p_round
    said.classification.add(type=clean(f"{_mark(notice)}{track.kind}", _MAX_NAME))
    _put(said.prediction_location.location, area.lat_deg, area.lon_deg, area.height_m)
    said.prediction_location.location.x_error, said.prediction_location.location.y_error = _errors_deg(area)
    said.prediction_location.predicted_timestamp.FromNanoseconds(area.t_impact_ns)
    return message


def _put(location: places.Location, lat_deg: float, lon_deg: float, height_m: float) -> None:
    location.x, location.y = lon_deg, lat_deg
    if math.isfinite(height_m):
        location.z = height_m
    location.coordinate_system = places.LOCATION_COORDINATE_SYSTEM_LAT_LNG_DEG_M
    location.datum = places.LOCATION_DATUM_WGS84_G


def _errors_deg(area: ImpactArea) -> tuple[float, float]:
    east_m2, _, north_m2 = area.cov_m2
    lat_m = _M_PER_DEG * max(1e-3, math.cos(math.radians(area.lat_deg)))
    return math.sqrt(max(0.0, east_m2)) / lat_m, math.sqrt(max(0.0, north_m2)) / _M_PER_DEG


def _mark(notice: AnyNotice) -> str:
    return "" if status_of(notice) == "live" else "EXERCISE "


def _description(notice: AnyNotice) -> str:
    impact = "" if notice.phase in OVER else f", impact expected at {iso(notice.t_impact_ns)}"
    zone, reason = clean(notice.zone, _MAX_NAME), clean(notice.reason, _MAX_REASON)
    return f"{_mark(notice)}{notice.phase.value.upper()}: {zone}{impact}; {reason}"


def _more(notice: AnyNotice) -> str:
    told = {
        "status": status_of(notice),
        "notice": clean(notice.notice_id, _MAX_NAME),
        "incident": clean(notice.incident, _MAX_NAME),
        "n": notice.n,
        "phase": notice.phase.value,
        "zone": clean(notice.zone, _MAX_NAME),
        "impact": iso(notice.t_impact_ns),
        "expires": iso(notice.t_expires_ns),
        "zone_ring_lat_lon_deg": parts_of(notice.ring_deg),
        "areas_lat_lon_deg": [part for area in notice.areas for part in parts_of(area.ring_deg)],
    }
    return msgspec.json.encode(told).decode()


def _digest(*parts: object) -> bytes:
    return hashlib.sha256("\0".join(map(str, parts)).encode(errors="backslashreplace")).digest()
