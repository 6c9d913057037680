"""What the server has of a region's stations: first what it kept, then what comes; after a break from where it was."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from casemate.constants import NS_PER_S
from casemate.errors import ChannelError
from casemate.io.channels import nats_words as words
from casemate.io.channels.nats_link import Wanted, connect, keep, part, why_of
from casemate.io.web.facts import Fact
from casemate.io.web.page import Page
from casemate.io.web.region import Heard, Region
from casemate.io.web.scene import Scene

LOOK_BACK_S: Final = 3600.0
"""Notices that are older are over or have expired: they hold for minutes."""
_RETRY_S: Final = 0.5
_LOOK_S: Final = 0.1  # how soon a lost connection is noticed
_ASK_LOOKS: Final = 50  # looks between two questions whether the server still delivers to us

OnMessage = Callable[[str, bytes, int], None]


class Reader:
    """Hears all stations of one mark, in a thread of its own.

    Parameters
    ----------
    wanted : Wanted
    mark : str
        `nats_words.LIVE` or `DRILL`.
    on_message : callable
        Given subject, payload and the time at which it came, or was taken down if that was before.
    on_link : callable
        Told why there is no connection, empty where there is one again.
    now_ns : callable
        Our clock.
    """

    def __init__(
        self,
        wanted: Wanted,
        mark: str,
        on_message: OnMessage,
        on_link: Callable[[str], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._wanted, self._mark = wanted, mark
        self._on_message, self._on_link, self._now_ns = on_message, on_link, now_ns
        self._seq = 0  # the last notice, as the stream counts
        self._n_delivered: dict[str, int] = {}  # by stream, as the server counts for us
        self._is_gap = self._is_stopped = False
        self.is_caught_up = threading.Event()  # what was kept is on its way
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="region", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when it has."""
        self._is_stopped = True
        self._thread.join(self._wanted.timeout_s + 5.0)

    async def _run(self) -> None:
        while not self._is_stopped:
            try:
                client = await connect(self._wanted)
            except ChannelError as error:
                self._on_link(error.why)
            else:
                await self._listen(client)
            await asyncio.sleep(0.0 if self._is_stopped else _RETRY_S)

    async def _listen(self, client: Client) -> None:
        stream, why = JetStreamContext(client, timeout=self._wanted.timeout_s), "the connection is lost"
        try:
            notices, stations = words.keeping(self._mark)
            await client.subscribe(  # pyright: ignore[reportUnknownMemberType] half typed
                words.subject(self._mark, "*", "picture"), cb=self._hear
            )
            consumers = [
                await self._deliver(stream, stations, await self._config(stream, stations)),
                await self._deliver(stream, notices, await self._config(stream, notices)),
            ]
            self._on_link("")
            self.is_caught_up.set()
            n_looks = 0
            while client.is_connected and not self._is_stopped and not self._is_gap:
                await asyncio.sleep(_LOOK_S)
                n_looks += 1
                if n_looks % _ASK_LOOKS == 0:
                    for name, consumer in consumers:
                        await stream.consumer_info(name, consumer)  # raises where it is gone
            why = "something was left out" if self._is_gap else why
        except (TimeoutError, OSError, NatsError, ValueError) as error:
            why = why_of(error)
        finally:
            self._is_gap = False
            await part(client)
        self._on_link(why)

    async def _config(self, stream: JetStreamContext, kept: words.Keeping) -> ConsumerConfig:
        await keep(stream, kept)
        config = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.LAST_PER_SUBJECT)
        if kept.max_per_subject == 1:
            return config
        if (await stream.stream_info(kept.stream)).state.last_seq < self._seq:  # it was made anew meanwhile
            self._seq = 0
        if self._seq:
            config.deliver_policy, config.opt_start_seq = DeliverPolicy.BY_START_SEQUENCE, self._seq + 1
        else:
            since_s = self._now_ns() / NS_PER_S - LOOK_BACK_S
            config.deliver_policy = DeliverPolicy.BY_START_TIME
            config.opt_start_time = datetime.fromtimestamp(since_s, UTC)
        return config

    async def _deliver(self, stream: JetStreamContext, kept: words.Keeping, config: ConsumerConfig) -> tuple[str, str]:
        self._n_delivered[kept.stream] = 0
        subject = kept.subjects[0] if kept.max_per_subject < 0 else words.subject(self._mark, "*", ">")
        got = await stream.subscribe(subject, stream=kept.stream, config=config, cb=self._hear_kept, manual_ack=True)
        return kept.stream, (await got.consumer_info()).name

    async def _hear(self, message: Msg) -> None:
        self._on_message(message.subject, message.data, self._now_ns())

    async def _hear_kept(self, message: Msg) -> None:
        told = message.metadata
        n_before = self._n_delivered[told.stream]
        if self._is_gap or told.sequence.consumer != n_before + 1:
            self._is_gap = True
            return
        self._n_delivered[told.stream] = n_before + 1
        self._on_message(message.subject, message.data, min(self._now_ns(), round(told.timestamp.timestamp() * 1e9)))
        if told.stream == words.keeping(self._mark)[0].stream:
            self._seq = told.sequence.stream


def follow(region: Region, page: Page, wanted: Wanted, mark: str, now_ns: Callable[[], int]) -> Reader:
    """Return what has a page follow a region once it is started.

    Parameters
    ----------
    region : Region
        Touched in the page's loop alone from here on.
    page : Page
    wanted : Wanted
    mark : str
        `nats_words.LIVE` or `DRILL`.
    now_ns : callable
        Our clock.
    """

    def hear(subject: str, payload: bytes, t_ns: int) -> None:
        try:
            heard = Heard(*words.decode(subject, payload), t_ns)
        except ValueError as error:
            name, why = (subject.split(".") + [""] * 3)[2], str(error)
            _then(page, region, lambda: region.refuse(name, why, t_ns), is_news=False)
        else:
            _then(page, region, lambda: region.take(heard), is_news=True)

    def note(why: str) -> None:
        _then(page, region, lambda: region.link(why), is_news=False)

    return Reader(wanted, mark, hear, note, now_ns)


def pass_time(region: Region, page: Page, t_ns: int) -> None:
    """Let time pass in a region that a page follows; to be called a few times a second."""
    _then(page, region, lambda: region.pass_to(t_ns), is_news=False)


def _then(page: Page, region: Region, change: Callable[[], tuple[Fact, ...]], *, is_news: bool) -> None:
    def changed() -> tuple[Scene, tuple[Fact, ...]]:
        facts = change()  # first: it may make another scene
        return region.scene, facts

    page.follow(changed, is_news=is_news)
