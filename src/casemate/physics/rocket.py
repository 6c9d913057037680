"""Rockets solved backwards: each angle of descent has one speed whose flight began on the ground; two reach a range."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError
from casemate.physics.backward import SEARCH_M, SEARCH_STEP_S, Impact, Past, gap
from casemate.physics.exact import STEP_S
from casemate.physics.roots import newton_pair, rising_root

Array = NDArray[np.float64]

POLISH_M: Final = 0.005
_GRID_DEG: Final = (4, 6, 9, 13, 18, 24, 31, 38, 45, 51, 56, 61, 66, 71, 75, 79, 82, 84, 86)

_TIME_SHARE: Final = 0.2
"""How far the time of a rocket's arc may lie from the time asked for, as a share of it."""


class _Walk:
    """A rocket's arrivals by angle of descent: for each the speed whose flight starts on the ground, and its range."""

    def __init__(self, impact: Impact, burnout_mps: float) -> None:
        self.impact, self.burnout_mps = impact, burnout_mps
        self.speed = 0.7 * burnout_mps if burnout_mps < 500.0 else 0.5 * burnout_mps  # a guess, then the last one found

    def range_at(self, angle: float) -> float | None:
        """Return the ground range [m] of the arrival at an angle; its speed is in `speed`."""
        found: dict[float, float] = {}

        def height(v: float) -> float:
            past = self.impact.past(v, angle, SEARCH_STEP_S)
            found[v] = 0.0 if past is None else past.range_m
            return gap(None if past is None else past.height_m, 0.0)

        low, high = 0.2 * self.burnout_mps, 0.98 * self.burnout_mps
        v = rising_root(height, self.speed, 0.02 * self.speed, low, high, SEARCH_M)
        if v is None:
            return None
        self.speed = v
        return found[v]


def solve_rocket(impact: Impact, ground_range_m: float, arc: str, flight_s: float | None) -> Past:
    """Find the flight of a rocket whose burn ends at the class's speed; see `arrival.solve_arrival`."""
    if flight_s is None:
        return _solve_arc(impact, ground_range_m, arc)
    both = [_solve_arc(impact, ground_range_m, one) for one in ("flat", "high")]
    best = min(both, key=lambda past: abs(past.flight_s - flight_s))
    if abs(best.flight_s - flight_s) > _TIME_SHARE * flight_s:
        raise DomainError("flight_s", flight_s, both[0].flight_s, both[1].flight_s)
    return best


def _solve_arc(impact: Impact, ground_range_m: float, arc: str) -> Past:
    # Walk the angle from its end of the fan toward the greatest range until the range is passed, then polish.
    walk = _Walk(impact, impact.burnout_mps or 0.0)
    angles = [math.radians(a) for a in (_GRID_DEG if arc == "flat" else reversed(_GRID_DEG))]
    seen: list[tuple[float, float, float]] = []  # range, angle, speed
    for angle in angles:
        reach = walk.range_at(angle)
        if reach is None:
            continue
        seen.append((reach, angle, walk.speed))
        if reach >= ground_range_m or (len(seen) > 1 and reach < seen[-2][0]):
            break
    if len(seen) > 1 and seen[-1][0] < seen[-2][0] and seen[-2][0] < ground_range_m:
        seen = _climb_to_top(walk, seen, ground_range_m)
    reached = [i for i, one in enumerate(seen) if one[0] >= ground_range_m]
    if not reached or reached[0] == 0:
        ranges = [one[0] for one in seen] or [0.0]
        raise DomainError("ground_range_m", ground_range_m, min(ranges), max(ranges))
    (r0, a0, v0), (r1, a1, v1) = seen[reached[0] - 1], seen[reached[0]]
    w = (ground_range_m - r0) / (r1 - r0)

    def miss(v: float, angle: float) -> Array | None:
        past = impact.past(v, angle, STEP_S)
        return None if past is None else np.array([past.range_m - ground_range_m, past.height_m])

    solved = newton_pair(miss, (v0 + w * (v1 - v0), a0 + w * (a1 - a0)), (1e-3, 1e-5), (20.0, 0.1), POLISH_M)
    past = None if solved is None else impact.past(*solved, STEP_S)
    if past is None:
        raise DomainError("ground_range_m", ground_range_m, min(r0, r1), max(r0, r1))
    return past


def _climb_to_top(
    walk: _Walk, seen: list[tuple[float, float, float]], ground_range_m: float
) -> list[tuple[float, float, float]]:
    # The greatest range lies among the last angles: narrow on it (golden section) until the range asked for is passed.
    golden = 0.5 * (math.sqrt(5.0) - 1.0)
    base = seen[-3] if len(seen) > 2 else seen[-2]
    a, b = base[1], seen[-1][1]
    best = seen[-2]
    for _ in range(16):
        left, right = b - golden * (b - a), a + golden * (b - a)
        pair = [(walk.range_at(angle) or 0.0, angle, walk.speed) for angle in (left, right)]
        best = max([best, *pair])
        if best[0] >= ground_range_m:
            break
        a, b = (left, b) if pair[1][0] > pair[0][0] else (a, right)
    return [*seen[:-2], best] if best[1] != seen[-2][1] else seen[:-1]
