"""Plain twins of `casemate.kernels.pruning`: leaves as objects of `naive_leaves`, trees as lists, plots by serial."""

import math
from itertools import groupby

CONFIRMED, DROPPED = 1, 3


def value_leaf(leaf, ln_end, ln_stay):
    """Return what a leaf adds to the global hypothesis."""
    if leaf.status == DROPPED:
        return -math.inf
    gain = leaf.score - leaf.past + ln_end if leaf.has_past else leaf.score - leaf.past
    return gain + (ln_stay if leaf.is_chosen else 0.0)


def settled(leaf, t_fix_ns):
    """Return the plots, in order, up to the first that may still be undone."""
    done = []
    for serial, t_ns, _ in leaf.history:
        if t_ns >= t_fix_ns:
            break
        done.append(serial)
    return done


def left_behind(leaf, ln_end):
    """Return what the track of a leaf was worth that is not chosen any more."""
    if not leaf.is_chosen or not leaf.has_past:
        return 0.0
    return leaf.score if leaf.status == DROPPED else leaf.past - ln_end


def prune_leaves(
    leaves, value, chosen, price_of, tree_of, t_fix_ns, most, within, within_alone, is_alone, least_score, ln_end
):
    """Return which leaves live on, and what trees leave behind, at their first leaf; settle the plots of those kept.

    `price_of` and `tree_of`, on which a plot was settled, are dictionaries by serial.
    """
    keep, rest = [False] * len(leaves), [0.0] * len(leaves)
    for _, members in groupby(range(len(leaves)), key=lambda k: leaves[k].tree):
        tree = list(members)
        pick = next((k for k in reversed(tree) if chosen[k]), None)
        past = [] if pick is None else settled(leaves[pick], t_fix_ns)
        if pick is None:
            rest[tree[0]] = max(0.0, *(left_behind(leaves[k], ln_end) for k in tree))
        worth = {k: value[k] - sum(price_of.get(serial, 0.0) for serial, _, _ in leaves[k].history) for k in tree}
        alive = [
            k
            for k in tree
            if leaves[k].status != DROPPED and leaves[k].score >= least_score and settled(leaves[k], t_fix_ns) == past
        ]
        ranked = sorted(alive, key=lambda k: -worth[k])
        best = worth[ranked[0]] if ranked else 0.0
        least = max(best - within_alone, least_score) if is_alone[tree[0]] else best - within
        stay = {k for k in ranked[:most] if worth[k] >= least}
        for k in stay | ({pick} - {None}):
            keep[k] = True
            n = len(settled(leaves[k], t_fix_ns))
            if k == pick:
                tree_of |= dict.fromkeys(settled(leaves[k], t_fix_ns), leaves[k].tree)
            if n:
                leaves[k].past, leaves[k].has_past = leaves[k].history[n - 1][2], True
                leaves[k].history = leaves[k].history[n:]
    return keep, rest


def label_leaves(leaves, label_of, t_of, next_id, threshold, n_least, sure):
    """Label and confirm chosen leaves; `label_of` and `t_of` are dictionaries by serial.

    Returns the next id, and by serial whether a plot is surely a track's.
    """
    wishes = []
    for leaf in leaves:
        labelled = [serial for serial, _, _ in leaf.history if label_of[serial] > 0]
        wishes.append((label_of[labelled[-1]], t_of[labelled[-1]]) if labelled else (leaf.label, 0))
    is_sure = {}
    for k, leaf in enumerate(leaves):
        wish, since = wishes[k]
        rivals = [(-t, i) for i, (label, t) in enumerate(wishes) if label == wish]
        if wish == 0 or min(rivals) != (-since, k):
            wish, next_id = next_id, next_id + 1
        leaf.label = wish
        if leaf.status == 0 and leaf.score >= threshold and (leaf.n_hit >= n_least or leaf.salvo > 0):
            leaf.status = CONFIRMED
        for serial, _, _ in leaf.history:
            label_of[serial], is_sure[serial] = wish, leaf.score >= sure
    return next_id, is_sure


def is_broken(leaf):
    """Tell whether a row of LEAF holds what cannot be, in a model that runs."""
    numbers = [leaf["score"], leaf["ln_entry"]]
    variances = []
    for model, bit in enumerate((1, 2)):
        if int(leaf["models"]) & bit:
            numbers += [*leaf["x"][model], *leaf["cov"][model].ravel()]
            variances += list(leaf["cov"][model].diagonal())
    return not all(math.isfinite(number) for number in numbers) or any(variance < 0.0 for variance in variances)
