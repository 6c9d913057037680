"""How late an alarm comes to many pages at once: server on one core, clients on the other, some of which take nothing.

`python tests/bench/bench_page_clients.py 300 1000 3000`: for each number of clients, with and without 50 stalled ones
more, a picture of 20 kB each second and an alarm each half second; what is told is the time from `Page.hear` to the
frame in the client, over all clients and alarms.
"""

import asyncio
import base64
import os
import re
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import page_cases
import uvloop

from casemate.constants import NS_PER_S
from casemate.io.web import roles
from casemate.io.web.app import make_app
from casemate.io.web.server import Door, Server, listen

N_TRACKS = 400  # 20 kB
N_STALLED = 50
LASTS_S = 20.0
ALARM_S = 0.5
SENT = re.compile(rb'"kind":"alarm".*?"t_sent_ns":(\d+)')


def serve():
    """Serve from the first core until standard input ends."""
    os.sched_setaffinity(0, {0})
    premises = page_cases.make_premises()
    page = page_cases.make_page(premises)
    door = Door(port=0)
    app = make_app(page, roles.Keeper(None), is_local=True, is_tls=False)
    is_over = threading.Event()
    with Server(app, door, listen(door)) as server:
        print(server.url.rsplit(":", 1)[1].rstrip("/"), flush=True)

        def feed():
            k = 0
            while not is_over.wait(ALARM_S):
                k += 1
                if k % round(1.0 / ALARM_S) == 0:
                    page.take(*page_cases.step(N_TRACKS, page_cases.T0_NS + k * NS_PER_S, has_impacts=False))
                page.hear(page_cases.notice(premises, k, incident=f"run1-{k % 20}", t_ns=time.time_ns()))

        feeding = threading.Thread(target=feed)
        feeding.start()
        sys.stdin.read()
        is_over.set()
        feeding.join()
        print(page.hub.n_dropped, page.hub.n_pictures_lost, f"{time.process_time():.1f}", flush=True)


class Client(asyncio.Protocol):
    """Reads frames, and keeps when alarms came and how many pictures."""

    def __init__(self, port):
        self.port, self.raw, self.delays_ms, self.n_pictures, self.n_bytes = port, b"", [], 0, 0
        self.is_lost = self.is_open = False

    def connection_made(self, transport):
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /api/ws HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data):
        now_ns = time.time_ns()
        self.raw += data
        if not self.is_open:
            head, end, rest = self.raw.partition(b"\r\n\r\n")
            if not end:
                return
            assert b" 101 " in head.split(b"\r\n")[0], head
            self.is_open, self.raw = True, rest
        while len(self.raw) >= 2:
            n, at = self.raw[1], 2
            if n == 126:
                n, at = struct.unpack_from("!H", self.raw, 2)[0] if len(self.raw) >= 4 else 1 << 30, 4
            elif n == 127:
                n, at = struct.unpack_from("!Q", self.raw, 2)[0] if len(self.raw) >= 10 else 1 << 30, 10
            if len(self.raw) < at + n:
                return
            self._frame(self.raw[0] & 15, self.raw[at : at + n], now_ns)
            self.raw = self.raw[at + n :]

    def _frame(self, opcode, payload, now_ns):
        if opcode == 2:
            self.n_pictures, self.n_bytes = self.n_pictures + 1, len(payload)
        elif opcode == 1 and b'"kind":"hello"' not in payload[:60]:
            found = SENT.search(payload)
            if found:
                self.delays_ms.append((now_ns - int(found[1])) / 1e6)

    def connection_lost(self, exc):
        self.is_lost = True


async def measure(port, n_clients, n_stalled):
    loop = asyncio.get_running_loop()
    clients, stalled = [], []
    for _ in range(n_stalled):
        _, client = await loop.create_connection(lambda: Client(port), "127.0.0.1", port)
        stalled.append(client)
    for i in range(n_clients):
        _, client = await loop.create_connection(lambda: Client(port), "127.0.0.1", port)
        clients.append(client)
        if i % 50 == 49:
            await asyncio.sleep(0.05)
    await asyncio.sleep(3.0)
    for client in stalled:
        client.transport.pause_reading()
    for client in clients:
        client.delays_ms.clear()
        client.n_pictures = 0
    await asyncio.sleep(LASTS_S)
    delays_ms = np.array([each for client in clients for each in client.delays_ms])
    lost = sum(client.is_lost for client in clients)
    pictures = np.mean([client.n_pictures for client in clients]) / LASTS_S
    for client in (*clients, *stalled):
        client.transport.abort()
    return delays_ms, lost, pictures, clients[0].n_bytes


def run(n_clients, n_stalled):
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        port = int(server.stdout.readline())
        delays_ms, lost, pictures, n_bytes = uvloop.run(measure(port, n_clients, n_stalled))
        server.stdin.close()
        dropped, pictures_lost, cpu_s = server.stdout.read().split()
    p50, p99, most = np.percentile(delays_ms, (50, 99, 100))
    expected = round(n_clients * LASTS_S / ALARM_S)
    print(
        f"{n_clients:5d} clients, {n_stalled:2d} stalled: alarm p50 {p50:.0f} p99 {p99:.0f} most {most:.0f} ms, "
        f"n {len(delays_ms):,} of {expected:,}; {pictures:.2f} pictures/s of {n_bytes:,} bytes; {lost} lost; "
        f"server: {cpu_s} s of processor, {dropped} dropped, {pictures_lost} pictures lost",
        flush=True,
    )


def main():
    if "--serve" in sys.argv:
        serve()
        return
    os.sched_setaffinity(0, {1})
    for n_clients in map(int, sys.argv[1:] or ("300", "1000", "3000")):
        for n_stalled in (0, N_STALLED):
            run(n_clients, n_stalled)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
