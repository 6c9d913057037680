"""What is said to sirens: topics and payloads. Which tree a message belongs to is the type of what it is made of."""

import re
from typing import Final, NamedTuple, assert_never

import msgspec

from casemate.constants import NS_PER_S
from casemate.model.messages import WarningPhase
from casemate.model.notices import (
    AnyHeartbeat,
    AnyNotice,
    DrillHeartbeat,
    ExerciseNotice,
    LiveHeartbeat,
    LiveNotice,
    RehearsalNotice,
)

LIVE: Final = "casemate"
DRILL: Final = "drill"
"""Roots of the two trees of topics; a siren that listens to the live one hears no drill."""
VERSION: Final = 1
"""Of the payloads: it goes up when a field changes its meaning or goes."""
_NS_PER_MS: Final = 1_000_000
_ODD: Final = re.compile(r"[/+#%_\x00-\x1f\x7f]")
_QUIET: Final = (WarningPhase.CLEAR, WarningPhase.WITHDRAWN)


class Out(NamedTuple):
    """A message to publish."""

    topic: str
    payload: bytes
    is_retained: bool
    expiry_s: int  # 0: never
    user: tuple[tuple[str, str], ...] = ()


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on a zone's topic; milliseconds, since JavaScript reads no larger whole numbers."""

    v: int
    kind: str  # "live", "exercise", "rehearsal"
    notice_id: str
    incident: str
    n: int
    phase: WarningPhase
    is_cover: bool  # people are to take cover, or to stay in it: what a siren sounds by
    zone: str
    zone_list: str
    t_sent_ms: int
    t_impact_ms: int
    t_expires_ms: int
    shelter_s: float
    p_impact: float
    is_useful: bool
    reason: str
    nonce: str  # that an acknowledgement answers with


class Unwatched(msgspec.Struct, frozen=True, kw_only=True):
    """A zone that nobody watches."""

    zone: str
    why: str


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """A heartbeat on the wire."""

    v: int
    kind: str  # "live", "drill"
    t_sent_ms: int
    picture_age_s: float | None  # since the end of the last scan that was worked in; None: none was
    unwatched: tuple[Unwatched, ...]
    alarmed: tuple[str, ...]
    sensors: dict[str, str]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the station is there; "lost" is its will, published by the broker."""

    v: int
    kind: str  # "live", "drill"
    status: str  # "online", "offline", "lost"


def level_of(zone: str) -> str:
    """Return a zone's name as a level of a topic: a blank becomes `_`; two names never make the same level.

    What a topic may not hold (`/`, `+`, `#`, control characters), `%` and `_` itself are written as in a URL.
    """
    return _ODD.sub(lambda odd: f"%{ord(odd[0]):02X}", zone).replace(" ", "_")


def kind_of(notice: AnyNotice) -> str:
    """Return the word for a notice's type."""
    match notice:
        case LiveNotice():
            return "live"
        case ExerciseNotice():
            return "exercise"
        case RehearsalNotice():
            return "rehearsal"
        case _:
            assert_never(notice)


def root_of(told: AnyNotice | AnyHeartbeat) -> str:
    """Return the tree that something belongs to, by its type."""
    match told:
        case LiveNotice() | LiveHeartbeat():
            return LIVE
        case ExerciseNotice() | RehearsalNotice() | DrillHeartbeat():
            return DRILL
        case _:
            assert_never(told)


def alarm(notice: AnyNotice, site: str, nonce: str, left_s: float) -> Out:
    """Return the retained message of a notice, which the broker forgets after `left_s`, a second at least."""
    kind = kind_of(notice)
    payload = Alarm(
        v=VERSION,
        kind=kind,
        notice_id=notice.notice_id,
        incident=notice.incident,
        n=notice.n,
        phase=notice.phase,
        is_cover=notice.phase not in _QUIET,
        zone=notice.zone,
        zone_list=notice.zone_list,
        t_sent_ms=notice.t_sent_ns // _NS_PER_MS,
        t_impact_ms=notice.t_impact_ns // _NS_PER_MS,
        t_expires_ms=notice.t_expires_ns // _NS_PER_MS,
        shelter_s=notice.shelter_s,
        p_impact=round(notice.p_impact, 3),
        is_useful=notice.is_useful,
        reason=notice.reason,
        nonce=nonce,
    )
    user = (
        ("kind", kind),
        ("incident", notice.incident),
        ("n", str(notice.n)),
        ("phase", str(notice.phase)),
    )
    topic = f"{root_of(notice)}/{site}/zone/{level_of(notice.zone)}/alarm"
    return Out(topic, msgspec.json.encode(payload), is_retained=True, expiry_s=max(1, round(left_s)), user=user)


def pulse(heartbeat: AnyHeartbeat, site: str, expiry_s: int) -> Out:
    """Return the message of a heartbeat."""
    root = root_of(heartbeat)
    age_s = (heartbeat.t_sent_ns - heartbeat.t_picture_ns) / NS_PER_S
    payload = Pulse(
        v=VERSION,
        kind=_word(root),
        t_sent_ms=heartbeat.t_sent_ns // _NS_PER_MS,
        picture_age_s=round(age_s, 3) if heartbeat.t_picture_ns else None,
        unwatched=tuple(Unwatched(zone=each.zone, why=each.why) for each in heartbeat.zones if not each.is_watched),
        alarmed=tuple(each.zone for each in heartbeat.zones if each.phase is not None and each.phase not in _QUIET),
        sensors=dict(heartbeat.sensors),
    )
    return Out(f"{root}/{site}/heartbeat", msgspec.json.encode(payload), is_retained=True, expiry_s=expiry_s)


def status(root: str, site: str, word: str) -> Out:
    """Return the retained message that says whether the station is there."""
    payload = Status(v=VERSION, kind=_word(root), status=word)
    return Out(f"{root}/{site}/status", msgspec.json.encode(payload), is_retained=True, expiry_s=0)


def _word(root: str) -> str:
    return "live" if root == LIVE else "drill"
