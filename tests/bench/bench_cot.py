"""Time Cursor on Target through a real taky server: a notice sent and read by the server, a picture of 500 tracks.

Usage: python tests/bench/bench_cot.py [N]
"""

import pathlib
import sys
import tempfile
import time

import cot_cases as cases
import numpy as np

from casemate.io.channels.cot import CotChannel, Settings
from casemate.io.channels.cot_events import notice_events, picture_events


def timed_ms(call, n, clock_ns=time.process_time_ns):
    took = []
    for _ in range(n):
        start_ns = clock_ns()
        call()
        took.append((clock_ns() - start_ns) / 1e6)
    return np.percentile(took, (50, 99, 100))


def told(what, ms, n):
    print(f"{what}: p50 {ms[0]:.2f} ms, p99 {ms[1]:.2f} ms, max {ms[2]:.2f} ms (n = {n})")


def main(n):
    """Measure and print."""
    notice, picture = cases.a_notice(), cases.a_picture(tracks=range(500), areas=range(500))
    bare = cases.a_picture(tracks=range(500), areas=())
    told("a notice into events, processor", timed_ms(lambda: notice_events(notice), n), n)
    told("500 tracks into events, processor", timed_ms(lambda: picture_events(bare), n // 20), n // 20)
    told("500 tracks and areas into events, processor", timed_ms(lambda: picture_events(picture), n // 20), n // 20)
    print(f"bytes: {sum(len(each.xml) for each in notice_events(notice))} a notice with one area,", end=" ")
    print(f"{sum(len(each.xml) for each in picture_events(picture))} the picture")
    for with_tls in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            server = cases.Taky(pathlib.Path(folder) / "taky", with_tls).start()
            through(server, notice, n, with_tls)
            server.remove()


def through(server, notice, n, with_tls):
    """Time a notice until the server has read it."""
    names = ("certificate_file", "key_file", "ca_file")
    keys = dict(zip(names, map(str, server.client("bench")), strict=True)) if with_tls else {}
    channel = CotChannel(Settings(name="b", audience="drill", url=server.url, at_deg=(0, 0), **keys), None, None)
    channel.open()
    told(
        f"{server.url[:3]}: a notice sent until taky has read it",
        timed_ms(lambda: channel.send(notice), n, time.perf_counter_ns),
        n,
    )
    channel.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
