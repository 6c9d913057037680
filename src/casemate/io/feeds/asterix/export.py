"""The plots of a run into ASTERIX captures: CAT015 and CAT048, as the sensors would have sent them over UDP."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from casemate.errors import SettingsError
from casemate.io.feeds.asterix.records import PlotItem
from casemate.io.feeds.capture import Refused, Tally
from casemate.io.journal import read_meta
from casemate.io.profile import StrPath
from casemate.io.run_folder import read_run
from casemate.io.tables import FIELD_OF
from casemate.model.catalog import SiteFile
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import SensorModel

PORT: Final = 8600
"""The UDP port that is registered for ASTERIX (IANA, service asterix)."""
HELD_NS: Final = 125_000_000
"""The longest that a record waits for its datagram [ns]: a radar sends a sector's plots together."""
HELD_BYTES: Final = 1_400
"""The largest datagram: one that Ethernet carries whole."""
_OWN_SAC: Final = 0
"""The SAC of sensors whose site file gives none; their SIC counts them from 1."""


class Exported(msgspec.Struct, frozen=True):
    """What an export wrote: plots by file, the sources by sensor, and what was left out and why."""

    files: dict[str, int]
    sources: dict[str, str]  # sensor -> "SAC-SIC"
    left_out: tuple[Refused, ...]


def export_run(run: StrPath, output: StrPath) -> Exported:
    """Write a run's plots into `cat015.pcap` and `cat048.pcap` in a folder.

    Raises
    ------
    SettingsError
        The run cannot be read, or the folder not be written.
    """
    from casemate.io.feeds.asterix import encoder  # noqa: PLC0415 libasterix takes two seconds, which --help must not

    meta = read_meta(Path(run) / "journal.sqlite")
    site = msgspec.convert(json.loads(meta["plan"])["site"], SiteFile)
    is_drill = json.loads(meta["origin"])["data"] == "SIMULATION"
    table = read_run(run).plots
    sources = {
        each.name: (_OWN_SAC << 8 | i + 1 if each.sac is None or each.sic is None else each.sac << 8 | each.sic)
        for i, each in enumerate(site.sensor)
    }
    tally, files = Tally(), dict[str, int]()
    for category, encode in ((15, encoder.cat015), (48, encoder.cat048)):
        plots = _plots_of(table, site, tally if category == 15 else Tally(), is_fine=category == 15)
        path = Path(output) / f"cat{category:03d}.pcap"
        records = (
            (sources[sensor], t_ns, encode(plot, sources[sensor], t_ns, is_drill)) for sensor, t_ns, plot in plots
        )
        files[path.name] = _write(path, category, records)
    names = {name: f"{source >> 8}-{source & 255}" for name, source in sources.items()}
    return Exported(files, names, tally.refused())


def _plots_of(table: pa.Table, site: SiteFile, tally: Tally, *, is_fine: bool) -> Iterator[tuple[str, int, PlotItem]]:
    """Yield sensor, time and plot in order of time; `is_fine`: labelled by track, as CAT015 is, else by the sensor."""
    columns = {name: table[name].to_pylist() for name in ("t_ns", "sensor", "label", "track_id")}
    fields = {field: table[column].to_numpy() for column, field in FIELD_OF.items()}
    for column, field in FIELD_OF.items():
        if column.endswith("_deg"):
            fields[field] = np.radians(fields[field])
    if not is_fine:
        fields["height_m"] = _heights_m(columns["sensor"], fields, site)
    known = {each.name for each in site.sensor}
    for i in np.argsort(np.array(columns["t_ns"], np.int64), kind="stable").tolist():
        sensor, t_ns = columns["sensor"][i], columns["t_ns"][i]
        numbers: dict[str, Any] = {field: float(values[i]) for field, values in fields.items()}
        if sensor not in known:
            tally.note("sensor that the site does not know", i)
        elif not (np.isfinite(numbers["range_m"]) and np.isfinite(numbers["az_rad"]) and numbers["range_m"] > 0.0):
            tally.note("plot without a range and azimuth", i)
        else:
            track = columns["track_id"][i]
            label = ("" if track is None else str(track)) if is_fine else columns["label"][i] or ""
            yield sensor, t_ns, PlotItem(**numbers, label=label)


def _heights_m(sensors: list[str], fields: dict[str, Any], site: SiteFile) -> Any:  # noqa: ANN401 an array
    """Return heights above mean sea level: the plots' own, else by range and elevation where there is one."""
    frame, heights = SiteFrame.of(site.site), fields["height_m"].copy()
    is_flat = site.environment.earth == "flat"
    which = np.array(sensors)
    for each in site.sensor:
        mine = np.flatnonzero((which == each.name) & np.isnan(heights) & ~np.isnan(fields["el_rad"]))
        if mine.size:
            model = SensorModel.of(each, frame, is_flat=is_flat)
            at = model.locate(*(fields[name][mine] for name in ("range_m", "az_rad", "el_rad")))
            over_site = at[:, 2] if is_flat else frame.enu_to_geodetic(at)[:, 2] - frame.height_m
            heights[mine] = over_site + frame.height_msl_m
    return heights


def _write(path: Path, category: int, records: Iterator[tuple[int, int, bytes]]) -> int:
    """Write a pcap of IP packets, a source's records together as long as they may wait; return how many records."""
    from casemate.io.feeds.asterix.encoder import block  # noqa: PLC0415 as above

    n = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            stream.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, 101))
            for t_ns, held in _datagrams(records):
                packet = wrap_ip(block(category, held))
                stream.write(struct.pack("<IIII", t_ns // 10**9, t_ns % 10**9, len(packet), len(packet)) + packet)
                n += len(held)
    except OSError as error:
        raise SettingsError(str(path), "", f"cannot be written: {error.strerror or error}") from None
    return n


def _datagrams(records: Iterator[tuple[int, int, bytes]]) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the time that each datagram goes, and its records; in order of time."""
    held: dict[int, list[bytes]] = {}
    since: dict[int, int] = {}
    for source, t_ns, record in records:
        for other in sorted((each for each in held if t_ns - since[each] >= HELD_NS), key=since.__getitem__):
            yield since[other] + HELD_NS, held.pop(other)
        if source in held and sum(map(len, held[source])) + len(record) > HELD_BYTES:
            yield t_ns, held.pop(source)
        if source not in held:
            held[source], since[source] = [], t_ns
        held[source].append(record)
    for source, last in held.items():
        yield since[source] + HELD_NS, last


def wrap_ip(payload: bytes) -> bytes:
    """Wrap a payload into UDP and IPv4 between ports of this host; without a UDP checksum, which IPv4 allows."""
    udp = struct.pack(">HHHH", PORT, PORT, len(payload) + 8, 0) + payload
    head = struct.pack(">BBHHHBBH4B4B", 0x45, 0, len(udp) + 20, 0, 0, 64, 17, 0, 127, 0, 0, 1, 127, 0, 0, 1)
    total = sum(struct.unpack(">10H", head))
    check = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return head[:10] + check.to_bytes(2, "big") + head[12:] + udp
