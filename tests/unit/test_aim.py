import msgspec
import numpy as np
import pytest

from casemate.io.settings import read_rounds
from casemate.model.catalog import EnvironmentSettings
from casemate.physics.ballistics import propagate, transition
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.aim import carry, meet, plane_across, presented_area_m2, unit
from casemate.sim.intercept.gun import BODY_AREA_M2, GunKind, packaged_kinds
from casemate.sim.intercept.shots import Shots

AIR = build_environment(EnvironmentSettings(sigma_wind_mps=0.0), SiteFrame(33.3, 44.39, 34.0), drag_shape_of("generic"))
INBOUND = np.array([0.0, 2500.0, 900.0, 0.0, -200.0, -60.0, np.log(1.3e-4)])
BODIES = {body.name: body for body in read_rounds()}


def shots(kind="g20", **changes):
    return Shots(msgspec.convert(msgspec.to_builtins(packaged_kinds()[kind]) | changes, GunKind), AIR)


def met(kind, n_rounds=60, body=None, sigma_m=0.0, **changes):
    cov = np.tile(np.diag([sigma_m**2] * 3 + [0.0] * 3), (1, 1, 1))
    where, how = np.array([[0.0, 1000.0, 500.0]]), np.array([[0.0, -200.0, -80.0]])
    return meet(shots(kind, **changes), np.zeros(3), where, how, cov, n_rounds, body)


@pytest.mark.parametrize("state", [INBOUND, np.array([900.0, 0.0, 300.0, -300.0, 50.0, 40.0, np.log(2.4e-4)])])
def test_covariances_ahead_are_those_of_the_flight(state):
    """Sigmas against the variational equations, one flight through Mach 1: the documented shares."""
    rng = np.random.default_rng(2)
    root = rng.normal(size=(7, 7)) * np.array([5.0] * 3 + [3.0] * 3 + [0.1])[:, None]
    cov, dt_s = root @ root.T, np.array([0.0, 1.0, 3.0, 8.0])
    ends, phi = transition(np.tile(state, (4, 1)), dt_s, AIR)
    true = (phi @ cov @ phi.transpose(0, 2, 1))[:, :6, :6]
    ours = carry(cov, dt_s, state[3:6], ends[:, 3:6])
    ratio = np.sqrt(np.diagonal(ours, axis1=1, axis2=2) / np.diagonal(true, axis1=1, axis2=2))
    assert np.abs(ratio[:3, :3] - 1.0).max() < 0.06
    assert np.abs(ratio[:3, 3:] - 1.0).max() < 0.15
    assert np.abs(ratio[3] - 1.0).max() < 0.3


def test_a_round_shows_its_nose_or_its_side():
    body, along = BODIES["r107"], np.array([[0.0, 200.0, 0.0]])
    nose = presented_area_m2(body, along, np.array([[0.0, -900.0, 0.0]]))[0]
    side = presented_area_m2(body, along, np.array([[900.0, 0.0, 0.0]]))[0]
    assert nose == pytest.approx(0.25 * np.pi * 0.107**2)
    assert side == pytest.approx(0.107 * 0.84)
    assert presented_area_m2(None, along, along)[0] == BODY_AREA_M2
    unknown = presented_area_m2(msgspec.structs.replace(body, length_m=None), along, np.array([[900.0, 0.0, 0.0]]))[0]
    assert unknown == pytest.approx(6.0 * 0.107**2)


def test_every_shared_error_widens_the_shared_error_and_no_other():
    none = {"aim_error_mrad": 0.0, "boresight_mrad": 0.0, "sigma_lot_mps": 0.0}
    assert np.abs(met("g20", **none).shared_m2).max() < 1e-12
    bare = met("g20", **none)
    for change in ({"aim_error_mrad": 1.0}, {"boresight_mrad": 1.0}, {"sigma_lot_mps": 5.0}):
        more = met("g20", **(none | change))
        assert np.trace(more.shared_m2[0]) > 0.0
        assert more.scatter_m2 == pytest.approx(bare.scatter_m2)
    assert np.trace(met("g20", sigma_m=3.0, **none).shared_m2[0]) == pytest.approx(18.0)
    # directions are off by range times angle; seen across the way past, not across the line of fire
    turned = met("g20", **(none | {"aim_error_mrad": 1.0})).shared_m2[0]
    assert 0.9 < np.sqrt(np.trace(turned) / 2.0) / np.hypot(1.0, 0.5) <= 1.0


def test_muzzle_speed_matters_only_to_what_crosses():
    place, cov = np.zeros(3), np.zeros((2, 6, 6))
    where, how = np.array([[0.0, 1000.0, 10.0]] * 2), np.array([[0.0, -200.0, 0.0], [200.0, 0.0, 0.0]])
    only = shots("g20", scatter_mrad=1e-6, sigma_muzzle_mps=10.0)
    toward, across = np.trace(meet(only, place, where, how, cov, 1, None).scatter_m2, axis1=1, axis2=2)
    assert toward < 0.05
    assert across > 5.0


def test_more_rounds_a_surer_track_and_a_larger_body_kill_more():
    base = met("g20", sigma_m=3.0, body=BODIES["r107"]).p_exact(0)
    assert met("g20", n_rounds=120, sigma_m=3.0, body=BODIES["r107"]).p_exact(0) > base
    assert met("g20", sigma_m=1.0, body=BODIES["r107"]).p_exact(0) > base
    assert met("g20", sigma_m=3.0, body=BODIES["r122"]).p_exact(0) > base
    quick = met("g35", n_rounds=24, sigma_m=1.0, body=BODIES["r107"])
    assert quick.p_quick()[0] == pytest.approx(quick.p_exact(0), abs=0.05)


def test_the_plane_is_across_the_way():
    way = unit(np.random.default_rng(1).normal(size=(20, 3)))
    plane = plane_across(np.vstack([way, [[0.0, 0.0, 1.0]]]))
    assert np.abs(np.einsum("kij,kj->ki", plane[:-1], way)).max() < 1e-12
    assert plane @ plane.transpose(0, 2, 1) == pytest.approx(np.tile(np.eye(2), (21, 1, 1)))


def test_the_estimate_drifts_off_during_a_burst():
    """Velocity that is not known adds its square times the variance of the firing times, to each round's own."""
    state = propagate(INBOUND[None], np.array([4.0]), AIR)[:, :6]
    gun, place = shots("g20"), np.zeros(3)
    cov = np.zeros((1, 6, 6))
    still = meet(gun, place, state[:, :3], state[:, 3:6], cov, 120, None).scatter_m2[0]
    cov[0, 3:, 3:] = 4.0 * np.eye(3)
    drifting = meet(gun, place, state[:, :3], state[:, 3:6], cov, 120, None).scatter_m2[0]
    assert drifting - still == pytest.approx(4.0 * np.var(gun.kind.rounds_s(120)) * np.eye(2))
