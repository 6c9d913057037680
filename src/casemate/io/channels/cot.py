"""The channel to people's maps: Cursor on Target over TCP, over TLS with client certificates, or by UDP multicast."""

import contextlib
import ipaddress
import re
import socket
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol

import msgspec

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels import cot_events
from casemate.io.channels.channel import OnReply, Reply
from casemate.io.channels.cot_events import CotEvent
from casemate.io.channels.features import OVER
from casemate.io.channels.refusals import Refusals
from casemate.io.channels.stream import Endpoint, Stream, client_context, why_of
from casemate.model.catalog import Declaration, Lat, Lon, Name
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

_PONG: Final = re.compile(rb"""\btype=["']t-x-c-t-r["']""")
_UNASKED: Final = "forged or replayed: an answer to no ping of ours"
_PONG_BYTES: Final = 32
"""Longer than what is looked for: so much of a piece is looked at again with the next."""
PART: Final = 20
"""Tracks, and areas, of a picture that go out at once: an alarm that comes meanwhile waits for one such part."""
_HOPS: Final = 1
"""Multicast stays on the network that it is sent on."""


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="cot"):
    """A TAK server, or a multicast group of maps."""

    name: Name
    audience: Literal["live", "drill"]
    url: Annotated[str, msgspec.Meta(pattern=r"^(tcp|tls|udp)://[^/?#@\s]+:\d{1,5}$")]
    at_deg: tuple[Lat, Lon]  # where the station's own mark stands
    geoid_m: Annotated[float, msgspec.Meta(ge=-110.0, le=90.0)] = 0.0  # mean sea level over the ellipsoid, there
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=30.0)] = 2.0  # until a server has read what it was sent
    answers_pings: bool = True  # false: a server that does not; then delivered means given to the system
    ca_file: str | None = None  # tls: who signed the server's certificate
    certificate_file: str | None = None  # tls: ours
    key_file: str | None = None
    server_name: str | None = None  # tls: in its certificate, where that is not the host
    interface: str | None = None  # udp: address of the interface to send from


class _Way(Protocol):
    def deliver(self, events: list[bytes], *, is_urgent: bool) -> None: ...
    def close(self) -> None: ...


class CotChannel:
    """Shows tracks, impacts and alarms on maps.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Of the run: not used.
    on_reply : callable
        Told of answers of a server that nobody asked for, as refused.

    Raises
    ------
    SettingsError
        A key that the kind of URL does not go with, or a certificate that cannot be used.
    """

    def __init__(self, settings: Settings, folder: Path, on_reply: OnReply) -> None:
        _ = folder
        self.name = settings.name
        self._settings, self._on_reply, self._refusals = settings, on_reply, Refusals()
        parts = urllib.parse.urlsplit(settings.url)
        _check(settings, parts)
        self._address = (parts.hostname or "", parts.port or 0)
        self._endpoint = None if parts.scheme == "udp" else _endpoint(settings, *self._address, parts.scheme == "tls")
        self._way: _Way | None = None
        self._shown: dict[str, CotEvent] = {}  # by uid: what stands on maps and goes when a picture lacks it
        self._alarms: dict[str, tuple[CotEvent, ...]] = {}  # by uid: said again at every heartbeat

    def open(self) -> None:
        """Connect, and hear that the server reads what it is sent."""
        self.close()
        with self._failing():
            if self._endpoint is None:
                self._way = _Group(self._address, self._settings.interface)
            else:
                self._way = _Server(
                    self._endpoint,
                    f"{self.name}-ping",
                    answers_pings=self._settings.answers_pings,
                    on_unasked=self._refuse,
                )
            self._way.deliver([], is_urgent=True)

    def send(self, notice: AnyNotice) -> None:
        """Raise or move an alarm with its areas, or cancel it; return when the server has read it."""
        events, uid = cot_events.notice_events(notice, self._settings.geoid_m), cot_events.alarm_uid(notice)
        self._deliver(events, is_urgent=True)
        self._alarms.pop(uid, None)
        if notice.phase not in OVER:
            self._alarms[uid] = alarm = tuple(each for each in events if each.uid.startswith(uid))
            self._shown.update((each.uid, each) for each in events[len(alarm) :])

    def show(self, picture: AnyPicture) -> None:
        """Show the newest picture; what it lacks goes from the maps."""
        for _ in self.show_parts(picture):
            pass

    def show_parts(self, picture: AnyPicture) -> Iterator[None]:
        """Show the newest picture, `PART` things at a time: between two of them an alarm may pass."""
        events: dict[str, CotEvent] = {}
        for i in range(0, max(len(picture.tracks), len(picture.areas)), PART):
            part = msgspec.structs.replace(
                picture, tracks=picture.tracks[i : i + PART], areas=picture.areas[i : i + PART]
            )
            made = cot_events.picture_events(part, self._settings.geoid_m)
            self._deliver(tuple(made))
            events.update((each.uid, each) for each in made)
            yield
        # what a notice showed that is newer than the picture stays
        gone = [old for uid, old in self._shown.items() if uid not in events and old.t_ns <= picture.t_ns]
        kept = {uid: old for uid, old in self._shown.items() if old.t_ns > picture.t_ns}
        self._deliver(tuple(cot_events.deletion(each, picture.t_ns) for each in gone))
        self._shown = {**events, **kept}

    def beat(self, heartbeat: AnyHeartbeat) -> None:
        """Show the station's own mark, and say alarms that hold again: who comes to the map now must see them too."""
        t_ns = heartbeat.t_sent_ns
        self._alarms = {uid: said for uid, said in self._alarms.items() if said[0].t_stale_ns > t_ns}
        mark = cot_events.heartbeat_event(heartbeat, self._settings.at_deg)
        self._deliver((mark, *(each for said in self._alarms.values() for each in said)), is_urgent=True)

    def close(self) -> None:
        """Hang up."""
        way, self._way = self._way, None
        if way is not None:
            way.close()

    def _refuse(self) -> None:
        if why := self._refusals.told(_UNASKED):
            self._on_reply(Reply(self.name, "refused", "", self._settings.url, time.time_ns(), why))

    def _deliver(self, events: tuple[CotEvent, ...], *, is_urgent: bool = False) -> None:
        with self._failing():
            if self._way is None:
                raise ConnectionError("is not open")
            self._way.deliver([each.xml for each in events], is_urgent=is_urgent)

    @contextlib.contextmanager
    def _failing(self):  # noqa: ANN202 a context
        try:
            yield
        except OSError as error:
            self.close()  # half an event may be on its way: nothing can follow it
            raise ChannelError(self.name, f"{self._settings.url}: {why_of(error)}") from error


class _Server:
    """A connection to a server: one event after another, and a ping behind what must have arrived."""

    def __init__(
        self, endpoint: Endpoint, ping_uid: str, *, answers_pings: bool, on_unasked: Callable[[], None]
    ) -> None:
        self._ping_uid, self._answers_pings, self._on_unasked = ping_uid, answers_pings, on_unasked
        self._n_pings = self._n_pongs = 0  # a pong more than pings is none
        self._tail: bytes = b""
        self._stream = Stream(endpoint, self._hear)

    def deliver(self, events: list[bytes], *, is_urgent: bool) -> None:
        is_asked = is_urgent and self._answers_pings
        if is_asked:
            self._stream.listen()  # an answer that came before the question answers another's
            self._n_pings += 1
        question = [cot_events.ping(self._ping_uid, time.time_ns())] if is_asked else []
        self._stream.send(b"\n".join((*events, *question, b"")))
        if is_asked:
            self._stream.wait_until(lambda: self._n_pongs == self._n_pings, "no answer to a ping")

    def close(self) -> None:
        self._stream.close()

    def _hear(self, data: bytes) -> None:
        # what others send is not read: it is looked through for the answer, so that nothing in it can do harm
        data = self._tail + data
        found = [match.end() for match in _PONG.finditer(data)]
        n_asked = min(len(found), self._n_pings - self._n_pongs)
        self._n_pongs += n_asked
        for _ in found[n_asked:]:
            self._on_unasked()
        self._tail = data[max(len(data) - _PONG_BYTES, found[-1] if found else 0) :]


class _Group:
    """A multicast group, or one host: a datagram for each event, and nobody says whether it came."""

    def __init__(self, address: tuple[str, int], interface: str | None) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _HOPS)
        if interface is not None:
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))

    def deliver(self, events: list[bytes], *, is_urgent: bool) -> None:
        _ = is_urgent
        for each in events:
            self._socket.sendto(each, self._address)

    def close(self) -> None:
        self._socket.close()


def _endpoint(settings: Settings, host: str, port: int, is_tls: bool) -> Endpoint:  # noqa: FBT001 one caller
    if not is_tls:
        return Endpoint(host, port, settings.timeout_s)
    try:
        context = client_context(settings.ca_file or "", settings.certificate_file, settings.key_file)
    except OSError as error:
        files = f"{settings.ca_file}, {settings.certificate_file}, {settings.key_file}"
        raise SettingsError(f"channel {settings.name}", "certificate_file", f"{files}: {why_of(error)}") from None
    return Endpoint(host, port, settings.timeout_s, context, settings.server_name or "")


_KEYS: Final = {
    "tls": ("ca_file", "certificate_file", "key_file", "server_name"),
    "udp": ("interface",),
    "tcp": (),
}
_NEEDED: Final = ("ca_file", "certificate_file")


def _check(settings: Settings, parts: urllib.parse.SplitResult) -> None:
    channel = f"channel {settings.name}"
    for scheme, keys in _KEYS.items():
        for key in keys:
            is_there = getattr(settings, key) is not None
            if is_there and scheme != parts.scheme:
                raise SettingsError(channel, key, f"goes with {scheme}://, and the url is {settings.url}")
            if not is_there and scheme == parts.scheme and key in _NEEDED:
                raise SettingsError(channel, key, "is needed with tls:// and missing")
    for key, said in (("url", parts.hostname if parts.scheme == "udp" else None), ("interface", settings.interface)):
        try:
            is_right = said is None or ipaddress.ip_address(said).version == 4
        except ValueError:
            is_right = False
        if not is_right:
            raise SettingsError(channel, key, f"'{said}' is no IPv4 address")
    try:
        is_right = parts.port not in {None, 0}
    except ValueError:
        is_right = False
    if not is_right:
        raise SettingsError(channel, "url", f"{settings.url}: the port must be 1 to 65535")
