"""The server behind the WebSocket channel: who may come in, and how each gets what there is at its own pace.

A message is written once and shared; in front of each client waits a short queue of references. Whoever falls behind
loses what waits and gets a snapshot instead; whoever takes nothing at all for a while is hung up on. No client waits
for another, and the station for none.
"""

import asyncio
import contextlib
import hmac
import re
import ssl
import urllib.parse
from collections import deque
from typing import Final, NamedTuple

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Origin

from casemate.io.channels.websocket_board import Board

MAX_CLIENTS: Final = 1_000
"""At once: each costs a socket and some 100 kB; far more than a site has screens."""
QUEUE: Final = 16
"""Messages that wait for a client before it gets a snapshot instead: [A], 16 s at one picture a second.
An alarm waits behind no more."""
_MAX_BYTES: Final = 1_024
"""Of what a client says, before it is hung up on for saying something."""
_LOOPBACK: Final = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
_TRY_AGAIN, _POLICY = 1013, 1008  # close codes of RFC 6455


class Door(NamedTuple):
    """Where to listen, and for whom to open."""

    host: str
    port: int
    origins: tuple[str, ...]  # of pages; empty: pages of this machine
    token: str  # empty: none is asked for
    tls: ssl.SSLContext | None
    patience_s: float


class _Client:
    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.queue: deque[bytes] = deque()
        self.is_behind = True  # who comes begins with a snapshot
        self.wakes = asyncio.Event()
        self.wakes.set()

    def offer(self, message: bytes) -> None:
        if len(self.queue) >= QUEUE:
            self.queue.clear()
            self.is_behind = True
        if not self.is_behind:
            self.queue.append(message)
        self.wakes.set()


class Hub:
    """Serves a board; all of it runs in one event loop."""

    def __init__(self, door: Door, board: Board) -> None:
        self._door, self._board = door, board
        self._clients: set[_Client] = set()
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def n_clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    async def start(self) -> None:
        """Listen; an OSError where that cannot be."""
        origins = [Origin(each) for each in self._door.origins] or [_LOOPBACK]
        self._server = await serve(
            self._attend,
            self._door.host,
            self._door.port,
            origins=[None, *origins],  # None: programs, which say none; a page in a browser always does
            process_request=self._admit,
            ssl=self._door.tls,
            compression=None,  # a state of 300 kB for each client, and all of them would squeeze the same
            max_size=_MAX_BYTES,
            open_timeout=self._door.patience_s,
            close_timeout=1.0,
            server_header=None,
        )

    def spread(self, message: bytes) -> None:
        """Offer a message to everybody."""
        for client in self._clients:
            client.offer(message)

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        url = urllib.parse.urlsplit(request.path)
        said = urllib.parse.parse_qs(url.query).get("token", [""])[0]
        bearer = request.headers.get_all("Authorization")
        if len(bearer) == 1 and bearer[0].startswith("Bearer "):
            said = bearer[0].removeprefix("Bearer ")
        if self._door.token and not hmac.compare_digest(said.encode(), self._door.token.encode()):
            return connection.respond(401, "a token is needed\n")
        if url.path != "/":
            return connection.respond(404, "there is only /\n")
        if len(self._clients) >= MAX_CLIENTS:
            return connection.respond(503, "full\n")
        return None

    async def _attend(self, connection: ServerConnection) -> None:
        client = _Client(connection)
        self._clients.add(client)
        writing = asyncio.create_task(self._write(client))
        try:
            with contextlib.suppress(ConnectionClosed):
                await connection.recv()  # a client has nothing to say
                await connection.close(_POLICY, "this channel only tells")
        finally:
            self._clients.discard(client)
            writing.cancel()

    async def _write(self, client: _Client) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.wakes.wait()
                client.wakes.clear()
                while client.is_behind or client.queue:
                    if client.is_behind:
                        client.queue.clear()
                        client.is_behind = False
                        message = self._board.snapshot()
                    else:
                        message = client.queue.popleft()
                    try:
                        async with asyncio.timeout(self._door.patience_s):
                            await client.connection.send(message, text=True)
                    except TimeoutError:
                        client.connection.transport.abort()
                        return
