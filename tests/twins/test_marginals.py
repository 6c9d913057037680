"""Belief propagation against exact enumeration, and the small tracker of the study that stands on it."""

import numpy as np
import pytest
from marginals import marginals_of
from naive_marginals import has_loop, try_all

N_CASES = 100


def cases(seed, n, share):
    """Random tables up to 4 by 4, odds from 0.01 to 1000, a share of the cells there."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        shape = rng.integers(1, 5, 2)
        yield np.exp(rng.uniform(np.log(0.01), np.log(1000.0), shape)) * (rng.random(shape) < share)


def propagated(psi):
    """Return the marginals of a table by belief propagation, and those of empty rows and columns."""
    row, column = np.nonzero(psi)
    p, p_row, p_column = marginals_of(row, column, psi[row, column], *psi.shape)
    table = np.zeros_like(psi)
    table[row, column] = p
    return table, p_row, p_column


@pytest.mark.parametrize("seed", [1, 2])
def test_marginals_are_exact_without_loops(seed):
    n_trees = 0
    for psi in cases(seed, N_CASES, 0.35):
        if not has_loop(psi):
            n_trees += 1
            table, p_row, p_column = propagated(psi)
            exact = try_all(psi)
            np.testing.assert_allclose(table, exact, rtol=0.0, atol=1e-6)  # messages end at changes of 1e-7
            np.testing.assert_allclose(p_row, 1.0 - exact.sum(1), rtol=0.0, atol=1e-6)
            np.testing.assert_allclose(p_column, 1.0 - exact.sum(0), rtol=0.0, atol=1e-6)
    assert n_trees > N_CASES // 2


@pytest.mark.parametrize("seed", [1, 2])
def test_marginals_with_loops_add_up_and_are_near(seed):
    """Of 3 by 200 full tables the mean of the largest error was 0.009 to 0.014, the worst 0.18 to 0.25."""
    errors = []
    for psi in cases(seed, N_CASES, 1.0):
        table, p_row, p_column = propagated(psi)
        np.testing.assert_allclose(table.sum(1) + p_row, 1.0, rtol=0.0, atol=1e-12)
        np.testing.assert_allclose(table.sum(0) + p_column, 1.0, rtol=0.0, atol=1e-5)
        errors.append(np.abs(table - try_all(psi)).max())
    assert np.mean(errors) < 0.03
    assert np.max(errors) < 0.4


def test_no_cells_are_no_associations():
    nothing = np.zeros(0, np.int64)
    p, p_row, p_column = marginals_of(nothing, nothing, np.zeros(0), 3, 2)
    assert len(p) == 0
    assert p_row.tolist() == [1.0] * 3
    assert p_column.tolist() == [1.0] * 2


@pytest.mark.slow  # without the compiler
def test_the_study_tracks_two_rounds_that_are_apart(shared):
    """One track each from the second or third plot on, and nothing else."""
    from bench_jipda import TRACKERS, side_by_side

    scene = side_by_side(1000.0, 0.0, 201)
    tracks = TRACKERS["JIPDA"](scene).tracks
    late = tracks["scan"] >= 12
    assert len(np.unique(tracks["id"])) == 2
    assert late.sum() >= 2 * (tracks["scan"].max() - 12)
    for scan, place in zip(tracks["scan"][late], tracks["pos"][late], strict=True):
        truth = scene["truth_pos"][scene["truth_scan"] == scan]
        assert np.linalg.norm(truth - place, axis=1).min() < 150.0  # 4 sigma of a plot
