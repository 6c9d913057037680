"""A finished run as events of Cursor on Target, one a line, in the order in which they would have been sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels.cot_events import CotEvent, area_events, notice_events, picture_events
from casemate.io.channels.files import make_folder, write_whole
from casemate.io.channels.run_map import RunMap
from casemate.model.notices import DrillPicture

_NAME: Final = "export"
FILE: Final = "run.cot"


def write_run(run: RunMap, folder: Path) -> int:
    """Write the events of a run to `run.cot` in a folder; return how many files that makes.

    Raises
    ------
    SettingsError
        The folder cannot be written.
    """
    told = (each for notice in run.notices for each in notice_events(notice, run.geoid_m))
    events = sorted((*told, *_tracks(run), *_areas(run)), key=lambda each: each.t_ns)
    try:
        make_folder(_NAME, folder)
        write_whole(_NAME, folder / FILE, b"".join(each.xml + b"\n" for each in events), is_durable=True)
    except ChannelError as error:
        raise SettingsError(str(folder), "", error.why) from None
    return 1


def _tracks(run: RunMap) -> Iterator[CotEvent]:
    for points in run.tracks.values():
        for each in points:
            yield from picture_events(
                DrillPicture(station=run.station, t_ns=each.t_ns, tracks=(each,), areas=()), run.geoid_m
            )


def _areas(run: RunMap) -> Iterator[CotEvent]:
    for shown in run.areas.values():
        for t_ns, area in shown:
            picture = DrillPicture(station=run.station, t_ns=t_ns, tracks=(), areas=(area,))
            yield from area_events(area, picture, run.geoid_m)
