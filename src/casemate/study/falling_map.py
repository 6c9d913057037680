"""The map of a study of what falls: mass, live things and hazardous pieces by area, over zones and people."""
# matplotlib leaves its keyword arguments untyped, in nearly every call:
# pyright: reportUnknownMemberType=false

import pathlib
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.io.chart import INK, PAPER
from casemate.sim.people import ring_of
from casemate.study.falling import Falling
from casemate.study.nights import Ground

Floats = NDArray[np.float64]

_DECADES: Final = 3.0
"""Of densities that the colours tell apart, below the greatest."""


def draw_falling(found: Falling, ground: Ground, file: pathlib.Path) -> None:
    """Write the map as a PNG or SVG, by the name's suffix.

    Raises
    ------
    SettingsError
        The name has another suffix, or the file cannot be written.
    """
    if file.suffix.lower() not in {".png", ".svg"}:
        raise SettingsError("--output", "", f"{file}: a map is a .png or .svg")
    figure = Figure(figsize=(16.0, 6.4), dpi=110, facecolor=PAPER)
    FigureCanvasAgg(figure)
    duds = "" if found.p_dud is None else f", {100.0 * found.p_dud:g} % of the guns' rounds are duds"
    figure.suptitle(
        f"{ground.scenario.title}, SIMULATION: what falls of simulated guns and of rounds that they hit, "
        f"per night; mean of {found.n_nights}{duds}",
        x=0.02, ha="left", fontsize=12.5, color=INK,
    )  # fmt: skip
    panels = (
        ("mass [kg/km²]", np.array(found.kg_per_km2)),
        ("live things on the ground [1/km²]", np.array(found.live_per_km2)),
        ("pieces and bodies over 79 J [1/km²]", np.array(found.hazardous_per_km2)),
    )
    for k, (title, values) in enumerate(panels):
        chart = figure.add_axes((0.04 + 0.325 * k, 0.24, 0.28, 0.66))
        _draw_panel(figure, chart, title, values, found, ground)
    figure.text(0.02, 0.03, _words(found), fontsize=10, color=INK, va="bottom", linespacing=1.5)
    part = file.with_name(f".{file.name}.part{file.suffix.lower()}")
    try:
        figure.savefig(part)
        part.replace(file)
    except OSError as error:
        raise SettingsError(str(file), "", f"cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def _draw_panel(figure: Figure, chart: Axes, title: str, values: Floats, found: Falling, ground: Ground) -> None:
    frame, edges = ground.plan.frame(), 1e-3 * np.array(found.edges_m)
    top = float(values.max())
    if top > 0.0:
        shown = np.where(values > 0.0, values, np.nan)
        norm = LogNorm(top / 10.0**_DECADES, top)
        image = chart.pcolormesh(edges, edges, shown, cmap="YlOrRd", norm=norm)
        figure.colorbar(image, ax=chart, shrink=0.85, pad=0.02)
    for zone in ground.plan.site.zone:
        chart.add_patch(Polygon(1e-3 * ring_of(zone.polygon_deg, frame), fill=False, ec="#52606d", lw=0.9))
    if ground.scenario.gun:
        guns = np.array([(gun.lat_deg, gun.lon_deg, gun.height_m) for gun in ground.scenario.gun])
        places = 1e-3 * frame.msl_to_enu(*guns.T)[:, :2]
        chart.plot(*places.T, "^", color=INK, ms=6, label="simulated guns")
    chart.plot([], [], color="#52606d", lw=0.9, label="zones")
    reach = float(np.abs(edges[[0, -1]]).max())
    chart.set(
        title=title, xlabel="east [km]", ylabel="north [km]", aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach)
    )
    chart.legend(loc="lower left", fontsize=8)


def _words(found: Falling) -> str:
    first = (
        f"A night: {found.shots} rounds fired, {found.hit} rounds of the raid hit; {found.fell_kg} kg come down, "
        f"with {found.live} live things (means and their 95 % intervals)."
    )
    under = [
        f"{each.n_people:,.0f} of {found.n_people:,.0f} people on the map live where {each.hazardous_per_km2:g} or "
        "more pieces and bodies over 79 J fall per km² and night."
        for each in found.under
    ]
    last = f"{found.people_struck} people would be struck by those a night, if all stood in the open."
    return "\n".join([first, *under, last] if found.n_people else [first])
