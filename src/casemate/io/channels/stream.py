"""A connection on which everything has a deadline: TCP or TLS, for channels that speak a protocol of their own.

What the other side sends is read while we send, so that neither waits for the other for ever.
"""

import contextlib
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

_CHUNK_BYTES: Final = 65_536
_MAX_CHUNKS: Final = 64
"""Read at once: whoever sends more in one go is read on at the next call, and holds up nothing."""


_RECORD_BYTES: Final = 4_096
"""Written at once. taky 0.10 takes so much from TLS and then waits for the network: the rest of a longer record, an
alarm's end, stayed with it until something else came."""


class Endpoint(NamedTuple):
    """Where to connect, and how long anything may take there."""

    host: str
    port: int
    timeout_s: float
    tls: ssl.SSLContext | None = None
    server_name: str = ""  # that its certificate must bear; empty: the host


class Stream:
    """An open connection.

    Parameters
    ----------
    endpoint : Endpoint
    on_bytes : callable
        Given what the other side sends, in pieces as it comes; called inside `send`, `wait_until` and `listen`.

    Raises
    ------
    OSError
        It cannot be had in time: refused, unreachable, or the other side's certificate is not to be trusted.
    """

    def __init__(self, endpoint: Endpoint, on_bytes: Callable[[bytes], None]) -> None:
        self._timeout_s, self._on_bytes = endpoint.timeout_s, on_bytes
        self._socket = socket.create_connection((endpoint.host, endpoint.port), timeout=endpoint.timeout_s)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an alarm waits for no second packet
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if endpoint.tls is not None:
                name = endpoint.server_name or endpoint.host
                self._socket = endpoint.tls.wrap_socket(self._socket, server_hostname=name)
            self._socket.settimeout(0.0)
        except BaseException:
            self._socket.close()
            raise

    def send(self, data: bytes) -> None:
        """Give all of it to the system.

        Raises
        ------
        OSError
            The other side closed, or did not take it in time. How much it took is not known: the stream is of no use.
        """
        deadline_s = time.monotonic() + self._timeout_s
        rest = memoryview(data)
        while rest:
            self.listen()
            try:
                rest = rest[self._socket.send(rest[:_RECORD_BYTES]) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(selectors.EVENT_READ | selectors.EVENT_WRITE, deadline_s, "it takes no more")
            except ssl.SSLWantReadError:
                self._wait(selectors.EVENT_READ, deadline_s, "it takes no more")

    def wait_until(self, is_met: Callable[[], bool], why: str) -> None:
        """Read on until what is waited for came.

        Raises
        ------
        OSError
            The other side closed, or it did not come in time: `why`.
        """
        deadline_s = time.monotonic() + self._timeout_s
        while True:
            self.listen()
            if is_met():
                return
            self._wait(selectors.EVENT_READ, deadline_s, why)

    def listen(self) -> None:
        """Read what came, without waiting; an OSError where the other side closed."""
        for _ in range(_MAX_CHUNKS):
            try:
                data = self._socket.recv(_CHUNK_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            if not data:
                raise ConnectionResetError("closed by the other side")
            self._on_bytes(data)

    def close(self) -> None:
        """Hang up, without waiting for the other side to agree."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _wait(self, events: int, deadline_s: float, why: str) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, events)
            if not selector.select(max(0.0, deadline_s - time.monotonic())):
                raise TimeoutError(f"{why} within {self._timeout_s:g} s")


def client_context(
    ca_file: str | Path, certificate_file: str | Path | None, key_file: str | Path | None
) -> ssl.SSLContext:
    """Trust one authority and no other, and show our certificate.

    Raises
    ------
    OSError
        A file cannot be read, or is not what it should be (`ssl.SSLError`).
    """
    context = ssl.create_default_context(cafile=str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate_file is not None:
        context.load_cert_chain(str(certificate_file), None if key_file is None else str(key_file))
    return context


def why_of(error: OSError) -> str:
    """Say in a few words what is wrong with a connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"TLS: {error.reason.lower().replace('_', ' ')}"
    return error.strerror or str(error)
