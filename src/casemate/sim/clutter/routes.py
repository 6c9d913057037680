"""Friendly aircraft that fly a declared way: straight legs and turns as tight as their load allows.

The way is flown past its vertices: the turn begins at each, and the next leg is the tangent from where the turn ends to
the next vertex. Times are seconds since the scenario's start; ENU of the site.
"""

import math
from collections.abc import Sequence

import numpy as np

from casemate.constants import STANDARD_GRAVITY_MPS2
from casemate.physics.geodesy import SiteFrame
from casemate.sim.clutter.legs import Leg, end_of
from casemate.sim.intercept.declared import Flight

_TANGENT: int = 20
"""Rounds of the fixed point that ends a turn; each gains a factor of distance over radius of turn."""


class Routed:
    """An aircraft on its way, all legs known from the start."""

    def __init__(self, flight: Flight, frame: SiteFrame, rng: np.random.Generator) -> None:
        self.truth_id = 0  # given when it is born
        self.label = f"{flight.kind}-{flight.name}"
        self.rcs_dbsm = float(rng.uniform(*flight.rcs_dbsm))
        self.legs = legs_of(flight, frame, float(rng.uniform(*flight.start_s)))
        self.born_s, self.end_s = self.legs[0].start_s, self.legs[-1].end_s

    def extend(self, until_s: float) -> bool:
        """Tell that nothing is drawn, whatever the time."""
        del until_s
        return False

    def forget(self, before_s: float) -> None:
        """Forget nothing: there are few legs, and they are asked for again."""


class Once:
    """The source of one aircraft: it is born when its way begins."""

    def __init__(self, routed: Routed) -> None:
        self._routed, self.due_s = routed, routed.born_s

    def bear(self, truth_id: int) -> Routed:
        """Return the one that is due."""
        self._routed.truth_id, self.due_s = truth_id, math.inf
        return self._routed


def legs_of(flight: Flight, frame: SiteFrame, start_s: float) -> list[Leg]:
    """Return the legs of a flight that begins at a time [s]."""
    corners = _corners(flight, frame)
    heading = _bearing(corners[0], corners[1])
    legs = [_straight(flight, start_s, corners[0], corners[1], heading)]
    for to in corners[2:]:
        turn = _turn(flight, end_of(legs[-1]), to)
        here = end_of(turn)
        legs += [turn, _straight(flight, here.start_s, (here.east_m, here.north_m), to, here.heading_rad)]
    return legs


def _corners(flight: Flight, frame: SiteFrame) -> list[tuple[float, float]]:
    lat, lon = np.array(flight.way_deg).T
    enu = frame.msl_to_enu(lat, lon, np.full(lat.size, frame.height_msl_m))[:, :2]
    once = [(float(e), float(n)) for e, n in enu]
    return once if flight.laps == 1 else [*once * flight.laps, once[0]]


def _straight(flight: Flight, start_s: float, here: Sequence[float], to: Sequence[float], heading_rad: float) -> Leg:
    length_s = max(math.dist(here, to) / flight.speed_mps, 1e-3)
    return Leg(
        start_s=start_s, end_s=start_s + length_s, east_m=here[0], north_m=here[1], up_m=flight.height_m,
        speed_mps=flight.speed_mps, accel_mps2=0.0, heading_rad=heading_rad, turn_radps=0.0, climb_mps=0.0,
    )  # fmt: skip


def _turn(flight: Flight, here: Leg, to: Sequence[float]) -> Leg:
    rate = flight.load_g * STANDARD_GRAVITY_MPS2 / flight.speed_mps
    wish = _bearing((here.east_m, here.north_m), to)
    side = math.copysign(1.0, math.remainder(wish - here.heading_rad, 2.0 * math.pi))
    turn = here
    for _ in range(_TANGENT):
        angle = (side * (wish - here.heading_rad)) % (2.0 * math.pi)
        turn = here._replace(end_s=here.start_s + max(angle / rate, 1e-3), turn_radps=side * rate)
        end = end_of(turn)
        wish = _bearing((end.east_m, end.north_m), to)
    return turn


def _bearing(here: Sequence[float], to: Sequence[float]) -> float:
    return math.atan2(to[0] - here[0], to[1] - here[1])
