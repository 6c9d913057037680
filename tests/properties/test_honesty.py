"""Covariances say what they should: a fast version of `bench_honesty`, large enough to fail when one is broken."""

import math

import bench_honesty
import honesty_cases
import numpy as np
import pytest
from scipy.stats import chi2

N, SEED = 250, 7
DOF = np.array([3, 3, 6])
TAIL = 1e-4


@pytest.fixture(autouse=True)
def few_arcs(monkeypatch):
    monkeypatch.setattr(honesty_cases, "ARCS_PER_CLASS", 4)


def measured(name, **changes):
    case = bench_honesty.CASES[name]._replace(names=("m120", "r122"), **changes)
    return bench_honesty.measure(case, SEED, N, 1.0)


@pytest.mark.parametrize("name", ["matched", "generic"])
def test_errors_are_as_large_as_they_are_said_to_be(name):
    """NEES 10 and 15 s after the first plot; the curve and 5 m/s of wind known, or declared as unknown."""
    found = measured(name)
    for place in ("10 s", "15 s"):
        rows = np.array(found["nees"][place])
        low, high = (chi2.ppf(q, DOF * len(rows)) / len(rows) for q in (TAIL, 1.0 - TAIL))
        # declared wind and doubt are met by half of the rounds only: there it may be a fifth too cautious
        assert np.all(rows.mean(axis=0) > (low if name == "matched" else 0.8 * low))
        assert np.all(rows.mean(axis=0) < high)
    for before in (20, 10):
        d2 = np.array(found["impact"][before])[:, 0]
        for share in (0.5, 0.9):
            inside = float(np.mean(d2 < -2.0 * math.log(1.0 - share)))
            assert abs(inside - share) < 4.0 * math.sqrt(share * (1.0 - share) / len(d2))


def test_a_filter_that_is_not_told_of_the_wind_is_too_sure():
    """So the test above would see it."""
    found = measured("generic", wind_mps=10.0, declared_wind_mps=0.0, declared_doubt=0.0)
    rows = np.array(found["nees"]["15 s"])
    assert rows.mean(axis=0)[2] > chi2.ppf(1.0 - TAIL, 6 * len(rows)) / len(rows)
