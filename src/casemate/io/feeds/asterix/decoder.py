"""ASTERIX blocks into plots and antenna marks, one datagram at a time.

What does not decode, comes from an unknown radar or carries no time or position is refused and counted by reason.
The item numbers are EUROCONTROL's: SUR.ET1.ST05.2000-STD-04-01 (CAT048) and -02b-01 (CAT034).

Notes
-----
Heights: I110, the height by a 3D radar, where there is one; else I090, the transponder's flight level, which is a
pressure altitude in steps of 25 ft and differs from the true height by up to some hundred metres with the weather.

The steps of the format (7.23 m in range, 0.0055 deg in azimuth, 1 m/s in range rate) are not written as sigmas: what a
radar measures to, and what its plots are rounded to, is said in the site file.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from casemate.io.feeds.asterix.clock import TICK_NS, DayClock
from casemate.io.feeds.capture import Tally
from casemate.model.catalog import SiteFile
from casemate.model.records import LABEL, PLOT, Records, missing

RANGE_M: Final = 1852.0 / 256.0
"""1/256 NM, the unit of ranges (I048/040)."""
AZIMUTH_RAD: Final = 2.0 * np.pi / 65_536.0
"""The unit of azimuths (I048/040)."""
HEIGHT_M: Final = 25.0 * 0.3048
"""25 ft, the unit of I048/110, and of I048/090: a quarter of a flight level."""
SECTOR_RAD: Final = 2.0 * np.pi / 256.0
"""The unit of sector azimuths (I034/020)."""
DEFAULT_EDITIONS: Final[Mapping[int, str]] = {34: "1.29", 48: "1.32"}
_NORTH_MARK, _SECTOR_CROSSING = 1, 2  # I034/000


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


class Decoder:
    """Decodes datagrams; keeps the day, and in `tally` what was refused and why.

    Parameters
    ----------
    site : SiteFile, optional
        Its sensors by SAC and SIC: `sensor_id` counts them, and other sources are refused. Without it every source is
        taken, and `sensor_id` is SAC * 256 + SIC.
    editions : mapping of int to str
        The edition of each category that is decoded, as "1.32".
    """

    def __init__(self, site: SiteFile | None = None, editions: Mapping[int, str] = DEFAULT_EDITIONS) -> None:
        self.tally = Tally()
        self._clock = DayClock()
        self._parsers = _parsers(editions)
        self._ids = None if site is None else sensor_ids(site)

    def take(self, payload: bytes, t_recv_ns: int | None, offset: int = 0) -> Decoded:
        """Decode a datagram that came at `t_recv_ns` (None: not known); `offset` is its place, for the counts."""
        rows: list[tuple[int | float, ...]] = []
        labels: list[tuple[int, str]] = []
        marks: list[Mark] = []
        for at, category, records in self._records(payload, offset):
            for record in records:
                source = _uint(record, "010")
                ticks = _uint(record, "140" if category == 48 else "030")
                t_ns = None if ticks is None else self._clock.absolute_ns(ticks * TICK_NS, t_recv_ns)
                if category == 48:
                    sensor_id = self._sensor_of(source, t_ns, record, at)
                    if sensor_id is not None:
                        address = _uint(record, "220")
                        if address is not None:
                            labels.append((len(rows), f"{address:06x}"))
                        rows.append((sensor_id, t_ns or 0, *_measured(record)))
                elif t_ns is not None and source is not None:
                    self._take_mark(record, source, t_ns, marks)
        plots = missing(PLOT, len(rows))
        for i, field in enumerate(("sensor_id", "t_ns", "range_m", "az_rad", "height_m", "range_rate_mps")):
            plots[field] = [row[i] for row in rows]
        return Decoded(plots, np.array(labels, LABEL), tuple(marks))

    def _sensor_of(self, source: int | None, t_ns: int | None, record: Any, offset: int) -> int | None:  # noqa: ANN401
        if source is None:
            self.tally.note("record without a source (I048/010)", offset)
        elif self._ids is not None and source not in self._ids:
            self.tally.note(f"unknown radar SAC {source >> 8} SIC {source & 255}", offset)
        elif t_ns is None:
            self.tally.note("record without a time (I048/140)", offset)
        elif _uint(record, "040") is None:
            self.tally.note("record without a position (I048/040)", offset)
        else:
            return source if self._ids is None else self._ids[source]
        return None

    def _take_mark(self, record: Any, source: int, t_ns: int, marks: list[Mark]) -> None:  # noqa: ANN401
        sensor_id = source if self._ids is None else self._ids.get(source)
        kind, sector = _uint(record, "000"), _uint(record, "020")
        if sensor_id is None:
            return
        if kind == _NORTH_MARK:
            marks.append(Mark(sensor_id, t_ns, 0.0, is_north=True))
        elif kind == _SECTOR_CROSSING and sector is not None:
            marks.append(Mark(sensor_id, t_ns, sector * SECTOR_RAD, is_north=False))

    def _records(self, payload: bytes, offset: int) -> Iterator[tuple[int, int, Any]]:
        """Yield offset, category and records of every block that decodes; one damaged record spoils its block."""
        at = 0
        while at < len(payload):
            length = int.from_bytes(payload[at + 1 : at + 3], "big")
            if length < 3 or at + length > len(payload):
                self.tally.note("datagram is not whole ASTERIX blocks", offset + at)
                return
            category, body, place = payload[at], payload[at + 3 : at + length], offset + at
            at += length
            if category not in self._parsers:
                self.tally.note(f"category {category:03d} is not imported", place)
                continue
            records = self._parsers[category](body)
            if isinstance(records, ValueError) or not records:
                self.tally.note(f"category {category:03d} block does not decode", place)
            else:
                yield place, category, records


def sensor_ids(site: SiteFile) -> dict[int, int]:
    """Return the index of each of a site's sensors by SAC * 256 + SIC."""
    return {
        each.sac << 8 | each.sic: i
        for i, each in enumerate(site.sensor)
        if each.sac is not None and each.sic is not None
    }


def _parsers(editions: Mapping[int, str]) -> dict[int, Callable[[bytes], Any]]:
    # late: the categories are two seconds of import, which only a decoder should wait for
    from asterix import generated  # noqa: PLC0415
    from asterix.base import Bits  # noqa: PLC0415

    kinds = {number: getattr(generated, f"Cat_{number:03d}_{of.replace('.', '_')}") for number, of in editions.items()}
    return {
        number: (lambda body, kind=kind: kind.cv_uap.parse(Bits.from_bytes(body))) for number, kind in kinds.items()
    }


def _uint(record: Any, item: str) -> int | None:  # noqa: ANN401 libasterix makes a class per category
    found = record.get_item(item)
    return None if found is None else int(found.as_uint())


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _measured(record: Any) -> tuple[float, float, float, float]:  # noqa: ANN401 as above
    position = _uint(record, "040") or 0
    return (position >> 16) * RANGE_M, (position & 0xFFFF) * AZIMUTH_RAD, _height_m(record), _doppler_mps(record)


def _height_m(record: Any) -> float:  # noqa: ANN401 as above
    measured, level = _uint(record, "110"), _uint(record, "090")
    if measured is not None:
        return _signed(measured, 14) * HEIGHT_M
    if level is not None and not level >> 14:  # the top bits: not validated, garbled
        return _signed(level, 14) * HEIGHT_M
    return np.nan


def _doppler_mps(record: Any) -> float:  # noqa: ANN401 as above
    item = record.get_item("120")
    calculated = None if item is None else item.variation.get_item("CAL")
    if calculated is None:
        return np.nan
    value = int(calculated.as_uint())
    return np.nan if value >> 15 else float(_signed(value, 10))  # the top bit: doubtful
