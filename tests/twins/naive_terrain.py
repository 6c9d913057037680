"""The ground, plainly: geodesy by series, the surface by its textbook weights, the first hit by dense sampling."""

import naive_earth
import numpy as np

from casemate.constants import WGS84_A_M, WGS84_E2


def place(point, terrain):
    """Return column, row (fractions of cells) and height over the ellipsoid of an ENU point."""
    x, y, z = point @ terrain.rotation + terrain.origin
    sin_lat, cos_lat, height, _ = naive_earth.vertical_of(x, y, z, WGS84_A_M, WGS84_E2)
    east = (np.arctan2(y, x) - terrain.lon0_rad + np.pi) % (2.0 * np.pi) - np.pi
    north = np.arctan2(sin_lat, cos_lat) - terrain.lat0_rad
    return east / terrain.dlon_rad, north / terrain.dlat_rad, height


def surface_at(e, n, u, terrain):
    x, y, height = place(np.array([e, n, u]), terrain)
    ny, nx = terrain.heights.shape
    if not (0.0 <= x <= nx - 1 and 0.0 <= y <= ny - 1):
        return terrain.outside_m, height, False
    i, j = min(int(x), nx - 2), min(int(y), ny - 2)
    a, b = x - i, y - j
    weights = np.outer([1.0 - b, b], [1.0 - a, a])
    return float(np.sum(weights * terrain.heights[j : j + 2, i : i + 2])), height, True


def hermite(p0, v0, p1, v1, dt_s, w):
    return (
        (1.0 + 2.0 * w) * (1.0 - w) ** 2 * p0
        + w * (1.0 - w) ** 2 * dt_s * v0
        + w * w * (3.0 - 2.0 * w) * p1
        - w * w * (1.0 - w) * dt_s * v1
    )


def first_hit(p0, v0, p1, v1, dt_s, terrain, spacing_m=0.01):
    """Return the first sampled share at which the path has gone under, -1 where it never does."""
    p0, v0, p1, v1 = (np.asarray(row, float) for row in (p0, v0, p1, v1))
    n = int(np.ceil(np.linalg.norm(p1 - p0) / spacing_m)) + 2
    shares = np.linspace(0.0, 1.0, n)
    gaps = gaps_along(p0, v0, p1, v1, dt_s, shares, terrain)
    gone = np.flatnonzero((gaps[1:] < 0.0) & (gaps[:-1] >= 0.0))
    return float(shares[gone[0] + 1]) if gone.size else -1.0


def gaps_along(p0, v0, p1, v1, dt_s, shares, terrain):
    """Return heights over the ground [m] of many points of a segment, in arrays for speed."""
    points = hermite(p0, v0, p1, v1, dt_s, shares[:, None])
    x, y, z = (points @ terrain.rotation + terrain.origin).T
    p = np.hypot(x, y)
    lat = np.arctan2(z, p * (1.0 - WGS84_E2))
    for _ in range(6):  # each round takes the error down by the square of the eccentricity, 150 times
        curve = WGS84_A_M / np.sqrt(1.0 - WGS84_E2 * np.sin(lat) ** 2)
        lat = np.arctan2(z + WGS84_E2 * curve * np.sin(lat), p)
    height = p * np.cos(lat) + z * np.sin(lat) - WGS84_A_M * np.sqrt(1.0 - WGS84_E2 * np.sin(lat) ** 2)
    cols = ((np.arctan2(y, x) - terrain.lon0_rad + np.pi) % (2.0 * np.pi) - np.pi) / terrain.dlon_rad
    rows = (lat - terrain.lat0_rad) / terrain.dlat_rad
    ny, nx = terrain.heights.shape
    inside = (cols >= 0.0) & (cols <= nx - 1) & (rows >= 0.0) & (rows <= ny - 1)
    i = np.clip(cols.astype(int), 0, nx - 2)
    j = np.clip(rows.astype(int), 0, ny - 2)
    a, b, h = cols - i, rows - j, terrain.heights
    ground = (1 - b) * ((1 - a) * h[j, i] + a * h[j, i + 1]) + b * ((1 - a) * h[j + 1, i] + a * h[j + 1, i + 1])
    return height - np.where(inside, ground, terrain.outside_m)
