"""One zone's way from quiet to warned to quiet, and what it is told on it."""

import numpy as np
import pytest

from casemate.assess.warning import WarningStage
from casemate.assess.warning.rule import Balance, balance, is_due, p_turning, spared
from casemate.model.catalog import WarningSettings, WarningZone
from casemate.model.messages import WarningLevel, WarningPhase
from casemate.model.records import ZONE_RISK

S = 1_000_000_000
RING = ((33.3, 44.38), (33.31, 44.38), (33.31, 44.4))
ZONES = (
    WarningZone(name="a", polygon_deg=RING, shelter_s=10.0, people=1000),
    WarningZone(name="b", polygon_deg=RING, shelter_s=2.0),
)
W, U, I, ST = WarningPhase.WARN, WarningPhase.UPDATE, WarningPhase.IMPACT, WarningPhase.STAY


def stage(**settings):
    return WarningStage(ZONES, ("r107", "m82"), 1.0, WarningSettings(**settings))


def risks(*rows, t_s=0.0):
    """Make risks of (zone, track, t_impact_s, p_hit) and, as further items, fields by name."""
    out = np.zeros(len(rows), ZONE_RISK)
    for row, (zone_id, track_id, impact_s, p, *more) in zip(out, rows, strict=True):
        row["zone_id"], row["track_id"], row["t_impact_ns"], row["p_hit"] = zone_id, track_id, round(impact_s * S), p
        row["p_round"], row["n_hit"], row["sigma_m"], row["threat_id"] = 1.0, 6, 50.0, track_id + 100
        row["p_hurt"], row["t_ns"], row["sigma_t_s"], row["cov_m2"] = 2e-3, round(t_s * S), 0.2, np.eye(2) * 2500.0
        for name, value in (more[0] if more else {}).items():
            row[name] = value
    return out


NONE = np.zeros(0, ZONE_RISK)


def told(zone, *steps):
    """Step through (t_s, risks), and return what was said."""
    return [w for t_s, *rows in steps for w in zone.step(round(t_s * S), risks(*rows, t_s=t_s))]


def test_a_likely_impact_warns_only_its_zone_and_says_why():
    (warning,) = stage().step(0, risks((0, 7, 12.0, 0.9), (1, 7, 12.0, 0.01)))
    assert (warning.warning_id, warning.zone_id, warning.level, warning.supersedes) == (1, 0, WarningLevel.WARN, 0)
    assert (warning.phase, warning.incident_id, warning.lead_s) == (W, 1, 12.0)
    assert warning.is_useful
    assert warning.p_impact == pytest.approx(0.9)
    assert (warning.track_ids, warning.threat_ids) == ((7,), (107,))
    assert warning.reason == "impact in 12.0 s with probability 0.90"
    (cause,) = warning.causes
    assert (cause.round_class, cause.n_hit, cause.cov_m2) == ("r107", 6, ((2500.0, 0.0), (0.0, 2500.0)))
    # a thousand people, each hurt with 0.9 times 0.002, of whom most find cover in twelve seconds
    assert warning.cost == pytest.approx(0.05)
    assert warning.benefit == pytest.approx(1000 * 0.9 * 2e-3 * float(spared(np.array(12.0), np.array(10.0), 0.8)))


def test_what_would_have_changed_it_would_have():
    (warning,) = stage().step(0, risks((0, 7, 12.0, 0.9)))
    below, later = warning.would_change.removeprefix("p 0.9 -> below ").removesuffix(" s later").split(", or ")
    assert stage().step(0, risks((0, 7, 12.0, float(below) * 0.95))) == ()
    assert len(stage().step(0, risks((0, 7, 12.0, float(below) * 1.05)))) == 1
    assert stage().step(round(float(later) * S), risks((0, 7, 12.0, 0.9), t_s=float(later))) == ()
    earlier = float(later) - 1.0
    assert len(stage().step(round(earlier * S), risks((0, 7, 12.0, 0.9), t_s=earlier))) == 1


def test_with_time_to_spare_it_waits_for_a_better_look_and_with_none_it_does_not():
    open_question = {"n_hit": 5}
    assert stage().step(0, risks((0, 7, 40.0, 0.4, open_question))) == ()
    assert len(stage().step(0, risks((0, 7, 4.0, 0.4, open_question)))) == 1
    assert len(stage().step(0, risks((0, 7, 40.0, 0.999, open_question)))) == 1


def test_it_waits_for_no_look_of_a_round_that_was_lost():
    assert stage().step(10 * S, risks((0, 7, 50.0, 0.3), t_s=9.5)) == ()
    assert len(stage().step(10 * S, risks((0, 7, 50.0, 0.3), t_s=8.0))) == 1


def test_the_edge_of_an_ellipse_alarms_no_zone_and_a_larger_zone_needs_more():
    assert stage().step(0, risks((0, 7, 12.0, 0.02))) == ()
    assert len(stage().step(0, risks((0, 7, 12.0, 0.3, {"p_hurt": 1e-2, "n_hit": 20})))) == 1
    assert stage().step(0, risks((0, 7, 12.0, 0.3, {"p_hurt": 2e-4, "n_hit": 20}))) == ()


def test_too_late_is_an_outcome_of_its_own():
    (warning,) = stage().step(0, risks((0, 7, 3.1, 0.9)))
    assert not warning.is_useful
    assert warning.reason == "no useful warning possible: 3.1 s left, 10.0 s needed"


def test_small_risks_add_up():
    few, many = (risks(*((0, i, 5.0, 0.04) for i in range(1, n))) for n in (3, 9))
    assert stage().step(0, few) == ()
    (warning,) = stage().step(0, many)
    assert warning.p_impact == pytest.approx(1.0 - 0.96**8)
    assert len(warning.track_ids) == 8


@pytest.mark.parametrize(
    "wild",
    [{"n_hit": 3, "sigma_m": 800.0}, {"p_round": 0.5}, {"p_round": np.nan}, {"p_hit": np.nan}, {"p_hurt": np.nan}],
)
def test_a_wild_first_estimate_alarms_nobody(wild):
    assert stage().step(0, risks((0, 7, 12.0, 0.9, wild))) == ()


def test_few_plots_suffice_when_the_impact_is_well_known():
    assert len(stage().step(0, risks((0, 7, 12.0, 0.9, {"n_hit": 2, "sigma_m": 20.0})))) == 1


def test_between_the_thresholds_nothing_flickers():
    zone = stage(clear_after_s=1.0)
    course = (0.05, 0.9, 0.1, 0.9, 0.05, 0.9, 0.06)
    said = told(zone, *((0.5 * i, (0, 7, 15.0, p)) for i, p in enumerate(course)))
    assert [w.phase for w in said] == [W]


def test_an_update_for_a_new_round_a_moved_time_and_a_moved_place_at_most_every_two_seconds():
    far = {"point_m": (300.0, 0.0)}
    small = {**far, "cov_m2": np.eye(2) * 100.0}
    said = told(
        stage(),
        (0, (0, 7, 12.0, 0.9)),
        (1, (0, 7, 12.0, 0.9), (0, 8, 25.0, 0.9)),
        (2, (0, 7, 12.0, 0.9), (0, 8, 25.0, 0.9)),
        (5, (0, 7, 12.0, 0.9), (0, 8, 22.9, 0.9)),
        (6, (0, 7, 12.0, 0.9, far), (0, 8, 22.9, 0.9)),
        (9, (0, 7, 12.0, 0.9, small), (0, 8, 22.9, 0.9)),
    )
    assert [(w.t_issued_ns // S, w.phase, w.supersedes) for w in said] == [
        (0, W, 0),
        (2, U, 1),
        (5, U, 2),
        (9, U, 3),
    ] or pytest.fail(str([(w.t_issued_ns // S, w.phase) for w in said]))
    assert [w.reason.split(":")[0] for w in said[1:]] == ["new round", "time or area moved", "time or area moved"]
    assert {w.incident_id for w in said} == {1}


def test_phases_from_the_first_warning_to_the_all_clear():
    zone = stage(clear_after_s=60.0)
    steps = [(t, (0, 7, 12.0, 0.9)) for t in (0, 5, 10, 11, 12, 12.5)] + [(t,) for t in (13.5, 22, 22.5, 72, 73, 80)]
    said = told(zone, *steps)
    assert [(w.t_issued_ns / S, w.phase) for w in said] == [(0, W), (10, I), (22.5, ST), (73, WarningPhase.CLEAR)]
    assert [w.supersedes for w in said] == [0, 1, 2, 3]
    assert [w.level for w in said] == [WarningLevel.WARN] * 3 + [WarningLevel.CLEAR]
    assert said[-1].reason == "no active threat for 60 s"
    (anew,) = zone.step(80 * S, risks((0, 9, 92.0, 0.9), t_s=80.0))
    assert (anew.supersedes, anew.warning_id, anew.incident_id) == (0, 5, 5)


def test_a_new_round_after_the_first_came_down_is_an_update_of_the_same_alarm():
    first, second = (0, 7, 12.0, 0.9), (0, 8, 30.0, 0.9)
    said = told(
        stage(), (0, first), (10, first), (12.5, first), (23,), (25, second), (28, second), (30.5, second), (41,)
    )
    assert [w.phase for w in said] == [W, I, ST, U, I, ST]
    assert said[3].reason.startswith("new round")


def test_between_two_rounds_of_a_raid_nobody_is_told_to_stay():
    first, second = (0, 7, 12.0, 0.9), (0, 8, 30.0, 0.9)
    said = told(stage(), (0, first), (10, first), (12.5, first), (14,), (20, second), (28, second), (30.5, second))
    assert [w.phase for w in said] == [W, I, I]
    assert said[2].reason.startswith("new round")


def test_who_was_warned_before_has_had_that_time():
    said = told(stage(), (0, (0, 7, 12.0, 0.9)), (9, (0, 7, 12.0, 0.9), (0, 8, 14.0, 0.9)))
    assert [w.is_useful for w in said] == [True, True]
    assert said[1].t_impact_ns == 12 * S


@pytest.mark.parametrize(
    ("standing", "t_gone_s", "why"),
    [({7}, 2, "the predicted impact left the zone"), (set(), 2, "no round any more"), (set(), 31, "too small")],
)
def test_a_withdrawn_warning_says_why(standing, t_gone_s, why):
    zone = stage(clear_after_s=10.0)
    zone.step(0, risks((0, 7, 30.0, 0.9999)))
    zone.step(29 * S, risks((0, 7, 30.0, 0.02), t_s=29.0)) if t_gone_s > 30 else None
    zone.step(t_gone_s * S, NONE, frozenset(standing))
    (gone,) = zone.step(45 * S, NONE)
    assert (gone.phase, gone.level) == (WarningPhase.WITHDRAWN, WarningLevel.CLEAR)
    assert why in gone.reason


def test_a_warning_that_one_of_its_rounds_bore_out_is_not_withdrawn():
    zone = stage(clear_after_s=10.0)
    both = [(0, 7, 5.0, 0.9), (0, 8, 30.0, 0.9)]
    said = told(zone, (0, *both), (6, both[0], (0, 8, 30.0, 0.001)), (16,))
    assert said[-1].phase is WarningPhase.CLEAR


@pytest.mark.parametrize("t_new_s", [5.0, 11.0])
def test_risks_that_stand_say_over_time_what_they_would_say_if_they_were_judged_again(t_new_s):
    """What is asked of risks is kept until others stand; an alarm runs by time all the same."""
    first = risks((0, 1, 12.0, 0.9), (0, 2, 14.0, 0.5), (1, 1, 12.0, 0.9))
    other = risks((0, 1, 13.0, 0.9), (0, 3, 20.0, 0.9), t_s=t_new_s)
    kept, asked = stage(clear_after_s=30.0), stage(clear_after_s=30.0)
    said: list[WarningPhase] = []
    for half_s in range(130):
        given = NONE if half_s > 50 else other if half_s >= 2 * t_new_s else first
        mine = kept.step(half_s * S // 2, given)
        assert repr(mine) == repr(asked.step(half_s * S // 2, given.copy()))
        said += [each.phase for each in mine]
    assert {W, I, ST, WarningPhase.CLEAR} <= {*said}


def test_two_zones_are_told_apart_with_their_own_shelter_times():
    said = stage().step(0, risks((0, 7, 5.0, 0.9), (1, 7, 5.0, 0.9)))
    assert [(w.zone_id, w.is_useful) for w in said] == [(0, False), (1, True)]


def test_an_impact_whose_time_is_past_starts_no_alarm():
    assert stage().step(16 * S, risks((0, 7, 15.0, 0.9), t_s=16.0)) == ()


def test_the_shelter_curve_runs_from_nothing_to_what_cover_spares():
    lead_s = np.array([-5.0, 0.1, 3.0, 10.0, 1e6])
    share = spared(lead_s, np.full(5, 10.0), 0.8)
    assert share[[0, 1]] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert share[2] == pytest.approx(0.8 * 0.5 * 0.7, rel=0.02)  # half lie down, hardly anybody is in cover
    assert share[3] == pytest.approx(0.8 * (0.5 * 0.95 + 0.5 * 0.7), rel=0.02)
    assert share[4] == pytest.approx(0.8 * 0.95)
    assert np.all(np.diff(spared(np.linspace(0.1, 60.0, 600), np.full(600, 10.0), 0.8)) >= 0.0)


def test_the_turning_point_is_where_the_rule_turns():
    rng = np.random.default_rng(3)
    for _ in range(200):
        lead_s, news, shelter_s = rng.uniform(4.0, 60.0), rng.uniform(0.0, 0.6), rng.uniform(2.0, 15.0)

        def at(p, lead_s=lead_s, news=news, shelter_s=shelter_s) -> Balance:
            one = (np.array([x]) for x in (p, 3e-3, lead_s, news, shelter_s))
            return balance(*one, np.zeros(1, np.intp), share_acting=0.8, period_s=1.0)

        p_turn = p_turning(at(0.5), 1e-4)[0]
        assert not is_due(at(min(p_turn * 0.99, 1.0)), 1e-4)[0]
        if p_turn * 1.01 < 1.0:
            assert is_due(at(p_turn * 1.01), 1e-4)[0]
