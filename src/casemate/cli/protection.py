"""The commands that study protection in simulation: each asks a study, prints its table and draws its figure."""

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from casemate.cli.live import Json

if TYPE_CHECKING:
    from casemate.study.falling import Falling

Seeds = Annotated[int, typer.Option(min=1, help="How many nights are flown.")]
First = Annotated[int, typer.Option("--first-seed", min=0, help="Seed of the first; the others follow.")]
Workers = Annotated[int, typer.Option(min=1, max=256, help="Processes; the answer does not depend on it.")]
Figure = Annotated[pathlib.Path | None, typer.Option("-o", "--output", help="The figure (.png, .svg).")]
Nights = Annotated[pathlib.Path, typer.Option("--nights", help="Folder in which nights are kept, and flown once.")]
NIGHTS = pathlib.Path("runs/protection/nights")
Named = Annotated[str, typer.Argument(metavar="SCENARIO", help="Name of a packaged scenario, or a scenario file.")]


def residue(
    scenario: Named,
    seeds: Seeds = 10,
    first_seed: First = 1,
    p_dud: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Share of guns' rounds that do not destroy themselves; default: their own."
        ),
    ] = None,
    workers: Workers = 1,
    output: Figure = None,
    nights: Nights = NIGHTS,
    as_json: Json = False,
) -> None:
    """In simulation: what falls of guns' rounds and of rounds that are hit, by area, and on how many people."""
    from casemate.cli.commands import fresh, print_json
    from casemate.cli.questions import check_whole, flown
    from casemate.study.falling import Fell, falling_of, with_duds
    from casemate.study.falling_map import draw_falling
    from casemate.study.nights import ground_of
    from casemate.study.protection_table import table_of_falling, write_table

    file = output or fresh(pathlib.Path(f"residue-{pathlib.Path(scenario).stem}"), ".png")
    variant = with_duds(scenario, p_dud)
    (kept,) = flown(Fell, [variant], range(first_seed, first_seed + seeds), nights, workers).values()
    if kept:
        found = falling_of(scenario, first_seed, p_dud, kept)
        draw_falling(found, ground_of(scenario), file)
        write_table(table_of_falling(found), file.with_suffix(".md"))
        print_json(found) if as_json else _print_fallen(found, file)
    check_whole(len(kept), seeds, nights)


def _print_fallen(found: "Falling", file: pathlib.Path) -> None:
    from rich.table import Table

    from casemate.cli import show

    table = Table(title=f"{found.scenario}, SIMULATION: what falls, {found.n_nights} nights", title_justify="left")
    for name in ("what", "number a night", "kg a night", "over 79 J a night", "median energy"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for line in found.lines:
        nightly = (line.n / found.n_nights, line.mass_kg / found.n_nights, line.n_hazardous / found.n_nights)
        table.add_row(line.what, *(f"{each:.3g}" for each in nightly), f"{line.median_energy_j:.3g} J")
    show.OUT.print(table)
    for what, value in (
        ("rounds fired", found.shots),
        ("rounds of the raid hit", found.hit),
        ("live things on the ground", found.live),
        ("pieces and bodies over 79 J", found.hazardous),
        ("people struck by those, if all stood in the open", found.people_struck),
    ):
        show.OUT.print(f"{what}: {value} a night (95 %)", highlight=False)
    for each in found.under:
        lives = f"{each.n_people:,.0f} of {found.n_people:,.0f} people live where"
        show.OUT.print(f"{lives} {each.hazardous_per_km2:g} or more of those fall per km2 a night", highlight=False)
    show.OUT.print(
        f"mass is kept to {found.imbalance_share:.1e}; {found.beyond_kg} kg a night beyond the map", highlight=False
    )
    show.OUT.print(f"map  {file}, and the table beside it (.md)", soft_wrap=True, highlight=False)
