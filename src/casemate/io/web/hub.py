"""Clients, each with a writer of its own: alarms wait in a short queue, of pictures only the newest does.

Who is slow loses pictures, never alarms; whose queue is full loses the connection and begins anew; who takes nothing
for `PATIENCE_S` is hung up on. No client waits for another, and nothing waits for any. All of it runs in one loop.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any, Final

QUEUE: Final = 256
"""[A] Text frames that may wait: an alarm and its changes for each of 50 zones, with a minute of beats."""
PATIENCE_S: Final = 10.0
TRY_AGAIN, POLICY = 1013, 1008
"""Close codes of RFC 6455 and its registry."""

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Client:
    """One connection.

    Parameters
    ----------
    send : callable
        Of ASGI; returns when the connection has taken what came before.
    abort : callable
        Cuts the connection whatever waits in it.
    """

    def __init__(self, send: Send, abort: Callable[[], None]) -> None:
        self._send, self._abort = send, abort
        self._queue: deque[str | bytes] = deque()
        self._picture: bytes | None = None
        self._wakes = asyncio.Event()
        self._is_over = False
        self._since_s = 0.0  # when it was given what it has not taken yet; 0: it has taken all
        self.n_pictures_lost = 0

    def tell(self, frame: str | bytes) -> None:
        """Have a frame sent, after those before it."""
        if len(self._queue) >= QUEUE:
            self._is_over = True
        else:
            self._queue.append(frame)
        self._wakes.set()

    def show(self, picture: bytes) -> None:
        """Have a picture sent, unless a newer one comes before it can be."""
        self.n_pictures_lost += self._picture is not None
        self._picture = picture
        self._wakes.set()

    def is_stuck(self, now_s: float) -> bool:
        """Whether it has taken nothing for too long (`now_s` of the monotonic clock)."""
        return self._since_s > 0.0 and now_s - self._since_s > PATIENCE_S

    def cut(self) -> None:
        """Hang up without a word."""
        self._abort()

    async def write(self) -> None:
        """Send what waits until the connection is gone or falls too far behind."""
        while True:
            await self._wakes.wait()
            self._wakes.clear()
            while not self._is_over and (self._queue or self._picture is not None):
                frame: str | bytes | None
                if self._queue:
                    frame = self._queue.popleft()
                else:
                    frame, self._picture = self._picture, None
                self._since_s = time.monotonic()
                await self._send({"type": "websocket.send", "text" if isinstance(frame, str) else "bytes": frame})
                self._since_s = 0.0
            if self._is_over:
                await self._send({"type": "websocket.close", "code": TRY_AGAIN, "reason": "too far behind"})
                return


class Hub:
    """The clients of a server."""

    def __init__(self) -> None:
        self.clients: set[Client] = set()
        self.n_dropped = 0
        self.n_pictures_lost = 0

    def tell(self, frames: list[str]) -> None:
        """Offer text frames to everybody."""
        for client in self.clients:
            for frame in frames:
                client.tell(frame)

    def show(self, picture: bytes) -> None:
        """Offer a picture to everybody."""
        for client in self.clients:
            client.show(picture)

    def sweep(self) -> None:
        """Hang up on those who take nothing."""
        now_s = time.monotonic()
        for client in [each for each in self.clients if each.is_stuck(now_s)]:
            self.n_dropped += 1
            client.cut()

    @contextlib.asynccontextmanager
    async def attended(self, client: Client) -> AsyncGenerator[None]:
        """Serve a client for as long as the block lasts."""
        self.clients.add(client)
        writing = asyncio.create_task(client.write())
        try:
            yield
        finally:
            self.clients.discard(client)
            self.n_pictures_lost += client.n_pictures_lost
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await writing
