"""The spinning shell: limits, symmetries, and flights that end where they were solved to end."""

import math

import msgspec
import numba
import numpy as np
import pytest

from casemate.errors import DomainError
from casemate.io.settings import read_rounds
from casemate.kernels import spin as kernel
from casemate.physics.arrival import solve_arrival
from casemate.physics.exact import WGS84, body_of, fly_exact
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile
from casemate.physics.spin import YAW_LIMIT_RAD, fly_spinning_exact, gyro_of, solve_spinning_arrival, spin_of

ROUNDS = {each.name: each for each in read_rounds()}
SHELL = ROUNDS["s155"]
STILL = WGS84._replace(omega_radps=0.0)
NORTH, SOUTH = SiteFrame(33.3, 44.39, 34.0), SiteFrame(-33.3, 44.39, 34.0)


def fly(speed=450.0, elevation_deg=40.0, azimuth_deg=0.0, spin=None, frame=NORTH, earth=STILL, wind=None, **more):
    el, az = math.radians(elevation_deg), math.radians(azimuth_deg)
    velocity = speed * np.array([math.cos(el) * math.sin(az), math.cos(el) * math.cos(az), math.sin(el)])
    turn = spin_of(SHELL, speed) if spin is None else spin
    return fly_spinning_exact(
        body_of(SHELL, wind=wind), gyro_of(SHELL), frame, np.zeros(3), velocity, turn, earth=earth, **more
    )


def drift_m(azimuth_deg=0.0, **how):
    """How much farther right of its first direction it comes down than the same shot without spin."""
    az = math.radians(azimuth_deg)
    ends = [fly(azimuth_deg=azimuth_deg, **how, **spin).pos_m[-1] for spin in ({}, {"spin": 0.0})]
    return float((ends[0] - ends[1]) @ [math.cos(az), -math.sin(az), 0.0])


@pytest.mark.parametrize("elevation_deg", [10.0, 45.0, 80.0])
def test_without_spin_it_is_the_point_mass(elevation_deg):
    ours = fly(elevation_deg=elevation_deg, spin=0.0, earth=WGS84)
    plain = fly_exact(body_of(SHELL), NORTH, np.zeros(3), ours.vel_mps[0])
    assert ours.flight_s == pytest.approx(plain.flight_s, abs=1e-8)
    assert np.allclose(ours.pos_m[-1], plain.pos_m[-1], rtol=0.0, atol=1e-6)
    assert not ours.spin_radps.any()
    assert not ours.yaw_rad.any()


@pytest.mark.parametrize("frame", [NORTH, SOUTH], ids=["north", "south"])
@pytest.mark.parametrize("azimuth_deg", [0.0, 90.0, 215.0])
def test_right_hand_twist_drifts_right_in_both_hemispheres(frame, azimuth_deg):
    drift = drift_m(azimuth_deg, frame=frame)
    assert 100.0 < drift == pytest.approx(drift_m(0.0), rel=0.003)  # plumb lines lean where the Earth stands still
    path, az = fly(azimuth_deg=azimuth_deg, frame=frame), math.radians(azimuth_deg)
    assert np.all(path.yaw_rad @ [math.cos(az), -math.sin(az), 0.0] > 0.0)


def test_left_hand_twist_is_the_mirror_image():
    # Along a meridian of an Earth that does not turn, east and west are the same.
    right, left = fly(), fly(spin=-spin_of(SHELL, 450.0))
    mirror = np.array([-1.0, 1.0, 1.0])
    assert left.flight_s == pytest.approx(right.flight_s, abs=1e-9)
    assert np.allclose(left.pos_m, right.pos_m * mirror, rtol=0.0, atol=1e-6)
    assert np.allclose(left.yaw_rad, right.yaw_rad * mirror, rtol=0.0, atol=1e-12)
    assert np.allclose(left.spin_radps, -right.spin_radps, rtol=1e-12)


def test_drift_grows_with_the_time_of_flight():
    elevations = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0)
    assert np.all(np.diff([fly(elevation_deg=each).flight_s for each in elevations]) > 5.0)
    assert np.all(np.diff([drift_m(elevation_deg=each) for each in elevations]) > 10.0)


def test_the_air_takes_spin_and_the_summit_has_the_most_yaw():
    path = fly(elevation_deg=55.0)
    assert np.all(np.diff(path.spin_radps) < 0.0)
    assert 0.7 < path.spin_radps[-1] / path.spin_radps[0] < 0.9
    yaw = np.linalg.norm(path.yaw_rad, axis=1)
    slowest = path.t_s[np.argmin(np.linalg.norm(path.vel_mps, axis=1))]
    assert path.t_s[np.argmax(yaw)] == pytest.approx(slowest, abs=2.0)
    assert not path.yaw_rad.flags.writeable


def test_a_step_of_the_default_length_is_within_a_millimetre():
    # Over the whole flight against a step of a quarter; the curves have corners, so no order is claimed.
    for elevation_deg in (20.0, 45.0, 65.0):
        coarse, fine = fly(650.0, elevation_deg), fly(650.0, elevation_deg, step_s=0.0125)
        assert np.allclose(coarse.pos_m[-1], fine.pos_m[-1], rtol=0.0, atol=1e-3)


def test_steps_end_where_the_wind_breaks():
    # Corners of 20 m/s within 1 km, at heights that no step meets by chance.
    z = np.array([0.0, 733.0, 1519.0, 2411.0, 3307.0])
    gusty = Profile(z, None, None, np.array([0.0, 20.0, -15.0, 25.0, 0.0]), np.array([5.0, -20.0, 10.0, -10.0, 0.0]))
    coarse, fine = (fly(wind=gusty, step_s=step) for step in (0.05, 0.0125))
    assert np.allclose(coarse.pos_m[-1], fine.pos_m[-1], rtol=0.0, atol=1e-3)


def test_it_flies_back_to_where_it_came_from():
    path = fly(earth=WGS84)
    end = np.concatenate(
        (NORTH.enu_to_ecef(path.pos_m[-1:])[0], path.vel_mps[-1] @ NORTH.rotation, path.spin_radps[-1:])
    )
    out = np.empty((3000, 12))
    n, status = kernel.fly_spinning(end, -400.0, -0.05, NORTH.height_m, WGS84, body_of(SHELL), gyro_of(SHELL), out)
    assert status == kernel.OK
    assert -out[n - 1, 0] == pytest.approx(path.flight_s, abs=1e-5)
    assert np.allclose(NORTH.ecef_to_enu(out[n - 1, None, 1:4])[0], 0.0, atol=2e-3)
    assert out[n - 1, 7] == pytest.approx(path.spin_radps[0], rel=1e-6)


@pytest.mark.parametrize(("name", "more"), [
    ("yaw_of_repose_rad", {"elevation_deg": 80.0}), ("yaw_of_repose_rad", {"speed": 1e-9}),
    ("mach", {"speed": 1100.0}), ("spin_radps", {"spin": math.nan}), ("vel_mps", {"speed": math.nan}),
    ("height_m", {"ground_m": 200.0}), ("climb_mps", {"elevation_deg": -20.0}),
    ("flight_s", {"speed": 300.0, "ground_m": -1e6}),
])  # fmt: skip
def test_outside_the_model_is_refused_by_name(name, more):
    with pytest.raises(DomainError) as caught:
        fly(**{"spin": 1000.0, **more})
    assert caught.value.name == name
    assert not caught.value.low <= caught.value.value <= caught.value.high or name == "flight_s"


def test_a_class_without_spin_is_refused():
    with pytest.raises(ValueError, match="'m82' declares no spin"):
        gyro_of(ROUNDS["m82"])
    with pytest.raises(ValueError, match="declares no spin"):
        spin_of(ROUNDS["m82"], 200.0)


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="dozens of flights each: minutes without JIT")
class TestArrival:
    POINT = np.array([300.0, -200.0])

    def solve(self, km, arc="flat", flight_s=None, shell=SHELL, **more):
        bearing = math.radians(130.0)
        return solve_spinning_arrival(shell, NORTH, self.POINT, bearing, 1000.0 * km, arc, flight_s, **more)

    @pytest.mark.parametrize("km", [5.0, 10.0, 15.0, 17.5])
    @pytest.mark.parametrize("arc", ["flat", "high"])
    def test_it_ends_at_the_point_from_the_bearing_over_the_range(self, km, arc):
        path = self.solve(km, arc)
        assert np.linalg.norm(path.pos_m[-1, :2] - self.POINT) < 0.1  # the bar; 0.05 mm as measured
        east, north = -path.vel_mps[-1, :2]
        assert math.degrees(math.atan2(east, north)) == pytest.approx(130.0, abs=0.01)
        assert np.linalg.norm(path.pos_m[0] - path.pos_m[-1]) == pytest.approx(1000.0 * km, abs=0.1)
        assert path.spin_radps[0] == pytest.approx(spin_of(SHELL, float(np.linalg.norm(path.vel_mps[0]))), rel=1e-6)
        assert np.linalg.norm(path.yaw_rad, axis=1).max() < YAW_LIMIT_RAD

    def test_a_time_is_met(self):
        assert self.solve(15.0, flight_s=60.0).flight_s == pytest.approx(60.0, abs=0.01)

    def test_its_start_lies_off_the_point_masss_by_the_drift(self):
        plain = solve_arrival(SHELL, NORTH, self.POINT, math.radians(130.0), 15000.0, "flat")
        left = np.array([-math.cos(math.radians(130.0)), math.sin(math.radians(130.0)), 0.0])
        assert 300.0 < (self.solve(15.0).pos_m[0] - plain.pos_m[0]) @ left < 500.0  # the drift and its slope at the end
        other = msgspec.structs.replace(SHELL, spin=msgspec.structs.replace(SHELL.spin, twist_calibres=-20.0))
        assert -500.0 < (self.solve(15.0, shell=other).pos_m[0] - plain.pos_m[0]) @ left < -300.0

    def test_what_the_point_mass_cannot_do_is_refused(self):
        with pytest.raises(DomainError, match="ground_range_m"):
            self.solve(25.0)
