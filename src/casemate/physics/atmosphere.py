"""Air: the standard atmosphere, measured profiles, and the tables that a filter's environment reads.

Heights above mean sea level are taken as ellipsoidal heights for now.
"""

import math
from collections.abc import Sequence
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
from casemate.model.catalog import EnvironmentSettings, RoundClass
from casemate.physics.geodesy import SiteFrame

__all__ = ["Air", "Environment", "Profile", "build_environment", "drag_shape_of", "interpolate_drag", "ussa76"]

Array = NDArray[np.float64]

_AIR_Z0_M: Final = -1000.0
_AIR_DZ_M: Final = 50.0  # linear between rows: 4e-6 of the density
_AIR_TOP_M: Final = 40_000.0
_DRAG_DM: Final = 0.005  # linear between rows: 2e-4 of the shape where it is steepest
_DRAG_TOP: Final = 5.0

# Shape of the rise of a subsonic-to-supersonic round [A]: flat to Mach 0.8, +12 % at 0.9,
# 2.1 times at the peak between 1.0 and 1.1 (between rockets 1.75-1.9 and shells 2.0-2.5), then Mach^-0.5.
_RISE_MACH: Final = (0.0, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1)
_RISE_SHARE: Final = (0.0, 0.0, 0.11, 0.45, 0.85, 1.0, 0.99)
_GENERIC_PEAK: Final = 2.1


class Air(NamedTuple):
    """Air at n heights."""

    temperature_k: Array
    pressure_pa: Array
    density_kgpm3: Array
    sound_speed_mps: Array


class Profile(NamedTuple):
    """A vertical profile, heights ascending; pressure and temperature are there together or not at all."""

    height_m: Array  # above mean sea level
    pressure_pa: Array | None
    temperature_k: Array | None
    wind_e_mps: Array  # toward east
    wind_n_mps: Array  # toward north


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


def drag_shape_of(name: str, rounds: Sequence[RoundClass] = ()) -> tuple[Array, Array]:
    """Return a drag shape (mach (n,), shape (n,)), 1 where subsonic, for the drag parameter to scale.

    Parameters
    ----------
    name : str
        "generic" (the documented rise shared by all classes), "constant" (1 at every Mach number), or the name of a
        round class, whose curve is divided by its lowest subsonic value.
    rounds : sequence of RoundClass
        The catalog in which a class is looked up.

    Raises
    ------
    ValueError
        No class of that name; the message lists the names.
    """
    mach = np.arange(0.0, _DRAG_TOP + 0.5 * _DRAG_DM, _DRAG_DM)
    if name == "constant":
        return mach, np.ones_like(mach)
    if name == "generic":
        return mach, _rise(mach, _GENERIC_PEAK)
    for body in rounds:
        if body.name == name:
            return mach, interpolate_drag(np.array(body.mach), np.array(body.cd), mach) / body.cd[0]
    known = ", ".join(["generic", "constant", *(body.name for body in rounds)])
    message = f"no drag curve {name!r}; there are {known}"
    raise ValueError(message)


def _rise(mach: Array, peak: float) -> Array:
    # Monotone cubic through the documented points (continuous slope), then the root law from Mach 1.1 on.
    share = _pchip(np.array(_RISE_MACH), np.array(_RISE_SHARE), np.minimum(mach, _RISE_MACH[-1]))
    shape = 1.0 + (peak - 1.0) * share
    tail = mach > _RISE_MACH[-1]
    shape[tail] *= np.sqrt(_RISE_MACH[-1] / mach[tail])
    return shape


def _pchip(x: Array, y: Array, at: Array) -> Array:
    # Monotone cubic of Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5, 1984), as in scipy's PchipInterpolator, whose
    # import costs 0.2 s: harmonic means of the neighbouring slopes, three-point slopes at the ends.
    h = np.diff(x)
    rise = np.diff(y) / h
    slope = np.zeros_like(y)
    before, after = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    same = rise[1:] * rise[:-1] > 0.0
    slope[1:-1][same] = (before + after)[same] / (before[same] / rise[:-1][same] + after[same] / rise[1:][same])
    slope[0], slope[-1] = _end_slope(h, rise), _end_slope(h[::-1], rise[::-1])
    j = np.clip(np.searchsorted(x, at, side="right") - 1, 0, h.size - 1)
    w, d = (at - x[j]) / h[j], h[j]
    p, q, lift = slope[j] * d, slope[j + 1] * d, rise[j] * d
    return y[j] + w * (p + w * (3.0 * lift - 2.0 * p - q + w * (p + q - 2.0 * lift)))


def _end_slope(h: Array, rise: Array) -> float:
    # One-sided three-point slope, held monotone.
    if h.size < 2:
        return float(rise[0])
    d = ((2.0 * h[0] + h[1]) * rise[0] - h[0] * rise[1]) / (h[0] + h[1])
    if d * rise[0] <= 0.0:
        return 0.0
    return float(3.0 * rise[0] if rise[0] * rise[1] <= 0.0 and abs(d) > abs(3.0 * rise[0]) else d)


def interpolate_drag(mach: Array, cd: Array, at: Array) -> Array:
    """Return the drag coefficient at Mach numbers (n,): monotone cubic through the points, constant beyond them."""
    return _pchip(mach, cd, np.clip(at, mach[0], mach[-1]))


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
        Mach numbers (ascending) and the drag shape there, as `drag_shape_of` gives it.
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
        drag=np.ascontiguousarray(np.interp(mach, drag[0], drag[1])),
        gravity_mps2=settings.gravity_mps2 if is_flat else normal_gravity_mps2(lat, frame.height_m),
        earth_radius_m=math.inf if is_flat else frame.radius_m,
        omega_e_radps=0.0,
        omega_n_radps=0.0 if is_flat else WGS84_OMEGA_RADPS * math.cos(lat),
        omega_u_radps=0.0 if is_flat else WGS84_OMEGA_RADPS * math.sin(lat),
        site_height_m=frame.height_m,
        ground_m=0.0,
    )
