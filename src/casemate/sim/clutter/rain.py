"""Rain: cells that drift, grow and fade, and give plots from anywhere in their volume.

A radar sees the drops in one resolution cell at a time; which of them stand out after its filters changes from turn to
turn. So a rain cell is many patches, placed anew for each turn within its volume of that moment.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.sim.clutter.chance import draw_keys, uniform
from casemate.sim.clutter.declared import Rain
from casemate.sim.clutter.look import HIDDEN_DBSM, SWERLING_1, Told
from casemate.sim.sensor import Bodies

Floats = NDArray[np.float64]

_K2: Final = 0.93
"""|K|^2 of water [-]: Doviak, Zrnic, Doppler Radar and Weather Observations, 1993, section 4.4."""

_BEAM_RAD: Final = math.radians(1.5)
_GATE_M: Final = 30.0
"""Resolution cell of a generic radar: 1.5 degrees both ways, 30 m deep [A]: the cell count of section 4 of the
project's public parameter list."""


class _Cell(NamedTuple):
    truth_id: int
    label: str
    start_s: float
    end_s: float
    key: np.uint64
    middle_m: Floats  # (2,) halfway through its life
    vel_mps: Floats  # (2,)
    radius_m: float
    top_m: float
    dbz: float
    rain: Rain

    def grown(self, t_s: float | Floats) -> Floats:
        """Return how much of its greatest size it has [-]: half a sine over its life."""
        return np.sin(math.pi * np.clip((np.asarray(t_s) - self.start_s) / (self.end_s - self.start_s), 0.0, 1.0))

    def middle_at(self, t_s: float) -> Floats:
        """Return its middle (3,) [m]."""
        east, north = self.middle_m + self.vel_mps * (t_s - 0.5 * (self.start_s + self.end_s))
        return np.array([east, north, 0.5 * self.top_m * float(self.grown(t_s))])


def rain_rcs_dbsm(reflectivity_db: float, range_m: Floats, wavelength_m: float) -> Floats:
    """Return the radar cross section of a resolution cell full of rain.

    Parameters
    ----------
    reflectivity_db : float [dBZ]
        Reflectivity factor over 1 mm6/m3.
    range_m : (n,) float64 [m]
        From the radar.
    wavelength_m : float
        Of the radar.

    Returns
    -------
    (n,) float64 [dBsm]

    References
    ----------
    Doviak, Zrnic, Doppler Radar and Weather Observations, 1993, equation 4.31: eta = pi^5 |K|^2 Z / wavelength^4.
    """
    eta_per_m = math.pi**5 * _K2 * 10.0 ** (0.1 * reflectivity_db - 18.0) / wavelength_m**4
    volume = 0.25 * math.pi * (_BEAM_RAD * range_m) ** 2 * _GATE_M
    return 10.0 * np.log10(eta_per_m * np.maximum(volume, 1e-6))


class Showers:
    """All rain of a scenario.

    Parameters
    ----------
    rain : sequence of Rain
        What is declared.
    ids : iterator of int
        Truth ids to give, one a cell.
    rng : Generator
        Its own stream of chance.
    """

    def __init__(self, rain: Sequence[Rain], ids: Iterator[int], rng: np.random.Generator) -> None:
        self._slots = [(each, rng.spawn(1)[0]) for each in rain for _ in range(each.at_once)]
        self._ids = ids
        self._counts = [0] * len(self._slots)
        self._due_s = [0.0] * len(self._slots)
        self._cells: list[_Cell] = []

    @property
    def names(self) -> list[tuple[int, str]]:
        """Truth id and label of everything that is kept in mind."""
        return [(cell.truth_id, cell.label) for cell in self._cells]

    def prepare(self, from_s: float, until_s: float) -> bool:
        """Draw everything up to `until_s`, forget what ended before `from_s`; tell if any name came or went."""
        cells = [cell for cell in self._cells if cell.end_s >= from_s]
        is_new = len(cells) != len(self._cells)
        for i in range(len(self._slots)):
            while self._due_s[i] <= until_s:
                cells.append(self._draw(i))
                is_new = True
        self._cells = cells
        return is_new

    def _draw(self, i_slot: int) -> _Cell:
        rain, rng = self._slots[i_slot]
        born_s, life_s = self._due_s[i_slot], float(rng.uniform(*rain.life_s))
        if self._counts[i_slot] == 0:  # the first is met somewhere in its life, or all would grow together
            born_s -= life_s * float(rng.uniform())
        self._due_s[i_slot] = born_s + life_s
        self._counts[i_slot] += 1
        bearing, distance = rng.uniform(0.0, 2.0 * math.pi), rain.reach_m * math.sqrt(rng.uniform())
        spread = rain.from_spread_deg
        heading = math.radians(rain.from_deg + 180.0 + float(rng.uniform(-spread, spread)))
        return _Cell(
            truth_id=next(self._ids),
            label=f"rain-{i_slot + 1}.{self._counts[i_slot]}",
            start_s=born_s,
            end_s=born_s + life_s,
            key=draw_keys(rng, 1)[0],
            middle_m=distance * np.array([math.sin(bearing), math.cos(bearing)]),
            vel_mps=float(rng.uniform(*rain.speed_mps)) * np.array([math.sin(heading), math.cos(heading)]),
            radius_m=float(rng.uniform(*rain.radius_m)),
            top_m=float(rng.uniform(*rain.top_m)),
            dbz=float(rng.uniform(*rain.reflectivity_dbz)),
            rain=rain,
        )

    def bodies(self, t0_s: float) -> Bodies:
        """Return what the beam may meet in the turn that begins at `t0_s`: as many patches as the cell is large."""
        counts = [cell.rain.patches for cell in self._cells]
        owner = np.repeat(np.arange(len(counts)), counts)
        placed = [_patches(cell, t0_s) for cell in self._cells]
        pos0 = np.concatenate([np.zeros((0, 3)), *(pos for pos, _ in placed)])
        vel = np.zeros((len(owner), 3))
        vel[:, :2] = np.array([cell.vel_mps for cell in self._cells]).reshape(-1, 2)[owner]

        def at(t_s: Floats) -> tuple[Floats, Floats]:
            return pos0 + vel * (t_s - t0_s)[:, None], vel

        return Bodies(
            truth_id=np.array([cell.truth_id for cell in self._cells], np.int64)[owner],
            start_s=np.array([cell.start_s for cell in self._cells])[owner],
            end_s=np.array([cell.end_s for cell in self._cells])[owner],
            rcs_dbsm=np.concatenate([np.zeros(0), *(rcs for _, rcs in placed)]),
            rcs_law=np.full(len(owner), SWERLING_1),  # many drops: exponential power
            rcs_sigma_db=np.zeros(len(owner)),
            rate_spread_mps=np.array([cell.rain.spread_mps for cell in self._cells])[owner],
            at=at,
        )

    def told(self, t_s: float) -> Told:
        """Return where the middles of cells are that exist at `t_s`."""
        cells = [cell for cell in self._cells if cell.start_s <= t_s < cell.end_s]
        pos = np.array([cell.middle_at(t_s) for cell in cells]).reshape(-1, 3)
        vel = np.array([(*cell.vel_mps, 0.0) for cell in cells]).reshape(-1, 3)
        return Told(np.array([cell.truth_id for cell in cells], np.int64), pos, vel, np.zeros(len(cells), np.bool_))


def _patches(cell: _Cell, t0_s: float) -> tuple[Floats, Floats]:
    # Evenly over an upright cylinder; fewer of them, in a smaller one, while it grows and fades.
    n, grown = cell.rain.patches, float(cell.grown(t0_s))
    keys = cell.key ^ np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    reach = cell.radius_m * math.sqrt(grown) * np.sqrt(uniform(keys, t0_s, 0))
    toward = 2.0 * math.pi * uniform(keys, t0_s, 1)
    pos = cell.middle_at(t0_s) + np.stack([reach * np.cos(toward), reach * np.sin(toward), np.zeros(n)], axis=1)
    pos[:, 2] = cell.top_m * grown * uniform(keys, t0_s, 2)
    range_m = np.sqrt((pos * pos).sum(1))
    rcs = rain_rcs_dbsm(cell.dbz, range_m, cell.rain.wavelength_m) - cell.rain.suppression_db
    return pos, np.where(np.arange(n) < n * grown, rcs, HIDDEN_DBSM)
