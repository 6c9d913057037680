"""What a simulated radar is given, and what it gives: bodies in, the looks and plots of a turn out."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.model.records import Records

Floats = NDArray[np.float64]


class Bodies(NamedTuple):
    """What flies during a turn: n bodies, times in s since the scenario's start.

    `rcs_law` says how a cross section fluctuates, as `physics.detection.p_detection` counts: 0 steady, 1 to 4 Swerling,
    5 log-normal about the mean with `rcs_sigma_db`. `rate_spread_mps` is the half width of what blades, rotors and
    wings add to the range rate of one plot, even over it.
    """

    truth_id: NDArray[np.int64]
    start_s: Floats
    end_s: Floats
    rcs_dbsm: Floats  # of the mean cross section
    rcs_law: NDArray[np.int64]
    rcs_sigma_db: Floats
    rate_spread_mps: Floats
    at: Callable[[Floats], tuple[Floats, Floats]]  # (n,) s -> positions, velocities (n, 3), ENU of the site


class Looks(NamedTuple):
    """The beam's meetings with covered bodies in a turn, seen or not."""

    truth_id: NDArray[np.int64]
    t_s: Floats
    p_detection: Floats


class Turn(NamedTuple):
    """A turn's plots in order of time; row by row the true body (0: none) and the time."""

    plots: Records
    truth_id: NDArray[np.int64]
    t_s: Floats
    looks: Looks
