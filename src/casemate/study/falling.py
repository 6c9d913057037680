"""What falls on whom: residue of simulated guns and of rounds that were hit, by area and people, over many nights.

Expected values per night, each with the spread between nights. What nothing has stopped is not residue: it would have
come down without guns, too.
"""

import math
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from casemate.model.records import Records
from casemate.sim.fallen import COME_DOWN, WHOLE, come_down, hit_rounds
from casemate.sim.intercept.residue import HAZARDOUS_J, Line, gather, table_of
from casemate.sim.people import Crowd
from casemate.study.lines import t95
from casemate.study.nights import Flown, Variant, find, ground_of

Floats = NDArray[np.float64]

HALF_M: Final = 8000.0
CELL_M: Final = 250.0
"""The grid: no gun's round flies farther than 8 km, and a cell is what a street block is."""
HAZARDOUS_PER_KM2: Final = (1.0, 10.0, 100.0)
"""Pieces of more than `HAZARDOUS_J` a night from which people are counted."""


class Mean(msgspec.Struct, frozen=True):
    """A mean over nights, with the 95 % interval by Student's t; one night alone has none."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """Return the mean of at least one night."""
        mean = math.fsum(values) / len(values)
        if len(values) < 2:
            return cls(mean, -math.inf, math.inf)
        half = t95(len(values)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
        return cls(mean, mean - half, mean + half)

    def __str__(self) -> str:
        """Say value and interval."""
        return "{} ({} to {})".format(*(_said(each) for each in (self.value, self.low, self.high)))


def _said(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


class Under(msgspec.Struct, frozen=True, kw_only=True):
    """How many people live where so many hazardous pieces fall a night, expected."""

    hazardous_per_km2: float
    n_people: float


class Falling(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, per night."""

    scenario: str
    first_seed: int
    n_nights: int
    p_dud: float | None  # in place of the guns' own; None: theirs
    shots: Mean
    hit: Mean  # rounds of the raid
    fell_kg: Mean
    live: Mean  # things that may go off on the ground or did
    hazardous: Mean  # pieces and bodies of more than `HAZARDOUS_J`
    people_struck: Mean  # by those, if everybody stood in the open
    imbalance_share: float  # |mass down - (mass let go - burnt)| as a share of the mass let go, worst night
    beyond_kg: Mean  # outside the grid
    n_people: float  # on the grid
    under: tuple[Under, ...]
    lines: tuple[Line, ...]  # by kind of thing, over all nights together
    edges_m: list[float]  # (k + 1,)
    kg_per_km2: list[list[float]]  # (k, k) a night, row by north
    live_per_km2: list[list[float]]
    hazardous_per_km2: list[list[float]]


_PERSON_M2: Final = 0.5
"""Of ground that a person standing takes up, seen from above and aslant [A]."""


class Fell(msgspec.Struct, frozen=True, kw_only=True):
    """What one night leaves."""

    rows: bytes  # COME_DOWN (k,) of what is residue, compressed
    n_shots: int
    n_hit: int
    let_go_kg: float
    n_struck: float

    @classmethod
    def of(cls, flown: Flown) -> Self:
        """Gather what a night lets fall."""
        world, ground = flown.world, flown.ground
        down = come_down(world)
        rows = down[down["what"] != WHOLE]
        crowd = Crowd(ground.scenario, ground.plan.site, ground.plan.frame())
        is_hazard = rows["energy_j"] > HAZARDOUS_J
        n_struck = float(np.sum((rows["n"] * crowd.per_m2_at(rows["pos_m"]))[is_hazard])) * _PERSON_M2
        fired = [(spent.told.left_s.size, spent.shots.kind) for _, _, spent in world.spent]
        live = rows[(rows["round_id"] == 0) & rows["is_live"]]
        # what stayed whole kept its charge, and is told by its mass; all others burnt it
        charges = {kind.mass_kg: kind.charge_kg for _, kind in fired}
        kept_kg = sum(charges[mass_kg] for mass_kg in live["mass_kg"].tolist())
        burnt_kg = sum(n * kind.charge_kg for n, kind in fired) - kept_kg
        return cls(
            rows=zlib.compress(rows.tobytes()), n_shots=sum(n for n, _ in fired), n_hit=len(hit_rounds(world)),
            let_go_kg=sum(n * kind.mass_kg for n, kind in fired) - burnt_kg, n_struck=n_struck,
        )  # fmt: skip

    def table(self) -> Records:
        """Return what came down: COME_DOWN (k,)."""
        return np.frombuffer(zlib.decompress(self.rows), COME_DOWN)


def with_duds(name: str, p_dud: float | None = None) -> Variant:
    """Return a scenario to fly, its guns' rounds failing to destroy themselves that often; None: as they do.

    Parameters
    ----------
    name : str
        Of a packaged scenario, or the path of a file.
    p_dud : float, optional
        Share of the guns' rounds.
    """
    scenario, site = find(name)
    if p_dud is not None:
        guns = tuple(
            msgspec.structs.replace(gun, figures=msgspec.structs.replace(gun.resolved(), p_self_destruct_fails=p_dud))
            for gun in scenario.gun
        )
        scenario = msgspec.structs.replace(scenario, gun=guns)
    return Variant(name=name, scenario=scenario, site=site)


def falling_of(name: str, first_seed: int, p_dud: float | None, nights: Sequence[Fell]) -> Falling:
    """Return what falls, over nights of `with_duds`; at least one."""
    n, ground = len(nights), ground_of(name)
    tables = [night.table() for night in nights]
    grids = [gather(rows, HALF_M, CELL_M) for rows in tables]
    mass, live, hazard = (
        np.mean([getattr(grid, field) for grid in grids], axis=0)
        for field in ("mass_kgpkm2", "n_live_per_km2", "n_hazardous_per_km2")
    )
    edges = grids[0].edges_m
    middle = 0.5 * (edges[1:] + edges[:-1])
    east, north = np.meshgrid(middle, middle)
    crowd = Crowd(ground.scenario, ground.plan.site, ground.plan.frame())
    people = crowd.per_m2_at(np.column_stack((east.ravel(), north.ravel()))).reshape(east.shape) * CELL_M**2
    over = partial(_mean, tables)
    return Falling(
        scenario=name, first_seed=first_seed, n_nights=n, p_dud=p_dud,
        shots=Mean.of([night.n_shots for night in nights]),
        hit=Mean.of([night.n_hit for night in nights]),
        fell_kg=over(lambda rows: float(rows["mass_kg"].sum())),
        live=over(lambda rows: float(rows["n"][rows["is_live"]].sum())),
        hazardous=over(lambda rows: float(rows["n"][rows["energy_j"] > HAZARDOUS_J].sum())),
        people_struck=Mean.of([night.n_struck for night in nights]),
        imbalance_share=max(_imbalance(*each) for each in zip(nights, tables, strict=True)),
        beyond_kg=Mean.of([grid.beyond_kg for grid in grids]),
        n_people=float(people.sum()),
        under=tuple(
            Under(hazardous_per_km2=least, n_people=float(people[hazard >= least].sum()))
            for least in HAZARDOUS_PER_KM2
        ),
        lines=table_of(np.concatenate(tables), HALF_M),
        edges_m=edges.tolist(), kg_per_km2=mass.tolist(), live_per_km2=live.tolist(), hazardous_per_km2=hazard.tolist(),
    )  # fmt: skip


def _mean(tables: Sequence[Records], value: Callable[[Records], float]) -> Mean:
    return Mean.of([value(rows) for rows in tables])


def _imbalance(night: Fell, rows: Records) -> float:
    of_guns = float(rows["mass_kg"][rows["round_id"] == 0].sum())
    return abs(of_guns - night.let_go_kg) / max(night.let_go_kg, 1e-9)
