"""Sanity kernel: are the rows that leave the tracker what rows of tracks must be, whatever came in."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Rows = NDArray[np.void]

FINE, NOT_FINITE, NOT_SYMMETRIC, NOT_DEFINITE, OUT_OF_ORDER = 0, 1, 2, 3, 4

ROUNDING = 1e-6
"""Correlations that differ by less are equal, and a pivot so far below 0 is 0: rounding of an update stays under 1e-8
of the largest variance even after 20,000 hostile scans [A], a real mistake shows as 1e-3 and more."""
TINY = 1e-9
"""A pivot below is no divisor: what is left of its column must vanish with it, by Cauchy and Schwarz to sqrt(TINY)."""


@njit(cache=True, error_model="numpy")
def first_broken(rows: Rows) -> tuple[int, int]:
    """Find the first TRACK row that cannot be, and why: one of the codes above; FINE beside the number of rows.

    Ids ascend. Every float of state, covariance and score is finite, but for the height where it is unknown. The
    covariance is symmetric and has no negative eigenvalue: the pivots of its correlations (L D L', Golub, Van Loan,
    Matrix Computations, 1996, algorithm 4.1.2) are not below 0.
    """
    c = np.empty((7, 7))
    before = -1
    for i in range(rows.shape[0]):
        row = rows[i]
        if row["track_id"] <= before:
            return i, OUT_OF_ORDER
        before = np.int64(row["track_id"])
        total = row["llr"] + row["p_exists"] + row["p_ballistic"]
        y, p = row["state"], row["cov"]
        for a in range(7):
            total += y[a] if a != 2 or row["is_height_known"] else 0.0
            for b in range(7):
                total += p[a, b]
        if not math.isfinite(total):  # a sum is finite only if every element is
            return i, NOT_FINITE
        code = _examine(p, c)
        if code != FINE:
            return i, code
    return rows.shape[0], FINE


@njit(cache=True, error_model="numpy")
def _examine(p: NDArray[np.float64], c: NDArray[np.float64]) -> int:
    # c becomes the correlations, then what is left of them pivot by pivot
    for a in range(7):
        if p[a, a] < 0.0:
            return NOT_DEFINITE
    for a in range(7):
        for b in range(7):
            scale = math.sqrt(p[a, a]) * math.sqrt(p[b, b])
            if scale == 0.0 and p[a, b] != 0.0:
                return NOT_DEFINITE
            c[a, b] = p[a, b] / scale if scale > 0.0 else 0.0
    for a in range(7):
        for b in range(a):
            if abs(c[a, b] - c[b, a]) > ROUNDING:
                return NOT_SYMMETRIC
    for k in range(7):
        pivot = c[k, k]
        if pivot < -ROUNDING:
            return NOT_DEFINITE
        for a in range(k + 1, 7):
            if pivot < TINY:
                if abs(c[a, k]) > math.sqrt(ROUNDING):
                    return NOT_DEFINITE
                continue
            factor = c[a, k] / pivot
            for b in range(k + 1, 7):
                c[a, b] -= factor * c[b, k]
    return FINE
