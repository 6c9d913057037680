"""A simulated radar against its own declared Pd, noise and false plots: 10^6 looks of each law, 10^6 false plots.

Run it: python tests/bench/bench_looks.py [looks] [seeds]
"""

import sys

from radar_looks import LAWS, checks, false_checks


def main(n_looks=1_000_000, n_seeds=2):
    """Print how many of the 99 % intervals hold what was found, by law, and the rows that do not."""
    every = []
    for law, name in enumerate(LAWS):
        for pulses in (1, 8):
            found = [check for seed in range(n_seeds) for check in checks(law, pulses, n_looks, seed)]
            every += found
            print(f"{name}, {pulses} pulses: {sum(c.is_inside for c in found)} of {len(found)} inside", flush=True)
    found = [check for seed in range(n_seeds) for check in false_checks(n_looks // 20, seed)]
    every += found
    print(f"false plots: {sum(c.is_inside for c in found)} of {len(found)} inside")
    for check in every:
        if not check.is_inside:
            print(f"  outside: {check.what}: {check.found:.6g}, 99 % interval {check.low:.6g} to {check.high:.6g}")
    print(f"all: {sum(c.is_inside for c in every)} of {len(every)} inside their 99 % intervals")


if __name__ == "__main__":
    main(*(int(value) for value in sys.argv[1:3]))
