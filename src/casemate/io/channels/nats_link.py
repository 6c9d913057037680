"""One connection to a NATS server with JetStream. It does not mend itself: who uses it makes another, knowingly."""

import asyncio
import contextlib
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels.nats_words import Keeping

PING_S: Final = 10
"""Between two pings [s]: a server that answers neither of two is given up."""
_MIN_WINDOW_S: Final = 300.0
_FAREWELL_S: Final = 1.0


class Wanted(NamedTuple):
    """Which servers, and as whom."""

    name: str  # by which errors and the server's lists call us
    servers: tuple[str, ...]
    tls: ssl.SSLContext | None
    creds_file: str | None
    timeout_s: float


def tls_of(
    where: str, servers: tuple[str, ...], ca_file: str | None, cert_file: str | None, key_file: str | None
) -> ssl.SSLContext | None:
    """Return how to encrypt, None for servers of this machine alone.

    Raises
    ------
    SettingsError
        TLS is missing and a server is elsewhere, or a file cannot be used.
    """
    if ca_file is None:
        if cert_file or key_file or not all(_is_here(server) for server in servers):
            raise SettingsError(where, "ca_file", "is missing: only a server on this machine is spoken to without TLS")
        return None
    if (cert_file is None) != (key_file is None):
        raise SettingsError(where, "cert_file", "and key_file belong together")
    for key, path in (("ca_file", ca_file), ("cert_file", cert_file), ("key_file", key_file)):
        if path is not None and not Path(path).is_file():
            raise SettingsError(where, key, f"{path} is no file")
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise SettingsError(where, "ca_file", f"{ca_file} holds no certificate: {error}") from None
    try:
        if cert_file is not None:
            context.load_cert_chain(cert_file, key_file)
    except OSError as error:
        raise SettingsError(where, "cert_file", f"cannot be used with key_file: {error}") from None
    return context


async def connect(wanted: Wanted) -> Client:
    """Connect to the first server that can be had.

    Raises
    ------
    ChannelError
        None can, or does not want us, or speaks no TLS where we must.
    """
    last: list[Exception] = []

    async def note(error: Exception) -> None:
        last.append(error)

    client = Client()
    try:
        async with asyncio.timeout(wanted.timeout_s):
            await client.connect(
                list(wanted.servers),
                name=wanted.name,
                allow_reconnect=False,
                max_reconnect_attempts=1,  # a second try at once, then it says what was wrong
                reconnect_time_wait=0,
                connect_timeout=max(1, round(wanted.timeout_s)),
                ping_interval=PING_S,
                error_cb=note,
                tls=wanted.tls,
                user_credentials=wanted.creds_file,
            )
    except (TimeoutError, OSError, NatsError, ValueError) as error:
        await part(client)
        raise ChannelError(wanted.name, f"{', '.join(wanted.servers)}: {why_of(last[-1] if last else error)}") from None
    if wanted.tls is not None and not getattr(client, "_server_info", {}).get("tls_required"):
        await part(client)
        raise ChannelError(wanted.name, f"{', '.join(wanted.servers)}: offers no TLS")
    return client


async def keep(stream: JetStreamContext, wanted: Keeping) -> None:
    """See to it that the server keeps what it is to keep; whoever comes first sets it up.

    Raises
    ------
    NatsError, TimeoutError
        It does not, or may not.
    ValueError
        It keeps it otherwise than a warning needs it.
    """
    try:
        config = (await stream.stream_info(wanted.stream)).config
    except NotFoundError:
        await stream.add_stream(  # pyright: ignore[reportUnknownMemberType] half typed
            StreamConfig(
                name=wanted.stream,
                subjects=list(wanted.subjects),
                storage=StorageType.FILE,
                max_age=wanted.max_age_s,
                max_msgs_per_subject=wanted.max_per_subject,
                duplicate_window=wanted.duplicate_window_s,
            )
        )
        return
    if config.storage != StorageType.FILE:
        raise ValueError(f"stream {wanted.stream} is kept in memory, and would be lost with the server")
    if config.duplicate_window < min(wanted.duplicate_window_s, _MIN_WINDOW_S):
        raise ValueError(f"stream {wanted.stream} forgets message ids after {config.duplicate_window:g} s")


async def part(client: Client) -> None:
    """Hang up; nothing that fails on the way matters any more."""
    if client.is_connected:
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await client.close()
    transport = getattr(client, "_transport", None)
    if transport is not None:  # what never came to be a connection is left open by the library
        transport.close()
    await asyncio.sleep(0.0)


def why_of(error: BaseException) -> str:
    """Return what was wrong, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, APIError):
        return f"JetStream: {error.description or error}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def _is_here(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
