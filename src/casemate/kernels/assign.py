"""Assignment kernels: clusters of tracks and plots that compete, and the best one-to-one assignment of each.

Pairs come as a list sorted by track, then plot (compressed rows). Everything is deterministic: ties go to the lower
index.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True, error_model="numpy")
def _root(parent: Ints, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, error_model="numpy")
def label_clusters(i_track: Ints, i_plot: Ints, n_tracks: int, n_plots: int, cluster: Ints) -> int:
    """Label the connected components of the pair graph; returns how many hold at least one pair.

    `cluster` (n_tracks) gets 0, 1, ... in the order of each component's lowest track, -1 for tracks without a pair.
    """
    parent = np.arange(n_tracks + n_plots)
    for k in range(i_track.shape[0]):
        a, b = _root(parent, i_track[k]), _root(parent, n_tracks + i_plot[k])
        if a < b:
            parent[b] = a
        else:
            parent[a] = b
    label = np.full(n_tracks + n_plots, -1)
    count = 0
    cluster[:] = -1
    for k in range(i_track.shape[0]):
        root = _root(parent, i_track[k])
        if label[root] < 0:
            label[root] = count
            count += 1
        cluster[i_track[k]] = label[root]
    return count


@njit(cache=True, error_model="numpy")
def best_assignment(i_track: Ints, i_plot: Ints, gain: Floats, n_tracks: int, n_plots: int, plot_of: Ints) -> float:
    """Find the one-to-one assignment of largest total gain; a track may stay without a plot, at gain 0.

    Successive shortest augmenting paths with potentials (Crouse, "On implementing 2D rectangular assignment
    algorithms", IEEE TAES 52(4), 2016, there dense) over the sparse pairs: a search sees one cluster only, so the cost
    is the sum over clusters. Column n_plots + i is track i's own "no plot". `plot_of` (n_tracks) gets the plot or -1.
    Returns the total gain.
    """
    n_cols = n_plots + n_tracks
    start = np.zeros(n_tracks + 1, np.int64)
    for k in range(i_track.shape[0]):
        start[i_track[k] + 1] += 1
    for i in range(n_tracks):
        start[i + 1] += start[i]
    u, v = np.zeros(n_tracks), np.zeros(n_cols)
    row_of, col_of = np.full(n_cols, -1), np.full(n_tracks, -1)
    shortest, came = np.full(n_cols, math.inf), np.full(n_cols, -1)
    is_done, seen = np.zeros(n_cols, np.bool_), np.empty(n_cols, np.int64)
    for root in range(n_tracks):
        if start[root] == start[root + 1]:
            continue
        n_seen, i, reach, sink = 0, root, 0.0, -1
        while sink < 0:
            for k in range(start[i], start[i + 1] + 1):  # the last one is the track's own "no plot"
                is_own = k == start[i + 1]
                j = n_plots + i if is_own else i_plot[k]
                d = reach + (0.0 if is_own else -gain[k]) - u[i] - v[j]
                if not is_done[j] and d < shortest[j]:
                    if shortest[j] == math.inf:
                        seen[n_seen] = j
                        n_seen += 1
                    shortest[j], came[j] = d, i
            best, low = -1, math.inf
            for k in range(n_seen):
                j = seen[k]
                if not is_done[j] and (shortest[j] < low or (shortest[j] == low and j < best)):
                    best, low = j, shortest[j]
            reach = low
            is_done[best] = True
            if row_of[best] < 0:
                sink = best
            else:
                i = row_of[best]
        u[root] += reach
        for k in range(n_seen):
            j = seen[k]
            if is_done[j]:
                if row_of[j] >= 0:
                    u[row_of[j]] += reach - shortest[j]
                v[j] -= reach - shortest[j]
        j = sink
        while True:
            i = came[j]
            row_of[j] = i
            j, col_of[i] = col_of[i], j
            if i == root:
                break
        for k in range(n_seen):
            shortest[seen[k]], came[seen[k]], is_done[seen[k]] = math.inf, -1, False
    total = 0.0
    for i in range(n_tracks):
        plot_of[i] = -1
        for k in range(start[i], start[i + 1]):
            if col_of[i] == i_plot[k]:
                plot_of[i] = i_plot[k]
                total += gain[k]
    return total


@njit(cache=True, error_model="numpy")
def _best_where_positive(i_track: Ints, i_plot: Ints, gain: Floats, n_tracks: int, n_plots: int, plot_of: Ints) -> None:
    # the best assignment among the pairs that gain anything
    m, n = i_track.shape[0], 0
    track, plot, worth = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m)
    for k in range(m):
        if gain[k] > 0.0:
            track[n], plot[n], worth[n] = i_track[k], i_plot[k], gain[k]
            n += 1
    best_assignment(track[:n], plot[:n], worth[:n], n_tracks, n_plots, plot_of)


@njit(cache=True, error_model="numpy")
def choose_pairs(
    i_track: Ints,
    i_plot: Ints,
    llr: Floats,
    worth: Floats,
    ln_miss: float,
    n_plots: int,
    track: Ints,
    plot: Ints,
    ratio: Floats,
) -> tuple[int, int]:
    """Choose the likeliest one-to-one association of the pairs, by what each changes the likelihood of everything.

    `worth` (n_tracks) is ln of the odds that a track exists. First the largest sum of max(0, worth + llr) -
    max(0, worth + ln_miss), then for tracks and plots left over the largest sum of llr - ln_miss. The chosen pairs go
    to `track`, `plot` and `ratio`, by track. Returns how many, and how many clusters the pairs make.
    """
    m, n = i_track.shape[0], worth.shape[0]
    plot_of, second = np.empty(n, np.int64), np.empty(n, np.int64)
    gain, is_taken, is_open = np.empty(m), np.zeros(n_plots, np.bool_), False
    n_clusters = label_clusters(i_track, i_plot, n, n_plots, second)
    for k in range(m):
        before = worth[i_track[k]]
        gain[k] = max(before + llr[k], 0.0) - max(before + ln_miss, 0.0)
    _best_where_positive(i_track, i_plot, gain, n, n_plots, plot_of)
    for i in range(n):
        if plot_of[i] >= 0:
            is_taken[plot_of[i]] = True
    for k in range(m):
        gain[k] = 0.0 if plot_of[i_track[k]] >= 0 or is_taken[i_plot[k]] else llr[k] - ln_miss
        is_open = is_open or gain[k] > 0.0
    if is_open:
        _best_where_positive(i_track, i_plot, gain, n, n_plots, second)
        for i in range(n):
            plot_of[i] = max(plot_of[i], second[i])
    count = 0
    for k in range(m):
        if plot_of[i_track[k]] == i_plot[k]:
            track[count], plot[count], ratio[count] = i_track[k], i_plot[k], llr[k]
            count += 1
    return count, n_clusters
