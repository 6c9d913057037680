"""What a person sees in the terminal: progress, tables, one clear message while kernels compile."""

import math
import pathlib
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from casemate.constants import NS_PER_S
from casemate.runner import stop_on_signal as stop_flag

if TYPE_CHECKING:  # their rooms import what a help text must not wait for
    from casemate.cli.exports import Retold
    from casemate.io.doctor import Check
    from casemate.io.feeds.asterix import Imported
    from casemate.io.feeds.asterix.export import Exported
    from casemate.model.coverage import Coverage
    from casemate.model.flight import FlightResult, Mark
    from casemate.study.verification import Verification

__all__ = ["Bar", "Steps", "compiling", "covered", "examined", "flown", "imported", "outcome", "stop_flag", "verified"]

OUT = Console() if Console().is_terminal else Console(width=140)  # a pipe or a file has no width of its own
ERR = Console(stderr=True)


@contextmanager
def compiling(purpose: str) -> Generator[None]:
    """Say once that kernels are compiled, and remember when they have been."""
    from casemate import kernels

    folder = kernels.cache_folder()
    mark = folder / f"compiled-{purpose}"
    if mark.exists():
        yield
        return
    ERR.print(f"compiling kernels, once, into {folder}: about a minute", soft_wrap=True, highlight=False)
    yield
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as error:
        ERR.print(f"kernels cannot be kept in {folder} ({error.strerror}): they are compiled at every start")


class Bar:
    """A progress bar over event time on standard error, shown only on a terminal."""

    def __init__(self, title: str) -> None:
        columns = (TextColumn(title), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[clock]}"))
        self._progress = Progress(*columns, TimeRemainingColumn(), console=ERR, disable=not ERR.is_terminal)
        self._task = self._progress.add_task(title, total=None, clock="")
        self._first_ns = 0
        self._shown = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def start(self, t_first_ns: int, t_last_ns: int) -> None:
        """Say what the bar spans."""
        self._first_ns = t_first_ns
        self._progress.update(self._task, total=max(t_last_ns - t_first_ns, 1))

    def advance(self, t_ns: int) -> None:
        """Move the bar, ten times a second at most."""
        now = time.monotonic()
        if now - self._shown < 0.1:
            return
        self._shown = now
        done = t_ns - self._first_ns
        self._progress.update(self._task, completed=done, clock=f"{done / NS_PER_S:.0f} s")


def outcome(summary: dict[str, Any], folder: pathlib.Path, picture: pathlib.Path) -> None:
    """Print what became of a run."""
    table = Table(title=f"{summary['name']}  ({summary['data']})", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    for row in [*_count_rows(summary), *_outcome_rows(summary["outcome"]), *_speed_rows(summary)]:
        table.add_row(*row)
    OUT.print(table)
    OUT.print(f"run folder  {folder}\npicture     {picture}", soft_wrap=True, highlight=False)


Row = tuple[str, str, str]


def _count_rows(summary: dict[str, Any]) -> list[Row]:
    counts, refused = summary["counts"], summary["refused"]
    rows = [("plots", f"{counts.get('plots', 0):,}", f"in {counts.get('scans', 0):,} scans")]
    if refused:
        reasons = ", ".join(f"{reason.replace('_', ' ')} {n:,}" for reason, n in sorted(refused.items()))
        rows.append(("plots refused", f"{sum(refused.values()):,}", reasons))
    unknown = counts["tracks_without_height"]
    note = f"height unknown: {unknown:,}, no impact is predicted for them" if unknown else ""
    rows.append(("tracks confirmed", f"{counts['tracks_confirmed']:,}", note))
    changes = f"{counts.get('warning_updates', 0):,} updates, {counts.get('warning_clears', 0):,} all clear"
    rows.append(("zone warnings", f"{counts.get('warnings', 0):,}", changes if counts.get("warnings") else ""))
    return [*rows, *_sensor_rows(summary["sensors"]), *_channel_rows(summary.get("told"))]


def _channel_rows(told: dict[str, Any] | None) -> list[Row]:
    """Return a row for each channel that is not as it should be, or that told something."""
    rows: list[Row] = []
    for each in told["channels"] if told else ():
        lost = {what: each[f"n_{what}"] for what in ("expired", "refused", "overflowed", "held", "waiting")}
        lost = {what: n for what, n in lost.items() if n}
        if each["n_offered"] or each["why"]:
            said = [f"{n:,} {what}" for what, n in lost.items()] + ([each["why"]] if each["why"] else [])
            rows.append((f"channel {each['channel']}", f"{each['n_sent']:,} of {each['n_offered']:,}", "; ".join(said)))
    return rows


def _sensor_rows(sensors: dict[str, dict[str, Any]]) -> list[Row]:
    # one that was well all the time is no news
    ill = {name: each for name, each in sensors.items() if each["state"] != "ok" or each["lost"]}
    rows = [
        (f"sensor {name}", each["state"], f"{each['reason']}; lost {each['lost']:,} times")
        for name, each in ill.items()
    ]
    return rows or [("sensors", f"{len(sensors):,}", "never silent")]


def _outcome_rows(result: dict[str, Any] | None) -> list[Row]:
    if result is None:
        return []
    from casemate.sim.outcome import Outcome

    return [(what, how_much, "") for what, how_much in msgspec.convert(result, Outcome).table()]


def _speed_rows(summary: dict[str, Any]) -> list[Row]:
    if summary["t_first_ns"] is None:
        return []
    span_s = (summary["t_last_ns"] - summary["t_first_ns"]) / NS_PER_S
    timing = summary["timing"]
    step = timing["step_ms"]
    speed = span_s / timing["wall_s"] if timing["wall_s"] else 0.0
    return [
        ("time", f"{span_s:,.0f} s", f"in {timing['wall_s']:.1f} s, {speed:,.0f} times real time"),
        ("pipeline step", f"{step['p50']:.2f} ms", f"half of them; 99 % {step['p99']:.1f} ms"),
    ]


def flown(result: "FlightResult", file: pathlib.Path) -> None:
    """Print the figures of a flight."""
    table = Table(title=escape(f"{result.name}  ({result.body})"), title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    for row in [*_climb_rows(result), *_fall_rows(result)]:
        table.add_row(*row)
    OUT.print(table)
    factor = "" if result.drag_factor == 1.0 else f" times {result.drag_factor:g}"
    for line in (
        f"model       {result.model}",
        f"drag curve  {result.drag_digest}{factor}, within {result.cd_node_error:.1e} of its table",
        f"written to  {file}",
    ):
        OUT.print(line, soft_wrap=True, highlight=False, markup=False)


def _climb_rows(result: "FlightResult") -> list[Row]:
    def where(mark: "Mark") -> str:
        return f"after {mark.t_s:.2f} s, {math.hypot(mark.ground_range_m, mark.cross_range_m):,.0f} m away"

    powered = (("rail exit", result.rail_exit), ("burnout", result.burnout))
    rows = [
        (name, f"{mark.speed_mps:,.1f} m/s", f"Mach {mark.mach:.3f}, {where(mark)}")
        for name, mark in powered
        if mark is not None
    ]
    apex, climb_m = result.apex, result.apex.height_m - result.start.height_m
    rows.append(("apex", f"{apex.height_m:,.1f} m", f"above sea level, {climb_m:,.1f} m over the start"))
    rows.append(("", "", where(apex)))
    return rows


def _fall_rows(result: "FlightResult") -> list[Row]:
    impact, side = result.impact, _side(result.deflection_m)
    lat, lon = "N" if impact.lat_deg >= 0.0 else "S", "E" if impact.lon_deg >= 0.0 else "W"
    rows = [
        (
            "range",
            f"{result.ground_range_m:,.1f} m",
            f"along the ellipsoid, to {impact.height_m:,.1f} m above sea level",
        ),
        ("time of flight", f"{result.flight_s:.3f} s", ""),
        ("speed at impact", f"{impact.speed_mps:.1f} m/s", f"Mach {impact.mach:.3f}"),
        ("angle of fall", f"{result.fall_angle_deg:.2f}°", "below the horizon"),
        ("impact", f"{abs(impact.lat_deg):.6f}° {lat}", f"{abs(impact.lon_deg):.6f}° {lon}"),
        ("deflection", f"{abs(result.deflection_m):,.1f} m", f"to the {side} of the plane of the start"),
    ]
    if result.drift_m is not None:
        rows.append(("drift by spin", f"{abs(result.drift_m):,.1f} m", f"to the {_side(result.drift_m)}"))
    if result.yaw_of_repose_deg is not None:
        rows.append(("yaw of repose", f"{result.yaw_of_repose_deg:.2f}°", "at most"))
    if result.fast_kernel_miss_m is not None:
        note = "from it to the impact that the live pipeline's model finds"
        rows.append(("fast kernel", f"{1e3 * result.fast_kernel_miss_m:.2g} mm", note))
    rows.append(("Mach range", f"{result.mach[0]:.3f} to {result.mach[1]:.3f}", "through the air"))
    return rows


def _side(cross_m: float) -> str:
    return "right" if cross_m >= 0.0 else "left"


def imported(result: "Imported", path: pathlib.Path) -> None:
    """Print what an import kept and refused."""
    others = f"; {result.n_system_tracks:,} reports of system tracks" if result.n_system_tracks else ""
    table = Table(title=f"{result.n_plots:,} plots written to {path}{others}", title_justify="left")
    for title in ("refused because", "count", "first at byte"):
        table.add_column(title, justify="left" if title == "refused because" else "right")
    for refusal in result.refused:
        table.add_row(refusal.reason, f"{refusal.count:,}", f"{refusal.first_offset:,}")
    OUT.print(table if result.refused else table.title, soft_wrap=True)


def exported(result: "Exported", folder: pathlib.Path) -> None:
    """Print what an export wrote, as whom, and what it left out."""
    for name, n in result.files.items():
        OUT.print(f"{n:,} plots written to {folder / name}", soft_wrap=True)
    OUT.print("sources: " + ", ".join(f"{name} is {source}" for name, source in result.sources.items()), soft_wrap=True)
    for each in result.left_out:
        OUT.print(f"left out: {each.count:,}, {each.reason}", soft_wrap=True)


def retold(result: "Retold", folder: pathlib.Path) -> None:
    """Print what an export of what was told wrote."""
    OUT.print(f"{result.notices:,} notices, {result.tracks:,} tracks, as an exercise", soft_wrap=True)
    OUT.print(f"{result.files:,} files written to {folder}", soft_wrap=True)


def verified(result: "Verification") -> None:
    """Print error beside tolerance, a row per check."""
    table = Table(title="models against reference sets", title_justify="left")
    for title in ("set", "case", "quantity", "samples", "error", "tolerance", "unit", ""):
        table.add_column(title, justify="right" if title in {"samples", "error", "tolerance"} else "left")
    for check in result.checks:
        inside = "[green]inside[/]" if check.is_inside else "[red]OUT[/]"
        numbers = (f"{check.n:,}", f"{check.error:.4g}", f"{check.tolerance:.4g}")
        table.add_row(check.set, check.case, check.quantity, *numbers, check.unit, inside)
    OUT.print(table)
    for solved in result.assignments:
        how = "proven optimal" if solved.is_optimal else solved.cut
        line = f"{solved.case}: value {solved.value:.6f}, bound {solved.bound:.6f}, gap {solved.gap:.2g}"
        OUT.print(f"{line}, {solved.time_s:.1f} s: {how}", soft_wrap=True, highlight=False)
    for stranger in (*result.outside_model, *result.not_recognised):
        OUT.print(stranger, soft_wrap=True, highlight=False)


class Steps:
    """A progress bar over steps of a study on standard error, shown only on a terminal."""

    def __init__(self, title: str) -> None:
        columns = (TextColumn(title), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=ERR, disable=not ERR.is_terminal)
        self._task = self._progress.add_task(title, total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        """Say how many steps of how many are done."""
        self._progress.update(self._task, completed=done, total=total)


def covered(found: "Coverage", file: pathlib.Path) -> None:
    """Print when a site's radars see rounds of a class, and the gaps."""
    title = f"{found.site}: {found.round_class} of {found.rcs_dbsm:g} dBsm"
    title += f", {found.n_plots} plots with probability {found.p_seen:g}"
    table = Table(title=title, title_justify="left")
    table.add_column("zone")
    table.add_column("arc")
    for name in ("needed", "in time", "least", "median"):
        table.add_column(name, justify="right")
    for zone in found.zones:
        times = ["never" if t_s is None else f"{t_s:.1f} s" for t_s in (zone.least_s, zone.median_s)]
        share = f"{zone.n_in_time} of {zone.n_arrivals}"
        share = share if zone.n_in_time == zone.n_arrivals else f"[yellow]{share}[/]"
        table.add_row(escape(zone.zone), zone.arc, f"{zone.needed_s:.0f} s", share, *times)
    OUT.print(table)
    OUT.print("least, median: from the last of these plots to the impact; needed: to take cover, and for the alarm")
    OUT.print("gaps:" if found.gaps else "no gaps", style="bold")
    for gap in found.gaps:
        OUT.print(f"  {escape(gap.sentence())}", soft_wrap=True, highlight=False)
    OUT.print(f"map  {file}", soft_wrap=True, highlight=False)


def examined(checks: "Sequence[Check]") -> None:
    """Print what the doctor found."""
    table = Table(title="casemate doctor", title_justify="left")
    for title in ("what", "state", "found"):
        table.add_column(title)
    for check in checks:
        state = "[green]well[/]" if check.is_well else "[red]missing[/]" if check.is_needed else "[yellow]absent[/]"
        table.add_row(escape(check.name), state, escape(check.found))
    OUT.print(table)
