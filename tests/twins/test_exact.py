import naive_exact as naive
import numpy as np
import pytest

from casemate.kernels import exact
from casemate.physics.drag import drag_table
from casemate.physics.exact import WGS84


def scene(seed):
    rng = np.random.default_rng(seed)
    table = drag_table(np.array([0.0, 0.8, 1.05, 2.0]), np.array([0.2, 0.2, 0.45, 0.35]))
    body = exact.Body(
        table, 0.0125, rng.uniform(3e-4, 1.5e-3), 430.0, 0.8, 1.2,
        np.array([0.0, 800.0, 3000.0]), rng.normal(0.0, 8.0, (3, 2)),
    )  # fmt: skip
    up = rng.normal(size=3)
    up /= np.linalg.norm(up)
    side = np.cross(up, rng.normal(size=3))
    start = np.concatenate((6.4e6 * up, 120.0 * up + 200.0 * side / np.linalg.norm(side)))
    ground = naive.gap(start, 1, 0.0, WGS84)[0] - 5.0
    return start, ground, body


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_acceleration_of(seed):
    start, _, body = scene(seed)
    for left in (0.0, 0.4, 1.0):
        ours = exact.acceleration_of(tuple(float(v) for v in start), left, WGS84, body)
        assert np.allclose(ours, naive.acceleration_of(start, left, WGS84, body), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("stop", [exact.NO_STOP, exact.STOP_AT_GROUND, exact.STOP_AT_SPEED])
def test_fly(seed, stop):
    start, ground, body = scene(seed)
    target = {exact.NO_STOP: 0.0, exact.STOP_AT_GROUND: ground, exact.STOP_AT_SPEED: 260.0}[stop]
    sign = -1.0 if stop == exact.STOP_AT_SPEED else 1.0
    ours, theirs = np.zeros((80, 7)), np.zeros((80, 7))
    result = exact.fly(start, 0.0, sign * 30.0, sign * 0.5, False, stop, target, WGS84, body, ours)
    assert result == naive.fly(start, 0.0, sign * 30.0, sign * 0.5, False, stop, target, WGS84, body, theirs)
    assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-6)  # the event is found within 1e-7 m or m/s


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fly_through_the_burn(seed):
    start, _, body = scene(seed)
    ours, theirs = np.zeros((20, 7)), np.zeros((20, 7))
    assert exact.fly(start, 0.0, 0.8, 0.1, True, exact.NO_STOP, 0.0, WGS84, body, ours) == (9, exact.MAX_TIME)
    naive.fly(start, 0.0, 0.8, 0.1, True, exact.NO_STOP, 0.0, WGS84, body, theirs)
    assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-7)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sample(seed):
    start, _, body = scene(seed)
    times = np.array([0.0, 0.3, 1.0, 4.0])
    ours, theirs = np.zeros((4, 6)), np.zeros((4, 6))
    exact.sample(start, times, 0.25, WGS84, body, ours)
    naive.sample(start, times, 0.25, WGS84, body, theirs)
    assert np.allclose(ours, theirs, rtol=1e-10, atol=1e-7)
