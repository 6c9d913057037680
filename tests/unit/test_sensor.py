"""The simulated radar: when it looks, what it sees, how well."""

import itertools
import math

import numpy as np
import pytest

from casemate.model.catalog import RadarSite
from casemate.physics.detection import REFERENCE_SNR, THRESHOLD, p_detection, snr_at
from casemate.physics.geodesy import SiteFrame
from casemate.sim.sensor import Bodies, Radar, RadarTruth, deal

FRAME = SiteFrame(33.3, 44.39, 34.0)
SITE = {
    "name": "radar-1",
    "lat_deg": 33.3,
    "lon_deg": 44.39,
    "height_m": 34.0,
    "scan_period_s": 2.0,
    "sigma_range_m": 20.0,
    "sigma_azimuth_deg": 0.2,
    "sigma_elevation_deg": 0.34,
    "sigma_range_rate_mps": 1.0,
    "false_plots_per_scan": 0.0,
}


def radar(seed=1, truth=None, **changes):
    truth = truth or RadarTruth(name="radar-1")
    return Radar(3, RadarSite(**(SITE | changes)), truth, FRAME, np.random.default_rng(seed))


def bodies(pos, vel=None, rcs_dbsm=20.0, start_s=-1e9, end_s=1e9, law=1):
    pos = np.atleast_2d(np.asarray(pos, float))
    n = len(pos)
    vel = np.zeros_like(pos) if vel is None else np.atleast_2d(np.asarray(vel, float))
    return Bodies(
        truth_id=np.arange(1, n + 1),
        start_s=np.full(n, start_s),
        end_s=np.full(n, end_s),
        rcs_dbsm=np.broadcast_to(np.asarray(rcs_dbsm, float), n),
        rcs_law=np.full(n, law),
        rcs_sigma_db=np.full(n, 5.0),
        rate_spread_mps=np.zeros(n),
        at=lambda t_s: (pos + vel * t_s[:, None], vel),
    )


def around(n, distance=8000.0, up=2000.0):
    az = np.linspace(0.1, 2 * np.pi - 0.1, n)
    return np.column_stack([distance * np.sin(az), distance * np.cos(az), np.full(n, up)])


def test_reference_range_detects_at_the_stated_rate():
    assert float(p_detection(np.array([REFERENCE_SNR]), np.array([1]))[0]) == pytest.approx(0.8, abs=1e-12)
    assert pytest.approx(17.85, abs=0.01) == 10 * math.log10(REFERENCE_SNR)
    assert pytest.approx(13.8155, abs=1e-4) == THRESHOLD


@pytest.mark.parametrize("law", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("snr", [5.0, 40.0, 300.0])
def test_drawn_power_crosses_the_threshold_as_often_as_the_formula_says(law, snr):
    n = 40_000
    power = radar()._power(np.full(n, snr), bodies(np.zeros((n, 3)), law=law))
    p = float(p_detection(np.array([snr]), np.array([law]), 1, 5.0)[0])
    assert np.mean(power > THRESHOLD) == pytest.approx(p, abs=4.0 * math.sqrt(p * (1 - p) / n) + 1e-3)


def test_range_law_ten_db_less_costs_44_percent_of_range():
    near = snr_at(np.array([10_000.0]), np.array([-20.0]), 12_000.0)
    far = snr_at(np.array([10_000.0 * 10 ** (-10 / 40)]), np.array([-30.0]), 12_000.0)
    np.testing.assert_allclose(near, far)
    assert pytest.approx(0.44, abs=0.005) == 1.0 - 10 ** (-10 / 40)


def test_each_body_is_met_once_a_turn_when_the_beam_points_at_it():
    station = radar(p_detection=0.999)
    flying = bodies(around(50), np.tile([120.0, -80.0, 5.0], (50, 1)), rcs_dbsm=30.0)
    for i_turn in (0, 2):
        looks = station.turn(i_turn, flying).looks
        assert len(looks.truth_id) == len(set(looks.truth_id.tolist())) == 50
        pos, vel = flying.at(looks.t_s)
        seen = station.model.measure(pos, vel)
        beam = 2 * np.pi * (looks.t_s - i_turn * 2.0) / 2.0
        np.testing.assert_allclose(
            np.angle(np.exp(1j * (seen.az_rad - beam))), 0.0, atol=2e-4
        )  # a tenth of a sigma at most


def test_plots_are_in_order_of_time_and_name_their_body():
    turn = radar(p_detection=0.999, false_plots_per_scan=30.0).turn(4, bodies(around(40), rcs_dbsm=30.0))
    assert np.all(np.diff(turn.t_s) >= 0.0)
    assert np.all((turn.t_s >= 8.0) & (turn.t_s < 10.0))
    assert len(turn.plots) == len(turn.truth_id) == len(turn.t_s)
    real = turn.truth_id > 0
    assert real.sum() >= 38
    assert (~real).sum() > 10
    assert np.all(turn.plots["sensor_id"] == 3)
    assert np.all(np.isnan(turn.plots["height_m"]))


def test_noise_is_what_the_plot_says_it_is():
    station = radar(p_detection=0.999)
    target = bodies(around(60), np.tile([50.0, 30.0, 0.0], (60, 1)), rcs_dbsm=-17.0)
    errors = []
    for i_turn in range(40):
        turn = station.turn(i_turn, target)
        all_pos, all_vel = target.at(np.zeros(60))
        pos = (all_pos + all_vel * 0)[turn.truth_id - 1] + turn.t_s[:, None] * all_vel[turn.truth_id - 1]
        ideal = station.model.measure(pos, all_vel[turn.truth_id - 1])
        plots = turn.plots
        errors.append(
            np.column_stack(
                [
                    (plots["range_m"] - ideal.range_m) / plots["sigma_range_m"],
                    np.angle(np.exp(1j * (plots["az_rad"] - ideal.az_rad))) / plots["sigma_az_rad"],
                    (plots["el_rad"] - ideal.el_rad) / plots["sigma_el_rad"],
                    (plots["range_rate_mps"] - ideal.range_rate_mps) / plots["sigma_range_rate_mps"],
                ]
            )
        )
    errors = np.concatenate(errors)
    n = len(errors)
    np.testing.assert_allclose(errors.mean(0), 0.0, atol=4.0 / math.sqrt(n))
    np.testing.assert_allclose(errors.std(0), 1.0, atol=4.0 / math.sqrt(2 * n))
    assert turn.plots["sigma_range_m"].min() >= 20.0 / 3.0 - 1e-9


def test_what_is_out_of_coverage_or_not_in_the_air_is_not_met():
    away = {
        "far": bodies([30_000.0, 0.0, 3000.0]),
        "near": bodies([300.0, 0.0, 100.0]),
        "under the mask": bodies([8000.0, 0.0, 100.0]),
        "in the hole overhead": bodies([100.0, 0.0, 6000.0]),
        "not yet": bodies([8000.0, 0.0, 1000.0], start_s=5.0),
        "no more": bodies([8000.0, 0.0, 1000.0], end_s=-1.0),
    }
    station = radar(truth=RadarTruth(name="radar-1", mask_deg=2.0))
    for why, body in away.items():
        assert len(station.turn(0, body).looks.t_s) == 0, why
    assert len(station.turn(0, bodies([8000.0, 0.0, 1000.0])).looks.t_s) == 1


def test_a_sector_radar_sees_its_sector_only():
    station = radar(azimuth_deg=(330.0, 90.0), p_detection=0.999, false_plots_per_scan=400.0)
    turn = station.turn(0, bodies(around(72), rcs_dbsm=40.0))
    az = np.degrees(turn.plots["az_rad"])
    assert np.all((az >= 329.0) | (az <= 91.0))
    scans = list(itertools.islice(deal(station, 0, lambda i, _: station.turn(i, bodies(around(72)))), 6))
    assert [round(math.degrees(scan.arc_rad[0])) for scan in scans] == [0, 45, 315] * 2


def test_false_plots_are_poisson_uniform_and_independent_of_what_flies():
    quiet, busy = radar(false_plots_per_scan=20.0), radar(false_plots_per_scan=20.0)
    nothing, much = bodies(np.zeros((0, 3))), bodies(around(30))
    counts = []
    for i_turn in range(200):
        a, b = quiet.turn(i_turn, nothing), busy.turn(i_turn, much)
        np.testing.assert_array_equal(a.plots["range_m"], b.plots["range_m"][b.truth_id == 0])
        counts.append(len(a.plots))
    assert np.mean(counts) == pytest.approx(20.0, abs=4 * math.sqrt(20 / 200))
    assert np.var(counts) == pytest.approx(20.0, rel=0.5)


def test_a_2d_radar_says_no_elevation_and_no_range_rate():
    station = radar(sigma_elevation_deg=None, sigma_range_rate_mps=None, p_detection=0.999)
    plots = station.turn(0, bodies(around(10), rcs_dbsm=30.0)).plots
    assert len(plots)
    assert np.all(np.isnan(plots["el_rad"]) & np.isnan(plots["sigma_el_rad"]) & np.isnan(plots["range_rate_mps"]))
    assert np.all(np.isfinite(plots["range_m"]))


def test_declared_bias_shifts_the_plots():
    truth = RadarTruth(name="radar-1", bias_range_m=500.0, bias_azimuth_deg=5.0)
    station = radar(truth=truth, p_detection=0.999)
    plots = station.turn(0, bodies([6000.0, 6000.0, 1500.0], rcs_dbsm=40.0)).plots
    assert plots["range_m"][0] == pytest.approx(math.hypot(6000.0, 6000.0, 1500.0) + 500.0, abs=40.0)
    assert np.degrees(plots["az_rad"][0]) == pytest.approx(50.0, abs=0.4)
