"""Friendly aircraft: the way they fly, and the reports that come of it."""

import itertools

import numpy as np
import pytest

from casemate.constants import NS_PER_S, STANDARD_GRAVITY_MPS2
from casemate.model.records import SYSTEM_TRACK
from casemate.physics.geodesy import SiteFrame
from casemate.sim.friends import Friends
from casemate.sim.intercept.declared import Flight, Reports

FRAME = SiteFrame(33.3, 44.39, 34.0)
T0 = 10**18
WAY = ((33.299, 44.396), (33.299, 44.412), (33.288, 44.412), (33.288, 44.396))


def friends(seed=1, **changes):
    given = {"name": "HELI", "way_deg": WAY, "height_m": 150.0, "speed_mps": 50.0, "laps": 2}
    return Friends((Flight(**(given | changes)),), FRAME, T0, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_flight_keeps_height_speed_and_load_and_passes_each_corner(seed):
    flown = friends(seed, start_s=(3.0, 9.0))
    t_s = np.arange(0.0, 400.0, 0.05)
    at = flown.at(t_s)[0]
    up = np.flatnonzero(np.isfinite(at[:, 0]))
    assert 3.0 <= t_s[up[0]] <= 9.1
    pos = at[up]
    np.testing.assert_allclose(pos[:, 2], 150.0)
    vel = np.diff(pos, axis=0) / 0.05
    np.testing.assert_allclose(np.linalg.norm(vel, axis=1), 50.0, rtol=2e-3)
    load = np.linalg.norm(np.diff(vel, axis=0), axis=1) / 0.05
    assert np.max(load) < 0.5 * STANDARD_GRAVITY_MPS2 + 0.1
    for lat, lon in WAY:
        corner = FRAME.geodetic_to_enu(lat, lon, 34.0)[0, :2]
        assert np.min(np.linalg.norm(pos[:, :2] - corner, axis=1)) < 3.0


def test_reports_come_in_late_once_each_as_cat021_rows_and_err_as_declared():
    flown = friends(2, laps=40, reports=Reports(gaps_per_hour=0.0))
    come, rows = [], []
    for t_s in np.arange(0.0, 4000.0, 0.25):
        new = flown.reports(T0 + round(t_s * NS_PER_S))
        assert new.dtype == SYSTEM_TRACK
        rows.extend(new)
        come.extend([t_s] * len(new))
    rows = np.array(rows)
    late = np.array(come) - (rows["t_ns"] - T0) / NS_PER_S
    assert 0.3 <= late.min() <= late.max() < 1.2 + 0.26
    assert len(np.unique(rows["t_ns"])) == len(rows)
    t_s = (np.sort(rows["t_ns"]) - T0) / NS_PER_S
    n = round(t_s[-1] - t_s[0]) + 1
    assert abs(len(rows) / n - 0.9) < 4.0 * np.sqrt(0.09 / n)
    order = np.argsort(rows["t_ns"])
    rows = rows[order]
    told = FRAME.geodetic_to_enu(np.degrees(rows["lat_rad"]), np.degrees(rows["lon_rad"]), rows["height_m"])
    off = told - flown.at(t_s)[0]
    ones = off - off.mean(axis=0)
    np.testing.assert_allclose(ones.std(axis=0), np.array([10.0, 10.0, 15.0]) * np.sqrt(0.5), rtol=0.1)
    assert np.all(rows["category"] == 21)
    assert np.isnan(rows["sigma_e_m"]).all()


def test_a_friend_falls_silent_and_tells_no_height_where_it_is_so_declared():
    flown = friends(3, laps=20, reports=Reports(lost_share=0.0, gaps_per_hour=60.0, has_height=False))
    rows = flown.reports(T0 + 10**4 * NS_PER_S)
    gaps = np.diff(np.sort(rows["t_ns"])) / NS_PER_S
    assert gaps.max() >= 4.0
    assert np.count_nonzero(gaps > 3.0) >= 5
    assert np.isnan(rows["height_m"]).all()


def test_two_of_them_have_chance_of_their_own():
    one = Flight(name="A", way_deg=WAY, height_m=150.0, speed_mps=50.0)
    two = Flight(name="B", way_deg=WAY[::-1], height_m=200.0, speed_mps=40.0)
    alone = Friends((one,), FRAME, T0, np.random.default_rng(4)).reports(T0 + 10**3 * NS_PER_S)
    both = Friends((one, two), FRAME, T0, np.random.default_rng(4)).reports(T0 + 10**3 * NS_PER_S)
    assert set(both["callsign"].tolist()) == {"A", "B"}
    assert all(a <= b for a, b in itertools.pairwise(sorted(both["t_ns"][both["callsign"] == "A"].tolist())))
    assert len(alone) > 50
