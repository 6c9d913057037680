"""The picture of one warning: the zone, the 90 % ellipses, the tracks up to then and the plots that made them."""
# matplotlib leaves its keyword arguments untyped, in nearly every call:
# pyright: reportUnknownMemberType=false

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from casemate.io.chart import COLOURS, FAINT, INK, PAPER, QUIET, WARNED, column, draw_legend
from casemate.io.explanation import Explanation
from casemate.io.picture import site_of
from casemate.io.profile import StrPath
from casemate.io.run_folder import RunTables
from casemate.model.catalog import SiteFile
from casemate.physics.geodesy import SiteFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_explanation(why: Explanation, run: RunTables, folder: StrPath, path: StrPath) -> None:
    """Draw a warning of a finished run as a PNG.

    Parameters
    ----------
    why : Explanation
    run : RunTables
        The run that it is of.
    folder, path : str or path
        The run folder, and the file to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 8.0), dpi=110, facecolor=PAPER)
    FigureCanvasAgg(figure)
    chart = figure.add_axes((0.1, 0.16, 0.86, 0.7))
    site = site_of(Path(folder))
    if site is not None:
        _draw_zones(chart, site, why.zone)
    for i, counted in enumerate(why.tracks):
        _draw_track(chart, run, counted.track_id, why.t_ns, COLOURS[i % len(COLOURS)])
    _draw_ellipses(chart, why)
    if site is not None:
        _draw_plots(chart, run, site, why)
    chart.set_aspect("equal", adjustable="datalim")
    chart.set_xlabel("east of the site [km]")
    chart.set_ylabel("north of the site [km]")
    chart.grid(color="#e4e7eb", lw=0.6, zorder=0)
    draw_legend(chart, 4)
    figure.text(0.1, 0.94, f"{why.zone}: {why.phase}", fontsize=13, fontweight="bold", color=INK)
    figure.text(0.1, 0.91, why.reason, fontsize=9.5, color=INK)
    figure.text(0.1, 0.885, f"turns at: {why.would_change}" if why.would_change else "", fontsize=8.5, color=QUIET)
    figure.savefig(str(path), metadata={"Software": None})


def _draw_zones(chart: "Axes", site: SiteFile, warned: str) -> None:
    from matplotlib.patches import Polygon

    frame = SiteFrame.of(site.site)
    for zone in site.zone:
        ring = np.array([(lat, lon, site.site.height_m) for lat, lon in zone.polygon_deg])
        points = frame.msl_to_enu(ring[:, 0], ring[:, 1], ring[:, 2])[:, :2] / 1e3
        colour, alpha = (WARNED, 0.28) if zone.name == warned else (QUIET, 0.1)
        label = "the zone" if zone.name == warned else ""
        chart.add_patch(Polygon(points, closed=True, fc=colour, alpha=alpha, ec="none", zorder=1, label=label))
        chart.add_patch(Polygon(points, closed=True, fill=False, ec=colour, lw=1.0, zorder=2))


def _draw_track(chart: "Axes", run: RunTables, track_id: int, t_ns: int, colour: str) -> None:
    is_mine = (column(run.tracks, "track_id") == track_id) & (column(run.tracks, "t_ns") <= t_ns)
    e_m, n_m = (column(run.tracks, name)[is_mine].astype(np.float64) for name in ("e_m", "n_m"))
    chart.plot(e_m / 1e3, n_m / 1e3, color=colour, lw=1.4, zorder=4, label=f"track {track_id}")


def _draw_ellipses(chart: "Axes", why: Explanation) -> None:
    from matplotlib.patches import Ellipse

    for counted in why.tracks:
        area, is_first = counted.ellipse, counted is why.tracks[0]
        middle = (area.e_m / 1e3, area.n_m / 1e3)
        width, height = 2.0 * area.short_m / 1e3, 2.0 * area.long_m / 1e3
        label = "impact, 90% ellipse" if is_first else ""
        shape = Ellipse(middle, width, height, angle=-area.bearing_deg, fill=False, ec=INK, lw=1.1, zorder=6)
        shape.set_label(label)
        chart.add_patch(shape)
        chart.plot(*middle, "+", color=INK, ms=7, zorder=6)


def _draw_plots(chart: "Axes", run: RunTables, site: SiteFile, why: Explanation) -> None:
    ids = column(run.plots, "track_id").astype(np.float64)
    is_mine = np.isin(ids, [counted.track_id for counted in why.tracks]) & (column(run.plots, "t_ns") <= why.t_ns)
    frame = SiteFrame.of(site.site)
    places = {
        r.name: frame.msl_to_enu(*(np.array([x]) for x in (r.lat_deg, r.lon_deg, r.height_m)))[0] for r in site.sensor
    }
    origin = np.array([places.get(str(name), np.full(3, np.nan)) for name in column(run.plots, "sensor")[is_mine]])
    if not origin.size:
        return
    range_m, az_deg, el_deg = _polar(run, is_mine)
    flat_m = range_m * np.cos(np.radians(np.nan_to_num(el_deg)))
    e_m, n_m = (origin[:, i] + flat_m * f(np.radians(az_deg)) for i, f in ((0, np.sin), (1, np.cos)))
    chart.plot(e_m / 1e3, n_m / 1e3, ".", color=FAINT, ms=6, mec=INK, mew=0.4, zorder=5, ls="", label="plot")


def _polar(run: RunTables, is_mine: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    names = ("range_m", "azimuth_deg", "elevation_deg")
    return [column(run.plots, name)[is_mine].astype(np.float64) for name in names]
