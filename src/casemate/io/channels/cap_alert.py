"""A notice as a CAP 1.2 alert (OASIS, 1 July 2010): what is said to whom, as elements in the order of the schema.

One notice, one alert: an alert for several zones would have to be taken apart as soon as the first of them has an
update of its own, and its references would then cancel what still holds for the others.
"""

import math
from typing import Final, NamedTuple, assert_never
from urllib.parse import quote

from lxml import etree

from casemate.io.channels.cap_settings import Voice
from casemate.io.channels.rings import circle_of, is_place, parts_of
from casemate.io.channels.texts import Language, Wording, clean, time_of, word
from casemate.model.messages import WarningPhase
from casemate.model.notices import AnyNotice, ExerciseNotice, ImpactArea, LiveNotice, RehearsalNotice

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
P_OBSERVED: Final = 0.9
"""[A] From this probability on a hit counts as observed. Below, it is "Likely", never "Possible": cell broadcast drops
that (47 CFR 10.400: imminent threats are Observed or Likely), and the station decided to warn."""
MAX_NAME: Final = 250
_OVER: Final = frozenset({WarningPhase.CLEAR, WarningPhase.WITHDRAWN})


class _Shapes(NamedTuple):
    """What every language of an alert shares: the zone's polygons, and of each area of impact name, element, texts."""

    zone: list[str]
    impacts: list[tuple[int, str, list[str]]]


def identifier_of(notice_id: str) -> str:
    """Return a notice's id as CAP may carry it: spaces, commas, < and & escaped; different ids stay different."""
    return quote(notice_id, safe="~:", errors="backslashreplace")


def alert_of(notice: AnyNotice, voice: Voice, languages: tuple[Language, ...]) -> etree.Element:
    """Return the alert of a notice, not signed.

    Parameters
    ----------
    notice : AnyNotice
        Its type alone decides between Actual and Exercise.
    voice : Voice
    languages : tuple of Language
        An info each.
    """
    alert = etree.Element(_tag("alert"), nsmap={None: NAMESPACE})
    _add(alert, "identifier", identifier_of(notice.notice_id))
    _add(alert, "sender", voice.sender)
    _add(alert, "sent", stamp(notice.t_sent_ns))
    _add_status(alert, notice)
    if notice.references:
        parts = (
            f"{voice.sender},{identifier_of(each.notice_id)},{stamp(each.t_sent_ns)}" for each in notice.references
        )
        _add(alert, "references", " ".join(parts))
    _add(alert, "incidents", identifier_of(notice.incident))
    shapes = _Shapes(
        [_polygon(ring) for ring in parts_of(notice.ring_deg)],
        [] if notice.phase in _OVER else [_impact(each, voice) for each in notice.areas],
    )
    for language in languages:
        _add_info(alert, notice, voice, word(notice, language), shapes)
    return alert


def stamp(t_ns: int, *, is_rounded_up: bool = False) -> str:
    """Return a time as CAP writes it: whole seconds, and -00:00 for UTC, because the schema refuses Z."""
    return time_of(t_ns, is_rounded_up=is_rounded_up).strftime("%Y-%m-%dT%H:%M:%S-00:00")


def _add_status(alert: etree.Element, notice: AnyNotice) -> None:
    kind = _kind_of(notice)
    match notice:
        case LiveNotice():
            _add(alert, "status", "Actual")
            _add(alert, "msgType", kind)
            _add(alert, "scope", "Public")
        case ExerciseNotice() | RehearsalNotice():
            what = "An exercise" if isinstance(notice, ExerciseNotice) else "A rehearsal on recorded or invented data"
            _add(alert, "status", "Exercise")
            _add(alert, "msgType", kind)
            _add(alert, "scope", "Restricted")
            _add(alert, "restriction", "For those who take part in the exercise only.")
            _add(alert, "note", f"{what}: there is no danger.")
        case _:
            assert_never(notice)


def _kind_of(notice: AnyNotice) -> str:
    if not notice.references:  # nothing to update or cancel
        return "Alert"
    return "Cancel" if notice.phase is WarningPhase.WITHDRAWN else "Update"


def _add_info(alert: etree.Element, notice: AnyNotice, voice: Voice, said: Wording, shapes: _Shapes) -> None:
    info = _add(alert, "info")
    _add(info, "language", said.language)
    _add(info, "category", "Security")
    _add(info, "category", "Safety")
    _add(info, "event", said.event)
    is_over = notice.phase in _OVER
    _add(info, "responseType", "AllClear" if is_over else "Shelter")
    _add(info, "urgency", "Past" if is_over else "Immediate")
    _add(info, "severity", "Minor" if is_over else "Extreme")
    _add(info, "certainty", _certainty_of(notice))
    for code in voice.event_code:
        _add_pair(info, "eventCode", code.value_name, code.value)
    if not is_over:
        _add(info, "onset", stamp(notice.t_impact_ns))
    _add(info, "expires", stamp(max(notice.t_expires_ns, notice.t_sent_ns), is_rounded_up=True))
    _add(info, "senderName", clean(voice.sender_name, MAX_NAME))
    _add(info, "headline", said.headline)
    _add(info, "description", said.description)
    _add(info, "instruction", said.instruction)
    if voice.web:
        _add(info, "web", voice.web)
    if voice.contact:
        _add(info, "contact", clean(voice.contact, MAX_NAME))
    for name, value in _parameters_of(notice).items():
        _add_pair(info, "parameter", f"casemate:{name}", value)
    _add_areas(info, notice, voice, said, shapes)


def _certainty_of(notice: AnyNotice) -> str:
    match notice.phase:
        case WarningPhase.WITHDRAWN:
            return "Unlikely"
        case WarningPhase.CLEAR | WarningPhase.STAY:
            return "Observed"
        case WarningPhase.WARN | WarningPhase.UPDATE | WarningPhase.IMPACT:
            return "Observed" if notice.p_impact >= P_OBSERVED else "Likely"


def _parameters_of(notice: AnyNotice) -> dict[str, str]:
    p_impact = {"p_impact": f"{notice.p_impact:.4f}"} if math.isfinite(notice.p_impact) else {}
    return {
        "phase": notice.phase.value,
        "n": str(notice.n),
        **p_impact,
        "zone_list": clean(notice.zone_list, MAX_NAME),
        "station": clean(notice.station, MAX_NAME),
    }


def _add_areas(info: etree.Element, notice: AnyNotice, voice: Voice, said: Wording, shapes: _Shapes) -> None:
    area = _add(info, "area")
    _add(area, "areaDesc", said.zone)
    for polygon in shapes.zone:
        _add(area, "polygon", polygon)
    for code in voice.geocode:
        if code.zone == notice.zone:
            _add_pair(area, "geocode", code.value_name, code.value)
    for track_id, name, texts in shapes.impacts:
        if texts:
            area = _add(info, "area")
            _add(area, "areaDesc", f"{said.area} {track_id}")
            for text in texts:
                _add(area, name, text)


def _impact(impact: ImpactArea, voice: Voice) -> tuple[int, str, list[str]]:
    middle = impact.lat_deg, impact.lon_deg
    if voice.impact == "none":
        return impact.track_id, "", []
    if voice.impact == "circle" and is_place(*middle):
        lat_deg, lon_deg, radius_km = circle_of(middle, impact.ring_deg)
        return impact.track_id, "circle", [f"{lat_deg:.7f},{lon_deg:.7f} {radius_km:.3f}"]
    return impact.track_id, "polygon", [_polygon(ring) for ring in parts_of(impact.ring_deg)]


def _polygon(ring: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{lat:.7f},{lon:.7f}" for lat, lon in (*ring, ring[0]))


def _add_pair(parent: etree.Element, name: str, value_name: str, value: str) -> None:
    pair = _add(parent, name)
    _add(pair, "valueName", clean(value_name, MAX_NAME))
    _add(pair, "value", clean(value, MAX_NAME))


def _add(parent: etree.Element, name: str, text: str | None = None) -> etree.Element:
    child = etree.SubElement(parent, _tag(name))
    child.text = text
    return child


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
