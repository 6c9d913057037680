"""The commands that have to do with live feeds: `serve` and `send`."""

import pathlib
from typing import Annotated

import typer

from casemate.errors import SettingsError

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON instead of a table.")]
Out = Annotated[pathlib.Path | None, typer.Option("-o", "--output", help="The run folder to write.")]


def serve(
    site: Annotated[pathlib.Path, typer.Argument(help="The site file (TOML): sensors, zones, assets.")],
    feed: Annotated[list[str], typer.Option(help="URL of a feed, as udp://0.0.0.0:8600; may be given several times.")],
    output: Out = None,
    for_s: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0.0, help="Stop after so long.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the station on live feeds until Ctrl-C; journal, tracks and warnings go to the run folder."""
    from casemate.cli import commands, show, watch

    folder = output or commands.fresh(pathlib.Path("runs") / site.stem)
    with show.compiling("track"), show.stop_flag() as stopped, watch.StatusTable() as table:
        from casemate import station

        with commands.named(folder):
            summary = station.serve(site, feed, folder, for_s, [table], stopped)
    commands.finish(summary, folder, as_json)


def send(
    recording: Annotated[pathlib.Path, typer.Argument(help="ASTERIX recording: pcap, or raw blocks.")],
    to: Annotated[str, typer.Argument(metavar="URL", help="Where to, as udp://127.0.0.1:8600.")],
    speed: Annotated[float, typer.Option(help="Times as fast as it was recorded.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Play a recording to a UDP port, each datagram when it is due."""
    from casemate.cli import commands, show
    from casemate.io.feeds import playback

    if not 0.0 < speed < float("inf"):
        raise SettingsError("--speed", "", f"must be greater than 0, got {speed:g}")
    with show.stop_flag() as stopped:
        sent = playback.send(recording, to, speed, stopped)
    if as_json:
        commands.print_json(sent)
    else:
        typer.echo(f"{sent.n_datagrams:,} datagrams in {sent.wall_s:.1f} s to {to}")
