"""Association: which plot goes to which track. Face of the assignment kernels.

A track's worth is ln(P(it exists) / P(all its plots are false)). To give it a plot changes the likelihood of everything
seen by max(0, worth + llr) - max(0, worth + ln(1 - Pd)): a track with a negative worth is better taken as false. The
assignment of the largest total, cluster by cluster, is the likeliest explanation of the scan (Blackman, Popoli, Design
and Analysis of Modern Tracking Systems, 1999, sections 6.2 and 6.4). Plots left over then go to tentative tracks that
are likelier false than not: one scan cannot settle those, their score will.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.kernels import assign
from casemate.tracking.filter import Floats, Ints, Pairs


class Association(NamedTuple):
    """What goes with what."""

    i_track: Ints  # ascending
    i_plot: Ints
    llr: Floats
    n_clusters: int


def associate(pairs: Pairs, worth: Floats, ln_miss: float, n_plots: int) -> Association:
    """Choose the likeliest one-to-one association.

    Parameters
    ----------
    pairs : Pairs
        Inside the gate, sorted by track, then plot.
    worth : (n,) float64
        Log odds that each track exists.
    ln_miss : float
        ln(1 - Pd).
    n_plots : int
    """
    n = len(worth)
    cluster = np.empty(n, np.int64)
    n_clusters = assign.label_clusters(pairs.i_track, pairs.i_plot, n, n_plots, cluster)
    before = worth[pairs.i_track]
    gain = np.maximum(before + pairs.llr, 0.0) - np.maximum(before + ln_miss, 0.0)
    plot_of = _best(pairs, gain, gain > 0.0, n, n_plots)
    is_taken = np.zeros(n_plots, np.bool_)
    is_taken[plot_of[plot_of >= 0]] = True
    rest = pairs.llr - ln_miss
    is_open = (plot_of[pairs.i_track] < 0) & ~is_taken[pairs.i_plot] & (rest > 0.0)
    if is_open.any():
        plot_of = np.maximum(plot_of, _best(pairs, rest, is_open, n, n_plots))
    chosen = plot_of[pairs.i_track] == pairs.i_plot
    return Association(pairs.i_track[chosen], pairs.i_plot[chosen], pairs.llr[chosen], n_clusters)


def _best(pairs: Pairs, gain: Floats, use: NDArray[np.bool_], n: int, n_plots: int) -> Ints:
    plot_of = np.empty(n, np.int64)
    assign.best_assignment(pairs.i_track[use], pairs.i_plot[use], gain[use], n, n_plots, plot_of)
    return plot_of
