"""Friendly traffic and birds: walkers born when their hour comes, forgotten once past.

Memory does not grow with the length of a run. Times are seconds since the scenario's start; ENU of the site.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from casemate.physics.detection import LOG_NORMAL
from casemate.sim.clutter.chance import draw_keys, uniform
from casemate.sim.clutter.declared import Traffic
from casemate.sim.clutter.legs import Legs, Mover, Walker
from casemate.sim.clutter.look import SWERLING_1, Told
from casemate.sim.sensor import Bodies

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Echo(NamedTuple):
    """How the cross section of a kind fluctuates and its Doppler spreads."""

    law: int = SWERLING_1
    sigma_db: float = 0.0  # of the log-normal law
    spread_mps: float = 0.0  # half width
    flash_share: float = 0.0  # share of looks that catch a flash of the blades
    flash_dbsm: float = 0.0
    flash_spread_mps: float = 0.0


ECHOES: Final[Mapping[str, Echo]] = {
    "aircraft": Echo(),
    "light": Echo(),
    # flash to 20 dBsm over +-200 m/s; some 20 flashes of 1 ms a second and dwells of 4 to 10 ms make the share [A]
    "helicopter": Echo(flash_share=0.15, flash_dbsm=20.0, flash_spread_mps=200.0),
    # heavy tails, which a log-normal of 5 dB stands for [A]; rotors of plastic show little
    "drone": Echo(LOG_NORMAL, 5.0, 2.0),
    # wing beats at 3 to 15 Hz: fast for a scan, so independent from look to look; their Doppler [A]
    "bird": Echo(LOG_NORMAL, 5.0, 2.0),
}
"""Section 5 of the project's public parameter list, column RCS (fluctuation)."""


class Source(Protocol):
    """Where walkers come from: when the next is due, and that one."""

    @property
    def due_s(self) -> float:
        """When the next is born; it moves on with `bear`."""
        ...

    def bear(self, truth_id: int) -> Mover:
        """Return the one that is due."""
        ...


class Hourly:
    """So many an hour, born evenly with a random shift inside each slot."""

    def __init__(self, traffic: Traffic, rng: np.random.Generator, births: np.random.Generator) -> None:
        self._traffic, self._rng, self._count = traffic, rng, 0
        self._births = _births(traffic.per_hour, births)
        self.due_s = next(self._births)

    def bear(self, truth_id: int) -> Walker:
        """Return the one that is due."""
        self._count += 1
        label = f"{self._traffic.kind}-{self._count}"
        walker = Walker(self._traffic, truth_id, label, self.due_s, self._rng.spawn(1)[0])
        self.due_s = next(self._births)
        return walker


class Flow:
    """Walkers from several sources, in one table.

    Parameters
    ----------
    sources : sequence of Source
        Where they come from.
    ids : iterator of int
        Truth ids to give.
    """

    def __init__(self, sources: Sequence[Source], ids: Iterator[int]) -> None:
        self._sources, self._ids = tuple(sources), ids
        self.walkers: list[Mover] = []
        self._ready_s = self._stale_s = -math.inf  # nothing to draw until, nothing to forget until
        self._tabulate()

    def prepare(self, from_s: float, until_s: float) -> bool:
        """Bear walkers and draw legs up to `until_s`, forget what ended before `from_s`; tell if any came or went."""
        if until_s < self._ready_s and from_s <= self._stale_s:
            return False
        walkers = [walker for walker in self.walkers if walker.end_s >= from_s]
        is_new = len(walkers) != len(self.walkers)
        for source in self._sources:
            while source.due_s <= until_s:
                walkers.append(source.bear(next(self._ids)))
                is_new = True
        is_drawn = is_new
        for walker in walkers:
            if walker.extend(until_s):
                walker.forget(from_s)
                is_drawn = True
        self.walkers = walkers
        ends = [walker.legs[-1].end_s for walker in walkers if walker.legs[-1].end_s < walker.end_s]
        self._ready_s = min((*(source.due_s for source in self._sources), *ends), default=math.inf)
        self._stale_s = min((walker.end_s for walker in walkers), default=math.inf)
        if is_drawn:
            self._tabulate()
        return is_new

    def _tabulate(self) -> None:
        walkers = self.walkers
        self.legs = Legs(walkers)
        self.truth_id = np.array([walker.truth_id for walker in walkers], np.int64)
        self.label = np.array([walker.label for walker in walkers], "U24")
        self.start_s = np.array([walker.born_s for walker in walkers])
        self.end_s = np.array([walker.end_s for walker in walkers])
        self.rcs_dbsm = np.array([walker.rcs_dbsm for walker in walkers])

    def at(self, i_body: Ints, t_s: Floats) -> tuple[Floats, Floats]:
        """Return where walkers are: see `Legs.at`."""
        return self.legs.at(i_body, t_s)

    @property
    def names(self) -> list[tuple[int, str]]:
        """Truth id and label of everything that is kept in mind."""
        return list(zip(self.truth_id.tolist(), self.label.tolist(), strict=True))

    def told(self, t_s: float) -> Told:
        """Return where those are that exist at `t_s`."""
        up = np.flatnonzero((self.start_s <= t_s) & (t_s < self.end_s))
        return Told(self.truth_id[up], *self.at(up, np.full(len(up), t_s)), np.ones(len(up), np.bool_))


class Skies:
    """Friendly aircraft and single birds of a scenario.

    Parameters
    ----------
    sources : sequence of Source
        Where they come from; a label begins with its kind.
    ids : iterator of int
        Truth ids to give.
    flashes : Generator
        The stream of what flashes.
    """

    def __init__(self, sources: Sequence[Source], ids: Iterator[int], flashes: np.random.Generator) -> None:
        self._flow = Flow(sources, ids)
        self._salt = int(draw_keys(flashes, 1)[0])
        self._echoes = np.zeros((0, len(Echo._fields)))

    @property
    def names(self) -> list[tuple[int, str]]:
        """Truth id and label of everything that is kept in mind."""
        return self._flow.names

    def prepare(self, from_s: float, until_s: float) -> bool:
        """Draw everything up to `until_s`, forget what ended before `from_s`; tell if any name came or went."""
        is_new = self._flow.prepare(from_s, until_s)
        if is_new:
            kinds = [label.split("-")[0] for _, label in self._flow.names]
            self._echoes = np.array([ECHOES[kind] for kind in kinds], np.float64).reshape(-1, len(Echo._fields))
        return is_new

    def bodies(self, t0_s: float) -> Bodies:
        """Return what the beam may meet in the turn that begins at `t0_s`."""
        flow, rows = self._flow, np.arange(len(self._flow.truth_id))
        law, sigma_db, spread_mps, flash_share, flash_dbsm, flash_spread_mps = self._echoes.T
        keys = flow.truth_id.astype(np.uint64) ^ np.uint64(self._salt)
        is_flash = uniform(keys, t0_s) < flash_share

        def at(t_s: Floats) -> tuple[Floats, Floats]:
            return flow.at(rows, t_s)

        return Bodies(
            truth_id=flow.truth_id,
            start_s=flow.start_s,
            end_s=flow.end_s,
            rcs_dbsm=np.where(is_flash, flash_dbsm, flow.rcs_dbsm),
            rcs_law=law.astype(np.int64),
            rcs_sigma_db=sigma_db,
            rate_spread_mps=np.where(is_flash, flash_spread_mps, spread_mps),
            at=at,
        )

    def told(self, t_s: float) -> Told:
        """Return where things are that exist at `t_s`."""
        return self._flow.told(t_s)


def hourly(traffic: Sequence[Traffic], rng: np.random.Generator) -> tuple[Source, ...]:
    """Return a source for each kind that is ever born, with a stream of chance of its own."""
    return tuple(Hourly(kind, rng, rng.spawn(1)[0]) for kind in traffic if kind.per_hour > 0.0)


def _births(per_hour: float, rng: np.random.Generator) -> Iterator[float]:
    slot_s = 3600.0 / per_hour
    i = 0
    while True:
        yield (i + float(rng.uniform())) * slot_s
        i += 1
