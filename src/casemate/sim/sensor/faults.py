"""Faults by time and azimuth: whether a radar is silent, frozen, blind or jammed, and how many false plots it has."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from casemate.physics.radar import in_arc
from casemate.sim.sensor.declared import RadarFault

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]


class Faults:
    """The faults of one radar.

    Parameters
    ----------
    faults : sequence of RadarFault
        In any order; they add up where several hold.
    """

    def __init__(self, faults: Sequence[RadarFault]) -> None:
        self._faults = tuple(faults)

    def is_on(self, kind: str, t_s: float) -> bool:
        """Tell whether any fault of a kind holds at a time [s] since the scenario's start."""
        return any(fault.kind == kind and fault.from_s <= t_s < fault.to_s for fault in self._faults)

    def is_blind(self, t_s: Floats, az_rad: Floats) -> Marks:
        """Tell at which (n,) times [s] and azimuths [rad] nothing new can be seen: silent, frozen or blind there."""
        blind = np.zeros(len(t_s), np.bool_)
        for kind in ("silent", "frozen", "blind"):
            for fault in self._of(kind):
                blind |= _holds(fault, t_s, az_rad if kind == "blind" else None)
        return blind

    def noise(self, t_s: Floats, az_rad: Floats) -> Floats:
        """Return the (n,) mean noise power, over what is always there, at times [s] and azimuths [rad]."""
        noise = np.ones(len(t_s))
        for fault in self._of("jammed"):
            noise += _holds(fault, t_s, az_rad) * (10.0 ** (fault.noise_db / 10.0) - 1.0)
        return noise

    def strobes(self) -> Iterator[RadarFault]:
        """Yield the jammed arcs that false plots stand along."""
        return (fault for fault in self._of("jammed") if fault.plots_per_scan > 0.0)

    def storms(self) -> Iterator[RadarFault]:
        """Yield the times of more false plots."""
        return self._of("storm")

    def _of(self, kind: str) -> Iterator[RadarFault]:
        return (fault for fault in self._faults if fault.kind == kind)


def _holds(fault: RadarFault, t_s: Floats, az_rad: Floats | None) -> Marks:
    holds = (t_s >= fault.from_s) & (t_s < fault.to_s)
    if az_rad is None or fault.azimuth_deg is None:
        return holds
    return holds & in_arc(az_rad, *(math.radians(az) for az in fault.azimuth_deg))
