"""A sensor's health as a row of a table and of the summary: names at the edge, degrees where they say so."""

import math
from typing import Any, Final

from casemate.model.messages import SensorHealth

OFFSETS: Final = ("range_m", "azimuth_deg", "elevation_deg", "time_s")
"""The kinds of offset, as columns `bias_` and `sigma_`."""


def health_row(health: SensorHealth) -> dict[str, Any]:
    """Return state, reason, last delivery and offsets; None for what is not known.

    Parameters
    ----------
    health : SensorHealth
        What was last told of a sensor.
    """
    biases = health.bias_range_m, math.degrees(health.bias_az_rad), math.degrees(health.bias_el_rad), health.bias_time_s
    sigmas = (
        health.sigma_range_m,
        math.degrees(health.sigma_az_rad),
        math.degrees(health.sigma_el_rad),
        health.sigma_time_s,
    )
    return {
        "state": health.state.value,
        "reason": health.reason,
        "t_last_ns": health.t_last_ns,
        **{f"bias_{name}": _known(value) for name, value in zip(OFFSETS, biases, strict=True)},
        **{f"sigma_{name}": _known(value) for name, value in zip(OFFSETS, sigmas, strict=True)},
        "n_common": health.n_common,
        "applied": list(health.applied),
    }


def sensor_summary(names: tuple[str, ...], last: dict[int, SensorHealth], lost: dict[int, int]) -> dict[str, Any]:
    """Return by sensor how it was when the run ended, and how often it was lost.

    Parameters
    ----------
    names : tuple of str
        Of the site's sensors, in the order that `sensor_id` counts.
    last : dict of int to SensorHealth
        The newest of each; a sensor that never delivered has none.
    lost : dict of int to int
        How often each was lost.
    """
    out: dict[str, Any] = {}
    for i, name in enumerate(names):
        row = health_row(last[i]) if i in last else {"state": "waiting", "reason": "nothing came from it"}
        out[name] = {**row, "lost": lost.get(i, 0)}
    return out


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
