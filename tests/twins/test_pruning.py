"""The pruning kernels against lists of plots."""

import math

import naive_leaves
import naive_pruning as naive
import numpy as np
import pytest
from filter_cases import world
from leaf_cases import NOW_NS, TURN_NS, leaves_of, same

from casemate.kernels import pruning as kernel
from casemate.kernels.leaves import LEAF, SPOT

SEEDS = range(12)
N, BASE = 60, 1000


def table(seed):
    """Leaves in a block, some with a common past, some at their end, and the plots that they may hold."""
    rng = np.random.default_rng(seed)
    env, _ = world(rng)
    block, order = np.zeros(2 * N, LEAF), rng.permutation(2 * N)[:N]
    rows = leaves_of(rng, N, env)
    for k in range(1, N):  # every other leaf shares the first plots of the one before it
        if k % 2 and rows["tree"][k] == rows["tree"][k - 1]:
            n = min(rows["n_plots"][k - 1], rows["n_plots"][k])
            for name in ("plots", "plots_ns", "t_ns"):
                if name == "t_ns":
                    rows[name][k] = rows[name][k - 1]
                else:
                    rows[name][k][: n - 1] = rows[name][k - 1][: n - 1]
    rows["n_plots"] = np.minimum(rows["n_plots"], rng.integers(1, 9, N))
    rows["status"][rng.random(N) < 0.1] = naive.DROPPED
    block[order] = rows
    spots = np.zeros(60, SPOT)
    spots["price"] = np.maximum(rng.normal(0.0, 2.0, 60), 0.0)
    spots["label"], spots["t_ns"] = rng.integers(0, 7, 60), NOW_NS - rng.integers(0, 9, 60) * TURN_NS
    return rng, block, order, spots


@pytest.mark.parametrize("seed", SEEDS)
def test_values(seed):
    """Young leaves, settled ones, those chosen before and those at their end."""
    _, block, order, _ = table(seed)
    value = np.empty(N)
    kernel.value_leaves(block, order, 8.0, 1.5, value)
    expected = [naive.value_leaf(naive_leaves.leaf_of(block[slot]), 8.0, 1.5) for slot in order]
    assert value.tolist() == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert -math.inf in expected


@pytest.mark.parametrize("seed", SEEDS)
def test_who_lives_on(seed):
    """The chosen, those that share its past and are near it in worth; what is settled; what a lost track leaves."""
    rng, block, order, spots = table(seed)
    leaves = [naive_leaves.leaf_of(block[slot]) for slot in order]
    value, chosen = rng.normal(4.0, 4.0, N), np.zeros(N, np.bool_)
    value[::7] = np.round(value[::7])
    for tree in np.unique(block["tree"][order]):
        mine = np.flatnonzero((block["tree"][order] == tree) & (block["status"][order] != naive.DROPPED))
        if len(mine) and rng.random() < 0.7:
            chosen[rng.choice(mine)] = True
    price_of = dict(enumerate(spots["price"].tolist(), BASE))
    keep, rest, t_fix_ns = np.empty(N, np.bool_), np.full(N, np.nan), NOW_NS - 4 * TURN_NS
    limits = t_fix_ns, 3, 5.0, 2.0, block["tree"][order] % 2 == 0, -4.0, 8.0
    tree_of = dict.fromkeys(price_of, 0)
    expected = naive.prune_leaves(leaves, value, chosen, price_of, tree_of, *limits)
    kernel.prune_leaves(block, order, value, chosen, spots, BASE, *limits, keep, rest)
    assert keep.tolist() == expected[0]
    assert rest.tolist() == pytest.approx(expected[1], rel=1e-10, abs=1e-10)
    assert spots["tree"].tolist() == list(tree_of.values())
    assert spots["tree"].any()
    assert chosen.sum() < keep.sum() < N
    assert keep[chosen].all()
    for slot, leaf in zip(order, leaves, strict=True):
        same(block[slot], leaf)


@pytest.mark.parametrize("seed", SEEDS)
def test_labels(seed):
    """Labels follow the newest plot, two never share one, new ones count on; what is proven is confirmed."""
    rng, block, order, spots = table(seed)
    slots = order[:: rng.integers(4, 9)].copy()
    own = rng.permutation(len(spots))
    spots["label"] *= (1, 64)[seed % 2]  # of labels a power of 2 apart the last bits are the same
    for k, slot in enumerate(slots):  # chosen leaves share no plot
        n = block["n_plots"][slot] = min(block["n_plots"][slot], 4)
        block["plots"][slot][:n] = np.sort(own[4 * k : 4 * k + n]) + BASE
    leaves = [naive_leaves.leaf_of(block[slot]) for slot in slots]
    label_of = dict(enumerate(spots["label"].tolist(), BASE))
    is_settled = dict(enumerate(spots["is_settled"].tolist(), BASE))
    t_of = dict(enumerate(spots["t_ns"].tolist(), BASE))
    next_id, is_sure = naive.label_leaves(leaves, label_of, t_of, 500, 5.0, 2, 9.0)
    assert kernel.label_leaves(block, slots, spots, BASE, 500, 5.0, 2, 9.0) == next_id
    for slot, leaf in zip(slots, leaves, strict=True):
        same(block[slot], leaf)
    assert spots["label"].tolist() == list(label_of.values())
    assert spots["is_settled"].tolist() == list((is_settled | is_sure).values())
    assert len({leaf.label for leaf in leaves}) == len(leaves)
    assert next_id > 500


@pytest.mark.parametrize("seed", SEEDS)
def test_leaves_that_cannot_be_are_counted(seed):
    """Numbers that are not finite and variances below 0, where the model runs; what rests is not asked."""
    rng, block, order, _ = table(seed)
    assert kernel.count_broken(block, order) == sum(naive.is_broken(block[slot]) for slot in order) == 0
    for k, poison in zip(rng.permutation(N)[:12], [np.nan, np.inf, -1.0] * 4, strict=True):
        where = "cov" if rng.random() < 0.6 else "x"
        model, i = rng.integers(2), rng.integers(7)
        block[where][(order[k], model, i, i) if where == "cov" else (order[k], model, i)] = poison
    count = kernel.count_broken(block, order)
    assert count == sum(naive.is_broken(block[slot]) for slot in order)
    assert 0 < count <= 12
