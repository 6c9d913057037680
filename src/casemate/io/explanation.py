"""Why a zone was told what it was told: the warning's own numbers, and the plots that its tracks were made of."""

import math
from pathlib import Path
from typing import Any

import msgspec

from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.io.profile import StrPath
from casemate.io.run_folder import RunTables, read_run

CHI2_90 = -2.0 * math.log(0.1)
"""Chi-square of two degrees of freedom that holds 90 %: 4.605."""


class Ellipse(msgspec.Struct, frozen=True, kw_only=True):
    """The ellipse that holds 90 % of where one round comes down: middle, half axes, bearing of the long one."""

    e_m: float
    n_m: float
    long_m: float
    short_m: float
    bearing_deg: float


_MADE = frozenset({"tracks", "incident", "zone_list"})  # of an explanation: not in the row of its warning


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """One track that counted: what was known of it, and from which plots."""

    track_id: int
    round_class: str
    p_hit: float
    p_round: float
    lead_s: float
    sigma_t_s: float
    ellipse: Ellipse
    n_plots: int  # that updated it up to the warning
    sensors: dict[str, int]  # of them by sensor
    first_plot_s: float  # before the warning
    last_plot_s: float


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A warning with all that led to it."""

    warning_id: int
    incident_id: int
    supersedes: int | None
    zone: str
    zone_list: str | None  # version of the list that the zone is of; None: the run is of a Casemate that kept none
    phase: str
    level: str
    t_ns: int
    lead_s: float | None
    p_impact: float
    is_useful: bool
    reason: str
    benefit: float | None
    cost: float | None
    would_change: str
    tracks: tuple[Counted, ...]
    incident: tuple[str, ...]  # every message of the same alarm, in order


def explain(folder: StrPath, warning_id: int) -> tuple[Explanation, RunTables]:
    """Explain a warning of a finished run; return that and the run's tables.

    Raises
    ------
    SettingsError
        The run cannot be read, it has no such warning, or it is of a Casemate that kept no causes.
    """
    run = read_run(folder, is_brief=True)
    path = str(Path(folder) / "warnings.parquet")
    if "causes" not in run.warnings.schema.names:
        raise SettingsError(path, "causes", "is missing: an older Casemate ran it; `casemate replay` makes it again")
    rows: list[dict[str, Any]] = run.warnings.to_pylist()
    found = [row for row in rows if row["warning_id"] == warning_id]
    if not found:
        known = f"there are 1 to {len(rows)}" if rows else "nobody was warned"
        raise SettingsError(path, "warning_id", f"has no {warning_id}: {known}")
    row = found[0]
    plots = _plots_of(run, row)
    mine = [each for each in rows if each["incident_id"] == row["incident_id"]]
    copied = {name: row[name] for name in Explanation.__struct_fields__ if name not in _MADE}
    found_out = Explanation(
        **copied,
        zone_list=run.summary.get("zone_list"),
        tracks=tuple(_counted(cause, plots, row["t_ns"]) for cause in row["causes"]),
        incident=tuple(f"{each['warning_id']} {each['phase']}: {each['reason']}" for each in mine),
    )
    return found_out, run


def _plots_of(run: RunTables, warning: dict[str, Any]) -> list[dict[str, Any]]:
    """Return time, sensor and track of the plots that its tracks were made of, up to a warning."""
    causes = [cause["track_id"] for cause in warning["causes"]]
    times, sensors, ids = (run.plots[name].to_pylist() for name in ("t_ns", "sensor", "track_id"))
    return [
        {"t_ns": t_ns, "sensor": sensor, "track_id": track_id}
        for t_ns, sensor, track_id in zip(times, sensors, ids, strict=True)
        if track_id in causes and t_ns <= warning["t_ns"]
    ]


def _counted(cause: dict[str, Any], plots: list[dict[str, Any]], t_ns: int) -> Counted:
    own = [plot for plot in plots if plot["track_id"] == cause["track_id"]]
    names = sorted({str(plot["sensor"]) for plot in own})
    ages_s = [(t_ns - int(plot["t_ns"])) / NS_PER_S for plot in own]
    return Counted(
        **{name: cause[name] for name in ("track_id", "round_class", "p_hit", "p_round", "sigma_t_s")},
        lead_s=(cause["t_impact_ns"] - t_ns) / NS_PER_S,
        ellipse=_ellipse(cause),
        n_plots=len(own),
        sensors={name: sum(plot["sensor"] == name for plot in own) for name in names},
        first_plot_s=max(ages_s, default=math.nan),
        last_plot_s=min(ages_s, default=math.nan),
    )


def _ellipse(cause: dict[str, Any]) -> Ellipse:
    ee, en, nn = (float(cause[f"cov_{name}_m2"]) for name in ("ee", "en", "nn"))
    middle, half = (ee + nn) / 2.0, math.hypot((ee - nn) / 2.0, en)
    bearing_rad = 0.5 * math.atan2(2.0 * en, nn - ee)  # of the long axis, clockwise from north
    return Ellipse(
        e_m=cause["e_m"],
        n_m=cause["n_m"],
        long_m=math.sqrt(max(middle + half, 0.0) * CHI2_90),
        short_m=math.sqrt(max(middle - half, 0.0) * CHI2_90),
        bearing_deg=math.degrees(bearing_rad) % 180.0,
    )
