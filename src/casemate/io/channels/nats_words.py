"""What stations of a region say to each other over NATS: subjects, payloads, and what the server keeps of them.

Notices, cards and heartbeats are JSON, pictures MessagePack: half the bytes, and a height that is not known stays NaN.
Whether something is live stands in its subject and in its type, and both must say the same.
"""

from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from casemate.model.catalog import SiteFile
from casemate.model.notices import (
    AnyHeartbeat,
    AnyNotice,
    AnyPicture,
    LiveHeartbeat,
    LiveNotice,
    LivePicture,
)

ROOT: Final = "casemate"
LIVE: Final = "live"
DRILL: Final = "drill"
"""Marks, second in every subject: who listens to the one hears nothing of the other."""
VERSION: Final = 1
"""Of the cards: it goes up when a field changes its meaning or goes."""
ID_HEADER: Final = "Nats-Msg-Id"

Token = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")]
"""A station's name in subjects."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Who a station is: what stands where; said when it connects, kept by the server."""

    v: int
    mark: str  # LIVE or DRILL
    heartbeat_s: float  # between two heartbeats
    site: SiteFile  # names, places, zones, assets and sensors; settings are the defaults


class Keeping(NamedTuple):
    """What the server keeps of some subjects."""

    stream: str
    subjects: tuple[str, ...]
    max_age_s: float
    max_per_subject: int  # -1: all
    duplicate_window_s: float  # in which a message id counts once


Said = Card | AnyNotice | AnyPicture | AnyHeartbeat

_NOTICE: Final = msgspec.json.Decoder(AnyNotice)
_HEARTBEAT: Final = msgspec.json.Decoder(AnyHeartbeat)
_CARD: Final = msgspec.json.Decoder(Card)
_PICTURE: Final = msgspec.msgpack.Decoder(AnyPicture)


def subject(mark: str, station: str, what: str) -> str:
    """Return the subject of a station's `notice`, `picture`, `heartbeat` or `card`; `*` stands for every station."""
    return f"{ROOT}.{mark}.{station}.{what}"


def keeping(mark: str) -> tuple[Keeping, Keeping]:
    """Return what is kept of notices, and of who and how stations are.

    Notices for a day: a round is down, and its alarm over or expired, within minutes. Their ids for an hour: a notice
    is tried again until it expires, and said again by a station that was restarted. Of stations the newest, for a week:
    so long does one that is lost, or was taken down, stand on the page.
    """
    notices = Keeping(f"CASEMATE-{mark.upper()}-NOTICES", (subject(mark, "*", "notice"),), 86_400.0, -1, 3_600.0)
    told = tuple(subject(mark, "*", what) for what in ("card", "heartbeat"))
    return notices, Keeping(f"CASEMATE-{mark.upper()}-STATIONS", told, 7 * 86_400.0, 1, 120.0)


def message_id(station: str, notice: AnyNotice) -> str:
    """Return what makes a notice that is sent twice one message: its id, unique by its station and time alone."""
    return f"{station}/{notice.notice_id}/{notice.t_sent_ns}"


def mark_of(said: Said) -> str:
    """Return the mark of what is said, by its type."""
    if isinstance(said, Card):
        return said.mark
    return LIVE if isinstance(said, LiveNotice | LivePicture | LiveHeartbeat) else DRILL


def card(mark: str, site: SiteFile, heartbeat_s: float) -> Card:
    """Return a station's card; of the site file only what a map shows."""
    shown = SiteFile(site=site.site, sensor=site.sensor, zone=site.zone, asset=site.asset)
    return Card(v=VERSION, mark=mark, heartbeat_s=heartbeat_s, site=shown)


def encode(said: Card | AnyHeartbeat) -> bytes:
    """Return the payload of how or who a station is."""
    return msgspec.json.encode(said)


def written(notice: AnyNotice, max_bytes: int) -> bytes:
    """Return the payload of a notice: it goes out, be it without the outlines of areas, or with fewer areas."""
    payload = msgspec.json.encode(notice)
    bare = tuple(area._replace(ring_deg=()) for area in notice.areas)
    while len(payload) > max_bytes and notice.areas:
        bare = bare if notice.areas[0].ring_deg else bare[: len(bare) // 2]
        notice = msgspec.structs.replace(notice, areas=bare)
        payload = msgspec.json.encode(notice)
    return payload


def packed(picture: AnyPicture, max_bytes: int) -> tuple[bytes, int]:
    """Return the payload of a picture, and how many tracks are not in it because the server takes no more bytes.

    The rings of areas are left out: middle and covariance say the same. The most round-like tracks go first.
    """
    areas = tuple(area._replace(ring_deg=()) for area in picture.areas)
    tracks, kept = sorted(picture.tracks, key=lambda each: -each.p_round), len(picture.tracks)
    while True:
        shown = msgspec.structs.replace(picture, tracks=tuple(tracks[:kept]), areas=areas)
        payload = msgspec.msgpack.encode(shown)
        if len(payload) <= max_bytes or not (kept or areas):
            return payload, len(tracks) - kept
        kept, areas = kept // 2, areas if kept else areas[: len(areas) // 2]


def decode(name: str, payload: bytes) -> tuple[str, Said]:
    """Return the station that something came from, and what it says.

    Parameters
    ----------
    name : str
        The subject that it came on.

    Raises
    ------
    ValueError
        It cannot be read, or its type is not what its subject says: nothing of a drill passes for live.
    """
    parts = name.split(".")
    if len(parts) != 4 or parts[0] != ROOT:
        raise ValueError(f"{name} is no subject of ours")
    _, mark, station, what = parts
    decoders = {"notice": _NOTICE, "picture": _PICTURE, "heartbeat": _HEARTBEAT, "card": _CARD}
    if what not in decoders:
        raise ValueError(f"{name} is no subject of ours")
    said: Said = decoders[what].decode(payload)  # a DecodeError is a ValueError
    if mark_of(said) != mark:
        raise ValueError(f"{type(said).__name__} came on {name}")
    if isinstance(said, Card) and said.v != VERSION:
        raise ValueError(f"the card of {station} is of version {said.v}; ours is {VERSION}")
    return station, said
