"""The leaf kernels against objects, lists and whole formulas."""

import math
from collections import Counter

import naive_leaves as naive
import numpy as np
import pytest
from filter_cases import SEEDS, close, world
from leaf_cases import MISSING, NOW_NS, TURN_NS, leaves_of, plots_near, same, spot_of

from casemate.kernels import leaves as kernel
from casemate.tracking.priors import PRIORS


@pytest.mark.parametrize("missing", MISSING)
def test_density_of_false_plots(missing):
    """In the units of the elements that a plot has, near and far, low and overhead."""
    rng = np.random.default_rng(1)
    env, sensor = world(rng)
    for x in rng.normal(0.0, 1.0, (20, 7)) * [4e3, 4e3, 3e3, 50, 50, 50, 0]:
        z = spot_of(rng, x, False, sensor, env, missing, NOW_NS)["z"]
        assert kernel.ln_clutter(z, sensor) == pytest.approx(naive.ln_clutter(z, sensor), rel=1e-10)


@pytest.mark.parametrize("reach_m", [600.0, 6.9e3, 7e3, 7.1e3, 25e3])
def test_crowding_near_the_antenna(reach_m):
    """As the inverse square of the range within 7 km, the range that the case's radar has; none beyond."""
    _, sensor = world(np.random.default_rng(1))
    assert kernel.ln_crowding(reach_m, sensor) == pytest.approx(math.log(naive.crowding(reach_m, sensor)), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_weight_and_memory(seed):
    """Scores are put together, the loser stops; plots fill the window and beyond."""
    rng = np.random.default_rng(seed)
    env, _ = world(rng)
    rows = leaves_of(rng, 15, env)
    rows["ln_round"] += rng.normal(0.0, 8.0, 15)
    stopped = 0
    for row in rows:
        leaf = naive.leaf_of(row)
        assert kernel.is_round(row) == naive.is_round(leaf)
        for i in range(1, 20):
            ran = len(leaf.states)
            kernel.weigh(row, 10.0)
            naive.weigh(leaf, 10.0)
            stopped += ran - len(leaf.states)
            kernel.remember(row, 2000 + i, NOW_NS + i, 0)
            naive.remember(leaf, 2000 + i, NOW_NS + i, 0)
            same(row, leaf)
            assert kernel.is_round(row) == naive.is_round(leaf)
            row["ln_round"] += 1.0
            leaf.ln_round += 1.0
        assert row["n_plots"] == kernel.WINDOW
        assert row["has_past"]
    assert stopped > 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("missing", MISSING)
def test_prediction_and_hit(seed, missing):
    """Every kind of leaf by plots that fit, that fit neither well nor badly, and that do not."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, p, work = np.empty((2, 7)), np.empty((2, 7, 7)), np.empty((4, 7, 7))
    rows, seen = leaves_of(rng, 20, env), Counter()
    for k, row in enumerate(rows):
        dt, push_s = (0.4, 1.3, -0.2)[k % 3], (0.0, 1.6)[k // 3 % 2]
        row["is_pushed"], row["t_birth_ns"] = k % 4 == 1, row["t_ns"] - k % 3 * TURN_NS
        leaf = naive.leaf_of(row)
        ahead = naive.predict_leaf(leaf, dt, env, PRIORS)
        kernel.predict_leaf(row, dt, env, PRIORS, x, p, work)
        for m, (y, q) in ahead.items():
            close(x[m], y)
            close(p[m], q)
        m = min(ahead)
        for sigmas in (1.0, 5.0, 30.0):
            spot = spot_of(rng, ahead[m][0], m == 1, sensor, env, missing, NOW_NS, sigmas)
            child = np.array([row])[0]
            expected = naive.hit_leaf(leaf, ahead, spot["z"], spot["var"], sensor, env, PRIORS, push_s)
            is_hit = kernel.hit_leaf(child, x, p, spot["z"], spot["var"], sensor, env, PRIORS, push_s, work)
            assert is_hit == (expected is not None)
            if is_hit:
                same(child, expected)
                seen[len(leaf.states), len(expected.states)] += 1
            seen[is_hit] += 1
    assert seen[True]
    assert seen[False]
    assert seen[2, 2]
    assert seen[1, 1]


def test_a_model_that_stopped_is_asked_again():
    """Beyond the 99 % gate the other model begins from the state of the one that ran; a first elevation opens too."""
    rng = np.random.default_rng(5)
    env, sensor = world(rng)
    x, p, work = np.empty((2, 7)), np.empty((2, 7, 7)), np.empty((4, 7, 7))
    for kind, sigmas, is_opened in (
        ("round", 0.0, False),
        ("round", 3.6, True),
        ("other", 0.0, False),
        ("other", 3.6, True),
        ("level", 0.0, True),
    ):
        opened = []
        for row in leaves_of(rng, 20, env, (kind,)):
            row["cov"] *= 1e-6  # so that the plot's own sigma says how far off it is
            leaf = naive.leaf_of(row)
            ahead = leaf.states
            kernel.predict_leaf(row, 0.0, env, PRIORS, x, p, work)
            m = min(ahead)
            x[m], p[m] = ahead[m]
            spot = spot_of(rng, ahead[m][0], m == 1, sensor, env, (3, 4), NOW_NS)
            exact = spot_of(rng, ahead[m][0], m == 1, sensor, env, (3, 4), NOW_NS)
            exact["z"][:3] = naive.naive_looks.project(ahead[m][0], m == 1, sensor, env)[0][:3]
            exact["z"][0] += sigmas * math.sqrt(spot["var"][0])
            child = np.array([row])[0]
            expected = naive.hit_leaf(leaf, ahead, exact["z"], exact["var"], sensor, env, PRIORS)
            assert kernel.hit_leaf(child, x, p, exact["z"], exact["var"], sensor, env, PRIORS, 0.0, work)
            same(child, expected)
            opened.append(len(expected.states) == 2)
        assert set(opened) == {is_opened}, (kind, sigmas)


def test_who_may_burn():
    """Young rounds that came in over the edge and climb, and no others."""
    rng = np.random.default_rng(6)
    env, _ = world(rng)
    seen = Counter()
    for k, row in enumerate(leaves_of(rng, 200, env)):
        row["t_birth_ns"], row["ln_unseen"] = row["t_ns"] - k % 3 * TURN_NS, -rng.uniform(0.0, 6.0)
        burns = kernel.may_burn(row)
        assert burns == naive.may_burn(naive.leaf_of(row))
        seen[burns] += 1
    assert min(seen[True], seen[False]) > 5


@pytest.mark.parametrize("kind", ["round", "both"])
def test_a_motor_is_tried_where_free_flight_does_not_fit(kind):
    """A plot that fits free flight pushes nothing; one 15 sigmas off does, if a motor may have burned until then."""
    rng = np.random.default_rng(7)
    env, sensor = world(rng)
    x, p, work = np.empty((2, 7)), np.empty((2, 7, 7)), np.empty((4, 7, 7))
    for push_s, sigmas, is_pushed in ((1.6, 0.0, False), (1.6, 15.0, True), (0.0, 3.6, False)):
        for row in leaves_of(rng, 20, env, (kind,)):
            row["cov"] *= 1e-6
            row["is_pushed"] = False
            leaf = naive.leaf_of(row)
            kernel.predict_leaf(row, 0.0, env, PRIORS, x, p, work)
            spot = spot_of(rng, leaf.states[0][0], False, sensor, env, (3, 4), NOW_NS)
            spot["z"][:3] = naive.naive_looks.project(leaf.states[0][0], False, sensor, env)[0][:3]
            spot["z"][0] += sigmas * math.sqrt(spot["var"][0])
            child = np.array([row])[0]
            expected = naive.hit_leaf(leaf, leaf.states, spot["z"], spot["var"], sensor, env, PRIORS, push_s)
            assert kernel.hit_leaf(child, x, p, spot["z"], spot["var"], sensor, env, PRIORS, push_s, work)
            same(child, expected)
            assert bool(child["is_pushed"]) == is_pushed


def test_plots_are_made_near():
    """The cases themselves: half of the plots lie where their leaf is expected."""
    rng = np.random.default_rng(2)
    env, sensor = world(rng)
    spots = plots_near(rng, leaves_of(rng, 10, env), sensor, env, NOW_NS + TURN_NS)
    assert np.isfinite(spots["pos"]).all()
    assert len(spots) == 20
