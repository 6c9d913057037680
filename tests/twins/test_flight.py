import naive_flight as naive
import numpy as np
import pytest

from casemate.kernels import flight
from casemate.model.catalog import EnvironmentSettings
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile

FRAME = SiteFrame(33.3, 44.39, 34.0)
WIND = Profile(np.array([0.0, 2000.0, 12000.0]), None, None, np.array([2.0, 9.0, 20.0]), np.array([-3.0, 4.0, 1.0]))


def environment(earth):
    return build_environment(EnvironmentSettings(earth=earth), FRAME, drag_shape_of("generic"), None, WIND)


def rows(seed, n=4):
    rng = np.random.default_rng(seed)
    states = np.column_stack(
        (
            rng.normal(0.0, 2000.0, (n, 2)), rng.uniform(100.0, 1500.0, n), rng.normal(0.0, 200.0, (n, 2)),
            rng.uniform(-100.0, 100.0, n), np.log(rng.uniform(6e-5, 3e-4, n)),
        )
    )  # fmt: skip
    root = rng.normal(size=(n, 7, 7)) * np.array([10.0, 10.0, 10.0, 2.0, 2.0, 2.0, 0.1])[:, None]
    return states, root @ root.transpose(0, 2, 1)


@pytest.mark.parametrize("earth", ["wgs84", "flat"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_predict_many(seed, earth):
    env = environment(earth)
    states, covs = rows(seed)
    states[1, 2], states[1, 5] = -20.0, -50.0  # under the ground already
    covs[3, 0, 0] = np.nan
    ours, theirs = np.empty((4, 9)), np.empty((4, 9))
    status, plain = np.empty(4, np.uint8), np.empty(4, np.uint8)
    flight.predict_many(states, covs, env, 0.25, 180.0, ours, status)
    naive.predict_many(states, covs, env, 0.25, 180.0, theirs, plain)
    assert status.tolist() == plain.tolist() == [0, 0, 0, 4]
    assert ours[1, 0] < 0.0
    size = np.ones_like(theirs)  # the covariance is held against its own trace: its parts may cancel
    size[:, 5:8] = (theirs[:, 5] + theirs[:, 7])[:, None]
    assert np.allclose(ours / size, theirs / size, rtol=1e-10, atol=1e-10, equal_nan=True)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_propagate_many(seed):
    env = environment("wgs84")
    states, _ = rows(seed)
    times = np.array([0.0, 1.7, -2.2, 0.1])
    ours, theirs = np.empty((4, 7)), np.empty((4, 7))
    flight.propagate_many(states, times, env, 0.25, ours)
    naive.propagate_many(states, times, env, 0.25, theirs)
    assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-9)
