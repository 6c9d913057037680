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
        for name, night in (("held", held[-1]), ("free", free[-1])):
            out = night.outcome
            print(
                f"{seed} {name}: {night.n_bursts} bursts, {night.n_inside} inside, least {night.least_m:.0f} "
                f"({night.least_unburst_m:.0f}) m, intercepted {out.intercepted.k}, leaked {out.leaked.k}, "
                f"{night.p_kills:.3f}; {out.bursts_held} {out.threats_held} {time.perf_counter() - begin_s:.0f} s",
                flush=True,
            )
        if len(held) % 10 == 0 or len(held) == n:
            tell("held", held)
            tell("free", free)
            pairs = list(zip(held, free, strict=True))
            compare("intercepted", [x.outcome.intercepted.k - y.outcome.intercepted.k for x, y in pairs])
            compare("leaked", [x.outcome.leaked.k - y.outcome.leaked.k for x, y in pairs])
            compare("bursts", [x.n_bursts - y.n_bursts for x, y in pairs])
            compare("kills to be expected", [x.p_kills - y.p_kills for x, y in pairs])


def compare(what, differences):
    """Print the mean difference of a night with its 95 % interval."""
    d, n = np.array(differences, float), len(differences)
    half = 1.96 * np.std(d, ddof=1) / math.sqrt(n) if n > 1 else math.nan
    print(f"{what} a night, held less free: {np.mean(d):+.4f} +-{half:.4f} (n={n})", flush=True)


def tell(name, nights):
    """Print the sums over nights."""
    bursts, inside = sum(x.n_bursts for x in nights), sum(x.n_inside for x in nights)
    n, held = sum(x.outcome.n_rounds for x in nights), [x.outcome for x in nights]
    print(
        f"{name}: {len(nights)} nights, {bursts} bursts, {sum(x.n_rounds for x in nights)} rounds; friend inside: "
        f"{Rate.of(inside, bursts)}; least {min(x.least_m for x in nights):.0f} m, "
        f"unburst {min(x.least_unburst_m for x in nights):.0f} m; "
        f"intercepted {Rate.of(sum(x.intercepted.k for x in held), n)}; "
        f"leaked {Rate.of(sum(x.leaked.k for x in held), n)}; "
        f"{sum(x.p_kills for x in nights):.3f} kills to be expected; "
        f"held {sum(sum(x.bursts_held.values()) for x in held)} bursts, "
        f"let pass {sum(sum(x.threats_held.values()) for x in held)} threats",
        flush=True,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
