"""What our walk accepts, and the number in every field, is what libasterix's own parser accepts and says.

All editions of all categories that are read, on records of the declared layout with random content, and on the same
ones damaged: bits turned, bytes cut off, put in, taken out, field specifications and lengths overwritten.
"""

import time

import numpy as np
import pytest
from asterix_oracle import Maker, assert_same, damaged, kind_of

from casemate.io.feeds.asterix import DEFAULT_EDITIONS
from casemate.io.feeds.asterix.layout import editions_of, layout_of

EDITIONS = [(category, edition) for category in DEFAULT_EDITIONS for edition in editions_of(category)]


@pytest.mark.parametrize(("category", "edition"), EDITIONS)
def test_whole_records_are_read_as_libasterix_reads_them(category, edition):
    seed = time.time_ns() % 2**32
    rng = np.random.default_rng([seed, category])
    maker = Maker(rng)
    for i in range(12):
        body = b"".join(maker.record(kind_of(category, edition)) for _ in range(1 + i % 3))
        assert assert_same(category, edition, body) == 1 + i % 3, f"seed {seed}"


@pytest.mark.parametrize(("category", "edition"), EDITIONS)
def test_damaged_records_are_refused_where_libasterix_refuses_them(category, edition):
    seed = time.time_ns() % 2**32
    rng = np.random.default_rng([seed, category])
    maker = Maker(rng)
    n_kept = 0
    for _ in range(60):
        body = damaged(maker.record(kind_of(category, edition)) + maker.record(kind_of(category, edition)), rng)
        n_kept += assert_same(category, edition, body) > 0
    assert 0 < n_kept < 60, f"seed {seed}"


def test_every_bit_of_a_field_specification_is_as_libasterix_has_it():
    for category, edition in DEFAULT_EDITIONS.items():
        n_items = len(kind_of(category, edition).cv_uap.cv_record.cv_items_list)
        n_bytes = -(-n_items // 7)
        for i in range(7 * (n_bytes + 1)):
            n = i // 7 + 1
            fspec = bytes(1 if j < n - 1 else 0x80 >> i % 7 for j in range(n))
            assert_same(category, edition, fspec + bytes(range(1, 60)))
            assert_same(category, edition, fspec + bytes(60))


def test_the_field_specifications_remembered_are_bounded():
    layout, rng = layout_of(48, "1.32"), np.random.default_rng(3)
    for _ in range(20_000):
        layout.split(bytes(rng.integers(0, 256, 4)))
    assert len(layout._items._plans) <= 4096
