"""Drag by Mach number: the shapes that sites name, and the smooth curves that the flights read.

A table of points is compiled once into rows of a cubic, a row per cell of 1/160 Mach. The compiled curve is the model:
the accuracy of a flight is a statement about this curve, and how far the curve is from its points is stated apart.
"""

import functools
import hashlib
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from casemate.errors import DomainError
from casemate.model.catalog import RoundClass

if TYPE_CHECKING:
    from scipy.interpolate import BSpline, PchipInterpolator

__all__ = [
    "CELLS_PER_MACH",
    "TOP_MACH",
    "DragCurve",
    "compile_drag",
    "drag_at",
    "drag_curve_of",
    "drag_shape_of",
    "interpolate_drag",
]

Array = NDArray[np.float64]

CELLS_PER_MACH: Final = 160
"""Cells of the compiled curve per Mach: with them the cubics are within 3e-6 of the spline for G1 and G7."""

TOP_MACH: Final = 5.0

_EDGES: Final = np.arange(int(TOP_MACH) * CELLS_PER_MACH + 1) / CELLS_PER_MACH
_NODE_ERROR: Final = 5e-5  # half of the last digit that drag tables print
_OVERSHOOT: Final = 0.005  # of the local rise
_KNOT_GAP: Final = 2.0 / CELLS_PER_MACH  # closer knots bend faster than a cell can follow
_KNOTS_BETWEEN: Final = (1, 3, 7)  # between two points; more where fewer cannot be held inside the limits
_N_REWEIGHT: Final = 200  # random tables of 4 to 25 points took 39 to 133
_N_HOPE: Final = 25  # by then a table that can be held is within 20 times its limits, others at 200 and more
_HOPELESS: Final = 50.0
_LEAST_WEIGHT: Final = 1e-6
_AIM: Final = 0.9  # of a limit, so that reweighting ends inside it
_GRAIN: Final = 2.0**-27  # that values are rounded to: solvers differ by 6e-12 between machines, curves must not
_NEAR: Final = 1e-9  # of a cell: a point this close to an edge is on it
_NOTHING: Final = 1e-12  # a number below it is read as 0: steps between smaller ones cannot be divided by

# Shape of the rise of a subsonic-to-supersonic round [A]: flat to Mach 0.8, +12 % at 0.9,
# 2.1 times at the peak between 1.0 and 1.1 (between rockets 1.75-1.9 and shells 2.0-2.5), then Mach^-0.5.
_RISE_MACH: Final = (0.0, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1)
_RISE_SHARE: Final = (0.0, 0.0, 0.11, 0.45, 0.85, 1.0, 0.99)
_GENERIC_PEAK: Final = 2.1
_TAIL_MACH: Final = (1.15, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, 4.5, 5.0)


class DragCurve(NamedTuple):
    """A compiled drag curve.

    `table` rows are c0, c1, c2, c3 of c0 + c1 w + c2 w^2 + c3 w^3 in the cell coordinate w = frac(160 Mach), a row per
    cell from Mach 0 and a last, constant one at Mach 5, which stands for all above.
    """

    table: Array  # (801, 4)
    node_error: float  # largest distance from the points that it was made of
    form: str  # "quintic", or "pchip" where the quintic did not behave
    digest: str  # first 16 hex digits of the SHA-256 of the table's bytes: the name of the curve in a run's record
    doubt: float = 0.0  # 1 for a curve that stands for all rounds, 0 for a round's own: Environment.drag_doubt


def drag_shape_of(name: str, rounds: Sequence[RoundClass] = ()) -> tuple[Array, Array]:
    """Return the points of a drag shape (mach (n,), shape (n,)), 1 where subsonic, for the drag parameter to scale.

    Parameters
    ----------
    name : str
        "generic" (the documented rise shared by all classes), "constant" (1 at every Mach number), or the name of a
        round class, whose points are divided by the first of them.
    rounds : sequence of RoundClass
        The catalog in which a class is looked up.

    Raises
    ------
    ValueError
        No class of that name; the message lists the names.
    """
    if name == "constant":
        return np.array([0.0, TOP_MACH]), np.ones(2)
    if name == "generic":
        rise = 1.0 + (_GENERIC_PEAK - 1.0) * np.array(_RISE_SHARE)
        tail = np.array(_TAIL_MACH)
        return np.append(_RISE_MACH, tail), np.append(rise, rise[-1] * np.sqrt(_RISE_MACH[-1] / tail))
    for body in rounds:
        if body.name == name:
            return np.array(body.mach), np.array(body.cd) / body.cd[0]
    known = ", ".join(["generic", "constant", *(body.name for body in rounds)])
    message = f"no drag curve {name!r}; there are {known}"
    raise ValueError(message)


def drag_curve_of(name: str, rounds: Sequence[RoundClass] = ()) -> DragCurve:
    """Compile the drag shape of a name, see `drag_shape_of`.

    The shape of a class is its own compiled curve divided by its first coefficient, so that the filter, told the class,
    believes the very curve that an exact flight of it flies; `node_error` is divided too, `digest` stays the curve's.
    """
    for body in rounds:
        if body.name == name:
            curve = compile_drag(body.mach, body.cd)
            return curve._replace(table=curve.table / body.cd[0], node_error=curve.node_error / body.cd[0])
    return compile_drag(*drag_shape_of(name, rounds))._replace(doubt=float(name == "generic"))


def compile_drag(mach: ArrayLike, cd: ArrayLike) -> DragCurve:
    """Make the smooth curve through a drag table.

    Parameters
    ----------
    mach, cd : (n,) float64
        Points in any order, 0 or above; those of equal Mach number are averaged. The curve is constant beyond them.

    Returns
    -------
    DragCurve
        "quintic": within 5e-5 of the points (a spread within one cell comes on top), and at most 1 % of the local rise
        beyond neighbouring points. "pchip", where that cannot be had (steps, scatter, fewer than four points): monotone
        between the points, continuous in slope only.

    Raises
    ------
    DomainError
        A value that is negative or not finite.
    ValueError
        No points, or as many Mach numbers as coefficients not.

    Notes
    -----
    The quintic spline of least bending: it minimises the integral of the third derivative squared, each piece weighted
    by its length^5, while node errors and overshoot are pushed inside their limits by reweighting (Lawson's method). It
    has four continuous derivatives; the cubics keep its values and slopes at the edges of the cells. In the cell at
    either end of the points the slope falls to 0, so that the curve meets its constant end without a corner.

    References
    ----------
    de Boor, A Practical Guide to Splines, 2001, chapter XIV; Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5, 1984.
    """
    x, y = np.array(mach, np.float64, ndmin=1), np.array(cd, np.float64, ndmin=1)
    if x.ndim != 1 or x.shape != y.shape or x.size == 0:
        message = f"{x.shape} Mach numbers and {y.shape} drag coefficients"
        raise ValueError(message)
    for name, values in (("mach", x), ("cd", y)):
        for value in values[~((values >= 0.0) & (values < np.inf))]:
            raise DomainError(name, float(value), 0.0, np.inf)
    x[x < _NOTHING], y[y < _NOTHING] = 0.0, 0.0
    curve = _compiled(x.tobytes(), y.tobytes())
    return curve._replace(table=curve.table.copy())


@functools.lru_cache(maxsize=64)  # every round of a class asks for the curve of its class
def _compiled(mach: bytes, cd: bytes) -> DragCurve:
    x, y = np.frombuffer(mach), np.frombuffer(cd)
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    given, merged = _merge(x, y, 0.0), _merge(x, y, 1.0 / CELLS_PER_MACH)
    tables = (given, merged) if merged[0].size < given[0].size else (given,)
    for nodes, n_between in itertools.product(tables, _KNOTS_BETWEEN):
        table = _quintic(*nodes, n_between)
        if table is not None:
            return _curve(table, x, y, "quintic")
    return _curve(_pchip(*merged), x, y, "pchip")


def _curve(table: Array, x: Array, y: Array, form: str) -> DragCurve:
    read = x <= TOP_MACH
    error = float(np.max(np.abs(drag_at(table, x[read]) - y[read]), initial=0.0))
    return DragCurve(table, error, form, hashlib.sha256(table.tobytes()).hexdigest()[:16])


def interpolate_drag(mach: Array, cd: Array, at: Array) -> Array:
    """Return a coefficient at Mach numbers (n,): monotone cubic through two or more points, constant beyond them."""
    return _monotone(mach.tobytes(), cd.tobytes())(np.clip(at, mach[0], mach[-1]))


@functools.lru_cache(maxsize=64)  # to make one takes 50 times as long as to ask it
def _monotone(mach: bytes, cd: bytes) -> "PchipInterpolator":
    from scipy.interpolate import PchipInterpolator  # noqa: PLC0415 - 0.2 s

    return PchipInterpolator(np.frombuffer(mach), np.frombuffer(cd))


def drag_at(table: Array, mach: ArrayLike) -> Array:
    """Return the drag coefficient [-] of a compiled table (m, 4) at Mach numbers (n,) of 0 or above."""
    x = np.minimum(np.atleast_1d(np.asarray(mach, np.float64)) * CELLS_PER_MACH, table.shape[0] - 1.0)
    cell = x.astype(np.int64)
    w, row = x - cell, table[cell]
    return row[:, 0] + w * (row[:, 1] + w * (row[:, 2] + w * row[:, 3]))


def _merge(x: Array, y: Array, gap: float) -> tuple[Array, Array]:
    # Mean of the points that are within a gap of the first of them.
    group = np.zeros(x.size, np.int64)
    first = x[0]
    for i in range(1, x.size):
        group[i] = group[i - 1] + (x[i] - first > gap)
        first = x[i] if group[i] > group[i - 1] else first
    n = np.bincount(group)
    return np.bincount(group, x) / n, np.bincount(group, y) / n


def _span(x: Array) -> slice:
    # The cell edges within the points.
    low = int(np.ceil(x[0] * CELLS_PER_MACH - _NEAR))
    high = int(np.floor(min(x[-1], TOP_MACH) * CELLS_PER_MACH + _NEAR))
    return slice(low, high + 1)


def _rows(value: Array, slope: Array) -> Array:
    # Cubic Hermite per cell; slopes are per cell.
    a, b, p, q = value[:-1], value[1:], slope[:-1], slope[1:]
    cells = np.column_stack((a, p, 3.0 * (b - a) - 2.0 * p - q, 2.0 * (a - b) + p + q))
    return np.ascontiguousarray(np.vstack((cells, [value[-1], 0.0, 0.0, 0.0])))


def _pchip(x: Array, y: Array) -> Array:
    # Monotone through the points, and monotone again through what that gives at the cells' edges: no overshoot at all.
    from scipy.interpolate import PchipInterpolator  # noqa: PLC0415 - 0.2 s

    value = np.full(_EDGES.size, y[0]) if x.size == 1 else np.maximum(interpolate_drag(x, y, _EDGES), 0.0)
    return _rows(value, PchipInterpolator(_EDGES, value)(_EDGES, 1) / CELLS_PER_MACH)


def _knots(x: Array, n_between: int) -> Array:
    # A knot per point but for those closer than the cells can follow, pieces split until none is over twice as long as
    # its neighbour, and knots between.
    knots = [x[0]]
    for each in x[1:]:
        if each - knots[-1] > _KNOT_GAP * (1.0 - _NEAR):
            knots.append(each)
    knots[-1] = x[-1]
    k = np.array(knots)
    while True:
        h = np.diff(k)
        too_long = h > 2.0 * (1.0 + _NEAR) * np.minimum(np.append(h[1:], np.inf), np.append(np.inf, h[:-1]))
        if not too_long.any():
            break
        k = np.sort(np.append(k, 0.5 * (k[:-1] + k[1:])[too_long]))
    share = np.arange(n_between + 1) / (n_between + 1)
    return np.append(k[:-1, None] + share * np.diff(k)[:, None], k[-1])


def _hermite(at: Array, value: Array, slope: Array) -> Array:
    # Rows that give the compiled curve at cell coordinates, from rows that give values and slopes at the edges.
    cell = np.clip(at.astype(np.int64), 0, value.shape[0] - 2)
    w = (at - cell)[:, None]
    v = 1.0 - w
    return v * v * ((1.0 + 2.0 * w) * value[cell] + w * slope[cell]) + w * w * (
        (1.0 + 2.0 * v) * value[cell + 1] - v * slope[cell + 1]
    )


def _quintic(x: Array, y: Array, n_between: int) -> Array | None:
    # The compiled quintic; None where it cannot be held inside its limits.
    inside = _span(x)
    edges = _EDGES[inside]
    if x.size < 4 or edges.size < 4:
        return None
    from scipy.interpolate import BSpline  # noqa: PLC0415 - 0.2 s

    k = _knots(x, n_between)
    if k.size > _EDGES.size:
        return None
    t = np.concatenate((np.full(5, k[0]), k, np.full(5, k[-1])))
    basis = BSpline(t, np.eye(t.size - 6), 5)
    value, slope = basis(edges), basis(edges, 1) / CELLS_PER_MACH
    slope[-1] = 0.0
    if inside.start > 0:
        slope[0] = 0.0
    # What must lie between what, and by how much it may miss: the points, then the curve twice per cell.
    between = np.append(edges, 0.5 * (edges[1:] + edges[:-1]))
    at = np.clip(np.append(x, between), edges[0], edges[-1])
    rows = _hermite((at - edges[0]) * CELLS_PER_MACH, value, slope)
    near = _around(x, y, between)
    low, high = np.append(y, near[1:3].min(axis=0)), np.append(y, near[1:3].max(axis=0))
    slack = _NODE_ERROR + np.append(np.zeros(x.size), _OVERSHOOT * np.ptp(near, axis=0))
    fit = _least_bending(_bending(basis, k), rows, low, high, slack)
    if fit is None:
        return None
    value, slope = (np.rint(rows @ fit / _GRAIN) * _GRAIN for rows in (value, slope))
    table = _rows(*_spread(value, slope, inside))
    return table if _is_tame(table, x, y) else None


def _around(x: Array, y: Array, at: Array) -> Array:
    # The two points before each place and the two after it (4, n).
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, x.size - 2)
    return np.stack([y[np.maximum(i - 1, 0)], y[i], y[i + 1], y[np.minimum(i + 2, y.size - 1)]])


def _is_tame(table: Array, x: Array, y: Array) -> bool:
    # What the fit held at the edges and middles of cells holds everywhere: by Bezier points, and at 32 places per cell,
    # where a twentieth of the limit is kept for a peak between two of them (it took 1e-4 of the rise at most).
    c0, c1, c2, c3 = table.T
    n = 32 * CELLS_PER_MACH
    at = np.arange(math.ceil(x[0] * n), math.ceil(min(x[-1], TOP_MACH) * n)) / n
    near, value = _around(x, y, at), drag_at(table, at)
    over = np.maximum(near[1:3].min(axis=0) - value, value - near[1:3].max(axis=0))
    is_positive = np.min([c0, c0 + c1 / 3.0, c0 + (2.0 * c1 + c2) / 3.0, c0 + c1 + c2 + c3]) >= 0.0
    return bool(is_positive and np.all(over <= 1.9 * _OVERSHOOT * np.ptp(near, axis=0) + _NODE_ERROR))


def _spread(value: Array, slope: Array, inside: slice) -> tuple[Array, Array]:
    # From the edges within the points to all edges: constant beyond.
    before, after = inside.start, _EDGES.size - inside.stop
    return np.pad(value, (before, after), mode="edge"), np.pad(slope, (before, after))


def _bending(basis: "BSpline", k: Array) -> Array:
    # Integral of the third derivative squared, each piece weighted by its length^5: exact with three Gauss points, for
    # the third derivative of a quintic is a parabola. The weight makes it free of the scale of Mach.
    h = np.diff(k)[:, None]
    at = k[:-1, None] + h * (0.5 + np.array([-0.5, 0.0, 0.5]) * np.sqrt(0.6))
    third = basis(at.ravel(), 3) * np.sqrt(h**6 * np.array([5.0, 8.0, 5.0]) / 18.0).ravel()[:, None]
    return third.T @ third


def _least_bending(bending: Array, rows: Array, low: Array, high: Array, slack: Array) -> Array | None:
    # Lawson's reweighting: what misses its limits by more than its slack weighs more in the next least squares.
    from scipy.sparse import csr_array  # noqa: PLC0415 - comes with the above

    sparse = csr_array(rows)
    weight, target = np.where(low == high, 1.0, _LEAST_WEIGHT), 0.5 * (low + high)
    for i in range(_N_REWEIGHT):
        normal = bending + (sparse.T @ sparse.multiply(weight[:, None])).toarray()
        fit = np.asarray(np.linalg.solve(normal, sparse.T @ (weight * target)), np.float64)
        value = sparse @ fit
        target = np.clip(value, low, high)
        miss = np.abs(value - target) / (_AIM * slack)
        if miss.max() * _AIM <= 1.0:
            return fit
        if i == _N_HOPE and miss.max() > _HOPELESS:
            break
        weight = np.clip(weight * np.maximum(miss, 0.3), _LEAST_WEIGHT, 1e10)
    return None
