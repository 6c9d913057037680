"""The commands of `casemate`: each parses, calls one function of a lower floor, and prints."""

import json
import pathlib
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from casemate import __version__
from casemate.cli import basemap, live, protection, questions, region, replaying, serving
from casemate.cli.live import Json, Out
from casemate.cli.why import why
from casemate.errors import CasemateError, DomainError, InvariantError, SettingsError

app = typer.Typer(
    name="casemate",
    help="Open counter-rocket, artillery and mortar warning: plots in; tracks, impacts and zone warnings out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_BROKEN = 3
"""Exit code where an invariant broke."""
_INTERRUPTED = 130
"""What typer makes of Ctrl-C, silently."""


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    """Warn of rockets, artillery and mortar rounds; study protection in simulation."""
    if version:
        typer.echo(f"casemate {__version__}")
        raise typer.Exit


@app.command()
def run(
    scenario: Annotated[str, typer.Argument(help="Name of a packaged scenario, or a scenario file (TOML).")],
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the scenario's own seed.")] = None,
    output: Out = None,
    no_intercept: Annotated[bool, typer.Option("--no-intercept", help="The same raid, and no gun fires.")] = False,
    every_round: Annotated[
        bool, typer.Option("--every-round", help="Fly each round of each burst; else their scatter is integrated.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Simulate a scenario, closed loop: radar, tracks, warnings, simulated intercept, outcome."""
    from casemate.cli import show

    folder = output or fresh(pathlib.Path("runs") / pathlib.Path(scenario).stem)
    with show.compiling("run"), show.stop_flag() as stopped, show.Bar("simulating") as bar:
        from casemate import rehearsal

        with named(folder):
            summary = rehearsal.run(
                scenario,
                seed,
                folder,
                with_intercept=not no_intercept,
                is_every_round_flown=every_round,
                progress=bar,
                is_stopped=stopped,
            )
    finish(summary, folder, as_json)


@app.command()
def track(
    plots: Annotated[pathlib.Path, typer.Argument(help="Plot table (Parquet or CSV); -: NDJSON on standard input.")],
    site: Annotated[pathlib.Path, typer.Option(help="The site file (TOML): sensors, zones, assets.")],
    output: Annotated[pathlib.Path, typer.Option("-o", "--output", help="The run folder to write.")],
    as_json: Json = False,
) -> None:
    """Run the live pipeline over recorded plots, as fast as it can."""
    from casemate.cli import show

    with show.compiling("track"), show.stop_flag() as stopped, show.Bar("tracking") as bar:
        from casemate import station

        with named(output):
            summary = station.track(plots, site, output, bar, stopped)
    finish(summary, output, as_json)


@app.command()
def fly(
    flight: Annotated[pathlib.Path, typer.Argument(help="Flight file (TOML): start, body, motor, air.")],
    output: Annotated[
        pathlib.Path | None,
        typer.Option("-o", "--output", help="Plot (.html, .png, .svg) or table of the path (.csv, .parquet)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fly one round through the exact model: its figures, and an interactive plot."""
    from casemate.cli import show
    from casemate.io import flight_plot

    file = output or fresh(pathlib.Path(flight.stem or "flight"), ".html")
    flight_plot.check_output(file, [flight])
    with show.compiling("fly"):
        from casemate import flyer

        try:
            result, path = flyer.fly(flight)
        except DomainError as error:  # the model knows the value and its limits, and not which file asked for it
            raise typer.Exit(_say(f"{flight}: {error}", 1)) from None
    flight_plot.draw_flight(result, path, file)
    if as_json:
        print_json(result)
    else:
        show.flown(result, file)


@app.command(name="import")
def import_(
    recording: Annotated[pathlib.Path, typer.Argument(help="ASTERIX (pcap, raw blocks) or SAPIENT frames.")],
    output: Annotated[pathlib.Path, typer.Option("-o", "--output", help="The plot table to write (Parquet or CSV).")],
    site: Annotated[pathlib.Path | None, typer.Option(help="Site file: names the sensors by SAC and SIC.")] = None,
    tracks: Annotated[
        pathlib.Path | None, typer.Option(help="The table of system tracks to write (CAT062, 021, 020).")
    ] = None,
    edition: Annotated[
        list[str] | None, typer.Option(help="CATEGORY=EDITION, as 048=1.30, instead of the site's or the newest.")
    ] = None,
    drills: Annotated[
        bool, typer.Option("--drills", help="Take targets that say they are simulated or a test.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Turn a recording into a plot table, and count what was refused and why."""
    from casemate.cli import show
    from casemate.io.feeds import asterix, importing

    reading = asterix.Reading(asterix.parse_editions(edition or []), takes_drills=True if drills else None)
    result = importing.convert(recording, output, site, tracks, reading)
    if as_json:
        print_json(result)
    else:
        show.imported(result, output)


@app.command()
def export(
    run_folder: Annotated[pathlib.Path, typer.Argument(metavar="RUN", help="A finished run's folder.")],
    output: Annotated[pathlib.Path, typer.Option("-o", "--output", help="The folder to write into.")],
    to: Annotated[str, typer.Option(help="asterix: the plots; cap, cot, czml, geojson: what was told and shown.")],
    as_json: Json = False,
) -> None:
    """Write a finished run in a format of others."""
    from casemate.cli import show
    from casemate.cli.exports import RETOLD, export_retold
    from casemate.io.feeds.asterix.export import export_run

    if to in RETOLD:
        told = export_retold(run_folder, to, output)
        print_json(told) if as_json else show.retold(told, output)
    elif to == "asterix":
        written = export_run(run_folder, output)
        print_json(written) if as_json else show.exported(written, output)
    else:
        raise SettingsError("--to", "", f"is not known: {to!r}; there are: asterix, {', '.join(RETOLD)}")


@app.command()
def verify(
    folders: Annotated[
        list[pathlib.Path] | None, typer.Argument(metavar="[DIR ...]", help="Or files. Default: here.")
    ] = None,
    schedule: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Hold the guns' schedule to Erlang, N threats a case (10000: 5 min)."),
    ] = 0,
    as_json: Json = False,
) -> None:
    """Run every reference set recognised in DIR against the models; print error beside tolerance."""
    from casemate.cli import show

    with show.compiling("verify"):
        from casemate.study import verification

        result = verification.verify(folders or ([] if schedule else [pathlib.Path()]), schedule)
    if as_json:
        print_json(result)
    else:
        show.verified(result)
    raise typer.Exit(0 if result.is_inside else 1)


@app.command()
def doctor(
    coverage: Annotated[
        str | None, typer.Option(metavar="SITE", help="Instead: when a site's radars see rounds. A file, or a name.")
    ] = None,
    round_class: Annotated[str, typer.Option("--round", help="The class of rounds, with --coverage.")] = "r107",
    rcs_dbsm: Annotated[
        float | None, typer.Option("--rcs", help="Its cross section in dBsm; default: of its class.")
    ] = None,
    output: Annotated[pathlib.Path | None, typer.Option("-o", "--output", help="The map (.png, .svg).")] = None,
    as_json: Json = False,
) -> None:
    """Say what is installed, warm and writable, and what is not; or what a site's radars cover."""
    from casemate.cli import show
    from casemate.io import doctor as ward

    if coverage is not None:
        from casemate.cli.coverage import cover

        file = output or fresh(pathlib.Path(f"coverage-{pathlib.Path(coverage).stem}-{round_class}"), ".png")
        found = cover(coverage, round_class, rcs_dbsm, file)
        if as_json:
            print_json(found)
        else:
            show.covered(found, file)
        return
    if output is not None:
        raise SettingsError("--output", "", "belongs to --coverage")
    checks = ward.examine()
    if as_json:
        print_json(checks)
    else:
        show.examined(checks)
    raise typer.Exit(0 if all(check.is_well or not check.is_needed for check in checks) else 1)


app.command()(protection.residue)
app.command()(serving.serve)
app.command()(replaying.replay)
app.command()(region.region)
app.command()(live.send)
app.command()(live.keys)
app.command()(live.password)
app.command()(live.arm)
app.command()(live.audit)
app.command()(why)
app.add_typer(questions.app)
app.add_typer(basemap.app)


def fresh(path: pathlib.Path, suffix: str = "") -> pathlib.Path:
    """Return the next free name: what a run left is never written over."""
    n = 1
    fresh = path.with_name(f"{path.name}{suffix}")
    while fresh.exists():
        n += 1
        fresh = path.with_name(f"{path.name}-{n}{suffix}")
    return fresh


def print_json(result: Any) -> None:  # noqa: ANN401 anything that msgspec can write
    """Print a result as JSON."""
    import msgspec

    typer.echo(json.dumps(msgspec.to_builtins(result), indent=2, sort_keys=True))


def finish(summary: dict[str, Any], folder: pathlib.Path, as_json: bool, is_due: bool = False) -> None:
    """Draw the picture, print what became of a run, and exit 1 where it is not whole and was not due to end."""
    from casemate.cli import show
    from casemate.io.picture import draw_run

    picture = folder / "picture.png"
    draw_run(folder, picture)
    if as_json:
        print_json(summary)
    else:
        show.outcome(summary, folder, picture)
    if not summary["is_whole"] and not is_due:
        typer.echo(f"stopped: {folder} holds all steps up to there; `casemate replay {folder}` reads it", err=True)
        raise typer.Exit(1)


@contextmanager
def named(folder: pathlib.Path) -> Generator[None]:
    """Say where an invariant broke: the loop knows the row, and only here the folder is known."""
    try:
        yield
    except InvariantError as error:
        if not isinstance(error.__cause__, InvariantError):
            traceback.print_exception(error.__cause__)
        why = (
            f"{error}; {folder} holds all whole steps up to there; "
            f"`casemate replay {folder} --until {error.row}` reads them, without --until it takes the broken one too"
        )
        raise typer.Exit(_say(why, _BROKEN)) from None


def main() -> None:
    """Run the command line; every expected failure is one line on standard error and an exit code."""
    try:
        code = app(standalone_mode=False)
        if code == _INTERRUPTED:
            code = _say("stopped", 1)
    except SettingsError as error:
        code = _say(error, 2)
    except CasemateError as error:
        code = _say(error, 1)
    except typer.Abort:
        code = _say("stopped", 1)
    except Exception as error:
        # Typer's own complaint about the call (a click.UsageError, whichever copy of click it carries) knows how to
        # say itself; anything else is a bug and keeps its traceback.
        if not hasattr(error, "format_message"):
            raise
        code = _say(error.format_message(), 2)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
    except KeyboardInterrupt:
        code = _say("stopped", 1)
    sys.exit(code or 0)


def _say(why: object, code: int) -> int:
    line = " ".join(str(why).split())
    if line:  # typer says nothing where it has shown the help
        sys.stderr.write(f"casemate: {line}\n")
    return code
