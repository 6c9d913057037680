"""From the URL of a feed to the feed."""

from typing import TYPE_CHECKING

from casemate.errors import SettingsError
from casemate.io.feeds import sapient
from casemate.io.feeds.address import parse
from casemate.io.feeds.asterix import Decoded, Decoder
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import PlayedClock, StationClock
from casemate.io.feeds.network import TcpSource, UdpSource
from casemate.io.feeds.playback import FileSource
from casemate.io.feeds.table_stream import LineReader, LineSource
from casemate.io.feeds.wire_feed import Read, WireFeed
from casemate.model.catalog import SiteFile

if TYPE_CHECKING:  # it needs an extra
    from casemate.io.feeds.sapient.feed import SapientFeed


class _AsterixReader:
    # The decoder by the shape of a reader: plots, labels and marks; tracks of others are no plots.
    def __init__(self, site: SiteFile, tally: Tally) -> None:
        self._decoder = Decoder(site)
        self._decoder.tally = tally

    def take(self, payload: bytes, t_recv_ns: int) -> Read:
        decoded: Decoded = self._decoder.take(payload, t_recv_ns)
        return Read(decoded.plots, decoded.labels, decoded.marks)


def open_feed(url: str, site: SiteFile, clock: StationClock | PlayedClock) -> "WireFeed | SapientFeed":
    """Open the feed of a URL.

    Raises
    ------
    SettingsError
        The URL cannot be used, says what is wrong with it; or what it names cannot be opened.
    """
    address, tally = parse(url), Tally()
    if address.scheme in sapient.SCHEMES:
        return sapient.open_feed(url, site, _running(clock))
    if address.scheme == "ndjson":
        return WireFeed(url, LineSource(_running(clock), tally), LineReader(site, tally), site, clock, tally)
    if not any(each.sac is not None for each in site.sensor):
        raise SettingsError(url, "", f"{site.site.name} has no sensor with sac and sic, by which ASTERIX names it")
    reader = _AsterixReader(site, tally)  # takes seconds to load: before anything can come
    if isinstance(clock, PlayedClock):
        wire = FileSource(address.path, address.speed, clock, tally)
    else:
        wire = (UdpSource if address.scheme == "udp" else TcpSource)(address, clock, tally)
    return WireFeed(url, wire, reader, site, clock, tally)


def _running(clock: StationClock | PlayedClock) -> StationClock:
    assert isinstance(clock, StationClock)  # recordings are played alone
    return clock
