"""Source -> Pipeline -> Sinks: the only loop and the only clock.

Live, replay and rehearsal differ in what they hand to `record`; nothing in here knows which one it is.
"""

import hashlib
import pathlib
import platform
import signal
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Protocol

import msgspec
import numpy as np

from casemate import __version__
from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.io.journal import JournalWriter
from casemate.io.recorder import RunRecorder, write_summary
from casemate.model.messages import Aside, Events, Input, Scan, Tick, WarningLevel
from casemate.model.records import Refusal
from casemate.pipeline import Levels, Pipeline, Plan

Source = Iterable[Input]
"""Inputs in event time."""


class Sink(Protocol):
    """Takes every input with the events that it caused (None for an `Aside`)."""

    def take(self, message: Input, events: Events | None) -> None:
        """Take one input and its events."""
        ...


class Journal(Protocol):
    """Takes inputs before, and events after, their step."""

    def put(self, message: Input | Events) -> None:
        """Keep one message, in order."""
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


class Latency:
    """Percentiles of the step time in bounded memory: counts in bins a twentieth of a decade wide."""

    def __init__(self) -> None:
        self._edges_ns = np.logspace(3, 11, 161)
        self._counts = np.zeros(162, np.int64)
        self._max_ns = 0

    def add(self, step_ns: int) -> None:
        """Count one step."""
        self._counts[int(np.searchsorted(self._edges_ns, step_ns))] += 1
        self._max_ns = max(self._max_ns, step_ns)

    def percentile_ms(self, percent: float) -> float:
        """Return the upper edge [ms] of the bin that holds the percentile, 0 without steps."""
        total = int(self._counts.sum())
        if not total:
            return 0.0
        i = int(np.searchsorted(np.cumsum(self._counts), percent / 100.0 * total))
        return min(float(self._edges_ns[min(i, 160)]), float(self._max_ns)) / 1e6


_GAUGES = ("tracks_alive", "tracks_firm")  # how many there are, not how many came: the most is kept, not the sum


class Stats(msgspec.Struct):
    """What a run counted; `counts` depend on the input alone, the times on the machine."""

    counts: Counter[str] = msgspec.field(default_factory=Counter[str])
    refused: Counter[str] = msgspec.field(default_factory=Counter[str])
    diagnostics: Counter[str] = msgspec.field(default_factory=Counter[str])
    most: Counter[str] = msgspec.field(default_factory=Counter[str])
    t_first_ns: int | None = None
    t_last_ns: int | None = None
    is_stopped: bool = False
    wall_s: float = 0.0
    cpu_s: float = 0.0
    step_ms: dict[str, float] = msgspec.field(default_factory=dict[str, float])

    def note(self, message: Scan | Tick, events: Events) -> None:
        """Count one step."""
        self.t_first_ns = events.t_ns if self.t_first_ns is None else self.t_first_ns
        self.t_last_ns = events.t_ns
        self.counts["steps"] += 1
        if isinstance(message, Scan):
            self.counts["scans"] += 1
            self.counts["plots"] += len(message.plots)
        self.counts["impacts"] += len(events.impacts)
        for issued in events.warnings:
            first = issued.level is WarningLevel.WARN and not issued.supersedes
            self.counts["warnings" if first else f"warning_{'updates' if issued.level == 'warn' else 'clears'}"] += 1
        refusals = events.fates["refusal"]
        for code in refusals[refusals != Refusal.NONE]:
            self.refused[Refusal(code).name.lower()] += 1
        for name, n in events.diagnostics.items():
            if name in _GAUGES:
                self.most[name] = max(self.most[name], n)
            else:
                self.diagnostics[name] += n


def with_ticks(source: Source, period_ns: int = NS_PER_S) -> Iterator[Input]:
    """Put a `Tick` at every whole period that passes before a scan begins, so that silence is noticed too.

    A tick never lies inside a scan: its plots would come late.
    """
    due: int | None = None
    for message in source:
        if isinstance(message, Scan):
            due = message.t_start_ns // period_ns + 1 if due is None else due
            while due * period_ns < message.t_start_ns:
                yield Tick(t_ns=due * period_ns)
                due += 1
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
    """
    clock = clock or DataClock()
    stats, latency = Stats(), Latency()
    wall, cpu = time.perf_counter(), time.process_time()
    for message in source:
        if is_stopped():
            stats.is_stopped = True
            break
        journal.put(message)
        if isinstance(message, Aside):
            _give(sinks, message, None)
            continue
        clock.sleep_until(message.t_end_ns if isinstance(message, Scan) else message.t_ns)
        begin = time.perf_counter_ns()
        events = pipeline.step(message)
        latency.add(time.perf_counter_ns() - begin)
        journal.put(events)
        _give(sinks, message, events)
        stats.note(message, events)
        if progress:
            progress.advance(events.t_ns)
    stats.wall_s, stats.cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    stats.step_ms = {f"p{percent:g}": latency.percentile_ms(percent) for percent in (50.0, 99.0, 99.9)}
    return stats


def _give(sinks: list[Sink], message: Input, events: Events | None) -> None:
    for sink in sinks:
        sink.take(message, events)


def file_hash(path: pathlib.Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def plan_of(site_path: pathlib.Path) -> Plan:
    """Read a site file, and the profiles that it names, into a plan."""
    site = settings.read_site(site_path)
    air, wind = settings.read_profiles(site_path, site.environment)
    return Plan(site=site, rounds=settings.read_rounds(), air=Levels.of(air), wind=Levels.of(wind))


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run's inputs come from: kept in its journal, so that a replay says the same."""

    data: str  # SIMULATION or RECORDING
    name: str
    inputs: dict[str, str]  # name of an input -> SHA-256 of its bytes
    seed: int | None = None


def record(
    source: Source,
    plan: Plan,
    folder: pathlib.Path,
    origin: Origin,
    *,
    sinks: Sequence[Sink] = (),
    outcome: Callable[[], Any] = lambda: None,
    clock: Clock | None = None,
    progress: Progress | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run a source through a plan's pipeline into a run folder and return its summary.

    Whatever ends the run, the folder holds all whole steps up to there.

    Parameters
    ----------
    sinks : sequence of Sink
        Served after the folder, in order.
    outcome : callable
        Asked once at the end for what became of the run; kept in the journal and the summary.
    """
    pipeline = Pipeline(plan)
    encode = msgspec.json.encode
    meta = {"plan": encode(plan).decode(), "origin": encode(origin).decode()}
    recorder = RunRecorder(folder, plan.site, tuple(body.name for body in plan.rounds))
    journal = JournalWriter(folder / "journal.sqlite", meta)
    try:
        stats = run(source, pipeline, [recorder, *sinks], journal, clock, progress, is_stopped)
        result = msgspec.to_builtins(outcome())
        journal.note("outcome", encode(result).decode())
    finally:
        recorder.close()
        journal.close()
    summary = {
        **msgspec.to_builtins(origin),
        "site": plan.site.site.name,
        "is_whole": not stats.is_stopped,
        "t_first_ns": stats.t_first_ns,
        "t_last_ns": stats.t_last_ns,
        "counts": dict(stats.counts),
        "refused": dict(stats.refused),
        "diagnostics": dict(stats.diagnostics),
        "most_at_once": dict(stats.most),
        "false_tracks_per_hour": pipeline.false_tracks_per_hour,
        "outcome": result,
        "versions": _versions(),
        "timing": {"wall_s": stats.wall_s, "cpu_s": stats.cpu_s, "step_ms": stats.step_ms},
    }
    write_summary(folder, summary)
    return summary


def _versions() -> dict[str, str]:
    packages = ("numpy", "numba", "pyarrow", "scipy")
    return {"casemate": __version__, "python": platform.python_version()} | {name: version(name) for name in packages}
