"""Air: the U.S. Standard Atmosphere 1976, by height above mean sea level."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from casemate.constants import USSA76_GAMMA, USSA76_GAS_JPKGK
from casemate.errors import DomainError
from casemate.kernels import earth

__all__ = ["Air", "ussa76"]

Array = NDArray[np.float64]


class Air(NamedTuple):
    """Air at n heights."""

    temperature_k: Array
    pressure_pa: Array
    density_kgpm3: Array
    sound_speed_mps: Array


def ussa76(height_m: ArrayLike) -> Air:
    """Return the U.S. Standard Atmosphere 1976 at geometric heights.

    Parameters
    ----------
    height_m : scalar or (n,) float64 [m]
        Geometric height above mean sea level, -5 km to 86 km.

    Returns
    -------
    Air of (n,) float64

    Raises
    ------
    DomainError
        A height outside the standard.

    Notes
    -----
    Exact to the standard's own constants. The temperature is the molecular-scale one; above 80 km the kinetic one is
    lower by up to 0.08 K.

    References
    ----------
    U.S. Standard Atmosphere, 1976, NOAA-S/T 76-1562, equations 18, 23, 33a, 33b, 42, 50.
    """
    heights = np.atleast_1d(np.asarray(height_m, np.float64))
    for h in heights:
        if not -5_000.0 <= h <= 86_000.0:
            raise DomainError("height_m", float(h), -5_000.0, 86_000.0)
    pairs = np.array([earth.air_of(float(h)) for h in heights]).reshape(-1, 2)
    return _air(pairs[:, 0].copy(), pairs[:, 1].copy())


def _air(temperature_k: Array, pressure_pa: Array) -> Air:
    density = pressure_pa / (USSA76_GAS_JPKGK * temperature_k)
    return Air(temperature_k, pressure_pa, density, np.sqrt(USSA76_GAMMA * USSA76_GAS_JPKGK * temperature_k))
