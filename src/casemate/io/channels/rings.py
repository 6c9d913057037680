"""Rings of (lat, lon) as formats want them: whole, turning the right way, cut where the world's edge crosses them.

A ring that crosses 180 degrees is two polygons to every format here (RFC 7946, section 3.1.9; in CAP a polygon
that jumps from 179 to -179 spans the Earth). Poles are not crossed: no station warns there.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Final

import shapely

LatLon = tuple[float, float]
DECIMALS: Final = 7
"""Of a degree, as written: 1 cm, which changes the area of a zone of 10 m by less than 0.3 %."""
_RADIUS_M: Final = 6_371_008.8
"""Mean radius of the Earth, IUGG 1980; good to 0.3 % for a circle that has to cover."""
_MARGIN: Final = 1.005


def parts_of(ring: Sequence[LatLon]) -> tuple[tuple[LatLon, ...], ...]:
    """Return the rings, not closed and anticlockwise from above, that `ring` is on a map that ends at 180 degrees.

    Parameters
    ----------
    ring : sequence of (lat_deg, lon_deg)
        Not closed, in either sense. Vertices that are no place on Earth are left out.

    Returns
    -------
    tuple of rings
        One, or two where it crosses 180 degrees; none where fewer than three different vertices are left.
    """
    unrolled = _unroll([_rounded(vertex) for vertex in ring if _is_place(vertex)])
    if len(set(unrolled)) < 3:
        return ()
    lons = [lon for _, lon in unrolled]
    first = math.floor((min(lons) + 180.0) / 360.0)
    turns = range(first, max(first + 1, math.ceil((max(lons) + 180.0) / 360.0)))
    parts = [(turn, part) for turn in turns for part in (_within(unrolled, turn) if len(turns) > 1 else [unrolled])]
    return tuple(_anticlockwise([_rounded((lat, lon - 360.0 * turn)) for lat, lon in part]) for turn, part in parts)


def circle_of(middle: LatLon, ring: Sequence[LatLon]) -> tuple[float, float, float]:
    """Return (lat_deg, lon_deg, radius_km) of the circle about `middle` that covers `ring`."""
    lat_deg, lon_deg = _rounded(middle)
    far_m = max((_distance_m(middle, vertex) for vertex in ring if _is_place(vertex)), default=0.0)
    return lat_deg, lon_deg, math.ceil(far_m * _MARGIN) / 1000.0


def is_place(lat_deg: float, lon_deg: float) -> bool:
    """Tell whether a latitude and a longitude are a place on Earth."""
    return _is_place((lat_deg, lon_deg))


def _is_place(vertex: LatLon) -> bool:
    return -90.0 <= vertex[0] <= 90.0 and -180.0 <= vertex[1] <= 180.0  # false for NaN


def _rounded(vertex: LatLon) -> LatLon:
    return round(vertex[0], DECIMALS) + 0.0, round(vertex[1], DECIMALS) + 0.0  # + 0.0: no -0.0


def _unroll(ring: list[LatLon]) -> list[LatLon]:
    """Let longitude run on past 180 degrees, each vertex by the shorter way, and drop repeated vertices."""
    out: list[LatLon] = []
    for lat, lon in ring:
        near = lon if not out else lon + 360.0 * round((out[-1][1] - lon) / 360.0)
        if not out or out[-1] != (lat, near):
            out.append((lat, near))
    while len(out) > 1 and out[0] == out[-1]:
        out.pop()
    return out


def _within(ring: list[LatLon], turn: int) -> list[list[LatLon]]:
    """Return what of an unrolled ring lies in one turn of the Earth."""
    world = shapely.box(-90.0, 360.0 * turn - 180.0, 90.0, 360.0 * turn + 180.0)
    cut = shapely.intersection(shapely.make_valid(shapely.Polygon(ring)), world)
    rings = [
        shapely.get_coordinates(each.exterior)[:-1] for each in shapely.get_parts(cut) if each.geom_type == "Polygon"
    ]
    return [[(float(lat), float(lon)) for lat, lon in each] for each in rings]


def _anticlockwise(ring: list[LatLon]) -> tuple[LatLon, ...]:
    lat_0, lon_0 = ring[0]  # about a vertex: the products of whole degrees would drown a small ring
    twice = sum(
        (lon_a - lon_0) * (lat_b - lat_0) - (lon_b - lon_0) * (lat_a - lat_0)
        for (lat_a, lon_a), (lat_b, lon_b) in itertools.pairwise([*ring, ring[0]])
    )
    return tuple(ring) if twice >= 0.0 else (ring[0], *reversed(ring[1:]))


def _distance_m(a: LatLon, b: LatLon) -> float:
    lat_a, lat_b = math.radians(a[0]), math.radians(b[0])
    half = math.sin((lat_b - lat_a) / 2.0) ** 2
    half += math.cos(lat_a) * math.cos(lat_b) * math.sin(math.radians(b[1] - a[1]) / 2.0) ** 2
    return 2.0 * _RADIUS_M * math.asin(min(1.0, math.sqrt(half)))
