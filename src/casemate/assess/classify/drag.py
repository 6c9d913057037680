"""Which class a round belongs to, by its drag."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.model.catalog import RoundClass

Floats = NDArray[np.float64]

_SUBSONIC_MACH: Final = 0.8
"""Below this the drag coefficient of every class is flat; domain parameters, section 1.1, 'Shape of the rise'."""


class ByDrag:
    """Bayes over the classes of a catalog by ln K, given that a track is a round.

    Parameters
    ----------
    rounds : sequence of RoundClass
        The catalog.
    weights : sequence of float
        Prior of each class, to any scale; all 0: all alike.
    sigma_curve_share : float
        1 sigma of ln K by which the curve that the filter scales is not the class's own.

    Notes
    -----
    ln K of a class is normal about its subsonic value; its spread between rounds and between makes, the track's
    own variance and the mismatch of the drag curve add up. A short arc hardly shows its drag
    (parameters, section 8.2): the variance is then large and the answer stays near the prior.
    """

    def __init__(self, rounds: Sequence[RoundClass], weights: Sequence[float], sigma_curve_share: float) -> None:
        self._mean = np.array([np.log(drag_parameter(c)) for c in rounds])
        self._own = np.array([c.drag_sigma_round**2 + c.drag_sigma_make**2 for c in rounds]) + sigma_curve_share**2
        total = sum(weights)
        self.prior: Floats = (
            np.array(weights) / total if total > 0.0 else np.full(len(rounds), 1.0 / max(len(rounds), 1))
        )

    def posterior(self, ln_drag: Floats, variance: Floats) -> Floats:
        """Return the probability of each class (n, classes), by ln K (n,) and its variance (n,); missing: the prior."""
        spread = variance[:, None] + self._own
        ln = -0.5 * ((ln_drag[:, None] - self._mean) ** 2 / spread + np.log(spread))
        ln = np.where(np.isfinite(ln).all(axis=1, keepdims=True), ln, 0.0)
        p = self.prior * np.exp(ln - ln.max(axis=1, keepdims=True, initial=-np.inf))
        total = p.sum(axis=1, keepdims=True)
        return np.where(total > 0.0, p / np.where(total > 0.0, total, 1.0), self.prior)


def drag_parameter(round_class: RoundClass) -> float:
    """Return the subsonic K = Cd S / m [m2/kg] of a class, S from its calibre."""
    subsonic = [cd for mach, cd in zip(round_class.mach, round_class.cd, strict=True) if mach <= _SUBSONIC_MACH]
    cd = sum(subsonic) / len(subsonic) if subsonic else round_class.cd[0]
    return cd * np.pi * round_class.calibre_m**2 / 4.0 / round_class.mass_kg
