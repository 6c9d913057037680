"""`kernels.flight` against its plain twin: what lies ahead of a step, and whole batches, round by round."""

import naive_flight as naive
import naive_single
import numpy as np
import pytest
from flight_cases import environment, shots
from terrain_cases import rough

from casemate.kernels import flight

WORLDS = [("flat", "calm"), ("flat", "rough"), ("wgs84", "calm"), ("wgs84", "breeze"), ("wgs84", "rough")]
LIMIT_S = 400.0


def fly(states, env, terrain=None, scale=1.0, limit_s=LIMIT_S, *, may_start_under=False, with_derivatives=True):
    """Run the kernel; return its rows, derivatives and statuses."""
    n = len(states)
    out, by, status = np.full((n, 7), np.nan), np.full((n * with_derivatives, 3, 9), np.nan), np.zeros(n, np.uint8)
    flight.fly_many(states, env, terrain, scale, limit_s, may_start_under, out, by, status)
    return out, by, status


def naive_many(states, env, scale=1.0, limit_s=LIMIT_S):
    """Fly one after the other, those under the ground too."""
    ends = [naive_single.fly(state, env, scale, limit_s) for state in states]
    out = np.array([(lane.t, *lane.y) for lane, _ in ends])
    by = np.array([naive.to_ground(lane.derivatives, lane.y, env) for lane, _ in ends])
    return out, by, [status for _, status in ends]


@pytest.mark.parametrize("seed", range(5))
def test_surround(seed):
    rng, env = np.random.default_rng(seed), environment("wgs84", "rough")
    near = rng.choice(env.corners_m, 50) - env.site_height_m + rng.uniform(-3.0, 3.0, 50)
    for height in (*rng.uniform(-50.0, 35e3, 50), *near):
        for climb in (-1.0, 1.0):
            ground = rng.uniform(-20.0, 300.0)
            assert flight.surround(height, climb, ground, env) == naive.surround(height, climb, ground, env)


@pytest.mark.parametrize("seed", range(5))
def test_time_to(seed):
    rng = np.random.default_rng(seed)
    for gap, climb, pull in rng.normal(0.0, [100.0, 50.0, 10.0], (100, 3)):
        got, want = flight.time_to(gap, climb, pull), naive.time_to(gap, climb, pull)
        assert got == pytest.approx(want, rel=1e-10, nan_ok=True)


def test_height_over_ground():
    terrain, env, rng = rough(3), environment("wgs84"), np.random.default_rng(4)
    for _ in range(50):
        y = rng.uniform(-800.0, 800.0, 7)
        got = flight.height_over_ground(y, 12.0, terrain, env)
        assert got == pytest.approx(naive.height_over_ground(y, 12.0, terrain, env), abs=1e-7)
        got = flight.height_over_ground(y, 12.0, None, env)
        assert got == pytest.approx(naive.height_over_ground(y, 12.0, None, env), abs=1e-8)


@pytest.mark.slow  # without the compiler
@pytest.mark.parametrize(("earth", "wind"), WORLDS)
@pytest.mark.parametrize("family", ["mortar", "shell"])
def test_a_batch(earth, wind, family):
    """More rounds than lanes, so that some come aboard later: the impacts, and all nine derivatives of each."""
    env = environment(earth, wind)
    states = shots(family, 40, 17)
    states[:3, 5] *= 0.2
    out, by, status = fly(states, env)
    few = [0, 1, 2, 9, 31, 32, 39]
    want, slopes, statuses = naive_many(states[few], env)
    assert status[few].tolist() == statuses == [0] * len(few)
    assert np.allclose(out[few], want, rtol=1e-10, atol=1e-8)  # 1e-10 of 100 m, where a coordinate passes 0
    size = np.abs(slopes).max(axis=2, keepdims=True)
    assert (np.abs(by[few] - slopes) < 1e-9 * size).all()


@pytest.mark.slow  # without the compiler
def test_under_and_over_the_ground():
    """A start under it is carried back, or refused; on it, but for rounding, it flies."""
    env = environment("wgs84", "breeze")._replace(ground_m=100.0)
    states = shots("mortar", 4, 3)
    states[0, 2], states[0, 5] = 30.0, -80.0
    states[1, 2], states[1, 5] = 100.0 - 2e-4, 90.0
    states[2, 2], states[2, 5] = 60.0, 120.0
    states[:3, :2] = 0.0
    states[3, 2], states[3, 5] = 50.0, 20.0
    out, by, status = fly(states, env, may_start_under=True)
    want, slopes, statuses = naive_many(states, env)
    assert status.tolist() == statuses == [0, 0, 0, 1]  # the last one never comes up
    assert np.allclose(out[:3], want[:3], rtol=1e-10, atol=1e-8)
    assert np.allclose(by[:3], slopes[:3], rtol=1e-8, atol=1e-8)
    assert out[0, 0] < 0.0
    _, _, status = fly(states, env)
    assert status.tolist() == [3, 0, 3, 3]


@pytest.mark.slow  # without the compiler
def test_statuses():
    env, states = environment("wgs84", "rough"), shots("mortar", 6, 8)
    states[1, 3] = np.nan
    states[2, 2], states[2, 5] = 36e3, 500.0  # over the air table
    states[3, 5] = 1900.0  # over the drag table
    states[4, 5], states[4, 6] = 2500.0, -60.0  # without drag: up for longer than the limit
    states[5, 2] = np.inf
    out, by, status = fly(states, env, limit_s=350.0)
    assert status.tolist() == [0, 4, 3, 3, 2, 4]
    assert np.isfinite(out[[0, 2, 3]]).all()
    assert np.isfinite(by[[0, 2, 3]]).all()
    _, _, statuses = naive_many(states[[0, 1, 4]], env, limit_s=350.0)
    assert statuses == [0, 4, 2]


STEPS = np.array([1.0, 1.0, 1.0, 0.02, 0.02, 0.02, 1e-4, 0.02, 0.02])


def differences(states, env):
    """Central differences (n, 3, 9) of the impacts, flown at a twentieth of the step."""
    slopes = np.empty((len(states), 3, 9))
    for j, step in enumerate(STEPS):
        ends = []
        for sign in (1.0, -1.0):
            moved, world = states.copy(), env
            if j < 7:
                moved[:, j] += sign * step
            else:
                blown = env.wind.copy()
                blown[2 * (j - 7) :: 4] += sign * step
                world = env._replace(wind=blown, has_wind=True)
            ends.append(fly(moved, world, scale=0.05, with_derivatives=False)[0][:, [1, 2, 0]])
        slopes[:, :, j] = (ends[0] - ends[1]) / (2.0 * step)
    return slopes


def size_of(slopes, j):
    """Return the largest slope (n, 3) by what has the unit of starting value j: a share of one near 0 means nothing."""
    unit = next(columns for columns in ([0, 1, 2], [3, 4, 5, 7, 8], [6]) if j in columns)
    size = np.abs(slopes[:, :, unit]).max(axis=2)
    return np.maximum(np.column_stack((size[:, :2].max(axis=1), size[:, :2].max(axis=1), size[:, 2])), 1e-9)


# Measured, 3 x 40 rounds each: calm 4e-4 (the step of the derivatives is of order 4, and as long as the state's, which
# is of order 5); breeze 4e-4, by a wind 4.6e-3 (that it turns with the place is left out); rough 5.4e-3: a wind that
# changes by 30 m/s in 1.5 km has a slope of its own in each step.
@pytest.mark.slow  # without the compiler
@pytest.mark.parametrize("family", ["mortar", "shell", "rocket"])
@pytest.mark.parametrize(
    ("earth", "wind", "share", "share_of_wind"),
    [("flat", "calm", 1e-3, 1e-3), ("wgs84", "breeze", 1e-3, 6e-3), ("wgs84", "rough", 8e-3, 8e-3)],
)
def test_derivatives_against_central_differences(family, earth, wind, share, share_of_wind):
    env, states = environment(earth, wind), shots(family, 40, 23, (0.7, 1.5))
    _, by, _ = fly(states, env)
    slopes = differences(states, env)
    for j in range(9):
        error = np.abs(by - slopes)[:, :, j] / size_of(slopes, j)
        assert error.max() < (share if j < 7 else share_of_wind), j
