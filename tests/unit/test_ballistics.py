import numpy as np
import pytest

from casemate.kernels import flight
from casemate.model.catalog import EnvironmentSettings
from casemate.model.records import Status
from casemate.physics import ballistics
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame

FRAME = SiteFrame(33.3, 44.39, 34.0)
ENV = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"))
STATE = np.array([[-3000.0, 1000.0, 900.0, 180.0, -60.0, 40.0, np.log(1.3e-4)]])
COV = np.diag([10.0, 10.0, 10.0, 2.0, 2.0, 2.0, 0.1])[None] ** 2.0


def test_covariance_agrees_with_central_differences():
    found = ballistics.predict_impacts(STATE, COV, ENV)
    slopes = np.empty((3, 7))
    for j, step in enumerate([1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.01]):
        pair = np.repeat(STATE, 2, axis=0)
        pair[0, j] += step
        pair[1, j] -= step
        ends = ballistics.predict_impacts(pair, np.repeat(COV, 2, axis=0), ENV)
        slopes[:2, j] = (ends.point_m[0] - ends.point_m[1]) / (2.0 * step)
        slopes[2, j] = (ends.t_go_s[0] - ends.t_go_s[1]) / (2.0 * step)
    cov = slopes @ COV[0] @ slopes.T
    assert np.allclose(found.cov_m2[0], cov[:2, :2], rtol=0.02, atol=1.0)
    assert found.sigma_t_s[0] == pytest.approx(cov[2, 2] ** 0.5, rel=0.02)


def test_the_step_leaves_less_than_a_decimetre(monkeypatch):
    coarse = ballistics.predict_impacts(STATE, COV, ENV)
    monkeypatch.setattr(ballistics, "STEP_S", 0.05)
    fine = ballistics.predict_impacts(STATE, COV, ENV)
    assert np.allclose(coarse.point_m, fine.point_m, atol=0.1)


def test_the_state_propagated_to_the_impact_is_on_the_ground():
    found = ballistics.predict_impacts(STATE, COV, ENV)
    end = ballistics.propagate(STATE, found.t_go_s, ENV)[0]
    assert np.allclose(end[:2], found.point_m[0], atol=0.05)
    assert end[2] + (end[0] ** 2 + end[1] ** 2) / (2.0 * ENV.earth_radius_m) == pytest.approx(0.0, abs=0.05)
    assert np.linalg.norm(end[3:6]) == pytest.approx(found.speed_mps[0], abs=0.01)
    back = ballistics.propagate(end[None], -found.t_go_s, ENV)
    assert np.allclose(back, STATE, atol=0.05)


def test_statuses():
    states = np.repeat(STATE, 4, axis=0)
    states[1, 0] = np.nan
    states[2, 5] = 3000.0
    states[3, 2] = 39_000.0
    states[3, 5] = 200.0
    found = ballistics.predict_impacts(states, np.repeat(COV, 4, axis=0), ENV, max_time_s=120.0)
    assert found.status[:3].tolist() == [Status.OK, Status.NOT_FINITE, Status.MAX_TIME]
    assert found.status[3] in {Status.OUT_OF_TABLE, Status.MAX_TIME}
    assert np.isnan(found.point_m[1:3]).all()


def test_ground_above_the_site_is_met_earlier():
    lifted = ENV._replace(ground_m=200.0)
    assert (
        ballistics.predict_impacts(STATE, COV, lifted).t_go_s[0] < ballistics.predict_impacts(STATE, COV, ENV).t_go_s[0]
    )


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="shapes"):
        ballistics.predict_impacts(STATE[0], COV[0], ENV)
    with pytest.raises(ValueError, match="shapes"):
        ballistics.propagate(STATE, np.zeros(2), ENV)


def test_a_time_that_is_not_finite_gives_nan():
    assert np.isnan(ballistics.propagate(STATE, np.array([np.nan]), ENV)[0, :6]).all()
    assert flight.propagate_many.__doc__ is not None


def test_no_states_no_impacts():
    assert ballistics.predict_impacts(np.empty((0, 7)), np.empty((0, 7, 7)), ENV).t_go_s.size == 0
