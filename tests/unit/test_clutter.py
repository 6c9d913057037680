"""Traffic: counts, continuity and bounds of what flies that is no round."""

import itertools

import numpy as np
import pytest

from casemate.sim.clutter.declared import Traffic
from casemate.sim.clutter.flow import Flow, Hourly

HELICOPTER = Traffic(
    kind="helicopter",
    per_hour=60.0,
    speed_mps=(20.0, 75.0),
    height_m=(50.0, 500.0),
    rcs_dbsm=(3.0, 10.0),
    life_s=(60.0, 200.0),
    leg_s=(5.0, 20.0),
    reach_m=5000.0,
    load_g=0.5,
    turn_dps=12.0,
    hover_share=0.4,
)
AIRCRAFT = Traffic(
    kind="aircraft",
    per_hour=30.0,
    speed_mps=(70.0, 130.0),
    height_m=(300.0, 6000.0),
    rcs_dbsm=(10.0, 20.0),
    life_s=(200.0, 400.0),
    leg_s=(30.0, 60.0),
    reach_m=20_000.0,
    load_g=0.3,
    turn_dps=3.0,
)


def flow(*traffic, seed=1):
    rng = np.random.default_rng(seed)
    return Flow([Hourly(kind, rng, rng.spawn(1)[0]) for kind in traffic], itertools.count(5))


def test_each_hour_holds_as_many_as_declared():
    sky, born = flow(HELICOPTER, AIRCRAFT), set()
    for t in np.arange(0.0, 3600.0, 10.0):
        sky.prepare(t, t + 10.0)
        born |= set(sky.label[sky.start_s < 3600.0].tolist())
    assert sum(name.startswith("helicopter-") for name in born) == 60
    assert sum(name.startswith("aircraft-") for name in born) == 30


def test_paths_are_smooth_and_keep_their_speed_and_turn():
    sky = flow(HELICOPTER, AIRCRAFT)
    sky.prepare(0.0, 600.0)  # drawn at one go: everything born in 10 minutes
    dt = 0.01
    for i in range(len(sky.truth_id)):
        t = np.arange(sky.start_s[i], min(sky.end_s[i], 600.0) - 2 * dt, 0.37)
        row = np.full(len(t), i)
        pos, vel = sky.at(row, t)
        after, vel_after = sky.at(row, t + dt)
        np.testing.assert_allclose((after - pos) / dt, 0.5 * (vel + vel_after), atol=12.0 * dt * 10 + 9.0)
        speed, load = np.hypot(vel[:, 0], vel[:, 1]), np.linalg.norm(vel_after - vel, axis=1)[:, None]
        assert speed.max() <= 130.0 + 1e-9
        assert np.linalg.norm(after - pos, axis=1).max() <= 1.4  # no jump: 131 m/s at most
        level = np.hypot(*(vel_after - vel)[:, :2].T) / dt
        assert level.max() <= 0.51 * 9.81, load.max()


def test_drawing_bit_by_bit_gives_the_same_paths():
    whole, bits = flow(HELICOPTER), flow(HELICOPTER)
    whole.prepare(0.0, 300.0)
    for t in np.arange(0.0, 300.0, 1.0):
        bits.prepare(0.0, t + 1.0)
    t = np.full(len(whole.truth_id), 299.0)
    rows = np.arange(len(t))
    np.testing.assert_array_equal(whole.truth_id, bits.truth_id)
    np.testing.assert_array_equal(whole.at(rows, t)[0], bits.at(rows, t)[0])


def test_past_bodies_and_legs_are_forgotten():
    sky, size = flow(HELICOPTER), []
    for t in np.arange(0.0, 7200.0, 5.0):
        sky.prepare(t, t + 5.0)
        size.append(len(sky.legs))
    assert max(size[len(size) // 2 :]) <= max(size[: len(size) // 2]) + 10
    assert np.all(sky.end_s >= 7195.0)


def test_nobody_strays_far_beyond_its_reach():
    sky = flow(HELICOPTER, AIRCRAFT)
    for t in np.arange(0.0, 1200.0, 5.0):
        sky.prepare(t, t + 5.0)
        is_up = (sky.start_s <= t) & (sky.end_s > t)
        pos, _ = sky.at(np.flatnonzero(is_up), np.full(is_up.sum(), t))
        is_heli = np.char.startswith(sky.label[is_up], "helicopter")
        assert np.all(np.hypot(pos[is_heli, 0], pos[is_heli, 1]) < 1.5 * 5000.0)
        assert np.all(pos[:, 2] > 0.0)


@pytest.mark.parametrize("seed", [1, 2])
def test_another_seed_is_another_sky(seed):
    sky, other = flow(AIRCRAFT, seed=seed), flow(AIRCRAFT, seed=seed + 10)
    sky.prepare(0.0, 500.0)
    other.prepare(0.0, 500.0)
    assert not np.array_equal(sky.start_s, other.start_s)


def test_no_traffic_is_no_body():
    sky = flow()
    assert not sky.prepare(0.0, 1e4)
    pos, vel = sky.at(np.zeros(0, np.int64), np.zeros(0))
    assert pos.shape == vel.shape == (0, 3)
