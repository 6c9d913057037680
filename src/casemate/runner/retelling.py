"""A finished run told again from its journal, for exports: always as a rehearsal, whatever it was.

What was told live stands in the folders of the live channels and in the audit log. An export is a copy that anybody can
make without a key, so nothing in it can be taken for an alarm.
"""

import json
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from casemate.errors import JournalError, SettingsError
from casemate.io import journal
from casemate.io.channels.areas import Place
from casemate.io.channels.herald import Herald
from casemate.io.channels.stamps import REHEARSAL
from casemate.io.profile import StrPath
from casemate.model.messages import Aside, Events
from casemate.model.notices import DrillHeartbeat, DrillPicture, RehearsalNotice
from casemate.pipeline import Plan
from casemate.runner.recording import terrain_of


class Step(NamedTuple):
    """What one step of a run told, and what a map showed after it."""

    t_ns: int
    notices: tuple[RehearsalNotice, ...]
    picture: DrillPicture


class Retelling(NamedTuple):
    """A run: where it was, how far the ellipsoid lies under its sea level there, and its steps."""

    station: str
    geoid_m: float
    steps: Iterator[Step]


def retell(run: StrPath) -> Retelling:
    """Tell a finished run again.

    Parameters
    ----------
    run : str or path
        Its folder.

    Raises
    ------
    SettingsError
        The folder holds no run, or its plan is of another version.
    """
    path = pathlib.Path(run) / "journal.sqlite"
    try:
        meta = journal.read_meta(path)
        plan = msgspec.json.decode(meta["plan"], type=Plan)
    except (JournalError, KeyError, msgspec.ValidationError) as error:
        raise SettingsError(str(run), "", f"is no run that can be told again: {error}") from None
    place = Place(plan.site, plan.rounds, plan.frame(), terrain_of(plan, path))
    name = json.loads(meta["origin"]).get("run") or pathlib.Path(run).resolve().name
    herald = Herald(REHEARSAL, place, name, plan.hold_s())
    return Retelling(plan.site.site.name, place.frame.geoid_m, _steps(path, herald))


def _steps(path: pathlib.Path, herald: Herald[RehearsalNotice, DrillPicture, DrillHeartbeat]) -> Iterator[Step]:
    inputs = (message for message in journal.read_inputs(path) if not isinstance(message, Aside))
    for message, payload in zip(inputs, journal.read_events(path), strict=False):  # a torn run ends with an input
        events = journal.decode(payload)
        assert isinstance(events, Events)  # its kind says so
        notices = herald.take(message, events)
        yield Step(events.t_ns, notices, herald.picture(events.t_ns))
