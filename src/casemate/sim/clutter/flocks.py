"""Flocks of birds: each flies legs as one, splits into parts that drift apart, and merges again."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.sim.clutter.declared import Flock, Traffic
from casemate.sim.clutter.flow import ECHOES, Flow
from casemate.sim.clutter.legs import Walker
from casemate.sim.clutter.look import HIDDEN_DBSM, Told
from casemate.sim.sensor import Bodies

Floats = NDArray[np.float64]

_MERGED = 0.15
"""Below this share of its widest split a flock is one echo: 30 m of 200, a resolution cell [A]."""


class _Shape(NamedTuple):
    # How a flock splits: part k stands apart_m s(t) in the direction k / n of a turn, s = sin^2(0.5 (rate t + phase)).
    parts: int
    apart_m: float
    rate_radps: float
    phase_rad: float
    axis_rad: float


class _Slot:
    # One flock after another, always one: the next is born when the last one leaves.

    def __init__(self, flock: Flock, i_slot: int, rng: np.random.Generator, shapes: dict[int, _Shape]) -> None:
        speed = flock.speed_mps
        slack = min(flock.drift_mps, 0.4 * (speed[1] - speed[0]))  # so that parts, drifting, keep the declared speed
        self._flock, self._slack_mps, self._rng, self._shapes = flock, slack, rng, shapes
        self._i_slot, self._count, self.due_s = i_slot, 0, 0.0
        self._as_one = Traffic(
            kind="bird",
            per_hour=0.0,
            speed_mps=(speed[0] + slack, speed[1] - slack),
            height_m=flock.height_m,
            rcs_dbsm=flock.rcs_dbsm,
            life_s=flock.life_s,
            leg_s=flock.leg_s,
            reach_m=flock.reach_m,
            load_g=flock.load_g,
            turn_dps=flock.turn_dps,
        )

    def bear(self, truth_id: int) -> Walker:
        """Return the flock that is due."""
        self._count += 1
        label = f"flock-{self._i_slot}.{self._count}"
        rng = self._rng.spawn(1)[0]
        walker = Walker(self._as_one, truth_id, label, self.due_s, rng)
        if self._count == 1:  # the first is met in the middle of its life, or all would leave together
            walker.end_s *= float(rng.uniform())
        apart_m = self._flock.apart_m * float(rng.uniform(0.5, 1.0))
        # s(t) changes by at most rate / 2 a second: parts drift no faster than `slack`
        self._shapes[truth_id] = _Shape(
            int(rng.integers(self._flock.parts[0], self._flock.parts[1] + 1)),
            apart_m,
            2.0 * self._slack_mps / apart_m,
            *rng.uniform(0.0, 2.0 * math.pi, 2).tolist(),
        )
        self.due_s = walker.end_s
        return walker


class Flocks:
    """All flocks of a scenario.

    Parameters
    ----------
    flocks : sequence of Flock
        What is declared.
    ids : iterator of int
        Truth ids to give; one a flock, whatever its parts.
    rng : Generator
        Their own stream of chance.
    """

    def __init__(self, flocks: Sequence[Flock], ids: Iterator[int], rng: np.random.Generator) -> None:
        self._shapes: dict[int, _Shape] = {}
        each = [flock for flock in flocks for _ in range(flock.at_once)]
        slots = [_Slot(flock, i, rng.spawn(1)[0], self._shapes) for i, flock in enumerate(each, 1)]
        self._flow = Flow(slots, ids)
        self._owner = np.zeros(0, np.int64)
        self._parts = np.zeros((0, 6))

    @property
    def names(self) -> list[tuple[int, str]]:
        """Truth id and label of everything that is kept in mind."""
        return self._flow.names

    def prepare(self, from_s: float, until_s: float) -> bool:
        """Draw everything up to `until_s`, forget what ended before `from_s`; tell if any name came or went."""
        is_new = self._flow.prepare(from_s, until_s)
        if is_new:
            ids = self._flow.truth_id.tolist()
            kept = {i: self._shapes[i] for i in ids}
            self._shapes.clear()
            self._shapes.update(kept)
            self._owner = np.repeat(np.arange(len(ids)), [shape.parts for shape in kept.values()])
            parts = [(*shape, k) for shape in kept.values() for k in range(shape.parts)]
            self._parts = np.array(parts, np.float64).reshape(-1, 6)
        return is_new

    def bodies(self, t0_s: float) -> Bodies:
        """Return what the beam may meet in the turn that begins at `t0_s`: of a merged flock, one echo."""
        flow, owner = self._flow, self._owner
        n, _, rate, phase, _, k = self._parts.T
        is_one = np.sin(0.5 * (rate * t0_s + phase)) ** 2 < _MERGED
        alone = np.where(k == 0.0, flow.rcs_dbsm[owner], HIDDEN_DBSM)
        echo = ECHOES["bird"]
        return Bodies(
            truth_id=flow.truth_id[owner],
            start_s=flow.start_s[owner],
            end_s=flow.end_s[owner],
            rcs_dbsm=np.where(is_one, alone, flow.rcs_dbsm[owner] - 10.0 * np.log10(n)),
            rcs_law=np.full(len(owner), echo.law),
            rcs_sigma_db=np.full(len(owner), echo.sigma_db),
            rate_spread_mps=np.full(len(owner), echo.spread_mps),
            at=self._at,
        )

    def _at(self, t_s: Floats) -> tuple[Floats, Floats]:
        pos, vel = self._flow.at(self._owner, t_s)
        n, apart, rate, phase, axis, k = self._parts.T
        angle = 0.5 * (rate * t_s + phase)
        toward = axis + 2.0 * np.pi * k / n
        way = np.stack([np.cos(toward), np.sin(toward), np.zeros(len(k))], axis=1)
        pos = pos + (apart * np.sin(angle) ** 2)[:, None] * way
        return pos, vel + (0.5 * apart * rate * np.sin(2.0 * angle))[:, None] * way

    def told(self, t_s: float) -> Told:
        """Return where the middles of flocks are that exist at `t_s`."""
        return self._flow.told(t_s)
