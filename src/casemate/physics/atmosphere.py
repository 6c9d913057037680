"""Air: the standard atmosphere, measured profiles, and the tables that a filter's environment reads.

Heights are above mean sea level, where not said otherwise: air is stacked on the sea, not on the ellipsoid.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from casemate.constants import (
    GAMMA_EQUATOR_MPS2,
    SOMIGLIANA_K,
    USSA76_GAMMA,
    USSA76_GAS_JPKGK,
    WGS84_A_M,
    WGS84_E2,
    WGS84_F,
    WGS84_GM_M3PS2,
    WGS84_OMEGA_RADPS,
)
from casemate.errors import DomainError
from casemate.kernels import earth
from casemate.kernels.motion import Environment
from casemate.model.catalog import EnvironmentSettings
from casemate.physics.drag import compile_drag, drag_at
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile

__all__ = ["Air", "Environment", "Profile", "build_environment", "ussa76"]

Array = NDArray[np.float64]

_AIR_Z0_M: Final = -1000.0
_AIR_DZ_M: Final = 50.0  # linear between rows: 4e-6 of the density
_AIR_TOP_M: Final = 40_000.0
_DRAG_DM: Final = 0.005  # linear between rows: 2e-4 of the shape where it is steepest
_DRAG_TOP: Final = 5.0


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


def normal_gravity_mps2(lat_rad: float, height_m: float) -> float:
    """Return normal gravity [m/s2], centrifugal part included, at a geodetic latitude and ellipsoidal height.

    NIMA TR8350.2, 2000, equations 4-1 and 4-3: Somigliana, and a second-order series in height.
    """
    s2 = math.sin(lat_rad) ** 2
    surface = GAMMA_EQUATOR_MPS2 * (1.0 + SOMIGLIANA_K * s2) / math.sqrt(1.0 - WGS84_E2 * s2)
    m = WGS84_OMEGA_RADPS**2 * WGS84_A_M**2 * (WGS84_A_M * (1.0 - WGS84_F)) / WGS84_GM_M3PS2
    x = height_m / WGS84_A_M
    return surface * (1.0 - 2.0 * (1.0 + WGS84_F + m - 2.0 * WGS84_F * s2) * x + 3.0 * x * x)


def _air_rows(settings: EnvironmentSettings, air_profile: Profile | None, heights: Array) -> tuple[Array, Array]:
    # Density and 1 / speed of sound at the table's heights.
    standard = ussa76(heights)
    density, sound = standard.density_kgpm3, standard.sound_speed_mps
    if settings.atmosphere == "exponential":
        density = settings.density_kgpm3 * np.exp(-heights / settings.scale_height_m)
    elif settings.atmosphere != "ussa76":
        density, sound = _measured(air_profile, settings.atmosphere, heights, density, sound)
    return density, 1.0 / sound


def _measured(profile: Profile | None, name: str, heights: Array, density: Array, sound: Array) -> tuple[Array, Array]:
    # Temperature linear, pressure log-linear between the levels; beyond them the standard, scaled to meet the end.
    if profile is None or profile.pressure_pa is None or profile.temperature_k is None:
        message = f"the atmosphere {name!r} needs a profile with pressure and temperature"
        raise ValueError(message)
    z = profile.height_m
    t = np.interp(heights, z, profile.temperature_k)
    p = np.exp(np.interp(heights, z, np.log(profile.pressure_pa)))
    inside = _air(t, p)
    ends = _air(profile.temperature_k[[0, -1]], profile.pressure_pa[[0, -1]])
    at_ends = ussa76(z[[0, -1]])
    out_density, out_sound = inside.density_kgpm3.copy(), inside.sound_speed_mps.copy()
    for i, beyond in enumerate((heights < z[0], heights > z[-1])):
        out_density[beyond] = density[beyond] * ends.density_kgpm3[i] / at_ends.density_kgpm3[i]
        out_sound[beyond] = sound[beyond] * ends.sound_speed_mps[i] / at_ends.sound_speed_mps[i]
    return out_density, out_sound


def build_environment(
    settings: EnvironmentSettings,
    frame: SiteFrame,
    drag: tuple[Array, Array],
    air_profile: Profile | None = None,
    wind_profile: Profile | None = None,
) -> Environment:
    """Tabulate what the filter and the prediction assume about Earth, air and drag.

    Parameters
    ----------
    settings : EnvironmentSettings
        What the site file declares.
    frame : SiteFrame
        Gives gravity, radius and rotation; a flat Earth has an infinite radius and no rotation.
    drag : tuple of (n,) and (n,) float64
        Mach numbers (ascending) and the drag shape there, as `drag.drag_shape_of` gives it.
    air_profile, wind_profile : Profile, optional
        The profiles that the settings name; none stands for standard air and for calm.

    Returns
    -------
    Environment
        Air each 50 m from -1 km to 40 km, drag each 0.005 Mach to Mach 5.
    """
    heights = np.arange(_AIR_Z0_M, _AIR_TOP_M + 0.5 * _AIR_DZ_M, _AIR_DZ_M)
    air = np.zeros((heights.size, 4))
    air[:, 0], air[:, 1] = _air_rows(settings, air_profile, heights)
    if wind_profile is not None:
        air[:, 2] = np.interp(heights, wind_profile.height_m, wind_profile.wind_e_mps)
        air[:, 3] = np.interp(heights, wind_profile.height_m, wind_profile.wind_n_mps)
    mach = np.arange(0.0, _DRAG_TOP + 0.5 * _DRAG_DM, _DRAG_DM)
    lat = math.radians(frame.lat_deg)
    is_flat = settings.earth == "flat"
    return Environment(
        air_z0_m=_AIR_Z0_M,
        air_dz_m=_AIR_DZ_M,
        air=air,
        drag_dm=_DRAG_DM,
        drag=drag_at(compile_drag(*drag).table, mach),
        gravity_mps2=settings.gravity_mps2 if is_flat else normal_gravity_mps2(lat, frame.height_m),
        earth_radius_m=math.inf if is_flat else frame.radius_m,
        omega_e_radps=0.0,
        omega_n_radps=0.0 if is_flat else WGS84_OMEGA_RADPS * math.cos(lat),
        omega_u_radps=0.0 if is_flat else WGS84_OMEGA_RADPS * math.sin(lat),
        site_height_m=frame.height_msl_m,
        ground_m=0.0,
    )
