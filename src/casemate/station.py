"""The real world, wired: recorded plots, or a journal, through the corridor into a run folder.

Knows nothing of the simulated wing; an import contract keeps it so.
"""

import pathlib
from collections.abc import Callable
from typing import Any

import msgspec

from casemate.errors import JournalError, SettingsError
from casemate.io import journal, tables
from casemate.io.recorder import check_writable
from casemate.pipeline import Plan
from casemate.runner import Origin, PacedClock, Progress, inputs_of, plan_of, record, terrain_of, with_ticks


def track(
    plots: pathlib.Path,
    site_path: pathlib.Path,
    folder: pathlib.Path,
    progress: Progress | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run the live pipeline over recorded plots, as fast as it can; return the summary."""
    plan = plan_of(site_path)
    terrain = terrain_of(plan, site_path)
    table = tables.read_plots(plots, plan.site)
    check_writable(folder)
    if progress:
        progress.start(table.t_first_ns, table.t_last_ns)
    origin = Origin(data="RECORDING", name=plots.stem, inputs=inputs_of(plan, plots, site_path))
    source = with_ticks(tables.scans(table, plan.site))
    return record(source, plan, folder, origin, terrain=terrain, progress=progress, is_stopped=is_stopped)


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
