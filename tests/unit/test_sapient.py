"""SAPIENT, without a socket: what places, times, rates and answers become."""

import io
import math
import struct
import sys

import numpy as np
import pytest
import sapient_cases as cases
import utm
from sapient_msg.bsi_flex_335_v2_0 import location_pb2 as places
from sapient_msg.bsi_flex_335_v2_0 import range_bearing_pb2 as bearings
from sapient_msg.bsi_flex_335_v2_0.registration_pb2 import Registration
from sapient_msg.bsi_flex_335_v2_0.status_report_pb2 import StatusReport
from sapient_msg.bsi_flex_335_v2_0.task_ack_pb2 import TaskAck

from casemate.cli import main
from casemate.constants import NS_PER_S
from casemate.errors import DecodeError, SettingsError
from casemate.io.feeds import looks
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import WireClock
from casemate.io.feeds.sapient import place, wire
from casemate.io.feeds.sapient.node import Node, node_id_of
from casemate.io.feeds.sapient.plots import Sensors, Told, told_by
from casemate.io.feeds.sapient.recording import import_sapient, is_sapient
from casemate.io.feeds.sapient.session import Register, Session, due

SITE = cases.a_site()
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


T0 = cases.T0_NS

# places


@pytest.mark.parametrize(
    ("system", "angle", "length"),
    [
        ("DEGREES_M", 1.0, 1.0),
        ("RADIANS_M", math.pi / 180, 1.0),
        ("DEGREES_KM", 1.0, 1e-3),
        ("RADIANS_KM", math.pi / 180, 1e-3),
    ],
)
def test_bearings_in_every_unit(system, angle, length):
    system = getattr(bearings, f"RANGE_BEARING_COORDINATE_SYSTEM_{system}")
    errors = {"range_error": 12.0 * length, "azimuth_error": 0.3 * angle, "elevation_error": 0.4 * angle}
    row = plot_of(
        cases.a_bearing(
            0 or cases.NODE, T0, 5000.0 * length, -30.0 * angle, 10.0 * angle, coordinate_system=system, **errors
        )
    )
    want = (5000.0, math.radians(330.0), math.radians(10.0), 12.0, math.radians(0.3), math.radians(0.4))
    got = [row[name] for name in ("range_m", "az_rad", "el_rad", "sigma_range_m", "sigma_az_rad", "sigma_el_rad")]
    assert got == pytest.approx(want, rel=1e-12)
    assert math.isnan(row["height_m"])


def test_what_was_not_said_is_missing():
    message = cases.a_bearing()
    message.detection_report.range_bearing.ClearField("elevation")
    row = plot_of(message)
    for name in ("el_rad", "sigma_range_m", "sigma_az_rad", "sigma_el_rad", "range_rate_mps", "sigma_range_rate_mps"):
        assert math.isnan(row[name]), name


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"datum": bearings.RANGE_BEARING_DATUM_MAGNETIC}, "magnetic north"),
        ({"datum": bearings.RANGE_BEARING_DATUM_PLATFORM}, "a platform's heading"),
        ({"datum": bearings.RANGE_BEARING_DATUM_UNSPECIFIED}, "not said"),
        ({"coordinate_system": bearings.RANGE_BEARING_COORDINATE_SYSTEM_UNSPECIFIED}, "units that are not said"),
    ],
)
def test_a_north_or_a_unit_that_is_not_known_is_refused(changes, why):
    with pytest.raises(DecodeError, match=why):
        plot_of(cases.a_bearing(**changes))


@pytest.mark.parametrize("field", ["range", "azimuth"])
def test_a_bearing_without_range_or_azimuth_is_refused(field):
    message = cases.a_bearing()
    message.detection_report.range_bearing.ClearField(field)
    with pytest.raises(DecodeError, match=f"without {field}"):
        plot_of(message)


@pytest.mark.parametrize(
    ("lat_deg", "lon_deg"), [(33.31, 44.36), (51.5, -2.9), (-33.9, 18.4), (65.0, 11.9), (0.5, 3.01)]
)
def test_grid_north_against_the_grid_itself(lat_deg, lon_deg):
    _, _, number, letter = utm.from_latlon(lat_deg, lon_deg)
    points = [utm.from_latlon(lat_deg + d, lon_deg, force_zone_number=number)[:2] for d in (-0.005, 0.005)]
    (e0, n0), (e1, n1) = points
    # a step to true north, as the grid sees it: it lies as far to the left as grid north lies to the right
    want_rad = -math.atan2(e1 - e0, n1 - n0)
    assert place.convergence_rad(lat_deg, lon_deg, f"{number}{letter}") == pytest.approx(want_rad, abs=2e-6)
    assert place.convergence_rad(lat_deg, lon_deg) == pytest.approx(want_rad, abs=2e-6)


def test_an_azimuth_from_grid_north_is_turned():
    true, grid = (plot_of(cases.a_bearing(datum=d)) for d in (1, bearings.RANGE_BEARING_DATUM_GRID))
    turn_rad = place.convergence_rad(33.31, 44.36)
    assert grid["az_rad"] - true["az_rad"] == pytest.approx(turn_rad)
    assert turn_rad == pytest.approx(math.radians((44.36 - 45.0) * math.sin(math.radians(33.31))), rel=1e-3)


def expected_sighting(lat_deg, lon_deg, height_ellipsoid_m):
    pos_m = SENSORS.frame.geodetic_to_enu(lat_deg, lon_deg, height_ellipsoid_m)
    return NORTH.measure(pos_m, np.zeros((1, 3)))


@pytest.mark.parametrize("system", ["deg", "rad", "utm", "utm with a zone of its own"])
@pytest.mark.parametrize("datum", [places.LOCATION_DATUM_WGS84_E, places.LOCATION_DATUM_WGS84_G])
def test_a_location_in_every_coordinate_system_is_one_place(system, datum):
    lat_deg, lon_deg, height_m = 33.34, 44.40, 1500.0
    message = cases.a_place(datum=datum)
    where, zone = message.detection_report.location, "38S"
    if system == "rad":
        where.coordinate_system = places.LOCATION_COORDINATE_SYSTEM_LAT_LNG_RAD_M
        where.x, where.y = math.radians(lon_deg), math.radians(lat_deg)
    elif system != "deg":
        where.coordinate_system = places.LOCATION_COORDINATE_SYSTEM_UTM_M
        where.x, where.y, number, letter = utm.from_latlon(lat_deg, lon_deg)
        assert f"{number}{letter}" == zone  # a band of the north that reads like the southern hemisphere
        if system != "utm":
            where.utm_zone, zone = zone, "12N"
    row = plot_of(message, Told(zone=zone))
    want = expected_sighting(lat_deg, lon_deg, height_m + (0.0 if datum == 1 else -1.5))
    # 1 mm: the series of the projection
    assert row["range_m"] == pytest.approx(want.range_m[0], abs=2e-3)
    assert row["az_rad"] == pytest.approx(want.az_rad[0], abs=1e-6)
    assert row["el_rad"] == pytest.approx(want.el_rad[0], abs=1e-6)


@pytest.mark.parametrize(
    ("lat_deg", "zone"), [(-33.9, "34H"), (-33.9, "34S"), (-33.9, "34"), (33.9, "34S"), (33.9, "34N")]
)
def test_the_half_of_the_earth_is_the_one_of_the_site(lat_deg, zone):
    x, y, _, _ = utm.from_latlon(lat_deg, 18.4)
    where = cases.a_place(coordinate_system=5, x=x, y=y).detection_report.location
    assert place.point_of(where, zone, lat_deg + 0.3)[:2] == pytest.approx((lat_deg, 18.4), abs=1e-7)


def test_errors_along_the_axes_become_sigmas():
    # straight north of the sensor and level with it: east is across, north is along, up is over
    east_m, north_m, up_m = 20.0, 50.0, 30.0
    d_lat = math.degrees(1.0 / 6_356_000.0)
    message = cases.a_place(
        lat_deg=33.40,
        lon_deg=44.36,
        height_m=42.5,
        x_error=east_m * d_lat / math.cos(math.radians(33.4)),
        y_error=north_m * d_lat,
        z_error=up_m,
    )
    row = plot_of(message)
    assert row["sigma_range_m"] == pytest.approx(north_m, rel=0.01)
    assert row["sigma_az_rad"] * row["range_m"] == pytest.approx(east_m, rel=0.01)
    assert row["sigma_el_rad"] * row["range_m"] == pytest.approx(up_m, rel=0.01)


def test_equal_errors_are_the_same_in_every_direction():
    x, y, _, _ = utm.from_latlon(33.34, 44.40)
    for height_m in (100.0, 3000.0):
        message = cases.a_place(
            coordinate_system=5, x=x, y=y, height_m=height_m, utm_zone="38S", x_error=25.0, y_error=25.0, z_error=25.0
        )
        row = plot_of(message)
        reach = row["range_m"]
        sigmas = (
            row["sigma_range_m"],
            row["sigma_az_rad"] * reach * math.cos(row["el_rad"]),
            row["sigma_el_rad"] * reach,
        )
        assert sigmas == pytest.approx((25.0, 25.0, 25.0), rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"x_error": -1.0}, "an error that cannot be"),
        ({"z_error": math.inf}, "an error that cannot be"),
        ({"datum": places.LOCATION_DATUM_UNSPECIFIED}, "datum is not said"),
        ({"coordinate_system": places.LOCATION_COORDINATE_SYSTEM_UNSPECIFIED}, "units that are not said"),
        ({"coordinate_system": places.LOCATION_COORDINATE_SYSTEM_UTM_M}, "UTM without a zone"),
        ({"coordinate_system": places.LOCATION_COORDINATE_SYSTEM_UTM_M, "utm_zone": "61N"}, "UTM without a zone"),
        (
            {"coordinate_system": places.LOCATION_COORDINATE_SYSTEM_UTM_M, "utm_zone": "38S"},
            "UTM coordinates that cannot be",
        ),
        ({"y": 91.0}, "latitude or longitude"),
        ({"x": math.nan}, "latitude or longitude"),
        ({"z": math.nan}, "a height that cannot be"),
        ({"z": 1e300}, "a height that cannot be"),
    ],
)
def test_a_location_that_cannot_be_is_refused(changes, why):
    with pytest.raises(DecodeError, match=why):
        plot_of(cases.a_place(**changes))


def test_a_height_over_the_ellipsoid_needs_the_geoid():
    site = cases.a_site()
    point = type(site.site)(name="Alpha", lat_deg=33.30, lon_deg=44.39, height_m=34.0)
    sensors = Sensors(type(site)(site=point, sensor=site.sensor))
    with pytest.raises(DecodeError, match="no geoid_m in the site file"):
        sensors.plot_of(cases.a_place(), Told())
    assert sensors.plot_of(cases.a_place(datum=places.LOCATION_DATUM_WGS84_G), Told())["range_m"][0] > 1000.0


def test_a_location_without_a_height_is_refused():
    message = cases.a_place()
    message.detection_report.location.ClearField("z")
    with pytest.raises(DecodeError, match="a location without a height"):
        plot_of(message)


def test_a_2d_radar_gets_a_height_in_place_of_an_elevation():
    row = plot_of(cases.a_place(cases.FLAT_NODE, x_error=1e-4, y_error=1e-4, z_error=9.0))
    assert row["sensor_id"] == 1
    assert math.isnan(row["el_rad"])
    assert math.isnan(row["sigma_el_rad"])
    assert row["height_m"] == pytest.approx(1501.5, abs=0.01)


# velocities


def moving(velocity, **place_of):
    message = cases.a_place(**place_of)
    for name, value in velocity.items():
        setattr(message.detection_report.enu_velocity, name, value)
    return message


@pytest.mark.parametrize("seed", range(5))
def test_the_range_rate_is_what_the_sensor_would_measure(seed):
    rng = np.random.default_rng(seed)
    lat_deg, lon_deg, height_m = 33.31 + rng.normal(0, 0.05), 44.36 + rng.normal(0, 0.05), rng.uniform(100, 5000)
    vel = rng.normal(0, 200, 3)
    velocity = dict(zip(("east_rate", "north_rate", "up_rate"), vel.tolist(), strict=True))
    row = plot_of(moving(velocity, lat_deg=lat_deg, lon_deg=lon_deg, height_m=height_m))
    pos_m = SENSORS.frame.geodetic_to_enu(lat_deg, lon_deg, height_m)
    assert row["range_rate_mps"] == pytest.approx(NORTH.measure(pos_m, vel[None])[4][0], abs=1e-6)
    assert math.isnan(row["sigma_range_rate_mps"])
    kph = plot_of(
        moving({k: 3.6 * v for k, v in velocity.items()}, lat_deg=lat_deg, lon_deg=lon_deg, height_m=height_m),
        Told(level_mps=1 / 3.6, up_mps=1 / 3.6),
    )
    assert kph["range_rate_mps"] == pytest.approx(row["range_rate_mps"])


def test_a_velocity_that_says_nothing_of_the_line_of_sight_is_left_out():
    whole = {"east_rate": 10.0, "north_rate": -200.0, "up_rate": 5.0}
    level = {"east_rate": 10.0, "north_rate": -200.0}
    assert math.isfinite(plot_of(moving(whole))["range_rate_mps"])
    assert math.isnan(plot_of(moving(level))["range_rate_mps"])
    assert math.isnan(plot_of(moving(whole, node_id=cases.FLAT_NODE))["range_rate_mps"])  # the site file: no Doppler


def test_errors_of_a_velocity_along_the_line_of_sight():
    whole = {
        "east_rate": 0.0,
        "north_rate": 1.0,
        "up_rate": 0.0,
        "east_rate_error": 9.0,
        "north_rate_error": 4.0,
        "up_rate_error": 9.0,
    }
    row = plot_of(moving(whole, lat_deg=33.40, lon_deg=44.36, height_m=42.5))  # straight north
    assert row["sigma_range_rate_mps"] == pytest.approx(4.0, rel=0.01)


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
