"""The ground under a path: a raster of posts, and the first point at which a flight goes under it.

The surface is bilinear between four posts in latitude and longitude; beyond the raster the ground is level. A flight
segment becomes three cubics of its share of time: the raster's column and row, and the height over the ellipsoid. In
Bernstein form their control values bound them, so that whole tiles, then whole cells, are left out for sure, and
within one cell the gap to the ground is one smooth function: no ridge is stepped over.
"""

import math
from typing import Final, NamedTuple

from numba import njit
from numpy import float64
from numpy.typing import NDArray

from casemate.constants import WGS84_A_M, WGS84_E2
from casemate.kernels.earth import vertical_of

TILE: Final = 16
"""Cells along the side of a tile."""

_EDGE: Final = 1e-9
"""How far [cells] a path may pass an edge before it has left: above rounding, so that one along a grid line stays."""

_STEP: Final = 1e-9
"""Shortest piece [share of a segment] that is looked at: 1e-6 m of a segment of 1 km."""

_CLOSE_M: Final = 1e-4
"""How near [m] a cubic must be to the gap between path and ground that it stands for."""

_NEVER: Final = 2.0
_FAR: Final = 1e18

Vector = tuple[float, float, float]
Cubic = tuple[float, float, float, float]


class Terrain(NamedTuple):
    """A raster of heights as the site's frame sees it: arrays and floats only, fit for kernels.

    Posts ascend in latitude (rows) and longitude (columns).
    """

    lat0_rad: float  # of the first row of posts
    lon0_rad: float  # of the first column
    dlat_rad: float
    dlon_rad: float
    heights: NDArray[float64]  # (ny, nx) [m], this and all below over the ellipsoid
    tile_tops: NDArray[float64]  # (ty, tx) [m] highest post of each tile, those on its borders too
    max_m: float  # highest ground, beyond the raster too
    min_m: float  # lowest ground, beyond the raster too
    outside_m: float  # of the ground beyond the raster
    site_m: float  # of the frame's origin
    rotation: NDArray[float64]  # (3, 3) ECEF -> ENU
    origin: NDArray[float64]  # (3,) [m] ECEF of the frame's origin


@njit(cache=True, error_model="numpy")
def _place(e: float, n: float, u: float, terrain: Terrain) -> Vector:
    # Column and row of an ENU point, in cells from the first post, and its height over the ellipsoid [m].
    r, o = terrain.rotation, terrain.origin
    x = r[0, 0] * e + r[1, 0] * n + r[2, 0] * u + o[0]
    y = r[0, 1] * e + r[1, 1] * n + r[2, 1] * u + o[1]
    z = r[0, 2] * e + r[1, 2] * n + r[2, 2] * u + o[2]
    sin_lat, cos_lat, height, _ = vertical_of(x, y, z, WGS84_A_M, WGS84_E2)
    east = math.atan2(y, x) - terrain.lon0_rad
    if east < -math.pi:
        east += 2.0 * math.pi
    elif east >= math.pi:
        east -= 2.0 * math.pi
    return east / terrain.dlon_rad, (math.atan2(sin_lat, cos_lat) - terrain.lat0_rad) / terrain.dlat_rad, height


@njit(cache=True, error_model="numpy")
def _span(x: float, n: int, pitch: int) -> tuple[float, float, int]:
    # Lower edge, upper edge and number of the strip of `pitch` cells that holds x; number -1 beyond the n posts.
    last = n - 1.0
    if not x >= 0.0:
        return -_FAR, 0.0, -1
    if x > last:
        return last, _FAR, -1
    i = min(int(x), n - 2) // pitch
    return float(i * pitch), min((i + 1.0) * pitch, last), i


@njit(cache=True, error_model="numpy")
def _patch(i: int, j: int, terrain: Terrain) -> Cubic:
    # The surface over column i, row j: height at its first post, rise along the column, along the row, and twist.
    if i < 0 or j < 0:
        return terrain.outside_m, 0.0, 0.0, 0.0
    h = terrain.heights
    h00, h01, h10, h11 = h[j, i], h[j, i + 1], h[j + 1, i], h[j + 1, i + 1]
    return h00, h01 - h00, h10 - h00, h11 - h10 - h01 + h00


@njit(cache=True, error_model="numpy")
def surface_at(e: float, n: float, u: float, terrain: Terrain) -> tuple[float, float, bool]:
    """Return the height of the ground and of an ENU point [m], both over the ellipsoid, and whether posts are there.

    Bilinear in latitude and longitude: h00 + x (h01 - h00) + y (h10 - h00) + x y (h11 - h10 - h01 + h00).
    """
    x, y, height = _place(e, n, u, terrain)
    x0, _, i = _span(x, terrain.heights.shape[1], 1)
    y0, _, j = _span(y, terrain.heights.shape[0], 1)
    base, along, across, twist = _patch(i, j, terrain)
    if i < 0 or j < 0:
        return base, height, False
    return base + along * (x - x0) + (across + twist * (x - x0)) * (y - y0), height, True


@njit(cache=True, error_model="numpy")
def _value(c: Cubic, t: float) -> tuple[float, float]:
    # Value and slope at t of the cubic with control values c on [0, 1]; de Casteljau's scheme.
    s = 1.0 - t
    a, b, d = s * c[0] + t * c[1], s * c[1] + t * c[2], s * c[2] + t * c[3]
    a, b = s * a + t * b, s * b + t * d
    return s * a + t * b, 3.0 * (b - a)


@njit(cache=True, error_model="numpy")
def _between(va: float, sa: float, vb: float, sb: float, length: float) -> Cubic:
    # Control values of the cubic with value and slope at both ends of a piece.
    return va, va + length * sa / 3.0, vb - length * sb / 3.0, vb


@njit(cache=True, error_model="numpy")
def _piece(c: Cubic, a: float, b: float) -> Cubic:
    va, sa = _value(c, a)
    vb, sb = _value(c, b)
    return _between(va, sa, vb, sb, b - a)


@njit(cache=True, error_model="numpy")
def _through(f0: float, f1: float, f2: float, f3: float) -> Cubic:
    # Control values of the cubic with these values at 0, 1/3, 2/3 and 1.
    return (
        f0,
        (18.0 * f1 - 9.0 * f2 + 2.0 * f3 - 5.0 * f0) / 6.0,
        (18.0 * f2 - 9.0 * f1 + 2.0 * f0 - 5.0 * f3) / 6.0,
        f3,
    )


@njit(cache=True, error_model="numpy")
def _lowest(c: Cubic) -> float:
    # A lower bound of the cubic on [0, 1].
    return min(c[0], c[1], c[2], c[3])


@njit(cache=True, error_model="numpy")
def _root(c: Cubic, low: float, high: float) -> float:
    # The root of a cubic that falls all the way from low to high: Newton's method within a shrinking bracket.
    t = low
    for _ in range(60):
        value, slope = _value(c, t)
        if value >= 0.0:
            low = t
        else:
            high = t
        better = t - value / slope if slope < 0.0 else low
        if not low < better < high:
            better = 0.5 * (low + high)
        if abs(better - t) < 1e-14:
            break
        t = better
    return t


@njit(cache=True, error_model="numpy")
def _first_below(c: Cubic) -> float:
    # The first t in [0, 1] at which a cubic is below zero, _NEVER where it is not.
    if c[0] < 0.0:
        return 0.0
    a, step = 0.0, 1.0
    for _ in range(500):  # 30 halvings to the shortest step and as many doublings for each of three turns
        b = min(a + step, 1.0)
        p = _piece(c, a, b)
        if p[1] >= 0.0 and p[2] >= 0.0 and p[3] >= 0.0:
            if b >= 1.0:
                break
            a, step = b, 2.0 * step
        elif p[3] < 0.0 and p[0] >= p[1] >= p[2] >= p[3]:
            return _root(c, a, b)
        elif step > _STEP:
            step *= 0.5
        elif p[3] < 0.0:
            return b
        elif b >= 1.0:
            break
        else:  # it touches zero and turns
            a, step = b, 2.0 * step
    return _NEVER


@njit(cache=True, error_model="numpy")
def _leaves(c: Cubic, low: float, high: float) -> float:
    # The first t in [0, 1] at which a cubic leaves [low, high], _NEVER where it does not.
    over = high + _EDGE
    under = low - _EDGE
    out = _first_below((over - c[0], over - c[1], over - c[2], over - c[3]))
    back = _first_below((c[0] - under, c[1] - under, c[2] - under, c[3] - under))
    return out if out < back else back


@njit(cache=True, error_model="numpy")
def _stay(x: Cubic, y: Cubic, a: float, b: float, pitch: int, terrain: Terrain) -> tuple[int, int, float]:
    # Column and row of the square of `pitch` cells in which the path is at share a, and the share at which it leaves.
    x_low, x_high, i = _span(_value(x, a)[0], terrain.heights.shape[1], pitch)
    y_low, y_high, j = _span(_value(y, a)[0], terrain.heights.shape[0], pitch)
    out = _leaves(_piece(x, a, b), x_low, x_high)
    back = _leaves(_piece(y, a, b), y_low, y_high)
    t = out if out < back else back
    if t > 1.0:
        return i, j, b
    return i, j, max(a + t * (b - a), min(a + _STEP, b))


@njit(cache=True, error_model="numpy")
def _gap(x: Cubic, y: Cubic, h: Cubic, t: float, i: int, j: int, terrain: Terrain) -> tuple[float, float]:
    # Height over the surface of cell (i, j) at share t [m], and its slope.
    base, along, across, twist = _patch(i, j, terrain)
    (xt, dx), (yt, dy), (ht, dh) = _value(x, t), _value(y, t), _value(h, t)
    xt, yt = xt - i, yt - j
    return (
        ht - base - along * xt - (across + twist * xt) * yt,
        dh - (along + twist * yt) * dx - (across + twist * xt) * dy,
    )


@njit(cache=True, error_model="numpy")
def _gap_piece(
    x: Cubic, y: Cubic, h: Cubic, a: float, b: float, i: int, j: int, terrain: Terrain
) -> tuple[Cubic, float]:
    # The gap over cell (i, j) from share a on as one cubic, and how far it holds: to b, or where the path bends so
    # much in the cell that the twist of the surface makes more than a cubic of it, to the first half that is one.
    va, sa = _gap(x, y, h, a, i, j, terrain)
    while True:
        vb, sb = _gap(x, y, h, b, i, j, terrain)
        p = _between(va, sa, vb, sb, b - a)
        middle, _ = _gap(x, y, h, 0.5 * (a + b), i, j, terrain)
        if b - a <= _STEP or not abs(middle - 0.125 * (p[0] + 3.0 * (p[1] + p[2]) + p[3])) > _CLOSE_M:
            return p, b
        b = 0.5 * (a + b)


@njit(cache=True, error_model="numpy")
def first_hit(p0: Vector, v0: Vector, p1: Vector, v1: Vector, dt_s: float, terrain: Terrain) -> float:
    """Return the first share in (0, 1] of a flight segment at which it goes under the surface, -1 where it does not.

    The segment is the cubic Hermite path between two states, ENU [m] and [m/s], up to a few km long; a not finite one
    hits nothing. A path that begins under the surface and goes deeper hits at once; one that rises comes out first.
    Farin, Curves and Surfaces for CAGD, 5th ed., 2002, section 5.1 (a Bezier curve lies in the hull of its controls).
    """
    # The ellipsoid curves away under the site's horizon: nothing is lower than its height over that plane.
    if terrain.site_m + _lowest(_between(p0[2], v0[2], p1[2], v1[2], dt_s)) > terrain.max_m:
        return -1.0
    k = dt_s / 27.0  # positions at the thirds: (20 p0 + 7 p1 + dt (4 v0 - 2 v1)) / 27, and mirrored
    q = (
        (20.0 * p0[0] + 7.0 * p1[0]) / 27.0 + k * (4.0 * v0[0] - 2.0 * v1[0]),
        (20.0 * p0[1] + 7.0 * p1[1]) / 27.0 + k * (4.0 * v0[1] - 2.0 * v1[1]),
        (20.0 * p0[2] + 7.0 * p1[2]) / 27.0 + k * (4.0 * v0[2] - 2.0 * v1[2]),
    )
    r = (
        (7.0 * p0[0] + 20.0 * p1[0]) / 27.0 + k * (2.0 * v0[0] - 4.0 * v1[0]),
        (7.0 * p0[1] + 20.0 * p1[1]) / 27.0 + k * (2.0 * v0[1] - 4.0 * v1[1]),
        (7.0 * p0[2] + 20.0 * p1[2]) / 27.0 + k * (2.0 * v0[2] - 4.0 * v1[2]),
    )
    x0, y0, h0 = _place(p0[0], p0[1], p0[2], terrain)
    x1, y1, h1 = _place(q[0], q[1], q[2], terrain)
    x2, y2, h2 = _place(r[0], r[1], r[2], terrain)
    x3, y3, h3 = _place(p1[0], p1[1], p1[2], terrain)
    h = _through(h0, h1, h2, h3)
    if not math.isfinite(h0 + h1 + h2 + h3) or _lowest(h) > terrain.max_m:
        return -1.0
    return _walk(_through(x0, x1, x2, x3), _through(y0, y1, y2, y3), h, terrain)


@njit(cache=True, error_model="numpy")
def _walk(x: Cubic, y: Cubic, h: Cubic, terrain: Terrain) -> float:
    # Tile by tile along the path, and cell by cell where it is not above the tile.
    i, j, _ = _stay(x, y, 0.0, 0.0, 1, terrain)
    value, slope = _gap(x, y, h, 0.0, i, j, terrain)
    is_under = value < 0.0
    if is_under and slope < 0.0:
        return _STEP
    w = 0.0
    while w < 1.0:
        i, j, end = _stay(x, y, w, 1.0, TILE, terrain)
        top = terrain.tile_tops[j, i] if i >= 0 and j >= 0 else terrain.outside_m
        if not is_under and _lowest(_piece(h, w, end)) > top:
            w = end
        while w < end:
            i, j, stop = _stay(x, y, w, end, 1, terrain)
            p, stop = _gap_piece(x, y, h, w, stop, i, j, terrain)
            t = _first_below((-p[0], -p[1], -p[2], -p[3]) if is_under else p)
            if t <= 1.0 and not is_under:
                return max(w + t * (stop - w), _STEP)
            if t <= 1.0:  # a step beyond the surface, so that rounding does not take it for a hit
                is_under, stop = False, w + t * (stop - w) + _STEP
            w = stop
    return -1.0
