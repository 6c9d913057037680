"""What falls on whom: residue of simulated guns and of rounds that were hit, by area and people, over many nights.

Expected values per night, each with the spread between nights. What nothing has stopped is not residue: it would have
come down without guns, too.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType] no stub

from casemate.sim.fallen import WHOLE, come_down, hit_rounds
from casemate.sim.intercept.residue import HAZARDOUS_J, Line, gather, table_of
from casemate.sim.people import Crowd
from casemate.study.nights import Ground, Night, Way, fly_nights, ground_of

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
        half = _t95(len(values)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
        return cls(mean, mean - half, mean + half)

    def __str__(self) -> str:
        """Say value and interval."""
        return "{} ({} to {})".format(*(_said(each) for each in (self.value, self.low, self.high)))


def _t95(n: int) -> float:
    return float(stdtrit(n - 1, 0.975))  # pyright: ignore[reportUnknownArgumentType]


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


class _Fell(msgspec.Struct, frozen=True, kw_only=True):
    # What one night leaves.
    rows: NDArray[np.void]
    n_shots: int
    n_hit: int
    let_go_kg: float
    n_struck: float


_PERSON_M2: Final = 0.5
"""Of ground that a person standing takes up, seen from above and aslant [A]."""


def study_falling(
    name: str, seeds: Sequence[int], p_dud: float | None = None, workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Falling:  # fmt: skip
    """Fly nights of a scenario with its guns, and gather what falls.

    Parameters
    ----------
    name : str
        Of a packaged scenario, or the path of a file.
    seeds : sequence of int
        A night each, at least one.
    p_dud : float, optional
        Share of the guns' rounds that do not destroy themselves, in place of their own.
    workers : int
        Processes; the answer does not depend on it.
    progress : callable, optional
        Told how many nights of how many are flown.
    """
    nights: list[_Fell] = []
    ways = [Way(seed, p_dud=p_dud) for seed in seeds]
    for night in fly_nights(name, ways, _of_night, workers):
        nights.append(night)
        if progress is not None:
            progress(len(nights), len(ways))
    return _summed(name, seeds, p_dud, nights)


def _of_night(ground: Ground, night: Night) -> _Fell:
    down = come_down(night.world)
    rows = down[down["what"] != WHOLE]
    crowd = Crowd(ground.scenario, ground.plan.site, ground.plan.frame())
    is_hazard = rows["energy_j"] > HAZARDOUS_J
    n_struck = float(np.sum((rows["n"] * crowd.per_m2_at(rows["pos_m"]))[is_hazard])) * _PERSON_M2
    fired = [(spent.told.left_s.size, spent.shots.kind) for _, _, spent in night.world.spent]
    live = rows[(rows["round_id"] == 0) & rows["is_live"]]
    n_shots = sum(n for n, _ in fired)
    # what stayed whole kept its charge, and is told by its mass; all others burnt it
    charges = {kind.mass_kg: kind.charge_kg for _, kind in fired}
    kept_kg = sum(charges[mass_kg] for mass_kg in live["mass_kg"].tolist())
    burnt_kg = sum(n * kind.charge_kg for n, kind in fired) - kept_kg
    return _Fell(
        rows=rows, n_shots=n_shots, n_hit=len(hit_rounds(night.world)),
        let_go_kg=sum(n * kind.mass_kg for n, kind in fired) - burnt_kg, n_struck=n_struck,
    )  # fmt: skip


def _summed(name: str, seeds: Sequence[int], p_dud: float | None, nights: list[_Fell]) -> Falling:
    n, ground = len(nights), ground_of(name)
    grids = [gather(night.rows, HALF_M, CELL_M) for night in nights]
    mass, live, hazard = (
        np.mean([getattr(grid, field) for grid in grids], axis=0)
        for field in ("mass_kgpkm2", "n_live_per_km2", "n_hazardous_per_km2")
    )
    edges = grids[0].edges_m
    middle = 0.5 * (edges[1:] + edges[:-1])
    east, north = np.meshgrid(middle, middle)
    crowd = Crowd(ground.scenario, ground.plan.site, ground.plan.frame())
    people = crowd.per_m2_at(np.column_stack((east.ravel(), north.ravel()))).reshape(east.shape) * CELL_M**2
    over = partial(_mean, nights)
    return Falling(
        scenario=name, first_seed=min(seeds), n_nights=n, p_dud=p_dud,
        shots=over(lambda night: night.n_shots),
        hit=over(lambda night: night.n_hit),
        fell_kg=over(lambda night: float(night.rows["mass_kg"].sum())),
        live=over(lambda night: float(night.rows["n"][night.rows["is_live"]].sum())),
        hazardous=over(lambda night: float(night.rows["n"][night.rows["energy_j"] > HAZARDOUS_J].sum())),
        people_struck=over(lambda night: night.n_struck),
        imbalance_share=max(_imbalance(night) for night in nights),
        beyond_kg=Mean.of([grid.beyond_kg for grid in grids]),
        n_people=float(people.sum()),
        under=tuple(
            Under(hazardous_per_km2=least, n_people=float(people[hazard >= least].sum()))
            for least in HAZARDOUS_PER_KM2
        ),
        lines=table_of(np.concatenate([night.rows for night in nights]), HALF_M),
        edges_m=edges.tolist(), kg_per_km2=mass.tolist(), live_per_km2=live.tolist(), hazardous_per_km2=hazard.tolist(),
    )  # fmt: skip


def _mean(nights: list[_Fell], value: Callable[[_Fell], float]) -> Mean:
    return Mean.of([value(night) for night in nights])


def _imbalance(night: _Fell) -> float:
    of_guns = float(night.rows["mass_kg"][night.rows["round_id"] == 0].sum())
    return abs(of_guns - night.let_go_kg) / max(night.let_go_kg, 1e-9)
