"""Properties of the simulated world that hold for any declaration."""

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.physics.detection import p_detection
from casemate.physics.exact import Trajectory
from casemate.sim.clutter.flow import Flow, Hourly
from casemate.sim.outcome import Rate, inside
from casemate.sim.raid import Round, Volley
from casemate.sim.scenario import Traffic

SHARES = st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(SHARES)
def test_an_interval_holds_its_share_and_mirrors(k_n):
    k, n = k_n
    rate, other = Rate.of(k, n), Rate.of(n - k, n)
    assert 0.0 <= rate.low <= rate.high <= 1.0
    if n:
        assert rate.low - 1e-12 <= k / n <= rate.high + 1e-12
    assert math.isclose(rate.low, 1.0 - other.high, abs_tol=1e-12)


@given(
    st.floats(0.0, 2 * math.pi), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(-3.0, 3.0), st.floats(-3.0, 3.0)
)
def test_inside_does_not_depend_on_place_turn_or_start(angle, e, n, x, y):
    ring = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [0.0, 0.2], [-1.0, 1.0]])
    point = np.array([x, y])
    edges = np.roll(ring, -1, axis=0) - ring
    away = point - ring
    along = np.clip((away * edges).sum(1) / (edges**2).sum(1), 0.0, 1.0)
    if np.linalg.norm(away - along[:, None] * edges, axis=1).min() < 1e-6:
        return  # on the edge either answer is right
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    want = inside(ring, point)
    assert inside(np.roll(ring, 2, axis=0)[::-1], point) == want
    assert inside(ring @ turn + [e, n], point @ turn + [e, n]) == want


@given(st.floats(0.0, 1e6), st.floats(1.0, 1e6), st.sampled_from([1, 2, 3]))
def test_a_stronger_echo_is_seen_more_often(snr, more, swerling):
    low, high = p_detection(np.array([snr, snr + more]), np.array([swerling, swerling]))
    assert 0.0 <= low <= high + 1e-12 <= 1.0 + 1e-9


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.floats(1.0, 120.0), min_size=1, max_size=12))
def test_traffic_does_not_depend_on_how_time_is_cut(seed, steps):
    kind = Traffic(
        kind="drone",
        per_hour=120.0,
        speed_mps=(5.0, 25.0),
        height_m=(30.0, 150.0),
        rcs_dbsm=(-20.0, -8.0),
        life_s=(30.0, 200.0),
        leg_s=(5.0, 30.0),
        reach_m=4000.0,
        load_g=1.0,
        turn_dps=90.0,
        hover_share=0.4,
    )
    once, often = (
        Flow([Hourly(kind, rng, rng.spawn(1)[0])], itertools.count(1))
        for rng in (np.random.default_rng(seed), np.random.default_rng(seed))
    )
    t = 0.0
    for step in steps:
        often.prepare(t, t + step)
        t += step
    once.prepare(0.0, t)
    alive = [i for i, end in enumerate(once.end_s) if end >= t - steps[-1]]
    np.testing.assert_array_equal(once.truth_id[alive], often.truth_id)
    when = np.full(len(alive), t)
    np.testing.assert_array_equal(once.at(np.array(alive, np.int64), when)[0], often.at(np.arange(len(alive)), when)[0])


@given(st.lists(st.tuples(st.floats(0.0, 500.0), st.floats(5.0, 90.0)), min_size=1, max_size=5), st.floats(0.0, 700.0))
def test_rounds_answer_alone_as_together(flights, t_s):
    rounds = []
    for i, (start_s, flight_s) in enumerate(flights, 1):
        t = np.linspace(0.0, flight_s, 9)
        path = Trajectory(t, np.outer(t, [100.0, 50.0, 0.0]) + i, np.tile([100.0, 50.0, 0.0], (9, 1)))
        rounds.append(Round(i, f"round-{i}", 0, "m82", start_s, start_s + flight_s, np.zeros(2), 0.0, 1, path))
    together = Volley(rounds).at(np.arange(len(rounds)), np.full(len(rounds), t_s))
    for i, one in enumerate(rounds):
        alone = Volley([one]).at(np.array([0]), np.array([t_s]))
        np.testing.assert_allclose(alone[0][0], together[0][i], atol=1e-5)
        np.testing.assert_allclose(alone[1][0], together[1][i], atol=1e-5)
