"""Ledger kernels: the life of tracks. Hits, misses, age, birth and end, and the rows that the outside sees.

The table of tracks is a few blocks with a column per track, rooms for more behind the living ones: `ints`, `floats`
and `flags`, whose rows are named below, and `status`. Whole blocks are handed over, so that their layout never changes;
how many tracks live is the length of the other arguments, or `n`. Times are ns UTC, as everywhere in a ledger.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Rows = NDArray[np.void]

TRACK_ID, T_NS, N_HIT, N_MISS, I_SENSOR, T_HIT, T_CHANCE = 0, 1, 2, 3, 4, 5, 6
"""Rows of `ints`. T_NS is of the last hit, by I_SENSOR. The last two repeat for each sensor, 2 rows further on: when it
last hit the track, and when it last could have."""

LN_ODDS, SCORE, MISS_SCORE, NIS = 0, 1, 2, 3
"""Rows of `floats`; MISS_SCORE is the part of the score lost since the last hit."""

HAS_ROUND, HAS_HEIGHT = 0, 1
"""Rows of `flags`."""

TENTATIVE, CONFIRMED, COASTING, DROPPED = 0, 1, 2, 3
PASSED, IS_OUT, IS_BLIND = 1, 2, 4
"""Bits of the codes that `looks.watch_tracks` writes."""

NS = 1e9
MOST_COUNT = 65_535
"""What a count of a row can hold."""


@njit(cache=True, error_model="numpy")
def earliest_plots(ints: Ints, s: int, t_ref_ns: int, period_s: float, free_s: Floats) -> None:
    """Write the time [s from t_ref_ns] of the earliest plot of sensor `s` that may be for each track.

    Half a turn after that sensor's last hit, and not more than a turn before the last hit by any.
    """
    for i in range(free_s.shape[0]):
        again_s = (ints[T_HIT + 2 * s, i] - t_ref_ns) / NS + 0.5 * period_s
        free_s[i] = max(again_s, (ints[T_NS, i] - t_ref_ns) / NS - period_s)


@njit(cache=True, error_model="numpy")
def report_times(ints: Ints, is_fresh: Flags, t_ns: int, oldest_ns: int, i_track: Ints, t_s: Floats) -> None:
    """Write 0, 1, ... and to when each track is predicted [s from t_ns]: its last hit where that is fresh, else t_ns.

    Never beyond `oldest_ns` after the last hit.
    """
    for i in range(is_fresh.shape[0]):
        last_ns = ints[T_NS, i]
        i_track[i] = i
        t_s[i] = ((last_ns if is_fresh[i] else min(t_ns, last_ns + oldest_ns)) - t_ns) / NS


@njit(cache=True, error_model="numpy")
def record_hits(
    i_track: Ints,
    i_plot: Ints,
    llr: Floats,
    t_plot_ns: Ints,
    s: int,
    most: float,
    ints: Ints,
    floats: Floats,
    status: Bytes,
    is_fresh: Flags,
    owner: Ints,
) -> None:
    """Record that plot i_plot[k] of sensor `s` hit track i_track[k]; scores stop growing at `most`.

    `is_fresh` is set for the tracks, `owner` of the plots becomes the track's id.
    """
    for k in range(i_track.shape[0]):
        i, j = i_track[k], i_plot[k]
        t_ns = t_plot_ns[j]
        ints[T_NS, i], ints[T_HIT + 2 * s, i], ints[T_CHANCE + 2 * s, i] = t_ns, t_ns, t_ns
        ints[N_MISS, i], ints[I_SENSOR, i] = 0, s
        floats[SCORE, i], floats[MISS_SCORE, i] = min(floats[SCORE, i] + llr[k], most), 0.0
        if status[i] == COASTING:
            status[i] = CONFIRMED
        is_fresh[i] = True
        owner[j] = ints[TRACK_ID, i]


@njit(cache=True, error_model="numpy")
def begin_tracks(
    i_plot: Ints,
    t_plot_ns: Ints,
    s: int,
    first_id: int,
    first: int,
    ints: Ints,
    floats: Floats,
    status: Bytes,
    owner: Ints,
) -> None:
    """Begin the ledger of a new track for each plot of sensor `s`, from column `first` and the id `first_id` on.

    N_HIT, LN_ODDS and the flags are `tracks.start_tracks`'s to write.
    """
    for k in range(i_plot.shape[0]):
        i, t_ns = first + k, t_plot_ns[i_plot[k]]
        ints[T_HIT:, i] = 0
        ints[T_NS, i], ints[T_HIT + 2 * s, i], ints[T_CHANCE + 2 * s, i] = t_ns, t_ns, t_ns
        ints[TRACK_ID, i], ints[N_MISS, i], ints[I_SENSOR, i] = first_id + k, 0, s
        floats[SCORE, i], floats[MISS_SCORE, i], floats[NIS, i] = 0.0, 0.0, math.nan
        status[i] = TENTATIVE
        owner[i_plot[k]] = first_id + k


@njit(cache=True, error_model="numpy")
def count_misses(
    codes: Bytes,
    is_fresh: Flags,
    is_kept: Flags,
    s: int,
    t_end_ns: int,
    due_ns: float,
    turn_ns: int,
    ln_miss: float,
    ints: Ints,
    floats: Floats,
    status: Bytes,
    touched: Flags,
) -> None:
    """Count a miss of sensor `s` for each track that its sweep passed and did not hit; drop those out of its coverage.

    A track is due `due_ns` after its last chance. A miss is a chance: at the end of the sweep or, where `turn_ns` is
    not 0, so long after the chance before. `codes` are those of `looks.watch_tracks`; `is_kept` (another sensor sees
    it) keeps a track that left the coverage. `touched` is set for the tracks that changed.
    """
    for i in range(codes.shape[0]):
        if is_fresh[i] or t_end_ns - ints[T_CHANCE + 2 * s, i] < due_ns:
            continue
        if codes[i] & IS_OUT:
            if not is_kept[i]:
                status[i] = DROPPED
                touched[i] = True
        elif codes[i] & PASSED and not codes[i] & IS_BLIND:
            ints[N_MISS, i] += 1
            floats[SCORE, i] += ln_miss
            floats[MISS_SCORE, i] += ln_miss
            ints[T_CHANCE + 2 * s, i] = ints[T_CHANCE + 2 * s, i] + turn_ns if turn_ns else t_end_ns
            touched[i] = True


@njit(cache=True, error_model="numpy")
def age_tracks(
    state: Floats,
    t_ns: int,
    quiet_ns: Floats,
    worst: Floats,
    patience_ns: Floats,
    lowest_m: float,
    radius_m: float,
    ints: Ints,
    floats: Floats,
    flags: Flags,
    status: Bytes,
    touched: Flags,
) -> None:
    """Let confirmed tracks coast that were not seen lately; drop those missed too often, for too long, or down.

    `worst` (2,) is the least score of misses and `patience_ns` (2, sensors) the longest silence, of young tracks and
    of confirmed ones; `quiet_ns` (sensors) is a silence that makes coast. A round that is predicted under `lowest_m`,
    on an Earth of `radius_m`, has landed. `touched` is set where the status changed.
    """
    for i in range(state.shape[0]):
        before, s = status[i], ints[I_SENSOR, i]
        since_ns = t_ns - ints[T_NS, i]
        is_firm = before in (CONFIRMED, COASTING)
        is_silent = ints[N_MISS, i] > 0 or since_ns > quiet_ns[s]
        kind = 1 if is_firm else 0
        is_over = floats[MISS_SCORE, i] <= worst[kind] or since_ns > patience_ns[kind, s]
        if is_silent and flags[HAS_ROUND, i] and floats[LN_ODDS, i] > 0.0:
            east, north = state[i, 0], state[i, 1]
            is_over = is_over or state[i, 2] + (east * east + north * north) / (2.0 * radius_m) < lowest_m
        if is_firm and is_silent:
            status[i] = COASTING
        if is_over:
            status[i] = DROPPED
        touched[i] = touched[i] or status[i] != before


@njit(cache=True, error_model="numpy")
def confirm_tracks(n: int, threshold: float, ints: Ints, floats: Floats, status: Bytes) -> int:
    """Confirm the tentative tracks of two hits or more whose score reaches the threshold; returns how many."""
    count = 0
    for i in range(n):
        if status[i] == TENTATIVE and floats[SCORE, i] >= threshold and ints[N_HIT, i] >= 2:
            status[i] = CONFIRMED
            count += 1
    return count


@njit(cache=True, error_model="numpy")
def _is_sane(state: Floats, cov: Floats, x: Floats, p: Floats) -> bool:
    # a sum is finite only if every element is (and no two infinities cancel to NaN, which is not finite either)
    total = 0.0
    for a in range(7):
        if cov[a, a] < 0.0:
            return False
        total += state[a] + x[0, a] + x[1, a]
        for b in range(7):
            total += cov[a, b] + p[0, a, b] + p[1, a, b]
    return math.isfinite(total)


@njit(cache=True, error_model="numpy")
def sift_tracks(
    state: Floats, cov: Floats, x: Floats, p: Floats, status: Bytes, touched: Flags, index: Ints, keep: Flags
) -> tuple[int, int, int, int]:
    """Sort out the tracks at the end of a step, by the state and covariance reported (n) and the table's own (n, 2).

    `index` gets the touched ones that are finite and have no variance below 0, `keep` those of all that live on.
    Returns how many are in `index`, not finite, dropped, and confirmed among those kept.
    """
    n_rows, n_bad, n_dropped, n_firm = 0, 0, 0, 0
    for i in range(state.shape[0]):
        is_sane, is_dropped = _is_sane(state[i], cov[i], x[i], p[i]), status[i] == DROPPED
        keep[i] = is_sane and not is_dropped
        if is_sane and touched[i]:
            index[n_rows] = i
            n_rows += 1
        n_bad += 0 if is_sane else 1
        n_dropped += 1 if is_dropped else 0
        n_firm += 1 if keep[i] and status[i] != TENTATIVE else 0
    return n_rows, n_bad, n_dropped, n_firm


@njit(cache=True, error_model="numpy")
def fill_rows(
    index: Ints,
    state: Floats,
    cov: Floats,
    is_fresh: Flags,
    t_ns: int,
    ln_birth: Floats,
    ints: Ints,
    floats: Floats,
    flags: Flags,
    status: Bytes,
    rows: Rows,
) -> None:
    """Write a TRACK row for each track of `index`: at its last hit where that is fresh, else at t_ns.

    `ln_birth` (sensors) is ln of the odds that a first plot is something; with the score it gives p_exists.
    """
    for k in range(index.shape[0]):
        i, row = index[k], rows[k]
        row["track_id"], row["status"] = ints[TRACK_ID, i], status[i]
        row["t_ns"] = ints[T_NS, i] if is_fresh[i] else t_ns
        row["n_hit"], row["n_miss"] = min(ints[N_HIT, i], MOST_COUNT), min(ints[N_MISS, i], MOST_COUNT)
        row["llr"], row["nis"] = floats[SCORE, i], floats[NIS, i]
        worth = floats[SCORE, i] + ln_birth[ints[I_SENSOR, i]]
        row["p_exists"] = 1.0 / (1.0 + math.exp(-min(max(worth, -500.0), 500.0)))
        has_round, ln_odds = flags[HAS_ROUND, i], floats[LN_ODDS, i]
        row["motion"] = 0 if has_round and ln_odds > 0.0 else 1
        row["p_ballistic"] = 1.0 / (1.0 + math.exp(-ln_odds)) if has_round else 0.0
        row["is_height_known"] = flags[HAS_HEIGHT, i]
        y, q = row["state"], row["cov"]
        for a in range(7):
            y[a] = state[i, a]
            for b in range(7):
                q[a, b] = cov[i, a, b]
        if not flags[HAS_HEIGHT, i]:
            y[2] = math.nan


@njit(cache=True, error_model="numpy")
def keep_tracks(keep: Flags, x: Floats, p: Floats, ints: Ints, floats: Floats, flags: Flags, status: Bytes) -> int:
    """Move the tracks to be kept together, to the front of every block, in their order; returns how many."""
    n = 0
    for i in range(keep.shape[0]):
        if keep[i]:
            if i != n:
                x[n], p[n], status[n] = x[i], p[i], status[i]
                ints[:, n], floats[:, n], flags[:, n] = ints[:, i], floats[:, i], flags[:, i]
            n += 1
    return n
