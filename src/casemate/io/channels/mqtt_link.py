"""One connection to an MQTT 5 broker: what is published is acknowledged by it, or `ChannelError` says why not.

Whoever waits for the broker reads for everybody: the courier's thread writes and takes the acknowledgement itself, with
no thread between it and the wire; a second thread reads while nothing is sent. One of them at a time is at the client.
"""

import contextlib
import logging
import select
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from casemate.errors import ChannelError
from casemate.io.channels.mqtt_words import Out

SESSION_S: Final = 3600
"""How long the broker keeps acknowledgements for a station that is away [s]: [A] longer than any restart takes."""
MAX_PACKET_BYTES: Final = 16_384
"""Largest packet that the broker may send us: an acknowledgement has 300 bytes."""
_REFUSAL: Final = 0x80  # reason codes from here on are errors
_REFUSED: Final = "it refuses our certificate"
_ASIDE_S: Final = 0.02  # the reader's rest while the other thread reads
_WAKE_S: Final = 0.5  # longest sleep of the reader: keep-alive is looked after between

OnMessage = Callable[[str, bytes], None]


class Wanted(NamedTuple):
    """Which broker, as whom, and what it tells others when we are gone."""

    channel: str
    host: str
    port: int
    client_id: str
    tls: ssl.SSLContext | None
    timeout_s: float
    keepalive_s: int
    will: Out
    replies: str  # topic filter that we listen to


class Link:
    """Connects when made; of no use any more once `is_up` is false.

    Parameters
    ----------
    wanted : Wanted
    on_message : callable
        Gets topic and payload of what comes in, on either thread.

    Attributes
    ----------
    is_known : bool
        Whether the broker remembers us, and so what it holds of ours.

    Raises
    ------
    ChannelError
        The broker cannot be reached, cannot prove who it is, does not answer in time or does not want us.
    """

    def __init__(self, wanted: Wanted, on_message: OnMessage) -> None:
        self._wanted, self._on_message = wanted, on_message
        self._lock, self._trouble = threading.Lock(), ""
        self._is_closed = self._is_busy = False
        self._came: deque[tuple[str, bytes]] = deque()
        self._answers: dict[int, ReasonCode] = {}
        self._greeting: tuple[bool, ReasonCode, int] | None = None
        self._client = self._make_client()
        with self._lock:
            self.is_known, self._window = self._greet()
        threading.Thread(target=self._listen, name=f"mqtt-{wanted.channel}", daemon=True).start()

    @property
    def is_up(self) -> bool:
        """Whether the connection stands, as far as anybody knows."""
        return not self._is_closed and self._client.socket() is not None

    def publish(self, messages: Sequence[Out]) -> None:
        """Publish in order, as many under way as the broker allows; return when it has them all.

        Raises
        ------
        ChannelError
            The connection is lost, the broker does not acknowledge in time, or refuses one of them.
        """
        with self._lock, self._alone():
            waiting: dict[int, str] = {}
            for message in messages:
                self._await(lambda: len(waiting) < self._window, waiting)
                info = self._client.publish(message.topic, message.payload, 1, message.is_retained, _Packed(message))
                waiting[info.mid] = message.topic
            self._await(lambda: not waiting, waiting)
        self._deliver()

    def hang_up(self, last: Out | None = None) -> None:
        """Take leave with a last word; without one the broker publishes the will."""
        if last is not None and self.is_up:
            with contextlib.suppress(ChannelError):
                self.publish([last])
                with self._lock:
                    self._client.disconnect()
        self._is_closed = True
        self._drop()

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        # Each answer would wake the reader too, only to find that it was read.
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    def _make_client(self) -> paho.Client:
        wanted = self._wanted
        client = paho.Client(CallbackAPIVersion.VERSION2, wanted.client_id, protocol=paho.MQTTv5)
        client.connect_timeout = wanted.timeout_s
        client.max_inflight_messages = 0  # the window is kept here; the client would queue behind our back
        client.will_set(wanted.will.topic, wanted.will.payload, qos=1, retain=True)
        if wanted.tls is not None:
            wanted.tls.sslsocket_class = _TidySocket
            client.tls_set_context(wanted.tls)  # pyright: ignore[reportUnknownMemberType] half typed
        client.on_socket_open = _send_at_once
        # Not `on_log`: that has every packet written out in words, a third of the time of a publish.
        client.logger = logging.Logger(f"mqtt-{wanted.channel}", logging.ERROR)  # noqa: LOG001 nobody else's
        client.logger.addHandler(_Ear(self._note))
        client.on_connect = self._greeted
        client.on_message = self._hear
        client.on_publish = self._answered
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._parted
        return client

    def _greet(self) -> tuple[bool, int]:
        wanted, properties = self._wanted, Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval, properties.MaximumPacketSize = SESSION_S, MAX_PACKET_BYTES
        try:
            self._client.connect(wanted.host, wanted.port, wanted.keepalive_s, clean_start=False, properties=properties)
        except (OSError, ValueError) as error:
            self._fail(_of_connecting(error, wanted.timeout_s))
        self._await(lambda: self._greeting is not None, {})
        is_known, reason, window = self._greeting or (False, ReasonCode(PacketTypes.CONNACK), 0)
        if reason.is_failure:
            self._fail(f"the broker refuses us: {reason}")
        _, mid = self._client.subscribe(wanted.replies, options=SubscribeOptions(qos=1))
        self._await(lambda: not waiting, waiting := {mid or 0: wanted.replies})
        return is_known, window

    def _await(self, is_done: Callable[[], bool], waiting: dict[int, str]) -> None:
        # The lock is held. What the broker answered leaves `waiting`.
        end_s = time.monotonic() + self._wanted.timeout_s
        while not is_done():
            left_s = end_s - time.monotonic()
            if not self.is_up:
                self._fail(self._lost())
            if left_s <= 0.0:
                self._fail(f"no answer within {self._wanted.timeout_s:g} s")
            self._turn(left_s)
            for mid in [mid for mid in waiting if mid in self._answers]:
                reason = self._answers.pop(mid)
                topic = waiting.pop(mid)
                if reason.value >= _REFUSAL:
                    self._fail(f"the broker refuses {topic}: {reason}", is_over=False)

    def _lost(self) -> str:
        why = self._trouble or "the connection is lost"
        # its alert is lost where it hangs up while we write
        is_unsaid = self._greeting is None and self._wanted.tls is not None and _REFUSED not in why
        return f"{why}; perhaps {_REFUSED}" if is_unsaid else why

    def _turn(self, wait_s: float) -> None:
        client = self._client
        sock = client.socket()
        if sock is None:
            return
        is_pending = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        writes = [sock] if client.want_write() else []
        readable, writable, _ = select.select([sock], writes, [], 0.0 if is_pending else wait_s)
        if readable or is_pending:
            client.loop_read()
        if writable and client.socket() is not None:
            client.loop_write()
        client.loop_misc()

    def _listen(self) -> None:
        while self.is_up:
            sock = self._client.socket()
            if sock is None:
                break
            if self._is_busy:
                time.sleep(_ASIDE_S)
                continue
            try:
                select.select([sock], [], [], _WAKE_S)
                with self._lock:
                    self._turn(0.0)
            except (OSError, ValueError):  # closed by the other thread meanwhile
                continue
            self._deliver()

    def _deliver(self) -> None:
        # outside the lock: who listens may take its time
        with contextlib.suppress(IndexError):
            while True:
                self._on_message(*self._came.popleft())

    def _fail(self, why: str, *, is_over: bool = True) -> None:
        if is_over:
            self._is_closed = True
            self._drop()
        wanted = self._wanted
        raise ChannelError(wanted.channel, f"{wanted.host}:{wanted.port}: {why}")

    def _drop(self) -> None:
        sock = self._client.socket()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
            sock.close()

    def _note(self, text: str) -> None:
        self._trouble = _of_socket(text)

    def _greeted(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        said: Any,  # noqa: ANN401 paho's bag of properties
    ) -> None:
        self._greeting = (flags.session_present, reason, int(getattr(said, "ReceiveMaximum", 65_535)))

    def _hear(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._came.append((message.topic, bytes(message.payload)))

    def _answered(self, _client: paho.Client, _data: object, mid: int, reason: ReasonCode, _said: object) -> None:
        self._answers[mid] = reason

    def _subscribed(
        self, _client: paho.Client, _data: object, mid: int, reasons: list[ReasonCode], _said: object
    ) -> None:
        self._answers[mid] = reasons[0]

    def _parted(self, _client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _said: object) -> None:
        self._trouble = self._trouble or f"the connection is lost: {reason}"


class _Ear(logging.Handler):
    """Hears the client's errors, which is the only place where it gives their causes."""

    def __init__(self, take: Callable[[str], None]) -> None:
        super().__init__()
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        self._take(record.getMessage())


class _TidySocket(ssl.SSLSocket):
    """Closes itself where hands cannot be shaken; paho would leave it to the collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 as the library has it
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class _Packed(Properties):
    """Properties of a publish, packed by MQTT 5.0, 2.2.2.2: paho takes a third of the time of a publish to do it."""

    def __init__(self, message: Out) -> None:
        parts = [b"\x01\x01", _CONTENT_TYPE]  # payload format: UTF-8
        if message.expiry_s:
            parts.append(struct.pack("!BI", 0x02, message.expiry_s))
        parts += [b"\x26" + _text(name) + _text(value) for name, value in message.user]
        packed = b"".join(parts)
        object.__setattr__(self, "packed", _length(len(packed)) + packed)

    def pack(self) -> bytes:
        return self.__dict__["packed"]


def _length(n: int) -> bytes:
    # seven bits a byte, the lowest first, the eighth where more follow
    return bytes([n % 128 + 128]) + _length(n // 128) if n >= 128 else bytes([n])


def _text(value: str) -> bytes:
    encoded = value.encode()[:65_535]
    return struct.pack("!H", len(encoded)) + encoded


_CONTENT_TYPE: Final = b"\x03" + _text("application/json")


def _send_at_once(_client: paho.Client, _data: object, sock: Any) -> None:  # noqa: ANN401 any of paho's sockets
    # Nagle would hold a small packet back until the one before it is acknowledged: 40 ms
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _of_connecting(error: Exception, timeout_s: float) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return str(getattr(error, "strerror", None) or error)


def _of_socket(text: str) -> str:
    if "ALERT" in text and ("CERTIFICATE" in text or "UNKNOWN_CA" in text):
        return f"{_REFUSED}: {text.partition('] ')[2].partition(' (')[0]}"
    return f"the connection is lost: {text}"
