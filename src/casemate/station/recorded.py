"""Recorded plots, or a journal, through the corridor into a run folder: what is told is a rehearsal, only logged."""

import hashlib
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from casemate.errors import JournalError, SettingsError
from casemate.io import journal, tables
from casemate.io.channels.areas import Place
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.desks import Desk, only_logged
from casemate.io.channels.stamps import REHEARSAL
from casemate.io.feeds.clock import StationClock
from casemate.io.recorder import check_writable
from casemate.pipeline import Plan
from casemate.runner import Origin, PacedClock, Progress, inputs_of, named, plan_of, record, terrain_of, with_ticks
from casemate.tracking.order import in_order


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
    origin = named(Origin(data="RECORDING", name=name, inputs=inputs))
    source = with_ticks(tables.scans(table, plan.site))
    desk = Desk(folder, AuditLog(folder), StationClock().now_ns, is_patient=True)
    place = Place(plan.site, plan.rounds, plan.frame(), terrain)
    teller = only_logged(REHEARSAL, place, origin.run, plan.hold_s(), desk)
    return record(
        source, plan, folder, origin, terrain=terrain, teller=teller, progress=progress, is_stopped=is_stopped
    )


def replay(
    run: pathlib.Path,
    folder: pathlib.Path,
    speed: float | None = None,
    progress: Progress | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    until: int | None = None,
    *,
    is_ordered: bool = False,
) -> dict[str, Any]:
    """Feed a run's journal through the pipeline again; return the summary, which is the run's own but for its times.

    Parameters
    ----------
    speed : float, optional
        Event time over real time; none means as fast as it can.
    until : int, optional
        Row of the journal to stop before; none means all of it.
    is_ordered : bool
        Whether inputs come as a perfect network had brought them: then the run is another one, and has no outcome.
    """
    path = run / "journal.sqlite"
    try:
        meta = journal.read_meta(path)
    except JournalError as error:
        raise SettingsError(str(run), "", f"holds no run that can be read: {error}") from error
    plan = msgspec.json.decode(meta["plan"], type=Plan)
    origin = msgspec.json.decode(meta["origin"], type=Origin)
    terrain = terrain_of(plan, run)
    inputs = journal.read_inputs(path, until)
    outcome, told = meta.get("outcome", "null"), meta.get("told", "null")
    if is_ordered:
        lag_s = plan.site.tracking.lag_s
        if not lag_s:
            raise SettingsError("--in-order", "", f"needs a lag, and the site of {run} has no tracking.lag_s")
        inputs, outcome, told = in_order(inputs, plan.sensors(), lag_s), "null", "null"
        origin = msgspec.structs.replace(origin, name=f"{origin.name}, in order")
    check_writable(folder)
    if progress:
        progress.start(*journal.read_span(path))
    return record(
        inputs,
        plan,
        folder,
        origin,
        terrain=terrain,
        # What became of a run was judged beside the truth, which a replay has no business with: it is handed on.
        outcome=lambda: msgspec.json.decode(outcome),
        told=msgspec.json.decode(told),  # once: a replay tells nobody
        clock=None if speed is None else PacedClock(speed),
        progress=progress,
        is_stopped=is_stopped,
    )
