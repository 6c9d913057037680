"""CAT048 and CAT034 of a radar into plots and antenna marks: units, and what is no measurement of a target.

The item numbers are EUROCONTROL's: SUR.ET1.ST05.2000-STD-04-01 (CAT048) and -02b-01 (CAT034).

Notes
-----
Heights: I110, the height by a 3D radar, where there is one; else I090, the transponder's flight level, which is a
pressure altitude in steps of 25 ft and differs from the true height by up to some hundred metres with the weather.

The steps of the format (7.23 m in range, 0.0055 deg in azimuth, 1 m/s in range rate) are not written as sigmas: what a
radar measures to, and what its plots are rounded to, is said in the site file.
"""

import math
from typing import Final

from casemate.io.feeds.asterix.layout import Found, Layout
from casemate.io.feeds.asterix.records import DEG_RAD, FT_M, NM_M, MarkItem, PlotItem

NAN: Final = math.nan
_NORTH_MARK, _SECTOR_CROSSING = 1, 2  # I034/000
_PHANTOM: Final = {1: "reflection", 2: "sidelobe reply", 4: "second time around reply", 10: "phantom plot"}
"""I048/030 codes of plots that are not where the target is; all others are kept (birds and angels are targets too)."""
_BAD_LEVEL: Final = frozenset({12, 18})
"""I048/030 codes of a transponder's height that cannot be: abnormal beside the track's, not decodable."""


class PlotReader:
    """Reads the records of an edition of CAT048."""

    def __init__(self, layout: Layout, *, takes_drills: bool) -> None:
        need = layout.need
        self._takes_drills = takes_drills
        self._position, rho, theta = need("040"), need("040", "RHO"), need("040", "THETA")
        self._rho, self._theta = rho.part_of(self._position), theta.part_of(self._position)
        self._range_m, self._az_rad = rho.step * NM_M, theta.step * DEG_RAD
        self._address, self._measured = need("220"), need("110", "3DH")
        self._level, self._level_m = need("090"), need("090", "FL").step * 100.0 * FT_M
        self._doppler, self._doubtful = need("120", "CAL", "CAL"), need("120", "CAL", "D")
        self._type, self._drill, self._monitor = need("020", "TYP"), need("020", "SIM"), need("020", "RAB")
        self._test, self._extended = need("020", "TST"), need("020", "ERR")
        self._is_plain = frozenset(
            octet
            for octet in range(256)
            if octet >> self._type.shift & self._type.mask
            and not octet >> self._monitor.shift & 1
            and not octet >> self._drill.shift & 1
            and not octet & 1  # no further part
        )

    def __call__(self, found: Found) -> PlotItem | str:
        """Return the plot, or why it is not used."""
        place = found.place
        position = self._position.raw(found)
        if position is None:
            return "record without a position (I048/040)"
        codes = tuple(byte >> 1 for byte in found.content("030")) if "030" in place else ()
        why = self._why_not(found, codes)
        if why:
            return why
        address = self._address.raw(found)
        (rho, rho_mask), (theta, theta_mask) = self._rho, self._theta
        return PlotItem(
            range_m=(position >> rho & rho_mask) * self._range_m,
            az_rad=(position >> theta & theta_mask) * self._az_rad,
            height_m=self._height_m(found, codes),
            range_rate_mps=self._range_rate_mps(found) if "120" in place else NAN,
            label="" if address is None else f"{address:06x}",
        )

    def _why_not(self, found: Found, codes: tuple[int, ...]) -> str:
        for code in codes:
            if code in _PHANTOM:
                return f"{_PHANTOM[code]} (I048/030 code {code})"
        descriptor = found.content("020")
        if not descriptor or descriptor[0] in self._is_plain:
            return ""
        if not self._type.raw(found):
            return "no detection, extrapolated (I048/020 TYP 0)"
        if self._monitor.raw(found):
            return "field monitor, no target (I048/020 RAB)"
        if not self._takes_drills and (self._drill.raw(found) or self._test.raw(found)):
            return "drill or test target (I048/020 SIM, TST)"
        return "range beyond the item (I048/020 ERR)" if self._extended.raw(found) else ""

    def _height_m(self, found: Found, codes: tuple[int, ...]) -> float:
        if "110" in found.place:
            return self._measured.value(found) * FT_M
        level = self._level.raw(found)  # its top bits: not validated, garbled
        if level is None or level >> 14 or not _BAD_LEVEL.isdisjoint(codes):
            return NAN
        return (level - (level >> 13 << 14)) * self._level_m  # signed: editions before 1.32 do not say so, radars do

    def _range_rate_mps(self, found: Found) -> float:
        calculated = found.inside("120")
        return NAN if self._doubtful.raw(calculated) else self._doppler.value(calculated)


class MarkReader:
    """Reads the records of an edition of CAT034: north marks and sector crossings."""

    def __init__(self, layout: Layout) -> None:
        self._kind, self._sector = layout.need("000"), layout.need("020")

    def __call__(self, found: Found) -> MarkItem | str:
        """Return the mark; "" for status messages, which have none."""
        kind = self._kind.raw(found)
        if kind == _NORTH_MARK:
            return MarkItem(0.0, is_north=True)
        if kind == _SECTOR_CROSSING and "020" in found.place:
            return MarkItem(self._sector.value(found) * DEG_RAD, is_north=False)
        return ""
