"""The exact optimum of small plans, every plan of a threat a column: the twin of `sim.intercept.horizon`; and raids."""

import itertools
import math

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array

from casemate.sim.intercept.horizon import Bursts, Duty, averted, clashes, ready


def most_averted(bursts, harm, room, guns, is_looking):
    """Return the most harm that any plan averts, by a programme in integers."""
    on_time = np.flatnonzero(bursts.fire_s >= ready(bursts, guns))
    clash = {int(k): clashes(bursts, guns, int(k), is_looking=is_looking) for k in on_time}
    plans = []
    for j, n in enumerate(room.tolist()):
        mine = [int(k) for k in on_time if bursts.threat[k] == j]
        plans += [
            plan
            for size in range(1, n + 1)
            for plan in itertools.combinations(mine, size)
            if not any(clash[a][b] for a, b in itertools.combinations(plan, 2))
        ]
    if not plans:
        return 0.0
    pairs = [(a, b) for a, b in itertools.combinations(on_time.tolist(), 2) if clash[a][b]]
    has = {}
    for col, plan in enumerate(plans):
        for k in plan:
            has.setdefault(k, []).append(col)
    rows = [[col for col, plan in enumerate(plans) if bursts.threat[plan[0]] == j] for j in range(len(room))]
    tops = [1.0] * len(rows)
    for a, b in pairs:
        rows.append(has[a] + has[b])
        tops.append(1.0)
    for i, gun in enumerate(guns):
        rows.append([col for col, plan in enumerate(plans) for k in plan if bursts.gun[k] == i])
        tops.append(float(gun.n_most))
    matrix = lil_array((len(rows), len(plans)))
    for r, cols in enumerate(rows):
        for col in cols:
            matrix[r, col] += 1.0
    worth = np.array([averted(bursts, harm, plan) for plan in plans])
    found = milp(
        -worth, integrality=np.ones(len(plans)), bounds=Bounds(0.0, 1.0),
        constraints=LinearConstraint(matrix.tocsr(), -np.inf, np.array(tops)), options={"mip_rel_gap": 1e-9},
    )  # fmt: skip
    assert found.status == 0
    return -float(found.fun)


def draw(rng, n_threats=None, n_guns=None, n_each=None):
    """Draw a small raid: guns that have to turn, threats within range for some seconds, 1 to 3 bursts each."""
    n_threats = n_threats or int(rng.integers(1, 7))
    n_guns = n_guns or int(rng.integers(1, 4))
    n_each = n_each or int(rng.integers(1, 5))
    guns = [
        Duty(
            float(max(rng.uniform(-2.0, 3.0), 0.0)), float(rng.uniform(-math.pi, math.pi)),
            float(rng.uniform(0.1, 1.3)), float(rng.uniform(0.8, 2.0)), float(rng.uniform(0.6, 1.6)),
            float(rng.uniform(0.2, 0.6)), int(rng.integers(1, 6)),
        )
        for _ in range(n_guns)
    ]  # fmt: skip
    cells = []
    for i in range(n_guns):
        for j in range(n_threats):
            if rng.random() < 0.8:
                begin, lasts, az, turn = (
                    rng.uniform(0.2, 6.0),
                    rng.uniform(0.5, 5.0),
                    rng.uniform(-3.1, 3.1),
                    rng.normal(),
                )
                p, rise = rng.uniform(0.02, 0.7), rng.uniform(-0.5, 1.0)
                for x in np.linspace(0.0, 1.0, n_each) if n_each > 1 else (0.0,):
                    fire = begin + x * lasts
                    cells.append(
                        (i, j, fire, fire + rng.uniform(1.5, 4.0), az + 0.3 * turn * x, rng.uniform(0.1, 1.2),
                         float(np.clip(p * (1.0 + rise * x), 0.001, 0.95)))
                    )  # fmt: skip
    columns = list(zip(*cells, strict=True)) if cells else [[]] * 7
    bursts = Bursts(
        np.array(columns[0], np.int64), np.array(columns[1], np.int64), *(np.array(c, float) for c in columns[2:])
    )
    harm, room = rng.uniform(0.05, 1.0, n_threats), rng.integers(1, 4, n_threats)
    return bursts, harm, room, guns, bool(rng.random() < 0.5)
