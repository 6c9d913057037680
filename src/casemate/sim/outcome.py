"""What a simulated run came to: who was warned in time, what was hit, what leaked, and how sure that is.

The scorer stands on the world's side: it reads truth and labels, and of the pipeline only its events. Every rate
carries its count, its denominator and a 95 % interval. "No useful warning possible" is an outcome of its own.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.catalog import Ring, SiteFile
from casemate.model.messages import Aside, Events, Input, Scan, WarningLevel, ZoneWarning
from casemate.model.records import Records, TrackStatus
from casemate.physics.geodesy import SiteFrame
from casemate.sim.fallen import come_down
from casemate.sim.intercept.debris import LIVE_BODY
from casemate.sim.intercept.gun import Outcome as Shot
from casemate.sim.raid import Round
from casemate.sim.result import Outcome, Rate, RoundFate, RoundResult, WarningOutcome
from casemate.sim.world import World

__all__ = ["Outcome", "Rate", "RoundFate", "RoundResult", "Scorer", "WarningOutcome", "inside"]


class _Alarm:
    # One zone under warning: since when, and whether any round is behind it.
    def __init__(self, since_ns: int) -> None:
        self.since_ns, self.has_round = since_ns, False


class Scorer:
    """Follows a run and keeps only what the outcome needs; a sink that must stand after the world.

    Parameters
    ----------
    world : World
        The simulated world, for its truth.
    site : SiteFile
        Zones and assets.
    frame : SiteFrame
        ENU of the site.
    """

    def __init__(self, world: World, site: SiteFile, frame: SiteFrame) -> None:
        self._world, self._site = world, site
        self._zone_rings = [_ring(zone.polygon_deg, frame) for zone in site.zone]
        self._asset_rings = [_ring(asset.polygon_deg, frame) for asset in site.asset]
        self._plot_labels: dict[int, str] = {}
        self._followed: dict[int, Counter[str]] = {}
        self._is_confirmed: set[int] = set()
        self._seen_ns: dict[str, int] = {}
        self._confirmed_ns: dict[str, int] = {}
        self._alarms: dict[int, _Alarm] = {}
        self._n_alarms = self._n_false_alarms = self._n_false_tracks = 0
        self._shots: Counter[str] = Counter()
        self._holds: Counter[tuple[str, str]] = Counter()  # outcome, and which rule held fire
        self._open = sorted(world.rounds, key=lambda r: r.impact_s)
        self._results: dict[int, RoundResult] = {}
        self._now_ns = world.t_start_ns

    def take(self, message: Input, events: Events | None) -> None:
        """Take an input and what it caused."""
        if isinstance(message, Aside):
            self._take_aside(message)
            return
        now_ns = message.t_recv_ns if isinstance(message, Scan) else message.t_ns
        self._now_ns = max(self._now_ns, now_ns)
        self._close_rounds()
        if events is None:
            return
        self._follow(events.fates)
        self._note_tracks(events.tracks)
        for warning in events.warnings:
            self._note_warning(warning)
        for track_id in events.tracks["track_id"][events.tracks["status"] == TrackStatus.DROPPED].tolist():
            self._followed.pop(track_id, None)
            self._is_confirmed.discard(track_id)

    def close(self) -> None:
        """Do nothing: a scorer holds nothing open."""

    def outcome(self) -> Outcome:
        """Return the outcome so far; rounds still in the air are only counted."""
        world, shots = self._world, self._shots
        results = tuple(self._results[r.truth_id] for r in world.rounds if r.truth_id in self._results)
        zoned = [r for r in results if r.zone]
        warned = Counter(r.warning for r in zoned)
        fates = Counter(r.fate for r in results)
        n, n_zoned = len(results), len(zoned)
        n_false = self._n_false_alarms + sum(not alarm.has_round for alarm in self._alarms.values())
        hours = (self._now_ns - world.t_start_ns) / NS_PER_S / 3600.0
        leads = [r.lead_s for r in zoned if r.lead_s is not None]
        down = Counter(r.zone for r in results if r.fate is not RoundFate.INTERCEPTED)
        bodies, unburst = self._fell_live()
        n_intercepted = fates[RoundFate.INTERCEPTED]
        return Outcome(
            title=world.scenario.title,
            seed=world.seed,
            with_intercept=world.with_intercept,
            duration_s=hours * 3600.0,
            reaction_s=world.scenario.reaction_s,
            n_rounds=n,
            n_failed=sum(raid.failed for raid in world.scenario.raid),
            n_unfinished=len(world.rounds) - n,
            seen=Rate.of(sum(r.seen_s is not None for r in results), n),
            confirmed=Rate.of(sum(r.confirmed_s is not None for r in results), n),
            warned_in_time=Rate.of(warned[WarningOutcome.IN_TIME], n_zoned),
            warned_in_time_where_possible=Rate.of(
                warned[WarningOutcome.IN_TIME], n_zoned - warned[WarningOutcome.NOT_POSSIBLE]
            ),
            warned_late=Rate.of(warned[WarningOutcome.LATE], n_zoned),
            no_useful_warning_possible=Rate.of(warned[WarningOutcome.NOT_POSSIBLE], n_zoned),
            missed=Rate.of(warned[WarningOutcome.MISSED], n_zoned),
            outside_every_zone=Rate.of(n - n_zoned, n),
            lead_s=_percentiles(leads),
            zone_warnings=self._n_alarms,
            false_warnings=Rate.of(n_false, self._n_alarms),
            false_warnings_per_hour=n_false / hours if hours else 0.0,
            false_tracks=self._n_false_tracks,
            intercepted=Rate.of(fates[RoundFate.INTERCEPTED], n),
            leaked=Rate.of(fates[RoundFate.LEAKED], n),
            landed_outside=Rate.of(fates[RoundFate.LANDED_OUTSIDE], n),
            fell_live_in_zones=Rate.of(int(bodies.sum()), n_intercepted),
            fell_live_outside=Rate.of(int((~bodies).sum()), n_intercepted),
            gun_rounds_live_in_zones=Rate.of(int(unburst.sum()), unburst.size),
            bursts=shots[Shot.KILL] + shots[Shot.MISS],
            kills=shots[Shot.KILL],
            threats_not_engaged=shots[Shot.NOT_ENGAGED],
            bursts_held=_of(self._holds, Shot.HELD),
            threats_held=_of(self._holds, Shot.NOT_ENGAGED),
            friends_without_height=0 if world.rules is None else world.rules.picture.n_without_height,
            traffic_hit=world.n_traffic_hit,
            impacts_by_zone={zone.name: down[zone.name] for zone in self._site.zone},
            impacts_outside=down[""],
            rounds=results,
        )

    def _fell_live(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        # Whether each warhead of a round that was hit, and each unburst round of a gun, fell into a zone.
        if not self._world.spent:
            return np.zeros(0, np.bool_), np.zeros(0, np.bool_)
        down = come_down(self._world, self._since_start_s(self._now_ns))
        down = down[down["is_live"] & np.isfinite(down["pos_m"]).all(axis=1)]
        in_zone = np.array([any(inside(ring, pos) for ring in self._zone_rings) for pos in down["pos_m"]], np.bool_)
        return in_zone[down["what"] == LIVE_BODY], in_zone[down["round_id"] == 0]

    def _take_aside(self, aside: Aside) -> None:
        if aside.kind == "label":
            ids, labels = aside.rows["plot_id"].tolist(), aside.rows["label"].tolist()
            self._plot_labels = dict(zip(ids, labels, strict=True))
            for label in labels:
                self._seen_ns.setdefault(label, aside.t_ns) if label.startswith("round-") else None
        elif aside.kind == "engagements":
            self._shots.update(aside.rows["outcome"].tolist())
            is_held = (aside.rows["outcome"] == Shot.HELD) | (aside.rows["outcome"] == Shot.NOT_ENGAGED)
            why = aside.rows[is_held & (aside.rows["fate"] != "")]
            self._holds.update(zip(why["outcome"].tolist(), why["fate"].tolist(), strict=True))

    def _follow(self, fates: Records) -> None:
        used = fates[fates["track_id"] > 0]
        for plot_id, track_id in zip(used["plot_id"].tolist(), used["track_id"].tolist(), strict=True):
            self._followed.setdefault(track_id, Counter())[self._plot_labels.get(plot_id, "")] += 1

    def _note_tracks(self, tracks: Records) -> None:
        for track_id in tracks["track_id"][tracks["status"] == TrackStatus.CONFIRMED].tolist():
            label = self._label_of(track_id)
            if label.startswith("round-"):
                self._confirmed_ns.setdefault(label, self._now_ns)
            if track_id not in self._is_confirmed:
                self._is_confirmed.add(track_id)
                self._n_false_tracks += not label

    def _label_of(self, track_id: int) -> str:
        counts = self._followed.get(track_id)
        return counts.most_common(1)[0][0] if counts else ""

    def _note_warning(self, warning: ZoneWarning) -> None:
        if warning.level is WarningLevel.CLEAR:
            alarm = self._alarms.pop(warning.zone_id, None)
            self._n_false_alarms += alarm is not None and not alarm.has_round
            return
        alarm = self._alarms.get(warning.zone_id)
        if alarm is None:
            alarm = self._alarms[warning.zone_id] = _Alarm(self._now_ns)
            self._n_alarms += 1
        alarm.has_round |= any(self._label_of(i).startswith("round-") for i in warning.track_ids)

    def _close_rounds(self) -> None:
        # Judge rounds that ended before this step's warnings came out; a killed one at its death.
        now_s = (self._now_ns - self._world.t_start_ns) / NS_PER_S
        still: list[Round] = []
        for r in self._open:
            if min(r.impact_s, self._world.dead_s.get(r.truth_id, math.inf)) <= now_s:
                self._results[r.truth_id] = self._judge(r)
            else:
                still.append(r)
        self._open = still

    def _judge(self, r: Round) -> RoundResult:
        zones = [i for i, ring in enumerate(self._zone_rings) if inside(ring, r.impact_m)]
        assets = [i for i, ring in enumerate(self._asset_rings) if inside(ring, r.impact_m)]
        worst = min(zones, key=lambda i: self._margin_s(i, r), default=None)
        alarm = None if worst is None else self._alarms.get(worst)
        warned_s = None if alarm is None else self._since_start_s(alarm.since_ns)
        fate = RoundFate.LEAKED if assets else RoundFate.LANDED_OUTSIDE
        if r.truth_id in self._world.dead_s or r.truth_id in self._world.duds:
            fate = RoundFate.INTERCEPTED
        return RoundResult(
            label=r.label,
            round_class=r.round_class,
            zone="" if worst is None else self._site.zone[worst].name,
            asset=self._site.asset[assets[0]].name if assets else "",
            impact_e_m=float(r.impact_m[0]),
            impact_n_m=float(r.impact_m[1]),
            rise_s=r.start_s,
            seeable_s=self._world.first_seeable_s.get(r.truth_id),
            seen_s=self._maybe_s(self._seen_ns.pop(r.label, None)),
            confirmed_s=self._maybe_s(self._confirmed_ns.pop(r.label, None)),
            warned_s=warned_s,
            impact_s=r.impact_s,
            lead_s=None if warned_s is None else r.impact_s - warned_s,
            warning=self._warning_outcome(r, worst, warned_s),
            fate=fate,
        )

    def _warning_outcome(self, r: Round, zone: int | None, warned_s: float | None) -> WarningOutcome:
        if zone is None:
            return WarningOutcome.OUTSIDE
        shelter_s = self._site.zone[zone].shelter_s
        if warned_s is not None and r.impact_s - warned_s >= shelter_s:
            return WarningOutcome.IN_TIME
        seeable_s = self._world.first_seeable_s.get(r.truth_id, math.inf)
        if r.impact_s - seeable_s - self._world.scenario.reaction_s < shelter_s:
            return WarningOutcome.NOT_POSSIBLE
        return WarningOutcome.MISSED if warned_s is None else WarningOutcome.LATE

    def _margin_s(self, zone: int, r: Round) -> float:
        alarm = self._alarms.get(zone)
        lead_s = -math.inf if alarm is None else r.impact_s - self._since_start_s(alarm.since_ns)
        return lead_s - self._site.zone[zone].shelter_s

    def _since_start_s(self, t_ns: int) -> float:
        return (t_ns - self._world.t_start_ns) / NS_PER_S

    def _maybe_s(self, t_ns: int | None) -> float | None:
        return None if t_ns is None else self._since_start_s(t_ns)


def inside(ring: NDArray[np.float64], point: NDArray[np.float64]) -> bool:
    """Tell whether a point (2,) lies inside a simple polygon (m, 2), by counting edges crossed to its east."""
    x, y = ring[:, 0], ring[:, 1]
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    spans = (y > point[1]) != (y2 > point[1])
    rise = np.where(spans, y2 - y, 1.0)
    crossing = x + (point[1] - y) * (x2 - x) / rise
    return bool(np.count_nonzero(spans & (crossing > point[0])) % 2)


def _ring(polygon_deg: Ring, frame: SiteFrame) -> NDArray[np.float64]:
    lat, lon = np.array(polygon_deg, np.float64).T
    return frame.geodetic_to_enu(lat, lon, np.full(len(lat), frame.height_m))[:, :2]


def _of(holds: Mapping[tuple[str, str], int], outcome: str) -> dict[str, int]:
    return {why: n for (what, why), n in sorted(holds.items()) if what == outcome}


def _percentiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    if not values:
        return None
    low, middle, high = np.percentile(np.array(values), [5.0, 50.0, 95.0]).tolist()
    return low, middle, high
