"""Measure the tracker on the scenes of the peers' bench and on salvos of our own; write the tables of the docs page.

    scripts/bench-tracking [FOLDER]                      everything, about two hours
    python tests/bench/bench_tracking.py --part accuracy --seeds 3 --print

Accuracy is scored by the peers' own scorer beside its oracle and the posterior Cramer-Rao bound; what the tracker is
told is what the converted site file says, no more. Seeds 1 to 36 have served tuning; the page reports 101 and on.
Stopped with Ctrl-C, it goes on from there the next time, as long as nothing under src/casemate has changed.
Needs the folder `shared` beside the project; Stone Soup only for its own columns (--peer-python).
"""

import argparse
import pathlib

import bench_ledger
import tracking_accuracy as accuracy
import tracking_peers as peers
import tracking_report
import tracking_speed as speed
from bench_ledger import Ledger, Row
from tracking_peers import peers_salvo, spread

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
PARTS = ("accuracy", "impacts", "speed", "crowds", "peers")


def seeds_of(name: str, first: int, n: int) -> range:
    """Return the seeds of a case; the ordinary salvo at 1 Hz gets twice as many, as its bar asks for 24."""
    return range(first, first + (2 * n if name == "salvo-0.5s-10-1hz" else n))


def timed(what: str, first: int) -> Row:
    """Do one of the jobs of the part `speed`."""
    raid = spread(100, 100, 1.0)
    match what:
        case "typical-raid":
            return speed.typical(raid, range(first, first + 3), 5)
        case "tail-raid":
            return speed.tail(raid, range(first, first + 20))
        case "typical-salvo-1hz":
            return speed.typical(peers_salvo(0.5, 1.0), range(first, first + 6), 3)
        case "typical-salvo-4hz":
            return speed.typical(peers_salvo(0.5, 4.0), range(first, first + 3), 3)
        case _:
            raise ValueError(what)


SPEEDS = ("typical-raid", "tail-raid", "typical-salvo-1hz", "typical-salvo-4hz")
SIZES = [(n, 100) for n in speed.CROWD_SIZES] + [(100, n) for n in speed.CROWD_SIZES[1:]] + [(10_000, 10_000)]
CROWDS = {
    case.name: case
    for case in (
        *(speed.crowd(speed.SECTOR, *size) for size in SIZES),
        speed.crowd(speed.ALL_ROUND, 10_000, 10_000),
    )
}
CAP_S = 600.0
"""Longest CPU time of one crowd; a tracker that needs more is stopped, and the row says so [s]."""


def main() -> None:
    """Measure what is missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=101, help="first seed")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--part", choices=PARTS, nargs="*", default=PARTS)
    parser.add_argument("--cases", nargs="*", default=list(accuracy.ALL), help="names of cases; for accuracy")
    parser.add_argument("--workers", type=int, default=2, help="processes, for accuracy only")
    parser.add_argument("--peer-python", type=pathlib.Path, help="a Python with stonesoup==1.9.1")
    parser.add_argument("--ledger", type=pathlib.Path, help="where rows are kept")
    parser.add_argument("--print", action="store_true", help="print the tables, leave the page alone")
    given = parser.parse_args()
    ledger = Ledger(given.ledger or peers.CACHE / f"rows-{bench_ledger.code_hash()}.jsonl")
    try:
        measure(given, ledger)
    except KeyboardInterrupt:
        print(f"\nstopped; what was measured is kept in {ledger.path}")
    text = tracking_report.tables(ledger, given.first, given.seeds)
    ledger.path.with_suffix(".md").write_text(text, encoding="utf-8")
    if given.print:
        print(text)
    else:
        tracking_report.put(PAGE, text)
    print(f"rows: {ledger.path}")


def measure(given: argparse.Namespace, ledger: Ledger) -> None:
    """Fill the ledger, part by part."""
    if "accuracy" in given.part:
        jobs = [(name, seed) for name in given.cases for seed in seeds_of(name, given.first, given.seeds)]
        ledger.fill("accuracy", jobs, accuracy.score, given.workers)
    if "impacts" in given.part:
        ledger.fill(
            "casemate track", [(f"command-{name}", given.first) for name in given.cases], by_command, given.workers
        )
    if {"speed", "crowds", "peers"} & set(given.part):
        speed.warm_up()
    if "speed" in given.part:
        ledger.fill("speed", [(what, given.first) for what in SPEEDS], timed)
    if "crowds" in given.part:
        ledger.fill(
            "crowds",
            [(name, given.first) for name in CROWDS],
            lambda name, seed: speed.crowded(CROWDS[name], seed, CAP_S),
        )
    if "peers" in given.part:
        if given.peer_python is None:
            print("NO STONE SOUP: without --peer-python its columns stay empty (scripts/bench-tracking installs it)")
            return
        cases = {f"peer-{case.name}": case for case in speed.PEER_CASES}
        work = speed.beside_stone_soup
        ledger.fill(
            "Stone Soup", [(n, given.first) for n in cases], lambda n, seed: work(given.peer_python, cases[n], seed)
        )


def by_command(name: str, seed: int) -> Row:
    """Score the impacts that the command line gives."""
    return accuracy.impacts_by_command(name.removeprefix("command-"), seed)


if __name__ == "__main__":
    main()
