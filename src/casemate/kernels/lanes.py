"""The loops of the batch flight: W rounds side by side in lanes, one stage of the Runge-Kutta method after the other.

The state is one flat array, row q of lane l at `S[q * W + l]`, so that the compiler sees that no two rows overlap.
Loops with arithmetic alone are vectorised; a loop that looks up a table holds nothing else, since both in one stay
scalar. The acceleration is that of `kernels.motion`, written for lanes; the method is Butcher's of order 5 with six
stages (J. C. Butcher, On Runge-Kutta processes of high order, 1964), its accelerations kept and its positions made of
their sums.
"""

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.motion import (
    AIR_COLUMNS,
    CENTER_N,
    CENTER_U,
    COS_LAT,
    DRAG_CELLS,
    DRAG_COLUMNS,
    ELL1,
    ELL2,
    J2K,
    PER_E,
    PER_N,
    PULL,
    R0_2,
    S0,
    SIN_LAT,
    TILT,
    TURN_N,
    TURN_U,
    WIND_COLUMNS,
)

W: Final = 32
"""Lanes; 16 were a tenth slower, 64 and 128 no faster."""

# Rows of S; where a quantity is a vector, three rows: east, north, up.
E, N, U, VE, VN, VU = 0, 1, 2, 3, 4, 5  # position [m] and velocity [m/s] at the start of the step, then at its end
K = 6  # drag parameter [m2/kg]
TIME, HEIGHT, ABOVE, BELOW, FLAG = 7, 8, 9, 10, 11  # [s]; height over the site, next corners of the air [m]; look here
STEP = 12  # [s], three times
A, A1, A2, A3, A4, A5 = 15, 18, 21, 24, 27, 30  # accelerations [m/s2]: of this stage, of the stages before
PE, PN, PU, QE, QN, QU = 33, 34, 35, 36, 37, 38  # position and velocity of the stage, later velocity through the air
WE, WN = 39, 40  # wind [m/s]
CELL, RHO, SOUND, SPEED, SHAPE = 41, 42, 43, 44, 45  # table cell; density, later -rho v K / 2; 1 / speed of sound
N_ROWS: Final = 46

FIRST_STEP_S: Final = 0.1
MAX_STEP_S: Final = 2.0
MIN_STEP_S: Final = 1e-3

# The step [s] is 0.8 / (0.3 + 0.7 sqrt(j)), j the change of acceleration over the last step by its time [m/s3], and
# changes the speed by 15 m/s (0.045 Mach) at most: both found by flying seven families of 1,000 random shots, from
# mortars to 1,300 m/s, in three winds, against steps a twentieth as long; the worst impact was 6.6 mm off.
STEP_RULE_S: Final = 0.8
CALM_SHARE: Final = 0.3
SPEED_STEP_MPS: Final = 15.0

MASK: Final = 0xFFFF  # shows the compiler that a cell is not negative


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # contract: fused multiply-add
def arrange(S: NDArray[np.float64], stage: int) -> None:
    """Keep the acceleration of the stage before; fill position and velocity of stage 1 to 5 (0 is the start)."""
    if stage == 0:
        for i in range(6 * W):
            S[PE * W + i] = S[E * W + i]
    elif stage == 1:
        for i in range(3 * W):
            h, v, a = 0.25 * S[STEP * W + i], S[VE * W + i], S[A * W + i]
            S[PE * W + i] = S[E * W + i] + h * v
            S[QE * W + i] = v + h * a
            S[A1 * W + i] = a
    elif stage == 2:
        for i in range(3 * W):
            h, v, a, a1 = 0.125 * S[STEP * W + i], S[VE * W + i], S[A * W + i], S[A1 * W + i]
            S[PE * W + i] = S[E * W + i] + 2.0 * h * (v + h * a1)
            S[QE * W + i] = v + h * (a1 + a)
            S[A2 * W + i] = a
    elif stage == 3:
        for i in range(3 * W):
            h, v, a, a2 = 0.5 * S[STEP * W + i], S[VE * W + i], S[A * W + i], S[A2 * W + i]
            S[PE * W + i] = S[E * W + i] + h * (v + 0.5 * h * a2)
            S[QE * W + i] = v + h * (2.0 * a - a2)
            S[A3 * W + i] = a
    elif stage == 4:
        for i in range(3 * W):
            h, v, a = 0.75 * S[STEP * W + i], S[VE * W + i], S[A * W + i]
            S[PE * W + i] = S[E * W + i] + h * (v + h * (S[A3 * W + i] - 0.5 * S[A2 * W + i]))
            S[QE * W + i] = v + 0.25 * h * (S[A1 * W + i] + 3.0 * a)
            S[A4 * W + i] = a
    else:
        for i in range(3 * W):
            h, v, a = S[STEP * W + i], S[VE * W + i], S[A * W + i]
            a1, a2, a3, a4 = S[A1 * W + i], S[A2 * W + i], S[A3 * W + i], S[A4 * W + i]
            S[PE * W + i] = S[E * W + i] + h * (v + h * (1.0 / 14.0) * (7.0 * a1 + 15.0 * a2 - 24.0 * a3 + 9.0 * a4))
            S[QE * W + i] = v + h * (1.0 / 7.0) * (12.0 * (a3 - a4) + 8.0 * a + 2.0 * a2 - 3.0 * a1)
            S[A5 * W + i] = a


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def finish(S: NDArray[np.float64], scale: float) -> None:
    """End the step and choose the next one; `scale` 1 keeps impacts within 1 cm, less is finer."""
    for i in range(3 * W):
        h, v, a1, a3 = S[STEP * W + i], S[VE * W + i], S[A1 * W + i], S[A3 * W + i]
        a4, a5, a6 = S[A4 * W + i], S[A5 * W + i], S[A * W + i]
        S[E * W + i] += h * (v + h * (1.0 / 90.0) * (7.0 * a1 + 24.0 * a3 + 6.0 * a4 + 8.0 * a5))
        S[VE * W + i] = v + h * (1.0 / 90.0) * (7.0 * (a1 + a6) + 32.0 * (a3 + a5) + 12.0 * a4)
    for l in range(W):
        h, v = S[STEP * W + l], S[SPEED * W + l]
        S[TIME * W + l] += h
        x, y, z = S[A * W + l], S[(A + 1) * W + l], S[(A + 2) * W + l]
        along = abs(x * S[VE * W + l] + y * S[VN * W + l] + z * S[VU * W + l])
        x, y, z = x - S[A1 * W + l], y - S[(A1 + 1) * W + l], z - S[(A1 + 2) * W + l]
        root_jerk = math.sqrt(math.sqrt(x * x + y * y + z * z) / abs(h))
        by_jerk = (CALM_SHARE + (1.0 - CALM_SHARE) * root_jerk) * (1.0 / STEP_RULE_S) * v
        by_speed = along * (1.0 / SPEED_STEP_MPS)
        h = scale * v / ((by_jerk if by_jerk > by_speed else by_speed) + 1e-9)
        h = h if h < MAX_STEP_S else MAX_STEP_S
        h = h if h > MIN_STEP_S else MIN_STEP_S
        S[STEP * W + l], S[(STEP + 1) * W + l], S[(STEP + 2) * W + l] = h, h, h


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def weigh_flat(S: NDArray[np.float64], gravity: float, up0: float, per_m: float, top: float) -> None:
    """Start the stage's acceleration with a constant gravity; fill height and cell of the air, (height + up0) per_m."""
    for l in range(W):
        u = S[PU * W + l]
        S[A * W + l] = 0.0
        S[(A + 1) * W + l] = 0.0
        S[(A + 2) * W + l] = -gravity
        S[HEIGHT * W + l] = u
        x = (u + up0) * per_m
        x = x if x > 0.0 else 0.0  # written so that NaN reads cell 0
        S[CELL * W + l] = x if x < top else top


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def weigh_round(S: NDArray[np.float64], c: NDArray[np.float64], up0: float, per_m: float, top: float) -> None:
    """Start the stage's acceleration with `motion.fall_of` and Coriolis; fill height and cell of the air."""
    c_n, c_u, sin_lat, cos_lat = c[CENTER_N], c[CENTER_U], c[SIN_LAT], c[COS_LAT]
    per_r0_2, r0, tilt, s0 = 1.0 / c[R0_2], math.sqrt(c[R0_2]), c[TILT], c[S0]
    w_n, w_u = 2.0 * c[TURN_N], 2.0 * c[TURN_U]
    turn = 0.25 * (w_n * w_n + w_u * w_u)
    gm_r3, j2k, ell1, ell2 = c[PULL], c[J2K], c[ELL1], c[ELL2]
    for l in range(W):
        e, n, u = S[PE * W + l], S[PN * W + l], S[PU * W + l]
        ve, vn, vu = S[QE * W + l], S[QN * W + l], S[QU * W + l]
        x, y = n + c_n, u + c_u
        z = x * cos_lat + y * sin_lat
        q = (e * e + n * n + u * u + 2.0 * (n * c_n + u * c_u)) * per_r0_2
        near = 1.0 + q * (-1.0 + q * (1.0 + q * (-1.0 + q)))
        s = z * z * per_r0_2 * near
        ds = s - s0
        rise = r0 * q * (0.5 + q * (-0.125 + q * (0.0625 - 0.0390625 * q)))
        height = tilt * (rise - ds * (ell1 + ds * ell2))
        pull = gm_r3 * (1.0 + q * (-1.5 + q * (1.875 + q * (-2.1875 + q * (2.4609375 - 2.70703125 * q)))))
        k = j2k * near
        a = turn - pull * (1.0 + k * (1.0 - 5.0 * s))
        b = -z * (turn + 2.0 * k * pull)
        S[A * W + l] = a * e - w_n * vu + w_u * vn
        S[(A + 1) * W + l] = a * x + b * cos_lat - w_u * ve
        S[(A + 2) * W + l] = a * y + b * sin_lat + w_n * ve
        S[HEIGHT * W + l] = height
        x = (height + up0) * per_m
        x = x if x > 0.0 else 0.0
        S[CELL * W + l] = x if x < top else top


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def breathe(S: NDArray[np.float64], air: NDArray[np.float64]) -> None:
    """Look up density and 1 / speed of sound."""
    for l in range(W):
        x = S[CELL * W + l]
        j = int(x)
        w = x - j
        i = AIR_COLUMNS * (j & MASK)
        S[RHO * W + l] = air[i] + w * (air[i + 1] + w * air[i + 2])
        S[SOUND * W + l] = air[i + 3] + w * air[i + 4]


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def feel_wind(S: NDArray[np.float64], wind: NDArray[np.float64]) -> None:
    """Look up the wind."""
    for l in range(W):
        x = S[CELL * W + l]
        j = int(x)
        w = x - j
        i = WIND_COLUMNS * (j & MASK)
        S[WE * W + l] = wind[i] + w * wind[i + 1]
        S[WN * W + l] = wind[i + 2] + w * wind[i + 3]


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def lean(S: NDArray[np.float64], c: NDArray[np.float64]) -> None:
    """Turn the velocity into that through the air, as `motion.flow_of` does."""
    per_e, per_n, sin_lat, cos_lat = c[PER_E], c[PER_N], c[SIN_LAT], c[COS_LAT]
    for l in range(W):
        m = (sin_lat * S[PN * W + l] - cos_lat * S[PU * W + l]) * per_e
        lon, lat = S[PE * W + l] * per_e * (1.0 + m * (1.0 + m)), S[PN * W + l] * per_n
        half = 0.5 * lon * lon
        wind_e, wind_n = S[WE * W + l], S[WN * W + l]
        S[QE * W + l] += (sin_lat + cos_lat * lat) * lon * wind_n - wind_e * (1.0 - half)
        S[QN * W + l] -= sin_lat * lon * wind_e + wind_n * (1.0 - sin_lat * sin_lat * half - 0.5 * lat * lat)
        S[QU * W + l] += cos_lat * lon * wind_e + (lat - 2.0 * sin_lat * cos_lat * half) * wind_n


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def pace(S: NDArray[np.float64], top: float) -> None:
    """Fill speed through the air, cell of the drag table, and -rho v K / 2."""
    for l in range(W):
        x, y, z = S[QE * W + l], S[QN * W + l], S[QU * W + l]
        v = math.sqrt(x * x + y * y + z * z)
        S[SPEED * W + l] = v
        x = v * S[SOUND * W + l] * DRAG_CELLS
        x = x if x > 0.0 else 0.0
        S[CELL * W + l] = x if x < top else top
        S[RHO * W + l] *= -0.5 * v * S[K * W + l]


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def shape(S: NDArray[np.float64], drag: NDArray[np.float64]) -> None:
    """Look up the drag shape."""
    for l in range(W):
        x = S[CELL * W + l]
        j = int(x)
        w = x - j
        i = DRAG_COLUMNS * (j & MASK)
        S[SHAPE * W + l] = drag[i] + w * (drag[i + 1] + w * (drag[i + 2] + w * drag[i + 3]))


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def brake(S: NDArray[np.float64]) -> None:
    """Add the drag to the stage's acceleration."""
    for l in range(W):
        k = S[RHO * W + l] * S[SHAPE * W + l]
        S[A * W + l] += k * S[QE * W + l]
        S[(A + 1) * W + l] += k * S[QN * W + l]
        S[(A + 2) * W + l] += k * S[QU * W + l]


@njit(cache=True, error_model="numpy", fastmath={"contract"})  # as above
def look_ahead(S: NDArray[np.float64], per_radius: float, max_time_s: float, height_top: float, drag_top: float) -> int:
    """Flag and count the lanes whose next step would pass a corner or the ground, or which are not a number.

    So are those whose time is up, or which are above the air table or faster than the drag table.
    """
    n_flagged = 0
    for l in range(W):
        e, n, ve, vn, h = S[E * W + l], S[N * W + l], S[VE * W + l], S[VN * W + l], S[STEP * W + l]
        climb = S[VU * W + l] + (e * ve + n * vn) * per_radius
        pull = S[(A + 2) * W + l] + (ve * ve + vn * vn) * per_radius
        end = S[HEIGHT * W + l] + h * (climb + 0.5 * h * pull)
        is_free = (end < S[ABOVE * W + l]) & (end > S[BELOW * W + l])
        is_free = is_free & (S[TIME * W + l] < max_time_s)
        is_free = is_free & (S[HEIGHT * W + l] <= height_top) & (S[CELL * W + l] < drag_top)
        S[FLAG * W + l] = 0.0 if is_free else 1.0
        n_flagged += 0 if is_free else 1
    return n_flagged
