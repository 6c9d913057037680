"""The feed: sensors that connect to us over TCP, or a middleware that we connect to, in one thread.

`sapient://HOST:PORT` listens, as the fusion node that sensors connect to; `sapient+connect://HOST:PORT` connects, to
a middleware (dstl's Apex: a port of type Peer) or to a parent. `?node=UUID` sets our own id. SAPIENT itself neither
encrypts nor proves who speaks: the port belongs in a network of its own or behind a tunnel.
"""

import contextlib
import selectors
import socket
import time
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.health import FeedHealth, Meter
from casemate.io.feeds.looks import Look, Moment
from casemate.io.feeds.sapient import SCHEMES
from casemate.io.feeds.sapient.node import Node, node_id_of
from casemate.io.feeds.sapient.plots import Sensors
from casemate.io.feeds.sapient.session import Register, Session, due
from casemate.io.feeds.sapient.wire import MAX_BYTES, is_node_id
from casemate.io.feeds.wire_feed import Clock
from casemate.model.catalog import SiteFile
from casemate.model.messages import Aside, Scan
from casemate.model.records import LABEL, FeedState, freeze

MAX_LINKS: Final = 64
"""Connections at once; a site has a handful of sensors."""
_READ_BYTES: Final = 65_536
_WAIT_S: Final = 0.05  # longest sleep: how fast a stop is noticed
_CONNECT_S: Final = 2.0
_BACKOFF_S: Final = (0.5, 30.0)  # first and longest wait before connecting anew


class _Link:
    # A socket, its session, and what it has still to send.
    def __init__(self, sock: socket.socket, session: Session) -> None:
        self.sock, self.session, self.out = sock, session, bytearray()
        sock.settimeout(0.0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class SapientFeed:
    """Plots from SAPIENT sensors; satisfies the shape of a feed.

    Parameters
    ----------
    url : str
        As above; a port of 0 listens on any that is free, and `port` says which.
    site : SiteFile
        Its sensors by `sapient_node`.
    clock : Clock
        The station's; how each sensor's stands to it is found as detections come.

    Raises
    ------
    SettingsError
        The URL cannot be used, no sensor of the site is a node, or the port cannot be listened on.
    """

    def __init__(self, url: str, site: SiteFile, clock: Clock) -> None:
        self.name, self._clock = url, clock
        parts = _parsed(url)
        self._is_client = parts.scheme == "sapient+connect"
        self._address = (str(parts.hostname), parts.port or 0)
        node_id = urllib.parse.parse_qs(parts.query).get("node", [node_id_of(site.site.name)])[0]
        if not is_node_id(node_id):
            raise SettingsError(url, "node", "is no UUID of version 4, in lower case")
        self.tally = Tally()
        self._meter = Meter(url, site, self.tally)
        self.register = Register(Sensors(site), self.tally, self._meter.clocks)
        if not self.register.sensors.ids:
            raise SettingsError(url, "", f"{site.site.name} has no sensor with a sapient_node")
        self._node = Node(node_id, site.site.name)
        self._selector = selectors.DefaultSelector()
        self._links: dict[socket.socket, _Link] = {}
        self._server = None if self._is_client else self._listen(url)
        self._n_plots = 0  # they are numbered from 1
        self._t_connect_ns, self._backoff_s = 0, _BACKOFF_S[0]

    @property
    def port(self) -> int:
        """The TCP port that is listened on or connected to."""
        return self._address[1] if self._server is None else int(self._server.getsockname()[1])

    def run(self, deliver: Callable[[Scan | Aside], None], is_stopped: Callable[[], bool]) -> None:
        """Serve until stopped; a look is delivered as it ends, before its scan what the sensor calls its plots."""
        try:
            while not is_stopped():
                self._hand_on(self._turn(), deliver)
        finally:
            for link in list(self._links.values()):
                with contextlib.suppress(OSError):
                    link.sock.sendall(link.session.goodbye(self._now()))
                self._hand_on(self._drop(link), deliver)
            if self._server is not None:
                self._server.close()
            self._selector.close()

    def health(self) -> FeedHealth:
        """Return how it is."""
        return self._meter.health(self._clock.now_ns())

    def _hand_on(self, looks: Iterable[Look], deliver: Callable[[Scan | Aside], None]) -> None:
        for look in looks:
            plots, labels = look.scan.plots.copy(), np.zeros(len(look.labels), LABEL)
            plots["plot_id"] = self._n_plots + 1 + np.arange(len(plots))
            labels["plot_id"], labels["label"] = plots["plot_id"], look.labels
            self._n_plots += len(plots)
            deliver(Aside(t_ns=look.scan.t_end_ns, kind="label", rows=freeze(labels)))
            scan = msgspec.structs.replace(look.scan, plots=freeze(plots))
            self._meter.note_scan(scan)
            deliver(scan)

    def _listen(self, url: str) -> socket.socket:
        try:
            server = socket.create_server(self._address, backlog=MAX_LINKS)
        except OSError as error:
            raise SettingsError(url, "", f"cannot be listened on: {error.strerror or error}") from None
        server.settimeout(0.0)
        self._selector.register(server, selectors.EVENT_READ)
        return server

    def _turn(self) -> list[Look]:
        if self._is_client and not self._links:
            self._connect()
            self._meter.state = None if self._links else FeedState.LOST
        looks: list[Look] = []
        for key, events in self._selector.select(self._wait_s()) if self._selector.get_map() else ():
            link = self._links.get(key.fileobj)  # pyright: ignore[reportArgumentType] only sockets are registered
            if link is None:
                self._accept()
            else:
                looks += self._serve(link, events)
        moment = self._now()
        for link in list(self._links.values()):
            looks += self._send(link, link.session.beat(moment))
        return looks + list(due(self.register, moment))

    def _wait_s(self) -> float:
        due_ns = [each for node in self.register.nodes.values() if (each := node.looks.due_ns()) is not None]
        return min([_WAIT_S, *(max(0.0, (each - time.monotonic_ns()) / NS_PER_S) for each in due_ns)])

    def _connect(self) -> None:
        now_ns = time.monotonic_ns()
        if now_ns < self._t_connect_ns:
            time.sleep(_WAIT_S)
            return
        try:
            sock = socket.create_connection(self._address, timeout=_CONNECT_S)
        except OSError:
            self.tally.note("connection: cannot be had", 0)
            self._backoff_s = min(2.0 * self._backoff_s, _BACKOFF_S[1])
            self._t_connect_ns = now_ns + round(self._backoff_s * NS_PER_S)
            return
        link = self._add(sock)
        self._send(link, link.session.hello(self._now()))

    def _accept(self) -> None:
        assert self._server is not None
        with contextlib.suppress(OSError):  # gone again before it was accepted
            sock, _ = self._server.accept()
            if len(self._links) >= MAX_LINKS:
                self.tally.note(f"connection: more than {MAX_LINKS} at once", 0)
                sock.close()
            else:
                self._add(sock)

    def _add(self, sock: socket.socket) -> _Link:
        link = _Link(sock, Session(self._node, self.register, is_client=self._is_client))
        self._links[sock] = link
        self._selector.register(sock, selectors.EVENT_READ)
        return link

    def _serve(self, link: _Link, events: int) -> list[Look]:
        looks: list[Look] = []
        if events & selectors.EVENT_READ:
            try:
                data = link.sock.recv(_READ_BYTES)
            except BlockingIOError:
                return looks
            except OSError:
                data = b""
            if not data:
                return self._drop(link)
            moment = self._now()
            self._meter.note_received(moment.t_ns)
            taken = link.session.take(data, moment)
            looks += taken.looks
            looks += self._send(link, taken.answer)
            if taken.is_over:
                return looks + self._drop(link)
            self._backoff_s = _BACKOFF_S[0]
        return looks + self._send(link, b"") if link.sock in self._links else looks

    def _send(self, link: _Link, data: bytes) -> list[Look]:
        link.out += data
        if not link.out or link.sock not in self._links:
            return []
        try:
            n_sent = link.sock.send(link.out)
        except BlockingIOError:
            n_sent = 0
        except OSError:
            return self._drop(link)
        del link.out[:n_sent]
        if len(link.out) > MAX_BYTES:
            self.tally.note("connection: its other side does not read", 0)
            return self._drop(link)
        write = selectors.EVENT_WRITE if link.out else 0
        self._selector.modify(link.sock, selectors.EVENT_READ | write)
        return []

    def _drop(self, link: _Link) -> list[Look]:
        if self._links.pop(link.sock, None) is None:
            return []
        self._selector.unregister(link.sock)
        link.sock.close()
        self._t_connect_ns = time.monotonic_ns() + round(self._backoff_s * NS_PER_S)
        return link.session.end()

    def _now(self) -> Moment:
        return Moment(self._clock.now_ns(), time.monotonic_ns())


def _parsed(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
        port, query = parts.port, urllib.parse.parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise SettingsError(url, "", str(error)) from None
    if parts.scheme not in SCHEMES or not parts.hostname or port is None:
        raise SettingsError(url, "", "is not sapient://HOST:PORT or sapient+connect://HOST:PORT")
    if set(query) - {"node"}:
        raise SettingsError(url, "", "knows no option but node")
    return parts
