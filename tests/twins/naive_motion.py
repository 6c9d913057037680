"""Plain twins of `kernels.motion`: vectors, true roots where the kernel has series, no shared code."""

import numpy as np


def height_over_site(e, n, u, env):
    return u + (e**2 + n**2) / (2 * env.earth_radius_m)


def cell_of(x, table, columns):
    """Return the row of the cell that holds x, and the share of it that is passed; held at both ends."""
    rows = table.reshape(-1, columns)
    x = np.clip(x, 0.0, len(rows) - 1.0) if np.isfinite(x) else 0.0
    return rows[int(x)], x - int(x)


def air_at(h_msl, env):
    x = (h_msl - env.air_z0_m) / env.air_dz_m
    (r0, r1, r2, a0, a1), w = cell_of(x, env.air, 5)
    (e0, e1, n0, n1), _ = cell_of(x, env.wind, 4)
    return np.polyval([r2, r1, r0], w), np.polyval([a1, a0], w), np.polyval([e1, e0], w), np.polyval([n1, n0], w)


def drag_shape(mach, env):
    row, w = cell_of(160 * mach, env.drag, 4)
    return np.polyval(row[::-1], w)


def drag_doubt(mach, env):
    """Variance of ln K by Mach: a floor and a bump about the speed of sound."""
    return env.drag_doubt**2 * (0.03 + 0.4 / (1 + ((mach - 0.97) / 0.12) ** 4))


def walk_drag(state, end, env):
    """Sum of what ln K gains over sixteen parts of a flight, each weighed by (1 - s)^4."""
    s = np.linspace(0, 1, 17)
    v = state[3:6] + s[:, None] * (end[:3] - state[3:6])
    h = state[2] + s * end[3] * (state[5] + v[:, 2]) / 2
    air = np.array([air_at(z + env.site_height_m, env) for z in h])
    v[:, :2] -= air[:, 2:]
    mach = np.linalg.norm(v, axis=1) * air[:, 1]
    rest = 1 - (s[1:] + s[:-1]) / 2
    doubt = drag_doubt((mach[1:] + mach[:-1]) / 2, env)
    return np.sum(rest**4 * doubt * np.abs(np.diff(mach)))


def pole(env):
    """Return the direction of the Earth's axis in ENU."""
    return np.array([0.0, env.earth[4], env.earth[3]])


def fall_of(e, n, u, env):
    if env.is_flat:
        return u, 0.0, 0.0, -env.gravity_mps2
    c_n, c_u, r0_2, _, _, pull0, k0, s0, tilt, ell1, ell2 = env.earth[:11]
    r = np.array([e, n + c_n, u + c_u])
    d = np.linalg.norm(r)
    axis, share = pole(env), np.sqrt(r0_2) / d
    z = r @ axis
    s = (z / d) ** 2
    pull, k = pull0 * share**3, k0 * share**2
    gravity = -pull * ((1 + k * (1 - 5 * s)) * r + 2 * k * z * axis)
    turn = np.array([0.0, *env.earth[11:13]])
    centrifugal = -np.cross(turn, np.cross(turn, r))
    height = tilt * (d - np.sqrt(r0_2) - np.polyval([ell2, ell1, 0.0], s - s0))
    return (height, *(gravity + centrifugal))


def local_axes(e, n, u, env):
    """Return east and north of the place, to second order in the angles from the site."""
    s, c = env.earth[3:5]
    nearer = (s * n - c * u) * env.earth[13]
    lon, lat = e * env.earth[13] * (1 + nearer + nearer**2), n * env.earth[14]
    east = np.array([1 - lon**2 / 2, s * lon, -c * lon])
    north = np.array([-(s + c * lat) * lon, 1 - (s * lon) ** 2 / 2 - lat**2 / 2, s * c * lon**2 - lat])
    return east, north


def flow_of(e, n, u, h, ve, vn, vu, env):
    density, inverse_sound, wind_e, wind_n = air_at(h + env.site_height_m, env)
    east, north = local_axes(e, n, u, env)
    return (*(np.array([ve, vn, vu]) - wind_e * east - wind_n * north), density, inverse_sound)


def acceleration(e, n, u, ve, vn, vu, drag_parameter, env):
    h, *gravity = fall_of(e, n, u, env)
    *flow, density, inverse_sound = flow_of(e, n, u, h, ve, vn, vu, env)
    speed = np.linalg.norm(flow)
    drag = -0.5 * density * speed * drag_parameter * drag_shape(speed * inverse_sound, env) * np.array(flow)
    turn = np.array([0.0, *env.earth[11:13]])
    return tuple(drag + gravity - 2 * np.cross(turn, [ve, vn, vu]))
