"""The picture of a run: a map, and altitude over time, drawn from its run folder alone."""
# matplotlib leaves its keyword arguments untyped, in nearly every call:
# pyright: reportUnknownMemberType=false

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.io import journal
from casemate.io.chart import (
    ASSET,
    COLOURS,
    EARTH_M,
    FAINT,
    GROUND_M,
    INK,
    OPEN_CLASS,
    OTHER_COLOUR,
    PAPER,
    QUIET,
    WARNED,
    Line,
    column,
    draw_legend,
    draw_map,
    lines_of,
)
from casemate.io.profile import StrPath
from casemate.io.run_folder import RunTables, read_run
from casemate.io.settings import NOT_A_ROUND
from casemate.model.catalog import SiteFile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class _Plan(msgspec.Struct):
    """What the picture needs of the plan in the journal."""

    site: SiteFile


def draw_run(folder: StrPath, path: StrPath) -> None:
    """Draw a finished run folder as a PNG.

    Raises
    ------
    SettingsError
        The folder holds no finished run.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    run, site = read_run(folder, is_brief=True), site_of(Path(folder))
    figure = Figure(figsize=(14.0, 8.0), dpi=120, facecolor=PAPER)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        1, 2, width_ratios=(1.15, 1.0), left=0.055, right=0.975, top=0.86, bottom=0.19, wspace=0.16
    )
    chart, sky = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    lines = list(lines_of(run))
    classes = sorted({line.round_class for line in lines} - {NOT_A_ROUND, OPEN_CLASS})
    colour_of = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate([OPEN_CLASS, *classes])}
    colour_of[NOT_A_ROUND] = OTHER_COLOUR
    draw_map(chart, run, site, lines, colour_of)
    _draw_sky(sky, run, lines, colour_of)
    _draw_words(figure, chart, sky, run, site)
    figure.savefig(str(path), metadata={"Software": None})


def site_of(folder: Path) -> SiteFile | None:
    """Return the site that a run folder's journal names, None where there is none."""
    path = folder / "journal.sqlite"
    plan = journal.read_meta(path).get("plan") if path.is_file() else None
    return None if plan is None else msgspec.json.decode(plan, type=_Plan).site


def _draw_sky(sky: "Axes", run: RunTables, lines: Sequence[Line], colour_of: dict[str, str]) -> None:
    t0_ns = _start_ns(run)
    for line in lines:
        if np.isfinite(line.height_m).any():
            sky.plot((line.t_ns - t0_ns) / NS_PER_S, line.height_m, color=colour_of[line.round_class], lw=1.4)
    n_unknown = sum(not np.isfinite(line.height_m).any() for line in lines)
    sky.set_ylim(bottom=0.0)
    _draw_warnings(sky, run, t0_ns)
    if n_unknown or not lines:
        words = f"height unknown for {n_unknown} of {len(lines)} confirmed tracks" if lines else "no confirmed track"
        sky.text(0.02, 0.03, words, transform=sky.transAxes, color=QUIET, fontsize=10, zorder=9)
    sky.set_xlabel(f"time since {_clock(t0_ns)} UTC [s]")
    sky.set_ylabel("height over the ground [m]")
    sky.grid(color="#e4e7eb", lw=0.6)


def _draw_warnings(sky: "Axes", run: RunTables, t0_ns: int) -> None:
    """Draw a line per zone when it is warned and when it is told all clear."""
    rows = run.warnings.to_pylist()
    marks = [
        *((row, WARNED, "-", "warning") for row in rows if row["level"] == "warn" and row["supersedes"] is None),
        *((row, ASSET, ":", "all clear") for row in rows if row["level"] == "clear"),
    ]
    told: set[str] = set()
    for i, (row, colour, style, word) in enumerate(marks):
        t_s = (row["t_ns"] - t0_ns) / NS_PER_S
        sky.axvline(t_s, color=colour, ls=style, lw=1.2, alpha=0.8, label="" if word in told else word)
        told.add(word)
        if word == "warning" and len(marks) <= 24:
            sky.annotate(
                row["zone"],
                (t_s, 0.985 - 0.05 * (i % 6)),
                xycoords=("data", "axes fraction"),
                xytext=(3, 0),
                textcoords="offset points",
                fontsize=8,
                color=colour,
                va="top",
                bbox={"boxstyle": "round,pad=0.15", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.8},
                zorder=8,
            )
    draw_legend(sky, 2)


def _draw_words(figure: "Figure", chart: "Axes", sky: "Axes", run: RunTables, site: SiteFile | None) -> None:
    name = run.summary.get("name", "run")
    place = "" if site is None else f"  ·  {site.site.name}"
    figure.text(0.055, 0.945, f"{name}{place}", fontsize=17, fontweight="bold", color=INK)
    figure.text(0.055, 0.905, _outcome_line(run), fontsize=11, color=QUIET)
    for axes in (chart, sky):
        axes.tick_params(colors=QUIET, labelsize=9)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(FAINT)
    if run.summary.get("data") == "SIMULATION":
        badge = {"boxstyle": "round,pad=0.45", "facecolor": "#fde68a", "edgecolor": "#b45309"}
        figure.text(0.975, 0.945, "SIMULATION", ha="right", fontsize=13, fontweight="bold", color="#7c2d12", bbox=badge)


def _outcome_line(run: RunTables) -> str:
    """Say in a line what the run came to; counted from its tables."""
    status, ids = column(run.tracks, "status"), column(run.tracks, "track_id")
    n_confirmed = len(np.unique(ids[status == "confirmed"]))
    rows = run.warnings.to_pylist()
    first = [row for row in rows if row["level"] == "warn" and row["supersedes"] is None]
    zones = {row["zone"] for row in first}
    words = [_count(run.plots.num_rows, "plot"), _count(n_confirmed, "confirmed track")]
    words.append(f"{_count(len(first), 'warning')} in {_count(len(zones), 'zone')}" if first else "no warning")
    n_late = sum(not row["is_useful"] for row in first)
    if n_late:
        words.append(f"{n_late} too late to be useful")
    if "truth" in run.asides:
        truth = run.asides["truth"]
        is_end = ~column(truth, "is_alive").astype(bool)
        e_m, n_m, u_m = (column(truth, name)[is_end] for name in ("e_m", "n_m", "u_m"))
        is_down = u_m + (e_m**2 + n_m**2) / (2.0 * EARTH_M) < GROUND_M
        n_down = int(np.count_nonzero(is_down))
        words.append(f"{_count(len(is_down), 'round')}: {n_down} came down, {len(is_down) - n_down} destroyed")
    return "   ·   ".join(words)


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def _start_ns(run: RunTables) -> int:
    times = [column(table, "t_ns") for table in (run.plots, run.tracks) if table.num_rows]
    return min((int(each.min()) for each in times), default=0)


def _clock(t_ns: int) -> str:
    return str(np.datetime_as_string(np.datetime64(t_ns, "ns"), unit="s")).replace("T", " ")
