"""The feed: a source of datagrams, what reads them, and scans as they end; one thread runs it."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.health import FeedHealth, Meter
from casemate.io.feeds.looks import Look, Moment
from casemate.io.feeds.network import Received
from casemate.io.feeds.scans import ScanBuilder
from casemate.model.catalog import SiteFile
from casemate.model.messages import Aside, Scan
from casemate.model.records import LABEL, FeedState, Records, freeze
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models

if TYPE_CHECKING:
    from casemate.io.feeds.asterix import Mark

STEP_S: Final = 0.02
"""Longest wait for a datagram: how soon a stop, or an empty sector, is noticed."""
OLDEST_NS: Final = 60 * NS_PER_S
AHEAD_NS: Final = NS_PER_S
"""A plot so much older than its receipt, or newer, is refused here: the tracker would, and a scan's times would lie."""
_DRAIN_S: Final = 5.0  # what the socket still holds at a stop is read for so long


class Read(NamedTuple):
    """What a datagram said."""

    plots: Records  # PLOT (n,)
    labels: Records  # LABEL, plot_id: the row in `plots`
    marks: "tuple[Mark, ...]"


class Reader(Protocol):
    """Turns what came into plots and marks of the site's sensors; counts what it refuses."""

    def take(self, payload: bytes, t_recv_ns: int) -> Read:
        """Read what came at once."""
        ...


class Wire(Protocol):
    """A source of datagrams."""

    n_lost: int
    is_connected: bool
    is_over: bool

    def receive(self, wait_s: float) -> list[Received]:
        """Return what came, nothing where it is quiet for so long."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Clock(Protocol):
    """The station's time."""

    def now_ns(self) -> int:
        """Return the time [ns] UTC since 1970."""
        ...


class WireFeed:
    """Scans of a site's sensors out of what comes on a wire; satisfies the shape of a feed.

    Parameters
    ----------
    name : str
        The URL.
    wire : Wire
    reader : Reader
    site : SiteFile
    clock : Clock
    tally : Tally
        Where wire and reader count what they refuse.
    """

    def __init__(self, name: str, wire: Wire, reader: Reader, site: SiteFile, clock: Clock, tally: Tally) -> None:
        self.name, self.wire, self.meter = name, wire, Meter(name, site, tally)
        self._reader, self._clock, self._tally = reader, clock, tally
        sensors = sensor_models(site.sensor, SiteFrame.of(site.site), is_flat=site.environment.earth == "flat")
        self._builder = ScanBuilder(tuple(sensors), tuple(each.antenna == "rotating" for each in site.sensor))
        self._n_plots = 0  # they are numbered from 1

    def run(self, deliver: Callable[[Scan | Aside], None], is_stopped: Callable[[], bool]) -> None:
        """Deliver until stopped or the source is over; then what is held, so that nothing that came is lost."""
        try:
            while not (is_stopped() or self.wire.is_over):
                self._turn(self._wait_s(), deliver)
            end_ns = time.monotonic_ns() + round(_DRAIN_S * NS_PER_S)
            while not self.wire.is_over and self._turn(0.0, deliver) and time.monotonic_ns() < end_ns:
                pass
            self._hand_on(self._builder.flush(self._now()), deliver)
        finally:
            self.wire.close()
            self.meter.state = FeedState.ENDED

    def health(self) -> FeedHealth:
        """Return how the feed is."""
        return self.meter.health(self._clock.now_ns())

    def _turn(self, wait_s: float, deliver: Callable[[Scan | Aside], None]) -> int:
        came = self.wire.receive(wait_s)
        for each in came:
            self._take(each, deliver)
        self.meter.n_lost = self.wire.n_lost
        self.meter.state = None if self.wire.is_connected else FeedState.LOST
        self._hand_on(self._builder.due(self._now()), deliver)
        return len(came)

    def _take(self, received: Received, deliver: Callable[[Scan | Aside], None]) -> None:
        self.meter.note_received(received.t_recv_ns)
        read = self._reader.take(received.payload, received.t_recv_ns)
        came = Moment(received.t_recv_ns, time.monotonic_ns())
        bad = self._off(read, received.t_recv_ns)
        labels = {int(i): str(name) for i, name in read.labels.tolist()}
        plots, labels = self._timely(read.plots, labels, bad, received.t_recv_ns)
        self._hand_on(self._builder.add(plots, labels, came), deliver)
        for mark in read.marks:
            if mark.sensor_id not in bad:
                t_ns = mark.t_ns + self.meter.clocks[mark.sensor_id].shift_ns
                self.meter.note_mark(mark.sensor_id, t_ns, is_north=mark.is_north)
                looks = self._builder.mark(mark.sensor_id, t_ns, mark.az_rad, came, is_north=mark.is_north)
                self._hand_on(looks, deliver)

    def _off(self, read: Read, t_recv_ns: int) -> set[int]:
        """Return the sensors whose times in a datagram cannot be used."""
        newest: dict[int, int] = {}
        for sensor_id, t_ns in zip(read.plots["sensor_id"].tolist(), read.plots["t_ns"].tolist(), strict=True):
            newest[sensor_id] = max(t_ns, newest.get(sensor_id, t_ns))
        for mark in read.marks:
            newest[mark.sensor_id] = max(mark.t_ns, newest.get(mark.sensor_id, mark.t_ns))
        return {i for i, t_ns in newest.items() if not self.meter.clocks[i].take(t_ns, t_recv_ns)}

    def _timely(
        self, plots: Records, labels: dict[int, str], bad: set[int], t_recv_ns: int
    ) -> tuple[Records, dict[int, str]]:
        """Put plots on the station's time, and leave out those whose time cannot be."""
        if len(plots) == 0:
            return plots, labels
        plots = plots.copy()
        plots["t_ns"] += np.array([clock.shift_ns for clock in self.meter.clocks])[plots["sensor_id"]]
        age_ns = t_recv_ns - plots["t_ns"]
        keep = (age_ns <= OLDEST_NS) & (age_ns >= -AHEAD_NS) & ~np.isin(plots["sensor_id"], list(bad))
        if keep.all():
            return plots, labels
        for is_old in (age_ns[~keep] > 0).tolist():
            self._tally.note(f"time too far {'behind' if is_old else 'ahead of'} its receipt", 0)
        where = np.flatnonzero(keep)
        return plots[where], {new: labels[old] for new, old in enumerate(where.tolist()) if old in labels}

    def _hand_on(self, looks: Iterable[Look], deliver: Callable[[Scan | Aside], None]) -> None:
        for look in looks:
            plots = look.scan.plots.copy()
            plots["plot_id"] = self._n_plots + 1 + np.arange(len(plots))
            self._n_plots += len(plots)
            named = [(plots["plot_id"][i], name) for i, name in enumerate(look.labels) if name]
            if named:
                deliver(Aside(t_ns=look.scan.t_end_ns, kind="label", rows=freeze(np.array(named, LABEL))))
            scan = msgspec.structs.replace(look.scan, plots=freeze(plots))
            self.meter.note_scan(scan)
            deliver(scan)

    def _wait_s(self) -> float:
        due_ns = self._builder.due_ns()
        return STEP_S if due_ns is None else min(STEP_S, max(0.0, (due_ns - time.monotonic_ns()) / NS_PER_S))

    def _now(self) -> Moment:
        return Moment(self._clock.now_ns(), time.monotonic_ns())
