"""The run folder: what a run leaves beside its journal, streamed in bounded row groups, and how it is read again.

Same run, same bytes: no clock, no random name and no writer option that depends on the machine goes into a table.
"""

import contextlib
import json
import os
import re
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.io.alarms import WARNING_SCHEMA, WATCH_SCHEMA, warning_row, watch_row
from casemate.io.health import OFFSETS, health_row
from casemate.io.profile import StrPath
from casemate.io.settings import NOT_A_ROUND
from casemate.io.tables import FIELD_OF, PLOT_SCHEMA, UNKNOWN_SENSOR
from casemate.model.catalog import SiteFile
from casemate.model.messages import Aside, Events, Input, Scan, SensorHealth, ZoneWarning, ZoneWatch
from casemate.model.records import FATE, LABEL, PLOT, Kind, Motion, Records, Refusal, Status, TrackStatus

ROWS_PER_GROUP: Final = 16_384
"""Rows held back before they are written: 9 MB of tracks, the widest table."""
UNKNOWN_SENSOR_NAME: Final = "unknown"
_KIND = re.compile(r"^[a-z][a-z0-9_-]{0,39}$")
_AXES: Final = {"pos_m": ("e_m", "n_m", "u_m"), "vel_mps": ("ve_mps", "vn_mps", "vu_mps"), "point_m": ("e_m", "n_m")}
_OWN: Final = {"plots", "tracks", "impacts", "warnings", "zones", "sensors"}
_STATE: Final = ("e_m", "n_m", "u_m", "ve_mps", "vn_mps", "vu_mps", "ln_drag")
_ROW: Final = np.dtype([("plot", PLOT), ("fate", FATE), ("label", LABEL["label"])])

_TRACK_SCHEMA: Final = pa.schema(
    [
        ("t_ns", pa.int64()),
        ("track_id", pa.uint32()),
        ("status", pa.string()),
        *((name, pa.float64()) for name in _STATE),
        ("cov", pa.list_(pa.float64(), 49)),
        ("p_exists", pa.float64()),
        ("round_class", pa.string()),
        ("p_class", pa.float64()),
        ("motion", pa.string()),
        ("kind", pa.string()),
        ("p_kind", pa.float64()),
        ("p_round", pa.float64()),
    ]
)
_IMPACT_SCHEMA: Final = pa.schema(
    [
        ("t_ns", pa.int64()),
        ("track_id", pa.uint32()),
        ("t_impact_ns", pa.int64()),
        *((name, pa.float64()) for name in ("sigma_t_s", "e_m", "n_m", "cov_ee_m2", "cov_en_m2", "cov_nn_m2")),
        ("status", pa.string()),
    ]
)
_SENSOR_SCHEMA: Final = pa.schema(
    [
        ("t_ns", pa.int64()),
        ("sensor", pa.string()),
        *((name, pa.string()) for name in ("state", "reason")),
        ("t_last_ns", pa.int64()),
        *((f"{what}_{name}", pa.float64()) for what in ("bias", "sigma") for name in OFFSETS),
        ("n_common", pa.int64()),
        ("applied", pa.list_(pa.string())),
    ]
)
_PLOT_SCHEMA: Final = pa.schema([*PLOT_SCHEMA, ("track_id", pa.uint32()), ("refused", pa.string())])


class _Stream:
    """One table on its way to disk: chunks held until a row group is full, a name with .part until it is closed.

    Another thread writes the groups, one after the other: a group of tracks takes a fifth of a second, and an alarm
    would wait for it. What went wrong there is raised by the next group, or at the end.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, to_batch: Callable[[list[Any]], pa.RecordBatch], writer: Executor
    ) -> None:
        self._path, self._part, self._to_batch = path, path.with_name(path.name + ".part"), to_batch
        self._thread, self._written = writer, Future[None]()
        self._written.set_result(None)
        self._chunks: list[Any] = []
        self._n = 0
        self._writer = pq.ParquetWriter(str(self._part), schema, compression="zstd")

    def add(self, chunk: Any, n: int) -> None:  # noqa: ANN401 whatever `to_batch` takes
        if n:
            self._chunks.append(chunk)
            self._n += n
        if self._n >= ROWS_PER_GROUP:
            self._flush()

    def close(self) -> None:
        if self._n:
            self._flush()
        self._written.result()
        self._writer.close()
        self._part.replace(self._path)

    def _flush(self) -> None:
        chunks, self._chunks, self._n = self._chunks, [], 0
        self._written.result()  # one group waits at most: memory is bounded
        self._written = self._thread.submit(self._write, chunks)

    def _write(self, chunks: list[Any]) -> None:
        self._writer.write_batch(self._to_batch(chunks), row_group_size=1 << 30)


class RunRecorder:
    """A sink that writes a run's tables; every input and its events go in with one call, so every step is whole.

    Parameters
    ----------
    folder : str or path
        The run folder; made if it does not exist.
    site : SiteFile
        Names the sensors and zones.
    class_names : sequence of str
        Names of the round classes, in the order of the catalog.

    Notes
    -----
    A table carries the suffix .part until `close`, since Parquet without its end cannot be read: after a kill the
    journal is what remains, and `replay` makes the tables again from it.
    """

    def __init__(self, folder: StrPath, site: SiteFile, class_names: Sequence[str]) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sensors = [*(sensor.name for sensor in site.sensor), UNKNOWN_SENSOR_NAME]
        self._zones = [zone.name for zone in site.zone]
        self._classes = [*class_names, NOT_A_ROUND]  # -1 counts from the end
        self._labels: dict[int, str] = {}
        self._asides: dict[str, _Stream] = {}
        self._is_closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._plots = self._stream("plots", _PLOT_SCHEMA, self._plot_batch)
        self._tracks = self._stream("tracks", _TRACK_SCHEMA, self._track_batch)
        self._impacts = self._stream("impacts", _IMPACT_SCHEMA, _impact_batch)
        self._warnings = self._stream("warnings", WARNING_SCHEMA, self._warning_batch)
        self._watch = self._stream("zones", WATCH_SCHEMA, self._watch_batch)
        self._health = self._stream("sensors", _SENSOR_SCHEMA, self._health_batch)

    def take(self, message: Input, events: Events | None) -> None:
        """Take an input with the events that it caused (None for an `Aside`)."""
        if isinstance(message, Aside):
            self._take_aside(message)
        if isinstance(message, Scan):
            rows = self._joined(message.plots, events.fates if events else np.zeros(0, FATE))
            self._plots.add(rows, len(rows))
        if events is not None:
            assert len(events.classes) == len(events.tracks)  # row by row
            self._tracks.add((events.tracks, events.classes), len(events.tracks))
            self._impacts.add(events.impacts, len(events.impacts))
            self._warnings.add(events.warnings, len(events.warnings))
            self._watch.add(events.zones, len(events.zones))
            self._health.add(events.sensors, len(events.sensors))

    def close(self) -> None:
        """Finish every table; safe in a `finally`, and to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        with (
            self._thread,
            contextlib.ExitStack() as stack,
        ):  # one that fails does not keep the others from being finished
            own = (self._plots, self._tracks, self._impacts, self._warnings, self._watch, self._health)
            for stream in (*own, *self._asides.values()):
                stack.callback(stream.close)

    def _stream(self, name: str, schema: pa.Schema, to_batch: Callable[[list[Any]], pa.RecordBatch]) -> _Stream:
        return _Stream(self._folder / f"{name}.parquet", schema, to_batch, self._thread)

    def _take_aside(self, message: Aside) -> None:
        if message.kind == "label":
            self._labels.update(zip(message.rows["plot_id"].tolist(), message.rows["label"].tolist(), strict=True))
            return
        if message.kind not in self._asides:
            if not _KIND.match(message.kind) or message.kind in _OWN:
                raise ValueError(f"'{message.kind}' cannot be the name of a table of its own")
            self._asides[message.kind] = self._stream(message.kind, _schema_of(message.rows.dtype), _record_batch)
        self._asides[message.kind].add(message.rows, len(message.rows))

    def _joined(self, plots: Records, fates: Records) -> Records:
        rows = np.zeros(len(plots), _ROW)
        rows["plot"] = plots
        ids = plots["plot_id"].tolist()
        if self._labels:
            rows["label"] = [self._labels.pop(plot_id, "") for plot_id in ids]
        if np.array_equal(fates["plot_id"], plots["plot_id"]):  # as every step gives them
            rows["fate"] = fates
            return rows
        fate_of = {int(fate["plot_id"]): fate for fate in fates}
        for i, plot_id in enumerate(ids):
            if plot_id in fate_of:
                rows["fate"][i] = fate_of[plot_id]
        return rows

    def _plot_batch(self, chunks: list[Records]) -> pa.RecordBatch:
        rows = np.concatenate(chunks)
        plots, fates = rows["plot"], rows["fate"]
        i_sensor = np.where(plots["sensor_id"] == UNKNOWN_SENSOR, len(self._sensors) - 1, plots["sensor_id"])
        columns = [pa.array(plots["t_ns"]), _words(self._sensors, i_sensor)]
        for column, field in FIELD_OF.items():
            columns.append(_floats(np.degrees(plots[field]) if column.endswith("_deg") else plots[field]))
        columns += [pa.nulls(len(rows), pa.int64()), pa.array(rows["label"], mask=rows["label"] == "")]
        columns += [pa.array(fates["track_id"], mask=fates["track_id"] == 0)]
        why = [None if refusal is Refusal.NONE else refusal.name.lower() for refusal in Refusal]
        columns += [_words(why, fates["refusal"])]
        return _batch(columns, _PLOT_SCHEMA)

    def _track_batch(self, chunks: list[tuple[Records, Records]]) -> pa.RecordBatch:
        tracks, classes = (np.concatenate(part) for part in zip(*chunks, strict=True))
        state = tracks["state"].copy()
        state[~tracks["is_height_known"], 2] = np.nan
        columns = [
            pa.array(tracks["t_ns"]),
            pa.array(tracks["track_id"]),
            _words([status.name.lower() for status in TrackStatus], tracks["status"]),
            *(_floats(state[:, i]) for i in range(7)),
            pa.FixedSizeListArray.from_arrays(pa.array(tracks["cov"].reshape(-1)), 49),
            _floats(tracks["p_exists"]),
            _words(self._classes, classes["i_class"] % len(self._classes)),
            _floats(classes["p_class"]),
            _words([motion.name.lower() for motion in Motion], tracks["motion"]),
            _words([kind.name.lower() for kind in Kind], classes["i_kind"]),
            _floats(classes["p_kind"][np.arange(len(classes)), classes["i_kind"]]),
            _floats(classes["p_round"]),
        ]
        return _batch(columns, _TRACK_SCHEMA)

    def _warning_batch(self, chunks: list[tuple[ZoneWarning, ...]]) -> pa.RecordBatch:
        rows = [warning_row(issued, self._zones[issued.zone_id]) for chunk in chunks for issued in chunk]
        return pa.RecordBatch.from_pylist(rows, schema=WARNING_SCHEMA)

    def _watch_batch(self, chunks: list[tuple[ZoneWatch, ...]]) -> pa.RecordBatch:
        rows = [watch_row(watch, self._zones[watch.zone_id], self._sensors) for chunk in chunks for watch in chunk]
        return pa.RecordBatch.from_pylist(rows, schema=WATCH_SCHEMA)

    def _health_batch(self, chunks: list[tuple[SensorHealth, ...]]) -> pa.RecordBatch:
        news = [each for chunk in chunks for each in chunk]
        rows = [{"sensor": self._sensors[each.sensor_id], "t_ns": each.t_ns, **health_row(each)} for each in news]
        return pa.RecordBatch.from_pylist(rows, schema=_SENSOR_SCHEMA)


def check_writable(folder: StrPath) -> None:
    """Make a run folder and see that it takes files, before anything runs.

    Raises
    ------
    SettingsError
        It cannot be written, or holds a run already.
    """
    path = Path(folder)
    if (path / "journal.sqlite").exists():
        raise SettingsError(str(folder), "", "holds a run already; name another folder")
    trial = path / f".{uuid.uuid4().hex}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(b"")
        trial.unlink()
    except OSError as error:
        raise SettingsError(str(folder), "", f"cannot be written: {error.strerror or error}") from None


def write_summary(folder: StrPath, summary: dict[str, Any]) -> None:
    """Write `summary.json` whole or not at all, keys sorted; a value that is not a number becomes null."""
    path = Path(folder) / "summary.json"
    part = path.with_name("summary.json.part")
    plain = msgspec.json.decode(msgspec.json.encode(summary, enc_hook=_plain))
    part.write_text(json.dumps(plain, indent=2, sort_keys=True, allow_nan=False) + "\n", "utf-8")
    os.replace(part, path)  # noqa: PTH105 atomic, as Path.replace; the word says so


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return cast("object", value.item())
    raise NotImplementedError(f"a summary holds plain values, not {type(value)}")


def _floats(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(np.ascontiguousarray(values), from_pandas=True)  # NaN becomes null


def _words(words: Sequence[str | None], which: NDArray[Any]) -> pa.Array:
    # taken by Arrow, which lets other threads run meanwhile; numpy's strings are turned one by one
    return pa.array(list(words), pa.string()).take(pa.array(which))


def _batch(columns: Sequence[pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [column.cast(field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def _impact_batch(chunks: list[Records]) -> pa.RecordBatch:
    rows = np.concatenate(chunks)
    columns = [
        pa.array(rows["t_ns"]),
        pa.array(rows["track_id"]),
        pa.array(rows["t_impact_ns"]),
        _floats(rows["sigma_t_s"]),
        *(_floats(rows["point_m"][:, i]) for i in range(2)),
        *(_floats(rows["cov_m2"][:, i, j]) for i, j in ((0, 0), (0, 1), (1, 1))),
        _words([status.name.lower() for status in Status], rows["status"]),
    ]
    return _batch(columns, _IMPACT_SCHEMA)


def _parts(rows: Records) -> list[tuple[str, NDArray[Any]]]:
    """Take records apart: vectors whose axes have names become a column each, others a list."""
    parts: list[tuple[str, NDArray[Any]]] = []
    for name in rows.dtype.names or ():
        values = rows[name]
        if name in _AXES and values.ndim == 2:
            parts += [(axis, values[:, i]) for i, axis in enumerate(_AXES[name])]
        else:
            parts.append((name, values))
    return parts


def _schema_of(dtype: np.dtype[Any]) -> pa.Schema:
    return pa.schema([(name, _column(values).type) for name, values in _parts(np.zeros(1, dtype))])


def _column(values: NDArray[Any]) -> pa.Array:
    if values.ndim > 1:
        flat = np.ascontiguousarray(values).reshape(-1)
        return pa.FixedSizeListArray.from_arrays(pa.array(flat), int(np.prod(values.shape[1:])))
    return _floats(values) if values.dtype.kind == "f" else pa.array(np.ascontiguousarray(values))


def _record_batch(chunks: list[Records]) -> pa.RecordBatch:
    rows = np.concatenate(chunks)
    return _batch([_column(values) for _, values in _parts(rows)], _schema_of(rows.dtype))
