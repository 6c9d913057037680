"""Detections into scans: what one look of a sensor found goes to the tracker together, and at once.

SAPIENT marks no end of a look. A look is over when the next one begins or nothing more came for a moment, and no
detection waits longer than `HOLD_MAX_NS`.
"""

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.messages import Scan
from casemate.model.records import Records, freeze

if TYPE_CHECKING:  # physics.radar brings numba, which --help must not wait for
    from casemate.physics.radar import SensorModel

HOLD_NS: Final = NS_PER_S // 50
"""Quiet that ends a look: [A] 20 ms, several round trips of a local network."""
HOLD_MAX_NS: Final = NS_PER_S // 25
"""Longest that a detection waits, 40 ms: less than the 50 ms that reading may add to a plot."""
SECTOR_SHARE: Final = 1.0 / 16.0
"""Of a turn: what a scanning sensor's plots may span and still be one scan."""
MARGIN_SIGMAS: Final = 3.0
"""Of azimuth, on both sides of the plots of a scan whose own arc is not known."""


class Moment(NamedTuple):
    """Now, on two clocks: UTC is stamped on what goes out, the other one paces and never jumps."""

    t_ns: int
    monotonic_ns: int


class Detection(NamedTuple):
    """A plot that waits for the end of its look."""

    row: Records  # PLOT (1,)
    label: str
    came: Moment


class Look(NamedTuple):
    """A scan and what its sensor called the things behind its plots, plot by plot."""

    scan: Scan
    labels: tuple[str, ...]


class Looks:
    """Gathers one sensor's detections into scans.

    Parameters
    ----------
    sensor_id : int
    sensor : SensorModel
    is_scanning : bool
        Whether the node registered that it sees a part of its region at a time.

    Notes
    -----
    What gives all detections of a look one time had its whole arc in view: what it did not report, it missed. A
    sensor that was heard to give times closer than half its period does not do that; from then on, as for one that
    scans, a scan covers only its own plots, so that nobody is missed who was not looked at.
    """

    def __init__(self, sensor_id: int, sensor: "SensorModel", *, is_scanning: bool) -> None:
        self._sensor_id, self._sensor, self._is_whole = sensor_id, sensor, not is_scanning
        self._held: list[Detection] = []
        self._period_ns = round(sensor.scan_period_s * NS_PER_S)
        self._t_last_ns: int | None = None

    def add(self, detection: Detection) -> list[Look]:
        """Take a detection; return the look that it ends, if it does."""
        t_ns = int(detection.row["t_ns"][0])
        done = self.close() if self._held and not self._belongs(t_ns) else []
        if not self._held and self._t_last_ns is not None:
            self._is_whole &= abs(t_ns - self._t_last_ns) >= self._period_ns // 2 or t_ns == self._t_last_ns
        self._held.append(detection)
        return done

    def due_ns(self) -> int | None:
        """Return when the look is over if nothing more comes [ns, monotonic]; None: nothing is held."""
        if not self._held:
            return None
        return min(self._held[0].came.monotonic_ns + HOLD_MAX_NS, self._held[-1].came.monotonic_ns + HOLD_NS)

    def close(self) -> list[Look]:
        """End the look that is held."""
        if not self._held:
            return []
        held, self._held = self._held, []
        plots = np.concatenate([each.row for each in held])
        order: list[int] = np.argsort(plots["t_ns"], kind="stable").tolist()
        plots = plots[order]
        is_torn = int(plots["t_ns"][0]) == self._t_last_ns  # the rest of a look: nobody is missed twice
        self._t_last_ns = int(plots["t_ns"][-1])
        az_from_rad, az_to_rad = self._arc(plots, is_whole=self._is_whole and not is_torn)
        scan = Scan(
            sensor_id=self._sensor_id,
            t_start_ns=int(plots["t_ns"][0]),
            t_end_ns=self._t_last_ns,
            t_recv_ns=held[-1].came.t_ns,
            az_from_rad=az_from_rad,
            az_to_rad=az_to_rad,
            plots=freeze(plots),
        )
        return [Look(scan, tuple(held[i].label for i in order))]

    def _belongs(self, t_ns: int) -> bool:
        times = [int(each.row["t_ns"][0]) for each in (self._held[0], self._held[-1])]
        if t_ns == times[0]:
            return True
        self._is_whole &= abs(t_ns - times[-1]) >= self._period_ns // 2
        return not self._is_whole and max(*times, t_ns) - min(*times, t_ns) <= SECTOR_SHARE * self._period_ns

    def _arc(self, plots: Records, *, is_whole: bool) -> tuple[float, float]:
        if is_whole:
            return self._sensor.az_rad
        turn = 2.0 * math.pi
        az_rad = np.sort(plots["az_rad"][np.isfinite(plots["az_rad"])]) % turn
        if len(az_rad) == 0:
            return self._sensor.az_rad
        gaps = np.append(az_rad[1:], az_rad[0] + turn) - az_rad
        last = int(np.argmax(gaps))  # the arc runs from behind the widest gap round to before it
        margin_rad = MARGIN_SIGMAS * self._sensor.sigma_az_rad
        if gaps[last] <= 2.0 * margin_rad:
            return self._sensor.az_rad
        first = (last + 1) % len(az_rad)
        return (float(az_rad[first]) - margin_rad) % turn, (float(az_rad[last]) + margin_rad) % turn
