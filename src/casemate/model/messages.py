"""Messages: frozen structs that flow through the corridor and are journalled.

Inputs are `Scan`, `Tick` and `Aside`; the output of every step is `Events`.
"""

import math
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.records import FATE, IMPACT, TRACK, TRACK_CLASS, Records


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What every message has in common: it never changes after it was made."""


class Scan(Message, frozen=True, kw_only=True, tag=True):
    """What a sensor delivers at once: a sector of a rotation, a dwell, or a whole turn.

    The arc runs clockwise from `az_from_rad` to `az_to_rad` (equal values: all round) and tells what
    the sensor had a chance to see between `t_start_ns` and `t_end_ns`, so that a miss is a miss.
    """

    sensor_id: int
    t_start_ns: int
    t_end_ns: int
    t_recv_ns: int
    az_from_rad: float
    az_to_rad: float
    plots: np.ndarray  # PLOT (n,), read-only


class Tick(Message, frozen=True, kw_only=True, tag=True):
    """Time has passed: coasting, dropping and all-clear react to this, never to a clock."""

    t_ns: int


TICK_NS: Final = NS_PER_S // 2
"""Ticks are so far apart: a lone 1 Hz sensor may be silent for 1.5 s, and is told lost within 2 s [ns]."""


class Aside(Message, frozen=True, kw_only=True, tag=True):
    """Something known beside the plots (labels, truth): journalled and recorded, never shown to the pipeline."""

    t_ns: int
    kind: str
    rows: np.ndarray


class WarningLevel(StrEnum):
    """What a zone is told."""

    WARN = "warn"
    CLEAR = "clear"


class WarningPhase(StrEnum):
    """Where an alarm stands, from the first warning to its end."""

    WARN = "warn"
    UPDATE = "update"  # time or area changed, or another round joined
    IMPACT = "impact-expected"
    STAY = "stay"  # the impact is past, and cover is not to be left yet
    CLEAR = "all-clear"
    WITHDRAWN = "withdrawn"  # nothing came of it; the reason says why


class Threat(Message, frozen=True, kw_only=True, tag=True):
    """A track that may hit a defended asset."""

    threat_id: int
    track_id: int
    asset_id: int
    t_ns: int
    t_impact_ns: int
    p_hit: float
    round_class: str
    rank: int
    reason: str


class Cause(NamedTuple):
    """What one track adds to a zone's risk when a warning is issued: all that the decision knew of it."""

    track_id: int
    round_class: str
    t_impact_ns: int
    sigma_t_s: float
    p_hit: float  # comes down in the zone or near enough to hurt, if it is a round
    p_round: float  # that it is there and is a round
    n_hit: int  # plots so far
    point_m: tuple[float, float]  # of the impact: east, north
    cov_m2: tuple[tuple[float, float], tuple[float, float]]


class ZoneWarning(Message, frozen=True, kw_only=True, tag=True):
    """What one zone is told: take cover, a change of that, or all clear; and why.

    `supersedes` is the id of the warning that this one replaces, 0 for the first; `incident_id` is that of the first
    one, from there to the all-clear. `is_useful` is false when the time left is shorter than the zone needs to take
    cover: then no useful warning was possible. Benefit and cost are casualties: those that the warning is expected to
    spare, and what it is held to cost, in the whole zone where it declares its people, else per person.
    """

    warning_id: int
    zone_id: int
    level: WarningLevel
    t_issued_ns: int
    t_impact_ns: int
    p_impact: float
    threat_ids: tuple[int, ...]
    track_ids: tuple[int, ...]
    supersedes: int
    is_useful: bool
    reason: str
    phase: WarningPhase
    incident_id: int
    causes: tuple[Cause, ...] = ()  # of every track that counts now
    lead_s: float = math.nan  # from its issue to the first impact that is still to come; NaN: none is
    benefit: float = math.nan
    cost: float = math.nan
    would_change: str = ""  # what would have made the decision another one


class ZoneWatch(Message, frozen=True, kw_only=True, tag=True):
    """Who can see what comes down in a zone; told when it changes."""

    zone_id: int
    t_ns: int
    sensor_ids: tuple[int, ...]  # that deliver and see some of the ways down
    share: float  # of the ways down that any of them sees for long enough
    is_watched: bool
    reason: str


class SensorState(StrEnum):
    """What a sensor is worth at the moment."""

    WAITING = "waiting"  # declared, and nothing came from it yet
    OK = "ok"
    DEGRADED = "degraded"  # it delivers, and is further off than it was declared to be
    LOST = "lost"


class Registered(NamedTuple):
    """What common things say of a sensor's offsets: range [m], azimuth, elevation [rad], clock [s]; NaN: nothing."""

    bias: tuple[float, ...]  # (4,) what it says less what is
    sigma: tuple[float, ...]  # (4,)
    applied: tuple[str, ...]  # which of "range", "az", "el", "time" are taken off its plots
    n_common: int  # things that it and another sensor saw, so far
    trouble: str  # why it is degraded, empty: it is not


class SensorHealth(Message, frozen=True, kw_only=True, tag=True):
    """How a sensor is, told when it changes; offsets are what it says less what is, NaN where nothing is known."""

    sensor_id: int
    state: SensorState
    t_ns: int
    t_last_ns: int  # end of its last scan
    reason: str
    bias_range_m: float = math.nan
    bias_az_rad: float = math.nan
    bias_el_rad: float = math.nan
    bias_time_s: float = math.nan  # of its clock: positive where its stamps are late
    sigma_range_m: float = math.nan
    sigma_az_rad: float = math.nan
    sigma_el_rad: float = math.nan
    sigma_time_s: float = math.nan
    n_common: int = 0  # things that it and another sensor saw, so far
    applied: tuple[str, ...] = ()  # which of "range", "az", "el", "time" are taken off its plots


def _no_rows(dtype: np.dtype[np.void]) -> Records:
    return np.zeros(0, dtype)


class Events(Message, frozen=True, kw_only=True, tag=True):
    """All that one step changed: tracks touched, impacts predicted, threats, warnings, sensors, zones, counts."""

    t_ns: int
    tracks: np.ndarray = msgspec.field(default_factory=lambda: _no_rows(TRACK))
    classes: np.ndarray = msgspec.field(default_factory=lambda: _no_rows(TRACK_CLASS))  # row by row beside tracks
    impacts: np.ndarray = msgspec.field(default_factory=lambda: _no_rows(IMPACT))
    fates: np.ndarray = msgspec.field(default_factory=lambda: _no_rows(FATE))
    threats: tuple[Threat, ...] = ()
    warnings: tuple[ZoneWarning, ...] = ()
    sensors: tuple[SensorHealth, ...] = ()
    zones: tuple[ZoneWatch, ...] = ()
    diagnostics: dict[str, int] = msgspec.field(default_factory=dict[str, int])


Input = Scan | Tick | Aside
