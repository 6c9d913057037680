"""The air that the exact flight reads: standard or measured, with the wind, at a height over the ellipsoid.

Measured air and wind are read at their own levels, never resampled: temperature, logarithm of pressure and wind are
linear between two levels. Where nothing was measured the standard atmosphere stands in, scaled to meet the last level.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.constants import USSA76_GAMMA, USSA76_GAS_JPKGK
from casemate.kernels.earth import density_and_sound_of


class Air(NamedTuple):
    """Air and wind by height above mean sea level; every array is contiguous, heights ascend."""

    z_m: NDArray[np.float64]  # (k,) levels of the measured air; none is standard air
    levels: NDArray[np.float64]  # (k, 2) ln of pressure [ln Pa], virtual temperature [K]
    ends: NDArray[np.float64]  # (2, 2) below and above the levels: factors of standard density and 1 / speed of sound
    wind_z_m: NDArray[np.float64]  # (n,) levels of the wind; none is calm
    wind: NDArray[np.float64]  # (n, 2) toward east, toward north [m/s]; beyond the levels that of the last one
    breaks_m: NDArray[np.float64]  # (b,) heights where a slope jumps: steps of a flight end there
    geoid_m: float  # mean sea level over the ellipsoid


@njit(cache=True, error_model="numpy")
def _level_below(h: float, z: NDArray[np.float64]) -> int:
    # Index of the last level at or below h, for z[0] <= h < z[-1]; by bisection. A NaN finds some level.
    low, high = 0, z.shape[0] - 1
    while high - low > 1:
        middle = (low + high) // 2
        if z[middle] <= h:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, error_model="numpy")
def wind_at(height_m: float, air: Air) -> tuple[float, float]:
    """Return the wind toward east and north [m/s] at a height over the ellipsoid [m]; linear between the levels."""
    z, wind = air.wind_z_m, air.wind
    last = z.shape[0] - 1
    if last < 0:
        return 0.0, 0.0
    h = height_m - air.geoid_m
    if h >= z[last]:
        return wind[last, 0], wind[last, 1]
    if h <= z[0]:
        return wind[0, 0], wind[0, 1]
    j = _level_below(h, z)
    w = (h - z[j]) / (z[j + 1] - z[j])
    return wind[j, 0] + w * (wind[j + 1, 0] - wind[j, 0]), wind[j, 1] + w * (wind[j + 1, 1] - wind[j, 1])


@njit(cache=True, error_model="numpy")
def air_at(height_m: float, air: Air) -> tuple[float, float]:
    """Return density [kg/m3] and 1 / speed of sound [s/m] at a height over the ellipsoid [m].

    rho = p / (R Tv) and a = sqrt(gamma R Tv), the virtual temperature Tv standing for the moisture; U.S. Standard
    Atmosphere, 1976, equations 42 and 50, where nothing was measured.
    """
    h = height_m - air.geoid_m
    z, levels = air.z_m, air.levels
    last = z.shape[0] - 1
    if last < 0:
        return density_and_sound_of(h)
    if h < z[0] or h > z[last]:
        rho, inv_a = density_and_sound_of(h)
        end = 0 if h < z[0] else 1
        return rho * air.ends[end, 0], inv_a * air.ends[end, 1]
    j = _level_below(h, z)
    w = (h - z[j]) / (z[j + 1] - z[j])
    p = math.exp(levels[j, 0] + w * (levels[j + 1, 0] - levels[j, 0]))
    t = levels[j, 1] + w * (levels[j + 1, 1] - levels[j, 1])
    return p / (USSA76_GAS_JPKGK * t), 1.0 / math.sqrt(USSA76_GAMMA * USSA76_GAS_JPKGK * t)


@njit(cache=True, error_model="numpy")
def first_break(h0_m: float, h1_m: float, air: Air) -> float:
    """Return the first height [m] over the ellipsoid where the air breaks on the way from h0 to h1, or NaN.

    A break within 1e-6 m of either end counts as met.
    """
    near = 1e-6
    low, high = (h0_m, h1_m) if h0_m < h1_m else (h1_m, h0_m)
    found = math.nan
    for z in air.breaks_m:
        at = z + air.geoid_m
        if low + near < at < high - near:
            found = at
            if h0_m < h1_m:
                break
    return found
