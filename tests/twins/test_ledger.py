"""The ledger kernels against whole columns of numpy."""

import copy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from casemate.kernels import ledger as kernel
from casemate.model.records import TRACK, Motion, TrackStatus

sys.path.insert(0, str(Path(__file__).parent))
import naive_ledger as naive

SEEDS = range(6)
NOW_NS, TURN_NS = 1_700_000_000 * 10**9, 4 * 10**9
N_SENSORS, ROOM = 2, 64


def table(rng, n=40):
    """A table whose columns hold every case."""
    ints = rng.integers(0, 5, (kernel.T_HIT + 2 * N_SENSORS, ROOM))
    ints[kernel.TRACK_ID] = np.sort(rng.choice(1000, ROOM, replace=False)) + 1
    ints[kernel.N_HIT, :3] = 70_000
    ints[kernel.I_SENSOR] = rng.integers(0, N_SENSORS, ROOM)
    for row in (kernel.T_NS, *range(kernel.T_HIT, len(ints))):
        ints[row] = NOW_NS - rng.integers(0, 8 * TURN_NS, ROOM)
    floats = rng.normal(0.0, 6.0, (4, ROOM))
    flags = rng.random((2, ROOM)) < 0.6
    status = rng.integers(0, 3, ROOM).astype(np.uint8)
    return SimpleNamespace(n=n, ints=ints, floats=floats, flags=flags, status=status)


def states(rng, n):
    """Reported states and covariances, rounds above the ground and below."""
    root = rng.normal(0.0, 1.0, (n, 7, 7))
    return rng.normal(0.0, 200.0, (n, 7)), root @ root.transpose(0, 2, 1)


def same(a, b):
    """The blocks of two tables are equal to 1e-10."""
    for name in ("ints", "flags", "status"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    np.testing.assert_allclose(a.floats, b.floats, rtol=1e-10, atol=1e-10)


def drawn(seed):
    """A generator, a table and its copy."""
    rng = np.random.default_rng(seed)
    t = table(rng)
    return rng, t, copy.deepcopy(t)


def test_codes_are_those_of_the_records():
    """The kernels cannot import the records: their numbers are written twice."""
    assert tuple(TrackStatus) == (kernel.TENTATIVE, kernel.CONFIRMED, kernel.COASTING, kernel.DROPPED)
    assert (Motion.BALLISTIC, Motion.LEVEL) == (0, 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_times(seed):
    """From when a plot may be for a track, and to when it is predicted."""
    rng, t, _ = drawn(seed)
    free_s, t_s, i_track = np.empty(t.n), np.empty(t.n), np.empty(t.n, np.int64)
    kernel.earliest_plots(t.ints, 1, NOW_NS, 4.0, free_s)
    np.testing.assert_allclose(free_s, naive.earliest_plots(t, 1, NOW_NS, 4.0), rtol=1e-10)
    is_fresh = rng.random(t.n) < 0.5
    kernel.report_times(t.ints, is_fresh, NOW_NS, 3 * TURN_NS, i_track, t_s)
    np.testing.assert_allclose(t_s, naive.report_times(t, is_fresh, NOW_NS, 3 * TURN_NS), rtol=1e-10)
    assert i_track.tolist() == list(range(t.n))


@pytest.mark.parametrize("seed", SEEDS)
def test_hits_and_births(seed):
    """Some tracks are hit, the other plots begin tracks."""
    rng, t, u = drawn(seed)
    n_plots = 12
    i, j = np.sort(rng.choice(t.n, 7, replace=False)), rng.choice(n_plots, 7, replace=False)
    llr, t_plot_ns = rng.normal(3.0, 4.0, 7), NOW_NS - rng.integers(0, TURN_NS, n_plots)
    fresh, owner = np.zeros((2, t.n), np.bool_), np.zeros((2, n_plots), np.int64)
    kernel.record_hits(i, j, llr, t_plot_ns, 1, 10.0, t.ints, t.floats, t.status, fresh[0], owner[0])
    naive.record_hits(i, j, llr, t_plot_ns, 1, 10.0, u, fresh[1], owner[1])
    same(t, u)
    free = np.flatnonzero(owner[1] == 0)
    kernel.begin_tracks(free, t_plot_ns, 1, 2000, t.n, t.ints, t.floats, t.status, owner[0])
    naive.begin_tracks(free, t_plot_ns, 1, 2000, u.n, u, owner[1])
    same(t, u)
    assert fresh[0].tolist() == fresh[1].tolist()
    assert owner[0].tolist() == owner[1].tolist()


@pytest.mark.parametrize("turn_ns", [0, TURN_NS])
@pytest.mark.parametrize("seed", SEEDS)
def test_misses_age_and_confirmation(seed, turn_ns):
    """A sweep's misses, then the age of all, then the proven ones."""
    rng, t, u = drawn(seed)
    codes, touched = rng.integers(0, 8, t.n).astype(np.uint8), np.zeros((2, t.n), np.bool_)
    is_fresh, is_kept = rng.random((2, t.n)) < 0.3
    sweep = (codes, is_fresh, is_kept, 1, NOW_NS, 1.05 * TURN_NS, turn_ns, -2.3)
    kernel.count_misses(*sweep, t.ints, t.floats, t.status, touched[0])
    naive.count_misses(*sweep, u, touched[1])
    same(t, u)
    patience_ns = np.array([[3.5, 4.5], [6.5, 5.5]]) * TURN_NS
    limits = (np.array([1.5, 1.0]) * TURN_NS, np.array([-4.0, -11.0]), patience_ns, -30.0, 6.4e6)
    state, _ = states(rng, t.n)
    kernel.age_tracks(state, NOW_NS, *limits, t.ints, t.floats, t.flags, t.status, touched[0])
    naive.age_tracks(state, NOW_NS, *limits, u, touched[1])
    same(t, u)
    assert 0 < touched[0].sum() < t.n
    assert touched[0].tolist() == touched[1].tolist()
    assert kernel.confirm_tracks(t.n, 2.0, t.ints, t.floats, t.status) == naive.confirm_tracks(2.0, u)
    same(t, u)


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_and_who_stays(seed):
    """Some tracks are dropped, some broken; the others are reported and kept."""
    rng, t, u = drawn(seed)
    t.status[: t.n][rng.random(t.n) < 0.2] = TrackStatus.DROPPED
    u.status[:] = t.status
    t.floats[kernel.SCORE, 0] = u.floats[kernel.SCORE, 0] = 800.0  # beyond what exp can do
    state, cov = states(rng, t.n)
    x, p = rng.normal(0.0, 1.0, (ROOM, 2, 7)), rng.normal(0.0, 1.0, (ROOM, 2, 7, 7))
    state[3, 1], cov[5, 2, 2], cov[8, 1, 2], x[11, 0, 3], p[13, 1, 2, 2] = np.nan, -1.0, np.inf, -np.inf, np.nan
    touched, is_fresh = rng.random((2, t.n)) < 0.6
    index, keep = np.empty(t.n, np.int64), np.empty(t.n, np.bool_)
    n, *counts = kernel.sift_tracks(state, cov, x[: t.n], p[: t.n], t.status, touched, index, keep)
    reported, kept, numbers = naive.sift_tracks(state, cov, x[: t.n], p[: t.n], u, touched)
    assert index[:n].tolist() == reported.tolist()
    assert keep.tolist() == kept.tolist()
    assert counts == list(numbers)
    rows, ln_birth = np.empty(n, TRACK), np.array([-1.0, 2.0])
    blocks = t.ints, t.floats, t.flags, t.status
    kernel.fill_rows(index[:n], state, cov, is_fresh, NOW_NS, ln_birth, *blocks, rows)
    expected = naive.fill_rows(reported, state, cov, is_fresh, NOW_NS, ln_birth, u)
    for name in TRACK.names:
        np.testing.assert_allclose(rows[name], expected[name], rtol=1e-10, err_msg=name)
    columns = naive.keep_tracks(kept, x, p, u)
    n = kernel.keep_tracks(keep, x, p, *blocks)
    assert n == kept.sum()
    for block, column in zip((x, p), columns[:2], strict=True):
        assert np.array_equal(block[:n], column, equal_nan=True)
    for block, column in zip(blocks, columns[2:], strict=True):
        assert np.array_equal(block[..., :n], column)
