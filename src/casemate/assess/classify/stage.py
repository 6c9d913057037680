"""The stage: Bayes over kinds for each track, plot by plot, and over the catalog's classes for a round.

Knows tracks, their plots and the catalog; not the tracker, and not what becomes of the answer.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta

from casemate.assess.classify.clutter_map import ClutterMap
from casemate.assess.classify.drag import ByDrag
from casemate.assess.classify.kinds import KIND_OF, NAMES, Flags, Floats, Ints, Motions
from casemate.constants import NS_PER_S
from casemate.model.catalog import Declaration, Positive, RoundClass, Share
from casemate.model.messages import Scan
from casemate.model.records import TRACK_CLASS, Kind, Motion, Records, Refusal, TrackStatus, freeze
from casemate.physics.radar import SensorModel

Days = Annotated[float, Meta(gt=0.0, le=1e7)]

_FORGET_NS: Final = 120 * NS_PER_S
"""A track without a plot for so long is gone: twice what any track coasts."""

_ACCEPTED, _DROPPED = int(Refusal.NONE), int(TrackStatus.DROPPED)

_NONE: Final = freeze(np.zeros(0, TRACK_CLASS))
_LEAST_P: Final = 1e-9
"""The tracker's odds are not believed beyond this."""

_IS_ROUND: Final = np.arange(len(Kind)) < Kind.AIRCRAFT
"""Which kinds are rounds: they come first."""


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a track is judged to be of a kind, and a round of a class."""

    p_round_min: Annotated[float, Meta(ge=0.5, le=1.0)] = 0.5  # from here on a track is declared a round,
    p_exists_min: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.999  # if it exists so surely: false plots make tracks too
    # things a day in the coverage, the prior: 400, 40, 20 and 5,000 of a busy day over a city (scenario list, S09);
    # rounds: one raid [A]; jets and others [A]
    rounds_per_day: Days = 20.0
    aircraft_per_day: Days = 400.0
    helicopters_per_day: Days = 40.0
    drones_per_day: Days = 20.0
    birds_per_day: Days = 5000.0
    jets_per_day: Days = 1.0
    others_per_day: Days = 20.0
    # what has been seen goes on counting once the fit has moved on: time after which it is evidence of its own [A]
    memory_s: Positive = 8.0
    # and how far, ln: a track may pass from one thing to another, 1 in 10,000 plots [A]
    ln_memory_most: Annotated[float, Meta(ge=0.0, le=100.0)] = 9.2
    # the curve that the filter scales is not the class's own: peaks of 1.75 to 2.5 in parameters 1.1 are +-10 %
    # about their middle after a flight that is half transonic; ln of K, 1 sigma
    sigma_curve_share: Share = 0.1
    prior_weight: dict[str, Annotated[float, Meta(ge=0.0)]] = msgspec.field(
        default_factory=dict[str, float]
    )  # of a round, by class; others 1


class ClassStage:
    """Judges every track at every plot, and remembers.

    Parameters
    ----------
    sensors : sequence of SensorModel
        In the order that `sensor_id` counts.
    rounds : sequence of RoundClass
        The catalog; `i_class` counts it. Without any, nothing is declared a round.
    settings : Settings
        Priors and spreads.

    Notes
    -----
    For each kind the density of the track's latest plots is the product of what they say and what the kind does
    (`kinds.Motions.ln_kinds`). Older evidence passes into a memory as the fit forgets it, and is bounded there. The
    tracker's odds between its ballistic and its level model count only against a round: in the first seconds they
    favour the ballistic model for its smaller process noise, whatever flies.
    """

    def __init__(self, sensors: Sequence[SensorModel], rounds: Sequence[RoundClass], settings: Settings) -> None:
        self._sensors, self._rounds, self._settings = tuple(sensors), tuple(rounds), settings
        s = settings
        per_day = np.array(  # by `NAMES`
            [
                s.rounds_per_day if rounds else 0.0, s.aircraft_per_day, s.helicopters_per_day, s.drones_per_day,
                s.birds_per_day, s.jets_per_day, s.others_per_day,
            ]
        )  # fmt: skip
        with np.errstate(divide="ignore"):
            self._ln_prior = np.log(per_day / per_day.sum())
        self._by_drag = ByDrag(rounds, [s.prior_weight.get(c.name, 1.0) for c in rounds], s.sigma_curve_share)
        self._as_flyer = np.eye(len(Kind))[KIND_OF]
        self._as_class = np.eye(len(Kind))[[Kind[c.kind.upper()].value for c in rounds]]
        self._motions, self._ids = Motions(), np.zeros(0, np.int64)
        self._memory, self._now = np.zeros((0, len(NAMES))), np.zeros((0, len(NAMES)))
        self._maps = tuple(ClutterMap(sensor) for sensor in self._sensors)
        self._ln_usual: dict[int, float] = {}  # by track: how much of its score is due to plots that are usual there
        self._declared: dict[int, int] = {}  # rounds by track, when last [ns]

    def step(self, t_ns: int, scan: Scan | None, tracks: Records, fates: Records) -> Records:
        """Take in the plots of a scan and judge the tracks of this step.

        Parameters
        ----------
        t_ns : int
            Time of the step.
        scan : Scan, optional
            What came; none when only time has passed.
        tracks : TRACK (n,)
            Tracks touched in this step.
        fates : FATE (m,)
            One for each plot of the scan, in its order.

        Returns
        -------
        TRACK_CLASS (n,)
            Row by row beside `tracks`.
        """
        if scan is not None:
            self._compare(scan, tracks, fates)
            self._take(scan, tracks, fates)
        out = self._judge(tracks) if len(tracks) else _NONE
        if len(out):
            self._declared.update(dict.fromkeys(out["track_id"][out["i_class"] >= 0].tolist(), t_ns))
        is_gone = t_ns - self._motions.t_ns > _FORGET_NS
        if len(tracks):
            dropped = self._find(tracks["track_id"][tracks["status"] == _DROPPED])
            is_gone[dropped[dropped >= 0]] = True
        if np.count_nonzero(is_gone):
            for track_id in self._ids[is_gone].tolist():
                self._ln_usual.pop(track_id, None)
            self._declared = {i: last_ns for i, last_ns in self._declared.items() if last_ns > t_ns - _FORGET_NS}
            self._keep(~is_gone)
        return freeze(out)

    def _judge(self, tracks: Records) -> Records:
        out = np.zeros(len(tracks), TRACK_CLASS)
        p = self._p_kinds(tracks)
        by_class = p[:, :1] * self._p_classes(tracks)
        p_kind = p[:, 1:] @ self._as_flyer + by_class @ self._as_class
        is_round = (p[:, 0] >= self._settings.p_round_min) & (tracks["motion"] == Motion.BALLISTIC)
        is_round &= self._exists(tracks) >= self._settings.p_exists_min
        may_be = np.where(is_round[:, None] == _IS_ROUND, p_kind, -1.0)
        out["track_id"], out["p_kind"], out["p_round"] = tracks["track_id"], p_kind, p[:, 0]
        out["i_kind"] = np.argmax(may_be, axis=1)
        out["i_class"], out["p_class"] = -1, 1.0 - p[:, 0]
        if is_round.any():
            out["i_class"][is_round] = np.argmax(by_class[is_round], axis=1)
            out["p_class"][is_round] = by_class[is_round].max(axis=1)
        return out

    def _exists(self, tracks: Records) -> Floats:
        # the tracker counts plots against false ones as dense as the site file says: where they are denser, less
        usual = np.array([self._ln_usual.get(track_id, 0.0) for track_id in tracks["track_id"].tolist()])
        held = 1.0 / (1.0 + np.exp(-np.clip(tracks["llr"] - usual, -500.0, 500.0)))
        return np.where(usual > 0.0, held, tracks["p_exists"])

    def _compare(self, scan: Scan, tracks: Records, fates: Records) -> None:
        # what a track's plots are worth less for being usual where they are; a new track's first ones as its last
        if not 0 <= scan.sensor_id < len(self._maps):
            return
        taken = (fates["refusal"] == _ACCEPTED).nonzero()[0]
        plots, ids, clutter = scan.plots[taken], fates["track_id"][taken].astype(np.int64), self._maps[scan.sensor_id]
        clutter.learn(scan.t_end_ns, self._declared)
        ln_denser = clutter.take(scan.t_end_ns, plots, ids).tolist()
        for track_id, ln in zip(ids.tolist(), ln_denser, strict=True):
            if track_id:
                before = self._ln_usual.get(track_id)
                self._ln_usual[track_id] = before + ln if before is not None else ln * _n_hit(tracks, track_id)

    def _p_classes(self, tracks: Records) -> Floats:
        # given that they are rounds, (n, classes); the drag of a track whose state is not ballistic is not known
        is_known = tracks["motion"] == Motion.BALLISTIC
        p = np.tile(self._by_drag.prior, (len(tracks), 1))
        if is_known.any():
            p[is_known] = self._by_drag.posterior(tracks["state"][is_known, 6], tracks["cov"][is_known, 6, 6])
        return p

    def _p_kinds(self, tracks: Records) -> Floats:
        # (n, 7), by `NAMES`; a track without plots holds the prior
        ln = np.tile(self._ln_prior, (len(tracks), 1))
        rows = self._find(tracks["track_id"])
        is_known = rows >= 0
        ln[is_known] += self._memory[rows[is_known]] + self._now[rows[is_known]]
        p_ballistic = np.fmax(tracks["p_ballistic"], _LEAST_P)  # missing: none
        ln[:, 0] += np.log(np.minimum(p_ballistic / np.maximum(1.0 - p_ballistic, _LEAST_P), 1.0))
        p = np.exp(ln - ln.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def _take(self, scan: Scan, tracks: Records, fates: Records) -> None:
        used = ((fates["refusal"] == _ACCEPTED) & (fates["track_id"] > 0)).nonzero()[0]
        if not len(used):
            return
        ids = fates["track_id"][used].astype(np.int64)
        new = ids[self._find(ids) < 0]
        if len(new):
            new = np.unique(new)
            self._admit(new)
            is_left = ~np.isin(ids, self._begin(new, tracks))
            used, ids = used[is_left], ids[is_left]
        while len(used):  # a track has one plot of a scan, seldom two: at both ends of a whole turn
            _, first = np.unique(ids, return_index=True)
            self._update(self._find(ids[first]), scan.plots[used[first]], self._sensors[scan.sensor_id])
            used, ids = np.delete(used, first), np.delete(ids, first)

    def _begin(self, new: Ints, tracks: Records) -> Ints:
        # new tracks whose earlier plots were nobody's when they came; returns which
        is_late = (tracks["n_hit"] > 1) & tracks["is_height_known"]
        if not is_late.any():
            return new[:0]
        is_late &= np.isin(tracks["track_id"], new)
        late = tracks[is_late & np.isfinite(tracks["state"]).all(axis=1) & np.isfinite(tracks["cov"]).all(axis=(1, 2))]
        rows = self._find(late["track_id"])
        if len(rows):
            self._motions.begin(rows, late)
            self._now[rows] = self._motions.ln_kinds(rows)
            self._now[rows] -= self._now[rows].max(axis=1, keepdims=True)
        return late["track_id"].astype(np.int64)

    def _update(self, rows: Ints, plots: Records, sensor: SensorModel) -> None:
        dt_s = self._motions.add(rows, plots, sensor)
        is_fit = self._motions.n_plots[rows] > 1  # one plot shows no motion
        rows, faded = rows[is_fit], -np.expm1(-np.abs(dt_s[is_fit]) / self._settings.memory_s)
        memory = self._memory[rows] + faded[:, None] * self._now[rows]
        memory -= memory.max(axis=1, keepdims=True)
        self._memory[rows] = np.maximum(memory, -self._settings.ln_memory_most)
        self._now[rows] = self._motions.ln_kinds(rows)
        self._now[rows] -= self._now[rows].max(axis=1, keepdims=True)

    def _admit(self, new: Ints) -> None:
        # rows are in the order of their ids, so that they can be found
        is_in_order = not len(self._ids) or new[0] > self._ids[-1]
        self._ids = np.concatenate([self._ids, new])
        self._motions.extend(len(new))
        blank = np.zeros((len(new), len(NAMES)))
        self._memory, self._now = np.concatenate([self._memory, blank]), np.concatenate([self._now, blank])
        if not is_in_order:
            self._keep(np.argsort(self._ids))

    def _keep(self, rows: Ints | Flags) -> None:
        self._motions.keep(rows)
        self._ids, self._memory, self._now = self._ids[rows], self._memory[rows], self._now[rows]

    def _find(self, ids: Ints) -> Ints:
        # the row of each track, -1 where there is none
        if not len(self._ids):
            return np.full(len(ids), -1)
        rows = np.minimum(self._ids.searchsorted(ids), len(self._ids) - 1)
        return np.where(self._ids[rows] == ids, rows, -1)


def _n_hit(tracks: Records, track_id: int) -> int:
    mine = tracks["n_hit"][tracks["track_id"] == track_id]
    return int(mine[0]) if len(mine) else 1
