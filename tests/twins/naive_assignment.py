"""Every plan for one target, by counting through all numbers of units."""

import itertools

import numpy as np


def plans_of(worth, p, price, n_units):
    """Return (cost, plan) of each plan: what is left plus the price of its units; plans are sorted indices of types."""
    found = []
    for counts in itertools.product(*(range(n + 1) for n in n_units)):
        left, cost = worth, 0.0
        for k, n in enumerate(counts):
            left *= (1.0 - p[k]) ** n
            cost += n * price[k]
        found.append((left + cost, tuple(np.repeat(np.arange(len(counts)), counts).tolist())))
    return sorted(found)


def best_of(worth, p, n_units):
    """Return the least that any assignment leaves, by trying all."""
    n_types, n_targets = p.shape
    shares = [[x for x in itertools.product(range(n + 1), repeat=n_targets) if sum(x) <= n] for n in n_units]
    return min(
        sum(worth[j] * np.prod([(1.0 - p[i, j]) ** counts[i][j] for i in range(n_types)]) for j in range(n_targets))
        for counts in itertools.product(*shares)
    )
