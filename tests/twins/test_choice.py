"""The choice against exact optima: every combination tried in small problems, integer programming in large ones."""

import math

import naive_choice as naive
import numpy as np
import pytest

from casemate.kernels import choice as kernel
from casemate.kernels.leaves import LEAF, SPOT

BASE = 500


def problem(trees):
    """Write a problem as the kernel takes it: leaves in a block, their order, plots and values."""
    leaves = [(t, value, plots) for t, tree in enumerate(trees) for value, plots in tree]
    block, order = np.zeros(2 * len(leaves) + 1, LEAF), np.arange(2 * len(leaves), 0, -2)
    for slot, (t, _, plots) in zip(order, leaves, strict=True):
        block["tree"][slot], block["n_plots"][slot] = t + 1, len(plots)
        block["plots"][slot][: len(plots)] = sorted(q + BASE for q in plots)
    n_spots = 1 + max((q for _, _, plots in leaves for q in plots), default=0)
    return block, order, np.zeros(n_spots, SPOT), np.array([value for _, value, _ in leaves])


def solved(trees, price=None):
    """Return the kernel's total, its clusters, its choice and its prices, after what must hold of any choice."""
    block, order, spots, value = problem(trees)
    if price is not None:
        spots["price"] = price
    chosen, is_alone = np.empty((2, len(order)), np.bool_)
    total, n_clusters = kernel.choose_leaves(block, order, spots, BASE, value, chosen, is_alone)
    leaves = [(t, v, plots) for t, tree in enumerate(trees) for v, plots in tree]
    took = [leaf for leaf, is_chosen in zip(leaves, chosen, strict=True) if is_chosen]
    clusters = naive.clusters_of(trees)
    assert n_clusters == sum(len(cluster) > 1 for cluster in clusters)
    picked = {t for t, _, _ in took}
    assert is_alone.tolist() == [any(t in c and len(set(c) & picked) < 2 for c in clusters) for t, _, _ in leaves]
    plots = [q for _, _, leaf in took for q in leaf]
    assert len({t for t, _, _ in took}) == len(took), "two leaves of a tree"
    assert len(set(plots)) == len(plots), "a plot twice"
    assert all(v > 0.0 for _, v, _ in took)
    assert total == pytest.approx(math.fsum(v for _, v, _ in took), rel=1e-12, abs=1e-12)
    assert (spots["price"] >= 0.0).all()
    return total, n_clusters, chosen.tolist(), spots["price"].tolist()


def small(rng):
    """Up to 8 trees of up to 6 leaves of up to 3 plots, crowded or not."""
    n_plots = int(rng.integers(2, 14))
    return [
        [
            (rng.normal(3.0, 4.0), frozenset(rng.integers(0, n_plots, rng.integers(1, 4)).tolist()))
            for _ in range(rng.integers(1, 7))
        ]
        for _ in range(rng.integers(1, 9))
    ]


def salvo(rng, n_rounds, n_scans=5, most=8):
    """Trees of a salvo in its first seconds: one a round, and one for each fourth pair of rounds that began wrongly.

    A leaf is a run of plots, one of each scan, that stays with its round or shifts to a neighbour's; it is worth 4 nats
    a plot, less what the shifts cost, which is little: a track that is off by one round fits nearly as well.
    """
    trees = []
    starts = [(float(r), 0.0) for r in range(n_rounds)]
    starts += [(r + 0.5, rng.exponential(3.0)) for r in range(n_rounds) if rng.random() < 0.25]
    for at, late in starts:
        tree = {}
        for _ in range(60):
            drift = rng.choice([-1.0, -0.5, 0.0, 0.0, 0.0, 0.5, 1.0])
            path = at + drift * np.arange(n_scans) / 2.0 + rng.normal(0.0, 0.25, n_scans)
            seen = rng.random(n_scans) < 0.9
            plots = np.round(path).astype(int)
            plots, off = plots[seen], (path - plots)[seen]
            if len(plots) < 2 or (plots < 0).any() or (plots >= n_rounds).any():
                continue
            value = 4.0 * len(plots) - 2.3 * (n_scans - len(plots)) - 0.5 * abs(drift) - late
            value -= float((off**2).sum()) + 2.0 * rng.exponential(1.0)
            serials = frozenset((np.flatnonzero(seen) * n_rounds + plots).tolist())
            tree[serials] = max(tree.get(serials, -math.inf), value)
        best = sorted(tree.items(), key=lambda item: -item[1])[:most]
        trees.append([(value, plots) for plots, value in best])
    return trees


def gaps_of(problems, exact):
    """Return what the kernel lacks to the optimum, problem by problem [nats], and how many trees and clusters."""
    gaps = np.array([exact(trees) - solved(trees)[0] for trees in problems])
    assert gaps.min() > -1e-6, "better than the optimum"
    return gaps


def test_small_problems_are_solved_exactly():
    """3,000 random ones: all but one in a hundred, and those by little."""
    rng = np.random.default_rng(20_201_122)
    gaps = gaps_of((small(rng) for _ in range(3000)), naive.try_all)
    print(f"n={len(gaps)} exact={np.mean(gaps < 1e-6):.4f} worst={gaps.max():.2f}")
    assert np.mean(gaps < 1e-6) > 0.98
    assert gaps.max() < 6.0


def test_both_exact_solvers_agree():
    """Integer programming finds what trying all does."""
    rng = np.random.default_rng(3)
    for _ in range(100):
        trees = small(rng)
        assert naive.solve_exactly(trees) == pytest.approx(naive.try_all(trees), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("n_rounds", [16, 24, 32])
def test_salvos_are_solved_mostly_and_nearly(n_rounds):
    """40 clusters of 16 to 50 trees, by 8 leaves, by 5 plots, as ambiguous as those of a salvo's first seconds."""
    rng = np.random.default_rng(n_rounds)
    gaps = gaps_of((salvo(rng, n_rounds) for _ in range(40)), naive.solve_exactly)
    share = np.mean(gaps < 1e-6)
    print(f"rounds={n_rounds} n={len(gaps)} exact={share:.4f} mean={gaps.mean():.4f} worst={gaps.max():.2f}")
    assert share > 0.8
    assert gaps.mean() < 2.0


def test_problems_side_by_side_are_solved_as_each_by_itself():
    """300 at once, their trees shuffled among each other: the clusters are gathered, and know nothing of each other."""
    rng = np.random.default_rng(11)
    alone = [small(rng) for _ in range(300)]
    apart = [[[(v, frozenset(q + 14 * i for q in p)) for v, p in tree] for tree in t] for i, t in enumerate(alone)]
    together = [tree for trees in apart for tree in trees]
    shuffled = [together[i] for i in rng.permutation(len(together))]
    each = [solved(trees) for trees in alone]
    total, n_clusters, *_ = solved(together)
    assert total == pytest.approx(math.fsum(total for total, *_ in each), rel=1e-12)
    assert n_clusters == sum(n for _, n, *_ in each) > 200
    assert solved(together)[2] == [is_chosen for _, _, chosen, _ in each for is_chosen in chosen]
    assert solved(shuffled)[0] == pytest.approx(total, rel=1e-2)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_problem_gives_the_same_choice(seed):
    """To the bit; and from its own prices the search starts no worse than from none."""
    trees = salvo(np.random.default_rng(seed), 20)
    first = solved(trees)
    assert solved(trees) == first
    again = solved(trees, price=first[3])
    assert again[0] <= naive.solve_exactly(trees) + 1e-6


def test_nothing_worth_anything_is_not_chosen():
    """Leaves below 0 are never taken, nor is a tree of nothing else; no leaves, no choice."""
    assert solved([[(-1.0, frozenset({0}))], [(-0.5, frozenset({0})), (-math.inf, frozenset({1}))]])[2] == [False] * 3
    assert solved([[(2.0, frozenset({0}))], [(-0.5, frozenset({0}))]])[:2] == (2.0, 0)
    assert solved([])[:2] == (0.0, 0)


def test_one_tree_that_takes_all_against_many():
    """A long leaf against the leaves that share its plots one by one: both ways."""
    short = [[(3.0, frozenset({q}))] for q in range(5)]
    assert solved([[(14.0, frozenset(range(5)))], *short])[0] == pytest.approx(15.0)
    assert solved([[(16.0, frozenset(range(5)))], *short])[0] == pytest.approx(16.0)
