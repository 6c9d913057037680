"""SAPIENT against what we did not write: sample messages, another validator, another implementation of the wire.

dstl's own middleware Apex is in no package index, so it cannot stand here. In its place: the sample messages of its
test harness through protobuf's own JSON reader; every message of ours through sapient-pydantic, whose rules are not
ours; a sender in another process on sapient-py, bindings by another hand with another version of protobuf.
"""

import pathlib
import subprocess
import sys
import threading
import time

import pytest
import sapient_cases as cases
from google.protobuf import json_format
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage

from casemate.io.feeds.clock import StationClock
from casemate.io.feeds.sapient import wire
from casemate.io.feeds.sapient.feed import SapientFeed
from casemate.io.feeds.sapient.node import Node, node_id_of
from casemate.model.catalog import RadarSite, SiteFile
from casemate.model.messages import Aside, Scan

OURS = Node(node_id_of("Alpha"), "Alpha")
HARNESS_NODE = "a8654cdf-4328-47de-81fa-c495589e30c9"


@pytest.fixture(scope="module")
def samples(shared):
    folder = shared / "interop" / "sapient" / "harness_samples"
    if not folder.is_dir():
        pytest.skip("shared/interop/sapient/harness_samples is not there")
    return {path: path.read_text(encoding="utf-8-sig") for path in sorted(folder.rglob("*.json"))}


def test_every_sample_of_the_harness_is_of_the_standard(samples):
    assert len(samples) == 43
    for path, text in samples.items():
        message = json_format.Parse(text, SapientMessage())
        assert wire.read(message.SerializeToString()) == message, path


def test_the_harness_registers_reports_and_is_answered(samples):
    """The detection of the harness lies at 51 m east in UTM, which is nowhere: it is refused, and says so."""
    site = cases.a_site()
    harness = RadarSite(
        name="harness",
        lat_deg=51.17,
        lon_deg=-1.82,
        height_m=80.0,
        scan_period_s=1.0,
        sigma_range_m=15.0,
        sigma_azimuth_deg=0.2,
        sapient_node=HARNESS_NODE,
    )
    feed = SapientFeed("sapient://127.0.0.1:0", SiteFile(site=site.site, sensor=(harness,)), StationClock())
    told = [t for path, t in samples.items() if path.parent.name.startswith("SapientAsm")]
    messages = [json_format.Parse(text, SapientMessage()) for text in told]
    order = {"registration": 0, "status_report": 1}
    messages.sort(key=lambda each: order.get(wire.kind_of(each), 2))
    with running(feed) as delivered:
        answers = dialogue(feed.port, messages)
    kinds = [wire.kind_of(each) for each in answers]
    assert kinds[0] == "registration_ack"
    assert answers[0].registration_ack.acceptance
    assert kinds.count("alert_ack") == 1
    assert kinds.count("error") == len(messages) - 2  # the status' place, the detection's, and 15 answers to no task
    reasons = {each.reason for each in feed.tally.refused()}
    assert reasons == {
        "place: UTM coordinates that cannot be",
        "task_ack: an answer to nothing that was sent",
    }
    assert delivered == []


class running:  # noqa: N801 reads as a word
    """A feed in its thread."""

    def __init__(self, feed):
        self.feed, self.delivered, self.stop = feed, [], threading.Event()
        self.thread = threading.Thread(target=feed.run, args=(self.delivered.append, self.stop.is_set))

    def __enter__(self):
        self.thread.start()
        return self.delivered

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(5.0)
        assert not self.thread.is_alive()


def dialogue(port, messages):
    """Send messages over TCP, hear until it has been quiet for half a second."""
    import socket

    answers, framing = [], wire.Framing()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"".join(wire.frame(each) for each in messages))
        sock.settimeout(0.5)
        try:
            while data := sock.recv(65536):
                answers += [wire.read(each) for each in framing.take(data)]
        except TimeoutError:
            pass
    return answers


def ours():
    t_ns = cases.T0_NS
    return [
        OURS.registration(t_ns),
        OURS.status(t_ns),
        OURS.status(t_ns),
        OURS.status(t_ns, is_leaving=True),
        OURS.registration_ack(t_ns, cases.NODE, ""),
        OURS.registration_ack(t_ns, cases.NODE, "no sensor of the site"),
        OURS.alert_ack(t_ns, cases.NODE, wire.new_ulid(t_ns)),
        OURS.task_ack(t_ns, cases.NODE, wire.new_ulid(t_ns), ()),
        OURS.task_ack(t_ns, cases.NODE, wire.new_ulid(t_ns), ("Task not supported",)),
        OURS.error(t_ns, "", b"abc", "message: not a protobuf message"),
    ]


@pytest.mark.parametrize("message", ours(), ids=wire.kind_of)
def test_what_we_say_passes_another_validator(message):
    models = pytest.importorskip("sapient_msg_pydantic.bsi_flex_335_v2_0.sapient_message", reason="sapient-pydantic")
    again = models.SapientMessage.from_pb2(SapientMessage.FromString(message.SerializeToString()))
    assert again.to_pb2() == message


@pytest.mark.parametrize("message", cases.every_kind(), ids=wire.kind_of)
def test_the_other_validator_refuses_what_we_refuse(message):
    """Leave out each mandatory field in turn, at every depth: both say no."""
    models = pytest.importorskip("sapient_msg_pydantic.bsi_flex_335_v2_0.sapient_message", reason="sapient-pydantic")
    n_refused = 0
    for spoilt in without_each_field(message):
        ours_says = wire.fault_of(spoilt) != ""
        try:
            models.SapientMessage.from_pb2(spoilt)
            theirs_says = False
        except ValueError:
            theirs_says = True
        assert ours_says == theirs_says, wire.fault_of(spoilt)
        n_refused += ours_says
    assert n_refused >= 4


def without_each_field(message, path=()):
    inside = message
    for name, i in path:
        inside = getattr(inside, name) if i is None else getattr(inside, name)[i]
    for field, value in inside.ListFields():
        spoilt = type(message).FromString(message.SerializeToString())
        target = spoilt
        for name, i in path:
            target = getattr(target, name) if i is None else getattr(target, name)[i]
        target.ClearField(field.name)
        yield spoilt
        if field.message_type is not None and field.message_type.full_name.startswith("sapient_msg"):
            for i in range(len(value)) if field.is_repeated else [None]:
                yield from without_each_field(message, (*path, (field.name, i)))


SENDER = """
import socket, sys, time
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage
from sapient_py import read_frame, write_frame
from google.protobuf import json_format, __version__
print(__version__, flush=True)
if sys.argv[3:] == ["listen"]:
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    sock, _ = server.accept()
else:
    sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
stream = sock.makefile("rwb")
NODE = sys.argv[2]
def send(content, t_ns):
    message = json_format.ParseDict(content, SapientMessage())
    message.timestamp.FromNanoseconds(t_ns)
    message.node_id = NODE
    write_frame(stream, message)
    stream.flush()
place = {"locationUnits": "LOCATION_COORDINATE_SYSTEM_LAT_LNG_DEG_M", "locationDatum": "LOCATION_DATUM_WGS84_E"}
second = {"units": "TIME_UNITS_SECONDS", "value": 1}
if sys.argv[3:] == ["listen"]:
    hello = read_frame(stream, SapientMessage)
    print(hello.registration.icd_version, hello.registration.node_definition[0].node_type, flush=True)
    ours, NODE = NODE, "11111111-1111-4111-8111-111111111111"
    send({"registrationAck": {"acceptance": True}, "destinationId": hello.node_id}, time.time_ns())
    print(read_frame(stream, SapientMessage).status_report.system, flush=True)
    send({"task": {"taskId": "01GGYFBAV4EEPB1398MKQ47E6E", "control": "CONTROL_START",
        "command": {"lookAt": {"locationList": {"locations": [{"x": 1, "y": 2, "coordinateSystem": 1, "datum": 1}]}}}},
        "destinationId": hello.node_id}, time.time_ns())
    print(read_frame(stream, SapientMessage).task_ack.task_status, flush=True)
    NODE = ours
send({"registration": {
    "nodeDefinition": [{"nodeType": "NODE_TYPE_RADAR"}], "icdVersion": "BSI Flex 335 v2.0",
    "capabilities": [{"category": "Radar", "type": "plots"}], "statusDefinition": {"statusInterval": second},
    "modeDefinition": [{"modeName": "a", "modeType": "MODE_TYPE_DEFAULT", "settleTime": second,
        "scanType": "SCAN_TYPE_FIXED",
        "task": {"regionDefinition": {"regionType": ["REGION_TYPE_IGNORE"], "regionArea": [place]}}}],
    "configData": [{"manufacturer": "A", "model": "B"}]}}, time.time_ns())
ack = read_frame(stream, SapientMessage)
print(ack.registration_ack.acceptance, ack.destination_id == NODE, flush=True)
send({"statusReport": {"reportId": "01GGYFBAV4EEPB1398MKQ47E6E", "system": "SYSTEM_OK", "info": "INFO_NEW",
    "mode": "a"}}, time.time_ns())
for look in range(20):
    t_ns = time.time_ns()
    for k in range(5):
        send({"detectionReport": {"reportId": "01GGYFBAXGDG7AGAHRZ6XSNY12", "objectId": "01GGYFBAXH4VYRQYEX7S3XGK3H",
            "rangeBearing": {"range": 4.0 + k, "azimuth": 10.0 * k, "elevation": 5.0, "rangeError": 0.01,
                "coordinateSystem": "RANGE_BEARING_COORDINATE_SYSTEM_DEGREES_KM",
                "datum": "RANGE_BEARING_DATUM_TRUE"}}}, t_ns)
    time.sleep(0.1)
send({"detectionReport": {"reportId": "01GGYFBAXGDG7AGAHRZ6XSNY12", "objectId": "no ulid",
    "rangeBearing": {"range": 4.0, "azimuth": 10.0, "coordinateSystem": 3, "datum": 1}}}, time.time_ns())
print(read_frame(stream, SapientMessage).error.error_message[0], flush=True)
"""


def test_a_sensor_of_another_make_over_tcp(sapient_py: pathlib.Path):
    feed = SapientFeed("sapient://127.0.0.1:0", cases.a_site(), StationClock())
    with running(feed) as delivered:
        done = subprocess.run(
            [sys.executable, "-c", SENDER, str(feed.port), cases.NODE],
            env={"PYTHONPATH": str(sapient_py), "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        time.sleep(0.1)
    assert done.returncode == 0, done.stderr
    version, accepted, why = done.stdout.splitlines()
    assert version.startswith("5.")
    check_delivered(delivered)
    assert accepted == "True True"
    assert why == "detection_report: DetectionReport: object_id is no ULID"


def test_a_middleware_of_another_make_that_we_connect_to(sapient_py: pathlib.Path):
    """It accepts us, hears that we are well, is refused a task, and relays a sensor; then it hangs up."""
    with subprocess.Popen(
        [sys.executable, "-c", SENDER, "0", cases.NODE, "listen"],
        env={"PYTHONPATH": str(sapient_py), "PATH": ""},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        version, port = process.stdout.readline(), int(process.stdout.readline())
        feed = SapientFeed(f"sapient+connect://127.0.0.1:{port}", cases.a_site(), StationClock())
        with running(feed) as delivered:
            told = process.stdout.read().splitlines()
            time.sleep(0.2)
    assert process.returncode == 0
    assert version.startswith("5.")
    assert told == [
        "BSI Flex 335 v2.0 20",  # a fusion node
        "1",  # SYSTEM_OK
        "2",  # TASK_STATUS_REJECTED
        "True True",
        "detection_report: DetectionReport: object_id is no ULID",
    ]
    check_delivered(delivered)
    assert feed.register.nodes == {}


def check_delivered(delivered):
    scans = [each for each in delivered if isinstance(each, Scan)]
    labels = [each for each in delivered if isinstance(each, Aside)]
    assert [len(each.plots) for each in scans] == [5] * 20
    assert {each.rows["label"][0] for each in labels} == {"01GGYFBAXH4VYRQYEX7S3XGK3H"[:24]}
    for scan in scans:
        assert scan.plots["range_m"].tolist() == [4000.0, 5000.0, 6000.0, 7000.0, 8000.0]
        assert set(scan.plots["sigma_range_m"].tolist()) == {10.0}
        # what reading adds to a plot: the wait for the end of its look, and no more than 50 ms
        assert 0 <= scan.t_recv_ns - scan.t_end_ns < 50_000_000
    assert [i for each in scans for i in each.plots["plot_id"].tolist()] == list(range(1, 101))
