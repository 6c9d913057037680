import numpy as np
import pytest

from casemate.model.catalog import EnvironmentSettings
from casemate.physics.ballistics import propagate, transition
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.gun import packaged_kinds
from casemate.sim.intercept.shots import Path, Shots, path_ahead

FRAME = SiteFrame(33.3, 44.39, 34.0)
AIR = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"))
LISTED_S = {
    "g20": ((500.0, 0.55), (1000.0, 1.3), (1500.0, 2.35), (2000.0, 3.9)),
    "g35": ((500.0, 0.5), (1000.0, 1.05), (1500.0, 1.65), (2000.0, 2.3), (3000.0, 3.9)),
}


@pytest.mark.parametrize("name", LISTED_S)
def test_times_of_flight_are_within_a_tenth_of_the_published_list(name):
    shots = Shots(packaged_kinds()[name], AIR)
    for range_m, flight_s in LISTED_S[name]:
        assert shots.lever(np.array([range_m])).flight_s[0] == pytest.approx(flight_s, rel=0.1)


@pytest.mark.parametrize("name", packaged_kinds())
@pytest.mark.parametrize("elevation_rad", [0.1, 1.0])
def test_the_levers_are_the_derivatives_of_the_flight(name, elevation_rad):
    """Within 5 % of the flight's own: the tables stand for all elevations."""
    shots = Shots(packaged_kinds()[name], AIR)
    range_m = np.array([500.0, 1000.0, 1700.0])
    lever = shots.lever(range_m)
    way = np.array([0.0, np.cos(elevation_rad), np.sin(elevation_rad)])
    states = np.zeros((3, 7))
    states[:, 3:6], states[:, 6] = shots.kind.muzzle_mps * way, shots.ln_drag
    ends, phi = transition(states, lever.flight_s, shots.air)
    by_velocity = phi[:, :3, 3:6]
    assert np.linalg.norm(ends[:, :3], axis=1) == pytest.approx(range_m, rel=0.01)
    assert np.linalg.norm(ends[:, 3:6], axis=1) == pytest.approx(lever.speed_mps, rel=0.05)
    assert by_velocity @ way @ way == pytest.approx(lever.per_muzzle_s, rel=0.05)
    assert lever.flight_s - by_velocity[:, 0, 0] == pytest.approx(lever.per_wind_across_s, rel=0.05, abs=0.01)
    assert lever.flight_s - by_velocity @ way @ way == pytest.approx(lever.per_wind_along_s, rel=0.05, abs=0.02)


@pytest.mark.parametrize("name", packaged_kinds())
def test_a_solved_shot_meets_what_moves(name):
    shots, place = Shots(packaged_kinds()[name], AIR), np.array([50.0, -20.0, 5.0])
    for start in ([0.0, 1900.0, 700.0, 0.0, -200.0, -90.0], [1200.0, 300.0, 400.0, -150.0, 60.0, -120.0]):
        path = path_ahead(np.array([*start, np.log(1.3e-4)]), 0.5, 6.0, AIR)
        left_s = np.linspace(0.0, 1.5, 40)
        muzzle, flight_s = shots.solve(place, path, left_s)
        assert np.linalg.norm(muzzle, axis=1) == pytest.approx(shots.kind.muzzle_mps)
        miss = shots.at(place, muzzle, flight_s)[:, :3] - path.at(left_s + flight_s)[0]
        assert np.abs(miss).max() < 1e-3


def test_a_path_is_the_flight_between_its_samples_and_straight_beyond():
    state = np.array([0.0, 2500.0, 900.0, 0.0, -200.0, -60.0, np.log(1.3e-4)])
    path = path_ahead(state, 1.0, 5.0, AIR)
    at_s = np.array([0.0, 0.13, 2.49, 5.0])
    true = propagate(np.tile(state, (4, 1)), 1.0 + at_s, AIR)
    pos, vel = path.at(at_s)
    assert np.abs(pos - true[:, :3]).max() < 1e-3
    assert np.abs(vel - true[:, 3:6]).max() < 1e-2
    line = Path(np.array([0.0, 1.0]), np.array([[0.0] * 3, [10.0, 0.0, 0.0]]), np.array([[10.0, 0.0, 0.0]] * 2))
    assert line.at(np.array([-1.0, 3.0]))[0][:, 0] == pytest.approx([-10.0, 30.0])
