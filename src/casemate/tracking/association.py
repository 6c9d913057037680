"""Association: which plot goes to which track. Face of the assignment kernels.

A track's worth is ln(P(it exists) / P(all its plots are false)). To give it a plot changes the likelihood of everything
seen by max(0, worth + llr) - max(0, worth + ln(1 - Pd)): a track with a negative worth is better taken as false. The
assignment of the largest total, cluster by cluster, is the likeliest explanation of the scan (Blackman, Popoli, Design
and Analysis of Modern Tracking Systems, 1999, sections 6.2 and 6.4). Plots left over then go to tentative tracks that
are likelier false than not: one scan cannot settle those, their score will.
"""

from typing import NamedTuple

import numpy as np

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
    n = min(len(worth), n_plots)
    i_track, i_plot, llr = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    count, n_clusters = assign.choose_pairs(*pairs, worth, ln_miss, n_plots, i_track, i_plot, llr)
    return Association(i_track[:count], i_plot[:count], llr[:count], n_clusters)
