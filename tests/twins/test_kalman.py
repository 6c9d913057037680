"""The filter kernels against plain matrices."""

import math

import naive_kalman as naive
import naive_looks
import numpy as np
import pytest
from filter_cases import SEEDS, close, plot_of, state, world

from casemate.kernels import kalman
from casemate.tracking.priors import PRIORS


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


# a height is held where a radar gives neither elevation nor height: then elements 2, 3 and 4 are missing
CASES = [((), True, False), ((), False, False), ((3, 4), True, False), ((3, 4), False, False), ((2, 3), True, False)]
CASES += [((2, 3), False, False), ((4,), True, False), ((4,), False, False), ((2, 3, 4), True, True)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("missing", "is_level", "is_held"), CASES)
@pytest.mark.parametrize("wide", [1.0, 1e3])
def test_update(seed, missing, is_level, is_held, wide):
    """One batch of all elements equals one element after another."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, p = state(rng)
    p = p * wide
    z, var = plot_of(rng, x + 20.0 * rng.normal(size=7) * [1, 1, 1, 0, 0, 0, 0], is_level, sensor, env, missing)
    y, q = x.copy(), p.copy()
    ln, d2 = kalman.update_state(y, q, is_level, is_held, z, var, sensor, env, np.empty((4, 7, 7)))
    y0, q0, ln0, d20 = naive.update_state(x, p, is_level, is_held, z, var, sensor, env)
    sigma = np.sqrt(np.diag(p))
    assert np.abs((y - y0) / sigma).max() <= 1e-10
    assert np.abs((q - q0) / np.outer(sigma, sigma)).max() <= 1e-10
    assert ln == pytest.approx(ln0, rel=1e-10, abs=1e-10)
    assert d2 == pytest.approx(d20, rel=1e-10, abs=1e-10)


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
