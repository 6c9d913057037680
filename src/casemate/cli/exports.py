"""What `casemate export` writes of what a run told and showed: CAP, Cursor on Target, GeoJSON, CZML."""

import pathlib
from collections.abc import Callable
from typing import Final

import msgspec

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels.cap_settings import Settings
from casemate.io.channels.channel import Reply
from casemate.io.channels.cot_file import write_run
from casemate.io.channels.czml import czml_of
from casemate.io.channels.opening import need_extra
from casemate.io.channels.run_map import RunMap, geojson_of, write_file
from casemate.runner.retelling import retell

_NOBODY: Final = "export@casemate.invalid"
"""Who sends exported alerts: a name that no station can have (RFC 2606), so that none is taken for what was sent."""


class Retold(msgspec.Struct, frozen=True):
    """What an export wrote."""

    files: int
    notices: int
    tracks: int


def export_retold(run_folder: pathlib.Path, to: str, output: pathlib.Path) -> Retold:
    """Write what a run told and showed into a folder.

    Parameters
    ----------
    run_folder : Path
    to : str
        One of `RETOLD`.
    output : Path

    Raises
    ------
    SettingsError
        The run cannot be read, or the folder not be written.
    """
    run = retell(run_folder)
    shown = RunMap(run.station, run.geoid_m)
    for step in run.steps:
        shown.add(step.t_ns, step.notices, step.picture)
    return Retold(RETOLD[to](shown, output), len(shown.notices), len(shown.tracks))


def _write_cap(shown: RunMap, output: pathlib.Path) -> int:
    settings = Settings(
        name="export",
        audience="drill",
        folder=".",
        sender=_NOBODY,
        sender_name=f"Export of {shown.station}"[:80],
        feed_length=10_000,
    )
    need_extra(settings.name, "lxml", "signxml")
    from casemate.io.channels.cap import Cap

    channel = Cap(settings, output, _ignore)
    try:
        channel.open()
        for notice in shown.notices:
            channel.send(notice)
    except ChannelError as error:
        raise SettingsError(str(output), "", error.why) from None
    return len(shown.notices) + bool(shown.notices)  # and the feed


def _write_geojson(shown: RunMap, output: pathlib.Path) -> int:
    write_file(output, "run.geojson", geojson_of(shown))
    return 1


def _write_czml(shown: RunMap, output: pathlib.Path) -> int:
    write_file(output, "run.czml", czml_of(shown))
    return 1


def _ignore(reply: Reply) -> None:
    """Nobody answers a file."""


RETOLD: Final[dict[str, Callable[[RunMap, pathlib.Path], int]]] = {
    "cap": _write_cap,
    "cot": write_run,
    "czml": _write_czml,
    "geojson": _write_geojson,
}
