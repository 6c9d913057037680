"""Prices and plans: a lower bound on a static assignment, and the plans that an optimum can be made of.

Each target takes one plan (a set of units); the plans together take no more units than there are. Relaxing the units by
prices falls apart into targets and bounds the optimum from below (Lagrange); the linear programme over plans, with
plans added until none is cheaper, finds the best prices. A plan dearer than its target's cheapest by more than the gap
is in no better answer, so a programme in integers over all others is exact.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csc_array

from casemate.kernels import assignment as kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Plan = tuple[int, ...]
"""Types of the units spent on one target, rising; a type stands as often as units of it are spent."""

_NODES = 20_000
"""Of the search for one target at most; where it is cut, the bound is looser and holds."""

_PLANS = 100_000
"""For one target at most; more are not worth solving over."""

_SUBGRADIENT_STEPS = 400
_ROUNDS = 80
"""Of adding plans to the linear programme, at most."""

_PER_TARGET = 8
"""Plans added to a target in one round, at most."""

_FLAT = 1e-9
"""A plan must be cheaper by this share of the value to count as cheaper."""


class Problem(NamedTuple):
    """Minimise sum_j worth_j prod_i (1 - p_ij)^x_ij over whole x >= 0 with sum_j x_ij <= n_units_i."""

    worth: Floats  # (targets,)
    p: Floats  # (types, targets)
    n_units: Ints  # (types,)


def cost_of(problem: Problem, j: int, plan: Plan) -> float:
    """Return what is left of target `j`'s worth after a plan."""
    return float(problem.worth[j] * np.prod(1.0 - problem.p[list(plan), j]))


class Columns:
    """The plans known for each target, and the search for more at given prices."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        with np.errstate(divide="ignore"):
            self._rate = -1.0 / np.log1p(-problem.p)  # -0.0 where p = 1, infinite where p = 0
        self._known: list[dict[Plan, float]] = [{(): float(w)} for w in problem.worth]
        self._ends, self._items = np.zeros(_PLANS + 1, np.int64), np.empty(16 * _PLANS, np.int64)

    def add(self, j: int, plan: Plan) -> None:
        """Remember a plan of a target."""
        if plan not in self._known[j]:
            self._known[j][plan] = cost_of(self.problem, j, plan)

    def find(self, j: int, prices: Floats, limit: float, *, is_least: bool) -> tuple[float, list[Plan], bool]:
        """Return a bound on what plans cost at the prices, those that cost less than the limit, and whether cut."""
        problem = self.problem
        with np.errstate(invalid="ignore"):
            rate = np.where(problem.p[:, j] > 0.0, prices * np.abs(self._rate[:, j]), np.inf)
        order = np.argsort(rate, kind="stable")
        low, n, is_cut = kernel.find_plans(
            float(problem.worth[j]), problem.p[order, j], prices[order], rate[order], problem.n_units[order],
            limit, is_least, _NODES, self._ends, self._items,
        )  # fmt: skip
        ends, types = self._ends[: n + 1].tolist(), order[self._items[: self._ends[n]]].tolist()
        return low, [tuple(sorted(types[a:b])) for a, b in itertools.pairwise(ends)], is_cut

    def programme(
        self, plans: Sequence[Sequence[Plan]] | None = None
    ) -> tuple[list[tuple[int, Plan]], Floats, csc_array]:
        """Return the plans as columns (target, plan), their costs, and the matrix of units and targets."""
        given = [list(known) for known in self._known] if plans is None else plans
        columns = [(j, plan) for j, each in enumerate(given) for plan in each]
        n_types = self.problem.n_units.size
        rows = [[*plan, n_types + j] for j, plan in columns]
        ends = np.cumsum([0, *map(len, rows)])
        flat = np.concatenate([np.array(row) for row in rows])
        shape = (n_types + self.problem.worth.size, len(columns))
        matrix = csc_array((np.ones(flat.size), flat, ends), shape=shape)
        matrix.sum_duplicates()
        costs = np.array([self._known[j].get(plan, np.nan) for j, plan in columns])
        for k in np.flatnonzero(np.isnan(costs)):
            costs[k] = cost_of(self.problem, *columns[k])
        return columns, costs, matrix

    def price(self, value: float) -> tuple[float, Floats]:
        """Return the best lower bound and its prices, given the value of some answer.

        Subgradient steps find the neighbourhood, the linear programme the rest.
        """
        bound, prices = self._descend(value)
        tolerance = _FLAT * max(value, 1e-300)
        n_types = self.problem.n_units.size
        for _ in range(_ROUNDS):
            if value - bound <= tolerance:
                break
            _, costs, matrix = self.programme()
            rows = matrix.tocsr()
            found = linprog(
                costs, A_ub=rows[:n_types], b_ub=self.problem.n_units, A_eq=rows[n_types:],
                b_eq=np.ones(self.problem.worth.size), method="highs-ds",
            )  # fmt: skip
            if found.status != 0:
                break
            at = np.maximum(-found.ineqlin.marginals, 0.0)
            low, n_new = -float(at @ self.problem.n_units), 0
            for j, dual in enumerate(found.eqlin.marginals):
                least, plans, _ = self.find(j, at, float(dual) - 1e-10 * value, is_least=False)
                low += least
                costly = sorted((cost_of(self.problem, j, plan) + float(at[list(plan)].sum()), plan) for plan in plans)
                n_new += min(len(costly), _PER_TARGET)
                for _, plan in costly[:_PER_TARGET]:
                    self.add(j, plan)
            if low > bound:
                bound, prices = low, at
            if n_new == 0:
                break
        return bound, prices

    def _descend(self, value: float) -> tuple[float, Floats]:
        # Held, Wolfe and Crowder's step, halved after 10 steps without a better bound; direction smoothed by halves
        n_units = self.problem.n_units
        at = np.full(n_units.size, value / max(1, int(n_units.sum())))
        bound, best, step, n_worse, way = 0.0, np.zeros(n_units.size), 1.0, 0, np.zeros(n_units.size)
        for _ in range(_SUBGRADIENT_STEPS):
            low, surplus = -float(at @ n_units), -n_units.astype(np.float64)
            for j, worth in enumerate(self.problem.worth):
                least, plans, _ = self.find(j, at, float(worth) * (1.0 + 1e-12), is_least=True)
                low += least
                for plan in plans[:1]:
                    self.add(j, plan)
                    np.add.at(surplus, list(plan), 1.0)
            n_worse = 0 if low > bound else n_worse + 1
            if low > bound:
                bound, best = low, at
            if n_worse >= 10:
                step, n_worse = 0.5 * step, 0
            way = 0.5 * (way + surplus)
            if value - bound <= _FLAT * value or step < 1e-3 or not surplus.any():
                break
            at = np.maximum(at + step * (value - low) / float(way @ way) * way, 1e-6 * at) if way.any() else at
        return bound, best

    def within(self, gap: float, prices: Floats, n_most: int) -> list[list[Plan]] | None:
        """Return every plan that can be in an answer better by `gap` than the bound at the prices; None if too many."""
        found: list[list[Plan]] = []
        for j, worth in enumerate(self.problem.worth):
            least, _, _ = self.find(j, prices, float(worth) * (1.0 + 1e-12), is_least=True)
            _, plans, is_cut = self.find(j, prices, least + gap, is_least=False)
            found.append(plans)
            if is_cut or sum(map(len, found)) > n_most:
                return None
        return found

    def choose(self, plans: Sequence[Sequence[Plan]] | None, n_nodes: int) -> tuple[list[Plan] | None, float]:
        """Return the best choice of one plan a target, None where the search found none, and its lower bound."""
        columns, costs, matrix = self.programme(plans)
        n_types = self.problem.n_units.size
        least = np.concatenate([np.full(n_types, -np.inf), np.ones(self.problem.worth.size)])
        most = np.concatenate([self.problem.n_units, np.ones(self.problem.worth.size)])
        found = milp(
            costs, integrality=np.ones(costs.size), bounds=Bounds(0.0, 1.0),
            constraints=LinearConstraint(matrix, least, most),
            options={"node_limit": n_nodes, "mip_rel_gap": 1e-9},
        )  # fmt: skip
        bound = float(found.mip_dual_bound) if found.mip_dual_bound is not None else -np.inf
        if found.x is None:
            return None, np.inf if found.status == 2 else bound
        return [columns[k][1] for k in np.flatnonzero(found.x > 0.5)], bound
