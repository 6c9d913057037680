"""Every row of domain/burst_oracle.csv: own exact results (studies.md A4), six decimals."""

import csv

import numpy as np
import pytest
from scipy.stats import binom

from casemate.sim.intercept.burst import draw_kills, p_burst_kill

N_BURSTS = 2000


def rows(shared):
    with (shared / "domain" / "burst_oracle.csv").open() as file:
        for row in csv.DictReader(file):
            u, v, n, p, _ = (float(x) for x in row.values())
            yield u, v, int(n), p


def test_the_analytic_burst_equals_every_row(shared):
    table = list(rows(shared))
    assert len(table) == 18
    for u, v, n, p in table:
        assert p_burst_kill(u, 1.0, v, n) == pytest.approx(p, abs=1e-6)


def test_without_shared_error_it_is_the_closed_form():
    for u, n in ((0.05, 100), (0.1, 300), (2.0, 7)):
        assert p_burst_kill(u, 1.0, 0.0, n) == pytest.approx(1.0 - np.exp(-n * u * u / 2.0), abs=1e-12)


def test_the_drawn_burst_lies_in_the_binomial_interval(shared):
    """99 % family-wise over the 18 rows (Bonferroni), one fixed seed; every single row is also printed."""
    rng = np.random.default_rng(20201220)
    outside = 0
    table = list(rows(shared))
    for u, v, n, p in table:
        k = int(np.sum(draw_kills(rng, u, 1.0, v * rng.standard_normal((N_BURSTS, 2)), n)))
        low, high = binom.interval(1.0 - 0.01 / len(table), N_BURSTS, p)
        assert low <= k <= high
        low, high = binom.interval(0.99, N_BURSTS, p)
        outside += not low <= k <= high
        print(f"u {u} v {v} n {n}: drawn {k / N_BURSTS:.4f}, exact {p:.4f}")
    assert outside <= 1
