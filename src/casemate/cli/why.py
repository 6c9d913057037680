"""`casemate why`: what led to a warning, as a table and a picture."""

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from casemate.cli.live import Json

if TYPE_CHECKING:
    from casemate.io.explanation import Counted, Explanation


def why(
    run_folder: Annotated[pathlib.Path, typer.Argument(metavar="RUN", help="A finished run's folder.")],
    warning_id: Annotated[int, typer.Argument(metavar="WARNING_ID", help="As `warnings.parquet` numbers them.")],
    output: Annotated[
        pathlib.Path | None, typer.Option("-o", "--output", help="The picture; default: why-ID.png in the run folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell why a zone was warned, updated or cleared: tracks, plots, probability, benefit against cost."""
    from casemate.cli import show
    from casemate.cli.commands import print_json
    from casemate.errors import SettingsError
    from casemate.io.explanation import explain
    from casemate.io.explanation_plot import draw_explanation

    found, run = explain(run_folder, warning_id)
    picture = output or run_folder / f"why-{warning_id}.png"
    try:
        draw_explanation(found, run, run_folder, picture)
    except OSError as error:
        raise SettingsError(str(picture), "", f"cannot be written: {error.strerror or error}") from None
    if as_json:
        print_json(found)
        return
    _print(found)
    show.OUT.print(f"picture     {picture}", soft_wrap=True, highlight=False)


def _print(found: "Explanation") -> None:
    from rich.table import Table

    from casemate.cli import show

    table = Table(title=f"warning {found.warning_id}, {found.zone}: {found.phase}", show_header=False)
    rows = [("reason", found.reason), ("probability that a round comes down there", f"{found.p_impact:.2f}")]
    rows.append(("version of the zone list", (found.zone_list or "not kept")[:16]))
    if found.lead_s is not None:
        rows.append(("time to the first impact", f"{found.lead_s:.1f} s" + ("" if found.is_useful else ", too little")))
    if found.benefit is not None and found.cost is not None:
        rows.append(("casualties that it spares", f"{found.benefit:.2g}, at the cost of {found.cost:.2g}"))
    if found.would_change:
        rows.append(("what would have changed it", found.would_change))
    for counted in found.tracks:
        rows += [(f"track {counted.track_id}", line) for line in _lines(counted)]
    rows += [("the whole alarm", line) for line in found.incident]
    said = ""
    for name, value in rows:
        table.add_row("" if name == said else show.escape(name), show.escape(value))
        said = name
    show.OUT.print(table)


def _lines(counted: "Counted") -> list[str]:
    area = counted.ellipse
    size = f"{2 * area.long_m:.0f} by {2 * area.short_m:.0f} m"
    sensors = ", ".join(f"{name} {n}" for name, n in counted.sensors.items())
    return [
        f"{counted.round_class}, a round with probability {counted.p_round:.2f}, here with {counted.p_hit:.2f}",
        f"comes down in {counted.lead_s:.1f} s, 1 sigma {counted.sigma_t_s:.1f} s",
        f"90% ellipse {size}, the long axis toward {area.bearing_deg:.0f} deg",
        f"{counted.n_plots} plots ({sensors}), {counted.first_plot_s:.1f} to {counted.last_plot_s:.1f} s before",
    ]
