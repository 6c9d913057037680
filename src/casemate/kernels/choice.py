"""Choice kernels: the global hypothesis, at most one leaf of each tree and each plot once, of the largest total score.

A set-packing problem. It falls apart into clusters of trees that share plots; one tree alone needs no search. In a
cluster, prices on plots (Lagrangian relaxation: Poore, Robertson, Computational Optimization and Applications 8, 1997)
give a bound from above, and a greedy choice by value less price, mended by exchanges, a hypothesis from below.
"""

import math
from typing import Any, Final

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


@njit(cache=True, error_model="numpy")
def _root(parent: Ints, i: Index) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, error_model="numpy")
def _cluster(first: Ints, n_trees: int, plots: Ints, n_of: Ints, value: Floats, n_plots: int, parent: Ints) -> None:
    # union of the trees that share a plot in leaves worth anything; the root is the first tree
    taker = np.full(n_plots, -1)
    for t in range(n_trees):
        parent[t] = t
    for t in range(n_trees):
        for k in range(first[t], first[t + 1]):
            if value[k] <= 0.0:
                continue
            for i in range(n_of[k]):
                q = plots[k, i]
                if taker[q] < 0:
                    taker[q] = t
                    continue
                a, b = _root(parent, taker[q]), _root(parent, t)
                parent[max(a, b)] = min(a, b)


@njit(cache=True, error_model="numpy")
def _reduced(k: int, plots: Ints, n_of: Ints, value: Floats, price: Floats) -> float:
    total = value[k]
    for i in range(n_of[k]):
        total -= price[plots[k, i]]
    return total


@njit(cache=True, error_model="numpy")
def _is_clear(k: int, plots: Ints, n_of: Ints, owner: Ints) -> bool:
    is_clear = True
    for i in range(n_of[k]):
        is_clear = is_clear and bool(owner[plots[k, i]] < 0)
    return is_clear


@njit(cache=True, error_model="numpy")
def _take(t: Index, k: Index, plots: Ints, n_of: Ints, owner: Ints, pick: Ints) -> None:
    # tree t takes leaf k (-1: none) and gives up what it had
    if pick[t] >= 0:
        for i in range(n_of[pick[t]]):
            owner[plots[pick[t], i]] = -1
    pick[t] = k
    if k >= 0:
        for i in range(n_of[k]):
            owner[plots[k, i]] = t


@njit(cache=True, error_model="numpy")
def _best_clear(t: int, first: Ints, plots: Ints, n_of: Ints, value: Floats, owner: Ints) -> int:
    # the most valuable leaf of tree t whose plots nobody has
    best, most = -1, 0.0
    for k in range(first[t], first[t + 1]):
        if value[k] > most and _is_clear(k, plots, n_of, owner):
            best, most = k, value[k]
    return best


@njit(cache=True, error_model="numpy")
def _repair(
    trees: Ints,
    rank: Floats,
    first: Ints,
    plots: Ints,
    n_of: Ints,
    value: Floats,
    price: Floats,
    owner: Ints,
    pick: Ints,
) -> float:
    # greedy: trees by their best reduced value, each its best leaf by reduced value among those still free
    total = 0.0
    for t in trees:
        _take(t, -1, plots, n_of, owner, pick)
    for i in np.argsort(-rank, kind="mergesort"):
        t = trees[i]
        best, most = -1, -math.inf
        for k in range(first[t], first[t + 1]):
            if value[k] <= 0.0 or not _is_clear(k, plots, n_of, owner):
                continue
            worth = _reduced(k, plots, n_of, value, price)
            if worth > most:
                best, most = k, worth
        if best >= 0:
            _take(t, best, plots, n_of, owner, pick)
            total += value[best]
    return total


@njit(cache=True, error_model="numpy")
def _exchange(trees: Ints, first: Ints, plots: Ints, n_of: Ints, value: Floats, owner: Ints, pick: Ints) -> float:
    # take a leaf, evict its rivals, let each choose again among what is free; keep what gains. Returns the gain.
    gained = 0.0
    rivals, had = np.empty(WINDOW, np.int64), np.empty(WINDOW, np.int64)
    for t in trees:
        for k in range(first[t], first[t + 1]):
            if value[k] <= 0.0 or k == pick[t]:
                continue
            old, n_rivals = pick[t], 0
            gain = value[k] - (value[old] if old >= 0 else 0.0)
            for i in range(n_of[k]):
                r = owner[plots[k, i]]
                if r >= 0 and r != t:
                    is_new = True
                    for m in range(n_rivals):
                        is_new = is_new and rivals[m] != r
                    if is_new:
                        rivals[n_rivals] = r
                        n_rivals += 1
                        gain -= value[pick[r]]
            if gain + 0.0 <= CLOSE and n_rivals == 0:
                continue
            for m in range(n_rivals):
                had[m] = pick[rivals[m]]
                _take(rivals[m], -1, plots, n_of, owner, pick)
            _take(t, k, plots, n_of, owner, pick)
            for m in range(n_rivals):
                again = _best_clear(rivals[m], first, plots, n_of, value, owner)
                if again >= 0:
                    _take(rivals[m], again, plots, n_of, owner, pick)
                    gain += value[again]
            if gain > CLOSE:
                gained += gain
                continue
            for m in range(n_rivals):
                _take(rivals[m], -1, plots, n_of, owner, pick)
            _take(t, old, plots, n_of, owner, pick)
            for m in range(n_rivals):
                _take(rivals[m], had[m], plots, n_of, owner, pick)
    return gained


@njit(cache=True, error_model="numpy")
def _plots_of(trees: Ints, first: Ints, plots: Ints, n_of: Ints, value: Floats, is_in: Flags) -> Ints:
    # rows of the plots of a cluster, each once; `is_in` is all False before and after
    size, count = 0, 0
    for t in trees:
        for k in range(first[t], first[t + 1]):
            size += n_of[k]
    mine = np.empty(size, np.int64)
    for t in trees:
        for k in range(first[t], first[t + 1]):
            for i in range(n_of[k] if value[k] > 0.0 else 0):
                if not is_in[plots[k, i]]:
                    is_in[plots[k, i]] = True
                    mine[count] = plots[k, i]
                    count += 1
    for i in range(count):
        is_in[mine[i]] = False
    return mine[:count]


@njit(cache=True, error_model="numpy")
def _relax(
    trees: Ints, first: Ints, plots: Ints, n_of: Ints, value: Floats, price: Floats, rank: Floats, wanted: Ints
) -> float:
    # every tree its best leaf at these prices, as if plots could be shared; returns the sum of what they are worth
    total = 0.0
    for i in range(trees.shape[0]):
        rank[i], wanted[i] = 0.0, -1
        for k in range(first[trees[i]], first[trees[i] + 1]):
            if value[k] > rank[i]:
                worth = _reduced(k, plots, n_of, value, price)
                if worth > rank[i]:
                    rank[i], wanted[i] = worth, k
        total += rank[i]
    return total


@njit(cache=True, error_model="numpy")
def _solve(
    trees: Ints, first: Ints, plots: Ints, n_of: Ints, value: Floats, price: Floats, owner: Ints, pick: Ints, mine: Ints
) -> None:
    # one cluster: prices by subgradient steps, the best repaired hypothesis kept, exchanges where it improved
    n = trees.shape[0]
    rank, wanted = np.empty(n), np.empty(n, np.int64)
    best_pick, best, bound = np.full(n, -1), -math.inf, math.inf
    count = np.zeros(price.shape[0], np.int64)
    for _ in range(ROUNDS):
        dual = _relax(trees, first, plots, n_of, value, price, rank, wanted)
        for q in mine:
            dual += price[q]
            count[q] = -1
        for i in range(n):
            for m in range(n_of[wanted[i]] if wanted[i] >= 0 else 0):
                count[plots[wanted[i], m]] += 1
        bound = min(bound, dual)
        total = _repair(trees, rank, first, plots, n_of, value, price, owner, pick)
        if total > best:
            best = total + _exchange(trees, first, plots, n_of, value, owner, pick)
            for i in range(n):
                best_pick[i] = pick[trees[i]]
        norm = 0.0
        for q in mine:
            norm += count[q] * count[q] if count[q] > 0 or price[q] > 0.0 else 0.0
        if bound - best < CLOSE or norm == 0.0:
            break
        step = (dual - best) / norm
        for q in mine:
            price[q] = max(price[q] + step * count[q], 0.0)
    for i in range(n):
        _take(trees[i], -1, plots, n_of, owner, pick)
    for i in range(n):
        _take(trees[i], best_pick[i], plots, n_of, owner, pick)


@njit(cache=True, error_model="numpy")
def choose_leaves(
    leaves: Rows, order: Ints, spots: Rows, base: int, value: Floats, chosen: Flags, is_alone: Flags
) -> tuple[float, int]:
    """Choose the leaves of the likeliest global hypothesis; prices of `spots` are where the search starts and ends.

    `order` (n,) are slots, those of a tree side by side; `value` (n,) what each leaf adds, below 0: not to be chosen.
    `chosen` (n,) and `is_alone` (n,), whether no other tree wants a plot of the leaf's tree, are written. Returns the
    total and the number of clusters with more than one tree.
    """
    n = order.shape[0]
    first, plots, n_of = np.empty(n + 1, np.int64), np.empty((n, WINDOW), np.int64), np.empty(n, np.int64)
    n_trees, last = 0, np.int64(-1)
    for k in range(n):
        leaf = leaves[order[k]]
        if leaf["tree"] != last:
            first[n_trees], last = k, leaf["tree"]
            n_trees += 1
        n_of[k] = leaf["n_plots"]
        for i in range(n_of[k]):
            plots[k, i] = leaf["plots"][i] - base
    first[n_trees] = n
    parent, pick = np.empty(n_trees, np.int64), np.full(n_trees, -1)
    n_spots = spots.shape[0]
    owner, price, is_in = np.full(n_spots, -1), np.zeros(n_spots), np.zeros(n_spots, np.bool_)
    _cluster(first, n_trees, plots, n_of, value, n_spots, parent)
    size = np.zeros(n_trees, np.int64)
    for t in range(n_trees):
        size[_root(parent, t)] += 1
    n_clusters = 0
    for t in range(n_trees):
        for k in range(first[t], first[t + 1]):
            is_alone[k] = size[_root(parent, t)] == 1
        if parent[t] != t:
            continue
        if size[t] == 1:
            _take(t, _best_clear(t, first, plots, n_of, value, owner), plots, n_of, owner, pick)
            continue
        members, count = np.empty(size[t], np.int64), 0
        for r in range(t, n_trees):
            if _root(parent, r) == t:
                members[count] = r
                count += 1
        mine = _plots_of(members, first, plots, n_of, value, is_in)
        for q in mine:
            price[q] = spots[q]["price"]
        _solve(members, first, plots, n_of, value, price, owner, pick, mine)
        n_clusters += 1
    total = 0.0
    for q in range(n_spots):
        spots[q]["price"] = price[q]
    for k in range(n):
        chosen[k] = False
    for t in range(n_trees):
        if pick[t] >= 0:
            chosen[pick[t]] = True
            total += float(value[pick[t]])
    return total, n_clusters
