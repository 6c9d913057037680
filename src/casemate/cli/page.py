"""The page beside a run: opened where the run begins, closed when whoever started it has seen enough."""

import contextlib
import importlib.util
import pathlib
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, NamedTuple

import typer

from casemate.errors import SettingsError

if TYPE_CHECKING:  # their rooms import what a help text must not wait for
    from casemate.io.web.screening import AnyPage
    from casemate.io.web.server import Door


class Asked(NamedTuple):
    """What was asked for on the command line."""

    page: str | None = None  # HOST:PORT; None: 127.0.0.1, at the usual port or the next one that is free
    users: pathlib.Path | None = None
    certificate: pathlib.Path | None = None
    key: pathlib.Path | None = None


def is_installed() -> bool:
    """Whether what a page needs is there."""
    return all(importlib.util.find_spec(name) for name in ("prometheus_client", "starlette", "uvicorn", "websockets"))


@contextlib.contextmanager
def served(asked: Asked) -> "Generator[Callable[[AnyPage], None]]":
    """Yield what serves a page until the block ends; the address is taken, or refused, at once.

    Raises
    ------
    SettingsError
        The extra is not installed, the port is taken, or the address is open to others without TLS and users.
    """
    if not is_installed():
        raise SettingsError("--page", "", "needs more than is installed: `pip install casemate[web]`, or --no-page")
    from casemate.io.web.app import make_app
    from casemate.io.web.roles import Keeper, read_users
    from casemate.io.web.server import Server, listen

    door = door_of(asked)
    keeper = Keeper(None if asked.users is None else read_users(asked.users))
    listener = listen(door)
    with contextlib.ExitStack() as stack:
        stack.callback(listener.close)

        def serve(page: "AnyPage") -> None:
            app = make_app(page, keeper, is_local=door.is_local, is_tls=door.is_tls)
            server = stack.enter_context(Server(app, door, listener))
            typer.echo(f"page  {server.url}", err=True)

        yield serve


def door_of(asked: Asked) -> "Door":
    """Return where to listen, as it was asked for.

    Raises
    ------
    SettingsError
        It is no address, or one that is open to others without TLS and users.
    """
    from casemate.io.web.server import Door

    if (asked.certificate is None) != (asked.key is None):
        raise SettingsError("--certificate", "", "and --key belong together")
    if asked.page is None:
        return Door(certificate=asked.certificate, key=asked.key)
    host, colon, port = asked.page.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 0xFFFF:
        raise SettingsError("--page", "", f"must be HOST:PORT, as 127.0.0.1:8800, got {asked.page!r}")
    door = Door(host.strip("[]"), int(port), asked.certificate, asked.key)
    if not door.is_local and (asked.users is None or not door.is_tls):
        why = f"{asked.page} is open to others: it takes --users, --certificate and --key"
        raise SettingsError("--page", "", why)
    return door
