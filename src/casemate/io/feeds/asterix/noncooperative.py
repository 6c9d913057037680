"""CAT015, independent non-cooperative surveillance, into plots: metres, errors and Doppler as the sensor says them.

The item numbers are EUROCONTROL's: EUROCONTROL-SPEC-0149-15.

Notes
-----
Of ASTERIX this is the best fit for rounds: 0.1 m in range, 0.01 m/s in Doppler, an elevation, and errors by the sensor
itself. An error of 0 is one below its step: it is left out, so that the site file's holds. The height (I601) counts
from the ellipsoid and is not used: its plots have elevations.
"""

import math
from typing import Final

from casemate.io.feeds.asterix.layout import Found, Layout
from casemate.io.feeds.asterix.records import DEG_RAD, PlotItem, TrackItem
from casemate.io.feeds.asterix.tracks import TrackReader

NAN: Final = math.nan
_PLOTS, _TRACKS = (1, 3), (2, 4, 5)  # I015/000: measured and sensor centric ones, and the end of a track
_MULTI_STATIC: Final = 1  # I015/020 MOMU


class TargetReader:
    """Reads the records of an edition of CAT015: plots, and tracks of the sensor's own."""

    def __init__(self, layout: Layout, *, takes_drills: bool) -> None:
        need = layout.need
        self._takes_drills = takes_drills
        self._read_track = TrackReader(layout)
        self._kind, self._number = need("000", "MT"), need("161")
        self._statics, self._taxonomy = need("020", "MOMU"), need("020", "TTAX")
        self._r, self._sigma_r = need("625", "R"), need("625", "SDR")
        self._rr, self._sigma_rr = need("625", "RR"), need("625", "SDRR", "SDRR")
        self._dv, self._sigma_dv = need("626", "DV"), need("626", "SDDV")
        self._az, self._sigma_az = need("627", "AZ"), need("627", "SDASZ")
        self._el, self._sigma_el = need("628", "EL"), need("628", "SDEL")
        self._snr = need("630", "DPS")

    def __call__(self, found: Found) -> PlotItem | TrackItem | str:
        """Return the plot or track, or why it is not used."""
        kind = self._kind.raw(found)
        if kind in _TRACKS:
            return self._read_track(found)
        if kind not in _PLOTS:
            return "message type is missing or not known (I015/000)"
        if self._statics.raw(found) == _MULTI_STATIC:
            return "range of a multi-static sensor (I015/020 MOMU)"
        if not self._takes_drills and self._taxonomy.raw(found):
            return "reference, synthetic or replayed target (I015/020 TTAX)"
        return self._plot(found)

    def _plot(self, found: Found) -> PlotItem | str:
        ranges, azimuths, elevations = found.inside("625"), found.inside("627"), found.inside("628")
        range_m, az_rad = self._r.value(ranges), self._az.value(azimuths) * DEG_RAD
        if math.isnan(range_m + az_rad):
            return "record without a position (I015/625, I015/627)"
        if range_m <= 0.0:
            return "range of 0 or below (I015/625)"
        doppler, number = found.inside("626"), self._number.raw(found)
        rate_mps, sigma_rate_mps = self._dv.value(doppler), self._sigma_dv.value(doppler)
        if math.isnan(rate_mps):  # not measured: derived from ranges
            rate_mps, sigma_rate_mps = self._rr.value(ranges), self._sigma_rr.value(ranges)
        return PlotItem(
            range_m=range_m,
            az_rad=az_rad,
            el_rad=self._el.value(elevations) * DEG_RAD,
            range_rate_mps=rate_mps,
            sigma_range_m=self._sigma_r.value(ranges) or NAN,
            sigma_az_rad=(self._sigma_az.value(azimuths) or NAN) * DEG_RAD,
            sigma_el_rad=(self._sigma_el.value(elevations) or NAN) * DEG_RAD,
            sigma_range_rate_mps=sigma_rate_mps or NAN,
            snr_db=self._snr.value(found.inside("630")),
            label="" if number is None else str(number),
        )
