"""Erlang's loss formula against the schedule of simulated guns, offered load 3: `python bench_saturation.py [N]`."""

import sys
import time

from casemate.study.saturation import erlang_b, simulate_loss

for n_guns in (1, 2, 4, 6):
    begin_s = time.perf_counter()
    found = simulate_loss(3.0, n_guns, int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, seed=1)
    spent_s = time.perf_counter() - begin_s
    print(
        f"guns={n_guns} n={found.n_threats} lost={found.p_lost:.4f} +-{found.half_width:.4f} "
        f"erlang={erlang_b(3.0, n_guns):.4f} {spent_s:.0f} s",
        flush=True,
    )
