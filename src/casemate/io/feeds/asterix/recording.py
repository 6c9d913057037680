"""ASTERIX recordings into tables of plots and of system tracks: pcap and pcapng captures, or raw blocks in a row.

The day comes from the capture (the one that puts the time of day nearest to the packet); a raw recording has none, so
its days count from 1970-01-01. Midnight is passed either way.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.io.feeds.asterix.decoder import Decoder
from casemate.io.feeds.capture import Refused, read_datagrams
from casemate.io.profile import StrPath
from casemate.io.tables import FIELD_OF, PLOT_SCHEMA
from casemate.model.catalog import SiteFile
from casemate.model.records import LABEL, PLOT, SYSTEM_TRACK, Records


class Imported(msgspec.Struct, frozen=True):
    """What an import kept and refused."""

    n_plots: int
    n_north_marks: int
    refused: tuple[Refused, ...]
    n_system_tracks: int = 0  # reports of them


class ImportResult(NamedTuple):
    """A plot table with the columns of `tables.PLOT_SCHEMA`, and what was kept and refused."""

    table: pa.Table
    counts: Imported
    tracks: pa.Table | None = None  # of system tracks


class Reading(NamedTuple):
    """How a recording is read, beside what the site says: see `Decoder`."""

    editions: Mapping[int, str] | None = None
    takes_drills: bool | None = None


AS_SITE: Final = Reading()
"""The editions of the site file, else the newest; no drills."""


def import_recording(path: StrPath, site: SiteFile | None = None, reading: Reading = AS_SITE) -> ImportResult:
    """Import a pcap or pcapng capture, or raw concatenated blocks.

    Parameters
    ----------
    site : SiteFile, optional
        Names the sensors by SAC and SIC and tells which are known; without it every source is taken and called
        "SAC-SIC".
    """
    try:
        with Path(path).open("rb") as stream:
            return decode_stream(stream, site, reading)
    except OSError as error:
        raise SettingsError(str(path), "", f"cannot be read: {error.strerror or error}") from None


def decode_stream(stream: BinaryIO, site: SiteFile | None = None, reading: Reading = AS_SITE) -> ImportResult:
    """Import from an open file; holds the rows of plots and tracks, and one datagram at a time."""
    decoder = Decoder(site, reading.editions, takes_drills=reading.takes_drills)
    plots, tracks, labels = _Rows(PLOT), _Rows(SYSTEM_TRACK), _Rows(LABEL)
    marks: dict[int, list[int]] = {}
    for datagram in read_datagrams(stream, decoder.tally):
        decoded = decoder.take(datagram.payload, datagram.t_ns, datagram.offset)
        if len(decoded.labels):
            decoded.labels["plot_id"] += plots.n
            labels.add(decoded.labels)
        plots.add(decoded.plots)
        tracks.add(decoded.tracks)
        for mark in decoded.marks:
            if mark.is_north:
                marks.setdefault(mark.sensor_id, []).append(mark.t_ns)
    rows = plots.whole()
    table = _plot_table(rows, labels.whole(), _scan_numbers(rows, marks, site), site)
    n_marks = sum(len(each) for each in marks.values())
    counts = Imported(len(rows), n_marks, decoder.tally.refused(), tracks.n)
    return ImportResult(table, counts, _track_table(tracks.whole()))


class _Rows:
    """Rows that grow datagram by datagram, as bytes: an array for each would weigh more than its few rows."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.n = 0
        self._dtype, self._bytes = dtype, bytearray()

    def add(self, rows: Records) -> None:
        self.n += len(rows)
        self._bytes += rows.tobytes()

    def whole(self) -> Records:
        return np.frombuffer(self._bytes, self._dtype)


def _plot_table(plots: Records, labels: Records, scan: pa.Array, site: SiteFile | None) -> pa.Table:
    ids, which = np.unique(plots["sensor_id"], return_inverse=True)
    names = [_name(int(each), site) for each in ids]
    texts = np.zeros(len(plots), LABEL["label"])
    texts[labels["plot_id"]] = labels["label"]
    given = {
        "t_ns": pa.array(np.ascontiguousarray(plots["t_ns"])),
        "sensor": pa.array([names[i] for i in which.tolist()], pa.string()),
        "scan": scan,
        "label": pa.array(texts, pa.string(), mask=texts == ""),
    }
    for column, field in FIELD_OF.items():
        values = np.degrees(plots[field]) if column.endswith("_deg") else plots[field]
        given[column] = pa.array(np.ascontiguousarray(values), from_pandas=True)
    return pa.Table.from_arrays([given[field.name] for field in PLOT_SCHEMA], schema=PLOT_SCHEMA)


def _track_table(tracks: Records) -> pa.Table:
    """Return the columns of `SYSTEM_TRACK`, angles in degrees, what is missing as null."""
    given: dict[str, pa.Array] = {}
    for field in SYSTEM_TRACK.names or ():
        values = np.ascontiguousarray(tracks[field])
        if field == "source":
            given[field] = pa.array([_name(int(each), None) for each in values], pa.string())
        elif field == "address":
            given[field] = pa.array([None if each < 0 else f"{each:06x}" for each in values.tolist()], pa.string())
        elif field == "callsign":
            given[field] = pa.array(values, pa.string(), mask=values == "")
        elif field == "number":
            given[field] = pa.array(values, mask=values < 0)
        elif field.endswith("_rad"):
            given[field.replace("_rad", "_deg")] = pa.array(np.degrees(values), from_pandas=True)
        else:
            given[field] = pa.array(values, from_pandas=True)
    return pa.table(given)


def _name(sensor_id: int, site: SiteFile | None) -> str:
    return f"{sensor_id >> 8}-{sensor_id & 255}" if site is None else site.sensor[sensor_id].name


def _scan_numbers(plots: Records, marks: Mapping[int, list[int]], site: SiteFile | None) -> pa.Array:
    """Count the turns of each sensor: by its north marks, else by its declared period, else not at all."""
    scan = np.full(len(plots), -1)
    for each in map(int, np.unique(plots["sensor_id"])):
        mine = plots["sensor_id"] == each
        t_ns = plots["t_ns"][mine]
        if len(marks.get(each, [])) > 1:
            scan[mine] = _by_marks(t_ns, np.unique(np.array(marks[each], np.int64)))
        elif site is not None:
            scan[mine] = (t_ns - t_ns.min()) // round(site.sensor[each].scan_period_s * 1e9)
    return pa.array(scan, mask=scan < 0)


def _by_marks(t_ns: NDArray[np.int64], marks_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many marks came before each time; a mark that was lost counts by the gap that it left."""
    gap = marks_ns[1:] - marks_ns[:-1]
    turns = np.maximum(1, np.rint(gap / max(float(np.median(gap)), 1.0))).astype(np.int64) if gap.size else gap
    count = np.concatenate(([0, 1], 1 + np.cumsum(turns)))
    return count[np.searchsorted(marks_ns, t_ns, side="right")]
