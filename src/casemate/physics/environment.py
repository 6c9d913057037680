"""What the filter and the prediction believe about Earth, air, wind and drag, tabulated for their kernels."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.constants import (
    GAMMA_EQUATOR_MPS2,
    SOMIGLIANA_K,
    WGS84_A_M,
    WGS84_E2,
    WGS84_F,
    WGS84_GM_M3PS2,
    WGS84_J2,
    WGS84_OMEGA_RADPS,
)
from casemate.errors import DomainError
from casemate.kernels.air import Air, air_at, wind_at
from casemate.kernels.motion import N_EARTH, Environment
from casemate.model.catalog import EnvironmentSettings
from casemate.physics.drag import DragCurve, compile_drag
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import STANDARD_AIR, Profile, build_air

__all__ = ["AIR_TOP_M", "Environment", "Profile", "build_environment", "normal_gravity_mps2"]

Array = NDArray[np.float64]

_AIR_Z0_M: Final = -2000.0
_AIR_DZ_M: Final = 25.0
"""Cell of the air table: 7e-10 of the density, 6e-8 of the speed of sound; 8e-5 and 7e-5 in a layer's corner."""

SIGMA_WIND_UNKNOWN_MPS: Final = 8.0
"""1 sigma of each component where no wind is given: 6 / 8 / 12 [A]."""

SIGMA_WIND_KNOWN_MPS: Final = 2.5
"""The same beside a forecast: vector RMS 3.5 m/s over 0 to 12 h [A], service target of aviation forecasts 2.85."""

AIR_TOP_M: Final = 40_000.0
"""Height above mean sea level from which the table's air stays as it is."""


def normal_gravity_mps2(lat_rad: float, height_m: float) -> float:
    """Return normal gravity [m/s2], centrifugal part included, at a geodetic latitude and ellipsoidal height.

    NIMA TR8350.2, 2000, equations 4-1 and 4-3: Somigliana, and a second-order series in height.
    """
    s2 = math.sin(lat_rad) ** 2
    surface = GAMMA_EQUATOR_MPS2 * (1.0 + SOMIGLIANA_K * s2) / math.sqrt(1.0 - WGS84_E2 * s2)
    m = WGS84_OMEGA_RADPS**2 * WGS84_A_M**2 * (WGS84_A_M * (1.0 - WGS84_F)) / WGS84_GM_M3PS2
    x = height_m / WGS84_A_M
    return surface * (1.0 - 2.0 * (1.0 + WGS84_F + m - 2.0 * WGS84_F * s2) * x + 3.0 * x * x)


def build_environment(
    settings: EnvironmentSettings,
    frame: SiteFrame,
    drag: DragCurve | tuple[Array, Array],
    air_profile: Profile | None = None,
    wind_profile: Profile | None = None,
) -> Environment:
    """Tabulate what the filter and the prediction assume about Earth, air and drag.

    Parameters
    ----------
    settings : EnvironmentSettings
        What the site file declares.
    frame : SiteFrame
        Gives gravity, ellipsoid and rotation; a flat Earth has constant gravity, no curvature and no rotation.
    drag : DragCurve, or tuple of (n,) and (n,) float64
        The drag shape, as `drag.drag_curve_of` gives it; or its points, Mach numbers and values, which are compiled.
    air_profile, wind_profile : Profile, optional
        The profiles that the settings name; none stands for standard air and for calm.

    Returns
    -------
    Environment
        Air each 25 m from -2 km to 40 km, drag each 1/160 Mach to Mach 5.

    Raises
    ------
    ValueError
        The settings name an air profile that is not given, or one without pressure and temperature.
    """
    is_flat = settings.earth == "flat"
    air, wind, corners = _air_tables(settings, air_profile, wind_profile)
    return Environment(
        air_z0_m=_AIR_Z0_M,
        air_dz_m=_AIR_DZ_M,
        air=air,
        wind=wind,
        has_wind=wind_profile is not None,
        corners_m=corners,
        drag=(drag if isinstance(drag, DragCurve) else compile_drag(*drag)).table.ravel(),
        is_flat=is_flat,
        gravity_mps2=settings.gravity_mps2
        if is_flat
        else normal_gravity_mps2(math.radians(frame.lat_deg), frame.height_m),
        earth_radius_m=math.inf if is_flat else frame.radius_m,
        earth=np.zeros(N_EARTH) if is_flat else _earth_of(frame),
        site_height_m=frame.height_msl_m,
        ground_m=0.0,
        sigma_wind_mps=_sigma_wind_mps(settings, has_wind=wind_profile is not None),
        drag_doubt=drag.doubt if isinstance(drag, DragCurve) else 0.0,
    )


def _sigma_wind_mps(settings: EnvironmentSettings, *, has_wind: bool) -> float:
    if settings.sigma_wind_mps is not None:
        return settings.sigma_wind_mps
    if settings.earth == "flat":
        return 0.0
    return SIGMA_WIND_KNOWN_MPS if has_wind else SIGMA_WIND_UNKNOWN_MPS


def _air_tables(
    settings: EnvironmentSettings, air_profile: Profile | None, wind_profile: Profile | None
) -> tuple[Array, Array, Array]:
    # Cells of air (5 n,) and wind (4 n,), see Environment, and the heights of the corners.
    if settings.atmosphere in {"ussa76", "exponential"}:
        air_profile = None
    elif air_profile is None or air_profile.pressure_pa is None or air_profile.temperature_k is None:
        message = f"the atmosphere {settings.atmosphere!r} needs a profile with pressure and temperature"
        raise ValueError(message)
    air = build_air(air_profile, wind_profile)
    edges = np.arange(_AIR_Z0_M, AIR_TOP_M + 0.5 * _AIR_DZ_M, _AIR_DZ_M)
    density, inverse_sound = _sampled(air, edges)
    middle, _ = _sampled(air, edges + 0.5 * _AIR_DZ_M)
    corners = air.breaks_m
    if settings.atmosphere == "exponential":
        density = settings.density_kgpm3 * np.exp(-edges / settings.scale_height_m)
        middle = density * math.exp(-0.5 * _AIR_DZ_M / settings.scale_height_m)
        corners = np.union1d(air.wind_z_m, STANDARD_AIR.breaks_m)  # the speed of sound stays the standard one
    cells = np.zeros((edges.size, 5))
    cells[:, 0], cells[:, 3] = density, inverse_sound
    a, b, c = density[:-1], middle[:-1], density[1:]
    cells[:-1, 1], cells[:-1, 2] = 4.0 * b - 3.0 * a - c, 2.0 * (a + c) - 4.0 * b
    cells[:-1, 4] = np.diff(inverse_sound)
    winds = np.zeros((edges.size, 4))
    winds[:, [0, 2]] = [wind_at(float(z), air) for z in edges]
    winds[:-1, 1], winds[:-1, 3] = np.diff(winds[:, 0]), np.diff(winds[:, 2])
    # A corner of the standard air inside a cell becomes one at either edge of it; wind and soundings are not so exact.
    corners = np.union1d(
        corners,
        _AIR_DZ_M * np.concatenate((STANDARD_AIR.breaks_m // _AIR_DZ_M, 1.0 + STANDARD_AIR.breaks_m // _AIR_DZ_M)),
    )
    corners = np.setdiff1d(corners, STANDARD_AIR.breaks_m)
    return cells.ravel(), winds.ravel(), corners[corners < AIR_TOP_M].copy()


def _sampled(air: Air, heights_m: Array) -> tuple[Array, Array]:
    pairs = np.array([air_at(float(z), air) for z in heights_m])
    return pairs[:, 0], pairs[:, 1]


def _earth_of(frame: SiteFrame) -> Array:
    # The elements of Environment.earth, see kernels.motion, from the frame's origin on WGS 84.
    lat = math.radians(frame.lat_deg)
    sin_lat, cos_lat = math.sin(lat), math.cos(lat)
    center = frame.rotation @ frame.origin_ecef_m  # the origin seen from the Earth's centre; no part toward east
    r0 = float(np.linalg.norm(center))
    s0 = (float(frame.origin_ecef_m[2]) / r0) ** 2
    # radius of the ellipsoid b / sqrt(1 - e2 (1 - s)), and its first two derivatives by s
    b, root = WGS84_A_M * math.sqrt(1.0 - WGS84_E2), 1.0 - WGS84_E2 * (1.0 - s0)
    prime = WGS84_A_M / math.sqrt(1.0 - WGS84_E2 * sin_lat**2)  # radius of curvature in the prime vertical
    meridian = prime * (1.0 - WGS84_E2) / (1.0 - WGS84_E2 * sin_lat**2)
    if cos_lat < 1e-3:
        raise DomainError("lat_deg", frame.lat_deg, -89.9, 89.9)
    return np.array(
        [
            center[1], center[2], r0 * r0, sin_lat, cos_lat,
            WGS84_GM_M3PS2 / r0**3,
            1.5 * WGS84_J2 * (WGS84_A_M / r0) ** 2,
            s0,
            center[2] / r0,
            -0.5 * b * WGS84_E2 * root**-1.5,
            0.375 * b * WGS84_E2**2 * root**-2.5,
            WGS84_OMEGA_RADPS * cos_lat, WGS84_OMEGA_RADPS * sin_lat,
            1.0 / ((prime + frame.height_m) * cos_lat), 1.0 / (meridian + frame.height_m),
        ]
    )  # fmt: skip
