import numpy as np
import pytest

from casemate.assess.impact import Settings, predict
from casemate.model.catalog import EnvironmentSettings
from casemate.model.records import TRACK, TRACK_CLASS, Motion, Status, TrackStatus
from casemate.physics.ballistics import predict_impacts
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame

FRAME = SiteFrame(33.3, 44.39, 34.0)
AIR = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"))
SETTINGS = Settings()


def tracks(n=1):
    rows = np.zeros(n, TRACK)
    rows["track_id"] = np.arange(1, n + 1)
    rows["status"], rows["motion"], rows["is_height_known"] = TrackStatus.CONFIRMED, Motion.BALLISTIC, True
    rows["t_ns"], rows["p_exists"], rows["p_ballistic"] = 10**18, 1.0, 1.0
    rows["state"] = [2000.0, -1500.0, 900.0, -180.0, 140.0, 60.0, np.log(1.3e-4)]
    rows["cov"] = np.diag([10.0, 10.0, 10.0, 3.0, 3.0, 3.0, 0.1]) ** 2
    return rows


def classes(rows, i_class=0):
    out = np.zeros(rows.size, TRACK_CLASS)
    out["track_id"], out["i_class"] = rows["track_id"], i_class
    return out


def test_the_point_and_time_are_those_of_the_flight_model():
    rows = tracks()
    out = predict(rows, classes(rows), AIR, SETTINGS)[0]
    plain = predict_impacts(rows["state"], rows["cov"], AIR)
    assert out["status"] == Status.OK
    assert out["point_m"] == pytest.approx(plain.point_m[0])
    assert (out["t_impact_ns"] - out["t_ns"]) / 1e9 == pytest.approx(plain.t_go_s[0], abs=1e-8)
    assert 0.0 < out["fall_angle_rad"] < np.pi / 2


def test_what_is_unknown_widens_the_ellipse_and_never_moves_it():
    rows = tracks()
    sharp = Settings(sigma_wind_unknown_mps=0.0, sigma_curve_share=0.0)
    inner, outer = (predict(rows, classes(rows), AIR, s)[0] for s in (sharp, SETTINGS))
    assert inner["cov_m2"] == pytest.approx(predict_impacts(rows["state"], rows["cov"], AIR).cov_m2[0])
    assert np.linalg.eigvalsh(outer["cov_m2"] - inner["cov_m2"]).min() > 0.0
    assert outer["point_m"] == pytest.approx(inner["point_m"])
    assert outer["sigma_t_s"] > inner["sigma_t_s"]


def test_the_wind_part_is_the_shift_that_such_a_wind_makes():
    rows = tracks()
    rows["cov"] = 0.0
    out = predict(rows, classes(rows), AIR, Settings(sigma_wind_unknown_mps=3.0, sigma_curve_share=0.0))[0]
    shifts = []
    for column in (0, 2):
        wind = AIR.wind.copy()
        wind[column::4] += 3.0
        blown = AIR._replace(wind=wind, has_wind=True)
        shifts.append(predict_impacts(rows["state"], rows["cov"], blown).point_m[0] - out["point_m"])
    # to a hundredth: the shift is that of a wind of 3 m/s, the part is linear in it
    want = np.array(shifts).T @ np.array(shifts)
    assert out["cov_m2"] == pytest.approx(want, rel=0.01, abs=0.01 * np.trace(want))
    assert np.trace(want) > 100.0


def test_a_known_wind_leaves_less_unknown():
    rows = tracks()
    wind = AIR.wind.copy()
    wind[0::4] = 5.0
    known = predict(rows, classes(rows), AIR._replace(wind=wind, has_wind=True), SETTINGS)[0]
    unknown = predict(rows, classes(rows), AIR, SETTINGS)[0]
    assert np.linalg.det(known["cov_m2"]) < np.linalg.det(unknown["cov_m2"])


def test_only_what_flies_like_a_round_gets_an_impact_point():
    rows = tracks(7)
    kinds = classes(rows)
    rows["status"][1] = TrackStatus.TENTATIVE
    rows["status"][2] = TrackStatus.DROPPED
    rows["motion"][3] = Motion.LEVEL
    rows["p_ballistic"][4] = 0.4
    rows["is_height_known"][5] = False
    kinds["i_class"][6] = -1
    rows["status"][0] = TrackStatus.COASTING
    assert predict(rows, kinds, AIR, SETTINGS)["track_id"].tolist() == [1]


def test_where_it_cannot_say_it_says_so():
    rows = tracks(2)
    rows["state"][0, 2] = np.nan
    rows["state"][1, 2:6] = [9000.0, 0.0, 0.0, 300.0]
    out = predict(rows, classes(rows), AIR, Settings(max_time_s=5.0))
    assert out["status"].tolist() == [Status.NOT_FINITE, Status.MAX_TIME]
    assert out["t_impact_ns"].tolist() == [0, 0]
    assert np.isnan(out["point_m"]).all()
    assert np.isnan(out["cov_m2"]).all()


def test_no_tracks_no_rows():
    rows = tracks(0)
    assert predict(rows, classes(rows), AIR, SETTINGS).shape == (0,)
