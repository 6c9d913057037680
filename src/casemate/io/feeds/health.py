"""How a feed is: what came, what was refused and why, how its sensors' clocks stand."""

import time
from typing import Final, NamedTuple

import numpy as np

from casemate.constants import NS_PER_S
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import WireClock
from casemate.model.catalog import SiteFile
from casemate.model.messages import Scan
from casemate.model.records import FEED, FEED_CLOCK, FEED_REFUSED, FeedState, Records, freeze, missing

SILENT_S: Final = 2.0
"""A feed is silent after this, or after two scans of its slowest sensor."""
MAX_REASONS: Final = 32
"""Reasons told one by one; the rarer ones are told together."""


class FeedHealth(NamedTuple):
    """How a feed is, as rows to journal."""

    feed: Records  # FEED (1,)
    clocks: Records  # FEED_CLOCK, a row for each sensor heard
    refused: Records  # FEED_REFUSED, a row for each reason


class Meter:
    """Counts what a feed delivers.

    Parameters
    ----------
    name : str
        Of the feed.
    site : SiteFile
        Whose sensors it may carry.
    tally : Tally
        Of what it refuses.
    """

    def __init__(self, name: str, site: SiteFile, tally: Tally) -> None:
        self.name, self.clocks = name, [WireClock() for _ in site.sensor]
        self.n_received = self.n_plots = self.n_scans = self.n_north_marks = self.n_sector_marks = self.n_lost = 0
        self.state: FeedState | None = None  # where it is known better than by what came
        self._tally = tally
        self._silent_ns = round(max(SILENT_S, 2.0 * max(each.scan_period_s for each in site.sensor)) * NS_PER_S)
        self._t_last_ns, self._monotonic_last_ns = 0, 0
        self._n_of = [0] * len(site.sensor)
        self._t_of_ns = [0] * len(site.sensor)
        self._before = (time.monotonic_ns(), 0)

    def note_received(self, t_recv_ns: int) -> None:
        """Count a datagram, a block or a line."""
        self.n_received += 1
        self._t_last_ns, self._monotonic_last_ns = t_recv_ns, time.monotonic_ns()

    def note_mark(self, sensor_id: int, t_ns: int, *, is_north: bool) -> None:
        """Count an antenna mark."""
        self.n_north_marks += is_north
        self.n_sector_marks += not is_north
        self._t_of_ns[sensor_id] = max(t_ns, self._t_of_ns[sensor_id])

    def note_scan(self, scan: Scan) -> None:
        """Count what is delivered."""
        self.n_scans += 1
        self.n_plots += len(scan.plots)
        if len(scan.plots) and scan.sensor_id < len(self._n_of):
            self._n_of[scan.sensor_id] += len(scan.plots)
            newest_ns = int(scan.plots["t_ns"].max())
            self._t_of_ns[scan.sensor_id] = max(newest_ns, self._t_of_ns[scan.sensor_id])

    def health(self, t_ns: int) -> FeedHealth:
        """Return how the feed is at a time of the station."""
        refused = self._tally.refused()
        now, (before, n_before) = time.monotonic_ns(), self._before
        self._before = (now, self.n_plots)
        feed = missing(FEED, 1)
        feed[0] = (
            self.name,
            t_ns,
            self._state(now),
            self._t_last_ns,
            (self.n_plots - n_before) / max((now - before) / NS_PER_S, 1e-3),
            self.n_received,
            self.n_plots,
            self.n_scans,
            self.n_north_marks,
            self.n_sector_marks,
            sum(each.count for each in refused),
            self.n_lost,
            0,
        )
        told = [(self.name, t_ns, each.reason, each.count) for each in refused[:MAX_REASONS]]
        n_rest = sum(each.count for each in refused[MAX_REASONS:])
        if n_rest:
            told.append((self.name, t_ns, f"{len(refused) - MAX_REASONS} other reasons", n_rest))
        return FeedHealth(freeze(feed), self._clock_rows(t_ns), freeze(np.array(told, FEED_REFUSED)))

    def _state(self, now_ns: int) -> FeedState:
        if self.state is not None:
            return self.state
        if not self.n_received:
            return FeedState.WAITING
        return FeedState.SILENT if now_ns - self._monotonic_last_ns > self._silent_ns else FeedState.OK

    def _clock_rows(self, t_ns: int) -> Records:
        heard = [i for i, t_last_ns in enumerate(self._t_of_ns) if t_last_ns]
        rows = missing(FEED_CLOCK, len(heard))
        for row, i in zip(rows, heard, strict=True):
            clock = self.clocks[i]
            slope, sigma = clock.drift.drift_ppm()
            row["feed"], row["sensor_id"], row["t_ns"] = self.name, i, t_ns
            row["t_last_ns"], row["n_plots"] = self._t_of_ns[i], self._n_of[i]
            row["offset_s"], row["drift_ppm"], row["sigma_drift_ppm"] = clock.drift.offset_s, slope, sigma
            row["shift_s"], row["n_jumps"], row["is_off"] = clock.shift_ns / NS_PER_S, clock.n_jumps, clock.is_off
        return freeze(rows)
