"""One flight backward in time: from its impact, arriving with a given speed and angle, to where it began."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.kernels import exact
from casemate.physics.exact import MAX_TIME_S, Body, fly_rows, on_site
from casemate.physics.geodesy import SiteFrame, ecef_to_geodetic

Array = NDArray[np.float64]

SEARCH_STEP_S: Final = 0.25
"""Time step of backward flights while searching [s]; the solution is polished with the step of the exact flight."""

SEARCH_M: Final = 3.0


class Past(NamedTuple):
    """Where a backward flight began: ground range [m], height over the ground [m], duration [s], ECEF state there."""

    range_m: float
    height_m: float
    flight_s: float
    start: Array


class Impact:
    """The fixed end of a flight: impact point, direction of arrival, and the body that flew."""

    def __init__(
        self, frame: SiteFrame, point_m: Array, bearing_rad: float, body: Body, burnout_mps: float | None
    ) -> None:
        self.body, self.burnout_mps, self.ground_m = on_site(body, frame), burnout_mps, frame.height_m
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

    def past(self, speed_mps: float, descent_rad: float, step_s: float) -> Past | None:
        """Fly backward from an arrival; None where no start is found."""
        state = np.concatenate((self.ecef_m, self.velocity(speed_mps, descent_rad)))
        is_rocket = self.burnout_mps is not None
        stop = exact.STOP_AT_SPEED if is_rocket else exact.STOP_AT_GROUND
        target = self.burnout_mps if self.burnout_mps is not None else self.ground_m
        burnt_s = float(self.body.burn[-1, 0]) if is_rocket else 0.0  # the free flight ends at least so late
        arrived_s = burnt_s + MAX_TIME_S
        rows, status = fly_rows(state, arrived_s, burnt_s, -step_s, self.body, stop=stop, target=target)
        if status != exact.OK:
            return None
        end, flight_s = rows[-1, 1:], arrived_s - float(rows[-1, 0])
        if is_rocket:
            end, flight_s = fly_rows(end, burnt_s, 0.0, -step_s, self.body)[0][-1, 1:], flight_s + burnt_s
        height = float(ecef_to_geodetic(end[None, :3])[0, 2]) - self.ground_m
        enu = self.local.ecef_to_enu(end[None, :3])[0]
        radius = self.local.radius_m + self.ground_m
        return Past(
            radius * math.atan2(math.hypot(enu[0], enu[1]), radius + float(enu[2])), height, flight_s, end.copy()
        )


def gap(value: float | None, target: float) -> float:
    """Return a value less its target; a backward flight that found no start was too fast, which counts as infinite."""
    return math.inf if value is None else value - target
