"""What sensors and plots are to the kernels: bundles of numbers. Face of the look kernels."""

import math

import numpy as np
from numpy.typing import NDArray

from casemate.kernels import looks
from casemate.model.records import PLOT, Records
from casemate.physics.radar import SensorModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FLOAT_FIELDS = tuple(name for name in PLOT.names or () if PLOT[name] == np.float64)
EDGE_SIGMAS = 3.0
"""Margin at the edges of coverage and sectors, in sigmas of the measurement."""

LEAST_FALSE_PLOTS = 0.1
"""A scan; a site file may say 0, and then a single echo of weather would count as proof."""


def false_density(sensor: SensorModel) -> float:
    """Return the density of false plots that the score assumes: never none at all."""
    return max(sensor.false_plots_per_scan, LEAST_FALSE_PLOTS) / sensor.extent


def bundle_of(sensor: SensorModel) -> looks.Sensor:
    """Bundle what the kernels need to know of a sensor.

    False plots are taken as even over the volume and as even over range and angles, whichever is denser at a place:
    the second within 0.58 of the range, where real and simulated radars have more of them.
    """
    near, far = sensor.range_m
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
        sensor.extra_var,
        sensor.bias_var,
        math.sqrt((near * near + near * far + far * far) / 3.0),
    )


def floats_of(plots: Records) -> Floats:
    """Copy the float fields of PLOT rows, `range_m` to `snr_db`, into an (n, 10) array: one pass over packed rows."""
    if len(plots) == 0:
        return np.zeros((0, len(FLOAT_FIELDS)))
    offset = PLOT.fields["range_m"][1] if PLOT.fields else 0
    strides = (plots.strides[0], 8)
    return np.ndarray((len(plots), len(FLOAT_FIELDS)), np.float64, plots, offset, strides).copy()
