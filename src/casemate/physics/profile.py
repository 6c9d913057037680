"""Measured profiles of air and wind, and the air that the exact flight reads from them."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import USSA76_R0_M, WATER_AIR_MASS_RATIO
from casemate.errors import DomainError
from casemate.kernels.air import Air, air_at
from casemate.kernels.earth import density_and_sound_of

__all__ = ["STANDARD_AIR", "Air", "Profile", "build_air", "virtual_temperature_k"]

Array = NDArray[np.float64]

_CORNERS_M: Final = tuple(USSA76_R0_M * h / (USSA76_R0_M - h) for h in (11e3, 20e3, 32e3, 47e3, 51e3, 71e3, 84_852.0))
"""Geometric heights [m] where the standard's temperature turns; U.S. Standard Atmosphere, 1976, table 4."""


class Profile(NamedTuple):
    """A vertical profile, heights ascending; pressure and temperature are there together or not at all."""

    height_m: Array  # above mean sea level
    pressure_pa: Array | None
    temperature_k: Array | None
    wind_e_mps: Array  # toward east
    wind_n_mps: Array  # toward north
    relative_humidity_percent: Array | None = None  # over water; None is dry air


def virtual_temperature_k(temperature_k: Array, pressure_pa: Array, relative_humidity_percent: Array | None) -> Array:
    """Return the temperature at which dry air would be as light as this moist air.

    Parameters
    ----------
    temperature_k, pressure_pa : (n,) float64
    relative_humidity_percent : (n,) float64, optional
        Over water; None is dry air.

    Returns
    -------
    (n,) float64 [K]

    Notes
    -----
    Tv = T / (1 - e / p (1 - 0.622)). Saturation pressure e = 611.2 Pa exp(17.62 t / (243.12 + t)), t in Celsius,
    over water, -45 to 60 degrees: WMO-No. 8, Guide to Instruments and Methods of Observation, 2018, annex 4.B. In hot,
    saturated air (30 degrees) the density falls by 1.6 %. The speed of sound takes the same Tv; that leaves out that
    moist air's ratio of specific heats is lower, 0.1 % of the speed at most.
    """
    if relative_humidity_percent is None:
        return temperature_k.copy()
    t = temperature_k - 273.15
    vapour = 0.01 * relative_humidity_percent * 611.2 * np.exp(17.62 * t / (243.12 + t))
    return temperature_k / (1.0 - vapour / pressure_pa * (1.0 - WATER_AIR_MASS_RATIO))


def build_air(air: Profile | None = None, wind: Profile | None = None, geoid_m: float = 0.0) -> Air:
    """Make the air of an exact flight.

    Parameters
    ----------
    air, wind : Profile, optional
        Measured air (with pressure and temperature) and wind, at their own levels; without them standard air and calm.
    geoid_m : float
        Mean sea level over the ellipsoid at the site.

    Returns
    -------
    Air

    Raises
    ------
    DomainError
        A level that does not rise, or a value that is not finite or not positive where it must be.
    """
    levels, ends, z = np.empty((0, 2)), np.ones((2, 2)), np.empty(0)
    if air is not None:
        z, levels, ends = _levels_of(air)
    wind_z, winds = np.empty(0), np.empty((0, 2))
    if wind is not None:
        wind_z = _rising(wind.height_m)
        winds = np.ascontiguousarray(np.column_stack((wind.wind_e_mps, wind.wind_n_mps)), np.float64)
        _finite("wind_mps", winds)
    corners = [at for at in _CORNERS_M if not z.size or not z[0] <= at <= z[-1]]
    breaks = np.unique(np.concatenate((z, wind_z, corners)))
    return Air(z, levels, ends, wind_z, winds, breaks, geoid_m)


def _levels_of(air: Profile) -> tuple[Array, Array, Array]:
    # Levels, ln of pressure and virtual temperature there, and the factors that make the standard meet their ends.
    if air.pressure_pa is None or air.temperature_k is None:
        message = "measured air needs pressure and temperature"
        raise ValueError(message)
    z = _rising(air.height_m)
    for name, values in (("pressure_pa", air.pressure_pa), ("temperature_k", air.temperature_k)):
        bad = ~((values > 0.0) & (values < math.inf))
        if bad.any():
            raise DomainError(name, float(values[bad][0]), 0.0, math.inf)
    warm = virtual_temperature_k(air.temperature_k, air.pressure_pa, air.relative_humidity_percent)
    levels = np.ascontiguousarray(np.column_stack((np.log(air.pressure_pa), warm)))
    bare = Air(z, levels, np.ones((2, 2)), np.empty(0), np.empty((0, 2)), z, 0.0)
    ends = np.empty((2, 2))
    for i, end in enumerate((z[0], z[-1])):
        ends[i] = np.array(air_at(float(end), bare)) / np.array(density_and_sound_of(float(end)))
    return z, levels, ends


def _rising(height_m: Array) -> Array:
    z = np.array(height_m, np.float64)
    _finite("height_m", z)
    fall = np.flatnonzero(np.diff(z) <= 0.0)
    if fall.size:
        raise DomainError("height_m", float(z[fall[0] + 1]), float(z[fall[0]]), math.inf)
    return z


def _finite(name: str, values: Array) -> None:
    if not np.isfinite(values).all():
        raise DomainError(name, math.nan, -math.inf, math.inf)


STANDARD_AIR: Final = build_air()
"""U.S. Standard Atmosphere 1976, calm, mean sea level on the ellipsoid."""
