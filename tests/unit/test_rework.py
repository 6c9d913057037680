"""Working scans again under a guess: what is within its reach is born again, the rest of the sky stays to the byte."""

import itertools
import math

import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.kernels.leaves import SALVO
from casemate.model.catalog import EnvironmentSettings, RadarSite
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import SensorModel
from casemate.tracking import salvo
from casemate.tracking.bank import Bank
from casemate.tracking.filter import FLOAT_FIELDS
from casemate.tracking.hypotheses import NO_SALVOS, Hypotheses, Settings, Sweep
from casemate.tracking.rework import Past, work_again

FRAME = SiteFrame(33.0, 44.0, 0.0)
RADAR = RadarSite(
    name="r",
    lat_deg=33.0,
    lon_deg=44.0,
    height_m=0.0,
    sigma_range_m=15.0,
    sigma_azimuth_deg=0.17,
    sigma_elevation_deg=0.17,
    scan_period_s=0.5,
)
T0_NS, PERIOD_S, N_SCANS = 1_000 * NS_PER_S, 0.5, 9
MOUTH_M, MOUTH_MPS = np.array([300.0, 9_000.0, 400.0]), np.array([0.0, -180.0, 160.0])
LEVEL = [(4_000.0, 2_000.0, 900.0), (-5_000.0, 3_000.0, 1_200.0), (-3_000.0, -4_000.0, 700.0)]
"""Where aircraft begin, far from the path of the salvo; each flies east at 80 m/s."""


def places(t_s):
    """Where the things are: rounds that leave the mouth each second, and aircraft."""
    ages = [t_s - begin for begin in range(9) if t_s - begin >= 0.0]
    rounds = [MOUTH_M + MOUTH_MPS * age - np.array([0.0, 0.0, 4.9 * age**2]) for age in ages]
    return [*rounds, *(np.array([e + 80.0 * t_s, n, u]) for e, n, u in LEVEL)]


def sweeps(hypotheses, n_scans=N_SCANS):
    """Scans of the whole sky, each with what it costs."""
    rng = np.random.default_rng(4)
    for k in range(n_scans):
        t_ns, where = T0_NS + round(k * PERIOD_S * NS_PER_S), places(k * PERIOD_S)
        values = np.full((len(where), len(FLOAT_FIELDS)), np.nan)
        reach = np.linalg.norm(where, axis=1)
        values[:, 0] = reach + rng.normal(0.0, 15.0, len(where))
        values[:, 1] = [math.atan2(at[0], at[1]) for at in where] + rng.normal(0.0, 0.003, len(where))
        values[:, 2] = [math.asin(at[2] / r) for at, r in zip(where, reach, strict=True)]
        spots = hypotheses.spots_of(0, np.full(len(where), t_ns), values)
        sweep = Sweep(0, t_ns, t_ns, (0.0, 2.0 * math.pi), spots, (np.arange(len(where)),))
        yield sweep, hypotheses.rule_of(0, T0_NS - 9 * NS_PER_S, 0.3)


@pytest.fixture
def hypotheses():
    environment = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"), None, None)
    return Hypotheses([SensorModel.of(RADAR, FRAME)], environment, Settings())


@pytest.fixture
def worked(hypotheses):
    """A bank without salvos after all scans, and the scans as the race remembers them."""
    bank, past = Bank.empty(1), []
    for sweep, rule in sweeps(hypotheses):
        past.append(Past(sweep, rule, bank.base + len(bank.spots)))
        hypotheses.step(bank, sweep, rule, NO_SALVOS)
    return bank, past


def guess_at(pos_m, vel_mps):
    guess = np.zeros(1, SALVO)
    guess["serial"], guess["t_ns"], guess["pos"], guess["vel"] = 1, T0_NS + 4 * NS_PER_S, pos_m, vel_mps
    guess["ln_drag"] = math.log(1e-4)
    return guess


def assert_same(one, other, trees):
    """The leaves of such trees are the same in two banks, field by field: rows have gaps that hold anything."""
    mine, theirs = (bank.order[np.isin(bank.of("tree"), trees)] for bank in (one, other))
    for name in one.leaves.dtype.names:
        np.testing.assert_array_equal(one.leaves[name][mine], other.leaves[name][theirs])
    np.testing.assert_array_equal(one.seen[mine], other.seen[theirs])


def test_what_is_out_of_reach_stays_to_the_byte(hypotheses, worked):
    leader, past = worked
    before = leader.copy()
    guess = guess_at(MOUTH_M, MOUTH_MPS)
    bank, chosen = work_again(hypotheses, past, leader, guess, guess)
    assert_same(leader, before, leader.of("tree"))
    pos = np.array([leader.spots["pos"][leaf["plots"][0] - leader.base] for leaf in leader.leaves[leader.order]])
    far = np.unique(leader.of("tree")[pos[:, 1] < 6_000.0])
    assert len(far) >= len(LEVEL)
    assert_same(bank, leader, far)
    born = bank.leaves[chosen.slots]["salvo"] == 1
    assert born.sum() >= 3  # of five rounds, one of which has only just come in
    held = [serial for leaf in bank.leaves[chosen.slots] for serial in leaf["plots"][: leaf["n_plots"]]]
    assert len(held) == len(set(held))


def test_the_guess_competes_for_what_it_touches_only(hypotheses, worked):
    """The truth beats what was believed without it, and by what the salvo's own rounds gained: the rest cancels."""
    leader, past = worked
    guess = guess_at(MOUTH_M, MOUTH_MPS)
    bank, chosen = work_again(hypotheses, past, leader, guess, guess)
    gain = bank.score(T0_NS) - leader.score(T0_NS)
    assert gain > salvo.MARGIN
    stayed = np.isin(leader.of("tree"), bank.of("tree")[np.isin(bank.order, chosen.slots) & (bank.of("salvo") == 0)])
    mine = bank.leaves["score"][chosen.slots][bank.leaves["salvo"][chosen.slots] == 1].sum()
    theirs = leader.of("score")[leader.of("is_chosen") & ~stayed].sum()
    assert gain == pytest.approx(mine - theirs)


def test_a_guess_where_nothing_is_changes_nothing(hypotheses, worked):
    leader, past = worked
    guess = guess_at([9_000.0, -9_000.0, 400.0], MOUTH_MPS)
    bank, _ = work_again(hypotheses, past, leader, guess, guess)
    assert_same(bank, leader, leader.of("tree"))
    assert len(bank.order) == len(leader.order)
    assert bank.score(0) == leader.score(0)


def test_a_guess_that_was_given_up_rests_for_a_second(hypotheses, monkeypatch):
    """Else a loser is worked again at every scan: it once took nine tenths of the time of a busy sky."""
    tried = []

    def counted(*given):
        tried.append((given[1][-1].sweep.t_end_ns, given[3]["vel"][0].copy()))
        return work_again(*given)

    monkeypatch.setattr(salvo, "work_again", counted)
    monkeypatch.setattr(salvo, "MARGIN", math.inf)
    monkeypatch.setattr(salvo, "HOPELESS", -math.inf)
    race = salvo.Race(hypotheses)
    for sweep, rule in sweeps(hypotheses, 16):
        race.step(sweep, rule)
    assert len(race.runners) == 1
    alike = [
        (later - before) / NS_PER_S
        for (before, one), (later, other) in itertools.combinations(tried, 2)
        if np.abs(one - other).max() < salvo.SAME_MPS / 2.0
    ]
    assert len(alike) >= 2
    assert min(alike) >= 1.0
