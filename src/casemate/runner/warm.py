"""Warming up: what a live pipeline would compile or load at its first plots is had before it listens.

A kernel is compiled for the layout of its arrays, and an array of one row has another than one of two: hence the scene
has looks with nothing, with one thing and with many.
"""

import math
from typing import Final

import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.messages import Scan, Tick
from casemate.model.records import PLOT, Records, freeze, missing
from casemate.physics.radar import SensorModel, sensor_models
from casemate.physics.terrain import Terrain
from casemate.pipeline import Pipeline, Plan

_N_SCANS: Final = 26
_N_ALONE: Final = 9  # scans in which one round is all there is
_N_ROUNDS: Final = 6  # of a salvo, a scan apart: enough for a common mouth to be proposed
_N_LEVEL: Final = 8  # things on level courses, two of which cross
_N_FALSE: Final = 3  # plots a scan
_UNSEEN: Final = (13, 14, 20)  # scans without plots: coasting
_FALL_MPS2: Final = 9.8
_UP_MPS, _ALONG_MPS = 190.0, 160.0  # of a round at its mouth
_LEVEL_MPS: Final = 60.0
_GOLDEN: Final = 0.618033988749895  # its multiples lie apart from each other, as chance would have them
_T0_NS: Final = 1_000_000_000 * NS_PER_S  # any time: nothing of this is kept


def warm(plan: Plan, terrain: Terrain | None) -> None:
    """Step a pipeline of the same plan, which is then thrown away, by a made-up scene: salvo, traffic, false plots.

    Parameters
    ----------
    plan : Plan
    terrain : Terrain or None
        As `Pipeline` takes them.
    """
    pipeline = Pipeline(plan, terrain)
    t_ns, n_plots = _T0_NS, 0
    for sensor_id, sensor in enumerate(sensor_models(plan.site.sensor, plan.frame())):
        for k in range(_N_SCANS):
            t_ns += round(sensor.scan_period_s * NS_PER_S)
            places = [] if k in _UNSEEN else _things(sensor, k)
            plots = _plots(sensor, places, t_ns)
            if not sensor.has_elevation and k >= _N_ALONE:  # a transponder tells it, or nothing does
                plots["height_m"] = sensor.site_height_m + np.array([up_m for _, _, up_m in places])
            plots["plot_id"], plots["sensor_id"] = n_plots + 1 + np.arange(len(plots)), sensor_id
            n_plots += len(plots)
            pipeline.step(
                Scan(
                    sensor_id=sensor_id,
                    t_start_ns=t_ns,
                    t_end_ns=t_ns,
                    t_recv_ns=t_ns,
                    az_from_rad=0.0,
                    az_to_rad=0.0,
                    plots=freeze(plots),
                )
            )
            pipeline.step(Tick(t_ns=t_ns))
    pipeline.step(Tick(t_ns=t_ns + 30 * NS_PER_S))


def _things(sensor: SensorModel, k: int) -> list[tuple[float, float, float]]:
    """Return level range [m], azimuth [rad] and height over the sensor [m] of what is there at scan k."""
    reach_m = min(6_500.0, 0.5 * (sensor.range_m[0] + sensor.range_m[1]))
    middle_rad, arc_rad = sensor.az_rad[0] + 0.5 * sensor.arc_rad, 0.8 * sensor.arc_rad
    places: list[tuple[float, float, float]] = []
    for i in range(_N_ROUNDS):
        t_s = (k - i * (1 if i < 2 else 2) - _N_ALONE * (i > 0) + 1) * sensor.scan_period_s
        up_m = _UP_MPS * t_s - 0.5 * _FALL_MPS2 * t_s**2
        if t_s > 0.0 and up_m > 0.0:
            places.append((abs(reach_m - _ALONG_MPS * t_s), middle_rad + 0.002 * i, up_m))
    if k < _N_ALONE:
        return places
    for i in range(_N_LEVEL):
        east_m = (1.0 - 2.0 * (i % 2)) * _LEVEL_MPS * (k - 16) * sensor.scan_period_s
        off_rad = arc_rad * ((i // 2) / (_N_LEVEL // 2) - 0.5) + east_m / reach_m
        places.append((reach_m, middle_rad + off_rad, 400.0 + 100.0 * (i // 2)))
    for i in range(_N_FALSE):
        u = (k * _N_FALSE + i) * _GOLDEN % 1.0
        places.append((reach_m * (0.4 + u), middle_rad + arc_rad * (13.0 * u % 1.0 - 0.5), 200.0 + 900.0 * u))
    return places


def _plots(sensor: SensorModel, places: list[tuple[float, float, float]], t_ns: int) -> Records:
    plots = missing(PLOT, len(places))
    for plot, (away_m, az_rad, up_m) in zip(plots, places, strict=True):
        plot["range_m"], plot["az_rad"] = math.hypot(away_m, up_m), az_rad % (2.0 * math.pi)
        plot["el_rad"] = math.atan2(up_m, away_m) if sensor.has_elevation else math.nan
        plot["t_ns"] = t_ns
    return plots
