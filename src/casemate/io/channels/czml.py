"""A run as CZML, which Cesium plays: tracks that fly, areas of impact that shrink, zones that are under alarm.

Written as plain JSON: czml3 writes the same and takes 0.45 s and pydantic to import; the tests read ours with it.
Heights are above the ellipsoid, as CZML has them.
"""

import itertools
import math
from typing import Any, Final

from casemate.io.channels.features import OVER
from casemate.io.channels.rings import LatLon, parts_of
from casemate.io.channels.run_map import RunMap
from casemate.io.channels.texts import clean, iso
from casemate.model.notices import AnyNotice, ImpactArea, MapTrack

Packet = dict[str, Any]
_ALARM: Final = [220, 30, 30, 90]  # red, green, blue, opacity of 255
_AREA: Final = [255, 160, 0, 140]
_ROUND: Final = [255, 230, 80, 255]
_TRAIL_S: Final = 30.0
_MAX_NAME: Final = 250


def czml_of(run: RunMap) -> list[Packet]:
    """Return a run as packets, the document's first."""
    drill = "" if run.status == "live" else "EXERCISE: "
    span = _interval(run.t_first_ns, run.t_last_ns)
    clock = {"interval": span, "currentTime": iso(run.t_first_ns), "multiplier": 1, "range": "LOOP_STOP"}
    name = f"{drill}{clean(run.station, _MAX_NAME)}"
    document: Packet = {"id": "document", "name": name, "version": "1.0", "clock": clock}
    zones = [packet for told in _incidents(run.notices) for packet in _zone_packets(told, drill)]
    areas = [packet for shown in run.areas.values() for packet in _area_packets(shown, drill)]
    tracks = [_track_packet(points, run.geoid_m, drill) for points in run.tracks.values() if points]
    return [document, *zones, *areas, *tracks]


def _incidents(notices: list[AnyNotice]) -> list[list[AnyNotice]]:
    """Return the notices of each incident of each zone."""
    found: dict[tuple[str, str], list[AnyNotice]] = {}
    for notice in notices:
        found.setdefault((notice.zone, notice.incident), []).append(notice)
    return list(found.values())


def _zone_packets(told: list[AnyNotice], drill: str) -> list[Packet]:
    first, last = told[0], told[-1]
    until_ns = last.t_sent_ns if last.phase in OVER else last.t_expires_ns
    span = _interval(first.t_sent_ns, until_ns)
    said = "; ".join(f"{iso(each.t_sent_ns)} {each.phase.value}" for each in told)
    name = f"{drill}{clean(first.zone, _MAX_NAME)}"
    return [
        {
            "id": f"zone:{clean(first.incident, _MAX_NAME)}:{i}",
            "name": name,
            "description": f"{drill}{said}",
            "availability": span,
            "polygon": {"positions": {"cartographicDegrees": _degrees(ring)}, **_filled(_ALARM)},
        }
        for i, ring in enumerate(parts_of(first.ring_deg))
    ]


def _area_packets(shown: list[tuple[int, ImpactArea]], drill: str) -> list[Packet]:
    """Return the areas of one round in time: a packet for each part, where 180 degrees cut it in two."""
    last = shown[-1][1]
    ends = [t_ns for t_ns, _ in shown[1:]] + [max(last.t_impact_ns, shown[-1][0])]
    spans = [(_interval(t_ns, end), parts_of(area.ring_deg)) for (t_ns, area), end in zip(shown, ends, strict=True)]
    n_parts = max(len(parts) for _, parts in spans)
    packets: list[Packet] = []
    for i in range(n_parts):
        rings = [(span, parts[i]) for span, parts in spans if i < len(parts)]
        positions = [{"interval": span, "cartographicDegrees": _degrees(ring)} for span, ring in rings]
        packets.append(
            {
                "id": f"impact:{last.track_id}:{i}",
                "name": f"{drill}impact {last.track_id}",
                "availability": [span for span, _ in rings],
                "polygon": {"positions": positions, **_filled(_AREA)},
            }
        )
    return packets


def _track_packet(points: list[MapTrack], geoid_m: float, drill: str) -> Packet:
    first, last = points[0], points[-1]
    samples = (
        ((each.t_ns - first.t_ns) / 1e9, each.lon_deg, each.lat_deg, _ellipsoidal_m(each, geoid_m)) for each in points
    )
    return {
        "id": f"track:{last.track_id}",
        "name": f"{drill}track {last.track_id}, {clean(last.kind, _MAX_NAME)}",
        "availability": _interval(first.t_ns, last.t_ns),
        "position": {"epoch": iso(first.t_ns), "cartographicDegrees": list(itertools.chain(*samples))},
        "point": {"pixelSize": 8, "color": {"rgba": _ROUND}},
        "path": {"trailTime": _TRAIL_S, "leadTime": 0.0, "width": 2, **_material(_ROUND)},
    }


def _ellipsoidal_m(track: MapTrack, geoid_m: float) -> float:
    return track.height_m + geoid_m if math.isfinite(track.height_m) else 0.0  # 2D: on the ellipsoid


def _degrees(ring: tuple[LatLon, ...]) -> list[float]:
    return [value for lat, lon in ring for value in (lon, lat, 0.0)]


def _filled(rgba: list[int]) -> Packet:
    return {**_material(rgba), "outline": True, "outlineColor": {"rgba": [*rgba[:3], 255]}, "height": 0.0}


def _material(rgba: list[int]) -> Packet:
    return {"material": {"solidColor": {"color": {"rgba": rgba}}}}


def _interval(t_from_ns: int, t_to_ns: int) -> str:
    return f"{iso(t_from_ns)}/{iso(max(t_from_ns, t_to_ns))}"
