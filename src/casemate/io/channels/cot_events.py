"""Cursor on Target: what notices, pictures and heartbeats are on people's maps, as XML events. Pure.

Every thing has one uid for as long as it lives, so that a map moves it and never shows it twice, and a time after which
a map may no longer believe it. What comes of a drill has uids of its own and says EXERCISE in every name and remark.
"""

import math
import urllib.parse
from collections.abc import Iterator
from typing import Final, NamedTuple, assert_never
from xml.sax.saxutils import escape, quoteattr

from casemate.constants import NS_PER_S
from casemate.io.channels.features import OVER
from casemate.io.channels.rings import DECIMALS, is_place, parts_of
from casemate.io.channels.texts import clean, iso, time_of
from casemate.model.notices import (
    P_AREA,
    AnyHeartbeat,
    AnyNotice,
    AnyPicture,
    DrillHeartbeat,
    DrillPicture,
    ExerciseNotice,
    ImpactArea,
    LiveHeartbeat,
    LiveNotice,
    LivePicture,
    MapTrack,
    RehearsalNotice,
)

Ring = tuple[tuple[float, float], ...]

TRACK_STALE_S: Final = 5.0
"""How long a map may believe a track's place [s]: [A], five pictures at one a second."""
IMPACT_STALE_S: Final = 15.0
"""How long an impact stays on a map after its time [s]: [A], the time to look there."""
STATION_STALE_S: Final = 30.0
"""How long a map may believe that the station lives [s]: [A], three heartbeats at one in ten seconds."""
END_STALE_S: Final = 60.0
"""How long a cancellation or deletion holds [s]: [A], longer than a client takes to come back."""
UNKNOWN_M: Final = 9_999_999.0
"""What a height or an error is that nobody knows, by CoT's own convention [m]."""

_ROUNDS: Final = frozenset({"rocket", "mortar", "shell"})
_MAX_TEXT: Final = 1_000
"""[A] Characters of a name or remark: what a phone shows of it."""
_RED: Final = -65_536  # ARGB ff ff 00 00 as the signed number that maps write
_ORANGE: Final = -23_296  # ff ff a5 00
_CORNER: Final = f'<link point="%.{DECIMALS}f,%.{DECIMALS}f"/>'
_EDGE_DEG: Final = 179.0
"""Rings that keep to this side of it are nowhere near being cut, which takes longer to find out than to write them."""
_FILL: Final = 0x00FFFFFF | 0x33 << 24  # keeps the colour, at a fifth of its strength


class CotEvent(NamedTuple):
    """One event, and what tells it from others."""

    uid: str
    kind: str  # CoT's type
    t_ns: int
    t_stale_ns: int
    xml: bytes


class Voice(NamedTuple):
    """How a thing says that it is live or a drill."""

    root: str  # of every uid
    mark: str  # before every name and remark
    hostile: str  # affiliation of a round; a drill's is CoT's "faker": who plays the enemy


_LIVE: Final = Voice("casemate", "", "h")
_DRILL: Final = Voice("casemate-exercise", "EXERCISE ", "k")


def voice_of(said: AnyNotice | AnyPicture | AnyHeartbeat) -> Voice:
    """Return how a message speaks: by its type alone."""
    match said:
        case LiveNotice() | LivePicture() | LiveHeartbeat():
            return _LIVE
        case ExerciseNotice() | RehearsalNotice() | DrillPicture() | DrillHeartbeat():
            return _DRILL
        case _:
            assert_never(said)


def notice_events(notice: AnyNotice, geoid_m: float = 0.0) -> tuple[CotEvent, ...]:
    """Return the events of a notice: the alarm, its zone's outline, and where its rounds come down.

    The uid of the alarm is that of its incident from the first warning to the all-clear. An end cancels it and deletes
    the outline. `geoid_m` [m] is mean sea level over the ellipsoid, from which maps count heights.
    """
    voice = voice_of(notice)
    if notice.phase in OVER:
        ends = (deletion(each, notice.t_sent_ns) for each in _zone(notice, voice))
        return (_alarm(notice, voice), *ends)
    impacts = (each for area in notice.areas for each in area_events(area, notice, geoid_m))
    return (_alarm(notice, voice), *_zone(notice, voice), *impacts)


def picture_events(picture: AnyPicture, geoid_m: float = 0.0) -> tuple[CotEvent, ...]:
    """Return the events of a picture: every track, and where every round comes down."""
    tracks = (_track(each, picture, geoid_m) for each in picture.tracks if is_place(each.lat_deg, each.lon_deg))
    impacts = (each for area in picture.areas for each in area_events(area, picture, geoid_m))
    return (*tracks, *impacts)


def area_events(area: ImpactArea, said: AnyNotice | AnyPicture, geoid_m: float) -> Iterator[CotEvent]:
    """Yield the point where a round comes down, and the area around it that holds 90 % of its probability.

    The error of the point is the radius of the circle around it that holds the area. The area is a polygon: what the
    axes of an ellipse mean, clients do not agree on. All its links are vertices, so it has none to the track.
    """
    voice, t_ns = voice_of(said), said.t_ns if isinstance(said, LivePicture | DrillPicture) else said.t_sent_ns
    track = _uid(voice, said.station, "track", area.track_id)
    stale_ns = area.t_impact_ns + round(IMPACT_STALE_S * NS_PER_S)
    name = f"{area.round_class} {area.track_id}"
    at, head = clock_of(area.t_impact_ns), _Head(f"{track}.impact", "b-d-i-m", "m-p", t_ns, stale_ns)
    if is_place(area.lat_deg, area.lon_deg):
        point = _point((area.lat_deg, area.lon_deg), area.height_m + geoid_m, _long_half_axis_m(area.cov_m2))
        link = f'<link uid={quoteattr(track)} type="{_round_type(voice)}" relation="p-p"/>'
        remarks = _remarks(voice, f"Expected to come down at {at}")
        yield _event(head, point, f"{link}{_named(voice, f'IMPACT {name}')}{remarks}")
    said_of_area = f"Holds {P_AREA:.0%} of where {name} comes down at {at}"
    detail = f"{_named(voice, f'AREA {name}')}{_remarks(voice, said_of_area)}"
    yield from _outlines(head._replace(uid=f"{track}.area", kind="u-d-f"), area.ring_deg, _ORANGE, detail)


def heartbeat_event(heartbeat: AnyHeartbeat, at_deg: tuple[float, float]) -> CotEvent:
    """Return the station's own mark, which grows stale when it falls silent; its remark says what it does not watch.

    Parameters
    ----------
    heartbeat : AnyHeartbeat
    at_deg : (lat, lon)
        Where the mark stands.
    """
    voice, t_ns = voice_of(heartbeat), heartbeat.t_sent_ns
    picture_ns = heartbeat.t_picture_ns
    said = [f"Picture of {clock_of(picture_ns)}" if picture_ns else "No picture yet"]
    said += [f"NOT WATCHED: {each.zone} ({each.why})" for each in heartbeat.zones if not each.is_watched]
    said += [f"{each.zone}: {each.phase.value}" for each in heartbeat.zones if each.phase is not None]
    said += [f"sensor {name}: {state}" for name, state in heartbeat.sensors]
    detail = f"{_named(voice, f'CASEMATE {heartbeat.station}')}{_remarks(voice, '; '.join(said))}"
    head = _Head(_uid(voice, heartbeat.station, "station"), "a-f-G-E-S", "m-c", t_ns, _after(t_ns, STATION_STALE_S))
    return _event(head, _point(at_deg, math.nan, UNKNOWN_M), detail)


def deletion(event: CotEvent, t_ns: int) -> CotEvent:
    """Return what takes a thing off the maps."""
    detail = f'<link uid={quoteattr(event.uid)} type="{event.kind}" relation="none"/><__forcedelete/>'
    head = _Head(f"{event.uid}.end", "t-x-d-d", "m-c", t_ns, _after(t_ns, END_STALE_S))
    return _event(head, _point((0.0, 0.0), 0.0, UNKNOWN_M), detail)


def ping(uid: str, t_ns: int) -> bytes:
    """Return the question that a server answers when it has read all that came before it."""
    head = _Head(uid, "t-x-c-t", "m-c", t_ns, _after(t_ns, END_STALE_S))
    return _event(head, _point((0.0, 0.0), 0.0, UNKNOWN_M), "").xml


def clock_of(t_ns: int) -> str:
    """Write a time for people to read: 08:49:14 UTC."""
    return f"{time_of(t_ns):%H:%M:%S} UTC"


class _Head(NamedTuple):
    uid: str
    kind: str
    how: str  # "m-a" a tracker, "m-p" propagated, "m-c" configured
    t_ns: int
    t_stale_ns: int


def _event(head: _Head, point: str, detail: str) -> CotEvent:
    # written as text: of 500 tracks and their areas a tree would take ten times as long, in front of an alarm
    at = iso(head.t_ns)
    xml = (
        f'<event version="2.0" uid={quoteattr(head.uid)} type="{head.kind}" how="{head.how}" time="{at}" start="{at}" '
        f'stale="{iso(head.t_stale_ns)}">{point}<detail>{detail}</detail></event>'
    )
    return CotEvent(head.uid, head.kind, head.t_ns, head.t_stale_ns, xml.encode())


def _alarm(notice: AnyNotice, voice: Voice) -> CotEvent:
    is_over = notice.phase in OVER
    t_ns = notice.t_sent_ns
    track = f"{_uid(voice, notice.station, 'track', notice.areas[0].track_id)}" if notice.areas else ""
    link = f'<link uid={quoteattr(track)} type="{_round_type(voice)}" relation="p-p"/>' if track else ""
    name = voice.mark + (f"ALL CLEAR {notice.zone}" if is_over else f"INCOMING {notice.zone}")
    sign = 'cancel="true"' if is_over else 'type="911 Alert"'
    impact = "" if is_over else f"; impact expected at {clock_of(notice.t_impact_ns)}"
    remark = f"{notice.phase.value.upper()}: {notice.zone}{impact}; {notice.reason}"
    detail = (
        f"{link}<emergency {sign}>{escape(_said(name))}</emergency><contact callsign={_quoted(name)}/>"
        f"{_remarks(voice, remark)}{_own(notice)}"
    )
    kind, uid = ("b-a-o-can" if is_over else "b-a-o-tbl"), alarm_uid(notice)
    stale_ns = _after(t_ns, END_STALE_S) if is_over else notice.t_expires_ns
    point = _point(_middle(notice.ring_deg), math.nan, UNKNOWN_M)
    return _event(_Head(uid, kind, "m-p", t_ns, stale_ns), point, detail)


def alarm_uid(notice: AnyNotice) -> str:
    """Return the uid of a notice's alarm, the same in its whole incident."""
    return _uid(voice_of(notice), notice.station, "alarm", notice.incident)


def _zone(notice: AnyNotice, voice: Voice) -> Iterator[CotEvent]:
    name = _named(voice, f"{notice.zone}: {notice.phase.value}")
    detail = f"{name}{_remarks(voice, f'Zone {notice.zone} is warned')}"
    head = _Head(f"{alarm_uid(notice)}.zone", "u-d-f", "m-p", notice.t_sent_ns, notice.t_expires_ns)
    return _outlines(head, notice.ring_deg, _RED, detail)


def _track(track: MapTrack, picture: AnyPicture, geoid_m: float) -> CotEvent:
    voice = voice_of(picture)
    east_mps, north_mps, _ = track.vel_mps
    course_deg = math.degrees(math.atan2(east_mps, north_mps)) % 360.0
    # speed over ground, and no slope: with one, some take the speed along the flight and some drop the slope
    speed_mps = math.hypot(east_mps, north_mps)
    kind = _round_type(voice) if track.kind in _ROUNDS else "a-u-A"  # a radar cannot tell whose an aircraft is
    said = f"{track.status}; a round with probability {track.p_round:.2f}"
    move = f'<track course="{course_deg:.1f}" speed="{speed_mps:.1f}"/>' if math.isfinite(speed_mps) else ""
    detail = f"{move}{_named(voice, f'{track.kind.upper()} {track.track_id}')}{_remarks(voice, said)}"
    point = _point((track.lat_deg, track.lon_deg), track.height_m + geoid_m, UNKNOWN_M)
    uid = _uid(voice, picture.station, "track", track.track_id)
    return _event(_Head(uid, kind, "m-a", track.t_ns, _after(track.t_ns, TRACK_STALE_S)), point, detail)


def _uid(voice: Voice, station: str, *parts: object) -> str:
    return ".".join(
        (voice.root, *(urllib.parse.quote(str(each), safe="", errors="backslashreplace") for each in (station, *parts)))
    )


def _round_type(voice: Voice) -> str:
    return f"a-{voice.hostile}-A-W-M"


def _point(at_deg: tuple[float, float], hae_m: float, ce_m: float) -> str:
    # an alarm goes out wherever it is: what is no place is 0, 0 and nobody knows how far off
    (lat_deg, lon_deg), error_m = (at_deg, ce_m) if is_place(*at_deg) else ((0.0, 0.0), UNKNOWN_M)
    place = f'lat="{lat_deg:.{DECIMALS}f}" lon="{lon_deg:.{DECIMALS}f}"'
    return f'<point {place} hae="{_known_m(hae_m):.1f}" ce="{_known_m(error_m):.1f}" le="{UNKNOWN_M}"/>'


def _known_m(value_m: float) -> float:
    return value_m if abs(value_m) < UNKNOWN_M else UNKNOWN_M  # NaN is no less


def _middle(ring_deg: Ring) -> tuple[float, float]:
    n = len(ring_deg) or math.nan
    return sum(lat for lat, _ in ring_deg) / n, sum(lon for _, lon in ring_deg) / n


def _outlines(head: _Head, ring_deg: Ring, colour: int, detail: str) -> Iterator[CotEvent]:
    # one polygon, or two where 180 degrees cut it: all links are vertices, the last one closes it
    fill = (colour & _FILL) - (0 if (colour & _FILL) < 2**31 else 2**32)
    style = f'<strokeColor value="{colour}"/><fillColor value="{fill}"/><labels_on value="true"/>'
    is_plain = len(ring_deg) > 2 and all(abs(lat) <= 90.0 and abs(lon) < _EDGE_DEG for lat, lon in ring_deg)
    for i, part in enumerate((ring_deg,) if is_plain else parts_of(ring_deg)):
        links = "".join([_CORNER % corner for corner in (*part, part[0])])
        own = head._replace(uid=f"{head.uid}.{i + 1}") if i else head
        yield _event(own, _point(_middle(part), math.nan, UNKNOWN_M), f"{links}{style}{detail}")


def _named(voice: Voice, name: str) -> str:
    return f"<contact callsign={_quoted(voice.mark + name)}/>"


def _remarks(voice: Voice, said: str) -> str:
    return f'<remarks source="Casemate">{escape(_said(voice.mark + said))}</remarks>'


def _own(notice: AnyNotice) -> str:
    told = {
        "kind": type(notice).__name__,
        "notice": notice.notice_id,
        "incident": notice.incident,
        "n": str(notice.n),
        "phase": notice.phase.value,
        "zone": notice.zone,
        "zone_list": notice.zone_list,
        "impact": iso(notice.t_impact_ns),
        "expires": iso(notice.t_expires_ns),
        "p_impact": f"{notice.p_impact:.4f}",
        "is_useful": str(notice.is_useful).lower(),
    }
    return f"<__casemate {' '.join(f'{key}={_quoted(value)}' for key, value in told.items())}/>"


def _long_half_axis_m(cov_m2: tuple[float, float, float]) -> float:
    ee, en, nn = cov_m2
    largest_m2 = 0.5 * (ee + nn) + math.hypot(0.5 * (ee - nn), en)
    return math.sqrt(-2.0 * math.log(1.0 - P_AREA) * largest_m2) if largest_m2 >= 0.0 else math.nan


def _said(text: str) -> str:
    return clean(text, _MAX_TEXT)


def _quoted(text: str) -> str:
    return quoteattr(_said(text))


def _after(t_ns: int, later_s: float) -> int:
    return t_ns + round(later_s * NS_PER_S)
