"""The WebSocket channel, heard by the clients of the websockets library: what they hold is what was told."""

import asyncio
import json
import socket
import ssl
import time

import cot_cases as cases
import notice_cases
import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.sync.client import connect as connect_sync

from casemate.constants import NS_PER_S
from casemate.errors import ChannelError, SettingsError
from casemate.io.channels.opening import make_channel
from casemate.io.channels.websocket import Settings
from casemate.io.channels.websocket_hub import QUEUE
from casemate.model.messages import WarningPhase

T0_NS = 1_790_000_000 * NS_PER_S


def a_channel(**more):
    declared = Settings(**{"name": "page", "audience": "drill", "port": 0, **more})
    return make_channel(declared, None, pytest.fail)


@pytest.fixture
def channel():
    made = a_channel()
    made.open()
    yield made
    made.close()


def url_of(channel):
    return f"ws://127.0.0.1:{channel.port}/"


def refused(url, **more):
    """Try to connect."""
    with connect_sync(url, **more):
        pass


class Page:
    """What a page would hold: the snapshot, and every change put onto it."""

    def __init__(self):
        self.seq, self.alarms, self.tracks, self.areas = None, {}, {}, {}

    def take(self, text):
        said = json.loads(text)
        assert said["v"] == 1
        if said["type"] == "snapshot":
            self.alarms = {each["incident"]: each for each in said["alarms"]}
            self.tracks, self.areas = {}, {}
            self._put(said)
        else:
            assert said["seq"] == self.seq + 1
        if said["type"] == "notice":
            self.alarms.pop(said["notice"]["incident"], None)
            if said["notice"]["phase"] not in {"all-clear", "withdrawn"}:
                self.alarms[said["notice"]["incident"]] = said["notice"]
        if said["type"] == "picture":
            self._put(said)
            for mine, gone in ((self.tracks, said["gone_tracks"]), (self.areas, said["gone_areas"])):
                for i in gone:
                    del mine[i]
        self.seq = said["seq"]
        return said

    def _put(self, said):
        self.tracks.update({each["track_id"]: each for each in said["tracks"]})
        self.areas.update({each["track_id"]: each for each in said["areas"]})


def test_a_page_holds_what_was_told_whenever_it_came(channel):
    first, second = Page(), Page()
    with connect_sync(url_of(channel)) as early:
        assert first.take(early.recv())["alarms"] == []
        notices = [cases.a_notice("exercise", t_ns=T0_NS, zone=zone) for zone in (0, 1)]
        steps = [
            lambda: channel.send(notices[0]),
            lambda: channel.show(cases.a_picture("exercise", (7, 8), (7,), T0_NS)),
            lambda: channel.send(notices[1]),
            lambda: channel.beat(cases.a_heartbeat("exercise", T0_NS)),
            lambda: channel.show(cases.a_picture("exercise", (8,), (8,), T0_NS + NS_PER_S)),
            lambda: channel.send(cases.a_notice("exercise", WarningPhase.CLEAR, 2, T0_NS + 1, zone=1)),
        ]
        for n, step in enumerate(steps, 1):
            step()
            assert first.take(early.recv(timeout=5.0))["seq"] == n
        with connect_sync(url_of(channel)) as late:
            second.take(late.recv(timeout=5.0))
    assert (first.alarms, first.tracks, first.areas) == (second.alarms, second.tracks, second.areas)
    assert [each["zone"] for each in second.alarms.values()] == [notices[0].zone]
    assert list(second.tracks) == list(second.areas) == [8]
    alarm = second.alarms["run-1-0"]
    assert alarm["name"].startswith("EXERCISE: ")
    assert cases.area_m2(alarm["areas"][0]["ring_deg"]) == pytest.approx(cases.true_area_m2(), rel=0.01)


@pytest.mark.parametrize(("kind", "status"), [("live", "live"), ("exercise", "exercise"), ("rehearsal", "rehearsal")])
def test_every_message_says_whether_it_is_a_drill(channel, kind, status):
    with connect_sync(url_of(channel)) as page:
        page.recv()
        channel.send(cases.a_notice(kind))
        channel.beat(cases.a_heartbeat(kind))
        said = [json.loads(page.recv(timeout=5.0)) for _ in range(2)]
    drills = {"live": {"live"}, "exercise": {"exercise"}, "rehearsal": {"rehearsal", "exercise"}}[kind]
    assert said[0]["status"] == said[0]["notice"]["status"] == status
    assert {each["status"] for each in said} == drills
    assert said[0]["notice"]["name"].startswith("EXERCISE") == (kind != "live")


def test_an_alarm_that_holds_no_more_is_in_no_snapshot(channel):
    notice = cases.a_notice("exercise", t_ns=T0_NS)
    channel.send(notice)
    channel.beat(cases.a_heartbeat("exercise", notice.t_expires_ns))
    with connect_sync(url_of(channel)) as page:
        assert json.loads(page.recv(timeout=5.0))["alarms"] == []


def never_reading(port):
    """A client that shakes hands and never reads again."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    sock.sendall(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    return sock


def test_200_pages_hear_all_beside_one_that_never_reads():
    channel = a_channel(patience_s=1.0)
    channel.open()
    deaf = never_reading(channel.port)
    n_pages, n_pictures, seen = 200, 10, []

    async def page():
        held, came_s = Page(), 0.0
        async with connect(url_of(channel), compression=None) as socket_of_page:
            ready.append(1)
            async for text in socket_of_page:
                if held.take(text)["type"] == "notice":
                    came_s = time.monotonic()
                    break
                seen.append(held.seq)
        return held, came_s

    def tell():
        took_s = []
        for i in range(n_pictures):
            picture = cases.a_picture("exercise", range(i, 20 + i), (i,), T0_NS + i)
            start_s = time.monotonic()
            channel.show(picture)
            took_s.append(time.monotonic() - start_s)
        while seen.count(n_pictures) < n_pages:
            time.sleep(0.01)
        start_s = time.monotonic()
        channel.send(cases.a_notice("exercise"))
        return start_s, max(took_s)

    async def all_of_it():
        pages = [asyncio.create_task(page()) for _ in range(n_pages)]
        while len(ready) < n_pages:  # noqa: ASYNC110 a count, not an event
            await asyncio.sleep(0.01)
        start_s, longest_s = await asyncio.to_thread(tell)
        held = await asyncio.gather(*pages)
        return start_s, longest_s, held

    ready = []
    start_s, longest_s, held = asyncio.run(all_of_it())
    print(f"200 pages have a notice after {max(came_s for _, came_s in held) - start_s:.3f} s, a deaf one beside them")
    assert all(list(each.tracks) == list(range(9, 29)) for each, _ in held)
    assert max(came_s for _, came_s in held) - start_s < 2.0
    assert longest_s < 1.0  # nobody is waited for
    many = [cases.a_picture("exercise", range(500 * (i % 2), 500 * (i % 2) + 500), (), T0_NS + i) for i in range(2)]
    end_s = time.monotonic() + 20.0
    while channel.n_clients and time.monotonic() < end_s:
        channel.show(many[0])
        channel.show(many[1])
        time.sleep(0.02)
    deaf.close()
    assert channel.n_clients == 0  # the deaf one was hung up on
    channel.close()


def test_who_falls_behind_gets_a_snapshot_and_misses_nothing_that_holds(channel):
    n = 200
    pictures = [cases.a_picture("exercise", range(300 * (i % 2), 300 * (i % 2) + 300), (), T0_NS + i) for i in range(n)]

    async def slow():
        held, kinds = Page(), []
        async with connect(url_of(channel), compression=None, max_queue=1) as page:
            held.take(await page.recv())
            for each in pictures:  # 12 MB, while nothing is read
                channel.show(each)
            channel.send(cases.a_notice("exercise"))
            while held.seq < n + 1:
                kinds.append(held.take(await page.recv())["type"])
        return held, kinds

    held, kinds = asyncio.run(slow())
    assert "snapshot" in kinds
    assert len(kinds) < n - QUEUE
    assert list(held.alarms) == ["run-1-0"]
    assert sorted(held.tracks) == list(range(300, 600))


def test_a_page_of_another_origin_is_turned_away(channel):
    for origin in ("http://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1@evil.example"):
        with pytest.raises(websockets.InvalidStatus, match="403"):
            refused(url_of(channel), origin=origin)
    for origin in ("http://localhost:8080", "http://127.0.0.1", None):
        with connect_sync(url_of(channel), origin=origin):
            pass
    other = a_channel(origins=("https://map.example",))
    other.open()
    with connect_sync(url_of(other), origin="https://map.example"):
        pass
    with pytest.raises(websockets.InvalidStatus, match="403"):
        refused(url_of(other), origin="http://localhost")
    other.close()


def test_a_token_is_asked_for_and_a_certificate_shown(tmp_path):
    key, certificate = notice_cases.server_pair(tmp_path, "server")
    token = tmp_path / "token"
    token.write_text("correct-horse-battery\n")
    files = {"token_file": str(token), "certificate_file": str(certificate), "key_file": str(key)}
    channel = a_channel(host="0.0.0.0", **files)  # noqa: S104 that is what is tested
    channel.open()
    url, context = f"wss://127.0.0.1:{channel.port}/", ssl.create_default_context(cafile=certificate)
    for wrong in ("", "?token=", "?token=correct-horse-batterz", "?token=correct-horse-battery%00", "?tokn=x"):
        with pytest.raises(websockets.InvalidStatus, match="401"):
            refused(url + wrong, ssl=context)
    with connect_sync(f"{url}?token=correct-horse-battery", ssl=context):
        pass
    bearer = {"Authorization": "Bearer correct-horse-battery"}
    with connect_sync(url, ssl=context, additional_headers=bearer):
        pass
    with pytest.raises(ssl.SSLCertVerificationError):
        refused(url, ssl=ssl.create_default_context())
    with pytest.raises((websockets.InvalidMessage, websockets.InvalidHandshake, OSError)):
        refused(url.replace("wss", "ws") + "?token=correct-horse-battery", open_timeout=2)
    channel.close()


def test_others_than_this_machine_need_a_token_and_tls(tmp_path):
    with pytest.raises(SettingsError, match="token_file: is needed: others can connect to 192"):
        a_channel(host="192.0.2.7")
    (tmp_path / "token").write_text("x" * 16)
    with pytest.raises(SettingsError, match="certificate_file: is needed"):
        a_channel(host="192.0.2.7", token_file=str(tmp_path / "token"))
    (tmp_path / "token").write_text("short")
    with pytest.raises(SettingsError, match="holds no line of 16 to 256"):
        a_channel(token_file=str(tmp_path / "token"))


def test_a_client_that_speaks_is_hung_up_on_and_other_paths_are_not_there(channel):
    with connect_sync(url_of(channel)) as page:
        page.recv()
        page.send("let me in")
        with pytest.raises(websockets.ConnectionClosed) as caught:
            page.recv(timeout=5.0)
    assert caught.value.rcvd.code == 1008
    with pytest.raises(websockets.InvalidStatus, match="404"):
        refused(url_of(channel) + "../etc/passwd")


def test_a_port_that_is_taken_is_said_and_it_can_be_tried_again(channel):
    other = a_channel(port=channel.port)
    with pytest.raises(ChannelError, match=r"page: .*in use"):
        other.open()
    with pytest.raises(ChannelError, match="is not open"):
        other.send(cases.a_notice("exercise"))
    channel.close()
    other.open()
    channel.close()
    other.send(cases.a_notice("exercise"))
    other.close()
    other.close()
