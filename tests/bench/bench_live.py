"""What reading adds to a plot: from its receipt, as the system stamps it, to its step, over loopback UDP.

python tests/bench/bench_live.py [SECONDS]: a sender process, this one reads, steps the pipeline and prints a table.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from live_station import write_site

from casemate.io.feeds.clock import StationClock
from casemate.io.feeds.opening import open_feed
from casemate.model.messages import Aside, Scan
from casemate.pipeline import Pipeline
from casemate.runner import LiveSource, plan_of
from casemate.runner.warm import warm

SENDER = pathlib.Path(__file__).with_name("asterix_sender.py")
CASES = [
    ("sectors with their mark, 100 things", {"n_things": 100}),
    ("each plot when it is seen, 32 sectors", {"n_things": 100, "is_burst": 0}),
    ("each plot when it is seen, 4 s a turn", {"n_things": 100, "is_burst": 0, "period_s": 4.0}),
    ("north marks only, 4 s a turn", {"n_things": 100, "is_burst": 0, "period_s": 4.0, "sectors": 0}),
]


def main(for_s: float) -> None:
    print("| feed | plots | p50 ms | p99 ms | most ms | from being seen, p50 | p99 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for i, (name, options) in enumerate(CASES):
        with tempfile.TemporaryDirectory() as folder:
            plan = plan_of(write_site(pathlib.Path(folder), period_s=options.get("period_s", 1.0)))
        warm(plan, None)
        pipeline, clock, port = Pipeline(plan), StationClock(), 8740 + i
        feed = open_feed(f"udp://127.0.0.1:{port}", plan.site, clock)
        said = [f"{key}={value}" for key, value in options.items()]
        sender = subprocess.Popen([sys.executable, SENDER, f"127.0.0.1:{port}", str(for_s), *said])
        end = time.monotonic() + for_s + 1.0
        held, seen = [], []
        for message in LiveSource([feed], clock, lambda end=end: time.monotonic() > end):
            if isinstance(message, Scan):
                now = clock.now_ns()
                held += [(now - message.t_recv_ns) / 1e6] * len(message.plots)
                seen += ((now - message.plots["t_ns"]) / 1e6).tolist()
            if not isinstance(message, Aside):
                pipeline.step(message)
        sender.wait()
        p = [np.percentile(held, q) for q in (50, 99, 100)] + [np.percentile(seen, q) for q in (50, 99)]
        print(f"| {name} | {len(held):,} | " + " | ".join(f"{each:.1f}" for each in p) + " |", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
