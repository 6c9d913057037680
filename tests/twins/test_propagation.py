import naive_propagation as naive
import numpy as np
import pytest
from flight_cases import environment, shots

from casemate.kernels import propagation

TIMES = np.array([0.0, 1.7, -2.2, 0.1, 9.0])


@pytest.mark.parametrize("earth", ["flat", "wgs84"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_states_and_derivatives(seed, earth):
    env, states = environment(earth, "breeze"), shots("mortar", 5, seed)
    ours, theirs = np.empty((2, 5, 7)), np.empty((2, 5, 7))
    phi, plain = np.empty((5, 7, 7)), np.empty((5, 7, 7))
    propagation.propagate_many(states, TIMES, env, 0.25, ours[0])
    naive.propagate_many(states, TIMES, env, 0.25, theirs[0])
    propagation.transition_many(states, TIMES, env, 0.25, ours[1], phi)
    naive.transition_many(states, TIMES, env, 0.25, theirs[1], plain)
    assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-9)
    # by velocity and ln K, 1e-10 of the largest of each column; differences of the air over 1 m cost the last digits
    assert (np.abs(phi - plain) <= 1e-10 * np.abs(plain).max(axis=1, keepdims=True) + 1e-9).all()


def test_a_time_that_is_not_finite_gives_nan():
    env, states, out, phi = environment(), shots("mortar", 2, 0), np.empty((2, 7)), np.empty((2, 7, 7))
    propagation.propagate_many(states, np.array([np.nan, np.inf]), env, 0.25, out)
    assert np.isnan(out[:, :6]).all()
    propagation.transition_many(states, np.array([np.nan, np.inf]), env, 0.25, out, phi)
    assert np.isnan(phi[:, :6]).all()
