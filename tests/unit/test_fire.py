import math

import msgspec
import numpy as np
import pytest

from casemate.io.settings import read_rounds
from casemate.model.catalog import EnvironmentSettings
from casemate.physics.ballistics import propagate
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.fire import Shared, command, draw_boresight, draw_shared, fire, passing, turned
from casemate.sim.intercept.gun import Fate, GunKind, packaged_kinds
from casemate.sim.intercept.shots import Path, Shots, path_ahead

AIR = build_environment(EnvironmentSettings(), SiteFrame(33.3, 44.39, 34.0), drag_shape_of("generic"))
INBOUND = np.array([100.0, 1900.0, 700.0, 0.0, -220.0, -80.0, np.log(1.3e-4)])
PLACE = np.array([10.0, -30.0, 6.0])
BODY = read_rounds()[0]
NONE = Shared(np.zeros(2), 0.0, np.zeros(3))
EXACT = {"aim_error_mrad": 0.0, "boresight_mrad": 0.0, "sigma_lot_mps": 0.0, "sigma_muzzle_mps": 0.0}


def shots(kind="g20", **changes):
    return Shots(msgspec.convert(msgspec.to_builtins(packaged_kinds()[kind]) | changes, GunKind), AIR)


def told(gun, n_rounds=60):
    path = path_ahead(INBOUND, 0.3, 6.0, AIR)
    return command(gun, PLACE, path, n_rounds), path


def shifted(path, by_m):
    return Path(path.t_s, path.pos_m + np.array(by_m), path.vel_mps)


def test_a_burst_without_errors_meets_what_it_was_told_to():
    gun = shots()
    orders, path = told(gun)
    miss, way, vel = passing(gun, orders, orders.muzzle_mps, path, np.zeros(3))
    assert np.abs(miss).max() < 1e-3
    assert np.linalg.norm(way, axis=1).min() > 500.0
    assert np.linalg.norm(vel, axis=1) == pytest.approx(235.0, rel=0.05)


def test_the_miss_is_the_estimates_error_across_the_way():
    gun = shots()
    orders, path = told(gun)
    miss, way, _ = passing(gun, orders, orders.muzzle_mps, shifted(path, [3.0, 0.0, 1.0]), np.zeros(3))
    ray = way / np.linalg.norm(way, axis=1)[:, None]
    want = -np.array([3.0, 0.0, 1.0]) + ray @ np.array([3.0, 0.0, 1.0])[:, None] * ray
    assert miss == pytest.approx(want, abs=1e-3)
    assert np.einsum("ij,ij->i", miss, ray) == pytest.approx(np.zeros(60), abs=1e-9)


def test_wind_that_is_not_known_carries_the_shots_off_by_their_lag():
    gun = shots()
    orders, path = told(gun)
    miss, _, _ = passing(gun, orders, orders.muzzle_mps, path, np.array([5.0, 0.0, 0.0]))
    range_m = np.linalg.norm(path.at(orders.left_s + orders.flight_s)[0] - PLACE, axis=1)
    lag_s = gun.lever(range_m).per_wind_across_s
    assert miss[:, 0] == pytest.approx(5.0 * lag_s, rel=0.1)


def test_turned_goes_right_and_up_by_the_angle():
    north = np.array([[0.0, 1000.0, 0.0]])
    assert turned(north, np.array([1e-3, 2e-3]), 5.0)[0] == pytest.approx([1.005, 1005.0, 2.01], rel=1e-5)


@pytest.mark.parametrize("is_every_round_flown", [True, False])
def test_a_burst_on_the_mark_kills_and_one_beside_it_does_not(is_every_round_flown):
    gun = shots(**EXACT, scatter_mrad=0.02, p_kill_given_hit=1.0)
    orders, path = told(gun)
    for by_m, is_kill in (([0.0, 0.0, 0.0], True), ([20.0, 0.0, 0.0], False)):
        rng = np.random.default_rng(1)
        end = fire(gun, orders, shifted(path, by_m), BODY, NONE, rng, is_every_round_flown=is_every_round_flown)
        assert (end.fate is not None) == is_kill
        assert math.isfinite(end.kill_s) == is_kill
        if is_kill:
            assert orders.flight_s.min() < end.kill_s < orders.left_s[-1] + orders.flight_s.max()


@pytest.mark.slow  # without the compiler; else 3 s
def test_both_ways_of_firing_kill_as_often():
    """Given one shared error of 1.5 mrad; 600 bursts each of a 35 mm class, 99.9 % interval of their difference."""
    gun, n = shots("g35"), 600
    orders, path = told(gun, 24)
    rng = np.random.default_rng(4)
    shared = Shared(np.array([0.9e-3, -1.2e-3]), 2.0, np.array([2.0, -1.0, 0.0]))
    flown = [fire(gun, orders, path, BODY, shared, rng, is_every_round_flown=True) for _ in range(n)]
    whole = fire(gun, orders, path, BODY, shared, rng, is_every_round_flown=False)
    k = sum(each.fate is not None for each in flown)
    print(f"flown {k} of {n}, integrated {whole.p_kill:.4f}")
    assert abs(k / n - whole.p_kill) < 3.3 * math.sqrt(whole.p_kill * (1.0 - whole.p_kill) / n)
    assert 0.1 < whole.p_kill < 0.9
    assert sum(each.is_hit.sum() for each in flown) > k


@pytest.mark.slow  # without the compiler; else 1 s
def test_kills_are_divided_as_declared():
    gun = shots(**EXACT, scatter_mrad=0.02, p_kill_given_hit=1.0, share_detonated=0.5, share_broken=0.3)
    orders, path = told(gun, 8)
    rng = np.random.default_rng(9)
    fates = [fire(gun, orders, path, BODY, NONE, rng, is_every_round_flown=False).fate for _ in range(400)]
    for fate, share in ((Fate.DETONATED, 0.5), (Fate.BROKEN, 0.3), (Fate.FUZE_DEAD, 0.2)):
        assert fates.count(fate) / 400 == pytest.approx(share, abs=3.3 * (share * (1 - share) / 400) ** 0.5)


def test_shared_errors_have_the_declared_sigmas():
    kind, rng = packaged_kinds()["g20"], np.random.default_rng(3)
    drawn = [draw_shared(kind, draw_boresight(kind, rng), 2.5, rng) for _ in range(2000)]
    turn = np.array([each.turn_rad for each in drawn])
    assert turn.std(axis=0) == pytest.approx([1e-3 * kind.shared_mrad()] * 2, rel=0.06)
    assert np.std([each.muzzle_mps for each in drawn]) == pytest.approx(kind.sigma_lot_mps, rel=0.06)
    assert np.array([each.wind_mps for each in drawn]).std(axis=0) == pytest.approx([2.5, 2.5, 0.0], rel=0.06)
    gun_line = draw_boresight(kind, rng)
    assert draw_shared(kind, gun_line, 0.0, rng).wind_mps == pytest.approx([0.0] * 3)


def test_a_surprise_in_the_path_is_a_miss():
    """What manoeuvres away from its prediction is not where the burst goes."""
    gun = shots(p_kill_given_hit=1.0)
    orders, _ = told(gun)
    states = propagate(
        np.tile(INBOUND + np.array([0.0, 0.0, 0.0, 60.0, 0.0, 0.0, 0.0]), (2, 1)), np.array([0.3, 6.0]), AIR
    )
    truth = Path(np.array([0.0, 5.7]), states[:, :3], states[:, 3:6])
    end = fire(gun, orders, truth, None, NONE, np.random.default_rng(1), is_every_round_flown=True)
    assert end.fate is None
    assert not end.is_hit.any()
