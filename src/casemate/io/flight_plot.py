"""The picture of one flight: side view, ground track, speed and Mach number; interactive, still, or as a table."""
# matplotlib leaves its keyword arguments untyped, in nearly every call:
# pyright: reportUnknownMemberType=false

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from casemate.errors import SettingsError
from casemate.io.chart import INK, PAPER
from casemate.model.flight import Array, FlightPath, FlightResult, Mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SUFFIXES", "check_output", "draw_flight", "figure_of"]

SUFFIXES: Final = (".html", ".png", ".svg", ".csv", ".parquet")
LINE, SOIL, SOIL_EDGE, GRID = "#1d4ed8", "#e7e5e4", "#78716c", "#e4e7eb"
SYMBOLS: Final = {
    "start": ("circle", "o", "top left"),
    "rail exit": ("square", "s", "bottom right"),
    "burnout": ("diamond", "D", "middle right"),
    "apex": ("triangle-up", "^", "top center"),
    "impact": ("x", "X", "top right"),
}
"""Marks are told apart by shape and named beside, never by colour alone: plotly's word, matplotlib's, where the name
stands."""
MAX_SAMPLES: Final = 2_000
"""Samples that are drawn at most: more than a screen has columns."""


class Panel(NamedTuple):
    """A chart: the fields of samples and marks along its axes, and its place on the page (left, bottom, right, top)."""

    x: str
    y: str
    x_title: str
    y_title: str
    hover: str
    place: tuple[float, float, float, float]


_RANGE = "distance along the ground [km]"
PANELS: Final = (
    Panel("ground_range_m", "height_m", _RANGE, "height above sea level [m]", "%{y:,.0f} m", (0.0, 0.62, 1.0, 1.0)),
    Panel("ground_range_m", "cross_range_m", _RANGE, "to the right [m]", "%{y:+,.2f} m", (0.0, 0.34, 1.0, 0.52)),
    Panel("t_s", "speed_mps", "time [s]", "speed [m/s]", "%{y:,.1f} m/s", (0.0, 0.0, 0.45, 0.23)),
    Panel("t_s", "mach", "time [s]", "Mach number", "Mach %{y:.3f}", (0.55, 0.0, 1.0, 0.23)),
)  # fmt: skip

# One hover in all panels: they share their samples, so a sample's number finds it everywhere.
_LINK_HOVER: Final = """
const page = document.getElementById("{plot_id}");
page.on("plotly_hover", (event) => {
  const point = event.points.find((each) => each.curveNumber < N_PANELS);
  if (!point) return;
  const all = [...Array(N_PANELS).keys()].map((curve) => ({curveNumber: curve, pointNumber: point.pointNumber}));
  Plotly.Fx.hover(page, all, all.map((_, i) => (i ? `x${i + 1}y${i + 1}` : "xy")));
});
"""


def check_output(file: Path, inputs: Sequence[Path]) -> None:
    """Raise a SettingsError where a flight cannot be written: an unknown suffix, no such folder, or over an input."""
    if file.suffix.lower() not in SUFFIXES:
        raise SettingsError(str(file), "", f"is none of {', '.join(SUFFIXES)}")
    if not file.parent.is_dir():
        raise SettingsError(str(file), "", "cannot be written: its folder does not exist")
    if any(file.resolve() == each.resolve() for each in inputs):
        raise SettingsError(str(file), "", "is an input of this flight; it is not written over")


def draw_flight(result: FlightResult, path: FlightPath, file: Path) -> None:
    """Write a flight as an interactive page, a still picture, or a table of its samples, by the name's suffix.

    Raises
    ------
    SettingsError
        The file cannot be written; what stood there stays as it was.
    """
    suffix = file.suffix.lower()
    part = file.with_name(f".{file.name}.part{suffix}")
    try:
        if suffix == ".html":
            part.write_text(_page_of(result, path), "utf-8")
        elif suffix in {".png", ".svg"}:
            _draw_still(result, path, part)
        else:
            _write_table(path, part)
        part.replace(file)
    except OSError as error:
        raise SettingsError(str(file), "", f"cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def _headline(result: FlightResult) -> str:
    apex, impact = result.apex, result.impact
    return (
        f"range {result.ground_range_m:,.0f} m, {result.flight_s:.1f} s; apex {apex.height_m:,.0f} m after"
        f" {apex.t_s:.1f} s; impact at {impact.speed_mps:.0f} m/s, {result.fall_angle_deg:.1f}° below the horizon;"
        f" {abs(result.deflection_m):,.1f} m to the {'right' if result.deflection_m >= 0.0 else 'left'}"
    )


def _values(of: FlightPath | Mark, name: str) -> Any:  # noqa: ANN401 an array of a path, a float of a mark
    value: Any = getattr(of, name)
    return value * 1e-3 if name == "ground_range_m" else value


def _drawn(path: FlightPath) -> FlightPath:
    every = -(-path.t_s.size // MAX_SAMPLES)
    kept = np.union1d(np.arange(0, path.t_s.size, every), [path.t_s.size - 1])
    return FlightPath(*(column[kept] for column in path))


def _band_of(panel: Panel, path: FlightPath) -> tuple[float, float]:
    # From bottom to top of a panel: some air around the values, and never so narrow that rounding shows.
    values = _values(path, panel.y)
    low, high = float(values.min()), float(values.max())
    if panel.y == "height_m":
        low = min(low, float(path.ground_m.min()))
    least = 2.0 if panel.y.endswith("_m") else 0.01
    air = max(0.06 * (high - low), 0.5 * (least - (high - low)))
    return low - (2.2 if panel.y == "height_m" else 1.0) * air, high + 1.6 * air  # under the ground stands a name


def _ground_band_of(path: FlightPath) -> tuple[float, float]:
    # Along the ground [km]: a steep flight keeps half its height, so that it looks steep.
    along = _values(path, "ground_range_m")
    low, high = float(along.min()), float(along.max())
    least = 0.5e-3 * float(np.ptp(path.height_m))
    air = max(0.06 * (high - low), 0.5 * (least - (high - low)), 1e-3)
    return low - air, high + air


def _page_of(result: FlightResult, path: FlightPath) -> str:
    from plotly.io import to_html

    chart = to_html(
        figure_of(result, path),
        config={"displaylogo": False, "responsive": True},
        include_plotlyjs=True,
        post_script=_LINK_HOVER.replace("N_PANELS", str(len(PANELS))),
        full_html=False,
        validate=False,
        div_id="flight",
    )
    title = html.escape(f"{result.name} - Casemate")
    head = f'<meta charset="utf-8"><title>{title}</title><style>body {{ margin: 0; }}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{chart}</body></html>\n'


def figure_of(result: FlightResult, path: FlightPath) -> dict[str, Any]:
    """Return the interactive figure as plotly's data and layout: first a line a panel, then ground and marks."""
    drawn = _drawn(path)
    data = [_line_of(i, panel, drawn) for i, panel in enumerate(PANELS)]
    data += _ground_of(drawn)
    data += [
        _mark_of(i, panel, name, mark, is_named=i == 0)
        for i, panel in enumerate(PANELS)
        for name, mark in result.marks().items()
    ]
    layout: dict[str, Any] = {
        "title": {
            "text": f"<b>{html.escape(result.name)}</b>",
            "subtitle": {"text": f"{html.escape(result.body)}, {html.escape(result.model)}: {_headline(result)}"},
            "x": 0.01,
        },
        "font": {"family": "system-ui, sans-serif", "color": INK, "size": 13},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "height": 860,
        "margin": {"l": 80, "r": 30, "t": 90, "b": 60},
        "showlegend": False,
        "hovermode": "closest",
        "hoverdistance": -1,
    }
    for i, panel in enumerate(PANELS):
        layout |= _axes_of(i, panel, drawn)
    return {"data": data, "layout": layout}


def _axes_of(i: int, panel: Panel, path: FlightPath) -> dict[str, Any]:
    n = "" if i == 0 else str(i + 1)
    left, bottom, right, top = panel.place
    look = {"gridcolor": GRID, "linecolor": INK, "showline": True, "ticks": "outside", "zeroline": False}
    low, high = _band_of(panel, path)
    band = [high, low] if panel.y == "cross_range_m" else [low, high]
    x = {**look, "domain": [left, right], "anchor": f"y{n}", "title": {"text": panel.x_title, "standoff": 4}}
    if panel.x == "ground_range_m":
        x |= {
            "range": list(_ground_band_of(path)),
        } | ({"matches": "x"} if i else {})  # both views run along the ground
    y = {**look, "domain": [bottom, top], "anchor": f"x{n}", "title": {"text": panel.y_title}, "range": band}
    return {f"xaxis{n}": x, f"yaxis{n}": {**y, "tickformat": ",~g"}}


def _line_of(i: int, panel: Panel, path: FlightPath) -> dict[str, Any]:
    clock = np.round(path.t_s, 3)
    return {
        **_on(i),
        "mode": "lines",
        "name": "",
        "x": _rounded(_values(path, panel.x)),
        "y": _rounded(_values(path, panel.y)),
        "customdata": clock.tolist(),
        "line": {"color": LINE, "width": 2.2, "simplify": False},
        "hovertemplate": f"{'%{customdata:.2f} s, ' if i == 0 else ''}{panel.hover}",
    }


def _ground_of(path: FlightPath) -> list[dict[str, Any]]:
    low, _ = _band_of(PANELS[0], path)
    look = {**_on(0), "mode": "lines", "x": _rounded(_values(path, "ground_range_m")), "hoverinfo": "skip"}
    bottom = {**look, "y": [low] * path.t_s.size, "line": {"width": 0}}
    top = {**look, "y": _rounded(path.ground_m), "line": {"color": SOIL_EDGE, "width": 1.2}}
    return [bottom, {**top, "fill": "tonexty", "fillcolor": SOIL}]


def _mark_of(i: int, panel: Panel, name: str, mark: Mark, *, is_named: bool) -> dict[str, Any]:
    return {
        **_on(i),
        "mode": "markers+text" if is_named else "markers",
        "name": name,
        "x": [_values(mark, panel.x)],
        "y": [_values(mark, panel.y)],
        "text": [_words(name, mark)],
        "textposition": SYMBOLS[name][2],
        "marker": {"symbol": SYMBOLS[name][0], "size": 10, "color": INK, "line": {"color": PAPER, "width": 1}},
        "hoverinfo": "skip",
        "cliponaxis": False,
    }


def _words(name: str, mark: Mark) -> str:
    return f"{name} {mark.height_m:,.0f} m" if name == "apex" else name


def _on(i: int) -> dict[str, Any]:
    n = "" if i == 0 else str(i + 1)
    return {"type": "scatter", "xaxis": f"x{n}", "yaxis": f"y{n}"}


def _rounded(values: Array) -> list[float]:
    return [float(f"{value:.7g}") for value in values.tolist()]


def _draw_still(result: FlightResult, path: FlightPath, file: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 8.4), dpi=120, facecolor=PAPER)
    FigureCanvasAgg(figure)
    figure.text(0.02, 0.965, result.name, fontsize=15, fontweight="bold", color=INK)
    figure.text(0.02, 0.935, f"{result.body}, {result.model}: {_headline(result)}", fontsize=9.5, color=INK)
    drawn = _drawn(path)
    for panel in PANELS:
        left, bottom, right, top = panel.place
        box = (0.075 + 0.9 * left, 0.07 + 0.83 * bottom, 0.9 * (right - left), 0.83 * (top - bottom))
        _draw_panel(figure.add_axes(box), panel, result, drawn)
    figure.savefig(str(file), metadata={"Software": None} if file.suffix.lower() == ".png" else {"Date": None})


def _draw_panel(axes: "Axes", panel: Panel, result: FlightResult, path: FlightPath) -> None:
    low, high = _band_of(panel, path)
    axes.plot(_values(path, panel.x), _values(path, panel.y), color=LINE, lw=1.8, zorder=3)
    if panel.y == "height_m":
        axes.fill_between(_values(path, "ground_range_m"), low, path.ground_m, color=SOIL, zorder=1)
        axes.plot(_values(path, "ground_range_m"), path.ground_m, color=SOIL_EDGE, lw=1.0, zorder=2)
    for name, mark in result.marks().items():
        place = (_values(mark, panel.x), _values(mark, panel.y))
        axes.plot(*place, SYMBOLS[name][1], color=INK, mec=PAPER, ms=8, zorder=5, clip_on=False)
        if panel is PANELS[0]:
            up, side = SYMBOLS[name][2].split()
            shift = ({"left": -7, "center": 0, "right": 8}[side], {"top": 6, "middle": -4, "bottom": -13}[up])
            ha = {"left": "right", "center": "center", "right": "left"}[side]
            axes.annotate(_words(name, mark), place, xytext=shift, textcoords="offset points", ha=ha, fontsize=9)
    axes.set(xlabel=panel.x_title, ylabel=panel.y_title)
    axes.set_ylim(*((high, low) if panel.y == "cross_range_m" else (low, high)))
    axes.margins(x=0.06)
    if panel.x == "ground_range_m":
        axes.set_xlim(*_ground_band_of(path))
    axes.grid(color=GRID, lw=0.7, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter("{x:,g}")


def _write_table(path: FlightPath, file: Path) -> None:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    table = pa.table({name: pa.array(column) for name, column in zip(FlightPath._fields, path, strict=True)})
    if file.suffix.lower() == ".csv":
        pyarrow.csv.write_csv(table, str(file))
    else:
        pyarrow.parquet.write_table(table, str(file), compression="zstd")
