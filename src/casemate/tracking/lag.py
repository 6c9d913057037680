"""The lag: scans, ticks and plots that come late, inside a declared time, give the tracks that they would in order.

Rollback and replay: what came inside the lag is kept in order of time, each with a snapshot of the tracker before its
step. What comes late is put where it belongs, the tracker goes back to there and takes everything since again.

The order of time is total and knows nothing of arrival: by the end of a scan or the time of a tick, scans first, then
by sensor, start, arc and plots. Plots of a scan are ordered by time, then by what they say. A plot that is late for the
scan that brought it goes to the first scan of its sensor that ends no earlier than it: in order it came in that one.
"""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.messages import Scan, Tick
from casemate.model.records import FATE, PLOT, TRACK, Records, Refusal, TrackStatus, freeze
from casemate.tracking import door
from casemate.tracking.filter import FLOAT_FIELDS
from casemate.tracking.registration import Registration
from casemate.tracking.sanity import check_step
from casemate.tracking.tracker import Snapshot, Tracker, TrackStep

_NO_PLOTS = freeze(np.zeros(0, PLOT))
_NO_TRACKS = freeze(np.zeros(0, TRACK))


@dataclass(slots=True)
class _Kept:
    """An input inside the lag."""

    key: tuple[Any, ...]  # its place in the order of time
    message: Scan | Tick  # its plots in order, numbered by arrival, without those that belong to an earlier scan
    guests: Records = field(default_factory=lambda: _NO_PLOTS)  # plots that later scans brought
    snapshot: Snapshot | None = None  # of the tracker before its step
    step: TrackStep | None = None  # what the tracker answered last, None before it was played

    def played(self) -> Scan | Tick:
        """Return what the tracker takes."""
        if isinstance(self.message, Tick) or len(self.guests) == 0:
            return self.message
        return msgspec.structs.replace(self.message, plots=_ordered(np.concatenate([self.message.plots, self.guests])))


class LaggedTracker:
    """Steps a tracker by what comes, in whatever order inside the lag; with a lag of 0 in the order of arrival.

    Parameters
    ----------
    tracker : Tracker
        Nobody else steps it.
    lag_s : float
        How much older than the newest input another may be [s].
    registration : Registration, optional
        Takes offsets off scans before the tracker sees them, and learns from scans that nothing can come before.

    Notes
    -----
    A late input costs as many steps as came since its time. `t_ns` is the time of the newest input so far; where the
    lag is 0, of the last that came. What is refused whole (unknown sensor, times that cannot be, too late) moves it
    not, and no track feels it: where the lag is 0 that is a scan before its sensor's last one, or a minute old.
    """

    def __init__(self, tracker: Tracker, lag_s: float = 0.0, registration: Registration | None = None) -> None:
        self.tracker, self.t_ns, self._registration = tracker, 0, registration
        self._lag_ns = round(lag_s * NS_PER_S)
        self._t_newest_ns = 0
        self._t_last_ns = [0] * len(tracker.sensors)  # end of each sensor's last scan, where the lag is 0
        self._kept: list[_Kept] = []
        self._strays = _NO_PLOTS  # whose scan is kept; numbered by arrival, as all plots in here
        self._t_gone_ns = [0] * len(tracker.sensors)  # end of each sensor's last scan that is not kept any more
        self._n_plots = 0

    def step(self, message: Scan | Tick) -> TrackStep:
        """Take an input and return what it changed: rows at `t_ns` where it came late, fates of its own plots.

        Raises
        ------
        InvariantError
            The tracker holds what it never may.
        """
        if not self._is_possible(message):
            return self._play(message)
        t_ns = _time_of(message)
        if t_ns < self._t_newest_ns - (self._lag_ns or door.OLDEST_NS):
            return _too_late(message)
        if self._lag_ns:
            self._t_newest_ns = self.t_ns = max(t_ns, self._t_newest_ns)
            self._forget()
            return self._take(message)
        if isinstance(message, Scan):
            s = message.sensor_id
            if t_ns < door.late_before_ns(self._t_last_ns[s], self.tracker.sensors[s]):
                return _too_late(message)
            self._t_last_ns[s] = max(t_ns, self._t_last_ns[s])
        self._t_newest_ns, self.t_ns = max(t_ns, self._t_newest_ns), t_ns
        step = self._play(message)
        self._settle(message, step)
        return step

    def _is_possible(self, message: Scan | Tick) -> bool:
        if isinstance(message, Tick):
            return 0 <= message.t_ns < door.LATEST_NS
        return door.is_known(message, len(self.tracker.sensors)) and door.is_timely(message)

    def _play(self, message: Scan | Tick) -> TrackStep:
        if isinstance(message, Scan) and self._registration is not None and self._is_possible(message):
            t_known_ns = message.t_end_ns - self._lag_ns if self._lag_ns else door.LATEST_NS
            message = self._registration.corrected(message, t_known_ns)
        step = self.tracker.update(message) if isinstance(message, Scan) else self.tracker.tick(message.t_ns)
        check_step(step, len(message.plots) if isinstance(message, Scan) else 0)
        return step

    def _settle(self, message: Scan | Tick, step: TrackStep | None) -> None:
        if isinstance(message, Scan) and self._registration is not None and step is not None:
            t_forget_ns = self._t_newest_ns - 2 * self._lag_ns
            self._registration.take(message, step.tracks, step.fates, t_forget_ns)

    def _take(self, message: Scan | Tick) -> TrackStep:
        n_before, kept = self._n_plots, self._kept
        entry = self._numbered(message)
        at = bisect.bisect_right(kept, entry.key, key=lambda each: each.key)
        kept.insert(at, entry)
        first = min(at, self._house(message.sensor_id)) if isinstance(message, Scan) else at
        is_late = first < len(kept) - 1
        shown = self.tracker.picture(self.t_ns) if is_late else _NO_TRACKS
        if is_late:  # the tracker before the new input is the one before what stood in its place
            before = kept[first + (first == at)].snapshot
            assert before is not None  # every kept input but the new one was played
            self.tracker.restore(before)
        own = step = None
        for each in kept[first:]:
            each.snapshot = self.tracker.snapshot()
            step = self._play(each.played())
            each.step = step
            own = step if each is entry else own
        assert own is not None
        assert step is not None
        rows = _changed(shown, self.tracker.picture(self.t_ns)) if is_late else own.tracks
        fates = _fates_of(message, kept[first:], n_before)
        counts = _counts_of(own.diagnostics, step.diagnostics, fates, len(kept) - 1 - first)
        return TrackStep(rows, fates, counts)

    def _numbered(self, message: Scan | Tick) -> _Kept:
        # plots are numbered by arrival in here, whatever the feed calls them: so their fates are found again
        if isinstance(message, Tick):
            return _Kept((message.t_ns, 1), message)
        plots = message.plots.copy()
        plots["plot_id"] = self._n_plots + np.arange(len(plots))
        self._n_plots += len(plots)
        plots = _ordered(plots)
        arc = np.array([message.az_from_rad, message.az_to_rad]).tobytes()
        nameless = plots.copy()
        nameless["plot_id"] = 0
        key = (message.t_end_ns, 0, message.sensor_id, message.t_start_ns, arc, nameless.tobytes())
        return _Kept(key, msgspec.structs.replace(message, plots=plots))

    def _house(self, sensor_id: int) -> int:
        """Give every late plot of a sensor to the scan that it belongs to; returns the first place that changed."""
        scans = [(i, each) for i, each in enumerate(self._kept) if _is_scan_of(each, sensor_id)]
        ends = [_time_of(each.message) for _, each in scans]
        t_gone_ns, sensor = self._t_gone_ns[sensor_id], self.tracker.sensors[sensor_id]
        first = len(self._kept)
        for (i, each), t_before_ns in zip(scans, [t_gone_ns, *ends], strict=False):
            assert isinstance(each.message, Scan)
            plots, t_late_ns = each.message.plots, door.late_before_ns(t_before_ns, sensor)
            if len(plots) == 0 or plots["t_ns"][0] >= t_late_ns:  # the first is the earliest
                continue
            is_stray = (plots["t_ns"] < t_late_ns) & (plots["t_ns"] > t_gone_ns) & (plots["sensor_id"] == sensor_id)
            if is_stray.any():
                self._strays = np.concatenate([self._strays, plots[is_stray]])
                each.message = msgspec.structs.replace(each.message, plots=freeze(plots[~is_stray]))
                first = min(first, i)
        mine = self._strays[self._strays["sensor_id"] == sensor_id]
        if len(mine) == 0:
            return first
        home = np.searchsorted(ends, mine["t_ns"])
        for k, (i, each) in enumerate(scans):
            guests = mine[home == k]
            if not np.array_equal(guests["plot_id"], each.guests["plot_id"]):
                each.guests = guests
                first = min(first, i)
        return first

    def _forget(self) -> None:
        # beyond the lag nothing can come any more
        n_gone = sum(_time_of(each.message) < self.t_ns - self._lag_ns for each in self._kept)
        for gone in self._kept[:n_gone]:
            self._settle(gone.played(), gone.step)
            if isinstance(gone.message, Scan):
                self._t_gone_ns[gone.message.sensor_id] = gone.message.t_end_ns
        del self._kept[:n_gone]
        if n_gone and len(self._strays):
            t_gone_ns = np.array(self._t_gone_ns)[self._strays["sensor_id"]]
            self._strays = self._strays[self._strays["t_ns"] > t_gone_ns]


def _time_of(message: Scan | Tick) -> int:
    return message.t_end_ns if isinstance(message, Scan) else message.t_ns


def _is_scan_of(each: _Kept, sensor_id: int) -> bool:
    return isinstance(each.message, Scan) and each.message.sensor_id == sensor_id


def _ordered(plots: Records) -> Records:
    # by time, then by the bits of what they say: a total order, whatever is missing or not a number
    floats = np.stack([plots[name] for name in reversed(FLOAT_FIELDS)]).view(np.uint64)
    return freeze(plots[np.lexsort([plots["plot_id"], plots["sensor_id"], *floats, plots["t_ns"]])])


def _fates_of(message: Scan | Tick, played: Sequence[_Kept], n_before: int) -> Records:
    # of the plots numbered from `n_before` on, wherever they were played
    plots = message.plots if isinstance(message, Scan) else _NO_PLOTS
    fates = np.zeros(len(plots), FATE)
    for each in played:
        assert each.step is not None
        place = each.step.fates["plot_id"].astype(np.int64) - n_before
        is_own = (place >= 0) & (place < len(plots))
        fates[place[is_own]] = each.step.fates[is_own]
    fates["plot_id"] = plots["plot_id"]
    return freeze(fates)


def _changed(before: Records, after: Records) -> Records:
    """Return the rows of `after` that are not in `before`, and as dropped those whose track is gone; by id."""
    old = {int(row["track_id"]): row.tobytes() for row in before}
    is_new = np.array([old.get(int(row["track_id"])) != row.tobytes() for row in after], np.bool_)
    gone = before[~np.isin(before["track_id"], after["track_id"])]
    gone["status"] = TrackStatus.DROPPED
    rows = np.concatenate([after[is_new], gone])
    return freeze(rows[np.argsort(rows["track_id"])])


def _counts_of(own: dict[str, int], last: dict[str, int], fates: Records, n_replayed: int) -> dict[str, int]:
    # of the input's own step, of its own plots; what is alive, at the end
    counts = {name: n for name, n in own.items() if not name.startswith("refused_")}
    counts |= {name: last[name] for name in ("tracks_alive", "tracks_firm") if name in last}
    counts |= {"plots_in": len(fates), "steps_replayed": n_replayed}
    return counts | dict(_refusals(fates))


def _refusals(fates: Records) -> Iterator[tuple[str, int]]:
    for why, number in enumerate(np.bincount(fates["refusal"])):
        if why and number:
            yield f"refused_{Refusal(why).name.lower()}", int(number)


def _too_late(message: Scan | Tick) -> TrackStep:
    plots = message.plots if isinstance(message, Scan) else _NO_PLOTS
    fates = np.zeros(len(plots), FATE)
    fates["plot_id"], fates["refusal"] = plots["plot_id"], Refusal.LATE
    return TrackStep(_NO_TRACKS, freeze(fates), {"plots_in": len(plots), **dict(_refusals(fates))})
