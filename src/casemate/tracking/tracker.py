"""The tracker: from the plots of each scan to tracks, by the likeliest of many explanations.

Track-oriented multiple hypotheses. Every leaf is one history of plots; a scan grows leaves (`kernels.growth`), pairs
of plots begin new ones (`kernels.births`), the global hypothesis chooses among them (`kernels.choice`), and what is
older than the window is settled (`kernels.pruning`). A choice can be undone as long as its plots are in the window.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.messages import Scan
from casemate.model.records import FATE, TRACK, Records, Refusal, TrackStatus, freeze
from casemate.physics.environment import Environment
from casemate.physics.radar import SensorModel, arc_width
from casemate.tracking import door
from casemate.tracking.bank import Bank
from casemate.tracking.filter import Floats, Ints, floats_of
from casemate.tracking.hypotheses import Chosen, Hypotheses, Settings, Sweep
from casemate.tracking.salvo import Race


class Snapshot(NamedTuple):
    """A tracker's state, by value."""

    race: Race
    t_first_ns: tuple[int, ...]
    t_last_ns: tuple[int, ...]
    seen: tuple[door.Seen, ...]
    last: Records


class TrackStep(NamedTuple):
    """What one step changed."""

    tracks: Records  # TRACK (n,), the tracks touched, by id
    fates: Records  # FATE (m,), one for each plot of the scan, in its order
    diagnostics: dict[str, int]


_TENTATIVE = int(TrackStatus.TENTATIVE)
_COUNTS: tuple[str, ...] = (
    "plots_in",
    "plots_assigned",
    "clusters",
    "tracks_born",
    "tracks_confirmed",
    "tracks_dropped",
)


class Tracker:
    """Keeps the tracks of a site; steps by `Scan` and `Tick`. Pure: the same inputs give the same tracks.

    Parameters
    ----------
    sensors : sequence of SensorModel
        In the order that `sensor_id` counts.
    environment : Environment
        Air, drag and Earth for the ballistic model.
    settings : Settings
    """

    def __init__(
        self, sensors: Sequence[SensorModel], environment: Environment, settings: Settings | None = None
    ) -> None:
        self.sensors, self.settings = tuple(sensors), settings or Settings()
        self._hypotheses = Hypotheses(self.sensors, environment, self.settings)
        self._bounds = [door.bounds_of(sensor) for sensor in self.sensors]
        self._period_ns = [round(sensor.scan_period_s * NS_PER_S) for sensor in self.sensors]
        self._race = Race(self._hypotheses)
        self._t_first_ns: list[int] = [0] * len(self.sensors)
        self._t_last_ns = [0] * len(self.sensors)
        self._seen = [door.NOTHING_SEEN for _ in self.sensors]
        self._last: Records = np.zeros(0, TRACK)

    @property
    def bank(self) -> Bank:
        """The leaves and recent plots of the hypothesis about salvos that leads."""
        return self._race.bank

    def update(self, scan: Scan) -> TrackStep:
        """Take in what a sensor delivered: refuse, grow hypotheses, choose, settle, report."""
        counts: dict[str, int] = dict.fromkeys(_COUNTS, 0)
        counts["plots_in"] = len(scan.plots)
        fates = np.zeros(len(scan.plots), FATE)
        fates["plot_id"] = scan.plots["plot_id"]
        values = floats_of(scan.plots)
        fates["refusal"] = refusal = self._judge(scan, values)
        if np.count_nonzero(refusal):
            for why, number in enumerate(np.bincount(refusal)):
                if why and number:
                    counts[f"refused_{Refusal(why).name.lower()}"] = int(number)
        if not door.is_known(scan, len(self.sensors)) or not door.is_timely(scan):
            return TrackStep(freeze(np.zeros(0, TRACK)), freeze(fates), counts)
        used = (refusal == 0).nonzero()[0]
        t_ns, values = scan.plots["t_ns"][used], values[used]
        self._remember(scan, t_ns, values)
        sweep = self._sweep(scan, t_ns, values)
        tracks = self._step(sweep, counts)
        fates["track_id"][used] = owners = self._owners(sweep)
        counts["plots_assigned"] = int(np.count_nonzero(owners))
        if len(used) < len(fates):
            door.follow_repeats(scan.plots, fates)
        return TrackStep(tracks, freeze(fates), counts)

    def tick(self, t_ns: int) -> TrackStep:
        """Let time pass without plots: tracks coast, and are dropped when it has been too long."""
        counts: dict[str, int] = dict.fromkeys(_COUNTS, 0)
        fates = freeze(np.zeros(0, FATE))
        if not 0 <= t_ns < door.LATEST_NS:
            return TrackStep(freeze(np.zeros(0, TRACK)), fates, counts)
        bank, hypotheses = self.bank, self._hypotheses
        bank.leaves["is_fresh"][bank.order], bank.leaves["is_touched"][bank.order] = False, False
        hypotheses.age(bank, hypotheses.look_ahead(bank, t_ns), t_ns)
        bank.keep(bank.of("status") != TrackStatus.DROPPED)
        slots = bank.order[bank.of("is_chosen")]
        rows = self._close(Chosen(slots, bank.leaves["is_touched"][slots], 0, 0), t_ns, counts)
        return TrackStep(rows, fates, counts)

    def picture(self, t_ns: int) -> Records:
        """Give every track as a TRACK row at a time, by id; no later step answers otherwise for it."""
        self.bank.leaves["is_fresh"] = False  # else a row would be at its last hit; every step sets it anew
        rows = self._hypotheses.report(self.bank, self.bank.order[self.bank.of("is_chosen")], t_ns)
        return freeze(rows[np.argsort(rows["track_id"])])

    def snapshot(self) -> Snapshot:
        """Copy all that decides what later steps answer."""
        times = tuple(self._t_first_ns), tuple(self._t_last_ns)
        return Snapshot(self._race.copy(), *times, tuple(self._seen), self._last.copy())

    def restore(self, snapshot: Snapshot) -> None:
        """Take back the state of a snapshot, which stays as it is."""
        self._race, self._last = snapshot.race.copy(), snapshot.last.copy()
        self._t_first_ns, self._t_last_ns = list(snapshot.t_first_ns), list(snapshot.t_last_ns)
        self._seen = list(snapshot.seen)

    def _judge(self, scan: Scan, values: Floats) -> NDArray[np.uint8]:
        if not door.is_known(scan, len(self.sensors)):
            return np.full(len(scan.plots), Refusal.UNKNOWN_SENSOR, np.uint8)
        s = scan.sensor_id
        return door.judge(scan, values, self._bounds[s], self._t_late_ns(s), self._seen[s])

    def _remember(self, scan: Scan, t_ns: Ints, values: Floats) -> None:
        # sectors of one turn overlap a little in time: what may still come late may also come twice
        s = scan.sensor_id
        self._t_last_ns[s] = max(self._t_last_ns[s], scan.t_end_ns)
        self._seen[s] = door.add_seen(self._seen[s], t_ns, values, self._t_late_ns(s))

    def _t_late_ns(self, sensor_id: int) -> int:
        return door.late_before_ns(self._t_last_ns[sensor_id], self.sensors[sensor_id])

    def _sweep(self, scan: Scan, t_ns: Ints, values: Floats) -> Sweep:
        s = scan.sensor_id
        arc = scan.az_from_rad, arc_width(scan.az_from_rad, scan.az_to_rad)
        spots = self._hypotheses.spots_of(s, t_ns, values)
        return Sweep(s, scan.t_start_ns, scan.t_end_ns, arc, spots, self._parts(s, t_ns))

    def _parts(self, sensor_id: int, t_ns: Ints) -> tuple[Ints, ...]:
        # A scan that lasts most of a turn may hold the same thing twice, at its beginning and at its end.
        if len(t_ns) == 0:
            return ()
        first, last = int(t_ns.min()), int(t_ns.max())
        if last - first <= 0.6 * self._period_ns[sensor_id]:
            return (np.arange(len(t_ns)),)
        edges = np.arange(first, last, max(self._period_ns[sensor_id] // 2, 1))
        which = np.searchsorted(edges, t_ns, side="right")
        return tuple(np.flatnonzero(which == k) for k in np.unique(which))

    def _step(self, sweep: Sweep, counts: dict[str, int]) -> Records:
        s = sweep.sensor_id
        self._t_first_ns[s] = self._t_first_ns[s] or sweep.t_start_ns
        rate = self._hypotheses.rate(self.bank, sweep.t_end_ns)
        chosen = self._race.step(sweep, self._hypotheses.rule_of(s, self._t_first_ns[s], rate))
        counts["clusters"], counts["tracks_not_finite"] = chosen.n_clusters, chosen.n_broken
        if sweep.arc_rad[1] >= 0.999 * self.sensors[s].arc_rad:
            chosen.touched[:] = True
        return self._close(chosen, sweep.t_end_ns, counts)

    def _close(self, chosen: Chosen, t_ns: int, counts: dict[str, int]) -> Records:
        """Give the touched tracks as rows, and those that ended since the last step once more, as dropped."""
        bank, slots = self.bank, chosen.slots
        labels, is_firm = np.sort(bank.leaves["label"][slots]), bank.leaves["status"][slots] != _TENTATIVE
        counts["tracks_alive"], counts["tracks_firm"] = len(labels), int(np.count_nonzero(is_firm))
        now, last = self._hypotheses.report(bank, slots[chosen.touched], t_ns), self._last
        if len(now) > 1:
            now = now[np.argsort(now["track_id"], kind="stable")]
        over = last[~_is_in(last["track_id"], labels)]
        is_known = _is_in(now["track_id"], last["track_id"])
        place = last["track_id"].searchsorted(now["track_id"][is_known])
        was_firm = np.zeros(len(now), np.bool_)
        was_firm[is_known] = last["status"][place] != _TENTATIVE
        counts["tracks_born"] = int(np.count_nonzero(~is_known))
        counts["tracks_confirmed"] = int(np.count_nonzero((now["status"] != _TENTATIVE) & ~was_firm))
        counts["tracks_dropped"] = len(over)
        last[place] = now[is_known]
        if len(over) or counts["tracks_born"]:
            over["status"] = TrackStatus.DROPPED
            self._last = _merged(last[_is_in(last["track_id"], labels)], now[~is_known])
        return freeze(_merged(now, over) if len(over) else now)

    def _owners(self, sweep: Sweep) -> Ints:
        # the track that each plot of the sweep is part of, as now believed; the oldest may be forgotten already
        owner = np.zeros(len(sweep.spots), np.int64)
        if len(owner):
            rows, labels = np.concatenate(sweep.parts), self.bank.spots["label"][-len(owner) :]
            owner[rows[len(rows) - len(labels) :]] = labels
        return owner


def _is_in(ids: Ints, among: Ints) -> NDArray[np.bool_]:
    # np.isin for sorted `among`, ten times as fast on a hundred
    if len(among) == 0:
        return np.zeros(len(ids), np.bool_)
    return among[np.minimum(np.searchsorted(among, ids), len(among) - 1)] == ids


def _merged(one: Records, other: Records) -> Records:
    # by id; written out: numpy's own concatenation compares the fields' names every time
    rows = np.empty(len(one) + len(other), TRACK)
    rows[: len(one)], rows[len(one) :] = one, other
    return rows[np.argsort(rows["track_id"], kind="stable")]
