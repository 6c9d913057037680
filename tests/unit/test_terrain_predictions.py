"""Impacts predicted on terrain."""

import numpy as np
import pytest
import terrain_cases

from casemate.kernels.terrain import surface_at
from casemate.model.catalog import EnvironmentSettings
from casemate.physics.ballistics import fly, fly_many, predict_impacts, propagate
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.terrain import impact_of

FRAME = SiteFrame(46.8, 8.2, 550.0, 50.0)  # of terrain_cases
AIR = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"))
SLOPE = terrain_cases.put(500.0 + np.add.outer(3.0 * np.arange(160), 6.0 * np.arange(167)))  # 6 and 11 degrees
STATE = np.array([-1500.0, -800.0, 700.0, 170.0, 60.0, 20.0, np.log(2e-4)])
COV = np.diag([30.0, 30.0, 40.0, 3.0, 3.0, 4.0, 0.1]) ** 2


def test_the_impact_lies_on_the_terrain_and_batch_and_single_agree():
    path = fly(STATE, AIR, SLOPE)
    many = fly_many(STATE[None], AIR, SLOPE)
    for point in (path.pos_m[-1], many.pos_m[0]):
        ground, height, is_inside = surface_at(*point.tolist(), SLOPE)
        assert is_inside
        assert abs(height - ground) < 1e-3
    assert np.abs(path.pos_m[-1] - many.pos_m[0]).max() < 1e-3
    level = fly(STATE, AIR)
    assert np.linalg.norm(level.pos_m[-1, :2] - path.pos_m[-1, :2]) > 100.0  # the slope is worth something


def test_the_impact_is_that_of_cutting_the_whole_flight():
    deep = AIR._replace(ground_m=SLOPE.min_m - SLOPE.site_m)
    cut = impact_of(fly(STATE, deep), SLOPE)
    # Between two steps the whole flight is a cubic, which ends in a parabola: centimetres.
    assert np.abs(cut.pos_m[-1] - fly(STATE, AIR, SLOPE).pos_m[-1]).max() < 0.05


@pytest.mark.slow
def test_the_covariance_is_that_of_many_flights_onto_the_slope():
    found = predict_impacts(STATE[None], COV[None] / 25.0, AIR, terrain=SLOPE)
    draws = np.random.default_rng(1).multivariate_normal(STATE, COV / 25.0, 20_000)
    flown = fly_many(draws, AIR, SLOPE).pos_m[:, :2]
    sampled = np.cov(flown.T)
    # 20,000 draws know a variance to 1 %, 1 sigma; the flight bends over its spread by as much again.
    assert np.allclose(found.cov_m2[0], sampled, rtol=0.06, atol=0.03 * np.trace(sampled))


@pytest.mark.parametrize("late_s", [0.2, 0.9, 3.0])
def test_a_round_that_is_under_the_terrain_already_is_carried_back_up_to_it(late_s):
    before = predict_impacts(STATE[None], COV[None], AIR, terrain=SLOPE)
    t_s = before.t_go_s + late_s
    states = np.concatenate((STATE[None], propagate(STATE[None], t_s, AIR)))
    after = predict_impacts(states, np.stack((COV, COV)), AIR, terrain=SLOPE)
    assert after.t_go_s[0] == before.t_go_s[0]
    assert after.t_go_s[1] == pytest.approx(-late_s, abs=1e-3)
    assert np.abs(after.point_m[1] - before.point_m[0]).max() < 0.1
