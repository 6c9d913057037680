"""The assignment kernels against brute force and scipy."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from casemate.kernels.assign import best_assignment, choose_pairs, label_clusters

sys.path.insert(0, str(Path(__file__).parent))
import naive_assign


def pairs(seed, n_tracks, n_plots, share):
    """Draw a random pair list, sorted by track, then plot."""
    rng = np.random.default_rng(seed)
    i, j = np.nonzero(rng.random((n_tracks, n_plots)) < share)
    return i.astype(np.int64), j.astype(np.int64), rng.normal(3.0, 4.0, len(i))


@pytest.mark.parametrize("seed", range(20))
def test_best_assignment_equals_brute_force(seed):
    """Every way tried: same total, and the total is that of the plots named."""
    i, j, gain = pairs(seed, 6, 5, 0.5)
    plot_of = np.empty(6, np.int64)
    total = best_assignment(i, j, gain, 6, 5, plot_of)
    expected, _ = naive_assign.best_assignment(i, j, gain, 6)
    assert total == pytest.approx(expected, abs=1e-10)
    used = plot_of[plot_of >= 0]
    assert len(set(used.tolist())) == len(used)
    assert sum(g for a, b, g in zip(i, j, gain, strict=True) if plot_of[a] == b) == pytest.approx(total, abs=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_best_assignment_equals_scipy(seed):
    """Larger problems, with each track's own "no plot" as a column of gain 0."""
    n, m = 30, 40
    i, j, gain = pairs(seed, n, m, 0.2)
    cost = np.full((n, m + n), 1e9)
    cost[i, j] = -gain
    cost[np.arange(n), m + np.arange(n)] = 0.0
    rows, cols = linear_sum_assignment(cost)
    plot_of = np.empty(n, np.int64)
    assert best_assignment(i, j, gain, n, m, plot_of) == pytest.approx(-cost[rows, cols].sum(), abs=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_label_clusters_equals_scipy(seed):
    """Components by scipy's sparse graph search."""
    i, j, _ = pairs(seed, 20, 25, 0.05)
    cluster = np.empty(20, np.int64)
    count = label_clusters(i, j, 20, 25, cluster)
    expected, expected_cluster = naive_assign.label_clusters(i, j, 20, 25)
    assert count == expected
    assert cluster.tolist() == expected_cluster.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_choose_pairs_equals_scipy(seed):
    """The likeliest explanation first, then what is left over; some tracks are likelier false than not."""
    n, m, ln_miss = 12, 10, -2.3
    i, j, llr = pairs(seed, n, m, 0.3)
    worth = np.random.default_rng(100 + seed).normal(-1.0, 4.0, n)
    track, plot, ratio = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m)
    count, n_clusters = choose_pairs(i, j, llr, worth, ln_miss, m, track, plot, ratio)
    chosen = naive_assign.choose_pairs(i, j, llr, worth, ln_miss, m)
    assert n_clusters == naive_assign.label_clusters(i, j, n, m)[0]
    assert list(zip(track[:count], plot[:count], strict=True)) == list(zip(i[chosen], j[chosen], strict=True))
    assert ratio[:count] == pytest.approx(llr[chosen], abs=1e-10)


def test_nothing_to_assign():
    """No pairs, no assignment."""
    none = np.zeros(0, np.int64)
    plot_of = np.empty(3, np.int64)
    assert best_assignment(none, none, np.zeros(0), 3, 0, plot_of) == 0.0
    assert plot_of.tolist() == [-1, -1, -1]
