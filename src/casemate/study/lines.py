"""Figures over nights, each with its 95 % interval and its denominator."""

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType] no stub

from casemate.sim.result import Rate

Floats = NDArray[np.float64]

_RESAMPLES: Final = 4000
_FEW: Final = 10


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One figure: of what case, what, its 95 % interval, of how many nights, and what it counts."""

    case: str
    what: str
    value: float
    low: float
    high: float
    n: int
    per: str


def mean_line(case: str, what: str, values: Sequence[float] | Floats, per: str) -> Line:
    """Return the mean over nights and its 95 % interval: Student's below 10 nights, else of 4000 resamples."""
    each = np.asarray(values, np.float64)
    if not each.size:
        return Line(case=case, what=what, value=math.nan, low=math.nan, high=math.nan, n=0, per=per)
    low, high = _interval(each, np.ones(each.size)) if each.size >= _FEW else _student(each)
    return Line(case=case, what=what, value=float(each.mean()), low=low, high=high, n=each.size, per=per)


def ratio_line(case: str, what: str, part: Sequence[int], whole: Sequence[int], per: str) -> Line:
    """Return a share of what nights hold together, the wider interval of resampled nights and of Wilson."""
    k, n = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    if not n.sum():
        return Line(case=case, what=what, value=math.nan, low=0.0, high=1.0, n=0, per=per)
    rate = Rate.of(int(k.sum()), int(n.sum()))  # what few nights never saw, their resamples cannot tell
    low, high = _interval(k, n)
    low, high = min(low, rate.low), max(high, rate.high)
    return Line(case=case, what=what, value=float(k.sum() / n.sum()), low=low, high=high, n=int(n.sum()), per=per)


def rate_line(case: str, what: str, is_so: Sequence[bool]) -> Line:
    """Return the share of nights of which something holds (Wilson)."""
    rate = Rate.of(sum(is_so), len(is_so))
    value = rate.k / rate.n if rate.n else math.nan
    return Line(case=case, what=what, value=value, low=rate.low, high=rate.high, n=rate.n, per="nights")


def t95(n: int) -> float:
    """Return Student's factor of a 95 % interval of the mean of n values."""
    return float(stdtrit(n - 1, 0.975))  # pyright: ignore[reportUnknownArgumentType]


def _interval(part: Floats, whole: Floats) -> tuple[float, float]:
    rows = np.random.default_rng(0).integers(0, part.size, (_RESAMPLES, part.size))
    total = whole[rows].sum(axis=1)
    low, high = np.percentile(part[rows].sum(axis=1)[total > 0.0] / total[total > 0.0], [2.5, 97.5]).tolist()
    return low, high


def _student(each: Floats) -> tuple[float, float]:
    if each.size < 2:
        return -math.inf, math.inf
    half = t95(each.size) * float(each.std(ddof=1)) / math.sqrt(each.size)
    return float(each.mean()) - half, float(each.mean()) + half
