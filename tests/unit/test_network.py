"""UDP and TCP by real sockets on loopback."""

import itertools
import socket
import threading
import time

import numpy as np
import pytest
from hill import SITE

from casemate.errors import SettingsError
from casemate.io.feeds import network
from casemate.io.feeds.address import parse
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import StationClock
from casemate.io.feeds.network import TcpSource, UdpSource
from casemate.io.feeds.opening import open_feed
from casemate.io.settings import read_site

GROUP = "239.255.86.17"
STOP_S = 4.0
"""What a stop may take: 0.3 s on a quiet machine, over 1 s was seen on one whose cores were shared by ten [s]."""


def block(n):
    """A block of n bytes, as far as cutting a stream goes."""
    return bytes([48]) + n.to_bytes(2, "big") + np.random.default_rng(n).bytes(n - 3)


def gather(source, n, within_s=3.0):
    got, end = [], time.monotonic() + within_s
    while len(got) < n and time.monotonic() < end:
        got += source.receive(0.02)
    return got


def reasons(tally):
    return {each.reason: each.count for each in tally.refused()}


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(3.0)
        yield listening


@pytest.fixture
def client(server):
    tally = Tally()
    source = TcpSource(parse(f"tcp://127.0.0.1:{server.getsockname()[1]}"), StationClock(), tally)
    yield source, tally
    source.close()


def test_datagrams_come_whole_and_with_their_time():
    clock = StationClock()
    source = UdpSource(parse("udp://127.0.0.1:0"), clock, Tally())
    sent = [block(n) for n in (3, 100, 1472, 60_000)]
    time.sleep(0.3)  # the first socket that asks for stamps gets them a moment later (Linux: net_enable_timestamp)
    before = clock.now_ns()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        for each in sent:
            port.sendto(each, ("127.0.0.1", source.port))
    after = clock.now_ns()
    time.sleep(1.5)  # they wait in the system: the time is that of their coming, not of our reading
    got = gather(source, len(sent))
    assert [each.payload for each in got] == sent
    assert all(before - 700_000_000 <= each.t_recv_ns <= after + 700_000_000 for each in got)
    assert source.receive(0.01) == []
    source.close()


def test_what_the_system_drops_is_counted():
    source = UdpSource(parse("udp://127.0.0.1:0"), StationClock(), Tally())
    source._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    n_sent = 200
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        for _ in range(n_sent):
            port.sendto(block(1000), ("127.0.0.1", source.port))
        n_got = len(gather(source, n_sent, 0.3))
        port.sendto(block(4), ("127.0.0.1", source.port))  # the count comes with the next one that is kept
        n_got += len(gather(source, 1))
    source.close()
    assert 0 < n_got < n_sent
    assert source.n_lost == n_sent + 1 - n_got


def test_a_multicast_group_is_joined_and_no_other():
    try:
        source = UdpSource(parse(f"udp://{GROUP}:0?interface=127.0.0.1"), StationClock(), Tally())
    except SettingsError as error:
        pytest.skip(f"this machine has no multicast on loopback: {error}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        try:
            port.sendto(block(20), (GROUP, source.port))
            port.sendto(block(30), ("239.255.86.18", source.port))
            port.sendto(block(40), ("127.0.0.1", source.port))
        except OSError as error:
            pytest.skip(f"this machine sends no multicast on loopback: {error}")
        got = gather(source, 2, 0.5)
    source.close()
    if not got:
        pytest.skip("this machine delivers no multicast on loopback")
    assert [each.payload for each in got] == [block(20)]


def test_a_port_that_is_taken_is_named():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        url = f"udp://127.0.0.1:{port.getsockname()[1]}"
        with pytest.raises(SettingsError, match="cannot be listened on: Address already in use"):
            UdpSource(parse(url), StationClock(), Tally())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_blocks_are_cut_right_however_the_stream_is(server, client, seed):
    (source, tally), rng = client, np.random.default_rng(seed)
    sent = [block(n) for n in [3, 3, 4, 65_535, *(int(rng.integers(3, 900)) for _ in range(60))]]
    rng.shuffle(sent)
    stream = b"".join(sent)
    assert source.receive(0.02) == []  # connects
    peer, _ = server.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    got, at = [], 0
    while at < len(stream):
        n = int(rng.choice([1, 2, 3, 5, 700, 20_000]))
        peer.sendall(stream[at : at + n])
        at += n
        if rng.random() < 0.7:
            got += source.receive(0.002)
    got += gather(source, len(sent) - len(got))
    peer.close()
    assert [each.payload for each in got] == sent
    assert reasons(tally) == {}


def test_a_server_that_goes_is_waited_for_ever_longer_and_had_again(monkeypatch):
    monkeypatch.setattr(network, "_BACKOFF_S", (0.05, 0.4))
    tally = Tally()
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        source = TcpSource(parse(f"tcp://127.0.0.1:{port}"), StationClock(), tally)
        source.receive(0.02)
        peer, _ = first.accept()
        peer.sendall(block(10) + block(9)[:5])
        (got,) = gather(source, 1)
        assert got.payload == block(10)
        assert source.is_connected
        peer.shutdown(socket.SHUT_WR)
        assert gather(source, 1, 0.1) == []
        peer.close()
    tries, known = [], 0
    end = time.monotonic() + 3.0
    while time.monotonic() < end:  # nobody listens
        source.receive(0.01)
        if reasons(tally).get("connection not had: Connection refused", 0) > known:
            known += 1
            tries.append(time.monotonic())
    assert not source.is_connected
    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert len(waits) >= 3
    assert all(after > 0.6 * before for before, after in itertools.pairwise(waits))
    assert max(waits) < 1.5
    with socket.create_server(("127.0.0.1", port)) as second:
        second.settimeout(3.0)
        gather(source, 1, 1.0)
        peer, _ = second.accept()
        peer.sendall(block(12))
        assert [each.payload for each in gather(source, 1)] == [block(12)]
        assert source.is_connected
        peer.close()
    source.close()
    told = reasons(tally)
    assert told["connection closed by the other side"] == 1
    assert told["block cut by the end of the connection"] == 1


def test_a_stream_that_is_no_asterix_is_hung_up_on(server, client):
    source, tally = client
    source.receive(0.02)
    peer, _ = server.accept()
    peer.sendall(block(8) + b"\x30")
    assert [each.payload for each in gather(source, 1)] == [block(8)]
    peer.sendall(b"\x00\x02" + bytes(500))  # a block of two bytes cannot be
    assert gather(source, 1, 0.1) == []
    assert not source.is_connected
    assert reasons(tally) == {"the stream is not ASTERIX blocks": 1}
    peer.close()


def test_a_block_that_never_ends_takes_no_room(server, client):
    source, tally = client
    source.receive(0.02)
    peer, _ = server.accept()
    peer.sendall(b"\x30\xff\xff" + bytes(60_000))
    assert gather(source, 1, 0.2) == []
    assert len(source._rest) <= 65_535
    peer.close()
    assert gather(source, 1, 0.1) == []
    assert reasons(tally)["block cut by the end of the connection"] == 1


def _ends(feed):
    """Return how long the thread of a feed lives on after a stop [s]."""
    stop = threading.Event()
    thread = threading.Thread(target=feed.run, args=(lambda _: None, stop.is_set), daemon=True)
    thread.start()
    time.sleep(0.2)
    begin = time.monotonic()
    stop.set()
    thread.join(5.0)
    assert not thread.is_alive()
    return time.monotonic() - begin


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site.toml").write_text(SITE)
    return read_site(tmp_path / "site.toml")


def test_a_stop_ends_the_thread_of_a_feed(site, server):
    quiet = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        refused = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        for url in ("udp://127.0.0.1:0", quiet, refused):
            assert _ends(open_feed(url, site, StationClock())) < STOP_S, url


def test_a_stop_ends_the_thread_that_waits_for_a_server_that_does_not_answer(site):
    with socket.socket() as full, socket.socket() as one, socket.socket() as two:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for each in (one, two):  # its queue is full: whoever comes now gets no answer
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        feed = open_feed(f"tcp://127.0.0.1:{full.getsockname()[1]}", site, StationClock())
        assert _ends(feed) < STOP_S
