"""Many stations as one scene: a pure fold of what they say. No clock, no socket.

Whatever order, however often and after whatever restart something comes, the newest notice of each incident holds; a
station that is not heard shouts, and nothing that it said last is shown as if it still were so.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.io.channels.areas import Place
from casemate.io.channels.nats_words import Card, Said
from casemate.io.channels.texts import Language
from casemate.io.web.facts import Channel, Fact, Sensor, Zone, alarm_of
from casemate.io.web.region_rows import landings_of, region_id, tracks_of, turn_of
from casemate.io.web.scene import LANDING, SHOWN, Premises, Scene
from casemate.model.catalog import DefendedAsset, RadarSite, SiteFile, SitePoint, TrackingSettings, WarningZone
from casemate.model.messages import SensorState, WarningPhase
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture
from casemate.model.records import Records, freeze
from casemate.physics.drag import drag_curve_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models

T = TypeVar("T", RadarSite, WarningZone, DefendedAsset)

N_BEATS: Final = 3
"""Who is not heard for so many heartbeats is lost, as every channel has it."""
CLOCK_NS: Final = 2 * NS_PER_S
"""A live station's clock may be so far from ours before it is said."""
_BEAT_S: Final = 10.0  # of a station that has not said how often it speaks: the default
_NOWHERE: Final = SitePoint(name="", lat_deg=0.0, lon_deg=0.0, height_m=0.0)


class Heard(NamedTuple):
    """Something that a station said."""

    station: str
    said: Said
    t_ns: int  # when it came, or the server took it down; of our clock


class _Station:
    # What holds of one station.

    def __init__(self, number: int, t_ns: int) -> None:
        self.number, self.t_heard_ns = number, t_ns
        self.ahead_ns: int | None = None  # its clock less ours, delay included; None: it has not said
        self.card: Card | None = None
        self.heartbeat: AnyHeartbeat | None = None
        self.picture: AnyPicture | None = None
        self.tracks: Records = freeze(np.zeros(0, SHOWN))
        self.landings: Records = freeze(np.zeros(0, LANDING))
        self.turn: NDArray[np.float64] = np.eye(3)
        self.n_notices = self.n_refused = 0
        self.why = ""  # the last was refused
        self.is_lost, self.is_drawn = False, True

    def is_late(self, t_ns: int) -> bool:
        beat_s = _BEAT_S if self.card is None else self.card.heartbeat_s
        return t_ns - self.t_heard_ns > N_BEATS * beat_s * NS_PER_S


class Region:
    """What all stations of a region say.

    Parameters
    ----------
    name : str
    mark : str
        Empty for what is live; else it stands on everything.
    languages : sequence of Language

    Attributes
    ----------
    scene : Scene
        Another one after each change of what stands where.
    """

    def __init__(self, name: str, mark: str, languages: Sequence[Language]) -> None:
        self._name, self._mark, self._languages = name, mark, tuple(languages)
        self._stations: dict[str, _Station] = {}
        self._orders: dict[str, tuple[int, int]] = {}  # of each incident: when it began, number of its newest notice
        self._notices: dict[str, AnyNotice] = {}  # that newest one
        self.scene = Scene(self._premises())

    @property
    def stations(self) -> dict[str, str]:
        """How each station is: "ok" or "lost"."""
        return {name: "lost" if each.is_lost else "ok" for name, each in self._stations.items()}

    def take(self, heard: Heard) -> tuple[Fact, ...]:
        """Take in what a station said; return the facts that it changed."""
        station, said = self._station(heard.station, heard.t_ns), heard.said
        facts: tuple[Fact, ...] = ()
        if isinstance(said, AnyNotice):
            facts = self._hear(heard.station, station, said)
        elif isinstance(said, AnyPicture):
            station.picture, station.ahead_ns = said, said.t_ns - heard.t_ns
            station.is_drawn = False  # when time passes: of those that come faster the newest is, and no alarm waits
        elif isinstance(said, AnyHeartbeat):
            station.heartbeat, station.ahead_ns = said, said.t_sent_ns - heard.t_ns
            station.t_heard_ns = max(station.t_heard_ns, heard.t_ns)
            facts = self._health(heard.station)
        else:
            self._place(station, said)
            facts = self._health(heard.station)
        return (*facts, *self._tell_station(heard.station))

    def refuse(self, name: str, why: str, t_ns: int) -> tuple[Fact, ...]:
        """Note that something came in a station's name that cannot be read or believed."""
        station = self._station(name, t_ns)
        station.n_refused, station.why = station.n_refused + 1, why
        return self._tell_station(name)

    def link(self, why: str) -> tuple[Fact, ...]:
        """Note how the way to the server is; empty: it stands."""
        return self._set(Channel(name="NATS", state="dead" if why else "ok", n_sent=0, n_waiting=0, n_lost=0, why=why))

    def pass_to(self, t_ns: int) -> tuple[Fact, ...]:
        """Let time pass (of our clock): stations that are not heard are lost, what nobody says again expires."""
        facts: list[Fact] = []
        for station in [each for each in self._stations.values() if not each.is_drawn]:
            self._draw(station)
        for name, station in self._stations.items():
            if station.is_late(t_ns) != station.is_lost:
                station.is_lost = not station.is_lost
                facts += [*self._health(name), *self._tell_station(name)]
                self._mix()
        facts += self._expire(t_ns)
        drills = [each.ahead_ns or 0 for each in self._stations.values() if not each.is_lost]
        self.scene.pass_to(t_ns + (max(drills, default=0) if self._mark else 0))
        for incident in [each for each in self._notices if each not in self.scene.alarms]:
            del self._notices[incident], self._orders[incident]
        return tuple(facts)

    def _station(self, name: str, t_ns: int) -> _Station:
        if name not in self._stations:
            self._stations[name] = _Station(len(self._stations) + 1, t_ns)
        return self._stations[name]

    def _hear(self, name: str, station: _Station, notice: AnyNotice) -> tuple[Fact, ...]:
        incident = f"{name}:{notice.incident}"
        began_ns = notice.references[0].t_sent_ns if notice.references else notice.t_sent_ns
        before, order = self._orders.get(incident, (0, 0)), (began_ns, notice.n)
        if order <= before and incident in self._orders:  # it came before, or what replaces it did
            return ()
        station.n_notices += 1
        named = msgspec.structs.replace(
            notice,
            incident=incident,
            notice_id=f"{name}:{notice.notice_id}",
            zone=f"{name}: {notice.zone}",
            areas=tuple(each._replace(track_id=region_id(station.number, each.track_id)) for each in notice.areas),
        )
        if before[0] != began_ns:  # another incident under an old name: nobody has acknowledged this one
            self.scene.alarms.pop(incident, None)
        self._orders[incident], self._notices[incident] = order, named
        facts = self._alarm(named)
        self._mix()
        return facts

    def _alarm(self, notice: AnyNotice) -> tuple[Fact, ...]:
        alarm = alarm_of(notice, None, self._languages, self.scene.alarms.get(notice.incident))
        self.scene.alarms[notice.incident] = alarm
        return (alarm,)

    def _expire(self, t_ns: int) -> tuple[Fact, ...]:
        facts: list[Fact] = []
        for incident, notice in self._notices.items():
            alarm = self.scene.alarms.get(incident)
            station = self._stations[incident.partition(":")[0]]
            if alarm is None or alarm.is_over or notice.t_expires_ns >= t_ns + (station.ahead_ns or 0):
                continue
            over = {"phase": WarningPhase.WITHDRAWN, "areas": (), "reason": "expired: nothing more was heard of it"}
            facts += self._alarm(msgspec.structs.replace(notice, **over))
        return tuple(facts)

    def _health(self, name: str) -> tuple[Fact, ...]:
        # of zones and sensors: as the last heartbeat has it, or lost with the station
        station = self._stations[name]
        beat, card = station.heartbeat, station.card
        lost = f"station {name} is lost: not heard since {_clock(station.t_heard_ns)}" if station.is_lost else ""
        zones = {} if card is None else dict.fromkeys([each.name for each in card.site.zone], "nobody said who sees it")
        zones |= {} if beat is None else {each.zone: "" if each.is_watched else each.why or "-" for each in beat.zones}
        sensors = {} if card is None else {each.name: SensorState.WAITING.value for each in card.site.sensor}
        sensors |= {} if beat is None else dict(beat.sensors)
        facts: list[Fact] = []
        for zone, why in zones.items():
            why = lost or why  # noqa: PLW2901 the station's loss is the better reason
            facts += self._set(Zone(name=f"{name}: {zone}", is_watched=not why, share=None, reason=why))
        for sensor, own in sensors.items():
            state = SensorState.LOST.value if lost else own
            t_ns, t_last_ns = (0, 0) if beat is None else (beat.t_sent_ns, beat.t_picture_ns)
            told = Sensor(name=f"{name}: {sensor}", state=state, reason=lost, t_ns=t_ns, t_last_ns=t_last_ns)
            known = self.scene.sensors.get(told.name)
            if known is None or (known.state, known.reason) != (told.state, told.reason):
                facts += self._set(told)
        return tuple(facts)

    def _tell_station(self, name: str) -> tuple[Fact, ...]:
        station, why = self._stations[name], ""
        if station.is_lost:
            why = f"not heard since {_clock(station.t_heard_ns)}"
        elif station.n_refused:
            why = f"{station.n_refused} refused, the last: {station.why}"
        elif not self._mark and station.ahead_ns is not None and abs(station.ahead_ns) > CLOCK_NS:
            why = f"its clock is {round(station.ahead_ns / NS_PER_S):+d} s from ours"
        return self._set(
            Channel(
                name=f"station {name}",
                state="dead" if station.is_lost else "ok",
                n_sent=station.n_notices,
                n_waiting=0,
                n_lost=station.n_refused,
                why=why,
            )
        )

    def _set(self, fact: Zone | Sensor | Channel) -> tuple[Fact, ...]:
        # nothing where it was known
        match fact:
            case Zone():
                known, self.scene.zones[fact.name] = self.scene.zones.get(fact.name), fact
            case Sensor():
                known, self.scene.sensors[fact.name] = self.scene.sensors.get(fact.name), fact
            case Channel():
                known, self.scene.channels[fact.name] = self.scene.channels.get(fact.name), fact
        return () if known == fact else (fact,)

    def _place(self, station: _Station, card: Card) -> None:
        # A new scene around what stands where; everything that is no place stays.
        known, station.card = station.card, card
        if known is not None and known.site == card.site:
            return
        old, self.scene = self.scene, Scene(self._premises())
        self.scene.t_ns, self.scene.alarms, self.scene.channels = old.t_ns, dict(old.alarms), dict(old.channels)
        self.scene.zones |= {name: old.zones[name] for name in self.scene.zones if name in old.zones}
        self.scene.sensors |= {name: old.sensors[name] for name in self.scene.sensors if name in old.sensors}
        for each in self._stations.values():
            self._draw(each)

    def _draw(self, station: _Station) -> None:
        frame = self.scene.premises.place.frame
        if station.card is not None:
            station.turn = turn_of(frame, SiteFrame.of(station.card.site.site))
        station.is_drawn = True
        if station.picture is not None:
            station.tracks = tracks_of(station.picture, station.number, frame, station.turn)
            station.landings = landings_of(station.picture, station.number, frame, station.turn)
        self._mix()

    def _mix(self) -> None:
        heard = [each for each in self._stations.values() if not each.is_lost]
        tracks = np.concatenate([np.zeros(0, SHOWN), *(each.tracks for each in heard)])
        landings = np.concatenate([np.zeros(0, LANDING), *(each.landings for each in heard)])
        tracks, landings = (rows[np.argsort(rows["track_id"], kind="stable")] for rows in (tracks, landings))
        threats = frozenset(i for alarm in self.scene.alarms.values() if not alarm.is_over for i in alarm.tracks)
        self.scene.show(freeze(tracks), freeze(landings), threats)

    def _premises(self) -> Premises:
        sites = {name: each.card.site for name, each in self._stations.items() if each.card is not None}
        site = SiteFile(
            site=_middle([each.site for each in sites.values()], self._name),
            sensor=tuple(_named(name, each) for name, site in sites.items() for each in site.sensor),
            zone=tuple(_named(name, each) for name, site in sites.items() for each in site.zone),
            asset=tuple(_named(name, each) for name, site in sites.items() for each in site.asset),
        )
        frame = SiteFrame.of(site.site)
        air = build_environment(site.environment, frame, drag_curve_of(TrackingSettings().drag_curve))
        data = "EXERCISE" if self._mark else "LIVE"
        sensors = sensor_models(site.sensor, frame)
        return Premises(self._mark, "region", data, Place(site, (), frame, None), sensors, air, self._languages)


def _named(station: str, thing: T) -> T:
    return msgspec.structs.replace(thing, name=f"{station}: {thing.name}")


def _middle(points: Sequence[SitePoint], name: str) -> SitePoint:
    """Return the middle of the smallest square of degrees that holds all, at their mean heights."""
    if not points:
        return msgspec.structs.replace(_NOWHERE, name=name)
    lats, lons = [each.lat_deg for each in points], [each.lon_deg for each in points]
    geoids = [each.geoid_m for each in points if each.geoid_m is not None]
    return SitePoint(
        name=name,
        lat_deg=(min(lats) + max(lats)) / 2.0,
        lon_deg=(min(lons) + max(lons)) / 2.0,
        height_m=sum(each.height_m for each in points) / len(points),
        geoid_m=sum(geoids) / len(geoids) if geoids else None,
    )


def _clock(t_ns: int) -> str:
    return f"{datetime.fromtimestamp(t_ns // NS_PER_S, UTC):%H:%M:%S} UTC"
