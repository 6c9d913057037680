"""What a round does to people in the open: fragments, by distance. For warning and protection only."""

import functools
import math
from typing import Final

import numpy as np

LOSS_LENGTH_M: Final = 100.0
"""Over which fragments lose their effect: 60 to 140 m by class (parameters of this project, section 2.1 [A])."""


def p_hurt_at(range_m: float, radius_m: float) -> float:
    """Return the probability that an unprotected standing person at a distance is a casualty.

    Parameters
    ----------
    range_m : float [m]
        From the burst, above 0.
    radius_m : float [m]
        Where half are: a class's `hazard_radius_m`.

    Notes
    -----
    1 - 2^(-(R/r)^2 exp(-(r - R) / L)): hits are Poisson, their density falls by the square and exponentially (form as
    in the project's public parameter list, section 2.1; assumption).
    """
    return -math.expm1(-math.log(2.0) * (radius_m / range_m) ** 2 * math.exp(-(range_m - radius_m) / LOSS_LENGTH_M))


@functools.cache
def harm_area_m2(radius_m: float) -> float:
    """Return the area [m2] that a casualty each would stand for: `p_hurt_at` over the plane.

    Trapezoids of 0.1 m up to 20 loss lengths beyond the radius; within 1e-4 of the whole.
    """
    range_m = np.arange(0.05, radius_m + 20.0 * LOSS_LENGTH_M, 0.1)
    p = np.array([p_hurt_at(r, radius_m) for r in range_m.tolist()])
    return float(np.trapezoid(2.0 * np.pi * range_m * p, range_m))
