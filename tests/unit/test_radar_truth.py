"""What a simulated radar does beyond its site file: dwells, rounding, blind zones, horizon, clocks, faults."""

import itertools
import math

import numpy as np
import pytest

from casemate.model.catalog import RadarSite
from casemate.physics.detection import RAY_CURVATURE, horizon_m, p_detection, sigma_of_beam, snr_at
from casemate.physics.geodesy import SiteFrame
from casemate.physics.terrain import build_terrain, ground_height_m, sees
from casemate.sim.sensor import Bodies, Radar, RadarFault, RadarTruth, deal
from casemate.sim.sensor.declared import fault_of

FRAME = SiteFrame(33.3, 44.39, 34.0)
SITE = {
    "name": "radar-1",
    "lat_deg": 33.3,
    "lon_deg": 44.39,
    "height_m": 54.0,
    "scan_period_s": 1.0,
    "sigma_range_m": 20.0,
    "sigma_azimuth_deg": 0.2,
    "sigma_elevation_deg": 0.34,
    "sigma_range_rate_mps": 1.0,
    "p_detection": 0.999999,
    "false_plots_per_scan": 0.0,
}
START_NS = 10**18


def radar(seed=1, truth=None, terrain=None, **changes):
    truth = RadarTruth(name="radar-1", **(truth or {}))
    return Radar(0, RadarSite(**(SITE | changes)), truth, FRAME, np.random.default_rng(seed), terrain)


def bodies(pos, vel=(0.0, 0.0, 0.0), rcs_dbsm=60.0, law=0, spread=0.0):
    pos = np.atleast_2d(np.asarray(pos, float))
    n = len(pos)
    vel = np.broadcast_to(np.asarray(vel, float), (n, 3))
    return Bodies(
        truth_id=np.arange(1, n + 1),
        start_s=np.full(n, -1e9),
        end_s=np.full(n, 1e9),
        rcs_dbsm=np.full(n, rcs_dbsm),
        rcs_law=np.full(n, law),
        rcs_sigma_db=np.zeros(n),
        rate_spread_mps=np.full(n, spread),
        at=lambda t_s: (pos + vel * t_s[:, None], vel),
    )


def at(range_m, az_deg, el_deg):
    """Return the site ENU of points that radar() sees there."""
    az, el = np.radians(az_deg), np.radians(el_deg)
    r, az, el = np.broadcast_arrays(np.asarray(range_m, float), az, el)
    return radar().model.locate(r.ravel(), az.ravel(), el.ravel())


def scans(station, flying, n):
    return list(itertools.islice(deal(station, START_NS, lambda i, _: station.turn(i, flying)), n))


def test_a_staring_radar_sweeps_its_arc_each_dwell_and_sends_it_whole():
    station = radar(antenna="staring", azimuth_deg=(300.0, 60.0), scan_period_s=0.5)
    flying = bodies(at(8000.0, [310.0, 0.0, 50.0, 90.0, 250.0], 10.0), vel=(200.0, 0.0, 0.0))
    for i, scan in enumerate(scans(station, flying, 3)):
        assert scan.truth_id.tolist() == [1, 2, 3]
        assert scan.span_ns == (START_NS + i * 500_000_000, START_NS + (i + 1) * 500_000_000)
        assert np.degrees(scan.arc_rad) == pytest.approx([300.0, 60.0])
        pos, vel = flying.at(np.append(scan.t_s, [0.0, 0.0]))  # the first three bodies, each at its own time
        az = np.degrees(station.model.measure(pos, vel).az_rad[:3])
        np.testing.assert_allclose(scan.t_s, 0.5 * (i + ((az - 300.0) % 360.0) / 120.0), atol=1e-5)
        assert scan.t_recv_ns == scan.t_end_ns + 150_000_000


def test_plots_are_whole_steps_of_the_wire():
    steps = {"step_range_m": 1852.0 / 256.0, "step_azimuth_deg": 360.0 / 2**16, "step_elevation_deg": 360.0 / 2**14}
    station = radar(**steps, step_range_rate_mps=1852.0 / 2**14 * 1.0, false_plots_per_scan=50.0)
    plots = station.turn(0, bodies(at(9000.0, np.arange(0.0, 360.0, 7.0), 5.0))).plots
    for name, step in (
        ("range_m", 1852.0 / 256.0),
        ("az_rad", 2.0 * math.pi / 2**16),
        ("el_rad", 2.0 * math.pi / 2**14),
        ("range_rate_mps", 1852.0 / 2**14),
    ):
        whole = plots[name] / step
        np.testing.assert_allclose(whole, np.rint(whole), atol=1e-6)
    assert len(np.unique(plots["range_m"])) > 20


def test_stamps_are_the_radars_clock_in_steps_of_the_wire():
    truth = {"clock_offset_s": -0.3, "clock_drift_ppm": 100.0, "step_time_s": 1 / 128, "delay_s": 0.7}
    scan = scans(radar(truth=truth), bodies(at(9000.0, np.arange(1.0, 360.0, 7.0), 5.0)), 803)[-1]
    since = (scan.plots["t_ns"] - START_NS) / 1e9
    np.testing.assert_allclose(since, scan.t_s - 0.3 + 1e-4 * scan.t_s, atol=0.5 / 128 + 1e-9)
    np.testing.assert_allclose(since * 128, np.rint(since * 128), atol=1e-5)
    assert scan.t_recv_ns == scan.t_end_ns + 700_000_000
    assert scan.span_ns[1] - scan.t_end_ns == pytest.approx(-0.3e9 + 1e-4 * (scan.t_end_ns - START_NS), abs=1e7)


def test_stamps_err_as_declared_and_stay_inside_their_message():
    found = scans(radar(truth={"sigma_time_s": 0.1}), bodies(at(9000.0, np.arange(1.0, 360.0, 3.0), 5.0)), 80)
    error = np.concatenate([(scan.plots["t_ns"] - START_NS) / 1e9 - scan.t_s for scan in found])
    assert np.std(error) == pytest.approx(0.1, rel=4.0 / math.sqrt(2 * len(error)))
    assert all(scan.span_ns[0] <= t <= scan.span_ns[1] for scan in found for t in scan.plots["t_ns"].tolist())


@pytest.mark.parametrize(
    ("rate_mps", "is_seen"), [(0.0, 0), (-7.0, 0), (9.0, 1), (-120.0, 1), (153.0, 0), (-297.0, 0), (310.0, 1)]
)
def test_what_stands_still_or_flies_at_a_blind_speed_is_not_seen(rate_mps, is_seen):
    station = radar(notch_mps=8.0, blind_speed_mps=150.0, truth={"multipath_mrad": 0.0})
    up = at([9000.0, 8000.0], 90.0, 10.0)
    toward = (up[0] - up[1]) / 1000.0
    assert len(station.turn(0, bodies(up[1], vel=rate_mps * toward)).plots) == is_seen


def test_rotors_are_seen_where_the_body_hovers():
    station, still = radar(notch_mps=8.0), at(8000.0, np.arange(0.0, 360.0, 3.0), 10.0)
    assert len(station.turn(0, bodies(still)).plots) == 0
    rate = np.concatenate([station.turn(i, bodies(still, spread=40.0)).plots["range_rate_mps"] for i in range(20)])
    share = len(rate) / (20 * len(still))
    assert share == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / (20 * len(still))))
    assert 8.0 - 4.0 < np.abs(rate).min() < np.abs(rate).max() < 40.0 + 4.0
    quiet = radar(notch_mps=8.0, false_plots_per_scan=300.0).turn(0, bodies(np.zeros((0, 3)))).plots
    assert np.abs(quiet["range_rate_mps"]).min() >= 8.0


def test_horizon_is_that_of_an_earth_a_third_larger():
    """Skolnik, 2001, section 8.2: 4.12 (sqrt h + sqrt h) km for heights in m; straight rays would give 3.57."""
    station = radar(elevation_deg=(-5.0, 60.0), range_m=(500.0, 80_000.0))
    reach = 4.12e3 * (math.sqrt(20.0) + math.sqrt(100.0))
    earth = FRAME.radius_m
    for distance, is_seen in ((0.985 * reach, 1), (1.015 * reach, 0)):
        up = 100.0 - distance**2 / (2.0 * earth)  # 100 m over the curved ground
        assert len(station.turn(0, bodies([distance, 0.0, up])).looks.t_s) == is_seen
    assert float(horizon_m(100.0)) == pytest.approx(41.2e3, rel=1e-3)


def hilly(seed=5, n=101):
    rng = np.random.default_rng(seed)
    lat, lon = np.linspace(33.2, 33.4, n), np.linspace(44.27, 44.51, n)
    x, y = np.meshgrid(np.linspace(0.0, 1.0, n), np.linspace(0.0, 1.0, n))
    waves = rng.normal(size=(40, 4))
    height = sum(6.0 * np.sin(9.0 * (a * x + b * y) + 6.0 * c) for a, b, c, _ in waves)
    return build_terrain(lat, lon, 34.0 + height, "ellipsoid", FRAME)


def test_sight_over_hills_is_that_of_dense_rays():
    terrain, rng = hilly(), np.random.default_rng(2)
    eye = np.array([0.0, 0.0, ground_height_m(terrain, 0.0, 0.0) - FRAME.height_m + 20.0])
    points = np.column_stack([rng.uniform(-9e3, 9e3, (60, 2)), rng.uniform(-60.0, 260.0, 60)])
    found, shares = sees(terrain, eye, points, RAY_CURVATURE), np.linspace(0.0, 1.0, 601)[:, None]
    n_near = 0
    for point, is_seen in zip(points, found.tolist(), strict=True):
        ray = eye + shares * (point - eye)
        ray[:, 2] += 0.5 * RAY_CURVATURE * np.sum((point - eye) ** 2) * (shares * (1.0 - shares))[:, 0]
        height = FRAME.enu_to_geodetic(ray)[:, 2]
        gap = min(h - ground_height_m(terrain, e, n) for (e, n, _), h in zip(ray, height, strict=True))
        n_near += abs(gap) < 1.0
        assert abs(gap) < 1.0 or (gap > 0.0) == is_seen
    assert n_near < 6
    assert 10 < found.sum() < 50


def test_a_body_behind_a_ridge_is_not_met():
    terrain = hilly()
    station = radar(terrain=terrain, height_m=54.0, elevation_deg=(-5.0, 60.0))
    low = at(8000.0, np.arange(0.0, 360.0, 5.0), 0.2)
    clear = sees(terrain, station.model.position_m, low, RAY_CURVATURE)
    assert 0 < clear.sum() < len(low)
    met = station.turn(0, bodies(low)).looks.truth_id
    assert sorted(met.tolist()) == (np.flatnonzero(clear) + 1).tolist()
    assert len(radar(elevation_deg=(-5.0, 60.0)).turn(0, bodies(low)).looks.t_s) == len(low)


def test_multipath_shifts_low_elevations_for_scans_on_end():
    truth = {"multipath_mrad": 5.0}
    station = radar(truth=truth, beamwidth_elevation_deg=3.0, elevation_deg=(-2.0, 60.0))
    low, high = at(8000.0, np.arange(0.0, 360.0, 2.0), 0.0), at(8000.0, np.arange(1.0, 361.0, 2.0), 6.0)
    flying = bodies(np.concatenate([low, high]))
    error = np.empty((60, 360))
    for i in range(60):
        turn = station.turn(i, flying)
        ideal = station.model.measure(flying.at(np.zeros(360))[0], np.zeros((360, 3))).el_rad
        error[i, turn.truth_id - 1] = (turn.plots["el_rad"] - ideal[turn.truth_id - 1]) / turn.plots["sigma_el_rad"]
    near, far = error[:, :180], error[:, 180:]
    sigma = math.radians(0.34) / 3.0  # at this echo
    assert np.std(far) == pytest.approx(1.0, rel=0.03)
    assert np.var(near) == pytest.approx(16.0 + 0.5 * (5e-3 / sigma) ** 2, rel=0.1)
    lag = [np.mean(near[k:] * near[: 60 - k]) * 2.0 / (5e-3 / sigma) ** 2 for k in (1, 5, 15)]
    np.testing.assert_allclose(lag, np.exp([-0.2, -1.0, -3.0]), atol=0.12)
    assert abs(np.mean(near)) < 0.5


def test_a_leaning_turned_or_misplaced_radar_measures_from_where_it_is():
    high = {"rcs_dbsm": 90.0}
    body = at(10_000.0, [0.0, 90.0, 180.0, 270.0], 10.0)
    plain = radar(elevation_deg=(-5.0, 60.0)).model.measure(body, 0 * body)

    def mean_of(**truth):
        station = radar(truth=truth, sigma_range_m=0.01, sigma_azimuth_deg=1e-4, sigma_elevation_deg=1e-4)
        turn = station.turn(0, bodies(body, **high))
        return turn.plots[np.argsort(turn.truth_id)]

    tilted = mean_of(tilt_deg=1.0, tilt_toward_deg=90.0)
    np.testing.assert_allclose(np.degrees(tilted["el_rad"] - plain.el_rad), [0.0, -1.0, 0.0, 1.0], atol=0.01)
    turned = mean_of(bias_azimuth_deg=0.3)
    np.testing.assert_allclose(np.degrees(turned["az_rad"] - plain.az_rad) % 360.0, 0.3, atol=1e-3)
    moved = mean_of(offset_e_m=50.0, offset_n_m=-20.0)
    cos = math.cos(math.radians(10.0))
    np.testing.assert_allclose(moved["range_m"] - 10_000.0, [20 * cos, -50 * cos, -20 * cos, 50 * cos], atol=0.6)


def test_sigmas_come_from_beamwidths_where_they_shall():
    widths = {"beamwidth_azimuth_deg": 2.0, "beamwidth_elevation_deg": 4.0}
    station = radar(**widths, truth={"accuracy": "beamwidth"})
    plots = station.turn(0, bodies(at(12_000.0, np.arange(0.0, 360.0, 3.0), 10.0), rcs_dbsm=-17.0)).plots
    snr = 10.0 ** (plots["snr_db"] / 10.0)
    assert len(plots) > 100
    across = np.radians(2.0) / (1.6 * np.sqrt(2.0 * snr))
    np.testing.assert_allclose(plots["sigma_az_rad"], np.maximum(across, np.radians(0.2) / 3.0), rtol=1e-9)
    np.testing.assert_allclose(plots["sigma_el_rad"], sigma_of_beam(math.radians(4.0), snr), rtol=1e-9)


def test_echoes_of_several_pulses_are_seen_as_often_as_the_formula_says():
    n = 4000
    pos = np.repeat(at(11_000.0, [45.0], 10.0), n, axis=0)
    for law, pulses in itertools.product(range(5), (1, 6)):
        station = radar(seed=law, pulses=pulses)
        turn = station.turn(0, bodies(pos, rcs_dbsm=-20.0, law=law))
        p = float(p_detection(snr_at(np.array([11e3]), np.array([-20.0]), 12e3, pulses), np.array([law]), pulses)[0])
        assert len(turn.plots) / n == pytest.approx(p, abs=4.0 * math.sqrt(p * (1 - p) / n) + 1e-3), (law, pulses)


def around(n, rcs_dbsm=60.0, el_deg=10.0):
    return bodies(at(8000.0, np.linspace(0.5, 359.5, n), el_deg), rcs_dbsm=rcs_dbsm)


def test_a_blind_sector_and_a_silent_radar_show_nothing():
    blind = RadarFault(kind="blind", azimuth_deg=(350.0, 40.0), from_s=1.0)
    silent = RadarFault(kind="silent", from_s=3.0, to_s=5.5)
    station = radar(truth={"fault": (blind, silent)}, false_plots_per_scan=100.0)
    found = scans(station, around(90), 56)
    az = [np.degrees(scan.plots["az_rad"]) for scan in found]
    assert any(((a > 351.0) | (a < 39.0)).any() for a in az[:8])
    assert not any(((a > 351.0) | (a < 39.0)).any() for a in az[8:])
    ends = np.array([scan.t_end_ns - START_NS for scan in found]) / 1e9
    assert not ((ends >= 3.0) & (ends < 5.5)).any()
    assert np.diff(ends).max() == pytest.approx(2.625)  # the sector that ends at 3.0 is not sent any more
    looks = np.concatenate([station.turn(i, around(90)).looks.t_s for i in (3, 4, 5)])
    assert looks.min() >= 5.5


def test_a_frozen_feed_says_the_same_again_with_new_stamps():
    station = radar(truth={"fault": (RadarFault(kind="frozen", from_s=3.0, to_s=6.0),)})
    found = scans(station, bodies(at(8000.0, np.arange(2.0, 360.0, 20.0), 10.0), vel=(80.0, 0.0, 0.0)), 64)
    for scan in found[24:47]:
        before = found[(int(scan.t_end_ns - START_NS - 1) // 125_000_000) % 8 + 16 - 8 * (scan.arc_rad[0] > 5.4)]
        np.testing.assert_array_equal(scan.plots["range_m"], before.plots["range_m"])
        assert np.all(scan.truth_id == 0)
        assert np.all((scan.plots["t_ns"] >= scan.span_ns[0]) & (scan.plots["t_ns"] <= scan.span_ns[1]))
    assert np.all(found[56].truth_id > 0)
    ends = np.diff([scan.t_end_ns for scan in found])
    assert np.all(ends == 125_000_000)


def test_a_jammer_costs_range_and_stands_as_a_strobe():
    jam = RadarFault(kind="jammed", azimuth_deg=(80.0, 100.0), noise_db=20.0, plots_per_scan=30.0)
    station, n = radar(truth={"fault": (jam,)}), 3000
    for az_deg, noise in ((90.0, 100.0), (180.0, 1.0)):
        pos = np.repeat(at(6000.0, [az_deg], 10.0), n, axis=0)
        turn = station.turn(0, bodies(pos, rcs_dbsm=-20.0, law=1))
        p = float(p_detection(snr_at(np.array([6e3]), np.array([-20.0]), 12e3) / noise, np.array([1]))[0])
        share = (turn.truth_id > 0).mean() * len(turn.truth_id) / n
        assert share == pytest.approx(p, abs=4.0 * math.sqrt(p * (1 - p) / n) + 1e-3)
    strobe = [station.turn(i, bodies(np.zeros((0, 3)))).plots for i in range(60)]
    az = np.degrees(np.concatenate([plots["az_rad"] for plots in strobe]))
    assert np.all((az >= 80.0) & (az <= 100.0))
    assert len(az) == pytest.approx(1800, abs=4 * math.sqrt(1800))


def test_a_storm_is_so_many_times_the_false_plots_for_its_time():
    storm = RadarFault(kind="storm", from_s=50.0, to_s=150.0, factor=10.0)
    station = radar(truth={"fault": (storm,)}, false_plots_per_scan=20.0)
    counts = np.array([len(station.turn(i, bodies(np.zeros((0, 3)))).plots) for i in range(200)])
    assert counts[50:150].sum() == pytest.approx(20_000, abs=4 * math.sqrt(20_000))
    assert counts[:50].sum() + counts[150:].sum() == pytest.approx(2000, abs=4 * math.sqrt(2000))


def test_clumped_false_plots_keep_their_mean_and_crowd():
    station = radar(truth={"clumped_share": 0.8}, false_plots_per_scan=40.0)
    plain = radar(false_plots_per_scan=40.0)
    nothing = bodies(np.zeros((0, 3)))
    clumped, even = ([each.turn(i, nothing).plots for i in range(600)] for each in (station, plain))
    n = np.array([len(plots) for plots in clumped])
    # 6.4 clumps at a time, each for 20 scans: 30 lots of them
    assert n.mean() == pytest.approx(40.0, abs=4.0 * 40.0 * 0.8 * math.sqrt(2.0 / (6.4 * 30.0)))
    pairs = [np.mean([_n_near(plots) for plots in some[::10]]) for some in (clumped, even)]
    assert pairs[0] > 20.0 * pairs[1]
    edges = station.model.range_m
    assert all(((p["range_m"] > edges[0] - 1) & (p["range_m"] < edges[1] + 1)).all() for p in clumped)


def _n_near(plots):
    away = np.abs(plots["range_m"][:, None] - plots["range_m"])
    across = np.abs(plots["az_rad"][:, None] - plots["az_rad"])
    return ((away < 300.0) & (across < 0.03)).sum() - len(plots)


@pytest.mark.parametrize(
    ("truth", "key"),
    [
        ({"accuracy": "beamwidth"}, "accuracy"),
        ({"multipath_mrad": 5.0}, "multipath_mrad"),
        ({"fault": (RadarFault(kind="silent", from_s=5.0, to_s=5.0),)}, "fault[0].to_s"),
        ({"fault": (RadarFault(kind="blind", azimuth_deg=(10.0, 370.0)),)}, "fault[0].azimuth_deg"),
    ],
)
def test_what_does_not_fit_the_site_is_named(truth, key):
    found = fault_of(RadarTruth(name="radar-1", **truth), RadarSite(**SITE))
    assert found is not None
    assert found[0] == key
