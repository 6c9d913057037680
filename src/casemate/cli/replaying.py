"""`casemate replay`: a run from its journal, through the pipeline again or on a page to look at."""

import pathlib
import time
from typing import TYPE_CHECKING, Annotated

import typer

from casemate.cli.live import Json, Out
from casemate.errors import SettingsError

if TYPE_CHECKING:  # its room imports what a help text must not wait for
    from casemate.cli.page import Asked


def replay(
    run_folder: Annotated[pathlib.Path, typer.Argument(metavar="RUN", help="A run folder, whole or broken off.")],
    output: Out = None,
    speed: Annotated[float | None, typer.Option(help="Times real time; default: as fast as it can.")] = None,
    until: Annotated[int | None, typer.Option(min=1, help="Row of the journal to stop before.")] = None,
    in_order: Annotated[
        bool,
        typer.Option("--in-order", help="As if every plot had come at once, and none twice: another run, to compare."),
    ] = False,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Instead: show it on a page, to play and to seek; nothing is written."),
    ] = False,
    page: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where the page is served. Default: 127.0.0.1:8800.")
    ] = None,
    users: Annotated[pathlib.Path | None, typer.Option(help="Who may look (TOML); see `casemate password`.")] = None,
    certificate: Annotated[pathlib.Path | None, typer.Option(help="The page's certificate (PEM): TLS.")] = None,
    key: Annotated[pathlib.Path | None, typer.Option(help="The certificate's private key (PEM).")] = None,
    for_s: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0.0, help="With --serve: stop after so long.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Feed a run's journal through the pipeline again, the same bytes come out; or show the run on a page."""
    from casemate.cli.page import Asked

    asked = Asked(page, users, certificate, key)
    if serve:
        if (output, speed, until, in_order, as_json) != (None, None, None, False, False):
            raise SettingsError("--serve", "", "shows the run as it was: only --page, its keys and --for go with it")
        _show(run_folder, asked, for_s)
        return
    if asked != Asked() or for_s is not None:
        raise SettingsError("--page, --users, --certificate, --key, --for", "", "belong to --serve")
    _feed(run_folder, output, speed, until, is_ordered=in_order, as_json=as_json)


def _feed(
    run_folder: pathlib.Path,
    output: pathlib.Path | None,
    speed: float | None,
    until: int | None,
    *,
    is_ordered: bool,
    as_json: bool,
) -> None:
    from casemate.cli import commands, show

    if speed is not None and not 0.0 < speed < float("inf"):
        raise SettingsError("--speed", "", f"must be greater than 0, got {speed:g}")
    ending = "in-order" if is_ordered else "replay"
    folder = output or commands.fresh(run_folder.with_name(f"{run_folder.resolve().name}-{ending}"))
    with show.compiling("track"), show.stop_flag() as stopped, show.Bar("replaying") as bar:
        from casemate import station

        with commands.named(folder):
            summary = station.replay(run_folder, folder, speed, bar, stopped, until, is_ordered=is_ordered)
    commands.finish(summary, folder, as_json)


def _show(run_folder: pathlib.Path, asked: "Asked", for_s: float | None) -> None:
    from casemate.cli import commands, show
    from casemate.cli.page import served
    from casemate.io.channels.audit import AuditLog
    from casemate.runner.onlooking import screening_of

    with show.compiling("show"), show.stop_flag() as stopped, served(asked) as opener:
        log = None
        if asked.users is not None:  # who signed in is no part of the run
            folder = commands.fresh(run_folder.with_name(f"{run_folder.resolve().name}-shown"))
            folder.mkdir(parents=True)
            log = AuditLog(folder)
        with show.Bar("reading") as bar:
            screening = screening_of(run_folder, log, bar)
        opener(screening)
        typer.echo("the page stays until Ctrl-C", err=True)
        end_s = None if for_s is None else time.monotonic() + for_s
        while not stopped() and (end_s is None or time.monotonic() < end_s):
            time.sleep(0.1)
        if log is not None:
            log.close()
