"""The track kernels against plain matrices."""

import naive_kalman as naive
import naive_looks
import naive_tracks
import numpy as np
import pytest
from filter_cases import SEEDS, close, plot_of, state, world

from casemate.kernels import tracks as kernel
from casemate.tracking.priors import PRIORS


def tracks_of(rng, n):
    """A table of n tracks."""
    states = [[state(rng), state(rng)] for _ in range(n)]
    x, cov = np.array([[m[0] for m in s] for s in states]), np.array([[m[1] for m in s] for s in states])
    x[:, 1] = x[:, 0] + rng.normal(0.0, 5.0, (n, 7)) * [1, 1, 1, 0.2, 0.2, 0.2, 0]
    return kernel.Tracks(
        np.full(n, -1.0),
        x,
        cov,
        rng.normal(0.0, 2.0, n),
        rng.random(n) < 0.7,
        np.ones(n, np.bool_),
        np.full(n, 5),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_pairs_and_updates(seed):
    """Gate, score and update a table; report it."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    tracks = tracks_of(rng, 5)
    z, var, pos = [], [], []
    for i in range(5):
        ahead, _ = naive.predict_ballistic(tracks.x[i, 0], tracks.cov[i, 0], 1.0, env, PRIORS)
        measured = plot_of(rng, ahead, False, sensor, env, [(3, 4), (3,), (2, 3)][i % 3])
        z.append(measured[0])
        var.append(measured[1])
        pos.append(ahead[:3])
    t_ns = np.zeros(5, np.int64)
    plots = kernel.Plots(np.zeros(5), np.array(z), np.array(var), np.array(pos), np.full(5, 300.0), t_ns)
    i_track, i_plot, llr = np.empty(25, np.int64), np.empty(25, np.int64), np.empty(25)
    n = kernel.score_pairs(tracks, plots, sensor, env, PRIORS, np.full(5, -1.0), 16.0, i_track, i_plot, llr)
    found = {(int(a), int(b)): c for a, b, c in zip(i_track[:n], i_plot[:n], llr[:n], strict=True)}
    for i in range(5):
        for j in range(5):
            near, expected = naive_tracks.pair(tracks, i, 0.0, plots.z[j], plots.var[j], sensor, env, PRIORS)
            assert near == ((i, j) in found)
            if near:
                assert found[i, j] == pytest.approx(expected, rel=1e-10, abs=1e-10)
    before = kernel.Tracks(*(column.copy() for column in tracks))
    nis = np.empty(5)
    each = np.arange(5)
    kernel.update_tracks(tracks, each, each, plots, sensor, env, PRIORS, nis)
    for i in range(5):
        x, p = naive.predict_level(before.x[i, 1], before.cov[i, 1], 1.0, True, PRIORS)
        y, q, ln_l, _ = naive.update_state(x, p, True, False, plots.z[i], plots.var[i], sensor, env)
        assert np.allclose(tracks.x[i, 1], y, rtol=1e-10, atol=1e-9)
        if before.has_round[i]:
            x, p = naive.predict_ballistic(before.x[i, 0], before.cov[i, 0], 1.0, env, PRIORS)
            y, q, ln_b, _ = naive.update_state(x, p, False, False, plots.z[i], plots.var[i], sensor, env)
            assert np.allclose(tracks.x[i, 0], y, rtol=1e-10, atol=1e-9)
            assert np.allclose(tracks.cov[i, 0], q, rtol=1e-10, atol=1e-8)
            odds = np.clip(before.ln_odds[i] + ln_b - ln_l, -PRIORS.odds_limit, PRIORS.odds_limit)
            assert tracks.ln_odds[i] == pytest.approx(odds, rel=1e-10, abs=1e-10)
    at, cov = np.empty((5, 7)), np.empty((5, 7, 7))
    kernel.report_tracks(tracks, each, np.full(5, 0.5), env, PRIORS, at, cov)
    for i in range(5):
        if tracks.has_round[i] and tracks.ln_odds[i] > 0.0:
            x, p = naive.predict_ballistic(tracks.x[i, 0], tracks.cov[i, 0], 0.5, env, PRIORS)
        else:
            x, p = naive.predict_level(tracks.x[i, 1], tracks.cov[i, 1], 0.5, True, PRIORS)
            x, j = naive_looks.to_enu(x, env)
            p = j @ p @ j.T
        close(at[i], x)
        close(cov[i], p)


@pytest.mark.parametrize("seed", SEEDS)
def test_starts(seed):
    """A new track lies where its plot is, as sure as its plot; a second hit gives it the velocity between them."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, _ = state(rng)
    z, var = plot_of(rng, x, False, sensor, env, (3, 4))
    ahead, _ = naive.predict_ballistic(x, np.eye(7), 1.0, env, PRIORS)
    z2, _ = plot_of(rng, ahead, False, sensor, env, (3, 4))
    none, t_ns = np.zeros(2), np.zeros(2, np.int64)
    plots = kernel.Plots(np.array([0.0, 1.0]), np.array([z, z2]), np.array([var, var]), np.zeros((2, 3)), none, t_ns)
    tracks = kernel.Tracks(
        np.zeros(1),
        np.zeros((1, 2, 7)),
        np.zeros((1, 2, 7, 7)),
        np.zeros(1),
        np.zeros(1, np.bool_),
        np.zeros(1, np.bool_),
        np.zeros(1, np.int64),
    )
    kernel.start_tracks(tracks, np.array([0]), plots, sensor, env, PRIORS)
    for m in (naive.B, naive.L):
        zhat, h = naive_looks.project(tracks.x[0, m], m == naive.L, sensor, env)
        assert np.allclose(zhat[:3], z[:3], atol=1e-6)
        at = h[:3, :3] @ tracks.cov[0, m, :3, :3] @ h[:3, :3].T
        assert np.allclose(np.diag(at), var[:3], rtol=1e-3)
        assert (tracks.x[0, m, 3:6] == 0.0).all()
    kernel.update_tracks(tracks, np.array([0]), np.array([1]), plots, sensor, env, PRIORS, np.empty(1))
    assert np.abs(tracks.x[0, 0, 3:6] - ahead[3:6]).max() < 150.0
    assert tracks.n_hit[0] == 2
