"""The tracker's life of tracks, on small scenes whose answer is known."""

import math

import msgspec
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
    steps = [tracker.update(scan_of(model, k, [])) for k in range(6, 11)]
    assert [step.tracks["status"].tolist() for step in steps] == [[TrackStatus.COASTING]] * 4 + [[TrackStatus.DROPPED]]
    assert [step.diagnostics["tracks_dropped"] for step in steps] == [0, 0, 0, 0, 1]
    assert tracker.update(scan_of(model, 11, [])).tracks.size == 0  # that it is dropped is said once
    assert tracker.bank.order.size == 0


def test_tick_coasts_and_drops():
    """Without any scan a track coasts, then goes."""
    model = sensor()
    tracker = Tracker([model], flat_air())
    for k in range(6):
        tracker.update(scan_of(model, k, [[3000.0, 6000.0 + 50 * k, 2000.0]]))
    assert tracker.tick(T0 + 6 * NS_PER_S).tracks.size == 0
    assert tracker.tick(T0 + 8 * NS_PER_S).tracks["status"].tolist() == [TrackStatus.COASTING]
    assert tracker.tick(T0 + 80 * NS_PER_S).tracks["status"].tolist() == [TrackStatus.DROPPED]
    assert tracker.tick(T0 + 81 * NS_PER_S).tracks.size == 0


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
    assert step.diagnostics["plots_in"] == 8
    assert step.diagnostics["plots_assigned"] == 0  # one plot is no track
    other = tracker.update(scan_of(model, 7, [[1.0, 5000.0, 900.0]], sensor_id=65535))
    assert other.diagnostics["refused_unknown_sensor"] == 1


def test_a_single_plot_is_not_yet_a_track():
    """The second plot makes it one; ids count from 1, and each plot's fate names its track from then on."""
    model = sensor()
    tracker = Tracker([model], flat_air())
    steps = [tracker.update(scan_of(model, k, [shot(k), [-4000.0, 6000.0, 900.0 + 30.0 * k]])) for k in range(5)]
    assert steps[0].tracks.size == 0
    assert steps[0].fates["track_id"].tolist() == [0, 0]
    for step in steps[1:]:
        assert step.tracks["track_id"].tolist() == [1, 2]
        assert sorted(step.fates["track_id"].tolist()) == [1, 2]
        assert step.fates["track_id"].tolist() == steps[1].fates["track_id"].tolist()
    assert steps[4].tracks["n_hit"].tolist() == [5, 5]
    assert [step.diagnostics["plots_assigned"] for step in steps] == [0, 2, 2, 2, 2]
    assert [step.diagnostics["tracks_born"] for step in steps] == [0, 2, 0, 0, 0]
    assert sum(step.diagnostics["tracks_confirmed"] for step in steps) == 2
    assert steps[4].diagnostics["tracks_firm"] == steps[4].diagnostics["tracks_alive"] == 2


def test_a_higher_score_to_confirm_confirms_later():
    """It waits for more plots, and changes nothing else."""
    model = sensor()
    first = []
    for score in (2.0, 12.0, 40.0):
        tracker = Tracker([model], flat_air(), Settings(confirm_score=score))
        steps = [tracker.update(scan_of(model, k, [shot(k)])) for k in range(8)]
        is_firm = [step.tracks["status"].tolist() == [TrackStatus.CONFIRMED] for step in steps]
        first.append(is_firm.index(True))
        before = steps[first[-1] - 1].tracks
        assert steps[first[-1]].tracks["llr"][0] >= score
        assert before.size == 0 or before["llr"][0] < score
        assert steps[-1].tracks["state"][0].tolist() == pytest.approx(steps[-1].tracks["state"][0].tolist())
    assert first == sorted(first)
    assert first[0] < first[-1]


def test_a_wrong_start_is_undone():
    """Two things in trail, the second not seen at first: the likelier pair of the first two scans is not one thing.

    Later plots show it. The history is repaired back to the first plot, and the label stays where the map showed it.
    """
    model = sensor()
    tracker = Tracker([model], flat_air())
    ahead, behind = [[[250.0 * k - late, 6000.0, 1500.0] for k in range(8)] for late in (0.0, 200.0)]
    steps = [tracker.update(scan_of(model, 0, [ahead[0]]))]
    steps += [tracker.update(scan_of(model, k, [ahead[k], behind[k]])) for k in range(1, 8)]
    assert steps[1].fates["track_id"].tolist() == [0, 1]  # 50 m/s, a plot of each
    for k in range(4, 8):
        rows = steps[k].tracks
        assert rows["track_id"].tolist() == [1, 2]
        assert steps[k].fates["track_id"].tolist() == [2, 1]
        assert np.allclose(rows["state"][:, :3], [behind[k], ahead[k]], atol=60.0)
        assert rows["n_hit"].tolist() == [k, k + 1]
    assert np.allclose(steps[7].tracks["state"][:, 3], 250.0, atol=15.0)


def test_a_snapshot_brings_back_the_same_answers():
    """Bit for bit, as often as asked; the snapshot stays as it is."""
    model = sensor()
    rng = np.random.default_rng(4)
    scans = []
    for k in range(16):
        far = rng.uniform([-8e3, 2e3, 200.0], [8e3, 9e3, 2e3], (5, 3))
        points = [shot(k), shot(k + 0.5), [3000.0, 6000.0 + 50 * k, 2000.0], *far]
        scans.append(scan_of(model, k, points))
    tracker = Tracker([model], flat_air())
    for scan in scans[:8]:
        tracker.update(scan)
    kept = tracker.snapshot()
    answers = []
    for _ in range(3):
        tracker.restore(kept)
        steps = [tracker.update(scan) for scan in scans[8:]] + [tracker.tick(T0 + 60 * NS_PER_S)]
        answers.append([(step.tracks.tobytes(), step.fates.tobytes(), step.diagnostics) for step in steps])
    assert answers[0] == answers[1] == answers[2]
    assert any(len(tracks) for tracks, _, _ in answers[0])


def test_plots_older_than_the_memory_are_worked_in_without_harm():
    """A first scan may bring plots up to a minute old; they are forgotten at once, and have no track."""
    model = sensor()
    tracker = Tracker([model], flat_air())
    scan = scan_of(model, 50, [shot(k) for k in range(6)])
    rows = scan.plots.copy()
    rows["t_ns"] -= np.array([40, 39, 38, 2, 1, 0]) * NS_PER_S
    for old in (rows[:1], rows):
        step = Tracker([model], flat_air()).update(msgspec.structs.replace(scan, plots=freeze(old.copy())))
        assert step.fates["refusal"].tolist() == [0] * len(old)
        assert len(step.fates) == len(old)
    assert tracker.update(scan_of(model, 51, [])).tracks.size == 0


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
