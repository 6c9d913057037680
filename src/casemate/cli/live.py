"""The commands around live feeds and whom they tell: `send`, `keys`, `password`, `arm` and `audit`."""

import pathlib
from typing import Annotated

import typer

from casemate.errors import SettingsError

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON instead of a table.")]
MIN_PASSWORD = 8
"""Characters, as NIST SP 800-63B has it."""
Out = Annotated[pathlib.Path | None, typer.Option("-o", "--output", help="The run folder to write.")]


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


def password(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    role: Annotated[str, typer.Option(help="viewer, operator or commander.")] = "viewer",
) -> None:
    """Ask for a password, or take a line of standard input; print what the page's file of users needs of it."""
    import getpass
    import sys

    import msgspec

    from casemate.io.web.roles import Role, User, hashed

    said = getpass.getpass(f"password of {name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if len(said) < MIN_PASSWORD:
        raise SettingsError("password", "", f"is shorter than {MIN_PASSWORD} characters")
    try:
        user = msgspec.convert({"name": name, "role": role, "password": hashed(said)}, User)
    except msgspec.ValidationError:
        why = f"a name has letters, digits and . @ - _ only, a role is one of {', '.join(Role)}"
        raise SettingsError(f"{name}, {role}", "", why) from None
    typer.echo(f'[[user]]\nname = "{user.name}"\nrole = "{user.role}"\npassword = "{user.password}"')


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
