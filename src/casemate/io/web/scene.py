"""What holds now: a pure fold of steps, notices and acknowledgements. No clock, no socket.

Arrays are never written after they were made, so that a copy of a scene shares them and costs next to nothing.
"""

import copy
from typing import Final, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.io.channels.areas import Place
from casemate.io.channels.texts import Language
from casemate.io.web.facts import Acknowledged, Acknowledgement, Alarm, Channel, Fact, Sensor, Zone, alarm_of
from casemate.model.messages import Aside, Events, Input, Scan, SensorState, ZoneWarning
from casemate.model.notices import Notice
from casemate.model.records import Records, Status, TrackStatus, freeze
from casemate.physics.environment import Environment
from casemate.physics.radar import SensorModel

SHOWN: Final = np.dtype(
    [
        ("track_id", "u4"),
        ("status", "u1"),
        ("motion", "u1"),
        ("kind", "u1"),
        ("is_height_known", "?"),
        ("t_ns", "i8"),
        ("state", "f8", (7,)),
        ("p_round", "f4"),
        ("p_exists", "f4"),
        ("sigma_m", "f4"),
    ]
)
"""A track as a picture needs it."""
LANDING: Final = np.dtype(
    [("track_id", "u4"), ("t_impact_ns", "i8"), ("sigma_t_s", "f4"), ("point_m", "f4", (2,)), ("cov_m2", "f4", (2, 2))]
)
PLACED: Final = np.dtype([("t_ns", "i8"), ("pos_m", "f4", (3,)), ("sensor_id", "u2"), ("is_used", "?")])
"""A plot, in ENU of the site."""
CRUMB: Final = np.dtype([("track_id", "u4"), ("t_ns", "i8"), ("pos_m", "f4", (3,))])
"""Where a track was."""

PAST_NS: Final = 5 * NS_PER_S
"""So long after its time an impact is still shown."""
ENDED_NS: Final = 600 * NS_PER_S
"""So long after its end an alarm is still listed."""
PLOTS_NS: Final = 2 * NS_PER_S
"""So long a plot waits for a picture that takes it."""
CRUMB_NS: Final = 2 * NS_PER_S
TRAIL_NS: Final = 60 * NS_PER_S
"""Where tracks were is kept each 2 s for a minute: whoever comes sees whole flights of rounds, which last as long."""


class Premises(NamedTuple):
    """What does not change while a page is served."""

    mark: str  # "", EXERCISE, SIMULATION or REPLAY
    run: str
    data: str  # LIVE, EXERCISE, RECORDING or SIMULATION
    place: Place
    sensors: tuple[SensorModel, ...]
    environment: Environment
    languages: tuple[Language, ...]


class Plots(NamedTuple):
    """Plots of one scan."""

    serial: int  # how many had come with it
    t_ns: int
    rows: Records  # PLACED


class Crumbs(NamedTuple):
    """Where tracks were at one time."""

    t_ns: int
    rows: Records  # CRUMB


class Scene:
    """What holds now.

    Parameters
    ----------
    premises : Premises
    """

    def __init__(self, premises: Premises) -> None:
        site = premises.place.site
        self.premises = premises
        self.t_ns = 0
        self.n_plots = 0
        self.tracks: Records = freeze(np.zeros(0, SHOWN))  # confirmed and coasting, by id
        self.landings: Records = freeze(np.zeros(0, LANDING))
        self.threatening: frozenset[int] = frozenset()  # tracks that may hit an asset
        self.plots: tuple[Plots, ...] = ()
        self.trail: tuple[Crumbs, ...] = ()
        self.alarms: dict[str, Alarm] = {}  # by incident
        self.decisions: dict[str, ZoneWarning] = {}  # the last of each incident of this run
        self.sensors = {
            each.name: Sensor(name=each.name, state=SensorState.WAITING.value, reason="", t_ns=0, t_last_ns=0)
            for each in site.sensor
        }
        self.zones = {
            each.name: Zone(name=each.name, is_watched=False, share=None, reason="nobody has said yet who sees it")
            for each in site.zone
        }
        self.channels: dict[str, Channel] = {}

    def copy(self) -> Self:
        """Return a scene of its own that holds the same."""
        other = copy.copy(self)
        other.alarms, other.sensors = dict(self.alarms), dict(self.sensors)
        other.decisions = dict(self.decisions)
        other.zones, other.channels = dict(self.zones), dict(self.channels)
        return other

    def take(self, message: Input, events: Events | None) -> tuple[Fact, ...]:
        """Take in a step; return the facts that it changed."""
        if isinstance(message, Aside):
            return self._note_channels(message) if message.kind == "channel" else ()
        if events is None:
            return ()
        self.t_ns = max(self.t_ns, events.t_ns)
        if isinstance(message, Scan):
            self._place(message, events.fates)
        self._note_tracks(events)
        for told in events.warnings:
            self.decisions[f"{self.premises.run}-{told.incident_id}"] = told
        self._forget()
        return self._note_health(events)

    def show(self, tracks: Records, landings: Records, threatening: frozenset[int]) -> None:
        """Take in tracks (`SHOWN`, by id) and landings (`LANDING`) as another made them, all at once."""
        self.tracks, self.landings, self.threatening = tracks, landings, threatening
        self._leave_crumbs()

    def pass_to(self, t_ns: int) -> None:
        """Let time pass, and forget what is past."""
        self.t_ns = max(self.t_ns, t_ns)
        self._forget()

    def hear(self, notice: Notice) -> tuple[Fact, ...]:
        """Take in a notice; return the alarm that it makes."""
        soonest = min(notice.areas, key=lambda area: area.t_impact_ns, default=None)
        is_its = self.landings["track_id"] == (-1 if soonest is None else soonest.track_id)
        sigma_t_s = float(self.landings["sigma_t_s"][is_its][0]) if is_its.any() else None
        before = self.alarms.get(notice.incident)
        alarm = alarm_of(notice, sigma_t_s, self.premises.languages, before)
        self.alarms[notice.incident] = alarm
        return (alarm,)

    def acknowledge(self, incident: str, by: str, t_ns: int) -> tuple[Fact, ...]:
        """Note who has seen an alarm; the first stays. Return what changed.

        Raises
        ------
        KeyError
            There is no such alarm.
        """
        alarm = self.alarms[incident]
        if alarm.acknowledged is not None:
            return ()
        self.alarms[incident] = msgspec.structs.replace(alarm, acknowledged=Acknowledgement(by=by, t_ns=t_ns))
        return (Acknowledged(incident=incident, by=by, t_ns=t_ns),)

    def _note_channels(self, message: Aside) -> tuple[Fact, ...]:
        told: list[Fact] = []
        for row in message.rows:
            lost = sum(int(row[f"n_{why}"]) for why in ("expired", "refused", "overflowed", "held"))
            channel = Channel(
                name=str(row["channel"]),
                state=str(row["state"]),
                n_sent=int(row["n_sent"]),
                n_waiting=int(row["n_waiting"]),
                n_lost=lost,
                why=str(row["why"]),
            )
            if self.channels.get(channel.name) != channel:
                self.channels[channel.name] = channel
                told.append(channel)
        return tuple(told)

    def _note_health(self, events: Events) -> tuple[Fact, ...]:
        site, told = self.premises.place.site, list[Fact]()
        for each in events.sensors:
            name, state = site.sensor[each.sensor_id].name, SensorState(each.state).value
            self.sensors[name] = Sensor(
                name=name, state=state, reason=each.reason, t_ns=each.t_ns, t_last_ns=each.t_last_ns
            )
            told.append(self.sensors[name])
        for each in events.zones:
            name = site.zone[each.zone_id].name
            reason = "" if each.is_watched else each.reason
            self.zones[name] = Zone(name=name, is_watched=each.is_watched, share=each.share, reason=reason)
            told.append(self.zones[name])
        return tuple(told)

    def _note_tracks(self, events: Events) -> None:
        touched = events.tracks["track_id"]
        if touched.size:
            self.tracks = _replaced(self.tracks, touched, _shown(events))
            self.landings = _replaced(self.landings, touched, _landings(events))
            threats = {threat.track_id for threat in events.threats}
            self.threatening = (self.threatening - frozenset(touched.tolist())) | threats
        self._leave_crumbs()

    def _leave_crumbs(self) -> None:
        t_told_ns = self.trail[-1].t_ns if self.trail else 0
        news = self.tracks[self.tracks["t_ns"] > t_told_ns]
        if news.size and self.t_ns - t_told_ns >= CRUMB_NS:
            crumbs = np.zeros(len(news), CRUMB)
            crumbs["track_id"], crumbs["t_ns"], crumbs["pos_m"] = news["track_id"], news["t_ns"], news["state"][:, :3]
            self.trail = (*self.trail, Crumbs(self.t_ns, freeze(crumbs)))

    def _place(self, scan: Scan, fates: Records) -> None:
        plots = scan.plots
        if not len(plots) or not 0 <= scan.sensor_id < len(self.premises.sensors):
            return
        model = self.premises.sensors[scan.sensor_id]
        rows = np.zeros(len(plots), PLACED)
        has_up = np.isfinite(plots["el_rad"])
        rows["pos_m"] = model.locate(plots["range_m"], plots["az_rad"], np.where(has_up, plots["el_rad"], 0.0))
        rows["pos_m"][~has_up, 2] = np.nan
        rows["t_ns"], rows["sensor_id"] = plots["t_ns"], scan.sensor_id
        rows["is_used"] = np.isin(plots["plot_id"], fates["plot_id"][fates["track_id"] > 0])
        rows = rows[np.isfinite(rows["pos_m"][:, :2]).all(axis=1)]
        self.n_plots += len(rows)
        self.plots = (*self.plots, Plots(self.n_plots, self.t_ns, freeze(rows)))

    def _forget(self) -> None:
        if self.plots and self.plots[0].t_ns < self.t_ns - PLOTS_NS:
            self.plots = tuple(each for each in self.plots if each.t_ns >= self.t_ns - PLOTS_NS)
        if self.trail and self.trail[0].t_ns < self.t_ns - TRAIL_NS:
            self.trail = tuple(each for each in self.trail if each.t_ns >= self.t_ns - TRAIL_NS)
        is_past = self.landings["t_impact_ns"] < self.t_ns - PAST_NS
        if is_past.any():
            self.landings = freeze(self.landings[~is_past])
        old_ns = self.t_ns - ENDED_NS
        for incident in [each.incident for each in self.alarms.values() if each.is_over and each.t_sent_ns < old_ns]:
            del self.alarms[incident]
            self.decisions.pop(incident, None)


def _replaced(rows: Records, touched: NDArray[np.uint32], new: Records) -> Records:
    """Return rows with those of the touched tracks gone and the new ones in, by id."""
    kept = rows[~np.isin(rows["track_id"], touched)]
    both = np.concatenate((kept, new))
    return freeze(both[np.argsort(both["track_id"], kind="stable")])


def _shown(events: Events) -> Records:
    is_up = np.isin(events.tracks["status"], (TrackStatus.CONFIRMED, TrackStatus.COASTING))
    tracks, classes = events.tracks[is_up], events.classes[is_up]
    rows = np.zeros(len(tracks), SHOWN)
    for name in ("track_id", "status", "motion", "is_height_known", "t_ns", "state", "p_exists"):
        rows[name] = tracks[name]
    rows["kind"], rows["p_round"] = classes["i_kind"], classes["p_round"]
    cov = tracks["cov"][:, :3, :3]
    is_sound = np.isfinite(cov).all(axis=(1, 2))
    rows["sigma_m"] = np.nan
    rows["sigma_m"][is_sound] = np.sqrt(np.maximum(np.linalg.eigvalsh(cov[is_sound])[:, -1], 0.0))
    return rows


def _landings(events: Events) -> Records:
    impacts = events.impacts
    impacts = impacts[np.isin(impacts["status"], (Status.OK, Status.OUT_OF_TABLE))]
    rows = np.zeros(len(impacts), LANDING)
    for name in LANDING.names or ():
        rows[name] = impacts[name]
    return rows
