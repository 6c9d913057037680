"""Records: rows of numpy structured arrays, for bulk data and kernels.

SI and radians; time in int64 ns UTC since 1970; frame ENU of the site; a missing value is NaN.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]
"""A one-dimensional structured array of one of the dtypes below."""

PLOT = np.dtype(
    [
        ("plot_id", "u8"),
        ("sensor_id", "u2"),
        ("t_ns", "i8"),
        ("range_m", "f8"),
        ("az_rad", "f8"),
        ("el_rad", "f8"),
        ("height_m", "f8"),  # above mean sea level, from a transponder or the sensor
        ("range_rate_mps", "f8"),
        ("sigma_range_m", "f8"),
        ("sigma_az_rad", "f8"),
        ("sigma_el_rad", "f8"),
        ("sigma_range_rate_mps", "f8"),
        ("snr_db", "f8"),
    ]
)

TRACK = np.dtype(
    [
        ("track_id", "u4"),
        ("status", "u1"),
        ("motion", "u1"),
        ("is_height_known", "?"),
        ("t_ns", "i8"),
        ("state", "f8", (7,)),  # e n u [m], ve vn vu [m/s], ln of drag parameter Cd S / m [ln m2/kg]
        ("cov", "f8", (7, 7)),
        ("n_hit", "u2"),
        ("n_miss", "u2"),
        ("llr", "f8"),
        ("nis", "f8"),
        ("p_exists", "f8"),
        ("p_ballistic", "f8"),
    ]
)

TRACK_CLASS = np.dtype(
    [
        ("track_id", "u4"),
        ("i_kind", "u1"),  # a `Kind`: the likeliest of rounds if it is declared one, else of the others
        ("i_class", "i2"),  # counts the catalog's round classes; -1: not declared a round
        ("p_kind", "f8", (8,)),  # by `Kind`; they add up to 1
        ("p_round", "f8"),  # that it is any kind of round
        ("p_class", "f8"),  # that it is a round of `i_class`; with -1, that it is none
    ]
)
"""Row by row beside `TRACK`; probabilities given that there is a thing at all."""

IMPACT = np.dtype(
    [
        ("track_id", "u4"),
        ("t_ns", "i8"),
        ("t_impact_ns", "i8"),
        ("sigma_t_s", "f8"),
        ("point_m", "f8", (2,)),
        ("cov_m2", "f8", (2, 2)),
        ("speed_mps", "f8"),
        ("fall_angle_rad", "f8"),
        ("status", "u1"),
    ]
)

ZONE_RISK = np.dtype(
    [
        ("zone_id", "u2"),
        ("track_id", "u4"),
        ("threat_id", "u4"),  # of the track's first threat to an asset, 0: it threatens none
        ("t_ns", "i8"),  # of the estimate
        ("t_impact_ns", "i8"),
        ("sigma_t_s", "f8"),
        ("sigma_m", "f8"),  # of the impact point, along the ellipse's long axis
        ("p_hit", "f8"),  # comes down in the zone or near enough to hurt, if it is a round
        ("p_round", "f8"),  # p_exists times the p_round of its class
        ("n_hit", "u2"),
        ("i_class", "i2"),  # counts the catalog's round classes
        ("p_hurt", "f8"),  # that it hurts a person of the zone, standing in the open, if it comes down there
        ("point_m", "f8", (2,)),  # of the impact
        ("cov_m2", "f8", (2, 2)),
    ]
)
"""What one track is to one zone, as last judged."""

FATE = np.dtype([("plot_id", "u8"), ("track_id", "u4"), ("refusal", "u1")])
"""What became of a plot: the track that it updated (0: none), or why it was refused."""

FEED = np.dtype(
    [
        ("feed", "U80"),  # its URL
        ("t_ns", "i8"),
        ("state", "u1"),  # a `FeedState`
        ("t_last_ns", "i8"),  # when something last came, 0: nothing yet
        ("plots_per_s", "f8"),  # since the row before
        ("n_received", "u8"),  # datagrams, blocks or lines
        ("n_plots", "u8"),
        ("n_scans", "u8"),
        ("n_north_marks", "u8"),
        ("n_sector_marks", "u8"),
        ("n_refused", "u8"),  # by the feed; `FEED_REFUSED` says why
        ("n_lost", "u8"),  # datagrams that the system had no room for
        ("n_shed", "u8"),  # plots that the queue had no room for
    ]
)
"""How one feed is, as journalled each second or when its state changes; counts are since the start."""

FEED_CLOCK = np.dtype(
    [
        ("feed", "U80"),
        ("sensor_id", "u2"),
        ("t_ns", "i8"),
        ("t_last_ns", "i8"),  # of its newest plot or mark
        ("n_plots", "u8"),
        ("offset_s", "f8"),  # receipt less the time on the wire, the least lately
        ("drift_ppm", "f8"),  # by which its clock loses on ours
        ("sigma_drift_ppm", "f8"),
        ("shift_s", "f8"),  # added to its times, because they were too far off
        ("n_jumps", "u4"),  # how often the shift was changed
        ("is_off", "?"),  # its clock is wrong, or goes wrong, so much that somebody should see to it
    ]
)
"""How the clock of a sensor of a feed stands to the station's."""

FEED_REFUSED = np.dtype([("feed", "U80"), ("t_ns", "i8"), ("reason", "U96"), ("n", "u8")])
"""Why a feed did not use something, and how often so far."""

SYSTEM_TRACK = np.dtype(
    [
        ("source", "u2"),  # SAC * 256 + SIC
        ("t_ns", "i8"),
        ("category", "u1"),
        ("number", "i4"),  # of the track; -1: none
        ("address", "i4"),  # of the aircraft (Mode S); -1: none
        ("lat_rad", "f8"),
        ("lon_rad", "f8"),
        ("height_m", "f8"),  # above the WGS 84 ellipsoid
        ("level_m", "f8"),  # pressure altitude
        ("ve_mps", "f8"),
        ("vn_mps", "f8"),
        ("vu_mps", "f8"),
        ("sigma_e_m", "f8"),
        ("sigma_n_m", "f8"),
        ("is_end", "?"),
        ("is_coasting", "?"),
        ("is_drill", "?"),  # or a test
        ("callsign", "U8"),
    ]
)
"""A report of somebody else's tracker, or of an aircraft about itself: to compare with, never tracked."""

LABEL = np.dtype([("plot_id", "u8"), ("label", "U24")])
"""What the sensor (or the simulation) calls the thing behind a plot: beside plots, never inside them."""


class TrackStatus(IntEnum):
    """Life of a track."""

    TENTATIVE = 0
    CONFIRMED = 1
    COASTING = 2
    DROPPED = 3


class Motion(IntEnum):
    """The motion model that a track's state is given in."""

    BALLISTIC = 0
    LEVEL = 1


class Kind(IntEnum):
    """What kind of thing a track is."""

    ROCKET = 0
    MORTAR = 1
    SHELL = 2
    AIRCRAFT = 3
    HELICOPTER = 4
    DRONE = 5
    BIRD = 6
    OTHER = 7


class FeedState(IntEnum):
    """How a feed is."""

    WAITING = 0  # nothing came yet
    OK = 1
    SILENT = 2  # nothing for two seconds or two scans
    LOST = 3  # not connected
    ENDED = 4
    FAILED = 5  # a fault of the program; the others go on


class Status(IntEnum):
    """Per-row status of a computation; `STATUS_SENTENCES` says each in words."""

    OK = 0
    NOT_CONVERGED = 1
    MAX_TIME = 2
    OUT_OF_TABLE = 3
    NOT_FINITE = 4


STATUS_SENTENCES: dict[Status, str] = {
    Status.OK: "The value holds.",
    Status.NOT_CONVERGED: "The iteration did not settle within its limit.",
    Status.MAX_TIME: "The round did not come down within the time allowed.",
    Status.OUT_OF_TABLE: "The flight left the tables of air or drag.",
    Status.NOT_FINITE: "The input held a value that is not finite.",
}


class Refusal(IntEnum):
    """Why a plot was not used."""

    NONE = 0
    NOT_FINITE = 1
    UNKNOWN_SENSOR = 2
    OUT_OF_RANGE = 3
    LATE = 4
    FUTURE = 5
    DUPLICATE = 6
    BAD_SIGMA = 7  # 0, negative or absurd: the covariance of its errors would not be positive definite


def missing(dtype: np.dtype[Any], n: int) -> Records:
    """Make `n` rows whose floats are NaN (missing) and whose other fields are zero."""
    rows = np.zeros(n, dtype)
    for name in dtype.names or ():
        if dtype[name].base.kind == "f":
            rows[name] = np.nan
    return rows


def freeze(rows: Records) -> Records:
    """Make an array read-only and hand it back: one owner writes, everybody else reads."""
    rows.flags.writeable = False
    return rows
