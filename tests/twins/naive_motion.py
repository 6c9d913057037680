"""Plain twins of `kernels.motion`: numpy's own interpolation and vector algebra, no shared code."""

import math

import numpy as np


def height_over_site(e, n, u, env):
    return u + (e**2 + n**2) / (2 * env.earth_radius_m)


def air_at(h_msl, env):
    rows = env.air_z0_m + env.air_dz_m * np.arange(len(env.air))
    return tuple(float(np.interp(h_msl, rows, env.air[:, j])) for j in range(4))


def drag_shape(mach, env):
    return float(np.interp(mach, env.drag_dm * np.arange(len(env.drag)), env.drag))


def acceleration(e, n, u, ve, vn, vu, drag_parameter, env):
    pos, vel = np.array([e, n, u]), np.array([ve, vn, vu])
    h = height_over_site(e, n, u, env)
    density, inverse_sound, wind_e, wind_n = air_at(h + env.site_height_m, env)
    through_air = vel - np.array([wind_e, wind_n, 0.0])
    speed = np.linalg.norm(through_air)
    drag = -0.5 * density * speed * drag_parameter * drag_shape(speed * inverse_sound, env) * through_air
    weight = env.gravity_mps2 / (1 + h / env.earth_radius_m) ** 2
    level = np.zeros(2) if math.isinf(env.earth_radius_m) else pos[:2] / env.earth_radius_m
    gravity = -weight * np.array([*level, 1.0])
    turning = np.array([env.omega_e_radps, env.omega_n_radps, env.omega_u_radps])
    return tuple(drag + gravity - 2 * np.cross(turning, vel))
