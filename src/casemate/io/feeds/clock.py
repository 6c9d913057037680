"""Clocks of a live station: its own, which no jump moves, and how each sensor's stands to it.

A time that is an hour off is refused. A sensor's clock that goes on to be an hour off (or the station's that was, when
it started) is found out after `N_AGREE` datagrams that agree, carried over by the difference, and flagged.
"""

import time
from collections import deque
from typing import Final

import numpy as np

from casemate.constants import NS_PER_S

EARLY_NS: Final = NS_PER_S // 2
"""A sensor's clock may be so much ahead of ours and be believed; the tracker takes up to a second."""
LATE_NS: Final = 2 * NS_PER_S
"""So much older than its receipt may a plot be: rotating radars [A] send 50 to 400 ms late, networks of them 2 s."""
N_AGREE: Final = 3
"""Datagrams in a row that must tell the same offset before it is believed: damaged ones do not agree."""
_QUEUED_NS: Final = 60 * NS_PER_S  # longest that a datagram is believed to have waited to be read
_AGREE_NS: Final = NS_PER_S
_WINDOW_NS: Final = 10 * NS_PER_S
_MAX_WINDOWS: Final = 360  # an hour
_MIN_WINDOWS: Final = 6
DRIFT_PPM: Final = 10.0
"""Drift that is flagged once three sigma show it: 36 ms an hour; ordinary quartz is 20 to 100 [A]."""
OFFSET_S: Final = 0.5
"""Offset that is flagged, wire behind receipt: above the slowest usual radar's 0.4 s [A]."""
AHEAD_S: Final = 0.05
"""The same, wire before receipt, which only a wrong clock can be."""


class StationClock:
    """UTC by the system's clock as it stood at the start, carried on by the monotonic one."""

    def __init__(self) -> None:
        # the greatest of a few: what comes between the two readings only takes away, and would stay for good
        self._from_monotonic_ns = max(time.time_ns() - time.monotonic_ns() for _ in range(5))

    def now_ns(self) -> int:
        """Return the time [ns] UTC since 1970."""
        return time.monotonic_ns() + self._from_monotonic_ns

    def of_stamp_ns(self, stamp_ns: int) -> int:
        """Return the time of something that the system stamped with its own clock a moment ago."""
        age_ns = time.time_ns() - stamp_ns
        return self.now_ns() - (age_ns if 0 <= age_ns < _QUEUED_NS else 0)  # else that clock jumped in between

    def jump_s(self) -> float:
        """Return how far the system's clock has gone away since the start [s]."""
        return (time.time_ns() - self.now_ns()) / NS_PER_S


class PlayedClock:
    """The time of a recording, as far as it was played; before that 0."""

    def __init__(self) -> None:
        self._t_ns = 0

    def now_ns(self) -> int:
        """Return the time [ns] UTC since 1970."""
        return self._t_ns

    def play_to(self, t_ns: int) -> None:
        """Say how far the recording was played."""
        self._t_ns = max(t_ns, self._t_ns)


class Drift:
    """Offset and slope of one clock beside another, by the least delay of each ten seconds, for an hour back.

    The least delay is what the wire alone takes: queues and scheduling only ever add to it.
    """

    def __init__(self) -> None:
        self._windows: deque[tuple[int, int]] = deque(maxlen=_MAX_WINDOWS)  # when, least offset
        self._window, self._least = 0, (0, 0)

    def add(self, t_ns: int, offset_ns: int) -> None:
        """Take what was received at `t_ns` with a time of `offset_ns` before that."""
        window = t_ns // _WINDOW_NS
        if window != self._window:
            if self._window:
                self._windows.append(self._least)
            self._window, self._least = window, (t_ns, offset_ns)
        elif offset_ns < self._least[1]:
            self._least = (t_ns, offset_ns)

    @property
    def offset_s(self) -> float:
        """The offset lately [s], receipt less wire; NaN before anything came."""
        if not self._window:
            return float("nan")
        latest = [offset for _, offset in list(self._windows)[-2:]] + [self._least[1]]
        return min(latest) / NS_PER_S

    def drift_ppm(self) -> tuple[float, float]:
        """Return by how much the sensor's clock loses [ppm] and its sigma; NaN before a minute."""
        if len(self._windows) < _MIN_WINDOWS:
            return float("nan"), float("nan")
        t_s, offset_s = (np.array(self._windows, np.float64) - np.array(self._windows[0])).T / NS_PER_S
        t_s = t_s - t_s.mean()
        slope = float(t_s @ offset_s / (t_s @ t_s))
        rest = offset_s - offset_s.mean() - slope * t_s
        sigma = float(np.sqrt(rest @ rest / (len(t_s) - 2) / (t_s @ t_s)))
        return 1e6 * slope, 1e6 * sigma


class WireClock:
    """How one sensor's clock stands to the station's, and what is added to its times.

    Attributes
    ----------
    shift_ns : int
        Added to every time of the sensor: 0 unless its clock is more than `LATE_NS` behind or `EARLY_NS` ahead.
    n_jumps : int
        How often the shift was changed.
    """

    def __init__(self) -> None:
        self.shift_ns, self.n_jumps = 0, 0
        self.drift = Drift()
        self._odd: list[int] = []

    def take(self, t_wire_ns: int, t_recv_ns: int) -> bool:
        """Take the newest time of a datagram and when it came; false: it is off by too much to be used."""
        offset_ns = t_recv_ns - t_wire_ns
        if -EARLY_NS <= offset_ns - self.shift_ns <= LATE_NS:
            self._odd.clear()
            self.drift.add(t_recv_ns, offset_ns)
            return True
        if self._odd and abs(offset_ns - self._odd[-1]) > _AGREE_NS:
            self._odd.clear()
        self._odd.append(offset_ns)
        if len(self._odd) < N_AGREE:
            return False
        offset_ns = min(self._odd)
        self.shift_ns = 0 if -EARLY_NS <= offset_ns <= LATE_NS else offset_ns
        self.n_jumps += 1
        self.drift = Drift()
        self.drift.add(t_recv_ns, offset_ns)
        self._odd.clear()
        return True

    @property
    def is_off(self) -> bool:
        """Whether the clock is so wrong, or goes so wrong, that somebody should see to it."""
        slope, sigma = self.drift.drift_ppm()
        drifts = abs(slope) > DRIFT_PPM + 3.0 * sigma
        offset_s = self.drift.offset_s  # NaN, of which nothing is said, before anything came
        return self.shift_ns != 0 or offset_s < -AHEAD_S or offset_s > OFFSET_S or drifts
