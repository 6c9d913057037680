"""Notices: what channels tell people. Whether it is live, an exercise or a rehearsal is the type, not a flag.

Each type is stamped once, where the data enters, and none can be made of another: a function that takes a `LiveNotice`
cannot be given what came of an exercise.
"""

from typing import Final, NamedTuple, final

from casemate.model.messages import Message, WarningPhase

P_AREA: Final = 0.90
"""Probability that the round comes down inside an `ImpactArea`."""


class Reference(NamedTuple):
    """An earlier notice of the same incident."""

    notice_id: str
    t_sent_ns: int


class ImpactArea(NamedTuple):
    """Where one round is expected to come down: the ellipse that holds 90 % of its probability, as a polygon."""

    track_id: int
    round_class: str
    t_impact_ns: int
    p_zone: float  # that it hits the zone
    lat_deg: float  # of the middle
    lon_deg: float
    height_m: float  # above mean sea level
    ring_deg: tuple[tuple[float, float], ...]  # (lat, lon) vertices, not closed
    cov_m2: tuple[float, float, float]  # ee, en, nn


class Notice(Message, frozen=True, kw_only=True):
    """What one zone is told, with all that any channel needs of it; never made itself, only its three kinds are.

    `notice_id` follows from run and warning alone, so that what is sent twice is known to be the same.
    """

    station: str
    notice_id: str
    incident: str  # the same from the first warning to the all-clear
    n: int  # in its incident, from 1
    phase: WarningPhase
    zone: str
    zone_list: str  # digest of the zones' names and polygons
    ring_deg: tuple[tuple[float, float], ...]  # of the zone: (lat, lon), not closed
    areas: tuple[ImpactArea, ...]
    t_sent_ns: int
    t_impact_ns: int
    t_expires_ns: int
    shelter_s: float
    p_impact: float
    is_useful: bool
    reason: str
    references: tuple[Reference, ...]  # all before it in the incident, in order


@final
class LiveNotice(Notice, frozen=True, kw_only=True, tag=True):
    """Of live feeds: the only kind that a live channel takes."""


@final
class ExerciseNotice(Notice, frozen=True, kw_only=True, tag=True):
    """Of a feed that carries an exercise: drill channels take it, and every word of it says so."""


@final
class RehearsalNotice(Notice, frozen=True, kw_only=True, tag=True):
    """Of a recording or of the rehearsed world: drill channels take it, and every word of it says so."""


DrillNotice = ExerciseNotice | RehearsalNotice
AnyNotice = LiveNotice | DrillNotice


class ZoneState(NamedTuple):
    """A zone as a heartbeat has it."""

    zone: str
    phase: WarningPhase | None  # None: quiet
    is_watched: bool
    why: str  # it is not watched


class Heartbeat(Message, frozen=True, kw_only=True):
    """That the station lives and what it can see: silence is not safety; never made itself, only its two kinds are."""

    station: str
    t_sent_ns: int
    t_picture_ns: int  # end of the last scan that was worked in; 0: none was
    zones: tuple[ZoneState, ...]
    sensors: tuple[tuple[str, str], ...]  # name, state


@final
class LiveHeartbeat(Heartbeat, frozen=True, kw_only=True, tag=True):
    """Of live feeds."""


@final
class DrillHeartbeat(Heartbeat, frozen=True, kw_only=True, tag=True):
    """Of an exercise or a rehearsal."""


class MapTrack(NamedTuple):
    """A track as a map has it."""

    track_id: int
    t_ns: int
    status: str
    kind: str  # rocket, mortar, shell, aircraft, ...
    p_round: float
    lat_deg: float
    lon_deg: float
    height_m: float  # above mean sea level; NaN: not known
    vel_mps: tuple[float, float, float]  # east, north, up


class Picture(Message, frozen=True, kw_only=True):
    """What maps show now; the newest replaces all before it. Never made itself, only its two kinds are."""

    station: str
    t_ns: int
    tracks: tuple[MapTrack, ...]
    areas: tuple[ImpactArea, ...]  # of every round that is predicted to come down


@final
class LivePicture(Picture, frozen=True, kw_only=True, tag=True):
    """Of live feeds."""


@final
class DrillPicture(Picture, frozen=True, kw_only=True, tag=True):
    """Of an exercise or a rehearsal."""


AnyPicture = LivePicture | DrillPicture
AnyHeartbeat = LiveHeartbeat | DrillHeartbeat
