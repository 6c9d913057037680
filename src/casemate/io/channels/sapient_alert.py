"""The channel to SAPIENT networks (BSI Flex 335 v2.0): an Alert for each incident, ACTIVE until it is CLEAR.

We connect, register as a fusion node and say every few seconds that we are well. Behind an alert stand the detections
that it is about, as far as a picture had them. An AlertAck comes back as a reply.
"""

import contextlib
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

from sapient_msg.bsi_flex_335_v2_0.alert_ack_pb2 import AlertAck
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage

from casemate.constants import NS_PER_S
from casemate.errors import ChannelError, DecodeError
from casemate.io.channels import sapient_messages as messages
from casemate.io.channels.channel import OnReply, Reply
from casemate.io.channels.features import OVER
from casemate.io.channels.refusals import Refusals
from casemate.io.channels.sapient_settings import Settings
from casemate.io.channels.stream import Endpoint, Stream, why_of
from casemate.io.feeds.sapient import wire
from casemate.io.feeds.sapient.node import STATUS_S, Node
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture, MapTrack

_STATUS_NS: Final = round(STATUS_S * NS_PER_S)
_NOT_SUPPORTED: Final = ("Task not supported",)
_NOT_WAITING: Final = "forged or replayed: it answers no alert that was sent here and waits for an answer"
_REPLIES: Final = {
    AlertAck.ALERT_ACK_STATUS_ACCEPTED: "acknowledged",
    AlertAck.ALERT_ACK_STATUS_REJECTED: "refused",
    AlertAck.ALERT_ACK_STATUS_CANCELLED: "refused",
}


class SapientAlerts:
    """Alerts a SAPIENT network.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Of the run: not used.
    on_reply : callable
        Told of each AlertAck: one for each notice counts, on the connection that the notice went out by; any other is
        told as refused, at most `REFUSALS_PER_S`.
    """

    def __init__(self, settings: Settings, folder: Path, on_reply: OnReply) -> None:
        del folder
        self.name = settings.name
        self._settings, self._on_reply = settings, on_reply
        drill = "EXERCISE " if settings.audience == "drill" else ""
        self._node = Node(settings.node_id, f"{drill}{settings.name}")
        self._stream: Stream | None = None
        self._framing = wire.Framing()
        self._answers: list[SapientMessage] = []
        self._verdict: str | None = None  # on our registration: empty, accepted
        self._t_status_ns = 0
        self._tracks: dict[int, MapTrack] = {}
        self._waiting: dict[str, str] = {}  # by alert: the notice that nobody acknowledged yet
        self._active: dict[str, AnyNotice] = {}  # by alert: told again to who registers us anew
        self._refusals = Refusals()

    def open(self) -> None:
        """Connect and register; tell the alerts that still hold."""
        self.close()
        endpoint = Endpoint(self._settings.host, self._settings.port, self._settings.timeout_s)
        with self._failing():
            self._framing, self._answers, self._verdict = wire.Framing(), [], None
            self._waiting = {i: each for i, each in self._waiting.items() if i in self._active}  # said again below
            self._stream = Stream(endpoint, self._hear)
            self._say([messages.registration(self._node, time.time_ns())])
            self._stream.wait_until(lambda: self._verdict is not None, "no answer to our registration")
            if self._verdict:
                raise ConnectionRefusedError(f"our registration was refused: {self._verdict}")
            self._say([self._status(), *(self._alert(each) for each in self._active.values())])

    def send(self, notice: AnyNotice) -> None:
        """Raise or change an alert, or clear it, behind the detections that it is about."""
        alert_id, t_ns = messages.alert_id(notice), notice.t_sent_ns
        if notice.phase in OVER:
            self._active.pop(alert_id, None)
        else:
            self._active[alert_id] = notice
        with self._failing():
            self._say([])  # an answer that came before the alert is none to it
        self._waiting[alert_id] = notice.notice_id
        seen = [(area, self._tracks[area.track_id]) for area in notice.areas if area.track_id in self._tracks]
        found = [messages.detection(self._node.id, notice, area, track) for area, track in seen]
        alert = messages.alert(self._node.id, notice, [track for _, track in seen], t_ns)
        with self._failing():
            self._say([*found, alert])

    def show(self, picture: AnyPicture) -> None:
        """Note where the tracks are; say that we are well when it is time."""
        self._tracks = {each.track_id: each for each in picture.tracks}
        with self._failing():
            self._say([self._status()] if time.monotonic_ns() - self._t_status_ns >= _STATUS_NS else [])

    def beat(self, heartbeat: AnyHeartbeat) -> None:
        """Say that we are well."""
        del heartbeat
        with self._failing():
            self._say([self._status()])

    def close(self) -> None:
        """Take leave and hang up."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(OSError):
                if self._verdict == "":
                    stream.send(wire.frame(self._node.status(time.time_ns(), is_leaving=True)))
            stream.close()

    def _say(self, said: list[SapientMessage]) -> None:
        if self._stream is None:
            raise ConnectionError("is not open")
        self._stream.listen()
        answers, self._answers = self._answers, []
        self._stream.send(b"".join(wire.frame(each) for each in (*answers, *said)))
        self._stream.listen()

    def _status(self) -> SapientMessage:
        self._t_status_ns = time.monotonic_ns()
        return self._node.status(time.time_ns())

    def _alert(self, notice: AnyNotice) -> SapientMessage:
        return messages.alert(self._node.id, notice, [], time.time_ns())

    def _hear(self, data: bytes) -> None:
        try:
            for payload in self._framing.take(data):
                self._take(payload)
        except DecodeError as error:  # where the next frame begins is not known any more
            raise ConnectionAbortedError(str(error)) from None

    def _take(self, payload: bytes) -> None:
        sender, now_ns = "", time.time_ns()
        try:
            message = wire.parse(payload)
            sender = message.node_id if wire.is_node_id(message.node_id) else ""
            wire.check(message)
        except DecodeError as error:
            why = f"{error.category}: {error.why}"
            self._answers.append(self._node.error(now_ns, sender, payload, why))
            return
        if message.destination_id not in {"", self._node.id}:
            return
        match wire.kind_of(message):
            case "registration_ack":
                ack = message.registration_ack
                self._verdict = "" if ack.acceptance else "; ".join(ack.ack_response_reason) or "no reason given"
            case "alert_ack":
                self._acknowledged(message, now_ns)
            case "task":
                self._answers.append(self._node.task_ack(now_ns, sender, message.task.task_id, _NOT_SUPPORTED))
            case _:
                pass  # what others on the network say is not for us

    def _acknowledged(self, message: SapientMessage, now_ns: int) -> None:
        ack = message.alert_ack
        kind = _REPLIES.get(ack.alert_ack_status)
        is_nobodys = kind is None or message.node_id == self._node.id
        notice_id = None if is_nobodys else self._waiting.pop(ack.alert_id, None)
        if kind is not None and notice_id is not None:
            self._on_reply(Reply(self.name, kind, notice_id, message.node_id, now_ns, "; ".join(ack.reason)))
        elif why := self._refusals.told(_NOT_WAITING):
            self._on_reply(Reply(self.name, "refused", "", message.node_id, now_ns, why))

    @contextlib.contextmanager
    def _failing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            stream, self._stream = self._stream, None
            if stream is not None:
                stream.close()
            where = f"{self._settings.host}:{self._settings.port}"
            raise ChannelError(self.name, f"{where}: {why_of(error)}") from error
