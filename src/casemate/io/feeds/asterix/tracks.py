"""System tracks of others (CAT062, 021, 020, and CAT015's own) into rows of `SYSTEM_TRACK`: to compare with, no input.

The item numbers are EUROCONTROL's: SUR.ET1.ST05.2000-STD-09-01 (CAT062), SUR.ET1.ST05.2000-STD-12-01 (CAT021),
SUR.ET1.ST05.2000-STD-14-02 (CAT020), EUROCONTROL-SPEC-0149-15 (CAT015).

Notes
-----
Heights count from the WGS 84 ellipsoid (I062/130, I021/140, I020/105, I015/601); `level_m` is a pressure altitude.
Velocities are along the sender's own axes: true east and north for CAT021, those of its projection for the others,
which differ from them by the convergence of its meridians.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from casemate.io.feeds.asterix.layout import Found, Layout
from casemate.io.feeds.asterix.records import DEG_RAD, FT_M, NAN, NM_M, TrackItem

Number = Callable[[Found], float]
"""Reads a number out of a record, NaN where it is missing."""
Path = tuple[str, ...]
_NUMBERS: Final = (
    *("lat", "lon", "number", "address", "callsign", "height", "level", "ve", "vn", "vu"),
    *("sigma_e", "sigma_n", "end", "coasting", "drill", "test"),
)
_TRACK_END: Final = 5  # I015/000
_FPM_MPS: Final = FT_M / 60.0
_LEVEL_M: Final = 100.0 * FT_M
_SIX_BIT: Final = " ABCDEFGHIJKLMNOPQRSTUVWXYZ     " + " " * 16 + "0123456789" + " " * 6
"""ICAO Annex 10, Volume IV, 3.1.2.9: the characters of an aircraft identification; what is none as a blank."""


class Paths(NamedTuple):
    """Where the fields of a track are in a category: the first path of each that the edition, and the record, has."""

    lat: tuple[Path, ...]
    lon: tuple[Path, ...]
    number: tuple[Path, ...]
    address: tuple[Path, ...]
    callsign: tuple[Path, ...]
    height: tuple[Path, ...]
    height_m: float  # the unit of `height`
    level: tuple[Path, ...]
    ve: tuple[Path, ...]
    vn: tuple[Path, ...]
    vu: tuple[Path, ...]
    vu_mps: float
    sigma_e: tuple[Path, ...]
    sigma_n: tuple[Path, ...]
    end: tuple[Path, ...]
    coasting: tuple[Path, ...]
    drill: tuple[Path, ...]
    test: tuple[Path, ...]


PATHS: Final = {
    62: Paths(
        lat=(("105", "LAT"),),
        lon=(("105", "LON"),),
        number=(("040",),),
        address=(("380", "ADR"),),
        callsign=(("380", "ID"),),
        height=(("130",),),
        height_m=FT_M,
        level=(("136",),),
        ve=(("185", "VX"),),
        vn=(("185", "VY"),),
        vu=(("220",),),
        vu_mps=_FPM_MPS,
        sigma_e=(("500", "APC", "X"),),
        sigma_n=(("500", "APC", "Y"),),
        end=(("080", "TSE"),),
        coasting=(("080", "CST"),),
        drill=(("080", "SIM"),),
        test=(),
    ),
    20: Paths(
        lat=(("041", "LAT"),),
        lon=(("041", "LON"),),
        number=(("161", "TRN"),),
        address=(("220",),),
        callsign=(("245", "CHR"),),
        height=(("105",),),
        height_m=FT_M,
        level=(("090", "FL"),),
        ve=(("202", "VX"),),
        vn=(("202", "VY"),),
        vu=(),
        vu_mps=1.0,
        sigma_e=(("500", "SDP", "X"),),
        sigma_n=(("500", "SDP", "Y"),),
        end=(("170", "TRE"),),
        coasting=(("170", "CST"),),
        drill=(("020", "SIM"),),
        test=(("020", "TST"),),
    ),
    21: Paths(
        lat=(("131", "LAT"), ("130", "LAT")),
        lon=(("131", "LON"), ("130", "LON")),
        number=(("161", "TRNUM"),),
        address=(("080",),),
        callsign=(("170",),),
        height=(("140",),),
        height_m=FT_M,
        level=(("145",),),
        ve=(),  # a speed and an angle: see below
        vn=(),
        vu=(("157", "GVR"), ("155", "BVR"), ("157",), ("155",)),
        vu_mps=_FPM_MPS,
        sigma_e=(),
        sigma_n=(),
        end=(),
        coasting=(),
        drill=(("040", "SIM"),),
        test=(("040", "TST"),),
    ),
    15: Paths(
        lat=(("600", "P84", "LATITUDE"),),
        lon=(("600", "P84", "LONGITUDE"),),
        number=(("161",),),
        address=(),
        callsign=(),
        height=(("601", "GH"),),
        height_m=1.0,
        level=(),
        ve=(("602", "HV", "X"),),
        vn=(("602", "HV", "Y"),),
        vu=(("604", "VV"),),
        vu_mps=1.0,
        sigma_e=(("600", "HPP", "SDHPX"),),
        sigma_n=(("600", "HPP", "SDHPY"),),
        end=(),  # by the message type: see below
        coasting=(("170", "CSTP"),),
        drill=(("020", "TTAX"),),
        test=(),
    ),
}


class TrackReader:
    """Reads the records of an edition of a category of tracks."""

    def __init__(self, layout: Layout) -> None:
        self._category = layout.category
        self._paths = PATHS[layout.category]
        self._numbers = [_number(layout, getattr(self._paths, name)) for name in _NUMBERS]
        self._speed, self._course = _number(layout, (("160", "GS"),)), _number(layout, (("160", "TA"),))
        self._kind = layout.need("000", "MT") if layout.category == 15 else None

    def __call__(self, found: Found) -> TrackItem | str:
        """Return the track, or why it is not used; one that ends needs no position."""
        lat, lon, number, address, callsign, height, level, ve, vn, vu, sigma_e, sigma_n, end, coasting, *unreal = (
            each(found) for each in self._numbers
        )
        is_end = end > 0.0 or (self._kind is not None and self._kind.raw(found) == _TRACK_END)
        if not is_end and math.isnan(lat + lon):
            return f"track without a WGS 84 position (category {self._category:03d})"
        if self._category == 21:
            speed_mps, course_rad = self._speed(found) * NM_M, self._course(found) * DEG_RAD
            ve, vn = speed_mps * math.sin(course_rad), speed_mps * math.cos(course_rad)
        return TrackItem(
            category=self._category,
            number=_count(number),
            address=_count(address),
            lat_rad=lat * DEG_RAD,
            lon_rad=lon * DEG_RAD,
            height_m=height * self._paths.height_m,
            level_m=level * _LEVEL_M,
            ve_mps=ve,
            vn_mps=vn,
            vu_mps=vu * self._paths.vu_mps,
            sigma_e_m=sigma_e,
            sigma_n_m=sigma_n,
            is_end=is_end,
            is_coasting=coasting > 0.0,
            is_drill=any(each > 0.0 for each in unreal),
            callsign="" if math.isnan(callsign) else _text(int(callsign)),
        )


def _number(layout: Layout, paths: tuple[Path, ...]) -> Number:
    known = [(path[0], field) for path in paths if (field := layout.field(*path)) is not None]

    def number(found: Found) -> float:
        for item, field in known:
            value = field.value(found if field.item == item else found.inside(item))
            if not math.isnan(value):
                return value
        return NAN

    return number


def _count(value: float) -> int:
    return -1 if math.isnan(value) else int(value)


def _text(code: int) -> str:
    """Return the eight characters of an aircraft identification, six bits each."""
    return "".join(_SIX_BIT[code >> shift & 63] for shift in range(42, -1, -6)).strip()
