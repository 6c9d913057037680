"""What a SAPIENT feed takes: detections a second on one core, and how long one waits between the wire and the tracker.

`python tests/bench/bench_sapient.py` prints both; nothing else should run.
"""

import socket
import threading
import time

import numpy as np
import sapient_cases as cases

from casemate.constants import NS_PER_S
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import StationClock, WireClock
from casemate.io.feeds.sapient import open_feed, wire
from casemate.io.feeds.sapient.node import Node, node_id_of
from casemate.io.feeds.sapient.plots import Sensors
from casemate.io.feeds.sapient.session import Register, Session
from casemate.model.messages import Scan


def detections_per_s(n_looks=400, n_each=50):
    """Frames into plots, without a socket."""
    site = cases.a_site()
    register = Register(Sensors(site), Tally(), [WireClock() for _ in site.sensor])
    session = Session(Node(node_id_of("Alpha"), "Alpha"), register, is_client=False)
    session.take(wire.frame(cases.a_registration()), cases.at())
    chunks = [
        b"".join(
            wire.frame(cases.a_bearing(t_ns=cases.T0_NS + look * NS_PER_S, az_deg=0.5 * k, range_error=10.0))
            for k in range(n_each)
        )
        for look in range(n_looks)
    ]
    begin, n = time.process_time(), 0
    for look, chunk in enumerate(chunks):
        n += sum(len(each.scan.plots) for each in session.take(chunk, cases.at(cases.T0_NS + look * NS_PER_S)).looks)
    return n / (time.process_time() - begin)


def delays_ms(n_looks, n_each, gap_s):
    """From the stamp of a look, taken just before it is sent, to its delivery as a scan, over loopback."""
    feed, stop, found = open_feed("sapient://127.0.0.1:0", cases.a_site(), StationClock()), threading.Event(), []

    def deliver(message):
        if isinstance(message, Scan):
            found.append((time.time_ns() - message.t_end_ns, len(message.plots)))

    thread = threading.Thread(target=feed.run, args=(deliver, stop.is_set))
    thread.start()
    with socket.create_connection(("127.0.0.1", feed.port)) as sock:
        sock.sendall(wire.frame(cases.a_registration(t_ns=time.time_ns())))
        for _ in range(n_looks):
            t_ns = time.time_ns()
            sock.sendall(b"".join(wire.frame(cases.a_bearing(t_ns=t_ns, az_deg=0.5 * k)) for k in range(n_each)))
            time.sleep(gap_s)
        time.sleep(0.1)
    stop.set()
    thread.join()
    assert sum(n for _, n in found) == n_looks * n_each
    return np.array([delay_ns for delay_ns, _ in found]) / 1e6


def main():
    print(
        f"{np.median([detections_per_s() for _ in range(5)]):.0f} detections a second of processor time (n = 5 x 20000)"
    )
    for n_each in (1, 50):
        ms = delays_ms(300, n_each, 0.06)
        shown = ", ".join(
            f"{name} {value:.1f}"
            for name, value in zip(("p50", "p99", "max"), np.percentile(ms, (50, 99, 100)), strict=True)
        )
        print(f"looks of {n_each}: {shown} ms (n = {len(ms)} scans of 300 looks)")


if __name__ == "__main__":
    main()
