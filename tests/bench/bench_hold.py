"""What holding fire for a friend gives and costs: `python tests/bench/bench_hold.py [N] [FIRST]`, each seed twice."""

import math
import sys
import time

import numpy as np
from hold_cases import run

from casemate.sim.result import Rate

NAME = "friendly-in-sector"


def main(n, first):
    """Print the night with the rules and without, seed by seed the same raid and helicopter."""
    held, free = [], []
    for seed in range(first, first + n):
        begin_s = time.perf_counter()
        held.append(run(NAME, seed))
        free.append(run(NAME, seed, is_obeyed=False))
        a, b = held[-1], free[-1]
        print(
            f"{seed} held {a.n_bursts} {a.n_inside} {a.least_m:.0f} {a.least_unburst_m:.0f} {a.outcome.intercepted.k} "
            f"{a.outcome.leaked.k} {a.outcome.bursts_held} {a.outcome.threats_held} free {b.n_bursts} {b.n_inside} "
            f"{b.least_m:.0f} {b.outcome.intercepted.k} {b.outcome.leaked.k} {time.perf_counter() - begin_s:.0f} s",
            flush=True,
        )
        if len(held) % 10 == 0 or len(held) == n:
            tell("held", held)
            tell("free", free)
            for what in ("intercepted", "leaked"):
                d = [getattr(x.outcome, what).k - getattr(y.outcome, what).k for x, y in zip(held, free, strict=True)]
                half = 1.96 * np.std(d, ddof=1) / math.sqrt(len(d)) if len(d) > 1 else math.nan
                print(f"{what} a night, held less free: {np.mean(d):+.3f} +-{half:.3f} (n={len(d)})", flush=True)


def tell(name, nights):
    """Print the sums over nights."""
    bursts, inside = sum(x.n_bursts for x in nights), sum(x.n_inside for x in nights)
    n = sum(x.outcome.n_rounds for x in nights)
    print(
        f"{name}: {len(nights)} nights, {bursts} bursts, {sum(x.n_rounds for x in nights)} rounds; friend inside: "
        f"{Rate.of(inside, bursts)}; least {min(x.least_m for x in nights):.0f} m, "
        f"unburst {min(x.least_unburst_m for x in nights):.0f} m; "
        f"intercepted {Rate.of(sum(x.outcome.intercepted.k for x in nights), n)}; "
        f"leaked {Rate.of(sum(x.outcome.leaked.k for x in nights), n)}; "
        f"held {sum(sum(x.outcome.bursts_held.values()) for x in nights)} bursts, "
        f"let pass {sum(sum(x.outcome.threats_held.values()) for x in nights)} threats",
        flush=True,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
