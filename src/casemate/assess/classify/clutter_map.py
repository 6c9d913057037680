"""The clutter map: how much denser plots are at a place than the site file says, learnt from what were no rounds.

Rain, buildings and turbines give plots that are close together and alike in range rate, scan after scan. A tracker that
is told of false plots spread evenly over the coverage sees a pattern in them sooner or later. The map counts what came
lately in cells of range, azimuth, elevation and range rate, as radars do (Skolnik, Radar Handbook, 3rd ed. 2008, 2.13).
It holds what is slow along the line of sight, and nothing of a radar without Doppler: a salvo's rounds pass the same
cells one after another, and their first plots are nobody's, so fast plots tell of rounds and not of clutter.
"""

import math
from collections import deque
from collections.abc import Container
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.records import Records
from casemate.physics.radar import SensorModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DELAY_S: Final = 10.0
"""Plots are learnt so late: by then a track of theirs is declared a round, if it is one [A]."""

MEMORY_S: Final = 60.0
"""Weight falls by e in it; a rain cell at 20 m/s drifts by one of the map's in that time [A]."""

RANGE_M, ANGLE_RAD, RATE_MPS = 1_000.0, math.radians(4.0), 10.0
"""Sides of a cell: smaller than a rain cell, larger than what a plot errs by [A]."""

RATE_SPAN_MPS: Final = 1_400.0
"""Over which false range rates are believed to spread evenly, as the tracker believes."""

FASTEST_MPS: Final = 90.0
"""Range rate of the fastest clutter: a turbine's blade tips, 60 to 90 m/s; rain 20, vehicles 40, birds 22 [A]."""

_NAMES: Final = ("range_m", "az_rad", "el_rad", "range_rate_mps")
_SIDES: Final = np.array([RANGE_M, ANGLE_RAD, ANGLE_RAD, RATE_MPS])[:, None]
_SHIFTS: Final = np.array([0.0, 0.5])[:, None, None]  # of the grids, in cells

_ROUND: Final = round(2.0 * math.pi / ANGLE_RAD)  # cells of azimuth

_BITS: Final = 13  # of a key, for each of four sides
_MIDDLE: Final = np.array([1, 0, 1, 1])[:, None] << _BITS - 1  # azimuth counts from north, the others either way
_PLACE: Final = np.arange(3, -1, -1)[:, None] * _BITS
_GRIDS: Final = np.array([0, 1])[:, None] << 4 * _BITS  # share a table
_FORGOTTEN: Final = 0.01  # plots


class ClutterMap:
    """Counts plots by cell, for each sensor; two grids, half a cell apart, so that an edge hides nothing.

    Parameters
    ----------
    sensor : SensorModel
    """

    def __init__(self, sensor: SensorModel) -> None:
        self._sensor = sensor
        self._cells: dict[int, tuple[float, int]] = {}  # by key: plots, as of when
        self._waiting: deque[tuple[int, Ints, Ints]] = deque()  # time, tracks (n,), keys (n, 2)
        self._t_first_ns = self._n_learnt = 0

    def ln_denser(self, t_ns: int, plots: Records) -> Floats:
        """Return ln of how much denser plots are where each of `plots` (n,) is than the site file says; 0: no more."""
        ln = np.zeros(len(plots))
        slow = _is_slow(plots).nonzero()[0]
        if len(slow):
            ln[slow] = self._ln_denser(t_ns, plots[slow], self._keys(plots[slow]))
        return ln

    def take(self, t_ns: int, plots: Records, tracks: Ints) -> Floats:
        """Take the plots of a scan and the track of each (0: none), which are learnt `DELAY_S` later.

        Returns
        -------
        (n,) float64
            `ln_denser` of those of a track, 0 of the others.
        """
        self._t_first_ns = self._t_first_ns or t_ns
        ln = np.zeros(len(plots))
        slow = _is_slow(plots).nonzero()[0]
        if len(slow):
            who, mine = tracks[slow], plots[slow]
            keys = self._keys(mine)
            self._waiting.append((t_ns, who, keys))
            owned = who.nonzero()[0]
            if len(owned):
                ln[slow[owned]] = self._ln_denser(t_ns, mine[owned], keys[owned])
        return ln

    def _ln_denser(self, t_ns: int, plots: Records, keys: Ints) -> Floats:
        # of slow plots
        since_s = (t_ns - self._t_first_ns) / NS_PER_S - DELAY_S if self._t_first_ns else 0.0
        if not self._cells or since_s <= 0.0:
            return np.zeros(len(plots))
        rate = self._sensor.scan_period_s / (MEMORY_S * -math.expm1(-since_s / MEMORY_S))
        n_plots = np.array([max([self._count(key, t_ns) for key in row]) for row in keys.tolist()])
        return np.log1p(n_plots * rate / self._declared(plots))

    def learn(self, t_ns: int, rounds: Container[int]) -> None:
        """Learn what has waited long enough, but plots of tracks that are `rounds`."""
        while self._waiting and self._waiting[0][0] <= t_ns - DELAY_S * NS_PER_S:
            then_ns, tracks, keys = self._waiting.popleft()
            for track, row in zip(tracks.tolist(), keys.tolist(), strict=True):
                if track not in rounds:
                    for key in row:
                        self._cells[key] = self._count(key, then_ns) + 1.0, then_ns
                        self._n_learnt += 1
        if self._n_learnt > 4 * len(self._cells) + 10_000:  # now and then: what has faded makes no difference
            self._n_learnt = 0
            self._cells = {key: cell for key, cell in self._cells.items() if self._count(key, t_ns) > _FORGOTTEN}

    def _count(self, key: int, t_ns: int) -> float:
        n_plots, then_ns = self._cells.get(key, (0.0, t_ns))
        return n_plots * math.exp(-max(t_ns - then_ns, 0) / (MEMORY_S * NS_PER_S))

    def _keys(self, plots: Records) -> Ints:
        # (n, 2): a grid each; a missing elevation is a cell of its own
        at = np.array([plots[name] for name in _NAMES], np.float64) / _SIDES
        at[np.isnan(at)] = -1e3
        cells = np.floor(at + _SHIFTS).astype(np.int64)  # (2 grids, 4 sides, n)
        cells[:, 1] %= _ROUND  # north is no edge
        cells += _MIDDLE
        cells = np.minimum(np.maximum(cells, 0), (1 << _BITS) - 1) << _PLACE  # of the key
        return (cells[:, 0] | cells[:, 1] | cells[:, 2] | cells[:, 3] | _GRIDS).T

    def _declared(self, plots: Records) -> Floats:
        # plots a scan in the cell of each, by the site file: even over the volume or over range and angles, the denser
        sensor, (low, high) = self._sensor, self._sensor.range_m
        flat = sensor.false_plots_per_scan * RANGE_M / (high - low) * ANGLE_RAD / sensor.arc_rad
        reach = np.asarray(plots["range_m"], np.float64)
        if sensor.has_elevation:
            bottom, top = sensor.el_rad
            flat *= ANGLE_RAD / max(top - bottom, ANGLE_RAD)
            el = np.asarray(plots["el_rad"], np.float64)
            level = np.cos(np.where(np.isnan(el), 0.0, el))
            even = sensor.false_density * reach * reach * level * RANGE_M * ANGLE_RAD * ANGLE_RAD
            flat = np.maximum(even, flat)
        return np.maximum(flat * RATE_MPS / RATE_SPAN_MPS, 1e-12)


def _is_slow(plots: Records) -> NDArray[np.bool_]:
    return np.abs(plots["range_rate_mps"]) <= FASTEST_MPS  # not where it is missing
