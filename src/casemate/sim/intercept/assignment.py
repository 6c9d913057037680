"""Static assignment, in simulation: units of several types over targets, all at once, so that the least worth is left.

The generic problem of combinatorial optimisation (Manne, Operations Research 6, 1958). `assign_quickly` improves a
greedy answer by exchanges; `assign` proves how far from the optimum it is, and mostly that it is one. Neither knows
where anything is: worths and probabilities come in, counts go out.
"""

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from casemate.errors import DomainError
from casemate.sim.intercept.columns import Columns, Floats, Ints, Plan, Problem

_PROVEN = 1e-6
"""Share of the value by which the bound may be lower for an answer to be called optimal: the integer solver's own."""

_COLUMNS_MAX = 60_000
"""Plans over which the exact programme is tried; beyond them the answer keeps its gap."""

_EXCHANGES_MAX = 2_000

_SCALE = 1e4
"""Value to which a problem is scaled before it is solved."""


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, what it leaves, and what no answer can go below."""

    n_assigned: NDArray[np.int64]  # (types, targets)
    value: float  # worth left, in the unit of the worths
    bound: float  # no answer leaves less
    cut: str = ""  # which search ended at its limit, empty where none did

    @property
    def gap(self) -> float:
        """Return value less bound, as a share of the value; 0 where nothing is left."""
        return (self.value - self.bound) / self.value if self.value > 0.0 else 0.0

    @property
    def is_optimal(self) -> bool:
        """Tell whether no answer is better by more than a millionth of the value."""
        return self.gap <= _PROVEN


def as_problem(worth: ArrayLike, p: ArrayLike, n_units: ArrayLike) -> Problem:
    """Return a checked problem.

    Parameters
    ----------
    worth : (targets,) float
        What a target costs if nothing is done, at least 0.
    p : (types, targets) float
        Probability that one unit of a type averts it, 0 to 1.
    n_units : (types,) int
        Units of each type, at least 0.

    Raises
    ------
    DomainError
        A value outside its range.
    ValueError
        Shapes that do not fit.
    """
    made = Problem(
        np.array(worth, np.float64), np.ascontiguousarray(p, np.float64), np.array(n_units, np.int64, copy=True)
    )
    if made.worth.ndim != 1 or made.n_units.ndim != 1 or made.p.shape != (made.n_units.size, made.worth.size):
        message = f"p has shape {made.p.shape}, {made.n_units.size} types and {made.worth.size} targets were given"
        raise ValueError(message)
    for name, values, high in (("worth", made.worth, np.inf), ("p", made.p, 1.0), ("n_units", made.n_units, np.inf)):
        bad = values[~((values >= 0.0) & (values <= high) & np.isfinite(values))]
        if bad.size:
            raise DomainError(name, float(bad[0]), 0.0, high)
    return made


def left_of(problem: Problem, n_assigned: Ints) -> Floats:
    """Return what is left of each target's worth (targets,)."""
    return problem.worth * np.prod((1.0 - problem.p) ** n_assigned, axis=0)


def assign_quickly(problem: Problem) -> Ints:
    """Return an answer (types, targets): greedily by marginal return, then by moves and exchanges of single units.

    Not proven; beside the optimum of small cases see docs/benchmarks.md. For a decision that cannot wait.
    """
    n_assigned, n_left = np.zeros(problem.p.shape, np.int64), problem.n_units.copy()
    left = problem.worth.copy()
    gain = np.where(n_left[:, None] > 0, problem.p * left, 0.0)
    while gain.size and gain.max() > 0.0:
        i, j = np.unravel_index(int(gain.argmax()), gain.shape)
        n_assigned[i, j] += 1
        n_left[i] -= 1
        left[j] *= 1.0 - problem.p[i, j]
        gain[:, j] = np.where(n_left > 0, problem.p[:, j] * left[j], 0.0)
        if n_left[i] == 0:
            gain[i] = 0.0
    return _exchange(problem, n_assigned)


def _exchange(problem: Problem, n_assigned: Ints) -> Ints:
    # The best move of a unit to another target, or exchange of two units' targets, until none gains.
    n_assigned = n_assigned.copy()
    for _ in range(_EXCHANGES_MAX):
        types, targets = np.nonzero(n_assigned)
        left = left_of(problem, n_assigned)
        if types.size == 0:
            break
        without = np.empty(types.size)
        for k, (i, j) in enumerate(zip(types, targets, strict=True)):
            n_assigned[i, j] -= 1
            without[k] = problem.worth[j] * np.prod((1.0 - problem.p[:, j]) ** n_assigned[:, j])
            n_assigned[i, j] += 1
        loss = without - left[targets]
        move = problem.p[types] * left - loss[:, None]
        move[np.arange(types.size), targets] = 0.0
        after = without[None, :] * (1.0 - problem.p[types][:, targets])  # target of l with unit k in place of l's
        drop = left[targets][None, :] - after
        swap = np.where(targets[:, None] != targets[None, :], drop + drop.T, 0.0)
        tiny = 1e-12 * float(problem.worth.sum())
        if max(float(move.max()), float(swap.max())) <= tiny:
            break
        if move.max() >= swap.max():
            k, j = np.unravel_index(int(move.argmax()), move.shape)
            n_assigned[types[k], targets[k]] -= 1
            n_assigned[types[k], j] += 1
        else:
            k, m = np.unravel_index(int(swap.argmax()), swap.shape)
            for here, there in ((k, m), (m, k)):
                n_assigned[types[here], targets[here]] -= 1
                n_assigned[types[here], targets[there]] += 1
    return n_assigned


def assign(problem: Problem, n_nodes: int = 2_000) -> Assignment:
    """Return an answer with its lower bound, proven optimal where the search was not cut.

    Parameters
    ----------
    problem : Problem
        As `as_problem` checked it.
    n_nodes : int
        Of each of the two searches in integers, at most. No clock is read: the same problem gives the same answer.

    Notes
    -----
    Plans are priced by Lagrange and a linear programme over them (HiGHS); an answer is made of them, and all plans that
    could be in a better one are enumerated and searched (see `columns`).
    """
    best = assign_quickly(problem)
    value = float(left_of(problem, best).sum())
    if value <= 0.0 or not problem.n_units.any():
        return Assignment(n_assigned=best, value=value, bound=value)
    scale = _SCALE / value  # HiGHS knows absolute tolerances
    found = _prove(problem._replace(worth=problem.worth * scale), best, n_nodes)
    value = float(left_of(problem, found.n_assigned).sum())
    return msgspec.structs.replace(found, value=value, bound=min(found.bound / scale, value))


def _prove(problem: Problem, best: Ints, n_nodes: int) -> Assignment:
    value = float(left_of(problem, best).sum())
    columns = Columns(problem)
    for j in range(problem.worth.size):
        columns.add(j, tuple(np.repeat(np.arange(problem.n_units.size), best[:, j]).tolist()))
    bound, prices = columns.price(value)
    if not _is_close(value, bound):
        best, value = _better(problem, columns.choose(None, n_nodes)[0], best, value)
    cut = ""
    if not _is_close(value, bound):
        plans = columns.within((value - bound) * (1.0 + 1e-9), prices, _COLUMNS_MAX)
        if plans is None:
            cut = f"more than {_COLUMNS_MAX} plans could be in a better answer"
        else:
            choice, low = columns.choose(plans, n_nodes)
            best, value = _better(problem, choice, best, value)
            bound = max(bound, min(low, value))
            cut = "" if _is_close(value, bound) else f"the search in integers ended at {n_nodes} nodes"
    return Assignment(n_assigned=best, value=value, bound=min(bound, value), cut=cut)


def _is_close(value: float, bound: float) -> bool:
    return value - bound <= 0.5 * _PROVEN * value


def _better(problem: Problem, choice: list[Plan] | None, best: Ints, value: float) -> tuple[Ints, float]:
    if choice is None:
        return best, value
    made = np.zeros(problem.p.shape, np.int64)
    for j, plan in enumerate(choice):
        np.add.at(made[:, j], list(plan), 1)
    made = _exchange(problem, made)
    left = float(left_of(problem, made).sum())
    return (made, left) if left < value else (best, value)
