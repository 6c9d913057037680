"""What every part of the clutter answers: what a beam may meet in a turn, and where its things truly are."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from casemate.sim.sensor import Bodies

Floats = NDArray[np.float64]

TRUTH: Final = np.dtype(
    [
        ("truth_id", "u4"),
        ("label", "U24"),
        ("t_ns", "i8"),
        ("pos_m", "f8", (3,)),
        ("vel_mps", "f8", (3,)),
        ("is_alive", "?"),
    ]
)
"""Where everything truly is, ENU of the site; a round's last row is its end and not alive."""

HIDDEN_DBSM: Final = -200.0
"""Cross section of what does not show at this look: 12 orders below an insect."""

SWERLING_1: Final = 1
"""A law of fluctuation, as `Bodies.rcs_law` counts; the others are in `physics.detection`."""


class Told(NamedTuple):
    """The truth at one time: things, not the many scatterers of one; ENU of the site [m], [m/s]."""

    truth_id: NDArray[np.int64]
    pos_m: Floats  # (n, 3)
    vel_mps: Floats  # (n, 3)
    is_solid: NDArray[np.bool_]  # False: no simulated burst can destroy it

    def keep(self, rows: NDArray[np.bool_]) -> "Told":
        """Return these rows alone."""
        return Told(self.truth_id[rows], self.pos_m[rows], self.vel_mps[rows], self.is_solid[rows])

    @classmethod
    def joined(cls, parts: Sequence["Told"]) -> "Told":
        """Put several into one, in order."""
        return cls(
            np.concatenate([part.truth_id for part in parts]),
            np.concatenate([part.pos_m for part in parts]),
            np.concatenate([part.vel_mps for part in parts]),
            np.concatenate([part.is_solid for part in parts]),
        )


class Part(Protocol):
    """One part of the clutter: traffic, flocks, turbines, rain, ground."""

    @property
    def names(self) -> list[tuple[int, str]]:
        """Truth id and label of everything that is kept in mind."""
        ...

    def prepare(self, from_s: float, until_s: float) -> bool:
        """Draw everything up to `until_s`, forget what ended before `from_s`; tell if any name came or went."""
        ...

    def bodies(self, t0_s: float) -> Bodies:
        """Return what the beam may meet in the turn that begins at `t0_s`."""
        ...

    def told(self, t_s: float) -> Told:
        """Return where things are that exist at `t_s`."""
        ...
