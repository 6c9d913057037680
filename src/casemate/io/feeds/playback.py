"""Recordings played: as a source of datagrams, or to a port as the radar sent them.

A capture is paced by its times of receipt; raw blocks have none, and are paced by the newest time that they tell.
"""

import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.io.feeds.address import parse
from casemate.io.feeds.asterix import Decoder
from casemate.io.feeds.capture import Datagram, Refused, Tally, read_datagrams
from casemate.io.feeds.clock import PlayedClock
from casemate.io.feeds.network import Received

_N_LATELY: Final = 5
_AHEAD_NS: Final = 2 * NS_PER_S  # of the usual time, at most, does a raw block play
_STEP_S: Final = 0.05  # longest sleep: how soon a stop is noticed


class Due(NamedTuple):
    """A datagram of a recording, and when it is to be played [ns, monotonic]."""

    t_ns: int
    payload: bytes
    monotonic_ns: int


class Sent(msgspec.Struct, frozen=True):
    """What was played to a port."""

    n_datagrams: int
    wall_s: float
    refused: tuple[Refused, ...]


class FileSource:
    """A recording played back: `speed` times as fast as it was recorded, or (None) as fast as it is taken."""

    def __init__(self, path: Path, speed: float | None, clock: PlayedClock, tally: Tally) -> None:
        self.n_lost, self.is_connected, self.is_over = 0, True, False
        self._clock = clock
        self._stream = _open(path)
        self._paced = paced(self._stream, speed, tally)
        self._next: Due | None = None

    def receive(self, wait_s: float) -> list[Received]:
        """Return the next datagram if it is due within so long."""
        self._next = self._next or next(self._paced, None)
        if self._next is None:
            self.is_over = True
            return []
        rest_s = (self._next.monotonic_ns - time.monotonic_ns()) / NS_PER_S
        if rest_s > wait_s:
            time.sleep(wait_s)
            return []
        time.sleep(max(rest_s, 0.0))
        due, self._next = self._next, None
        self._clock.play_to(due.t_ns)
        return [Received(due.t_ns, due.payload)]

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def paced(stream: BinaryIO, speed: float | None, tally: Tally) -> Iterator[Due]:
    """Yield the datagrams of a recording and when they are due, the first one now."""
    first: tuple[int, int] | None = None
    for t_ns, payload in _timed(read_datagrams(stream, tally)):
        first = first or (t_ns, time.monotonic_ns())
        yield Due(t_ns, payload, 0 if speed is None else first[1] + round((t_ns - first[0]) / speed))


def send(recording: Path, url: str, speed: float = 1.0, is_stopped: Callable[[], bool] = lambda: False) -> Sent:
    """Play a recording to a UDP port or multicast group.

    Raises
    ------
    SettingsError
        The recording cannot be read, or the URL is not one to send to.
    """
    address, tally = parse(url), Tally()
    if address.scheme != "udp" or not address.port:
        raise SettingsError(url, "", "is not udp://ADDRESS:PORT")
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    n_sent, begin = 0, time.monotonic()
    with _open(recording) as stream, socket.socket(family, socket.SOCK_DGRAM) as port:
        if "interface" in address.options:
            interface = socket.inet_aton(address.options["interface"])
            port.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
        for due in paced(stream, speed, tally):
            while not is_stopped() and (rest_s := (due.monotonic_ns - time.monotonic_ns()) / NS_PER_S) > 0.0:
                time.sleep(min(rest_s, _STEP_S))
            if is_stopped():
                break
            try:
                port.sendto(due.payload, (address.host, address.port))
            except OSError as error:
                raise SettingsError(url, "", f"cannot be sent to: {error.strerror or error}") from None
            n_sent += 1
    return Sent(n_sent, time.monotonic() - begin, tally.refused())


def _timed(datagrams: Iterator[Datagram]) -> Iterator[tuple[int, bytes]]:
    decoder = Decoder()
    lately: deque[int] = deque(maxlen=_N_LATELY)
    for datagram in datagrams:
        if datagram.t_ns is not None:
            yield datagram.t_ns, datagram.payload
            continue
        told = decoder.take(datagram.payload, None, datagram.offset)
        newest_ns = max(
            [*told.plots["t_ns"].tolist(), *(mark.t_ns for mark in told.marks)], default=lately[-1] if lately else 0
        )
        lately.append(newest_ns)
        usual_ns = sorted(lately)[len(lately) // 2]  # one damaged time does not hold up the rest
        yield max(usual_ns, min(newest_ns, usual_ns + _AHEAD_NS)), datagram.payload


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise SettingsError(str(path), "", f"cannot be read: {error.strerror or error}") from None
