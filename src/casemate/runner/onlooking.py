"""A page of a run, made of what the run is made of: as it happens, or of its journal."""

import pathlib
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from casemate.errors import JournalError, SettingsError
from casemate.io import journal
from casemate.io.channels import audit
from casemate.io.channels.areas import Place
from casemate.io.channels.desks import Desk
from casemate.io.channels.herald import Herald
from casemate.io.channels.stamps import REHEARSAL
from casemate.io.channels.texts import read_languages
from casemate.io.web.facts import LANGUAGES
from casemate.io.web.film import Film
from casemate.io.web.page import Note, Page
from casemate.io.web.scene import Premises
from casemate.io.web.screening import AnyPage, Screening
from casemate.physics.terrain import Terrain
from casemate.pipeline import Plan
from casemate.runner.loop import Progress
from casemate.runner.recording import Origin, terrain_of

Mark = Literal["", "EXERCISE", "SIMULATION", "REPLAY"]
"""What stands on everything that a page shows; nothing for what is live."""
Opener = Callable[[AnyPage], None]
"""Serves a page from now on; called before kernels are warmed up, so that browsers can wait for them."""


def premises_of(mark: Mark, plan: Plan, terrain: Terrain | None, origin: Origin) -> Premises:
    """Return what a page is told once: mark, names, places, and the flight model that draws arcs."""
    place = Place(plan.site, plan.rounds, plan.frame(), terrain)
    languages = read_languages(LANGUAGES)
    return Premises(mark, origin.run, origin.data, place, plan.sensors(), plan.environment(), languages)


def page_of(premises: Premises, desk: Desk) -> Page:
    """Return the page of a run that begins now; what is done on it goes to the run's audit log."""
    return Page(premises, Note(desk.audit.note, desk.now_ns, desk.folder / audit.NAME), desk.now_ns() // 10**6)


def screening_of(run: pathlib.Path, log: audit.AuditLog | None, progress: Progress | None = None) -> Screening:
    """Return the page of a run that is over, whole or broken off; its alarms are told again as a rehearsal.

    Parameters
    ----------
    run : Path
        Its folder; nothing in it is written.
    log : AuditLog, optional
        Where signing in and refusals go; None: nobody signs in.

    Raises
    ------
    SettingsError
        The folder holds no run that could be shown, or its plan is of another version.
    JournalError
        The journal is damaged.
    """
    path = run / "journal.sqlite"
    try:
        meta = journal.read_meta(path)
        plan = msgspec.json.decode(meta["plan"], type=Plan)
        origin = msgspec.json.decode(meta["origin"], type=Origin)
    except (JournalError, KeyError, msgspec.ValidationError) as error:
        raise SettingsError(str(run), "", f"holds no run that can be shown: {error}") from None
    premises = premises_of("REPLAY", plan, terrain_of(plan, run), origin)
    herald = Herald(REHEARSAL, premises.place, origin.run, plan.hold_s())
    if progress:
        progress.start(*journal.read_span(path))
    film = Film(path, premises, herald, progress.advance if progress else lambda _: None)
    told = _unheard if log is None else log.note
    return Screening(film, Note(told, time.time_ns, run / audit.NAME))


def _unheard(*_: object, **__: object) -> None:
    """Keep no note: at the machine itself nobody signs in."""
