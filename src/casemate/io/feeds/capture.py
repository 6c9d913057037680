"""Captures: UDP datagrams out of pcap and pcapng files, or the blocks of a raw recording, one at a time.

Read by `struct` in a page: the formats are short and fixed, and a packet library would be a dependency for it.
What is whole is handed on; what is not is counted by reason.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

import msgspec

MAX_PACKET: Final = 262_144
"""Largest packet [byte] believed: libpcap's own MAXIMUM_SNAPLEN; beyond it the length is damage."""
_PCAP: Final = {b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000)} | {
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}  # byte order, nanoseconds in a unit of the fraction
_PCAPNG: Final = b"\x0a\x0d\x0d\x0a"
_IP, _IPV6, _VLAN = 0x0800, 0x86DD, (0x8100, 0x88A8, 0x9100)
_UDP: Final = 17
# link types of tcpdump.org/linktypes.html: bytes before the protocol number, bytes before the packet
_LINKS: Final = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
_LINKS_IP: Final = {0: 4, 12: 0, 101: 0, 108: 4, 228: 0, 229: 0}  # bytes before an IP packet


class Datagram(NamedTuple):
    """What came at once: where its first byte is in the file, when it was captured (None: the file does not say)."""

    offset: int
    t_ns: int | None
    payload: bytes


class Refused(msgspec.Struct, frozen=True):
    """How often something was not used for one reason, and where in the file that happened first."""

    reason: str
    count: int
    first_offset: int


MAX_REASONS: Final = 256
"""Reasons told apart: damage makes unknown radars by the thousand."""
_MORE: Final = f"another reason, beyond the first {MAX_REASONS}"


class Tally:
    """Counts what was refused, by reason."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}

    def note(self, reason: str, offset: int) -> None:
        """Count one more."""
        if reason not in self._counts and len(self._counts) >= MAX_REASONS:
            reason = _MORE
        self._counts.setdefault(reason, [0, offset])[0] += 1

    def refused(self) -> tuple[Refused, ...]:
        """Return the counts, the most frequent reason first."""
        counts = sorted(self._counts.items(), key=lambda item: (-item[1][0], item[0]))
        return tuple(Refused(reason, count, first) for reason, (count, first) in counts)


def read_datagrams(stream: BinaryIO, tally: Tally) -> Iterator[Datagram]:
    """Yield the datagrams of a capture, or every block of a raw recording as one."""
    magic = stream.read(4)
    stream.seek(0)
    if magic in _PCAP:
        yield from _read_pcap(stream, tally, *_PCAP[magic])
    elif magic == _PCAPNG:
        yield from _read_pcapng(stream, tally)
    else:
        yield from _read_raw(stream, tally)


def _read_raw(stream: BinaryIO, tally: Tally) -> Iterator[Datagram]:
    offset = 0
    while head := stream.read(3):
        length = int.from_bytes(head[1:], "big")
        if len(head) < 3 or length < 3:
            tally.note("the rest is not ASTERIX blocks", offset)
            return
        body = stream.read(length - 3)
        if len(body) < length - 3:
            tally.note("block cut by the end of the file", offset)
            return
        yield Datagram(offset, None, head + body)
        offset += length


def _read_pcap(stream: BinaryIO, tally: Tally, order: str, unit_ns: int) -> Iterator[Datagram]:
    header = stream.read(24)
    if len(header) < 24:
        tally.note("capture cut by the end of the file", 0)
        return
    link = struct.unpack(f"{order}I", header[20:])[0] & 0x0FFFFFFF  # the upper bits tell of checksums
    offset = 24
    while head := stream.read(16):
        if len(head) < 16:
            tally.note("capture cut by the end of the file", offset)
            return
        seconds, fraction, kept, length = struct.unpack(f"{order}IIII", head)
        if kept > MAX_PACKET:
            tally.note("damaged capture, the rest is not read", offset)
            return
        packet = stream.read(kept)
        if len(packet) < kept:
            tally.note("capture cut by the end of the file", offset)
            return
        if kept < length:
            tally.note("packet cut by the capture", offset)
        else:
            yield from _unwrap(packet, offset + 16, seconds * 1_000_000_000 + fraction * unit_ns, link, tally)
        offset += 16 + kept


def _read_pcapng(stream: BinaryIO, tally: Tally) -> Iterator[Datagram]:
    order, offset = "<", 0
    links: list[int] = []
    units: list[float] = []
    while head := stream.read(8):
        if head[:4] == _PCAPNG:  # a section: its byte order holds until the next one
            mark = stream.read(4)
            order = "<" if mark == b"\x4d\x3c\x2b\x1a" else ">"
            stream.seek(-len(mark), 1)
            links.clear()
            units.clear()
        if len(head) < 8:
            tally.note("capture cut by the end of the file", offset)
            return
        kind, length = struct.unpack(f"{order}II", head)
        if length < 12 or length % 4 or length > MAX_PACKET + 4096:
            tally.note("damaged capture, the rest is not read", offset)
            return
        body = stream.read(length - 8)
        if len(body) < length - 8:
            tally.note("capture cut by the end of the file", offset)
            return
        if kind == 1 and length >= 20:
            links.append(int.from_bytes(body[:2], "little" if order == "<" else "big"))
            units.append(_unit_s(body[8:-4], order))
        elif kind == 6 and length >= 32:
            interface, high, low, kept, full = map(int, struct.unpack_from(f"{order}5I", body))
            if interface >= len(links) or kept != full or 20 + kept > len(body):
                tally.note("packet cut by the capture", offset)
            else:
                t_s = float((high << 32) | low) * units[interface]  # to 0.1 us; only the day is taken from it
                yield from _unwrap(body[20 : 20 + kept], offset + 28, round(t_s * 1e9), links[interface], tally)
        elif kind == 3:
            tally.note("packet without a time", offset)
        offset += length


def _unit_s(options: bytes, order: str) -> float:
    # if_tsresol (9): a power of ten, or of two where the top bit is set; microseconds where it is not given
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(f"{order}HH", options, at)
        if code == 9 and length == 1 and at + 4 < len(options):
            power = options[at + 4]
            return 2.0 ** -(power & 0x7F) if power & 0x80 else 10.0**-power
        at += 4 + (length + 3) // 4 * 4
    return 1e-6


def _unwrap(packet: bytes, offset: int, t_ns: int, link: int, tally: Tally) -> Iterator[Datagram]:
    """Take link, VLAN, IP and UDP headers off a packet; count what is something else."""
    if link not in _LINKS and link not in _LINKS_IP:
        tally.note(f"link type {link} is not read", offset)
        return
    at = _LINKS_IP.get(link, 0)
    if link in _LINKS:
        at_protocol, at = _LINKS[link]
        protocol = int.from_bytes(packet[at_protocol : at_protocol + 2], "big")
        while protocol in _VLAN:
            protocol, at = int.from_bytes(packet[at + 2 : at + 4], "big"), at + 4
        if protocol not in {_IP, _IPV6}:
            tally.note("not an IP packet", offset)
            return
    found = _udp_of(packet[at:])
    if isinstance(found, str):
        tally.note(found, offset)
    else:
        start, payload = found
        yield Datagram(offset + at + start, t_ns, payload)


def _udp_of(packet: bytes) -> tuple[int, bytes] | str:
    """Return the payload of a UDP packet and where it begins, or why there is none."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        at, protocol = (packet[0] & 0x0F) * 4, packet[9]
        if int.from_bytes(packet[6:8], "big") & 0x3FFF:  # more fragments, or an offset
            return "fragmented datagram"
    elif version == 6 and len(packet) >= 40:
        at, protocol = 40, packet[6]
    else:
        return "not an IP packet"
    if protocol != _UDP:
        return "not a UDP packet"
    length = int.from_bytes(packet[at + 4 : at + 6], "big")
    if length < 8 or at + length > len(packet):
        return "packet cut by the capture"
    return at + 8, packet[at + 8 : at + length]
