"""The door: which plots of a scan may come in, and why the others may not.

What passes is finite, inside physical bounds, from the sensor that the scan names and in order of time, so that
nothing behind the door need ask again.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.messages import Scan
from casemate.model.records import Records, Refusal
from casemate.physics.radar import SensorModel
from casemate.tracking.filter import FLOAT_FIELDS, Floats, Ints

AHEAD_NS = NS_PER_S
"""A scan may end so long after it was received: clocks of sensor and station differ. Beyond it is the future."""

OLDEST_NS = 60 * NS_PER_S
"""A plot may be so much older than the start of its scan."""

LATEST_NS = 2**62
"""Times beyond (year 2116) or below 0 cannot be: keeps differences inside int64."""

MARGIN = 1.02
"""Of the sensor's maximum range: quantised edges."""

LOW = {
    "range_m": 1.0,
    "az_rad": -4.0 * math.pi,
    "el_rad": -0.8,  # from a mountain of 2,000 m to a valley 2 km away
    "height_m": -1e3,  # the Dead Sea lies at -430
    "range_rate_mps": -4e3,
    "sigma_range_m": 1e-2,
    "sigma_az_rad": 1e-6,
    "sigma_el_rad": 1e-6,
    "sigma_range_rate_mps": 1e-3,
    "snr_db": -1e3,
}
HIGH = {
    "az_rad": 4.0 * math.pi,
    "el_rad": 1.55,  # nearer the zenith azimuth says nothing, and its error no longer fits in a covariance
    "height_m": 1e5,
    "range_rate_mps": 4e3,  # ballistic missiles of 1,000 km range come down at 3 km/s
    "sigma_range_m": 1e4,
    "sigma_az_rad": 0.5,
    "sigma_el_rad": 0.5,
    "sigma_range_rate_mps": 1e3,
    "snr_db": 1e3,
}
"""What a plot may say [SI]: wide, there to keep arithmetic sane; `range_m` ends at the sensor's own maximum.

A sigma outside makes a covariance that is not positive definite in floating point: 0, negative, or so small or large
that its square vanishes beside the others or swallows them."""

_NEEDED = ("range_m", "az_rad")  # without these no plot; they come first of the float fields
assert FLOAT_FIELDS[: len(_NEEDED)] == _NEEDED
_IS_SIGMA = np.array([name.startswith("sigma_") for name in FLOAT_FIELDS])
_UNKNOWN_SENSOR, _NOT_FINITE, _OUT_OF_RANGE, _LATE, _FUTURE, _DUPLICATE, _BAD_SIGMA = (
    np.uint8(why)
    for why in (
        Refusal.UNKNOWN_SENSOR,
        Refusal.NOT_FINITE,
        Refusal.OUT_OF_RANGE,
        Refusal.LATE,
        Refusal.FUTURE,
        Refusal.DUPLICATE,
        Refusal.BAD_SIGMA,
    )
)


class Seen(NamedTuple):
    """Plots accepted lately: time and (range, azimuth)."""

    t_ns: Ints  # (k,)
    key: Floats  # (k, 2)


NOTHING_SEEN = Seen(np.zeros(0, np.int64), np.zeros((0, 2)))


def add_seen(seen: Seen, t_ns: Ints, values: Floats, t_late_ns: int) -> Seen:
    """Add accepted plots and forget those that are late by now: they would be refused anyway."""
    key = values[:, : len(_NEEDED)]
    if len(seen.t_ns) == 0 or seen.t_ns.max() < t_late_ns:
        return Seen(t_ns, key)
    both = Seen(np.concatenate([seen.t_ns, t_ns]), np.concatenate([seen.key, key]))
    keep = both.t_ns >= t_late_ns
    return both if keep.all() else Seen(both.t_ns[keep], both.key[keep])


class Bounds(NamedTuple):
    """Least and most value of each float field of a plot, in the order of `FLOAT_FIELDS`."""

    low: Floats
    high: Floats


def bounds_of(sensor: SensorModel) -> Bounds:
    """Make the bounds of a sensor's plots."""
    high = HIGH | {"range_m": MARGIN * sensor.range_m[1]}
    return Bounds(np.array([LOW[k] for k in FLOAT_FIELDS]), np.array([high[k] for k in FLOAT_FIELDS]))


def late_before_ns(t_last_ns: int, sensor: SensorModel) -> int:
    """Return the time before which a plot is late: a tenth of a turn before the end of its sensor's last scan.

    Sectors of one turn overlap a little in time.
    """
    return t_last_ns - round(sensor.scan_period_s * NS_PER_S) // 10


def is_known(scan: Scan, n_sensors: int) -> bool:
    """Tell whether the scan names a declared sensor."""
    return 0 <= scan.sensor_id < n_sensors


def is_timely(scan: Scan) -> bool:
    """Tell whether the scan's own times can be."""
    start, end, received = scan.t_start_ns, scan.t_end_ns, scan.t_recv_ns
    are_possible = 0 <= start < LATEST_NS and 0 <= end < LATEST_NS and 0 <= received < LATEST_NS
    return are_possible and end <= received + AHEAD_NS


def judge(scan: Scan, values: Floats, bounds: Bounds, t_late_ns: int, seen: Seen) -> NDArray[np.uint8]:
    """Return a `Refusal` for each plot of a scan from a known sensor.

    Parameters
    ----------
    scan : Scan
    values : (n, 10) float64
        The plots' float fields, by `filter.floats_of`.
    bounds : Bounds
        Of the sensor that the scan names.
    t_late_ns : int
        Anything before is late: the end of the sensor's last scan, less a tenth of a turn.
    seen : Seen
        Plots accepted since then; one that comes again is a duplicate.
    """
    plots = scan.plots
    refusal = np.zeros(len(plots), np.uint8)
    if len(plots) == 0:
        return refusal
    t_ns, t_least = plots["t_ns"], max(t_late_ns, scan.t_start_ns - OLDEST_NS)
    key = values[:, : len(_NEEDED)]
    is_out = (values < bounds.low) | (values > bounds.high)
    is_foreign = plots["sensor_id"] != scan.sensor_id
    is_timed = is_timely(scan) and t_ns.min() >= t_least and t_ns.max() <= scan.t_end_ns
    if not is_timed or any(map(np.count_nonzero, (is_out, is_foreign, np.isnan(key)))):
        # where several reasons apply the first of `Refusal` stands: so they are written from the last to the first
        refusal[is_out[:, _IS_SIGMA].any(axis=1)] = _BAD_SIGMA
        refusal[(t_ns > scan.t_end_ns) | (not is_timely(scan))] = _FUTURE
        refusal[t_ns < t_least] = _LATE
        refusal[is_out[:, ~_IS_SIGMA].any(axis=1)] = _OUT_OF_RANGE
        refusal[is_foreign] = _UNKNOWN_SENSOR
        refusal[np.isinf(values).any(axis=1) | np.isnan(key).any(axis=1)] = _NOT_FINITE
        free = np.flatnonzero(refusal == 0)
        refusal[free[_is_repeated(t_ns[free], key[free], seen)]] = _DUPLICATE
    else:
        refusal[_is_repeated(t_ns, key, seen)] = _DUPLICATE
    return refusal


def _is_repeated(t_ns: Ints, key: Floats, seen: Seen) -> NDArray[np.bool_]:
    # same time, range and azimuth as an earlier plot; the first one stays
    times = np.concatenate([seen.t_ns, t_ns])
    in_order = np.sort(times)
    if not np.count_nonzero(in_order[1:] == in_order[:-1]):  # as a rule no two plots are of one nanosecond
        return np.zeros(len(t_ns), np.bool_)
    keys = np.concatenate([seen.key, key])
    order = np.lexsort((keys[:, 1], keys[:, 0], times))  # of equals the first stays in front
    is_same = (np.diff(times[order]) == 0) & (np.diff(keys[order], axis=0) == 0.0).all(axis=1)
    repeated = np.zeros(len(times), np.bool_)
    repeated[order[1:][is_same]] = True
    return repeated[len(seen.t_ns) :]


def follow_repeats(plots: Records, fates: Records) -> None:
    """Name beside each plot that came again in its scan the track that the first of them updated.

    It changes no state, yet a reader of the fates who asks "whose plot is this?" gets the same answer for both.
    """
    again = np.flatnonzero(fates["refusal"] == _DUPLICATE)
    if len(again) == 0:
        return
    keys = list(zip(plots["t_ns"].tolist(), plots["range_m"].tolist(), plots["az_rad"].tolist(), strict=True))
    first = {keys[i]: fates["track_id"][i] for i in np.flatnonzero(fates["refusal"] == 0)}
    fates["track_id"][again] = [first.get(keys[i], 0) for i in again]
