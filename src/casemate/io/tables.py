"""Plot tables: recorded plots in Parquet, CSV or NDJSON, a row per plot, into scans and back.

The columns and their units are the product's face (see the reference of files); inside it is SI and radians.
"""

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.io import plot_lines, sweep
from casemate.io.profile import StrPath, suggest
from casemate.model.catalog import SiteFile
from casemate.model.messages import Aside, Scan
from casemate.model.records import LABEL, PLOT, Records, freeze, missing

PLOT_SCHEMA: Final = pa.schema(
    [
        pa.field("t_ns", pa.int64(), nullable=False),
        pa.field("sensor", pa.string(), nullable=False),
        pa.field("range_m", pa.float64()),
        pa.field("azimuth_deg", pa.float64()),
        pa.field("elevation_deg", pa.float64()),
        pa.field("height_m", pa.float64()),
        pa.field("range_rate_mps", pa.float64()),
        pa.field("snr_db", pa.float64()),
        pa.field("sigma_range_m", pa.float64()),
        pa.field("sigma_azimuth_deg", pa.float64()),
        pa.field("sigma_elevation_deg", pa.float64()),
        pa.field("sigma_range_rate_mps", pa.float64()),
        pa.field("scan", pa.int64()),
        pa.field("label", pa.string()),
    ]
)
NEEDED: Final = ("t_ns", "sensor", "range_m", "azimuth_deg")
UNKNOWN_SENSOR: Final = 65535
"""The `sensor_id` of a sensor that the site does not know: the pipeline refuses its plots and counts them."""

LATEST_NS: Final = 2**62
"""Times beyond (year 2116) or below 0 cannot be."""

FIELD_OF: Final = {
    "range_m": "range_m",
    "azimuth_deg": "az_rad",
    "elevation_deg": "el_rad",
    "height_m": "height_m",
    "range_rate_mps": "range_rate_mps",
    "snr_db": "snr_db",
    "sigma_range_m": "sigma_range_m",
    "sigma_azimuth_deg": "sigma_az_rad",
    "sigma_elevation_deg": "sigma_el_rad",
    "sigma_range_rate_mps": "sigma_range_rate_mps",
}
"""Column of a plot table -> field of `PLOT`; columns in degrees are radians there."""


class PlotTable(NamedTuple):
    """Recorded plots in order of time, with what is kept beside them; arrays of one length."""

    plots: Records  # PLOT (n,); plot_id is the row in the file, from 1
    scan: NDArray[np.int64]  # (n,) -1: no number
    label: NDArray[np.str_]  # (n,) "": no label

    @property
    def t_first_ns(self) -> int:
        """Time of the first plot, 0 without plots."""
        return int(self.plots["t_ns"][0]) if len(self.plots) else 0

    @property
    def t_last_ns(self) -> int:
        """Time of the last plot, 0 without plots."""
        return int(self.plots["t_ns"][-1]) if len(self.plots) else 0


def read_plots(path: StrPath, site: SiteFile) -> PlotTable:
    """Read a plot table; rows may come unsorted, columns that are not needed may be absent.

    Raises
    ------
    SettingsError
        The file cannot be read, lacks a needed column, or holds a value that its column cannot hold.
    """
    return _plots_of(_read_columns(path), site)


def read_plot_lines(content: bytes, site: SiteFile) -> PlotTable:
    """Read plots as NDJSON, a line each, as from standard input.

    Raises
    ------
    SettingsError
        A line is no plot.
    """
    columns = plot_lines.read_lines(content, "-")
    return _plots_of(pa.table({field.name: pa.array(columns[field.name], field.type) for field in PLOT_SCHEMA}), site)


def _plots_of(columns: pa.Table, site: SiteFile) -> PlotTable:
    n = columns.num_rows
    plots = missing(PLOT, n)
    plots["plot_id"] = np.arange(1, n + 1)
    plots["t_ns"] = columns["t_ns"].to_numpy()
    ids = {sensor.name: i for i, sensor in enumerate(site.sensor)}
    names = columns["sensor"].combine_chunks().dictionary_encode()
    known = np.array([ids.get(name.as_py(), UNKNOWN_SENSOR) for name in names.dictionary] + [UNKNOWN_SENSOR])
    plots["sensor_id"] = known[names.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    for column, field in FIELD_OF.items():
        if column in columns.column_names:
            values = columns[column].to_numpy()  # null becomes NaN
            plots[field] = np.radians(values) if column.endswith("_deg") else values
    # beyond two turns it is no azimuth; left as it is, the door refuses it
    np.mod(plots["az_rad"], 2.0 * np.pi, out=plots["az_rad"], where=np.abs(plots["az_rad"]) <= 4.0 * np.pi)
    scan = np.full(n, -1) if "scan" not in columns.column_names else columns["scan"].fill_null(-1).to_numpy()
    order = np.argsort(plots["t_ns"], kind="stable")
    return PlotTable(freeze(plots[order]), scan[order], _labels(columns)[order])


def write_plots(table: pa.Table, path: StrPath) -> None:
    """Write a table of `PLOT_SCHEMA` as Parquet or CSV, by the name's suffix.

    Raises
    ------
    SettingsError
        The suffix is neither, or the file cannot be written.
    """
    suffix = _suffix(path)
    try:
        if suffix == ".parquet":
            pq.write_table(table, str(path), compression="zstd")
        else:
            pyarrow.csv.write_csv(table, str(path))
    except OSError as error:
        raise SettingsError(str(path), "", f"cannot be written: {error}") from None


def scans(table: PlotTable, site: SiteFile) -> Iterator[Scan | Aside]:
    """Yield what each sensor delivered, in order of the end of each scan; labels go just before, as an `Aside`.

    A sensor that rotates is cut into sectors with their true times, empty ones included; one that stares gives
    a scan per scan number, or per `scan_period_s`, over its declared arc.
    """
    streams = [_scans_of(table, site, i) for i in np.unique(table.plots["sensor_id"]).tolist()]
    for scan, rows in heapq.merge(*streams, key=lambda pair: pair[0].t_end_ns):
        is_labelled = table.label[rows] != ""
        if is_labelled.any():
            labels = np.zeros(int(is_labelled.sum()), LABEL)
            labels["plot_id"], labels["label"] = scan.plots["plot_id"][is_labelled], table.label[rows][is_labelled]
            yield Aside(t_ns=scan.t_end_ns, kind="label", rows=freeze(labels))
        yield scan


def _scans_of(table: PlotTable, site: SiteFile, sensor_id: int) -> Iterator[tuple[Scan, NDArray[np.int64]]]:
    mine = np.flatnonzero(table.plots["sensor_id"] == sensor_id)
    t_ns, az, scan = _possible(table.plots["t_ns"][mine]), table.plots["az_rad"][mine], table.scan[mine]
    if sensor_id == UNKNOWN_SENSOR:  # no period to go by: they are refused anyway, each second of them
        found = sweep.staring(t_ns, np.full_like(scan, -1), 1.0, (0.0, 0.0))
    else:
        sensor = site.sensor[sensor_id]
        antenna = None
        if not sweep.shares_times(t_ns, scan, sensor.scan_period_s):
            antenna = sweep.find_antenna(t_ns, az, sensor.scan_period_s)
        arc = (0.0, 0.0) if sensor.azimuth_deg is None else tuple(np.radians(sensor.azimuth_deg).tolist())
        found = (
            sweep.staring(t_ns, scan, sensor.scan_period_s, arc)
            if antenna is None
            else sweep.rotating(t_ns, az, antenna)
        )
    for each in found:
        rows = mine[each.rows]
        yield (
            Scan(
                sensor_id=sensor_id,
                t_start_ns=each.t_start_ns,
                t_end_ns=each.t_end_ns,
                t_recv_ns=each.t_end_ns,
                az_from_rad=each.az_from_rad,
                az_to_rad=each.az_to_rad,
                plots=freeze(table.plots[rows]),
            ),
            rows,
        )


def _possible(t_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    # A plot with a time that cannot be goes with its sensor's first or last scan: it is refused as late or future.
    well = t_ns[(t_ns >= 0) & (t_ns < LATEST_NS)]
    return np.clip(t_ns, well[0], well[-1]) if len(well) else np.zeros_like(t_ns)


def _suffix(path: StrPath) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in {".parquet", ".csv"}:
        raise SettingsError(str(path), "", "is neither .parquet nor .csv")
    return suffix


def _read_columns(path: StrPath) -> pa.Table:
    file = str(path)
    table = _read_csv(path) if _suffix(path) == ".csv" else _read_parquet(path)
    for name in NEEDED:
        if name not in table.column_names:
            others = [each for each in table.column_names if each not in PLOT_SCHEMA.names]
            raise SettingsError(file, name, f"the column is missing{suggest(name, others)}")
    fields = [field for field in PLOT_SCHEMA if field.name in table.column_names]
    cast = pa.table({field.name: _cast(file, field, table[field.name]) for field in fields})
    if cast["t_ns"].null_count:
        first = int(np.flatnonzero(cast["t_ns"].is_null().to_numpy())[0]) + 1
        raise SettingsError(file, "t_ns", f"row {first} has no time")
    return cast


def _cast(file: str, field: pa.Field, column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ns", column.type.tz))
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SettingsError(file, field.name, f"does not hold {field.type}: {_line(error)}") from None


def _read_csv(path: StrPath) -> pa.Table:
    # as text first: the cast then names the column of a value that is none
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(PLOT_SCHEMA.names, pa.string()),
        strings_can_be_null=True,
        null_values=["", "nan", "NaN", "null"],
    )
    try:
        return pyarrow.csv.read_csv(str(path), convert_options=options)
    except (pa.ArrowInvalid, OSError) as error:
        raise SettingsError(str(path), "", f"cannot be read as CSV: {_line(error)}") from None


def _read_parquet(path: StrPath) -> pa.Table:
    try:
        with pq.ParquetFile(str(path)) as file:
            return file.read([name for name in file.schema_arrow.names if name in PLOT_SCHEMA.names])
    except (pa.ArrowInvalid, OSError) as error:
        raise SettingsError(str(path), "", f"cannot be read as Parquet: {_line(error)}") from None


def _labels(columns: pa.Table) -> NDArray[np.str_]:
    width = LABEL["label"]
    if "label" not in columns.column_names:
        return np.zeros(columns.num_rows, width)
    return np.array(columns["label"].fill_null("").to_pylist(), width)  # longer ones are cut


def _line(error: Exception) -> str:
    return str(error).splitlines()[0].strip()
