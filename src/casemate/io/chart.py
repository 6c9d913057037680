"""The map of a run: zones, assets, radars, plots, tracks, impacts and, where it is known, the truth."""
# matplotlib leaves its keyword arguments untyped, in nearly every call:
# pyright: reportUnknownMemberType=false

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.io.run_folder import RunTables
from casemate.io.settings import NOT_A_ROUND
from casemate.model.catalog import SiteFile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

INK, FAINT, PAPER = "#1f2933", "#9aa5b1", "#ffffff"
WARNED, QUIET, ASSET = "#d64545", "#7b8794", "#2f6f4f"
COLOURS: Final = ("#c2410c", "#1d4ed8", "#7c3aed", "#0f766e", "#b45309", "#be185d")
"""Colours of the round classes in order of their names; told apart by colour-blind eyes in pairs of neighbours."""
OTHER_COLOUR: Final = "#64748b"
ELLIPSES: Final = ((0.5, 1.386), (0.9, 4.605))
"""Probability and chi-square of two degrees of freedom: -2 ln(1 - p)."""
OPEN_CLASS: Final = "round, class open"
CLASS_IS_SURE: Final = 0.8
"""A class less likely than this is not named: rounds of like drag, a 107 mm rocket and a 120 mm bomb, look the same."""
MAX_PLOTS: Final = 20_000
"""Dots that are drawn at most; more make a grey sheet."""
GROUND_M: Final = 15.0
"""A round that ended lower than this came down; one that ended higher was destroyed in the air."""
EARTH_M: Final = 6_371_000.0
"""Mean radius [m] for the fall of the ground along the map: a metre of it at 3.6 km needs no better."""


class Line(NamedTuple):
    """One track as drawn: its class, times, places and heights over the ground (NaN: unknown)."""

    track_id: int
    round_class: str
    t_ns: NDArray[np.int64]
    e_m: Floats
    n_m: Floats
    height_m: Floats


def column(table: Any, name: str) -> NDArray[Any]:  # noqa: ANN401 a pyarrow table
    """Take a column out of a table."""
    return np.asarray(table[name].to_numpy())


def lines_of(run: RunTables) -> Iterator[Line]:
    """Yield the tracks that were confirmed, each in order of time, with the class that they had last."""
    track_id, status = column(run.tracks, "track_id"), column(run.tracks, "status")
    shown = np.unique(track_id[status == "confirmed"])
    order = np.lexsort((column(run.tracks, "t_ns"), track_id))
    ids: NDArray[Any] = track_id[order]
    names = ("t_ns", "e_m", "n_m", "u_m", "round_class", "p_class")
    columns: list[NDArray[Any]] = [column(run.tracks, name)[order] for name in names]
    t_ns, e_m, n_m, u_m, classes, p_class = columns
    first, last = np.searchsorted(ids, shown), np.searchsorted(ids, shown, side="right")
    for each, i, j in zip(shown.tolist(), first.tolist(), last.tolist(), strict=True):
        rows = slice(i, j)
        height = u_m[rows].astype(float) + (e_m[rows] ** 2 + n_m[rows] ** 2) / (2.0 * EARTH_M)
        name = str(classes[rows][-1])
        is_open = name != NOT_A_ROUND and p_class[rows][-1] < CLASS_IS_SURE
        yield Line(each, OPEN_CLASS if is_open else name, t_ns[rows], e_m[rows], n_m[rows], height)


def draw_map(
    chart: "Axes", run: RunTables, site: SiteFile | None, lines: Sequence[Line], colour_of: dict[str, str]
) -> None:
    """Draw the whole map of a run."""
    seen: list[Floats] = [np.column_stack((line.e_m, line.n_m)) / 1e3 for line in lines]
    if site is not None:
        seen += _draw_ground(chart, run, site)
    drawn: set[str] = set()
    for line in lines:
        label = "" if line.round_class in drawn else f"track: {line.round_class}"
        drawn.add(line.round_class)
        chart.plot(line.e_m / 1e3, line.n_m / 1e3, color=colour_of[line.round_class], lw=1.3, zorder=4, label=label)
    seen += _draw_impacts(chart, run, {line.track_id for line in lines})
    if "truth" in run.asides:
        seen += _draw_truth(chart, run.asides["truth"])
    _frame(chart, np.concatenate([*seen, np.zeros((1, 2))]))
    chart.set_xlabel("east of the site [km]")
    chart.set_ylabel("north of the site [km]")
    chart.grid(color="#e4e7eb", lw=0.6, zorder=0)
    _draw_scale(chart)
    draw_legend(chart, 4)


def draw_legend(axes: "Axes", n_columns: int) -> None:
    """Say under a chart what its marks mean, if it has any."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.1),
            ncols=n_columns,
            fontsize=8.5,
            frameon=False,
            handlelength=1.6,
        )


def _draw_ground(chart: "Axes", run: RunTables, site: SiteFile) -> list[Floats]:
    """Draw zones, assets, sensors and plots; return what must be inside the frame [km]."""
    from matplotlib.patches import Polygon

    from casemate.physics.geodesy import SiteFrame  # numba comes with it

    frame, seen = SiteFrame.of(site.site), list[Floats]()
    warned = set(run.warnings["zone"].to_pylist())
    shapes = [
        *((zone, "zone, warned", WARNED, 0.28) for zone in site.zone if zone.name in warned),
        *((zone, "zone, not warned", QUIET, 0.12) for zone in site.zone if zone.name not in warned),
        *((asset, "asset", ASSET, 0.35) for asset in site.asset),
    ]
    told: set[str] = set()
    for shape, word, colour, alpha in shapes:
        ring = np.array([(lat, lon, site.site.height_m) for lat, lon in shape.polygon_deg])
        points = frame.msl_to_enu(ring[:, 0], ring[:, 1], ring[:, 2])[:, :2] / 1e3
        label = "" if word in told else word
        told.add(word)
        chart.add_patch(
            Polygon(points, closed=True, facecolor=colour, alpha=alpha, edgecolor="none", zorder=1, label=label)
        )
        chart.add_patch(Polygon(points, closed=True, fill=False, edgecolor=colour, lw=1.1, zorder=2))
        if len(shapes) <= 16:
            _name(chart, shape.name, points, colour, is_inside=word != "asset")
        seen.append(points)
    radars = [(radar.lat_deg, radar.lon_deg, radar.height_m) for radar in site.sensor]
    places = frame.msl_to_enu(*np.array(radars).T)
    chart.plot(*(places[:, :2].T / 1e3), "^", color=INK, ms=8, mec=PAPER, zorder=6, ls="", label="radar")
    _draw_plots(chart, run, {radar.name: place for radar, place in zip(site.sensor, places, strict=True)})
    return [*seen, places[:, :2] / 1e3]


def _name(chart: "Axes", name: str, ring_km: Floats, colour: str, *, is_inside: bool) -> None:
    # zones: in the upper left corner, a word a line; assets, which are small: above
    left, middle, top = (float(each) for each in (ring_km[:, 0].min(), ring_km[:, 0].mean(), ring_km[:, 1].max()))
    words = name.replace(" ", "\n") if is_inside else name
    place, shift, ha, va = (
        ((left, top), (3, -3), "left", "top") if is_inside else ((middle, top), (0, 2), "center", "bottom")
    )
    chart.annotate(
        words, place, xytext=shift, textcoords="offset points", color=colour, fontsize=7.5, ha=ha, va=va, zorder=7
    ).set_clip_on(True)


def _draw_plots(chart: "Axes", run: RunTables, places: dict[str, Floats]) -> None:
    names = ("range_m", "azimuth_deg", "elevation_deg")
    range_m, az_deg, el_deg = (column(run.plots, name).astype(float) for name in names)
    origin = np.array([places.get(name, np.full(3, np.nan)) for name in run.plots["sensor"].to_pylist()])
    if not len(origin):
        return
    az_deg = np.where(np.isfinite(az_deg), az_deg, np.nan)  # refused plots are here too
    flat = range_m * np.cos(np.radians(np.nan_to_num(el_deg)))
    e_m, n_m = (origin[:, i] + flat * f(np.radians(az_deg)) for i, f in ((0, np.sin), (1, np.cos)))
    every = max(1, len(e_m) // MAX_PLOTS)
    chart.plot(
        e_m[::every] / 1e3, n_m[::every] / 1e3, ".", color=FAINT, ms=2.6, alpha=0.6, mew=0, zorder=3, label="plot"
    )


def _draw_impacts(chart: "Axes", run: RunTables, confirmed: set[int]) -> list[Floats]:
    """Draw the last predicted impact of every confirmed track with its ellipses."""
    from matplotlib.patches import Ellipse

    last = {row["track_id"]: row for row in run.impacts.to_pylist() if row["status"] == "ok"}
    rows = [row for track_id, row in sorted(last.items()) if track_id in confirmed]
    rows = [row for row in rows if None not in row.values()]
    for row in rows:
        cov = np.array([[row["cov_ee_m2"], row["cov_en_m2"]], [row["cov_en_m2"], row["cov_nn_m2"]]])
        value, vector = np.linalg.eigh(cov)
        angle = math.degrees(math.atan2(vector[1, 1], vector[0, 1]))
        for share, chi2 in ELLIPSES:
            size = 2.0 * np.sqrt(np.maximum(value, 0.0) * chi2) / 1e3
            label = f"impact, {share:.0%} ellipse" if row is rows[0] else ""
            style = "-" if share < 0.7 else "--"
            chart.add_patch(
                Ellipse(
                    (row["e_m"] / 1e3, row["n_m"] / 1e3),
                    size[1],
                    size[0],
                    angle=angle,
                    fill=False,
                    ec=INK,
                    lw=0.8,
                    ls=style,
                    zorder=5,
                    label=label,
                )
            )
    points = np.array([(row["e_m"], row["n_m"]) for row in rows]).reshape(-1, 2) / 1e3
    if len(points):
        chart.plot(*points.T, "o", color=INK, ms=2.6, zorder=5, ls="", label="impact, last prediction")
    return [points]


def _draw_truth(chart: "Axes", truth: Any) -> list[Floats]:  # noqa: ANN401 a pyarrow table
    """Mark where rounds truly came down, and where they were destroyed."""
    is_end = ~column(truth, "is_alive").astype(bool)
    e_m, n_m, u_m = (column(truth, name)[is_end] for name in ("e_m", "n_m", "u_m"))
    is_down = u_m + (e_m**2 + n_m**2) / (2.0 * EARTH_M) < GROUND_M
    points = np.column_stack((e_m, n_m)) / 1e3
    for chosen, mark, colour, edge, word in (
        (is_down, "x", WARNED, WARNED, "came down (truth)"),
        (~is_down, "*", "#eab308", INK, "destroyed"),
    ):
        if chosen.any():
            thick = 1.8 if mark == "x" else 0.6
            chart.plot(*points[chosen].T, mark, color=colour, mec=edge, mew=thick, ms=9, zorder=8, ls="", label=word)
    return [points]


def _frame(chart: "Axes", points: Floats) -> None:
    """Fit the map around what matters; a stray track does not shrink the rest to a dot."""
    points = points[np.isfinite(points).all(axis=1)]
    low, high = np.quantile(points, 0.005, axis=0), np.quantile(points, 0.995, axis=0)
    middle, half = (low + high) / 2.0, max(float((high - low).max()) * 0.56, 0.5)
    chart.set_xlim(middle[0] - half, middle[0] + half)
    chart.set_ylim(middle[1] - half, middle[1] + half)
    chart.set_aspect("equal", adjustable="box")


def _draw_scale(chart: "Axes") -> None:
    left, right = chart.get_xlim()
    bottom, top = chart.get_ylim()
    wide, high = right - left, top - bottom
    raw = wide / 5.0
    power = 10.0 ** math.floor(math.log10(raw))
    length = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= raw)
    x, y = left + 0.05 * wide, bottom + 0.05 * high
    chart.plot([x, x + length], [y, y], color=INK, lw=3, solid_capstyle="butt", zorder=9)
    word = f"{length:g} km" if length >= 1.0 else f"{length * 1e3:g} m"
    chart.text(x + length / 2.0, y + 0.015 * high, word, ha="center", fontsize=8.5, color=INK, zorder=9)
    chart.annotate(
        "N",
        xy=(0.955, 0.965),
        xytext=(0.955, 0.885),
        xycoords="axes fraction",
        ha="center",
        fontsize=11,
        fontweight="bold",
        color=INK,
        arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.6},
        zorder=9,
    )
