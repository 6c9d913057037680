"""Raids drawn into rounds."""

from importlib import resources

import msgspec
import numba
import numpy as np
import pytest

from casemate.errors import DomainError, SettingsError
from casemate.model.catalog import RoundFile
from casemate.physics.exact import Trajectory
from casemate.physics.geodesy import SiteFrame
from casemate.physics.spin import SpinningTrajectory
from casemate.sim import raid as raid_module
from casemate.sim.raid import Round, Volley, draw_rounds
from casemate.sim.scenario import Raid, Scenario

FRAME = SiteFrame(33.3, 44.39, 34.0)
CLASSES = msgspec.toml.decode(
    resources.files("casemate").joinpath("data", "rounds.toml").read_bytes(), type=RoundFile
).round
RAID = Raid(
    round_class="m82",
    count=6,
    impact_e_m=100.0,
    impact_n_m=-50.0,
    impact_sigma_m=20.0,
    shared_sigma_m=40.0,
    bearing_deg=120.0,
    bearing_spread_deg=10.0,
    ground_range_m=(2500.0, 3500.0),
    group_sigma_m=5.0,
    flight_s=(20.0, 40.0),
    start_s=10.0,
    interval_s=(3.0, 6.0),
    rcs_dbsm=-30.0,
)


def scenario_of(raid):
    return Scenario(title="t", source="s", seed=1, t_start=0, duration_s=60.0, site="site-alpha", raid=(raid,))


def parabola(flight_s, impact, velocity=(50.0, 20.0), n=30):
    t = np.linspace(0.0, flight_s, n) ** 1.0
    v = np.array([*velocity, 0.5 * 9.81 * flight_s])
    vel = v - np.array([0.0, 0.0, 9.81]) * t[:, None]
    pos = np.array([*impact, 0.0]) - np.array([*velocity, 0.0]) * flight_s + v * t[:, None]
    pos[:, 2] -= 0.5 * 9.81 * t * t
    return Trajectory(t, pos, vel)


def round_of(i, start_s, flight):
    end_s = start_s + float(flight.t_s[-1])
    return Round(i, f"round-{i}", 0, "m82", start_s, end_s, flight.pos_m[-1, :2], -20.0, 1, flight)


@pytest.fixture
def quick(monkeypatch):
    """Stand in for the solver, and note what it was asked."""
    asked = []

    def solve(body, frame, point, bearing, distance, **more):
        asked.append((point, bearing, distance, more))
        if distance > 4000.0:
            raise DomainError("ground_range_m", distance, 0.0, 4000.0)
        return parabola(more["flight_s"] or 25.0, point)

    monkeypatch.setattr(raid_module, "solve_arrival", solve)
    return asked


def test_a_volley_answers_as_each_flight_does():
    flights = [parabola(20.0, (0.0, 0.0)), parabola(31.0, (500.0, 80.0), n=17), parabola(25.5, (-300.0, 10.0), n=44)]
    volley = Volley([round_of(i, 3.0 * i, flight) for i, flight in enumerate(flights, 1)])
    for i, flight in enumerate(flights):
        t = np.linspace(0.0, float(flight.t_s[-1]), 113)
        pos, vel = volley.at(np.full(len(t), i), t + 3.0 * (i + 1))
        want_pos, want_vel = flight.at(t)
        np.testing.assert_allclose(pos, want_pos, atol=1e-6)
        np.testing.assert_allclose(vel, want_vel, atol=1e-6)
    late, _ = volley.at(np.array([0, 2]), np.array([1e3, 1e3]))
    np.testing.assert_allclose(late, [flights[0].pos_m[-1], flights[2].pos_m[-1]], atol=1e-9)
    assert Volley([]).at(np.zeros(0, np.int64), np.zeros(0))[0].shape == (0, 3)


def test_rounds_rise_in_order_from_one_area_and_fall_about_the_point(quick):
    rounds = draw_rounds(scenario_of(RAID), CLASSES, FRAME, np.random.default_rng(3))
    assert [r.label for r in rounds] == [f"round-{i}" for i in range(1, 7)]
    gaps = np.diff([r.start_s for r in rounds])
    assert rounds[0].start_s == 10.0
    assert np.all((gaps >= 3.0) & (gaps <= 6.0))
    impacts = np.array([r.impact_m for r in rounds])
    assert np.linalg.norm(impacts.mean(0) - [100.0, -50.0]) < 4 * 45.0
    assert 5.0 < impacts.std(0).mean() < 60.0
    area = [p + d * np.array([np.sin(b), np.cos(b)]) for p, b, d, _ in quick[-6:]]
    assert np.std(area, axis=0).max() < 20.0
    for _, bearing, distance, more in quick[-6:]:
        assert np.degrees(bearing) == pytest.approx(120.0, abs=13.0)
        assert 2300.0 < distance < 3700.0
        assert 20.0 <= more["flight_s"] <= 40.0


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="hundreds of flights: minutes without JIT")
def test_a_shell_that_spins_flies_with_its_spin_to_the_point():
    raid = msgspec.structs.replace(
        RAID, round_class="s155", count=3, ground_range_m=(9000.0, 15000.0), flight_s=None, arc="high"
    )
    # The same draws for a class that says nothing of its spin: the same impacts, from other starts.
    plain = [msgspec.structs.replace(one, spin=None) for one in CLASSES]
    ours, theirs = (
        draw_rounds(scenario_of(raid), classes, FRAME, np.random.default_rng(6)) for classes in (CLASSES, plain)
    )
    for spinning, point_mass in zip(ours, theirs, strict=True):
        assert isinstance(spinning.trajectory, SpinningTrajectory)
        assert not isinstance(point_mass.trajectory, SpinningTrajectory)
        assert np.linalg.norm(spinning.impact_m - point_mass.impact_m) < 0.2  # each within 0.1 m of the point
        assert 200.0 < np.linalg.norm(spinning.trajectory.pos_m[0] - point_mass.trajectory.pos_m[0]) < 1200.0


def test_groups_rise_from_areas_of_their_own(quick):
    raid = msgspec.structs.replace(RAID, groups=3, count=9, bearing_spread_deg=40.0)
    draw_rounds(scenario_of(raid), CLASSES, FRAME, np.random.default_rng(4))
    area = np.array([p + d * np.array([np.sin(b), np.cos(b)]) for p, b, d, _ in quick[-9:]])
    for k in range(3):
        assert np.std(area[k::3], axis=0).max() < 20.0
    assert np.linalg.norm(area[0] - area[1]) > 100.0


def test_walking_fire_walks(quick):
    raid = msgspec.structs.replace(RAID, impact_sigma_m=0.0, walk_e_m=50.0, walk_n_m=-20.0)
    rounds = draw_rounds(scenario_of(raid), CLASSES, FRAME, np.random.default_rng(5))
    np.testing.assert_allclose(np.diff([r.impact_m for r in rounds], axis=0), np.tile([50.0, -20.0], (5, 1)), atol=1e-9)


def test_a_spread_is_filled_from_end_to_end(quick):
    raid = msgspec.structs.replace(RAID, interval_s=None, spread_s=(30.0, 30.0))
    rounds = draw_rounds(scenario_of(raid), CLASSES, FRAME, np.random.default_rng(5))
    assert rounds[-1].start_s - rounds[0].start_s == pytest.approx(30.0)


def test_a_point_in_degrees_is_that_point(quick):
    lat, lon, _ = FRAME.enu_to_geodetic(np.array([[400.0, -700.0, 0.0]]))[0]
    changes = {"impact_e_m": None, "impact_n_m": None, "impact_lat_deg": float(lat), "impact_lon_deg": float(lon)}
    raid = msgspec.structs.replace(RAID, **changes, impact_sigma_m=0.0, shared_sigma_m=0.0)
    rounds = draw_rounds(scenario_of(raid), CLASSES, FRAME, np.random.default_rng(5))
    np.testing.assert_allclose(rounds[0].impact_m, [400.0, -700.0], atol=1e-3)


def test_a_raid_that_cannot_fly_is_refused_by_name(quick):
    raid = msgspec.structs.replace(RAID, ground_range_m=(9000.0, 9500.0))
    with pytest.raises(SettingsError, match=r"raid\[0\].*no flight of m82"):
        draw_rounds(scenario_of(raid), CLASSES, FRAME, np.random.default_rng(5))


def test_a_solved_round_comes_down_where_it_was_drawn():
    raid = msgspec.structs.replace(RAID, count=1, flight_s=None, arc="high", interval_s=None)
    (shot,) = draw_rounds(scenario_of(raid), CLASSES, FRAME, np.random.default_rng(6))
    pos, vel = Volley([shot]).at(np.array([0]), np.array([shot.impact_s]))
    np.testing.assert_allclose(pos[0, :2], shot.impact_m, atol=1e-6)
    assert abs(pos[0, 2]) < 0.2
    assert vel[0, 2] < -50.0
    assert np.degrees(np.arctan2(-vel[0, 0], -vel[0, 1])) == pytest.approx(120.0, abs=13.0)
