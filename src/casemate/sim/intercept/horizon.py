"""Which bursts of many possible ones avert the most harm: guns in sequence, several bursts at one threat.

It knows bursts by number: which gun, which threat, when, where the gun points, how likely it kills. Times are seconds
from now. What it chooses is a plan; whoever asks commits what cannot wait and asks again.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NEAR: Final = 0.99
"""A burst that averts this share of what the best one does is as good, if its gun is free earlier [A]: rounds that
nobody has seen yet may follow."""

_TRIALS: Final = 24
"""Changes tried on a plan in one pass. No clock is read: the same input gives the same plan."""

_MANY: Final = 500
"""Bursts from which on one plan is made and few changes are tried, each 0.2 ms: a decision cannot wait."""

_TRIALS_OF_MANY: Final = 4

_BETTER: Final = 1.001
"""A change must avert this much more to be taken; where nothing is to be gained, who ranks first is first."""

_LEAST: Final = 1e-3
"""Expected harm below which no burst is fired [of the unit of harm]; assumption."""


class Duty(NamedTuple):
    """What a gun can do from now on."""

    free_s: float  # when it may turn to the next threat
    az_rad: float  # where it points then
    el_rad: float
    train_radps: float
    elevate_radps: float
    settle_s: float
    n_most: int  # bursts that its magazine and barrel stand

    def turn_s(self, az_rad: Floats, el_rad: Floats, to_az_rad: Floats | float, to_el_rad: Floats | float) -> Floats:
        """Return how long it takes from there to there, and to settle (k,) [s]."""
        turn = np.abs((to_az_rad - az_rad + math.pi) % (2.0 * math.pi) - math.pi)
        slew: Floats = np.maximum(turn / self.train_radps, np.abs(to_el_rad - el_rad) / self.elevate_radps)
        return slew + self.settle_s


class Bursts(NamedTuple):
    """Bursts that could be fired (k,), sorted by gun."""

    gun: Ints
    threat: Ints  # index of the threat
    fire_s: Floats
    free_s: Floats  # when the gun may turn to the next
    az_rad: Floats
    el_rad: Floats
    p_kill: Floats


def averted(bursts: Bursts, harm: Floats, chosen: Sequence[int]) -> float:
    """Return the expected harm that a choice averts; bursts at one threat miss independently of each other."""
    left = harm.astype(np.float64, copy=True)
    for k in chosen:
        left[bursts.threat[k]] *= 1.0 - bursts.p_kill[k]
    return float(np.sum(harm - left))


def ready(bursts: Bursts, guns: Sequence[Duty]) -> Floats:
    """Return when each burst's gun could be on it if that were the gun's next (k,) [s]."""
    out = np.empty(bursts.gun.size)
    for i, gun in enumerate(guns):
        of = bursts.gun == i
        turn_s = gun.turn_s(bursts.az_rad[of], bursts.el_rad[of], gun.az_rad, gun.el_rad)
        out[of] = max(gun.free_s, 0.0) + turn_s
    return out


def clashes(bursts: Bursts, guns: Sequence[Duty], k: int, *, is_looking: bool) -> Bools:
    """Tell which bursts (k,) cannot be fired beside one, before or after; itself among them.

    Parameters
    ----------
    is_looking : bool
        A second burst at a round waits until it is known what the first one did.
    """
    out = np.zeros(bursts.gun.size, np.bool_)
    i = int(bursts.gun[k])
    of = slice(*np.searchsorted(bursts.gun, [i, i + 1]).tolist())
    turn_s = guns[i].turn_s(bursts.az_rad[of], bursts.el_rad[of], float(bursts.az_rad[k]), float(bursts.el_rad[k]))
    is_after = bursts.fire_s[of] >= bursts.free_s[k] + turn_s
    is_before = bursts.fire_s[k] >= bursts.free_s[of] + turn_s
    out[of] = ~(is_after | is_before)
    if is_looking:
        is_apart = (bursts.fire_s >= bursts.free_s[k]) | (bursts.fire_s[k] >= bursts.free_s)
        out |= (bursts.threat == bursts.threat[k]) & ~is_apart
    out[k] = True
    return out


class _Search:
    """A plan in the making."""

    def __init__(self, bursts: Bursts, harm: Floats, room: Ints, guns: Sequence[Duty], *, is_looking: bool) -> None:
        self._is_looking = is_looking
        self.bursts, self.harm, self.room, self.guns = bursts, harm, room, guns
        self.n_most = np.array([gun.n_most for gun in guns], np.int64)
        self.bound_s = np.array([gun.free_s for gun in guns])[bursts.gun]  # until when its gun is, as of now
        self.is_late = (bursts.fire_s < ready(bursts, guns)) | (self.n_most[bursts.gun] <= 0)
        self._rows: dict[int, Bools] = {}

    def clash(self, k: int) -> Bools:
        """Return `clashes`, each worked out once."""
        if k not in self._rows:
            self._rows[k] = clashes(self.bursts, self.guns, k, is_looking=self._is_looking)
        return self._rows[k]

    def fill(self, chosen: list[int], worth: Floats) -> list[int]:
        """Add the burst that averts the most, weighted (k,), again and again, to a plan that may be empty."""
        b = self.bursts
        chosen, left, room, n_left = list(chosen), self.harm.copy(), self.room.copy(), self.n_most.copy()
        is_out = self.is_late.copy()
        for k in chosen:
            self._take(k, left, room, n_left, is_out)
        while True:
            gain = worth * left[b.threat]
            gain[is_out | (room[b.threat] <= 0)] = 0.0
            most = float(gain.max(initial=0.0))
            if most <= _LEAST:
                return chosen
            near = np.flatnonzero(gain >= _NEAR * most)
            # of those as good: the soonest over, then the gun that is free first
            k = int(near[np.lexsort((b.gun[near], self.bound_s[near], b.threat[near], b.free_s[near]))[0]])
            chosen.append(k)
            self._take(k, left, room, n_left, is_out)

    def force(self, chosen: list[int], k: int) -> list[int]:
        """Take a burst in, whatever it pushes out, and fill up."""
        clash, b = self.clash(k), self.bursts
        kept = [each for each in chosen if not clash[each]]
        same = [each for each in kept if b.threat[each] == b.threat[k]]
        if len(same) >= self.room[b.threat[k]]:
            kept.remove(min(same, key=lambda each: b.p_kill[each]))
        beside = [each for each in kept if b.gun[each] == b.gun[k]]
        if len(beside) >= self.n_most[b.gun[k]]:
            kept.remove(min(beside, key=lambda each: b.p_kill[each] * self.harm[b.threat[each]]))
        return self.fill([*kept, k], b.p_kill)

    def _take(self, k: int, left: Floats, room: Ints, n_left: Ints, is_out: Bools) -> None:
        b = self.bursts
        i, j = b.gun[k], b.threat[k]
        left[j] *= 1.0 - b.p_kill[k]
        room[j] -= 1
        n_left[i] -= 1
        is_out |= self.clash(k)
        if n_left[i] <= 0:
            is_out |= b.gun == i

    def better(self, chosen: list[int], n_trials: int) -> list[int]:
        """Try what a plan leaves out, what would avert most first, and keep what averts more."""
        b, best = self.bursts, averted(self.bursts, self.harm, chosen)
        left = self.harm.copy()
        for k in chosen:
            left[b.threat[k]] *= 1.0 - b.p_kill[k]
        gain = np.where(self.is_late | (self.room[b.threat] <= 0), 0.0, b.p_kill * left[b.threat])
        gain[chosen] = 0.0
        order = np.argsort(-gain, kind="stable")
        if order.size > 4 * n_trials:  # one of each gun and threat
            _, first = np.unique(b.gun[order] * self.harm.size + b.threat[order], return_index=True)
            order = order[np.sort(first)]
        for k in order[:n_trials].tolist():
            if gain[k] <= _LEAST:
                break
            other = self.force(chosen, k)
            value = averted(b, self.harm, other)
            if value > _BETTER * best:
                chosen, best = other, value
        return chosen


def choose(bursts: Bursts, harm: Floats, room: Ints, guns: Sequence[Duty], *, is_looking: bool = False) -> list[int]:
    """Return the bursts of a plan that averts much: greedily by marginal return, then by exchange.

    Parameters
    ----------
    bursts : Bursts
        What could be fired, sorted by gun.
    harm : (n,) float64
        Expected harm of each threat that is still to be averted.
    room : (n,) int64
        Bursts that may yet be fired at each threat.
    guns : sequence of Duty
    is_looking : bool
        A second burst at a round waits until it is known what the first one did.

    Returns
    -------
    list of int
        Indices of bursts, in the order in which they were chosen. Beside the exact optimum: docs/benchmarks.md.
    """
    if not bursts.gun.size:
        return []
    search = _Search(bursts, harm, room, guns, is_looking=is_looking)
    by_gain = search.fill([], bursts.p_kill)
    if bursts.gun.size > _MANY:
        return search.better(by_gain, _TRIALS_OF_MANY)
    by_time = search.fill([], bursts.p_kill / (1.0 + bursts.free_s - bursts.fire_s))
    best = by_gain
    for plan in (by_gain, by_time):
        other, last = search.better(plan, _TRIALS), plan
        while averted(bursts, harm, other) > _BETTER * averted(bursts, harm, last):
            other, last = search.better(other, _TRIALS), other
        if averted(bursts, harm, other) > _BETTER * averted(bursts, harm, best):
            best = other
    return best
