"""Which zones are watched, by whom, and what is said when a sensor is lost."""

import pytest

from casemate.assess.watch import WatchStage
from casemate.io import settings
from casemate.model.catalog import RadarSite, SitePoint, WarningZone
from casemate.model.messages import SensorHealth, SensorState
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models

FRAME = SiteFrame.of(SitePoint(name="a", lat_deg=33.3, lon_deg=44.39, height_m=34.0))
NEAR = WarningZone(name="near", polygon_deg=((33.30, 44.39), (33.301, 44.39), (33.301, 44.391)))
FAR = WarningZone(name="far", polygon_deg=((34.30, 44.39), (34.301, 44.39), (34.301, 44.391)))


def radar(name, **more):
    place = {"lat_deg": 33.3, "lon_deg": 44.38, "height_m": 50.0, "sigma_range_m": 15.0, "sigma_azimuth_deg": 0.2}
    return RadarSite(**{"name": name, "scan_period_s": 1.0, "sigma_elevation_deg": 0.2, **place, **more})


def stage(*radars, zones=(NEAR, FAR)):
    return WatchStage(zones, radars, sensor_models(radars, FRAME), FRAME)


def health(sensor_id, state):
    return SensorHealth(sensor_id=sensor_id, state=state, t_ns=0, t_last_ns=0, reason="")


def test_a_zone_is_watched_once_a_sensor_delivers_and_until_it_is_lost():
    watch = stage(radar("r"))
    first = watch.step(0, ())
    assert [(z.zone_id, z.is_watched) for z in first] == [(0, False), (1, False)]
    assert "r is waiting" in first[0].reason
    (near,) = watch.step(1, [health(0, SensorState.OK)])
    assert (near.zone_id, near.is_watched, near.sensor_ids) == (0, True, (0,))
    assert near.share > 0.6  # all but the steepest ways, through the hole overhead
    assert watch.step(2, [health(0, SensorState.DEGRADED)]) == ()
    (lost,) = watch.step(3, [health(0, SensorState.LOST)])
    assert (lost.is_watched, lost.share, lost.sensor_ids) == (False, 0.0, ())
    assert "r is lost" in lost.reason


def test_where_no_sensor_looks_is_never_watched_and_a_2d_radar_does_not_count():
    watch = stage(radar("flat", sigma_elevation_deg=None))
    assert all("no radar that measures elevation" in z.reason for z in watch.step(0, [health(0, SensorState.OK)]))


@pytest.mark.parametrize("more", [{"mask_deg": 45.0}, {"range_m": (4_000.0, 25_000.0)}])
def test_a_skyline_or_a_hole_in_the_middle_hides_what_comes_down(more):
    (whole,), (less,) = (
        stage(radar("r", **each), zones=(NEAR,)).step(0, [health(0, SensorState.OK)]) for each in ({}, more)
    )
    assert less.share < whole.share


def test_a_second_sensor_that_sees_half_keeps_a_zone_watched():
    watch = stage(radar("all"), radar("east", azimuth_deg=(0.0, 180.0)), zones=(NEAR,))
    watch.step(0, [health(0, SensorState.OK), health(1, SensorState.OK)])
    (half,) = watch.step(1, [health(0, SensorState.LOST)])
    assert half.sensor_ids == (1,)
    assert 0.3 < half.share < 0.95


@pytest.mark.parametrize("name", ["site-alpha", "site-bravo", "site-charlie"])
def test_the_packaged_sites_watch_their_zones(name):
    site = settings.read_site(settings.packaged("sites", name))
    frame = SiteFrame.of(site.site)
    watch = WatchStage(site.zone, site.sensor, sensor_models(site.sensor, frame), frame)
    zones = watch.step(0, [health(i, SensorState.OK) for i in range(len(site.sensor))])
    assert all(zone.is_watched and zone.share > 0.9 for zone in zones)
