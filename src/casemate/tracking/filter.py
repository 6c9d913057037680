"""The filter: what plots and time do to the states of the table of tracks. Face of the look, Kalman and track kernels.

Every track runs two motion models side by side, ballistic and level, weighted by their likelihoods (a static
multiple model: Bar-Shalom, Li, Kirubarajan, Estimation with Applications, 2001, section 11.6.2; the odds are kept
within a limit, so that they can turn). Letters: x state, P (`cov`) covariance, z measurement, S its
predicted covariance.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from casemate.constants import NS_PER_S
from casemate.kernels import kalman, looks, tracks
from casemate.model.records import PLOT, Records
from casemate.physics.environment import Environment
from casemate.physics.radar import SensorModel
from casemate.tracking.priors import PRIORS
from casemate.tracking.table import Bytes, Floats, Ints, Reported, Table

GATE_D2 = 16.27
"""Squared distance that holds 99.9 % of the true plots, chi-square with 3 degrees of freedom."""

FLOAT_FIELDS = tuple(name for name in PLOT.names or () if PLOT[name] == np.float64)
EDGE_SIGMAS = 3.0
"""Margin at the edges of coverage and sectors, in sigmas of the measurement."""

LEAST_FALSE_PLOTS = 0.1
"""A scan; a site file may say 0, and then a single echo of weather would count as proof."""

Plots = tracks.Plots


class Pairs(NamedTuple):
    """Track-plot pairs inside the gate, by track, then plot."""

    i_track: Ints
    i_plot: Ints
    llr: Floats


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

    def __init__(self, sensors: Sequence[SensorModel], environment: Environment, noise: kalman.Noise = PRIORS) -> None:
        self.sensors, self.environment, self.noise = tuple(sensors), environment, noise
        self._bundles = tuple(_bundle(sensor) for sensor in sensors)
        self._room = 1024

    def plots_of(self, sensor_id: int, t_ns: Ints, values: Floats, t_ref_ns: int) -> tracks.Plots:
        """Bundle accepted plots, (n, 10) by `floats_of`, for the kernels."""
        n = len(t_ns)
        z, var, pos, slack = np.empty((n, 5)), np.empty((n, 5)), np.empty((n, 3)), np.empty(n)
        looks.gather_plots(values, self._bundles[sensor_id], self.environment, z, var, pos, slack)
        return tracks.Plots((t_ns - t_ref_ns) / NS_PER_S, z, var, pos, slack, t_ns)

    def watch(self, table: Table, now: Reported, sensor_id: int, arc_rad: tuple[float, float]) -> Bytes:
        """Tell what a sweep over an arc (from, width) could see of each track: the codes of `looks.watch_tracks`."""
        codes = np.empty(table.n, np.uint8)
        bundle = self._bundles[sensor_id]
        looks.watch_tracks(now.state, table.has_height, bundle, self.environment, *arc_rad, EDGE_SIGMAS, codes)
        return codes

    def score(self, table: Table, plots: tracks.Plots, sensor_id: int, t_ref_ns: int, free_s: Floats) -> Pairs:
        """Find the pairs inside the gate and their log-likelihood ratios; `free_s` is each track's earliest plot."""
        rows, sensor = _columns(table, t_ref_ns), self._bundles[sensor_id]
        while True:
            i_track, i_plot = np.empty(self._room, np.int64), np.empty(self._room, np.int64)
            llr = np.empty(self._room)
            n = tracks.score_pairs(
                rows, plots, sensor, self.environment, self.noise, free_s, GATE_D2, i_track, i_plot, llr
            )
            if n <= self._room:
                return Pairs(i_track[:n], i_plot[:n], llr[:n])
            self._room = 2 * n

    def update(
        self, table: Table, i_track: Ints, i_plot: Ints, plots: tracks.Plots, sensor_id: int, t_ref_ns: int
    ) -> None:
        """Update rows by plots, pair by pair."""
        nis = np.empty(len(i_track))
        rows, sensor = _columns(table, t_ref_ns), self._bundles[sensor_id]
        tracks.update_tracks(rows, i_track, i_plot, plots, sensor, self.environment, self.noise, nis)
        table.nis[i_track] = nis

    def start(self, table: Table, new: slice, i_plot: Ints, plots: tracks.Plots, sensor_id: int, t_ref_ns: int) -> None:
        """Fill new rows of the table from one plot each."""
        c = _columns(table, t_ref_ns)
        rows = tracks.Tracks(
            c.t_s[new], c.x[new], c.cov[new], c.ln_odds[new], c.has_round[new], c.has_height[new], c.n_hit[new]
        )
        tracks.start_tracks(rows, i_plot, plots, self._bundles[sensor_id], self.environment, self.noise)

    def report(self, table: Table, i_track: Ints, t_s: Floats, t_ref_ns: int) -> Reported:
        """Give ENU state and covariance of tracks at times [s from t_ref_ns]; the table stays as it is."""
        state, cov = np.empty((len(i_track), 7)), np.empty((len(i_track), 7, 7))
        rows = _columns(table, t_ref_ns)
        tracks.report_tracks(rows, i_track, t_s, self.environment, self.noise, state, cov)
        return Reported(state, cov)


def _columns(table: Table, t_ref_ns: int) -> tracks.Tracks:
    # what the track kernels read and write, times in seconds from a reference
    t_s = (table.t_ns - t_ref_ns) / NS_PER_S
    return tracks.Tracks(t_s, table.x, table.cov, table.ln_odds, table.has_round, table.has_height, table.n_hit)


def false_density(sensor: SensorModel) -> float:
    """Return the density of false plots that the score assumes: never none at all."""
    return max(sensor.false_plots_per_scan, LEAST_FALSE_PLOTS) / sensor.extent


def _bundle(sensor: SensorModel) -> looks.Sensor:
    flat = sensor.arc_rad * (sensor.range_m[1] - sensor.range_m[0])
    density_2d = max(sensor.false_plots_per_scan, LEAST_FALSE_PLOTS) / flat
    density_3d = false_density(sensor) if sensor.has_elevation else density_2d
    sigmas = (
        sensor.sigma_range_m,
        sensor.sigma_az_rad,
        sensor.sigma_el_rad,
        sensor.sigma_range_rate_mps,
        sensor.sigma_height_m,
    )
    edges = (*sensor.range_m, sensor.az_rad[0], sensor.arc_rad, *sensor.el_rad)
    return looks.Sensor(
        sensor.position_m,
        sensor.rotation,
        sensor.p_detection,
        density_3d,
        density_2d,
        np.array(sigmas),
        np.array(edges),
        sensor.has_elevation,
    )


def floats_of(plots: Records) -> Floats:
    """Copy the float fields of PLOT rows, `range_m` to `snr_db`, into an (n, 10) array: one pass over packed rows."""
    if len(plots) == 0:
        return np.zeros((0, len(FLOAT_FIELDS)))
    offset = PLOT.fields["range_m"][1] if PLOT.fields else 0
    strides = (plots.strides[0], 8)
    return np.ndarray((len(plots), len(FLOAT_FIELDS)), np.float64, plots, offset, strides).copy()


def pick(plots: tracks.Plots, index: Ints) -> tracks.Plots:
    """Take some plots of a bundle."""
    t_s, z, var, pos, slack, t_ns = plots
    return tracks.Plots(t_s[index], z[index], var[index], pos[index], slack[index], t_ns[index])
