import naive_spin as naive
import numpy as np
import pytest

from casemate.io.settings import read_rounds
from casemate.kernels import spin
from casemate.physics.exact import WGS84, body_of
from casemate.physics.profile import Profile
from casemate.physics.spin import gyro_of

SHELL = next(each for each in read_rounds() if each.spin is not None)


def scene(seed):
    """A shell that rises, from a random place on Earth in a wind, a few metres over the ground."""
    rng = np.random.default_rng(seed)
    wind = Profile(np.array([-500.0, 800.0, 3000.0]), None, None, rng.normal(0.0, 8.0, 3), rng.normal(0.0, 8.0, 3))
    up = rng.normal(size=3)
    up /= np.linalg.norm(up)
    side = np.cross(up, rng.normal(size=3))
    speed = rng.uniform(250.0, 650.0)
    velocity = speed * (np.sin(0.7) * up + np.cos(0.7) * side / np.linalg.norm(side))
    start = np.concatenate((6.37e6 * up, velocity, [rng.choice([-1.0, 1.0]) * 2.0 * speed]))
    ground = naive.naive_exact.height_of(start[:6], WGS84)[0]
    start[:3] -= (ground - 300.0) * up
    return start, 295.0, body_of(SHELL, wind=wind), gyro_of(SHELL)


@pytest.mark.parametrize("seed", range(6))
def test_spinning_rate_of(seed):
    start, _, body, gyro = scene(seed)
    ours = spin.spinning_rate_of(tuple(start.tolist()), WGS84, body, gyro)
    # The vertical is found to 1e-8 m by another series, so the air differs by 1e-12.
    assert np.allclose(ours, naive.spinning_rate_of(start, WGS84, body, gyro), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("seed", "sense"), [(0, 1.0), (1, 1.0), (2, -1.0), (3, -1.0)])
def test_fly_spinning(seed, sense):
    start, ground, body, gyro = scene(seed)
    if sense < 0.0:  # it falls, slowly enough for its past to stay below Mach 3
        start[3:6] *= -250.0 / np.linalg.norm(start[3:6])
    ours, theirs = np.zeros((70, 12)), np.zeros((70, 12))
    result = spin.fly_spinning(start, sense * 100.0, sense * 2.0, ground, WGS84, body, gyro, ours)
    assert result == naive.fly_spinning(start, sense * 100.0, sense * 2.0, ground, WGS84, body, gyro, theirs)
    assert result[1] == spin.OK
    assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-6)  # the ground is met within 1e-7 m


@pytest.mark.parametrize(("over_m", "n_rows"), [(0.0, 3), (-1e-9, 3), (1e-9, 3), (0.3, 3), (-0.5, 2)])
@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_fly_up_and_down_within_a_step(over_m, n_rows, sense):
    start, _, body, gyro = scene(0)
    start[3:6] *= 250.0 / np.linalg.norm(start[3:6])
    sin_lat, cos_lat, height, p = naive.naive_exact.naive_earth.vertical_of(*start[:3], WGS84.a_m, WGS84.e2)
    up = np.array([cos_lat * start[0] / p, cos_lat * start[1] / p, sin_lat])
    start[3:6] += (sense * 2.0 - start[3:6] @ up) * up
    ours, theirs = np.zeros((9, 12)), np.zeros((9, 12))
    given = (start, sense * 100.0, sense * 2.0, height - over_m, WGS84, body, gyro)
    result = spin.fly_spinning(*given, ours)
    assert result == naive.fly_spinning(*given, theirs)
    assert result == (n_rows, spin.OK)  # start, top, impact; 2 m/s climb 0.2 m: not out of 0.5 m
    # the end is found within 1e-7 m, at 2 m/s of descent within 5e-8 s, and within 1.3e-5 m at 250 m/s along the ground
    assert np.allclose(ours, theirs, rtol=0.0, atol=2e-5)
    top, end = (naive.naive_exact.height_of(row[1:7], WGS84) for row in (ours[1], ours[n_rows - 1]))
    assert top[1] == pytest.approx(0.0, abs=2e-7)
    assert n_rows == 2 or end[0] == pytest.approx(height - over_m, abs=2e-7)


@pytest.mark.parametrize(("row", "speed", "yaw_limit_rad"), [(0, 1500.0, 0.6), (0, 400.0, 1e-4), (6, 400.0, 0.011)])
def test_it_stops_where_the_slopes_end(row, speed, yaw_limit_rad):
    start, ground, body, gyro = scene(0)
    start[3:6] *= speed / np.linalg.norm(start[3:6])
    gyro = gyro._replace(yaw_limit_rad=yaw_limit_rad)
    ours, theirs = np.zeros((30, 12)), np.zeros((30, 12))
    result = spin.fly_spinning(start, 100.0, 2.0, ground, WGS84, body, gyro, ours)
    assert result == naive.fly_spinning(start, 100.0, 2.0, ground, WGS84, body, gyro, theirs)
    assert result[1] == spin.OUT_OF_TABLE
    assert (result[0] > 1) == (row > 0)


@pytest.mark.parametrize("i", range(7))
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_has_a_status(i, value):
    start, ground, body, gyro = scene(0)
    start[i] = value
    assert spin.fly_spinning(start, 10.0, 0.5, ground, WGS84, body, gyro, np.zeros((4, 12))) == (1, spin.NOT_FINITE)


def test_it_says_when_the_time_is_up():
    start, ground, body, gyro = scene(0)
    out = np.zeros((9, 12))
    assert spin.fly_spinning(start, 1.0, 0.25, ground, WGS84, body, gyro, out) == (5, spin.MAX_TIME)
    assert out[4, 0] == 1.0
