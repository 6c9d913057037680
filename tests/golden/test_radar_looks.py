"""The simulated radar keeps what it declares, in 99 % intervals; 10^6 looks of each law: tests/bench/bench_looks.py."""

import sys
from pathlib import Path

import pytest
from scipy.stats import binom

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
from radar_looks import checks, false_checks


@pytest.mark.parametrize("pulses", [1, 8])
def test_detection_and_noise_of_every_law_are_as_declared(pulses):
    found = [check for law in range(6) for seed in (1, 2) for check in checks(law, pulses, 10_000, seed)]
    outside = [check for check in found if not check.is_inside]
    assert len(found) == 6 * 2 * 18
    assert len(outside) <= binom.ppf(0.999, len(found), 0.01), outside


def test_false_plots_are_as_declared():
    found = [check for seed in (1, 2) for check in false_checks(1000, seed)]
    outside = [check for check in found if not check.is_inside]
    assert len(outside) <= binom.ppf(0.999, len(found), 0.01), outside
