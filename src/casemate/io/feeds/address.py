"""URLs of feeds: taken apart and checked before anything is opened; what is misspelt is named."""

import ipaddress
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from casemate.errors import SettingsError
from casemate.io.profile import suggest

OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "udp": ("interface",),
    "tcp": (),
    "file": ("speed",),
    "ndjson": (),
    "sapient": ("node",),
    "sapient+connect": ("node",),
}
"""Options by scheme."""
_FORMS: Final = {
    "udp": "udp://ADDRESS:PORT",
    "tcp": "tcp://HOST:PORT",
    "file": "file://PATH",
    "ndjson": "ndjson:-",
}


class Address(NamedTuple):
    """A feed's URL, taken apart."""

    url: str
    scheme: str
    host: str
    port: int
    path: Path
    options: dict[str, str]

    @property
    def is_multicast(self) -> bool:
        """Whether the host is a multicast group."""
        return self.scheme == "udp" and ipaddress.ip_address(self.host).is_multicast

    @property
    def speed(self) -> float | None:
        """How many times as fast as recorded [1]; None: as fast as it can."""
        said = self.options.get("speed", "1")
        return None if said == "max" else float(said)


def parse(url: str) -> Address:
    """Take a feed's URL apart.

    Raises
    ------
    SettingsError
        It cannot be used; says what is wrong with it.
    """
    if url == "-":
        url = "ndjson:-"
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port if parts.scheme not in {"file", "ndjson"} else None
        given = urllib.parse.parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise SettingsError(url, "", f"is no URL: {error}") from None
    options, scheme = dict(given), parts.scheme
    if scheme not in OPTIONS:
        known = ", ".join(f"{each}:" for each in OPTIONS)
        raise SettingsError(url, scheme, f"is no kind of feed; there are {known}{suggest(scheme, list(OPTIONS))}")
    for name in options:
        if name not in OPTIONS[scheme]:
            raise SettingsError(url, name, f"is no option of {scheme}:{suggest(name, OPTIONS[scheme])}")
    is_network = scheme in {"udp", "tcp"}
    if parts.fragment or parts.username or (is_network and parts.path not in {"", "/"}):
        raise SettingsError(url, "", f"holds more than {_FORMS.get(scheme, scheme)} says")
    address = Address(url, scheme, parts.hostname or "", port or 0, Path(parts.netloc + parts.path), options)
    _CHECKS.get(scheme, _check_nothing)(address)
    return address


def _check_nothing(_: Address) -> None:
    """Leave it to whoever opens it."""


def _check_udp(address: Address) -> None:
    host = _check_ip(address, "", address.host)
    _check_port(address)
    if host.is_multicast and host.version == 6:
        raise SettingsError(address.url, "", "multicast is taken by IPv4 only")
    if "interface" in address.options:
        if not host.is_multicast:
            why = "only tells which interface joins a multicast group (224.0.0.0 to 239.255.255.255)"
            raise SettingsError(address.url, "interface", why)
        if _check_ip(address, "interface", address.options["interface"]).version != 4:
            raise SettingsError(address.url, "interface", "must be an IPv4 address, as the group's")


def _check_tcp(address: Address) -> None:
    if not address.host:
        raise SettingsError(address.url, "", f"is not {_FORMS['tcp']}")
    try:
        address.host.encode("idna")
    except UnicodeError:
        raise SettingsError(address.url, "", f"'{address.host}' is no name of a host") from None
    _check_port(address)
    if address.port == 0:
        raise SettingsError(address.url, "port", "must be 1 to 65535")


def _check_file(address: Address) -> None:
    if not address.path.is_file():
        raise SettingsError(address.url, "", f"there is no file {address.path}")
    try:
        is_right = address.speed is None or 0.0 < address.speed < float("inf")
    except ValueError:
        is_right = False
    if not is_right:
        raise SettingsError(address.url, "speed", f"must be greater than 0, or max; got {address.options['speed']}")


def _check_ndjson(address: Address) -> None:
    if str(address.path) != "-":
        raise SettingsError(address.url, "", "only standard input is read line by line: ndjson:-")


def _check_port(address: Address) -> None:
    if urllib.parse.urlsplit(address.url).port is None:
        raise SettingsError(address.url, "port", f"is missing: {_FORMS[address.scheme]}")


def _check_ip(address: Address, key: str, said: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(said)
    except ValueError:
        what = f"'{said}' is" if said else "there is"
        raise SettingsError(address.url, key, f"{what} no IP address: {_FORMS['udp']}, as 0.0.0.0 for any") from None


_CHECKS: Final = {"udp": _check_udp, "tcp": _check_tcp, "file": _check_file, "ndjson": _check_ndjson}
