"""Plots and marks as they come, into scans: each sensor's by its antenna, with what a look could see told at once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from casemate.constants import NS_PER_S
from casemate.io.feeds.looks import Detection, Look, Looks, Moment
from casemate.io.feeds.turning import Turning
from casemate.io.sweep import EMPTY_TURNS
from casemate.model.messages import Scan
from casemate.model.records import PLOT, Records, freeze

if TYPE_CHECKING:  # physics.radar brings numba, which --help must not wait for
    from casemate.physics.radar import SensorModel

_NO_PLOTS: Final = freeze(np.zeros(0, PLOT))


class Dwelling:
    """Gathers a staring sensor's plots into dwells; where one brought none, that is told too."""

    def __init__(self, sensor_id: int, sensor: "SensorModel", *, is_scanning: bool) -> None:
        self._looks = Looks(sensor_id, sensor, is_scanning=is_scanning)
        self._sensor_id, self._arc = sensor_id, sensor.az_rad
        self._period_ns, self._is_scanning = round(sensor.scan_period_s * NS_PER_S), is_scanning
        self._t_last_ns: int | None = None
        self._n_empty, self._delay_ns = 0, 0

    def add(self, detection: Detection) -> list[Look]:
        """Take a plot; return the dwells that it ends."""
        t_ns = int(detection.row["t_ns"][0])
        self._t_last_ns, self._n_empty = max(t_ns, self._t_last_ns or t_ns), 0
        self._delay_ns = detection.came.t_ns - t_ns
        return self._looks.add(detection)

    def due_ns(self) -> int | None:
        """Return when a dwell ends if nothing more comes [ns, monotonic]; None: none is held."""
        return self._looks.due_ns()

    def due(self, now: Moment) -> list[Look]:
        """Return the dwells that quiet has ended, and those in which nothing was seen."""
        due_ns = self._looks.due_ns()
        if due_ns is not None:
            return self._looks.close() if now.monotonic_ns >= due_ns else []
        if self._t_last_ns is None or self._is_scanning or self._n_empty >= EMPTY_TURNS:
            return []
        t_ns = self._t_last_ns + (self._n_empty + 1) * self._period_ns
        if now.t_ns - self._delay_ns < t_ns + self._period_ns // 2:
            return []
        self._n_empty += 1
        az_from_rad, az_to_rad = self._arc
        scan = Scan(
            sensor_id=self._sensor_id,
            t_start_ns=t_ns,
            t_end_ns=t_ns,
            t_recv_ns=now.t_ns,
            az_from_rad=az_from_rad,
            az_to_rad=az_to_rad,
            plots=_NO_PLOTS,
        )
        return [Look(scan, ())]

    def flush(self, now: Moment) -> list[Look]:
        """End the dwell that is held."""
        _ = now
        return self._looks.close()


class ScanBuilder:
    """Gathers the plots of a site's sensors into scans.

    Parameters
    ----------
    sensors : sequence of SensorModel
        In the order that `sensor_id` counts.
    is_rotating : sequence of bool
        Whether each turns; one whose plots say otherwise is taken for one that scans in some other way.
    """

    def __init__(self, sensors: "tuple[SensorModel, ...]", is_rotating: tuple[bool, ...]) -> None:
        self._sensors = sensors
        self._of: dict[int, Turning | Dwelling] = {
            i: Turning(i, sensor.scan_period_s, sensor.sigma_az_rad)
            if is_rotating[i]
            else Dwelling(i, sensor, is_scanning=False)
            for i, sensor in enumerate(sensors)
        }

    def add(self, plots: Records, labels: dict[int, str], came: Moment) -> Iterator[Look]:
        """Take plots of known sensors and their labels by row; yield the looks that they end."""
        for i in range(len(plots)):
            sensor_id = int(plots["sensor_id"][i])
            detection = Detection(plots[i : i + 1], labels.get(i, ""), came)
            yield from self._of[sensor_id].add(detection)
            yield from self._see(sensor_id, came)

    def mark(self, sensor_id: int, t_ns: int, az_rad: float, came: Moment, *, is_north: bool) -> Iterator[Look]:
        """Take a north mark or a sector crossing; yield the looks that it ends."""
        gathering = self._of[sensor_id]
        if isinstance(gathering, Turning):
            yield from gathering.mark(t_ns, az_rad, came, is_north=is_north)

    def due_ns(self) -> int | None:
        """Return when a look ends if nothing more comes [ns, monotonic]; None: not known."""
        return min((due for each in self._of.values() if (due := each.due_ns()) is not None), default=None)

    def due(self, now: Moment) -> Iterator[Look]:
        """Yield the looks that time alone has ended."""
        for each in self._of.values():
            yield from each.due(now)

    def flush(self, now: Moment) -> Iterator[Look]:
        """End all looks that are held."""
        for each in self._of.values():
            yield from each.flush(now)

    def _see(self, sensor_id: int, came: Moment) -> Iterator[Look]:
        gathering = self._of[sensor_id]
        if isinstance(gathering, Turning) and not gathering.is_turning:
            yield from gathering.flush(came)
            self._of[sensor_id] = Dwelling(sensor_id, self._sensors[sensor_id], is_scanning=True)
