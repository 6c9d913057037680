"""`kernels.motion` against its plain twin, and its series against the Earth-fixed ellipsoid."""

import math

import naive_motion
import numpy as np
import pytest
from flight_cases import environment

from casemate.kernels import motion
from casemate.kernels.earth import gravity_at, vertical_of
from casemate.kernels.exact import Body, flow_of
from casemate.physics.drag import compile_drag
from casemate.physics.exact import WGS84
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile, build_air


def random_tables(rng, earth):
    """Return an environment whose cells do not even meet: nothing but the cell's own polynomial gives its value.

    Slopes are natural ones: 1e-6 m of height, which the kernel's series leave at 20 km, must stay below 1e-10 of all.
    """
    n = 50
    wind = rng.normal(0, [15.0, 1.0, 15.0, 1.0], (n, 4))
    air = np.column_stack(
        (rng.uniform(0.5, 1.3, n), rng.normal(0, 0.02, (n, 2)), 1 / rng.uniform(290, 350, n), rng.normal(0, 1e-5, n))
    )
    return environment(earth)._replace(
        air_z0_m=-1000.0,
        air_dz_m=200.0,
        air=air.ravel(),
        wind=wind.ravel(),
        has_wind=True,
        drag=np.column_stack((rng.uniform(0.8, 2.5, 960), rng.normal(0, 0.02, (960, 3)))).ravel(),
    )


# Below 20 km the kernel's series end within 1e-12 of the twin's roots.
def draw(rng):
    return *rng.uniform(-2e4, 2e4, 2), rng.uniform(-500, 2e4)


@pytest.mark.parametrize("earth", ["flat", "wgs84"])
@pytest.mark.parametrize("seed", range(5))
def test_acceleration(seed, earth):
    rng = np.random.default_rng(seed)
    env = random_tables(rng, earth)
    for _ in range(50):
        point, vel = draw(rng), tuple(rng.normal(0, 300, 3))
        drag = math.exp(rng.uniform(math.log(5e-5), math.log(1e-3)))
        got = motion.acceleration(*point, *vel, drag, env)
        assert np.allclose(got, naive_motion.acceleration(*point, *vel, drag, env), rtol=1e-10, atol=1e-10)
        got = motion.fall_of(*point, env)
        assert np.allclose(got, naive_motion.fall_of(*point, env), rtol=1e-10, atol=1e-10)
        got = motion.flow_of(*point, point[2], *vel, env)
        assert np.allclose(got, naive_motion.flow_of(*point, point[2], *vel, env), rtol=1e-10, atol=1e-12)
        got = motion.height_over_site(*point, env)
        assert got == pytest.approx(naive_motion.height_over_site(*point, env), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_tables_inside_and_beyond_their_ends(seed):
    rng = np.random.default_rng(seed)
    env = random_tables(rng, "flat")
    for h in (-5000.0, -1000.0, *rng.uniform(-1000, 8700, 50), 1e5):
        assert np.allclose(motion.air_at(h, env), naive_motion.air_at(h, env), rtol=1e-10)
    for mach in (0.0, *rng.uniform(0, 5.9, 50), 9.0):
        assert motion.drag_shape(mach, env) == pytest.approx(naive_motion.drag_shape(mach, env), rel=1e-10)


def test_nan_reads_the_first_cell():
    env = random_tables(np.random.default_rng(0), "flat")
    w = math.nan
    assert np.isnan(motion.air_at(w, env)).all() or motion.air_at(w, env)[0] == env.air[0]
    assert motion.drag_shape(w, env) == env.drag[0]


@pytest.mark.parametrize("lat_deg", [0.0, 33.3, 60.0, -45.0, 80.0, -80.0])
def test_gravity_and_height_are_those_of_the_ellipsoid(lat_deg):
    """Against ECEF, 300 points each out to 60 km and from -0.5 to 40 km, in the site's axes.

    Measured, 1,500 points at each latitude: gravity 1.6e-10 m/s2; height 3.3 mm within 40 km, 4.5 mm within 60 km.
    """
    rng = np.random.default_rng(1)
    frame, env = SiteFrame(lat_deg, 44.39, 34.0), environment(lat_deg=lat_deg)
    out, side = 60e3 * np.sqrt(rng.uniform(0, 1, 300)), rng.uniform(0, 2 * np.pi, 300)
    points = np.column_stack((out * np.cos(side), out * np.sin(side), rng.uniform(-500, 40e3, 300)))
    for point, ecef in zip(points, frame.enu_to_ecef(points), strict=True):
        height, *gravity = motion.fall_of(*point, env)
        true = np.array(gravity_at(*ecef, WGS84)) + WGS84.omega_radps**2 * ecef * [1.0, 1.0, 0.0]
        assert np.abs(frame.rotation @ true - gravity).max() < 1e-9
        over = vertical_of(*ecef, WGS84.a_m, WGS84.e2)[2] - frame.height_m
        assert height == pytest.approx(over, abs=0.005)


@pytest.mark.parametrize("lat_deg", [0.0, 33.3, 60.0, -45.0, 80.0])
def test_the_wind_blows_along_the_axes_of_the_place(lat_deg):
    """Within 40 km and up to 15 km. Measured, in a wind of 30 m/s: 0.25 mm/s up to latitude 60, 0.53 at 80."""
    rng = np.random.default_rng(2)
    frame = SiteFrame(lat_deg, 44.39, 34.0)
    steady = Profile(np.array([0.0, 1.0]), None, None, np.full(2, 24.0), np.full(2, -18.0))
    env = environment(lat_deg=lat_deg)
    env = env._replace(wind=np.tile([24.0, 0.0, -18.0, 0.0], env.wind.size // 4))
    body = Body(compile_drag([0.0], [1.0]).table, 5.0, 1e-4, 1.0, 0.0, np.empty((0, 3)), build_air(None, steady))
    worst = 0.0
    for _ in range(300):
        out, side = 40e3 * math.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
        point = np.array([out * math.cos(side), out * math.sin(side), rng.uniform(0, 15e3)])
        ecef = tuple(frame.enu_to_ecef([point])[0])
        true = frame.rotation @ flow_of((*ecef, 0.0, 0.0, 0.0), WGS84, body)[:3]
        ours = motion.flow_of(*point, point[2], 0.0, 0.0, 0.0, env)[:3]
        worst = max(worst, float(np.abs(true - ours).max()))
    assert worst < 0.001


@pytest.mark.parametrize("seed", range(5))
def test_doubt_of_the_drag_curve(seed):
    rng = np.random.default_rng(seed)
    env = random_tables(rng, "wgs84")._replace(drag_doubt=1.7)
    for mach in rng.uniform(0.0, 3.0, 50):
        assert motion.drag_doubt(mach, env) == pytest.approx(naive_motion.drag_doubt(mach, env), rel=1e-12)
    states = np.column_stack([rng.uniform(0, 5e3, (20, 3)), rng.normal(0, 300, (20, 3)), np.full(20, -9.0)])
    ends = np.column_stack([rng.normal(0, 300, (20, 3)), rng.uniform(5, 60, 20)])
    out = np.empty(20)
    motion.walk_drag(states, ends, env, out)
    want = [naive_motion.walk_drag(state, end, env) for state, end in zip(states, ends, strict=True)]
    assert np.allclose(out, want, rtol=1e-10)
