"""The bank of leaves: every hypothesis about which plots are one thing, and the plots of the last scans.

Face of the leaf kernels for storage: slots, their order, growth, copies. It knows nothing of motion or of scores.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.kernels.leaves import LEAF, MOST_CHILDREN, SPOT

Ints = NDArray[np.int64]
Rows = NDArray[np.void]


class Ended(NamedTuple):
    """A track that is over, and what it leaves behind."""

    t_birth_ns: int
    tree: int
    score: float


@dataclass(slots=True, eq=False)
class Bank:
    """Leaves by slot. `order` lists the living, trees side by side, older trees first; `free` are slots to take."""

    leaves: Rows  # LEAF (slots,)
    seen: Ints  # (slots, 2 sensors): when each sensor last hit the leaf, and when it last could have
    order: Ints
    free: Ints  # (slots,), of which `n_free` count, taken from the end
    n_free: int
    spots: Rows  # SPOT (m,), in order of arrival: a part of `room`
    base: int  # serial of spots[0]
    room: Rows  # SPOT
    begin: int = 0  # row of `room` where the spots begin
    next_id: int = 1  # of a track
    ended: tuple[Ended, ...] = ()  # the tracks that were over lately

    @classmethod
    def empty(cls, n_sensors: int, n_slots: int = 256) -> "Bank":
        """Make a bank without leaves."""
        free, room = np.arange(n_slots)[::-1].copy(), np.zeros(256, SPOT)
        seen = np.zeros((n_slots, 2 * n_sensors), np.int64)
        return cls(np.zeros(n_slots, LEAF), seen, np.zeros(0, np.int64), free, n_slots, room[:0], 1, room)

    def copy(self) -> "Bank":
        """Copy by value."""
        arrays = (self.leaves.copy(), self.seen.copy(), self.order.copy(), self.free.copy())
        spots = self.spots.copy()
        return Bank(*arrays, self.n_free, spots, self.base, spots, 0, self.next_id, self.ended)

    def of(self, field: str) -> NDArray[Any]:
        """Return one field of the living leaves, copied, in their order."""
        return self.leaves[field][self.order]

    def score(self, t_from_ns: int) -> float:
        """Return the total score of the things that appeared since a time, those that ended included [nats]."""
        over = sum(one.score for one in self.ended if one.t_birth_ns >= t_from_ns)
        counts = self.of("is_chosen") & (self.of("t_birth_ns") >= t_from_ns)
        return over + float(self.of("score")[counts].sum())

    def reserve(self, n: int) -> None:
        """Make sure that so many slots are free, and a leaf's worth beside."""
        n += MOST_CHILDREN
        if self.n_free >= n:
            return
        size = len(self.leaves)
        more = max(size, n)
        self.leaves = _longer(self.leaves, more)
        self.seen = _longer(self.seen, more)
        new = np.arange(size, size + more)[::-1]
        self.free = np.concatenate([new, self.free[: self.n_free], np.zeros(size - self.n_free, np.int64)])
        self.n_free += more

    def adopt(self, new: Ints) -> None:
        """Take new leaves into the order, behind the older ones of their tree."""
        if len(new):
            slots = np.concatenate([self.order, new])
            self.order = slots[np.argsort(self.leaves["tree"][slots], kind="stable")]

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Let go of the leaves of the order where the mask is False."""
        if np.count_nonzero(mask) == len(mask):
            return
        gone = self.order[~mask]
        self.free[self.n_free : self.n_free + len(gone)] = gone
        self.n_free += len(gone)
        self.order = self.order[mask]

    def add_spots(self, spots: Rows) -> int:
        """Append plots; returns the row of the first new one."""
        first = len(self.spots)
        total = first + len(spots)
        if self.begin + total > len(self.room):
            if 2 * total > len(self.room):
                self.room = np.zeros(4 * total, SPOT)
            self.room[:first], self.begin = self.spots.copy(), 0
        self.room[self.begin + first : self.begin + total] = spots
        self.spots = self.room[self.begin : self.begin + total]
        return first

    def take_in(self, other: "Bank") -> None:
        """Add the living leaves of another bank with the same serials."""
        self.reserve(len(other.order))
        slots = self.free[self.n_free - len(other.order) : self.n_free].copy()
        self.n_free -= len(slots)
        self.leaves[slots], self.seen[slots] = other.leaves[other.order], other.seen[other.order]
        self.ended += other.ended
        self.adopt(slots)

    def forget_spots(self, t_oldest_ns: int) -> None:
        """Forget the plots before a time that no leaf holds any more."""
        is_new = self.spots["t_ns"] >= t_oldest_ns
        n_old = int(is_new.argmax()) if np.count_nonzero(is_new) else len(is_new)
        self.spots, self.base, self.begin = self.spots[n_old:], self.base + n_old, self.begin + n_old


def _longer(block: NDArray[Any], more: int) -> NDArray[Any]:
    return np.concatenate([block, np.empty((more, *block.shape[1:]), block.dtype)])
