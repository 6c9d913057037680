"""How often a zone is warned while nothing comes down: hours of clutter through the whole pipeline.

`python bench_warning_clutter.py [--hours N] [--folder DIR] [--workers N]` flies hours of the two quiet scenarios in
turn and keeps a line each; those that are there are not flown again, and Ctrl-C loses the hours in the air only. Then
it prints the table.
"""

import argparse
import functools
from collections import Counter
from pathlib import Path

from bench_ledger import Ledger, Row, code_hash
from bench_quiet_day import fly
from scipy.stats import chi2

SCENARIOS = ("busy-quiet-hour", "busy-town-hour")
P_DETECTION = 0.995
"""Of each look at what is in reach, in the place of the site's 0.9: the bar's."""
FIRST_SEED = 2000


def hour(scenario: str, seed: int, *, minutes: float = 60.0) -> Row:
    """Fly one, and say which code flew it."""
    return {**fly(scenario, minutes / 60.0, seed, p_detection=P_DETECTION), "code": code_hash()}


def rate_per_hour(n: int, hours: float) -> tuple[float, float]:
    """Return the 95 % interval of a rate of which `n` were counted: exact for a Poisson count (Garwood, 1936)."""
    low = 0.0 if n == 0 else 0.5 * float(chi2.ppf(0.025, 2 * n))
    return low / hours, 0.5 * float(chi2.ppf(0.975, 2 * n + 2)) / hours


def report(rows: list[Row], title: str) -> None:
    """Print a row of the table."""
    hours = sum(row["hours"] for row in rows)
    alarms, rounds = (sum(row[key] for row in rows) for key in ("alarms", "tracks_declared_a_round"))
    low, high = rate_per_hour(alarms, hours)
    cpu = sum(row["pipeline_cpu_s"] for row in rows) / hours
    kinds = Counter[str]()
    for row in rows:
        kinds.update(row["declared_a_round_by_kind"])
    tracks = sum(row["tracks"] for row in rows)
    print(
        f"| {title} | {hours:g} | {alarms} | {low:.4f} to {high:.4f} | {tracks} | {rounds} {dict(kinds)} | {cpu:.0f} |"
    )


def main() -> None:
    """Parse, fly what is missing, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=60.0, help="of each, for a trial")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/casemate-warning"))  # noqa: S108 a study's scratch
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    ledger = Ledger(args.folder / f"clutter-{args.minutes:g}.jsonl")
    jobs = [(SCENARIOS[i % 2], FIRST_SEED + i // 2) for i in range(args.hours)]
    try:
        ledger.fill("hours of clutter", jobs, functools.partial(hour, minutes=args.minutes), args.workers)
    except KeyboardInterrupt:
        print("stopped; what was flown is kept")
    print("| scenario | hours | alarms of a zone | an hour, 95 % | tracks | declared a round | CPU s an hour |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in SCENARIOS:
        rows = [row for (what, _), row in ledger.rows.items() if what == name]
        if rows:
            report(rows, name)
    if ledger.rows:
        report(list(ledger.rows.values()), "both")


if __name__ == "__main__":
    main()
