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
@pytest.mark.parametrize("has_height", [True, False])
def test_level_prediction(seed, dt, has_height):
    """Forwards and back."""
    x, p = state(np.random.default_rng(seed))
    expected = naive.predict_level(x, p, dt, has_height, PRIORS)
    kalman.predict_level(x, p, dt, has_height, PRIORS)
    close(x, expected[0])
    close(p, expected[1])


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
    for extra_m2 in (0.0, 900.0):
        least = kalman.least_distance(x, p, extra_m2, is_level, z, var, sensor, env, np.empty((4, 7, 7)))
        some = naive.least_distance(x, p, extra_m2, is_level, z, var, sensor, env)
        assert least == pytest.approx(some * (1.0 - 1e-6), rel=1e-10, abs=1e-10)
        assert is_held or extra_m2 or least <= d20


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
