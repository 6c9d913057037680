"""ASTERIX that is cut, wrong or foreign, through the decoder that every feed uses; the counter is its tally.

Ten thousand more, and what libasterix says of each, are in `tests/properties/test_asterix_garbage.py`.
"""

import numpy as np
import pytest

from casemate.io.feeds.asterix import Decoder

DAY_NS = 20_000 * 86_400 * 10**9
PLOT = bytes.fromhex("300011d180190a09c93d0245219040621d")  # SAC 25 SIC 10: I010, I140, I040, I220
MARK = bytes.fromhex("22000ae0190a0109c93d")  # the same radar: I010, I000, I030
WHOLE = PLOT + MARK + PLOT


@pytest.fixture
def decoder(site):
    return Decoder(site)


def counted(decoder):
    return {each.reason: each.count for each in decoder.tally.refused()}


def check_goes_on(decoder):
    """What is whole still decodes, to the same plots as by a decoder that saw no damage."""
    before = counted(decoder)
    got = decoder.take(PLOT, DAY_NS)
    assert got.plots["range_m"].tolist() == [0x0245 * 1852.0 / 256.0]
    assert got.plots["sensor_id"].tolist() == [0]
    assert counted(decoder) == before


@pytest.mark.parametrize("n_bytes", range(1, len(WHOLE)))
def test_row_03_truncated_asterix(decoder, n_bytes):
    got = decoder.take(WHOLE[:n_bytes], DAY_NS)
    ends = (len(PLOT), len(PLOT + MARK))
    is_whole = n_bytes in ends  # where one length lies, none of the datagram is believed
    assert len(got.plots) == is_whole
    assert len(got.marks) == (n_bytes == ends[1])
    assert counted(decoder) == ({} if is_whole else {"datagram is not whole ASTERIX blocks": 1})
    check_goes_on(decoder)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 16, 18, 65_535])
def test_row_04_wrong_length(decoder, length):
    got = decoder.take(PLOT[:1] + length.to_bytes(2, "big") + PLOT[3:], DAY_NS)
    assert len(got.plots) == 0
    assert sum(counted(decoder).values()) >= 1
    check_goes_on(decoder)


@pytest.mark.parametrize(
    "fspec",
    [
        "d181",  # a third byte is announced, and what stands there is none
        "ffffff00",  # everything
        "01010101",  # bytes that say that more follow
        "d1a0",  # an item more than the record holds
        "5180",  # without a source
        "0100",  # nothing but another byte
    ],
)
def test_row_04_wrong_fspec(decoder, fspec):
    body = bytes.fromhex(fspec) + PLOT[5:]
    got = decoder.take(bytes([48]) + (3 + len(body)).to_bytes(2, "big") + body, DAY_NS)
    assert len(got.plots) == 0
    assert sum(counted(decoder).values()) == 1
    check_goes_on(decoder)


def test_row_05_unknown_category(decoder):
    held = {15, 20, 21, 34, 48, 62}
    for category in set(range(256)) - held:
        got = decoder.take(bytes([category]) + PLOT[1:] + PLOT, DAY_NS)
        assert len(got.plots) == 1  # the block behind it is read
    assert counted(decoder) == {f"category {category:03d} is not imported": 1 for category in set(range(256)) - held}
    check_goes_on(decoder)


@pytest.mark.parametrize("seed", range(3))
def test_row_06_random_bytes(decoder, seed):
    rng, n_counted = np.random.default_rng(seed), 0
    for _ in range(300):
        decoder.take(rng.bytes(int(rng.integers(1, 300))), DAY_NS)
        n_now = sum(counted(decoder).values())
        assert n_now > n_counted
        n_counted = n_now
    check_goes_on(decoder)


def test_row_07_unknown_radar(decoder):
    for source in (b"\x19\x0b", b"\x00\x00", b"\xff\xff"):
        assert len(decoder.take(PLOT[:5] + source + PLOT[7:], DAY_NS).plots) == 0
    assert counted(decoder) == {f"unknown radar SAC {a} SIC {b}": 1 for a, b in ((25, 11), (0, 0), (255, 255))}
    check_goes_on(decoder)
