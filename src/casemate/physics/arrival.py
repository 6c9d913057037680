"""The flight solved backwards: from where, whence and how a round comes down to the whole flight.

No launcher settings exist here. The unknowns are the speed and the angle of the arrival; the exact flight runs backward
from the impact. A rocket's flight must begin with a burn that ends at the class's burnout speed; a bomb's or a shell's
starting speed is free, so its flight time, or an arc within the public bands of arrival, settles it.
"""

import math
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError
from casemate.model.catalog import RoundClass
from casemate.physics.backward import SEARCH_M, SEARCH_STEP_S, Impact, Past, gap
from casemate.physics.exact import STEP_S, Trajectory, body_of, fly_exact
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile
from casemate.physics.rocket import POLISH_M, solve_rocket
from casemate.physics.roots import newton_pair, rising_root

Array = NDArray[np.float64]
Arc = Literal["flat", "high"]

_MISS_M: Final = 0.1
_BEST_DEG: Final = 55.0
"""Angle of descent at the greatest range, where both arcs meet; 53 to 61 for all classes [A:calc]."""

_SPEED_SHARE: Final = 0.15
"""How far an arrival may lie outside the class's band of speeds, as a share: the spread of drag between makes."""

_ANYTHING: Final = (1.0, 1e6)  # where a class declares no band
_STEEP_RAD: Final = (math.radians(3.0), math.radians(86.0))


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
    band = round_class.ground_range_m or _ANYTHING
    if not band[0] <= ground_range_m <= band[1]:
        raise DomainError("ground_range_m", ground_range_m, *band)
    body = body_of(round_class, drag_factor, wind)
    impact = Impact(frame, np.asarray(point_m, np.float64), bearing_rad, body, round_class.burnout_speed_mps)
    if round_class.burnout_speed_mps is not None:
        past = solve_rocket(impact, ground_range_m, arc, flight_s)
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


class _Fan:
    """The arrivals of one range whose starting speed is free: each angle of descent has one speed and one time."""

    def __init__(self, impact: Impact, ground_range_m: float, speeds: tuple[float, float]) -> None:
        self.impact, self.ground_range_m, self.speeds = impact, ground_range_m, speeds
        self.speed = 0.5 * (speeds[0] + min(speeds[1], 400.0))  # a guess, then the last one found

    def time_at(self, angle: float) -> float | None:
        """Return the flight time [s] of the arrival at an angle; its speed is in `speed`."""
        found: dict[float, float] = {}

        def beyond(v: float) -> float:
            past = self.impact.past(v, angle, SEARCH_STEP_S)
            found[v] = 0.0 if past is None else past.flight_s
            return gap(None if past is None else past.range_m, self.ground_range_m)

        low, high = 0.3 * self.speeds[0], 2.0 * self.speeds[1]
        v = rising_root(beyond, self.speed, 0.05 * self.speed, low, high, SEARCH_M)
        if v is None:
            return None
        self.speed = v
        return found[v]

    def angle_of(self, flight_s: float) -> float:
        """Return the angle of descent [rad] whose flight takes a time."""
        vacuum = math.atan2(0.5 * 9.81 * flight_s * flight_s, self.ground_range_m)
        low, high = _STEEP_RAD
        guess = min(max(vacuum, 0.2), 1.4)
        angle = rising_root(lambda a: gap(self.time_at(a), flight_s), guess, 0.1, low, high, 0.02)
        if angle is None:
            raise DomainError("flight_s", flight_s, self.time_at(low) or 0.0, self.time_at(high) or 0.0)
        return angle


def _solve_free(
    impact: Impact, round_class: RoundClass, ground_range_m: float, arc: Arc, flight_s: float | None
) -> Past:
    # The starting speed is free: an angle (or the time) and the range settle speed and angle of the arrival.
    band = round_class.arrival_speed_mps or (50.0, 400.0)
    fan = _Fan(impact, ground_range_m, band)
    angle = _angle_of(round_class, ground_range_m, arc) if flight_s is None else fan.angle_of(flight_s)
    fan.time_at(angle)

    def miss(v: float, a: float) -> Array | None:
        past = impact.past(v, a, STEP_S)
        if past is None:
            return None
        late = a - angle if flight_s is None else past.flight_s - flight_s
        return np.array([past.range_m - ground_range_m, 100.0 * late])  # 100: as close in time as in range

    solved = newton_pair(miss, (fan.speed, angle), (1e-3, 1e-5), (20.0, 0.1), POLISH_M)
    past = None if solved is None else impact.past(*solved, STEP_S)
    if solved is None or past is None:
        raise DomainError("ground_range_m", ground_range_m, *(round_class.ground_range_m or _ANYTHING))
    low, high = (1.0 - _SPEED_SHARE) * band[0], (1.0 + _SPEED_SHARE) * band[1]
    if not low <= solved[0] <= high:
        raise DomainError("arrival_speed_mps", solved[0], low, high)
    return past


def _angle_of(round_class: RoundClass, ground_range_m: float, arc: Arc) -> float:
    # The angle of descent [rad] of a free class's arc; see solve_arrival.
    if round_class.ground_range_m is None or round_class.descent_deg is None:
        message = f"round class {round_class.name!r} declares no bands of range and descent: say flight_s"
        raise ValueError(message)
    q = math.asin(min(ground_range_m / round_class.ground_range_m[1], 1.0)) / (0.5 * math.pi)
    low = max(round_class.descent_deg[0], _BEST_DEG * q)
    high = max(min(round_class.descent_deg[1], 90.0 - (90.0 - _BEST_DEG) * q), low)
    return math.radians(low + (0.25 if arc == "flat" else 0.75) * (high - low))
