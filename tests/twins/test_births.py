"""The birth kernels against plain formulas, pair by pair."""

import math

import naive_births as naive
import numpy as np
import pytest
from filter_cases import SEEDS, close, plot_of, state, world
from leaf_cases import MISSING, NOW_NS, RULE, TURN_NS, leaves_of, same, spot_of, started
from naive_ballistic import predict_ballistic
from naive_leaves import B, leaf_of

from casemate.kernels import births as kernel
from casemate.kernels.leaves import LEAF
from casemate.kernels.motion import acceleration
from casemate.tracking.priors import PRIORS


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("missing", MISSING)
def test_starts(seed, missing):
    """From one plot, of 3D radars and of 2D ones, with and without a height."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    spot = spot_of(rng, state(rng)[0], False, sensor, env, missing, NOW_NS)
    z, var = spot["z"], spot["var"]
    states, is_height_known = started(z, var, sensor, env)
    expected, expected_known = naive.start_leaf(z, var, sensor, env, PRIORS)
    assert is_height_known == expected_known
    assert states.keys() == expected.keys()
    for m, (x, p) in expected.items():
        # a prior of 1e10 m2 leaves rounding of 1e-6 m2: compared by the sigmas of what was measured, some metres
        sigma = np.sqrt(np.diag(p)) + 1e-3
        assert np.abs((states[m][0] - x) / sigma).max() < 1e-5
        assert np.abs((states[m][1] - p) / np.outer(sigma, sigma)).max() < 1e-5


def test_ledgers_begin_empty():
    """Nothing of what was in the slot before remains."""
    row = np.full(1, 7, LEAF)[0]
    kernel.begin_leaf(row, 41, NOW_NS)
    row["ln_round"], row["ln_other"], row["score"], row["models"], row["n_miss"], row["miss_score"] = 0, 0, 0, 3, 0, 0
    row["is_fresh"], row["is_touched"], row["t_ns"], row["i_sensor"], row["has_height"] = 0, 0, 0, 0, 0
    begun, expected = leaf_of(row), naive.new_leaf(41, NOW_NS, {})
    assert math.isnan(begun.nis)
    begun.nis, begun.states = 0, {}
    assert begun == expected
    seen = np.full(6, 9)
    kernel.first_seen(seen, 1, NOW_NS)
    assert seen.tolist() == [0, 0, NOW_NS, NOW_NS, 0, 0]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("factor", [2.0, 8.0])
def test_entries(seed, is_first, factor):
    """Speed at the first plot and scans before it: slow, usual and fast rounds, in the midst and at the edges."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    rule = RULE._replace(t_first_ns=NOW_NS - 2 * TURN_NS) if is_first else RULE
    rows = leaves_of(rng, 40, env, ("both",), 6)
    rows["x"][:, 0, 3:6] *= rng.uniform(0.1, factor, 40)[:, None]
    rows["x"][::2, 0, 2] = rng.uniform(0.0, 400.0, 20)
    state_at = np.empty((40, 9))
    kernel.fly_back(rows, np.arange(40), env, state_at)
    costs = []
    for row, y in zip(rows, state_at, strict=True):
        leaf = leaf_of(row)
        times_ns = leaf.t_ns, leaf.t_birth_ns
        first = naive.fly_back(leaf.states[B][0], *times_ns, env)
        close(y[:6], first)
        close(y[6:], np.array(acceleration(*first, math.exp(row["x"][B, 6]), env)))
        kernel.judge_entry(row, sensor, env, PRIORS, rule)
        expected = naive.judge_entry(leaf.states, *times_ns, leaf.salvo > 0, sensor, env, PRIORS, rule)
        assert [row["ln_entry"], row["ln_unseen"]] == pytest.approx(expected, rel=1e-10, abs=1e-10)
        costs.append(expected)
    assert (-20.0 in np.array(costs)[:, 0]) == (factor == 8.0)
    unseen = np.array(costs)[:, 1]
    assert unseen.max() > -1e-9
    assert unseen.min() < -1.0


def scene(rng, sensor, env, missing):
    """Plots of some rounds and other things over three scans, and false ones, in the order of time."""
    spots = []
    for _ in range(6):
        x, p = state(rng)
        if rng.random() < 0.3:
            x[3:6] *= 0.2
        for k in range(3):
            if rng.random() < 0.85:
                y, _ = predict_ballistic(x, p, k - 2.0, env, PRIORS)
                jitter_ns = int(rng.integers(0, TURN_NS // 9))
                spots.append(spot_of(rng, y, False, sensor, env, missing, NOW_NS + (k - 2) * TURN_NS + jitter_ns))
    spots.sort(key=lambda spot: spot["t_ns"])
    spots = np.array(spots)
    spots["is_settled"] = rng.random(len(spots)) < 0.1
    spots["i_sensor"][rng.random(len(spots)) < 0.1] = 0
    return spots, int(np.argmax(spots["t_ns"] >= NOW_NS))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("missing", MISSING)
def test_pairs(seed, missing):
    """Which pairs begin a leaf, and what it is, of every kind of plot."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    spots, first = scene(rng, sensor, env, missing)
    room, base, oldest = 200, 5000, seed % 2
    block, seen = np.full(room, 7, LEAF), np.full((room, 4), 7)
    free = rng.permutation(room)
    places = spots, base, oldest, first
    n_free = kernel.pair_plots(block, seen, free, room, *places, RULE, sensor, env, PRIORS)
    expected = naive.pair_plots(*places, RULE, sensor, env, PRIORS, lambda z, var: started(z, var, sensor, env))
    slots = free[n_free:]
    pairs = [tuple((plots[:2] - base).tolist()) for plots in block["plots"][slots]]
    assert sorted(pairs) == sorted(expected)
    assert pairs
    for slot, (i, j) in zip(slots, pairs, strict=True):
        same(block[slot], expected[i, j])
        assert seen[slot].tolist() == [0, 0, spots["t_ns"][j], spots["t_ns"][j]]


def test_pairs_without_room():
    """Where slots run out none is left, and the leaves that had room are there."""
    rng = np.random.default_rng(1)
    env, sensor = world(rng)
    spots, first = scene(rng, sensor, env, (3, 4))
    block, seen = np.zeros(3, LEAF), np.zeros((3, 4), np.int64)
    places = np.arange(3), 3, spots, 0, 0, first, RULE, sensor, env, PRIORS
    assert kernel.pair_plots(block, seen, *places) == 0
    assert (block["n_plots"] == 2).all()


def test_a_height_that_no_plot_tells_is_assumed():
    """Half the range or 5,000 m, whichever is less, over the sensor."""
    rng = np.random.default_rng(4)
    env, sensor = world(rng)
    z, var = plot_of(rng, state(rng)[0], False, sensor, env, (2, 3, 4))
    states, is_known = started(z, var, sensor, env)
    assert not is_known
    x, p = states[1]
    own = sensor.position[2]
    assert x[2] - own == pytest.approx(min(5000.0, 0.5 * z[0]), abs=20.0)
    assert math.sqrt(p[2, 2]) == pytest.approx(min(4000.0, 0.4 * z[0]), rel=1e-6)
    assert p[5, 5] == 0.0
