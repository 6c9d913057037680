"""The ellipsoid and the standard air, plainly."""

import numpy as np


def vertical_of(x, y, z, a, e2):
    p = np.hypot(x, y)
    lat = np.arctan2(z, p * (1.0 - e2))
    for _ in range(50):  # Heiskanen and Moritz, 1967, section 5-3
        n = a / np.sqrt(1.0 - e2 * np.sin(lat) ** 2)
        lat = np.arctan2(z + e2 * n * np.sin(lat), p)
    h = p * np.cos(lat) + z * np.sin(lat) - a * np.sqrt(1.0 - e2 * np.sin(lat) ** 2)
    return np.sin(lat), np.cos(lat), h, p


def gravity_at(x, y, z, earth):
    r = np.array([x, y, z])
    d = np.linalg.norm(r)
    up = np.array([0.0, 0.0, 1.0])
    q = z / d
    central = -earth.gm_m3ps2 * r / d**3
    bulge = 1.5 * earth.j2 * earth.gm_m3ps2 * earth.a_m**2 / d**4 * ((5.0 * q * q - 1.0) * r / d - 2.0 * q * up)
    return tuple(central + bulge)


def air_of(height_m):
    base = [0.0, 11e3, 20e3, 32e3, 47e3, 51e3, 71e3, 84852.0]
    lapse = [-6.5e-3, 0.0, 1e-3, 2.8e-3, 0.0, -2.8e-3, -2e-3, 0.0]
    g_r = 9.80665 * 28.9644 / 8314.32
    h = 6356766.0 * height_m / (6356766.0 + height_m)
    t, p = 288.15, 101325.0
    for i in range(8):
        top = base[i + 1] if i < 7 else np.inf
        dh = (h if h <= top else top) - base[i]
        warm = t + lapse[i] * dh
        p *= np.exp(-g_r * dh / t) if lapse[i] == 0.0 else (warm / t) ** (-g_r / lapse[i])
        t = warm
        if h <= top:
            return t, p
    raise AssertionError


def density_and_sound_of(height_m):
    t, p = air_of(height_m)
    r = 8314.32 / 28.9644
    return p / (r * t), 1.0 / np.sqrt(1.4 * r * t)
