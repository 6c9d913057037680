"""The mouth kernel against plain formulas, plot by plot."""

import naive_mouths as naive
import numpy as np
import pytest
from filter_cases import SEEDS, state, world
from leaf_cases import NOW_NS, RULE, TURN_NS, leaves_of, same, spot_of, started
from naive_ballistic import predict_ballistic
from naive_leaves import leaf_of

from casemate.kernels import mouths as kernel
from casemate.kernels.leaves import LEAF, SALVO, SPOT
from casemate.tracking.priors import PRIORS


@pytest.mark.parametrize("seed", SEEDS)
def test_rounds_of_a_salvo(seed):
    """One plot near the mouth begins a round of the salvo's velocity; others begin nothing."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    salvos = np.zeros(3, SALVO)
    x, p = state(rng)
    salvos["serial"], salvos["pos"], salvos["vel"] = [3, 8, 9], x[:3], x[3:6]
    salvos["pos"][1:] += rng.normal(0.0, 40.0, (2, 3))
    salvos["pos"][2] += [9e3, 0.0, 0.0]
    salvos["ln_drag"] = rng.normal(-8.4, 0.2, 3)
    spots = []
    for dt in (0.0, 0.5, -0.5, 2.0, 12.0):
        y, _ = predict_ballistic(x, p, dt, env, PRIORS)
        y[:3] += rng.normal(0.0, 30.0, 3)
        spots += [spot_of(rng, y, False, sensor, env, missing, NOW_NS) for missing in ((3, 4), (4,), (2, 3))]
    spots = np.array(spots)
    spots["t_ns"][1] = -1
    room, base, first = 100, 5000, 1
    block, seen, free = np.full(room, 7, LEAF), np.full((room, 4), 7), rng.permutation(room)
    places = spots, base, first, salvos, 10.0, RULE, sensor, env, PRIORS
    n_free = kernel.begin_at_mouth(block, seen, free, room, *places)
    expected = naive.begin_at_mouth(*places, lambda z, var: started(z, var, sensor, env))
    slots = free[n_free:][::-1]
    assert len(slots) == len(expected) > 4
    for slot, leaf in zip(slots, expected, strict=True):
        same(block[slot], leaf)
        assert seen[slot].tolist() == [0, 0, NOW_NS, NOW_NS]


@pytest.mark.parametrize("seed", SEEDS)
def test_young_rounds(seed):
    """Each of the conditions lets some through and some not."""
    rng = np.random.default_rng(seed)
    env, _ = world(rng)
    rows = leaves_of(rng, 80, env)
    rows["t_birth_ns"] = NOW_NS - rng.integers(0, 9, 80) * TURN_NS
    rows["n_hit"], rows["ln_unseen"] = rng.integers(1, 8, 80), rng.uniform(-5.0, 0.0, 80)
    rows["cov"][:, 0, 3:6, 3:6] *= rng.uniform(0.1, 10.0, 80)[:, None, None]
    order, slots = rng.permutation(80), np.empty(80, np.int64)
    most_var = np.median(np.trace(rows["cov"][:, 0, 3:6, 3:6], axis1=1, axis2=2))
    limits = NOW_NS - 6 * TURN_NS, 3, -3.0, most_var
    expected = [slot for slot in order if naive.is_young(leaf_of(rows[slot]), *limits)]
    assert slots[: kernel.find_young(rows, order, *limits, slots)].tolist() == expected
    assert 0 < len(expected) < 40


@pytest.mark.parametrize("seed", SEEDS)
def test_paths(seed):
    """Rounds one behind the other, beside, across, and at rest."""
    rng = np.random.default_rng(seed)
    state_at = np.concatenate([rng.normal(0.0, 60.0, (12, 3)), rng.normal(0.0, 15.0, (12, 6))], axis=1)
    state_at[:, 3:6] += [200.0, 100.0, 150.0]
    state_at[::3, :3] += rng.uniform(-5.0, 5.0, (4, 1)) * [200.0, 100.0, 150.0]
    is_same, way_s = np.empty((12, 12), np.bool_), np.empty((12, 12))
    kernel.compare_paths(state_at, state_at, 150.0, 40.0, 3.0, is_same, way_s)
    for i, x in enumerate(state_at):
        for j, y in enumerate(state_at):
            expected = naive.compare_paths(x, y, 150.0, 40.0, 3.0)
            assert is_same[i, j] == expected[0]
            assert way_s[i, j] == pytest.approx(expected[1], rel=1e-10, abs=1e-10)
    assert 12 < is_same.sum() < 144


@pytest.mark.parametrize("seed", SEEDS)
def test_plots_near_a_path(seed):
    """Along the path of a salvo and beside it, before the mouth and after; those at the very edge are not asked."""
    rng = np.random.default_rng(seed)
    env, _ = world(rng)
    salvo = np.zeros(1, SALVO)
    salvo["pos"], salvo["vel"], salvo["ln_drag"] = [300.0, 9_000.0, 400.0], [20.0, -180.0, 160.0], -8.4
    u = rng.uniform(-4.0, 9.0, (200, 1))
    spots = np.zeros(200, SPOT)
    spots["pos"] = salvo["pos"] + u * salvo["vel"] + 0.5 * u * u * np.array([0.0, 1.0, -10.0])
    spots["pos"] += rng.normal(0.0, 300.0, (200, 3))
    spots["slack_m"] = rng.uniform(0.0, 60.0, 200)
    limits, near = (-3.0, 7.0, 200.0, 60.0), np.empty(200, np.bool_)
    kernel.find_near(spots, salvo[0], *limits, env, near)
    told = [naive.is_near(spot["pos"], spot["slack_m"], salvo[0], *limits, env) for spot in spots]
    clear = np.array([margin > 0.5 for _, margin in told])  # half a millisecond of the way, and Newton's third step
    assert clear.sum() > 190
    assert near[clear].tolist() == [is_near for (is_near, _), is_clear in zip(told, clear, strict=True) if is_clear]
    assert 40 < near.sum() < 160
