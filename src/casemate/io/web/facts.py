"""What a page is told as text: alarms, acknowledgements, sensors, zones, channels. Each is a JSON object."""

from collections.abc import Sequence
from typing import Final

import msgspec

from casemate.io.channels.texts import Language, word
from casemate.model.messages import WarningPhase
from casemate.model.notices import AnyNotice, Notice

LANGUAGES: Final = ("en", "ar", "he")
"""Of the page."""
OVER: Final = frozenset({WarningPhase.CLEAR, WarningPhase.WITHDRAWN})


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """One thing that holds now; the newest of a name replaces the one before."""


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Who has seen an alarm, and when."""

    by: str
    t_ns: int


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """Where one round is expected to come down."""

    track_id: int
    ring_deg: tuple[tuple[float, float], ...]  # (lat, lon), not closed


class Alarm(Fact, frozen=True, kw_only=True, tag="alarm"):
    """What a zone is told: the newest notice of an incident."""

    incident: str
    notice_id: str
    serial: int  # in its incident, from 1
    phase: WarningPhase
    zone: str
    t_sent_ns: int
    t_impact_ns: int
    sigma_t_s: float | None  # of the soonest impact; None: not known
    t_expires_ns: int
    p_impact: float
    is_useful: bool
    shelter_s: float
    reason: str
    text: dict[str, str]  # a sentence by language
    tracks: tuple[int, ...]
    areas: tuple[Area, ...]
    acknowledged: Acknowledgement | None = None

    @property
    def is_over(self) -> bool:
        """Whether nobody has to take cover for it any more."""
        return self.phase in OVER


class Acknowledged(Fact, frozen=True, kw_only=True, tag="acknowledged"):
    """That somebody has seen an alarm."""

    incident: str
    by: str
    t_ns: int


class Sensor(Fact, frozen=True, kw_only=True, tag="sensor"):
    """How a sensor is."""

    name: str
    state: str
    reason: str
    t_ns: int
    t_last_ns: int  # end of its last scan, 0: none came


class Zone(Fact, frozen=True, kw_only=True, tag="zone"):
    """Whether a zone is watched."""

    name: str
    is_watched: bool
    share: float | None  # of the ways down into it that any sensor sees for long enough; None: not said yet
    reason: str


class Channel(Fact, frozen=True, kw_only=True, tag="channel"):
    """How a channel is."""

    name: str
    state: str
    n_sent: int
    n_waiting: int
    n_lost: int  # expired, refused, without room, or held
    why: str


def alarm_of(notice: Notice, sigma_t_s: float | None, languages: Sequence[Language], before: Alarm | None) -> Alarm:
    """Return a notice as the page has it.

    Parameters
    ----------
    notice : Notice
    sigma_t_s : float or None
        Of its soonest impact [s].
    languages : sequence of Language
    before : Alarm or None
        The notice of the same incident that it replaces: who has acknowledged that, has acknowledged the incident.
    """
    assert isinstance(notice, AnyNotice)  # only its three kinds are ever made
    return Alarm(
        incident=notice.incident,
        notice_id=notice.notice_id,
        serial=notice.n,
        phase=notice.phase,
        zone=notice.zone,
        t_sent_ns=notice.t_sent_ns,
        t_impact_ns=notice.t_impact_ns,
        sigma_t_s=sigma_t_s,
        t_expires_ns=notice.t_expires_ns,
        p_impact=notice.p_impact,
        is_useful=notice.is_useful,
        shelter_s=notice.shelter_s,
        reason=notice.reason,
        text={each.code: word(notice, each).headline for each in languages},
        tracks=tuple(area.track_id for area in notice.areas),
        areas=tuple(Area(track_id=area.track_id, ring_deg=area.ring_deg) for area in notice.areas),
        acknowledged=None if before is None else before.acknowledged,
    )
