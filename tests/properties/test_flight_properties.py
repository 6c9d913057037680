import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.model.catalog import EnvironmentSettings
from casemate.physics import ballistics
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame

FRAME = SiteFrame(33.3, 44.39, 34.0)
FLAT = build_environment(EnvironmentSettings(earth="flat"), FRAME, drag_shape_of("generic"))
ROUND = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"))

near = st.floats(-8000.0, 8000.0)
STATES = st.tuples(
    near, near, st.floats(10.0, 2000.0), st.floats(-300.0, 300.0), st.floats(-300.0, 300.0), st.floats(-200.0, 200.0),
    st.floats(math.log(5e-5), math.log(4e-4)),
)  # fmt: skip
COV = np.diag([15.0, 15.0, 20.0, 3.0, 3.0, 4.0, 0.2])[None] ** 2.0


def predict(state, env):
    return ballistics.predict_impacts(np.array([state]), COV, env)


@given(st.floats(-90.0, 90.0), st.floats(-180.0, 180.0), st.floats(-400.0, 8000.0), st.tuples(near, near, near))
@settings(deadline=None, max_examples=60)
def test_frames_close(lat, lon, height, point):
    frame = SiteFrame(lat, lon, height)
    there = frame.enu_to_geodetic([point])
    assert np.allclose(frame.geodetic_to_enu(*there.T), [point], atol=1e-7)
    assert np.allclose(frame.ecef_to_enu(frame.enu_to_ecef([point])), [point], atol=1e-8)


@given(STATES)
@settings(deadline=None, max_examples=40)
def test_covariances_are_symmetric_and_not_negative(state):
    found = predict(state, ROUND)
    assert found.status[0] == 0
    assert np.all(np.linalg.eigvalsh(found.cov_m2[0]) >= -1e-6)
    assert found.sigma_t_s[0] >= 0.0
    assert 0.0 < found.fall_angle_rad[0] <= math.pi / 2


@given(STATES, near, near)
@settings(deadline=None, max_examples=30)
def test_over_flat_ground_a_shift_shifts_the_impact(state, east, north):
    here = predict(state, FLAT)
    there = predict((state[0] + east, state[1] + north, *state[2:]), FLAT)
    assert np.allclose(there.point_m - here.point_m, [[east, north]], atol=1e-6)


@given(STATES, st.floats(0.0, 2.0 * math.pi))
@settings(deadline=None, max_examples=30)
def test_over_flat_ground_a_turn_turns_the_impact(state, angle):
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turned = (*(turn @ state[:2]), state[2], *(turn @ state[3:5]), *state[5:])
    assert np.allclose(predict(turned, FLAT).point_m[0], turn @ predict(state, FLAT).point_m[0], atol=1e-5)


@given(STATES)
@settings(deadline=None, max_examples=20)
def test_the_order_of_rows_does_not_matter(state):
    other = (100.0, 200.0, 300.0, 50.0, 60.0, 70.0, -9.0)
    pair = np.array([state, other])
    one, two = (ballistics.predict_impacts(p, np.repeat(COV, 2, 0), ROUND) for p in (pair, pair[::-1].copy()))
    assert np.array_equal(one.point_m, two.point_m[::-1])
