"""The outcome: intervals, classes of warning, fates, false alarms; from scripted events."""

import math
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.model.catalog import DefendedAsset, RadarSite, SiteFile, SitePoint, WarningZone
from casemate.model.messages import Aside, Events, Tick, WarningLevel, WarningPhase, ZoneWarning
from casemate.model.records import FATE, LABEL, TRACK, TrackStatus
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.gun import ENGAGEMENT, Outcome
from casemate.sim.outcome import Rate, RoundFate, Scorer, WarningOutcome, inside
from casemate.sim.raid import Round

FRAME = SiteFrame(33.3, 44.39, 34.0)
T0 = 10**18


def ring(*points):
    return tuple((33.3 + n / 110908, 44.39 + e / 93160) for e, n in points)


SITE = SiteFile(
    site=SitePoint(name="s", lat_deg=33.3, lon_deg=44.39, height_m=34.0),
    sensor=(
        RadarSite(
            name="r",
            lat_deg=33.3,
            lon_deg=44.39,
            height_m=34.0,
            scan_period_s=1.0,
            sigma_range_m=20.0,
            sigma_azimuth_deg=0.2,
        ),
    ),
    zone=(
        WarningZone(name="west", polygon_deg=ring((-500, -500), (0, -500), (0, 500), (-500, 500)), shelter_s=10.0),
        WarningZone(name="east", polygon_deg=ring((0, -500), (500, -500), (500, 500), (0, 500)), shelter_s=10.0),
    ),
    asset=(DefendedAsset(name="clinic", polygon_deg=ring((100, 100), (200, 100), (200, 200), (100, 200))),),
)


def world_of(*impacts, dead=None, seeable=None, reaction_s=5.0):
    """Stand in for a world whose rounds come down at 30 s, 31 s, ..."""
    rounds = tuple(
        Round(i, f"round-{i}", 0, "m82", 5.0, 29.0 + i, np.array(p, float), -20.0, 1, None)
        for i, p in enumerate(impacts, 1)
    )
    raid = SimpleNamespace(failed=3)
    return SimpleNamespace(
        rounds=rounds,
        t_start_ns=T0,
        scenario=SimpleNamespace(title="t", reaction_s=reaction_s, raid=(raid,)),
        seed=1,
        with_intercept=True,
        duds=set(),
        rules=None,
        spent=[],
        dead_s=dead or {},
        n_traffic_hit=0,
        first_seeable_s=dict.fromkeys(range(1, 9), 8.0) if seeable is None else seeable,
    )


def warn(zone, track_ids=(7,), level=WarningLevel.WARN):
    return ZoneWarning(
        warning_id=1,
        zone_id=zone,
        level=level,
        t_issued_ns=0,
        t_impact_ns=0,
        p_impact=0.5,
        threat_ids=(),
        track_ids=track_ids,
        supersedes=0,
        is_useful=True,
        reason="",
        phase=WarningPhase.WARN if level is WarningLevel.WARN else WarningPhase.CLEAR,
        incident_id=1,
    )


def run(world, *steps, until=60.0):
    """Score a script of (time [s], warnings); track 7 follows round-1 from 9 s on."""
    scorer = Scorer(world, SITE, FRAME)
    labels = np.array([(1, "round-1"), (2, "bird-1")], LABEL)
    scorer.take(Aside(t_ns=T0 + 9 * NS_PER_S, kind="label", rows=labels), None)
    fates = np.array([(1, 7, 0), (2, 8, 0), (3, 9, 0)], FATE)
    tracks = np.zeros(3, TRACK)
    tracks["track_id"], tracks["status"] = [7, 8, 9], TrackStatus.CONFIRMED
    scorer.take(Tick(t_ns=T0 + 9 * NS_PER_S), Events(t_ns=0, fates=fates, tracks=tracks))
    for t_s, warnings in (*steps, (until, ())):
        scorer.take(Tick(t_ns=T0 + round(t_s * NS_PER_S)), Events(t_ns=0, warnings=tuple(warnings)))
    scorer.close()
    return scorer.outcome()


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (81, 263, 0.2553, 0.3662), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson_interval(k, n, low, high):
    # 81 of 263: Newcombe, Statist. Med. 17 (1998), table I, method 3; 0 of 10: z2 / (n + z2).
    rate = Rate.of(k, n)
    assert (rate.low, rate.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


def test_a_point_is_inside_a_concave_ring_or_not():
    concave = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [2.0, 1.0], [0.0, 4.0]])
    assert inside(concave, np.array([1.0, 1.0]))
    assert inside(concave, np.array([3.9, 3.0]))
    assert not inside(concave, np.array([2.0, 2.0]))
    assert not inside(concave, np.array([-1.0, 1.0]))


@pytest.mark.parametrize(
    ("impact", "steps", "want", "lead"),
    [
        ((-100, 0), [(12.0, [warn(0)])], WarningOutcome.IN_TIME, 18.0),
        ((-100, 0), [(20.0, [warn(0)])], WarningOutcome.IN_TIME, 10.0),
        ((-100, 0), [(20.1, [warn(0)])], WarningOutcome.LATE, 9.9),
        ((-100, 0), [], WarningOutcome.MISSED, None),
        ((-100, 0), [(12.0, [warn(1)])], WarningOutcome.MISSED, None),
        ((-100, 0), [(31.0, [warn(0)])], WarningOutcome.MISSED, None),
        ((-100, 0), [(12.0, [warn(0)]), (20.0, [warn(0, level=WarningLevel.CLEAR)])], WarningOutcome.MISSED, None),
        ((-100, 0), [(12.0, [warn(0)]), (15.0, [warn(0)])], WarningOutcome.IN_TIME, 18.0),
        ((-900, 0), [(12.0, [warn(0)])], WarningOutcome.OUTSIDE, None),
    ],
)
def test_classes_of_warning(impact, steps, want, lead):
    result = run(world_of(impact), *steps).rounds[0]
    assert result.warning is want
    assert result.lead_s == (None if lead is None else pytest.approx(lead))


@pytest.mark.parametrize(("seeable", "late"), [({1: 15.1}, False), ({1: 15.0}, True), ({}, False)])
def test_no_useful_warning_possible_is_its_own_outcome(seeable, late):
    # Down at 30 s, 5 s of reaction, 10 s of shelter: seen at 15 s at the latest, or it cannot be.
    outcome = run(world_of((-100, 0), seeable=seeable), (26.0, [warn(0)]))
    assert outcome.rounds[0].warning is (WarningOutcome.LATE if late else WarningOutcome.NOT_POSSIBLE)
    assert outcome.no_useful_warning_possible.k == (0 if late else 1)
    assert outcome.warned_in_time.k == 0
    assert outcome.warned_in_time_where_possible.n == (1 if late else 0)


def test_a_round_warned_in_time_against_the_odds_is_warned_in_time():
    outcome = run(world_of((-100, 0), seeable={}), (12.0, [warn(0)]))
    assert outcome.rounds[0].warning is WarningOutcome.IN_TIME


def test_fates_and_denominators():
    world = world_of((150, 150), (150, 150), (-100, 0), (900, 0), dead={2: 25.0})
    scorer_outcome = run(world, (12.0, [warn(0), warn(1)]))
    fates = [r.fate for r in scorer_outcome.rounds]
    assert fates == [RoundFate.LEAKED, RoundFate.INTERCEPTED, RoundFate.LANDED_OUTSIDE, RoundFate.LANDED_OUTSIDE]
    assert (scorer_outcome.leaked.k, scorer_outcome.intercepted.k, scorer_outcome.landed_outside.k) == (1, 1, 2)
    assert scorer_outcome.leaked.n == scorer_outcome.n_rounds == 4
    assert scorer_outcome.warned_in_time.n == 3
    assert scorer_outcome.outside_every_zone.k == 1
    assert scorer_outcome.impacts_by_zone == {"west": 1, "east": 1}
    assert scorer_outcome.impacts_outside == 1
    assert scorer_outcome.n_failed == 3


def test_a_warning_that_no_round_caused_is_false():
    outcome = run(
        world_of((-100, 0)), (12.0, [warn(0), warn(1, track_ids=(8,))]), (50.0, [warn(1, level=WarningLevel.CLEAR)])
    )
    assert (outcome.false_warnings.k, outcome.false_warnings.n, outcome.zone_warnings) == (1, 2, 2)
    assert outcome.false_warnings_per_hour == pytest.approx(60.0)
    open_end = run(world_of((-100, 0)), (12.0, [warn(1, track_ids=(8,))]))
    assert open_end.false_warnings.k == 1
    assert run(world_of((-100, 0)), (12.0, [warn(1, track_ids=(8, 7))])).false_warnings.k == 0


def test_seen_confirmed_and_false_tracks():
    outcome = run(world_of((-100, 0), (100, 0)))
    assert (outcome.seen.k, outcome.confirmed.k, outcome.false_tracks) == (1, 1, 1)  # track 9 follows a false plot
    assert outcome.rounds[0].seen_s == pytest.approx(9.0)
    assert outcome.rounds[1].confirmed_s is None


def test_a_run_cut_short_counts_what_was_still_up():
    outcome = run(world_of((-100, 0), (100, 0)), until=30.5)
    assert (outcome.n_rounds, outcome.n_unfinished) == (1, 1)


def test_engagements_are_counted_by_what_came_of_them():
    scorer = Scorer(world_of(), SITE, FRAME)
    rows = np.zeros(4, ENGAGEMENT)
    rows["outcome"] = [Outcome.KILL, Outcome.MISS, Outcome.MISS, Outcome.NOT_ENGAGED]
    scorer.take(Aside(t_ns=T0, kind="engagements", rows=rows), None)
    outcome = scorer.outcome()
    assert (outcome.bursts, outcome.kills, outcome.threats_not_engaged) == (3, 1, 1)
    assert outcome.lead_s is None
    assert outcome.seen.n == 0


def test_an_outcome_is_written_as_json_and_as_a_table():
    outcome = run(world_of((-100, 0)), (12.0, [warn(0)]))
    back = msgspec.json.decode(msgspec.json.encode(outcome))
    assert back["rounds"][0]["warning"] == "warned in time"
    assert back["warned_in_time"]["k"] == 1
    table = dict(outcome.table())
    assert table["warned in time, of rounds into a zone"].startswith("1 of 1 (")
    assert math.isfinite(outcome.lead_s[1])
