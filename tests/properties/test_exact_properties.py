"""What the exact flight must keep, whatever the shot."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.model.catalog import Motor
from casemate.physics.body import build_body
from casemate.physics.drag import compile_drag
from casemate.physics.exact import WGS84, Rail, fly_exact, sample_exact
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile

CD = compile_drag([0.0, 0.8, 1.05, 2.0], [0.2, 0.2, 0.45, 0.35]).table
Z = np.array([-300.0, 400.0, 2500.0, 9000.0])
SOUNDING = Profile(
    Z, 101_325.0 * np.exp(-Z / 8000.0), np.array([288.0, 291.0, 275.0, 230.0]), np.array([3.0, -9.0, 12.0, 20.0]),
    np.array([0.0, 8.0, -4.0, 1.0]), np.array([60.0, 95.0, 40.0, 5.0]),
)  # fmt: skip
SHELL = build_body(40.0, 0.0177, CD, wind=SOUNDING, air=SOUNDING)
MOTOR = Motor(thrust_s=(0.0, 0.05, 1.5, 2.0), thrust_n=(0.0, 3000.0, 2500.0, 0.0), propellant_kg=2.5)
ROCKET = build_body(18.0, 0.012, CD, motor=MOTOR, wind=SOUNDING, air=SOUNDING)

LAT, LON = st.floats(-85.0, 85.0), st.floats(-180.0, 180.0)
SPEED, AZIMUTH, ELEVATION = st.floats(60.0, 600.0), st.floats(0.0, 2.0 * math.pi), st.floats(0.1, 1.4)


def velocity(speed, azimuth, elevation):
    flat = math.cos(elevation)
    return speed * np.array([flat * math.sin(azimuth), flat * math.cos(azimuth), math.sin(elevation)])


@given(LAT, LON, SPEED, AZIMUTH, ELEVATION)
@settings(deadline=None, max_examples=25)
def test_energy_and_spin_about_the_centre_are_kept_in_vacuum(lat, lon, speed, azimuth, elevation):
    still = WGS84._replace(j2=0.0, omega_radps=0.0)
    frame = SiteFrame(lat, lon, 0.0)
    start = np.concatenate((frame.origin_ecef_m, velocity(speed, azimuth, elevation) @ frame.rotation))
    path = sample_exact(start, np.linspace(0.0, 60.0, 7), build_body(1.0, 0.0, CD), still)
    energy = 0.5 * np.sum(path[:, 3:] ** 2, axis=1) - still.gm_m3ps2 / np.linalg.norm(path[:, :3], axis=1)
    assert np.ptp(energy) < 1e-6  # of 6e7 J/kg: what 1,200 steps round away in float64
    spin = np.cross(path[:, :3], path[:, 3:])
    assert np.allclose(spin, spin[0], rtol=0.0, atol=1e-11 * 6.4e6 * 600.0)


@given(LAT, LON, SPEED, AZIMUTH, ELEVATION, st.floats(0.05, 0.95))
@settings(deadline=None, max_examples=25)
def test_a_flight_taken_up_halfway_ends_as_the_whole(lat, lon, speed, azimuth, elevation, share):
    frame = SiteFrame(lat, lon, 100.0, 30.0)
    whole = fly_exact(SHELL, frame, np.zeros(3), velocity(speed, azimuth, elevation))
    i = int(share * (whole.t_s.size - 1))
    rest = fly_exact(SHELL, frame, whole.pos_m[i], whole.vel_mps[i])
    assert math.isclose(rest.flight_s, whole.flight_s - whole.t_s[i], abs_tol=1e-6)
    assert np.allclose(rest.pos_m[-1], whole.pos_m[-1], atol=1e-4)  # steps fall elsewhere


@given(LAT, LON, LON, SPEED, AZIMUTH, ELEVATION)
@settings(deadline=None, max_examples=15)
def test_the_longitude_does_not_matter(lat, lon, other, speed, azimuth, elevation):
    here, there = (
        fly_exact(SHELL, SiteFrame(lat, one, 100.0), np.zeros(3), velocity(speed, azimuth, elevation))
        for one in (lon, other)
    )
    assert np.allclose(here.pos_m[-1], there.pos_m[-1], atol=1e-5)


@given(LAT, st.floats(1.0, 12.0), AZIMUTH, st.floats(0.8, 0.5 * math.pi))
@settings(deadline=None, max_examples=15)
def test_a_rocket_leaves_its_rail_along_it_and_burns_out_on_time(lat, length, azimuth, elevation):
    frame = SiteFrame(lat, 9.0, 300.0)
    path = fly_exact(ROCKET, frame, np.zeros(3), rail=Rail(length, azimuth, elevation))
    pos, vel = path.at(path.rail_exit_s)
    assert math.isclose(float(np.linalg.norm(pos[0])), length, abs_tol=1e-6)
    assert np.allclose(np.cross(pos[0], vel[0]), 0.0, atol=1e-6)
    assert 2.0 in path.t_s
    half = fly_exact(ROCKET, frame, np.zeros(3), rail=Rail(length, azimuth, elevation), step_s=0.01)
    assert np.allclose(path.pos_m[-1], half.pos_m[-1], atol=1e-3)
