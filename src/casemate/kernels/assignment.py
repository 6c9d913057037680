"""Assignment kernel: which units to spend on one target, at given prices of a unit of each type.

A plan of units for a target costs what is left of its worth, worth * prod (1 - p)^n, and the price of its units. The
search goes depth first through the types by price over -ln(1 - p), cheapest first, and leaves a branch whose
continuous relaxation (units may be split) is no better than the limit.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = Any
"""int, or an element of Ints, which numpy's types do not tell from an array."""


@njit(cache=True, error_model="numpy")
def _relaxed(left: float, cost: float, k: Index, n_used: int, p: Floats, price: Floats, rate: Floats, n: Ints) -> float:
    # the least that types from k on can make of `left` where units may be split; `n_used` of type k are spent
    for i in range(k, p.shape[0]):
        if left <= rate[i]:
            break
        if rate[i] <= 0.0:
            return cost
        n_left = n[i] - n_used if i == k else n[i]
        after = left * (1.0 - p[i]) ** n_left
        if after < rate[i]:
            cost += rate[i] * math.log(left / rate[i])
            left = rate[i]
            break
        cost += n_left * price[i]
        left = after
    return cost + left


@njit(cache=True, error_model="numpy")
def find_plans(
    worth: float, p: Floats, price: Floats, rate: Floats, n_units: Ints, limit: float, is_least: bool, n_nodes: int,
    ends: Ints, items: Ints,
) -> tuple[float, int, bool]:  # fmt: skip
    """Find the plans for one target that cost less than `limit`, or the least of them.

    The arguments of types (types,) come by rising `rate` [worth], which is price / -ln(1 - p), infinite where p = 0.
    `ends` (plans + 1,) and `items` get the plans one after the other, as indices of types. Returns a lower bound on
    what any plan below `limit` costs (`limit` where there is none), how many plans there are, and whether the search
    was cut: at `n_nodes`, or as the arrays were full. Then the bound still holds, and plans may be missing.
    """
    low, n_plans, n_seen, is_cut = limit, 0, 0, False
    n_total = n_units.sum()
    path, used = np.empty(n_total, np.int64), np.zeros(p.shape[0], np.int64)
    left, cost = np.empty(n_total + 1), np.empty(n_total + 1)
    depth, k, is_new, left[0], cost[0], ends[0] = 0, 0, True, worth, 0.0, 0
    while True:
        if is_new and left[depth] + cost[depth] < limit:
            low = min(low, left[depth] + cost[depth])
            if is_least:
                limit, n_plans = low, 0
            size = ends[n_plans] + depth
            if n_plans + 1 < ends.shape[0] and size <= items.shape[0]:
                items[ends[n_plans] : size] = path[:depth]
                n_plans += 1
                ends[n_plans] = size
            else:
                is_cut = True
        is_new = False
        while k < p.shape[0]:
            if left[depth] <= rate[k]:  # no type from here on is worth its price
                k = p.shape[0]
                break
            least = _relaxed(left[depth], cost[depth], k, used[k], p, price, rate, n_units)
            if least >= limit:
                k = p.shape[0]
            elif n_seen >= n_nodes:
                low, is_cut, k = min(low, least), True, p.shape[0]
            elif used[k] < n_units[k] and left[depth] * p[k] > price[k]:
                break
            else:
                k += 1
        if k < p.shape[0]:
            left[depth + 1], cost[depth + 1] = left[depth] * (1.0 - p[k]), cost[depth] + price[k]
            path[depth] = k
            used[k] += 1
            depth, n_seen, is_new = depth + 1, n_seen + 1, True
        elif depth == 0:
            return low, n_plans, is_cut
        else:
            depth -= 1
            k = path[depth]
            used[k] -= 1
            k += 1
