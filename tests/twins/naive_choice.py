"""Plain twins of `casemate.kernels.choice`: the same problem solved exactly, by trying all and by integer programming.

A problem is a list of trees; a tree is a list of leaves; a leaf is its value and the set of its plots.
"""

import functools
import math

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array


def try_all(trees):
    """Return the largest total, every combination of leaves tried."""

    @functools.cache
    def best_from(t, taken):
        if t == len(trees):
            return 0.0
        best = best_from(t + 1, taken)
        for value, plots in trees[t]:
            if value > 0.0 and not plots & taken:
                best = max(best, value + best_from(t + 1, taken | plots))
        return best

    return best_from(0, frozenset())


def solve_exactly(trees):
    """Return the largest total, by branch and bound over the linear relaxation (HiGHS), proven to 1e-9."""
    leaves = [(t, value, plots) for t, tree in enumerate(trees) for value, plots in tree if value > 0.0]
    if not leaves:
        return 0.0
    names = sorted({q for _, _, plots in leaves for q in plots})
    row_of = {q: len(trees) + i for i, q in enumerate(names)}
    cells = [(t, k) for k, (t, _, _) in enumerate(leaves)]
    cells += [(row_of[q], k) for k, (_, _, plots) in enumerate(leaves) for q in plots]
    rows, columns = np.array(cells).T
    shape = len(trees) + len(names), len(leaves)
    once = LinearConstraint(csr_array((np.ones(len(cells)), (rows, columns)), shape), -np.inf, 1.0)
    cost = -np.array([value for _, value, _ in leaves])
    options = {"mip_rel_gap": 0.0}
    found = milp(cost, integrality=np.ones(len(leaves)), bounds=Bounds(0.0, 1.0), constraints=once, options=options)
    assert found.success
    return math.fsum(leaves[k][1] for k in np.flatnonzero(found.x > 0.5))


def clusters_of(trees):
    """Return the groups of trees that compete for plots, by leaves worth anything."""
    groups = []
    for t, tree in enumerate(trees):
        plots = {q for value, leaf in tree if value > 0.0 for q in leaf}
        touching = [group for group in groups if group[1] & plots]
        merged = ({t}.union(*(mine for mine, _ in touching)), plots.union(*(p for _, p in touching)))
        groups = [group for group in groups if not group[1] & plots] + [merged]
    return [mine for mine, _ in groups]
