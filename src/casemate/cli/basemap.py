"""`casemate basemap`: maps under the page, from a user's own files."""

from __future__ import annotations

import pathlib
from typing import Annotated

import typer

from casemate.cli.live import Json

app = typer.Typer(
    name="basemap",
    help="Maps under the page, from your own files; nothing is fetched from anywhere.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def add(
    file: Annotated[pathlib.Path, typer.Argument(help="Tiles, an OpenStreetMap extract, features or a GeoTIFF.")],
    name: Annotated[str | None, typer.Option(help="What the map is called; default: by its file.")] = None,
    attribution: Annotated[str, typer.Option(help="Whom the page credits for it.")] = "",
    as_json: Json = False,
) -> None:
    """Make tiles of a map file and keep them for the page; a map of the same name is replaced."""
    from casemate.cli import commands, show
    from casemate.io.basemap import Shelf, build
    from casemate.io.basemap.shelf import name_of

    with show.ERR.status(f"reading {file.name}") as status:
        made = Shelf().add(name or name_of(file), lambda part: build(file, part, attribution, status.update))
    if as_json:
        commands.print_json(made)
    else:
        west, south, east, north = made.bounds_deg
        typer.echo(
            f"{made.name}: {made.kind} map, zooms {made.zooms[0]} to {made.zooms[1]}, {made.size_bytes / 1e6:.1f} MB, "
            f"{south:.4f} to {north:.4f} north, {west:.4f} to {east:.4f} east"
        )


@app.command(name="list")
def list_all(as_json: Json = False) -> None:
    """List the maps that are kept."""
    from rich.table import Table

    from casemate.cli import commands, show
    from casemate.io.basemap import Shelf

    shelf = Shelf()
    maps = shelf.all()
    if as_json:
        commands.print_json(maps)
        return
    table = Table(title=f"basemaps in {shelf.folder}", title_justify="left")
    for title in ("name", "kind", "zooms", "MB", "south, west", "north, east", "credit"):
        table.add_column(title, justify="right" if title == "MB" else "left")
    for each in maps:
        west, south, east, north = each.bounds_deg
        zooms, corner, other = (
            f"{each.zooms[0]} to {each.zooms[1]}", f"{south:.4f}, {west:.4f}", f"{north:.4f}, {east:.4f}"
        )  # fmt: skip
        table.add_row(each.name, each.kind, zooms, f"{each.size_bytes / 1e6:.1f}", corner, other, each.attribution)
    show.OUT.print(table)


@app.command()
def remove(name: Annotated[str, typer.Argument(help="As `casemate basemap list` has it.")]) -> None:
    """Remove a map that is kept."""
    from casemate.io.basemap import Shelf

    Shelf().remove(name)
    typer.echo(f"{name} is removed")
