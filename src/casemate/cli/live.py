"""The commands that have to do with live feeds and whom they tell: `serve`, `send`, `keys`, `arm` and `audit`."""

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
    as_json: Json = False,
) -> None:
    """Run the station on live feeds until Ctrl-C; journal, tracks and warnings go to the run folder."""
    from casemate.cli import commands, show, watch

    folder, before = _next_run(output or pathlib.Path("runs") / site.stem)
    with show.compiling("track"), show.stop_flag() as stopped, watch.StatusTable() as table:
        from casemate import station

        telling = station.Telling(channels, tuple(arm or ()), tuple(drill_feed or ()), sound, after or before)
        with commands.named(folder):
            summary = station.serve(site, feed, folder, for_s, [table], stopped, telling)
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


def keys(
    name: Annotated[str, typer.Argument(help="The holder's name, as it shall stand in the channels file.")],
    output: Annotated[pathlib.Path, typer.Option("-o", "--output", help="The folder to write NAME.key into.")],
    as_json: Json = False,
) -> None:
    """Make a pair of keys for somebody who arms live channels; print what the channels file needs of it."""
    from casemate.cli import commands
    from casemate.io.channels import arming

    path, public = arming.make_keys(name, output)
    if as_json:
        commands.print_json({"name": name, "public_key": public, "private_key_file": str(path)})
    else:
        typer.echo(f'[[key_holder]]\nname = "{name}"\npublic_key = "{public}"')
        typer.echo(f"{path}: the private key, for {name} alone", err=True)


def arm(
    channels: Annotated[pathlib.Path, typer.Argument(help="The channels file (TOML).")],
    site: Annotated[pathlib.Path, typer.Option(help="The site file (TOML), whose zones are warned.")],
    key: Annotated[pathlib.Path, typer.Option(help="Your private key, as `casemate keys` made it.")],
    output: Annotated[pathlib.Path, typer.Option("-o", "--output", help="The statement to write.")],
    for_h: Annotated[str, typer.Option("--for", metavar="HOURS", help="How long it holds, as 8h; at most 12h.")] = "8h",
    as_json: Json = False,
) -> None:
    """Sign that the live channels of a file may be opened for a site's zones; it takes two of you."""
    import msgspec

    from casemate.cli import commands
    from casemate.io import settings
    from casemate.io.channels import arming
    from casemate.io.channels.opening import read_channels
    from casemate.io.feeds.clock import StationClock
    from casemate.model.catalog import zone_list_digest

    try:
        hours = float(for_h.removesuffix("h"))
    except ValueError:
        raise SettingsError("--for", "", f"must be a number of hours, as 8h, got {for_h!r}") from None
    declared, place = read_channels(channels), settings.read_site(site)
    scope = arming.scope_of(channels, zone_list_digest(place.zone), place.site.name)
    signed = arming.sign(declared, scope, key, StationClock().now_ns(), hours * 3600.0)
    try:
        output.write_bytes(msgspec.json.format(msgspec.json.encode(signed)) + b"\n")
    except OSError as error:
        raise SettingsError(str(output), "", f"cannot be written: {error.strerror or error}") from None
    if as_json:
        commands.print_json(signed)
    else:
        live = [each.name for each in declared.channel if each.audience == "live"]
        typer.echo(
            f"{signed.statement.holder} arms {', '.join(live) or 'nothing'} at {place.site.name} for {hours:g} h"
        )


def audit(
    run_folder: Annotated[pathlib.Path, typer.Argument(metavar="RUN", help="A run folder.")],
    as_json: Json = False,
) -> None:
    """Check the audit log of a run: that no line was changed, taken out, put in or cut off."""
    from casemate.cli import commands
    from casemate.io.channels.auditing import audit_run

    verdict = audit_run(run_folder)
    if as_json:
        commands.print_json({**verdict._asdict(), "is_whole": verdict.is_whole})
    else:
        counts = ", ".join(f"{n:,} {word}" for word, n in sorted(verdict.what.items()))
        typer.echo(f"{verdict.n_lines:,} lines ({counts}), {verdict.n_heads} counts kept elsewhere")
        for fault in verdict.faults:
            typer.echo(fault)
        typer.echo(f"whole and unchanged; last hash {verdict.sha256}" if verdict.is_whole else "NOT as it was written")
    raise typer.Exit(0 if verdict.is_whole else 1)
