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
from casemate.model.records import FATE, TRACK, Motion, Records, Refusal, TrackStatus, freeze
from casemate.physics.atmosphere import Environment
from casemate.physics.radar import SensorModel, arc_width
from casemate.tracking import door
from casemate.tracking.association import associate
from casemate.tracking.filter import (
    EDGE_SIGMAS,
    LEAST_FALSE_PLOTS,
    Filter,
    Flags,
    Floats,
    Ints,
    Plots,
    Reported,
    Table,
    floats_of,
    pick,
)

_TENTATIVE, _CONFIRMED, _COASTING, _DROPPED = (np.uint8(status) for status in TrackStatus)

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

    false_tracks_per_hour: Annotated[float, Meta(gt=0.0, le=1000.0)] = 1.0
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
        self._ground_m, self._radius_m = environment.ground_m, environment.earth_radius_m
        self.table = Table(len(self.sensors))
        self._bounds = [door.bounds_of(sensor) for sensor in self.sensors]
        self._ln_miss = np.array([math.log1p(-sensor.p_detection) for sensor in self.sensors])
        self._next_id = 1
        self._t_last_ns = [0] * len(self.sensors)
        self._seen = [door.NOTHING_SEEN for _ in self.sensors]
        self._period_ns = np.array([round(sensor.scan_period_s * NS_PER_S) for sensor in self.sensors], np.int64)
        self._quiet_ns = 1.5 * self._period_ns
        self._worst = np.array([self.settings.drop_score_young, self.settings.drop_score])  # young, firm
        # how long without a chance to be seen: as long as it would take the misses to add up, and firm ones longer
        self._patience_ns = (np.ceil(self._worst[:, None] / self._ln_miss) + 1.5) * self._period_ns
        self._patience_ns[1] = np.maximum(self._patience_ns[1], self.settings.coast_most_s * NS_PER_S)
        self._ln_birth = np.array([self._birth_odds(sensor) for sensor in self.sensors])
        plots_per_hour = sum(sensor.false_plots_per_hour for sensor in self.sensors)
        self.threshold = max(math.log(max(plots_per_hour, 1.0) / self.settings.false_tracks_per_hour), 0.0)

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
        touched = is_fresh | self._count_misses(scan, is_fresh, now)
        touched |= self._age(scan.t_end_ns, now)
        if arc_width(scan.az_from_rad, scan.az_to_rad) >= 0.999 * self.sensors[scan.sensor_id].arc_rad:
            touched[:] = True
        self._confirm(counts)
        fates["track_id"][used] = owner
        door.follow_repeats(scan.plots, fates)
        when_ns = np.where(is_fresh, self.table.t_ns, scan.t_end_ns)
        return self._close(np.flatnonzero(touched), when_ns, now, freeze(fates), counts)

    def tick(self, t_ns: int) -> TrackStep:
        """Let time pass without plots: tracks coast, and are dropped when it has been too long."""
        counts: dict[str, int] = dict.fromkeys(_COUNTS, 0)
        fates = freeze(np.zeros(0, FATE))
        if not 0 <= t_ns < door.LATEST_NS:
            return TrackStep(freeze(np.zeros(0, TRACK)), fates, counts)
        now = self._report(np.zeros(self.table.n, np.bool_), t_ns)
        touched = self._age(t_ns, now)
        return self._close(np.flatnonzero(touched), np.full(self.table.n, t_ns), now, fates, counts)

    def _report(self, is_fresh: Flags, t_ns: int) -> Reported:
        # every row: at its plot's time where it has one from this step, else predicted to t_ns;
        # a prediction of more than a minute would only be of tracks that are about to be dropped
        last_ns = self.table.t_ns
        when_ns = np.where(is_fresh, last_ns, np.minimum(t_ns, last_ns + door.OLDEST_NS))
        return self._filter.report(self.table, np.arange(self.table.n), when_ns, t_ns)

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
        part_bundle = bundle if part is None else pick(bundle, part)
        t_s = (table.t_ns - t_ref) / NS_PER_S
        again_s = (table.t_hit_ns[s] - t_ref) / NS_PER_S + 0.5 * self.sensors[s].scan_period_s
        free_s = np.maximum(again_s, t_s - self.sensors[s].scan_period_s)
        pairs = self._filter.score(table, part_bundle, s, t_ref, free_s)
        ln_miss = math.log1p(-self.sensors[s].p_detection)
        found = associate(pairs, table.score + self._ln_birth[s], ln_miss, len(part_bundle.t_s))
        self._filter.update(table, found.i_track, found.i_plot, part_bundle, s, t_ref)
        i, j = found.i_track, found.i_plot if part is None else part[found.i_plot]
        t_ns = bundle.t_ns[j]
        table.t_ns[i], table.t_hit_ns[s, i], table.t_chance_ns[s, i] = t_ns, t_ns, t_ns
        table.score[i] = np.minimum(table.score[i] + found.llr, MOST_SCORE)
        table.n_miss[i], table.miss_score[i], table.i_sensor[i] = 0, 0.0, s
        table.status[i] = np.where(table.is_confirmed[i], _CONFIRMED, table.status[i])
        is_fresh[i] = True
        owner[j] = table.track_id[i]
        counts["pairs"] += len(pairs.llr)
        counts["clusters"] += found.n_clusters
        counts["plots_assigned"] += len(i)

    def _count_misses(self, scan: Scan, was_hit: Flags, now: Reported) -> Flags:
        """Count a miss for each track that the scan should have seen; drop those that left every coverage."""
        table, s = self.table, scan.sensor_id
        sensor, period_ns = self.sensors[s], int(self._period_ns[s])
        missed = np.zeros(table.n, np.bool_)
        since_ns = scan.t_end_ns - table.t_chance_ns[s]
        duration_ns = scan.t_end_ns - scan.t_start_ns
        # a whole turn comes when it is over: what it met late last time is due only after its own full turn
        due_ns = 1.05 * period_ns if duration_ns > 0.5 * period_ns else 0.5 * period_ns
        is_due = ~was_hit & (since_ns >= due_ns)
        if not is_due.any() or not math.isfinite(scan.az_from_rad + scan.az_to_rad):
            return missed
        width = arc_width(scan.az_from_rad, scan.az_to_rad)
        arc = (scan.az_from_rad, width if width < 0.999 * sensor.arc_rad else TURN)
        passed, is_out, is_blind = self._filter.watch(table, now, s, arc)
        unseen = np.flatnonzero(is_due & passed & ~is_out & ~is_blind)
        loss = self._ln_miss[s]
        table.n_miss[unseen] += 1
        table.score[unseen] += loss
        table.miss_score[unseen] += loss
        is_turn = duration_ns > 0.5 * period_ns
        table.t_chance_ns[s, unseen] = table.t_chance_ns[s, unseen] + period_ns if is_turn else scan.t_end_ns
        gone = np.flatnonzero(is_due & is_out)
        if len(gone) and len(self.sensors) > 1:
            gone = gone[~self._is_covered(now.state[gone, :3], s)]
        table.status[gone] = _DROPPED
        missed[unseen], missed[gone] = True, True
        return missed

    def _is_covered(self, pos: Floats, by_other_than: int) -> Flags:
        seen = np.zeros(len(pos), np.bool_)
        for k, sensor in enumerate(self.sensors):
            if k != by_other_than:
                seen |= sensor.covers(pos, EDGE_SIGMAS)
        return seen

    def _age(self, t_ns: int, now: Reported) -> Flags:
        """Let tracks coast that were not seen lately; drop those missed too often, too long, or down."""
        table = self.table
        before = table.status.copy()
        since_ns = t_ns - table.t_ns
        is_firm = table.is_confirmed
        is_silent = (table.n_miss > 0) | (since_ns > self._quiet_ns[table.i_sensor])
        table.status[is_firm & is_silent] = _COASTING
        kind = is_firm.astype(np.int64)
        is_over = (table.miss_score <= self._worst[kind]) | (since_ns > self._patience_ns[kind, table.i_sensor])
        is_over |= is_silent & self._is_down(now.state)
        table.status[is_over] = _DROPPED
        return table.status != before

    def _is_down(self, state: Floats) -> Flags:
        # a round that is predicted under the ground has landed
        height = state[:, 2] + (state[:, 0] ** 2 + state[:, 1] ** 2) / (2.0 * self._radius_m)
        return (self.table.motion == Motion.BALLISTIC) & (height < self._ground_m - UNDER_GROUND_M)

    def _start(self, scan: Scan, bundle: Plots, owner: Ints, is_fresh: Flags, counts: dict[str, int]) -> Flags:
        # every plot that no track took begins one; returns `is_fresh`, longer by the new rows
        table, s = self.table, scan.sensor_id
        free = np.flatnonzero(owner == 0)
        counts["tracks_born"] = len(free)
        if len(free) == 0:
            return is_fresh
        new = table.extend(len(free))
        self._filter.start(table, new, free, bundle, s, scan.t_end_ns)
        t_ns = bundle.t_ns[free]
        ids = np.arange(self._next_id, self._next_id + len(free))
        self._next_id += len(free)
        table.track_id[new], owner[free] = ids, ids
        table.status[new], table.i_sensor[new], table.nis[new] = _TENTATIVE, s, np.nan
        table.t_ns[new], table.t_hit_ns[s, new], table.t_chance_ns[s, new] = t_ns, t_ns, t_ns
        return np.concatenate([is_fresh, np.ones(len(free), np.bool_)])

    def _confirm(self, counts: dict[str, int]) -> None:
        table = self.table
        is_proven = (table.status == _TENTATIVE) & (table.score >= self.threshold) & (table.n_hit >= 2)
        table.status[is_proven] = _CONFIRMED
        counts["tracks_confirmed"] = int(is_proven.sum())

    def _close(self, index: Ints, when_ns: Ints, now: Reported, fates: Records, counts: dict[str, int]) -> TrackStep:
        """Give the touched tracks as rows, then forget those that were dropped or are no longer sane."""
        table = self.table
        sane = _is_sane(table, now)
        index = index[sane[index]]
        rows = self._rows(index, when_ns, now)
        dropped = table.status == _DROPPED
        counts["tracks_not_finite"], counts["tracks_dropped"] = int((~sane).sum()), int(dropped.sum())
        keep = sane & ~dropped
        if not keep.all():
            table.keep(keep)
        counts["tracks_alive"], counts["tracks_firm"] = table.n, int(table.is_confirmed.sum())
        return TrackStep(rows, fates, counts)

    def _rows(self, some: Ints, when_ns: Ints, now: Reported) -> Records:
        table = self.table
        rows = np.zeros(len(some), TRACK)
        index = slice(None) if len(some) == table.n else some  # all of them: no copies by index
        rows["state"], rows["cov"], rows["t_ns"] = now.state[index], now.cov[index], when_ns[index]
        rows["track_id"], rows["status"] = table.track_id[index], table.status[index]
        rows["n_hit"], rows["n_miss"] = np.minimum(table.n_hit[index], 65535), np.minimum(table.n_miss[index], 65535)
        rows["motion"], rows["p_ballistic"] = table.motion[index], table.p_ballistic[index]
        rows["is_height_known"], rows["llr"] = table.has_height[index], table.score[index]
        rows["nis"] = table.nis[index]
        rows["state"][~table.has_height[index], 2] = np.nan
        worth = table.score[index] + self._ln_birth[table.i_sensor[index]]
        rows["p_exists"] = 1.0 / (1.0 + np.exp(-np.clip(worth, -500.0, 500.0)))
        return freeze(rows)


def _is_sane(table: Table, now: Reported) -> Flags:
    # a sum is finite only if every element is (and no two infinities cancel to NaN, which is not finite either)
    variance = np.diagonal(now.cov, axis1=1, axis2=2)
    total = now.state.sum() + now.cov.sum() + table.x.sum() + table.cov.sum()
    if math.isfinite(total) and variance.min(initial=0.0) >= 0.0:
        return np.ones(table.n, np.bool_)
    total = now.state.sum(axis=1) + now.cov.sum(axis=(1, 2)) + table.x.sum(axis=(1, 2)) + table.cov.sum(axis=(1, 2, 3))
    return np.isfinite(total) & (variance.min(axis=1, initial=np.inf) >= 0.0)
