"""What a simulated radar is given, and what it gives: bodies in, the looks and plots of a turn out."""

from collections.abc import Callable, Sequence
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


def joined(parts: Sequence[Bodies]) -> Bodies:
    """Put several sets of bodies into one, in order."""
    ends = np.cumsum([len(part.truth_id) for part in parts])[:-1]

    def at(t_s: Floats) -> tuple[Floats, Floats]:
        found = [part.at(t) for part, t in zip(parts, np.split(t_s, ends), strict=True)]
        return np.concatenate([pos for pos, _ in found]), np.concatenate([vel for _, vel in found])

    return Bodies(
        truth_id=np.concatenate([part.truth_id for part in parts]),
        start_s=np.concatenate([part.start_s for part in parts]),
        end_s=np.concatenate([part.end_s for part in parts]),
        rcs_dbsm=np.concatenate([part.rcs_dbsm for part in parts]),
        rcs_law=np.concatenate([part.rcs_law for part in parts]),
        rcs_sigma_db=np.concatenate([part.rcs_sigma_db for part in parts]),
        rate_spread_mps=np.concatenate([part.rate_spread_mps for part in parts]),
        at=at,
    )


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
