"""Cases that the tests of the leaf kernels share: rows of every kind, plots near them, and what "equal" means."""

import math

import naive_kalman
import naive_leaves
import numpy as np
import pytest
from filter_cases import close, plot_of, state

from casemate.kernels import births
from casemate.kernels.leaves import LEAF, SPOT, WINDOW, Rule
from casemate.tracking.priors import PRIORS

NOW_NS = 1_700_000_000 * 10**9
TURN_NS = 10**9
RULE = Rule(
    i_sensor=1,
    period_ns=TURN_NS,
    ln_birth_round=-1.0,
    ln_birth_other=-4.0,
    ln_miss=math.log(0.1),
    t_first_ns=NOW_NS - 100 * TURN_NS,
    least_score=-8.0,
    ln_speed=-2.5,
    n_entry=4,
    least_entry=-7.0,
)
MISSING = ((3, 4), (), (2, 3), (2, 3, 4), (3,))
"""Elements that a plot lacks: of a 3D radar, with all it could have, of a 2D one with and without height, both."""

KINDS = ("both", "round", "other", "level", "flat")
"""Models that run: both, either, level that never saw an elevation, and the same without any height."""


def leaves_of(rng, n, env, kinds=KINDS, longest=WINDOW):
    """Make n LEAF rows, every kind in turn, trees side by side."""
    rows = np.zeros(n, LEAF)
    rows["tree"] = np.sort(rng.integers(1, 2 + n // 3, n))
    for k, row in enumerate(rows):
        kind = kinds[k % len(kinds)]
        row["x"][0], row["cov"][0] = x, p = state(rng)
        jacobian = naive_kalman.to_level(x, env)[1]
        drift = rng.normal(0.0, 1.0, 7) * [5, 5, 5, 1, 1, 1, 0]
        row["x"][1], row["cov"][1] = naive_kalman.to_level(x + drift, env)[0], jacobian @ p @ jacobian.T
        row["models"] = {"both": 3, "round": 1}.get(kind, 2)
        row["has_height"] = kind != "flat"
        row["ln_round"] = -math.inf if kind in {"level", "flat"} else rng.normal(8.0, 4.0)
        row["ln_other"], row["ln_entry"] = rng.normal(6.0, 4.0), -rng.uniform(0.0, 3.0)
        row["score"] = np.logaddexp(row["ln_round"] + row["ln_entry"], row["ln_other"])
        m = int(rng.integers(1, longest + 1))
        row["n_plots"], row["n_hit"] = m, m + rng.integers(0, 3)
        row["plots"][:m] = np.sort(rng.choice(40, m, replace=False)) + 1000
        row["scores"][:m] = np.sort(rng.normal(5.0, 5.0, m))
        row["t_ns"] = NOW_NS - rng.choice([0, TURN_NS, TURN_NS // 3])
        row["plots_ns"][:m] = row["t_ns"] - TURN_NS * np.arange(m)[::-1]
        row["t_birth_ns"] = row["plots_ns"][0]
        row["i_sensor"], row["status"] = rng.integers(0, 2), rng.integers(0, 3)
        row["label"], row["salvo"] = rng.integers(0, 9), rng.choice([0, 0, 0, 5])
        row["n_miss"] = rng.integers(0, 3)
        row["miss_score"] = -2.3 * row["n_miss"]
        for name in ("has_past", "is_chosen", "is_fresh", "is_touched"):
            row[name] = rng.random() < 0.4
        row["past"] = rng.normal(3.0, 1.0) if row["has_past"] else 0.0
    return rows


def spot_of(rng, x, is_level, sensor, env, missing, t_ns, sigmas=1.0):
    """Make a SPOT row of a plot of a state, so many sigmas off."""
    spot = np.zeros(1, SPOT)[0]
    z, var = plot_of(rng, x, is_level, sensor, env, missing)
    z[0] += (sigmas - 1.0) * math.sqrt(var[0])
    flat = math.isnan(z[2])
    el = 0.0 if flat else z[2]
    local = z[0] * np.array([math.cos(el) * math.sin(z[1]), math.cos(el) * math.cos(z[1]), math.sin(el)])
    spot["t_ns"], spot["i_sensor"], spot["z"], spot["var"] = t_ns, 1, z, var
    spot["pos"] = sensor.position + sensor.rotation.T @ local
    spot["slack_m"] = 4.5 * math.sqrt(var[0] + z[0] ** 2 * (var[1] + (0.0 if flat else var[2]))) + 30_000.0 * flat
    return spot


def plots_near(rng, leaves, sensor, env, t_ns):
    """Make SPOT rows: of each leaf one as it should be, one far off by range, with elements missing in turn."""
    spots = []
    for k, row in enumerate(leaves):
        leaf = naive_leaves.leaf_of(row)
        m, missing = min(leaf.states), MISSING[k % len(MISSING)]
        x, _ = naive_leaves.predict_leaf(leaf, (t_ns - leaf.t_ns) / 1e9, env, PRIORS)[m]
        spots += [spot_of(rng, x, m == 1, sensor, env, missing, t_ns, sigmas) for sigmas in (1.0, 6.0)]
    return np.array(spots, SPOT)


def started(z, var, sensor, env):
    """Start a leaf by the kernel: its twin's rounding, of a prior of 1e10 m2, is asked in a test of its own."""
    block = np.full(1, 7, LEAF)
    births.start_leaf(block[0], z, var, sensor, env, PRIORS, np.empty((4, 7, 7)))
    return naive_leaves.leaf_of(block[0]).states, bool(block["has_height"][0])


def same(row, leaf):
    """Assert that a LEAF row is the leaf of a twin; a score, the sum of terms of ten and more, to 1e-10 of those."""
    got = naive_leaves.leaf_of(row)
    for name in naive_leaves.PLAIN:
        least = 1e-9 if name.startswith("ln_") or name in {"score", "past"} else 1e-10
        assert getattr(got, name) == pytest.approx(getattr(leaf, name), rel=1e-10, abs=least, nan_ok=True), name
    assert len(got.history) == len(leaf.history)
    for mine, theirs in zip(got.history, leaf.history, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-10, abs=1e-9)
    assert got.states.keys() == leaf.states.keys()
    for m, (x, p) in leaf.states.items():
        close(got.states[m][0], x)
        close(got.states[m][1], p)
