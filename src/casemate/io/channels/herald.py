"""From what a step changed to what channels tell: notices, pictures, heartbeats, in degrees and names. Pure.

Which kind they are is the stamp that the herald was made with; nothing in here asks what it is.
"""

import math
from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.io.channels.areas import Landing, Place, areas_of
from casemate.io.channels.stamps import Stamp
from casemate.model.catalog import zone_list_digest
from casemate.model.messages import Cause, Events, Scan, SensorState, Tick, WarningPhase, ZoneWarning
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture, MapTrack, Reference, ZoneState
from casemate.model.records import TRACK, TRACK_CLASS, Kind, Status, TrackStatus

N = TypeVar("N", bound=AnyNotice)
P = TypeVar("P", bound=AnyPicture)
H = TypeVar("H", bound=AnyHeartbeat)

_PAST_NS: Final = 5 * NS_PER_S
"""So long after its time an impact is still shown."""
_FORGET_NS: Final = 600 * NS_PER_S
"""No round flies, and no zone stays warned of one, for longer."""
_STATUSES: Final = tuple(status.name.lower() for status in TrackStatus)
_KINDS: Final = tuple(kind.name.lower() for kind in Kind)
_ENDS: Final = frozenset({WarningPhase.CLEAR, WarningPhase.WITHDRAWN})


class _Zone(Generic[N]):
    """Where the incident of a zone stands."""

    def __init__(self) -> None:
        self.own = ""  # the incident, as this run's warnings name it
        self.incident = ""  # as it is told: of a run before, where that one's goes on
        self.phase: WarningPhase | None = None
        self.told: tuple[Reference, ...] = ()
        self.last: N | None = None  # None: quiet
        self.t_quiet_ns = 0  # since when a zone that was taken over is seen to be quiet; 0: it is not seen


class Herald(Generic[N, P, H]):
    """Turns steps into notices, pictures and heartbeats of its stamp's types.

    Parameters
    ----------
    stamp : Stamp
        The types of all that it makes.
    place : Place
        Whose zones `zone_id` counts.
    run : str
        Name of the run, part of every notice's id.
    hold_s : float
        How long after its impact's time a notice holds if nothing more is heard [s].
    unfinished : sequence of notices
        The last of each incident that a run before left: the next warning of that zone goes on with it. Where none
        comes it is ended, when the zone was watched and quiet for as long as an all-clear takes, or it has expired.
    """

    def __init__(
        self, stamp: Stamp[N, P, H], place: Place, run: str, hold_s: float, unfinished: Sequence[N] = ()
    ) -> None:
        self._stamp, self._place, self._run = stamp, place, run
        self._hold_ns = round(hold_s * NS_PER_S)
        self._zone_list = zone_list_digest(place.site.zone)
        self._zones: list[_Zone[N]] = [_Zone() for _ in place.site.zone]
        self._tracks: dict[int, tuple[np.void, np.void]] = {}  # TRACK and TRACK_CLASS, the newest of each
        self._impacts: dict[int, tuple[np.void, str]] = {}  # IMPACT and round class
        self._sensors = {each.name: "waiting" for each in place.site.sensor}
        self._watch = [(False, "nobody has said yet who sees it")] * len(place.site.zone)
        self._t_picture_ns = self._t_swept_ns = 0
        self._taken_over: set[int] = set()  # zones of incidents of a run before of which this one has said nothing
        self._quiet_ns = round(place.site.warning.clear_after_s * NS_PER_S)
        for notice in unfinished:
            self._take_over(notice)

    def take(self, message: Scan | Tick, events: Events) -> tuple[N, ...]:
        """Take a step in and return the notices that it calls for, in order."""
        if isinstance(message, Scan):
            self._t_picture_ns = max(self._t_picture_ns, message.t_end_ns)
        self._note(events)
        for health in events.sensors:
            self._sensors[self._place.site.sensor[health.sensor_id].name] = SensorState(health.state).value
        for watch in events.zones:
            self._watch[watch.zone_id] = watch.is_watched, "" if watch.is_watched else watch.reason
        told = [self._notice(each) for each in events.warnings]
        over = [each for zone_id in sorted(self._taken_over) for each in self._let_go(zone_id, events.t_ns)]
        return (*told, *over)

    def end(self, zone_id: int, t_ns: int, reason: str, phase: WarningPhase = WarningPhase.WITHDRAWN) -> tuple[N, ...]:
        """Return the end of a zone's incident before its time, none where the zone is quiet."""
        self._taken_over.discard(zone_id)
        state = self._zones[zone_id]
        last, state.last = state.last, None
        if last is None:
            return ()
        references = (*last.references, Reference(last.notice_id, last.t_sent_ns))
        state.phase, state.told = None, ()
        return (
            msgspec.structs.replace(
                last,
                notice_id=f"{last.notice_id}-ended",
                n=last.n + 1,
                phase=phase,
                areas=(),
                t_sent_ns=t_ns,
                t_expires_ns=max(last.t_expires_ns, t_ns + self._hold_ns),
                p_impact=0.0,
                reason=reason,
                references=references,
            ),
        )

    def picture(self, t_ns: int) -> P:
        """Return what maps show at `t_ns`."""
        shown = [each for each in self._impacts.values() if int(each[0]["t_impact_ns"]) + _PAST_NS >= t_ns]
        return self._stamp.picture(
            station=self._place.site.site.name,
            t_ns=t_ns,
            tracks=self._map_tracks(),
            areas=areas_of([_shown(*each) for each in shown], self._place),
        )

    def heartbeat(self, t_ns: int) -> H:
        """Return how the station and its zones are at `t_ns`."""
        zones = tuple(
            ZoneState(declared.name, zone.phase, *watch)
            for declared, zone, watch in zip(self._place.site.zone, self._zones, self._watch, strict=True)
        )
        return self._stamp.heartbeat(
            station=self._place.site.site.name,
            t_sent_ns=t_ns,
            t_picture_ns=self._t_picture_ns,
            zones=zones,
            sensors=tuple(self._sensors.items()),
        )

    def _take_over(self, notice: N) -> None:
        names = [zone.name for zone in self._place.site.zone]
        if notice.phase in _ENDS or notice.zone not in names:
            return
        zone_id = names.index(notice.zone)
        state = self._zones[zone_id]
        state.incident, state.phase, state.last = notice.incident, notice.phase, notice
        state.told = (*notice.references, Reference(notice.notice_id, notice.t_sent_ns))
        self._taken_over.add(zone_id)

    def _let_go(self, zone_id: int, t_ns: int) -> tuple[N, ...]:
        state, (is_watched, why) = self._zones[zone_id], self._watch[zone_id]
        state.t_quiet_ns = (state.t_quiet_ns or t_ns) if is_watched else 0
        if is_watched and t_ns - state.t_quiet_ns >= self._quiet_ns:
            quiet = f"the station was restarted; no active threat for {self._quiet_ns / NS_PER_S:.0f} s"
            return self.end(zone_id, t_ns, quiet, WarningPhase.CLEAR)
        if state.last is None or t_ns > state.last.t_expires_ns:
            return self.end(
                zone_id, t_ns, f"expired: the station was restarted, and since then {why or 'sees nothing'}"
            )
        return ()

    def _phase_of(self, told: ZoneWarning, state: _Zone[N]) -> WarningPhase:
        # and whether it is of an incident that is told already: a run before may have begun it
        own = f"{self._run}-{told.incident_id}"
        if state.own == own:
            return told.phase
        state.own = own
        if told.zone_id in self._taken_over:
            self._taken_over.discard(told.zone_id)
            return WarningPhase.UPDATE if told.phase is WarningPhase.WARN else told.phase
        state.incident, state.told = own, ()
        return told.phase

    def _notice(self, told: ZoneWarning) -> N:
        state, zone = self._zones[told.zone_id], self._place.site.zone[told.zone_id]
        notice_id, phase = f"{self._run}-{told.warning_id}", self._phase_of(told, state)
        areas = areas_of([_caused(cause) for cause in told.causes], self._place)
        ends = (told.t_impact_ns, told.t_issued_ns, *(area.t_impact_ns for area in areas))
        notice = self._stamp.notice(
            station=self._place.site.site.name,
            notice_id=notice_id,
            incident=state.incident,
            n=len(state.told) + 1,
            phase=phase,
            zone=zone.name,
            zone_list=self._zone_list,
            ring_deg=zone.polygon_deg,
            areas=() if phase in _ENDS else areas,
            t_sent_ns=told.t_issued_ns,
            t_impact_ns=told.t_impact_ns,
            t_expires_ns=max(ends) + self._hold_ns,
            shelter_s=zone.shelter_s,
            p_impact=told.p_impact,
            is_useful=told.is_useful,
            reason=told.reason,
            references=state.told,
        )
        state.phase = None if phase in _ENDS else phase
        state.told = () if phase in _ENDS else (*state.told, Reference(notice_id, told.t_issued_ns))
        state.last = None if phase in _ENDS else notice
        return notice

    def _note(self, events: Events) -> None:
        # Rows are kept as they came, and worked into degrees only where something is told of them.
        tracks = events.tracks
        ids, classes = tracks["track_id"].tolist(), events.classes["i_class"].tolist()
        is_shown = (tracks["status"] != TrackStatus.TENTATIVE) & (tracks["status"] != TrackStatus.DROPPED)
        for i in np.flatnonzero(is_shown).tolist():
            self._tracks[ids[i]] = tracks[i], events.classes[i]
        for i in tracks["track_id"][tracks["status"] == TrackStatus.DROPPED].tolist():
            self._tracks.pop(i, None)
        class_of: dict[int, int] = dict(zip(ids, classes, strict=True))
        is_found = np.isin(events.impacts["status"], (Status.OK, Status.OUT_OF_TABLE))
        for impact, track_id in zip(
            events.impacts[is_found], events.impacts["track_id"][is_found].tolist(), strict=True
        ):
            if class_of[track_id] >= 0:
                self._impacts[track_id] = impact, self._place.rounds[class_of[track_id]].name
        if events.t_ns - self._t_swept_ns > NS_PER_S:
            self._t_swept_ns, since_ns = events.t_ns, events.t_ns - _FORGET_NS
            self._impacts = {i: each for i, each in self._impacts.items() if each[0]["t_impact_ns"] > since_ns}

    def _map_tracks(self) -> tuple[MapTrack, ...]:
        if not self._tracks:
            return ()
        frame = self._place.frame
        tracks = np.fromiter((track for track, _ in self._tracks.values()), TRACK, len(self._tracks))
        judged = np.fromiter((each for _, each in self._tracks.values()), TRACK_CLASS, len(self._tracks))
        places = frame.enu_to_geodetic(tracks["state"][:, :3])
        heights_m = np.where(tracks["is_height_known"], places[:, 2] - frame.geoid_m, math.nan)
        columns: tuple[list[Any], ...] = (
            tracks["track_id"].tolist(),
            tracks["t_ns"].tolist(),
            [_STATUSES[i] for i in tracks["status"].tolist()],
            [_KINDS[i] for i in judged["i_kind"].tolist()],
            judged["p_round"].tolist(),
            places[:, 0].tolist(),
            places[:, 1].tolist(),
            heights_m.tolist(),
            [(e, n, u) for e, n, u in tracks["state"][:, 3:6].tolist()],
        )
        return tuple(MapTrack(*row) for row in zip(*columns, strict=True))


def _shown(impact: np.void, round_class: str) -> Landing:
    # of a picture, which means no zone: so no probability of one
    track_id, t_impact_ns = int(impact["track_id"]), int(impact["t_impact_ns"])
    return Landing(track_id, round_class, t_impact_ns, math.nan, impact["point_m"], impact["cov_m2"])


def _caused(cause: Cause) -> Landing:
    p_zone = cause.p_hit * cause.p_round
    return Landing(cause.track_id, cause.round_class, cause.t_impact_ns, p_zone, cause.point_m, cause.cov_m2)
