"""A site whose sensors speak SAPIENT, and messages as they send them."""

import time
import uuid

import numpy as np
from sapient_msg.bsi_flex_335_v2_0 import location_pb2 as places
from sapient_msg.bsi_flex_335_v2_0 import range_bearing_pb2 as bearings
from sapient_msg.bsi_flex_335_v2_0.registration_pb2 import Registration
from sapient_msg.bsi_flex_335_v2_0.status_report_pb2 import StatusReport

from casemate.constants import NS_PER_S
from casemate.io.feeds.looks import Moment
from casemate.io.feeds.sapient import wire
from casemate.model.catalog import RadarSite, SiteFile, SitePoint

NODE = "0d5a1f0a-61b0-4c0b-9d1b-3f2b6c1d4e55"
FLAT_NODE = "7a2d8c5e-0f4b-4a61-8a57-5b6f1d2c3e44"
STRANGER = str(uuid.UUID(int=5, version=4))
T0_NS = 1_800_000_000 * NS_PER_S


def a_site(**changes):
    """A 3D Doppler radar and a 2D one."""
    radar = {
        "lat_deg": 33.31,
        "lon_deg": 44.36,
        "height_m": 44.0,
        "scan_period_s": 1.0,
        "sigma_range_m": 15.0,
        "sigma_azimuth_deg": 0.17,
    }
    sensors = (
        RadarSite(
            name="north", **radar, sigma_elevation_deg=0.2, sigma_range_rate_mps=2.0, sapient_node=NODE, **changes
        ),
        RadarSite(name="flat", **radar, sapient_node=FLAT_NODE),
        RadarSite(name="no node", **radar),
    )
    return SiteFile(
        site=SitePoint(name="Alpha", lat_deg=33.30, lon_deg=44.39, height_m=34.0, geoid_m=-1.5), sensor=sensors
    )


class Clock:
    """A station's clock that was at `T0_NS` when it was made."""

    def __init__(self):
        self._begin_ns = time.monotonic_ns()

    def now_ns(self):
        return T0_NS + time.monotonic_ns() - self._begin_ns


def at(t_ns=T0_NS):
    return Moment(t_ns, t_ns - T0_NS)


def a_registration(node_id=NODE, t_ns=T0_NS, **changes):
    message = wire.stamped(t_ns, node_id)
    said = message.registration
    said.icd_version, said.name = "BSI Flex 335 v2.0", "a radar"
    said.node_definition.add(node_type=Registration.NODE_TYPE_RADAR)
    said.capabilities.add(category="Radar", type="plots")
    said.status_definition.status_interval.units = Registration.TIME_UNITS_SECONDS
    said.status_definition.status_interval.value = 5.0
    mode = said.mode_definition.add(mode_name="Default", mode_type=Registration.MODE_TYPE_PERMANENT)
    mode.settle_time.units, mode.settle_time.value = Registration.TIME_UNITS_SECONDS, 1.0
    mode.scan_type = changes.get("scan_type", Registration.SCAN_TYPE_FIXED)
    mode.task.region_definition.region_type.append(Registration.REGION_TYPE_AREA_OF_INTEREST)
    mode.task.region_definition.region_area.add(
        location_units=places.LOCATION_COORDINATE_SYSTEM_UTM_M, location_datum=places.LOCATION_DATUM_WGS84_E
    )
    said.config_data.add(manufacturer="ACME", model="R1")
    return message


def a_status(node_id=NODE, t_ns=T0_NS, system=StatusReport.SYSTEM_OK):
    message = wire.stamped(t_ns, node_id)
    report = message.status_report
    report.report_id, report.system, report.mode = wire.new_ulid(t_ns), system, "Default"
    report.info = StatusReport.INFO_NEW
    return message


def a_detection(node_id=NODE, t_ns=T0_NS):
    message = wire.stamped(t_ns, node_id)
    message.detection_report.report_id, message.detection_report.object_id = wire.new_ulid(t_ns), wire.new_ulid(t_ns)
    return message


def a_bearing(node_id=NODE, t_ns=T0_NS, range_m=5000.0, az_deg=30.0, el_deg=10.0, **changes):
    """A detection by range and bearing, in degrees and metres from true north unless `changes` say otherwise."""
    message = a_detection(node_id, t_ns)
    seen = message.detection_report.range_bearing
    seen.range, seen.azimuth, seen.elevation = range_m, az_deg, el_deg
    seen.coordinate_system = bearings.RANGE_BEARING_COORDINATE_SYSTEM_DEGREES_M
    seen.datum = bearings.RANGE_BEARING_DATUM_TRUE
    for name, value in changes.items():
        setattr(seen, name, value)
    return message


def a_place(node_id=NODE, t_ns=T0_NS, lat_deg=33.34, lon_deg=44.40, height_m=1500.0, **changes):
    """A detection by latitude and longitude over the ellipsoid unless `changes` say otherwise."""
    message = a_detection(node_id, t_ns)
    where = message.detection_report.location
    where.x, where.y, where.z = lon_deg, lat_deg, height_m
    where.coordinate_system = places.LOCATION_COORDINATE_SYSTEM_LAT_LNG_DEG_M
    where.datum = places.LOCATION_DATUM_WGS84_E
    for name, value in changes.items():
        setattr(where, name, value)
    return message


def every_kind():
    """One good message of every kind that another node may send us."""
    task = wire.stamped(T0_NS, STRANGER)
    task.task.task_id, task.task.control, task.task.command.request = wire.new_ulid(T0_NS), 1, "Status"
    alert = wire.stamped(T0_NS, NODE)
    alert.alert.alert_id = wire.new_ulid(T0_NS)
    ack = wire.stamped(T0_NS, STRANGER)
    ack.registration_ack.acceptance = True
    error = wire.stamped(T0_NS, NODE)
    error.error.packet = b"abc"
    error.error.error_message.append("refused")
    moving = a_bearing(t_ns=T0_NS + NS_PER_S)
    velocity = moving.detection_report.enu_velocity
    velocity.east_rate, velocity.north_rate, velocity.up_rate = 1.0, -200.0, 3.0
    located = a_status(t_ns=T0_NS)
    located.status_report.node_location.CopyFrom(a_place(lat_deg=33.31, lon_deg=44.36).detection_report.location)
    return [
        a_registration(),
        a_status(),
        a_bearing(),
        moving,
        a_place(t_ns=T0_NS + 2 * NS_PER_S, x_error=1e-4, y_error=1e-4, z_error=20.0),
        located,
        task,
        alert,
        ack,
        error,
    ]


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Change, cut, double or move some bytes."""
    out = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        if not out:
            break
        i = int(rng.integers(len(out)))
        match rng.integers(5):
            case 0:
                out[i] = int(rng.integers(256))
            case 1:
                out[i] ^= 1 << int(rng.integers(8))
            case 2:
                del out[i : i + int(rng.integers(1, 9))]
            case 3:
                out[i:i] = rng.bytes(int(rng.integers(1, 9)))
            case _:
                j = int(rng.integers(len(out)))
                out[i:i] = out[j : j + int(rng.integers(1, 17))]
    return bytes(out)
