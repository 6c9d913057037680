"""The loop: every input journalled, stepped, and handed with its events to the sinks, in that order."""

import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from casemate.constants import NS_PER_S
from casemate.errors import InvariantError
from casemate.model.messages import TICK_NS, Aside, Events, Input, Scan, Tick
from casemate.runner.counters import Latency, Stats, TrackTally

Source = Iterable[Input]
"""Inputs in event time."""


SILENCE_NS = 600 * NS_PER_S
"""Ten minutes: no round flies that long (130 km takes five), no track coasts a tenth of it."""


class Sink(Protocol):
    """Takes every input with the events that it caused (None for an `Aside`)."""

    def take(self, message: Input, events: Events | None) -> None:
        """Take one input and its events."""
        ...


class Journal(Protocol):
    """Takes inputs before, and events after, their step."""

    def put(self, message: Input | Events) -> int:
        """Keep one message, in order; returns its row's number."""
        ...


class Stages(Protocol):
    """The pipeline, by shape."""

    def step(self, message: Scan | Tick) -> Events:
        """Take one input through every stage."""
        ...


class Clock(Protocol):
    """What paces a run: a data clock does not wait, a paced one does."""

    def sleep_until(self, t_ns: int) -> None:
        """Return when event time `t_ns` is due."""
        ...


class DataClock:
    """As fast as it can."""

    def sleep_until(self, t_ns: int) -> None:
        """Do not wait."""


class PacedClock:
    """Event time at `speed` times real time, counted from the first input."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._origin: tuple[int, int] | None = None

    def sleep_until(self, t_ns: int) -> None:
        """Wait until event time `t_ns` is due."""
        now = time.monotonic_ns()
        if self._origin is None:
            self._origin = (t_ns, now)
        t0_ns, start = self._origin
        wait_s = ((t_ns - t0_ns) / self._speed - (now - start)) / NS_PER_S
        if wait_s > 0.0:
            time.sleep(wait_s)


def with_ticks(source: Source, period_ns: int = TICK_NS) -> Iterator[Input]:
    """Put a `Tick` at every whole period that passes before a scan begins, so that silence is noticed too.

    A tick never lies inside a scan: its plots would come late. Of a silence beyond `SILENCE_NS` the rest has none:
    nothing is left that time could change, and one plot with a wrong year would take years of ticks.
    """
    n_most = SILENCE_NS // period_ns
    due: int | None = None
    for message in source:
        if isinstance(message, Scan):
            next_due = -(-message.t_start_ns // period_ns)
            due = message.t_start_ns // period_ns + 1 if due is None else due
            for k in range(due, min(next_due, due + n_most)):
                yield Tick(t_ns=k * period_ns)
            due = max(due, next_due)
        yield message


@contextmanager
def stop_on_signal() -> Generator[Callable[[], bool]]:
    """Turn Ctrl-C and a polite kill into a flag that is read between two steps, so that every step is whole."""
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        if seen:  # asked twice: the user means it
            raise KeyboardInterrupt
        seen.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Progress(Protocol):
    """Shows how far a run has come."""

    def start(self, t_first_ns: int, t_last_ns: int) -> None:
        """Say what the run spans."""
        ...

    def advance(self, t_ns: int) -> None:
        """Say how far it has come."""
        ...


def run(
    source: Source,
    pipeline: Stages,
    sinks: list[Sink],
    journal: Journal,
    clock: Clock | None = None,
    progress: Progress | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Stats:
    """Run a source dry through the pipeline.

    Every input is handed to the journal before its step. The sinks get the events before the source is asked
    for more: that closes the loop of a rehearsal.

    Parameters
    ----------
    progress : Progress, optional
        Told the event time [ns] after every step.
    is_stopped : callable
        Asked between steps; true ends the run after a whole step.

    Raises
    ------
    InvariantError
        A step broke, with the journal's row of its input; nothing was written after that row.
    """
    clock = clock or DataClock()
    stats, latency, tally = Stats(), Latency(), TrackTally()
    wall, cpu = time.perf_counter(), time.process_time()
    for message in source:
        if is_stopped():
            stats.is_stopped = True
            break
        row = journal.put(message)
        if isinstance(message, Aside):
            _give(sinks, message, None)
            continue
        clock.sleep_until(_time_of(message))
        begin = time.perf_counter_ns()
        events = _step(pipeline, message, row)
        latency.add(time.perf_counter_ns() - begin)
        journal.put(events)
        _give(sinks, message, events)
        stats.note(message, events)
        tally.add(events.tracks)
        if progress:
            progress.advance(events.t_ns)
    stats.counts.update(tally.counts())
    stats.wall_s, stats.cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    stats.step_ms = {f"p{percent:g}": latency.percentile_ms(percent) for percent in (50.0, 99.0, 99.9)}
    return stats


def _step(pipeline: Stages, message: Scan | Tick, row: int) -> Events:
    # A step takes any input, so whatever it raises is a fault of ours: it ends the run at a place that can be named.
    try:
        return pipeline.step(message)
    except InvariantError as error:
        raise InvariantError(error.what, row, _time_of(message)) from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise InvariantError(what, row, _time_of(message)) from error


def _time_of(message: Scan | Tick) -> int:
    return message.t_end_ns if isinstance(message, Scan) else message.t_ns


def _give(sinks: list[Sink], message: Input, events: Events | None) -> None:
    for sink in sinks:
        sink.take(message, events)
