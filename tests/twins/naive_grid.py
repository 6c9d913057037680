"""Plain twins of `casemate.kernels.grid`: a dictionary of cells, and every cell asked."""

import math
from collections import defaultdict

import numpy as np


def build_grid(spots, rows):
    """Return corner, size, cells along each axis, rows by cell, and the largest slack."""
    pos, slack = spots["pos"][rows], spots["slack_m"][rows]
    if len(rows) == 0:
        return np.zeros(3), 200.0, np.ones(3), {}, 0.0
    low, high = pos.min(axis=0), pos.max(axis=0)
    size = max(math.cbrt(np.prod(np.maximum(high - low, 200.0)) / (2 * len(pos) + 1)), 200.0)
    cells = defaultdict(list)
    for row, at in zip(rows.tolist(), pos, strict=True):
        cells[tuple(((at - low) // size).astype(int).tolist())].append(row)
    return low, size, (high - low) // size + 1, cells, slack.max()


def span_of(low_m, size_m, n, at, reach):
    """Return the cells of one axis that at - reach ... at + reach touches."""
    return [c for c in range(int(n)) if low_m + c * size_m <= at + reach and at - reach < low_m + (c + 1) * size_m]
