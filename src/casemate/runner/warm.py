"""Warming up: what a live pipeline would compile or load at its first plots is had before it listens."""

import math
from typing import Final

from casemate.constants import NS_PER_S
from casemate.model.messages import Scan, Tick
from casemate.model.records import PLOT, freeze, missing
from casemate.physics.radar import sensor_models
from casemate.physics.terrain import Terrain
from casemate.pipeline import Pipeline, Plan

_N_SCANS: Final = 14
_FALL_MPS2: Final = 9.8
_T0_NS: Final = 1_000_000_000 * NS_PER_S  # any time: nothing of this is kept


def warm(plan: Plan, terrain: Terrain | None) -> None:
    """Step a pipeline of the same plan, which is then thrown away, by made-up scans of a round that comes down.

    Parameters
    ----------
    plan : Plan
    terrain : Terrain or None
        As `Pipeline` takes them.
    """
    pipeline = Pipeline(plan, terrain)
    for sensor_id, sensor in enumerate(sensor_models(plan.site.sensor, plan.frame())):
        reach_m = min(6_000.0, 0.5 * (sensor.range_m[0] + sensor.range_m[1]))
        az_rad = sensor.az_rad[0] + 0.5 * sensor.arc_rad
        for k in range(_N_SCANS):
            t_s = k * sensor.scan_period_s
            t_ns = _T0_NS + round(sensor_id * 2 * _N_SCANS * NS_PER_S + t_s * NS_PER_S)
            plots = missing(PLOT, 1)
            away_m, up_m = reach_m - 250.0 * t_s, 300.0 + 120.0 * t_s - 0.5 * _FALL_MPS2 * t_s**2
            plots["range_m"], plots["az_rad"] = math.hypot(away_m, up_m), az_rad
            plots["el_rad"] = math.atan2(up_m, away_m) if sensor.has_elevation else math.nan
            plots["plot_id"], plots["sensor_id"] = sensor_id * _N_SCANS + k + 1, sensor_id
            plots["t_ns"] = t_ns
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
    pipeline.step(Tick(t_ns=_T0_NS + NS_PER_S * 2 * _N_SCANS * len(plan.site.sensor)))
