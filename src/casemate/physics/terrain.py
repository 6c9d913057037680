"""Terrain: a raster of heights in the site's frame, and where a flight meets it.

Heights inside are over the WGS 84 ellipsoid; the vertical datum of what comes in is declared, never guessed.
"""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError
from casemate.kernels import terrain as kernel
from casemate.kernels.terrain import TILE, Terrain
from casemate.physics.exact import Trajectory
from casemate.physics.geodesy import SiteFrame

__all__ = ["Datum", "Terrain", "build_terrain", "covers", "ground_height_m", "impact_of", "sees"]

Array = NDArray[np.float64]
Datum = Literal["msl", "ellipsoid"]

MAX_LAT_DEG: Final = 89.0
"""Farthest from the equator that a raster may reach: beyond it a flight of 1 km turns too far in longitude."""

_TOUCH_M: Final = 1e-3
"""What counts as on the ground [m]: a start or an end is known no better than the samples of its flight."""

_END_SHARE: Final = 1.0 - 1e-6
"""A ray that meets the ground after this share of its way has come to what stands there."""

_EVEN_SHARE: Final = 1e-3
"""How uneven posts may stand, as a share of their spacing; files round their spacing, nothing of theirs is worse."""


def build_terrain(lat_deg: Array, lon_deg: Array, height_m: Array, datum: Datum, frame: SiteFrame) -> Terrain:
    """Put a raster of heights into the site's frame.

    Parameters
    ----------
    lat_deg : (ny,) float64
        Geodetic latitudes of the rows of posts on WGS 84, evenly spaced, either way up.
    lon_deg : (nx,) float64
        Longitudes of the columns, evenly spaced, ascending or descending; beyond 180 degrees is allowed.
    height_m : (ny, nx) float64
        Heights of the posts over `datum`.
    datum : "msl" or "ellipsoid"
        Mean sea level, which lies `frame.geoid_m` over the ellipsoid, or the ellipsoid itself.
    frame : SiteFrame
        The site's frame; beyond the raster the ground is at the height of its origin.

    Returns
    -------
    Terrain
        For the flight kernels: heights over the ellipsoid, rows from south, columns from west.

    Raises
    ------
    DomainError
        A post without a height (NaN; `n_voids` says how many: fill them before), uneven posts, or a raster that is
        smaller than one cell, reaches beyond 89 degrees of latitude or around half the Earth.
    ValueError
        Shapes that do not fit, or an unknown datum.
    """
    if datum not in ("msl", "ellipsoid"):
        message = f"no vertical datum {datum!r}; there are msl, ellipsoid"
        raise ValueError(message)
    if height_m.ndim != 2 or height_m.shape != (lat_deg.size, lon_deg.size):
        message = f"height_m must have shape ({lat_deg.size}, {lon_deg.size}), not {height_m.shape}"
        raise ValueError(message)
    lat, lon = _ascending("lat_deg", lat_deg), _ascending("lon_deg", lon_deg)
    for edge_deg in (lat[0], lat[-1]):
        if not abs(edge_deg) <= MAX_LAT_DEG:
            raise DomainError("lat_deg", float(edge_deg), -MAX_LAT_DEG, MAX_LAT_DEG)
    if not lon[-1] - lon[0] <= 180.0:
        raise DomainError("width_deg", float(lon[-1] - lon[0]), 0.0, 180.0)
    n_voids = int(np.count_nonzero(~np.isfinite(height_m)))
    if n_voids:
        raise DomainError("n_voids", n_voids, 0.0, 0.0)
    flip_y, flip_x = 1 if lat_deg[-1] > lat_deg[0] else -1, 1 if lon_deg[-1] > lon_deg[0] else -1
    heights = np.ascontiguousarray(height_m[::flip_y, ::flip_x], np.float64)
    if datum == "msl":
        heights = heights + frame.geoid_m
    outside_m = frame.height_m
    return Terrain(
        lat0_rad=float(np.radians(lat[0])),
        lon0_rad=float(np.radians((lon[0] + 180.0) % 360.0 - 180.0)),
        dlat_rad=float(np.radians(lat[-1] - lat[0])) / (lat.size - 1),
        dlon_rad=float(np.radians(lon[-1] - lon[0])) / (lon.size - 1),
        heights=heights,
        tile_tops=_tile_tops(heights),
        max_m=max(float(heights.max()), outside_m),
        min_m=min(float(heights.min()), outside_m),
        outside_m=outside_m,
        site_m=frame.height_m,
        rotation=np.array(frame.rotation),
        origin=np.array(frame.origin_ecef_m),
    )


def _ascending(name: str, given: Array) -> Array:
    # The posts along one axis, ascending; refused where they are not evenly spaced.
    if given.ndim != 1 or given.size < 2:
        message = f"{name} must have shape (n,) with n of 2 or more, not {given.shape}"
        raise ValueError(message)
    posts = given if given[-1] > given[0] else given[::-1]
    steps = np.diff(posts)
    mean = float(posts[-1] - posts[0]) / steps.size
    uneven = float(np.max(np.abs(steps - mean))) / mean if mean > 0.0 else np.inf
    if not uneven <= _EVEN_SHARE:
        raise DomainError(f"uneven_share of {name}", uneven, 0.0, _EVEN_SHARE)
    return posts


def _tile_tops(heights: Array) -> Array:
    # The highest post of each tile of TILE by TILE cells; a tile's last posts are its neighbour's first.
    n_y, n_x = (-(-(n - 1) // TILE) for n in heights.shape)
    rows = [heights[j * TILE : (j + 1) * TILE + 1].max(axis=0) for j in range(n_y)]
    return np.ascontiguousarray(
        [[row[i * TILE : (i + 1) * TILE + 1].max() for i in range(n_x)] for row in rows], np.float64
    )


def ground_height_m(terrain: Terrain, e_m: float, n_m: float) -> float:
    """Return the height of the ground over the ellipsoid [m] where a line parallel to the site's up axis meets it.

    Parameters
    ----------
    terrain : Terrain
        As `build_terrain` makes it.
    e_m, n_m : float
        East and north of the line in the site's ENU.

    Raises
    ------
    DomainError
        A coordinate that is not finite.
    """
    for name, value in (("e_m", e_m), ("n_m", n_m)):
        if not np.isfinite(value):
            raise DomainError(name, value, -np.inf, np.inf)
    u_m = ground_m = 0.0
    for _ in range(4):  # each round takes the error down by the lean of the verticals, 1e-2 at 64 km
        ground_m, height_m, _ = kernel.surface_at(e_m, n_m, u_m, terrain)
        u_m += ground_m - height_m
    return ground_m


def covers(terrain: Terrain, lat_deg: Array, lon_deg: Array) -> NDArray[np.bool_]:
    """Tell which points (n,) lie on the raster, its edges included; beyond it the ground is only assumed."""
    ny, nx = terrain.heights.shape
    up = (np.radians(lat_deg) - terrain.lat0_rad) / terrain.dlat_rad
    across = (np.radians(lon_deg) - terrain.lon0_rad + 1e-9) % (2.0 * np.pi) / terrain.dlon_rad
    is_on: NDArray[np.bool_] = (up >= -1e-6) & (up <= ny - 1 + 1e-6) & (across <= nx - 1 + 1e-3)
    return is_on


def impact_of(trajectory: Trajectory, terrain: Terrain, after_s: float = -np.inf) -> Trajectory:
    """Cut a flight where it first goes under the ground.

    Parameters
    ----------
    trajectory : Trajectory
        ENU of the terrain's site, flown down to `terrain.min_m` at least.
    terrain : Terrain
        As `build_terrain` makes it.
    after_s : float
        No ground is looked for before the first sample at this time or later: where a flight whose beginning nobody
        knows is over the ground for certain.

    Returns
    -------
    Trajectory
        The same samples up to the impact, and the impact as the last one, within 1 mm of the ground; the flight as it
        is where its last sample is on the ground within 1 mm.

    Raises
    ------
    DomainError
        It begins (or is at `after_s`) more than 1 mm under the ground, or ends over it.
    """
    t, pos, vel = trajectory.t_s, trajectory.pos_m, trajectory.vel_mps
    first = min(int(np.searchsorted(t, after_s)), t.size - 1)
    over_m = _over_ground_m(pos[first], terrain)
    if not over_m >= -_TOUCH_M:
        raise DomainError("start_over_ground_m", over_m, 0.0, np.inf)
    for k in range(first, t.size - 1):
        dt_s = float(t[k + 1] - t[k])
        share = kernel.first_hit(
            _vector(pos[k]), _vector(vel[k]), _vector(pos[k + 1]), _vector(vel[k + 1]), dt_s, terrain
        )
        if share > 0.0:
            t_hit_s = float(t[k]) + share * dt_s
            last_m, last_mps = trajectory.at(t_hit_s)
            return Trajectory(
                np.append(t[: k + 1], t_hit_s),
                np.vstack((pos[: k + 1], last_m)),
                np.vstack((vel[: k + 1], last_mps)),
            )
    over_m = _over_ground_m(pos[-1], terrain)
    if not over_m <= _TOUCH_M:
        raise DomainError("end_over_ground_m", over_m, 0.0, _TOUCH_M)
    return trajectory


def sees(terrain: Terrain, eye_m: Array, points_m: Array, ray_curvature: float) -> NDArray[np.bool_]:
    """Tell which points are in sight of an eye: no ground comes between, the Earth's own curve included.

    Parameters
    ----------
    terrain : Terrain
        As `build_terrain` makes it.
    eye_m : (3,) float64 [m]
        ENU of the terrain's site, over the ground.
    points_m : (n, 3) float64 [m]
        The same; up to 100 km away.
    ray_curvature : float [1/m]
        Of the ray toward the ground, as refraction bends it; 0: straight.

    Notes
    -----
    The ray is the parabola that rises over the chord by half the curvature times the product of the distances to both
    ends, exact in the cubic segments of `impact_of`. A point on the ground is in sight, one below it is not.
    """
    eye, clear = _vector(eye_m), np.ones(len(points_m), np.bool_)
    chord = points_m - eye_m
    rise = 0.5 * ray_curvature * np.einsum("ij,ij->i", chord, chord)
    for i in range(len(points_m)):
        e, n, u = _vector(chord[i])
        share = kernel.first_hit(eye, (e, n, u + rise[i]), _vector(points_m[i]), (e, n, u - rise[i]), 1.0, terrain)
        clear[i] = not 0.0 < share < _END_SHARE
    return clear


def _over_ground_m(point_m: Array, terrain: Terrain) -> float:
    ground_m, height_m, _ = kernel.surface_at(*_vector(point_m), terrain)
    return height_m - ground_m


def _vector(row: Array) -> kernel.Vector:
    return float(row[0]), float(row[1]), float(row[2])
