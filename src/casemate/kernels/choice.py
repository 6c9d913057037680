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

CLOSE: Final = 1e-6
"""Nats between bound and hypothesis: found."""


class Problem(NamedTuple):
    """The leaves that are worth anything; what is worth nothing is never chosen."""

    first: Ints  # (trees + 1,), where the leaves of a tree begin
    value: Floats  # (leaves,)
    at: Ints  # (leaves + 1,), where the plots of a leaf begin
    plots: Ints  # rows; in a cluster that is being solved counted from 0


@njit(cache=True, error_model="numpy")
def _read(leaves: Rows, order: Ints, base: int, value: Floats, begin: Ints, which: Ints) -> tuple[int, Problem]:
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
    return n_trees, Problem(first[: n_trees + 1], worth[:n_leaves], at[: n_leaves + 1], plots[:n_plots])


@njit(cache=True, error_model="numpy")
def _root(parent: Ints, i: Index) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, error_model="numpy")
def _unite(problem: Problem, parent: Ints, taker: Ints) -> None:
    # the trees that share a plot; the root is the first of them. `taker` (plots,), -1 before, gets one tree of each plot
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
def _number(problem: Problem, trees: Ints, taker: Ints, rows: Ints) -> int:
    # count the plots of a cluster from 0: `rows` gets where they were. Returns how many
    n = 0
    for t in trees:
        for i in range(problem.at[problem.first[t]], problem.at[problem.first[t + 1]]):
            q = problem.plots[i]
            if taker[q] >= 0:
                rows[n], taker[q] = q, -2 - n  # a plot is in one cluster only
                n += 1
            problem.plots[i] = -2 - taker[q]
    return n


@njit(cache=True, error_model="numpy")
def _reduced(k: Index, problem: Problem, price: Floats) -> float:
    total = problem.value[k]
    for i in range(problem.at[k], problem.at[k + 1]):
        total -= price[problem.plots[i]]
    return total


@njit(cache=True, error_model="numpy")
def _is_clear(k: Index, problem: Problem, owner: Ints) -> bool:
    for i in range(problem.at[k], problem.at[k + 1]):
        if owner[problem.plots[i]] >= 0:
            return False
    return True


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
def _best_clear(t: Index, problem: Problem, owner: Ints) -> int:
    # the most valuable leaf of tree t whose plots nobody has
    best, most = -1, 0.0
    for k in range(problem.first[t], problem.first[t + 1]):
        if problem.value[k] > most and _is_clear(k, problem, owner):
            best, most = k, problem.value[k]
    return best


@njit(cache=True, error_model="numpy")
def _repair(trees: Ints, rank: Floats, problem: Problem, price: Floats, owner: Ints, pick: Ints) -> float:
    # greedy: trees by their best reduced value, each its best leaf by reduced value among those still free
    total = 0.0
    for t in trees:
        _take(t, -1, problem, owner, pick)
    for i in np.argsort(-rank, kind="mergesort"):
        t = trees[i]
        best, most = -1, -math.inf
        for k in range(problem.first[t], problem.first[t + 1]):
            if _is_clear(k, problem, owner):
                worth = _reduced(k, problem, price)
                if worth > most:
                    best, most = k, worth
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
def _exchange(trees: Ints, problem: Problem, owner: Ints, pick: Ints) -> float:
    # take a leaf, evict its rivals, let each choose again among what is free; keep what gains. Returns the gain.
    gained, value = 0.0, problem.value
    rivals, had = np.empty(WINDOW, np.int64), np.empty(WINDOW, np.int64)
    for t in trees:
        for k in range(problem.first[t], problem.first[t + 1]):
            if k == pick[t]:
                continue
            old, n_rivals = pick[t], _rivals_of(t, k, problem, owner, rivals)
            gain = value[k] - (value[old] if old >= 0 else 0.0)
            if gain <= CLOSE and n_rivals == 0:
                continue
            for m in range(n_rivals):
                had[m] = pick[rivals[m]]
                gain -= value[had[m]]
                _take(rivals[m], -1, problem, owner, pick)
            _take(t, k, problem, owner, pick)
            for m in range(n_rivals):
                again = _best_clear(rivals[m], problem, owner)
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
def _relax(trees: Ints, problem: Problem, price: Floats, rank: Floats, wanted: Ints) -> float:
    # every tree its best leaf at these prices, as if plots could be shared; returns the sum of what they are worth
    total = 0.0
    for i in range(trees.shape[0]):
        rank[i], wanted[i] = 0.0, -1
        for k in range(problem.first[trees[i]], problem.first[trees[i] + 1]):
            if problem.value[k] > rank[i]:
                worth = _reduced(k, problem, price)
                if worth > rank[i]:
                    rank[i], wanted[i] = worth, k
        total += rank[i]
    return total


@njit(cache=True, error_model="numpy")
def _solve(trees: Ints, problem: Problem, price: Floats, pick: Ints) -> None:
    # one cluster: prices by subgradient steps, the best repaired hypothesis kept, exchanges where it improved
    n, n_plots = trees.shape[0], price.shape[0]
    rank, wanted = np.empty(n), np.empty(n, np.int64)
    best_pick, best, bound = np.full(n, -1), -math.inf, math.inf
    count, owner = np.empty(n_plots, np.int64), np.full(n_plots, -1)
    for _ in range(ROUNDS):
        dual = _relax(trees, problem, price, rank, wanted)
        for q in range(n_plots):
            dual += price[q]
            count[q] = -1
        for i in range(n):
            if wanted[i] >= 0:
                for m in range(problem.at[wanted[i]], problem.at[wanted[i] + 1]):
                    count[problem.plots[m]] += 1
        bound = min(bound, dual)
        total = _repair(trees, rank, problem, price, owner, pick)
        if total > best:
            best = total + _exchange(trees, problem, owner, pick)
            for i in range(n):
                best_pick[i] = pick[trees[i]]
        norm = 0.0
        for q in range(n_plots):
            norm += count[q] * count[q] if count[q] > 0 or price[q] > 0.0 else 0.0
        if bound - best < CLOSE or norm == 0.0:
            break
        step = (dual - best) / norm
        for q in range(n_plots):
            price[q] = max(price[q] + step * count[q], 0.0)
    for i in range(n):
        pick[trees[i]] = best_pick[i]


@njit(cache=True, error_model="numpy")
def choose_leaves(
    leaves: Rows, order: Ints, spots: Rows, base: int, value: Floats, chosen: Flags, is_alone: Flags
) -> tuple[float, int]:
    """Choose the leaves of the likeliest global hypothesis; prices of `spots` are where the search starts and ends.

    `order` (n,) are slots, those of a tree side by side; `value` (n,) what each leaf adds, below 0: not to be chosen.
    `chosen` (n,) and `is_alone` (n,), whether no other tree wants a plot of the leaf's tree, are written. Returns the
    total and the number of clusters with more than one tree.
    """
    n, n_spots = order.shape[0], spots.shape[0]
    begin, which = np.empty(n + 1, np.int64), np.empty(n, np.int64)
    n_trees, problem = _read(leaves, order, base, value, begin, which)
    taker, parent = np.full(n_spots, -1), np.empty(n_trees, np.int64)
    _unite(problem, parent, taker)
    cluster, members, ends = np.empty((3, n_trees), np.int64)
    n_clusters, start = _cluster(parent, cluster, members, ends), 0
    pick, rows, price = np.full(n_trees, -1), np.empty(problem.plots.shape[0], np.int64), np.zeros(n_spots)
    for c in range(n_clusters):
        trees = members[start : ends[c]]
        n_plots, start = _number(problem, trees, taker, rows), ends[c]
        mine = np.empty(n_plots)
        for i in range(n_plots):
            mine[i] = spots[rows[i]]["price"]
        _solve(trees, problem, mine, pick)
        for i in range(n_plots):
            price[rows[i]] = mine[i]
    for q in range(n_spots):
        spots[q]["price"] = price[q]
    total = 0.0
    for t in range(n_trees):
        for k in range(begin[t], begin[t + 1]):
            chosen[k], is_alone[k] = False, cluster[t] < 0
        if cluster[t] < 0:
            for k in range(problem.first[t], problem.first[t + 1]):
                if problem.value[k] > (problem.value[pick[t]] if pick[t] >= 0 else 0.0):
                    pick[t] = k
        if pick[t] >= 0:
            chosen[which[pick[t]]] = True
            total += problem.value[pick[t]]
    return total, n_clusters
