import naive_air as naive
import numpy as np
import pytest

from casemate.kernels import air as kernel
from casemate.physics.profile import STANDARD_AIR, Profile, build_air


def scene(seed):
    rng = np.random.default_rng(seed)
    z = np.cumsum(rng.uniform(50.0, 2000.0, 12)) - 300.0
    sounding = Profile(
        z, 101325.0 * np.exp(-z / 7900.0), 295.0 - 0.006 * z, rng.normal(0.0, 9.0, 12), rng.normal(0.0, 9.0, 12),
        rng.uniform(0.0, 100.0, 12),
    )  # fmt: skip
    return build_air(sounding, sounding, 47.0), rng.uniform(-800.0, 20_000.0, 300)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_air_and_wind(seed):
    air, heights = scene(seed)
    for h in [*heights.tolist(), *(air.z_m + 47.0).tolist()]:
        assert np.allclose(kernel.air_at(h, air), naive.air_at(h, air), rtol=1e-12, atol=0.0)
        assert np.allclose(kernel.wind_at(h, air), naive.wind_at(h, air), rtol=1e-12, atol=1e-12)
        assert np.allclose(kernel.air_at(h, STANDARD_AIR), naive.air_at(h, STANDARD_AIR), rtol=1e-12, atol=0.0)
        assert kernel.wind_at(h, STANDARD_AIR) == (0.0, 0.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_breaks(seed):
    air, heights = scene(seed)
    for h0, h1 in heights.reshape(-1, 2).tolist():
        assert np.array_equal(kernel.first_break(h0, h1, air), naive.first_break(h0, h1, air), equal_nan=True)
    level = float(air.z_m[3]) + 47.0
    assert np.isnan(kernel.first_break(level + 1e-7, level + 20.0, air))  # the step before ended there
