"""The mouth kernel against plain formulas, plot by plot."""

import naive_mouths as naive
import numpy as np
import pytest
from filter_cases import SEEDS, state, world
from leaf_cases import NOW_NS, RULE, same, spot_of, started
from naive_ballistic import predict_ballistic

from casemate.kernels import mouths as kernel
from casemate.kernels.leaves import LEAF, SALVO
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
