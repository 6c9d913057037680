"""A page of a run, made of what the run is made of."""

from collections.abc import Callable
from typing import Literal

from casemate.io.channels import audit
from casemate.io.channels.areas import Place
from casemate.io.channels.desks import Desk
from casemate.io.channels.texts import read_languages
from casemate.io.web.facts import LANGUAGES
from casemate.io.web.page import Note, Page
from casemate.io.web.scene import Premises
from casemate.physics.terrain import Terrain
from casemate.pipeline import Plan
from casemate.runner.recording import Origin

Mark = Literal["", "EXERCISE", "SIMULATION", "REPLAY"]
"""What stands on everything that a page shows; nothing for what is live."""
Opener = Callable[[Page], None]
"""Serves a page from now on; called before kernels are warmed up, so that browsers can wait for them."""


def premises_of(mark: Mark, plan: Plan, terrain: Terrain | None, origin: Origin) -> Premises:
    """Return what a page is told once: mark, names, places, and the flight model that draws arcs."""
    place = Place(plan.site, plan.rounds, plan.frame(), terrain)
    languages = read_languages(LANGUAGES)
    return Premises(mark, origin.run, origin.data, place, plan.sensors(), plan.environment(), languages)


def page_of(premises: Premises, desk: Desk) -> Page:
    """Return the page of a run that begins now; what is done on it goes to the run's audit log."""
    return Page(premises, Note(desk.audit.note, desk.now_ns, desk.folder / audit.NAME), desk.now_ns() // 10**6)
