"""Mutated datagrams: nothing accepted that libasterix refuses, no exception, every refusal counted.

Two thousand here with a seed of the minute; `tests/bench/bench_asterix_mutants.py` runs as many as one likes.
"""

import time

import numpy as np
import pytest
from bench_asterix_mutants import run, seeds_of

from casemate.io.feeds.asterix import Decoder
from casemate.io.feeds.capture import MAX_REASONS, Tally


def test_mutants_of_made_records():
    seed = time.time_ns() % 2**32
    rng = np.random.default_rng(seed)
    counts = run(seeds_of(None, rng), 800, rng, Decoder())
    assert 0 < counts["accepted"] < 800, f"seed {seed}"


def test_mutants_of_real_recordings(shared):
    folder = shared / "interop" / "asterix"
    if not folder.is_dir():
        pytest.skip("shared/interop/asterix is not there")
    seed = time.time_ns() % 2**32
    rng = np.random.default_rng(seed)
    counts = run(seeds_of(folder, rng), 1200, rng, Decoder())
    assert 0 < counts["accepted"] < 1200, f"seed {seed}"


def test_reasons_do_not_grow_without_end():
    tally = Tally()
    for i in range(10_000):
        tally.note(f"unknown radar SAC {i >> 8} SIC {i & 255}", i)
    refused = tally.refused()
    assert len(refused) == MAX_REASONS + 1
    assert sum(each.count for each in refused) == 10_000
