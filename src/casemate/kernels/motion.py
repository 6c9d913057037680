"""The acceleration of a round in the site's ENU frame, shared by the flight and Kalman kernels.

A point mass with Mach-dependent drag over a round, rotating Earth that the site's frame sees as flat plus
corrections: gravity falls off with height and leans with distance, Coriolis acts on the velocity. With an
infinite radius and no rotation it is the textbook flat Earth. `physics.atmosphere` builds the tables.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Environment(NamedTuple):
    """Air, drag and Earth as the site's frame sees them: arrays and floats only, fit for kernels.

    `air` rows are density [kg/m3], 1 / speed of sound [s/m], wind toward east, wind toward north [m/s], a row every
    `air_dz_m` from `air_z0_m`. `drag` is the shape of the drag coefficient by Mach (1 where subsonic), a
    value every `drag_dm` from Mach 0: the drag parameter K = Cd S / m [m2/kg] scales it.
    """

    air_z0_m: float  # above mean sea level
    air_dz_m: float
    air: NDArray[np.float64]  # (n, 4)
    drag_dm: float
    drag: NDArray[np.float64]  # (m,)
    gravity_mps2: float  # at the site, centrifugal part included
    earth_radius_m: float  # math.inf: flat
    omega_e_radps: float  # Earth's rotation in ENU; 0: none
    omega_n_radps: float
    omega_u_radps: float
    site_height_m: float  # height of the frame's origin above mean sea level
    ground_m: float  # height of the flat ground over the frame's origin, usually 0


@njit(cache=True, error_model="numpy")
def height_over_site(e: float, n: float, u: float, env: Environment) -> float:
    """Return the height [m] of an ENU point over the frame's origin along the curved Earth."""
    return u + (e * e + n * n) / (2.0 * env.earth_radius_m)


@njit(cache=True, error_model="numpy")
def air_at(h_msl: float, env: Environment) -> tuple[float, float, float, float]:
    """Return density [kg/m3], 1/sound speed [s/m] and wind [m/s] (to east, to north), linear in height."""
    top = env.air.shape[0] - 1.000001
    x = (h_msl - env.air_z0_m) / env.air_dz_m
    x = x if x > 0.0 else 0.0  # written so that NaN reads row 0
    x = x if x < top else top
    j = int(x)
    w = x - j
    lo = env.air[j]
    hi = env.air[j + 1]
    return (
        lo[0] + w * (hi[0] - lo[0]),
        lo[1] + w * (hi[1] - lo[1]),
        lo[2] + w * (hi[2] - lo[2]),
        lo[3] + w * (hi[3] - lo[3]),
    )


@njit(cache=True, error_model="numpy")
def drag_shape(mach: float, env: Environment) -> float:
    """Return the drag shape [-] at a Mach number, linear between table rows, constant beyond the last."""
    top = env.drag.shape[0] - 1.000001
    x = mach / env.drag_dm
    x = x if x > 0.0 else 0.0
    x = x if x < top else top
    j = int(x)
    return env.drag[j] + (x - j) * (env.drag[j + 1] - env.drag[j])


@njit(cache=True, error_model="numpy")
def acceleration(
    e: float, n: float, u: float, ve: float, vn: float, vu: float, drag_parameter: float, env: Environment
) -> tuple[float, float, float]:
    """Return the acceleration [m/s2] (east, north, up) of a round with drag parameter K [m2/kg].

    a = g(h) - rho |w| w K f(M) / 2 - 2 Omega x v, with w the velocity through the air (McCoy, Modern Exterior
    Ballistics, 1999, equation 8.1 without lift). Gravity is -g (R / (R + h))^2 along the curved vertical.
    """
    h = height_over_site(e, n, u, env)
    density, inverse_sound, wind_e, wind_n = air_at(h + env.site_height_m, env)
    we, wn = ve - wind_e, vn - wind_n
    speed = math.sqrt(we * we + wn * wn + vu * vu)
    k = 0.5 * density * speed * drag_parameter * drag_shape(speed * inverse_sound, env)
    fall = 1.0 / (1.0 + h / env.earth_radius_m)
    g = env.gravity_mps2 * fall * fall
    lean = g / env.earth_radius_m
    ae = -k * we - lean * e - 2.0 * (env.omega_n_radps * vu - env.omega_u_radps * vn)
    an = -k * wn - lean * n - 2.0 * (env.omega_u_radps * ve - env.omega_e_radps * vu)
    au = -k * vu - g - 2.0 * (env.omega_e_radps * vn - env.omega_n_radps * ve)
    return ae, an, au
