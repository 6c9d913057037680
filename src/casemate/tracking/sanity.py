"""What a step of the tracker must hold, whatever came in: the invariants that stop the process. Face of its kernel.

Bad input is refused and counted at the door; what is found here is a fault of the program, or of the memory it runs in.
"""

from typing import Final

from casemate.errors import InvariantError
from casemate.kernels import sanity
from casemate.tracking.tracker import TrackStep

SENTENCES: Final = {
    sanity.NOT_FINITE: "holds a number that is not finite",
    sanity.NOT_SYMMETRIC: "has a covariance that is not symmetric",
    sanity.NOT_DEFINITE: "has a covariance with a negative eigenvalue",
    sanity.OUT_OF_ORDER: "is out of order: ids must ascend",
}


def check_step(step: TrackStep, n_plots: int) -> None:
    """See that a step holds what every step must.

    Parameters
    ----------
    step : TrackStep
        What the tracker answered.
    n_plots : int
        How many plots it was given.

    Raises
    ------
    InvariantError
        A track has a number that is not finite or a covariance that is none, ids do not ascend, or a plot has no fate.
    """
    i, code = sanity.first_broken(step.tracks)
    if code != sanity.FINE:
        raise InvariantError(f"track {int(step.tracks['track_id'][i])} {SENTENCES[code]}")
    if n_bad := step.diagnostics.get("tracks_not_finite", 0):
        raise InvariantError(f"{n_bad} in the table of tracks: not finite, or a variance below 0")
    if len(step.fates) != n_plots:
        raise InvariantError(f"{n_plots} plots have {len(step.fates)} fates")
