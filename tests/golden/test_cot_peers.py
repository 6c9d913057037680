"""Cursor on Target against what we did not write: a taky server, and a pytak client that receives through it."""

import socket
import threading
import time
import xml.etree.ElementTree as ET

import cot_cases as cases
import pytest

from casemate.constants import NS_PER_S
from casemate.errors import ChannelError
from casemate.io.channels.cot import CotChannel, Settings
from casemate.io.channels.cot_events import notice_events, picture_events
from casemate.model.messages import WarningPhase

AT_DEG = (33.30, 44.39)


class Net:
    """A server, a client that hears everything on it, and the keys that a channel needs there."""

    def __init__(self, folder, with_tls):
        self.server = cases.Taky(folder, with_tls).start()
        self.keys, certificates = {}, None
        if with_tls:
            names, certificates = ("certificate_file", "key_file", "ca_file"), self.server.client("both")
            self.keys = dict(zip(names, map(str, certificates), strict=True))
        self.listener = cases.Listener(self.server.url, certificates)

    def stop(self):
        self.listener.stop()
        self.server.remove()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    net = Net(tmp_path_factory.mktemp("taky") / "plain", with_tls=False)
    yield net
    net.stop()


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    net = Net(tmp_path_factory.mktemp("taky") / "tls", with_tls=True)
    yield net
    net.stop()


@pytest.fixture(params=["plain", "secured"])
def net(request):
    """A channel, and what is received from it."""
    found = request.getfixturevalue(request.param)
    found.listener.forget()
    channel = a_channel(found.server.url, **found.keys)
    channel.open()
    yield channel, found.listener
    channel.close()


def a_channel(url, on_reply=pytest.fail, **more):
    settings = Settings(name="maps", audience="drill", url=url, at_deg=AT_DEG, **more)
    return CotChannel(settings, None, on_reply)


def flat(event):
    """An event as (type, uid, what it says), as far as it must not change on its way."""
    return event.get("type"), event.get("uid"), ET.tostring(event.find("detail")).strip()


@pytest.mark.parametrize("kind", cases.KINDS)
def test_an_incident_arrives_whole_in_order_and_its_cancel_clears_it(net, kind):
    channel, listener = net
    incident = cases.an_incident(kind)
    for notice in incident:
        channel.send(notice)
    last = notice_events(incident[-1])[0]
    came = listener.until(lambda event: event.get("type") == "t-x-d-d")
    sent = [ET.fromstring(each.xml) for notice in incident for each in notice_events(notice)]  # noqa: S314 of our own making
    assert [flat(each) for each in came] == [flat(each) for each in sent]
    alarms = [each for each in came if each.get("type").startswith("b-a-o")]
    assert {each.get("uid") for each in alarms} == {last.uid}
    assert [each.get("type") for each in alarms] == 4 * ["b-a-o-tbl"] + ["b-a-o-can"]
    assert alarms[-1].find("detail/emergency").get("cancel") == "true"
    assert came[-1].find("detail/link").get("uid") == f"{last.uid}.zone"
    names = [each.find("detail/contact").get("callsign") for each in came[:-1]]
    remarks = [each.find("detail/remarks").text for each in came[:-1]]
    assert all(each.startswith("EXERCISE ") == (kind != "live") for each in (*names, *remarks))


def test_the_area_that_a_client_reads_is_the_region_of_90_percent(net):
    channel, listener = net
    channel.send(cases.a_notice())
    came = listener.take(4)
    areas = [each for each in came if each.get("uid").endswith(".area")]
    assert len(areas) == 1
    assert cases.area_m2(cases.vertices(areas[0])) == pytest.approx(cases.true_area_m2(), rel=0.01)
    impact = next(each for each in came if each.get("type") == "b-d-i-m")
    assert impact.find("detail/link").get("relation") == "p-p"
    point = impact.find("point")
    area = cases.an_area()
    assert (float(point.get("lat")), float(point.get("lon"))) == pytest.approx((area.lat_deg, area.lon_deg), abs=1e-6)


def test_a_track_that_ends_goes_from_the_map(net):
    channel, listener = net
    first, second = cases.a_picture(tracks=(7, 8), areas=(7, 8)), cases.a_picture(tracks=(8,), areas=(8,))
    channel.show(first)
    channel.show(second)
    came = listener.take(6 + 3 + 3)
    assert [flat(each)[:2] for each in came[:6]] == [(each.kind, each.uid) for each in picture_events(first)]
    gone = {each.find("detail/link").get("uid") for each in came if each.get("type") == "t-x-d-d"}
    root = "casemate.Site%20Alpha.track.7"
    assert gone == {root, f"{root}.impact", f"{root}.area"}


def test_the_station_s_mark_says_what_it_does_not_watch(net):
    channel, listener = net
    channel.beat(cases.a_heartbeat())
    (mark,) = listener.take(1)
    assert "NOT WATCHED: Alpha South (radar-1 is lost)" in mark.find("detail/remarks").text
    assert mark.get("type") == "a-f-G-E-S"


def test_a_certificate_of_another_authority_is_refused_on_both_sides(secured, tmp_path):
    other = cases.Taky(tmp_path / "other", with_tls=True)
    certificate, key, _ = other.client("stranger")
    ours = {"certificate_file": str(certificate), "key_file": str(key)}
    with pytest.raises(ChannelError, match=r"unknown ca|closed by the other side|bad certificate|reset by peer"):
        a_channel(secured.server.url, ca_file=secured.keys["ca_file"], **ours).open()
    with pytest.raises(ChannelError, match="certificate is not to be trusted"):
        a_channel(secured.server.url, ca_file=str(other.folder / "ssl" / "ca.crt"), **ours).open()


def test_a_server_that_restarts_is_found_again_and_hears_the_alarm_that_holds(tmp_path):
    server = cases.Taky(tmp_path / "taky", with_tls=False).start()
    channel = a_channel(server.url)
    try:
        channel.open()
        notice = cases.a_notice()
        channel.send(notice)
        server.stop()
        with pytest.raises(ChannelError):
            channel.send(cases.a_notice(n=2, phase=WarningPhase.UPDATE))
        with pytest.raises(ChannelError, match="refused"):
            channel.open()
        server.start()
        listener = cases.Listener(server.url)
        channel.open()
        channel.send(cases.a_notice(n=2, phase=WarningPhase.UPDATE))
        assert next(each.get("uid") for each in listener.take(4)) == notice_events(notice)[0].uid
        late = cases.Listener(server.url)
        channel.beat(cases.a_heartbeat())
        alarms = late.until(lambda event: event.get("type") == "b-a-o-tbl")
        assert alarms[-1].get("uid") == notice_events(notice)[0].uid
        for each in (listener, late):
            each.stop()
    finally:
        channel.close()
        server.remove()


class deaf:  # noqa: N801 reads as a word
    """A server that accepts and never reads; or answers pings and then never reads again."""

    def __init__(self, n_pongs):
        self._server = socket.create_server(("127.0.0.1", 0))
        self._n_pongs, self._held = n_pongs, []
        threading.Thread(target=self._run, daemon=True).start()
        self.url = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"

    def _run(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._held.append(client)
            for _ in range(self._n_pongs):
                client.recv(65536)
                client.sendall(b'<event uid="takPong" type="t-x-c-t-r"/>')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in (self._server, *self._held):
            each.close()


@pytest.mark.parametrize("n_pongs", [0, 1])
def test_a_server_that_never_reads_is_given_up_in_time(n_pongs):
    with deaf(n_pongs) as server:
        channel = a_channel(server.url, timeout_s=0.3)
        if n_pongs:
            channel.open()
        start_s = time.monotonic()
        with pytest.raises(ChannelError, match=r"no answer to a ping within 0\.3 s"):
            channel.send(cases.a_notice()) if n_pongs else channel.open()
        assert time.monotonic() - start_s < 1.0


class eager:  # noqa: N801 reads as a word
    """A server that answers the first ping three times, and no other: what a forger between us and it would say."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        client, _ = self._server.accept()
        with client:
            client.recv(65536)
            client.sendall(3 * b'<event uid="takPong" type="t-x-c-t-r"/>')
            while client.recv(65536):
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.close()


def test_answers_that_came_before_the_question_count_for_nothing():
    replies = []
    with eager() as server:
        channel = a_channel(server.url, on_reply=replies.append, timeout_s=0.3)
        channel.open()
        time.sleep(0.1)
        with pytest.raises(ChannelError, match=r"no answer to a ping within 0\.3 s"):
            channel.send(cases.a_notice())
        channel.close()
    assert {(each.kind, each.notice_id, each.who) for each in replies} == {("refused", "", server.url)}
    assert len(replies) == 2
    assert replies[0].why == "forged or replayed: an answer to no ping of ours"


def test_a_full_socket_is_given_up_in_time():
    many = cases.a_picture(tracks=range(2000), areas=())
    with deaf(0) as server:
        channel = a_channel(server.url, timeout_s=0.3, answers_pings=False)
        channel.open()
        start_s = time.monotonic()
        with pytest.raises(ChannelError, match=r"takes no more within 0\.3 s"):  # noqa: PT012 one of many, whichever
            for _ in range(100):
                channel.show(many)
        assert time.monotonic() - start_s < 10.0
        with pytest.raises(ChannelError, match="is not open"):
            channel.send(cases.a_notice())


def test_multicast_reaches_a_second_socket():
    group, port = "239.2.3.17", cases.free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.bind((group, port))
        member = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
        ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        ear.settimeout(5.0)
        channel = a_channel(f"udp://{group}:{port}", interface="127.0.0.1")
        channel.open()
        notice = cases.a_notice(t_ns=NS_PER_S)
        channel.send(notice)
        assert [ear.recv(65_535) for _ in range(4)] == [each.xml for each in notice_events(notice)]
        channel.close()
