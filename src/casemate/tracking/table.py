"""The table of tracks: a column per living track, in the order of their ids. Face of the ledger kernels.

It knows hits, misses and age, and nothing of motion: states and covariances are the filter's to change.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from casemate.kernels import ledger
from casemate.model.records import TRACK, Records, freeze

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

_T = TypeVar("_T", bound=np.generic)

IS_OUT = ledger.IS_OUT
"""Bit of the codes of a sweep: out of its coverage."""


class Reported(NamedTuple):
    """Tracks as the outside sees them: ENU state and covariance of the likelier model."""

    state: Floats  # (k, 7)
    cov: Floats  # (k, 7, 7)


class Limits(NamedTuple):
    """When a track coasts or ends; (2, ...) is of young tracks, then of confirmed ones."""

    quiet_ns: Floats  # (sensors,) silence that makes a confirmed track coast
    worst: Floats  # (2,) score of the misses since the last hit
    patience_ns: Floats  # (2, sensors) silence that ends a track
    lowest_m: float  # a round predicted under this has landed
    radius_m: float  # of the Earth


class Sifted(NamedTuple):
    """The tracks at the end of a step."""

    reported: Ints  # touched and finite
    keep: Flags  # (n,)
    n_bad: int  # not finite, or a variance below 0
    n_dropped: int
    n_firm: int  # confirmed, among those kept


class Table:
    """Structure of arrays. What `kernels.ledger` names is a row of a block with room for more tracks than live."""

    def __init__(self, n_sensors: int) -> None:
        self.n = 0
        self._x, self._cov, self._status = np.zeros((64, 2, 7)), np.zeros((64, 2, 7, 7)), np.zeros(64, np.uint8)
        self._ints = np.zeros((ledger.T_HIT + 2 * n_sensors, 64), np.int64)
        self._floats, self._flags = np.zeros((4, 64)), np.zeros((2, 64), np.bool_)
        self._bind()

    def _bind(self) -> None:
        n = self.n
        self.x, self.cov = self._x[:n], self._cov[:n]
        self.track_id, self.t_ns = self._ints[ledger.TRACK_ID, :n], self._ints[ledger.T_NS, :n]
        self.n_hit, self.nis = self._ints[ledger.N_HIT, :n], self._floats[ledger.NIS, :n]
        self.ln_odds, self.score = self._floats[ledger.LN_ODDS, :n], self._floats[ledger.SCORE, :n]
        self.has_round, self.has_height = self._flags[ledger.HAS_ROUND, :n], self._flags[ledger.HAS_HEIGHT, :n]

    # views of the first `n` of each block
    track_id: Ints
    t_ns: Ints  # of the state: the last hit
    x: Floats
    cov: Floats
    ln_odds: Floats
    has_round: Flags
    has_height: Flags
    n_hit: Ints
    score: Floats
    nis: Floats

    def extend(self, count: int) -> slice:
        """Add columns at the end, not yet written; returns where."""
        new = slice(self.n, self.n + count)
        if new.stop > len(self._x):
            size = 2 * new.stop
            self._x, self._cov = _widened(self._x, 0, size), _widened(self._cov, 0, size)
            self._ints, self._floats = _widened(self._ints, 1, size), _widened(self._floats, 1, size)
            self._flags, self._status = _widened(self._flags, 1, size), _widened(self._status, 0, size)
        self.n = new.stop
        self._bind()
        return new

    def begin(self, new: slice, i_plot: Ints, t_plot_ns: Ints, sensor_id: int, first_id: int, owner: Ints) -> None:
        """Write the ledger of new columns, one for each plot."""
        blocks = self._ints, self._floats, self._status
        ledger.begin_tracks(i_plot, t_plot_ns, sensor_id, first_id, new.start, *blocks, owner)

    def earliest_s(self, sensor_id: int, t_ref_ns: int, period_s: float) -> Floats:
        """Tell for each track how old a plot of a sensor may be [s from t_ref_ns]."""
        free_s = np.empty(self.n)
        ledger.earliest_plots(self._ints, sensor_id, t_ref_ns, period_s, free_s)
        return free_s

    def report_times(self, is_fresh: Flags, t_ns: int, oldest_ns: int) -> tuple[Ints, Floats]:
        """Give 0, 1, ... and to when each track is predicted [s from t_ns]."""
        i_track, t_s = np.empty(self.n, np.int64), np.empty(self.n)
        ledger.report_times(self._ints, is_fresh, t_ns, oldest_ns, i_track, t_s)
        return i_track, t_s

    def record_hits(
        self,
        hits: tuple[Ints, Ints, Floats],
        t_plot_ns: Ints,
        sensor_id: int,
        llr_most: float,
        is_fresh: Flags,
        owner: Ints,
    ) -> None:
        """Record which track was hit by which plot, and how likely; sets `is_fresh` of tracks, `owner` of plots."""
        blocks = self._ints, self._floats, self._status
        ledger.record_hits(*hits, t_plot_ns, sensor_id, llr_most, *blocks, is_fresh, owner)

    def count_misses(
        self,
        codes: Bytes,
        is_fresh: Flags,
        is_kept: Flags,
        sensor_id: int,
        times_ns: tuple[int, float, int],
        ln_miss: float,
        touched: Flags,
    ) -> None:
        """Count misses by a sweep's end, the time after which a track is due, and a turn (0: the sweep is a part)."""
        blocks = self._ints, self._floats, self._status
        ledger.count_misses(codes, is_fresh, is_kept, sensor_id, *times_ns, ln_miss, *blocks, touched)

    def age(self, now: Reported, t_ns: int, limits: Limits, touched: Flags) -> None:
        """Let tracks coast, and drop those that were missed too often, for too long, or are down."""
        blocks = self._ints, self._floats, self._flags, self._status
        ledger.age_tracks(now.state, t_ns, *limits, *blocks, touched)

    def confirm(self, ln_threshold: float) -> int:
        """Confirm the tracks whose score suffices; returns how many."""
        return ledger.confirm_tracks(self.n, ln_threshold, self._ints, self._floats, self._status)

    def sift(self, now: Reported, touched: Flags) -> Sifted:
        """Tell which tracks are to be reported and which live on."""
        index, keep = np.empty(self.n, np.int64), np.empty(self.n, np.bool_)
        n, *counts = ledger.sift_tracks(*now, self.x, self.cov, self._status, touched, index, keep)
        return Sifted(index[:n], keep, *counts)

    def rows(self, index: Ints, now: Reported, is_fresh: Flags, t_ns: int, ln_birth: Floats) -> Records:
        """Make the TRACK rows of some tracks: at their last hit where that is fresh, else at t_ns."""
        rows = np.empty(len(index), TRACK)
        blocks = self._ints, self._floats, self._flags, self._status
        ledger.fill_rows(index, *now, is_fresh, t_ns, ln_birth, *blocks, rows)
        return freeze(rows)

    def keep(self, mask: Flags) -> None:
        """Forget the tracks where the mask is False."""
        blocks = self._ints, self._floats, self._flags, self._status
        self.n = ledger.keep_tracks(mask, self._x, self._cov, *blocks)
        self._bind()


def _widened(block: NDArray[_T], axis: int, size: int) -> NDArray[_T]:
    shape = list(block.shape)
    shape[axis] = size
    wide = np.zeros(shape, block.dtype)
    wide[(slice(None),) * axis + (slice(block.shape[axis]),)] = block
    return wide
