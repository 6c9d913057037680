"""SAPIENT alerts against what we did not write: another validator, and a fusion node on another implementation."""

import json
import socket
import subprocess
import sys
import threading
import time

import cot_cases as cases
import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from notice_cases import any_notice
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage

from casemate.constants import NS_PER_S
from casemate.errors import ChannelError
from casemate.io.channels import sapient_messages as messages
from casemate.io.channels.opening import make_channel
from casemate.io.channels.sapient_settings import Settings
from casemate.io.feeds.sapient import wire
from casemate.io.feeds.sapient.node import Node
from casemate.model.messages import WarningPhase

NODE = "6f1f2d0e-8a57-4b46-9b34-0c0c7a5d9b11"
THEIRS = "11111111-1111-4111-8111-111111111111"
T0_NS = 1_790_000_000 * NS_PER_S


def a_channel(port, on_reply=pytest.fail, audience="drill", **more):
    declared = Settings(name="net", audience=audience, host="127.0.0.1", port=port, node_id=NODE, **more)
    return make_channel(declared, None, on_reply)


def said_of(kind):
    incident, picture = cases.an_incident(kind, t_ns=T0_NS), cases.a_picture(kind, t_ns=T0_NS)
    area, track = incident[0].areas[0], picture.tracks[0]
    alerts = [messages.alert(NODE, each, picture.tracks, each.t_sent_ns) for each in incident]
    found = messages.detection(NODE, incident[0], area, track)
    return [messages.registration(Node(NODE, "Alpha"), T0_NS), found, *alerts]


@pytest.mark.parametrize("kind", cases.KINDS)
def test_what_we_say_passes_another_validator(kind):
    models = pytest.importorskip("sapient_msg_pydantic.bsi_flex_335_v2_0.sapient_message", reason="sapient-pydantic")
    for message in said_of(kind):
        wire.check(message)
        again = models.SapientMessage.from_pb2(SapientMessage.FromString(message.SerializeToString()))
        assert again.to_pb2() == message


@given(any_notice)
@settings(max_examples=100, deadline=None)
def test_whatever_a_notice_holds_its_alert_is_of_the_standard(notice):
    wire.check(messages.alert(NODE, notice, (), T0_NS))


@pytest.mark.parametrize("kind", cases.KINDS)
def test_an_incident_is_one_alert(kind):
    alerts = [each.alert for each in said_of(kind)[2:]]
    assert len({each.alert_id for each in alerts}) == 1
    assert [each.status for each in alerts] == [1, 1, 1, 1, 5]  # ACTIVE, then CLEAR
    assert {each.alert_type for each in alerts} == {3}  # CRITICAL
    assert all(each.description.startswith("EXERCISE ") == (kind != "live") for each in alerts)
    assert not alerts[-1].HasField("location")
    linked = alerts[0].associated_detection[0].object_id
    assert linked == said_of(kind)[1].detection_report.object_id
    ring = json.loads(alerts[0].additional_information)["areas_lat_lon_deg"][0]
    assert cases.area_m2(ring) == pytest.approx(cases.true_area_m2(), rel=0.01)
    one_sigma_m = alerts[0].location.y_error * 111_195.0
    assert one_sigma_m == pytest.approx(cases.COV_M2[1][1] ** 0.5, rel=0.01)


FUSION = """
import json, socket, sys, time
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage
from sapient_py import read_frame, write_frame
from google.protobuf import json_format
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sock, _ = server.accept()
stream = sock.makefile("rwb")
def send(content, to):
    message = json_format.ParseDict(content, SapientMessage())
    message.timestamp.FromNanoseconds(time.time_ns())
    message.node_id, message.destination_id = "11111111-1111-4111-8111-111111111111", to
    write_frame(stream, message)
    stream.flush()
while True:
    try:
        message = read_frame(stream, SapientMessage)
    except Exception:
        break
    if message is None:
        break
    print(json.dumps(json_format.MessageToDict(message)), flush=True)
    kind = message.WhichOneof("content")
    if kind == "registration":
        send({"registrationAck": {"acceptance": True}}, message.node_id)
    elif kind == "alert":
        answer = {"alertId": message.alert.alert_id, "alertAckStatus": "ALERT_ACK_STATUS_ACCEPTED"}
        send({"alertAck": answer}, message.node_id)
        send({"alertAck": answer}, message.node_id)  # again: a replay
        send({"alertAck": {**answer, "alertId": "01GGYFBAV4EEPB1398MKQ47E6E"}}, message.node_id)  # to nothing
"""


def test_a_fusion_node_of_another_make_hears_alerts_and_acknowledges_once(sapient_py):
    replies = []
    with subprocess.Popen(
        [sys.executable, "-c", FUSION],
        env={"PYTHONPATH": str(sapient_py), "PATH": ""},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        channel = a_channel(int(process.stdout.readline()), replies.append)
        channel.open()
        channel.show(cases.a_picture("exercise"))
        incident = cases.an_incident("exercise")
        for n, notice in enumerate(incident, 1):
            channel.send(notice)
            end_s = time.monotonic() + 5.0
            while len(replies) < 3 * n and time.monotonic() < end_s:
                channel.show(cases.a_picture("exercise"))
        time.sleep(0.1)
        channel.show(cases.a_picture("exercise"))
        channel.beat(cases.a_heartbeat("exercise"))
        channel.close()
        heard = [json.loads(line) for line in process.stdout]
    counted = [each for each in replies if each.kind == "acknowledged"]
    refused = [each for each in replies if each.kind == "refused"]
    assert [each.notice_id for each in counted] == [each.notice_id for each in incident]
    assert {(each.channel, each.who, each.why) for each in counted} == {("net", THEIRS, "")}
    assert len(refused) == 2 * len(incident)  # the replay, and the one to nothing
    assert {(each.notice_id, each.who) for each in refused} == {("", THEIRS)}
    assert all(each.why.startswith("forged or replayed") for each in refused)
    kinds = [next(key for key in each if key not in {"timestamp", "nodeId", "destinationId"}) for each in heard]
    assert kinds[:4] == ["registration", "statusReport", "detectionReport", "alert"]
    alerts = [each["alert"] for each in heard if "alert" in each]
    assert [each["status"] for each in alerts] == 4 * ["ALERT_STATUS_ACTIVE"] + ["ALERT_STATUS_CLEAR"]
    found = next(each["detectionReport"] for each in heard if "detectionReport" in each)
    assert found["objectId"] == alerts[0]["associatedDetection"][0]["objectId"]
    assert heard[-1]["statusReport"]["system"] == "SYSTEM_GOODBYE"


class fusion:  # noqa: N801 reads as a word
    """A node of ours that answers as a test wants."""

    def __init__(self, *answers):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port, self._answers, self.heard, self._held = self._server.getsockname()[1], answers, [], []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._held.append(client)
            framing = wire.Framing()
            for each in self._answers:
                client.sendall(each)
            try:
                while data := client.recv(65536):
                    self.heard += [wire.read(payload) for payload in framing.take(data)]
            except OSError:
                pass

    def drop(self):
        """Hang up on whoever is there."""
        for each in self._held:
            each.shutdown(socket.SHUT_RDWR)

    def until(self, is_there):
        end_s = time.monotonic() + 5.0
        while not is_there(self.heard) and time.monotonic() < end_s:
            time.sleep(0.01)
        return [wire.kind_of(each) for each in self.heard]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in (self._server, *self._held):
            each.close()


def framed(**content):
    message = json_format.ParseDict(content, wire.stamped(T0_NS, THEIRS, NODE))
    return wire.frame(message)


ACCEPTED = framed(registrationAck={"acceptance": True})


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ((), r"no answer to our registration within 0\.3 s"),
        (
            (framed(registrationAck={"acceptance": False, "ackResponseReason": ["who are you"]}),),
            "refused: who are you",
        ),
        ((b"\xff\xff\xff\x7f",), "longer than 1048576 bytes"),
    ],
)
def test_who_does_not_take_us_is_given_up_in_time(answers, why):
    with fusion(*answers) as node:
        start_s = time.monotonic()
        channel = a_channel(node.port, timeout_s=0.3)
        with pytest.raises(ChannelError, match=why):
            channel.open()
        assert time.monotonic() - start_s < 1.0
        channel.close()


def test_after_a_lost_connection_the_alert_that_holds_is_told_again():
    with fusion(ACCEPTED) as node:
        channel = a_channel(node.port)
        channel.open()
        notice = cases.a_notice("exercise")
        channel.send(notice)
        assert node.until(lambda heard: len(heard) == 3) == ["registration", "status_report", "alert"]
        node.drop()
        time.sleep(0.1)
        with pytest.raises(ChannelError, match=r"closed by the other side|reset"):
            channel.beat(cases.a_heartbeat("exercise"))
        channel.open()
        assert node.until(lambda heard: len(heard) == 6)[3:] == ["registration", "status_report", "alert"]
        assert node.heard[5].alert.alert_id == node.heard[2].alert.alert_id
        channel.send(cases.a_notice("exercise", WarningPhase.CLEAR, 2))
        channel.close()


def test_an_acknowledgement_counts_on_the_connection_that_its_alert_went_out_by():
    notice, *_, over = cases.an_incident("exercise")
    said = {"alertId": messages.alert_id(notice), "alertAckStatus": "ALERT_ACK_STATUS_ACCEPTED"}
    replies = []
    with fusion(ACCEPTED, framed(alertAck=said)) as node:
        channel = a_channel(node.port, replies.append)
        channel.open()  # acknowledged before it was ever sent
        time.sleep(0.1)
        channel.send(notice)
        assert [each.kind for each in replies] == ["refused"]
        channel.send(over)  # ended, and nobody acknowledged it here
        node.drop()
        time.sleep(0.1)
        with pytest.raises(ChannelError, match=r"closed by the other side|reset"):
            channel.beat(cases.a_heartbeat("exercise"))
        channel.open()  # on another connection it is acknowledged
        time.sleep(0.1)
        channel.beat(cases.a_heartbeat("exercise"))
        channel.close()
    assert [(each.kind, each.notice_id) for each in replies] == [("refused", ""), ("refused", "")]


def test_tasks_are_refused_and_garbage_is_answered():
    task = framed(
        task={"taskId": "01GGYFBAV4EEPB1398MKQ47E6E", "control": "CONTROL_START", "command": {"request": "Reset"}}
    )
    garbage = b"\x03\x00\x00\x00\xff\xff\xff"
    with fusion(ACCEPTED, task, garbage) as node:
        channel = a_channel(node.port)
        channel.open()
        time.sleep(0.1)
        channel.beat(cases.a_heartbeat("exercise"))
        kinds = node.until(lambda heard: any(wire.kind_of(each) == "error" for each in heard))
        assert {"task_ack", "error"} <= set(kinds)
        acks = [each.task_ack for each in node.heard if wire.kind_of(each) == "task_ack"]
        assert [each.task_status for each in acks] == [2]  # REJECTED
        channel.close()
