"""ASTERIX recordings into a plot table: pcap and pcapng captures, or raw blocks one after another.

The day comes from the capture (the one that puts the time of day nearest to the packet); a raw recording has none, so
its days count from 1970-01-01. Midnight is passed either way.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.io import settings
from casemate.io.feeds.asterix.decoder import Decoder
from casemate.io.feeds.capture import Refused, read_datagrams
from casemate.io.profile import StrPath
from casemate.io.tables import FIELD_OF, PLOT_SCHEMA, write_plots
from casemate.model.catalog import SiteFile
from casemate.model.records import PLOT, Records


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
    """Import from an open file; holds the rows of the plots and one datagram at a time."""
    decoder = Decoder(site)
    parts: list[Records] = []
    labels: list[str | None] = []
    marks: dict[int, list[int]] = {}
    for datagram in read_datagrams(stream, decoder.tally):
        decoded = decoder.take(datagram.payload, datagram.t_ns, datagram.offset)
        if len(decoded.plots):
            parts.append(decoded.plots)
            named = dict(decoded.labels.tolist())
            labels += [named.get(i) for i in range(len(decoded.plots))]
        for mark in decoded.marks:
            if mark.is_north:
                marks.setdefault(mark.sensor_id, []).append(mark.t_ns)
    plots = np.concatenate(parts) if parts else np.zeros(0, PLOT)
    table = _table(plots, labels, _scan_numbers(plots, marks, site), site)
    n_marks = sum(len(each) for each in marks.values())
    return ImportResult(table, Imported(len(plots), n_marks, decoder.tally.refused()))


def _table(plots: Records, labels: list[str | None], scan: pa.Array, site: SiteFile | None) -> pa.Table:
    ids, which = np.unique(plots["sensor_id"], return_inverse=True)
    names = [_name(int(each), site) for each in ids]
    given = {
        "t_ns": pa.array(plots["t_ns"]),
        "sensor": pa.array([names[i] for i in which.tolist()], pa.string()),
        "scan": scan,
        "label": pa.array(labels, pa.string()),
    }
    for column, field in FIELD_OF.items():
        values = np.degrees(plots[field]) if column.endswith("_deg") else plots[field]
        given[column] = pa.array(np.ascontiguousarray(values), from_pandas=True)
    return pa.Table.from_arrays([given[field.name] for field in PLOT_SCHEMA], schema=PLOT_SCHEMA)


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
