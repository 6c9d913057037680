"""The map of a coverage study: where rounds are when they are tracked, and how long before their impact, by bearing."""
# matplotlib leaves its keyword arguments untyped, in nearly every call:
# pyright: reportUnknownMemberType=false

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.io.chart import FAINT, INK, PAPER, QUIET
from casemate.model.catalog import SiteFile
from casemate.model.coverage import Arrival, Coverage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

LEVELS: Final = ((0.0, "#7f1d1d", "never tracked"), (1.0, "#ea580c", "too late"), (2.0, "#facc15", "in time"))
"""Where the time before the impact, as a multiple of the time that is needed, is below: its colour and word."""
AMPLE: Final = ("#15803d", "twice the time needed")

_EDGE_KM = 1.15  # the frame reaches this far beyond what it must show


def draw_coverage(found: Coverage, site: SiteFile, file: Path) -> None:
    """Write the map as a PNG or SVG, by the name's suffix.

    Raises
    ------
    SettingsError
        The name has another suffix, or the file cannot be written; what stood there stays as it was.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_map(file)
    figure = Figure(figsize=(15.0, 8.2), dpi=120, facecolor=PAPER)
    FigureCanvasAgg(figure)
    figure.suptitle(_headline(found), x=0.02, ha="left", fontsize=12.5, color=INK)
    _draw_map(figure.add_axes((0.05, 0.13, 0.44, 0.77)), found, site)
    for arc, left in (("flat", 0.53), ("high", 0.775)):
        _draw_clock(figure.add_axes((left, 0.3, 0.2, 0.5), projection="polar"), found, arc)
    _draw_key(figure)
    figure.text(0.53, 0.1, _words(found), fontsize=9.5, color=INK, va="center", linespacing=1.5)
    part = file.with_name(f".{file.name}.part{file.suffix.lower()}")
    try:
        figure.savefig(part)
        part.replace(file)
    except OSError as error:
        raise SettingsError(str(file), "", f"cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def check_map(file: Path) -> None:
    """Raise a SettingsError where a map cannot be written: an unknown suffix, or no such folder."""
    if file.suffix.lower() not in {".png", ".svg"}:
        raise SettingsError(str(file), "", "is neither .png nor .svg")
    if not file.parent.is_dir():
        raise SettingsError(str(file), "", "cannot be written: its folder does not exist")


def _headline(found: Coverage) -> str:
    return (
        f"{found.site}: where {found.round_class} ({found.rcs_dbsm:g} dBsm) is tracked, "
        f"{found.n_plots} plots with probability {found.p_seen:g}"
    )


def _words(found: Coverage) -> str:
    n, k = sum(zone.n_arrivals for zone in found.zones), sum(zone.n_in_time for zone in found.zones)
    return (
        f"{k:,} of {n:,} arrivals are tracked in time for their zone to take cover.\n"
        "Discs: bearing from which a round arrives, and the ground range it comes over. Map: where it is when it\n"
        "is tracked. Both for the zone that is left the least time to spare."
    )


def _colour(times_needed: float) -> str:
    if times_needed <= 0.0:
        return LEVELS[0][1]
    return next((colour for limit, colour, _ in LEVELS[1:] if times_needed < limit), AMPLE[0])


def _spare(arrival: Arrival, needed_s: dict[str, float]) -> float:
    return 0.0 if arrival.tracked_s is None else arrival.tracked_s / needed_s[arrival.zone]


def _needed(found: Coverage) -> dict[str, float]:
    return {zone.zone: max(zone.needed_s, 1e-3) for zone in found.zones}


def _worst(found: Coverage, arc: str) -> dict[tuple[float, float], Arrival]:
    # Of each bearing and ground range the arrival that leaves its zone the least time to spare.
    needed, worst = _needed(found), dict[tuple[float, float], Arrival]()
    for each in found.arrivals:
        if each.arc == arc and not each.is_hidden:
            cell = (each.bearing_deg, each.ground_range_m)
            if cell not in worst or _spare(each, needed) < _spare(worst[cell], needed):
                worst[cell] = each
    return worst


def _draw_map(chart: "Axes", found: Coverage, site: SiteFile) -> None:
    needed = _needed(found)
    reach = [*_draw_site(chart, site)]
    for arc, marker, size in (("high", "o", 44.0), ("flat", "D", 26.0)):
        shown = [each for each in _worst(found, arc).values() if each.e_m is not None]
        places = np.array([(each.e_m, each.n_m) for each in shown], np.float64).reshape(-1, 2) / 1e3
        colours = [_colour(_spare(each, needed)) for each in shown]
        is_flat = arc == "flat"
        chart.scatter(
            *places.T,
            s=size,
            marker=marker,
            facecolors=colours if is_flat else "none",
            edgecolors=PAPER if is_flat else colours,
            linewidths=0.5 if is_flat else 1.2,
            zorder=4 if is_flat else 3,
        )
        chart.plot(
            [], [], marker, color=QUIET, mfc=QUIET if is_flat else "none", ls="", ms=5, label=f"tracked here, {arc} arc"
        )
        reach.append(places)
    limit = _EDGE_KM * float(np.abs(np.concatenate(reach)).max())
    chart.set_xlim(-limit, limit)
    chart.set_ylim(-limit, limit)
    chart.set_aspect("equal")
    chart.set_xlabel("east of the site [km]")
    chart.set_ylabel("north of the site [km]")
    chart.grid(color="#e4e7eb", lw=0.6, zorder=0)
    chart.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=4, fontsize=8.5, frameon=False)


def _draw_site(chart: "Axes", site: SiteFile) -> list[Floats]:
    from matplotlib.patches import Polygon

    from casemate.physics.geodesy import SiteFrame  # numba comes with it

    frame, seen = SiteFrame.of(site.site), list[Floats]()
    for i, shape in enumerate(site.zone or site.asset):
        ring = np.array(shape.polygon_deg)
        height = np.full(len(ring), site.site.height_m)
        points: Floats = frame.msl_to_enu(ring[:, 0], ring[:, 1], height)[:, :2] / 1e3
        label = "" if i else "zone" if site.zone else "asset"
        chart.add_patch(Polygon(points, closed=True, fc="#cbd2d9", ec=INK, lw=0.9, alpha=0.7, zorder=1, label=label))
        seen.append(points)
    radars = np.array([(radar.lat_deg, radar.lon_deg, radar.height_m) for radar in site.sensor])
    places: Floats = frame.msl_to_enu(*radars.T)[:, :2] / 1e3
    chart.plot(*places.T, "^", color=INK, ms=9, mec=PAPER, zorder=6, ls="", label="radar")
    return [*seen, places]


def _draw_clock(disc: Any, found: Coverage, arc: str) -> None:  # noqa: ANN401 polar axes, which have no types
    # A cell for each bearing and ground range: the least time over the zones.
    needed = _needed(found)
    least = {cell: _spare(each, needed) for cell, each in _worst(found, arc).items()}
    disc.set_theta_zero_location("N")
    disc.set_theta_direction(-1)
    disc.set_title(f"{arc} arcs", fontsize=11, color=INK, pad=14)
    ranges = sorted({range_m for _, range_m in least})
    bearings = sorted({bearing for bearing, _ in least})
    if not ranges:
        disc.text(0.0, 0.0, "no such arc", ha="center", color=FAINT)
        return
    edges = _edges(ranges)
    width = math.radians(360.0 / len(bearings))
    for (bearing, range_m), spare in least.items():
        k = ranges.index(range_m)
        bottom, top = edges[k] / 1e3, edges[k + 1] / 1e3
        disc.bar(
            math.radians(bearing), top - bottom, width, bottom, color=_colour(spare), edgecolor=PAPER, linewidth=0.6
        )
    ticks: Any = [range_m / 1e3 for range_m in ranges]
    box = {"fc": PAPER, "ec": "none", "alpha": 0.75, "pad": 0.6}
    disc.set_rticks(ticks, [f"{tick:.1f} km" for tick in ticks], fontsize=7.5, color=INK, bbox=box)
    disc.set_rlabel_position(8.0)
    disc.tick_params(axis="x", labelsize=8, pad=-1)
    disc.grid(visible=False)
    disc.set_ylim(0.0, edges[-1] / 1e3)


def _edges(middles: Sequence[float]) -> list[float]:
    inner = [0.5 * (a + b) for a, b in itertools.pairwise(middles)]
    if not inner:
        return [0.9 * middles[0], 1.1 * middles[0]]
    return [2.0 * middles[0] - inner[0], *inner, 2.0 * middles[-1] - inner[-1]]


def _draw_key(figure: Any) -> None:  # noqa: ANN401 a matplotlib figure
    from matplotlib.patches import Patch

    patches = [Patch(color=colour, label=word) for _, colour, word in LEVELS]
    patches.append(Patch(color=AMPLE[0], label=AMPLE[1]))
    figure.legend(handles=patches, loc="center", bbox_to_anchor=(0.755, 0.21), ncols=4, fontsize=9, frameon=False)
