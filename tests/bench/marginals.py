"""Who made which plot: marginal probabilities of association by belief propagation.

Rows are tracks, columns are plots; a row takes at most one column and a column at most one row. A cell (i, j) has the
weight psi of "i made j" against "i made nothing and j is false". Exact on a forest, approximate on loops, always
convergent: Williams and Lau, "Approximate evaluation of marginal association probabilities with belief propagation",
IEEE TAES 50(4), 2014. The textbook twin, by exact enumeration, is `tests/twins/naive_marginals.py`.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_TURNS = 2000
CLOSE = 1e-7  # largest change of a message, both in 0 ... 1, at which it is over


@njit(cache=True, error_model="numpy")
def propagate(row: Ints, col: Ints, psi: Floats, n_rows: int, n_cols: int, p: Floats, p_row: Floats, p_col: Floats) -> int:
    """Write P(row i made column j) of each cell (k,), P(row made nothing) (n_rows,), P(column of no row) (n_cols,).

    Messages mu = psi / (1 + sum of the row's other psi nu) and nu = 1 / (1 + sum of the column's other mu), equations
    27 and 28. Returns the turns that it took.
    """
    n = row.shape[0]
    mu, nu = np.zeros(n), np.ones(n)
    turns, change = 0, 1.0
    while change > CLOSE and turns < MOST_TURNS:
        turns, change = turns + 1, 0.0
        for i in range(n_rows):
            p_row[i] = 1.0
        for j in range(n_cols):
            p_col[j] = 1.0
        for k in range(n):
            p_row[row[k]] += psi[k] * nu[k]
        for k in range(n):
            mu[k] = psi[k] / max(p_row[row[k]] - psi[k] * nu[k], 1.0)
            p_col[col[k]] += mu[k]
        for k in range(n):
            new = 1.0 / max(p_col[col[k]] - mu[k], 1.0)
            change = max(change, abs(new - nu[k]))
            nu[k] = new
    for i in range(n_rows):
        p_row[i] = 1.0
    for k in range(n):
        p_row[row[k]] += psi[k] * nu[k]
    for k in range(n):
        p[k] = psi[k] * nu[k] / p_row[row[k]]
    for i in range(n_rows):
        p_row[i] = 1.0 / p_row[i]
    for j in range(n_cols):
        p_col[j] = 1.0
    for k in range(n):
        p_col[col[k]] += mu[k]
    for j in range(n_cols):
        p_col[j] = 1.0 / p_col[j]
    return turns


def marginals_of(row: Ints, col: Ints, psi: Floats, n_rows: int, n_cols: int) -> tuple[Floats, Floats, Floats]:
    """Return the marginals of cells, of empty rows and of empty columns."""
    p, p_row, p_col = np.zeros(len(row)), np.ones(n_rows), np.ones(n_cols)
    if len(row):
        propagate(row, col, psi, n_rows, n_cols, p, p_row, p_col)
    return p, p_row, p_col
