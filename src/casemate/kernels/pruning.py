"""Pruning kernels: which leaves live on, what is settled for good, and the label that a track keeps.

Multi-frame association: what is older than the window is decided as the chosen leaves have it (N-scan pruning), and of
the alternatives inside the window only the best of each tree are carried on.
"""

import math

import numpy as np
from numba import njit

from casemate.kernels.growth import CONFIRMED, DROPPED
from casemate.kernels.leaves import RUN_OTHER, RUN_ROUND, Ints, Rows
from casemate.kernels.looks import Flags, Floats


@njit(cache=True, error_model="numpy")
def value_leaves(leaves: Rows, order: Ints, ln_end: float, ln_stay: float, value: Floats) -> None:
    """Write what each leaf adds to the global hypothesis, in nats.

    A young one its whole score. One with a settled past only what it gained since, and `ln_end`: the past stands
    whether it goes on or ended there, and a thing seldom ends in sight. The leaf chosen before gets `ln_stay`.
    """
    for k in range(order.shape[0]):
        leaf = leaves[order[k]]
        value[k] = leaf["score"] - leaf["past"] + (ln_end if leaf["has_past"] else 0.0)
        if leaf["is_chosen"]:
            value[k] += ln_stay
        if leaf["status"] == DROPPED:
            value[k] = -math.inf


@njit(cache=True, error_model="numpy")
def _n_settled(leaf: Rows, t_fix_ns: int) -> int:
    n = 0
    while n < leaf["n_plots"] and leaf["plots_ns"][n] < t_fix_ns:
        n += 1
    return n


@njit(cache=True, error_model="numpy")
def _agrees(leaf: Rows, kept: Rows, n: int, t_fix_ns: int) -> bool:
    # whether a leaf has the same settled plots as the chosen one of its tree, which has n of them
    is_same = _n_settled(leaf, t_fix_ns) == n
    for i in range(n if is_same else 0):
        is_same = is_same and leaf["plots"][i] == kept["plots"][i]
    return is_same


@njit(cache=True, error_model="numpy")
def _is_among(k: int, start: int, end: int, worth: Floats, keep: Flags, most: int) -> bool:
    # whether leaf k is among the `most` best of its tree; of equals the first is better
    better = 0
    for m in range(start, end):
        better += 1 if keep[m] and (worth[m] > worth[k] or (worth[m] == worth[k] and m < k)) else 0
        if better == most:
            return False
    return True


@njit(cache=True, error_model="numpy")
def prune_leaves(
    leaves: Rows,
    order: Ints,
    value: Floats,
    chosen: Flags,
    spots: Rows,
    base: int,
    t_fix_ns: int,
    most: int,
    within: float,
    within_alone: float,
    is_alone: Flags,
    least_score: float,
    ln_end: float,
    keep: Flags,
    rest: Floats,
) -> None:
    """Write which leaves live on, and settle the plots before t_fix_ns of those that do.

    Of each tree the chosen leaf, and those that have the same settled plots and, by value less the prices of their
    plots, are among the `most` best and `within` so many nats of the best; where no second tree was chosen that wants
    their plots, `within_alone`, and not below `least_score`. A tree without a chosen leaf ends when the first of its
    plots is settled. `rest` (n,) gets, at the first leaf of a tree that was chosen until now, what it leaves behind:
    its score where it is gone for good; where it lost its plots what was settled, less `ln_end`.
    """
    n, start = order.shape[0], 0
    worth = np.empty(n)
    while start < n:
        tree, end, pick = leaves[order[start]]["tree"], start, -1
        while end < n and leaves[order[end]]["tree"] == tree:
            if chosen[end]:
                pick = end
            end += 1
        top, n_fixed = -math.inf, 0
        if pick >= 0:
            n_fixed = _n_settled(leaves[order[pick]], t_fix_ns)
        rest[start] = _rest(leaves, order, start, end, ln_end) if pick < 0 else 0.0
        for k in range(start, end):
            leaf = leaves[order[k]]
            keep[k] = leaf["status"] != DROPPED and leaf["score"] >= least_score
            keep[k] = keep[k] and _agrees(leaf, leaves[order[pick if pick >= 0 else k]], n_fixed, t_fix_ns)
            worth[k] = value[k]
            for i in range(leaf["n_plots"]):
                worth[k] -= spots[leaf["plots"][i] - base]["price"] if leaf["plots"][i] >= base else 0.0
            if keep[k]:
                top = max(top, worth[k])
        least = max(top - within_alone, least_score) if is_alone[start] else top - within
        for k in range(start, end):
            if keep[k] and (worth[k] < least or not _is_among(k, start, end, worth, keep, most)):
                worth[k] = -math.inf  # marked; `keep` stays while others are ranked
        for k in range(start, end):
            keep[k] = (keep[k] and worth[k] > -math.inf) or k == pick
            if keep[k]:
                n_now = _n_settled(leaves[order[k]], t_fix_ns)
                for i in range(n_now if k == pick else 0):
                    spots[leaves[order[k]]["plots"][i] - base]["tree"] = tree
                _settle(leaves[order[k]], n_now)
        for k in range(start + 1, end):
            rest[k] = 0.0
        start = end


@njit(cache=True, error_model="numpy")
def _rest(leaves: Rows, order: Ints, start: int, end: int, ln_end: float) -> float:
    # what a tree leaves behind that was chosen a step ago and is not any more
    rest = 0.0
    for k in range(start, end):
        leaf = leaves[order[k]]
        if leaf["is_chosen"] and leaf["has_past"]:
            rest = max(rest, leaf["score"] if leaf["status"] == DROPPED else leaf["past"] - ln_end)
    return rest


@njit(cache=True, error_model="numpy")
def _settle(leaf: Rows, n: int) -> None:
    # the first n plots of the history are decided
    if n == 0:
        return
    leaf["past"], leaf["has_past"] = leaf["scores"][n - 1], True
    plots, times, scores = leaf["plots"], leaf["plots_ns"], leaf["scores"]
    for i in range(leaf["n_plots"] - n):
        plots[i], times[i], scores[i] = plots[i + n], times[i + n], scores[i + n]
    leaf["n_plots"] -= n


@njit(cache=True, error_model="numpy")
def _award(wish: Ints, since: Ints) -> None:
    # of several that wish the same label the one with the newest plot gets it, of those the first; `since` of the
    # others becomes -1. Labels are looked up by their last bits, then onwards
    size = 2
    while size < 2 * wish.shape[0]:
        size *= 2
    holder = np.full(size, -1)
    for k in range(wish.shape[0]):
        if wish[k] == 0:
            continue
        at = wish[k] & (size - 1)
        while holder[at] >= 0 and wish[holder[at]] != wish[k]:
            at = (at + 1) & (size - 1)
        if holder[at] < 0:
            holder[at] = k
        elif since[k] > since[holder[at]]:
            since[holder[at]], holder[at] = -1, k
        else:
            since[k] = -1


@njit(cache=True, error_model="numpy")
def label_leaves(
    leaves: Rows, slots: Ints, spots: Rows, base: int, next_id: int, threshold: float, n_least: int, sure: float
) -> int:
    """Label the chosen leaves, confirm those whose score reaches the threshold; returns the next free label.

    The label follows the plots: a leaf takes the one that was last reported on the newest of its plots, so that a
    past that was repaired moves no label on the map. Plots of leaves beyond the score `sure` begin nothing new.
    """
    n = slots.shape[0]
    wish, since = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for k in range(n):
        leaf = leaves[slots[k]]
        wish[k], i = leaf["label"], leaf["n_plots"] - 1
        while i >= 0:
            spot = spots[leaf["plots"][i] - base]
            if spot["label"] > 0:
                wish[k], since[k] = spot["label"], spot["t_ns"]
                break
            i -= 1
    _award(wish, since)
    for k in range(n):
        leaf = leaves[slots[k]]
        if wish[k] == 0 or since[k] < 0:
            wish[k] = next_id
            next_id += 1
        leaf["label"] = wish[k]
        if leaf["status"] == 0 and leaf["score"] >= threshold and (leaf["n_hit"] >= n_least or leaf["salvo"] > 0):
            leaf["status"] = CONFIRMED
        for i in range(leaf["n_plots"]):
            spot = spots[leaf["plots"][i] - base]
            spot["label"] = wish[k]
            spot["is_settled"] = leaf["score"] >= sure
    return next_id


@njit(cache=True, error_model="numpy")
def count_broken(leaves: Rows, order: Ints) -> int:
    """Count the leaves that hold a number that is not finite, or a variance below 0, in a model that runs."""
    count = 0
    for k in range(order.shape[0]):
        leaf = leaves[order[k]]
        total, is_broken = leaf["score"] + leaf["ln_entry"], False
        for m in range(2):
            if not leaf["models"] & (RUN_ROUND if m == 0 else RUN_OTHER):
                continue
            x, p = leaf["x"][m], leaf["cov"][m]
            for a in range(7):
                row = x[a]  # rows by themselves: one sum of all would wait for itself
                for b in range(7):
                    row += p[a, b]
                total += row
                is_broken = is_broken or p[a, a] < 0.0
        count += 1 if is_broken or not math.isfinite(total) else 0
    return count
