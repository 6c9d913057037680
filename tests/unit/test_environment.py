import math

import numpy as np
import pytest

from casemate.errors import DomainError
from casemate.kernels import motion
from casemate.model.catalog import EnvironmentSettings
from casemate.physics.atmosphere import ussa76
from casemate.physics.drag import compile_drag, drag_at, drag_curve_of, drag_shape_of
from casemate.physics.environment import AIR_TOP_M, build_environment, normal_gravity_mps2
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile

FRAME = SiteFrame(33.3, 44.39, 34.0)


def environment(wind=None, air=None, shape="generic", **settings):
    return build_environment(EnvironmentSettings(**settings), FRAME, drag_shape_of(shape), air, wind)


def test_the_filters_air_is_the_standard():
    """As far as `physics.environment` says: but for the cells that hold a layer's corner."""
    env = environment()
    assert not env.has_wind
    rng = np.random.default_rng(1)
    for height in (0.0, 12003.0, 39_999.0, *rng.uniform(-2000.0, 40_000.0, 300)):
        air, (rho, inv_a, *wind) = ussa76(height), motion.air_at(height, env)
        is_corner = any(edge <= height <= edge + 25.0 for edge in (11_000.0, 20_050.0, 32_150.0))
        assert rho == pytest.approx(float(air.density_kgpm3[0]), rel=2e-4 if is_corner else 5e-9)
        assert inv_a == pytest.approx(1.0 / float(air.sound_speed_mps[0]), rel=5e-5 if is_corner else 3e-7)
        assert wind == [0.0, 0.0]


def test_the_standards_corners_are_those_of_cells():
    """The cell with a layer's corner inside is a straight piece of its own: steps end at both of its edges."""
    corners = environment().corners_m
    assert corners.tolist() == [11_000.0, 11_025.0, 20_050.0, 20_075.0, 32_150.0, 32_175.0]


def test_above_the_table_the_air_stays():
    env = environment()
    assert motion.air_at(60e3, env) == motion.air_at(AIR_TOP_M, env)
    assert motion.air_at(AIR_TOP_M, env)[0] == pytest.approx(float(ussa76(AIR_TOP_M).density_kgpm3[0]), rel=1e-12)


def test_drag_is_the_compiled_curve():
    env, table = environment(), compile_drag(*drag_shape_of("generic")).table
    for mach in (0.0, 0.97, 1.013, 3.3, 5.0, 7.0):
        assert motion.drag_shape(mach, env) == pytest.approx(drag_at(table, mach)[0], rel=1e-14)


def test_gravity_and_rotation_of_the_site():
    """Gravity with J2 only is 1e-5 m/s2 and less off the normal gravity of the ellipsoid, which has all even terms."""
    env = environment()
    assert env.gravity_mps2 == pytest.approx(normal_gravity_mps2(math.radians(33.3), 34.0))
    assert math.hypot(*env.earth[[motion.TURN_N, motion.TURN_U]]) == pytest.approx(7.292115e-5, rel=1e-12)
    height, east, north, up = motion.fall_of(0.0, 0.0, 0.0, env)
    assert (height, east) == (pytest.approx(0.0, abs=1e-9), 0.0)
    assert math.hypot(north, up) == pytest.approx(env.gravity_mps2, abs=5e-5)
    assert abs(north) < 1e-4  # the plumb line is the ellipsoid's


def test_normal_gravity_at_equator_and_pole():
    # NIMA TR8350.2, 2000, table 3.4.
    assert normal_gravity_mps2(0.0, 0.0) == pytest.approx(9.7803253359, abs=1e-9)
    assert normal_gravity_mps2(math.pi / 2, 0.0) == pytest.approx(9.8321849378, abs=1e-9)


def test_a_site_at_the_pole_has_no_east():
    with pytest.raises(DomainError, match="lat_deg"):
        build_environment(EnvironmentSettings(), SiteFrame(90.0, 0.0, 0.0), drag_shape_of("constant"))


def test_flat_earth_and_exponential_air():
    env = environment(
        earth="flat", atmosphere="exponential", density_kgpm3=1.2, scale_height_m=8000.0, shape="constant"
    )
    assert env.is_flat
    assert math.isinf(env.earth_radius_m)
    assert not env.earth.any()
    assert env.gravity_mps2 == 9.80665
    assert motion.air_at(4000.0, env)[0] == pytest.approx(1.2 * math.exp(-0.5), rel=1e-8)
    assert [motion.drag_shape(mach, env) for mach in (0.0, 0.9, 4.0)] == pytest.approx([1.0] * 3, rel=1e-12)


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


def test_wind_is_held_beyond_its_levels_which_are_corners():
    wind = Profile(np.array([0.0, 1000.0]), None, None, np.array([0.0, 10.0]), np.array([4.0, 4.0]))
    env = environment(wind=wind)
    assert env.has_wind
    assert {0.0, 1000.0} <= set(env.corners_m)
    assert motion.air_at(500.0, env)[2:] == pytest.approx((5.0, 4.0))
    assert motion.air_at(9000.0, env)[2:] == pytest.approx((10.0, 4.0))


def test_what_is_unknown_is_what_the_site_declares():
    wind = Profile(np.array([0.0, 1e4]), None, None, np.ones(2), np.ones(2))
    cases = [({}, None, 8.0), ({"wind": "w"}, wind, 2.5), ({"earth": "flat"}, None, 0.0)]
    cases += [({"sigma_wind_mps": 4.0}, None, 4.0), ({"earth": "flat", "sigma_wind_mps": 1.0}, wind, 1.0)]
    for settings, profile, sigma in cases:
        env = build_environment(EnvironmentSettings(**settings), FRAME, drag_shape_of("generic"), None, profile)
        assert env.sigma_wind_mps == sigma
    for name, share in (("generic", 1.0), ("constant", 0.0)):
        env = build_environment(EnvironmentSettings(), FRAME, drag_curve_of(name))
        assert env.drag_doubt == share
        assert motion.drag_doubt(0.97, env) >= motion.drag_doubt(0.5, env)
