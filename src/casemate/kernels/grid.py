"""Grid kernels: which plots are near a place, without asking all of them."""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from casemate.kernels.leaves import Ints, Rows
from casemate.kernels.looks import Floats

LEAST_CELL_M: Final = 200.0
"""Gates of settled rounds reach about so far."""


class Grid(NamedTuple):
    """Rows of plots by cell of their rough positions: cubes, so that every direction counts alike."""

    first: int  # row that `items` count from
    low_m: Floats  # (3,) corner
    size_m: float
    dims: Ints  # (3,)
    starts: Ints  # (cells + 1,)
    items: Ints  # (n,) rows less `first`, by cell, then by row
    slack_m: float  # the largest: how wrong a position may be


@njit(cache=True, error_model="numpy")
def build_grid(spots: Rows, first: int, last: int) -> Grid:
    """Sort the rows first ... last - 1 of SPOT into cells, about two cells to a plot."""
    n = last - first
    low, high, dims, slack = np.zeros(3), np.zeros(3), np.ones(3, np.int64), 0.0
    for k in range(n):
        at = spots[first + k]["pos"]
        slack = max(slack, spots[first + k]["slack_m"])
        for i in range(3):
            low[i] = min(low[i], at[i]) if k else at[i]
            high[i] = max(high[i], at[i]) if k else at[i]
    box = 1.0
    for i in range(3):
        box *= max(high[i] - low[i], LEAST_CELL_M)
    size = max((box / (2.0 * n + 1.0)) ** (1.0 / 3.0), LEAST_CELL_M)
    for i in range(3):
        dims[i] = int((high[i] - low[i]) / size) + 1
    starts, cell = np.zeros(dims[0] * dims[1] * dims[2] + 1, np.int64), np.empty(n, np.int64)
    for k in range(n):
        at = spots[first + k]["pos"]
        cell[k] = 0
        for i in range(3):
            cell[k] = cell[k] * dims[i] + int((at[i] - low[i]) / size)
        starts[cell[k] + 1] += 1
    for c in range(starts.shape[0] - 1):
        starts[c + 1] += starts[c]
    items, fill = np.empty(n, np.int64), starts.copy()
    for k in range(n):
        items[fill[cell[k]]] = k
        fill[cell[k]] += 1
    return Grid(first, low, size, dims, starts, items, slack)


@njit(cache=True, error_model="numpy")
def span_of(grid: Grid, axis: int, at: float, reach: float) -> tuple[int, int]:
    """Return the first and the last cell along an axis that a sphere may touch; first > last: none."""
    low = float(grid.low_m[axis])
    a, b = (at - reach - low) / grid.size_m, (at + reach - low) / grid.size_m
    top = float(grid.dims[axis])
    if not (b >= 0.0 and a < top):
        return 1, 0
    return int(math.floor(max(a, 0.0))), int(math.floor(min(b, top - 1.0)))
