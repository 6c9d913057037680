"""The radar's measurement model: geometry, coverage, densities."""

import math

import numpy as np
import pytest

from casemate.model.catalog import RadarSite
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import SensorModel, arc_width, in_arc, sensor_models

FRAME = SiteFrame(43.0, 18.0, 500.0)


def radar(**changes: object) -> RadarSite:
    facts = {
        "name": "r",
        "lat_deg": 43.5,
        "lon_deg": 18.6,
        "height_m": 900.0,
        "scan_period_s": 1.0,
        "sigma_range_m": 15.0,
        "sigma_azimuth_deg": 0.17,
        "sigma_elevation_deg": 0.17,
    }
    return RadarSite(**(facts | changes))


def test_locate_undoes_measure_for_a_sensor_away_from_the_origin() -> None:
    """A point measured and located again is the same point, to a micrometre."""
    sensor = SensorModel.of(radar(), FRAME)
    rng = np.random.default_rng(1)
    pos = rng.uniform(-60e3, 60e3, (50, 3)) * [1.0, 1.0, 0.1]
    z = sensor.measure(pos, np.zeros_like(pos))
    assert np.allclose(sensor.locate(z.range_m, z.az_rad, z.el_rad), pos, atol=1e-6)


def test_a_point_straight_above_the_sensor_has_elevation_90_degrees() -> None:
    """The sensor's own horizon counts, not the site's."""
    sensor = SensorModel.of(radar(), FRAME)
    above = FRAME.geodetic_to_enu(np.array([43.5]), np.array([18.6]), np.array([8900.0]))
    z = sensor.measure(above, np.zeros((1, 3)))
    assert z.range_m[0] == pytest.approx(8000.0, abs=1e-6)
    assert math.degrees(z.el_rad[0]) == pytest.approx(90.0, abs=1e-6)
    assert z.height_m[0] == pytest.approx(8900.0, abs=2.0)


def test_height_follows_the_curved_earth() -> None:
    """At 150 km the tangent plane is 1.8 km too high; the model's height errs by less than 5 m."""
    sensor = SensorModel.of(radar(lat_deg=43.0, lon_deg=18.0, height_m=500.0), FRAME)
    far = FRAME.geodetic_to_enu(np.array([44.3]), np.array([18.5]), np.array([10_000.0]))
    assert sensor.measure(far, np.zeros((1, 3))).height_m[0] == pytest.approx(10_000.0, abs=10.0)


def test_range_rate_is_positive_receding() -> None:
    """A point that flies away has a positive range rate."""
    sensor = SensorModel.of(radar(lat_deg=43.0, lon_deg=18.0, height_m=500.0), FRAME)
    z = sensor.measure(np.array([[0.0, 3000.0, 0.0]]), np.array([[5.0, 40.0, 0.0]]))
    assert z.range_rate_mps[0] == pytest.approx(40.0)


def test_coverage_and_density_of_a_sector() -> None:
    """A sector through north holds what is inside; its false plots spread over its volume."""
    sensor = SensorModel.of(radar(lat_deg=43.0, lon_deg=18.0, height_m=500.0, azimuth_deg=(300.0, 60.0)), FRAME)
    inside = sensor.locate(
        np.array([5e3, 5e3, 30e3, 5e3]), np.radians([350.0, 90.0, 0.0, 0.0]), np.radians([5.0, 5, 5, 80])
    )
    assert sensor.covers(inside).tolist() == [True, False, False, False]
    volume = math.radians(120) * (25e3**3 - 500.0**3) / 3 * (math.sin(math.radians(60)) - math.sin(math.radians(0.5)))
    assert sensor.false_density * volume == pytest.approx(10.0)
    assert sensor.false_plots_per_hour == pytest.approx(36_000.0)


def test_a_2d_radar_has_no_elevation_and_spreads_over_an_area() -> None:
    """Range times azimuth is the area of a 2D radar."""
    sensor = sensor_models([radar(sigma_elevation_deg=None)], FRAME)[0]
    assert not sensor.has_elevation
    assert sensor.extent == pytest.approx(2 * math.pi * 24_500.0)
    high = sensor.locate(np.array([5e3]), np.array([1.0]), np.array([1.4]))
    assert sensor.covers(high)[0]


def test_arcs() -> None:
    """Equal ends are all round; arcs run clockwise through north."""
    assert arc_width(1.0, 1.0) == pytest.approx(2 * math.pi)
    assert arc_width(6.0, 0.5) == pytest.approx(2 * math.pi - 5.5)
    az = np.radians([350.0, 10.0, 180.0])
    assert in_arc(az, math.radians(340), math.radians(20)).tolist() == [True, True, False]
    assert in_arc(az, 2.0, 2.0).all()
