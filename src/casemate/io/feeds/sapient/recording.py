"""Recordings of SAPIENT: frames one after another in a file, as they came over the wire, into a plot table."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage

from casemate.errors import DecodeError, SettingsError
from casemate.io.feeds.asterix import Imported, ImportResult
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.sapient import wire
from casemate.io.feeds.sapient.plots import Sensors, Told, told_by
from casemate.io.profile import StrPath
from casemate.io.tables import FIELD_OF, PLOT_SCHEMA
from casemate.model.catalog import SiteFile
from casemate.model.records import PLOT

_READ_BYTES: Final = 1_048_576


def is_sapient(path: StrPath) -> bool:
    """Tell whether a file begins with a SAPIENT frame: a length that fits and a message that holds something."""
    try:
        with Path(path).open("rb") as stream:
            length = int.from_bytes(stream.read(wire.LENGTH_BYTES), "little")
            if not 0 < length <= wire.MAX_BYTES:
                return False
            payload = stream.read(length)
    except OSError:
        return False
    try:
        message = SapientMessage.FromString(payload)
    except wire.ProtobufError:
        return False
    return len(payload) == length and message.WhichOneof("content") is not None and message.HasField("timestamp")


def import_sapient(path: StrPath, site: SiteFile) -> ImportResult:
    """Import a file of SAPIENT frames.

    Parameters
    ----------
    site : SiteFile
        Its sensors by `sapient_node`: where one stands is what turns places into ranges and azimuths. A node whose
        registration the recording lacks is read as one that speaks metres a second and standard deviations.

    Raises
    ------
    SettingsError
        The file cannot be read, or no sensor of the site is a node.
    """
    sensors, tally, framing = Sensors(site), Tally(), wire.Framing()
    if not sensors.ids:
        raise SettingsError(str(path), "", f"{site.site.name} has no sensor with a sapient_node")
    rows: list[Any] = []
    labels: list[str] = []
    told: dict[str, Told] = {}
    try:
        with Path(path).open("rb") as stream:
            while data := stream.read(_READ_BYTES):
                for payload in framing.take(data):
                    try:
                        message = wire.read(payload)
                        if message.HasField("registration"):
                            sensors.id_of(message.node_id)
                            told[message.node_id] = told_by(message.registration)
                        elif message.HasField("detection_report"):
                            rows.append(sensors.plot_of(message, told.get(message.node_id, Told())))
                            labels.append(message.detection_report.object_id)
                    except DecodeError as error:
                        tally.note(f"{error.category}: {error.why}", framing.offset)
    except OSError as error:
        raise SettingsError(str(path), "", f"cannot be read: {error.strerror or error}") from None
    except DecodeError as error:
        tally.note(f"{error.category}: {error.why}", framing.offset)
    if framing.n_held:
        tally.note("frame: cut by the end of the file", framing.offset)
    table = _table(np.concatenate(rows) if rows else np.zeros(0, PLOT), labels, site)
    return ImportResult(table, Imported(len(rows), 0, tally.refused()))


def _table(plots: Any, labels: list[str], site: SiteFile) -> pa.Table:  # noqa: ANN401 records
    sensor_ids: list[int] = plots["sensor_id"].tolist()
    given: dict[str, Any] = {
        "t_ns": pa.array(plots["t_ns"]),
        "sensor": pa.array([site.sensor[i].name for i in sensor_ids], pa.string()),
        "label": pa.array(labels, pa.string()),
    }
    for column, field in FIELD_OF.items():
        values = np.degrees(plots[field]) if column.endswith("_deg") else plots[field]
        given[column] = pa.array(np.ascontiguousarray(values), from_pandas=True)
    n = len(plots)
    columns = [given.get(field.name) or pa.nulls(n, field.type) for field in PLOT_SCHEMA]
    return pa.Table.from_arrays(columns, schema=PLOT_SCHEMA)
