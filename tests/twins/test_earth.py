import naive_earth as naive
import numpy as np
import pytest

from casemate.constants import WGS84_A_M, WGS84_E2, WGS84_GM_M3PS2, WGS84_J2, WGS84_OMEGA_RADPS
from casemate.kernels import earth

WGS84 = earth.Earth(WGS84_A_M, WGS84_E2, WGS84_GM_M3PS2, WGS84_J2, WGS84_OMEGA_RADPS)


def points(seed, n=20):
    rng = np.random.default_rng(seed)
    ways = rng.normal(size=(n, 3))
    return ways / np.linalg.norm(ways, axis=1)[:, None] * rng.uniform(6.36e6, 6.5e6, n)[:, None]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_vertical_of(seed):
    for x, y, z in points(seed):
        ours = earth.vertical_of(x, y, z, WGS84_A_M, WGS84_E2)
        assert np.allclose(ours, naive.vertical_of(x, y, z, WGS84_A_M, WGS84_E2), rtol=1e-10, atol=2e-8)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gravity_at(seed):
    for x, y, z in points(seed):
        assert np.allclose(earth.gravity_at(x, y, z, WGS84), naive.gravity_at(x, y, z, WGS84), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_air_of_and_density_and_sound_of(seed):
    for height in np.random.default_rng(seed).uniform(-5e3, 95e3, 40):
        assert np.allclose(earth.air_of(height), naive.air_of(height), rtol=1e-10, atol=0.0)
        assert np.allclose(earth.density_and_sound_of(height), naive.density_and_sound_of(height), rtol=1e-10, atol=0.0)
