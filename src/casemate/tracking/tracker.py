"""The tracker: the life of every track, from its first plot to its last.

A track is confirmed when its score, ln of the likelihood ratio "one thing made these plots" against "all are false",
reaches ln(false plots an hour / false tracks allowed an hour). With false plots as declared (Poisson, even over the
coverage) the ratio of a false track has mean 1 at every step, so the chance that it ever reaches e^T is at most
e^-T (Ville's inequality; Wald's sequential test): the allowed rate is a bound, not a guess.
"""

import math
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.catalog import Declaration, NotNegative, Positive
from casemate.model.messages import Scan
from casemate.model.records import FATE, TRACK, Records, Refusal, freeze
from casemate.physics.environment import Environment
from casemate.physics.radar import SensorModel, arc_width
from casemate.tracking import door
from casemate.tracking.association import associate
from casemate.tracking.filter import EDGE_SIGMAS, LEAST_FALSE_PLOTS, Filter, Plots, floats_of, pick
from casemate.tracking.table import IS_OUT, Bytes, Flags, Floats, Ints, Limits, Reported, Table

TURN = 2.0 * math.pi

UNDER_GROUND_M = 30.0
"""A round predicted so deep has landed; the ground is not as flat as assumed."""

MOST_SCORE = 200.0
"""Scores stop growing here: e^200 to 1 is certain."""

_COUNTS: tuple[str, ...] = (
    "plots_in",
    "plots_assigned",
    "pairs",
    "clusters",
    "tracks_born",
    "tracks_confirmed",
    "tracks_dropped",
)


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said about the life of tracks."""

    false_tracks_per_hour: Annotated[float, Meta(gt=0.0, le=1000.0)] = 0.1
    """Confirmed tracks an hour, at most, that are made of declared false plots; sets the confirmation threshold."""
    births_per_s: Positive = 0.1
    """Things that appear in the coverage [1/s]; weighs young tracks against false plots [A]."""
    drop_score: Annotated[float, Meta(lt=0.0)] = -11.0
    """A confirmed track is dropped when the misses since its last hit add up to this: five at Pd 0.9."""
    drop_score_young: Annotated[float, Meta(lt=0.0)] = -4.0
    """The same for a tentative one: two at Pd 0.9."""
    coast_most_s: NotNegative = 60.0
    """A confirmed track that cannot be seen (no scan comes, or it is overhead) is kept so long [s]."""


class TrackStep(NamedTuple):
    """What one step changed."""

    tracks: Records  # TRACK (n,), the tracks touched, by id
    fates: Records  # FATE (m,), one for each plot of the scan, in its order
    diagnostics: dict[str, int]


class Tracker:
    """Keeps the table of tracks; steps by `Scan` and `Tick`. Pure: the same inputs give the same tracks.

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
        self._filter = Filter(self.sensors, environment)
        self.table = Table(len(self.sensors))
        self._bounds = [door.bounds_of(sensor) for sensor in self.sensors]
        self._ln_miss = np.array([math.log1p(-sensor.p_detection) for sensor in self.sensors])
        self._next_id = 1
        self._t_last_ns = [0] * len(self.sensors)
        self._seen = [door.NOTHING_SEEN for _ in self.sensors]
        self._period_ns = np.array([round(sensor.scan_period_s * NS_PER_S) for sensor in self.sensors], np.int64)
        self._limits = self._limits_of(environment)
        self._ln_birth = np.array([self._birth_odds(sensor) for sensor in self.sensors])
        plots_per_hour = sum(sensor.false_plots_per_hour for sensor in self.sensors)
        self.threshold = max(math.log(max(plots_per_hour, 1.0) / self.settings.false_tracks_per_hour), 0.0)

    def _limits_of(self, environment: Environment) -> Limits:
        worst = np.array([self.settings.drop_score_young, self.settings.drop_score])  # young, firm
        # how long without a chance to be seen: as long as it would take the misses to add up, and firm ones longer
        patience_ns = (np.ceil(worst[:, None] / self._ln_miss) + 1.5) * self._period_ns
        patience_ns[1] = np.maximum(patience_ns[1], self.settings.coast_most_s * NS_PER_S)
        lowest_m = environment.ground_m - UNDER_GROUND_M
        quiet_ns = (1.5 * self._period_ns).astype(np.float64)
        return Limits(quiet_ns, worst, patience_ns, lowest_m, environment.earth_radius_m)

    def _birth_odds(self, sensor: SensorModel) -> float:
        # ln of new things a scan over false plots a scan: the odds that a new plot is something
        false = max(sensor.false_plots_per_scan, LEAST_FALSE_PLOTS)
        return math.log(self.settings.births_per_s * sensor.scan_period_s / false)

    @property
    def false_tracks_per_hour(self) -> float:
        """Bound on confirmed tracks made of false plots [1/h], with false plots as the site file declares them."""
        plots_per_hour = sum(sensor.false_plots_per_hour for sensor in self.sensors)
        return plots_per_hour * math.exp(-self.threshold)

    def update(self, scan: Scan) -> TrackStep:
        """Take in what a sensor delivered: refuse, associate, update, count misses, start, confirm, drop."""
        counts: dict[str, int] = dict.fromkeys(_COUNTS, 0)
        counts["plots_in"] = len(scan.plots)
        fates = np.zeros(len(scan.plots), FATE)
        fates["plot_id"] = scan.plots["plot_id"]
        values = floats_of(scan.plots)
        fates["refusal"] = self._judge(scan, values)
        if fates["refusal"].any():
            for why, number in enumerate(np.bincount(fates["refusal"])):
                if why and number:
                    counts[f"refused_{Refusal(why).name.lower()}"] = int(number)
        if not door.is_known(scan, len(self.sensors)) or not door.is_timely(scan):
            return TrackStep(freeze(np.zeros(0, TRACK)), freeze(fates), counts)
        used = np.flatnonzero(fates["refusal"] == 0)
        t_ns, values = scan.plots["t_ns"][used], values[used]
        self._remember(scan, t_ns, values)
        is_fresh = np.zeros(self.table.n, np.bool_)
        owner = np.zeros(len(t_ns), np.int64)
        bundle = self._filter.plots_of(scan.sensor_id, t_ns, values, scan.t_end_ns)
        for part in self._parts(scan.sensor_id, t_ns):
            self._associate(scan, bundle, part, is_fresh, owner, counts)
        is_fresh = self._start(scan, bundle, owner, is_fresh, counts)
        now = self._report(is_fresh, scan.t_end_ns)
        touched = is_fresh.copy()
        self._count_misses(scan, is_fresh, now, touched)
        self.table.age(now, scan.t_end_ns, self._limits, touched)
        if arc_width(scan.az_from_rad, scan.az_to_rad) >= 0.999 * self.sensors[scan.sensor_id].arc_rad:
            touched[:] = True
        counts["tracks_confirmed"] = self.table.confirm(self.threshold)
        fates["track_id"][used] = owner
        door.follow_repeats(scan.plots, fates)
        return self._close(touched, is_fresh, scan.t_end_ns, now, freeze(fates), counts)

    def tick(self, t_ns: int) -> TrackStep:
        """Let time pass without plots: tracks coast, and are dropped when it has been too long."""
        counts: dict[str, int] = dict.fromkeys(_COUNTS, 0)
        fates = freeze(np.zeros(0, FATE))
        if not 0 <= t_ns < door.LATEST_NS:
            return TrackStep(freeze(np.zeros(0, TRACK)), fates, counts)
        touched, is_fresh = np.zeros((2, self.table.n), np.bool_)
        now = self._report(is_fresh, t_ns)
        self.table.age(now, t_ns, self._limits, touched)
        return self._close(touched, is_fresh, t_ns, now, fates, counts)

    def _report(self, is_fresh: Flags, t_ns: int) -> Reported:
        # every row: at its plot's time where it has one from this step, else predicted to t_ns;
        # a prediction of more than a minute would only be of tracks that are about to be dropped
        i_track, t_s = self.table.report_times(is_fresh, t_ns, door.OLDEST_NS)
        return self._filter.report(self.table, i_track, t_s, t_ns)

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
        return self._t_last_ns[sensor_id] - int(self._period_ns[sensor_id]) // 10

    def _parts(self, sensor_id: int, t_ns: Ints) -> Sequence[Ints | None]:
        # A scan that lasts most of a turn may hold the same thing twice, at its beginning and at its end.
        if len(t_ns) == 0:
            return []
        first, last = int(t_ns.min()), int(t_ns.max())
        if last - first <= 0.6 * self._period_ns[sensor_id]:
            return [None]
        edges = np.arange(first, last, max(int(self._period_ns[sensor_id]) // 2, 1))
        which = np.searchsorted(edges, t_ns, side="right")
        return [np.flatnonzero(which == k) for k in np.unique(which)]

    def _associate(
        self, scan: Scan, bundle: Plots, part: Ints | None, is_fresh: Flags, owner: Ints, counts: dict[str, int]
    ) -> None:
        table, s, t_ref = self.table, scan.sensor_id, scan.t_end_ns
        plots = bundle if part is None else pick(bundle, part)
        owner_of_part = owner if part is None else owner[part]
        free_s = table.earliest_s(s, t_ref, self.sensors[s].scan_period_s)
        pairs = self._filter.score(table, plots, s, t_ref, free_s)
        found = associate(pairs, table.score + self._ln_birth[s], self._ln_miss[s], len(plots.t_s))
        self._filter.update(table, found.i_track, found.i_plot, plots, s, t_ref)
        hits = found.i_track, found.i_plot, found.llr
        table.record_hits(hits, plots.t_ns, s, MOST_SCORE, is_fresh, owner_of_part)
        if part is not None:
            owner[part] = owner_of_part
        counts["pairs"] += len(pairs.llr)
        counts["clusters"] += found.n_clusters
        counts["plots_assigned"] += len(found.i_track)

    def _count_misses(self, scan: Scan, is_fresh: Flags, now: Reported, touched: Flags) -> None:
        """Count a miss for each track that the scan should have seen; drop those that left every coverage."""
        table, s = self.table, scan.sensor_id
        sensor, period_ns = self.sensors[s], int(self._period_ns[s])
        if table.n == 0 or not math.isfinite(scan.az_from_rad + scan.az_to_rad):
            return
        width = arc_width(scan.az_from_rad, scan.az_to_rad)
        arc = (scan.az_from_rad, width if width < 0.999 * sensor.arc_rad else TURN)
        codes = self._filter.watch(table, now, s, arc)
        # a whole turn comes when it is over: what it met late last time is due only after its own full turn
        is_turn = scan.t_end_ns - scan.t_start_ns > 0.5 * period_ns
        times_ns = scan.t_end_ns, (1.05 if is_turn else 0.5) * period_ns, period_ns if is_turn else 0
        is_covered = self._is_covered(now, codes, s)
        table.count_misses(codes, is_fresh, is_covered, s, times_ns, self._ln_miss[s], touched)

    def _is_covered(self, now: Reported, codes: Bytes, by_other_than: int) -> Flags:
        # asked only where a track left a sensor's coverage
        seen = np.zeros(len(codes), np.bool_)
        gone = np.flatnonzero(codes & IS_OUT)
        for k, sensor in enumerate(self.sensors):
            if k != by_other_than and len(gone):
                seen[gone] |= sensor.covers(now.state[gone, :3], EDGE_SIGMAS)
        return seen

    def _start(self, scan: Scan, bundle: Plots, owner: Ints, is_fresh: Flags, counts: dict[str, int]) -> Flags:
        # every plot that no track took begins one; returns `is_fresh`, longer by the new rows
        table, s = self.table, scan.sensor_id
        free = np.flatnonzero(owner == 0)
        counts["tracks_born"] = len(free)
        if len(free) == 0:
            return is_fresh
        new = table.extend(len(free))
        self._filter.start(table, new, free, bundle, s, scan.t_end_ns)
        table.begin(new, free, bundle.t_ns, s, self._next_id, owner)
        self._next_id += len(free)
        return np.concatenate([is_fresh, np.ones(len(free), np.bool_)])

    def _close(
        self, touched: Flags, is_fresh: Flags, t_ns: int, now: Reported, fates: Records, counts: dict[str, int]
    ) -> TrackStep:
        """Give the touched tracks as rows, then forget those that were dropped or are no longer sane."""
        table = self.table
        sifted = table.sift(now, touched)
        rows = table.rows(sifted.reported, now, is_fresh, t_ns, self._ln_birth)
        if sifted.n_bad or sifted.n_dropped:
            table.keep(sifted.keep)
        counts["tracks_not_finite"], counts["tracks_dropped"] = sifted.n_bad, sifted.n_dropped
        counts["tracks_alive"], counts["tracks_firm"] = table.n, sifted.n_firm
        return TrackStep(rows, fates, counts)
