"""The flight solved backwards: from where, whence and how a round comes down to the whole flight.

No launcher settings exist here. The unknowns are the speed and the angle of the arrival; the exact flight runs backward
from the impact. A rocket's flight must begin with a burn that ends at the class's burnout speed; a bomb's or a shell's
starting speed is free, so its flight time, or an arc within the public bands of arrival, settles it.
"""

import math
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError
from casemate.kernels import exact
from casemate.model.catalog import RoundClass
from casemate.physics.atmosphere import Profile
from casemate.physics.exact import BURN_STEPS, MAX_TIME_S, STEP_S, Body, Trajectory, body_of, fly_exact, fly_rows
from casemate.physics.geodesy import SiteFrame, ecef_to_geodetic

Array = NDArray[np.float64]
Arc = Literal["flat", "high"]

_SEARCH_STEP_S: Final = 0.25  # while searching; the solution itself is polished and flown with STEP_S
_SEARCH_M: Final = 3.0
_MISS_M: Final = 0.1
_POLISH_M: Final = 0.005
_N_POLISH: Final = 15
_N_ROOT: Final = 60
_GRID_DEG: Final = (
    4.0,
    6.0,
    9.0,
    13.0,
    18.0,
    24.0,
    31.0,
    38.0,
    45.0,
    51.0,
    56.0,
    61.0,
    66.0,
    71.0,
    75.0,
    79.0,
    82.0,
    84.0,
    86.0,
)
_BEST_DEG: Final = 55.0
"""Angle of descent at the greatest range, where both arcs meet; between 53 and 61 for all classes, parameters.md 1.2."""

_TIME_SHARE: Final = 0.2
"""How far the time of a rocket's arc may lie from the time asked for, as a share of it."""

_SPEED_SHARE: Final = 0.15
"""How far an arrival may lie outside the class's band of speeds, as a share: the spread of drag between makes."""


class _Past(NamedTuple):
    """Where a backward flight began: ground range [m], height over the ground [m], duration [s], ECEF state there."""

    range_m: float
    height_m: float
    flight_s: float
    start: Array


class _Impact:
    """The fixed end of a flight: impact point, direction of arrival, and the body that flew."""

    def __init__(self, frame: SiteFrame, point_m: Array, bearing_rad: float, body: Body, burnout_mps: float | None):
        self.body, self.burnout_mps, self.ground_m = body, burnout_mps, frame.height_m
        self.pos_m = np.array([point_m[0], point_m[1], 0.0])
        for _ in range(3):  # down the site's up axis to the ground, which curves away
            self.pos_m[2] -= frame.enu_to_geodetic(self.pos_m[None])[0, 2] - self.ground_m
        self.ecef_m = frame.enu_to_ecef(self.pos_m[None])[0]
        lat, lon, height = ecef_to_geodetic(self.ecef_m[None])[0]
        self.local = SiteFrame(float(lat), float(lon), float(height))
        self.heading = np.array([-math.sin(bearing_rad), -math.cos(bearing_rad), 0.0])

    def velocity(self, speed_mps: float, descent_rad: float) -> Array:
        """Return the velocity of arrival in ECEF (3,) [m/s]."""
        enu = speed_mps * (math.cos(descent_rad) * self.heading + np.array([0.0, 0.0, -math.sin(descent_rad)]))
        return enu @ self.local.rotation

    def past(self, speed_mps: float, descent_rad: float, step_s: float) -> _Past | None:
        """Fly backward from an arrival; None where no start is found."""
        state = np.concatenate((self.ecef_m, self.velocity(speed_mps, descent_rad)))
        is_rocket = self.burnout_mps is not None
        stop = exact.STOP_AT_SPEED if is_rocket else exact.STOP_AT_GROUND
        target = self.burnout_mps if self.burnout_mps is not None else self.ground_m
        rows, status = fly_rows(state, 0.0, -MAX_TIME_S, -step_s, self.body, stop=stop, target=target)
        if status != exact.OK:
            return None
        end, t = rows[-1, 1:], float(rows[-1, 0])
        if is_rocket:
            burn = self.body.burn_s
            rows, status = fly_rows(end, burn, 0.0, -burn / BURN_STEPS, self.body, is_burning=True)
            end, t = rows[-1, 1:], t - burn
        height = float(ecef_to_geodetic(end[None, :3])[0, 2]) - self.ground_m
        enu = self.local.ecef_to_enu(end[None, :3])[0]
        radius = self.local.radius_m + self.ground_m
        return _Past(radius * math.atan2(math.hypot(enu[0], enu[1]), radius + float(enu[2])), height, -t, end.copy())


def solve_arrival(
    round_class: RoundClass,
    frame: SiteFrame,
    point_m: Array,
    bearing_rad: float,
    ground_range_m: float,
    arc: Arc = "high",
    flight_s: float | None = None,
    drag_factor: float = 1.0,
    wind: Profile | None = None,
) -> Trajectory:
    """Solve a flight backwards from its impact.

    Parameters
    ----------
    round_class : RoundClass
        What flies.
    frame : SiteFrame
        The site's frame; the ground is at the site's height all over.
    point_m : (2,) float64 [m]
        Impact point, east and north in ENU of the site.
    bearing_rad : float
        From where it arrives, clockwise from true north, at the impact.
    ground_range_m : float
        Between start and impact along the ground.
    arc : "flat" or "high"
        Which of the two arcs; not used where `flight_s` is given.
    flight_s : float, optional [s]
        Time from start to impact. A rocket has two arcs only: the nearer one is taken, if it is within 20 %.
    drag_factor : float
        Multiplies the class's drag.
    wind : Profile, optional
        Wind by height; none is calm.

    Returns
    -------
    Trajectory
        From muzzle or rail exit to the impact, less than 0.1 m from the point; `fly_exact` flew it forward.

    Raises
    ------
    DomainError
        No such flight: the range, the time or the speed of arrival is outside what the class can do.

    Notes
    -----
    A bomb or a shell whose time is not given descends at an angle between the arcs that its greatest range allows,
    low = max(descent_low, 55 q) and high = min(descent_high, 90 - 35 q) degrees with q = asin(range / greatest) / 90
    degrees (the arcs of a vacuum, bent to meet at 55): a quarter of the way up for "flat", three for "high".
    """
    band = round_class.ground_range_m or (1.0, 1e6)
    if not band[0] <= ground_range_m <= band[1]:
        raise DomainError("ground_range_m", ground_range_m, *band)
    body = body_of(round_class, drag_factor, wind)
    impact = _Impact(frame, np.asarray(point_m, np.float64), bearing_rad, body, round_class.burnout_speed_mps)
    if round_class.burnout_speed_mps is not None:
        past = _solve_rocket(impact, ground_range_m, arc, flight_s)
    else:
        past = _solve_free(impact, round_class, ground_range_m, arc, flight_s)
    path = fly_exact(
        body,
        frame,
        frame.ecef_to_enu(past.start[None, :3])[0],
        frame.rotation @ past.start[3:],
        ground_m=frame.height_m,
    )
    miss = float(np.linalg.norm(path.pos_m[-1] - impact.pos_m))
    if not miss < _MISS_M:
        raise DomainError("miss_m", miss, 0.0, _MISS_M)
    return path


def _root(f: Callable[[float], float], x: float, step: float, low: float, high: float, close: float) -> float | None:
    # Root of a rising function: widen from a guess until the sign turns, then false position (Illinois rule).
    fx = f(x)
    sense = -1.0 if fx > 0.0 else 1.0
    while True:
        if abs(fx) < close:
            return x
        y = min(max(x + sense * step, low), high)
        if y == x:
            return None
        fy = f(y)
        if fx * fy <= 0.0:
            break
        x, fx, step = y, fy, 2.0 * step
    for _ in range(_N_ROOT):
        z = (x * fy - y * fx) / (fy - fx) if math.isfinite(fx) and math.isfinite(fy) else 0.5 * (x + y)
        fz = f(z)
        if abs(fz) < close or abs(x - y) < 1e-9 * abs(x):
            return z
        if fz * fy < 0.0:
            x, fx = y, fy
        else:
            fx *= 0.5
        y, fy = z, fz
    return None


def _gap(value: float | None, target: float) -> float:
    # A backward flight that finds no start was too fast.
    return math.inf if value is None else value - target


def _polish(
    impact: _Impact, v: float, angle: float, residual: Callable[[_Past], tuple[float, float]]
) -> tuple[_Past, float, float] | None:
    # Newton in both unknowns with a step that is halved while it does not help, until the residual is a few mm.
    def at(speed: float, descent: float) -> tuple[_Past, Array] | None:
        past = impact.past(speed, descent, STEP_S)
        return None if past is None else (past, np.array(residual(past)))

    here = at(v, angle)
    for _ in range(_N_POLISH):
        if here is None:
            return None
        past, miss = here
        if float(np.abs(miss).max()) < _POLISH_M:
            return past, v, angle
        faster, steeper = at(v + 1e-3, angle), at(v, angle + 1e-5)
        if faster is None or steeper is None:
            return None
        slopes = np.column_stack(((faster[1] - miss) / 1e-3, (steeper[1] - miss) / 1e-5))
        dv, da = np.linalg.lstsq(slopes, -miss)[0]
        share = min(1.0, 20.0 / max(abs(dv), 1e-9), 0.1 / max(abs(da), 1e-9))
        for _ in range(8):
            here = at(v + share * dv, angle + share * da)
            if here is not None and np.linalg.norm(here[1]) < np.linalg.norm(miss):
                break
            share *= 0.5
        v, angle = v + share * dv, angle + share * da
    return None


class _Walk:
    """A rocket's arrivals by angle of descent: for each the speed whose flight starts on the ground, and its range."""

    def __init__(self, impact: _Impact, burnout_mps: float) -> None:
        self.impact, self.burnout_mps = impact, burnout_mps
        self.speed = 0.7 * burnout_mps if burnout_mps < 500.0 else 0.5 * burnout_mps  # a guess, then the last one found

    def range_at(self, angle: float) -> float | None:
        """Return the ground range [m] of the arrival at an angle; its speed is in `speed`."""
        found: dict[float, float] = {}

        def height(v: float) -> float:
            past = self.impact.past(v, angle, _SEARCH_STEP_S)
            found[v] = 0.0 if past is None else past.range_m
            return _gap(None if past is None else past.height_m, 0.0)

        low, high = 0.2 * self.burnout_mps, 0.98 * self.burnout_mps
        v = _root(height, self.speed, 0.02 * self.speed, low, high, _SEARCH_M)
        if v is None:
            return None
        self.speed = v
        return found[v]


def _solve_rocket(impact: _Impact, ground_range_m: float, arc: Arc, flight_s: float | None) -> _Past:
    if flight_s is None:
        return _solve_arc(impact, ground_range_m, arc)
    both = [_solve_arc(impact, ground_range_m, one) for one in ("flat", "high")]
    best = min(both, key=lambda past: abs(past.flight_s - flight_s))
    if abs(best.flight_s - flight_s) > _TIME_SHARE * flight_s:
        raise DomainError("flight_s", flight_s, both[0].flight_s, both[1].flight_s)
    return best


def _solve_arc(impact: _Impact, ground_range_m: float, arc: str) -> _Past:
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
    solved = _polish(
        impact, v0 + w * (v1 - v0), a0 + w * (a1 - a0), lambda past: (past.range_m - ground_range_m, past.height_m)
    )
    if solved is None:
        raise DomainError("ground_range_m", ground_range_m, min(r0, r1), max(r0, r1))
    return solved[0]


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
        pair: list[tuple[float, float, float]] = []
        for angle in (left, right):
            pair.append((walk.range_at(angle) or 0.0, angle, walk.speed))
        best = max([best, *pair])
        if best[0] >= ground_range_m:
            break
        a, b = (left, b) if pair[1][0] > pair[0][0] else (a, right)
    return [*seen[:-2], best] if best[1] != seen[-2][1] else seen[:-1]


def _solve_free(
    impact: _Impact, round_class: RoundClass, ground_range_m: float, arc: Arc, flight_s: float | None
) -> _Past:
    # The starting speed is free: an angle (or the time) and the range settle speed and angle of the arrival.
    speeds = round_class.arrival_speed_mps or (50.0, 400.0)
    low, high = (1.0 - _SPEED_SHARE) * speeds[0], (1.0 + _SPEED_SHARE) * speeds[1]
    guess = [0.5 * (speeds[0] + speeds[1])]

    def time_at(angle: float) -> float | None:
        found: dict[float, float] = {}

        def beyond(v: float) -> float:
            past = impact.past(v, angle, _SEARCH_STEP_S)
            found[v] = 0.0 if past is None else past.flight_s
            return _gap(None if past is None else past.range_m, ground_range_m)

        v = _root(beyond, guess[0], 0.05 * guess[0], 0.3 * low, 2.0 * high, _SEARCH_M)
        if v is None:
            return None
        guess[0] = v
        return found[v]

    if flight_s is None:
        angle: float | None = _angle_of(round_class, ground_range_m, arc)
        if time_at(angle) is None:
            raise DomainError("ground_range_m", ground_range_m, *(round_class.ground_range_m or (0.0, 0.0)))
    else:
        vacuum = math.atan2(0.5 * 9.81 * flight_s * flight_s, ground_range_m)
        angle = _root(
            lambda a: _gap(time_at(a), flight_s),
            min(max(vacuum, 0.2), 1.4),
            0.1,
            math.radians(3.0),
            math.radians(86.0),
            0.02,
        )
        if angle is None:
            raise DomainError(
                "flight_s", flight_s, time_at(math.radians(3.0)) or 0.0, time_at(math.radians(86.0)) or 0.0
            )
    fixed = angle

    def residual(past: _Past) -> tuple[float, float]:
        if flight_s is None:
            return past.range_m - ground_range_m, 0.0
        return past.range_m - ground_range_m, (past.flight_s - flight_s) * 100.0

    solved = _polish(impact, guess[0], fixed, residual)
    if solved is None:
        raise DomainError("ground_range_m", ground_range_m, *(round_class.ground_range_m or (0.0, 0.0)))
    if not low <= solved[1] <= high:
        raise DomainError("arrival_speed_mps", solved[1], low, high)
    return solved[0]


def _angle_of(round_class: RoundClass, ground_range_m: float, arc: Arc) -> float:
    # The angle of descent [rad] of a free class's arc; see solve_arrival.
    if round_class.ground_range_m is None or round_class.descent_deg is None:
        message = f"round class {round_class.name!r} declares no bands of range and descent: say flight_s"
        raise ValueError(message)
    q = math.asin(min(ground_range_m / round_class.ground_range_m[1], 1.0)) / (0.5 * math.pi)
    low = max(round_class.descent_deg[0], _BEST_DEG * q)
    high = max(min(round_class.descent_deg[1], 90.0 - (90.0 - _BEST_DEG) * q), low)
    return math.radians(low + (0.25 if arc == "flat" else 0.75) * (high - low))
