import naive_frames as naive
import numpy as np
import pytest

from casemate.constants import WGS84_A_M, WGS84_E2
from casemate.kernels import frames


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_geodetic_to_ecef_many_and_back_by_ecef_to_geodetic_many(seed):
    rng = np.random.default_rng(seed)
    geodetic = np.column_stack((rng.uniform(-1.57, 1.57, 20), rng.uniform(-3.1, 3.1, 20), rng.uniform(-500, 9e4, 20)))
    ours, theirs = np.empty((20, 3)), np.empty((20, 3))
    frames.geodetic_to_ecef_many(geodetic, WGS84_A_M, WGS84_E2, ours)
    naive.geodetic_to_ecef_many(geodetic, WGS84_A_M, WGS84_E2, theirs)
    assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-8)
    back, plain = np.empty((20, 3)), np.empty((20, 3))
    frames.ecef_to_geodetic_many(ours, WGS84_A_M, WGS84_E2, back)
    naive.ecef_to_geodetic_many(ours, WGS84_A_M, WGS84_E2, plain)
    assert np.allclose(back, plain, rtol=1e-10, atol=2e-8)
    assert np.allclose(back, geodetic, rtol=1e-10, atol=2e-8)
