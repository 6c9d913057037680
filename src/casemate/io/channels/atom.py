"""An Atom feed (RFC 4287) of alerts: newest first, bounded, and with each heartbeat renewed, so that its age tells.

The feed is made of the alerts in its folder: after a restart it is what it was, and a torn feed mends itself. What the
station cannot watch stands in the feed itself, as a category with the scheme `urn:casemate:unwatched`.
"""

import heapq
import uuid
from pathlib import Path
from typing import Final, NamedTuple, assert_never
from urllib.parse import quote

from lxml import etree

from casemate.io.channels.cap_alert import MAX_NAME, NAMESPACE
from casemate.io.channels.cap_sign import MAX_BYTES, parser
from casemate.io.channels.files import write_whole
from casemate.io.channels.texts import clean, time_of
from casemate.model.notices import AnyHeartbeat, DrillHeartbeat, LiveHeartbeat

ATOM: Final = "http://www.w3.org/2005/Atom"
FILE: Final = "atom.xml"
CAP_TYPE: Final = "application/cap+xml"
UNWATCHED: Final = "urn:casemate:unwatched"
_END: Final = b"</feed>"
_SCHEMES: Final = uuid.UUID("a0a2c1a4-6d2e-4b68-9d2c-6f1c6f0c2d11")  # ours, once drawn: ids of entries follow from it


class Entry(NamedTuple):
    """An alert as the feed lists it."""

    file: str
    sender: str
    identifier: str
    sent: str
    status: str
    title: str
    summary: str


class Feed:
    """The feed of one folder; every change writes it anew.

    Parameters
    ----------
    channel : str
        Whose it is.
    folder : Path
        Of the alerts, and of `atom.xml`.
    status : str
        Of the alerts that belong to it, "Actual" or "Exercise": others in the folder are left out.
    n_max : int
        Alerts that it lists.
    base_url : str
        Where the folder is served, with a slash at its end; empty: links stay relative.
    """

    def __init__(self, channel: str, folder: Path, status: str, n_max: int, base_url: str) -> None:
        self._channel, self._folder, self._status = channel, folder, status
        self._n_max, self._base_url = n_max, base_url
        self._entries: dict[str, bytes] = {}  # by identifier, oldest first, as they stand in the feed
        self._heartbeat: AnyHeartbeat | None = None

    def load(self) -> None:
        """List the newest alerts of the folder."""
        found = (entry_of(path) for path in self._folder.glob("*.xml") if path.name != FILE)
        ours = (entry for entry in found if entry is not None and entry.status == self._status)
        newest = heapq.nlargest(self._n_max, ours, key=lambda entry: (entry.sent, entry.file))
        self._entries = {}
        for entry in reversed(newest):
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """List one more; one that is listed stays where it is."""
        if entry.identifier not in self._entries:
            self._entries[entry.identifier] = self._bytes_of(entry)
        for identifier in list(self._entries)[: -self._n_max]:
            del self._entries[identifier]

    def renew(self, heartbeat: AnyHeartbeat) -> None:
        """Say that the station lives and what it sees."""
        self._heartbeat = heartbeat

    def write(self, t_ns: int) -> None:
        """Write the feed as of `t_ns`."""
        feed = etree.Element(_tag("feed"), nsmap={None: ATOM})
        drill = "" if self._status == "Actual" else "EXERCISE: "
        _add(feed, "id", _urn("feed", self._status, self._channel))
        _add(feed, "title", f"{drill}Warnings of {clean(self._channel, MAX_NAME)}")
        _add(feed, "updated", _stamp(t_ns))
        _add(_add(feed, "author"), "name", f"{drill}{clean(self._channel, MAX_NAME)}")
        if self._base_url:
            _add(feed, "link", rel="self", href=self._base_url + FILE)
        if self._heartbeat is not None:
            _add_heartbeat(feed, self._heartbeat)
        head = etree.tostring(feed, encoding="utf-8", xml_declaration=True).removesuffix(_END)
        content = b"\n".join([head, *reversed(self._entries.values()), _END])
        write_whole(self._channel, self._folder / FILE, content, is_durable=False)

    def _bytes_of(self, entry: Entry) -> bytes:
        each = etree.Element(_tag("entry"), nsmap={None: ATOM})
        _add(each, "id", _urn(entry.sender, entry.identifier))
        _add(each, "title", entry.title)
        _add(each, "updated", entry.sent.replace("-00:00", "Z"))
        _add(each, "category", term=entry.status)
        _add(each, "link", rel="alternate", type=CAP_TYPE, href=self._base_url + quote(entry.file))
        _add(each, "summary", entry.summary)
        return etree.tostring(each, encoding="utf-8")


def entry_of(path: Path) -> Entry | None:
    """Return the entry of an alert's file; None for what is no alert."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        return entry_from(etree.fromstring(path.read_bytes(), parser()), path.name)
    except (OSError, etree.XMLSyntaxError):
        return None


def entry_from(alert: etree.Element, file: str) -> Entry | None:
    """Return the entry of an alert that stands in `file`; None for an element of another kind."""
    if alert.tag != f"{{{NAMESPACE}}}alert":
        return None
    names = ("sender", "identifier", "sent", "status", "info/headline", "info/description")
    paths = ("/".join(f"{{{NAMESPACE}}}{part}" for part in name.split("/")) for name in names)
    return Entry(file, *(alert.findtext(path) for path in paths))


def _add_heartbeat(feed: etree.Element, heartbeat: AnyHeartbeat) -> None:
    match heartbeat:
        case LiveHeartbeat():
            drill = ""
        case DrillHeartbeat():
            drill = "EXERCISE: "
        case _:
            assert_never(heartbeat)
    blind = [zone for zone in heartbeat.zones if not zone.is_watched]
    seen = f"picture of {_stamp(heartbeat.t_picture_ns)}" if heartbeat.t_picture_ns else "no picture yet"
    alive = f"{drill}{clean(heartbeat.station, MAX_NAME)} alive at {_stamp(heartbeat.t_sent_ns)}, {seen}"
    _add(feed, "subtitle", f"{alive}, {len(blind)} of {len(heartbeat.zones)} zones unwatched")
    for zone in blind:
        label = f"{clean(zone.zone, MAX_NAME)}: {clean(zone.why, MAX_NAME)}"
        _add(feed, "category", term=clean(zone.zone, MAX_NAME), scheme=UNWATCHED, label=label)


def _urn(*names: str) -> str:
    return uuid.uuid5(_SCHEMES, "\n".join(names)).urn


def _stamp(t_ns: int) -> str:
    return time_of(t_ns).strftime("%Y-%m-%dT%H:%M:%SZ")


def _add(parent: etree.Element, name: str, text: str | None = None, **attributes: str) -> etree.Element:
    child = etree.SubElement(parent, _tag(name), **attributes)
    child.text = text
    return child


def _tag(name: str) -> str:
    return f"{{{ATOM}}}{name}"
