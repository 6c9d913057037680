"""What kinds of thing fly: generic public figures, and the fits of all tracks beside them. Face of the kind kernels.

The figures are those of sections 1 and 5 of the project's public parameter list; [A] marks assumptions. They say where
most of a kind is found, not what no single one ever does: every density has tails.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.kernels import kinds
from casemate.model.records import Kind, Records
from casemate.physics.radar import SensorModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Flyer(NamedTuple):
    """A kind that holds itself up."""

    speed_low_mps: float  # over ground
    speed_high_mps: float
    p_hover: float  # share of its time spent standing in the air
    sigma_climb_mps: float
    sigma_turn_mps2: float  # horizontal acceleration over some seconds
    sigma_lift_mps2: float  # vertical
    height_m: float  # mean over the ground


FLYERS: Final = {
    # airliners 70-130 low, to 250; light ones 35-75; 0.3 to 0.5 g; 0-12 km. Climb of 10-15 m/s at most, mostly none [A]
    "aircraft": Flyer(35.0, 250.0, 0.0, 8.0, 2.0, 1.0, 4000.0),
    # 0-75 m/s, hover, 0.5 g, 20-1,500 m
    "helicopter": Flyer(5.0, 75.0, 0.25, 6.0, 2.5, 1.5, 400.0),
    # 0-25 m/s, 1 g, 0-150 (500) m; hover share [A]
    "drone": Flyer(3.0, 25.0, 0.3, 4.0, 4.0, 2.0, 100.0),
    # 8-22 m/s and the wind; 0.5 g; by day mostly under 300-500 m, by night half of them under 700
    "bird": Flyer(6.0, 26.0, 0.0, 3.0, 3.0, 2.0, 400.0),
    # fast ones, at any height [A]: no clutter reaches 200 m/s on an arc of rounds under 3 km but jets and own fire
    "jet": Flyer(100.0, 700.0, 0.0, 40.0, 10.0, 4.0, 5000.0),
    # whatever else: balloons, kites, debris, things blown about [A]
    "other": Flyer(0.0, 80.0, 0.05, 15.0, 6.0, 4.0, 1000.0),
}

KIND_OF: Final = np.array([Kind.AIRCRAFT, Kind.HELICOPTER, Kind.DRONE, Kind.BIRD, Kind.AIRCRAFT, Kind.OTHER], np.int64)
"""What each flyer is reported as."""

NAMES: Final = ("round", *FLYERS)

BALL: Final = kinds.Ball(
    end_low=60.0,  # rounds arrive at 70-460 m/s (section 1.2), and drag has taken some of what they were worth
    end_high=700.0,  # the end of the longest burn (section 1.2)
    height=1000.0,  # apexes of 70 to 12,000 m, most below 2,000 (section 1.2)
    drag=1.5e-4,  # K of 6e-5 to 2.8e-4 over the classes (section 1.1)
    sigma_ln_drag=0.6,
    sigma_fall=1.5,  # what the rough air and the smoothing of the fit miss [A]
)
"""Rounds in general."""

WANDER: Final = kinds.Wander(
    jerk_level=4.0,  # a turn of 0.5 g begins or ends within some seconds
    jerk_climb=0.3,  # what flies changes its climb gently, and what falls goes on falling
    jerk_drag=4.0,  # a 107 mm rocket just above the speed of sound: its deceleration of 18 m/s2 changes by 4 a second
    jerk_drag_mps=320.0,
    sigma_m=1e4,
    sigma_mps=400.0,  # rounds up to 700 m/s (section 1.2)
    sigma_mps2=40.0,  # their drag up to 40 m/s2
)
"""How the fit lets accelerations change, and what it believes before any plot [A]."""

_FLYER_ROWS: Final = np.array([list(flyer) for flyer in FLYERS.values()], np.float64)
_MEASURED: Final = ("range_m", "az_rad", "el_rad", "range_rate_mps")
_SIGMAS: Final = ("sigma_range_m", "sigma_az_rad", "sigma_el_rad", "sigma_range_rate_mps")


class Motions:
    """The fits of all tracks, a row each: motion as their plots show it, with no model of flight believed.

    The tracker's own states cannot serve: each already believes in a model.
    """

    def __init__(self) -> None:
        self._fits = kinds.Fits(np.zeros((0, 9)), np.zeros((0, 9, 9)), np.zeros(0, np.int64), np.zeros(0, np.int64))

    @property
    def t_ns(self) -> Ints:
        """Time of each row's latest plot."""
        return self._fits.t_ns

    @property
    def n_plots(self) -> Ints:
        """Plots in each row."""
        return self._fits.n_plots

    def extend(self, count: int) -> None:
        """Add empty rows at the end."""
        mean, cov, t_ns, n_plots = self._fits
        self._fits = kinds.Fits(
            np.concatenate([mean, np.zeros((count, 9))]),
            np.concatenate([cov, np.zeros((count, 9, 9))]),
            np.concatenate([t_ns, np.zeros(count, np.int64)]),
            np.concatenate([n_plots, np.zeros(count, np.int64)]),
        )

    def keep(self, rows: Ints | Flags) -> None:
        """Keep these rows, in this order."""
        mean, cov, t_ns, n_plots = self._fits
        self._fits = kinds.Fits(mean[rows], cov[rows], t_ns[rows], n_plots[rows])

    def add(self, rows: Ints, plots: Records, sensor: SensorModel) -> Floats:
        """Take an accepted plot of a sensor into each of some rows; return the time since the row's last (m,) [s]."""
        z = np.stack([plots[name] for name in _MEASURED], axis=1)
        own = (sensor.sigma_range_m, sensor.sigma_az_rad, sensor.sigma_el_rad, sensor.sigma_range_rate_mps)
        sigma = np.stack([plots[name] for name in _SIGMAS], axis=1)
        sigma = np.where(np.isnan(sigma), own, sigma)
        looks = kinds.Looks(np.ascontiguousarray(plots["t_ns"]), z, sigma)
        dt_s = np.empty(len(rows))
        kinds.follow_plots(self._fits, rows, looks, sensor.position_m, sensor.rotation, WANDER, dt_s)
        return dt_s

    def begin(self, rows: Ints, tracks: Records) -> None:
        """Begin empty rows with tracks (TRACK) that come with several plots at once: with their states, as they say.

        Their accelerations are unknown: that part of a state is what a model of flight believes.
        """
        mean, cov, t_ns, n_plots = self._fits
        mean[rows, :6] = tracks["state"][:, :6]
        cov[rows, :6, :6] = tracks["cov"][:, :6, :6]
        cov[rows, 6:, 6:] = WANDER.sigma_mps2**2 * np.eye(3)
        t_ns[rows], n_plots[rows] = tracks["t_ns"], tracks["n_hit"]

    def ln_kinds(self, rows: Ints) -> Floats:
        """Return ln of the density of each row's plots were it of each of `NAMES` (m, 7), but for a common constant."""
        ln = np.empty((len(rows), len(NAMES)))
        kinds.weigh_kinds(self._fits, rows, _FLYER_ROWS, BALL, ln)
        return ln
