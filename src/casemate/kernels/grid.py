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

    low_m: Floats  # (3,) corner
    size_m: float
    dims: Ints  # (3,)
    starts: Ints  # (cells + 1,)
    items: Ints  # (n,) rows, by cell, then as they were given
    pos: Floats  # (n, 3) of `items`
    slack_m: float  # the largest: how wrong a position may be


@njit(cache=True, error_model="numpy")
def build_grid(spots: Rows, rows: Ints) -> Grid:
    """Sort rows (n,) of SPOT into cells, about two cells to a plot."""
    n = rows.shape[0]
    low, high, dims, slack = np.zeros(3), np.zeros(3), np.ones(3, np.int64), 0.0
    for k in range(n):
        at = spots[rows[k]]["pos"]
        slack = max(slack, spots[rows[k]]["slack_m"])
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
        at = spots[rows[k]]["pos"]
        cell[k] = 0
        for i in range(3):
            cell[k] = cell[k] * dims[i] + int((at[i] - low[i]) / size)
        starts[cell[k] + 1] += 1
    for c in range(starts.shape[0] - 1):
        starts[c + 1] += starts[c]
    items, pos, fill = np.empty(n, np.int64), np.empty((n, 3)), starts.copy()
    for k in range(n):
        m = fill[cell[k]]
        items[m], fill[cell[k]] = rows[k], m + 1
        for i in range(3):
            pos[m, i] = spots[rows[k]]["pos"][i]
    return Grid(low, size, dims, starts, items, pos, slack)


@njit(cache=True, error_model="numpy")
def find_near(grid: Grid, e: float, n: float, u: float, reach: float, rows: Ints) -> int:
    """Write the rows of the plots within reach of a place; returns how many they are."""
    e_from, e_to = span_of(grid, 0, e, reach)
    n_from, n_to = span_of(grid, 1, n, reach)
    u_from, u_to = span_of(grid, 2, u, reach)
    count = 0
    if u_to < u_from:
        return count
    for i in range(e_from, e_to + 1):
        for k in range(n_from, n_to + 1):
            column = (i * grid.dims[1] + k) * grid.dims[2]  # its cells are side by side
            for m in range(grid.starts[column + u_from], grid.starts[column + u_to + 1]):
                d0, d1, d2 = grid.pos[m, 0] - e, grid.pos[m, 1] - n, grid.pos[m, 2] - u
                if d0 * d0 + d1 * d1 + d2 * d2 <= reach * reach:
                    rows[count] = grid.items[m]
                    count += 1
    return count


@njit(cache=True, error_model="numpy")
def span_of(grid: Grid, axis: int, at: float, reach: float) -> tuple[int, int]:
    """Return the first and the last cell along an axis that a sphere may touch; first > last: none."""
    low = float(grid.low_m[axis])
    a, b = (at - reach - low) / grid.size_m, (at + reach - low) / grid.size_m
    top = float(grid.dims[axis])
    if not (b >= 0.0 and a < top):
        return 1, 0
    return int(math.floor(max(a, 0.0))), int(math.floor(min(b, top - 1.0)))
