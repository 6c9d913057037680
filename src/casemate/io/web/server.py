"""The HTTP server in a thread of its own: uvicorn, on a socket that is bound before anything else begins."""

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from casemate.errors import SettingsError

PORT: Final = 8800
_TRIES: Final = 20
"""Ports after the usual one that are tried where none was asked for."""
_MAX_MESSAGE: Final = 1_024  # bytes of what a page says
_STOP_S: Final = 5.0
_SEND_BUFFER: Final = 131_072
"""Bytes that the system keeps for a client: left to itself it would keep megabytes of pictures that are old."""


class Door(NamedTuple):
    """Where to listen.

    `port` None: the usual one, or the next that is free; 0: any.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_local(self) -> bool:
        """Whether only this machine can come in."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    @property
    def is_tls(self) -> bool:
        """Whether what is said is encrypted."""
        return self.certificate is not None


class _Connection(WebSocketsSansIOProtocol):
    # a `Link` of the hub: frames go straight to the transport, and an abort does not wait for who takes nothing

    on_room: Callable[[], None] | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 asyncio's
        super().connection_made(transport)
        self.app_state = {**self.app_state, "link": self}

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.on_room is not None:
            self.on_room()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        self.handshake_complete |= self.close_sent  # uvicorn 0.54 calls a refusal in words of our own an error

    def has_room(self) -> bool:
        return self.writable.is_set()

    def write(self, raw: bytes) -> None:
        if not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(raw)

    def abort(self) -> None:
        self.transport.abort()


class Server:
    """Serves an application from a thread of its own; a context manager.

    Parameters
    ----------
    app : ASGI application
    door : Door
    listener : socket
        As `listen` returns it.
    """

    def __init__(self, app: ASGIApp, door: Door, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            ws=_Connection,
            ws_max_size=_MAX_MESSAGE,
            ws_per_message_deflate=False,  # every client would squeeze the same bytes anew
            ssl_certfile=None if door.certificate is None else str(door.certificate),
            ssl_keyfile=None if door.key is None else str(door.key),
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if door.is_tls else 'http'}://{shown}:{port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        self._listener.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])


def listen(door: Door) -> socket.socket:
    """Bind and listen.

    Raises
    ------
    SettingsError
        The port is taken, or the address is not of this machine.
    """
    _check_certificate(door)
    ports = range(PORT, PORT + _TRIES) if door.port is None else (door.port,)
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    why = ""
    for port in ports:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        try:
            listener.bind((door.host, port))
            listener.listen(2048)
        except OSError as error:
            listener.close()
            why = error.strerror or str(error)
        else:
            listener.settimeout(0.0)
            return listener
    shown = f"{door.host}:{ports[0]}" if door.port is not None else f"{door.host}:{ports[0]} to {ports[-1]}"
    raise SettingsError("--page", "", f"cannot listen on {shown}: {why}")


def _check_certificate(door: Door) -> None:
    if door.certificate is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(door.certificate, door.key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError("--certificate", str(door.certificate), f"cannot be used: {error}") from None
