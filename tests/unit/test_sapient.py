"""SAPIENT, without a socket: frames, times, registrations, answers, looks and recordings."""

import io
import math
import struct
import sys

import pytest
import sapient_cases as cases
from sapient_msg.bsi_flex_335_v2_0.registration_pb2 import Registration
from sapient_msg.bsi_flex_335_v2_0.status_report_pb2 import StatusReport
from sapient_msg.bsi_flex_335_v2_0.task_ack_pb2 import TaskAck

from casemate.cli import main
from casemate.constants import NS_PER_S
from casemate.errors import DecodeError, SettingsError
from casemate.io.feeds import looks
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import WireClock
from casemate.io.feeds.sapient import wire
from casemate.io.feeds.sapient.node import Node, node_id_of
from casemate.io.feeds.sapient.plots import Sensors, Told, told_by
from casemate.io.feeds.sapient.recording import import_sapient, is_sapient
from casemate.io.feeds.sapient.session import Register, Session, due

SITE = cases.a_site()
T0 = cases.T0_NS
SENSORS = Sensors(SITE)
NORTH = SENSORS.models[0]
OURS = Node(node_id_of("Alpha"), "Alpha")


@pytest.fixture
def tally():
    return Tally()


@pytest.fixture
def register(tally):
    return Register(SENSORS, tally, [WireClock() for _ in SITE.sensor])


@pytest.fixture
def session(register):
    return Session(OURS, register, is_client=False)


def told(session, *messages, now=None):
    """Hand messages to a session; return its answers and looks."""
    taken = session.take(b"".join(wire.frame(each) for each in messages), now or cases.at())
    return [wire.read(payload) for payload in wire.Framing().take(taken.answer)], taken.looks


def reasons(tally):
    return {each.reason: each.count for each in tally.refused()}


def plot_of(message, told=Told()):  # noqa: B008 a tuple that never changes
    return SENSORS.plot_of(wire.read(message.SerializeToString()), told)[0]


# frames


def test_frames_are_cut_wherever_the_stream_is():
    stream = b"".join(wire.frame(each) for each in cases.every_kind())
    for n_bytes in (1, 2, 3, 7, 1000, len(stream)):
        framing = wire.Framing()
        found = [p for i in range(0, len(stream), n_bytes) for p in framing.take(stream[i : i + n_bytes])]
        assert [wire.kind_of(wire.read(p)) for p in found] == [wire.kind_of(each) for each in cases.every_kind()]
        assert (framing.n_held, framing.offset) == (0, len(stream))


def test_a_frame_that_says_it_is_too_long_ends_the_stream(session, tally):
    taken = session.take(struct.pack("<I", wire.MAX_BYTES + 1), cases.at())
    assert taken.is_over
    assert reasons(tally) == {"frame: longer than 1048576 bytes": 1}
    assert not session.take(struct.pack("<I", wire.MAX_BYTES) + b"\0" * 9, cases.at()).looks


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda m: m.ClearField("timestamp"), "SapientMessage: no timestamp"),
        (lambda m: m.ClearField("node_id"), "SapientMessage: no node_id"),
        (lambda m: m.ClearField("detection_report"), "SapientMessage: no content"),
        (lambda m: setattr(m, "node_id", cases.NODE.upper()), "SapientMessage: node_id is no UUID of version 4"),
        (lambda m: setattr(m, "node_id", "0d5a1f0a-61b0-1c0b-9d1b-3f2b6c1d4e55"), "UUID of version 4"),
        (lambda m: setattr(m.detection_report, "object_id", "x"), "DetectionReport: object_id is no ULID"),
        (lambda m: m.detection_report.ClearField("report_id"), "DetectionReport: no report_id"),
        (lambda m: m.detection_report.ClearField("range_bearing"), "DetectionReport: no location"),
        (lambda m: m.detection_report.range_bearing.ClearField("datum"), "RangeBearing: no datum"),
        (
            lambda m: setattr(m.detection_report.range_bearing, "datum", 77),
            "RangeBearing: datum is not of the standard",
        ),
    ],
)
def test_what_the_standard_forbids_is_refused_by_field(spoil, why):
    message = cases.a_bearing()
    spoil(message)
    with pytest.raises(DecodeError) as caught:
        wire.read(message.SerializeToString())
    assert why in caught.value.why


@pytest.mark.parametrize(("seconds", "nanos"), [(-1, 0), (2**60, 0), (5, -1), (5, NS_PER_S)])
def test_a_time_that_cannot_be_is_refused(seconds, nanos):
    message = cases.a_bearing()
    message.timestamp.seconds, message.timestamp.nanos = seconds, nanos
    with pytest.raises(DecodeError, match="a time that cannot be"):
        plot_of(message)


def test_times_keep_their_nanoseconds():
    assert plot_of(cases.a_bearing(t_ns=T0 + 123_456_789))["t_ns"] == T0 + 123_456_789


# what a registration says


def test_a_registration_says_how_to_read_reports():
    message = cases.a_registration(scan_type=Registration.SCAN_TYPE_SCANNING)
    found = message.registration.mode_definition[0].detection_definition.add()
    found.location_type.location_units, found.location_type.location_datum = 5, 1
    found.location_type.zone = "38S"
    found.velocity_type.enu_velocity_units.east_north_rate_units = 2
    found.geometric_error.type = "95 % circle"
    told = told_by(message.registration)
    assert told == Told("a radar", "radar", "unspecified", "38S", 1 / 3.6, 1 / 3.6, is_sigma=False, is_scanning=True)
    row = plot_of(cases.a_bearing(range_error=5.0, azimuth_error=1.0), told)
    assert math.isnan(row["sigma_range_m"])  # not a standard deviation: the site file's holds
    found.geometric_error.type = "Standard Deviation"
    assert told_by(message.registration).is_sigma


@pytest.mark.parametrize("version", ["BSI Flex 335 v1.0", "7", ""])
def test_another_edition_is_refused(session, tally, version):
    message = cases.a_registration()
    message.registration.icd_version = version
    (answer,), _ = told(session, message)
    if version:
        assert not answer.registration_ack.acceptance
        assert "another edition" in answer.registration_ack.ack_response_reason[0]
    else:
        assert answer.error.error_message[0] == "registration: Registration: no icd_version"
    assert sum(reasons(tally).values()) == 1


# the protocol


def test_a_sensor_registers_reports_and_leaves(session, register, tally):
    (ack,), _ = told(session, cases.a_registration())
    assert ack.registration_ack.acceptance
    assert (ack.node_id, ack.destination_id) == (OURS.id, cases.NODE)
    answers, found = told(session, cases.a_status(), cases.a_bearing(), now=cases.at(T0 + 30_000_000))
    assert (answers, found) == ([], [])
    node = register.nodes[cases.NODE]
    assert (node.system, node.n_detections, node.delay_ns) == ("ok", 1, 30_000_000)
    _, found = told(session, cases.a_status(system=StatusReport.SYSTEM_GOODBYE))
    assert [len(each.scan.plots) for each in found] == [1]
    assert cases.NODE not in register.nodes
    answers, _ = told(session, cases.a_bearing())
    assert answers[0].error.error_message[0] == "node: a report before a registration"
    assert reasons(tally) == {"node: a report before a registration": 1}


def test_a_stranger_is_told_so_and_takes_no_memory(session, register, tally):
    (ack,), _ = told(session, cases.a_registration(cases.STRANGER))
    assert not ack.registration_ack.acceptance
    assert ack.registration_ack.ack_response_reason[0] == "no sensor of the site"
    assert not register.nodes
    assert reasons(tally) == {"node: no sensor of the site": 1}


def test_the_last_connection_that_registers_a_node_holds_it(register, tally):
    first, second = (Session(OURS, register, is_client=False) for _ in range(2))
    told(first, cases.a_registration(), cases.a_bearing())
    _, found = told(second, cases.a_registration())
    assert len(found) == 1  # what the first had in hand
    told(first, cases.a_bearing())
    assert reasons(tally) == {"node: a node that another connection registered since": 1}
    assert first.end() == []
    assert cases.NODE in register.nodes


def test_a_sensor_that_says_it_stands_elsewhere(session, register, tally):
    status = cases.a_status()
    where = status.status_report.node_location
    where.CopyFrom(cases.a_place(lat_deg=33.3106, lon_deg=44.36).detection_report.location)  # 67 m north
    later = T0 + NS_PER_S
    told(session, cases.a_registration(), status, cases.a_bearing(), cases.a_place(t_ns=later), now=cases.at(later))
    assert reasons(tally) == {"detection_report: a bearing of a sensor that says it stands elsewhere": 1}
    assert register.nodes[cases.NODE].n_detections == 1  # a place on the Earth does not mind
    where.y_error = 1e-4  # 11 m: within three of it
    told(session, status, cases.a_bearing(t_ns=later + NS_PER_S), now=cases.at(later + NS_PER_S))
    assert register.nodes[cases.NODE].n_detections == 2


def test_an_alert_is_acknowledged_and_an_error_is_not_answered(session, tally):
    alert, error = (
        next(each for each in cases.every_kind() if wire.kind_of(each) == kind) for kind in ("alert", "error")
    )
    answers, _ = told(session, cases.a_registration(), alert, error)
    assert [wire.kind_of(each) for each in answers] == ["registration_ack", "alert_ack"]
    assert answers[1].alert_ack.alert_id == alert.alert.alert_id
    assert reasons(tally) == {"error: the other side refused a message of ours": 1}


def a_task(request=None, control=1, to="", **command):
    message = wire.stamped(T0, cases.STRANGER, to)
    message.task.task_id, message.task.control = wire.new_ulid(T0), control
    if request is not None:
        message.task.command.request = request
    for name, value in command.items():
        setattr(message.task.command, name, value)
    return message


@pytest.mark.parametrize(
    ("task", "kinds"),
    [
        (a_task("Status"), ["status_report"]),
        (a_task("registration", to=OURS.id), ["registration"]),
        (a_task("Reset"), []),
        (a_task("Status", control=2), []),
        (a_task(mode_change="Loud"), []),
        (a_task(detection_threshold=3), []),
    ],
)
def test_tasks_are_answered_and_none_that_would_steer_is_taken(session, task, kinds):
    answers, _ = told(session, task)
    ack = answers[0].task_ack
    assert ack.task_id == task.task.task_id
    assert ack.task_status == (TaskAck.TASK_STATUS_ACCEPTED if kinds else TaskAck.TASK_STATUS_REJECTED)
    assert list(ack.reason) == ([] if kinds else ["Task not supported"])
    assert [wire.kind_of(each) for each in answers[1:]] == kinds


def test_a_task_for_another_node_is_not_ours(session, tally):
    told(session, a_task("Status", to=cases.NODE))
    assert reasons(tally) == {"task: for another node": 1}


def test_our_node_registers_and_says_how_it_is_when_it_connects(register, tally):
    ours = Session(Node(OURS.id, "Alpha"), register, is_client=True)
    (hello,) = [wire.read(each) for each in wire.Framing().take(ours.hello(cases.at()))]
    assert hello.registration.node_definition[0].node_type == Registration.NODE_TYPE_FUSION_NODE
    assert ours.beat(cases.at(T0 + 60 * NS_PER_S)) == b""  # not before it was accepted
    ack = wire.stamped(T0, cases.STRANGER, OURS.id)
    ack.registration_ack.acceptance = True
    (status,), _ = told(ours, ack)
    assert status.status_report.info == StatusReport.INFO_NEW
    assert ours.beat(cases.at(T0 + 4 * NS_PER_S)) == b""
    (status,) = [wire.read(each) for each in wire.Framing().take(ours.beat(cases.at(T0 + 5 * NS_PER_S)))]
    assert status.status_report.info == StatusReport.INFO_UNCHANGED
    (status,) = [wire.read(each) for each in wire.Framing().take(ours.goodbye(cases.at()))]
    assert status.status_report.system == StatusReport.SYSTEM_GOODBYE
    ack.registration_ack.acceptance = False
    assert ours.take(wire.frame(ack), cases.at()).is_over
    assert reasons(tally) == {"registration_ack: our registration was refused": 1}


def test_our_status_is_paced_by_a_clock_that_does_not_jump(register):
    ours = Session(Node(OURS.id, "Alpha"), register, is_client=True)
    ack = wire.stamped(T0, cases.STRANGER)
    ack.registration_ack.acceptance = True
    told(ours, ack)
    assert ours.beat(looks.Moment(T0 + 3600 * NS_PER_S, NS_PER_S)) == b""
    assert ours.beat(looks.Moment(T0 - 3600 * NS_PER_S, 6 * NS_PER_S)) != b""


def test_our_id_stays_and_differs_by_site():
    assert node_id_of("Alpha") == node_id_of("Alpha") != node_id_of("Bravo")
    assert wire.fault_of(wire.stamped(T0, node_id_of("Bravo"))) == "SapientMessage: no content"


def test_ids_sort_by_time():
    ids = [wire.new_ulid(T0 + i * 1_000_000) for i in range(100)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 100


# looks


def gathered(times, is_scanning=False, az_deg=None, period_s=1.0):
    """Give one sensor's detections at these times [s] in one breath; return (plots, arc in degrees) of each scan."""
    sensor = Sensors(cases.a_site(azimuth_deg=(300.0, 60.0))).models[0]
    gather = looks.Looks(0, sensor, is_scanning=is_scanning)
    found = []
    for i, t_s in enumerate(times):
        az = 10.0 + i if az_deg is None else az_deg[i]
        row = plot_of(cases.a_bearing(t_ns=T0 + round(t_s * NS_PER_S), az_deg=az)).reshape(1)
        found += gather.add(looks.Detection(row, "", cases.at()))
    found += gather.close()
    return [
        (
            len(each.scan.plots),
            tuple(round(math.degrees(az), 2) % 360 for az in (each.scan.az_from_rad, each.scan.az_to_rad)),
        )
        for each in found
    ]


def test_one_time_is_one_look_over_the_whole_arc():
    assert gathered([0, 0, 0, 1, 1]) == [(3, (300, 60)), (2, (300, 60))]


def test_times_of_their_own_are_no_looks_at_everything():
    # 0.3 s after the one before: neither was a look at all that the sensor sees, nor is a later one
    assert gathered([0, 0.3, 1.0]) == [(1, (az, az + 1.02)) for az in (9.49, 10.49, 11.49)]


def test_a_scanning_sensor_covers_what_it_reports():
    arcs = gathered([0, 0.01, 0.02, 0.5], is_scanning=True, az_deg=[359.0, 1.0, 3.0, 180.0])
    assert arcs == [(3, (358.49, 3.51)), (1, (179.49, 180.51))]


def test_a_look_that_was_torn_misses_nobody_twice():
    sensor = Sensors(cases.a_site()).models[0]
    gather = looks.Looks(0, sensor, is_scanning=False)
    row = plot_of(cases.a_bearing()).reshape(1)
    gather.add(looks.Detection(row, "", cases.at()))
    (first,) = gather.close()
    gather.add(looks.Detection(row, "", cases.at()))
    (rest,) = gather.close()
    assert first.scan.az_from_rad == first.scan.az_to_rad
    assert 0.0 < (rest.scan.az_to_rad - rest.scan.az_from_rad) % math.tau < 0.1


def test_a_look_ends_when_nothing_more_comes_and_waits_at_most_40_ms(session, register):
    told(session, cases.a_registration())
    for i in range(4):  # every 15 ms another of the same time
        told(session, cases.a_bearing(az_deg=10.0 + i), now=cases.at(T0 + i * 15_000_000))
        ended = list(due(register, cases.at(T0 + i * 15_000_000 + 10_000_000)))
        assert [len(each.scan.plots) for each in ended] == ([3] if i == 2 else [])
    assert not list(due(register, cases.at(T0 + 64_000_000)))
    assert len(list(due(register, cases.at(T0 + 65_000_000)))) == 1


# recordings


def test_a_recording_becomes_a_plot_table(tmp_path):
    path = tmp_path / "sensor.sapient"
    content = b"".join(wire.frame(each) for each in cases.every_kind())
    path.write_bytes(content + content[:7])
    assert is_sapient(path)
    table, counts, *_ = import_sapient(path, SITE)
    assert (counts.n_plots, table.num_rows) == (3, 3)
    assert [(each.reason, each.count) for each in counts.refused] == [("frame: cut by the end of the file", 1)]
    assert set(table["sensor"].to_pylist()) == {"north"}
    assert table["range_m"][0].as_py() == 5000.0
    assert table["azimuth_deg"][0].as_py() == pytest.approx(30.0)
    assert len(table["label"][0].as_py()) == 26


def test_the_command_line_imports_it_and_asks_for_the_site(tmp_path, monkeypatch, capsys):
    path, site = tmp_path / "sensor.frames", tmp_path / "site.toml"
    path.write_bytes(wire.frame(cases.a_bearing()) + wire.frame(cases.a_bearing(cases.STRANGER)))
    site.write_text(
        '[site]\nname = "A"\nlat_deg = 33.3\nlon_deg = 44.4\nheight_m = 34.0\n[[sensor]]\nname = "north"\n'
        "lat_deg = 33.3\nlon_deg = 44.4\nheight_m = 44.0\nscan_period_s = 1.0\nsigma_range_m = 15.0\n"
        f'sigma_azimuth_deg = 0.17\nsapient_node = "{cases.NODE}"\n'
    )
    for options, code in ((["--site", str(site)], 0), ([], 2)):
        arguments = ["casemate", "import", str(path), "-o", str(tmp_path / "plots.parquet"), *options]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        assert stop.value.code == code
        assert ("1 plots written" in said.out and "node: no sensor of the site" in said.out) == (code == 0)
    assert "is needed for a SAPIENT recording" in said.err


def test_what_is_no_recording(tmp_path):
    path = tmp_path / "x"
    for content in (
        b"",
        b"\x30\x00\x11" + b"x" * 14,
        b"\xd4\xc3\xb2\xa1" + b"\0" * 40,
        b"\x02\0\0\0\xff\xff",
        b"\0\0\0\0",
    ):
        path.write_bytes(content)
        assert not is_sapient(path)
    assert not is_sapient(tmp_path / "absent")
    site = type(SITE)(site=SITE.site, sensor=SITE.sensor[2:])
    with pytest.raises(SettingsError, match="no sensor with a sapient_node"):
        import_sapient(path, site)


def test_damage_in_a_recording_is_counted_and_the_rest_read(tmp_path):
    good, stranger = cases.a_bearing(), cases.a_bearing(cases.STRANGER)
    path = tmp_path / "x.sapient"
    stream = io.BytesIO()
    for payload in (good.SerializeToString(), b"\xff\xff\xff", stranger.SerializeToString(), good.SerializeToString()):
        stream.write(struct.pack("<I", len(payload)) + payload)
    path.write_bytes(stream.getvalue() + b"\xff\xff\xff\xff")
    counts = import_sapient(path, SITE).counts
    assert counts.n_plots == 2
    assert {each.reason for each in counts.refused} == {
        "message: not a protobuf message",
        "node: no sensor of the site",
        "frame: longer than 1048576 bytes",
    }
