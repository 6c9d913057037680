"""Measured air and wind, plainly: numpy's own interpolation."""

import naive_earth
import numpy as np


def wind_at(height_m, air):
    if len(air.wind_z_m) == 0:
        return 0.0, 0.0
    return tuple(np.interp(height_m - air.geoid_m, air.wind_z_m, air.wind[:, i]) for i in (0, 1))


def air_at(height_m, air):
    h = height_m - air.geoid_m
    rho, inv_a = naive_earth.density_and_sound_of(h)
    if len(air.z_m) == 0:
        return rho, inv_a
    for is_beyond, factors in ((h < air.z_m[0], air.ends[0]), (h > air.z_m[-1], air.ends[1])):
        if is_beyond:
            return rho * factors[0], inv_a * factors[1]
    p, t = np.exp(np.interp(h, air.z_m, air.levels[:, 0])), np.interp(h, air.z_m, air.levels[:, 1])
    r = 8314.32 / 28.9644
    return p / (r * t), 1.0 / np.sqrt(1.4 * r * t)


def first_break(h0_m, h1_m, air):
    met = [z + air.geoid_m for z in air.breaks_m]
    met = [z for z in met if min(h0_m, h1_m) + 1e-6 < z < max(h0_m, h1_m) - 1e-6]
    return min(met, key=lambda z: abs(z - h0_m), default=np.nan)
