"""Ellipsoid, gravity and standard air, shared by the frame and flight kernels: scalars in, scalars out.

Positions are Earth-fixed (ECEF): x toward latitude 0, longitude 0, z toward the north pole.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.constants import (
    STANDARD_GRAVITY_MPS2,
    USSA76_GAMMA,
    USSA76_GAS_JPKGK,
    USSA76_P0_PA,
    USSA76_R0_M,
    USSA76_T0_K,
)

_G_OVER_R: Final = STANDARD_GRAVITY_MPS2 / USSA76_GAS_JPKGK

_BASE_M: Final = (0.0, 11_000.0, 20_000.0, 32_000.0, 47_000.0, 51_000.0, 71_000.0, 84_852.0)
"""Geopotential heights [m] at which the layers begin; U.S. Standard Atmosphere, 1976, table 4."""

_LAPSE_KPM: Final = (-0.0065, 0.0, 0.001, 0.0028, 0.0, -0.0028, -0.002, 0.0)
"""Temperature gradients [K/m] of the layers; same table. The last row only carries the air on above 86 km."""


def _layers() -> NDArray[np.float64]:
    # Rows: base [m], gradient [K/m], temperature [K] and pressure [Pa] at the base (equations 23, 33a, 33b).
    rows = np.empty((len(_BASE_M), 4))
    t, p = USSA76_T0_K, USSA76_P0_PA
    for i, (base, lapse) in enumerate(zip(_BASE_M, _LAPSE_KPM, strict=True)):
        rows[i] = base, lapse, t, p
        if i + 1 < len(_BASE_M):
            dh = _BASE_M[i + 1] - base
            warm = t + lapse * dh
            p *= math.exp(-_G_OVER_R * dh / t) if lapse == 0.0 else (t / warm) ** (_G_OVER_R / lapse)
            t = warm
    return rows


_LAYERS: Final = _layers()


class Earth(NamedTuple):
    """The Earth of the exact flight: an ellipsoid (or, with e2 = 0, a sphere) that turns."""

    a_m: float
    e2: float
    gm_m3ps2: float
    j2: float
    omega_radps: float


@njit(cache=True, error_model="numpy")
def vertical_of(x: float, y: float, z: float, a: float, e2: float) -> tuple[float, float, float, float]:
    """Return sine and cosine of the geodetic latitude, height [m] and distance from the axis [m] of an ECEF point.

    Bowring's tangent form (Survey Review 23, 1976), repeated once: below 1e-8 m from -10 km to 1000 km.
    """
    b_a = math.sqrt(1.0 - e2)
    p = math.sqrt(x * x + y * y)
    s, c = z, p * b_a  # tangent of the reduced latitude
    sin_lat, cos_lat = 0.0, 1.0
    for _ in range(2):
        norm = math.sqrt(s * s + c * c)
        s, c = s / norm, c / norm
        up = z + e2 / b_a * a * s * s * s
        out = p - e2 * a * c * c * c
        norm = math.sqrt(up * up + out * out)
        sin_lat, cos_lat = up / norm, out / norm
        s, c = sin_lat * b_a, cos_lat
    h = p * cos_lat + z * sin_lat - a * math.sqrt(1.0 - e2 * sin_lat * sin_lat)
    return sin_lat, cos_lat, h, p


@njit(cache=True, error_model="numpy")
def gravity_at(x: float, y: float, z: float, earth: Earth) -> tuple[float, float, float]:
    """Return the gravity [m/s2] at an ECEF point, J2 included, centrifugal part not.

    Vallado, Fundamentals of Astrodynamics and Applications, 4th ed., 2013, equation 8-30 with J2 only.
    """
    r2 = x * x + y * y + z * z
    g = -earth.gm_m3ps2 / (r2 * math.sqrt(r2))
    k = 1.5 * earth.j2 * earth.a_m * earth.a_m / r2
    q = 5.0 * z * z / r2
    side = g * (1.0 + k * (1.0 - q))
    return side * x, side * y, g * (1.0 + k * (3.0 - q)) * z


@njit(cache=True, error_model="numpy")
def air_of(height_m: float) -> tuple[float, float]:
    """Return temperature [K] and pressure [Pa] of the U.S. Standard Atmosphere 1976 at a geometric height.

    Equations 18, 23, 33a and 33b of the standard, from -5 km to 86 km. The temperature is the molecular-scale one,
    which differs from the kinetic one only above 80 km, by 0.08 K at most.
    """
    hp = USSA76_R0_M * height_m / (USSA76_R0_M + height_m)
    i = 0
    while i < 7 and hp > _LAYERS[i + 1, 0]:
        i += 1
    lapse, base_t, base_p = _LAYERS[i, 1], _LAYERS[i, 2], _LAYERS[i, 3]
    dh = hp - _LAYERS[i, 0]
    t = base_t + lapse * dh
    if lapse == 0.0:
        return t, base_p * math.exp(-_G_OVER_R * dh / base_t)
    return t, base_p * math.exp(_G_OVER_R / lapse * math.log(base_t / t))


@njit(cache=True, error_model="numpy")
def density_and_sound_of(height_m: float) -> tuple[float, float]:
    """Return density [kg/m3] and 1 / speed of sound [s/m] of the standard air at a geometric height."""
    t, p = air_of(height_m)
    return p / (USSA76_GAS_JPKGK * t), 1.0 / math.sqrt(USSA76_GAMMA * USSA76_GAS_JPKGK * t)
