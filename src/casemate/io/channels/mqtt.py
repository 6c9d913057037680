"""MQTT 5 for sirens: a retained message for each zone that the broker forgets when it expires, and who heard it.

Topics, under `casemate/<site>` for what is live and `drill/<site>` for exercises and rehearsals: `zone/<zone>/alarm`,
`heartbeat`, `status` (the last will), `ack/<siren>`.
"""

import ssl
import time
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta

from casemate.constants import NS_PER_S
from casemate.errors import ChannelError, SettingsError
from casemate.io import settings as files
from casemate.io.channels import mqtt_words as words
from casemate.io.channels.channel import OnReply, Reply
from casemate.io.channels.mqtt_acks import Book, SirenKeyFile
from casemate.io.channels.refusals import Refusals
from casemate.model.catalog import Declaration, Name
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

if TYPE_CHECKING:  # paho comes with an extra
    from casemate.io.channels.mqtt_link import Link

PULSE_LIFE_S: Final = 60
"""How long the broker hands a heartbeat to newcomers [s]: [A] six of the default interval."""


Level = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="mqtt"):
    """A broker, the tree of topics, and who is believed."""

    name: Name
    audience: Literal["live", "drill"] = "drill"
    site: Level  # second level of every topic
    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8883
    ca_file: str | None = None  # of the authority that signed the broker's certificate
    cert_file: str | None = None  # ours, and its key
    key_file: str | None = None
    siren_keys_file: str | None = None  # None: every acknowledgement is refused
    client_id: Level | None = None  # None: made of tree, site and name
    timeout_s: Annotated[float, Meta(ge=0.1, le=30.0)] = (
        2.0  # for a connection, and for an acknowledgement of the broker
    )
    keepalive_s: Annotated[int, Meta(ge=2, le=300)] = 10  # a silent station is "lost" after one and a half of these


class MqttChannel:
    """Sirens behind a broker.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Of the run; nothing is written there.
    on_reply : callable
        Told of each acknowledgement, on the reader's thread or the courier's.

    Raises
    ------
    SettingsError
        A certificate, key or file of siren keys cannot be used, or TLS is missing and the broker is elsewhere.
    """

    def __init__(self, settings: Settings, folder: Path, on_reply: OnReply) -> None:
        _ = folder
        self.name = settings.name
        self._settings, self._on_reply = settings, on_reply
        self._tls = _tls_of(settings)
        keys = settings.siren_keys_file
        self._book = Book({} if keys is None else files.read_toml(keys, SirenKeyFile).sirens)
        self._root = words.LIVE if settings.audience == "live" else words.DRILL
        self._link: Link | None = None
        self._current: dict[str, AnyNotice] = {}
        self._refusals = Refusals()

    def open(self) -> None:
        """Connect, say that the station is there, and say again what is in force where the broker has forgotten us.

        Raises
        ------
        ChannelError
            The broker cannot be had; calling again tries again.
        """
        if self._link is not None and self._link.is_up:
            return
        from casemate.io.channels.mqtt_link import Link, Wanted  # noqa: PLC0415 late: only who has sirens needs the extra

        said, root = self._settings, self._root
        wanted = Wanted(
            channel=self.name,
            host=said.host,
            port=said.port,
            client_id=said.client_id or f"casemate-{root}-{said.site}-{words.level_of(self.name)}",
            tls=self._tls,
            timeout_s=said.timeout_s,
            keepalive_s=said.keepalive_s,
            will=words.status(root, said.site, "lost"),
            replies=f"{root}/{said.site}/ack/+",
        )
        link = self._link = Link(wanted, self._hear)
        in_force = [] if link.is_known else [self._out(each) for each in self._in_force()]
        link.publish([words.status(root, said.site, "online"), *in_force])

    def send(self, notice: AnyNotice) -> None:
        """Return when the broker has the notice; what is sent twice has the same id and nonce.

        Raises
        ------
        ChannelError
            The broker cannot be had, does not answer in time, or refuses it.
        """
        self.send_all((notice,))

    def send_all(self, notices: Sequence[AnyNotice]) -> None:
        """Return when the broker has all of them, in order; many are under way at once.

        Raises
        ------
        ChannelError
            As `send`; any of them may have come through.
        """
        messages = [self._out(each) for each in notices]
        link = self._connected()
        # They are in force from here on, even where the broker's answer is lost: what is said again says so.
        self._current.update((each.zone, each) for each in notices)
        link.publish(messages)

    def show(self, picture: AnyPicture) -> None:
        """Show nothing: sirens have no maps."""

    def beat(self, heartbeat: AnyHeartbeat) -> None:
        """Say what is watched, and how old the picture is."""
        self._connected().publish([words.pulse(heartbeat, self._settings.site, PULSE_LIFE_S)])

    def close(self) -> None:
        """Take leave: the status becomes "offline"."""
        link, self._link = self._link, None
        if link is not None:
            link.hang_up(words.status(self._root, self._settings.site, "offline"))

    def _connected(self) -> "Link":
        self.open()
        if self._link is None:  # open() connects or raises
            raise ChannelError(self.name, "is not open")
        return self._link

    def _out(self, notice: AnyNotice) -> words.Out:
        # By the notice's own span: the clock of a recording is not this machine's, and this machine's may jump.
        nonce, left_s = self._book.enter(notice.notice_id, (notice.t_expires_ns - notice.t_sent_ns) / NS_PER_S)
        return words.alarm(notice, self._settings.site, nonce, left_s)

    def _in_force(self) -> list[AnyNotice]:
        life_s = {each.notice_id: (each.t_expires_ns - each.t_sent_ns) / NS_PER_S for each in self._current.values()}
        self._current = {
            zone: each
            for zone, each in self._current.items()
            if self._book.enter(each.notice_id, life_s[each.notice_id])[1] > 0.0
        }
        return list(self._current.values())

    def _hear(self, topic: str, payload: bytes) -> None:
        siren = topic.rpartition("/")[2]
        notice_id, why = self._book.judge(siren, payload)
        if why:
            why = self._refusals.told(why)
            if not why:
                return
        kind = "refused" if why else "acknowledged"
        self._on_reply(Reply(self.name, kind, notice_id[:200], siren[:200], time.time_ns(), why))


def _tls_of(said: Settings) -> ssl.SSLContext | None:
    paths = {"ca_file": said.ca_file, "cert_file": said.cert_file, "key_file": said.key_file}
    if not any(paths.values()):
        if _is_here(said.host):
            return None
        why = "is missing: only a broker on this machine is spoken to without TLS"
        raise SettingsError(f"channel {said.name}", "ca_file", why)
    for key, path in paths.items():
        if path is None:
            raise SettingsError(f"channel {said.name}", key, "is missing: TLS takes ca_file, cert_file and key_file")
        if not Path(path).is_file():
            raise SettingsError(f"channel {said.name}", key, f"{path} is no file")
    try:
        context = ssl.create_default_context(cafile=said.ca_file)
    except OSError as error:
        raise SettingsError(
            f"channel {said.name}", "ca_file", f"{said.ca_file} holds no certificate: {error}"
        ) from None
    try:
        context.load_cert_chain(str(said.cert_file), said.key_file)
    except OSError as error:
        raise SettingsError(f"channel {said.name}", "cert_file", f"cannot be used with key_file: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
