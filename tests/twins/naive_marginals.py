"""Plain twin of `tests/bench/marginals.py`: marginal probabilities of association by trying every joint event.

A table psi (rows, columns) holds the odds of "the row's track made the column's plot"; 0: it cannot have. The joint
probability of an event is the product of its cells, no row and no column used twice: Bar-Shalom, Daum, Huang, "The
probabilistic data association filter", IEEE Control Systems Magazine 29(6), 2009, with existence in the odds.
"""

import numpy as np


def try_all(psi):
    """Return the marginals (rows, columns) of the cells of a table of odds."""
    n_rows, n_columns = psi.shape
    total, marginals = 0.0, np.zeros_like(psi)

    def extend(i, weight, taken):
        nonlocal total
        if i == n_rows:
            total += weight
            for row, column in enumerate(taken):
                if column is not None:
                    marginals[row, column] += weight
            return
        extend(i + 1, weight, [*taken, None])
        for j in range(n_columns):
            if psi[i, j] > 0.0 and j not in taken:
                extend(i + 1, weight * psi[i, j], [*taken, j])

    extend(0, 1.0, [])
    return marginals / total


def has_loop(psi):
    """Tell whether the graph of rows and columns that the cells join has a loop."""
    group = list(range(sum(psi.shape)))

    def root(node):
        while group[node] != node:
            node = group[node]
        return node

    for i, j in np.argwhere(psi > 0.0):
        one, other = root(i), root(psi.shape[0] + j)
        if one == other:
            return True
        group[one] = other
    return False
