"""Damaged ASTERIX never raises: whatever comes, it is a plot or it is counted."""

import io

import numpy as np
import pytest

from casemate.io.feeds.asterix import decode_stream

PLOT = bytes.fromhex("300011d180190a09c93d0245219040621d")  # I010, I140, I040, I220
MARK = bytes.fromhex("22000ae0190a0109c93d")  # I010, I000, I030


def test_the_whole_ones_are_read():
    counts = decode_stream(io.BytesIO(PLOT + MARK)).counts
    assert (counts.n_plots, counts.n_north_marks, counts.refused) == (1, 1, ())


@pytest.mark.parametrize("seed", range(4))
def test_two_thousand_mutated_datagrams(seed):
    rng = np.random.default_rng(seed)
    for _ in range(500):
        content = bytearray(b"".join((PLOT, MARK, PLOT)[i] for i in rng.permutation(3)))
        for _ in range(rng.integers(1, 8)):
            content[rng.integers(len(content))] = rng.integers(256)
        content = content[: rng.integers(1, len(content) + 1)]
        counts = decode_stream(io.BytesIO(bytes(content))).counts
        assert counts.n_plots <= 3


def test_mutated_real_blocks(shared):
    path = shared / "interop" / "asterix" / "jahorina.raw"
    if not path.is_file():
        pytest.skip("shared/interop/asterix/jahorina.raw is not there")
    raw, rng = path.read_bytes(), np.random.default_rng(9)
    blocks, at = [], 0
    while at < len(raw):
        length = int.from_bytes(raw[at + 1 : at + 3], "big")
        blocks.append(raw[at : at + length])
        at += length
    n_kept = n_refused = 0
    for _ in range(500):
        content = bytearray(blocks[rng.integers(len(blocks))])
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(3, len(content))] = rng.integers(256)
        counts = decode_stream(io.BytesIO(bytes(content))).counts
        n_kept, n_refused = n_kept + (counts.n_plots > 0), n_refused + (len(counts.refused) > 0)
    assert n_kept
    assert n_refused


def test_random_bytes_and_captures_of_random_bytes():
    rng = np.random.default_rng(10)
    for magic in (b"", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\x30\x00"):
        for _ in range(100):
            content = magic + rng.bytes(int(rng.integers(0, 400)))
            assert decode_stream(io.BytesIO(content)).counts.n_plots >= 0
