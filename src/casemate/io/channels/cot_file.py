"""A finished run as events of Cursor on Target, one a line, in the order in which they would have been sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels.cot_events import CotEvent, alarm_uid, area_events, deletion, notice_events, picture_events
from casemate.io.channels.features import OVER
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
    events = sorted((*_told(run), *_tracks(run), *_areas(run)), key=lambda each: each.t_ns)
    try:
        make_folder(_NAME, folder)
        write_whole(_NAME, folder / FILE, b"".join(each.xml + b"\n" for each in events), is_durable=True)
    except ChannelError as error:
        raise SettingsError(str(folder), "", error.why) from None
    return 1


def _told(run: RunMap) -> Iterator[CotEvent]:
    outlines: dict[str, list[CotEvent]] = {}
    for notice in run.notices:
        uid, said = alarm_uid(notice), notice_events(notice, run.geoid_m)
        yield from said
        if notice.phase in OVER:
            yield from (deletion(each, notice.t_sent_ns) for each in outlines.pop(uid, ()))
        else:
            outlines[uid] = [each for each in said[1:] if each.uid.startswith(uid)]


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
