"""Offsets of sensors from what they see in common: range, azimuth, elevation and clock of each, with their covariance.

Every common thing has a filter of its own that believes all offsets to be 0, and beside its state x the derivative V
of that state's error by the offsets b. An innovation is then r = S b + w with S = C - H V, where C is how offsets enter
the measurement and w is white with the filter's own covariance: all that a plot says about b, with the thing's motion
integrated out. Information adds up over plots, things and time (two-stage estimation: Friedland, IEEE Trans. Automatic
Control 14(4), 1969, p. 359). What is older counts less, so that a clock that drifts is followed.

Letters: x state (e n u [m], ve vn vu [m/s]), p its covariance, v = dx/db, z measured (range [m], azimuth, elevation
[rad]), h its derivative by x, q white acceleration [m2/s3].
"""

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.physics.radar import SensorModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS: Final = ("range", "az", "el", "time")
"""What may be off, in the order of the offsets of a sensor."""
K: Final = len(KINDS)
Q_STRAIGHT: Final = 0.1
"""White acceleration of what flies straight [m2/s3]: a speed that wanders by 1 m/s in 10 s [A]."""
Q_TURNING: Final = 400.0
"""And of what turns, climbs or falls [m2/s3]: 2 g for a second [A]."""
MEMORY_S: Final = 300.0
"""Time in which what a plot said loses its weight to 1/e [s]: a crystal drifts by 15 ms in it at 50 ppm [A]."""
GATE: Final = 16.3
"""Innovations beyond are no evidence: 0.1 % of honest ones with three degrees of freedom (chi-square)."""
GATE_STRAY: Final = 100.0
"""And beyond this the plot is of something else."""
KEPT_S: Final = 20.0
"""A thing that was not seen for so long is forgotten [s]; seen by another sensor within it, it is common."""
LEAST_PLOTS: Final = 3
"""Of each of two sensors, before a thing counts; then all that it said counts."""
_UNKNOWN_EL: Final = 1e3  # sigma of an elevation that a 2D radar does not measure [rad]
_SIGMA_SPEED: Final = 100.0  # of the speed that the tracker says at first [m/s]


class Sights(NamedTuple):
    """Plots that belong to tracks, as the sensors say: uncorrected."""

    sensor_id: Ints  # (n,)
    track_id: Ints  # (n,)
    t_ns: Ints  # (n,)
    z: Floats  # (n, 3) range [m], azimuth, elevation [rad], the last NaN from a 2D radar
    var: Floats  # (n, 3)
    vel_mps: Floats  # (n, 3) as the tracker believes
    is_straight: NDArray[np.bool_]  # (n,) no round

    def part(self, at: NDArray[Any]) -> "Sights":
        """Take some of the plots."""
        return Sights._make(each[at] for each in self)


class Estimate(NamedTuple):
    """The offsets of n sensors, four of each: what a sensor says less what is."""

    bias: Floats  # (4 n,) range [m], azimuth [rad], elevation [rad], time [s] of the first, then of the second
    cov: Floats  # (4 n, 4 n)


class Offsets:
    """The estimator.

    Parameters
    ----------
    sensors : sequence of SensorModel
        In the order that `sensor_id` counts.
    sigma_prior : (4 n,) float64
        What an offset may be beforehand, 1 sigma: decides what common things cannot tell (both clocks late alike).
    """

    def __init__(self, sensors: Sequence[SensorModel], sigma_prior: Floats) -> None:
        self._position_m = np.array([sensor.position_m for sensor in sensors])
        self._rotation = np.array([sensor.rotation for sensor in sensors])
        n = K * len(sensors)
        self._prior: Floats = np.diag(sigma_prior**-2).astype(np.float64)
        self._info: Floats = np.zeros((n, n))
        self._score: Floats = np.zeros(n)
        fields = [("id", "i8"), ("t_ns", "i8"), ("x", "f8", (6,)), ("p", "f8", (6, 6)), ("v", "f8", (6, n))]
        counts = [("n", "i8", (len(sensors),)), ("t_seen_ns", "i8", (len(sensors),))]
        flags = [("unrest", "f8"), ("is_straight", "?"), ("told", "?")]
        held = [("info", "f8", (n, n)), ("score", "f8", (n,))]  # what it said before it was common
        self._things = np.zeros(0, np.dtype([*fields, *counts, *flags, *held]))
        self._t_ns = 0
        self.n_common = 0
        self.estimate = Estimate(np.zeros(n), np.diag(sigma_prior**2))

    def take(self, sights: Sights, t_ns: int) -> None:
        """Learn from the plots of some scans, all those of a thing in order of time; `t_ns` is the newest time."""
        self._age(t_ns)
        order = np.lexsort([sights.t_ns, sights.track_id])
        ids = sights.track_id[order]
        first = np.searchsorted(ids, ids)
        nth = np.arange(len(ids)) - first  # of its thing: what comes at once has every thing once
        for k in range(int(nth.max(initial=-1)) + 1):
            self._take(sights.part(order[nth == k]))

    def _take(self, sights: Sights) -> None:
        things = self._things
        at = np.searchsorted(things["id"], sights.track_id)
        is_known = np.zeros(len(at), np.bool_)
        inside = at < len(things)
        is_known[inside] = things["id"][at[inside]] == sights.track_id[inside]
        is_new = ~is_known & np.isfinite(sights.z[:, 2])
        if is_known.any():
            self._update(at[is_known], sights.part(is_known))
        if is_new.any():
            self._begin(sights.part(is_new))

    def _age(self, t_ns: int) -> None:
        if self._t_ns and t_ns > self._t_ns:
            fade = math.exp((self._t_ns - t_ns) / (MEMORY_S * NS_PER_S))
            self._info *= fade
            self._score *= fade
            self._things["info"] *= fade
            self._things["score"] *= fade
        self._t_ns = max(t_ns, self._t_ns)
        is_old = self._things["t_ns"] < t_ns - round(KEPT_S * NS_PER_S)
        if is_old.any():
            self._things = self._things[~is_old]

    def _begin(self, sights: Sights) -> None:
        s, n = sights.sensor_id, np.arange(len(sights.track_id))
        new = np.zeros(len(n), self._things.dtype)
        new["id"], new["t_ns"] = sights.track_id, sights.t_ns
        new["x"][:, :3], new["x"][:, 3:] = self._locate(s, sights.z), sights.vel_mps
        by_z = np.linalg.inv(self._look(s, new["x"][:, :3])[1])
        new["p"][:, :3, :3] = by_z @ (sights.var[:, :, None] * by_z.transpose(0, 2, 1))
        new["p"][:, [3, 4, 5], [3, 4, 5]] = _SIGMA_SPEED**2
        for k in range(3):
            new["v"][n, :3, K * s + k] = by_z[:, :, k]
        new["v"][n, :3, K * s + 3] = -sights.vel_mps
        new["n"][n, s], new["t_seen_ns"][n, s] = 1, sights.t_ns
        new["unrest"], new["is_straight"] = 1.0, sights.is_straight
        both = np.concatenate([self._things, new])
        self._things = both[np.argsort(both["id"], kind="stable")]

    def _update(self, at: Ints, sights: Sights) -> None:
        s, mine, n = sights.sensor_id, self._things[at], np.arange(len(at))
        _predict(mine, sights.t_ns)
        seen, by_place = self._look(s, mine["x"][:, :3])
        r, var = sights.z - seen, sights.var.copy()
        r[:, 1] = (r[:, 1] + math.pi) % (2.0 * math.pi) - math.pi
        is_flat = np.isnan(r[:, 2])
        r[is_flat, 2], var[is_flat, 2] = 0.0, _UNKNOWN_EL**2
        p_h = mine["p"][:, :, :3] @ by_place.transpose(0, 2, 1)
        cov = by_place @ p_h[:, :3]
        cov[:, [0, 1, 2], [0, 1, 2]] += var
        by_bias = -by_place @ mine["v"][:, :3]
        for k in range(3):
            by_bias[n, k, K * s + k] += 1.0
        by_bias[n, :, K * s + 3] -= (by_place @ mine["x"][:, 3:, None])[:, :, 0]
        nis = self._nis(r, cov, by_bias)
        weight: Floats = np.linalg.inv(cov).astype(np.float64)
        is_own = nis < GATE_STRAY
        gain = p_h @ weight * is_own[:, None, None]
        mine["x"] += (gain @ r[:, :, None])[:, :, 0]
        mine["v"] += gain @ by_bias
        mine["p"] -= gain @ p_h.transpose(0, 2, 1)
        mine["unrest"] += 0.2 * (np.minimum(nis, 2.0 * GATE) / np.where(is_flat, 2.0, 3.0) - mine["unrest"])
        mine["n"][n, s] += is_own
        mine["t_seen_ns"][n, s] = np.where(is_own, sights.t_ns, mine["t_seen_ns"][n, s])
        mine["is_straight"] = sights.is_straight
        _keep_time_free(mine)
        side = by_bias.transpose(0, 2, 1) @ weight * (nis < GATE)[:, None, None]
        mine["info"] += side @ by_bias
        mine["score"] += (side @ r[:, :, None])[:, :, 0]
        self._learn(mine, (nis < GATE) & _is_common(mine, s))
        self._things[at] = mine

    def _locate(self, s: Ints, z: Floats) -> Floats:
        across = z[:, 0] * np.cos(z[:, 2])
        local = [across * np.sin(z[:, 1]), across * np.cos(z[:, 1]), z[:, 0] * np.sin(z[:, 2])]
        return (np.stack(local, axis=1)[:, None] @ self._rotation[s])[:, 0] + self._position_m[s]

    def _look(self, s: Ints, pos_m: Floats) -> tuple[Floats, Floats]:
        # what the sensors would measure (n, 3), and its derivative (n, 3, 3) by the place in the site's frame
        place = ((pos_m - self._position_m[s])[:, None] @ self._rotation[s].transpose(0, 2, 1))[:, 0]
        e, n, u = place.T
        across2 = e * e + n * n
        across, reach = np.sqrt(across2), np.sqrt(across2 + u * u)
        z = np.stack([reach, np.arctan2(e, n), np.arctan2(u, across)], axis=1)
        rows = np.zeros((len(place), 3, 3))
        rows[:, 0] = place / reach[:, None]
        rows[:, 1, 0], rows[:, 1, 1] = n / across2, -e / across2
        rows[:, 2] = np.stack([-e * u / across, -n * u / across, across], axis=1) / (reach * reach)[:, None]
        return z, rows @ self._rotation[s]

    def _nis(self, r: Floats, cov: Floats, by_bias: Floats) -> Floats:
        # with what is known of the offsets so far: so that a large offset is no manoeuvre
        bias, cov_bias = self.estimate
        left = r - by_bias @ bias
        whole = cov + by_bias @ cov_bias @ by_bias.transpose(0, 2, 1)
        return (left * np.linalg.solve(whole, left[:, :, None])[:, :, 0]).sum(1)

    def _learn(self, mine: NDArray[Any], is_used: NDArray[np.bool_]) -> None:
        if not is_used.any():
            return
        self.n_common += int((is_used & ~mine["told"]).sum())
        mine["told"] |= is_used
        self._info += mine["info"][is_used].sum(0)
        self._score += mine["score"][is_used].sum(0)
        mine["info"][is_used], mine["score"][is_used] = 0.0, 0.0
        cov: Floats = np.linalg.inv(self._info + self._prior).astype(np.float64)
        self.estimate = Estimate(cov @ self._score, 0.5 * (cov + cov.T))


def _is_common(mine: NDArray[Any], sensor_id: Ints) -> NDArray[np.bool_]:
    is_fresh = mine["t_seen_ns"] > mine["t_ns"][:, None] - round(KEPT_S * NS_PER_S)
    is_seen = (mine["n"] >= LEAST_PLOTS) & is_fresh
    return is_seen[np.arange(len(mine)), sensor_id] & (is_seen.sum(1) > 1)


def _keep_time_free(mine: NDArray[Any]) -> None:
    # Clocks that are late alike move a thing along its path and show in nothing. As the speed gets known better that
    # must stay so, or the filter believes that it knows what time it is: derivatives by the clocks add up to -speed.
    lack = -mine["x"][:, 3:] - mine["v"][:, :3, 3::K].sum(2)
    share = mine["n"] / mine["n"].sum(1)[:, None]
    mine["v"][:, :3, 3::K] += lack[:, :, None] * share[:, None, :]


def _predict(mine: NDArray[Any], t_ns: Ints) -> None:
    dt = (t_ns - mine["t_ns"]) / NS_PER_S
    step = np.broadcast_to(np.eye(6), (len(mine), 6, 6)).copy()
    step[:, [0, 1, 2], [3, 4, 5]] = dt[:, None]
    mine["x"] = (step @ mine["x"][:, :, None])[:, :, 0]
    mine["v"] = step @ mine["v"]
    p = step @ mine["p"] @ step.transpose(0, 2, 1)
    is_calm = mine["is_straight"] & (mine["unrest"] < 2.0)
    q, d = np.where(is_calm, Q_STRAIGHT, Q_TURNING), np.abs(dt)
    for i in range(3):
        p[:, i, i] += q * d**3 / 3.0
        p[:, i, i + 3] += q * d * dt / 2.0
        p[:, i + 3, i] += q * d * dt / 2.0
        p[:, i + 3, i + 3] += q * d
    mine["p"], mine["t_ns"] = p, t_ns
