"""Plain twins of `casemate.kernels.assign`."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def label_clusters(i_track, i_plot, n_tracks, n_plots):
    """Label components by scipy, renumbered by the lowest track."""
    size = n_tracks + n_plots
    graph = coo_matrix((np.ones(len(i_track)), (i_track, n_tracks + i_plot)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    cluster, seen = np.full(n_tracks, -1), {}
    for track in sorted(set(i_track.tolist())):
        cluster[track] = seen.setdefault(int(label[track]), len(seen))
    return len(seen), cluster


def best_assignment(i_track, i_plot, gain, n_tracks):
    """Try every way: the largest total gain, by recursion over the tracks."""
    options = [[(int(j), g) for i, j, g in zip(i_track, i_plot, gain, strict=True) if i == k] for k in range(n_tracks)]

    def best(k, taken):
        if k == n_tracks:
            return 0.0, ()
        top = best(k + 1, taken)
        top = (top[0], (-1, *top[1]))
        for j, g in options[k]:
            if j not in taken:
                rest = best(k + 1, taken | {j})
                if rest[0] + g > top[0]:
                    top = (rest[0] + g, (j, *rest[1]))
        return top

    return best(0, frozenset())


def choose_pairs(i_track, i_plot, llr, worth, ln_miss, n_plots):
    """Choose by scipy's dense assignment: all pairs that gain, then those left over. Returns which were chosen."""

    def best(gain):
        square = np.zeros((len(worth), n_plots))  # a pair of no gain is no pair
        square[i_track, i_plot] = np.maximum(gain, 0.0)
        rows, columns = linear_sum_assignment(square, maximize=True)
        chosen = np.zeros(square.shape, np.bool_)
        chosen[rows, columns] = square[rows, columns] > 0.0
        return chosen[i_track, i_plot]

    before = worth[i_track]
    chosen = best(np.maximum(before + llr, 0.0) - np.maximum(before + ln_miss, 0.0))
    is_open = ~np.isin(i_track, i_track[chosen]) & ~np.isin(i_plot, i_plot[chosen])
    return chosen | best(np.where(is_open, llr - ln_miss, 0.0))
