"""Times of day into absolute time: what ASTERIX tells is how long ago midnight was, and never of which day."""

from collections import deque
from typing import Final

TICK_NS: Final = 7_812_500
"""1/128 s, the unit of times of day (I048/140, I034/030, I015/145, I062/070)."""
DAY_NS: Final = 86_400_000_000_000
TICKS_A_DAY: Final = DAY_NS // TICK_NS
_HALF_NS: Final = DAY_NS // 2
_N_REMEMBERED: Final = 5


class DayClock:
    """Puts times of day on the day that brings them nearest to when they came.

    With the time of receipt nothing is remembered: midnight, a late start and a jump of either clock by less than
    twelve hours leave the day right, and the error of the sensor's clock as it is. Without it (raw recordings) times
    are put nearest to the median of the five before, from 1970-01-01 on: a jump is followed at once, and up to two
    damaged times in five leave the day alone.
    """

    def __init__(self) -> None:
        self._recent: deque[int] = deque(maxlen=_N_REMEMBERED)

    def absolute_ns(self, tod_ns: int, t_recv_ns: int | None) -> int:
        """Return the time [ns] UTC since 1970 whose time of day is `tod_ns` [ns since midnight]."""
        if t_recv_ns is not None:
            return _nearest_ns(tod_ns, t_recv_ns)
        t_ns = tod_ns if not self._recent else _nearest_ns(tod_ns, sorted(self._recent)[len(self._recent) // 2])
        self._recent.append(t_ns)
        return t_ns


def _nearest_ns(tod_ns: int, near_ns: int) -> int:
    t_ns = near_ns - near_ns % DAY_NS + tod_ns
    if t_ns - near_ns > _HALF_NS:
        return t_ns - DAY_NS
    return t_ns + DAY_NS if near_ns - t_ns > _HALF_NS else t_ns
