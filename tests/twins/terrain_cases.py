"""Terrains and flight segments drawn at random, for the twins and the properties of the terrain."""

import numpy as np

from casemate.physics.geodesy import SiteFrame
from casemate.physics.terrain import build_terrain


def rough(seed, n=60, cell_m=30.0, rough_m=200.0, lat_deg=46.8, lon_deg=8.2, geoid_m=50.0):
    """Draw every post on its own: the roughest ground that a raster can hold."""
    heights = 500.0 + rough_m * np.random.default_rng(seed).random((n, n + 7))
    return put(heights, cell_m, lat_deg, lon_deg, geoid_m)


def ridge(column, n=60, cell_m=30.0, rise_m=200.0):
    """Return a plain with one row of high posts from south to north: a ridge two cells wide at its foot."""
    heights = np.full((n, n + 7), 500.0)
    heights[:, column] += rise_m
    return put(heights, cell_m)


def put(heights, cell_m=30.0, lat_deg=46.8, lon_deg=8.2, geoid_m=50.0):
    """Lay posts `cell_m` apart, the middle near the site, 500 m above mean sea level."""
    frame = SiteFrame(lat_deg, lon_deg, 500.0 + geoid_m, geoid_m)
    ny, nx = heights.shape
    dlat = np.degrees(cell_m / 6.37e6)
    lats = lat_deg + dlat * (np.arange(ny) - 0.5 * ny + 0.3)
    lons = lon_deg + dlat / np.cos(np.radians(lat_deg)) * (np.arange(nx) - 0.5 * nx + 0.1)
    return build_terrain(lats, lons, heights, "msl", frame)


def segment(rng, terrain, half_m=900.0):
    """Draw two states up to 1 s apart: from 10 to 900 m/s, level or falling, bent by up to some 10 g."""
    height = rng.uniform(terrain.min_m, terrain.max_m + 50.0) - terrain.site_m
    p0 = np.array([*rng.uniform(-half_m, half_m, 2), height])
    v0 = rng.normal(size=3) * rng.choice([30.0, 150.0, 300.0])
    v0[2] = -abs(v0[2]) * rng.choice([0.02, 0.3, 1.0])
    dt_s, bend = rng.uniform(0.05, 1.0), 30.0 * rng.normal(size=3)
    p1, v1 = p0 + v0 * dt_s + 0.5 * bend * dt_s * dt_s, v0 + bend * dt_s
    return (*(tuple(row.tolist()) for row in (p0, v0, p1, v1)), float(dt_s))
