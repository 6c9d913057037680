"""A tracker by joint integrated probabilistic data association, to measure ours against. A study, not the product.

Every track has a probability of existence; each scan its marginal probabilities of association, by belief propagation
(`marginals`), weigh what the plots in its gate would make of it, and the mixture is put into one Gaussian by its
moments: Musicki and Evans, "Joint integrated probabilistic data association: JIPDA", IEEE TAES 40(3), 2004. With
`n_parts` above 1 the likeliest terms are kept apart instead (their integrated track splitting).

It is told what ours is told, and shares its kernels: motion, update, gate, density of false plots, the prior of pairs
of plots and of their entry. Births are rows of the same association: a plot that may be nobody's takes part with the
pairs that it makes, so that no plot is spent twice. Its things are rounds only, which here is in its favour.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from marginals import marginals_of
from numba import njit
from numpy.typing import NDArray
from scipy.special import ndtr

from casemate.kernels import births
from casemate.kernels.ballistic import Noise, predict_ballistic
from casemate.kernels.births import ENTRY_HITS, judge_entry
from casemate.kernels.kalman import BALLISTIC, update_state
from casemate.kernels.leaves import LEAF, Rule, ln_clutter
from casemate.kernels.looks import EL, Sensor
from casemate.kernels.motion import Environment
from casemate.model.messages import Scan
from casemate.physics.environment import Environment as Site
from casemate.physics.radar import SensorModel
from casemate.tracking.filter import bundle_of, floats_of
from casemate.tracking.hypotheses import Hypotheses, Settings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = Any
MOST_CHILDREN, MOST_PAIRS = 20_000, 5_000
UNDER_GROUND_M = 30.0


class Tuning(NamedTuple):
    """What may be tuned; the figures are those of seeds 1 to 4."""

    confirm: float = 0.993  # existence from which a track is reported: odds of 5 nats, as ours
    withdraw: float = 0.6  # below it, no more
    prune: float = 0.0003  # below it, it is forgotten
    pair: float = 0.0003  # of a pair of plots, to become a track
    survive_per_s: float = 0.999
    gate_d2: float = 16.27
    same_d2: float = 3.0  # squared distance of two tracks (position and velocity) that are taken as one
    n_parts: int = 1  # Gaussians of a track
    part: float = 0.3  # terms of a mixture below this share of the heaviest are left out


class Picture(NamedTuple):
    """What is reported of a scan."""

    ids: Ints
    state: Floats  # (n, 7)


@njit(cache=True, error_model="numpy")
def move(parts: Rows, t_ns: int, env: Environment, noise: Noise) -> None:
    """Predict every Gaussian to t_ns, in place."""
    work = np.empty((4, 7, 7))
    for k in range(parts.shape[0]):
        part = parts[k]
        predict_ballistic(part["x"][BALLISTIC], part["cov"][BALLISTIC], (t_ns - part["t_ns"]) / 1e9, env, noise, work)
        part["t_ns"] = t_ns


@njit(cache=True, error_model="numpy")
def grow(
    parts: Rows,
    p_detection: Floats,
    spots: Rows,
    gate_d2: float,
    rule: Rule,
    sensor: Sensor,
    env: Environment,
    noise: Noise,
    children: Rows,
    parent: Ints,
    plot: Ints,
) -> int:
    """Write what every plot in the gate of a predicted Gaussian makes of it; `score` is ln of its likelihood ratio."""
    work, n = np.empty((4, 7, 7)), 0
    for k in range(parts.shape[0]):
        part = parts[k]
        x, p = part["x"][BALLISTIC], part["cov"][BALLISTIC]
        reach = math.sqrt(gate_d2 * (p[0, 0] + p[1, 1] + p[2, 2]))
        for j in range(spots.shape[0]):
            spot = spots[j]
            far2, wide = 0.0, reach + spot["slack_m"]
            for i in range(3):
                far2 += (x[i] - spot["pos"][i]) ** 2
            if far2 > wide * wide or n == children.shape[0] or p_detection[k] < 1e-6:
                continue
            children[n] = part
            child, z = children[n], spot["z"]
            ln, d2 = update_state(
                child["x"][BALLISTIC], child["cov"][BALLISTIC], False, False, z, spot["var"], sensor, env, work
            )
            if d2 > gate_d2:
                continue
            if child["n_hit"] < ENTRY_HITS:
                judge_entry(child, sensor, env, noise, rule)
                ln += child["ln_entry"] - part["ln_entry"]
            child["score"] = ln + math.log(p_detection[k]) - ln_clutter(z, sensor)
            child["n_hit"] += 1
            parent[n], plot[n] = k, j
            n += 1
    return n


def matched(parts: Rows, weight: Floats) -> Rows:
    """Put a mixture of Gaussians (n,) into one (1,) with its mean and covariance."""
    best = parts[[int(np.argmax(weight))]].copy()
    x, p = parts["x"][:, BALLISTIC], parts["cov"][:, BALLISTIC]
    mean = weight @ x / weight.sum()
    off = x - mean
    best["x"][0, BALLISTIC] = mean
    best["cov"][0, BALLISTIC] = np.einsum("n,nij->ij", weight, p + off[:, :, None] * off[:, None, :]) / weight.sum()
    best["ln_entry"] = weight @ parts["ln_entry"] / weight.sum()
    return best


class Jipda:
    """Steps by scans of one sensor."""

    def __init__(self, sensors: Sequence[SensorModel], environment: Site, tuning: Tuning | None = None) -> None:
        self.tuning, self.environment = tuning or Tuning(), environment
        self.face = Hypotheses(sensors, environment, Settings())
        self.bundle, self.noise = bundle_of(sensors[0]), self.face.noise
        self.t_ns, self.t_first_ns = 0, 0
        self.parts: Rows = np.zeros(0, LEAF)  # `tree` is the row of the track, `score` the share of its existence
        self.exists = np.zeros(0)
        self.ids, self.is_firm = np.zeros(0, np.int64), np.zeros(0, np.bool_)
        self.next_id = 1
        self.spots = self.face.spots_of(0, np.zeros(0, np.int64), np.zeros((0, 10)))
        self.p_free = np.zeros(0)  # that a plot of the last scans is of none of the tracks
        self._children = np.zeros(MOST_CHILDREN, LEAF)
        self._pairs, self._seen = np.zeros(MOST_PAIRS, LEAF), np.zeros((MOST_PAIRS, 2), np.int64)

    def step(self, scan: Scan) -> Picture:
        """Take a scan in."""
        t_ns = scan.t_end_ns
        self.t_first_ns = self.t_first_ns or t_ns
        rule = self.face.rule_of(0, self.t_first_ns, self.face.settings.rounds_per_s)
        spots = self._spots(scan)
        self._move(t_ns)
        p_detection = self.bundle.p_detection * chance_of(self.parts, self.bundle)
        parent, plot, children = self._grow(spots, p_detection, rule)
        pairs, first, second = self._pair(spots, t_ns, rule)
        self._share(spots, p_detection, (parent, plot, children), (pairs, first, second))
        self._merge()
        self._judge()
        return self._picture()

    def _spots(self, scan: Scan) -> Rows:
        return self.face.spots_of(0, np.full(len(scan.plots), scan.t_end_ns), floats_of(scan.plots))

    def _move(self, t_ns: int) -> None:
        dt_s = (t_ns - self.t_ns) / 1e9 if self.t_ns else 0.0
        self.t_ns = t_ns
        move(self.parts, t_ns, self.environment, self.noise)
        self.exists = self.exists * self.tuning.survive_per_s**dt_s
        lost = is_lost(self.parts, self.bundle) & (self.parts["score"] > 0.5)
        gone = np.zeros(len(self.ids), np.bool_)
        gone[self.parts["tree"][lost]] = True
        self._keep(~gone)

    def _grow(self, spots: Rows, p_detection: Floats, rule: Rule) -> tuple[Ints, Ints, Rows]:
        parent, plot = np.empty(MOST_CHILDREN, np.int64), np.empty(MOST_CHILDREN, np.int64)
        about = rule, self.bundle, self.environment, self.noise
        n = grow(self.parts, p_detection, spots, self.tuning.gate_d2, *about, self._children, parent, plot)
        return parent[:n], plot[:n], self._children[:n]

    def _pair(self, spots: Rows, t_ns: int, rule: Rule) -> tuple[Rows, Ints, Ints]:
        # the pairs of an old plot, maybe nobody's, with a new one; row of the old one and of the new one
        is_kept = self.spots["t_ns"] >= t_ns - round(2.5 * rule.period_ns)
        self.spots, self.p_free = self.spots[is_kept], self.p_free[is_kept]
        self.spots["is_settled"] = self.p_free < self.tuning.pair
        both, n_old = np.concatenate([self.spots, spots]), len(self.spots)
        if len(both) == n_old:
            return self._pairs[:0], np.zeros(0, np.int64), np.zeros(0, np.int64)
        about = rule, self.bundle, self.environment, self.noise
        free = np.arange(MOST_PAIRS)[::-1].copy()
        left = births.pair_plots(self._pairs, self._seen, free, MOST_PAIRS, both, 0, 0, n_old, *about)
        pairs = self._pairs[: MOST_PAIRS - left]
        first, second = pairs["plots"][:, 0], pairs["plots"][:, 1] - n_old
        return pairs, first, second

    def _share(self, spots: Rows, p_detection: Floats, grown: tuple, paired: tuple) -> None:
        # the joint association: rows are the tracks, then the old plots; weights are odds against "all false"
        (parent, plot, children), (pairs, first, second) = grown, paired
        n_tracks, n_old, share = len(self.ids), len(self.spots), self.parts["score"]
        of = self.parts["tree"]
        p_seen = np.bincount(of, share * p_detection, n_tracks)
        unseen = self.exists / (1.0 - self.exists * p_seen)
        likely = np.exp(np.minimum(children["score"], 40.0)) * share[parent] * unseen[of[parent]]
        born = np.exp(np.minimum(pairs["ln_round"] + pairs["ln_entry"], 40.0)) * self.p_free[first]
        row = np.concatenate([of[parent], n_tracks + first])
        col = np.concatenate([plot, second])
        cells, cell_of = np.unique(row * (len(spots) + 1) + col, return_inverse=True)
        psi = np.bincount(cell_of, np.concatenate([likely, born]), len(cells))
        i, j = np.divmod(cells, len(spots) + 1)
        p, p_none, p_free = marginals_of(i, j, psi, n_tracks + n_old, len(spots))
        each = np.concatenate([likely, born]) * (p / np.maximum(psi, 1e-300))[cell_of]
        missed = p_none[of] * unseen[of] * share * (1.0 - p_detection)
        self._reduce(np.concatenate([self.parts, children]), np.concatenate([missed, each[: len(likely)]]))
        self._begin(pairs, each[len(likely) :])
        self.spots = np.concatenate([self.spots, spots])
        self.p_free = np.concatenate([self.p_free * p_none[n_tracks:], p_free])

    def _reduce(self, parts: Rows, weight: Floats) -> None:
        # what became of each track: its existence, and its mixture in as few Gaussians as allowed
        n, of = len(self.ids), parts["tree"]
        self.exists = np.minimum(np.bincount(of, weight, n), 1.0)
        order = np.lexsort((-weight, of))
        edges, new = np.searchsorted(of[order], np.arange(n + 1)), []
        for k in range(n):
            mine = order[edges[k] : edges[k + 1]]
            w = weight[mine]
            if self.tuning.n_parts == 1:
                mine = mine[w >= self.tuning.part * w[0]]
                one = matched(parts[mine], weight[mine])
                one["score"] = 1.0
            else:
                mine = mine[: self.tuning.n_parts][w[: self.tuning.n_parts] >= self.tuning.part * w[0]]
                one = parts[mine]
                one["score"] = weight[mine] / weight[mine].sum()
            new.append(one)
        self.parts = np.concatenate([np.zeros(0, LEAF), *new])
        self._keep(self.exists >= self.tuning.prune)

    def _begin(self, pairs: Rows, p_exists: Floats) -> None:
        is_kept = p_exists >= self.tuning.pair
        new, n = pairs[is_kept], len(self.ids)
        new["tree"], new["score"] = n + np.arange(len(new)), 1.0
        self.parts = np.concatenate([self.parts, new])
        self.exists = np.concatenate([self.exists, p_exists[is_kept]])
        self.ids = np.concatenate([self.ids, np.zeros(len(new), np.int64)])
        self.is_firm = np.concatenate([self.is_firm, np.zeros(len(new), np.bool_)])

    def _heads(self) -> Rows:
        # the heaviest Gaussian of each track
        order = np.lexsort((-self.parts["score"], self.parts["tree"]))
        _, first = np.unique(self.parts["tree"][order], return_index=True)
        return self.parts[order[first]]

    def _merge(self) -> None:
        # of two tracks that say the same, the surer one lives on, or the one already reported, with both's existence
        heads = self._heads()
        x, p = heads["x"][:, BALLISTIC, :6], heads["cov"][:, BALLISTIC, :6, :6]
        near = np.triu(np.linalg.norm(x[:, None, :3] - x[None, :, :3], axis=2) < 150.0, 1)
        a, b = np.nonzero(near)
        if len(a) == 0:
            return
        off = x[a] - x[b]
        d2 = np.einsum("ni,ni->n", off, np.linalg.solve(p[a] + p[b], off[:, :, None])[:, :, 0])
        alive = np.ones(len(self.ids), np.bool_)
        for k in np.flatnonzero(d2 < self.tuning.same_d2):
            if alive[a[k]] and alive[b[k]]:
                first, other = a[k], b[k]
                if (self.is_firm[other], self.exists[other]) > (self.is_firm[first], self.exists[first]):
                    first, other = other, first
                alive[other] = False
                self.exists[first] = 1.0 - (1.0 - self.exists[first]) * (1.0 - self.exists[other])
        self._keep(alive)

    def _judge(self) -> None:
        self.is_firm = np.where(
            self.is_firm, self.exists >= self.tuning.withdraw, self.exists >= self.tuning.confirm
        ).astype(np.bool_)
        for k in np.flatnonzero(self.is_firm & (self.ids == 0)):
            self.ids[k], self.next_id = self.next_id, self.next_id + 1

    def _keep(self, mask: NDArray[np.bool_]) -> None:
        rows = np.cumsum(mask) - 1
        self.parts = self.parts[mask[self.parts["tree"]]]
        self.parts["tree"] = rows[self.parts["tree"]]
        self.exists, self.ids, self.is_firm = self.exists[mask], self.ids[mask], self.is_firm[mask]

    def _picture(self) -> Picture:
        return Picture(self.ids[self.is_firm], self._heads()["x"][self.is_firm, BALLISTIC])


def _sight(parts: Rows, sensor: Sensor) -> tuple[Floats, Floats, Floats, Floats]:
    # range, azimuth beyond the left edge, elevation, and sigma of the elevation with that of a plot
    d = (parts["x"][:, BALLISTIC, :3] - sensor.position) @ sensor.rotation.T
    reach = np.maximum(np.linalg.norm(d, axis=1), 1.0)
    spread = np.sqrt(sensor.sigmas[EL] ** 2 + parts["cov"][:, BALLISTIC, 2, 2] / reach**2)
    az = (np.arctan2(d[:, 0], d[:, 1]) - sensor.edges[2] + math.pi / 2) % (2.0 * math.pi) - math.pi / 2
    return reach, az, np.arcsin(d[:, 2] / reach), spread


def chance_of(parts: Rows, sensor: Sensor) -> Floats:
    """Return the probability that the coverage holds each Gaussian: soft at the lower edge, hard elsewhere."""
    reach, az, el, spread = _sight(parts, sensor)
    near, far, _, width, low, high = sensor.edges
    is_in = (reach > near) & (reach < far) & (az > 0.0) & (az < width) & (el < high)
    return is_in * ndtr((el - low) / spread)


def is_lost(parts: Rows, sensor: Sensor) -> NDArray[np.bool_]:
    """Tell which Gaussians left the coverage for good, or are under the ground."""
    reach, az, el, spread = _sight(parts, sensor)
    _, far, _, width, low, _ = sensor.edges
    margin = 3.0 * spread
    is_out = (reach > far + 100.0) | (az < -margin) | (az > width + margin) | (el < low - margin)
    return is_out | (parts["x"][:, BALLISTIC, 2] < -UNDER_GROUND_M)
