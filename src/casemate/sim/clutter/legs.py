"""Legs (straight, turn, hover): how one thing flies, drawn only as far as it is asked for and forgotten once past.

Times are seconds since the scenario's start; the frame is ENU of the site.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from casemate.constants import STANDARD_GRAVITY_MPS2
from casemate.sim.clutter.declared import Traffic

Floats = NDArray[np.float64]

_MAX_CLIMB_MPS = 8.0
"""Largest climb or descent of a leg [m/s]; assumption, about 1,600 ft/min, a common airliner figure."""

_APART_S = 1e7
"""Distance between the keys of two bodies [s]: longer than any run."""

_THROUGH = ("aircraft", "light")
"""Kinds that pass through; the others stay about."""


class Leg(NamedTuple):
    """One leg, from its start."""

    start_s: float
    end_s: float
    east_m: float
    north_m: float
    up_m: float
    speed_mps: float
    accel_mps2: float
    heading_rad: float
    turn_radps: float
    climb_mps: float


class Mover(Protocol):
    """What flies by legs: `Walker`, which draws them, or an aircraft on a declared way."""

    truth_id: int
    label: str
    born_s: float
    end_s: float
    rcs_dbsm: float
    legs: list[Leg]

    def extend(self, until_s: float) -> bool:
        """Draw legs until `until_s` is covered or the body leaves; return whether any was drawn."""
        ...

    def forget(self, before_s: float) -> None:
        """Drop legs that ended before `before_s`, the last one kept."""
        ...


class Walker:
    """One aircraft, helicopter, drone or bird: its legs so far, and how to draw the next."""

    def __init__(self, traffic: Traffic, truth_id: int, label: str, born_s: float, rng: np.random.Generator) -> None:
        self.truth_id, self.label, self.born_s = truth_id, label, born_s
        self.rcs_dbsm = float(rng.uniform(*traffic.rcs_dbsm))
        self.end_s = born_s + float(rng.uniform(*traffic.life_s))
        self._traffic, self._rng = traffic, rng
        self.legs = [_first_leg(traffic, born_s, rng)]

    def extend(self, until_s: float) -> bool:
        """Draw legs until `until_s` is covered or the body leaves; return whether any was drawn."""
        n = len(self.legs)
        while self.legs[-1].end_s < min(until_s, self.end_s):
            here = end_of(self.legs[-1])
            is_passing = self._traffic.kind in _THROUGH
            if is_passing and math.hypot(here.east_m, here.north_m) > 1.02 * self._traffic.reach_m:
                self.end_s = here.start_s
                break
            for leg in _next_legs(self._traffic, here, self._rng):
                self.legs.append(leg)
        return len(self.legs) > n

    def forget(self, before_s: float) -> None:
        """Drop legs that ended before `before_s`, the last one kept."""
        i = 0
        while i < len(self.legs) - 1 and self.legs[i].end_s < before_s:
            i += 1
        del self.legs[:i]


class Legs:
    """The legs of several walkers in one table, which answers for many at once."""

    def __init__(self, walkers: Sequence[Mover]) -> None:
        legs = [leg for walker in walkers for leg in walker.legs]
        owner = np.repeat(np.arange(len(walkers)), [len(walker.legs) for walker in walkers])
        self._table = np.array(legs, dtype=np.float64).reshape(-1, len(Leg._fields))
        self._keys = owner * _APART_S + self._table[:, 0]
        self._first_s = np.array([walker.legs[0].start_s for walker in walkers])

    def __len__(self) -> int:
        return len(self._table)

    def at(self, i_body: NDArray[np.int64], t_s: Floats) -> tuple[Floats, Floats]:
        """Return where bodies are.

        Parameters
        ----------
        i_body : (n,) int64
            Rows of walkers.
        t_s : (n,) float64 [s]
            Since the scenario's start, inside what was prepared; before its birth a body stands where it begins.

        Returns
        -------
        pos, vel : (n, 3) float64 [m], [m/s]
            ENU of the site.
        """
        when = np.maximum(t_s, self._first_s[i_body])
        row = np.maximum(np.searchsorted(self._keys, i_body * _APART_S + when, side="right") - 1, 0)
        start, _, east, north, up, speed, accel, heading, turn, climb = self._table[row].T
        dt = np.maximum(when - start, 0.0)
        is_turn = turn != 0.0
        after = heading + turn * dt
        sin_a, cos_a = np.sin(after), np.cos(after)
        way = speed * dt + 0.5 * accel * dt * dt
        de, dn = way * sin_a, way * cos_a
        radius = speed[is_turn] / turn[is_turn]
        de[is_turn] = radius * (np.cos(heading[is_turn]) - cos_a[is_turn])
        dn[is_turn] = radius * (sin_a[is_turn] - np.sin(heading[is_turn]))
        now = speed + accel * dt
        pos, vel = np.empty((len(dt), 3)), np.empty((len(dt), 3))
        pos[:, 0], pos[:, 1], pos[:, 2] = east + de, north + dn, up + climb * dt
        vel[:, 0], vel[:, 1], vel[:, 2] = now * sin_a, now * cos_a, climb
        return pos, vel


def _first_leg(traffic: Traffic, born_s: float, rng: np.random.Generator) -> Leg:
    # Aircraft come in over the rim, heading for the inner half; all else begins somewhere inside.
    bearing = float(rng.uniform(0.0, 2.0 * math.pi))
    is_aircraft = traffic.kind in _THROUGH
    distance = traffic.reach_m * (1.0 if is_aircraft else 0.8 * math.sqrt(float(rng.uniform())))
    heading = bearing + math.pi + float(rng.uniform(-0.5, 0.5)) if is_aircraft else float(rng.uniform(0.0, 2 * math.pi))
    return Leg(
        start_s=born_s,
        end_s=born_s + float(rng.uniform(*traffic.leg_s)),
        east_m=distance * math.sin(bearing),
        north_m=distance * math.cos(bearing),
        up_m=float(rng.uniform(*traffic.height_m)),
        speed_mps=float(rng.uniform(*traffic.speed_mps)),
        accel_mps2=0.0,
        heading_rad=heading,
        turn_radps=0.0,
        climb_mps=0.0,
    )


def end_of(leg: Leg) -> Leg:
    """Return the state at a leg's end, as a leg of no length: the scalar twin of `Legs.at`."""
    dt = leg.end_s - leg.start_s
    after = leg.heading_rad + leg.turn_radps * dt
    if leg.turn_radps:
        radius = leg.speed_mps / leg.turn_radps
        de = radius * (math.cos(leg.heading_rad) - math.cos(after))
        dn = radius * (math.sin(after) - math.sin(leg.heading_rad))
    else:
        way = leg.speed_mps * dt + 0.5 * leg.accel_mps2 * dt * dt
        de, dn = way * math.sin(after), way * math.cos(after)
    return leg._replace(
        start_s=leg.end_s,
        east_m=leg.east_m + de,
        north_m=leg.north_m + dn,
        up_m=leg.up_m + leg.climb_mps * dt,
        speed_mps=max(leg.speed_mps + leg.accel_mps2 * dt, 0.0),
        accel_mps2=0.0,
        heading_rad=after,
        turn_radps=0.0,
        climb_mps=0.0,
    )


def _next_legs(traffic: Traffic, here: Leg, rng: np.random.Generator) -> Iterator[Leg]:
    # One manoeuvre and what follows it: brake, stand and speed up again; or turn, then fly straight.
    pull = traffic.load_g * STANDARD_GRAVITY_MPS2
    if float(rng.uniform()) < traffic.hover_share:
        brake = here._replace(end_s=here.start_s + here.speed_mps / pull, accel_mps2=-pull)
        stand = end_of(brake)
        stand = stand._replace(end_s=stand.start_s + float(rng.uniform(*traffic.leg_s)), speed_mps=0.0)
        off = end_of(stand)._replace(heading_rad=_new_heading(traffic, stand, rng), accel_mps2=pull)
        off = off._replace(end_s=off.start_s + float(rng.uniform(*traffic.speed_mps)) / pull)
        yield from (brake, stand, off)
        here = end_of(off)
    else:
        turn = _turn(traffic, here, pull, rng)
        yield turn
        here = end_of(turn)
    length = float(rng.uniform(*traffic.leg_s))
    climb = (float(rng.uniform(*traffic.height_m)) - here.up_m) / length
    limit = min(_MAX_CLIMB_MPS, 0.2 * here.speed_mps)
    yield here._replace(end_s=here.start_s + length, climb_mps=max(-limit, min(limit, climb)))


def _turn(traffic: Traffic, here: Leg, pull: float, rng: np.random.Generator) -> Leg:
    wish = _new_heading(traffic, here, rng)
    angle = math.remainder(wish - here.heading_rad, 2.0 * math.pi)
    rate = min(math.radians(traffic.turn_dps), pull / max(here.speed_mps, 1.0))
    return here._replace(end_s=here.start_s + max(abs(angle) / rate, 1e-3), turn_radps=math.copysign(rate, angle))


def _new_heading(traffic: Traffic, here: Leg, rng: np.random.Generator) -> float:
    # Aircraft pass through with mild turns; all else turns back to the site where its reach ends.
    if traffic.kind in _THROUGH:
        return here.heading_rad + float(rng.uniform(-0.6, 0.6))
    if math.hypot(here.east_m, here.north_m) > 0.8 * traffic.reach_m:
        return math.atan2(-here.east_m, -here.north_m) + float(rng.uniform(-0.7, 0.7))
    return here.heading_rad + float(rng.uniform(-math.pi, math.pi))
