"""Salvos: rounds of one launcher, tracked together by what they have in common.

Rounds that follow each other by half a second on one path fit "every track shifted by one round" as well as the truth
for some seconds. What tells them apart is that all rounds of a salvo pass the mouth, the place where they come into
the coverage, at one velocity. A salvo is a hypothesis like any other: it gets a bank of its own, in which plots near
the mouth begin rounds of that velocity, from the scans that are remembered on. Banks race; the one that explains all
plots best leads, and another takes over only by a margin.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.kernels import mouths
from casemate.kernels.leaves import SALVO, Rule
from casemate.tracking.bank import Bank
from casemate.tracking.filter import Floats, Ints
from casemate.tracking.hypotheses import NO_SALVOS, Chosen, Hypotheses, Salvos, Sweep
from casemate.tracking.rework import Past, work_again

MARGIN = 10.0
"""Nats by which another bank must be better to take over."""

HOPELESS = 40.0
"""Nats behind the leader at which a bank is given up."""

RACE_S = 10.0
"""A bank that has not taken over by then is given up."""

MOST_BANKS = 3

SALVO_S = 15.0
"""A salvo ends so long after the last of its rounds came in."""

YOUNG_S, LEAST_HITS, SIGMA_MPS = 6.0, 3, 70.0
"""Leaves that may show a salvo: not older, so many plots, velocity known so well (1 sigma, all axes)."""

SAME_MPS, SAME_M = 40.0, 150.0
"""Two rounds are of one salvo if their velocities at the mouth, and their paths, differ by less."""

MOST_WAY_S = 3.0
"""First plots of one salvo are not farther apart, along the path."""

LEAST_ROUNDS, MOST_YOUNG, MOST_NEW = 2, 60, 2
"""So many things must agree; so many leaves are asked; so many salvos are proposed at once."""

LEAST_UNSEEN = -3.0
"""Nats: rounds of a salvo come in over the edge; one scan may have missed them."""

SPREAD_MPS = 10.0
"""1 sigma of a round's velocity about its salvo's, each way."""

RETRY_S = 1.0
"""A guess that was given up is not tried again before: by then its rounds have told more."""


@dataclass(slots=True, eq=False)
class Runner:
    """A bank in the race."""

    bank: Bank
    salvos: NDArray[np.void]  # SALVO (k,)
    since_ns: int
    guess: NDArray[np.void]  # SALVO (0 or 1,), the one it was entered for
    chosen: Chosen | None = None

    def copy(self) -> "Runner":
        """Copy by value."""
        return Runner(self.bank.copy(), self.salvos.copy(), self.since_ns, self.guess)


class Race:
    """Banks under different beliefs about salvos; the first one leads."""

    def __init__(self, hypotheses: Hypotheses) -> None:
        self._hypotheses = hypotheses
        self.runners = [Runner(Bank.empty(len(hypotheses.sensors)), NO_SALVOS.rows, 0, NO_SALVOS.rows)]
        self._past: deque[Past] = deque()
        self._lost = NO_SALVOS.rows  # guesses that were given up lately
        self._lost_ns: Ints = np.zeros(0, np.int64)  # and when
        self._t_race_ns = 0
        self._serial = 0

    @property
    def bank(self) -> Bank:
        """The bank that leads."""
        return self.runners[0].bank

    def copy(self) -> "Race":
        """Copy by value."""
        twin = Race(self._hypotheses)
        twin.runners, twin._past = [runner.copy() for runner in self.runners], self._past.copy()
        twin._t_race_ns, twin._serial = self._t_race_ns, self._serial
        twin._lost, twin._lost_ns = self._lost, self._lost_ns
        return twin

    def step(self, sweep: Sweep, rule: Rule) -> Chosen:
        """Take a sweep into every bank; returns the hypothesis of the one that leads."""
        first = self.bank.base + len(self.bank.spots)
        for runner in self.runners:
            runner.chosen = self._hypotheses.step(runner.bank, sweep, rule, Salvos(runner.salvos, SPREAD_MPS))
        self._past.append(Past(sweep, rule, first))
        t_from_ns = sweep.t_end_ns - self._hypotheses.replay_ns
        while self._past and (self._past[0].sweep.t_end_ns < t_from_ns or self._past[0].first < self.bank.base):
            self._past.popleft()
        self._rank(sweep.t_end_ns)
        self._forget_lost(sweep.t_end_ns)
        for salvo in self._propose(sweep.t_end_ns):
            self._enter(salvo, sweep.t_end_ns)
        self._rank(sweep.t_end_ns)
        self._end_salvos(sweep.t_end_ns)
        chosen = self.runners[0].chosen
        assert chosen is not None
        return chosen

    def _rank(self, t_ns: int) -> None:
        # who leads, who is given up
        if len(self.runners) == 1:
            return
        leader = self.runners[0]
        score = [runner.bank.score(self._t_race_ns) for runner in self.runners]
        best = int(np.argmax(score))
        if score[best] > score[0] + MARGIN:
            winner = self.runners.pop(best)
            self._hypotheses.relabel(winner.bank, leader.bank)
            self.runners.insert(0, winner)
            score.insert(0, score.pop(best))
        for runner, s in list(zip(self.runners, score, strict=True))[1:]:
            if s < score[0] - HOPELESS or t_ns - runner.since_ns >= RACE_S * NS_PER_S:
                self._give_up(runner, t_ns)

    def _give_up(self, runner: Runner, t_ns: int) -> None:
        # its guess is not tried again for a while
        self.runners.remove(runner)
        self._lost = np.concatenate([self._lost, runner.guess])
        self._lost_ns = np.append(self._lost_ns, np.full(len(runner.guess), t_ns))

    def _forget_lost(self, t_ns: int) -> None:
        if not len(self._lost):
            return
        is_late = self._lost_ns > t_ns - RETRY_S * NS_PER_S
        self._lost, self._lost_ns = self._lost[is_late], self._lost_ns[is_late]

    def _end_salvos(self, t_ns: int) -> None:
        # a salvo of which nothing was born for long is over
        for runner in self.runners:
            if len(runner.salvos) == 0:
                continue
            bank = runner.bank
            born, of = bank.of("t_birth_ns")[bank.of("is_chosen")], bank.of("salvo")[bank.of("is_chosen")]
            for salvo in runner.salvos:
                salvo["t_ns"] = max(salvo["t_ns"], born[of == salvo["serial"]].max(initial=0))
            runner.salvos = runner.salvos[runner.salvos["t_ns"] > t_ns - SALVO_S * NS_PER_S]

    def _enter(self, salvo: NDArray[np.void], t_ns: int) -> None:
        """Enter a bank that believes in a salvo more than the leader does, worked from the remembered sweeps on."""
        leader = self.runners[0]
        if len(self.runners) == 1:
            self._t_race_ns = self._past[0].sweep.t_start_ns
        # a salvo on the path of another one stands in its place: that one's velocity was wrong
        salvos = np.concatenate([leader.salvos[~_is_on_path(salvo, leader.salvos)], salvo])
        bank, chosen = work_again(self._hypotheses, self._past, leader.bank, salvo, salvos)
        self.runners.append(Runner(bank, salvos, t_ns, salvo, chosen))
        if len(self.runners) > MOST_BANKS:
            self._give_up(min(self.runners[1:], key=lambda runner: runner.bank.score(self._t_race_ns)), t_ns)

    def _propose(self, t_ns: int) -> list[NDArray[np.void]]:
        """Find velocities at the mouth that some young leaves agree on and that no bank believes in yet."""
        bank = self.bank
        young = self._young(bank, t_ns)
        if len(young) < LEAST_ROUNDS or not self._past:
            return []
        state = self._hypotheses.fly_back(bank, young)
        is_same, way_s = _compare(state, state)
        known = np.concatenate([*(runner.salvos for runner in self.runners), self._lost])
        tree = bank.leaves["tree"][young]
        has_other = (is_same & (tree[:, None] != tree)).any(axis=1)
        weight = np.where(has_other, is_same.sum(axis=1) + 1e-4 * (is_same @ bank.leaves["score"][young]), 0.0)
        if weight.max() >= LEAST_ROUNDS and len(known):
            weight[_compare(state, np.concatenate([known["pos"], known["vel"]], axis=1))[0].any(axis=1)] = 0.0
        found: list[NDArray[np.void]] = []
        while len(found) < MOST_NEW and weight.max() >= LEAST_ROUNDS:
            k = int(np.argmax(weight))
            who = is_same[k]
            if _n_disjoint(bank.leaves, young[who]) >= LEAST_ROUNDS:
                moved = _moved(state[k], way_s[k, who])
                salvo = self._mean(state[who, :6] - moved, bank.leaves[young[who]], t_ns)
                if not _is_like(salvo, known).any():
                    found.append(salvo)
            weight[who & is_same[:, k]] = 0.0
            weight[k] = 0.0
        return found

    def _young(self, bank: Bank, t_ns: int) -> Ints:
        # slots of the best leaves that may show a salvo
        slots, t_oldest_ns = np.empty(len(bank.order), np.int64), t_ns - round(YOUNG_S * NS_PER_S)
        limits = t_oldest_ns, LEAST_HITS, LEAST_UNSEEN, SIGMA_MPS**2
        young = slots[: mouths.find_young(bank.leaves, bank.order, *limits, slots)]
        if len(young) < LEAST_ROUNDS:
            return young
        return young[np.argsort(-bank.leaves["score"][young], kind="stable")][:MOST_YOUNG]

    def _mean(self, state: Floats, rows: NDArray[np.void], t_ns: int) -> NDArray[np.void]:
        # the agreeing leaves' mean state, all of them moved to one place on the path
        self._serial += 1
        cov = rows["cov"][:, 0]
        salvo, weight = np.zeros(1, SALVO), 1.0 / (cov[:, 3, 3] + cov[:, 4, 4] + cov[:, 5, 5])
        mean = np.average(state, axis=0, weights=weight)
        salvo["serial"], salvo["t_ns"], salvo["pos"], salvo["vel"] = self._serial, t_ns, mean[:3], mean[3:]
        salvo["ln_drag"] = np.average(rows["x"][:, 0, 6], weights=weight)
        return salvo


def _is_on_path(salvo: NDArray[np.void], others: NDArray[np.void]) -> NDArray[np.bool_]:
    # whether the mouths of others (k,) are near the straight line through the mouth of one (1,)
    way = others["pos"] - salvo["pos"]
    along = (way * salvo["vel"]).sum(axis=1, keepdims=True) / (salvo["vel"] ** 2).sum()
    return ((way - along * salvo["vel"]) ** 2).sum(axis=1) < SAME_M**2


def _is_like(salvo: NDArray[np.void], others: NDArray[np.void]) -> NDArray[np.bool_]:
    # whether others (k,) are the same salvo as one (1,), near enough
    near = np.abs(others["vel"] - salvo["vel"]).max(axis=1, initial=0.0) < SAME_MPS / 2.0
    return _is_on_path(salvo, others) & near


def _n_disjoint(leaves: NDArray[np.void], slots: Ints) -> int:
    # how many different things leaves show: those that share no plot, the best first
    taken: set[int] = set()
    count = 0
    for mine, n in zip(leaves["plots"][slots].tolist(), leaves["n_plots"][slots].tolist(), strict=True):
        plots = set(mine[:n])
        if not plots & taken:
            taken |= plots
            count += 1
    return count


def _moved(state: Floats, way_s: Floats) -> Floats:
    # what position and velocity of a state (9,) change by over times (n,): a parabola
    u = way_s[:, None]
    return np.concatenate([state[3:6] * u + 0.5 * state[6:] * u**2, state[6:] * u], axis=1)


def _compare(state: Floats, others: Floats) -> tuple[NDArray[np.bool_], Floats]:
    # which states at a first plot, (n, 9), are of one path with others, (m, 6 or 9), and the time to there [s]
    is_same, way_s = np.empty((len(state), len(others)), np.bool_), np.empty((len(state), len(others)))
    mouths.compare_paths(state, others, SAME_M, SAME_MPS, MOST_WAY_S, is_same, way_s)
    return is_same, way_s
