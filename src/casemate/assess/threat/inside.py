"""The probability that impacts, known to an ellipse, lie inside polygons: many of both at once.

Knows normals and polygons; not tracks, not what a polygon stands for.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.special import owens_t

from casemate.model.catalog import RoundClass
from casemate.physics.geodesy import SiteFrame
from casemate.physics.harm import harm_area_m2

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FAR_SIGMA: Final = 9.0
"""A half plane so many sigmas off has a probability below 2e-19: no less is told apart from none."""
_VARIANCE_FLOOR_M2: Final = 1e-4
"""Impact points are not known better than a centimetre; keeps the whitening finite."""
_SHORT: Final = 0.5
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)
"""On edges up to half a sigma long six nodes are exact to rounding, at a tenth of the cost of Owen's function."""


class Inside(NamedTuple):
    """Pairs of an impact and a shape, row by row, in no order; those left out have less than what was asked for."""

    i_point: Ints
    i_shape: Ints
    p: Floats


class _Edges(NamedTuple):
    """All edges of some polygons, one after another."""

    ends_m: Floats  # (k, 2, 2): from, to
    first: Ints  # (m,) where each polygon's begin
    n: Ints  # (m,) how many


def p_inside(ring_m: Floats, point_m: Floats, cov_m2: Floats) -> float:
    """Return the probability that a 2D normal point lies inside a simple polygon.

    Parameters
    ----------
    ring_m : (k, 2) float64 [m]
        Vertices in order, either way round, not closed.
    point_m, cov_m2 : (2,) [m], (2, 2) [m2] float64
        Mean and covariance in the same frame.

    Notes
    -----
    Exact to rounding. In axes where the point is a standard normal, Green's theorem gives a sum over edges: an
    edge at signed distance h, from s1 to s2 along its line, adds the integral of h (1 - exp(-r^2 / 2)) / (2 pi r^2)
    over s, r^2 = h^2 + s^2. That is F(h, s2) - F(h, s1) with F = atan(s / h) / 2 pi - T(h, s / h), T Owen's function
    (D. B. Owen, Tables for computing bivariate normal probabilities, Annals of Mathematical Statistics 27, 1956).
    """
    nought = np.zeros(1, np.intp)
    flat = _whitened(_edges_of([ring_m]), nought, nought, point_m[None], cov_m2[None])
    return float(_p_closed(flat, nought)[0])


class Shapes:
    """The polygons of some declared things in ENU metres, widened by the hazard radius of each class.

    `p_hurt[i_class, i]` is the probability that a person there, standing in the open, is hurt by a round that comes
    down inside: the area of harm over that of the polygon, since nobody knows where in it either is.
    """

    def __init__(
        self, rings_deg: Sequence[Sequence[tuple[float, float]]], rounds: Sequence[RoundClass], frame: SiteFrame
    ) -> None:
        plain = [_to_enu(ring, frame) for ring in rings_deg]
        wide = [[_widen(ring, each.hazard_radius_m) for ring in plain] for each in rounds]
        self._edges = [_edges_of(rings) for rings in wide]
        harms_m2 = [harm_area_m2(each.hazard_radius_m) for each in rounds]
        hurt = [[min(h / _area_m2(ring), 1.0) for ring in rings] for rings, h in zip(wide, harms_m2, strict=True)]
        self.p_hurt = np.array(hurt, np.float64).reshape(len(rounds), len(plain))
        reach_m = max((each.hazard_radius_m for each in rounds), default=0.0)
        low_m = np.array([ring.min(axis=0) for ring in plain]).reshape(-1, 2) - reach_m
        high_m = np.array([ring.max(axis=0) for ring in plain]).reshape(-1, 2) + reach_m
        self._tree = shapely.STRtree(_boxes(low_m, high_m))

    def p_of_many(self, i_class: Ints, points_m: Floats, covs_m2: Floats, p_min: float) -> Inside:
        """Return the probability for each pair that may have `p_min`.

        Parameters
        ----------
        i_class : (n,) int
        points_m, covs_m2 : (n, 2) [m], (n, 2, 2) [m2] float64
        p_min : float
            Pairs are left out by a bound: a half plane d sigmas away holds Phi(-d) at most, and what lies in it less.
        """
        far = min(-NormalDist().inv_cdf(min(max(p_min, 1e-20), 0.5)), FAR_SIGMA)
        spread_m = far * np.sqrt(np.diagonal(covs_m2, axis1=1, axis2=2) + _VARIANCE_FLOOR_M2)
        i_point, i_shape = self._tree.query(_boxes(points_m - spread_m, points_m + spread_m))
        parts: list[Inside] = [_NO_PAIRS]
        of_class = i_class[i_point]
        classes: list[int] = np.unique(of_class).tolist()
        for i in classes:
            mine = of_class == i
            parts.append(_p_near(self._edges[i], i_point[mine], i_shape[mine], points_m, covs_m2, far))
        return Inside(*(np.concatenate(each) for each in zip(*parts, strict=True)))


_NO_PAIRS: Final = Inside(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))


def _p_near(edges: _Edges, i_point: Ints, i_shape: Ints, points_m: Floats, covs_m2: Floats, far: float) -> Inside:
    # by whitened bounding boxes some more are out of reach, before anything dear is asked
    count = edges.n[i_shape]
    starts = np.cumsum(count) - count
    flat = _whitened(edges, i_point, i_shape, points_m, covs_m2)
    low, high = np.minimum.reduceat(flat[:, 0], starts), np.maximum.reduceat(flat[:, 0], starts)
    is_near = np.all((low <= far) & (high >= -far), axis=1)
    if not is_near.any():
        return _NO_PAIRS
    count = count[is_near]
    p = _p_closed(flat[np.repeat(is_near, edges.n[i_shape])], np.cumsum(count) - count)
    return Inside(i_point[is_near], i_shape[is_near], p)


def _whitened(edges: _Edges, i_point: Ints, i_shape: Ints, points_m: Floats, covs_m2: Floats) -> Floats:
    """Return the edges (k, 2, 2) of each pair's shape, in axes where the pair's point is a standard normal at 0."""
    variances, axes = np.linalg.eigh(covs_m2)
    whites = axes / np.sqrt(np.maximum(variances, _VARIANCE_FLOOR_M2))[:, None, :]
    count = edges.n[i_shape]
    pair = np.repeat(np.arange(count.size), count)
    row = np.arange(pair.size) - (np.cumsum(count) - count)[pair] + edges.first[i_shape][pair]
    point = i_point[pair]
    return (edges.ends_m[row] - points_m[point][:, None]) @ whites[point]


def _p_closed(flat: Floats, starts: Ints) -> Floats:
    """Return the probability inside each polygon of whitened edges (k, 2, 2); see `p_inside`."""
    step = flat[:, 1] - flat[:, 0]
    length = np.hypot(step[:, 0], step[:, 1])
    cross = flat[:, 0, 0] * step[:, 1] - flat[:, 0, 1] * step[:, 0]
    added = np.zeros(length.size)
    is_off = (cross != 0.0) & (length > 0.0)  # seen end on, or without length, an edge encloses nothing
    is_short = is_off & (length <= _SHORT)
    added[is_short] = _of_short(flat[is_short], cross[is_short])
    is_long = is_off & ~is_short
    added[is_long] = _of_long(flat[is_long], step[is_long] / length[is_long, None])
    return np.minimum(np.abs(np.add.reduceat(added, starts)), 1.0)


def _of_short(flat: Floats, cross: Floats) -> Floats:
    middle, half = (flat[:, 1] + flat[:, 0]) / 2.0, (flat[:, 1] - flat[:, 0]) / 2.0
    total = np.zeros(cross.size)
    for node, weight in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True):
        at = middle + node * half
        half_square = np.maximum((at[:, 0] * at[:, 0] + at[:, 1] * at[:, 1]) / 2.0, 1e-300)
        total -= weight * np.expm1(-half_square) / half_square
    return total * cross / (8.0 * math.pi)


def _of_long(flat: Floats, along: Floats) -> Floats:
    h = flat[:, 0, 0] * along[:, 1] - flat[:, 0, 1] * along[:, 0]
    slope = np.einsum("kij,kj->ki", flat, along) / h[:, None]
    total = np.arctan(slope) / (2.0 * np.pi) - owens_t(h[:, None], slope)
    return total[:, 1] - total[:, 0]


def _edges_of(rings_m: Sequence[Floats]) -> _Edges:
    count = np.array([len(ring) for ring in rings_m], np.intp)
    ends = [np.stack([ring, np.roll(ring, -1, axis=0)], axis=1) for ring in rings_m]
    return _Edges(np.concatenate([np.zeros((0, 2, 2)), *ends]), np.cumsum(count) - count, count)


def _boxes(low_m: Floats, high_m: Floats) -> NDArray[np.object_]:
    return shapely.box(low_m[:, 0], low_m[:, 1], high_m[:, 0], high_m[:, 1])


def _area_m2(ring_m: Floats) -> float:
    return float(shapely.Polygon(ring_m).area)


def _to_enu(ring_deg: Sequence[tuple[float, float]], frame: SiteFrame) -> Floats:
    lat, lon = np.array(ring_deg, np.float64).T
    return frame.geodetic_to_enu(lat, lon, np.full(lat.size, frame.height_m))[:, :2]


def _widen(ring_m: Floats, radius_m: float) -> Floats:
    """Return all points within `radius_m` of a polygon, corners rounded by 8 chords a quarter (0.5 % of the radius)."""
    wide = shapely.Polygon(ring_m).buffer(radius_m, quad_segs=8)
    return shapely.get_coordinates(wide.exterior)[:-1]
