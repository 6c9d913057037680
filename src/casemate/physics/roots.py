"""Roots: one unknown of a rising function, two unknowns of a smooth pair. Functions may say that they have no value."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

_N_ROOT: Final = 60
_N_NEWTON: Final = 15
_N_HALVE: Final = 8


def rising_root(
    f: Callable[[float], float], start: float, step: float, low: float, high: float, close: float
) -> float | None:
    """Find where a rising function is within `close` of 0, starting from a guess; None where it is not in [low, high].

    The guess is widened by doubling steps until the sign turns, then false position (Illinois rule) closes in; infinite
    values (no value: too far) are met by halving.
    """
    x, fx = start, f(start)
    sense = -1.0 if fx > 0.0 else 1.0
    while True:
        if abs(fx) < close:
            return x
        y = min(max(x + sense * step, low), high)
        if y == x:
            return None
        fy = f(y)
        if fx * fy <= 0.0:
            break
        x, fx, step = y, fy, 2.0 * step
    for _ in range(_N_ROOT):
        z = (x * fy - y * fx) / (fy - fx) if math.isfinite(fx) and math.isfinite(fy) else 0.5 * (x + y)
        fz = f(z)
        if abs(fz) < close or abs(x - y) < 1e-9 * abs(x):
            return z
        if fz * fy < 0.0:
            x, fx = y, fy
        else:
            fx *= 0.5
        y, fy = z, fz
    return None


def newton_pair(
    f: Callable[[float, float], NDArray[np.float64] | None],
    start: tuple[float, float],
    probe: tuple[float, float],
    limit: tuple[float, float],
    close: float,
) -> tuple[float, float] | None:
    """Find where both values of f(x, y) are within `close` of 0, by Newton's method; None where it does not settle.

    Slopes by differences over `probe`; no step is longer than `limit`, and it is halved while it does not help.
    """
    (x, y), (px, py) = start, probe
    here = f(x, y)
    for _ in range(_N_NEWTON):
        if here is None:
            return None
        if float(np.abs(here).max()) < close:
            return x, y
        by_x, by_y = f(x + px, y), f(x, y + py)
        if by_x is None or by_y is None:
            return None
        slopes = np.column_stack(((by_x - here) / px, (by_y - here) / py))
        if not np.all(np.isfinite(slopes)):
            return None
        dx, dy = np.linalg.lstsq(slopes, -here, rcond=None)[0]
        share = min(1.0, limit[0] / max(abs(dx), 1e-12), limit[1] / max(abs(dy), 1e-12))
        ahead = here
        for _ in range(_N_HALVE):
            ahead = f(x + share * dx, y + share * dy)
            if ahead is not None and np.linalg.norm(ahead) < np.linalg.norm(here):
                break
            share *= 0.5
        x, y, here = x + share * dx, y + share * dy, ahead
    return None
