"""`casemate serve`: the station on live feeds, or a simulated one to look at, and the page of either."""

import contextlib
import pathlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from casemate.cli.live import Json, Out
from casemate.errors import SettingsError

if TYPE_CHECKING:  # its room imports what a help text must not wait for
    from casemate.cli.page import Asked
    from casemate.io.web.screening import AnyPage


def serve(
    site: Annotated[
        pathlib.Path | None, typer.Argument(help="The site file (TOML): sensors, zones, assets; not with --demo.")
    ] = None,
    feed: Annotated[
        list[str] | None, typer.Option(help="URL of a feed, as udp://0.0.0.0:8600; may be given several times.")
    ] = None,
    output: Out = None,
    for_s: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0.0, help="Stop after so long.")
    ] = None,
    channels: Annotated[
        pathlib.Path | None, typer.Option(help="The channels file (TOML): who is told, and how.")
    ] = None,
    arm: Annotated[
        list[pathlib.Path] | None, typer.Option(help="A statement of `casemate arm`; live channels take two.")
    ] = None,
    drill_feed: Annotated[
        list[str] | None, typer.Option(help="URL of a feed that carries an exercise, beside the live ones.")
    ] = None,
    after: Annotated[
        pathlib.Path | None, typer.Option(help="A run that was broken off, to go on with; else the last of its series.")
    ] = None,
    sound: Annotated[bool, typer.Option("--sound", help="Sound a tone here for each new warning and its end.")] = False,
    demo: Annotated[
        str | None, typer.Option(metavar="SCENARIO", help="Instead of feeds: simulate a scenario in real time.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="With --demo: instead of the scenario's own seed.")] = None,
    no_intercept: Annotated[bool, typer.Option("--no-intercept", help="With --demo: no gun fires.")] = False,
    page: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where the page is served. Default: 127.0.0.1:8800.")
    ] = None,
    no_page: Annotated[bool, typer.Option("--no-page", help="Serve no page.")] = False,
    users: Annotated[
        pathlib.Path | None, typer.Option(help="Who may use the page, and as what (TOML); see `casemate password`.")
    ] = None,
    certificate: Annotated[pathlib.Path | None, typer.Option(help="The page's certificate (PEM): TLS.")] = None,
    key: Annotated[pathlib.Path | None, typer.Option(help="The certificate's private key (PEM).")] = None,
    as_json: Json = False,
) -> None:
    """Run the station on live feeds, or a demonstration, until Ctrl-C, with a page to watch; results go to a folder."""
    from casemate.cli.page import Asked

    asked = None if no_page else Asked(page, users, certificate, key)
    if no_page and (page, users, certificate, key) != (None,) * 4:
        raise SettingsError("--no-page", "", "leaves nothing for --page, --users, --certificate and --key to say")
    if demo is not None:
        if site or feed or channels or arm or drill_feed or after or sound:
            raise SettingsError("--demo", "", "is a simulation: it takes no site, feed, channels or sound")
        _demonstrate(demo, seed, output, for_s, asked, is_intercepted=not no_intercept, as_json=as_json)
        return
    if site is None:
        raise SettingsError("SITE", "", "is missing: a site file, or --demo SCENARIO")
    if seed is not None or no_intercept:
        raise SettingsError("--seed, --no-intercept", "", "belong to --demo")
    told = channels, tuple(arm or ()), tuple(drill_feed or ()), sound, after
    _serve(site, feed or [], output, for_s, told, asked, as_json=as_json)


def _serve(
    site: pathlib.Path,
    feeds: list[str],
    output: pathlib.Path | None,
    for_s: float | None,
    told: tuple[pathlib.Path | None, tuple[pathlib.Path, ...], tuple[str, ...], bool, pathlib.Path | None],
    asked: "Asked | None",
    *,
    as_json: bool,
) -> None:
    from casemate.cli import commands, show, watch

    folder, before = _next_run(output or pathlib.Path("runs") / site.stem)
    with show.compiling("track"), show.stop_flag() as stopped, _opener(asked) as opener, watch.StatusTable() as table:
        from casemate import station

        with commands.named(folder):
            telling = station.Telling(*told[:-1], told[-1] or before)
            summary = station.serve(site, feeds, folder, for_s, [table], stopped, telling, opener)
    commands.finish(summary, folder, as_json)


def _next_run(path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path | None]:
    """Return the next free folder of a station's runs, and the run before it if that is over.

    So a supervisor starts a station by one command, however often.
    """
    from casemate.io.channels.desks import OWN_LOG
    from casemate.io.channels.unfinished import is_running

    runs: list[pathlib.Path] = []
    folder = path
    while (folder / "journal.sqlite").exists():
        runs.append(folder)
        folder = path.with_name(f"{path.name}-{len(runs) + 1}")
    return folder, next((run for run in runs[-1:] if not is_running(run, OWN_LOG.lines)), None)


def _demonstrate(
    scenario: str,
    seed: int | None,
    output: pathlib.Path | None,
    for_s: float | None,
    asked: "Asked | None",
    *,
    is_intercepted: bool,
    as_json: bool,
) -> None:
    from casemate.cli import commands, show

    if asked is None:
        raise SettingsError("--demo", "", "is there to be watched: with --no-page, `casemate run` is what you want")
    folder = output or commands.fresh(pathlib.Path("runs") / pathlib.Path(scenario).stem)
    end_s = None if for_s is None else time.monotonic() + for_s
    with show.compiling("run"), show.stop_flag() as stopped, _opener(asked) as opener:

        def is_over() -> bool:
            return stopped() or (end_s is not None and time.monotonic() >= end_s)

        from casemate import rehearsal

        with show.Bar("simulating") as bar, commands.named(folder):
            summary = rehearsal.run(
                scenario,
                seed,
                folder,
                with_intercept=is_intercepted,
                progress=bar,
                is_stopped=is_over,
                opener=opener,
            )
        if not is_over():
            typer.echo("the scenario is over; the page stays until Ctrl-C", err=True)
        while not is_over():
            time.sleep(0.1)
        is_due = not stopped()
    commands.finish(summary, folder, as_json, is_due)


def _opener(asked: "Asked | None") -> "contextlib.AbstractContextManager[Callable[[AnyPage], None] | None]":
    from casemate.cli import page

    if asked is None:
        return contextlib.nullcontext()
    if asked == page.Asked() and not page.is_installed():
        typer.echo("no page: `pip install casemate[web]` brings what it needs", err=True)
        return contextlib.nullcontext()
    return page.served(asked)
