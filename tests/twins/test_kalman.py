"""The filter kernels against plain matrices."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from casemate.kernels import kalman
from casemate.kernels.motion import Environment
from casemate.tracking.filter import PRIORS

sys.path.insert(0, str(Path(__file__).parent))
import naive_kalman as naive

SEEDS = range(6)


def world(rng):
    """A round Earth with wind, and a sensor away from the origin with a leaning horizon."""
    heights = -1000.0 + 100.0 * np.arange(410)
    same = np.ones(410)
    air = np.stack([1.2 * np.exp(-heights / 9000), same / 335.0, 4.0 * same, -3.0 * same], axis=1)
    drag = 1.0 + 0.5 * np.linspace(0.0, 1.0, 40) ** 2
    env = Environment(-1000.0, 100.0, air, 0.1, drag, 9.81, 6.37e6, 0.0, 5e-5, 5e-5, 300.0, 0.0)
    rotation = np.linalg.qr(np.eye(3) + rng.normal(0.0, 0.01, (3, 3)))[0]
    rotation *= np.sign(np.diag(rotation))[:, None]
    sigmas = np.array([15.0, 3e-3, 3e-3, np.nan, 30.0])
    edges = np.array([500.0, 12e3, 5.5, 2.0, 0.01, 1.0])
    place = rng.normal(0.0, 500.0, 3)
    return env, kalman.Sensor(place, rotation, 0.9, 1e-12, 1e-6, sigmas, edges, True)  # noqa: FBT003


def state(rng):
    """A state and a covariance with correlations."""
    typical = np.array([4e3, 7e3, 1500.0, -80.0, -150.0, 60.0, -8.4])
    x = typical + rng.normal(0.0, 1.0, 7) * [1e3, 1e3, 200, 30, 30, 30, 0.2]
    root = rng.normal(0.0, 1.0, (7, 7)) * np.array([30.0, 30, 30, 5, 5, 5, 0.2])[:, None]
    return x, root @ root.T


def plot_of(rng, x, is_level, sensor, env, missing=()):
    """A noisy measurement of a state."""
    var = np.array([15.0, 3e-3, 3e-3, 2.0, 30.0]) ** 2
    z = naive.project(x, is_level, sensor, env)[0] + rng.normal(0.0, 1.0, 5) * np.sqrt(var)
    z[list(missing)] = np.nan
    return z, var


def close(a, b):
    """Equal to 1e-10 of the largest element."""
    scale = np.abs(b).max()
    assert np.abs(a - b).max() <= 1e-10 * max(scale, 1.0)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dt", [0.7, 2.6, -0.8])
def test_predictions(seed, dt):
    """Both models, forwards and back."""
    rng = np.random.default_rng(seed)
    env, _ = world(rng)
    x, p = state(rng)
    expected = naive.predict_ballistic(x, p, dt, env, PRIORS)
    y, q = x.copy(), p.copy()
    kalman.predict_ballistic(y, q, dt, env, PRIORS, np.empty((4, 7, 7)))
    close(y, expected[0])
    close(q, expected[1])
    for has_height in (True, False):
        expected = naive.predict_level(x, p, dt, has_height, PRIORS)
        y, q = x.copy(), p.copy()
        kalman.predict_level(y, q, dt, has_height, PRIORS)
        close(y, expected[0])
        close(q, expected[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_jacobians_match_differences(seed):
    """Prediction and projection differentiate as central differences do."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, _ = state(rng)
    steps = np.array([1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 1e-3])

    def differences(function):
        columns = [(function(x + d) - function(x - d)) / (2 * h) for h, d in zip(steps, np.diag(steps), strict=True)]
        return np.array(columns).T

    _, f = naive.ballistic_step(x, 0.5, env)
    assert np.allclose(f, differences(lambda y: naive.ballistic_step(y, 0.5, env)[0]), atol=2e-2, rtol=2e-3)
    for is_level in (True, False):
        _, h = naive.project(x, is_level, sensor, env)
        assert np.allclose(h, differences(lambda y, m=is_level: naive.project(y, m, sensor, env)[0]), atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("is_level", [True, False])
def test_projection(seed, is_level):
    """Measurement and rows."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, _ = state(rng)
    z, rows = np.empty(5), np.empty((5, 7))
    kalman.project(x, is_level, sensor, env, z, rows)
    expected = naive.project(x, is_level, sensor, env)
    close(z, expected[0])
    close(rows, expected[1])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("missing", [(), (3, 4), (2, 3), (4,)])
@pytest.mark.parametrize("is_level", [True, False])
@pytest.mark.parametrize("wide", [1.0, 1e3])
def test_update(seed, missing, is_level, wide):
    """One batch of all elements equals one element after another."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, p = state(rng)
    p = p * wide
    z, var = plot_of(rng, x + 20.0 * rng.normal(size=7) * [1, 1, 1, 0, 0, 0, 0], is_level, sensor, env, missing)
    y, q = x.copy(), p.copy()
    ln, d2 = kalman.update_state(y, q, is_level, False, z, var, sensor, env, np.empty((4, 7, 7)))
    y0, q0, ln0, d20 = naive.update_state(x, p, is_level, False, z, var, sensor, env)
    assert np.allclose(y, y0, rtol=1e-7, atol=1e-6)
    assert np.allclose(q, q0, rtol=1e-6, atol=1e-6 * np.sqrt(np.outer(np.diag(q0), np.diag(q0))))
    assert ln == pytest.approx(ln0, abs=1e-7)
    assert d2 == pytest.approx(d20, abs=1e-7)


def tracks_of(rng, n):
    """A table of n tracks."""
    states = [[state(rng), state(rng)] for _ in range(n)]
    x, cov = np.array([[m[0] for m in s] for s in states]), np.array([[m[1] for m in s] for s in states])
    x[:, 1] = x[:, 0] + rng.normal(0.0, 5.0, (n, 7)) * [1, 1, 1, 0.2, 0.2, 0.2, 0]
    return kalman.Tracks(
        np.full(n, -1.0),
        x,
        cov,
        rng.normal(0.0, 2.0, n),
        rng.random(n) < 0.7,
        np.ones(n, np.bool_),
        np.full(n, 5),
    )


def naive_pair(tracks, i, t, z, var, sensor, env):
    """Return whether the pair is inside the gate, and its log-likelihood ratio."""
    parts, near = [], False
    for m in (naive.B, naive.L) if tracks.has_round[i] else (naive.L,):
        dt = t - tracks.t_s[i]
        if m == naive.B:
            x, p = naive.predict_ballistic(tracks.x[i, m], tracks.cov[i, m], dt, env, PRIORS)
        else:
            x, p = naive.predict_level(tracks.x[i, m], tracks.cov[i, m], dt, tracks.has_height[i], PRIORS)
        zhat, h = naive.project(x, m == naive.L, sensor, env)
        ln, d2, used = naive.likelihood(z, var, zhat, h @ p @ h.T)
        near |= d2 <= 16.0 + 2.0 * (used - 3)
        parts.append(ln)
    weight = 1.0 / (1.0 + math.exp(-tracks.ln_odds[i]))
    mix = parts[0] if len(parts) == 1 else np.logaddexp(math.log(weight) + parts[0], math.log(1.0 - weight) + parts[1])
    area = sensor.density_2d if math.isnan(z[2]) else sensor.density_3d * z[0] ** 2 * math.cos(z[2])
    area /= (1.0 if math.isnan(z[3]) else 1400.0) * (1.0 if math.isnan(z[4]) else 15_000.0)
    return near, math.log(sensor.p_detection) + mix - math.log(area)


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
    plots = kalman.Plots(np.zeros(5), np.array(z), np.array(var), np.array(pos), np.full(5, 300.0), t_ns)
    i_track, i_plot, llr = np.empty(25, np.int64), np.empty(25, np.int64), np.empty(25)
    n = kalman.score_pairs(tracks, plots, sensor, env, PRIORS, np.full(5, -1.0), 16.0, i_track, i_plot, llr)
    found = {(int(a), int(b)): c for a, b, c in zip(i_track[:n], i_plot[:n], llr[:n], strict=True)}
    for i in range(5):
        for j in range(5):
            near, expected = naive_pair(tracks, i, 0.0, plots.z[j], plots.var[j], sensor, env)
            assert near == ((i, j) in found)
            if near:
                assert found[i, j] == pytest.approx(expected, abs=1e-7)
    before = kalman.Tracks(*(column.copy() for column in tracks))
    nis = np.empty(5)
    each = np.arange(5)
    kalman.update_tracks(tracks, each, each, plots, sensor, env, PRIORS, nis)
    for i in range(5):
        x, p = naive.predict_level(before.x[i, 1], before.cov[i, 1], 1.0, True, PRIORS)
        y, q, ln_l, _ = naive.update_state(x, p, True, False, plots.z[i], plots.var[i], sensor, env)
        assert np.allclose(tracks.x[i, 1], y, rtol=1e-7, atol=1e-6)
        if before.has_round[i]:
            x, p = naive.predict_ballistic(before.x[i, 0], before.cov[i, 0], 1.0, env, PRIORS)
            y, q, ln_b, _ = naive.update_state(x, p, False, False, plots.z[i], plots.var[i], sensor, env)
            assert np.allclose(tracks.x[i, 0], y, rtol=1e-7, atol=1e-6)
            assert np.allclose(tracks.cov[i, 0], q, rtol=1e-6, atol=1e-5)
            odds = np.clip(before.ln_odds[i] + ln_b - ln_l, -PRIORS.odds_limit, PRIORS.odds_limit)
            assert tracks.ln_odds[i] == pytest.approx(odds, abs=1e-6)
    at, cov = np.empty((5, 7)), np.empty((5, 7, 7))
    kalman.report_tracks(tracks, each, np.full(5, 0.5), env, PRIORS, at, cov)
    for i in range(5):
        if tracks.has_round[i] and tracks.ln_odds[i] > 0.0:
            x, p = naive.predict_ballistic(tracks.x[i, 0], tracks.cov[i, 0], 0.5, env, PRIORS)
        else:
            x, p = naive.predict_level(tracks.x[i, 1], tracks.cov[i, 1], 0.5, True, PRIORS)
            x, j = naive.to_enu(x, env)
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
    plots = kalman.Plots(np.array([0.0, 1.0]), np.array([z, z2]), np.array([var, var]), np.zeros((2, 3)), none, t_ns)
    tracks = kalman.Tracks(
        np.zeros(1),
        np.zeros((1, 2, 7)),
        np.zeros((1, 2, 7, 7)),
        np.zeros(1),
        np.zeros(1, np.bool_),
        np.zeros(1, np.bool_),
        np.zeros(1, np.int64),
    )
    kalman.start_tracks(tracks, np.array([0]), plots, sensor, env, PRIORS)
    for m in (naive.B, naive.L):
        zhat, h = naive.project(tracks.x[0, m], m == naive.L, sensor, env)
        assert np.allclose(zhat[:3], z[:3], atol=1e-6)
        at = h[:3, :3] @ tracks.cov[0, m, :3, :3] @ h[:3, :3].T
        assert np.allclose(np.diag(at), var[:3], rtol=1e-3)
        assert (tracks.x[0, m, 3:6] == 0.0).all()
    kalman.update_tracks(tracks, np.array([0]), np.array([1]), plots, sensor, env, PRIORS, np.empty(1))
    assert np.abs(tracks.x[0, 0, 3:6] - ahead[3:6]).max() < 150.0
    assert tracks.n_hit[0] == 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("has_elevation", [True, False])
def test_plots_gathered(seed, has_elevation):
    """Sigmas filled in, silent elements dropped, positions and slack as plain arrays give them."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    sensor = sensor._replace(has_elevation=has_elevation)
    values = np.full((6, 10), np.nan)
    values[:, 0], values[:, 1] = rng.uniform(4e3, 9e3, 6), rng.uniform(0.0, 6.0, 6)
    values[:, 4] = 30.0
    values[::2, 3] = 2500.0
    values[:3, 5] = 40.0
    if has_elevation:
        values[1:, 2] = 0.3
    z, var, pos, slack = np.empty((6, 5)), np.empty((6, 5)), np.empty((6, 3)), np.empty(6)
    kalman.gather_plots(values, sensor, env, z, var, pos, slack)
    expected = naive.gather_plots(values, sensor, env)
    for got, wanted in zip((z, var, pos, slack), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("has_elevation", [True, False])
def test_sweeps_watched(seed, has_elevation):
    """What a sector has passed, what is out of coverage, what is overhead."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    sensor = sensor._replace(has_elevation=has_elevation)
    states = np.zeros((40, 7))
    states[:, :3] = rng.uniform(-1.0, 1.0, (40, 3)) * [1e4, 1e4, 3e3] + [0.0, 0.0, 3e3]
    has_height = rng.random(40) < 0.5
    codes = np.empty(40, np.uint8)
    kalman.watch_tracks(states, has_height, sensor, env, 5.0, 2.0, 3.0, codes)
    assert codes.tolist() == naive.watch_tracks(states, has_height, sensor, env, 5.0, 2.0, 3.0)
    assert len(set(codes.tolist())) > 3
