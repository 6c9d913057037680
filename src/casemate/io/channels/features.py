"""Zones under alarm, areas of impact and tracks as GeoJSON features (RFC 7946), each saying whether it is live.

Longitude first, rings against the clock and closed, cut at 180 degrees. Heights stand in the properties: a GeoJSON
position has its height above the ellipsoid, ours are above mean sea level.
"""

import math
from typing import Any, Final

import msgspec

from casemate.io.channels.rings import DECIMALS, is_place, parts_of
from casemate.io.channels.texts import clean, iso, status_of
from casemate.model.messages import WarningPhase
from casemate.model.notices import AnyNotice, ImpactArea, MapTrack

Geometry = dict[str, Any] | None
OVER: Final = frozenset({WarningPhase.CLEAR, WarningPhase.WITHDRAWN})
_MAX_NAME: Final = 250
_MAX_REASON: Final = 500


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """One thing on a map."""

    type: str = "Feature"
    id: str
    geometry: Geometry
    properties: dict[str, Any]


def zone_feature(notice: AnyNotice) -> Feature:
    """Return the zone of a notice, with what it is told."""
    return Feature(
        id=f"zone:{clean(notice.zone, _MAX_NAME)}",
        geometry=polygon_of(notice.ring_deg),
        properties={
            "kind": "zone",
            **_status(status_of(notice), notice.zone),
            "is_alarm": notice.phase not in OVER,
            "phase": notice.phase.value,
            "zone": clean(notice.zone, _MAX_NAME),
            "incident": clean(notice.incident, _MAX_NAME),
            "notice_id": clean(notice.notice_id, _MAX_NAME),
            "n": notice.n,
            "sent": iso(notice.t_sent_ns),
            "impact": iso(notice.t_impact_ns),
            "expires": iso(notice.t_expires_ns),
            "p_impact": _known(notice.p_impact),
            "shelter_s": _known(notice.shelter_s),
            "is_useful": notice.is_useful,
            "reason": clean(notice.reason, _MAX_REASON),
            "zone_list": clean(notice.zone_list, _MAX_NAME),
        },
    )


def area_feature(area: ImpactArea, status: str) -> Feature:
    """Return the region that holds 90 % of an impact's probability."""
    return Feature(
        id=f"impact:{area.track_id}",
        geometry=polygon_of(area.ring_deg),
        properties={
            "kind": "impact",
            **_status(status, f"impact {area.track_id}"),
            "track_id": area.track_id,
            "round_class": clean(area.round_class, _MAX_NAME),
            "impact": iso(area.t_impact_ns),
            "p_area": 0.9,
            "p_zone": _known(area.p_zone),
            "lat_deg": _known(area.lat_deg),
            "lon_deg": _known(area.lon_deg),
            "height_msl_m": _known(area.height_m),
        },
    )


def track_feature(track: MapTrack, status: str) -> Feature:
    """Return a track where it is now."""
    has_place = is_place(track.lat_deg, track.lon_deg)
    east_mps, north_mps, up_mps = track.vel_mps
    return Feature(
        id=f"track:{track.track_id}",
        geometry={"type": "Point", "coordinates": position(track.lat_deg, track.lon_deg)} if has_place else None,
        properties={
            "kind": "track",
            **_status(status, f"track {track.track_id}"),
            "track_id": track.track_id,
            "t": iso(track.t_ns),
            "track_status": clean(track.status, _MAX_NAME),
            "track_kind": clean(track.kind, _MAX_NAME),
            "p_round": _known(track.p_round),
            "height_msl_m": _known(track.height_m),
            "east_mps": _known(east_mps),
            "north_mps": _known(north_mps),
            "up_mps": _known(up_mps),
        },
    )


def polygon_of(ring_deg: tuple[tuple[float, float], ...]) -> Geometry:
    """Return a ring as a Polygon, or MultiPolygon where it crosses 180 degrees; None where it is no ring."""
    parts = [[[position(lat, lon) for lat, lon in (*part, part[0])]] for part in parts_of(ring_deg)]
    if len(parts) > 1:
        return {"type": "MultiPolygon", "coordinates": parts}
    return {"type": "Polygon", "coordinates": parts[0]} if parts else None


def position(lat_deg: float, lon_deg: float) -> list[float]:
    """Return a place in GeoJSON's order."""
    return [round(lon_deg, DECIMALS), round(lat_deg, DECIMALS)]


def _status(status: str, name: str) -> dict[str, str]:
    drill = "" if status == "live" else "EXERCISE: "
    return {"status": status, "name": drill + clean(name, _MAX_NAME)}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
