"""NATS for a region of stations: notices that JetStream keeps until all have them, pictures of which the newest counts.

Subjects, under `casemate.live.<station>` for what is live and `casemate.drill.<station>` for exercises and rehearsals:
`notice`, `picture`, `heartbeat`, `card`.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from msgspec import Meta

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels import nats_words as words
from casemate.io.channels.channel import OnReply, Reply
from casemate.model.catalog import Declaration, Name, SiteFile
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

if TYPE_CHECKING:  # nats comes with an extra
    from nats.aio.client import Client
    from nats.js import JetStreamContext

T = TypeVar("T")

SERVER: Final = r"^(nats|tls)://[^@/\s]+$"
"""Of a server's URL, without a name or a password: those stand in files."""
_SLACK_S: Final = 5.0  # our own loop takes so much longer than the server may


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="nats"):
    """A server, or those of one cluster, and as whom the station speaks there."""

    name: Name
    audience: Literal["live", "drill"] = "drill"
    station: words.Token  # third in every subject; no other station's
    servers: Annotated[tuple[Annotated[str, Meta(pattern=SERVER)], ...], Meta(min_length=1)] = (
        "nats://127.0.0.1:4222",
    )
    ca_file: str | None = None  # of the authority that signed the servers' certificates
    cert_file: str | None = None  # ours, and its key, where the servers know stations by them
    key_file: str | None = None
    creds_file: str | None = None  # where they know them by NATS credentials
    timeout_s: Annotated[float, Meta(ge=0.1, le=30.0)] = 2.0  # for a connection, and for the server's acknowledgement


class NatsChannel:
    """The other stations, and those who watch them all.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Of the run: not used.
    on_reply : OnReply
        Told where a picture is larger than the server takes.

    Raises
    ------
    SettingsError
        A file cannot be used, or TLS is missing and a server is elsewhere.
    """

    def __init__(self, settings: Settings, folder: Path, on_reply: OnReply) -> None:
        from casemate.io.channels.nats_link import Wanted, tls_of  # noqa: PLC0415 late: its package is an extra

        del folder
        self.name, self._settings, self._on_reply = settings.name, settings, on_reply
        said, where = settings, f"channel {settings.name}"
        tls = tls_of(where, said.servers, said.ca_file, said.cert_file, said.key_file)
        if said.creds_file is not None and not Path(said.creds_file).is_file():
            raise SettingsError(where, "creds_file", f"{said.creds_file} is no file")
        self._wanted = Wanted(settings.name, said.servers, tls, said.creds_file, said.timeout_s)
        self._mark = words.LIVE if said.audience == "live" else words.DRILL
        self._card: words.Card | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None
        self._n_cut = 0  # tracks that the picture before had no room for

    def introduce(self, site: SiteFile, heartbeat_s: float) -> None:
        """Take in who the station is, to be said at each connection."""
        self._card = words.card(self._mark, site, heartbeat_s)

    def open(self) -> None:
        """Connect, see to it that the server keeps what it is told, and say who we are.

        Raises
        ------
        ChannelError
            The server cannot be had, has no JetStream, or keeps too little.
        """
        self.close()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"nats-{self.name}", daemon=True)
        self._thread.start()
        self._run(self._connect())

    def send(self, notice: AnyNotice) -> None:
        """Return when the server has written the notice down; what is sent twice is kept once.

        Raises
        ------
        ChannelError
            The server cannot be had, does not answer in time, or refuses it.
        """
        self.send_all((notice,))

    def send_all(self, notices: Sequence[AnyNotice]) -> None:
        """Return when the server has all of them; many are under way at once.

        Raises
        ------
        ChannelError
            As `send`; any of them may have come through.
        """
        self._run(self._publish_all(notices))

    def show(self, picture: AnyPicture) -> None:
        """Publish a picture, which nobody keeps.

        Raises
        ------
        ChannelError
            There is no connection.
        """
        self._run(self._show(picture))

    def beat(self, heartbeat: AnyHeartbeat) -> None:
        """Return when the server has the heartbeat.

        Raises
        ------
        ChannelError
            As `send`.
        """
        self._run(self._publish("heartbeat", words.encode(heartbeat)))

    def close(self) -> None:
        """Hang up."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        try:
            if self._client is not None:
                from casemate.io.channels.nats_link import part  # noqa: PLC0415 late: its package is an extra

                self._run(part(self._client))
        finally:
            self._loop = self._thread = self._client = self._stream = None
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_SLACK_S)
            if not thread.is_alive():
                loop.close()

    async def _connect(self) -> None:
        from nats.js import JetStreamContext  # noqa: PLC0415 late: its package is an extra

        from casemate.io.channels.nats_link import connect, keep  # noqa: PLC0415 as it

        self._client = await connect(self._wanted)
        self._stream = JetStreamContext(self._client, timeout=self._settings.timeout_s)
        for each in words.keeping(self._mark):
            await keep(self._stream, each)
        if self._card is not None:
            await self._publish("card", words.encode(self._card))

    async def _publish_all(self, notices: Sequence[AnyNotice]) -> None:
        if self._client is None:
            raise ChannelError(self.name, "is not open")
        station, most = self._settings.station, self._client.max_payload
        told = [
            self._publish("notice", words.written(each, most), {words.ID_HEADER: words.message_id(station, each)})
            for each in notices
        ]
        for outcome in await asyncio.gather(*told, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _publish(self, what: str, payload: bytes, headers: dict[str, Any] | None = None) -> None:
        if self._stream is None:
            raise ChannelError(self.name, "is not open")
        subject = words.subject(self._mark, self._settings.station, what)
        await self._stream.publish(subject, payload, timeout=self._settings.timeout_s, headers=headers)

    async def _show(self, picture: AnyPicture) -> None:
        if self._client is None:
            raise ChannelError(self.name, "is not open")
        payload, n_cut = words.packed(picture, self._client.max_payload)
        if n_cut and not self._n_cut:
            why = f"the server takes {self._client.max_payload:,} bytes (max_payload): {n_cut:,} tracks are left out"
            self._on_reply(Reply(self.name, "refused", "picture", "server", time.time_ns(), why))
        self._n_cut = n_cut
        await self._client.publish(words.subject(self._mark, self._settings.station, "picture"), payload)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        from nats.errors import Error  # noqa: PLC0415 late: its package is an extra

        from casemate.io.channels.nats_link import why_of  # noqa: PLC0415 as it

        if self._loop is None:
            work.close()
            raise ChannelError(self.name, "is not open")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(self._settings.timeout_s * 4 + _SLACK_S)
        except (Error, OSError, TimeoutError, CancelledError, ValueError) as error:
            raise ChannelError(self.name, why_of(error)) from None
