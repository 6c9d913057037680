"""A turning antenna, live: from plots and marks as they come to what it swept, told at once.

A sector crossing or north mark closes the sweep up to it. Where a radar sends none, or too seldom for the plots that
wait, a sweep is closed behind the newest plot: nothing waits longer than `HOLD_NS`. Angles are unwrapped: they grow by
2 pi a turn.
"""

import math
from collections import deque
from typing import Final, NamedTuple

import numpy as np

from casemate.constants import NS_PER_S
from casemate.io.feeds.looks import Detection, Look, Moment
from casemate.io.sweep import EMPTY_TURNS, SECTORS_PER_TURN
from casemate.model.messages import Scan
from casemate.model.records import PLOT, freeze

HOLD_NS: Final = NS_PER_S // 25
"""Longest that a plot waits for a mark, 40 ms: less than the 50 ms that reading may add."""
MAX_HELD: Final = 16_384
"""Plots that one sensor may have waiting."""
_TURN: Final = 2.0 * math.pi
_SECTOR: Final = _TURN / SECTORS_PER_TURN
_FAR: Final = math.radians(60.0)  # from where the antenna should be: it is not the rotation that was followed
_MISFIT: Final = math.radians(20.0)  # as `sweep`: the beam that saw a plot is nearer
_MISFIT_SHARE: Final = 0.25
_GAIN: Final = 0.2  # of a plot's azimuth on the phase, where no mark tells it
_LEAST: Final = 1e-3  # a sweep narrower than this [rad] is not told: 0.06 deg, marks that say the same twice
_N_LATELY: Final = 256
_MARGIN_SIGMAS: Final = 3.0
_RATE_BAND: Final = (0.8, 1.25)  # of the declared rate


class _Held(NamedTuple):
    angle_rad: float
    detection: Detection


class _Beam(NamedTuple):
    t_ns: int
    angle_rad: float


class Turning:
    """Gathers one turning sensor's plots into sweeps.

    Parameters
    ----------
    sensor_id : int
    period_s : float
        Declared time of a turn.
    sigma_az_rad : float
        A sweep that is closed behind a plot ends three of these after it.
    """

    def __init__(self, sensor_id: int, period_s: float, sigma_az_rad: float) -> None:
        self.n_lost = 0  # how often the rotation had to be found anew
        self._sensor_id, self._margin_rad = sensor_id, _MARGIN_SIGMAS * sigma_az_rad
        self._period_ns = round(period_s * NS_PER_S)
        self._declared = self._rate = _TURN / period_s  # rad/s
        self._beam: _Beam | None = None
        self._marks: deque[_Beam] = deque(maxlen=128)
        self._t_sector_ns: int | None = None  # of the last sector crossing
        self._closed = _Beam(0, 0.0)
        self._newest_rad = 0.0
        self._held: list[_Held] = []
        self._n_late: deque[int] = deque(maxlen=_N_LATELY)  # marks that came between a plot's azimuth and the plot
        self._disorder_rad: deque[float] = deque(maxlen=_N_LATELY)
        self._delay_ns: deque[int] = deque(maxlen=_N_LATELY)
        self._is_misfit: deque[bool] = deque(maxlen=64)
        self._came = Moment(0, 0)

    @property
    def is_turning(self) -> bool:
        """Whether the plots lie where a turning antenna would see them."""
        return len(self._is_misfit) < 16 or sum(self._is_misfit) < _MISFIT_SHARE * len(self._is_misfit)

    def add(self, detection: Detection) -> list[Look]:
        """Take a plot; return the sweeps that it ends."""
        t_ns, az_rad = int(detection.row["t_ns"][0]), float(detection.row["az_rad"][0])
        looks = self._follow(t_ns, az_rad, detection.came, is_mark=False)
        assert self._beam is not None
        beam_rad = self._angle_at(t_ns)
        error_rad = _wrap(az_rad - beam_rad) if math.isfinite(az_rad) else 0.0
        self._is_misfit.append(abs(error_rad) > _MISFIT)
        if not self._marks and abs(error_rad) <= _MISFIT and t_ns > self._beam.t_ns:
            self._beam = _Beam(t_ns, beam_rad + _GAIN * error_rad)
        angle_rad = beam_rad + error_rad
        self._disorder_rad.append(max(0.0, self._newest_rad - angle_rad))
        self._n_late.append(sum(mark.angle_rad > angle_rad for mark in self._marks))
        self._newest_rad = max(self._newest_rad, min(angle_rad, beam_rad + _MISFIT))
        if len(self._held) < MAX_HELD:
            self._held.append(_Held(angle_rad, detection))
        else:
            looks += self._close(angle_rad, detection.came)
            self._held.append(_Held(angle_rad, detection))
        return looks

    def mark(self, t_ns: int, az_rad: float, came: Moment, *, is_north: bool) -> list[Look]:
        """Take a mark; return the sweeps that it ends."""
        looks = self._follow(t_ns, az_rad, came, is_mark=True)
        angle_rad = self._angle_at(t_ns)
        angle_rad += _wrap(az_rad - angle_rad)
        if self._marks and angle_rad <= self._marks[-1].angle_rad + _LEAST:
            return looks  # it came twice, or after a later one
        self._note_mark(_Beam(t_ns, angle_rad))
        self._newest_rad = max(self._newest_rad, angle_rad)
        if not is_north:
            self._t_sector_ns = t_ns
        lag = int(np.quantile(self._n_late, 0.95)) if self._n_late else 0
        if lag < len(self._marks):
            looks += self._close(self._marks[-1 - lag].angle_rad, came)
        return looks

    def due_ns(self) -> int | None:
        """Return when something has to be told even if nothing more comes [ns, monotonic]; None: not known."""
        return self._held[0].detection.came.monotonic_ns + HOLD_NS if self._held else None

    def due(self, now: Moment) -> list[Look]:
        """Return the sweeps that time alone has ended: plots that waited, sectors in which nothing was seen."""
        if self._beam is None:
            return []
        looks: list[Look] = []
        if self._held and now.monotonic_ns - self._held[0].detection.came.monotonic_ns >= HOLD_NS:
            disorder_rad = float(np.quantile(self._disorder_rad, 0.95)) if not self._is_marked(now) else 0.0
            upto_rad = max(held.angle_rad for held in self._held) - disorder_rad
            looks += self._close(max(upto_rad, self._held[0].angle_rad) + self._margin_rad, now)
        if self._is_marked(now):
            return looks
        late_ns = max(self._delay_ns) if self._delay_ns else 0
        seen_ns = now.t_ns - late_ns - self._period_ns // 16
        if now.t_ns - self._came.t_ns <= EMPTY_TURNS * self._period_ns:
            while self._closed.angle_rad + _SECTOR <= self._angle_at(seen_ns):
                looks += self._close(self._closed.angle_rad + _SECTOR, now)
        return looks

    def flush(self, now: Moment) -> list[Look]:
        """End the sweep that is held."""
        if not self._held:
            return []
        return self._close(max(held.angle_rad for held in self._held) + self._margin_rad, now)

    def _is_marked(self, now: Moment) -> bool:
        # by sector crossings, lately
        return self._t_sector_ns is not None and now.t_ns - self._t_sector_ns < 2 * self._period_ns + NS_PER_S

    def _angle_at(self, t_ns: int) -> float:
        assert self._beam is not None
        return self._beam.angle_rad + self._rate * (t_ns - self._beam.t_ns) / NS_PER_S

    def _time_at(self, angle_rad: float) -> int:
        assert self._beam is not None
        return self._beam.t_ns + round((angle_rad - self._beam.angle_rad) / self._rate * NS_PER_S)

    def _follow(self, t_ns: int, az_rad: float, came: Moment, *, is_mark: bool) -> list[Look]:
        """See that the rotation is known and still the same; where it is not, begin anew from here."""
        self._delay_ns.append(came.t_ns - t_ns)
        self._came = came
        if self._beam is not None:
            was_off = t_ns - self._beam.t_ns > (EMPTY_TURNS + 1) * self._period_ns
            if not was_off and not (is_mark and self._marks and abs(_wrap(az_rad - self._angle_at(t_ns))) > _FAR):
                return []
            self.n_lost += 1
        looks = self.flush(came)
        az_rad = 0.0 if math.isnan(az_rad) else az_rad
        self._beam = self._closed = _Beam(t_ns, az_rad)
        self._newest_rad, self._rate = az_rad, self._declared
        self._marks.clear()
        return looks

    def _note_mark(self, mark: _Beam) -> None:
        self._marks.append(mark)
        self._beam = mark
        while len(self._marks) > 2 and mark.angle_rad - self._marks[1].angle_rad >= _TURN - _LEAST:
            self._marks.popleft()
        first = self._marks[0]
        if mark.angle_rad - first.angle_rad >= _TURN - _LEAST:
            rate = (mark.angle_rad - first.angle_rad) / (mark.t_ns - first.t_ns) * NS_PER_S
            if _RATE_BAND[0] < rate / self._declared < _RATE_BAND[1]:
                self._rate = rate

    def _close(self, angle_rad: float, came: Moment) -> list[Look]:
        """Tell what was swept up to an angle."""
        swept_rad = angle_rad - self._closed.angle_rad
        held = sorted((each for each in self._held if each.angle_rad <= angle_rad), key=_time_of)
        if swept_rad < _LEAST and not held:
            return []
        self._held = [each for each in self._held if each.angle_rad > angle_rad]
        t_start_ns, t_end_ns = self._closed.t_ns, max(self._closed.t_ns, self._time_at(angle_rad))
        if held:
            t_start_ns, t_end_ns = min(t_start_ns, _time_of(held[0])), max(t_end_ns, _time_of(held[-1]))
        if swept_rad >= _LEAST:
            from_rad = angle_rad - min(swept_rad, _TURN)
            self._closed = _Beam(self._time_at(angle_rad), angle_rad)
        else:  # plots of what was told already: nobody else was looked at
            from_rad = min(each.angle_rad for each in held) - self._margin_rad
            angle_rad = max(each.angle_rad for each in held) + self._margin_rad
        is_whole = angle_rad - from_rad >= _TURN - _LEAST
        rows = [each.detection.row for each in held]
        scan = Scan(
            sensor_id=self._sensor_id,
            t_start_ns=t_start_ns,
            t_end_ns=t_end_ns,
            t_recv_ns=max(came.t_ns, t_end_ns) if not rows else came.t_ns,
            az_from_rad=angle_rad % _TURN if is_whole else from_rad % _TURN,
            az_to_rad=angle_rad % _TURN,
            plots=freeze(np.concatenate(rows) if rows else np.zeros(0, PLOT)),
        )
        return [Look(scan, tuple(each.detection.label for each in held))]


def _time_of(held: _Held) -> int:
    return int(held.detection.row["t_ns"][0])


def _wrap(angle_rad: float) -> float:
    return (angle_rad + math.pi) % _TURN - math.pi
