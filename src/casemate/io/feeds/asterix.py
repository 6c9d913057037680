"""ASTERIX: recorded monoradar plots (category 048) and north marks (034) into a plot table.

What does not decode, comes from an unknown radar or carries no time or position is refused and counted by
reason. The item numbers are EUROCONTROL's: SUR.ET1.ST05.2000-STD-04-01 (CAT048) and -02b-01 (CAT034).

Notes
-----
Times: I140 counts 1/128 s since midnight UTC. The day comes from the capture (the one that puts the time of day
nearest to the packet); a raw recording has none, so its days count from 1970-01-01. Midnight is passed either way.

Heights: I110, the height by a 3D radar, where there is one; else I090, the transponder's flight level, which is a
pressure altitude in steps of 25 ft and differs from the true height by up to some hundred metres with the weather.

The steps of the format (7.23 m in range, 0.0055 deg in azimuth, 1 m/s in range rate) are not written as sigmas: what a
radar measures to, and what its plots are rounded to, is said in the site file.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.io import settings
from casemate.io.feeds.capture import Datagram, Refused, Tally, read_datagrams
from casemate.io.profile import StrPath
from casemate.io.tables import PLOT_SCHEMA, write_plots
from casemate.model.catalog import SiteFile

TICK_NS: Final = 7_812_500
"""1/128 s, the unit of times of day (I048/140, I034/030)."""
DAY_NS: Final = 86_400_000_000_000
RANGE_M: Final = 1852.0 / 256.0
"""1/256 NM, the unit of ranges (I048/040)."""
AZIMUTH_DEG: Final = 360.0 / 65_536.0
"""The unit of azimuths (I048/040)."""
HEIGHT_M: Final = 25.0 * 0.3048
"""25 ft, the unit of I048/110, and of I048/090: a quarter of a flight level."""
_NORTH_MARK: Final = 1  # I034/000


class Imported(msgspec.Struct, frozen=True):
    """What an import kept and refused."""

    n_plots: int
    n_north_marks: int
    refused: tuple[Refused, ...]


class ImportResult(NamedTuple):
    """A plot table with the columns of `tables.PLOT_SCHEMA`, and what was kept and refused."""

    table: pa.Table
    counts: Imported


def convert(recording: StrPath, output: StrPath, site_path: StrPath | None = None) -> Imported:
    """Import a recording into a plot table file; return what was kept and refused.

    Raises
    ------
    SettingsError
        The recording or the site file cannot be read, or the output cannot be written.
    """
    site = None if site_path is None else settings.read_site(site_path)
    result = import_recording(recording, site)
    write_plots(result.table, output)
    return result.counts


def import_recording(path: StrPath, site: SiteFile | None = None) -> ImportResult:
    """Import a pcap or pcapng capture, or raw concatenated blocks.

    Parameters
    ----------
    site : SiteFile, optional
        Names the sensors by SAC and SIC and tells which are known; without it every source is taken and called
        "SAC-SIC".
    """
    try:
        with Path(path).open("rb") as stream:
            return decode_stream(stream, site)
    except OSError as error:
        raise SettingsError(str(path), "", f"cannot be read: {error.strerror or error}") from None


def decode_stream(stream: BinaryIO, site: SiteFile | None = None) -> ImportResult:
    """Import from an open file; holds the columns of the plots and one datagram at a time."""
    tally, plots, marks = Tally(), _Plots(), dict[int, list[int]]()
    names = None if site is None else _names_of(site)
    parsers, t_last_ns = _parsers(), 0
    for datagram in read_datagrams(stream, tally):
        for offset, category, records in _records(datagram, parsers, tally):
            for record in records:
                t_ns = _time_of(record, category, datagram.t_ns if datagram.t_ns is not None else t_last_ns)
                t_last_ns = t_last_ns if t_ns is None else t_ns
                source = _uint(record, "010")
                if category == 48:
                    _take_plot(record, t_ns, source, offset, names, plots, tally)
                elif t_ns is not None and source is not None and _uint(record, "000") == _NORTH_MARK:
                    marks.setdefault(source, []).append(t_ns)
    table = plots.table(names, _scan_numbers(plots, marks, site))
    n_marks = sum(len(each) for each in marks.values())
    return ImportResult(table, Imported(table.num_rows, n_marks, tally.refused()))


class _Plots:
    """Columns that grow by a row per plot: eight bytes a value, where lists of objects would take forty."""

    def __init__(self) -> None:
        self.t_ns, self.source, self.address = array("q"), array("i"), array("i")
        self.floats = {name: array("d") for name in ("range_m", "azimuth_deg", "height_m", "range_rate_mps")}

    def table(self, names: Mapping[int, str] | None, scan: pa.Array) -> pa.Table:
        """Make the plot table."""
        source, which = np.unique(np.array(self.source, np.int64), return_inverse=True)
        words = [_name(int(each), names) for each in source]
        address = np.array(self.address, np.int64)
        labels = pa.array([None if each < 0 else f"{each:06x}" for each in address.tolist()], pa.string())
        given = {
            "t_ns": pa.array(np.array(self.t_ns, np.int64)),
            "sensor": pa.array([words[i] for i in which.tolist()], pa.string()),
            **{name: pa.array(np.array(values), from_pandas=True) for name, values in self.floats.items()},
            "scan": scan,
            "label": labels,
        }
        n = len(self.t_ns)
        columns = [given.get(field.name) or pa.nulls(n, field.type) for field in PLOT_SCHEMA]
        return pa.Table.from_arrays(columns, schema=PLOT_SCHEMA)


def _take_plot(
    record: Any,  # noqa: ANN401 libasterix makes a class per category
    t_ns: int | None,
    source: int | None,
    offset: int,
    names: Mapping[int, str] | None,
    plots: _Plots,
    tally: Tally,
) -> None:
    position = _uint(record, "040")
    if source is None:
        tally.note("record without a source (I048/010)", offset)
    elif names is not None and source not in names:
        tally.note(f"unknown radar SAC {source >> 8} SIC {source & 255}", offset)
    elif t_ns is None:
        tally.note("record without a time (I048/140)", offset)
    elif position is None:
        tally.note("record without a position (I048/040)", offset)
    else:
        address = _uint(record, "220")
        plots.t_ns.append(t_ns)
        plots.source.append(source)
        plots.address.append(-1 if address is None else address)
        plots.floats["range_m"].append((position >> 16) * RANGE_M)
        plots.floats["azimuth_deg"].append((position & 0xFFFF) * AZIMUTH_DEG)
        plots.floats["height_m"].append(_height_m(record))
        plots.floats["range_rate_mps"].append(_doppler_mps(record))


def _records(
    datagram: Datagram, parsers: Mapping[int, Callable[[bytes], Any]], tally: Tally
) -> Iterator[tuple[int, int, Any]]:
    """Yield offset, category and records of every block that decodes; one damaged record spoils its block."""
    at, payload = 0, datagram.payload
    while at < len(payload):
        length = int.from_bytes(payload[at + 1 : at + 3], "big")
        if length < 3 or at + length > len(payload):
            tally.note("datagram is not whole ASTERIX blocks", datagram.offset + at)
            return
        category, body, offset = payload[at], payload[at + 3 : at + length], datagram.offset + at
        at += length
        if category not in parsers:
            tally.note(f"category {category:03d} is not imported", offset)
            continue
        records = parsers[category](body)
        if isinstance(records, ValueError) or not records:
            tally.note(f"category {category:03d} block does not decode", offset)
        else:
            yield offset, category, records


def _parsers() -> dict[int, Callable[[bytes], Any]]:
    # late: the categories are two seconds of import, which only an import should wait for
    from asterix import generated  # noqa: PLC0415
    from asterix.base import Bits  # noqa: PLC0415

    kinds = {34: generated.Cat_034_1_29, 48: generated.Cat_048_1_32}
    return {
        number: (lambda body, kind=kind: kind.cv_uap.parse(Bits.from_bytes(body))) for number, kind in kinds.items()
    }


def _uint(record: Any, item: str) -> int | None:  # noqa: ANN401 libasterix makes a class per category
    found = record.get_item(item)
    return None if found is None else int(found.as_uint())


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _time_of(record: Any, category: int, near_ns: int) -> int | None:  # noqa: ANN401 as above
    """Return the time [ns] whose time of day the record gives, on the day that puts it nearest to `near_ns`."""
    ticks = _uint(record, "140" if category == 48 else "030")
    if ticks is None:
        return None
    t_ns = ticks * TICK_NS
    return t_ns + round((near_ns - t_ns) / DAY_NS) * DAY_NS if near_ns else t_ns


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


def _names_of(site: SiteFile) -> dict[int, str]:
    return {
        each.sac << 8 | each.sic: each.name for each in site.sensor if each.sac is not None and each.sic is not None
    }


def _name(source: int, names: Mapping[int, str] | None) -> str:
    return f"{source >> 8}-{source & 255}" if names is None else names[source]


def _scan_numbers(plots: _Plots, marks: Mapping[int, list[int]], site: SiteFile | None) -> pa.Array:
    """Count the turns of each source: by its north marks, else by its declared period, else not at all."""
    t_ns, source = np.array(plots.t_ns, np.int64), np.array(plots.source, np.int64)
    scan = np.full(len(t_ns), -1)
    periods = {} if site is None else {each.name: each.scan_period_s for each in site.sensor}
    names = None if site is None else _names_of(site)
    for each in np.unique(source).tolist():
        mine = source == each
        period_s = periods.get(_name(each, names))
        if len(marks.get(each, [])) > 1:
            scan[mine] = _by_marks(t_ns[mine], np.unique(np.array(marks[each], np.int64)))
        elif period_s is not None:
            scan[mine] = (t_ns[mine] - t_ns[mine].min()) // round(period_s * 1e9)
    return pa.array(scan, mask=scan < 0)


def _by_marks(t_ns: NDArray[np.int64], marks_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many marks came before each time; a mark that was lost counts by the gap that it left."""
    gap = marks_ns[1:] - marks_ns[:-1]
    turns = np.maximum(1, np.rint(gap / max(float(np.median(gap)), 1.0))).astype(np.int64) if gap.size else gap
    count = np.concatenate(([0, 1], 1 + np.cumsum(turns)))
    return count[np.searchsorted(marks_ns, t_ns, side="right")]
