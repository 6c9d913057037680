"""The rolling schedule beside the exact optimum, and its time: `python tests/bench/bench_schedule.py [N] [FIRST_SEED]`.

Seeds 1 to 5 were looked at before the method was changed; 11 to 15 were not.
"""

import pathlib
import sys
import time

import numpy as np

sys.path.append(str(pathlib.Path(__file__).parents[1] / "twins"))

from exact_horizon import draw, most_averted

from casemate.sim.intercept.horizon import averted, choose


def shares(n, seeds):
    found = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        for _ in range(n // len(seeds)):
            bursts, harm, room, guns, is_looking = draw(rng)
            best = most_averted(bursts, harm, room, guns, is_looking)
            if best > 1e-3:
                found.append(averted(bursts, harm, choose(bursts, harm, room, guns, is_looking=is_looking)) / best)
    return np.array(found)


def times(n):
    rng, spent = np.random.default_rng(7), []
    for _ in range(n):
        problem = draw(rng, n_threats=60, n_guns=6, n_each=10)
        begin, begun = time.perf_counter(), time.process_time()
        choose(*problem[:4], is_looking=problem[4])
        spent.append((1e3 * (time.perf_counter() - begin), 1e3 * (time.process_time() - begun)))
    return np.array(spent).T


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 11
    found = shares(n, range(first, first + 5))
    print(f"n={found.size} mean={found.mean():.4f} worst={found.min():.4f} optimal={np.mean(found > 1 - 1e-6):.3f}")
    for name, spent in zip(("wall", "processor"), times(100), strict=True):
        low, high, most = np.percentile(spent, [50, 99, 100])
        print(f"60 rounds, 6 guns, {name}: median={low:.2f} p99={high:.2f} max={most:.2f} ms, n=100")
