"""`kernels.motion` against its plain twin."""

import math

import naive_motion
import numpy as np
import pytest

from casemate.kernels import motion


def environment(rng, is_flat):
    air = np.column_stack(
        [rng.uniform(0.1, 1.3, 50), 1 / rng.uniform(290, 350, 50), rng.normal(0, 15, 50), rng.normal(0, 15, 50)]
    )
    return motion.Environment(
        air_z0_m=-1000.0,
        air_dz_m=200.0,
        air=air,
        drag_dm=0.05,
        drag=rng.uniform(0.8, 2.5, 120),
        gravity_mps2=9.80665,
        earth_radius_m=math.inf if is_flat else 6.37e6,
        omega_e_radps=0.0,
        omega_n_radps=0.0 if is_flat else 6e-5,
        omega_u_radps=0.0 if is_flat else 4e-5,
        site_height_m=34.0,
        ground_m=0.0,
    )


@pytest.mark.parametrize("is_flat", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_acceleration(seed, is_flat):
    rng = np.random.default_rng(seed)
    env = environment(rng, is_flat)
    for _ in range(50):
        state = *rng.uniform(-2e4, 2e4, 2), rng.uniform(-500, 8500), *rng.normal(0, 300, 3)
        drag = math.exp(rng.uniform(math.log(5e-5), math.log(1e-3)))
        got = motion.acceleration(*state, drag, env)
        assert np.allclose(got, naive_motion.acceleration(*state, drag, env), rtol=1e-10, atol=1e-10)
        got = motion.height_over_site(*state[:3], env)
        assert got == pytest.approx(naive_motion.height_over_site(*state[:3], env), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_tables_inside_and_beyond_their_ends(seed):
    rng = np.random.default_rng(seed)
    env = environment(rng, is_flat=True)
    for h in (-5000.0, -1000.0, *rng.uniform(-1000, 8700, 50)):
        assert np.allclose(motion.air_at(h, env), naive_motion.air_at(h, env), rtol=1e-10)
    for mach in (0.0, *rng.uniform(0, 5.9, 50)):
        assert motion.drag_shape(mach, env) == pytest.approx(naive_motion.drag_shape(mach, env), rel=1e-10)
    # past the last row the kernels stop a millionth of a cell short of it
    assert np.allclose(motion.air_at(1e5, env), naive_motion.air_at(1e5, env), rtol=1e-4, atol=1e-4)
    assert motion.drag_shape(9.0, env) == pytest.approx(naive_motion.drag_shape(9.0, env), rel=1e-5)


def test_nan_reads_the_first_row():
    env = environment(np.random.default_rng(0), is_flat=True)
    assert motion.air_at(math.nan, env) == pytest.approx(tuple(env.air[0]))
    assert motion.drag_shape(math.nan, env) == pytest.approx(env.drag[0])
