"""From the file that names the channels to the channels; what is misspelt or contradicts itself is named."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, assert_never

import msgspec
from msgspec import Meta

from casemate.errors import SettingsError
from casemate.io import settings
from casemate.io.channels import (
    cap_settings,
    cot,
    geojson,
    log,
    mqtt,
    nats,
    sapient_settings,
    sound,
    webhook,
    websocket,
)
from casemate.io.channels.channel import Channel, OnReply
from casemate.io.profile import StrPath
from casemate.model.catalog import Declaration, Name
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

AnySettings = (
    log.Settings
    | sound.Settings
    | cap_settings.Settings
    | geojson.Settings
    | webhook.Settings
    | mqtt.Settings
    | nats.Settings
    | cot.Settings
    | sapient_settings.Settings
    | websocket.Settings
)
"""The settings of every kind of channel; a new kind is one line here and one in `make_channel`."""
AnyChannel = Channel[AnyNotice, AnyPicture, AnyHeartbeat]
"""Of all that is made here: a channel takes every type of notice, and says of each what it is. Whether one of the live
type ever reaches it is decided by who opens it."""

PublicKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
"""An Ed25519 public key, 32 bytes in hex."""


class KeyHolder(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody whose signature counts when live channels are armed."""

    name: Name
    public_key: PublicKey


class ChannelsFile(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole channels file."""

    channel: tuple[AnySettings, ...] = ()
    key_holder: tuple[KeyHolder, ...] = ()
    heartbeat_s: Annotated[float, Meta(ge=1.0, le=300.0)] = 10.0  # between two heartbeats of a channel
    picture_s: Annotated[float, Meta(ge=0.2, le=60.0)] = 1.0  # between two pictures at least


_FILE_SUFFIX: Final = "_file"


def read_channels(path: StrPath) -> ChannelsFile:
    """Read a channels file; files that it names (keys that end in `_file`) are looked for beside it.

    Raises
    ------
    SettingsError
        Names file, key and cause: a misspelt key or kind, a name or a key twice, a live channel that nobody could arm.
    """
    found = settings.read_toml(path, ChannelsFile)
    file = str(path)
    _check_unique(file, "channel", "name", [each.name for each in found.channel])
    _check_unique(file, "key_holder", "name", [each.name for each in found.key_holder])
    _check_unique(file, "key_holder", "public_key", [each.public_key for each in found.key_holder])
    lines = [each.lines if isinstance(each, log.Settings) else "" for each in found.channel]
    for i, name in enumerate(lines):
        if name and name in {"notices.jsonl", "audit.jsonl", *lines[:i]}:
            raise SettingsError(file, f"channel[{i}].lines", f"'{name}' is written by another already")
    live = [i for i, each in enumerate(found.channel) if each.audience == "live"]
    if live and len(found.key_holder) < 2:
        why = f'"live" takes two key holders to arm it, and {len(found.key_holder)} are named ([[key_holder]])'
        raise SettingsError(file, f"channel[{live[0]}].audience", why)
    return msgspec.structs.replace(found, channel=tuple(_placed(each, Path(path).parent) for each in found.channel))


def make_channel(declared: AnySettings, folder: Path, on_reply: OnReply) -> AnyChannel:  # noqa: C901, PLR0911 one a kind
    """Make the channel of some settings; it connects when it is opened.

    Parameters
    ----------
    declared : settings of a kind of channel
    folder : Path
        Of the run: where a channel that writes files writes them.
    on_reply : callable
        Told what comes back from the other side.
    """
    match declared:
        case log.Settings():
            return log.LogChannel(declared, folder, on_reply)
        case sound.Settings():
            return sound.SoundChannel(declared, folder, on_reply)
        case cap_settings.Settings():
            need_extra(declared.name, "lxml", "signxml")
            from casemate.io.channels.cap import Cap  # noqa: PLC0415 late: its packages are an extra

            return Cap(declared, folder, on_reply)
        case geojson.Settings():
            return geojson.GeoJson(declared, folder, on_reply)
        case webhook.Settings():
            return webhook.Webhook(declared, folder, on_reply)
        case mqtt.Settings():
            need_extra(declared.name, "paho")
            return mqtt.MqttChannel(declared, folder, on_reply)
        case nats.Settings():
            need_extra(declared.name, "nats", "nkeys")
            return nats.NatsChannel(declared, folder, on_reply)
        case cot.Settings():
            return cot.CotChannel(declared, folder, on_reply)
        case sapient_settings.Settings():
            need_extra(declared.name, "sapient_msg", "utm", extra="sapient")
            from casemate.io.channels.sapient_alert import SapientAlerts  # noqa: PLC0415 late: its packages are an extra

            return SapientAlerts(declared, folder, on_reply)
        case websocket.Settings():
            need_extra(declared.name, "websockets")
            return websocket.WebSocketChannel(declared, folder, on_reply)
        case _:
            assert_never(declared)


def _placed(declared: AnySettings, beside: Path) -> AnySettings:
    values = msgspec.structs.asdict(declared)
    names: dict[str, Any] = {key: value for key, value in values.items() if key.endswith(_FILE_SUFFIX) and value}
    return msgspec.structs.replace(declared, **{key: str((beside / value).resolve()) for key, value in names.items()})


def need_extra(channel: str, *packages: str, extra: str = "channels") -> None:
    """Raise a SettingsError that says what to install where a channel's packages are not here."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        why = f"needs {' and '.join(missing)}: pip install 'casemate[{extra}]'"
        raise SettingsError(f"channel {channel}", "", why)


def _check_unique(file: str, table: str, key: str, values: list[str]) -> None:
    for i, value in enumerate(values):
        if value in values[:i]:
            raise SettingsError(file, f"{table}[{i}].{key}", f"'{value}' is used twice")
