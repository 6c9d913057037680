"""The channel to pages in browsers: JSON over WebSocket, a snapshot on connecting and changes after it.

This machine only, unless a token and a certificate are given; pages of other origins are turned away.
"""

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import Meta

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels.channel import OnReply
from casemate.io.channels.stream import why_of
from casemate.io.channels.websocket_board import Board
from casemate.model.catalog import Declaration, Name
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

if TYPE_CHECKING:  # it needs an extra
    from casemate.io.channels.websocket_hub import Hub

_TOKEN_CHARACTERS: Final = range(16, 257)
_ANSWER_S: Final = 5.0
"""How long our own loop may take to answer: it waits for nobody, so it never does."""


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="websocket"):
    """A WebSocket server: `kind = "websocket"`."""

    name: Name
    audience: Literal["live", "drill"]
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)]  # 0: any that is free
    origins: tuple[Annotated[str, Meta(pattern=r"^https?://[^/\s]+$")], ...] = ()  # of pages, besides this machine's
    token_file: str = ""  # one line of 16 to 256 characters; needed where others than this machine can connect
    certificate_file: str = ""  # PEM; needed there too
    key_file: str = ""
    patience_s: Annotated[float, Meta(ge=0.1, le=60.0)] = 10.0  # a client that takes nothing for so long is dropped


class WebSocketChannel:
    """Tells pages.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Of the run: not used.
    on_reply : OnReply
        Not used: pages are told, and say nothing.

    Raises
    ------
    SettingsError
        Others than this machine can connect, and there is no token or certificate; or a file cannot be used.
    """

    def __init__(self, settings: Settings, folder: Path, on_reply: OnReply) -> None:
        del folder, on_reply
        self.name = settings.name
        self._settings = settings
        self._token = _read_token(settings)
        self._tls = _tls_of(settings)
        self._board = Board()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hub: Hub | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on while the channel is open."""
        assert self._hub is not None
        return self._hub.port

    @property
    def n_clients(self) -> int:
        """How many are connected."""
        return 0 if self._hub is None else self._hub.n_clients

    def open(self) -> None:
        """Listen, or raise `ChannelError`."""
        from casemate.io.channels.websocket_hub import Door, Hub  # noqa: PLC0415 late: its package is an extra

        self.close()
        told = self._settings
        door = Door(told.host, told.port, told.origins, self._token, self._tls, told.patience_s)
        self._hub = Hub(door, self._board)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"websocket-{self.name}", daemon=True)
        self._thread.start()
        try:
            self._run(self._hub.start())
        except OSError as error:
            self.close()
            raise ChannelError(self.name, f"{told.host}:{told.port}: {why_of(error)}") from None

    def send(self, notice: AnyNotice) -> None:
        """Offer a notice to every page; none of them is waited for."""
        self._tell(lambda: self._board.note(notice))

    def show(self, picture: AnyPicture) -> None:
        """Offer what changed in the picture."""
        self._tell(lambda: self._board.show(picture))

    def beat(self, heartbeat: AnyHeartbeat) -> None:
        """Offer a heartbeat."""
        self._tell(lambda: self._board.beat(heartbeat))

    def close(self) -> None:
        """Hang up on everybody."""
        loop, hub, thread = self._loop, self._hub, self._thread
        if loop is None or hub is None or thread is None:
            return
        self._run(hub.stop())
        self._loop = self._hub = self._thread = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_ANSWER_S)
        if not thread.is_alive():
            loop.close()

    def _tell(self, change: Callable[[], bytes]) -> None:
        hub = self._hub
        if hub is None:
            raise ChannelError(self.name, "is not open")

        async def spread() -> None:  # the board and the clients belong to the loop
            hub.spread(change())

        self._run(spread())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None
        try:
            asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_S)
        except (TimeoutError, CancelledError):
            raise ChannelError(self.name, f"its own loop did not answer within {_ANSWER_S:g} s") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_token(settings: Settings) -> str:
    channel = f"channel {settings.name}"
    if not settings.token_file:
        if not _is_loopback(settings.host):
            raise SettingsError(channel, "token_file", f"is needed: others can connect to {settings.host}")
        return ""
    try:
        token = Path(settings.token_file).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(channel, "token_file", f"{settings.token_file} cannot be read: {error}") from None
    if len(token) not in _TOKEN_CHARACTERS or not token.isprintable() or " " in token:
        raise SettingsError(channel, "token_file", f"{settings.token_file} holds no line of 16 to 256 characters")
    return token


def _tls_of(settings: Settings) -> ssl.SSLContext | None:
    channel = f"channel {settings.name}"
    if not settings.certificate_file:
        if not _is_loopback(settings.host):
            raise SettingsError(
                channel, "certificate_file", "is needed: without TLS anybody on the way reads the token"
            )
        return None
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(settings.certificate_file, settings.key_file or None)
    except OSError as error:
        raise SettingsError(channel, "certificate_file", f"{settings.certificate_file}: {why_of(error)}") from None
    return context
