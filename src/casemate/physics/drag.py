"""Drag by Mach number: the shapes that tables declare, and the curves that the flights read."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.model.catalog import RoundClass

__all__ = ["CD_DM", "drag_shape_of", "drag_table", "interpolate_drag"]

Array = NDArray[np.float64]

CD_DM: Final = 0.0125
_CD_TOP: Final = 5.0
_DRAG_DM: Final = 0.005
_DRAG_TOP: Final = 5.0

# Shape of the rise of a subsonic-to-supersonic round [A]: flat to Mach 0.8, +12 % at 0.9,
# 2.1 times at the peak between 1.0 and 1.1 (between rockets 1.75-1.9 and shells 2.0-2.5), then Mach^-0.5.
_RISE_MACH: Final = (0.0, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1)
_RISE_SHARE: Final = (0.0, 0.0, 0.11, 0.45, 0.85, 1.0, 0.99)
_GENERIC_PEAK: Final = 2.1


def drag_shape_of(name: str, rounds: Sequence[RoundClass] = ()) -> tuple[Array, Array]:
    """Return a drag shape (mach (n,), shape (n,)), 1 where subsonic, for the drag parameter to scale.

    Parameters
    ----------
    name : str
        "generic" (the documented rise shared by all classes), "constant" (1 at every Mach number), or the name of a
        round class, whose curve is divided by its lowest subsonic value.
    rounds : sequence of RoundClass
        The catalog in which a class is looked up.

    Raises
    ------
    ValueError
        No class of that name; the message lists the names.
    """
    mach = np.arange(0.0, _DRAG_TOP + 0.5 * _DRAG_DM, _DRAG_DM)
    if name == "constant":
        return mach, np.ones_like(mach)
    if name == "generic":
        return mach, _rise(mach, _GENERIC_PEAK)
    for body in rounds:
        if body.name == name:
            return mach, interpolate_drag(np.array(body.mach), np.array(body.cd), mach) / body.cd[0]
    known = ", ".join(["generic", "constant", *(body.name for body in rounds)])
    message = f"no drag curve {name!r}; there are {known}"
    raise ValueError(message)


def _rise(mach: Array, peak: float) -> Array:
    # Monotone cubic through the documented points (continuous slope), then the root law from Mach 1.1 on.
    share = _pchip(np.array(_RISE_MACH), np.array(_RISE_SHARE), np.minimum(mach, _RISE_MACH[-1]))
    shape = 1.0 + (peak - 1.0) * share
    tail = mach > _RISE_MACH[-1]
    shape[tail] *= np.sqrt(_RISE_MACH[-1] / mach[tail])
    return shape


def _pchip(x: Array, y: Array, at: Array) -> Array:
    # Monotone cubic of Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5, 1984), as in scipy's PchipInterpolator, whose
    # import costs 0.2 s: harmonic means of the neighbouring slopes, three-point slopes at the ends.
    h = np.diff(x)
    rise = np.diff(y) / h
    slope = np.zeros_like(y)
    before, after = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    same = rise[1:] * rise[:-1] > 0.0
    slope[1:-1][same] = (before + after)[same] / (before[same] / rise[:-1][same] + after[same] / rise[1:][same])
    slope[0], slope[-1] = _end_slope(h, rise), _end_slope(h[::-1], rise[::-1])
    j = np.clip(np.searchsorted(x, at, side="right") - 1, 0, h.size - 1)
    w, d = (at - x[j]) / h[j], h[j]
    p, q, lift = slope[j] * d, slope[j + 1] * d, rise[j] * d
    return y[j] + w * (p + w * (3.0 * lift - 2.0 * p - q + w * (p + q - 2.0 * lift)))


def _end_slope(h: Array, rise: Array) -> float:
    # One-sided three-point slope, held monotone.
    if h.size < 2:
        return float(rise[0])
    d = ((2.0 * h[0] + h[1]) * rise[0] - h[0] * rise[1]) / (h[0] + h[1])
    if d * rise[0] <= 0.0:
        return 0.0
    return float(3.0 * rise[0] if rise[0] * rise[1] <= 0.0 and abs(d) > abs(3.0 * rise[0]) else d)


def interpolate_drag(mach: Array, cd: Array, at: Array) -> Array:
    """Return the drag coefficient at Mach numbers (n,): monotone cubic through the points, constant beyond them."""
    return _pchip(mach, cd, np.clip(at, mach[0], mach[-1]))


def drag_table(mach: Array, cd: Array) -> Array:
    """Compile a drag curve: rows (m, 2) of coefficient and slope per row, every CD_DM from Mach 0 to 5.

    Monotone cubic between the given points and constant beyond them; the compiled curve is the model.
    """
    at = np.arange(0.0, _CD_TOP + 0.5 * CD_DM, CD_DM)
    values = interpolate_drag(mach, cd, at)
    return np.ascontiguousarray(np.column_stack((values, np.gradient(values))))
