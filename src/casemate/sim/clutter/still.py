"""What stands, or keeps to its road: wind turbines, ground clutter, road traffic. Drawn once, at the start."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from casemate.physics.detection import STEADY
from casemate.sim.clutter.chance import Keys, draw_keys, uniform
from casemate.sim.clutter.declared import Ground, Turbines
from casemate.sim.clutter.look import SWERLING_1, Told
from casemate.sim.sensor import Bodies

Floats = NDArray[np.float64]


class Farms:
    """All wind turbines of a scenario.

    A look shows the mast, still; or, for its share, a flash of the blades: their cross section, anywhere between the
    tips, with a Doppler that fills the span of the tips as far as the rotor turns toward the radar.

    Parameters
    ----------
    farms : sequence of Turbines
        What is declared.
    ids : iterator of int
        Truth ids to give.
    rng : Generator
        Their own stream of chance.
    """

    def __init__(self, farms: Sequence[Turbines], ids: Iterator[int], rng: np.random.Generator) -> None:
        self.names: list[tuple[int, str]] = []
        owner: list[Turbines] = []
        places: list[Floats] = []
        for farm in farms:
            places.append(_grid(farm, rng))
            owner += [farm] * farm.count
            self.names += [(next(ids), f"{farm.name}-{i + 1}") for i in range(farm.count)]
        self._pos = np.concatenate([np.zeros((0, 3)), *places])
        self._blade_m = np.array([farm.blade_m for farm in owner])
        self._share = np.array([farm.flash_share for farm in owner])
        self._mast_dbsm = np.array([rng.uniform(*farm.rcs_dbsm) for farm in owner])
        self._blade_dbsm = np.array([rng.uniform(*farm.blade_rcs_dbsm) for farm in owner])
        self._tip_mps = np.array([rng.uniform(*farm.tip_mps) for farm in owner])
        self._keys = draw_keys(rng, len(owner))

    def prepare(self, from_s: float, until_s: float) -> bool:
        """Do nothing: they stand there."""
        del from_s, until_s
        return False

    def bodies(self, t0_s: float) -> Bodies:
        """Return what the beam may meet in the turn that begins at `t0_s`."""
        n = len(self._keys)
        is_flash = uniform(self._keys, t0_s) < self._share
        pos = self._pos.copy()
        pos[:, 2] += np.where(is_flash, self._blade_m * (2.0 * uniform(self._keys, t0_s, 1) - 1.0), 0.0)
        vel = np.zeros((n, 3))

        def at(t_s: Floats) -> tuple[Floats, Floats]:
            del t_s
            return pos, vel

        return Bodies(
            truth_id=np.array([truth_id for truth_id, _ in self.names], np.int64),
            start_s=np.full(n, -math.inf),
            end_s=np.full(n, math.inf),
            rcs_dbsm=np.where(is_flash, self._blade_dbsm, self._mast_dbsm),
            rcs_law=np.where(is_flash, SWERLING_1, STEADY),
            rcs_sigma_db=np.zeros(n),
            rate_spread_mps=np.where(is_flash, self._tip_mps, 0.0),
            at=at,
        )

    def told(self, t_s: float) -> Told:
        """Return where they stand: their hubs."""
        del t_s
        ids = np.array([truth_id for truth_id, _ in self.names], np.int64)
        return Told(ids, self._pos, np.zeros_like(self._pos), np.zeros(len(ids), np.bool_))


class Clumps:
    """Ground clutter and road traffic of a scenario: one label a clump.

    Parameters
    ----------
    grounds : sequence of Ground
        What is declared.
    ids : iterator of int
        Truth ids to give, one a clump.
    rng : Generator
        Its own stream of chance.
    """

    def __init__(self, grounds: Sequence[Ground], ids: Iterator[int], rng: np.random.Generator) -> None:
        self.names: list[tuple[int, str]] = []
        middles: list[Floats] = []
        drawn = [np.zeros((0, len(_COLUMNS)))]
        for ground in grounds:
            for k in range(ground.clumps):
                self.names.append((next(ids), f"{ground.name}-{k + 1}"))
                middle = _in_ring(ground.range_m, rng)
                middles.append(np.array([*middle, 0.5 * sum(ground.height_m)]))
                drawn.append(_clump(ground, len(self.names) - 1, middle, rng))
        self._middles = np.array(middles).reshape(-1, 3)
        table = np.concatenate(drawn)
        self._owner = table[:, 0].astype(np.int64)
        self._table = table[:, 1:]
        self._keys: Keys = draw_keys(rng, len(table))

    def prepare(self, from_s: float, until_s: float) -> bool:
        """Do nothing: all is there from the start."""
        del from_s, until_s
        return False

    def bodies(self, t0_s: float) -> Bodies:
        """Return what the beam may meet in the turn that begins at `t0_s`: a share of the reflectors."""
        shown = np.flatnonzero(uniform(self._keys, t0_s) < self._table[:, _SHARE])
        table, n = self._table[shown], len(shown)
        lift = np.tan(np.where(np.isnan(table[:, _APPARENT]), 0.0, table[:, _APPARENT]))
        has_lift = ~np.isnan(table[:, _APPARENT])

        def at(t_s: Floats) -> tuple[Floats, Floats]:
            east, north, up, axis, half, speed, phase = table[:, :7].T
            # Stop and go: its speed swings between 0 and the fastest; where one leaves the road's end, another enters.
            go = 2.0 * np.pi * (t_s + phase) / _GO_S
            way = 0.5 * speed * _GO_S / (2.0 * np.pi) * (go - np.sin(go))
            now = 0.5 * speed * (1.0 - np.cos(go))
            along = np.where(speed > 0.0, (way % (2.0 * half)) - half, 0.0)
            pos = np.stack([east + along * np.sin(axis), north + along * np.cos(axis), up], axis=1)
            pos[:, 2] = np.where(has_lift, np.hypot(pos[:, 0], pos[:, 1]) * lift, up)
            vel = np.stack([now * np.sin(axis), now * np.cos(axis), np.zeros(n)], axis=1)
            return pos, vel

        return Bodies(
            truth_id=np.array([truth_id for truth_id, _ in self.names], np.int64)[self._owner[shown]],
            start_s=np.full(n, -math.inf),
            end_s=np.full(n, math.inf),
            rcs_dbsm=table[:, _RCS],
            rcs_law=np.full(n, SWERLING_1),
            rcs_sigma_db=np.zeros(n),
            rate_spread_mps=np.zeros(n),
            at=at,
        )

    def told(self, t_s: float) -> Told:
        """Return where the middles of clumps are, at the true height."""
        del t_s
        ids = np.array([truth_id for truth_id, _ in self.names], np.int64)
        return Told(ids, self._middles, np.zeros_like(self._middles), np.zeros(len(ids), np.bool_))


_COLUMNS = ("owner", "east", "north", "up", "axis", "half", "speed", "phase", "rcs", "share", "apparent")
_RCS, _SHARE, _APPARENT = 7, 8, 9  # columns after the owner

_GO_S = 60.0
"""Time from stop to stop of road traffic [s]; assumption, a traffic light's round."""


def _in_ring(range_m: tuple[float, float], rng: np.random.Generator) -> Floats:
    # Evenly over the area of a ring.
    distance = math.sqrt(float(rng.uniform(range_m[0] ** 2, range_m[1] ** 2)))
    bearing = float(rng.uniform(0.0, 2.0 * math.pi))
    return distance * np.array([math.sin(bearing), math.cos(bearing)])


def _grid(farm: Turbines, rng: np.random.Generator) -> Floats:
    # Hubs (n, 3): a square grid about a middle, turned anyhow; tips keep within the declared heights.
    side = math.ceil(math.sqrt(max(farm.count, 1)))
    cell = np.stack(np.divmod(np.arange(farm.count), side), axis=1) - 0.5 * (side - 1)
    turn = float(rng.uniform(0.0, 2.0 * math.pi))
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    place = _in_ring(farm.range_m, rng) + farm.spacing_m * (cell @ rotation)
    hub = rng.uniform(farm.height_m[0] + farm.blade_m, farm.height_m[1] - farm.blade_m, farm.count)
    out: Floats = np.column_stack([place, hub])
    return out


def _clump(ground: Ground, i_clump: int, middle: Floats, rng: np.random.Generator) -> Floats:
    n = int(rng.poisson(ground.reflectors))
    is_road = ground.speed_mps[1] > 0.0
    place = middle + (0.0 if is_road else ground.clump_m) * rng.standard_normal((n, 2))
    fill = np.ones(n)
    apparent = ground.apparent_deg
    columns = {
        "owner": i_clump * fill,
        "east": place[:, 0],
        "north": place[:, 1],
        "up": rng.uniform(*ground.height_m, n),
        "axis": rng.uniform(0.0, math.pi) + math.pi * rng.integers(0, 2, n),  # both ways along one road
        "half": ground.clump_m * fill,
        "speed": rng.uniform(*ground.speed_mps, n),
        "phase": rng.uniform(0.0, 1e4, n),
        "rcs": rng.uniform(*ground.rcs_dbsm, n),
        "share": ground.share * fill,
        "apparent": np.full(n, math.nan) if apparent is None else np.radians(rng.uniform(*apparent, n)),
    }
    out: Floats = np.stack([np.asarray(columns[name], np.float64) for name in _COLUMNS], axis=1)
    return out
