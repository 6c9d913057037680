import naive_exact as naive
import numpy as np
import pytest

from casemate.kernels import exact
from casemate.model.catalog import Motor
from casemate.physics.body import build_body
from casemate.physics.drag import compile_drag
from casemate.physics.exact import WGS84
from casemate.physics.profile import Profile

FREE = (0.0, 0.0, 0.0)
MOTOR = Motor(thrust_s=(0.0, 0.1, 0.45, 0.8), thrust_n=(0.0, 9000.0, 5000.0, 0.0), propellant_kg=3.1)


def scene(seed, motor=None):
    rng = np.random.default_rng(seed)
    table = compile_drag([0.0, 0.8, 1.05, 2.0], [0.2, 0.2, 0.45, 0.35]).table
    up = rng.normal(size=3)
    up /= np.linalg.norm(up)
    side = np.cross(up, rng.normal(size=3))
    start = np.concatenate((6.4e6 * up, 120.0 * up + 200.0 * side / np.linalg.norm(side)))
    height = naive.height_of(start, WGS84)[0]
    z = height + np.array([-3000.0, 20.0, 500.0, 4000.0])
    sounding = Profile(
        z, 9e4 * np.exp(-(z - z[0]) / 8000.0), np.array([290.0, 284.0, 287.0, 255.0]), rng.normal(0.0, 8.0, 4),
        rng.normal(0.0, 8.0, 4), rng.uniform(0.0, 100.0, 4),
    )  # fmt: skip
    body = build_body(15.0, rng.uniform(5e-3, 2e-2), table, motor=motor, wind=sounding, air=sounding)
    return start, height, body


def state(start):
    return tuple(float(v) for v in start)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rates(seed):
    start, _, body = scene(seed, MOTOR)
    rail = state(start[:3] / np.linalg.norm(start[:3]))
    assert np.allclose(exact.flow_of(state(start), WGS84, body), naive.flow_of(start, WGS84, body), rtol=1e-10)
    for t in (0.0, 0.06, 0.2, 0.45, 0.7):
        i = int(np.searchsorted(body.burn[:, 0], t + 1e-12) - 1)
        thrust, mass = exact.motor_at(t, i, body)
        assert np.allclose((thrust, mass), naive.motor_at(t, i, body), rtol=1e-10, atol=1e-10)
        ours = exact.acceleration_of(state(start), thrust, mass, WGS84, body)
        assert np.allclose(ours, naive.acceleration_of(start, thrust, mass, WGS84, body), rtol=1e-9, atol=1e-9)
        for guide in (rail, FREE):
            ours = exact.guided_acceleration_of(state(start), thrust, mass, guide, WGS84, body)
            theirs = naive.guided_acceleration_of(start, thrust, mass, guide, WGS84, body)
            assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_mach_many():
    start, _, body = scene(4)
    states = start + np.linspace(0.0, 300.0, 5)[:, None]
    ours, theirs = np.zeros(5), np.zeros(5)
    exact.mach_many(states, WGS84, body, ours)
    naive.mach_many(states, WGS84, body, theirs)
    assert np.allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("stop", [exact.NO_STOP, exact.STOP_AT_GROUND, exact.STOP_AT_SPEED])
def test_fly(seed, stop):
    start, height, body = scene(seed)
    target = {exact.NO_STOP: 0.0, exact.STOP_AT_GROUND: height - 5.0, exact.STOP_AT_SPEED: 260.0}[stop]
    sign = -1.0 if stop == exact.STOP_AT_SPEED else 1.0
    ours, theirs = np.zeros((80, 7)), np.zeros((80, 7))
    given = (start, 0.0, sign * 30.0, sign * 0.5, sign * 0.5, stop, target, FREE, WGS84, body)
    result = exact.fly(*given, ours)
    assert result == naive.fly(*given, theirs)
    assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-6)  # levels and ends are found within 1e-7 m or m/s


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("over_m", [0.0, -1e-9, 1e-9, 1e-3, -0.02])
def test_fly_up_and_down_within_a_step(seed, sign, over_m):
    start, height, body = scene(seed)
    sin_lat, cos_lat, _, p = naive.naive_earth.vertical_of(*start[:3], WGS84.a_m, WGS84.e2)
    vertical = np.array([cos_lat * start[0] / p, cos_lat * start[1] / p, sin_lat])
    start[3:] += (sign * 0.2 - start[3:] @ vertical) * vertical
    ours, theirs = np.zeros((9, 7)), np.zeros((9, 7))
    given = (start, 0.0, sign * 30.0, sign * 0.5, sign * 0.5, exact.STOP_AT_GROUND, height - over_m, FREE, WGS84, body)
    n, status = exact.fly(*given, ours)
    assert (n, status) == naive.fly(*given, theirs)
    assert status == exact.OK
    # the end is found within 1e-7 m, at 0.2 m/s of descent within 5e-7 s, and within 1e-4 m at 200 m/s along the ground
    assert np.allclose(ours, theirs, rtol=0.0, atol=1.5e-4)
    top, end = (naive.height_of(row[1:], WGS84) for row in (ours[1], ours[n - 1]))
    assert top[1] == pytest.approx(0.0, abs=2e-7)
    if over_m == -0.02:  # 0.2 m/s climb 2 mm: not out of the ground
        assert n == 2
    else:
        assert n == 3
        assert end[0] == pytest.approx(height - over_m, abs=2e-7)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_fly_through_the_burn(seed, sign):
    start, _, body = scene(seed, MOTOR)
    ours, theirs = np.zeros((60, 7)), np.zeros((60, 7))
    given = (start, 0.0, 1.0) if sign > 0.0 else (start, 1.0, 0.0)
    given = (*given, sign * 0.2, sign * 0.04, exact.NO_STOP, 0.0, FREE, WGS84, body)
    result = exact.fly(*given, ours)
    assert result == naive.fly(*given, theirs)
    assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-6)
    assert set(body.burn[:, 0]) <= set(ours[:, 0])  # a step ends exactly at each knot


def leaning(start):
    up = start[:3] / np.linalg.norm(start[:3])
    side = np.cross(up, [0.0, 0.0, 1.0])
    return state(0.97 * up + np.sqrt(1.0 - 0.97**2) * side / np.linalg.norm(side))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("length_m", "status"), [(3.0, exact.OK), (1e4, exact.MAX_TIME)])
def test_fly_along_a_rail(seed, length_m, status):
    start, _, body = scene(seed, MOTOR)
    start[3:] = 0.0
    rail = leaning(start)
    t = exact.lift_off(start, rail, WGS84, body)
    assert t == pytest.approx(naive.lift_off(start, rail, WGS84, body), abs=1e-9)
    ours, theirs = np.zeros((80, 7)), np.zeros((80, 7))
    given = (start, t, 0.8, 0.05, 0.05, exact.STOP_AT_TRAVEL, length_m, rail, WGS84, body)
    result = exact.fly(*given, ours)
    assert result == naive.fly(*given, theirs)
    assert result[1] == status
    assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-6)
    travel = ours[: result[0], 1:4] - start[:3]
    assert np.allclose(np.cross(travel, rail), 0.0, atol=1e-6)  # it keeps to the rail


def test_a_thrust_below_the_weight_does_not_lift():
    start, _, body = scene(1, Motor(thrust_s=(0.0, 1.0), thrust_n=(80.0, 90.0), propellant_kg=1.0))
    rail = leaning(start)
    assert exact.lift_off(start, rail, WGS84, body) == naive.lift_off(start, rail, WGS84, body) == -1.0
