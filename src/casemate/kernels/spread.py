"""The loops that carry derivatives down with the batch flight of `kernels.lanes`.

Beside each lane's state go its derivatives by nine starting values: e n u [m], ve vn vu [m/s], ln of the drag
parameter, and a wind added to all heights, toward east and toward north [m/s]. They obey the variational equations of
the motion; one Runge-Kutta step of order 4 takes them along each step of the state, with the Jacobian at its start,
middle and end. Gravity's part of the Jacobian is that of a sphere, the plumb line that of the start of the step, and
the added wind has the axes of the site: all within 5e-3 of an impact's derivatives.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.lanes import (
    CELL,
    MASK,
    QE,
    QN,
    QU,
    RHO,
    SHAPE,
    SOUND,
    SPEED,
    STEP,
    E,
    N,
    W,
)
from casemate.kernels.motion import AIR_COLUMNS, DRAG_CELLS, DRAG_COLUMNS, WIND_COLUMNS

Vector = tuple[float, float, float]
Pair = tuple[float, float]

N_BY: Final = 9
N_DERIVATIVES: Final = 6 * N_BY
"""Rows of X: row 6 j + i is the derivative of state element i by starting value j."""

# Rows of J. At each of three nodes: the drag itself (its derivative by ln K), the derivative of the acceleration by
# height, and by the velocity through the air (a symmetric matrix: ee, en, eu, nn, nu, uu).
DRAG, BY_H, BY_V, NODE = 0, 3, 6, 12
LEAN_E, LEAN_N = 36, 37  # derivative of the height by east and by north
THIN, SOFT, SHEAR_E, SHEAR_N, STEEP = 38, 39, 40, 41, 42  # slopes of density, 1 / speed of sound, wind, drag shape
N_JACOBIAN: Final = 43

AIR_INSIDE: Final = 0.05
WIND_INSIDE: Final = 1.0
"""How far inside a step [cells] its slopes are: corners of the standard air are edges of cells, wind's are not."""


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # contract: as in kernels.lanes
def slope_of_air(
    S: NDArray[np.float64], J: NDArray[np.float64], air: NDArray[np.float64], wind: NDArray[np.float64], per_m: float,
    ahead: float,
) -> None:  # fmt: skip
    """Look up by how much density, 1 / speed of sound and wind change with height; where the cell is that of the air.

    A step that ends at a corner ends a little before or behind it. So the slopes are those a little further inside the
    step: `ahead` is 1 at its start, 0 in its middle, -1 at its end.
    """
    top = air.shape[0] / AIR_COLUMNS - 1.0
    for l in range(W):
        up = ahead if S[QU * W + l] > 0.0 else -ahead
        x = S[CELL * W + l] + AIR_INSIDE * up
        x = x if x > 0.0 else 0.0
        x = x if x < top else top
        j = int(x)
        w = x - j
        i = AIR_COLUMNS * (j & MASK)
        J[THIN * W + l] = (air[i + 1] + 2.0 * w * air[i + 2]) * per_m
        J[SOFT * W + l] = air[i + 4] * per_m
        J[THIN * W + l] /= air[i] + w * (air[i + 1] + w * air[i + 2])
        x = S[CELL * W + l] + WIND_INSIDE * up
        x = x if x > 0.0 else 0.0
        x = x if x < top else top
        k = WIND_COLUMNS * (int(x) & MASK)
        J[SHEAR_E * W + l] = wind[k + 1] * per_m
        J[SHEAR_N * W + l] = wind[k + 3] * per_m


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def slope_of_drag(S: NDArray[np.float64], J: NDArray[np.float64], drag: NDArray[np.float64]) -> None:
    """Look up by how much the drag shape changes with the Mach number; where the cell is that of the drag."""
    for l in range(W):
        x = S[CELL * W + l]
        j = int(x)
        w = x - j
        i = DRAG_COLUMNS * (j & MASK)
        J[STEEP * W + l] = (drag[i + 1] + w * (2.0 * drag[i + 2] + 3.0 * w * drag[i + 3])) * DRAG_CELLS


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def fill_jacobian(S: NDArray[np.float64], J: NDArray[np.float64], node: int, per_radius: float) -> None:
    """Fill the rows of node 0, 1 or 2 after the stage's drag is known.

    With k = rho v K f / 2 and w the velocity through the air: a = -k w, so da/dw = -k (1 + (1 + M f'/f) w w'/w^2) and
    da/dh = -w dk/dh + k ds, s the wind.
    """
    if node == 0:
        for l in range(W):
            J[LEAN_E * W + l] = S[E * W + l] * per_radius
            J[LEAN_N * W + l] = S[N * W + l] * per_radius
        _fill(S, J, J[: NODE * W])
    elif node == 1:
        _fill(S, J, J[NODE * W : 2 * NODE * W])
    else:
        _fill(S, J, J[2 * NODE * W : 3 * NODE * W])


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def _fill(S: NDArray[np.float64], J: NDArray[np.float64], node: NDArray[np.float64]) -> None:
    for l in range(W):
        x, y, z, v = S[QE * W + l], S[QN * W + l], S[QU * W + l], S[SPEED * W + l] + 1e-9
        k = -S[RHO * W + l] * S[SHAPE * W + l]
        steep = J[STEEP * W + l] / S[SHAPE * W + l]
        by_speed = k * (1.0 / v + steep * S[SOUND * W + l])
        shear_e, shear_n = J[SHEAR_E * W + l], J[SHEAR_N * W + l]
        by_h = k * (J[THIN * W + l] + steep * v * J[SOFT * W + l]) - by_speed * (x * shear_e + y * shear_n) / v
        along = by_speed / v
        node[DRAG * W + l], node[(DRAG + 1) * W + l], node[(DRAG + 2) * W + l] = -k * x, -k * y, -k * z
        node[BY_H * W + l] = k * shear_e - by_h * x
        node[(BY_H + 1) * W + l] = k * shear_n - by_h * y
        node[(BY_H + 2) * W + l] = -by_h * z
        node[BY_V * W + l] = -k - along * x * x
        node[(BY_V + 1) * W + l] = -along * x * y
        node[(BY_V + 2) * W + l] = -along * x * z
        node[(BY_V + 3) * W + l] = -k - along * y * y
        node[(BY_V + 4) * W + l] = -along * y * z
        node[(BY_V + 5) * W + l] = -k - along * z * z


@njit(cache=True, error_model="numpy", inline="always")  # a call would keep the loop of `carry` scalar
def _change(
    lean: NDArray[np.float64], node: NDArray[np.float64], l: int, p: Vector, v: Vector, by: Vector, turn: Pair,
    stiff: float,
) -> Vector:  # fmt: skip
    # Time derivative of the velocity's derivative, at a node of lane l; `by` is 1 for ln K, wind e, wind n.
    lean_e, lean_n = lean[l], lean[W + l]
    fall = p[2] + lean_e * p[0] + lean_n * p[1]
    w0, w1, w2 = v[0] - by[1], v[1] - by[2], v[2]
    ee, en, eu = node[BY_V * W + l], node[(BY_V + 1) * W + l], node[(BY_V + 2) * W + l]
    nn, nu, uu = node[(BY_V + 3) * W + l], node[(BY_V + 4) * W + l], node[(BY_V + 5) * W + l]
    a0 = ee * w0 + en * w1 + eu * w2 + node[BY_H * W + l] * fall + node[DRAG * W + l] * by[0]
    a1 = en * w0 + nn * w1 + nu * w2 + node[(BY_H + 1) * W + l] * fall + node[(DRAG + 1) * W + l] * by[0]
    a2 = eu * w0 + nu * w1 + uu * w2 + node[(BY_H + 2) * W + l] * fall + node[(DRAG + 2) * W + l] * by[0]
    return (
        a0 + 2.0 * (turn[1] * v[1] - turn[0] * v[2]) + stiff * (lean_e * (3.0 * fall) - p[0]),
        a1 - 2.0 * turn[1] * v[0] + stiff * (lean_n * (3.0 * fall) - p[1]),
        a2 + 2.0 * turn[0] * v[0] + stiff * (3.0 * fall - p[2]),
    )


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def carry(
    S: NDArray[np.float64], J: NDArray[np.float64], X: NDArray[np.float64], stiff: float, turn_n: float, turn_u: float
) -> None:
    """Take all derivatives along the step; `stiff` is gravity over the Earth's radius [1/s2], turns are the Earth's."""
    turn, lean = (turn_n, turn_u), J[LEAN_E * W :]
    first, middle, last = J[: NODE * W], J[NODE * W : 2 * NODE * W], J[2 * NODE * W : 3 * NODE * W]
    for j in range(N_BY):
        by = (1.0 if j == 6 else 0.0, 1.0 if j == 7 else 0.0, 1.0 if j == 8 else 0.0)
        x = X[6 * j * W : 6 * (j + 1) * W]  # rows that the compiler sees as such: a row number might be negative
        for l in range(W):
            h = S[STEP * W + l]
            r = 0.5 * h
            p = (x[l], x[W + l], x[2 * W + l])
            v = (x[3 * W + l], x[4 * W + l], x[5 * W + l])
            a = _change(lean, first, l, p, v, by, turn, stiff)
            u = (v[0] + r * a[0], v[1] + r * a[1], v[2] + r * a[2])
            q = (p[0] + r * v[0], p[1] + r * v[1], p[2] + r * v[2])
            b = _change(lean, middle, l, q, u, by, turn, stiff)
            t = (v[0] + r * b[0], v[1] + r * b[1], v[2] + r * b[2])
            q = (p[0] + r * u[0], p[1] + r * u[1], p[2] + r * u[2])
            c = _change(lean, middle, l, q, t, by, turn, stiff)
            z = (v[0] + h * c[0], v[1] + h * c[1], v[2] + h * c[2])
            q = (p[0] + h * t[0], p[1] + h * t[1], p[2] + h * t[2])
            d = _change(lean, last, l, q, z, by, turn, stiff)
            r = h * (1.0 / 6.0)
            x[l] = p[0] + r * (v[0] + 2.0 * (u[0] + t[0]) + z[0])
            x[W + l] = p[1] + r * (v[1] + 2.0 * (u[1] + t[1]) + z[1])
            x[2 * W + l] = p[2] + r * (v[2] + 2.0 * (u[2] + t[2]) + z[2])
            x[3 * W + l] = v[0] + r * (a[0] + 2.0 * (b[0] + c[0]) + d[0])
            x[4 * W + l] = v[1] + r * (a[1] + 2.0 * (b[1] + c[1]) + d[1])
            x[5 * W + l] = v[2] + r * (a[2] + 2.0 * (b[2] + c[2]) + d[2])


@njit(cache=True, error_model="numpy")
def board(X: NDArray[np.float64], l: int) -> None:
    """Start lane l: each element of the state depends on itself alone, on ln K and the wind not at all."""
    for q in range(N_DERIVATIVES):
        X[q * W + l] = 1.0 if q < 36 and q % 7 == 0 else 0.0


@njit(cache=True, error_model="numpy")
def leave(J: NDArray[np.float64], X: NDArray[np.float64], l: int, dt_s: float) -> None:
    """Take the derivatives of lane l along the parabola that ends its flight, with the drag of the last node."""
    o = 2 * NODE
    for j in range(N_BY):
        x0 = 6 * j * W + l
        fall = X[x0 + 2 * W] + J[LEAN_E * W + l] * X[x0] + J[LEAN_N * W + l] * X[x0 + W]
        w0 = X[x0 + 3 * W] - (1.0 if j == 7 else 0.0)
        w1 = X[x0 + 4 * W] - (1.0 if j == 8 else 0.0)
        w2 = X[x0 + 5 * W]
        for i in range(3):
            row = BY_V if i == 0 else (BY_V + 1 if i == 1 else BY_V + 2)
            second = BY_V + 1 if i == 0 else (BY_V + 3 if i == 1 else BY_V + 4)
            third = BY_V + 2 if i == 0 else (BY_V + 4 if i == 1 else BY_V + 5)
            slope = J[(o + row) * W + l] * w0 + J[(o + second) * W + l] * w1 + J[(o + third) * W + l] * w2
            slope += J[(o + BY_H + i) * W + l] * fall
            if j == 6:
                slope += J[(o + DRAG + i) * W + l]
            X[x0 + i * W] += dt_s * (X[x0 + (3 + i) * W] + 0.5 * dt_s * slope)
            X[x0 + (3 + i) * W] += dt_s * slope
