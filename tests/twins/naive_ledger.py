"""Plain twins of `casemate.kernels.ledger`: whole columns at a time. `t` holds the blocks `ints`, `floats`, `flags`,
`status`, and `n`, how many of their columns are tracks."""

import numpy as np

from casemate.kernels.ledger import (
    HAS_HEIGHT,
    HAS_ROUND,
    I_SENSOR,
    LN_ODDS,
    MISS_SCORE,
    N_HIT,
    N_MISS,
    NIS,
    SCORE,
    T_CHANCE,
    T_HIT,
    T_NS,
    TRACK_ID,
)
from casemate.model.records import TRACK, Motion, TrackStatus

NS = 10**9


def is_confirmed(t):
    """Confirmed, coasting or not."""
    return (t.status[: t.n] == TrackStatus.CONFIRMED) | (t.status[: t.n] == TrackStatus.COASTING)


def motion(t):
    """The model of the reported state."""
    is_round = t.flags[HAS_ROUND, : t.n] & (t.floats[LN_ODDS, : t.n] > 0.0)
    return np.where(is_round, Motion.BALLISTIC, Motion.LEVEL)


def earliest_plots(t, s, t_ref_ns, period_s):
    t_s = (t.ints[T_NS, : t.n] - t_ref_ns) / NS
    again_s = (t.ints[T_HIT + 2 * s, : t.n] - t_ref_ns) / NS + 0.5 * period_s
    return np.maximum(again_s, t_s - period_s)


def report_times(t, is_fresh, t_ns, oldest_ns):
    last_ns = t.ints[T_NS, : t.n]
    return (np.where(is_fresh, last_ns, np.minimum(t_ns, last_ns + oldest_ns)) - t_ns) / NS


def record_hits(i, j, llr, t_plot_ns, s, most, t, is_fresh, owner):
    for row in (T_NS, T_HIT + 2 * s, T_CHANCE + 2 * s):
        t.ints[row, i] = t_plot_ns[j]
    t.floats[SCORE, i] = np.minimum(t.floats[SCORE, i] + llr, most)
    t.ints[N_MISS, i], t.floats[MISS_SCORE, i], t.ints[I_SENSOR, i] = 0, 0.0, s
    t.status[i] = np.where(is_confirmed(t)[i], TrackStatus.CONFIRMED, t.status[i])
    is_fresh[i] = True
    owner[j] = t.ints[TRACK_ID, i]


def begin_tracks(j, t_plot_ns, s, first_id, first, t, owner):
    new, ids = slice(first, first + len(j)), np.arange(first_id, first_id + len(j))
    written = [row for row in range(len(t.ints)) if row != N_HIT]
    t.ints[written, new], t.floats[SCORE:, new], t.status[new] = 0, 0.0, TrackStatus.TENTATIVE
    t.ints[TRACK_ID, new], owner[j] = ids, ids
    t.ints[I_SENSOR, new], t.floats[NIS, new] = s, np.nan
    for row in (T_NS, T_HIT + 2 * s, T_CHANCE + 2 * s):
        t.ints[row, new] = t_plot_ns[j]


def count_misses(codes, is_fresh, is_kept, s, t_end_ns, due_ns, turn_ns, ln_miss, t, touched):
    chance_ns = t.ints[T_CHANCE + 2 * s, : t.n]
    is_due = ~is_fresh & (t_end_ns - chance_ns >= due_ns)
    passed, is_out, is_blind = (codes & 1) > 0, (codes & 2) > 0, (codes & 4) > 0
    unseen = np.flatnonzero(is_due & passed & ~is_out & ~is_blind)
    t.ints[N_MISS, unseen] += 1
    t.floats[SCORE, unseen] += ln_miss
    t.floats[MISS_SCORE, unseen] += ln_miss
    chance_ns[unseen] = chance_ns[unseen] + turn_ns if turn_ns else t_end_ns
    gone = np.flatnonzero(is_due & is_out & ~is_kept)
    t.status[gone] = TrackStatus.DROPPED
    touched[unseen], touched[gone] = True, True


def age_tracks(state, t_ns, quiet_ns, worst, patience_ns, lowest_m, radius_m, t, touched):
    status, i_sensor = t.status[: t.n], t.ints[I_SENSOR, : t.n]
    before = status.copy()
    since_ns = t_ns - t.ints[T_NS, : t.n]
    is_firm = is_confirmed(t)
    is_silent = (t.ints[N_MISS, : t.n] > 0) | (since_ns > quiet_ns[i_sensor])
    status[is_firm & is_silent] = TrackStatus.COASTING
    kind = is_firm.astype(np.int64)
    is_over = (t.floats[MISS_SCORE, : t.n] <= worst[kind]) | (since_ns > patience_ns[kind, i_sensor])
    height = state[:, 2] + (state[:, 0] ** 2 + state[:, 1] ** 2) / (2.0 * radius_m)
    is_over |= is_silent & (motion(t) == Motion.BALLISTIC) & (height < lowest_m)
    status[is_over] = TrackStatus.DROPPED
    touched |= status != before


def confirm_tracks(threshold, t):
    is_proven = t.status[: t.n] == TrackStatus.TENTATIVE
    is_proven &= (t.floats[SCORE, : t.n] >= threshold) & (t.ints[N_HIT, : t.n] >= 2)
    t.status[: t.n][is_proven] = TrackStatus.CONFIRMED
    return is_proven.sum()


def sift_tracks(state, cov, x, p, t, touched):
    """Returns the rows to report, those to keep, and how many are not sane, dropped, and confirmed and kept."""
    is_sane = np.isfinite(state).all(axis=1) & np.isfinite(cov).all(axis=(1, 2))
    is_sane &= np.isfinite(x).all(axis=(1, 2)) & np.isfinite(p).all(axis=(1, 2, 3))
    is_sane &= (np.diagonal(cov, axis1=1, axis2=2) >= 0.0).all(axis=1)
    dropped = t.status[: t.n] == TrackStatus.DROPPED
    keep = is_sane & ~dropped
    return np.flatnonzero(touched & is_sane), keep, ((~is_sane).sum(), dropped.sum(), (keep & is_confirmed(t)).sum())


def fill_rows(index, state, cov, is_fresh, t_ns, ln_birth, t):
    rows = np.zeros(len(index), TRACK)
    ints, floats, flags = t.ints[:, index], t.floats[:, index], t.flags[:, index]
    rows["state"], rows["cov"], rows["t_ns"] = state[index], cov[index], np.where(is_fresh[index], ints[T_NS], t_ns)
    rows["track_id"], rows["status"] = ints[TRACK_ID], t.status[index]
    rows["n_hit"], rows["n_miss"] = np.minimum(ints[N_HIT], 65535), np.minimum(ints[N_MISS], 65535)
    rows["p_ballistic"] = np.where(flags[HAS_ROUND], 1.0 / (1.0 + np.exp(-floats[LN_ODDS])), 0.0)
    rows["motion"], rows["is_height_known"] = motion(t)[index], flags[HAS_HEIGHT]
    rows["llr"], rows["nis"] = floats[SCORE], floats[NIS]
    rows["state"][~flags[HAS_HEIGHT], 2] = np.nan
    worth = floats[SCORE] + ln_birth[ints[I_SENSOR]]
    rows["p_exists"] = 1.0 / (1.0 + np.exp(-np.clip(worth, -500.0, 500.0)))
    return rows


def keep_tracks(keep, x, p, t):
    """Returns the kept columns of each block."""
    left = np.flatnonzero(keep)
    return x[left], p[left], t.ints[:, left], t.floats[:, left], t.flags[:, left], t.status[left]
