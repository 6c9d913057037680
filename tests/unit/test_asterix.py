"""ASTERIX import on vectors of our own: midnight, captures of every wrapping, refusals with their place."""

import datetime as dt
import io
import struct

import pytest

from casemate.errors import SettingsError
from casemate.io.feeds.asterix import DAY_NS, decode_stream, import_recording
from casemate.io.feeds.capture import Refused
from casemate.io.feeds.importing import convert
from casemate.io.tables import read_plots
from casemate.model.catalog import RadarSite, SiteFile, SitePoint

NOON = 12 * 3600.0
DAY = int(dt.datetime(2026, 11, 22, tzinfo=dt.UTC).timestamp())


def plot(t_s: float, rho=256, theta=16384, source=0x190A, address: int | None = None) -> bytes:
    """One CAT048 record: I010, I140, I040 and I220 where given."""
    fspec = bytes([0b1101_0001, 0b1000_0000]) if address is not None else bytes([0b1101_0000])
    body = struct.pack(">H", source) + round(t_s * 128).to_bytes(3, "big") + struct.pack(">HH", rho, theta)
    return fspec + body + (b"" if address is None else address.to_bytes(3, "big"))


def mark(t_s: float, source=0x190A) -> bytes:
    """One CAT034 record, a north mark: I010, I000, I030."""
    return bytes([0b1110_0000]) + struct.pack(">HB", source, 1) + round(t_s * 128).to_bytes(3, "big")


def block(*records: bytes, category=48) -> bytes:
    body = b"".join(records)
    return bytes([category]) + struct.pack(">H", len(body) + 3) + body


def udp(payload: bytes) -> bytes:
    return struct.pack(">HHHH", 30000, 30001, len(payload) + 8, 0) + payload


def ipv4(payload: bytes, protocol=17, fragment=0) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, len(payload) + 20, 0, fragment, 64, protocol, 0)
    return head + bytes(8) + payload


def ipv6(payload: bytes) -> bytes:
    return struct.pack(">IHBB", 6 << 28, len(payload), 17, 64) + bytes(32) + payload


def ethernet(packet: bytes, kind=0x0800, vlan=False) -> bytes:
    tag = struct.pack(">HH", 0x8100, 5) if vlan else b""
    return bytes(12) + tag + struct.pack(">H", kind) + packet


def pcap(packets, link=1, order="<", magic=0xA1B2C3D4) -> bytes:
    out = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for t_s, packet in packets:
        fraction = round(t_s % 1.0 * (1e6 if magic == 0xA1B2C3D4 else 1e9))
        out += struct.pack(f"{order}IIII", int(t_s), fraction, len(packet), len(packet)) + packet
    return out


def pcapng(packets, link=1, order="<", resolution: int | None = None) -> bytes:
    def a_block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack(f"{order}II", kind, len(body) + 12) + body + struct.pack(f"{order}I", len(body) + 12)

    options = b"" if resolution is None else struct.pack(f"{order}HHB3xHH", 9, 1, resolution, 0, 0)
    out = a_block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += a_block(1, struct.pack(f"{order}HHI", link, 0, 0) + options)
    for t_s, packet in packets:
        stamp = round(t_s * 10 ** (6 if resolution is None else resolution))
        head = struct.pack(f"{order}5I", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(packet), len(packet))
        out += a_block(6, head + packet)
    return out


def decode(content: bytes, site=None):
    result = decode_stream(io.BytesIO(content), site)
    return result.table.to_pylist(), result.counts


def test_a_plot_is_read():
    rows, counts = decode(block(plot(NOON, rho=512, theta=0x4000, address=0x4CA1FA)))
    assert counts.n_plots == 1
    assert counts.refused == ()
    (row,) = rows
    assert row["t_ns"] == NOON * 1e9
    assert row["sensor"] == "25-10"
    assert row["range_m"] == pytest.approx(2.0 * 1852.0)
    assert row["azimuth_deg"] == 90.0
    assert row["label"] == "4ca1fa"
    assert all(row[name] is None for name in ("elevation_deg", "height_m", "range_rate_mps", "sigma_range_m", "scan"))


@pytest.mark.parametrize(
    "content",
    [
        pcap([(DAY + NOON, ethernet(ipv4(udp(block(plot(NOON))))))]),
        pcap([(DAY + NOON, ethernet(ipv4(udp(block(plot(NOON)))), vlan=True))]),
        pcap([(DAY + NOON, ethernet(ipv6(udp(block(plot(NOON)))), kind=0x86DD))]),
        pcap([(DAY + NOON, ethernet(ipv4(udp(block(plot(NOON))))) + b"padding")]),
        pcap([(DAY + NOON, ipv4(udp(block(plot(NOON)))))], link=101),
        pcap([(DAY + NOON, bytes(14) + b"\x08\x00" + ipv4(udp(block(plot(NOON)))))], link=113),
        pcap([(DAY + NOON, ethernet(ipv4(udp(block(plot(NOON))))))], order=">"),
        pcap([(DAY + NOON, ethernet(ipv4(udp(block(plot(NOON))))))], magic=0xA1B23C4D),
        pcapng([(DAY + NOON, ethernet(ipv4(udp(block(plot(NOON))))))]),
        pcapng([(DAY + NOON, ethernet(ipv4(udp(block(plot(NOON))))))], order=">"),
        pcapng([(DAY + NOON, ethernet(ipv4(udp(block(plot(NOON))))))], resolution=9),
    ],
)
def test_captures_of_every_wrapping(content):
    rows, counts = decode(content)
    assert counts.refused == ()
    assert [row["t_ns"] for row in rows] == [(DAY + int(NOON)) * 10**9]


def test_the_day_of_a_capture_is_the_nearest_one():
    sent = [(DAY + 1.0, 86_399.5), (DAY + 86_399.0, 0.5), (DAY + 86_401.0, 86_399.0)]
    rows, _ = decode(pcap([(t_s, ethernet(ipv4(udp(block(plot(tod)))))) for t_s, tod in sent]))
    assert [row["t_ns"] / 1e9 - DAY for row in rows] == pytest.approx([-0.5, 86_400.5, 86_399.0])


def test_a_raw_recording_passes_midnight():
    rows, _ = decode(b"".join(block(plot(tod)) for tod in (86_398.0, 86_399.5, 0.5, 86_399.9375, 1.0)))
    days = [row["t_ns"] / DAY_NS for row in rows]
    assert days == pytest.approx([t_s / 86_400.0 for t_s in (86_398.0, 86_399.5, 86_400.5, 86_399.9375, 86_401.0)])


def test_north_marks_number_the_turns_and_a_lost_one_is_counted():
    marks = [block(mark(t_s), category=34) for t_s in (5.0, 10.0, 15.0, 25.0, 30.0)]
    rows, counts = decode(b"".join([*marks, *(block(plot(t_s)) for t_s in (2.0, 5.5, 12.0, 22.0, 26.0, 31.0))]))
    assert [row["scan"] for row in rows] == [0, 1, 2, 3, 5, 6]
    assert counts.n_north_marks == 5


def test_without_north_marks_the_declared_period_numbers_the_turns():
    point = SitePoint(name="A", lat_deg=0.0, lon_deg=0.0, height_m=0.0)
    radar = RadarSite(
        name="r",
        lat_deg=0.0,
        lon_deg=0.0,
        height_m=0.0,
        scan_period_s=4.0,
        sigma_range_m=1.0,
        sigma_azimuth_deg=0.1,
        sac=25,
        sic=10,
    )
    rows, _ = decode(block(plot(1.0), plot(4.0), plot(9.5)), SiteFile(site=point, sensor=(radar,)))
    assert [(row["sensor"], row["scan"]) for row in rows] == [("r", 0), ("r", 0), ("r", 2)]


def test_what_is_refused_is_counted_with_its_place():
    good, bad = block(plot(1.0)), block(b"\xff\xff\xff\xff\x00")
    no_position = block(bytes([0b1100_0000]) + struct.pack(">H", 1) + bytes(3))
    content = good + bad + block(b"\x00", category=65) + no_position + bad + good + b"\x30\x00\xff\x01"
    rows, counts = decode(content)
    assert len(rows) == 2
    n = len(good)
    assert counts.refused == (
        Refused("category 048 block does not decode as edition 1.32", 2, n),
        Refused("block cut by the end of the file", 1, len(content) - 4),
        Refused("category 065 is not imported", 1, n + len(bad)),
        Refused("record without a position (I048/040)", 1, n + len(bad) + 4),
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pcap([(0.0, ethernet(ipv4(udp(b"GET / HTTP"))))]), "datagram is not whole ASTERIX blocks"),
        (pcap([(0.0, ethernet(ipv4(b"", protocol=6)))]), "not a UDP packet"),
        (pcap([(0.0, ethernet(ipv4(udp(b"x"), fragment=0x2000)))]), "fragmented datagram"),
        (pcap([(0.0, ethernet(b"", kind=0x0806))]), "not an IP packet"),
        (pcap([(0.0, b"?")], link=147), "link type 147 is not read"),
        (pcap([(0.0, ethernet(ipv4(udp(block(plot(1.0)))))[:-2])]), "packet cut by the capture"),
        (pcap([(0.0, ethernet(ipv4(udp(block(plot(1.0))))))])[:-2], "capture cut by the end of the file"),
        (pcap([])[:20], "capture cut by the end of the file"),
        (pcapng([(0.0, ethernet(ipv4(udp(block(plot(1.0))))))])[:-2], "capture cut by the end of the file"),
        (pcap([]) + struct.pack("<IIII", 0, 0, 1 << 30, 1 << 30), "damaged capture, the rest is not read"),
        (b"\x30\x00\x01", "the rest is not ASTERIX blocks"),
    ],
)
def test_foreign_and_broken_captures(content, reason):
    rows, counts = decode(content)
    assert rows == []
    assert [(each.reason, each.count) for each in counts.refused] == [(reason, 1)]


def test_what_came_before_the_cut_is_used():
    content = pcap([(DAY + NOON, ethernet(ipv4(udp(block(plot(NOON))))))] * 3)[:-5]
    rows, counts = decode(content)
    assert len(rows) == 2
    assert [each.reason for each in counts.refused] == ["capture cut by the end of the file"]


def test_an_empty_file_gives_an_empty_table():
    rows, counts = decode(b"")
    assert (rows, counts.n_plots, counts.refused) == ([], 0, ())


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_recording_becomes_a_file_that_is_read_again(tmp_path, suffix):
    recording, output = tmp_path / "x.raw", tmp_path / f"plots{suffix}"
    recording.write_bytes(block(plot(1.0, address=0x000ABC), plot(2.0)))
    assert convert(recording, output).n_plots == 2
    point = SitePoint(name="A", lat_deg=0.0, lon_deg=0.0, height_m=0.0)
    radar = RadarSite(
        name="25-10",
        lat_deg=0.0,
        lon_deg=0.0,
        height_m=0.0,
        scan_period_s=4.0,
        sigma_range_m=1.0,
        sigma_azimuth_deg=0.1,
    )
    table = read_plots(output, SiteFile(site=point, sensor=(radar,)))
    assert table.label.tolist() == ["000abc", ""]
    assert table.plots["sensor_id"].tolist() == [0, 0]


def test_a_recording_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        import_recording(tmp_path / "none.pcap")
