"""The growth kernels against objects, one leaf at a time."""

import math
from collections import Counter

import naive_growth as naive
import naive_leaves
import numpy as np
import pytest
from filter_cases import SEEDS, close, world
from leaf_cases import MISSING, NOW_NS, RULE, TURN_NS, leaves_of, plots_near, same, spot_of

from casemate.kernels import growth as kernel
from casemate.kernels.leaves import LEAF, MOST_CHILDREN, predict_leaf
from casemate.model.records import TRACK, Motion, TrackStatus
from casemate.tracking.priors import PRIORS


def table(rng, n, env, room=600):
    """Return n leaves in a block with free slots, their order, and when sensors saw them."""
    block = np.zeros(room, LEAF)
    order = rng.choice(room, n, replace=False)
    block[order] = leaves_of(rng, n, env)
    block["label"][order] = np.arange(n)  # so that a child tells whose it is
    free = np.setdiff1d(np.arange(room), order)[::-1].copy()
    seen = NOW_NS - rng.integers(0, 4 * TURN_NS, (room, 4))
    seen[order[: n // 2], 2] -= 2 * TURN_NS
    return block, order, free, seen


def test_codes_are_those_of_the_records():
    """The kernels cannot import the records: their numbers are written twice."""
    assert tuple(TrackStatus) == (kernel.TENTATIVE, kernel.CONFIRMED, kernel.COASTING, kernel.DROPPED)
    assert (Motion.BALLISTIC, Motion.LEVEL) == (0, 1)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("missing", MISSING)
def test_who_may_be_hit(seed, missing):
    """Asked before a leaf is updated, nothing that its gate would take is lost; with and without a motor's push."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, p, work, told = np.empty((2, 7)), np.empty((2, 7, 7)), np.empty((4, 7, 7)), Counter()
    for k, row in enumerate(leaves_of(rng, 20, env)):
        leaf, push_s = naive_leaves.leaf_of(row), (0.0, 1.6)[k % 2]
        ahead = naive_leaves.predict_leaf(leaf, 0.4, env, PRIORS)
        predict_leaf(row, 0.4, env, PRIORS, x, p, work)
        m = min(ahead)
        for sigmas in (1.0, 5.0, 30.0):
            spot = spot_of(rng, ahead[m][0], m == 1, sensor, env, missing, NOW_NS, sigmas)
            plot = spot["z"], spot["var"], sensor, env
            may_be = kernel.may_hit(row, x, p, *plot, push_s, work)
            assert may_be == naive.may_hit(leaf, ahead, *plot, push_s)
            assert may_be or naive_leaves.hit_leaf(leaf, ahead, *plot, PRIORS, push_s) is None
            told[may_be] += 1
    assert told[True]
    assert told[False]


@pytest.mark.parametrize("seed", SEEDS)
def test_children(seed):
    """Each leaf by each plot: which are born, in which order, and what they are; two sensors, late plots."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    block, order, free, seen = table(rng, 20, env)
    leaves = [naive_leaves.leaf_of(block[slot]) for slot in order]
    near = plots_near(rng, block[order], sensor, env, NOW_NS + TURN_NS)
    spots = np.concatenate([near, plots_near(rng, block[order[::3]], sensor, env, NOW_NS - TURN_NS // 2)])
    before, base, first = len(free), 2000, 3
    expected = naive.extend_leaves(leaves, seen[order], spots, base, first, RULE, sensor, env, PRIORS)
    done, n_free = kernel.extend_leaves(
        block, seen, order, 0, free, before, spots, base, first, RULE, sensor, env, PRIORS
    )
    assert done == len(order)
    slots = free[n_free:before][::-1]
    pairs = pairs_of(block[slots], base)
    assert sorted(pairs) == sorted(expected)
    assert len(pairs) > 15
    for slot, (k, j) in zip(slots, pairs, strict=True):
        same(block[slot], expected[k, j])
        chances = seen[order[k]].copy()
        chances[2:] = spots["t_ns"][j]
        assert seen[slot].tolist() == chances.tolist()
    for slot, leaf in zip(order, leaves, strict=True):
        same(block[slot], leaf)


@pytest.mark.parametrize("ln_unseen", [0.0, -5.0])
def test_children_of_a_burning_motor(ln_unseen):
    """What climbs over the edge takes plots that free flight would not reach; what appeared in mid-air does not."""
    rng = np.random.default_rng(8)
    env, sensor = world(rng)
    block, order, free, seen = table(rng, 15, env)
    block[order] = leaves_of(rng, 15, env, ("round", "both"))
    block["cov"][order] *= 1e-6
    block["label"][order], block["ln_unseen"][order], block["salvo"][order] = np.arange(15), ln_unseen, 0
    block["t_birth_ns"][order] = block["t_ns"][order] - TURN_NS
    block["is_pushed"][order] = False
    block["x"][order, 0, 5] += 200.0
    leaves = [naive_leaves.leaf_of(block[slot]) for slot in order]
    spots = plots_near(rng, block[order], sensor, env, NOW_NS + TURN_NS)
    expected = naive.extend_leaves(leaves, seen[order], spots, 0, 0, RULE, sensor, env, PRIORS)
    _, n_free = kernel.extend_leaves(block, seen, order, 0, free, len(free), spots, 0, 0, RULE, sensor, env, PRIORS)
    slots = free[n_free:][::-1]
    pairs = pairs_of(block[slots], 0)
    assert sorted(pairs) == sorted(expected)
    assert block["is_pushed"][slots].any() == (ln_unseen == 0.0)
    for slot, pair in zip(slots, pairs, strict=True):
        same(block[slot], expected[pair])


def pairs_of(children, base):
    """Return leaf and plot of each child."""
    newest = children["plots"][np.arange(len(children)), children["n_plots"] - 1]
    return list(zip(children["label"].tolist(), (newest - base).tolist(), strict=True))


def test_children_where_slots_run_out():
    """The kernel stops before a leaf whose children may not all have room, and goes on where it stopped."""
    rng = np.random.default_rng(3)
    env, sensor = world(rng)
    block, order, free, seen = table(rng, 6, env)
    spots = np.repeat(plots_near(rng, block[order[:1]], sensor, env, NOW_NS + TURN_NS)[:1], 40)
    block["cov"][order, :, :3, :3] *= 1e3  # so that many a leaf takes every plot
    leaves = [naive_leaves.leaf_of(block[slot]) for slot in order]
    expected = naive.extend_leaves(leaves, seen[order], spots, 0, 0, RULE, sensor, env, PRIORS)
    wanted = Counter(k for k, _ in expected)
    assert max(wanted.values()) == 40
    done, got = 0, Counter()
    while done < len(order):
        free, at = free[: -MOST_CHILDREN - 5], done
        done, left = kernel.extend_leaves(
            block, seen, order, done, free, len(free), spots, 0, 0, RULE, sensor, env, PRIORS
        )
        assert done > at or done == len(order)
        for slot, (k, j) in zip(free[left:][::-1], pairs_of(block[free[left:][::-1]], 0), strict=True):
            same(block[slot], expected[k, j])
            got[k] += 1
        free = free[:left]
    assert got == {k: min(n, MOST_CHILDREN) for k, n in wanted.items()}
    assert kernel.extend_leaves(
        block, seen, order, 2, free, MOST_CHILDREN - 1, spots, 0, 0, RULE, sensor, env, PRIORS
    ) == (2, MOST_CHILDREN - 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_places_ahead(seed):
    """Of rounds and others, forwards, back, not at all, and never beyond the longest silence."""
    rng = np.random.default_rng(seed)
    env, _ = world(rng)
    block, order, _, _ = table(rng, 15, env)
    leaves = [naive_leaves.leaf_of(block[slot]) for slot in order]
    for t_ns in (NOW_NS, NOW_NS + 3 * TURN_NS, NOW_NS - TURN_NS, NOW_NS + 90 * TURN_NS):
        state = np.empty((15, 7))
        kernel.look_ahead(block, order, t_ns, 20 * TURN_NS, env, state)
        for got, wanted in zip(state, naive.look_ahead(leaves, t_ns, 20 * TURN_NS, env), strict=True):
            close(got, wanted)


@pytest.mark.parametrize("turn_ns", [0, TURN_NS])
@pytest.mark.parametrize("seed", SEEDS)
def test_misses_and_age(seed, turn_ns):
    """A sweep's misses, then the age of all."""
    rng = np.random.default_rng(seed)
    env, _ = world(rng)
    block, order, _, seen = table(rng, 60, env)
    leaves = [naive_leaves.leaf_of(block[slot]) for slot in order]
    codes, is_kept = rng.integers(0, 8, 60).astype(np.uint8), rng.random(60) < 0.3
    chances = seen[order, 3].copy()
    times_ns = NOW_NS, 1.05 * TURN_NS, turn_ns
    kernel.count_misses(block, seen, order, codes, is_kept, 1, *times_ns, -2.3)
    naive.count_misses(leaves, chances, codes, is_kept, *times_ns, -2.3)
    assert seen[order, 3].tolist() == chances.tolist()
    for slot, leaf in zip(order, leaves, strict=True):
        same(block[slot], leaf)
    state = rng.normal(0.0, 60.0, (60, 7))
    quiet_ns, worst = np.array([0.2, 0.9]) * TURN_NS, np.array([-4.0, -6.5])
    patience_ns = np.array([[0.5, 1.5], [1.5, 0.7]]) * TURN_NS
    limits = NOW_NS + TURN_NS // 4, quiet_ns, worst, patience_ns, -30.0, 6.4e6
    kernel.age_leaves(block, order, state, *limits)
    naive.age_leaves(leaves, state, *limits)
    for slot, leaf in zip(order, leaves, strict=True):
        same(block[slot], leaf)
    assert {leaf.status for leaf in leaves} >= {0, 2, 3}
    assert {leaf.is_touched for leaf in leaves} == {True, False}


@pytest.mark.parametrize("seed", SEEDS)
def test_rows(seed):
    """TRACK rows of every kind of leaf, at the last hit and predicted; counts and odds that do not fit."""
    rng = np.random.default_rng(seed)
    env, _ = world(rng)
    block, order, _, _ = table(rng, 25, env)
    block["n_hit"][order[:3]] = 70_000
    block["ln_other"][order[3:6]] = 5_000.0
    leaves = [naive_leaves.leaf_of(block[slot]) for slot in order]
    rows = np.zeros(25, TRACK)
    kernel.report_leaves(block, order, NOW_NS + TURN_NS, TURN_NS, -1.5, env, PRIORS, rows)
    for row, leaf in zip(rows, leaves, strict=True):
        for name, value in naive.report_leaf(leaf, NOW_NS + TURN_NS, TURN_NS, -1.5, env, PRIORS).items():
            if name in {"state", "cov"}:
                if name == "state" and not leaf.has_height:
                    assert math.isnan(row["state"][2])
                    assert math.isnan(value[2])
                    close(np.nan_to_num(row[name]), np.nan_to_num(value))
                else:
                    close(row[name], value)
            else:
                assert row[name] == pytest.approx(value, rel=1e-10, abs=1e-10), name
    assert set(rows["motion"].tolist()) == {0, 1}
