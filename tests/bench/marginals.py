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
def propagate(row: Ints, col: Ints, psi: Floats, load_row: Floats, load_col: Floats, mu: Floats, nu: Floats) -> int:
    """Pass messages until they stand; writes mu and nu of every cell (k,), returns the turns that it took.

    mu = psi / (1 + sum of the row's other psi nu) and nu = 1 / (1 + sum of the column's other mu).
    """
    turns, change = 0, 1.0
    for k in range(row.shape[0]):
        nu[k] = 1.0
    while change > CLOSE and turns < MOST_TURNS:
        turns, change = turns + 1, 0.0
        for i in range(load_row.shape[0]):
            load_row[i] = 1.0
        for j in range(load_col.shape[0]):
            load_col[j] = 1.0
        for k in range(row.shape[0]):
            load_row[row[k]] += psi[k] * nu[k]
        for k in range(row.shape[0]):
            mu[k] = psi[k] / max(load_row[row[k]] - psi[k] * nu[k], 1.0)
            load_col[col[k]] += mu[k]
        for k in range(row.shape[0]):
            new = 1.0 / max(load_col[col[k]] - mu[k], 1.0)
            change = max(change, abs(new - nu[k]))
            nu[k] = new
    return turns


def marginals_of(row: Ints, col: Ints, psi: Floats, n_rows: int, n_cols: int) -> tuple[Floats, Floats, Floats]:
    """Return P(the row made the column) of cells (k,), P(the row made nothing), P(the column is of no row)."""
    mu, nu = np.zeros(len(row)), np.ones(len(row))
    propagate(row, col, psi, np.empty(n_rows), np.empty(n_cols), mu, nu)
    none = 1.0 / (1.0 + np.bincount(row, psi * nu, n_rows))
    return psi * nu * none[row], none, 1.0 / (1.0 + np.bincount(col, mu, n_cols))
