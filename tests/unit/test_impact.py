import math

import msgspec
import numpy as np
import pytest

from casemate.assess.impact import Settings, predict
from casemate.io.settings import read_rounds
from casemate.model.catalog import EnvironmentSettings
from casemate.model.records import TRACK, TRACK_CLASS, Motion, Status, TrackStatus
from casemate.physics import doubt
from casemate.physics.ballistics import predict_impacts
from casemate.physics.drag import drag_curve_of, drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile
from casemate.physics.spin import solve_spinning_arrival

FRAME = SiteFrame(33.3, 44.39, 34.0)
AIR = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"))
SURE = AIR._replace(sigma_wind_mps=0.0)
SETTINGS = Settings()


def tracks(n=1):
    rows = np.zeros(n, TRACK)
    rows["track_id"] = np.arange(1, n + 1)
    rows["status"], rows["motion"], rows["is_height_known"] = TrackStatus.CONFIRMED, Motion.BALLISTIC, True
    rows["t_ns"], rows["p_exists"] = 10**18, 1.0
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
    inner, outer = (predict(rows, classes(rows), air, SETTINGS)[0] for air in (SURE, AIR))
    assert inner["cov_m2"] == pytest.approx(predict_impacts(rows["state"], rows["cov"], AIR).cov_m2[0])
    assert np.linalg.eigvalsh(outer["cov_m2"] - inner["cov_m2"]).min() > 0.0
    assert outer["point_m"] == pytest.approx(inner["point_m"])
    assert outer["sigma_t_s"] > inner["sigma_t_s"]


def test_the_wind_part_is_the_shift_that_such_a_wind_makes():
    """Now and for the time that it has blown before."""
    rows = tracks()
    rows["cov"] = 0.0
    out = predict(rows, classes(rows), SURE._replace(sigma_wind_mps=3.0), SETTINGS)[0]
    shifts = []
    for column in (0, 2):
        wind = AIR.wind.copy()
        wind[column::4] += 3.0
        blown = AIR._replace(wind=wind, has_wind=True)
        shifts.append(predict_impacts(rows["state"], rows["cov"], blown).point_m[0] - out["point_m"])
    # to a hundredth: the shift is that of a wind of 3 m/s, the part is linear in it
    behind = 1.0 + 2.0 * doubt.WIND_BEHIND_S / ((out["t_impact_ns"] - out["t_ns"]) / 1e9)
    want = np.array(shifts).T @ np.array(shifts) * behind
    assert out["cov_m2"] == pytest.approx(want, rel=0.01, abs=0.01 * np.trace(want))
    assert np.trace(want) > 100.0


def test_an_unlike_drag_curve_counts_where_the_round_passes_mach_1():
    """A round that slows from Mach 1.3 to 0.7 is far less sure; one that stays at Mach 0.7 hardly."""
    rows = tracks(2)
    rows["state"][:, 3:6] = [-300.0, 280.0, 120.0], [-150.0, 130.0, 40.0]
    rows["cov"] *= 1e-4
    sure, unsure = (
        predict(rows, classes(rows), SURE._replace(drag_doubt=share), SETTINGS)["cov_m2"] for share in (0.0, 1.0)
    )
    spread_m = np.sqrt(np.trace(unsure - sure, axis1=1, axis2=2))
    assert spread_m[0] > 60.0
    assert spread_m[1] < 15.0


def test_a_known_wind_leaves_less_unknown():
    rows = tracks()
    level = np.array([0.0, 2e4])
    profile = Profile(level, None, None, np.full(2, 5.0), np.zeros(2))
    aware = build_environment(EnvironmentSettings(wind="w"), FRAME, drag_shape_of("generic"), None, profile)
    told = build_environment(EnvironmentSettings(sigma_wind_mps=1.0), FRAME, drag_shape_of("generic"))
    unknown, known, best = (predict(rows, classes(rows), air, SETTINGS)[0] for air in (AIR, aware, told))
    assert np.linalg.det(best["cov_m2"]) < np.linalg.det(known["cov_m2"]) < np.linalg.det(unknown["cov_m2"])


def test_a_shell_drifts_to_the_right_as_far_as_it_spins():
    """Given the true state, point and ellipse are those of the spinning flight; while the class is open, in between."""
    shell = next(each for each in read_rounds() if each.name == "s155")
    path = solve_spinning_arrival(shell, FRAME, np.zeros(2), 0.0, 15_000.0, "flat")
    own = build_environment(EnvironmentSettings(sigma_wind_mps=0.0), FRAME, drag_curve_of("s155", [shell]))
    pos, vel = path.at(np.array([0.5 * path.flight_s]))
    rows = tracks()
    rows["state"][0] = [*pos[0], *vel[0], math.log(shell.cd[0] * math.pi * shell.calibre_m**2 / 4.0 / shell.mass_kg)]
    rows["cov"] = np.eye(7) * 1e-6
    kinds = classes(rows)
    other = msgspec.structs.replace(shell, name="other", spin=None)
    points, sigmas = [], []
    for p in (0.0, 0.5, 1.0):
        kinds["p_class"] = p
        out = predict(rows, kinds, own, SETTINGS, None, [shell, other, other])[0]
        points.append(out["point_m"])
        sigmas.append(math.sqrt(out["cov_m2"][0, 0]))
    right, middle, shifted = -points[0][0], -points[1][0], -points[2][0]  # from the north: right is west
    # the drift of the rest of the flight is 75 m; the rest is what a filter has not taken up
    rest = 1.0 + doubt.DRIFT_BEHIND_S / (0.5 * path.flight_s)
    assert right == pytest.approx(-75.0, abs=10.0)
    assert (shifted - right) / rest**2 == pytest.approx(-right, rel=0.2)
    assert middle == pytest.approx(0.5 * (right + shifted), abs=1.0)
    assert sigmas[0] < 1.0
    assert sigmas[2] == pytest.approx(doubt.DRIFT_SHARE * (shifted - right), rel=0.01)
    assert sigmas[1] > sigmas[2]


def test_only_what_flies_like_a_round_gets_an_impact_point():
    rows = tracks(6)
    kinds = classes(rows)
    rows["status"][1] = TrackStatus.TENTATIVE
    rows["status"][2] = TrackStatus.DROPPED
    rows["motion"][3] = Motion.LEVEL
    rows["is_height_known"][4] = False
    kinds["i_class"][5] = -1
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
