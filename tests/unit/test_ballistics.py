import numpy as np
import pytest

from casemate.errors import DomainError
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
    """To a thousandth, as the derivatives do: see the twin of the batch."""
    found = ballistics.predict_impacts(STATE, COV, ENV)
    slopes = np.empty((3, 7))
    for j, step in enumerate([1.0, 1.0, 1.0, 0.02, 0.02, 0.02, 1e-4]):
        pair = np.repeat(STATE, 2, axis=0)
        pair[0, j] += step
        pair[1, j] -= step
        ends = ballistics.fly_many(pair, ENV, step_scale=0.2)
        slopes[:2, j] = (ends.pos_m[0, :2] - ends.pos_m[1, :2]) / (2.0 * step)
        slopes[2, j] = (ends.t_s[0] - ends.t_s[1]) / (2.0 * step)
    cov = slopes @ COV[0] @ slopes.T
    assert np.allclose(found.cov_m2[0], cov[:2, :2], rtol=2e-3)
    assert found.sigma_t_s[0] == pytest.approx(cov[2, 2] ** 0.5, rel=1e-3)


def test_the_prediction_is_the_flight():
    found, flown = ballistics.predict_impacts(STATE, COV, ENV), ballistics.fly_many(STATE, ENV)
    path = ballistics.fly(STATE[0], ENV)
    assert np.array_equal(found.point_m[0], flown.pos_m[0, :2])
    assert found.t_go_s[0] == flown.t_s[0]
    assert path.pos_m[-1] == pytest.approx(flown.pos_m[0], abs=1e-6)
    assert path.t_s[0] == 0.0
    assert path.pos_m[0] == pytest.approx(STATE[0, :3])
    assert (np.diff(path.t_s) > 0.0).all()
    assert found.fall_angle_rad[0] == pytest.approx(
        np.arctan2(-flown.vel_mps[0, 2], np.hypot(*flown.vel_mps[0, :2])), abs=1e-3
    )


def test_threads_share_a_batch():
    rows = np.repeat(STATE, 40, axis=0)
    rows[:, 3] += np.arange(40.0)
    one = ballistics.fly_many(rows, ENV)
    for threads in (2, 3, 7, 50):
        assert np.array_equal(ballistics.fly_many(rows, ENV, threads=threads).pos_m, one.pos_m)


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
    assert found.status[3] == Status.MAX_TIME
    assert np.isnan(found.point_m[1:]).all()
    assert np.isnan(found.by[1:]).all()
    assert ballistics.predict_impacts(states[3:], COV, ENV, max_time_s=400.0).status[0] == Status.OUT_OF_TABLE


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [(3, np.nan, "ve_mps"), (0, np.inf, "e_m"), (2, -1.0, "height_over_ground_m"), (2, 39_990.0, "height_m"),
     (3, 2500.0, "mach"), (6, -60.0, "flight_s")],
)  # fmt: skip
def test_one_flight_outside_the_model_is_refused_by_name(column, value, name):
    state = STATE[0].copy()
    state[column] = value
    if name == "flight_s":
        state[5] = 3000.0
    with pytest.raises(DomainError, match=name):
        ballistics.fly(state, ENV)


def test_a_flight_that_starts_under_the_ground():
    """Flown, it is refused; predicted and falling, it is carried back up."""
    state = STATE.copy()
    state[0, 2], state[0, 5] = -100.0, -60.0
    flown = ballistics.fly_many(state, ENV)
    assert flown.status[0] == Status.OUT_OF_TABLE
    assert np.isnan(flown.pos_m).all()
    found = ballistics.predict_impacts(state, COV, ENV)
    assert found.status[0] == Status.OK
    end = ballistics.propagate(state, found.t_go_s, ENV)[0]
    assert found.t_go_s[0] < -1.0
    assert end[:2] == pytest.approx(found.point_m[0], abs=0.01)


def test_ground_above_the_site_is_met_earlier():
    lifted = ENV._replace(ground_m=200.0)
    assert (
        ballistics.predict_impacts(STATE, COV, lifted).t_go_s[0] < ballistics.predict_impacts(STATE, COV, ENV).t_go_s[0]
    )


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="shape"):
        ballistics.fly(STATE, ENV)
    with pytest.raises(ValueError, match="shape"):
        ballistics.fly_many(STATE[0], ENV)
    with pytest.raises(ValueError, match="shapes"):
        ballistics.predict_impacts(STATE[0], COV[0], ENV)
    with pytest.raises(ValueError, match="shapes"):
        ballistics.propagate(STATE, np.zeros(2), ENV)


def test_a_time_that_is_not_finite_gives_nan():
    assert np.isnan(ballistics.propagate(STATE, np.array([np.nan]), ENV)[0, :6]).all()


def test_no_states_no_impacts():
    assert ballistics.predict_impacts(np.empty((0, 7)), np.empty((0, 7, 7)), ENV).t_go_s.size == 0
    assert ballistics.fly_many(np.empty((0, 7)), ENV).t_s.size == 0
