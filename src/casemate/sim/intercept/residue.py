"""Residue on the ground: what came down, by cell and kind, with nothing lost."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError
from casemate.model.records import Records, freeze
from casemate.physics.environment import Environment
from casemate.physics.terrain import Terrain
from casemate.sim.intercept.debris import DEAD_ROUND, FALLEN, Loose, land, loose_shots, piece_air, round_air
from casemate.sim.intercept.fire import Spent

Floats = NDArray[np.float64]

HAZARDOUS_J: Final = 79.0
"""Energy from which a piece counts as hazardous [J]: 58 ft lb (armymunitions.tpub.com, Mm0150a)."""


class Residue(NamedTuple):
    """What lies in each cell of a square grid, per km2; row by north, column by east, from the south-western corner."""

    edges_m: Floats  # (k + 1,) of the cells, east and north alike, ENU of the site
    mass_kgpkm2: Floats  # (k, k)
    n_live_per_km2: Floats  # what may go off on the ground or did: unburst rounds, strikes, live bodies
    n_hazardous_per_km2: Floats  # things that land with more than `HAZARDOUS_J`
    mass_kg: float  # of all that came down, on the grid and beyond
    beyond_kg: float  # beyond the grid, or never down


class Line(NamedTuple):
    """A line of the table: a kind of thing."""

    what: str
    n: float
    mass_kg: float
    n_hazardous: float
    median_energy_j: float  # over pieces
    t_90_s: float  # by when nine tenths of the mass are down, since each was let go
    mass_beyond_kg: float  # farther from the site than `far_m`


def fall_of_burst(spent: Spent, rng: np.random.Generator, terrain: Terrain | None = None) -> Records:
    """Return what comes down of a burst's own rounds: FALLEN (k,)."""
    whole, pieces = loose_shots(spent, rng)
    air = spent.shots.air
    return freeze(np.concatenate([land(whole, air, terrain), land(pieces, piece_air(air), terrain)]))


def fall_of_round(loose: Loose, air: Environment, terrain: Terrain | None = None) -> Records:
    """Return what comes down of a round that was hit: FALLEN (k,)."""
    is_dead = loose.what == DEAD_ROUND
    dead, pieces = loose.keep(is_dead), loose.keep(~is_dead)
    return freeze(np.concatenate([land(dead, round_air(air), terrain), land(pieces, piece_air(air), terrain)]))


def gather(fallen: Records, half_m: float, cell_m: float) -> Residue:
    """Put what came down on a grid about the site.

    Parameters
    ----------
    fallen : FALLEN (k,)
        More columns may stand beside its own.
    half_m : float
        Half the width of the grid.
    cell_m : float
        Width of a cell; fits a whole number of times.

    Raises
    ------
    DomainError
        A cell that does not fit.
    """
    n = round(2.0 * half_m / cell_m) if cell_m > 0.0 else 0
    if n < 1 or abs(n * cell_m - 2.0 * half_m) > 1e-6 * half_m:
        raise DomainError("cell_m", cell_m, 0.0, 2.0 * half_m)
    if not {*(FALLEN.names or ())} <= {*(fallen.dtype.names or ())}:
        message = f"fallen must have the columns of FALLEN, not {fallen.dtype}"
        raise ValueError(message)
    edges = np.linspace(-half_m, half_m, n + 1)
    per_km2 = 1e6 / cell_m**2
    is_down = np.isfinite(fallen["pos_m"]).all(axis=1)
    rows = fallen[is_down]

    def over(weights: Floats) -> Floats:
        counts, _, _ = np.histogram2d(rows["pos_m"][:, 1], rows["pos_m"][:, 0], bins=(edges, edges), weights=weights)
        return counts

    mass = over(rows["mass_kg"])
    whole_kg = float(fallen["mass_kg"].sum())
    return Residue(
        edges_m=edges,
        mass_kgpkm2=per_km2 * mass,
        n_live_per_km2=per_km2 * over(np.where(rows["is_live"], rows["n"], 0.0)),
        n_hazardous_per_km2=per_km2 * over(np.where(rows["energy_j"] > HAZARDOUS_J, rows["n"], 0.0)),
        mass_kg=whole_kg,
        beyond_kg=float(fallen["mass_kg"][~_on_grid(fallen, half_m)].sum()),
    )


def _on_grid(fallen: Records, half_m: float) -> NDArray[np.bool_]:
    return np.max(np.abs(fallen["pos_m"]), axis=1) <= half_m  # NaN is not


def table_of(fallen: Records, far_m: float) -> tuple[Line, ...]:
    """Return a line for each kind of thing that came down; `far_m` from the site is beyond."""
    lines: list[Line] = []
    for what in np.unique(fallen["what"]).tolist():
        rows = fallen[(fallen["what"] == what) & np.isfinite(fallen["t_s"])]
        order = np.argsort(rows["t_s"])
        through = np.cumsum(rows["mass_kg"][order]) / max(float(rows["mass_kg"].sum()), 1e-12)
        by_energy = rows[np.argsort(rows["energy_j"])]
        half = int(np.searchsorted(np.cumsum(by_energy["n"]), 0.5 * float(rows["n"].sum())))
        is_far = np.hypot(rows["pos_m"][:, 0], rows["pos_m"][:, 1]) > far_m
        lines.append(
            Line(
                what,
                float(rows["n"].sum()),
                float(rows["mass_kg"].sum()),
                float(rows["n"][rows["energy_j"] > HAZARDOUS_J].sum()),
                float(by_energy["energy_j"][min(half, len(rows) - 1)]),
                float(rows["t_s"][order[min(int(np.searchsorted(through, 0.9)), len(rows) - 1)]]),
                float(rows["mass_kg"][is_far].sum()),
            )
        )
    return tuple(lines)
