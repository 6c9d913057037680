"""Geodetic and Earth-fixed coordinates of many points."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.earth import vertical_of


@njit(cache=True, error_model="numpy")
def geodetic_to_ecef_many(geodetic: NDArray[np.float64], a: float, e2: float, out: NDArray[np.float64]) -> None:
    """Fill `out` (n, 3) [m] with the ECEF points of `geodetic` (n, 3): latitude, longitude [rad], height [m].

    Vallado, 2013, equation 3-7.
    """
    for i in range(geodetic.shape[0]):
        lat, lon, h = geodetic[i, 0], geodetic[i, 1], geodetic[i, 2]
        s, c = math.sin(lat), math.cos(lat)
        curve = a / math.sqrt(1.0 - e2 * s * s)
        out[i, 0] = (curve + h) * c * math.cos(lon)
        out[i, 1] = (curve + h) * c * math.sin(lon)
        out[i, 2] = (curve * (1.0 - e2) + h) * s


@njit(cache=True, error_model="numpy")
def ecef_to_geodetic_many(ecef: NDArray[np.float64], a: float, e2: float, out: NDArray[np.float64]) -> None:
    """Fill `out` (n, 3) with latitude, longitude [rad] and height [m] of the ECEF points (n, 3) [m]."""
    for i in range(ecef.shape[0]):
        x, y, z = ecef[i, 0], ecef[i, 1], ecef[i, 2]
        s, c, h, _ = vertical_of(x, y, z, a, e2)
        out[i, 0] = math.atan2(s, c)
        out[i, 1] = math.atan2(y, x)
        out[i, 2] = h
