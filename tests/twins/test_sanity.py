"""The sanity kernel against eigenvalues."""

import sys
from pathlib import Path

import numpy as np
import pytest

from casemate.kernels import sanity as kernel
from casemate.model.records import TRACK, freeze

sys.path.insert(0, str(Path(__file__).parent))
import naive_sanity as naive

SCALE = np.array([3e4, 3e4, 1e3, 300.0, 300.0, 40.0, 0.1])


def rows_of(rng, n=30):
    """Sane rows, of all scales and ranks, in the mixed units of the state."""
    rows = np.zeros(n, TRACK)
    rows["track_id"] = np.cumsum(rng.integers(1, 5, n))
    rows["state"] = rng.normal(0.0, 1.0, (n, 7)) * SCALE
    rows["is_height_known"] = rng.random(n) < 0.7
    rows["state"][~rows["is_height_known"], 2] = np.nan
    for row in rows:
        root = rng.normal(0.0, 1.0, (7, rng.integers(1, 9))) * SCALE[:, None] * 10.0 ** rng.uniform(-4.0, 4.0)
        root[rng.random(7) < 0.1] = 0.0
        row["cov"] = root @ root.T
    return rows


@pytest.mark.parametrize("seed", range(6))
def test_sane_rows_pass(seed):
    rows = rows_of(np.random.default_rng(seed))
    assert naive.first_broken(rows) == (30, 0)
    assert kernel.first_broken(freeze(rows)) == (30, 0)


def spoil(rng, row):
    """Break a row in one of the ways that it can be broken."""
    a, b = rng.choice(7, 2, replace=False)
    sigma = np.sqrt(np.diag(row["cov"])) + 1e-3
    match rng.integers(0, 7):
        case 0:
            row["state"][rng.choice([0, 1, 3, 4, 5, 6])] = rng.choice([np.nan, np.inf, -np.inf])
        case 1:
            row["cov"][a, b] = np.nan
        case 2:
            row["cov"][a, b] += 0.01 * sigma[a] * sigma[b]
        case 3:
            row["cov"][a, a] = -(sigma[a] ** 2)
        case 4:
            row["cov"][a, b] = row["cov"][b, a] = 1.01 * sigma[a] * sigma[b]
        case 5:
            row["track_id"] = 0
        case 6:
            u = rng.normal(0.0, 1.0, 7)
            row["cov"] -= 1.5 * np.outer(u, u) * sigma[:, None] * sigma
    return row


@pytest.mark.parametrize("seed", range(300))
def test_the_first_broken_row_is_found_and_named(seed):
    rng = np.random.default_rng(seed)
    rows = rows_of(rng)
    for i in 1 + rng.choice(29, 2, replace=False):
        spoil(rng, rows[i])
    assert kernel.first_broken(freeze(rows)) == naive.first_broken(rows)
    assert naive.first_broken(rows)[1] != 0


def test_a_pivot_that_vanishes_takes_its_column_along():
    rows = rows_of(np.random.default_rng(1), 1)
    rows["cov"] = np.eye(7)
    rows["cov"][0, 0, 1] = rows["cov"][0, 1, 0] = 1.0  # singular, and definite so far
    assert kernel.first_broken(rows) == naive.first_broken(rows) == (1, 0)
    rows["cov"][0, 0, 2] = rows["cov"][0, 2, 0] = 0.5  # with 1 one and the same, and yet 2 knows only one of them
    assert kernel.first_broken(rows) == naive.first_broken(rows) == (0, 3)
