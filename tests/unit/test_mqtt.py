"""Sirens by MQTT 5, against a real mosquitto: what they hear, what they do not, and whose acknowledgement counts."""

import json
import secrets
import signal
import socket
import subprocess
import sys
import time

import msgspec
import pytest
from brokers import Authority, Broker, free_port, guarded, needs_mosquitto
from hypothesis import given
from hypothesis import strategies as st
from siren import Siren

from casemate.constants import NS_PER_S
from casemate.errors import ChannelError, SettingsError
from casemate.io.channels import mqtt, mqtt_words
from casemate.io.channels.mqtt_acks import Book, code_of
from casemate.io.channels.refusals import REFUSALS_PER_S
from casemate.model.messages import WarningPhase
from casemate.model.notices import (
    DrillHeartbeat,
    ExerciseNotice,
    LiveHeartbeat,
    LiveNotice,
    Reference,
    RehearsalNotice,
    ZoneState,
)

T0_NS = 1_790_000_000_000_000_000
KEYS = {"north": secrets.token_hex(32), "south": secrets.token_hex(32)}


def a_notice(kind=LiveNotice, n=1, phase=WarningPhase.WARN, zone="Alpha North", life_s=60.0, **changed):
    values = {
        "station": "Camp",
        "notice_id": f"run-{zone}-{n}",
        "incident": f"run-{zone}-1",
        "n": n,
        "phase": phase,
        "zone": zone,
        "zone_list": "0123456789abcdef",
        "ring_deg": ((33.30, 44.38), (33.31, 44.38), (33.31, 44.40)),
        "areas": (),
        "t_sent_ns": T0_NS + n * NS_PER_S,
        "t_impact_ns": T0_NS + 30 * NS_PER_S,
        "t_expires_ns": T0_NS + n * NS_PER_S + round(life_s * NS_PER_S),
        "shelter_s": 10.0,
        "p_impact": 0.81234,
        "is_useful": True,
        "reason": "track 7",
        "references": tuple(Reference(f"run-{zone}-{i}", T0_NS + i * NS_PER_S) for i in range(1, n)),
    }
    return kind(**(values | changed))


def a_heartbeat(kind=LiveHeartbeat):
    zones = (
        ZoneState("Alpha North", WarningPhase.WARN, is_watched=True, why=""),
        ZoneState("Alpha South", None, is_watched=False, why="radar-1 is lost"),
        ZoneState("Alpha East", WarningPhase.CLEAR, is_watched=True, why=""),
    )
    t_ns = T0_NS + 2_500_000_000
    return kind(station="Camp", t_sent_ns=t_ns, t_picture_ns=T0_NS, zones=zones, sensors=(("radar-1", "lost"),))


class Station:
    """A channel, and what it heard back."""

    def __init__(self, folder, port, audience="live", **more):
        (folder / "sirens.toml").write_text("[sirens]\n" + "".join(f'{k} = "{v}"\n' for k, v in KEYS.items()))
        more = {"siren_keys_file": str(folder / "sirens.toml"), "timeout_s": 2.0} | more
        self.replies = []
        self.settings = mqtt.Settings(name="sirens", audience=audience, site="camp", port=port, **more)
        self.channel = mqtt.MqttChannel(self.settings, folder, self.replies.append)

    def __enter__(self):
        self.channel.open()
        return self

    def __exit__(self, *_):
        self.channel.close()

    def wait(self, n, most_s=5.0):
        end = time.monotonic() + most_s
        while len(self.replies) < n:
            assert time.monotonic() < end, self.replies
            time.sleep(0.01)
        return [(each.kind, each.who, each.notice_id, each.why) for each in self.replies]


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path) as broker:
        yield broker


@needs_mosquitto
def test_a_siren_hears_its_zone_and_is_heard(broker, tmp_path):
    notice = a_notice()
    with Station(tmp_path, broker.port) as station, Siren(broker.port, key=KEYS["north"]) as siren:
        station.channel.send(notice)
        station.channel.show(None)
        (payload,) = siren.wait(1)
        assert station.wait(1) == [("acknowledged", "north", notice.notice_id, "")]
        topic, _, properties, is_retained = siren.heard[0]
        assert (topic, is_retained) == ("casemate/camp/zone/Alpha_North/alarm", False)
        assert {key: value for key, value in properties.items() if key not in {"t_ns", "expiry_s"}} == {
            "kind": "live",
            "incident": notice.incident,
            "n": "1",
            "phase": "warn",
        }
        assert 58 <= properties["expiry_s"] <= 60
        assert msgspec.convert(payload, mqtt_words.Alarm).nonce == payload["nonce"]
        shown = {key: payload[key] for key in ("v", "kind", "zone", "phase", "is_cover", "t_impact_ms", "p_impact")}
        assert shown == {
            "v": 1,
            "kind": "live",
            "zone": "Alpha North",
            "phase": "warn",
            "is_cover": True,
            "t_impact_ms": 1_790_000_030_000,
            "p_impact": 0.812,
        }
        assert siren.sounds
        station.channel.send(a_notice(n=2, phase=WarningPhase.CLEAR))
        siren.wait(2)
        assert not siren.sounds
        assert station.wait(2)[1][:2] == ("acknowledged", "north")


@needs_mosquitto
def test_a_notice_sent_twice_is_known_to_be_the_same(broker, tmp_path):
    with Station(tmp_path, broker.port) as station, Siren(broker.port) as siren:
        station.channel.send(a_notice())
        station.channel.send(a_notice())
        first, again = siren.wait(2)
        assert first == again


@needs_mosquitto
@pytest.mark.parametrize("kind", [ExerciseNotice, RehearsalNotice])
def test_no_siren_of_the_live_tree_hears_a_drill(broker, tmp_path, kind):
    with (
        Station(tmp_path, broker.port, audience="drill") as station,
        Siren(broker.port, topics="casemate/#") as live,
        Siren(broker.port, "south", "drill/camp/zone/+/alarm", KEYS["south"]) as drill,
    ):
        station.channel.send(a_notice(kind))
        station.channel.beat(a_heartbeat(DrillHeartbeat))
        (payload,) = drill.wait(1)
        assert payload["kind"] == drill.heard[0][2]["kind"] == {ExerciseNotice: "exercise"}.get(kind, "rehearsal")
        assert station.wait(1)[0][0] == "acknowledged"
        assert live.heard == []


@needs_mosquitto
def test_the_heartbeat_says_how_old_the_picture_is_and_what_nobody_watches(broker, tmp_path):
    with Station(tmp_path, broker.port) as station, Siren(broker.port, topics="casemate/camp/heartbeat") as siren:
        station.channel.beat(a_heartbeat())
        (pulse,) = siren.wait(1)
        assert pulse == {
            "v": 1,
            "kind": "live",
            "t_sent_ms": 1_790_000_002_500,
            "picture_age_s": 2.5,
            "unwatched": [{"zone": "Alpha South", "why": "radar-1 is lost"}],
            "alarmed": ["Alpha North"],
            "sensors": {"radar-1": "lost"},
        }


@needs_mosquitto
def test_what_stands_on_a_topic_is_the_last_word_and_goes_when_it_expires(broker, tmp_path):
    with Station(tmp_path, broker.port) as station:
        station.channel.send(a_notice(life_s=2.0))
        station.channel.send(a_notice(zone="B/+#%_ ü", life_s=60.0))
        station.channel.send(a_notice(zone="B/+#%_ ü", n=2, phase=WarningPhase.CLEAR))
        with Siren(broker.port) as late:
            late.wait(2)
            stands = {topic: payload["phase"] for topic, payload, _, is_retained in late.heard if is_retained}
        assert stands == {
            "casemate/camp/zone/Alpha_North/alarm": "warn",
            "casemate/camp/zone/B%2F%2B%23%25%5F_ü/alarm": "all-clear",
        }
        time.sleep(3.1)  # the broker counts whole seconds
        with Siren(broker.port) as later:
            assert [payload["phase"] for payload in later.wait(1)] == ["all-clear"]
            time.sleep(0.2)
            assert len(later.heard) == 1


@needs_mosquitto
def test_a_station_that_is_killed_is_told_as_lost_and_one_that_leaves_as_offline(broker, tmp_path, root):
    script = (
        f"import sys, time, pathlib\nsys.path[:0] = [{str(root / 'tests/unit')!r}, {str(root / 'tests/bench')!r}]\n"
        f"from test_mqtt import Station\nStation(pathlib.Path({str(tmp_path)!r}), {broker.port}).channel.open()\n"
        "print('open', flush=True)\ntime.sleep(60)\n"
    )
    with Siren(broker.port, topics="casemate/camp/status") as siren:
        with Station(tmp_path, broker.port):
            siren.wait(1)
        siren.wait(2)
        killed = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert killed.stdout.readline() == b"open\n"
        killed.kill()
        killed.communicate()
        said = [each["status"] for each in siren.wait(4)]
        assert said == ["online", "offline", "online", "lost"]


@needs_mosquitto
def test_forged_replayed_and_late_acknowledgements_are_refused_by_reason(broker, tmp_path):
    with Station(tmp_path, broker.port) as station, Siren(broker.port) as north, Siren(broker.port, "south") as south:
        station.channel.send(a_notice())
        station.channel.send(a_notice(n=2, phase=WarningPhase.UPDATE, life_s=0.0))
        first, second = north.wait(2)
        north.acknowledge(first, KEYS["south"])
        north.acknowledge(first, KEYS["north"], mac="é" * 64)
        north.acknowledge(first, KEYS["north"], notice_id="of another run")
        north.acknowledge(first, KEYS["north"], nonce=second["nonce"])
        good = north.acknowledge(first, KEYS["north"])
        north.say("casemate/camp/ack/north", json.dumps(good))
        south.say("casemate/camp/ack/south", json.dumps(good))
        south.say("casemate/camp/ack/nobody", json.dumps(good))
        north.acknowledge(second, KEYS["north"])
    assert [(each[0], each[1], each[3].partition(":")[0]) for each in station.wait(9)] == [
        ("refused", "north", "forged"),
        ("refused", "north", "forged"),
        ("refused", "north", "answers no notice that was sent"),
        ("refused", "north", "replayed"),
        ("acknowledged", "north", ""),
        ("refused", "north", "replayed"),
        ("refused", "south", "forged"),
        ("refused", "nobody", "no siren of that name has a key here"),
        ("refused", "north", "late"),
    ]


FLOODED = ("acknowledged", "more before it")


@needs_mosquitto
def test_a_flood_of_nonsense_fills_no_log_and_holds_nothing_up(broker, tmp_path):
    with Station(tmp_path, broker.port) as station, Siren(broker.port) as siren:
        for i in range(2000):
            siren.client.publish("casemate/camp/ack/north", secrets.token_bytes(i), qos=0)
        station.channel.send(a_notice())
        (payload,) = siren.wait(1)
        time.sleep(1.1)
        siren.acknowledge(payload, KEYS["north"])
        siren.say("casemate/camp/ack/north", "{}")
        end = time.monotonic() + 10.0
        while not all(any(word in (each.kind, each.why[-14:]) for each in station.replies) for word in FLOODED):
            assert time.monotonic() < end
            time.sleep(0.01)
        assert sum(each.kind == "acknowledged" for each in station.replies) == 1
        assert len(station.replies) <= 10 * (REFUSALS_PER_S + 1)


@needs_mosquitto
def test_a_broker_that_restarts_gets_what_is_in_force_again(broker, tmp_path):
    with Station(tmp_path, broker.port) as station:
        station.channel.send(a_notice())
        station.channel.send(a_notice(zone="B", life_s=0.5))
        station.channel.send(a_notice(zone="C"))
        station.channel.send(a_notice(zone="C", n=2, phase=WarningPhase.CLEAR))
        broker.kill()
        time.sleep(0.6)
        with pytest.raises(ChannelError, match=r"sirens: 127\.0\.0\.1"):
            station.channel.send(a_notice(n=2, phase=WarningPhase.UPDATE))
        with pytest.raises(ChannelError, match="Connection refused"):
            station.channel.send(a_notice(n=2, phase=WarningPhase.UPDATE))
        broker.start()
        with Siren(broker.port, key=KEYS["north"]) as siren:
            station.channel.send(a_notice(n=2, phase=WarningPhase.UPDATE))
            siren.wait(3)
            heard = [(payload["zone"], payload["n"]) for payload in siren.wait(3)]
            assert heard.count(("Alpha North", 2)) >= 1
            assert set(heard) == {("Alpha North", 1), ("Alpha North", 2), ("C", 2)}
            assert all(kind == "acknowledged" for kind, *_ in station.wait(2))


@needs_mosquitto
def test_many_notices_are_under_way_at_once_within_what_the_broker_allows(tmp_path):
    with (
        Broker(tmp_path, window=7) as broker,
        Station(tmp_path, broker.port) as station,
        Siren(broker.port) as siren,
    ):
        notices = tuple(a_notice(zone=f"zone {i}") for i in range(300))
        station.channel.send_all(notices)
        assert [payload["zone"] for payload in siren.wait(300)] == [each.zone for each in notices]


@needs_mosquitto
def test_certificates_and_the_acl_decide_who_says_what(tmp_path):
    more = {key: str(tmp_path / f"{name}") for key, name in TLS_FILES.items()}
    with guarded(tmp_path) as broker, Station(tmp_path, broker.port, **more) as station:
        with (
            Siren(broker.port, key=KEYS["north"], certificates=tmp_path) as north,
            Siren(broker.port, "south", certificates=tmp_path) as south,
        ):
            south.say("casemate/camp/zone/Alpha_North/alarm", '{"is_cover": true}', retain=True)
            station.channel.send(a_notice())
            assert [payload["zone"] for payload in north.wait(1)] == ["Alpha North"]
            south.say("casemate/camp/ack/north", json.dumps({"notice_id": "run-Alpha North-1"}))
            assert station.wait(1) == [("acknowledged", "north", "run-Alpha North-1", "")]
            assert len(north.heard) == 1
        with pytest.raises(ChannelError, match=r"the broker refuses .*Not authorized"):
            Station(tmp_path, broker.port, client_id="x", **_as("south", tmp_path)).channel.open()


TLS_FILES = {"ca_file": "ca.pem", "cert_file": "station.pem", "key_file": "station.key"}


def _as(name, folder):
    return {
        "ca_file": str(folder / "ca.pem"),
        "cert_file": str(folder / f"{name}.pem"),
        "key_file": str(folder / f"{name}.key"),
    }


@needs_mosquitto
def test_a_certificate_of_another_authority_is_refused_by_name_on_either_side(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Authority(other, "elsewhere").issue("station")
    with guarded(tmp_path) as broker:
        ours = _as("station", tmp_path)
        wrong_broker = Station(tmp_path, broker.port, **ours | {"ca_file": str(other / "elsewhere.pem")})
        with pytest.raises(
            ChannelError, match="its certificate is refused: self-signed certificate in certificate chain"
        ):
            wrong_broker.channel.open()
        wrong_station = Station(tmp_path, broker.port, **_as("station", other) | {"ca_file": ours["ca_file"]})
        with pytest.raises(ChannelError, match="it refuses our certificate"):
            wrong_station.channel.open()
        Authority(tmp_path, "ca").issue("broker")  # an impostor: an authority that only calls itself the same
        wrong_ca = Station(tmp_path, broker.port, **ours)
        with pytest.raises(ChannelError, match="its certificate is refused: certificate signature failure"):
            wrong_ca.channel.open()


def test_a_broker_that_never_answers_and_one_that_is_none(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        station = Station(tmp_path, deaf.getsockname()[1], timeout_s=0.3)
        start = time.monotonic()
        with pytest.raises(ChannelError, match=r"no answer within 0.3 s"):
            station.channel.open()
        assert time.monotonic() - start < 2.0
        station.channel.close()
        station.channel.close()
    with pytest.raises(ChannelError, match="Connection refused"):
        Station(tmp_path, free_port()).channel.open()


@needs_mosquitto
def test_a_broker_that_stops_to_answer_is_given_up_in_time(broker, tmp_path):
    with Station(tmp_path, broker.port, timeout_s=0.5) as station:
        broker.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(ChannelError, match=r"no answer within 0.5 s"):
                station.channel.send(a_notice())
        finally:
            broker.send_signal(signal.SIGCONT)
        station.channel.send(a_notice())


@pytest.mark.parametrize(
    ("changed", "key", "why"),
    [
        ({"host": "broker.example"}, "ca_file", "only a broker on this machine is spoken to without TLS"),
        ({"ca_file": "ca.pem"}, "ca_file", "is no file"),
        ({"ca_file": __file__, "cert_file": __file__}, "key_file", "is missing"),
        ({"ca_file": __file__, "cert_file": __file__, "key_file": __file__}, "ca_file", "holds no certificate"),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path, changed, key, why):
    with pytest.raises(SettingsError) as caught:
        mqtt.MqttChannel(mqtt.Settings(name="sirens", site="camp", **changed), tmp_path, print)
    assert (caught.value.file, caught.value.key) == ("channel sirens", key)
    assert why in caught.value.why


def test_a_key_file_of_sirens_names_its_mistake(tmp_path):
    path = tmp_path / "sirens.toml"
    path.write_text('[sirens]\nnorth = "short"\n')
    with pytest.raises(SettingsError, match=r"sirens\.toml: sirens"):
        mqtt.MqttChannel(mqtt.Settings(name="s", site="camp", siren_keys_file=str(path)), tmp_path, print)


@given(st.text(max_size=80), st.text(max_size=80))
def test_two_zones_never_share_a_topic(one, other):
    level = mqtt_words.level_of(one)
    assert not set(level) & set("/+# \0")
    assert (level == mqtt_words.level_of(other)) == (one == other)


@given(st.binary(max_size=300))
def test_no_bytes_are_an_acknowledgement_by_chance(payload):
    book = Book(KEYS)
    book.enter("n", 10.0)
    assert book.judge("north", payload).why


def test_the_book_forgets_the_oldest_and_not_the_newest(monkeypatch):
    monkeypatch.setattr("casemate.io.channels.mqtt_acks.MAX_NOTICES", 3)
    book = Book(KEYS)
    nonces = {f"{i}": book.enter(f"{i}", 10.0)[0] for i in range(5)}

    def answered(notice_id):
        mac = code_of(bytes.fromhex(KEYS["north"]), notice_id, nonces[notice_id], "north")
        ack = {"notice_id": notice_id, "nonce": nonces[notice_id], "mac": mac}
        return book.judge("north", json.dumps(ack).encode()).why

    assert [answered(f"{i}") for i in range(5)] == ["answers no notice that was sent"] * 2 + [""] * 3
