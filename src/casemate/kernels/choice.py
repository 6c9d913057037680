"""Choice kernels: the global hypothesis, at most one leaf of each tree and each plot once, of the largest total score.

A set-packing problem. It falls apart into clusters of trees that share plots; one tree alone needs no search. In a
cluster, prices on plots (Lagrangian relaxation: Poore, Robertson, Computational Optimization and Applications 8, 1997)
give a bound from above, and a greedy choice by value less price, mended by exchanges, a hypothesis from below.
"""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

from casemate.kernels.leaves import WINDOW, Ints, Rows
from casemate.kernels.looks import Flags, Floats

Index = Any
"""int, or an element of Ints, which numpy's types do not tell from an array."""

ROUNDS: Final = 40
"""Of the prices, at most."""

EXCHANGES: Final = 3
"""Passes over all leaves, at most."""

CLOSE: Final = 1e-6
"""Nats between bound and hypothesis: found."""


class Problem(NamedTuple):
    """The leaves that are worth anything; what is worth nothing is never chosen."""

    n_plots: int
    first: Ints  # (trees + 1,), where the leaves of a tree begin
    value: Floats  # (leaves,)
    at: Ints  # (leaves + 1,), where the plots of a leaf begin
    plots: Ints


@njit(cache=True, error_model="numpy")
def _read(
    leaves: Rows, order: Ints, base: int, value: Floats, n_spots: int, begin: Ints, which: Ints
) -> tuple[int, Problem]:
    # returns how many trees; `begin` gets where each begins in `order`, `which` where the leaves of the problem are
    n = order.shape[0]
    first, worth, at = np.empty(n + 1, np.int64), np.empty(n), np.empty(n + 1, np.int64)
    plots = np.empty(n * WINDOW, np.int64)
    n_trees, n_leaves, n_plots, last = 0, 0, 0, np.int64(-1)
    for k in range(n):
        leaf = leaves[order[k]]
        if leaf["tree"] != last:
            begin[n_trees], first[n_trees], last = k, n_leaves, leaf["tree"]
            n_trees += 1
        if value[k] > 0.0:
            which[n_leaves], worth[n_leaves], at[n_leaves] = k, value[k], n_plots
            n_leaves += 1
            for i in range(leaf["n_plots"]):
                plots[n_plots] = leaf["plots"][i] - base
                n_plots += 1
    begin[n_trees], first[n_trees], at[n_leaves] = n, n_leaves, n_plots
    return n_trees, Problem(n_spots, first[: n_trees + 1], worth[:n_leaves], at[: n_leaves + 1], plots[:n_plots])


@njit(cache=True, error_model="numpy")
def _root(parent: Ints, i: Index) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, error_model="numpy")
def _unite(problem: Problem, parent: Ints, taker: Ints) -> None:
    # the trees that share a plot; the root is the first of them. `taker` (plots,), -1 before, gets a tree of each plot
    for t in range(parent.shape[0]):
        parent[t] = t
    for t in range(parent.shape[0]):
        for i in range(problem.at[problem.first[t]], problem.at[problem.first[t + 1]]):
            q = problem.plots[i]
            if taker[q] < 0:
                taker[q] = t
            elif taker[q] != t:
                a, b = _root(parent, taker[q]), _root(parent, t)
                parent[max(a, b)] = min(a, b)


@njit(cache=True, error_model="numpy")
def _cluster(parent: Ints, cluster: Ints, members: Ints, ends: Ints) -> int:
    # sort by counting: the trees of each cluster of more than one, and where they end; `cluster` of a tree, -1: alone
    n, n_clusters, end = parent.shape[0], 0, 0
    size = np.zeros(n, np.int64)
    for t in range(n):
        parent[t] = _root(parent, t)
        size[parent[t]] += 1
    for t in range(n):
        cluster[t] = cluster[parent[t]] if parent[t] != t else -1
        if parent[t] == t and size[t] > 1:
            cluster[t], ends[n_clusters] = n_clusters, end
            n_clusters += 1
            end += size[t]
    for t in range(n):
        if cluster[t] >= 0:
            members[ends[cluster[t]]] = t
            ends[cluster[t]] += 1
    return n_clusters


@njit(cache=True, error_model="numpy")
def _part(problem: Problem, trees: Ints, taker: Ints, rows: Ints, leaves: Ints) -> Problem:
    # one cluster as a problem of its own, its plots counted from 0; `rows` and `leaves` get where they were
    n_leaves, size, n_plots = 0, 0, 0
    for t in trees:
        n_leaves += problem.first[t + 1] - problem.first[t]
        size += problem.at[problem.first[t + 1]] - problem.at[problem.first[t]]
    first, value, at = np.empty(trees.shape[0] + 1, np.int64), np.empty(n_leaves), np.empty(n_leaves + 1, np.int64)
    plots = np.empty(size, np.int64)
    n_leaves, size = 0, 0
    for i in range(trees.shape[0]):
        first[i] = n_leaves
        for k in range(problem.first[trees[i]], problem.first[trees[i] + 1]):
            leaves[n_leaves], value[n_leaves], at[n_leaves] = k, problem.value[k], size
            n_leaves += 1
            for m in range(problem.at[k], problem.at[k + 1]):
                q = problem.plots[m]
                if taker[q] >= 0:
                    rows[n_plots], taker[q] = q, -2 - n_plots  # a plot is in one cluster only
                    n_plots += 1
                plots[size] = -2 - taker[q]
                size += 1
    first[trees.shape[0]], at[n_leaves] = n_leaves, size
    return Problem(n_plots, first, value, at, plots)


@njit(cache=True, error_model="numpy")
def _relax(problem: Problem, price: Floats, worth: Floats, rank: Floats, wanted: Ints) -> float:
    # every tree its best leaf at these prices, as if plots could be shared; returns what that is worth, a bound
    total = 0.0
    for t in range(rank.shape[0]):
        rank[t], wanted[t] = 0.0, -1
        for k in range(problem.first[t], problem.first[t + 1]):
            worth[k] = problem.value[k]
            for i in range(problem.at[k], problem.at[k + 1]):
                worth[k] -= price[problem.plots[i]]
            if worth[k] > rank[t]:
                rank[t], wanted[t] = worth[k], k
        total += rank[t]
    for q in range(price.shape[0]):
        total += price[q]
    return total


@njit(cache=True, error_model="numpy")
def _is_clear(k: Index, problem: Problem, owner: Ints) -> bool:
    i = problem.at[k]
    while i < problem.at[k + 1] and owner[problem.plots[i]] < 0:
        i += 1
    return bool(i == problem.at[k + 1])


@njit(cache=True, error_model="numpy")
def _take(t: Index, k: Index, problem: Problem, owner: Ints, pick: Ints) -> None:
    # tree t takes leaf k (-1: none) and gives up what it had
    if pick[t] >= 0:
        for i in range(problem.at[pick[t]], problem.at[pick[t] + 1]):
            owner[problem.plots[i]] = -1
    pick[t] = k
    if k >= 0:
        for i in range(problem.at[k], problem.at[k + 1]):
            owner[problem.plots[i]] = t


@njit(cache=True, error_model="numpy")
def _best_clear(t: Index, worth: Floats, least: float, problem: Problem, owner: Ints) -> int:
    # of tree t the leaf that is worth most, and more than `least`, whose plots nobody has
    best, most = -1, least
    for k in range(problem.first[t], problem.first[t + 1]):
        if worth[k] > most and _is_clear(k, problem, owner):
            best, most = k, worth[k]
    return best


@njit(cache=True, error_model="numpy")
def _repair(rank: Floats, problem: Problem, worth: Floats, owner: Ints, pick: Ints) -> float:
    # greedy: trees by their best reduced value, each its best leaf by reduced value among those still free
    total = 0.0
    for t in range(pick.shape[0]):
        _take(t, -1, problem, owner, pick)
    for t in np.argsort(-rank, kind="mergesort"):
        best = _best_clear(t, worth, -math.inf, problem, owner)
        if best >= 0:
            _take(t, best, problem, owner, pick)
            total += problem.value[best]
    return total


@njit(cache=True, error_model="numpy")
def _rivals_of(t: Index, k: Index, problem: Problem, owner: Ints, rivals: Ints) -> int:
    # the other trees that have plots of leaf k; returns how many
    n = 0
    for i in range(problem.at[k], problem.at[k + 1]):
        r = owner[problem.plots[i]]
        if r >= 0 and r != t:
            is_new = True
            for m in range(n):
                is_new = is_new and rivals[m] != r
            if is_new:
                rivals[n] = r
                n += 1
    return n


@njit(cache=True, error_model="numpy")
def _exchange(problem: Problem, lost: Floats, slack: float, top: Floats, owner: Ints, pick: Ints) -> float:
    # take a leaf, evict its rivals, let each choose again among what is free; keep what gains. Returns the gain.
    # Not asked: a leaf that costs the bound (`lost`) all that it is above the hypothesis (`slack`), and one that
    # could not gain if each rival had its best leaf (`top`).
    gained, value = 0.0, problem.value
    rivals, had = np.empty(WINDOW, np.int64), np.empty(WINDOW, np.int64)
    for t in range(pick.shape[0]):
        for k in range(problem.first[t], problem.first[t + 1]):
            if k == pick[t] or lost[k] >= slack - gained:
                continue
            old, n_rivals = pick[t], _rivals_of(t, k, problem, owner, rivals)
            gain, hope = value[k] - (value[old] if old >= 0 else 0.0), 0.0
            for m in range(n_rivals):
                had[m] = pick[rivals[m]]
                gain -= value[had[m]]
                hope += top[rivals[m]]
            if gain + hope <= CLOSE:
                continue
            for m in range(n_rivals):
                _take(rivals[m], -1, problem, owner, pick)
            _take(t, k, problem, owner, pick)
            for m in range(n_rivals):
                again = _best_clear(rivals[m], value, 0.0, problem, owner)
                if again >= 0:
                    _take(rivals[m], again, problem, owner, pick)
                    gain += value[again]
            if gain > CLOSE:
                gained += gain
                continue
            for m in range(n_rivals):
                _take(rivals[m], -1, problem, owner, pick)
            _take(t, old, problem, owner, pick)
            for m in range(n_rivals):
                _take(rivals[m], had[m], problem, owner, pick)
    return gained


@njit(cache=True, error_model="numpy")
def _mend(problem: Problem, price: Floats, best: float, best_pick: Ints) -> None:
    # exchanges from the best hypothesis on
    n, n_plots, lost = best_pick.shape[0], price.shape[0], np.empty(problem.value.shape[0])
    rank, top, wanted, pick = np.empty(n), np.empty(n), np.empty(n, np.int64), np.full(n, -1)
    owner = np.full(n_plots, -1)
    _relax(problem, np.zeros_like(price), lost, top, wanted)
    slack = _relax(problem, price, lost, rank, wanted) - best
    for t in range(n):
        _take(t, best_pick[t], problem, owner, pick)
        for k in range(problem.first[t], problem.first[t + 1]):
            lost[k] = rank[t] - lost[k]
    for _ in range(EXCHANGES):
        gained = _exchange(problem, lost, slack, top, owner, pick)
        slack -= gained
        if gained == 0.0:
            break
    for t in range(n):
        best_pick[t] = pick[t]


@njit(cache=True, error_model="numpy")
def _solve(problem: Problem, price: Floats, best_pick: Ints) -> None:
    # prices by subgradient steps, the best repaired hypothesis kept; exchanges where it is not proven
    n, n_plots, worth = best_pick.shape[0], price.shape[0], np.empty(problem.value.shape[0])
    rank, wanted, pick = np.empty(n), np.empty(n, np.int64), np.full(n, -1)
    count, owner = np.empty(n_plots, np.int64), np.full(n_plots, -1)
    best, bound = -math.inf, math.inf
    for _ in range(ROUNDS):
        dual = _relax(problem, price, worth, rank, wanted)
        bound = min(bound, dual)
        total = _repair(rank, problem, worth, owner, pick)
        if total > best:
            best = total
            for t in range(n):
                best_pick[t] = pick[t]
        for q in range(n_plots):
            count[q] = -1
        for t in range(n):
            if wanted[t] >= 0:
                for i in range(problem.at[wanted[t]], problem.at[wanted[t] + 1]):
                    count[problem.plots[i]] += 1
        norm = 0.0
        for q in range(n_plots):
            norm += count[q] * count[q] if count[q] > 0 or price[q] > 0.0 else 0.0
        if bound - best < CLOSE or norm == 0.0:
            break
        step = (dual - best) / norm
        for q in range(n_plots):
            price[q] = max(price[q] + step * count[q], 0.0)
    if bound - best >= CLOSE:
        _mend(problem, price, best, best_pick)


@njit(cache=True, error_model="numpy")
def choose_leaves(
    leaves: Rows, order: Ints, spots: Rows, base: int, value: Floats, chosen: Flags, is_alone: Flags
) -> tuple[float, int]:
    """Choose the leaves of the likeliest global hypothesis; prices of `spots` are where the search starts and ends.

    `order` (n,) are slots, those of a tree side by side; `value` (n,) what each leaf adds, below 0: not to be chosen.
    `chosen` (n,) is written, and `is_alone` (n,): whether no more than one is chosen of the trees that the leaf's
    competes with, and so on. Returns the total and the number of clusters with more than one tree.
    """
    begin, which = np.empty(order.shape[0] + 1, np.int64), np.empty(order.shape[0], np.int64)
    n_trees, problem = _read(leaves, order, base, value, spots.shape[0], begin, which)
    taker, parent = np.full(problem.n_plots, -1), np.empty(n_trees, np.int64)
    _unite(problem, parent, taker)
    cluster, members, ends = np.empty((3, n_trees), np.int64)
    n_clusters, start = _cluster(parent, cluster, members, ends), 0
    pick, is_lone, price = np.full(n_trees, -1), np.ones(n_trees, np.bool_), np.zeros(problem.n_plots)
    rows, whole = np.empty(problem.plots.shape[0], np.int64), np.empty(problem.value.shape[0], np.int64)
    for c in range(n_clusters):
        trees = members[start : ends[c]]
        part, best, start = _part(problem, trees, taker, rows, whole), np.empty(trees.shape[0], np.int64), ends[c]
        mine = np.empty(part.n_plots)
        for i in range(part.n_plots):
            mine[i] = spots[rows[i]]["price"]
        _solve(part, mine, best)
        for i in range(part.n_plots):
            price[rows[i]] = mine[i]
        n_picked = 0
        for i in range(trees.shape[0]):
            n_picked += 1 if best[i] >= 0 else 0
        for i in range(trees.shape[0]):
            pick[trees[i]], is_lone[trees[i]] = whole[best[i]] if best[i] >= 0 else -1, n_picked < 2
    for q in range(problem.n_plots):
        if spots[q]["price"] != price[q]:  # most are 0 and stay so: nothing is written
            spots[q]["price"] = price[q]
    total = 0.0
    for t in range(n_trees):
        for k in range(begin[t], begin[t + 1]):
            chosen[k], is_alone[k] = False, is_lone[t]
        if cluster[t] < 0:
            for k in range(problem.first[t], problem.first[t + 1]):
                if problem.value[k] > (problem.value[pick[t]] if pick[t] >= 0 else 0.0):
                    pick[t] = k
        if pick[t] >= 0:
            chosen[which[pick[t]]] = True
            total += float(problem.value[pick[t]])
    return total, n_clusters
