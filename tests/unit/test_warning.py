import numpy as np
import pytest

from casemate.assess.warning import Settings, WarningStage
from casemate.model.catalog import WarningZone
from casemate.model.messages import WarningLevel
from casemate.model.records import ZONE_RISK

S = 1_000_000_000
RING = ((33.3, 44.38), (33.31, 44.38), (33.31, 44.4))
ZONES = (
    WarningZone(name="a", polygon_deg=RING, shelter_s=10.0),
    WarningZone(name="b", polygon_deg=RING, shelter_s=0.0),
)


def stage(**settings):
    return WarningStage(ZONES, Settings(**settings))


def risks(*rows):
    """Make risks of (zone, track, t_impact_s, p_hit) and, as further items, fields by name."""
    out = np.zeros(len(rows), ZONE_RISK)
    for row, (zone_id, track_id, t_s, p, *more) in zip(out, rows, strict=True):
        row["zone_id"], row["track_id"], row["t_impact_ns"], row["p_hit"] = zone_id, track_id, round(t_s * S), p
        row["p_round"], row["n_hit"], row["sigma_m"], row["threat_id"] = 1.0, 6, 50.0, track_id + 100
        for name, value in (more[0] if more else {}).items():
            row[name] = value
    return out


NONE = np.zeros(0, ZONE_RISK)


def test_a_likely_impact_warns_only_its_zone_and_says_why():
    (warning,) = stage().step(0, risks((0, 7, 15.0, 0.5), (1, 7, 15.0, 0.01)))
    assert (warning.warning_id, warning.zone_id, warning.level, warning.supersedes) == (1, 0, WarningLevel.WARN, 0)
    assert warning.is_useful
    assert warning.p_impact == pytest.approx(0.5)
    assert (warning.track_ids, warning.threat_ids) == ((7,), (107,))
    assert "15.0 s" in warning.reason


def test_too_late_is_an_outcome_of_its_own():
    (warning,) = stage().step(0, risks((0, 7, 3.1, 0.5)))
    assert not warning.is_useful
    assert warning.reason == "no useful warning possible: 3.1 s left, 10.0 s needed"


def test_small_risks_add_up():
    many = risks(*((0, i, 15.0, 0.04) for i in range(1, 9)))
    (warning,) = stage().step(0, many)
    assert warning.p_impact == pytest.approx(1.0 - 0.96**8)
    assert len(warning.track_ids) == 8


@pytest.mark.parametrize(
    "wild", [{"n_hit": 3, "sigma_m": 800.0}, {"p_round": 0.5}, {"p_round": np.nan}, {"p_hit": np.nan}]
)
def test_a_wild_first_estimate_alarms_nobody(wild):
    assert stage().step(0, risks((0, 7, 15.0, 0.9, wild))) == ()


def test_few_plots_suffice_when_the_impact_is_well_known():
    assert len(stage().step(0, risks((0, 7, 15.0, 0.9, {"n_hit": 2, "sigma_m": 20.0})))) == 1


def test_between_the_thresholds_nothing_flickers():
    zone = stage(p_warn=0.15, p_hold=0.05, clear_after_s=1.0)
    assert zone.step(0, risks((0, 7, 15.0, 0.10))) == ()
    assert len(zone.step(S, risks((0, 7, 15.0, 0.20)))) == 1
    said = [zone.step(S + i * S // 2, risks((0, 7, 15.0, p))) for i, p in enumerate((0.1, 0.3, 0.07, 0.16, 0.06), 1)]
    assert said == [()] * 5


def test_an_update_for_a_new_round_and_for_a_moved_time_at_most_every_two_seconds():
    zone = stage(update_s=2.0)
    zone.step(0, risks((0, 7, 20.0, 0.5)))
    assert zone.step(S, risks((0, 7, 20.0, 0.5), (0, 8, 25.0, 0.5))) == ()
    (joined,) = zone.step(2 * S, risks((0, 7, 20.0, 0.5), (0, 8, 25.0, 0.5)))
    assert (joined.level, joined.supersedes, joined.track_ids) == (WarningLevel.WARN, 1, (7, 8))
    assert joined.reason.startswith("new round")
    assert zone.step(5 * S, risks((0, 7, 21.9, 0.5), (0, 8, 25.0, 0.5))) == ()
    (moved,) = zone.step(6 * S, risks((0, 7, 17.5, 0.5), (0, 8, 25.0, 0.5)))
    assert (moved.supersedes, moved.t_impact_ns) == (2, 17 * S + S // 2)
    assert moved.reason.startswith("time moved")


def test_a_round_that_came_down_is_no_reason_to_tell_again():
    zone = stage()
    zone.step(0, risks((0, 7, 12.0, 0.5), (0, 8, 18.0, 0.5)))
    assert zone.step(13 * S, risks((0, 8, 18.0, 0.5))) == ()


def test_who_was_warned_before_has_had_that_time():
    zone = stage()
    zone.step(0, risks((0, 7, 12.0, 0.5)))
    (joined,) = zone.step(10 * S, risks((0, 7, 12.0, 0.5), (0, 8, 14.0, 0.5)))
    assert joined.is_useful
    assert joined.t_impact_ns == 12 * S


def test_all_clear_after_the_declared_time_without_risk():
    zone = stage(clear_after_s=60.0)
    zone.step(0, risks((0, 7, 15.0, 0.5)))
    zone.step(15 * S, risks((0, 7, 15.0, 0.5)))
    assert zone.step(74 * S, NONE) == ()
    (clear,) = zone.step(75 * S, NONE)
    assert (clear.level, clear.supersedes, clear.warning_id) == (WarningLevel.CLEAR, 1, 2)
    assert clear.reason == "no active threat for 60 s"
    assert zone.step(76 * S, NONE) == ()
    (anew,) = zone.step(80 * S, risks((0, 9, 99.0, 0.5)))
    assert (anew.supersedes, anew.warning_id) == (0, 3)


def test_a_withdrawn_warning_says_so():
    zone = stage(clear_after_s=10.0)
    zone.step(0, risks((0, 7, 30.0, 0.5)))
    zone.step(2 * S, risks((0, 7, 30.0, 0.01)))
    (clear,) = zone.step(12 * S, NONE)
    assert clear.reason.startswith("withdrawn")


def test_a_warning_that_one_of_its_rounds_bore_out_is_not_withdrawn():
    zone = stage(clear_after_s=10.0)
    zone.step(0, risks((0, 7, 5.0, 0.5), (0, 8, 30.0, 0.5)))
    zone.step(6 * S, risks((0, 7, 5.0, 0.5), (0, 8, 30.0, 0.01)))
    (clear,) = zone.step(16 * S, NONE)
    assert clear.reason == "no active threat for 10 s"


def test_two_zones_are_told_apart_with_their_own_shelter_times():
    told = stage().step(0, risks((0, 7, 5.0, 0.5), (1, 7, 5.0, 0.5)))
    assert [(w.zone_id, w.is_useful) for w in told] == [(0, False), (1, True)]


def test_an_impact_whose_time_is_past_starts_no_alarm():
    assert stage().step(16 * S, risks((0, 7, 15.0, 0.5))) == ()


def test_the_hold_threshold_must_not_exceed_the_other():
    with pytest.raises(ValueError, match="p_hold"):
        stage(p_warn=0.1, p_hold=0.2)
