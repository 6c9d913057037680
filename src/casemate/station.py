"""The real world, wired: recorded plots, or a journal, through the corridor into a run folder.

Knows nothing of the simulated wing; an import contract keeps it so.
"""

import hashlib
import pathlib
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from casemate.errors import JournalError, SettingsError
from casemate.io import journal, tables
from casemate.io.feeds.address import parse
from casemate.io.feeds.clock import PlayedClock, StationClock
from casemate.io.feeds.opening import open_feed
from casemate.io.recorder import check_writable
from casemate.pipeline import Plan
from casemate.runner import LiveSource, Origin, PacedClock, Progress, inputs_of, plan_of, record, terrain_of, with_ticks
from casemate.runner.loop import Sink
from casemate.runner.warm import warm


def track(
    plots: pathlib.Path,
    site_path: pathlib.Path,
    folder: pathlib.Path,
    progress: Progress | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run the live pipeline over recorded plots, of standard input where "-" is said; return the summary."""
    plan = plan_of(site_path)
    terrain = terrain_of(plan, site_path)
    if str(plots) == "-":
        content = sys.stdin.buffer.read()
        table = tables.read_plot_lines(content, plan.site)
        name, inputs = "stdin", {"stdin": hashlib.sha256(content).hexdigest(), **inputs_of(plan, site_path)}
    else:
        table = tables.read_plots(plots, plan.site)
        name, inputs = plots.stem, inputs_of(plan, plots, site_path)
    check_writable(folder)
    if progress:
        progress.start(table.t_first_ns, table.t_last_ns)
    origin = Origin(data="RECORDING", name=name, inputs=inputs)
    source = with_ticks(tables.scans(table, plan.site))
    return record(source, plan, folder, origin, terrain=terrain, progress=progress, is_stopped=is_stopped)


def serve(
    site_path: pathlib.Path,
    urls: Sequence[str],
    folder: pathlib.Path,
    for_s: float | None = None,
    sinks: Sequence[Sink] = (),
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run the pipeline on live feeds until stopped or all are over; return the summary.

    Parameters
    ----------
    urls : sequence of str
        The feeds. A recording (`file:`) keeps its own time and is therefore played alone.
    for_s : float, optional
        Stop after so long [s].
    """
    plan = plan_of(site_path)
    terrain = terrain_of(plan, site_path)
    is_played = _is_played(urls)
    clock = PlayedClock() if is_played else StationClock()
    check_writable(folder)
    warm(plan, terrain)
    feeds = [open_feed(url, plan.site, clock) for url in urls]
    end_s = None if for_s is None else time.monotonic() + for_s
    source = LiveSource(
        feeds,
        clock,
        lambda: is_stopped() or (end_s is not None and time.monotonic() >= end_s),
        is_played=is_played,
    )
    origin = Origin(data="RECORDING" if is_played else "LIVE", name=site_path.stem, inputs=inputs_of(plan, site_path))
    return record(source, plan, folder, origin, terrain=terrain, sinks=sinks)


def _is_played(urls: Sequence[str]) -> bool:
    if not urls:
        raise SettingsError("--feed", "", "is missing: a station needs at least one")
    played = [url for url in urls if parse(url).scheme == "file"]
    if played and len(urls) > 1:
        why = "keeps its own time, so it is played alone; `casemate send` plays it to a port, beside other feeds"
        raise SettingsError(played[0], "", why)
    for url in urls:
        if urls.count(url) > 1:
            raise SettingsError(url, "", "is named twice")
    return bool(played)


def replay(
    run: pathlib.Path,
    folder: pathlib.Path,
    speed: float | None = None,
    progress: Progress | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    until: int | None = None,
) -> dict[str, Any]:
    """Feed a run's journal through the pipeline again; return the summary, which is the run's own but for its times.

    Parameters
    ----------
    speed : float, optional
        Event time over real time; none means as fast as it can.
    until : int, optional
        Row of the journal to stop before; none means all of it.
    """
    path = run / "journal.sqlite"
    try:
        meta = journal.read_meta(path)
    except JournalError as error:
        raise SettingsError(str(run), "", f"holds no run that can be read: {error}") from error
    plan = msgspec.json.decode(meta["plan"], type=Plan)
    origin = msgspec.json.decode(meta["origin"], type=Origin)
    terrain = terrain_of(plan, run)
    check_writable(folder)
    if progress:
        progress.start(*journal.read_span(path))
    return record(
        journal.read_inputs(path, until),
        plan,
        folder,
        origin,
        terrain=terrain,
        # What became of a run was judged beside the truth, which a replay has no business with: it is handed on.
        outcome=lambda: msgspec.json.decode(meta.get("outcome", "null")),
        clock=None if speed is None else PacedClock(speed),
        progress=progress,
        is_stopped=is_stopped,
    )
