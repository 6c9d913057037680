"""How many ASTERIX records a second are decoded, libasterix's own parser beside it in the same run.

    python tests/bench/bench_asterix.py [RECORDING ...]

Without recordings it makes CAT048 records as a Mode S radar sends them. Each figure is the best of the repeats: what
the core can; time is that of the process, so that neighbours on the machine count little.
"""

import argparse
import io
import os
import platform
import struct
import time

import numpy as np
from asterix import base, generated

from casemate.io.feeds.asterix import Decoder
from casemate.io.feeds.asterix.layout import layout_of
from casemate.io.feeds.capture import Tally, read_datagrams

KINDS = {34: generated.Cat_034_1_29, 48: generated.Cat_048_1_32}


def made_blocks(n_records: int, per_block: int, seed: int = 1) -> list[bytes]:
    """Make CAT048 blocks: what a Mode S radar says of an aircraft, to the status of its track."""
    rng = np.random.default_rng(seed)
    blocks = []
    for first in range(0, n_records, per_block):
        body = b""
        for i in range(first, min(first + per_block, n_records)):
            body += bytes([0b1111_1111, 0b1111_0110])
            body += bytes([25, 10]) + int(i * 0.128 % 86_400 * 128).to_bytes(3, "big") + b"\xa0"
            body += struct.pack(">HH", *rng.integers(0, 65536, 2).tolist())
            body += struct.pack(">HH", 0o1234, int(rng.integers(40, 1600)))
            body += b"\xe0" + rng.bytes(3) + rng.bytes(3) + rng.bytes(6) + b"\x01" + rng.bytes(8)
            body += rng.bytes(6) + b"\x40"
        blocks.append(bytes([48]) + struct.pack(">H", len(body) + 3) + body)
    return blocks


def blocks_of(path: str) -> list[bytes]:
    """Return the blocks of a recording that libasterix is asked for too."""
    with open(path, "rb") as stream:  # noqa: PTH123 a bench
        content = io.BytesIO(stream.read())
    blocks = []
    for datagram in read_datagrams(content, Tally()):
        at, payload = 0, datagram.payload
        while at + 3 <= len(payload):
            length = int.from_bytes(payload[at + 1 : at + 3], "big")
            if payload[at] in KINDS:
                blocks.append(payload[at : at + length])
            at += length
    return blocks


def ours(blocks: list[bytes]) -> int:
    decoder = Decoder()
    return sum(len(decoded.plots) + len(decoded.marks) for decoded in (decoder.take(each, None) for each in blocks))


def walk(blocks: list[bytes]) -> int:
    layouts = {48: layout_of(48, "1.32"), 34: layout_of(34, "1.29")}
    return sum(len(layouts[each[0]].split(each[3:]) or ()) for each in blocks)


def theirs(blocks: list[bytes]) -> int:
    return sum(len(KINDS[each[0]].cv_uap.parse(base.Bits.from_bytes(each[3:]))) for each in blocks)


def rate(work, blocks: list[bytes], n_repeats: int) -> float:
    """Return records a second, the best of the repeats."""
    best = 0.0
    for _ in range(n_repeats):
        began = time.process_time()
        n = work(blocks)
        best = max(best, n / (time.process_time() - began))
    return best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("recordings", nargs="*")
    parser.add_argument("--repeats", type=int, default=5)
    call = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    cases = {f"made, {n} a block": made_blocks(4000, n) for n in (1, 5, 25)}
    cases |= {os.path.basename(path): blocks_of(path) for path in call.recordings}  # noqa: PTH119
    print(f"{'case':24} {'walk/s':>9} {'decode/s':>9} {'libasterix/s':>13} {'ratio':>6}")
    for name, blocks in cases.items():
        few = blocks[: max(1, len(blocks) // 10)]
        library = rate(theirs, few, call.repeats)
        walked, decoded = rate(walk, blocks, call.repeats), rate(ours, blocks, call.repeats)
        print(f"{name:24} {walked:9.0f} {decoded:9.0f} {library:13.0f} {decoded / library:6.1f}")


if __name__ == "__main__":
    main()
