"""The door: which plots of a scan may come in, and why the others may not.

What passes is finite, inside physical bounds, from the sensor that the scan names and in order of time, so that
nothing behind the door need ask again.
"""

import math

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.messages import Scan
from casemate.model.records import Records, Refusal
from casemate.physics.radar import SensorModel

AHEAD_NS = NS_PER_S
"""A scan may end so long after it was received: clocks of sensor and station differ. Beyond it is the future."""

OLDEST_NS = 60 * NS_PER_S
"""A plot may be so much older than the start of its scan."""

LATEST_NS = 2**62
"""Times beyond (year 2116) or below 0 cannot be: keeps differences inside int64."""

MAX_HEIGHT_M, MAX_RATE_MPS = 1e5, 2e4
MAX_SIGMAS = (("sigma_range_m", 1e4), ("sigma_az_rad", 0.5), ("sigma_el_rad", 0.5), ("sigma_range_rate_mps", 1e3))
LEAST_SIGMAS = {"sigma_range_m": 1e-2, "sigma_az_rad": 1e-6, "sigma_el_rad": 1e-6, "sigma_range_rate_mps": 1e-3}
MARGIN = 1.02
"""Of the sensor's maximum range: quantised edges."""


def is_known(scan: Scan, n_sensors: int) -> bool:
    """Tell whether the scan names a declared sensor."""
    return 0 <= scan.sensor_id < n_sensors


def is_timely(scan: Scan) -> bool:
    """Tell whether the scan's own times can be."""
    times = (scan.t_start_ns, scan.t_end_ns, scan.t_recv_ns)
    return all(0 <= t < LATEST_NS for t in times) and scan.t_end_ns <= scan.t_recv_ns + AHEAD_NS


def judge(scan: Scan, sensor: SensorModel, t_last_ns: int, seen: Records) -> NDArray[np.uint8]:
    """Return a `Refusal` for each plot of a scan from a known sensor.

    Parameters
    ----------
    scan : Scan
    sensor : SensorModel
        The one that the scan names.
    t_last_ns : int
        End of the sensor's previous scan: anything before is late.
    seen : PLOT (k,)
        Plots accepted in that previous scan; one that comes again is a duplicate.
    """
    plots = scan.plots
    refusal = np.zeros(len(plots), np.uint8)

    def refuse(mask: NDArray[np.bool_], why: Refusal) -> None:
        refusal[mask & (refusal == Refusal.NONE)] = why

    refuse(plots["sensor_id"] != scan.sensor_id, Refusal.UNKNOWN_SENSOR)
    refuse(_is_not_finite(plots), Refusal.NOT_FINITE)
    refuse(_is_out_of_range(plots, sensor), Refusal.OUT_OF_RANGE)
    t_ns = plots["t_ns"]
    refuse((t_ns > scan.t_end_ns) | (not is_timely(scan)), Refusal.FUTURE)
    refuse((t_ns < t_last_ns) | (t_ns < scan.t_start_ns - OLDEST_NS), Refusal.LATE)
    refuse(_is_repeated(plots, seen, refusal == Refusal.NONE), Refusal.DUPLICATE)
    return refusal


def _is_not_finite(plots: Records) -> NDArray[np.bool_]:
    bad = ~np.isfinite(plots["range_m"]) | ~np.isfinite(plots["az_rad"])
    for name in ("el_rad", "height_m", "range_rate_mps", *LEAST_SIGMAS):
        bad |= np.isinf(plots[name])
    return bad


def _is_out_of_range(plots: Records, sensor: SensorModel) -> NDArray[np.bool_]:
    reach = plots["range_m"]
    bad = ~((reach > 0.0) & (reach <= MARGIN * sensor.range_m[1])) | (np.abs(plots["az_rad"]) > 4.0 * math.pi)
    bad |= np.abs(plots["el_rad"]) > math.pi / 2.0
    bad |= (np.abs(plots["height_m"]) > MAX_HEIGHT_M) | (np.abs(plots["range_rate_mps"]) > MAX_RATE_MPS)
    for name, most in MAX_SIGMAS:
        bad |= (plots[name] < LEAST_SIGMAS[name]) | (plots[name] > most)
    return bad


def _is_repeated(plots: Records, seen: Records, use: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # same time, range and azimuth as an earlier plot; the first one stays
    both = np.concatenate([seen, plots[use]])
    order = np.lexsort((both["az_rad"], both["range_m"], both["t_ns"]))
    ranked = both[order]
    same = np.ones(max(len(both) - 1, 0), np.bool_)
    for name in ("t_ns", "range_m", "az_rad"):
        same &= ranked[name][1:] == ranked[name][:-1]
    repeated = np.zeros(len(both), np.bool_)
    repeated[order[1:][same]] = True
    out = np.zeros(len(plots), np.bool_)
    out[np.flatnonzero(use)] = repeated[len(seen) :]
    return out
