"""The SAPIENT feed on real sockets: both roles, many connections, ones that misbehave, ones that come back."""

import contextlib
import socket
import threading
import time

import pytest
import sapient_cases as cases

from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.io.feeds import sapient
from casemate.io.feeds.sapient import wire
from casemate.io.feeds.sapient.feed import MAX_LINKS
from casemate.io.feeds.sapient.node import node_id_of
from casemate.model.catalog import RadarSite, SiteFile
from casemate.model.messages import Scan


@contextlib.contextmanager
def running(url="sapient://127.0.0.1:0", site=None):
    feed, stop, delivered = sapient.open_feed(url, site or cases.a_site(), cases.Clock()), threading.Event(), []
    thread = threading.Thread(target=feed.run, args=(delivered.append, stop.is_set))
    thread.start()
    try:
        yield feed, delivered
    finally:
        stop.set()
        thread.join(5.0)
        assert not thread.is_alive()


def connected(feed):
    return socket.create_connection(("127.0.0.1", feed.port), timeout=2.0)


def now_of(feed):
    return feed._clock.now_ns()  # a slow machine takes seconds over a test, and two make a detection too old


def send(sock, *messages):
    sock.sendall(b"".join(wire.frame(each) for each in messages))


def heard(sock, n):
    """Wait for n answers."""
    framing, found = wire.Framing(), []
    while len(found) < n:
        data = sock.recv(65536)
        assert data, "the other side hung up"
        found += [wire.read(each) for each in framing.take(data)]
    return found


def wait_for(truth, most_s=5.0):
    end = time.monotonic() + most_s
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.005)


def reasons(feed):
    return {each.reason: each.count for each in feed.tally.refused()}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sapient://127.0.0.1", "is not sapient://HOST:PORT"),
        ("http://127.0.0.1:80", "is not sapient://HOST:PORT"),
        ("sapient://127.0.0.1:99999", "Port out of range"),
        ("sapient://127.0.0.1:0?nod=1", "knows no option but node"),
        ("sapient://127.0.0.1:0?node=1", "no UUID of version 4"),
        ("sapient://203.0.113.7:9", "cannot be listened on"),
    ],
)
def test_a_url_that_cannot_be_used(url, why):
    with pytest.raises(SettingsError, match=why):
        sapient.open_feed(url, cases.a_site(), cases.Clock())


def test_a_site_without_nodes_has_no_such_feed():
    site = cases.a_site()
    with pytest.raises(SettingsError, match="no sensor with a sapient_node"):
        sapient.open_feed("sapient://127.0.0.1:0", SiteFile(site=site.site, sensor=site.sensor[2:]), cases.Clock())


def test_without_the_extra_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(sapient, "_has_extra", lambda: False)
    with pytest.raises(SettingsError, match=r"pip install 'casemate\[sapient\]'"):
        sapient.open_feed("sapient://127.0.0.1:0", cases.a_site(), cases.Clock())
    assert not sapient.is_recording(tmp_path)


def test_two_sensors_at_once_and_one_that_talks_nonsense():
    with running() as (feed, delivered):
        with connected(feed) as north, connected(feed) as flat, connected(feed) as mad:
            send(north, cases.a_registration())
            send(flat, cases.a_registration(cases.FLAT_NODE))
            assert heard(north, 1)[0].registration_ack.acceptance
            assert heard(flat, 1)[0].registration_ack.acceptance
            mad.sendall(b"GET / HTTP/1.1\r\n\r\n")  # its first four bytes are a length of 0.5 GB
            assert heard(mad, 1)[0].error.error_message[0] == "frame: longer than 1048576 bytes"
            assert mad.recv(1) == b""
            begin_ns = now_of(feed)
            for look in range(3):
                t_ns = begin_ns + (look - 2) * NS_PER_S // 2  # all at once: none ahead, none two seconds old
                send(north, cases.a_bearing(t_ns=t_ns), cases.a_bearing(t_ns=t_ns, az_deg=50.0))
                send(flat, cases.a_bearing(cases.FLAT_NODE, t_ns))
            wait_for(lambda: sum(isinstance(each, Scan) for each in delivered) == 6)
        wait_for(lambda: not feed.register.nodes)
    scans = [each for each in delivered if isinstance(each, Scan)]
    assert sorted((each.sensor_id, len(each.plots)) for each in scans) == [(0, 2)] * 3 + [(1, 1)] * 3
    assert reasons(feed) == {"frame: longer than 1048576 bytes": 1}


def test_a_connection_cut_in_a_frame_and_the_sensor_that_comes_back():
    with running() as (feed, delivered):
        with connected(feed) as sock:
            send(sock, cases.a_registration())
            heard(sock, 1)
            sock.sendall(wire.frame(cases.a_bearing())[:-3])
        wait_for(lambda: reasons(feed) == {"frame: cut by the end of the connection": 1})
        with connected(feed) as sock:
            send(sock, cases.a_registration(), cases.a_bearing(t_ns=now_of(feed)))
            wait_for(lambda: any(isinstance(each, Scan) for each in delivered))


def test_more_connections_than_are_held():
    with running() as (feed, _), contextlib.ExitStack() as stack:
        for _ in range(MAX_LINKS):
            stack.enter_context(connected(feed))
        with connected(feed) as extra:
            assert extra.recv(1) == b""
        assert reasons(feed) == {f"connection: more than {MAX_LINKS} at once": 1}


def test_one_that_does_not_read_is_ended_and_the_others_are_served():
    bad = wire.frame(cases.a_bearing(cases.STRANGER)) * 500
    with running() as (feed, delivered), connected(feed) as deaf, connected(feed) as north:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def shout():
            with contextlib.suppress(OSError):
                while True:
                    deaf.sendall(bad)

        thread = threading.Thread(target=shout)
        thread.start()
        wait_for(lambda: "connection: its other side does not read" in reasons(feed), most_s=20.0)
        thread.join(5.0)
        assert not thread.is_alive()
        send(north, cases.a_registration(), cases.a_bearing(t_ns=now_of(feed)))
        wait_for(lambda: any(isinstance(each, Scan) for each in delivered))


def test_both_roles_of_ours_with_each_other(monkeypatch):
    """A parent that knows our node's id accepts us; when it goes away we come back to it."""
    monkeypatch.setattr("casemate.io.feeds.sapient.feed._BACKOFF_S", (0.05, 0.1))
    monkeypatch.setattr("casemate.io.feeds.sapient.session._STATUS_NS", NS_PER_S // 20)
    here = cases.a_site().site
    child = {
        "lat_deg": 33.3,
        "lon_deg": 44.4,
        "height_m": 30.0,
        "scan_period_s": 1.0,
        "sigma_range_m": 9.0,
        "sigma_azimuth_deg": 0.1,
    }
    parent = SiteFile(site=here, sensor=(RadarSite(name="us", **child, sapient_node=node_id_of("Alpha")),))
    with running(site=parent) as (feed, _):
        port = feed.port
        with running(f"sapient+connect://127.0.0.1:{port}"):
            wait_for(lambda: any(node.system == "ok" for node in feed.register.nodes.values()))
            first = feed.register.nodes[node_id_of("Alpha")].t_status_ns
            wait_for(lambda: feed.register.nodes[node_id_of("Alpha")].t_status_ns > first)
        wait_for(lambda: not feed.register.nodes)  # it said goodbye
        assert reasons(feed) == {}
    with running(f"sapient+connect://127.0.0.1:{port}") as (client, _):
        wait_for(lambda: reasons(client).get("connection: cannot be had", 0) >= 2)
        with running(f"sapient://127.0.0.1:{port}", parent) as (feed, _):
            wait_for(lambda: any(node.system == "ok" for node in feed.register.nodes.values()))


def test_a_parent_that_refuses_us_is_asked_again(monkeypatch):
    monkeypatch.setattr("casemate.io.feeds.sapient.feed._BACKOFF_S", (0.05, 0.1))
    with running() as (feed, _), running(f"sapient+connect://127.0.0.1:{feed.port}") as (client, _):
        wait_for(lambda: reasons(client).get("registration_ack: our registration was refused", 0) >= 2)
        assert set(reasons(feed)) == {"node: no sensor of the site"}
