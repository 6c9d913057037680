"""From what a step changed to what channels tell: notices, pictures, heartbeats, in degrees and names. Pure.

Which kind they are is the stamp that the herald was made with; nothing in here asks what it is.
"""

import math
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.io.channels.stamps import Stamp
from casemate.model.catalog import RoundClass, SiteFile, zone_list_digest
from casemate.model.messages import Cause, Events, Scan, SensorState, Tick, WarningPhase, ZoneWarning
from casemate.model.notices import (
    P_AREA,
    AnyHeartbeat,
    AnyNotice,
    AnyPicture,
    ImpactArea,
    MapTrack,
    Reference,
    ZoneState,
)
from casemate.model.records import Kind, Status, TrackStatus
from casemate.physics.geodesy import SiteFrame
from casemate.physics.terrain import Terrain, ground_height_m

N = TypeVar("N", bound=AnyNotice)
P = TypeVar("P", bound=AnyPicture)
H = TypeVar("H", bound=AnyHeartbeat)

N_VERTICES: Final = 36
"""Of an ellipse as a polygon; its area is made exact, its edge is off by up to 0.4 % of the radius."""
_PAST_NS: Final = 5 * NS_PER_S
"""So long after its time an impact is still shown."""
_FORGET_NS: Final = 600 * NS_PER_S
"""No round flies, and no zone stays warned of one, for longer."""
_ENDS: Final = frozenset({WarningPhase.CLEAR, WarningPhase.WITHDRAWN})


class Place(NamedTuple):
    """What a herald knows of the site: names, polygons, frame and ground."""

    site: SiteFile
    rounds: tuple[RoundClass, ...]
    frame: SiteFrame
    terrain: Terrain | None


class _Zone(Generic[N]):
    """Where the incident of a zone stands."""

    def __init__(self) -> None:
        self.incident = ""
        self.phase: WarningPhase | None = None
        self.told: tuple[Reference, ...] = ()
        self.last: N | None = None  # None: quiet


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
    """

    def __init__(self, stamp: Stamp[N, P, H], place: Place, run: str, hold_s: float) -> None:
        self._stamp, self._place, self._run = stamp, place, run
        self._hold_ns = round(hold_s * NS_PER_S)
        self._zone_list = zone_list_digest(place.site.zone)
        self._zones: list[_Zone[N]] = [_Zone() for _ in place.site.zone]
        self._tracks: dict[int, tuple[np.void, np.void]] = {}  # TRACK and TRACK_CLASS, the newest of each
        self._impacts: dict[int, tuple[np.void, str]] = {}  # IMPACT and round class
        self._sensors = {each.name: "waiting" for each in place.site.sensor}
        self._watch = [(False, "nobody has said yet who sees it")] * len(place.site.zone)
        self._t_picture_ns = 0

    def take(self, message: Scan | Tick, events: Events) -> tuple[N, ...]:
        """Take a step in and return the notices that it calls for, in order."""
        if isinstance(message, Scan):
            self._t_picture_ns = max(self._t_picture_ns, message.t_end_ns)
        self._note(events)
        for health in events.sensors:
            self._sensors[self._place.site.sensor[health.sensor_id].name] = SensorState(health.state).value
        for watch in events.zones:
            self._watch[watch.zone_id] = watch.is_watched, "" if watch.is_watched else watch.reason
        return tuple(self._notice(each) for each in events.warnings)

    def end(self, zone_id: int, t_ns: int, reason: str) -> tuple[N, ...]:
        """Return the withdrawal of a zone's incident before its time, none where the zone is quiet."""
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
                phase=WarningPhase.WITHDRAWN,
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
            areas=tuple(_shown_area(*each, self._place) for each in shown),
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

    def _notice(self, told: ZoneWarning) -> N:
        state, zone = self._zones[told.zone_id], self._place.site.zone[told.zone_id]
        notice_id, incident, phase = f"{self._run}-{told.warning_id}", f"{self._run}-{told.incident_id}", told.phase
        if state.incident != incident:
            state.incident, state.told = incident, ()
        areas = tuple(_cause_area(cause, self._place) for cause in told.causes)
        ends = (told.t_impact_ns, told.t_issued_ns, *(area.t_impact_ns for area in areas))
        notice = self._stamp.notice(
            station=self._place.site.site.name,
            notice_id=notice_id,
            incident=incident,
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
        shown = events.tracks["status"] != TrackStatus.TENTATIVE
        for track, judged in zip(events.tracks[shown], events.classes[shown], strict=True):
            if track["status"] == TrackStatus.DROPPED:
                self._tracks.pop(int(track["track_id"]), None)
            else:
                self._tracks[int(track["track_id"])] = track, judged
        for impact in events.impacts[np.isin(events.impacts["status"], (Status.OK, Status.OUT_OF_TABLE))]:
            track_id = int(impact["track_id"])
            i_class = int(events.classes["i_class"][events.tracks["track_id"] == track_id][0])
            if i_class >= 0:
                self._impacts[track_id] = impact, self._place.rounds[i_class].name
        for i in [i for i, (row, _) in self._impacts.items() if int(row["t_impact_ns"]) + _FORGET_NS < events.t_ns]:
            del self._impacts[i]

    def _map_tracks(self) -> tuple[MapTrack, ...]:
        if not self._tracks:
            return ()
        frame = self._place.frame
        states = np.array([track["state"] for track, _ in self._tracks.values()])
        places = frame.enu_to_geodetic(states[:, :3]).tolist()
        return tuple(
            MapTrack(
                track_id=int(track["track_id"]),
                t_ns=int(track["t_ns"]),
                status=TrackStatus(int(track["status"])).name.lower(),
                kind=Kind(int(judged["i_kind"])).name.lower(),
                p_round=float(judged["p_round"]),
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                height_m=height_m - frame.geoid_m if track["is_height_known"] else math.nan,
                vel_mps=(float(state[3]), float(state[4]), float(state[5])),
            )
            for (track, judged), state, (lat_deg, lon_deg, height_m) in zip(
                self._tracks.values(), states, places, strict=True
            )
        )


def _shown_area(impact: np.void, round_class: str, place: Place) -> ImpactArea:
    # of a picture, which means no zone: so no probability of one
    track_id, t_impact_ns = int(impact["track_id"]), int(impact["t_impact_ns"])
    return area_of(track_id, round_class, t_impact_ns, math.nan, impact["point_m"], impact["cov_m2"], place)


def _cause_area(cause: Cause, place: Place) -> ImpactArea:
    p_zone, point_m, cov_m2 = cause.p_hit * cause.p_round, np.array(cause.point_m), np.array(cause.cov_m2)
    return area_of(cause.track_id, cause.round_class, cause.t_impact_ns, p_zone, point_m, cov_m2, place)


def area_of(
    track_id: int,
    round_class: str,
    t_impact_ns: int,
    p_zone: float,
    point_m: NDArray[np.float64],
    cov_m2: NDArray[np.float64],
    place: Place,
) -> ImpactArea:
    """Return the 90 % ellipse of a predicted impact as a polygon in degrees.

    Parameters
    ----------
    track_id, round_class, t_impact_ns
        Of the round.
    p_zone : float
        That it hits the zone, NaN where no zone is meant.
    point_m, cov_m2 : (2,) [m], (2, 2) [m2] float64
        Mean and covariance, east and north of the site.
    place : Place
        Its frame and ground.
    """
    frame = place.frame
    up_m = ground_up_m(place, point_m)
    lat_deg, lon_deg, height_m = (float(x) for x in frame.enu_to_geodetic(np.array([[*point_m, up_m]]))[0])
    ring_m = np.column_stack((ellipse_ring(point_m, cov_m2), np.full(N_VERTICES, up_m)))
    ring_deg = frame.enu_to_geodetic(ring_m)[:, :2].tolist()
    return ImpactArea(
        track_id=track_id,
        round_class=round_class,
        t_impact_ns=t_impact_ns,
        p_zone=p_zone,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        height_m=height_m - frame.geoid_m,
        ring_deg=tuple((lat, lon) for lat, lon in ring_deg),
        cov_m2=(float(cov_m2[0, 0]), float(cov_m2[0, 1]), float(cov_m2[1, 1])),
    )


def ellipse_ring(point_m: NDArray[np.float64], cov_m2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the region that holds `P_AREA` of a 2D normal as a polygon (36, 2) [m] of the same area.

    Notes
    -----
    It runs against the clock. Its radius in sigmas is the root of -2 ln(1 - P) = 2.146. A polygon on the ellipse would
    have 0.5 % less area, so its corners lie 0.25 % outside.
    """
    variances, axes = np.linalg.eigh(cov_m2)
    axes[:, 0] *= np.sign(np.linalg.det(axes))  # a rotation, so that the polygon runs against the clock
    angles = 2.0 * np.pi * np.arange(N_VERTICES) / N_VERTICES
    radius = math.sqrt(-2.0 * math.log(1.0 - P_AREA))
    radius *= math.sqrt(2.0 * math.pi / (N_VERTICES * math.sin(2.0 * math.pi / N_VERTICES)))
    circle = radius * np.column_stack((np.cos(angles), np.sin(angles)))
    return np.asarray(point_m + (circle * np.sqrt(np.maximum(variances, 0.0))) @ axes.T)


def ground_up_m(place: Place, point_m: NDArray[np.float64]) -> float:
    """Return the up coordinate of the ground at a point (2,) [m] of the site's plane."""
    e_m, n_m = float(point_m[0]), float(point_m[1])
    frame = place.frame
    is_flat = place.site.environment.earth == "flat"
    drop_m = 0.0 if is_flat else (e_m * e_m + n_m * n_m) / (2.0 * frame.radius_m)
    if place.terrain is None:
        return -drop_m
    return ground_height_m(place.terrain, e_m, n_m) - frame.height_m - drop_m
