"""The prediction of an uncertain ballistic state against plain matrices, and against many flights."""

import math

import naive_ballistic
import numpy as np
import pytest
from filter_cases import SEEDS, close, plot_of, state, world

from casemate.kernels import ballistic
from casemate.tracking.priors import PRIORS


def doubtful(rng, tight=1.0):
    """A world with unknown wind and curve; a state whose covariance is of a track's size, and positive."""
    env, sensor = world(rng)
    x, p = state(rng)
    return env._replace(sigma_wind_mps=6.0, drag_doubt=1.3), sensor, x, p * tight**2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dt", [0.7, 2.6, -0.8])
@pytest.mark.parametrize("tight", [3.0, 1.0, 0.1])
def test_prediction(seed, dt, tight):
    """By differences where the drag bends, else by the Jacobian; forwards and back."""
    env, _, x, p = doubtful(np.random.default_rng(seed), tight)
    expected = naive_ballistic.predict_ballistic(x, p, dt, env, PRIORS)
    ballistic.predict_ballistic(x, p, dt, env, PRIORS, np.empty((4, 7, 7)))
    close(x, expected[0])
    close(p, expected[1])


def test_both_ways_of_a_step_are_tried():
    bends = [
        naive_ballistic.bend(x, p, env) > ballistic.BEND_MPS2
        for tight in (3.0, 1.0, 0.1)
        for env, _, x, p in (doubtful(np.random.default_rng(seed), tight) for seed in SEEDS)
    ]
    assert 3 <= sum(bends) <= len(bends) - 3


@pytest.mark.parametrize("seed", SEEDS)
def test_parts(seed):
    """White acceleration and a sandwich."""
    rng = np.random.default_rng(seed)
    _, p = state(rng)
    f, q = rng.normal(size=(7, 7)), p.copy()
    naive_ballistic.spread(q, 1, naive_ballistic.white(0.3, 2.0))
    expected = f @ q @ f.T
    ballistic.diffuse(p, 1, 0.3, 2.0)
    ballistic.sandwich(f, p, np.empty((7, 7)))
    close(p, expected)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dt", [0.3, 2.6, -3.1, -30.0])
def test_coasting(seed, dt):
    """On and back; where drag drives a state flown back beyond all bounds it stays."""
    env, _, x, _ = doubtful(np.random.default_rng(seed))
    expected = naive_ballistic.coast(x, dt, 0.5, env)
    ballistic.coast(x, math.exp(x[6]), dt, 0.5, env)
    close(x, expected)


@pytest.mark.slow  # without the compiler; else seconds
def test_mean_and_spread_are_those_of_many_flights():
    """A track some seconds old in a drag that grows steeply with speed: 100,000 draws, each flown."""
    rng = np.random.default_rng(1)
    env, _ = world(rng)
    env = env._replace(sigma_wind_mps=0.0, drag_doubt=0.0)
    x = np.array([4e3, 7e3, 1500.0, -150.0, -280.0, 60.0, math.log(2.5e-4)])
    p = np.diag([20.0, 20.0, 20.0, 15.0, 15.0, 15.0, 0.4]) ** 2
    draws = rng.multivariate_normal(x, p, 100_000)
    tiny, work = np.eye(7) * 1e-18, np.empty((4, 7, 7))
    for row in draws:
        ballistic.predict_ballistic(row, tiny.copy(), 1.0, env, PRIORS, work)
    y, q = x.copy(), p.copy()
    ballistic.predict_ballistic(y, q, 1.0, env, PRIORS._replace(ballistic_q=0.0), work)
    sigma = draws.std(axis=0)
    # standard error of the mean 0.003 sigma, of a variance 0.0045; the rest is left for the third order
    want = np.cov(draws.T)
    assert np.abs((y - draws.mean(axis=0)) / sigma).max() < 0.015
    assert np.abs((q - want) / np.outer(sigma, sigma)).max() < 0.04
    line, jacobian = naive_ballistic.ballistic_step(x, 1.0, env)  # which does not give them
    assert np.abs((line - draws.mean(axis=0)) / sigma).max() > 0.05
    assert np.abs((jacobian @ p @ jacobian.T - want) / np.outer(sigma, sigma)).max() > 0.1


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

    _, f = naive_ballistic.ballistic_step(x, 0.5, env)
    assert np.allclose(f, differences(lambda y: naive_ballistic.ballistic_step(y, 0.5, env)[0]), atol=2e-2, rtol=2e-3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dt", [1.0, 2.5])
def test_second_plot(seed, dt):
    """A one-plot track is expanded about the velocity between its plots."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, p = state(rng)
    z, _ = plot_of(rng, naive_ballistic.predict_ballistic(x, p, dt, env, PRIORS)[0], False, sensor, env, (3, 4))
    x[3:6] = 0.0
    expected = naive_ballistic.predict_second(x, p, dt, z, sensor, env, PRIORS)
    ballistic.predict_second(x, p, dt, z, sensor, env, PRIORS, np.empty((4, 7, 7)))
    close(x, expected[0])
    close(p, expected[1])
