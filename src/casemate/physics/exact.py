"""The exact flight: rotating WGS 84 Earth with J2, standard air, wind by height, drag by Mach, thrust.

The richer model, which simulated truth flies and which the reference cases check. Positions come out in the site's ENU.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from casemate.constants import WGS84_A_M, WGS84_E2, WGS84_GM_M3PS2, WGS84_J2, WGS84_OMEGA_RADPS
from casemate.errors import DomainError
from casemate.kernels import exact
from casemate.kernels.earth import Earth
from casemate.kernels.exact import Body
from casemate.model.catalog import RoundClass
from casemate.physics.atmosphere import Profile
from casemate.physics.drag import CD_DM, drag_table
from casemate.physics.geodesy import SiteFrame

__all__ = [
    "BURN_STEPS",
    "MAX_TIME_S",
    "RAIL_EXIT_MPS",
    "STEP_S",
    "WGS84",
    "Body",
    "Earth",
    "Trajectory",
    "body_of",
    "fly_exact",
    "fly_rows",
    "sample_exact",
    "to_trajectory",
]

Array = NDArray[np.float64]

WGS84: Final = Earth(WGS84_A_M, WGS84_E2, WGS84_GM_M3PS2, WGS84_J2, WGS84_OMEGA_RADPS)
STEP_S: Final = 0.05
"""Time step of a flight [s]: below 1 mm at the impact, but for a corner of the wind within a step."""

MAX_TIME_S: Final = 400.0
BURN_STEPS: Final = 128


class Trajectory:
    """A flight from muzzle or rail exit to the impact, in the site's ENU.

    Parameters
    ----------
    t_s : (m,) float64 [s]
        Since the start, ascending.
    pos_m, vel_mps : (m, 3) float64
        ENU of the site.
    """

    def __init__(self, t_s: Array, pos_m: Array, vel_mps: Array) -> None:
        self.t_s, self.pos_m, self.vel_mps = t_s, pos_m, vel_mps
        for array in (t_s, pos_m, vel_mps):
            array.flags.writeable = False

    @property
    def flight_s(self) -> float:
        """Time from start to impact [s]."""
        return float(self.t_s[-1] - self.t_s[0])

    def at(self, t_s: ArrayLike) -> tuple[Array, Array]:
        """Return position (k, 3) [m] and velocity (k, 3) [m/s] at times (k,) [s]; cubic Hermite, NaN outside."""
        t = np.atleast_1d(np.asarray(t_s, np.float64))
        j = np.clip(np.searchsorted(self.t_s, t, side="right") - 1, 0, self.t_s.size - 2)
        h = (self.t_s[j + 1] - self.t_s[j])[:, None]
        w = ((t - self.t_s[j])[:, None]) / h
        a, b, p, q = self.pos_m[j], self.pos_m[j + 1], h * self.vel_mps[j], h * self.vel_mps[j + 1]
        pos = a + w * (p + w * (3.0 * (b - a) - 2.0 * p - q + w * (2.0 * (a - b) + p + q)))
        vel = (p + w * (2.0 * (3.0 * (b - a) - 2.0 * p - q) + 3.0 * w * (2.0 * (a - b) + p + q))) / h
        outside = ~((t >= self.t_s[0]) & (t <= self.t_s[-1]))
        pos[outside], vel[outside] = np.nan, np.nan
        return pos, vel


def body_of(round_class: RoundClass, drag_factor: float = 1.0, wind: Profile | None = None) -> Body:
    """Make the body that a round of a class flies as.

    Parameters
    ----------
    round_class : RoundClass
        Mass, calibre, drag by Mach; for a rocket also the burn.
    drag_factor : float
        Multiplies the drag of the whole class.
    wind : Profile, optional
        Wind by height; none is calm.
    """
    table = drag_table(np.array(round_class.mach), np.array(round_class.cd)) * drag_factor
    area = 0.25 * math.pi * round_class.calibre_m**2
    height, east, north = [0.0], [0.0], [0.0]
    if wind is not None:
        height, east, north = wind.height_m, wind.wind_e_mps, wind.wind_n_mps
    return Body(
        cd=table,
        cd_dm=CD_DM,
        area_per_mass=area / round_class.mass_kg,
        thrust_mps2=_thrust_mps2(round_class),
        burn_s=round_class.burn_s or 0.0,
        mass_ratio=(round_class.mass_launch_kg or round_class.mass_kg) / round_class.mass_kg,
        wind_z=np.ascontiguousarray(height, np.float64),
        wind=np.ascontiguousarray(np.column_stack((east, north)), np.float64),
    )


RAIL_EXIT_MPS: Final = 30.0
"""Speed [m/s] about which a rocket leaves its rail [A]; nothing but the first tenth of a second depends on it."""


def _thrust_mps2(body: RoundClass) -> float:
    # Constant thrust over the mass after burn, from the rocket equation between rail exit and end of burn. Losses to
    # gravity and drag are left out: the speed at the exit then differs by some m/s, which is harmless.
    if body.burn_s is None or body.burnout_speed_mps is None:
        return 0.0
    ratio = (body.mass_launch_kg or body.mass_kg) / body.mass_kg
    gain = body.burnout_speed_mps - RAIL_EXIT_MPS
    if ratio == 1.0:
        return gain / body.burn_s
    return gain * (ratio - 1.0) / (body.burn_s * math.log(ratio))


def fly_exact(
    body: Body,
    frame: SiteFrame,
    pos_m: Array,
    vel_mps: Array,
    *,
    ground_m: float | None = None,
    earth: Earth = WGS84,
    step_s: float = STEP_S,
) -> Trajectory:
    """Fly a body from a state to the ground.

    Parameters
    ----------
    body : Body
        As `body_of` makes it; where it has a motor, the flight starts with the burn.
    frame : SiteFrame
        The site's frame.
    pos_m, vel_mps : (3,) float64
        Start, ENU of the site, relative to the ground.
    ground_m : float, optional [m]
        Height of the ground over the ellipsoid; that of the site where not given.
    earth : Earth
        The Earth to fly over.
    step_s : float
        Time step after burn.

    Returns
    -------
    Trajectory
        From the start to the impact, which lies on the ground within 1e-6 m; steps are broken at burnout.

    Raises
    ------
    DomainError
        It does not come down within 400 s.
    """
    start = np.concatenate((frame.enu_to_ecef(pos_m[None])[0], vel_mps @ frame.rotation))
    ground = frame.height_m if ground_m is None else ground_m
    rows: list[Array] = []
    t = 0.0
    if body.burn_s > 0.0:
        rows.append(fly_rows(start, 0.0, body.burn_s, body.burn_s / BURN_STEPS, body, is_burning=True, earth=earth)[0])
        t, start = body.burn_s, rows[0][-1, 1:]
    path, status = fly_rows(start, t, MAX_TIME_S, step_s, body, stop=exact.STOP_AT_GROUND, target=ground, earth=earth)
    if status != exact.OK:
        raise DomainError("flight_s", float(path[-1, 0]), 0.0, MAX_TIME_S)
    rows.append(path[1:] if rows else path)
    return to_trajectory(np.vstack(rows), frame)


def fly_rows(
    start: Array, t_s: float, t_end_s: float, dt_s: float, body: Body, *, is_burning: bool = False,
    stop: int = exact.NO_STOP, target: float = 0.0, earth: Earth = WGS84,
) -> tuple[Array, int]:  # fmt: skip
    """Run the kernel once; return rows of time and ECEF state (n, 7), and a status."""
    out = np.empty((int(abs((t_end_s - t_s) / dt_s)) + 3, 7))
    n, status = exact.fly(np.ascontiguousarray(start), t_s, t_end_s, dt_s, is_burning, stop, target, earth, body, out)
    return out[:n], status


def to_trajectory(rows: Array, frame: SiteFrame) -> Trajectory:
    """Turn rows of time and ECEF state (n, 7), ascending in time, into a trajectory that starts at 0 s."""
    return Trajectory(rows[:, 0] - rows[0, 0], frame.ecef_to_enu(rows[:, 1:4]), rows[:, 4:7] @ frame.rotation.T)


def sample_exact(start: Array, times_s: Array, body: Body, earth: Earth = WGS84, step_s: float = STEP_S) -> Array:
    """Fly an ECEF state (6,) unpowered through ascending times (n,) [s]; return the states there (n, 6)."""
    out = np.empty((times_s.size, 6))
    exact.sample(np.ascontiguousarray(start), np.ascontiguousarray(times_s), step_s, earth, body, out)
    return out
