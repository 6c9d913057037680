"""Heights above mean sea level and over the ellipsoid are never mixed: who uses which, one test each."""

import numpy as np
import pytest

from casemate.errors import DomainError
from casemate.io.settings import read_rounds
from casemate.model.catalog import EnvironmentSettings, RadarSite, SitePoint
from casemate.physics.arrival import solve_arrival
from casemate.physics.ballistics import predict_impacts
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import SensorModel
from casemate.sim.intercept.gun import Gun
from casemate.sim.intercept.mount import Mount

SITE = SitePoint(name="x", lat_deg=46.8, lon_deg=8.2, height_m=500.0, geoid_m=50.0)
FRAME = SiteFrame.of(SITE)
RADAR = RadarSite(
    name="r", lat_deg=46.8, lon_deg=8.2, height_m=510.0, scan_period_s=1.0, sigma_range_m=9.0, sigma_azimuth_deg=0.1
)


def test_the_frame_of_a_site_is_over_the_ellipsoid_and_knows_the_sea():
    assert (FRAME.height_m, FRAME.geoid_m, FRAME.height_msl_m) == (550.0, 50.0, 500.0)


def test_a_site_that_does_not_say_has_its_sea_on_the_ellipsoid():
    frame = SiteFrame.of(SitePoint(name="x", lat_deg=46.8, lon_deg=8.2, height_m=500.0))
    assert (frame.height_m, frame.geoid_m, frame.height_msl_m) == (500.0, 0.0, 500.0)


def test_declared_points_are_above_the_sea():
    assert FRAME.msl_to_enu(46.8, 8.2, 512.0)[0] == pytest.approx([0.0, 0.0, 12.0], abs=1e-8)


def test_a_radar_stands_as_high_over_the_site_as_declared_and_measures_above_the_sea():
    sensor = SensorModel.of(RADAR, FRAME)
    assert sensor.position_m == pytest.approx([0.0, 0.0, 10.0], abs=1e-8)
    assert sensor.measure(np.array([[0.0, 0.0, 70.0]]), np.zeros((1, 3))).height_m == pytest.approx([570.0])


def test_a_gun_of_the_simulation_stands_as_high_over_the_site_as_declared():
    gun = Gun(name="g", lat_deg=46.8, lon_deg=8.2, height_m=503.0)
    air = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"))
    assert Mount(gun, FRAME, air).place_m == pytest.approx([0.0, 0.0, 3.0], abs=1e-8)


def test_air_lies_on_the_sea_and_gravity_on_the_ellipsoid():
    on_the_sea, lifted = (
        build_environment(EnvironmentSettings(), frame, drag_shape_of("generic"))
        for frame in (SiteFrame(46.8, 8.2, 500.0), FRAME)
    )
    assert on_the_sea.site_height_m == lifted.site_height_m == 500.0
    assert lifted.gravity_mps2 < on_the_sea.gravity_mps2


@pytest.mark.parametrize("geoid_m", [-111.0, 91.0, np.nan])
def test_a_sea_that_lies_nowhere_on_earth_is_refused(geoid_m):
    with pytest.raises(DomainError, match="geoid_m"):
        SiteFrame(0.0, 0.0, 0.0, geoid_m)


def test_a_flight_does_not_feel_how_high_the_sea_is_but_for_gravity():
    """Over two seas 50 m apart: 1.5e-4 m/s2 less gravity is 1.6e-5 of 3 km, 5 cm; less air would be more."""
    m120 = next(each for each in read_rounds() if each.name == "m120")
    frames = SiteFrame(46.8, 8.2, 500.0), FRAME
    low, high = (solve_arrival(m120, frame, np.zeros(2), 1.0, 3000.0, flight_s=30.0) for frame in frames)
    assert np.abs(low.at(15.0)[0] - high.at(15.0)[0]).max() < 0.1
    state = np.concatenate((low.at(15.0)[0][0], low.at(15.0)[1][0], [np.log(2e-4)]))[None]
    drag = drag_shape_of("generic")
    points = [
        predict_impacts(state, np.eye(7)[None], build_environment(EnvironmentSettings(), frame, drag)).point_m[0]
        for frame in frames
    ]
    assert np.abs(points[0] - points[1]).max() < 0.1
