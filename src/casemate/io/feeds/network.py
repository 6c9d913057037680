"""Where datagrams come from: UDP and TCP, each with the time at which it came.

A TCP stream is cut into ASTERIX blocks by the length that each begins with. Nothing is held but the socket's own buffer
and one unfinished block.
"""

import contextlib
import socket
import struct
import sys
import threading
import time
from concurrent.futures import Future, wait
from typing import Final, NamedTuple

from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.io.feeds.address import Address
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import StationClock

RECEIVE_BYTES: Final = 4_194_304
"""Asked of the system to hold for us, a second of 20,000 plots; it may give less (`net.core.rmem_max`)."""
_MAX_DATAGRAM: Final = 65_535
_STAMPED: Final = 35  # of Linux: SO_TIMESTAMPNS, which Python 3.11 does not name
_OVERFLOWN: Final = 40  # of Linux: SO_RXQ_OVFL: datagrams that the system had to drop
_CONNECT_S: Final = 2.0
_BACKOFF_S: Final = (0.5, 30.0)  # first and longest wait before connecting anew
_STEP_S: Final = 0.05  # longest sleep: how soon a stop is noticed


class Received(NamedTuple):
    """What came at once, and when."""

    t_recv_ns: int
    payload: bytes


class UdpSource:
    """Datagrams that are sent to a port, or to a multicast group.

    Raises
    ------
    SettingsError
        The port cannot be listened on, or the group not joined.
    """

    def __init__(self, address: Address, clock: StationClock, tally: Tally) -> None:
        self.n_lost, self.is_connected, self.is_over = 0, True, False
        self._clock, self._tally = clock, tally
        self._socket = _listen(address)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        for option in (_STAMPED, _OVERFLOWN) if sys.platform == "linux" else ():
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, option, 1)
        self._room = socket.CMSG_SPACE(16) + socket.CMSG_SPACE(4)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._socket.getsockname()[1])

    def receive(self, wait_s: float) -> list[Received]:
        """Return what came, nothing where it is quiet for so long."""
        self._socket.settimeout(max(wait_s, 0.0005))
        try:
            payload, notes, flags, _ = self._socket.recvmsg(_MAX_DATAGRAM, self._room)
        except TimeoutError:
            return []
        except OSError as error:  # an ICMP answer to something of ours, a network that is down: it may come again
            self._tally.note(f"socket: {error.strerror or error}", 0)
            time.sleep(_STEP_S)
            return []
        t_ns = self._clock.now_ns()
        for _, kind, content in notes:
            if kind == _STAMPED and len(content) == 16:
                seconds, ns = struct.unpack("qq", content)
                t_ns = self._clock.of_stamp_ns(seconds * NS_PER_S + ns)
            elif kind == _OVERFLOWN and len(content) == 4:
                self.n_lost = struct.unpack("I", content)[0]
        if flags & socket.MSG_TRUNC:
            self._tally.note("datagram longer than 65,535 bytes", 0)
            return []
        return [Received(t_ns, payload)]

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


class TcpSource:
    """Blocks of a server that we connect to; connects anew, ever more seldom, where it cannot be had."""

    def __init__(self, address: Address, clock: StationClock, tally: Tally) -> None:
        self.n_lost, self.is_connected, self.is_over = 0, False, False
        self._address, self._clock, self._tally = address, clock, tally
        self._socket: socket.socket | None = None
        self._dialled: Future[socket.socket] | None = None
        self._rest = b""
        self._backoff_s, self._t_next_ns = _BACKOFF_S[0], 0

    def receive(self, wait_s: float) -> list[Received]:
        """Return the blocks that came whole, nothing where it is quiet for so long."""
        if self._socket is None:
            self._connect(wait_s)
            return []
        self._socket.settimeout(max(wait_s, 0.0005))
        try:
            data = self._socket.recv(_MAX_DATAGRAM)
        except TimeoutError:
            return []
        except OSError as error:
            return self._lose(f"connection lost: {error.strerror or error}")
        if not data:
            return self._lose("connection closed by the other side")
        t_ns = self._clock.now_ns()
        self._backoff_s = _BACKOFF_S[0]
        blocks: list[Received] = []
        data, at, self._rest = self._rest + data, 0, b""
        while len(data) - at >= 3:
            length = int.from_bytes(data[at + 1 : at + 3], "big")
            if length < 3:
                return blocks + self._lose("the stream is not ASTERIX blocks")
            if len(data) - at < length:
                break
            blocks.append(Received(t_ns, data[at : at + length]))
            at += length
        self._rest = data[at:]
        return blocks

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        if self._dialled is not None:
            self._dialled.add_done_callback(_hang_up)

    def _connect(self, wait_s: float) -> None:
        if self._dialled is None:
            if time.monotonic_ns() < self._t_next_ns:
                time.sleep(min(wait_s, _STEP_S))
                return
            self._dialled = _dial(self._address.host, self._address.port)
        wait((self._dialled,), min(wait_s, _STEP_S))
        if not self._dialled.done():
            return
        dialled, self._dialled = self._dialled, None
        try:
            self._socket = dialled.result()
        except OSError as error:
            self._lose(f"connection not had: {error.strerror or error}")
            return
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.is_connected = True

    def _lose(self, why: str) -> list[Received]:
        self._tally.note(why, 0)
        if self._rest:
            self._tally.note("block cut by the end of the connection", 0)
        if self._socket is not None:
            self._socket.close()
        self._socket, self._rest, self.is_connected = None, b"", False
        self._t_next_ns = time.monotonic_ns() + round(self._backoff_s * NS_PER_S)
        self._backoff_s = min(2.0 * self._backoff_s, _BACKOFF_S[1])
        return []


def _dial(host: str, port: int) -> "Future[socket.socket]":
    # in a thread: a name server or a host that does not answer must not hold up a stop
    dialled: Future[socket.socket] = Future()

    def dial() -> None:
        try:
            dialled.set_result(socket.create_connection((host, port), timeout=_CONNECT_S))
        except OSError as error:
            dialled.set_exception(error)

    threading.Thread(target=dial, name=f"dial-{host}", daemon=True).start()
    return dialled


def _hang_up(dialled: "Future[socket.socket]") -> None:
    if dialled.exception() is None:
        dialled.result().close()


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if address.is_multicast:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((address.host, address.port))  # to the group: other groups on the port are not ours
            interface = address.options.get("interface", "0.0.0.0")  # noqa: S104 that is: as the system routes it
            member = socket.inet_aton(address.host) + socket.inet_aton(interface)
            found.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        else:
            found.bind((address.host, address.port))
    except OSError as error:
        found.close()
        raise SettingsError(address.url, "", f"cannot be listened on: {error.strerror or error}") from None
    return found
