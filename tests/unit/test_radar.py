"""The radar's measurement model: geometry, coverage, densities."""

import math

import msgspec
import numpy as np
import pytest

from casemate.model.catalog import RadarSite
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import SensorModel, arc_width, in_arc, sensor_models
from casemate.tracking.filter import bundle_of

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


def test_rounding_is_an_even_error_of_every_plot() -> None:
    """step^2 / 12, angles in radians; nothing where nothing is declared."""
    told = SensorModel.of(
        radar(step_range_m=7.2, step_azimuth_deg=0.1, step_elevation_deg=0.2, step_range_rate_mps=1.0), FRAME
    )
    steps = [7.2, math.radians(0.1), math.radians(0.2), 1.0, 0.0]
    assert told.extra_var == pytest.approx(np.square(steps) / 12.0)
    even = np.random.default_rng(1).uniform(-0.5, 0.5, 100_000) * 7.2
    assert even.var() == pytest.approx(told.extra_var[0], rel=0.02)
    assert not SensorModel.of(radar(), FRAME).extra_var.any()


def test_an_offset_widens_plots_only_where_another_radar_may_disagree() -> None:
    """Alone, a radar is consistent with itself."""
    one = radar(sigma_bias_range_m=10.0, sigma_bias_azimuth_deg=0.1, sigma_bias_elevation_deg=0.05)
    variances = np.square([10.0, math.radians(0.1), math.radians(0.05)])
    (alone,) = sensor_models([one], FRAME)
    assert alone.bias_var == pytest.approx(variances)
    assert not alone.extra_var.any()
    first, second = sensor_models([one, radar(name="s")], FRAME)
    assert first.extra_var == pytest.approx([*variances, 0.0, 0.0])
    assert not second.extra_var.any()


@pytest.mark.parametrize("key", ["step_range_m", "sigma_bias_azimuth_deg"])
def test_a_negative_step_or_offset_is_refused(key: str) -> None:
    """By name, as every value outside its range."""
    facts = {k: v for k, v in msgspec.structs.asdict(radar()).items() if v is not None}
    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert(facts | {key: -1.0}, RadarSite)


def test_the_kernels_are_told_of_rounding_and_offsets() -> None:
    """As the site file declares them, two radars here."""
    first, _ = sensor_models([radar(step_range_m=7.2, sigma_bias_azimuth_deg=0.1), radar(name="s")], FRAME)
    bundle = bundle_of(first)
    assert np.array_equal(bundle.extra_var, first.extra_var)
    assert np.array_equal(bundle.bias_var, first.bias_var)
