"""Geodetic and Earth-fixed coordinates, plainly."""

import naive_earth
import numpy as np


def geodetic_to_ecef_many(geodetic, a, e2, out):
    for row, (lat, lon, h) in zip(out, geodetic, strict=True):
        n = a / np.sqrt(1.0 - e2 * np.sin(lat) ** 2)
        b2_a2 = 1.0 - e2
        row[:] = (n + h) * np.cos(lat) * np.cos(lon), (n + h) * np.cos(lat) * np.sin(lon), (b2_a2 * n + h) * np.sin(lat)


def ecef_to_geodetic_many(ecef, a, e2, out):
    for row, (x, y, z) in zip(out, ecef, strict=True):
        s, c, h, _ = naive_earth.vertical_of(x, y, z, a, e2)
        row[:] = np.arctan2(s, c), np.arctan2(y, x), h
