"""The lag: scans, ticks and plots that come late, inside a declared time, give the tracks that they would in order.

Rollback and replay: what came inside the lag is kept in the order of time (`order`), each with a snapshot of the
tracker before its step. What comes late is put where it belongs, the tracker goes back to there and takes everything
since again.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.messages import Scan, Tick
from casemate.model.records import FATE, TRACK, Records, Refusal, TrackStatus, freeze
from casemate.tracking import door
from casemate.tracking.order import NO_PLOTS, Kept, Order, is_possible, time_of
from casemate.tracking.registration import Registration
from casemate.tracking.sanity import check_step
from casemate.tracking.tracker import Tracker, TrackStep

_NO_TRACKS = freeze(np.zeros(0, TRACK))


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
        self._order = Order(tracker.sensors, self._lag_ns)

    def step(self, message: Scan | Tick) -> TrackStep:
        """Take an input and return what it changed: rows at `t_ns` where it came late, fates of its own plots.

        Raises
        ------
        InvariantError
            The tracker holds what it never may.
        """
        if not self._is_possible(message):
            return self._play(message)
        t_ns = time_of(message)
        if t_ns < self._t_newest_ns - (self._lag_ns or door.OLDEST_NS):
            return _too_late(message)
        if self._lag_ns:
            self._t_newest_ns = self.t_ns = max(t_ns, self._t_newest_ns)
            for gone in self._order.settled(self.t_ns):
                self._settle(gone.played(), gone.step)
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
        return is_possible(message, len(self.tracker.sensors))

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
        n_before, kept = self._order.n_plots, self._order.kept
        entry, first = self._order.put(message)
        before = next((each.snapshot for each in kept[first : first + 2] if each.snapshot is not None), None)
        is_late = before is not None  # all but a new input were played, so what comes before its place
        shown = self.tracker.picture(self.t_ns) if is_late else _NO_TRACKS
        if before is not None:
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


def _fates_of(message: Scan | Tick, played: Sequence[Kept], n_before: int) -> Records:
    # of the plots numbered from `n_before` on, wherever they were played
    plots = message.plots if isinstance(message, Scan) else NO_PLOTS
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
    plots = message.plots if isinstance(message, Scan) else NO_PLOTS
    fates = np.zeros(len(plots), FATE)
    fates["plot_id"], fates["refusal"] = plots["plot_id"], Refusal.LATE
    return TrackStep(_NO_TRACKS, freeze(fates), {"plots_in": len(plots), **dict(_refusals(fates))})
