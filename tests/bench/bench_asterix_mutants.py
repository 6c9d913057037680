"""Mutated ASTERIX datagrams through the decoder, libasterix's own parser as the judge of each block.

    python tests/bench/bench_asterix_mutants.py --n 100000 [--seed N] [FOLDER]

FOLDER holds recordings (.pcap, .raw) and vectors (.bin) to mutate; without it, records are made of every category.
Counts what is accepted and refused; stops at anything accepted that libasterix refuses (or the other way round), at
another number in any field (of every tenth datagram), and at an exception. Memory is told five times on the way.
"""

import argparse
import collections
import gc
import io
import pathlib
import resource
import time

import numpy as np
from asterix import base
from asterix_oracle import Maker, assert_same, damaged, kind_of, parsed

from casemate.io.feeds.asterix import DEFAULT_EDITIONS, Decoder
from casemate.io.feeds.capture import Tally, read_datagrams


def seeds_of(folder: pathlib.Path | None, rng: np.random.Generator) -> list[bytes]:
    """Return whole datagrams to mutate: a folder's, or made ones."""
    if folder is not None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in {".pcap", ".raw", ".bin"})
        return [
            datagram.payload for path in paths for datagram in read_datagrams(io.BytesIO(path.read_bytes()), Tally())
        ]
    maker = Maker(rng)
    return [
        block(category, maker.record(kind_of(category, edition)) + maker.record(kind_of(category, edition)))
        for category, edition in DEFAULT_EDITIONS.items()
        for _ in range(20)
    ]


def block(category: int, body: bytes) -> bytes:
    return bytes([category]) + (len(body) + 3).to_bytes(2, "big") + body


def mutant(seeds: list[bytes], rng: np.random.Generator) -> tuple[str, bytes]:
    """Return a damaged datagram and what was done to it; half of the time with a length that fits the damage."""
    one, other = (seeds[int(rng.integers(len(seeds)))] for _ in range(2))
    how = ("flips", "cut", "splice", "fspec", "length", "mixed")[int(rng.integers(6))]
    out = bytearray(one)
    match how:
        case "flips":
            for _ in range(int(rng.integers(1, 9))):
                out[int(rng.integers(len(out)))] ^= 1 << int(rng.integers(8))
        case "cut":
            del out[int(rng.integers(len(out))) :]
        case "splice":
            out = out[: int(rng.integers(len(out)))] + bytearray(other[int(rng.integers(len(other))) :])
        case "fspec":
            for at in range(3, min(len(out), 3 + int(rng.integers(1, 5)))):
                out[at] = int(rng.integers(256))
        case "length":
            out[1:3] = int(rng.integers(65_536) if rng.random() < 0.3 else rng.integers(len(out) + 8)).to_bytes(
                2, "big"
            )
        case _:
            out[3:] = damaged(bytes(out[3:]), rng)
    if how != "length" and len(out) > 3 and rng.random() < 0.5:
        out[1:3] = len(out).to_bytes(2, "big")
    return how, bytes(out)


def judged(payload: bytes, *, is_every_field: bool) -> int | None:
    """Return how many records libasterix accepts in the blocks that we read; None: the datagram is no blocks."""
    raw = base.RawDatablock.parse(base.Bits.from_bytes(payload))
    if isinstance(raw, ValueError):
        return None
    n = 0
    for each in raw:
        category = each.get_category()
        if category in DEFAULT_EDITIONS:
            body = each.get_raw_records().to_bytes()
            records = parsed(kind_of(category, DEFAULT_EDITIONS[category]), body)
            n += len(records or ())
            if is_every_field:
                assert_same(category, DEFAULT_EDITIONS[category], body)
    return n


def run(seeds: list[bytes], n: int, rng: np.random.Generator, decoder: Decoder) -> collections.Counter[str]:
    """Decode `n` mutants and compare; return counts."""
    counts: collections.Counter[str] = collections.Counter()
    for i in range(n):
        how, payload = mutant(seeds, rng)
        counts[how] += 1
        refused = sum(each.count for each in decoder.tally.refused())
        decoded = decoder.take(payload, None if i % 2 else 1_700_000_000_000_000_000)
        refused = sum(each.count for each in decoder.tally.refused()) - refused
        n_used = len(decoded.plots) + len(decoded.marks) + len(decoded.tracks)
        n_whole = judged(payload, is_every_field=i % 10 == 0)
        assert n_used <= (n_whole or 0), (how, payload.hex())
        assert n_used or refused or n_whole == 0 or payload[0] == 34, (how, payload.hex())
        counts["accepted"] += n_used > 0
        counts["libasterix accepts"] += bool(n_whole)
        counts["records used"] += n_used
        counts["records libasterix accepts"] += n_whole or 0
    return counts


def resident_mb() -> float:
    """Return what the process holds in memory now (Linux)."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    call = parser.parse_args()
    rng, decoder = np.random.default_rng(call.seed), Decoder()
    seeds = seeds_of(call.folder, rng)
    began, total = time.process_time(), collections.Counter[str]()
    print(f"seed {call.seed}: {call.n:,} mutants of {len(seeds)} datagrams")
    for part in range(5):
        total += run(seeds, call.n // 5, rng, decoder)
        print(
            f"after {call.n // 5 * (part + 1):9,}: {resident_mb():.1f} MB resident, {len(gc.get_objects()):,} objects"
        )
    print(f"{time.process_time() - began:.0f} s of CPU, most of it libasterix")
    for name, count in total.most_common():
        print(f"{count:9,}  {name}")
    for each in decoder.tally.refused()[:12]:
        print(f"{each.count:9,}  refused: {each.reason}")


if __name__ == "__main__":
    main()
