"""SAPIENT, without a socket: what places and velocities become."""

import math

import numpy as np
import pytest
import sapient_cases as cases
import utm
from sapient_msg.bsi_flex_335_v2_0 import location_pb2 as places
from sapient_msg.bsi_flex_335_v2_0 import range_bearing_pb2 as bearings

from casemate.errors import DecodeError
from casemate.io.feeds.sapient import place, wire
from casemate.io.feeds.sapient.node import Node, node_id_of
from casemate.io.feeds.sapient.plots import Sensors, Told

SITE = cases.a_site()
SENSORS = Sensors(SITE)
NORTH = SENSORS.models[0]
OURS = Node(node_id_of("Alpha"), "Alpha")


T0 = cases.T0_NS


def plot_of(message, told=Told()):  # noqa: B008 a tuple that never changes
    return SENSORS.plot_of(wire.read(message.SerializeToString()), told)[0]


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
