"""ASTERIX datagrams into plots, antenna marks and system tracks; what is not used is counted by reason."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from casemate.errors import SettingsError
from casemate.io.feeds.asterix.clock import TICK_NS, TICKS_A_DAY, DayClock
from casemate.io.feeds.asterix.records import Decoded, Item, Mark, MarkItem, PlotItem
from casemate.io.feeds.capture import Tally
from casemate.model.catalog import AsterixSettings, SiteFile
from casemate.model.records import LABEL, PLOT, SYSTEM_TRACK, freeze

if TYPE_CHECKING:  # libasterix's categories are two seconds of import, which only a decoder should wait for
    from casemate.io.feeds.asterix.layout import Found

_TIMES: Final = {15: ("145",), 20: ("140",), 21: ("071", "073", "030"), 34: ("030",), 48: ("140",), 62: ("070",)}
"""The item of the time of day, by category; the first that the edition has."""
_OF_SENSORS: Final = frozenset({15, 34, 48})
"""Categories of single sensors, which the site knows or not; the others come from tracking systems."""


def _editions_of(settings: AsterixSettings) -> dict[int, str]:
    chosen = msgspec.structs.asdict(settings)
    return {int(name[3:]): edition for name, edition in chosen.items() if name.startswith("cat")}


DEFAULT_EDITIONS: Final[Mapping[int, str]] = _editions_of(AsterixSettings())
"""The newest edition of each category that is read."""


class Decoder:
    """Decodes datagrams; keeps the day, and in `tally` what was refused and why.

    Parameters
    ----------
    site : SiteFile, optional
        Its sensors by SAC and SIC: `sensor_id` counts them, and plots of other sources are refused. Without it every
        source is taken, and `sensor_id` is SAC * 256 + SIC.
    editions : mapping of int to str, optional
        Editions by category, as {48: "1.30"}, before those of the site (`[asterix]`) and the newest.
    takes_drills : bool, optional
        Whether plots that say they are a drill or a test are taken; None: as the site says, else not.

    Raises
    ------
    SettingsError
        There is no such edition.
    """

    def __init__(
        self,
        site: SiteFile | None = None,
        editions: Mapping[int, str] | None = None,
        *,
        takes_drills: bool | None = None,
    ) -> None:
        settings = AsterixSettings() if site is None else site.asterix
        self.tally = Tally()
        self._clock = DayClock()
        self._ids = None if site is None else sensor_ids(site)
        takes_drills = settings.drills if takes_drills is None else takes_drills
        chosen = {**_editions_of(settings), **(editions or {})}
        self._categories = {
            number: _Category(number, edition, takes_drills=takes_drills) for number, edition in chosen.items()
        }

    def take(self, payload: bytes, t_recv_ns: int | None, offset: int = 0) -> Decoded:
        """Decode a datagram that came at `t_recv_ns` (None: not known); `offset` is its place, for the counts."""
        haul = _Haul()
        if not _is_whole(payload):
            self.tally.note("datagram is not whole ASTERIX blocks", offset)
            return haul.decoded()
        at = 0
        while at < len(payload):
            length = int.from_bytes(payload[at + 1 : at + 3], "big")
            self._take_block(payload[at], payload[at + 3 : at + length], t_recv_ns, offset + at, haul)
            at += length
        return haul.decoded()

    def _take_block(self, number: int, body: bytes, t_recv_ns: int | None, offset: int, haul: "_Haul") -> None:
        category = self._categories.get(number)
        if category is None:
            self.tally.note(f"category {number:03d} is not imported", offset)
            return
        records = category.layout.split(body)
        if records is None:
            self.tally.note(f"category {number:03d} block does not decode as edition {category.layout.edition}", offset)
            return
        for found in records:
            why = self._take_record(category, found, t_recv_ns, haul)
            if why:
                self.tally.note(why, offset)

    def _take_record(self, category: "_Category", found: "Found", t_recv_ns: int | None, haul: "_Haul") -> str:
        """Add what a record says to the haul; return why not, where it is not used."""
        source, ticks = category.source.raw(found), category.ticks(found)
        if source is None:
            return f"record without a source (I{category.number:03d}/010)"
        sensor_id = source
        if self._ids is not None and category.number in _OF_SENSORS:
            if source not in self._ids:
                return f"unknown radar SAC {source >> 8} SIC {source & 255}"
            sensor_id = self._ids[source]
        if ticks is None:
            return f"record without a time (I{category.number:03d}/{category.time_item})"
        if ticks >= TICKS_A_DAY:
            return f"time of day beyond 24 h (I{category.number:03d}/{category.time_item})"
        item = category.read(found)
        if isinstance(item, str):
            return item
        haul.add(item, sensor_id, self._clock.absolute_ns(ticks * TICK_NS, t_recv_ns))
        return ""


def _is_whole(payload: bytes) -> bool:
    """Tell whether a datagram is block after block: where one length lies, none of it can be believed."""
    at = 0
    while at + 3 <= len(payload):
        length = int.from_bytes(payload[at + 1 : at + 3], "big")
        if length < 3:
            return False
        at += length
    return at == len(payload)


class _Haul:
    """What is taken out of one datagram."""

    def __init__(self) -> None:
        self._plots: list[tuple[float, ...]] = []
        self._labels: list[tuple[int, str]] = []
        self._marks: list[Mark] = []
        self._tracks: list[tuple[Any, ...]] = []

    def add(self, item: Item, sensor_id: int, t_ns: int) -> None:
        if isinstance(item, PlotItem):
            if item.label:
                self._labels.append((len(self._plots), item.label))
            self._plots.append((0, sensor_id, t_ns, *item[:-1]))
        elif isinstance(item, MarkItem):
            self._marks.append(Mark(sensor_id, t_ns, *item))
        else:
            self._tracks.append((sensor_id, t_ns, *item))

    def decoded(self) -> Decoded:
        return Decoded(
            np.array(self._plots, PLOT) if self._plots else _NO_PLOTS,
            np.array(self._labels, LABEL) if self._labels else _NO_LABELS,
            tuple(self._marks),
            np.array(self._tracks, SYSTEM_TRACK) if self._tracks else _NO_TRACKS,
        )


_NO_PLOTS, _NO_LABELS, _NO_TRACKS = (freeze(np.zeros(0, dtype)) for dtype in (PLOT, LABEL, SYSTEM_TRACK))


class _Category:
    """One category as it is read: its layout, where source and time are, and what its records become."""

    def __init__(self, number: int, edition: str, *, takes_drills: bool) -> None:
        from casemate.io.feeds.asterix import layout, noncooperative, radar, tracks  # noqa: PLC0415 as above

        self.number = number
        self.layout = layout.layout_of(number, edition)
        self.source = self.layout.need("010")
        self._times = [field for item in _TIMES[number] if (field := self.layout.field(item)) is not None]
        self.time_item = self._times[0].item
        if number == 48:
            self.read = radar.PlotReader(self.layout, takes_drills=takes_drills)
        elif number == 34:
            self.read = radar.MarkReader(self.layout)
        elif number == 15:
            self.read = noncooperative.TargetReader(self.layout, takes_drills=takes_drills)
        else:
            self.read = tracks.TrackReader(self.layout)

    def ticks(self, found: "Found") -> int | None:
        """Return the time of day in `TICK_NS`, None where it is missing."""
        for field in self._times:
            ticks = field.raw(found)
            if ticks is not None:
                return ticks
        return None


def parse_editions(words: Sequence[str]) -> dict[int, str]:
    """Return the editions of words like "048=1.30".

    Raises
    ------
    SettingsError
        A word is not of that form, or no category that is read; whether there is the edition, `Decoder` says.
    """
    found: dict[int, str] = {}
    for word in words:
        category, _, edition = word.partition("=")
        if not category.isdecimal() or int(category) not in DEFAULT_EDITIONS or not edition:
            known = ", ".join(f"{number:03d}" for number in sorted(DEFAULT_EDITIONS))
            raise SettingsError("--edition", word, f"is not CATEGORY=EDITION with a category of {known}")
        found[int(category)] = edition
    return found


def sensor_ids(site: SiteFile) -> dict[int, int]:
    """Return the index of each of a site's sensors by SAC * 256 + SIC."""
    return {
        each.sac << 8 | each.sic: i
        for i, each in enumerate(site.sensor)
        if each.sac is not None and each.sic is not None
    }
