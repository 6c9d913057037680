"""The tracker's life of tracks, on small scenes whose answer is known."""

import math

import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.model.catalog import EnvironmentSettings, RadarSite
from casemate.model.messages import Scan
from casemate.model.records import PLOT, Motion, Refusal, TrackStatus, freeze, missing
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import SensorModel
from casemate.tracking.tracker import Settings, Tracker

T0 = 1_000 * NS_PER_S
FRAME = SiteFrame(0.0, 0.0, 0.0)
FACTS = {
    "name": "r",
    "lat_deg": 0.0,
    "lon_deg": 0.0,
    "height_m": 0.0,
    "scan_period_s": 1.0,
    "sigma_range_m": 15.0,
    "sigma_azimuth_deg": 0.17,
}


def flat_air():
    """Flat Earth, exponential air, constant drag."""
    settings = EnvironmentSettings(
        earth="flat", atmosphere="exponential", density_kgpm3=1.225, scale_height_m=9144.0, gravity_mps2=9.80665
    )
    return build_environment(settings, FRAME, drag_shape_of("constant"))


def sensor(**changes):
    """A 3D radar unless told otherwise."""
    return SensorModel.of(RadarSite(**(FACTS | {"sigma_elevation_deg": 0.17} | changes)), FRAME, is_flat=True)


def scan_of(model, k, points, plots=None, height=None, sensor_id=0, period=1.0):
    """One all-round scan at second k that sees the points without error."""
    t_ns = T0 + round(k * period * NS_PER_S)
    if plots is None:
        pos = np.reshape(np.asarray(points, float), (-1, 3))
        z = model.measure(pos, np.zeros_like(pos))
        plots = missing(PLOT, len(pos))
        plots["range_m"], plots["az_rad"] = z.range_m, z.az_rad
        if model.has_elevation:
            plots["el_rad"] = z.el_rad
        if height is not None:
            plots["height_m"] = height
    plots["t_ns"], plots["sensor_id"], plots["plot_id"] = t_ns, sensor_id, 100 * k + 1 + np.arange(len(plots))
    return Scan(
        sensor_id=sensor_id,
        t_start_ns=t_ns,
        t_end_ns=t_ns,
        t_recv_ns=t_ns,
        az_from_rad=0.0,
        az_to_rad=0.0,
        plots=freeze(plots),
    )


def shot(k):
    """A round in vacuum-like flight: place after k seconds."""
    return [2000.0 + 20.0 * k, 9000.0 - 250.0 * k, 200.0 + 200.0 * k - 4.9 * k * k]


def test_a_round_is_confirmed_ballistic_and_predicted_right():
    """Six plots of a falling body give one confirmed ballistic track with its place and speed."""
    model = sensor()
    tracker = Tracker([model], flat_air())
    for k in range(10):
        step = tracker.update(scan_of(model, k, [shot(k)]))
    assert len(step.tracks) == 1
    row = step.tracks[0]
    assert row["track_id"] == 1
    assert row["status"] == TrackStatus.CONFIRMED
    assert row["motion"] == Motion.BALLISTIC
    assert row["p_ballistic"] > 0.9
    assert row["is_height_known"]
    assert np.allclose(row["state"][:3], shot(9), atol=60.0)
    assert row["t_ns"] == T0 + 9 * NS_PER_S
    assert step.fates["track_id"].tolist() == [1]


def test_level_flight_is_not_ballistic():
    """An aircraft at constant speed is followed by the level model."""
    model = sensor()
    tracker = Tracker([model], flat_air())
    for k in range(12):
        step = tracker.update(scan_of(model, k, [[8000.0 - 80.0 * k, 4000.0, 1500.0]]))
    assert step.tracks["motion"][0] == Motion.LEVEL
    assert step.tracks["p_ballistic"][0] < 0.05
    assert step.tracks["state"][0, 3] == pytest.approx(-80.0, abs=5.0)


def test_a_2d_radar_without_height_never_says_ballistic_nor_height():
    """Height unknown: marked, NaN in the row, wide in the covariance."""
    model = sensor(sigma_elevation_deg=None, range_m=(500.0, 200e3), scan_period_s=5.0)
    tracker = Tracker([model], flat_air())
    for k in range(6):
        step = tracker.update(scan_of(model, k, [[60e3 + 1000.0 * k, 30e3, 9000.0]], period=5.0))
    row = step.tracks[0]
    assert row["status"] == TrackStatus.CONFIRMED
    assert not row["is_height_known"]
    assert math.isnan(row["state"][2])
    assert np.isfinite(np.delete(row["state"], 2)).all()
    assert math.sqrt(row["cov"][2, 2]) > 2000.0
    assert row["p_ballistic"] < 0.5
    assert row["state"][3] == pytest.approx(200.0, abs=15.0)


def test_a_transponder_height_makes_the_height_known():
    """Slant range and height give the true ground position."""
    model = sensor(sigma_elevation_deg=None, range_m=(500.0, 200e3), scan_period_s=5.0)
    tracker = Tracker([model], flat_air())
    for k in range(6):
        heights = None if k < 3 else np.array([9000.0])  # it begins to answer with the fourth turn
        step = tracker.update(scan_of(model, k, [[15e3 - 1000.0 * k, 3e3, 9000.0]], height=heights, period=5.0))
    row = step.tracks[0]
    assert row["track_id"] == 1
    assert row["is_height_known"]
    assert np.allclose(row["state"][:3], [10e3, 3e3, 9000.0], atol=150.0)


def test_misses_coast_and_drop():
    """A confirmed track coasts through misses and is dropped at the fifth; ticks do it where no scan comes."""
    model = sensor()
    tracker = Tracker([model], flat_air())
    for k in range(6):
        tracker.update(scan_of(model, k, [[3000.0, 6000.0 + 50 * k, 2000.0]]))
    seen = [tracker.update(scan_of(model, k, [])).tracks["status"][0] for k in range(6, 11)]
    assert seen == [TrackStatus.COASTING] * 4 + [TrackStatus.DROPPED]
    assert tracker.table.n == 0


def test_tick_coasts_and_drops():
    """Without any scan a track coasts, then goes."""
    model = sensor()
    tracker = Tracker([model], flat_air())
    for k in range(6):
        tracker.update(scan_of(model, k, [[3000.0, 6000.0 + 50 * k, 2000.0]]))
    assert tracker.tick(T0 + 6 * NS_PER_S).tracks.size == 0
    assert tracker.tick(T0 + 8 * NS_PER_S).tracks["status"].tolist() == [TrackStatus.COASTING]
    assert tracker.tick(T0 + 80 * NS_PER_S).tracks["status"].tolist() == [TrackStatus.DROPPED]


def test_a_sector_that_did_not_cover_the_track_is_no_miss():
    """Only a sector that has passed the predicted azimuth counts."""
    model = sensor()
    tracker = Tracker([model], flat_air())
    for k in range(4):
        tracker.update(scan_of(model, k, [[0.0, 6000.0, 2000.0]]))
    full = scan_of(model, 4, [])
    away = Scan(
        sensor_id=0,
        t_start_ns=full.t_start_ns,
        t_end_ns=full.t_end_ns,
        t_recv_ns=full.t_recv_ns,
        az_from_rad=1.0,
        az_to_rad=2.0,
        plots=full.plots,
    )
    assert tracker.update(away).tracks.size == 0
    assert tracker.update(full).tracks["n_miss"].tolist() == [1]


def test_the_door_names_every_refusal():
    """Each kind of bad plot is refused by its name, the good one is used."""
    model = sensor()
    tracker = Tracker([model], flat_air())
    tracker.update(scan_of(model, 5, []))
    plots = missing(PLOT, 8)
    plots["range_m"], plots["az_rad"], plots["el_rad"] = 5000.0, 1.0, 0.2
    plots["range_m"][1] = math.nan
    plots["range_m"][2] = -5.0
    plots["el_rad"][3] = math.inf
    scan = scan_of(model, 6, None, plots)
    rows = scan.plots.copy()
    rows["sensor_id"][4] = 7
    rows["t_ns"][5] -= 5 * NS_PER_S
    rows["t_ns"][6] += NS_PER_S
    step = tracker.update(
        Scan(
            sensor_id=0,
            t_start_ns=scan.t_start_ns,
            t_end_ns=scan.t_end_ns,
            t_recv_ns=scan.t_recv_ns,
            az_from_rad=0.0,
            az_to_rad=0.0,
            plots=freeze(rows),
        )
    )
    assert step.fates["refusal"].tolist() == [
        Refusal.NONE,
        Refusal.NOT_FINITE,
        Refusal.OUT_OF_RANGE,
        Refusal.NOT_FINITE,
        Refusal.UNKNOWN_SENSOR,
        Refusal.LATE,
        Refusal.FUTURE,
        Refusal.DUPLICATE,
    ]
    assert step.diagnostics["refused_not_finite"] == 2
    assert step.diagnostics["tracks_born"] == 1
    other = tracker.update(scan_of(model, 7, [[1.0, 5000.0, 900.0]], sensor_id=65535))
    assert other.diagnostics["refused_unknown_sensor"] == 1


def test_the_threshold_follows_from_the_allowed_rate():
    """Ten times fewer false tracks cost ln 10 of score; the bound is what was asked for."""
    strict = Tracker([sensor()], flat_air(), Settings(false_tracks_per_hour=0.01))
    loose = Tracker([sensor()], flat_air(), Settings(false_tracks_per_hour=0.1))
    assert strict.threshold - loose.threshold == pytest.approx(math.log(10.0))
    assert strict.false_tracks_per_hour == pytest.approx(0.01)


def test_two_close_tracks_keep_their_plots_in_any_order_of_plots():
    """The result does not depend on the order of the plots inside a scan."""
    model = sensor()
    ends = []
    for order in (slice(None), slice(None, None, -1)):
        tracker = Tracker([model], flat_air())
        for k in range(8):
            points = np.array([[0.0, 6000.0 + 60 * k, 2000.0], [300.0, 6000.0 + 60 * k, 2000.0], shot(k)])
            step = tracker.update(scan_of(model, k, points[order]))
        ends.append(np.sort(step.tracks["state"][:, 0]))
    assert np.allclose(ends[0], ends[1], atol=1e-6)
