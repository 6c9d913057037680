"""NDJSON: plots line by line, a JSON object with the columns of a plot table; what a line cannot hold is refused.

The simplest door for a program that has plots: it writes a line for each to our standard input.
"""

import math
import os
import selectors
import sys
from typing import Final

import numpy as np

from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import StationClock
from casemate.io.feeds.network import Received
from casemate.io.feeds.wire_feed import Read
from casemate.io.plot_lines import PlotLine, read_line
from casemate.io.tables import FIELD_OF
from casemate.model.catalog import SiteFile
from casemate.model.records import LABEL, PLOT, missing

MAX_LINE: Final = 65_536
"""Longest line [byte]; a plot takes 200."""
_READ_BYTES: Final = 65_536


class LineSource:
    """Whole lines from a file descriptor, as they come."""

    def __init__(self, clock: StationClock, tally: Tally, descriptor: int | None = None) -> None:
        self.n_lost, self.is_connected, self.is_over = 0, True, False
        self._clock, self._tally = clock, tally
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._selector = selectors.DefaultSelector()
        self._is_file = False
        try:
            self._selector.register(self._descriptor, selectors.EVENT_READ)
        except (PermissionError, OSError):  # a plain file, which always has something to read
            self._is_file = True
        self._rest, self._is_skipping = b"", False

    def receive(self, wait_s: float) -> list[Received]:
        """Return the lines that came, nothing where it is quiet for so long."""
        if not self._is_file and not self._selector.select(max(wait_s, 0.0)):
            return []
        data = os.read(self._descriptor, _READ_BYTES)
        t_ns = self._clock.now_ns()
        if not data:
            self.is_over = True
            data = b"\n" if self._rest else b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._is_skipping and lines:
            lines, self._is_skipping = lines[1:], False
        if len(self._rest) > MAX_LINE or self._is_skipping:
            if not self._is_skipping:
                self._tally.note("line longer than 65,536 bytes", 0)
            self._rest, self._is_skipping = b"", True
        return [Received(t_ns, line) for line in lines if line.strip()]

    def close(self) -> None:
        """Stop reading."""
        self._selector.close()


class LineReader:
    """Reads lines into plots of a site's sensors."""

    def __init__(self, site: SiteFile, tally: Tally) -> None:
        self._ids = {sensor.name: i for i, sensor in enumerate(site.sensor)}
        self._tally = tally
        self.n_lines = 0

    def take(self, payload: bytes, t_recv_ns: int) -> Read:
        """Read one line."""
        _ = t_recv_ns
        self.n_lines += 1
        row = self._row(payload)
        plots = missing(PLOT, 0 if row is None else 1)
        labels = np.zeros(0, LABEL)
        if row is not None:
            plots["sensor_id"], plots["t_ns"] = self._ids[row.sensor], row.t_ns
            for column, field in FIELD_OF.items():
                value = getattr(row, column)
                if value is not None:
                    plots[field] = math.radians(value) if column.endswith("_deg") else value
            plots["az_rad"] %= 2.0 * math.pi
            if row.label:
                labels = np.array([(0, row.label)], LABEL)
        return Read(plots, labels, ())

    def _row(self, line: bytes) -> PlotLine | None:
        try:
            row = read_line(line)
        except ValueError as error:
            self._tally.note(f"line is no plot: {error}"[:96], self.n_lines)
            return None
        if row.sensor not in self._ids:
            self._tally.note(f"unknown sensor '{row.sensor}'"[:96], self.n_lines)
            return None
        return row
