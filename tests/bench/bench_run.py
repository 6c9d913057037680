"""Measure the start of the command line, the speed of a raid on one core, and memory against length of run.

Run it on a quiet machine with warm kernels (`casemate run flat-and-close` once):

    python tests/bench/bench_run.py
"""

import importlib.resources
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

CASEMATE = [sys.executable, "-c", "from casemate.cli import main; main()"]
REPEATS = 5


def one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def help_s() -> float:
    start = time.perf_counter()
    subprocess.run([*CASEMATE, "--help"], check=True, capture_output=True)
    return time.perf_counter() - start


def simulated(scenario: str, folder: pathlib.Path) -> tuple[float, float, float, int]:
    """Run a scenario on one core; return simulated, wall and runner seconds and the peak resident set [kB]."""
    start = time.perf_counter()
    command = [*CASEMATE, "run", scenario, "-o", str(folder), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=one_core)  # noqa: PLW1509 a bench, no threads
    out, _ = process.communicate()
    wall_s = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{scenario} failed")
    summary = json.loads(out)
    span_s = (summary["t_last_ns"] - summary["t_first_ns"]) / 1e9
    peak_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # the largest child so far
    return span_s, wall_s, summary["timing"]["wall_s"], peak_kb


def lasting(minutes: int, folder: pathlib.Path) -> pathlib.Path:
    """Copy the busy hour, cut or stretched."""
    text = (importlib.resources.files("casemate") / "data" / "scenarios" / "busy-quiet-hour.toml").read_text("utf-8")
    text, n = re.subn(r"(?m)^duration_s = .*$", f"duration_s = {60 * minutes}.0", text)
    assert n == 1
    path = folder / f"busy-{minutes}.toml"
    path.write_text(text, "utf-8")
    return path


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        print(f"casemate --help: {statistics.median(help_s() for _ in range(REPEATS)):.2f} s (median of {REPEATS})")
        for i in range(3):
            span_s, wall_s, run_s, _ = simulated("green-zone-2020", folder / f"raid-{i}")
            print(f"green-zone-2020, one core: {span_s:.0f} s in {run_s:.1f} s, {span_s / run_s:.0f} times real time;")
            print(f"  whole command, start, flights and picture too: {wall_s:.1f} s, {span_s / wall_s:.0f} times")
        for minutes in (5, 10, 20, 40):
            span_s, wall_s, run_s, peak_kb = simulated(str(lasting(minutes, folder)), folder / f"busy-{minutes}")
            size_mb = sum(path.stat().st_size for path in (folder / f"busy-{minutes}").iterdir()) / 1e6
            print(f"busy, {minutes} min: {span_s / run_s:.0f} times real time; peak {peak_kb / 1e3:.0f} MB;", end=" ")
            print(f"run folder {size_mb:.0f} MB")


if __name__ == "__main__":
    main()
