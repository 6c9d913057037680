"""A radar for tests: sends CAT048 and CAT034 by UDP or TCP as rotating radars do, from a thread or its own process.

Written by the specification's bytes, not by the code that reads them. Time is the machine's own unless `offset_s` says
otherwise; each datagram is sent when it is due.
"""

import math
import socket
import struct
import sys
import time
from dataclasses import dataclass, field


@dataclass
class Radar:
    """A turning radar that sees things on level courses, each once a turn."""

    address: tuple[str, int]
    sac: int = 25
    sic: int = 10
    period_s: float = 1.0
    sectors: int = 32  # 0: north marks only
    has_north: bool = True
    n_things: int = 10
    seed: int = 1
    offset_s: float = 0.0
    drift_ppm: float = 0.0
    is_burst: bool = True  # a sector's plots with its mark; else each plot when it is seen
    is_wall: bool = True
    jump_at_s: float = math.inf
    jump_s: float = 0.0
    sent: list = field(default_factory=list)

    def tod(self, t_s: float, begin_s: float) -> bytes:
        shown = t_s + self.offset_s + self.drift_ppm * 1e-6 * (t_s - begin_s)
        shown += self.jump_s * (t_s - begin_s >= self.jump_at_s)
        return (int(shown * 128) % (86_400 * 128)).to_bytes(3, "big")

    def plot(self, t_s: float, begin_s: float, range_m: float, az_rad: float, height_m: float) -> bytes:
        rho, theta = round(range_m / 1852.0 * 256), round(az_rad / (2 * math.pi) * 65536) & 0xFFFF
        height = round(height_m / (25 * 0.3048))
        # I010, I140, I020 (PSR), I040 | I110
        body = struct.pack(">BB", self.sac, self.sic) + self.tod(t_s, begin_s) + b"\x20"
        return b"\xf1\x01\x08" + body + struct.pack(">HH", rho, theta) + struct.pack(">H", height & 0x3FFF)

    def mark(self, t_s: float, begin_s: float, sector: int | None) -> bytes:
        head = struct.pack(">BBB", self.sac, self.sic, 1 if sector is None else 2) + self.tod(t_s, begin_s)
        if sector is None:
            return block(34, b"\xe0" + head)
        return block(34, b"\xf0" + head + bytes([sector * 256 // self.sectors]))

    def place(self, k: int, t_s: float) -> tuple[float, float, float]:
        """Range, azimuth, height of thing k: straight and level past the radar."""
        course = 2 * math.pi * (k * 0.618 + self.seed * 0.37)
        east = 4000.0 * math.cos(2.4 * k + self.seed) + 60.0 * t_s * math.sin(course)
        north = 4000.0 * math.sin(2.4 * k + self.seed) + 60.0 * t_s * math.cos(course)
        up = 500.0 + 40.0 * k
        return math.sqrt(east * east + north * north + up * up), math.atan2(east, north) % (2 * math.pi), up + 34.0

    def run(self, for_s: float, is_stopped=lambda: False) -> int:
        """Send for so long; returns how many plots were sent."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        begin_mono, begin_s = time.monotonic(), time.time()
        n_parts, n_plots, k = self.sectors or 64, 0, 0
        while k * self.period_s / n_parts < for_s and not is_stopped():
            k += 1
            t_end = k * self.period_s / n_parts
            az_from = (2 * math.pi * (k - 1) / n_parts) % (2 * math.pi)
            found = []
            for thing in range(self.n_things):
                reach, az, height = self.place(thing, t_end)
                share = ((az - az_from) % (2 * math.pi)) / (2 * math.pi / n_parts)
                if share < 1.0:
                    found.append((t_end - (1.0 - share) * self.period_s / n_parts, reach, az, height))
            n_plots += len(found)
            records = [(t, self.plot(begin_s + t, begin_s, *what)) for t, *what in sorted(found)]
            if not self.is_burst:
                for t, record in records:
                    self.send(sock, begin_mono + t, block(48, record), "plot", begin_s + t)
                records = []
            out = block(48, b"".join(record for _, record in records)) if records else b""
            if self.sectors:
                out += self.mark(begin_s + t_end, begin_s, k % self.sectors)
            if self.has_north and k % n_parts == 0:
                out += self.mark(begin_s + t_end, begin_s, None)
            if out:
                self.send(sock, begin_mono + t_end, out, "sector", begin_s + t_end)
        sock.close()
        return n_plots

    def send(self, sock, due, payload, kind, t_s) -> None:
        rest = due - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        self.sent.append((time.monotonic_ns(), kind, t_s))
        sock.sendto(payload, self.address)


def block(category: int, body: bytes) -> bytes:
    return bytes([category]) + struct.pack(">H", len(body) + 3) + body


if __name__ == "__main__":
    options = dict(each.split("=", 1) for each in sys.argv[3:])
    kind = {"drift_ppm": float, "offset_s": float, "period_s": float, "jump_at_s": float, "jump_s": float}
    radar = Radar(
        (sys.argv[1].rsplit(":", 1)[0], int(sys.argv[1].rsplit(":", 1)[1])),
        **{name: kind.get(name, int)(value) for name, value in options.items()},
    )
    print(radar.run(float(sys.argv[2])))
