"""What records hold: plots, antenna marks and the system tracks of others."""

import math
from typing import Final, NamedTuple

from casemate.model.records import Records

NAN: Final = math.nan
NM_M: Final = 1852.0
FT_M: Final = 0.3048
DEG_RAD: Final = math.pi / 180.0


class PlotItem(NamedTuple):
    """What a record says of a plot: the fields of `PLOT` after its time, and what the sensor calls it."""

    range_m: float
    az_rad: float
    el_rad: float = NAN
    height_m: float = NAN
    range_rate_mps: float = NAN
    sigma_range_m: float = NAN
    sigma_az_rad: float = NAN
    sigma_el_rad: float = NAN
    sigma_range_rate_mps: float = NAN
    snr_db: float = NAN
    label: str = ""


class MarkItem(NamedTuple):
    """What a record says of an antenna."""

    az_rad: float
    is_north: bool


class TrackItem(NamedTuple):
    """What a record says of a track: the fields of `SYSTEM_TRACK` but source and time."""

    category: int
    number: int
    address: int
    lat_rad: float
    lon_rad: float
    height_m: float
    level_m: float
    ve_mps: float
    vn_mps: float
    vu_mps: float
    sigma_e_m: float
    sigma_n_m: float
    is_end: bool
    is_coasting: bool
    is_drill: bool
    callsign: str


Item = PlotItem | MarkItem | TrackItem
"""What a record is read into; where it is of no use, a sentence says why ("": it never is, a status message)."""


class Mark(NamedTuple):
    """Where an antenna points: a north mark, or the crossing into the sector that begins at `az_rad`."""

    sensor_id: int
    t_ns: int
    az_rad: float
    is_north: bool


class Decoded(NamedTuple):
    """What a datagram held, in its order."""

    plots: Records  # PLOT (n,), plot_id 0
    labels: Records  # LABEL, plot_id: the row in `plots`
    marks: tuple[Mark, ...]
    tracks: Records  # SYSTEM_TRACK
