"""The acceleration of a round in the site's ENU frame, shared by the flight and Kalman kernels.

A point mass with Mach-dependent drag over the rotating ellipsoid, written in the axes of the site: gravity with J2, the
centrifugal and the Coriolis acceleration, geodetic height, and a wind whose east and north turn with the place. Series
in the distance from the site take the place of the roots that an Earth-fixed frame needs. On a flat Earth all of it is
one constant. `physics.environment` fills the numbers.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

DRAG_CELLS: Final = 160.0
"""Cells of the drag table to a Mach number."""

AIR_COLUMNS: Final = 5
WIND_COLUMNS: Final = 4
DRAG_COLUMNS: Final = 4

WALK_NODES: Final = 16

DOUBT_FLAT: Final = 0.03
DOUBT_SONIC: Final = 0.4
DOUBT_MACH: Final = 0.97
DOUBT_WIDTH: Final = 0.12
"""Squared change of ln(one curve / another) over 0.1 Mach, per Mach: 0.02 (Mach 0.3 to 0.8), 0.09 (to 0.9), 0.5 (to
1.0), 0.16 (to 1.1), 0.03 (to 1.3), 0.001 beyond; mean over the generic curve against G1, G7 and six classes, and G1
against G7 [A:calc]."""

# Elements of Environment.earth.
CENTER_N, CENTER_U = 0, 1  # the frame's origin seen from the Earth's centre, toward north and up [m]
R0_2 = 2  # its distance from there, squared [m2]
SIN_LAT, COS_LAT = 3, 4  # its geodetic latitude
PULL = 5  # GM / r0^3 [1/s2]
J2K = 6  # 3/2 J2 (a / r0)^2
S0 = 7  # sine of its geocentric latitude, squared
TILT = 8  # cosine of the angle between plumb line and radius there
ELL1, ELL2 = 9, 10  # radius of the ellipsoid by sine of the geocentric latitude squared: slope and half curvature [m]
TURN_N, TURN_U = 11, 12  # the Earth's rotation toward north and up [rad/s]
PER_E, PER_N = 13, 14  # longitude by metre toward east, latitude by metre toward north [rad/m]
N_EARTH: Final = 15


class Environment(NamedTuple):
    """Air, drag and Earth as the site's frame sees them: arrays and floats only, fit for kernels.

    Tables are polynomials in w, the passed share of a cell, one cell after the other in one flat array. `air`, a cell
    every `air_dz_m` from `air_z0_m`: density [kg/m3] as a quadratic, 1 / speed of sound [s/m] as a line (5 numbers).
    `wind`, the same cells: toward east and toward north [m/s], a line each (4). `drag`, `DRAG_CELLS` to a Mach number
    from 0: the shape of the drag coefficient by Mach (1 where subsonic) as a cubic (4); the drag parameter K = Cd S / m
    [m2/kg] scales it. The last cell of each table is constant.
    """

    air_z0_m: float  # above mean sea level
    air_dz_m: float
    air: NDArray[np.float64]  # (5 n,)
    wind: NDArray[np.float64]  # (4 n,)
    has_wind: bool
    corners_m: NDArray[np.float64]  # (k,) ascending: heights above mean sea level where air or wind has a corner
    drag: NDArray[np.float64]  # (4 m,)
    is_flat: bool
    gravity_mps2: float  # at the site, centrifugal part included
    earth_radius_m: float  # Gaussian mean radius at the site; math.inf: flat
    earth: NDArray[np.float64]  # (15,), see the names above; of no use where flat
    site_height_m: float  # height of the frame's origin above mean sea level
    ground_m: float  # height of the flat ground over the frame's origin, usually 0
    sigma_wind_mps: float  # of the true wind beside `wind`, toward east and toward north, 1 sigma each
    drag_doubt: float  # how unlike the round's own curve `drag` may be, see `drag_doubt`; 0: it is the round's own


@njit(cache=True, error_model="numpy")
def height_over_site(e: float, n: float, u: float, env: Environment) -> float:
    """Return the height [m] of an ENU point over the frame's origin along a sphere: how a radar's heights are meant.

    Within 0.4 m of the ellipsoid at 40 km; the flight itself uses `fall_of`.
    """
    return u + (e * e + n * n) / (2.0 * env.earth_radius_m)


@njit(cache=True, error_model="numpy")
def air_at(h_msl: float, env: Environment) -> tuple[float, float, float, float]:
    """Return density [kg/m3], 1/sound speed [s/m] and wind [m/s] (to east, to north) at a height; held beyond."""
    top = env.air.shape[0] / AIR_COLUMNS - 1.0
    x = (h_msl - env.air_z0_m) / env.air_dz_m
    x = x if x > 0.0 else 0.0  # written so that NaN reads cell 0
    x = x if x < top else top
    j = int(x)
    w = x - j
    i, k = AIR_COLUMNS * j, WIND_COLUMNS * j
    return (
        env.air[i] + w * (env.air[i + 1] + w * env.air[i + 2]),
        env.air[i + 3] + w * env.air[i + 4],
        env.wind[k] + w * env.wind[k + 1],
        env.wind[k + 2] + w * env.wind[k + 3],
    )


@njit(cache=True, error_model="numpy")
def drag_shape(mach: float, env: Environment) -> float:
    """Return the drag shape [-] at a Mach number, constant beyond the last cell."""
    top = env.drag.shape[0] / DRAG_COLUMNS - 1.0
    x = mach * DRAG_CELLS
    x = x if x > 0.0 else 0.0
    x = x if x < top else top
    j = int(x)
    w = x - j
    i = DRAG_COLUMNS * j
    return env.drag[i] + w * (env.drag[i + 1] + w * (env.drag[i + 2] + w * env.drag[i + 3]))


@njit(cache=True, error_model="numpy")
def drag_doubt(mach: float, env: Environment) -> float:
    """Return the variance that ln of the true over the believed drag shape gains per unit of Mach, at a Mach number.

    A random walk along the Mach axis; `DOUBT_FLAT` tells what its constants are made of.
    """
    x = (mach - DOUBT_MACH) / DOUBT_WIDTH
    return env.drag_doubt * env.drag_doubt * (DOUBT_FLAT + DOUBT_SONIC / (1.0 + x * x * x * x))


@njit(cache=True, error_model="numpy")
def walk_drag(
    states: NDArray[np.float64], ends: NDArray[np.float64], env: Environment, out: NDArray[np.float64]
) -> None:
    """Write for flights (n,) the variance of ln K now that moves the impact as much as the curve's doubt may.

    `states` (n, 7), `ends` (n, 4) the velocity at the impact and the time to go. Velocities between are taken as linear
    in time, and what ln K does to the impact from a share s of the flight on as (1 - s)^2: both hold in thin air.
    """
    for i in range(states.shape[0]):
        total, before = 0.0, math.nan
        for j in range(WALK_NODES + 1):
            s = j / WALK_NODES
            ve = states[i, 3] + s * (ends[i, 0] - states[i, 3])
            vn = states[i, 4] + s * (ends[i, 1] - states[i, 4])
            vu = states[i, 5] + s * (ends[i, 2] - states[i, 5])
            h = states[i, 2] + s * ends[i, 3] * 0.5 * (states[i, 5] + vu)
            _, inverse_sound, wind_e, wind_n = air_at(h + env.site_height_m, env)
            ve, vn = ve - wind_e, vn - wind_n
            mach = math.sqrt(ve * ve + vn * vn + vu * vu) * inverse_sound
            if j > 0:
                rest = 1.0 - (j - 0.5) / WALK_NODES
                total += rest * rest * rest * rest * drag_doubt(0.5 * (mach + before), env) * abs(mach - before)
            before = mach
        out[i] = total


@njit(cache=True, error_model="numpy")
def fall_of(e: float, n: float, u: float, env: Environment) -> tuple[float, float, float, float]:
    """Return the geodetic height over the origin [m] and gravity, centrifugal part included [m/s2], at an ENU point.

    With r the distance from the Earth's centre, q = (r / r0)^2 - 1, z the distance from the equator's plane and
    s = (z / r)^2: g = (w^2 - GM/r^3 (1 + k (1 - 5 s))) r - (w^2 + 2 k GM/r^3) z, k = 3/2 J2 (a/r)^2 (Vallado,
    Fundamentals of Astrodynamics and Applications, 4th ed., 2013, equation 8-30 with J2 only). The height is what r
    exceeds the ellipsoid by, times the cosine of the angle between plumb line and radius. Powers of r by series in q:
    below 60 km from the site and 40 km up, 1e-9 m/s2 and 5 mm.
    """
    if env.is_flat:
        return u, 0.0, 0.0, -env.gravity_mps2
    c = env.earth
    x, y = n + c[CENTER_N], u + c[CENTER_U]
    z = x * c[COS_LAT] + y * c[SIN_LAT]
    q = (e * e + n * n + u * u + 2.0 * (n * c[CENTER_N] + u * c[CENTER_U])) / c[R0_2]
    near = 1.0 + q * (-1.0 + q * (1.0 + q * (-1.0 + q)))  # (r0 / r)^2
    s = z * z / c[R0_2] * near
    ds = s - c[S0]
    rise = math.sqrt(c[R0_2]) * q * (0.5 + q * (-0.125 + q * (0.0625 - 0.0390625 * q)))
    height = c[TILT] * (rise - ds * (c[ELL1] + ds * c[ELL2]))
    pull = c[PULL] * (1.0 + q * (-1.5 + q * (1.875 + q * (-2.1875 + q * (2.4609375 - 2.70703125 * q)))))
    turn = c[TURN_N] * c[TURN_N] + c[TURN_U] * c[TURN_U]
    k = c[J2K] * near
    a = turn - pull * (1.0 + k * (1.0 - 5.0 * s))
    b = -z * (turn + 2.0 * k * pull)
    return height, a * e, a * x + b * c[COS_LAT], a * y + b * c[SIN_LAT]


@njit(cache=True, error_model="numpy")
def flow_of(
    e: float, n: float, u: float, h: float, ve: float, vn: float, vu: float, env: Environment
) -> tuple[float, float, float, float, float]:
    """Return velocity through the air (3, ENU) [m/s], density [kg/m3] and 1 / speed of sound [s/m] at a point.

    `h` is the point's height over the origin. The wind blows along the east and north of the place: turned by the
    longitude and latitude from the site, to second order in both. Within 40 km of the site that is 0.6 mm/s of a wind
    of 30 m/s, up to latitude 80.
    """
    density, inverse_sound, wind_e, wind_n = air_at(h + env.site_height_m, env)
    c = env.earth
    sin_lat, cos_lat = c[SIN_LAT], c[COS_LAT]
    m = (sin_lat * n - cos_lat * u) * c[PER_E]  # how much nearer to the axis, as a share
    lon, lat = e * c[PER_E] * (1.0 + m * (1.0 + m)), n * c[PER_N]
    half = 0.5 * lon * lon
    return (
        ve - wind_e * (1.0 - half) + (sin_lat + cos_lat * lat) * lon * wind_n,
        vn - wind_n * (1.0 - sin_lat * sin_lat * half - 0.5 * lat * lat) - sin_lat * lon * wind_e,
        vu + cos_lat * lon * wind_e + (lat - 2.0 * sin_lat * cos_lat * half) * wind_n,
        density,
        inverse_sound,
    )


@njit(cache=True, error_model="numpy")
def acceleration(
    e: float, n: float, u: float, ve: float, vn: float, vu: float, drag_parameter: float, env: Environment
) -> tuple[float, float, float]:
    """Return the acceleration [m/s2] (east, north, up) of a round with drag parameter K [m2/kg].

    a = g - rho |w| w K f(M) / 2 - 2 Omega x v, with w the velocity through the air (McCoy, Modern Exterior Ballistics,
    1999, equation 8.1 without lift).
    """
    h, ge, gn, gu = fall_of(e, n, u, env)
    we, wn, wu, density, inverse_sound = flow_of(e, n, u, h, ve, vn, vu, env)
    c = env.earth
    speed = math.sqrt(we * we + wn * wn + wu * wu)
    k = 0.5 * density * speed * drag_parameter * drag_shape(speed * inverse_sound, env)
    turn_n, turn_u = 2.0 * c[TURN_N], 2.0 * c[TURN_U]
    return ge - k * we - turn_n * vu + turn_u * vn, gn - k * wn - turn_u * ve, gu - k * wu + turn_n * ve
