"""`casemate protection`: five questions about a site, each one command: a table, a picture, the nights kept."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from casemate.cli.live import Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from casemate.study.nights import Kept, Variant
    from casemate.study.protection import Answer, Question

    T = TypeVar("T", bound=Kept)

app = typer.Typer(
    name="protection",
    help="Study protection in simulation: what warning and guns change, on the same seeds; no real system.",
    no_args_is_help=True,
    add_completion=False,
)

Scenario = Annotated[str, typer.Argument(help="Name of a packaged scenario, or a scenario file (TOML).")]
Seeds = Annotated[int, typer.Option("--seeds", min=1, max=100_000, help="Nights of each variant: seeds 1 to this.")]
Workers = Annotated[int, typer.Option("--workers", min=1, max=256, help="Processes; the answer is the same for any.")]
Folder = Annotated[
    pathlib.Path,
    typer.Option("-o", "--output", help="Folder for table and picture; nights are kept in it, and flown once."),
]
_DEFAULT = pathlib.Path("runs/protection")


@app.command()
def risk(
    scenario: Scenario, seeds: Seeds = 20, workers: Workers = 1, output: Folder = _DEFAULT, as_json: Json = False
) -> None:
    """Compare nothing, warning only, guns only and both: expected casualties, inside the site and outside."""
    from casemate.study import protection
    from casemate.study.nights import find

    _ask(protection.risk(_stem(scenario), *find(scenario)), seeds, workers, output, as_json=as_json)


@app.command()
def guns(
    scenario: Scenario = "green-zone-2020",
    most: Annotated[int, typer.Option(min=1, max=6, help="Guns at most.")] = 4,
    seeds: Seeds = 20,
    workers: Workers = 1,
    output: Folder = _DEFAULT,
    as_json: Json = False,
) -> None:
    """Sweep the number of guns from none up: what comes down inside, and what is intercepted."""
    from casemate.study import protection
    from casemate.study.nights import find

    declared, site = find(scenario)
    _check_guns(scenario, len(declared.gun), most)
    _ask(protection.guns(_stem(scenario), declared, site, most), seeds, workers, output, as_json=as_json)


@app.command()
def ladder(
    scenario: Scenario = "green-zone-2020",
    most: Annotated[int, typer.Option(min=1, max=6, help="Of 1, 2, 4 and 6 guns, up to so many.")] = 6,
    seeds: Seeds = 5,
    workers: Workers = 1,
    output: Folder = _DEFAULT,
    at_truth: Annotated[bool, typer.Option("--at-truth", help="As if sensing were perfect.")] = False,
    as_json: Json = False,
) -> None:
    """Saturate the guns: 1 to 60 rounds within 10 s, beside what queueing theory says."""
    from casemate.study import protection
    from casemate.study.nights import find

    declared, site = find(scenario)
    _check_guns(scenario, len(declared.gun), most)
    numbers = [k for k in (1, 2, 4, 6) if k <= most]
    asked = protection.ladder(_stem(scenario), declared, site, numbers, sees_truth=at_truth)
    _ask(asked, seeds, workers, output, as_json=as_json)


@app.command()
def hold(
    scenario: Scenario = "green-zone-2020",
    seeds: Seeds = 20,
    workers: Workers = 1,
    output: Folder = _DEFAULT,
    as_json: Json = False,
) -> None:
    """Hold fire for longer: the time until consent, and where the scenario has friends, not holding at all."""
    from casemate.study import protection
    from casemate.study.nights import find

    _ask(protection.hold(_stem(scenario), *find(scenario)), seeds, workers, output, as_json=as_json)


@app.command()
def sensing(
    scenario: Scenario = "green-zone-2020",
    seeds: Seeds = 20,
    workers: Workers = 1,
    output: Folder = _DEFAULT,
    as_json: Json = False,
) -> None:
    """Price sensing: the same nights with fire by the tracker's estimate, and at truth."""
    from casemate.study import protection
    from casemate.study.nights import find

    _ask(protection.sensing(_stem(scenario), *find(scenario)), seeds, workers, output, as_json=as_json)


def _ask(asked: Question, seeds: int, workers: int, folder: pathlib.Path, *, as_json: bool) -> None:
    from casemate.cli.commands import print_json
    from casemate.study.protection_plot import draw
    from casemate.study.protection_table import table_of_answer, write_table
    from casemate.study.tally import Night

    nights = flown(Night, asked.variants, range(1, seeds + 1), folder / "nights", workers)
    n = min(len(found) for found in nights.values())
    if n:
        answer = asked.answer(nights, seeds)
        picture = folder / f"{asked.name}.png"
        draw(answer, nights, picture)
        write_table(table_of_answer(answer), picture.with_suffix(".md"))
        print_json(answer) if as_json else _print(answer, picture)
    check_whole(n, seeds, folder / "nights")


def flown(
    kind: type[T], variants: Sequence[Variant], seeds: Sequence[int], folder: pathlib.Path, workers: int
) -> dict[str, list[T]]:
    """Fly nights and keep them in a folder, with a bar, until they are all there or Ctrl-C."""
    from casemate.cli import show
    from casemate.errors import SettingsError
    from casemate.study.nights import fly_all

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(str(folder), "", f"cannot be written: {error.strerror or error}") from None
    with show.compiling("run"), show.stop_flag() as stopped, show.Steps("nights") as steps:
        return fly_all(kind, variants, seeds, folder, workers, progress=steps, is_stopped=stopped)


def check_whole(n: int, n_asked: int, folder: pathlib.Path) -> None:
    """End with exit code 1 where fewer seeds were flown than asked for, saying how to go on."""
    if n < n_asked:
        typer.echo(
            f"stopped: {n} of {n_asked} seeds are whole; {folder} keeps them, and the same call goes on", err=True
        )
        raise typer.Exit(1)


def _print(answer: Answer, picture: pathlib.Path) -> None:
    from rich.table import Table

    from casemate.cli import show

    table = Table(
        title=f"{answer.scenario}: {answer.question}, {answer.n} nights each (SIMULATION)", title_justify="left"
    )
    for title in ("case", "what", "value", "95 % interval", "of"):
        table.add_column(title, justify="right" if title in {"value", "95 % interval"} else "left")
    said = ""
    for line in answer.lines:
        case = "" if line.case == said else line.case
        is_none = line.value != line.value  # NaN: of nothing
        span = f"{line.low:.3g} to {line.high:.3g}" if line.n else "" if is_none else "exact"
        of = f"{line.n:,} {line.per}s".replace("ss", "s").replace("ones", "one") if line.n else ""
        table.add_row(case, line.what, "none" if is_none else f"{line.value:.3g}", span, of)
        said = line.case
    show.OUT.print(table)
    for note in answer.notes:
        show.OUT.print(note, soft_wrap=True, highlight=False)
    show.OUT.print(f"picture     {picture}, and the table beside it (.md)", soft_wrap=True, highlight=False)


def _check_guns(scenario: str, declared: int, most: int) -> None:
    from casemate.errors import SettingsError
    from casemate.study.protection import MORE_GUNS

    if declared == 0:
        raise SettingsError(scenario, "gun", "declares none to begin with")
    if most > declared + len(MORE_GUNS):
        raise SettingsError("--most", "", f"places are declared for {declared + len(MORE_GUNS)} guns")


def _stem(scenario: str) -> str:
    return pathlib.Path(scenario).stem
