"""The live source: feeds, a thread each, through one bounded queue into inputs in the order of their coming.

Time in silence is told by a monotonic timer. What a full queue sheds is counted. How the feeds are is an input like any
other: journalled, so that a replay says the same of them.
"""

import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.io.feeds.health import FeedHealth
from casemate.model.messages import TICK_NS, Aside, Input, Scan, Tick
from casemate.model.records import FeedState, Records, freeze
from casemate.runner.counters import Latency

MAX_SCANS: Final = 1024
"""Scans that may wait: 30 s of one radar with 32 sectors and a turn a second."""
MAX_PLOTS: Final = 20_000
"""Plots that may wait in them: 2 MB, a second at the rate that ASTERIX is decoded."""
HEALTH_NS: Final = NS_PER_S
_LOOK_S: Final = 0.25  # how often a change of state is looked for
_HOLD_MAX_NS: Final = 5 * NS_PER_S
_HOLD_KEPT: Final = 64  # scans


class Feed(Protocol):
    """What delivers scans; `run` blocks until it is stopped or over."""

    name: str

    def run(self, deliver: Callable[[Scan | Aside], None], is_stopped: Callable[[], bool]) -> None:
        """Deliver scans, each behind the labels of its plots."""
        ...

    def health(self) -> FeedHealth:
        """Return how it is."""
        ...


class StationTime(Protocol):
    """The station's time, which never jumps."""

    def now_ns(self) -> int:
        """Return the time [ns] UTC since 1970."""
        ...


class _Item(NamedTuple):
    i_feed: int
    scan: Scan
    asides: tuple[Aside, ...]  # of its plots


class Inbox:
    """A bounded queue between threads that sheds the oldest scan of whoever fills it most.

    Parameters
    ----------
    n_feeds : int
    is_lossless : bool
        Whether a feed waits for room instead: a recording does, a radar cannot.
    """

    def __init__(self, n_feeds: int, *, is_lossless: bool = False) -> None:
        self.n_shed = [0] * n_feeds  # plots
        self._is_lossless = is_lossless
        self._items: deque[_Item] = deque()
        self._n_plots = [0] * n_feeds
        self._changed = threading.Condition()
        self._n_running = n_feeds

    def put(self, item: _Item) -> None:
        """Add a scan, and make room where there is none."""
        with self._changed:
            if self._is_lossless:
                self._changed.wait_for(self._has_room)
            self._items.append(item)
            self._n_plots[item.i_feed] += len(item.scan.plots)
            while not self._is_lossless and not self._has_room() and len(self._items) > 1:
                self._shed()
            self._changed.notify_all()

    def get(self, wait_s: float) -> _Item | None:
        """Take the oldest, None where none comes for so long or ever."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or not self._n_running, max(wait_s, 0.0))
            if not self._items:
                return None
            item = self._items.popleft()
            self._n_plots[item.i_feed] -= len(item.scan.plots)
            self._changed.notify_all()
            return item

    def leave(self) -> None:
        """Say that a feed is over."""
        with self._changed:
            self._n_running -= 1
            self._changed.notify_all()

    @property
    def has_more(self) -> bool:
        """Whether something waits."""
        return bool(self._items)

    @property
    def is_over(self) -> bool:
        """Whether nothing waits and no feed is left."""
        with self._changed:
            return not self._items and not self._n_running

    def _has_room(self) -> bool:
        return len(self._items) <= MAX_SCANS and sum(self._n_plots) <= MAX_PLOTS

    def _shed(self) -> None:
        n_scans = Counter(item.i_feed for item in self._items)
        # the one that takes most of its own share of either bound; whoever floods the station pays for it
        greedy = max(n_scans, key=lambda i: n_scans[i] / MAX_SCANS + self._n_plots[i] / MAX_PLOTS)
        at = next(k for k, item in enumerate(self._items) if item.i_feed == greedy)
        gone = self._items[at]
        del self._items[at]
        self._n_plots[greedy] -= len(gone.scan.plots)
        self.n_shed[greedy] += len(gone.scan.plots)


class LiveSource:
    """Scans of several feeds, ticks and the feeds' health, as inputs; iterate it once.

    Parameters
    ----------
    feeds : sequence of Feed
    clock : StationTime
    is_stopped : callable
        Asked often; true stops the feeds, and ends the source once everything that came is handed on.
    is_played : bool
        A recording: feeds wait for the pipeline, and time is only what the recording says.

    Notes
    -----
    A tick, each `TICK_NS` of the station's time, is held back until scans that began before it should have come: by
    the longest that a scan lately took from its beginning to its receipt, at most 5 s.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        clock: StationTime,
        is_stopped: Callable[[], bool] = lambda: False,
        *,
        is_played: bool = False,
    ) -> None:
        self.delay = Latency()  # from receipt of what ended a scan to the scan's step
        self.failures: list[str] = []
        self._feeds, self._clock, self._is_stopped = tuple(feeds), clock, is_stopped
        self._inbox = Inbox(len(feeds), is_lossless=is_played)
        self._is_failed = [False] * len(feeds)
        self._hold_ns: deque[int] = deque([NS_PER_S // 4], maxlen=_HOLD_KEPT)
        self._n_plots = 0
        self._states: list[int] = [-1] * len(feeds)
        self._n_refused: list[int] = [-1] * len(feeds)

    def __iter__(self) -> Iterator[Input]:
        """Start the feeds and yield inputs until all are over."""
        threads = [
            threading.Thread(target=self._run_feed, args=(i,), name=f"feed-{i}", daemon=True)
            for i in range(len(self._feeds))
        ]
        for thread in threads:
            thread.start()
        t_tick_ns = self._next_tick_ns()
        yield from self._health(only_changed=False)
        told_ns, looked_s = time.monotonic_ns(), time.monotonic()
        while not self._inbox.is_over:
            item = self._inbox.get(self._wait_s(t_tick_ns))
            if item is not None:
                yield from self._inputs_of(item)
            # what waits is older than now: time goes on only as far as what was taken
            now_ns = item.scan.t_recv_ns if item is not None and self._inbox.has_more else self._clock.now_ns()
            while t_tick_ns and now_ns >= t_tick_ns + self._hold():
                yield Tick(t_ns=t_tick_ns)
                t_tick_ns += TICK_NS
            t_tick_ns = t_tick_ns or self._next_tick_ns()
            if time.monotonic() - looked_s >= _LOOK_S:
                looked_s = time.monotonic()
                is_due = time.monotonic_ns() - told_ns >= HEALTH_NS
                told_ns = time.monotonic_ns() if is_due else told_ns
                yield from self._health(only_changed=not is_due)
        yield from self._health(only_changed=False)
        for thread in threads:
            thread.join()

    def _run_feed(self, i: int) -> None:
        asides: list[Aside] = []

        def deliver(message: Scan | Aside) -> None:
            if isinstance(message, Aside):
                asides.append(message)
                return
            self._inbox.put(_Item(i, message, tuple(asides)))
            asides.clear()

        try:
            self._feeds[i].run(deliver, self._is_stopped)
        except Exception:  # noqa: BLE001 one feed's fault must not silence the others; its state says so
            self.failures.append(f"{self._feeds[i].name}: {traceback.format_exc()}")
            self._is_failed[i] = True
        finally:
            self._inbox.leave()

    def _inputs_of(self, item: _Item) -> Iterator[Input]:
        # plots are numbered anew: every feed counts its own from 1
        scan, now_ns = item.scan, self._clock.now_ns()
        self.delay.add(max(0, now_ns - scan.t_recv_ns))
        self._hold_ns.append(min(max(0, scan.t_recv_ns - scan.t_start_ns), _HOLD_MAX_NS))
        old = scan.plots["plot_id"]
        new = self._n_plots + 1 + np.arange(len(old), dtype=np.uint64)
        self._n_plots += len(old)
        for aside in item.asides:
            rows = aside.rows.copy()
            rows["plot_id"] = new[np.searchsorted(old, rows["plot_id"])]
            yield msgspec.structs.replace(aside, rows=freeze(rows))
        plots = scan.plots.copy()
        plots["plot_id"] = new
        yield msgspec.structs.replace(scan, plots=freeze(plots))

    def _hold(self) -> int:
        return max(self._hold_ns)

    def _next_tick_ns(self) -> int:
        # 0 while a recording has not begun
        now_ns = self._clock.now_ns()
        return (now_ns // TICK_NS + 1) * TICK_NS if now_ns else 0

    def _wait_s(self, t_tick_ns: int) -> float:
        due_s = (t_tick_ns + self._hold() - self._clock.now_ns()) / NS_PER_S if t_tick_ns else _LOOK_S
        return min(max(due_s, 0.001), _LOOK_S)

    def _health(self, *, only_changed: bool) -> Iterator[Aside]:
        for i, feed in enumerate(self._feeds):
            health = feed.health()
            row = health.feed.copy()
            row["n_shed"] = self._inbox.n_shed[i]
            if self._is_failed[i]:
                row["state"] = FeedState.FAILED
            state, n_refused, t_ns = int(row["state"][0]), int(row["n_refused"][0]), int(row["t_ns"][0])
            if only_changed and state == self._states[i]:
                continue
            yield Aside(t_ns=t_ns, kind="feed", rows=freeze(row))
            if len(health.clocks):
                yield Aside(t_ns=t_ns, kind="feed-clock", rows=health.clocks)
            if n_refused != self._n_refused[i] and len(health.refused):
                yield Aside(t_ns=t_ns, kind="feed-refused", rows=health.refused)
            self._states[i], self._n_refused[i] = state, n_refused


class FeedLog:
    """A sink that keeps the last that was said of every feed, for the summary and the operator."""

    def __init__(self) -> None:
        self.feeds: dict[str, Records] = {}
        self.clocks: dict[tuple[str, int], Records] = {}
        self.refused: dict[str, Records] = {}

    def take(self, message: Input, events: object) -> None:
        """Take an input."""
        _ = events
        if not isinstance(message, Aside):
            return
        rows = message.rows
        if message.kind == "feed":
            self.feeds[str(rows["feed"][0])] = rows
        elif message.kind == "feed-refused":
            self.refused[str(rows["feed"][0])] = rows
        elif message.kind == "feed-clock":
            for i in range(len(rows)):
                self.clocks[str(rows["feed"][i]), int(rows["sensor_id"][i])] = rows[i : i + 1]

    def summary(self, sensors: Sequence[str]) -> list[dict[str, object]]:
        """Return what a summary says of the feeds.

        Parameters
        ----------
        sensors : sequence of str
            Names, in the order that `sensor_id` counts.
        """
        return [
            {
                "feed": name,
                "state": FeedState(int(rows["state"][0])).name.lower(),
                **_plain(rows, "n_received", "n_plots", "n_scans", "n_north_marks", "n_sector_marks"),
                **_plain(rows, "n_refused", "n_lost", "n_shed", "t_last_ns"),
                "refused": {str(each["reason"]): int(each["n"]) for each in self.refused.get(name, ())},
                "clocks": {
                    sensors[sensor_id]: _plain(row, *(row.dtype.names or ())[2:])  # but for feed and sensor
                    for (feed, sensor_id), row in self.clocks.items()
                    if feed == name
                },
            }
            for name, rows in self.feeds.items()
        ]


def _plain(rows: Records, *names: str) -> dict[str, object]:
    values = {name: rows[name][0].item() for name in names}
    return {name: value if value == value else None for name, value in values.items()}  # noqa: PLR0124 NaN: not known
