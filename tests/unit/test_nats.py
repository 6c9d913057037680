"""The channel to a region's NATS server, against a real one: what it keeps, what it refuses, what passes for live."""

import asyncio
import math
import time

import msgspec
import nats
import pytest
from brokers import Authority
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig
from nats_servers import NatsServer, by_credentials, guarded, kept, needs_nats_server
from notice_cases import T0_NS, area, incident, notice

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels import nats as channels
from casemate.io.channels import nats_words as words
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.desks import Desk, drill_couriers
from casemate.io.channels.stamps import REHEARSAL
from casemate.io.settings import packaged, read_site
from casemate.model.notices import (
    DrillHeartbeat,
    DrillPicture,
    ExerciseNotice,
    LiveHeartbeat,
    LiveNotice,
    LivePicture,
    MapTrack,
    RehearsalNotice,
)

SITE = read_site(packaged("sites", "site-alpha"))


def settings(server, station="hill", **more):
    values = {"name": "region", "station": station, "servers": (server.url,), "timeout_s": 2.0} | more
    return channels.Settings(**values)


def a_channel(server, tmp_path, **more):
    replies = []
    channel = channels.NatsChannel(settings(server, **more), tmp_path, replies.append)
    channel.introduce(SITE, 2.0)
    return channel, replies


def a_track(track_id=7, p_round=0.9):
    return MapTrack(track_id, T0_NS, "confirmed", "rocket", p_round, 33.30, 44.38, math.nan, (1.0, 2.0, 3.0))


@pytest.fixture
def server(tmp_path):
    with NatsServer(tmp_path) as server:
        yield server


@needs_nats_server
def test_what_is_sent_is_kept_once_and_survives_the_server(server, tmp_path):
    channel, _ = a_channel(server, tmp_path)
    channel.open()
    told = incident()
    channel.send_all(told)
    channel.send_all(told)  # as after an answer that was lost
    server.kill()
    with pytest.raises(ChannelError):
        channel.send(told[0])
    server.start()
    channel.open()
    channel.send(told[-1])  # as by a station that was restarted
    channel.beat(DrillHeartbeat(station="Hill", t_sent_ns=1, t_picture_ns=0, zones=(), sensors=()))
    channel.beat(DrillHeartbeat(station="Hill", t_sent_ns=2, t_picture_ns=0, zones=(), sensors=()))
    channel.close()
    notices = kept(server, ".notice")
    assert [each for _, each in notices] == [("hill", each) for each in told]
    assert notices[0][0][words.ID_HEADER] == f"hill/run-1/{told[0].t_sent_ns}"
    assert [said.t_sent_ns for _, (_, said) in kept(server, ".heartbeat")] == [2]
    ((_, (_, card)),) = kept(server, ".card")
    assert (card.site.zone, card.site.sensor, card.heartbeat_s) == (SITE.zone, SITE.sensor, 2.0)


@needs_nats_server
def test_two_stations_with_runs_of_one_name_lose_nothing_to_each_other(server, tmp_path):
    for station in ("hill", "valley"):
        channel, _ = a_channel(server, tmp_path, station=station)
        channel.open()
        channel.send(notice())
        channel.close()
    assert [station for _, (station, _) in kept(server, ".notice")] == ["hill", "valley"]


@needs_nats_server
def test_a_courier_carries_all_over_a_server_that_is_killed(server, tmp_path):
    audit = AuditLog(tmp_path)
    desk = Desk(tmp_path, audit, time.time_ns, site=SITE)
    (courier,) = drill_couriers((settings(server),), REHEARSAL, desk)
    courier.start()
    t_ns = time.time_ns()
    told = [notice(n=n, t_sent_ns=t_ns, t_expires_ns=t_ns + 60 * 10**9) for n in range(1, 41)]
    for i, each in enumerate(told):
        if i == 20:
            server.kill()
        courier.offer(each)
    server.start()
    courier.ask_to_leave(10.0)
    courier.wait_until_left()
    audit.close()
    tally = courier.tally()
    assert (tally.n_sent, tally.n_waiting, tally.n_expired) == (40, 0, 0)
    found = [said.n for _, (_, said) in kept(server, ".notice")]
    assert sorted(found) == list(range(1, 41))  # each once


@needs_nats_server
def test_a_picture_that_the_server_takes_no_more_of_is_cut_and_told(tmp_path):
    with NatsServer(tmp_path, "max_payload: 20000\n") as server:
        channel, replies = a_channel(server, tmp_path)
        channel.open()
        tracks = tuple(a_track(i, i / 1000) for i in range(1000))
        for _ in range(2):
            channel.show(DrillPicture(station="Hill", t_ns=T0_NS, tracks=tracks, areas=(area(),)))
        channel.send(notice(areas=tuple(area(i) for i in range(60))))  # 90 kB with outlines
        channel.close()
        (reply,) = replies
        assert (reply.kind, reply.why) == (
            "refused",
            "the server takes 20,000 bytes (max_payload): 875 tracks are left out",
        )
        ((_, (_, said)),) = kept(server, ".notice")
        assert len(said.areas) == 60
        assert said.areas[3].ring_deg == ()


@needs_nats_server
def test_a_stream_that_would_forget_is_refused(server, tmp_path):
    async def set_up():
        client = await nats.connect(server.url)
        wanted = words.keeping("drill")[0]
        config = StreamConfig(name=wanted.stream, subjects=list(wanted.subjects), storage=StorageType.MEMORY)
        await JetStreamContext(client).add_stream(config)
        await client.close()

    asyncio.run(set_up())
    channel, _ = a_channel(server, tmp_path)
    with pytest.raises(ChannelError, match="kept in memory"):
        channel.open()
    channel.close()


@needs_nats_server
def test_a_server_that_is_not_there_or_keeps_nothing_is_named(tmp_path):
    server = NatsServer(tmp_path)
    channel, _ = a_channel(server, tmp_path)
    with pytest.raises(ChannelError, match=rf"{server.port}: .*refused|Connect call failed"):
        channel.open()
    channel.close()
    text = (tmp_path / "nats.conf").read_text()
    (tmp_path / "nats.conf").write_text("\n".join(each for each in text.splitlines() if "jetstream" not in each))
    with server:
        with pytest.raises(ChannelError, match=r"JetStream|no responders"):
            channel.open()
        channel.close()


@needs_nats_server
def test_tls_with_certificates_of_both_sides(tmp_path):
    with guarded(tmp_path) as server:
        files = {"ca_file": "ca.pem", "cert_file": "hill.pem", "key_file": "hill.key"}
        files = {key: str(tmp_path / name) for key, name in files.items()}
        channel, _ = a_channel(server, tmp_path, audience="live", **files)
        channel.open()
        channel.send(notice(LiveNotice))
        channel.close()
        Authority(tmp_path, "other").issue("hill", "forged")
        forged = files | {"cert_file": str(tmp_path / "forged.pem"), "key_file": str(tmp_path / "forged.key")}
        for bad in (forged, files | {"ca_file": str(tmp_path / "other.pem")}):
            channel, _ = a_channel(server, tmp_path, audience="live", **bad)
            with pytest.raises(ChannelError, match=r"certificate|TLS|[Cc]onnection|eof"):
                channel.open()
            channel.close()
        channel, _ = a_channel(server, tmp_path, station="valley", audience="live", **files)
        with pytest.raises(ChannelError):  # its certificate is another's
            channel.open()
        channel.close()


@needs_nats_server
def test_credentials_of_nats(tmp_path):
    server, file = by_credentials(tmp_path)
    with server:
        channel, _ = a_channel(server, tmp_path, creds_file=str(file))
        channel.open()
        channel.send(notice())
        channel.close()
        channel, _ = a_channel(server, tmp_path)
        with pytest.raises(ChannelError, match=r"[Aa]uthorization"):
            channel.open()
        channel.close()


@needs_nats_server
def test_a_server_without_the_tls_that_was_asked_for_hears_nothing(server, tmp_path):
    Authority(tmp_path)
    channel, _ = a_channel(server, tmp_path, ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(ChannelError, match="offers no TLS"):
        channel.open()
    channel.close()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"servers": ("nats://10.0.0.1:4222",)}, "ca_file is missing"),
        ({"ca_file": "/nowhere.pem"}, "is no file"),
        ({"creds_file": "/nowhere.creds"}, "is no file"),
        ({"ca_file": __file__, "cert_file": __file__}, "belong together"),
        ({"ca_file": __file__}, "holds no certificate"),
    ],
)
def test_settings_that_cannot_be_are_named(tmp_path, wrong, why):
    said = msgspec.structs.replace(channels.Settings(name="region", station="hill"), **wrong)
    with pytest.raises(SettingsError) as caught:
        channels.NatsChannel(said, tmp_path, print)
    assert why in str(caught.value).replace(": ", " ")


@pytest.mark.parametrize("kind", [ExerciseNotice, RehearsalNotice, LiveNotice])
def test_nothing_of_a_drill_passes_for_live(kind):
    said = notice(kind)
    mark = "live" if kind is LiveNotice else "drill"
    payload = words.written(said, 10**6)
    assert words.decode(f"casemate.{mark}.hill.notice", payload) == ("hill", said)
    other = "drill" if mark == "live" else "live"
    with pytest.raises(ValueError, match=f"came on casemate.{other}.hill.notice"):
        words.decode(f"casemate.{other}.hill.notice", payload)


@pytest.mark.parametrize("name", ["casemate.live.hill", "other.live.hill.notice", "casemate.live.hill.aim"])
def test_other_subjects_and_nonsense_are_refused(name):
    with pytest.raises(ValueError, match="no subject of ours"):
        words.decode(name, b"{}")
    with pytest.raises(ValueError, match=r"JSON|UTF|malformed"):
        words.decode("casemate.live.hill.notice", b"\xff{")


def test_pictures_and_heartbeats_come_back_as_they_were():
    for kind, beat, mark in ((LivePicture, LiveHeartbeat, "live"), (DrillPicture, DrillHeartbeat, "drill")):
        picture = kind(station="Hill", t_ns=T0_NS, tracks=(a_track(),), areas=(area(ring_deg=(), p_zone=math.nan),))
        payload, n_cut = words.packed(picture, 10**6)
        _, back = words.decode(f"casemate.{mark}.hill.picture", payload)
        assert (type(back), repr(back), n_cut) == (kind, repr(picture), 0)
        heartbeat = beat(station="Hill", t_sent_ns=1, t_picture_ns=0, zones=(), sensors=(("radar", "ok"),))
        assert words.decode(f"casemate.{mark}.hill.heartbeat", words.encode(heartbeat)) == ("hill", heartbeat)
