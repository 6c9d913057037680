"""Cases that the tests of the filter kernels share: a world, a state, a plot of it, and what "equal" means."""

import naive_looks
import numpy as np
from flight_cases import environment

from casemate.kernels import looks

SEEDS = range(6)


def world(rng):
    """A round Earth with wind, and a sensor away from the origin with a leaning horizon."""
    env = environment("wgs84", "breeze")
    rotation = np.linalg.qr(np.eye(3) + rng.normal(0.0, 0.01, (3, 3)))[0]
    rotation *= np.sign(np.diag(rotation))[:, None]
    sigmas = np.array([15.0, 3e-3, 3e-3, np.nan, 30.0])
    edges = np.array([500.0, 12e3, 5.5, 2.0, 0.01, 1.0])
    place = rng.normal(0.0, 500.0, 3)
    extra_var, bias_var = np.array([7.2, 1e-4, 1e-4, 0.5, 7.6]) ** 2, np.array([10.0, 1e-3, 2e-3]) ** 2
    return env, looks.Sensor(place, rotation, 0.9, 1e-12, 1e-6, sigmas, edges, True, extra_var, bias_var, 7e3)


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
