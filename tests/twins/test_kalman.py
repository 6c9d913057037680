"""The filter kernels against plain matrices."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from casemate.kernels import kalman, looks
from casemate.kernels.motion import Environment
from casemate.tracking.filter import PRIORS

sys.path.insert(0, str(Path(__file__).parent))
import naive_kalman as naive
import naive_looks

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
    return env, looks.Sensor(place, rotation, 0.9, 1e-12, 1e-6, sigmas, edges, True)


def state(rng):
    """A state and a covariance with correlations."""
    typical = np.array([4e3, 7e3, 1500.0, -80.0, -150.0, 60.0, -8.4])
    x = typical + rng.normal(0.0, 1.0, 7) * [1e3, 1e3, 200, 30, 30, 30, 0.2]
    root = rng.normal(0.0, 1.0, (7, 7)) * np.array([30.0, 30, 30, 5, 5, 5, 0.2])[:, None]
    return x, root @ root.T


def plot_of(rng, x, is_level, sensor, env, missing=()):
    """A noisy measurement of a state."""
    var = np.array([15.0, 3e-3, 3e-3, 2.0, 30.0]) ** 2
    z = naive_looks.project(x, is_level, sensor, env)[0] + rng.normal(0.0, 1.0, 5) * np.sqrt(var)
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
    """Prediction differentiates as central differences do."""
    rng = np.random.default_rng(seed)
    env, _ = world(rng)
    x, _ = state(rng)
    steps = np.array([1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 1e-3])

    def differences(function):
        columns = [(function(x + d) - function(x - d)) / (2 * h) for h, d in zip(steps, np.diag(steps), strict=True)]
        return np.array(columns).T

    _, f = naive.ballistic_step(x, 0.5, env)
    assert np.allclose(f, differences(lambda y: naive.ballistic_step(y, 0.5, env)[0]), atol=2e-2, rtol=2e-3)


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


@pytest.mark.parametrize("seed", SEEDS)
def test_conversions(seed):
    """Level to ENU and back, with covariance; drag forgotten; angles wrapped; copies are copies."""
    rng = np.random.default_rng(seed)
    env, _ = world(rng)
    x, p = state(rng)
    y, q, work = np.empty(7), np.empty((7, 7)), np.empty((4, 7, 7))
    kalman.level_to_enu(x, p, env, y, q, work)
    expected, jacobian = naive_looks.to_enu(x, env)
    close(y, expected)
    close(q, jacobian @ p @ jacobian.T)
    kalman.enu_to_level(x, p, env, y, q, work)
    expected, jacobian = naive.to_level(x, env)
    close(y, expected)
    close(q, jacobian @ p @ jacobian.T)
    kalman.forget_drag(y, q, PRIORS)
    assert y[6] == PRIORS.ln_drag
    assert q[6].tolist() == [0.0] * 6 + [PRIORS.sigma_ln_drag**2]
    assert kalman.wrap(3.5) == pytest.approx(3.5 - 2.0 * math.pi)
    kalman.copy_state(x, p, y, q)
    assert (y == x).all()
    assert (q == p).all()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dt", [1.0, 2.5])
def test_second_plot(seed, dt):
    """A one-plot track is expanded about the velocity between its plots."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, p = state(rng)
    z, _ = plot_of(rng, naive.predict_ballistic(x, p, dt, env, PRIORS)[0], False, sensor, env, (3, 4))
    x[3:6] = 0.0
    expected = naive.predict_second(x, p, dt, z, sensor, env, PRIORS)
    kalman.predict_second(x, p, dt, z, sensor, env, PRIORS, np.empty((4, 7, 7)))
    close(x, expected[0])
    close(p, expected[1])
