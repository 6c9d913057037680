"""Everything in a simulated sky that is no round: the parts of the clutter as one.

Traffic, flocks, wind turbines, rain and the ground, each moving and fluctuating as its kind does. The truth of each is
keyed beside the plots, never inside them. This room must not know the pipeline.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from casemate.sim.clutter.flocks import Flocks
from casemate.sim.clutter.flow import Skies, Source, hourly
from casemate.sim.clutter.look import Part, Told
from casemate.sim.clutter.rain import Showers
from casemate.sim.clutter.still import Clumps, Farms
from casemate.sim.scenario import Scenario
from casemate.sim.sensor import Bodies

__all__ = ["Clutter", "Told"]


class Clutter:
    """All clutter of a scenario. Memory does not grow with the length of a run.

    Parameters
    ----------
    scenario : Scenario
        What is declared.
    first_id : int
        The first truth id to give.
    traffic, rest : Generator
        Streams of chance: of walking traffic, and of everything else, so that rain does not move the aircraft.
    friends : sequence of Source
        Aircraft on declared ways.
    """

    def __init__(
        self,
        scenario: Scenario,
        first_id: int,
        traffic: np.random.Generator,
        rest: np.random.Generator,
        friends: Sequence[Source] = (),
    ) -> None:
        ids = itertools.count(first_id)
        flashes, flocks, farms, ground, rain, more_flashes = rest.spawn(6)
        self._parts: tuple[Part, ...] = (
            Farms(scenario.turbines, ids, farms),
            Clumps(scenario.ground, ids, ground),
            Skies(hourly(scenario.traffic, traffic), ids, flashes),
            Flocks(scenario.flock, ids, flocks),
            Showers(scenario.rain, ids, rain),
            Skies(friends, ids, more_flashes),  # last: the ids of all else stay as they are
        )

    @property
    def names(self) -> dict[int, str]:
        """Label of each truth id that is kept in mind."""
        return dict(itertools.chain.from_iterable(part.names for part in self._parts))

    def prepare(self, from_s: float, until_s: float) -> bool:
        """Draw everything up to `until_s`, forget what ended before `from_s`; tell if any name came or went."""
        changes = [part.prepare(from_s, until_s) for part in self._parts]  # each of them, whatever the others say
        return any(changes)

    def bodies(self, t0_s: float) -> tuple[Bodies, ...]:
        """Return what the beam may meet in the turn that begins at `t0_s` [s since the scenario's start], by part."""
        return tuple(part.bodies(t0_s) for part in self._parts)

    def told(self, t_s: float) -> Told:
        """Return the truth at `t_s` [s since the scenario's start], inside what was prepared."""
        return Told.joined([part.told(t_s) for part in self._parts])
