"""The filter: the table of tracks and what plots do to its rows. Face of the Kalman kernels.

Every track runs two motion models side by side, ballistic and level, weighted by their likelihoods (a static
multiple model: Bar-Shalom, Li, Kirubarajan, Estimation with Applications, 2001, section 11.6.2; the odds are kept within
a limit, so that they can turn). Letters: x state, P (`cov`) covariance, z measurement, S its predicted covariance.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.kernels import kalman
from casemate.model.records import PLOT, Motion, Records, TrackStatus
from casemate.physics.atmosphere import Environment
from casemate.physics.radar import SensorModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_CONFIRMED, _COASTING = np.uint8(TrackStatus.CONFIRMED), np.uint8(TrackStatus.COASTING)
_BALLISTIC, _LEVEL = np.uint8(Motion.BALLISTIC), np.uint8(Motion.LEVEL)

GATE_D2 = 16.27
"""Squared distance that holds 99.9 % of the true plots, chi-square with 3 degrees of freedom."""

FLOAT_FIELDS = tuple(name for name in PLOT.names or () if PLOT[name] == np.float64)
_MEASURED = [FLOAT_FIELDS.index(k) for k in ("range_m", "az_rad", "el_rad", "range_rate_mps", "height_m")]
_SIGMAS = [FLOAT_FIELDS.index(f"sigma_{k}") for k in ("range_m", "az_rad", "el_rad", "range_rate_mps")] + [0]

LEAST_FALSE_PLOTS = 0.1
"""A scan; a site file may say 0, and then a single echo of weather would count as proof."""

PRIORS = kalman.Noise(
    ballistic_q=0.1,  # wind unknown by 5 m/s bends a round's drag by some 0.3 m/s2 for seconds at a time
    ln_drag_q=1e-3,  # the drag curve is wrong by about 15 % over the 20 s of a flight (parameters.md 1.1)
    level_q=20.0,  # a turn of 3 degrees/s at 100 m/s changes velocity by 5 m/s each second
    level_turn=1.5,  # airliners bank by 25 degrees (4.5 m/s2), mostly not: a gap of 40 s may hide one turn
    climb_q=4.0,  # aircraft and birds climb and sink gently
    sigma_speed=250.0,  # rounds 70-700 m/s, airliners 250 m/s (parameters.md 1 and 3)
    sigma_climb=20.0,  # airliners climb and sink at 10-15 m/s
    ln_drag=math.log(2e-4),  # K of the generic rounds: 0.9e-4 to 4e-4 m2/kg (parameters.md 1.1)
    sigma_ln_drag=0.8,
    height=5000.0,  # half way up to where airliners fly
    sigma_height=4000.0,
    p_ballistic=0.5,
    odds_limit=10.0,
)
"""Process noise and priors."""


Plots = kalman.Plots


class Pairs(NamedTuple):
    """Track-plot pairs inside the gate, by track, then plot."""

    i_track: Ints
    i_plot: Ints
    llr: Floats


class Reported(NamedTuple):
    """Tracks as the outside sees them: ENU state and covariance of the likelier model."""

    state: Floats  # (k, 7)
    cov: Floats  # (k, 7, 7)


class Table:
    """Structure of arrays, a row per living track, in the order of their ids.

    Columns are views of the first `n` rows. `t_hit_ns` and `t_chance_ns` are (n, sensors): when the sensor last hit
    the track, and when it last could have.
    """

    def __init__(self, n_sensors: int) -> None:
        self.n = 0
        self._room: dict[str, NDArray[np.generic]] = {
            "track_id": np.zeros(64, np.uint32),
            "status": np.zeros(64, np.uint8),
            "t_ns": np.zeros(64, np.int64),
            "x": np.zeros((64, 2, 7)),
            "cov": np.zeros((64, 2, 7, 7)),
            "ln_odds": np.zeros(64),
            "has_round": np.zeros(64, np.bool_),
            "has_height": np.zeros(64, np.bool_),
            "n_hit": np.zeros(64, np.int64),
            "n_miss": np.zeros(64, np.int64),  # since the last hit
            "score": np.zeros(64),
            "miss_score": np.zeros(64),  # part of the score lost since the last hit
            "nis": np.zeros(64),
            "i_sensor": np.zeros(64, np.int64),  # of the last hit
            "t_hit_ns": np.zeros((64, n_sensors), np.int64),
            "t_chance_ns": np.zeros((64, n_sensors), np.int64),
        }
        self._bind()

    def _bind(self) -> None:
        for name, column in self._room.items():
            setattr(self, name, column[: self.n])

    track_id: NDArray[np.uint32]
    status: NDArray[np.uint8]
    t_ns: Ints
    x: Floats
    cov: Floats
    ln_odds: Floats
    has_round: Flags
    has_height: Flags
    n_hit: Ints
    n_miss: Ints
    score: Floats
    miss_score: Floats
    nis: Floats
    i_sensor: Ints
    t_hit_ns: Ints
    t_chance_ns: Ints

    def extend(self, count: int) -> slice:
        """Add zeroed rows at the end; returns where."""
        new = slice(self.n, self.n + count)
        for name, column in self._room.items():
            if new.stop > len(column):
                wider = np.zeros((2 * new.stop, *column.shape[1:]), column.dtype)
                wider[: self.n] = column[: self.n]
                self._room[name] = wider
            self._room[name][new] = 0
        self.n = new.stop
        self._bind()
        return new

    def keep(self, mask: Flags) -> None:
        """Forget the rows where the mask is False."""
        left = np.flatnonzero(mask)
        for column in self._room.values():
            column[: len(left)] = column[left]
        self.n = len(left)
        self._bind()

    @property
    def p_ballistic(self) -> Floats:
        """Probability (n,) that the ballistic model is the right one; 0 without any elevation."""
        return np.where(self.has_round, 1.0 / (1.0 + np.exp(-self.ln_odds)), 0.0)

    @property
    def motion(self) -> NDArray[np.uint8]:
        """The model (n,) that the reported state is of."""
        return np.where(self.has_round & (self.ln_odds > 0.0), _BALLISTIC, _LEVEL)

    @property
    def is_confirmed(self) -> Flags:
        """Whether (n,) each track was confirmed, coasting or not."""
        return (self.status == _CONFIRMED) | (self.status == _COASTING)

    def rows(self, t_ref_ns: int) -> kalman.Tracks:
        """Bundle the columns for a kernel, times in seconds from a reference."""
        t_s = (self.t_ns - t_ref_ns) / NS_PER_S
        return kalman.Tracks(t_s, self.x, self.cov, self.ln_odds, self.has_round, self.has_height, self.n_hit)


class Filter:
    """Applies the kernels to a table: score, update, start, report. Holds no track.

    Parameters
    ----------
    sensors : sequence of SensorModel
        In the order that `sensor_id` counts.
    environment : Environment
        Air, drag and Earth for the ballistic model.
    noise : kalman.Noise
        Process noise and priors.
    """

    def __init__(
        self, sensors: Sequence[SensorModel], environment: Environment, noise: kalman.Noise = PRIORS
    ) -> None:
        self.sensors, self.environment, self.noise = tuple(sensors), environment, noise
        self._bundles = tuple(_bundle(sensor) for sensor in sensors)
        self._declared = np.array(
            [
                (s.sigma_range_m, s.sigma_az_rad, s.sigma_el_rad, s.sigma_range_rate_mps, s.sigma_height_m)
                for s in sensors
            ]
        )
        self._room = 1024

    def plots_of(self, sensor_id: int, t_ns: Ints, values: Floats, t_ref_ns: int) -> kalman.Plots:
        """Bundle accepted plots, (n, 10) by `floats_of`, for the kernels; a missing sigma is the sensor's own."""
        model = self.sensors[sensor_id]
        z = values[:, _MEASURED]
        sigma = values[:, _SIGMAS]
        sigma[:, kalman.HEIGHT] = np.nan
        sigma = np.where(np.isnan(sigma), self._declared[sensor_id], sigma)
        z[np.isnan(sigma)] = np.nan  # an element without any sigma says nothing
        var = sigma * sigma
        var[:, kalman.AZ] *= _stretch(model, z)
        el = z[:, kalman.EL]
        is_flat = np.isnan(el)
        if is_flat.any():
            el = np.where(is_flat, 0.0, el)
        pos = model.locate(z[:, 0], z[:, 1], el)
        spread = var[:, 0] + z[:, 0] ** 2 * (var[:, 1] + np.where(is_flat, 0.0, var[:, 2]))
        slack = 4.5 * np.sqrt(spread) + 2.0 * kalman.HEIGHT_SPAN * is_flat
        return kalman.Plots((t_ns - t_ref_ns) / NS_PER_S, z, var, pos, slack, t_ns)

    def score(self, table: Table, plots: kalman.Plots, sensor_id: int, t_ref_ns: int, free_s: Floats) -> Pairs:
        """Find the pairs inside the gate and their log-likelihood ratios; `free_s` is each track's earliest plot."""
        rows, sensor = table.rows(t_ref_ns), self._bundles[sensor_id]
        while True:
            i_track, i_plot = np.empty(self._room, np.int64), np.empty(self._room, np.int64)
            llr = np.empty(self._room)
            n = kalman.score_pairs(
                rows, plots, sensor, self.environment, self.noise, free_s, GATE_D2, i_track, i_plot, llr
            )
            if n <= self._room:
                return Pairs(i_track[:n], i_plot[:n], llr[:n])
            self._room = 2 * n

    def update(
        self, table: Table, i_track: Ints, i_plot: Ints, plots: kalman.Plots, sensor_id: int, t_ref_ns: int
    ) -> None:
        """Update rows by plots, pair by pair."""
        nis = np.empty(len(i_track))
        sensor = self._bundles[sensor_id]
        kalman.update_tracks(
            table.rows(t_ref_ns), i_track, i_plot, plots, sensor, self.environment, self.noise, nis
        )
        table.nis[i_track] = nis

    def start(
        self, table: Table, new: slice, i_plot: Ints, plots: kalman.Plots, sensor_id: int, t_ref_ns: int
    ) -> None:
        """Fill new rows of the table from one plot each."""
        c = table.rows(t_ref_ns)
        rows = kalman.Tracks(
            c.t_s[new], c.x[new], c.cov[new], c.ln_odds[new], c.has_round[new], c.has_height[new], c.n_hit[new]
        )
        kalman.start_tracks(rows, i_plot, plots, self._bundles[sensor_id], self.environment, self.noise)

    def report(self, table: Table, i_track: Ints, t_ns: Ints, t_ref_ns: int) -> Reported:
        """Give ENU state and covariance of rows at the given times; the table stays as it is."""
        state, cov = np.empty((len(i_track), 7)), np.empty((len(i_track), 7, 7))
        t_s = (t_ns - t_ref_ns) / NS_PER_S
        kalman.report_tracks(table.rows(t_ref_ns), i_track, t_s, self.environment, self.noise, state, cov)
        return Reported(state, cov)


def false_density(sensor: SensorModel) -> float:
    """Return the density of false plots that the score assumes: never none at all."""
    return max(sensor.false_plots_per_scan, LEAST_FALSE_PLOTS) / sensor.extent


def _bundle(sensor: SensorModel) -> kalman.Sensor:
    flat = sensor.arc_rad * (sensor.range_m[1] - sensor.range_m[0])
    density_2d = max(sensor.false_plots_per_scan, LEAST_FALSE_PLOTS) / flat
    density_3d = false_density(sensor) if sensor.has_elevation else density_2d
    return kalman.Sensor(sensor.position_m, sensor.rotation, sensor.p_detection, density_3d, density_2d)


def _stretch(model: SensorModel, z: Floats) -> Floats:
    # A 2D radar's azimuth error grows as 1 / cos(elevation): its beam turns about the vertical (Skolnik, Radar
    # Handbook, 3rd ed. 2008, 7.9). Elevation from the reported height; a 3D radar's sigma is taken as it is declared.
    if model.has_elevation:
        return np.ones(len(z))
    sine = (z[:, kalman.HEIGHT] - model.position_m[2] - model.site_height_m) / z[:, kalman.RANGE]
    return 1.0 / np.maximum(1.0 - np.where(np.isnan(sine), 0.0, sine) ** 2, 0.03)


def floats_of(plots: Records) -> Floats:
    """Copy the float fields of PLOT rows, `range_m` to `snr_db`, into an (n, 10) array: one pass over packed rows."""
    if len(plots) == 0:
        return np.zeros((0, len(FLOAT_FIELDS)))
    offset = PLOT.fields["range_m"][1] if PLOT.fields else 0
    strides = (plots.strides[0], 8)
    return np.ndarray((len(plots), len(FLOAT_FIELDS)), np.float64, plots, offset, strides).copy()


def pick(plots: kalman.Plots, index: Ints) -> kalman.Plots:
    """Take some plots of a bundle."""
    t_s, z, var, pos, slack, t_ns = plots
    return kalman.Plots(t_s[index], z[index], var[index], pos[index], slack[index], t_ns[index])
