import math

import numpy as np
import pytest

from casemate.errors import DomainError
from casemate.kernels import motion
from casemate.model.catalog import EnvironmentSettings
from casemate.physics.atmosphere import ussa76
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment, normal_gravity_mps2
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile

FRAME = SiteFrame(33.3, 44.39, 34.0)


def environment(wind=None, air=None, shape="generic", **settings):
    return build_environment(EnvironmentSettings(**settings), FRAME, drag_shape_of(shape), air, wind)


@pytest.mark.parametrize("height", [-6000.0, 87000.0, math.nan])
def test_heights_outside_the_standard_are_refused(height):
    with pytest.raises(DomainError):
        ussa76(height)


def test_the_filters_air_is_the_standard():
    env = environment()
    for height in (0.0, 1234.0, 12003.0, 25000.0):
        rho, inv_a, *wind = motion.air_at(height, env)
        air = ussa76(height)
        assert rho == pytest.approx(float(air.density_kgpm3[0]), rel=1e-5)
        assert inv_a == pytest.approx(1.0 / float(air.sound_speed_mps[0]), rel=1e-5)
        assert wind == [0.0, 0.0]
    assert env.gravity_mps2 == pytest.approx(normal_gravity_mps2(math.radians(33.3), 34.0))
    assert math.hypot(env.omega_n_radps, env.omega_u_radps) == pytest.approx(7.292115e-5)


def test_normal_gravity_at_equator_and_pole():
    # NIMA TR8350.2, 2000, table 3.4.
    assert normal_gravity_mps2(0.0, 0.0) == pytest.approx(9.7803253359, abs=1e-9)
    assert normal_gravity_mps2(math.pi / 2, 0.0) == pytest.approx(9.8321849378, abs=1e-9)


def test_flat_earth_and_exponential_air():
    env = environment(
        earth="flat", atmosphere="exponential", density_kgpm3=1.2, scale_height_m=8000.0, shape="constant"
    )
    assert math.isinf(env.earth_radius_m)
    assert env.omega_n_radps == env.omega_u_radps == 0.0
    assert env.gravity_mps2 == 9.80665
    assert motion.air_at(4000.0, env)[0] == pytest.approx(1.2 * math.exp(-0.5), rel=1e-5)
    assert np.all(env.drag == 1.0)


def test_a_measured_profile_of_the_standard_is_the_standard():
    z = np.linspace(0.0, 12000.0, 61)
    air = ussa76(z)
    profile = Profile(z, air.pressure_pa, air.temperature_k, np.zeros(61), np.zeros(61))
    env = environment(air=profile, atmosphere="sounding.csv")
    for height in (-500.0, 3333.0, 20000.0):
        assert motion.air_at(height, env)[0] == pytest.approx(float(ussa76(height).density_kgpm3[0]), rel=2e-4)


def test_a_named_profile_must_be_given():
    with pytest.raises(ValueError, match=r"sounding\.csv"):
        environment(atmosphere="sounding.csv")


def test_wind_is_held_beyond_its_levels():
    wind = Profile(np.array([0.0, 1000.0]), None, None, np.array([0.0, 10.0]), np.array([4.0, 4.0]))
    env = environment(wind=wind)
    assert motion.air_at(500.0, env)[2:] == pytest.approx((5.0, 4.0))
    assert motion.air_at(9000.0, env)[2:] == pytest.approx((10.0, 4.0))
