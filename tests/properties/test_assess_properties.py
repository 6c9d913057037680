"""What must hold for any polygon, any ellipse, any course of risks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.assess.threat import p_inside
from casemate.assess.warning import WarningStage
from casemate.model.catalog import WarningSettings, WarningZone
from casemate.model.messages import WarningLevel, WarningPhase
from casemate.model.records import ZONE_RISK

S = 1_000_000_000
RING = ((33.3, 44.38), (33.31, 44.38), (33.31, 44.4))
metres = st.floats(-2000.0, 2000.0)


def star(seed, k):
    rng = np.random.default_rng(seed)
    angles = (np.arange(k) + rng.uniform(0.05, 0.95, k)) * 2.0 * np.pi / k
    return np.column_stack([np.cos(angles), np.sin(angles)]) * rng.uniform(10.0, 500.0, (k, 1))


def ellipse(seed):
    a = np.random.default_rng(seed).normal(size=(2, 2)) * 100.0
    return a @ a.T + np.eye(2)


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(3, 12), metres, metres, metres, metres)
def test_moving_everything_moves_nothing(seed, k, e, n, point_e, point_n):
    ring, cov, point = star(seed, k), ellipse(seed), np.array([point_e, point_n])
    shift = np.array([e, n])
    here, there = p_inside(ring, point, cov), p_inside(ring + shift, point + shift, cov)
    assert there == pytest.approx(here, abs=1e-10)


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(3, 12), st.floats(0.0, 6.3))
def test_turning_or_reversing_everything_changes_nothing(seed, k, angle):
    ring, cov, point = star(seed, k), ellipse(seed), np.array([30.0, -50.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    here = p_inside(ring, point, cov)
    assert p_inside(ring @ turn.T, turn @ point, turn @ cov @ turn.T) == pytest.approx(here, abs=1e-10)
    assert p_inside(ring[::-1], point, cov) == pytest.approx(here, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(seeds, metres, metres)
def test_the_parts_of_the_plane_add_up(seed, e, n):
    cov, point = ellipse(seed), np.array([e, n])
    far = 1e6
    cuts = [(-far, -300.0), (-300.0, 40.0), (40.0, far)]
    parts = [
        p_inside(np.array([[a, c], [b, c], [b, d], [a, d]]), point, cov) for a, b in cuts for c, d in cuts
    ]  # fmt: skip
    assert all(0.0 <= p <= 1.0 for p in parts)
    assert sum(parts) == pytest.approx(1.0, abs=1e-10)


risk = st.tuples(st.integers(0, 2), st.integers(1, 5), st.integers(0, 60), st.floats(0.0, 1.0), st.integers(1, 8))
course = st.lists(st.tuples(st.integers(0, 3), st.lists(risk, max_size=6, unique_by=lambda r: r[:2])), max_size=40)


def run(steps, shift_ns=0):
    zones = tuple(WarningZone(name=str(i), polygon_deg=RING, shelter_s=5.0 * i) for i in range(3))
    stage, said, t_ns = WarningStage(zones, ("r107",), 1.0, WarningSettings(clear_after_s=5.0)), [], shift_ns
    for dt_s, risks in steps:
        t_ns += dt_s * S
        rows = np.zeros(len(risks), ZONE_RISK)
        for row, (zone_id, track_id, left_s, p, n_hit) in zip(rows, risks, strict=True):
            row["zone_id"], row["track_id"], row["t_impact_ns"] = zone_id, track_id, t_ns + left_s * S
            row["p_hit"], row["p_round"], row["n_hit"], row["sigma_m"] = p, 1.0, n_hit, 500.0
            row["p_hurt"], row["t_ns"] = 2e-3, t_ns
        said += stage.step(t_ns, rows)
    return said


@settings(max_examples=150, deadline=None)
@given(course)
def test_warnings_are_numbered_chained_and_end_quiet_or_warned(steps):
    said = run(steps)
    assert [w.warning_id for w in said] == list(range(1, len(said) + 1))
    last = {}
    for w in said:
        assert w.supersedes == last.get(w.zone_id, 0)
        if w.level == WarningLevel.CLEAR:
            assert w.zone_id in last
            del last[w.zone_id]
        else:
            assert w.t_impact_ns > w.t_issued_ns or w.phase is WarningPhase.STAY
            assert w.track_ids
            last[w.zone_id] = w.warning_id


@settings(max_examples=50, deadline=None)
@given(course)
def test_shifting_time_shifts_warnings_and_nothing_else(steps):
    def plain(said, shift_ns):
        return [(w.t_issued_ns - shift_ns, w.t_impact_ns - shift_ns, w.reason, w.track_ids, w.level) for w in said]

    shift_ns = 1_600_000_000 * S
    assert plain(run(steps, shift_ns), shift_ns) == plain(run(steps), 0)
