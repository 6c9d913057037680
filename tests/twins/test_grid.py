"""The grid of plots against a dictionary, and against asking every plot."""

import math

import naive_grid as naive
import numpy as np
import pytest

from casemate.kernels import grid as kernel
from casemate.kernels.leaves import SPOT

BOXES = ([8e3, 8e3, 2e3], [2e4, 10.0, 0.0], [50.0, 50.0, 50.0], [0.0, 0.0, 0.0])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("n", [1, 7, 150])
def test_cells_and_spans(seed, box, n):
    """Flat, thin, crowded and single plots: the same rows in every cell; what is near a place is in the cells asked."""
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, 3))
    spots = np.zeros(first + n, SPOT)
    spots["pos"] = rng.normal(0.0, 1.0, (first + n, 3)) * box + [300.0, -9e3, 40.0]
    spots["slack_m"] = rng.uniform(0.0, 90.0, first + n)
    rows = first + np.sort(rng.permutation(n)[: n - n // 3])
    grid = kernel.build_grid(spots, rows)
    low, size, dims, cells, slack = naive.build_grid(spots, rows)
    assert grid.low_m.tolist() == low.tolist()
    assert grid.size_m == pytest.approx(size, rel=1e-10)
    assert (grid.dims.tolist(), grid.slack_m) == (dims.tolist(), slack)
    assert (grid.pos == spots["pos"][grid.items]).all()
    for c in range(len(grid.starts) - 1):
        place = tuple(np.unravel_index(c, dims.astype(int)))
        assert grid.items[grid.starts[c] : grid.starts[c + 1]].tolist() == cells.get(place, [])
    for _ in range(20):
        at, reach = spots["pos"][first] + rng.normal(0.0, 1.0, 3) * (np.array(box) + 300.0), rng.uniform(0.0, 4e3)
        spans = [kernel.span_of(grid, axis, at[axis], reach) for axis in range(3)]
        for axis, (a, b) in enumerate(spans):
            assert list(range(a, b + 1)) == naive.span_of(low[axis], size, dims[axis], at[axis], reach)
        near = rows[np.linalg.norm(spots["pos"][rows] - at, axis=1) <= reach]
        found = np.empty(n, np.int64)
        found = found[: kernel.find_near(grid, *at, reach, found)].tolist()
        assert sorted(found) == near.tolist()


def test_places_without_end_are_nowhere_or_everywhere():
    """A gate that is not a number asks nothing, one without end asks all."""
    spots = np.zeros(5, SPOT)
    spots["pos"][:, 0] = 1000.0 * np.arange(5)
    grid = kernel.build_grid(spots, np.arange(5))
    assert kernel.span_of(grid, 0, math.nan, 100.0) == (1, 0)
    assert kernel.span_of(grid, 0, 0.0, math.nan) == (1, 0)
    assert kernel.span_of(grid, 0, 500.0, 1e300) == (0, grid.dims[0] - 1)
    found = np.empty(5, np.int64)
    assert kernel.find_near(grid, 0.0, 0.0, 0.0, 1e300, found) == 5
    assert kernel.find_near(grid, math.nan, 0.0, 0.0, 100.0, found) == 0
