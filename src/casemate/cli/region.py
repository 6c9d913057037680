"""`casemate region`: the page of many stations, from what they tell a NATS server."""

import pathlib
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from casemate.cli.live import Json
from casemate.errors import SettingsError

if TYPE_CHECKING:  # its room needs an extra
    from casemate.io.channels.nats_link import Wanted

_LOOK_S: Final = 0.2  # as often as a page has pictures
_CATCH_UP_S: Final = 3.0  # what is waited for the server before the page opens without it


def region(
    servers: Annotated[list[str], typer.Argument(metavar="URL...", help="NATS servers of one cluster.")],
    drill: Annotated[bool, typer.Option("--drill", help="Show drills instead of what is live.")] = False,
    name: Annotated[str, typer.Option(help="What the page calls the region.")] = "Region",
    output: Annotated[
        pathlib.Path, typer.Option("-o", "--output", help="The folder for the audit log; where it is, the next one.")
    ] = pathlib.Path("runs/region"),
    for_s: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0.0, help="Stop after so long.")
    ] = None,
    nats_ca: Annotated[pathlib.Path | None, typer.Option(help="Authority of the servers' certificates (PEM).")] = None,
    nats_cert: Annotated[pathlib.Path | None, typer.Option(help="Our certificate there (PEM).")] = None,
    nats_key: Annotated[pathlib.Path | None, typer.Option(help="Its private key (PEM).")] = None,
    nats_creds: Annotated[pathlib.Path | None, typer.Option(help="Our NATS credentials.")] = None,
    page: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where the page is served. Default: 127.0.0.1:8800.")
    ] = None,
    users: Annotated[
        pathlib.Path | None, typer.Option(help="Who may use the page, and as what (TOML); see `casemate password`.")
    ] = None,
    certificate: Annotated[pathlib.Path | None, typer.Option(help="The page's certificate (PEM): TLS.")] = None,
    key: Annotated[pathlib.Path | None, typer.Option(help="The certificate's private key (PEM).")] = None,
    as_json: Json = False,
) -> None:
    """Serve one page of all stations that tell these servers, until Ctrl-C."""
    from casemate.cli import commands, show
    from casemate.cli.page import Asked, served
    from casemate.io.channels.opening import need_extra

    need_extra("region", "nats", "nkeys")
    wanted = _wanted(tuple(servers), nats_ca, nats_cert, nats_key, nats_creds)
    with show.stop_flag() as stopped, served(Asked(page, users, certificate, key)) as opener:
        from casemate.io.channels import audit, nats_words
        from casemate.io.channels.texts import read_languages
        from casemate.io.feeds.clock import StationClock
        from casemate.io.recorder import check_writable
        from casemate.io.web.facts import LANGUAGES
        from casemate.io.web.page import Note, Page
        from casemate.io.web.region import Region
        from casemate.io.web.region_link import follow, pass_time

        folder, now_ns = commands.fresh(output), StationClock().now_ns
        check_writable(folder)
        log = audit.AuditLog(folder)
        log.note("begin", now_ns(), run="region", data="EXERCISE" if drill else "LIVE")
        shown = Region(name, "EXERCISE" if drill else "", read_languages(LANGUAGES))
        watched = Page(shown.scene.premises, Note(log.note, now_ns, folder / audit.NAME), now_ns() // 10**6)
        reader = follow(shown, watched, wanted, nats_words.DRILL if drill else nats_words.LIVE, now_ns)
        reader.start()
        if not reader.is_caught_up.wait(_CATCH_UP_S):
            typer.echo(f"no answer yet from {', '.join(servers)}; the page says when there is one", err=True)
        opener(watched)
        end_s = time.monotonic() + for_s if for_s is not None else float("inf")
        while not stopped() and time.monotonic() < end_s:
            pass_time(shown, watched, now_ns())
            time.sleep(_LOOK_S)
        reader.stop()
        watched.is_over = True
        log.note("end", now_ns())
        log.close()
    _finish(folder, shown.stations, as_json=as_json)


def _wanted(servers: tuple[str, ...], *files: pathlib.Path | None) -> "Wanted":
    import re

    from casemate.io.channels.nats import SERVER
    from casemate.io.channels.nats_link import Wanted, tls_of

    for server in servers:
        if not re.fullmatch(SERVER, server):
            raise SettingsError("URL", server, "must be nats://HOST:PORT or tls://HOST:PORT, without name and password")
    ca, cert, key, creds = (None if each is None else str(each) for each in files)
    if creds is not None and not pathlib.Path(creds).is_file():
        raise SettingsError("--nats-creds", "", f"{creds} is no file")
    return Wanted("casemate region", servers, tls_of("NATS", servers, ca, cert, key), creds, 2.0)


def _finish(folder: pathlib.Path, stations: dict[str, str], *, as_json: bool) -> None:
    from casemate.cli import commands

    result: dict[str, Any] = {"folder": str(folder), "stations": stations}
    if as_json:
        commands.print_json(result)
    else:
        told = ", ".join(f"{name} {how}" for name, how in sorted(stations.items())) or "none was heard"
        typer.echo(f"stations: {told}\naudit log in {folder}")
