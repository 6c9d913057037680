"""Clients, each at its own pace: alarms wait in a short queue, of pictures only the newest does.

Who is slow loses pictures, never alarms; whose queue is full loses the connection and begins anew; who takes nothing
for `PATIENCE_S` is hung up on. No client waits for another, and nothing waits for any. All of it runs in one loop.

A frame is put into its WebSocket form once and handed to every connection that has room, without a task between: for
thousands of clients the hand-over is what an alarm waits for.
"""

import contextlib
import struct
import time
from collections import deque
from collections.abc import Generator
from typing import Final, NamedTuple, Protocol

QUEUE: Final = 256
"""[A] Frames that may wait: an alarm and its changes for each of 50 zones, with a minute of beats."""
PATIENCE_S: Final = 10.0
TRY_AGAIN, POLICY = 1013, 1008
"""Close codes of RFC 6455 and its registry."""
_TEXT, _BINARY, _CLOSE = 1, 2, 8
_SHORT, _LONG = 126, 127


class Frame(NamedTuple):
    """A message as it goes over the wire."""

    raw: bytes


class Link(Protocol):
    """A connection: what a client needs of it."""

    def has_room(self) -> bool:
        """Tell whether it takes more now."""
        ...

    def write(self, raw: bytes) -> None:
        """Hand over whole frames; returns at once."""
        ...

    def abort(self) -> None:
        """Cut it, whatever waits in it."""
        ...


def framed(message: str | bytes) -> Frame:
    """Put a message into one unmasked frame, as a server sends it (RFC 6455, section 5.2)."""
    payload = message.encode() if isinstance(message, str) else message
    return Frame(_head(_TEXT if isinstance(message, str) else _BINARY, len(payload)) + payload)


def _head(opcode: int, n: int) -> bytes:
    if n < _SHORT:
        return struct.pack("!BB", 0x80 | opcode, n)
    if n <= 0xFFFF:
        return struct.pack("!BBH", 0x80 | opcode, _SHORT, n)
    return struct.pack("!BBQ", 0x80 | opcode, _LONG, n)


_FAREWELL: Final = _head(_CLOSE, 16) + struct.pack("!H", TRY_AGAIN) + b"too far behind"


class Client:
    """One connection, and what waits for it.

    Parameters
    ----------
    link : Link
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._queue: deque[Frame] = deque()
        self._picture: Frame | None = None
        self._is_over = False
        self._since_s = 0.0  # since when it has not taken all; 0: it has
        self.n_pictures_lost = 0

    def tell(self, frame: Frame) -> None:
        """Have a frame sent, after those before it."""
        if self._is_over:
            return
        if len(self._queue) >= QUEUE:
            self._is_over = True
            self._queue.clear()
            self._picture = None
            self._queue.append(Frame(_FAREWELL))
        else:
            self._queue.append(frame)
        self.flush()

    def show(self, picture: Frame) -> None:
        """Have a picture sent, unless a newer one comes before it can be."""
        if self._is_over:
            return
        self.n_pictures_lost += self._picture is not None
        self._picture = picture
        self.flush()

    def flush(self) -> None:
        """Hand over what the connection has room for."""
        while (self._queue or self._picture is not None) and self._link.has_room():
            self._since_s = 0.0
            if self._queue:
                frame = self._queue.popleft()
            else:
                assert self._picture is not None
                frame, self._picture = self._picture, None
            self._link.write(frame.raw)
        if not self._link.has_room() and not self._since_s:
            self._since_s = time.monotonic()

    def is_stuck(self, now_s: float) -> bool:
        """Whether it has taken nothing for too long (`now_s` of the monotonic clock)."""
        return self._since_s > 0.0 and not self._link.has_room() and now_s - self._since_s > PATIENCE_S

    def cut(self) -> None:
        """Hang up without a word."""
        self._link.abort()


class Hub:
    """The clients of a server."""

    def __init__(self) -> None:
        self.clients: set[Client] = set()
        self.n_dropped = 0
        self.n_pictures_lost = 0

    def tell(self, frames: list[str]) -> None:
        """Offer text frames to everybody."""
        for frame in [framed(each) for each in frames]:
            for client in self.clients:
                client.tell(frame)

    def show(self, picture: bytes) -> None:
        """Offer a picture to everybody."""
        frame = framed(picture)
        for client in self.clients:
            client.show(frame)

    def sweep(self) -> None:
        """Hang up on those who take nothing."""
        now_s = time.monotonic()
        for client in [each for each in self.clients if each.is_stuck(now_s)]:
            self.n_dropped += 1
            client.cut()

    @contextlib.contextmanager
    def attended(self, client: Client) -> Generator[None]:
        """Serve a client for as long as the block lasts."""
        self.clients.add(client)
        try:
            yield
        finally:
            self.clients.discard(client)
            self.n_pictures_lost += client.n_pictures_lost
